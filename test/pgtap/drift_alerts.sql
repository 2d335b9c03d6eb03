-- Alerts on drift: of how many rows of the source it was computed, whether it is
-- more than chance, and what becomes of them where the source stays empty.
\ir setup.psql
SELECT plan(24);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}'), mlops.deploy('fraud', 1) FROM tx LIMIT 1 \g /dev/null
CREATE FUNCTION hour(ago int) RETURNS timestamptz LANGUAGE sql AS $$ SELECT date_bin('1 hour', now(), '2000-01-03 00:00:00+00') - ago * interval '1 hour' $$;
CREATE FUNCTION states() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(name || ':' || state, ' ' ORDER BY name) FROM mlops.alert_rules $$;
CREATE TABLE coming AS SELECT t.*, now() AS at FROM tx t LIMIT 0;
SELECT mlops.monitor('fraud', every => '1 hour', source => 'coming', time_column => 'at') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'amount', 'drift', max => 0.2, labels => '{"feature": "amount", "test": "psi"}'),
	mlops.set_alert_rule('fraud', 'share', 'drifted_share', max => 0.1), mlops.set_alert_rule('fraud', 'like', 'drift', min => 0.0001, labels => '{"feature": "amount", "test": "psi"}') \g /dev/null
-- the rows are of the hour so many hours ago, and all hours are looked at anew
CREATE FUNCTION looked_at(rows text, ago int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM coming;
	EXECUTE format('INSERT INTO coming SELECT t.*, hour(%s) + interval ''1 minute'' FROM (%s) AS t', ago, rows);
	DELETE FROM mlops_catalog.monitor_window;
	DELETE FROM mlops_catalog.drift_window;
	UPDATE mlops_catalog.monitor SET created_at = now() - interval '50 hours';
	PERFORM FROM mlops.run_monitor('fraud');
	RETURN states();
END
$$;
-- the same rows, as many hours later
CREATE FUNCTION later(hours int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE mlops_catalog.drift_window SET window_start = window_start - hours * interval '1 hour', window_end = window_end - hours * interval '1 hour';
	UPDATE mlops_catalog.alert SET window_end = window_end - hours * interval '1 hour';
	UPDATE mlops_catalog.alert_rule SET judged_until = judged_until - hours * interval '1 hour';
	PERFORM FROM mlops.run_monitor('fraud');
	RETURN states();
END
$$;

-- ---- rows of the source, not decisions
SET mlops.log_features = on;
SELECT count(mlops.decide('fraud', t)) FROM tx t WHERE id <= 200 \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = hour(1) + interval '1 minute';
SELECT is(looked_at('SELECT * FROM tx WHERE id <= 0', 1), 'amount:no data like:no data share:no data', 'there is no row to judge');
SELECT is((SELECT decisions FROM mlops.traffic WHERE window_end = hour(0)), 200::bigint, 'though there are decisions enough');
SELECT is(looked_at('SELECT * FROM tx WHERE amount = (SELECT max(amount) FROM tx) LIMIT 1', 1), 'amount:no data like:no data share:no data', 'one row is too few');
SELECT results_eq($$SELECT rows, value > 0.2 FROM mlops.monitor_metrics WHERE metric = 'drift' AND labels @> '{"feature": "amount", "test": "psi"}'$$, 'SELECT 1::bigint, true',
	'though its value is far out of bounds');
SELECT is(looked_at('SELECT * FROM tx ORDER BY amount DESC LIMIT 29', 1), 'amount:no data like:no data share:no data', '29 are too few');
SELECT results_eq($$SELECT rows FROM mlops.monitor_metrics WHERE metric = 'drifted_share' AND rows > 0$$, 'SELECT 29::bigint', 'also for the share of the features');
SELECT is(looked_at('SELECT * FROM tx ORDER BY amount DESC LIMIT 30', 1), 'amount:firing like:ok share:firing', '30 are enough');
DELETE FROM mlops_catalog.alert;
UPDATE mlops_catalog.alert_rule SET min_decisions = 0;
SELECT is(looked_at('SELECT * FROM tx WHERE id <= 0', 1), 'amount:ok like:ok share:ok', 'an empty window has no value');
SELECT results_eq('SELECT DISTINCT rows FROM mlops.drift', 'SELECT 0::bigint', 'that it is empty is recorded');

-- ---- more than chance
SELECT looked_at('SELECT * FROM tx ORDER BY amount DESC LIMIT 30', 1) \g /dev/null
DELETE FROM mlops_catalog.alert;
UPDATE mlops_catalog.drift_window SET p_value = mlops_catalog.drift_alpha() WHERE rows > 0;
SELECT later(0) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'amount'), 'ok', 'what chance makes as large does not fire');
UPDATE mlops_catalog.drift_window SET p_value = mlops_catalog.drift_alpha() / 2 WHERE rows > 0;
SELECT later(0) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'amount'), 'firing', 'what it hardly ever makes does');
UPDATE mlops_catalog.drift_window SET p_value = NULL WHERE rows > 0;
SELECT is(later(0), 'amount:firing like:ok share:firing', 'a statistic without a p-value goes by its bound alone');
UPDATE mlops_catalog.drift_window SET p_value = 1, statistic = 0 WHERE rows > 0;
SELECT is(later(0), 'amount:ok like:firing share:firing', 'a lower bound has nothing to do with chance');
SELECT ok((SELECT bool_and(drifted = (statistic >= threshold AND coalesce(p_value < mlops_catalog.drift_alpha(), true))) AND count(*) > 0
	FROM mlops.check_drift('fraud', query => 'SELECT * FROM tx ORDER BY amount DESC LIMIT 30')), 'the bound is that of check_drift');
