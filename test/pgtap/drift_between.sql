-- Drift between two tables: drift_between, its modes, statistics and refusals.
\ir setup.psql
\ir golden_drift.psql
SELECT plan(106);

-- ---- golden values of SciPy, Evidently and NannyML
CREATE TABLE small_r AS SELECT 10 * sin(i) + i % 7 AS x FROM generate_series(1, 500) AS i;
CREATE TABLE small_c AS SELECT 10 * sin(1.1 * i) + i % 5 + 1 AS x FROM generate_series(1, 400) AS i;
CREATE TABLE large_r AS SELECT 10 * sin(i) + i % 7 AS x FROM generate_series(1, 5000) AS i;
CREATE TABLE large_c AS SELECT 10 * sin(1.1 * i) + i % 5 + 1 AS x FROM generate_series(1, 3000) AS i;
CREATE TABLE shifted_r AS SELECT 10 * sin(i) + i % 7 AS x FROM generate_series(1, 3000) AS i;
CREATE TABLE shifted_c AS SELECT 10 * sin(i) + i % 7 + 3 AS x FROM generate_series(1, 12000) AS i;
CREATE TABLE gone_r AS SELECT CASE WHEN g % 10 < 9 THEN 100 ELSE g / 10 % 200 END::float8 AS x FROM generate_series(1, 20000) AS g;
CREATE TABLE gone_c AS SELECT CASE WHEN g % 20 = 0 THEN 100 + g / 20 % 100 ELSE g / 10 % 100 END::float8 AS x FROM generate_series(1, 5000) AS g;
CREATE TABLE come_r AS SELECT * FROM gone_c;
CREATE TABLE come_c AS SELECT CASE WHEN g % 10 < 9 THEN 77 ELSE g / 10 % 200 END::float8 AS x FROM generate_series(1, 20000) AS g;
CREATE TABLE within_r AS SELECT * FROM large_r;
CREATE TABLE within_c AS SELECT CASE WHEN i % 8 = 0 THEN 3.25 ELSE 10 * sin(1.1 * i) + i % 7 END AS x FROM generate_series(1, 4000) AS i;
CREATE TABLE two_spikes_r AS SELECT CASE WHEN i % 5 < 2 THEN 10 WHEN i % 5 = 2 THEN 11 ELSE i % 1000 / 40.0::float8 END AS x FROM generate_series(1, 20000) AS i;
CREATE TABLE two_spikes_c AS SELECT CASE WHEN i % 5 < 2 THEN 10.5 WHEN i % 5 = 2 THEN 11 ELSE i % 1000 / 40.0::float8 END AS x FROM generate_series(1, 5000) AS i;
CREATE TABLE few_r AS SELECT i * i % 11 AS x FROM generate_series(1, 1000) AS i;
CREATE TABLE few_c AS SELECT i * i % 13 AS x FROM generate_series(1, 800) AS i;
CREATE TABLE category_r AS SELECT (i * i % 7)::text AS x FROM generate_series(1, 1000) AS i;
CREATE TABLE category_c AS SELECT ((i * i + (i % 3 = 0)::int) % 7)::text AS x FROM generate_series(1, 800) AS i;
CREATE TABLE two_r AS SELECT CASE WHEN i * i % 11 < 3 THEN 'yes' ELSE 'no' END AS x FROM generate_series(1, 600) AS i;
CREATE TABLE two_c AS SELECT CASE WHEN i * i % 11 < 4 THEN 'yes' ELSE 'no' END AS x FROM generate_series(1, 500) AS i;
CREATE TEMP TABLE found AS SELECT g.pair, g.mode, d.* FROM (SELECT pair, mode, array_agg(test) AS tests FROM golden GROUP BY 1, 2) AS g
	CROSS JOIN LATERAL mlops.drift_between((pair || '_r')::regclass, (pair || '_c')::regclass, statistics => tests, mode => mode) AS d;
CREATE FUNCTION near(a float8, b float8) RETURNS boolean LANGUAGE sql AS $$ SELECT a IS NOT DISTINCT FROM b OR abs(a - b) <= 1e-10 * (1 + abs(b)) $$;
SELECT is((SELECT count(*) FROM golden AS g FULL JOIN found AS f USING (pair, mode, test) WHERE f.test IS NULL OR g.statistic IS NULL), 0::bigint, 'every test is made, and none else');
SELECT ok(bool_and(near(f.statistic, g.statistic)), format('%s, mode %s: %s statistics', pair, mode, count(*)))
	FROM golden AS g JOIN found AS f USING (pair, mode, test) GROUP BY pair, mode ORDER BY pair, mode;
