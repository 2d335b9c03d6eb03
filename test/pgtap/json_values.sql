-- What a value in JSON may look like: the same in every session, or refused by
-- the key's name.  The dates of a split are read the same way.
\ir setup.psql
CREATE TABLE sessions (session int, name text, value text);
INSERT INTO sessions VALUES
	(0, 'TimeZone', 'Europe/Berlin'), (0, 'DateStyle', 'ISO, YMD'), (0, 'IntervalStyle', 'postgres'),
	(1, 'TimeZone', 'Asia/Kolkata'), (1, 'DateStyle', 'SQL, DMY'), (1, 'IntervalStyle', 'sql_standard'),
	(2, 'TimeZone', 'America/New_York'), (2, 'DateStyle', 'German'), (2, 'IntervalStyle', 'iso_8601'),
	(3, 'TimeZone', '<+0530>-05:30'), (3, 'DateStyle', 'Postgres, MDY'), (3, 'IntervalStyle', 'postgres_verbose');
CREATE FUNCTION pg_temp.become(s int) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, value, true) FROM public.sessions WHERE session = s
$$;

-- meaning: as a column's value in session 0, NULL: it has none
CREATE TABLE writings (type text, written jsonb, meaning text);
INSERT INTO writings VALUES
	('date', '"2020-02-03"', '2020-02-03'), ('date', '" 2020-2-3 "', '2020-02-03'), ('date', '"20200203"', '2020-02-03'), ('date', '"2020-02-03T23:00:00"', '2020-02-03 23:00'),
	('date', '"10000-01-01"', '10000-01-01'), ('date', '"0044-03-15 BC"', '0044-03-15 BC'),
	('date', '"20-02-03"', NULL), ('date', '"200203"', NULL), ('date', '"020-02-03"', NULL), ('date', '"02/03/2020"', NULL), ('date', '"2020/02/03"', NULL), ('date', '"03.02.2020"', NULL),
	('date', '"Feb 3 2020"', NULL), ('date', '"2020-Feb-03"', NULL), ('date', '"3 February 2020"', NULL), ('date', '"Mon 2020-02-03"', NULL), ('date', '"03-02-2020"', NULL),
	('date', '"2020-02"', NULL), ('date', '"2020-02-30"', NULL), ('date', '"yesterday"', NULL), ('date', '"now"', NULL), ('date', '"epoch"', NULL), ('date', '"J2451187"', NULL), ('date', '"2020.034"', NULL),
	('date', '""', NULL), ('date', '"2020-02-03 tomorrow"', NULL), ('date', '20200203', NULL), ('date', 'true', NULL), ('date', '["2020-02-03"]', NULL),
	('timestamp', '"2020-02-03T04:05:06.789"', '2020-02-03 04:05:06.789'), ('timestamp', '"2020-02-03 04:05 PM"', '2020-02-03 16:05'), ('timestamp', '"2020-02-03T04:05:06Z"', '2020-02-03 05:05:06'),
	('timestamp', '"2020-02-03 04:05+05:30"', '2020-02-02 23:35'), ('timestamp', '"20200203T040506"', '2020-02-03 04:05:06'),
	('timestamp', '"04:05 2020-02-03"', NULL), ('timestamp', '"20-02-03 04:05"', NULL), ('timestamp', '"2020-02-03 04:05 CET"', NULL), ('timestamp', '"2020-02-03 25:00"', NULL), ('timestamp', '"1580702706"', NULL),
	('timestamptz', '"2020-02-03T04:05:06+00:00"', '2020-02-03 04:05:06+00'), ('timestamptz', '"2020-02-03 04:05:06"', '2020-02-03 04:05:06'), ('timestamptz', '"2020-07-03 04:05 America/New_York"', '2020-07-03 08:05+00'),
	('timestamptz', '"3.2.2020 04:05"', NULL), ('timestamptz', '"today"', NULL),
	('time', '"03:04:05.5"', '03:04:05.5'), ('time', '"3:04 PM"', '15:04'), ('time', '"030405"', NULL), ('time', '"allballs"', NULL), ('time', '"now"', NULL), ('time', '"2020-02-03 03:04"', NULL), ('time', '"3 PM"', NULL),
	('double precision', '"1.5"', '1.5'), ('double precision', '" -1.5e2 "', '-150'), ('double precision', '".5"', '0.5'), ('double precision', '"5."', '5'), ('double precision', '"+5"', '5'), ('double precision', '"NaN"', 'NaN'), ('double precision', '"nan"', 'NaN'),
	('double precision', '"0x1F"', NULL), ('double precision', '"0x1p3"', NULL), ('double precision', '"1_000"', NULL), ('double precision', '"1,5"', NULL), ('double precision', '"1e"', NULL), ('double precision', '"."', NULL), ('double precision', '""', NULL),
	('double precision', '"5 EUR"', NULL), ('double precision', '"0b11"', NULL), ('double precision', '"nan(5)"', NULL), ('double precision', '"--5"', NULL), ('double precision', '"true"', NULL),
	('real', '"0.1"', '0.1'), ('real', '"0x1F"', NULL),
	('numeric', '"1.50"', '1.5'), ('numeric', '"0x1F"', NULL), ('numeric', '"0o17"', NULL),
	('integer', '"12"', '12'), ('integer', '"0x1F"', NULL), ('integer', '"1_2"', NULL),
	('double precision', 'true', NULL), ('double precision', '{}', NULL), ('real', 'false', NULL), ('numeric', 'true', NULL), ('integer', 'true', NULL), ('money', 'true', NULL), ('interval', 'true', NULL), ('time', 'true', NULL), ('time', '5', NULL),
	('integer', '2147483647', '2147483647'), ('integer', '-2147483648', '-2147483648'), ('integer', '2147483648', NULL), ('integer', '1e30', NULL), ('integer', '"-1e30"', NULL), ('integer', '-2147483649', NULL),
	('smallint', '"32767"', '32767'), ('smallint', '-32768', '-32768'), ('smallint', '32768', NULL), ('smallint', '-32769', NULL),
	('bigint', '9223372036854775807', '9223372036854775807'), ('bigint', '-9223372036854775808', '-9223372036854775808'), ('bigint', '9223372036854778000', NULL), ('bigint', '"1e30"', NULL),
	('boolean', 'true', 't'), ('boolean', '0', 'f'), ('boolean', '1', 't'), ('boolean', '"1"', 't'), ('boolean', '"true"', NULL), ('boolean', '3', NULL), ('boolean', '"3"', NULL), ('boolean', '0.5', NULL), ('boolean', '-1', NULL),
	('text', '"5"', '5'), ('text', '"true"', 'true'), ('text', '5', NULL), ('text', 'true', NULL), ('char(8)', '"MC  "', 'MC'), ('char(8)', '5', NULL), ('char(8)', 'false', NULL),
	('uuid', '"A0EEBC999C0B4EF8BB6D6BB9BD380A11"', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), ('uuid', '5', NULL), ('uuid', '"x"', NULL), ('inet', '"10.0.0.1/32"', '10.0.0.1'), ('inet', '10', NULL),
	('money', '"12.5"', '12.5'), ('money', '"0x1F"', NULL), ('money', '"1,2,3.00"', NULL), ('money', '"12.34.56"', NULL), ('money', '"1.234.56"', NULL), ('money', '"1,234.567,89"', NULL),
	('money', '"1.2345,00"', NULL), ('money', '"$1,234,567.89"', '1234567.89'), ('money', '"-1.234.567,89 €"', '-1234567.89'), ('money', '"(CHF 1''234.50)"', '-1234.50'), ('money', '"1 234,50"', '1234.50'),
	('money', '"1234,50"', '1234.50'), ('money', '"1,234,50"', NULL), ('timestamp', '"2020-02-03 04:05 UTC+3"', NULL), ('timestamp', '"2020-02-03 04:05 GMT-3"', NULL), ('timestamp', '"2020-02-03 04:05 UTC + 3"', NULL),
	('timestamp', '"2020-02-03 04:05 Etc/GMT+3"', '2020-02-03 08:05'), ('time', '"03:04 UTC+3"', NULL), ('timestamp', '"2020-02-03 04:05 Europe/Berlin+3"', NULL),
	('interval', '"1 day 02:00"', '1 day 02:00'), ('interval', '"P1DT2H"', '1 day 02:00'), ('interval', '93600', '1 day 02:00'), ('interval', '"soon"', NULL);

