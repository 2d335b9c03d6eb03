-- What evaluate says of a version: counts, intervals, costs.
\ir setup.psql
SELECT plan(42);

CREATE TABLE pay AS SELECT g AS id, timestamp '2026-01-01' + g * interval '1 min' AS at, abs(hashint4(g)) % 1000 AS x, abs(hashint4(g * 3)) % 100 AS amount,
	abs(hashint4(g)) % 1000 > 900 AND abs(hashint4(g * 7)) % 3 > 0 AS fraud FROM generate_series(1, 6000) AS g;
SELECT mlops.train('f', 'pay', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 5}') \g /dev/null
CREATE VIEW late AS SELECT * FROM pay WHERE id > 4800;
CREATE TEMP TABLE e AS SELECT * FROM mlops.evaluate('f/1', 'late');

SELECT results_eq('SELECT threshold, true_positives, false_positives, false_negatives, true_negatives FROM e',
	$$SELECT v.threshold, count(*) FILTER (WHERE p.flagged AND s.fraud), count(*) FILTER (WHERE p.flagged AND NOT s.fraud), count(*) FILTER (WHERE NOT p.flagged AND s.fraud),
		count(*) FILTER (WHERE NOT p.flagged AND NOT s.fraud) FROM mlops.versions AS v, late AS s, LATERAL mlops.predict('f/1', s) AS p WHERE v.model = 'f' GROUP BY 1$$,
	'the counts are those of the threshold');
SELECT ok(precision BETWEEN precision_lower AND precision_upper AND recall BETWEEN recall_lower AND recall_upper AND roc_auc BETWEEN roc_auc_lower AND roc_auc_upper
	AND false_positive_rate BETWEEN false_positive_rate_lower AND false_positive_rate_upper AND pr_auc BETWEEN pr_auc_lower AND pr_auc_upper, 'every interval holds its metric') FROM e;
SELECT is(e.*::text, f.*::text, 'another time, with other threads, all is the same') FROM e, (SELECT set_config('mlops.threads', '1', false)) AS s, LATERAL mlops.evaluate('f/1', CASE WHEN s IS NOT NULL THEN 'late'::regclass END) AS f;
SELECT results_eq($$SELECT precision_lower, precision_upper, recall_lower, roc_auc_lower, roc_auc_upper FROM mlops.evaluate('f/1', query => 'SELECT * FROM late WHERE NOT fraud', threshold => 1.1)$$,
	'SELECT NULL::float8, NULL::float8, NULL::float8, NULL::float8, NULL::float8', 'an interval of what is not defined is NULL');
SELECT is((SELECT sum(true_positives + false_positives + false_negatives + true_negatives) FROM mlops.evaluate('f/1', query => 'SELECT *, id % 3 AS shop FROM late', by => '{shop}') WHERE segment <> '{}'),
	1200::numeric, 'segments have theirs');
SELECT ok(s.pr_auc_upper - s.pr_auc_lower > e.pr_auc_upper - e.pr_auc_lower, 'fewer rows, wider intervals') FROM e, mlops.evaluate('f/1', query => 'SELECT * FROM late WHERE id % 10 = 0') AS s;

