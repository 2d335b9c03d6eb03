-- Decisions since ever, for counters that never fall.

-- Decisions up to "until" are in the totals for good, also when their days are
-- removed; those after it are counted at each look.  So a look costs what is new.
CREATE TABLE mlops_catalog.decision_count (
	one boolean CONSTRAINT decision_count_pkey PRIMARY KEY DEFAULT true CONSTRAINT decision_count_one_check CHECK (one),
	until timestamptz NOT NULL
);
COMMENT ON TABLE mlops_catalog.decision_count IS 'How far decisions have been counted; one row at most';
COMMENT ON COLUMN mlops_catalog.decision_count.one IS 'The only row';
COMMENT ON COLUMN mlops_catalog.decision_count.until IS 'Decisions made before are in decision_total';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.decision_count', '');

CREATE TABLE mlops_catalog.decision_total (
	model_id bigint NOT NULL CONSTRAINT decision_total_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	version int NOT NULL,
	variant text NOT NULL,
	shadow boolean NOT NULL,
	bucket int NOT NULL,
	decisions bigint NOT NULL,
	flagged bigint NOT NULL,
	errors bigint NOT NULL,
	nanoseconds numeric NOT NULL,
	last_at timestamptz NOT NULL,
	CONSTRAINT decision_total_pkey PRIMARY KEY (model_id, version, variant, shadow, bucket)
);
COMMENT ON TABLE mlops_catalog.decision_total IS 'Decisions since ever, by what scored and how long it took';
COMMENT ON COLUMN mlops_catalog.decision_total.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.decision_total.version IS 'Version that scored, 0 where none could be chosen';
COMMENT ON COLUMN mlops_catalog.decision_total.variant IS 'Variant, empty for a version asked for by number and where none could be chosen';
COMMENT ON COLUMN mlops_catalog.decision_total.shadow IS 'Was it scored beside the answer?';
COMMENT ON COLUMN mlops_catalog.decision_total.bucket IS 'Number of bounds of mlops_catalog.latency_bounds() that its latency is above';
COMMENT ON COLUMN mlops_catalog.decision_total.decisions IS 'Decisions, without those that failed';
COMMENT ON COLUMN mlops_catalog.decision_total.flagged IS 'Of these, flagged';
COMMENT ON COLUMN mlops_catalog.decision_total.errors IS 'Rows that could not be scored';
COMMENT ON COLUMN mlops_catalog.decision_total.nanoseconds IS 'What scoring the decisions took: a whole number, so that sums are exact and never fall';
COMMENT ON COLUMN mlops_catalog.decision_total.last_at IS 'When the last one was made';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.decision_total', '');
