-- The registry: aliases, stages, descriptions, tags, deletion.

CREATE FUNCTION mlops_catalog.version_named(caller regrole, model text, version int) RETURNS bigint
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found bigint;
	last int;
BEGIN
	PERFORM mlops_catalog.refuse_null('version', version::text);
	SELECT v.version_id, mlops_catalog.last_version(m.model_id) INTO found, last
	FROM mlops_catalog.model AS m
	LEFT JOIN mlops_catalog.model_version AS v
		ON v.model_id = m.model_id AND v.version = version_named.version AND v.dropped_at IS NULL
	WHERE m.name = model;
	IF found IS NULL THEN
		RAISE EXCEPTION 'version % of model "%" does not exist', version, model
			USING ERRCODE = 'undefined_object',
				DETAIL = format('The latest version is %s.', last),
				HINT = 'View mlops.versions lists the versions there are.';
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION mlops_catalog.version_named(regrole, text, int) IS 'Identity of a model''s version; an error if there is none';

CREATE FUNCTION mlops_catalog.versions_text(caller regrole, versions bigint[]) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM (
		SELECT DISTINCT CASE WHEN mlops_catalog.may(caller, m.name, 'see') THEN format('%s/%s', m.name, v.version) ELSE 'versions of models that you may not use' END
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) WHERE v.version_id = ANY (versions)) AS t(name)
$$;
COMMENT ON FUNCTION mlops_catalog.versions_text(regrole, bigint[]) IS 'Names of versions, of those models that the caller may use';

-- ---- aliases

CREATE FUNCTION mlops.set_alias(model text, alias text, version int) RETURNS SETOF mlops.aliases
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_alias(text, text, int) IS
	'Makes model@alias stand for a version, such as champion or challenger';
CREATE FUNCTION mlops_catalog.set_alias(caller regrole, model text, alias text, version int) RETURNS SETOF mlops.aliases
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_alias.model, 'deploy');
	new_version bigint := mlops_catalog.version_named(caller, set_alias.model, set_alias.version);
	former int;
BEGIN
	PERFORM mlops_catalog.refuse_null('alias', set_alias.alias);
	IF set_alias.alias !~ '^[a-z0-9_][a-z0-9_.-]{0,62}$' THEN
		RAISE EXCEPTION 'invalid alias "%"', set_alias.alias
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A name has 1 to 63 of the characters a-z, 0-9, "_", "." and "-", and begins with a letter, digit or "_".';
	END IF;
	IF set_alias.alias ~ '^[0-9]+$' THEN
		RAISE EXCEPTION 'invalid alias "%": it looks like the number of a version', set_alias.alias
			USING ERRCODE = 'invalid_parameter_value', HINT = format('%1$s/%2$s is version %2$s. Give the alias a letter, such as v%2$s.', set_alias.model, set_alias.alias);
	END IF;
	SELECT v.version INTO former FROM mlops_catalog.alias AS a JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE a.model_id = id AND a.alias = set_alias.alias;
	IF former IS DISTINCT FROM set_alias.version THEN
		IF EXISTS (SELECT FROM mlops_catalog.gate AS g WHERE g.model_id = id AND g.gate -> 'aliases' ? set_alias.alias) THEN
			PERFORM mlops_catalog.enforce_gate(caller, set_alias.model, set_alias.version, 'alias');
		END IF;
		INSERT INTO mlops_catalog.alias (model_id, alias, version_id, set_by) VALUES (id, set_alias.alias, new_version, caller)
			ON CONFLICT ON CONSTRAINT alias_pkey
			DO UPDATE SET version_id = excluded.version_id, set_by = excluded.set_by, set_at = clock_timestamp();
		PERFORM mlops_catalog.audit(caller, 'set_alias', set_alias.model, set_alias.version, jsonb_build_object('alias', set_alias.alias, 'former_version', former));
	END IF;
	RETURN QUERY SELECT * FROM mlops.aliases AS a WHERE a.model = set_alias.model AND a.alias = set_alias.alias;
END
$$;

CREATE FUNCTION mlops.drop_alias(model text, alias text) RETURNS SETOF mlops.aliases
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.drop_alias(text, text) IS 'Removes an alias and returns it';
CREATE FUNCTION mlops_catalog.drop_alias(caller regrole, model text, alias text) RETURNS SETOF mlops.aliases
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, drop_alias.model, 'deploy');
	former mlops.aliases;
