-- Corners of releases, gates and guards: going back more than once, bounds that
-- are met exactly, approvals and labels that changed their mind.
\ir setup.psql
SELECT plan(88);
SET LOCAL client_min_messages = error;
CREATE TABLE small AS SELECT id, ts, amount, country, is_fraud FROM tx WHERE id <= 1000;
CREATE FUNCTION learn(model text) RETURNS int LANGUAGE sql AS $$
	SELECT version FROM mlops.train(model, 'small', target => 'is_fraud', key => 'id', features => '{amount,country}', algorithm => 'logistic_regression') $$;
CREATE FUNCTION answers(model text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', variant, version, round(threshold::numeric, 3)), ', ' ORDER BY variant) FROM mlops.deployments d WHERE d.model = $1 AND kind = 'share' $$;
CREATE FUNCTION deployed(model text, v int, t float8 DEFAULT NULL) RETURNS void LANGUAGE sql AS $$ SELECT FROM mlops.deploy(model, v, threshold => coalesce(t, v / 10.0)) $$;
SELECT learn('m') FROM generate_series(1, 5) \g /dev/null

-- ---- back, and back again
SELECT deployed('m', g) FROM generate_series(1, 3) AS g \g /dev/null
SELECT is((SELECT version FROM mlops.rollback('m')), 2, 'back from the third to the second');
SELECT is((SELECT version FROM mlops.rollback('m')), 1, 'and to the first, not forward again');
SELECT is(answers('m'), 'primary 1 0.100', 'with its threshold');
SELECT throws_ok($$SELECT mlops.rollback('m')$$, '55000', 'model "m" has no earlier deployment to go back to', 'there is nothing before the first');
SELECT throws_ok($$SELECT mlops.abort('m', variant => 'primary')$$, '42704', 'model "m" has no variant "primary" that could be taken away', 'primary is not taken away');
SELECT is(answers('m'), 'primary 1 0.100', 'and answers on');
SELECT deployed('m', 4) \g /dev/null
SELECT is((SELECT version FROM mlops.rollback('m')), 1, 'back to what answered before, not to what was deployed before');
SELECT deployed('m', 2) \g /dev/null
SELECT deployed('m', 3) \g /dev/null
SELECT deployed('m', 2, 0.7) \g /dev/null
SELECT is((SELECT version FROM mlops.rollback('m')), 3, 'a version that came again: back to the one between');
SELECT is((SELECT version FROM mlops.rollback('m')), 2, 'then to its first time');
SELECT is(answers('m'), 'primary 2 0.200', 'with the threshold it had then');
SELECT is((SELECT version FROM mlops.rollback('m')), 1, 'and on');
SELECT is((SELECT array_agg(version ORDER BY deployment_id DESC) FROM mlops.deployment_history WHERE model = 'm' AND action = 'rollback'), '{1,2,3,1,1,2}', 'the history has each');

-- ---- past versions that are gone
SELECT learn('d') FROM generate_series(1, 4) \g /dev/null
SELECT deployed('d', g) FROM generate_series(1, 4) AS g \g /dev/null
SELECT FROM mlops.drop_version('d', 3) \g /dev/null
SELECT is((SELECT version FROM mlops.rollback('d')), 2, 'a version that was dropped is passed over');
SELECT isnt(mlops.score('d', small), NULL, 'and what answers can') FROM small LIMIT 1;
SELECT FROM mlops.drop_version('d', 4) \g /dev/null
SELECT throws_ok($$SELECT mlops.rollback('d', 4)$$, '42704', NULL, 'nor can one that was dropped be asked for');
SELECT FROM mlops.drop_version('d', 1) \g /dev/null
SELECT throws_ok($$SELECT mlops.rollback('d')$$, '55000', NULL, 'when all before are dropped there is nothing to go back to');
SELECT is(answers('d'), 'primary 2 0.200', 'and nothing changed');

-- ---- back to a version by its number, and to the same version with another threshold
SELECT learn('t') FROM generate_series(1, 2) \g /dev/null
SELECT deployed('t', 1, 0.45), deployed('t', 2, 0.6) \g /dev/null
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('t', 1)), 0.45, 'a version named has the threshold it had when it answered');
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('t', 1)), 0.45, 'so has the one that answers now');
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('t', 2)), 0.6, 'and one that was rolled back');
SELECT FROM mlops.deploy('t', 1) \g /dev/null
SELECT deployed('t', 2, 0.6) \g /dev/null
SELECT is((SELECT threshold FROM mlops.rollback('t', 1)), (SELECT threshold FROM mlops.versions WHERE model = 't' AND version = 1), 'which is its own if it answered with that');
SELECT learn('t') \g /dev/null
SELECT FROM mlops.deploy('t', 3, 'canary', percent => 10, key => 'id', threshold => 0.55) \g /dev/null
SELECT FROM mlops.abort('t') \g /dev/null
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('t', 3)), 0.55, 'or that of its canary if it was never more');
SELECT learn('t') \g /dev/null
SELECT is((SELECT threshold FROM mlops.rollback('t', 4)), (SELECT threshold FROM mlops.versions WHERE model = 't' AND version = 4), 'one that never answered has its own');

