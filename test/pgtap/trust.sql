-- No code of one role runs with another's rights: what a recorded query, and
-- what runs by itself, may reach, and whom one trusts.
\ir setup.psql
SELECT plan(94);
CREATE ROLE regress_mlops_victim;
CREATE ROLE regress_mlops_attacker;
CREATE ROLE regress_mlops_reader;
GRANT SELECT ON tx TO regress_mlops_victim, regress_mlops_attacker;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
CREATE TABLE ran (as_role name);
GRANT ALL ON ran TO PUBLIC;

SET LOCAL ROLE regress_mlops_attacker;
-- notes whose rights it has, and tries to use them
CREATE FUNCTION trap(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	INSERT INTO ran VALUES (current_user);
	RETURN $1;
END $$;
ALTER FUNCTION trap(float8) VOLATILE;
CREATE FUNCTION trap_bool(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM trap(1); RETURN true; END $$;
CREATE FUNCTION trap_text(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE bait AS SELECT id, ts, amount, country AS iban, is_fraud FROM tx;
GRANT ALL ON bait TO PUBLIC;
RESET ROLE;
SELECT lives_ok($$SELECT mlops.train('m', 'bait', target => 'is_fraud', key => 'id', time_column => 'ts', exclude => '{iban}', params => '{"n_estimators": 3}')$$, 'a superuser trains on another role''s table');
SELECT lives_ok($$SELECT mlops.train('m', 'bait', target => 'is_fraud', key => 'id', time_column => 'ts', exclude => '{iban}', params => '{"n_estimators": 2}')$$, 'twice');
SELECT lives_ok($$SELECT mlops.deploy('m', 2)$$, 'and deploys');
SELECT lives_ok($$SELECT mlops.set_gate('m', '{"pr_auc_vs_deployed": {"min_gain": -1}}')$$, 'with a gate');
SELECT lives_ok($$SELECT mlops.grant('m', 'regress_mlops_attacker', 'manage')$$, 'the role may manage the model');
SELECT lives_ok($$SELECT mlops.monitor('m', query => 'SELECT * FROM bait', time_column => 'ts')$$, 'a monitor of the superuser');
SET LOCAL ROLE regress_mlops_attacker;
ALTER TABLE bait RENAME TO bait_rows;
CREATE VIEW bait AS SELECT id, ts, trap(amount) AS amount, iban, is_fraud FROM bait_rows;
GRANT SELECT ON bait TO PUBLIC;

-- what the attacker asks for runs as the attacker, if it changes nothing
SELECT throws_ok($$SELECT * FROM mlops.reproduce('m', 1)$$, '42501', 'function trap(double precision) is VOLATILE, and a recorded query calls only functions that change nothing', 'a recorded query changes nothing, whosever code it calls');
CREATE OR REPLACE FUNCTION trap(float8) RETURNS float8 LANGUAGE plpgsql STABLE AS $$
BEGIN
	ASSERT current_user = 'regress_mlops_attacker';
	RETURN $1;
END $$;
SELECT lives_ok($$SELECT * FROM mlops.reproduce('m', 1)$$, 'reproduce by the attacker');
SELECT lives_ok($$SELECT * FROM mlops.check_gate('m', 1)$$, 'check_gate');
SELECT lives_ok($$SELECT mlops.model_card('m', 1, by => '{iban}')$$, 'model_card');
SELECT lives_ok($$SELECT * FROM mlops.retrain('m')$$, 'retrain');
SELECT lives_ok($$SELECT mlops.deploy('m', 1)$$, 'deploy under a gate');
CREATE OR REPLACE FUNCTION trap(float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO ran VALUES (current_user);
	RETURN $1;
END $$;
RESET ROLE;

-- what a superuser asks for does not run it
SELECT throws_ok(statement, '42501', 'function trap(double precision) belongs to role "regress_mlops_attacker", which role "' || current_user || '" does not trust', 'a superuser is told: ' || statement)
FROM unnest(ARRAY['SELECT * FROM mlops.reproduce(''m'', 1)', 'SELECT * FROM mlops.check_gate(''m'', 2)', 'SELECT mlops.model_card(''m'', 1, by => ''{iban}'')',
	'SELECT * FROM mlops.retrain(''m'')', 'SELECT mlops.deploy(''m'', 2)']) AS statement;
SELECT is_empty('SELECT * FROM ran', 'and nothing ran');
SELECT alike(mlops.model_card('m', 1), '%Contributions could not be computed: function trap(double precision) belongs to role%', 'a card without segments says what it could not read');

-- by itself: the monitor is the superuser's, whoever has it run
SET LOCAL ROLE regress_mlops_attacker;
SELECT alike((SELECT max(error) FROM mlops.run_monitor('m')), 'view bait belongs to role "regress_mlops_attacker", which role%does not trust', 'a monitor does not run it');
SELECT alike((SELECT drift_error FROM mlops.monitors WHERE model = 'm'), '%does not trust', 'and says so where one looks');
RESET ROLE;
SELECT is_empty('SELECT * FROM ran', 'still nothing ran');

-- everything that can be reached
CREATE FUNCTION reach(role name, query text, by_itself boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM mlops_catalog.as_role($1, jsonb_build_object(''search_path'', current_setting(''search_path'')), $2, ''{}'', $3)'
		INTO n USING role::regrole, query, by_itself;
	RETURN 'ran';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
SET LOCAL ROLE regress_mlops_attacker;
CREATE VIEW plain AS SELECT id, amount FROM tx;
GRANT SELECT ON plain TO PUBLIC;
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = trap_text);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN checked AS text CHECK (trap_bool(VALUE));
CREATE FUNCTION to_mood(int) RETURNS mood LANGUAGE sql IMMUTABLE AS 'SELECT ''sad''::mood';
CREATE AGGREGATE last_of(float8) (SFUNC = float8pl, STYPE = float8);
GRANT USAGE ON TYPE mood, checked TO PUBLIC;
SET LOCAL ROLE regress_mlops_victim;
CREATE TABLE own (id int, amount float8, name text);
INSERT INTO own VALUES (1, 2, 'x');
CREATE VIEW own_view AS SELECT * FROM own;
CREATE VIEW own_view_of_plain AS SELECT * FROM plain;
CREATE FUNCTION own_function(float8) RETURNS float8 LANGUAGE sql AS 'SELECT $1';
CREATE TABLE parent (id int, amount float8) PARTITION BY RANGE (id);
CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10);
CREATE TABLE other_child PARTITION OF parent DEFAULT;
CREATE TABLE guarded AS SELECT * FROM own;
CREATE POLICY by_trap ON guarded USING (trap_bool(name));
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE TABLE indexed AS SELECT * FROM own;
CREATE INDEX ON indexed (trap_text(name, name));
CREATE TABLE constrained (id int, name text CHECK (trap_bool(name)));
CREATE VIEW nested AS SELECT o.* FROM own_view AS o WHERE EXISTS (SELECT FROM (SELECT trap_bool(o.name) AS b) AS s WHERE s.b);
RESET ROLE;
GRANT ALL ON SCHEMA mlops TO regress_mlops_victim;
CREATE EXTENSION file_fdw;
CREATE SERVER regress_mlops_server FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE distant (id int) SERVER regress_mlops_server OPTIONS (filename '/dev/null');
GRANT USAGE ON FOREIGN DATA WRAPPER file_fdw TO regress_mlops_attacker;
ALTER FOREIGN TABLE distant OWNER TO regress_mlops_victim;
ALTER SERVER regress_mlops_server OWNER TO regress_mlops_attacker;
ALTER TABLE other_child OWNER TO regress_mlops_attacker;
TRUNCATE ran;
CREATE TABLE reached (place int GENERATED ALWAYS AS IDENTITY, what text, statement text, object text);
INSERT INTO reached (what, statement, object) VALUES
	('own table', 'SELECT * FROM own', NULL),
	('own view', 'SELECT * FROM own_view', NULL),
	('own function', 'SELECT own_function(amount) FROM own', NULL),
	('a superuser''s table', 'SELECT * FROM tx', NULL),
	('functions of pg_catalog', 'SELECT lower(name), count(*) OVER (ORDER BY id) FROM own', NULL),
	('functions of mlops', 'SELECT mlops.progress_bar(1, 2)', NULL),
	('a view of another role', 'SELECT * FROM plain', 'view plain'),
	('the same through an own view', 'SELECT * FROM own_view_of_plain', 'view plain'),
	('a table of another role', 'SELECT * FROM bait_rows', 'table bait_rows'),
	('a function', 'SELECT trap(amount) FROM own', 'function trap(double precision)'),
	('a function in FROM', 'SELECT * FROM own, trap(1) AS t', 'function trap(double precision)'),
	('a function in a subquery of a view', 'SELECT * FROM nested', 'function trap_bool(text)'),
	('a function in a CTE', 'WITH c AS MATERIALIZED (SELECT trap(1)) SELECT * FROM c', 'function trap(double precision)'),
	('a function in LIMIT', 'SELECT * FROM own LIMIT trap(1)', 'function trap(double precision)'),
	('a function in ORDER BY', 'SELECT * FROM own ORDER BY trap(amount)', 'function trap(double precision)'),
	('an operator', 'SELECT name === name FROM own', 'function trap_text(text,text)'),
	('an aggregate', 'SELECT last_of(amount) FROM own', 'function last_of(double precision)'),
	('a window function', 'SELECT last_of(amount) OVER () FROM own', 'function last_of(double precision)'),
	('an enum', 'SELECT NULL::mood FROM own', 'type mood'),
	('a cast to a domain', 'SELECT name::checked FROM own', 'type checked'),
	('a policy of row security', 'SELECT * FROM guarded', 'function trap_bool(text)'),
	('an expression of an index', 'SELECT * FROM indexed', 'function trap_text(text,text)'),
	('a constraint', 'SELECT * FROM constrained', 'function trap_bool(text)'),
	('a partition', 'SELECT * FROM parent', 'table other_child'),
	('a server of a foreign table', 'SELECT * FROM distant', 'server regress_mlops_server');
SELECT is(reach('regress_mlops_victim', statement), coalesce(object || ' belongs to role "regress_mlops_attacker", which role "regress_mlops_victim" does not trust', 'ran'), 'by itself: ' || what)
FROM reached ORDER BY place;
SELECT is_empty('SELECT * FROM ran', 'nothing of it ran, nor was it planned');
SELECT is((SELECT array_agg(what ORDER BY place) FROM reached WHERE object IS NOT NULL AND reach('regress_mlops_victim', statement, false) = 'ran'),
	'{a view of another role,the same through an own view,a table of another role,an enum,a partition}', 'a recorded query that one asks for may read tables and views of others, without code');
SELECT is_empty('SELECT * FROM ran', 'nothing ran');
SELECT is(reach('regress_mlops_victim', 'SELECT ''x''::checked', false), 'function trap_bool(text) belongs to role "regress_mlops_attacker", which role "regress_mlops_victim" does not trust', 'the check of a domain is code');

-- what runs by itself leaves no job behind that reaches further
ALTER ROLE regress_mlops_victim LOGIN;
REVOKE CREATE ON SCHEMA mlops FROM regress_mlops_victim;
CREATE TABLE submitted AS SELECT by_itself, (SELECT (r ->> 'id')::bigint FROM mlops_catalog.as_role('regress_mlops_victim', '{}', 'SELECT mlops.submit(''SELECT 1'') AS id', '{}', by_itself) AS r) AS job_id
	FROM unnest('{true,false}'::boolean[]) AS by_itself;
SELECT is((SELECT array_agg((s.by_itself, j.unattended)::text ORDER BY s.by_itself) FROM submitted AS s JOIN mlops.jobs AS j USING (job_id)), '{"(f,f)","(t,t)"}', 'a job of what runs by itself runs by itself, one of a person does not');

-- trust
SET LOCAL ROLE regress_mlops_victim;
SELECT throws_ok('SELECT mlops.trust(NULL)', '22004', '"role" must not be null', 'trust whom?');
SELECT throws_ok($$SELECT mlops.trust('public')$$, '22023', '"role" must be a role, not public', 'not everybody');
SELECT throws_ok($$SELECT mlops.trust('regress_mlops_none')$$, '42704', 'role "regress_mlops_none" does not exist', 'not nobody');
SELECT is((SELECT (role, trusts)::text FROM mlops.trust('regress_mlops_attacker')), '(regress_mlops_victim,regress_mlops_attacker)', 'trust says what it did');
SELECT is((SELECT count(*) FROM mlops.trust('regress_mlops_attacker')), 1::bigint, 'twice is no error');
RESET ROLE;
SELECT is((SELECT array_agg(DISTINCT reach('regress_mlops_victim', statement)) FROM reached WHERE what IN ('a view of another role', 'a function', 'a cast to a domain', 'a partition')), '{ran}', 'then it runs');
SELECT is((SELECT array_agg(DISTINCT as_role) FROM ran), '{regress_mlops_victim}'::name[], 'with the rights of who trusts');
SET LOCAL ROLE regress_mlops_attacker;
SELECT is_empty('SELECT * FROM mlops.trusted_roles', 'who is trusted does not see it');
SELECT is_empty($$SELECT * FROM mlops.distrust('regress_mlops_victim')$$, 'and takes nothing back');
SET LOCAL ROLE regress_mlops_victim;
SELECT is((SELECT trusts FROM mlops.distrust('regress_mlops_attacker')), 'regress_mlops_attacker', 'distrust says what it did');
RESET ROLE;
SELECT isnt(reach('regress_mlops_victim', 'SELECT * FROM plain'), 'ran', 'then it does not');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT array_agg((event, role, detail)::text ORDER BY seq) FROM mlops.audit_log WHERE event LIKE '%trust'),
	ARRAY['(trust,regress_mlops_victim,"{""role"": ""regress_mlops_attacker""}")', '(distrust,regress_mlops_victim,"{""role"": ""regress_mlops_attacker""}")'], 'both are in the audit log');
SET CONSTRAINTS ALL DEFERRED;
SELECT throws_ok('SET mlops.checked_reach = 0', '55P02', NULL, 'nobody sets what is checked');

-- SELECT on what is shown, by columns
SELECT lives_ok($$SELECT mlops.train('priv', query => 'SELECT id, ts, amount, country, is_fraud FROM tx', target => 'is_fraud', key => 'id', time_column => 'ts', exclude => '{country}', params => '{"n_estimators": 3}');
	SELECT mlops.grant('priv', 'regress_mlops_reader', 'manage'); SELECT mlops.set_gate('priv', '{"fairness": {"by": "country", "metric": "alert_rate", "max_gap": 1}}')$$, 'a column that is not learned from');
GRANT SELECT (id, ts, amount, is_fraud) ON tx TO regress_mlops_reader;
SET LOCAL ROLE regress_mlops_reader;
SELECT throws_ok($$SELECT mlops.model_card('priv', 1, by => '{country}')$$, '42501', 'permission denied for table tx', 'is not shown by a card to who may not read it');
SELECT throws_ok($$SELECT * FROM mlops.check_gate('priv', 1)$$, '42501', 'permission denied for table tx', 'nor by a gate');
DO $$
DECLARE
	d text;
	h text;
BEGIN
	PERFORM mlops.model_card('priv', 1, by => '{country}');
EXCEPTION WHEN insufficient_privilege THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	PERFORM set_config('regress.words', d || ' ' || h, true);
END $$;
SELECT is(current_setting('regress.words'), format('What was recorded is read with the rights of who asks, and role "regress_mlops_reader" may not read "country". Its owner can run GRANT SELECT ON %I.tx TO regress_mlops_reader.',
	(SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'tx')), 'which names role, column and grant');

-- roles that are gone
RESET ROLE;
CREATE ROLE regress_mlops_leaver;
GRANT regress_mlops_leaver TO CURRENT_USER;
GRANT SELECT ON tx TO regress_mlops_leaver;
SET LOCAL ROLE regress_mlops_leaver;
SELECT lives_ok($$SELECT mlops.train('left', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}');
	SELECT mlops.monitor('left', source => 'tx', time_column => 'ts'); SELECT mlops.set_retraining_policy('left', '@daily'); SELECT mlops.trust('regress_mlops_reader');
	SELECT mlops.set_gate('left', '{"fairness": {"by": "country", "metric": "alert_rate", "max_gap": 1, "min_rows": 1}}');
	SELECT mlops.snapshot('tx', 'left_reference', kind => 'reference'); SELECT mlops.snapshot('tx', 'left_copy')$$, 'a role sets up a model''s life');
RESET ROLE;
SELECT lives_ok($$SELECT mlops.set_owner('left', 'regress_mlops_victim')$$, 'gives the model away');
DROP OWNED BY regress_mlops_leaver;
SELECT mlops.distrust('regress_mlops_attacker') \g /dev/null
DROP ROLE regress_mlops_leaver;
SELECT is((SELECT array_agg(object || ' ' || regexp_replace(problem, 'role [0-9]+', 'role N') ORDER BY object) FROM mlops.check_catalog() WHERE problem ~ 'role [0-9]+'),
	'{"monitor runs as role N, which does not exist; mlops.monitor() takes it over","retraining policy runs as role N, which does not exist; mlops.set_retraining_policy() takes it over","trust role N does not exist"}', 'and is gone: check_catalog says what stands still, and what to do');
SELECT is((SELECT problem FROM mlops.check_catalog() WHERE object = 'queries'), 'those of versions 1 were recorded by a role that does not exist, and are not read again; mlops.adopt_query(''left'', ...) takes them over', 'nor are its queries read');
SELECT throws_ok(statement, '42501', 'the query was recorded by a role that no longer exists', statement || ', to a superuser neither')
FROM unnest(ARRAY['SELECT * FROM mlops.reproduce(''left'', 1)', 'SELECT * FROM mlops.verify_snapshot(''left_reference'')']) AS statement;
SELECT ok((SELECT intact FROM mlops.verify_snapshot('left_copy')), 'but a copy needs no author');
SET LOCAL ROLE regress_mlops_victim;
SELECT throws_ok(statement, '42501', 'the query was recorded by a role that no longer exists', statement)
FROM unnest(ARRAY['SELECT * FROM mlops.reproduce(''left'', 1)', 'SELECT * FROM mlops.retrain(''left'')', 'SELECT mlops.model_card(''left'', 1, by => ''{country}'')',
	'SELECT * FROM mlops.check_gate(''left'', 1)', 'SELECT mlops.deploy(''left'', 1)']) AS statement;
SELECT alike(mlops.model_card('left', 1), '%Contributions could not be computed: the query was recorded by a role that no longer exists.%', 'the card does without');
RESET ROLE;
SELECT mlops.grant('left', 'regress_mlops_reader', 'deploy') \g /dev/null
SET LOCAL ROLE regress_mlops_reader;
SELECT throws_ok($$SELECT mlops.adopt_query('left', 1)$$, '42501', 'permission denied to manage model "left"', 'it takes manage to take it over');
RESET ROLE;
SET LOCAL ROLE regress_mlops_victim;
SELECT throws_ok($$SELECT mlops.adopt_query('left', 2)$$, '42704', NULL, 'and a version');
SELECT alike(mlops.adopt_query('left', 1), 'SELECT%tx%', 'who does learns what it says');
RESET ROLE;
SELECT is((SELECT role FROM mlops_catalog.audit_waiting WHERE event = 'adopt_query' AND model = 'left' AND version = 1), 'regress_mlops_victim', 'it is audited');
SET LOCAL ROLE regress_mlops_victim;
SELECT throws_ok($$SELECT mlops.adopt_query('left', 1)$$, '55000', 'the query of version 1 of model "left" is that of role "regress_mlops_victim"', 'nobody takes it from him');
SELECT lives_ok($$SELECT * FROM mlops.reproduce('left', 1)$$, 'now it is read');
SELECT lives_ok($$SELECT * FROM mlops.retrain('left')$$, 'and trained on again');
SELECT lives_ok($$SELECT mlops.deploy('left', 1)$$, 'and the gate measures');
SELECT alike((SELECT max(error) FROM mlops.run_monitor('left')), 'role % as which this must run, no longer exists', 'the monitor does, and says so');
SELECT lives_ok($$SELECT mlops.monitor('left', source => 'tx', time_column => 'ts'); SELECT mlops.set_retraining_policy('left', '@daily')$$, 'set up again, they are taken over');
SELECT is((SELECT array_agg(DISTINCT error) FROM mlops.run_monitor('left')), ARRAY[NULL]::text[], 'and run');
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE model = 'left'$$, 'check_catalog is content');
SELECT * FROM finish();
ROLLBACK;