BEGIN
	PERFORM mlops_catalog.refuse_null('alias', drop_alias.alias);
	SELECT * INTO former FROM mlops.aliases AS a WHERE a.model = drop_alias.model AND a.alias = drop_alias.alias;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'alias "%" of model "%" does not exist', drop_alias.alias, drop_alias.model
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.aliases lists the aliases there are.';
	END IF;
	DELETE FROM mlops_catalog.alias AS a WHERE a.model_id = id AND a.alias = drop_alias.alias;
	PERFORM mlops_catalog.audit(caller, 'drop_alias', drop_alias.model, former.version, jsonb_build_object('alias', drop_alias.alias));
	RETURN NEXT former;
END
$$;

-- ---- stages

CREATE FUNCTION mlops_catalog.stage_transitions()
	RETURNS TABLE (from_stage text, to_stage text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	VALUES ('none', 'staging'), ('none', 'archived'),
		('staging', 'none'), ('staging', 'production'), ('staging', 'archived'),
		('production', 'staging'), ('production', 'archived'),
		('archived', 'none'), ('archived', 'staging'), ('archived', 'production')
$$;
COMMENT ON FUNCTION mlops_catalog.stage_transitions() IS 'Stages that may follow each other: production only after staging, or again after archived';

CREATE FUNCTION mlops.set_stage(model text, version int, stage text, note text DEFAULT NULL)
	RETURNS TABLE (model text, version int, from_stage text, to_stage text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_stage(text, int, text, text) IS
	'Moves a version to none, staging, production or archived; production is checked by the model''s gate and archives the version that was there';
CREATE FUNCTION mlops_catalog.set_stage(caller regrole, model text, version int, stage text, note text)
	RETURNS TABLE (changed_model text, changed_version int, from_stage text, to_stage text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_stage.model, 'deploy');
	target_id bigint := mlops_catalog.version_named(caller, set_stage.model, set_stage.version);
	change record;
BEGIN
	PERFORM mlops_catalog.check_choice('stage', set_stage.stage, '{none,staging,production,archived}');
	SELECT v.stage INTO from_stage FROM mlops_catalog.model_version AS v WHERE v.version_id = target_id;
	IF from_stage = set_stage.stage THEN
		RETURN;
	END IF;
	IF NOT EXISTS (SELECT FROM mlops_catalog.stage_transitions() AS t WHERE t.from_stage = set_stage.from_stage AND t.to_stage = set_stage.stage) THEN
		RAISE EXCEPTION 'version % of model "%" cannot go from stage "%" to "%"', set_stage.version, set_stage.model, from_stage, set_stage.stage
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = format('From "%s" it may go to: %s.', from_stage, (SELECT string_agg(t.to_stage, ', ' ORDER BY t.to_stage)
					FROM mlops_catalog.stage_transitions() AS t WHERE t.from_stage = set_stage.from_stage));
	END IF;
	IF set_stage.stage = 'production' THEN
		PERFORM mlops_catalog.enforce_gate(caller, set_stage.model, set_stage.version, 'production', (SELECT r.threshold FROM mlops_catalog.deployment_route AS r
			WHERE r.model_id = id AND r.version_id = target_id AND r.kind <> 'shadow' ORDER BY r.variant = 'primary' DESC, r.percent DESC LIMIT 1));
	END IF;
	FOR change IN
		SELECT v.version_id, v.version, v.stage AS former, 'archived' AS new FROM mlops_catalog.model_version AS v
			WHERE v.model_id = id AND v.stage = 'production' AND set_stage.stage = 'production'
		UNION ALL SELECT target_id, set_stage.version, from_stage, set_stage.stage
	LOOP
		UPDATE mlops_catalog.model_version AS v SET stage = change.new WHERE v.version_id = change.version_id;
		PERFORM mlops_catalog.audit(caller, 'set_stage', set_stage.model, change.version,
			jsonb_build_object('from', change.former, 'to', change.new, 'note', set_stage.note));
		RETURN QUERY SELECT set_stage.model, change.version, change.former, change.new;
	END LOOP;
END
$$;

-- ---- descriptions and tags

CREATE FUNCTION mlops.describe(model text, description text DEFAULT NULL, limits text DEFAULT NULL, version int DEFAULT NULL)
	RETURNS TABLE (model text, version int, description text, limits text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.describe(text, text, text, int) IS
	'Describes the purpose and limits of a model, or the particulars of a version; NULL leaves a text as it is, an empty one removes it';
CREATE FUNCTION mlops_catalog.describe(caller regrole, model text, description text, limits text, version int)
	RETURNS TABLE (described_model text, described_version int, new_description text, new_limits text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, describe.model, 'manage');
BEGIN
	IF describe.version IS NOT NULL THEN
		IF describe.limits IS NOT NULL THEN
			RAISE EXCEPTION '"limits" belongs to a model, not to a version' USING ERRCODE = 'invalid_parameter_value';
		END IF;
		RETURN QUERY UPDATE mlops_catalog.model_version AS v SET description = nullif(coalesce(describe.description, v.description), '')
			WHERE v.version_id = mlops_catalog.version_named(caller, describe.model, describe.version) RETURNING describe.model, v.version, v.description, NULL::text;
	ELSE
		RETURN QUERY UPDATE mlops_catalog.model AS m SET description = nullif(coalesce(describe.description, m.description), ''),
			limits = nullif(coalesce(describe.limits, m.limits), '')
			WHERE m.model_id = id RETURNING describe.model, NULL::int, m.description, m.limits;
	END IF;
	PERFORM mlops_catalog.audit(caller, 'describe', describe.model, describe.version, jsonb_strip_nulls(jsonb_build_object('description', describe.description, 'limits', describe.limits)));
END
$$;

CREATE FUNCTION mlops.set_model_tag(model text, key text, value text, version int DEFAULT NULL) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_model_tag(text, text, text, int) IS
	'Sets a tag of a model or of a version, removes it if value is NULL; returns all tags';
CREATE FUNCTION mlops_catalog.set_model_tag(caller regrole, model text, key text, value text, version int) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_model_tag.model, 'manage');
	now jsonb;
BEGIN
	IF set_model_tag.version IS NOT NULL THEN
		UPDATE mlops_catalog.model_version AS v SET tags = mlops_catalog.with_tag(v.tags, set_model_tag.key, set_model_tag.value)
			WHERE v.version_id = mlops_catalog.version_named(caller, set_model_tag.model, set_model_tag.version) RETURNING v.tags INTO now;
	ELSE
		UPDATE mlops_catalog.model AS m SET tags = mlops_catalog.with_tag(m.tags, set_model_tag.key, set_model_tag.value)
			WHERE m.model_id = id RETURNING m.tags INTO now;
	END IF;
	PERFORM mlops_catalog.audit(caller, 'set_tag', set_model_tag.model, set_model_tag.version, jsonb_build_object('key', set_model_tag.key, 'value', set_model_tag.value));
	RETURN now;
END
$$;

-- ---- deletion

-- What computes with a version by its number, told by the text of its expression:
-- dependencies know the function alone.
CREATE FUNCTION mlops_catalog.version_callers() RETURNS TABLE (object text, model text, version int)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT e.object, c.call[1], c.call[2]::int
	FROM (SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS object, CASE d.classid WHEN 'pg_class'::regclass THEN pg_get_indexdef(d.objid)
			WHEN 'pg_constraint'::regclass THEN pg_get_constraintdef(d.objid)
			ELSE (SELECT pg_get_expr(a.adbin, a.adrelid) FROM pg_attrdef AS a WHERE a.oid = d.objid) END AS definition
		FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.refobjid
		WHERE d.refclassid = 'pg_proc'::regclass AND p.pronamespace = 'mlops'::regnamespace AND p.proname = 'score_version'
			AND (d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass)
				OR d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index AS i WHERE i.indexrelid = d.objid))) AS e
	CROSS JOIN LATERAL regexp_matches(e.definition, 'score_version\(''([a-z0-9_.-]+)''::text, ([0-9]{1,9}),', 'g') AS c(call)
