-- Releases: what answers for a model, and how it gets there.
--
-- deployment_route holds what answers now, deployment every change there was,
-- release what is under way: a share that grows, a test between variants, or a
-- direct deployment under guard.  All three change under a lock on the model's
-- row, so that two changes at once come one after the other.

CREATE TABLE mlops_catalog.release (
	model_id bigint CONSTRAINT release_pkey PRIMARY KEY
		CONSTRAINT release_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	deployment_id bigint NOT NULL CONSTRAINT release_deployment_id_fkey REFERENCES mlops_catalog.deployment ON DELETE CASCADE,
	strategy text NOT NULL,
	paused boolean NOT NULL DEFAULT false,
	step int NOT NULL DEFAULT 1,
	step_started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.release IS 'The release of a model that is under way';
COMMENT ON COLUMN mlops_catalog.release.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.release.deployment_id IS 'Deployment that began it, with guard and ramp';
COMMENT ON COLUMN mlops_catalog.release.strategy IS 'How traffic is moved';
COMMENT ON COLUMN mlops_catalog.release.paused IS 'Does it stay as it is until it is resumed?';
COMMENT ON COLUMN mlops_catalog.release.step IS 'Step of the ramp, from 1';
COMMENT ON COLUMN mlops_catalog.release.step_started_at IS 'Since when';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.release', '');

CREATE VIEW mlops.deployments WITH (security_barrier) AS
SELECT m.name AS model, v.version, d.strategy, r.variant, r.kind, r.percent, r.key, r.rule,
	COALESCE(r.threshold, v.threshold) AS threshold,
	CASE WHEN e.paused THEN 'paused' WHEN e.model_id IS NOT NULL AND r.kind OPERATOR(pg_catalog.=) 'share' THEN 'running' END AS release,
	CASE WHEN r.kind OPERATOR(pg_catalog.=) 'share' THEN e.step END AS step,
	d.action, d.note, d.deployment_id, d.deployed_by, d.deployed_at
FROM mlops_catalog.deployment_route r
JOIN mlops_catalog.deployment d ON d.deployment_id OPERATOR(pg_catalog.=) r.deployment_id
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) r.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) r.model_id
LEFT JOIN mlops_catalog.release e ON e.model_id OPERATOR(pg_catalog.=) r.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.deployments IS 'What answers now: the variants of each model';
COMMENT ON COLUMN mlops.deployments.model IS 'Model';
COMMENT ON COLUMN mlops.deployments.version IS 'Version that answers';
COMMENT ON COLUMN mlops.deployments.strategy IS 'How traffic was moved';
COMMENT ON COLUMN mlops.deployments.variant IS 'Name of the variant; primary takes what no other one does';
COMMENT ON COLUMN mlops.deployments.kind IS 'segment: rows that fit the rule; share: of all others, by a hash of the key; shadow: scored and logged, never returned';
COMMENT ON COLUMN mlops.deployments.percent IS 'Share of traffic, in percent';
COMMENT ON COLUMN mlops.deployments.key IS 'Column whose hash chooses the share, and that decisions are logged with';
COMMENT ON COLUMN mlops.deployments.rule IS 'Columns and values of a segment';
COMMENT ON COLUMN mlops.deployments.threshold IS 'Threshold in force';
COMMENT ON COLUMN mlops.deployments.release IS 'running or paused while a release is under way';
COMMENT ON COLUMN mlops.deployments.step IS 'Step of its ramp';
COMMENT ON COLUMN mlops.deployments.action IS 'What put it there: deploy, ramp, allocate, promote, abort or rollback';
COMMENT ON COLUMN mlops.deployments.note IS 'Why';
COMMENT ON COLUMN mlops.deployments.deployment_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops.deployments.deployed_by IS 'Who';
COMMENT ON COLUMN mlops.deployments.deployed_at IS 'When';
GRANT SELECT ON mlops.deployments TO PUBLIC;

CREATE VIEW mlops.deployment_history WITH (security_barrier) AS
SELECT m.name AS model, d.deployment_id, v.version, d.action, d.strategy, COALESCE(d.threshold, v.threshold) AS threshold,
	d.key, d.guard, d.ramp, d.routes, d.note, d.deployed_by, d.deployed_at
FROM mlops_catalog.deployment d
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) d.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) d.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.deployment_history IS 'Every change of what answers for a model';
COMMENT ON COLUMN mlops.deployment_history.model IS 'Model';
COMMENT ON COLUMN mlops.deployment_history.deployment_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops.deployment_history.version IS 'Version it was about';
COMMENT ON COLUMN mlops.deployment_history.action IS 'deploy, ramp, allocate, promote, pause, resume, abort or rollback';
COMMENT ON COLUMN mlops.deployment_history.strategy IS 'How traffic was moved';
COMMENT ON COLUMN mlops.deployment_history.threshold IS 'Threshold of the version from then on';
COMMENT ON COLUMN mlops.deployment_history.key IS 'Column whose hash chooses the variant';
COMMENT ON COLUMN mlops.deployment_history.guard IS 'What had to hold';
COMMENT ON COLUMN mlops.deployment_history.ramp IS 'Steps of its traffic';
COMMENT ON COLUMN mlops.deployment_history.routes IS 'What answered from then on';
COMMENT ON COLUMN mlops.deployment_history.note IS 'Why';
COMMENT ON COLUMN mlops.deployment_history.deployed_by IS 'Who';
COMMENT ON COLUMN mlops.deployment_history.deployed_at IS 'When';
GRANT SELECT ON mlops.deployment_history TO PUBLIC;

