-- NaN is missing, as NULL is: in a label, with positive or without, and in a segment.
\ir setup.psql
SELECT plan(11);
CREATE TABLE halves AS SELECT g AS id, (hashint4(g) % 1000)::float8 AS a,
	CASE WHEN hashint4(g) % 1000 > 600 THEN 1 WHEN g % 3 = 0 THEN 'NaN'::float8 ELSE 0 END AS y FROM generate_series(1, 3000) AS g;
CREATE VIEW halves_null AS SELECT id, a, nullif(y, 'NaN')::int AS y FROM halves;
CREATE VIEW halves_of(type, query) AS VALUES ('double precision', 'SELECT * FROM halves'), ('real', 'SELECT id, a, y::real FROM halves'),
	('numeric', 'SELECT id, a, y::numeric FROM halves');
SELECT mlops.train('halves', 'halves_null', target => 'y', key => 'id', features => '{a}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('halves', query => query, target => 'y', key => 'id', features => '{a}', positive => positive, params => '{"n_estimators": 3}')
	FROM halves_of, (VALUES (NULL), ('1')) AS p(positive) \g /dev/null
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', positives, unlabelled, rows), ', ') FROM mlops.runs JOIN mlops.datasets USING (dataset_id) WHERE model = 'halves'),
	(SELECT concat_ws(' ', sum(y), count(*) - count(y), count(*)) FROM halves_null), 'of floats and numerics, NaN labels are unlabelled, with positive or without');
SELECT is((SELECT count(DISTINCT bytes) FROM (SELECT mlops.score_version('halves', v, s) AS bytes FROM halves AS s, generate_series(1, 7) AS v WHERE id < 40) AS q),
	(SELECT count(DISTINCT mlops.score_version('halves', 1, s)) FROM halves AS s WHERE id < 40), 'so all versions are the same model');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', e.rows, e.positives), ', ') FROM generate_series(1, 7) AS v, LATERAL mlops.evaluate('halves/' || v, 'halves') AS e),
	(SELECT concat_ws(' ', count(y), sum(y)) FROM halves_null), 'and are judged on the same rows');
SELECT is((SELECT concat_ws(' ', rows, added, ignored) FROM mlops.add_labels('halves', query => query, key => 'id', label => 'y', positive => positive)),
	(SELECT concat_ws(' ', count(*), CASE WHEN place = 1 THEN count(y) ELSE 0 END, count(*) - count(y)) FROM halves_null), 'labels of ' || type || ' that are NaN are ignored')
	FROM (SELECT *, row_number() OVER (ORDER BY type, positive) AS place FROM halves_of, (VALUES (NULL), ('1')) AS p(positive)) AS q;
SELECT throws_like($$SELECT mlops.train('halves', 'halves', target => 'y', features => '{a}', positive => 'nan')$$, '"positive" is "nan", which is not a value of%', 'NaN is no class');
SELECT is((SELECT array_agg(segment ORDER BY segment) FROM mlops.evaluate('halves/1', query => 'SELECT id, a, y, CASE WHEN id % 2 = 0 THEN ''NaN''::numeric WHEN id % 3 = 0 THEN NULL ELSE 7 END AS shop FROM halves_null', by => '{shop}')),
	ARRAY['{}'::jsonb, '{"shop": null}', '{"shop": "7"}'], 'nor a segment');
SELECT * FROM finish();
ROLLBACK;
