-- Rows with the same key: the bytes of a model do not depend on how they lie in the table.
\ir setup.psql
SELECT plan(13);
CREATE TABLE d1 AS SELECT id % 500 AS customer, ts - (id % 7) * interval '10 minutes' AS ts, date_trunc('day', ts) AS day, amount, country, 1 + id % 3 AS w, is_fraud FROM tx;
CREATE TABLE d2 AS SELECT * FROM d1 ORDER BY amount, ts;
CREATE TABLE d3 AS SELECT is_fraud, w, country, amount, day, ts, customer FROM d1 ORDER BY country DESC, md5(amount::text), ts;
-- rows that are equal in everything
INSERT INTO d1 SELECT * FROM d1 WHERE customer < 20;
INSERT INTO d2 SELECT * FROM d2 WHERE customer < 20 ORDER BY ts;
INSERT INTO d3 SELECT * FROM d3 WHERE customer < 20 ORDER BY amount;
CREATE TABLE ways (way text, arguments text);
INSERT INTO ways VALUES ('key', ''), ('key and time', ', time_column => ''day'''), ('key and weight', ', weight => ''w'', exclude => ''{day}'''),
	('key, time and weight', ', time_column => ''day'', weight => ''w''');
CREATE FUNCTION pg_temp.digest(source text, algorithm text, arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	nr int;
BEGIN
	EXECUTE format('SELECT version FROM mlops.train(''d'', %L, target => ''is_fraud'', key => ''customer'', features => %L, algorithm => %L, params => %L %s)',
		source, '{amount,country,ts}', algorithm, CASE WHEN algorithm = 'gradient_boosting' THEN '{"n_estimators": 20, "subsample": 0.8}' ELSE '{}' END,
		replace(arguments, ', exclude => ''{day}''', '')) INTO nr;
	RETURN (SELECT sha256 FROM mlops.versions WHERE model = 'd' AND version = nr);
END
$$;
SELECT is(pg_temp.digest('d2', a, w.arguments), pg_temp.digest('d1', a, w.arguments), format('%s by %s', a, way))
	FROM ways AS w, unnest('{gradient_boosting,logistic_regression}'::text[]) AS a;
SELECT is(pg_temp.digest('d3', a, w.arguments), pg_temp.digest('d1', a, w.arguments), format('%s by %s, columns in another order', a, way))
	FROM ways AS w, unnest('{gradient_boosting}'::text[]) AS a;
UPDATE d2 SET amount = amount + 1 WHERE ctid = (SELECT min(ctid) FROM d2);
SELECT isnt(pg_temp.digest('d2', 'logistic_regression', ''), pg_temp.digest('d1', 'logistic_regression', ''), 'another row is another model');
SELECT * FROM finish();
ROLLBACK;
