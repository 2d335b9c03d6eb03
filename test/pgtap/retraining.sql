-- Retraining: the training that is repeated, gates, what follows; policies and
-- what calls for a retraining.
\ir setup.psql
SELECT plan(62);
CREATE VIEW now_known AS SELECT * FROM tx WHERE id <= 4000;
SELECT throws_ok($$SELECT mlops.retrain('fraud')$$, '42704', NULL, 'a model that does not exist');
SELECT mlops.train('fraud', 'now_known', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 5}', tags => '{"team": "risk"}') \g /dev/null
SELECT mlops.train('fraud', 'now_known', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null

-- ---- by hand
SELECT results_eq($$SELECT base_version, version, outcome, detail FROM mlops.retrain('fraud', 'nightly', action => 'deploy', options => '{"refit": false}')$$,
	$$VALUES (1, NULL::int, 'unchanged', 'training gave the same bytes as version 1: nothing was registered or deployed')$$, 'the same data make the same model');
SELECT is((SELECT concat_ws(' ', max(version), (SELECT count(*) FROM mlops.runs), (SELECT count(*) FROM mlops_catalog.dataset), (SELECT count(*) FROM mlops_catalog.model_artifact)) FROM mlops.versions),
	'2 2 2 2', 'of which nothing stays');
SELECT is((SELECT concat_ws(' ', detail ->> 'outcome', detail ->> 'base_version', version) FROM mlops_catalog.audit_waiting WHERE event = 'retrain'), 'unchanged 1', 'but an entry in the audit log');
SELECT is((SELECT count(*) FROM mlops_catalog.audit_waiting WHERE event = 'train'), 2::bigint, 'that tells of no training');
SELECT is((SELECT count(*) FROM mlops_catalog.deployment), 1::bigint, 'nor is there a deployment');
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'the catalog is sound');
DELETE FROM tx WHERE id = 4000;
SELECT is((SELECT concat_ws(' ', base_version, version, outcome, role) FROM mlops.retrain('fraud', 'why not', options => '{"refit": false}')), '1 3 registered ' || current_user,
	'the training of what answers is repeated');
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx;
SELECT mlops.retrain('fraud') \g /dev/null
SELECT isnt((SELECT sha256 FROM mlops.versions WHERE version = 4), (SELECT sha256 FROM mlops.versions WHERE version = 1), 'other data another one');
SELECT is((SELECT train_rows + validation_rows + test_rows FROM mlops.versions WHERE version = 4), 4999::bigint, 'of all rows there are now');
SELECT is((SELECT tags FROM mlops.runs WHERE run_id = (SELECT run_id FROM mlops.versions WHERE version = 3)), '{"team": "risk", "retraining": "why not"}', 'its run is marked, and keeps its tags');
SELECT is((SELECT detail ->> 'note' FROM mlops_catalog.audit_waiting WHERE event = 'retrain' AND version = 3), 'why not', 'the audit log has it');
SELECT is((SELECT version FROM mlops.deployments WHERE model = 'fraud'), 1, 'nothing was deployed');
SELECT is((SELECT concat_ws(' ', base_version, version, outcome, detail) FROM mlops.retrain('fraud', action => 'deploy')),
	'1 unchanged training gave the same bytes as version 4: nothing was registered or deployed', 'rows that a version was made of that nobody uses make nothing new');
SELECT is((SELECT max(version) FROM mlops.versions), 4, 'nothing is registered twice');

-- ---- gates
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 10;
SELECT is((SELECT outcome FROM mlops.retrain('fraud', gate => '{"log_loss": {"max": 0}}', action => 'deploy')), 'rejected', 'what does not pass is not deployed');
SELECT matches((SELECT detail FROM mlops.retrainings ORDER BY retraining_id DESC LIMIT 1), '^log_loss: at most 0, found 0.\d+$', 'and what fell short is kept');
SELECT is((SELECT version FROM mlops.deployments WHERE model = 'fraud'), 1, 'version 1 answers as before');
SELECT is((SELECT count(*) FROM mlops.gate_checks WHERE purpose = 'retrain' AND NOT passed), 1::bigint, 'the checks are recorded');
SELECT matches((SELECT outcome || ' ' || detail FROM mlops.retrain('fraud', gate => '{"log_loss": {"max": 0}}', action => 'deploy')),
	'^unchanged .* as version 5: nothing', 'the next night on the same rows it is not learned again');
