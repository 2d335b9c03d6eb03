-- Gates: what a version must show before it may be deployed or reach stage production.
--
-- A gate is an object of conditions:
--   "<metric>": {"min": x, "max": y}            metrics of the version's own test
--   "<metric>_vs_deployed": {"min_gain": x, "on": "same test window"}
--                                               both versions on the candidate's test rows
--   "fairness": {"by": column, "metric": m, "max_gap": x, "min_rows": n}, or a list of them
--   "approvals": n, or {"count": n, "roles": [...], "four_eyes": true}
--   "aliases": [...]                            aliases that the gate guards as well

CREATE FUNCTION mlops_catalog.widest_gap(metric text) RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT r.maximum - r.minimum FROM mlops_catalog.metric_ranges() AS r WHERE r.metric = widest_gap.metric $$;
COMMENT ON FUNCTION mlops_catalog.widest_gap(text) IS 'How far two values of a metric can be apart';

CREATE FUNCTION mlops_catalog.check_object(argument text, object jsonb, types jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	k text;
BEGIN
	PERFORM mlops_catalog.require_object(argument, object);
	FOR k IN SELECT jsonb_object_keys(object) LOOP
		IF NOT types ? k THEN
			RAISE EXCEPTION 'unrecognized key "%" in "%"', k, argument
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Valid keys are: %s.', (SELECT string_agg(v, ', ' ORDER BY v) FROM jsonb_object_keys(types) AS v));
		ELSIF NOT jsonb_typeof(object -> k) = ANY (string_to_array(replace(types ->> k, 'whole ', ''), '|')) THEN
			RAISE EXCEPTION '"%" in "%" must be a JSON %, not %', k, argument,
				replace(replace(types ->> k, 'whole ', ''), '|', ' or '), jsonb_typeof(object -> k)
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Write it as {"%s": %s}.', k, coalesce(mlops_catalog.example_of(argument || '.' || k),
					jsonb '{"object": "{...}", "array": "[...]", "string": "\"text\"", "boolean": "true"}' ->> split_part(types ->> k, '|', 1), '1'));
		ELSIF jsonb_typeof(object -> k) = 'number' AND types ->> k ~ 'whole number' AND (object ->> k)::numeric % 1 <> 0 THEN
			RAISE EXCEPTION '"%" in "%" must be a whole number, not %', k, argument, object -> k
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_object(text, jsonb, jsonb) IS
	'An error unless object has only the keys of types, each of a JSON type, or a whole number, listed there (alternatives divided by |)';

CREATE FUNCTION mlops_catalog.check_gate_syntax(gate jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
	f jsonb;
	place text;
	metric text;
BEGIN
	PERFORM mlops_catalog.require_object('gate', gate);
	-- what compares with the deployed version is named by it, not by a stage
	SELECT m INTO metric FROM unnest(mlops_catalog.metric_names()) AS m WHERE gate ? (m || '_vs_production');
	IF FOUND THEN
		RAISE EXCEPTION 'unrecognized key "%" in "gate"', metric || '_vs_production'
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Write it as "%s".', metric || '_vs_deployed');
	END IF;
	PERFORM mlops_catalog.check_object('gate', gate, mlops_catalog.key_types('gate'));
	FOR c IN SELECT key, value FROM jsonb_each(gate) LOOP
		place := 'gate.' || c.key;
		IF c.key = 'approvals' THEN
			IF jsonb_typeof(c.value) = 'object' THEN
				PERFORM mlops_catalog.check_object(place, c.value, mlops_catalog.key_types('gate.approvals'));
			END IF;
			f := CASE WHEN jsonb_typeof(c.value) = 'object' THEN coalesce(c.value -> 'count', '1') ELSE c.value END;
			IF f::numeric NOT BETWEEN 0 AND 100 OR f::numeric <> trunc(f::numeric) THEN
				RAISE EXCEPTION '"%" must be a whole number from 0 to 100, not %', place, f USING ERRCODE = 'invalid_parameter_value';
			END IF;
			IF c.value -> 'roles' IS NOT NULL THEN
				PERFORM mlops_catalog.role_named(r::name) FROM jsonb_array_elements_text(c.value -> 'roles') AS r;
			END IF;
		ELSIF c.key = 'aliases' THEN
			IF EXISTS (SELECT FROM jsonb_array_elements(c.value) AS a WHERE jsonb_typeof(a) <> 'string') THEN
				RAISE EXCEPTION '"%" must be a list of aliases', place USING ERRCODE = 'invalid_parameter_value';
			END IF;
		ELSIF c.key = 'fairness' THEN
			FOR f IN SELECT * FROM jsonb_array_elements(CASE jsonb_typeof(c.value) WHEN 'array' THEN c.value ELSE jsonb_build_array(c.value) END) LOOP
				PERFORM mlops_catalog.check_object(place, f, mlops_catalog.key_types('gate.fairness'));
				IF NOT f ?& '{by,metric,max_gap}' THEN
					RAISE EXCEPTION '"%" must have the keys by, metric and max_gap', place USING ERRCODE = 'invalid_parameter_value';
				END IF;
				PERFORM mlops_catalog.check_choice('metric', f ->> 'metric', mlops_catalog.metric_names());
				PERFORM mlops_catalog.check_bound(place, 'max_gap', (f ->> 'max_gap')::float8, 0, mlops_catalog.widest_gap(f ->> 'metric'),
					'a gap of ' || (f ->> 'metric'));
				PERFORM mlops_catalog.check_bound(place, 'min_rows', (f ->> 'min_rows')::float8, 1, 'Infinity', 'a number of rows that tell something');
			END LOOP;
		ELSIF c.key LIKE '%\_vs\_deployed' THEN
			PERFORM mlops_catalog.check_object(place, c.value, mlops_catalog.key_types('gate.<metric>_vs_deployed'));
			PERFORM mlops_catalog.check_choice('value of "on"', coalesce(c.value ->> 'on', 'same test window'), '{same test window}');
			metric := left(c.key, -length('_vs_deployed'));
			PERFORM mlops_catalog.check_bound(place, 'min_gain', (c.value ->> 'min_gain')::float8, -mlops_catalog.widest_gap(metric),
				mlops_catalog.widest_gap(metric), 'a gain in ' || metric);
		ELSE
			PERFORM mlops_catalog.check_object(place, c.value, mlops_catalog.key_types('gate.<metric>'));
			IF c.value = '{}' THEN
				RAISE EXCEPTION '"%" must have a key min or max', place USING ERRCODE = 'invalid_parameter_value';
			END IF;
			PERFORM mlops_catalog.check_metric_bounds(place, c.key, (c.value ->> 'min')::float8, (c.value ->> 'max')::float8);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_gate_syntax(jsonb) IS 'An error that says what is wrong unless this is a gate';

-- Conditions on columns that nothing was trained on could not be measured.
CREATE FUNCTION mlops_catalog.check_gate_columns(caller regrole, gate jsonb, model_id bigint, model_name text) RETURNS void
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.check_known_column(caller, 'gate.fairness', f ->> 'by', check_gate_columns.model_id, model_name,
		'No version could pass. Name a column of the rows that versions are trained on.')
	FROM jsonb_array_elements(CASE jsonb_typeof(gate -> 'fairness') WHEN 'array' THEN gate -> 'fairness' ELSE jsonb_build_array(gate -> 'fairness') END) AS f
	WHERE f ? 'by'
$$;
COMMENT ON FUNCTION mlops_catalog.check_gate_columns(regrole, jsonb, bigint, text) IS 'An error that names a column of a gate of which nothing is known';

CREATE FUNCTION mlops.set_gate(model text, gate jsonb) RETURNS SETOF mlops.gates
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_gate(text, jsonb) IS
	'Sets the conditions that a version must meet before it may be deployed or reach stage production; {} removes the gate';
CREATE FUNCTION mlops_catalog.set_gate(caller regrole, model text, gate jsonb) RETURNS SETOF mlops.gates
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_gate.model, 'manage');
	former jsonb := (SELECT g.gate FROM mlops_catalog.gate AS g WHERE g.model_id = id);
