-- What must be true of the catalog, a function a subject: each returns what is wrong,
-- no rows if nothing is.  mlops.check_catalog() asks all of them and shows what the
-- caller may see: rows of models he may inspect, and those of no model.

-- What the catalog copies from a version's bytes, for views and reports; scores come
-- from the bytes alone.
CREATE FUNCTION mlops_catalog.bytes_problem(caller regrole, v mlops_catalog.model_version) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := mlops_catalog.version_bytes(caller, v.version_id);
	found jsonb;
BEGIN
	IF sha256(bytes) <> v.sha256 THEN
		RETURN 'its bytes do not have the recorded SHA-256';
	END IF;
	found := mlops_catalog.inspect_bytes(bytes);
	RETURN 'its bytes have ' || (SELECT string_agg(format('%s %s, not the recorded %s', c.what, left(c.has::text, 200), left(c.recorded::text, 200)), ', ' ORDER BY c.place)
		FROM (VALUES (1, 'algorithm', found -> 'algorithm', to_jsonb(v.algorithm)), (2, 'threshold', found -> 'threshold', to_jsonb(v.threshold)),
			(3, 'columns', found -> 'signature', v.signature)) AS c(place, what, has, recorded)
		WHERE c.has IS DISTINCT FROM c.recorded);
EXCEPTION WHEN query_canceled OR admin_shutdown THEN
	RAISE;
WHEN OTHERS THEN
	RETURN 'its bytes cannot be read: ' || SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.bytes_problem(regrole, mlops_catalog.model_version) IS
	'How the complete bytes of a version differ from what is recorded of them; NULL: they do not';

CREATE FUNCTION mlops_catalog.version_problems(caller regrole) RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM (SELECT m.name, format('version %s', v.version), CASE
			WHEN v.dropped_at IS NOT NULL THEN CASE WHEN a.parts > 0 THEN 'was dropped, but has bytes' END
			WHEN coalesce(a.size, 0) <> v.size OR a.parts <> a.last + 1 THEN 'its bytes are not complete'
			WHEN v.size < 1000000000 THEN mlops_catalog.bytes_problem(caller, v) END
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
		LEFT JOIN LATERAL (SELECT sum(octet_length(p.data)) AS size, count(*) AS parts, max(p.part) AS last
			FROM mlops_catalog.model_artifact AS p WHERE p.version_id = v.version_id) AS a ON true) AS b(model, object, problem)
	WHERE b.problem IS NOT NULL
	UNION ALL
	SELECT NULL, format('artifact %s', a.version_id), 'belongs to no version'
	FROM (SELECT DISTINCT p.version_id FROM mlops_catalog.model_artifact AS p) AS a
	WHERE NOT EXISTS (SELECT FROM mlops_catalog.model_version AS v WHERE v.version_id = a.version_id)
$$;
COMMENT ON FUNCTION mlops_catalog.version_problems(regrole) IS 'Bytes of versions that are incomplete, changed, left over or not what is recorded of them';

CREATE FUNCTION mlops_catalog.route_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, format('route %s', d.variant), CASE WHEN v.model_id <> d.model_id THEN 'leads to another model''s version'
			WHEN v.dropped_at IS NOT NULL THEN 'leads to a version that was dropped' ELSE 'was made by another model''s deployment' END
	FROM mlops_catalog.deployment_route AS d JOIN mlops_catalog.model AS m USING (model_id)
	JOIN mlops_catalog.model_version AS v USING (version_id) JOIN mlops_catalog.deployment AS p ON p.deployment_id = d.deployment_id
	WHERE v.model_id <> d.model_id OR v.dropped_at IS NOT NULL OR p.model_id <> d.model_id
	UNION ALL
	SELECT m.name, 'routes', CASE WHEN NOT r.has_primary THEN 'have no primary variant' ELSE format('add up to %s %%', r.percent) END
	FROM (SELECT d.model_id, bool_or(d.variant = 'primary') AS has_primary, sum(d.percent) FILTER (WHERE d.kind = 'share') AS percent
		FROM mlops_catalog.deployment_route AS d GROUP BY 1) AS r JOIN mlops_catalog.model AS m USING (model_id)
	WHERE NOT r.has_primary OR abs(r.percent - 100) > 1e-6
	UNION ALL
	SELECT m.name, format('route %s', r.variant), format('goes by column "%s", which the training data of no version had', c.name)
	FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model AS m USING (model_id)
	CROSS JOIN LATERAL (SELECT r.key::text WHERE r.kind = 'share' AND r.percent < 100 UNION ALL SELECT k FROM jsonb_object_keys(r.rule) AS k) AS c(name)
	WHERE (SELECT t.is_unknown FROM mlops_catalog.trained_column(r.model_id, c.name) AS t)
	UNION ALL
	SELECT DISTINCT m.name, format('route %s', r.variant), format('compares column "%s" of type %s with %s, so no row fits it', u.name, u.type, u.given)
	FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model AS m USING (model_id)
	CROSS JOIN LATERAL mlops_catalog.unfit_conditions(r.rule, r.version_id) AS u
	UNION ALL
	SELECT m.name, 'release', 'goes on without a share beside the primary one'
	FROM mlops_catalog.release AS r JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.strategies() AS s ON s.name = r.strategy
	WHERE s.lays <> 'primary' AND NOT EXISTS (SELECT FROM mlops_catalog.release_route AS o WHERE o.model_id = r.model_id)
	UNION ALL
	SELECT m.name, 'routes', format('are not what deployment %s left: %s, not %s; deploy anew', d.deployment_id, left(n.routes::text, 500), left(d.routes::text, 500))
	FROM mlops_catalog.model AS m CROSS JOIN LATERAL (SELECT t.deployment_id, t.routes FROM mlops_catalog.deployment AS t
		WHERE t.model_id = m.model_id ORDER BY t.deployment_id DESC LIMIT 1) AS d
	CROSS JOIN LATERAL mlops_catalog.routes_now(m.model_id) AS n(routes) WHERE d.routes <> n.routes
	UNION ALL
	SELECT m.name, 'routes', 'were made by no deployment'
	FROM mlops_catalog.model AS m WHERE EXISTS (SELECT FROM mlops_catalog.deployment_route AS r WHERE r.model_id = m.model_id)
		AND NOT EXISTS (SELECT FROM mlops_catalog.deployment AS t WHERE t.model_id = m.model_id)
	UNION ALL
	SELECT m.name, format('alias %s', a.alias), CASE WHEN v.model_id <> a.model_id THEN 'stands for another model''s version'
			ELSE 'stands for a version that was dropped' END
	FROM mlops_catalog.alias AS a JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.model_version AS v USING (version_id)
	WHERE v.model_id <> a.model_id OR v.dropped_at IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.route_problems() IS 'Routes, releases and aliases that lead astray';

