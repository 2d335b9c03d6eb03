-- What documents of settings say of monitors, alerts and retraining; see
-- 67_apply.sql.
--
--    "monitor": {"every": "1 day", "label_delay": "7 days", "segments": ["country"],
--                "query": "SELECT * FROM transactions", "time_column": "at",
--                "search_path": "public", "time_zone": "UTC", "settings": {"DateStyle": "ISO, DMY"}},
--    "alerts": {"low_precision": {"metric": "precision", "min": 0.8, "windows": 2}},
--    "retraining": {"triggers": {"alerts": ["low_precision"]}, "action": "canary", ...}
--
-- {} is none.  Both sides are compared in a form that has the defaults filled in.

CREATE FUNCTION mlops_catalog.full_monitor(document jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	SET intervalstyle = postgres
AS $$
	SELECT CASE WHEN document = '{}' THEN document ELSE mlops_catalog.without_nulls(jsonb_build_object(
		'every', mlops_catalog.length_of_time('monitor', 'every', coalesce(document ->> 'every', '1 day'))::text, 'label_delay', mlops_catalog.length_of_time('monitor', 'label_delay', coalesce(document ->> 'label_delay', '0'))::text,
		'segments', coalesce(document -> 'segments', '[]'), 'query', document -> 'query', 'time_column', document -> 'time_column',
		'search_path', CASE WHEN document ? 'query' THEN coalesce(document ->> 'search_path', 'public') END,
		'time_zone', CASE WHEN document ? 'query' THEN coalesce(document ->> 'time_zone', 'UTC') END,
		'settings', CASE WHEN document ? 'query' THEN coalesce(document -> 'settings', '{}') END)) END
$$;
COMMENT ON FUNCTION mlops_catalog.full_monitor(jsonb) IS 'A document''s monitor with its defaults';

-- Labels that say the same as those there are are no difference.
CREATE FUNCTION mlops_catalog.full_alerts(document jsonb, now jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(a.key, '{"windows": 1, "min_decisions": 30, "labels": {}, "severity": "warning"}' || a.value
		|| CASE WHEN l.now IS NOT NULL AND mlops_catalog.have_labels(l.now, l.wanted) AND mlops_catalog.have_labels(l.wanted, l.now) THEN jsonb_build_object('labels', l.now) ELSE '{}' END), '{}')
	FROM jsonb_each(document) AS a CROSS JOIN LATERAL (SELECT coalesce(a.value -> 'labels', '{}'), now -> a.key -> 'labels') AS l(wanted, now)
$$;
COMMENT ON FUNCTION mlops_catalog.full_alerts(jsonb, jsonb) IS 'A document''s alert rules with their defaults, and with the labels of the rules there are where they say the same';

CREATE FUNCTION mlops_catalog.full_retraining(document jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	SET intervalstyle = postgres
AS $$
	SELECT CASE WHEN document = '{}' THEN document ELSE '{"triggers": {}, "gate": {}, "action": "register", "options": {}}'::jsonb || document
		|| jsonb_build_object('cooldown', mlops_catalog.length_of_time('retraining', 'cooldown', coalesce(document ->> 'cooldown', '1 day'))::text) END
$$;
COMMENT ON FUNCTION mlops_catalog.full_retraining(jsonb) IS 'A document''s retraining policy with its defaults';

CREATE FUNCTION mlops_catalog.monitoring_spec(caller regrole, model_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET intervalstyle = postgres
AS $$
	SELECT jsonb_build_object(
		'monitor', coalesce((SELECT mlops_catalog.full_monitor(mlops_catalog.without_nulls(jsonb_build_object('every', w.every::text,
				'label_delay', w.label_delay::text, 'segments', w.segments, 'query', w.query, 'time_column', w.time_column,
				'search_path', w.search_path, 'time_zone', w.time_zone, 'settings', w.settings)))
			FROM mlops_catalog.monitor AS w WHERE w.model_id = monitoring_spec.model_id), '{}'),
		'alerts', (SELECT coalesce(jsonb_object_agg(r.name, mlops_catalog.without_nulls(jsonb_build_object('metric', r.metric, 'min', r.min, 'max', r.max,
				'windows', r.windows, 'min_decisions', r.min_decisions, 'labels', r.labels, 'severity', r.severity))), '{}')
			FROM mlops_catalog.alert_rule AS r WHERE r.model_id = monitoring_spec.model_id),
		'retraining', coalesce((SELECT mlops_catalog.without_nulls(jsonb_build_object('schedule', p.schedule, 'triggers', p.triggers, 'gate', p.gate,
				'action', p.action, 'options', p.options, 'cooldown', p.cooldown::text))
			FROM mlops_catalog.policy AS p WHERE p.model_id = monitoring_spec.model_id), '{}'))
$$;
COMMENT ON FUNCTION mlops_catalog.monitoring_spec(regrole, bigint) IS 'Monitor, alert rules and retraining policy of a model as a document has them';

CREATE FUNCTION mlops_catalog.check_monitoring_document(path text, document jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e record;
BEGIN
	IF document ? 'monitor' THEN
		PERFORM mlops_catalog.check_object(path || '.monitor', document -> 'monitor', mlops_catalog.key_types('models.<model>.monitor'));
	END IF;
	PERFORM mlops_catalog.check_values(path || '.alerts', document -> 'alerts', 'object');
	FOR e IN SELECT path || '.alerts.' || a.key AS place, a.value FROM jsonb_each(document -> 'alerts') AS a LOOP
		PERFORM mlops_catalog.check_object(e.place, e.value, mlops_catalog.key_types('models.<model>.alerts.<rule>'));
	END LOOP;
	IF document ? 'retraining' THEN
		PERFORM mlops_catalog.check_object(path || '.retraining', document -> 'retraining', mlops_catalog.key_types('models.<model>.retraining'));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_monitoring_document(text, jsonb) IS
	'An error that names the path unless monitor, alerts and retraining of a document have valid keys with values of the right types';

CREATE FUNCTION mlops_catalog.plan_monitoring(model text, wanted jsonb) RETURNS SETOF mlops_catalog.setting_change
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	now jsonb := mlops.export_spec(plan_monitoring.model) -> 'models' -> plan_monitoring.model;
	m jsonb := mlops_catalog.full_monitor(wanted -> 'monitor');
	p jsonb := mlops_catalog.full_retraining(wanted -> 'retraining');
BEGIN
	RETURN QUERY SELECT 'monitor', NULL::text, now ->> 'monitor', m::text, CASE WHEN m = '{}' THEN format('SELECT mlops.unmonitor(%L)', plan_monitoring.model)
		ELSE format('SELECT mlops.monitor(%L, %L, %L, %L, NULL, %L, %L, %L, %L, %L)', plan_monitoring.model, m ->> 'every', m ->> 'label_delay',
			(SELECT coalesce(array_agg(s), '{}') FROM jsonb_array_elements_text(m -> 'segments') AS s), m ->> 'query', m ->> 'time_column',
			coalesce(m ->> 'search_path', ''), coalesce(m ->> 'time_zone', 'UTC'), coalesce(m -> 'settings', '{}')) END
		WHERE wanted ? 'monitor' AND now -> 'monitor' IS DISTINCT FROM m;
	-- rules that a policy needs come before it, those that go after it
	RETURN QUERY SELECT 'alerts', d.item, d.former, d.new, format('SELECT mlops.set_alert_rule(%L, %L, %L, %L, %L, %L, %L, %L, %L)', plan_monitoring.model, d.item,
			d.new::jsonb ->> 'metric', d.new::jsonb ->> 'min', d.new::jsonb ->> 'max', d.new::jsonb ->> 'windows', d.new::jsonb ->> 'min_decisions',
			d.new::jsonb -> 'labels', d.new::jsonb ->> 'severity')
		FROM mlops_catalog.differences(now -> 'alerts', mlops_catalog.full_alerts(wanted -> 'alerts', now -> 'alerts')) AS d
		WHERE wanted ? 'alerts' AND d.new IS NOT NULL ORDER BY d.item;
	RETURN QUERY SELECT 'retraining', NULL::text, now ->> 'retraining', p::text, CASE WHEN p = '{}' THEN format('SELECT mlops.drop_retraining_policy(%L)', plan_monitoring.model)
		ELSE format('SELECT mlops.set_retraining_policy(%L, %L, %L, %L, %L, %L, %L)', plan_monitoring.model, p ->> 'schedule', p -> 'triggers', p -> 'gate', p ->> 'action',
			p -> 'options', p ->> 'cooldown') END
		WHERE wanted ? 'retraining' AND now -> 'retraining' IS DISTINCT FROM p;
	RETURN QUERY SELECT 'alerts', d.item, d.former, NULL::text, format('SELECT mlops.drop_alert_rule(%L, %L)', plan_monitoring.model, d.item)
		FROM mlops_catalog.differences(now -> 'alerts', mlops_catalog.full_alerts(wanted -> 'alerts', now -> 'alerts')) AS d
		WHERE wanted ? 'alerts' AND d.new IS NULL ORDER BY d.item;
END
$$;
COMMENT ON FUNCTION mlops_catalog.plan_monitoring(text, jsonb) IS
	'What has to change so that a model has the monitor, alert rules and retraining policy of a document';
