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
