-- Whatever plan reads a source, functions do the same: also those that write
-- while they read, and with compiled expressions.
\ir setup.psql
SELECT plan(11);
SELECT FROM mlops.train('p', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}');
SELECT FROM mlops.deploy('p', 1);
CREATE TEMP TABLE one AS SELECT (SELECT sum(score) FROM mlops.score_table('p', 'tx', key => 'id')) AS scores,
	(SELECT brier FROM mlops.evaluate('p', 'tx')) AS brier, (SELECT sha256 FROM mlops.versions WHERE model = 'p' AND version = 1) AS sha256;
ALTER TABLE tx SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET jit_above_cost = 0;
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$;
SELECT ok(EXISTS (SELECT FROM pg_temp.plan_of('SELECT id, is_fraud FROM tx WHERE amount > 1') AS p WHERE p LIKE '%Gather%'), 'plans are parallel here');
SELECT is(rows, 5000::bigint, 'labels are added') FROM mlops.add_labels('p', query => 'SELECT id AS k, is_fraud AS l FROM tx WHERE amount >= 0', key => 'k', label => 'l');
SELECT is(rows, 5000::bigint, 'also from a table') FROM mlops.add_labels('p', 'tx', key => 'id', label => 'is_fraud');
SELECT is(rows, 5000::bigint, 'a snapshot is taken') FROM mlops.snapshot(query => 'SELECT * FROM tx WHERE amount >= 0', name => 'copied');
SELECT ok(abs(sum(s.score) - o.scores) < 1e-9, 'rows are scored') FROM mlops.score_table('p', query => 'SELECT * FROM tx WHERE amount >= 0', key => 'id') AS s, one AS o GROUP BY o.scores;
SELECT ok(abs(e.brier - o.brier) < 1e-12, 'rows are judged') FROM mlops.evaluate('p', query => 'SELECT * FROM tx WHERE amount >= 0') AS e, one AS o;
SELECT is(version, 2, 'a model is trained') FROM mlops.train('p', query => 'SELECT * FROM tx WHERE amount >= 0', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}');
SELECT is(v.sha256, o.sha256, 'with the same bytes') FROM mlops.versions AS v, one AS o WHERE v.model = 'p' AND v.version = 2;
SELECT lives_ok($$SELECT * FROM mlops.explain_table('p', query => 'SELECT * FROM tx WHERE amount >= 0')$$, 'rows are explained');
SELECT lives_ok($$SELECT * FROM mlops.check_drift('p', query => 'SELECT * FROM tx WHERE amount >= 0')$$, 'drift is measured');
SELECT lives_ok($$SELECT * FROM mlops.drift_between('tx', 'tx')$$, 'drift of two sources');
SELECT * FROM finish();
ROLLBACK;
