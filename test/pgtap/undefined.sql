-- A metric that is not defined is NULL, wherever it is shown or asked for.
\ir setup.psql
SELECT plan(22);

-- market "new" has no fraud at all; score is the logistic function of x
CREATE TABLE payment AS SELECT g AS id, timestamp '2026-01-01' + g * interval '1 min' AS at, CASE WHEN g % 4 = 0 THEN 'new' ELSE 'old1' END AS market,
	abs(hashint4(g)) % 1000 AS x, g % 4 <> 0 AND abs(hashint4(g)) % 1000 > CASE WHEN g % 3 = 0 THEN 500 ELSE 700 END AND abs(hashint4(g * 7)) % 3 > 0 AS fraud FROM generate_series(1, 6000) AS g;
SELECT mlops.train('f', 'payment', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 5}', threshold => '{"value": 0.3}') \g /dev/null

-- ---- evaluate
CREATE TEMP TABLE e AS SELECT segment ->> 'market' AS market, x.* FROM mlops.evaluate('f/1', query => 'SELECT * FROM payment', threshold => 0.3, by => '{market}') AS x;
SELECT results_eq($$SELECT market, positives = 0, recall IS NULL, mcc IS NULL, precision, pr_auc IS NULL FROM e WHERE market IS NOT NULL ORDER BY e.market COLLATE "C"$$,
	$$VALUES ('new', true, true, true, 0::float8, true), ('old1', false, false, false, (SELECT precision FROM e WHERE market = 'old1'), false)$$,
	'recall and MCC of a segment without positives, and no other metric of it');
SELECT results_eq($$SELECT precision, recall, f1, mcc, false_positive_rate, alert_rate FROM mlops.evaluate('f/1', query => 'SELECT * FROM payment WHERE market = ''old1''', threshold => 1.1)$$,
	$$VALUES (NULL::float8, 0::float8, 0::float8, NULL::float8, 0::float8, 0::float8)$$, 'precision and MCC where nothing is flagged');
SELECT results_eq($$SELECT precision, recall, f1, mcc, false_positive_rate, accuracy FROM mlops.evaluate('f/1', query => 'SELECT * FROM payment WHERE NOT fraud', threshold => 1.1)$$,
	$$VALUES (NULL::float8, NULL::float8, NULL::float8, NULL::float8, 0::float8, 1::float8)$$, 'F1 where nothing is flagged or positive');
SELECT results_eq($$SELECT precision, recall, mcc, false_positive_rate FROM mlops.evaluate('f/1', query => 'SELECT * FROM payment WHERE fraud', threshold => 0)$$,
	$$VALUES (1::float8, 1::float8, NULL::float8, NULL::float8)$$, 'the false positive rate without negatives');
SELECT is((SELECT count(recall) FROM mlops.curve('f/1', query => 'SELECT * FROM payment WHERE NOT fraud', kind => k)), 0::bigint, format('curve %s: no share of no positives', k))
	FROM unnest('{roc,gain}'::text[]) AS k;
SELECT is((SELECT count(recall) FROM mlops.curve('f/1', query => 'SELECT * FROM payment WHERE NOT fraud')), 0::bigint, 'curve pr: neither');

-- ---- a gate on fairness leaves out what is not defined
SELECT mlops.set_gate('f', '{"fairness": {"by": "market", "metric": "recall", "max_gap": 0.99}}') \g /dev/null
CREATE TEMP TABLE fair AS SELECT * FROM mlops.check_gate('f', 1);
SELECT is((SELECT detail ->> 'reason' FROM fair), 'undefined: recall is known for one segment with enough rows, a gap needs two', 'one segment has no gap');
SELECT is((SELECT passed FROM fair), false, 'and does not pass');
UPDATE payment SET market = 'old2' WHERE market = 'old1' AND id % 3 = 0;
CREATE OR REPLACE TEMP VIEW test_rows AS SELECT * FROM payment ORDER BY at DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE model = 'f' AND version = 1);
SELECT results_eq($$SELECT passed, round(value::numeric, 10), detail ? 'new', detail ? 'reason' FROM mlops.check_gate('f', 1)$$,
	$$SELECT true, round((max(recall) - min(recall))::numeric, 10), false, false FROM mlops.evaluate('f/1', 'test_rows', by => '{market}')
		WHERE segment ->> 'market' IN ('old1', 'old2')$$, 'the gap of the two that have one; new has none');
