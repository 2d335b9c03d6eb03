-- Imports: decisions of the past with their times, and the windows of a monitor that
-- come of them, at once; what is refused; nothing of it counts as live traffic.
\ir setup.psql
SELECT plan(109);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 6}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null
-- ten days, of 100 payments each, that end at midnight UTC yesterday
CREATE TABLE history AS SELECT tx.*, date_trunc('day', now(), 'UTC') - interval '11 days' + id * interval '14 minutes 24 seconds' AS at,
	id % 10 = 0 AS was_flagged, (id % 100) / 100.0::float8 AS given FROM tx WHERE id < 1000;
CREATE FUNCTION live() RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s', (SELECT count(*) FROM mlops_catalog.prediction), (SELECT sum(decisions) FROM mlops.decision_totals()),
		(SELECT count(*) FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS l WHERE l ~ '^mlops_decisions_total.* [1-9]')) $$;

-- ---- what is refused
CREATE FUNCTION from_row(columns text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT mlops.import_decisions(''fraud'', query => %L, key => ''k'', time_column => ''t'', score => ''s'')', 'SELECT ' || columns) $$;
SELECT throws_ok(statement, state, message, label) FROM (VALUES
	($$SELECT mlops.import_decisions(NULL, 'history', key => 'id', time_column => 'at')$$, '22004', '"model" must not be null', 'no model'),
	($$SELECT mlops.import_decisions('fraud', 'history', time_column => 'at')$$, '22004', '"key" must not be null', 'no key'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'id')$$, '22004', '"time_column" must not be null', 'no time'),
	($$SELECT mlops.import_decisions('nofraud', 'history', key => 'id', time_column => 'at')$$, '42704', 'model "nofraud" does not exist', 'a model that is none'),
	($$SELECT mlops.import_decisions('fraud/9', 'history', key => 'id', time_column => 'at')$$, '42704', NULL, 'a version that is none'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'it', time_column => 'at')$$, '42703', NULL, 'a key that is not there'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'amount', time_column => 'at')$$, '42804', 'column "amount" of type double precision cannot be a key', 'a column that cannot be a key'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'amount')$$, '42804', 'column "amount" of "time_column" has type double precision', 'a time that is none'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'at', score => 'country')$$, '42804', 'column "country" of "score" has type text', 'a score that is a text'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'at', flagged => 'country')$$, '42804', 'column "country" of "flagged" has type text', 'a flag that is a text'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'at', score => 'amount')$$, '22003', NULL, 'amounts are no scores'),
	($$SELECT mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'at', flagged => 'given')$$, '22000', NULL, 'scores are no flags'),
	($$SELECT mlops.import_decisions('fraud', query => 'SELECT id, at, amount FROM history', key => 'id', time_column => 'at')$$, '42703', NULL, 'rows without what the model reads'),
	(from_row($$'a' AS k, now() AS t, -0.1 AS s$$), '22003', 'the decision of key "a" has score -0.1', 'a score below 0'),
	(from_row($$'a' AS k, now() AS t, 'Infinity'::float8 AS s$$), '22003', NULL, 'an infinite score'),
	(from_row($$'a' AS k, 'infinity'::timestamptz AS t, 0.5 AS s$$), '22008', 'column "t" contains an infinite time', 'an infinite time'),
	(from_row($$'a' AS k, '300000-01-01'::date AS t, 0.5 AS s$$), '22008', 'column "t" holds 300000-01-01, which is not a value of type timestamp', 'a date beyond all timestamps'),
	(from_row($$'a' AS k, '12:00'::time AS t, 0.5 AS s$$), '42804', 'column "t" of "time_column" has type time without time zone', 'a time of day'),
	(from_row($$'a' AS k, now() + interval '1 hour' AS t, 0.5 AS s$$), '22008', 'the decision of key "a" has a time that is in the future', 'the future'),
	(from_row($$'a' AS k, now() - interval '92 days' AS t, 0.5 AS s$$), '22008', 'the decision of key "a" has a time that is older than decisions are kept', 'what retention would remove'),
	($$SELECT mlops.import_decisions('fraud', query => 'SELECT ''a'' AS k, t, s FROM (VALUES (now(), 0.5), (now(), 0.6)) AS v(t, s)', key => 'k', time_column => 't', score => 's')$$,
		'21000', 'decisions of key "a" contradict each other', 'two at once')) AS v(statement, state, message, label);
