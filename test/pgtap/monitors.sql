-- Monitors: windows of traffic and performance, labels that arrive late,
-- segments; alert rules that fire, resolve, are silenced and acknowledged.
\ir setup.psql
SELECT plan(100);
-- windows of an hour: what is put in one is judged before the next begins
SELECT pg_sleep(extract(epoch FROM date_trunc('hour', clock_timestamp()) + interval '1 hour' - clock_timestamp()))
WHERE extract(minute FROM clock_timestamp()) >= 58 \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 6}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null

-- ---- what is refused
SELECT throws_ok($$SELECT mlops.monitor('nofraud')$$, '42704', NULL, 'a model that does not exist');
SELECT throws_ok($$SELECT mlops.monitor('fraud', every => '1 second')$$, '22023', 'value 00:00:01 of "every" is out of range', 'a window that is too short');
SELECT throws_ok($$SELECT mlops.monitor('fraud', every => '1 month')$$, '22023', NULL, 'months have no fixed length');
SELECT throws_ok($$SELECT mlops.monitor('fraud', label_delay => '-1 day')$$, '22023', NULL, 'a negative delay');
SELECT throws_ok($$SELECT mlops.monitor('fraud', label_delay => '170000000 years')$$, '22023', 'value 170000000 years of "label_delay" is out of range', 'a delay past the beginning of time');
SELECT throws_ok($$SELECT mlops.monitor('fraud', source => 'tx')$$, '22023', NULL, 'drift needs a time');
SELECT throws_ok($$SELECT mlops.monitor('fraud', source => 'tx', query => 'SELECT 1', time_column => 'at')$$, '22023', 'give either "source" or "query"', 'one source');
SELECT throws_ok($$SELECT mlops.monitor('fraud', source => 'tx', time_column => 'nothing')$$, '42703', NULL, 'a time column that is not there');
CREATE TEMP TABLE passing AS SELECT *, now() AS at FROM tx;
CREATE TEMP VIEW passing_view AS SELECT *, now() AS at FROM tx;
SELECT throws_ok(format('SELECT mlops.monitor(''fraud'', %s, time_column => ''at'')', source), '42P16', format('the source of drift reads the temporary table or view "%s"', relation), source)
	FROM (VALUES ('source => ''passing''', 'passing'), ('source => ''passing_view''', 'passing_view'), ('query => ''SELECT t.*, (SELECT max(p.at) FROM passing AS p) AS at FROM tx AS t''', 'passing')) AS v(source, relation);
SELECT is_empty('SELECT FROM mlops_catalog.monitor', 'nothing was set up');
SELECT throws_ok($$SELECT mlops.run_monitor('fraud')$$, '42704', 'model "fraud" has no monitor', 'nothing to run');
SELECT is(mlops.unmonitor('fraud'), false, 'nothing to stop');

-- ---- windows
SELECT is((SELECT concat_ws(' ', model, every, label_delay, owner) FROM mlops.monitor('fraud', every => '1 hour', label_delay => '2 hours', segments => '{country}')),
	'fraud 01:00:00 02:00:00 ' || current_user, 'a monitor');
SELECT is((SELECT count(*) FROM mlops_catalog.audit_waiting WHERE event = 'monitor'), 1::bigint, 'is in the audit log');
SELECT mlops.monitor('fraud', every => '1 hour', label_delay => '2 hours', segments => '{country}') \g /dev/null
SELECT is((SELECT count(*) FROM mlops_catalog.audit_waiting WHERE event = 'monitor'), 1::bigint, 'the same again is no change');
SET mlops.log_features = on;
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
-- everything happened in the last window whose labels are complete
CREATE FUNCTION long_ago() RETURNS void LANGUAGE sql AS $$
	UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - interval '2 hours 30 minutes';
	UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';
