-- Tracking: runs that people log themselves, search, comparison, lineage.
--
-- Parameters and metrics are written while a run is running; what a training or
-- an ended run recorded stays as it was.  Tags, notes and artifacts may be added
-- at any time.

CREATE VIEW mlops.run_artifacts WITH (security_barrier) AS
SELECT a.run_id, r.model, r.version, a.path, a.content_type, pg_catalog.octet_length(a.data) AS size, a.data,
	CASE WHEN a.content_type OPERATOR(pg_catalog.~~) 'text/%' OR a.content_type OPERATOR(pg_catalog.=) 'application/json'
		OR a.content_type OPERATOR(pg_catalog.=) 'image/svg+xml' THEN pg_catalog.convert_from(a.data, 'UTF8') END AS text,
	a.logged_at
FROM mlops_catalog.run_artifact a JOIN mlops_catalog.run r ON r.run_id OPERATOR(pg_catalog.=) a.run_id
WHERE r.deleted_at IS NULL AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END);
COMMENT ON VIEW mlops.run_artifacts IS 'Files of runs: plots, reports, small data';
COMMENT ON COLUMN mlops.run_artifacts.run_id IS 'Run';
COMMENT ON COLUMN mlops.run_artifacts.model IS 'Model';
COMMENT ON COLUMN mlops.run_artifacts.version IS 'Version it produced';
COMMENT ON COLUMN mlops.run_artifacts.path IS 'Name';
COMMENT ON COLUMN mlops.run_artifacts.content_type IS 'Media type';
COMMENT ON COLUMN mlops.run_artifacts.size IS 'Bytes';
COMMENT ON COLUMN mlops.run_artifacts.data IS 'Content';
COMMENT ON COLUMN mlops.run_artifacts.text IS 'Content as text, NULL for other media';
COMMENT ON COLUMN mlops.run_artifacts.logged_at IS 'When it was logged';
GRANT SELECT ON mlops.run_artifacts TO PUBLIC;

CREATE FUNCTION mlops_catalog.baseline(model text, version int)
	RETURNS TABLE (feature text, input text, kind text, rows bigint, missing bigint, mean float8, std float8,
		minimum float8, maximum float8, bins jsonb)
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_baseline';
COMMENT ON FUNCTION mlops_catalog.baseline(text, int) IS 'Training rows of a version, by feature';

CREATE VIEW mlops.feature_statistics WITH (security_barrier) AS
SELECT m.name AS model, v.version, b.feature, b.input, b.kind, b.rows, b.missing, b.mean, b.std, b.minimum, b.maximum, b.bins
FROM mlops_catalog.model_version v
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id,
LATERAL mlops_catalog.baseline(m.name, v.version) AS b
WHERE v.dropped_at IS NULL AND mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.feature_statistics IS 'Statistics of a version''s training rows, by feature';
COMMENT ON COLUMN mlops.feature_statistics.model IS 'Model';
COMMENT ON COLUMN mlops.feature_statistics.version IS 'Version';
COMMENT ON COLUMN mlops.feature_statistics.feature IS 'Feature, such as amount or ts.hour';
COMMENT ON COLUMN mlops.feature_statistics.input IS 'Column it is made of';
COMMENT ON COLUMN mlops.feature_statistics.kind IS 'number or category';
COMMENT ON COLUMN mlops.feature_statistics.rows IS 'Training rows';
COMMENT ON COLUMN mlops.feature_statistics.missing IS 'Of these, NULL';
COMMENT ON COLUMN mlops.feature_statistics.mean IS 'Mean of present values';
COMMENT ON COLUMN mlops.feature_statistics.std IS 'Standard deviation (of the population)';
COMMENT ON COLUMN mlops.feature_statistics.minimum IS 'Least value';
COMMENT ON COLUMN mlops.feature_statistics.maximum IS 'Greatest value';
COMMENT ON COLUMN mlops.feature_statistics.bins IS 'Rows by range (above, up to) or by value; a null value stands for all others';
GRANT SELECT ON mlops.feature_statistics TO PUBLIC;

-- ---- runs that people log

