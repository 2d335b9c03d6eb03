-- Every documented error of training and scoring, with its SQLSTATE.
\ir setup.psql
SELECT plan(134);

CREATE FUNCTION explained(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', algorithm => 'gradient_bosting')$$,
	'22023', 'unrecognized algorithm "gradient_bosting"', 'unknown algorithm');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"n_trees": 5}')$$,
	'22023', 'unrecognized key "n_trees" in "params"', 'unknown parameter');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"max_depth": 4000}')$$,
	'22023', NULL, 'parameter out of range');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"max_depth": 2.5}')$$,
	'22023', NULL, 'integer parameter with a fraction');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"max_depth": "6"}')$$,
	'22023', '"max_depth" in "params" must be a number, not a string', 'parameter of another type');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '[1]')$$,
	'22023', '"params" must be a JSON object', 'params that are no object');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', split => '{"tset": 0.3}')$$,
	'22023', 'unrecognized key "tset" in "split"', 'unknown key in split');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', preprocess => '{"clas_weight": "balanced"}')$$,
	'22023', 'unrecognized key "clas_weight" in "preprocess"', 'unknown key in preprocess');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', threshold => '{"max": "f2"}')$$,
	'22023', 'unrecognized value "f2" of "max" in "threshold"', 'unknown threshold objective');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', threshold => '{"max": "f1", "value": 0.5}')$$,
	'22023', '"threshold" must have one key, not 2', 'two threshold policies');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', metric => 'auc')$$,
	'22023', 'unrecognized metric "auc"', 'unknown metric');
SELECT throws_ok($$SELECT mlops.train('m', 'tx')$$,
	'22023', '"target" must be given', 'no target');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fruad')$$,
	'42703', '"target" names column "is_fruad", which does not exist in the source', 'target that does not exist');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', time_column => 'time')$$,
	'42703', NULL, 'time_column that does not exist');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', exclude => '{nothing}')$$,
	'42703', NULL, 'excluded column that does not exist');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', exclude => '{id,amount,id}')$$,
	'42701', 'column "id" is named twice in "exclude"', 'a column that is excluded twice');
SELECT throws_ok($$SELECT mlops.cross_validate('m', 'tx', target => 'is_fraud', exclude => '{id,id}')$$,
	'42701', 'column "id" is named twice in "exclude"', 'in a cross-validation too');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', tags => '["a"]')$$,
	'22023', '"tags" must be a JSON object', 'tags that are no object');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', features => '{is_fraud}')$$,
	'22023', 'target "is_fraud" cannot be a feature', 'target as a feature');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'country')$$,
	'42804', NULL, 'text target without positive');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'country', positive => 'XX')$$,
	'22000', 'no row has "XX" in target "country"', 'positive value that does not occur');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'amount')$$,
	'22000', NULL, 'numeric target that is not 0/1');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT * FROM tx WHERE NOT is_fraud', target => 'is_fraud')$$,
	'22000', 'target "is_fraud" has only one class in the source', 'one class only');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT * FROM tx WHERE false', target => 'is_fraud')$$,
	'22000', 'the source has no rows', 'no rows');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT 1 AS a, ''x''::text AS b, is_fraud FROM tx', target => 'is_fraud')$$,
	'22000', NULL, 'all features constant');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT *, CASE WHEN id = 7 THEN ''Infinity''::float8 ELSE 1 END AS x FROM tx', target => 'is_fraud')$$,
	'22000', 'column "x" contains an infinite value', 'infinite value');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT *, CASE WHEN id = 7 THEN ''-infinity''::timestamp ELSE ts END AS x FROM tx', target => 'is_fraud')$$,
	'22000', 'column "x" contains an infinite value', 'infinite timestamp');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT *, ARRAY[id] AS x FROM tx', target => 'is_fraud', features => '{amount,x}')$$,
	'42804', 'column "x" of type integer[] cannot be a feature', 'array column');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', query => 'SELECT 1', target => 'is_fraud')$$,
	'22023', 'exactly one of "source" and "query" must be given', 'both source and query');