SELECT ok(bool_and(near(f.p_value, g.p_value)), 'p-values of mode ' || mode) FROM golden AS g JOIN found AS f USING (pair, mode, test) GROUP BY mode ORDER BY mode;
SELECT ok(bool_and(near(f.threshold, g.threshold)), 'thresholds of mode ' || mode) FROM golden AS g JOIN found AS f USING (pair, mode, test) GROUP BY mode ORDER BY mode;
SELECT is((SELECT count(*) FROM found WHERE drifted <> CASE
		WHEN mode = 'evidently' AND test IN ('ks') THEN p_value <= threshold
		WHEN test IN ('chi_square', 'z') THEN p_value < threshold
		WHEN mode = 'evidently' THEN statistic >= threshold
		WHEN mode = 'nannyml' THEN statistic > threshold
		ELSE statistic >= threshold AND p_value < 0.01 END), 0::bigint, 'verdicts follow from them');

-- ---- a spike that goes is seen by all distances, as by a version trained on these rows
SELECT ok(bool_and(drifted AND statistic > 0.84), 'nine rows in ten had one value: ' || string_agg(test, ' '))
	FROM mlops.drift_between('gone_r', 'gone_c', statistics => '{psi,kl,jensen_shannon,hellinger,total_variation,l_infinity,ks}');
CREATE TABLE gone_seen AS SELECT x, row_number() OVER () % 7 = 0 AS y FROM gone_r;
SELECT mlops.train('gone', 'gone_seen', target => 'y', params => '{"n_estimators": 2}', split => '{"test": 0, "validation": 0}') \g /dev/null
SELECT ok(abs(d.statistic - c.statistic) < 0.02, 'psi of check_drift') FROM mlops.drift_between('gone_r', 'gone_c', statistics => '{psi}') AS d,
	mlops.check_drift('gone', 'gone_c', version => 1, statistics => '{psi}') AS c WHERE c.feature = 'x';

-- ---- equal digits of different types are equal numbers, as in scoring
CREATE TABLE t_float8 AS SELECT (i % 10) / 10.0::float8 AS x FROM generate_series(1, 2000) AS i;
CREATE TABLE t_real AS SELECT x::real FROM t_float8;
CREATE TABLE t_numeric AS SELECT x::numeric FROM t_float8;
CREATE DOMAIN rate AS real;
CREATE TABLE t_domain AS SELECT x::rate FROM t_float8;
CREATE TABLE t_integer AS SELECT i % 10 * 3000001 AS x FROM generate_series(1, 2000) AS i;
CREATE TABLE t_bigint AS SELECT x::bigint FROM t_integer;
CREATE TABLE t_whole AS SELECT x::float8 FROM t_integer;
CREATE TABLE t_whole_real AS SELECT x::real FROM t_integer;
SELECT is((SELECT count(*) FROM unnest('{t_float8,t_real,t_numeric,t_domain}'::regclass[]) AS r, unnest('{t_float8,t_real,t_numeric,t_domain}'::regclass[]) AS c,
	mlops.drift_between(r, c, statistics => '{psi,ks,total_variation,wasserstein}') AS d WHERE statistic = 0), 64::bigint, 'tenths of real, double precision and numeric');
SELECT is((SELECT count(*) FROM unnest('{t_integer,t_bigint,t_whole}'::regclass[]) AS r, unnest('{t_integer,t_bigint,t_whole}'::regclass[]) AS c,
	mlops.drift_between(r, c, statistics => '{psi,ks}') AS d WHERE statistic = 0), 18::bigint, 'whole numbers');
SELECT is((SELECT statistic FROM mlops.drift_between('t_whole_real', 't_integer', statistics => '{ks}')), 0::float8, 'that real can only hold rounded');

-- ---- what each mode does by default
SELECT results_eq($$SELECT pair, test FROM (VALUES ('small'), ('large'), ('few'), ('category'), ('two')) AS p(pair),
		mlops.drift_between((pair || '_r')::regclass, (pair || '_c')::regclass, mode => 'evidently')$$,
	$$VALUES ('small', 'ks'), ('large', 'wasserstein'), ('few', 'ks'), ('category', 'chi_square'), ('two', 'z')$$, 'evidently chooses by size and kind');
