#!/bin/sh
# hostile_names.sh - every function that takes a model, a source, a column or a
# role, called by a role and on names that only quoting can tell, in databases
# of every kind of encoding (hostile_names.sql).  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"
life=$root/test/t/hostile_names.sql

private_server start "shared_preload_libraries = 'pg_cron,mlops'" "cron.use_background_workers = on" "fsync = off" "mlops.maintenance_interval = 0" "max_worker_processes = 16"
role='We"ird; Role'
other="o'ther \"\"; --"
admin='Ad"min'
query -v role="$role" -v other="$other" -v admin="$admin" <<'SQL'
CREATE ROLE :"admin" LOGIN SUPERUSER;
CREATE ROLE :"other";
CREATE ROLE :"role" LOGIN IN ROLE :"other";
CREATE EXTENSION pg_cron;
GRANT USAGE ON SCHEMA cron TO :"role";
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cron TO :"role";
SQL

# lives DATABASE ENCODING: what the role sees of it, with the database's encoding as the client's
lives()
{
	level='ä b'
	[ "$2" != LATIN1 ] || level=$(printf '\344 b')
	column=$level
	[ "$2" != SQL_ASCII ] || column='a"b; c'
	query -d postgres -U "$admin" -v encoding="$2" -v role="$role" -v database="$1" <<-'SQL'
		CREATE DATABASE :"database" TEMPLATE template0 ENCODING :'encoding' LOCALE 'C';
		GRANT CREATE ON DATABASE :"database" TO :"role";
		\c :"database"
		CREATE EXTENSION mlops;
		GRANT EXECUTE ON FUNCTION mlops.maintain(int), mlops.submit_due() TO :"role";
	SQL
	PGCLIENTENCODING=$2 query -d "$1" -U "$role" -v role="$role" -v other="$other" -v schema='S; drop' -v table='My Tab"le' \
		-v num=Select -v cat="$column" -v key='k, "e"; {y}' -v at="time 'x'" -v label='la"bel?' -v weight='we\ig(ht' \
		-v score='sco"re = 1' -v flag="fl'ag" -v level="$level" -f - <"$life" >"$server/said" 2>&1 || :
	is "$2: what does not hold" "$(LC_ALL=C grep -a -v -e '|t\(|.*\)\?$' -e 'will not run by itself: mlops.maintenance_interval is 0' "$server/said" || :)" ""
	is "$2: to its end" "$(tail -n 1 "$server/said")" "to its end|t"
}
lives 'data"base; x' SQL_ASCII
lives latin LATIN1
lives unicode UTF8

is "a schedule's name is a line" "$(error_of -d unicode -U "$role" -c "SELECT mlops.schedule(E'a\\nb', '0 0 1 1 *', 'SELECT 1')" | head -n 1)" '22023: invalid schedule name "a'

# ---- the server's own work, as the role that made the cluster: whatever its name
before=$(query -c "SELECT clock_timestamp()")
worked="SELECT count(*) > 0 FROM mlops_catalog.upkeep WHERE task = 'submit_due' AND error IS NULL AND began_at IS NULL AND ended_at > '$before'"
is "no maintenance before" "$(query -d unicode -U "$admin" -c "$worked")" f
query -d unicode -U "$admin" -c 'ALTER ROLE postgres RENAME TO "Boot ""strap"' -c "ALTER SYSTEM SET mlops.maintenance_interval = 1" -c "SELECT pg_reload_conf()" >/dev/null
until_true "$worked" 10 -d unicode -U "$admin"
is "maintenance works" "$(query -d unicode -U "$admin" -c "$worked")" t
query -d unicode -U "$admin" -c 'ALTER ROLE "Boot ""strap" RENAME TO postgres' -c "ALTER SYSTEM RESET mlops.maintenance_interval" -c "SELECT pg_reload_conf()" >/dev/null

# ---- what is new has to be called above, or excused
called()
{
	grep -v '^--' "$life" | grep -o 'mlops\.[a-z_]*(' | sed 's/^mlops\.//; s/($//' | sort -u | tr '\n' ' '
}
excused="activate adopt_query prediction_time progress_bar proportion_test simulate_transactions"
# activate: the extension's owner alone; adopt_query: once the author is gone (trust.sql); the rest takes no name
functions="SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'mlops'::regnamespace AND prokind <> 'a'"
is "every function is called" "$(query -d unicode -c "$functions AND proname <> ALL (string_to_array('$(called)$excused', ' ')) ORDER BY 1")" ""
is "and no other is excused" "$(query -d unicode -c "SELECT name FROM unnest(string_to_array('$excused', ' ')) AS name
	WHERE name NOT IN ($functions) OR name = ANY (string_to_array('$(called)', ' '))")" ""
echo "1..$n"
