-- Decisions since ever: counts that never fall, though days are removed.

CREATE FUNCTION mlops_catalog.latency_bounds() RETURNS float8[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{10,25,50,100,250,500,1000,2500,5000,10000,25000,50000,100000,250000,1000000}'::float8[] $$;
COMMENT ON FUNCTION mlops_catalog.latency_bounds() IS 'Bounds, in microseconds, by which latencies are counted';

CREATE FUNCTION mlops_catalog.count_totals(caller regrole, since timestamptz, until timestamptz)
	RETURNS TABLE (model_id bigint, version int, variant text, shadow boolean, bucket int, decisions bigint, flagged bigint, errors bigint,
		nanoseconds numeric, last_at timestamptz)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off	-- an index leads to what is new ...
	SET jit = off				-- ... and the price of what is off must not call for it
	SET max_parallel_workers_per_gather = 0
AS $$
BEGIN
	-- a text, because a query that is planned for one span opens one day's partition
	RETURN QUERY EXECUTE $query$
		SELECT d.model_id, d.version, d.variant, d.shadow, d.bucket, count(*) FILTER (WHERE NOT d.failed), count(*) FILTER (WHERE d.flagged AND NOT d.failed),
			count(*) FILTER (WHERE d.failed), coalesce(sum(d.nanoseconds) FILTER (WHERE NOT d.failed), 0), max(d.created_at)
		FROM (SELECT p.model_id, coalesce(p.version, 0) AS version, coalesce(p.variant, '') AS variant,
				p.shadow AND NOT (p.error IS NOT NULL AND mlops_catalog.variant_answers(p.deployment_id, p.variant)) AS shadow,
				cardinality($3) - width_bucket(-p.latency::float8, $3) AS bucket,
				p.flagged, p.error IS NOT NULL AS failed, p.created_at,
				CASE WHEN p.latency BETWEEN 0 AND 1e12 THEN (p.latency::float8 * 1000)::bigint ELSE 0 END AS nanoseconds
			FROM mlops_catalog.prediction AS p WHERE p.created_at >= $1 AND p.created_at < $2) AS d
		WHERE EXISTS (SELECT FROM mlops_catalog.model AS m WHERE m.model_id = d.model_id)
		GROUP BY 1, 2, 3, 4, 5 $query$ USING since, until, ARRAY(SELECT -b FROM unnest(mlops_catalog.latency_bounds()) AS b ORDER BY 1);
END
$$;
COMMENT ON FUNCTION mlops_catalog.count_totals(regrole, timestamptz, timestamptz) IS 'Decisions of a span of time, by what scored and how long it took';

-- Moves into the totals what is settled.
CREATE FUNCTION mlops_catalog.advance_totals(caller regrole) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	horizon timestamptz := mlops_catalog.settled_until();	-- before anything is read
	since timestamptz;
	n bigint;
BEGIN
	IF horizon IS NULL THEN
		RETURN 0;
	END IF;
	INSERT INTO mlops_catalog.decision_count (until) VALUES ('-infinity') ON CONFLICT DO NOTHING;
	SELECT c.until INTO since FROM mlops_catalog.decision_count AS c FOR UPDATE;
	IF horizon <= since THEN
		RETURN 0;
	END IF;
	WITH counted AS MATERIALIZED (
		SELECT * FROM mlops_catalog.count_totals(caller, since, horizon)),
	added AS (
		INSERT INTO mlops_catalog.decision_total AS t (model_id, version, variant, shadow, bucket, decisions, flagged, errors, nanoseconds, last_at)
			SELECT * FROM counted
			ON CONFLICT ON CONSTRAINT decision_total_pkey DO UPDATE SET decisions = t.decisions + excluded.decisions, flagged = t.flagged + excluded.flagged,
				errors = t.errors + excluded.errors, nanoseconds = t.nanoseconds + excluded.nanoseconds, last_at = greatest(t.last_at, excluded.last_at))
	SELECT coalesce(sum(c.decisions + c.errors), 0) INTO n FROM counted AS c;
	UPDATE mlops_catalog.decision_count AS c SET until = horizon;
	RETURN n;
END
$$;
COMMENT ON FUNCTION mlops_catalog.advance_totals(regrole) IS 'Adds to the totals the decisions to which none can be added any more; returns their number';

CREATE FUNCTION mlops.decision_totals()
	RETURNS TABLE (model text, version int, variant text, shadow boolean, decisions bigint, flagged bigint, errors bigint,
		latency_seconds numeric, latency_counts bigint[], last_at timestamptz)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.decision_totals() IS
	'All decisions ever made by the models you may view, by version and variant: counts that never fall, even when days are removed. latency_seconds is the total time of scoring; latency_counts says how many decisions took at most 10, 25, 50, 100, 250, 500 us, 1, 2.5, 5, 10, 25, 50, 100, 250 ms and 1 s';
CREATE FUNCTION mlops_catalog.decision_totals(caller regrole)
	RETURNS TABLE (model text, version int, variant text, shadow boolean, decisions bigint, flagged bigint, errors bigint,
		latency_seconds numeric, latency_counts bigint[], last_at timestamptz)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH counted AS (
		SELECT t.* FROM mlops_catalog.decision_total AS t
		UNION ALL
		SELECT n.* FROM mlops_catalog.count_totals(caller, coalesce((SELECT c.until FROM mlops_catalog.decision_count AS c), '-infinity'), 'infinity') AS n),
	total AS (
		SELECT c.model_id, c.version, c.variant, c.shadow, sum(c.decisions)::bigint AS decisions, sum(c.flagged)::bigint AS flagged, sum(c.errors)::bigint AS errors,
			sum(c.nanoseconds) AS nanoseconds, array_agg(c.bucket) AS buckets, array_agg(c.decisions) AS counts, max(c.last_at) AS last_at
		FROM counted AS c GROUP BY 1, 2, 3, 4)
	SELECT m.name, nullif(t.version, 0), nullif(t.variant, ''), t.shadow, t.decisions, t.flagged, t.errors, trim_scale(t.nanoseconds / 1000000000),
		(SELECT array_agg((SELECT coalesce(sum(b.n), 0)::bigint FROM unnest(t.buckets, t.counts) AS b(bucket, n) WHERE b.bucket < i) ORDER BY i)
			FROM generate_subscripts(mlops_catalog.latency_bounds(), 1) AS i), t.last_at
	FROM total AS t JOIN mlops_catalog.model AS m USING (model_id)
	WHERE coalesce(mlops_catalog.may(caller, m.name, 'inspect'), false)
$$;