SELECT is((SELECT string_agg(test, ' ') FROM mlops.drift_between('few_r', 'few_c', mode => 'nannyml')), 'jensen_shannon missing', 'nannyml: numbers');
SELECT is((SELECT string_agg(test, ' ') FROM mlops.drift_between('two_r', 'two_c', mode => 'nannyml')), 'jensen_shannon missing unseen', 'nannyml: categories');
SELECT is((SELECT string_agg(feature || ' ' || kind || ' ' || test, ', ') FROM mlops.drift_between('tx', 'tx')),
	'id number psi, id number missing, ts.hour time psi, ts.hour time missing, ts.weekday time psi, ts.weekday time missing, amount number psi, amount number missing, '
	'balance number psi, balance number missing, country category psi, country category missing, country category unseen, online boolean psi, online boolean missing, '
	'is_fraud boolean psi, is_fraud boolean missing', 'mlops: every column that could be a feature');
SELECT ok((SELECT max(statistic) = 0 AND NOT bool_or(drifted) FROM mlops.drift_between('tx', 'tx', statistics => '{psi,kl,jensen_shannon,hellinger,total_variation,l_infinity,chi_square,cramers_v,ks,wasserstein,missing,unseen}')),
	'a table does not drift from itself');
SELECT is((SELECT string_agg(feature, ' ') FROM mlops.drift_between('tx', 'tx', columns => '{country,amount}', statistics => '{psi}')), 'country amount', 'named columns, in their order');
CREATE TABLE big_r AS SELECT (i * 7919 % 10007)::float8 AS x FROM generate_series(1, 200000) AS i;
CREATE TABLE big_c AS SELECT (i * 7919 % 10007) + 200::float8 AS x FROM generate_series(1, 200000) AS i;
SELECT ok((SELECT bool_and(p_value < 1e-10 AND NOT drifted) FROM mlops.drift_between('big_r', 'big_c', statistics => '{psi,ks,wasserstein,cramers_v}')),
	'small differences of large tables are no drift, though certain');

-- ---- NULL, NaN, infinity, constants, empty sides
CREATE TABLE odd_r (a float8, b float8, c text, d boolean, e date, f int);
CREATE TABLE odd_c (LIKE odd_r);
SELECT is((SELECT count(*) FILTER (WHERE statistic IS NULL AND drifted IS NULL) FROM mlops.drift_between('odd_r', 'odd_c')), 13::bigint, 'two empty tables: nothing is defined');
INSERT INTO odd_r SELECT i, 7, 'k' || i % 3, i % 2 = 0, date '2026-01-01' + i, NULL FROM generate_series(1, 700) AS i;
SELECT is((SELECT count(*) FILTER (WHERE statistic IS NULL AND drifted IS NULL) FROM mlops.drift_between('odd_r', 'odd_c')), 13::bigint, 'nor with one');
SELECT is((SELECT count(*) FILTER (WHERE statistic IS NULL) FROM mlops.drift_between('odd_r', 'odd_c', mode => m)), n, 'mode ' || m)
	FROM (VALUES ('evidently', 6::bigint), ('nannyml', 13)) AS x(m, n);
INSERT INTO odd_c SELECT CASE i % 4 WHEN 0 THEN NULL::float8 WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' ELSE i END, 7, 'k' || i % 4, NULL, date '2026-01-01' + i, NULL FROM generate_series(1, 700) AS i;
SELECT results_eq($$SELECT feature, test, statistic, drifted FROM mlops.drift_between('odd_r', 'odd_c') WHERE test <> 'psi'$$,
	$$VALUES ('a', 'missing', 0.75::float8, true), ('b', 'missing', 0, false), ('c', 'missing', 0, false), ('c', 'unseen', 0.25, true), ('d', 'missing', 1, true),
		('e.weekday', 'missing', 0, false), ('f', 'missing', 0, false)$$, 'NULL, NaN and infinite values are missing; a new category is unseen');
SELECT results_eq($$SELECT feature, statistic, p_value FROM mlops.drift_between('odd_r', 'odd_c', statistics => '{psi}') WHERE feature IN ('b', 'e.weekday', 'f')$$,
	$$VALUES ('b', 0::float8, NULL::float8), ('e.weekday', 0, 1), ('f', 0, NULL)$$, 'a constant and a column of NULL have no distance and no p-value');
