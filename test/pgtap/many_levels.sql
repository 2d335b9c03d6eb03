-- Categories of many levels, from the first that has a statistic to 20,000: all ways of scoring say
-- the same bits, contributions add up, and what else is done with a model can be done with these.
\ir setup.psql
SELECT plan(67);

-- ---- levels that are easily taken for each other, and how many there are
CREATE FUNCTION level(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE n WHEN 0 THEN '' WHEN 1 THEN ' ' WHEN 2 THEN 'Shop' WHEN 3 THEN 'shop' WHEN 4 THEN 'SHOP' WHEN 5 THEN 'shop ' WHEN 6 THEN 'shop  ' WHEN 7 THEN ' shop'
		WHEN 8 THEN U&'caf\00E9' WHEN 9 THEN U&'cafe\0301' WHEN 10 THEN U&'\212B' WHEN 11 THEN U&'\00C5' WHEN 12 THEN repeat('x', 50000) WHEN 13 THEN repeat('x', 50000) || 'y'
		WHEN 14 THEN 'null' WHEN 15 THEN 'NaN' WHEN 16 THEN E'tab\tnew\nline "quoted" back\\slash' WHEN 17 THEN U&'\+01F600' WHEN 18 THEN '1' WHEN 19 THEN '1.0'
		ELSE 'm' || n END $$;
CREATE FUNCTION noise(i bigint, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0 $$;
-- six rows of each of n levels, some without; labels by chance and level
CREATE FUNCTION make_rows(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE of_%s AS SELECT i AS id, CASE WHEN i %% 37 <> 0 THEN level(m) END AS level, noise(i, 1) AS amount,
		noise(i, 2) < CASE WHEN m %% 5 = 3 THEN 0.7 ELSE 0.1 END + 0.2 * noise(i, 1) AS fraud FROM generate_series(1::bigint, 6 * %1$s) AS i, LATERAL (SELECT (i %% %1$s)::int AS m) AS m', n);
END $$;
CREATE TABLE made (n int, algorithm text, model text, version int);
SELECT make_rows(n) FROM unnest('{254,255,1000,20000}'::int[]) AS n \g /dev/null
INSERT INTO made SELECT n, algorithm, model, version FROM unnest('{254,255,1000,20000}'::int[]) AS n, unnest('{gradient_boosting,logistic_regression}'::text[]) AS algorithm,
	mlops.train('of_' || n, ('of_' || n)::regclass, target => 'fraud', key => 'id', algorithm => algorithm, split => '{"validation": 0, "test": 0}', params => CASE algorithm WHEN 'gradient_boosting' THEN '{"n_estimators": 20}' ELSE '{}' END::jsonb);
SELECT set_eq($$SELECT DISTINCT m.n FROM made AS m JOIN mlops.feature_statistics AS f USING (model, version) WHERE f.feature = 'level.target'$$, '{255,1000,20000}'::int[], 'from 255 levels on there is a statistic');
-- rows to score: one of each level, of none, and of levels that training has not seen
CREATE TABLE asked (n int, nr int, id bigint, level text, amount float8, fraud boolean);
INSERT INTO asked SELECT n, row_number() OVER (PARTITION BY n ORDER BY m), m, level, noise(m, 3), false FROM unnest('{254,255,1000,20000}'::int[]) AS n, LATERAL (
	SELECT m, level(m) FROM generate_series(0, 79) AS m UNION ALL SELECT n - 1, level(n - 1) UNION ALL SELECT -1, NULL
	UNION ALL SELECT -2 - o, u FROM unnest(ARRAY['never seen', 'sHOP', 'shop   ', repeat('x', 49999), U&'CAFE\0301', '1.00', E'\t', 'M30']) WITH ORDINALITY AS u(u, o)) AS x(m, level);
SELECT mlops.deploy(model, version) FROM made WHERE algorithm = 'gradient_boosting' \g /dev/null

-- Where other ways differ from a row's score.
CREATE FUNCTION differences(of_n int, of_algorithm text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	v made;
	bytes bytea;
	found text[];
BEGIN
	SELECT * INTO v FROM made WHERE n = of_n AND algorithm = of_algorithm;
	PERFORM mlops.deploy(v.model, v.version);
	CREATE TEMP TABLE row_score ON COMMIT DROP AS SELECT a.*, float8send(mlops.score(v.model, a)) AS score FROM asked AS a WHERE a.n = of_n;
	bytes := mlops.export_model(v.model, v.version);
	EXECUTE format('CREATE TEMP TABLE live (LIKE asked, score float8) ON COMMIT DROP;
		CREATE TRIGGER s BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger(%L, ''score'')', v.model);
	INSERT INTO live SELECT a.* FROM asked AS a WHERE a.n = of_n;
	CREATE TEMP TABLE decided ON COMMIT DROP AS SELECT a.nr, (mlops.decide(v.model, a, a.nr::text)).* FROM asked AS a WHERE a.n = of_n;
	SELECT array_agg(format('%s: %s', way, left(r.level, 20))) INTO found FROM row_score AS r JOIN asked AS a USING (n, nr), LATERAL (
		SELECT 'ROW()', mlops.score(v.model, ROW(a.level, a.amount))
		UNION ALL SELECT 'JSON', mlops.score(v.model, to_jsonb(a))
		UNION ALL SELECT 'text of JSON', mlops.score(v.model, to_jsonb(a)::text)
		UNION ALL SELECT 'version', mlops.score_version(v.model, v.version, a)
		UNION ALL SELECT 'predict', (mlops.predict(v.model, a)).score
		UNION ALL SELECT 'bytes', mlops.score_bytes(bytes, a)
		UNION ALL SELECT 'JSON by bytes', mlops.score_bytes(bytes, to_jsonb(a))
		UNION ALL SELECT 'trigger', l.score FROM live AS l WHERE l.nr = a.nr
		UNION ALL SELECT 'decision', d.score FROM decided AS d WHERE d.nr = a.nr
		UNION ALL SELECT 'decision again', (mlops.why(d.prediction_id)::jsonb ->> 'score_again')::float8 FROM decided AS d WHERE d.nr = a.nr
		) AS x(way, score) WHERE float8send(x.score) IS DISTINCT FROM r.score;
	found := coalesce(found, '{}') || ARRAY(SELECT format('table: %s', left(r.level, 20)) FROM row_score AS r
		LEFT JOIN mlops.score_table(v.model, query => format('SELECT * FROM asked WHERE n = %s', of_n), key => 'nr') AS t ON t.key = r.nr::text WHERE float8send(t.score) IS DISTINCT FROM r.score);
	DROP TABLE row_score, live, decided;
	RETURN found;
END $$;
SET mlops.log_features = on;
SELECT is(differences(n, algorithm), '{}', format('%s levels, %s: a row, ROW(), JSON, bytes, a trigger, a decision, its repetition and a table score the same bits', n, algorithm))
FROM made WHERE n > 254 ORDER BY n, algorithm;

-- levels that are easily taken for each other are not; ones that are not known are one and all the same
CREATE TABLE scored AS SELECT m.n, m.algorithm, a.nr, a.id, a.level, mlops.score_version(m.model, m.version, x) AS score
FROM made AS m JOIN asked AS a USING (n), LATERAL (SELECT a.level, 0.5::float8 AS amount) AS x WHERE m.n > 254;
SELECT is(count(DISTINCT score), 1::bigint, format('%s levels, %s: levels that training has not seen score alike', n, algorithm)) FROM scored WHERE id < -2 GROUP BY n, algorithm ORDER BY n, algorithm;
SELECT ok(count(DISTINCT score) > 3, format('%s levels, %s: known ones do not', n, algorithm)) FROM scored WHERE id >= 0 GROUP BY n, algorithm ORDER BY n, algorithm;
CREATE TABLE statistic AS SELECT l.level, count(*) AS rows, count(*) FILTER (WHERE fraud) AS positives FROM of_1000 AS l WHERE level IS NOT NULL GROUP BY level;
SELECT is_empty($$SELECT FROM scored AS s JOIN statistic AS l USING (level) JOIN scored AS o USING (n, algorithm) JOIN statistic AS k ON k.level = o.level
	WHERE n = 1000 AND algorithm = 'logistic_regression' AND l.rows = k.rows AND (l.positives < k.positives) <> (s.score < o.score)$$, 'of levels with as many rows the one with more positives scores higher');

-- ---- contributions add up to the margin, for rows of unknown levels too
SELECT ok(max(abs(e.total - ln(s / (1 - s)))) < 1e-9 AND bool_and(e.n = 3), format('%s levels, %s: contributions add up', m.n, m.algorithm))
FROM made AS m JOIN asked AS a USING (n), LATERAL (SELECT mlops.score_version(m.model, m.version, a) AS s) AS s,
	LATERAL (SELECT sum(contribution) AS total, count(*) AS n FROM mlops.explain_version(m.model, m.version, a, top => NULL)) AS e
WHERE m.n > 254 AND (a.id < 0 OR a.nr % 10 = 1) GROUP BY m.n, m.algorithm ORDER BY m.n, m.algorithm;
SELECT ok(bool_and(e.contribution = j.contribution), format('%s levels, %s: of a row and its JSON alike', m.n, m.algorithm))
FROM made AS m JOIN asked AS a USING (n), LATERAL mlops.explain_version(m.model, m.version, a, top => NULL) AS e
	JOIN LATERAL mlops.explain_version(m.model, m.version, to_jsonb(a), top => NULL) AS j USING (feature)
WHERE m.n = 1000 AND (a.id < 0 OR a.nr < 21) GROUP BY m.n, m.algorithm ORDER BY m.n, m.algorithm;
-- ---- export and import
SELECT is(v.sha256, (SELECT sha256 FROM mlops.versions WHERE model = m.model AND version = m.version), format('%s levels, %s: imported, the same bytes', m.n, m.algorithm))
FROM made AS m, LATERAL mlops.import_model(mlops.export_model(m.model, m.version), 'copy_of_' || m.n) AS v WHERE m.n > 254 ORDER BY m.n, m.algorithm;

-- ---- the same bytes: whatever the number of threads and the order of rows in the table
CREATE TABLE in_order AS SELECT *, id / 7 AS day FROM of_1000;
CREATE TABLE shuffled AS SELECT * FROM in_order ORDER BY hashint8extended(id, 7);
CREATE FUNCTION trained(source regclass, algorithm text, threads int, time_column name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v int;
BEGIN
	PERFORM set_config('mlops.threads', threads::text, true);
	SELECT t.version INTO v FROM mlops.train('again', source, target => 'fraud', key => 'id', time_column => time_column, features => '{level,amount}', algorithm => algorithm) AS t;
	RETURN (SELECT sha256 FROM mlops.versions WHERE model = 'again' AND version = v);
END $$;
CREATE TABLE trained AS SELECT algorithm, time_column, threads, trained(source, algorithm, threads, time_column) AS sha256
FROM unnest('{in_order,shuffled}'::regclass[]) AS source, unnest('{1,2,4}'::int[]) AS threads, unnest('{gradient_boosting,logistic_regression}'::text[]) AS algorithm,
	unnest('{NULL,day}'::name[]) AS time_column;
SELECT is(count(DISTINCT sha256), 1::bigint, format('%s, %s: 1, 2 and 4 threads, in any physical order', algorithm, coalesce('by ' || time_column, 'in drawn order')))
FROM trained GROUP BY algorithm, time_column ORDER BY algorithm, time_column;
SELECT is(count(DISTINCT sha256), 2::bigint, algorithm || ': the order of time is another one') FROM trained GROUP BY algorithm ORDER BY algorithm;
RESET mlops.threads;

-- ---- drift: the share of unseen levels is what it is, and nothing that training knew is unseen
CREATE TABLE drifted AS
SELECT m.n, m.algorithm, x.what, d.test, d.statistic, d.drifted FROM made AS m, LATERAL (VALUES
	('same', format('SELECT * FROM of_%s', n)),
	('half', format('SELECT * FROM of_%s WHERE hashint8extended(id, 9) %% 2 = 0', n)),
	('tenth', format('SELECT CASE WHEN id %% 10 = 0 THEN ''new '' || id %% 30 ELSE level END AS level, amount FROM of_%s WHERE level IS NOT NULL', n)),
	('capitals', format('SELECT CASE WHEN id %% 4 = 0 THEN upper(level) ELSE level END AS level, amount FROM of_%s WHERE level LIKE ''m%%''', n)),
	('none', format('SELECT NULL::text AS level, amount FROM of_%s', n)),
	('one', format('SELECT %L::text AS level, amount FROM of_%s', level(n - 1), n))) AS x(what, query),
	LATERAL mlops.check_drift(m.model, query => x.query, version => m.version, statistics => '{psi,unseen,missing,total_variation}') AS d WHERE m.n > 254 AND d.feature = 'level';
CREATE FUNCTION share_of(n int, condition text, among text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	share float8;
BEGIN
	EXECUTE format('SELECT avg((%s)::int) FROM of_%s WHERE %s', condition, n, among) INTO share;
	RETURN share;
END $$;
SELECT is((SELECT string_agg(DISTINCT feature, ', ' ORDER BY feature) FROM mlops.check_drift('of_1000', 'of_1000')), '(score), amount, level', 'drift is of columns');
SELECT ok(bool_and(statistic >= 0 AND statistic < 'Infinity'), 'all numbers are finite and not negative') FROM drifted WHERE NOT (what = 'none' AND test = 'unseen');
SELECT ok(bool_and(statistic = 0 AND NOT drifted), format('%s: the training rows have not drifted', test)) FROM drifted WHERE what = 'same' AND test IN ('unseen', 'missing') GROUP BY test ORDER BY test;
SELECT ok(bool_and(statistic < 0.1 AND NOT drifted), format('%s: nor have they', test)) FROM drifted WHERE what = 'same' AND test IN ('psi', 'total_variation') GROUP BY test ORDER BY test;
SELECT ok(bool_and(NOT drifted), 'nor has a half of them') FROM drifted WHERE what = 'half';
SELECT ok(bool_and(abs(statistic - share_of(n, 'id % 10 = 0', 'level IS NOT NULL')) < 1e-12 AND drifted), format('%s levels: a tenth of rows are of new ones', n))
FROM drifted WHERE what = 'tenth' AND test = 'unseen' GROUP BY n ORDER BY n;
SELECT ok(bool_and(abs(statistic - share_of(n, 'id % 4 = 0', 'level LIKE ''m%''')) < 1e-12 AND drifted), format('%s levels: one in capitals is another', n))
FROM drifted WHERE what = 'capitals' AND test = 'unseen' GROUP BY n ORDER BY n;
SELECT ok(bool_and(drifted), 'none has a level: missing values and the index have drifted') FROM drifted WHERE what = 'none' AND test IN ('psi', 'missing');
SELECT ok(bool_and(CASE test WHEN 'unseen' THEN statistic = 0 AND NOT drifted ELSE drifted END), 'all have the last level: drifted, and nothing is new')
FROM drifted WHERE what = 'one' AND test IN ('psi', 'unseen', 'total_variation');

-- ---- a monitor of such a column
CREATE TABLE coming AS SELECT CASE WHEN id % 10 = 0 THEN 'new ' || id % 30 ELSE level END AS level, amount, date_trunc('hour', now()) - interval '30 minutes' AS at FROM of_1000 WHERE level IS NOT NULL;
SELECT mlops.monitor('of_1000', every => '30 minutes', source => 'coming', time_column => 'at') \g /dev/null
SELECT mlops.set_alert_rule('of_1000', 'new_levels', 'drift', max => 0.05, labels => '{"feature": "level", "test": "unseen"}') \g /dev/null
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';
SELECT is_empty($$SELECT FROM mlops.run_monitor('of_1000') WHERE error IS NOT NULL$$, 'a monitor runs');
SELECT ok(abs(statistic - share_of(1000, 'id % 10 = 0', 'level IS NOT NULL')) < 1e-12 AND drifted, 'and tells of new levels')
FROM mlops.drift WHERE model = 'of_1000' AND feature = 'level' AND test = 'unseen' AND window_start = date_trunc('hour', now()) - interval '30 minutes';
SELECT is((SELECT string_agg(rule, ',') FROM mlops.alerts WHERE model = 'of_1000'), 'new_levels', 'so the rule fires');

-- ---- segments by such a column
CREATE TABLE segment AS SELECT e.segment ->> 'level' AS level, e.rows, e.positives, e.brier FROM mlops.evaluate('of_1000', 'of_1000', by => '{level}') AS e WHERE e.segment <> '{}';
CREATE TABLE by_level AS SELECT level, count(*) AS rows, count(*) FILTER (WHERE fraud) AS positives, avg((mlops.score('of_1000', t) - fraud::int) ^ 2) AS brier FROM of_1000 AS t GROUP BY level;
SELECT is((SELECT count(*) FROM segment), (SELECT count(*) FROM by_level), 'a segment of each level, and one of none');
SELECT is_empty($$SELECT FROM segment AS s LEFT JOIN by_level AS l ON s.level IS NOT DISTINCT FROM l.level WHERE (s.rows, s.positives) IS DISTINCT FROM (l.rows, l.positives) OR (abs(s.brier - l.brier) < 1e-12) IS NOT TRUE$$,
	'with its rows and its numbers');

-- ---- retraining
SELECT is((SELECT outcome FROM mlops.retrain('of_1000', options => '{"refit": false}')), 'unchanged', 'the same rows make the same model again');
INSERT INTO of_1000 SELECT 6000 + i, 'opened later', noise(i, 4), i % 4 > 0 FROM generate_series(1, 80) AS i;
CREATE TABLE retrained AS SELECT version, base_version FROM mlops.retrain('of_1000', options => '{"refit": false}');
SELECT ok(mlops.score_version('of_1000', r.version, x) > 1.5 * mlops.score_version('of_1000', r.base_version, x), 'a level that came later is learned')
FROM retrained AS r, LATERAL (SELECT 'opened later'::text AS level, 0.5::float8 AS amount) AS x;

-- ---- cross-validation: a fold is a training on its rows, in workers as in this process
CREATE TABLE by_time AS SELECT * FROM mlops.cross_validate('cv', 'of_1000', target => 'fraud', key => 'id', time_column => 'id', folds => 3, parallel => 1,
	split => '{"validation": 0}', params => '{"n_estimators": 10}');
CREATE VIEW fold2 AS SELECT t.*, CASE WHEN id <= f.train_rows THEN 'train' WHEN id <= f.train_rows + f.test_rows THEN 'test' END AS part FROM of_1000 AS t, by_time AS f WHERE f.fold = '2';
SELECT is((SELECT pr_auc FROM by_time WHERE fold = '2'), (SELECT (metrics ->> 'pr_auc')::float8 FROM mlops.train('same', 'fold2', target => 'fraud', key => 'id', time_column => 'id',
	split => '{"fold": "part"}', params => '{"n_estimators": 10}')), 'a fold is a training on its rows');
SELECT results_eq($$SELECT fold, pr_auc, roc_auc, log_loss FROM mlops.cross_validate('cv', 'of_1000', target => 'fraud', key => 'id', time_column => 'id', folds => 3, parallel => 2,
	split => '{"validation": 0}', params => '{"n_estimators": 10}')$$, 'SELECT fold, pr_auc, roc_auc, log_loss FROM by_time', 'in workers too');

-- ---- a column called like the statistic of another
CREATE TABLE named AS SELECT id, level, amount AS "level.target", amount AS "amount.target", amount, fraud FROM of_1000;
SELECT throws_ok($$SELECT mlops.train('named', 'named', target => 'fraud', key => 'id', exclude => '{amount.target}', params => '{"monotone_constraints": {"level.target": -1}}')$$, '42701',
	'feature "level.target" has a name that another one has in reports', 'could not be told from it');
SELECT lives_ok($$SELECT mlops.train('named', 'named', target => 'fraud', key => 'id', exclude => '{level}', params => '{"n_estimators": 2}')$$, 'without the category it can, and a number has no statistic');
SELECT is_empty($$SELECT feature FROM mlops.feature_importance WHERE model = 'named' GROUP BY version, feature HAVING count(*) > 1$$, 'no name stands twice in reports');

SELECT * FROM finish();
ROLLBACK;