CREATE FUNCTION mlops_catalog.role_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, 'owner', format('role %s does not exist; mlops.set_owner(%L, ...) by a superuser gives it another owner', m.owner::oid, m.name)
	FROM mlops_catalog.model AS m WHERE mlops_catalog.is_nobody(m.owner)
	UNION ALL
	SELECT m.name, format('privilege %s', g.privilege), format('role %s does not exist; SELECT mlops.revoke(%L, %L, %L) removes it', g.role::oid, m.name, g.role::oid, g.privilege)
	FROM mlops_catalog.model_grant AS g JOIN mlops_catalog.model AS m USING (model_id)
	WHERE g.role <> 0 AND mlops_catalog.is_nobody(g.role)
	UNION ALL
	SELECT m.name, p.what, format('runs as role %s, which does not exist; %s takes it over', p.owner::oid, p.again)
	FROM (SELECT w.model_id, 'monitor' AS what, w.owner, 'mlops.monitor()' AS again FROM mlops_catalog.monitor AS w
		UNION ALL SELECT t.model_id, 'retraining policy', t.owner, 'mlops.set_retraining_policy()' FROM mlops_catalog.policy AS t
		) AS p(model_id, what, owner, again)
	JOIN mlops_catalog.model AS m USING (model_id) WHERE mlops_catalog.is_nobody(p.owner)
	UNION ALL
	SELECT m.name, 'queries', format('those of versions %s were recorded by a role that does not exist, and are not read again; mlops.adopt_query(%L, ...) takes them over',
		string_agg(v.version::text, ', ' ORDER BY v.version), m.name)
	FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
	JOIN mlops_catalog.dataset AS d USING (dataset_id)
	WHERE v.dropped_at IS NULL AND r.request IS NOT NULL AND d.recorded_by IS NOT NULL AND mlops_catalog.is_nobody(d.recorded_by)
	GROUP BY m.name
	UNION ALL
	SELECT s.model, format('schedule %s', s.name), format('runs as role %s, which does not exist: pg_cron tries in vain; SELECT mlops.unschedule(%L, %L) by a superuser ends it, mlops.schedule() by another role makes it anew',
				s.owner::oid, s.name, s.owner::oid)
	FROM mlops_catalog.schedule AS s WHERE mlops_catalog.is_nobody(s.owner)
	UNION ALL
	SELECT NULL, 'trust', format('role %s does not exist', CASE WHEN mlops_catalog.is_nobody(t.role) THEN t.role ELSE t.trusted END::oid)
	FROM mlops_catalog.trust AS t WHERE mlops_catalog.is_nobody(t.role) OR mlops_catalog.is_nobody(t.trusted)
$$;
COMMENT ON FUNCTION mlops_catalog.role_problems() IS 'What belongs to roles that do not exist';

CREATE FUNCTION mlops_catalog.run_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.model, format('run %s', r.run_id), 'has ended without a time, or has a time without having ended'
	FROM mlops_catalog.run AS r WHERE (r.status = 'running') <> (r.ended_at IS NULL)
	UNION ALL
	SELECT r.model, format('run %s', r.run_id), format('is part of run %s, which does not exist', r.parent_run_id)
	FROM mlops_catalog.run AS r WHERE r.parent_run_id IS NOT NULL
		AND NOT EXISTS (SELECT FROM mlops_catalog.run AS p WHERE p.run_id = r.parent_run_id)
	UNION ALL
	SELECT m.name, format('version %s', v.version), 'was produced by a run of another version'
	FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
	WHERE (r.model, r.version) IS DISTINCT FROM (m.name, v.version)