SELECT is_empty('SELECT FROM mlops_catalog.imported_decision UNION ALL SELECT FROM mlops_catalog.decision_import', 'nothing is left of these');
SET LOCAL mlops.retention = 0;
SELECT lives_ok(from_row($$'old' AS k, '2001-01-01'::date AS t, 0.1::real AS s$$), 'decisions that are kept for ever are of any time');
SELECT is((SELECT score FROM mlops.imported_decisions), 0.1::float8, 'a real score is the number that its digits say');
SELECT is((SELECT created_at FROM mlops.imported_decisions), '2001-01-01 00:00+00', 'a date is midnight UTC');
SELECT is((SELECT count(*) FROM mlops.maintain(0) WHERE object = 'imported_decision'), 0::bigint, 'maintenance leaves them then');
SET LOCAL mlops.retention = 90;
SELECT is((SELECT rows FROM mlops.maintain(0) WHERE object = 'imported_decision' AND action = 'removed'), 1::bigint, 'else it removes them');
SELECT is((SELECT detail - 'before' FROM mlops_catalog.audit_waiting WHERE event = 'remove_decisions'), '{"rows": 1, "imported": true}', 'and says so');
SELECT is_empty('SELECT FROM mlops_catalog.imported_decision UNION ALL SELECT FROM mlops_catalog.decision_import', 'nothing is left of the old one');

-- ---- scored by what is deployed
CREATE TEMP TABLE before AS SELECT live();
SELECT is(i::text, '(999,999,0,0)', 'history is imported') FROM mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'at') AS i;
SELECT is(i::text, '(999,0,0,0)', 'the same again changes nothing') FROM mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'at') AS i;
SELECT is((SELECT count(*) FROM mlops_catalog.audit_waiting WHERE event = 'import_decisions' AND (detail -> 'added') = '999'), 1::bigint, 'one entry of the audit log for all');
SELECT is((SELECT version || (detail - '{since,until}'::text[])::text FROM mlops_catalog.audit_waiting WHERE event = 'import_decisions' AND (detail -> 'added') = '999'),
	'1{"rows": 999, "added": 999, "changed": 0, "ignored": 0}', 'with the version and counts');
SELECT is_empty($$SELECT FROM mlops.imported_decisions AS d JOIN history AS h ON h.id::text = d.key WHERE d.score <> mlops.score('fraud', h) OR d.created_at <> h.at
	OR d.flagged <> (d.score >= 0.1) OR d.threshold <> 0.1 OR d.version <> 1 OR d.features IS NOT NULL$$, 'each as the model scores the row, by the threshold in force');
SELECT is(live(), (SELECT b.live FROM before AS b), 'the log, its totals and the counters of Prometheus have none of them');
SELECT is((SELECT count(*) FROM mlops.predictions), 0::bigint, 'nor has the view of the log');
SELECT is_empty($$SELECT FROM mlops.check_guards('fraud')$$, 'nor do guards look at them');

-- ---- windows
SELECT mlops.monitor('fraud', every => '1 day', source => 'history', time_column => 'at') \g /dev/null
SELECT mlops.add_labels('fraud', 'history', key => 'id', label => 'is_fraud') \g /dev/null
UPDATE mlops_catalog.label SET recorded_at = recorded_at - interval '1 day';	-- what came a minute ago is looked at again
SELECT is_empty('SELECT FROM mlops.traffic WHERE decisions > 0', 'a monitor looks at nothing of the past');
SELECT throws_ok(format('SELECT mlops.run_monitor(''fraud'', since => %L)', since), state, message, label) FROM (VALUES
	('infinity', '22023', NULL, 'windows of a time that never comes'), ('-infinity', '22023', NULL, 'nor was'),
	((now() + interval '1 day')::text, '22023', NULL, 'windows of the future'),
	('2001-01-01 00:00+00', '22023', 'value 2001-01-01T00:00:00+00:00 of "since" is more than 730 days ago', 'windows that are not kept')) AS v(since, state, message, label);
CREATE TEMP TABLE ran AS SELECT * FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days');
SELECT is((SELECT string_agg(DISTINCT error, ' ') FROM ran), NULL, 'the windows are looked at');
SELECT is((SELECT count(*) FROM ran WHERE step = 'traffic'), 11::bigint, 'from that day on');
SELECT results_eq('SELECT window_start, decisions FROM mlops.traffic WHERE variant = ''(imported)'' ORDER BY 1',
	$$SELECT date_trunc('day', at, 'UTC'), count(*) FROM history GROUP BY 1 ORDER BY 1$$, 'a day has what was decided in it');
