-- Drift from a version's training baseline: check_drift, record_drift, mlops.drift.
\ir setup.psql
SELECT plan(59);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}', split => '{"test": 0, "validation": 0}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount,country}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null

-- ---- the training rows themselves
SELECT is((SELECT string_agg(feature || ' ' || kind || ' ' || test, ', ') FROM mlops.check_drift('fraud', 'tx')),
	'(score) score psi, ts.hour time psi, ts.hour time missing, ts.weekday time psi, ts.weekday time missing, amount number psi, amount number missing, '
	'balance number psi, balance number missing, country category psi, country category missing, country category unseen, online number psi, online number missing',
	'the score, then tests of each feature; the seconds of a time are left out');
SELECT is((SELECT max(statistic) FROM mlops.check_drift('fraud', 'tx') WHERE kind <> 'score'), 0::float8, 'the training rows are exactly the baseline');
SELECT ok((SELECT bool_and(p_value = 1) FROM mlops.check_drift('fraud', 'tx') WHERE kind <> 'score'), 'p-values are 1');
SELECT ok((SELECT NOT bool_or(drifted) AND count(drifted) = 14 FROM mlops.check_drift('fraud', 'tx')), 'nothing drifted');
SELECT results_eq($$SELECT DISTINCT test, threshold FROM mlops.check_drift('fraud', 'tx') ORDER BY 1$$,
	$$VALUES ('missing', 0.05::float8), ('psi', 0.2), ('unseen', 0.01)$$, 'thresholds are stated');

-- ---- against SQL: shares of a category
CREATE TABLE now_tx AS SELECT id, ts, amount, CASE WHEN id % 4 = 0 THEN NULL ELSE balance END AS balance,
	CASE WHEN id % 10 = 0 THEN 'XX' WHEN id % 3 = 0 THEN 'DE' ELSE country END AS country, online FROM tx WHERE id <= 2000;
CREATE TEMP TABLE shares AS SELECT coalesce(r.country, c.country) AS country, coalesce(r.n, 0)::float8 AS r, coalesce(c.n, 0)::float8 AS c,
	5000::float8 AS rn, 2000::float8 AS cn
	FROM (SELECT country, count(*) AS n FROM tx GROUP BY 1) AS r FULL JOIN (SELECT country, count(*) AS n FROM now_tx GROUP BY 1) AS c USING (country);
SELECT ok((SELECT abs(d.statistic - (SELECT sum((r / rn - c / cn) * ln(r / rn / (c / cn))) FROM (SELECT greatest(r, 0.5) AS r, c, rn, cn FROM shares) s)) < 1e-12
	FROM mlops.check_drift('fraud', 'now_tx') AS d WHERE d.feature = 'country' AND d.test = 'psi'), 'psi of a category is what SQL computes, an empty bin counts half a row');
SELECT ok((SELECT abs(d.statistic - 0.1) < 1e-12 AND d.drifted AND d.p_value < 1e-50
	FROM mlops.check_drift('fraud', 'now_tx') AS d WHERE d.feature = 'country' AND d.test = 'unseen'), 'a new category: its share');
SELECT ok((SELECT abs(d.statistic - ((SELECT avg((balance IS NULL)::int) FROM now_tx) - (SELECT avg((balance IS NULL)::int) FROM tx))) < 1e-12 AND d.drifted
	FROM mlops.check_drift('fraud', 'now_tx') AS d WHERE d.feature = 'balance' AND d.test = 'missing'), 'missing values: the change of their share');
SELECT ok((SELECT abs(d.statistic - (SELECT sum(abs(r / rn - c / cn)) / 2 FROM shares)) < 1e-12
	FROM mlops.check_drift('fraud', 'now_tx', statistics => '{total_variation}') AS d WHERE d.feature = 'country'), 'total_variation');
SELECT ok((SELECT abs(d.statistic - (SELECT max(abs(r / rn - c / cn)) FROM shares)) < 1e-12
	FROM mlops.check_drift('fraud', 'now_tx', statistics => '{l_infinity}') AS d WHERE d.feature = 'country'), 'l_infinity');
