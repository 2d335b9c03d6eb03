-- mlops: the life of a fraud model inside PostgreSQL
\echo Use "CREATE EXTENSION mlops" to load this file. \quit

-- The script and the loaded library must be of one version: after a binary
-- upgrade, sessions that still hold the old library would misread the catalog.
LOAD 'MODULE_PATHNAME';
DO $$
BEGIN
	IF pg_catalog.current_setting('mlops.library_version') OPERATOR(pg_catalog.<>) '1.0' THEN
		RAISE EXCEPTION 'the loaded mlops library is version %, this script is for 1.0',
			pg_catalog.current_setting('mlops.library_version')
			USING HINT = 'Reconnect, or restart the server if mlops is preloaded.';
	END IF;
END
$$;

COMMENT ON SCHEMA mlops IS 'Fraud models where the transactions are: train, register, deploy, score, watch';
GRANT USAGE ON SCHEMA mlops TO PUBLIC;

CREATE SCHEMA mlops_catalog;
COMMENT ON SCHEMA mlops_catalog IS 'Tables of mlops; read them through the views of schema mlops';
