-- Guards of releases: metrics of the variants since their step began, against
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

CREATE FUNCTION mlops_catalog.histogram_p_value(expected bigint[], actual bigint[]) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_score_psi_p_value';
COMMENT ON FUNCTION mlops_catalog.histogram_p_value(bigint[], bigint[]) IS
	'How likely as large an index is by chance; NULL if a histogram is empty';

-- Microseconds below which a share of the decisions took, from counts by steps of
-- 1 %: step n holds what is above 1.01^(n - 1) and at most 1.01^n.
CREATE FUNCTION mlops_catalog.latency_quantile(latencies jsonb, share float8) RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 1.01::float8 ^ min(c.step) FROM (
		SELECT x.key::int AS step, sum(x.value::bigint) OVER (ORDER BY x.key::int) AS below, sum(x.value::bigint) OVER () AS n
		FROM jsonb_each_text(latencies) AS x) AS c WHERE c.below >= share * c.n
$$;
COMMENT ON FUNCTION mlops_catalog.latency_quantile(jsonb, float8) IS 'A quantile of latencies counted in steps of 1 %, to within 1 %';

-- Whoever may still commit a decision began at this time or later; not later
-- than this transaction.  NULL: nobody can tell.  Take it before the snapshot
-- that the decisions are read with.
CREATE FUNCTION mlops_catalog.settled_until() RETURNS timestamptz
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN current_setting('transaction_isolation') = 'read committed'
			AND NOT EXISTS (SELECT FROM pg_prepared_xacts AS x WHERE x.database = current_database())
			AND NOT bool_or(a.xact_start IS NULL AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL))
		THEN least(min(a.xact_start), now()) END
	FROM pg_stat_activity AS a WHERE a.datname = current_database()
$$;
COMMENT ON FUNCTION mlops_catalog.settled_until() IS
	'Until when all decisions there will ever be are visible to a snapshot taken now; NULL if that cannot be told';

