-- Monitors: what a model answered and how right it was, window by window, out of
-- the log of decisions and the labels that have arrived; drift of a source.

-- ---- views

CREATE VIEW mlops.monitors WITH (security_barrier) AS
SELECT m.name AS model, w.every, w.label_delay, w.segments, w.query, w.time_column, mlops_catalog.role_text(w.owner) AS owner,
	(SELECT pg_catalog.max(x.window_end) FROM mlops_catalog.monitor_window x WHERE x.model_id OPERATOR(pg_catalog.=) w.model_id) AS checked_until,
	(SELECT x.drift_error FROM mlops_catalog.monitor_window x WHERE x.model_id OPERATOR(pg_catalog.=) w.model_id
		AND x.checked_at OPERATOR(pg_catalog.>=) w.set_at ORDER BY x.window_end DESC LIMIT 1) AS drift_error,
	w.created_at
FROM mlops_catalog.monitor w JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) w.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.monitors IS 'Monitors of the models you may use';
COMMENT ON COLUMN mlops.monitors.model IS 'Model';
COMMENT ON COLUMN mlops.monitors.every IS 'Length of a window';
COMMENT ON COLUMN mlops.monitors.label_delay IS 'How long after its end a window''s labels are taken to be complete';
COMMENT ON COLUMN mlops.monitors.segments IS 'Logged features by whose values performance is shown too';
COMMENT ON COLUMN mlops.monitors.query IS 'Rows whose drift is watched, NULL: none';
COMMENT ON COLUMN mlops.monitors.time_column IS 'Column that says to which window a row belongs';
COMMENT ON COLUMN mlops.monitors.owner IS 'Who set it up, and as whom it reads';
COMMENT ON COLUMN mlops.monitors.checked_until IS 'End of the last window that was measured';
COMMENT ON COLUMN mlops.monitors.drift_error IS 'Why drift of the last window could not be checked with the present settings';
COMMENT ON COLUMN mlops.monitors.created_at IS 'When it was set up first';
GRANT SELECT ON mlops.monitors TO PUBLIC;

CREATE VIEW mlops.traffic WITH (security_barrier) AS
SELECT m.name AS model, CASE WHEN t.version OPERATOR(pg_catalog.<>) 0 THEN t.version END AS version, CASE WHEN t.variant OPERATOR(pg_catalog.<>) '' THEN t.variant END AS variant, t.shadow, t.decisions, t.alerts,
	t.alerts::pg_catalog.float8 OPERATOR(pg_catalog./) CASE WHEN t.decisions OPERATOR(pg_catalog.<>) 0 THEN t.decisions END::pg_catalog.float8 AS alert_rate, t.mean_score, t.score_psi,
	t.latency_p50, t.latency_p95, t.latency_p99, t.window_start, t.window_end, t.errors,
	t.errors::pg_catalog.float8 OPERATOR(pg_catalog./) CASE WHEN (t.decisions OPERATOR(pg_catalog.+) t.errors) OPERATOR(pg_catalog.<>) 0 THEN t.decisions OPERATOR(pg_catalog.+) t.errors END::pg_catalog.float8 AS error_rate,
	t.score_psi_p_value
FROM mlops_catalog.traffic_window t JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) t.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id) AND NOT EXISTS (SELECT FROM mlops_catalog.replaced_window r WHERE r.model_id OPERATOR(pg_catalog.=) t.model_id
	AND r.window_start OPERATOR(pg_catalog.=) t.window_start AND r.window_end OPERATOR(pg_catalog.=) t.window_end);
COMMENT ON VIEW mlops.traffic IS 'Logged decisions by window, version and variant; a version that was deployed and decided nothing has a row with 0';
COMMENT ON COLUMN mlops.traffic.model IS 'Model';
COMMENT ON COLUMN mlops.traffic.version IS 'Version that scored, NULL for rows for which none could be chosen';
COMMENT ON COLUMN mlops.traffic.variant IS 'Variant, NULL for a version asked for by number and where none could be chosen';
COMMENT ON COLUMN mlops.traffic.shadow IS 'Was it scored beside the answer?';
COMMENT ON COLUMN mlops.traffic.decisions IS 'Decisions, without those that failed';
COMMENT ON COLUMN mlops.traffic.alerts IS 'Decisions that were flagged';
COMMENT ON COLUMN mlops.traffic.alert_rate IS 'Share of decisions that were flagged';
COMMENT ON COLUMN mlops.traffic.mean_score IS 'Mean score';
COMMENT ON COLUMN mlops.traffic.score_psi IS 'Population stability index of the scores against those the version was judged on';
COMMENT ON COLUMN mlops.traffic.latency_p50 IS 'Microseconds that scoring took, median';
COMMENT ON COLUMN mlops.traffic.latency_p95 IS 'The same, 95th percentile';
COMMENT ON COLUMN mlops.traffic.latency_p99 IS 'The same, 99th percentile';
COMMENT ON COLUMN mlops.traffic.window_start IS 'Begin, included';
COMMENT ON COLUMN mlops.traffic.window_end IS 'End, not included';
COMMENT ON COLUMN mlops.traffic.errors IS 'Rows that could not be scored, including those that primary answered instead';
COMMENT ON COLUMN mlops.traffic.error_rate IS 'Their share of all rows that were to be scored';
COMMENT ON COLUMN mlops.traffic.score_psi_p_value IS 'How likely as large a score_psi is by chance';
GRANT SELECT ON mlops.traffic TO PUBLIC;

