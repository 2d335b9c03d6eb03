-- Rows whose inputs are numbers before the first column of variable length are read
-- without being taken apart: the same bits as their JSON, with NULLs, columns that
-- older rows lack, columns that are gone, and values that are refused.
\ir setup.psql
SELECT plan(16);

CREATE TABLE plain (a float8, b int, c real, d bigint, e smallint, f boolean, g date, h timestamp, i interval, m money, gone int, is_fraud boolean);
INSERT INTO plain
SELECT x * 0.37, x % 71, x * 0.11, x * 1e12, x % 7, x % 2 = 0, date '2026-01-01' + x, timestamp '2026-01-01' + x * interval '1 h',
	x * interval '1 min', x::numeric / 100, x, x * 7919 % 1013 > 700 OR x % 71 > 60
FROM generate_series(1, 3000) AS x;
ALTER TABLE plain ADD COLUMN z float8 DEFAULT 2.5;
UPDATE plain SET z = b * 31 % 10, is_fraud = is_fraud OR b * 31 % 10 > 6 WHERE b % 2 = 0;
INSERT INTO plain (a, c, e, is_fraud) SELECT x, x * 0.5, x % 5, x % 3 = 0 FROM generate_series(1, 200) AS x;
ALTER TABLE plain DROP COLUMN gone;
CREATE TABLE texts AS SELECT 'v' || b % 9 AS first, * FROM plain;

SELECT ok((SELECT version FROM mlops.train('numbers', 'plain', target => 'is_fraud', params => '{"n_estimators": 20}')) = 1, 'a model of numbers');
SELECT ok((SELECT version FROM mlops.train('mixed', 'texts', target => 'is_fraud', params => '{"n_estimators": 20}')) = 1, 'one with a text before them');
SELECT ok((SELECT version FROM mlops.train('linear', 'plain', target => 'is_fraud', algorithm => 'logistic_regression')) = 1, 'and a linear one');

-- differing(MODEL, SOURCE): rows that score other bits than their JSON
CREATE FUNCTION differing(model text, source regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT mlops.score(%L, t) AS score, mlops.score(%1$L, to_jsonb(t)) AS other FROM %s AS t) AS s
		WHERE float8send(score) <> float8send(other)', model, source) INTO n;
	RETURN n;
END $$;
SELECT is(differing('numbers/1', 'plain'), 0::bigint, 'rows, with and without NULL, score as their JSON');
SELECT is(differing('mixed/1', 'texts'), 0::bigint, 'so do those with a text');
SELECT is(differing('linear/1', 'plain'), 0::bigint, 'and those of a linear model');

-- in_table(MODEL, SOURCE): scores of score_table, sorted, that SELECT does not give
CREATE FUNCTION in_table(model text, source regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((SELECT score FROM mlops.score_table(%L, %L) AS s)
		EXCEPT ALL (SELECT mlops.score(%1$L, t) FROM %s AS t)) AS d', model, source, source) INTO n;
	RETURN n;
END $$;
SELECT is(in_table('numbers/1', 'plain'), 0::bigint, 'score_table gives the same scores');
SELECT is(in_table('mixed/1', 'texts'), 0::bigint, 'of rows with a text, too');

-- a tuple without NULL that lacks the last column
CREATE TABLE short AS SELECT a, b, c, d, e, f, g, h, i, m, is_fraud FROM plain WHERE b IS NOT NULL;
ALTER TABLE short ADD COLUMN z float8 DEFAULT 7.25;
SELECT is(differing('numbers/1', 'short'), 0::bigint, 'rows that are older than a column have its default');
SELECT is(in_table('numbers/1', 'short'), 0::bigint, 'score_table reads it, too');
SELECT is((SELECT count(*) FROM mlops.score_table('numbers/1', 'short', key => 'b')), (SELECT count(*) FROM short), 'it finds the key');

-- drift reads the same values: of the training rows there is none
SELECT ok((SELECT bool_and(statistic < 0.02) FROM mlops.check_drift('numbers/1', 'plain') WHERE test = 'psi'), 'check_drift finds the training rows as they were');

-- infinite values are refused by name, wherever a row is read
CREATE TABLE endless AS SELECT * FROM short LIMIT 3;
UPDATE endless SET c = 'Infinity' WHERE ctid = (SELECT max(ctid) FROM endless);
PREPARE score_endless AS SELECT mlops.score('numbers/1', t) FROM endless AS t;
PREPARE table_endless AS SELECT * FROM mlops.score_table('numbers/1', 'endless');
PREPARE drift_endless AS SELECT * FROM mlops.check_drift('numbers/1', 'endless');
SELECT throws_ok('score_endless', '22000', 'column "c" contains an infinite value', 'score refuses an infinite value');
SELECT throws_ok('table_endless', '22000', 'column "c" contains an infinite value', 'so does score_table');
SELECT throws_ok('drift_endless', '22000', 'column "c" contains an infinite value', 'and check_drift');

-- a decision logs what was read
SELECT mlops.deploy('numbers', 1) \g /dev/null
SELECT is((SELECT count(*) FROM plain AS t, mlops.decide('numbers', t) AS d
	WHERE float8send(d.score) <> float8send(mlops.score('numbers', t))), 0::bigint, 'decide scores the same');
SELECT * FROM finish();
ROLLBACK;
