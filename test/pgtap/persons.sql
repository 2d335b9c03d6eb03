-- Who is behind a training or an approval is a person who asked: what code of
-- others does in his session, or in what maintains a table, is not.
\ir setup.psql
SELECT plan(31);
SET LOCAL client_min_messages = error;
CREATE ROLE regress_eve;
CREATE ROLE regress_eve_too;
CREATE ROLE regress_bob;
CREATE ROLE regress_cat;
GRANT regress_eve_too TO regress_eve;
CREATE SCHEMA e;
GRANT ALL ON SCHEMA e TO regress_eve, regress_eve_too;
GRANT USAGE ON SCHEMA e TO regress_bob;
CREATE TABLE e.small AS SELECT id, amount, is_fraud FROM tx WHERE id <= 500;
GRANT SELECT ON e.small TO regress_eve, regress_eve_too, regress_bob;
GRANT pg_read_all_settings TO regress_bob;

SET SESSION AUTHORIZATION regress_eve;
CREATE FUNCTION e.learn() RETURNS int LANGUAGE sql AS $$
	SELECT version FROM mlops.train('m', 'e.small', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression') $$;
SELECT e.learn() \g /dev/null
SELECT FROM mlops.grant('m', 'regress_eve_too', 'manage') \g /dev/null
SELECT FROM mlops.grant('m', 'regress_bob', 'deploy') \g /dev/null
SELECT FROM mlops.grant('m', 'regress_cat', 'deploy') \g /dev/null
SELECT FROM mlops.set_gate('m', '{"approvals": {"count": 1, "four_eyes": true}}') \g /dev/null
RESET SESSION AUTHORIZATION;
CREATE FUNCTION counted(v int) RETURNS jsonb LANGUAGE sql AS $$ SELECT detail -> 'counted' FROM mlops.check_gate('m', v) WHERE condition = 'approvals' $$;
SELECT is((SELECT in_person FROM mlops_catalog.model_version WHERE version = 1), true, 'who trains by a statement, in functions with his own rights, asked for it');

-- ---- approvals
SET SESSION AUTHORIZATION regress_eve;
SET ROLE regress_eve_too;
CREATE FUNCTION e.approve() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT role::text FROM mlops.approve('m', 1) $$;
CREATE FUNCTION e.approve_as_caller() RETURNS text LANGUAGE sql AS $$ SELECT role::text FROM mlops.approve('m', 1) $$;
CREATE FUNCTION e.by_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM mlops.approve('m', 1); RETURN NULL; END $$;
CREATE FUNCTION e.by_trigger_as_caller() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mlops.approve('m', 1); RETURN NULL; END $$;
CREATE TABLE e.pay (x int);
CREATE TABLE e.pay_too (x int);
GRANT INSERT ON e.pay, e.pay_too TO regress_bob;
CREATE TRIGGER t AFTER INSERT ON e.pay FOR EACH ROW EXECUTE FUNCTION e.by_trigger();
CREATE TRIGGER t AFTER INSERT ON e.pay_too FOR EACH ROW EXECUTE FUNCTION e.by_trigger_as_caller();
SELECT throws_ok('SELECT e.approve()', '42501', 'cannot execute mlops.approve(): it was not the session itself that called it',
	'a SECURITY DEFINER function approves nothing, even in a session that has taken its role');
SET SESSION AUTHORIZATION regress_bob;
SELECT throws_ok('SELECT e.approve()', '42501', 'cannot execute mlops.approve(): it was not the session itself that called it', 'nor in that of another');
SELECT throws_ok('INSERT INTO e.pay VALUES (1)', '42501', 'cannot execute mlops.approve(): it was not the session itself that called it', 'nor does a trigger');
SELECT throws_ok('INSERT INTO e.pay_too VALUES (1)', '42501', 'cannot execute mlops.approve(): it was not the session itself that called it', 'with whose rights it may run');
RESET SESSION AUTHORIZATION;
SELECT is_empty('SELECT * FROM mlops_catalog.approval', 'none is left');

-- ---- what maintains a table
SET SESSION AUTHORIZATION regress_eve;
CREATE FUNCTION e.statement() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('e.statement', true) $$;
CREATE FUNCTION e.f(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x; END $$;
CREATE TABLE e.trap (x int);
CREATE INDEX ON e.trap (e.f(x));
INSERT INTO e.trap SELECT generate_series(1, 10);
CREATE OR REPLACE FUNCTION e.f(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN EXECUTE e.statement(); RETURN x; END $$;
SET ROLE regress_eve_too;
CREATE FUNCTION e.learn_as_owner() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT e.learn() $$;
RESET SESSION AUTHORIZATION;
SELECT set_config('e.bytes', encode(mlops.export_model('m', 1), 'hex'), true) \g /dev/null
SELECT throws_ok(format('SET LOCAL e.statement = %L; ANALYZE e.trap', c.command), '42501', format('cannot execute mlops.%s() within security-restricted operation', c.name),
	c.name || ' is refused where a superuser analyzes a table')
FROM (VALUES ('approve', 'SELECT mlops.approve(''m'', 1)'), ('train', 'SELECT e.learn()'), ('train', 'SELECT e.learn_as_owner()'),
	('tune', 'SELECT mlops.tune(''m'', ''e.small'', target => ''is_fraud'', key => ''id'', trials => 2)'),
	('cross_validate', 'SELECT mlops.cross_validate(''m'', ''e.small'', target => ''is_fraud'', key => ''id'')'),
	('import_model', 'SELECT mlops.import_model(decode(current_setting(''e.bytes''), ''hex''), ''m'')'),
	('retrain', 'SELECT mlops.retrain(''m'')'), ('deploy', 'SELECT mlops.deploy(''m'', 1)'), ('set_gate', 'SELECT mlops.set_gate(''m'', NULL)'),
	('grant', 'SELECT mlops.grant(''m'', ''public'', ''manage'')'), ('monitor', 'SELECT mlops.monitor(''m'', ''1 hour'')'),
	('set_retraining_policy', 'SELECT mlops.set_retraining_policy(''m'', ''@daily'')'),
	('add_labels', 'SELECT mlops.add_labels(''m'', query => ''SELECT 1 AS key, true AS label'')'),
	('trust', 'SELECT mlops.trust(''regress_bob'')'), ('start_run', 'SELECT mlops.start_run(''x'')')) AS c (name, command);
SELECT lives_ok($$SET LOCAL e.statement = 'SELECT count(*) FROM mlops.models'; ANALYZE e.trap$$, 'what reads goes on');
SELECT throws_ok($$CREATE MATERIALIZED VIEW e.v AS SELECT role::text FROM mlops.approve('m', 1)$$, '42501', 'cannot execute mlops.approve() within security-restricted operation',
	'the query of a materialized view changes no model either');

-- ---- a training in code of another is of whoever may take the role of that code, too
SET SESSION AUTHORIZATION regress_bob;
SELECT is((SELECT e.learn_as_owner()), 2, 'a SECURITY DEFINER function trains');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT (owner, person, in_person)::text FROM mlops_catalog.model_version WHERE version = 2), '(regress_eve_too,regress_bob,f)', 'in the session of another, who did not ask for it');
SET SESSION AUTHORIZATION regress_bob;
SELECT FROM mlops.approve('m', 2) \g /dev/null
SET SESSION AUTHORIZATION regress_eve;
SELECT FROM mlops.approve('m', 2) \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(counted(2), NULL, 'neither he nor who may take the role of that code approves it');
SET SESSION AUTHORIZATION regress_cat;
SELECT FROM mlops.approve('m', 2) \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(counted(2), '["regress_cat"]', 'whoever else does');
SET SESSION AUTHORIZATION regress_eve;
SET ROLE regress_eve_too;
CREATE FUNCTION e.policy() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT FROM mlops.set_retraining_policy('m', '@daily') $$;
SET SESSION AUTHORIZATION regress_bob;
SELECT throws_ok('SELECT e.policy()', '42501', 'cannot execute mlops.set_retraining_policy(): it was not the session itself that called it', 'nor does such code have others retrain');
RESET SESSION AUTHORIZATION;
SELECT throws_ok('SET mlops.caller = 1', '55P02', NULL, 'nobody sets who asks');
SELECT is(current_setting('mlops.caller'), '0', 'after a call, and after an error, nobody asks');
SELECT is(current_setting('transaction_read_only'), 'off', 'and what is written is');
SELECT * FROM finish();
ROLLBACK;