$$;
COMMENT ON FUNCTION mlops_catalog.run_problems() IS 'Runs that are not what they say';

CREATE FUNCTION mlops_catalog.snapshot_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NULL, format('snapshot %s', n.name), 'its table is missing'
	FROM mlops_catalog.snapshot AS n WHERE n.kind = 'copy' AND to_regclass(format('mlops_snapshot.%I', n.name)) IS NULL
	UNION ALL
	SELECT NULL, format('snapshot %s', n.name), 'the trigger refuse_change of its table is missing or disabled'
	FROM mlops_catalog.snapshot AS n JOIN pg_class AS c ON c.oid = to_regclass(format('mlops_snapshot.%I', n.name))
	WHERE n.kind = 'copy' AND NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgname = 'refuse_change' AND g.tgenabled = 'A')
$$;
COMMENT ON FUNCTION mlops_catalog.snapshot_problems() IS 'Snapshots whose table or trigger is missing';

CREATE FUNCTION mlops_catalog.decision_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NULL, format('table %s', c.relname), format('has the bounds %s, not %s: its decisions cannot be found by time',
		mlops_catalog.recorded_bounds(c.oid::regclass), mlops_catalog.partition_bounds(to_date(right(c.relname, 8), 'YYYYMMDD')))
	FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
	WHERE i.inhparent = 'mlops_catalog.prediction'::regclass AND c.relname ~ '^prediction_[0-9]{8}$'
		AND mlops_catalog.recorded_bounds(c.oid::regclass) IS DISTINCT FROM mlops_catalog.partition_bounds(to_date(right(c.relname, 8), 'YYYYMMDD'))
	UNION ALL
	SELECT NULL, format('table %s', c.relname), format('is not a partition of mlops_catalog.prediction: its decisions are in no view, and new ones of that day go to prediction_default; '
		'ALTER TABLE mlops_catalog.prediction ATTACH PARTITION mlops_catalog.%I %s, or move it to another schema', c.relname, mlops_catalog.partition_bounds(to_date(right(c.relname, 8), 'YYYYMMDD')))
	FROM pg_class AS c WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^prediction_[0-9]{8}$' AND NOT c.relispartition
	UNION ALL
	SELECT NULL, format('table %s', c.relname), format('has no index by time, so monitors and views read all of it: CREATE INDEX %I ON mlops_catalog.%I USING brin (created_at) WITH (pages_per_range = 32)',
		c.relname || '_time_idx', c.relname)
	FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
	WHERE i.inhparent = 'mlops_catalog.prediction'::regclass AND NOT EXISTS (SELECT FROM pg_index AS x JOIN pg_class AS t ON t.oid = x.indexrelid
		WHERE x.indrelid = c.oid AND t.relname = c.relname || '_time_idx' AND x.indisvalid)
	UNION ALL
	SELECT NULL, 'table prediction_default', format('holds decisions of a day that has no table, as of %s: maintenance does not make the tables of days, or is late; SELECT * FROM mlops.maintain() moves them',
		mlops_catalog.utc_text(p.created_at))
	FROM (SELECT q.created_at FROM mlops_catalog.prediction_default AS q
		WHERE q.created_at < clock_timestamp() - interval '2 days' OR q.created_at > clock_timestamp() + interval '1 day' LIMIT 1) AS p
	UNION ALL
	SELECT NULL, 'decisions', format('%s were answered and could not be logged since the server started, in all its databases, the last at %s; its log says why',
		l.decisions, mlops_catalog.utc_text(l.last_at))
	FROM mlops_catalog.lost_decisions() AS l WHERE l.last_at > clock_timestamp() - interval '1 day'
$$;
COMMENT ON FUNCTION mlops_catalog.decision_problems() IS 'Partitions of decisions that are not what their names say, are detached or lack their index; decisions of days without one, and those that were lost in the last day';

CREATE FUNCTION mlops_catalog.catalog_trigger_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NULL, format('table %s', t.relation), format('its trigger %s is missing or disabled', t.name)
	FROM (VALUES ('model', 'forget_routes'), ('model_version', 'forget_routes'), ('deployment_route', 'forget_routes'),
		('alias', 'forget_routes'), ('alias', 'follow_alias'), ('model_grant', 'forget_routes'), ('audit_waiting', 'append_audit'),
		('audit_waiting', 'refuse_change'), ('audit_log', 'refuse_change')) AS t(relation, name)
	WHERE NOT EXISTS (SELECT FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid
		WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relname = t.relation AND g.tgname = t.name AND g.tgenabled = 'A')
	UNION ALL
	SELECT NULL, format('table %s', c.relname), format('its trigger %s is missing or disabled; SELECT mlops_catalog.guard_table(%L)', t.name, c.oid::regclass)
	FROM pg_class AS c CROSS JOIN (VALUES ('refuse_others', '{A}'::"char"[]), ('refuse_replicated', '{R,A}')) AS t(name, enabled)
	WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind IN ('r', 'p')
		AND NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgname = t.name AND g.tgenabled = ANY (t.enabled))
	UNION ALL
	SELECT NULL, 'event trigger mlops_check_new_trigger', 'is missing or disabled; ALTER EVENT TRIGGER mlops_check_new_trigger ENABLE ALWAYS'
	WHERE NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'mlops_check_new_trigger' AND evtenabled = 'A')