SELECT learn('r') \g /dev/null
SELECT deployed('r', 1, t) FROM unnest('{0.3,0.4,0.4,0.5}'::float8[]) AS t \g /dev/null
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('r')), 0.4, 'back to the same version with the threshold before');
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('r')), 0.3, 'and to the one before that, not forward again');
SELECT throws_ok($$SELECT mlops.rollback('r')$$, '55000', 'model "r" has no earlier deployment to go back to', 'then there is nothing');
SELECT FROM mlops.deploy('r', 1, 'ab', percent => 10, key => 'id', threshold => 0.2) \g /dev/null
SELECT FROM mlops.promote('r') \g /dev/null
SELECT is((SELECT round(threshold::numeric, 3) FROM mlops.rollback('r')), 0.3, 'a variant that was promoted goes, though it was of the same version');
SELECT FROM mlops.deploy('r', 1, threshold => 0, guard => '{"alert_rate": {"max": 0.5}, "min_decisions": 10}') \g /dev/null
SELECT count(mlops.decide('r', s, id::text)) FROM small s WHERE id <= 20 \g /dev/null
SELECT is((SELECT array_agg(action) FROM mlops.check_guards('r') WHERE metric IS NULL), '{"rolled back"}', 'so does a guard');
SELECT is(answers('r'), 'primary 1 0.300', 'to the threshold before');

-- ---- out of service
SELECT learn('u') FROM generate_series(1, 3) \g /dev/null
SELECT throws_ok($$SELECT mlops.undeploy('u')$$, '55000', 'no version of model "u" is deployed', 'what does not answer cannot be taken away');
SELECT FROM mlops.deploy('u', 1, key => 'id', threshold => 0.3) \g /dev/null
SELECT FROM mlops.deploy('u', 2, 'canary', percent => 20, key => 'id') \g /dev/null
SELECT FROM mlops.deploy('u', 3, 'shadow') \g /dev/null
SELECT mlops.set_retraining_policy('u', '0 3 * * *') \g /dev/null
UPDATE mlops_catalog.policy SET created_at = created_at - interval '2 days';
SELECT results_eq($$SELECT version, variant, kind FROM mlops.undeploy('u', 'a leak in its training')$$,
	$$VALUES (1, 'primary', 'share'), (2, 'canary', 'share'), (3, 'shadow_3', 'shadow')$$, 'undeploy takes everything away');
SELECT throws_ok($$SELECT mlops.score('u', small) FROM small LIMIT 1$$, '55000', 'no version of model "u" is deployed', 'then nothing answers');
SELECT results_eq($$SELECT action, version, note, routes FROM mlops.deployment_history WHERE model = 'u' ORDER BY deployment_id DESC LIMIT 1$$,
	$$VALUES ('undeploy', 1, 'a leak in its training', '[]'::jsonb)$$, 'it is in the history');
