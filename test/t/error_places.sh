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
# shown SQL: the error as a client shows it, but for lines that say where in mlops it arose
shown()
{
	query -v VERBOSITY=default -c "$1" 2>&1 >/dev/null | sed 's/^psql[^ ]* *//; /^CONTEXT:  training model/d'
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

echo "1..$n"