$$;
COMMENT ON FUNCTION mlops_catalog.catalog_trigger_problems() IS 'Triggers of the catalog that are missing or disabled';

CREATE FUNCTION mlops_catalog.audit_problems(caller regrole) RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NULL, 'audit log', a.problem FROM mlops_catalog.verify_audit(caller, NULL, NULL) AS a WHERE NOT a.intact
	UNION ALL
	SELECT w.model, 'audit log', format('event %s of %s still waits to be chained', w.event, w.logged_at)
	FROM mlops_catalog.audit_entry AS w WHERE w.seq IS NULL AND w.logged_at < clock_timestamp() - interval '10 minutes'
	UNION ALL
	SELECT m.name, format('version %s', v.version), 'has no entry in the audit log'
	FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) CROSS JOIN mlops_catalog.audit_cut() AS cut
	WHERE coalesce(v.created_at >= cut.before, true) AND NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a WHERE a.event IN ('train', 'import')
			AND a.detail -> 'run_id' = to_jsonb(v.run_id))
		AND NOT EXISTS (SELECT FROM mlops_catalog.audit_waiting AS a WHERE a.event IN ('train', 'import')
			AND a.detail -> 'run_id' = to_jsonb(v.run_id))
	UNION ALL
	SELECT m.name, format('deployment %s', d.deployment_id), 'has no entry in the audit log'
	FROM mlops_catalog.deployment AS d JOIN mlops_catalog.model AS m USING (model_id) CROSS JOIN mlops_catalog.audit_cut() AS cut
	WHERE coalesce(d.deployed_at >= cut.before, true) AND NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a WHERE a.event = d.action
			AND a.detail -> 'deployment_id' = to_jsonb(d.deployment_id))
		AND NOT EXISTS (SELECT FROM mlops_catalog.audit_waiting AS a WHERE a.event = d.action
			AND a.detail -> 'deployment_id' = to_jsonb(d.deployment_id))
$$;
COMMENT ON FUNCTION mlops_catalog.audit_problems(regrole) IS 'Gaps in the audit log';

