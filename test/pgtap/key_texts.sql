-- A key is one text wherever it is written: value::text.
\ir setup.psql
SELECT plan(27);
CREATE TYPE mood AS ENUM ('sad', 'so so');
CREATE DOMAIN code AS char(6);
CREATE TABLE t AS SELECT g AS id, g::smallint AS k_smallint, g AS k_integer, g::bigint AS k_bigint, (g / 4.0)::numeric(6, 3) AS k_numeric, 'x' || g AS k_text, ('x' || g)::varchar(9) AS k_varchar,
	('x' || g)::char(6) AS k_char, ('x' || g)::code AS k_domain, chr(g + 40)::"char" AS "k_char1", ('x' || g)::name AS k_name, (ARRAY['sad', 'so so'])[1 + g % 2]::mood AS k_enum,
	md5(g::text)::uuid AS k_uuid, ('10.0.0.' || g)::cidr AS k_cidr, ('10.0.0.' || g)::inet AS k_inet, g % 10 AS x, g % 3 = 0 AS y FROM generate_series(1, 80) AS g;
SELECT mlops.train('m', 't', target => 'y', key => 'id', features => '{x}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null
-- Keys of each way that are not value::text
CREATE FUNCTION others(k text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	way text;
	texts text[];
	found text[] := '{}';
BEGIN
	EXECUTE format('SELECT array_agg(DISTINCT %I::text ORDER BY %1$I::text) FROM t', k) INTO texts;
	FOR way IN SELECT unnest('{row,json,trigger,labels,import,table}'::text[]) LOOP
		DELETE FROM mlops_catalog.prediction;
		DELETE FROM mlops_catalog.label;
		BEGIN
			CASE way
				WHEN 'row' THEN EXECUTE 'SELECT count(mlops.decide(''m'', t)) FROM t';
				WHEN 'json' THEN EXECUTE 'SELECT count(mlops.decide(''m'', to_jsonb(t))) FROM t';
				WHEN 'trigger' THEN
					CREATE TABLE w (LIKE t, score float8);
					EXECUTE format('CREATE TRIGGER d BEFORE INSERT ON w FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger(''m'', ''score'', ''key=%s'')', k);
					INSERT INTO w SELECT * FROM t;
				WHEN 'labels' THEN PERFORM mlops.add_labels('m', query => format('SELECT DISTINCT ON (%I::text) * FROM t', k), key => k, label => 'y');
				WHEN 'import' THEN PERFORM mlops.import_decisions('m', query => format('SELECT DISTINCT ON (%I::text) *, now() AS made FROM t', k), key => k, time_column => 'made');
				ELSE NULL;
			END CASE;
			IF (SELECT array_agg(DISTINCT a.key ORDER BY a.key) FROM (SELECT p.key FROM mlops_catalog.prediction AS p UNION ALL SELECT l.key FROM mlops_catalog.label AS l UNION ALL SELECT i.key FROM mlops_catalog.imported_decision AS i
					UNION ALL SELECT s.key FROM mlops.score_table('m', 't', key => k) AS s WHERE way = 'table') AS a) IS DISTINCT FROM texts THEN
				found := found || way;
			END IF;
			RAISE 'undo' USING ERRCODE = 'ZZZZZ';
		EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
			NULL;
		END;
	END LOOP;
	RETURN array_to_string(found, ',');
END
$$;
CREATE FUNCTION others_of(k text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM mlops.deploy('m', 1, key => k::name); RETURN others(k); END $$;
SET LOCAL DateStyle = 'SQL, DMY';
SELECT is(others_of(k), '', k) FROM unnest('{k_smallint,k_integer,k_bigint,k_numeric,k_text,k_varchar,k_char,k_domain,k_char1,k_name,k_enum,k_uuid,k_cidr}'::text[]) AS k;

-- ---- an inet has two texts
SELECT is(to_jsonb(k_inet) #>> '{}' <> k_inet::text, true, 'its JSON is not its text') FROM t WHERE id = 1;
SELECT throws_ok($$SELECT mlops.deploy('m', 1, key => 'k_inet')$$, '42804', 'column "k_inet" of type inet cannot be the key of model "m"', 'no key of a release');
SELECT throws_ok($$SELECT mlops.add_labels('m', 't', key => 'k_inet', label => 'y')$$, '42804', 'column "k_inet" of type inet cannot be a key', 'nor of labels');
SELECT throws_ok($$SELECT mlops.import_decisions('m/1', 't', key => 'k_inet', time_column => 'y')$$, '42804', 'column "k_inet" of type inet cannot be a key', 'nor of imports');
CREATE TABLE w (LIKE t, score float8);
SELECT throws_ok($$CREATE TRIGGER d BEFORE INSERT ON w FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('m', 'score', 'key=k_inet')$$, '42804', 'trigger "d": column "k_inet" of type inet cannot be a key', 'nor of a trigger');
SELECT mlops.deploy('m', 1, key => 'ip') \g /dev/null
SELECT throws_ok($$SELECT mlops.score('m', s) FROM (SELECT x, k_inet AS ip FROM t) AS s$$, '42804', 'column "ip" of type inet cannot be the key of model "m"', 'nor in a row');
SELECT lives_ok($$SELECT mlops.score('m', s) FROM (SELECT x, k_inet::text AS ip FROM t) AS s$$, 'but its text can');
SELECT mlops.train('m', query => 'SELECT id, x, y, interval ''1 day'' AS k_interval, 1::money AS k_money, timetz ''10:00+00'' AS k_timetz, ''sad''::mood AS time_of_mood FROM t', target => 'y', key => 'id', features => '{x,k_interval,k_money,k_timetz,time_of_mood}', params => '{"n_estimators": 2}') \g /dev/null
SELECT throws_ok(format('SELECT mlops.deploy(''m'', 2, key => %L)', 'k_' || k.k), '42804', NULL, k.k || ' cannot be a key') FROM unnest('{interval,money,timetz}'::text[]) AS k(k);

-- ---- score_table writes every type, alike in every session
CREATE VIEW dated AS SELECT x, date '2025-02-01' AS d, interval '1 day 2 hours' AS i, timestamptz '2025-02-01 00:00+00' AS z, 0.1::float8 AS f FROM t WHERE id = 1;
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL extra_float_digits = -15;
SELECT is((SELECT key FROM mlops.score_table('m/1', 'dated', key => k::name)), v, k || ' as a key of score_table')
	FROM (VALUES ('d', '2025-02-01'), ('i', '1 day 02:00:00'), ('z', '2025-02-01 00:00:00+00'), ('f', '0.1')) AS e(k, v);
SELECT finish();
ROLLBACK;