SELECT ok((SELECT value < 0.99 AND value > 0 FROM mlops.check_gate('f', 1)), 'which is not the one to 0');
SELECT mlops.set_gate('f', '{"fairness": {"by": "market", "metric": "false_positive_rate", "max_gap": 1}}') \g /dev/null
SELECT ok((SELECT detail ?& '{new,old1,old2}' FROM mlops.check_gate('f', 1)), 'a rate that is defined there counts there');

-- ---- a version that flags nothing
SELECT mlops.train('nothing', 'payment', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 2}', threshold => '{"value": 1}') \g /dev/null
SELECT is((SELECT metrics -> 'precision' FROM mlops.versions WHERE model = 'nothing'), 'null'::jsonb, 'has no precision');
SELECT is((SELECT metrics -> 'recall' FROM mlops.versions WHERE model = 'nothing'), '0'::jsonb, 'a recall of 0');
SELECT results_eq($$SELECT name, value FROM mlops.run_metrics AS r JOIN mlops.versions AS v USING (run_id) WHERE v.model = 'nothing' AND name IN ('test_precision', 'test_mcc', 'validation_precision') ORDER BY 1$$,
	$$VALUES ('test_mcc', NULL::float8), ('test_precision', NULL), ('validation_precision', NULL)$$, 'nor have its run''s metrics');
SELECT mlops.set_gate('nothing', '{"precision": {"min": 0}, "alert_rate": {"max": 0.5}}') \g /dev/null
SELECT results_eq($$SELECT condition, passed, value, detail ->> 'reason' FROM mlops.check_gate('nothing', 1)$$,
	$$VALUES ('alert_rate', true, 0::float8, NULL), ('precision', false, NULL, 'undefined: the rows that the version was judged on give no precision')$$, 'a gate on what is not defined is not passed');
SELECT throws_like($$SELECT mlops.deploy('nothing', 1)$$, 'version 1 of model "nothing" does not pass the gate', 'so it is not deployed');
SELECT mlops.set_gate('nothing', '{}') \g /dev/null
SELECT mlops.deploy('nothing', 1) \g /dev/null
SELECT mlops.train('nothing', 'payment', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 2}', threshold => '{"value": 0}') \g /dev/null
SELECT mlops.set_gate('nothing', '{"precision_vs_deployed": {"min_gain": 0}}') \g /dev/null
SELECT results_eq($$SELECT passed, value, detail ->> 'reason', detail -> 'deployed' FROM mlops.check_gate('nothing', 2)$$,
	$$VALUES (false, NULL::float8, 'undefined: the test rows give no precision of the deployed version', NULL::jsonb)$$, 'a gain over what is not defined is none');
SELECT ok(mlops.model_card('nothing', 1) ~ E'\n\\| recall \\| 0\\.?0* \\|' AND mlops.model_card('nothing', 1) !~ E'\n\\| (precision|mcc) \\| [0-9]', 'the card leaves it out');

-- ---- folds: the mean of those that have a metric
CREATE TEMP TABLE cv AS SELECT * FROM mlops.cross_validate('cv', 'payment', target => 'fraud', key => 'id', features => '{x}', folds => 3, params => '{"n_estimators": 2}', threshold => '{"min_precision": 0.9999}');
SELECT ok((SELECT (SELECT "precision" FROM cv WHERE fold = 'mean') IS NOT DISTINCT FROM avg("precision") FROM cv WHERE fold ~ '^\d+$'), 'as avg() has it');

-- ---- the same in performance of logged decisions: a window in which nothing is flagged, one without frauds
SELECT mlops.deploy('nothing', 1) FROM mlops.set_gate('nothing', '{}') \g /dev/null
SELECT mlops.monitor('nothing', every => '1 hour') \g /dev/null
INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions, true_positives, false_positives, false_negatives, true_negatives)
	SELECT model_id, timestamptz '2026-01-01' + h * interval '1 hour', timestamptz '2026-01-01' + (h + 1) * interval '1 hour', 1, '{}', 10, 0, 0, n, 10 - n
	FROM mlops_catalog.model, (VALUES (0, 4), (1, 0)) AS w(h, n) WHERE name = 'nothing';
SELECT results_eq($$SELECT "precision", recall, f1, false_positive_rate FROM mlops.performance WHERE model = 'nothing' ORDER BY window_start$$,
	$$VALUES (NULL::float8, 0::float8, 0::float8, 0::float8), (NULL, NULL, NULL, 0)$$, 'performance says the same');
SELECT is((SELECT count(*) FROM mlops.monitor_metrics WHERE model = 'nothing' AND metric = 'precision'), 0::bigint, 'alert rules see no precision there');
SELECT finish();
ROLLBACK;
