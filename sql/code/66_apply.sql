-- Settings of models as a document that can be kept in git.
--
-- {"models": {"fraud": {
--    "description": "...", "limits": "...", "owner": "risk_team",
--    "tags": {"team": "risk"},
--    "versions": {"3": {"description": "...", "tags": {...}}},
--    "grants": {"app": ["score"], "public": [...]},
--    "gate": {...},
--    "stages": {"3": "production"},
--    "aliases": {"champion": 3},
--    "deploy": {...},                                   see 66_routes.sql
--    "monitor": {...}, "alerts": {...}, "retraining": {...},   see 87_apply_monitoring.sql
--    "schedules": {"retrain": {"cron": "@daily", "command": "..."}}}}}
--
-- A key that is not there is left as it is.  tags, grants, aliases, deploy,
-- alerts and schedules that are there are made equal: what the document lacks is removed.

CREATE FUNCTION mlops.export_spec(model text DEFAULT NULL) RETURNS jsonb
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.export_spec(text) IS
	'Settings of a model, or of all models you may use, as the document that mlops.apply takes';
CREATE FUNCTION mlops_catalog.export_spec(caller regrole, model text) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET intervalstyle = postgres
AS $$
#variable_conflict use_column
BEGIN
	IF export_spec.model IS NOT NULL THEN
		PERFORM mlops_catalog.require(caller, export_spec.model, 'inspect');
	END IF;
	RETURN jsonb_build_object('models', (SELECT coalesce(jsonb_object_agg(m.name, mlops_catalog.without_nulls(jsonb_build_object(
			'description', m.description, 'limits', m.limits, 'owner', mlops_catalog.role_text(m.owner), 'tags', m.tags,
			'versions', (SELECT jsonb_object_agg(v.version, mlops_catalog.without_nulls(jsonb_build_object(
					'description', v.description, 'tags', nullif(v.tags, '{}'))))
				FROM mlops_catalog.model_version AS v
				WHERE v.model_id = m.model_id AND v.dropped_at IS NULL AND (v.description IS NOT NULL OR v.tags <> '{}')),
			'grants', (SELECT coalesce(jsonb_object_agg(g.role, g.privileges), '{}') FROM (
				SELECT mlops_catalog.role_text(x.role) AS role, jsonb_agg(x.privilege ORDER BY x.privilege) AS privileges
				FROM mlops_catalog.model_grant AS x
				WHERE x.model_id = m.model_id AND (x.role = 0 OR EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = x.role)) GROUP BY 1) AS g),
			'gate', coalesce((SELECT g.gate FROM mlops_catalog.gate AS g WHERE g.model_id = m.model_id), '{}'),
			'stages', (SELECT coalesce(jsonb_object_agg(v.version, v.stage), '{}') FROM mlops_catalog.model_version AS v
				WHERE v.model_id = m.model_id AND v.dropped_at IS NULL AND v.stage <> 'none'),
			'aliases', (SELECT coalesce(jsonb_object_agg(a.alias, v.version), '{}')
				FROM mlops_catalog.alias AS a JOIN mlops_catalog.model_version AS v USING (version_id) WHERE a.model_id = m.model_id),
			'deploy', mlops_catalog.current_route(caller, m.model_id),
			'schedules', (SELECT coalesce(jsonb_object_agg(s.name, mlops_catalog.without_nulls(jsonb_build_object(
					'cron', s.cron, 'command', s.command, 'timeout', s.timeout::text, 'max_retries', nullif(s.max_retries, 0),
					'priority', nullif(s.priority, 0)))), '{}')
				FROM mlops_catalog.schedule AS s WHERE s.owner = caller AND s.model = m.name)))
			|| CASE WHEN mlops_catalog.current_route(caller, m.model_id) IS NULL	-- taken out of service
					AND EXISTS (SELECT FROM mlops_catalog.deployment AS d WHERE d.model_id = m.model_id) THEN '{"deploy": null}'::jsonb ELSE '{}' END
			|| mlops_catalog.monitoring_spec(caller, m.model_id)), '{}')
		FROM mlops_catalog.model AS m WHERE (export_spec.model IS NULL OR m.name = export_spec.model) AND mlops_catalog.may(caller, m.name, 'inspect')));
END
$$;

-- ---- what is well-formed