SELECT ok((SELECT abs(d.statistic - (SELECT sqrt(1 - sum(sqrt(r / rn * c / cn))) FROM shares)) < 1e-12
	FROM mlops.check_drift('fraud', 'now_tx', statistics => '{hellinger}') AS d WHERE d.feature = 'country'), 'hellinger');
SELECT ok((SELECT abs(d.statistic / (SELECT sum((r - (r + c) * 5 / 7) ^ 2 / ((r + c) * 5 / 7) + (c - (r + c) * 2 / 7) ^ 2 / ((r + c) * 2 / 7)) FROM shares) - 1) < 1e-12
	FROM mlops.check_drift('fraud', 'now_tx', statistics => '{chi_square}') AS d WHERE d.feature = 'country'), 'chi_square');
SELECT ok((SELECT count(*) = 1 AND bool_and(drifted) FROM mlops.check_drift('fraud', query => 'SELECT ts, amount + 30 AS amount, balance, country, online FROM tx') WHERE feature = 'amount' AND test = 'psi'),
	'a shift of a number is drift');
SELECT ok((SELECT drifted FROM mlops.check_drift('fraud', query => 'SELECT ts, 99::float8 AS amount, balance, ''DE'' AS country, online FROM tx') WHERE feature = '(score)'),
	'and of the score');
SELECT ok((SELECT statistic > 0.2 AND NOT drifted FROM mlops.check_drift('fraud', query => 'SELECT * FROM tx WHERE id <= 7') WHERE feature = 'amount' AND test = 'psi'),
	'a few rows may differ much by chance: no drift');
SELECT ok((SELECT statistic > 0.95 AND statistic <= 1 AND drifted FROM mlops.check_drift('fraud', query => 'SELECT ts, amount + 200 AS amount, balance, country, online FROM tx', statistics => '{ks}')
	WHERE feature = 'amount'), 'ks in the bins');
SELECT is((SELECT array_agg(DISTINCT feature) FROM mlops.check_drift('fraud', 'tx', statistics => '{ks}')), '{(score),amount,balance,online,ts.hour,ts.weekday}', 'which categories do not have');
SELECT is((SELECT count(DISTINCT test) FROM mlops.check_drift('fraud', 'tx', statistics => '{psi,kl,jensen_shannon,hellinger,total_variation,l_infinity,chi_square,cramers_v,ks,missing,unseen}')),
	11::bigint, 'all statistics at once');

-- ---- rows that are not there, or empty
SELECT is((SELECT count(*) FILTER (WHERE statistic IS NULL AND p_value IS NULL AND drifted IS NULL) FROM mlops.check_drift('fraud', query => 'SELECT * FROM tx LIMIT 0')), 14::bigint,
	'no rows: nothing is defined');
SELECT ok((SELECT drifted AND abs(statistic - 1 + (SELECT avg((balance IS NULL)::int) FROM tx)) < 1e-12 FROM mlops.check_drift('fraud', query => 'SELECT ts, amount, NULL::numeric AS balance, country, online FROM tx')
	WHERE feature = 'balance' AND test = 'missing'), 'all missing');
SELECT is((SELECT statistic FROM mlops.check_drift('fraud', query => 'SELECT ts, ''NaN''::float8 AS amount, balance, country, online FROM tx') WHERE feature = 'amount' AND test = 'missing'), 1::float8, 'NaN is missing');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', query => 'SELECT ts, ''Infinity''::float8 AS amount, balance, country, online FROM tx')$$, '22000', NULL, 'an infinite value, as in scoring');
SELECT is((SELECT count(*) FROM mlops.check_drift('fraud', query => 'SELECT ts, 1::float8 AS amount, balance, country, online FROM tx') WHERE feature = 'amount' AND drifted), 1::bigint, 'a constant');

