-- Metrics for Prometheus, in its text format (prometheus.io, "Exposition
-- formats"): to be read by an exporter's query or written to a file that the
-- node exporter collects.

CREATE FUNCTION mlops_catalog.prometheus_labels(labels jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '{' || string_agg(format('%s="%s"', regexp_replace(l.key, '[^a-zA-Z0-9_]', '_', 'g'),
		replace(replace(replace(l.value, E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n')), ',' ORDER BY l.key) || '}'
	FROM jsonb_each_text(labels) AS l WHERE l.value IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.prometheus_labels(jsonb) IS 'Labels as Prometheus writes them, escaped';

-- Columns of segments are values of a label, not names: a column may be called
-- "model", and two names may differ in characters that a label cannot have.  To
-- Prometheus a label that is empty is one that is not there, so NULL has its own.
-- The number 1 and the text "1" are two segments: what is no text has its type beside it.
CREATE FUNCTION mlops_catalog.prometheus_segment(segment jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(l.name || CASE WHEN e.place = 1 THEN '' ELSE '_' || e.place END, l.value), '{}')
	FROM jsonb_each(segment) WITH ORDINALITY AS e(key, value, place),
		LATERAL (VALUES ('segment', e.key), (CASE e.value WHEN 'null' THEN 'is_null' ELSE 'value' END, coalesce(e.value #>> '{}', 'true')),
			('type', nullif(nullif(jsonb_typeof(e.value), 'string'), 'null'))) AS l(name, value)
	WHERE l.value IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.prometheus_segment(jsonb) IS 'Labels of a segment: its column, and its value (of a number or boolean its type, too) or that it is NULL';

CREATE FUNCTION mlops.prometheus_metrics() RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH latest AS (
		SELECT DISTINCT ON (x.model, x.version, x.metric, x.labels) x.* FROM mlops.monitor_metrics AS x
		ORDER BY x.model, x.version, x.metric, x.labels, x.time DESC),
	sample AS (
		SELECT 'mlops_' || l.metric AS name, jsonb_build_object('model', l.model, 'version', l.version)
				|| CASE WHEN l.metric = ANY (mlops_catalog.monitor_metric_names('performance')) THEN mlops_catalog.prometheus_segment(l.labels) ELSE l.labels END AS labels, l.value,
			CASE WHEN l.metric LIKE 'latency%' THEN 'microseconds, ' ELSE '' END || 'of the last window of the monitor that has it' AS help
		FROM latest AS l
		UNION ALL
		SELECT 'mlops_monitor_window_end_seconds', jsonb_build_object('model', w.model), extract(epoch FROM w.checked_until)::float8,
			'end of the last window that the monitor has looked at, in seconds since 1970-01-01 00:00 UTC'
		FROM mlops.monitors AS w WHERE w.checked_until IS NOT NULL
		UNION ALL
		SELECT 'mlops_drift_window_end_seconds', jsonb_build_object('model', d.model), extract(epoch FROM max(d.window_end))::float8,
			'end of the last window whose drift was measured, in seconds since 1970-01-01 00:00 UTC'
		FROM mlops.drift AS d WHERE d.window_end IS NOT NULL GROUP BY d.model
		UNION ALL
		SELECT 'mlops_alert_firing', jsonb_build_object('model', r.model, 'rule', r.name, 'severity', r.severity), (r.state = 'firing')::int,
			'1 while the rule is broken'
		FROM mlops.alert_rules AS r
		UNION ALL
		SELECT 'mlops_deployed_version', jsonb_build_object('model', d.model, 'variant', d.variant), d.version, 'version that answers'
		FROM mlops.deployments AS d
		UNION ALL
		SELECT 'mlops_task_suspended', jsonb_build_object('model', t.model, 'task', t.task), max(t.suspended), '1 while a monitor, retraining, guard or step of maintenance does not run by itself'
		FROM (SELECT u.model, u.task, (u.state = 'suspended')::int FROM mlops.upkeep AS u
			UNION ALL SELECT p.model, 'retraining', 0 FROM mlops.retraining_policies AS p
			UNION ALL SELECT w.model, 'monitor', 0 FROM mlops.monitors AS w) AS t(model, task, suspended)
		GROUP BY t.model, t.task
		UNION ALL
		SELECT 'mlops_task_failed', jsonb_build_object('model', t.model, 'task', t.task), max(t.failed), '1 while a monitor, retraining, guard or step of maintenance has failed and not worked since'
		FROM (SELECT u.model, u.task, (u.error IS NOT NULL)::int FROM mlops.upkeep AS u
			UNION ALL SELECT p.model, 'retraining', 0 FROM mlops.retraining_policies AS p
			UNION ALL SELECT w.model, 'monitor', 0 FROM mlops.monitors AS w) AS t(model, task, failed)
		GROUP BY t.model, t.task
		UNION ALL
		SELECT 'mlops_task_ended_seconds', jsonb_build_object('model', u.model, 'task', u.task), extract(epoch FROM u.ended_at)::float8,
			'when a monitor, retraining, guard or step of maintenance was seen to end last, in seconds since 1970-01-01 00:00 UTC'
		FROM mlops.upkeep AS u WHERE u.ended_at IS NOT NULL
		UNION ALL
		SELECT 'mlops_decisions_lost', '{}', l.decisions, 'decisions of all databases that were answered and could not be logged since the server started'
		FROM mlops_catalog.lost_decisions() AS l WHERE l.decisions IS NOT NULL
		UNION ALL
		SELECT 'mlops_jobs', jsonb_build_object('state', j.state), count(*), 'jobs by state' FROM mlops.jobs AS j GROUP BY j.state)
	SELECT coalesce(string_agg(format(E'# HELP %1$s %2$s\n# TYPE %1$s gauge\n%3$s', m.name, m.help, m.samples), '' ORDER BY m.name), '')
	FROM (SELECT s.name, min(s.help) AS help,
			string_agg(format(E'%s%s %s\n', s.name, mlops_catalog.prometheus_labels(s.labels), s.value), '' ORDER BY s.labels) AS samples
		FROM sample AS s GROUP BY s.name) AS m
$$;
COMMENT ON FUNCTION mlops.prometheus_metrics() IS
	'Last metrics of the monitors, alerts, deployments, jobs and suspended tasks you may see, in the text format of Prometheus';
