-- Labels of decisions.

CREATE TABLE mlops_catalog.label (
	model_id bigint NOT NULL CONSTRAINT label_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	key text NOT NULL,
	labelled_at timestamptz NOT NULL,
	label boolean NOT NULL,
	recorded_by regrole NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT label_pkey PRIMARY KEY (model_id, key, labelled_at)
);
COMMENT ON TABLE mlops_catalog.label IS 'Labels of decisions by key; the latest of a key counts';
COMMENT ON COLUMN mlops_catalog.label.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.label.key IS 'Key that the decision was logged with';
COMMENT ON COLUMN mlops_catalog.label.labelled_at IS 'When the label became known';
COMMENT ON COLUMN mlops_catalog.label.label IS 'Was it positive?';
COMMENT ON COLUMN mlops_catalog.label.recorded_by IS 'Who recorded it';
COMMENT ON COLUMN mlops_catalog.label.recorded_at IS 'When it was recorded';
CREATE INDEX label_recorded_at_idx ON mlops_catalog.label (model_id, recorded_at);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.label', '');

CREATE TABLE mlops_catalog.label_value (
	model_id bigint NOT NULL CONSTRAINT label_value_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	value text NOT NULL,
	CONSTRAINT label_value_pkey PRIMARY KEY (model_id, value)
);
COMMENT ON TABLE mlops_catalog.label_value IS 'Values that labels had where "positive" said which of them is a fraud, so that a new one is told';
COMMENT ON COLUMN mlops_catalog.label_value.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.label_value.value IS 'Text of the value';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.label_value', '');
