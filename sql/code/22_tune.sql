-- Tuning: studies and their trials.

-- A trial counts as long as its run has not been deleted.
CREATE VIEW mlops_catalog.counted_trial AS
SELECT t.* FROM mlops_catalog.trial t
WHERE EXISTS (SELECT FROM mlops_catalog.run r WHERE r.run_id OPERATOR(pg_catalog.=) t.run_id AND r.deleted_at IS NULL);
COMMENT ON VIEW mlops_catalog.counted_trial IS 'Trials whose runs have not been deleted';
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT attname, pg_catalog.col_description(attrelid, attnum) AS comment FROM pg_catalog.pg_attribute
		WHERE attrelid OPERATOR(pg_catalog.=) 'mlops_catalog.trial'::pg_catalog.regclass AND attnum OPERATOR(pg_catalog.>) 0
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN mlops_catalog.counted_trial.%I IS %L', c.attname, c.comment);
	END LOOP;
END
$$;

CREATE FUNCTION mlops_catalog.insert_dataset(caller regrole, d jsonb) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new_dataset bigint;
BEGIN
	INSERT INTO mlops_catalog.dataset (source, query, content_hash, rows, positives, unlabelled, train_rows,
			validation_rows, test_rows, time_column, time_from, time_to, time_zone, columns, test_from, test_to,
			search_path, settings, tables, recorded_by)
		VALUES (d ->> 'source', d ->> 'query', d ->> 'content_hash', (d ->> 'rows')::bigint, (d ->> 'positives')::bigint,
			(d ->> 'unlabelled')::bigint, (d ->> 'train_rows')::bigint, (d ->> 'validation_rows')::bigint,
			(d ->> 'test_rows')::bigint, (d ->> 'time_column')::name,
			timestamp '1970-01-01' + (d ->> 'time_from')::float8 * interval '1 second',
			timestamp '1970-01-01' + (d ->> 'time_to')::float8 * interval '1 second',
			d ->> 'time_zone', d -> 'columns', (d ->> 'test_from')::float8, (d ->> 'test_to')::float8,
			d ->> 'search_path', d -> 'settings',
			mlops_catalog.describe_tables(ARRAY(SELECT value::oid FROM jsonb_array_elements_text(d -> 'relations'))), (d ->> 'recorded_by')::oid)
		RETURNING dataset_id INTO new_dataset;
	RETURN new_dataset;
END
$$;
COMMENT ON FUNCTION mlops_catalog.insert_dataset(regrole, jsonb) IS 'Records data that a tuning or a cross-validation read';

CREATE FUNCTION mlops_catalog.open_study(caller regrole, details jsonb) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_study bigint;
	new_dataset bigint;
BEGIN
	SELECT study_id INTO found_study FROM mlops_catalog.study WHERE identity = details ->> 'identity';
	IF FOUND THEN
		RETURN found_study;
	END IF;
	new_dataset := mlops_catalog.insert_dataset(caller, details -> 'dataset');
	INSERT INTO mlops_catalog.study (identity, experiment_id, model, dataset_id, method, pruner, space, folds, metric, maximise,
			seed, target, tags, owner)
		VALUES (details ->> 'identity', mlops_catalog.open_experiment(caller, details ->> 'experiment', true), details ->> 'model', new_dataset, details ->> 'method',
			details ->> 'pruner', details -> 'space', nullif(details -> 'folds', 'null'), details ->> 'metric', (details ->> 'maximise')::boolean,
			(details ->> 'seed')::bigint, (details ->> 'target')::name, details -> 'tags', caller)
		RETURNING study_id INTO found_study;
	RETURN found_study;
END
$$;
COMMENT ON FUNCTION mlops_catalog.open_study(regrole, jsonb) IS 'The study of an identity, made if there is none';

CREATE FUNCTION mlops_catalog.record_trial(caller regrole, of_study bigint, details jsonb) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s mlops_catalog.study;
	new_run bigint;
