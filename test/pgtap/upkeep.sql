-- What runs by itself: policies that a rollback suspends, tasks whose end was not
-- seen, errors that take nothing else along, copies that stay quiet.
\ir setup.psql
SELECT plan(70);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 4}') \g /dev/null
CREATE FUNCTION due() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM mlops.submit_due() WHERE command LIKE '%retrain(%' $$;
CREATE FUNCTION suspended() RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', suspended_at IS NOT NULL, suspended_by, suspended_because) FROM mlops.retraining_policies $$;

-- ---- a person takes back what answers
SELECT mlops.deploy('fraud', 1), mlops.deploy('fraud', 2) \g /dev/null
SELECT mlops.rollback('fraud', note => 'no policy yet'), mlops.deploy('fraud', 2) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.upkeep), 0::bigint, 'without a policy there is nothing to suspend');
SELECT mlops.set_retraining_policy('fraud', triggers => '{"new_labels": 10}', cooldown => '0') \g /dev/null
UPDATE mlops_catalog.policy SET created_at = now() - interval '1 day';
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id <= 20', key => 'id', label => 'is_fraud') \g /dev/null
SELECT is(due(), 1::bigint, 'a policy whose trigger is pulled submits a job');
UPDATE mlops_catalog.policy SET submitted_at = NULL;
SELECT mlops.rollback('fraud', note => 'chargebacks') \g /dev/null
SELECT is(suspended(), 't ' || current_user || ' rollback: chargebacks', 'a rollback by a person suspends it, with name and reason');
SELECT is(due(), 0::bigint, 'it submits nothing');
SELECT is((SELECT detail FROM mlops_catalog.audit_waiting WHERE event = 'suspend'), '{"task": "retraining", "reason": "rollback: chargebacks"}', 'the audit log has it');
SELECT is((SELECT count(*) FROM mlops.check_catalog() WHERE object = 'retraining'), 0::bigint, 'what a person did is no problem');
SELECT is((SELECT state || ' ' || reason FROM mlops.upkeep WHERE task = 'retraining'), 'suspended rollback: chargebacks', 'the view of all tasks has it');
SELECT is(mlops.resume_retraining('fraud'), true, 'somebody resumes it');
SELECT is(mlops.resume_retraining('fraud'), false, 'once');
SELECT is(suspended(), 'f', 'the policy goes on');
SELECT is(due(), 1::bigint, 'and submits');
SELECT is((SELECT count(*) FROM mlops_catalog.audit_waiting WHERE event = 'resume'), 1::bigint, 'audited');
SELECT mlops.deploy('fraud', 2, 'canary', percent => 10, key => 'id') \g /dev/null
SELECT mlops.abort('fraud') \g /dev/null
SELECT is(suspended(), 't ' || current_user || ' abort', 'so does an abort');
SELECT mlops.set_retraining_policy('fraud', triggers => '{"new_labels": 11}', cooldown => '0') \g /dev/null
SELECT is(suspended(), 'f', 'setting the policy again resumes it');
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', guard => '{"alert_rate": {"max": 0}, "min_decisions": 100}') \g /dev/null
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE action = 'rolled back'), 1::bigint, 'a guard rolls back');
SELECT is(suspended(), 'f', 'which suspends nothing');
CREATE ROLE stranger;
CREATE ROLE deployer;
SELECT mlops.grant('fraud', 'deployer', 'deploy') \g /dev/null
SET ROLE deployer;
SELECT throws_ok($$SELECT mlops.resume_retraining('fraud')$$, '42501', NULL, 'who may deploy resumes no retraining');
SELECT throws_ok($$SELECT mlops.resume_upkeep('fraud', 'guard')$$, '42501', NULL, 'nor a guard');
SET ROLE stranger;
SELECT throws_ok($$SELECT mlops.resume_retraining('fraud')$$, '42501', NULL, 'a stranger resumes nothing');
SELECT throws_ok($$SELECT mlops.resume_upkeep(NULL, 'maintain')$$, '42501', 'permission denied to resume a step of maintenance', 'nor maintenance');
SELECT throws_ok($$SELECT mlops.activate()$$, '42501', NULL, 'nor activates the database');
RESET ROLE;
SELECT throws_ok($$SELECT mlops.resume_upkeep('fraud', 'tea')$$, '22023', 'unrecognized task "tea"', 'a task that is none');

