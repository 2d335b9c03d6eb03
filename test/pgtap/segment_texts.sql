-- What is told apart or compared as text is written in one way, whatever the
-- session's settings; equal numbers are one.  Columns that share a name are refused.
\ir setup.psql
CREATE TABLE sessions (session int, name text, value text);
INSERT INTO sessions VALUES
	(0, 'TimeZone', 'UTC'), (0, 'DateStyle', 'ISO, MDY'), (0, 'IntervalStyle', 'postgres'), (0, 'extra_float_digits', '1'), (0, 'bytea_output', 'hex'), (0, 'quote_all_identifiers', 'off'),
	(1, 'TimeZone', 'Asia/Kolkata'), (1, 'DateStyle', 'SQL, DMY'), (1, 'IntervalStyle', 'sql_standard'), (1, 'extra_float_digits', '0'), (1, 'bytea_output', 'escape'), (1, 'quote_all_identifiers', 'on'),
	(2, 'TimeZone', 'America/New_York'), (2, 'DateStyle', 'German'), (2, 'IntervalStyle', 'iso_8601'), (2, 'extra_float_digits', '-15'), (2, 'bytea_output', 'hex'), (2, 'quote_all_identifiers', 'off');
CREATE FUNCTION pg_temp.become(s int) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, value, true) FROM public.sessions WHERE session = s
$$;
SELECT mlops.train('m', 'tx', target => 'is_fraud', key => 'id', features => '{amount,country}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null

CREATE TABLE kinds (expression text, texts text);
INSERT INTO kinds VALUES
	('0.1::float8 + id % 2 * 1e-15', '0.1,0.10000000000000100'), ('(id % 2 + 1)::real / 3::real', '0.33333334,0.6666667'), ('CASE WHEN id % 2 = 0 THEN 0.0 ELSE -0.0 END::float8', '0'),
	('CASE WHEN id % 2 = 0 THEN 1.0 ELSE 1 END', '1'), ('id % 2 + 0.50', '0.5,1.5'), ('(id % 2 + 0.5)::numeric::money', '0.5,1.5'),
	('date ''2026-02-03'' + id % 2', '2026-02-03,2026-02-04'), ('timestamp ''2026-02-03 04:05:06.7'' + (id % 2) * interval ''1 day''', '2026-02-03 04:05:06.7,2026-02-04 04:05:06.7'),
	('timestamptz ''2026-02-03 04:05:06+00'' + (id % 2) * interval ''1 hour''', '2026-02-03 04:05:06+00,2026-02-03 05:05:06+00'),
	('(id % 2) * interval ''1 day 02:00''', '00:00:00,1 day 02:00:00'), ('decode(''0'' || id % 2, ''hex'')', '\x00,\x01'), ('ARRAY[0.1 + id % 2 * 1e-15]::float8[]', '{0.10000000000000100},{0.1}'),
	('id % 2', '0,1'), ('id % 2 = 0', 'f,t'), ('(''r'' || id % 2)::name', 'r0,r1'), ('''pg_catalog.pg_class''::regclass', 'pg_class');
UPDATE kinds SET texts = replace(texts, '0.10000000000000100', '0.100000000000001');
CREATE FUNCTION pg_temp.texts_of(expression text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(e.segment ->> 'c', ',' ORDER BY e.segment ->> 'c' COLLATE "C") FROM mlops.evaluate('m', query => format('SELECT *, %s AS c FROM public.tx', expression), by => '{c}') AS e WHERE e.segment <> '{}'
$$;
SELECT plan(3 * 16 + 22);
SELECT is(pg_temp.texts_of(expression), texts, format('session %s: segments of %s', s, expression)) FROM generate_series(0, 2) AS s, pg_temp.become(s), kinds ORDER BY s, expression;

-- ---- a fold column, a group and a key of such a type
CREATE TABLE parts AS SELECT *, 0.1::float8 + (id % 300) * 1e-15 AS near FROM tx;
CREATE FUNCTION pg_temp.hash_of(s int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made int;
BEGIN
	PERFORM pg_temp.become(s), set_config('TimeZone', 'UTC', true);
	SELECT version INTO made FROM mlops.train('k', query => 'SELECT ARRAY[near, id] AS k, amount, country, is_fraud FROM public.parts', target => 'is_fraud', key => 'k', params => '{"n_estimators": 3}');
	RETURN (SELECT sha256 FROM mlops.versions WHERE model = 'k' AND version = made);
END
$$;
SELECT is((SELECT count(DISTINCT pg_temp.hash_of(s)) FROM generate_series(0, 2) AS s), 1::bigint, 'a key of arrays of numbers orders rows the same in every session');

-- ---- the positive class, as anybody would write it
SELECT pg_temp.become(0) \g /dev/null
CREATE TABLE targets AS SELECT amount, is_fraud AS b, is_fraud::int AS i, is_fraud::int::numeric(3, 1) AS n, CASE WHEN id % 2 = 0 THEN is_fraud::int::numeric(3, 1) ELSE is_fraud::int END AS mixed,
	is_fraud::int + 0.5::float8 AS f, CASE WHEN is_fraud THEN 'yes' ELSE 'no' END::char(5) AS c FROM tx;
CREATE FUNCTION pg_temp.positives(target name, positive text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	made bigint;
BEGIN
	SELECT run_id INTO made FROM mlops.train('p', 'targets', target => $1, features => '{amount}', positive => $2, params => '{"n_estimators": 2}');
	RETURN (SELECT d.positives FROM mlops.runs AS r JOIN mlops.datasets AS d USING (dataset_id) WHERE r.run_id = made);
END
$$;
SELECT is(pg_temp.positives(target, positive), (SELECT count(*) FROM tx WHERE is_fraud), target || ' with ' || positive)
	FROM (VALUES ('b', 'true'), ('b', 't'), ('b', 'yes'), ('i', '1.0'), ('i', '1'), ('n', '1'), ('mixed', '1'), ('mixed', '1.00'), ('f', '1.50'), ('c', 'yes'), ('c', 'yes  ')) AS v(target, positive);
SELECT throws_ok($$SELECT mlops.train('p', 'targets', target => 'b', positive => 'fraud')$$, '22023', '"positive" is "fraud", which is not a value of target "b" of type boolean', 'no boolean');
SELECT throws_ok($$SELECT mlops.train('p', 'targets', target => 'n', positive => 'one')$$, '22023', '"positive" is "one", which is not a value of target "n" of type numeric', 'no number');
SELECT results_eq($$SELECT e.positives FROM mlops.evaluate('p/1', 'targets') AS e$$, 'SELECT count(*) FROM tx WHERE is_fraud', 'evaluate understands it as train does');
SELECT mlops.add_labels('p', query => 'SELECT g AS k, g % 3 = 0 AS l FROM generate_series(1, 300) AS g', key => 'k', label => 'l', positive => 'true') \g /dev/null
SELECT is((SELECT count(*) FROM mlops_catalog.label AS l WHERE l.label), 100::bigint, 'so does add_labels');

-- ---- two columns of one name
SELECT throws_ok(statement, '42702', 'column name "amount" is ambiguous', statement) FROM (VALUES
	($$SELECT mlops.score('m', r) FROM (SELECT 1.0 AS amount, 'DE' AS country, 2.0 AS amount) AS r$$),
	($$SELECT mlops.decide('m', r) FROM (SELECT 1.0 AS amount, 'DE' AS country, 2.0 AS amount) AS r$$),
	($$SELECT * FROM mlops.evaluate('m', query => 'SELECT *, amount FROM tx')$$),
	($$SELECT * FROM mlops.score_table('m', query => 'SELECT *, amount FROM tx')$$),
	($$SELECT * FROM mlops.check_drift('m', query => 'SELECT *, amount FROM tx')$$),
	($$SELECT mlops.train('d', query => 'SELECT *, amount FROM tx', target => 'is_fraud')$$)) AS v(statement);
SELECT * FROM finish();
ROLLBACK;