BEGIN
	SELECT * INTO STRICT s FROM mlops_catalog.study WHERE study_id = of_study;
	INSERT INTO mlops_catalog.run (experiment_id, model, algorithm, status, dataset_id, seed, target, tags,
			library_version, owner, started_at, ended_at)
		VALUES (s.experiment_id, s.model, details ->> 'algorithm',
			CASE WHEN details ->> 'state' = 'failed' THEN 'failed' ELSE 'finished' END,
			s.dataset_id, s.seed, s.target,
			s.tags || jsonb_build_object('study', of_study, 'trial', (details ->> 'number')::int, 'state', details ->> 'state'),
			details ->> 'library_version', caller, (details ->> 'started_at')::timestamptz, clock_timestamp())
		RETURNING run_id INTO new_run;
	INSERT INTO mlops_catalog.run_param (run_id, name, value)
		SELECT new_run, key, value FROM jsonb_each_text(details -> 'all_params');
	INSERT INTO mlops_catalog.run_metric (run_id, name, step, value)
		SELECT new_run, f ->> 0, (f ->> 1)::int, (f ->> 2)::float8 FROM jsonb_array_elements(details -> 'metrics') AS f;
	INSERT INTO mlops_catalog.trial (study_id, number, run_id, state, value, steps, algorithm, params, point, rungs, error,
			started_at, ended_at)
		VALUES (of_study, (details ->> 'number')::int, new_run, details ->> 'state', (details ->> 'value')::float8,
			(details ->> 'steps')::int, details ->> 'algorithm', details -> 'params',
			ARRAY(SELECT value::float8 FROM jsonb_array_elements_text(details -> 'point') WITH ORDINALITY AS p (value, i) ORDER BY i),
			ARRAY(SELECT value::float8 FROM jsonb_array_elements_text(details -> 'rungs') WITH ORDINALITY AS p (value, i) ORDER BY i),
			details ->> 'error', (details ->> 'started_at')::timestamptz, clock_timestamp())
		-- one whose run was deleted is tried again
		ON CONFLICT (study_id, number) DO UPDATE SET run_id = excluded.run_id, state = excluded.state, value = excluded.value,
			steps = excluded.steps, algorithm = excluded.algorithm, params = excluded.params, point = excluded.point,
			rungs = excluded.rungs, error = excluded.error, started_at = excluded.started_at, ended_at = excluded.ended_at;
	RETURN new_run;
END
$$;
COMMENT ON FUNCTION mlops_catalog.record_trial(regrole, bigint, jsonb) IS 'Records an ended trial and its run';

CREATE FUNCTION mlops.tune(
	INOUT model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	target name DEFAULT NULL,
	algorithm text DEFAULT 'gradient_boosting',
	space jsonb DEFAULT NULL,
	method text DEFAULT 'tpe',
	trials int DEFAULT 30,
	max_seconds int DEFAULT NULL,
	parallel int DEFAULT NULL,
	patience int DEFAULT NULL,
	pruner text DEFAULT 'none',
	folds int DEFAULT NULL,
	kind text DEFAULT NULL,
	group_by name DEFAULT NULL,
	label_delay interval DEFAULT NULL,
	features name[] DEFAULT NULL,
	exclude name[] DEFAULT NULL,
	key name DEFAULT NULL,
	time_column name DEFAULT NULL,
	weight name DEFAULT NULL,
	positive text DEFAULT NULL,
	params jsonb DEFAULT '{}',
	preprocess jsonb DEFAULT '{}',
	split jsonb DEFAULT '{}',
	metric text DEFAULT 'pr_auc',
	threshold jsonb DEFAULT '{"max": "f1"}',
	experiment text DEFAULT NULL,
	tags jsonb DEFAULT '{}',
	seed bigint DEFAULT 42,
	OUT version int,
	OUT run_id bigint,
	OUT metrics jsonb)
	RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000000
	AS 'MODULE_PATHNAME', 'mlops_tune';
COMMENT ON FUNCTION mlops.tune(text, regclass, text, name, text, jsonb, text, int, int, int, int, text, int, text, name, interval, name[], name[], name, name, name, text, jsonb, jsonb, jsonb, text, jsonb, text, jsonb, bigint) IS
	'Searches for the parameters that do best on the validation rows, or over folds of the training and validation rows; each trial is a run. Then trains with the best ones and registers the version; nothing is deployed';