$$;
SELECT long_ago() \g /dev/null
CREATE TEMP TABLE ran AS SELECT * FROM mlops.run_monitor('fraud');
SELECT cmp_ok((SELECT count(*) FROM ran WHERE step = 'traffic'), '>=', 3::bigint, 'every window that is over is looked at');
SELECT is((SELECT sum(decisions) FROM mlops.traffic), (SELECT count(*) FROM mlops.predictions)::numeric, 'each decision is in one window');
SELECT is((SELECT count(*) FROM mlops.run_monitor('fraud') WHERE step <> 'alerts'), 0::bigint, 'and once only');
CREATE FUNCTION looked_at_anew() RETURNS void LANGUAGE sql AS $$
	DELETE FROM mlops_catalog.monitor_window;
	DELETE FROM mlops_catalog.traffic_window;
	DELETE FROM mlops_catalog.performance_window;
	SELECT FROM mlops.run_monitor('fraud');
$$;
SELECT ok((SELECT bool_or(flagged) AND NOT bool_and(flagged) FROM mlops.predictions), 'some decisions are alerts');
CREATE TEMP TABLE seen AS SELECT window_start, window_end FROM mlops.traffic;
UPDATE mlops_catalog.prediction SET created_at = (SELECT window_start FROM seen) WHERE flagged;
SELECT looked_at_anew() \g /dev/null
SELECT results_eq('SELECT window_start, decisions FROM mlops.traffic', 'SELECT window_start, (SELECT count(*) FROM mlops.predictions) FROM seen', 'a window has what came as it began');
UPDATE mlops_catalog.prediction SET created_at = (SELECT window_end FROM seen) WHERE flagged;
SELECT looked_at_anew() \g /dev/null
SELECT is((SELECT t.decisions FROM mlops.traffic t JOIN seen USING (window_start)), (SELECT count(*) FROM mlops.predictions WHERE NOT flagged), 'and not what came at its end');
SELECT long_ago() \g /dev/null
SELECT looked_at_anew() \g /dev/null
SELECT is((SELECT alert_rate FROM mlops.traffic), (SELECT avg(flagged::int)::float8 FROM mlops.predictions), 'alert rate');
SELECT is((SELECT latency_p99 FROM mlops.traffic), (SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY latency::float8) FROM mlops.predictions), 'latency');
SELECT cmp_ok((SELECT score_psi FROM mlops.traffic), '<', 0.5::float8, 'scores are like those of the test rows');
SELECT is((SELECT array_agg(DISTINCT variant) FROM mlops.traffic), '{primary}', 'by variant');
SELECT is((SELECT labelled FROM mlops.performance WHERE segment = '{}'), 0::bigint, 'no label has arrived');
SELECT is((SELECT pr_auc FROM mlops.performance WHERE segment = '{}'), NULL, 'so there is no average precision');

INSERT INTO mlops_catalog.prediction SELECT (jsonb_populate_record(p, '{"version": 2, "variant": "s", "shadow": true}')).* FROM mlops_catalog.prediction AS p LIMIT 100;
SELECT looked_at_anew() \g /dev/null
SELECT results_eq('SELECT version, decisions FROM mlops.performance WHERE segment = ''{}''', 'SELECT 1, count(*) FROM mlops.predictions WHERE NOT shadow', 'of those who answer, not of shadows');
DELETE FROM mlops_catalog.prediction WHERE shadow;
SELECT looked_at_anew() \g /dev/null

-- ---- late labels
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx', key => 'id', label => 'is_fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.predictions WHERE key IS NULL) > 0, true, 'decisions without a key have no label');
SELECT count(mlops.decide('fraud', t, id::text)) FROM tx t \g /dev/null
SELECT long_ago() \g /dev/null
DELETE FROM mlops_catalog.monitor_window;
DELETE FROM mlops_catalog.traffic_window;
UPDATE mlops_catalog.label SET recorded_at = recorded_at - interval '1 day';
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT labelled FROM mlops.performance WHERE segment = '{}'), (SELECT count(*) FROM tx), 'labels are joined by key');
SELECT is((SELECT p."precision" FROM mlops.performance p WHERE segment = '{}'),
	(SELECT avg(is_fraud::int)::float8 FROM mlops.predictions JOIN tx ON id::text = key WHERE flagged), 'precision');
