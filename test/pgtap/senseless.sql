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
	($$SELECT mlops.train('x', 'tx', target => 'is_fraud', features => '{NULL}')$$, '22004', '"features" must not contain nulls'),
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
	($$SELECT mlops.set_alert_rule('m', 'r', 'recall', min => 'Infinity')$$, '22023', '"min" and "max" of an alert rule must be finite'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'recall', max => 'NaN')$$, '22023', '"min" and "max" of an alert rule must be finite'),
	($$SELECT mlops.monitor('m', segments => '{country,nation}')$$, '42703', 'column "nation" in "segments" is read by no version of model "m"'),
	($$SELECT mlops.deploy('m', 1, 'segment', rule => '{"country": "DE", "chanel": "web"}')$$, '42703', 'column "chanel" in "rule" is not known: model "m" was never trained on data with it'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'recall', min => 0.5, labels => '{"country": "DE"}')$$, '22023', 'no metric "recall" of model "m" has a label "country"'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"featur": "amount"}')$$, '22023', 'no metric "drift" of model "m" has a label "featur"'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drifted_share', max => 0.5, labels => '{"feature": "amount"}')$$, '22023', 'no metric "drifted_share" of model "m" has a label "feature"'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"feature": "amont", "test": "psi"}')$$, '22023', 'label "feature" of metric "drift" of model "m" is never "amont"'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"feature": "ts"}')$$, '22023', 'label "feature" of metric "drift" of model "m" is never "ts"'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"feature": ["amount"]}')$$, '22023', 'label "feature" of metric "drift" of model "m" is never ["amount"]'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"test": "psy"}')$$, '22023', 'label "test" of metric "drift" of model "m" is never "psy"'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drift', max => 0.5, labels => '{"test": null}')$$, '22023', 'label "test" of metric "drift" of model "m" is never null'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'decisions', min => 5, labels => '{"shadow": false}')$$, '22023', 'label "shadow" of metric "decisions" of model "m" is never false'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'decisions', min => 5, labels => '{"variant": 1}')$$, '22023', 'label "variant" of metric "decisions" of model "m" is never 1'),
	($$SELECT mlops.silence('m', 's', now(), '1 hour')$$, '22023', 'only one of "until" and "lasting" may be given'),
	($$SELECT mlops.silence('m', 's', lasting => '-1 hour')$$, '22023', '"lasting" must be a length of time above 0'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'latency_p95', max => 5, labels => '{"country": "DE"}')$$, '22023', 'no metric "latency_p95" of model "m" has a label "country"'),
	($$SELECT mlops.set_gate('m', '{"pr_auc": {"min": 2}}')$$, '22023', 'value 2 of "min" in "gate.pr_auc" is out of range'),
	($$SELECT mlops.set_gate('m', '{"precision": {"min": 50}}')$$, '22023', 'value 50 of "min" in "gate.precision" is out of range'),
	($$SELECT mlops.set_gate('m', '{"mcc": {"min": -1.5}}')$$, '22023', 'value -1.5 of "min" in "gate.mcc" is out of range'),
	($$SELECT mlops.set_gate('m', '{"log_loss": {"max": -0.1}}')$$, '22023', 'value -0.1 of "max" in "gate.log_loss" is out of range'),
	($$SELECT mlops.set_gate('m', '{"recall_vs_deployed": {"min_gain": 5}}')$$, '22023', 'value 5 of "min_gain" in "gate.recall_vs_deployed" is out of range'),
	($$SELECT mlops.set_gate('m', '{"fairness": {"by": "country", "metric": "recall", "max_gap": -0.1}}')$$, '22023', 'value -0.1 of "max_gap" in "gate.fairness" is out of range'),
	($$SELECT mlops.set_gate('m', '{"fairness": {"by": "country", "metric": "recall", "max_gap": 10}}')$$, '22023', 'value 10 of "max_gap" in "gate.fairness" is out of range'),
	($$SELECT mlops.set_gate('m', '{"fairness": {"by": "country", "metric": "recall", "max_gap": 0.1, "min_rows": 0}}')$$, '22023', 'value 0 of "min_rows" in "gate.fairness" is out of range'),
	($$SELECT mlops.set_gate('m', '{"fairness": [{"by": "country", "metric": "recall", "max_gap": 0.1}, {"by": "contry", "metric": "recall", "max_gap": 0.1}]}')$$, '42703', 'column "contry" in "gate.fairness" is not known: model "m" was never trained on data with it'),
	($$SELECT mlops.retrain('m', gate => '{"fairness": {"by": "contry", "metric": "recall", "max_gap": 0.1}}')$$, '42703', 'column "contry" in "gate.fairness" is not known: model "m" was never trained on data with it'),
	($$SELECT mlops.set_retraining_policy('m', '0 3 * * *', gate => '{"fairness": {"by": "contry", "metric": "recall", "max_gap": 0.1}}')$$, '42703', 'column "contry" in "gate.fairness" is not known: model "m" was never trained on data with it'),
	($$SELECT mlops.deploy('m', 1, guard => '{"alert_rate": {"max": 5}}')$$, '22023', 'value 5 of "max" in "guard.alert_rate" is out of range'),
	($$SELECT mlops.deploy('m', 1, guard => '{"precision": {"min": 0.9, "max": 0.2}}')$$, '22023', '"min" 0.9 in "guard.precision" is above "max" 0.2'),
	($$SELECT mlops.deploy('m', 1, 'canary', key => 'id', ramp => '[{"percent": 5, "wait": "1 hour", "guard": {"error_rate": {"max": 3}}}]')$$, '22023', 'value 3 of "max" in "guard.error_rate" is out of range'),
	($$SELECT mlops.deploy('m', 1, 'canary', key => 'id', percent => 5, guard => '{"alert_rate": {"min_ratio": 2, "max_ratio": 1}}')$$, '22023', '"min_ratio" 2 in "guard.alert_rate" is above "max_ratio" 1'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'precision', min => 90)$$, '22023', 'value 90 of "min" in "alert rule" is out of range'),
	($$SELECT mlops.set_alert_rule('m', 'r', 'drifted_share', max => -1)$$, '22023', 'value -1 of "max" in "alert rule" is out of range'),
	($$SELECT mlops.cross_validate('x', 'four', target => 'is_fraud', group_by => 'customer', exclude => '{customer}', folds => 5)$$, '22000', 'column "customer" of "group_by" has 4 values, fewer than 5 folds'),
	($$SELECT mlops.cross_validate('x', 'four', target => 'is_fraud', group_by => 'online', folds => 3)$$, '22000', 'column "online" of "group_by" has 2 values, fewer than 3 folds');
