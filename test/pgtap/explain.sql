-- Explanations: they add up, follow the route, ask for the same right, and say
-- the same whatever the form of the row.
\ir setup.psql
SELECT plan(70);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 20}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 20, "scale_pos_weight": 9, "grow_policy": "lossguide", "max_depth": 0, "max_leaves": 40}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression', preprocess => '{"class_weight": "balanced"}')$$, 'four versions');
SELECT mlops.deploy('fraud', 1) \g /dev/null

-- they add up
CREATE TEMP TABLE gap AS SELECT v, max(abs(1 / (1 + exp(-e.sum)) / mlops.score_version('fraud', v, t) - 1)) AS g, count(*)
FROM generate_series(1, 4) AS v, tx AS t, LATERAL (SELECT sum(contribution) FROM mlops.explain_version('fraud', v, t, NULL)) AS e GROUP BY v;
SELECT ok(count = 5000 AND g < 1e-9, 'version ' || v || ': base and contributions add up to the score of every row') FROM gap ORDER BY v;
CREATE TEMP TABLE row_42 AS SELECT t FROM tx AS t WHERE id = 42;
CREATE TEMP TABLE whole AS SELECT e.* FROM row_42, mlops.explain('fraud', t, NULL) AS e;
SELECT results_eq('SELECT rank FROM whole', 'SELECT generate_series(0, 5)', 'all: the base first, then every column');
SELECT is(feature, '(base)', 'named so') FROM whole WHERE rank = 0;
SELECT is(value, NULL, 'it has no value') FROM whole WHERE rank = 0;
SELECT set_eq('SELECT feature FROM whole WHERE rank > 0', '{amount,balance,country,online,ts}'::text[], 'columns as the table names them');
SELECT is_empty('SELECT FROM whole a, whole b WHERE a.rank > 0 AND a.rank < b.rank AND abs(a.contribution) < abs(b.contribution)', 'the greatest first');
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain(''fraud'', t) AS e', 'SELECT * FROM whole WHERE rank BETWEEN 1 AND 5 AND contribution <> 0', 'five at most by default');
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain(''fraud'', t, 2) AS e', 'SELECT * FROM whole WHERE rank IN (1, 2)', 'the top two');
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain(''fraud'', t, 1000000) AS e', 'SELECT * FROM whole WHERE rank > 0 AND contribution <> 0', 'more than there are');
SELECT is(value, (t).amount::text, 'values as text') FROM whole, row_42 WHERE feature = 'amount';
SELECT is(value, (t).ts::text, 'of times too') FROM whole, row_42 WHERE feature = 'ts';
SELECT is(value, (t).online::text, 'and booleans') FROM (SELECT CASE value WHEN 't' THEN 'true' WHEN 'f' THEN 'false' END AS value FROM whole WHERE feature = 'online') w, row_42;

-- whatever the form of the row
SELECT results_eq('SELECT e.rank, e.feature, e.contribution FROM row_42, mlops.explain(''fraud'', to_jsonb(t), NULL) AS e', 'SELECT rank, feature, contribution FROM whole', 'jsonb');
SELECT is(e.value, (t).country, 'its values') FROM row_42, mlops.explain('fraud', to_jsonb(t), NULL) AS e WHERE e.feature = 'country';
SELECT results_eq('SELECT e.* FROM (SELECT online, ts, balance, amount, country FROM tx WHERE id = 42) AS s, mlops.explain(''fraud'', s, NULL) AS e', 'SELECT * FROM whole', 'a subquery''s row in another order');
SELECT results_eq('SELECT e.* FROM tx, mlops.explain(''fraud'', ROW(ts, amount, balance, country, online), NULL) AS e WHERE id = 42', 'SELECT * FROM whole', 'an anonymous row');
SELECT results_eq('SELECT (mlops.explain(''fraud'', t, NULL)).* FROM tx t WHERE id = 42', 'SELECT * FROM whole', 'in the select list');
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain(''fraud/1'', t, NULL) AS e', 'SELECT * FROM whole', 'name/version');
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain_version(''fraud'', 1, t, NULL) AS e', 'SELECT * FROM whole', 'explain_version');
SELECT is_empty('SELECT mlops.explain(''fraud'', NULL::tx)', 'no row');
SELECT is_empty('SELECT mlops.explain(''fraud'', NULL::jsonb, NULL)', 'no object');
SELECT is_empty('SELECT mlops.explain(NULL, t) FROM tx t LIMIT 3', 'no model');
SELECT is_empty('SELECT mlops.explain_version(''fraud'', NULL, t) FROM tx t LIMIT 3', 'no version');