-- Whoever owns one of our schemas, or may create in it, could put functions there
-- that others call with their own rights.
CREATE FUNCTION mlops_catalog.schema_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH ours AS (SELECT e.oid, e.extowner FROM pg_extension AS e WHERE e.extname = 'mlops'),
	trusted AS (SELECT r.oid FROM pg_roles AS r WHERE r.rolsuper UNION SELECT o.extowner FROM ours AS o),
	space AS (SELECT n.* FROM pg_namespace AS n WHERE n.nspname IN ('mlops', 'mlops_catalog', 'mlops_snapshot')),
	kind AS (SELECT t.oid FROM pg_type AS t WHERE t.typnamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)),
	found AS (
		SELECT 'pg_proc'::regclass AS class, p.oid FROM pg_proc AS p WHERE p.pronamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)
		UNION ALL
		SELECT 'pg_operator'::regclass, o.oid FROM pg_operator AS o WHERE o.oprnamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)
		UNION ALL
		SELECT 'pg_cast'::regclass, c.oid FROM pg_cast AS c WHERE c.castsource IN (SELECT k.oid FROM kind AS k) OR c.casttarget IN (SELECT k.oid FROM kind AS k)
		UNION ALL	-- not those that come with a table, or with another type
		SELECT 'pg_type'::regclass, t.oid FROM kind AS k JOIN pg_type AS t USING (oid) LEFT JOIN pg_class AS c ON c.oid = t.typrelid
		WHERE coalesce(c.relkind = 'c', true) AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid))
	SELECT NULL, format('schema %s', s.nspname), format('belongs to role %s, which is neither a superuser nor the extension''s owner; ALTER SCHEMA %s OWNER TO %s',
		s.nspowner::regrole, s.nspname, o.extowner::regrole)
	FROM space AS s CROSS JOIN ours AS o WHERE s.nspowner NOT IN (SELECT t.oid FROM trusted AS t)
	UNION ALL
	SELECT NULL, format('schema %s', s.nspname), format('%s may create objects in it; REVOKE CREATE ON SCHEMA %s FROM %s',
		CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role %s', a.grantee::regrole) END, s.nspname,
		CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
	FROM space AS s CROSS JOIN LATERAL aclexplode(s.nspacl) AS a
	WHERE a.privilege_type = 'CREATE' AND a.grantee <> s.nspowner AND a.grantee NOT IN (SELECT t.oid FROM trusted AS t)
	UNION ALL
	SELECT NULL, pg_describe_object(f.class, f.oid, 0), 'is not the extension''s: look at who made it, and drop it or move it elsewhere'
	FROM found AS f WHERE NOT EXISTS (SELECT FROM pg_depend AS d JOIN ours AS o ON o.oid = d.refobjid
		WHERE d.classid = f.class AND d.objid = f.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
$$;
COMMENT ON FUNCTION mlops_catalog.schema_problems() IS 'Who else owns or may create in the schemas of mlops, and what is in them that is not the extension''s';

-- Whoever owns a function of ours can put code there that others call.
CREATE FUNCTION mlops_catalog.owner_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH ours AS MATERIALIZED (SELECT e.oid, e.extowner FROM pg_extension AS e WHERE e.extname = 'mlops')
	SELECT NULL, pg_describe_object(f.class, f.oid, 0), format('belongs to role %s, not to the extension''s owner; ALTER %s OWNER TO %s', f.owner::regrole, f.kind, o.extowner::regrole)
	FROM ours AS o CROSS JOIN LATERAL (
		SELECT 'pg_proc'::regclass AS class, p.oid, p.proowner AS owner, 'ROUTINE ' || p.oid::regprocedure AS kind
		FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid
		WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = o.oid AND d.deptype = 'e'
		UNION ALL
		SELECT 'pg_class'::regclass, c.oid, c.relowner, CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass
		FROM pg_class AS c WHERE c.relnamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'S')
		) AS f
	WHERE f.owner <> o.extowner
$$;
COMMENT ON FUNCTION mlops_catalog.owner_problems() IS 'What of the extension belongs to others than its owner';

-- A snapshot's owner gives it to others; everybody has what PUBLIC has of a function.
CREATE FUNCTION mlops_catalog.reach_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH opened AS (
		SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind, c.relname AS name,
			CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || c.oid::regclass AS object, a.grantee, a.privilege_type
		FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
		LEFT JOIN mlops_catalog.snapshot AS s ON c.relnamespace = 'mlops_snapshot'::regnamespace AND s.name = c.relname
		WHERE c.relkind IN ('r', 'p', 'v', 'S') AND a.grantee <> c.relowner AND (c.relnamespace = 'mlops_catalog'::regnamespace
			OR c.relnamespace = 'mlops_snapshot'::regnamespace AND NOT (a.privilege_type = 'SELECT' AND (a.grantee = s.owner OR a.grantor <> c.relowner)))
		UNION ALL
		SELECT 'column', c.relname || '.' || b.attname, c.oid::regclass::text, a.grantee, a.privilege_type
		FROM pg_class AS c JOIN pg_attribute AS b ON b.attrelid = c.oid CROSS JOIN LATERAL aclexplode(b.attacl) AS a
		WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND a.grantee <> c.relowner
		UNION ALL
		SELECT 'function', p.proname, 'ROUTINE ' || p.oid::regprocedure, a.grantee, a.privilege_type
		FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
		WHERE p.pronamespace = 'mlops_catalog'::regnamespace AND a.grantee <> p.proowner
			AND NOT EXISTS (SELECT FROM aclexplode(p.proacl) AS e WHERE e.grantee = 0))
	SELECT NULL, format('%s %s', o.kind, o.name), format('%s may %s; REVOKE ALL ON %s FROM %s', CASE o.grantee WHEN 0 THEN 'everybody' ELSE format('role %s', o.grantee::regrole) END,
		string_agg(DISTINCT o.privilege_type, ', ' ORDER BY o.privilege_type), o.object, CASE o.grantee WHEN 0 THEN 'PUBLIC' ELSE o.grantee::regrole::text END)
	FROM opened AS o LEFT JOIN pg_roles AS r ON r.oid = o.grantee WHERE r.rolsuper IS NOT true GROUP BY o.kind, o.name, o.object, o.grantee
$$;
COMMENT ON FUNCTION mlops_catalog.reach_problems() IS 'What of the catalog others than its owner may read, write or call, and of snapshots who did not get it from their owner';

-- What does not come in as a value of SQL: settings, names of roles.
CREATE FUNCTION mlops_catalog.encoding_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
	bad bigint;
BEGIN
	FOR c IN
		SELECT k.oid::regclass AS relation, a.attname, a.atttypid::regtype AS type
		FROM pg_class AS k JOIN pg_attribute AS a ON a.attrelid = k.oid
		WHERE k.relnamespace = 'mlops_catalog'::regnamespace AND k.relkind = 'r' AND NOT a.attisdropped AND (a.atttypid = 'regrole'::regtype
			OR a.attname IN ('search_path', 'settings', 'time_zone', 'role', 'session_role') AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype))
	LOOP
		IF c.type = 'regrole'::regtype THEN
			RETURN QUERY EXECUTE format($q$SELECT NULL::text, format('role %%s', r.oid), format('its name "%%s", in %s.%I, is not valid in this database''s encoding, so no dump of it can be restored: ALTER ROLE ... RENAME it in a database of the encoding it was made in', mlops_catalog.role_text(r.oid))
				FROM pg_roles AS r WHERE mlops_catalog.readable(r.rolname::text) <> r.rolname::text AND EXISTS (SELECT FROM %s AS t WHERE t.%I = r.oid)$q$,
				c.relation, c.attname, c.relation, c.attname);
			CONTINUE;
		END IF;
		EXECUTE format('SELECT count(*) FROM %s AS t WHERE mlops_catalog.readable(t.%2$I::text) <> t.%2$I::text', c.relation, c.attname) INTO bad;
		IF bad > 0 THEN
			RETURN QUERY SELECT NULL::text, format('table %s', c.relation), format('%s of its rows have bytes in column "%s" that are not valid in this database''s encoding, so no dump of it can be restored; UPDATE %s SET %I = mlops_catalog.readable(%I::text)%s by a superuser',
				bad, c.attname, c.relation, c.attname, c.attname, CASE c.type WHEN 'jsonb'::regtype THEN '::jsonb' ELSE '' END);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.encoding_problems() IS 'Stored settings and names of roles that are not valid in the database''s encoding';