SELECT is_empty('SELECT FROM mlops.traffic WHERE variant = ''(imported)'' AND (latency_p50 IS NOT NULL OR score_psi IS NULL OR shadow OR version <> 1)', 'without a latency');
SELECT results_eq('SELECT window_start, decisions, labelled, true_positives FROM mlops.performance ORDER BY 1',
	$$SELECT date_trunc('day', d.created_at, 'UTC'), count(*), count(*), count(*) FILTER (WHERE d.flagged AND h.is_fraud) FROM mlops.imported_decisions AS d
		JOIN history AS h ON h.id::text = d.key GROUP BY 1 ORDER BY 1$$, 'performance');
SELECT is((SELECT count(DISTINCT window_start) FROM mlops.drift WHERE feature = 'amount' AND rows > 0), 10::bigint, 'and drift');
SELECT is((SELECT count(*) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days') WHERE step <> 'alerts'), 0::bigint, 'once only');
-- the same history gives the same windows
CREATE TEMP TABLE first_traffic AS SELECT * FROM mlops_catalog.traffic_window;
CREATE TEMP TABLE first_performance AS SELECT * FROM mlops_catalog.performance_window;
DELETE FROM mlops_catalog.monitor_window;
DELETE FROM mlops_catalog.traffic_window;
DELETE FROM mlops_catalog.performance_window;
SELECT count(*) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '10 days 1 second') \g /dev/null
SELECT bag_eq('SELECT * FROM mlops_catalog.traffic_window', 'SELECT * FROM first_traffic', 'looked at anew the windows are the same, from the one that holds the time');
SELECT bag_eq('SELECT * FROM mlops_catalog.performance_window', 'SELECT * FROM first_performance', 'in performance, too');
-- a source that is set up later
DELETE FROM mlops_catalog.drift_window;
SELECT is((SELECT count(*) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days') WHERE step = 'drift' AND recorded > 0), 10::bigint,
	'drift of windows that had none is measured again');
SELECT is((SELECT count(DISTINCT window_start) FROM mlops.drift WHERE feature = 'amount' AND rows > 0), 10::bigint, 'and is there');
-- a source that is filled later: what was empty and is so still is not written again, what is not takes its place
CREATE TABLE late AS SELECT * FROM history WHERE false;
DELETE FROM mlops_catalog.drift_window;
DELETE FROM mlops_catalog.monitor_window;
SELECT mlops.monitor('fraud', every => '1 day', source => 'late', time_column => 'at') \g /dev/null
CREATE FUNCTION look_again() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FILTER (WHERE step = 'drift' AND recorded > 0) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days') $$;
SELECT is(look_again(), 11::bigint, 'windows without rows are recorded as such');
CREATE TEMP TABLE empty AS SELECT * FROM mlops_catalog.drift_window;
SELECT is(look_again(), 0::bigint, 'once only');
SELECT set_eq('SELECT * FROM mlops_catalog.drift_window', 'SELECT * FROM empty', 'nothing is written of them again');
INSERT INTO late SELECT * FROM history WHERE at < date_trunc('day', now(), 'UTC') - interval '4 days';
SELECT is(look_again(), (SELECT count(DISTINCT date_trunc('day', at, 'UTC')) FROM late), 'rows that come later are measured');
SELECT is((SELECT count(*) FROM mlops_catalog.drift_window), (SELECT count(*) FROM empty), 'in the place of what was empty');
SELECT is((SELECT count(DISTINCT window_start) FROM mlops_catalog.drift_window WHERE rows > 0), (SELECT count(DISTINCT date_trunc('day', at, 'UTC')) FROM late), 'each of them');
ALTER TABLE late RENAME TO gone;
SELECT is((SELECT count(error) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days') WHERE step = 'drift'),
	11 - (SELECT count(DISTINCT date_trunc('day', at, 'UTC')) FROM gone), 'a source that is gone is told of each window that is empty');
ALTER TABLE gone RENAME TO late;
SELECT is((SELECT count(*) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days') WHERE step = 'drift'), 0::bigint, 'one that is back');
SELECT is((SELECT count(*) FROM mlops_catalog.drift_window), (SELECT count(*) FROM empty), 'adds nothing');
SELECT is_empty('SELECT FROM mlops_catalog.monitor_window WHERE drift_error IS NOT NULL', 'and is well');
SELECT mlops.monitor('fraud', every => '1 day', source => 'history', time_column => 'at') \g /dev/null
SELECT look_again() \g /dev/null
SELECT mlops.monitor('fraud', every => '1 minute') \g /dev/null
SELECT throws_ok($$SELECT mlops.run_monitor('fraud', since => now() - interval '11 days')$$, '54000', 'the monitor of model "fraud" has 15840 windows since '
	|| mlops_catalog.utc_text(now() - interval '11 days'), 'too many windows');
SELECT mlops.monitor('fraud', every => '1 day', segments => '{country}') \g /dev/null

-- ---- another version, and what others said
UPDATE mlops_catalog.monitor_window SET checked_at = checked_at - interval '1 hour';
SET LOCAL mlops.log_features = on;
SELECT is(i::text, '(999,999,0,0)', 'how another version would have done') FROM mlops.import_decisions('fraud/2', 'history', key => 'id', time_column => 'at') AS i;
SELECT is_empty($$SELECT FROM mlops.imported_decisions AS d JOIN history AS h ON h.id::text = d.key WHERE version = 2
	AND (d.score <> mlops.score('fraud/2', h) OR d.score <> mlops.score('fraud/2', d.features))$$, 'with features that score the same bits');
SELECT set_eq($$SELECT DISTINCT step FROM mlops.run_monitor('fraud')$$, '{alerts,performance,traffic}'::text[], 'windows into which decisions were imported are looked at again');
SELECT is((SELECT array_agg(n ORDER BY version) FROM (SELECT version, sum(decisions) AS n FROM mlops.traffic WHERE variant = '(imported)' GROUP BY 1) AS v), '{999,999}', 'both are there');
SELECT is((SELECT sum(decisions) FROM mlops.performance WHERE version = 2 AND segment ? 'country'), 999::numeric, 'by segment');
SELECT is((SELECT count(*) FROM mlops.run_monitor('fraud') WHERE step <> 'alerts'), 0::bigint, 'once');
SET LOCAL mlops.log_features = off;
SELECT is(i::text, '(999,0,999,0)', 'of a key, time and version the last import counts')
	FROM mlops.import_decisions('fraud/2', 'history', key => 'id', time_column => 'at', score => 'given', flagged => 'was_flagged') AS i;
SELECT is_empty($$SELECT FROM mlops.imported_decisions AS d JOIN history AS h ON h.id::text = d.key WHERE version = 2
	AND (d.score <> h.given OR d.flagged <> h.was_flagged OR d.threshold IS NOT NULL OR d.features IS NOT NULL)$$, 'with the scores and flags that were given');
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT sum(alerts) FROM mlops.traffic WHERE version = 2), (SELECT count(*) FILTER (WHERE was_flagged) FROM history)::numeric, 'and so in the windows');
SET LOCAL mlops.log_features = on;
SELECT lives_ok($$SELECT mlops.import_decisions('fraud/2', query => 'SELECT id, at, given FROM history', key => 'id', time_column => 'at', score => 'given')$$, 'scores alone need no features');
SELECT is((SELECT count(features) FROM mlops.imported_decisions WHERE version = 2), 0::bigint, 'so none are logged');
SELECT lives_ok($$SELECT mlops.import_decisions('fraud/2', 'history', key => 'id', time_column => 'at', score => 'given')$$, 'where they are there');
SELECT is((SELECT count(features) FROM mlops.imported_decisions WHERE version = 2 AND flagged = (score >= threshold)), 999::bigint, 'they are');

SET LOCAL mlops.log_features = off;
SELECT is(i::text, '(999,0,0,0)', 'the same again without features changes nothing') FROM mlops.import_decisions('fraud/2', 'history', key => 'id', time_column => 'at', score => 'given') AS i;
SELECT is((SELECT count(features) FROM mlops.imported_decisions WHERE version = 2), 999::bigint, 'and takes none away');
SET LOCAL mlops.log_features = on;

-- ---- odd rows, and windows that hold live decisions
SELECT is(i::text, '(8,3,0,4)', 'rows without key, time, score or flag are ignored, the same twice is one') FROM mlops.import_decisions('fraud',
	query => $$SELECT * FROM (VALUES ('a', now(), 0.5::numeric, 1), ('a', now(), 0.5, 1), (NULL, now(), 0.5, 1), ('b', NULL, 0.5, 1), ('c', now(), 'NaN', 1), ('d', now(), 0, NULL),
		('', now(), 1, 0), (repeat('long', 1000), now(), 0, 0)) AS v(k, t, s, f)$$, key => 'k', time_column => 't', score => 's', flagged => 'f') AS i;
SELECT is((SELECT max(octet_length(key)) FROM mlops.imported_decisions) <= 1100, true, 'long keys are bounded as those of the log');
SELECT is(i::text, '(0,0,0,0)', 'no rows') FROM mlops.import_decisions('fraud', query => 'SELECT * FROM history WHERE false', key => 'id', time_column => 'at') AS i;
ALTER TABLE history ADD COLUMN gone int, ADD COLUMN day date DEFAULT now() - interval '1 day';
ALTER TABLE history DROP COLUMN gone;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT is(i.added, 999::bigint, 'a table that has lost a column') FROM mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'day') AS i;
SELECT is_empty($$SELECT FROM mlops.imported_decisions AS d JOIN history AS h ON h.id::text = d.key WHERE version = 1 AND d.created_at <> h.at AND d.created_at <> h.day::timestamp AT TIME ZONE 'UTC'$$,
	'times without a zone are in UTC, whatever the session says');
SELECT count(mlops.decide('fraud', h, h.id::text)) FROM history AS h \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = date_trunc('day', now(), 'UTC') - interval '1 minute';
DELETE FROM mlops_catalog.monitor_window;
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s', variant, decisions), ', ' ORDER BY variant) FROM mlops.traffic WHERE version = 1 AND window_end = date_trunc('day', now(), 'UTC')),
	'(imported) 999, primary 999', 'a window tells them from live ones');
SELECT ok(mlops.report('fraud') ~ ': 999 decisions, ', 'the report''s first sentence speaks of live ones');
CREATE TEMP VIEW yesterday AS SELECT * FROM mlops.performance WHERE version = 1 AND window_end = date_trunc('day', now(), 'UTC');
SELECT results_eq($$SELECT imported, decisions FROM yesterday WHERE segment = '{}' ORDER BY 1$$, $$VALUES (false, 999::bigint), (true, 999)$$, 'so does performance');
SELECT results_eq($$SELECT imported, sum(decisions) FROM yesterday WHERE segment ? 'country' GROUP BY 1 ORDER BY 1$$, $$VALUES (false, 999::numeric), (true, 999)$$, 'by segment too');
SELECT bag_eq($$SELECT labels FROM mlops.monitor_metrics AS x WHERE x.metric = 'labelled' AND x.version = 1 AND x.window_end = date_trunc('day', now(), 'UTC') AND NOT x.labels ? 'country'$$,
	$$VALUES ('{}'::jsonb), ('{"(imported)": true}')$$, 'metrics have a label');
SELECT is((SELECT count(l) - count(DISTINCT l) FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS m, substring(m, '^mlops_precision_ratio.*}') AS l), 0::bigint, 'no series of Prometheus is there twice');
SELECT ok(mlops.prometheus_metrics() ~ 'mlops_window_labelled_decisions{model="fraud",variant="\(imported\)",version="1"}', 'those of imported ones have their variant');
SELECT ok(mlops.report('fraud') ~ 'Of 999 decisions with a label', 'the report prefers live ones');
SELECT mlops.set_alert_rule('fraud', 'as_imported', 'labelled', max => 1, labels => '{"(imported)": true}') \g /dev/null
SELECT mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT labels FROM mlops.alerts WHERE rule = 'as_imported'), '{"(imported)": true}', 'a rule can be of imported ones alone');
SELECT throws_ok($$SELECT mlops.set_alert_rule('fraud', 'never', 'recall', min => 0.5, labels => '{"(imported)": false}')$$, '22023', 'label "(imported)" of metric "recall" of model "fraud" is never false', 'of no others alone');
DELETE FROM mlops_catalog.prediction;
UPDATE mlops_catalog.monitor_window SET checked_at = checked_at - interval '1 hour';
UPDATE mlops_catalog.imported_decision SET score = 0.01 WHERE version = 1;
SELECT mlops.import_decisions('fraud', 'history', key => 'id', time_column => 'day') \g /dev/null
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s', variant, decisions), ', ' ORDER BY variant) FROM mlops.traffic WHERE version = 1 AND window_end = date_trunc('day', now(), 'UTC')),
	'(imported) 999, primary 999', 'what was live stays, though its decisions are removed');

