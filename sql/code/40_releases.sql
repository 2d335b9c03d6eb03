-- Releases: what answers for a model, and how it gets there.
--
-- deployment_route holds what answers now, deployment every change there was,
-- release what is under way: a share that grows, a test between variants, or a
-- direct deployment under guard.  All three change under a lock on the model's
-- row, so that two changes at once come one after the other.

CREATE VIEW mlops.deployments WITH (security_barrier) AS
SELECT m.name AS model, v.version, d.strategy, r.variant, r.kind, r.percent, r.key, r.rule,
	COALESCE(r.threshold, v.threshold) AS threshold,
	CASE WHEN r.paused OR e.paused AND r.kind OPERATOR(pg_catalog.=) 'share' THEN 'paused'
		WHEN e.model_id IS NOT NULL AND r.kind OPERATOR(pg_catalog.=) 'share' THEN 'running' END AS release,
	CASE WHEN r.kind OPERATOR(pg_catalog.=) 'share' THEN e.step END AS step,
	d.action, d.note, d.deployment_id, d.deployed_by, d.deployed_at
FROM mlops_catalog.deployment_route r
JOIN mlops_catalog.deployment d ON d.deployment_id OPERATOR(pg_catalog.=) r.deployment_id
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) r.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) r.model_id
LEFT JOIN mlops_catalog.release e ON e.model_id OPERATOR(pg_catalog.=) r.model_id
WHERE mlops_catalog.may_see(m.owner, m.model_id);
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
COMMENT ON COLUMN mlops.deployments.release IS 'running or paused while a release is under way; paused for a shadow that is not scored';
COMMENT ON COLUMN mlops.deployments.step IS 'Step of its ramp';
COMMENT ON COLUMN mlops.deployments.action IS 'What put it there: deploy, ramp, allocate, promote, abort or rollback';
COMMENT ON COLUMN mlops.deployments.note IS 'Why';
COMMENT ON COLUMN mlops.deployments.deployment_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops.deployments.deployed_by IS 'Who';
COMMENT ON COLUMN mlops.deployments.deployed_at IS 'When';
GRANT SELECT ON mlops.deployments TO PUBLIC;

CREATE VIEW mlops.deployment_history WITH (security_barrier) AS
SELECT m.name AS model, d.deployment_id, v.version, d.action, d.strategy, COALESCE(d.threshold, v.threshold) AS threshold,
	d.key, d.guard, d.ramp, d.metric, d.min_percent, d.routes, d.note, d.deployed_by, d.deployed_at
FROM mlops_catalog.deployment d
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) d.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) d.model_id
WHERE mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.deployment_history IS 'Every change of what answers for a model';
COMMENT ON COLUMN mlops.deployment_history.model IS 'Model';
COMMENT ON COLUMN mlops.deployment_history.deployment_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops.deployment_history.version IS 'Version it was about';
COMMENT ON COLUMN mlops.deployment_history.action IS 'deploy, ramp, allocate, promote, pause, resume, abort, rollback or undeploy';
COMMENT ON COLUMN mlops.deployment_history.strategy IS 'How traffic was moved';
COMMENT ON COLUMN mlops.deployment_history.threshold IS 'Threshold of the version from then on, or until then where it was taken away';
COMMENT ON COLUMN mlops.deployment_history.key IS 'Column whose hash chooses the variant';
COMMENT ON COLUMN mlops.deployment_history.guard IS 'What had to hold';
COMMENT ON COLUMN mlops.deployment_history.ramp IS 'Steps of its traffic';
COMMENT ON COLUMN mlops.deployment_history.metric IS 'What its variants are compared by';
COMMENT ON COLUMN mlops.deployment_history.min_percent IS 'Least share of each variant of a bandit';
COMMENT ON COLUMN mlops.deployment_history.routes IS 'What answered from then on';
COMMENT ON COLUMN mlops.deployment_history.note IS 'Why';
COMMENT ON COLUMN mlops.deployment_history.deployed_by IS 'Who';
COMMENT ON COLUMN mlops.deployment_history.deployed_at IS 'When';
GRANT SELECT ON mlops.deployment_history TO PUBLIC;

-- ---- steps that all changes are made of

