-- A version as one value, to carry it to another database.
--
-- The value: "MLOPSEXP", four bytes 00000001, four bytes length of the manifest,
-- the manifest (JSON in UTF-8), the model's bytes, SHA-256 of all before it.

CREATE FUNCTION mlops_catalog.inspect_bytes(bytes bytea) RETURNS jsonb
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'mlops_inspect_bytes';
COMMENT ON FUNCTION mlops_catalog.inspect_bytes(bytea) IS 'Verifies a model''s bytes and says what they are: algorithm, threshold, columns; an error if they are no model';

CREATE FUNCTION mlops_catalog.version_bytes(caller regrole, version_id bigint) RETURNS bytea
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT string_agg(a.data, '' ORDER BY a.part) FROM mlops_catalog.model_artifact AS a WHERE a.version_id = version_bytes.version_id $$;
COMMENT ON FUNCTION mlops_catalog.version_bytes(regrole, bigint) IS 'The bytes of a version';

CREATE FUNCTION mlops.export_model(model text, version int) RETURNS bytea
	LANGUAGE c STABLE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.export_model(text, int) IS
	'A version as one value, with what is recorded about it, for mlops.import_model in another database';
CREATE FUNCTION mlops_catalog.export_model(caller regrole, model text, version int) RETURNS bytea
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	manifest bytea;
	content bytea;
	id bigint;
BEGIN
	PERFORM mlops_catalog.require(caller, $2, 'manage');
	id := mlops_catalog.version_named(caller, $2, $3);
	SELECT convert_to(jsonb_build_object('model', m.name, 'version', v.version, 'algorithm', v.algorithm, 'target', v.target,
			'positive', v.positive, 'metrics', v.metrics, 'description', v.description, 'tags', v.tags, 'created_at', mlops_catalog.utc_text(v.created_at),
			'library_version', r.library_version, 'seed', r.seed,
			'params', (SELECT coalesce(jsonb_object_agg(p.name, p.value), '{}') FROM mlops_catalog.run_param AS p WHERE p.run_id = v.run_id),
			'dataset', (SELECT to_jsonb(d) - '{dataset_id,search_path,settings}'::text[] FROM mlops_catalog.dataset AS d WHERE d.dataset_id = r.dataset_id))::text, 'UTF8'),
			'MLOPSEXP'::bytea || int4send(1)
		INTO manifest, content
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
		WHERE v.version_id = id;
	content := content || int4send(octet_length(manifest)) || manifest || mlops_catalog.version_bytes(caller, id);
	RETURN content || sha256(content);
END
$$;

-- What came from elsewhere is believed in nothing: what is stored of it is read by
-- views, checks and workers, for everybody.

