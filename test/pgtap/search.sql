-- search_runs finds what MLflow's own search finds (test/golden/search.py).
\ir setup.psql
\ir golden_search.psql
SELECT plan(20);
CREATE TEMP TABLE logged (n int, run_id bigint);
DO $$
DECLARE
	g record;
	made bigint;
BEGIN
	FOR g IN SELECT * FROM golden_run ORDER BY n LOOP
		made := mlops.start_run('golden', name => g.spec ->> 'name', tags => g.spec -> 'tags');
		PERFORM mlops.log_params(made, g.spec -> 'params');
		PERFORM mlops.log_metrics(made, g.spec -> 'metrics');
		IF g.spec ->> 'status' <> 'running' THEN
			PERFORM mlops.end_run(made, g.spec ->> 'status');
		END IF;
		INSERT INTO logged VALUES (g.n, made);
	END LOOP;
END $$;
CREATE TEMP TABLE answer AS
SELECT g.filter, g.found, coalesce((SELECT array_agg(l.n ORDER BY l.n) FROM mlops.search_runs(g.filter) s JOIN logged l USING (run_id)), '{}') AS got FROM golden_search g;
SELECT is((SELECT count(*) FROM answer), 300::bigint, '300 filters');
SELECT is((SELECT array_agg(format('%s: %s, MLflow finds %s', filter, got, found)) FROM answer WHERE got <> found), NULL, 'the same runs');
SELECT ok((SELECT count(*) FROM answer WHERE found <> '{}') > 200, 'of which there are some');
SELECT mlops.start_run('short', name => 'trained') AS trained, mlops.start_run('short', name => 'own') AS own \gset
SELECT mlops.log_metrics(:trained, '{"test_pr_auc": 0.7}'), mlops.log_metrics(:own, '{"test_pr_auc": 0.7, "pr_auc": 0.2}') \g /dev/null
SELECT results_eq($$SELECT name FROM mlops.search_runs('experiment = ''short'' AND metrics.pr_auc > 0.6')$$, $$VALUES ('trained')$$, 'a metric without its part is the test rows''');
SELECT results_eq($$SELECT name FROM mlops.search_runs('experiment = ''short'' AND metrics.pr_auc < 0.6')$$, $$VALUES ('own')$$, 'unless there is one of just that name');
SELECT results_eq($$SELECT name FROM mlops.search_runs('experiment = ''short''', order_by => '{metrics.pr_auc}')$$, $$VALUES ('own'), ('trained')$$, 'also in an order');

-- A metric of NaN is no number: it is neither above nor below one, and never the best.
SELECT mlops.start_run('diverged', name => n) AS run_id, n, auc INTO TEMP metrics FROM (VALUES ('good', 0.9::float8), ('broken', 'NaN'), ('bad', 0.2), ('none', NULL)) v(n, auc);
SELECT mlops.log_metric(run_id, 'auc', auc) FROM metrics WHERE auc IS NOT NULL \g /dev/null
CREATE FUNCTION diverged(filter text, ordering text[] DEFAULT '{name}') RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(s.name, ' ' ORDER BY s.ordinality) FROM mlops.search_runs(filter, ordering, '{diverged}') WITH ORDINALITY AS s $$;
SELECT is((SELECT array_agg(diverged('metrics.auc ' || c)) FROM unnest('{> 0.5,>= -1e300,= 0.9,IN (0.9)}'::text[]) c), '{good,"bad good",good,good}', 'NaN is not above a number');
SELECT is((SELECT array_agg(diverged('metrics.auc ' || c)) FROM unnest('{< 0.5,<= 1e300,!= 0.9}'::text[]) c), '{bad,"bad good",bad}', 'nor below it, nor another one');
SELECT is(diverged('metrics.auc IS NOT NULL AND NOT metrics.auc <= 1e300'), 'broken', 'but it was logged, and can be found');
SELECT is(split_part(diverged('', '{metrics.auc DESC}'), ' ', 1), 'good', 'the best is a number');
SELECT is(split_part(diverged('', '{metrics.auc ASC}'), ' ', 1), 'bad', 'so is the worst');
SELECT is((SELECT array_agg(diverged('metrics.auc IS NOT NULL', ARRAY[o])) FROM unnest('{metrics.auc DESC,metrics.auc}'::text[]) o), '{"good bad broken","bad good broken"}', 'NaN comes last in both directions');

-- A search is planned in bounded time: what only a program would write is refused.
CREATE FUNCTION many(n bigint, comparison text, between_ text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(format(comparison, g), between_) FROM generate_series(1, n) g $$;
CREATE FUNCTION search(filter text, order_by text[] DEFAULT '{}') RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM mlops.search_runs(filter, order_by)';
SET LOCAL statement_timeout = '30s';
SELECT is(search(many(200, 'metrics.m%s > 0', ' OR ')), 0::bigint, '200 comparisons');
SELECT is(search('NOT (' || many(180, 'params.p%s = ''x''', ' AND ') || ')', ARRAY(SELECT format('metrics.m%s', g) FROM generate_series(1, 20) g)),
	(SELECT least(count(*), 1000) FROM mlops.runs), 'with orders');
SELECT throws_ok(format('SELECT search(%L)', many(201, 'metrics.m%s > 0', ' OR ')), '54000', '"filter" has more than 200 comparisons', '201');
SELECT throws_ok(format('SELECT search(%L)', many(100000, 'note = ''%s''', ' OR ')), '54000', '"filter" is longer than 100000 bytes', 'a hundred thousand');
SELECT throws_ok($$SELECT search('name = ''x''', ARRAY(SELECT format('metrics.m%s', g) FROM generate_series(1, 100000) g))$$, '54000',
	'"order_by" has more than 200 comparisons', 'as many orders');
SELECT throws_ok(format('SELECT search(%L)', 'name IN (' || many(3000, '''%s''', ',') || ')'), '54000', '"filter" has more than 2000 keys and values', 'a long list');
SELECT is(search('name IN (' || many(1900, '''%s''', ',') || ')'), 0::bigint, 'one that is not so long');
SELECT throws_ok(format('SELECT search(%L)', repeat('NOT ', 20000) || 'name = ''x'''), '54000', '"filter" is nested more than 200 deep', 'deep');
SELECT * FROM finish();
ROLLBACK;