SELECT ok((SELECT bool_and(drifted = (statistic >= threshold AND coalesce(p_value < mlops_catalog.drift_alpha(), true))) AND bool_or(NOT drifted AND p_value < 1)
	FROM mlops.check_drift('fraud', query => 'SELECT * FROM tx WHERE id <= 300')), 'also of what is alike');

-- ---- a source that stays empty: a rule looks back over 10 windows and three of its own
SELECT looked_at('SELECT * FROM tx ORDER BY amount DESC LIMIT 30', 1) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'amount'), 'firing', 'drift fires');
SELECT later(12) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'amount'), 'firing', 'goes on while its window is one of the last 13');
SELECT is(later(1), 'amount:no data like:no data share:no data', 'and no longer');
SELECT is((SELECT count(*) FROM mlops.alerts WHERE state <> 'resolved'), 0::bigint, 'it is resolved');
SELECT is(looked_at('SELECT * FROM tx ORDER BY amount DESC LIMIT 30', 1), 'amount:firing like:ok share:firing', 'what comes again fires again');
SELECT is((SELECT count(*) FROM mlops.alerts WHERE rule = 'amount'), 3::bigint, 'as an alert of its own');

-- ---- the scores of few decisions are never quite like those of the test rows
DELETE FROM mlops_catalog.traffic_window;
DELETE FROM mlops_catalog.prediction;
SELECT mlops.set_alert_rule('fraud', 'scores', 'score_psi', max => 0.2) \g /dev/null
SELECT count(mlops.decide('fraud', t)) FROM (SELECT * FROM tx ORDER BY id LIMIT 30) AS t \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = hour(1) + interval '1 minute';
SELECT looked_at('SELECT * FROM tx WHERE id <= 0', 1) \g /dev/null
UPDATE mlops_catalog.traffic_window SET score_psi = 0.3;
SELECT is((SELECT score_psi_p_value = p_value AND p_value BETWEEN mlops_catalog.drift_alpha() AND 1 FROM mlops.traffic AS t JOIN mlops.monitor_metrics AS m USING (window_end) WHERE m.metric = 'score_psi'), true,
	'30 of them, as they come: how likely that is by chance');
SELECT later(0) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'scores'), 'ok', 'which does not fire');
UPDATE mlops_catalog.traffic_window SET score_psi_p_value = mlops_catalog.drift_alpha() / 2;
SELECT later(0) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'scores'), 'firing', 'what it hardly ever makes does');
SELECT * FROM finish();
ROLLBACK;
