-- Tests between variants, on decisions and their labels.

CREATE FUNCTION mlops.proportion_test(trials_a bigint, successes_a bigint, trials_b bigint, successes_b bigint, effect float8 DEFAULT 0.01,
	OUT difference float8, OUT lower float8, OUT upper float8, OUT z float8, OUT p_value float8, OUT sequential_p_value float8)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_proportion_test';
COMMENT ON FUNCTION mlops.proportion_test(bigint, bigint, bigint, bigint, float8) IS
	'Compares two proportions: difference with its 95 % interval, two-proportion z test for one planned look, and an always-valid p-value (mixture sequential probability ratio test) for any number of looks; effect is the difference one hopes to find';

CREATE FUNCTION mlops_catalog.thompson_shares(trials bigint[], successes bigint[], more_is_better boolean, floor float8, draws int, seed bigint)
	RETURNS float8[]
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_thompson_shares';
COMMENT ON FUNCTION mlops_catalog.thompson_shares(bigint[], bigint[], boolean, float8, int, bigint) IS
	'Shares of traffic by Thompson sampling: how often each variant is best in draws from the Beta posteriors, none below the floor';

-- What counts as a trial and as a success.  By key, of each key (the one that
-- its variant was chosen by) only the first trial counts, for the variant it was
-- of: decisions of one card are not independent of each other.
CREATE FUNCTION mlops_catalog.variant_counts(caller regrole, model_id bigint, since timestamptz, metric text, by_key boolean,
	until timestamptz DEFAULT 'infinity', routes jsonb DEFAULT NULL)
	RETURNS TABLE (variant text, version int, decisions bigint, trials bigint, successes bigint)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 4
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off	-- nobody has analyzed the decisions of today ...
	SET jit = off				-- ... and the price of what is off must not call for it
AS $$
	-- each used by one of two branches, of which only one is run
	WITH labelled AS NOT MATERIALIZED (
		SELECT DISTINCT ON (l.key) l.key, l.label FROM mlops_catalog.label AS l WHERE l.model_id = variant_counts.model_id
		ORDER BY l.key, l.labelled_at DESC),
	decision AS NOT MATERIALIZED (
		SELECT p.variant, p.version, p.flagged, o.label, p.created_at, p.prediction_id,
			CASE WHEN variant_counts.by_key THEN coalesce(p.route_key, p.key, p.prediction_id::text) END AS unit
		FROM mlops_catalog.prediction AS p LEFT JOIN labelled AS o ON o.key = p.key
		WHERE p.model_id = variant_counts.model_id AND p.created_at >= variant_counts.since AND p.created_at < variant_counts.until AND NOT p.shadow AND p.error IS NULL AND p.variant IS NOT NULL),
	judged AS NOT MATERIALIZED (
		SELECT d.*, CASE variant_counts.metric
				WHEN 'precision' THEN d.flagged AND d.label IS NOT NULL
				WHEN 'recall' THEN d.label
				WHEN 'false_positive_rate' THEN NOT d.label
				WHEN 'accuracy' THEN d.label IS NOT NULL
				WHEN 'alert_rate' THEN true END AS trial,
			CASE variant_counts.metric
				WHEN 'precision' THEN d.label
				WHEN 'accuracy' THEN d.flagged = d.label
				ELSE d.flagged END AS success
		FROM decision AS d),
	counted AS (
		SELECT j.variant, j.version, count(*) AS decisions, count(*) FILTER (WHERE j.trial) AS trials,
			count(*) FILTER (WHERE j.trial AND j.success) AS successes
		FROM judged AS j WHERE NOT variant_counts.by_key GROUP BY 1, 2
		UNION ALL
		SELECT j.variant, j.version, count(*), count(*) FILTER (WHERE j.trial AND j.place = 1),
			count(*) FILTER (WHERE j.trial AND j.place = 1 AND j.success)
		FROM (SELECT j.*, row_number() OVER (PARTITION BY j.unit, j.trial ORDER BY j.created_at, j.prediction_id) AS place
			FROM judged AS j WHERE variant_counts.by_key) AS j GROUP BY 1, 2)
	SELECT r.variant, r.version, coalesce(c.decisions, 0), coalesce(c.trials, 0), coalesce(c.successes, 0)
	FROM jsonb_array_elements(coalesce(variant_counts.routes, mlops_catalog.routes_now(variant_counts.model_id))) WITH ORDINALITY AS e(route, place)
	CROSS JOIN LATERAL jsonb_to_record(e.route) AS r(variant text, version int, kind text)
	LEFT JOIN counted AS c ON c.variant = r.variant AND c.version = r.version
	WHERE r.kind = 'share'
	ORDER BY r.variant = 'primary' DESC, e.place
