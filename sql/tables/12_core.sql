-- Experiments, runs, models, versions and what answers.  Singular names; every
-- table and sequence is marked for dump; nothing is granted: people read the views
-- of schema mlops.

CREATE TABLE mlops_catalog.experiment (
	experiment_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT experiment_pkey PRIMARY KEY,
	name text NOT NULL CONSTRAINT experiment_name_key UNIQUE,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	deleted_at timestamptz
);
COMMENT ON TABLE mlops_catalog.experiment IS 'A named group of runs; a model''s own name unless the training names another';
COMMENT ON COLUMN mlops_catalog.experiment.experiment_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.experiment.name IS 'Unique name';
COMMENT ON COLUMN mlops_catalog.experiment.owner IS 'Role that created it';
COMMENT ON COLUMN mlops_catalog.experiment.created_at IS 'When its first run was recorded';
COMMENT ON COLUMN mlops_catalog.experiment.deleted_at IS 'When it was marked deleted, with its runs';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.experiment', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.experiment_experiment_id_seq', '');

CREATE TABLE mlops_catalog.dataset (
	dataset_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT dataset_pkey PRIMARY KEY,
	source text,
	query text NOT NULL,
	content_hash text NOT NULL,
	rows bigint NOT NULL,
	positives bigint NOT NULL,
	unlabelled bigint NOT NULL,
	train_rows bigint NOT NULL,
	validation_rows bigint NOT NULL,
	test_rows bigint NOT NULL,
	time_column name,
	time_from timestamp,
	time_to timestamp,
	time_zone text NOT NULL,
	columns jsonb NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	search_path text,
	test_from float8,
	test_to float8,
	tables jsonb,
	settings jsonb,
	recorded_by regrole
);
COMMENT ON TABLE mlops_catalog.dataset IS 'What a run read: the query, its columns, counts, time range and content hash';
COMMENT ON COLUMN mlops_catalog.dataset.dataset_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.dataset.source IS 'Table or view read, NULL for a query';
COMMENT ON COLUMN mlops_catalog.dataset.query IS 'Query that was run';
COMMENT ON COLUMN mlops_catalog.dataset.content_hash IS '128-bit hash of all values read, independent of the order of rows';
COMMENT ON COLUMN mlops_catalog.dataset.rows IS 'Rows read';
COMMENT ON COLUMN mlops_catalog.dataset.positives IS 'Rows with a positive label';
COMMENT ON COLUMN mlops_catalog.dataset.unlabelled IS 'Rows without a label, left out';
COMMENT ON COLUMN mlops_catalog.dataset.train_rows IS 'Rows learned from';
COMMENT ON COLUMN mlops_catalog.dataset.validation_rows IS 'Rows for early stopping and the threshold';
COMMENT ON COLUMN mlops_catalog.dataset.test_rows IS 'Rows judged on';
COMMENT ON COLUMN mlops_catalog.dataset.time_column IS 'Column the split was made by, NULL if none';
COMMENT ON COLUMN mlops_catalog.dataset.time_from IS 'Earliest time, in time_zone';
COMMENT ON COLUMN mlops_catalog.dataset.time_to IS 'Latest time, in time_zone';
COMMENT ON COLUMN mlops_catalog.dataset.time_zone IS 'Time zone that hours and weekdays were taken in';
COMMENT ON COLUMN mlops_catalog.dataset.columns IS 'Columns read: name, type and kind; of target, key, time, weight, fold and costs also what the labelled rows had in them';
COMMENT ON COLUMN mlops_catalog.dataset.created_at IS 'When it was read';
COMMENT ON COLUMN mlops_catalog.dataset.search_path IS 'search_path that names in the query were resolved by';
COMMENT ON COLUMN mlops_catalog.dataset.test_from IS 'Earliest time of the rows judged on: seconds since 1970 in time_zone, or the number in a numeric time column';
COMMENT ON COLUMN mlops_catalog.dataset.test_to IS 'Latest time of the rows judged on';
COMMENT ON COLUMN mlops_catalog.dataset.tables IS 'Tables and views behind the source, with their columns and types then';
COMMENT ON COLUMN mlops_catalog.dataset.settings IS 'Other settings that give the query its meaning, NULL: not recorded';
COMMENT ON COLUMN mlops_catalog.dataset.recorded_by IS 'Role whose text the query is: what repeats a training keeps the first one''s, NULL: not recorded';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.dataset', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.dataset_dataset_id_seq', '');

