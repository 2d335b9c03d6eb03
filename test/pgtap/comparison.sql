-- Versions side by side: parameters among the learners that have them, test rows
-- that differ, and judging all on the same rows.
\ir setup.psql
SET client_min_messages = error;	-- what is said of test rows is in test/t/notices.sh
SELECT plan(27);
CREATE FUNCTION trained(params jsonb, algorithm text DEFAULT 'gradient_boosting', query text DEFAULT 'SELECT * FROM tx', time_column name DEFAULT 'ts') RETURNS int LANGUAGE sql AS
$$ SELECT version FROM mlops.train('fraud', query => query, target => 'is_fraud', key => 'id', time_column => time_column, algorithm => algorithm, params => params) $$;
SELECT trained('{"n_estimators": 3}'), trained('{"n_estimators": 4}'), trained('{}', 'logistic_regression'), trained('{"n_estimators": 3}', query => 'SELECT * FROM tx WHERE id <= 4000') \g /dev/null
CREATE FUNCTION differs(versions int[], kind text, name text) RETURNS boolean LANGUAGE sql AS
$$ SELECT c.differs FROM mlops.compare('fraud', versions) AS c WHERE c.kind = differs.kind AND c.name = differs.name $$;

-- ---- parameters
SELECT is(differs('{1,2,3}', 'param', 'n_estimators'), true, 'a parameter that differs among the versions of its learner');
SELECT is(differs('{1,3}', 'param', 'n_estimators'), false, 'and not from a learner that has none');
SELECT is(differs('{1,2,3}', 'param', 'C'), false, 'nor the other way round');
SELECT is(differs('{1,3}', 'run', 'algorithm'), true, 'learners differ');
SELECT is((SELECT "values" FROM mlops.compare('fraud', '{1,3}') WHERE name = 'C'), '{"3": 1}'::jsonb, 'its value is there, as a number');
SELECT mlops.start_run('own') AS a, mlops.start_run('own') AS b \gset
SELECT mlops.log_params(:a, '{"window": 3, "same": 1}'), mlops.log_params(:b, '{"same": 1}'), mlops.log_metrics(:a, '{"duration_ms": 3, "recall": 0.5, "alerts": 7}'), mlops.log_metrics(:b, '{"duration_ms": 4, "recall": 0.6, "alerts": 8}') \g /dev/null
SELECT is((SELECT array_agg(name ORDER BY o) FROM mlops.compare_runs(ARRAY[:a, :b]) WITH ORDINALITY AS c(kind, name, differs, v, spread, o) WHERE differs), '{recall,window,alerts,duration_ms}', 'runs of one''s own');
SELECT is((SELECT count(*) FROM mlops.compare_runs('{}')), 0::bigint, 'none at all');
SELECT throws_ok(format('SELECT * FROM mlops.compare_runs(ARRAY[%s, 99999, 88888])', :a), '42704', 'run 99999 does not exist', 'the first one that is not there is named');
SELECT throws_ok('SELECT * FROM mlops.compare_runs(ARRAY[NULL]::bigint[])', '22004', '"run_ids" must not contain nulls', 'or is none');

-- ---- types of values
SELECT is((SELECT jsonb_object_agg(name, "values" -> :'a') FROM mlops.compare_runs(ARRAY[:a]) WHERE name IN ('window', 'duration_ms', 'recall')), '{"window": 3, "duration_ms": 3, "recall": 0.5}'::jsonb, 'metrics and parameters that are numbers');
SELECT is((SELECT jsonb_object_agg(name, "values" -> '1') FROM mlops.compare('fraud', '{1}') WHERE name IN ('seed', 'rows', 'algorithm')), (SELECT jsonb_build_object('seed', r.seed, 'rows', d.rows, 'algorithm', r.algorithm)
	FROM mlops.runs AS r JOIN mlops.datasets AS d USING (dataset_id) WHERE r.model = 'fraud' AND r.version = 1), 'what else is a number, and what is none');
SELECT mlops.start_run('own') AS c \gset
SELECT mlops.log_params(:c, '{"code": "007", "dot": "1.", "big": "1e999", "yes": "true", "no": "False", "list": [1], "minus": "-0.5e-3", "long": "1234567890123456789012345678901234567890123", "plus": "+1", "none": "null"}') \g /dev/null
SELECT is((SELECT jsonb_object_agg(name, "values" -> :'c') FROM mlops.compare_runs(ARRAY[:c]) WHERE kind = 'param'),
	'{"code": "007", "dot": "1.", "big": "1e999", "yes": true, "no": "False", "list": "[1]", "minus": -0.0005, "long": "1234567890123456789012345678901234567890123", "plus": "+1", "none": "null"}', 'texts stay texts');