-- ---- its own rows
CREATE FUNCTION verdict(model text, source regclass DEFAULT NULL, rows text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$ SELECT e::text FROM mlops.evaluate(model, source, rows => rows) AS e $$;
CREATE FUNCTION said(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLERRM, nullif(d, ''), h);
END
$$;
CREATE VIEW test_rows AS SELECT * FROM pay WHERE id > 4800;
SELECT is(verdict('f/1'), verdict('f/1', 'test_rows'), 'without source and query it is judged on its test rows');
SELECT is(verdict('f/1', rows => 'test'), verdict('f/1'), 'as is said by rows');
SELECT is((metrics ->> 'pr_auc')::float8, e.pr_auc, 'as the training judged it') FROM mlops.versions AS v, mlops.evaluate('f/1') AS e WHERE v.model = 'f';
SELECT is(verdict('f/1', rows => 'all'), verdict('f/1', 'pay'), 'all: the rows of its training');
SELECT is(said($$SELECT * FROM mlops.evaluate('f/1', 'pay', rows => 'test')$$), 'rows => ''test'' does not go with "source" | The test rows are those that the training set aside; they are read from where it read them. | Leave out "source" and "query"; or leave out "rows" to judge on all rows of them.', 'test rows of what?');
SELECT is(said($$SELECT * FROM mlops.curve('f/1', rows => 'tset')$$), 'unrecognized value "tset" of "rows" | Valid values are: all, test.', 'no such rows');
SELECT is(verdict('f'), verdict('f/1', 'test_rows'), 'what is deployed') FROM mlops.deploy('f', 1);
SELECT is((SELECT threshold FROM mlops.evaluate('f')), 0.25::float8, 'at the threshold that answers') FROM mlops.deploy('f', 1, threshold => 0.25);
SELECT results_eq($$SELECT * FROM mlops.curve('f/1', kind => 'roc', points => 20)$$, $$SELECT * FROM mlops.curve('f/1', 'test_rows', kind => 'roc', points => 20)$$, 'curves too');
SELECT mlops.train('f', 'pay', target => 'fraud', key => 'id', features => '{x}', params => '{"n_estimators": 5}') \g /dev/null
SELECT is(said($$SELECT * FROM mlops.evaluate('f/2')$$), 'version 2 of model "f" has no test rows that can be read again | the test rows were drawn at random; train with a time_column or a fold column. | Give labelled rows that it did not learn from: source => ..., or query => ....', 'rows drawn at random are lost');
CREATE ROLE regress_judge;
SELECT mlops.grant('f', 'regress_judge', 'score') \g /dev/null
GRANT USAGE ON SCHEMA public TO regress_judge;
SET ROLE regress_judge;
SELECT throws_ok($$SELECT * FROM mlops.evaluate('f/1')$$, '42501', 'permission denied to view model "f"', 'who asks must be allowed to know which rows they are');
RESET ROLE;
SELECT mlops.grant('f', 'regress_judge', 'view') \g /dev/null
SET ROLE regress_judge;
SELECT throws_ok($$SELECT * FROM mlops.evaluate('f/1')$$, '42501', 'permission denied for table pay', 'and to read them');
RESET ROLE;
ALTER TABLE pay RENAME TO gone;
SELECT throws_ok($$SELECT * FROM mlops.evaluate('f/1')$$, '42P01', NULL, 'and they must be there');
ALTER TABLE gone RENAME TO pay;

-- ---- costs of the training
SELECT mlops.train('c', 'pay', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 5}', threshold => '{"cost": {"false_positive": 5, "false_negative": "amount"}}') \g /dev/null
SELECT is(round(e.expected_cost::numeric, 12), round((metrics ->> 'expected_cost')::numeric, 12), 'a version knows what its errors cost') FROM mlops.versions AS v, mlops.evaluate('c/1') AS e WHERE v.model = 'c';
SELECT is((SELECT round(e.expected_cost::numeric, 12) FROM mlops.evaluate('c/1', 'pay', threshold => 0.3) AS e),
	(SELECT round(avg(CASE WHEN p.score >= 0.3 AND NOT fraud THEN 5 WHEN p.score < 0.3 AND fraud THEN amount ELSE 0 END), 12) FROM pay AS s, LATERAL mlops.predict('c/1', s) AS p), 'by the column of the rows');
SELECT is((SELECT round(sum(expected_cost * rows)::numeric, 6) FROM mlops.evaluate('c/1', query => 'SELECT *, id % 3 AS shop FROM late', by => '{shop}') WHERE segment <> '{}'),
	(SELECT round((expected_cost * rows)::numeric, 6) FROM mlops.evaluate('c/1', 'late')), 'segments have theirs');
SELECT is((SELECT expected_cost FROM mlops.evaluate('c/1', query => 'SELECT id, x, fraud, at FROM late')), NULL, 'without the column there are none');
SELECT is((SELECT expected_cost FROM mlops.evaluate('f/1', 'late')), NULL, 'nor of who was trained without');
SELECT is(said($$SELECT * FROM mlops.curve('f/1', kind => 'cost')$$), 'no costs are known for errors of "f/1" | Version 1 was trained without costs, or the columns that they are in are not among these rows. | Costs are given in training: threshold => ''{"cost": {"false_positive": 5, "false_negative": 100}}''.', 'no curve of costs then');
SELECT FROM mlops.import_model(mlops.export_model('c', 1), 'brought');
SELECT is(said($$SELECT * FROM mlops.curve('brought/1', 'late', kind => 'cost')$$), 'no costs are known for errors of "brought/1" | Version 1 was imported: the costs of its training are not known here. | Costs are given in training: threshold => ''{"cost": {"false_positive": 5, "false_negative": 100}}''.', 'what an import leaves behind is not called missing');
SELECT is(said($$SELECT * FROM mlops.daily_precision('brought/1', 'late')$$), '"time_column" must be given | Version 1 of model "brought" was imported: its training''s is not known here. | Name the column that says when a row was, such as time_column => ''created_at''.', 'nor its time column');

-- ---- points of curves
SELECT is((SELECT count(*) FROM (SELECT p.threshold, e.true_positives + e.false_positives, e.precision, e.recall, e.false_positive_rate, e.alert_rate, e.expected_cost FROM mlops.curve('c/1', kind => 'pr', points => 8) AS p, LATERAL mlops.evaluate('c/1', threshold => p.threshold) AS e
	EXCEPT SELECT pr.threshold, pr.flagged, pr.precision, roc.recall, roc.false_positive_rate, gain.alert_rate, cost.cost FROM mlops.curve('c/1', kind => 'pr', points => 8) AS pr JOIN mlops.curve('c/1', kind => 'roc', points => 8) AS roc USING (threshold)
		JOIN mlops.curve('c/1', kind => 'gain', points => 8) AS gain USING (threshold) JOIN mlops.curve('c/1', kind => 'cost', points => 8) AS cost USING (threshold)) AS unlike), 0::bigint, 'a point of a curve is what evaluate says at its threshold');
SELECT ok(bool_and(abs(l.lift - p.precision / (e.positives::float8 / e.rows)) < 1e-12) AND count(*) > 3, 'lift is how much denser positives are') FROM mlops.curve('c/1', kind => 'lift', points => 8) AS l JOIN mlops.curve('c/1', points => 8) AS p USING (threshold), mlops.evaluate('c/1') AS e;
SELECT is((SELECT jsonb_build_array(sum(c.rows), sum(c.positives), bool_and(c.positive_rate = c.positives::float8 / c.rows), count(c.flagged)) FROM mlops.curve('c/1', kind => 'calibration', points => 5) AS c),
	(SELECT jsonb_build_array(rows, positives, true, 0) FROM mlops.evaluate('c/1')), 'bins hold all rows');
-- ---- recall at a false positive rate
SELECT is(e.recall_at_fpr, (SELECT max(c.recall) FROM mlops.curve('c/1', kind => 'roc', points => 1000000) AS c WHERE c.false_positive_rate <= 0.05), 'recall_at_fpr is the best of the ROC curve') FROM mlops.evaluate('c/1') AS e;
SELECT is((v.metrics ->> 'recall_at_fpr')::float8, e.recall_at_fpr, 'a version has it') FROM mlops.versions AS v, mlops.evaluate('c/1') AS e WHERE v.model = 'c';
SELECT mlops.train('r', 'pay', target => 'fraud', key => 'id', time_column => 'at', features => '{x,amount}', params => '{"n_estimators": 5}', metric => 'recall_at_fpr', threshold => '{"max_fpr": 0.02}') \g /dev/null
SELECT ok(value <= 0.02, 'a training keeps to max_fpr') FROM mlops.run_metrics WHERE model = 'r' AND name = 'validation_false_positive_rate';
SELECT ok(count(*) > 0, 'and follows the metric') FROM mlops.run_metrics WHERE model = 'r' AND name = 'validation_recall_at_fpr';
SELECT ok(t.reached AND t.false_positive_rate <= 0.02 AND t.recall = (SELECT max(c.recall) FROM mlops.curve('r/1', kind => 'roc', points => 1000000) AS c WHERE c.false_positive_rate <= 0.02), 'thresholds shows what it would choose')
	FROM mlops.thresholds('r', 1, '{"max_fpr": 0.02}') AS t;
SELECT is((SELECT count(recall_at_fpr) FROM mlops.cross_validate('r', 'pay', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 2}', folds => 2, parallel => 1)), 4::bigint, 'cross_validate has it for folds, mean and deviation');
SELECT mlops.set_gate('r', '{"recall_at_fpr": {"max": 0}}') \g /dev/null
SELECT ok(said($$SELECT * FROM mlops.deploy('r', 1)$$) LIKE format('version 1 of model "r" does not pass the gate | recall_at_fpr: at most 0, found %s%%', metrics ->> 'recall_at_fpr'), 'gates ask for it') FROM mlops.versions WHERE model = 'r';

-- ---- who may score is not told what a version learned from
CREATE ROLE regress_mlops_scorer;
GRANT SELECT ON pay TO regress_mlops_scorer;
SELECT mlops.grant('r', 'regress_mlops_scorer', 'score') \g /dev/null
CREATE FUNCTION pg_temp.as_scorer(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_mlops_scorer;
	RETURN said(statement);
END $$;
GRANT EXECUTE ON FUNCTION said(text) TO regress_mlops_scorer;
SELECT ok(pg_temp.as_scorer(format('SELECT * FROM mlops.%s', call)) LIKE 'permission denied to view model "r"%', call)
	FROM (VALUES ('evaluate(''r/1'')'), ('evaluate(''r/1'', rows => ''test'')'), ('curve(''r/1'')'), ('daily_precision(''r/1'')'), ('thresholds(''r'', 1, ''{"max": "f1"}'')')) AS c(call);
RESET ROLE;
SELECT * FROM finish();