SELECT is((SELECT count(*) FROM mlops.drift_between('odd_r', 'odd_c', '{b,f}', '{ks,wasserstein}') WHERE statistic = 0), 2::bigint, 'nor any other distance');
SELECT is((SELECT count(*) FROM mlops.drift_between('odd_r', 'odd_c', mode => m) AS d WHERE d.feature = 'f' AND d.statistic IS NULL AND d.drifted IS NULL), 1::bigint, 'all missing: undefined in mode ' || m)
	FROM unnest('{evidently,nannyml}'::text[]) AS m;
-- no threshold without a reference: NULL, and no verdict
CREATE TABLE void (a float8, c text);
SELECT is((SELECT count(*) FILTER (WHERE (threshold = 'NaN' OR (threshold IS NULL OR statistic IS NULL) <> (drifted IS NULL)) OR statistic = 'NaN' OR p_value = 'NaN') FROM mlops.drift_between(r, c, '{a,c}', mode => m)), 0::bigint, format('%s, %s, %s: what is not defined is NULL', r, c, m))
	FROM unnest('{void,odd_r}'::regclass[]) AS r, unnest('{void,odd_c}'::regclass[]) AS c, unnest('{mlops,evidently,nannyml}'::text[]) AS m;
SELECT results_eq($$SELECT feature, test, statistic IS NULL, threshold, drifted FROM mlops.drift_between('void', 'odd_c', '{a,c}', mode => 'nannyml') WHERE test IN ('missing', 'unseen') ORDER BY 1, 2$$,
	$$VALUES ('a', 'missing', false, NULL::float8, NULL::boolean), ('c', 'missing', false, NULL, NULL), ('c', 'unseen', true, 0, NULL)$$, 'a reference without rows has no chunks');
-- numbers near the ends of the type: as the same ones, smaller
CREATE TABLE huge_r AS SELECT ((i * 7919 % 1009) / 1009.0 * 2 - 1)::float8 AS x FROM generate_series(1, 1000) AS i;
CREATE TABLE huge_c AS SELECT CASE WHEN i % 3 = 0 THEN -x ELSE x * x END AS x FROM (SELECT x, row_number() OVER () AS i FROM huge_r) AS h;
CREATE VIEW vast_r AS SELECT x * 1.5e308 AS x FROM huge_r;
CREATE VIEW vast_c AS SELECT x * 1.5e308 AS x FROM huge_c;
SELECT ok((SELECT abs(v.statistic - h.statistic) < 1e-9 AND h.statistic > 0.1 AND v.drifted = h.drifted FROM mlops.drift_between('vast_r', 'vast_c', '{x}', ARRAY[t], m) AS v, mlops.drift_between('huge_r', 'huge_c', '{x}', ARRAY[t], m) AS h),
	format('%s of numbers up to 1.5e308, mode %s', t, m)) FROM (VALUES ('wasserstein', 'mlops'), ('ks', 'mlops'), ('psi', 'mlops'), ('wasserstein', 'evidently')) AS x(t, m);
SELECT ok((SELECT abs(v.statistic / 1.5e308 - h.statistic) < 1e-9 AND h.statistic > 0 FROM mlops.drift_between('vast_r', 'vast_c', '{x}', '{wasserstein}', 'nannyml') AS v, mlops.drift_between('huge_r', 'huge_c', '{x}', '{wasserstein}', 'nannyml') AS h), 'a distance itself');
CREATE TABLE low AS SELECT -1.7e308::float8 AS x FROM generate_series(1, 30);
CREATE TABLE high AS SELECT 1.7e308::float8 AS x FROM generate_series(1, 30);
SELECT results_eq($$SELECT statistic, drifted FROM mlops.drift_between('low', 'high', '{x}', '{wasserstein}', 'nannyml')$$, $$VALUES (NULL::float8, NULL::boolean)$$, 'one that is larger than any number is not defined');
UPDATE odd_c SET b = 8;
CREATE TABLE one AS SELECT 'same'::text AS x FROM generate_series(1, 60);
SELECT ok((SELECT drifted FROM mlops.drift_between('odd_r', 'odd_c', '{b}', '{psi}')), 'a constant that became another');
SELECT results_eq($$SELECT mode, statistic, p_value < 1e-10, drifted FROM unnest('{mlops,evidently}'::text[]) AS mode, mlops.drift_between('odd_r', 'odd_c', '{b}', '{wasserstein}', mode) ORDER BY 1 DESC$$,
	$$VALUES ('mlops', NULL::float8, true, NULL::boolean), ('evidently', 1000, NULL, true)$$, 'it has no deviation to measure a distance in; Evidently takes 0.001');
