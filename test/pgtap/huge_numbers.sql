-- Finite numbers whose squares, sums or differences are not.
\ir setup.psql
SELECT plan(16);
CREATE TABLE huge AS SELECT id, CASE id % 3 WHEN 0 THEN 1.7e308 WHEN 1 THEN -1.7e308 ELSE 0 END AS far,
	CASE WHEN id % 2 = 0 THEN 2e154 ELSE 1e154 END AS big, CASE WHEN id % 4 = 0 THEN 3e-200 ELSE 1e-200 END AS tiny,
	CASE WHEN id % 1000 = 0 THEN 1.7e308 ELSE -1.7e308 END AS lopsided, id % 3 = 0 AND id % 5 > 0 AS y FROM tx;
SELECT lives_ok(format('SELECT * FROM mlops.train(%L, ''huge'', target => ''y'', key => ''id'', features => ARRAY[%L]::name[], algorithm => %L)', c || '_' || left(a, 1), c, a), format('%s of %s', a, c))
	FROM unnest('{far,big,tiny,lopsided}'::text[]) AS c, unnest('{gradient_boosting,logistic_regression}'::text[]) AS a;
SELECT ok(std > 1.2e308 AND std < 1.5e308, 'the deviation of numbers at both ends') FROM mlops.feature_statistics WHERE model = 'far_l' AND feature = 'far';
SELECT ok(abs(std / 0.5e154 - 1) < 1e-2, 'of squares beyond double precision') FROM mlops.feature_statistics WHERE model = 'big_l' AND feature = 'big';
SELECT ok(abs(std / 0.866e-200 - 1) < 2e-2, 'of squares below it') FROM mlops.feature_statistics WHERE model = 'tiny_l' AND feature = 'tiny';
SELECT ok(mlops.score_version('far_l', 1, '{"far": 1.7e308}'::jsonb) > mlops.score_version('far_l', 1, '{"far": -1.7e308}'::jsonb) + 0.1, 'a line through numbers at both ends');
SELECT ok(mlops.score_version('far_g', 1, '{"far": 1.7e308}'::jsonb) > 0.5 AND mlops.score_version('far_g', 1, '{"far": -1.7e308}'::jsonb) < 0.1, 'and trees');

-- parts of a linear model that are infinite with different signs
CREATE TABLE small AS SELECT id, (id % 100) / 100.0::float8 AS a, (id * 7 % 100) / 100.0::float8 AS b, (id % 100) > 50 + (id * 7 % 100) / 2 AS y FROM tx;
SELECT isnt(version, NULL, 'a line of two columns') FROM mlops.train('line', 'small', target => 'y', key => 'id', algorithm => 'logistic_regression');
SELECT is(mlops.score_version('line', 1, '{"a": 1.7e308, "b": 0.5}'::jsonb), 1::float8, 'far to one side');
SELECT isnt(mlops.score_version('line', 1, '{"a": 1.7e308, "b": 1.7e308}'::jsonb), 'NaN', 'a score is a number all the same');
SELECT * FROM finish();
ROLLBACK;