-- missing values, unseen categories
CREATE TEMP VIEW odd AS SELECT timestamp '2026-01-20 03:00' AS ts, 95::float8 AS amount, NULL::numeric AS balance, 'XX'::text AS country, true AS online;
SELECT is(e.value, NULL, 'a value that is NULL') FROM odd, mlops.explain('fraud', odd, NULL) AS e WHERE feature = 'balance';
SELECT results_eq('SELECT e.feature, e.contribution FROM odd, mlops.explain(''fraud'', odd, NULL) AS e',
	'SELECT e.feature, e.contribution FROM (SELECT ts, amount, ''NaN''::numeric AS balance, ''another'' AS country, online FROM odd) AS o, mlops.explain(''fraud'', o, NULL) AS e',
	'NaN is missing, and what was not seen in training is alike');
SELECT is(e.value, 'NaN', 'though shown as it is') FROM (SELECT ts, amount, 'NaN'::float8 AS balance, country, online FROM odd) AS o, mlops.explain('fraud', o, NULL) AS e WHERE feature = 'balance';
SELECT ok(abs(1 / (1 + exp(-(SELECT sum(contribution) FROM mlops.explain(m, odd, NULL)))) / mlops.score(m, odd) - 1) < 1e-9, m || ': they add up') FROM odd, unnest('{fraud/1,fraud/2,fraud/3}'::text[]) AS m;
SELECT ok(abs(1 / (1 + exp(-(SELECT sum(contribution) FROM mlops.explain('fraud', n, NULL)))) / mlops.score('fraud', n) - 1) < 1e-9, 'a row of NULLs adds up')
FROM (SELECT NULL::timestamp AS ts, NULL::float8 AS amount, NULL::numeric AS balance, NULL::text AS country, NULL::boolean AS online) AS n;

-- a linear model: coefficient * (value - mean), levels together
SELECT ok(bool_and(abs(e.contribution - c.coefficient * (t.amount - c.mean) / c.scale) < 1e-12), 'a number''s contribution') FROM tx t,
	(SELECT * FROM mlops.coefficients WHERE model = 'fraud' AND version = 2 AND feature = 'amount' AND kind = 'value') AS c,
	mlops.explain_version('fraud', 2, t, NULL) AS e WHERE e.feature = 'amount' AND id <= 500;
SELECT ok(abs(e.contribution - (SELECT coalesce(sum(coefficient) FILTER (WHERE level = 'DE'), 0) FROM mlops.coefficients WHERE model = 'fraud' AND version = 2 AND feature = 'country')
	+ (SELECT sum(c.coefficient * b.share) FROM mlops.coefficients AS c JOIN
		(SELECT country AS level, count(*)::float8 / sum(count(*)) OVER () AS share FROM tx GROUP BY 1) AS b USING (level) WHERE c.model = 'fraud' AND c.version = 2 AND c.feature = 'country')) < 0.05,
	'a category''s: its level less what levels add on average') FROM tx t, mlops.explain_version('fraud', 2, t, NULL) AS e WHERE e.feature = 'country' AND t.country = 'DE' LIMIT 1;
SELECT ok(abs(avg(e.contribution)) < 0.05, 'on average over the rows it is about nothing') FROM tx t, mlops.explain_version('fraud', 2, t, NULL) AS e WHERE e.feature = 'amount';

-- route and rights
SELECT mlops.deploy('fraud', 2) \g /dev/null
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain(''fraud'', t) AS e', 'SELECT e.* FROM row_42, mlops.explain_version(''fraud'', 2, t) AS e', 'what is deployed explains');
SELECT mlops.set_alias('fraud', 'champion', 3) \g /dev/null
SELECT results_eq('SELECT e.* FROM row_42, mlops.explain(''fraud@champion'', t) AS e', 'SELECT e.* FROM row_42, mlops.explain_version(''fraud'', 3, t) AS e', 'an alias');
SELECT mlops.deploy('fraud', 1, strategy => 'canary', percent => 40, key => 'id') \g /dev/null
SELECT set_eq('SELECT DISTINCT (mlops.predict(''fraud'', t)).version FROM tx t', '{1,2}'::int[], 'a canary');
SELECT is_empty($$SELECT FROM tx t, LATERAL (SELECT array_agg(e ORDER BY rank) AS a FROM mlops.explain('fraud', t, NULL) AS e) AS x,
	LATERAL (SELECT array_agg(e ORDER BY rank) AS a FROM mlops.explain_version('fraud', (mlops.predict('fraud', t)).version, t, NULL) AS e) AS y WHERE x.a <> y.a AND id <= 300$$,
	'the variant that scores a row explains it');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok('SELECT mlops.explain(''fraud'', t) FROM tx t LIMIT 1', '42501', 'permission denied to score with model "fraud"', 'without the privilege');
