-- What a training records, and that the same data gives the same bytes.
\ir setup.psql
SELECT plan(29);

CREATE FUNCTION sha(model text, v int) RETURNS text LANGUAGE sql AS
$$SELECT sha256 FROM mlops.versions WHERE versions.model = $1 AND version = v$$;

SELECT isnt(metrics ->> 'pr_auc', NULL, 'train returns metrics') FROM mlops.train('fraud', 'tx', target => 'is_fraud',
	key => 'id', time_column => 'ts', params => '{"n_estimators": 30}', tags => '{"team": "risk"}');
SELECT is(judged, 'test', 'judged on the test rows') FROM (SELECT metrics ->> 'judged_on' AS judged FROM mlops.versions WHERE model = 'fraud') q;
SELECT is(train_rows + validation_rows + test_rows, 5000::bigint, 'every row has a part') FROM mlops.versions WHERE model = 'fraud';
SELECT is(test_rows, 1000::bigint, 'the last 20 % are the test set') FROM mlops.versions WHERE model = 'fraud';
SELECT is(validation_rows, 500::bigint, 'the 10 % before them are the validation set') FROM mlops.versions WHERE model = 'fraud';
SELECT ok(pr_auc > 0.5 AND roc_auc > 0.7, 'something was learned') FROM mlops.versions WHERE model = 'fraud';
SELECT is(value, '30', 'a parameter given is recorded') FROM mlops.run_params WHERE model = 'fraud' AND name = 'n_estimators';
SELECT is(p.value, a.default_value, 'a default is filled in') FROM mlops.run_params p JOIN mlops.algorithms a ON a.parameter = p.name AND a.algorithm = 'gradient_boosting' WHERE p.model = 'fraud' AND name = 'max_bins';
SELECT is((SELECT count(*) FROM mlops.algorithms a WHERE algorithm = 'gradient_boosting' AND NOT EXISTS (SELECT 1 FROM mlops.run_params p WHERE p.model = 'fraud' AND p.name = a.parameter)), 0::bigint, 'all parameters are recorded');
SELECT ok(bool_and(value >= 0), 'every phase is timed') FROM mlops.run_metrics WHERE model = 'fraud' AND name IN ('ingest_ms', 'split_ms', 'preprocess_ms', 'fit_ms', 'judge_ms') HAVING count(*) = 5;
SELECT is(seed, 42::bigint, 'the seed is recorded') FROM mlops.runs WHERE model = 'fraud';
SELECT is(tags ->> 'team', 'risk', 'tags are recorded') FROM mlops.runs WHERE model = 'fraud';
SELECT is(time_to, (SELECT max(ts) FROM tx), 'the time range is recorded') FROM mlops.datasets ORDER BY dataset_id LIMIT 1;
SELECT is((SELECT sum(share)::numeric(6, 4) FROM mlops.feature_importance WHERE model = 'fraud'), 1.0000, 'importances add up');

CREATE TABLE shuffled AS SELECT * FROM tx ORDER BY md5(id::text);
SELECT lives_ok($$SELECT mlops.train('fraud', 'shuffled', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 30}')$$, 'train on the rows in another order');
SELECT is(sha('fraud', 2), sha('fraud', 1), 'the order of rows does not matter when a key is given');
SELECT is((SELECT count(DISTINCT content_hash) FROM mlops.datasets), 1::bigint, 'nor for the content hash');
SET LOCAL mlops.threads = 1;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 30}')$$, 'train with one thread');
SET LOCAL mlops.threads = 4;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 30}')$$, 'train with four threads');
SELECT is(sha('fraud', 3), sha('fraud', 1), 'one thread gives the same bytes');
SELECT is(sha('fraud', 4), sha('fraud', 1), 'four threads give the same bytes');
SET LOCAL mlops.threads = 1;
SELECT lives_ok($$SELECT mlops.train('linear', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression')$$, 'logistic regression with one thread');
SET LOCAL mlops.threads = 4;
SELECT lives_ok($$SELECT mlops.train('linear', 'shuffled', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression')$$, 'logistic regression with four threads, shuffled');
SELECT is(sha('linear', 2), sha('linear', 1), 'gives the same bytes');
SELECT ok(count(*) > 5 AND bool_and(abs(odds_ratio - exp(coefficient)) < 1e-9), 'coefficients of the linear model') FROM mlops.coefficients WHERE model = 'linear' AND version = 1;
SELECT is((SELECT count(*) FROM mlops.evaluate('fraud/1', 'tx', by => '{country,online}')), 9::bigint, 'evaluate by segments: one row for all, one for each');
CREATE TEMP TABLE segments AS SELECT * FROM mlops.evaluate('fraud/1', 'tx', by => '{country,online}') WITH ORDINALITY;
SELECT is((SELECT array_agg(segment ORDER BY ordinality) FROM segments), (SELECT array_agg(segment ORDER BY segment <> '{}', rows DESC, segment::text COLLATE "C") FROM segments), 'most rows first');
SELECT is((SELECT string_agg(e.segment ->> 's', ' ' ORDER BY ordinality) FROM mlops.evaluate('fraud/1', query => 'SELECT *, CASE WHEN id % 10 < 5 THEN ''much'' ELSE (ARRAY[''b'', ''A'', ''ä'', ''a'', NULL])[1 + id % 5] END AS s FROM tx', by => '{s}') WITH ORDINALITY AS e
	WHERE segment <> '{}'), 'much A a b ä', 'of as many rows by their text, whatever the collation');
-- with refit, early stopping still says for how many rounds
SELECT count(*) FROM unnest('{false,true}'::boolean[]) AS refit, mlops.train('rounds', 'tx', target => 'is_fraud', key => 'id', split => jsonb_build_object('refit', refit),
	params => '{"n_estimators": 300, "early_stopping_rounds": 5}') \g /dev/null
SELECT results_eq($$SELECT m.value < 300, m.value = min(m.value) OVER (), p.value::int = CASE version WHEN 1 THEN 300 ELSE m.value END
	FROM mlops.run_metrics AS m JOIN mlops.run_params AS p USING (run_id, model, version) WHERE model = 'rounds' AND m.name = 'iterations' AND p.name = 'n_estimators'$$,
	$$VALUES (true, true, true), (true, true, true)$$, 'what is learned again has the rounds that early stopping chose, and says so');
SELECT * FROM finish();
ROLLBACK;