SELECT is((SELECT concat_ws(' ', suspended_by = current_user, suspended_because) FROM mlops.retraining_policies WHERE model = 'u'), 't undeploy: a leak in its training', 'its retraining is suspended');
SELECT is(mlops.prometheus_metrics() ~ 'mlops_task_suspended\{model="u",task="retraining"\} 1\n', true, 'and Prometheus is told');
SELECT is((SELECT count(*) FROM mlops.submit_due() WHERE model = 'u'), 0::bigint, 'nothing is submitted');
SELECT is(mlops.resume_retraining('u'), true, 'until somebody says so');
SELECT is((SELECT concat_ws(' ', suspended_by, suspended_because) FROM mlops.retraining_policies WHERE model = 'u'), '', 'then it goes on');
SELECT is(mlops.prometheus_metrics() ~ 'mlops_task_suspended\{model="u",task="retraining"\} 0\n', true, 'which Prometheus is told too');
SELECT alike((SELECT result FROM mlops.submit_due() WHERE model = 'u'), 'job %', 'and what is due is submitted');
SELECT mlops.submit('SELECT 1', model => 'u', key => 'retrain u');
SELECT is((SELECT array_agg(purpose ORDER BY job_id) FROM mlops.jobs WHERE model = 'u'), '{retraining,person}', 'jobs of people are told from those of policies');
SELECT is((SELECT detail ->> 'note' FROM mlops_catalog.audit_waiting WHERE event = 'undeploy' AND model = 'u'), 'a leak in its training', 'and in the audit log');
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE model = 'u'$$, 'the catalog is sound');
SELECT is_empty($$SELECT * FROM mlops_catalog.release JOIN mlops_catalog.model USING (model_id) WHERE name = 'u'$$, 'no release is under way');
SELECT is(mlops.export_spec('u') #> '{models,u,deploy}', 'null', 'as a document it is null');
SELECT is_empty($$SELECT * FROM mlops.apply(mlops.export_spec('u'))$$, 'which applied changes nothing');
SELECT results_eq($$SELECT version, key, round(threshold::numeric, 3) FROM mlops.rollback('u')$$, $$VALUES (1, 'id'::name, 0.300)$$, 'rollback brings back what answered');
SELECT is_empty($$SELECT * FROM mlops.apply('{"models": {"u": {"deploy": null}}}')$$, 'which a document that said null before leaves alone');
SELECT FROM mlops.deploy('u', 1) \g /dev/null
SELECT results_eq($$SELECT setting, item, (former::jsonb ->> 'version')::int, new FROM mlops.apply('{"models": {"u": {"deploy": null}}}')$$, $$VALUES ('deploy', 'primary', 1, NULL::text)$$, 'a document can take it out of service');
SELECT is(answers('u'), NULL, 'and has');
SELECT results_eq($$SELECT setting, item, (new::jsonb ->> 'version')::int FROM mlops.apply('{"models": {"u": {"deploy": {"version": 2}}}}')$$, $$VALUES ('deploy', 'primary', 2)$$, 'another brings it back');
SELECT is_empty($$SELECT * FROM mlops.apply('{"models": {"u": {"deploy": {"version": 2}}}}')$$, 'once');
SELECT FROM mlops.undeploy('u') \g /dev/null
SELECT isnt_empty($$SELECT * FROM mlops.apply('{"models": {"u": {"deploy": {"version": 2}}}}')$$, 'what a person took out of service a document puts back');

-- ---- stage production follows the traffic
SELECT learn('s') FROM generate_series(1, 3) \g /dev/null
CREATE FUNCTION stages(model text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(v.stage, ' ' ORDER BY v.version) FROM mlops.versions v WHERE v.model = $1 $$;
SELECT deployed('s', 1) \g /dev/null
SELECT mlops.set_stage('s', 1, 'staging'), mlops.set_stage('s', 1, 'production') \g /dev/null
SELECT FROM mlops.deploy('s', 2, 'canary', percent => 50, key => 'id') \g /dev/null
SELECT is(stages('s'), 'production none none', 'who still answers stays');
SELECT FROM mlops.promote('s') \g /dev/null
SELECT is(stages('s'), 'archived none none', 'who answers no longer is archived');
SELECT ok((SELECT bool_and(detail ->> 'from' = 'production' AND detail ->> 'to' = 'archived' AND version = 1) AND count(*) = 1 FROM mlops_catalog.audit_waiting WHERE event = 'set_stage' AND model = 's' AND detail ? 'deployment_id'), 'which is in the audit log');
SELECT mlops.set_stage('s', 2, 'staging'), mlops.set_stage('s', 2, 'production') \g /dev/null
SELECT FROM mlops.rollback('s') \g /dev/null
SELECT is(stages('s'), 'production archived none', 'a rollback gives the stage back');
SELECT mlops.set_stage('s', 3, 'staging') \g /dev/null
SELECT deployed('s', 3) \g /dev/null
SELECT is(stages('s'), 'archived archived staging', 'other stages stay as they are');
SELECT mlops.set_stage('s', 3, 'production') \g /dev/null
SELECT FROM mlops.undeploy('s') \g /dev/null
SELECT is(stages('s'), 'archived archived archived', 'out of service is not in production');

-- ---- gates: promotion of a shadow, bounds met exactly
SELECT learn('g') FROM generate_series(1, 2) \g /dev/null
SELECT deployed('g', 1) \g /dev/null
SELECT FROM mlops.deploy('g', 2, 'shadow') \g /dev/null
SELECT FROM mlops.set_gate('g', '{"pr_auc": {"min": 0.999}}') \g /dev/null
SELECT throws_ok($$SELECT mlops.promote('g', variant => 'shadow_2')$$, '55000', 'version 2 of model "g" does not pass the gate', 'a shadow that is promoted passes the gate first');
SELECT is(answers('g'), 'primary 1 0.100', 'or is none');
SELECT FROM mlops.set_gate('g', (SELECT jsonb_build_object('pr_auc', jsonb_build_object('min', metrics -> 'pr_auc'), 'log_loss', jsonb_build_object('max', metrics -> 'log_loss')) FROM mlops.versions WHERE model = 'g' AND version = 2)) \g /dev/null
SELECT is((SELECT array_agg(condition || ' ' || passed ORDER BY condition) FROM mlops.check_gate('g', 2)), '{"log_loss true","pr_auc true"}', 'a bound met exactly is met');
SELECT is((SELECT version FROM mlops.promote('g', variant => 'shadow_2')), 2, 'so it is promoted');
-- every way to traffic asks the gate, and a shadow has none
SELECT learn('g') \g /dev/null
SELECT FROM mlops.set_gate('g', '{"pr_auc": {"min": 0.999}}') \g /dev/null
SELECT mlops.set_alias('g', 'champion', 2), mlops.set_alias('g', 'challenger', 3) \g /dev/null
SELECT throws_ok(format('SELECT mlops.deploy(''g'', %s)', asked), '55000', 'version 3 of model "g" does not pass the gate', asked)
	FROM (VALUES ('3'), ('3, ''canary'', percent => 10, key => ''id'''), ('3, ''ab'', percent => 10, key => ''id'''), ('3, ''bandit'', percent => 10, key => ''id'''),
		('NULL, ''ab'', key => ''id'', variants => ''{"b": {"version": 3, "percent": 10}}'''), ('3, ''segment'', rule => ''{"country": "DE"}''')) AS v(asked);
SELECT lives_ok($$SELECT mlops.deploy('g', 3, 'shadow')$$, 'a shadow asks none');
-- what nobody can measure: a version that flags nothing has no precision
SELECT mlops.train('n', 'small', target => 'is_fraud', key => 'id', features => '{amount}', algorithm => 'logistic_regression', threshold => '{"value": 1}') \g /dev/null
SELECT FROM mlops.set_gate('n', '{"precision": {"min": 0}}') \g /dev/null
SELECT is((SELECT (value, passed)::text FROM mlops.check_gate('n', 1)), '(,f)', 'a metric that is undefined does not pass');

-- segments below min_rows are left out
CREATE TABLE split AS SELECT id, ts, amount, is_fraud, CASE WHEN id > 900 AND id % 20 = 0 THEN 'few' WHEN id % 2 = 0 THEN 'a' ELSE 'b' END AS market FROM small;
UPDATE split SET amount = 1 WHERE market = 'few';
SELECT mlops.train('f', 'split', target => 'is_fraud', key => 'id', time_column => 'ts', features => '{amount}', algorithm => 'logistic_regression', threshold => '{"value": 0.000001}') \g /dev/null
CREATE TABLE last_rows AS SELECT * FROM split ORDER BY ts DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE model = 'f');
CREATE FUNCTION of_market(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM mlops.set_gate('f', format('{"fairness": {"by": "market", "metric": "accuracy", "max_gap": 1, "min_rows": %s}}', n)::jsonb);
	RETURN (SELECT c.detail FROM mlops.check_gate('f', 1) AS c);
END $$;
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(of_market((SELECT count(*)::int FROM last_rows WHERE market = 'few'))) k), '{a,b,few}', 'a segment of just min_rows counts');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(of_market((SELECT count(*)::int + 1 FROM last_rows WHERE market = 'few'))) k), '{a,b}', 'a smaller one does not');
SELECT of_market(1) \g /dev/null
SELECT FROM mlops.set_gate('f', (SELECT jsonb_build_object('fairness', jsonb_build_object('by', 'market', 'metric', 'accuracy', 'min_rows', 1, 'max_gap', value)) FROM mlops.check_gate('f', 1))) \g /dev/null
SELECT is((SELECT (value > 0, passed)::text FROM mlops.check_gate('f', 1)), '(t,t)', 'a gap exactly at its bound passes');

