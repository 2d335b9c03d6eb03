-- A recorded query, read again by somebody else, changes nothing with his
-- rights: neither by functions of PostgreSQL and mlops themselves, nor by checks
-- of domains, however deep in a type and however reached.
\ir setup.psql
SELECT plan(119);
CREATE ROLE regress_mlops_eve;
CREATE ROLE regress_mlops_reader;
GRANT SELECT ON tx TO regress_mlops_eve, regress_mlops_reader;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
CREATE TABLE ran (as_role name);
GRANT ALL ON ran TO PUBLIC;

-- ---- what changes something

SET LOCAL ROLE regress_mlops_eve;
CREATE VIEW bait AS SELECT id, ts, amount, is_fraud FROM tx;
CREATE SEQUENCE numbers;
CREATE FUNCTION note(float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO ran VALUES (current_user);
	RETURN $1;
END $$;
GRANT ALL ON bait, numbers TO PUBLIC;
SELECT lives_ok($$SELECT mlops.train('eves', 'bait', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}')$$, 'eve trains on a view of hers');
SELECT lives_ok($$SELECT mlops.grant('eves', 'regress_mlops_reader', 'manage')$$, 'and invites');
RESET ROLE;

CREATE FUNCTION set_bait(expression text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_mlops_eve;
	EXECUTE format('CREATE OR REPLACE VIEW bait AS SELECT id, ts, CASE WHEN %s IS NULL THEN amount ELSE amount END AS amount, is_fraud FROM tx', expression);
	RESET ROLE;
END $$;
-- what each way of reading the version again says
CREATE FUNCTION said(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statement;
	RESET ROLE;
	RETURN 'ran';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION answers(role name) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	RETURN ARRAY(SELECT DISTINCT said(role, statement) FROM unnest(ARRAY[
		'SELECT * FROM mlops.reproduce(''eves'', 1)', 'SELECT mlops.model_card(''eves'', 1, by => ''{is_fraud}'')', 'SELECT * FROM mlops.retrain(''eves'')']) AS statement);
END $$;
CREATE TABLE dangerous (place int GENERATED ALWAYS AS IDENTITY, call text, name text);
INSERT INTO dangerous (call, name) VALUES
	('pg_read_file(''PG_VERSION'')', 'pg_read_file(text)'),
	('(SELECT count(*) FROM pg_ls_dir(''.''))', 'pg_ls_dir(text)'),
	('set_config(''search_path'', ''x'', false)', 'set_config(text,text,boolean)'),
	('pg_notify(''mlops_alert'', ''1'')', 'pg_notify(text,text)'),
	('lo_creat(1)', 'lo_creat(integer)'),
	('lo_from_bytea(0, ''x'')', 'lo_from_bytea(oid,bytea)'),
	('nextval(''numbers'')', 'nextval(regclass)'),
	('pg_terminate_backend(0)', 'pg_terminate_backend(integer,bigint)'),
	('pg_advisory_lock(1)', 'pg_advisory_lock(bigint)'),
	('query_to_xml(''SELECT 1'', true, true, '''')::text', 'query_to_xml(text,boolean,boolean,text)'),
	('(SELECT count(*) FROM ts_stat(''SELECT ''''a''''::tsvector''))', 'ts_stat(text)'),
	('pg_stat_reset()', 'pg_stat_reset()'),
	('pg_sleep(0)', 'pg_sleep(double precision)'),
	('(SELECT count(*) FROM mlops.grant(''eves'', ''regress_mlops_eve'', ''manage''))', 'mlops."grant"(text,name,text)'),
	('mlops.submit(''ALTER ROLE regress_mlops_eve SUPERUSER'')', 'mlops.submit(text,interval,integer,integer,text,text,text,boolean)'),
	('(SELECT count(*) FROM mlops.trust(''regress_mlops_eve''))', 'mlops.trust(name)'),
	('(SELECT count(*) FROM mlops.snapshot(name => ''stolen'', query => ''SELECT * FROM pg_authid''))', 'mlops.snapshot(regclass,text,text,text,text,text,jsonb)'),
	('(SELECT max(x) FROM (SELECT note(1) AS x) AS s)', 'note(double precision)');
CREATE TABLE said_of (role name, place int, answers text[]);
DO $$
DECLARE
	d dangerous;
	who name;
BEGIN
	FOR d IN SELECT * FROM dangerous LOOP
		PERFORM set_bait(d.call);
		FOREACH who IN ARRAY ARRAY[current_user, 'regress_mlops_reader'] LOOP
			INSERT INTO said_of VALUES (who, d.place, answers(who));
		END LOOP;
	END LOOP;
END $$;
SELECT is(s.answers, CASE WHEN d.name LIKE 'note%' THEN ARRAY[format('function note(double precision) belongs to role "regress_mlops_eve", which role "%s" does not trust', s.role)]
		ELSE ARRAY[format('function %s is VOLATILE, and a recorded query calls only functions that change nothing', d.name)] END,
	format('%s is refused for %s', d.call, CASE s.role WHEN current_user THEN 'a superuser' ELSE 'another role' END))
FROM said_of AS s JOIN dangerous AS d USING (place) ORDER BY place, s.role;
SELECT is_empty('SELECT * FROM ran', 'nothing ran');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_mlops_eve'), false, 'and eve is what she was');
SELECT set_bait('random() + extract(epoch FROM clock_timestamp()) + length(gen_random_uuid()::text) + length(lower(''X''))') \g /dev/null
SELECT is(answers(current_user), '{ran}', 'what changes nothing may be called, though it be VOLATILE');
SELECT set_bait('mlops.score_version(''eves'', 1, tx)') \g /dev/null
SELECT is(answers(current_user), '{ran}', 'a score may be a feature');

-- a function that says it changes nothing, and does
SELECT mlops.trust('regress_mlops_eve') \g /dev/null
CREATE FUNCTION claims() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN set_config('regress.claimed', 'yes', false); END $$;
SELECT set_bait('claims()') \g /dev/null
SELECT is(answers(current_user), ARRAY['function set_config(text,text,boolean) is VOLATILE, and a recorded query calls only functions that change nothing'], 'is refused when it does');
SELECT is(coalesce(current_setting('regress.claimed', true), ''), '', 'before');
CREATE DOMAIN claiming AS text CHECK (set_config('regress.claimed', VALUE, false) IS NOT NULL);
CREATE FUNCTION assigns() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE v claiming; t text := 'x'; BEGIN v := t; RETURN v; END $$;
SELECT set_bait('assigns()') \g /dev/null
SELECT is(answers(current_user), ARRAY['function set_config(text,text,boolean) is VOLATILE, and a recorded query calls only functions that change nothing'], 'nor may a check that no plan shows');
SELECT is(coalesce(current_setting('regress.claimed', true), ''), '', 'it has not run');
SELECT mlops.distrust('regress_mlops_eve') \g /dev/null
SELECT set_bait('1') \g /dev/null

-- the text itself, by itself, and what it leaves
SELECT is((SELECT array_agg(DISTINCT said('regress_mlops_eve', statement)) FROM unnest(ARRAY[
	$$SELECT mlops.train('eves', query => 'SELECT id, ts, amount + nextval(''numbers'') * 0 AS amount, is_fraud FROM tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}')$$,
	$$SELECT mlops.deploy('eves', (SELECT max(version) FROM mlops.versions WHERE model = 'eves'))$$]) AS statement), '{ran}', 'a person may train on what a SELECT of his may do');
SELECT is(said(current_user, $$SELECT * FROM mlops.retrain('eves')$$), 'function nextval(regclass) is VOLATILE, and a recorded query calls only functions that change nothing', 'read again, the text is held to the rule too');
SELECT is(said('regress_mlops_eve', $$SELECT mlops.monitor('eves', query => 'SELECT id, ts, amount, nextval(''numbers'') AS n FROM tx', time_column => 'ts')$$),
	'function nextval(regclass) is VOLATILE, and a recorded query calls only functions that change nothing', 'a monitor''s query is told at once');
SELECT is(said('regress_mlops_eve', $$SELECT mlops.snapshot(name => 'numbered', query => 'SELECT id, nextval(''numbers'') AS n FROM tx', kind => 'reference')$$), 'ran', 'a snapshot is taken by a person');
SELECT is(said('regress_mlops_eve', $$SELECT * FROM mlops.verify_snapshot('numbered')$$),
	'function nextval(regclass) is VOLATILE, and a recorded query calls only functions that change nothing', 'and verified by the rule');

-- ---- types

CREATE FUNCTION reach(role name, query text, by_itself boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM mlops_catalog.as_role(role::regrole, jsonb_build_object('search_path', current_setting('search_path')), query, '{}', by_itself, true);
	RETURN 'ran';
EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN	-- a server without XML
	RETURN SQLERRM;
END $$;
SET LOCAL ROLE regress_mlops_eve;
CREATE FUNCTION noted(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM note(1); RETURN true; END $$;
CREATE DOMAIN checked AS text;
CREATE DOMAIN of_checked AS checked;
CREATE DOMAIN checks AS text[];
CREATE DOMAIN checked_number AS int;
CREATE TYPE with_checked AS (a int, b checked);
CREATE TYPE with_list AS (a int, b checks);
CREATE TYPE nested AS (a with_checked[], b int);
CREATE DOMAIN of_composite AS with_checked;
CREATE TABLE rows_with_checked (id int, name of_checked);
CREATE TABLE children () INHERITS (rows_with_checked);
CREATE TYPE spans AS RANGE (subtype = checked_number);
CREATE TYPE shown AS (a int);
CREATE FUNCTION show(shown) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM note(1); RETURN '1'; END $$;
CREATE CAST (shown AS json) WITH FUNCTION show(shown);
CREATE TABLE showing (id int, value shown);
INSERT INTO showing VALUES (1, ROW(1)::shown);
GRANT SELECT ON showing TO PUBLIC;
CREATE FUNCTION settles(int) RETURNS boolean LANGUAGE sql AS $$ SELECT set_config('regress.settled', current_user, false) IS NOT NULL $$;
CREATE DOMAIN settling AS int CHECK (set_config('regress.settled', current_user, false) IS NOT NULL);
CREATE TYPE with_settling AS (a settling);
CREATE TABLE settled (id int, value with_settling);
GRANT SELECT ON settled TO PUBLIC;
RESET ROLE;
ALTER DOMAIN checked ADD CHECK (noted(VALUE));
ALTER DOMAIN checks ADD CHECK (noted(VALUE[1]));
ALTER DOMAIN checked_number ADD CHECK (noted(VALUE::text));
CREATE TABLE ways (place int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO ways (query) VALUES
	($$SELECT 'x'::text::of_checked$$),
	($$SELECT domain_in('x', 'checked'::regtype, -1)::text$$),
	($$SELECT array_in('{x}', 'checked'::regtype, -1)::text$$),
	($$SELECT record_in('(1,x)', 'with_checked'::regtype, -1)::text$$),
	($$SELECT range_in('[1,2)', 'spans'::regtype, -1)::text$$),
	($$SELECT '(1,x)'::text::with_checked$$),
	($$SELECT '(1,{x})'::text::with_list$$),
	($$SELECT ('("{""(1,x)""}",1)'::text::nested)::text$$),
	($$SELECT '(1,x)'::text::of_composite$$),
	($$SELECT '(1,x)'::text::rows_with_checked$$),
	($$SELECT ARRAY['x']::text[]::checked[]$$),
	($$SELECT '[1,2)'::text::spans$$),
	($$SELECT ('{[1,2)}'::text::spans_multirange)::text$$),
	($$SELECT (jsonb_populate_record(NULL::with_checked, '{"b": "x"}')).a$$),
	($$SELECT (json_populate_recordset(NULL::nested, '[{"a": [{"b": "x"}]}]')).b$$),
	($$SELECT a FROM jsonb_to_record('{"a": "x"}') AS t(a checked)$$),
	($$SELECT a::text FROM jsonb_to_recordset('[{"a": "x"}]') AS t(a of_checked)$$),
	($$SELECT 1 FROM jsonb_to_record('{"a": "x"}') AS t(a checked)$$),	-- nothing else has its type
	($$SELECT t.a FROM ROWS FROM (generate_series(1, 2), json_to_record('{"a": {"b": "x"}}') AS (a with_checked)) AS t(n, a)$$),
	($$SELECT b::text FROM XMLTABLE('/r' PASSING (xml '<r><b>x</b></r>') COLUMNS b checked PATH 'b')$$),
	($$SELECT CASE WHEN true THEN '(1,x)'::text::with_checked END IS NULL$$),
	($$SELECT NULLIF('x'::text::checked, 'y')$$),
	($$SELECT to_jsonb(value) FROM showing$$),
	($$SELECT json_agg(s) FROM showing AS s$$),
	($$SELECT row_to_json(s) FROM showing AS s$$),
	-- while it is parsed
	($$SELECT '(1,x)'::with_checked$$),
	($$SELECT '{x}'::checked[]$$),
	($$SELECT '(1)'::with_settling$$),
	($$SELECT coalesce(value, '(1)') FROM settled$$);
SELECT isnt(reach(who, query, by_itself), 'ran', format('%s %s: %s', CASE who WHEN current_user THEN 'a superuser' ELSE 'a role' END, CASE WHEN by_itself THEN 'by itself' ELSE 'asked' END, query))
FROM ways CROSS JOIN (VALUES (current_user, false), ('regress_mlops_reader', true)) AS w(who, by_itself) ORDER BY place, by_itself;
SELECT is_empty('SELECT * FROM ran', 'no code of eve''s ran');
SELECT matches(reach(current_user, query, false), '^function (domain|array|record|range)_in.* may not be called here', 'not even looked into: ' || query) FROM ways WHERE query ~ '_in\(' ORDER BY place;
SELECT is(reach(current_user, query, false), reach(current_user, $$SELECT 'x'::text::checked$$, false), 'found before it runs: ' || query) FROM ways WHERE query ~ 'to_record' ORDER BY place;
SELECT is(coalesce(current_setting('regress.settled', true), ''), '', 'nor was anything set');
SELECT * FROM finish();
ROLLBACK;
