-- What is under way towards answering: a release.

CREATE TABLE mlops_catalog.release (
	model_id bigint CONSTRAINT release_pkey PRIMARY KEY
		CONSTRAINT release_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	deployment_id bigint NOT NULL CONSTRAINT release_deployment_id_fkey REFERENCES mlops_catalog.deployment ON DELETE CASCADE,
	strategy text NOT NULL,
	paused boolean NOT NULL DEFAULT false,
	step int NOT NULL DEFAULT 1,
	step_started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.release IS 'The release of a model that is under way';
COMMENT ON COLUMN mlops_catalog.release.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.release.deployment_id IS 'Deployment that began it, with guard and ramp';
COMMENT ON COLUMN mlops_catalog.release.strategy IS 'How traffic is moved';
COMMENT ON COLUMN mlops_catalog.release.paused IS 'Does it stay as it is until it is resumed?';
COMMENT ON COLUMN mlops_catalog.release.step IS 'Step of the ramp, from 1';
COMMENT ON COLUMN mlops_catalog.release.step_started_at IS 'Since when';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.release', '');
