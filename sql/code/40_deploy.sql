-- Deploying a version, by each strategy.

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
			USING ERRCODE = 'undefined_object', HINT = format('Run SELECT * FROM mlops.set_alias(%L, %L, %s).', model_name, alias_name, greatest(1, mlops_catalog.last_version(model)));
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

-- Did a change make its version primary?  A rollback by a guard, of a share or a shadow,
-- has the strategy of what it took away; any other one is direct.
CREATE FUNCTION mlops_catalog.made_primary(action text, strategy text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT made_primary.action = 'promote' OR made_primary.action = 'rollback' AND made_primary.strategy = 'direct' OR made_primary.action = 'deploy' AND EXISTS (
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
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Name the version that gets the share; the rest stays with the deployed version.';
	ELSIF test_variants.variants IS NULL THEN
		RAISE EXCEPTION 'a test takes either "version" and "percent" or "variants"'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write variants => ''{"b": {"version": 2, "percent": 30}, "c": {"version": 3, "percent": 30}}''; the rest stays with the deployed version.';
	END IF;
	PERFORM mlops_catalog.require_object('variants', test_variants.variants);
	IF (SELECT count(*) FROM jsonb_object_keys(test_variants.variants)) > 100 THEN
		RAISE EXCEPTION 'a test may have at most 100 variants' USING ERRCODE = 'program_limit_exceeded';
	END IF;
	FOR spec IN SELECT v.key, v.value FROM jsonb_each(test_variants.variants) AS v LOOP
		PERFORM mlops_catalog.check_variant(spec.key);
		PERFORM mlops_catalog.check_keys('variants.' || spec.key, spec.value, mlops_catalog.keys_of('variants.<variant>'));
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
				DETAIL = 'They must be above 0 % and leave the rest to the deployed version.',
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

CREATE FUNCTION mlops_catalog.tell_of_ended(caller regrole, model_id bigint, model_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ended text := (SELECT string_agg(format('"%s" (version %s%s)', r.variant, v.version, CASE WHEN r.kind = 'share' THEN format(', %s %%', r.percent) ELSE '' END), ', ' ORDER BY r.position, r.variant)
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE r.model_id = tell_of_ended.model_id AND r.kind <> 'shadow' AND r.variant <> 'primary');
BEGIN
	IF ended IS NOT NULL THEN
		RAISE NOTICE 'other variants of model "%" answer no longer: %', model_name, ended
			USING DETAIL = 'A direct deployment answers all rows, and ends a release that is under way.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_ended(regrole, bigint, text) IS 'A notice of shares and segments that a direct deployment is about to end';

-- A test of a version against itself may be meant, to see how much chance does.
CREATE FUNCTION mlops_catalog.warn_of_same_answer(caller regrole, made bigint, model_name text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	same record;
BEGIN
	SELECT r.variant, v.version INTO same FROM mlops_catalog.deployment AS d
		JOIN mlops_catalog.deployment_route AS r USING (deployment_id) JOIN mlops_catalog.model_version AS v ON v.version_id = r.version_id
		JOIN mlops_catalog.deployment_route AS p ON p.model_id = d.model_id AND p.variant = 'primary' AND p.version_id = r.version_id
			AND coalesce(p.threshold, v.threshold) IS NOT DISTINCT FROM coalesce(r.threshold, v.threshold)
		WHERE d.deployment_id = made AND d.strategy <> 'ab' AND r.variant <> 'primary' ORDER BY r.position LIMIT 1;
	IF FOUND THEN
		RAISE WARNING 'variant "%" of model "%" answers as "primary" does: both are version %, with the same threshold', same.variant, model_name, same.version
			USING HINT = format('If that was a slip, SELECT * FROM mlops.abort(%L, variant => %L) takes it back.', model_name, same.variant);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.warn_of_same_answer(regrole, bigint, text) IS 'A warning if a deployment laid a version beside itself';

CREATE FUNCTION mlops_catalog.deploy_primary(caller regrole, model_name text, asked mlops_catalog.deployment, version int) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.version_to_deploy(caller, asked.model_id, model_name, version, true, asked.threshold);
	made bigint := mlops_catalog.begin_requested(caller, asked, id);
BEGIN
	PERFORM mlops_catalog.tell_of_ended(caller, asked.model_id, model_name);
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
	PERFORM mlops_catalog.warn_of_same_answer(caller, made, model_name);
	IF asked.guard <> '{}' OR asked.ramp <> '[]' OR s.follows_labels THEN
		PERFORM mlops_catalog.warn_of_hindrance(caller, CASE WHEN asked.guard <> '{}' THEN 'guard' WHEN asked.ramp <> '[]' THEN 'ramp' ELSE strategy END, model_name);
	END IF;
	RETURN QUERY SELECT * FROM mlops.deployments AS d WHERE d.deployment_id = made;
END
$$;