-- The query of the decisions that a guard judges: $1 is the model, $2 and $3 the
-- span of time, $4 the shadow.  A text, because a query that is planned for one
-- span opens one day's partition, and the join is only where there is a shadow.
CREATE FUNCTION mlops_catalog.judged_decisions(shadow text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'SELECT p.variant, p.version, p.key, p.score, p.flagged, p.latency, p.error IS NOT NULL AS failed FROM mlops_catalog.prediction AS p
		WHERE p.model_id = $1 AND p.created_at >= $2 AND p.created_at < $3 AND p.variant IS NOT NULL
			AND CASE WHEN p.error IS NOT NULL THEN true ELSE NOT p.shadow AND ($4 = '''' OR p.variant = ''primary'') END'
		|| CASE WHEN shadow = '' THEN '' ELSE ' UNION ALL
		SELECT s.variant, s.version, s.key, s.score, s.flagged, s.latency, false FROM mlops_catalog.prediction AS s JOIN mlops_catalog.prediction AS p USING (prediction_id)
		WHERE s.model_id = $1 AND s.created_at >= $2 AND s.created_at < $3 AND s.shadow AND s.error IS NULL AND s.variant = $4
			AND p.model_id = $1 AND p.created_at >= $2 AND p.created_at < $3 AND NOT p.shadow AND p.error IS NULL AND p.variant = ''primary''' END
$$;
COMMENT ON FUNCTION mlops_catalog.judged_decisions(text) IS
	'Query of the decisions that a guard judges: of the variants that share the traffic, or of a shadow and of primary beside it';

-- Counts of the decisions of a span of time, by variant.
CREATE FUNCTION mlops_catalog.count_decisions(caller regrole, model_id bigint, since timestamptz, until timestamptz, shadow text)
	RETURNS TABLE (variant text, version int, decisions bigint, flagged bigint, errors bigint, scores jsonb, latencies jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 4
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off	-- nobody has analyzed the decisions of today ...
	SET enable_seqscan = off	-- ... of which an index leads to the new ones ...
	SET jit = off				-- ... and the price of what is off must not call for it
	SET max_parallel_workers_per_gather = 0	-- to start workers takes longer than to count what is new
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
	WITH counted AS MATERIALIZED (
		SELECT d.variant, d.version, least(floor(d.score * 64)::int, 63) AS bin, ceil(ln(greatest(d.latency, 0.001)::float8) / ln(1.01::float8) - 1e-9)::int AS step, d.failed,
			count(*) AS n, count(*) FILTER (WHERE d.flagged) AS flagged
		FROM (%s) AS d GROUP BY 1, 2, 3, 4, 5)
	SELECT c.variant, c.version, coalesce(sum(c.n) FILTER (WHERE NOT c.failed), 0)::bigint, coalesce(sum(c.flagged) FILTER (WHERE NOT c.failed), 0)::bigint,
		coalesce(sum(c.n) FILTER (WHERE c.failed), 0)::bigint,
		(SELECT coalesce(jsonb_object_agg(b.bin, b.n), '{}') FROM (SELECT x.bin, sum(x.n) AS n FROM counted AS x
			WHERE x.variant = c.variant AND x.version = c.version AND NOT x.failed GROUP BY x.bin) AS b),
		(SELECT coalesce(jsonb_object_agg(b.step, b.n), '{}') FROM (SELECT x.step, sum(x.n) AS n FROM counted AS x
			WHERE x.variant = c.variant AND x.version = c.version AND NOT x.failed GROUP BY x.step) AS b)
	FROM counted AS c WHERE c.version IS NOT NULL GROUP BY c.variant, c.version $query$, mlops_catalog.judged_decisions(shadow))
		USING model_id, since, until, shadow;
END
$$;
COMMENT ON FUNCTION mlops_catalog.count_decisions(regrole, bigint, timestamptz, timestamptz, text) IS
	'What guards count of the decisions of a span of time, by variant and version';

-- Flagged decisions of a span of time by key, with what is known of them.
CREATE FUNCTION mlops_catalog.count_alerts(caller regrole, model_id bigint, since timestamptz, until timestamptz, shadow text)
	RETURNS TABLE (variant text, version int, key text, n bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET enable_seqscan = off
	SET jit = off
	SET max_parallel_workers_per_gather = 0
AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT d.variant, d.version, d.key, count(*) FROM (%s) AS d WHERE NOT d.failed AND d.flagged AND d.key IS NOT NULL GROUP BY 1, 2, 3',
		mlops_catalog.judged_decisions(shadow)) USING model_id, since, until, shadow;
END
$$;
COMMENT ON FUNCTION mlops_catalog.count_alerts(regrole, bigint, timestamptz, timestamptz, text) IS 'Flagged decisions of a span of time, by variant and key';

-- Labels that have arrived, or were revised, since the last look; one is recorded
-- after its transaction began.  Found by the labels, so that no look goes over
-- all that was flagged before.
CREATE FUNCTION mlops_catalog.settle_labels(caller regrole, s mlops_catalog.guard_state) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off	-- a plan may be kept that was made when the tables were empty ...
	SET enable_hashjoin = off	-- ... and one row's place is looked up, not searched for
	SET enable_mergejoin = off
AS $$
	WITH news AS MATERIALIZED (
		SELECT k.key, o.label
		FROM (SELECT DISTINCT r.key FROM mlops_catalog.label AS r WHERE r.model_id = s.model_id AND r.recorded_at >= s.labels_until) AS k
		CROSS JOIN LATERAL (SELECT l.label FROM mlops_catalog.label AS l WHERE l.model_id = s.model_id AND l.key = k.key
			ORDER BY l.labelled_at DESC LIMIT 1) AS o),
	was AS MATERIALIZED (
		SELECT g.tid, g.variant, g.version, g.n, g.label AS known, w.label
		FROM news AS w CROSS JOIN LATERAL (SELECT a.ctid AS tid, a.* FROM mlops_catalog.guard_alert AS a
			WHERE a.model_id = s.model_id AND a.since = s.since AND a.shadow = s.shadow AND a.key = w.key
			OFFSET 0) AS g		-- by the index, whatever is believed of the table
		WHERE g.label IS DISTINCT FROM w.label),
	changed AS (
		-- by their place, which nobody changes: guard_state's row is locked
		UPDATE mlops_catalog.guard_alert AS g SET label = w.label FROM was AS w WHERE g.ctid = w.tid)
	UPDATE mlops_catalog.guard_count AS c SET labelled_alerts = c.labelled_alerts + d.labelled, true_alerts = c.true_alerts + d.positives
	FROM (SELECT w.variant, w.version, coalesce(sum(w.n) FILTER (WHERE w.known IS NULL), 0) AS labelled,
			sum(w.n * (coalesce(w.label, false)::int - coalesce(w.known, false)::int)) AS positives
		FROM was AS w GROUP BY 1, 2) AS d
	WHERE c.model_id = s.model_id AND c.since = s.since AND c.shadow = s.shadow AND c.variant = d.variant AND c.version = d.version
$$;
COMMENT ON FUNCTION mlops_catalog.settle_labels(regrole, mlops_catalog.guard_state) IS 'Adds to a guard''s counts the labels that its last look did not know';

-- Flagged decisions up to a time.  A key that is there keeps the label that
-- settle_labels gave it.
CREATE FUNCTION mlops_catalog.settle_alerts(caller regrole, s mlops_catalog.guard_state, horizon timestamptz) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH flagged AS MATERIALIZED (
		SELECT a.variant, a.version, a.key, a.n FROM mlops_catalog.count_alerts(caller, s.model_id, s.until, horizon, s.shadow) AS a),
	kept AS (
		INSERT INTO mlops_catalog.guard_alert AS g (model_id, since, shadow, variant, version, key, n, label)
			SELECT s.model_id, s.since, s.shadow, f.variant, f.version, f.key, f.n, o.label
			FROM flagged AS f
			LEFT JOIN LATERAL (SELECT l.label FROM mlops_catalog.label AS l WHERE l.model_id = s.model_id AND l.key = f.key ORDER BY l.labelled_at DESC LIMIT 1) AS o ON true
			ON CONFLICT ON CONSTRAINT guard_alert_pkey DO UPDATE SET n = g.n + excluded.n
			RETURNING g.variant, g.version, g.key, g.label)
	UPDATE mlops_catalog.guard_count AS c SET labelled_alerts = c.labelled_alerts + d.labelled, true_alerts = c.true_alerts + d.positives
	FROM (SELECT f.variant, f.version, sum(f.n) AS labelled, coalesce(sum(f.n) FILTER (WHERE k.label), 0) AS positives
		FROM flagged AS f JOIN kept AS k USING (variant, version, key) WHERE k.label IS NOT NULL GROUP BY 1, 2) AS d
	WHERE c.model_id = s.model_id AND c.since = s.since AND c.shadow = s.shadow AND c.variant = d.variant AND c.version = d.version
$$;
COMMENT ON FUNCTION mlops_catalog.settle_alerts(regrole, mlops_catalog.guard_state, timestamptz) IS 'Adds to a guard''s counts what was flagged since its last look';

-- Moves what is settled into the counts.  False: nothing can be kept now.
CREATE FUNCTION mlops_catalog.settle_guard(caller regrole, model bigint, began timestamptz, shadow_name text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	horizon timestamptz := mlops_catalog.settled_until();
	s mlops_catalog.guard_state;
BEGIN
	IF horizon IS NULL OR current_setting('transaction_read_only')::boolean THEN
		RETURN false;
	END IF;
	DELETE FROM mlops_catalog.guard_state AS t WHERE t.model_id = model AND t.shadow = shadow_name AND t.since <> began;
	INSERT INTO mlops_catalog.guard_state (model_id, since, shadow, until, labels_until) VALUES (model, began, shadow_name, began, '-infinity')
		ON CONFLICT DO NOTHING;
	SELECT t.* INTO s FROM mlops_catalog.guard_state AS t WHERE t.model_id = model AND t.since = began AND t.shadow = shadow_name FOR UPDATE;
	IF horizon <= s.until THEN
		RETURN true;
	END IF;
	INSERT INTO mlops_catalog.guard_count AS g (model_id, since, shadow, variant, version, decisions, flagged, errors, scores, latencies)
		SELECT model, began, shadow_name, c.* FROM mlops_catalog.count_decisions(caller, model, s.until, horizon, shadow_name) AS c
		ON CONFLICT ON CONSTRAINT guard_count_pkey DO UPDATE SET decisions = g.decisions + excluded.decisions, flagged = g.flagged + excluded.flagged,
			errors = g.errors + excluded.errors, scores = mlops_catalog.add_counts(g.scores, excluded.scores),
			latencies = mlops_catalog.add_counts(g.latencies, excluded.latencies);
	PERFORM mlops_catalog.settle_labels(caller, s);
	PERFORM mlops_catalog.settle_alerts(caller, s, horizon);
	UPDATE mlops_catalog.guard_state AS t SET until = horizon, labels_until = horizon WHERE t.model_id = model AND t.since = began AND t.shadow = shadow_name;
	RETURN true;
END
$$;
COMMENT ON FUNCTION mlops_catalog.settle_guard(regrole, bigint, timestamptz, text) IS
	'Adds to a guard''s counts the decisions, and the labels, to which none can be added any more';

-- Of the variants that share the traffic; or of one shadow and of primary, then
-- on the decisions that primary answered, which both have scored.
CREATE FUNCTION mlops_catalog.variant_metrics(caller regrole, model_id bigint, since timestamptz, shadow text)
	RETURNS TABLE (variant text, version int, decisions bigint, labelled_alerts bigint, latency_p95 float8, psi float8, psi_p_value float8,
		alert_rate float8, "precision" float8, errors bigint, error_rate float8)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 4
	SET search_path = pg_catalog, pg_temp
	SET jit = off
AS $$
	WITH state AS (
		SELECT greatest(max(t.until), variant_metrics.since) AS until FROM mlops_catalog.guard_state AS t WHERE t.model_id = variant_metrics.model_id AND t.since = variant_metrics.since AND t.shadow = coalesce(variant_metrics.shadow, '')),
	counted AS (
		SELECT g.variant, g.version, g.decisions, g.flagged, g.errors, g.scores, g.latencies FROM mlops_catalog.guard_count AS g
		WHERE g.model_id = variant_metrics.model_id AND g.since = variant_metrics.since AND g.shadow = coalesce(variant_metrics.shadow, '')
		UNION ALL
		SELECT c.* FROM state AS s CROSS JOIN LATERAL mlops_catalog.count_decisions(variant_metrics.caller, variant_metrics.model_id, s.until, 'infinity', coalesce(variant_metrics.shadow, '')) AS c),
	measured AS (
		SELECT c.variant, c.version, sum(c.decisions)::bigint AS decisions, sum(c.flagged)::bigint AS flagged, sum(c.errors)::bigint AS errors
		FROM counted AS c GROUP BY 1, 2),
	bins AS (
		SELECT f.variant, f.version, ARRAY(SELECT coalesce(sum((c.scores ->> i::text)::bigint), 0)::bigint FROM generate_series(0, 63) AS i
			LEFT JOIN counted AS c ON c.variant = f.variant AND c.version = f.version GROUP BY i ORDER BY i) AS n,
			(SELECT jsonb_object_agg(x.key, x.n) FROM (SELECT l.key, sum(l.value::bigint) AS n FROM counted AS c CROSS JOIN LATERAL jsonb_each_text(c.latencies) AS l
				WHERE c.variant = f.variant AND c.version = f.version GROUP BY l.key) AS x) AS latencies
		FROM measured AS f),
	alert AS (
		SELECT g.variant, g.version, g.labelled_alerts AS n, g.true_alerts AS positives FROM mlops_catalog.guard_count AS g
		WHERE g.model_id = variant_metrics.model_id AND g.since = variant_metrics.since AND g.shadow = coalesce(variant_metrics.shadow, '')
		UNION ALL
		SELECT c.variant, c.version, c.n, c.n * o.label::int FROM state AS s CROSS JOIN LATERAL mlops_catalog.count_alerts(variant_metrics.caller, variant_metrics.model_id, s.until, 'infinity', coalesce(variant_metrics.shadow, '')) AS c
		CROSS JOIN LATERAL (SELECT l.label FROM mlops_catalog.label AS l WHERE l.model_id = variant_metrics.model_id AND l.key = c.key ORDER BY l.labelled_at DESC LIMIT 1) AS o),
	alerts AS (
		SELECT a.variant, a.version, sum(a.n)::bigint AS n, sum(a.positives)::float8 AS positives FROM alert AS a GROUP BY 1, 2)
	SELECT r.variant, v.version, coalesce(f.decisions, 0), coalesce(a.n, 0), mlops_catalog.latency_quantile(b.latencies, 0.95),
		mlops_catalog.histogram_psi(s.baseline, b.n), mlops_catalog.histogram_p_value(s.baseline, b.n),
		f.flagged::float8 / nullif(f.decisions, 0), CASE WHEN a.n > 0 THEN coalesce(a.positives, 0) / a.n END,
		coalesce(f.errors, 0), coalesce(f.errors, 0)::float8 / nullif(coalesce(f.errors, 0) + coalesce(f.decisions, 0), 0)
	FROM mlops_catalog.deployment_route AS r
	JOIN mlops_catalog.model_version AS v USING (version_id)
	JOIN mlops_catalog.model AS m ON m.model_id = r.model_id
	LEFT JOIN measured AS f ON f.variant = r.variant AND f.version = v.version
	LEFT JOIN bins AS b ON b.variant = r.variant AND b.version = v.version
	LEFT JOIN alerts AS a ON a.variant = r.variant AND a.version = v.version
	LEFT JOIN LATERAL (SELECT mlops_catalog.score_baseline(m.name, v.version) AS baseline WHERE f.decisions > 0) AS s ON true
	WHERE r.model_id = variant_metrics.model_id AND CASE WHEN variant_metrics.shadow IS NULL THEN r.kind = 'share' ELSE r.variant IN ('primary', variant_metrics.shadow) END
$$;
COMMENT ON FUNCTION mlops_catalog.variant_metrics(regrole, bigint, timestamptz, text) IS
	'What guards bound, of the variants that share a model''s traffic, or of a shadow and of primary beside it';

CREATE FUNCTION mlops_catalog.evaluate_guard(caller regrole, model_name text, model_id bigint, since timestamptz, guard jsonb, direct boolean,
	shadow text DEFAULT NULL)
	RETURNS SETOF mlops_catalog.guard_check
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	deployed jsonb;
	subject record;
	metrics jsonb;
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
	FOR subject IN SELECT f.*, to_jsonb(f) AS as_json FROM mlops_catalog.variant_metrics(caller, model_id, since, shadow) AS f
			ORDER BY f.variant = 'primary' DESC, f.variant LOOP
		metrics := subject.as_json;
		IF subject.variant = 'primary' AND NOT direct THEN
			deployed := metrics;
			CONTINUE;
		END IF;
		FOR bound IN SELECT g.key AS metric, b.key AS kind, (b.value)::float8 AS bound
				FROM jsonb_each(guard) AS g CROSS JOIN LATERAL jsonb_each(g.value) AS b
				WHERE g.key = ANY (mlops_catalog.guard_metrics()) ORDER BY 1, 2 LOOP
			base := CASE WHEN bound.kind LIKE '%ratio' THEN (deployed ->> bound.metric)::float8 ELSE 1 END;
			allowed := bound.bound * base;
			-- errors are counted, not estimated: one too many is one too many
			needed := CASE WHEN bound.metric = 'errors' THEN 0 WHEN bound.metric = 'precision' THEN coalesce((guard ->> 'min_labels')::float8, 30)
				ELSE coalesce((guard ->> 'min_decisions')::float8, 1000) END;
			enough := CASE bound.metric WHEN 'precision' THEN subject.labelled_alerts WHEN 'error_rate' THEN subject.decisions + subject.errors
					ELSE subject.decisions END >= needed
				AND (bound.kind NOT LIKE '%ratio' OR CASE WHEN bound.metric = 'precision' THEN (deployed ->> 'labelled_alerts')::bigint
					ELSE (deployed ->> 'decisions')::bigint END >= needed);
			result := (model_name, subject.variant, bound.metric, (metrics ->> bound.metric)::float8,
				format('%s %s%s', CASE WHEN bound.kind LIKE 'max%' THEN 'at most' ELSE 'at least' END,
					coalesce(round(allowed::numeric, 6)::text, '?'),
					CASE WHEN bound.kind LIKE '%ratio' THEN format(' (%s of the deployed version''s %s)', bound.bound,
						coalesce(round(base::numeric, 6)::text, 'none')) ELSE '' END),
				NULL, NULL);
			IF enough AND result.value IS NOT NULL AND allowed IS NOT NULL THEN
				result.passed := CASE WHEN bound.kind LIKE 'max%' THEN result.value <= allowed ELSE result.value >= allowed END
					OR bound.metric = 'psi' AND bound.kind LIKE 'max%' AND coalesce(subject.psi_p_value >= mlops_catalog.drift_alpha(), false);
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
	shares := mlops_catalog.thompson_shares(trials, successes, NOT mlops_catalog.smaller_is_better(d.metric),
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
		PERFORM FROM mlops_catalog.take_away(caller, model_name, reason, variant_name, 'rollback');
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
	SELECT 'guard failed: ' || string_agg(format('%s is %s, must be %s', c.metric, round(c.value::numeric, 6), c.required), '; ')
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
	PERFORM mlops_catalog.settle_guard(caller, shadow.model_id, d.deployed_at, shadow.variant);
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
		PERFORM FROM mlops_catalog.take_away(caller, model_name, reason, shadow.variant, 'rollback');
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
	s record;
	ramp_step jsonb;
	guard jsonb;
	checks mlops_catalog.guard_check[];
	failed text[];
	step_is_over boolean;
	done mlops_catalog.guard_check;
BEGIN
	SELECT t.* INTO d FROM mlops_catalog.deployment AS t WHERE t.deployment_id = e.deployment_id;
	SELECT t.* INTO s FROM mlops_catalog.strategies() AS t WHERE t.name = e.strategy;
	ramp_step := d.ramp -> (e.step - 1);
	guard := coalesce(ramp_step -> 'guard', d.guard);
	IF guard - '{min_decisions,min_labels,on_failure}'::text[] <> '{}' THEN
		PERFORM mlops_catalog.settle_guard(caller, e.model_id, e.step_started_at, '');
	END IF;
	checks := ARRAY(SELECT c FROM mlops_catalog.evaluate_guard(caller, model_name, e.model_id, e.step_started_at, guard, s.lays = 'primary') AS c);
	RETURN QUERY SELECT * FROM unnest(checks);
	failed := ARRAY(SELECT DISTINCT c.variant FROM unnest(checks) AS c WHERE NOT c.passed ORDER BY 1);
	step_is_over := d.ramp -> e.step IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(checks) AS c WHERE c.passed IS NULL)
		AND clock_timestamp() >= e.step_started_at + (ramp_step ->> 'wait')::interval;
	IF failed = '{}' AND (e.paused OR NOT (step_is_over OR s.follows_labels)) THEN
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
		done.action := CASE WHEN s.follows_labels THEN mlops_catalog.reallocate(caller, model_name, e, d)
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
	SELECT m.name FROM mlops_catalog.model AS m LEFT JOIN mlops_catalog.upkeep AS u ON u.model_id = m.model_id AND u.task = 'guard'
	WHERE m.model_id IN (SELECT e.model_id FROM mlops_catalog.release AS e UNION SELECT s.model_id FROM mlops_catalog.shadows_under_guard(caller) AS s)
	ORDER BY row_number() OVER (PARTITION BY m.owner ORDER BY u.ended_at NULLS FIRST, m.name), u.ended_at NULLS FIRST, m.name
$$;
COMMENT ON FUNCTION mlops_catalog.models_to_check(regrole) IS 'Models with a release under way or a shadow under guard: one of each owner, then another, so that who has many keeps nobody waiting';

CREATE FUNCTION mlops.check_guards(model text DEFAULT NULL)
	RETURNS TABLE (model text, variant text, metric text, value float8, required text, passed boolean, action text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.check_guards(text) IS
	'Checks the guards of shadows and of the release under way, of one model or of all you may deploy. Pauses, drops or rolls back a variant that fails; else moves a ramp to its next step when its wait is over, and gives a bandit its new shares. Runs automatically where mlops is preloaded';

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
		FOR name IN SELECT t.name FROM mlops_catalog.models_to_check(caller) AS t(name) ORDER BY t.name LOOP
			BEGIN
				RETURN QUERY SELECT * FROM mlops_catalog.check_guards(caller, name);
			EXCEPTION WHEN insufficient_privilege THEN
				NULL;	-- not the caller's to release
			WHEN query_canceled OR admin_shutdown THEN
				RAISE;
			WHEN OTHERS THEN
				-- one model that cannot be judged holds up no other
				RETURN NEXT (name, NULL, NULL, NULL, NULL, NULL, 'failed: ' || SQLERRM)::mlops_catalog.guard_check;
			END;
		END LOOP;
		RETURN;
	END IF;
	-- counts are locked before anything refers to the model: who drops it has to wait before that
	id := mlops_catalog.keep_model(caller, model_name, 'deploy');
	FOR shadow IN SELECT s.* FROM mlops_catalog.shadows_under_guard(caller) AS s WHERE s.model_id = id LOOP
		RETURN QUERY SELECT * FROM mlops_catalog.check_shadow(caller, model_name, shadow);
	END LOOP;
	SELECT r.* INTO e FROM mlops_catalog.release AS r WHERE r.model_id = id;
	IF FOUND THEN
		RETURN QUERY SELECT * FROM mlops_catalog.check_release(caller, model_name, e);
	END IF;
	PERFORM mlops_catalog.note_upkeep(caller, id, 'guard');
END
$$;
