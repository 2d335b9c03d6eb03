#!/bin/sh
# cancel.sh - arguments of any size end in bounded time: in a result, an error or a
# cancel that is obeyed within a second.  TAP.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "jit = off" "mlops.maintenance_interval = 0" || exit 1
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS amount, i % 3 = 0 AS online, (i * 7919 % 10007) > 9000 AS is_fraud FROM generate_series(1, 3000) AS i;
SELECT FROM mlops.train('m', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}');
SELECT FROM mlops.deploy('m', 1);
-- large arguments, made beforehand: making them is not what is to be cancelled
CREATE TABLE a AS SELECT ARRAY(SELECT 'amount'::name FROM generate_series(1, 1000000)) AS same,
	ARRAY(SELECT ('x' || g)::name FROM generate_series(1, 300000) g) AS names,
	(SELECT jsonb_object_agg('k' || g, g::text) FROM generate_series(1, 300000) g) AS object,
	(SELECT jsonb_agg(1.0 / g) FROM generate_series(1, 300000) g) AS list,
	(SELECT jsonb_object_agg('k' || g, '{}'::jsonb) FROM generate_series(1, 100000) g) AS models,
	(SELECT jsonb_agg(jsonb_build_object('version', 1, 'percent', 0.001)) FROM generate_series(1, 100000) g) AS variants,
	ARRAY(SELECT 'psi' FROM generate_series(1, 300000)) AS statistics,
	ARRAY(SELECT 1000000000::bigint FROM generate_series(1, 1000)) AS trials, ARRAY(SELECT 2::bigint FROM generate_series(1, 1000)) AS wins,
	repeat('1,', 20000000) || '1 * * * *' AS cron, repeat('x', 50000000) AS long, decode(repeat('00', 50000000), 'hex') AS zeros;
SQL

# Milliseconds of processor time that a session's process has taken.
query <<'SQL'
CREATE FUNCTION cpu() RETURNS int LANGUAGE sql AS $$
	SELECT 10 * (x[12]::int + x[13]::int) FROM (SELECT string_to_array(substring(pg_read_file('/proc/self/stat') FROM '\) (.*)$'), ' ') AS x) AS s $$;
SQL

# ends_after MILLISECONDS NAME STATEMENT: cancelled after so many it takes less than a
# second of processor time more, whatever else the machine has to do; and less than
# five seconds by the clock, and as much again as a session takes here that only
# sleeps.  A statement that ends by itself ends in time too.
ends_after()
{
	timeout=$1 begun=$(date +%s%3N)
	query -v ON_ERROR_STOP=0 -c "SET statement_timeout = 500" -c "SELECT pg_sleep(60)" >/dev/null 2>&1
	slack=$(($(date +%s%3N) - begun - 500)) begun=$(date +%s%3N)
	query -v ON_ERROR_STOP=0 -c "SET mlops.threads = 1" -c "SELECT cpu()" -c "SET statement_timeout = '${timeout}ms'" -c '\o /dev/null' -c "$3" -c '\o' \
		-c "SET statement_timeout = 0" -c "SELECT cpu()" >"$server/answer" 2>"$server/told"
	took=$(($(date +%s%3N) - begun))
	cpu=$(awk 'NR == 1 { before = $1 } { last = $1 } END { print last - before }' "$server/answer")
	outcome=$(sed -n 's/^.*ERROR: *//p' "$server/told" | cut -c1-60)
	is "$2 (${outcome:-done})" \
		"$([ "$cpu" -lt $((timeout + 1000)) ] && [ "$took" -lt $((timeout + 4500 + 10 * slack)) ] && echo 'in time' || echo "after $took ms, $cpu ms of them computing")" 'in time'
}

ends()
{
	ends_after 500 "$@"
}

