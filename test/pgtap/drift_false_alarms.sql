-- Windows without any drift: how many are reported, by kind of test, size and span of the window.
\ir setup.psql
SELECT plan(36);

-- ---- few rows.  New merchants are seen every day, as often as training says.
CREATE TABLE shops AS SELECT g AS id, 'z' || floor(1 / ((hashint8(g) & 1048575) / 1048576.0 + 0.0005))::int AS shop,
	(hashint8(g * 31) & 1023) / 10.0 AS amount, (ARRAY['chip', 'chip', 'chip', 'tap', 'tap', 'swipe', 'web', 'web'])[1 + (hashint8(g * 13) & 7)] AS entry,
	nullif(hashint8(g * 17) & 255, 0) AS age, hashint8(g * 7) % 10 = 0 AS fraud FROM generate_series(1::bigint, 90000) AS g;
SELECT mlops.train('shops', query => 'SELECT * FROM shops WHERE id <= 30000', target => 'fraud', key => 'id',
	features => '{shop,amount,entry,age}', params => '{"n_estimators": 3}') \g /dev/null
CREATE TABLE found AS SELECT w.rows, d.* FROM (VALUES (20, 150), (30, 100), (50, 60), (1000, 10)) AS w(rows, windows),
	LATERAL generate_series(0, windows - 1) AS i,
	LATERAL mlops.check_drift('shops', version => 1, query => format('SELECT * FROM shops WHERE id > %s AND id <= %s', 30000 + i * rows, 30000 + (i + 1) * rows)) AS d
	WHERE d.kind <> 'score';
-- a p-value below 0.01 in a hundredth of the windows, and three standard deviations more
SELECT ok(count(*) FILTER (WHERE drifted) <= 0.01 * count(*) + 3 * sqrt(0.01 * count(*)), format('%s of %s rows: %s of %s', test, rows, count(*) FILTER (WHERE drifted), count(*)))
	FROM found GROUP BY rows, test ORDER BY rows, test;
CREATE VIEW seen AS SELECT shop FROM shops WHERE id <= 30000;
CREATE VIEW one_new AS SELECT 'never' AS shop UNION ALL SELECT shop FROM (SELECT * FROM shops WHERE id <= 19) AS known;
CREATE VIEW both_seen AS SELECT shop, count(*) AS rows FROM (SELECT shop FROM seen UNION ALL SELECT shop FROM one_new) AS b GROUP BY 1;
SELECT ok((SELECT abs(p_value / (1 - exp(sum(ln(1 - (20.0 / 30020) ^ rows)))) - 1) < 0.001 FROM mlops.drift_between('seen', 'one_new'), both_seen WHERE test = 'unseen' GROUP BY p_value),
	'one new merchant of 20: the chance that all rows of one or more are among these 20');
SELECT ok(bool_and(drifted), 'of 20 rows, what changed altogether is found') FROM mlops.check_drift('shops', version => 1,
	query => $$SELECT 'never' || i AS shop, 50 AS amount, NULL AS entry, NULL::bigint AS age FROM generate_series(1, 20) AS i$$)
	WHERE kind <> 'score' AND (feature, test) NOT IN (('shop', 'missing'), ('amount', 'missing'), ('entry', 'unseen'));

-- ---- a reference of few rows: which levels it lacks is chance, and so is how many of the next rows are between two of its numbers
CREATE TABLE made (levels int, reference int, current int, windows int);
INSERT INTO made VALUES (3000, 40, 20, 100), (60, 40, 20, 60), (60, 40, 2000, 30), (30, 40, 400, 60), (30, 50, 50, 100), (15, 25, 1000, 60);
CREATE FUNCTION pg_temp.v(w int, g int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(w * 100000::bigint + g, 5) & 1048575) / 1048576.0::float8 $$;
CREATE FUNCTION pg_temp.sample(levels int, w int, first int, rows int) RETURNS TABLE (level text, number float8, digit float8) LANGUAGE sql AS $$
	SELECT 'q' || floor(levels * pg_temp.v(w, g)), pg_temp.v(w + 7919, g), floor(levels * pg_temp.v(w + 15838, g)) FROM generate_series(first, first + rows - 1) AS g $$;
CREATE FUNCTION pg_temp.of_few() RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	m made;
BEGIN
	FOR m IN SELECT * FROM made LOOP
		FOR w IN 1 .. m.windows LOOP
			CREATE TEMP TABLE few_then AS SELECT * FROM pg_temp.sample(m.levels, w, 1, m.reference);
			CREATE TEMP TABLE few_now AS SELECT * FROM pg_temp.sample(m.levels, w, 10001, m.current);
			RETURN QUERY SELECT m.levels, m.reference, m.current, d.feature, d.test, d.drifted
				FROM mlops.drift_between('few_then', 'few_now', columns => '{level,number,digit}', statistics => '{psi,unseen}') AS d;
			DROP TABLE few_then, few_now;
		END LOOP;
	END LOOP;