SELECT throws_ok($$SELECT mlops.train('m', target => 'is_fraud')$$,
	'22023', 'exactly one of "source" and "query" must be given', 'neither source nor query');
SELECT matches(explained(call), 'exactly one of "source" and "query" must be given \| "is_fraud" stands in the place of "query"\. Write the name .* target => ''is_fraud''', call)
FROM unnest(ARRAY[$$SELECT mlops.train('m', 'tx', 'is_fraud')$$, $$SELECT mlops.tune('m', 'tx', 'is_fraud')$$, $$SELECT mlops.cross_validate('m', 'tx', 'is_fraud')$$]) AS call;
SELECT throws_ok($$SELECT mlops.train('m', query => 'DELETE FROM tx RETURNING *', target => 'is_fraud')$$,
	'22023', '"query" must be a SELECT', 'query that is not a SELECT');
SELECT throws_ok($$SELECT mlops.train('m', query => 'WITH d AS (DELETE FROM tx RETURNING *) SELECT * FROM d', target => 'is_fraud')$$,
	'22023', '"query" must be a SELECT that only reads', 'query that writes in a CTE');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT 1; SELECT 2', target => 'is_fraud')$$,
	'22023', '"query" must be one SELECT, not 2 statements', 'two statements');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT id, id, is_fraud FROM tx', target => 'is_fraud')$$,
	'42702', 'column name "id" is ambiguous', 'ambiguous column');
SELECT throws_ok($$SELECT mlops.train('Fraud Model', 'tx', target => 'is_fraud')$$,
	'22023', 'invalid model name "Fraud Model"', 'invalid model name');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"monotone_constraints": {"amnt": 1}}')$$,
	'22023', '"amnt" in "monotone_constraints" is not a feature', 'constraint on a feature that does not exist');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', weight => 'country')$$,
	'42804', NULL, 'weight that is no number');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', split => '{"fold": "country"}')$$,
	'22000', NULL, 'fold column with other values');
SET LOCAL mlops.max_training_memory = '16MB';
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT t.*, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e, random() AS f FROM tx t, generate_series(1, 100)', target => 'is_fraud')$$,
	'53200', NULL, 'more memory than allowed');
CREATE TABLE large AS SELECT t.*, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e FROM tx AS t, generate_series(1, 100);
ANALYZE large;
SELECT matches(explained($$SELECT mlops.train('m', 'large', target => 'is_fraud')$$),
	'^learning from these rows needs about \d\d MB, but mlops.max_training_memory allows 16 MB \| The table has about 500000 rows\. None was read\. \| Raise mlops.max_training_memory', 'a table is refused before it is read');
SELECT matches(explained($$SELECT mlops.train('m', query => 'SELECT * FROM large', target => 'is_fraud')$$),
	'^the rows need more memory than the 16 MB that mlops.max_training_memory allows \| \d+ of about 500000 rows were read\. All take about 1?[0-9][0-9] MB\. \| Raise mlops.max_training_memory', 'what all rows of a query need');
SELECT matches(explained($$SELECT * FROM mlops.drift_between('large', 'large')$$),
	'^the rows need more memory than the 16 MB that mlops.max_training_memory allows \| \d+ of about 500000 rows were read\. All take about (2[0-9]|[3-9][0-9]) MB\.', 'what all rows of a comparison need');
RESET mlops.max_training_memory;
SELECT throws_ok($$SELECT mlops.train('m', 4294967295::oid::regclass, target => 'is_fraud')$$,
	'42P01', 'relation with OID 4294967295 does not exist', 'source that was dropped');
SELECT throws_ok($$SELECT * FROM mlops.drift_between(4294967295::oid::regclass, 'tx')$$,
	'42P01', 'relation with OID 4294967295 does not exist', 'reference that was dropped');
SELECT is((SELECT count(*) FROM mlops.runs), 0::bigint, 'a refused training leaves no run');

SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 10}')$$, 'train');
SELECT throws_ok($$SELECT mlops.evaluate('fraud/1', 'tx', by => '{country,country}')$$,
	'42701', 'column "country" is named twice in "by"', 'a segment twice');