CREATE FUNCTION mlops_catalog.version_to_deploy(caller regrole, model_id bigint, model_name text, version int, gated boolean,
	threshold float8 DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.version_named(caller, model_name, version);
BEGIN
	IF gated THEN
		PERFORM mlops_catalog.enforce_gate(caller, model_name, version, 'deploy', threshold);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.version_to_deploy(regrole, bigint, text, int, boolean, float8) IS
	'Identity of a version that may be deployed; gated: an error if it does not pass the model''s gate with this threshold';

CREATE FUNCTION mlops_catalog.begin_deployment(caller regrole, model_id bigint, version_id bigint, action text, strategy text,
	threshold float8, note text, key name DEFAULT NULL, guard jsonb DEFAULT '{}', ramp jsonb DEFAULT '[]', metric text DEFAULT 'precision',
	min_percent float8 DEFAULT NULL)
	RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO mlops_catalog.deployment (model_id, version_id, action, strategy, threshold, note, deployed_by, key, guard, ramp, metric, min_percent)
	VALUES (begin_deployment.model_id, begin_deployment.version_id, begin_deployment.action, begin_deployment.strategy, begin_deployment.threshold, begin_deployment.note, caller, begin_deployment.key, begin_deployment.guard, begin_deployment.ramp, begin_deployment.metric, begin_deployment.min_percent) RETURNING deployment_id
$$;
COMMENT ON FUNCTION mlops_catalog.begin_deployment(regrole, bigint, bigint, text, text, float8, text, name, jsonb, jsonb, text, float8) IS
	'Records a change of routes that is about to be made';

CREATE FUNCTION mlops_catalog.former_routes(d mlops_catalog.deployment) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.routes FROM mlops_catalog.deployment AS p
	WHERE p.model_id = d.model_id AND p.deployment_id < d.deployment_id ORDER BY p.deployment_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.former_routes(mlops_catalog.deployment) IS 'What answered before a change';

-- Versions of a model answer one question, as its thresholds, labels and monitors do.
-- A mistyped target answers another one with scores that look like any other's.
CREATE FUNCTION mlops_catalog.question(target name, positive text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('"%s"', target) || CASE WHEN positive NOT IN ('true', 't', '1') THEN format(' = "%s"', positive) ELSE '' END
$$;
COMMENT ON FUNCTION mlops_catalog.question(name, text) IS 'What a version predicts: its target, and what counts as positive unless it is true or 1';

CREATE FUNCTION mlops_catalog.warn_of_other_question(caller regrole, d mlops_catalog.deployment, model text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	other record;
BEGIN
	FOR other IN
		SELECT DISTINCT v.version, mlops_catalog.question(v.target, v.positive) AS predicts,
			f.version AS former, mlops_catalog.question(f.target, f.positive) AS predicted
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		CROSS JOIN LATERAL jsonb_array_elements(mlops_catalog.former_routes(d)) AS b
		JOIN mlops_catalog.model_version AS f ON f.model_id = d.model_id AND f.version = (b ->> 'version')::int
		WHERE r.deployment_id = d.deployment_id AND b ->> 'variant' = 'primary' ORDER BY v.version
	LOOP
		CONTINUE WHEN other.predicts = other.predicted;
		RAISE WARNING 'version % of model "%" predicts %, but version %, which has answered so far, predicts %',
				other.version, model, left(other.predicts, 200), other.former, left(other.predicted, 200)
			USING DETAIL = 'Scores, thresholds, labels and metrics of the two are about different things.',
				HINT = format('If that was a slip, mlops.rollback(%1$L) or mlops.abort(%1$L) undoes it. A model of its own answers another question.', model);
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.warn_of_other_question(regrole, mlops_catalog.deployment, text) IS
	'A warning if a change makes versions answer that predict something else than what answered before';

CREATE FUNCTION mlops_catalog.tell_of_other_question(caller regrole, version_id bigint) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made record;
	others text[];
BEGIN
	SELECT m.name, v.model_id, v.version, mlops_catalog.question(v.target, v.positive) AS predicts INTO made
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) WHERE v.version_id = tell_of_other_question.version_id;
	-- what answers tells, else all there are
	others := ARRAY(SELECT DISTINCT mlops_catalog.question(o.target, o.positive) FROM mlops_catalog.model_version AS o
		LEFT JOIN mlops_catalog.deployment_route AS r ON r.version_id = o.version_id AND r.variant = 'primary'
		WHERE o.model_id = made.model_id AND o.version_id <> tell_of_other_question.version_id AND o.dropped_at IS NULL AND (r.version_id IS NOT NULL
			OR NOT EXISTS (SELECT FROM mlops_catalog.deployment_route AS p WHERE p.model_id = made.model_id AND p.variant = 'primary')) ORDER BY 1);
	IF others <> '{}' AND made.predicts <> ALL (others) THEN
		RAISE NOTICE 'versions of model "%" so far predict %; version % predicts %', made.name, left(array_to_string(others, ' or '), 200),
				made.version, left(made.predicts, 200)
			USING HINT = 'Thresholds, labels and monitors of a model are about one question; a model of its own answers another one.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_other_question(regrole, bigint) IS
	'A notice if a new version predicts something else than what answers, or, if nothing does, than all versions so far';

-- A version that answered until now and does so no longer leaves stage
-- production; a rollback gives the stage back with the traffic.
CREATE FUNCTION mlops_catalog.move_stages(caller regrole, d mlops_catalog.deployment, model text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	change record;
	left_production boolean := false;
BEGIN
	FOR change IN
		WITH before AS (
			SELECT DISTINCT (r ->> 'version')::int AS version
			FROM jsonb_array_elements(mlops_catalog.former_routes(d)) AS r
			WHERE r ->> 'kind' <> 'shadow')
		SELECT v.version_id, v.version FROM mlops_catalog.model_version AS v JOIN before AS b USING (version)
		WHERE v.model_id = d.model_id AND v.stage = 'production' AND NOT EXISTS (SELECT FROM mlops_catalog.deployment_route AS r
			WHERE r.model_id = d.model_id AND r.version_id = v.version_id AND r.kind <> 'shadow')
		ORDER BY v.version
	LOOP
		UPDATE mlops_catalog.model_version AS v SET stage = 'archived' WHERE v.version_id = change.version_id;
		PERFORM mlops_catalog.audit(caller, 'set_stage', model, change.version, jsonb_build_object('from', 'production', 'to', 'archived',
			'note', format('answers no longer: %s', d.action), 'deployment_id', d.deployment_id));
		left_production := true;
	END LOOP;
	IF d.action = 'rollback' AND left_production THEN
		UPDATE mlops_catalog.model_version AS v SET stage = 'production' WHERE v.version_id = d.version_id AND v.stage = 'archived'
			RETURNING v.version INTO change;
		IF FOUND THEN
			PERFORM mlops_catalog.audit(caller, 'set_stage', model, change.version, jsonb_build_object('from', 'archived', 'to', 'production',
				'note', 'answers again: rollback', 'deployment_id', d.deployment_id));
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.move_stages(regrole, mlops_catalog.deployment, text) IS
	'Archives versions in production that a change left without traffic; after a rollback the version that answers again is in production';

CREATE FUNCTION mlops_catalog.routes_now(model_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_agg(mlops_catalog.without_nulls(jsonb_build_object('variant', r.variant, 'version', v.version, 'kind', r.kind,
			'percent', CASE WHEN r.kind = 'share' THEN r.percent END,
			'threshold', coalesce(r.threshold, v.threshold), 'rule', r.rule))
		ORDER BY array_position('{segment,share,shadow}', r.kind), r.position, r.variant), '[]')
	FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
	WHERE r.model_id = routes_now.model_id
$$;
COMMENT ON FUNCTION mlops_catalog.routes_now(bigint) IS 'What answers for a model now: variant, version, kind, percent, threshold and rule of each route';

CREATE FUNCTION mlops_catalog.end_deployment(caller regrole, made bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d mlops_catalog.deployment;
	version int;
	model text;
BEGIN
	UPDATE mlops_catalog.deployment AS t SET routes = mlops_catalog.routes_now(t.model_id)
	WHERE t.deployment_id = made RETURNING t.* INTO d;
	SELECT m.name, v.version INTO model, version FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
		WHERE v.version_id = d.version_id;
	PERFORM mlops_catalog.audit(caller, d.action, model, version, jsonb_build_object(
		'deployment_id', d.deployment_id, 'strategy', d.strategy, 'threshold', d.threshold, 'note', d.note,
		'key', d.key, 'guard', d.guard, 'ramp', d.ramp, 'routes', d.routes));
	PERFORM mlops_catalog.move_stages(caller, d, model);
	PERFORM mlops_catalog.warn_of_other_question(caller, d, model);
	IF d.action IN ('deploy', 'undeploy') THEN		-- what else changes routes is a release that moves on
		PERFORM mlops_catalog.state_route(caller, d.model_id, coalesce(mlops_catalog.current_route(caller, d.model_id), '{}'));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.end_deployment(regrole, bigint) IS
	'Completes the record of a change: what answers from now on, and an entry of the audit log';

-- The share of primary is what the other shares leave.
CREATE FUNCTION mlops_catalog.give_rest_to_primary(caller regrole, model_id bigint, key name) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE mlops_catalog.deployment_route AS r SET key = coalesce(give_rest_to_primary.key, r.key),
		percent = greatest(0, 100 - coalesce((SELECT sum(o.percent) FROM mlops_catalog.deployment_route AS o
			WHERE o.model_id = give_rest_to_primary.model_id AND o.kind = 'share' AND o.variant <> 'primary'), 0))
	WHERE r.model_id = give_rest_to_primary.model_id AND r.variant = 'primary'
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
	former_key name := (SELECT r.key FROM mlops_catalog.deployment_route AS r WHERE r.model_id = make_primary.model_id AND r.variant = 'primary');
BEGIN
	DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = make_primary.model_id
		AND (r.kind = 'share' OR r.kind = 'segment' AND NOT make_primary.keep_segments OR r.kind = 'shadow' AND r.version_id = make_primary.version_id);
	INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, threshold, deployment_id, kind, position, key)
		VALUES (make_primary.model_id, 'primary', make_primary.version_id, 100, make_primary.threshold, make_primary.deployment_id, 'share', 1000000, coalesce(make_primary.key, former_key));
	DELETE FROM mlops_catalog.release AS e WHERE e.model_id = make_primary.model_id;
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
	IF EXISTS (SELECT FROM mlops_catalog.release AS e JOIN mlops_catalog.strategies() AS s ON s.name = e.strategy WHERE e.model_id = model AND s.lays <> 'primary') THEN
		RAISE EXCEPTION 'a release of model "%" is under way', model_name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = format('Run SELECT * FROM mlops.promote(%L) or mlops.abort(%L) first.', model_name, model_name);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_second_release(regrole, bigint, text) IS 'An error if shares of a model''s traffic are already being moved';

CREATE FUNCTION mlops_catalog.refuse_taken_variant(caller regrole, model bigint, model_name text, variant_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name) THEN
		RAISE EXCEPTION 'model "%" already has a variant "%"', model_name, variant_name
			USING ERRCODE = 'duplicate_object',
				HINT = format('Name yours by "variant", or run SELECT * FROM mlops.abort(%L, variant => %L) first.', model_name, variant_name);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_taken_variant(regrole, bigint, text, text) IS 'An error if a model has a variant of this name';

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
	strategy text;
	made bigint;
BEGIN
	IF mlops_catalog.is_applying_changes() THEN	-- the route comes from the publisher too
		RETURN NULL;
	END IF;
	SELECT e.strategy INTO strategy FROM mlops_catalog.release AS e JOIN mlops_catalog.strategies() AS s ON s.name = e.strategy
		JOIN mlops_catalog.deployment_route AS r USING (model_id)
		WHERE e.model_id = NEW.model_id AND s.lays = 'aliases' AND r.variant = variant_name AND r.version_id <> NEW.version_id;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	made := mlops_catalog.begin_deployment(NEW.set_by, NEW.model_id,
		mlops_catalog.version_of_alias(NEW.set_by, NEW.model_id, model_name, NEW.alias),
		CASE NEW.alias WHEN 'champion' THEN 'deploy' ELSE 'allocate' END, strategy, NULL, format('alias "%s" was moved', NEW.alias),
		guard => (SELECT d.guard FROM mlops_catalog.release AS e JOIN mlops_catalog.deployment AS d USING (deployment_id) WHERE e.model_id = NEW.model_id));
	UPDATE mlops_catalog.deployment_route AS r SET version_id = NEW.version_id, threshold = NULL, deployment_id = made, paused = false
		WHERE r.model_id = NEW.model_id AND r.variant = variant_name;
	UPDATE mlops_catalog.release AS e SET step_started_at = clock_timestamp() WHERE e.model_id = NEW.model_id;
	PERFORM mlops_catalog.end_deployment(NEW.set_by, made);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.follow_alias() IS 'Trigger: routes a champion and challenger release by what its aliases stand for';
REVOKE ALL ON FUNCTION mlops_catalog.follow_alias() FROM PUBLIC;

-- Did a change make its version primary?
CREATE FUNCTION mlops_catalog.made_primary(action text, strategy text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT made_primary.action IN ('promote', 'rollback') OR made_primary.action = 'deploy' AND EXISTS (
		SELECT FROM mlops_catalog.strategies() AS s WHERE s.name = made_primary.strategy AND s.lays IN ('primary', 'aliases'))
$$;
COMMENT ON FUNCTION mlops_catalog.made_primary(text, text) IS 'Did a change of this kind make its version primary?';

-- ---- deploy

-- The variants of a test as rows: those of "variants", or the one of "version".
CREATE FUNCTION mlops_catalog.test_variants(caller regrole, strategy text, variants jsonb, only_version int, only_percent float8, only_threshold float8, only_name text)
	RETURNS TABLE (variant text, version int, percent float8, threshold float8)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	spec record;
	total float8 := 0;
BEGIN
	IF test_variants.variants IS NULL AND test_variants.only_version IS NOT NULL THEN	-- check_deployment has looked at it
		RETURN QUERY SELECT test_variants.only_name, test_variants.only_version, test_variants.only_percent, test_variants.only_threshold;
		RETURN;
	ELSIF test_variants.variants IS NULL AND NOT EXISTS (SELECT FROM mlops_catalog.strategies() AS s WHERE s.name = test_variants.strategy AND 'variants' = ANY (s.takes)) THEN
		RAISE EXCEPTION 'strategy "%" needs "version"', test_variants.strategy
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Name the version that gets the share; the rest stays with what is deployed.';
	ELSIF test_variants.variants IS NULL THEN
		RAISE EXCEPTION 'a test takes either "version" and "percent" or "variants"'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write variants => ''{"b": {"version": 2, "percent": 30}, "c": {"version": 3, "percent": 30}}''; the rest stays with what is deployed.';
	END IF;
	PERFORM mlops_catalog.require_object('variants', test_variants.variants);
	IF (SELECT count(*) FROM jsonb_object_keys(test_variants.variants)) > 100 THEN
		RAISE EXCEPTION 'a test may have at most 100 variants' USING ERRCODE = 'program_limit_exceeded';
	END IF;
	FOR spec IN SELECT v.key, v.value FROM jsonb_each(test_variants.variants) AS v LOOP
		PERFORM mlops_catalog.check_variant(spec.key);
		PERFORM mlops_catalog.check_keys('variants.' || spec.key, spec.value, '{version,percent,threshold}');
		variant := spec.key;
		version := mlops_catalog.whole_number_in('variants.' || spec.key, spec.value, 'version', 1, 2147483647);
		percent := mlops_catalog.number_in('variants.' || spec.key, spec.value, 'percent', 0, 100);
		threshold := mlops_catalog.number_in('variants.' || spec.key, spec.value, 'threshold', 0, 1);
		IF version IS NULL OR percent IS NULL THEN
			RAISE EXCEPTION 'variant "%" needs "version" and "percent"', spec.key USING ERRCODE = 'invalid_parameter_value';
		END IF;
		total := total + percent;
		RETURN NEXT;
	END LOOP;
	IF total <= 0 OR total > 100 THEN
		RAISE EXCEPTION 'the shares of the variants add up to %', total || ' %'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'They must be above 0 % and leave the rest to what is deployed.',
				HINT = 'Give "percent".';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.test_variants(regrole, text, jsonb, int, float8, float8, text) IS 'Variants of a test, checked';

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
	metric text DEFAULT 'precision',
	min_percent float8 DEFAULT NULL)
	RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.deploy(text, int, text, float8, name, float8, jsonb, text, jsonb, jsonb, jsonb, text, text, float8) IS
	'Makes a version answer for its model, for all rows (direct), a share of keys (canary, ab, bandit), rows that fit a rule (segment) or beside it (shadow), from this transaction''s commit on, in every session and on every standby';

-- What strategies lay (lays of mlops_catalog.strategies()).  Each function gets what was
-- asked for as the row to be recorded, and returns the deployment it made.
CREATE FUNCTION mlops_catalog.begin_requested(caller regrole, asked mlops_catalog.deployment, version_id bigint) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.begin_deployment(caller, asked.model_id, begin_requested.version_id, 'deploy', asked.strategy, asked.threshold, asked.note,
		asked.key, asked.guard, asked.ramp, asked.metric, asked.min_percent)
$$;
COMMENT ON FUNCTION mlops_catalog.begin_requested(regrole, mlops_catalog.deployment, bigint) IS 'Records a deployment that was asked for';

CREATE FUNCTION mlops_catalog.deploy_primary(caller regrole, model_name text, asked mlops_catalog.deployment, version int) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.version_to_deploy(caller, asked.model_id, model_name, version, true, asked.threshold);
	made bigint := mlops_catalog.begin_requested(caller, asked, id);
BEGIN
	PERFORM mlops_catalog.make_primary(caller, asked.model_id, id, asked.threshold, made, asked.key, false);
	IF asked.guard <> '{}' THEN
		INSERT INTO mlops_catalog.release (model_id, deployment_id, strategy) VALUES (asked.model_id, made, asked.strategy);
	END IF;
	RETURN made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.deploy_primary(regrole, text, mlops_catalog.deployment, int) IS 'Lays a version that answers everything';

CREATE FUNCTION mlops_catalog.deploy_aliases(caller regrole, model_name text, asked mlops_catalog.deployment, percent float8) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	champion bigint := mlops_catalog.version_of_alias(caller, asked.model_id, model_name, 'champion');
	challenger bigint := mlops_catalog.version_of_alias(caller, asked.model_id, model_name, 'challenger');
	made bigint;
BEGIN
	-- a champion that answers already goes on with the threshold that it answers with
	asked.threshold := (SELECT r.threshold FROM mlops_catalog.deployment_route AS r
		WHERE r.model_id = asked.model_id AND r.variant = 'primary' AND r.version_id = champion);
	made := mlops_catalog.begin_requested(caller, asked, champion);
	PERFORM mlops_catalog.make_primary(caller, asked.model_id, champion, asked.threshold, made, asked.key, true);
	PERFORM mlops_catalog.refuse_taken_variant(caller, asked.model_id, model_name, 'challenger');
	INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, deployment_id, kind, position, key)
		VALUES (asked.model_id, 'challenger', challenger, coalesce(percent, 0), made,
			CASE WHEN percent IS NULL THEN 'shadow' ELSE 'share' END, 1, asked.key);
	PERFORM mlops_catalog.give_rest_to_primary(caller, asked.model_id, asked.key);
	INSERT INTO mlops_catalog.release (model_id, deployment_id, strategy) VALUES (asked.model_id, made, asked.strategy);
	RETURN made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.deploy_aliases(regrole, text, mlops_catalog.deployment, float8) IS
	'Lays the versions that aliases champion and challenger stand for; a challenger without a share is a shadow';

CREATE FUNCTION mlops_catalog.deploy_shares(caller regrole, model_name text, asked mlops_catalog.deployment, version int, percent float8,
	variants jsonb, variant text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	test record;
	id bigint;
	made bigint;
	place int := 0;
	n int := (SELECT count(*) + 1 FROM mlops_catalog.test_variants(caller, asked.strategy, variants, version, percent, asked.threshold, variant));
BEGIN
	IF NOT (asked.min_percent >= 0 AND asked.min_percent * n <= 100) THEN
		RAISE EXCEPTION '"min_percent" % is out of range', asked.min_percent
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('With %s variants it must be between 0 and %s.', n, 100.0::float8 / n);
	END IF;
	FOR test IN SELECT * FROM mlops_catalog.test_variants(caller, asked.strategy, variants, version, percent, asked.threshold, variant) LOOP
		id := mlops_catalog.version_to_deploy(caller, asked.model_id, model_name, test.version, true, test.threshold);
		asked.threshold := test.threshold;
		made := coalesce(made, mlops_catalog.begin_requested(caller, asked, id));
		place := place + 1;
		PERFORM mlops_catalog.refuse_taken_variant(caller, asked.model_id, model_name, test.variant);
		INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, threshold, deployment_id, kind, position, key)
			VALUES (asked.model_id, test.variant, id, test.percent, test.threshold, made, 'share', place, asked.key);
	END LOOP;
	PERFORM mlops_catalog.give_rest_to_primary(caller, asked.model_id, asked.key);
	INSERT INTO mlops_catalog.release AS e (model_id, deployment_id, strategy) VALUES (asked.model_id, made, asked.strategy)
		ON CONFLICT (model_id) DO UPDATE SET deployment_id = excluded.deployment_id, strategy = excluded.strategy,
			paused = false, step = 1, step_started_at = excluded.step_started_at;
	RETURN made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.deploy_shares(regrole, text, mlops_catalog.deployment, int, float8, jsonb, text) IS
	'Lays shares beside what answers';

CREATE FUNCTION mlops_catalog.deploy_beside(caller regrole, model_name text, asked mlops_catalog.deployment, kind text, version int,
	rule jsonb, variant_name text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.version_to_deploy(caller, asked.model_id, model_name, version, deploy_beside.kind <> 'shadow', asked.threshold);
	made bigint;
	place int := (SELECT coalesce(max(r.position), 0) + 1 FROM mlops_catalog.deployment_route AS r
		WHERE r.model_id = asked.model_id AND r.kind = deploy_beside.kind);
BEGIN
	IF rule IS NOT NULL THEN
		PERFORM mlops_catalog.check_rule(rule);
		PERFORM mlops_catalog.check_rule_types(caller, rule, id);
		PERFORM mlops_catalog.check_rule_columns(caller, rule, asked.model_id, model_name);
	END IF;
	PERFORM FROM mlops_catalog.deployment_route AS r
		WHERE r.model_id = asked.model_id AND r.kind = 'share' AND r.variant <> 'primary' AND r.key <> asked.key;
	IF FOUND THEN
		RAISE EXCEPTION 'the release of model "%" that is under way has another key', model_name
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A model has one key at a time; leave it out here.';
	END IF;
	variant_name := coalesce(variant_name, deploy_beside.kind || '_' || CASE deploy_beside.kind WHEN 'shadow' THEN version ELSE place END);
	DELETE FROM mlops_catalog.deployment_route AS r
		WHERE r.model_id = asked.model_id AND r.variant = variant_name AND r.kind = deploy_beside.kind;
	PERFORM mlops_catalog.refuse_taken_variant(caller, asked.model_id, model_name, variant_name);
	made := mlops_catalog.begin_requested(caller, asked, id);
	INSERT INTO mlops_catalog.deployment_route (model_id, variant, version_id, percent, threshold, deployment_id, kind, position, rule, rule_types)
		VALUES (asked.model_id, variant_name, id, 0, asked.threshold, made, deploy_beside.kind, place, rule, mlops_catalog.rule_types(rule, id));
	PERFORM mlops_catalog.give_rest_to_primary(caller, asked.model_id, asked.key);
	RETURN made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.deploy_beside(regrole, text, mlops_catalog.deployment, text, int, jsonb, text) IS
	'Lays a segment or a shadow; one of the same name is replaced';

CREATE FUNCTION mlops_catalog.deploy(caller regrole, model_name text, version int, strategy text, percent float8, key name,
	threshold float8, guard jsonb, note text, ramp jsonb, variants jsonb, rule jsonb, variant text, metric text,
	min_percent float8)
	RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	asked mlops_catalog.deployment;
	s record;
	share float8 := CASE WHEN percent IS DISTINCT FROM 100 THEN percent ELSE (ramp -> 0 -> 'percent')::float8 END;
	made bigint;
BEGIN
	asked.model_id := mlops_catalog.lock_model(caller, model_name, 'deploy');
	asked.strategy := strategy;
	asked.threshold := threshold;
	asked.note := note;
	asked.key := key;
	asked.guard := coalesce(guard, '{}');
	asked.ramp := coalesce(ramp, '[]');
	asked.metric := metric;
	asked.min_percent := min_percent;
	PERFORM mlops_catalog.check_deployment(asked, model_name, version, percent, variants, rule, variant);
	SELECT * INTO s FROM mlops_catalog.strategies() AS t WHERE t.name = asked.strategy;

	IF key IS NOT NULL THEN
		PERFORM mlops_catalog.check_key(caller, asked.model_id, model_name, key, s.lays IN ('shares', 'aliases'));
	END IF;
	IF s.lays IN ('shares', 'aliases') THEN
		PERFORM mlops_catalog.refuse_second_release(caller, asked.model_id, model_name);
	END IF;
	IF s.lays IN ('shares', 'beside') THEN
		PERFORM FROM mlops_catalog.deployment_route AS r WHERE r.model_id = asked.model_id AND r.variant = 'primary';
		IF NOT FOUND THEN
			RAISE EXCEPTION 'no version of model "%" is deployed', model_name
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Deploy one directly first.';
		END IF;
	END IF;
	made := CASE s.lays
		WHEN 'primary' THEN mlops_catalog.deploy_primary(caller, model_name, asked, version)
		WHEN 'aliases' THEN mlops_catalog.deploy_aliases(caller, model_name, asked, share)
		WHEN 'beside' THEN mlops_catalog.deploy_beside(caller, model_name, asked, s.kind, version, rule, variant)
		ELSE mlops_catalog.deploy_shares(caller, model_name, asked, version, coalesce(share, CASE WHEN variants IS NULL THEN percent END),
			variants, coalesce(variant, s.variant))
	END;
	PERFORM mlops_catalog.end_deployment(caller, made);
	IF asked.guard <> '{}' OR asked.ramp <> '[]' OR s.follows_labels THEN
		PERFORM mlops_catalog.warn_of_hindrance(caller, CASE WHEN asked.guard <> '{}' THEN 'guard' WHEN asked.ramp <> '[]' THEN 'ramp' ELSE strategy END, model_name);
	END IF;
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
	model bigint := mlops_catalog.lock_model(caller, model_name, 'deploy');
	candidates text[];
	winner mlops_catalog.deployment_route;
	released mlops_catalog.release_route;	-- empty for a shadow or a segment, which no release has laid
	made bigint;
BEGIN
	IF variant_name IS NULL THEN
		SELECT array_agg(r.variant ORDER BY r.position) INTO candidates FROM mlops_catalog.release_route AS r WHERE r.model_id = model;
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
			(SELECT v.version FROM mlops_catalog.model_version AS v WHERE v.version_id = winner.version_id), 'promote', winner.threshold);
	END IF;
	SELECT * INTO released FROM mlops_catalog.release_route AS r WHERE r.model_id = model AND r.variant = variant_name;
	made := mlops_catalog.begin_deployment(caller, model, winner.version_id, 'promote',
		coalesce(released.strategy, (SELECT d.strategy FROM mlops_catalog.deployment AS d WHERE d.deployment_id = winner.deployment_id)),
		winner.threshold, note, winner.key);
	DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
	PERFORM mlops_catalog.make_primary(caller, model, winner.version_id, winner.threshold, made, winner.key, true);
	PERFORM mlops_catalog.end_deployment(caller, made);
	IF released.lays = 'aliases' THEN
		PERFORM FROM mlops_catalog.set_alias(caller, model_name, 'champion',
			(SELECT v.version FROM mlops_catalog.model_version AS v WHERE v.version_id = winner.version_id));
	END IF;
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.deployment_id = made;
END
$$;

CREATE FUNCTION mlops_catalog.set_release_paused(caller regrole, model bigint, model_name text, pause boolean, note text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e mlops_catalog.release := mlops_catalog.release_under_way(caller, model_name);
BEGIN
	IF e.paused = pause THEN
		RAISE EXCEPTION 'the release of model "%" is % paused', model_name, CASE WHEN pause THEN 'already' ELSE 'not' END
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	UPDATE mlops_catalog.release AS r SET paused = pause,
		step_started_at = CASE WHEN pause THEN r.step_started_at ELSE clock_timestamp() END WHERE r.model_id = model;
	RETURN mlops_catalog.begin_deployment(caller, model,
		(SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id),
		CASE WHEN pause THEN 'pause' ELSE 'resume' END, e.strategy, NULL, note);
END
$$;
COMMENT ON FUNCTION mlops_catalog.set_release_paused(regrole, bigint, text, boolean, text) IS 'Pauses or resumes the release under way';

-- A shadow that is paused is not scored; resumed, its guard judges it anew.
CREATE FUNCTION mlops_catalog.set_shadow_paused(caller regrole, model bigint, model_name text, variant_name text, pause boolean, note text)
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	shadow mlops_catalog.deployment_route;
	d mlops_catalog.deployment;
	made bigint;
BEGIN
	SELECT * INTO shadow FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name AND r.kind = 'shadow';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no shadow "%"', model_name, variant_name
			USING ERRCODE = 'undefined_object', HINT = 'Only a release as a whole or a shadow can be paused; view mlops.deployments lists what there is.';
	ELSIF shadow.paused = pause THEN
		RAISE EXCEPTION 'shadow "%" of model "%" is % paused', variant_name, model_name, CASE WHEN pause THEN 'already' ELSE 'not' END
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	SELECT * INTO d FROM mlops_catalog.deployment AS t WHERE t.deployment_id = shadow.deployment_id;
	made := mlops_catalog.begin_deployment(caller, model, shadow.version_id, CASE WHEN pause THEN 'pause' ELSE 'resume' END,
		d.strategy, shadow.threshold, note, guard => d.guard);
	UPDATE mlops_catalog.deployment_route AS r SET paused = pause, deployment_id = made WHERE r.model_id = model AND r.variant = variant_name;
	RETURN made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.set_shadow_paused(regrole, bigint, text, text, boolean, text) IS 'Pauses or resumes a shadow';

CREATE FUNCTION mlops_catalog.set_paused(caller regrole, model_name text, pause boolean, note text, variant_name text)
	RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_model(caller, model_name, 'deploy');
BEGIN
	PERFORM mlops_catalog.end_deployment(caller, CASE WHEN variant_name IS NULL
		THEN mlops_catalog.set_release_paused(caller, model, model_name, pause, note)
		ELSE mlops_catalog.set_shadow_paused(caller, model, model_name, variant_name, pause, note) END);
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.model = model_name
		AND CASE WHEN variant_name IS NULL THEN d.kind = 'share' ELSE d.variant = variant_name END ORDER BY d.variant = 'primary';
END
$$;
COMMENT ON FUNCTION mlops_catalog.set_paused(regrole, text, boolean, text, text) IS 'What mlops.pause and mlops.resume do';

CREATE FUNCTION mlops.pause(model text, note text DEFAULT NULL, variant text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.pause(text, text, text) IS
	'Stops the ramp or the reallocation of the release under way, shares stay as they are until mlops.resume; or stops scoring the shadow that variant names';
CREATE FUNCTION mlops_catalog.pause(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM mlops_catalog.set_paused(caller, model_name, true, note, variant_name) $$;

CREATE FUNCTION mlops.resume(model text, note text DEFAULT NULL, variant text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.resume(text, text, text) IS
	'Goes on with a paused release, or with the paused shadow that variant names; the wait of its step, and what its guard looks at, begin anew';
CREATE FUNCTION mlops_catalog.resume(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM mlops_catalog.set_paused(caller, model_name, false, note, variant_name) $$;

CREATE FUNCTION mlops.abort(model text, note text DEFAULT NULL, variant text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.abort(text, text, text) IS
	'Ends the release under way and gives all shares back to primary, or takes away the one variant, shadow or segment that is named; returns what answers then';

-- What a person takes back, a policy must not put there again by itself; a
-- guard uses the function below.
CREATE FUNCTION mlops_catalog.abort(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM mlops_catalog.take_away(caller, model_name, note, variant_name);
	PERFORM mlops_catalog.suspend_retraining(caller, model_name, 'abort', note);
END
$$;

CREATE FUNCTION mlops_catalog.take_away(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_model(caller, model_name, 'deploy');
	e mlops_catalog.release;
	gone mlops_catalog.deployment_route;
	made bigint;
BEGIN
	IF variant_name IS NULL THEN
		e := mlops_catalog.release_under_way(caller, model_name);
		made := mlops_catalog.begin_deployment(caller, model,
			(SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), 'abort', e.strategy,
			(SELECT d.threshold FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), note);
		DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model
			AND r.variant IN (SELECT o.variant FROM mlops_catalog.release_route AS o WHERE o.model_id = model);
	ELSE
		SELECT * INTO gone FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
		IF NOT FOUND OR variant_name = 'primary' THEN
			RAISE EXCEPTION 'model "%" has no variant "%" that could be taken away', model_name, variant_name
				USING ERRCODE = 'undefined_object', HINT = 'View mlops.deployments lists its variants.';
		END IF;
		made := mlops_catalog.begin_deployment(caller, model, gone.version_id, 'abort',
			(SELECT d.strategy FROM mlops_catalog.deployment AS d WHERE d.deployment_id = gone.deployment_id), gone.threshold, note);
		DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
	END IF;
	PERFORM mlops_catalog.give_rest_to_primary(caller, model, NULL);
	DELETE FROM mlops_catalog.release AS r USING mlops_catalog.strategies() AS s
		WHERE r.model_id = model AND s.name = r.strategy AND (variant_name IS NULL OR s.lays <> 'primary'
			AND NOT EXISTS (SELECT FROM mlops_catalog.release_route AS o WHERE o.model_id = model));
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.model = model_name ORDER BY d.variant = 'primary' DESC, d.variant;
END
$$;

-- What went live and was not undone, as a stack: a rollback takes away what lies
-- above the version and threshold that it goes back to.
CREATE FUNCTION mlops_catalog.former_primaries(caller regrole, model bigint) RETURNS bigint[]
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d record;
	stack bigint[] := '{}';			-- deployments ...
	versions bigint[] := '{}';		-- ... their versions ...
	thresholds float8[] := '{}';	-- ... and what these flagged from
	place int;
BEGIN
	FOR d IN SELECT t.deployment_id, t.version_id, t.action, coalesce(t.threshold, v.threshold) AS threshold
			FROM mlops_catalog.deployment AS t JOIN mlops_catalog.model_version AS v USING (version_id)
			WHERE t.model_id = model AND mlops_catalog.made_primary(t.action, t.strategy) ORDER BY t.deployment_id LOOP
		place := CASE WHEN d.action = 'rollback' THEN (SELECT max(i) FROM generate_subscripts(stack, 1) AS i
			WHERE versions[i] = d.version_id AND thresholds[i] IS NOT DISTINCT FROM d.threshold) END;
		IF place IS NULL THEN
			stack := stack || d.deployment_id;
			versions := versions || d.version_id;
			thresholds := thresholds || d.threshold;
		ELSE
			stack := stack[1:place];
			versions := versions[1:place];
			thresholds := thresholds[1:place];
		END IF;
	END LOOP;
	RETURN stack;
END
$$;
COMMENT ON FUNCTION mlops_catalog.former_primaries(regrole, bigint) IS
	'Deployments that made versions of a model primary and were not undone, oldest first';

-- Threshold and key with which a version answered last: as primary, or, if it never
-- was, as another variant; no row if it never answered.
CREATE FUNCTION mlops_catalog.last_answer(caller regrole, model_id bigint, version_id bigint)
	RETURNS TABLE (threshold float8, key name)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.threshold, a.key FROM (
		SELECT true AS was_primary, d.deployment_id, d.threshold, d.key FROM mlops_catalog.deployment AS d
			WHERE d.model_id = last_answer.model_id AND d.version_id = last_answer.version_id AND mlops_catalog.made_primary(d.action, d.strategy)
		UNION ALL
		SELECT false, d.deployment_id, nullif((r ->> 'threshold')::float8, v.threshold), NULL
			FROM mlops_catalog.model_version AS v JOIN mlops_catalog.deployment AS d USING (model_id) CROSS JOIN LATERAL jsonb_array_elements(d.routes) AS r
			WHERE v.version_id = last_answer.version_id AND (r ->> 'version')::int = v.version AND r ->> 'kind' <> 'shadow') AS a
	ORDER BY a.was_primary DESC, a.deployment_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.last_answer(regrole, bigint, bigint) IS 'Threshold and key with which a version answered last; no row if it never did';

CREATE FUNCTION mlops.rollback(model text, to_version int DEFAULT NULL, note text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.rollback(text, int, text) IS
	'Undoes the last release: gives the shares of a release under way back to primary, or else makes primary again what answered before, another version or the same with another threshold, after mlops.undeploy the one that answered last; with to_version, makes that one primary, with the threshold that it had';

CREATE FUNCTION mlops_catalog.rollback(caller regrole, model_name text, to_version int, note text) RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM mlops_catalog.roll_back(caller, model_name, to_version, note);
	PERFORM mlops_catalog.suspend_retraining(caller, model_name, 'rollback', note);
END
$$;

CREATE FUNCTION mlops_catalog.rollback_target(caller regrole, model_id bigint, model_name text, to_version int,
	OUT version_id bigint, OUT threshold float8, OUT key name)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	live record;
BEGIN
	SELECT r.version_id, r.threshold, r.key, coalesce(r.threshold, v.threshold) AS flags_from INTO live
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE r.model_id = rollback_target.model_id AND r.variant = 'primary';
	IF to_version IS NOT NULL THEN
		version_id := mlops_catalog.version_named(caller, model_name, to_version);
		SELECT a.threshold, a.key INTO threshold, key FROM mlops_catalog.last_answer(caller, rollback_target.model_id, rollback_target.version_id) AS a;
		-- what has answered before may do so again at any time
		PERFORM mlops_catalog.version_to_deploy(caller, rollback_target.model_id, model_name, to_version, NOT FOUND);
	ELSIF EXISTS (SELECT FROM mlops_catalog.deployment_route AS r
			WHERE r.model_id = rollback_target.model_id AND r.kind = 'share' AND r.variant <> 'primary') THEN
		version_id := live.version_id;
		threshold := live.threshold;
	ELSE
		SELECT d.version_id, d.threshold, d.key INTO version_id, threshold, key
			FROM unnest(mlops_catalog.former_primaries(caller, rollback_target.model_id)) WITH ORDINALITY AS f(deployment_id, place)
			JOIN mlops_catalog.deployment AS d USING (deployment_id)
			JOIN mlops_catalog.model_version AS v ON v.version_id = d.version_id AND v.dropped_at IS NULL
			WHERE d.version_id IS DISTINCT FROM live.version_id OR coalesce(d.threshold, v.threshold) IS DISTINCT FROM live.flags_from
			ORDER BY f.place DESC LIMIT 1;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'model "%" has no earlier deployment to go back to', model_name
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'View mlops.deployment_history lists its deployments.';
		END IF;
	END IF;
	key := coalesce(live.key, rollback_target.key);
END
$$;
COMMENT ON FUNCTION mlops_catalog.rollback_target(regrole, bigint, text, int) IS 'What a rollback makes primary again: a version and the threshold that it had';

CREATE FUNCTION mlops_catalog.roll_back(caller regrole, model_name text, to_version int, note text) RETURNS SETOF mlops.deployments
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	model bigint := mlops_catalog.lock_model(caller, model_name, 'deploy');
	target record;
	made bigint;
BEGIN
	SELECT * INTO target FROM mlops_catalog.rollback_target(caller, model, model_name, to_version);
	made := mlops_catalog.begin_deployment(caller, model, target.version_id, 'rollback', 'direct', target.threshold, note, target.key);
	PERFORM mlops_catalog.make_primary(caller, model, target.version_id, target.threshold, made, target.key, true);
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.deployment_id = made;
END
$$;
COMMENT ON FUNCTION mlops_catalog.roll_back(regrole, text, int, text) IS 'What mlops.rollback does, also for guards: a retraining policy is not suspended';
COMMENT ON FUNCTION mlops_catalog.take_away(regrole, text, text, text) IS 'What mlops.abort does, also for guards: a retraining policy is not suspended';

CREATE FUNCTION mlops.undeploy(model text, note text DEFAULT NULL)
	RETURNS TABLE (model text, version int, variant text, kind text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.undeploy(text, text) IS
	'Takes a model out of service: nothing answers for its name from this transaction''s commit on, its versions stay. Returns what answered until now; mlops.rollback and mlops.deploy bring it back';

CREATE FUNCTION mlops_catalog.undeploy(caller regrole, model_name text, note text)
	RETURNS TABLE (model text, version int, variant text, kind text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, model_name, 'deploy');
	live mlops_catalog.deployment_route;
BEGIN
	SELECT * INTO live FROM mlops_catalog.deployment_route AS r WHERE r.model_id = id AND r.variant = 'primary';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no version of model "%" is deployed', model_name USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	RETURN QUERY SELECT model_name, v.version, r.variant, r.kind
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE r.model_id = id ORDER BY r.variant = 'primary' DESC, r.variant;
	DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = id;
	DELETE FROM mlops_catalog.release AS e WHERE e.model_id = id;
	PERFORM mlops_catalog.end_deployment(caller, mlops_catalog.begin_deployment(caller, id, live.version_id, 'undeploy', 'direct', live.threshold, note));
	PERFORM mlops_catalog.suspend_retraining(caller, model_name, 'undeploy', note);
END
$$;
