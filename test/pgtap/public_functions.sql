-- What everybody may execute in mlops_catalog, and why: a function that is not
-- in the lists below must be kept from PUBLIC, or explained here.
\ir setup.psql
SELECT plan(8);

-- By language, functions in SQL and PL/pgSQL without SECURITY DEFINER do no more
-- than their caller may; those in C read and write as the library does.
CREATE TABLE explained (name text, reason text);
INSERT INTO explained VALUES
	-- write
	('set_route', 'asks for the privilege to deploy'),
	('rehearse_training', 'trains as the caller, and asks for the privilege to train'),
	('record_schedule', 'notes a schedule of the caller''s own; asks for a privilege on its model'),
	('forget_schedule', 'forgets a schedule of a role whose rights the caller has'),
	('submit_schedule', 'submits a schedule of the caller''s own'),
	('cron_schedule_elsewhere', 'asks pg_cron as the caller'),
	('cron_unschedule_elsewhere', 'asks pg_cron as the caller'),
	('cron_run_elsewhere', 'asks pg_cron as the caller'),
	('apply_model', 'calls functions of mlops as the caller'),
	('apply', 'calls functions of mlops as the caller'),
	('why', 'reads as decision_report does'),
	('decision_report', 'reads through views, and explains, as the caller'),
	('compare', 'reads through views, and calls mlops.evaluate, as the caller'),
	('judge_on_same_rows', 'calls mlops.evaluate as the caller'),
	('schedule', 'calls record_schedule as the caller'),
	('unschedule', 'calls forget_schedule as the caller'),
	('check_schedule', 'calls record_schedule as the caller'),
	('why', 'reads as decision_report does'),
	('decision_report', 'reads through views, and explains, as the caller'),
	('compare', 'reads through views, and judges, as the caller'),
	('judge_on_same_rows', 'calls mlops.evaluate as the caller'),
	('ask_cron', 'runs what it is given as the caller'),
	-- show
	('check_trigger', 'asks for the privilege to score'),
	('length_of_time', 'reads its arguments only'),
	('check_new_trigger', 'event trigger'),
	('check_new_triggers', 'looks at what the command under way made, as the caller'),
	('explain_text', 'explains as the caller'),
	('importance_section', 'reads through views as the caller'),
	('cached_models', 'shows versions of models that the caller may view'),
	('progress', 'shows progress of sessions of the caller''s roles'),
	('progress_line', 'reads progress'),
	('look_at_job', 'reads mlops.jobs as the caller'),
	('query_settings', 'shows settings of the session'),
	('utc_text', 'reads its argument only'),
	('rule_values', 'reads its argument only'),
	('is_positive', 'reads its arguments only'),
	('target_text', 'reads its argument only'),
	('lost_decisions', 'shows how many the server lost, not whose'),
	('check_statement', 'reads its argument only'),
	('parsed_relations', 'reads its argument only'),
	('require_preload', 'shows that mlops is preloaded'),
	('in_person', 'shows what the session is doing'),
	('require_in_person', 'shows whether it is known who is behind the session'),
	('cron_run', 'shows what pg_cron shows to the caller'),
	('cron_job', 'shows what pg_cron shows to the caller'),
	('cron_setting', 'shows two settings that anybody may see'),
	('may_still_log', 'shows whether a transaction is older than a time, as pg_stat_activity does'),
	('settled_until', 'shows when the oldest transaction began, as pg_stat_activity does'),
	('person', 'shows the session''s role'),
	('is_applying_changes', 'shows what the session is'),
	('is_preloaded', 'shows what the server is'),
	('upkeep_hindrance', 'shows what the server is'),
	('distrust', 'shows who owns what runs by itself, as PostgreSQL does'),
	('require_seen', 'asks for a privilege: that is what it is for'),
	('may_use', 'answers about the caller'),
	('may_see', 'answers about the caller'),
	('may_use_named', 'answers about the caller'),
	('coefficients', 'asks for the privilege to view'),
	('feature_importance', 'asks for the privilege to view'),
	('baseline', 'asks for the privilege to view'),
	('score_baseline', 'asks for the privilege to view'),
	('has_moved_on', 'asks for a privilege on the model'),
	('feature_view_request', 'reads a view''s definition, as pg_get_viewdef does'),
	('next_cron_run', 'computes from its arguments');

CREATE VIEW public_function AS
SELECT p.oid, p.proname::text AS name, p.oid::regprocedure::text AS signature, p.prosecdef, p.provolatile, l.lanname
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = 'mlops_catalog'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE');

SELECT is((SELECT array_agg(signature ORDER BY 1) FROM public_function WHERE prosecdef), NULL, 'none runs as its owner');
SELECT is((SELECT array_agg(DISTINCT name ORDER BY name) FROM public_function WHERE (provolatile = 'v' OR lanname = 'c' AND provolatile = 's') AND name NOT IN (SELECT name FROM explained)),
	NULL, 'whatever may write, or read as the library does, is explained');
SELECT is((SELECT array_agg(e.name ORDER BY 1) FROM explained AS e WHERE NOT EXISTS (SELECT FROM public_function AS f WHERE f.name = e.name)), NULL, 'what is explained is there');

-- ---- a role with no more than the privilege to score
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
CREATE ROLE regress_mlops_scorer LOGIN;
SELECT mlops.grant('fraud', 'regress_mlops_scorer', 'score') \g /dev/null
SET LOCAL ROLE regress_mlops_scorer;
SELECT throws_ok($$SELECT mlops_catalog.record_schedule('s', '* * * * *', 'SELECT 1', NULL, 0, 0, 'fraud', 1)$$, '42501',
	'permission denied to view model "fraud"', 'who may only score puts no schedule among a model''s');
SELECT throws_ok($$SELECT mlops_catalog.record_schedule('s', 'whenever', 'SELECT 1', NULL, 0, 0, NULL, 1)$$, '22023', 'invalid cron expression "whenever"', 'a schedule is checked');
SELECT throws_ok($$SELECT mlops_catalog.record_schedule('s', '* * * * *', 'SELECT 1', NULL, -1, 0, NULL, 1)$$, '22023', NULL, 'in all its parts');
SELECT throws_ok($$SELECT mlops_catalog.score_baseline('fraud', 1)$$, '42501', NULL, 'nor sees what the training saw');
RESET ROLE;
SELECT is((SELECT count(*) FROM mlops_catalog.schedule), 0::bigint, 'nothing is left');
SELECT * FROM finish();
ROLLBACK;