CREATE VIEW mlops.performance WITH (security_barrier) AS
SELECT m.name AS model, p.version, p.segment OPERATOR(pg_catalog.-) '(imported)'::pg_catalog.text AS segment, p.decisions, l.labelled, l.positives,
	p.true_positives, p.false_positives, p.false_negatives, p.true_negatives,
	p.true_positives::pg_catalog.float8 OPERATOR(pg_catalog./) CASE WHEN (p.true_positives OPERATOR(pg_catalog.+) p.false_positives) OPERATOR(pg_catalog.<>) 0 THEN p.true_positives OPERATOR(pg_catalog.+) p.false_positives END::pg_catalog.float8 AS "precision",
	p.true_positives::pg_catalog.float8 OPERATOR(pg_catalog./) CASE WHEN l.positives OPERATOR(pg_catalog.<>) 0 THEN l.positives END::pg_catalog.float8 AS recall,
	2.0::pg_catalog.float8 OPERATOR(pg_catalog.*) p.true_positives::pg_catalog.float8 OPERATOR(pg_catalog./)
		CASE WHEN (2 OPERATOR(pg_catalog.*) p.true_positives OPERATOR(pg_catalog.+) p.false_positives OPERATOR(pg_catalog.+) p.false_negatives) OPERATOR(pg_catalog.<>) 0 THEN 2 OPERATOR(pg_catalog.*) p.true_positives OPERATOR(pg_catalog.+) p.false_positives OPERATOR(pg_catalog.+) p.false_negatives END::pg_catalog.float8 AS f1,
	p.false_positives::pg_catalog.float8 OPERATOR(pg_catalog./) CASE WHEN (p.false_positives OPERATOR(pg_catalog.+) p.true_negatives) OPERATOR(pg_catalog.<>) 0 THEN p.false_positives OPERATOR(pg_catalog.+) p.true_negatives END::pg_catalog.float8 AS false_positive_rate,
	p.pr_auc, p.roc_auc, p.brier, p.window_start, p.window_end, p.segment OPERATOR(pg_catalog.?) '(imported)'::pg_catalog.text AS imported
FROM mlops_catalog.performance_window p JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) p.model_id
CROSS JOIN LATERAL (SELECT p.true_positives OPERATOR(pg_catalog.+) p.false_negatives AS positives,
	p.true_positives OPERATOR(pg_catalog.+) p.false_positives OPERATOR(pg_catalog.+) p.false_negatives OPERATOR(pg_catalog.+) p.true_negatives AS labelled) l
WHERE mlops_catalog.may_use(m.owner, m.model_id) AND NOT EXISTS (SELECT FROM mlops_catalog.replaced_window r WHERE r.model_id OPERATOR(pg_catalog.=) p.model_id
	AND r.window_start OPERATOR(pg_catalog.=) p.window_start AND r.window_end OPERATOR(pg_catalog.=) p.window_end);
COMMENT ON VIEW mlops.performance IS 'Decisions against the labels that have arrived, by window, version and segment; those that were imported in rows of their own';
COMMENT ON COLUMN mlops.performance.model IS 'Model';
COMMENT ON COLUMN mlops.performance.version IS 'Version that decided';
COMMENT ON COLUMN mlops.performance.segment IS 'Value of a logged feature, {} for all decisions';
COMMENT ON COLUMN mlops.performance.decisions IS 'Decisions, with a label or not';
COMMENT ON COLUMN mlops.performance.labelled IS 'Decisions with a label';
COMMENT ON COLUMN mlops.performance.positives IS 'Of these the positive ones';
COMMENT ON COLUMN mlops.performance.true_positives IS 'Flagged and positive';
COMMENT ON COLUMN mlops.performance.false_positives IS 'Flagged and negative';
COMMENT ON COLUMN mlops.performance.false_negatives IS 'Not flagged and positive';
COMMENT ON COLUMN mlops.performance.true_negatives IS 'Not flagged and negative';
COMMENT ON COLUMN mlops.performance."precision" IS 'Share of positives among the flagged';
COMMENT ON COLUMN mlops.performance.recall IS 'Share of the positives that were flagged';
COMMENT ON COLUMN mlops.performance.f1 IS 'Harmonic mean of the two';
COMMENT ON COLUMN mlops.performance.false_positive_rate IS 'Share of the negatives that were flagged';
COMMENT ON COLUMN mlops.performance.pr_auc IS 'Average precision, NULL without positives';
COMMENT ON COLUMN mlops.performance.roc_auc IS 'Area under the ROC curve, NULL with one class only';
COMMENT ON COLUMN mlops.performance.brier IS 'Mean squared error of the scores';
COMMENT ON COLUMN mlops.performance.window_start IS 'Begin of the decisions, included';
COMMENT ON COLUMN mlops.performance.window_end IS 'End of the decisions, not included';
COMMENT ON COLUMN mlops.performance.imported IS 'Were they imported (mlops.import_decisions)? Else they were made here';
GRANT SELECT ON mlops.performance TO PUBLIC;

-- ---- setting up

-- Decisions log what versions read, and nothing else.
CREATE FUNCTION mlops_catalog.check_input(argument text, model_id bigint, model_name text, name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	inputs text[] := ARRAY(SELECT DISTINCT s ->> 'name' FROM mlops_catalog.model_version AS v, jsonb_array_elements(v.signature) AS s
		WHERE v.model_id = check_input.model_id AND v.dropped_at IS NULL ORDER BY 1);
BEGIN
	IF name = '(imported)' THEN
		RAISE EXCEPTION 'column "%" in "%" cannot be a segment', name, argument
			USING ERRCODE = 'reserved_name', DETAIL = 'Metrics of decisions that were imported have a label of that name.';
	ELSIF name <> ALL (inputs) THEN
		RAISE EXCEPTION 'column "%" in "%" is read by no version of model "%"', name, argument, model_name
			USING ERRCODE = 'undefined_column', DETAIL = format('They read: %s.', left(array_to_string(inputs, ', '), 1000)),
				HINT = 'Only columns that versions read are logged with decisions.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_input(text, bigint, text, text) IS 'An error unless a version of the model reads a column';

-- Segments are values of logged features.  Where decisions have been logged they
-- tell whether there are any, else the setting does.
CREATE FUNCTION mlops_catalog.unseen_segments(model_id bigint, segments name[]) RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH latest AS MATERIALIZED (
		SELECT p.features FROM mlops_catalog.decided AS p WHERE p.model_id = unseen_segments.model_id AND NOT p.shadow ORDER BY p.created_at DESC LIMIT 100)
	SELECT ARRAY(SELECT s::text FROM unnest(segments) AS s
		WHERE CASE WHEN EXISTS (SELECT FROM latest) THEN NOT EXISTS (SELECT FROM latest AS l WHERE l.features ? s::text)
			ELSE NOT current_setting('mlops.log_features')::boolean END)
$$;
COMMENT ON FUNCTION mlops_catalog.unseen_segments(bigint, name[]) IS 'Segments that the latest logged decisions of a model have no value of, or, without any, all if features are not logged';

CREATE FUNCTION mlops.monitor(
	model text,
	every interval DEFAULT '1 day',
	label_delay interval DEFAULT '0',
	segments name[] DEFAULT '{}',
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	time_column name DEFAULT NULL,
	search_path text DEFAULT pg_catalog.current_setting('search_path'),
	time_zone text DEFAULT pg_catalog.current_setting('TimeZone'),
	settings jsonb DEFAULT mlops_catalog.query_settings())
	RETURNS SETOF mlops.monitors
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
CREATE FUNCTION mlops_catalog.check_window_column(caller regrole, settings jsonb, query text, time_column name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	columns jsonb;
	temporary text;
	times text;
	hint text;
	type regtype;
BEGIN
	SELECT jsonb_object_agg(c.name, c.kept_as), min(c.temporary) INTO columns, temporary FROM mlops_catalog.source_columns(caller, check_window_column.settings, NULL, check_window_column.query) AS c;
	PERFORM mlops_catalog.refuse_temporary('the source of drift', temporary);
	times := (SELECT string_agg(c.key, ', ' ORDER BY c.key) FROM jsonb_each_text(columns) AS c
		WHERE to_regtype(c.value) IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype));
	type := to_regtype(columns ->> time_column::text);
	hint := CASE WHEN times IS NULL THEN 'The source has no column of a date or time.' ELSE format('Columns of a date or time are: %s.', times) END;
	IF NOT columns ? time_column THEN
		RAISE EXCEPTION '"time_column" names column "%", which does not exist in the source', time_column
			USING ERRCODE = 'undefined_column', HINT = hint;
	ELSIF type NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) AND (SELECT t.typcategory <> 'S' FROM pg_type AS t WHERE t.oid = type) THEN
		RAISE EXCEPTION 'column "%" of "time_column" has type %', time_column, format_type(type, NULL)
			USING ERRCODE = 'datatype_mismatch', DETAIL = 'It must be a date or timestamp.', HINT = hint;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_window_column(regrole, jsonb, text, name) IS 'An error if rows cannot be told apart by time in a column of a query';

