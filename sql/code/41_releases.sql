-- What becomes of a release: promoted, paused, resumed, aborted, rolled back.

CREATE FUNCTION mlops.promote(model text, note text DEFAULT NULL, variant text DEFAULT NULL)
	RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.promote(text, text, text) IS
	'Makes a variant primary, by default the only variant of the release under way: it answers all rows that were shared. Ends the release; segments stay';

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
	'Stops the ramp or the reallocation of the release under way: shares stay as they are until mlops.resume. Or stops scoring the shadow that variant names';
CREATE FUNCTION mlops_catalog.pause(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM mlops_catalog.set_paused(caller, model_name, true, note, variant_name) $$;

CREATE FUNCTION mlops.resume(model text, note text DEFAULT NULL, variant text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.resume(text, text, text) IS
	'Goes on with a paused release, or with the paused shadow that variant names. The wait of its step begins anew, and its guard counts from now on';
CREATE FUNCTION mlops_catalog.resume(caller regrole, model_name text, note text, variant_name text) RETURNS SETOF mlops.deployments
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM mlops_catalog.set_paused(caller, model_name, false, note, variant_name) $$;

CREATE FUNCTION mlops.abort(model text, note text DEFAULT NULL, variant text DEFAULT NULL) RETURNS SETOF mlops.deployments
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.abort(text, text, text) IS
	'Ends the release under way and gives all shares back to primary, or takes away the named variant, shadow or segment; returns the variants that then answer';

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

CREATE FUNCTION mlops_catalog.take_away(caller regrole, model_name text, note text, variant_name text, action text DEFAULT 'abort')
	RETURNS SETOF mlops.deployments
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
			(SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), take_away.action, e.strategy,
			(SELECT d.threshold FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), note);
		DELETE FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model
			AND r.variant IN (SELECT o.variant FROM mlops_catalog.release_route AS o WHERE o.model_id = model);
	ELSE
		SELECT * INTO gone FROM mlops_catalog.deployment_route AS r WHERE r.model_id = model AND r.variant = variant_name;
		IF NOT FOUND OR variant_name = 'primary' THEN
			RAISE EXCEPTION 'model "%" has no variant "%" that could be taken away', model_name, variant_name
				USING ERRCODE = 'undefined_object', HINT = 'View mlops.deployments lists its variants.';
		END IF;
		made := mlops_catalog.begin_deployment(caller, model, gone.version_id, take_away.action,
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
	'Undoes the last release: gives the shares of a release under way back to primary, or else makes the version primary that answered before (another version, or the same with another threshold; after mlops.undeploy the last one that answered). With to_version, makes that version primary, with the threshold that it had; a NULL to_version counts as not given';

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
COMMENT ON FUNCTION mlops_catalog.take_away(regrole, text, text, text, text) IS 'What mlops.abort does, also for guards, which call it a rollback: a retraining policy is not suspended';

CREATE FUNCTION mlops.undeploy(model text, note text DEFAULT NULL)
	RETURNS TABLE (model text, version int, variant text, kind text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.undeploy(text, text) IS
	'Takes a model out of service: from this transaction''s commit on nothing answers for its name; its versions stay. Returns the variants that answered until now; mlops.rollback and mlops.deploy bring the model back';

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