CREATE FUNCTION mlops_catalog.alert_rule_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, format('alert rule %s', r.name), CASE WHEN r.metric = ANY (mlops_catalog.monitor_metric_names()) THEN 'has no bound'
			ELSE format('has metric "%s", which does not exist', r.metric) END || ', so it judges nothing; set it anew by mlops.set_alert_rule()'
	FROM mlops_catalog.alert_rule AS r JOIN mlops_catalog.model AS m USING (model_id)
	WHERE r.metric <> ALL (mlops_catalog.monitor_metric_names()) OR r.min IS NULL AND r.max IS NULL
	UNION ALL
	SELECT u.model, format('alert rule %s', u.rule), format('is judged by nothing, so it never fires: %s; %s', u.cause, u.remedy)
	FROM mlops_catalog.unjudged_rules() AS u
	UNION ALL
	SELECT r.model, 'retraining policy', r.problem || '; mlops.set_alert_rule() sets one'	-- those it names are told of as a text that could not be set
	FROM mlops_catalog.missing_rules() AS r JOIN mlops_catalog.policy AS p USING (model_id) WHERE p.triggers -> 'alerts' = 'true'
$$;
COMMENT ON FUNCTION mlops_catalog.alert_rule_problems() IS 'Alert rules that can never judge, or that there are not';

CREATE FUNCTION mlops_catalog.upkeep_problems(everything boolean) RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NULL, 'activation', 'was restored or copied from another database, or its server was upgraded, or the row in mlops_catalog.home is gone: monitors, retrainings, guards and schedules wait for mlops.activate()'
	FROM mlops.activation AS a WHERE NOT a.active
	UNION ALL
	SELECT NULL, 'maintenance', t.problem FROM mlops_catalog.standstill AS t
	UNION ALL
	SELECT NULL, 'maintenance', d.reason FROM mlops_catalog.distrust() AS d(reason) WHERE d.reason IS NOT NULL AND NOT EXISTS (SELECT FROM mlops_catalog.standstill)
	UNION ALL
	SELECT m.name, u.task, CASE WHEN u.suspended_at IS NOT NULL THEN format('is suspended since %s: %s', u.suspended_at, u.reason)
		ELSE format('has failed: %s', u.error) END
	FROM mlops_catalog.upkeep AS u LEFT JOIN mlops_catalog.model AS m USING (model_id)
	WHERE (u.suspended_at IS NOT NULL AND u.suspended_by IS NULL OR u.error IS NOT NULL) AND u.task <> ALL ('{activation,update}')	-- of which more is told here
		AND (u.model_id IS NOT NULL OR everything)
	UNION ALL
	SELECT w.model, w.object, w.problem FROM mlops_catalog.hindered_upkeep() AS w
	UNION ALL
	SELECT w.model, w.task, w.problem FROM mlops_catalog.waiting_task AS w
	UNION ALL
	SELECT coalesce(m.name, o.model), o.object, 'does not run: ' || mlops_catalog.cannot_log_in(o.owner) FROM (
		SELECT w.model_id, NULL AS model, 'monitor' AS object, w.owner FROM mlops_catalog.monitor AS w
		UNION ALL SELECT p.model_id, NULL, 'retraining policy', p.owner FROM mlops_catalog.policy AS p
		UNION ALL SELECT NULL, s.model, format('schedule %s', s.name), s.owner FROM mlops_catalog.schedule AS s) AS o
	LEFT JOIN mlops_catalog.model AS m USING (model_id) WHERE mlops_catalog.cannot_log_in(o.owner) IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.upkeep_problems(boolean) IS 'What should run by itself and does not; steps of maintenance only where everything is to be shown';

-- By name, as they are recorded; a query is read by its job alone, as its owner.  Names
-- without a schema depend on its search_path.
CREATE FUNCTION mlops_catalog.named_relations(query text) RETURNS text[]
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN query IS NOT NULL THEN mlops_catalog.parsed_relations(query) ELSE '{}' END;
EXCEPTION WHEN syntax_error OR feature_not_supported OR statement_too_complex OR invalid_parameter_value THEN
	RETURN '{}';	-- which is told as such
END
$$;
COMMENT ON FUNCTION mlops_catalog.named_relations(text) IS 'Tables and views that a query names with their schemas; none if it is no query';

