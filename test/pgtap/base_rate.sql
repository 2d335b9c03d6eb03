-- Positives emphasised in training: scores are corrected back, so that their mean is the share of positives.
\ir setup.psql
SELECT plan(19);
CREATE TABLE rare AS SELECT i AS id, CASE i % 10 WHEN 8 THEN 'validation' WHEN 9 THEN 'test' ELSE 'train' END AS part,
	u AS a, v AS b, (abs(hashint4(i * 11)) % 997)::float8 AS c, w < 0.01 + CASE WHEN u > 0.9 THEN 0.15 ELSE 0 END + CASE WHEN v < 0.1 THEN 0.1 ELSE 0 END AS fraud
FROM generate_series(1, 20000) AS i, LATERAL (SELECT abs(hashint4(i)) % 10007 / 10007.0::float8 AS u, abs(hashint4(i * 3)) % 10007 / 10007.0::float8 AS v, abs(hashint4(i * 7)) % 10007 / 10007.0::float8 AS w) AS x;
CREATE TABLE setting (name text, algorithm text, params jsonb, preprocess jsonb);
INSERT INTO setting VALUES ('plain', 'gradient_boosting', '{}', '{}'), ('spw24', 'gradient_boosting', '{"scale_pos_weight": 24, "max_depth": 3}', '{}'),
	('spw1000', 'gradient_boosting', '{"scale_pos_weight": 1000}', '{}'), ('balanced', 'gradient_boosting', '{}', '{"class_weight": "balanced"}'),
	('logistic', 'logistic_regression', '{}', '{"class_weight": "balanced"}');
SELECT mlops.train(name, 'rare', target => 'fraud', key => 'id', features => '{a,b,c}', algorithm => algorithm, params => params, preprocess => preprocess,
	split => '{"fold": "part"}') FROM setting \g /dev/null
CREATE TEMP TABLE scored AS SELECT s.name, r.part, r.fraud, mlops.score_version(s.name, 1, r) AS score FROM setting AS s, rare AS r;
SELECT ok((SELECT abs(avg(score) / avg(fraud::int) - 1) < 0.001 FROM scored AS x WHERE x.name = s.name AND part <> 'test'),
	format('%s: the mean score of the training and validation rows is their share of frauds', name)) FROM setting AS s WHERE name <> 'plain' ORDER BY name;
SELECT ok((SELECT abs(avg(score) / avg(fraud::int) - 1) < 0.02 FROM scored AS x WHERE x.name = s.name), format('%s: of all rows within 2 %%', name)) FROM setting AS s WHERE name <> 'plain' ORDER BY name;
SELECT ok((SELECT abs(avg(score) / avg(fraud::int) - 1) < 0.02 FROM scored AS x WHERE x.name = 'plain' AND part = 'train'), 'as that of the training rows is without any emphasis');
-- without validation rows: by the training rows
SELECT mlops.train('none', query => 'SELECT id, a, b, c, fraud FROM rare', target => 'fraud', key => 'id', features => '{a,b,c}', params => '{"scale_pos_weight": 24, "max_depth": 3}', split => '{"validation": 0, "test": 0}') \g /dev/null
SELECT ok((SELECT abs(avg(mlops.score_version('none', 1, r)) / avg(fraud::int) - 1) < 0.001 FROM rare AS r), 'without validation rows the training rows tell the base rate');
-- a shift of the log odds changes no order
SELECT is((SELECT round((metrics ->> 'roc_auc')::numeric, 12) FROM mlops.versions WHERE model = 'spw24'), (SELECT round(mlops.roc_auc(fraud, score)::numeric, 12) FROM scored WHERE name = 'spw24' AND part = 'test'), 'the version''s metrics are those of its scores');
-- ---- weights that no sum bears, in every learner and solver
CREATE TABLE heavy AS SELECT *, CASE WHEN id = 3 THEN 4e38 ELSE 1 END::float8 AS w, CASE WHEN id = 3 THEN 1e-50 ELSE 1 END::float8 AS v FROM rare WHERE id <= 3000;
SELECT throws_ok(format('SELECT mlops.train(''heavy'', ''heavy'', target => ''fraud'', key => ''id'', features => ''{a,b}'', weight => ''w'', algorithm => %L, params => %L)', algorithm, params),
	'22000', 'weight column "w" has a value that is too large: 4e+38', concat_ws(' ', 'a weight of 4e38:', algorithm, params))
	FROM (VALUES ('gradient_boosting', '{}'), ('logistic_regression', '{}'), ('logistic_regression', '{"solver": "newton"}'), ('logistic_regression', '{"solver": "lbfgs"}'),
		('logistic_regression', '{"penalty": "l1", "solver": "coordinate_descent"}')) AS l(algorithm, params);
SELECT throws_ok($$SELECT mlops.train('heavy', 'heavy', target => 'fraud', key => 'id', features => '{a,b}', weight => 'v')$$, '22000', 'weight column "v" has a value that is too small: 1e-50', 'one that float does not have');
-- a solver that does not do what the penalty asks
SELECT throws_ok(format('SELECT mlops.train(''refused'', ''rare'', target => ''fraud'', key => ''id'', features => ''{a,b}'', algorithm => ''logistic_regression'', params => %L)', params), '22023', message, message)
	FROM (VALUES ('{"solver": "coordinate_descent"}', 'solver "coordinate_descent" needs a penalty with an L1 part'), ('{"solver": "newton", "penalty": "l1"}', 'solver "newton" cannot minimise an L1 penalty')) AS l(params, message);
SELECT finish();
ROLLBACK;
