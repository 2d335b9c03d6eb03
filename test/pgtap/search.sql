-- search_runs finds what MLflow's own search finds (test/golden/search.py).
\ir setup.psql
\ir golden_search.psql
SELECT plan(6);
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
SELECT results_eq($$SELECT name FROM mlops.search_runs('experiment = ''short'' AND metrics.pr_auc > 0.6')$$, $$VALUES ('trained')$$, 'a figure without its part is the test rows''');
SELECT results_eq($$SELECT name FROM mlops.search_runs('experiment = ''short'' AND metrics.pr_auc < 0.6')$$, $$VALUES ('own')$$, 'unless there is one of just that name');
SELECT results_eq($$SELECT name FROM mlops.search_runs('experiment = ''short''', order_by => '{metrics.pr_auc}')$$, $$VALUES ('own'), ('trained')$$, 'also in an order');
SELECT * FROM finish();
ROLLBACK;
