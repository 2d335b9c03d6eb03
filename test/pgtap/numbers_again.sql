-- mlops.score_version is IMMUTABLE: of constants the planner computes it once,
-- and prepared statements keep that.  What a number stands for changes all the
-- same when a transaction is rolled back or a model is made anew, and a
-- privilege may be taken away: then it is computed again.
\ir setup.psql
SELECT plan(16);
CREATE ROLE regress_mlops_scorer;
CREATE TABLE big AS SELECT g AS id, abs(hashint4(g)) % 1000 AS a, abs(hashint4(g * 3)) % 10 = 0 AS y, abs(hashint4(g)) % 1000 > 500 AS z FROM generate_series(1, 5000) AS g;
GRANT SELECT ON big TO PUBLIC;
CREATE FUNCTION train_on(label name, model text DEFAULT 'c') RETURNS int LANGUAGE sql AS
	$$ SELECT version FROM mlops.train(model, 'big', target => label, key => 'id', features => '{a}', algorithm => 'logistic_regression') $$;
SELECT is(train_on('y'), 1, 'a first version');
PREPARE p AS SELECT mlops.score_version('c', 2, '{"a": 700}'::jsonb) > 0.9;
-- the same in PL/pgSQL, which keeps plans of its own
CREATE FUNCTION high() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN mlops.score_version('c', 2, '{"a": 700}'::jsonb) > 0.9; END $$;
SELECT throws_ok('EXECUTE p', '42704', 'version 2 of model "c" does not exist', 'there is no second one');

SAVEPOINT before;
SELECT is(train_on('z'), 2, 'a second one, of another label');
SELECT results_eq('EXECUTE p', 'VALUES (true)', 'is computed once');
SELECT ok(high(), 'in a function, too');
ROLLBACK TO before;
SELECT throws_ok('EXECUTE p', '42704', 'version 2 of model "c" does not exist', 'what was rolled back to a savepoint is forgotten');
SELECT throws_ok('SELECT high()', '42704', 'version 2 of model "c" does not exist', 'in a function, too');

DO $$ BEGIN
	PERFORM train_on('z');
	PERFORM high();
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
END $$;
SELECT throws_ok('SELECT high()', '42704', 'version 2 of model "c" does not exist', 'so is what a block of PL/pgSQL rolled back');
SELECT is(train_on('y'), 2, 'the number is given again');
SELECT results_eq('EXECUTE p', 'VALUES (false)', 'and stands for the other one');
SELECT ok(NOT high(), 'in a function, too');

SELECT lives_ok($$SELECT mlops.drop_model('c', force => true); SELECT train_on('y'); SELECT train_on('z')$$, 'the name is given again');
SELECT throws_ok('EXECUTE p', '42704', 'version 2 of model "c" does not exist', 'but its numbers go on: what knows an old one meets no other model');
SELECT is((SELECT array_agg(version ORDER BY version) FROM mlops.versions WHERE model = 'c'), '{3,4}', 'after the last that was given');

SELECT lives_ok($$SELECT mlops.grant('c', 'regress_mlops_scorer', 'score')$$, 'another role may score');
SET LOCAL ROLE regress_mlops_scorer;
PREPARE his AS SELECT mlops.score_version('c', 4, '{"a": 701}'::jsonb) > 0.9;
EXECUTE his \g /dev/null
RESET ROLE;
SELECT FROM mlops.revoke('c', 'regress_mlops_scorer', 'score');
SET LOCAL ROLE regress_mlops_scorer;
SELECT throws_ok('EXECUTE his', '42501', 'permission denied to score with model "c"', 'until that is taken away');
SELECT * FROM finish();
ROLLBACK;
