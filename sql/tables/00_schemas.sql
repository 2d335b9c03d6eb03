-- Schemas.

-- A model's bytes, and what the audit log's hashes are of, are UTF-8.
DO $$
BEGIN
	IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) ALL ('{UTF8,SQL_ASCII}'::pg_catalog.name[]) AND (
			SELECT pg_catalog.count(*) FROM pg_catalog.pg_conversion AS c WHERE c.condefault
				AND ARRAY[c.conforencoding, c.contoencoding] OPERATOR(pg_catalog.@>) ARRAY[e.encoding, pg_catalog.pg_char_to_encoding('UTF8')])
			OPERATOR(pg_catalog.<) 2 FROM pg_catalog.pg_database AS e WHERE e.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() THEN
		RAISE EXCEPTION 'extension "mlops" does not work in a database with encoding "%"', pg_catalog.getdatabaseencoding()
			USING ERRCODE = 'feature_not_supported', DETAIL = 'Models keep their texts in UTF8, and there is no conversion between the two.',
				HINT = 'Create it in a database of another encoding, best UTF8.';
	END IF;
END
$$;

-- CREATE EXTENSION goes into a schema mlops that is there already.  Whoever owns
-- it or may create in it could put functions beside ours that others then call
-- with their own rights, or drop the schema with all that hangs on it.
DO $$
DECLARE
	intruder text;
	remedy text;
BEGIN
	SELECT pg_catalog.format('It belongs to role %s, which is not a superuser.', n.nspowner::pg_catalog.regrole),
			pg_catalog.format('Look at what it is for; then DROP SCHEMA mlops, or ALTER SCHEMA mlops OWNER TO %I.', current_user)
		INTO intruder, remedy
		FROM pg_catalog.pg_namespace AS n JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
		WHERE n.nspname OPERATOR(pg_catalog.=) 'mlops' AND NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) current_user;
	IF intruder IS NULL THEN
		SELECT pg_catalog.format('%s may create objects in it.', CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN 'Everybody'
					ELSE pg_catalog.format('Role %s', a.grantee::pg_catalog.regrole) END),
				pg_catalog.format('REVOKE CREATE ON SCHEMA mlops FROM %s, or DROP SCHEMA mlops, and look at default privileges that would grant it again.',
					CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::pg_catalog.text END)
			INTO intruder, remedy
			FROM pg_catalog.pg_namespace AS n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS a
			LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) a.grantee
			WHERE n.nspname OPERATOR(pg_catalog.=) 'mlops' AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'
				AND NOT COALESCE(r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) current_user, false)
			ORDER BY a.grantee LIMIT 1;
	END IF;
	IF intruder IS NULL THEN
		SELECT pg_catalog.format('It holds %s.', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)),
				'Look at who made it and what it is for; then move it elsewhere, or DROP SCHEMA mlops CASCADE.'
			INTO intruder, remedy
			FROM pg_catalog.pg_depend AS d
			WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) 'mlops'::pg_catalog.regnamespace
				AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'mlops'
					AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) e.oid)
			ORDER BY d.classid, d.objid LIMIT 1;
	END IF;
	IF intruder IS NOT NULL THEN
		RAISE EXCEPTION 'schema "mlops" was there before and is not the extension''s alone'
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = intruder, HINT = remedy;
	END IF;
END
$$;

COMMENT ON SCHEMA mlops IS 'Fraud models where the transactions are: train, register, deploy, score, watch';
GRANT USAGE ON SCHEMA mlops TO PUBLIC;

CREATE SCHEMA mlops_catalog;
COMMENT ON SCHEMA mlops_catalog IS 'Tables of mlops; read them through the views of schema mlops';
GRANT USAGE ON SCHEMA mlops_catalog TO PUBLIC;
