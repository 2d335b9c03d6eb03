-- A monitor whose windows get another length: nothing is counted twice, and rules and
-- the report look at windows of the present length.
\ir setup.psql
SELECT plan(16);
SELECT FROM mlops.train('m', 'tx', target => 'is_fraud', key => 'id', features => '{amount,country}', params => '{"n_estimators": 2}');
SELECT FROM mlops.deploy('m', 1);
-- a decision each half hour, to the end of the last whole day
CREATE TABLE history AS SELECT 'k' || g AS k, (date_trunc('day', now() AT TIME ZONE 'UTC') - g * interval '30 minutes') AT TIME ZONE 'UTC' AS at,
	100.0 - g % 100 AS amount, 'DE' AS country FROM generate_series(1, 480) AS g;
SELECT FROM mlops.import_decisions('m', 'history', key => 'k', time_column => 'at');
SELECT FROM mlops.add_labels('m', query => 'SELECT k, right(k, 1) IN (''1'', ''5'') AS y FROM history', key => 'k', label => 'y');
CREATE FUNCTION measured(every interval) RETURNS void LANGUAGE sql AS $$
	SELECT FROM mlops.monitor('m', every => measured.every, source => 'history', time_column => 'at');
	SELECT count(*) FROM mlops.run_monitor('m', since => now() - interval '12 days') $$;
CREATE FUNCTION counted() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', (SELECT sum(decisions) FROM mlops.traffic), (SELECT sum(decisions) FROM mlops.performance),
		(SELECT count(DISTINCT window_end - window_start) FROM mlops.monitor_metrics), (SELECT sum(rows) FROM mlops.drift WHERE feature = 'amount' AND test = 'psi')) $$;
SELECT measured('1 day') \g /dev/null
SELECT is(counted(), '480 480 1 480', 'windows of a day');
SELECT FROM mlops.set_alert_rule('m', 'many', 'decisions', max => 30, windows => 2);
SELECT is((SELECT count(*) FROM mlops.run_monitor('m')), 1::bigint, 'nothing else to look at');
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'many'), 'firing', 'a rule on counts of a day');

SELECT measured('6 hours') \g /dev/null
SELECT is(counted(), '480 480 1 480', 'then of six hours: each decision counts once');
SELECT is((SELECT window_end - window_start FROM mlops.traffic ORDER BY window_end DESC LIMIT 1), interval '6 hours', 'in windows of the present length');
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'many'), 'ok', 'by which rules judge');
SELECT is((SELECT count(*) FROM mlops_catalog.summary_of_traffic('m') AS l WHERE l ~ '18:00 to .* 00:00: 12 imported decisions'), 1::bigint, 'and of which the report tells');
SELECT is((SELECT count(*) FROM mlops_catalog.traffic_window WHERE window_end - window_start = interval '1 day' AND decisions > 0), 10::bigint, 'the former ones are kept');

-- lengths of which none is a multiple of the other
SELECT measured('25 hours') \g /dev/null
SELECT cmp_ok((SELECT sum(decisions) FROM mlops.traffic), '<=', 480::numeric, 'no length makes them more');
SELECT is((SELECT count(*) FROM mlops.traffic AS a JOIN mlops.traffic AS b ON a.window_start < b.window_start AND a.window_end > b.window_start), 0::bigint, 'no two windows overlap');
SELECT measured('6 hours') \g /dev/null
SELECT is(counted(), '480 480 1 480', 'back at the former length');
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'many'), 'ok', 'rules do not look at the longer windows, even if those end later');

-- what was recorded by hand has a length of its own
SELECT FROM mlops.record_drift('m', 'history', window_start => now() - interval '3 days', window_end => now());
SELECT is((SELECT count(DISTINCT window_start) FROM mlops.drift WHERE window_end - window_start = interval '3 days'), 1::bigint, 'windows of no monitor stay');

-- decisions that are older than they are kept are not there to be measured again
SET LOCAL mlops.retention = 5;
SELECT measured('12 hours') \g /dev/null
SELECT ok((SELECT sum(decisions) BETWEEN 440 AND 480 FROM mlops.traffic), 'what was measured before its decisions may be removed stays');
SELECT is((SELECT count(*) FROM mlops.traffic AS a JOIN mlops.traffic AS b ON a.window_start < b.window_start AND a.window_end > b.window_start), 0::bigint, 'of two former lengths one counts');

-- failed decisions are no silence
SET LOCAL mlops.retention = 90;
UPDATE mlops_catalog.traffic_window SET decisions = 0, alerts = 0, errors = 20 WHERE window_end - window_start = interval '12 hours' AND decisions > 0;
SELECT is((SELECT array_agg(DISTINCT mlops_catalog.nothing_in_window(t.model_id, 'traffic', t.window_start, t.window_end)) FROM mlops_catalog.traffic_window AS t
	WHERE t.window_end - t.window_start = interval '12 hours' AND t.errors > 0), '{all that was to be scored in this window failed}', 'a window of which all failed');
SELECT * FROM finish();
ROLLBACK;
