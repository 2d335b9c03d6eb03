-- Tuning: studies and their trials.

CREATE TABLE mlops_catalog.study (
	study_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT study_pkey PRIMARY KEY,
	identity text NOT NULL CONSTRAINT study_identity_key UNIQUE,
	experiment_id bigint NOT NULL CONSTRAINT study_experiment_id_fkey REFERENCES mlops_catalog.experiment,
	model text NOT NULL,
	dataset_id bigint NOT NULL CONSTRAINT study_dataset_id_fkey REFERENCES mlops_catalog.dataset,
	method text NOT NULL,
	pruner text NOT NULL,
	space jsonb NOT NULL,
	folds jsonb,
	metric text NOT NULL,
	maximise boolean NOT NULL,
	seed bigint NOT NULL,
	target name NOT NULL,
	tags jsonb NOT NULL,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	model_dropped boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE mlops_catalog.study IS 'A search for parameters: what was searched, on what data, by which method';
COMMENT ON COLUMN mlops_catalog.study.study_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.study.identity IS 'SHA-256 of everything that decides its trials: the same call finds it again';
COMMENT ON COLUMN mlops_catalog.study.experiment_id IS 'Experiment that its trials'' runs belong to';
COMMENT ON COLUMN mlops_catalog.study.model IS 'Model it is for';
COMMENT ON COLUMN mlops_catalog.study.dataset_id IS 'Data it read';
COMMENT ON COLUMN mlops_catalog.study.method IS 'Sampler: grid, random, tpe or gp';
COMMENT ON COLUMN mlops_catalog.study.pruner IS 'What stops poor trials early: none, median, asha or hyperband, or JSON with its name and settings';
COMMENT ON COLUMN mlops_catalog.study.space IS 'Search space';
COMMENT ON COLUMN mlops_catalog.study.folds IS 'How trials are judged by cross-validation; NULL: on the validation rows';
COMMENT ON COLUMN mlops_catalog.study.metric IS 'Metric that decides';
COMMENT ON COLUMN mlops_catalog.study.maximise IS 'Is more of it better?';
COMMENT ON COLUMN mlops_catalog.study.seed IS 'Seed of all random numbers';
COMMENT ON COLUMN mlops_catalog.study.target IS 'Column that is learned';
COMMENT ON COLUMN mlops_catalog.study.tags IS 'Free keys and values';
COMMENT ON COLUMN mlops_catalog.study.owner IS 'Role that ran it';
COMMENT ON COLUMN mlops_catalog.study.model_dropped IS 'Was that model dropped? Another one may have its name';
COMMENT ON COLUMN mlops_catalog.study.created_at IS 'When its first trial began';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.study', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.study_study_id_seq', '');

CREATE TABLE mlops_catalog.trial (
	study_id bigint NOT NULL CONSTRAINT trial_study_id_fkey REFERENCES mlops_catalog.study ON DELETE CASCADE,
	number int NOT NULL,
	run_id bigint CONSTRAINT trial_run_id_fkey REFERENCES mlops_catalog.run ON DELETE SET NULL,
	state text NOT NULL CONSTRAINT trial_state_check CHECK (state OPERATOR(pg_catalog.=) ANY ('{finished,pruned,failed}'::pg_catalog.text[])),
	value float8,
	steps int NOT NULL,
	algorithm text NOT NULL,
	params jsonb NOT NULL,
	point float8[] NOT NULL,
	rungs float8[] NOT NULL,
	error text,
	started_at timestamptz NOT NULL,
	ended_at timestamptz NOT NULL,
	CONSTRAINT trial_pkey PRIMARY KEY (study_id, number)
);
COMMENT ON TABLE mlops_catalog.trial IS 'Ended trials of studies';
COMMENT ON COLUMN mlops_catalog.trial.study_id IS 'Study';
COMMENT ON COLUMN mlops_catalog.trial.number IS 'Number in the study, from 0';
COMMENT ON COLUMN mlops_catalog.trial.run_id IS 'Run that records its parameters, metrics and curve';
COMMENT ON COLUMN mlops_catalog.trial.state IS 'finished, pruned or failed';
COMMENT ON COLUMN mlops_catalog.trial.value IS 'Metric on the validation rows, or its mean over the folds; of a pruned trial where it was stopped';
COMMENT ON COLUMN mlops_catalog.trial.steps IS 'Rounds or iterations it went, or folds';
COMMENT ON COLUMN mlops_catalog.trial.algorithm IS 'Learner';
COMMENT ON COLUMN mlops_catalog.trial.params IS 'Values of the parameters that are searched';
COMMENT ON COLUMN mlops_catalog.trial.point IS 'The same as the sampler''s point; NULL where a parameter does not exist';
COMMENT ON COLUMN mlops_catalog.trial.rungs IS 'What it reported to the pruner, by rung';
COMMENT ON COLUMN mlops_catalog.trial.error IS 'Why it failed';
COMMENT ON COLUMN mlops_catalog.trial.started_at IS 'When it began';
COMMENT ON COLUMN mlops_catalog.trial.ended_at IS 'When it ended';
CREATE INDEX trial_run_id_idx ON mlops_catalog.trial (run_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.trial', '');