-- ---- a task whose end is not seen
CREATE FUNCTION beginning(model text, task text) RETURNS boolean LANGUAGE sql AS $$ SELECT mlops_catalog.begin_upkeep(current_user::regrole, model, task) $$;
CREATE FUNCTION ending(model text, task text, error text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$ SELECT mlops_catalog.end_upkeep(current_user::regrole, model, task, error) $$;
SELECT is(beginning('fraud', 'guard'), true, 'the first time');
SELECT ending('fraud', 'guard') \g /dev/null
SELECT is(beginning('fraud', 'guard'), true, 'after an end that was seen');
SELECT is(beginning('fraud', 'guard'), true, 'after one that was not, once more');
SELECT is((SELECT state || ' ' || crashes FROM mlops.upkeep WHERE task = 'guard'), 'running 1', 'which is counted');
SELECT ending('fraud', 'guard') \g /dev/null
SELECT is(beginning('fraud', 'guard') AND beginning('fraud', 'guard'), true, 'a good end in between forgives');
SELECT is(beginning('fraud', 'guard'), false, 'but not after the second one in a row');
SELECT matches((SELECT problem FROM mlops.check_catalog() WHERE object = 'guard'), '^is suspended since .*: twice in a row the server, or the worker, ended while it was under way$', 'check_catalog says so');
SELECT is((SELECT concat_ws(' ', state, suspended_by) FROM mlops.upkeep WHERE task = 'guard'), 'suspended', 'so does the view; nobody did it');
SELECT is(beginning('fraud', 'guard'), false, 'it stays so');
SELECT is(beginning('other', 'guard'), false, 'nothing begins for a model that is gone');
SELECT is(mlops.resume_upkeep('fraud', 'guard'), true, 'until somebody resumes it');
SELECT is(beginning('fraud', 'guard'), true, 'then it runs');
SELECT ending('fraud', 'guard', 'this or that') \g /dev/null
SELECT is((SELECT concat_ws(' ', state, error, failures, crashes) FROM mlops.upkeep WHERE task = 'guard'), 'failed this or that 1 0', 'an error is no crash');
SELECT is((SELECT problem FROM mlops.check_catalog() WHERE object = 'guard'), 'has failed: this or that', 'and is told');
SELECT ending('fraud', 'guard', 'this or that') \g /dev/null
SELECT is((SELECT failures FROM mlops.upkeep WHERE task = 'guard'), 2::bigint, 'again and again');
SELECT beginning('fraud', 'guard'), ending('fraud', 'guard') \g /dev/null
SELECT is((SELECT concat_ws(' ', state, error, failures) FROM mlops.upkeep WHERE task = 'guard'), 'ok 0', 'until it works');

-- ---- jobs that crashed
CREATE FUNCTION job(ended_as text, state text DEFAULT '57P02') RETURNS void LANGUAGE sql AS $$
	INSERT INTO mlops_catalog.job (command, owner, state, key, priority, max_retries, error, ended_at)
		VALUES ('x', current_user::regrole, ended_as, 'retrain fraud', 0, 0, jsonb_build_object('sqlstate', state), now());
	UPDATE mlops_catalog.policy SET submitted_at = now() - interval '1 day'; $$;
SELECT mlops.set_retraining_policy('fraud', '* * * * *') \g /dev/null
DELETE FROM mlops_catalog.job;
SELECT job('crashed') \g /dev/null
SELECT is((SELECT result ~ '^job' FROM mlops.submit_due() WHERE command LIKE '%retrain(%'), true, 'after one crash it is tried again');
DELETE FROM mlops_catalog.job WHERE state = 'queued';
SELECT job('crashed', '57P01') \g /dev/null
SELECT is((SELECT result ~ '^job' FROM mlops.submit_due() WHERE command LIKE '%retrain(%'), true, 'a shutdown is none');
DELETE FROM mlops_catalog.job;
SELECT job('crashed'), job('crashed') \g /dev/null
SELECT is((SELECT result FROM mlops.submit_due() WHERE command LIKE '%retrain(%'), 'suspended', 'after two in a row it is suspended');
SELECT is(suspended(), 't its last two jobs ended with the worker, or the server, that ran them', 'and says why');
SELECT is((SELECT count(*) FROM mlops.check_catalog() WHERE object = 'retraining'), 1::bigint, 'also in check_catalog');
SELECT mlops.resume_retraining('fraud'), job('failed') \g /dev/null
SELECT is((SELECT result ~ '^job' FROM mlops.submit_due() WHERE command LIKE '%retrain(%'), true, 'resumed, the old crashes do not count');

-- ---- an error stays until it works
CREATE FUNCTION of_retraining() RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(': ', state, error) FROM mlops.upkeep WHERE task = 'retraining' $$;
CREATE FUNCTION told() RETURNS text LANGUAGE sql AS $$ SELECT (regexp_match(mlops.prometheus_metrics(), 'mlops_task_failed\{model="fraud",task="retraining"\} ([01])'))[1] $$;
CREATE FUNCTION handed_over() RETURNS bigint LANGUAGE sql AS $$
	DELETE FROM mlops_catalog.job;
	UPDATE mlops_catalog.policy SET submitted_at = now() - interval '1 day';
	SELECT result FROM mlops.submit_due() WHERE command LIKE '%retrain(%';
	SELECT job_id FROM mlops_catalog.job WHERE upkeep; $$;
CREATE FUNCTION ends(job bigint, ended_as text, error text DEFAULT NULL, code text DEFAULT 'XX000') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE mlops_catalog.job AS j SET state = ended_as, ended_at = now(), error = CASE WHEN ends.error IS NOT NULL THEN jsonb_build_object('message', ends.error, 'sqlstate', code) END WHERE job_id = job;
	PERFORM mlops_catalog.note_task_job(current_user::regrole, job);
	RETURN of_retraining();
END $$;
SELECT is(of_retraining() || ' ' || told(), 'ok 0', 'before it fails');
SELECT ending('fraud', 'retraining', 'no role') \g /dev/null
SELECT handed_over() AS job \gset
SELECT is(of_retraining() || ' ' || told(), 'failed: no role 1', 'a job that is handed over takes no error away');
SELECT is(ends(:job, 'cancelled'), 'failed: no role', 'nor does one that a person stops');
SELECT is((SELECT ended_at FROM mlops.upkeep WHERE task = 'retraining'), NULL, 'none of them has run');
SELECT is(ends(:job, 'crashed', 'terminated', '57P01'), 'failed: no role', 'or a shutdown');
SELECT is((SELECT ended_at FROM mlops.upkeep WHERE task = 'retraining'), NULL, 'which has not run either');
SELECT is(ends(:job, 'failed', 'no rights'), 'failed: no rights', 'a job that fails leaves its error');
SELECT is((SELECT ended_at BETWEEN now() AND clock_timestamp() FROM mlops.upkeep WHERE task = 'retraining'), true, 'and when it ended');
SELECT is(ends(:job, 'timed_out', 'too long'), 'failed: too long', 'so does one that takes too long');
SELECT is((SELECT problem FROM mlops.check_catalog() WHERE object = 'retraining'), 'has failed: too long', 'check_catalog has it');
SELECT is(ends(:job, 'succeeded'), 'ok', 'until one has succeeded');
SELECT is(told(), '0', 'Prometheus, too');
SELECT is(mlops.prometheus_metrics() ~ 'mlops_task_ended_seconds\{model="fraud",task="retraining"\} [0-9]', true, 'which has the time of the last one');
SELECT mlops.monitor('fraud'), mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT state FROM mlops.upkeep WHERE task = 'monitor' AND ended_at BETWEEN now() AND clock_timestamp()), 'ok', 'so has a monitor, though none has failed');
SELECT mlops.unmonitor('fraud') \g /dev/null
SELECT mlops.submit('SELECT 1', key => 'retrain fraud', model => 'fraud') AS job \gset
SELECT is(ends(:job, 'failed', 'not ours'), 'ok', 'not one that somebody has submitted with its key');
SELECT ends(handed_over(), 'failed', 'no rights'), mlops.drop_retraining_policy('fraud') \g /dev/null
SELECT is(of_retraining(), NULL, 'with the policy its error goes');
SELECT mlops.set_retraining_policy('fraud', '* * * * *') \g /dev/null
UPDATE mlops_catalog.policy SET created_at = now() - interval '1 day';
INSERT INTO mlops_catalog.job (command, owner, state, key, priority, max_retries) VALUES ('x', current_user::regrole, 'failed', 'retrain fraud', 0, 0);

