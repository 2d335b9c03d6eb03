-- Cross-validation.

CREATE FUNCTION mlops_catalog.record_validation(caller regrole, details jsonb, tags jsonb) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new_dataset bigint := mlops_catalog.insert_dataset(caller, details -> 'dataset');
	new_run bigint;
BEGIN
	INSERT INTO mlops_catalog.run (experiment_id, model, algorithm, status, dataset_id, seed, target, tags,
			library_version, owner, started_at, ended_at)
		VALUES (mlops_catalog.open_experiment(caller, details ->> 'experiment', true), details ->> 'model', details ->> 'algorithm', 'finished', new_dataset,
			(details ->> 'seed')::bigint, (details ->> 'target')::name,
			record_validation.tags || jsonb_build_object('cross_validation', details -> 'params' ->> 'folds_kind'),
			details ->> 'library_version', caller, (details ->> 'started_at')::timestamptz, clock_timestamp())
		RETURNING run_id INTO new_run;
	INSERT INTO mlops_catalog.run_param (run_id, name, value)
		SELECT new_run, key, value FROM jsonb_each_text(details -> 'params');
	INSERT INTO mlops_catalog.run_metric (run_id, name, step, value)
		SELECT new_run, f ->> 0, (f ->> 1)::int, (f ->> 2)::float8 FROM jsonb_array_elements(details -> 'metrics') AS f;
	RETURN new_run;
END
$$;
COMMENT ON FUNCTION mlops_catalog.record_validation(regrole, jsonb, jsonb) IS 'Records a cross-validation as a run';

CREATE FUNCTION mlops.cross_validate(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	target name DEFAULT NULL,
	algorithm text DEFAULT 'gradient_boosting',
	folds int DEFAULT 5,
	kind text DEFAULT NULL,
	group_by name DEFAULT NULL,
	label_delay interval DEFAULT NULL,
	parallel int DEFAULT NULL,
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
	seed bigint DEFAULT 42)
	RETURNS TABLE (fold text, train_rows bigint, validation_rows bigint, test_rows bigint, positives bigint,
		pr_auc float8, roc_auc float8, log_loss float8, brier float8, ks float8, threshold_chosen float8,
		accuracy float8, "precision" float8, recall float8, f1 float8, mcc float8, false_positive_rate float8,
		alert_rate float8, expected_cost float8, iterations float8, fold_ms float8, run_id bigint, recall_at_fpr float8)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 7
	AS 'MODULE_PATHNAME', 'mlops_cross_validate';
COMMENT ON FUNCTION mlops.cross_validate(text, regclass, text, name, text, int, text, name, interval, int, name[], name[], name, name, name, text, jsonb, jsonb, jsonb, text, jsonb, text, jsonb, bigint) IS
	'Trains on folds, in parallel background workers if there is room, and judges each fold on rows it has not seen. Returns a row for each fold, then mean and std (sample standard deviation); records a run, registers nothing';
