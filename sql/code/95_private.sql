-- Functions whose first argument is "caller" do what their caller asked as the
-- owner of the catalog: nobody else may call them.
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT p.oid::pg_catalog.regprocedure AS signature, p.proname,
			pg_catalog.obj_description(p.oid, 'pg_proc') IS NULL AS unexplained
		FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace OPERATOR(pg_catalog.=) 'mlops_catalog'::pg_catalog.regnamespace
			AND p.proargnames[1] OPERATOR(pg_catalog.=) 'caller'
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.signature);
		IF f.unexplained THEN
			EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.signature,
				pg_catalog.format('What mlops.%s does, as the owner of the catalog', f.proname));
		END IF;
	END LOOP;
END
$$;

-- Public functions in SQL, and what is behind those of mlops_as_caller, write times,
-- intervals and numbers in the same way in every session, with all digits, as what
-- runs as the owner of the catalog does.
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT p.oid::pg_catalog.regprocedure AS signature, b.name IS NOT NULL AS is_behind, p.proname
		FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid OPERATOR(pg_catalog.=) p.prolang
		LEFT JOIN (SELECT c.proname AS name FROM pg_catalog.pg_proc AS c WHERE c.prosrc OPERATOR(pg_catalog.=) 'mlops_as_caller') AS b
			ON b.name OPERATOR(pg_catalog.=) p.proname AND p.pronamespace OPERATOR(pg_catalog.=) 'mlops_catalog'::pg_catalog.regnamespace
		WHERE (p.pronamespace OPERATOR(pg_catalog.=) 'mlops'::pg_catalog.regnamespace OR b.name IS NOT NULL)
			AND l.lanname OPERATOR(pg_catalog.=) ANY ('{plpgsql,sql}'::pg_catalog.name[]) AND p.proconfig IS NOT NULL
	LOOP
		IF f.is_behind THEN
			EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.signature, pg_catalog.format('What mlops.%s does', f.proname));
		END IF;
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET DateStyle = ISO', f.signature);
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET IntervalStyle = postgres', f.signature);
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET extra_float_digits = 1', f.signature);
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET standard_conforming_strings = on', f.signature);
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET quote_all_identifiers = off', f.signature);
	END LOOP;
END
$$;