END $$;
CREATE TABLE of_few AS SELECT * FROM pg_temp.of_few() AS s(levels int, reference int, current int, feature text, test text, drifted boolean);
SELECT ok(count(*) FILTER (WHERE drifted) <= 0.01 * count(*) + 3 * sqrt(0.01 * count(*)), format('%s levels, %s and %s rows: %s of %s', levels, reference, current, count(*) FILTER (WHERE drifted), count(*)))
	FROM of_few GROUP BY levels, reference, current ORDER BY levels, reference, current;
SELECT mlops.train('few', query => 'SELECT *, pg_temp.v(3, (number * 1e6)::int) < 0.3 AS y FROM pg_temp.sample(60, 9, 1, 100)', target => 'y', params => '{"n_estimators": 2}', split => '{"validation": 0, "test": 0}') \g /dev/null
SELECT cmp_ok((SELECT count(*) FILTER (WHERE drifted) FROM unnest('{1000,50}'::int[]) AS rows, generate_series(1, 25) AS w,
	LATERAL mlops.check_drift('few', version => 1, query => format('SELECT * FROM pg_temp.sample(60, 9, %s, %s)', w * 1000, rows)) AS d WHERE kind <> 'score'), '<=', 7::bigint,
	'a model of 100 rows: of 400 tests about one in a hundred, and three standard deviations more');
-- what can be told is told
CREATE TABLE few_a AS SELECT * FROM pg_temp.sample(9, 77, 1, 40);
CREATE TABLE few_b AS SELECT * FROM (SELECT * FROM pg_temp.sample(9, 77, 1001, 400)) AS s WHERE digit < 3 AND level IN ('q0', 'q1', 'q2') LIMIT 20;
UPDATE few_b SET number = number / 3;
CREATE TABLE hundred_a AS SELECT * FROM pg_temp.sample(100, 78, 1, 1000);
CREATE TABLE hundred_b AS SELECT * FROM pg_temp.sample(100, 78, 5001, 1000) WHERE level ~ '[02468]$' LIMIT 100;
SELECT is((SELECT string_agg(feature, ' ' ORDER BY feature) FROM mlops.drift_between('few_a', 'few_b') WHERE test = 'psi' AND drifted), 'digit level number', 'a third of the range in 20 of 60 rows');
SELECT ok(p_value < 0.001 AND drifted, 'half of 100 levels in 100 rows') FROM mlops.drift_between('hundred_a', 'hundred_b', columns => '{level}') WHERE test = 'psi';

-- ---- numbers with spikes, of few values and continuous ones between tables, 1,000 windows of 400 rows
CREATE FUNCTION pg_temp.u(g int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint4extended(g, k) & 1048575) / 1048576.0::float8 $$;
CREATE TABLE stream AS SELECT g AS id, CASE WHEN pg_temp.u(g, 1) < 0.9 THEN 100 ELSE 200 * pg_temp.u(g, 2) END AS spike,
	CASE WHEN pg_temp.u(g, 3) < 0.12 THEN 0 WHEN pg_temp.u(g, 3) < 0.3 THEN 50 WHEN pg_temp.u(g, 3) < 0.305 THEN 49.5 ELSE 100 * pg_temp.u(g, 4) END AS spikes,
	floor(5 * pg_temp.u(g, 5)) AS few, floor(30 * pg_temp.u(g, 6) * pg_temp.u(g, 7)) AS steps, ln(1 + pg_temp.u(g, 8)) AS smooth FROM generate_series(1, 410000) AS g;
CREATE INDEX ON stream (id);
ANALYZE stream;
CREATE VIEW stream_then AS SELECT spike, spikes, few, steps, smooth FROM stream WHERE id <= 10000;
CREATE VIEW stream_now AS SELECT spike, spikes, few, steps, smooth FROM stream
	WHERE id > 10000 + 400 * current_setting('test.nr')::int AND id <= 10400 + 400 * current_setting('test.nr')::int;
CREATE FUNCTION pg_temp.streamed() RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	FOR nr IN 0 .. 999 LOOP
		PERFORM set_config('test.nr', nr::text, false);
		RETURN QUERY SELECT d.feature, d.test, d.p_value < 0.01, d.drifted FROM mlops.drift_between('stream_then', 'stream_now', statistics => '{psi,total_variation}') AS d;
	END LOOP;
END $$;
CREATE TABLE streamed AS SELECT * FROM pg_temp.streamed() AS s(feature text, test text, unlikely boolean, drifted boolean);
SELECT is((SELECT count(*) FILTER (WHERE drifted) || ' of ' || count(*) FROM streamed WHERE test = 'psi'), '0 of 5000', 'psi reports none of 1,000 windows without drift');
SELECT ok(max(unlikely) <= 10 + 4 * sqrt(10), 'p-values are below 0.01 in a hundredth, at most: ' || max(unlikely))
	FROM (SELECT count(*) FILTER (WHERE unlikely) AS unlikely FROM streamed GROUP BY feature, test) AS s;