-- ---- sources
CREATE VIEW tx_view AS SELECT * FROM tx;
SELECT is((SELECT count(*) FROM mlops.check_drift('fraud', 'tx_view')), 14::bigint, 'a view');
CREATE TABLE parts (LIKE tx) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (3000);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT * FROM tx;
SELECT is((SELECT max(statistic) FROM mlops.check_drift('fraud', 'parts') WHERE kind <> 'score'), 0::float8, 'a partitioned table');
CREATE TABLE "Odd Tx" (gone int, country text, "more" text, online boolean, balance numeric, amount float8, ts timestamp, big text);
ALTER TABLE "Odd Tx" DROP COLUMN gone;
INSERT INTO "Odd Tx" SELECT country, 'x', online, balance, amount, ts, repeat('y', 3000) FROM tx;
SELECT is((SELECT max(statistic) FROM mlops.check_drift('fraud', '"Odd Tx"') WHERE kind <> 'score'), 0::float8, 'a quoted name, dropped and further columns, another order');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', query => 'SELECT ts, amount, country FROM tx')$$, '42703', NULL, 'missing columns');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', query => 'SELECT ts, amount::text, balance, country, online FROM tx')$$, '42804', NULL, 'a column of another kind');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud')$$, '22023', NULL, 'a source is needed');

DO $$ BEGIN
	EXECUTE (SELECT format('CREATE TABLE wide AS SELECT i %% 2 = 0 AS label, %s FROM generate_series(1, 200) AS i', string_agg(format('i * %s %% 1613 AS "c %s"', n, n), ', ')) FROM generate_series(1, 1599) AS n);
END $$;
SELECT mlops.train('wide', 'wide', target => 'label', params => '{"n_estimators": 2}', split => '{"test": 0, "validation": 0}') \g /dev/null
SELECT ok((SELECT count(DISTINCT feature) = 1600 AND max(statistic) FILTER (WHERE kind <> 'score') = 0 FROM mlops.check_drift('wide', 'wide', version => 1)), '1,599 features and the score');

-- ---- arguments
SELECT is((SELECT array_agg(DISTINCT feature) FROM mlops.check_drift('fraud', 'tx', version => 2)), '{(score),amount,country}', 'another version');
SELECT is((SELECT array_agg(DISTINCT feature) FROM mlops.check_drift('fraud/2', 'tx')), '{(score),amount,country}', 'or by reference');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx', version => 9)$$, '42704', NULL, 'a version that does not exist');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('nofraud', 'tx')$$, '42704', NULL, 'a model that does not exist');
SELECT throws_ok($$SELECT * FROM mlops.check_drift(NULL, 'tx')$$, '22004', '"model" must not be null', 'no model');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx', mode => 'evidently')$$, '22023', 'unrecognized mode "evidently"', 'a mode that needs rows');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx', statistics => '{psi,pi}')$$, '22023', 'unrecognized statistic "pi"', 'a statistic that does not exist');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx', statistics => '{wasserstein}')$$, '22023', 'statistic "wasserstein" cannot be had here', 'one that needs rows');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx', statistics => '{}')$$, '22023', '"statistics" is empty', 'none');

-- ---- chance
SELECT setseed(0.3) \g /dev/null
CREATE TABLE chance AS SELECT i, random() AS a, exp(random() * 5) AS b, random() < 0.05 AS label FROM generate_series(1, 20000) AS i;
SELECT mlops.train('chance', 'chance', target => 'label', exclude => '{i}', params => '{"n_estimators": 3}') \g /dev/null
CREATE TABLE flags AS SELECT d.* FROM generate_series(0, 149) AS w,
	LATERAL mlops.check_drift('chance', query => format('SELECT * FROM chance WHERE i > %s AND i <= %s', w * 20, w * 20 + 20), version => 1) AS d WHERE d.kind = 'number' AND d.test = 'psi';
SELECT ok((SELECT count(*) = 300 AND count(*) FILTER (WHERE statistic >= threshold) > 200 FROM flags), '20 rows without drift reach the threshold by chance');
SELECT ok((SELECT count(*) FILTER (WHERE drifted) <= 9 FROM flags), 'and are not said to have drifted more often than three times in a hundred');

