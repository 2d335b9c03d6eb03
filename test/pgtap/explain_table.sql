-- What columns matter on average: the mean of what mlops.explain says of rows
-- taken evenly; and the same on the card.
\ir setup.psql
SELECT plan(33);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 20}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null

CREATE FUNCTION by_hand(reference text, step int) RETURNS TABLE (feature text, importance float8, mean float8, rows bigint) LANGUAGE sql AS $$
	SELECT e.feature, avg(abs(e.contribution)), avg(e.contribution), count(*)
	FROM (SELECT t, row_number() OVER () - 1 AS n FROM tx AS t) AS x, mlops.explain(reference, x.t, NULL) AS e WHERE n % step = 0 AND e.rank > 0 GROUP BY 1
$$;
CREATE FUNCTION differs(reference text, rows int, step int) RETURNS float8 LANGUAGE sql AS $$
	SELECT CASE WHEN count(*) = (SELECT count(*) FROM by_hand(reference, step)) AND bool_and(a.rows = b.rows)
		THEN max(abs(a.importance - b.importance) + abs(a.mean - b.mean)) END
	FROM mlops.explain_table(reference, 'tx', rows => differs.rows) AS a JOIN by_hand(reference, step) AS b USING (feature)
$$;
SELECT ok(differs('fraud', 5000, 1) < 1e-12, 'all rows');
SELECT ok(differs('fraud', 100000, 1) < 1e-12, 'more than there are');
SELECT ok(differs('fraud', 2500, 2) < 1e-12, 'every second row');
SELECT ok(differs('fraud', 4999, 2) < 1e-12, 'fewer than an exact half allows');
SELECT ok(differs('fraud/2', 1000, 8) < 1e-12, 'every eighth, of a linear model');
SELECT ok(differs('fraud', 1, 8192) < 1e-12, 'one row');
CREATE TEMP TABLE summary AS SELECT * FROM mlops.explain_table('fraud', 'tx');
SELECT results_eq('SELECT rank FROM summary', 'SELECT generate_series(1, 4)', 'ranked');
SELECT is_empty('SELECT FROM summary a, summary b WHERE a.rank < b.rank AND a.importance < b.importance', 'the most important first');
SELECT ok(abs(sum(share) - 1) < 1e-12, 'shares are parts of a whole') FROM summary;
SELECT ok(bool_and(rows BETWEEN 500 AND 1000), 'from at most a thousand rows') FROM summary;
SELECT is(feature, 'amount', 'what made the label matters most') FROM summary WHERE rank = 1;
SELECT results_eq('SELECT * FROM mlops.explain_table(''fraud'', query => ''SELECT * FROM tx'')', 'SELECT * FROM summary', 'a query');
SELECT is_empty('SELECT * FROM mlops.explain_table(''fraud'', query => ''SELECT * FROM tx WHERE false'')', 'no rows');
RESET ROLE;
ALTER TABLE tx ADD extra int;
ALTER TABLE tx DROP COLUMN extra;
SET LOCAL ROLE regress_mlops_owner;
SELECT results_eq('SELECT * FROM mlops.explain_table(''fraud'', ''tx'')', 'SELECT * FROM summary', 'a table with a dropped column');

SELECT throws_ok('SELECT mlops.explain_table(''fraud'', ''tx'', rows => 0)', '22023', '"rows" must be between 1 and 100000', 'no rows asked for');
SELECT throws_ok('SELECT mlops.explain_table(''fraud'', ''tx'', rows => NULL)', '22023', NULL, 'nor any number');
SELECT throws_ok('SELECT mlops.explain_table(NULL, ''tx'')', '22004', NULL, 'no model');
SELECT throws_ok('SELECT mlops.explain_table(''fraud'')', '22023', NULL, 'no source');
SELECT throws_ok('SELECT mlops.explain_table(''fraud'', query => ''SELECT amount FROM tx'')', '42703', NULL, 'missing columns');
SELECT mlops.deploy('fraud', 2, strategy => 'canary', percent => 50, key => 'id') \g /dev/null
SELECT throws_ok('SELECT mlops.explain_table(''fraud'', ''tx'')', '55000', 'the rows are scored by more than one version', 'a canary: it must be said which');
SELECT lives_ok('SELECT mlops.explain_table(''fraud/2'', ''tx'')', 'so said');
SELECT mlops.abort('fraud') \g /dev/null
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok('SELECT mlops.explain_table(''fraud'', ''tx'')', '42501', NULL, 'without the privilege');
SET LOCAL ROLE regress_mlops_owner;

