-- Triggers, which need both the tables and the functions.  Made once: a later
-- version that changes one says so in its file of sql/updates.
-- All fire in sessions of replication, too.

CREATE TRIGGER forget_routes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.deployment_route
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.deployment_route ENABLE ALWAYS TRIGGER forget_routes;
CREATE TRIGGER forget_replicated AFTER INSERT OR UPDATE OR DELETE ON mlops_catalog.deployment_route
	FOR EACH ROW EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.deployment_route ENABLE REPLICA TRIGGER forget_replicated;
CREATE TRIGGER forget_routes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.model
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.model ENABLE ALWAYS TRIGGER forget_routes;
CREATE TRIGGER forget_replicated AFTER INSERT OR UPDATE OR DELETE ON mlops_catalog.model
	FOR EACH ROW EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.model ENABLE REPLICA TRIGGER forget_replicated;
CREATE TRIGGER forget_routes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.model_version
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.model_version ENABLE ALWAYS TRIGGER forget_routes;
CREATE TRIGGER forget_replicated AFTER INSERT OR UPDATE OR DELETE ON mlops_catalog.model_version
	FOR EACH ROW EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.model_version ENABLE REPLICA TRIGGER forget_replicated;
CREATE TRIGGER forget_routes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.model_grant
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.model_grant ENABLE ALWAYS TRIGGER forget_routes;
CREATE TRIGGER forget_replicated AFTER INSERT OR UPDATE OR DELETE ON mlops_catalog.model_grant
	FOR EACH ROW EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.model_grant ENABLE REPLICA TRIGGER forget_replicated;
CREATE CONSTRAINT TRIGGER append_audit AFTER INSERT ON mlops_catalog.audit_waiting
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mlops_catalog.append_audit();
ALTER TABLE mlops_catalog.audit_waiting ENABLE ALWAYS TRIGGER append_audit;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.refuse_change();
ALTER TABLE mlops_catalog.audit_log ENABLE ALWAYS TRIGGER refuse_change;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.audit_waiting
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.refuse_change();
ALTER TABLE mlops_catalog.audit_waiting ENABLE ALWAYS TRIGGER refuse_change;
CREATE TRIGGER forget_routes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.alias
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.alias ENABLE ALWAYS TRIGGER forget_routes;
CREATE TRIGGER forget_replicated AFTER INSERT OR UPDATE OR DELETE ON mlops_catalog.alias
	FOR EACH ROW EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.alias ENABLE REPLICA TRIGGER forget_replicated;

CREATE EVENT TRIGGER mlops_check_new_trigger ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER')
	EXECUTE FUNCTION mlops_catalog.check_new_trigger();
ALTER EVENT TRIGGER mlops_check_new_trigger ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER mlops_check_new_trigger IS 'Refuses triggers on tables of the catalog, and warns of triggers of mlops with wrong arguments, when they are created';
CREATE TRIGGER follow_alias AFTER INSERT OR UPDATE ON mlops_catalog.alias
	FOR EACH ROW WHEN (NEW.alias OPERATOR(pg_catalog.=) 'champion' OR NEW.alias OPERATOR(pg_catalog.=) 'challenger')
	EXECUTE FUNCTION mlops_catalog.follow_alias();
ALTER TABLE mlops_catalog.alias ENABLE ALWAYS TRIGGER follow_alias;

-- Nobody else reads or writes the catalog, and default privileges of who installs
-- are not for it.  C logs decisions without triggers.
DO $$
DECLARE
	r record;
	opened record;
BEGIN
	FOR r IN
		SELECT c.oid::pg_catalog.regclass AS relation, c.relkind, n.nspname
		FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{mlops,mlops_catalog}'::pg_catalog.name[]) AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,S}'::pg_catalog."char"[])
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
			UNION ALL
			SELECT 'TYPE', t.oid::pg_catalog.regtype::pg_catalog.text, t.typacl, t.typowner FROM pg_catalog.pg_type AS t
				WHERE t.typnamespace OPERATOR(pg_catalog.=) ANY (ARRAY['mlops'::pg_catalog.regnamespace, 'mlops_catalog'::pg_catalog.regnamespace]::pg_catalog.oid[])
					AND t.typelem OPERATOR(pg_catalog.=) 0
			UNION ALL
			SELECT 'SCHEMA', n.nspname, n.nspacl, n.nspowner FROM pg_catalog.pg_namespace AS n
				WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{mlops,mlops_catalog,mlops_snapshot}'::pg_catalog.name[])
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
