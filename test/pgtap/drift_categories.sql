-- Drift of categories with any number of levels; the one stability index, and how often chance reaches it.
\ir setup.psql
SELECT plan(34);

-- ---- golden values over all levels apart: test/golden/categories.py
CREATE TABLE n AS SELECT g FROM generate_series(1, 20000) AS g;
CREATE TABLE many_r AS SELECT 'm' || g % 150 AS m FROM n WHERE g <= 15000;
CREATE TABLE many_c AS SELECT 'm1'::text AS m FROM n WHERE g <= 5000;
CREATE TABLE hundred_r AS SELECT 'm' || g % 101 AS m FROM n WHERE g <= 15150;
CREATE TABLE hundred_c AS SELECT * FROM many_c;
CREATE TABLE thousands_r AS SELECT 'm' || g % 5000 AS m FROM n;
CREATE TABLE thousands_c AS SELECT * FROM many_c;
CREATE TABLE tail_r AS SELECT CASE WHEN g % 10 < 6 THEN 'large' || g % 3 ELSE 'm' || g * 7919 % 377 END AS m FROM n;
CREATE TABLE tail_c AS SELECT CASE WHEN g % 10 < 6 THEN 'large' || g % 3 ELSE 'm5' END AS m FROM n WHERE g <= 5000;
CREATE TABLE half_r AS SELECT 'm' || g * 7919 % 1000 AS m FROM n;
CREATE TABLE half_c AS SELECT 'm' || g * 7919 % 500 AS m FROM n WHERE g <= 2000;
CREATE TABLE back_r AS SELECT * FROM half_c;
CREATE TABLE back_c AS SELECT * FROM half_r;
CREATE TABLE fifth_r AS SELECT 'm' || g % 400 AS m FROM n;
CREATE TABLE fifth_c AS SELECT 'm' || CASE WHEN g % 5 = 0 THEN g % 50 ELSE g % 400 END AS m FROM n WHERE g <= 8000;
CREATE TEMP TABLE golden (pair text, total_variation float8, jensen_shannon float8);
INSERT INTO golden VALUES ('many', 0.9933333333, 0.9854333868), ('hundred', 0.9900990099, 0.9797250950), ('thousands', 0.9998, 0.9993132366),
	('tail', 0.3991, 0.6282838231), ('half', 0.5, 0.5579230453), ('back', 0.5, 0.5579230453), ('fifth', 0.175, 0.3786600551);
CREATE TEMP TABLE found AS SELECT g.*, d.test, d.statistic, d.drifted FROM golden AS g,
	LATERAL mlops.drift_between((pair || '_r')::regclass, (pair || '_c')::regclass, columns => '{m}', statistics => '{psi,total_variation,jensen_shannon,chi_square}') AS d;
SELECT ok((SELECT bool_and(CASE test WHEN 'total_variation' THEN abs(statistic - total_variation) < 1e-9 WHEN 'jensen_shannon' THEN abs(statistic - jensen_shannon) < 1e-9
		WHEN 'psi' THEN statistic > 0.19 ELSE statistic > 0 END AND (drifted OR test = 'psi'))
	FROM found WHERE pair = g.pair), format('%s: total variation and Jensen-Shannon are SciPy''s over all levels, and it drifted', g.pair)) FROM golden AS g;

-- ---- the same rows again, or a part of them, have not drifted
SELECT is((SELECT count(*) FROM golden AS g, LATERAL mlops.drift_between((pair || '_r')::regclass, (pair || '_r')::regclass, columns => '{m}', statistics => '{psi,total_variation,unseen}') AS d WHERE statistic > 0),
	0::bigint, 'a table has not drifted from itself');
