-- Alerts: rules over the metrics of monitors; what breaks one fires, and
-- resolves by itself.

-- One long table of everything a monitor finds, as dashboards like it.
-- In a subquery: PostgreSQL takes a top-level UNION ALL apart, barrier or not.
CREATE VIEW mlops.monitor_metrics WITH (security_barrier) AS
SELECT a.* FROM (
	SELECT t.window_end AS "time", t.model, t.version, x.metric,
		pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('variant', t.variant, 'shadow', CASE WHEN t.shadow OPERATOR(pg_catalog.<>) false THEN t.shadow END)) AS labels,
		x.value, t.window_start, t.window_end,
		CASE WHEN x.metric OPERATOR(pg_catalog.=) 'error_rate' THEN t.decisions OPERATOR(pg_catalog.+) t.errors
			WHEN x.metric OPERATOR(pg_catalog.<>) ALL ('{decisions,errors}'::pg_catalog.text[]) THEN t.decisions END AS rows,
		CASE WHEN x.metric OPERATOR(pg_catalog.=) 'score_psi' THEN t.score_psi_p_value END AS p_value
	FROM mlops.traffic t
	CROSS JOIN LATERAL (VALUES ('decisions'::pg_catalog.text, t.decisions::pg_catalog.float8), ('errors', CASE WHEN t.decisions OPERATOR(pg_catalog.+) t.errors OPERATOR(pg_catalog.<>) 0 THEN t.errors::pg_catalog.float8 END), ('error_rate', t.error_rate), ('alert_rate', t.alert_rate), ('mean_score', t.mean_score),
		('score_psi', t.score_psi), ('latency_p50', t.latency_p50), ('latency_p95', t.latency_p95), ('latency_p99', t.latency_p99)) AS x(metric, value)
	WHERE x.value IS NOT NULL
	UNION ALL
	SELECT p.window_end, p.model, p.version, x.metric, p.segment OPERATOR(pg_catalog.||) CASE WHEN p.imported THEN '{"(imported)": true}' ELSE '{}' END::pg_catalog.jsonb, x.value, p.window_start, p.window_end,
		CASE WHEN x.metric OPERATOR(pg_catalog.<>) 'labelled' THEN p.labelled END, NULL
	FROM mlops.performance p
	CROSS JOIN LATERAL (VALUES ('labelled'::pg_catalog.text, p.labelled::pg_catalog.float8), ('precision', p."precision"), ('recall', p.recall), ('f1', p.f1),
		('false_positive_rate', p.false_positive_rate), ('pr_auc', p.pr_auc), ('roc_auc', p.roc_auc), ('brier', p.brier)) AS x(metric, value)
	WHERE x.value IS NOT NULL
	UNION ALL
	SELECT d.window_end, d.model, d.version, 'drift'::pg_catalog.text, pg_catalog.jsonb_build_object('feature', d.feature, 'test', d.test), d.statistic,
		d.window_start, d.window_end, d.rows, d.p_value
	FROM mlops.drift d
	WHERE d.statistic IS NOT NULL AND d.window_start IS NOT NULL
	UNION ALL
	SELECT d.window_end, d.model, d.version, 'drifted_share'::pg_catalog.text, '{}'::pg_catalog.jsonb,
		pg_catalog.count(*) FILTER (WHERE d.drifted)::pg_catalog.float8 OPERATOR(pg_catalog./) pg_catalog.count(*)::pg_catalog.float8, d.window_start, d.window_end, pg_catalog.min(d.rows), NULL
	FROM (SELECT e.model, e.version, e.window_start, e.window_end, e.feature, pg_catalog.bool_or(e.drifted) AS drifted, pg_catalog.min(e.rows) AS rows FROM mlops.drift e
		WHERE e.window_start IS NOT NULL AND e.kind OPERATOR(pg_catalog.<>) 'score' AND e.drifted IS NOT NULL GROUP BY 1, 2, 3, 4, 5) d
	GROUP BY d.model, d.version, d.window_start, d.window_end) AS a;
COMMENT ON VIEW mlops.monitor_metrics IS 'All metrics of monitors, one a row: traffic, performance and drift';
COMMENT ON COLUMN mlops.monitor_metrics."time" IS 'End of the window';
COMMENT ON COLUMN mlops.monitor_metrics.model IS 'Model';
COMMENT ON COLUMN mlops.monitor_metrics.version IS 'Version';
COMMENT ON COLUMN mlops.monitor_metrics.metric IS 'Metric: decisions, errors, error_rate, alert_rate, mean_score, score_psi, latency_p50, latency_p95, latency_p99, labelled, precision, recall, f1, false_positive_rate, pr_auc, roc_auc, brier, drift (a feature''s statistic), drifted_share (of the features)';
COMMENT ON COLUMN mlops.monitor_metrics.labels IS 'Its subject: variant, segment or feature; of performance of imported decisions (imported), too';
COMMENT ON COLUMN mlops.monitor_metrics.value IS 'Value';
COMMENT ON COLUMN mlops.monitor_metrics.window_start IS 'Begin of the window, included';
COMMENT ON COLUMN mlops.monitor_metrics.window_end IS 'End of the window, not included';
COMMENT ON COLUMN mlops.monitor_metrics.rows IS 'Rows the value was computed from: decisions (for error_rate including errors); for performance, decisions with a label; for drift, rows of the source; NULL: it is a count itself';
COMMENT ON COLUMN mlops.monitor_metrics.p_value IS 'How likely as large a value is by chance; NULL: not known';
GRANT SELECT ON mlops.monitor_metrics TO PUBLIC;