-- four eyes, though who trained it is in the role that approves
CREATE ROLE gov_risk;
CREATE ROLE gov_owner IN ROLE gov_risk;
CREATE ROLE gov_other IN ROLE gov_risk;
GRANT SELECT ON small TO gov_owner;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE gov_owner;
SELECT learn('e') \g /dev/null
SELECT FROM mlops.grant('e', 'gov_other', 'deploy') \g /dev/null
SELECT FROM mlops.set_gate('e', '{"approvals": {"count": 1, "roles": ["gov_risk"], "four_eyes": true}}') \g /dev/null
SELECT FROM mlops.approve('e', 1) \g /dev/null
SELECT is((SELECT passed FROM mlops.check_gate('e', 1)), false, 'who trained it does not approve it, whatever role that is in');
SELECT FROM mlops.set_gate('e', '{"approvals": {"count": 1, "roles": ["gov_risk"]}}') \g /dev/null
SELECT is((SELECT passed FROM mlops.check_gate('e', 1)), true, 'where four eyes are not asked for it does');
-- of the roles that are asked for, each, and nobody else
RESET ROLE;
CREATE ROLE gov_legal;
CREATE ROLE gov_stranger;
SET LOCAL ROLE gov_owner;
SELECT FROM mlops.set_gate('e', '{"approvals": {"count": 1, "roles": ["gov_risk", "gov_legal"]}}') \g /dev/null
SELECT is((SELECT (value, passed, detail -> 'missing_roles')::text FROM mlops.check_gate('e', 1)), '(1,f,"[""gov_legal""]")', 'one role does not stand in for another');
SELECT FROM mlops.grant('e', 'gov_stranger', 'score'), mlops.set_gate('e', '{"approvals": {"count": 1, "roles": ["gov_legal"]}}') \g /dev/null
SELECT is((SELECT value FROM mlops.check_gate('e', 1)), 0::float8, 'whose giver is in none of the roles has no voice');
SET LOCAL ROLE gov_stranger;
SELECT throws_ok($$SELECT mlops.approve('e', 1)$$, '42501', 'permission denied to approve versions of model "e"', 'who sees a model approves nothing');
SET LOCAL ROLE gov_owner;
-- an approval counts as long as its giver may deploy
SELECT FROM mlops.set_gate('e', '{"approvals": 2}') \g /dev/null
RESET ROLE;
SET SESSION AUTHORIZATION gov_other;
SELECT FROM mlops.approve('e', 1) \g /dev/null
RESET SESSION AUTHORIZATION;
SET LOCAL ROLE gov_owner;
SELECT is((SELECT passed FROM mlops.check_gate('e', 1)), true, 'two who may deploy approve');
SELECT FROM mlops.revoke('e', 'gov_other', 'deploy') \g /dev/null
SELECT is((SELECT value FROM mlops.check_gate('e', 1)), 1::float8, 'who may deploy no more has no voice');
RESET ROLE;

