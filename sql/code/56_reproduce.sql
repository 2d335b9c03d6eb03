-- Data sets that stay, and trainings that can be repeated.

CREATE VIEW mlops.snapshots WITH (security_barrier) AS
SELECT s.name, s.kind, CASE WHEN s.kind OPERATOR(pg_catalog.=) 'copy' THEN pg_catalog.format('mlops_snapshot.%I', s.name) END AS "table",
	s.source, s.query, s.rows, s.content_hash, s.columns, s.note, s.owner, s.created_at
FROM mlops_catalog.snapshot s
WHERE pg_catalog.pg_has_role(s.owner, 'USAGE');
COMMENT ON VIEW mlops.snapshots IS 'Named data sets with the hash of their contents';
COMMENT ON COLUMN mlops.snapshots.name IS 'Unique name';
COMMENT ON COLUMN mlops.snapshots.kind IS 'copy: the rows are kept; reference: only where they came from and their hash';
COMMENT ON COLUMN mlops.snapshots.table IS 'Table of a copy, to train on';
COMMENT ON COLUMN mlops.snapshots.source IS 'Table or view it was taken from, NULL for a query';
COMMENT ON COLUMN mlops.snapshots.query IS 'Query that was run';
COMMENT ON COLUMN mlops.snapshots.rows IS 'Rows';
COMMENT ON COLUMN mlops.snapshots.content_hash IS 'Hash of columns and rows, independent of the order of rows';
COMMENT ON COLUMN mlops.snapshots.columns IS 'Columns: name, type, and kept_as if a copy has another one: a domain''s base type, text for types that are not PostgreSQL''s own';
COMMENT ON COLUMN mlops.snapshots.note IS 'What it is for';
COMMENT ON COLUMN mlops.snapshots.owner IS 'Role that took it';
COMMENT ON COLUMN mlops.snapshots.created_at IS 'When';
GRANT SELECT ON mlops.snapshots TO PUBLIC;

