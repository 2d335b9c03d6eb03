-- A condition of who asks is computed for rows that he may see, and for no others:
-- whatever it does with a row, it learns nothing of hidden ones.
\ir setup.psql
SET client_min_messages = error;
SELECT plan(6);
CREATE ROLE regress_mlops_stranger;
CREATE ROLE regress_mlops_scorer;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;

-- PostgreSQL takes a top-level UNION ALL of a view apart, security_barrier or not,
-- and computes the condition beside the view's own.  The last one in a rule's tree
-- is the view's; those of its subqueries come before.
SELECT is((SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
	WHERE c.relnamespace = 'mlops'::regnamespace AND r.ev_action ~ ':setOperations \{(?!.*:setOperations )'), NULL, 'no view is a set operation: its parts are in a subquery');
SELECT is((SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c
	WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_barrier=true}' OR c.reloptions @> '{security_barrier}', false)), NULL,
	'and each is a barrier');

-- rows in all of them
CREATE TABLE n AS SELECT id, ts, amount, online, is_fraud FROM tx;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('fraud', 'n', target => 'is_fraud', key => 'id', time_column => 'ts', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.set_gate('fraud', '{"roc_auc": {"min": 0.01}, "approvals": 1}'), mlops.approve('fraud', 1), mlops.approve('fraud', 2), mlops.set_alias('fraud', 'stable', 1),
	mlops.grant('fraud', 'regress_mlops_scorer', 'score'), mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', guard => '{"alert_rate": {"max": 0}, "min_decisions": 10}') \g /dev/null
SELECT count(mlops.decide('fraud', t)) FROM tx t WHERE id < 200 \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT mlops.monitor('fraud', source => 'tx', time_column => 'ts', every => '1 day'), mlops.set_alert_rule('fraud', 'silence', 'decisions', min => 1000000, min_decisions => 0),
	mlops.set_retraining_policy('fraud', '@monthly'), mlops.snapshot('n', 'first'), mlops.trust('regress_mlops_scorer') \g /dev/null
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id < 200', key => 'id', label => 'is_fraud') \g /dev/null
SELECT mlops.import_decisions('fraud', query => 'SELECT t.*, now() - interval ''1 day'' AS seen FROM tx t WHERE id < 200', key => 'id', time_column => 'seen') \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = created_at - interval '2 days';
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 days';
SELECT count(*) FROM mlops.run_monitor('fraud', since => now() - interval '3 days') \g /dev/null
SELECT mlops.retrain('fraud', 'by hand') \g /dev/null
SELECT count(*) FROM mlops.check_guards('fraud') \g /dev/null
SELECT mlops.log_artifact(r, 'notes.txt', 'a note'), mlops.log_metric(r, 'savings', 1), mlops.log_param(r, 'k', '3') FROM mlops.start_run('by hand', tags => '{"team": "fraud"}') r \g /dev/null
SELECT mlops.end_run(max(run_id)) FROM mlops.runs \g /dev/null
SELECT mlops.submit('SELECT 1') \g /dev/null
SELECT mlops.create_feature_view('nf', 'n', 'id', 'ts', '{"f": {"expression": "amount * 2"}}') \g /dev/null
INSERT INTO mlops_catalog.upkeep (model_id, task, failures, error, failed_at) SELECT model_id, 'monitor', 1, 'hush', now() FROM mlops_catalog.model
	ON CONFLICT (coalesce(model_id, 0), task) DO UPDATE SET failures = 1, error = 'hush', failed_at = now();

-- so cheap that the planner would have it first
CREATE SEQUENCE called;
GRANT ALL ON called TO PUBLIC;
CREATE FUNCTION looks(anyelement) RETURNS boolean LANGUAGE plpgsql VOLATILE COST 0.0000001 AS $$ BEGIN PERFORM nextval('called'); RETURN true; END $$;
CREATE FUNCTION hidden(as_role name) RETURNS TABLE (view text, "column" text, seen bigint, looked_at bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR view, "column" IN SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
			WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v' ORDER BY 1, a.attnum LOOP
		PERFORM setval('called', 1, false);
		PERFORM set_config('role', as_role, true);
		EXECUTE format('SELECT count(*) FROM mlops.%I WHERE looks(%I)', view, "column") INTO seen;
		RESET ROLE;
		looked_at := nextval('called') - 1;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE TABLE by_owner AS SELECT DISTINCT h.view, h.seen FROM hidden(current_user) h;
SELECT is((SELECT string_agg(view, ', ' ORDER BY view) FROM by_owner WHERE seen = 0), 'job_progress, schedules, studies, trials, tuning_importance', 'each view has rows, but those of what other sessions do');
SELECT is((SELECT count(*) > 20 FROM by_owner o JOIN (SELECT DISTINCT h.view, h.seen FROM hidden('regress_mlops_stranger') h) s USING (view) WHERE s.seen < o.seen), true, 'most of them hide some');
SELECT is((SELECT string_agg(h.view || '.' || h."column", ', ') FROM hidden('regress_mlops_stranger') h WHERE looked_at <> seen), NULL, 'a stranger''s condition looks at no row that he does not see');
SELECT is((SELECT string_agg(h.view || '.' || h."column", ', ') FROM hidden('regress_mlops_scorer') h WHERE looked_at <> seen), NULL, 'nor does that of a role that only scores');
SELECT * FROM finish();
ROLLBACK;