$$;
COMMENT ON FUNCTION mlops_catalog.version_callers() IS 'Indexes, constraints, defaults and generated columns that call mlops.score_version, with the model and version that they name';

CREATE FUNCTION mlops_catalog.warn_of_callers(model text, version int) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	callers text := (SELECT string_agg(DISTINCT c.object, ', ' ORDER BY c.object) FROM mlops_catalog.version_callers() AS c
		WHERE c.model = warn_of_callers.model AND c.version = coalesce(warn_of_callers.version, c.version));
BEGIN
	IF callers IS NOT NULL THEN
		RAISE WARNING 'dropped versions are used by mlops.score_version in: %', callers
			USING DETAIL = 'Rows are refused there from now on.', HINT = 'Roll back, or drop these too.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.warn_of_callers(text, int) IS 'A warning that names what calls a version, or any of a model, that is being dropped';

-- Whatever else a trigger's first argument names: its version, its alias.
CREATE FUNCTION mlops_catalog.asking_triggers(reference text, all_of_model boolean) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('"%s" of table %s', m.name, m.relation), ', ' ORDER BY m.relation::text, m.name)
		FROM mlops_catalog.triggers() AS m JOIN pg_trigger AS t ON t.oid = m.trigger
		CROSS JOIN LATERAL (SELECT regexp_replace(split_part(encode(t.tgargs, 'escape'), '\000', 1), '^model=', '')) AS a(asked)
		WHERE t.tgenabled IN ('O', 'A') AND CASE WHEN all_of_model THEN regexp_replace(a.asked, '[/@].*', '') ELSE a.asked END = reference