BEGIN
	IF set_gate.gate IS NULL THEN
		RAISE EXCEPTION '"gate" must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = format('SELECT * FROM mlops.set_gate(%L, ''{}'') removes the gate.', set_gate.model);
	ELSIF set_gate.gate = '{}' THEN
		DELETE FROM mlops_catalog.gate AS g WHERE g.model_id = id;
	ELSE
		PERFORM mlops_catalog.check_gate_syntax(set_gate.gate);
		PERFORM mlops_catalog.check_gate_columns(caller, set_gate.gate, id, set_gate.model);
		INSERT INTO mlops_catalog.gate (model_id, gate, set_by) VALUES (id, set_gate.gate, caller)
			ON CONFLICT ON CONSTRAINT gate_pkey DO UPDATE
			SET gate = excluded.gate, set_by = excluded.set_by, set_at = clock_timestamp();
	END IF;
	IF former IS DISTINCT FROM nullif(set_gate.gate, '{}') THEN
		PERFORM mlops_catalog.audit(caller, 'set_gate', set_gate.model, NULL, jsonb_build_object('from', former, 'to', nullif(set_gate.gate, '{}')));
	END IF;
	PERFORM mlops_catalog.tell_of_approvals(caller, id, set_gate.model);
	RETURN QUERY SELECT * FROM mlops.gates AS g WHERE g.model = set_gate.model;
END
$$;

-- ---- measuring