SELECT throws_ok($$SELECT mlops.compare('fraud', '{1,1}')$$, '22023', '"versions" names a version twice', 'a version twice');
SELECT throws_ok($$SELECT mlops.monitor('fraud', '1 hour', source => 'tx', time_column => 'tz')$$,
	'42703', '"time_column" names column "tz", which does not exist in the source', 'a time column that does not exist, of a monitor');
SELECT throws_ok($$SELECT mlops.monitor('fraud', '1 hour', source => 'tx', time_column => 'id')$$,
	'42804', 'column "id" of "time_column" has type integer', 'one that has no times');
SELECT throws_ok($$SELECT mlops.score('fraud', t) FROM tx t LIMIT 1$$,
	'55000', 'no version of model "fraud" is deployed', 'nothing deployed');
SELECT throws_ok($$SELECT mlops.score('fraud/2', t) FROM tx t LIMIT 1$$,
	'42704', 'version 2 of model "fraud" does not exist', 'version that does not exist');
SELECT throws_ok($$SELECT mlops.score('fruad', t) FROM tx t LIMIT 1$$,
	'42704', 'model "fruad" does not exist', 'model that does not exist');
SELECT throws_ok($$SELECT mlops.score('fraud/1', t) FROM (SELECT amount, country FROM tx) t LIMIT 1$$,
	'42703', 'the row to score lacks columns that the model reads: "balance", "online"', 'columns missing at scoring');
SELECT throws_ok($$SELECT mlops.score('fraud/1', t) FROM (SELECT amount::text, balance, country, online FROM tx) t LIMIT 1$$,
	'42804', 'column "amount" has type text, but the model was trained on double precision', 'column of another type at scoring');
SELECT throws_ok($$SELECT mlops.score('fraud/1', t) FROM (SELECT 'Infinity'::float8 AS amount, balance, country, online FROM tx) t LIMIT 1$$,
	'22000', 'column "amount" contains an infinite value', 'infinite value at scoring');
SELECT throws_ok(format($$SELECT mlops.score('fraud/1', %L::jsonb)$$, given), '42804', 'features in JSON must be an object, not ' || kind, 'features that are ' || kind)
FROM (VALUES ('null', 'null'), ('[1]', 'an array'), ('"a"', 'a string'), ('1', 'a number'), ('true', 'a boolean')) AS v(given, kind);
SELECT throws_ok($$SELECT mlops.score('fraud/1', 5)$$,
	'42804', 'features must be a row or jsonb, not integer', 'features that are no row');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 1, strategy => 'blue')$$,
	'22023', 'unrecognized deployment strategy "blue"', 'unknown strategy');
SELECT is(explained($$SELECT mlops.add_labels('fraud', 'tx', 'id', 'is_fraud')$$),
	'exactly one of "source" and "query" must be given | "id" stands in the place of "query". Write the name of the argument that it is meant for, such as key => ''id''.', 'a key without its name');
SELECT is(explained(format('SELECT * FROM mlops.%s(''fraud/1'', ''tx'', ''x'')', f)), 'exactly one of "source" and "query" must be given | "x" stands in the place of "query". Write the name of the argument that it is meant for'
	|| coalesce(', such as ' || argument || ' => ''x''', '') || '.', 'an argument that ' || f || ' has')