SELECT throws_ok('SELECT mlops.explain_version(''fraud'', 1, t) FROM tx t LIMIT 1', '42501', 'permission denied to score with model "fraud"', 'nor by number');
SET LOCAL ROLE regress_mlops_owner;
SELECT mlops.grant('fraud', 'regress_mlops_other', 'score') \g /dev/null
SET LOCAL ROLE regress_mlops_other;
SELECT lives_ok('SELECT mlops.explain(''fraud'', t) FROM tx t LIMIT 1', 'with it');
SET LOCAL ROLE regress_mlops_owner;

-- errors
SELECT throws_ok('SELECT mlops.explain(''fraud'', t, 0) FROM tx t LIMIT 1', '22023', '"top" must be at least 1, not 0', 'no top');
SELECT throws_ok('SELECT mlops.explain_version(''fraud'', 1, t, -1) FROM tx t LIMIT 1', '22023', '"top" must be at least 1, not -1', 'less than none');
SELECT throws_ok('SELECT mlops.explain(''fruad'', t) FROM tx t LIMIT 1', '42704', 'model "fruad" does not exist', 'an unknown model');
SELECT throws_ok('SELECT mlops.explain(''fraud/9'', t) FROM tx t LIMIT 1', '42704', NULL, 'an unknown version');
SELECT throws_ok('SELECT mlops.explain_version(''fraud'', 0, t) FROM tx t LIMIT 1', '42704', NULL, 'a version that cannot be');
SELECT throws_ok('SELECT mlops.explain(''fraud/1'', s) FROM (SELECT amount, country FROM tx LIMIT 1) AS s', '42703', 'the row to score lacks columns that the model reads: "ts", "balance", "online"', 'missing columns');
SELECT throws_ok('SELECT mlops.explain(''fraud/1'', ''{"amount": 1}''::jsonb)', '42703', NULL, 'missing keys');
SELECT throws_ok('SELECT mlops.explain(''fraud/1'', s) FROM (SELECT ts, amount::text, balance, country, online FROM tx LIMIT 1) AS s', '42804', NULL, 'a column of another type');
SELECT throws_ok('SELECT mlops.explain(''fraud/1'', 5)', '42804', NULL, 'no row at all');
SELECT throws_ok('SELECT mlops.explain(''fraud/1'', s) FROM (SELECT ts, float8 ''inf'' AS amount, balance, country, online FROM tx LIMIT 1) AS s', '22000', NULL, 'an infinite value');

-- models that drop out of the session's cache between statements, and come back
CREATE TEMP TABLE expected AS SELECT v, id, e.* FROM tx AS t, generate_series(1, 4) AS v, mlops.explain_version('fraud', v, t, NULL) AS e WHERE id <= 10;
CREATE TEMP TABLE found (LIKE expected);
SET LOCAL mlops.cache_size = '1MB';
DO $$
BEGIN
	FOR i IN 0 .. 11 LOOP
		EXECUTE format('INSERT INTO found SELECT %1$s, id, e.* FROM tx AS t, mlops.explain_version(''fraud'', %1$s, t, NULL) AS e WHERE id <= 10', 1 + i % 4);
	END LOOP;
END
$$;
SELECT results_eq('SELECT * FROM found ORDER BY v, id, rank', 'SELECT e.* FROM expected AS e, generate_series(1, 3) ORDER BY v, id, rank', 'evicted and loaded again');
RESET mlops.cache_size;

-- as text
SELECT is((SELECT count(*) FROM regexp_split_to_table(mlops.explain_text('fraud/1', t), '\n')), 1 + (SELECT count(*) FROM mlops.explain('fraud/1', t, 8)), 'a line a column') FROM row_42;
SELECT matches(mlops.explain_text('fraud/1', t, 1), format(E'^score %s, from a base of %s; in log odds:\n%s  +%s  +%s .*\n\\(others\\) ',
	trim_scale(round(mlops.score('fraud/1', t)::numeric, 6)), trim_scale(round((1 / (1 + exp(-b.contribution)))::numeric, 6)), e.feature, replace(e.value, '+', '.'),
	replace(to_char(e.contribution, 'FMSG9999990.00'), '+', '\+')), 'score, base, the first column, and the rest together') FROM row_42, mlops.explain('fraud/1', t, 1) AS e, whole AS b WHERE b.rank = 0;
SELECT is((SELECT count(*) FROM regexp_split_to_table(mlops.explain_text('fraud/1', t, NULL), '\n')), 6::bigint, 'all columns') FROM row_42;
SELECT is(mlops.explain_text('fraud/1', NULL::tx), NULL, 'no row, no text');
SELECT throws_ok('SELECT mlops.explain_text(''fraud'', t, 0) FROM tx t LIMIT 1', '22023', '"top" must be at least 1, not 0', 'no top');
SELECT alike(mlops.explain_text('fraud/1', odd, NULL), '%balance  NULL %', 'NULL is shown') FROM odd;

