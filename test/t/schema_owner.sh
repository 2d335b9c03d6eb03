#!/bin/sh
# schema_owner.sh - a schema "mlops" that was there before is refused unless it
# is the extension's alone, and check_catalog() names who got into it later.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off" "mlops.maintenance_interval = 0"
query -c "CREATE ROLE intruder LOGIN" -c "CREATE ROLE chief SUPERUSER"

# refused NAME DATABASE WANTED: CREATE EXTENSION there says WANTED and makes nothing.
refused()
{
	is "$1" "$(error_of -d "$2" -c 'CREATE EXTENSION mlops' | tr '\n' ' '; query -d "$2" -c "SELECT count(*) FROM pg_extension WHERE extname = 'mlops'")" \
		"55000: schema \"mlops\" was there before and is not the extension's alone hint: $3 0"
}

# in_new DATABASE COMMAND...: makes a database and runs commands in it.
in_new()
{
	database=$1
	query -d postgres -c "CREATE DATABASE $database" -c "GRANT CREATE ON DATABASE $database TO intruder"
	printf '%s;\n' "$2" | query -d "$database"
}

me=$(query -c "SELECT quote_ident(current_user)")
look="Look at what it is for; then DROP SCHEMA mlops, or ALTER SCHEMA mlops OWNER TO $me."
in_new owned "SET ROLE intruder; CREATE SCHEMA mlops"
refused "a schema of another role is refused" owned "$look"
is "the detail names the role" "$(query -d owned -c 'CREATE EXTENSION mlops' 2>&1 | sed -n 's/^DETAIL: *//p')" \
	"It belongs to role intruder, which is not a superuser."
query -d owned -c "ALTER SCHEMA mlops OWNER TO CURRENT_USER"
is "what the hint says helps" "$(query -d owned -c 'CREATE EXTENSION mlops' -c 'SELECT count(*) FROM mlops.check_catalog()')" 0

in_new granted "CREATE SCHEMA mlops; GRANT CREATE ON SCHEMA mlops TO intruder"
refused "one in which another role may create is refused" granted \
	"REVOKE CREATE ON SCHEMA mlops FROM intruder, or DROP SCHEMA mlops, and look at default privileges that would grant it again."
in_new public "CREATE SCHEMA mlops; GRANT CREATE ON SCHEMA mlops TO PUBLIC"
refused "one in which everybody may is refused" public \
	"REVOKE CREATE ON SCHEMA mlops FROM PUBLIC, or DROP SCHEMA mlops, and look at default privileges that would grant it again."
in_new granting "ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO intruder"
refused "so is one that default privileges open" granting \
	"REVOKE CREATE ON SCHEMA mlops FROM intruder, or DROP SCHEMA mlops, and look at default privileges that would grant it again."

hint="Look at who made it and what it is for; then move it elsewhere, or DROP SCHEMA mlops CASCADE."
made="SET ROLE intruder; CREATE SCHEMA mlops; %s; RESET ROLE; ALTER SCHEMA mlops OWNER TO CURRENT_USER"
# shellcheck disable=SC2059	# the format is ours
in_new function "$(printf "$made" "CREATE FUNCTION mlops.score(text, jsonb) RETURNS float8 LANGUAGE sql RETURN 0")"
refused "one that holds a function is refused" function "$hint"
# shellcheck disable=SC2059
in_new relation "$(printf "$made" "CREATE TABLE mlops.models (a int)")"
refused "one that holds a table is refused" relation "$hint"
in_new empty "CREATE SCHEMA mlops AUTHORIZATION chief"
is "an empty one of a superuser is taken" "$(query -d empty -c 'CREATE EXTENSION mlops' -c 'SELECT count(*) FROM mlops.check_catalog()')" 0

# ---- later
in_new later "CREATE EXTENSION mlops; CREATE TABLE pay AS SELECT g AS id, g % 7 AS amount, g % 7 = 3 AS fraud FROM generate_series(1, 500) AS g"
query -d later <<'SQL' >/dev/null
SELECT mlops.train('fraud', 'pay', target => 'fraud', key => 'id', params => '{"n_estimators": 2}');
SELECT mlops.deploy('fraud', 1);
SELECT mlops.decide('fraud', p) FROM pay AS p WHERE id < 10;
SELECT mlops.snapshot('pay', 'kept');
SQL
problems="SELECT object, problem FROM mlops.check_catalog() ORDER BY object COLLATE \"C\""
is "what the extension makes itself is no stranger" "$(query -d later -c "$problems")" ""
query -d later <<'SQL'
GRANT CREATE ON SCHEMA mlops, mlops_catalog TO intruder;
GRANT CREATE ON SCHEMA mlops_snapshot TO PUBLIC;
SET ROLE intruder;
CREATE FUNCTION mlops.score(text, jsonb) RETURNS float8 LANGUAGE sql RETURN 0;
CREATE FUNCTION mlops_catalog.same(text, text) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR mlops.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = mlops_catalog.same);
CREATE TYPE mlops.pair AS (a int, b int);
CREATE FUNCTION mlops_catalog.as_pair(text) RETURNS mlops.pair LANGUAGE sql AS 'SELECT 1, 2';
RESET ROLE;
CREATE CAST (text AS mlops.pair) WITH FUNCTION mlops_catalog.as_pair(text);
ALTER SCHEMA mlops OWNER TO intruder;
SQL
stranger="is not the extension's: look at who made it, and drop it or move it elsewhere"
is "check_catalog() names who owns, who may create, and what was made" "$(query -d later -c "$problems")" "\
cast from text to mlops.pair|$stranger
function mlops.score(text,jsonb)|$stranger
function mlops_catalog.as_pair(text)|$stranger
function mlops_catalog.same(text,text)|$stranger
maintenance|schema \"mlops\" belongs to role \"intruder\", who is no superuser: nothing runs by itself, nor as a job, for it would run with others' rights; see mlops.check_catalog()
operator mlops.===(text,text)|$stranger
schema mlops|belongs to role intruder, which is neither a superuser nor the extension's owner; ALTER SCHEMA mlops OWNER TO $me
schema mlops_catalog|role intruder may create objects in it; REVOKE CREATE ON SCHEMA mlops_catalog FROM intruder
schema mlops_snapshot|everybody may create objects in it; REVOKE CREATE ON SCHEMA mlops_snapshot FROM PUBLIC
type mlops.pair|$stranger"
query -d later -c "ALTER SCHEMA mlops OWNER TO CURRENT_USER" -c "REVOKE CREATE ON SCHEMA mlops, mlops_catalog FROM intruder" \
	-c "REVOKE CREATE ON SCHEMA mlops_snapshot FROM PUBLIC" -c "SET client_min_messages = error" -c "DROP OWNED BY intruder CASCADE"
is "what it says helps" "$(query -d later -c "$problems")" ""

# ---- a model whose owner was dropped
query -d later -c "CREATE ROLE gone" -c "SELECT mlops.set_owner('fraud', 'gone')" -c "DROP ROLE gone" >/dev/null
is "check_catalog() names the way out for a model without an owner" \
	"$(query -d later -c "SELECT regexp_replace(problem, '[0-9]+', 'N') FROM mlops.check_catalog() WHERE object = 'owner'")" \
	"role N does not exist; mlops.set_owner('fraud', ...) by a superuser gives it another owner"
is "which leads out" "$(query -d later -c "SELECT mlops.set_owner('fraud', 'chief') IS NOT NULL" -c "SELECT owner FROM mlops.models" -c "SELECT count(*) FROM mlops.check_catalog() WHERE object = 'owner'")" "t
chief
0"

private_server remove >/dev/null
echo "1..$n"