-- ---- one step that fails does not take the others along
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON mlops_catalog.job FOR EACH ROW EXECUTE FUNCTION refuse();
UPDATE mlops_catalog.job SET ended_at = now() - interval '1 year';
SELECT is((SELECT string_agg(action, ' ' ORDER BY action) FROM (SELECT DISTINCT action FROM mlops.maintain() WHERE object <> 'guard_state') a), 'created failed', 'partitions are made though jobs cannot be removed');
SELECT is((SELECT task || ': ' || error FROM mlops.upkeep WHERE model IS NULL AND error IS NOT NULL), 'maintain job: not this one', 'what failed is named');
DROP TRIGGER refuse ON mlops_catalog.job;
SELECT is((SELECT count(*) FROM mlops.maintain() WHERE action = 'removed' AND object = 'job'), 1::bigint, 'the next time it is made up for');
SELECT is((SELECT string_agg(error, ' ') FROM mlops.upkeep WHERE model IS NULL), NULL, 'and forgotten');

-- ---- copies
SELECT is((SELECT active FROM mlops.activation), true, 'where it was made a database is active');
INSERT INTO mlops_catalog.home VALUES (1, 2);
UPDATE mlops_catalog.policy SET submitted_at = now() - interval '1 day';
DELETE FROM mlops_catalog.job;
SELECT is((SELECT active::int + due() FROM mlops.activation), 0::bigint, 'one that comes from elsewhere is not, and does nothing');
SELECT matches((SELECT problem FROM mlops.check_catalog() WHERE object = 'activation'), 'wait for mlops.activate', 'check_catalog says so');
SELECT is((SELECT active FROM mlops.activate()), true, 'until somebody activates it');
SELECT is(due(), 1::bigint, 'then it works');
SELECT is((SELECT detail FROM mlops_catalog.audit_waiting WHERE event = 'activate') @> '{"from": [{"database": "2", "system_identifier": 1}]}', true, 'audited, with where it comes from');
SELECT * FROM finish();
ROLLBACK;
