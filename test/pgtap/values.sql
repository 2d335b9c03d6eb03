-- One meaning of a value: a row, ROW(...), the row as JSON, a trigger's NEW, a
-- logged decision and a block of a table score the same bits, for every type
-- that can be a feature, whatever the session's settings.
\ir setup.psql

CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy day');
CREATE DOMAIN card AS char(8);
CREATE DOMAIN seen_at AS timestamptz;
CREATE DOMAIN seen_again AS seen_at;
CREATE DOMAIN small AS real CHECK (VALUE < 1e30);

-- values of each type, written for ISO, UTC and C
CREATE TABLE samples (type text PRIMARY KEY, written text[]);
INSERT INTO samples VALUES
	('boolean', '{t,f}'),
	('smallint', '{-32768,-1,0,7,32767}'),
	('integer', '{-2147483648,-1,0,12345,2147483647}'),
	('bigint', '{-9223372036854775808,0,9007199254740993,9223372036854775807}'),
	('real', '{7.038531e-26,0.1,-0.3,1e-40,16777217,3.4e38,NaN,1.17549435e-38,8.5899346e9}'),
	('double precision', '{0.1,0.30000000000000004,-1.7e150,5e-324,9007199254740993,NaN,-0,123456789.12345678}'),
	('numeric', '{0.1,0.10,1.50,9007199254740993,123456789012345678901234567890.5,-0.000000000000000000000000001,NaN,1e100}'),
	('money', '{"$0.10","-$12.34","$1,234.56","$92,233,720,368,547,758.07","-$92,233,720,368,547,758.08","$90,071,992,547,409.93"}'),
	('interval', '{"1 day","-1 day +02:03:04","1 year -2 mons 3 days -04:05:06.789","-1 day -02:03:04","00:00:00.000001","178000000 years","-1 mons","1 mon -1 days","-00:00:01"}'),
	('time', '{"00:00","03:04:05.123456","24:00","23:59:59.999999"}'),
	('timetz', '{"00:00+02","03:04:05.123456-03:30","24:00+00","12:00-15:59:59","12:00+15:59:59","23:59:59.999999+05:30"}'),
	('date', '{"2025-02-01","0044-03-15 BC","1582-10-10","5874897-12-31","4714-11-24 BC"}'),
	('timestamp', '{"2025-02-01 03:04:05.123456","0044-03-15 12:00 BC","2025-03-30 02:30","2025-10-26 02:30","294276-12-31 23:59:59","1969-12-31 23:59:59.999999"}'),
	('timestamptz', '{"2025-02-01 03:04:05.123456+00","0044-03-15 12:00+00 BC","2025-03-30 01:30+00","2025-10-26 00:30+00","2025-10-26 01:30+00","1890-01-01 00:00+00"}'),
	('text', '{a,"a  ","",Ä,"x\"y\\z"}'),
	('varchar', '{a,"a  ","",Ä}'),
	('bpchar', '{a,"a  b","",Ä}'),
	('char(8)', '{VISA,MC,"",Ä}'),
	('name', '{a,"b  c",Ä}'),
	('"char"', '{a,"",Z}'),
	('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,00000000-0000-0000-0000-000000000000}'),
	('inet', '{10.0.0.1,10.0.0.0/8,::1,2001:db8::/32}'),
	('cidr', '{10.0.0.0/8,192.168.1.0/24,2001:db8::/32}'),
	('mood', '{sad,ok,"Happy day"}'),
	('card', '{VISA,MC,AMEX}'),
	('seen_at', '{"2025-02-01 03:04:05.123456+00","2025-10-26 00:30+00"}'),
	('seen_again', '{"2025-02-01 03:04:05.123456+00","2025-10-26 00:30+00"}'),
	('small', '{0.1,-0.3,16777217}');