SELECT is((SELECT count(*) FROM mlops.gate_checks WHERE purpose = 'retrain' AND NOT passed), 1::bigint, 'nor judged again');
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 20;
SELECT is((SELECT outcome FROM mlops.retrain('fraud', gate => '{"pr_auc": {"min": 0.01}}', action => 'deploy', options => '{"threshold": 0.25}')), 'deployed', 'what passes is');
SELECT is((SELECT concat_ws(' ', version, threshold, note) FROM mlops.deployments WHERE model = 'fraud'), '6 0.25 retrained', 'it answers');
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 50;
SELECT is((SELECT outcome FROM mlops.retrain('fraud', 'drift', action => 'canary', options => '{"percent": 10, "key": "id", "threshold": 0.25}')), 'canary', 'or a canary begins');
SELECT is((SELECT array_agg(version ORDER BY version) FROM mlops.deployments WHERE model = 'fraud'), '{6,7}', 'beside what answers');
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 60;
SELECT is((SELECT outcome FROM mlops.retrain('fraud', action => 'canary', options => '{"percent": 10, "key": "id", "threshold": 0.25}')), 'rejected', 'not while another one is under way');
SELECT is((SELECT count(*) FROM mlops.versions WHERE version = 8), 1::bigint, 'the version stays');
SELECT mlops.abort('fraud') \g /dev/null
SELECT mlops.set_gate('fraud', '{"log_loss": {"max": 0}}') \g /dev/null
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 70;
SELECT is((SELECT outcome FROM mlops.retrain('fraud', action => 'deploy')), 'rejected', 'the model''s own gate counts too');
SELECT mlops.set_gate('fraud', '{}') \g /dev/null

-- ---- what waits for approval
SELECT is(mlops_catalog.asks_for_approval(gate::jsonb), asks, gate) FROM (VALUES ('{}', false), ('{"approvals": 0}', false), ('{"approvals": {"count": 0}}', false),
	('{"approvals": 2}', true), ('{"approvals": {"four_eyes": true}}', true)) AS e(gate, asks);
SELECT mlops.set_gate('fraud', '{"approvals": 1, "pr_auc": {"min": 0.01}}') \g /dev/null
CREATE FUNCTION held_back() RETURNS text LANGUAGE sql AS $$ SELECT coalesce(held_back, 'nothing') FROM mlops.retraining_policies WHERE model = 'fraud' $$;
SELECT is((SELECT held_back FROM mlops.set_retraining_policy('fraud', '0 3 * * *', action => 'deploy')), 'a new version waits for approval', 'the policy says what will come of it');
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 80;
CREATE TABLE held AS SELECT * FROM mlops.retrain('fraud', action => 'deploy', options => '{"threshold": 0.25}');
SELECT is((SELECT concat_ws(' ', outcome, detail, held_back() = format('version %s waits for approval', version)) FROM held), 'waiting approvals: 1 approvals, found 0 t',
	'what passes all else waits');
SELECT is((SELECT concat_ws(' ', r.outcome, held_back() = format('version %s waits for approval', h.version)) FROM held AS h, mlops.retrain('fraud', action => 'deploy', options => '{"threshold": 0.25}') AS r),
	'unchanged t', 'and goes on waiting when the same rows make it once more');
SELECT mlops.approve('fraud', version) FROM held \g /dev/null
SELECT mlops.deploy('fraud', version) FROM held \g /dev/null
SELECT is(held_back(), 'a new version waits for approval', 'until it is deployed');
CREATE OR REPLACE VIEW now_known AS SELECT * FROM tx WHERE id > 100;
SELECT is((SELECT outcome FROM mlops.retrain('fraud', gate => '{"log_loss": {"max": 0}}', action => 'deploy')) || ' ' || held_back(), 'rejected a new version waits for approval', 'what falls short of more waits for nothing');
SELECT mlops.set_gate('fraud', '{}') \g /dev/null
SELECT mlops.drop_retraining_policy('fraud') \g /dev/null
SELECT mlops.rollback('fraud') \g /dev/null

