-- Features from the history of entities: what their definitions say in SQL, the same bits for
-- one row as for all, and what is refused.
\ir setup.psql
SELECT plan(106);

-- Times with ties, late and early rows, entities that are missing, and amounts that no sum of doubles adds up exactly.
CREATE TABLE pay AS SELECT i AS id, CASE WHEN i % 97 <> 0 THEN timestamptz '2026-01-01' + (i * 7919 % 4000 / 3) * interval '7 minutes' END AS ts,
	CASE WHEN i % 31 <> 0 THEN i * 31 % 23 END AS card, 'shop ' || i * 17 % 11 AS shop, (i * 104729 % 100003) / 7.0 AS amount, i * 13 % 50 < 4 AS fraud,
	timestamptz '2026-01-01' + (i * 7919 % 4000 / 3) * interval '7 minutes' + CASE WHEN i % 5 = 0 THEN i % 50 * interval '1 hour' ELSE interval '0' END AS known
	FROM generate_series(1, 3000) AS i;
CREATE INDEX ON pay (card, ts);
CREATE INDEX ON pay (shop, ts);
ANALYZE pay;

CREATE FUNCTION made(features jsonb, known name DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.made') IS NOT NULL THEN
		PERFORM mlops.drop_feature_view('public.made');
	END IF;
	PERFORM mlops.create_feature_view('public.made', 'public.pay', 'id', 'ts', features, known);
END
$$;

-- ---- against SQL
SELECT lives_ok($$SELECT made('{
	"n": {"aggregate": "count", "by": "card", "window": "1 day"},
	"n_values": {"aggregate": "count", "value": "nullif(shop, ''shop 3'')", "by": "card", "window": "1 day"},
	"total": {"aggregate": "sum", "value": "amount", "by": "card", "window": "1 day"},
	"mean": {"aggregate": "avg", "value": "amount", "by": "card", "window": "1 day"},
	"spread": {"aggregate": "stddev", "value": "amount", "by": "card", "window": "1 day"},
	"least": {"aggregate": "min", "value": "amount", "by": "card", "window": "1 day"},
	"most": {"aggregate": "max", "value": "amount", "by": "card", "window": "1 day"},
	"frauds": {"aggregate": "share", "where": "fraud", "by": "card", "window": "1 day"},
	"large": {"aggregate": "sum", "value": "amount", "where": "amount > 7000", "by": "card", "window": "1 day"},
	"since": {"aggregate": "since_last", "by": "card"},
	"before": {"aggregate": "last", "value": "amount", "by": "card"},
	"age": {"aggregate": "first_seen", "by": "card"},
	"others": {"aggregate": "count", "by": "card", "current": false},
	"of_five": {"aggregate": "avg", "value": "amount", "by": "card", "rows": 5},
	"of_five_before": {"aggregate": "max", "value": "amount", "by": "card", "rows": 5, "current": false},
	"risk": {"aggregate": "avg", "value": "fraud", "by": "shop", "window": "2 days", "delay": "1 day", "default": 0},
	"both": {"aggregate": "count", "by": ["card", "shop"]},
	"shops": {"aggregate": "count_distinct", "value": "shop", "by": "card", "window": "1 day"},
	"times_usual": {"expression": "amount::float8 / mean"},
	"unusual": {"expression": "times_usual > 1.5 AND n > 2"}}')$$, 'a feature view is made');
CREATE TABLE by_sql AS
WITH ordered AS (SELECT *, ts + interval '1 microsecond' * row_number() OVER (PARTITION BY card, ts ORDER BY id) AS moment FROM pay WHERE ts IS NOT NULL)
SELECT id, card, count(*) OVER day AS n, count(nullif(shop, 'shop 3')) OVER day AS n_values, sum(amount) OVER day AS total, avg(amount) OVER day AS mean, stddev(amount) OVER day AS spread,
	min(amount) OVER day AS least, max(amount) OVER day AS most, avg(fraud::int) OVER day AS frauds, sum(amount) FILTER (WHERE amount > 7000) OVER day AS large,
	extract(epoch FROM ts - lag(ts) OVER (PARTITION BY card ORDER BY moment)) AS since, lag(amount) OVER (PARTITION BY card ORDER BY moment) AS before,
	extract(epoch FROM ts - first_value(ts) OVER (PARTITION BY card ORDER BY moment)) AS age, count(*) OVER (PARTITION BY card ORDER BY moment) - 1 AS others,
	avg(amount) OVER (PARTITION BY card ORDER BY moment ROWS 4 PRECEDING) AS of_five, max(amount) OVER (PARTITION BY card ORDER BY moment ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS of_five_before,
	coalesce(avg(fraud::int) OVER (PARTITION BY shop ORDER BY ts RANGE BETWEEN '3 days -0.001 second' PRECEDING AND '1 day' PRECEDING), 0) AS risk,
	count(*) OVER (PARTITION BY card, shop ORDER BY moment) AS both
FROM ordered WINDOW day AS (PARTITION BY card ORDER BY moment RANGE '1 day -0.001 second' PRECEDING);
CREATE FUNCTION differing(feature text, tolerance float8 DEFAULT 1e-12) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM by_sql AS s JOIN made AS m USING (id) WHERE s.card IS NOT NULL AND (s.%1$I IS NULL) <> (m.%1$I IS NULL) OR abs(s.%1$I - m.%1$I) > $1 * greatest(1, abs(s.%1$I))', feature) INTO n USING tolerance;
	RETURN n;
END
$$;
SELECT is(differing(f), 0::bigint, f || ' is what SQL says') FROM unnest('{n,n_values,total,mean,spread,least,most,frauds,large,since,before,age,others,of_five,of_five_before,risk,both}'::text[]) AS f;
SELECT is((SELECT count(*) FROM made AS m WHERE m.shops <> (SELECT count(DISTINCT p.shop) FROM pay AS p WHERE p.card = m.card AND p.ts > m.ts - interval '1 day' AND (p.ts, p.id) <= (m.ts, m.id))), 0::bigint, 'shops is what SQL says');
SELECT is((SELECT count(*) FROM made WHERE times_usual IS DISTINCT FROM amount::float8 / mean OR unusual IS DISTINCT FROM (amount::float8 / mean > 1.5 AND n > 2)), 0::bigint, 'expressions are evaluated over columns, features and other expressions');
SELECT is((SELECT count(*) FROM made WHERE card IS NULL AND num_nonnulls(n, total, since, shops, "both") > 0), 0::bigint, 'a row without a card has no features of cards');
SELECT is((SELECT count(*) FROM made WHERE ts IS NULL AND num_nonnulls(n, total, risk) > 0), 0::bigint, 'nor has one without a time');
SELECT is((SELECT count(*) FROM made), 3000::bigint, 'every row is there');

-- ---- one row as all
CREATE FUNCTION skew(of_view regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE mlops_catalog.row_as_json(f) - ''{ts,known}''::text[] IS DISTINCT FROM mlops.feature_row(%L, t) - ''{ts,known}''::text[]) FROM %s AS f JOIN public.pay AS t USING (id) WHERE f.id %% 3 = 0', of_view, of_view) INTO n;
	RETURN n;
END
$$;
SELECT is(skew('made'), 0::bigint, 'one row by the indexes has the same bits as all in one pass');
SELECT lives_ok($$SELECT made('{"n": {"aggregate": "count", "by": "card", "window": "1 day"}, "mean": {"aggregate": "avg", "value": "amount", "by": "card", "window": "2 days", "delay": "3 hours"},
	"least": {"aggregate": "min", "value": "amount", "by": "shop", "window": "1 day"}, "last_three": {"aggregate": "sum", "value": "amount", "by": "card", "rows": 3}, "shops": {"aggregate": "count_distinct", "value": "shop", "by": "card"},
	"since": {"aggregate": "since_last", "by": "shop"}, "age": {"aggregate": "first_seen", "by": "shop"}}', 'known')$$, 'one whose rows are known late');
SELECT is((SELECT count(*) FROM made AS m WHERE m.n <> 1 + (SELECT count(*) FROM pay AS p WHERE p.card = m.card AND p.ts > m.ts - interval '1 day' AND (p.ts, p.id) < (m.ts, m.id) AND p.known <= m.ts)), 0::bigint, 'what was not yet known does not count');
SELECT is((SELECT count(*) FROM made AS m WHERE m.least <> least(m.amount, (SELECT min(p.amount) FROM pay AS p WHERE p.shop = m.shop AND p.ts > m.ts - interval '1 day' AND (p.ts, p.id) < (m.ts, m.id) AND p.known <= m.ts))::float8), 0::bigint, 'nor is it the least');
SELECT is(skew('made'), 0::bigint, 'nor for one row');
DO $$
DECLARE
	aggregates text[] := '{count,sum,avg,stddev,min,max,count_distinct,last,since_last,first_seen,share}';
BEGIN
	PERFORM setseed(0.5);
	CREATE TEMP TABLE drawn AS SELECT v, jsonb_object_agg('f' || f, jsonb_strip_nulls(jsonb_build_object('aggregate', a, 'by', CASE WHEN random() < 0.4 THEN '"card"' WHEN random() < 0.6 THEN '"shop"' ELSE '["shop", "card"]' END::jsonb,
			'value', CASE WHEN a IN ('share', 'since_last', 'first_seen') THEN NULL WHEN a = 'count_distinct' THEN 'shop' ELSE 'amount' END, 'where', CASE WHEN a = 'share' OR random() < 0.3 THEN 'amount > 3000' END,
			'window', CASE WHEN random() < 0.8 AND a <> 'first_seen' THEN ceil(random() * 100) || ' hours' END, 'rows', CASE WHEN random() < 0.3 AND a <> 'first_seen' THEN 2 + floor(random() * 6) END,
			'delay', CASE WHEN random() < 0.3 THEN ceil(random() * 40) || ' hours' END))) AS features
		FROM generate_series(1, 10) AS v, generate_series(1, 12) AS f, LATERAL (SELECT aggregates[1 + floor(random() * 11 + 0 * (f + v))] AS a) AS pick GROUP BY v;
END
$$;
CREATE FUNCTION skew_of(features jsonb, known name) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.made(features, known);
	RETURN public.skew('public.made');
END
$$;
SELECT is(skew_of(features, CASE WHEN v % 2 = 0 THEN 'known' END), 0::bigint, 'random definitions: ' || v) FROM drawn ORDER BY v;
SELECT set_config('TimeZone', 'Asia/Kolkata', false), set_config('DateStyle', 'German', false), set_config('extra_float_digits', '0', false), set_config('search_path', 'pg_catalog', false) \g /dev/null
CREATE TEMP TABLE under_settings AS SELECT public.skew_of('{"day": {"expression": "extract(dow FROM ts AT TIME ZONE ''Europe/Paris'')"}, "in_january": {"expression": "ts < ''2026-01-04''"}, "n": {"aggregate": "count", "by": "card", "window": "01:30:00"}}', NULL) AS skew;
CREATE TEMP TABLE literals AS SELECT (SELECT count(*) FROM public.made WHERE in_january <> (ts < timestamptz '2026-01-04 00:00+00')) AS wrong;
RESET TimeZone; RESET DateStyle; RESET extra_float_digits; RESET search_path;
SELECT results_eq('SELECT skew, wrong FROM under_settings, literals', 'VALUES (0::bigint, 0::bigint)', 'one row is as all whatever the settings, and literals mean one time in all sessions');

-- ---- part of the rows
SELECT made('{"n": {"aggregate": "count", "by": "card", "window": "1 day"}, "ever": {"aggregate": "count", "by": "card"}, "risk": {"aggregate": "avg", "value": "fraud", "by": "shop", "window": "1 day", "delay": "1 day"}}') \g /dev/null
SELECT results_eq($$SELECT * FROM mlops.feature_rows('pay', 'id', 'ts', (SELECT features FROM mlops.feature_views), since => '2026-01-04', until => '2026-01-05') AS f(n bigint, id int, ever bigint, risk float8) ORDER BY id$$,
	$$SELECT n, id, ever, risk FROM made WHERE ts >= '2026-01-04' AND ts < '2026-01-05' ORDER BY id$$, 'a range of time has the features that its rows have among all');
SELECT results_eq($$SELECT n, id FROM mlops.feature_rows('pay', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card", "window": "1 day"}}', since => '2026-01-04') AS f(n bigint, id int) ORDER BY id$$,
	$$SELECT n, id FROM made WHERE ts >= '2026-01-04' ORDER BY id$$, 'also where no feature is of all time');

-- ---- as a relation
SELECT results_eq($$SELECT schema, name, source, key, time_column, known_column, features FROM mlops.feature_views$$, $$VALUES ('public'::name, 'made'::name, 'pay'::regclass, 'id'::name, 'ts'::name, NULL::name,
	'{"n": {"aggregate": "count", "by": "card", "window": "1 day"}, "ever": {"aggregate": "count", "by": "card"}, "risk": {"aggregate": "avg", "value": "fraud", "by": "shop", "window": "1 day", "delay": "1 day"}}'::jsonb)$$, 'it is listed');
SELECT lives_ok($$SELECT mlops.alter_feature_view('made', '{"n": {"aggregate": "count", "by": "card", "window": "2 days"}, "ever": {"aggregate": "count", "by": "card"}, "a_new_one": {"expression": "n > 3"}, "risk": {"aggregate": "avg", "value": "fraud", "by": "shop", "window": "1 day", "delay": "1 day"}}')$$, 'features are added and changed');
SELECT is((SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'made'::regclass), 'id ts card shop amount fraud known n ever risk a_new_one', 'a new one comes last');
SELECT is((SELECT count(*) FROM made WHERE n <> (SELECT count(*) FROM pay AS p WHERE p.card = made.card AND p.ts > made.ts - interval '2 days' AND (p.ts, p.id) <= (made.ts, made.id))), 0::bigint, 'the change counts');
SELECT throws_ok($$SELECT mlops.alter_feature_view('made', '{"n": {"aggregate": "count", "by": "card"}}')$$, '42P16', NULL, 'one that is shown cannot be taken away');
SELECT throws_ok($$DROP TABLE pay$$, '2BP01', NULL, 'its source is needed');
SELECT throws_ok($$SELECT mlops.drop_feature_view('by_sql')$$, '42809', '"by_sql" is not a feature view', 'other relations are none');
SELECT lives_ok($$SELECT version FROM mlops.train('m', 'made', target => 'fraud', key => 'id', time_column => 'ts', exclude => '{known,shop,card}', params => '{"n_estimators": 3}')$$, 'a model is trained on it');
SELECT is((SELECT count(*) FROM pay AS p JOIN made AS m USING (id) WHERE id % 10 = 0 AND mlops.score('m/1', m) IS DISTINCT FROM mlops.score('m/1', mlops.feature_row('made', p))), 0::bigint, 'a row of the source with its features scores as the row of the view');
CREATE TEMP TABLE brief AS SELECT * FROM pay LIMIT 10;
SELECT mlops.create_feature_view('of_temp', 'brief', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card"}}') \g /dev/null
SELECT is((SELECT relpersistence::text FROM pg_class WHERE relname = 'of_temp'), 't', 'a view of a temporary table is temporary');

-- ---- names and types
CREATE SCHEMA "Odd ""schema";
CREATE TABLE "Odd ""schema"."Pay 'ments'" ("The Key" text, "when" date, gone int, "Card""" numeric, price money, kind char(5), blob jsonb);
ALTER TABLE "Odd ""schema"."Pay 'ments'" DROP gone;
INSERT INTO "Odd ""schema"."Pay 'ments'" VALUES ('b', '2026-01-01', 1.0, '$1.50', 'x', '{}'), ('B', '2026-01-01', 1.00, '$2.50', 'x', '[]'), ('a', '2026-01-02', 1, '$4', 'y ', NULL), ('c', '2026-01-02', 'NaN', '$1', NULL, NULL), ('d', '2026-01-03', 'NaN', '$1', 'z', NULL);
SELECT lives_ok($$SELECT mlops.create_feature_view('"Odd ""schema"."Features; --"', '"Odd ""schema"."Pay ''ments''"', 'The Key', 'when',
	'{"the \"n''": {"aggregate": "count", "by": "Card\""}, "kinds": {"aggregate": "count_distinct", "value": "kind", "by": ["Card\"", "kind"]}, "paid": {"aggregate": "sum", "value": "price", "by": "Card\""}, "twice": {"expression": "\"the \"\"n''\" * 2"}}')$$, 'names that need quotes');
SELECT results_eq($$SELECT "The Key", "the ""n'", kinds, paid, twice FROM "Odd ""schema"."Features; --" ORDER BY "The Key" COLLATE "C"$$, $$VALUES ('B', 1::bigint, 1::bigint, 2.5::float8, 2::bigint), ('a', 3, 1, 8, 6), ('b', 2, 1, 4, 4), ('c', 1, NULL, 1, 2), ('d', 2, 1, 2, 4)$$,
	'equal numbers are one card, days have an order by the bytes of keys, blanks do not count');
SELECT is((SELECT count(*) FROM "Odd ""schema"."Pay 'ments'" AS t JOIN "Odd ""schema"."Features; --" AS f USING ("The Key") WHERE mlops.feature_row('"Odd ""schema"."Features; --"', t) IS DISTINCT FROM mlops_catalog.row_as_json(f)), 0::bigint, 'one by one too');

-- ---- what is refused
CREATE DOMAIN mydomain AS numeric;
CREATE FUNCTION refused(feature jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.create_feature_view('never', 'pay', 'id', 'ts', jsonb_build_object('f', feature));
	RETURN 'made';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(refused(feature::jsonb), message, feature) FROM (VALUES
	('{"aggregate": "mean", "by": "card"}', '22023 "aggregate" of feature "f" is "mean"'),
	('{"aggregate": "count"}', '22023 feature "f" does not say whose rows it aggregates'),
	('{"aggregate": "count", "by": "cart"}', '42703 "by" names column "cart", which does not exist in the source'),
	('{"aggregate": "count", "by": []}', '22023 "by" of feature "f" must be the name of a column or a list of names'),
	('{"aggregate": "count", "by": "amount", "window": "1 month"}', '22023 "window" of feature "f" is "1 month", which is not the same length of time always'),
	('{"aggregate": "count", "by": "card", "window": "7"}', '22023 "window" in "features.f" is "7", a length of time without a unit'),
	('{"aggregate": "sum", "by": "card"}', '22023 feature "f" does not say what it aggregates'),
	('{"aggregate": "avg", "value": "shop", "by": "card"}', '42804 "value" of feature "f" has type text'),
	('{"aggregate": "share", "by": "card"}', '22023 feature "f" does not say which rows it is the share of'),
	('{"aggregate": "count", "where": "amount", "by": "card"}', '42804 "where" of feature "f" has type numeric'),
	('{"aggregate": "count", "by": "card", "windows": "1 day"}', '22023 unrecognized key "windows" in "features.f"'),
	('{"aggregate": "count", "by": "card", "delay": "1 day", "current": true}', '22023 feature "f" has a delay, so the row itself cannot count'),
	('{"expression": "amount > (SELECT 1)"}', '42P17 "expression" of feature "f" has a query'),
	('{"expression": "1) FROM pay AS (x"}', '42601 syntax error at or near "("'),
	('{"expression": "1), (2"}', '42601 "expression" of feature "f" is not one expression'),
	('{"expression": "now() > ts"}', '42P17 "expression" of feature "f" depends on more than its row'),
	('{"expression": "extract(hour FROM ts)"}', '42P17 "expression" of feature "f" depends on more than its row'),
	('{"expression": "amount::float8::text"}', '42P17 "expression" of feature "f" depends on more than its row'),
	('{"expression": "ts > ''now''"}', '42P17 "expression" of feature "f" depends on more than its row'),
	('{"expression": "(amount::mydomain)::float8"}', '42704 type "mydomain" does not exist'),
	('{"expression": "(amount::public.mydomain)::float8"}', '42P17 "expression" of feature "f" has type public.mydomain'),
	('{"expression": "(''{5}''::public.mydomain[])[1]::float8"}', '42P17 "expression" of feature "f" has type public.mydomain[]'),
	('{"expression": "(''(1,x)''::public.pay).id"}', '42P17 "expression" of feature "f" has type public.pay'),
	('{"expression": "amount OPERATOR(public.+) 1"}', '42P17 "expression" of feature "f" has operator public.+'),
	('{"expression": "sum(amount)"}', '22023 "expression" of feature "f" is not an expression over one row'),
	('{"expression": "amout * 2"}', '42703 "expression" of feature "f" reads "amout", which is no column of the source and no feature'),
	('{"expression": ""}', '42601 syntax error at or near ")"'),
	('{"expression": "f + 1"}', '42P17 "expression" of feature "f" reads itself, or features that read it'),
	('{}', '22023 feature "f" must have exactly one of "aggregate" and "expression"')) AS v(feature, message);
CREATE FUNCTION public.mine(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT is(refused('{"expression": "public.mine(amount)"}'), '42P17 "expression" of feature "f" has function public.mine', 'functions that are not PostgreSQL''s own are refused');
SELECT is(refused('{"aggregate": "count", "by": "ts"}'), '42804 column "ts" of type timestamp with time zone in "by" of feature "f" cannot be a key', 'times are no keys');

SELECT throws_ok($$SELECT * FROM mlops.feature_rows('pay', 'id', 'ts', '{"f": {"expression": "amount"}}') AS f(amounts numeric)$$, '42703', '"amounts" is neither a column of the source nor a feature', 'a column that there is not');
SELECT throws_ok($$SELECT * FROM mlops.feature_rows('pay', 'id', 'ts', '{"f": {"expression": "amount"}}') AS f(f float8)$$, '42804', 'column "f" has type numeric, not double precision', 'or of another type');
SELECT throws_ok($$SELECT * FROM mlops.feature_rows('pay', 'shop', 'amount', '{"f": {"expression": "amount"}}') AS f(f numeric)$$, '42804', 'column "amount" of "time_column" has type numeric', 'a time that is none');

SELECT is((SELECT count(*) FROM mlops.feature_rows('pay', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card"}}', until => u) AS f(n bigint)), 0::bigint, 'until ' || u) FROM unnest('{-infinity,3000-01-01 BC}'::timestamptz[]) AS u;
CREATE TABLE odd (id int, ts timestamp, known timestamp, card int, a int);
INSERT INTO odd VALUES (1, '2026-01-01', '2026-01-01', 1, 1), (1, '2026-01-01', '2026-01-01', 1, 2), (NULL, '2026-01-01', '2026-01-01', 1, 3), (NULL, '2026-01-01', '2026-01-01', 1, 4), (2, '2026-01-02', NULL, 1, 5), (3, 'infinity', '2026-01-01', 1, 6),
	(4, '2026-01-03', 'infinity', 1, 7), (5, '2026-01-04', '-infinity', 1, 8), (6, '-infinity', '2026-01-01', 1, 9), (7, '2026-01-05', '2026-01-05', 1, 10);
SELECT mlops.create_feature_view('oddv', 'odd', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card"}, "l": {"aggregate": "last", "by": "card", "value": "a"}, "s": {"aggregate": "sum", "by": "card", "value": "a", "window": "10 days"}}', 'known') \g /dev/null
SELECT is((SELECT string_agg(concat_ws('|', a, n, s), ' ' ORDER BY a) FROM oddv), '1|1|1 2|1|2 3|3|6 4|3|7 5|5|15 6 7|5|17 8|5|18 9 10|6|28', 'rows of one time and key do not count for each other; nor does what is not yet known, or has no time');
SELECT is((SELECT array_agg(a) FROM oddv AS v JOIN odd AS o USING (a) WHERE mlops_catalog.row_as_json(v) - '{ts,known,l}'::text[] IS DISTINCT FROM mlops.feature_row('oddv', o) - '{ts,known,l}'::text[]), NULL, 'of each the same alone');
CREATE TABLE later AS SELECT * FROM odd ORDER BY a DESC;
TRUNCATE odd;
INSERT INTO odd SELECT * FROM later;
SELECT is((SELECT string_agg(concat_ws('|', a, n, s), ' ' ORDER BY a) FROM oddv), '1|1|1 2|1|2 3|3|6 4|3|7 5|5|15 6 7|5|17 8|5|18 9 10|6|28', 'in whatever order they are stored');
SELECT is((SELECT count(*) FROM mlops.check_features('made', 500)), 0::bigint, 'check_features finds the same');
SELECT results_eq($$SELECT DISTINCT feature FROM mlops.check_features('oddv')$$, $$VALUES ('l'::text)$$, 'but for the last of rows that have no order');
SELECT throws_ok($$SELECT * FROM mlops.check_features('odd')$$, '42809', '"odd" is not a feature view', 'of feature views');
SELECT throws_ok($$SELECT * FROM mlops.check_features('oddv', 0)$$, '22023', '"rows" is 0', 'of some rows');
SET LOCAL statement_timeout = '20s';
SELECT lives_ok($$SELECT mlops.create_feature_view('chain', 'odd', 'id', 'ts', (SELECT jsonb_object_agg('f' || g, jsonb_build_object('expression', CASE WHEN g = 1 THEN 'a + 1' ELSE 'f' || g - 1 || ' + 1' END)) FROM generate_series(1, 1000) AS g))$$, 'a chain of a thousand expressions');
SELECT is((SELECT f1000 FROM chain WHERE a = 5), 1005, 'is evaluated in its order');
SET LOCAL statement_timeout = 0;
SELECT throws_ok($$SELECT mlops.feature_row('oddv', 7)$$, '42804', '"source_row" must be a row, not integer', 'a number is no row');
SELECT throws_ok($$SELECT mlops.feature_row('oddv', '\x00'::bytea)$$, '42804', '"source_row" must be a row, not bytea', 'nor are bytes');
SELECT throws_ok($$SELECT mlops.feature_row('oddv', NULL::odd)$$, '22004', '"source_row" must not be null', 'nor is no row');
SELECT throws_ok($$SELECT mlops.alter_feature_view('oddv', '{"n": {"aggregate": "count", "by": "card"}}')$$, '42P16', 'column "l" of the view would be gone', 'what a view shows stays');

-- ---- rights
CREATE ROLE analyst;
GRANT SELECT ON made TO analyst;
SET ROLE analyst;
SELECT throws_ok($$SELECT * FROM made$$, '42501', 'permission denied for table pay', 'who reads features reads their source');
RESET ROLE;
GRANT SELECT ON pay TO analyst;
ALTER TABLE pay ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON pay TO analyst USING (card = 5);
SET ROLE analyst;
SELECT is((SELECT count(*) FROM made), (SELECT count(*) FROM pay), 'and sees what he may see of it');
SELECT throws_ok($$SELECT mlops.create_feature_view('pg_catalog.mine', 'pay', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card"}}')$$, '42501', NULL, 'where he may make a view');
RESET ROLE;
SELECT * FROM finish();