CREATE FUNCTION mlops_catalog.check_version_keys(path text, object jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad text := (SELECT k FROM jsonb_object_keys(object) AS k WHERE k !~ '^[1-9][0-9]{0,8}$' LIMIT 1);
BEGIN
	IF bad IS NOT NULL THEN
		RAISE EXCEPTION 'key "%" in "%" is not the number of a version', bad, path USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_version_keys(text, jsonb) IS 'An error unless the keys of an object are numbers of versions';

CREATE FUNCTION mlops_catalog.check_values(path text, object jsonb, types text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(object) = 'object' THEN
		PERFORM mlops_catalog.check_object(path, object, (SELECT coalesce(jsonb_object_agg(k, types), '{}') FROM jsonb_object_keys(object) AS k));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_values(text, jsonb, text) IS
	'An error unless the values of an object, whatever its keys, are of one of the JSON types listed (alternatives divided by |)';

CREATE FUNCTION mlops_catalog.check_model_document(path text, document jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tags constant text := 'string|number|boolean';
	e record;
BEGIN
	PERFORM mlops_catalog.check_object(path, document, mlops_catalog.key_types('models.<model>'));
	PERFORM mlops_catalog.check_monitoring_document(path, document);
	PERFORM mlops_catalog.check_values(path || '.tags', document -> 'tags', tags);
	PERFORM mlops_catalog.check_values(path || '.aliases', document -> 'aliases', 'whole number');
	PERFORM mlops_catalog.check_values(path || '.grants', document -> 'grants', 'array');
	PERFORM mlops_catalog.check_values(path || '.stages', document -> 'stages', 'string');
	PERFORM mlops_catalog.check_values(path || '.versions', document -> 'versions', 'object');
	PERFORM mlops_catalog.check_values(path || '.schedules', document -> 'schedules', 'object');
	PERFORM mlops_catalog.check_version_keys(path || '.stages', document -> 'stages');
	PERFORM mlops_catalog.check_version_keys(path || '.versions', document -> 'versions');
	FOR e IN SELECT path || '.grants.' || g.key AS place, g.value FROM jsonb_each(document -> 'grants') AS g LOOP
		IF EXISTS (SELECT FROM jsonb_array_elements(e.value) AS p WHERE jsonb_typeof(p) <> 'string') THEN
			RAISE EXCEPTION '"%" must be a list of privileges', e.place USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
	FOR e IN SELECT path || '.versions.' || v.key AS place, v.value FROM jsonb_each(document -> 'versions') AS v LOOP
		PERFORM mlops_catalog.check_object(e.place, e.value, mlops_catalog.key_types('models.<model>.versions.<version>'));
		PERFORM mlops_catalog.check_values(e.place || '.tags', e.value -> 'tags', tags);
	END LOOP;
	FOR e IN SELECT path || '.schedules.' || s.key AS place, s.value FROM jsonb_each(document -> 'schedules') AS s LOOP
		PERFORM mlops_catalog.check_object(e.place, e.value, mlops_catalog.key_types('models.<model>.schedules.<schedule>'));
		IF NOT e.value ?& '{cron,command}' THEN
			RAISE EXCEPTION '"%" must have the keys cron and command', e.place USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_model_document(text, jsonb) IS
	'An error that names the path unless the settings of a model have valid keys with values of the right types';

-- Differences of two objects with texts as values, as changes.
CREATE FUNCTION mlops_catalog.differences(found jsonb, wanted jsonb)
	RETURNS TABLE (item text, former text, new text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT key, f.value, w.value FROM jsonb_each_text(coalesce(found, '{}')) AS f FULL JOIN jsonb_each_text(coalesce(wanted, '{}')) AS w USING (key)
	WHERE f.value IS DISTINCT FROM w.value
$$;
COMMENT ON FUNCTION mlops_catalog.differences(jsonb, jsonb) IS 'Keys whose values differ between two objects, NULL where one lacks it';

CREATE FUNCTION mlops_catalog.pairs(grants jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(jsonb_build_array(g.key, p)::text, p), '{}')
	FROM jsonb_each(grants) AS g CROSS JOIN LATERAL jsonb_array_elements_text(g.value) AS p
$$;
COMMENT ON FUNCTION mlops_catalog.pairs(jsonb) IS 'Grants with a key for each role and privilege';

CREATE FUNCTION mlops_catalog.plan_settings(model text, wanted jsonb) RETURNS SETOF mlops_catalog.setting_change
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	now jsonb := mlops.export_spec(plan_settings.model) -> 'models' -> plan_settings.model;
	-- promoting a challenger made it champion: see set_route
	promoted boolean := CASE WHEN mlops_catalog.follows_aliases(wanted -> 'deploy' -> 'release' ->> 'strategy')
		AND wanted -> 'aliases' -> 'champion' = wanted -> 'deploy' -> 'version' THEN mlops_catalog.has_moved_on(plan_settings.model, wanted -> 'deploy') ELSE false END;
BEGIN
	RETURN QUERY
	SELECT k, NULL::text, now ->> k, wanted ->> k, format('SELECT mlops.describe(%L, %s => %L)', plan_settings.model, k, wanted ->> k)
		FROM unnest('{description,limits}'::text[]) AS k WHERE wanted ? k AND coalesce(now ->> k, '') <> wanted ->> k;
	RETURN QUERY
	SELECT 'tags', d.item, d.former, d.new, format('SELECT mlops.set_model_tag(%L, %L, %L)', plan_settings.model, d.item, d.new)
		FROM mlops_catalog.differences(now -> 'tags', wanted -> 'tags') AS d WHERE wanted ? 'tags' ORDER BY 2;
	RETURN QUERY
	SELECT 'versions', v.key, now #>> ARRAY['versions', v.key, 'description'], v.value ->> 'description',
			format('SELECT mlops.describe(%L, %L, version => %s)', plan_settings.model, v.value ->> 'description', v.key)
		FROM jsonb_each(wanted -> 'versions') AS v
		WHERE v.value ? 'description' AND coalesce(now #>> ARRAY['versions', v.key, 'description'], '') <> v.value ->> 'description'
	UNION ALL
	SELECT 'versions', v.key || '.' || d.item, d.former, d.new, format('SELECT mlops.set_model_tag(%L, %L, %L, %s)', plan_settings.model, d.item, d.new, v.key)
		FROM jsonb_each(wanted -> 'versions') AS v,
			LATERAL mlops_catalog.differences(now #> ARRAY['versions', v.key, 'tags'], v.value -> 'tags') AS d
		WHERE v.value ? 'tags' ORDER BY 2;
	RETURN QUERY
	SELECT 'grants', d.item::jsonb ->> 0, d.former, d.new, format('SELECT mlops.%s(%L, %L, %L)',
			CASE WHEN d.new IS NULL THEN 'revoke' ELSE 'grant' END, plan_settings.model, d.item::jsonb ->> 0, d.item::jsonb ->> 1)
		FROM mlops_catalog.differences(mlops_catalog.pairs(now -> 'grants'), mlops_catalog.pairs(wanted -> 'grants')) AS d
		WHERE wanted ? 'grants' ORDER BY 2, 3, 4;
	RETURN QUERY
	SELECT 'gate', NULL, now ->> 'gate', wanted ->> 'gate', format('SELECT mlops.set_gate(%L, %L)', plan_settings.model, wanted -> 'gate')
		WHERE wanted ? 'gate' AND now -> 'gate' <> wanted -> 'gate';
	-- what a stage may not follow directly is reached by staging; production last, it archives the one before
	RETURN QUERY
	SELECT 'stages', s.key, f.stage, s.value, concat_ws('; ',
			CASE WHEN NOT EXISTS (SELECT FROM mlops_catalog.stage_transitions() AS t WHERE t.from_stage = f.stage AND t.to_stage = s.value)
				AND s.value = ANY ('{none,staging,production,archived}') THEN format('SELECT mlops.set_stage(%L, %L, ''staging'')', plan_settings.model, s.key) END,
			format('SELECT mlops.set_stage(%L, %L, %L)', plan_settings.model, s.key, s.value))
		FROM jsonb_each_text(wanted -> 'stages') AS s, LATERAL (SELECT coalesce(now -> 'stages' ->> s.key, 'none') AS stage) AS f
		WHERE f.stage <> s.value ORDER BY s.value = 'production', s.key::int;
	RETURN QUERY
	SELECT 'aliases', d.item, d.former, d.new, CASE WHEN d.new IS NULL THEN format('SELECT mlops.drop_alias(%L, %L)', plan_settings.model, d.item)
			ELSE format('SELECT mlops.set_alias(%L, %L, %L)', plan_settings.model, d.item, d.new) END
		FROM mlops_catalog.differences(now -> 'aliases', wanted -> 'aliases') AS d
		WHERE wanted ? 'aliases' AND NOT (promoted AND d.item = 'champion') ORDER BY 2;
END
$$;
COMMENT ON FUNCTION mlops_catalog.plan_settings(text, jsonb) IS 'What has to change so that a model has the settings of a document, but for its route, owner, monitoring and schedules';

CREATE FUNCTION mlops_catalog.plan_owner(model text, wanted jsonb) RETURNS SETOF mlops_catalog.setting_change
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'owner', NULL, pg_get_userbyid(m.owner::oid)::text, wanted ->> 'owner', format('SELECT mlops.set_owner(%L, %L)', plan_owner.model, wanted ->> 'owner')
	FROM mlops.models AS m WHERE m.model = plan_owner.model AND pg_get_userbyid(m.owner::oid) <> wanted ->> 'owner'
$$;
COMMENT ON FUNCTION mlops_catalog.plan_owner(text, jsonb) IS 'The change of owner, if a document has another one';

CREATE FUNCTION mlops_catalog.plan_schedules(model text, wanted jsonb) RETURNS SETOF mlops_catalog.setting_change
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
	SET intervalstyle = postgres
AS $$
	WITH asked AS (
		SELECT s.key AS name, s.value, mlops_catalog.without_nulls(s.value || jsonb_build_object('timeout', mlops_catalog.length_of_time('schedules', 'timeout', s.value ->> 'timeout')::text,
			'max_retries', nullif((s.value ->> 'max_retries')::int, 0), 'priority', nullif((s.value ->> 'priority')::int, 0))) AS document
		FROM jsonb_each(wanted -> 'schedules') AS s)
	SELECT 'schedules', d.item, d.former, d.new, CASE
		WHEN d.new IS NULL THEN format('SELECT mlops.unschedule(%L)', d.item)
		ELSE format('SELECT mlops.schedule(%L, %L, %L, %L, %L, %L, %L)', d.item, a.value ->> 'cron', a.value ->> 'command', a.value ->> 'timeout',
			coalesce(a.value ->> 'max_retries', '0'), coalesce(a.value ->> 'priority', '0'), plan_schedules.model) END
	FROM mlops_catalog.differences(mlops.export_spec(plan_schedules.model) -> 'models' -> plan_schedules.model -> 'schedules',
		(SELECT jsonb_object_agg(a.name, a.document) FROM asked AS a)) AS d
	LEFT JOIN asked AS a ON a.name = d.item
	WHERE wanted ? 'schedules' ORDER BY d.item
$$;
COMMENT ON FUNCTION mlops_catalog.plan_schedules(text, jsonb) IS 'What has to change so that the current user has the schedules of a document for a model';

-- ---- apply

CREATE FUNCTION mlops_catalog.raise_at(path text, code text, message text, detail text, hint text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF strpos(message, path) = 0 THEN
		message := format('%s: %s', path, message);
	END IF;
	IF detail <> '' AND hint <> '' THEN
		RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = detail, HINT = hint;
	ELSIF detail <> '' THEN
		RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = detail;
	ELSIF hint <> '' THEN
		RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
	END IF;
	RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
END
$$;
COMMENT ON FUNCTION mlops_catalog.raise_at(text, text, text, text, text) IS 'Raises an error anew with the place in a document that it is about';

-- A schedule may be made in another database, where nothing can be undone: a
-- dry run only looks whether it could be one.
CREATE FUNCTION mlops_catalog.check_schedule(name text, document jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.require_preload('mlops.schedule()');
	PERFORM mlops_catalog.next_cron_run(document ->> 'cron', now(), 'GMT');
	PERFORM mlops_catalog.record_schedule(name, document ->> 'cron', document ->> 'command', mlops_catalog.length_of_time('schedules', 'timeout', document ->> 'timeout'),
		coalesce((document ->> 'max_retries')::int, 0), coalesce((document ->> 'priority')::int, 0), NULL, 0);
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_schedule(text, jsonb) IS 'An error unless a schedule could be made; leaves a record that is to be rolled back';

CREATE FUNCTION mlops_catalog.apply_model(model text, wanted jsonb, dry_run boolean)
	RETURNS SETOF mlops_catalog.setting_change
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	path text := 'models.' || model;
	change mlops_catalog.setting_change;
	other text;
	detail text;
	hint text;
BEGIN
	PERFORM mlops_catalog.check_model_document(path, wanted);
	PERFORM mlops_catalog.require_seen(model, 'see');
	FOR change IN SELECT * FROM mlops_catalog.plan_settings(model, wanted) LOOP
		path := concat_ws('.', 'models', model, change.setting, change.item);
		EXECUTE change.statement;
		RETURN NEXT change;
	END LOOP;
	path := format('models.%s.deploy', model);
	RETURN QUERY SELECT 'deploy', r.item, r.former::text, r.new::text, NULL::text
		FROM mlops_catalog.set_route(model, wanted -> 'deploy') AS r WHERE wanted ? 'deploy';
	FOR change IN SELECT * FROM mlops_catalog.plan_owner(model, wanted) LOOP
		path := format('models.%s.owner', model);
		EXECUTE change.statement;
		RETURN NEXT change;
	END LOOP;
	path := 'models.' || model;
	FOR change IN SELECT * FROM mlops_catalog.plan_monitoring(model, wanted) LOOP
		path := concat_ws('.', 'models', model, change.setting, change.item);
		EXECUTE change.statement;
		RETURN NEXT change;
	END LOOP;
	path := format('models.%s.schedules', model);
	FOR change IN SELECT * FROM mlops_catalog.plan_schedules(model, wanted) LOOP
		path := concat_ws('.', 'models', model, 'schedules', change.item);
		SELECT s.model INTO other FROM mlops.schedules AS s WHERE s.name = change.item AND s.owner = quote_ident(current_user)::regrole;
		IF FOUND AND other IS DISTINCT FROM apply_model.model THEN
			RAISE EXCEPTION 'there is a schedule "%" that is not for this model', change.item USING ERRCODE = 'duplicate_object';
		ELSIF NOT dry_run THEN
			EXECUTE change.statement;
		ELSIF change.new IS NOT NULL THEN
			PERFORM mlops_catalog.check_schedule(change.item, change.new::jsonb);
		END IF;
		RETURN NEXT change;
	END LOOP;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	PERFORM mlops_catalog.raise_at(path, SQLSTATE, SQLERRM, detail, hint);
END
$$;
COMMENT ON FUNCTION mlops_catalog.apply_model(text, jsonb, boolean) IS 'Makes the settings of one model equal to a document, with the caller''s rights; errors name the place in it';

CREATE FUNCTION mlops_catalog.refuse_large_spec(spec jsonb) RETURNS void
	LANGUAGE c IMMUTABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_refuse_large';
COMMENT ON FUNCTION mlops_catalog.refuse_large_spec(jsonb) IS 'An error if a document is larger than may be given';

CREATE FUNCTION mlops.apply(spec jsonb, dry_run boolean DEFAULT false)
	RETURNS TABLE (model text, setting text, item text, former text, new text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.apply(jsonb, boolean) IS
	'Makes settings of models equal to a document, in one transaction and with the caller''s rights, and returns the changes; with dry_run it returns what it would change. Applied again it changes nothing';
CREATE FUNCTION mlops_catalog.apply(spec jsonb, dry_run boolean)
	RETURNS TABLE (model text, setting text, item text, former text, new text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	m record;
	c record;
	changes jsonb := '[]';
BEGIN
	IF current_setting('transaction_read_only')::boolean THEN
		RAISE EXCEPTION 'cannot execute mlops.apply() in a read-only transaction' USING ERRCODE = 'read_only_sql_transaction';
	END IF;
	PERFORM mlops_catalog.refuse_large_spec(apply.spec);
	PERFORM mlops_catalog.check_object('spec', apply.spec, mlops_catalog.key_types('spec'));
	BEGIN
		FOR m IN SELECT e.key, e.value FROM jsonb_each(apply.spec -> 'models') AS e ORDER BY e.key LOOP
			FOR c IN SELECT a.* FROM mlops_catalog.apply_model(m.key, m.value, coalesce(apply.dry_run, false)) AS a LOOP
				changes := changes || jsonb_build_object('model', m.key, 'setting', c.setting, 'item', c.item,
					'former', c.former, 'new', c.new);
			END LOOP;
		END LOOP;
		IF dry_run THEN
			-- done and undone, so that a plan also meets what a gate would refuse
			RAISE EXCEPTION USING ERRCODE = 'ML0DR', MESSAGE = 'the dry run is over';
		END IF;
	EXCEPTION WHEN SQLSTATE 'ML0DR' THEN
		NULL;
	END;
	RETURN QUERY SELECT c.model, c.setting, c.item, c.former, c.new
		FROM jsonb_to_recordset(changes) AS c(model text, setting text, item text, former text, new text);
END
$$;
