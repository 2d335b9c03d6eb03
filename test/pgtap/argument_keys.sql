-- Keys of arguments in JSON are those that mlops.argument_keys lists: each is taken
-- with its example, any other is refused by an error that lists the same ones.
\ir setup.psql
SELECT plan(9);
CREATE TABLE pays AS SELECT *, id % 9 AS card_id FROM tx;
CREATE TABLE parts AS SELECT *, (ARRAY['train', 'validation', 'test'])[1 + id % 3] AS part FROM tx;
SELECT version FROM mlops.train('m', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT version FROM mlops.train('m', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 6}') \g /dev/null
SELECT version FROM mlops.deploy('m', 1) \g /dev/null
SELECT mlops.set_alert_rule('m', 'rule', 'alert_rate', max => 0.5) FROM mlops.monitor('m') \g /dev/null

-- Calls with {} where the value of an argument stands; NULL: there is none for it alone.
-- Trainings that look for trials are given rows that cannot be read: whoever reads them has taken the arguments.
CREATE TABLE call (argument text, statement text);
INSERT INTO call VALUES
	('split', 'SELECT mlops.train(''n'', ''parts'', target => ''is_fraud'', key => ''id'', time_column => ''ts'', params => ''{"n_estimators": 5}'', split => {})'),
	('split (folds)', 'SELECT mlops.cross_validate(''n'', ''tx'', target => ''is_fraud'', key => ''id'', folds => 2, params => ''{"n_estimators": 5}'', split => {})'),
	('threshold', 'SELECT mlops.train(''n'', ''tx'', target => ''is_fraud'', key => ''id'', params => ''{"n_estimators": 5}'', threshold => {})'),
	('threshold', 'SELECT * FROM mlops.thresholds(''m'', 1, jsonb_build_array({}::jsonb), source => ''tx'')'),
	('threshold.cost', 'SELECT mlops.train(''n'', ''tx'', target => ''is_fraud'', key => ''id'', params => ''{"n_estimators": 5}'', threshold => jsonb_build_object(''cost'', {}::jsonb))'),
	('preprocess', 'SELECT mlops.train(''n'', ''tx'', target => ''is_fraud'', key => ''id'', params => ''{"n_estimators": 5}'', preprocess => {})'),
	('preprocess.class_weight', 'SELECT mlops.train(''n'', ''tx'', target => ''is_fraud'', key => ''id'', params => ''{"n_estimators": 5}'', preprocess => jsonb_build_object(''class_weight'', {}::jsonb))'),
	('pruner', 'SELECT mlops.tune(''n'', query => ''SELECT 1/(id - id) AS x, * FROM tx'', target => ''is_fraud'', pruner => {})'),
	('pruner', 'SELECT mlops.tune(''n'', query => ''SELECT 1/(id - id) AS x, * FROM tx'', target => ''is_fraud'', folds => 3, pruner => {})'),
	('space', 'SELECT mlops.tune(''n'', query => ''SELECT 1/(id - id) AS x, * FROM tx'', target => ''is_fraud'', space => {})'),
	('space.<parameter>', 'SELECT mlops.tune(''n'', query => ''SELECT 1/(id - id) AS x, * FROM tx'', target => ''is_fraud'', space => jsonb_build_object(''grow_policy'', ''["depthwise", "lossguide"]''::jsonb, ''max_depth'', {}::jsonb))'),
	('settings', 'SELECT mlops.snapshot(query => ''SELECT id FROM tx'', name => ''s'', search_path => ''public'', settings => {})'),
	('guard', 'SELECT mlops.deploy(''m'', 2, ''canary'', 10, ''id'', guard => {})'),
	('guard.<metric>', 'SELECT mlops.deploy(''m'', 2, ''canary'', 10, ''id'', guard => jsonb_build_object(''alert_rate'', {}::jsonb))'),
	('ramp', 'SELECT mlops.deploy(''m'', 2, ''canary'', key => ''id'', ramp => jsonb_build_array({}::jsonb, ''{"percent": 100}''::jsonb))'),
	('variants.<variant>', 'SELECT mlops.deploy(''m'', NULL, ''ab'', key => ''id'', variants => jsonb_build_object(''b'', {}::jsonb))'),
	('rule', 'SELECT mlops.deploy(''m'', 2, ''segment'', rule => {})'),
	('gate', 'SELECT mlops.set_gate(''m'', {})'),
	('gate.<metric>', 'SELECT mlops.set_gate(''m'', jsonb_build_object(''pr_auc'', {}::jsonb))'),
	('gate.<metric>_vs_deployed', 'SELECT mlops.set_gate(''m'', jsonb_build_object(''pr_auc_vs_deployed'', {}::jsonb))'),
	('gate.fairness', 'SELECT mlops.set_gate(''m'', jsonb_build_object(''fairness'', {}::jsonb))'),
	('gate.approvals', 'SELECT mlops.set_gate(''m'', jsonb_build_object(''approvals'', {}::jsonb))'),
	('triggers', 'SELECT mlops.set_retraining_policy(''m'', triggers => {})'),
	('options', 'SELECT mlops.set_retraining_policy(''m'', ''@daily'', options => {})'),
	('options (canary)', 'SELECT mlops.set_retraining_policy(''m'', ''@daily'', action => ''canary'', options => {})'),
	('options (deploy)', 'SELECT mlops.set_retraining_policy(''m'', ''@daily'', action => ''deploy'', options => {})'),
	('features.<feature>', 'SELECT mlops.create_feature_view(''v'', ''pays'', ''id'', ''ts'', jsonb_build_object(''f'', {}::jsonb))'),
	('spec', 'SELECT * FROM mlops.apply({})'),
	('models.<model>', 'SELECT * FROM mlops.apply(jsonb_build_object(''models'', jsonb_build_object(''m'', {}::jsonb)))');
INSERT INTO call SELECT 'models.<model>.' || p.path, format('SELECT * FROM mlops.apply(jsonb_set(''{"models": {"m": {"deploy": {"version": 1, "key": "id"}}}}'', ''{models,m}'', %s))', p.wrapped)
FROM (VALUES ('versions.<version>', 'jsonb_build_object(''versions'', jsonb_build_object(''1'', {}::jsonb))'),
	('deploy', 'jsonb_build_object(''deploy'', {}::jsonb)'),
	('deploy.release', 'jsonb_build_object(''deploy'', ''{"version": 1, "key": "id"}'' || jsonb_build_object(''release'', {}::jsonb))'),
	('deploy.segments', 'jsonb_build_object(''deploy'', ''{"version": 1}'' || jsonb_build_object(''segments'', jsonb_build_array({}::jsonb)))'),
	('deploy.shadows.<variant>', 'jsonb_build_object(''deploy'', ''{"version": 1}'' || jsonb_build_object(''shadows'', jsonb_build_object(''s'', {}::jsonb)))'),
	('monitor', 'jsonb_build_object(''monitor'', {}::jsonb)'),
	('alerts.<rule>', 'jsonb_build_object(''alerts'', jsonb_build_object(''rule'', {}::jsonb))'),
	('retraining', 'jsonb_build_object(''retraining'', {}::jsonb)'),
	('schedules.<schedule>', 'jsonb_build_object(''schedules'', jsonb_build_object(''nightly'', {}::jsonb))')) AS p(path, wrapped);

CREATE TABLE outcome (argument text, key text, given text, sqlstate text, message text, hint text);
CREATE FUNCTION try(argument text, key text, statement text, value text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE replace(statement, '{}', quote_literal(value));
	RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	INSERT INTO outcome VALUES (argument, key, value, SQLSTATE, SQLERRM, hint);
END $$;
SET LOCAL client_min_messages = error;

SELECT is((SELECT array_agg(DISTINCT k.argument) FROM mlops.argument_keys AS k WHERE NOT EXISTS (SELECT FROM call AS c WHERE c.argument = k.argument)), NULL,
	'a call for each argument');
SELECT try(k.argument, k.key, c.statement, k.example) FROM mlops.argument_keys AS k JOIN call AS c USING (argument)
WHERE k.key <> CASE WHEN c.statement LIKE '%folds => 3%' THEN 'min_rounds' WHEN k.argument = 'pruner' THEN 'min_folds' ELSE '' END \g /dev/null
SELECT is(array_agg(concat_ws(' ', o.argument, o.given, o.sqlstate, o.message)), NULL, 'each key is taken with its example') FROM outcome AS o
WHERE o.sqlstate <> CASE WHEN o.argument ~ '^(pruner|space)' THEN '22012' WHEN o.argument ~ 'schedules' THEN '55000' ELSE 'OK000' END;
SELECT is(array_agg(concat_ws(' ', k.argument, k.key)), NULL, 'and its example has it') FROM mlops.argument_keys AS k
WHERE k.key !~ '^<' AND NOT k.example::jsonb ? k.key;
SELECT is(array_agg(concat_ws(' ', k.argument, k.key, k.type)), NULL, 'of its type') FROM mlops.argument_keys AS k
WHERE k.key !~ '^<' AND NOT jsonb_typeof(k.example::jsonb -> k.key) = ANY (string_to_array(replace(k.type, 'whole ', ''), ' or '));

-- An unlisted key beside each example.
TRUNCATE outcome;
SELECT try(k.argument, k.key, c.statement, (k.example::jsonb || '{"nosuch": 1}')::text) FROM mlops.argument_keys AS k JOIN call AS c USING (argument)
WHERE k.key !~ '^<(column|setting)' AND k.key <> CASE WHEN c.statement LIKE '%folds => 3%' THEN 'min_rounds' WHEN k.argument = 'pruner' THEN 'min_folds' ELSE '' END \g /dev/null
SELECT is(array_agg(concat_ws(' ', o.argument, o.given, o.sqlstate, o.message)), NULL, 'any other key is refused by name') FROM outcome AS o
WHERE o.sqlstate <> '22023' OR o.message !~ '^unrecognized key "nosuch" in "' OR o.hint !~ '^Valid keys are: ';
-- Keys that a hint lists: those of any pruner, strategy, or algorithm.
CREATE VIEW hinted AS SELECT DISTINCT o.argument, k.key FROM outcome AS o, unnest(string_to_array(rtrim(substr(o.hint, 17), '.'), ', ')) AS k(key);
CREATE VIEW listed AS SELECT DISTINCT k.argument, replace(k.key, '<metric>', m.metric) AS key FROM mlops.argument_keys AS k
	CROSS JOIN LATERAL unnest(CASE WHEN k.key LIKE '<metric>%' THEN mlops_catalog.metric_names() ELSE '{""}' END) AS m(metric)
	WHERE k.key !~ '^<(column|setting|parameter)';
SELECT results_eq($$SELECT h.* FROM hinted AS h EXCEPT SELECT l.* FROM listed AS l EXCEPT SELECT 'space', a.parameter FROM mlops.algorithms AS a
		EXCEPT SELECT o.argument, k.key FROM listed AS k, (VALUES ('options (canary)'), ('options (deploy)')) AS o(argument) WHERE k.argument = 'options' ORDER BY 1, 2$$,
	$$SELECT NULL::text, NULL::text WHERE false$$, 'every key that is taken is listed');
SELECT results_eq($$SELECT l.* FROM listed AS l WHERE l.argument <> 'settings' AND (l.argument, l.key) <> ('space', 'algorithm') EXCEPT SELECT h.* FROM hinted AS h ORDER BY 1, 2$$,
	$$SELECT NULL::text, NULL::text WHERE false$$, 'and every key that is listed is taken');

TRUNCATE outcome;
SELECT try('settings', '', c.statement, '{"nosuch": "1"}') FROM call AS c WHERE c.argument = 'settings' \g /dev/null
SELECT is(o.message || ' ' || left(o.hint, 34), '"nosuch" in "settings" is not a setting that can be recorded with a query, or its value is not a text Valid settings are: DateStyle, Int', 'a setting that cannot be recorded')
FROM outcome AS o;
SELECT try('rule', '', c.statement, '{"nosuch": 1}') FROM call AS c WHERE c.argument = 'rule' \g /dev/null
SELECT alike(o.message, 'column "nosuch" in "rule" is not known: %', 'a column that nothing was trained on') FROM outcome AS o WHERE o.argument = 'rule';
SELECT * FROM finish();
ROLLBACK;
