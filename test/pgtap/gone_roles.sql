-- What belongs to a role that is gone becomes nobody's, so that no dump carries its
-- number to a server where it is somebody else's.
\ir setup.psql
SET client_min_messages = error;
SELECT plan(16);
CREATE ROLE leaver;
GRANT CREATE ON SCHEMA public TO leaver;
GRANT ALL ON tx TO leaver;
SET ROLE leaver;
SELECT mlops.train('theirs', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('theirs', 1) \g /dev/null
SELECT mlops.snapshot('tx', 'kept') \g /dev/null
SELECT mlops.monitor('theirs', every => '1 minute') \g /dev/null
SELECT mlops.set_retraining_policy('theirs', '* * * * *') \g /dev/null
SELECT mlops.start_run('by hand') \g /dev/null
RESET ROLE;
SELECT 'leaver'::regrole::oid AS leaver \gset
SELECT mlops.maintain() \g /dev/null
SELECT is((SELECT owner FROM mlops_catalog.model WHERE name = 'theirs'), 'leaver'::regrole, 'while the role is there its things are its own');
DROP OWNED BY leaver;
DROP ROLE leaver;
CREATE FUNCTION has(role oid) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	n bigint;
BEGIN
	FOR c IN SELECT * FROM mlops_catalog.role_columns() LOOP
		EXECUTE format('SELECT count(*) FROM mlops_catalog.%I WHERE %I = $1', c.relation, c.attribute) INTO n USING role::regrole;
		IF n > 0 THEN
			RETURN NEXT format('%s.%s', c.relation, c.attribute);
		END IF;
	END LOOP;
END $$;
SELECT cmp_ok((SELECT count(*) FROM has(:leaver)), '>', 8::bigint, 'many columns have the role''s number');
SELECT set_has('SELECT relation::text, attribute::text FROM mlops_catalog.role_columns()',
	$$VALUES ('model', 'owner'), ('dataset', 'recorded_by'), ('snapshot', 'owner'), ('monitor', 'owner'), ('policy', 'owner'), ('run', 'owner'), ('experiment', 'owner'), ('approval', 'role')$$,
	'those that give rights are among them');
SELECT set_hasnt('SELECT relation::text FROM mlops_catalog.role_columns()', $$VALUES ('model_grant')$$, 'not grants, in which 0 is everybody');
SELECT set_has('SELECT action, object FROM mlops.maintain()', $$VALUES ('disowned', 'model.owner')$$, 'maintenance disowns them');
SELECT is_empty(format('SELECT has(%s)', :leaver), 'no column has the number any more');
SELECT is((SELECT owner::oid FROM mlops_catalog.model WHERE name = 'theirs'), 0::oid, 'it is nobody''s');
SELECT is((SELECT detail -> 'roles' FROM mlops_catalog.audit_waiting WHERE event = 'disown' AND detail ->> 'column' = 'model.owner'), jsonb_build_array((:leaver)::text), 'the audit log says whose it was');
SELECT is((SELECT (detail ->> 'rows')::int FROM mlops_catalog.audit_waiting WHERE event = 'disown' AND detail ->> 'column' = 'model.owner'), 1, 'and how many rows');
SELECT is_empty('SELECT g.* FROM mlops_catalog.role_columns() AS c CROSS JOIN LATERAL mlops_catalog.gone_roles(c.relation, c.attribute) AS g', 'no column has such a role any more');
SELECT is_empty($$SELECT * FROM mlops.maintain() WHERE action = 'disowned'$$, 'once');
CREATE ROLE stranger;
SET ROLE stranger;
SELECT is_empty('SELECT * FROM mlops.models', 'nobody is given it');
SELECT throws_ok($$SELECT mlops.drop_model('theirs')$$, '42501', NULL, 'nor may anybody drop it');
RESET ROLE;
SELECT set_has('SELECT model, object FROM mlops.check_catalog()', $$VALUES ('theirs', 'owner'), ('theirs', 'monitor'), ('theirs', 'retraining policy')$$, 'check_catalog says so');
SELECT lives_ok($$SELECT mlops.submit_due()$$, 'what it had set up does not run');
SELECT mlops.set_owner('theirs', 'stranger') \g /dev/null
SELECT is((SELECT owner FROM mlops_catalog.model WHERE name = 'theirs'), 'stranger'::regrole, 'a superuser gives it away');
SELECT * FROM finish();
ROLLBACK;