-- ---- guards: exact bounds, few decisions of the deployed version, revised labels
SELECT learn('w') FROM generate_series(1, 2) \g /dev/null
SELECT deployed('w', 1) \g /dev/null
CREATE FUNCTION judged(guard text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM mlops.deploy('w', 2, 'canary', percent => 50, key => 'id', guard => guard::jsonb);
	INSERT INTO mlops_catalog.prediction (prediction_id, created_at, model_id, deployment_id, version, variant, shadow, key, score, flagged, threshold, latency)
	SELECT gen_random_uuid(), clock_timestamp(), m.model_id, 1, v.version, v.variant, false, v.variant || g, 0.5, g <= v.flagged, 0.5, 100
	FROM mlops_catalog.model m, (VALUES ('primary', 1, 50, 10), ('canary', 2, 200, 50)) AS v(variant, version, n, flagged), LATERAL generate_series(1, v.n) g
	WHERE m.name = 'w';
	RETURN (SELECT string_agg(concat_ws(' ', metric, value, coalesce(passed::text, action)), ', ' ORDER BY metric) FROM mlops.check_guards('w') WHERE metric IS NOT NULL);
END $$;
CREATE FUNCTION clean() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE mlops_catalog.prediction, mlops_catalog.label;
	PERFORM FROM mlops.abort('w');
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT is(judged('{"alert_rate": {"max": 0.25}, "min_decisions": 200}'), 'alert_rate 0.25 true', 'a maximum met exactly holds, with just as many decisions as asked for');
SELECT clean() \g /dev/null
SELECT is(judged('{"alert_rate": {"max": 0.2499}, "min_decisions": 200}'), 'alert_rate 0.25 false', 'above it it fails');
SELECT clean() \g /dev/null
SELECT is(judged('{"alert_rate": {"min": 0.25}, "min_decisions": 201}'), 'alert_rate 0.25 waits for data', 'with one decision less than asked for it waits');
SELECT clean() \g /dev/null
SELECT is(judged('{"alert_rate": {"min": 0.25}, "min_decisions": 10}'), 'alert_rate 0.25 true', 'a minimum met exactly holds');
SELECT clean() \g /dev/null
SELECT is(judged('{"alert_rate": {"max_ratio": 1}, "min_decisions": 100}'), 'alert_rate 0.25 waits for data', 'a ratio waits for the deployed version''s decisions too');
SELECT clean() \g /dev/null
SELECT is(judged('{"alert_rate": {"max_ratio": 1}, "min_decisions": 50}'), 'alert_rate 0.25 false', 'with enough of both it is judged');
SELECT clean() \g /dev/null
-- 40 labels say fraud, later 30 of them are revised, then 5 of these again by something known earlier
SELECT FROM mlops.add_labels('w', query => $$SELECT 'canary' || g AS k, true AS l, now() - interval '3 days' AS t FROM generate_series(1, 40) g$$, key => 'k', label => 'l', labelled_at => 't') \g /dev/null
SELECT FROM mlops.add_labels('w', query => $$SELECT 'canary' || g AS k, false AS l, now() - interval '1 day' AS t FROM generate_series(1, 30) g$$, key => 'k', label => 'l', labelled_at => 't') \g /dev/null
SELECT FROM mlops.add_labels('w', query => $$SELECT 'canary' || g AS k, true AS l, now() - interval '2 days' AS t FROM generate_series(1, 5) g$$, key => 'k', label => 'l', labelled_at => 't') \g /dev/null
SELECT is(judged('{"precision": {"min": 0.25}, "min_labels": 40}'), 'precision 0.25 true', 'precision goes by the label known last');
SELECT * FROM finish();
ROLLBACK;