-- A version that answers no more is not judged any more; where no version is
-- deployed, all are.
CREATE VIEW mlops_catalog.answering AS
SELECT r.model_id, v.version FROM mlops_catalog.deployment_route AS r
JOIN mlops_catalog.model_version AS v ON v.version_id OPERATOR(pg_catalog.=) r.version_id;
COMMENT ON VIEW mlops_catalog.answering IS 'Versions that answer, or are shadows, now';
COMMENT ON COLUMN mlops_catalog.answering.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.answering.version IS 'Version';

CREATE FUNCTION mlops_catalog.answers(model_id bigint, version int) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT answers.version IS NULL OR coalesce(bool_or(a.version = answers.version), true) FROM mlops_catalog.answering AS a WHERE a.model_id = answers.model_id
$$;
COMMENT ON FUNCTION mlops_catalog.answers(bigint, int) IS 'Does a version answer (or is it a shadow) now? True also if the model has none that does';

-- Quiet windows between those that can be judged included.
CREATE FUNCTION mlops_catalog.rule_reach(windows int, every interval, label_delay interval) RETURNS interval
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT label_delay + (3 * windows + 10) * every $$;
COMMENT ON FUNCTION mlops_catalog.rule_reach(int, interval, interval) IS 'How far back an alert rule looks for windows to judge';

-- (a view's functions read as whoever looks, its tables as the owner: no answers() here)
CREATE VIEW mlops.alerts WITH (security_barrier) AS
SELECT a.alert_id, m.name AS model, a.rule, a.severity,
	CASE WHEN a.resolved_at IS NOT NULL THEN 'resolved' WHEN NOT (a.version IS NULL OR COALESCE((SELECT pg_catalog.bool_or(w.version OPERATOR(pg_catalog.=) a.version)
		FROM mlops_catalog.answering AS w WHERE w.model_id OPERATOR(pg_catalog.=) a.model_id), true)) THEN 'waiting'
		WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'firing' END AS state,
	a.metric, a.labels, a.version, a.value, a.required, a.window_end,
	mlops_catalog.role_text(a.acknowledged_by) AS acknowledged_by, a.note, a.fired_at, a.acknowledged_at, a.resolved_at
FROM mlops_catalog.alert a JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) a.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.alerts IS 'Alerts of rules that were out of bounds, for models you may use';
COMMENT ON COLUMN mlops.alerts.alert_id IS 'Identity';
COMMENT ON COLUMN mlops.alerts.model IS 'Model';
COMMENT ON COLUMN mlops.alerts.rule IS 'Rule that was out of bounds';
COMMENT ON COLUMN mlops.alerts.severity IS 'info, warning or critical';
COMMENT ON COLUMN mlops.alerts.state IS 'firing, acknowledged (and firing), waiting (its version has been replaced, and there are no windows of the new one yet) or resolved';
COMMENT ON COLUMN mlops.alerts.metric IS 'Metric';
COMMENT ON COLUMN mlops.alerts.labels IS 'Labels of the metric';
COMMENT ON COLUMN mlops.alerts.version IS 'Version that the metric belongs to';
COMMENT ON COLUMN mlops.alerts.value IS 'Value in the last window when it fired';
COMMENT ON COLUMN mlops.alerts.required IS 'Bound it broke';
COMMENT ON COLUMN mlops.alerts.window_end IS 'End of that window';
COMMENT ON COLUMN mlops.alerts.acknowledged_by IS 'Who acknowledged it';
COMMENT ON COLUMN mlops.alerts.note IS 'Note that they wrote';
COMMENT ON COLUMN mlops.alerts.fired_at IS 'When it fired';
COMMENT ON COLUMN mlops.alerts.acknowledged_at IS 'When it was acknowledged';
COMMENT ON COLUMN mlops.alerts.resolved_at IS 'When the value was within bounds again, or not known for long, or the rule removed';
GRANT SELECT ON mlops.alerts TO PUBLIC;

CREATE VIEW mlops.alert_rules WITH (security_barrier) AS
SELECT m.name AS model, r.name, r.metric, r.min, r.max, r.windows, r.min_decisions, r.labels, r.severity,
	CASE WHEN a.alert_id IS NOT NULL AND NOT (a.version IS NULL OR COALESCE((SELECT pg_catalog.bool_or(w.version OPERATOR(pg_catalog.=) a.version)
		FROM mlops_catalog.answering AS w WHERE w.model_id OPERATOR(pg_catalog.=) a.model_id), true)) THEN 'waiting'
		WHEN a.alert_id IS NOT NULL THEN 'firing' WHEN r.silenced_until OPERATOR(pg_catalog.>) pg_catalog.now() THEN 'silenced' 
		WHEN r.judged_until IS NULL OR r.judged_until OPERATOR(pg_catalog.<=) (pg_catalog.now() OPERATOR(pg_catalog.-) mlops_catalog.rule_reach(r.windows, w.every, w.label_delay)) THEN 'no data' ELSE 'ok' END AS state,
	a.alert_id, r.silenced_until, mlops_catalog.role_text(r.set_by) AS set_by, r.set_at, r.judged_until