-- ---- times
SELECT is((SELECT (test_from, test_to, test_number_from)::text FROM mlops.datasets ORDER BY dataset_id LIMIT 1), (SELECT (min(ts), max(ts), NULL::float8)::text FROM tx WHERE id > 4000), 'test rows from and to, as times');
SELECT trained('{"n_estimators": 3}', time_column => 'id') \g /dev/null
SELECT is((SELECT (test_from, test_number_from, test_number_to)::text FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1), '(,4001,5000)', 'as numbers, where the time column is one');
SELECT is((SELECT "values" FROM mlops.compare('fraud', '{1,5}') WHERE name = 'test_from'), jsonb_build_object('1', (SELECT to_jsonb(ts) FROM tx WHERE id = 4001), '5', 4001), 'side by side');
UPDATE mlops_catalog.dataset SET test_from = 'Infinity', test_to = 'NaN' WHERE time_from IS NOT NULL;
SELECT is((SELECT bool_and(test_from IS NULL AND test_to IS NULL) FROM mlops.datasets), true, 'what is no time is none, and no error');

-- ---- on the same rows
CREATE TEMP TABLE same AS SELECT * FROM mlops.compare('fraud', '{1,3,4}', query => 'SELECT * FROM tx WHERE id % 5 = 0') WITH ORDINALITY;
SELECT is((SELECT array_agg(kind ORDER BY ordinality) FROM same WHERE ordinality <= 10), array_fill('metric on the same rows'::text, '{10}'), 'come first');
SELECT is((SELECT (name, differs)::text FROM same WHERE ordinality = 1), '(pr_auc,t)', 'in the order of the metrics');
SELECT is((SELECT "values" FROM same WHERE kind = 'metric on the same rows' AND name = 'roc_auc'),
	(SELECT jsonb_object_agg(v, e.roc_auc) FROM unnest('{1,3,4}'::int[]) AS v CROSS JOIN LATERAL mlops.evaluate('fraud/' || v, query => 'SELECT * FROM tx WHERE id % 5 = 0') AS e), 'are those of mlops.evaluate');
SELECT is((SELECT spread FROM same WHERE kind = 'metric on the same rows' AND name = 'rows'), 0::float8, 'of the same rows');
SELECT is((SELECT count(*) FROM same WHERE kind = 'metric' AND name = 'test_roc_auc'), 1::bigint, 'beside the recorded ones');
SELECT is((SELECT "values" FROM mlops.compare('fraud', '{1,4}', 'tx') WHERE name = 'rows' AND kind LIKE 'metric%'), '{"1": 5000, "4": 5000}'::jsonb, 'of a table');
SELECT is((SELECT count(DISTINCT k) FROM mlops.compare('fraud', source => 'tx'), jsonb_object_keys("values") AS k WHERE kind = 'metric on the same rows'), 5::bigint, 'all versions');
SELECT set_config('mlops_test.read', '0', true) \g /dev/null
SELECT throws_ok($$SELECT * FROM mlops.compare('fraud', '{1,4}', query => 'SELECT * FROM tx WHERE id <= 2000 + 100 * set_config(''mlops_test.read'', (1 + current_setting(''mlops_test.read'')::int)::text, true)::int / 5000')$$,
	'55000', 'the rows are not the same for all versions', 'rows that change between two versions are told');
SELECT throws_ok($$SELECT * FROM mlops.compare('fraud', '{1,4}', source => 'tx', query => 'SELECT * FROM tx')$$, '22023', NULL, 'a table or a query');
SELECT throws_ok($$SELECT * FROM mlops.compare('fraud', '{1,4}', query => 'SELECT * FROM none')$$, '42P01', NULL, 'a table that is not there');
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', positive => 'false', params => '{"n_estimators": 2}') \g /dev/null
SELECT throws_ok(format('SELECT * FROM mlops.compare(''fraud'', ''{1,%s}'', ''tx'')', max(version)), '55000', 'the versions of model "fraud" predict different things', 'what means the opposite is not compared on rows') FROM mlops.versions;
SELECT * FROM finish();
ROLLBACK;
