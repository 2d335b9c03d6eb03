-- mlops: the life of a fraud model inside PostgreSQL
\echo Use "CREATE EXTENSION mlops" to load this file. \quit

-- The script and the loaded library must be of one version: after a binary
-- upgrade, sessions that still hold the old library would misread the catalog.
LOAD 'MODULE_PATHNAME';
DO $$
BEGIN
	IF pg_catalog.current_setting('mlops.library_version') OPERATOR(pg_catalog.<>) '@EXTVERSION@' THEN
		RAISE EXCEPTION 'the loaded mlops library is version %, this script is for @EXTVERSION@',
			pg_catalog.current_setting('mlops.library_version')
			USING HINT = 'Reconnect, or restart the server if mlops is preloaded.';
	END IF;
END
$$;