CREATE FUNCTION mlops_catalog.without_test_rows(metrics jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('there are no test rows, it was judged on its %s rows', metrics ->> 'judged_on') WHERE metrics ->> 'judged_on' <> 'test'
$$;
COMMENT ON FUNCTION mlops_catalog.without_test_rows(jsonb) IS
	'Why the metrics of a version prove nothing: they are of rows that it learned from or that its rounds and threshold were chosen on; NULL: they are of test rows';

CREATE FUNCTION mlops_catalog.subquery(query text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_subquery';
COMMENT ON FUNCTION mlops_catalog.subquery(text) IS
	'A recorded SELECT in parentheses, to stand in the FROM of another: without what ends it, however it ends';

CREATE FUNCTION mlops_catalog.test_window(version_id bigint) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d record;
	kind text;
	at text;
	margin float8;
BEGIN
	SELECT ds.*, r.request INTO d FROM mlops_catalog.model_version AS v
		JOIN mlops_catalog.run AS r USING (run_id) JOIN mlops_catalog.dataset AS ds USING (dataset_id)
		WHERE v.version_id = test_window.version_id;
	IF d.request -> 'split' ? 'fold' THEN
		RETURN format('SELECT * FROM %s AS mlops_source WHERE pg_catalog.lower(%I::pg_catalog.text) OPERATOR(pg_catalog.=) ''test''',
			mlops_catalog.subquery(d.query), d.request -> 'split' ->> 'fold');
	END IF;
	IF d.test_from IS NULL THEN
		RETURN NULL;
	END IF;
	kind := (SELECT c ->> 'type' FROM jsonb_array_elements(d.columns) AS c WHERE c ->> 'name' = d.request ->> 'time_column' LIMIT 1);
	at := CASE kind
		WHEN 'timestamp with time zone' THEN format('pg_catalog.date_part(''epoch'', %I AT TIME ZONE %L)',
			d.request ->> 'time_column', d.time_zone)
		WHEN 'timestamp without time zone' THEN format('pg_catalog.date_part(''epoch'', %I)', d.request ->> 'time_column')
		WHEN 'date' THEN format('pg_catalog.date_part(''epoch'', %I::pg_catalog.timestamp)', d.request ->> 'time_column')
		ELSE format('%I::pg_catalog.float8', d.request ->> 'time_column') END;
	-- times are exact to the microsecond, so half of one keeps rounding from mattering; numbers are what they are
	margin := CASE WHEN kind IN ('timestamp with time zone', 'timestamp without time zone', 'date') THEN 5e-7 ELSE 0 END;
	RETURN format('SELECT * FROM %1$s AS mlops_source WHERE %2$s OPERATOR(pg_catalog.>=) %3$s::pg_catalog.float8 AND %2$s OPERATOR(pg_catalog.<=) %4$s::pg_catalog.float8',
		mlops_catalog.subquery(d.query), at, quote_literal(d.test_from - margin), quote_literal(d.test_to + margin));
END
$$;
COMMENT ON FUNCTION mlops_catalog.test_window(bigint) IS
	'Query for the rows a version was judged on; NULL if they were drawn at random, without a time or fold column';

CREATE FUNCTION mlops_catalog.evaluate_on(caller regrole, reference text, query text, settings jsonb, by text, threshold float8 DEFAULT NULL)
	RETURNS TABLE (segment text, metrics jsonb)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN r -> 'segment' IS NULL OR r -> 'segment' = 'null' OR r -> 'segment' = '{}' THEN NULL
			ELSE mlops_catalog.shown(r -> 'segment' ->> by, 'NULL') END, r
	FROM mlops_catalog.as_role(caller, settings,
		'SELECT * FROM mlops.evaluate($1 OPERATOR(pg_catalog.->>) ''reference'', query => $1 OPERATOR(pg_catalog.->>) ''query'', threshold => ($1 OPERATOR(pg_catalog.->>) ''threshold'')::pg_catalog.float8, by => CASE WHEN $1 OPERATOR(pg_catalog.->>) ''by'' IS NULL THEN NULL ELSE ARRAY[($1 OPERATOR(pg_catalog.->>) ''by'')::pg_catalog.name] END)',
		jsonb_build_object('reference', reference, 'query', query, 'by', by, 'threshold', threshold)) AS r
$$;
COMMENT ON FUNCTION mlops_catalog.evaluate_on(regrole, text, text, jsonb, text, float8) IS
	'mlops.evaluate as a role: a row for all (segment NULL) and one for each value of the column by; without a threshold at that of the reference';

CREATE FUNCTION mlops_catalog.gate_subject(model text, version int, threshold float8) RETURNS mlops_catalog.gate_subject
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT gate_subject.model, gate_subject.version, v.version_id, v.metrics, v.owner, v.person, v.in_person, r.request IS NULL, g.gate,
		nullif(gate_subject.threshold, v.threshold), r.request -> 'threshold' -> 'cost', p.version, p.threshold,
		w.query, mlops_catalog.recorded_settings(d.search_path, d.time_zone, d.settings, d.recorded_by),
		CASE WHEN r.request IS NULL THEN 'the version was imported: the rows that it was judged on are not known here'
			ELSE coalesce(mlops_catalog.without_test_rows(v.metrics), CASE WHEN w.query IS NULL
				THEN 'the test rows were drawn at random; train with a time_column or a fold column' END) END
	FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id)
	JOIN mlops_catalog.run AS r USING (run_id) LEFT JOIN mlops_catalog.dataset AS d USING (dataset_id)
	LEFT JOIN mlops_catalog.gate AS g USING (model_id) CROSS JOIN LATERAL mlops_catalog.test_window(v.version_id) AS w(query)
	-- what is deployed, else what is in stage production
	LEFT JOIN LATERAL (SELECT o.version, nullif(a.threshold, o.threshold) AS threshold
		FROM mlops_catalog.model_version AS o LEFT JOIN mlops_catalog.deployment_route AS a ON a.version_id = o.version_id AND a.variant = 'primary'
		WHERE o.model_id = m.model_id AND (a.variant = 'primary' OR o.stage = 'production') ORDER BY a.variant LIMIT 1) AS p ON true
	WHERE m.name = gate_subject.model AND v.version = gate_subject.version
$$;
COMMENT ON FUNCTION mlops_catalog.gate_subject(text, int, float8) IS 'What the conditions of a gate are measured on, for a version that would flag from a threshold';

CREATE FUNCTION mlops_catalog.judged_rows(version_id bigint)
	RETURNS TABLE (model text, all_rows text, test_rows text, unread text, settings jsonb, policy jsonb, time_column name, n_test bigint)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, CASE WHEN NOT s.imported THEN d.query END, s.test_rows, s.unread, s.settings, CASE WHEN s.costs IS NOT NULL THEN r.request -> 'threshold' END,
		(r.request ->> 'time_column')::name, mlops_catalog.number_of(s.metrics, 'rows')::bigint
	FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
	LEFT JOIN mlops_catalog.dataset AS d USING (dataset_id) CROSS JOIN LATERAL mlops_catalog.gate_subject(m.name, v.version, NULL) AS s
	WHERE v.version_id = judged_rows.version_id
$$;
COMMENT ON FUNCTION mlops_catalog.judged_rows(bigint) IS
	'What evaluate, curve, thresholds and daily_precision know of a version: queries for all rows of its training and for its test rows, why those cannot be read, settings for both, the training''s threshold policy if that has costs, its time column, and how many test rows it had';

-- By the costs of a training, from the metrics of a version that was judged by others or none; those that are columns differ by row.
CREATE FUNCTION mlops_catalog.cost_of(metrics jsonb, costs jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('expected_cost', (a.wrong * (coalesce(costs ->> 'false_positive', '1'))::float8
		+ a.missed * (coalesce(costs ->> 'false_negative', '1'))::float8) / nullif(a.n, 0))
	FROM (SELECT n, (n - positives) * coalesce((metrics ->> 'false_positive_rate')::float8, 0) AS wrong,
			positives * (1 - coalesce((metrics ->> 'recall')::float8, 0)) AS missed
		FROM (SELECT (metrics ->> 'rows')::float8 AS n, (metrics ->> 'positives')::float8 AS positives) AS f) AS a
	WHERE costs IS NOT NULL AND jsonb_typeof(costs -> 'false_positive') IS DISTINCT FROM 'string' AND jsonb_typeof(costs -> 'false_negative') IS DISTINCT FROM 'string'
$$;
COMMENT ON FUNCTION mlops_catalog.cost_of(jsonb, jsonb) IS 'Expected cost of a row, as an object, from the other metrics and a training''s costs; NULL if it had none or they are columns';

CREATE FUNCTION mlops_catalog.costs_of(model text, version int) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.request -> 'threshold' -> 'cost' FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id)
	JOIN mlops_catalog.run AS r USING (run_id) WHERE m.name = costs_of.model AND v.version = costs_of.version
$$;
COMMENT ON FUNCTION mlops_catalog.costs_of(text, int) IS 'Costs that a version was trained by; NULL: none';

-- What somebody may not read is an error; what cannot be measured is a reason.
CREATE FUNCTION mlops_catalog.measure(caller regrole, subject mlops_catalog.gate_subject, version int, threshold float8, OUT metrics jsonb, OUT reason text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	reason := subject.unread;
	IF reason IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT CASE WHEN subject.costs = mlops_catalog.costs_of(subject.model, measure.version) THEN e.metrics
			ELSE e.metrics - 'expected_cost' || coalesce(mlops_catalog.cost_of(e.metrics, subject.costs), '{}') END INTO metrics
		FROM mlops_catalog.evaluate_on(caller, format('%s/%s', subject.model, version), subject.test_rows, subject.settings, NULL, threshold) AS e;
EXCEPTION WHEN undefined_object OR undefined_table OR undefined_column OR undefined_function OR datatype_mismatch OR data_exception THEN
	reason := SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.measure(regrole, mlops_catalog.gate_subject, int, float8) IS
	'Metrics of a version on the test rows of the one that a gate judges, at a threshold; or why there are none';

-- On all test rows, or on those that the deployed version can read; left_out: why
-- not on all.
CREATE FUNCTION mlops_catalog.measure_deployed(caller regrole, subject mlops_catalog.gate_subject, OUT metrics jsonb, OUT reason text, OUT test_rows text, OUT left_out text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	readable text := mlops_catalog.readable_rows(subject.model, subject.deployed, subject.test_rows);
BEGIN
	FOREACH test_rows IN ARRAY ARRAY[subject.test_rows, readable] LOOP
		left_out := reason;
		subject.test_rows := test_rows;
		SELECT m.metrics, m.reason INTO metrics, reason FROM mlops_catalog.measure(caller, subject, subject.deployed, subject.deployed_threshold) AS m;
		EXIT WHEN reason IS NULL OR subject.unread IS NOT NULL OR readable IS NULL;
	END LOOP;
	IF reason IS NOT NULL THEN
		left_out := NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.measure_deployed(regrole, mlops_catalog.gate_subject) IS
	'Metrics of the deployed version on the test rows that it can read of the version that a gate judges, or why there are none; the query for these rows, and why they are not all';

CREATE FUNCTION mlops_catalog.check_approvals(subject mlops_catalog.gate_subject, wanted jsonb) RETURNS mlops_catalog.gate_measurement
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f jsonb := CASE jsonb_typeof(wanted) WHEN 'number' THEN jsonb_build_object('count', wanted) ELSE wanted END;
	m mlops_catalog.gate_measurement;
	four_eyes boolean := coalesce((f ->> 'four_eyes')::boolean, false);
	count int;
BEGIN
	m.condition := 'approvals';
	m.required := format('%s approvals%s%s', coalesce(f ->> 'count', '1'),
		' by ' || (SELECT string_agg(r, ', ') FROM jsonb_array_elements_text(f -> 'roles') AS r),
		CASE WHEN four_eyes THEN ', not by who trained it' ELSE '' END);
	WITH counted AS (
		SELECT a.role, a.person FROM mlops_catalog.approval AS a
		WHERE a.version_id = subject.version_id
			AND NOT (four_eyes AND (a.role = subject.owner OR a.person = subject.person))
			-- what code of owner's did may be of whoever may take that role; if that is gone, of anybody
			AND NOT (four_eyes AND NOT subject.in_person AND (subject.owner = 0
				OR pg_has_role(a.role, subject.owner, 'MEMBER') OR pg_has_role(a.person, subject.owner, 'MEMBER')))
			AND CASE WHEN f ? 'roles'
				THEN EXISTS (SELECT FROM jsonb_array_elements_text(f -> 'roles') AS r
					WHERE pg_has_role(a.role, mlops_catalog.role_named(r::name), 'MEMBER'))
				ELSE mlops_catalog.may(a.role, subject.model, 'deploy') END)
	-- a person who takes several roles is still one
	SELECT (SELECT least(count(*), count(DISTINCT k.person)) FROM counted AS k), jsonb_strip_nulls(jsonb_build_object(
			'counted', (SELECT jsonb_agg(mlops_catalog.role_text(k.role) ORDER BY 1) FROM counted AS k),
			'missing_roles', (SELECT jsonb_agg(r ORDER BY r) FROM jsonb_array_elements_text(f -> 'roles') AS r
				WHERE NOT EXISTS (SELECT FROM counted AS k WHERE pg_has_role(k.role, mlops_catalog.role_named(r::name), 'MEMBER')))))
		INTO count, m.detail;
	m.value := count;
	m.passed := count >= coalesce((f ->> 'count')::int, 1) AND NOT m.detail ? 'missing_roles';
	RETURN m;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_approvals(mlops_catalog.gate_subject, jsonb) IS 'Approvals of a version that count for its gate';

-- What is retrained by itself is new, and nobody has approved it yet.
CREATE FUNCTION mlops_catalog.asks_for_approval(gate jsonb) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE jsonb_typeof(gate -> 'approvals') WHEN 'number' THEN (gate ->> 'approvals')::numeric > 0
		WHEN 'object' THEN coalesce((gate -> 'approvals' ->> 'count')::numeric, 1) > 0 OR coalesce(gate -> 'approvals' -> 'roles', '[]') <> '[]' ELSE false END
$$;
COMMENT ON FUNCTION mlops_catalog.asks_for_approval(jsonb) IS 'Can no version pass a gate before somebody has approved it?';

CREATE FUNCTION mlops_catalog.tell_of_approvals(caller regrole, model_id bigint, model_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM mlops_catalog.policy AS p LEFT JOIN mlops_catalog.gate AS g ON g.model_id = p.model_id
			WHERE p.model_id = tell_of_approvals.model_id AND p.action <> 'register' AND mlops_catalog.asks_for_approval(coalesce(g.gate, '{}') || p.gate)) THEN
		RAISE NOTICE 'versions of model "%" that are retrained will wait for approval', model_name
			USING DETAIL = 'Its gate asks for approvals, and nobody has approved a version that is new: none is deployed automatically.',
				HINT = format('mlops.retraining_policies shows which one waits. If it is version %2$s: SELECT * FROM mlops.approve(%1$L, %2$s); and, when it has all approvals, SELECT * FROM mlops.deploy(%1$L, %2$s);', model_name, mlops_catalog.last_version(model_id) + 1);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_approvals(regrole, bigint, text) IS 'A notice if what a retraining policy deploys is held back by a gate until it is approved';

CREATE FUNCTION mlops_catalog.check_fairness(caller regrole, subject mlops_catalog.gate_subject, f jsonb) RETURNS mlops_catalog.gate_measurement
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	m mlops_catalog.gate_measurement;
	found jsonb;
BEGIN
	m := ('fairness', format('gap of %s by %s at most %s', f ->> 'metric', f ->> 'by', f ->> 'max_gap'), NULL, false, '{}');
	IF subject.unread IS NOT NULL THEN
		m.detail := jsonb_build_object('reason', subject.unread);
		RETURN m;
	END IF;
	BEGIN
		-- a gap takes two segments; where the metric is not defined there is nothing to compare
		SELECT jsonb_object_agg(CASE e.segment WHEN 'reason' THEN '"reason"' ELSE e.segment END, e.metrics -> (f ->> 'metric')),
			CASE WHEN count(*) > 1 THEN max((e.metrics ->> (f ->> 'metric'))::float8) - min((e.metrics ->> (f ->> 'metric'))::float8) END INTO found, m.value
		FROM mlops_catalog.evaluate_on(caller, format('%s/%s', subject.model, subject.version), subject.test_rows, subject.settings, f ->> 'by', subject.threshold) AS e
		WHERE e.segment IS NOT NULL AND (e.metrics ->> 'rows')::bigint >= coalesce((f ->> 'min_rows')::float8, 100)
			AND e.metrics ->> (f ->> 'metric') IS NOT NULL;
		m.detail := coalesce(found, '{}') || CASE WHEN m.value IS NOT NULL THEN '{}'
			ELSE jsonb_build_object('reason', format('undefined: %s is known for %s, a gap needs two', f ->> 'metric',
				CASE WHEN found IS NULL THEN 'no segment with enough rows' ELSE 'one segment with enough rows' END)) END;
	EXCEPTION WHEN undefined_object OR undefined_table OR undefined_column OR undefined_function OR datatype_mismatch OR data_exception THEN
		m.detail := jsonb_build_object('reason', SQLERRM);
	END;
	m.passed := coalesce(m.value <= (f ->> 'max_gap')::float8, false);
	RETURN m;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_fairness(regrole, mlops_catalog.gate_subject, jsonb) IS 'Gap of a metric between segments of the test rows';

CREATE FUNCTION mlops_catalog.check_gain(caller regrole, subject mlops_catalog.gate_subject, condition text, min_gain float8) RETURNS mlops_catalog.gate_measurement
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	metric text := left(condition, -length('_vs_deployed'));
	m mlops_catalog.gate_measurement;
	low record;
	high record;
BEGIN
	m := (condition, format('gain in %s over the deployed version of at least %s', metric, min_gain), NULL, true, '{}');
	IF subject.deployed IS NULL THEN
		m.detail := '{"reason": "nothing is deployed"}';
		RETURN m;
	ELSIF subject.deployed = subject.version AND (NOT mlops_catalog.is_at_threshold(metric)
			OR subject.threshold IS NOT DISTINCT FROM subject.deployed_threshold) THEN
		m.detail := '{"reason": "it would be compared with itself"}';
		RETURN m;
	END IF;
	SELECT * INTO low FROM mlops_catalog.measure_deployed(caller, subject);
	subject.test_rows := low.test_rows;
	SELECT * INTO high FROM mlops_catalog.measure(caller, subject, subject.version, subject.threshold);
	m.value := (high.metrics ->> metric)::float8 - (low.metrics ->> metric)::float8;
	IF mlops_catalog.smaller_is_better(metric) THEN
		m.value := -m.value;
	END IF;
	m.passed := coalesce(m.value >= min_gain, false);
	m.detail := mlops_catalog.without_nulls(jsonb_build_object('deployed_version', subject.deployed, 'deployed', low.metrics -> metric,
		'candidate', high.metrics -> metric, 'rows', high.metrics -> 'rows', 'positives', high.metrics -> 'positives',
		'deployed_threshold', CASE WHEN mlops_catalog.is_at_threshold(metric) THEN subject.deployed_threshold END,
		'threshold', CASE WHEN mlops_catalog.is_at_threshold(metric) THEN subject.threshold END,
		'left_out', low.left_out,
		'reason', CASE WHEN m.value IS NULL THEN coalesce(low.reason, high.reason, format('undefined: the test rows give no %s of %s', metric,
			CASE WHEN low.metrics ->> metric IS NULL THEN 'the deployed version' ELSE 'the candidate' END)) END));
	RETURN m;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_gain(regrole, mlops_catalog.gate_subject, text, float8) IS 'Gain of a version over the deployed one, both on the version''s test rows that the deployed one can read';

CREATE FUNCTION mlops_catalog.check_metric(caller regrole, subject mlops_catalog.gate_subject, metric text, bounds jsonb) RETURNS mlops_catalog.gate_measurement
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- what was recorded is of the version's own threshold
	again boolean := subject.threshold IS NOT NULL AND mlops_catalog.is_at_threshold(metric);
	-- metrics of an imported version are what its file says
	reason text := CASE WHEN subject.imported THEN 'the version was imported: its metrics were not measured here'
		ELSE mlops_catalog.without_test_rows(subject.metrics) END;
	metrics jsonb := CASE WHEN NOT again THEN subject.metrics END;
	value float8;
BEGIN
	IF again AND reason IS NULL THEN
		SELECT m.metrics, format('at threshold %s nothing can be measured: ', subject.threshold) || m.reason INTO metrics, reason
			FROM mlops_catalog.measure(caller, subject, subject.version, subject.threshold) AS m;
	END IF;
	value := mlops_catalog.number_of(metrics, metric);
	reason := coalesce(reason, CASE WHEN value IS NULL THEN format('undefined: the rows that the version was judged on give no %s', metric) END);
	RETURN (metric, concat_ws(' and ', 'at least ' || (bounds ->> 'min'), 'at most ' || (bounds ->> 'max')), value,
		reason IS NULL AND coalesce(value >= coalesce((bounds ->> 'min')::float8, '-infinity')
			AND value <= coalesce((bounds ->> 'max')::float8, 'infinity'), false),
		mlops_catalog.without_nulls(jsonb_build_object('judged_on', subject.metrics -> 'judged_on', 'rows', subject.metrics -> 'rows',
			'threshold', CASE WHEN again THEN subject.threshold END, 'reason', reason)))::mlops_catalog.gate_measurement;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_metric(regrole, mlops_catalog.gate_subject, text, jsonb) IS
	'A metric of a version against bounds: as recorded, or measured again if it would flag from another threshold';

CREATE FUNCTION mlops_catalog.gate_checks(caller regrole, model text, version int, more jsonb DEFAULT '{}', threshold float8 DEFAULT NULL)
	RETURNS SETOF mlops_catalog.gate_measurement
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	subject mlops_catalog.gate_subject := mlops_catalog.gate_subject(model, version, threshold);
	c record;
	f jsonb;
BEGIN
	FOR c IN SELECT e.key, e.value FROM jsonb_each(coalesce(subject.gate, '{}') || more) AS e WHERE e.key <> 'aliases' ORDER BY e.key LOOP
		IF c.key = 'approvals' THEN
			RETURN NEXT mlops_catalog.check_approvals(subject, c.value);
		ELSIF c.key = 'fairness' THEN
			FOR f IN SELECT * FROM jsonb_array_elements(CASE jsonb_typeof(c.value) WHEN 'array' THEN c.value ELSE jsonb_build_array(c.value) END) LOOP
				RETURN NEXT mlops_catalog.check_fairness(caller, subject, f);
			END LOOP;
		ELSIF c.key LIKE '%\_vs\_deployed' THEN
			RETURN NEXT mlops_catalog.check_gain(caller, subject, c.key, coalesce((c.value ->> 'min_gain')::float8, 0));
		ELSE
			RETURN NEXT mlops_catalog.check_metric(caller, subject, c.key, c.value);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.gate_checks(regrole, text, int, jsonb, float8) IS
	'The conditions of a model''s gate, and more, measured for a version that would flag from a threshold; NULL: its own';

CREATE FUNCTION mlops_catalog.record_gate_checks(caller regrole, model text, version int, purpose text, more jsonb DEFAULT '{}',
	threshold float8 DEFAULT NULL) RETURNS SETOF mlops.gate_checks
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	measured jsonb := (SELECT jsonb_agg(c) FROM mlops_catalog.gate_checks(caller, record_gate_checks.model, record_gate_checks.version, record_gate_checks.more, record_gate_checks.threshold) AS c);
BEGIN
	PERFORM mlops_catalog.keep_model(caller, record_gate_checks.model, 'see');	-- not before: measuring takes its time
	RETURN QUERY WITH made AS (
		INSERT INTO mlops_catalog.gate_check (version_id, purpose, condition, required, value, passed, detail, checked_by)
		SELECT mlops_catalog.version_named(caller, record_gate_checks.model, record_gate_checks.version), record_gate_checks.purpose, c.condition, c.required, c.value, c.passed, mlops_catalog.cut(c.detail), caller
		FROM jsonb_to_recordset(measured) AS c(condition text, required text, value float8, passed boolean, detail jsonb)
		RETURNING *)
	SELECT record_gate_checks.model, record_gate_checks.version, m.gate_check_id, m.purpose, m.condition, m.required, m.value, m.passed, m.detail,
		mlops_catalog.role_text(m.checked_by), m.checked_at
	FROM made AS m ORDER BY m.gate_check_id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.record_gate_checks(regrole, text, int, text, jsonb, float8) IS 'Measures a version by its model''s gate and records the checks';

CREATE FUNCTION mlops_catalog.check_text(c mlops.gate_checks) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s: %s, found %s%s', c.condition, c.required, coalesce(c.value::text, 'nothing'),
		coalesce(' (' || (c.detail ->> 'reason') || ')', ''))
$$;
COMMENT ON FUNCTION mlops_catalog.check_text(mlops.gate_checks) IS 'What a gate required and what was found, in a line';

-- A refusal is an error, which undoes everything its transaction did; a worker
-- records it in a transaction of its own, for whoever asked.
CREATE FUNCTION mlops_catalog.record_refusal(caller regrole, refusal jsonb) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	recorded bigint;
BEGIN
	INSERT INTO mlops_catalog.gate_check (version_id, purpose, condition, required, value, passed, detail, checked_by)
	SELECT v.version_id, refusal ->> 'purpose', c.condition, c.required, c.value, c.passed, mlops_catalog.cut(c.detail), caller
	FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id)
	CROSS JOIN jsonb_to_recordset(refusal -> 'checks') AS c(condition text, required text, value float8, passed boolean, detail jsonb)
	WHERE m.name = refusal ->> 'model' AND v.version = (refusal ->> 'version')::int;
	GET DIAGNOSTICS recorded = ROW_COUNT;
	INSERT INTO mlops_catalog.audit_waiting (role, session_role, event, model, version, detail)
	VALUES (mlops_catalog.role_text(caller), refusal ->> 'session_role', 'gate_refused', refusal ->> 'model', (refusal ->> 'version')::int,
		jsonb_build_object('purpose', refusal -> 'purpose', 'checks', (SELECT jsonb_agg(c - 'detail') FROM jsonb_array_elements(refusal -> 'checks') AS c)));
	RETURN recorded;
END
$$;
COMMENT ON FUNCTION mlops_catalog.record_refusal(regrole, jsonb) IS
	'Records that a gate refused a version: its checks, and an entry of the audit log; returns how many checks, 0 if the version is not committed';

CREATE FUNCTION mlops_catalog.record_refusal_apart(caller regrole, refusal jsonb) RETURNS jsonb
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
	AS 'MODULE_PATHNAME', 'mlops_record_refusal_apart';
COMMENT ON FUNCTION mlops_catalog.record_refusal_apart(regrole, jsonb) IS
	'record_refusal in a transaction of its own, which a background worker commits';

CREATE FUNCTION mlops_catalog.refuse_by_gate(caller regrole, refusal jsonb, short text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hint text;
BEGIN
	BEGIN
		hint := CASE WHEN (mlops_catalog.record_refusal_apart(caller, refusal) -> 0 ->> 'checks')::int > 0
			THEN 'The checks are in view mlops.gate_checks.'
			ELSE 'The audit log has the refusal; the checks are not kept, as the version is not committed.' END;
	EXCEPTION WHEN OTHERS THEN	-- no free worker, or a lock that this transaction holds
		hint := format('The refusal could not be recorded: %s. SELECT * FROM mlops.check_gate(%L, %s) measures and records.',
			SQLERRM, refusal ->> 'model', refusal ->> 'version');
	END;
	RAISE EXCEPTION 'version % of model "%" does not pass the gate', refusal ->> 'version', refusal ->> 'model'
		USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = short, HINT = hint;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_by_gate(regrole, jsonb, text) IS 'Records a refusal and raises its error, with what fell short';

CREATE FUNCTION mlops_catalog.enforce_gate(caller regrole, model text, version int, purpose text, threshold float8 DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	checks record;
BEGIN
	IF NOT EXISTS (SELECT FROM mlops_catalog.gate AS g JOIN mlops_catalog.model AS m USING (model_id) WHERE m.name = enforce_gate.model) THEN
		RETURN;
	END IF;
	SELECT coalesce(bool_and(c.passed), true) AS passed,
		string_agg(mlops_catalog.check_text(c), E'\n' ORDER BY c.gate_check_id) FILTER (WHERE NOT c.passed) AS short,
		jsonb_object_agg(c.condition, c.value) FILTER (WHERE c.condition IS NOT NULL) AS found,
		jsonb_agg(jsonb_build_object('condition', c.condition, 'required', c.required, 'value', c.value, 'passed', c.passed, 'detail', c.detail)
			ORDER BY c.gate_check_id) AS list
		INTO checks
	FROM mlops_catalog.record_gate_checks(caller, enforce_gate.model, enforce_gate.version, purpose, threshold => enforce_gate.threshold) AS c;
	IF NOT checks.passed THEN
		PERFORM mlops_catalog.refuse_by_gate(caller, jsonb_build_object('model', model, 'version', version, 'purpose', purpose,
			'session_role', mlops_catalog.role_text(mlops_catalog.person()), 'checks', checks.list), checks.short);
	END IF;
	PERFORM mlops_catalog.audit(caller, 'gate', model, version, jsonb_build_object('purpose', purpose, 'values', checks.found));
END
$$;
COMMENT ON FUNCTION mlops_catalog.enforce_gate(regrole, text, int, text, float8) IS
	'Checks a version by its model''s gate, at the threshold that it will have; an error that lists what falls short';

CREATE FUNCTION mlops.check_gate(model text, version int) RETURNS SETOF mlops.gate_checks
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.check_gate(text, int) IS
	'Measures a version by its model''s gate, records every check with value and verdict, and returns them';
CREATE FUNCTION mlops_catalog.check_gate(caller regrole, model text, version int) RETURNS SETOF mlops.gate_checks
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.require(caller, check_gate.model, 'inspect');
	RETURN QUERY SELECT * FROM mlops_catalog.record_gate_checks(caller, check_gate.model, check_gate.version, 'check');
END
$$;

CREATE FUNCTION mlops_catalog.tell_of_own_approval(caller regrole, version_id bigint, model_name text, version int) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted jsonb := (SELECT g.gate -> 'approvals' FROM mlops_catalog.gate AS g JOIN mlops_catalog.model_version AS v USING (model_id)
		WHERE v.version_id = tell_of_own_approval.version_id);
	reason text;
BEGIN
	IF jsonb_typeof(wanted) IS DISTINCT FROM 'object' THEN
		RETURN;
	END IF;
	SELECT CASE WHEN (wanted ->> 'four_eyes')::boolean AND (a.role = v.owner OR a.person = v.person) THEN 'who trained a version does not count for it (four_eyes)'
			WHEN NOT EXISTS (SELECT FROM jsonb_array_elements_text(wanted -> 'roles') AS r WHERE pg_has_role(caller, mlops_catalog.role_named(r::name), 'MEMBER'))
				THEN 'only members of these roles count: ' || (SELECT string_agg(r, ', ') FROM jsonb_array_elements_text(wanted -> 'roles') AS r) END
		INTO reason FROM mlops_catalog.approval AS a JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE a.version_id = tell_of_own_approval.version_id AND a.role = caller;
	IF reason IS NOT NULL THEN
		RAISE NOTICE 'this approval of version % of model "%" does not count for its gate', version, model_name
			USING DETAIL = format('By "approvals" of the gate %s.', reason);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_own_approval(regrole, bigint, text, int) IS 'A notice if the caller''s approval of a version does not count for the model''s gate';

CREATE FUNCTION mlops.approve(model text, version int, note text DEFAULT NULL) RETURNS SETOF mlops.approvals
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.approve(text, int, text) IS
	'Approves a version as the current role; the gate says how many approvals are required, and whose. A person (the role of the session) counts once, whatever roles were taken';
CREATE FUNCTION mlops_catalog.approve(caller regrole, model text, version int, note text) RETURNS SETOF mlops.approvals
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.keep_model(caller, approve.model, 'see');
	target_id bigint := mlops_catalog.version_named(caller, approve.model, approve.version);
	roles jsonb := (SELECT g.gate -> 'approvals' -> 'roles' FROM mlops_catalog.gate AS g WHERE g.model_id = id);
BEGIN
	IF NOT mlops_catalog.may(caller, approve.model, 'deploy') AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(roles) AS r
			WHERE pg_has_role(caller, mlops_catalog.role_named(r::name), 'MEMBER')) THEN
		RAISE EXCEPTION 'permission denied to approve versions of model "%"', approve.model
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'It takes the privilege to deploy, or membership in a role that the gate names.';
	END IF;
	PERFORM mlops_catalog.require_in_person('mlops.approve()');
	INSERT INTO mlops_catalog.approval (version_id, role, note) VALUES (target_id, caller, approve.note)
		ON CONFLICT ON CONSTRAINT approval_pkey DO UPDATE SET note = excluded.note, approved_at = clock_timestamp(), person = excluded.person;
	PERFORM mlops_catalog.audit(caller, 'approve', approve.model, approve.version, jsonb_build_object('note', approve.note));
	PERFORM mlops_catalog.tell_of_own_approval(caller, target_id, approve.model, approve.version);
	RETURN QUERY SELECT * FROM mlops.approvals AS a WHERE a.model = approve.model AND a.version = approve.version AND a.role = mlops_catalog.role_text(caller);
END
$$;