-- ---- a wrong import is undone
CREATE TEMP VIEW imported AS SELECT version, count(*) AS decisions, min(created_at) AS first, max(created_at) AS last FROM mlops.imported_decisions GROUP BY 1;
CREATE TEMP TABLE former AS SELECT * FROM imported;
SELECT throws_ok($$SELECT mlops.remove_imported_decisions('fraud', since => '2026-01-02 00:00+00', until => '2026-01-02 00:00+00')$$, '22023', '"since" is not before "until"', 'no time at all');
SELECT is(mlops.remove_imported_decisions('fraud', 9), 0::bigint, 'of a version that has none');
SELECT is((SELECT count(*) FROM mlops_catalog.audit_waiting WHERE event = 'remove_imported_decisions'), 0::bigint, 'is no event');
SELECT count(*) FROM mlops.run_monitor('fraud', since => date_trunc('day', now(), 'UTC') - interval '11 days') \g /dev/null
UPDATE mlops_catalog.monitor_window SET checked_at = checked_at - interval '1 hour';
SELECT is(mlops.remove_imported_decisions('fraud', 2, since => date_trunc('day', now(), 'UTC') - interval '9 days', until => date_trunc('day', now(), 'UTC') - interval '7 days 12 hours'), 150::bigint, 'from a time to another, of one version');
SELECT results_eq('SELECT version, decisions FROM imported ORDER BY 1', 'SELECT version, decisions - CASE version WHEN 2 THEN 150 ELSE 0 END FROM former ORDER BY 1', 'no others go');
SELECT is((SELECT detail || jsonb_build_object('version', version) FROM mlops_catalog.audit_waiting WHERE event = 'remove_imported_decisions'), (SELECT jsonb_build_object('version', 2, 'rows', 150,
	'since', mlops_catalog.utc_text(min(at)), 'until', mlops_catalog.utc_text(max(at))) FROM history WHERE at >= date_trunc('day', now(), 'UTC') - interval '9 days' AND at < date_trunc('day', now(), 'UTC') - interval '7 days 12 hours'), 'and the audit log says so');