CREATE TABLE mlops_catalog.model (
	model_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT model_pkey PRIMARY KEY,
	name text NOT NULL CONSTRAINT model_name_key UNIQUE
		CONSTRAINT model_name_check CHECK (name OPERATOR(pg_catalog.~) '^[a-z0-9_][a-z0-9_.-]{0,62}$'),
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	description text,
	limits text,
	tags jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE mlops_catalog.model IS 'A name under which versions are registered and deployed';
COMMENT ON COLUMN mlops_catalog.model.model_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.model.name IS 'Unique name';
COMMENT ON COLUMN mlops_catalog.model.owner IS 'Role whose members may do everything with it';
COMMENT ON COLUMN mlops_catalog.model.created_at IS 'When its first version was registered';
COMMENT ON COLUMN mlops_catalog.model.description IS 'What it is for';
COMMENT ON COLUMN mlops_catalog.model.limits IS 'What it must not be used for, and where it is weak';
COMMENT ON COLUMN mlops_catalog.model.tags IS 'Free keys and values';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.model', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.model_model_id_seq', '');

CREATE TABLE mlops_catalog.run (
	run_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT run_pkey PRIMARY KEY,
	experiment_id bigint NOT NULL CONSTRAINT run_experiment_id_fkey REFERENCES mlops_catalog.experiment,
	model text,
	version int,
	algorithm text,
	status text NOT NULL CONSTRAINT run_status_check CHECK (status OPERATOR(pg_catalog.=) ANY (ARRAY['running', 'finished', 'failed'])),
	dataset_id bigint CONSTRAINT run_dataset_id_fkey REFERENCES mlops_catalog.dataset,
	seed bigint,
	target name,
	tags jsonb NOT NULL DEFAULT '{}',
	library_version text NOT NULL,
	owner regrole NOT NULL,
	started_at timestamptz NOT NULL,
	ended_at timestamptz,
	name text,
	note text,
	parent_run_id bigint,
	request jsonb,
	deleted_at timestamptz,
	findings jsonb,
	model_dropped boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE mlops_catalog.run IS 'One training, or what people log themselves: what was asked, on what data, by whom';
COMMENT ON COLUMN mlops_catalog.run.run_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.run.experiment_id IS 'Experiment it belongs to';
COMMENT ON COLUMN mlops_catalog.run.model IS 'Model it was for';
COMMENT ON COLUMN mlops_catalog.run.version IS 'Version it produced';
COMMENT ON COLUMN mlops_catalog.run.algorithm IS 'Learner';
COMMENT ON COLUMN mlops_catalog.run.status IS 'running, finished or failed';
COMMENT ON COLUMN mlops_catalog.run.dataset_id IS 'Data it read';
COMMENT ON COLUMN mlops_catalog.run.seed IS 'Seed of all random numbers';
COMMENT ON COLUMN mlops_catalog.run.target IS 'Column that was learned';
COMMENT ON COLUMN mlops_catalog.run.tags IS 'Free keys and values';
COMMENT ON COLUMN mlops_catalog.run.library_version IS 'Version of mlops that ran it';
COMMENT ON COLUMN mlops_catalog.run.owner IS 'Role that ran it';
COMMENT ON COLUMN mlops_catalog.run.model_dropped IS 'Was the model dropped? Another one may have its name since, which this run is none of';
COMMENT ON COLUMN mlops_catalog.run.started_at IS 'When it began';
COMMENT ON COLUMN mlops_catalog.run.ended_at IS 'When it ended';
COMMENT ON COLUMN mlops_catalog.run.name IS 'Name that people gave it';
COMMENT ON COLUMN mlops_catalog.run.note IS 'What people noted about it';
COMMENT ON COLUMN mlops_catalog.run.parent_run_id IS 'Run that it is a part of';
COMMENT ON COLUMN mlops_catalog.run.request IS 'Arguments of the training, as they were given';
COMMENT ON COLUMN mlops_catalog.run.deleted_at IS 'When it was marked deleted';
COMMENT ON COLUMN mlops_catalog.run.findings IS 'Columns that were left out (identifier, constant, type, filled), lumped or suspected, and values of the target that count as negative: objects of column, finding and detail';
CREATE INDEX run_model_idx ON mlops_catalog.run (model, version);
CREATE INDEX run_parent_run_id_idx ON mlops_catalog.run (parent_run_id);
CREATE INDEX run_experiment_id_idx ON mlops_catalog.run (experiment_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.run', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.run_run_id_seq', '');

CREATE TABLE mlops_catalog.run_param (
	run_id bigint NOT NULL CONSTRAINT run_param_run_id_fkey REFERENCES mlops_catalog.run ON DELETE CASCADE,
	name text NOT NULL,
	value text NOT NULL,
	CONSTRAINT run_param_pkey PRIMARY KEY (run_id, name)
);
COMMENT ON TABLE mlops_catalog.run_param IS 'Parameters of runs, defaults filled in';
COMMENT ON COLUMN mlops_catalog.run_param.run_id IS 'Run';
COMMENT ON COLUMN mlops_catalog.run_param.name IS 'Parameter';
COMMENT ON COLUMN mlops_catalog.run_param.value IS 'Value as text';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.run_param', '');

CREATE TABLE mlops_catalog.run_metric (
	run_id bigint NOT NULL CONSTRAINT run_metric_run_id_fkey REFERENCES mlops_catalog.run ON DELETE CASCADE,
	name text NOT NULL,
	step int NOT NULL DEFAULT 0,
	value float8,
	recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT run_metric_pkey PRIMARY KEY (run_id, name, step)
);
COMMENT ON TABLE mlops_catalog.run_metric IS 'Metrics of runs: on validation and test, timings, learning curves';
COMMENT ON COLUMN mlops_catalog.run_metric.run_id IS 'Run';
COMMENT ON COLUMN mlops_catalog.run_metric.name IS 'Metric, e.g. test_pr_auc or fit_ms';
COMMENT ON COLUMN mlops_catalog.run_metric.step IS 'Round of a learning curve, 0 for single values';
COMMENT ON COLUMN mlops_catalog.run_metric.value IS 'Value; NULL where it is not defined';
COMMENT ON COLUMN mlops_catalog.run_metric.recorded_at IS 'When it was recorded';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.run_metric', '');

-- Who is behind a role: the one that the session was opened as.
CREATE FUNCTION mlops_catalog.person() RETURNS regrole
	LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'mlops_person';
COMMENT ON FUNCTION mlops_catalog.person() IS 'Role that the session was opened as, whatever role it has taken since; in a job, that of the session that submitted it';

CREATE FUNCTION mlops_catalog.in_person() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'mlops_in_person';
COMMENT ON FUNCTION mlops_catalog.in_person() IS 'Does the person, known, ask by a statement of his own? Not in what a trigger, or a function with rights of its owner, does, nor in a session that a background worker opened for nobody';

CREATE TABLE mlops_catalog.model_version (
	version_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT model_version_pkey PRIMARY KEY,
	model_id bigint NOT NULL CONSTRAINT model_version_model_id_fkey REFERENCES mlops_catalog.model,
	version int NOT NULL,
	threshold float8 NOT NULL,
	size bigint NOT NULL,
	sha256 bytea NOT NULL,
	algorithm text NOT NULL,
	run_id bigint NOT NULL CONSTRAINT model_version_run_id_fkey REFERENCES mlops_catalog.run,
	target name NOT NULL,
	positive text,
	signature jsonb NOT NULL,
	metrics jsonb NOT NULL,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	stage text NOT NULL DEFAULT 'none'
		CONSTRAINT model_version_stage_check CHECK (stage OPERATOR(pg_catalog.=) ANY (ARRAY['none', 'staging', 'production', 'archived'])),
	description text,
	tags jsonb NOT NULL DEFAULT '{}',
	dropped_at timestamptz,
	person regrole NOT NULL DEFAULT mlops_catalog.person(),
	in_person boolean NOT NULL DEFAULT mlops_catalog.in_person(),
	CONSTRAINT model_version_model_id_version_key UNIQUE (model_id, version)
);
COMMENT ON TABLE mlops_catalog.model_version IS 'An immutable version of a model';
COMMENT ON COLUMN mlops_catalog.model_version.version_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.model_version.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.model_version.version IS 'Number within the model, from 1; rows of dropped versions stay, so that none is given twice';
COMMENT ON COLUMN mlops_catalog.model_version.threshold IS 'Scores at or above it are flagged';
COMMENT ON COLUMN mlops_catalog.model_version.size IS 'Bytes of the model';
COMMENT ON COLUMN mlops_catalog.model_version.sha256 IS 'SHA-256 of the model''s bytes: the version''s identity';
COMMENT ON COLUMN mlops_catalog.model_version.algorithm IS 'Learner';
COMMENT ON COLUMN mlops_catalog.model_version.run_id IS 'Run that produced it';
COMMENT ON COLUMN mlops_catalog.model_version.target IS 'Column it was trained to predict';
COMMENT ON COLUMN mlops_catalog.model_version.positive IS 'Value of the target that counts as positive, NULL for booleans and 0/1';
COMMENT ON COLUMN mlops_catalog.model_version.signature IS 'Columns it reads: name and type';
COMMENT ON COLUMN mlops_catalog.model_version.metrics IS 'Metrics on the rows it was judged on';
COMMENT ON COLUMN mlops_catalog.model_version.owner IS 'Role that trained it';
COMMENT ON COLUMN mlops_catalog.model_version.created_at IS 'When it was registered';
COMMENT ON COLUMN mlops_catalog.model_version.stage IS 'none, staging, production or archived';
COMMENT ON COLUMN mlops_catalog.model_version.description IS 'What is particular about it';
COMMENT ON COLUMN mlops_catalog.model_version.tags IS 'Free keys and values';
COMMENT ON COLUMN mlops_catalog.model_version.person IS 'Role that the session was opened as in which it was trained: who is behind owner';
COMMENT ON COLUMN mlops_catalog.model_version.in_person IS 'Did person ask for it by a statement of his own? If not, whoever may take owner can be behind it';
COMMENT ON COLUMN mlops_catalog.model_version.dropped_at IS 'When its bytes were deleted; the row stays for the history of deployments';
CREATE UNIQUE INDEX model_version_production_key ON mlops_catalog.model_version (model_id)
	WHERE stage OPERATOR(pg_catalog.=) 'production';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.model_version', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.model_version_version_id_seq', '');

