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

-- What a script makes belongs to who runs it.  Functions and tables of an update are to
-- be the owner's like the others: they work with his rights.
DO $$
DECLARE
	owner record;
BEGIN
	SELECT r.rolname, r.rolsuper INTO owner
		FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) e.extowner
		WHERE e.extname OPERATOR(pg_catalog.=) 'mlops';
	IF owner.rolname OPERATOR(pg_catalog.<>) current_user THEN
		RAISE EXCEPTION 'extension "mlops" belongs to role "%", and is not updated by role "%"', owner.rolname, current_user
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'What the update makes would belong to another role than the rest.',
				HINT = CASE WHEN owner.rolsuper THEN pg_catalog.format('Run it after SET ROLE %I.', owner.rolname)
					ELSE pg_catalog.format('That role is no superuser any more: REASSIGN OWNED BY %I TO %I first, in this database.', owner.rolname, current_user) END;
	END IF;
END
$$;