SELECT plan((SELECT count(*)::int FROM refusals) + 22);
SELECT throws_ok(statement, code, message, statement) FROM refusals ORDER BY place;

-- ---- values that the linear model cannot tell apart, by the feature's name
SELECT throws_like(format('SELECT mlops.train(''x'', query => ''SELECT id, amount * 1e-315 AS tiny, country, is_fraud FROM tx'', target => ''is_fraud'', key => ''id'', features => ''{tiny,country}'', algorithm => ''logistic_regression'', params => ''{"solver": "%s"}'')', solver),
	'feature "tiny" has values too close to each other: their standard deviation is 2.88%e-314', solver) FROM unnest('{newton,lbfgs}'::text[]) AS solver;

-- ---- their neighbours are accepted
SELECT lives_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', features => '{amount}', exclude => '{id,ts}', params => '{"n_estimators": 2}')$$, 'features, and others to leave out');
SELECT is((SELECT e.alert_rate FROM mlops.evaluate('m', 'tx', threshold => 0) AS e), 1::float8, 'threshold 0 flags all');
SELECT is((SELECT e.alert_rate FROM mlops.evaluate('m', 'tx', threshold => 1.1) AS e), 0::float8, 'one above 1 flags none');
SELECT lives_ok($$SELECT mlops.set_gate('m', '{"pr_auc": {"min": 0.2, "max": 0.2}}')$$, 'bounds that meet');
SELECT lives_ok($$SELECT mlops.set_gate('m', '{"mcc": {"min": -1, "max": 1}, "log_loss": {"max": 40}, "expected_cost": {"max": -2}, "pr_auc": {"min": 0, "max": 1}, "fairness": {"by": "balance", "metric": "mcc", "max_gap": 2, "min_rows": 1}}')$$, 'bounds that metrics can just reach, a column that was not read');
SELECT mlops.set_gate('m', '{}') \g /dev/null
SELECT lives_ok($$SELECT mlops.set_alert_rule('m', 'w', 'precision', min => 0, max => 1)$$, 'of alert rules too');
SELECT is_empty($$SELECT unnest(mlops_catalog.metric_names() || mlops_catalog.guard_metrics() || mlops_catalog.monitor_metric_names()) EXCEPT SELECT metric FROM mlops_catalog.metric_ranges()$$, 'the range of every metric is known');
SELECT is_empty($$SELECT e.key, e.value FROM mlops.evaluate('m', 'tx') AS v, jsonb_each_text(to_jsonb(v)) AS e JOIN mlops_catalog.metric_ranges() AS r ON r.metric = e.key WHERE e.value::float8 NOT BETWEEN r.minimum AND r.maximum$$, 'metrics are in it');
SELECT lives_ok($$SELECT mlops.monitor('m', segments => '{country}')$$, 'a column that versions read');
SELECT lives_ok($$SELECT mlops.set_alert_rule('m', 'r', 'recall', min => 0.5, labels => '{"country": "DE"}')$$, 'which is a label from then on');
SELECT lives_ok($$SELECT mlops.set_alert_rule('m', 'd', 'drift', max => 0.5, labels => '{"feature": "amount", "test": "psi"}')$$, 'labels of drift');
SELECT lives_ok($$SELECT mlops.set_alert_rule('m', 'd', 'drift', max => 0.5, labels => jsonb_build_object('feature', f)) FROM unnest(mlops_catalog.drift_features((SELECT model_id FROM mlops_catalog.model WHERE name = 'm'), 'm')) AS f$$, 'of any feature');
SELECT set_eq($$SELECT unnest(mlops_catalog.drift_features((SELECT model_id FROM mlops_catalog.model WHERE name = 'm'), 'm'))$$, $$SELECT feature FROM mlops.check_drift('m', 'tx', version => 1) UNION SELECT feature FROM mlops.check_drift('m', 'tx', version => 2)$$, 'of which drift is looked for');
SELECT throws_ok($$SELECT mlops.set_alert_rule('m', 'r', 'recall', min => 0.5, labels => '{"country": {"a": 1}}')$$, '22023', 'label "country" of metric "recall" of model "m" is never {"a": 1}', 'a value that no column has');
SELECT lives_ok($$SELECT mlops.monitor('m', segments => '{country,online}')$$, 'two columns');
SELECT throws_ok($$SELECT mlops.set_alert_rule('m', 'r', 'recall', min => 0.5, labels => '{"country": "DE", "online": true}')$$, '22023', 'no metric "recall" of model "m" has the labels "country", "online"', 'each has metrics of its own');
SELECT is((SELECT silenced_until - now() BETWEEN interval '1 hour' AND interval '2 hours' FROM mlops.silence('m', 'd', lasting => '1 hour')), true, 'silent for a length of time');
SELECT is((SELECT silenced_until FROM mlops.silence('m', 'd')), NULL, 'no more');
SELECT lives_ok($$SELECT mlops.deploy('m', 1, 'segment', rule => '{"balance": null}')$$, 'a rule by a column of the table that was not read');
SELECT is((SELECT count(*) FROM mlops.cross_validate('x', 'four', target => 'is_fraud', group_by => 'customer', exclude => '{customer}', folds => 4, params => '{"n_estimators": 2}') AS c WHERE c.fold IS NOT NULL AND c.test_rows > 0), 4::bigint, 'as many folds as groups');
SELECT * FROM finish();
ROLLBACK;