-- No foreign keys, triggers or sequences here, so that the bytes can become a
-- reference table of a distributed database.
CREATE TABLE mlops_catalog.model_artifact (
	version_id bigint NOT NULL,
	part int NOT NULL,
	data bytea NOT NULL,
	CONSTRAINT model_artifact_pkey PRIMARY KEY (version_id, part)
);
ALTER TABLE mlops_catalog.model_artifact ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE mlops_catalog.model_artifact IS 'Bytes of the versions, in parts of at most 64 MB';
COMMENT ON COLUMN mlops_catalog.model_artifact.version_id IS 'Version';
COMMENT ON COLUMN mlops_catalog.model_artifact.part IS 'Part, from 0';
COMMENT ON COLUMN mlops_catalog.model_artifact.data IS 'Bytes';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.model_artifact', '');

CREATE TABLE mlops_catalog.deployment (
	deployment_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT deployment_pkey PRIMARY KEY,
	model_id bigint NOT NULL CONSTRAINT deployment_model_id_fkey REFERENCES mlops_catalog.model,
	version_id bigint NOT NULL CONSTRAINT deployment_version_id_fkey REFERENCES mlops_catalog.model_version,
	action text NOT NULL CONSTRAINT deployment_action_check
		CHECK (action OPERATOR(pg_catalog.=) ANY (ARRAY['deploy', 'ramp', 'allocate', 'promote', 'pause', 'resume', 'abort', 'rollback', 'undeploy'])),
	strategy text NOT NULL CONSTRAINT deployment_strategy_check
		CHECK (strategy OPERATOR(pg_catalog.=) ANY (ARRAY['direct', 'canary', 'ab', 'shadow', 'champion_challenger', 'segment', 'bandit'])),
	threshold float8,
	note text,
	deployed_by regrole NOT NULL,
	deployed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	key name,
	guard jsonb NOT NULL DEFAULT '{}',
	ramp jsonb NOT NULL DEFAULT '[]',
	routes jsonb NOT NULL DEFAULT '[]',
	metric text NOT NULL DEFAULT 'precision',
	min_percent float8
);
COMMENT ON TABLE mlops_catalog.deployment IS 'Every change of what answers for a model; rows are only added';
COMMENT ON COLUMN mlops_catalog.deployment.deployment_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops_catalog.deployment.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.deployment.version_id IS 'Version it was about';
COMMENT ON COLUMN mlops_catalog.deployment.action IS 'deploy, ramp (next step), allocate (new shares of a bandit), promote, pause, resume, abort, rollback or undeploy (nothing answers)';
COMMENT ON COLUMN mlops_catalog.deployment.strategy IS 'How traffic was moved';
COMMENT ON COLUMN mlops_catalog.deployment.threshold IS 'Threshold in place of the version''s own, NULL: its own';
COMMENT ON COLUMN mlops_catalog.deployment.note IS 'Why';
COMMENT ON COLUMN mlops_catalog.deployment.deployed_by IS 'Who';
COMMENT ON COLUMN mlops_catalog.deployment.deployed_at IS 'When';
COMMENT ON COLUMN mlops_catalog.deployment.key IS 'Column whose hash chooses the variant';
COMMENT ON COLUMN mlops_catalog.deployment.guard IS 'What must hold while it runs; see mlops.deploy';
COMMENT ON COLUMN mlops_catalog.deployment.ramp IS 'Steps of its traffic: percent, wait and guard of each';
COMMENT ON COLUMN mlops_catalog.deployment.metric IS 'What its variants are compared by';
COMMENT ON COLUMN mlops_catalog.deployment.min_percent IS 'Least share of each variant of a bandit, NULL: 5, or half of an equal share if that is less';
COMMENT ON COLUMN mlops_catalog.deployment.routes IS 'What answered from then on: variant, version, kind, percent, threshold and rule';
CREATE INDEX deployment_model_id_idx ON mlops_catalog.deployment (model_id, deployment_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.deployment', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.deployment_deployment_id_seq', '');