CREATE FUNCTION mlops_catalog.refuse_export(detail text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'the exported model cannot be imported' USING ERRCODE = 'data_corrupted', DETAIL = detail,
		HINT = 'mlops.export_model never returns this: it was changed, or made by other means.';
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_export(text) IS 'The error for an exported model that holds what none can';

CREATE FUNCTION mlops_catalog.shown(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT '"' || CASE WHEN length(value) > 60 THEN left(value, 57) || '...' ELSE value END || '"' $$;
COMMENT ON FUNCTION mlops_catalog.shown(text) IS 'Text from elsewhere as an error shows it: the beginning of it';

-- A version's figures, as training records them.
CREATE FUNCTION mlops_catalog.recorded_metrics() RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{rows,positives,threshold}'::text[] || mlops_catalog.metric_names() $$;
COMMENT ON FUNCTION mlops_catalog.recorded_metrics() IS 'Figures that a version''s metrics may have, beside judged_on';

CREATE FUNCTION mlops_catalog.metrics_problem(metrics jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof(metrics) IS DISTINCT FROM 'object' THEN 'Its "metrics" are no object.' ELSE (
		SELECT CASE
				WHEN m.key = 'judged_on' THEN CASE WHEN m.value #>> '{}' NOT IN ('train', 'validation', 'test') OR jsonb_typeof(m.value) <> 'string'
					THEN 'Its "judged_on" is none of train, validation and test.' END
				WHEN m.key = 'threshold_shortfall' THEN CASE WHEN jsonb_typeof(m.value) NOT IN ('string', 'null') OR length(m.value #>> '{}') > 1000
					THEN 'Its "threshold_shortfall" is no short text.' END
				WHEN NOT m.key = ANY (mlops_catalog.recorded_metrics()) THEN format('Its "metrics" have an unrecognized key %s.', mlops_catalog.shown(m.key))
				WHEN jsonb_typeof(m.value) = 'null' THEN NULL
				WHEN jsonb_typeof(m.value) <> 'number' THEN format('Its metric "%s" is no number, but %s.', m.key, mlops_catalog.shown(m.value::text))
				WHEN abs((m.value)::numeric) > 1.7e308 THEN format('Its metric "%s" is out of range.', m.key)
				WHEN m.key IN ('rows', 'positives') THEN CASE WHEN (m.value)::numeric NOT BETWEEN 0 AND 9007199254740992 OR (m.value)::numeric <> trunc((m.value)::numeric)
					THEN format('Its metric "%s" is no count.', m.key) END
				WHEN m.key = 'threshold' THEN CASE WHEN (m.value)::float8 NOT BETWEEN 0 AND 1.0000000000000002::float8 THEN 'Its metric "threshold" is not between 0 and 1.' END
				ELSE (SELECT format('Its metric "%s" is not %s.', m.key, CASE WHEN r.maximum = 'Infinity' THEN 'at least ' || r.minimum ELSE format('between %s and %s', r.minimum, r.maximum) END)
					FROM mlops_catalog.figure_ranges() AS r WHERE r.figure = m.key AND (m.value)::float8 NOT BETWEEN r.minimum AND r.maximum)
			END AS problem
		FROM jsonb_each(metrics) AS m ORDER BY problem NULLS LAST LIMIT 1) END
$$;
COMMENT ON FUNCTION mlops_catalog.metrics_problem(jsonb) IS 'What is wrong with a version''s metrics, NULL if nothing is';

CREATE FUNCTION mlops_catalog.check_manifest(manifest jsonb, described jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	types CONSTANT jsonb := '{"model": "string", "version": "number", "algorithm": "string", "target": "string", "positive": "string|null",
		"metrics": "object", "description": "string|null", "tags": "object", "created_at": "string", "library_version": "string",
		"seed": "number|null", "params": "object", "dataset": "object|null"}';
	k record;
	bad text;
BEGIN
	IF jsonb_typeof(manifest) <> 'object' THEN
		PERFORM mlops_catalog.refuse_export('Its manifest is no JSON object.');
	END IF;
	FOR k IN SELECT coalesce(t.key, m.key) AS key, t.value AS type, m.value FROM jsonb_each_text(types) AS t FULL JOIN jsonb_each(manifest) AS m USING (key) LOOP
		IF k.type IS NULL THEN
			PERFORM mlops_catalog.refuse_export(format('Its manifest has an unrecognized key %s.', mlops_catalog.shown(k.key)));
		ELSIF k.value IS NULL OR NOT jsonb_typeof(k.value) = ANY (string_to_array(k.type, '|')) THEN
			PERFORM mlops_catalog.refuse_export(format('Its "%s" must be a JSON %s, not %s.', k.key, replace(k.type, '|', ' or '),
				coalesce(jsonb_typeof(k.value), 'missing')));
		END IF;
	END LOOP;
	SELECT format('Its "%s" is too long.', s.key) INTO bad
		FROM (VALUES ('target', 63), ('algorithm', 63), ('library_version', 63), ('created_at', 63), ('positive', 65536), ('description', 65536)) AS s(key, most)
		WHERE octet_length(manifest ->> s.key) > s.most LIMIT 1;
	bad := coalesce(bad, (SELECT format('Its "%s" is too large.', l.key) FROM jsonb_each(manifest) AS l WHERE pg_column_size(l.value) > 1048576 LIMIT 1));
	bad := coalesce(bad, CASE
		WHEN (manifest ->> 'model') !~ '^[a-z0-9_][a-z0-9_.-]{0,62}$' THEN 'Its "model" is no model''s name.'
		WHEN manifest ->> 'target' = '' THEN 'Its "target" is empty.'
		WHEN (manifest -> 'version')::numeric NOT BETWEEN 1 AND 2147483647 OR (manifest -> 'version')::numeric <> trunc((manifest -> 'version')::numeric)
			THEN 'Its "version" is no version''s number.'
		WHEN jsonb_typeof(manifest -> 'seed') = 'number' AND ((manifest ->> 'seed')::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807
			OR (manifest ->> 'seed')::numeric <> trunc((manifest ->> 'seed')::numeric)) THEN 'Its "seed" is no bigint.'
		WHEN (manifest ->> 'algorithm') <> (described ->> 'algorithm') THEN 'Its "algorithm" is not the one of its bytes.'
		WHEN (described ->> 'algorithm') !~ '^[a-z][a-z0-9_]{0,62}$' THEN 'Its algorithm is no learner''s name.'
		WHEN (manifest ->> 'created_at') !~ '^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d[.0-9]*[-+]\d\d:?[0-9:]*( BC)?$' THEN 'Its "created_at" is no time.' END,
		(SELECT format('Its name of an input %s is too long.', mlops_catalog.shown(i ->> 'name')) FROM jsonb_array_elements(described -> 'signature') AS i
			WHERE octet_length(i ->> 'name') > 63 LIMIT 1),
		(SELECT format('Its parameter %s must have a name of 1 to 250 characters and a JSON string as value.', mlops_catalog.shown(p.key)) FROM jsonb_each(manifest -> 'params') AS p
			WHERE jsonb_typeof(p.value) <> 'string' OR length(p.key) NOT BETWEEN 1 AND 250 LIMIT 1),
		(SELECT format('Its tag %s must have a name of 1 to 250 characters.', mlops_catalog.shown(t.key)) FROM jsonb_object_keys(manifest -> 'tags') AS t(key)
			WHERE length(t.key) NOT BETWEEN 1 AND 250 LIMIT 1),
		mlops_catalog.metrics_problem(manifest -> 'metrics'));
	IF bad IS NOT NULL THEN
		PERFORM mlops_catalog.refuse_export(bad);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_manifest(jsonb, jsonb) IS
	'An error that says what is wrong unless this is what mlops.export_model writes about the model whose inspect_bytes is described';

-- The manifest as JSON in the database's encoding.
CREATE FUNCTION mlops_catalog.read_manifest(bytes bytea) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	manifest text;
BEGIN
	BEGIN
		manifest := convert_from(bytes, 'UTF8');
	EXCEPTION WHEN untranslatable_character THEN
		RAISE EXCEPTION 'the exported model has text that the encoding of this database, %, cannot hold', getdatabaseencoding()
			USING ERRCODE = 'untranslatable_character', DETAIL = SQLERRM, HINT = 'Import it into a database with encoding UTF8.';
	WHEN character_not_in_repertoire THEN
		PERFORM mlops_catalog.refuse_export('Its manifest is not UTF-8.');
	END;
	BEGIN
		RETURN manifest::jsonb;
	EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
		PERFORM mlops_catalog.refuse_export(format('Its manifest is no JSON: %s.', SQLERRM));
	END;
END
$$;
COMMENT ON FUNCTION mlops_catalog.read_manifest(bytea) IS 'The manifest of an exported model as JSON; an error that says why it is none';

CREATE FUNCTION mlops.import_model(data bytea, model text DEFAULT NULL)
	RETURNS TABLE (model text, version int, sha256 text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.import_model(bytea, text) IS
	'Registers a version that mlops.export_model wrote, as the next one of its model or of the one named; its bytes are verified first';
CREATE FUNCTION mlops_catalog.import_model(caller regrole, data bytea, model text)
	RETURNS TABLE (registered_as text, version int, sha256 text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	size int := octet_length($2);
	length int;
	manifest jsonb;
	bytes bytea;
	found jsonb;
	id bigint;
	made_run bigint;
	made bigint;
BEGIN
	IF $2 IS NULL OR size < 48 OR substring($2 FROM 1 FOR 8) <> 'MLOPSEXP'::bytea THEN
		RAISE EXCEPTION 'the data is not an exported model' USING ERRCODE = 'data_corrupted',
			HINT = 'It must be what mlops.export_model returned.';
	ELSIF substring($2 FROM 9 FOR 4) <> int4send(1) THEN
		RAISE EXCEPTION 'the data was exported in a format that this version of mlops does not know' USING ERRCODE = 'feature_not_supported';
	ELSIF sha256(substring($2 FROM 1 FOR size - 32)) <> substring($2 FROM size - 31) THEN
		RAISE EXCEPTION 'the exported model was damaged' USING ERRCODE = 'data_corrupted', DETAIL = 'Its SHA-256 is not the one at its end.';
	END IF;
	length := ('x' || encode(substring($2 FROM 13 FOR 4), 'hex'))::bit(32)::int;
	IF length > 16777216 THEN
		PERFORM mlops_catalog.refuse_export('Its manifest has more than 16 MB.');
	ELSIF length NOT BETWEEN 2 AND size - 48 THEN
		RAISE EXCEPTION 'the exported model was damaged' USING ERRCODE = 'data_corrupted', DETAIL = 'Its manifest does not fit.';
	END IF;
	manifest := mlops_catalog.read_manifest(substring($2 FROM 17 FOR length));
	bytes := substring($2 FROM 17 + length FOR size - 48 - length);
	found := mlops_catalog.inspect_bytes(bytes);
	PERFORM mlops_catalog.check_manifest(manifest, found);
	registered_as := coalesce($3, manifest ->> 'model');
	PERFORM mlops_catalog.check_name('a model', registered_as);
	SELECT n.model_id, n.version INTO id, version FROM mlops_catalog.next_version(caller, registered_as) AS n;
	PERFORM mlops_catalog.open_experiment(caller, registered_as);
	INSERT INTO mlops_catalog.run (experiment_id, name, model, version, algorithm, status, seed, target, tags, library_version, owner, started_at, ended_at, note)
		SELECT e.experiment_id, 'import', registered_as, version, found ->> 'algorithm', 'finished', (manifest ->> 'seed')::bigint,
			(manifest ->> 'target')::name, jsonb_build_object('imported_from', format('%s/%s', manifest ->> 'model', manifest ->> 'version')),
			coalesce(manifest ->> 'library_version', '?'), caller, clock_timestamp(), clock_timestamp(),
			format('Trained elsewhere, %s', manifest ->> 'created_at')
		FROM mlops_catalog.experiment AS e WHERE e.name = registered_as RETURNING run_id INTO made_run;
	INSERT INTO mlops_catalog.run_param (run_id, name, value)
		SELECT made_run, p.key, p.value FROM jsonb_each_text(manifest -> 'params') AS p WHERE p.value IS NOT NULL;
	INSERT INTO mlops_catalog.model_version (model_id, version, threshold, size, sha256, algorithm, run_id, target, positive, signature,
			metrics, owner, description, tags)
		VALUES (id, version, (found ->> 'threshold')::float8, octet_length(bytes), sha256(bytes), found ->> 'algorithm', made_run,
			(manifest ->> 'target')::name, manifest ->> 'positive', found -> 'signature', manifest -> 'metrics', caller,
			manifest ->> 'description', coalesce(manifest -> 'tags', '{}'))
		RETURNING version_id INTO made;
	INSERT INTO mlops_catalog.model_artifact (version_id, part, data)
		SELECT made, p, substring(bytes FROM p * 67108864 + 1 FOR 67108864) FROM generate_series(0, (octet_length(bytes) - 1) / 67108864) AS p;
	sha256 := encode(sha256(bytes), 'hex');
	PERFORM mlops_catalog.audit(caller, 'import', registered_as, version, jsonb_build_object('run_id', made_run, 'sha256', sha256,
		'from', format('%s/%s', manifest ->> 'model', manifest ->> 'version')));
	RETURN NEXT;
END
$$;

-- ---- invariants

-- Whoever owns one of our schemas, or may create in it, could put functions there
-- that others call with their own rights.
CREATE FUNCTION mlops_catalog.schema_problems() RETURNS TABLE (object text, problem text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH ours AS (SELECT e.oid, e.extowner FROM pg_extension AS e WHERE e.extname = 'mlops'),
	trusted AS (SELECT r.oid FROM pg_roles AS r WHERE r.rolsuper UNION SELECT o.extowner FROM ours AS o),
	space AS (SELECT n.* FROM pg_namespace AS n WHERE n.nspname IN ('mlops', 'mlops_catalog', 'mlops_snapshot')),
	kind AS (SELECT t.oid FROM pg_type AS t WHERE t.typnamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)),
	found AS (
		SELECT 'pg_proc'::regclass AS class, p.oid FROM pg_proc AS p WHERE p.pronamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)
		UNION ALL
		SELECT 'pg_operator'::regclass, o.oid FROM pg_operator AS o WHERE o.oprnamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)
		UNION ALL
		SELECT 'pg_cast'::regclass, c.oid FROM pg_cast AS c WHERE c.castsource IN (SELECT k.oid FROM kind AS k) OR c.casttarget IN (SELECT k.oid FROM kind AS k)
		UNION ALL	-- not those that come with a table, or with another type
		SELECT 'pg_type'::regclass, t.oid FROM kind AS k JOIN pg_type AS t USING (oid) LEFT JOIN pg_class AS c ON c.oid = t.typrelid
		WHERE coalesce(c.relkind = 'c', true) AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid))
	SELECT format('schema %s', s.nspname), format('belongs to role %s, which is neither a superuser nor the extension''s owner; ALTER SCHEMA %s OWNER TO %s',
		s.nspowner::regrole, s.nspname, o.extowner::regrole)
	FROM space AS s CROSS JOIN ours AS o WHERE s.nspowner NOT IN (SELECT t.oid FROM trusted AS t)
	UNION ALL
	SELECT format('schema %s', s.nspname), format('%s may create objects in it; REVOKE CREATE ON SCHEMA %s FROM %s',
		CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role %s', a.grantee::regrole) END, s.nspname,
		CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
	FROM space AS s CROSS JOIN LATERAL aclexplode(s.nspacl) AS a
	WHERE a.privilege_type = 'CREATE' AND a.grantee <> s.nspowner AND a.grantee NOT IN (SELECT t.oid FROM trusted AS t)
	UNION ALL
	SELECT pg_describe_object(f.class, f.oid, 0), 'is not the extension''s: look at who made it, and drop it or move it elsewhere'
	FROM found AS f WHERE NOT EXISTS (SELECT FROM pg_depend AS d JOIN ours AS o ON o.oid = d.refobjid
		WHERE d.classid = f.class AND d.objid = f.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
$$;
COMMENT ON FUNCTION mlops_catalog.schema_problems() IS 'Who else owns or may create in the schemas of mlops, and what is in them that is not the extension''s';

CREATE FUNCTION mlops.check_catalog() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.check_catalog() IS
	'Checks that the catalog is consistent: bytes, routes, aliases, roles, sequences, triggers, snapshots, the audit log, what runs by itself. Returns what is wrong: no rows if nothing is';
CREATE FUNCTION mlops_catalog.check_catalog(caller regrole) RETURNS TABLE (model text, object text, problem text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	s record;
	largest bigint;
	everything boolean := pg_has_role(caller, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'mlops_catalog.model'::regclass), 'USAGE');
BEGIN
	RETURN QUERY SELECT * FROM (
		-- bytes
		SELECT m.name, format('version %s', v.version), CASE
				WHEN v.dropped_at IS NOT NULL THEN 'was dropped, but has bytes'
				WHEN coalesce(a.size, 0) <> v.size OR a.parts <> a.last + 1 THEN 'its bytes are not complete'
				ELSE 'its bytes do not have the recorded SHA-256' END
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
		LEFT JOIN LATERAL (SELECT sum(octet_length(p.data)) AS size, count(*) AS parts, max(p.part) AS last
			FROM mlops_catalog.model_artifact AS p WHERE p.version_id = v.version_id) AS a ON true
		WHERE v.dropped_at IS NOT NULL AND a.parts > 0
			OR v.dropped_at IS NULL AND (coalesce(a.size, 0) <> v.size OR a.parts <> a.last + 1
				OR v.size < 1000000000 AND sha256(mlops_catalog.version_bytes(caller, v.version_id)) <> v.sha256)
		UNION ALL
		SELECT NULL, format('artifact %s', a.version_id), 'belongs to no version'
		FROM (SELECT DISTINCT p.version_id FROM mlops_catalog.model_artifact AS p) AS a
		WHERE NOT EXISTS (SELECT FROM mlops_catalog.model_version AS v WHERE v.version_id = a.version_id)
		UNION ALL
		-- routes
		SELECT m.name, format('route %s', d.variant), CASE WHEN v.model_id <> d.model_id THEN 'leads to another model''s version'
				WHEN v.dropped_at IS NOT NULL THEN 'leads to a version that was dropped' ELSE 'was made by another model''s deployment' END
		FROM mlops_catalog.deployment_route AS d JOIN mlops_catalog.model AS m USING (model_id)
		JOIN mlops_catalog.model_version AS v USING (version_id) JOIN mlops_catalog.deployment AS p ON p.deployment_id = d.deployment_id
		WHERE v.model_id <> d.model_id OR v.dropped_at IS NOT NULL OR p.model_id <> d.model_id
		UNION ALL
		SELECT m.name, 'routes', CASE WHEN NOT r.has_primary THEN 'have no primary variant' ELSE format('add up to %s %%', r.percent) END
		FROM (SELECT d.model_id, bool_or(d.variant = 'primary') AS has_primary, sum(d.percent) FILTER (WHERE d.kind = 'share') AS percent
			FROM mlops_catalog.deployment_route AS d GROUP BY 1) AS r JOIN mlops_catalog.model AS m USING (model_id)
		WHERE NOT r.has_primary OR abs(r.percent - 100) > 1e-6
		UNION ALL
		SELECT m.name, format('route %s', r.variant), format('goes by column "%s", which no version was trained on data with', c.name)
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model AS m USING (model_id)
		CROSS JOIN LATERAL (SELECT r.key::text WHERE r.kind = 'share' AND r.percent < 100 UNION ALL SELECT k FROM jsonb_object_keys(r.rule) AS k) AS c(name)
		WHERE (SELECT t.is_unknown FROM mlops_catalog.trained_column(r.model_id, c.name) AS t)
		UNION ALL
		SELECT m.name, 'release', 'goes on without a share beside the primary one'
		FROM mlops_catalog.release AS r JOIN mlops_catalog.model AS m USING (model_id)
		WHERE r.strategy <> 'direct' AND NOT EXISTS (SELECT FROM mlops_catalog.deployment_route AS d
			WHERE d.model_id = r.model_id AND (d.kind = 'share' AND d.variant <> 'primary' OR d.variant = 'challenger'))
		UNION ALL
		-- aliases
		SELECT m.name, format('alias %s', a.alias), CASE WHEN v.model_id <> a.model_id THEN 'stands for another model''s version'
				ELSE 'stands for a version that was dropped' END
		FROM mlops_catalog.alias AS a JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.model_version AS v USING (version_id)
		WHERE v.model_id <> a.model_id OR v.dropped_at IS NOT NULL
		UNION ALL
		-- roles
		SELECT m.name, 'owner', format('role %s does not exist; mlops.set_owner(%L, ...) by a superuser gives it another owner', m.owner::oid, m.name)
		FROM mlops_catalog.model AS m WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = m.owner)
		UNION ALL
		SELECT m.name, format('privilege %s', g.privilege), format('role %s does not exist', g.role::oid)
		FROM mlops_catalog.model_grant AS g JOIN mlops_catalog.model AS m USING (model_id)
		WHERE g.role <> 0 AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role)
		UNION ALL
		SELECT m.name, p.what, format('runs as role %s, which does not exist; %s takes it over', p.owner::oid, p.again)
		FROM (SELECT w.model_id, 'monitor' AS what, w.owner, 'mlops.monitor()' AS again FROM mlops_catalog.monitor AS w
			UNION ALL SELECT t.model_id, 'retraining policy', t.owner, 'mlops.retraining_policy()' FROM mlops_catalog.policy AS t
			) AS p(model_id, what, owner, again)
		JOIN mlops_catalog.model AS m USING (model_id) WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = p.owner)
		UNION ALL
		SELECT s.model, format('schedule %s', s.name), format('runs as role %s, which does not exist; mlops.schedule() by another role takes it over', s.owner::oid)
		FROM mlops_catalog.schedule AS s WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = s.owner)
		UNION ALL
		SELECT NULL, 'trust', format('role %s does not exist', CASE WHEN EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = t.role) THEN t.trusted ELSE t.role END::oid)
		FROM mlops_catalog.trust AS t WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = t.role) OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = t.trusted)
		UNION ALL
		-- runs
		SELECT r.model, format('run %s', r.run_id), 'has ended without a time, or has a time without having ended'
		FROM mlops_catalog.run AS r WHERE (r.status = 'running') <> (r.ended_at IS NULL)
		UNION ALL
		SELECT r.model, format('run %s', r.run_id), format('is part of run %s, which does not exist', r.parent_run_id)
		FROM mlops_catalog.run AS r WHERE r.parent_run_id IS NOT NULL
			AND NOT EXISTS (SELECT FROM mlops_catalog.run AS p WHERE p.run_id = r.parent_run_id)
		UNION ALL
		SELECT m.name, format('version %s', v.version), 'was produced by a run of another version'
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
		WHERE (r.model, r.version) IS DISTINCT FROM (m.name, v.version)
		UNION ALL
		-- snapshots
		SELECT NULL, format('snapshot %s', n.name), 'its table is missing'
		FROM mlops_catalog.snapshot AS n WHERE n.kind = 'copy' AND to_regclass(format('mlops_snapshot.%I', n.name)) IS NULL
		UNION ALL
		-- decisions: a day's partition holds that day
		SELECT NULL, format('table %s', c.relname), format('has the bounds %s, not %s: its decisions cannot be found by time',
			mlops_catalog.recorded_bounds(c.oid::regclass), mlops_catalog.partition_bounds(to_date(right(c.relname, 8), 'YYYYMMDD')))
		FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'mlops_catalog.prediction'::regclass AND c.relname ~ '^prediction_[0-9]{8}$'
			AND mlops_catalog.recorded_bounds(c.oid::regclass) IS DISTINCT FROM mlops_catalog.partition_bounds(to_date(right(c.relname, 8), 'YYYYMMDD'))
		UNION ALL
		SELECT NULL, format('snapshot %s', n.name), 'the trigger refuse_change of its table is missing or disabled'
		FROM mlops_catalog.snapshot AS n JOIN pg_class AS c ON c.oid = to_regclass(format('mlops_snapshot.%I', n.name))
		WHERE n.kind = 'copy' AND NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgname = 'refuse_change' AND g.tgenabled = 'A')
		UNION ALL
		-- triggers that other sessions and the audit log depend on
		SELECT NULL, format('table %s', t.relation), format('its trigger %s is missing or disabled', t.name)
		FROM (VALUES ('model', 'forget_routes'), ('model_version', 'forget_routes'), ('deployment_route', 'forget_routes'),
			('alias', 'forget_routes'), ('alias', 'follow_alias'), ('model_grant', 'forget_routes'), ('audit_waiting', 'append_audit'),
			('audit_waiting', 'refuse_change'), ('audit_log', 'refuse_change')) AS t(relation, name)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid
			WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relname = t.relation AND g.tgname = t.name AND g.tgenabled = 'A')
		UNION ALL
		SELECT NULL, h.object, h.problem FROM mlops_catalog.schema_problems() AS h
		UNION ALL
		-- what runs by itself
		SELECT NULL, 'activation', 'was restored or copied from another database, or its server was upgraded: monitors, retrainings, guards and schedules wait for mlops.activate()'
		FROM mlops.activation AS a WHERE NOT a.active
		UNION ALL
		SELECT m.name, u.task, CASE WHEN u.suspended_at IS NOT NULL THEN format('is suspended since %s: %s', u.suspended_at, u.reason)
			ELSE format('has failed: %s', u.error) END
		FROM mlops_catalog.upkeep AS u LEFT JOIN mlops_catalog.model AS m USING (model_id)
		WHERE (u.suspended_at IS NOT NULL AND u.suspended_by IS NULL OR u.error IS NOT NULL) AND u.task <> 'activation'
			AND (u.model_id IS NOT NULL OR everything)
		UNION ALL
		-- the audit log
		SELECT NULL, 'audit log', a.problem FROM mlops_catalog.verify_audit(caller, NULL, NULL) AS a WHERE NOT a.intact
		UNION ALL
		SELECT w.model, 'audit log', format('event %s of %s still waits to be chained', w.event, w.logged_at)
		FROM mlops_catalog.audit_entry AS w WHERE w.seq IS NULL AND w.logged_at < clock_timestamp() - interval '10 minutes'
		UNION ALL
		SELECT m.name, format('version %s', v.version), 'has no entry in the audit log'
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
		WHERE NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a WHERE a.event IN ('train', 'import')
				AND a.detail -> 'run_id' = to_jsonb(v.run_id))
			AND NOT EXISTS (SELECT FROM mlops_catalog.audit_waiting AS a WHERE a.event IN ('train', 'import')
				AND a.detail -> 'run_id' = to_jsonb(v.run_id))
		UNION ALL
		SELECT m.name, format('deployment %s', d.deployment_id), 'has no entry in the audit log'
		FROM mlops_catalog.deployment AS d JOIN mlops_catalog.model AS m USING (model_id)
		WHERE NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a WHERE a.event = d.action
				AND a.detail -> 'deployment_id' = to_jsonb(d.deployment_id))
			AND NOT EXISTS (SELECT FROM mlops_catalog.audit_waiting AS a WHERE a.event = d.action
				AND a.detail -> 'deployment_id' = to_jsonb(d.deployment_id))) AS c(model, object, problem)
	WHERE everything OR c.model IS NULL OR coalesce(mlops_catalog.may(caller, c.model, 'inspect'), false);

	RETURN QUERY SELECT t.* FROM mlops_catalog.trigger_problems() AS t
		WHERE everything OR coalesce(mlops_catalog.may(caller, t.model, 'inspect'), false);

	-- what a restore has lost, and schedules that pg_cron does not start
	IF everything THEN
		RETURN QUERY SELECT l.model, format('version %s', l.version), 'is known to the audit log, but not to the catalog: the restore was not complete'
			FROM mlops_catalog.lost_versions() AS l;
		RETURN QUERY SELECT s.model, format('schedule %s', s.name), format('does not run: %s', coalesce(r.problem, r.last_error))
			FROM mlops_catalog.schedule AS s CROSS JOIN LATERAL mlops_catalog.cron_run(s.cron_job_id, s.name, s.owner) AS r
			WHERE coalesce(r.problem, r.last_error) IS NOT NULL;
	END IF;

	-- identity columns: what was given is never given again, also after a restore
	FOR s IN
		SELECT c.oid::regclass AS relation, a.attname, pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind = 'r' AND a.attidentity <> ''
	LOOP
		EXECUTE format('SELECT max(%I) FROM %s', s.attname, s.relation) INTO largest;
		IF largest > coalesce(pg_sequence_last_value(s.sequence::regclass), 0) THEN
			RETURN QUERY SELECT NULL::text, format('sequence %s', s.sequence), format('is behind %s of %s', largest, s.relation);
		END IF;
	END LOOP;
END
$$;
