-- What a retraining deploys its version with: what could not work is refused when
-- it is set up, not in the night; a stored one that cannot is refused when it runs.
\ir setup.psql
SELECT mlops.train('m', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', features => '{amount,country,online}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null

CREATE TABLE refusal (place int GENERATED ALWAYS AS IDENTITY, action text, options jsonb, code text, message text);
INSERT INTO refusal (action, options, code, message) VALUES
	('canary', '{"key": "crad", "percent": 20}', '42703', 'column "crad" in "options.key" is not known: model "m" was never trained on data with it'),
	('canary', '{"key": "amount", "percent": 20}', '42804', 'column "amount" of type double precision cannot be the key of model "m"'),
	('canary', '{"percent": 20}', '22023', 'strategy "canary" needs a key'),
	('canary', '{"key": "id"}', '22023', 'strategy "canary" needs "percent" or "ramp"'),
	('canary', '{}', '22023', 'strategy "canary" needs "percent" or "ramp", and a key'),
	('canary', '{"key": "id", "percent": 100}', '22023', 'strategy "canary" needs "percent" or "ramp"'),
	('canary', '{"key": "id", "percent": 0}', '22023', 'strategy "canary" needs "percent" or "ramp"'),
	('canary', '{"key": "id", "percent": 150}', '22023', 'value 150 of "percent" is out of range'),
	('canary', '{"key": "id", "percent": 5, "ramp": [{"percent": 5, "wait": "1 hour"}]}', '22023', 'give either "percent" or "ramp"'),
	('canary', '{"key": "id", "ramp": [{"percent": 5}]}', '22023', 'step 5 % of "ramp" does not say how long to wait'),
	('canary', '{"key": "id", "percent": 5, "guard": {"psl": {"max": 1}}}', '22023', 'unrecognized key "psl" in "guard"'),
	('canary', '{"key": "id", "percent": 5, "threshold": 1.5}', '22023', 'threshold 1.5 is out of range'),
	('deploy', '{"threshold": -1}', '22023', 'threshold -1 is out of range'),
	('deploy', '{"guard": {"alert_rate": {"max": 5}}}', '22023', 'value 5 of "max" in "guard.alert_rate" is out of range'),
	('deploy', '{"guard": {"alert_rate": {"max_ratio": 2}}}', '22023', 'a direct deployment has no deployed version beside it to compare with');
SELECT plan(2 * (SELECT count(*)::int FROM refusal) + 11);
SELECT throws_ok(format('SELECT mlops.set_retraining_policy(%L, %L, action => %L, options => %L)', 'm', '0 3 * * *', action, options), code, message, 'policy: ' || action || ' ' || options)
FROM refusal ORDER BY place;
SELECT throws_ok(format('SELECT mlops.retrain(%L, action => %L, options => %L)', 'm', action, options), code, message, 'retrain: ' || action || ' ' || options)
FROM refusal ORDER BY place;
SELECT is((SELECT count(*) FROM mlops.versions), 1::bigint, 'nothing was learned for them');

-- ---- what works
SELECT is((SELECT options FROM mlops.set_retraining_policy('m', '0 3 * * *', action => 'canary', options => '{"key": "id", "percent": 20}')), '{"key": "id", "percent": 20}'::jsonb, 'a share of keys');
SELECT is((SELECT action FROM mlops.set_retraining_policy('m', '0 3 * * *', action => 'canary', options => '{"key": "balance", "ramp": [{"percent": 5, "wait": "1 hour"}, {"percent": 100}]}')), 'canary', 'a ramp, by a column of the table that was not read');
SELECT is((SELECT action FROM mlops.set_retraining_policy('m', '0 3 * * *', action => 'deploy')), 'deploy', 'all at once');

-- ---- a key that only mlops.decide is given
SELECT is((SELECT array_agg(object || ' ' || problem) FROM mlops.check_catalog()), NULL, 'nothing is wrong');
SET client_min_messages = error;
SELECT mlops.train('m', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', features => '{amount,country,online}', params => '{"n_estimators": 6}') \g /dev/null
SELECT mlops.deploy('m', 2, 'canary', percent => 5, key => 'crad') \g /dev/null
SELECT ok((SELECT mlops.decide('m', t, 'a card') IS NOT NULL FROM tx AS t WHERE id = 1), 'decide with a key answers');
SELECT throws_ok($$SELECT mlops.score('m', t) FROM tx AS t WHERE id = 1$$, '42703', NULL, 'score cannot');
SELECT is((SELECT array_agg(concat_ws(' ', model, object, problem) ORDER BY object) FROM mlops.check_catalog()),
	'{"m route canary goes by column \"crad\", which the training data of no version had","m route primary goes by column \"crad\", which the training data of no version had"}', 'check_catalog names the routes');
SELECT is((SELECT options ->> 'key' FROM mlops.set_retraining_policy('m', '0 3 * * *', action => 'canary', options => '{"key": "crad", "percent": 20}')), 'crad', 'a policy may go on with the key that answers');
SELECT mlops.abort('m') \g /dev/null
UPDATE mlops_catalog.deployment_route SET key = NULL;
INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, deployment_id, kind, position, rule)
	SELECT model_id, 's', version_id, 0, deployment_id, 'segment', 1, '{"country": "DE", "nation": "DE"}' FROM mlops_catalog.deployment_route;
SELECT is((SELECT array_agg(concat_ws(' ', model, object, problem)) FROM mlops.check_catalog() WHERE object <> 'routes'), '{"m route s goes by column \"nation\", which the training data of no version had"}', 'and segments');
SELECT matches((SELECT problem FROM mlops.check_catalog() WHERE object = 'routes'), '^are not what deployment [0-9]+ left: ', 'and that no deployment made it');
SELECT * FROM finish();
ROLLBACK;
