-- Settings of models as a document that can be kept in git.
--
-- {"models": {"fraud": {
--    "description": "...", "limits": "...", "owner": "risk_team",
--    "tags": {"team": "risk"},
--    "grants": {"app": ["score"], "public": [...]},
--    "gate": {...},
--    "aliases": {"champion": 3},
--    "stages": {"3": "production"},
--    "deploy": {"version": 3, "threshold": 0.4}}}}
--
-- A key that is not there is left as it is.  tags, grants and aliases that are
-- there are made equal: what the document lacks is removed.

CREATE FUNCTION mlops.export_spec(model text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 IS NOT NULL THEN
		PERFORM mlops_catalog.require_seen($1);
	END IF;
	RETURN jsonb_build_object('models', (SELECT coalesce(jsonb_object_agg(m.model, jsonb_strip_nulls(jsonb_build_object(
			'description', m.description, 'limits', m.limits, 'owner', pg_get_userbyid(m.owner::oid)))
		|| jsonb_build_object('tags', m.tags,
			'grants', (SELECT coalesce(jsonb_object_agg(g.role, g.privileges), '{}') FROM (
				SELECT x.role, jsonb_agg(x.privilege ORDER BY x.privilege) AS privileges FROM mlops.grants AS x WHERE x.model = m.model GROUP BY 1) AS g),
			'gate', coalesce((SELECT g.gate FROM mlops.gates AS g WHERE g.model = m.model), '{}'),
			'aliases', (SELECT coalesce(jsonb_object_agg(a.alias, a.version), '{}') FROM mlops.aliases AS a WHERE a.model = m.model),
			'stages', (SELECT coalesce(jsonb_object_agg(v.version, v.stage), '{}') FROM mlops.versions AS v WHERE v.model = m.model AND v.stage <> 'none'))
		|| coalesce((SELECT jsonb_build_object('deploy', jsonb_build_object('version', min(d.version), 'threshold', min(d.threshold)))
			FROM mlops.deployments AS d WHERE d.model = m.model HAVING count(*) = 1 AND min(d.variant) = 'primary'), '{}')), '{}')
		FROM mlops.models AS m WHERE $1 IS NULL OR m.model = $1));
END
$$;
COMMENT ON FUNCTION mlops.export_spec(text) IS
	'Settings of a model, or of all one may use, as the document that mlops.apply takes';

CREATE FUNCTION mlops_catalog.plan_spec(spec jsonb)
	RETURNS TABLE (model text, setting text, item text, former text, new text, statement text, place int)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	s record;
	w jsonb;
	now jsonb;
	types constant jsonb := '{"description": "string", "limits": "string", "owner": "string", "tags": "object", "grants": "object",
		"gate": "object", "aliases": "object", "stages": "object", "deploy": "object"}';
