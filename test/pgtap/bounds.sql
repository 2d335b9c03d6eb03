-- Rows of the catalog that were edited by hand, or in a dump: what our functions
-- compute with has bounds, and one that is bad all the same stops no other model.
\ir setup.psql
SELECT plan(29);
SELECT mlops.train(m, 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 2}') FROM unnest('{bad,good}'::text[]) AS m;
SELECT mlops.deploy(m, 1) FROM unnest('{bad,good}'::text[]) AS m;
SELECT mlops.monitor(m, every => '1 hour') FROM unnest('{bad,good}'::text[]) AS m;
SELECT mlops.set_alert_rule('bad', 'rate', 'alert_rate', max => 0.5);
SELECT mlops.set_retraining_policy('bad', '0 3 * * *');
INSERT INTO mlops_catalog.traffic_window (model_id, window_start, window_end, version, variant, shadow, decisions, alerts)
	SELECT m.model_id, '2026-01-01 00:00+00', '2026-01-01 01:00+00', 1, 'primary', false, 10, 1 FROM mlops_catalog.model AS m WHERE m.name = 'bad';
INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions, true_positives, false_positives, false_negatives, true_negatives)
	SELECT m.model_id, '2026-01-01 00:00+00', '2026-01-01 01:00+00', 1, '{}', 10, 1, 1, 1, 1 FROM mlops_catalog.model AS m WHERE m.name = 'bad';

SELECT throws_ok(format('UPDATE mlops_catalog.%I SET %I = %L WHERE model_id = (SELECT model_id FROM mlops_catalog.model WHERE name = ''bad'')', t, c, v), '23514',
	format('new row for relation "%s" violates check constraint "%1$s_%s_bounds"', t, CASE WHEN c LIKE 'window\_%' THEN 'span' ELSE c END), format('%s of %s is not %s', c, t, v))
FROM (VALUES ('monitor', 'every', '0'), ('monitor', 'every', '-1 day'), ('monitor', 'every', '178000000 years'), ('monitor', 'every', '1 month'),
	('monitor', 'label_delay', '-1 s'), ('monitor', 'label_delay', '101 years'), ('monitor', 'segments', '{amount,NULL}'),
	('policy', 'cooldown', '178000000 years'), ('policy', 'triggers', '[]'),
	('alert_rule', 'windows', '2147483647'), ('alert_rule', 'labels', 'null'),
	('performance_window', 'segment', 'null'), ('performance_window', 'segment', '1'), ('performance_window', 'segment', '[]'), ('performance_window', 'segment', '"x"'),
	('performance_window', 'true_positives', '9223372036854775807'), ('performance_window', 'true_negatives', '-1'),
	('performance_window', 'window_end', 'infinity'), ('traffic_window', 'errors', '9223372036854775807'), ('traffic_window', 'window_start', '-infinity'),
	('deployment', 'routes', '{}')) AS b(t, c, v);
SELECT throws_ok($$UPDATE mlops_catalog.deployment SET routes = '[{"version": "x"}]'$$, '23514', NULL, 'a route leads to a number of a version');

-- counts at their bounds are summed
SELECT lives_ok($$UPDATE mlops_catalog.performance_window SET decisions = 1e15, true_positives = 1e15, false_positives = 1e15, false_negatives = 1e15, true_negatives = 1e15,
		window_start = now() - interval '1 hour', window_end = now();
	UPDATE mlops_catalog.traffic_window SET decisions = 1e15, alerts = 1e15, errors = 1e15;
	SELECT count(*) FROM mlops.monitor_metrics$$, 'counts at their bounds are shown');
SELECT alike(mlops.prometheus_metrics(), '%mlops_window_labelled_decisions{model="bad",version="1"} 4e+15%', 'to Prometheus, too');

-- Lengths of time and counts that are new need bounds, too; the audit log's
-- numbers are the chain's, a limit of time is read by a job's worker alone.
SELECT is(array_agg(format('%s.%s', c.relname, a.attname) ORDER BY 1), NULL, 'every interval, and every count, of the catalog has bounds')
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
	AND (a.atttypid = 'interval'::regtype AND a.attname <> 'timeout'
		OR a.attname ~ '^(rows|decisions|alerts|errors|flagged|failures|crashes|positives|unlabelled|size|steps)$|_(rows|positives|negatives|alerts)$' AND a.atttypid IN ('bigint'::regtype, 'int'::regtype))
	AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey));

-- ---- each on its own, should a row be bad all the same
ALTER TABLE mlops_catalog.monitor DROP CONSTRAINT monitor_every_bounds;
UPDATE mlops_catalog.monitor SET every = '0' WHERE model_id = (SELECT model_id FROM mlops_catalog.model WHERE name = 'bad');
UPDATE mlops_catalog.monitor SET submitted_at = now() - interval '1 day';
SELECT results_eq($$SELECT model FROM mlops.submit_due()$$, $$VALUES ('good')$$, 'the monitor of another model is submitted');
SELECT results_eq($$SELECT model, task, state, error FROM mlops.upkeep WHERE error IS NOT NULL$$, $$VALUES ('bad', 'monitor', 'failed', 'stride must be greater than zero')$$,
	'the bad one is told of');
SELECT results_eq($$SELECT model, object, problem FROM mlops.check_catalog() WHERE object = 'monitor'$$, $$VALUES ('bad', 'monitor', 'has failed: stride must be greater than zero')$$,
	'by check_catalog, too');
UPDATE mlops_catalog.monitor SET every = '1 hour' WHERE model_id = (SELECT model_id FROM mlops_catalog.model WHERE name = 'bad');
SELECT results_eq($$SELECT model FROM mlops.submit_due()$$, $$VALUES ('bad')$$, 'put right, it is submitted');
SELECT * FROM finish();
ROLLBACK;