-- the card
SELECT mlops.grant('fraud', 'regress_mlops_other', 'view') \g /dev/null
SET LOCAL ROLE regress_mlops_other;
SELECT alike(mlops.model_card('fraud', 1), E'%\n## Importance\n\nThe mean contribution of each column is left out: it requires the privilege `score`, which role regress\\_mlops\\_other does not have (`SELECT * FROM mlops.grant(''fraud'', ''regress_mlops_other'', ''score'')`).\n%Share of the loss%',
	'what the card lacks for who may only view, and why');
SELECT unalike(mlops.model_card('fraud', 1), '%could not be computed%', 'is no failure');
SET LOCAL ROLE regress_mlops_owner;
CREATE TEMP TABLE card AS SELECT v, mlops.model_card('fraud', v) AS text FROM unnest('{1,2}'::int[]) AS v;
SELECT alike(text, E'%\n## Importance\n\nMean size of what a column contributed to the log odds (mean |SHAP value|), on ' || s.rows || E' of the test rows.\n%'
	|| format('| amount | %s | %s |', mlops_catalog.number_text(s.importance), mlops_catalog.number_text(100 * s.share)) || '%Share of the loss%| amount | %', 'contributions on the test rows, and gain')
FROM card, (SELECT * FROM mlops.explain_table('fraud/1', query => 'SELECT * FROM tx ORDER BY ts OFFSET 4000')) AS s WHERE v = 1 AND s.feature = 'amount';
SELECT alike(text, E'%\n## Importance\n\nMean size % of the rows of the data set.\n%| amount | %', 'of all rows where the test rows were drawn at random') FROM card WHERE v = 2;
SELECT unalike(text, '%Share of the loss%', 'no gain for a linear model') FROM card WHERE v = 2;
SELECT is((SELECT count(*) FROM regexp_matches(text, '^\| (amount|balance|country|online|ts) \| [0-9.]+ \| [0-9.]+ \|$', 'gn')), 5::bigint, 'by column, not by what is made of it') FROM card WHERE v = 2;
RESET ROLE;
REVOKE ALL ON tx FROM PUBLIC;
SET LOCAL ROLE regress_mlops_owner;
SELECT alike(mlops.model_card('fraud'), '%Contributions could not be computed: permission denied for table tx.%Share of the loss%', 'data that the trainer may no longer read');
RESET ROLE;
ALTER TABLE tx RENAME TO moved;
SELECT alike(mlops.model_card('fraud', 2), '%Contributions could not be computed: relation "%tx" does not exist.%', 'data that is gone');
ALTER TABLE moved RENAME TO tx;
UPDATE mlops_catalog.dataset SET rows = 1000001;
SELECT alike(mlops.model_card('fraud', 2), E'%\n`SELECT * FROM mlops.explain_table(''fraud/2'', ...)` shows the mean contribution%', 'a large data set is not read in passing');
SELECT is((provolatile, proparallel)::text, '(v,u)', 'it runs a query of the caller''s') FROM pg_proc WHERE oid = 'mlops.explain_table(text, regclass, text, int)'::regprocedure;
SELECT ok(NOT has_function_privilege('regress_mlops_other', 'mlops_catalog.explain_on(regrole, text, text, jsonb)', 'EXECUTE'), 'the card''s helper is not everybody''s');
SELECT * FROM finish();
ROLLBACK;