-- ---- checks of arguments

CREATE FUNCTION mlops_catalog.check_keys(argument text, object jsonb, valid text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	unknown text;
BEGIN
	IF object IS NULL OR jsonb_typeof(object) <> 'object' THEN
		RAISE EXCEPTION '"%" must be a JSON object', argument USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT k INTO unknown FROM jsonb_object_keys(object) AS k WHERE k <> ALL (valid) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'unrecognized key "%" in "%"', unknown, argument
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Valid keys are: %s.', array_to_string(valid, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_keys(text, jsonb, text[]) IS 'An error that lists the valid keys unless the argument is an object with no others';

CREATE FUNCTION mlops_catalog.number_in(argument text, object jsonb, key text, minimum float8, maximum float8) RETURNS float8
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

-- What a guard may bound.  max and min are in the figure's own unit, max_ratio
-- and min_ratio in that of the champion's figure of the same time.
CREATE FUNCTION mlops_catalog.check_guard(guard jsonb, strategy text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	figure text;
	bound text;
BEGIN
	PERFORM mlops_catalog.check_keys('guard', guard,
		'{latency_p95,psi,alert_rate,precision,min_decisions,min_labels,on_failure}');
	PERFORM mlops_catalog.number_in('guard', guard, 'min_decisions', 1, 1e9);
	PERFORM mlops_catalog.number_in('guard', guard, 'min_labels', 1, 1e9);
	IF guard ? 'on_failure' THEN
		PERFORM mlops_catalog.check_choice('on_failure', guard ->> 'on_failure', '{rollback,pause}');
	END IF;
	FOREACH figure IN ARRAY '{latency_p95,psi,alert_rate,precision}'::text[] LOOP
		CONTINUE WHEN NOT guard ? figure;
		PERFORM mlops_catalog.check_keys('guard.' || figure, guard -> figure,
			CASE WHEN figure = 'psi' THEN '{max}'::text[] ELSE '{min,max,min_ratio,max_ratio}' END);
		IF guard -> figure = '{}' THEN
			RAISE EXCEPTION '"%" in "guard" bounds nothing', figure
				USING ERRCODE = 'invalid_parameter_value',
					HINT = 'Write it as {"max": 0.2}; valid keys are max, min, max_ratio and min_ratio.';
		END IF;
		FOR bound IN SELECT jsonb_object_keys(guard -> figure) LOOP
			PERFORM mlops_catalog.number_in('guard.' || figure, guard -> figure, bound, 0, 1e12);
			IF strategy = 'direct' AND bound LIKE '%ratio' THEN
				RAISE EXCEPTION 'a direct deployment has no champion beside it to compare with'
					USING ERRCODE = 'invalid_parameter_value', HINT = 'Use max and min in its guard.';
			END IF;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_guard(jsonb, text) IS 'An error unless a guard is well-formed';

CREATE FUNCTION mlops_catalog.check_ramp(ramp jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	step jsonb;
	percent float8;
	previous float8 := 0;
BEGIN
	IF ramp IS NULL OR jsonb_typeof(ramp) <> 'array' THEN
		RAISE EXCEPTION '"ramp" must be a JSON array of steps'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write it as ramp => ''[{"percent": 5, "wait": "1 hour"}, {"percent": 100}]''.';
	END IF;
	FOR step IN SELECT e FROM jsonb_array_elements(ramp) AS e LOOP
		PERFORM mlops_catalog.check_keys('ramp', step, '{percent,wait,guard}');
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
		IF (step ->> 'wait')::interval < '0' THEN
			RAISE EXCEPTION 'a wait in "ramp" must not be negative' USING ERRCODE = 'invalid_parameter_value';
		END IF;
		IF step ? 'guard' THEN
			PERFORM mlops_catalog.check_guard(step -> 'guard', 'canary');
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

-- Columns that the version reads are known, and so whether a rule fits them;
-- others are looked for when a row is scored.
CREATE FUNCTION mlops_catalog.check_rule_types(caller regrole, rule jsonb, version_id bigint) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad record;
BEGIN
	SELECT c.key, s ->> 'type' AS type, jsonb_typeof(v) AS given INTO bad
	FROM mlops_catalog.model_version AS mv
	CROSS JOIN LATERAL jsonb_array_elements(mv.signature) AS s
	JOIN jsonb_each(rule) AS c ON c.key = s ->> 'name'
	CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(c.value) = 'array' THEN c.value ELSE jsonb_build_array(c.value) END) AS v
	WHERE mv.version_id = $3 AND jsonb_typeof(v) <> 'null' AND jsonb_typeof(v) <> ALL (CASE s ->> 'kind'
		WHEN 'number' THEN '{number,boolean}'::text[] WHEN 'category' THEN '{string}' ELSE '{}' END)
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'the rule compares column "%" of type % with a %', bad.key, bad.type, bad.given
			USING ERRCODE = 'datatype_mismatch',
				HINT = 'Numbers and booleans are compared with numeric and boolean columns, strings with text; times cannot be used.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_rule_types(regrole, jsonb, bigint) IS 'An error if a segment''s rule cannot fit the columns that the version reads';

CREATE FUNCTION mlops_catalog.check_variant(variant text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF variant = 'primary' OR variant !~ '^[a-z0-9_][a-z0-9_.-]{0,62}$' THEN
		RAISE EXCEPTION 'invalid name "%" of a variant', variant
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A name has 1 to 63 of the characters a-z, 0-9, "_", "." and "-"; "primary" is what is deployed now.';
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

-- ---- steps that all changes are made of

CREATE FUNCTION mlops_catalog.lock_for_release(caller regrole, model_name text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.require(caller, model_name, 'deploy');
BEGIN
	-- an update, not a lock alone: at REPEATABLE READ the loser must not go on
	-- with routes that the winner has changed
	UPDATE mlops_catalog.model AS m SET last_version = m.last_version WHERE m.model_id = id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" was dropped in the meantime', model_name USING ERRCODE = 'undefined_object';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.lock_for_release(regrole, text) IS 'Identity of a model that the caller may deploy, with its routes locked until commit';

CREATE FUNCTION mlops_catalog.version_to_deploy(caller regrole, model_id bigint, model_name text, version int, gated boolean) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.version_named(caller, model_name, version);
BEGIN
	IF gated THEN
		PERFORM mlops_catalog.enforce_gate(caller, model_name, version, 'deploy');
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.version_to_deploy(regrole, bigint, text, int, boolean) IS
	'Identity of a version that may be deployed; gated: an error if it does not pass the model''s gate';

CREATE FUNCTION mlops_catalog.begin_deployment(caller regrole, model_id bigint, version_id bigint, action text, strategy text,
	threshold float8, note text, key name DEFAULT NULL, guard jsonb DEFAULT '{}', ramp jsonb DEFAULT '[]', metric text DEFAULT 'precision')
	RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO mlops_catalog.deployment (model_id, version_id, action, strategy, threshold, note, deployed_by, key, guard, ramp, metric)
	VALUES ($2, $3, $4, $5, $6, $7, caller, $8, $9, $10, $11) RETURNING deployment_id
$$;
COMMENT ON FUNCTION mlops_catalog.begin_deployment(regrole, bigint, bigint, text, text, float8, text, name, jsonb, jsonb, text) IS
	'Records a change of routes that is about to be made';

CREATE FUNCTION mlops_catalog.end_deployment(caller regrole, made bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d mlops_catalog.deployment;
	version int;
	model text;
BEGIN
	UPDATE mlops_catalog.deployment AS t SET routes = coalesce((
		SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('variant', r.variant, 'version', v.version, 'kind', r.kind,
				'percent', CASE WHEN r.kind = 'share' THEN r.percent END,
				'threshold', coalesce(r.threshold, v.threshold), 'rule', r.rule))
			ORDER BY array_position('{segment,share,shadow}', r.kind), r.position, r.variant)
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE r.model_id = t.model_id), '[]')
	WHERE t.deployment_id = made RETURNING t.* INTO d;
	SELECT m.name, v.version INTO model, version FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
		WHERE v.version_id = d.version_id;
	PERFORM mlops_catalog.audit(caller, d.action, model, version, jsonb_build_object(
		'deployment_id', d.deployment_id, 'strategy', d.strategy, 'threshold', d.threshold, 'note', d.note,
		'key', d.key, 'guard', d.guard, 'ramp', d.ramp, 'routes', d.routes));
END
$$;
COMMENT ON FUNCTION mlops_catalog.end_deployment(regrole, bigint) IS
	'Completes the record of a change: what answers from now on, and an entry of the audit log';

-- The share of primary is what the other shares leave.
CREATE FUNCTION mlops_catalog.give_rest_to_primary(caller regrole, model_id bigint, key name) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE mlops_catalog.deployment_route AS r SET key = coalesce($3, r.key),
		percent = greatest(0, 100 - coalesce((SELECT sum(o.percent) FROM mlops_catalog.deployment_route AS o
			WHERE o.model_id = $2 AND o.kind = 'share' AND o.variant <> 'primary'), 0))
	WHERE r.model_id = $2 AND r.variant = 'primary'
$$;
COMMENT ON FUNCTION mlops_catalog.give_rest_to_primary(regrole, bigint, name) IS 'Gives primary the traffic that other shares leave';

-- Makes a version the only share.  Shadows stay, but not of this version.
CREATE FUNCTION mlops_catalog.make_primary(caller regrole, model_id bigint, version_id bigint, threshold float8, deployment_id bigint,
	key name, keep_segments boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	former_key name := (SELECT r.key FROM mlops_catalog.deployment_route AS r WHERE r.model_id = $2 AND r.variant = 'primary');
BEGIN
	DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = $2
		AND (r.kind = 'share' OR r.kind = 'segment' AND NOT $7 OR r.kind = 'shadow' AND r.version_id = $3);
	INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, threshold, deployment_id, kind, position, key)
		VALUES ($2, 'primary', $3, 100, $4, $5, 'share', 1000000, coalesce($6, former_key));
	DELETE FROM mlops_catalog.release AS e WHERE e.model_id = $2;
END
$$;
COMMENT ON FUNCTION mlops_catalog.make_primary(regrole, bigint, bigint, float8, bigint, name, boolean) IS
	'Makes a version the only share of a model''s traffic and ends the release under way';

CREATE FUNCTION mlops_catalog.release_under_way(caller regrole, model_name text) RETURNS mlops_catalog.release
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e mlops_catalog.release;
BEGIN
	SELECT r.* INTO e FROM mlops_catalog.release AS r JOIN mlops_catalog.model AS m USING (model_id) WHERE m.name = model_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no release of model "%" is under way', model_name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'View mlops.deployments shows what answers now.';
	END IF;
	RETURN e;
END
$$;
COMMENT ON FUNCTION mlops_catalog.release_under_way(regrole, text) IS 'The release of a model; an error if there is none';

CREATE FUNCTION mlops_catalog.refuse_second_release(caller regrole, model bigint, model_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM mlops_catalog.release AS e WHERE e.model_id = model AND e.strategy <> 'direct') THEN
		RAISE EXCEPTION 'a release of model "%" is under way', model_name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = format('Run SELECT * FROM mlops.promote(%L) or mlops.abort(%L) first.', model_name, model_name);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_second_release(regrole, bigint, text) IS 'An error if shares of a model''s traffic are already being moved';

-- ---- champion and challenger

CREATE FUNCTION mlops_catalog.version_of_alias(caller regrole, model bigint, model_name text, alias_name text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number int := (SELECT v.version FROM mlops_catalog.alias AS a JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE a.model_id = model AND a.alias = alias_name);
BEGIN
	IF number IS NULL THEN
		RAISE EXCEPTION 'alias "%" of model "%" does not exist', alias_name, model_name
			USING ERRCODE = 'undefined_object', HINT = format('Run SELECT * FROM mlops.set_alias(%L, %L, version).', model_name, alias_name);
	END IF;
	RETURN mlops_catalog.version_to_deploy(caller, model, model_name, number, true);
END
$$;
COMMENT ON FUNCTION mlops_catalog.version_of_alias(regrole, bigint, text, text) IS 'Identity of the version that an alias stands for, if it may be deployed';

-- While a release by alias is under way, traffic follows the aliases.
CREATE FUNCTION mlops_catalog.follow_alias() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model_name text := (SELECT m.name FROM mlops_catalog.model AS m WHERE m.model_id = NEW.model_id);
	variant_name text := CASE NEW.alias WHEN 'champion' THEN 'primary' ELSE 'challenger' END;
	made bigint;
BEGIN
	PERFORM FROM mlops_catalog.release AS e JOIN mlops_catalog.deployment_route AS r USING (model_id)
		WHERE e.model_id = NEW.model_id AND e.strategy = 'champion_challenger' AND r.variant = variant_name AND r.version_id <> NEW.version_id;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	made := mlops_catalog.begin_deployment(NEW.set_by, NEW.model_id,
		mlops_catalog.version_of_alias(NEW.set_by, NEW.model_id, model_name, NEW.alias),
		CASE NEW.alias WHEN 'champion' THEN 'deploy' ELSE 'allocate' END, 'champion_challenger', NULL, format('alias "%s" was moved', NEW.alias));
	UPDATE mlops_catalog.deployment_route AS r SET version_id = NEW.version_id, threshold = NULL, deployment_id = made
		WHERE r.model_id = NEW.model_id AND r.variant = variant_name;
	UPDATE mlops_catalog.release AS e SET step_started_at = clock_timestamp() WHERE e.model_id = NEW.model_id;
	PERFORM mlops_catalog.end_deployment(NEW.set_by, made);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.follow_alias() IS 'Trigger: routes a champion and challenger release by what its aliases stand for';
REVOKE ALL ON FUNCTION mlops_catalog.follow_alias() FROM PUBLIC;
CREATE TRIGGER follow_alias AFTER INSERT OR UPDATE ON mlops_catalog.alias
	FOR EACH ROW WHEN (NEW.alias OPERATOR(pg_catalog.=) 'champion' OR NEW.alias OPERATOR(pg_catalog.=) 'challenger')
	EXECUTE FUNCTION mlops_catalog.follow_alias();

-- Did a change make its version primary?
CREATE FUNCTION mlops_catalog.made_primary(action text, strategy text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT action = 'deploy' AND strategy IN ('direct', 'champion_challenger') OR action IN ('promote', 'rollback') $$;
COMMENT ON FUNCTION mlops_catalog.made_primary(text, text) IS 'Did a change of this kind make its version primary?';

-- ---- deploy

-- The variants of a test as rows: those of "variants", or the one of "version".
CREATE FUNCTION mlops_catalog.test_variants(caller regrole, variants jsonb, only_version int, only_percent float8, only_threshold float8, only_name text)
	RETURNS TABLE (variant text, version int, percent float8, threshold float8)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	spec record;
	total float8 := 0;
BEGIN
	IF ($2 IS NULL) = ($3 IS NULL) THEN
		RAISE EXCEPTION 'a test takes either "version" and "percent" or "variants"'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write variants => ''{"b": {"version": 2, "percent": 30}, "c": {"version": 3, "percent": 30}}''; the rest stays with what is deployed.';
	END IF;
	FOR spec IN SELECT v.key, v.value FROM jsonb_each(coalesce($2, jsonb_build_object($6, jsonb_strip_nulls(
			jsonb_build_object('version', $3, 'percent', $4, 'threshold', $5))))) AS v LOOP
		PERFORM mlops_catalog.check_variant(spec.key);
		PERFORM mlops_catalog.check_keys('variants.' || spec.key, spec.value, '{version,percent,threshold}');
		variant := spec.key;
		version := mlops_catalog.number_in('variants.' || spec.key, spec.value, 'version', 1, 2147483647);
		percent := mlops_catalog.number_in('variants.' || spec.key, spec.value, 'percent', 0, 100);
		threshold := mlops_catalog.number_in('variants.' || spec.key, spec.value, 'threshold', 0, 1);
		IF version IS NULL OR percent IS NULL THEN
			RAISE EXCEPTION 'variant "%" needs "version" and "percent"', spec.key USING ERRCODE = 'invalid_parameter_value';
		END IF;
		total := total + percent;
		RETURN NEXT;
	END LOOP;
	IF total <= 0 OR total > 100 OR total = 100 AND $2 IS NULL THEN
		RAISE EXCEPTION 'the shares of the variants add up to %', total || ' %'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'They must be above 0 % and leave the rest to what is deployed.',
				HINT = 'Give "percent".';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.test_variants(regrole, jsonb, int, float8, float8, text) IS 'Variants of a test, checked';

CREATE FUNCTION mlops.deploy(
	model text,
	version int,
	strategy text DEFAULT 'direct',
	percent float8 DEFAULT 100,
	key name DEFAULT NULL,
	threshold float8 DEFAULT NULL,
	guard jsonb DEFAULT '{}',
	note text DEFAULT NULL,
	ramp jsonb DEFAULT '[]',
	variants jsonb DEFAULT NULL,
	rule jsonb DEFAULT NULL,
	variant text DEFAULT NULL,
	metric text DEFAULT 'precision')
	RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.deploy(text, int, text, float8, name, float8, jsonb, text, jsonb, jsonb, jsonb, text, text) IS
	'Makes a version answer for its model, for all rows (direct), a share of keys (canary, ab, bandit), rows that fit a rule (segment) or beside it (shadow), from this transaction''s commit on, in every session and on every standby';

CREATE FUNCTION mlops_catalog.deploy(caller regrole, model_name text, version_number int, strategy text, percent float8, key name,
	threshold float8, guard jsonb, note text, ramp jsonb, variants jsonb, rule jsonb, variant_name text, metric text)
	RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	model bigint := mlops_catalog.lock_for_release(caller, model_name);
	made bigint;
	test record;
	place int := 0;
	-- a challenger without a share stands beside the champion as a shadow
	splits boolean := strategy IN ('canary', 'ab', 'bandit') OR strategy = 'champion_challenger' AND percent IS DISTINCT FROM 100;
BEGIN
	IF strategy IS NULL OR strategy NOT IN ('direct', 'canary', 'ab', 'shadow', 'champion_challenger', 'segment', 'bandit') THEN
		RAISE EXCEPTION 'unrecognized deployment strategy "%"', strategy
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Valid strategies are: direct, canary, ab, shadow, champion_challenger, segment, bandit.';
	END IF;
	guard := coalesce(guard, '{}');
	ramp := coalesce(ramp, '[]');
	PERFORM mlops_catalog.check_threshold(threshold);
	PERFORM mlops_catalog.check_guard(guard, strategy);
	PERFORM mlops_catalog.check_choice('metric', metric, '{precision,recall,accuracy,false_positive_rate,alert_rate}');
	PERFORM mlops_catalog.check_ramp(ramp);
	IF variant_name IS NOT NULL THEN
		PERFORM mlops_catalog.check_variant(variant_name);
	END IF;
	IF strategy = 'direct' AND percent IS DISTINCT FROM 100 THEN
		RAISE EXCEPTION 'a direct deployment takes all traffic at once'
			USING ERRCODE = 'invalid_parameter_value', DETAIL = '"percent" does not apply to it.';
	ELSIF NOT splits AND (percent IS DISTINCT FROM 100 OR variants IS NOT NULL) THEN
		RAISE EXCEPTION '"percent" and "variants" do not apply to strategy "%"', strategy USING ERRCODE = 'invalid_parameter_value';
	ELSIF strategy <> 'canary' AND ramp <> '[]' THEN
		RAISE EXCEPTION 'a ramp belongs to a canary' USING ERRCODE = 'invalid_parameter_value';
	ELSIF (strategy = 'segment') <> (rule IS NOT NULL) THEN
		RAISE EXCEPTION 'a rule belongs to a segment, and a segment needs one'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as rule => ''{"country": "DE"}''.';
	ELSIF strategy <> 'direct' AND NOT splits AND guard <> '{}' THEN
		RAISE EXCEPTION 'a guard belongs to a release of traffic shares' USING ERRCODE = 'invalid_parameter_value';
	ELSIF splits AND key IS NULL THEN
		RAISE EXCEPTION 'strategy "%" needs a key', strategy
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Name the column whose value decides which variant a row sees, as in key => ''card_id''.';
	ELSIF strategy = 'champion_challenger' AND (version_number IS NOT NULL OR variants IS NOT NULL OR threshold IS NOT NULL OR variant_name IS NOT NULL) THEN
		RAISE EXCEPTION 'champion and challenger are versions that the aliases of these names stand for'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Run SELECT * FROM mlops.set_alias(%L, ''challenger'', version), and give NULL as version here.', model_name);
	ELSIF strategy = 'canary' AND variants IS NOT NULL THEN
		RAISE EXCEPTION 'a canary has one variant' USING ERRCODE = 'invalid_parameter_value', HINT = 'Use strategy "ab" for several.';
	ELSIF strategy = 'canary' AND ramp <> '[]' THEN
		IF percent IS DISTINCT FROM 100 THEN
			RAISE EXCEPTION 'give either "percent" or "ramp"' USING ERRCODE = 'invalid_parameter_value';
		END IF;
		percent := ramp -> 0 -> 'percent';
	END IF;

	IF strategy = 'direct' THEN
		made := mlops_catalog.begin_deployment(caller, model, mlops_catalog.version_to_deploy(caller, model, model_name, version_number, true),
			'deploy', strategy, threshold, note, key, guard, ramp);
		PERFORM mlops_catalog.make_primary(caller, model, (SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = made),
			threshold, made, key, false);
		IF guard <> '{}' THEN
			INSERT INTO mlops_catalog.release (model_id, deployment_id, strategy) VALUES (model, made, strategy);
		END IF;
	ELSIF strategy = 'champion_challenger' THEN
		PERFORM mlops_catalog.refuse_second_release(caller, model, model_name);
		made := mlops_catalog.begin_deployment(caller, model, mlops_catalog.version_of_alias(caller, model, model_name, 'champion'),
			'deploy', strategy, NULL, note, key, guard, '[]', metric);
		PERFORM mlops_catalog.make_primary(caller, model, mlops_catalog.version_of_alias(caller, model, model_name, 'champion'), NULL, made, key, true);
		INSERT INTO mlops_catalog.deployment_route AS r (model_id, variant, version_id, percent, deployment_id, kind, position, key)
			VALUES (model, 'challenger', mlops_catalog.version_of_alias(caller, model, model_name, 'challenger'),
				CASE WHEN splits THEN percent ELSE 0 END, made, CASE WHEN splits THEN 'share' ELSE 'shadow' END, 1, key);
		PERFORM mlops_catalog.give_rest_to_primary(caller, model, key);
		INSERT INTO mlops_catalog.release (model_id, deployment_id, strategy) VALUES (model, made, strategy);
	ELSE
		PERFORM FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = 'primary';
		IF NOT FOUND THEN
			RAISE EXCEPTION 'no version of model "%" is deployed', model_name
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Deploy one directly first.';
		END IF;
		IF strategy IN ('shadow', 'segment') THEN
			PERFORM FROM mlops_catalog.deployment_route AS r
				WHERE r.model_id = model AND r.kind = 'share' AND r.variant <> 'primary' AND r.key <> key;
			IF FOUND THEN
				RAISE EXCEPTION 'the release of model "%" that is under way has another key', model_name
					USING ERRCODE = 'invalid_parameter_value', HINT = 'A model has one key at a time; leave it out here.';
			END IF;
			SELECT count(*) + 1 INTO place FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.kind = strategy;
			made := mlops_catalog.begin_deployment(caller, model, mlops_catalog.version_to_deploy(caller, model, model_name, version_number,
					strategy <> 'shadow'), 'deploy', strategy, threshold, note, key);
			IF strategy = 'segment' THEN
				PERFORM mlops_catalog.check_rule(rule);
				PERFORM mlops_catalog.check_rule_types(caller, rule, d.version_id) FROM mlops_catalog.deployment AS d WHERE d.deployment_id = made;
				SELECT coalesce(max(r.position), 0) + 1 INTO place FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.kind = 'segment';
			END IF;
			variant_name := coalesce(variant_name, CASE strategy WHEN 'shadow' THEN 'shadow_' || version_number ELSE 'segment_' || place END);
			DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name AND r.kind = strategy;
			INSERT INTO mlops_catalog.deployment_route AS r (model_id, variant, version_id, percent, threshold, deployment_id, kind, position, rule)
				SELECT model, variant_name, d.version_id, 0, threshold, made, strategy, place, rule
				FROM mlops_catalog.deployment AS d WHERE d.deployment_id = made;
			PERFORM mlops_catalog.give_rest_to_primary(caller, model, key);
		ELSE
			PERFORM mlops_catalog.refuse_second_release(caller, model, model_name);
			FOR test IN SELECT * FROM mlops_catalog.test_variants(caller, variants, version_number, percent, threshold,
					coalesce(variant_name, CASE strategy WHEN 'canary' THEN 'canary' ELSE 'challenger' END)) LOOP
				IF made IS NULL THEN
					made := mlops_catalog.begin_deployment(caller, model, mlops_catalog.version_to_deploy(caller, model, model_name, test.version, false),
						'deploy', strategy, test.threshold, note, key, guard, ramp, metric);
				END IF;
				place := place + 1;
				INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, threshold, deployment_id, kind, position, key)
					VALUES (model, test.variant, mlops_catalog.version_to_deploy(caller, model, model_name, test.version, true), test.percent,
						test.threshold, made, 'share', place, key);
			END LOOP;
			PERFORM mlops_catalog.give_rest_to_primary(caller, model, key);
			INSERT INTO mlops_catalog.release AS e (model_id, deployment_id, strategy) VALUES (model, made, strategy)
				ON CONFLICT (model_id) DO UPDATE SET deployment_id = excluded.deployment_id, strategy = excluded.strategy,
					paused = false, step = 1, step_started_at = excluded.step_started_at;
		END IF;
	END IF;
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.deployment_id = made;
END
$$;

-- ---- promote, pause, resume, abort, rollback

CREATE FUNCTION mlops.promote(model text, note text DEFAULT NULL, variant text DEFAULT NULL)
	RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.promote(text, text, text) IS
	'Makes a variant primary: it answers everything that was shared; by default the only variant of the release under way. Ends the release; segments stay';

CREATE FUNCTION mlops_catalog.promote(caller regrole, model_name text, note text, variant_name text)
	RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_for_release(caller, model_name);
	candidates text[];
	winner mlops_catalog.deployment_route;
	by_alias boolean := EXISTS (SELECT FROM mlops_catalog.release AS e WHERE e.model_id = model AND e.strategy = 'champion_challenger');
	made bigint;
BEGIN
	IF variant_name IS NULL THEN
		SELECT array_agg(r.variant ORDER BY r.position) INTO candidates FROM mlops_catalog.deployment_route AS r
			WHERE r.model_id = model AND r.variant <> 'primary' AND (r.kind = 'share' OR r.variant = 'challenger' AND by_alias);
		IF candidates IS NULL THEN
			PERFORM mlops_catalog.release_under_way(caller, model_name);
			RAISE EXCEPTION 'the version of model "%" under release already answers everything', model_name
				USING ERRCODE = 'object_not_in_prerequisite_state';
		ELSIF cardinality(candidates) > 1 THEN
			RAISE EXCEPTION 'several variants of model "%" could be promoted', model_name
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Name one by "variant": %s.', array_to_string(candidates, ', '));
		END IF;
		variant_name := candidates[1];
	END IF;
	SELECT * INTO winner FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no variant "%"', model_name, variant_name
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.deployments lists its variants.';
	END IF;
	IF winner.kind = 'shadow' THEN	-- other variants passed the gate when they were deployed
		PERFORM mlops_catalog.enforce_gate(caller, model_name,
			(SELECT v.version FROM mlops_catalog.model_version AS v WHERE v.version_id = winner.version_id), 'promote');
	END IF;
	made := mlops_catalog.begin_deployment(caller, model, winner.version_id, 'promote',
		coalesce((SELECT e.strategy FROM mlops_catalog.release AS e WHERE e.model_id = model AND (winner.kind = 'share' OR variant_name = 'challenger' AND by_alias)),
			(SELECT d.strategy FROM mlops_catalog.deployment AS d WHERE d.deployment_id = winner.deployment_id)),
		winner.threshold, note, winner.key);
	DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
	PERFORM mlops_catalog.make_primary(caller, model, winner.version_id, winner.threshold, made, winner.key, true);
	PERFORM mlops_catalog.end_deployment(caller, made);
	IF by_alias AND variant_name = 'challenger' THEN
		PERFORM FROM mlops_catalog.set_alias(caller, model_name, 'champion',
			(SELECT v.version FROM mlops_catalog.model_version AS v WHERE v.version_id = winner.version_id));
	END IF;
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.deployment_id = made;
END
$$;

CREATE FUNCTION mlops_catalog.set_paused(caller regrole, model_name text, pause boolean, note text)
	RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_for_release(caller, model_name);
	e mlops_catalog.release := mlops_catalog.release_under_way(caller, model_name);
BEGIN
	IF e.paused = pause THEN
		RAISE EXCEPTION 'the release of model "%" is % paused', model_name, CASE WHEN pause THEN 'already' ELSE 'not' END
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	UPDATE mlops_catalog.release AS r SET paused = pause,
		step_started_at = CASE WHEN pause THEN r.step_started_at ELSE clock_timestamp() END WHERE r.model_id = model;
	PERFORM mlops_catalog.end_deployment(caller, mlops_catalog.begin_deployment(caller, model,
		(SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id),
		CASE WHEN pause THEN 'pause' ELSE 'resume' END, e.strategy, NULL, note));
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.model = model_name AND d.kind = 'share' ORDER BY d.variant = 'primary';
END
$$;
COMMENT ON FUNCTION mlops_catalog.set_paused(regrole, text, boolean, text) IS 'What mlops.pause and mlops.resume do';

CREATE FUNCTION mlops.pause(model text, note text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.pause(text, text) IS
	'Stops the ramp or the reallocation of the release under way: shares stay as they are until mlops.resume';
CREATE FUNCTION mlops_catalog.pause(caller regrole, model_name text, note text) RETURNS SETOF mlops.deployments
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM mlops_catalog.set_paused(caller, model_name, true, note) $$;

CREATE FUNCTION mlops.resume(model text, note text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.resume(text, text) IS 'Goes on with a paused release; the wait of its step begins anew';
CREATE FUNCTION mlops_catalog.resume(caller regrole, model_name text, note text) RETURNS SETOF mlops.deployments
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM mlops_catalog.set_paused(caller, model_name, false, note) $$;

CREATE FUNCTION mlops.abort(model text, note text DEFAULT NULL, variant text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.abort(text, text, text) IS
	'Ends the release under way and gives all shares back to primary, or takes away the one variant, shadow or segment that is named; returns what answers then';

CREATE FUNCTION mlops_catalog.abort(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_for_release(caller, model_name);
	e mlops_catalog.release;
	gone mlops_catalog.deployment_route;
	made bigint;
BEGIN
	IF variant_name IS NULL THEN
		e := mlops_catalog.release_under_way(caller, model_name);
		made := mlops_catalog.begin_deployment(caller, model,
			(SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), 'abort', e.strategy, NULL, note);
		DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant <> 'primary'
			AND (r.kind = 'share' OR r.variant = 'challenger' AND e.strategy = 'champion_challenger');
	ELSE
		SELECT * INTO gone FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
		IF NOT FOUND OR variant_name = 'primary' THEN
			RAISE EXCEPTION 'model "%" has no variant "%" that could be taken away', model_name, variant_name
				USING ERRCODE = 'undefined_object', HINT = 'View mlops.deployments lists its variants.';
		END IF;
		made := mlops_catalog.begin_deployment(caller, model, gone.version_id, 'abort',
			(SELECT d.strategy FROM mlops_catalog.deployment AS d WHERE d.deployment_id = gone.deployment_id), NULL, note);
		DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
	END IF;
	PERFORM mlops_catalog.give_rest_to_primary(caller, model, NULL);
	DELETE FROM mlops_catalog.release AS r WHERE r.model_id = model AND (variant_name IS NULL OR r.strategy <> 'direct' AND NOT EXISTS (
		SELECT FROM mlops_catalog.deployment_route AS o WHERE o.model_id = model AND o.kind = 'share' AND o.variant <> 'primary'));
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.model = model_name ORDER BY d.variant = 'primary' DESC, d.variant;
END
$$;

CREATE FUNCTION mlops.rollback(model text, to_version int DEFAULT NULL, reason text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.rollback(text, int, text) IS
	'Undoes the last release: gives the shares of a release under way back to primary, or else makes the previous distinct version primary again; with to_version, makes that one primary';

CREATE FUNCTION mlops_catalog.rollback(caller regrole, model_name text, to_version int, reason text) RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_for_release(caller, model_name);
	live mlops_catalog.deployment_route;
	went_live bigint;
	target record;
	made bigint;
BEGIN
	SELECT * INTO live FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = 'primary';
	IF to_version IS NOT NULL THEN
		-- what has answered before may do so again at any time
		SELECT mlops_catalog.version_to_deploy(caller, model, model_name, to_version, NOT EXISTS (
				SELECT FROM mlops_catalog.deployment AS d JOIN mlops_catalog.model_version AS v USING (version_id)
				WHERE d.model_id = model AND v.version = to_version AND d.strategy <> 'shadow')) AS version_id,
			NULL::float8 AS threshold INTO target;
	ELSIF EXISTS (SELECT FROM mlops_catalog.deployment_route AS r
			WHERE r.model_id = model AND r.kind = 'share' AND r.variant <> 'primary') THEN
		SELECT live.version_id, live.threshold INTO target;
	ELSE
		-- The version that was live before the present one went live: walk back
		-- over what made versions primary, past what a rollback has undone.
		SELECT coalesce(max(d.deployment_id) FILTER (WHERE d.action <> 'rollback'), max(d.deployment_id)) INTO went_live
			FROM mlops_catalog.deployment AS d WHERE d.model_id = model AND d.version_id = live.version_id
				AND mlops_catalog.made_primary(d.action, d.strategy);
		SELECT d.version_id, d.threshold INTO target FROM mlops_catalog.deployment AS d
			JOIN mlops_catalog.model_version AS v ON v.version_id = d.version_id AND v.dropped_at IS NULL
			WHERE d.model_id = model AND d.version_id <> live.version_id AND d.deployment_id < went_live
				AND mlops_catalog.made_primary(d.action, d.strategy)
			ORDER BY d.deployment_id DESC LIMIT 1;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'model "%" has no earlier deployment to go back to', model_name
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'View mlops.deployment_history lists its deployments.';
		END IF;
	END IF;
	made := mlops_catalog.begin_deployment(caller, model, target.version_id, 'rollback', 'direct', target.threshold, reason, live.key);
	PERFORM mlops_catalog.make_primary(caller, model, target.version_id, target.threshold, made, live.key, true);
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.deployment_id = made;
END
$$;