CREATE FUNCTION mlops_catalog.source_columns(caller regrole, settings jsonb, source regclass, query text, recorded boolean DEFAULT false)
	RETURNS TABLE (name text, type text, kept_as text, read_by text, temporary text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 50 AS 'MODULE_PATHNAME', 'mlops_source_columns';
COMMENT ON FUNCTION mlops_catalog.source_columns(regrole, jsonb, regclass, text, boolean) IS 'Columns of a source as a role sees them, the types a copy keeps them in, the query that reads them, and the name of what it reads that ends with the session';

CREATE FUNCTION mlops_catalog.refuse_temporary(what text, relation text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF relation IS NOT NULL THEN
		RAISE EXCEPTION '% reads the temporary table or view "%"', what, relation USING ERRCODE = 'invalid_table_definition',
			DETAIL = 'It is read again later, when this session has ended and its temporary objects are gone.',
			HINT = 'Read a permanent table or view.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_temporary(text, text) IS 'An error if a source that is to be read again by itself ends with the session';

CREATE FUNCTION mlops_catalog.read_snapshot(caller regrole, settings jsonb, query text, target regclass, recorded boolean DEFAULT true, OUT rows bigint, OUT content_hash text)
	RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'mlops_read_snapshot';
COMMENT ON FUNCTION mlops_catalog.read_snapshot(regrole, jsonb, text, regclass, boolean) IS
	'Reads a query as a role, hashes its contents, and copies its rows into target unless that is NULL; one that was recorded runs no untrusted code';

-- The rows' own texts are made under fixed settings, but for those of money and XML.
CREATE FUNCTION mlops_catalog.snapshot_settings(search_path text, settings jsonb, recorded_by regrole) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.recorded_settings(snapshot_settings.search_path, snapshot_settings.settings ->> 'TimeZone', coalesce(snapshot_settings.settings, '{"DateStyle": "ISO, YMD"}'), snapshot_settings.recorded_by)
		|| '{"lc_monetary": "C", "xmlbinary": "base64"}'
$$;
COMMENT ON FUNCTION mlops_catalog.snapshot_settings(text, jsonb, regrole) IS 'Settings to read the query of a snapshot under';

-- The caller's settings must be had before a function of ours sets its own.
CREATE FUNCTION mlops.snapshot(source regclass DEFAULT NULL, name text DEFAULT NULL, query text DEFAULT NULL, kind text DEFAULT 'copy',
	note text DEFAULT NULL, search_path text DEFAULT pg_catalog.current_setting('search_path'),
	settings jsonb DEFAULT mlops_catalog.query_settings() OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('TimeZone', pg_catalog.current_setting('TimeZone')))
	RETURNS SETOF mlops.snapshots
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.snapshot(regclass, text, text, text, text, text, jsonb) IS
	'Keeps a data set under a name with the hash of its contents: as a copy that nobody changes (a table of schema mlops_snapshot, to train on), or as a reference that can be verified';
CREATE FUNCTION mlops_catalog.snapshot(caller regrole, source regclass, name text, query text, kind text, note text, search_path text, settings jsonb)
	RETURNS SETOF mlops.snapshots
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	read_under jsonb;
	described record;
	contents record;
BEGIN
	PERFORM mlops_catalog.check_name('a snapshot', snapshot.name);
	PERFORM mlops_catalog.check_choice('kind', snapshot.kind, '{copy,reference}');
	IF snapshot.search_path IS NULL THEN
		RAISE EXCEPTION '"search_path" must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'Leave it out for that of the session.';
	END IF;
	PERFORM mlops_catalog.check_settings(snapshot.settings, '{TimeZone}');
	read_under := mlops_catalog.snapshot_settings(snapshot.search_path, snapshot.settings, caller);
	PERFORM mlops_catalog.lock_name('snapshot_pkey', snapshot.name, format('take snapshot "%s"', snapshot.name));
	IF EXISTS (SELECT FROM mlops_catalog.snapshot AS s WHERE s.name = snapshot.name) THEN
		RAISE EXCEPTION 'snapshot "%" already exists', snapshot.name
			USING ERRCODE = 'duplicate_object', HINT = 'A snapshot never changes; choose another name.';
	END IF;
	SELECT string_agg(format('%I %s', c.name, c.kept_as), ', ') AS columns, min(c.read_by) AS query,
		jsonb_agg(jsonb_build_object('name', c.name, 'type', c.type) || CASE WHEN c.kept_as <> c.type THEN jsonb_build_object('kept_as', c.kept_as) ELSE '{}' END) AS list
		INTO described FROM mlops_catalog.source_columns(caller, read_under, snapshot.source, snapshot.query) AS c;
	IF snapshot.kind = 'copy' THEN
		EXECUTE format('CREATE TABLE mlops_snapshot.%I (%s)', snapshot.name, described.columns);
		PERFORM mlops_catalog.close_table(format('mlops_snapshot.%I', snapshot.name)::regclass);
	END IF;
	SELECT * INTO contents FROM mlops_catalog.read_snapshot(caller, read_under, described.query,
		CASE WHEN snapshot.kind = 'copy' THEN format('mlops_snapshot.%I', snapshot.name)::regclass END, false);
	IF snapshot.kind = 'copy' THEN
		EXECUTE format('CREATE TRIGGER refuse_change BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_snapshot.%I '
			'FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.refuse_change()', snapshot.name);
		EXECUTE format('ALTER TABLE mlops_snapshot.%I ENABLE ALWAYS TRIGGER refuse_change', snapshot.name);
		EXECUTE format('GRANT SELECT ON mlops_snapshot.%I TO %s WITH GRANT OPTION', snapshot.name, caller);
		EXECUTE format('COMMENT ON TABLE mlops_snapshot.%I IS %L', snapshot.name, format('Snapshot of %s', coalesce(snapshot.source::text, 'a query')));
	END IF;
	INSERT INTO mlops_catalog.snapshot (name, kind, source, query, search_path, columns, rows, content_hash, note, owner, settings)
		VALUES (snapshot.name, snapshot.kind, (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = snapshot.source),
			described.query, snapshot.search_path, described.list, contents.rows, contents.content_hash, snapshot.note, caller, snapshot.settings);
	PERFORM mlops_catalog.audit(caller, 'snapshot', NULL, NULL, jsonb_build_object('name', snapshot.name, 'kind', snapshot.kind,
		'rows', contents.rows, 'content_hash', contents.content_hash));
	RETURN QUERY SELECT * FROM mlops.snapshots AS s WHERE s.name = snapshot.name;
END
$$;

CREATE FUNCTION mlops_catalog.own_snapshot(caller regrole, name text) RETURNS mlops_catalog.snapshot
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s mlops_catalog.snapshot;
BEGIN
	PERFORM mlops_catalog.refuse_null('name', name);
	SELECT t.* INTO s FROM mlops_catalog.snapshot AS t WHERE t.name = own_snapshot.name AND pg_has_role(caller, t.owner, 'USAGE');
	IF NOT FOUND THEN
		RAISE EXCEPTION 'snapshot "%" does not exist', name
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.snapshots lists the snapshots there are.';
	END IF;
	RETURN s;
END
$$;
COMMENT ON FUNCTION mlops_catalog.own_snapshot(regrole, text) IS 'A snapshot of the caller; an error if there is none';

CREATE FUNCTION mlops.verify_snapshot(name text)
	RETURNS TABLE (name text, intact boolean, rows bigint, rows_now bigint, content_hash text, content_hash_now text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.verify_snapshot(text) IS 'Reads a snapshot''s table, or a reference''s source, and compares its contents with the recorded hash';
CREATE FUNCTION mlops_catalog.verify_snapshot(caller regrole, snapshot_name text)
	RETURNS TABLE (name text, intact boolean, rows bigint, rows_now bigint, content_hash text, content_hash_now text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	s mlops_catalog.snapshot := mlops_catalog.own_snapshot(caller, verify_snapshot.snapshot_name);
BEGIN
	SELECT c.rows, c.content_hash INTO rows_now, content_hash_now FROM mlops_catalog.read_snapshot(caller,
		-- the query of a copy is ours
		mlops_catalog.snapshot_settings(s.search_path, s.settings, CASE s.kind WHEN 'copy' THEN caller ELSE s.owner END),
		CASE s.kind WHEN 'copy' THEN format('SELECT * FROM mlops_snapshot.%I', s.name) ELSE s.query END, NULL) AS c;
	RETURN QUERY SELECT s.name, content_hash_now = s.content_hash, s.rows, rows_now, s.content_hash, content_hash_now;
END
$$;

CREATE FUNCTION mlops.drop_snapshot(name text) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.drop_snapshot(text) IS 'Deletes a snapshot with its table; refused while a version that exists was trained on it';
CREATE FUNCTION mlops_catalog.drop_snapshot(caller regrole, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	s mlops_catalog.snapshot := mlops_catalog.own_snapshot(caller, drop_snapshot.name);
	used text := (SELECT mlops_catalog.versions_text(caller, array_agg(v.version_id))
		FROM mlops_catalog.dataset AS d JOIN mlops_catalog.run AS r USING (dataset_id)
		JOIN mlops_catalog.model_version AS v USING (run_id)
		WHERE v.dropped_at IS NULL AND d.tables @> jsonb_build_array(jsonb_build_object('table', format('mlops_snapshot.%I', drop_snapshot.name))));
BEGIN
	IF used IS NOT NULL THEN
		RAISE EXCEPTION 'versions were trained on snapshot "%"', drop_snapshot.name USING ERRCODE = 'object_in_use', DETAIL = format('They are: %s.', used);
	END IF;
	PERFORM mlops_catalog.lock_name('snapshot_pkey', drop_snapshot.name, format('drop snapshot "%s"', drop_snapshot.name));
	IF s.kind = 'copy' THEN
		EXECUTE format('DROP TABLE mlops_snapshot.%I', drop_snapshot.name);
	END IF;
	DELETE FROM mlops_catalog.snapshot AS t WHERE t.name = drop_snapshot.name;
	PERFORM mlops_catalog.audit(caller, 'drop_snapshot', NULL, NULL, jsonb_build_object('name', drop_snapshot.name, 'content_hash', s.content_hash));
END
$$;

-- ---- queries of roles that are gone

CREATE FUNCTION mlops.adopt_query(model text, version int) RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.adopt_query(text, int) IS
	'Adopts, as yours, the query that a version was trained on, if its author was dropped: until then nobody can read it again. Returns the query; read it first';
CREATE FUNCTION mlops_catalog.adopt_query(caller regrole, model text, version int) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	d mlops_catalog.dataset;
BEGIN
	PERFORM mlops_catalog.lock_model(caller, adopt_query.model, 'manage');
	SELECT t.* INTO d FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id) JOIN mlops_catalog.dataset AS t USING (dataset_id)
		WHERE v.version_id = mlops_catalog.version_named(caller, adopt_query.model, adopt_query.version);
	IF d.recorded_by IS NULL THEN
		RAISE EXCEPTION 'no query of version % of model "%" is recorded here', adopt_query.version, adopt_query.model USING ERRCODE = 'object_not_in_prerequisite_state';
	ELSIF EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = d.recorded_by) THEN
		RAISE EXCEPTION 'the query of version % of model "%" is that of role "%"', adopt_query.version, adopt_query.model, mlops_catalog.role_text(d.recorded_by)
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Only the query of a role that no longer exists can be taken over.';
	END IF;
	UPDATE mlops_catalog.dataset AS t SET recorded_by = caller WHERE t.dataset_id = d.dataset_id;
	PERFORM mlops_catalog.audit(caller, 'adopt_query', adopt_query.model, adopt_query.version, jsonb_build_object('query', d.query));
	RETURN d.query;
END
$$;

-- ---- reproduce

CREATE FUNCTION mlops_catalog.rehearse_training(model text, source regclass, query text, target name, algorithm text, features name[], exclude name[],
	key name, time_column name, weight name, positive text, params jsonb, preprocess jsonb, split jsonb, metric text, threshold jsonb,
	experiment text, tags jsonb, seed bigint, OUT sha256 text, OUT content_hash text, OUT rows bigint, OUT all_params jsonb, OUT columns jsonb)
	RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'mlops_rehearse_training';
COMMENT ON FUNCTION mlops_catalog.rehearse_training(text, regclass, text, name, text, name[], name[], name, name, name, text, jsonb, jsonb, jsonb, text, jsonb, text, jsonb, bigint) IS
	'Trains as mlops.train does, registers nothing, and returns what identifies the result';

-- The names of both functions' arguments come in the same order.
CREATE FUNCTION mlops_catalog.training_call(function text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'SELECT * FROM ' || function || $train$($1 OPERATOR(pg_catalog.->>) 'model', ($1 OPERATOR(pg_catalog.->>) 'source')::pg_catalog.regclass, $1 OPERATOR(pg_catalog.->>) 'query',
			($1 OPERATOR(pg_catalog.->>) 'target')::pg_catalog.name, $1 OPERATOR(pg_catalog.->>) 'algorithm',
			CASE WHEN $1 OPERATOR(pg_catalog.->) 'features' OPERATOR(pg_catalog.<>) '[]' THEN ARRAY(SELECT pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'features'))::pg_catalog.name[] END,
			CASE WHEN $1 OPERATOR(pg_catalog.?) 'exclude' THEN ARRAY(SELECT pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'exclude'))::pg_catalog.name[] END,
			($1 OPERATOR(pg_catalog.->>) 'key')::pg_catalog.name, ($1 OPERATOR(pg_catalog.->>) 'time_column')::pg_catalog.name, ($1 OPERATOR(pg_catalog.->>) 'weight')::pg_catalog.name, $1 OPERATOR(pg_catalog.->>) 'positive',
			$1 OPERATOR(pg_catalog.->) 'params', $1 OPERATOR(pg_catalog.->) 'preprocess', $1 OPERATOR(pg_catalog.->) 'split', $1 OPERATOR(pg_catalog.->>) 'metric', $1 OPERATOR(pg_catalog.->) 'threshold',
			$1 OPERATOR(pg_catalog.->>) 'experiment', $1 OPERATOR(pg_catalog.->) 'tags', ($1 OPERATOR(pg_catalog.->>) 'seed')::pg_catalog.int8)$train$
$$;
COMMENT ON FUNCTION mlops_catalog.training_call(text) IS
	'Statement that calls a function with the arguments of mlops.train out of the object $1, as they were recorded';

CREATE FUNCTION mlops_catalog.retyped_columns(before jsonb, now jsonb) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(array_agg(format('type of column "%s": %s, now %s', b ->> 'name', b ->> 'type', n ->> 'type') ORDER BY b ->> 'name'), '{}')
	FROM jsonb_array_elements(retyped_columns.before) AS b JOIN jsonb_array_elements(retyped_columns.now) AS n ON n ->> 'name' = b ->> 'name' AND n ->> 'type' <> b ->> 'type'
$$;
COMMENT ON FUNCTION mlops_catalog.retyped_columns(jsonb, jsonb) IS 'Which columns of a data set have another type than they had, for people to read';

CREATE FUNCTION mlops.reproduce(model text, version int)
	RETURNS TABLE (identical boolean, differs text[], sha256 text, sha256_now text, content_hash text, content_hash_now text,
		library_version text, library_version_now text, params jsonb, params_now jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.reproduce(text, int) IS
	'Repeats the training of a version on the rows that its source holds now and registers nothing. Says whether the bytes are identical, or which of data, types of columns, parameters and library version differ';
CREATE FUNCTION mlops_catalog.reproduce(caller regrole, model text, version int)
	RETURNS TABLE (identical boolean, differs text[], sha256 text, sha256_now text, content_hash text, content_hash_now text,
		library_version text, library_version_now text, params jsonb, params_now jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked record;
	now jsonb;
BEGIN
	PERFORM mlops_catalog.require(caller, reproduce.model, 'train');
	SELECT v.sha256, v.owner, r.request, r.library_version, r.run_id, d.content_hash, d.columns,
		mlops_catalog.recorded_settings(d.search_path, d.time_zone, d.settings, d.recorded_by) AS settings INTO asked
	FROM mlops_catalog.model_version AS v LEFT JOIN mlops_catalog.run AS r USING (run_id) LEFT JOIN mlops_catalog.dataset AS d USING (dataset_id)
	WHERE v.version_id = mlops_catalog.version_named(caller, reproduce.model, reproduce.version);
	IF asked.request IS NULL THEN
		RAISE EXCEPTION 'the training of version % of model "%" is not recorded here', reproduce.version, reproduce.model
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'It was imported.';
	END IF;
	SELECT r INTO now FROM mlops_catalog.as_role(caller, asked.settings,
		mlops_catalog.training_call('mlops_catalog.rehearse_training'),
		asked.request || jsonb_build_object('model', reproduce.model, 'experiment', NULL, 'tags', '{}'::jsonb)) AS r;
	sha256 := encode(asked.sha256, 'hex');
	sha256_now := now ->> 'sha256';
	content_hash := asked.content_hash;
	content_hash_now := now ->> 'content_hash';
	library_version := asked.library_version;
	library_version_now := current_setting('mlops.library_version');
	params := (SELECT jsonb_object_agg(p.name, p.value) FROM mlops_catalog.run_param AS p WHERE p.run_id = asked.run_id);
	params_now := now -> 'all_params';
	identical := sha256 = sha256_now;
	differs := array_remove(ARRAY[CASE WHEN content_hash <> content_hash_now THEN 'data' END,
		CASE WHEN params <> params_now THEN 'parameters' END,
		CASE WHEN library_version <> library_version_now THEN 'library version' END], NULL)
		|| mlops_catalog.retyped_columns(asked.columns, now -> 'columns');
	RETURN NEXT;
END
$$;