CREATE FUNCTION mlops_catalog.gone_sources() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, r.object, format('reads %s, which does not exist: %s', r.source, r.again)
	FROM (SELECT p.model_id, 'retraining policy', s.name, 'it refuses to retrain; mlops.train() from another source, and deploy that version'
		FROM mlops_catalog.policy AS p JOIN mlops_catalog.model_version AS v ON v.version_id = mlops_catalog.repeated_version(p.model_id)
		JOIN mlops_catalog.run AS n USING (run_id)
		CROSS JOIN LATERAL unnest(coalesce(nullif(ARRAY[n.request ->> 'source'], ARRAY[NULL::text]), mlops_catalog.named_relations(n.request ->> 'query'))) AS s(name)
		UNION ALL SELECT w.model_id, 'monitor', n.name, 'drift is not computed; mlops.monitor() gives it another source'
		FROM mlops_catalog.monitor AS w CROSS JOIN LATERAL unnest(mlops_catalog.named_relations(w.query)) AS n(name)) AS r(model_id, object, source, again)
	JOIN mlops_catalog.model AS m USING (model_id)
	WHERE r.source IS NOT NULL AND to_regclass(r.source) IS NULL
$$;
COMMENT ON FUNCTION mlops_catalog.gone_sources() IS 'Monitors and retraining policies whose table or view is gone';

-- Whatever refuses a text where it is set tells what is wrong with one that was edited.
CREATE FUNCTION mlops_catalog.refusal(what text, of_model bigint, texts jsonb) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
	CASE what
		WHEN 'gate' THEN
			PERFORM mlops_catalog.check_gate_syntax(texts -> 'gate');
		WHEN 'monitor' THEN
			PERFORM mlops_catalog.check_statement(texts ->> 'query') WHERE texts ->> 'query' IS NOT NULL;
			PERFORM mlops_catalog.check_settings(texts -> 'settings') WHERE texts -> 'settings' <> 'null';
			PERFORM clock_timestamp() AT TIME ZONE (texts ->> 'time_zone');
		WHEN 'retraining policy' THEN
			PERFORM mlops_catalog.check_policy_triggers(of_model, (SELECT m.name FROM mlops_catalog.model AS m WHERE m.model_id = of_model), texts ->> 'schedule', texts -> 'triggers');
			PERFORM mlops_catalog.check_retraining_options(texts -> 'gate', texts ->> 'action', texts -> 'options');
		ELSE
			PERFORM mlops_catalog.check_statement(texts ->> 'command');
			PERFORM mlops_catalog.next_cron_run(texts ->> 'cron', clock_timestamp(), 'GMT');
	END CASE;
	RETURN NULL;
EXCEPTION WHEN query_canceled OR admin_shutdown THEN
	RAISE;
WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refusal(text, bigint, jsonb) IS 'Why a gate, monitor, retraining policy or schedule would be refused if it was set now; NULL: it would not';

-- Syntax alone: what runs them tells how that went.
CREATE FUNCTION mlops_catalog.text_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, t.what, format('is not what could be set: %s; set it anew', t.refusal)
	FROM (SELECT g.model_id, 'gate', mlops_catalog.refusal('gate', g.model_id, to_jsonb(g)) FROM mlops_catalog.gate AS g
		UNION ALL SELECT w.model_id, 'monitor', mlops_catalog.refusal('monitor', w.model_id, to_jsonb(w)) FROM mlops_catalog.monitor AS w
		UNION ALL SELECT p.model_id, 'retraining policy', mlops_catalog.refusal('retraining policy', p.model_id, to_jsonb(p)) FROM mlops_catalog.policy AS p) AS t(model_id, what, refusal)
	JOIN mlops_catalog.model AS m USING (model_id) WHERE t.refusal IS NOT NULL
	UNION ALL
	SELECT s.model, format('schedule %s', s.name), format('is not what could be set: %s; set it anew', s.refusal)
	FROM (SELECT c.model, c.name, mlops_catalog.refusal('schedule', NULL, to_jsonb(c)) FROM mlops_catalog.schedule AS c) AS s(model, name, refusal) WHERE s.refusal IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.text_problems() IS 'Gates, monitors, retraining policies and schedules whose texts would be refused';

CREATE FUNCTION mlops_catalog.schedule_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT s.model, format('schedule %s', s.name), format('does not run: %s', coalesce(r.problem, r.last_error))
		FROM mlops_catalog.schedule AS s CROSS JOIN LATERAL mlops_catalog.cron_run(s.cron_job_id, s.name, s.owner) AS r
		WHERE coalesce(r.problem, r.last_error) IS NOT NULL;
	BEGIN
		RETURN QUERY SELECT NULL::text, format('job %s of pg_cron', j.jobid),
				format('has the name "%s" of a schedule that does not exist: SELECT cron.unschedule(%s) in pg_cron''s database ends it', j.jobname, j.jobid)
			FROM mlops_catalog.cron_jobs() AS j
			WHERE starts_with(j.jobname, mlops_catalog.cron_name('')) AND NOT EXISTS (SELECT FROM mlops_catalog.schedule AS s
				WHERE s.cron_job_id = j.jobid AND mlops_catalog.cron_name(s.name) = j.jobname);
	EXCEPTION WHEN query_canceled OR admin_shutdown THEN
		RAISE;
	WHEN OTHERS THEN
		RETURN QUERY SELECT NULL::text, 'pg_cron', format('could not be asked for its jobs: %s', SQLERRM);
	END;
