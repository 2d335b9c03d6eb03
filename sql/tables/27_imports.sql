-- Decisions that were made elsewhere or earlier, with their times.  They are apart
-- from the log: that is sealed, counted and guarded as what was decided here.

CREATE TABLE mlops_catalog.decision_import (
	import_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT decision_import_pkey PRIMARY KEY,
	model_id bigint NOT NULL CONSTRAINT decision_import_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	since timestamptz NOT NULL,
	until timestamptz NOT NULL,
	seen boolean NOT NULL DEFAULT false,
	imported_by regrole NOT NULL,
	imported_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.decision_import IS 'Calls of mlops.import_decisions that brought something, and of mlops.remove_imported_decisions that took something away';
COMMENT ON COLUMN mlops_catalog.decision_import.import_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.decision_import.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.decision_import.since IS 'Earliest decision';
COMMENT ON COLUMN mlops_catalog.decision_import.until IS 'Latest decision';
COMMENT ON COLUMN mlops_catalog.decision_import.seen IS 'Has the monitor looked again at the windows that it falls into?';
COMMENT ON COLUMN mlops_catalog.decision_import.imported_by IS 'Who imported';
COMMENT ON COLUMN mlops_catalog.decision_import.imported_at IS 'When';
CREATE INDEX decision_import_model_id_idx ON mlops_catalog.decision_import (model_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.decision_import', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.decision_import_import_id_seq', '');

CREATE TABLE mlops_catalog.imported_decision (
	model_id bigint NOT NULL CONSTRAINT imported_decision_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	key text NOT NULL,
	created_at timestamptz NOT NULL,
	version int NOT NULL,
	score float8 NOT NULL,
	flagged boolean NOT NULL,
	threshold float8,
	features jsonb,
	import_id bigint NOT NULL,
	CONSTRAINT imported_decision_pkey PRIMARY KEY (model_id, key, created_at, version)
);
COMMENT ON TABLE mlops_catalog.imported_decision IS 'Decisions that were made elsewhere or earlier';
COMMENT ON COLUMN mlops_catalog.imported_decision.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.imported_decision.key IS 'Key of the decision; of one longer than 1,000 bytes the beginning and its SHA-256';
COMMENT ON COLUMN mlops_catalog.imported_decision.created_at IS 'When it was made';
COMMENT ON COLUMN mlops_catalog.imported_decision.version IS 'Version that scored';
COMMENT ON COLUMN mlops_catalog.imported_decision.score IS 'Probability of the positive class';
COMMENT ON COLUMN mlops_catalog.imported_decision.flagged IS 'Was it flagged?';
COMMENT ON COLUMN mlops_catalog.imported_decision.threshold IS 'Threshold that it was flagged by, NULL: the source said whether it was';
COMMENT ON COLUMN mlops_catalog.imported_decision.features IS 'What the version reads, if mlops.log_features was on';
COMMENT ON COLUMN mlops_catalog.imported_decision.import_id IS 'Call that brought it, or changed it last';
CREATE INDEX imported_decision_created_at_idx ON mlops_catalog.imported_decision (created_at, model_id);	-- also for retention, which asks for no model
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.imported_decision', '');