-- odd models
CREATE TABLE "Odd ""names""" AS SELECT amount AS "Amount, in €", country AS "select", ts AS "a ""quoted"" time", is_fraud FROM tx;
SELECT lives_ok($$SELECT mlops.train('odd', '"Odd ""names"""', target => 'is_fraud', params => '{"n_estimators": 5}')$$, 'names that must be quoted');
SELECT set_eq('SELECT e.feature FROM (SELECT * FROM "Odd ""names""" LIMIT 1) AS o, mlops.explain(''odd/1'', o, NULL) AS e', ARRAY['(base)', 'Amount, in €', 'select', 'a "quoted" time'], 'come back as they are');
SELECT mlops.train('stump', query => 'SELECT amount, balance, is_fraud FROM tx', target => 'is_fraud', params => '{"n_estimators": 1, "max_depth": 1, "learning_rate": 1}') \g /dev/null
SELECT results_eq('SELECT DISTINCT e.feature, count(*) OVER () FROM (SELECT * FROM tx WHERE id = 42) AS t, mlops.explain(''stump/1'', t) AS e', 'VALUES (''amount'', 1::bigint)', 'a stump: what did not contribute is not at the top');
SELECT ok(abs(e.base + e.own - ln(s / (1 - s))) < 1e-12 AND e.others = 0, 'it alone leads from the base to the score') FROM (SELECT mlops.score('stump/1', t) AS s, t FROM tx t WHERE id = 42) AS x,
	LATERAL (SELECT sum(contribution) FILTER (WHERE feature = '(base)') AS base, sum(contribution) FILTER (WHERE feature = 'amount') AS own, sum(abs(contribution)) FILTER (WHERE feature = 'balance') AS others
		FROM mlops.explain('stump/1', x.t, NULL)) AS e;
SELECT mlops.train('leaf', query => 'SELECT amount, balance, is_fraud FROM tx', target => 'is_fraud', params => '{"n_estimators": 3, "min_split_gain": 1e9}') \g /dev/null
SELECT is_empty('SELECT e.* FROM row_42, mlops.explain(''leaf/1'', t) AS e', 'trees without splits: nothing contributed');
SELECT ok(bool_and(CASE WHEN rank = 0 THEN abs(contribution - ln(s / (1 - s))) < 1e-12 ELSE contribution = 0 END) AND count(*) = 3, 'the base is the score')
	FROM (SELECT mlops.score('leaf/1', t) AS s, t FROM row_42) AS x, mlops.explain('leaf/1', t, NULL) AS e;

-- simulated transactions with windows over them, as fraud data have
CREATE TABLE wide AS SELECT s.*, count(*) OVER c AS customer_count, avg(tx_amount) OVER c AS customer_amount, sum(tx_fraud::int) OVER f AS terminal_frauds
FROM mlops.simulate_transactions(customers => 150, terminals => 300, days => 40) AS s
WINDOW c AS (PARTITION BY customer_id ORDER BY tx_datetime RANGE BETWEEN '7 days' PRECEDING AND CURRENT ROW),
	f AS (PARTITION BY terminal_id ORDER BY tx_datetime RANGE BETWEEN '14 days' PRECEDING AND '1 day' PRECEDING);
SELECT mlops.train('wide', 'wide', target => 'tx_fraud', key => 'transaction_id', exclude => '{tx_fraud_scenario,customer_id,terminal_id}', params => '{"max_depth": 10, "n_estimators": 50, "min_child_weight": 0}') \g /dev/null
SELECT ok(max(abs(1 / (1 + exp(-e.sum)) / mlops.score('wide/1', w) - 1)) < 1e-9, 'deep trees over simulated transactions add up') FROM wide AS w, LATERAL (SELECT sum(contribution) FROM mlops.explain('wide/1', w, NULL)) AS e;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || statement; END $$;
SELECT ok(bool_or(plan_of LIKE '%Gather%'), 'in parallel workers') FROM plan_of('SELECT count(*), max(contribution) FROM wide AS w, mlops.explain(''wide/1'', w, NULL)');
CREATE TEMP TABLE by_workers AS SELECT w.transaction_id, e.rank, e.feature, e.value, e.contribution FROM wide AS w, mlops.explain('wide/1', w, NULL) AS e WHERE w.transaction_id % 10 = 0;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT is_empty('TABLE by_workers EXCEPT ALL SELECT w.transaction_id, e.rank, e.feature, e.value, e.contribution FROM wide AS w, mlops.explain(''wide/1'', w, NULL) AS e WHERE w.transaction_id % 10 = 0', 'the same');
SELECT * FROM finish();
ROLLBACK;
