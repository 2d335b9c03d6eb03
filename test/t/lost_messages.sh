#!/bin/sh
# lost_messages.sh - a session that lags behind is told to forget what it knows, and a
# timeout may strike while PostgreSQL is about it: then nobody tells it again.  What a
# model's name stands for is looked up anew all the same.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0"
query -o /dev/null <<'SQL' 2>/dev/null
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, (i * 7919 % 1009)::float8 AS amount, i % 3 = 0 AS label FROM generate_series(1, 300) AS i;
SELECT mlops.train('m', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 2}');
SELECT mlops.train('m', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 3}');
SELECT mlops.deploy('m', 1);
CREATE TABLE long AS SELECT repeat('x', 200000000) AS x;
SQL

# One statement computes for seconds without a look at its timeout; then it looks into
# the messages, of which there are more by then than are kept.
decides="SELECT version FROM tx, mlops.predict('m', tx) WHERE id = 1"
query -v ON_ERROR_STOP=0 -c "$decides" -c "SET statement_timeout = '1s'" -c "SELECT pg_advisory_lock(1)" \
	-c "SELECT md5(x), md5(x), md5(x), md5(x), pg_relation_size('tx') FROM (SELECT x || 'y' AS x FROM long OFFSET 0) AS l" -c "RESET statement_timeout" -c "$decides" \
	>"$server/decided" 2>"$server/told" &
until_true "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')"
sleep 0.3
query -o /dev/null -c "SELECT mlops.deploy('m', 2)"
query <<'SQL'
DO $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		EXECUTE format('CREATE TEMP TABLE t%s (a int)', i);
		EXECUTE format('DROP TABLE t%s', i);
	END LOOP;
END $$;
SQL
wait
is "the timeout struck" "$(sed -n 's/^.*ERROR: *//p' "$server/told")" "canceling statement due to statement timeout"
is "and the next row is scored by what is deployed" "$(sed -n '1p; $p' "$server/decided" | xargs)" "1 2"
echo "1..$n"
