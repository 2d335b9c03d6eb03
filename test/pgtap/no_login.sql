-- What is set up by a role that may not log in does not run: check_catalog says so
-- at once.  Rules and tests have a bound.
\ir setup.psql
SELECT plan(6);
CREATE ROLE no_login_group NOLOGIN;
GRANT SELECT ON tx TO no_login_group;
SET LOCAL client_min_messages = error;
SET ROLE no_login_group;
SELECT FROM mlops.train('grouped', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 2}');
SELECT FROM mlops.deploy('grouped', 1);
SELECT FROM mlops.monitor('grouped', '1 hour');
SELECT FROM mlops.set_retraining_policy('grouped', '0 3 * * *');
RESET ROLE;
SELECT results_eq($$SELECT object, problem FROM mlops.check_catalog() WHERE model = 'grouped' AND problem ~ 'log in' ORDER BY 1$$,
	$$VALUES ('monitor', 'does not run: role "no_login_group", as which it runs, is not permitted to log in'),
		('retraining policy', 'does not run: role "no_login_group", as which it runs, is not permitted to log in')$$, 'check_catalog names both');
ALTER ROLE no_login_group LOGIN;
SELECT is_empty($$SELECT FROM mlops.check_catalog() WHERE model = 'grouped' AND problem ~ 'log in'$$, 'not once it may');
ALTER ROLE no_login_group NOLOGIN;
SELECT throws_like($$SELECT mlops.deploy('grouped', 1, 'segment', rule => jsonb_build_object('country', (SELECT jsonb_agg(i::text) FROM generate_series(1, 10001) AS i)), variant => 's')$$,
	'a rule may have at most 10000 values', 'a rule is bounded');
SELECT lives_ok($$SELECT mlops.deploy('grouped', 1, 'segment', rule => jsonb_build_object('country', (SELECT jsonb_agg(i::text) FROM generate_series(1, 10000) AS i)), variant => 's')$$,
	'up to there it may go');
SELECT throws_like(format($$SELECT mlops.deploy('grouped', NULL, strategy => 'ab', key => 'id', variants => (SELECT jsonb_object_agg('v' || i, '{"version": 1, "percent": 0.5}'::jsonb) FROM generate_series(1, %s) AS i))$$, 101),
	'a test may have at most 100 variants', 'so is the number of variants');
SELECT lives_ok(format($$SELECT mlops.deploy('grouped', NULL, strategy => 'ab', key => 'id', variants => (SELECT jsonb_object_agg('v' || i, '{"version": 1, "percent": 0.5}'::jsonb) FROM generate_series(1, %s) AS i))$$, 100),
	'up to there they may be');
SELECT * FROM finish();
ROLLBACK;
