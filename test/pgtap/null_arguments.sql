-- No argument may be NULL in a way that brings the server down: every function of
-- the extension is called with plausible arguments, with NULL in each of them in
-- turn, and with nothing but NULLs.  A call may give a result or an error, never an
-- internal one; that this file goes on is the test that the server does.
\ir setup.psql
SELECT plan(18);

\ir plausible.psql

CREATE TABLE outcome (function text, call text, sqlstate text, message text);
-- Calls it and takes back what it did.
CREATE FUNCTION try(function text, call text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
	INSERT INTO outcome VALUES (function, call, sqlstate, sqlerrm);
END $$;

-- All functions but those that SQL cannot call: they take or return "internal" or "cstring".
CREATE TABLE callable AS
SELECT p.oid, p.oid::regprocedure::text AS function, p.pronargs AS n, p.prokind AS kind,
	ARRAY(SELECT t::regtype FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, i) ORDER BY i) AS types,
	ARRAY(SELECT plausible(p.oid, coalesce(p.proargnames[i], ''), p.proargtypes[i - 1]::regtype) FROM generate_series(1, p.pronargs) AS i) AS given,
	format('%I.%I', n.nspname, p.proname) AS name
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_depend e ON e.objid = p.oid AND e.classid = 'pg_proc'::regclass AND e.deptype = 'e'
	AND e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlops')
WHERE NOT 'internal'::regtype = ANY (p.proargtypes) AND NOT 'cstring'::regtype = ANY (p.proargtypes)
	AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype) AND p.prokind <> 'p';
SELECT cmp_ok(count(*), '>', 300::bigint, 'functions that SQL can call') FROM callable;

-- which: 0 none of the arguments is NULL, -1 all, else the one of that number
CREATE FUNCTION call_of(c callable, which int) RETURNS text LANGUAGE sql AS $$
	SELECT format(CASE WHEN c.kind = 'f' THEN 'SELECT * FROM %s(%s)' ELSE 'SELECT %s(%s) FROM generate_series(1, 2)' END, c.name,
		coalesce((SELECT string_agg(CASE WHEN which IN (-1, i) THEN 'NULL' ELSE c.given[i] END || CASE WHEN c.types[i] = 'anyelement'::regtype
			THEN CASE WHEN which IN (-1, i) THEN '::tx' ELSE '' END ELSE '::' || c.types[i]::text END, ', ' ORDER BY i)
			FROM generate_series(1, c.n) AS i), '')) $$;
SET LOCAL statement_timeout = 0;
SELECT try(c.function, call_of(c, which)) FROM callable c, generate_series(-1, c.n) AS which ORDER BY c.function, which;
SELECT cmp_ok(count(*), '>', 1500::bigint, 'calls') FROM outcome;
SELECT cmp_ok(count(*) FILTER (WHERE sqlstate = 'OK000'), '>', 400::bigint, 'calls that succeed, so that the arguments are plausible') FROM outcome;
SELECT is(array_agg(format('%s: %s %s', call, sqlstate, message) ORDER BY call), NULL, 'no internal error, whatever is NULL')
FROM outcome WHERE sqlstate LIKE 'XX%' AND NOT (sqlstate = 'XX001' AND message ~ '^the (data is not|bytes are not|exported model)') OR sqlstate LIKE '58%' OR message ~ '^cache lookup failed|^unrecognized node|^could not (open|run|connect)';


SELECT is(array_agg(format('%s: %s %s', call, sqlstate, message) ORDER BY call), NULL, 'and named alone, not as damaged data')
FROM outcome WHERE call LIKE 'SELECT * FROM mlops.%' AND (message ~ '" and ".* must not be null' OR call LIKE 'SELECT * FROM mlops.import%(NULL%' AND sqlstate = 'XX001');
SELECT is(array_agg(format('%s: %s %s', call, sqlstate, message) ORDER BY call), NULL, 'what must not be NULL is named, not shown as a name')
FROM outcome WHERE call LIKE 'SELECT * FROM mlops.%' AND message ~ '"?<NULL>"?|"NULL"';

