-- catalog.sql - the extension as it is installed, a line for each object and for
-- each part of one that an update could leave behind.  Two installations are alike
-- if their lines are.
SET search_path = pg_catalog, pg_temp;
CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'mlops' AND d.deptype = 'e';
SELECT line FROM (
	SELECT 'object ' || pg_describe_object(m.classid, m.objid, 0) || ' owner ' || coalesce(
			(SELECT relowner::regrole::text FROM pg_class WHERE m.classid = 'pg_class'::regclass AND oid = m.objid),
			(SELECT proowner::regrole::text FROM pg_proc WHERE m.classid = 'pg_proc'::regclass AND oid = m.objid), '')
		|| ' comment ' || coalesce(obj_description(m.objid, m.classid::regclass::name), '') AS line FROM member m
	UNION ALL
	SELECT format('relation %s %s options %s acl %s replica identity %s', c.oid::regclass, c.relkind, c.reloptions, c.relacl, c.relreplident)
	FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
	UNION ALL
	SELECT format('column %s.%s %s %s collation %s storage %s identity %s generated %s not null %s default %s acl %s comment %s', c.oid::regclass, a.attname, a.attnum,
		format_type(a.atttypid, a.atttypmod), a.attcollation, a.attstorage, a.attidentity, a.attgenerated, a.attnotnull, pg_get_expr(f.adbin, f.adrelid), a.attacl,
		col_description(c.oid, a.attnum))
	FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
	UNION ALL
	SELECT format('constraint %s %s %s validated %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated)
	FROM member m JOIN pg_constraint k ON m.classid = 'pg_class'::regclass AND k.conrelid = m.objid
	UNION ALL
	SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM member m JOIN pg_index i ON m.classid = 'pg_class'::regclass AND i.indrelid = m.objid
	UNION ALL
	SELECT format('view %s %s', c.oid::regclass, pg_get_viewdef(c.oid)) FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind = 'v'
	UNION ALL
	SELECT format('trigger %s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
	FROM member m JOIN pg_trigger t ON m.classid = 'pg_class'::regclass AND t.tgrelid = m.objid AND NOT t.tgisinternal
	UNION ALL
	SELECT format('event trigger %s %s %s %s %s', e.evtname, e.evtevent, e.evtfoid::regprocedure, e.evtenabled, e.evttags) FROM pg_event_trigger e WHERE e.evtname ~ '^mlops'
	UNION ALL
	SELECT format('function %s acl %s %s', p.oid::regprocedure, p.proacl, pg_get_functiondef(p.oid))
	FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid AND p.prokind <> 'a'
	UNION ALL
	SELECT format('aggregate %s acl %s names %s %s', p.oid::regprocedure, p.proacl, p.proargnames, to_jsonb(a) - '{aggfnoid,aggtranstype}'::text[])
	FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid JOIN pg_aggregate a ON a.aggfnoid = p.oid
	UNION ALL
	SELECT format('type %s %s acl %s', t.oid::regtype, to_jsonb(t) - '{oid,typarray,typrelid,typelem,typnamespace,typowner,typacl,typsubscript}'::text[], t.typacl)
	FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
	UNION ALL
	SELECT format('initial privileges of %s %s', pg_describe_object(i.classoid, i.objoid, i.objsubid), i.initprivs)
	FROM member m JOIN pg_init_privs i ON i.classoid = m.classid AND i.objoid = m.objid
	UNION ALL
	SELECT format('schema %s acl %s', n.nspname, n.nspacl) FROM pg_namespace n WHERE n.nspname ~ '^mlops'
	UNION ALL
	SELECT format('dumped %s %s', c.oid::regclass, e.extcondition[n])
	FROM pg_extension e CROSS JOIN LATERAL unnest(e.extconfig) WITH ORDINALITY AS c(oid, n) WHERE e.extname = 'mlops') AS lines
ORDER BY line COLLATE "C";
