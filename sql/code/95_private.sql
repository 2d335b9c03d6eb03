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
		PERFORM mlops_catalog.close_new(f.signature);
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

-- Nobody else reads or writes the catalog, and default privileges of who installs or
-- updates are not for it.  C logs decisions without triggers.
DO $$
DECLARE
	r record;
	opened record;
BEGIN
	FOR r IN
		SELECT c.oid::pg_catalog.regclass AS relation, c.relkind, n.nspname
		FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{mlops,mlops_catalog}'::pg_catalog.name[]) AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,S}'::pg_catalog."char"[])
			AND mlops_catalog.is_new('pg_catalog.pg_class', c.oid)
	LOOP
		IF r.nspname OPERATOR(pg_catalog.=) 'mlops' THEN	-- views, which everybody reads
			PERFORM mlops_catalog.close_table(r.relation);
			EXECUTE pg_catalog.format('GRANT SELECT ON %s TO PUBLIC', r.relation);
		ELSIF r.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog."char"[]) THEN
			PERFORM mlops_catalog.guard_table(r.relation);
		ELSE
			PERFORM mlops_catalog.close_table(r.relation);
		END IF;
	END LOOP;
	FOR opened IN
		SELECT o.kind, o.name, a.grantee, pg_catalog.string_agg(a.privilege_type, ', ') AS privileges
		FROM (SELECT 'ROUTINE' AS kind, p.oid::pg_catalog.regprocedure::pg_catalog.text AS name, p.proacl AS acl, p.proowner AS owner
				FROM pg_catalog.pg_proc AS p WHERE p.pronamespace OPERATOR(pg_catalog.=) ANY (ARRAY['mlops'::pg_catalog.regnamespace, 'mlops_catalog'::pg_catalog.regnamespace]::pg_catalog.oid[])
					AND mlops_catalog.is_new('pg_catalog.pg_proc', p.oid)
			UNION ALL
			SELECT 'TYPE', t.oid::pg_catalog.regtype::pg_catalog.text, t.typacl, t.typowner FROM pg_catalog.pg_type AS t
				WHERE t.typnamespace OPERATOR(pg_catalog.=) ANY (ARRAY['mlops'::pg_catalog.regnamespace, 'mlops_catalog'::pg_catalog.regnamespace]::pg_catalog.oid[])
					AND t.typelem OPERATOR(pg_catalog.=) 0
					AND (mlops_catalog.is_new('pg_catalog.pg_type', t.oid) OR mlops_catalog.is_new('pg_catalog.pg_class', t.typrelid))
			UNION ALL
			SELECT 'SCHEMA', n.nspname, n.nspacl, n.nspowner FROM pg_catalog.pg_namespace AS n
				WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{mlops,mlops_catalog,mlops_snapshot}'::pg_catalog.name[])
					AND mlops_catalog.is_new('pg_catalog.pg_namespace', 'mlops_catalog'::pg_catalog.regnamespace)	-- all are of the installation
			) AS o CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) AS a
		WHERE a.grantee OPERATOR(pg_catalog.<>) o.owner
			AND (a.grantee OPERATOR(pg_catalog.<>) 0 OR a.privilege_type OPERATOR(pg_catalog.=) 'CREATE')
		GROUP BY 1, 2, 3
	LOOP
		EXECUTE pg_catalog.format('REVOKE %s ON %s %s FROM %s CASCADE', opened.privileges, opened.kind, opened.name,
			CASE WHEN opened.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE opened.grantee::pg_catalog.regrole::pg_catalog.text END);
	END LOOP;
END
$$;