SELECT is((SELECT recall FROM mlops.performance WHERE segment = '{}'),
	(SELECT avg(flagged::int)::float8 FROM mlops.predictions JOIN tx ON id::text = key WHERE is_fraud), 'recall');
SELECT is((SELECT pr_auc FROM mlops.performance WHERE segment = '{}'),
	(SELECT mlops.pr_auc(is_fraud, score) FROM mlops.predictions JOIN tx ON id::text = key), 'average precision');
SELECT is((SELECT sum(labelled) FROM mlops.performance WHERE segment ? 'country'), (SELECT count(*) FROM tx)::numeric, 'segments add up');
UPDATE mlops_catalog.monitor_window SET checked_at = checked_at - interval '1 hour';
UPDATE mlops_catalog.label SET label = NOT label, recorded_at = clock_timestamp();
SELECT is((SELECT count(*) FROM mlops.run_monitor('fraud') WHERE step = 'performance'), 1::bigint, 'a window is judged again when labels arrive');
SELECT is((SELECT p."precision" FROM mlops.performance p WHERE segment = '{}'),
	(SELECT avg((NOT is_fraud)::int)::float8 FROM mlops.predictions JOIN tx ON id::text = key WHERE flagged), 'by what is known now');
UPDATE mlops_catalog.label SET label = NOT label, recorded_at = clock_timestamp();
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
UPDATE mlops_catalog.label SET recorded_at = recorded_at - interval '1 day';

-- ---- alerts
SELECT throws_ok($$SELECT mlops.set_alert_rule('fraud', 'low precision', 'precision', min => 0.8)$$, '22023', NULL, 'a name with a space');
SELECT throws_ok($$SELECT mlops.set_alert_rule('fraud', 'low', 'precison', min => 0.8)$$, '22023', 'unrecognized metric "precison"', 'a metric that is none');
SELECT throws_ok($$SELECT mlops.set_alert_rule('fraud', 'low', 'precision')$$, '22023', NULL, 'without a bound');
SELECT throws_ok($$SELECT mlops.set_alert_rule('fraud', 'low', 'precision', min => 0.8, severity => 'bad')$$, '22023', NULL, 'a severity that is none');
SELECT is((SELECT state FROM mlops.set_alert_rule('fraud', 'low_precision', 'precision', max => 0, severity => 'critical')), 'no data', 'a rule that has judged nothing yet');
SELECT mlops.set_alert_rule('fraud', 'fine', 'alert_rate', min => 0, max => 1) \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'twice', 'precision', max => 0, windows => 2) \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'many', 'precision', max => 0, min_decisions => 1000000) \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'germans', 'recall', min => 1, labels => '{"country": "DE"}', min_decisions => 1) \g /dev/null
SELECT is((SELECT recorded FROM mlops.run_monitor('fraud') WHERE step = 'alerts'), 2::bigint, 'what is broken fires');
SELECT results_eq($$SELECT rule, state, severity, metric, labels, required FROM mlops.alerts ORDER BY rule$$,
	$$VALUES ('germans', 'firing', 'warning', 'recall', '{"country": "DE"}'::jsonb, 'at least 1'), ('low_precision', 'firing', 'critical', 'precision', '{}', 'at most 0')$$,
	'what holds, lasts too short or has too few decisions does not');
