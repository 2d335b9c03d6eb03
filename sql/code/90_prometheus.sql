-- Metrics for Prometheus, in its text format (prometheus.io, "Exposition
-- formats"): to be read by an exporter's query or written to a file that the
-- node exporter collects.

CREATE FUNCTION mlops_catalog.prometheus_labels(labels jsonb) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_prometheus_labels';
COMMENT ON FUNCTION mlops_catalog.prometheus_labels(jsonb) IS 'Labels as Prometheus writes them, escaped';

CREATE FUNCTION mlops_catalog.prometheus_segment(segment jsonb) RETURNS jsonb
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_prometheus_segment';
COMMENT ON FUNCTION mlops_catalog.prometheus_segment(jsonb) IS 'Labels of a segment: its column, and its value (of a number or boolean its type, too) or that it is NULL; what was imported has the variant that it has in traffic';

-- Names have the unit of the value: ratios are 0 to 1; statistics have none.
CREATE FUNCTION mlops_catalog.prometheus_name(metric text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'mlops_' || CASE metric WHEN 'decisions' THEN 'window_decisions' WHEN 'errors' THEN 'window_errors' WHEN 'labelled' THEN 'window_labelled_decisions'
		WHEN 'error_rate' THEN 'error_ratio' WHEN 'alert_rate' THEN 'flagged_ratio' WHEN 'precision' THEN 'precision_ratio' WHEN 'recall' THEN 'recall_ratio'
		WHEN 'false_positive_rate' THEN 'false_positive_ratio' WHEN 'drifted_share' THEN 'drifted_features_ratio' ELSE metric END
$$;
COMMENT ON FUNCTION mlops_catalog.prometheus_name(text) IS 'Name that a metric of monitors has for Prometheus';

CREATE FUNCTION mlops_catalog.prometheus_value(value float8) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE value::text END $$;
COMMENT ON FUNCTION mlops_catalog.prometheus_value(float8) IS 'A number as Prometheus writes it';

-- Of what answers the last window that has a metric, as far back as alert rules look;
-- of what answers no more, no window but the last two.  Where nothing watches a model,
-- the windows that were recorded by hand have their own length.
CREATE FUNCTION mlops_catalog.prometheus_windows() RETURNS TABLE (model text, version int, metric text, labels jsonb, value float8)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH answering AS MATERIALIZED (
		SELECT d.model, d.version, d.variant FROM mlops.deployments AS d),
	watched AS MATERIALIZED (
		SELECT w.model, w.every, w.checked_until - mlops_catalog.rule_reach(1, w.every, w.label_delay) AS since FROM mlops.monitors AS w),
	found AS (	-- the greatest of such arrays is of the last window; nothing need be sorted for it
		SELECT x.model, x.version, x.metric, x.labels, max(ARRAY[extract(epoch FROM x.window_end)::float8, extract(epoch FROM x.window_start)::float8, x.value]) AS last
		FROM mlops.monitor_metrics AS x
		WHERE x.window_end > coalesce((SELECT least(min(w.since), now() - interval '14 days') FROM watched AS w HAVING count(*) > 0), '-infinity') AND x.metric NOT LIKE 'latency%'
		GROUP BY x.model, x.version, x.metric, x.labels),
	latest AS (
		SELECT f.model, f.version, f.metric, f.labels, f.last[3] AS value, to_timestamp(f.last[1]) AS window_end, to_timestamp(f.last[2]) AS window_start FROM found AS f)
	SELECT l.model, l.version, l.metric, l.labels, l.value
	FROM latest AS l LEFT JOIN watched AS w USING (model)
	WHERE l.window_end > now() - 2 * coalesce(w.every, l.window_end - l.window_start)
		OR l.window_end > w.since AND EXISTS (SELECT FROM answering AS a WHERE a.model = l.model AND a.version = l.version
			AND (l.metric <> ALL (mlops_catalog.monitor_metric_names('traffic')) OR a.variant = l.labels ->> 'variant'))
$$;
COMMENT ON FUNCTION mlops_catalog.prometheus_windows() IS 'Metrics of the last windows of models you may view, but latencies';

-- A counter ends with what it counts: when it has not answered for two windows.
CREATE FUNCTION mlops_catalog.prometheus_totals()
	RETURNS TABLE (labels jsonb, shadow boolean, decisions bigint, flagged bigint, errors bigint, latency_seconds numeric, latency_counts bigint[])
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('model', t.model, 'version', t.version, 'variant', t.variant), t.shadow, t.decisions, t.flagged, t.errors, t.latency_seconds, t.latency_counts
	FROM mlops.decision_totals() AS t LEFT JOIN mlops.monitors AS w USING (model)
	WHERE t.last_at > now() - 2 * coalesce(w.every, interval '1 day')
		OR EXISTS (SELECT FROM mlops.deployments AS d WHERE d.model = t.model AND d.version = t.version AND d.variant = t.variant)
$$;
COMMENT ON FUNCTION mlops_catalog.prometheus_totals() IS 'Decisions since ever of what answers, by labels';

CREATE FUNCTION mlops.prometheus_metrics() RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.prometheus_metrics() IS
	'Counters of all decisions and latencies, and the last metrics of the monitors, alerts, deployments, jobs and suspended tasks you may see, in the text format of Prometheus';
CREATE FUNCTION mlops_catalog.prometheus_metrics() RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH total AS MATERIALIZED (
		SELECT mlops_catalog.prometheus_labels(t.labels) AS labels, t.shadow, t.decisions, t.flagged, t.errors, t.latency_seconds, t.latency_counts FROM mlops_catalog.prometheus_totals() AS t),
	upkeep(model, task, suspended, failed, ended_at) AS MATERIALIZED (
		SELECT t.model, t.task, max(t.suspended), max(t.failed), max(t.ended_at)
		FROM (SELECT u.model, u.task, (u.state = 'suspended')::int, (u.error IS NOT NULL)::int, u.ended_at FROM mlops.upkeep AS u
			UNION ALL SELECT p.model, 'retraining', 0, 0, NULL FROM mlops.retraining_policies AS p
			UNION ALL SELECT w.model, 'monitor', 0, 0, NULL FROM mlops.monitors AS w) AS t(model, task, suspended, failed, ended_at)
		GROUP BY t.model, t.task),
	sample(family, type, help, suffix, place, labels, le, value) AS (
		SELECT x.name, 'counter', x.help, '', 0, t.labels, NULL::text, x.value::text
		FROM total AS t CROSS JOIN LATERAL (VALUES
			(false, 'mlops_decisions_total', 'decisions that were answered, those that failed not included', t.decisions),
			(false, 'mlops_flagged_total', 'decisions that were flagged', t.flagged),
			(false, 'mlops_errors_total', 'rows that could not be scored', t.errors),
			(true, 'mlops_shadow_decisions_total', 'rows that a shadow scored beside the answer', t.decisions),
			(true, 'mlops_shadow_flagged_total', 'rows that a shadow would have flagged', t.flagged),
			(true, 'mlops_shadow_errors_total', 'rows that a shadow could not score', t.errors)) AS x(shadow, name, help, value)
		WHERE x.shadow = t.shadow
		UNION ALL
		SELECT 'mlops_decision_latency_seconds', 'histogram', 'what scoring a decision took', x.suffix, x.place, t.labels, x.le, x.value::text
		FROM total AS t CROSS JOIN LATERAL (
			SELECT '_bucket', b.place, trim_scale((b.bound / 1000000)::numeric)::text, b.n::numeric
			FROM unnest(mlops_catalog.latency_bounds(), t.latency_counts) WITH ORDINALITY AS b(bound, n, place)
			UNION ALL
			VALUES ('_bucket', 101, '+Inf', t.decisions), ('_sum', 102, NULL, t.latency_seconds), ('_count', 103, NULL, t.decisions)) AS x(suffix, place, le, value)
		WHERE NOT t.shadow
		UNION ALL
		SELECT k.name, 'gauge', 'of the last window of the monitor that has it', '', 0, mlops_catalog.prometheus_labels(jsonb_build_object('model', w.model, 'version', w.version)
				|| CASE k."of" WHEN 'performance' THEN mlops_catalog.prometheus_segment(w.labels) ELSE w.labels END),
			NULL, CASE WHEN w.value IN ('Infinity', '-Infinity') THEN mlops_catalog.prometheus_value(w.value) ELSE w.value::text END
		FROM mlops_catalog.prometheus_windows() AS w
		JOIN (SELECT m.metric, m."of", mlops_catalog.prometheus_name(m.metric) AS name FROM mlops_catalog.monitor_metrics() AS m OFFSET 0) AS k USING (metric)
		UNION ALL
		SELECT 'mlops_monitor_window_end_seconds', 'gauge', 'end of the last window that the monitor has looked at, in seconds since 1970-01-01 00:00 UTC',
			'', 0, mlops_catalog.prometheus_labels(jsonb_build_object('model', w.model)), NULL, extract(epoch FROM w.checked_until)::float8::text
		FROM mlops.monitors AS w WHERE w.checked_until IS NOT NULL
		UNION ALL
		SELECT 'mlops_drift_window_end_seconds', 'gauge', 'end of the last window whose drift was measured, in seconds since 1970-01-01 00:00 UTC',
			'', 0, mlops_catalog.prometheus_labels(jsonb_build_object('model', d.model)), NULL, extract(epoch FROM max(d.window_end))::float8::text
		FROM mlops.drift AS d WHERE d.window_end IS NOT NULL GROUP BY d.model
		UNION ALL
		SELECT 'mlops_alerts_total', 'counter', 'how often the rule fired', '', 0, mlops_catalog.prometheus_labels(jsonb_build_object('model', a.model, 'rule', a.rule)), NULL, count(a.alert_id)::text
		FROM (SELECT a.model, a.rule, a.alert_id FROM mlops.alerts AS a UNION ALL SELECT r.model, r.name, NULL FROM mlops.alert_rules AS r) AS a GROUP BY a.model, a.rule
		UNION ALL
		SELECT 'mlops_alert_firing', 'gauge', '1 while the rule is broken', '', 0, mlops_catalog.prometheus_labels(jsonb_build_object('model', r.model, 'rule', r.name, 'severity', r.severity)), NULL,
			(r.state = 'firing')::int::text
		FROM mlops.alert_rules AS r
		UNION ALL
		SELECT 'mlops_deployed_version', 'gauge', 'version that answers', '', 0, mlops_catalog.prometheus_labels(jsonb_build_object('model', d.model, 'variant', d.variant)), NULL, d.version::text
		FROM mlops.deployments AS d
		UNION ALL
		SELECT 'mlops_task_suspended', 'gauge', '1 while a monitor, retraining, guard or step of maintenance does not run by itself', '', 0,
			mlops_catalog.prometheus_labels(jsonb_build_object('model', t.model, 'task', t.task)), NULL, t.suspended::text
		FROM upkeep AS t
		UNION ALL
		SELECT 'mlops_task_failed', 'gauge', '1 while a monitor, retraining, guard or step of maintenance has failed and not worked since', '', 0,
			mlops_catalog.prometheus_labels(jsonb_build_object('model', t.model, 'task', t.task)), NULL, t.failed::text
		FROM upkeep AS t
		UNION ALL
		SELECT 'mlops_task_ended_seconds', 'gauge', 'when a monitor, retraining, guard or step of maintenance was seen to end last, in seconds since 1970-01-01 00:00 UTC', '', 0,
			mlops_catalog.prometheus_labels(jsonb_build_object('model', u.model, 'task', u.task)), NULL, extract(epoch FROM u.ended_at)::float8::text
		FROM upkeep AS u WHERE u.ended_at IS NOT NULL
		UNION ALL
		SELECT 'mlops_decisions_lost_total', 'counter', 'decisions of all databases that were answered and could not be logged since the server started', '', 0, NULL, NULL, l.decisions::text
		FROM mlops_catalog.lost_decisions() AS l WHERE l.decisions IS NOT NULL
		UNION ALL
		SELECT 'mlops_jobs', 'gauge', 'jobs by state', '', 0, mlops_catalog.prometheus_labels(jsonb_build_object('state', j.state)), NULL, count(*)::text FROM mlops.jobs AS j GROUP BY j.state)
	SELECT coalesce(string_agg(format(E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n%4$s', m.family, m.help, m.type, m.samples), '' ORDER BY m.family), '')
	FROM (SELECT s.family, min(s.help) AS help, min(s.type) AS type,
			string_agg(concat(s.family, s.suffix, CASE WHEN s.le IS NULL THEN s.labels ELSE '{le="' || s.le || '",' || substr(s.labels, 2) END, ' ', s.value, E'\n'),
				'' ORDER BY s.labels COLLATE "C", s.place) AS samples
		FROM sample AS s GROUP BY s.family) AS m
$$;
