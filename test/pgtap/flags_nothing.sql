-- A threshold that flags nothing, not even a score of 1: kept, deployed, exported
-- and imported as any other.
\ir setup.psql
SELECT plan(10);

-- what is learned gives a score of 1 to rows that are none, and flagging one costs most
CREATE TABLE sure AS SELECT g AS id, CASE WHEN g > 2000 AND g % 10 = 0 THEN 1e6 ELSE g % 50 END::float8 AS x,
	CASE WHEN g > 2000 THEN g % 10 <> 0 AND g % 50 > 30 ELSE g % 50 > 22 + g % 7 END AS y,
	CASE WHEN g <= 2000 THEN 'train' WHEN g <= 2500 THEN 'validation' ELSE 'test' END AS part FROM generate_series(1, 3000) AS g;
SET client_min_messages = error;
SELECT is((SELECT version FROM mlops.train('sure', 'sure', target => 'y', key => 'id', algorithm => 'logistic_regression', split => '{"fold": "part"}',
	threshold => '{"cost": {"false_positive": 1000, "false_negative": 1}}')), 1, 'it is trained');
SELECT is((SELECT threshold FROM mlops.versions WHERE model = 'sure'), 1.0000000000000002::float8, 'its threshold is just above 1');
SELECT lives_ok($$SELECT * FROM mlops.deploy('sure', 1)$$, 'it is deployed');
SELECT is((SELECT alert_rate FROM mlops.evaluate('sure', 'sure', target => 'y', threshold => (SELECT threshold FROM mlops.versions WHERE model = 'sure'))),
	0::float8, 'which flags nothing');
SELECT is((SELECT max(mlops.score('sure', s)) FROM sure AS s), 1::float8, 'a row has a score of 1');
SELECT is((SELECT count(*) FROM sure AS s WHERE (mlops.decide('sure', s, s.id::text)).flagged), 0::bigint, 'and is not flagged');
SELECT lives_ok($$SELECT mlops.import_model((SELECT mlops.export_model('sure', 1)), model => 'copy')$$, 'it is exported and imported');
SELECT is((SELECT threshold FROM mlops.versions WHERE model = 'copy'), 1.0000000000000002::float8, 'with that threshold');
SELECT lives_ok($$SELECT * FROM mlops.deploy('sure', 1, 'direct')$$, 'deployed again');
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE model IN ('sure', 'copy')$$, 'and nothing is wrong with it');
SELECT finish();