SELECT is((SELECT value FROM mlops.alerts WHERE rule = 'low_precision'), (SELECT p."precision" FROM mlops.performance p WHERE segment = '{}'), 'with the value');
SELECT is((SELECT recorded FROM mlops.run_monitor('fraud') WHERE step = 'alerts'), 0::bigint, 'once');
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'low_precision'), 'firing', 'a rule says so');
SELECT is((SELECT state || ' ' || note FROM mlops.acknowledge_alert((SELECT alert_id FROM mlops.alerts WHERE rule = 'low_precision'), 'seen')), 'acknowledged seen', 'somebody takes note');
SELECT is((SELECT detail ->> 'rule' FROM mlops_catalog.audit_waiting WHERE event = 'acknowledge_alert'), 'low_precision', 'which is in the audit log');
SELECT throws_ok($$SELECT mlops.acknowledge_alert(0)$$, '42704', 'alert 0 does not exist', 'an alert that is none');
SELECT mlops.set_alert_rule('fraud', 'low_precision', 'precision', min => 0) \g /dev/null
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT state FROM mlops.alerts WHERE rule = 'low_precision'), 'resolved', 'within bounds again it resolves');
SELECT mlops.silence('fraud', 'low_precision', 'infinity') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'low_precision', 'precision', max => 0) \g /dev/null
SELECT is((SELECT recorded FROM mlops.run_monitor('fraud') WHERE step = 'alerts'), 0::bigint, 'a silenced rule fires nothing');
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'low_precision'), 'silenced', 'and says so');
SELECT mlops.silence('fraud', 'low_precision', NULL) \g /dev/null
SELECT is((SELECT recorded FROM mlops.run_monitor('fraud') WHERE step = 'alerts'), 1::bigint, 'until it is over');
SELECT mlops.drop_alert_rule('fraud', 'low_precision') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.alerts WHERE rule = 'low_precision' AND state = 'resolved'), 2::bigint, 'alerts of a rule that is gone are resolved');
SELECT throws_ok($$SELECT mlops.drop_alert_rule('fraud', 'low_precision')$$, '42704', 'model "fraud" has no alert rule "low_precision"', 'it is gone');
SELECT cmp_ok((SELECT count(DISTINCT metric) FROM mlops.monitor_metrics), '>=', 15::bigint, 'one table has all metrics');

-- ---- segments that could never be seen
SELECT is(mlops_catalog.unseen_segments((SELECT model_id FROM mlops_catalog.model WHERE name = 'fraud'), '{country,colour,amount}'), '{colour}', 'logged decisions have no such feature');
SELECT mlops.train('mute', 'tx', target => 'is_fraud', features => '{country,amount}', params => '{"n_estimators": 2}') \g /dev/null
CREATE FUNCTION unseen() RETURNS text[] LANGUAGE sql AS $$ SELECT mlops_catalog.unseen_segments((SELECT model_id FROM mlops_catalog.model WHERE name = 'mute'), '{country}') $$;
SELECT is(unseen(), '{}', 'before any decision the setting tells: features are logged');
SET mlops.log_features = off;
SELECT is(unseen(), '{country}', 'or not');
SELECT mlops.deploy('mute', 1) FROM tx LIMIT 1 \g /dev/null
SELECT count(mlops.decide('mute', t)) FROM tx t WHERE id <= 3 \g /dev/null
SET mlops.log_features = on;
SELECT is(unseen(), '{country}', 'then the decisions: they were logged without');
SELECT count(mlops.decide('mute', t)) FROM tx t WHERE id <= 3 \g /dev/null
SELECT is(unseen(), '{}', 'and with them');

-- ---- Prometheus
CREATE TEMP TABLE line AS SELECT l FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS l;
SELECT is_empty($$SELECT l FROM line WHERE l !~ '^(# (HELP [a-z0-9_]+ .+|TYPE [a-z0-9_]+ (gauge|counter|histogram))|[a-z0-9_]+(\{([a-z_]+="([^"\\]|\\["\\n])*"(,|(?=\})))+\})? -?([0-9.]+(e[-+]?[0-9]+)?|[+]Inf|NaN)|)$'$$, 'every line is one that Prometheus reads');
SELECT is((SELECT count(*) FROM line WHERE l ~ '^mlops_precision_ratio\{model="fraud",version="1"\} [01]'), 1::bigint, 'a metric');
SELECT is((SELECT l FROM line WHERE l ~ '^mlops_alert_firing.*germans'), 'mlops_alert_firing{model="fraud",rule="germans",severity="warning"} 1', 'an alert');
SELECT is((SELECT count(*) FROM line WHERE l = 'mlops_task_suspended{model="fraud",task="monitor"} 0'), 1::bigint, 'a monitor that is not suspended');
SELECT is(mlops_catalog.prometheus_labels(jsonb_build_object('a-b', E'x"\\\ny')), E'{a_b="x\\"\\\\\\ny"}', 'labels are escaped');