-- 300 values of those that are categories: a model has a statistic of them, and has not seen the last five
CREATE TABLE many (type text PRIMARY KEY, written text[]);
INSERT INTO many SELECT type, special || ARRAY(SELECT format(regular, to_hex(i + 4096)) FROM generate_series(cardinality(special) + 1, 300) AS i) FROM (VALUES
	('text', ARRAY['', ' ', 'Shop', 'shop', 'shop  ', U&'caf\00E9', U&'cafe\0301', repeat('x', 20000), repeat('x', 20000) || 'y', 'null', E'tab\t"\\'], 'm%s'),
	('varchar', '{"",Shop,shop,"shop ",1,1.0,Ä}', 'm%s'),
	('bpchar', '{"",VISA,visa,"visa b",Ä}', 'm%s'),
	('char(8)', '{"",VISA,visa,MC,Ä}', 'm%s'),
	('name', ARRAY['Shop', 'shop', 'b  c', U&'caf\00E9', U&'cafe\0301'], 'm%s'),
	('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,00000000-0000-0000-0000-000000000000}', '00000000-0000-4000-8000-00000000%s'),
	('inet', '{10.0.0.1,10.0.0.0/8,::1}', '2001:db8::%s'),
	('cidr', '{10.0.0.0/8,192.168.1.0/24}', '2001:db8:%s::/48'),
	('moods', '{Sad,sad,"sad "}', 'm%s'),
	('account', '{VISA,MC}', 'm%s')
) AS v(type, special, regular);
CREATE DOMAIN account AS char(12);
SELECT format('CREATE TYPE moods AS ENUM (%s)', string_agg(quote_literal(w), ', ')) FROM many, unnest(written) AS w WHERE type = 'moods' \gexec

-- settings under which the same must come out
CREATE TABLE sessions (session int, name text, value text);
INSERT INTO sessions VALUES
	(1, 'TimeZone', 'Asia/Kolkata'), (1, 'DateStyle', 'SQL, DMY'), (1, 'IntervalStyle', 'sql_standard'), (1, 'extra_float_digits', '3'),
	(2, 'TimeZone', 'America/New_York'), (2, 'DateStyle', 'German'), (2, 'IntervalStyle', 'iso_8601'), (2, 'extra_float_digits', '0'),
	(3, 'TimeZone', '<+0530>-05:30'), (3, 'DateStyle', 'Postgres, MDY'), (3, 'IntervalStyle', 'postgres_verbose'), (3, 'extra_float_digits', '-15'),
	(3, 'standard_conforming_strings', 'off'), (3, 'search_path', 'pg_temp, pg_catalog, public');

