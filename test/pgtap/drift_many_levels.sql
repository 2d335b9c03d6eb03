-- Categories of more levels than a model tells apart, and of few rows each: what
-- is frequent in one sample is so in part by chance, and less so in the next.
\ir setup.psql
SELECT plan(17);

-- ---- windows without drift, against a version's training data
CREATE FUNCTION level_of(kind text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE kind WHEN 'equal' THEN 'card ' || floor(random() * 15000) WHEN 'hundred' THEN 'card ' || floor(random() * 100)
		WHEN 'mixed' THEN CASE WHEN random() < 0.2 THEN 'often ' || floor(random() * 60) ELSE 'card ' || floor(random() * 20000) END END
$$;
SELECT setseed(0.3) \g /dev/null
CREATE TABLE kinds (kind text, windows int);
INSERT INTO kinds VALUES ('equal', 1000), ('mixed', 300), ('hundred', 300);
CREATE TABLE drawn AS SELECT kind AS drawn, g AS id, level_of(kind) AS level, random() < 0.1 AS y FROM kinds, generate_series(1, 30000 + windows * 300) AS g;
CREATE INDEX ON drawn (drawn, id);
ANALYZE drawn;
SELECT mlops.train(kind, query => format('SELECT level, y FROM drawn WHERE drawn = %L AND id <= 30000', kind), target => 'y', params => '{"n_estimators": 2}') FROM kinds \g /dev/null
CREATE TABLE found AS SELECT k.kind, w, windows, d.test, d.statistic, d.p_value, d.drifted FROM kinds AS k, generate_series(1, windows) AS w,
	LATERAL mlops.check_drift(k.kind || '/1', query => format('SELECT level FROM drawn WHERE drawn = %L AND id > 30000 + %s * 300 AND id <= 30000 + %s * 300', k.kind, w - 1, w),
		statistics => '{psi,total_variation}') AS d WHERE d.feature = 'level';
SELECT cmp_ok(count(*) FILTER (WHERE drifted), '<=', max(windows) / 50::bigint, format('%s: of %s windows without drift about one in a hundred drifted by %s', kind, count(*), test)) FROM found GROUP BY kind, test ORDER BY kind, test;
SELECT cmp_ok(count(*) FILTER (WHERE p_value < 0.01), '<=', max(windows) / 40::bigint, format('%s: so it is for p-values below 0.01 alone', kind)) FROM found WHERE test = 'psi' GROUP BY kind ORDER BY kind;
SELECT cmp_ok((SELECT avg(statistic) FROM found WHERE kind = 'equal' AND test = 'psi'), '<', 0.01::float8, 'the index itself is near 0');

-- ---- and with drift
CREATE FUNCTION drift_of(kind text, level text) RETURNS TABLE (test text, statistic float8, drifted boolean) LANGUAGE sql AS $$
	SELECT d.test, d.statistic, d.drifted FROM mlops.check_drift(kind || '/1', query => format('SELECT %s AS level FROM drawn WHERE drawn = %L AND id > 30000 AND id <= 34000', level, kind),
		statistics => '{psi,total_variation}') AS d WHERE d.feature = 'level'
$$;
SELECT ok((SELECT bool_and(drifted AND (test = 'psi' OR abs(statistic - 0.2) < 0.03)) FROM drift_of(kind, format('CASE WHEN id %% 5 = 0 THEN %L ELSE level END', (SELECT min(level) FROM drawn WHERE drawn = kind AND id <= 30000)))), kind || ': a fifth of the rows has one card') FROM kinds;
SELECT ok((SELECT bool_and(drifted) FROM drift_of('mixed', 'replace(level, ''often'', ''card'')')), 'the frequent ones are gone');

-- ---- two tables: some of many cards are gone
CREATE TABLE a AS SELECT 'm' || floor(random() * 15000) AS card FROM generate_series(1, 30000) AS g;
CREATE TABLE half AS SELECT 'm' || floor(random() * 7500) * 2 AS card FROM generate_series(1, 16000) AS g;
CREATE TABLE tenth AS SELECT 'm' || floor(random() * 1500) * 10 AS card FROM generate_series(1, 3000) AS g;
SELECT ok((SELECT bool_and(d.drifted AND (d.test <> 'total_variation' OR abs(d.statistic - (
		SELECT sum(abs(coalesce(r.n, 0) / 30000.0 - coalesce(c.n, 0)::float8 / v.rows)) / 2 FROM (SELECT card, count(*) AS n FROM a GROUP BY 1) AS r FULL JOIN
			(SELECT card, count(*) AS n FROM (SELECT card FROM half WHERE v.tab = 'half' UNION ALL SELECT card FROM tenth WHERE v.tab = 'tenth') AS u GROUP BY 1) AS c USING (card))) < 0.01))
	FROM mlops.drift_between('a', v.tab::regclass, statistics => '{psi,total_variation,chi_square}') AS d), v.title)
	FROM (VALUES ('half', 16000, 'half of the cards'), ('tenth', 3000, 'all but a tenth of the cards')) AS v(tab, rows, title);
CREATE TABLE now AS SELECT g AS id, 'm' || floor(random() * 15000) AS card FROM generate_series(1, 160000) AS g;
CREATE FUNCTION alarms(rows int, windows int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
BEGIN
	FOR w IN 0 .. windows - 1 LOOP
		EXECUTE format('CREATE OR REPLACE VIEW window_now AS SELECT card FROM now WHERE id > %s AND id <= %s', w * rows, (w + 1) * rows);
		n := n + (SELECT count(*) FROM mlops.drift_between('a', 'window_now', statistics => '{psi,total_variation}') WHERE drifted);
	END LOOP;
	RETURN n;
END $$;
SELECT is(alarms(16000, 10) + alarms(3000, 20), 0::bigint, 'without drift: none');
SELECT * FROM finish();
ROLLBACK;