SELECT setseed(0.7) \g /dev/null
CREATE TABLE zipf AS SELECT i, 'm' || floor(377 * random() ^ 3) AS m FROM generate_series(1, 40000) AS i;
CREATE VIEW zipf_now AS SELECT m FROM zipf WHERE i > current_setting('test.from')::int AND i <= current_setting('test.from')::int + current_setting('test.rows')::int;
CREATE VIEW zipf_then AS SELECT m FROM zipf WHERE i <= 20000;
CREATE FUNCTION alarms(rows int, windows int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
BEGIN
	PERFORM set_config('test.rows', rows::text, true);
	FOR w IN 0 .. windows - 1 LOOP
		PERFORM set_config('test.from', (20000 + w * rows)::text, true);
		n := n + (SELECT count(*) FROM mlops.drift_between('zipf_then', 'zipf_now', columns => '{m}', statistics => '{psi}') WHERE drifted);
	END LOOP;
	RETURN n;
END $$;
SELECT cmp_ok(alarms(rows, 40), '<=', 2::bigint, format('40 windows of %s rows without drift: at most 2 alarms', rows)) FROM unnest('{50,500}'::int[]) AS rows;

-- ---- a model: levels beyond the 254 that it tells apart
CREATE TABLE shop AS SELECT i, 'm' || i * 7919 % 800 AS merchant, (i * 31 % 1009)::float8 AS amount, (i * 31 % 1009) > 900 AS fraud FROM generate_series(1, 16000) AS i;
SELECT mlops.train('shop', 'shop', target => 'fraud', exclude => '{i}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('shop', 1) \g /dev/null
CREATE FUNCTION drift_of(query text) RETURNS TABLE (test text, statistic numeric, drifted boolean) LANGUAGE sql AS
	$$ SELECT test, round(statistic::numeric, 3), drifted FROM mlops.check_drift('shop', query => $1, statistics => '{total_variation,unseen}') WHERE feature = 'merchant' ORDER BY 1 $$;
SELECT results_eq($$SELECT d.test, bool_and(d.drifted), bool_or(d.drifted), max(d.statistic) > 0.99, max(d.statistic) = 0 FROM unnest('{m0,m1,m254,m300,m7,m799,m98}'::text[]) AS m,
		drift_of(format('SELECT %L AS merchant, amount FROM shop LIMIT 2000', m)) AS d GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('total_variation', true, true, true, false), ('unseen', false, false, false, true)$$, 'all of one of 800: drifted, and none is unseen, whichever it is');
SELECT results_eq($$SELECT test, statistic < 0.06, drifted FROM drift_of('SELECT merchant, amount FROM shop')$$, $$VALUES ('total_variation', true, false), ('unseen', true, false)$$, 'all rows, some of which it was trained on');
SELECT results_eq($$SELECT test, drifted FROM drift_of('SELECT CASE WHEN i % 10 = 0 THEN ''new'' || i % 7 ELSE merchant END AS merchant, amount FROM shop')$$,
	$$VALUES ('total_variation', true), ('unseen', true)$$, 'a tenth of merchants that are new');
SELECT is((SELECT statistic FROM drift_of('SELECT CASE WHEN i % 10 = 0 THEN ''new'' || i % 7 ELSE merchant END AS merchant, amount FROM shop') WHERE test = 'unseen'),
	0.100, 'which is their share');
SELECT ok((SELECT statistic < 0.1 AND NOT drifted FROM drift_of('SELECT merchant, amount FROM shop WHERE i % 7 = 3') WHERE test = 'total_variation'), 'a sample of the rows');

-- ---- a level that a model has no code for takes over
CREATE TABLE mall AS SELECT i, 'm' || (i * 7919 % 5000) AS merchant, (i * 31 % 1009)::float8 AS amount, (i * 31 % 1009) > 900 AS fraud FROM generate_series(1, 30000) AS i;
SELECT mlops.train('mall', 'mall', target => 'fraud', exclude => '{i}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('mall', 1) \g /dev/null
CREATE TABLE learned AS SELECT x ->> 'value' AS level FROM mlops_catalog.baseline('mall', 1) AS b, jsonb_array_elements(b.bins) AS x WHERE b.feature = 'merchant';
CREATE TABLE rare AS SELECT merchant FROM mall EXCEPT SELECT level FROM learned;
SELECT cmp_ok((SELECT count(*) FROM rare), '>', 4000::bigint, 'most merchants have no code');
-- current rows: a share of m_now, else as ever; over all levels apart the total variation is that share, less what it had
CREATE FUNCTION taken_over(m text, share int) RETURNS TABLE (test text, statistic float8, drifted boolean) LANGUAGE sql AS
	$$ SELECT test, statistic, drifted FROM mlops.check_drift('mall', query => format('SELECT CASE WHEN i %% 100 < %s THEN %L ELSE merchant END AS merchant, amount FROM mall', share, m),
		statistics => '{psi,total_variation,unseen}') WHERE feature = 'merchant' $$;
SELECT ok((SELECT bool_and(drifted AND CASE test WHEN 'psi' THEN statistic > 0.3 ELSE abs(statistic - share / 100.0) < 0.03 END) FROM taken_over((SELECT min(merchant) FROM rare), share) WHERE test <> 'unseen'),
	format('one of them has %s %% of the rows', share)) FROM unnest('{20,50,90}'::int[]) AS share;
SELECT ok((SELECT bool_and(NOT drifted AND statistic = 0) FROM taken_over((SELECT min(merchant) FROM rare), 90) WHERE test = 'unseen'), 'it is not unseen');
SELECT ok((SELECT bool_and(drifted) FROM taken_over((SELECT min(level) FROM learned WHERE level IS NOT NULL), 50) WHERE test <> 'unseen'), 'one that has a code');
SELECT ok((SELECT bool_and(drifted AND (test = 'psi' OR abs(statistic - 0.5) < 0.03)) FROM taken_over('new', 50)), 'one that is new');
SELECT ok((SELECT bool_and(NOT drifted) FROM taken_over('m1', 0)), 'none: no drift');
SELECT is((SELECT count(*) FILTER (WHERE c.drifted) FROM generate_series(0, 39) AS w, LATERAL mlops.check_drift('mall',
	query => format('SELECT merchant, amount FROM mall WHERE (hashint4(i) & 1023) %% 40 = %s', w)) AS c WHERE c.feature = 'merchant'), 0::bigint, '40 windows of 750 of its rows: no alarm');
SELECT mlops.record_drift('mall', query => format('SELECT %L AS merchant, amount FROM mall', (SELECT min(merchant) FROM rare)), window_start => '2026-01-01', window_end => '2026-01-02') \g /dev/null
SELECT ok((SELECT value > 2 FROM mlops.monitor_metrics WHERE model = 'mall' AND metric = 'drift' AND labels = '{"test": "psi", "feature": "merchant"}'), 'alert rules see it');

-- ---- monitors and alerts see it
SELECT mlops.record_drift('shop', query => 'SELECT ''m7'' AS merchant, amount FROM shop LIMIT 2000', window_start => '2026-01-01', window_end => '2026-01-02') \g /dev/null
SELECT ok((SELECT value > 2 FROM mlops.monitor_metrics WHERE model = 'shop' AND metric = 'drift' AND labels = '{"test": "psi", "feature": "merchant"}'), 'what alert rules look at');

-- ---- one index: of an aggregate, a check and a guard
SELECT is(round(mlops_catalog.histogram_psi('{10,20,30,40}', '{40,30,20,0}')::numeric, 12),
	(SELECT round(sum((a - e) * ln(a / e))::numeric, 12) FROM (VALUES (0.1::float8, 40 / 90.0::float8), (0.2, 30 / 90.0), (0.3, 20 / 90.0), (0.4, 0.5 / 90)) AS b(e, a)), 'an empty bin counts half a row');
SELECT is(mlops_catalog.histogram_psi(array_agg(r ORDER BY b), array_agg(c ORDER BY b)), (SELECT mlops.psi(x, current, '{1,2,3,4}') FROM (
		SELECT b::float8 AS x, false AS current FROM (VALUES (1, 100), (2, 200), (3, 50), (4, 300)) AS t(b, k), generate_series(1, k)
		UNION ALL SELECT b, true FROM (VALUES (1, 30), (2, 20), (4, 10)) AS t(b, k), generate_series(1, k)) AS v), 'as mlops.psi has it')
	FROM (VALUES (1, 100::bigint, 30::bigint), (2, 200, 20), (3, 50, 0), (4, 300, 10)) AS h(b, r, c);
SELECT throws_ok($$SELECT mlops_catalog.histogram_psi('{1,2}', '{1,2,3}')$$, '2202E', NULL, 'histograms of other bins');
SELECT throws_ok($$SELECT mlops_catalog.histogram_psi('{1,2}', '{1,-2}')$$, '22023', NULL, 'a count below 0');
SELECT throws_ok($$SELECT mlops_catalog.histogram_psi('{1,2}', '{1,NULL}')$$, '22023', NULL, 'a count of NULL');

-- ---- guards: 1,000 windows without drift of 1,000 decisions, the least that a guard judges by
CREATE TEMP TABLE flat AS SELECT array_agg(count ORDER BY bin) AS n FROM (
	SELECT bin, count(score) FROM generate_series(0, 63) AS bin LEFT JOIN (SELECT random() ^ 4 AS score FROM generate_series(1, 20000)) AS s ON floor(score * 64) = bin GROUP BY 1) AS x;
CREATE TEMP TABLE chance AS SELECT w, mlops_catalog.histogram_psi((SELECT n FROM flat), array_agg(count ORDER BY bin)) AS psi FROM (
	SELECT w, bin, count(score) FROM generate_series(1, 1000) AS w CROSS JOIN generate_series(0, 63) AS bin
	LEFT JOIN (SELECT i % 1000 + 1 AS v, floor(random() ^ 4 * 64) AS score FROM generate_series(1, 1000000) AS i) AS s ON v = w AND score = bin GROUP BY 1, 2) AS x GROUP BY w;
SELECT results_eq($$SELECT count(*), count(*) FILTER (WHERE psi >= 0.2), count(*) FILTER (WHERE psi >= 0.1), avg(psi) < 0.03 FROM chance$$, $$VALUES (1000::bigint, 0::bigint, 0::bigint, true)$$,
	'none of 1,000 windows reaches 0.1 by chance');
-- of 30, the least that an alert rule judges by
CREATE TEMP TABLE few AS SELECT w, mlops_catalog.histogram_psi(f.n, x.n) AS psi, mlops_catalog.histogram_p_value(f.n, x.n) AS p FROM flat AS f, (
	SELECT w, array_agg(count ORDER BY bin) AS n FROM (SELECT w, bin, count(score) FROM generate_series(1, 1000) AS w CROSS JOIN generate_series(0, 63) AS bin
		LEFT JOIN (SELECT i % 1000 + 1 AS v, floor(random() ^ 4 * 64) AS score FROM generate_series(1, 30000) AS i) AS s ON v = w AND score = bin GROUP BY 1, 2) AS c GROUP BY w) AS x;
SELECT cmp_ok((SELECT count(*) FROM few WHERE psi > 0.2), '>', 500::bigint, 'most windows of 30 decisions pass 0.2 by chance');
SELECT cmp_ok((SELECT count(*) FROM few WHERE psi > 0.2 AND p < mlops_catalog.drift_alpha()), '<=', 20::bigint, 'two in 100 of them are taken for more');
SELECT finish();
ROLLBACK;