FROM mlops_catalog.alert_rule r JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) r.model_id
LEFT JOIN mlops_catalog.monitor w ON w.model_id OPERATOR(pg_catalog.=) r.model_id
LEFT JOIN mlops_catalog.alert a ON a.model_id OPERATOR(pg_catalog.=) r.model_id AND a.rule OPERATOR(pg_catalog.=) r.name AND a.resolved_at IS NULL
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.alert_rules IS 'Bounds for the metrics of monitors, of models you may use';
COMMENT ON COLUMN mlops.alert_rules.model IS 'Model';
COMMENT ON COLUMN mlops.alert_rules.name IS 'Name, unique for the model';
COMMENT ON COLUMN mlops.alert_rules.metric IS 'Metric, see mlops.monitor_metrics';
COMMENT ON COLUMN mlops.alert_rules.min IS 'It must not be lower';
COMMENT ON COLUMN mlops.alert_rules.max IS 'It must not be higher';
COMMENT ON COLUMN mlops.alert_rules.windows IS 'Fires when so many windows in a row are out of bounds';
COMMENT ON COLUMN mlops.alert_rules.min_decisions IS 'Windows with fewer decisions (for performance: with a label; for drift: rows of the source) are not judged, except by rules about counts';
COMMENT ON COLUMN mlops.alert_rules.labels IS 'Only metrics that have these labels';
COMMENT ON COLUMN mlops.alert_rules.severity IS 'info, warning or critical';
COMMENT ON COLUMN mlops.alert_rules.state IS 'ok, firing, waiting (for windows of the version that answers now), silenced or no data (there was no window to judge yet, or none lately)';
COMMENT ON COLUMN mlops.alert_rules.alert_id IS 'Alert that fires';
COMMENT ON COLUMN mlops.alert_rules.silenced_until IS 'Fires nothing before';
COMMENT ON COLUMN mlops.alert_rules.set_by IS 'Who set it';
COMMENT ON COLUMN mlops.alert_rules.set_at IS 'When';
COMMENT ON COLUMN mlops.alert_rules.judged_until IS 'End of the last window that it judged, NULL: none yet';
GRANT SELECT ON mlops.alert_rules TO PUBLIC;

-- ---- rules

CREATE FUNCTION mlops_catalog.drift_tests() RETURNS text[]
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_drift_tests';
COMMENT ON FUNCTION mlops_catalog.drift_tests() IS 'Statistics of mlops.record_drift';

CREATE FUNCTION mlops_catalog.usual_drift_tests() RETURNS text[]
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_usual_drift_tests';
COMMENT ON FUNCTION mlops_catalog.usual_drift_tests() IS 'Statistics of mlops.record_drift if it is not asked for others: those that monitors measure';

CREATE FUNCTION mlops_catalog.drift_alpha() RETURNS float8
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_drift_alpha';
COMMENT ON FUNCTION mlops_catalog.drift_alpha() IS 'What the p-value of a statistic of drift must be below';

-- Time goes on: of its seconds only what is missing is told, if it has no other feature.
CREATE FUNCTION mlops_catalog.drift_features(model_id bigint, model_name text) RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(f.feature ORDER BY f.feature = '(score)', f.feature) FROM (
		SELECT b.feature FROM (SELECT b.feature, b.input, count(*) OVER (PARTITION BY v.version, b.input) = 1 AS is_only
			FROM mlops_catalog.model_version AS v, mlops_catalog.baseline(drift_features.model_name, v.version) AS b
			WHERE v.model_id = drift_features.model_id AND v.dropped_at IS NULL) AS b
		WHERE b.feature <> b.input || '.seconds' OR b.is_only
		UNION SELECT '(score)') AS f
$$;
COMMENT ON FUNCTION mlops_catalog.drift_features(bigint, text) IS 'Features of a model''s versions whose drift is recorded, (score) last';

-- A label of performance is a value of a column.  Decisions are logged with numbers,
-- booleans and texts of fixed forms: people may write them in another one.  Texts of
-- money depend on settings.
CREATE FUNCTION mlops_catalog.logged_value(value jsonb, kind text, type text) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	written text := value #>> '{}';
	family text := mlops_catalog.type_family(type);
BEGIN
	IF jsonb_typeof(value) IN ('object', 'array') OR type = 'money' AND jsonb_typeof(value) NOT IN ('number', 'null') THEN
		RETURN NULL;
	ELSIF kind = 'category' AND written IS NOT NULL AND NOT mlops_catalog.may_hold(type, to_jsonb(written)) THEN
		RETURN NULL;
	ELSIF kind = 'category' AND type IN ('uuid', 'inet', 'cidr') THEN
		EXECUTE format('SELECT to_jsonb($1::%s) #>> ''{}''', type) INTO written USING written;
	ELSIF kind = 'category' THEN
		written := mlops_catalog.bounded(CASE WHEN type ~ '^character(\(|$)' THEN rtrim(written, ' ') ELSE written END);
	ELSIF family = 'number' AND written = 'NaN' THEN
		RETURN 'null';	-- it is missing, see mlops_catalog.record_performance
	ELSIF type IN ('smallint', 'integer', 'bigint') AND written IS NOT NULL THEN
		RETURN CASE WHEN written::numeric = trunc(written::numeric) THEN to_jsonb(trunc(written::numeric)) END;
	ELSIF family IN ('number', 'money') AND written IS NOT NULL THEN
		RETURN CASE WHEN written::numeric NOT IN ('Infinity', '-Infinity') THEN to_jsonb(trim_scale(written::numeric)) END;
	ELSIF family = 'boolean' AND written IS NOT NULL THEN
		RETURN to_jsonb(written::boolean);
	ELSIF family = 'timestamp with time zone' THEN
		written := mlops_catalog.utc_text(written::timestamptz);
	ELSIF family IN ('date', 'timestamp without time zone', 'time without time zone', 'time with time zone', 'interval') THEN
		EXECUTE format('SELECT to_jsonb($1::%s) #>> ''{}''', family) INTO written USING written;
	END IF;
	RETURN coalesce(to_jsonb(written), 'null');
EXCEPTION WHEN data_exception THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.logged_value(jsonb, text, text) IS
	'A value of a column of a kind and type as decisions are logged with it; NULL: no value of that type is written so';