ends "columns to leave out, a million times the same" "SELECT mlops.train('h', 'tx', target => 'is_fraud', exclude => same) FROM a"
ends "columns to learn, a million times the same" "SELECT mlops.train('h', 'tx', target => 'is_fraud', features => same) FROM a"
ends "columns that are not there" "SELECT mlops.train('h', 'tx', target => 'is_fraud', exclude => names) FROM a"
ends "parameters" "SELECT mlops.train('h', 'tx', target => 'is_fraud', params => object) FROM a"
ends "tags" "SELECT mlops.train('h', 'tx', target => 'is_fraud', tags => object) FROM a"
ends "a list to choose a parameter from" "SELECT mlops.tune('h', 'tx', target => 'is_fraud', space => jsonb_build_object('learning_rate', list)) FROM a"
ends "a space" "SELECT mlops.tune('h', 'tx', target => 'is_fraud', space => object) FROM a"
ends "a grid" "SELECT mlops.tune('h', 'tx', target => 'is_fraud', method => 'grid', trials => 10000, space => '{\"max_depth\": {\"min\": 1, \"max\": 30}, \"n_estimators\": {\"min\": 1, \"max\": 10000}, \"max_leaves\": {\"min\": 2, \"max\": 255}}')"
ends "a name" "SELECT mlops.train(long, 'tx', target => 'is_fraud') FROM a"
ends "a reference" "SELECT mlops.score(a.long, tx) FROM tx, a LIMIT 1"
ends "a JSON object to score" "SELECT mlops.score('m', object) FROM a"
ends "a key" "SELECT (mlops.decide('m', tx, a.long)).score FROM tx, a LIMIT 1"
ends "bytes of a model" "SELECT mlops.score_bytes(zeros, ROW(1)) FROM a"
ends "an exported model" "SELECT mlops.import_model(zeros) FROM a"
ends "columns to compare" "SELECT mlops.drift_between('tx', 'tx', columns => same) FROM a"
ends "statistics" "SELECT mlops.drift_between('tx', 'tx', statistics => a.statistics) FROM a"
ends "statistics of a model" "SELECT mlops.check_drift('m', 'tx', statistics => a.statistics) FROM a"
ends "segments" "SELECT mlops.evaluate('m', 'tx', by => same) FROM a"
ends "points of a curve" "SELECT count(*) FROM mlops.curve('m', 'tx', points => 1000000)"
ends "a cron expression" "SELECT mlops_catalog.next_cron_run(cron, now(), 'UTC') FROM a"
ends "a date that never comes" "SELECT mlops_catalog.next_cron_run('0 0 30 2 *', now(), 'UTC')"
ends "draws for shares" "SELECT mlops_catalog.thompson_shares(trials, wins, true, 0, 1000000, 1) FROM a"
ends "a gate" "SELECT mlops.set_gate('m', object) FROM a"
ends "metrics of a run" "SELECT mlops.log_metrics(mlops.start_run('h'), object) FROM a"
ends "parameters of a run" "SELECT mlops.log_params(mlops.start_run('h'), object) FROM a"
ends "a description of models" "SELECT mlops.apply(jsonb_build_object('models', models)) FROM a"
ends "variants" "SELECT mlops.deploy('m', 1, 'ab', key => 'id', variants => a.variants) FROM a"
ends "a guard" "SELECT mlops.deploy('m', 1, 'canary', percent => 10, guard => object) FROM a"
ends "options of a policy" "SELECT mlops.set_retraining_policy('m', options => object) FROM a"
ends "a long alias" "SELECT mlops.score('m@' || a.long, tx) FROM tx, a LIMIT 1"
ends "a filter of comparisons" "SELECT count(*) FROM mlops.search_runs((SELECT string_agg(format('metrics.m%s > 0', g), ' OR ') FROM generate_series(1, 20000) g))"
ends "a filter of blanks" "SELECT count(*) FROM a, mlops.search_runs(repeat(' ', 50000000))"
ends "a city of simulated payments" "SELECT count(*) FROM mlops.simulate_transactions(customers => 1000000, terminals => 1000000, days => 36500)"
ends "a training" "SELECT mlops.train('h', query => 'SELECT g % 1000 AS a, g % 777 AS b, hashint4(g) % 10 = 0 AS y FROM generate_series(1, 300000) g', target => 'y', params => '{\"n_estimators\": 10000}')"
ends "a regression" "SELECT mlops.train('h', query => 'SELECT g % 1000 AS a, g % 777 AS b, hashint4(g) % 10 = 0 AS y FROM generate_series(1, 300000) g', target => 'y', algorithm => 'logistic_regression', params => '{\"max_iter\": 10000, \"tol\": 1e-12}')"
# sorts of millions of rows: folds, and the segments of an evaluation
query -c "CREATE TABLE big AS SELECT g AS id, hashint4(g) AS a, (hashint4(g) & 1023)::text AS b, hashint4(g) % 10 = 0 AS is_fraud, (g::bigint * 7919 % 10007) / 100.0::float8 AS amount, g % 3 = 0 AS online FROM generate_series(1, 3000000) g"
query -o /dev/null -c "SET statement_timeout = 0" -c "SELECT mlops.train('small', 'tx', target => 'is_fraud', features => '{amount,online}', algorithm => 'logistic_regression')" -c "SELECT mlops.deploy('small', 1)"
for after in 1500 3000 6000; do
	ends_after $after "folds of millions of rows" "SELECT mlops.cross_validate('h', 'big', target => 'is_fraud', features => '{amount}', algorithm => 'logistic_regression', parallel => 1)"
	ends_after $after "groups of millions of rows" "SELECT mlops.cross_validate('h', 'big', target => 'is_fraud', features => '{amount}', group_by => 'id', algorithm => 'logistic_regression', parallel => 1)"
	ends_after $after "segments of millions of rows" "SELECT mlops.evaluate('small', 'big', by => '{b}')"
	ends_after $after "cards of millions of rows" "SELECT mlops.daily_precision('small', query => 'SELECT *, date ''2026-01-01'' + id % 3 AS at FROM big', time_column => 'at', card_column => 'id')"
done
is "nothing else has ended" "$(query -c "SELECT count(mlops.score('m', tx)) FROM tx")" 3000
echo "1..$n"
