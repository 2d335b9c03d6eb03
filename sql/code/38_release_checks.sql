-- Arguments of mlops.deploy: what is well-formed, and what goes together.

-- What stands at a place of gates, guards, triggers and variants, for hints.
CREATE FUNCTION mlops_catalog.example_of(place text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT e.example FROM (VALUES
		('^gate$', '{"pr_auc": {"min": 0.9}}'),
		('^gate\.(log_loss|brier)$', '{"max": 0.1}'),
		('^gate\..*_vs_deployed$', '{"min_gain": 0}'),
		('^gate\.fairness$', '{"by": "country", "metric": "recall", "max_gap": 0.1}'),
		('^gate\.approvals$', '1'),
		('^gate\.approvals\.count$', '2'),
		('^gate\.approvals\.roles$', '["reviewers"]'),
		('^gate\.aliases$', '["champion"]'),
		('^gate\.fairness\.by$', '"country"'),
		('^gate\.fairness\.metric$', '"recall"'),
		('^gate\.fairness\.max_gap$', '0.1'),
		('^gate\.fairness\.min_rows$', '100'),
		('^gate\..*_vs_deployed\.min_gain$', '0'),
		('^gate\..*_vs_deployed\.on$', '"same test window"'),
		('^gate\.(log_loss|brier)\.(min|max)$', '0.1'),
		('^gate\.[^.]*\.(min|max)$', '0.9'),
		('^gate\.[^.]*$', '{"min": 0.9}'),
		('^guard$', '{"alert_rate": {"max": 0.1}}'),
		('^guard\.precision$', '{"min": 0.5}'),
		('^guard\.[^.]*$', '{"max": 0.1}'),
		('^triggers$', '{"alerts": true, "new_labels": 1000}'),
		('^triggers\.alerts$', 'true'),
		('^triggers\.new_labels$', '1000'),
		('^variants$', '{"b": {"version": 2, "percent": 30}}'),
		('^variants\.[^.]*$', '{"version": 2, "percent": 30}'),
		('^options\.new_columns$', 'true'),
		('^options\.accept$', '["amount"]'),
		('^options\.window$', '"90 days"'),
		('^options\.percent$', '5'),
		('^options\.key$', '"card_id"'),
		('^options\.threshold$', '0.5'),
		('^options\.guard$', '{"alert_rate": {"max": 0.1}}'),
		('^options\.ramp$', '[{"percent": 5, "wait": "1 hour"}, {"percent": 100}]')) AS e(place, example)
	WHERE example_of.place ~ e.place LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.example_of(text) IS 'What may stand at a place of an argument in JSON, such as gate.pr_auc; NULL where no example is known';

CREATE FUNCTION mlops_catalog.require_object(argument text, object jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(object) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION '"%" must be a JSON object', argument
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Write it as %s.', coalesce(mlops_catalog.example_of(argument), '{"key": value}'));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.require_object(text, jsonb) IS 'An error with an example unless an argument is a JSON object';

CREATE FUNCTION mlops_catalog.check_keys(argument text, object jsonb, valid text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	unknown text;
BEGIN
	PERFORM mlops_catalog.require_object(argument, object);
	SELECT k INTO unknown FROM jsonb_object_keys(object) AS k WHERE k <> ALL (valid) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'unrecognized key "%" in "%"', unknown, argument
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Valid keys are: %s.', array_to_string(valid, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_keys(text, jsonb, text[]) IS 'An error that lists the valid keys unless the argument is an object with no others';

CREATE FUNCTION mlops_catalog.number_in(argument text, object jsonb, key text, minimum float8 DEFAULT '-Infinity', maximum float8 DEFAULT 'Infinity') RETURNS float8
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	value jsonb := nullif(object -> key, 'null');
BEGIN
	IF value IS NULL THEN
		RETURN NULL;
	ELSIF jsonb_typeof(value) <> 'number' THEN
		RAISE EXCEPTION '"%" in "%" must be a number', key, argument USING ERRCODE = 'invalid_parameter_value';
	ELSIF value::float8 NOT BETWEEN minimum AND maximum THEN
		RAISE EXCEPTION 'value % of "%" in "%" is out of range', value, key, argument
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('It must be between %s and %s.', minimum, maximum);
	END IF;
	RETURN value::float8;
END
$$;
COMMENT ON FUNCTION mlops_catalog.number_in(text, jsonb, text, float8, float8) IS 'The number of a key, NULL if it is not given; an error if it is none or out of range';

CREATE FUNCTION mlops_catalog.whole_number_in(argument text, object jsonb, key text, minimum float8, maximum float8) RETURNS bigint
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	value float8 := mlops_catalog.number_in(argument, object, key, minimum, maximum);
BEGIN
	IF value <> trunc(value) THEN
		RAISE EXCEPTION '"%" in "%" must be a whole number, not %', key, argument, object -> key USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN value;
END
$$;
COMMENT ON FUNCTION mlops_catalog.whole_number_in(text, jsonb, text, float8, float8) IS
	'The whole number of a key, NULL if it is not given; an error if it is none or out of range';

CREATE FUNCTION mlops_catalog.length_of_time(argument text, key text, value text) RETURNS interval
	LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_length_of_time';
COMMENT ON FUNCTION mlops_catalog.length_of_time(text, text, text) IS 'A length of time given as text; an error if it has no unit';

-- An argument of type interval has lost its text, and "7" is seconds.
CREATE FUNCTION mlops_catalog.tell_of_seconds(argument text, length interval) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF length > interval '0' AND length < interval '1 minute' THEN
		RAISE NOTICE '"%" is % second%', argument, extract(epoch FROM length)::float8, CASE WHEN length <> interval '1 second' THEN 's' ELSE '' END
			USING HINT = 'That is what a number without a unit means. If seconds are not meant, write the unit, as in ''7 days''.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_seconds(text, interval) IS 'A notice if a length of time is so short that its unit seems to be missing';

CREATE FUNCTION mlops_catalog.guard_metrics() RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{latency_p95,psi,alert_rate,precision,errors,error_rate}'::text[] $$;
COMMENT ON FUNCTION mlops_catalog.guard_metrics() IS 'Metrics of a variant that a guard may bound';

-- What a guard may bound.  max and min are in the metric's own unit, max_ratio
-- and min_ratio in that of the deployed version's value of the same time.
CREATE FUNCTION mlops_catalog.check_guard(guard jsonb, alone boolean) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	metric text;
	bound text;
BEGIN
	PERFORM mlops_catalog.check_keys('guard', guard, mlops_catalog.keys_of('guard'));
	PERFORM mlops_catalog.whole_number_in('guard', guard, 'min_decisions', 1, 1e9);
	PERFORM mlops_catalog.whole_number_in('guard', guard, 'min_labels', 1, 1e9);
	IF guard ? 'on_failure' THEN
		PERFORM mlops_catalog.check_choice('on_failure', guard ->> 'on_failure', '{rollback,pause}');
	END IF;
	FOREACH metric IN ARRAY mlops_catalog.guard_metrics() LOOP
		CONTINUE WHEN NOT guard ? metric;
		PERFORM mlops_catalog.check_keys('guard.' || metric, guard -> metric,
			CASE WHEN metric IN ('psi', 'errors', 'error_rate') THEN '{max}'::text[] ELSE mlops_catalog.keys_of('guard.<metric>') END);
		IF guard -> metric = '{}' THEN
			RAISE EXCEPTION '"%" in "guard" bounds nothing', metric
				USING ERRCODE = 'invalid_parameter_value',
					HINT = 'Write it as {"max": 0.2}; valid keys are max, min, max_ratio and min_ratio.';
		END IF;
		PERFORM mlops_catalog.check_metric_bounds('guard.' || metric, metric,
			mlops_catalog.number_in('guard.' || metric, guard -> metric, 'min'), mlops_catalog.number_in('guard.' || metric, guard -> metric, 'max'));
		IF (guard -> metric ->> 'min_ratio')::float8 > (guard -> metric ->> 'max_ratio')::float8 THEN
			RAISE EXCEPTION '"min_ratio" % in "guard.%" is above "max_ratio" %', guard -> metric ->> 'min_ratio', metric, guard -> metric ->> 'max_ratio'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'No value is within these bounds.';
		END IF;
		FOR bound IN SELECT jsonb_object_keys(guard -> metric) LOOP
			PERFORM mlops_catalog.number_in('guard.' || metric, guard -> metric, bound, 0, 1e12);
			IF alone AND bound LIKE '%ratio' THEN
				RAISE EXCEPTION 'a direct deployment has no deployed version beside it to compare with'
					USING ERRCODE = 'invalid_parameter_value', HINT = 'Use max and min in its guard.';
			END IF;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_guard(jsonb, boolean) IS 'An error unless a guard is well-formed; alone, it has no deployed version to compare with';

CREATE FUNCTION mlops_catalog.check_ramp(ramp jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	step jsonb;
	percent float8;
	previous float8 := 0;
	wait interval;
BEGIN
	IF ramp IS NULL OR jsonb_typeof(ramp) <> 'array' THEN
		RAISE EXCEPTION '"ramp" must be a JSON array of steps'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write it as ramp => ''[{"percent": 5, "wait": "1 hour"}, {"percent": 100}]''.';
	END IF;
	FOR step IN SELECT e FROM jsonb_array_elements(ramp) AS e LOOP
		IF jsonb_typeof(step) <> 'object' THEN
			RAISE EXCEPTION 'step % of "ramp" must be a JSON object', step
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as {"percent": 5, "wait": "1 hour"}.';
		END IF;
		PERFORM mlops_catalog.check_keys('ramp', step, mlops_catalog.keys_of('ramp'));
		percent := mlops_catalog.number_in('ramp', step, 'percent', 0, 100);
		IF percent IS NULL OR percent <= previous THEN
			RAISE EXCEPTION 'the steps of "ramp" must rise in "percent"'
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
		previous := percent;
		IF percent < 100 AND NOT step ? 'wait' THEN
			RAISE EXCEPTION 'step % of "ramp" does not say how long to wait', percent || ' %'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as {"percent": 5, "wait": "1 hour"}.';
		END IF;
		wait := mlops_catalog.length_of_time('ramp', 'wait', step ->> 'wait');
		IF wait < '0' THEN
			RAISE EXCEPTION 'a wait in "ramp" must not be negative' USING ERRCODE = 'invalid_parameter_value';
		ELSIF wait > '100 years' THEN
			RAISE EXCEPTION 'value % of a wait in "ramp" is out of range', step ->> 'wait'
				USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be at most 100 years.';
		END IF;
		IF step ? 'guard' THEN
			PERFORM mlops_catalog.check_guard(step -> 'guard', false);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_ramp(jsonb) IS 'An error unless a ramp is well-formed';

CREATE FUNCTION mlops_catalog.check_rule(rule jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad text;
BEGIN
	IF rule IS NULL OR jsonb_typeof(rule) <> 'object' OR rule = '{}' THEN
		RAISE EXCEPTION 'a segment needs a rule'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as rule => ''{"country": "DE"}''.';
	END IF;
	-- each is compared with the value of each row
	IF (SELECT sum(CASE WHEN jsonb_typeof(c.value) = 'array' THEN jsonb_array_length(c.value) ELSE 1 END) FROM jsonb_each(rule) AS c) > 10000 THEN
		RAISE EXCEPTION 'a rule may have at most 10000 values' USING ERRCODE = 'program_limit_exceeded',
			HINT = 'Give the rows a column that says which segment they belong to, and name that in the rule.';
	END IF;
	SELECT c.key INTO bad FROM jsonb_each(rule) AS c
		CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(c.value) = 'array' THEN c.value ELSE jsonb_build_array(c.value) END) AS v
		WHERE jsonb_typeof(v) IN ('object', 'array') LIMIT 1;
	IF NOT FOUND THEN
		SELECT c.key INTO bad FROM jsonb_each(rule) AS c WHERE c.value = '[]' LIMIT 1;
	END IF;
	IF FOUND THEN
		RAISE EXCEPTION 'column "%" in "rule" must have a value or a list of values', bad
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as {"country": ["DE", "AT"], "online": true}.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_rule(jsonb) IS 'An error unless a segment''s rule is well-formed';

-- What versions of a model were trained on: a column's type, NULL if none has it.
-- A query may have columns that were not read: it is asked whether it names them.
-- Whatever is stored, there is an answer.
CREATE FUNCTION mlops_catalog.trained_columns(model_id bigint) RETURNS TABLE (version int, name text, type text, place int)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH trained AS (
		SELECT v.version, v.signature, d.columns, d.tables
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id) LEFT JOIN mlops_catalog.dataset AS d USING (dataset_id)
		WHERE v.model_id = trained_columns.model_id AND v.dropped_at IS NULL)
	SELECT t.version, c ->> 'name', c ->> 'type', 1 FROM trained AS t, jsonb_path_query(t.columns, '$[*]', silent => true) AS c
	UNION ALL SELECT t.version, c ->> 'name', c ->> 'type', 2 FROM trained AS t, jsonb_path_query(t.signature, '$[*]', silent => true) AS c
	UNION ALL SELECT t.version, c ->> 'key', c ->> 'value', 3
		FROM trained AS t, jsonb_path_query(t.tables, '$[*].columns.keyvalue()', silent => true) AS c
$$;
COMMENT ON FUNCTION mlops_catalog.trained_columns(bigint) IS 'Columns that versions of a model were trained on data with; place: where that is recorded';

CREATE FUNCTION mlops_catalog.trained_column(model_id bigint, name text, OUT type text, OUT is_unknown boolean)
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH trained AS (
		SELECT d.columns, strpos(d.query, trained_column.name) > 0 AS named
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id) LEFT JOIN mlops_catalog.dataset AS d USING (dataset_id)
		WHERE v.model_id = trained_column.model_id AND v.dropped_at IS NULL),
	found AS (SELECT (SELECT c.type FROM mlops_catalog.trained_columns(trained_column.model_id) AS c WHERE c.name = trained_column.name ORDER BY c.version DESC, c.place LIMIT 1) AS type)
	SELECT f.type, f.type IS NULL AND NOT EXISTS (SELECT FROM trained AS t WHERE t.named) AND EXISTS (SELECT FROM trained AS t WHERE t.columns IS NOT NULL)
	FROM found AS f
$$;
COMMENT ON FUNCTION mlops_catalog.trained_column(bigint, text) IS
	'Type of a column in what a model was trained on; unknown: none of its versions was trained on data with it';

CREATE FUNCTION mlops_catalog.nearest(wanted text, candidates text[], letters int DEFAULT NULL) RETURNS text
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_nearest';
COMMENT ON FUNCTION mlops_catalog.nearest(text, text[], int) IS
	'The nearest to a name that does not exist, of those that do, if no more letters differ (0: in case alone); NULL: none is near';

CREATE FUNCTION mlops_catalog.meant_column(model_id bigint, name text, letters int DEFAULT NULL) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT mlops_catalog.nearest(meant_column.name, ARRAY(SELECT DISTINCT c.name FROM mlops_catalog.trained_columns(meant_column.model_id) AS c ORDER BY 1), meant_column.letters) $$;
COMMENT ON FUNCTION mlops_catalog.meant_column(bigint, text, int) IS
	'The column of a model''s training data that a name may be a slip for, if no more letters differ; NULL: there is none';

CREATE FUNCTION mlops_catalog.perhaps(meant text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce('Perhaps you meant "' || meant || '". ', '') $$;
COMMENT ON FUNCTION mlops_catalog.perhaps(text) IS 'Beginning of a hint that tells of the name that was meant, if one is known';

CREATE FUNCTION mlops_catalog.check_known_column(caller regrole, argument text, name text, model_id bigint, model_name text, hint text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (SELECT t.is_unknown FROM mlops_catalog.trained_column(check_known_column.model_id, check_known_column.name) AS t) THEN
		RAISE EXCEPTION 'column "%" in "%" is not known: model "%" was never trained on data with it', name, argument, model_name
			USING ERRCODE = 'undefined_column', HINT = mlops_catalog.perhaps(mlops_catalog.meant_column(check_known_column.model_id, check_known_column.name)) || hint;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_known_column(regrole, text, text, bigint, text, text) IS
	'An error that names a column in an argument if no version of a model was trained on data with it';

-- Rows without the column of a rule do not fit it.
CREATE FUNCTION mlops_catalog.check_rule_columns(caller regrole, rule jsonb, model_id bigint, model_name text) RETURNS void
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.check_known_column(caller, 'rule', k, check_rule_columns.model_id, model_name,
		'Rows without it would fit no such segment. Train a version on data that has it, or rule by another column.')
	FROM jsonb_object_keys(rule) AS k ORDER BY k
$$;
COMMENT ON FUNCTION mlops_catalog.check_rule_columns(regrole, jsonb, bigint, text) IS 'An error if nothing is known of a column in a segment''s rule';

CREATE FUNCTION mlops_catalog.rule_values(type oid) RETURNS text[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_rule_values';
COMMENT ON FUNCTION mlops_catalog.rule_values(oid) IS 'Kinds of JSON values that a segment''s rule compares with a column of a type; none: it cannot be used';

-- Types are recorded as format_type() spells them, some with a modifier, those of
-- users also without a schema: several of a name may be known by what they share.
CREATE FUNCTION mlops_catalog.rule_values_of(type text, kind text) RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(CASE WHEN count(DISTINCT mlops_catalog.rule_values(t.oid)) = 1 THEN min(mlops_catalog.rule_values(t.oid)) END,
		CASE rule_values_of.kind WHEN 'number' THEN '{number,boolean}'::text[] WHEN 'category' THEN '{string}' WHEN 'time' THEN '{}' END)
	FROM pg_type AS t WHERE format_type(t.oid, NULL) = regexp_replace(rule_values_of.type, '\([0-9,-]+\)', '') OR quote_ident(t.typname) = rule_values_of.type
$$;
COMMENT ON FUNCTION mlops_catalog.rule_values_of(text, text) IS
	'Kinds of JSON values that a segment''s rule compares with a column of a recorded type; NULL: nothing is known of that';

CREATE FUNCTION mlops_catalog.rule_types(rule jsonb, version_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_object_agg(k, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL))
	FROM mlops_catalog.model_version AS mv CROSS JOIN LATERAL jsonb_object_keys(rule) AS k
	CROSS JOIN LATERAL mlops_catalog.trained_column(mv.model_id, k) AS c
	JOIN pg_type AS t ON format_type(t.oid, NULL) = regexp_replace(c.type, '\([0-9,-]+\)', '')
	WHERE mv.version_id = rule_types.version_id
$$;
COMMENT ON FUNCTION mlops_catalog.rule_types(jsonb, bigint) IS 'Types, as recorded, of the columns that a segment''s rule compares; NULL if none is known';

CREATE FUNCTION mlops_catalog.enum_labels(type text) RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(e.enumlabel::text ORDER BY e.enumtypid, e.enumsortorder)
	FROM pg_type AS t JOIN pg_enum AS e ON e.enumtypid = t.oid WHERE format_type(t.oid, NULL) = enum_labels.type OR quote_ident(t.typname) = enum_labels.type
$$;
COMMENT ON FUNCTION mlops_catalog.enum_labels(text) IS 'Values of the enums of a recorded name; NULL: there is none';

CREATE FUNCTION mlops_catalog.type_end(type text) RETURNS numeric
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE type WHEN 'smallint' THEN 32768 WHEN 'integer' THEN 2147483648 WHEN 'bigint' THEN 9223372036854777856
	WHEN 'real' THEN 340282356779733661637539395458142568448 END $$;
COMMENT ON FUNCTION mlops_catalog.type_end(text) IS 'The first number above 0 that a version trained on a type cannot read, NULL: it can read all numbers';

-- Of types with a check of their own (domains) nothing is asked: it would run here.
CREATE FUNCTION mlops_catalog.may_hold(type text, value jsonb) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	written text := value #>> '{}';
	number numeric := CASE jsonb_typeof(value) WHEN 'number' THEN written::numeric WHEN 'boolean' THEN written::boolean::int END;
BEGIN
	CASE
		WHEN type = 'boolean' THEN
			RETURN number IN (0, 1);
		WHEN type IN ('smallint', 'integer', 'bigint') THEN
			RETURN number = trunc(number) AND number >= -mlops_catalog.type_end(type) AND number < mlops_catalog.type_end(type);
		WHEN type = '"char"' THEN
			RETURN octet_length(written) <= 1;
		WHEN type = 'uuid' THEN
			RETURN written::uuid IS NOT NULL;
		WHEN type = 'inet' THEN
			RETURN written::inet IS NOT NULL;
		WHEN type = 'cidr' THEN
			RETURN written::cidr IS NOT NULL;
		ELSE
			RETURN coalesce(written = ANY (mlops_catalog.enum_labels(type)), true);
	END CASE;
EXCEPTION WHEN data_exception THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION mlops_catalog.may_hold(text, jsonb) IS 'Could a column of a recorded type hold a value of a segment''s rule, of the kind that it is compared with?';

-- What the version reads is as its signature says, else as it was trained last.
CREATE FUNCTION mlops_catalog.unfit_conditions(rule jsonb, version_id bigint) RETURNS TABLE (name text, type text, given text, is_kind boolean)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT c.key, r.type, CASE WHEN k.fits THEN left(v::text, 100) || ', which is no value of it' ELSE 'a ' || jsonb_typeof(v) END, NOT k.fits
	FROM mlops_catalog.model_version AS mv
	CROSS JOIN LATERAL jsonb_each(rule) AS c
	CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(c.value) = 'array' THEN c.value ELSE jsonb_build_array(c.value) END) AS v
	LEFT JOIN LATERAL (SELECT s ->> 'type' AS type, s ->> 'kind' AS kind
		FROM jsonb_path_query(mv.signature, '$[*]', silent => true) AS s WHERE s ->> 'name' = c.key LIMIT 1) AS input ON true
	CROSS JOIN LATERAL (SELECT coalesce(input.type, (SELECT t.type FROM mlops_catalog.trained_column(mv.model_id, c.key) AS t)) AS type) AS r
	CROSS JOIN LATERAL (SELECT coalesce(jsonb_typeof(v) = ANY (mlops_catalog.rule_values_of(r.type, input.kind)), true) AS fits) AS k
	WHERE mv.version_id = unfit_conditions.version_id AND jsonb_typeof(v) <> 'null' AND NOT (k.fits AND coalesce(mlops_catalog.may_hold(r.type, v), true))
$$;
COMMENT ON FUNCTION mlops_catalog.unfit_conditions(jsonb, bigint) IS
	'Columns of a segment''s rule that cannot be compared with what it holds, or never hold it, as far as a version and its model were trained on data with them; is_kind: nothing of that kind';

-- Others are passed over when a row is scored.
CREATE FUNCTION mlops_catalog.check_rule_types(caller regrole, rule jsonb, version_id bigint) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad record;
BEGIN
	SELECT u.* INTO bad FROM mlops_catalog.unfit_conditions(rule, version_id) AS u ORDER BY u.is_kind DESC, u.name, u.given LIMIT 1;
	IF NOT FOUND THEN
		RETURN;
	ELSIF bad.is_kind THEN
		RAISE EXCEPTION 'the rule compares column "%" of type % with %', bad.name, bad.type, bad.given
			USING ERRCODE = 'datatype_mismatch',
				HINT = 'Numbers and booleans are compared with numeric and boolean columns, strings with text; times and JSON cannot be used.';
	END IF;
	RAISE EXCEPTION 'the rule compares column "%" of type % with %', bad.name, bad.type, bad.given
		USING ERRCODE = 'invalid_parameter_value', DETAIL = 'No row could fit it.',
			HINT = coalesce('Its values are: ' || left(array_to_string(mlops_catalog.enum_labels(bad.type), ', '), 1000) || '.', 'Write a value that a column of the type can have.');
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_rule_types(regrole, jsonb, bigint) IS 'An error if a segment''s rule cannot be compared with columns of known types';

-- What is scored by the route and has no key of its own is routed by a column.
CREATE FUNCTION mlops_catalog.routed_tables(model_name text) RETURNS TABLE (relation regclass, trigger name)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.relation, m.name
	FROM mlops_catalog.triggers() AS m JOIN pg_trigger AS t ON t.oid = m.trigger JOIN pg_proc AS p ON p.oid = t.tgfoid
	CROSS JOIN LATERAL (SELECT string_to_array(encode(t.tgargs, 'escape'), E'\\000')) AS a(given)
	WHERE t.tgenabled IN ('O', 'A') AND a.given[1] IN (model_name, 'model=' || model_name)
		AND NOT (p.proname = 'decide_trigger' AND (a.given[4] <> '' AND a.given[4] !~ '^(model|score|flag|key|on_error)='
			OR EXISTS (SELECT FROM unnest(a.given) AS g WHERE g LIKE 'key=_%')))
$$;
COMMENT ON FUNCTION mlops_catalog.routed_tables(text) IS 'Tables whose triggers ask a model by its name and give it no key: rows are routed by a column of theirs';

CREATE FUNCTION mlops_catalog.has_column(relation regclass, name name) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = has_column.relation AND a.attname = has_column.name AND a.attnum > 0 AND NOT a.attisdropped) $$;
COMMENT ON FUNCTION mlops_catalog.has_column(regclass, name) IS 'Does a table have this column?';

-- A share whose key rows lack scores no row at all, be they in the share or not.
CREATE FUNCTION mlops_catalog.refuse_lost_key(caller regrole, model_id bigint, model_name text, key name, shares boolean) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lacking record;
	-- short names differ by a letter without being meant for each other; any other that is near would have been suggested
	slip text := mlops_catalog.meant_column(refuse_lost_key.model_id, key, CASE WHEN length(key) < 4 THEN 0 ELSE 3 END);
	found boolean := EXISTS (SELECT FROM mlops_catalog.routed_tables(model_name) AS t WHERE mlops_catalog.has_column(t.relation, key));
BEGIN
	SELECT t.* INTO lacking FROM mlops_catalog.routed_tables(model_name) AS t
		WHERE shares AND NOT mlops_catalog.has_column(t.relation, key) ORDER BY t.relation::text, t.trigger LIMIT 1;
	IF lacking.trigger IS NOT NULL THEN
		RAISE EXCEPTION 'column "%" in "key" does not exist in table %, whose trigger "%" asks model "%"', key, lacking.relation, lacking.trigger, model_name
			USING ERRCODE = 'undefined_column', HINT = mlops_catalog.perhaps(mlops_catalog.nearest(key, ARRAY(SELECT a.attname::text
				FROM pg_attribute AS a WHERE a.attrelid = lacking.relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)))
				|| 'Without it none of the table''s rows could be scored. Name a column that all such tables have, or disable the trigger.';
	ELSIF slip IS NOT NULL AND NOT found AND (SELECT t.is_unknown FROM mlops_catalog.trained_column(refuse_lost_key.model_id, key) AS t) THEN
		RAISE EXCEPTION 'column "%" in "key" is not known: model "%" was never trained on data with it', key, model_name
			USING ERRCODE = 'undefined_column', HINT = format('Perhaps you meant "%s". If rows to score do have "%s", train a version on data with it first.', slip, key);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_lost_key(regrole, bigint, text, name, boolean) IS
	'An error if a key is a slip for a known column, or, of shares, if a table whose trigger asks the model lacks it';

-- A key is a column of the rows to score.  What those will be is not known here,
-- but what the versions were trained on is: also columns that no version reads.
CREATE FUNCTION mlops_catalog.check_key(caller regrole, model_id bigint, model_name text, key name, shares boolean) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known record;
BEGIN
	SELECT t.* INTO known FROM mlops_catalog.trained_column(check_key.model_id, check_key.key) AS t;
	IF known.type ~ '^(boolean|real|double precision|money|date|interval|inet|time(stamp)?(\(\d\))? with(out)? time zone)$' THEN
		RAISE EXCEPTION 'column "%" of type % cannot be the key of model "%"', key, known.type, model_name
			USING ERRCODE = 'datatype_mismatch',
				HINT = 'A key is an integer, numeric, text, uuid or enum, which have one text. Cast others to text in a view or query, or in a generated column.';
	END IF;
	PERFORM mlops_catalog.refuse_lost_key(caller, model_id, model_name, key, shares);
	IF known.is_unknown THEN
		RAISE WARNING 'model "%" was never trained on data with a column "%"', model_name, key
			USING HINT = mlops_catalog.perhaps(mlops_catalog.meant_column(check_key.model_id, key)) || 'Rows to score must have this column, or mlops.decide() must be given a key; without either scoring fails.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_key(regrole, bigint, text, name, boolean) IS
	'An error if a column cannot be a key, of shares or else, or is a slip; a warning if nothing is known of it';

CREATE FUNCTION mlops_catalog.check_variant(variant text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF variant = 'primary' OR variant !~ '^[a-z0-9_][a-z0-9_.-]{0,62}$' THEN
		RAISE EXCEPTION 'invalid name "%" of a variant', variant
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A name has 1 to 63 of the characters a-z, 0-9, "_", "." and "-"; "primary" is the deployed version.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_variant(text) IS 'An error unless a variant may have this name';

CREATE FUNCTION mlops_catalog.check_threshold(threshold float8) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF threshold NOT BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION 'threshold % is out of range', threshold
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be between 0 and 1.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_threshold(float8) IS 'An error unless a threshold is a probability or NULL';

-- Arguments of mlops.deploy that were given, that is, are not what they are by default.
CREATE FUNCTION mlops_catalog.given_arguments(asked mlops_catalog.deployment, version int, percent float8, variants jsonb, rule jsonb, variant text)
	RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ARRAY(SELECT a.name FROM (VALUES
		(1, 'version', version IS NOT NULL),
		(2, 'threshold', asked.threshold IS NOT NULL),
		(3, 'guard', asked.guard <> '{}'),
		(4, 'variant', variant IS NOT NULL),
		(5, 'percent', percent IS DISTINCT FROM 100),
		(6, 'ramp', asked.ramp <> '[]'),
		(7, 'variants', variants IS NOT NULL),
		(8, 'rule', rule IS NOT NULL),
		(9, 'min_percent', asked.min_percent IS NOT NULL),
		(10, 'metric', asked.metric <> 'precision')) AS a(place, name, given)
		WHERE a.given ORDER BY a.place)
$$;
COMMENT ON FUNCTION mlops_catalog.given_arguments(mlops_catalog.deployment, int, float8, jsonb, jsonb, text) IS
	'Names of the arguments of mlops.deploy that were given and that not every strategy takes';

CREATE FUNCTION mlops_catalog.check_deployment(asked mlops_catalog.deployment, model_name text, version int, percent float8, variants jsonb,
	rule jsonb, variant text, in_options boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s record;
	given constant text[] := mlops_catalog.given_arguments(asked, version, percent, variants, rule, variant);
	share constant float8 := coalesce((asked.ramp -> 0 ->> 'percent')::float8, percent, 100);
	missing text[];
	unfit text;
BEGIN
	SELECT * INTO s FROM mlops_catalog.strategies() AS t WHERE t.name = asked.strategy;
	IF asked.strategy IS NULL THEN
		RAISE EXCEPTION '"strategy" must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = format('Valid strategies are: %s.', (SELECT string_agg(t.name, ', ') FROM mlops_catalog.strategies() AS t));
	ELSIF NOT FOUND THEN
		RAISE EXCEPTION 'unrecognized deployment strategy "%"', asked.strategy
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Valid strategies are: %s.', (SELECT string_agg(t.name, ', ') FROM mlops_catalog.strategies() AS t));
	END IF;
	PERFORM mlops_catalog.check_threshold(asked.threshold);
	PERFORM mlops_catalog.check_guard(asked.guard, s.lays = 'primary');
	PERFORM mlops_catalog.check_choice('metric', asked.metric, '{precision,recall,accuracy,false_positive_rate,alert_rate}');
	PERFORM mlops_catalog.check_ramp(asked.ramp);
	PERFORM mlops_catalog.check_variant(variant);
	IF percent NOT BETWEEN 0 AND 100 THEN
		RAISE EXCEPTION 'value % of "percent" is out of range', percent USING ERRCODE = 'invalid_parameter_value', HINT = 'It must be between 0 and 100.';
	END IF;
	unfit := (SELECT g FROM unnest(given) WITH ORDINALITY AS g(g, place) WHERE g <> ALL (s.takes) ORDER BY place LIMIT 1);
	IF unfit IS NOT NULL AND s.lays = 'aliases' AND unfit <> 'rule' THEN
		RAISE EXCEPTION 'the aliases "champion" and "challenger" say which versions answer: "%" does not apply', unfit
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Run SELECT * FROM mlops.set_alias(%L, ''challenger'', %s), and give NULL as version here.', model_name, coalesce(version, 1));
	ELSIF unfit IS NOT NULL THEN
		RAISE EXCEPTION '"%" does not apply to strategy "%"', unfit, s.name
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Strategies that take it: %s.', (SELECT string_agg(t.name, ', ') FROM mlops_catalog.strategies() AS t WHERE unfit = ANY (t.takes)));
	ELSIF given @> '{percent,ramp}' THEN
		RAISE EXCEPTION 'give either "percent" or "ramp"' USING ERRCODE = 'invalid_parameter_value';
	ELSIF given @> '{variants}' AND given && '{version,threshold,variant,percent}' THEN
		RAISE EXCEPTION '"variants" describes each variant completely: leave "%" out', (SELECT g FROM unnest(given) AS g WHERE g IN ('version', 'threshold', 'variant', 'percent') LIMIT 1)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write variants => ''{"b": {"version": 2, "percent": 30, "threshold": 0.4}}''.';
	END IF;
	missing := ARRAY(
		SELECT (SELECT string_agg(format('"%s"', n), ' or ') FROM unnest(s.needs) AS n)
			WHERE s.needs <> '{}' AND NOT (s.needs && array_remove(array_remove(given, 'percent'), 'ramp') OR s.needs && '{percent}' AND share > 0 AND share < 100)
		UNION ALL
		SELECT 'a key' WHERE asked.key IS NULL AND (s.needs && '{percent}' OR given && '{percent}'));
	IF missing <> '{}' THEN
		RAISE EXCEPTION 'strategy "%" needs %', s.name, array_to_string(missing, ', and ')
			USING ERRCODE = 'invalid_parameter_value', HINT = CASE WHEN in_options
				THEN 'Write options => ''{"key": "card_id", "percent": 5}'': the column whose value decides which version a row sees, and a share above 0 and below 100.'
				ELSE array_to_string(ARRAY[
				CASE WHEN missing[1] LIKE '"percent"%' THEN 'Write percent => 5, above 0 and below 100: the rest stays with the deployed version.' END,
				CASE WHEN missing[1] LIKE '"rule"%' THEN 'Write it as rule => ''{"country": "DE"}''.' END,
				CASE WHEN 'a key' = ANY (missing) THEN 'Name the column whose value decides which variant a row sees, as in key => ''card_id''.' END], ' ') END;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_deployment(mlops_catalog.deployment, text, int, float8, jsonb, jsonb, text, boolean) IS
	'An error unless the arguments of mlops.deploy, or options of a retraining, go together';