COMMENT ON FUNCTION mlops.monitor(text, interval, interval, name[], regclass, text, name, text, text, jsonb) IS
	'Watches a model from now on, window by window: traffic and performance from its logged decisions, and drift of the rows of a table, view or query';
-- What a call of mlops.monitor sets beside its length, as text.
CREATE FUNCTION mlops_catalog.monitor_arguments(m mlops_catalog.monitor) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('label_delay', m.label_delay::text, 'segments', m.segments::text, 'query', m.query, 'time_column', m.time_column)
$$;
COMMENT ON FUNCTION mlops_catalog.monitor_arguments(mlops_catalog.monitor) IS 'What a monitor was set up with, but for the length of its windows, as literals';

CREATE FUNCTION mlops_catalog.monitor(caller regrole, model text, every interval, label_delay interval, segments name[], source regclass,
	query text, time_column name, search_path text, time_zone text, settings jsonb) RETURNS SETOF mlops.monitors
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, monitor.model, 'manage');
	read text := CASE WHEN monitor.source IS NOT NULL THEN (SELECT format('SELECT * FROM %I.%I', n.nspname, c.relname)
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = monitor.source) ELSE monitor.query END;
	former mlops_catalog.monitor;
	made mlops_catalog.monitor;
	unstated constant text[] := '{owner,person,created_at,set_at,submitted_at,labels_until}';
	unseen text[];