-- ---- drift of a source
CREATE TABLE coming AS SELECT t.*, date_trunc('hour', now()) - interval '30 minutes' AS at FROM tx t WHERE id <= 2000;
UPDATE coming SET amount = amount + 500;
SELECT mlops.monitor('fraud', every => '30 minutes', source => 'coming', time_column => 'at') \g /dev/null
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';
SELECT mlops.set_alert_rule('fraud', 'drift', 'drifted_share', max => 0.1) \g /dev/null
CREATE TEMP TABLE drifted AS SELECT * FROM mlops.run_monitor('fraud');
SELECT is((SELECT count(*) FROM drifted WHERE error IS NOT NULL), 0::bigint, 'rows of a table are watched');
SELECT is((SELECT note FROM drifted WHERE step = 'drift' AND window_start = date_trunc('hour', now()) - interval '30 minutes'), NULL, 'where there are rows there is nothing to say');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', recorded > 0, note)) FROM drifted WHERE step = 'drift' AND window_start <> date_trunc('hour', now()) - interval '30 minutes'), '{"t the source has no rows in this window"}', 'where there are none it is said');
SELECT ok((SELECT bool_or(note = 'no decision was made in this window') FROM drifted WHERE step = 'traffic'), 'of decisions, too');
SELECT is((SELECT bool_or(drifted) FROM mlops.drift WHERE feature = 'amount' AND window_start = date_trunc('hour', now()) - interval '30 minutes'), true, 'what moved has drifted');
SELECT is((SELECT bool_or(drifted) FROM mlops.drift WHERE feature = 'country' AND window_start = date_trunc('hour', now()) - interval '30 minutes'), false, 'what stayed has not');
SELECT is((SELECT count(*) FROM mlops.alerts WHERE rule = 'drift'), 1::bigint, 'and fires');
CREATE FUNCTION measured_until() RETURNS text LANGUAGE sql AS $$
	SELECT l FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS l WHERE l LIKE 'mlops_drift_window_end_seconds{%'
