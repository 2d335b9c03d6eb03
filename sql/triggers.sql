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
