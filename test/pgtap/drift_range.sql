-- Drift out of the range of training, values that are new as often as they were,
-- and none where a window is like the others.
\ir setup.psql
SELECT plan(22);
CREATE TABLE g1 AS SELECT g AS id, g % 2 AS flag, hashint4(g) & 3 AS lv, least(hashint4(g) & 1023, 500) AS cap, (hashint4(g) & 1023) / 10.0 AS amt,
	(g % 2 = 1) <> (g % 7 = 0) AS y FROM generate_series(1, 4000) AS g;
SELECT mlops.train('range', 'g1', target => 'y', key => 'id', params => '{"n_estimators": 5}', split => '{"test": 0, "validation": 0}') \g /dev/null
CREATE FUNCTION drifted(q text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(feature || ' ' || test, ', ' ORDER BY feature, test) FROM mlops.check_drift('range', query => q, version => 1) WHERE drifted AND kind <> 'score' $$;
CREATE FUNCTION drifted_between(q text, reference text DEFAULT 'g1') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(feature || ' ' || test, ', ' ORDER BY feature, test) FROM mlops.drift_between(reference, q, columns => '{flag,lv,cap,amt}') WHERE drifted $$;

-- ---- beyond what training knew
SELECT is(drifted('SELECT * FROM g1'), NULL, 'the rows learned from');
SELECT is(drifted('SELECT flag * 1000 AS flag, CASE WHEN lv = 3 THEN 100 ELSE lv END AS lv, CASE WHEN cap = 500 THEN 5e8 ELSE cap END AS cap, amt FROM g1'),
	'cap psi, flag psi, lv psi', 'upwards, from the greatest value');
SELECT is(drifted('SELECT CASE flag WHEN 0 THEN -1000 ELSE 1 END AS flag, CASE WHEN lv = 0 THEN -9 ELSE lv END AS lv, cap, amt FROM g1'), 'flag psi, lv psi', 'downwards, from the least');
SELECT ok((SELECT bool_and(abs(statistic - (0.5 - 0.5 / 4000) * ln(0.5 / (0.5 / 4000)) * 2) < 1e-9) FROM mlops.check_drift('range', query => 'SELECT flag * 1000 AS flag, lv, cap, amt FROM g1', version => 1)
	WHERE feature = 'flag' AND test = 'psi'), 'a bin of their own, in which the reference counts half a row');
SELECT ok((SELECT abs(statistic - 0.5) < 1e-12 FROM mlops.check_drift('range', query => 'SELECT CASE flag WHEN 0 THEN -1 ELSE 1 END AS flag, lv, cap, amt FROM g1', version => 1, statistics => '{ks}') WHERE feature = 'flag'),
	'which is the first in the order of values');
CREATE VIEW moved AS SELECT CASE WHEN flag = 0 AND id % 4 = 0 THEN -1e6 ELSE flag END AS flag, lv, CASE WHEN cap = 500 THEN 5e8 ELSE cap END AS cap, amt FROM g1;
SELECT is(drifted_between('moved'), 'cap psi, flag psi', 'between two tables');
SELECT is(drifted_between('g1'), NULL, 'a table and itself');

-- ---- fresh windows: a new greatest value in a few rows is no drift
CREATE TABLE lots AS SELECT g AS id, g % 2 AS flag, hashint4(g) & 3 AS lv, exp((hashint4(g * 3) & 65535) / 9000.0)::float8 AS cap,
	sqrt(-2 * ln((1 + (hashint4(g * 5 + 1) & 1048575)) / 1048577.0)) * cos(2 * pi() * (hashint4(g * 11 + 5) & 1048575) / 1048576.0) AS amt, hashint4(g * 17) & 7 = 0 AS y
	FROM generate_series(1, 30000) AS g;
CREATE TABLE learned AS SELECT * FROM lots WHERE id <= 1000;
SELECT mlops.train('range', 'learned', target => 'y', key => 'id', params => '{"n_estimators": 5}', split => '{"test": 0, "validation": 0}') \g /dev/null
CREATE FUNCTION alarms(size int) RETURNS TABLE (beyond bigint, model bigint, tables bigint) LANGUAGE plpgsql AS $$
BEGIN
	beyond := 0; model := 0; tables := 0;
	FOR w IN 1 .. 40 LOOP
		CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM lots WHERE false;
		EXECUTE format('CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM lots WHERE id > %s AND id <= %s', 1000 + (w - 1) * size, 1000 + w * size);
		beyond := beyond + (SELECT count(*) FROM fresh WHERE amt > (SELECT max(amt) FROM learned) OR amt < (SELECT min(amt) FROM learned));
		model := model + (SELECT count(*) FROM mlops.check_drift('range', 'fresh', version => 2) WHERE drifted AND kind <> 'score');
		tables := tables + (SELECT count(*) FROM mlops.drift_between('learned', 'fresh', columns => '{flag,lv,cap,amt}') WHERE drifted);
	END LOOP;
	RETURN NEXT;
END
$$;
SELECT unnest(ARRAY[ok(beyond > 0, 'windows do have values out of range'), is(model, 0::bigint, '40 windows of 500 rows'), is(tables, 0::bigint, 'also between tables')]) FROM alarms(500);
SELECT unnest(ARRAY[ok(beyond > 0, 'small ones, too'), ok(model <= 4, '40 windows of 50 rows: at most 4 alarms of 320 tests'), ok(tables <= 4, 'also between tables')]) FROM alarms(50);

-- ---- levels that are new as often as they were
SELECT setseed(0.5);
CREATE TABLE cards AS SELECT g AS id, 'c' || (random() * 3000)::int AS card, random() < 0.2 AS y FROM generate_series(1, 50000) AS g;
CREATE TABLE known AS SELECT * FROM cards WHERE id <= 10000;
SELECT mlops.train('cards', 'known', target => 'y', key => 'id', params => '{"n_estimators": 3}', split => '{"test": 0, "validation": 0}') \g /dev/null
CREATE FUNCTION card_alarms() RETURNS TABLE (unseen float8, model bigint, tables bigint) LANGUAGE plpgsql AS $$
BEGIN
	unseen := 0; model := 0; tables := 0;
	FOR w IN 10 .. 49 LOOP
		EXECUTE format('CREATE OR REPLACE TEMP VIEW now_cards AS SELECT * FROM cards WHERE id > %s AND id <= %s', w * 1000, w * 1000 + 1000);
		unseen := unseen + (SELECT avg((card NOT IN (SELECT card FROM known))::int) / 40 FROM now_cards);
		model := model + (SELECT count(*) FROM mlops.check_drift('cards', 'now_cards', version => 1) WHERE drifted AND kind <> 'score');
		tables := tables + (SELECT count(*) FROM mlops.drift_between('known', 'now_cards', columns => '{card}') WHERE drifted);
	END LOOP;
	RETURN NEXT;
END
$$;
SELECT is((SELECT count(*) FROM mlops.check_drift('cards', 'known', version => 1) WHERE drifted), 0::bigint, 'many levels: the rows learned from');
SELECT unnest(ARRAY[ok(unseen > 0.03, 'each window has levels that are new'), ok(model <= 1, '40 windows of 1,000 rows, at most 1 alarm'), ok(tables <= 1, 'also between tables')]) FROM card_alarms();
CREATE VIEW stranger AS SELECT id, CASE WHEN id % 8 = 0 THEN 'x' || id ELSE card END AS card, y FROM cards WHERE id > 40000;
SELECT ok((SELECT bool_and(drifted) FROM mlops.check_drift('cards', 'stranger', version => 1) WHERE feature = 'card' AND test IN ('unseen', 'psi')), 'more new ones than that are drift');
SELECT ok((SELECT abs(statistic - greatest(0, c.n - s.n)) < 1e-12 FROM mlops.check_drift('cards', 'stranger', version => 1),
		(SELECT avg((card NOT IN (SELECT card FROM known))::int)::float8 AS n FROM stranger) AS c,
		(SELECT count(*) / 10000.0::float8 AS n FROM (SELECT FROM known GROUP BY card HAVING count(*) = 1) AS e) AS s
	WHERE feature = 'card' AND test = 'unseen'), 'beyond the share of rows whose level was in no other row');
SELECT ok((SELECT bool_and(drifted) FROM mlops.drift_between('known', 'stranger', columns => '{card}') WHERE test IN ('unseen', 'psi')), 'also between tables');

-- ---- distances of large numbers
CREATE TABLE w1 AS SELECT g * 1e155::float8 AS x FROM generate_series(1, 200) AS g;
CREATE TABLE w2 AS SELECT -x AS x FROM w1;
CREATE TABLE h1 AS SELECT g * 1e306::float8 AS x FROM generate_series(-150, 150) AS g;
CREATE TABLE h2 AS SELECT -x AS x FROM h1 WHERE x > 1e308;
SELECT ok((SELECT drifted AND abs(statistic - (SELECT (avg(g) * 2 / stddev_pop(g)) FROM generate_series(1, 200) AS g)) < 1e-9 FROM mlops.drift_between('w1', 'w2', statistics => '{wasserstein}')), 'whose squares are no numbers');
SELECT ok((SELECT statistic > 1e307 AND threshold IS NULL AND drifted IS NULL FROM mlops.drift_between('h1', 'h2', mode => 'nannyml', statistics => '{wasserstein}')), 'a threshold that is no number is none');
SELECT finish();
ROLLBACK;
