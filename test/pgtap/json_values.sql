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
	('boolean', 'true', 't'), ('boolean', '0', 'f'), ('boolean', '"true"', NULL),
	('money', '"12.5"', '12.5'), ('money', '"0x1F"', NULL),
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

SELECT plan(11 + 4 + 10);
SELECT is(pg_temp.wrong(type), '{}', type) FROM (SELECT DISTINCT type FROM writings) AS t ORDER BY type;

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