END
$$;
COMMENT ON FUNCTION mlops_catalog.schedule_problems() IS 'Schedules that pg_cron does not start, and jobs of pg_cron that are of no schedule';
REVOKE ALL ON FUNCTION mlops_catalog.schedule_problems() FROM PUBLIC;

-- After a crash the launcher has them looked for at once.
CREATE FUNCTION mlops_catalog.job_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT j.model, format('job %s', j.job_id), 'is marked as running, but no process runs it' || coalesce(': others with the key "' || j.key || '" wait for it', '')
		|| '; maintenance, or mlops.maintain(), ends it, or tries it again if it has retries left'
	FROM mlops_catalog.lost_jobs() AS j
	WHERE NOT pg_is_in_recovery() AND NOT EXISTS (SELECT FROM pg_stat_activity AS a
		WHERE a.backend_type = 'mlops launcher' AND a.backend_start > clock_timestamp() - interval '1 minute')
$$;
COMMENT ON FUNCTION mlops_catalog.job_problems() IS 'Jobs that are said to run, and that no process has';
REVOKE ALL ON FUNCTION mlops_catalog.job_problems() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.sequence_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s record;
	largest bigint;
BEGIN
	FOR s IN
		SELECT c.oid::regclass AS relation, a.attname, pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind = 'r' AND a.attidentity <> ''
	LOOP
		EXECUTE format('SELECT max(%I) FROM %s', s.attname, s.relation) INTO largest;
		IF largest > coalesce(pg_sequence_last_value(s.sequence::regclass), 0) THEN
			RETURN QUERY SELECT NULL::text, format('sequence %s', s.sequence), format('is behind %s of %s', largest, s.relation);
		ELSIF pg_sequence_last_value(s.sequence::regclass) > (1::bigint << 62) THEN
			RETURN QUERY SELECT NULL::text, format('sequence %s', s.sequence),
				format('is near its end, and then nothing can be added to %s; SELECT setval(%L, %s)', s.relation, s.sequence, coalesce(largest, 1));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.sequence_problems() IS 'Sequences that would give once more what was given, as after a restore in parts, or soon nothing';

CREATE FUNCTION mlops.check_catalog() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.check_catalog() IS
	'Checks that the catalog is consistent: bytes and the records about them, routes, aliases, roles, sequences, triggers, snapshots, gates and other texts, the audit log, automatic tasks. Returns a row for each problem, no rows if there is none';
CREATE FUNCTION mlops_catalog.check_catalog(caller regrole) RETURNS TABLE (model text, object text, problem text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	everything boolean := pg_has_role(caller, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'mlops_catalog.model'::regclass), 'USAGE');
BEGIN
	RETURN QUERY SELECT c.* FROM (
		SELECT * FROM mlops_catalog.version_problems(caller)
		UNION ALL SELECT * FROM mlops_catalog.route_problems()
		UNION ALL SELECT * FROM mlops_catalog.role_problems()
		UNION ALL SELECT * FROM mlops_catalog.run_problems()
		UNION ALL SELECT * FROM mlops_catalog.snapshot_problems()
		UNION ALL SELECT * FROM mlops_catalog.decision_problems()
		UNION ALL SELECT * FROM mlops_catalog.catalog_trigger_problems()
		UNION ALL SELECT * FROM mlops_catalog.schema_problems()
		UNION ALL SELECT * FROM mlops_catalog.owner_problems()
		UNION ALL SELECT * FROM mlops_catalog.reach_problems()
		UNION ALL SELECT * FROM mlops_catalog.encoding_problems()
		UNION ALL SELECT * FROM mlops_catalog.alert_rule_problems()
		UNION ALL SELECT * FROM mlops_catalog.text_problems()
		UNION ALL SELECT * FROM mlops_catalog.upkeep_problems(everything)
		UNION ALL SELECT * FROM mlops_catalog.gone_sources()
		UNION ALL SELECT * FROM mlops_catalog.audit_problems(caller)
		UNION ALL SELECT * FROM mlops_catalog.sequence_problems()) AS c
	WHERE everything OR c.model IS NULL OR coalesce(mlops_catalog.may(caller, c.model, 'inspect'), false);
	-- triggers on people's tables, which may name a model that does not exist
	RETURN QUERY SELECT t.* FROM mlops_catalog.trigger_problems() AS t
		WHERE everything OR coalesce(mlops_catalog.may(caller, t.model, 'inspect'), false);
	RETURN QUERY SELECT c.model, c.object, format('calls mlops.score_version with version %s, which does not exist: rows are refused there; drop it', c.version)
		FROM mlops_catalog.version_callers() AS c
		WHERE (everything OR coalesce(mlops_catalog.may(caller, c.model, 'inspect'), false))
			AND NOT EXISTS (SELECT FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id)
				WHERE m.name = c.model AND v.version = c.version AND v.dropped_at IS NULL)
		ORDER BY c.model, c.object;
	IF everything THEN
		RETURN QUERY SELECT l.model, format('version %s', l.version), 'is in the audit log, but not in the catalog: the restore was not complete'
			FROM mlops_catalog.lost_versions() AS l;
		RETURN QUERY SELECT * FROM mlops_catalog.schedule_problems();
		RETURN QUERY SELECT * FROM mlops_catalog.job_problems();
	END IF;
END
$$;
