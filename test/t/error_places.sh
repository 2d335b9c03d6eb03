#!/bin/sh
# error_places.sh - an error in a query or a command that came as an argument shows
# that text, with a mark under the wrong word; never a statement of ours.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT g AS id, now() - interval '9 days' + g * interval '6 min' AS at, (g * 7919) % 1009 AS amount, (g * 7919) % 1009 > 950 AS fraud FROM generate_series(1, 500) AS g;
SELECT mlops.train('fraud', 'tx', target => 'fraud', time_column => 'at', key => 'id', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'fraud', time_column => 'at', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SQL
# shown SQL...: the error as a client shows it
shown()
{
	for statement; do
		set -- "$@" -c "$statement"
		shift
	done
	query -v VERBOSITY=default "$@" 2>&1 >/dev/null | sed 's/^psql[^ ]* *//'
}
query='SELECT nosuch FROM tx'
expected='ERROR:  column "nosuch" does not exist
LINE 1: SELECT nosuch FROM tx
               ^
QUERY:  SELECT nosuch FROM tx'
for call in "evaluate('fraud/1', query => '$query')" "compare('fraud', '{1,2}', query => '$query')" "train('other', query => '$query', target => 'fraud')" \
	"monitor('fraud', query => '$query', time_column => 'at')" "snapshot(name => 'kept', query => '$query')" "curve('fraud/1', query => '$query')"; do
	is "$call" "$(shown "SELECT * FROM mlops.$call")" "$expected"
done
is "from a function of the caller's" "$(shown "DO \$\$BEGIN PERFORM mlops.curve('fraud/1', query => '$query'); END\$\$" | head -n 4)" "$expected"
is "what the parser refuses" "$(shown "SELECT mlops.submit('mlops.retrain(1)')")" 'ERROR:  syntax error at or near "mlops"
LINE 1: mlops.retrain(1)
        ^
QUERY:  mlops.retrain(1)'

# ---- where in mlops it arose is not shown
cancelled='ERROR:  canceling statement due to statement timeout'
import="SELECT mlops.import_decisions('fraud/1', 'tx', key => 'id', time_column => 'at')"
query -c "BEGIN; $import; SELECT pg_sleep(60)" >/dev/null 2>&1 &
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
is "an import that waits for another, cancelled" "$(shown "SET statement_timeout = '300 ms'" "$import")" "$cancelled"
query -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
wait
is "waiting for no job" "$(shown "CALL mlops.wait(123456)" | head -n 1)" 'ERROR:  job 123456 does not exist'
job=$(query -c "SELECT mlops.submit('SELECT pg_sleep(60)')")
is "waiting for a job, cancelled" "$(shown "SET statement_timeout = '300 ms'" "CALL mlops.wait($job)")" "$cancelled"
is "waiting in a block" "$(shown "BEGIN" "CALL mlops.wait($job)")" 'ERROR:  invalid transaction termination'
is "from a function of the caller's that may commit" "$(shown "DO \$\$DECLARE s text; BEGIN CALL mlops.wait($job, '100 ms', s); RAISE '%', s; END\$\$" | head -n 1)" 'ERROR:  running'
query -c "CREATE FUNCTION slow(float8) RETURNS float8 LANGUAGE plpgsql STABLE AS \$\$ BEGIN PERFORM pg_sleep(0.01); RETURN \$1; END \$\$"
is "a training, cancelled in a function of the caller's" "$(shown "SET statement_timeout = '300 ms'" "SELECT mlops.train('slow', query => 'SELECT id, slow(amount) AS a, fraud FROM tx', target => 'fraud')" | grep -v '^NOTICE')" "$cancelled
CONTEXT:  SQL statement \"SELECT pg_sleep(0.01)\"
PL/pgSQL function slow(double precision) line 1 at PERFORM"
query -c "SELECT mlops.cancel($job)" >/dev/null

echo "1..$n"
