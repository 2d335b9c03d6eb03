-- Guards of releases: figures of the variants since their step began, against
-- bounds; what fails is paused or rolled back, what holds goes on.

CREATE FUNCTION mlops_catalog.score_baseline(model text, version int) RETURNS bigint[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_score_baseline';
COMMENT ON FUNCTION mlops_catalog.score_baseline(text, int) IS
	'Rows in each of 64 equal bins of score when the version was judged';

-- There is one index: what check_drift says of (score), of the same bins merged
-- in the same way, so that a guard, a monitor and a check never disagree.
CREATE FUNCTION mlops_catalog.histogram_psi(expected bigint[], actual bigint[]) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_score_psi';
COMMENT ON FUNCTION mlops_catalog.histogram_psi(bigint[], bigint[]) IS
	'Population stability index between two histograms of scores, merged into about 20 bins of equal counts of the first; NULL if one is empty';

-- Of the variants that share the traffic; or of one shadow and of primary, then
-- on the decisions that primary answered, which both have scored.
CREATE FUNCTION mlops_catalog.variant_figures(caller regrole, model_id bigint, since timestamptz, shadow text)
	RETURNS TABLE (variant text, version int, decisions bigint, labelled_alerts bigint, latency_p95 float8, psi float8, alert_rate float8, "precision" float8,
		errors bigint, error_rate float8)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 4
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off	-- nobody has analyzed the decisions of today ...
	SET jit = off				-- ... and the price of what is off must not call for it
AS $$
	WITH decision AS NOT MATERIALIZED (
		SELECT p.variant, p.version, p.key, p.score, p.flagged, p.latency
		FROM mlops_catalog.prediction AS p
		WHERE p.model_id = $2 AND p.created_at >= $3 AND NOT p.shadow AND p.error IS NULL AND p.variant IS NOT NULL AND ($4 IS NULL OR p.variant = 'primary')
		UNION ALL
		SELECT s.variant, s.version, s.key, s.score, s.flagged, s.latency
		FROM mlops_catalog.prediction AS s JOIN mlops_catalog.prediction AS p USING (prediction_id)
		WHERE $4 IS NOT NULL AND s.model_id = $2 AND s.created_at >= $3 AND s.shadow AND s.error IS NULL AND s.variant = $4
			AND p.model_id = $2 AND p.created_at >= $3 AND NOT p.shadow AND p.error IS NULL AND p.variant = 'primary'),
	-- a variant in whose place primary answered is logged as a shadow of the answer
	failure AS (
		SELECT p.variant, p.version, count(*) AS n FROM mlops_catalog.prediction AS p
		WHERE p.model_id = $2 AND p.created_at >= $3 AND p.error IS NOT NULL GROUP BY 1, 2),
	figures AS (
		SELECT d.variant, d.version, count(*) AS decisions, avg(d.flagged::int)::float8 AS alert_rate,
			percentile_cont(0.95) WITHIN GROUP (ORDER BY d.latency) AS latency_p95
		FROM decision AS d GROUP BY d.variant, d.version),
	counted AS (
		SELECT d.variant, d.version, least(floor(d.score * 64)::int, 63) AS bin, count(*) AS n
		FROM decision AS d GROUP BY d.variant, d.version, bin),
	bins AS (
		SELECT f.variant, f.version, array_agg(coalesce(c.n, 0) ORDER BY i) AS n
		FROM figures AS f CROSS JOIN generate_series(0, 63) AS i
		LEFT JOIN counted AS c ON c.variant = f.variant AND c.version = f.version AND c.bin = i
		GROUP BY f.variant, f.version),
	outcome AS (
		SELECT DISTINCT ON (l.key) l.key, l.label FROM mlops_catalog.label AS l WHERE l.model_id = $2
		ORDER BY l.key, l.labelled_at DESC),
	alerts AS (
		SELECT d.variant, d.version, count(*) AS n, avg(o.label::int)::float8 AS "precision"
		FROM decision AS d JOIN outcome AS o USING (key) WHERE d.flagged GROUP BY d.variant, d.version)
	SELECT r.variant, v.version, coalesce(f.decisions, 0), coalesce(a.n, 0), f.latency_p95,
		mlops_catalog.histogram_psi(mlops_catalog.score_baseline(m.name, v.version), b.n), f.alert_rate, a."precision",
		coalesce(e.n, 0), coalesce(e.n, 0)::float8 / nullif(coalesce(e.n, 0) + coalesce(f.decisions, 0), 0)
	FROM mlops_catalog.deployment_route AS r
	JOIN mlops_catalog.model_version AS v USING (version_id)
	JOIN mlops_catalog.model AS m ON m.model_id = r.model_id
	LEFT JOIN figures AS f ON f.variant = r.variant AND f.version = v.version
	LEFT JOIN bins AS b ON b.variant = r.variant AND b.version = v.version
	LEFT JOIN alerts AS a ON a.variant = r.variant AND a.version = v.version
	LEFT JOIN failure AS e ON e.variant = r.variant AND e.version = v.version
	WHERE r.model_id = $2 AND CASE WHEN $4 IS NULL THEN r.kind = 'share' ELSE r.variant IN ('primary', $4) END
$$;
COMMENT ON FUNCTION mlops_catalog.variant_figures(regrole, bigint, timestamptz, text) IS
	'What guards bound, of the variants that share a model''s traffic, or of a shadow and of primary beside it';

CREATE TYPE mlops_catalog.guard_check AS (
	model text,
	variant text,
	figure text,
	value float8,
	required text,
	passed boolean,
	action text
);
COMMENT ON TYPE mlops_catalog.guard_check IS
	'One bound of a guard and what was found, passed is NULL while there is too little to judge by; or what was done about it';

CREATE FUNCTION mlops_catalog.evaluate_guard(caller regrole, model_name text, model_id bigint, since timestamptz, guard jsonb, direct boolean,
	shadow text DEFAULT NULL)
	RETURNS SETOF mlops_catalog.guard_check
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	champion jsonb;
	subject record;
	figures jsonb;
	bound record;
	result mlops_catalog.guard_check;
	allowed float8;
	enough boolean;
	needed bigint;
	base float8;
BEGIN
	IF guard - '{min_decisions,min_labels,on_failure}'::text[] = '{}' THEN
		RETURN;
	END IF;
	FOR subject IN SELECT f.*, to_jsonb(f) AS as_json FROM mlops_catalog.variant_figures(caller, model_id, since, shadow) AS f
			ORDER BY f.variant = 'primary' DESC, f.variant LOOP
		figures := subject.as_json;
		IF subject.variant = 'primary' AND NOT direct THEN
			champion := figures;
			CONTINUE;
		END IF;
		FOR bound IN SELECT g.key AS figure, b.key AS kind, (b.value)::float8 AS bound
				FROM jsonb_each(guard) AS g CROSS JOIN LATERAL jsonb_each(g.value) AS b
				WHERE g.key = ANY (mlops_catalog.guard_figures()) ORDER BY 1, 2 LOOP
			base := CASE WHEN bound.kind LIKE '%ratio' THEN (champion ->> bound.figure)::float8 ELSE 1 END;
			allowed := bound.bound * base;
			-- errors are counted, not estimated: one too many is one too many
			needed := CASE WHEN bound.figure = 'errors' THEN 0 WHEN bound.figure = 'precision' THEN coalesce((guard ->> 'min_labels')::float8, 30)
				ELSE coalesce((guard ->> 'min_decisions')::float8, 1000) END;
			enough := CASE bound.figure WHEN 'precision' THEN subject.labelled_alerts WHEN 'error_rate' THEN subject.decisions + subject.errors
					ELSE subject.decisions END >= needed
				AND (bound.kind NOT LIKE '%ratio' OR CASE WHEN bound.figure = 'precision' THEN (champion ->> 'labelled_alerts')::bigint
					ELSE (champion ->> 'decisions')::bigint END >= needed);
			result := (model_name, subject.variant, bound.figure, (figures ->> bound.figure)::float8,
				format('%s %s%s', CASE WHEN bound.kind LIKE 'max%' THEN 'at most' ELSE 'at least' END,
					coalesce(round(allowed::numeric, 6)::text, '?'),
					CASE WHEN bound.kind LIKE '%ratio' THEN format(' (%s of the champion''s %s)', bound.bound,
						coalesce(round(base::numeric, 6)::text, 'none')) ELSE '' END),
				NULL, NULL);
			IF enough AND result.value IS NOT NULL AND allowed IS NOT NULL THEN
				result.passed := CASE WHEN bound.kind LIKE 'max%' THEN result.value <= allowed ELSE result.value >= allowed END;
			ELSE
				result.action := 'waits for data';
			END IF;
			RETURN NEXT result;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.evaluate_guard(regrole, text, bigint, timestamptz, jsonb, boolean, text) IS
	'Checks every bound of a guard for every variant it is about, or for a shadow';

-- The next step of a ramp.  Returns what was done.
CREATE FUNCTION mlops_catalog.advance_ramp(caller regrole, model_name text, e mlops_catalog.release, ramp jsonb) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	next jsonb := ramp -> e.step;
	canary mlops_catalog.deployment_route;
	made bigint;
BEGIN
	IF (next ->> 'percent')::float8 = 100 THEN
		PERFORM FROM mlops_catalog.promote(caller, model_name, 'the ramp is complete', NULL);
		RETURN 'promoted';
	END IF;
	SELECT * INTO canary FROM mlops_catalog.deployment_route AS r
		WHERE r.model_id = e.model_id AND r.kind = 'share' AND r.variant <> 'primary';
	made := mlops_catalog.begin_deployment(caller, e.model_id, canary.version_id, 'ramp', e.strategy, canary.threshold,
		format('step %s of %s', e.step + 1, jsonb_array_length(ramp)), canary.key);
	UPDATE mlops_catalog.deployment_route AS r SET percent = (next ->> 'percent')::float8, deployment_id = made
		WHERE r.model_id = e.model_id AND r.variant = canary.variant;
	PERFORM mlops_catalog.give_rest_to_primary(caller, e.model_id, NULL);
	UPDATE mlops_catalog.release AS r SET step = r.step + 1, step_started_at = clock_timestamp() WHERE r.model_id = e.model_id;
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN format('advanced to %s %%', next ->> 'percent');
END
$$;
COMMENT ON FUNCTION mlops_catalog.advance_ramp(regrole, text, mlops_catalog.release, jsonb) IS 'Takes a ramp to its next step';

-- New shares of a bandit; NULL if they would be the same within a point.
CREATE FUNCTION mlops_catalog.reallocate(caller regrole, model_name text, e mlops_catalog.release, d mlops_catalog.deployment) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names text[];
	trials bigint[];
	successes bigint[];
	shares float8[];
	made bigint;
BEGIN
	SELECT array_agg(c.variant ORDER BY c.variant), array_agg(c.trials ORDER BY c.variant), array_agg(c.successes ORDER BY c.variant)
		INTO names, trials, successes FROM mlops_catalog.variant_counts(caller, e.model_id, d.deployed_at, d.metric, false) AS c;
	shares := mlops_catalog.thompson_shares(trials, successes, d.metric <> 'false_positive_rate',
		coalesce(d.min_percent / 100, least(0.05, 0.5 / cardinality(names))), 10000, e.deployment_id);
	PERFORM FROM mlops_catalog.deployment_route AS r JOIN unnest(names, shares) AS s(variant, share) USING (variant)
		WHERE r.model_id = e.model_id AND r.kind = 'share' AND abs(r.percent - 100 * s.share) >= 1;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	made := mlops_catalog.begin_deployment(caller, e.model_id,
		d.version_id, 'allocate', e.strategy, NULL,
		format('%s: %s', d.metric, (SELECT string_agg(format('%s %s of %s', s.variant, s.successes, s.trials), ', ')
			FROM unnest(names, successes, trials) AS s(variant, successes, trials))));
	UPDATE mlops_catalog.deployment_route AS r SET percent = 100 * s.share, deployment_id = made
		FROM unnest(names, shares) AS s(variant, share)
		WHERE r.model_id = e.model_id AND r.variant = s.variant AND r.kind = 'share' AND r.variant <> 'primary';
	PERFORM mlops_catalog.give_rest_to_primary(caller, e.model_id, NULL);
	PERFORM mlops_catalog.end_deployment(caller, made);
	RETURN (SELECT 'reallocated: ' || string_agg(format('%s %s %%', s.variant, round((100 * s.share)::numeric, 1)), ', ')
		FROM unnest(names, shares) AS s(variant, share));
END
$$;
COMMENT ON FUNCTION mlops_catalog.reallocate(regrole, text, mlops_catalog.release, mlops_catalog.deployment) IS 'Gives the variants of a bandit their shares by Thompson sampling';

-- What follows from failed checks of one variant.  Returns what was done.
CREATE FUNCTION mlops_catalog.stop_release(caller regrole, model_name text, e mlops_catalog.release, variant_name text, on_failure text, reason text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF on_failure = 'pause' THEN
		IF e.paused THEN
			RETURN 'paused already';
		END IF;
		PERFORM FROM mlops_catalog.pause(caller, model_name, reason, NULL);
		RETURN 'paused';
	ELSIF variant_name <> 'primary' THEN
		PERFORM FROM mlops_catalog.take_away(caller, model_name, reason, variant_name);
		RETURN 'rolled back';
	END IF;
	PERFORM FROM mlops_catalog.roll_back(caller, model_name, NULL, reason);
	RETURN 'rolled back';
EXCEPTION WHEN object_not_in_prerequisite_state THEN	-- a first deployment has nothing to go back to
	IF NOT e.paused THEN
		PERFORM FROM mlops_catalog.pause(caller, model_name, reason || '; there is no earlier version', NULL);
	END IF;
	RETURN 'nothing to roll back to';
END
$$;
COMMENT ON FUNCTION mlops_catalog.stop_release(regrole, text, mlops_catalog.release, text, text, text) IS 'Pauses or rolls back a variant whose guard failed';

CREATE FUNCTION mlops_catalog.guard_failure(checks mlops_catalog.guard_check[], variant text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'guard failed: ' || string_agg(format('%s is %s, must be %s', c.figure, round(c.value::numeric, 6), c.required), '; ')
	FROM unnest(checks) AS c WHERE c.variant = guard_failure.variant AND NOT c.passed
$$;
COMMENT ON FUNCTION mlops_catalog.guard_failure(mlops_catalog.guard_check[], text) IS 'Which bounds a variant failed; NULL if none';

-- Reading decisions may take a while, and nobody who wants to roll back has to
-- wait for it: these lock the model only afterwards, and look again.

CREATE FUNCTION mlops_catalog.check_shadow(caller regrole, model_name text, shadow mlops_catalog.deployment_route)
	RETURNS SETOF mlops_catalog.guard_check
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d mlops_catalog.deployment;
	checks mlops_catalog.guard_check[];
	reason text;
	done mlops_catalog.guard_check;
BEGIN
	SELECT * INTO d FROM mlops_catalog.deployment AS t WHERE t.deployment_id = shadow.deployment_id;
	checks := ARRAY(SELECT c FROM mlops_catalog.evaluate_guard(caller, model_name, shadow.model_id, d.deployed_at, d.guard, false, shadow.variant) AS c);
	RETURN QUERY SELECT * FROM unnest(checks);
	reason := mlops_catalog.guard_failure(checks, shadow.variant);
	IF reason IS NULL THEN
		RETURN;
	END IF;
	PERFORM mlops_catalog.lock_model(caller, model_name, 'deploy');
	PERFORM FROM mlops_catalog.deployment_route AS r WHERE r.model_id = shadow.model_id AND r.variant = shadow.variant
		AND r.deployment_id = shadow.deployment_id;
	IF NOT FOUND THEN	-- somebody changed it meanwhile
		RETURN;
	END IF;
	done.model := model_name;
	done.variant := shadow.variant;
	IF d.guard ->> 'on_failure' = 'pause' THEN
		PERFORM FROM mlops_catalog.pause(caller, model_name, reason, shadow.variant);
		done.action := 'paused';
	ELSE
		PERFORM FROM mlops_catalog.take_away(caller, model_name, reason, shadow.variant);
		done.action := 'dropped';
	END IF;
	RETURN NEXT done;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_shadow(regrole, text, mlops_catalog.deployment_route) IS
	'Checks the guard of a shadow; one that fails is dropped or paused';

CREATE FUNCTION mlops_catalog.check_release(caller regrole, model_name text, e mlops_catalog.release)
	RETURNS SETOF mlops_catalog.guard_check
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d mlops_catalog.deployment;
	ramp_step jsonb;
	guard jsonb;
	checks mlops_catalog.guard_check[];
	failed text[];
	step_is_over boolean;
	done mlops_catalog.guard_check;
BEGIN
	SELECT t.* INTO d FROM mlops_catalog.deployment AS t WHERE t.deployment_id = e.deployment_id;
	ramp_step := d.ramp -> (e.step - 1);
	guard := coalesce(ramp_step -> 'guard', d.guard);
	checks := ARRAY(SELECT c FROM mlops_catalog.evaluate_guard(caller, model_name, e.model_id, e.step_started_at, guard, e.strategy = 'direct') AS c);
	RETURN QUERY SELECT * FROM unnest(checks);
	failed := ARRAY(SELECT DISTINCT c.variant FROM unnest(checks) AS c WHERE NOT c.passed ORDER BY 1);
	step_is_over := d.ramp -> e.step IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(checks) AS c WHERE c.passed IS NULL)
		AND clock_timestamp() >= e.step_started_at + (ramp_step ->> 'wait')::interval;
	IF failed = '{}' AND (e.paused OR NOT (step_is_over OR e.strategy = 'bandit')) THEN
		RETURN;
	END IF;
	PERFORM mlops_catalog.lock_model(caller, model_name, 'deploy');
	PERFORM FROM mlops_catalog.release AS r WHERE r.model_id = e.model_id AND r.deployment_id = e.deployment_id
		AND r.step_started_at = e.step_started_at AND r.paused = e.paused;
	IF NOT FOUND THEN	-- somebody changed it meanwhile
		RETURN;
	END IF;

	done.model := model_name;
	FOREACH done.variant IN ARRAY failed LOOP
		done.action := mlops_catalog.stop_release(caller, model_name, e, done.variant, coalesce(guard ->> 'on_failure', 'rollback'),
			mlops_catalog.guard_failure(checks, done.variant));
		RETURN NEXT done;
	END LOOP;
	IF failed = '{}' THEN
		done.action := CASE WHEN e.strategy = 'bandit' THEN mlops_catalog.reallocate(caller, model_name, e, d)
			ELSE mlops_catalog.advance_ramp(caller, model_name, e, d.ramp) END;
		IF done.action IS NOT NULL THEN
			RETURN NEXT done;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_release(regrole, text, mlops_catalog.release) IS
	'Checks the guard of a release; stops what fails, else takes a ramp or a bandit on';

CREATE FUNCTION mlops_catalog.shadows_under_guard(caller regrole) RETURNS SETOF mlops_catalog.deployment_route
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.* FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.deployment AS d USING (deployment_id)
	WHERE r.kind = 'shadow' AND NOT r.paused AND d.guard <> '{}' ORDER BY r.model_id, r.variant
$$;
COMMENT ON FUNCTION mlops_catalog.shadows_under_guard(regrole) IS 'Shadows that are scored and have a guard';

CREATE FUNCTION mlops_catalog.models_to_check(caller regrole) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name FROM mlops_catalog.model AS m
	WHERE m.model_id IN (SELECT e.model_id FROM mlops_catalog.release AS e UNION SELECT s.model_id FROM mlops_catalog.shadows_under_guard(caller) AS s)
	ORDER BY m.name
$$;
COMMENT ON FUNCTION mlops_catalog.models_to_check(regrole) IS 'Models with a release under way or a shadow under guard';

CREATE FUNCTION mlops.check_guards(model text DEFAULT NULL)
	RETURNS TABLE (model text, variant text, figure text, value float8, required text, passed boolean, action text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.check_guards(text) IS
	'Checks the guards of shadows and of the release under way, of one model or of all you may deploy: pauses, drops or rolls back what fails, else takes a ramp whose wait is over to its next step and gives a bandit its new shares. Runs by itself where mlops is preloaded';

CREATE FUNCTION mlops_catalog.check_guards(caller regrole, model_name text) RETURNS SETOF mlops_catalog.guard_check
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint;
	name text;
	shadow mlops_catalog.deployment_route;
	e mlops_catalog.release;
BEGIN
	IF model_name IS NULL THEN
		FOR name IN SELECT * FROM mlops_catalog.models_to_check(caller) LOOP
			BEGIN
				RETURN QUERY SELECT * FROM mlops_catalog.check_guards(caller, name);
			EXCEPTION WHEN insufficient_privilege THEN
				NULL;	-- not the caller's to release
			END;
		END LOOP;
		RETURN;
	END IF;
	id := mlops_catalog.require(caller, model_name, 'deploy');
	FOR shadow IN SELECT s.* FROM mlops_catalog.shadows_under_guard(caller) AS s WHERE s.model_id = id LOOP
		RETURN QUERY SELECT * FROM mlops_catalog.check_shadow(caller, model_name, shadow);
	END LOOP;
	SELECT r.* INTO e FROM mlops_catalog.release AS r WHERE r.model_id = id;
	IF FOUND THEN
		RETURN QUERY SELECT * FROM mlops_catalog.check_release(caller, model_name, e);
	END IF;
END
$$;