-- ---- windows that are shorter than a day or a week
CREATE TABLE pay AS SELECT g AS id, timestamp '2025-01-01' + g * interval '1 min' AS ts, (hashint4(g) % 1000)::float8 AS amount,
	hashint4(g * 7) % 10 = 0 AS fraud FROM generate_series(1, 60000) AS g;
SELECT mlops.train('pay', query => 'SELECT * FROM pay WHERE id <= 40320', target => 'fraud', key => 'id', features => '{ts,amount}', params => '{"n_estimators": 3}') \g /dev/null
CREATE FUNCTION pg_temp.judged(length int) RETURNS TABLE (feature text, judged bigint, drifted bigint) LANGUAGE sql AS $$
	SELECT feature, count(drifted), count(*) FILTER (WHERE drifted) FROM generate_series(40320, 57600 - length, length) AS d,
		LATERAL mlops.check_drift('pay', version => 1, query => format('SELECT * FROM pay WHERE id >= %s AND id < %s', d, d + length)) AS c
	WHERE test = 'psi' AND kind = 'time' GROUP BY 1 ORDER BY 1 $$;
SELECT results_eq('SELECT * FROM pg_temp.judged(60)', $$VALUES ('ts.hour', 0::bigint, 0::bigint), ('ts.weekday', 0, 0)$$, 'an hour shows neither hours nor weekdays');
SELECT results_eq('SELECT * FROM pg_temp.judged(1440)', $$VALUES ('ts.hour', 12::bigint, 0::bigint), ('ts.weekday', 0, 0)$$, 'a day shows hours');
SELECT results_eq('SELECT * FROM pg_temp.judged(10080)', $$VALUES ('ts.hour', 1::bigint, 0::bigint), ('ts.weekday', 1, 0)$$, 'a week shows both');
SELECT results_eq($$SELECT feature, test, drifted FROM mlops.check_drift('pay', version => 1, query => 'SELECT * FROM pay WHERE id > 40320 AND id < 55000 AND extract(hour FROM ts) < 12') WHERE kind = 'time' ORDER BY 1, 2$$,
	$$VALUES ('ts.hour', 'missing', false), ('ts.hour', 'psi', true), ('ts.weekday', 'missing', false), ('ts.weekday', 'psi', false)$$, 'hours that a week lacks are drift');
SELECT results_eq($$SELECT feature, test, drifted FROM mlops.check_drift('pay', version => 1, query => 'SELECT NULL::timestamp AS ts, 5::float8 AS amount FROM pay WHERE id < 1000') WHERE kind = 'time' ORDER BY 1, 2$$,
	$$VALUES ('ts.hour', 'missing', true), ('ts.hour', 'psi', NULL), ('ts.weekday', 'missing', true), ('ts.weekday', 'psi', NULL)$$, 'times that are missing are missing');
CREATE VIEW month AS SELECT ts, amount FROM pay WHERE id <= 40320;
CREATE VIEW tuesday AS SELECT ts, amount FROM pay WHERE ts >= '2025-02-04' AND ts < '2025-02-05';
CREATE VIEW morning AS SELECT ts, amount FROM tuesday WHERE extract(hour FROM ts) < 6;
SELECT results_eq($$SELECT feature, drifted FROM mlops.drift_between('month', 'tuesday') WHERE test = 'psi' ORDER BY 1$$,
	$$VALUES ('amount', false), ('ts.hour', false), ('ts.weekday', NULL)$$, 'two tables: a day has no weekdays');
SELECT results_eq($$SELECT feature, drifted FROM mlops.drift_between('tuesday', 'morning', columns => '{ts}') WHERE test = 'psi' ORDER BY 1$$,
	$$VALUES ('ts.hour', NULL::boolean)$$, 'and a morning no hours');

-- ---- names that reports could not tell apart
CREATE TABLE named AS SELECT id, ts, amount AS "ts.hour", amount AS "(score)", fraud FROM pay WHERE id <= 3000;
SELECT throws_ok($$SELECT mlops.train('named', 'named', target => 'fraud', key => 'id', features => '{ts,ts.hour}')$$, '42701',
	'feature "ts.hour" has a name that another one has in reports', 'a column with the name of a part');
SELECT throws_ok($$SELECT mlops.train('named', 'named', target => 'fraud', key => 'id', exclude => '{ts}')$$, '42701',
	'feature "(score)" has a name that another one has in reports', 'or of the score');
SELECT lives_ok($$SELECT mlops.train('named', 'named', target => 'fraud', key => 'id', features => '{ts.hour}', params => '{"n_estimators": 2}')$$, 'but no time: no part');
SELECT throws_ok($$SELECT mlops.drift_between('named', 'named')$$, '42701', 'column "ts.hour" has the name of a time''s part', 'nor in drift between tables');
SELECT * FROM finish();
ROLLBACK;
