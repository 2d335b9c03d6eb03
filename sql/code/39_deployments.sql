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
COMMENT ON VIEW mlops.deployments IS 'Variants of each model that answer now';
COMMENT ON COLUMN mlops.deployments.model IS 'Model';
COMMENT ON COLUMN mlops.deployments.version IS 'Version that answers';
COMMENT ON COLUMN mlops.deployments.strategy IS 'How traffic was moved';
COMMENT ON COLUMN mlops.deployments.variant IS 'Name of the variant; primary answers the rows that no other variant does';
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
COMMENT ON VIEW mlops.deployment_history IS 'Every change of a model''s route';
COMMENT ON COLUMN mlops.deployment_history.model IS 'Model';
COMMENT ON COLUMN mlops.deployment_history.deployment_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops.deployment_history.version IS 'Version it was about';
COMMENT ON COLUMN mlops.deployment_history.action IS 'deploy, ramp, allocate, promote, pause, resume, abort, rollback (by mlops.rollback, or by a guard, also of a share or shadow that failed) or undeploy';
COMMENT ON COLUMN mlops.deployment_history.strategy IS 'How traffic was moved';
COMMENT ON COLUMN mlops.deployment_history.threshold IS 'Threshold of the version from then on, or until then if the version was taken away';
COMMENT ON COLUMN mlops.deployment_history.key IS 'Column whose hash chooses the variant';
COMMENT ON COLUMN mlops.deployment_history.guard IS 'Guard that had to hold';
COMMENT ON COLUMN mlops.deployment_history.ramp IS 'Steps of its traffic';
COMMENT ON COLUMN mlops.deployment_history.metric IS 'Metric that its variants are compared by';
COMMENT ON COLUMN mlops.deployment_history.min_percent IS 'Least share of each variant of a bandit';
COMMENT ON COLUMN mlops.deployment_history.routes IS 'Variants that answered from then on';
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
			f.version AS former, mlops_catalog.question(f.target, f.positive) AS predicted, nullif((b ->> 'threshold')::float8, f.threshold) AS threshold, r.kind, r.variant
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		CROSS JOIN LATERAL jsonb_array_elements(mlops_catalog.former_routes(d)) AS b
		JOIN mlops_catalog.model_version AS f ON f.model_id = d.model_id AND f.version = (b ->> 'version')::int
		WHERE r.deployment_id = d.deployment_id AND b ->> 'variant' = 'primary' ORDER BY v.version
	LOOP
		CONTINUE WHEN other.predicts = other.predicted;
		RAISE WARNING 'version % of model "%" predicts %, but version %, which has answered so far, predicts %',
				other.version, model, left(other.predicts, 200), other.former, left(other.predicted, 200)
			USING DETAIL = 'Scores, thresholds, labels and metrics of the two are about different things.',
				HINT = format('If that was a slip, SELECT * FROM mlops.%s undoes it. A model of its own answers another question.', CASE
					WHEN d.action = 'rollback' THEN format('deploy(%L, %s%s)', model, other.former, ', threshold => ' || other.threshold)
					WHEN other.variant = 'primary' THEN format('rollback(%L)', model)
					WHEN other.kind = 'share' THEN format('abort(%L)', model) ELSE format('abort(%L, variant => %L)', model, other.variant) END);
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
	IF d.action = 'rollback' AND mlops_catalog.made_primary(d.action, d.strategy) AND left_production THEN
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