$$;
COMMENT ON FUNCTION mlops_catalog.asking_triggers(text, boolean) IS 'Triggers that ask a version, or a model by whatever reference; NULL: none';

CREATE FUNCTION mlops_catalog.warn_of_triggers(reference text, all_of_model boolean) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names text := mlops_catalog.asking_triggers(reference, all_of_model);
BEGIN
	IF names IS NOT NULL THEN
		RAISE WARNING 'triggers ask a dropped model or version: %', names
			USING DETAIL = 'Rows get what their argument on_error says from now on: no score, unless it is given.', HINT = 'Roll back, or drop these too.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.warn_of_triggers(text, boolean) IS
	'A warning that names the triggers which ask what is being dropped: a version, or a model by whatever reference';

CREATE FUNCTION mlops.drop_version(model text, version int, note text DEFAULT NULL)
	RETURNS TABLE (model text, version int, sha256 text, freed_bytes bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.drop_version(text, int, text) IS
	'Deletes a version''s bytes; refused while it is deployed, in stage production or has an alias. Its run, metrics and history stay';
CREATE FUNCTION mlops_catalog.drop_version(caller regrole, model text, version int, note text)
	RETURNS TABLE (dropped_model text, dropped_version int, sha256 text, freed_bytes bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, drop_version.model, 'manage');
	target_id bigint := mlops_catalog.version_named(caller, drop_version.model, drop_version.version);
	reasons text;
BEGIN
	SELECT string_agg(r.reason, '; ') INTO reasons FROM (
		SELECT format('it is deployed as variant "%s"', d.variant) FROM mlops_catalog.deployment_route AS d WHERE d.version_id = target_id
		UNION ALL SELECT format('alias "%s" stands for it', a.alias) FROM mlops_catalog.alias AS a WHERE a.version_id = target_id
		UNION ALL SELECT 'it is in stage "production"' FROM mlops_catalog.model_version AS v
			WHERE v.version_id = target_id AND v.stage = 'production') AS r(reason);
	IF reasons IS NOT NULL THEN
		RAISE EXCEPTION 'version % of model "%" is in use', drop_version.version, drop_version.model
			USING ERRCODE = 'object_in_use', DETAIL = reasons || '.', HINT = concat_ws(' ',
				CASE WHEN reasons ~ 'it is deployed' THEN 'Deploy another version, or take it away by mlops.abort or mlops.undeploy.' END,
				CASE WHEN reasons ~ 'stands for it' THEN 'Let the alias stand for another version by mlops.set_alias, or drop it by mlops.drop_alias.' END,
				CASE WHEN reasons ~ 'it is in stage' THEN format('SELECT * FROM mlops.set_stage(%L, %s, ''archived'') takes it out of production.', drop_version.model, drop_version.version) END);
	END IF;
	PERFORM mlops_catalog.warn_of_callers(drop_version.model, drop_version.version);
	PERFORM mlops_catalog.warn_of_triggers(format('%s/%s', drop_version.model, drop_version.version), false);
	DELETE FROM mlops_catalog.model_artifact AS a WHERE a.version_id = target_id;
	RETURN QUERY UPDATE mlops_catalog.model_version AS v SET dropped_at = clock_timestamp(), stage = 'archived'
		WHERE v.version_id = target_id RETURNING drop_version.model, v.version, encode(v.sha256, 'hex'), v.size;
	PERFORM mlops_catalog.audit(caller, 'drop_version', drop_version.model, drop_version.version, jsonb_build_object('note', drop_version.note,
		'sha256', (SELECT encode(v.sha256, 'hex') FROM mlops_catalog.model_version AS v WHERE v.version_id = target_id)));
END
$$;

-- Who records something about the model is waited for first: that transaction may go on to change it.
CREATE FUNCTION mlops_catalog.lock_to_drop(caller regrole, model text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint;
BEGIN
	LOOP	-- again if it is dropped, and made anew, while this waits
		id := mlops_catalog.require(caller, model, 'manage');
		PERFORM mlops_catalog.lock('model', id, false, format('drop model "%s"', model));
		EXIT WHEN id = mlops_catalog.require(caller, model, 'manage');
	END LOOP;
	RETURN mlops_catalog.lock_model(caller, model, 'manage');
END
$$;
COMMENT ON FUNCTION mlops_catalog.lock_to_drop(regrole, text) IS 'Like lock_model, and nobody else records anything about the model';

CREATE FUNCTION mlops.drop_model(model text, force boolean DEFAULT false, note text DEFAULT NULL)
	RETURNS TABLE (model text, versions int, freed_bytes bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.drop_model(text, boolean, text) IS
	'Deletes a model with its versions, routes, aliases and grants; refused while it is deployed, unless force is true. Its runs are marked deleted; the audit log stays';
CREATE FUNCTION mlops_catalog.drop_model(caller regrole, model text, force boolean, note text)
	RETURNS TABLE (dropped_model text, versions int, freed_bytes bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	patience text := current_setting('lock_timeout');
	id bigint := mlops_catalog.lock_to_drop(caller, drop_model.model);
	routes text := (SELECT string_agg(format('version %s as variant "%s"', v.version, d.variant), ', ' ORDER BY d.variant)
		FROM mlops_catalog.deployment_route AS d JOIN mlops_catalog.model_version AS v USING (version_id) WHERE d.model_id = id);
BEGIN
	IF routes IS NOT NULL AND drop_model.force IS NOT TRUE THEN
		RAISE EXCEPTION 'model "%" is deployed', drop_model.model
			USING ERRCODE = 'object_in_use', DETAIL = format('Deployed: %s.', routes),
				HINT = 'force => true deletes it all the same.';
	END IF;
	PERFORM mlops_catalog.warn_of_callers(drop_model.model, NULL);
	PERFORM mlops_catalog.warn_of_triggers(drop_model.model, true);
	SELECT drop_model.model, count(*)::int, coalesce(sum(v.size), 0)::bigint INTO dropped_model, versions, freed_bytes
		FROM mlops_catalog.model_version AS v WHERE v.model_id = id AND v.dropped_at IS NULL;
	PERFORM mlops_catalog.audit(caller, 'drop_model', drop_model.model, NULL, jsonb_build_object('note', drop_model.note, 'versions', versions, 'deployed', routes));
	DELETE FROM mlops_catalog.deployment_route AS d WHERE d.model_id = id;
	DELETE FROM mlops_catalog.deployment AS d WHERE d.model_id = id;
	DELETE FROM mlops_catalog.alias AS a WHERE a.model_id = id;
	DELETE FROM mlops_catalog.model_artifact AS a USING mlops_catalog.model_version AS v
		WHERE v.model_id = id AND a.version_id = v.version_id;
	DELETE FROM mlops_catalog.model_version AS v WHERE v.model_id = id;
	DELETE FROM mlops_catalog.model AS m WHERE m.model_id = id;
	-- a run of the model that somebody else is changing
	PERFORM set_config('lock_timeout', '10s', true) FROM pg_settings AS s WHERE s.name = 'lock_timeout' AND s.setting::int NOT BETWEEN 1 AND 10000;
	UPDATE mlops_catalog.run AS r SET deleted_at = coalesce(r.deleted_at, clock_timestamp()), model_dropped = true
		WHERE r.model = drop_model.model AND NOT r.model_dropped;
	UPDATE mlops_catalog.study AS s SET model_dropped = true WHERE s.model = drop_model.model AND NOT s.model_dropped;
	PERFORM set_config('lock_timeout', patience, true);
	RETURN NEXT;
END
$$;