BEGIN
	IF monitor.every IS NULL OR monitor.every < interval '1 minute' OR monitor.every > interval '366 days' OR extract(month FROM monitor.every) <> 0 OR extract(year FROM monitor.every) <> 0 THEN
		RAISE EXCEPTION 'value % of "every" is out of range', coalesce(monitor.every::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be between 1 minute and 366 days, without months.';
	ELSIF monitor.label_delay IS NULL OR monitor.label_delay < interval '0' THEN
		RAISE EXCEPTION '"label_delay" must not be negative or null' USING ERRCODE = 'invalid_parameter_value';
	ELSIF monitor.label_delay > interval '100 years' THEN
		RAISE EXCEPTION 'value % of "label_delay" is out of range', monitor.label_delay
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be at most 100 years.';
	ELSIF monitor.segments IS NULL THEN
		RAISE EXCEPTION '"segments" must not be null' USING ERRCODE = 'null_value_not_allowed';
	ELSIF cardinality(monitor.segments) > (SELECT count(DISTINCT s) FROM unnest(monitor.segments) AS s) THEN
		RAISE EXCEPTION '"segments" names a column twice' USING ERRCODE = 'duplicate_column';
	ELSIF monitor.source IS NOT NULL AND monitor.query IS NOT NULL THEN
		RAISE EXCEPTION 'give either "source" or "query"' USING ERRCODE = 'invalid_parameter_value';
	ELSIF (read IS NULL) <> (monitor.time_column IS NULL) THEN
		RAISE EXCEPTION 'drift is watched window by window: "time_column" belongs to "source" or "query"' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM mlops_catalog.tell_of_seconds('label_delay', monitor.label_delay);
	PERFORM now() AT TIME ZONE monitor.time_zone;	-- an error unless there is this zone
	PERFORM mlops_catalog.check_settings(monitor.settings);
	PERFORM mlops_catalog.check_window_column(caller, mlops_catalog.recorded_settings(monitor.search_path, monitor.time_zone, monitor.settings, NULL), read, monitor.time_column) WHERE read IS NOT NULL;
	PERFORM mlops_catalog.check_input('segments', id, monitor.model, s) FROM unnest(monitor.segments) AS s;
	SELECT w.* INTO former FROM mlops_catalog.monitor AS w WHERE w.model_id = id;
	INSERT INTO mlops_catalog.monitor (model_id, every, label_delay, segments, query, time_column, search_path, time_zone, settings, owner)
		VALUES (id, monitor.every, monitor.label_delay, monitor.segments, read, monitor.time_column, monitor.search_path, monitor.time_zone, monitor.settings, caller)
		ON CONFLICT ON CONSTRAINT monitor_pkey DO UPDATE SET every = excluded.every, label_delay = excluded.label_delay, segments = excluded.segments,
			query = excluded.query, time_column = excluded.time_column, search_path = excluded.search_path, time_zone = excluded.time_zone,
			settings = excluded.settings, owner = excluded.owner, person = excluded.person, set_at = excluded.set_at;
	PERFORM mlops_catalog.resume_task(caller, id, 'monitor');
	unseen := mlops_catalog.unseen_segments(id, monitor.segments);
	IF unseen <> '{}' THEN
		RAISE NOTICE 'decisions of model "%" are logged without the features of "segments": %', monitor.model, array_to_string(unseen, ', ')
			USING DETAIL = 'Performance by these segments is not shown until they are logged.',
				HINT = 'Set mlops.log_features to on for the roles or the database that decide, and choose columns that the model reads.';
	END IF;
	-- the query is tried on no row at all
	IF read IS NOT NULL THEN
		PERFORM FROM mlops_catalog.as_role(caller, mlops_catalog.recorded_settings(monitor.search_path, monitor.time_zone, monitor.settings, NULL),
			mlops_catalog.window_query(read, monitor.time_column, now(), now()), '{}', embeds => true);
	END IF;
	SELECT w.* INTO made FROM mlops_catalog.monitor AS w WHERE w.model_id = id;
	IF to_jsonb(former) - unstated IS DISTINCT FROM to_jsonb(made) - unstated THEN
		PERFORM mlops_catalog.audit(caller, 'monitor', monitor.model, NULL, jsonb_strip_nulls(to_jsonb(made) - unstated - 'model_id'));
	END IF;
	PERFORM mlops_catalog.tell_of_left_out(format('the monitor of model "%s"', monitor.model), format('SELECT * FROM mlops.monitor(%L, every => %L', monitor.model, made.every),
		mlops_catalog.monitor_arguments(former), mlops_catalog.monitor_arguments(made),
		json_build_object('label_delay', interval '0'::text, 'segments', '{}', 'query', NULL, 'time_column', NULL)) WHERE former.model_id IS NOT NULL;
	PERFORM mlops_catalog.warn_of_hindrance(caller, 'monitor', monitor.model);
	PERFORM mlops_catalog.warn_of_role(caller, 'monitor', monitor.model);
	PERFORM mlops_catalog.tell_of_unjudged_rules(caller, id);
	RETURN QUERY SELECT * FROM mlops.monitors AS w WHERE w.model = monitor.model;
END
$$;

CREATE FUNCTION mlops.unmonitor(model text) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.unmonitor(text) IS 'Stops watching a model; its recorded windows stay. False if it was not watched';
CREATE FUNCTION mlops_catalog.unmonitor(caller regrole, model text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.lock_model(caller, unmonitor.model, 'manage');
BEGIN
	DELETE FROM mlops_catalog.monitor AS w WHERE w.model_id = id;
	IF FOUND THEN
		DELETE FROM mlops_catalog.upkeep AS u WHERE u.model_id = id AND u.task = 'monitor';
		PERFORM mlops_catalog.audit(caller, 'unmonitor', unmonitor.model, NULL, NULL);
		PERFORM mlops_catalog.tell_of_unjudged_rules(caller, id);
	END IF;
	RETURN FOUND;
END
$$;

-- ---- looking

CREATE FUNCTION mlops_catalog.window_query(query text, time_column name, since timestamptz, until timestamptz) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('SELECT * FROM %1$s AS mlops_source WHERE %2$I::pg_catalog.timestamptz OPERATOR(pg_catalog.>=) %3$L::pg_catalog.timestamptz '
		'AND %2$I::pg_catalog.timestamptz OPERATOR(pg_catalog.<) %4$L::pg_catalog.timestamptz', mlops_catalog.subquery(query), time_column, mlops_catalog.utc_text(since), mlops_catalog.utc_text(until))
$$;
COMMENT ON FUNCTION mlops_catalog.window_query(text, name, timestamptz, timestamptz) IS 'Query for the rows of a window';

-- A variant that failed is logged as a shadow beside the answer of primary.
CREATE FUNCTION mlops_catalog.variant_answers(deployment_id bigint, variant text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM mlops_catalog.deployment AS d CROSS JOIN jsonb_array_elements(d.routes) AS r
		WHERE d.deployment_id = variant_answers.deployment_id AND r ->> 'variant' = variant_answers.variant AND r ->> 'kind' <> 'shadow')
$$;
COMMENT ON FUNCTION mlops_catalog.variant_answers(bigint, text) IS 'Was a variant one that answers, not a shadow, from a deployment on?';

-- What answered, or was a shadow, through a window: of what was deployed or taken
-- away in it, silence tells nothing.
CREATE FUNCTION mlops_catalog.deployed_throughout(model_id bigint, since timestamptz, until timestamptz)
	RETURNS TABLE (version int, variant text, shadow boolean)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.version, r.variant, r.kind = 'shadow'
	FROM (SELECT d.routes FROM mlops_catalog.deployment AS d WHERE d.model_id = deployed_throughout.model_id AND d.deployed_at <= deployed_throughout.since ORDER BY d.deployment_id DESC LIMIT 1) AS former
	CROSS JOIN LATERAL jsonb_to_recordset(former.routes) AS r(version int, variant text, kind text, percent float8)
	WHERE r.percent IS DISTINCT FROM 0 AND NOT EXISTS (SELECT FROM mlops_catalog.deployment AS d
		WHERE d.model_id = deployed_throughout.model_id AND d.deployed_at > deployed_throughout.since AND d.deployed_at < deployed_throughout.until
			AND NOT d.routes @> jsonb_build_array(jsonb_build_object('version', r.version, 'variant', r.variant, 'kind', r.kind)))
$$;
COMMENT ON FUNCTION mlops_catalog.deployed_throughout(bigint, timestamptz, timestamptz) IS 'Versions that were deployed from the begin of a span of time to its end';

CREATE FUNCTION mlops_catalog.record_traffic(caller regrole, model text, model_id bigint, since timestamptz, until timestamptz) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	made bigint;
	silent bigint;
BEGIN
	-- of what was looked at before, an import changes its own rows alone: what was logged may be removed since
	DELETE FROM mlops_catalog.traffic_window AS t WHERE t.model_id = record_traffic.model_id AND t.window_start = record_traffic.since
		AND t.window_end = record_traffic.until AND t.variant = '(imported)';
	WITH decision AS MATERIALIZED (
		SELECT coalesce(p.version, 0) AS version, coalesce(p.variant, '') AS variant,
			p.shadow AND NOT (p.error IS NOT NULL AND mlops_catalog.variant_answers(p.deployment_id, p.variant)) AS shadow,
			p.score, p.flagged, p.latency, least(floor(p.score * 64)::int, 63) AS bin, p.error IS NOT NULL AS failed
		FROM mlops_catalog.decided AS p WHERE p.model_id = record_traffic.model_id AND p.created_at >= record_traffic.since AND p.created_at < record_traffic.until),
	measured AS (
		SELECT d.version, d.variant, d.shadow, count(*) FILTER (WHERE NOT d.failed) AS decisions, count(*) FILTER (WHERE d.flagged AND NOT d.failed) AS alerts,
			avg(d.score) FILTER (WHERE NOT d.failed) AS mean_score, count(*) FILTER (WHERE d.failed) AS errors,
			percentile_cont('{0.5,0.95,0.99}'::float8[]) WITHIN GROUP (ORDER BY d.latency::float8) FILTER (WHERE NOT d.failed) AS latency
		FROM decision AS d GROUP BY 1, 2, 3),
	counted AS (
		SELECT d.version, d.variant, d.shadow, d.bin, count(*) AS n FROM decision AS d WHERE NOT d.failed GROUP BY 1, 2, 3, 4),
	bins AS (
		SELECT f.version, f.variant, f.shadow, array_agg(coalesce(c.n, 0) ORDER BY i) AS n
		FROM measured AS f CROSS JOIN generate_series(0, 63) AS i
		LEFT JOIN counted AS c ON c.version = f.version AND c.variant = f.variant AND c.shadow = f.shadow AND c.bin = i
		GROUP BY 1, 2, 3)
	INSERT INTO mlops_catalog.traffic_window AS t (model_id, window_start, window_end, version, variant, shadow, decisions, alerts, mean_score, score_psi, score_psi_p_value,
		latency_p50, latency_p95, latency_p99, errors)
	SELECT record_traffic.model_id, record_traffic.since, record_traffic.until, f.version, f.variant, f.shadow, f.decisions, f.alerts, f.mean_score,
		mlops_catalog.histogram_psi(s.baseline, b.n), mlops_catalog.histogram_p_value(s.baseline, b.n),
		f.latency[1], f.latency[2], f.latency[3], f.errors
	FROM measured AS f JOIN bins AS b USING (version, variant, shadow)
	LEFT JOIN mlops_catalog.model_version AS v ON v.model_id = record_traffic.model_id AND v.version = f.version
	LEFT JOIN LATERAL (SELECT mlops_catalog.score_baseline(record_traffic.model, v.version) AS baseline WHERE v.dropped_at IS NULL AND v.version IS NOT NULL) AS s ON true
	ON CONFLICT ON CONSTRAINT traffic_window_pkey DO NOTHING;
	GET DIAGNOSTICS made = ROW_COUNT;
	INSERT INTO mlops_catalog.traffic_window (model_id, window_start, window_end, version, variant, shadow, decisions, alerts)
	SELECT record_traffic.model_id, record_traffic.since, record_traffic.until, d.version, d.variant, d.shadow, 0, 0 FROM mlops_catalog.deployed_throughout(record_traffic.model_id, record_traffic.since, record_traffic.until) AS d
	ON CONFLICT ON CONSTRAINT traffic_window_pkey DO NOTHING;
	GET DIAGNOSTICS silent = ROW_COUNT;
	RETURN made + silent;
END
$$;
COMMENT ON FUNCTION mlops_catalog.record_traffic(regrole, text, bigint, timestamptz, timestamptz) IS 'Sums up the decisions of a window; returns rows recorded';

CREATE FUNCTION mlops_catalog.record_performance(caller regrole, model_id bigint, segments name[], since timestamptz, until timestamptz) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	made bigint;
BEGIN
	DELETE FROM mlops_catalog.performance_window AS p WHERE p.model_id = record_performance.model_id AND p.window_start = record_performance.since AND p.window_end = record_performance.until;
	WITH decision AS MATERIALIZED (
		SELECT p.version, p.score, p.flagged, p.features, o.label, CASE p.variant WHEN '(imported)' THEN '{"(imported)": true}' ELSE '{}' END::jsonb AS origin
		FROM mlops_catalog.decided AS p
		LEFT JOIN LATERAL (SELECT l.label FROM mlops_catalog.label AS l WHERE l.model_id = record_performance.model_id AND l.key = p.key
			ORDER BY l.labelled_at DESC LIMIT 1) AS o ON true
		WHERE p.model_id = record_performance.model_id AND p.created_at >= record_performance.since AND p.created_at < record_performance.until AND NOT p.shadow AND p.error IS NULL),
	-- NaN is missing, but a text of that spelling is not
	segment AS MATERIALIZED (SELECT s, coalesce(mlops_catalog.type_family(c.type) = 'number', true) AS of_numbers FROM unnest(record_performance.segments) AS s
		LEFT JOIN LATERAL mlops_catalog.trained_column(record_performance.model_id, s::text) AS c ON true),
	in_segment AS (
		SELECT d.*, '{}'::jsonb AS segment FROM decision AS d
		UNION ALL
		SELECT d.*, jsonb_build_object(s, CASE WHEN of_numbers AND lower(d.features ->> s) = 'nan' THEN 'null' ELSE mlops_catalog.bounded(d.features -> s) END)
		FROM decision AS d CROSS JOIN segment WHERE d.features ? s)
	INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions,
		true_positives, false_positives, false_negatives, true_negatives, pr_auc, roc_auc, brier)
	SELECT record_performance.model_id, record_performance.since, record_performance.until, d.version, d.segment || d.origin, count(*),
		count(*) FILTER (WHERE d.flagged AND d.label), count(*) FILTER (WHERE d.flagged AND NOT d.label),
		count(*) FILTER (WHERE NOT d.flagged AND d.label), count(*) FILTER (WHERE NOT d.flagged AND NOT d.label),
		mlops.pr_auc(d.label, d.score) FILTER (WHERE d.label IS NOT NULL),
		CASE WHEN bool_or(d.label) AND NOT bool_and(d.label) THEN mlops.roc_auc(d.label, d.score) FILTER (WHERE d.label IS NOT NULL) END,
		avg((d.score - d.label::int) ^ 2) FILTER (WHERE d.label IS NOT NULL)
	FROM in_segment AS d GROUP BY d.version, d.segment, d.origin;
	GET DIAGNOSTICS made = ROW_COUNT;
	RETURN made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.record_performance(regrole, bigint, name[], timestamptz, timestamptz) IS
	'Compares the decisions of a window with the labels known now; returns rows recorded';

-- As the monitor's owner, whose query it is.
CREATE FUNCTION mlops_catalog.record_window_drift(caller regrole, model text, m mlops_catalog.monitor, since timestamptz, until timestamptz)
	RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT count(*) FROM mlops_catalog.as_role(m.owner, mlops_catalog.recorded_settings(m.search_path, m.time_zone, m.settings, NULL),
		$drift$SELECT feature FROM mlops.record_drift($1 OPERATOR(pg_catalog.->>) 'model', query => $1 OPERATOR(pg_catalog.->>) 'query',
			window_start => ($1 OPERATOR(pg_catalog.->>) 'since')::pg_catalog.timestamptz, window_end => ($1 OPERATOR(pg_catalog.->>) 'until')::pg_catalog.timestamptz)$drift$,
		jsonb_build_object('model', model, 'query', mlops_catalog.window_query(m.query, m.time_column, since, until),
			'since', mlops_catalog.utc_text(since), 'until', mlops_catalog.utc_text(until)), by_itself => true)
$$;
COMMENT ON FUNCTION mlops_catalog.record_window_drift(regrole, text, mlops_catalog.monitor, timestamptz, timestamptz) IS
	'Records the drift of a window of a monitor''s rows; returns rows recorded';

-- Closed windows that nobody has looked at, the oldest first; of a monitor that
-- stood still for long, the last hundred.  since asks for those before it was set up.
-- What was measured with another length stays, once its decisions may be removed.
CREATE FUNCTION mlops_catalog.windows_to_check(caller regrole, model_id bigint, since timestamptz)
	RETURNS TABLE (window_start timestamptz, window_end timestamptz)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT w.since, w.since + m.every
	FROM mlops_catalog.monitor AS m
	CROSS JOIN LATERAL (SELECT date_bin(m.every, now(), '2000-01-03 00:00:00+00') AS ends) AS last
	CROSS JOIN LATERAL (SELECT last.ends - n * m.every AS since
		FROM generate_series(1, greatest(100, mlops_catalog.windows_since(windows_to_check.since, m.every))) AS n) AS w
	WHERE m.model_id = windows_to_check.model_id AND w.since + m.every > least(m.created_at - m.every, windows_to_check.since)
		AND NOT EXISTS (SELECT FROM mlops_catalog.monitor_window AS d WHERE d.model_id = windows_to_check.model_id AND d.window_start = w.since AND d.window_end = w.since + m.every)
		AND (current_setting('mlops.retention')::int = 0 OR w.since > now() - make_interval(days => current_setting('mlops.retention')::int - 1)
			OR NOT EXISTS (SELECT FROM mlops_catalog.monitor_window AS d WHERE d.model_id = windows_to_check.model_id AND d.window_start < w.since + m.every AND d.window_end > w.since))
	ORDER BY 1
$$;
COMMENT ON FUNCTION mlops_catalog.windows_to_check(regrole, bigint, timestamptz) IS 'Windows of a monitor that are over and that it has not looked at';

-- Windows of which labels have arrived since they were judged, or into which
-- decisions were imported.  Decisions of older ones may have been removed; labels
-- are visible a little later than they say.
CREATE FUNCTION mlops_catalog.windows_to_judge_again(caller regrole, model_id bigint, imports bigint[])
	RETURNS TABLE (window_start timestamptz, window_end timestamptz, imported boolean)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH judged AS (
		SELECT w.* FROM mlops_catalog.monitor_window AS w
		WHERE w.model_id = windows_to_judge_again.model_id AND w.checked_at < now() AND (current_setting('mlops.retention')::int = 0
			OR w.window_start > now() - make_interval(days => current_setting('mlops.retention')::int - 1))),
	recent AS MATERIALIZED (
		SELECT l.key, max(l.recorded_at) AS recorded_at FROM mlops_catalog.label AS l
		WHERE l.model_id = windows_to_judge_again.model_id AND l.recorded_at > greatest((SELECT min(j.judged_at) FROM judged AS j) - interval '1 minute',
			(SELECT m.labels_until FROM mlops_catalog.monitor AS m WHERE m.model_id = windows_to_judge_again.model_id)) GROUP BY l.key),
	touched AS MATERIALIZED (
		SELECT p.created_at, r.recorded_at FROM mlops_catalog.decided AS p JOIN recent AS r USING (key)
		WHERE p.model_id = windows_to_judge_again.model_id AND p.created_at >= (SELECT min(j.window_start) FROM judged AS j)),
	late AS (
		SELECT j.window_start, j.window_end, EXISTS (SELECT FROM mlops_catalog.decision_import AS i WHERE i.import_id = ANY (windows_to_judge_again.imports)
				AND i.since < j.window_end AND i.until >= j.window_start) AS imported,
			EXISTS (SELECT FROM touched AS t WHERE t.created_at >= j.window_start AND t.created_at < j.window_end
				AND t.recorded_at > j.judged_at - interval '1 minute') AS labelled
		FROM judged AS j)
	SELECT l.window_start, l.window_end, l.imported FROM late AS l WHERE l.imported OR l.labelled ORDER BY 1
$$;
COMMENT ON FUNCTION mlops_catalog.windows_to_judge_again(regrole, bigint, bigint[]) IS 'Windows of a monitor that are not what they were: labels have arrived, or decisions by one of these imports';

-- One step of a window.  The source may be gone: the other steps and windows go on.
CREATE FUNCTION mlops_catalog.measure_window(caller regrole, model text, m mlops_catalog.monitor, step text, since timestamptz, until timestamptz,
	OUT recorded bigint, OUT error text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	recorded := CASE step WHEN 'traffic' THEN mlops_catalog.record_traffic(caller, model, m.model_id, since, until)
		WHEN 'performance' THEN mlops_catalog.record_performance(caller, m.model_id, m.segments, since, until)
		ELSE mlops_catalog.record_window_drift(caller, model, m, since, until) END;
EXCEPTION WHEN query_canceled OR admin_shutdown THEN
	RAISE;
WHEN OTHERS THEN
	recorded := 0;
	error := SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.measure_window(regrole, text, mlops_catalog.monitor, text, timestamptz, timestamptz) IS
	'Takes a step of a window, traffic, performance or drift; returns rows recorded, or why it could not';

-- One reading of the source tells of all windows, where each would take one.  What fails
-- here fails for each of them, and is told there.
CREATE FUNCTION mlops_catalog.windows_with_rows(caller regrole, m mlops_catalog.monitor, since timestamptz) RETURNS timestamptz[]
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT (r ->> 'since')::timestamptz FROM mlops_catalog.as_role(m.owner, mlops_catalog.recorded_settings(m.search_path, m.time_zone, m.settings, NULL),
		format('SELECT DISTINCT pg_catalog.date_bin(%L::pg_catalog.interval, %I::pg_catalog.timestamptz, %L::pg_catalog.timestamptz) AS since FROM (%s) AS w',
			m.every, m.time_column, '2000-01-03 00:00:00+00', mlops_catalog.window_query(m.query, m.time_column, since - m.every, now())),
		'{}', by_itself => true, embeds => true) AS r);
EXCEPTION WHEN query_canceled OR admin_shutdown THEN
	RAISE;
WHEN OTHERS THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.windows_with_rows(regrole, mlops_catalog.monitor, timestamptz) IS
	'Where the windows of a monitor begin for which its source has rows, from a time on; NULL: it cannot be read';

-- A source that is set up, mended or loaded later: its windows were looked at in vain.
-- One that was empty and still is stays as it is; what is measured now takes the place of
-- what was recorded of the empty one.
CREATE FUNCTION mlops_catalog.measure_drift_again(caller regrole, model text, m mlops_catalog.monitor, since timestamptz)
	RETURNS TABLE (step text, window_start timestamptz, window_end timestamptz, recorded bigint, error text, note text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	filled timestamptz[] := mlops_catalog.windows_with_rows(caller, m, measure_drift_again.since);
	began_at timestamptz := clock_timestamp();
	measured timestamptz[] := '{}';
	was_empty boolean;
BEGIN
	step := 'drift';
	FOR window_start, window_end, was_empty IN
		SELECT w.window_start, w.window_end, w.drift_error IS NULL AND d.rows IS NOT NULL
		FROM mlops_catalog.monitor_window AS w LEFT JOIN (SELECT r.window_start, r.window_end, max(r.rows) AS rows
			FROM mlops_catalog.drift_window AS r WHERE r.model_id = m.model_id GROUP BY 1, 2) AS d ON d.window_start = w.window_start AND d.window_end = w.window_end
		WHERE w.model_id = m.model_id AND w.window_end - w.window_start = m.every AND w.window_end > measure_drift_again.since AND coalesce(d.rows, 0) = 0
		ORDER BY 1
	LOOP
		CONTINUE WHEN was_empty AND window_start <> ALL (filled);
		SELECT w.recorded, w.error INTO recorded, error FROM mlops_catalog.measure_window(caller, model, m, step, window_start, window_end) AS w;
		UPDATE mlops_catalog.monitor_window AS w SET drift_error = mlops_catalog.cut(measure_drift_again.error), checked_at = clock_timestamp()
			WHERE w.model_id = m.model_id AND w.window_start = measure_drift_again.window_start AND w.window_end = measure_drift_again.window_end;
		note := CASE WHEN error IS NULL THEN mlops_catalog.nothing_in_window(m.model_id, step, window_start, window_end) END;
		-- what is as empty as before is no news
		IF note IS NULL THEN
			RETURN NEXT;
		END IF;
		IF error IS NULL THEN
			measured := measured || window_start;
		END IF;
	END LOOP;
	DELETE FROM mlops_catalog.drift_window AS d
		WHERE d.model_id = m.model_id AND d.window_start = ANY (measured) AND d.window_end = d.window_start + m.every AND d.rows = 0 AND d.recorded_at < began_at;
END
$$;
COMMENT ON FUNCTION mlops_catalog.measure_drift_again(regrole, text, mlops_catalog.monitor, timestamptz) IS
	'Measures the drift of windows from a time on that were looked at and for which none was recorded';

-- Between windows nothing is measured: the last one tells whether it can be.  What could
-- not be measured as it was set up before is no failure of what it is now.
CREATE FUNCTION mlops_catalog.drift_problem(model_id bigint) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'drift: ' || w.drift_error FROM mlops_catalog.monitor AS m JOIN mlops_catalog.monitor_window AS w USING (model_id)
	WHERE m.model_id = drift_problem.model_id AND m.query IS NOT NULL AND w.window_end > m.created_at - m.every AND w.checked_at >= m.set_at ORDER BY w.window_end DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.drift_problem(bigint) IS 'Why the drift of the last window of a monitor could not be measured, NULL: it could, or is not watched';

-- Old data, a wrong time column and an empty feed look like a window of which all is well.
CREATE FUNCTION mlops_catalog.nothing_in_window(model_id bigint, step text, since timestamptz, until timestamptz) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN step = 'drift' AND NOT EXISTS (SELECT FROM mlops_catalog.drift_window AS d WHERE d.model_id = nothing_in_window.model_id
			AND d.window_start = since AND d.window_end = until AND d.rows > 0) THEN 'the source has no rows in this window'
		WHEN step = 'traffic' THEN (SELECT CASE WHEN sum(t.errors) > 0 THEN 'all that was to be scored in this window failed' ELSE 'no decision was made in this window' END
			FROM mlops_catalog.traffic_window AS t WHERE t.model_id = nothing_in_window.model_id AND t.window_start = since AND t.window_end = until
			HAVING sum(t.decisions) IS NULL OR sum(t.decisions) = 0) END
$$;
COMMENT ON FUNCTION mlops_catalog.nothing_in_window(bigint, text, timestamptz, timestamptz) IS 'Says that there was nothing to look at; NULL: there was';

CREATE FUNCTION mlops_catalog.windows_since(since timestamptz, every interval) RETURNS int
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT least(ceil(extract(epoch FROM now() - since) / extract(epoch FROM every)), 1000000)::int $$;
COMMENT ON FUNCTION mlops_catalog.windows_since(timestamptz, interval) IS 'How many windows there are from a time to now';

CREATE FUNCTION mlops_catalog.most_windows() RETURNS int
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT 5000 $$;
COMMENT ON FUNCTION mlops_catalog.most_windows() IS 'How many windows a monitor looks at in one call';

CREATE FUNCTION mlops_catalog.first_of_windows(every interval) RETURNS timestamptz
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT now() - make_interval(secs => mlops_catalog.most_windows() * extract(epoch FROM every)::float8) $$;
COMMENT ON FUNCTION mlops_catalog.first_of_windows(interval) IS 'From when on windows are few enough for one call';

CREATE FUNCTION mlops_catalog.first_window_kept() RETURNS timestamptz
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT now() - make_interval(days => nullif(current_setting('mlops.monitor_retention')::int, 0)) $$;
COMMENT ON FUNCTION mlops_catalog.first_window_kept() IS 'Metrics of windows before are older than mlops.monitor_retention, NULL: none is';

CREATE FUNCTION mlops_catalog.check_since(model text, since timestamptz, every interval) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT isfinite(since) OR since > now() THEN
		RAISE EXCEPTION 'value % of "since" is not a time in the past', mlops_catalog.utc_text(since) USING ERRCODE = 'invalid_parameter_value';
	ELSIF since < mlops_catalog.first_window_kept() THEN
		RAISE EXCEPTION 'value % of "since" is more than % days ago', mlops_catalog.utc_text(since), current_setting('mlops.monitor_retention')
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Metrics of older windows are removed: mlops.monitor_retention says how long they are kept.';
	ELSIF mlops_catalog.windows_since(since, every) > mlops_catalog.most_windows() THEN
		RAISE EXCEPTION 'the monitor of model "%" has % windows since %', model, mlops_catalog.windows_since(since, every), mlops_catalog.utc_text(since)
			USING ERRCODE = 'program_limit_exceeded', DETAIL = format('At most %s are looked at in one call.', mlops_catalog.most_windows()), HINT = 'Give a later time, or set up the monitor with longer windows.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_since(text, timestamptz, interval) IS 'An error unless a monitor can look at its windows from a time on';

CREATE FUNCTION mlops.run_monitor(model text, since timestamptz DEFAULT NULL)
	RETURNS TABLE (step text, window_start timestamptz, window_end timestamptz, recorded bigint, error text, note text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.run_monitor(text, timestamptz) IS
	'Measures the windows of a model''s monitor that are over: traffic, performance, drift, then its alert rules; earlier ones again if labels have arrived or decisions were imported; with since also those before it was set up, and again the drift of those that had none, from the one that contains that time, at most 5000. recorded: rows in the view of the step, or alerts that fire; note: says if there was nothing in the window. Runs automatically, as a job of the monitor''s owner, where mlops is preloaded';
CREATE FUNCTION mlops_catalog.run_monitor(caller regrole, model_name text, since timestamptz)
	RETURNS TABLE (step text, window_start timestamptz, window_end timestamptz, recorded bigint, error text, note text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.keep_model(caller, model_name, 'manage');
	m mlops_catalog.monitor;
	late record;
	drift_error text;
	failed text;
	settled timestamptz := mlops_catalog.settled_until();	-- before anything is read
	imports bigint[];
BEGIN
	SELECT w.* INTO m FROM mlops_catalog.monitor AS w WHERE w.model_id = id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no monitor', model_name
			USING ERRCODE = 'undefined_object', HINT = format('Set one up: SELECT * FROM mlops.monitor(%L);', model_name);
	END IF;
	-- one at a time; not by a row's lock, for which somebody might wait who has locked the model
	IF NOT mlops_catalog.try_lock('monitor', id) THEN
		RAISE EXCEPTION 'the monitor of model "%" is just running', model_name USING ERRCODE = 'object_in_use';
	END IF;
	PERFORM mlops_catalog.check_since(model_name, run_monitor.since, m.every) WHERE run_monitor.since IS NOT NULL;
	imports := ARRAY(SELECT i.import_id FROM mlops_catalog.decision_import AS i WHERE i.model_id = id AND NOT i.seen);
	IF run_monitor.since IS NOT NULL AND m.query IS NOT NULL THEN
		RETURN QUERY SELECT * FROM mlops_catalog.measure_drift_again(caller, model_name, m, run_monitor.since);
	END IF;
	FOR window_start, window_end IN SELECT w.window_start, w.window_end FROM mlops_catalog.windows_to_check(caller, id, run_monitor.since) AS w LOOP
		drift_error := NULL;
		FOREACH step IN ARRAY CASE WHEN m.query IS NULL THEN '{traffic,performance}'::text[] ELSE '{traffic,performance,drift}' END LOOP
			SELECT w.recorded, w.error INTO recorded, error FROM mlops_catalog.measure_window(caller, model_name, m, step, window_start, window_end) AS w;
			note := CASE WHEN error IS NULL THEN mlops_catalog.nothing_in_window(id, step, window_start, window_end) END;
			IF step = 'drift' THEN	-- told at the end, as long as it goes on
				drift_error := error;
			ELSE
				failed := coalesce(error, failed);
			END IF;
			RETURN NEXT;
		END LOOP;
		INSERT INTO mlops_catalog.monitor_window (model_id, window_start, window_end, drift_error) VALUES (id, window_start, window_end, mlops_catalog.cut(drift_error));
	END LOOP;
	error := NULL;
	note := NULL;
	FOR late IN SELECT * FROM mlops_catalog.windows_to_judge_again(caller, id, imports) LOOP
		window_start := late.window_start;
		window_end := late.window_end;
		UPDATE mlops_catalog.monitor_window AS w SET judged_at = clock_timestamp()
			WHERE w.model_id = id AND w.window_start = late.window_start AND w.window_end = late.window_end;
		FOREACH step IN ARRAY CASE WHEN late.imported THEN '{traffic,performance}'::text[] ELSE '{performance}' END LOOP
			SELECT w.recorded, w.error INTO recorded, error FROM mlops_catalog.measure_window(caller, model_name, m, step, window_start, window_end) AS w;
			failed := coalesce(error, failed);
			RETURN NEXT;
		END LOOP;
	END LOOP;
	step := 'alerts';
	window_start := NULL;
	window_end := NULL;
	error := NULL;
	BEGIN
		recorded := mlops_catalog.check_alerts(caller, model_name, id, m);
	EXCEPTION WHEN query_canceled OR admin_shutdown THEN
		RAISE;
	WHEN OTHERS THEN
		recorded := 0;
		error := SQLERRM;
		failed := error;
	END;
	RETURN NEXT;
	IF failed IS NULL THEN	-- what was recorded before need not be looked at again
		UPDATE mlops_catalog.monitor AS w SET labels_until = coalesce(settled - interval '1 minute', w.labels_until) WHERE w.model_id = id;
		UPDATE mlops_catalog.decision_import AS i SET seen = true WHERE i.import_id = ANY (imports);
	END IF;
	PERFORM mlops_catalog.note_upkeep(caller, id, 'monitor');
	PERFORM mlops_catalog.end_upkeep(caller, model_name, 'monitor', coalesce(failed, mlops_catalog.drift_problem(id)));
END
$$;
