-- Alert rules judge the version that answers, from windows of its own; what was
-- fired for another one waits for them, and pulls no trigger meanwhile.
\ir setup.psql
SELECT plan(17);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 4}') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.monitor('fraud', every => '1 hour'),
	mlops.set_alert_rule('fraud', 'low', 'precision', min => 0.8, min_decisions => 10),
	mlops.set_retraining_policy('fraud', triggers => '{"alerts": true, "new_labels": 100}', cooldown => '1 day') \g /dev/null
-- a window that ended so many hours ago, with this precision in percent
CREATE FUNCTION window_of(hours int, version int, percent int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions, true_positives, false_positives, false_negatives, true_negatives)
	SELECT model_id, date_trunc('hour', now()) - (hours + 1) * interval '1 hour', date_trunc('hour', now()) - hours * interval '1 hour', version, '{}', 200, percent, 100 - percent, 0, 100
	FROM mlops_catalog.model $$;
CREATE FUNCTION check_now() RETURNS text LANGUAGE sql AS $$
	SELECT mlops_catalog.check_alerts(current_user::regrole, 'fraud', m.model_id, w) FROM mlops_catalog.model m JOIN mlops_catalog.monitor w USING (model_id);
	SELECT (SELECT string_agg(format('%s:%s', version, state), ' ' ORDER BY alert_id) FROM mlops.alerts) $$;
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$ SELECT state FROM mlops.alert_rules $$;
CREATE FUNCTION reason() RETURNS text LANGUAGE sql AS $$ SELECT mlops_catalog.retraining_reason(current_user::regrole, p) FROM mlops_catalog.policy p $$;
SELECT window_of(5, 1, 50) \g /dev/null
SELECT is(check_now(), '1:firing', 'what answers is out of bounds');
SELECT is(reason(), 'alert low', 'which calls for a retraining');
UPDATE mlops_catalog.policy SET submitted_at = now() - interval '23 hours';
SELECT is(reason(), NULL, 'but not within the cooldown');
UPDATE mlops_catalog.policy SET submitted_at = now() - interval '25 hours';
SELECT is(reason(), 'alert low', 'after it');
SELECT mlops.deploy('fraud', 2) \g /dev/null
SELECT is((SELECT state FROM mlops.alerts), 'waiting', 'replaced, the alert waits');
SELECT is(state(), 'waiting', 'the rule says so');
SELECT is(reason(), NULL, 'and nothing is retrained for it');
SELECT window_of(4, 1, 40) \g /dev/null
SELECT is(check_now(), '1:waiting', 'windows of the version that was replaced change nothing');
SELECT window_of(3, 2, 90) \g /dev/null
SELECT is(check_now(), '1:resolved', 'a good window of the new one resolves it');
SELECT is(state(), 'ok', 'the rule is kept');
SELECT is(reason(), NULL, 'a resolved alert calls for nothing');
SELECT window_of(2, 2, 30) \g /dev/null
SELECT is(check_now(), '1:resolved 2:firing', 'a bad one fires for the new one');
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT is(check_now(), '1:resolved 2:resolved 1:firing', 'once the old one answers again its own windows count, and the alert is its own');

-- ---- new labels count from the last retraining on
UPDATE mlops_catalog.alert SET resolved_at = now();
UPDATE mlops_catalog.policy SET created_at = now() - interval '9 days', submitted_at = NULL;
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id <= 120', key => 'id', label => 'is_fraud') \g /dev/null
UPDATE mlops_catalog.label SET recorded_at = now() - interval '5 days';
SELECT is(reason(), '120 new labels', 'since the policy was set');
INSERT INTO mlops_catalog.retraining (model_id, base_version, version, outcome, role, started_at, ended_at)
	SELECT model_id, 1, 2, 'registered', current_user::regrole, now() - interval '4 days', now() - interval '4 days' FROM mlops_catalog.model;
SELECT is(reason(), NULL, 'those that the last retraining knew do not count');
UPDATE mlops_catalog.label SET recorded_at = now() - interval '3 days' WHERE key::int > 20;
SELECT is(reason(), '100 new labels', 'those after it do');
UPDATE mlops_catalog.label SET recorded_at = now() - interval '5 days' WHERE key = '21';
SELECT is(reason(), NULL, 'up to the last one');
SELECT * FROM finish();
ROLLBACK;