CREATE TABLE mlops_catalog.deployment_route (
	model_id bigint NOT NULL CONSTRAINT deployment_route_model_id_fkey REFERENCES mlops_catalog.model,
	variant text NOT NULL,
	version_id bigint NOT NULL CONSTRAINT deployment_route_version_id_fkey REFERENCES mlops_catalog.model_version,
	percent float8 NOT NULL CONSTRAINT deployment_route_percent_check CHECK (percent OPERATOR(pg_catalog.>=) 0 AND percent OPERATOR(pg_catalog.<=) 100),
	threshold float8,
	deployment_id bigint NOT NULL CONSTRAINT deployment_route_deployment_id_fkey REFERENCES mlops_catalog.deployment,
	kind text NOT NULL DEFAULT 'share' CONSTRAINT deployment_route_kind_check CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['segment', 'share', 'shadow'])),
	"position" int NOT NULL DEFAULT 0,
	key name,
	rule jsonb,
	paused boolean NOT NULL DEFAULT false,
	rule_types jsonb,
	CONSTRAINT deployment_route_pkey PRIMARY KEY (model_id, variant),
	CONSTRAINT deployment_route_rule_check CHECK ((kind OPERATOR(pg_catalog.=) 'segment') OPERATOR(pg_catalog.=) (rule IS NOT NULL))
);
COMMENT ON TABLE mlops_catalog.deployment_route IS 'Where scores come from now';
COMMENT ON COLUMN mlops_catalog.deployment_route.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.deployment_route.variant IS 'Name of the variant; primary for what answers when nothing else does';
COMMENT ON COLUMN mlops_catalog.deployment_route.version_id IS 'Version that answers';
COMMENT ON COLUMN mlops_catalog.deployment_route.percent IS 'Share of traffic, in percent; 0 for segments and shadows';
COMMENT ON COLUMN mlops_catalog.deployment_route.threshold IS 'Threshold in place of the version''s own, NULL: its own';
COMMENT ON COLUMN mlops_catalog.deployment_route.deployment_id IS 'Deployment that put it there';
COMMENT ON COLUMN mlops_catalog.deployment_route.kind IS 'segment: rows that fit the rule; share: of all others, by a hash of the key; shadow: scored and logged, never returned';
COMMENT ON COLUMN mlops_catalog.deployment_route.position IS 'Order in which rules are tried and shares are laid out';
COMMENT ON COLUMN mlops_catalog.deployment_route.key IS 'Column whose hash chooses the share, and that decisions are logged with';
COMMENT ON COLUMN mlops_catalog.deployment_route.paused IS 'Is it a shadow that is not scored until it is resumed?';
COMMENT ON COLUMN mlops_catalog.deployment_route.rule IS 'Columns and the value, or list of values, that each must have';
COMMENT ON COLUMN mlops_catalog.deployment_route.rule_types IS 'Types of those columns, as far as they were recorded; values in JSON are read by them';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.deployment_route', '');
