-- Arguments that contradict themselves, name nothing that there is, or ask for
-- what can never be: refused, with the name of what is wrong.
\ir setup.psql
SELECT mlops.train('m', 'tx', target => 'is_fraud', key => 'id', features => '{amount,country,online}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null
CREATE TABLE four AS SELECT *, 'customer ' || abs(hashint4(id)) % 4 AS customer FROM tx;
CREATE TABLE outcome AS SELECT id, is_fraud, CASE id % 3 WHEN 0 THEN timestamptz 'infinity' WHEN 1 THEN '-infinity' ELSE now() END AS known_at, date 'infinity' AS known_on FROM tx WHERE id <= 30;

CREATE TABLE refusals (place int GENERATED ALWAYS AS IDENTITY, statement text, code text, message text);
INSERT INTO refusals (statement, code, message) VALUES
	($$SELECT mlops.train('x', 'tx', target => 'is_fraud', features => '{}')$$, '22023', '"features" names no column'),
	($$SELECT mlops.train('x', 'tx', target => 'is_fraud', features => '{NULL}')$$, '22023', '"features" names no column'),
	($$SELECT mlops.train('x', 'tx', target => 'is_fraud', features => '{amount,country,amount}')$$, '42701', 'column "amount" is named twice in "features"'),
	($$SELECT mlops.train('x', 'tx', target => 'is_fraud', features => '{amount,country}', exclude => '{country,id}')$$, '22023', 'column "country" is named in "features" and in "exclude"'),
	($$SELECT mlops.tune('x', 'tx', target => 'is_fraud', features => '{amount,amount}', trials => 2)$$, '42701', 'column "amount" is named twice in "features"'),
	($$SELECT mlops.cross_validate('x', 'tx', target => 'is_fraud', features => '{}')$$, '22023', '"features" names no column'),
	($$SELECT mlops.evaluate('m', 'tx', threshold => 'NaN')$$, '22023', 'threshold NaN is out of range'),
	($$SELECT mlops.evaluate('m', 'tx', threshold => 'Infinity')$$, '22023', 'threshold Infinity is out of range'),
	($$SELECT mlops.evaluate('m', 'tx', threshold => '-Infinity')$$, '22023', 'threshold -Infinity is out of range'),
	($$SELECT mlops.evaluate('m', 'tx', threshold => -5)$$, '22023', 'threshold -5 is out of range'),
	($$SELECT mlops.add_labels('m', 'outcome', key => 'id', label => 'is_fraud', labelled_at => 'known_at')$$, '22008', 'column "known_at" contains an infinite time'),
	($$SELECT mlops.add_labels('m', 'outcome', key => 'id', label => 'is_fraud', labelled_at => 'known_on')$$, '22008', 'column "known_on" contains an infinite time'),
	($$SELECT mlops.set_gate('m', '{"pr_auc": {"min": 0.9, "max": 0.2}}')$$, '22023', '"min" 0.9 in "gate.pr_auc" is above "max" 0.2'),
	($$SELECT mlops.retrain('m', gate => '{"recall": {"min": 1, "max": 0}}')$$, '22023', '"min" 1 in "gate.recall" is above "max" 0'),
	($$SELECT mlops.monitor('m', segments => '{country,country}')$$, '42701', '"segments" names a column twice'),
	($$SELECT mlops.alert_rule('m', 'r', 'recall', min => 'Infinity')$$, '22023', '"min" and "max" of an alert rule must be finite'),
	($$SELECT mlops.alert_rule('m', 'r', 'recall', max => 'NaN')$$, '22023', '"min" and "max" of an alert rule must be finite'),
	($$SELECT mlops.monitor('m', segments => '{country,nation}')$$, '42703', 'column "nation" in "segments" is read by no version of model "m"'),
	($$SELECT mlops.deploy('m', 1, 'segment', rule => '{"country": "DE", "chanel": "web"}')$$, '42703', 'column "chanel" in "rule" is not known: model "m" was never trained on data with it'),
	($$SELECT mlops.alert_rule('m', 'r', 'recall', min => 0.5, labels => '{"country": "DE"}')$$, '22023', 'no figure "recall" of model "m" has a label "country"'),
	($$SELECT mlops.alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"featur": "amount"}')$$, '22023', 'no figure "drift" of model "m" has a label "featur"'),
	($$SELECT mlops.alert_rule('m', 'r', 'drifted_share', max => 0.5, labels => '{"feature": "amount"}')$$, '22023', 'no figure "drifted_share" of model "m" has a label "feature"'),
	($$SELECT mlops.alert_rule('m', 'r', 'latency_p95', max => 5, labels => '{"country": "DE"}')$$, '22023', 'no figure "latency_p95" of model "m" has a label "country"'),
	($$SELECT mlops.cross_validate('x', 'four', target => 'is_fraud', group_by => 'customer', exclude => '{customer}', folds => 5)$$, '22000', 'column "customer" of "group_by" has 4 values, fewer than 5 folds'),
	($$SELECT mlops.cross_validate('x', 'four', target => 'is_fraud', group_by => 'online', folds => 3)$$, '22000', 'column "online" of "group_by" has 2 values, fewer than 3 folds');
SELECT plan((SELECT count(*)::int FROM refusals) + 11);
SELECT throws_ok(statement, code, message, statement) FROM refusals ORDER BY place;

-- ---- values that the linear model cannot tell apart, by the feature's name
SELECT throws_like(format('SELECT mlops.train(''x'', query => ''SELECT id, amount * 1e-315 AS tiny, country, is_fraud FROM tx'', target => ''is_fraud'', key => ''id'', features => ''{tiny,country}'', algorithm => ''logistic_regression'', params => ''{"solver": "%s"}'')', solver),
	'feature "tiny" has values too close to each other: their standard deviation is 2.88%e-314', solver) FROM unnest('{newton,lbfgs}'::text[]) AS solver;

-- ---- their neighbours are accepted
SELECT lives_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', features => '{amount}', exclude => '{id,ts}', params => '{"n_estimators": 2}')$$, 'features, and others to leave out');
SELECT is((SELECT e.alert_rate FROM mlops.evaluate('m', 'tx', threshold => 0) AS e), 1::float8, 'threshold 0 flags all');
SELECT is((SELECT e.alert_rate FROM mlops.evaluate('m', 'tx', threshold => 1.1) AS e), 0::float8, 'one above 1 flags none');
SELECT lives_ok($$SELECT mlops.set_gate('m', '{"pr_auc": {"min": 0.2, "max": 0.2}}')$$, 'bounds that meet');
SELECT mlops.set_gate('m', '{}') \g /dev/null
SELECT lives_ok($$SELECT mlops.monitor('m', segments => '{country}')$$, 'a column that versions read');
SELECT lives_ok($$SELECT mlops.alert_rule('m', 'r', 'recall', min => 0.5, labels => '{"country": "DE"}')$$, 'which is a label from then on');
SELECT lives_ok($$SELECT mlops.alert_rule('m', 'd', 'drift', max => 0.5, labels => '{"feature": "amount", "test": "psi"}')$$, 'labels of drift');
SELECT lives_ok($$SELECT mlops.deploy('m', 1, 'segment', rule => '{"balance": null}')$$, 'a rule by a column of the table that was not read');
SELECT is((SELECT count(*) FROM mlops.cross_validate('x', 'four', target => 'is_fraud', group_by => 'customer', exclude => '{customer}', folds => 4, params => '{"n_estimators": 2}') AS c WHERE c.fold IS NOT NULL AND c.test_rows > 0), 4::bigint, 'as many folds as groups');
SELECT * FROM finish();
ROLLBACK;