FROM (VALUES ('score_table', 'key'), ('evaluate', 'target'), ('curve', 'kind'), ('daily_precision', 'time_column'), ('explain_table', NULL), ('check_drift', NULL)) AS v(f, argument);
-- what is written first, and how it is meant
SELECT is(explained(call), message, call) FROM (VALUES
	($$SELECT mlops.deploy('fraud', 1, 'canary', key => 'id', ramp => '[5, 100]')$$, 'step 5 of "ramp" must be a JSON object | Write it as {"percent": 5, "wait": "1 hour"}.'),
	($$SELECT mlops.deploy('fraud', 1); SELECT mlops.deploy('fraud', NULL, 'ab', key => 'id', variants => '[{"version": 1, "percent": 50}]')$$, '"variants" must be a JSON object | Write it as {"b": {"version": 2, "percent": 30}}.'),
	($$SELECT mlops.deploy('fraud', 1, guard => '{"alert_rate": 0.1}')$$, '"guard.alert_rate" must be a JSON object | Write it as {"max": 0.1}.'),
	($$SELECT mlops.deploy('fraud', 1, guard => '[]')$$, '"guard" must be a JSON object | Write it as {"alert_rate": {"max": 0.1}}.'),
	($$SELECT mlops.set_gate('fraud', '{"pr_auc": 0.9}')$$, '"pr_auc" in "gate" must be a JSON object, not number | Write it as {"pr_auc": {"min": 0.9}}.'),
	($$SELECT mlops.set_gate('fraud', '{"log_loss": 0.9}')$$, '"log_loss" in "gate" must be a JSON object, not number | Write it as {"log_loss": {"max": 0.1}}.'),
	($$SELECT mlops.set_gate('fraud', '{"pr_auc_vs_deployed": 0}')$$, '"pr_auc_vs_deployed" in "gate" must be a JSON object, not number | Write it as {"pr_auc_vs_deployed": {"min_gain": 0}}.'),
	($$SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.9}, "recall_vs_production": {"min_gain": 0}}')$$, 'unrecognized key "recall_vs_production" in "gate" | Write it as "recall_vs_deployed".'),
	($$SELECT mlops.set_gate('fraud', '{"fairness": "country"}')$$, '"fairness" in "gate" must be a JSON object or array, not string | Write it as {"fairness": {"by": "country", "metric": "recall", "max_gap": 0.1}}.'),
	($$SELECT mlops.set_gate('fraud', '{"approvals": "two"}')$$, '"approvals" in "gate" must be a JSON number or object, not string | Write it as {"approvals": 1}.'),
	($$SELECT mlops.set_gate('fraud', '{"fairness": {"by": "zzzzzzzz", "metric": "recall", "max_gap": 0.1}}')$$, 'column "zzzzzzzz" in "gate.fairness" is not known: model "fraud" was never trained on data with it | No version could pass. Name a column of the rows that versions are trained on.'),
	($$SELECT mlops.set_gate('fraud', '{"fairness": {"by": "contry", "metric": "recall", "max_gap": 0.1}}')$$, 'column "contry" in "gate.fairness" is not known: model "fraud" was never trained on data with it | Perhaps you meant "country". No version could pass. Name a column of the rows that versions are trained on.'),
	($$SELECT mlops.deploy('fraud', 1); SELECT mlops.deploy('fraud', NULL, 'canary', key => 'id', percent => 5)$$, 'strategy "canary" needs "version" | Name the version that gets the share; the rest stays with the deployed version.'),
	($$SELECT mlops.deploy('fraud', 1, metric => 'recall')$$, '"metric" does not apply to strategy "direct" | Strategies that take it: canary, ab, bandit, champion_challenger.'),
	($$SELECT mlops.deploy('fraud', 1, 'shadow', metric => 'recall')$$, '"metric" does not apply to strategy "shadow" | Strategies that take it: canary, ab, bandit, champion_challenger.'),
	($$SELECT mlops.retrain('fraud', action => 'canary')$$,
		'strategy "canary" needs "percent" or "ramp", and a key | Write options => ''{"key": "card_id", "percent": 5}'': the column whose value decides which version a row sees, and a share above 0 and below 100.'),
	($$SELECT mlops.train('m', 'tx', target => 'is_fraud', threshold => '0.5')$$, '"threshold" must be a JSON object | Write it as threshold => ''{"value": 0.5}''.'),
	($$SELECT mlops.set_gate('fraud', '["pr_auc"]')$$, '"gate" must be a JSON object | Write it as {"pr_auc": {"min": 0.9}}.'),
	($$SELECT mlops.set_retraining_policy('fraud', triggers => '["alerts"]')$$, '"triggers" must be a JSON object | Write it as {"alerts": true, "new_labels": 1000}.'),
	($$SELECT mlops.set_retraining_policy('fraud', triggers => '{"alerts": "x"}')$$, '"alerts" in "triggers" must be a JSON array or boolean, not string | Write it as {"alerts": true}.'),
	($$SELECT mlops.train('m', 'tx', target => 'is_fraud', threshold => '{"cost": 10}')$$,
		'"cost" in "threshold" must be an object, not a number | Write it as {"cost": {"false_positive": 5, "false_negative": 100}}.'),
	($$SELECT mlops.train('m', 'tx', target => 'is_fraud', preprocess => '{"class_weight": 10}')$$,
		'"class_weight" in "preprocess" must be an object, not a number | Write it as {"class_weight": {"positive": 5}}.'),
	($$SELECT mlops.score('fraud/1', '{"Amount": 5, "balance": 1, "online": true, "country": null}')$$,
		'the object to score lacks keys that the model reads: "amount" | Perhaps key "Amount" is meant to be "amount". Give an unknown value as null.'),
	($$SELECT mlops.score('fraud/1', '{"amount": 5, "balance": 1, "online": true}')$$,
		'the object to score lacks keys that the model reads: "country" | Give an unknown value as null.'),
	($$SELECT mlops.model_card('fraud/1')$$, 'invalid model name "fraud/1" | Here the model''s name stands alone: ''fraud''. What takes a version has an argument for its number.'),
	($$SELECT mlops.deploy('fraud@champion', 1)$$, 'invalid model name "fraud@champion" | Here the model''s name stands alone: ''fraud''. What takes a version has an argument for its number.')) AS e(call, message);