BEGIN
	PERFORM mlops_catalog.check_object('spec', $1, '{"models": "object"}');
	FOR s IN SELECT e.key, e.value FROM jsonb_each($1 -> 'models') AS e ORDER BY e.key LOOP
		w := s.value;
		PERFORM mlops_catalog.check_object('models.' || s.key, w, types);
		PERFORM mlops_catalog.require_seen(s.key);
		IF w ? 'deploy' THEN
			PERFORM mlops_catalog.check_object(format('models.%s.deploy', s.key), w -> 'deploy', '{"version": "number", "threshold": "number"}');
			IF NOT w -> 'deploy' ? 'version' THEN
				RAISE EXCEPTION '"models.%.deploy" must have a key version', s.key USING ERRCODE = 'invalid_parameter_value';
			END IF;
		END IF;
		now := mlops.export_spec(s.key) -> 'models' -> s.key;
		RETURN QUERY
		-- texts
		SELECT s.key, k, NULL::text, now ->> k, w ->> k, format('SELECT mlops.describe(%L, %s => %L)', s.key, k, w ->> k), 1
			FROM unnest('{description,limits}'::text[]) AS k WHERE w ? k AND coalesce(now ->> k, '') <> w ->> k
		UNION ALL
		-- tags: those asked for and not there or other, those there and not asked for
		SELECT s.key, 'tags', coalesce(a.key, b.key), a.value, b.value, format('SELECT mlops.set_model_tag(%L, %L, %L)', s.key, coalesce(a.key, b.key), b.value), 2
			FROM jsonb_each_text(now -> 'tags') AS a FULL JOIN jsonb_each_text(w -> 'tags') AS b USING (key)
			WHERE w ? 'tags' AND a.value IS DISTINCT FROM b.value
		UNION ALL
		-- grants
		SELECT s.key, 'grants', coalesce(a.role, b.role), a.privilege, b.privilege, format('SELECT mlops.%s(%L, %L, %L)',
				CASE WHEN b.role IS NULL THEN 'revoke' ELSE 'grant' END, s.key, coalesce(a.role, b.role), coalesce(a.privilege, b.privilege)), 3
			FROM (SELECT g.key AS role, p AS privilege FROM jsonb_each(now -> 'grants') AS g, jsonb_array_elements_text(g.value) AS p) AS a
			FULL JOIN (SELECT DISTINCT g.key AS role, p AS privilege FROM jsonb_each(w -> 'grants') AS g, jsonb_array_elements_text(g.value) AS p) AS b
				ON a.role = b.role AND a.privilege = b.privilege
			WHERE w ? 'grants' AND (a.role IS NULL OR b.role IS NULL)
		UNION ALL
		SELECT s.key, 'gate', NULL, now ->> 'gate', w ->> 'gate', format('SELECT mlops.set_gate(%L, %L)', s.key, w -> 'gate'), 4
			WHERE w ? 'gate' AND now -> 'gate' <> w -> 'gate'
		UNION ALL
		-- stages; production is reached by staging
		SELECT s.key, 'stages', b.key, coalesce(now -> 'stages' ->> b.key, 'none'), b.value, concat_ws('; ',
				CASE WHEN b.value = 'production' AND NOT now -> 'stages' ? b.key THEN format('SELECT mlops.set_stage(%L, %L, ''staging'')', s.key, b.key) END,
				format('SELECT mlops.set_stage(%L, %L, %L)', s.key, b.key, b.value)), 5
			FROM jsonb_each_text(w -> 'stages') AS b WHERE coalesce(now -> 'stages' ->> b.key, 'none') <> b.value
		UNION ALL
		-- aliases
		SELECT s.key, 'aliases', coalesce(a.key, b.key), a.value, b.value, CASE WHEN b.key IS NULL
				THEN format('SELECT mlops.drop_alias(%L, %L)', s.key, a.key) ELSE format('SELECT mlops.set_alias(%L, %L, %L)', s.key, b.key, b.value) END, 6
			FROM jsonb_each_text(now -> 'aliases') AS a FULL JOIN jsonb_each_text(w -> 'aliases') AS b USING (key)
			WHERE w ? 'aliases' AND a.value IS DISTINCT FROM b.value
		UNION ALL
		SELECT s.key, 'deploy', NULL, now ->> 'deploy', w ->> 'deploy', format('SELECT mlops.deploy(%L, %L, threshold => %L, note => ''applied from a specification'')',
				s.key, w -> 'deploy' ->> 'version', w -> 'deploy' ->> 'threshold'), 7
			WHERE w ? 'deploy' AND (now -> 'deploy' -> 'version' IS DISTINCT FROM w -> 'deploy' -> 'version'
				OR w -> 'deploy' ? 'threshold' AND now -> 'deploy' -> 'threshold' IS DISTINCT FROM w -> 'deploy' -> 'threshold')
		UNION ALL
		SELECT s.key, 'owner', NULL, now ->> 'owner', w ->> 'owner', format('SELECT mlops.set_owner(%L, %L)', s.key, w ->> 'owner'), 8
			WHERE w ? 'owner' AND now ->> 'owner' <> w ->> 'owner'
		ORDER BY 7, 2, 3;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.plan_spec(jsonb) IS 'Differences between a specification and what is, each with the statement that removes it';

CREATE FUNCTION mlops.apply(spec jsonb, dry_run boolean DEFAULT false)
	RETURNS TABLE (model text, setting text, item text, former text, new text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	change record;
	changes jsonb := '[]';
BEGIN
	BEGIN
		FOR change IN SELECT * FROM mlops_catalog.plan_spec($1) LOOP
			EXECUTE change.statement;
			changes := changes || jsonb_build_object('model', change.model, 'setting', change.setting, 'item', change.item,
				'former', change.former, 'new', change.new);
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
COMMENT ON FUNCTION mlops.apply(jsonb, boolean) IS
	'Makes settings of models equal to a document, in one transaction and with the caller''s rights, and returns the changes; with dry_run it returns what it would change. Applied again it changes nothing';