-- numbers much smaller than 1: the same distance in every unit; 0 to 999 moved by 500
CREATE TABLE rate_r AS SELECT (g * 7919 % 1000)::float8 AS x FROM generate_series(1, 1000) AS g;
CREATE TABLE rate_c AS SELECT x + 500 AS x FROM rate_r;
CREATE VIEW micro_r AS SELECT x * 1e-7 AS x FROM rate_r;
CREATE VIEW micro_c AS SELECT x * 1e-7 AS x FROM rate_c;
CREATE VIEW denormal_r AS SELECT x * 5e-324 AS x FROM rate_r;
CREATE VIEW denormal_c AS SELECT x * 5e-324 AS x FROM rate_c;
CREATE VIEW tiny_r AS SELECT x * 1e-250 AS x FROM rate_r;
CREATE VIEW tiny_c AS SELECT x * 1e-250 AS x FROM rate_c;
SELECT ok((SELECT drifted AND abs(statistic - 500 / sqrt((1000 ^ 2 - 1) / 12)) < 1e-9 FROM mlops.drift_between(unit || '_r', unit || '_c', '{x}', '{wasserstein}')), format('a distance of numbers that are %s', unit))
	FROM unnest('{rate,micro,tiny,denormal}'::text[]) AS unit;
-- numbers that differ in their last bits only: the same steps from another origin
CREATE FUNCTION far(origin float8, step float8, shift int) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT %s::float8 + (g %% 85 + %s) * %s::float8 AS x FROM generate_series(1, 4250) AS g', origin, shift, step) $$;
DO $$ BEGIN EXECUTE 'CREATE VIEW near_r AS ' || far(1e9, 2 ^ -23, 0); EXECUTE 'CREATE VIEW near_c AS ' || far(1e9, 2 ^ -23, 8);
	EXECUTE 'CREATE VIEW nano_r AS ' || far(1.7e18, 256, 0); EXECUTE 'CREATE VIEW nano_c AS ' || far(1.7e18, 256, 8); END $$;
SELECT ok((SELECT abs(statistic - 8 / sqrt((85 ^ 2 - 1) / 12)) < 1e-9 FROM mlops.drift_between(v || '_r', v || '_c', '{x}', '{wasserstein}')), format('a distance of numbers that are %s to each other', v)) FROM unnest('{near,nano}'::text[]) AS v;
SELECT ok((SELECT NOT drifted AND abs(statistic - 0.05) < 1e-9 FROM mlops.drift_between('micro_r', 'micro_c', '{x}', '{wasserstein}', 'evidently')), 'Evidently takes small deviations for 0.001');

SELECT results_eq($$SELECT DISTINCT statistic, p_value, drifted FROM mlops.drift_between('one', 'one', statistics => '{psi,jensen_shannon,cramers_v,l_infinity}')$$,
	$$VALUES (0::float8, NULL::float8, false)$$, 'one category');

-- ---- sources and types
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN cents AS int;
CREATE TABLE "Typed R" (gone int, "The Colour" colour, price cents, big bigint, small smallint, n numeric, r real, t timestamptz, u uuid, i interval, tags text[], doc jsonb);
ALTER TABLE "Typed R" DROP COLUMN gone;
INSERT INTO "Typed R" SELECT CASE WHEN i % 3 = 0 THEN 'red' ELSE 'green' END::colour, i, i, i % 5, i, i, timestamptz '2026-01-01 12:00+00' + i * interval '1 hour', md5(i::text)::uuid, i * interval '1 second', '{a}', '{}'
	FROM generate_series(1, 300) AS i;
CREATE VIEW typed_c AS SELECT doc, tags, i, u, t, r, n, small, big, price, "The Colour"::text AS "The Colour" FROM "Typed R";
SELECT is((SELECT string_agg(DISTINCT (feature || ' ' || kind) COLLATE "C", ', ' ORDER BY (feature || ' ' || kind) COLLATE "C") FROM mlops.drift_between('"Typed R"', 'typed_c')),
	'The Colour category, big number, i number, n number, price number, r number, small number, t.hour time, t.weekday time', 'types; a view, other order, quoted names, a dropped column; identifiers and documents are left out');