-- a hint that says how something is written is right: it is taken as it stands
SELECT lives_ok(format('SELECT mlops.set_gate(''fraud'', %L)', gate #>> '{}'), format('the hint for %s', wrong))
FROM (VALUES ('{"recall": {"min": "x"}}', '{"recall": %s}'), ('{"brier": {"max": "x"}}', '{"brier": %s}'), ('{"pr_auc_vs_deployed": {"min_gain": "x"}}', '{"pr_auc_vs_deployed": %s}'),
	('{"pr_auc_vs_deployed": {"on": 1}}', '{"pr_auc_vs_deployed": %s}'),
	('{"fairness": {"by": 1}}', '{"fairness": {"metric": "recall", "max_gap": 0.1} + %s}'), ('{"fairness": {"metric": 1}}', '{"fairness": {"by": "country", "max_gap": 0.1} + %s}'),
	('{"fairness": {"max_gap": "x"}}', '{"fairness": {"by": "country", "metric": "recall"} + %s}'),
	('{"fairness": {"min_rows": "x"}}', '{"fairness": {"by": "country", "metric": "recall", "max_gap": 0.1} + %s}'),
	('{"approvals": {"count": "x"}}', '{"approvals": %s}'), ('{"approvals": {"four_eyes": "x"}}', '{"approvals": %s}'), ('{"aliases": 1}', '%s'), ('{"approvals": "x"}', '%s')) AS w(wrong, right_place)
CROSS JOIN LATERAL (SELECT substring(explained(format('SELECT mlops.set_gate(''fraud'', %L)', wrong)) FROM 'Write it as (.*)\.$') AS hint) AS h
CROSS JOIN LATERAL (SELECT to_jsonb(CASE WHEN right_place ~ '\+' THEN format('{"fairness": %s}', (substring(right_place FROM '^\{"fairness": (.*) \+')::jsonb || hint::jsonb)::text)
	ELSE format(right_place, hint) END) AS gate) AS g;
SELECT mlops.set_gate('fraud', '{}') \g /dev/null
CREATE ROLE regress_errors_none;
SET LOCAL ROLE regress_errors_none;
SELECT matches(explained($$SELECT mlops.approve('fraud', 1)$$), '^permission denied to see model "fraud" \| That takes the privilege "view"\..*grant\(''fraud'', ''regress_errors_none'', ''view''\)\.$', 'what an approver needs');
RESET ROLE;
SELECT is(explained($$SELECT mlops.deploy('fraud', 1, 'canary')$$),
	'strategy "canary" needs "percent" or "ramp", and a key | Write percent => 5, above 0 and below 100: the rest stays with the deployed version. Name the column whose value decides which variant a row sees, as in key => ''card_id''.', 'all that a canary lacks');
SELECT is(explained($$SELECT mlops.retrain('fraud', options => '{"window": "90000000 days"}')$$),
	'value 90000000 days of "window" in "options" is out of range | It must be at most 1000 years.', 'a window beyond all times');
SELECT is(explained($$SELECT mlops.train('m', 'tx', target => 'is_fraud', time_column => 'ts', split => '{"window": "90000000 days"}')$$),
	'value 90000000 days of "window" in "split" is out of range | It must be at most 1000 years.', 'of a training');
SELECT is(explained($$SELECT mlops.set_alert_rule('fraud', 'p', 'psi', max => 0.2)$$),
	'"psi" is a test of drift, not a metric | Write metric => ''drift'', labels => ''{"test": "psi"}'', with "feature" for one column. That of the scores is metric => ''score_psi''.', 'a test as a metric');
-- a number that is refused is shown with the digits that it is refused for
SELECT throws_ok('SELECT mlops.log_loss(true, 1.0000000001)', '22003', 'score 1.0000000001 is not a probability', 'just above 1');
SELECT throws_ok($$SELECT mlops.train('m', query => 'SELECT *, CASE WHEN is_fraud THEN 1.0000000001::float8 ELSE 0 END AS y FROM tx', target => 'y')$$,
	'22000', 'target "y" has value 1.0000000001, which is neither 0 nor 1', 'a target that is almost 1');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"subsample": 1.00000000000001}')$$,
	'22023', 'value 1.00000000000001 of "subsample" in "params" is out of range', 'a parameter');
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud', params => '{"max_depth": 5.000000001}')$$,
	'22023', 'value 5.000000001 of "max_depth" in "params" must be an integer', 'almost an integer');