-- What everybody may call, with a value that is none in each argument in turn.
CREATE FUNCTION odd(type regtype) RETURNS text[] LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN type::text IN ('oid', 'regclass', 'regrole', 'regtype', 'regprocedure') THEN '{0::oid,1::oid,4294967295::oid}'
		WHEN type::text IN ('smallint', 'integer', 'bigint', 'numeric') THEN '{0,-1,-32768}' WHEN type::text IN ('double precision', 'real') THEN '{0,-1,''NaN'',''Infinity'',''-Infinity''}'
		WHEN type::text IN ('text', 'name') THEN ARRAY['''''', '''a/b''', '''n@x''', '''n/0''', '''{''', 'repeat(''x'', 70)', 'chr(1)'] WHEN type::text = 'bytea' THEN '{'''',decode(repeat(''00''\,99)\,''hex'')}'
		WHEN type::text IN ('jsonb', 'json') THEN ARRAY['''null''', '''[]''', '''1''', '''{"a": null}''', '''[null]'''] WHEN type::text LIKE '%[]' THEN ARRAY['''{}''', '''{NULL}''']
		WHEN type::text = 'interval' THEN ARRAY['''0''', '''-1 day''', '''100000 years'''] WHEN type::text LIKE 'timestamp%' OR type::text = 'date' THEN ARRAY['''infinity''', '''-infinity''']
		ELSE '{}' END $$;
TRUNCATE outcome;
SELECT try(c.function, replace(call_of((c.oid, c.function, c.n, c.kind, c.types, c.given[: which - 1] || 'ODD_VALUE'::text || c.given[which + 1 :], c.name), 0), 'ODD_VALUE', odd))
FROM callable c, generate_series(1, c.n) AS which, unnest(odd(c.types[which])) AS odd WHERE has_function_privilege('public', c.oid, 'EXECUTE') ORDER BY c.function, which, odd;
SELECT cmp_ok(count(*), '>', 1500::bigint, 'calls with odd values') FROM outcome;
SELECT is(array_agg(format('%s: %s %s', call, sqlstate, message) ORDER BY call), NULL, 'no internal error from what everybody may call')
FROM outcome WHERE sqlstate LIKE 'XX%' AND NOT (sqlstate = 'XX001' AND message ~ '^the (data is not|bytes are not|exported model)') OR sqlstate LIKE '58%' OR message ~ '^cache lookup failed|^unrecognized node|^could not (open|run|connect)';
SELECT throws_ok('SELECT mlops_catalog.check_trigger(0, 0)', '42P01', 'relation with OID 0 does not exist', 'a trigger of no table');

-- Sources without columns, without rows, without both.
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 3);
CREATE TABLE nothing ();
CREATE TABLE no_rows (LIKE tx);
CREATE FUNCTION of_source(source text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format(call, argument) FROM (VALUES (format('%L', source)), (format('query => %L', 'TABLE ' || source)),
		(format('query => %L', 'SELECT FROM ' || source))) AS a (argument), unnest(ARRAY[
		'SELECT * FROM mlops.train(''e'', %s, target => ''is_fraud'')', 'SELECT * FROM mlops.cross_validate(''e'', %s, target => ''is_fraud'')',
		'SELECT * FROM mlops.score_table(''n'', %s)', 'SELECT * FROM mlops.evaluate(''n'', %s)', 'SELECT * FROM mlops.curve(''n'', %s)', 'SELECT * FROM mlops.daily_precision(''n'', %s)',
		'SELECT * FROM mlops.explain_table(''n'', %s)', 'SELECT * FROM mlops.check_drift(''n'', %s)', 'SELECT * FROM mlops.record_drift(''n'', %s)',
		'SELECT * FROM mlops.add_labels(''n'', %s, key => ''id'', label => ''is_fraud'')',
		'SELECT * FROM mlops.import_decisions(''n'', %s, key => ''id'', time_column => ''ts'')', 'SELECT * FROM mlops.monitor(''n'', ''1 day'', %s)',
		'SELECT * FROM mlops.snapshot(%s, name => ''e'')', 'SELECT * FROM mlops.snapshot(%s, name => ''e'', kind => ''reference'')',
		format('SELECT * FROM mlops.drift_between(%L, ''tx'')', source), format('SELECT * FROM mlops.drift_between(''tx'', %L)', source),
		format('SELECT mlops.score(''n'', s) FROM %I s', source), format('SELECT mlops.decide(''n'', s, ''1'') FROM %I s', source),
		format('SELECT mlops.explain(''n'', s) FROM %I s', source)]) AS call $$;
TRUNCATE outcome;
SELECT try(source, call) FROM unnest('{no_columns,nothing,no_rows}'::text[]) AS source, of_source(source) AS call;
SELECT is(array_agg(format('%s: %s %s', call, sqlstate, message) ORDER BY call), NULL, 'no internal error from a source without columns or rows')
FROM outcome WHERE sqlstate LIKE 'XX%' OR sqlstate LIKE '58%' OR message ~ '^cache lookup failed|^unrecognized node|^could not (open|run|connect)';
SELECT is(array_agg(DISTINCT sqlstate), '{OK000}', 'a table without rows is a snapshot like any other') FROM outcome WHERE function = 'no_rows' AND call LIKE '%snapshot(%' AND call NOT LIKE '%SELECT FROM%';
SELECT is(array_agg(DISTINCT sqlstate || ' ' || message), '{22023 the source has no columns}', 'a source without columns is not')
FROM outcome WHERE call LIKE '%snapshot(%' AND (call LIKE '%SELECT FROM%' OR function <> 'no_rows');
SELECT throws_ok($$SELECT * FROM mlops.snapshot(query => 'SELECT', name => 'x')$$, '22023', 'the source has no columns', 'nor a query without any');
SELECT throws_ok($$SELECT * FROM mlops_catalog.read_snapshot('postgres', '{}', NULL, NULL)$$, '22004', '"query" must not be null', 'a query that SQL computed to NULL');
SELECT throws_ok($$SELECT * FROM mlops_catalog.source_columns('postgres', NULL, 'tx', NULL)$$, '22004', '"settings" must not be null', 'settings that are NULL');
SELECT throws_ok($$SELECT * FROM mlops_catalog.require(NULL, 'n', 'inspect')$$, '22004', '"caller" must not be null', 'nobody');

-- What belongs to the catalog's owner is not put where the caller's settings say.
CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler;
SET LOCAL default_table_access_method = other;
SET LOCAL default_tablespace = 'pg_global';
SELECT is((SELECT rows FROM mlops.snapshot('tx', name => 'here')), 5000::bigint, 'a snapshot under settings for other storage');
SELECT results_eq($$SELECT c.reltablespace, a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = 'mlops_snapshot.here'::regclass$$,
	$$VALUES (0::oid, 'heap'::name)$$, 'is where the database keeps tables');

SELECT * FROM finish();
ROLLBACK;
