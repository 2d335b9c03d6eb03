-- A column of another type than the model was trained on: for every pair of types it
-- is refused by name, or the row, its JSON and the logged decision score the same bits.
\ir setup.psql
CREATE TYPE region AS ENUM ('DE', 'FR', 'AT ');
CREATE DOMAIN region_code AS char(4);
CREATE DOMAIN region_name AS region_code;
CREATE TABLE types (type text PRIMARY KEY, family text, written text[]);
INSERT INTO types VALUES
	('boolean', 'boolean', '{t,f}'),
	('smallint', 'number', '{0,1,7,-3}'),
	('integer', 'number', '{0,1,7,-3,70000}'),
	('bigint', 'number', '{0,1,7,-3,9007199254740993}'),
	('real', 'number', '{0,1,7,0.1,16777216}'),
	('double precision', 'number', '{0,1,7,0.1,16777217}'),
	('numeric', 'number', '{0,1,7,0.10,1.005,90071992547409.93}'),
	('money', 'money', '{"$0.00","$1.00","$7.00","$0.10"}'),
	('interval', 'interval', '{"00:00:00","00:00:01","00:00:07","1 day"}'),
	('time', 'of day', '{"00:00","00:00:01","00:00:07","12:00"}'),
	('timetz', 'of day', '{"00:00+00","00:00:01+00","01:00:07+01","12:00-05"}'),
	('date', 'time', '{"2025-02-01","2025-02-02","2025-06-30","4714-11-24 BC","294276-12-31","294277-01-01","5874897-12-31"}'),
	('timestamp', 'time', '{"2025-02-01","2025-02-02","2025-06-30 12:00"}'),
	('timestamptz', 'time', '{"2025-02-01 00:00+01","2025-02-02 00:00+01","2025-06-30 12:00+02"}'),
	('text', 'text', '{DE,"DE ","DE  ",FR,"AT ",AT,A,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,10.0.0.1}'),
	('varchar', 'text', '{DE,"DE ","DE  ",FR,"AT ",AT,A,A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11,10.0.0.1/32}'),
	('bpchar', 'text', '{DE,"FR ",AT,"A "}'),
	('char(3)', 'text', '{DE,FR,AT,A}'),
	('char(40)', 'text', '{DE,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,10.0.0.1}'),
	('region_code', 'text', '{DE,FR,AT}'),
	('region_name', 'text', '{DE,FR,AT}'),
	('name', 'text', '{DE,"DE ",FR,"AT ",A}'),
	('region', 'text', '{DE,FR,"AT "}'),
	('"char"', 'text', '{A,B}'),
	('uuid', 'text', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,00000000-0000-0000-0000-000000000000}'),
	('inet', 'text', '{10.0.0.1,10.0.0.0/8}'),
	('cidr', 'text', '{10.0.0.1/32,10.0.0.0/8}');
SET TimeZone = 'Europe/Berlin';
SET mlops.log_features = on;

-- a table and a model of each type, by its place
CREATE FUNCTION pg_temp.learn(type text, place int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE given_%s AS SELECT (g * n + k)::int AS nr, w::%s AS c, g %% 7 < k %% 6 AS y
		FROM generate_series(0, 48) AS g, types AS t, cardinality(t.written) AS n, unnest(t.written) WITH ORDINALITY AS u(w, k) WHERE t.type = %L', place, type, type);
	PERFORM mlops.train('m' || place, ('given_' || place)::regclass, target => 'y', key => 'nr', features => '{c}', algorithm => 'logistic_regression');
	PERFORM mlops.deploy('m' || place, 1);
END
$$;
CREATE TABLE places AS SELECT *, row_number() OVER (ORDER BY type)::int AS place FROM types;
SELECT pg_temp.learn(type, place) FROM places \g /dev/null

-- A score's bits; the error of a value that does not belong to the trained type.
CREATE FUNCTION pg_temp.tried(statement text, nr int, again text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	score float8;
	decision uuid;
BEGIN
	IF again IS NULL THEN
		EXECUTE statement INTO score USING nr;
	ELSE
		EXECUTE statement INTO decision USING nr;
		score := mlops.score_version(again, 1, mlops.why(decision)::jsonb -> 'features');
	END IF;
	RETURN encode(float8send(score), 'hex');
EXCEPTION
	WHEN data_exception OR invalid_text_representation THEN RETURN 'no value of the type';
	WHEN datatype_mismatch THEN RETURN SQLERRM;
END
$$;
CREATE TABLE scored AS
SELECT t.type AS trained, t.family AS trained_family, g.type AS given, g.family AS given_family, r AS nr,
	pg_temp.tried(format('SELECT mlops.score(''m%s'', t) FROM given_%s t WHERE nr = $1', t.place, g.place), r) AS by_row,
	pg_temp.tried(format('SELECT mlops.score(''m%s'', to_jsonb(t)) FROM given_%s t WHERE nr = $1', t.place, g.place), r) AS by_json,
	pg_temp.tried(format('SELECT (mlops.decide(''m%s'', t, t.nr::text)).prediction_id FROM given_%s t WHERE nr = $1', t.place, g.place), r, 'm' || t.place) AS logged,
	pg_temp.tried(format('SELECT score FROM mlops.score_table(''m%s'', query => format(''SELECT * FROM given_%s WHERE nr = %%s'', $1), key => ''nr'')', t.place, g.place), r) AS by_table
FROM places AS t, places AS g, generate_series(1, cardinality(g.written)) AS r;

SELECT plan(7);
SELECT cmp_ok((SELECT count(DISTINCT by_row) FROM scored WHERE trained = given AND trained = 'text'), '>=', 5::bigint, 'blanks make a difference to a model of text');
SELECT is((SELECT array_agg(DISTINCT format('%s for %s', given, trained)) FROM scored WHERE by_row LIKE 'column "c" has type %, but the model was trained on %'
		AND (given_family = trained_family OR given_family = 'number' AND trained_family IN ('boolean', 'money', 'interval'))), NULL, 'what means the same is accepted');
SELECT is((SELECT array_agg(DISTINCT format('%s for %s: %s', given, trained, by_row)) FROM scored WHERE by_row NOT LIKE 'column "c" has type %, but the model was trained on %'
		AND NOT (given_family = trained_family OR given_family = 'number' AND trained_family IN ('boolean', 'money', 'interval'))), NULL, 'what does not is refused, by name');
SELECT is((SELECT array_agg(DISTINCT format('%s for %s', given, trained)) FROM scored WHERE by_row LIKE 'column %' AND (logged <> by_row OR by_table <> by_row)), NULL, 'and not decided upon or scored as a table');
SELECT is((SELECT array_agg(format('%s for %s, row %s: %s %s', given, trained, nr, by_row, by_json)) FROM scored WHERE by_row NOT LIKE 'column %' AND by_json <> by_row), NULL, 'JSON scores like the row');
SELECT is((SELECT array_agg(format('%s for %s, row %s: %s %s', given, trained, nr, by_row, logged)) FROM scored WHERE by_row NOT LIKE 'column %' AND logged <> by_row), NULL, 'the logged decision too');
SELECT is((SELECT array_agg(format('%s for %s, row %s: %s %s', given, trained, nr, by_row, by_table)) FROM scored WHERE by_row NOT LIKE 'column %' AND by_table <> by_row), NULL, 'and the table');
SELECT * FROM finish();
ROLLBACK;