CREATE FUNCTION pg_temp.accepted(type text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE tried AS SELECT NULL::%s AS c, g %% 2 = 0 AS y FROM generate_series(1, 100) AS g', type);
	PERFORM mlops.train('tried', 'tried', target => 'y', features => '{c}');
	RETURN true;
EXCEPTION
	WHEN datatype_mismatch THEN RETURN false;
	WHEN data_exception THEN DROP TABLE IF EXISTS tried; RETURN true;
END
$$;

-- A table "t" of a type's values, a deployed model of it, what trained row scores it
-- gave, and where other ways and sessions differ from them.
CREATE FUNCTION pg_temp.differences(type text, written text[], algorithm text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	found text[] := '{}';
	s int;
	digits boolean;
	n int := cardinality(written);
	is_float boolean := type IN ('real', 'double precision', 'small');
BEGIN
	PERFORM set_config(name, value, true) FROM (VALUES ('TimeZone', 'Europe/Berlin'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
		('extra_float_digits', '1'), ('search_path', 'public'), ('standard_conforming_strings', 'on')) AS v(name, value);
	EXECUTE format('CREATE TABLE t AS SELECT (g * (n + 1) + k)::int AS nr, CASE WHEN k > 0 THEN w::%s END AS c, g %% 5 < k %% 4 AS y
		FROM cardinality($1) AS n, generate_series(0, CASE WHEN n > 254 THEN 19 ELSE 79 END) AS g, unnest(array_prepend(NULL, $1)) WITH ORDINALITY AS u(w, o), LATERAL (SELECT o - 1 AS k) AS x', type)
		USING written;
	CREATE UNIQUE INDEX ON t (nr);
	PERFORM mlops.train('v', query => format('SELECT * FROM t WHERE nr %% %s <= %s', n + 1, CASE WHEN n > 254 THEN n - 5 ELSE n END), target => 'y', key => 'nr', features => '{c}', algorithm => $3);
	PERFORM mlops.deploy('v', (SELECT max(version) FROM mlops.versions WHERE model = 'v'));
	CREATE TABLE right_scores AS SELECT nr, c, c::text AS shown, float8send(mlops.score('v', t)) AS score FROM t WHERE nr <= n AND (nr < 12 OR nr > n - 8);
	IF type <> 'boolean' AND (SELECT count(DISTINCT score) FROM right_scores) < 2 THEN
		found := found || 'all score the same'::text;
	END IF;
	FOR s IN 0..3 LOOP
		PERFORM set_config(name, value, true) FROM sessions WHERE session = s;
		digits := NOT is_float OR current_setting('extra_float_digits')::int > 0;
		found := found || ARRAY(SELECT format('%s: %s %s', s, way, shown) FROM right_scores AS r, LATERAL (
			SELECT 'row', float8send(mlops.score('v', t)) FROM t WHERE t.nr = r.nr
			UNION ALL SELECT 'ROW()', float8send(mlops.score('v', ROW(t.c))) FROM t WHERE t.nr = r.nr
			UNION ALL SELECT 'version', float8send(mlops.score_version('v', (SELECT deployed_version FROM mlops.models WHERE model = 'v'), t)) FROM t WHERE t.nr = r.nr
			UNION ALL SELECT 'predict', float8send((mlops.predict('v', t)).score) FROM t WHERE t.nr = r.nr
			UNION ALL SELECT 'JSON', float8send(mlops.score('v', to_jsonb(t))) FROM t WHERE t.nr = r.nr AND digits
			) AS x(way, score) WHERE x.score IS DISTINCT FROM r.score);
		found := found || ARRAY(SELECT format('%s: block %s', s, shown) FROM right_scores AS r JOIN mlops.score_table('v', 't', key => 'nr') AS x ON x.key = r.nr::text
			WHERE float8send(x.score) IS DISTINCT FROM r.score);
		-- the squared error of one row tells its score
		found := found || ARRAY(SELECT format('%s: evaluate %s', s, shown) FROM right_scores AS r JOIN t USING (nr)
			JOIN mlops.evaluate('v', query => 'SELECT t.* FROM t JOIN right_scores USING (nr)', by => '{nr}') AS e ON e.segment ->> 'nr' = r.nr::text
			WHERE abs(e.brier - (mlops.score('v', t) - y::int) ^ 2) > 1e-15);
		CREATE TABLE live (LIKE t, score float8);
		CREATE TRIGGER s BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('v', 'score');
		INSERT INTO live SELECT t.* FROM t JOIN right_scores USING (nr);
		found := found || ARRAY(SELECT format('%s: trigger %s', s, shown) FROM right_scores AS r JOIN live USING (nr) WHERE float8send(live.score) IS DISTINCT FROM r.score);
		CREATE TABLE decided AS SELECT nr, (mlops.decide('v', t, nr::text)).* FROM t WHERE nr IN (SELECT nr FROM right_scores);
		found := found || ARRAY(SELECT format('%s: decide %s', s, shown) FROM right_scores AS r JOIN decided AS d USING (nr) WHERE float8send(d.score) IS DISTINCT FROM r.score);
		-- the regulator's session is another one
		PERFORM set_config(name, value, true) FROM sessions WHERE session = (s + 1) % 4;
		found := found || ARRAY(SELECT format('%s: again %s as %s', s, shown, w -> 'features') FROM right_scores AS r JOIN decided AS d USING (nr), mlops.why(d.prediction_id) AS w
			WHERE float8send((w ->> 'score_again')::float8) IS DISTINCT FROM r.score);
		DROP TABLE live, decided;
	END LOOP;
	DROP TABLE t, right_scores;
	RETURN found;
END
$$;

SET mlops.log_features = on;
SELECT plan(4 + 2 * (SELECT count(*)::int FROM samples) + 2 * (SELECT count(*)::int FROM many));
SELECT is(ARRAY(SELECT format_type(oid, NULL) FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typcategory <> 'A'
	AND oid NOT IN (SELECT to_regtype(split_part(type, '(', 1)) FROM samples UNION SELECT type::regtype FROM samples) AND pg_temp.accepted(format_type(oid, -1))), '{}', 'every type that can be a feature is here');
SELECT is(ARRAY(SELECT type FROM samples WHERE NOT pg_temp.accepted(type)), '{}', 'and can be one');
SELECT is(pg_temp.differences(type, written, 'logistic_regression'), '{}', 'a linear model of ' || type) FROM samples ORDER BY type;
SELECT is(pg_temp.differences(type, written, 'gradient_boosting'), '{}', 'trees of ' || type) FROM samples ORDER BY type;
SELECT is(pg_temp.differences(type, written, algorithm), '{}', format('300 values of %s, %s', type, algorithm)) FROM many, unnest('{logistic_regression,gradient_boosting}'::text[]) AS algorithm ORDER BY type, algorithm;
RESET search_path;
SELECT is((SELECT count(*) FROM mlops.feature_statistics WHERE model = 'v' AND feature = 'c.target'), 2 * (SELECT count(*) FROM many), 'those have a statistic');
SELECT is(count(*), (SELECT 28 * 2::bigint + 2 * (SELECT count(*) FROM many)), 'models were made of all types') FROM mlops.versions WHERE model = 'v';

SELECT * FROM finish();
ROLLBACK;