$$;
COMMENT ON FUNCTION mlops_catalog.variant_counts(regrole, bigint, timestamptz, text, boolean, timestamptz, jsonb) IS
	'Decisions, trials and successes of the variants that share, or by their routes shared, a model''s traffic; by key: one trial of each key';

-- A release has ended with the first change that leaves none of the shares that it
-- laid beside primary: a promotion, an abort, a rollback, another version for all.
CREATE FUNCTION mlops_catalog.releases_with_shares(caller regrole, model_id bigint)
	RETURNS TABLE (deployment_id bigint, strategy text, metric text, routes jsonb, since timestamptz, until timestamptz)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 4
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.deployment_id, d.strategy, d.metric, d.routes, d.deployed_at, coalesce((SELECT n.deployed_at FROM mlops_catalog.deployment AS n
			WHERE n.model_id = d.model_id AND n.deployment_id > d.deployment_id AND NOT EXISTS (SELECT FROM jsonb_array_elements(n.routes) AS r
				WHERE r ->> 'kind' = 'share' AND r ->> 'variant' <> 'primary' AND d.routes @> jsonb_build_array(jsonb_build_object('variant', r -> 'variant', 'version', r -> 'version', 'kind', 'share')))
			ORDER BY n.deployment_id LIMIT 1), 'infinity')
	FROM mlops_catalog.deployment AS d JOIN mlops_catalog.strategies() AS s ON s.name = d.strategy
	WHERE d.model_id = releases_with_shares.model_id AND d.action = 'deploy' AND s.lays IN ('shares', 'aliases')
		AND EXISTS (SELECT FROM jsonb_array_elements(d.routes) AS r WHERE r ->> 'kind' = 'share' AND r ->> 'variant' <> 'primary')
	ORDER BY d.deployment_id DESC
$$;
COMMENT ON FUNCTION mlops_catalog.releases_with_shares(regrole, bigint) IS
	'Releases of a model that moved shares of its traffic, the latest first: what answered, and from when to when (infinity: still)';

CREATE FUNCTION mlops.ab_test(model text, metric text DEFAULT NULL, effect float8 DEFAULT NULL, since timestamptz DEFAULT NULL,
	unit text DEFAULT 'decision', deployment_id bigint DEFAULT NULL)
	RETURNS TABLE (variant text, version int, metric text, decisions bigint, trials bigint, successes bigint, rate float8, difference float8,
		lower float8, upper float8, z float8, p_value float8, sequential_p_value float8)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 3 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.ab_test(text, text, float8, timestamptz, text, bigint) IS
	'Compares each variant with primary by precision, recall, accuracy, false_positive_rate or alert_rate of their logged decisions. The variants are those of the release under way, or else of the last one that had shares (or of the one that deployment_id names, see mlops.deployment_history). p_value is for one look at a planned end, sequential_p_value for as many looks as you like. unit says what a trial is: each decision, or for each key (column of the route) its first that counts';

