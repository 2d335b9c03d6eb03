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
	'A version as one value, with the records about it, for mlops.import_model in another database';
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
	PERFORM mlops_catalog.require(caller, export_model.model, 'manage');
	id := mlops_catalog.version_named(caller, export_model.model, export_model.version);
	SELECT mlops_catalog.in_utf8(format('what is recorded of version %s of model "%s"', export_model.version, export_model.model), jsonb_build_object('model', m.name, 'version', v.version, 'algorithm', v.algorithm, 'target', v.target,
			'positive', v.positive, 'metrics', v.metrics, 'description', v.description, 'tags', v.tags, 'created_at', mlops_catalog.utc_text(v.created_at),
			'library_version', r.library_version, 'seed', r.seed,
			'params', (SELECT coalesce(jsonb_object_agg(p.name, p.value), '{}') FROM mlops_catalog.run_param AS p WHERE p.run_id = v.run_id),
			'dataset', (SELECT to_jsonb(d) - '{dataset_id,search_path,settings}'::text[] FROM mlops_catalog.dataset AS d WHERE d.dataset_id = r.dataset_id))::text),
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

-- A version's metrics, as training records them.
CREATE FUNCTION mlops_catalog.recorded_metrics() RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{rows,positives,threshold}'::text[] || mlops_catalog.metric_names() $$;
COMMENT ON FUNCTION mlops_catalog.recorded_metrics() IS 'Names that a version''s metrics may have, beside judged_on and threshold_chosen_on';

CREATE FUNCTION mlops_catalog.metrics_problem(metrics jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof(metrics) IS DISTINCT FROM 'object' THEN 'Its "metrics" are no object.' ELSE (
		SELECT CASE
				WHEN m.key = 'judged_on' THEN CASE WHEN m.value #>> '{}' NOT IN ('train', 'validation', 'test') OR jsonb_typeof(m.value) <> 'string'
					THEN 'Its "judged_on" is none of train, validation and test.' END
				WHEN m.key = 'threshold_chosen_on' THEN CASE WHEN m.value #>> '{}' NOT IN ('train', 'validation') OR jsonb_typeof(m.value) <> 'string'
					THEN 'Its "threshold_chosen_on" is none of train and validation.' END
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
					FROM mlops_catalog.metric_ranges() AS r WHERE r.metric = m.key AND (m.value)::float8 NOT BETWEEN r.minimum AND r.maximum)
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
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
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
	size int := octet_length(import_model.data);
	length int;
	manifest jsonb;
	bytes bytea;
	found jsonb;
	id bigint;
	made_run bigint;
	made bigint;
BEGIN
	IF import_model.data IS NULL THEN
		RAISE EXCEPTION '"data" must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'It is what mlops.export_model returned.';
	END IF;
	IF size < 48 OR substring(import_model.data FROM 1 FOR 8) <> 'MLOPSEXP'::bytea THEN
		RAISE EXCEPTION 'the data is not an exported model' USING ERRCODE = 'data_corrupted',
			HINT = 'It must be what mlops.export_model returned.';
	ELSIF substring(import_model.data FROM 9 FOR 4) <> int4send(1) THEN
		RAISE EXCEPTION 'the data was exported in a format that this version of mlops does not know' USING ERRCODE = 'feature_not_supported';
	ELSIF sha256(substring(import_model.data FROM 1 FOR size - 32)) <> substring(import_model.data FROM size - 31) THEN
		RAISE EXCEPTION 'the exported model was damaged' USING ERRCODE = 'data_corrupted', DETAIL = 'Its SHA-256 is not the one at its end.';
	END IF;
	length := ('x' || encode(substring(import_model.data FROM 13 FOR 4), 'hex'))::bit(32)::int;
	IF length > 16777216 THEN
		PERFORM mlops_catalog.refuse_export('Its manifest has more than 16 MB.');
	ELSIF length NOT BETWEEN 2 AND size - 48 THEN
		RAISE EXCEPTION 'the exported model was damaged' USING ERRCODE = 'data_corrupted', DETAIL = 'Its manifest does not fit.';
	END IF;
	manifest := mlops_catalog.read_manifest(substring(import_model.data FROM 17 FOR length));
	bytes := substring(import_model.data FROM 17 + length FOR size - 48 - length);
	found := mlops_catalog.inspect_bytes(bytes);
	PERFORM mlops_catalog.check_manifest(manifest, found);
	-- decisions would tell of its rows
	IF NOT coalesce(has_table_privilege(caller, to_regclass(found ->> 'features_from'), 'SELECT'), true) THEN
		RAISE EXCEPTION 'permission denied for table %', found ->> 'features_from'
			USING ERRCODE = 'insufficient_privilege', DETAIL = 'The features of the model are computed from its rows, and scores would tell of them.';
	END IF;
	registered_as := coalesce(import_model.model, manifest ->> 'model');
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
	PERFORM mlops_catalog.tell_of_same_bytes(id, sha256(bytes));
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
	PERFORM mlops_catalog.tell_of_other_question(caller, made);
	RETURN NEXT;
END
$$;
