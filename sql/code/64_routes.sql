-- Routes as documents: the whole of what answers for a model, stated at once.
--
-- {"version": 3, "threshold": 0.4, "key": "card_id",
--  "guard": {...},                                     of a direct deployment
--  "release": {"strategy": "canary", "version": 4, "ramp": [...], "guard": {...}},
--  "segments": [{"variant": "de", "version": 4, "rule": {"country": "DE"}}],
--  "shadows": {"candidate": {"version": 5, "guard": {...}}}}
--
-- null is a model that is not deployed, which inside is {}.
--
-- A document states a plan, and a release moves on by itself: a ramp takes its
-- steps, a bandit reallocates, a guard rolls back, a retraining deploys what it
-- made.  stated_route remembers what was stated last, by mlops.deploy or by a
-- document, so that a document applied again does not undo what has become of it.

-- jsonb_strip_nulls would reach into rules, where NULL is a value.
CREATE FUNCTION mlops_catalog.without_nulls(object jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(jsonb_object_agg(e.key, e.value) FILTER (WHERE e.value <> 'null'), '{}') FROM jsonb_each(object) AS e $$;
COMMENT ON FUNCTION mlops_catalog.without_nulls(jsonb) IS 'An object without its own keys that are null';

-- ---- what there is

CREATE FUNCTION mlops_catalog.own_threshold(caller regrole, model_id bigint, version int) RETURNS float8
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT v.threshold FROM mlops_catalog.model_version AS v WHERE v.model_id = own_threshold.model_id AND v.version = own_threshold.version $$;
COMMENT ON FUNCTION mlops_catalog.own_threshold(regrole, bigint, int) IS 'Threshold that a version was trained with';

-- The plan of a release: its variants as they were deployed, whatever step it
-- is at now; without those that are gone.
CREATE FUNCTION mlops_catalog.current_release(caller regrole, model_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.without_nulls(jsonb_build_object('strategy', e.strategy,
			'guard', nullif(d.guard, '{}'), 'ramp', nullif(d.ramp, '[]'), 'metric', nullif(d.metric, 'precision'), 'min_percent', d.min_percent)
		|| CASE
			WHEN 'version' = ANY (s.document) THEN (SELECT v.document || jsonb_build_object('variant', nullif(v.name, s.variant),
					'percent', CASE WHEN d.ramp = '[]' THEN v.document -> 'percent' END) FROM jsonb_each(planned.variants) AS v(name, document))
			WHEN 'variants' = ANY (s.document) THEN jsonb_build_object('variants', planned.variants)
			ELSE jsonb_build_object('percent', planned.variants -> s.variant -> 'percent') END)
	FROM mlops_catalog.release AS e JOIN mlops_catalog.strategies() AS s ON s.name = e.strategy JOIN mlops_catalog.deployment AS d USING (deployment_id),
	LATERAL (SELECT coalesce(jsonb_object_agg(p ->> 'variant', mlops_catalog.without_nulls(jsonb_build_object(
				'version', p -> 'version', 'percent', p -> 'percent',
				'threshold', nullif((p ->> 'threshold')::float8, mlops_catalog.own_threshold(caller, current_release.model_id, (p ->> 'version')::int))))), '{}')
		FROM jsonb_array_elements(d.routes) AS p
		WHERE p ->> 'kind' = 'share' AND p ->> 'variant' <> 'primary' AND EXISTS (
			SELECT FROM mlops_catalog.deployment_route AS r WHERE r.model_id = current_release.model_id AND r.variant = p ->> 'variant')) AS planned(variants)
	WHERE e.model_id = current_release.model_id AND s.lays <> 'primary'
$$;
COMMENT ON FUNCTION mlops_catalog.current_release(regrole, bigint) IS 'The release of shares under way as a document; NULL if there is none';

CREATE FUNCTION mlops_catalog.current_route(caller regrole, model_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH route AS (
		SELECT r.*, v.version, nullif(r.threshold, v.threshold) AS stated_threshold
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE r.model_id = current_route.model_id)
	SELECT mlops_catalog.without_nulls(jsonb_build_object('version', p.version, 'threshold', p.stated_threshold, 'key', p.key,
		'guard', (SELECT nullif(d.guard, '{}') FROM mlops_catalog.release AS e JOIN mlops_catalog.deployment AS d USING (deployment_id)
			WHERE e.model_id = current_route.model_id AND (SELECT s.lays = 'primary' FROM mlops_catalog.strategies() AS s WHERE s.name = e.strategy)),
		'release', mlops_catalog.current_release(caller, current_route.model_id),
		'segments', (SELECT jsonb_agg(mlops_catalog.without_nulls(jsonb_build_object('variant', s.variant, 'version', s.version,
				'threshold', s.stated_threshold, 'rule', s.rule)) ORDER BY s.position)
			FROM route AS s WHERE s.kind = 'segment'),
		'shadows', (SELECT jsonb_object_agg(s.variant, mlops_catalog.without_nulls(jsonb_build_object('version', s.version,
				'threshold', s.stated_threshold, 'guard', nullif(d.guard, '{}'))))
			FROM route AS s JOIN mlops_catalog.deployment AS d USING (deployment_id) WHERE s.kind = 'shadow' AND NOT EXISTS (
				SELECT FROM mlops_catalog.release_route AS o WHERE o.model_id = current_route.model_id AND o.variant = s.variant))))
	FROM route AS p WHERE p.variant = 'primary'
$$;
COMMENT ON FUNCTION mlops_catalog.current_route(regrole, bigint) IS 'What answers for a model, as a document; NULL if nothing does';

CREATE FUNCTION mlops_catalog.state_route(caller regrole, model_id bigint, route jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO mlops_catalog.stated_route AS s (model_id, route) VALUES (state_route.model_id, state_route.route)
	ON CONFLICT ON CONSTRAINT stated_route_pkey DO UPDATE SET route = excluded.route WHERE s.route <> excluded.route
$$;
COMMENT ON FUNCTION mlops_catalog.state_route(regrole, bigint, jsonb) IS 'Remembers what was asked to answer for a model';

-- ---- what is asked for

-- A version and its threshold, said in one way: without the threshold that the
-- version has anyway.
CREATE FUNCTION mlops_catalog.check_variant_document(caller regrole, model_id bigint, path text, document jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	version int := mlops_catalog.whole_number_in(path, document, 'version', 1, 2147483647);
	threshold float8 := mlops_catalog.number_in(path, document, 'threshold', 0, 1);
	percent float8 := mlops_catalog.number_in(path, document, 'percent', 0, 100);
BEGIN
	IF version IS NULL THEN
		RAISE EXCEPTION '"%" must have a key version', path USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN mlops_catalog.without_nulls(document || jsonb_build_object('version', version, 'percent', percent,
		'threshold', nullif(threshold, mlops_catalog.own_threshold(caller, model_id, version))));
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_variant_document(regrole, bigint, text, jsonb) IS
	'A document with a version, written as current_route would; an error that names the path if it is none';

CREATE FUNCTION mlops_catalog.check_release_document(caller regrole, model_id bigint, path text, document jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	types constant jsonb := mlops_catalog.key_types('models.<model>.deploy.release');
	s record;
	variants jsonb := '{}';
	v record;
BEGIN
	SELECT t.* INTO s FROM mlops_catalog.strategies() AS t WHERE t.name = check_release_document.document ->> 'strategy' AND t.document IS NOT NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION '"%" must have a key strategy', path
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Valid values are: %s.',
				(SELECT string_agg(t.name, ', ') FROM mlops_catalog.strategies() AS t WHERE t.document IS NOT NULL));
	END IF;
	PERFORM mlops_catalog.check_object(path, document, (SELECT jsonb_object_agg(k, types -> k) FROM unnest('{strategy,guard,metric}' || s.document) AS k));
	IF 'version' = ANY (s.document) THEN
		document := mlops_catalog.check_variant_document(caller, model_id, path, document);
	ELSIF 'variants' <> ALL (s.document) THEN
		document := mlops_catalog.without_nulls(document || jsonb_build_object('percent', mlops_catalog.number_in(path, document, 'percent', 0, 100)));
	ELSE
		FOR v IN SELECT * FROM jsonb_each(document -> 'variants') LOOP
			PERFORM mlops_catalog.check_object(path || '.variants.' || v.key, v.value, mlops_catalog.key_types('variants.<variant>'));
			variants := variants || jsonb_build_object(v.key,
				mlops_catalog.check_variant_document(caller, model_id, path || '.variants.' || v.key, v.value));
		END LOOP;
		document := document || jsonb_build_object('variants', variants, 'min_percent', mlops_catalog.number_in(path, document, 'min_percent', 0, 100));
	END IF;
	-- defaults are left out
	RETURN mlops_catalog.without_nulls(document || jsonb_build_object('guard', nullif(document -> 'guard', '{}'),
		'ramp', nullif(document -> 'ramp', '[]'), 'metric', nullif(document -> 'metric', '"precision"'),
		'variant', nullif(document -> 'variant', to_jsonb(s.variant))));
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_release_document(regrole, bigint, text, jsonb) IS
	'A release, written as current_release would; an error that names the path if it is none';

CREATE FUNCTION mlops_catalog.check_route_document(caller regrole, model_id bigint, path text, document jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	route jsonb;
	segments jsonb := '[]';
	shadows jsonb := '{}';
	e record;
BEGIN
	IF document = 'null' THEN	-- nothing is to answer
		RETURN '{}';
	END IF;
	PERFORM mlops_catalog.check_object(path, document, mlops_catalog.key_types('models.<model>.deploy'));
	route := mlops_catalog.check_variant_document(caller, model_id, path, document - 'note');
	IF route ? 'release' THEN
		route := route || jsonb_build_object('release',
			mlops_catalog.check_release_document(caller, model_id, path || '.release', document -> 'release'));
		IF route ? 'guard' THEN
			RAISE EXCEPTION '"%" has a guard beside a release', path
				USING ERRCODE = 'invalid_parameter_value',
					HINT = 'A guard of its own is for a version that answers alone; put this one into the release.';
		ELSIF route ? 'threshold' AND mlops_catalog.follows_aliases(route -> 'release' ->> 'strategy') THEN
			RAISE EXCEPTION '"%" has a threshold, but a champion has its own', path USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END IF;
	FOR e IN SELECT s.value, path || '.segments.' || s.place - 1 AS place
			FROM jsonb_array_elements(document -> 'segments') WITH ORDINALITY AS s(value, place) LOOP
		PERFORM mlops_catalog.check_object(e.place, e.value, mlops_catalog.key_types('models.<model>.deploy.segments'));
		IF NOT e.value ?& '{variant,rule}' THEN
			RAISE EXCEPTION '"%" must have the keys variant, version and rule', e.place USING ERRCODE = 'invalid_parameter_value';
		END IF;
		segments := segments || mlops_catalog.check_variant_document(caller, model_id, e.place, e.value);
	END LOOP;
	FOR e IN SELECT s.key, s.value, path || '.shadows.' || s.key AS place FROM jsonb_each(document -> 'shadows') AS s LOOP
		PERFORM mlops_catalog.check_object(e.place, e.value, mlops_catalog.key_types('models.<model>.deploy.shadows.<variant>'));
		shadows := shadows || jsonb_build_object(e.key, mlops_catalog.check_variant_document(caller, model_id, e.place,
			mlops_catalog.without_nulls(e.value || jsonb_build_object('guard', nullif(e.value -> 'guard', '{}')))));
	END LOOP;
	RETURN mlops_catalog.without_nulls(route || jsonb_build_object('guard', nullif(route -> 'guard', '{}'),
		'segments', nullif(segments, '[]'), 'shadows', nullif(shadows, '{}')));
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_route_document(regrole, bigint, text, jsonb) IS
	'A route, written as current_route would; an error that names the path if it is none';

-- ---- from one to the other

-- Does a document ask for what was asked for last, though it is no longer what
-- answers?  A document without a key leaves the key as it is.
CREATE FUNCTION mlops_catalog.same_route(a jsonb, b jsonb) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(a = b OR NOT a ? 'key' AND a = b - 'key', false) $$;
COMMENT ON FUNCTION mlops_catalog.same_route(jsonb, jsonb) IS 'Is a, a document, the same route as b, which may have a key that a leaves open?';

CREATE FUNCTION mlops_catalog.has_moved_on(model text, route jsonb) RETURNS boolean
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops_catalog.has_moved_on(text, jsonb) IS
	'Is this the route that was stated last for a model, though another one answers now?';
CREATE FUNCTION mlops_catalog.has_moved_on(caller regrole, model_name text, route jsonb) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.require(caller, model_name, 'see');
	asked jsonb := mlops_catalog.check_route_document(caller, id, format('models.%s.deploy', model_name), route);
BEGIN
	RETURN NOT mlops_catalog.same_route(asked, coalesce(mlops_catalog.current_route(caller, id), '{}')) AND mlops_catalog.same_route(asked,
		(SELECT s.route FROM mlops_catalog.stated_route AS s WHERE s.model_id = id));
END
$$;
COMMENT ON FUNCTION mlops_catalog.has_moved_on(regrole, text, jsonb) IS 'What has_moved_on(model, route) does, as the owner of the catalog';

CREATE FUNCTION mlops_catalog.deploy_variant(caller regrole, model_name text, strategy text, document jsonb, key name, note text, variant text DEFAULT NULL)
	RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT FROM mlops_catalog.deploy(caller, model_name, (document ->> 'version')::int, strategy,
		coalesce((document ->> 'percent')::float8, 100), key, (document ->> 'threshold')::float8, coalesce(document -> 'guard', '{}'), note,
		coalesce(document -> 'ramp', '[]'), document -> 'variants', document -> 'rule', coalesce(variant, document ->> 'variant'),
		coalesce(document ->> 'metric', 'precision'), (document ->> 'min_percent')::float8)
$$;
COMMENT ON FUNCTION mlops_catalog.deploy_variant(regrole, text, text, jsonb, name, text, text) IS 'mlops.deploy with the arguments in a document';

CREATE FUNCTION mlops_catalog.common_prefix(a jsonb, b jsonb) RETURNS int
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(min(i) - 1, 0)::int FROM generate_series(1, greatest(jsonb_array_length(a), jsonb_array_length(b)) + 1) AS i
	WHERE a -> (i - 1) IS DISTINCT FROM b -> (i - 1) OR a -> (i - 1) IS NULL
$$;
COMMENT ON FUNCTION mlops_catalog.common_prefix(jsonb, jsonb) IS 'How many elements two arrays have in common at their beginning';

-- What is to go goes first, so that names are free.
CREATE FUNCTION mlops_catalog.move_route(caller regrole, model_name text, model_id bigint, wanted jsonb, note text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now jsonb := coalesce(mlops_catalog.current_route(caller, model_id), '{}');
	release constant jsonb := wanted -> 'release';
	key constant name := wanted ->> 'key';
	other_key constant boolean := now ->> 'key' IS DISTINCT FROM wanted ->> 'key';
	other_version constant boolean := now -> 'version' IS DISTINCT FROM wanted -> 'version'
		OR now -> 'threshold' IS DISTINCT FROM wanted -> 'threshold';
	by_alias constant boolean := mlops_catalog.follows_aliases(release ->> 'strategy');
	other_release constant boolean := other_version OR other_key OR now -> 'release' IS DISTINCT FROM release;
	e record;
BEGIN
	IF now ? 'release' AND other_release THEN
		PERFORM FROM mlops_catalog.take_away(caller, model_name, note, NULL);
	END IF;
	IF NOT by_alias AND other_version
			OR release IS NULL AND (other_key OR now -> 'guard' IS DISTINCT FROM wanted -> 'guard') THEN
		PERFORM mlops_catalog.deploy_variant(caller, model_name, 'direct', wanted - '{release,segments,shadows}'::text[], key, note);
	END IF;
	now := coalesce(mlops_catalog.current_route(caller, model_id), '{}');

	-- segments are tried in order: from the first that differs on they are laid anew
	FOR e IN SELECT s.value ->> 'variant' AS variant FROM jsonb_array_elements(now -> 'segments') WITH ORDINALITY AS s(value, place)
			WHERE s.place > mlops_catalog.common_prefix(now -> 'segments', wanted -> 'segments')
		UNION ALL SELECT s.key FROM jsonb_each(now -> 'shadows') AS s WHERE wanted -> 'shadows' -> s.key IS DISTINCT FROM s.value LOOP
		PERFORM FROM mlops_catalog.take_away(caller, model_name, note, e.variant);
	END LOOP;
	IF release IS NOT NULL AND other_release THEN
		PERFORM mlops_catalog.deploy_variant(caller, model_name, release ->> 'strategy', release, key, note);
	END IF;
	FOR e IN SELECT s.value FROM jsonb_array_elements(wanted -> 'segments') WITH ORDINALITY AS s(value, place)
			WHERE s.place > mlops_catalog.common_prefix(now -> 'segments', wanted -> 'segments') ORDER BY s.place LOOP
		PERFORM mlops_catalog.deploy_variant(caller, model_name, 'segment', e.value, NULL, note);
	END LOOP;
	now := mlops_catalog.current_route(caller, model_id);
	FOR e IN SELECT s.key, s.value FROM jsonb_each(wanted -> 'shadows') AS s WHERE now -> 'shadows' -> s.key IS DISTINCT FROM s.value LOOP
		PERFORM mlops_catalog.deploy_variant(caller, model_name, 'shadow', e.value, NULL, note, e.key);
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.move_route(regrole, text, bigint, jsonb, text) IS
	'Makes another route answer, by the deployments and aborts that it takes';

CREATE FUNCTION mlops_catalog.set_route(model text, route jsonb) RETURNS TABLE (item text, former jsonb, new jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops_catalog.set_route(text, jsonb) IS
	'Makes what answers for a model equal to a document and returns what differed; see mlops.apply';
CREATE FUNCTION mlops_catalog.set_route(caller regrole, model_name text, document jsonb) RETURNS TABLE (item text, former jsonb, new jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, model_name, 'deploy');
	asked jsonb := mlops_catalog.check_route_document(caller, id, format('models.%s.deploy', model_name), document);
	found jsonb := coalesce(mlops_catalog.current_route(caller, id), '{}');
	made jsonb;
	last record;
BEGIN
	IF NOT mlops_catalog.same_route(asked, found) AND mlops_catalog.same_route(asked,
			(SELECT s.route FROM mlops_catalog.stated_route AS s WHERE s.model_id = id)) THEN
		SELECT d.action, d.note INTO last FROM mlops_catalog.deployment AS d WHERE d.model_id = id ORDER BY d.deployment_id DESC LIMIT 1;
		RAISE NOTICE 'model "%" has moved on since its route was stated', model_name
			USING DETAIL = format('The last change was: %s. What answers now: %s', concat_ws(', ', last.action, last.note), found),
				HINT = 'It is left as it is. Another document, or mlops.deploy, changes it.';
		RETURN;
	END IF;
	IF asked <> '{}' AND NOT asked ? 'key' AND found ? 'key' THEN
		asked := asked || jsonb_build_object('key', found -> 'key');
	END IF;
	IF asked <> found THEN
		IF mlops_catalog.follows_aliases(asked -> 'release' ->> 'strategy') AND NOT EXISTS (SELECT FROM mlops_catalog.alias AS a
				JOIN mlops_catalog.model_version AS v USING (version_id)
				WHERE a.model_id = id AND a.alias = 'champion' AND v.version = (asked ->> 'version')::int) THEN
			RAISE EXCEPTION 'version % of model "%" is not the one that alias "champion" stands for', asked ->> 'version', model_name
				USING ERRCODE = 'invalid_parameter_value', HINT = 'A champion is deployed by its alias: set both to the same version.';
		END IF;
		IF asked = '{}' THEN
			PERFORM FROM mlops_catalog.undeploy(caller, model_name, coalesce(document ->> 'note', 'as a document states'));
		ELSE
			PERFORM mlops_catalog.move_route(caller, model_name, id, asked, coalesce(document ->> 'note', 'as a document states'));
		END IF;
		made := coalesce(mlops_catalog.current_route(caller, id), '{}');
		IF made <> asked THEN
			RAISE EXCEPTION 'the route of model "%" cannot be made as stated', model_name
				USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Stated: %s. Made: %s', asked, made);
		END IF;
		RETURN QUERY SELECT p.item, nullif(p.former, '{}'), nullif(p.new, '{}') FROM (
				SELECT 'primary', found - '{release,segments,shadows}'::text[], asked - '{release,segments,shadows}'::text[]
				UNION ALL SELECT k, found -> k, asked -> k FROM unnest('{release,segments,shadows}'::text[]) AS k) AS p(item, former, new)
			WHERE p.former IS DISTINCT FROM p.new;
	END IF;
	PERFORM mlops_catalog.state_route(caller, id, asked);
END
$$;
COMMENT ON FUNCTION mlops_catalog.set_route(regrole, text, jsonb) IS 'What set_route(model, route) does, as the owner of the catalog';
