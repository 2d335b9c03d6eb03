-- Drift statistics, window by window.

CREATE TABLE mlops_catalog.drift_window (
	drift_window_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT drift_window_pkey PRIMARY KEY,
	model_id bigint NOT NULL CONSTRAINT drift_window_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	version int NOT NULL,
	window_start timestamptz,
	window_end timestamptz,
	rows bigint NOT NULL,
	place int NOT NULL,
	feature text NOT NULL,
	kind text NOT NULL CONSTRAINT drift_window_kind_check CHECK (kind OPERATOR(pg_catalog.=) ANY ('{number,category,time,score}'::pg_catalog.text[])),
	test text NOT NULL,
	statistic float8,
	p_value float8,
	threshold float8 NOT NULL,
	drifted boolean,
	recorded_by regrole NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.drift_window IS 'Drift of a window of time from a version''s training baseline: a row for each test of each feature';
COMMENT ON COLUMN mlops_catalog.drift_window.drift_window_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.drift_window.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.drift_window.version IS 'Version whose baseline it was compared with';
COMMENT ON COLUMN mlops_catalog.drift_window.window_start IS 'Where the window begins, NULL if it was not said';
COMMENT ON COLUMN mlops_catalog.drift_window.window_end IS 'Where the window ends, NULL if it was not said';
COMMENT ON COLUMN mlops_catalog.drift_window.rows IS 'Rows in it';
COMMENT ON COLUMN mlops_catalog.drift_window.place IS 'Order within the report, from 1';
COMMENT ON COLUMN mlops_catalog.drift_window.feature IS 'Feature, or (score)';
COMMENT ON COLUMN mlops_catalog.drift_window.kind IS 'number, category, time or score';
COMMENT ON COLUMN mlops_catalog.drift_window.test IS 'Statistic, e.g. psi';
COMMENT ON COLUMN mlops_catalog.drift_window.statistic IS 'Value, NULL where it is not defined';
COMMENT ON COLUMN mlops_catalog.drift_window.p_value IS 'How likely as large a value is without drift, NULL if not known';
COMMENT ON COLUMN mlops_catalog.drift_window.threshold IS 'What the statistic was compared with';
COMMENT ON COLUMN mlops_catalog.drift_window.drifted IS 'Did it drift? NULL where the statistic is not defined';
COMMENT ON COLUMN mlops_catalog.drift_window.recorded_by IS 'Who recorded it';
COMMENT ON COLUMN mlops_catalog.drift_window.recorded_at IS 'When it was recorded; the same for all rows of a report';
CREATE INDEX drift_window_model_id_recorded_at_idx ON mlops_catalog.drift_window (model_id, recorded_at);
CREATE INDEX drift_window_model_id_window_start_idx ON mlops_catalog.drift_window (model_id, window_start);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.drift_window', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.drift_window_drift_window_id_seq', '');
