# pgtap_database.sh - databases for files of test/pgtap: copies of one that has the
# extensions, made in a quarter of the time that these take; to be sourced.
# PSQL... is a command that is psql as superuser.

# template_database PSQL...: the one that is copied
template_database()
{
	"$@" -q -d postgres -c "CREATE DATABASE with_extensions" &&
		"$@" -q -d with_extensions -c "CREATE EXTENSION pgtap" -c "CREATE EXTENSION mlops"
}

# pgtap_database NAME PSQL...: a copy that is at home where it is, as if the
# extension had been made there
pgtap_database()
{
	database=$1
	shift
	"$@" -q -d postgres -c "CREATE DATABASE $database TEMPLATE with_extensions" &&
		"$@" -q -d "$database" -c "UPDATE mlops_catalog.home SET database = d.oid, activated_at = clock_timestamp()
			FROM pg_database AS d WHERE d.datname = current_database()"
}