SELECT throws_ok($$SELECT mlops.rollback('fraud')$$,
	'55000', 'model "fraud" has no earlier deployment to go back to', 'rollback without history');

-- ---- infinite values in rows without a label, and what is said of others
CREATE TABLE endless AS SELECT *, NULL::text AS note FROM tx;
CREATE FUNCTION of_endless(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE change;
	PERFORM mlops.train('endless', 'endless', target => 'is_fraud', time_column => 'ts', key => 'id', features => '{amount,country}', params => '{"n_estimators": 2}');
	RETURN 'trained';
EXCEPTION WHEN data_exception THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLERRM, detail, hint);
END $$;
SELECT is(of_endless($$UPDATE endless SET is_fraud = NULL, ts = 'infinity', amount = '-infinity' WHERE id IN (7, 4800)$$), 'trained', 'infinite values of rows without a label do not matter');
SELECT is(mlops.train('without', query => 'SELECT * FROM endless WHERE is_fraud IS NOT NULL', target => 'is_fraud', time_column => 'ts', key => 'id', features => '{amount,country}', params => '{"n_estimators": 2}') IS NOT NULL
	AND (SELECT count(DISTINCT sha256) FROM mlops.versions WHERE model IN ('endless', 'without')) = 1, true, 'the model is the one without them');
SELECT is((SELECT rows FROM mlops.evaluate('endless/1', 'endless')), 4998::bigint, 'nor when it is judged');
SELECT is((SELECT outcome FROM mlops.retrain('endless')), 'registered', 'nor when it is trained again');
SELECT is(of_endless($$UPDATE endless SET ts = '-infinity' WHERE id IN (5, 6, 7)$$),
	'column "ts" contains an infinite value | It has one in 2 of the rows with a label. | They are those WHERE ts IN (''infinity'', ''-infinity''). Give them the time that is meant, or leave them out in a query.', 'a time says how many, and how to find them');
