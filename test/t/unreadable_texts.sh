#!/bin/sh
# unreadable_texts.sh - settings and names of roles that are not valid in the
# database's encoding do not enter the catalog: a dump with one of them could not be
# restored, with all models.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0"
me=$(query -c "SELECT current_user")
query <<'SQL'
CREATE DATABASE utf8 TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE ROLE joe LOGIN;
CREATE ROLE kim LOGIN;
SQL
# shellcheck disable=SC2016	# SQL
query -d latin1 -c "SET client_encoding = UTF8" -c 'CREATE ROLE "jürgen" LOGIN' -c 'ALTER ROLE kim SET search_path = public, "büro"'
query -d utf8 <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 500) AS i;
GRANT SELECT ON t TO PUBLIC;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.grant('fraud', 'joe', 'manage') \g /dev/null
SQL
bad=$(printf '\374')
train="SELECT version FROM mlops.train('m', 't', target => 'fraud', key => 'id', algorithm => 'logistic_regression')"
own=$(echo "$train" | sed "s/'m'/'own'/")

# refused NAME WHAT SQL: joe's session, with search_path as its first packet sets it
refused()
{
	is "$1" "$(PGOPTIONS="-c search_path=public,$bad" error_of -d utf8 -U joe -c "$3" | head -n 1)" "22021: \"$2\" is not valid in encoding \"UTF8\" of this database"
}
refused "a training" search_path "$train"
refused "a snapshot" search_path "SELECT mlops.snapshot('t', 's')"
refused "a job" search_path "SELECT mlops.submit('SELECT 1')"
refused "a monitor" search_path "SELECT mlops.monitor('fraud')"
is "of an application's setting, too" "$(PGOPTIONS="-c my.app=$bad" error_of -d utf8 -U joe -c "SELECT mlops.submit('SELECT 1')" | head -n 1)" \
	'22021: "my.app" is not valid in encoding "UTF8" of this database'
is "one that a role was given in a database of another encoding" "$(error_of -d utf8 -U kim -c "$own")" \
	'22021: "search_path" is not valid in encoding "UTF8" of this database
hint: It would be stored, and no dump of this database could be restored. SET it anew in this session, or ALTER ROLE or DATABASE ... SET it, in this encoding.'
is "what the hint says helps" "$(query -d utf8 -U kim -c "SET search_path = public" -c "$own")" 1

# ---- names of roles
named='22021: the name of role "j?rgen" is not valid in encoding "UTF8" of this database
hint: In a database of the encoding that the role was made in: ALTER ROLE ... RENAME TO a name of ASCII letters.'
for call in "mlops.start_run('notes')" "mlops.train('j', 't', target => 'fraud', key => 'id')" "mlops.submit('SELECT 1')" "mlops.snapshot('t', 'j')" "mlops.trust('joe')"; do
	is "a role whose name is not valid: $call" "$(error_of -d utf8 -U "j${bad}rgen" -c "SELECT $call")" "$named"
done
query -d latin1 -c "SET client_encoding = UTF8" -c 'GRANT joe TO "jürgen"'
is "not as another role either" "$(error_of -d utf8 -U "j${bad}rgen" -c "SET ROLE joe" -c "SELECT mlops.deploy('fraud', 1)")" "$named"
is "he reads views" "$(query -d utf8 -U "j${bad}rgen" -c "SELECT count(*) FROM mlops.models")" 1
is "nothing wrong was stored" "$(query -d utf8 -c "SELECT object, problem FROM mlops.check_catalog()")" ""

# ---- the dump
restored()
{
	query -c "DROP DATABASE IF EXISTS copy" -c "CREATE DATABASE copy TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'" 2>/dev/null
	as_server "$bin/pg_dump" -h "$server/socket" -p 5432 -U "$me" -d utf8 >"$server/dump"
	query -d copy -v ON_ERROR_STOP=0 -f "$server/dump" 2>&1 | grep -c 'invalid byte sequence' || true
	query -d copy -c "SELECT count(*) FROM mlops.versions"
}
is "a dump is restored with all models" "$(restored)" "0
2"

# ---- what is there all the same: a role that was renamed, rows of an earlier version
query -d latin1 -c "SET client_encoding = UTF8" -c 'ALTER ROLE joe RENAME TO "jö"'
query -d utf8 -c "UPDATE mlops_catalog.dataset SET search_path = current_setting('search_path') WHERE dataset_id = 1" >/dev/null
PGOPTIONS="-c search_path=public,$bad" query -d utf8 -c "UPDATE mlops_catalog.dataset SET search_path = pg_catalog.current_setting('search_path') WHERE dataset_id = 1"
is "check_catalog() names it" "$(query -d utf8 -c "SELECT regexp_replace(object, '[0-9]+', 'N'), left(problem, 60) FROM mlops.check_catalog() ORDER BY object COLLATE \"C\"")" \
	"role N|its name \"j?\", in mlops_catalog.model_grant.role, is not val
table mlops_catalog.dataset|1 of its rows have bytes in column \"search_path\" that are no"
query -d utf8 -c "$(query -d utf8 -c "SELECT substring(problem FROM 'UPDATE .*(?= by a superuser)') || ' WHERE dataset_id = 1' FROM mlops.check_catalog() WHERE object ~ 'dataset'")"
is "what it says helps" "$(query -d utf8 -c "SELECT search_path FROM mlops_catalog.dataset WHERE dataset_id = 1" -c "SELECT count(*) FROM mlops.check_catalog() WHERE object ~ 'dataset'")" 'public,?
0'
is "views show such a name" "$(query -d utf8 -c "SELECT role FROM mlops.grants WHERE role <> 'public'")" "j?"
query -d latin1 -c "SET client_encoding = UTF8" -c 'ALTER ROLE "jö" RENAME TO joe'
is "then all is well" "$(query -d utf8 -c "SELECT object, problem FROM mlops.check_catalog()")" ""

private_server remove >/dev/null
echo "1..$n"