-- Who decides by JSON may send a number or boolean as text, or the other way round.
CREATE FUNCTION mlops_catalog.have_labels(labels jsonb, wanted jsonb) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bool_and(labels ? w.key AND CASE WHEN labels ->> w.key ~ n.pattern AND w.value ~ n.pattern
		THEN (labels ->> w.key)::numeric = w.value::numeric ELSE labels ->> w.key IS NOT DISTINCT FROM w.value END), true)
	FROM jsonb_each_text(wanted) AS w CROSS JOIN (SELECT '^-?[0-9]{1,30}([.][0-9]{1,30})?$') AS n(pattern)
$$;
COMMENT ON FUNCTION mlops_catalog.have_labels(jsonb, jsonb) IS 'Do labels have the values of others, be they written as numbers, booleans or texts?';

CREATE FUNCTION mlops_catalog.column_read(model_id bigint, name text) RETURNS TABLE (kind text, type text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s ->> 'kind', s ->> 'type' FROM mlops_catalog.model_version AS v CROSS JOIN jsonb_array_elements(v.signature) AS s
	WHERE v.model_id = column_read.model_id AND v.dropped_at IS NULL AND s ->> 'name' = column_read.name ORDER BY v.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.column_read(bigint, text) IS 'Kind and type of a column for the newest version of a model that reads it';

CREATE FUNCTION mlops_catalog.logged_labels(metric text, labels jsonb, model_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN logged_labels.metric <> ALL (mlops_catalog.monitor_metric_names('performance')) THEN logged_labels.labels ELSE
		coalesce((SELECT jsonb_object_agg(l.key, coalesce(mlops_catalog.logged_value(l.value, c.kind, c.type), l.value))
			FROM jsonb_each(logged_labels.labels) AS l LEFT JOIN LATERAL mlops_catalog.column_read(logged_labels.model_id, l.key) AS c ON true), '{}') END
$$;
COMMENT ON FUNCTION mlops_catalog.logged_labels(text, jsonb, bigint) IS 'Labels of a metric with the values of columns as decisions are logged with them';

-- Metrics of traffic are told apart by variant, those of drift by feature and test,
-- those of performance by segment: a column that is watched.
CREATE FUNCTION mlops_catalog.check_label(metric text, label text, value jsonb, model_id bigint, model_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	valid text[] := CASE WHEN metric = 'drift' AND label = 'feature' THEN mlops_catalog.drift_features(model_id, model_name)
		WHEN metric = 'drift' THEN mlops_catalog.drift_tests() END;
	read record;
	fits boolean;
BEGIN
	SELECT c.* INTO read FROM mlops_catalog.column_read(check_label.model_id, label) AS c;
	fits := CASE WHEN label = '(imported)' THEN value = 'true' WHEN metric = 'drift' THEN jsonb_typeof(value) = 'string' AND value #>> '{}' = ANY (valid)
		WHEN metric = ANY (mlops_catalog.monitor_metric_names('performance')) THEN mlops_catalog.logged_value(value, read.kind, read.type) IS NOT NULL
		WHEN label = 'shadow' THEN value = 'true' ELSE jsonb_typeof(value) = 'string' END;
	IF NOT fits THEN
		RAISE EXCEPTION 'label "%" of metric "%" of model "%" is never %', label, metric, model_name, left(value::text, 100)
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = CASE WHEN valid IS NOT NULL THEN format('It is one of: %s.', left(array_to_string(valid, ', '), 1000))
					WHEN label = '(imported)' THEN 'It is true for decisions that were imported; other metrics do not have it.'
					WHEN metric = ANY (mlops_catalog.monitor_metric_names('performance')) THEN format('It is a value of type %s, %s, or null.', read.type,
						CASE WHEN read.kind = 'category' AND mlops_catalog.type_family(read.type) IN ('text', 'character') THEN 'a string' WHEN read.type = 'boolean' THEN 'true or false' WHEN read.type IN ('smallint', 'integer', 'bigint') THEN 'a whole number'
							WHEN mlops_catalog.type_family(read.type) IN ('number', 'money') THEN 'a number' ELSE 'a string that is one' END)
					WHEN label = 'shadow' THEN 'It is true for shadows; other metrics do not have it.' ELSE 'It is the name of a variant, a string.' END,
				HINT = 'View mlops.monitor_metrics shows the metrics there are.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_label(text, text, jsonb, bigint, text) IS 'An error that names the values there are unless a metric can have this label';

CREATE FUNCTION mlops_catalog.check_labels(metric text, labels jsonb, model_id bigint, model_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	of_labels boolean := metric = ANY (mlops_catalog.monitor_metric_names('performance'));
	keys text[] := CASE WHEN metric = 'drift' THEN '{feature,test}' WHEN metric = 'drifted_share' THEN '{}'
		WHEN of_labels THEN ARRAY(SELECT s::text FROM mlops_catalog.monitor AS w, unnest(w.segments) AS s WHERE w.model_id = check_labels.model_id) || '{(imported)}'::text[]
		ELSE '{variant,shadow}' END;
	bad text := (SELECT k FROM jsonb_object_keys(labels) AS k WHERE k <> ALL (keys) ORDER BY k LIMIT 1);
BEGIN
	IF bad IS NOT NULL THEN
		RAISE EXCEPTION 'no metric "%" of model "%" has a label "%"', metric, model_name, bad
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = CASE WHEN keys = '{}' THEN 'It has none.' ELSE format('Its labels are: %s.', array_to_string(keys, ', ')) END,
				HINT = CASE WHEN of_labels THEN 'Columns become labels by mlops.monitor(..., segments => ...).'
					ELSE 'View mlops.monitor_metrics shows the metrics there are.' END;
	ELSIF of_labels AND (SELECT count(*) FROM jsonb_object_keys(labels - '(imported)')) > 1 THEN
		RAISE EXCEPTION 'no metric "%" of model "%" has the labels %', metric, model_name,
				(SELECT string_agg(format('"%s"', k), ', ' ORDER BY k) FROM jsonb_object_keys(labels - '(imported)') AS k)
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Each is of the values of one column.', HINT = 'Set a rule for each column.';
	END IF;
	PERFORM mlops_catalog.check_label(metric, l.key, l.value, model_id, model_name) FROM jsonb_each(labels) AS l ORDER BY l.key;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_labels(text, jsonb, bigint, text) IS 'An error that names the label unless a metric can have these';

-- What is not recorded of a feature, or not unless it is asked for by hand.
CREATE FUNCTION mlops_catalog.unmeasured_test(model_id bigint, labels jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN t.test = 'unseen' AND t.kind <> 'category' THEN format('test "unseen" is of categories, and %s is none', t.named)
		WHEN t.test = 'unseen' AND t.feature IS NULL AND NOT EXISTS (SELECT FROM mlops_catalog.model_version AS v
				WHERE v.model_id = unmeasured_test.model_id AND v.dropped_at IS NULL AND v.signature @> '[{"kind": "category"}]')
			THEN 'test "unseen" is of categories, and no version has one'
		WHEN t.test = 'ks' AND t.kind = 'category' THEN format('test "ks" is of numbers, and %s is a category', t.named)
		WHEN t.test = 'missing' AND t.kind = 'score' THEN 'no score is missing'
		WHEN t.test <> ALL (mlops_catalog.usual_drift_tests()) AND NOT EXISTS (SELECT FROM mlops_catalog.drift_window AS d WHERE d.model_id = unmeasured_test.model_id
				AND d.window_start IS NOT NULL AND d.test = t.test AND d.feature = coalesce(t.feature, d.feature))
			THEN format('monitors measure %s (of categories), not "%s", which mlops.record_drift(..., statistics => ''{%s}'') records',
				array_to_string(mlops_catalog.usual_drift_tests(), ', '), t.test, t.test) END
	FROM (SELECT l.test, l.feature, format('feature "%s"', l.feature) AS named, CASE WHEN l.feature = '(score)' THEN 'score' WHEN l.feature IS NOT NULL THEN
			coalesce((SELECT c.kind FROM mlops_catalog.column_read(unmeasured_test.model_id, l.feature) AS c), 'part of a time') END AS kind
		FROM jsonb_to_record(unmeasured_test.labels) AS l(test text, feature text)) AS t
$$;
COMMENT ON FUNCTION mlops_catalog.unmeasured_test(bigint, jsonb) IS 'Why a monitor has no metric of drift with these labels; NULL: it has, or may have';

-- Rules are judged by a monitor, and those on drift by what it finds in its source, or
-- by windows that were recorded by hand.  Without these a rule is silent for ever.
CREATE FUNCTION mlops_catalog.unjudged_rules() RETURNS TABLE (model_id bigint, model text, rule text, cause text, remedy text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.model_id, m.name, r.name, l.cause, l.remedy
	FROM mlops_catalog.alert_rule AS r JOIN mlops_catalog.model AS m USING (model_id) LEFT JOIN mlops_catalog.monitor AS w USING (model_id)
	CROSS JOIN LATERAL (
		SELECT 'the model has no monitor', format('SELECT * FROM mlops.monitor(%L, every => ''1 hour'')', m.name) WHERE w.model_id IS NULL
		UNION ALL
		SELECT c.cause, format('SELECT * FROM mlops.set_alert_rule(%L, %L, ''drift'', ..., labels => %L)', m.name, r.name, r.labels || '{"test": "psi"}')
		FROM (SELECT mlops_catalog.unmeasured_test(m.model_id, r.labels) AS cause WHERE r.metric = 'drift') AS c WHERE c.cause IS NOT NULL
		UNION ALL
		SELECT 'the model''s monitor has no source to compute drift of', format('SELECT * FROM mlops.monitor(%L, source => ..., time_column => ...)', m.name)
		WHERE w.model_id IS NOT NULL AND w.query IS NULL AND r.metric = ANY (mlops_catalog.monitor_metric_names('drift'))
			AND NOT EXISTS (SELECT FROM mlops_catalog.drift_window AS d WHERE d.model_id = m.model_id AND d.window_start IS NOT NULL)
		) AS l(cause, remedy)
$$;
COMMENT ON FUNCTION mlops_catalog.unjudged_rules() IS 'Alert rules that nothing judges, why, and what to do about it';

CREATE FUNCTION mlops_catalog.tell_of_unjudged_rules(caller regrole, model_id bigint, rules text[] DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told record;
BEGIN
	FOR told IN SELECT u.model, u.cause, u.remedy, string_agg(format('"%s"', u.rule), ', ' ORDER BY u.rule) AS names
			FROM mlops_catalog.unjudged_rules() AS u WHERE u.model_id = tell_of_unjudged_rules.model_id AND (tell_of_unjudged_rules.rules IS NULL OR u.rule = ANY (tell_of_unjudged_rules.rules)) GROUP BY 1, 2, 3 LOOP
		RAISE NOTICE 'nothing judges these alert rules of model "%": %', told.model, told.names
			USING DETAIL = format('They never fire: %s.', told.cause), HINT = format('Set one up: %s;', told.remedy);
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_unjudged_rules(regrole, bigint, text[]) IS 'A notice of alert rules that nothing judges: of all of a model, or of those named';

CREATE FUNCTION mlops.set_alert_rule(
	model text,
	name text,
	metric text,
	min float8 DEFAULT NULL,
	max float8 DEFAULT NULL,
	windows int DEFAULT 1,
	min_decisions bigint DEFAULT 30,
	labels jsonb DEFAULT '{}',
	severity text DEFAULT 'warning')
	RETURNS SETOF mlops.alert_rules
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_alert_rule(text, text, text, float8, float8, int, bigint, jsonb, text) IS
	'Sets, or replaces, a bound for a metric of a model''s monitor. If the metric is out of bounds in so many windows in a row, an alert fires; it resolves by itself. NOTIFY mlops_alert sends the alert_id of each alert that fires or resolves';
CREATE FUNCTION mlops_catalog.set_alert_rule(caller regrole, model text, name text, metric text, min float8, max float8, windows int, min_decisions bigint,
	labels jsonb, severity text) RETURNS SETOF mlops.alert_rules
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_alert_rule.model, 'manage');
	former jsonb := (SELECT to_jsonb(r) - '{model_id,set_by,set_at,silenced_until,judged_until}'::text[] FROM mlops_catalog.alert_rule AS r
		WHERE r.model_id = id AND r.name = set_alert_rule.name);
	found jsonb;
	wanted jsonb;
BEGIN
	PERFORM mlops_catalog.check_name('an alert rule', set_alert_rule.name);
	IF set_alert_rule.metric = ANY (mlops_catalog.drift_tests()) THEN
		RAISE EXCEPTION '"%" is a test of drift, not a metric', set_alert_rule.metric
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Write metric => ''drift'', labels => ''{"test": "%s"}'', with "feature" for one column.%s', set_alert_rule.metric,
				CASE WHEN set_alert_rule.metric = 'psi' THEN ' That of the scores is metric => ''score_psi''.' ELSE '' END);
	END IF;
	PERFORM mlops_catalog.check_choice('metric', set_alert_rule.metric, mlops_catalog.monitor_metric_names());
	PERFORM mlops_catalog.check_choice('severity', set_alert_rule.severity, '{info,warning,critical}');
	IF set_alert_rule.min IS NULL AND set_alert_rule.max IS NULL OR set_alert_rule.min > set_alert_rule.max THEN
		RAISE EXCEPTION 'an alert rule needs "min" or "max", and "min" at most "max"' USING ERRCODE = 'invalid_parameter_value';
	ELSIF coalesce(set_alert_rule.min, 0) IN ('NaN', 'Infinity', '-Infinity') OR coalesce(set_alert_rule.max, 0) IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE EXCEPTION '"min" and "max" of an alert rule must be finite' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Leave out the bound that does not matter.';
	ELSIF set_alert_rule.windows IS NULL OR set_alert_rule.windows NOT BETWEEN 1 AND 100 THEN
		RAISE EXCEPTION '"windows" must be between 1 and 100' USING ERRCODE = 'invalid_parameter_value';
	ELSIF set_alert_rule.min_decisions IS NULL OR set_alert_rule.min_decisions < 0 THEN
		RAISE EXCEPTION '"min_decisions" must not be negative or null' USING ERRCODE = 'invalid_parameter_value';
	ELSIF jsonb_typeof(set_alert_rule.labels) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION '"labels" must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM mlops_catalog.check_metric_bounds('alert rule', set_alert_rule.metric, set_alert_rule.min, set_alert_rule.max);
	PERFORM mlops_catalog.check_labels(set_alert_rule.metric, set_alert_rule.labels, id, set_alert_rule.model);
	wanted := mlops_catalog.logged_labels(set_alert_rule.metric, set_alert_rule.labels, id);
	INSERT INTO mlops_catalog.alert_rule AS r (model_id, name, metric, min, max, windows, min_decisions, labels, severity, set_by)
		VALUES (id, set_alert_rule.name, set_alert_rule.metric, set_alert_rule.min, set_alert_rule.max, set_alert_rule.windows, set_alert_rule.min_decisions, wanted, set_alert_rule.severity, caller)
		ON CONFLICT ON CONSTRAINT alert_rule_pkey DO UPDATE SET metric = excluded.metric, min = excluded.min, max = excluded.max,
			windows = excluded.windows, min_decisions = excluded.min_decisions, labels = excluded.labels, severity = excluded.severity,
			set_by = excluded.set_by, set_at = clock_timestamp(),
			judged_until = CASE WHEN (r.metric, r.labels) = (excluded.metric, excluded.labels) THEN r.judged_until END;
	found := (SELECT to_jsonb(r) - '{model_id,set_by,set_at,silenced_until,judged_until}'::text[] FROM mlops_catalog.alert_rule AS r
		WHERE r.model_id = id AND r.name = set_alert_rule.name);
	IF former IS DISTINCT FROM found THEN
		PERFORM mlops_catalog.audit(caller, 'set_alert_rule', set_alert_rule.model, NULL, jsonb_strip_nulls(jsonb_build_object('from', former, 'to', found)));
	END IF;
	PERFORM mlops_catalog.tell_of_left_out(format('alert rule "%s" of model "%s"', set_alert_rule.name, set_alert_rule.model),
		format('SELECT * FROM mlops.set_alert_rule(%L, %L, %L', set_alert_rule.model, set_alert_rule.name, set_alert_rule.metric), former, found,
		json_build_object('min', NULL, 'max', NULL, 'windows', 1, 'min_decisions', 30, 'labels', '{}'::json, 'severity', 'warning'))
		WHERE former ->> 'metric' = set_alert_rule.metric;	-- another one makes another rule
	PERFORM mlops_catalog.tell_of_unjudged_rules(caller, id, ARRAY[set_alert_rule.name]);
	RETURN QUERY SELECT * FROM mlops.alert_rules AS r WHERE r.model = set_alert_rule.model AND r.name = set_alert_rule.name;
END
$$;

CREATE FUNCTION mlops_catalog.require_rule(model_id bigint, model text, name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.refuse_null('name', require_rule.name);
	IF NOT EXISTS (SELECT FROM mlops_catalog.alert_rule AS r WHERE r.model_id = require_rule.model_id AND r.name = require_rule.name) THEN
		RAISE EXCEPTION 'model "%" has no alert rule "%"', require_rule.model, require_rule.name
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.alert_rules lists the rules there are.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.require_rule(bigint, text, text) IS 'An error unless a model has an alert rule of this name';

CREATE FUNCTION mlops.drop_alert_rule(model text, name text) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.drop_alert_rule(text, text) IS 'Removes an alert rule; its alerts stay, resolved';
CREATE FUNCTION mlops_catalog.drop_alert_rule(caller regrole, model text, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, drop_alert_rule.model, 'manage');
BEGIN
	PERFORM mlops_catalog.require_rule(id, drop_alert_rule.model, drop_alert_rule.name);
	DELETE FROM mlops_catalog.alert_rule AS r WHERE r.model_id = id AND r.name = drop_alert_rule.name;
	UPDATE mlops_catalog.alert AS a SET resolved_at = clock_timestamp() WHERE a.model_id = id AND a.rule = drop_alert_rule.name AND a.resolved_at IS NULL;
	PERFORM mlops_catalog.audit(caller, 'drop_alert_rule', drop_alert_rule.model, NULL, jsonb_build_object('name', drop_alert_rule.name));
	PERFORM mlops_catalog.tell_of_missing_rules(caller, id);
END
$$;

CREATE FUNCTION mlops.silence(model text, name text, until timestamptz DEFAULT NULL, lasting interval DEFAULT NULL) RETURNS SETOF mlops.alert_rules
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.silence(text, text, timestamptz, interval) IS
	'Keeps an alert rule from firing until a time, or for as long as lasting says; with neither it ends a silence';
CREATE FUNCTION mlops_catalog.silence(caller regrole, model text, name text, until timestamptz, lasting interval) RETURNS SETOF mlops.alert_rules
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, silence.model, 'deploy');
	ends timestamptz := coalesce(silence.until, clock_timestamp() + silence.lasting);
BEGIN
	IF silence.until IS NOT NULL AND silence.lasting IS NOT NULL THEN
		RAISE EXCEPTION 'only one of "until" and "lasting" may be given' USING ERRCODE = 'invalid_parameter_value';
	ELSIF silence.lasting <= interval '0' THEN
		RAISE EXCEPTION '"lasting" must be a length of time above 0' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It was %s.', silence.lasting);
	END IF;
	PERFORM mlops_catalog.tell_of_seconds('lasting', silence.lasting);
	PERFORM mlops_catalog.require_rule(id, silence.model, silence.name);
	UPDATE mlops_catalog.alert_rule AS r SET silenced_until = ends WHERE r.model_id = id AND r.name = silence.name;
	PERFORM mlops_catalog.audit(caller, 'silence', silence.model, NULL, jsonb_build_object('name', silence.name, 'until', mlops_catalog.utc_text(ends)));
	RETURN QUERY SELECT * FROM mlops.alert_rules AS r WHERE r.model = silence.model AND r.name = silence.name;
END
$$;

CREATE FUNCTION mlops.acknowledge_alert(alert_id bigint, note text DEFAULT NULL) RETURNS SETOF mlops.alerts
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.acknowledge_alert(bigint, text) IS 'Acknowledges an alert, visibly for all and in the audit log';
CREATE FUNCTION mlops_catalog.acknowledge_alert(caller regrole, alert_id bigint, note text) RETURNS SETOF mlops.alerts
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	a record;
BEGIN
	SELECT m.name AS model, t.rule, t.version INTO a FROM mlops_catalog.alert AS t JOIN mlops_catalog.model AS m USING (model_id)
		WHERE t.alert_id = acknowledge_alert.alert_id AND mlops_catalog.may(caller, m.name, 'inspect');
	IF NOT FOUND THEN
		RAISE EXCEPTION 'alert % does not exist', coalesce(acknowledge_alert.alert_id::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.alerts lists the alerts there are.';
	END IF;
	PERFORM mlops_catalog.lock_model(caller, a.model, 'deploy');
	UPDATE mlops_catalog.alert AS t SET acknowledged_by = caller, acknowledged_at = clock_timestamp(), note = acknowledge_alert.note WHERE t.alert_id = acknowledge_alert.alert_id;
	PERFORM mlops_catalog.audit(caller, 'acknowledge_alert', a.model, a.version, jsonb_build_object('alert_id', acknowledge_alert.alert_id, 'rule', a.rule, 'note', acknowledge_alert.note));
	RETURN QUERY SELECT * FROM mlops.alerts AS v WHERE v.alert_id = acknowledge_alert.alert_id;
END
$$;

-- ---- checking

-- The last windows of a rule's metric that can be judged, newest first: for each
-- the value farthest out of bounds.
CREATE FUNCTION mlops_catalog.rule_windows(caller regrole, model text, r mlops_catalog.alert_rule, m mlops_catalog.monitor)
	RETURNS TABLE (window_end timestamptz, version int, labels jsonb, value float8, broken boolean)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH found AS (
		SELECT x.window_end, x.version, x.labels, x.value,
			-- as mlops.check_drift judges: what chance alone makes as large is no drift
			coalesce(x.value < r.min, false) OR coalesce(x.value > r.max AND coalesce(x.p_value < mlops_catalog.drift_alpha(), true), false) AS broken,
			greatest(r.min - x.value, x.value - r.max) AS excess
		FROM mlops.monitor_metrics AS x JOIN mlops_catalog.monitor_metrics() AS k USING (metric)
		WHERE x.model = rule_windows.model AND x.metric = r.metric AND (x.labels @> r.labels OR k."of" = 'performance' AND mlops_catalog.have_labels(x.labels, r.labels)) AND mlops_catalog.answers(r.model_id, x.version)
			AND x.window_end > now() - mlops_catalog.rule_reach(r.windows, m.every, m.label_delay)
			-- no count of a day beside those of hours; what was recorded by hand may have any length
			AND (x.window_end - x.window_start = m.every OR NOT EXISTS (SELECT FROM mlops_catalog.monitor_window AS w
				WHERE w.model_id = m.model_id AND w.window_start = x.window_start AND w.window_end = x.window_end))
			-- all decisions unless a segment is asked for, shadows only if they are
			AND (x.labels - '(imported)' = '{}' OR r.labels - '(imported)' <> '{}' OR x.labels ?| '{variant,feature}') AND (NOT x.labels ? 'shadow' OR r.labels ? 'shadow')
			AND (k."of" <> 'performance' OR x.window_end + m.label_delay <= now())
			AND coalesce(x.rows >= r.min_decisions, true))
	SELECT * FROM (
		SELECT DISTINCT ON (f.window_end) f.window_end, f.version, f.labels, f.value, f.broken FROM found AS f
		ORDER BY f.window_end DESC, f.broken DESC, f.excess DESC NULLS LAST) AS w
	ORDER BY w.window_end DESC LIMIT r.windows
$$;
COMMENT ON FUNCTION mlops_catalog.rule_windows(regrole, text, mlops_catalog.alert_rule, mlops_catalog.monitor) IS 'Windows that decide whether an alert rule is broken';

CREATE FUNCTION mlops_catalog.check_alerts(caller regrole, model_name text, id bigint, m mlops_catalog.monitor) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r mlops_catalog.alert_rule;
	last record;
	firing bigint;
	replaced boolean;
	stale boolean;
	bound text;
	fired bigint := 0;
BEGIN
	FOR r IN SELECT t.* FROM mlops_catalog.alert_rule AS t WHERE t.model_id = id ORDER BY t.name LOOP
		WITH w AS MATERIALIZED (SELECT * FROM mlops_catalog.rule_windows(caller, model_name, r, m))
		SELECT t.enough, t.all_broken, w.* INTO last
			FROM (SELECT count(*) >= r.windows AS enough, bool_and(w.broken) AS all_broken, max(w.window_end) AS newest FROM w) AS t
			LEFT JOIN w ON w.window_end = t.newest;
		-- a rule that is just being changed is not waited for: who changes it may wait for us
		UPDATE mlops_catalog.alert_rule AS t SET judged_until = last.window_end FROM (SELECT u.name FROM mlops_catalog.alert_rule AS u
			WHERE u.model_id = id AND u.name = r.name AND coalesce(u.judged_until < last.window_end, last.window_end IS NOT NULL) FOR NO KEY UPDATE SKIP LOCKED) AS free
			WHERE t.model_id = id AND t.name = free.name;
		firing := (SELECT a.alert_id FROM mlops_catalog.alert AS a WHERE a.model_id = id AND a.rule = r.name AND a.resolved_at IS NULL);
		-- what fires for a version that answers no more waits for windows of the one that does
		replaced := firing IS NOT NULL AND NOT (SELECT mlops_catalog.answers(id, a.version) FROM mlops_catalog.alert AS a WHERE a.alert_id = firing);
		-- nothing that can be judged for so long tells nothing that is out of bounds
		stale := last.window_end IS NULL AND (SELECT coalesce(r.judged_until, a.window_end) <= now() - mlops_catalog.rule_reach(r.windows, m.every, m.label_delay)
			FROM mlops_catalog.alert AS a WHERE a.alert_id = firing);
		IF firing IS NOT NULL AND (NOT coalesce(last.broken, true) OR replaced AND last.enough OR stale) THEN
			UPDATE mlops_catalog.alert AS a SET resolved_at = clock_timestamp() WHERE a.alert_id = firing;
			PERFORM pg_notify('mlops_alert', firing::text);
			firing := NULL;
		END IF;
		IF firing IS NULL AND last.enough AND last.all_broken AND coalesce(r.silenced_until <= now(), true) THEN
			bound := concat_ws(' and ', 'at least ' || r.min::text, 'at most ' || r.max::text);
			INSERT INTO mlops_catalog.alert (model_id, rule, severity, metric, labels, version, value, required, window_end)
				VALUES (id, r.name, r.severity, r.metric, last.labels, last.version, last.value, bound, last.window_end)
				RETURNING alert_id INTO firing;
			PERFORM mlops_catalog.audit(caller, 'alert', model_name, last.version, jsonb_build_object('alert_id', firing, 'rule', r.name,
				'metric', r.metric, 'labels', last.labels, 'value', last.value, 'required', bound));
			PERFORM pg_notify('mlops_alert', firing::text);	-- whoever may see the alert looks it up
			fired := fired + 1;
		END IF;
	END LOOP;
	RETURN fired;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_alerts(regrole, text, bigint, mlops_catalog.monitor) IS 'Fires and resolves the alerts of a model; returns how many fired';