$$;
CREATE TEMP TABLE measured AS SELECT measured_until() AS l;
SELECT is((SELECT l FROM measured), format('mlops_drift_window_end_seconds{model="fraud"} %s', extract(epoch FROM date_bin('30 minutes', now(), '2000-01-03 00:00:00+00'))::float8), 'when drift was measured last, for Prometheus');
CREATE FUNCTION runs_with(change text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE change;
	DELETE FROM mlops_catalog.monitor_window;
	RETURN (SELECT concat_ws('; ', string_agg(DISTINCT step, ',') FILTER (WHERE error IS NULL), max(error)) FROM mlops.run_monitor('fraud'));
END
$$;
CREATE FUNCTION task() RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(': ', u.state, u.error) FROM mlops.upkeep AS u WHERE u.model = 'fraud' AND u.task = 'monitor' $$;
SELECT alike(runs_with('ALTER TABLE coming ALTER amount TYPE text USING ''EUR '' || amount'), 'alerts,performance,traffic; %amount%', 'a column that became text is told, the rest goes on');
SELECT alike(task(), 'failed: drift: %amount%', 'as a task that failed');
SELECT is(runs_with('ALTER TABLE coming ALTER amount TYPE float8 USING substr(amount, 5)::float8'), 'alerts,drift,performance,traffic', 'until it can be measured');
SELECT is((SELECT count(*) FROM mlops.upkeep WHERE state <> 'ok'), 0::bigint, 'when nothing has failed');
SELECT alike(runs_with('ALTER TABLE coming RENAME amount TO euros'), 'alerts,performance,traffic; %amount%', 'a column of another name is told');
SELECT mlops.run_monitor('fraud') \g /dev/null
SELECT alike(task(), 'failed: drift: %amount%', 'also when no window has ended since');
SELECT is((SELECT count(*) FROM mlops.check_catalog() WHERE model = 'fraud' AND problem LIKE '%drift: %amount%'), 1::bigint, 'where problems are looked for');
SELECT isnt((SELECT labels_until FROM mlops_catalog.monitor AS w JOIN mlops_catalog.model USING (model_id) WHERE name = 'fraud'), NULL, 'labels are looked at once all the same');
SELECT alike(runs_with('DROP TABLE coming'), 'alerts,performance,traffic; %does not exist', 'a table that is gone is told, the rest goes on');
SELECT isnt((SELECT drift_error FROM mlops.monitors), NULL, 'for all to see');
SELECT is(measured_until(), (SELECT l FROM measured), 'Prometheus keeps when it was measured last');
CREATE TEMP TABLE failed_window AS SELECT * FROM mlops_catalog.monitor_window WHERE drift_error IS NOT NULL;
SELECT mlops.monitor('fraud', every => '30 minutes', source => 'tx', time_column => 'ts') \g /dev/null
SELECT is((SELECT drift_error FROM mlops.monitors), NULL, 'set up anew, what could not be measured before is no failure of it');
SELECT mlops.run_monitor('fraud') \g /dev/null
SELECT is(task(), 'ok', 'nor of its task');
SELECT isnt_empty('SELECT FROM failed_window', 'windows have failed');
SELECT set_has('SELECT * FROM mlops_catalog.monitor_window', 'SELECT * FROM failed_window', 'and what they had stays known');

-- ---- rights
CREATE ROLE stranger;
SET ROLE stranger;
SELECT is((SELECT count(*) FROM mlops.monitors) + (SELECT count(*) FROM mlops.traffic) + (SELECT count(*) FROM mlops.alerts) + (SELECT count(*) FROM mlops.monitor_metrics), 0::bigint, 'a stranger sees nothing');
SELECT throws_ok($$SELECT mlops.monitor('fraud')$$, '42501', NULL, 'and sets nothing');
RESET ROLE;
SELECT is(mlops.unmonitor('fraud'), true, 'a monitor is ended');
SELECT is((SELECT count(*) FROM mlops.maintain() WHERE object LIKE '%window'), 0::bigint, 'what was found stays');
UPDATE mlops_catalog.traffic_window SET window_end = window_end - interval '731 days';
CREATE TEMP TABLE before AS SELECT count(*) AS n FROM mlops.traffic;
SELECT is((SELECT rows FROM mlops.maintain() WHERE object = 'traffic_window' AND action = 'removed'), (SELECT n FROM before WHERE n > 0), 'for two years');
SELECT throws_ok($$SELECT mlops.monitor('fraud', time_zone => 'Nowhere/At all')$$, '22023', 'time zone "Nowhere/At all" not recognized', 'a zone that there is not');
CREATE DOMAIN hour_of_day AS time;
CREATE TABLE clocks AS SELECT *, ts::time AS clock, ts::time::timetz AS zoned, ts::time::hour_of_day AS hour FROM tx;
SELECT throws_ok(format('SELECT mlops.monitor(''fraud'', source => ''clocks'', time_column => %L)', c), '42804', format('column "%s" of "time_column" has type %s', c, t), c)
FROM (VALUES ('clock', 'time without time zone'), ('zoned', 'time with time zone'), ('hour', 'time without time zone')) AS v(c, t);
SELECT * FROM finish();
ROLLBACK;