-- values of a type by which a model can tell all meanings apart
CREATE FUNCTION pg_temp.wrong(of_type text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	found text[] := '{}';
	w record;
	s int;
	wanted bytea;
	score bytea;
	got text;
BEGIN
	PERFORM pg_temp.become(0);
	EXECUTE format('CREATE TABLE t AS SELECT g AS nr, meaning::%1$s AS c, (g + o) %% 3 = 0 AS y FROM generate_series(1, 40) AS g, (SELECT meaning, row_number() OVER () AS o FROM writings
		WHERE type = %1$L AND meaning IS NOT NULL UNION ALL SELECT NULL, 0) AS m', of_type);
	PERFORM mlops.train('j', 't', target => 'y', key => 'nr', features => '{c}', algorithm => 'logistic_regression');
	PERFORM mlops.deploy('j', (SELECT max(version) FROM mlops.versions WHERE model = 'j'));
	FOR w IN SELECT * FROM writings WHERE type = of_type LOOP
		PERFORM pg_temp.become(0);
		IF w.meaning IS NOT NULL THEN
			EXECUTE format('SELECT float8send(mlops.score(''j'', r)) FROM (SELECT $1::%s AS c) AS r',
				CASE WHEN of_type = 'date' AND w.meaning LIKE '%:%' THEN 'timestamp' ELSE of_type END) INTO wanted USING w.meaning;
		END IF;
		FOR s IN 0..3 LOOP
			PERFORM pg_temp.become(s);
			BEGIN
				score := float8send(mlops.score('j', jsonb_build_object('c', w.written)));
				got := 'a score';
				IF score IS DISTINCT FROM wanted AND w.meaning IS NOT NULL THEN
					found := found || format('session %s: %s is not %s', s, w.written, w.meaning);
				END IF;
			EXCEPTION WHEN OTHERS THEN
				got := SQLSTATE || ' ' || SQLERRM;
			END;
			IF (CASE WHEN w.meaning IS NULL THEN got !~ '^(22...|42804) key "c" holds' ELSE got <> 'a score' END) THEN
				found := found || format('session %s: %s got %s', s, w.written, got);
			END IF;
		END LOOP;
	END LOOP;
	DROP TABLE t;
	RETURN found;
END
$$;

SELECT plan(17 + 4 + 4 + 10);
SELECT is(pg_temp.wrong(type), '{}', type) FROM (SELECT DISTINCT type FROM writings) AS t ORDER BY type;

-- ---- a column of each type for a model of each other one: scored as its JSON is, or refused as that is
CREATE TABLE kinds (type text, sample text);
INSERT INTO kinds SELECT type, unnest(samples::text[]) FROM (VALUES ('boolean', '{t,f}'), ('smallint', '{0,1,32767}'), ('integer', '{0,1,-32769,2147483647}'),
	('bigint', '{1,-2147483649,9223372036854775807}'), ('real', '{0,0.1,1e30,1e12}'), ('double precision', '{1,0.1,NaN,1e40,-1e300}'), ('numeric', '{1.0,0.1,9223372036854775807,1e30}'),
	('interval', '{00:00:01,"1 day"}'), ('time', '{00:00:01,12:00}'), ('timetz', '{00:00:01+00,12:00+02}'), ('date', '{2025-01-01,2025-02-01}'), ('timestamp', '{"2025-01-01 12:00",2025-01-03}'), ('text', '{1,t}'), ('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,00000000-0000-0000-0000-000000000000}')) AS v(type, samples);
CREATE FUNCTION pg_temp.outcome(features text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	got text;
BEGIN
	EXECUTE 'SELECT encode(float8send(mlops.score(''kind'', ' || features || ')), ''hex'') FROM one AS r' INTO got;
	RETURN got;
EXCEPTION WHEN datatype_mismatch OR data_exception THEN
	RETURN 'refused';
END
$$;
CREATE TABLE pairs (recorded text, type text, sample text, of_row text, of_json text);
CREATE FUNCTION pg_temp.try_pairs(recorded text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	k record;
BEGIN
	EXECUTE format('CREATE TABLE t AS SELECT g AS nr, sample::%s AS c, (g + ascii(sample)) %% 3 = 0 AS y FROM generate_series(1, 40) AS g, (SELECT * FROM kinds WHERE type = $1 UNION ALL SELECT NULL, NULL) AS k', recorded) USING recorded;
	PERFORM mlops.train('kind', 't', target => 'y', key => 'nr', features => '{c}', algorithm => 'logistic_regression');
	PERFORM mlops.deploy('kind', (SELECT max(version) FROM mlops.versions WHERE model = 'kind'));
	FOR k IN SELECT * FROM kinds LOOP
		EXECUTE format('CREATE TABLE one AS SELECT %L::%s AS c', k.sample, k.type);
		INSERT INTO pairs VALUES (recorded, k.type, k.sample, pg_temp.outcome('r'), pg_temp.outcome('to_jsonb(r)'));
		DROP TABLE one;
	END LOOP;
	DROP TABLE t;
END
$$;
SELECT pg_temp.try_pairs(type) FROM (SELECT DISTINCT type FROM kinds) AS k \g /dev/null
-- A column of another kind may be refused though its JSON is text of the right form; NaN is text in JSON.
SELECT is(ARRAY(SELECT format('%s %s for %s: %s, %s', type, sample, recorded, of_row, of_json) FROM pairs WHERE of_row <> of_json AND sample <> 'NaN'
	AND NOT (of_row = 'refused' AND of_json <> 'refused' AND type IN ('text', 'uuid', 'interval', 'time', 'timetz', 'date', 'timestamp'))), '{}', 'a row is what its JSON is');
SELECT is(ARRAY(SELECT DISTINCT format('%s for %s', type, recorded) FROM pairs WHERE recorded <> type AND of_row <> 'refused' AND (type = 'boolean' OR recorded IN ('time', 'timetz', 'text', 'uuid') AND type NOT IN ('time', 'timetz', 'text', 'uuid'))), '{}', 'nor of another kind');
SELECT is(ARRAY(SELECT sample FROM pairs WHERE recorded = 'integer' AND type IN ('bigint', 'real', 'double precision', 'numeric') AND of_row = 'refused' ORDER BY sample COLLATE "C"),
	'{-1e300,-2147483649,1e12,1e30,1e30,1e40,9223372036854775807,9223372036854775807}', 'out of the range of an integer');
SELECT mlops.train('flag', 'tx', target => 'is_fraud', features => '{online}', params => '{"n_estimators": 2}') \g /dev/null
SELECT throws_ok($$SELECT mlops.score('flag/1', r) FROM (SELECT 3 AS online) AS r$$, '22003', 'column "online" holds 3, which is not a value of type boolean', 'the column is named');

-- ---- a thousand values of each type of time, and their JSON
CREATE TABLE many AS SELECT g AS nr, to_timestamp(least(-210866803200 + g::float8 ^ 5 / 5, 9e12) + g / 7.0::float8) AS stz, g % 3 = 0 AS y FROM generate_series(1, 1000) AS g;
ALTER TABLE many ADD s timestamp, ADD d date, ADD i interval;
UPDATE many SET s = stz AT TIME ZONE 'Asia/Tokyo', d = (stz AT TIME ZONE 'UTC')::date, i = make_interval(months => nr % 40 - 20, days => nr * 7 % 31 - 15, secs => nr * 1234.567891 - 600000);
SELECT pg_temp.become(0) \g /dev/null
SELECT mlops.train('many', 'many', target => 'y', key => 'nr', features => '{stz,s,d,i}', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.deploy('many', 1) \g /dev/null
CREATE TEMP TABLE right_scores AS SELECT nr, float8send(mlops.score('many', m)) AS score FROM many AS m;
CREATE FUNCTION pg_temp.different(s int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.become(s);
	RETURN (SELECT count(*) FROM many AS m JOIN right_scores AS r USING (nr) WHERE float8send(mlops.score('many', to_jsonb(m))) <> r.score);
END
$$;
SELECT is(pg_temp.different(s), 0::bigint, 'JSON of session ' || s) FROM generate_series(0, 3) AS s;

-- ---- a split
SELECT pg_temp.become(1) \g /dev/null
CREATE FUNCTION pg_temp.split_by(split jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made int;
BEGIN
	SELECT version INTO made FROM mlops.train('s', 'tx', target => 'is_fraud', time_column => 'ts', params => '{"n_estimators": 2}', split => $1);
	RETURN (SELECT d.test_rows FROM mlops.versions AS v JOIN mlops.runs AS r USING (run_id) JOIN mlops.datasets AS d USING (dataset_id) WHERE v.model = 's' AND v.version = made);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(pg_temp.split_by('{"test_from": "2026-02-01"}'), (SELECT count(*)::text FROM tx WHERE ts >= '2026-02-01'), 'a date, year first');
SELECT is(pg_temp.split_by('{"test_from": "2026-02-01T06:00:00+05:30"}'), (SELECT count(*)::text FROM tx WHERE ts >= '2026-02-01 06:00'), 'an offset counts');
SELECT is(pg_temp.split_by('{"test_from": "2026-02-01T00:30:00Z"}'), (SELECT count(*)::text FROM tx WHERE ts >= '2026-02-01 06:00'), 'from the zone of the training');
SELECT is(pg_temp.split_by(jsonb_build_object('test_from', v)), format('22007 key "split.test_from" holds "%s", which is not a value of type timestamp without time zone', v), v || ' is refused')
	FROM unnest('{02/01/2026,01.02.2026,yesterday,now,"Feb 1 2026",26-02-01}'::text[]) AS v;
-- Germany's days come first, America's months do: a retraining cuts where the training did
SELECT is((SELECT count(DISTINCT pg_temp.split_by('{"validation_from": "2026-01-20", "test_from": "2026-02-01", "test_to": "2026-02-03"}')) FROM generate_series(0, 3) AS s, pg_temp.become(s)), 1::bigint, 'and is the same in every session');
SELECT * FROM finish();
ROLLBACK;