SELECT ok((SELECT max(statistic) = 0 FROM mlops.drift_between('"Typed R"', 'typed_c')), 'whatever the types, the values are the same');
CREATE TABLE parts (LIKE tx) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (3000);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT * FROM tx;
SELECT is((SELECT max(statistic) FROM mlops.drift_between('parts', 'tx')), 0::float8, 'a partitioned table');
DO $$ BEGIN
	EXECUTE (SELECT format('CREATE TABLE wide AS SELECT %s FROM generate_series(1, 40) AS i', string_agg(format('i + %s AS "c %s"', n, n), ', ')) FROM generate_series(1, 1600) AS n);
END $$;
SELECT ok((SELECT count(*) = 3200 AND max(statistic) = 0 FROM mlops.drift_between('wide', 'wide')), '1,600 columns');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('tx', 'small_r')$$, '42703',
	'the current side lacks columns: "id", "ts", "amount", "balance", "country", "online", "is_fraud"', 'columns that the current side lacks');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('small_r', 'small_c', columns => '{x,y}')$$, '42703', 'the reference lacks columns: "y"', 'or the reference');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('small_r', 'two_c')$$, '42804', NULL, 'columns of different kinds');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('"Typed R"', 'typed_c', columns => '{tags}')$$, '42804', NULL, 'a column that cannot be compared');
SELECT is((SELECT count(*) FROM mlops.drift_between('"Typed R"', 'typed_c', columns => '{u}')), 3::bigint, 'an identifier can, if it is named');

-- ---- arguments
SELECT throws_ok($$SELECT * FROM mlops.drift_between('tx', 'tx', mode => 'whylogs')$$, '22023', 'unrecognized mode "whylogs"', 'an unknown mode');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('tx', 'tx', statistics => '{pis}')$$, '22023', 'unrecognized statistic "pis"', 'an unknown statistic');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('tx', 'tx', statistics => '{unseen}', mode => 'evidently')$$, '22023', 'statistic "unseen" cannot be had here', 'one that the mode does not have');
SELECT throws_ok($$SELECT * FROM mlops.drift_between(NULL, 'tx')$$, '22004', '"reference" must not be null', 'no reference');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('tx', 'tx', columns => '{}')$$, '22023', '"columns" is empty', 'no columns');

-- ---- rights
CREATE ROLE drift_analyst;
GRANT SELECT (amount, country) ON tx TO drift_analyst;
SET ROLE drift_analyst;
SELECT is((SELECT count(*) FROM mlops.drift_between('tx', 'tx', columns => '{amount,country}')), 5::bigint, 'the right to read the columns is enough');
SELECT throws_ok($$SELECT * FROM mlops.drift_between('tx', 'tx')$$, '42501', NULL, 'and it is needed');
RESET ROLE;
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON parts USING (id <= 100);
GRANT SELECT ON parts TO drift_analyst;
SET ROLE drift_analyst;
SELECT is((SELECT max(statistic) FROM mlops.drift_between('parts', 'tx', columns => '{amount,country}', statistics => '{unseen,missing}')), 0::float8, 'row security');
SELECT ok((SELECT statistic > 0.01 FROM mlops.drift_between('parts', 'tx', columns => '{amount}', statistics => '{ks}')), 'holds');
RESET ROLE;
-- ---- hours and weekdays are of one clock, whatever the session's
CREATE VIEW fortnight AS SELECT timestamptz '2025-01-06 22:00+00' + g * interval '1 min' AS ts FROM generate_series(0, 20160) AS g;
CREATE VIEW no_sunday AS SELECT ts FROM fortnight WHERE extract(isodow FROM ts AT TIME ZONE 'UTC') <> 7;
CREATE FUNCTION verdict_in(zone text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('TimeZone', zone, true);
	RETURN (SELECT array_agg(format('%s %s %s %s', feature, statistic, p_value, drifted) ORDER BY feature) FROM mlops.drift_between('fortnight', 'no_sunday') WHERE test = 'psi');
END $$;
SELECT is(verdict_in('Asia/Tokyo'), verdict_in('UTC'), 'Tokyo''s session sees what UTC''s does');
SELECT is((SELECT drifted FROM mlops.drift_between('fortnight', 'no_sunday') WHERE feature = 'ts.weekday' AND test = 'psi'), true, 'that Sundays are gone');
SELECT finish();
ROLLBACK;
