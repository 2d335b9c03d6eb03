-- Files that belong to a run.

CREATE TABLE mlops_catalog.run_artifact (
	run_id bigint NOT NULL CONSTRAINT run_artifact_run_id_fkey REFERENCES mlops_catalog.run ON DELETE CASCADE,
	path text NOT NULL,
	content_type text NOT NULL,
	data bytea NOT NULL CONSTRAINT run_artifact_data_check CHECK (pg_catalog.octet_length(data) OPERATOR(pg_catalog.<=) 16777216),
	logged_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT run_artifact_pkey PRIMARY KEY (run_id, path)
);
COMMENT ON TABLE mlops_catalog.run_artifact IS 'Files of runs: plots, reports, small data';
COMMENT ON COLUMN mlops_catalog.run_artifact.run_id IS 'Run';
COMMENT ON COLUMN mlops_catalog.run_artifact.path IS 'Name, with slashes if you like';
COMMENT ON COLUMN mlops_catalog.run_artifact.content_type IS 'Media type, such as image/svg+xml';
COMMENT ON COLUMN mlops_catalog.run_artifact.data IS 'Content, at most 16 MB';
COMMENT ON COLUMN mlops_catalog.run_artifact.logged_at IS 'When it was logged';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.run_artifact', '');
