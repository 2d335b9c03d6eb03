#!/bin/sh
# parallel_reading.sh - work on rows in workers of parallel query ends when it is cancelled, fails as
# a query fails, and is shown by EXPLAIN.  TAP.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "jit = off" "mlops.maintenance_interval = 0" "parallel_setup_cost = 0" \
	"min_parallel_table_scan_size = 0" "parallel_leader_participation = off" || exit 1
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS amount, i % 3 = 0 AS online, (i * 7919 % 10007) > 9000 AS is_fraud FROM generate_series(1, 20000) AS i;
ALTER TABLE tx SET (parallel_workers = 2);
ANALYZE tx;
SELECT FROM mlops.train('m', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}');
SELECT FROM mlops.deploy('m', 1);
CREATE FUNCTION slow(id int) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	IF id % 10 = 0 THEN
		PERFORM pg_sleep(0.05);
	END IF;
	RETURN id;
END $$;
SQL
workers="SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"
slow="SELECT count(*) FROM mlops.score_table('m', query => 'SELECT *, slow(id) AS s FROM tx', key => 's')"

begun=$(date +%s%3N)
is "a cancel" "$(error_of -c "SET statement_timeout = 500" -c "$slow" | head -n 1)" "57014: canceling statement due to statement timeout"
took=$(($(date +%s%3N) - begun))
is "within a second" "$([ "$took" -lt 2500 ] && echo t || echo "after $took ms")" t
is "ends the workers too" "$(until_true "SELECT ($workers) = 0" 2 && query -c "$workers")" 0

query -c "$slow" >"$server/answer" 2>"$server/told" &
until_true "SELECT ($workers) = 2"
query -o /dev/null -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1"
wait
is "a worker that is terminated ends the statement" "$(grep -c 'due to administrator command' "$server/told")" 1
is "and nothing else" "$(query -c "SELECT count(*) FROM mlops.score_table('m', 'tx')")" 20000

is "in a serializable transaction" "$(query -c "BEGIN ISOLATION LEVEL SERIALIZABLE" -c "INSERT INTO tx SELECT 20001, 1, true, false" \
	-c "SELECT count(*), sum(score) = (SELECT sum(mlops.score('m', t)) FROM tx AS t WHERE id > 0) FROM mlops.score_table('m', query => 'SELECT * FROM tx ORDER BY id')" -c "ROLLBACK")" "20001|t"
is "without free workers" "$(query -c "SET max_parallel_workers = 0" -c "SELECT count(*) FROM mlops.score_table('m', 'tx')")" 20000
is "where only reading is allowed" "$(query -c "SET default_transaction_read_only = on" -c "SELECT count(*) FROM mlops.score_table('m', 'tx')")" 20000

query -c "LOAD 'auto_explain'" -c "SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_verbose = on; SET auto_explain.log_buffers = on; SET auto_explain.log_nested_statements = on" \
	-c "SELECT count(*) FROM mlops.score_table('m', query => 'SELECT * FROM tx WHERE amount > (SELECT min(amount) FROM tx)', key => 'id')" >/dev/null
is "EXPLAIN shows who works" "$(grep -c 'Custom Scan (mlops rows)' "$server/log")" 1
is "and that batches are handed on" "$(sed -n '/Gather/,/Custom Scan (mlops rows)/s/.*Custom Scan (mlops rows).*rows=\([0-9]*\).*/\1/p' "$server/log" | awk '{ print ($1 > 0 && $1 < 100) }')" 1
is "nothing is left" "$(query -c "$workers")" 0
echo "1..$n"