CREATE FUNCTION mlops_catalog.own_run(caller regrole, run_id bigint, only_running boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r record;
BEGIN
	SELECT t.owner, t.model, t.status, t.deleted_at INTO r FROM mlops_catalog.run AS t
		WHERE t.run_id = own_run.run_id FOR NO KEY UPDATE;
	-- a run one may not see does not exist
	IF NOT FOUND OR NOT (pg_has_role(caller, r.owner, 'USAGE') OR coalesce(mlops_catalog.may(caller, r.model, 'inspect'), false)) THEN
		RAISE EXCEPTION 'run % does not exist', coalesce(own_run.run_id::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.runs lists the runs there are.';
	ELSIF NOT pg_has_role(caller, r.owner, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for run %', own_run.run_id
			USING ERRCODE = 'insufficient_privilege', DETAIL = format('It belongs to role "%s".', mlops_catalog.role_text(r.owner));
	ELSIF only_running AND (r.status <> 'running' OR r.deleted_at IS NOT NULL) THEN
		RAISE EXCEPTION 'run % is not running', own_run.run_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('It is %s: its parameters and metrics stay as they are.',
					CASE WHEN r.deleted_at IS NULL THEN r.status ELSE 'deleted' END),
				HINT = 'Tags, notes and artifacts can still be added.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.own_run(regrole, bigint, boolean) IS
	'Locks a run that is to be changed; an error unless the caller owns it and, if asked, it is running';

CREATE FUNCTION mlops_catalog.open_experiment(caller regrole, experiment text, bring_back boolean DEFAULT false) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_id bigint;
	deleted boolean;
BEGIN
	-- what another role has deleted, only that one could restore
	SELECT e.deleted_at IS NOT NULL, bring_back OR NOT pg_has_role(caller, e.owner, 'USAGE') INTO deleted, bring_back
		FROM mlops_catalog.experiment AS e WHERE e.name = experiment;
	IF deleted IS NULL OR deleted AND bring_back THEN
		PERFORM mlops_catalog.lock_name('experiment_name_key', experiment, format('add to experiment "%s"', experiment));
		INSERT INTO mlops_catalog.experiment AS e (name, owner) VALUES (experiment, caller)
			ON CONFLICT (name) DO UPDATE SET deleted_at = NULL WHERE bring_back AND e.deleted_at IS NOT NULL;
	END IF;
	SELECT e.experiment_id, e.deleted_at IS NOT NULL INTO found_id, deleted FROM mlops_catalog.experiment AS e WHERE e.name = experiment;
	IF deleted THEN
		RAISE EXCEPTION 'experiment "%" is deleted', experiment
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('Run SELECT mlops.restore_experiment(%L).', experiment);
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.open_experiment(regrole, text, boolean) IS
	'Identity of an experiment, which is made if there is none; one that is deleted is brought back if that is asked for, or another role deleted it, else that is an error';

CREATE FUNCTION mlops.start_run(experiment text, name text DEFAULT NULL, model text DEFAULT NULL,
	parent_run_id bigint DEFAULT NULL, tags jsonb DEFAULT '{}', note text DEFAULT NULL) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.start_run(text, text, text, bigint, jsonb, text) IS
	'Begins your own run in an experiment, which is created if it does not exist; returns the run''s identity';
CREATE FUNCTION mlops_catalog.start_run(caller regrole, experiment text, name text, model text, parent_run_id bigint, tags jsonb, note text)
	RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	made bigint;
BEGIN
	PERFORM mlops_catalog.check_key('experiment', start_run.experiment);
	IF start_run.model IS NOT NULL THEN
		PERFORM mlops_catalog.require(caller, start_run.model, 'train');
	END IF;
	IF start_run.parent_run_id IS NOT NULL THEN
		PERFORM mlops_catalog.own_run(caller, start_run.parent_run_id, false);
	END IF;
	IF jsonb_typeof(coalesce(start_run.tags, '{}')) <> 'object' THEN
		RAISE EXCEPTION '"tags" must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF start_run.name <> '' THEN
		PERFORM mlops_catalog.check_key('name', start_run.name);
	END IF;
	PERFORM mlops_catalog.check_key('tags', k) FROM jsonb_object_keys(start_run.tags) AS k;
	PERFORM mlops_catalog.open_experiment(caller, start_run.experiment);
	INSERT INTO mlops_catalog.run (experiment_id, name, model, status, parent_run_id, tags, note, library_version, owner, started_at)
		SELECT e.experiment_id, start_run.name, start_run.model, 'running', start_run.parent_run_id, coalesce(start_run.tags, '{}'), start_run.note, current_setting('mlops.library_version'), caller, clock_timestamp()
		FROM mlops_catalog.experiment AS e WHERE e.name = start_run.experiment
		RETURNING run_id INTO made;
	RETURN made;
END
$$;

CREATE FUNCTION mlops.log_params(run_id bigint, params jsonb) RETURNS int
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.log_params(bigint, jsonb) IS
	'Records parameters of a running run, given as an object; one that was recorded before cannot take another value. Returns their number';
CREATE FUNCTION mlops_catalog.log_params(caller regrole, run_id bigint, params jsonb) RETURNS int
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
	recorded text;
	n int := 0;
BEGIN
	PERFORM mlops_catalog.own_run(caller, log_params.run_id, true);
	IF jsonb_typeof(log_params.params) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION '"params" must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOR p IN SELECT e.key, coalesce(e.value, 'null') AS value FROM jsonb_each_text(log_params.params) AS e LOOP
		PERFORM mlops_catalog.check_key('key', p.key);
		INSERT INTO mlops_catalog.run_param (run_id, name, value) VALUES (log_params.run_id, p.key, p.value) ON CONFLICT DO NOTHING;
		SELECT t.value INTO recorded FROM mlops_catalog.run_param AS t WHERE t.run_id = log_params.run_id AND t.name = p.key;
		IF recorded <> p.value THEN
			RAISE EXCEPTION 'parameter "%" of run % is recorded already', p.key, log_params.run_id
				USING ERRCODE = 'unique_violation', DETAIL = format('Its value is "%s", which cannot become "%s".', recorded, p.value);
		END IF;
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;

CREATE FUNCTION mlops.log_param(run_id bigint, key text, value text) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.log_param(bigint, text, text) IS 'Records a parameter of a running run';
CREATE FUNCTION mlops_catalog.log_param(caller regrole, run_id bigint, key text, value text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.check_key('key', key);
	PERFORM mlops_catalog.log_params(caller, run_id, jsonb_build_object(key, value));
END
$$;

CREATE FUNCTION mlops.log_metrics(run_id bigint, metrics jsonb, step int DEFAULT 0, recorded_at timestamptz DEFAULT NULL) RETURNS int
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.log_metrics(bigint, jsonb, int, timestamptz) IS
	'Records metrics of a running run, given as an object of numbers (or null), at a step of a curve; a metric given again for its step takes the new value. Returns their number';
CREATE FUNCTION mlops_catalog.log_metrics(caller regrole, run_id bigint, metrics jsonb, step int, recorded_at timestamptz) RETURNS int
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bad text;
	n int;
BEGIN
	PERFORM mlops_catalog.own_run(caller, log_metrics.run_id, true);
	IF jsonb_typeof(log_metrics.metrics) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION '"metrics" must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT e.key INTO bad FROM jsonb_each(log_metrics.metrics) AS e WHERE jsonb_typeof(e.value) NOT IN ('number', 'null')
		AND e.value NOT IN ('"NaN"', '"Infinity"', '"-Infinity"') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'metric "%" must be a number, not %', bad, log_metrics.metrics -> bad USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM mlops_catalog.check_key('key', e) FROM jsonb_object_keys(log_metrics.metrics) AS e;
	INSERT INTO mlops_catalog.run_metric (run_id, name, step, value, recorded_at)
		SELECT log_metrics.run_id, e.key, coalesce(log_metrics.step, 0), e.value::float8, coalesce(log_metrics.recorded_at, clock_timestamp()) FROM jsonb_each_text(log_metrics.metrics) AS e
		ON CONFLICT ON CONSTRAINT run_metric_pkey DO UPDATE SET value = excluded.value, recorded_at = excluded.recorded_at;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;

CREATE FUNCTION mlops.log_metric(run_id bigint, key text, value float8, step int DEFAULT 0, recorded_at timestamptz DEFAULT NULL) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.log_metric(bigint, text, float8, int, timestamptz) IS
	'Records a metric of a running run, at a step of a learning curve if it is one';
CREATE FUNCTION mlops_catalog.log_metric(caller regrole, run_id bigint, key text, value float8, step int, recorded_at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.check_key('key', key);
	PERFORM mlops_catalog.log_metrics(caller, run_id, jsonb_build_object(key, value), step, recorded_at);
END
$$;

CREATE FUNCTION mlops.set_tag(run_id bigint, key text, value text) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_tag(bigint, text, text) IS 'Sets a tag of a run, removes it if value is NULL; returns all tags';
CREATE FUNCTION mlops_catalog.set_tag(caller regrole, run_id bigint, key text, value text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	now jsonb;
BEGIN
	PERFORM mlops_catalog.own_run(caller, set_tag.run_id, false);
	UPDATE mlops_catalog.run AS r SET tags = mlops_catalog.with_tag(r.tags, set_tag.key, set_tag.value)
		WHERE r.run_id = set_tag.run_id RETURNING r.tags INTO now;
	RETURN now;
END
$$;

CREATE FUNCTION mlops.set_note(run_id bigint, note text, name text DEFAULT NULL) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_note(bigint, text, text) IS 'Notes something about a run, and names it; NULL leaves it as it is, an empty text removes it';
CREATE FUNCTION mlops_catalog.set_note(caller regrole, run_id bigint, note text, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM mlops_catalog.own_run(caller, set_note.run_id, false);
	IF set_note.name <> '' THEN
		PERFORM mlops_catalog.check_key('name', set_note.name);
	END IF;
	UPDATE mlops_catalog.run AS r SET note = nullif(coalesce(set_note.note, r.note), ''), name = nullif(coalesce(set_note.name, r.name), '')
		WHERE r.run_id = set_note.run_id;
END
$$;

CREATE FUNCTION mlops.log_artifact(run_id bigint, path text, "text" text DEFAULT NULL, data bytea DEFAULT NULL, content_type text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.log_artifact(bigint, text, text, bytea, text) IS
	'Keeps a small file with a run, as text or as bytes, in place of one of the same path; returns its size';
CREATE FUNCTION mlops_catalog.log_artifact(caller regrole, run_id bigint, path text, "text" text, data bytea, content_type text)
	RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	content bytea := coalesce(log_artifact.data, mlops_catalog.in_utf8('"text"', log_artifact."text"));
BEGIN
	PERFORM mlops_catalog.own_run(caller, log_artifact.run_id, false);
	PERFORM mlops_catalog.check_key('path', log_artifact.path);
	IF log_artifact.content_type IS NOT NULL THEN
		PERFORM mlops_catalog.check_key('content_type', log_artifact.content_type);
	END IF;
	IF (log_artifact."text" IS NULL) = (log_artifact.data IS NULL) THEN
		RAISE EXCEPTION 'exactly one of "text" and "data" must be given' USING ERRCODE = 'invalid_parameter_value';
	ELSIF octet_length(content) > 16777216 THEN
		RAISE EXCEPTION 'an artifact of % bytes is too large', octet_length(content)
			USING ERRCODE = 'program_limit_exceeded', DETAIL = 'At most 16777216 bytes are kept.';
	ELSIF log_artifact.data IS NOT NULL AND (log_artifact.content_type LIKE 'text/%' OR log_artifact.content_type IN ('application/json', 'image/svg+xml')) THEN
		PERFORM convert_from(log_artifact.data, 'UTF8');	-- an error now, not in the view
	END IF;
	INSERT INTO mlops_catalog.run_artifact (run_id, path, content_type, data)
		VALUES (log_artifact.run_id, log_artifact.path, coalesce(log_artifact.content_type, CASE WHEN log_artifact."text" IS NULL THEN 'application/octet-stream' ELSE 'text/plain' END), content)
		ON CONFLICT ON CONSTRAINT run_artifact_pkey
		DO UPDATE SET content_type = excluded.content_type, data = excluded.data, logged_at = clock_timestamp();
	RETURN octet_length(content);
END
$$;

CREATE FUNCTION mlops.end_run(run_id bigint, status text DEFAULT 'finished') RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.end_run(bigint, text) IS 'Ends a running run as finished or failed; from then on its parameters and metrics stay as they are';
CREATE FUNCTION mlops_catalog.end_run(caller regrole, run_id bigint, status text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM mlops_catalog.own_run(caller, end_run.run_id, true);
	PERFORM mlops_catalog.check_choice('status', end_run.status, '{finished,failed}');
	UPDATE mlops_catalog.run AS r SET status = end_run.status, ended_at = clock_timestamp() WHERE r.run_id = end_run.run_id;
END
$$;

CREATE FUNCTION mlops.delete_run(run_id bigint) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.delete_run(bigint) IS
	'Marks a run deleted: views do not show it any more, restore_run brings it back. Refused for the run of a version that exists';
CREATE FUNCTION mlops_catalog.delete_run(caller regrole, run_id bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM mlops_catalog.own_run(caller, delete_run.run_id, false);
	IF EXISTS (SELECT FROM mlops_catalog.model_version AS v WHERE v.run_id = delete_run.run_id AND v.dropped_at IS NULL) THEN
		RAISE EXCEPTION 'run % produced a version that exists', delete_run.run_id
			USING ERRCODE = 'object_in_use', DETAIL = (SELECT format('It is version %s of model "%s".', r.version, r.model)
				FROM mlops_catalog.run AS r WHERE r.run_id = delete_run.run_id);
	END IF;
	UPDATE mlops_catalog.run AS r SET deleted_at = coalesce(r.deleted_at, clock_timestamp()) WHERE r.run_id = delete_run.run_id;
	PERFORM mlops_catalog.audit(caller, 'delete_run', r.model, r.version, jsonb_build_object('run_id', delete_run.run_id))
		FROM mlops_catalog.run AS r WHERE r.run_id = delete_run.run_id;
END
$$;

CREATE FUNCTION mlops.restore_run(run_id bigint) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.restore_run(bigint) IS 'Brings a deleted run back';
CREATE FUNCTION mlops_catalog.restore_run(caller regrole, run_id bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM mlops_catalog.own_run(caller, restore_run.run_id, false);
	UPDATE mlops_catalog.run AS r SET deleted_at = NULL WHERE r.run_id = restore_run.run_id;
	PERFORM mlops_catalog.audit(caller, 'restore_run', r.model, r.version, jsonb_build_object('run_id', restore_run.run_id))
		FROM mlops_catalog.run AS r WHERE r.run_id = restore_run.run_id;
END
$$;

CREATE FUNCTION mlops_catalog.own_experiment(caller regrole, experiment text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := (SELECT e.experiment_id FROM mlops_catalog.experiment AS e
		WHERE e.name = experiment AND pg_has_role(caller, e.owner, 'USAGE'));
BEGIN
	PERFORM mlops_catalog.refuse_null('experiment', experiment);
	IF id IS NULL THEN
		RAISE EXCEPTION 'experiment "%" does not exist, or belongs to another role', experiment
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.experiments lists the experiments there are.';
	END IF;
	PERFORM mlops_catalog.lock_name('experiment_name_key', experiment, format('change experiment "%s"', experiment));
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.own_experiment(regrole, text) IS
	'Locks an experiment of the caller; an error if there is none';

CREATE FUNCTION mlops.delete_experiment(experiment text) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.delete_experiment(text) IS
	'Marks an experiment deleted, with its runs; refused while it has runs of other roles, or a version that exists was produced in it. Returns the number of runs';
CREATE FUNCTION mlops_catalog.delete_experiment(caller regrole, experiment text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.own_experiment(caller, experiment);
	versions text := (SELECT mlops_catalog.versions_text(caller, array_agg(v.version_id))
		FROM mlops_catalog.run AS r JOIN mlops_catalog.model_version AS v USING (run_id)
		WHERE r.experiment_id = id AND v.dropped_at IS NULL);
	n bigint;
BEGIN
	PERFORM FROM mlops_catalog.run AS r WHERE r.experiment_id = id AND r.deleted_at IS NULL AND NOT pg_has_role(caller, r.owner, 'USAGE');
	IF FOUND THEN
		RAISE EXCEPTION 'experiment "%" has runs of other roles', experiment
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'Their owners may delete them; mlops.delete_run deletes yours, one by one.';
	END IF;
	IF versions IS NOT NULL THEN
		RAISE EXCEPTION 'experiment "%" produced versions that exist', experiment
			USING ERRCODE = 'object_in_use', DETAIL = format('They are: %s.', versions);
	END IF;
	UPDATE mlops_catalog.experiment AS e SET deleted_at = clock_timestamp() WHERE e.experiment_id = id AND e.deleted_at IS NULL;
	-- the experiment's time marks the runs that restore_experiment brings back
	UPDATE mlops_catalog.run AS r SET deleted_at = e.deleted_at FROM mlops_catalog.experiment AS e
		WHERE e.experiment_id = id AND r.experiment_id = id AND r.deleted_at IS NULL AND pg_has_role(caller, r.owner, 'USAGE');
	GET DIAGNOSTICS n = ROW_COUNT;
	PERFORM mlops_catalog.audit(caller, 'delete_experiment', NULL, NULL, jsonb_build_object('experiment', experiment, 'runs', n));
	RETURN n;
END
$$;

CREATE FUNCTION mlops.restore_experiment(experiment text) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.restore_experiment(text) IS
	'Brings a deleted experiment back, with the runs that were deleted with it. Returns their number';
CREATE FUNCTION mlops_catalog.restore_experiment(caller regrole, experiment text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.own_experiment(caller, experiment);
	n bigint;
BEGIN
	UPDATE mlops_catalog.run AS r SET deleted_at = NULL FROM mlops_catalog.experiment AS e
		WHERE e.experiment_id = id AND r.experiment_id = id AND r.deleted_at = e.deleted_at AND pg_has_role(caller, r.owner, 'USAGE');
	GET DIAGNOSTICS n = ROW_COUNT;
	UPDATE mlops_catalog.experiment AS e SET deleted_at = NULL WHERE e.experiment_id = id;
	PERFORM mlops_catalog.audit(caller, 'restore_experiment', NULL, NULL, jsonb_build_object('experiment', experiment, 'runs', n));
	RETURN n;
END
$$;

-- ---- search

CREATE FUNCTION mlops_catalog.compile_search(filter text, order_by text[], OUT condition text, OUT ordering text, OUT arguments jsonb)
	RETURNS record LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_compile_search';
COMMENT ON FUNCTION mlops_catalog.compile_search(text, text[]) IS
	'A filter of search_runs as a condition without any of its text: keys and values are elements of arguments';

-- A metric or parameter that no run has fits none, as one that is misspelt does.
CREATE FUNCTION mlops_catalog.tell_of_unknown_names(caller regrole, compiled text, arguments jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	asked record;
	known text[];
BEGIN
	FOR asked IN SELECT DISTINCT k.kind, arguments ->> (c.place)[1]::int AS name
			FROM (VALUES ('metric', 'm\.name = ANY \(ARRAY\[\$1 ->> (\d+)'), ('parameter', 'p\.name = \$1 ->> (\d+)')) AS k(kind, code)
			CROSS JOIN LATERAL regexp_matches(compiled, k.code, 'g') AS c(place) ORDER BY 1, 2 LOOP
		known := ARRAY(SELECT DISTINCT n.name FROM (
				SELECT m.run_id, m.name FROM mlops_catalog.run_metric AS m WHERE asked.kind = 'metric'
				UNION ALL SELECT p.run_id, p.name FROM mlops_catalog.run_param AS p WHERE asked.kind = 'parameter') AS n
			JOIN mlops_catalog.run AS r USING (run_id)
			WHERE pg_has_role(caller, r.owner, 'USAGE') OR r.deleted_at IS NULL AND coalesce(mlops_catalog.may(caller, r.model, 'inspect'), false) ORDER BY 1);
		IF asked.name <> ALL (known) AND NOT (asked.kind = 'metric' AND 'test_' || asked.name = ANY (known)) THEN
			RAISE NOTICE 'no run has a % "%"', asked.kind, asked.name
				USING HINT = mlops_catalog.perhaps(coalesce(mlops_catalog.nearest(asked.name, known), mlops_catalog.nearest('test_' || asked.name, known)))
					|| CASE asked.kind WHEN 'metric' THEN 'View mlops.run_metrics lists what there are.' ELSE 'View mlops.run_params lists what there are.' END;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_unknown_names(regrole, text, jsonb) IS
	'A notice of each metric and parameter in a compiled search that none of the runs has which the caller may see';

CREATE FUNCTION mlops.search_runs(filter text DEFAULT '', order_by text[] DEFAULT NULL, experiments text[] DEFAULT NULL,
	max_results int DEFAULT 1000, first_result int DEFAULT 0, show text DEFAULT 'active')
	RETURNS TABLE (run_id bigint, experiment text, name text, model text, version int, status text, owner text,
		parent_run_id bigint, params jsonb, metrics jsonb, tags jsonb, note text, started_at timestamptz, ended_at timestamptz)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.search_runs(text, text[], text[], int, int, text) IS
	'Runs that fit a filter in MLflow''s language, e.g. metrics.test_pr_auc > 0.6 AND params.max_depth = ''6'' AND tags.team LIKE ''ri%''; show is active, deleted or all';
CREATE FUNCTION mlops_catalog.search_runs(caller regrole, filter text, order_by text[], experiments text[],
	max_results int, first_result int, show text)
	RETURNS TABLE (run_id bigint, experiment text, name text, model text, version int, status text, owner text,
		parent_run_id bigint, params jsonb, metrics jsonb, tags jsonb, note text, started_at timestamptz, ended_at timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	search record;
BEGIN
	PERFORM mlops_catalog.check_choice('show', show, '{active,deleted,all}');
	IF max_results < 0 OR first_result < 0 THEN
		RAISE EXCEPTION '"max_results" and "first_result" must not be negative' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT * INTO search FROM mlops_catalog.compile_search(filter, order_by);
	RETURN QUERY EXECUTE format($sql$
		SELECT r.run_id, e.name, r.name, r.model, r.version, r.status, mlops_catalog.role_text(r.owner), r.parent_run_id,
			(SELECT coalesce(jsonb_object_agg(p.name, p.value), '{}') FROM mlops_catalog.run_param AS p WHERE p.run_id = r.run_id),
			(SELECT coalesce(jsonb_object_agg(m.name, m.value), '{}') FROM (SELECT DISTINCT ON (k.name) k.name, k.value
				FROM mlops_catalog.run_metric AS k WHERE k.run_id = r.run_id ORDER BY k.name, k.step DESC) AS m),
			r.tags, r.note, r.started_at, r.ended_at
		FROM mlops_catalog.run AS r JOIN mlops_catalog.experiment AS e USING (experiment_id)
		WHERE (pg_has_role($2, r.owner, 'USAGE') OR r.deleted_at IS NULL AND coalesce(mlops_catalog.may($2, r.model, 'inspect'), false))
			AND ($3 = 'all' OR ($3 = 'deleted') = (r.deleted_at IS NOT NULL))
			AND ($4 IS NULL OR e.name = ANY ($4))
			AND (%s)
		ORDER BY %s r.started_at DESC, r.run_id DESC LIMIT $5 OFFSET $6 $sql$, search.condition, search.ordering)
		USING search.arguments, caller, show, experiments, max_results, first_result;
	IF NOT FOUND THEN
		PERFORM mlops_catalog.tell_of_unknown_names(caller, concat(search.condition, search.ordering), search.arguments);
	END IF;
END
$$;

-- ---- comparison

-- Parameters are kept as texts; those of learners, and most of people's, are numbers.
CREATE FUNCTION mlops_catalog.typed(value text) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN typed.value IN ('true', 'false')
			OR length(typed.value) <= 40 AND typed.value COLLATE "C" ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]{1,2})?$'
		THEN typed.value::jsonb ELSE to_jsonb(typed.value) END
$$;
COMMENT ON FUNCTION mlops_catalog.typed(text) IS 'A text as JSON: as the number, true or false that it reads as, else as text';

-- What decides comes first: metrics of test rows, in the order of the list of
-- metrics, then parameters, the data set and the rest; timings are last, as they
-- always differ.  A parameter is compared among runs of the learners that have it.
CREATE FUNCTION mlops_catalog.side_by_side(run_ids bigint[])
	RETURNS TABLE (kind text, name text, differs boolean, "values" jsonb, spread float8)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH compared AS MATERIALIZED (
		SELECT r.*, count(*) OVER () AS n, count(*) OVER (PARTITION BY r.algorithm) AS of_learner FROM mlops.runs AS r WHERE r.run_id = ANY (run_ids)),
	item(kind, rank, place, name, run_id, value, number) AS MATERIALIZED (
		SELECT 'run', CASE a.key WHEN 'algorithm' THEN 2 ELSE 5 END, 0, a.key, r.run_id, a.value, NULL::float8
		FROM compared AS r CROSS JOIN LATERAL jsonb_each(jsonb_build_object('algorithm', r.algorithm, 'target', r.target,
			'seed', r.seed, 'experiment', r.experiment, 'library_version', r.library_version, 'owner', r.owner::text, 'status', r.status)) AS a
		UNION ALL
		SELECT 'dataset', 4, 0, a.key, r.run_id, a.value, NULL
		FROM compared AS r JOIN mlops.datasets AS d USING (dataset_id)
		CROSS JOIN LATERAL jsonb_each(jsonb_build_object('source', coalesce(d.source, d.query), 'content_hash', d.content_hash,
			'rows', d.rows, 'positives', d.positives, 'train_rows', d.train_rows, 'validation_rows', d.validation_rows,
			'test_rows', d.test_rows, 'time_from', d.time_from, 'time_to', d.time_to, 'test_from', coalesce(to_jsonb(d.test_from), to_jsonb(d.test_number_from)),
			'test_to', coalesce(to_jsonb(d.test_to), to_jsonb(d.test_number_to)))) AS a
		UNION ALL
		SELECT 'param', 3, 0, p.name, p.run_id, mlops_catalog.typed(p.value), NULL FROM mlops.run_params AS p WHERE p.run_id = ANY (run_ids)
		UNION ALL
		SELECT 'metric', CASE WHEN last.name ~ '_ms$' OR last.name = 'peak_memory_bytes' THEN 8 WHEN last.place IS NOT NULL OR last.name LIKE 'test\_%' THEN 1 ELSE 6 END,
			coalesce(last.place, 1000), last.name, last.run_id, to_jsonb(last.value), last.value
		FROM (SELECT DISTINCT ON (m.run_id, m.name) m.run_id, m.name, m.value,
				array_position(mlops_catalog.metric_names(), regexp_replace(m.name, '^test_', '')) AS place
			FROM mlops.run_metrics AS m WHERE m.run_id = ANY (run_ids) ORDER BY m.run_id, m.name, m.step DESC) AS last
		UNION ALL
		SELECT 'tag', 7, 0, t.key, r.run_id, t.value, NULL FROM compared AS r CROSS JOIN LATERAL jsonb_each(r.tags) AS t),
	-- how many of the runs could have it
	concerned AS (
		SELECT l.name, sum(l.of_learner) AS n FROM (SELECT DISTINCT i.name, c.algorithm, c.of_learner
			FROM item AS i JOIN compared AS c USING (run_id) WHERE i.kind = 'param') AS l GROUP BY l.name)
	SELECT i.kind, i.name, d.differs, jsonb_object_agg(i.run_id, i.value ORDER BY i.run_id), max(i.number) - min(i.number)
	FROM item AS i
	JOIN (SELECT x.kind, x.name, count(DISTINCT coalesce(x.value, 'null')) > 1
			OR count(*) < CASE x.kind WHEN 'param' THEN (SELECT c.n FROM concerned AS c WHERE c.name = x.name) ELSE (SELECT c.n FROM compared AS c LIMIT 1) END AS differs
		FROM item AS x GROUP BY x.kind, x.name) AS d USING (kind, name)
	GROUP BY i.kind, i.rank, i.place, i.name, d.differs
	ORDER BY i.rank = 8, NOT d.differs, i.rank, i.place, i.name
$$;
COMMENT ON FUNCTION mlops_catalog.side_by_side(bigint[]) IS 'What mlops.compare_runs returns';

-- Rows were the same if the data was and they were chosen in the same way: by
-- time, or at random by the seed.  The hash is of the columns that were read, so
-- that of other columns it tells nothing.
CREATE FUNCTION mlops_catalog.tell_of_test_rows(run_ids bigint[], what text, hint text, paired boolean) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	differing text;
	same_columns boolean;
BEGIN
	WITH judged AS (
		SELECT d.*, CASE WHEN coalesce(d.test_from::text, d.test_number_from::text) IS NULL THEN r.seed END AS drawn_by
		FROM mlops.runs AS r JOIN mlops.datasets AS d USING (dataset_id) WHERE r.run_id = ANY (run_ids) AND d.test_rows > 0)
	SELECT string_agg(v.key, ', ' ORDER BY v.place), (SELECT count(DISTINCT (SELECT array_agg(c ->> 'name' ORDER BY c ->> 'name') FROM jsonb_array_elements(j.columns) AS c)) = 1 FROM judged AS j)
		INTO differing, same_columns
	FROM (SELECT v.key, v.place FROM judged AS j, LATERAL (VALUES (1, 'content_hash', j.content_hash), (2, 'rows', j.rows::text), (3, 'positives', j.positives::text),
			(4, 'test_from', coalesce(j.test_from::text, j.test_number_from::text)), (5, 'test_to', coalesce(j.test_to::text, j.test_number_to::text)),
			(6, 'test_rows', j.test_rows::text), (7, 'seed', j.drawn_by::text)) AS v(place, key, value)
		GROUP BY v.key, v.place HAVING count(DISTINCT coalesce(v.value, CASE WHEN v.key <> 'seed' THEN '' END)) > 1) AS v;
	IF differing IS NULL THEN
		RETURN;
	ELSIF paired THEN
		RAISE NOTICE '% were not judged on the same rows when they were trained', what
			USING DETAIL = format('They differ in %s: only metrics of kind "metric on the same rows" are comparable.', differing);
	ELSIF differing = 'content_hash' AND NOT same_columns THEN
		RAISE NOTICE '% read different columns', what
			USING DETAIL = 'Their test rows are as many and were chosen alike, but nothing shows that they are the same rows.', HINT = hint;
	ELSE
		RAISE WARNING '% were not judged on the same rows', what
			USING DETAIL = format('They differ in %s: their metrics are not comparable.', differing), HINT = hint;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_test_rows(bigint[], text, text, boolean) IS 'Warns if runs were judged on different rows';

CREATE FUNCTION mlops.compare_runs(run_ids bigint[])
	RETURNS TABLE (kind text, name text, differs boolean, "values" jsonb, spread float8)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.compare_runs(bigint[]) IS
	'Runs side by side: metrics, parameters, data set, attributes and tags, first those in which they differ, metrics of test rows before all; values by run, numbers as numbers. Warns if they were judged on different rows';
CREATE FUNCTION mlops_catalog.compare_runs(run_ids bigint[])
	RETURNS TABLE (kind text, name text, differs boolean, "values" jsonb, spread float8)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing bigint;
BEGIN
	SELECT k.id INTO missing FROM unnest(compare_runs.run_ids) WITH ORDINALITY AS k(id, place)
		WHERE NOT EXISTS (SELECT FROM mlops.runs AS r WHERE r.run_id = k.id) ORDER BY k.place LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'run % does not exist', coalesce(missing::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.runs lists the runs there are.';
	END IF;
	PERFORM mlops_catalog.tell_of_test_rows(compare_runs.run_ids, 'these runs',
		'mlops.compare(model, versions, query => ...) judges versions of a model on the same rows, mlops.evaluate any version.', false);
	RETURN QUERY SELECT * FROM mlops_catalog.side_by_side(compare_runs.run_ids);
END
$$;

CREATE FUNCTION mlops.compare(model text, versions int[] DEFAULT NULL, source regclass DEFAULT NULL, query text DEFAULT NULL,
	search_path text DEFAULT pg_catalog.current_setting('search_path'))
	RETURNS TABLE (kind text, name text, differs boolean, "values" jsonb, spread float8)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 100 AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.compare(text, int[], regclass, text, text) IS
	'Versions of a model side by side (all of them if versions is not given), first what they differ in; values by version, numbers as numbers. With source or query each version is judged on these labelled rows, in kind "metric on the same rows"';

-- As its caller, with the search_path that names in the query are meant by.
CREATE FUNCTION mlops_catalog.judge_on_same_rows(model text, versions int[], source regclass, query text, search_path text)
	RETURNS TABLE (version int, metrics jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	rows jsonb;
BEGIN
	FOREACH version IN ARRAY judge_on_same_rows.versions LOOP
		PERFORM set_config('search_path', judge_on_same_rows.search_path, true);
		EXECUTE 'SELECT pg_catalog.to_jsonb(e) OPERATOR(pg_catalog.-) ''segment'' FROM mlops.evaluate($1, source => $2, query => $3) AS e'
			INTO metrics USING judge_on_same_rows.model OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) version::pg_catalog.text, judge_on_same_rows.source, judge_on_same_rows.query;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		IF rows <> jsonb_build_array(metrics -> 'rows', metrics -> 'positives') THEN
			RAISE EXCEPTION 'the rows are not the same for all versions'
				USING ERRCODE = 'object_not_in_prerequisite_state',
					DETAIL = format('Version %s was judged on %s rows with %s positives, version %s on %s with %s.', judge_on_same_rows.versions[1], rows -> 0, rows -> 1,
						version, metrics -> 'rows', metrics -> 'positives'),
					HINT = 'Give a query that reads the same rows each time, or a table that nobody writes to, such as one of mlops.snapshot.';
		END IF;
		rows := jsonb_build_array(metrics -> 'rows', metrics -> 'positives');
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.judge_on_same_rows(text, int[], regclass, text, text) IS 'Metrics of versions on labelled rows; an error if these differ in number';

CREATE FUNCTION mlops_catalog.compare(model text, versions int[], source regclass, query text, search_path text)
	RETURNS TABLE (kind text, name text, differs boolean, "values" jsonb, spread float8)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	missing int;
	chosen int[];
	run_ids bigint[];
	questions text;
	paired boolean := compare.source IS NOT NULL OR compare.query IS NOT NULL;
BEGIN
	PERFORM mlops_catalog.require_seen(compare.model);
	IF cardinality(compare.versions) = 0 THEN
		RAISE EXCEPTION '"versions" names no version' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out to compare all versions.';
	END IF;
	IF cardinality(compare.versions) > (SELECT count(DISTINCT v) FROM unnest(compare.versions) AS v) AND array_position(compare.versions, NULL) IS NULL THEN
		RAISE EXCEPTION '"versions" names a version twice' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT v INTO missing FROM unnest(compare.versions) AS v WHERE NOT EXISTS (SELECT FROM mlops.versions AS x WHERE x.model = compare.model AND x.version = v) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'version % of model "%" does not exist', coalesce(missing::text, 'NULL'), compare.model
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.versions lists the versions there are.';
	END IF;
	SELECT array_agg(x.version ORDER BY x.version), array_agg(x.run_id ORDER BY x.version) INTO chosen, run_ids
		FROM mlops.versions AS x WHERE x.model = compare.model AND (compare.versions IS NULL OR x.version = ANY (compare.versions));
	PERFORM mlops_catalog.tell_of_test_rows(run_ids, format('these versions of model "%s"', compare.model),
		format('SELECT * FROM mlops.compare(%L, %L, query => ...) judges them on the same rows.', compare.model, chosen), paired);
	IF paired THEN
		SELECT string_agg(format('version %s predicts %s', q.version, q.question), ', ' ORDER BY q.version) INTO questions
			FROM (SELECT min(x.version) AS version, mlops_catalog.question(x.target, x.positive) AS question FROM mlops.versions AS x
				WHERE x.model = compare.model AND x.version = ANY (chosen) GROUP BY 2) AS q HAVING count(*) > 1;
		IF questions IS NOT NULL THEN
			RAISE EXCEPTION 'the versions of model "%" predict different things', compare.model
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = upper(left(questions, 1)) || substr(questions, 2) || '.',
					HINT = format('Name versions that predict the same, or compare without rows: SELECT * FROM mlops.compare(%L, %L);', compare.model, chosen);
		END IF;
		RETURN QUERY
		WITH judged AS MATERIALIZED (
			SELECT j.version, m.key, m.value FROM mlops_catalog.judge_on_same_rows(compare.model, chosen, compare.source, compare.query, compare.search_path) AS j
			CROSS JOIN LATERAL jsonb_each(j.metrics) AS m WHERE jsonb_typeof(m.value) IN ('number', 'null'))
		SELECT 'metric on the same rows', j.key, count(DISTINCT j.value) > 1, jsonb_object_agg(j.version, j.value ORDER BY j.version),
			max((j.value #>> '{}')::float8) - min((j.value #>> '{}')::float8)
		FROM judged AS j GROUP BY j.key ORDER BY count(DISTINCT j.value) = 1, array_position(mlops_catalog.metric_names(), j.key), j.key;
	END IF;
	RETURN QUERY
	SELECT c.kind, c.name, c.differs,
		(SELECT jsonb_object_agg(v, c."values" -> id::text ORDER BY v) FROM unnest(chosen, run_ids) AS k(v, id) WHERE c."values" ? id::text),
		c.spread
	FROM mlops_catalog.side_by_side(run_ids) WITH ORDINALITY AS c ORDER BY c.ordinality;
END
$$;