SELECT results_eq($$SELECT extract(day FROM date_trunc('day', now(), 'UTC') - window_start)::int AS ago, decisions FROM mlops.traffic WHERE version = 2 AND decisions > 0 AND window_start < now() - interval '8 days' ORDER BY 1 DESC$$,
	'VALUES (11, 99::bigint), (10, 100), (8, 100)', 'windows in that time lose theirs at once');
SELECT mlops.run_monitor('fraud') \g /dev/null
SELECT results_eq($$SELECT extract(day FROM date_trunc('day', now(), 'UTC') - window_start)::int AS ago, decisions FROM mlops.performance WHERE imported AND version = 2 AND segment = '{}' AND window_start < now() - interval '8 days' ORDER BY 1 DESC$$,
	'VALUES (11, 99::bigint), (10, 100), (8, 50)', 'others when the monitor runs');
SELECT is(mlops.remove_imported_decisions('fraud'), (SELECT sum(decisions) FROM former)::bigint - 150, 'or all that there are');
SELECT is_empty($$SELECT FROM mlops.imported_decisions UNION ALL SELECT FROM mlops.traffic WHERE variant = '(imported)' UNION ALL SELECT FROM mlops.performance WHERE imported$$, 'nothing is left');
SELECT isnt_empty($$SELECT FROM mlops.traffic WHERE decisions > 0$$, 'but what was decided here');
SELECT throws_ok($$SELECT mlops.monitor('fraud', segments => '{(imported)}')$$, '42939', NULL, 'no segment has the name of that label');
SELECT lives_ok($$SELECT mlops.drop_model('fraud', force => true)$$, 'a model can go');
SELECT is_empty('SELECT FROM mlops_catalog.imported_decision UNION ALL SELECT FROM mlops_catalog.decision_import', 'and they go with it');
SELECT * FROM finish();
ROLLBACK;