CREATE FUNCTION mlops_catalog.ab_test(caller regrole, model_name text, metric_name text, effect float8, since timestamptz, unit text, deployment_id bigint)
	RETURNS TABLE (variant text, version int, metric text, decisions bigint, trials bigint, successes bigint, rate float8, difference float8,
		lower float8, upper float8, z float8, p_value float8, sequential_p_value float8)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 3
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.require(caller, model_name, 'inspect');
	e mlops_catalog.release;
	past record;	-- the release that is asked about, if it is not the one under way
	test record;
	control record;
	hoped float8;
BEGIN
	SELECT r.* INTO e FROM mlops_catalog.release AS r WHERE r.model_id = id;
	SELECT r.* INTO past FROM mlops_catalog.releases_with_shares(caller, id) AS r
		WHERE r.deployment_id = ab_test.deployment_id OR ab_test.deployment_id IS NULL AND e.deployment_id IS NULL AND ab_test.since IS NULL LIMIT 1;
	IF past.deployment_id IS NULL AND ab_test.deployment_id IS NOT NULL THEN
		RAISE EXCEPTION 'deployment % of model "%" began no release with shares', ab_test.deployment_id, model_name
			USING ERRCODE = 'undefined_object',
				DETAIL = coalesce((SELECT format('Those that did: %s.', string_agg(r.deployment_id::text, ', ')) FROM (SELECT * FROM mlops_catalog.releases_with_shares(caller, id) LIMIT 20) AS r),
					'None of the model has.'),
				HINT = 'View mlops.deployment_history lists deployments.';
	ELSIF past.deployment_id IS NULL AND e.deployment_id IS NULL AND ab_test.since IS NULL THEN
		e := mlops_catalog.release_under_way(caller, model_name);
	ELSIF past.deployment_id IS NOT NULL AND ab_test.deployment_id IS NULL THEN
		RAISE NOTICE 'no release of model "%" is under way: this is the last one that had shares', model_name
			USING DETAIL = format('Deployment %s, strategy "%s", from %s to %s.', past.deployment_id, past.strategy, mlops_catalog.utc_text(past.since), mlops_catalog.utc_text(past.until));
	END IF;
	IF past.since < now() - make_interval(days => nullif(current_setting('mlops.retention')::int, 0)) THEN
		RAISE NOTICE 'decisions of the first days of this release of model "%" are no longer kept', model_name
			USING DETAIL = format('It began at %s, and mlops.retention is %s days.', mlops_catalog.utc_text(past.since), current_setting('mlops.retention'));
	END IF;
	metric := coalesce(metric_name, past.metric, (SELECT d.metric FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id), 'precision');
	PERFORM mlops_catalog.check_choice('metric', metric, '{precision,recall,accuracy,false_positive_rate,alert_rate}');
	PERFORM mlops_catalog.check_choice('unit', ab_test.unit, '{decision,key}');
	IF ab_test.effect IS NOT NULL AND NOT (ab_test.effect > 0 AND ab_test.effect <= 1) THEN
		RAISE EXCEPTION 'effect % is out of range', ab_test.effect
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be above 0 and at most 1.';
	END IF;
	FOR test IN SELECT * FROM mlops_catalog.variant_counts(caller, id,
			coalesce(ab_test.since, past.since, (SELECT d.deployed_at FROM mlops_catalog.deployment AS d WHERE d.deployment_id = e.deployment_id)), metric, ab_test.unit = 'key',
			coalesce(past.until, 'infinity'), CASE WHEN past.until < 'infinity' THEN past.routes END) LOOP
		variant := test.variant;
		version := test.version;
		decisions := test.decisions;
		trials := test.trials;
		successes := test.successes;
		rate := successes::float8 / nullif(trials, 0);
		IF variant = 'primary' THEN
			control := test;
		ELSE
			-- a tenth of the common rate unless something else is hoped for
			hoped := coalesce(ab_test.effect, nullif(0.1 * (control.successes + successes)::float8 / nullif(control.trials + trials, 0), 0), 0.01);
			SELECT t.* INTO difference, lower, upper, z, p_value, sequential_p_value
				FROM mlops.proportion_test(control.trials, control.successes, trials, successes, hoped) AS t;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