-- ---- what is refused
SELECT throws_ok($$SELECT mlops.retrain('fraud', action => 'delete')$$, '22023', 'unrecognized action "delete"', 'an action that is none');
SELECT throws_ok($$SELECT mlops.retrain('fraud', options => '{"percent": 5}')$$, '22023', 'unrecognized key "percent" in "options"', 'options that are for another action');
SELECT throws_ok($$SELECT mlops.retrain('fraud', gate => '{"pr_auk": {"min": 0.5}}')$$, '22023', NULL, 'a gate that is none');
SELECT throws_ok($$SELECT mlops.set_retraining_policy('fraud')$$, '22023', 'a retraining policy needs a "schedule" or "triggers"', 'a policy without a cause');
SELECT throws_ok($$SELECT mlops.set_retraining_policy('fraud', 'now and then')$$, '22023', NULL, 'a schedule that is none');
SELECT throws_ok($$SELECT mlops.set_retraining_policy('fraud', triggers => '{"new_labels": 1}', cooldown => '170000000 years')$$, '22023', 'value 170000000 years of "cooldown" is out of range', 'a wait past the end of time');
SELECT throws_ok($$SELECT mlops.set_retraining_policy('fraud', triggers => '{"new_labels": 0}')$$, '22023', NULL, 'a trigger out of range');
SELECT throws_ok($$SELECT mlops.set_retraining_policy('fraud', triggers => '{"alerts": ["nothing"]}')$$, '42704', 'model "fraud" has no alert rule "nothing"', 'a rule that is not there');

-- ---- policies
CREATE FUNCTION reason() RETURNS text LANGUAGE sql AS $$ SELECT mlops_catalog.retraining_reason(current_user::regrole, p) FROM mlops_catalog.policy p $$;
CREATE FUNCTION days_pass(n int) RETURNS void LANGUAGE sql AS $$
	UPDATE mlops_catalog.policy SET created_at = created_at - n * interval '1 day', submitted_at = submitted_at - n * interval '1 day';
	UPDATE mlops_catalog.retraining SET started_at = started_at - n * interval '1 day';
$$;
SELECT is((SELECT concat_ws(' ', model, schedule, action) FROM mlops.set_retraining_policy('fraud', '0 3 * * *')), 'fraud 0 3 * * * register', 'a policy');
SELECT is(reason(), NULL, 'before its time nothing happens');
SELECT days_pass(2) \g /dev/null
SELECT is(reason(), 'schedule 0 3 * * *', 'then it does');
SELECT mlops.set_alert_rule('fraud', 'low_precision', 'precision', min => 0.8) \g /dev/null
SELECT is((SELECT triggers FROM mlops.set_retraining_policy('fraud', triggers => '{"alerts": ["low_precision"], "new_labels": 100}')), '{"alerts": ["low_precision"], "new_labels": 100}', 'triggers');
SELECT is(reason(), NULL, 'nothing has happened');
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id <= 99', key => 'id', label => 'is_fraud') \g /dev/null
SELECT is(reason(), NULL, 'too few labels');
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id <= 150', key => 'id', label => 'is_fraud') \g /dev/null
SELECT is(reason(), '150 new labels', 'enough labels');
INSERT INTO mlops_catalog.alert (model_id, rule, severity, metric, labels, value, required, window_end)
	SELECT model_id, 'low_precision', 'warning', 'precision', '{}', 0.5, 'at least 0.8', now() FROM mlops_catalog.model;
SELECT is(reason(), 'alert low_precision', 'an alert comes first');
UPDATE mlops_catalog.policy SET submitted_at = now();
SELECT is(reason(), NULL, 'it has to wait after a retraining');
SELECT days_pass(2) \g /dev/null
SELECT is(reason(), 'alert low_precision', 'for as long as it says');
UPDATE mlops_catalog.alert SET resolved_at = now();
SELECT is(reason(), '150 new labels', 'an alert that is over calls for nothing');
UPDATE mlops_catalog.policy SET created_at = now() - interval '10 days', submitted_at = NULL;
UPDATE mlops_catalog.label SET recorded_at = now() - interval '5 days';
UPDATE mlops_catalog.retraining SET started_at = now() - interval '3 days';
SELECT is(reason(), NULL, 'nor do labels that the last retraining knew');
UPDATE mlops_catalog.label SET recorded_at = now() - interval '2 days';
SELECT is(reason(), '150 new labels', 'as those do that came later');
SELECT is(mlops.drop_retraining_policy('fraud'), true, 'a policy ends');
SELECT is((SELECT array_agg(event ORDER BY waiting_id) FROM mlops_catalog.audit_waiting WHERE event LIKE '%retraining_policy'),
	'{set_retraining_policy,drop_retraining_policy,set_retraining_policy,set_retraining_policy,drop_retraining_policy}', 'all that is in the audit log');
CREATE ROLE stranger;
SET ROLE stranger;
SELECT throws_ok($$SELECT mlops.retrain('fraud')$$, '42501', NULL, 'a stranger cannot retrain');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