-- ---- recording
SELECT results_eq($$SELECT * FROM mlops.record_drift('fraud', 'now_tx', window_start => '2026-01-01', window_end => '2026-01-15')$$,
	$$SELECT * FROM mlops.check_drift('fraud', 'now_tx')$$, 'record_drift returns what check_drift does');
SELECT results_eq($$SELECT feature, kind, test, statistic, p_value, threshold, drifted FROM mlops.drift WHERE model = 'fraud' AND version = 1 AND rows = 2000
		AND window_start = '2026-01-01' AND window_end = '2026-01-15' ORDER BY place$$,
	$$SELECT * FROM mlops.check_drift('fraud', 'now_tx')$$, 'and records it');
SELECT is((SELECT count(DISTINCT recorded_at) FROM mlops.drift), 1::bigint, 'one time for a report');
SELECT is((SELECT count(*) FROM mlops.record_drift('fraud', query => 'SELECT * FROM tx LIMIT 0', version => 2)), 6::bigint, 'a window without rows');
SELECT results_eq($$SELECT rows, count(*), count(statistic), count(drifted), count(window_start), count(window_end) FROM mlops.drift WHERE version = 2 GROUP BY 1$$,
	$$VALUES (0::bigint, 6::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'is recorded too');
SELECT throws_ok($$SELECT mlops.record_drift('fraud', 'tx', window_start => '2026-02-01', window_end => '2026-01-15')$$, '22023', NULL, 'a window that ends before it starts');

SELECT throws_ok($$SET LOCAL transaction_read_only = on; SELECT mlops.record_drift('fraud', 'tx')$$, '25006', NULL, 'a read-only transaction records nothing');
SELECT throws_ok($$SELECT mlops.record_drift('fraud', 'tx', window_start => 'now', statistics => '{nothing}')$$, '22023', 'unrecognized statistic "nothing"', 'a statistic that does not exist');

-- ---- rights
CREATE ROLE drift_reader;
CREATE ROLE drift_trainer;
GRANT SELECT (ts, amount, balance, country, online) ON tx TO drift_reader, drift_trainer;
SET ROLE drift_reader;
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx')$$, '42501', NULL, 'no right on the model');
SELECT is((SELECT count(*) FROM mlops.drift), 0::bigint, 'nothing is seen');
RESET ROLE;
SELECT mlops.grant('fraud', 'drift_reader', 'score'), mlops.grant('fraud', 'drift_trainer', 'train') \g /dev/null
SET ROLE drift_reader;
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'tx')$$, '42501', NULL, 'who may only score learns nothing of the training rows');
SELECT is((SELECT count(*) FROM mlops.drift), 0::bigint, 'nor sees what is recorded');
RESET ROLE;
SELECT mlops.grant('fraud', 'drift_reader', 'view') \g /dev/null
SET ROLE drift_reader;
SELECT is((SELECT count(*) FROM mlops.check_drift('fraud', 'tx')), 14::bigint, 'view is enough, and the columns that the model reads');
SELECT throws_ok($$SELECT * FROM mlops.check_drift('fraud', 'now_tx')$$, '42501', NULL, 'but the rows are read as the caller');
SELECT is((SELECT count(*) FROM mlops.drift), 20::bigint, 'what is recorded is seen');
SELECT throws_ok($$SELECT mlops.record_drift('fraud', 'tx')$$, '42501', NULL, 'recording needs train');
SET ROLE drift_trainer;
SELECT mlops.record_drift('fraud', 'tx') \g /dev/null
RESET ROLE;
SELECT is((SELECT DISTINCT recorded_by::text FROM mlops.drift WHERE rows = 5000), 'drift_trainer', 'who recorded it');
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON parts USING (id <= 100);
GRANT SELECT ON parts TO drift_trainer;
SET ROLE drift_trainer;
SELECT mlops.record_drift('fraud', 'parts') \g /dev/null
RESET ROLE;
SELECT is((SELECT count(DISTINCT rows) FROM mlops.drift WHERE rows = 100), 1::bigint, 'row security holds');
SELECT finish();
ROLLBACK;