SELECT is(of_endless($$UPDATE endless SET amount = 'infinity' WHERE id IN (5, 6, 7, 8)$$),
	'column "amount" contains an infinite value | It has one in 3 of the rows with a label. | Replace infinite values by NULL, which counts as missing.', 'a number');

CREATE FUNCTION hint_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE call;
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLERRM, hint);
END $$;
SELECT is((SELECT string_agg(substring(hint_of(format('SELECT mlops.train(''m'', ''tx'', target => ''is_fraud'', algorithm => %L)', a)) FROM '\| (?:Perhaps you meant "(\w+))?'), ' ' ORDER BY n)
	FROM unnest('{xgboost,LightGBM,catboost,gbm,Random Forest,hist-gradient_boosting,gradient_bosting}'::text[]) WITH ORDINALITY AS e(a, n)),
	'gradient_boosting gradient_boosting gradient_boosting gradient_boosting gradient_boosting gradient_boosting gradient_boosting', 'names of other libraries for boosting');
SELECT is((SELECT string_agg(hint_of(format('SELECT mlops.train(''m'', ''tx'', target => ''is_fraud'', algorithm => %L)', a)), E'\n' ORDER BY n) FROM unnest('{lr,Logistic Regression,svm}'::text[]) WITH ORDINALITY AS e(a, n)),
	'unrecognized algorithm "lr" | Perhaps you meant "logistic_regression". Valid algorithms are: gradient_boosting, logistic_regression.
unrecognized algorithm "Logistic Regression" | Perhaps you meant "logistic_regression". Valid algorithms are: gradient_boosting, logistic_regression.
unrecognized algorithm "svm" | Valid algorithms are: gradient_boosting, logistic_regression.', 'for logistic regression, and one that there is not');
SELECT is((SELECT string_agg(hint_of(format('SELECT mlops.train(''m'', ''tx'', target => ''is_fraud'', time_column => ''id'', split => %L)', jsonb_build_object('test_from', f))), E'\n' ORDER BY n)
	FROM unnest('{40,-1.5,1e9,1767225600}'::text[]) WITH ORDINALITY AS e(f, n)),
	(SELECT string_agg(format('"test_from" in "split" must be a time, not the number %s | Where the time column has numbers, split by shares, "validation" and "test", or by a "fold" column.', f), E'\n' ORDER BY n)
	FROM unnest('{40,-1.5,1e9,1767225600}'::text[]) WITH ORDINALITY AS e(f, n)), 'a time that is a number');

-- Dates reach further than timestamps; nothing could say until when such a data set goes.
CREATE TABLE far AS SELECT *, date '2026-01-01' + id AS day FROM tx;
UPDATE far SET day = '5874897-12-31' WHERE id = 77;
SELECT throws_ok($$SELECT mlops.train('far', 'far', target => 'is_fraud', time_column => 'day', features => '{amount}')$$,
	'22008', 'column "day" holds 5874897-12-31, which is not a value of type timestamp', 'a time column beyond all timestamps');
SELECT throws_ok($$SELECT mlops.cross_validate('far', 'far', target => 'is_fraud', time_column => 'day', features => '{amount}')$$,
	'22008', 'column "day" holds 5874897-12-31, which is not a value of type timestamp', 'of folds');

-- Who reads nothing is told of policies, if they may be why.
CREATE ROLE clerk;
GRANT SELECT ON far TO clerk;
CREATE FUNCTION of_nothing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM mlops.train('clerks', query => 'SELECT * FROM far WHERE id > 0', target => 'is_fraud', features => '{amount}');
EXCEPTION WHEN data_exception THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', SQLERRM, nullif(detail, ''));
END $$;
ALTER TABLE far ENABLE ROW LEVEL SECURITY;
SET ROLE clerk;
SELECT is(of_nothing(), 'the source has no rows | Row-level security of table "far" may hide rows from role "clerk".', 'no policy lets a role see a row');
RESET ROLE;
DELETE FROM far;
SELECT is(of_nothing(), 'the source has no rows', 'none is hidden from who owns the table');
SELECT * FROM finish();
ROLLBACK;
