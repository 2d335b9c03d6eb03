-- Coefficients and standard errors against scikit-learn and NumPy
-- (test/golden/logistic_regression.py made the golden rows).
\ir setup.psql
SELECT plan(24);
CREATE TABLE golden_data AS
SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS a, (i * 104729 % 1009)::float8 AS b,
	((i * 7919 % 10007 > 7000) AND (i * 31 % 4 < 2)) OR i % 23 = 0 AS y,
	CASE WHEN i % 5 = 0 THEN 'test' ELSE 'train' END AS part
FROM generate_series(1::bigint, 5000) AS i;
CREATE TABLE golden (params jsonb, a float8, b float8, intercept float8, a_error float8, b_error float8, intercept_error float8);
INSERT INTO golden VALUES
	('{"C": 1}', 1.7792177178675248, -0.007498860608543871, -2.30884013198559, 0.07069565425583871, 0.047291866897383794, 0.07425513280417688),
	('{"C": 0.001}', 0.4719013473219758, -0.005820011968049866, -1.5433940805805324, 0.02545302681229883, 0.02508493319921578, 0.04192156150227867),
	('{"penalty": "none"}', 1.7881899072616354, -0.007448857858639041, -2.3160790897278813, 0.07115462097069344, 0.04739735491068872, 0.07468601918430488),
	('{"C": 1, "solver": "lbfgs", "tol": 1e-12, "max_iter": 1000}', 1.7792177178675248, -0.007498860608543871, -2.30884013198559, NULL, NULL, NULL),
	('{"penalty": "l1", "C": 0.01, "tol": 1e-12}', 1.3701164277304554, 0.0, -2.0008494411509963, NULL, NULL, NULL),
	('{"penalty": "elasticnet", "C": 0.01, "l1_ratio": 0.4, "tol": 1e-12}', 1.3073683715047943, 0.0, -1.9580033486019017, NULL, NULL, NULL);
CREATE TABLE fitted AS
SELECT g.*, row_number() OVER () AS number, t.version
FROM golden g, LATERAL mlops.train('golden', 'golden_data', target => 'y', key => 'id', algorithm => 'logistic_regression',
	split => '{"fold": "part"}', params => g.params) AS t;
SELECT ok(abs(c.coefficient - CASE c.feature WHEN 'a' THEN f.a WHEN 'b' THEN f.b ELSE f.intercept END) < 1e-6,
	format('%s: coefficient of %s', f.params, c.feature))
FROM fitted f JOIN mlops.coefficients c ON c.model = 'golden' AND c.version = f.version ORDER BY f.number, c.term;
SELECT ok(CASE WHEN e IS NULL THEN c.standard_error IS NULL ELSE abs(c.standard_error - e) < 1e-6 END,
	format('%s: standard errors', f.params))
FROM fitted f JOIN mlops.coefficients c ON c.model = 'golden' AND c.version = f.version AND c.feature = 'a',
	LATERAL (SELECT f.a_error AS e) AS x ORDER BY f.number;
SELECT * FROM finish();
ROLLBACK;
