-- Guards of releases: figures of the variants since their step began, against
-- bounds; what fails is paused or rolled back, what holds goes on.

CREATE FUNCTION mlops_catalog.score_baseline(model text, version int) RETURNS bigint[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_score_baseline';
COMMENT ON FUNCTION mlops_catalog.score_baseline(text, int) IS
	'Rows in each of 64 equal bins of score when the version was judged';

-- Half a row is added to every bin, so that empty ones have a logarithm.
CREATE FUNCTION mlops_catalog.histogram_psi(expected bigint[], actual bigint[]) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN min(s.e) > 0 AND min(s.a) > 0 THEN sum((b.a - b.e) * ln(b.a / b.e)) END
	FROM (SELECT sum(x) AS e FROM unnest(expected) AS x) AS se(e), (SELECT sum(x) AS a FROM unnest(actual) AS x) AS sa(a),
	LATERAL (SELECT se.e::float8 AS e, sa.a::float8 AS a, cardinality(expected) AS n) AS s,
	LATERAL (SELECT (x.e + 0.5) / (s.e + 0.5 * s.n) AS e, (x.a + 0.5) / (s.a + 0.5 * s.n) AS a
		FROM ROWS FROM (unnest(expected), unnest(actual)) AS x(e, a)) AS b
$$;
COMMENT ON FUNCTION mlops_catalog.histogram_psi(bigint[], bigint[]) IS
	'Population stability index between two histograms with the same bins; NULL if one is empty';

CREATE FUNCTION mlops_catalog.variant_figures(caller regrole, model_id bigint, since timestamptz)
	RETURNS TABLE (variant text, version int, decisions bigint, labelled_alerts bigint, latency_p95 float8, psi float8, alert_rate float8, "precision" float8)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 4
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH figures AS (
		SELECT p.variant, p.version, percentile_cont(0.95) WITHIN GROUP (ORDER BY p.latency) AS latency_p95,
			avg(p.flagged::int)::float8 AS alert_rate
		FROM mlops_catalog.prediction AS p
		WHERE p.model_id = $2 AND p.created_at >= $3 AND NOT p.shadow AND p.variant IS NOT NULL
		GROUP BY p.variant, p.version),
	counted AS (
		SELECT p.variant, p.version, least(floor(p.score * 64)::int, 63) AS bin, count(*) AS n
		FROM mlops_catalog.prediction AS p
		WHERE p.model_id = $2 AND p.created_at >= $3 AND NOT p.shadow AND p.variant IS NOT NULL
		GROUP BY p.variant, p.version, bin),
	bins AS (
		SELECT f.variant, f.version, array_agg(coalesce(c.n, 0) ORDER BY i) AS n
		FROM figures AS f CROSS JOIN generate_series(0, 63) AS i
		LEFT JOIN counted AS c ON c.variant = f.variant AND c.version = f.version AND c.bin = i
		GROUP BY f.variant, f.version)
	SELECT c.variant, c.version, c.decisions, c.trials, f.latency_p95,
		mlops_catalog.histogram_psi(mlops_catalog.score_baseline(m.name, c.version), b.n),
		f.alert_rate, c.successes::float8 / nullif(c.trials, 0)
	FROM mlops_catalog.variant_counts(caller, $2, $3, 'precision') AS c
	JOIN mlops_catalog.model AS m ON m.model_id = $2
	LEFT JOIN figures AS f USING (variant, version)
	LEFT JOIN bins AS b USING (variant, version)
$$;
COMMENT ON FUNCTION mlops_catalog.variant_figures(regrole, bigint, timestamptz) IS 'What guards bound, of the variants that share a model''s traffic';

CREATE TYPE mlops_catalog.guard_check AS (
	model text,
	variant text,
	figure text,
	value float8,
	required text,
	passed boolean
);
COMMENT ON TYPE mlops_catalog.guard_check IS 'One bound of a guard and what was found; passed is NULL while there is too little to judge by';

CREATE FUNCTION mlops_catalog.evaluate_guard(caller regrole, model_name text, model_id bigint, since timestamptz, guard jsonb, direct boolean)
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
	FOR subject IN SELECT f.*, to_jsonb(f) AS as_json FROM mlops_catalog.variant_figures(caller, model_id, since) AS f
			ORDER BY f.variant = 'primary' DESC, f.variant LOOP
		figures := subject.as_json;
		IF subject.variant = 'primary' AND NOT direct THEN
			champion := figures;
			CONTINUE;
		END IF;
		FOR bound IN SELECT g.key AS figure, b.key AS kind, (b.value)::float8 AS bound
				FROM jsonb_each(guard) AS g CROSS JOIN LATERAL jsonb_each(g.value) AS b
				WHERE g.key IN ('latency_p95', 'psi', 'alert_rate', 'precision') ORDER BY 1, 2 LOOP
			base := CASE WHEN bound.kind LIKE '%ratio' THEN (champion ->> bound.figure)::float8 ELSE 1 END;
			allowed := bound.bound * base;
			needed := CASE WHEN bound.figure = 'precision' THEN coalesce((guard ->> 'min_labels')::float8, 30)
				ELSE coalesce((guard ->> 'min_decisions')::float8, 1000) END;
			enough := CASE WHEN bound.figure = 'precision' THEN subject.labelled_alerts ELSE subject.decisions END >= needed
				AND (bound.kind NOT LIKE '%ratio' OR CASE WHEN bound.figure = 'precision' THEN (champion ->> 'labelled_alerts')::bigint
					ELSE (champion ->> 'decisions')::bigint END >= needed);
			result := (model_name, subject.variant, bound.figure, (figures ->> bound.figure)::float8,
				format('%s %s%s', CASE WHEN bound.kind LIKE 'max%' THEN 'at most' ELSE 'at least' END,
					coalesce(round(allowed::numeric, 6)::text, '?'),
					CASE WHEN bound.kind LIKE '%ratio' THEN format(' (%s of the champion''s %s)', bound.bound,
						coalesce(round(base::numeric, 6)::text, 'none')) ELSE '' END),
				NULL);
			IF enough AND result.value IS NOT NULL AND allowed IS NOT NULL THEN
				result.passed := CASE WHEN bound.kind LIKE 'max%' THEN result.value <= allowed ELSE result.value >= allowed END;
			END IF;
			RETURN NEXT result;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.evaluate_guard(regrole, text, bigint, timestamptz, jsonb, boolean) IS
	'Checks every bound of a guard for every variant it is about';

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
CREATE FUNCTION mlops_catalog.reallocate(caller regrole, model_name text, e mlops_catalog.release, metric text, since timestamptz) RETURNS text
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
		INTO names, trials, successes FROM mlops_catalog.variant_counts(caller, e.model_id, since, metric) AS c;
	shares := mlops_catalog.thompson_shares(trials, successes, metric <> 'false_positive_rate', least(0.05, 0.5 / cardinality(names)), 10000,
		e.deployment_id);
	PERFORM FROM mlops_catalog.deployment_route AS r JOIN unnest(names, shares) AS s(variant, share) USING (variant)
		WHERE r.model_id = e.model_id AND r.kind = 'share' AND abs(r.percent - 100 * s.share) >= 1;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	made := mlops_catalog.begin_deployment(caller, e.model_id,
		(SELECT d.version_id FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), 'allocate', e.strategy, NULL,
		format('%s: %s', metric, (SELECT string_agg(format('%s %s of %s', s.variant, s.successes, s.trials), ', ')
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
COMMENT ON FUNCTION mlops_catalog.reallocate(regrole, text, mlops_catalog.release, text, timestamptz) IS 'Gives the variants of a bandit their shares by Thompson sampling';

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
		PERFORM FROM mlops_catalog.pause(caller, model_name, reason);
		RETURN 'paused';
	ELSIF variant_name <> 'primary' THEN
		PERFORM FROM mlops_catalog.abort(caller, model_name, reason, variant_name);
		RETURN 'rolled back';
	END IF;
	PERFORM FROM mlops_catalog.rollback(caller, model_name, NULL, reason);
	RETURN 'rolled back';
EXCEPTION WHEN object_not_in_prerequisite_state THEN	-- a first deployment has nothing to go back to
	IF NOT e.paused THEN
		PERFORM FROM mlops_catalog.pause(caller, model_name, reason || '; there is no earlier version');
	END IF;
	RETURN 'nothing to roll back to';
END
$$;
COMMENT ON FUNCTION mlops_catalog.stop_release(regrole, text, mlops_catalog.release, text, text, text) IS 'Pauses or rolls back a variant whose guard failed';

CREATE FUNCTION mlops.check_guards(model text DEFAULT NULL)
	RETURNS TABLE (model text, variant text, figure text, value float8, required text, passed boolean, action text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.check_guards(text) IS
	'Checks the guards of the release under way, of one model or of all you may deploy: pauses or rolls back what fails, else takes a ramp whose wait is over to its next step and gives a bandit its new shares. Runs by itself where mlops is preloaded';

CREATE FUNCTION mlops_catalog.check_guards(caller regrole, model_name text)
	RETURNS TABLE (model text, variant text, figure text, value float8, required text, passed boolean, action text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint;
	e mlops_catalog.release;
	d mlops_catalog.deployment;
	ramp_step jsonb;
	guard jsonb;
	c mlops_catalog.guard_check;
	failed jsonb := '{}';
	waiting boolean := false;
	step_is_over boolean;
BEGIN
	IF model_name IS NULL THEN
		FOR model IN SELECT m.name FROM mlops_catalog.release AS r JOIN mlops_catalog.model AS m USING (model_id) ORDER BY m.name LOOP
			BEGIN
				RETURN QUERY SELECT * FROM mlops_catalog.check_guards(caller, model);
			EXCEPTION WHEN insufficient_privilege THEN
				NULL;	-- not the caller's to release
			END;
		END LOOP;
		RETURN;
	END IF;
	id := mlops_catalog.require(caller, model_name, 'deploy');
	SELECT r.* INTO e FROM mlops_catalog.release AS r WHERE r.model_id = id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT t.* INTO d FROM mlops_catalog.deployment AS t WHERE t.deployment_id = e.deployment_id;
	ramp_step := d.ramp -> (e.step - 1);
	guard := coalesce(ramp_step -> 'guard', d.guard);

	-- reading decisions may take a while: nobody who wants to roll back has to
	-- wait for it, so the lock comes afterwards
	FOR c IN SELECT * FROM mlops_catalog.evaluate_guard(caller, model_name, id, e.step_started_at, guard, e.strategy = 'direct') LOOP
		model := c.model;
		variant := c.variant;
		figure := c.figure;
		value := c.value;
		required := c.required;
		passed := c.passed;
		action := CASE WHEN c.passed IS NULL THEN 'waits for data' END;
		RETURN NEXT;
		waiting := waiting OR c.passed IS NULL;
		IF NOT c.passed THEN
			failed := failed || jsonb_build_object(c.variant, coalesce(failed ->> c.variant || '; ', '') ||
				format('%s is %s, must be %s', c.figure, round(c.value::numeric, 6), c.required));
		END IF;
	END LOOP;
	step_is_over := NOT waiting AND d.ramp -> e.step IS NOT NULL
		AND clock_timestamp() >= e.step_started_at + (ramp_step ->> 'wait')::interval;
	IF failed = '{}' AND (e.paused OR NOT (step_is_over OR e.strategy = 'bandit')) THEN
		RETURN;
	END IF;
	PERFORM mlops_catalog.lock_for_release(caller, model_name);
	PERFORM FROM mlops_catalog.release AS r WHERE r.model_id = id AND r.deployment_id = e.deployment_id
		AND r.step_started_at = e.step_started_at AND r.paused = e.paused;
	IF NOT FOUND THEN	-- somebody changed it meanwhile
		RETURN;
	END IF;

	model := model_name;
	figure := NULL;
	value := NULL;
	required := NULL;
	passed := NULL;
	FOR variant IN SELECT jsonb_object_keys(failed) LOOP
		action := mlops_catalog.stop_release(caller, model_name, e, variant, coalesce(guard ->> 'on_failure', 'rollback'),
			'guard failed: ' || (failed ->> variant));
		RETURN NEXT;
	END LOOP;
	IF failed <> '{}' THEN
		RETURN;
	END IF;
	variant := NULL;
	action := NULL;
	IF e.strategy = 'bandit' THEN
		action := mlops_catalog.reallocate(caller, model_name, e, d.metric, d.deployed_at);
	ELSE
		action := mlops_catalog.advance_ramp(caller, model_name, e, d.ramp);
	END IF;
	IF action IS NOT NULL THEN
		RETURN NEXT;
	END IF;
END
$$;
