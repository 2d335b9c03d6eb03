#!/bin/sh
# update.sh - ALTER EXTENSION mlops UPDATE: a catalog that was made by an earlier
# version, with rows in its tables, becomes what a fresh installation has, and
# nothing is lost.  TAP.
#
# Earlier are the versions that test/upgrade holds the install scripts of, and
# "before": this version as if it were an earlier one.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

# A copy of the server's programs, in which scripts can be laid beside each other.
copy=$(mktemp -d)
trap 'private_server remove; rm -rf "$copy"' EXIT
PG_CONFIG=$(sh "$root/tools/copy_server.sh" "$copy")
export PG_CONFIG
scripts=$("$PG_CONFIG" --sharedir)/extension
current=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$root/mlops.control")
cp "$scripts/mlops--$current.sql" "$scripts/mlops--before.sql"
# an install script refuses a library of another version, which here is all there is
for script in "$root"/test/upgrade/mlops--*.sql; do
	sed "s/OPERATOR(pg_catalog.<>) '[0-9.]*' THEN/OPERATOR(pg_catalog.<>) '$current' THEN/" "$script" >"$scripts/$(basename "$script")"
done
mkdir "$copy/tree"
cp -r "$root/Makefile" "$root/mlops.control" "$root/sql" "$copy/tree"
mkdir -p "$copy/tree/sql/updates"
: >"$copy/tree/sql/updates/before.sql"
rm -f "$copy"/tree/sql/mlops--*
for change in "$copy"/tree/sql/updates/*.sql; do
	from=$(basename "$change" .sql)
	make -s -C "$copy/tree" "sql/mlops--$from--$current.sql" >/dev/null
	sed "s,MODULE_PATHNAME,\$libdir/mlops,g" "$copy/tree/sql/mlops--$from--$current.sql" >"$scripts/mlops--$from--$current.sql"
done
chmod -R a+rX "$copy"

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "fsync = off"

# Tables that only workers, pg_cron, GitOps or the end of a day fill.
unfilled='prediction_default|prediction_[0-9]+|stated_route|schedule|decision_seal|decision_seal_block|audit_waiting|upkeep'

# installation DATABASE: its catalog as text
installation()
{
	query -d "$1" -f "$root/test/lib/catalog.sql"
}

# rows DATABASE: how many rows each table of the catalog has, and what they hold
rows()
{
	query -d "$1" -c "SELECT format('SELECT %L, count(*), md5(string_agg(md5(t::text), '''' ORDER BY t::text COLLATE \"C\")) FROM %s AS t;', c.oid::regclass, c.oid::regclass)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname ~ '^mlops_' AND c.relkind = 'r' ORDER BY 1" | query -d "$1" -f -
}

due="ALTER EXTENSION mlops UPDATE is due in this database, or, if the library is the older one, a new session or a restart of the server"
query -c "CREATE DATABASE fresh" -c "CREATE ROLE analyst"
query -d fresh -c "CREATE EXTENSION mlops"
installation fresh >"$copy/fresh"

for change in "$copy"/tree/sql/updates/*.sql; do
	from=$(basename "$change" .sql)
	query -c "CREATE DATABASE \"$from\""
	query -d "$from" -c "CREATE EXTENSION mlops VERSION '$from'"
	query -d "$from" -o /dev/null -f "$root/test/lib/fill_catalog.sql"
	query -d "$from" -o /dev/null -c "CREATE VIEW mine AS SELECT model, version FROM mlops.versions" \
		-c "GRANT SELECT ON mlops.versions TO analyst" -c "GRANT EXECUTE ON FUNCTION mlops.maintain(int) TO analyst" \
		-c "CREATE TABLE kept AS SELECT id, mlops.score('fraud', t) AS score FROM t"
	is "from $from: each table has rows" "$(rows "$from" | grep '|0|' | cut -d '|' -f 1 | grep -vE "^mlops_catalog.($unfilled)$")" ""
	rows "$from" >"$copy/rows"
	is "from $from: that the update is due is told" "$(query -d "$from" -c "SELECT problem FROM mlops.check_catalog() WHERE object = 'extension'")" "the library is version $current, the catalog $from: $due"
	query -d "$from" -c "ALTER EXTENSION mlops UPDATE"
	is "from $from: the version is the present one" "$(query -d "$from" -c "SELECT extversion FROM pg_extension WHERE extname = 'mlops'")" "$current"
	is "from $from: what was granted stays" "$(query -d "$from" -c "SELECT has_table_privilege('analyst', 'mlops.versions', 'SELECT'), (SELECT relacl::text ~ 'analyst' FROM pg_class WHERE oid = 'mlops.versions'::regclass),
		has_function_privilege('analyst', 'mlops.maintain(int)', 'EXECUTE')")" "t|t|t"
	query -d "$from" -c "REVOKE SELECT ON mlops.versions FROM analyst" -c "REVOKE EXECUTE ON FUNCTION mlops.maintain(int) FROM analyst"
	installation "$from" | diff - "$copy/fresh" >"$copy/difference" || :
	is "from $from: the catalog is that of a fresh installation" "$(head -n 10 "$copy/difference")" ""
	[ "$from" != 1.0 ] || is "from $from: windows of imports are measured again" "$(query -d "$from" -c "SELECT bool_or(seen) FROM mlops_catalog.decision_import" -c "UPDATE mlops_catalog.decision_import SET seen = true")" f
	rows "$from" | diff - "$copy/rows" >"$copy/difference" || :
	is "from $from: no row is lost or changed" "$(head -n 10 "$copy/difference")" ""
	is "from $from: models score as before" "$(query -d "$from" -c "SELECT count(*) FROM kept JOIN t USING (id) WHERE kept.score IS DISTINCT FROM mlops.score('fraud', t)")" 0
	is "from $from: views of people are there" "$(query -d "$from" -c "SELECT count(*) > 0 FROM mine")" t
	is "from $from: nothing is wrong" "$(query -d "$from" -c "SELECT * FROM mlops.check_catalog()" -c "SELECT intact FROM mlops.verify_audit()")" t
done

# ---- what people were given, or what was taken from them, stays, and is dumped as before

# privileges DATABASE OBJECTS: who may do what, and which of it is the extension's own
privileges()
{
	query -d "$1" -c "SELECT * FROM (
		SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS object, d.acl, i.initprivs FROM (
			SELECT 'pg_class'::regclass AS classid, oid AS objid, 0 AS objsubid, relowner AS owner, relacl AS acl FROM pg_class WHERE relnamespace::regnamespace::text ~ '^mlops' AND relkind IN ('r', 'p', 'v', 'S')
			UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, 0, attacl FROM pg_attribute WHERE attacl IS NOT NULL
			UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proowner, proacl FROM pg_proc WHERE pronamespace::regnamespace::text ~ '^mlops'
			UNION ALL SELECT 'pg_type'::regclass, oid, 0, typowner, typacl FROM pg_type WHERE typnamespace::regnamespace::text ~ '^mlops'
			UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspowner, nspacl FROM pg_namespace WHERE nspname ~ '^mlops') AS d
		LEFT JOIN pg_init_privs AS i ON i.classoid = d.classid AND i.objoid = d.objid AND i.objsubid = d.objsubid) AS p WHERE $2 ORDER BY 1"
}
query -c "CREATE DATABASE kept" -c "CREATE ROLE inst LOGIN SUPERUSER" -c "CREATE ROLE left_us LOGIN SUPERUSER"
query -d kept -c "CREATE EXTENSION mlops VERSION '1.0'"
query -d kept <<'SQL'
REVOKE SELECT ON mlops.audit_log FROM PUBLIC;
GRANT SELECT (model, event) ON mlops.audit_log TO analyst;
GRANT SELECT ON mlops.models TO analyst WITH GRANT OPTION;
REVOKE SELECT ON mlops.models FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION mlops.report(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mlops.maintain(int) TO analyst;
GRANT EXECUTE ON FUNCTION mlops.activate() TO PUBLIC;
REVOKE USAGE ON SCHEMA mlops FROM PUBLIC;
CREATE TABLE was AS SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid WHERE d.deptype = 'e' AND e.extname = 'mlops';
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO analyst;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO analyst;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO analyst;
SQL
given="object IN (SELECT pg_describe_object(w.classid, w.objid, 0) FROM was AS w) OR object ~ '^(column|schema)'"
# what an update drops has none to keep
dropped="function mlops_catalog.tell_of_dropped(text,mlops_catalog.monitor,mlops_catalog.monitor)||"
privileges kept "$given" | grep -vxF "$dropped" >"$copy/privileges"
is "another superuser than the owner is refused" "$(error_of -d kept -U inst -c "ALTER EXTENSION mlops UPDATE")" \
	'55000: extension "mlops" belongs to role "postgres", and is not updated by role "inst"
hint: Run it after SET ROLE postgres.'
query -d kept -U inst -c "SET ROLE postgres" -c "ALTER EXTENSION mlops UPDATE"
is "privileges stay as they are, and so does what is dumped of them" "$(privileges kept "$given" | diff - "$copy/privileges" | head -n 10)" ""
is "new is something" "$(query -d kept -c "SELECT count(*) > 0 FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid WHERE d.deptype = 'e' AND e.extname = 'mlops'
	AND (d.classid, d.objid) NOT IN (SELECT w.classid, w.objid FROM was AS w)")" t
is "default privileges are not for what is new" "$(privileges kept "NOT ($given) AND acl::text ~ 'analyst'")" ""
is "all belongs to the owner" "$(query -d kept -c "SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text ~ '^mlops' AND proowner <> 'postgres'::regrole
	UNION ALL SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text ~ '^mlops' AND relowner <> 'postgres'::regrole")" ""

query -c "CREATE DATABASE left_by"
query -d left_by -U left_us -c "CREATE EXTENSION mlops VERSION '1.0'"
query -c "ALTER ROLE left_us NOSUPERUSER"
is "an owner who is no superuser any more is named" "$(error_of -d left_by -c "ALTER EXTENSION mlops UPDATE")" \
	'55000: extension "mlops" belongs to role "left_us", and is not updated by role "postgres"
hint: That role is no superuser any more: REASSIGN OWNED BY left_us TO postgres first, in this database.'
query -d left_by -c "REASSIGN OWNED BY left_us TO postgres" -c "ALTER EXTENSION mlops UPDATE"
is "what the hint says helps" "$(query -d left_by -c "SELECT extversion FROM pg_extension WHERE extname = 'mlops'" -c "SELECT problem FROM mlops.check_catalog()")" "$current"
# ---- where things run by themselves, the log tells too
query -c "CREATE DATABASE waits"
query -d waits -c "CREATE EXTENSION mlops VERSION '1.0'"
private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 1" "fsync = off"
until_true "SELECT error IS NOT NULL FROM mlops.upkeep WHERE task = 'update'" 60 -d waits
is "maintenance keeps that it is due" "$(query -d waits -c "SELECT state, error FROM mlops.upkeep WHERE task = 'update'")" "failed|the library is version $current, the catalog 1.0: $due"
until_true "SELECT count(*) > 0 FROM mlops_catalog.upkeep WHERE task = 'maintain rows' AND ended_at > (SELECT failed_at FROM mlops_catalog.upkeep WHERE task = 'update')" 60 -d waits
is "the log tells once" "$(grep -c "mlops: update has failed: the library is version $current, the catalog 1.0" "$server/log")" 1
query -d waits -c "ALTER EXTENSION mlops UPDATE"
is "then check_catalog() tells no more" "$(query -d waits -c "SELECT problem FROM mlops.check_catalog()")" ""
until_true "SELECT error IS NULL FROM mlops.upkeep WHERE task = 'update'" 60 -d waits
is "nor does maintenance" "$(query -d waits -c "SELECT state, error FROM mlops.upkeep WHERE task = 'update'")" "ok|"

echo "1..$n"
