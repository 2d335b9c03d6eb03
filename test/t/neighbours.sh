#!/bin/sh
# neighbours.sh - the same answers, to the last bit, in a server that plans and
# watches otherwise: with pg_stat_statements and auto_explain, forced parallel
# plans, compiled expressions, cursors, functions, prepared statements and a
# transaction that only reads.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

if [ ! -e "$("${PG_CONFIG:-pg_config}" --pkglibdir)/pg_stat_statements.so" ] || [ ! -e "$("${PG_CONFIG:-pg_config}" --pkglibdir)/auto_explain.so" ]; then
	echo "1..0 # SKIP this server has no pg_stat_statements or auto_explain"
	exit 0
fi

start()
{
	private_server start "fsync = off" "mlops.maintenance_interval = 0" "$@"
}

# What is asked for: a line each, without what tells the time.
answers()
{
	query <<'SQL'
\pset null NULL
SELECT version, sha256 FROM mlops.versions WHERE model = 'fraud' AND version < 3 ORDER BY version;
SELECT md5(string_agg(concat_ws(' ', mlops.score('fraud', t), mlops.score('fraud', to_jsonb(t)), mlops.predict('fraud', t)), ',' ORDER BY id)) FROM t;
SELECT md5(string_agg(score::text, ',' ORDER BY key::int)) FROM mlops.score_table('fraud', 't', key => 'id');
SELECT roc_auc, pr_auc, precision, recall, rows FROM mlops.evaluate('fraud', 't');
SELECT feature, test, statistic FROM mlops.check_drift('fraud', query => 'SELECT * FROM t WHERE id > 500') ORDER BY feature, test;
SELECT feature, round(importance::numeric, 10) FROM mlops.explain_table('fraud', 't') ORDER BY feature;
SELECT identical FROM mlops.reproduce('fraud', 1);
-- hundreds of statements about the catalog: where expressions are compiled, so are
-- these, but not optimised for minutes
SET jit_inline_above_cost = -1;
SET jit_optimize_above_cost = -1;
SELECT passed FROM mlops.check_gate('fraud', 2);
SELECT outcome FROM mlops.retrain('fraud');
BEGIN READ ONLY;
SELECT count(*) FROM mlops.check_catalog();
COMMIT;
RESET jit_inline_above_cost;
RESET jit_optimize_above_cost;
PREPARE one (int) AS SELECT mlops.score('fraud', t) FROM t WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE one (7);
EXECUTE one (8);
SELECT score_of(7), score_of(8);
BEGIN READ ONLY;
DECLARE c CURSOR FOR SELECT mlops.score('fraud', t) FROM t ORDER BY id;
FETCH 3 FROM c;
COMMIT;
SELECT version, score FROM mlops.decide('fraud', (SELECT t FROM t WHERE id = 7));
SQL
}

start "shared_preload_libraries = 'mlops'" "jit = off" "max_parallel_workers_per_gather = 0"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, (i * 7919 % 1009)::float8 AS b, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS c, i % 5 = 0 AND i % 7 < 4 OR i % 97 = 0 AS fraud FROM generate_series(1, 3000) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', query => 'SELECT * FROM t WHERE b >= 0', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.retrain('fraud') \g /dev/null
SELECT mlops.set_gate('fraud', '{"roc_auc": {"min": 0.1}}') \g /dev/null
CREATE FUNCTION score_of(int) RETURNS float8 LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT mlops.score(''fraud'', t) FROM t WHERE id = $1); END';
SQL
plain=$(answers)
private_server stop
is "a plain server answers" "$(echo "$plain" | wc -l)" 27

start "shared_preload_libraries = 'auto_explain,mlops,pg_stat_statements'" "auto_explain.log_min_duration = 0" "auto_explain.log_analyze = on" \
	"auto_explain.log_verbose = on" "auto_explain.log_nested_statements = on" "pg_stat_statements.track = 'all'" "pg_stat_statements.track_planning = on" "compute_query_id = on"
is "with pg_stat_statements and auto_explain, nothing differs" "$(answers)" "$plain"
is "and they saw it" "$(query -c "CREATE EXTENSION pg_stat_statements" -c "SELECT count(*) > 10 FROM pg_stat_statements WHERE query LIKE '%mlops%'")" t
private_server stop
start "shared_preload_libraries = 'mlops'" "force_parallel_mode = regress" "jit = on" "jit_above_cost = 0" "jit_inline_above_cost = 0" "jit_optimize_above_cost = 0" \
	"parallel_setup_cost = 0" "parallel_tuple_cost = 0" "min_parallel_table_scan_size = 0" "enable_seqscan = off" "plan_cache_mode = force_generic_plan"
is "with forced parallel plans and compiled expressions, nothing differs" "$(answers)" "$plain"
echo "1..$n"
