-- Every object of the extension says what it is.
\ir setup.psql
SELECT plan(4);
SELECT is(array_agg(d.oid::regprocedure::text), NULL, 'every function has a comment')
FROM pg_depend e JOIN pg_proc d ON d.oid = e.objid
WHERE e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlops') AND e.deptype = 'e' AND e.classid = 'pg_proc'::regclass
	AND obj_description(d.oid, 'pg_proc') IS NULL;
SELECT is(array_agg(c.oid::regclass::text), NULL, 'every table and view has a comment')
FROM pg_depend e JOIN pg_class c ON c.oid = e.objid
WHERE e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlops') AND e.deptype = 'e' AND e.classid = 'pg_class'::regclass
	AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT is(array_agg(c.oid::regclass || '.' || a.attname), NULL, 'every column has a comment')
FROM pg_depend e JOIN pg_class c ON c.oid = e.objid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlops') AND e.deptype = 'e' AND e.classid = 'pg_class'::regclass
	AND c.relkind IN ('r', 'v') AND col_description(c.oid, a.attnum) IS NULL;
SELECT is(array_agg(c.oid::regclass::text), NULL, 'every table and sequence is marked for dump')
FROM pg_depend e JOIN pg_class c ON c.oid = e.objid
WHERE e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlops') AND e.deptype = 'e' AND e.classid = 'pg_class'::regclass
	AND c.relkind IN ('r', 'S')
	AND NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'mlops');
SELECT * FROM finish();
ROLLBACK;
