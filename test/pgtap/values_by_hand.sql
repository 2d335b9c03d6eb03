-- What a value of each type becomes, as numbers computed by hand; infinite values
-- in every way in; keys that are NULL or end in zeros.
\ir setup.psql
CREATE TYPE mood AS ENUM ('sad', 'Happy day');
CREATE DOMAIN card AS char(8);
SET client_min_messages = error;
SELECT plan(36 + 6 + 10 + 3);

-- ---- numbers and texts: every present value of the column is the one, so that
-- least and greatest are what it became
CREATE FUNCTION pg_temp.became(type text, written text, zone text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	became text;
BEGIN
	PERFORM set_config('TimeZone', zone, true);
	EXECUTE format('CREATE TABLE s AS SELECT g AS id, CASE WHEN g %% 2 = 0 THEN %L::%s END AS c, g %% 2 = 0 AS y FROM generate_series(1, 200) AS g', written, type);
	PERFORM mlops.train('v', 's', target => 'y', key => 'id', features => '{c}');
	-- the session's zone is not asked any more
	PERFORM set_config('TimeZone', 'Pacific/Chatham', true);
	SELECT string_agg(concat_ws(' ', nullif(substr(f.feature, 3), ''), CASE f.kind
			WHEN 'number' THEN CASE WHEN f.minimum = f.maximum THEN f.minimum::text ELSE 'several' END
			ELSE (SELECT string_agg(b ->> 'value', ',') FROM jsonb_array_elements(f.bins) AS b) END), ', ' ORDER BY f.feature) INTO became
		FROM mlops.feature_statistics AS f WHERE f.version = (SELECT max(version) FROM mlops.versions WHERE model = 'v');
	DROP TABLE s;
	RETURN became;
END
$$;
SELECT is(pg_temp.became(type, written, zone), became, type || ' ' || written || ' in ' || zone) FROM (VALUES
	('boolean', 't', 'America/New_York', '1'),
	('boolean', 'f', 'Asia/Kolkata', '0'),
	('bigint', '9007199254740993', 'Asia/Kolkata', '9.007199254740992e+15'),		-- 2^53 + 1: to even
	('bigint', '-9223372036854775808', 'Asia/Kolkata', '-9.223372036854776e+18'),
	('numeric', '9007199254740993', 'Asia/Kolkata', '9.007199254740992e+15'),
	('numeric', '9007199254740993.0000001', 'Asia/Kolkata', '9.007199254740994e+15'),	-- above half: up
	-- digits beyond 2^53 over a power of ten: rounded once; twice would make it ...732 and ...868
	('numeric', '90782541.79105733', 'Asia/Kolkata', '90782541.79105733'),
	('numeric', '-0.9863965753791869', 'Asia/Kolkata', '-0.9863965753791869'),
	('numeric', '1.50', 'Asia/Kolkata', '1.5'),
	('numeric(80,70)', '-1.5', 'Asia/Kolkata', '-1.5'),		-- so many decimals are stored in the long form
	('real', '0.1', 'Asia/Kolkata', '0.10000000149011612'),
	('double precision', '0.1', 'Asia/Kolkata', '0.1'),
	('money', '1234.56', 'America/New_York', '1234.56'),
	('money', '-0.07', 'America/New_York', '-0.07'),
	-- 14 months of 30 days and 3 days are 423 days: 36547200; 4:05:06.5 is 14706.5
	('interval', '1 year 2 mons 3 days 04:05:06.5', 'America/New_York', '36561906.5'),
	('interval', '-1 mons +1 day -00:00:01', 'Asia/Kolkata', '-2505601'),
	('interval', '1 mon -30 days', 'Asia/Kolkata', '0'),
	('time', '03:04:05.5', 'Asia/Kolkata', '11045.5'),
	('timetz', '03:04:05+02', 'Asia/Kolkata', '3845'),			-- 01:04:05 UTC
	('timetz', '01:00+05:30', 'America/New_York', '70200'),		-- 19:30 UTC
	('timetz', '23:00-03', 'America/New_York', '7200'),			-- 02:00 UTC
	-- 2025-01-01 is 20089 days after 1970-01-01, 2025-02-01 31 more: a Saturday
	('date', '2025-02-01', 'America/New_York', 'hour 0, seconds 1738368000, weekday 6'),
	('date', '1969-12-31', 'Asia/Kolkata', 'hour 0, seconds -86400, weekday 3'),
	('timestamp', '2025-02-01 20:00', 'America/New_York', 'hour 20, seconds 1738440000, weekday 6'),
	('timestamp', '2025-02-01 20:00', 'Asia/Kolkata', 'hour 20, seconds 1738440000, weekday 6'),
	('timestamptz', '2025-02-01 20:00+00', 'UTC', 'hour 20, seconds 1738440000, weekday 6'),
	('timestamptz', '2025-02-01 20:00+00', 'America/New_York', 'hour 15, seconds 1738422000, weekday 6'),
	('timestamptz', '2025-02-01 20:00+00', 'Asia/Kolkata', 'hour 1, seconds 1738459800, weekday 0'),	-- 01:30 on Sunday
	('timestamptz', '2025-07-01 20:00+00', 'America/New_York', 'hour 16, seconds 1751385600, weekday 2'),	-- summer: UTC-4
	('char(8)', 'MC', 'Asia/Kolkata', 'MC'),
	('card', 'MC', 'Asia/Kolkata', 'MC'),
	('text', 'MC  ', 'Asia/Kolkata', 'MC  '),
	('mood', 'Happy day', 'Asia/Kolkata', 'Happy day'),
	('uuid', '{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}', 'Asia/Kolkata', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
	('inet', '10.0.0.1/32', 'Asia/Kolkata', '10.0.0.1'),
	('cidr', '10.0.0.0/8', 'Asia/Kolkata', '10.0.0.0/8')) AS v(type, written, zone, became);

-- ---- infinite values: refused by the column's name, whichever way they come in
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.let_in(type text, usual text, infinite text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	found text[];
BEGIN
	EXECUTE format('CREATE TABLE s AS SELECT g AS id, CASE WHEN g %% 2 = 0 THEN %L::%s END AS "the col", g %% 2 = 0 AS y FROM generate_series(1, 200) AS g', usual, type);
	PERFORM mlops.train('i', 's', target => 'y', features => '{"the col"}');
	PERFORM mlops.deploy('i', (SELECT max(version) FROM mlops.versions WHERE model = 'i'));
	EXECUTE format('CREATE TABLE bad AS SELECT 1 AS id, %L::%s AS "the col", true AS y', infinite, type);
	CREATE TABLE live (LIKE bad, score float8, flagged boolean);
	CREATE TRIGGER s BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('i', 'score', 'flagged', 'raise');
	found := ARRAY(SELECT format('%s: %s', way, pg_temp.error_of(way)) FROM unnest(ARRAY[
		'SELECT mlops.score(''i'', b) FROM bad AS b',
		'SELECT mlops.score(''i'', ROW(b."the col")) FROM bad AS b',
		'SELECT mlops.score(''i'', to_jsonb(b)) FROM bad AS b',
		format('SELECT mlops.score(''i'', jsonb_build_object(''the col'', %L::text))', infinite),
		'SELECT mlops.score_version(''i'', (SELECT deployed_version FROM mlops.models WHERE model = ''i''), b) FROM bad AS b',
		'SELECT mlops.predict(''i'', b) FROM bad AS b',
		'SELECT mlops.decide(''i'', b) FROM bad AS b',
		'SELECT mlops.decide(''i'', to_jsonb(b)) FROM bad AS b',
		'SELECT mlops.explain(''i'', b) FROM bad AS b',
		'SELECT mlops.explain_text(''i'', to_jsonb(b)) FROM bad AS b',
		'SELECT mlops.explain_table(''i'', ''bad'')',
		'SELECT mlops.score_table(''i'', ''bad'', key => ''id'')',
		'SELECT mlops.evaluate(''i'', ''bad'')',
		'SELECT mlops.curve(''i'', ''bad'')',
		'SELECT mlops.daily_precision(''i'', query => ''SELECT *, date ''''2026-01-01'''' AS at FROM bad'', time_column => ''at'')',
		'INSERT INTO live SELECT * FROM bad',
		'SELECT mlops.train(''t'', query => ''TABLE s UNION ALL TABLE bad'', target => ''y'', features => ''{the col}'')',
		'SELECT mlops.cross_validate(''t'', query => ''TABLE s UNION ALL TABLE bad'', target => ''y'', features => ''{the col}'')'
		]) AS way WHERE pg_temp.error_of(way) <> '22000 column "the col" contains an infinite value');
	-- a trigger that may, lets the payment pass unscored
	DROP TABLE live;
	CREATE TABLE live (LIKE bad, score float8);
	CREATE TRIGGER s BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('i', 'score');
	INSERT INTO live SELECT * FROM bad;
	found := found || ARRAY(SELECT 'stored with score ' || score FROM live WHERE score IS NOT NULL);
	DROP TABLE s, bad, live;
	RETURN found;
END
$$;
SELECT is(pg_temp.let_in(type, usual, infinite), '{}', infinite || ' of ' || type) FROM (VALUES
	('double precision', '1', '-Infinity'), ('real', '1', 'Infinity'), ('numeric', '1', '-Infinity'),
	('timestamp', '2025-01-01', 'infinity'), ('timestamptz', '2025-01-01', '-infinity'), ('date', '2025-01-01', 'infinity')) AS v(type, usual, infinite);

-- ---- keys that variants are chosen by
CREATE TABLE k AS SELECT g AS id, g % 50 AS c, (g % 90)::numeric(10, 2) AS k, g % 50 > 40 AS y FROM generate_series(1, 2000) AS g;
SELECT mlops.train('k', 'k', target => 'y', key => 'id', features => '{c}') \g /dev/null
SELECT mlops.train('k', 'k', target => 'y', key => 'id', features => '{c}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('k', 1) \g /dev/null
SELECT mlops.deploy('k', 2, 'ab', percent => 99.9, key => 'k') \g /dev/null
SELECT is((mlops.predict('k', r)).variant, 'primary', 'a key that is NULL stays with primary') FROM (SELECT 3 AS c, NULL::numeric AS k) AS r;
SELECT is((mlops.predict('k', '{"c": 3, "k": null}'::jsonb)).variant, 'primary', 'in JSON too');
SELECT is((mlops.decide('k', '{"c": 3, "k": null}'::jsonb)).variant, 'primary', 'and for a decision');
SELECT is((mlops.predict('k', '{"c": 3, "k": "null"}'::jsonb)).variant, 'challenger', 'the text "null" is a key');
SELECT throws_ok($$SELECT mlops.predict('k', '{"c": 3}'::jsonb)$$, '42703', 'the row to score lacks column "k", by which model "k" chooses the variant', 'JSON without the key');
SELECT throws_ok($$SELECT mlops.predict('k', r) FROM (SELECT 3 AS c) AS r$$, '42703', 'the row to score lacks column "k", by which model "k" chooses the variant', 'a row without it');
SELECT mlops.abort('k') \g /dev/null
SELECT mlops.deploy('k', 2, 'ab', percent => 50, key => 'k') \g /dev/null
CREATE TABLE keys AS SELECT 3 AS c, n AS k FROM unnest('{1,1.0,1.50,1.5,2.000,100,1e2,-0.10,0.00,123456789012345678901234567890.1200}'::numeric[]) AS n
	UNION ALL SELECT 3, g / 100.0 FROM generate_series(1, 300) AS g;
SELECT is((SELECT array_agg(k) FROM keys AS r WHERE (mlops.predict('k', r)).variant <> (mlops.predict('k', to_jsonb(r))).variant), NULL, 'zeros of a fraction are the same in a row and its JSON');
SELECT is((SELECT array_agg(k) FROM keys AS r WHERE (mlops.predict('k', r)).variant <> (mlops.predict('k', format('{"c": 3, "k": %s}', r.k)::jsonb)).variant), NULL, 'as JSON is written');
SELECT is((SELECT array_agg(r.k) FROM keys AS r, LATERAL (SELECT 3 AS c, r.k::text AS k) AS t WHERE (mlops.predict('k', r)).variant <> (mlops.predict('k', t)).variant), NULL, 'and as text');
SELECT is((SELECT count(DISTINCT (mlops.predict('k', r)).variant) FROM keys AS r), 2::bigint, 'of both variants');
-- ---- integers of any width are one key: the same rows are set aside
CREATE FUNCTION pg_temp.keyed_by(type text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	metrics jsonb;
BEGIN
	EXECUTE format('CREATE TABLE keyed AS SELECT (id - 2500)::%s AS key, amount, country, is_fraud FROM tx', type);
	metrics := (SELECT t.metrics FROM mlops.train('keyed', 'keyed', target => 'is_fraud', key => 'key', params => '{"n_estimators": 3}') AS t);
	DROP TABLE keyed;
	RETURN metrics;
END
$$;
SELECT pg_temp.keyed_by('bigint') AS metrics \gset
SELECT is(pg_temp.keyed_by(type), :'metrics', 'rows with a key of ' || type || ' are divided as those with bigint') FROM unnest('{smallint,integer}'::text[]) AS type;
SELECT isnt(pg_temp.keyed_by('text'), :'metrics', 'with text they are divided otherwise');
SELECT * FROM finish();
ROLLBACK;
