-- The catalog.  Singular names; every table and sequence is marked for dump;
-- nothing is granted: people read the views of schema mlops.

-- ---- who may use what a script makes
--
-- An update makes functions and views anew that people have been granted, or that were
-- taken from everybody: those keep their privileges.  A GRANT or REVOKE of the script
-- would also make people's grants the extension's own, which are not dumped.  So the
-- Makefile has update scripts ask for what is new.

-- The row that makes an object a member of the extension is of the same transaction as
-- the extension's, which CREATE and ALTER EXTENSION write before the script runs.
CREATE FUNCTION mlops_catalog.is_new(class regclass, object oid) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
		WHERE d.classid = class AND d.objid = object AND d.deptype = 'e' AND e.extname = 'mlops' AND d.xmin = e.xmin)
$$;
COMMENT ON FUNCTION mlops_catalog.is_new(regclass, oid) IS 'Was it made by the script that runs? Others keep the privileges that they have';

CREATE FUNCTION mlops_catalog.close_new(signature regprocedure) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF mlops_catalog.is_new('pg_proc', signature) THEN
		EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', signature);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.close_new(regprocedure) IS 'Takes a function from everybody, if the script that runs has made it';
REVOKE ALL ON FUNCTION mlops_catalog.close_new(regprocedure) FROM PUBLIC;

CREATE FUNCTION mlops_catalog.describe_tables(relations oid[]) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('table', format('%I.%I', n.nspname, c.relname),
			'kind', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
				WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
			'columns', (SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute AS a
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
		ORDER BY n.nspname, c.relname), '[]')
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.oid = ANY (relations)
$$;
COMMENT ON FUNCTION mlops_catalog.describe_tables(oid[]) IS 'Names, kinds, columns and types of relations';

CREATE FUNCTION mlops_catalog.last_version(model_id bigint) RETURNS int
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(max(v.version), 0) FROM mlops_catalog.model_version AS v WHERE v.model_id = last_version.model_id $$;
COMMENT ON FUNCTION mlops_catalog.last_version(bigint) IS 'Highest number of a model''s versions, dropped ones too; 0 if there is none';

-- Tables of the catalog are written by their owner and superusers, whatever was
-- granted to others, by pg_write_all_data say (src/api/catalog_guard.c).
CREATE FUNCTION mlops_catalog.refuse_others() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_refuse_others';
COMMENT ON FUNCTION mlops_catalog.refuse_others() IS 'Trigger: refuses to let others than owner and superusers write';
REVOKE ALL ON FUNCTION mlops_catalog.refuse_others() FROM PUBLIC;

-- What is made has the privileges that ALTER DEFAULT PRIVILEGES gives of whoever
-- makes it, here the owner of the catalog.  They were meant for his own tables.
CREATE FUNCTION mlops_catalog.close_table(relation regclass) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who record;
BEGIN
	FOR who IN SELECT DISTINCT a.grantee FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
			WHERE c.oid = relation AND a.grantee <> c.relowner LOOP
		EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', relation, CASE who.grantee WHEN 0 THEN 'PUBLIC' ELSE who.grantee::regrole::text END);
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.close_table(regclass) IS 'Takes all privileges on a table, view or sequence from others than its owner';
REVOKE ALL ON FUNCTION mlops_catalog.close_table(regclass) FROM PUBLIC;

-- A table of the catalog that has just been made, or whose guard was disabled.
CREATE FUNCTION mlops_catalog.guard_table(relation regclass) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.close_table(relation);
	IF NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = relation AND g.tgname = 'refuse_others') THEN
		EXECUTE format('CREATE TRIGGER refuse_others BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
			'FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.refuse_others()', relation);
	END IF;
	EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_others', relation);
	-- rows that replication applies fire no statement triggers
	IF NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = relation AND g.tgname = 'refuse_replicated') THEN
		EXECUTE format('CREATE TRIGGER refuse_replicated BEFORE INSERT OR UPDATE OR DELETE ON %s '
			'FOR EACH ROW EXECUTE FUNCTION mlops_catalog.refuse_others()', relation);
	END IF;
	EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER refuse_replicated', relation);
END
$$;
COMMENT ON FUNCTION mlops_catalog.guard_table(regclass) IS 'Keeps others than its owner and superusers from reading or writing a table of the catalog';
REVOKE ALL ON FUNCTION mlops_catalog.guard_table(regclass) FROM PUBLIC;

-- Any change to these tables, by our functions or by hand, drops what sessions
-- remember of them; the message commits with the change and reaches standbys.
-- Triggers that audit, forget or refuse fire whatever session_replication_role
-- says.  Logical replication applies changes without statement triggers; the
-- row triggers forget_replicated are for it.
CREATE FUNCTION mlops_catalog.forget_routes() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_forget_routes';
COMMENT ON FUNCTION mlops_catalog.forget_routes() IS 'Trigger: makes all sessions read models and routes anew';
REVOKE ALL ON FUNCTION mlops_catalog.forget_routes() FROM PUBLIC;
