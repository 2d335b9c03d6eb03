-- Privileges on models: what each allows, who may give them, and that taking
-- one away is noticed by call sites that have the model cached.
\ir setup.psql
SELECT plan(76);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_score;
CREATE ROLE regress_mlops_view;
CREATE ROLE regress_mlops_train;
CREATE ROLE regress_mlops_deploy;
CREATE ROLE regress_mlops_manage;
CREATE ROLE regress_mlops_nobody;
CREATE ROLE "regress mlops ""quoted""";
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;

SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 3}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 4}');
	SELECT mlops.deploy('fraud', 1); SELECT mlops.deploy('fraud', 2)$$, 'the owner does everything');
SELECT is((SELECT g.role FROM mlops.grant('fraud', 'regress_mlops_score', 'score') g), 'regress_mlops_score', 'grant says what it did');
SELECT is((SELECT g.granted_by FROM mlops.grant('fraud', 'regress_mlops_train', 'train') g), 'regress_mlops_owner', 'and by whom');
SELECT lives_ok($$SELECT mlops.grant('fraud', 'regress_mlops_view', 'view'), mlops.grant('fraud', 'regress_mlops_deploy', 'deploy'), mlops.grant('fraud', 'regress_mlops_manage', 'manage')$$, 'every privilege');
SELECT lives_ok($$SELECT mlops.grant('fraud', 'regress_mlops_score', 'score')$$, 'granting twice is no error');
SELECT is((SELECT count(*) FROM mlops.grants WHERE model = 'fraud'), 5::bigint, 'and changes nothing');
SELECT throws_ok($$SELECT mlops.grant('fraud', 'regress_mlops_none', 'score')$$, '42704', 'role "regress_mlops_none" does not exist', 'a role that does not exist');
SELECT throws_ok($$SELECT mlops.grant('fraud', 'regress_mlops_score', 'read')$$, '22023', 'unrecognized privilege "read"', 'a privilege that does not exist');
SELECT throws_ok($$SELECT mlops.grant('fraud', NULL, 'score')$$, '22004', NULL, 'a role that is NULL');
SELECT throws_ok($$SELECT mlops.grant('fraud', 'regress_mlops_score', NULL)$$, '22004', NULL, 'a privilege that is NULL');
SELECT throws_ok($$SELECT mlops.grant(NULL, 'regress_mlops_score', 'score')$$, '22004', NULL, 'a model that is NULL');
SELECT throws_ok($$SELECT mlops.grant('fruad', 'regress_mlops_score', 'score')$$, '42704', 'model "fruad" does not exist', 'a model that does not exist');

SELECT lives_ok($$SELECT mlops.decide('fraud', t, 'k') FROM tx t WHERE id = 1; SELECT mlops.add_labels('fraud', query => 'SELECT 1 AS k, true AS l', key => 'k', label => 'l')$$, 'decisions and labels too');
-- privilege x function.  An action is the privilege it takes; see: any of them;
-- inspect: view, or what includes it.
CREATE TABLE attempt (privilege text, action text, statement text);
INSERT INTO attempt SELECT p, a, s FROM unnest('{score,view,train,deploy,manage,nobody}'::text[]) p, (VALUES
	('score', $$SELECT mlops.score('fraud', t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT mlops.predict('fraud/1', t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT mlops.score_version('fraud', 1, t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT mlops.explain('fraud/1', t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT mlops.explain_version('fraud', 1, t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT mlops.explain_text('fraud', t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT * FROM mlops.explain_table('fraud', query => 'SELECT * FROM tx WHERE id < 10')$$),
	('score', $$CREATE TEMP TABLE arriving (LIKE tx); ALTER TABLE arriving ADD score float8;
		CREATE TRIGGER score BEFORE INSERT ON arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score');
		INSERT INTO arriving SELECT * FROM tx WHERE id = 1; DROP TABLE arriving$$),
	('score', $$CREATE TEMP TABLE arriving (LIKE tx); ALTER TABLE arriving ADD score float8;
		CREATE TRIGGER score BEFORE INSERT ON arriving FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'key=id');
		INSERT INTO arriving SELECT * FROM tx WHERE id = 1; DROP TABLE arriving$$),
	('see', $$SELECT 1 / count(mlops.why(prediction_id)) FROM (SELECT prediction_id FROM mlops.predictions WHERE model = 'fraud' LIMIT 1) p$$),
	('train', $$SELECT mlops.cross_validate('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}', folds => 2)$$),
	('train', $$SELECT mlops.tune('fraud', 'tx', target => 'is_fraud', exclude => '{id}', space => '{"max_depth": [2, 3]}', params => '{"n_estimators": 2}', trials => 2, parallel => 1)$$),
	('inspect', $$SELECT * FROM mlops.check_drift('fraud', 'tx')$$),
	('train', $$SELECT * FROM mlops.record_drift('fraud', 'tx')$$),
	('manage', $$SELECT mlops.drop_model('fraud')$$),
	('score', $$SELECT * FROM mlops.score_table('fraud', query => 'SELECT * FROM tx WHERE id = 1')$$),
	('see', $$SELECT * FROM mlops.evaluate('fraud', 'tx')$$),
	('see', $$SELECT * FROM mlops.curve('fraud', 'tx')$$),
	('see', $$SELECT * FROM mlops.daily_precision('fraud', 'tx', time_column => 'ts')$$),
	('see', $$SELECT * FROM mlops.thresholds('fraud', 1, source => 'tx')$$),
	('train', $$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}')$$),
	('deploy', $$SELECT mlops.deploy('fraud', 1)$$),
	('deploy', $$SELECT mlops.rollback('fraud', 2)$$),
	('deploy', $$SELECT mlops.undeploy('fraud'); SELECT mlops.rollback('fraud')$$),
	('deploy', $$SELECT mlops.deploy('fraud', 2, 'canary', 10, key => 'id')$$),
	('deploy', $$SELECT mlops.promote('fraud')$$),
	('deploy', $$SELECT mlops.deploy('fraud', 1, 'shadow')$$),
	('deploy', $$SELECT mlops.abort('fraud', variant => 'shadow_1')$$),
	('deploy', $$SELECT mlops.set_alias('fraud', 'champion', 1)$$),
	('score', $$SELECT mlops.score('fraud@tested', t) FROM tx t WHERE id = 1$$),
	('score', $$SELECT mlops.decide('fraud', t) FROM tx t WHERE id = 1$$),
	('deploy', $$SELECT mlops.drop_alias('fraud', 'champion')$$),
	('deploy', $$SELECT mlops.set_stage('fraud', 1, CASE (SELECT stage FROM mlops.versions WHERE model = 'fraud' AND version = 1) WHEN 'none' THEN 'staging' ELSE 'none' END)$$),
	('deploy', $$SELECT mlops.approve('fraud', 1)$$),
	('train', $$SELECT mlops.end_run(mlops.start_run('own', model => 'fraud'))$$),
	('train', $$SELECT mlops.reproduce('fraud', 1)$$),
	('train', $$SELECT mlops.import_model(data, 'fraud') FROM exported$$),
	('manage', $$SELECT mlops.export_model('fraud', 1)$$),
	('manage', $$SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0}}')$$),
	('manage', $$SELECT mlops.describe('fraud', 'x')$$),
	('manage', $$SELECT mlops.set_model_tag('fraud', 'a', 'b')$$),
	('manage', $$SELECT mlops.drop_version('fraud', (mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}')).version)$$),
	('manage', $$SELECT mlops.apply('{"models": {"fraud": {"tags": {"c": "d"}}}}')$$),
	('inspect', $$SELECT mlops.check_gate('fraud', 1)$$),
	('inspect', $$SELECT mlops.model_card('fraud', 1)$$),
	('inspect', $$SELECT mlops.compare('fraud')$$),
	('inspect', $$SELECT mlops.export_spec('fraud')$$),
	('inspect', $$SELECT mlops.report('fraud')$$),
	('inspect', $$SELECT 1 / count(*) FROM mlops.search_runs('model = ''fraud''')$$),
	('deploy', $$SELECT mlops.deploy('fraud', 1, 'canary', percent => 5, key => 'id'); SELECT mlops.pause('fraud'); SELECT mlops.resume('fraud');
		SELECT mlops.check_guards('fraud'); SELECT mlops.abort('fraud'); SELECT mlops.deploy('fraud', 1, 'shadow'); SELECT mlops.promote('fraud', variant => 'shadow_1')$$),
	('deploy', $$SELECT mlops.promote('fraud')$$),
	('deploy', $$SELECT mlops.pause('fraud')$$),
	('deploy', $$SELECT mlops.resume('fraud')$$),
	('deploy', $$SELECT mlops.abort('fraud')$$),
	('deploy', $$SELECT mlops.check_guards('fraud')$$),
	('score', $$SELECT mlops.decide('fraud', t, 'k') FROM tx t WHERE id = 1$$),
	('train', $$SELECT mlops.add_labels('fraud', query => 'SELECT 1 AS k, true AS l', key => 'k', label => 'l')$$),
	('manage', $$SELECT mlops.import_decisions('fraud', query => 'SELECT 1 AS k, now() AS t, 0.5 AS s', key => 'k', time_column => 't', score => 's')$$),
	('manage', $$SELECT mlops.import_decisions('fraud/1', query => 'SELECT *, now() AS t FROM tx WHERE id = 1', key => 'id', time_column => 't')$$),
	('manage', $$SELECT mlops.remove_imported_decisions('fraud', 1)$$),
	('inspect', $$SELECT * FROM mlops.ab_test('fraud', since => now())$$),
	('manage', $$SELECT mlops.run_monitor('fraud')$$),
	('manage', $$SELECT mlops.monitor('fraud')$$),
	('manage', $$SELECT mlops.unmonitor('fraud'); SELECT mlops.monitor('fraud')$$),
	('manage', $$SELECT mlops.set_alert_rule('fraud', 'low', 'precision', min => 0.5); SELECT mlops.drop_alert_rule('fraud', 'low')$$),
	('manage', $$SELECT mlops.drop_alert_rule('fraud', 'watched'); SELECT mlops.set_alert_rule('fraud', 'watched', 'precision', min => 0.5)$$),
	('deploy', $$SELECT mlops.silence('fraud', 'watched', now())$$),
	('deploy', $$SELECT 1 / count(*) FROM mlops.alerts WHERE model = 'fraud'; SELECT mlops.acknowledge_alert(max(alert_id)) FROM mlops.alerts WHERE model = 'fraud'$$),
	('train', $$SELECT mlops.retrain('fraud')$$),
	('manage', $$SELECT mlops.retrain('fraud', action => 'deploy')$$),
	('manage', $$SELECT mlops.set_retraining_policy('fraud', '@daily'); SELECT mlops.drop_retraining_policy('fraud')$$),
	('manage', $$SELECT mlops.drop_retraining_policy('fraud')$$),
	('manage', $$SELECT mlops.resume_retraining('fraud')$$),
	('manage', $$SELECT mlops.resume_upkeep('fraud', 'guard')$$),
	('manage', $$SELECT mlops.adopt_query('fraud', 1)$$),
	('manage', $$SELECT mlops.grant('fraud', 'regress_mlops_nobody', 'score')$$),
	('manage', $$SELECT mlops.revoke('fraud', 'regress_mlops_nobody', 'score')$$),
	('inspect', $$SELECT * FROM mlops_catalog.feature_importance('fraud', 1)$$),
	('owner', $$SELECT mlops.set_owner('fraud', 'regress_mlops_nobody')$$)) AS f(a, s);
-- a function that is new has to be entered above, or here with the reason
CREATE TABLE elsewhere (name text, reason text);
INSERT INTO elsewhere SELECT unnest(string_to_array(n, ' ')), r FROM (VALUES
	('roc_auc roc_auc_state roc_auc_merge pr_auc pr_auc_state pr_auc_merge ks_statistic ks_statistic_state ks_statistic_merge precision_at precision_at_state precision_at_merge '
		'log_loss log_loss_state log_loss_merge brier brier_state brier_merge loss_state_merge ranking_state_merge '
		'psi psi_state psi_merge jensen_shannon jensen_shannon_state jensen_shannon_merge histogram_state_merge proportion_test simulate_transactions progress_bar prediction_time score_bytes',
		'computes with its arguments alone'),
	('verify_audit verify_decisions', 'tells whether the whole log is intact, decisions with it'), ('check_catalog', 'tells of models that one may see; test portable'),
	('maintain', 'granted as a function is; test decide'), ('submit_due', 'granted as a function is; test monitoring'),
	('activate', 'granted as a function is; test upkeep'),
	('prometheus_metrics', 'shows what the views do; test monitors'), ('decision_totals', 'of models one may view; test prometheus.sh'),
	('drift_between feature_rows feature_row check_features', 'read tables as their caller, no model; tests drift_between, features'),
	('create_feature_view alter_feature_view drop_feature_view', 'do what a statement of their caller would; test features'),
	('submit cancel wait result schedule unschedule', 'jobs and schedules belong to their role; tests jobs, schedules'),
	('log_param log_params log_metric log_metrics log_artifact set_tag set_note delete_run restore_run delete_experiment restore_experiment', 'runs belong to their role; test tracking'),
	('compare_runs', 'of runs one sees; test tracking'),
	('trust distrust', 'each role says it for itself; test trust'),
	('snapshot drop_snapshot verify_snapshot', 'snapshots belong to their role; test reproduce')) AS e(n, r);
SELECT is_empty($$SELECT DISTINCT p.proname FROM pg_proc p WHERE p.pronamespace = 'mlops'::regnamespace
	AND NOT EXISTS (SELECT FROM attempt a WHERE a.statement ~ ('mlops\.' || p.proname || '\(')) AND p.proname NOT IN (SELECT name FROM elsewhere)$$, 'every function is in the table of privileges');
SELECT is_empty($$SELECT name FROM elsewhere WHERE name NOT IN (SELECT proname FROM pg_proc WHERE pronamespace = 'mlops'::regnamespace)
	OR EXISTS (SELECT FROM attempt a WHERE a.statement ~ ('mlops\.' || name || '\('))$$, 'and nothing else is excused');
-- privilege x view: those that show a model show it to (see) any privilege or to (inspect)
-- view; the others show what belongs to one's roles
CREATE TABLE shown (name text PRIMARY KEY, action text);
INSERT INTO shown SELECT unnest(string_to_array(n, ' ')), a FROM (VALUES
	('see', 'models versions aliases deployments deployment_history grants imported_decisions predictions'),
	('inspect', 'alert_rules alerts approvals audit_log cached_models coefficients datasets drift experiments feature_importance feature_statistics gate_checks gates '
		'label_events labels monitor_metrics monitors performance retraining_policies retrainings run_artifacts run_metrics run_params runs '
		'studies traffic trials tuning_importance upkeep'),
	('own', 'job_events job_progress jobs schedules snapshots trusted_roles'),
	('everybody', 'activation algorithms argument_keys feature_views')) AS v(a, n);
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v' AND c.relname NOT IN (SELECT name FROM shown)
	UNION SELECT name FROM shown WHERE to_regclass('mlops.' || name) IS NULL$$, 'every view is in the table of privileges');
SELECT is_empty($$SELECT name, action FROM shown CROSS JOIN LATERAL (SELECT pg_get_viewdef(('mlops.' || name)::regclass) AS def) AS v
	WHERE action IS DISTINCT FROM CASE WHEN def LIKE '%may_see(%' THEN 'see' WHEN def ~ 'may_use(_named)?\(' OR def ~ 'mlops\.(performance|traffic|studies)' THEN 'inspect'
		WHEN def ~ 'pg_has_role|mlops.jobs|mlops_catalog.job_progress|progress' THEN 'own' ELSE 'everybody' END$$, 'and asks for what the table says');
CREATE FUNCTION check_views(p text) RETURNS SETOF text LANGUAGE plpgsql AS $f$
DECLARE
	v record;
	n bigint;
BEGIN
	FOR v IN SELECT s.name, s.action, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = ('mlops.' || s.name)::regclass AND a.attname = 'model') AS by_model
			FROM shown s WHERE s.action IN ('see', 'inspect') LOOP
		EXECUTE format('SELECT count(*) FROM mlops.%I %s', v.name, CASE WHEN v.by_model THEN 'WHERE model = ''fraud''' END) INTO n;
		IF (n > 0) <> (p <> 'nobody' AND (v.action = 'see' OR p <> 'score')) AND (n > 0 OR v.name = ANY (current_setting('regress.filled')::text[])) THEN
			RETURN NEXT format('%s sees %s rows of %s', p, n, v.name);
		END IF;
	END LOOP;
	SELECT count(metrics) + count(pr_auc) + count(train_rows) + count(positives) INTO n FROM mlops.versions WHERE model = 'fraud';
	IF (n > 0) <> (p NOT IN ('nobody', 'score')) THEN
		RETURN NEXT format('%s sees %s metrics of versions', p, n);
	END IF;
END $f$;
GRANT ALL ON shown TO PUBLIC;
CREATE TABLE exported AS SELECT mlops.export_model('fraud', 1) AS data;
GRANT ALL ON exported TO PUBLIC;
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'tested', 1)$$, 'an alias');
SELECT mlops.monitor('fraud') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'watched', 'precision', min => 0.5) \g /dev/null
RESET ROLE;
INSERT INTO mlops_catalog.alert (model_id, rule, severity, metric, labels, value, required, window_end)
	SELECT model_id, 'watched', 'warning', 'precision', '{}', 0.1, 'at least 0.5', now() FROM mlops_catalog.model WHERE name = 'fraud';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
-- views that have rows of the model: others say nothing here
DO $do$
DECLARE
	v record;
	n bigint;
	filled text[] := '{}';
BEGIN
	FOR v IN SELECT s.name, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = ('mlops.' || s.name)::regclass AND a.attname = 'model') AS by_model
			FROM shown s WHERE s.action IN ('see', 'inspect') LOOP
		EXECUTE format('SELECT count(*) FROM mlops.%I %s', v.name, CASE WHEN v.by_model THEN 'WHERE model = ''fraud''' END) INTO n;
		IF n > 0 THEN
			filled := filled || v.name;
		END IF;
	END LOOP;
	PERFORM set_config('regress.filled', filled::text, true);
END $do$;
SELECT cmp_ok(cardinality(current_setting('regress.filled')::text[]), '>=', 20, 'most views show something');
SET LOCAL ROLE regress_mlops_owner;
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION
	WHEN insufficient_privilege OR division_by_zero THEN	-- the latter: a view shows nothing
		RETURN 'refused';
	WHEN object_not_in_prerequisite_state OR object_in_use THEN	-- the right was there, a release was not, or was in the way
		RETURN 'done';
END $$;
CREATE FUNCTION check_privilege(p text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	a record;
BEGIN
	FOR a IN SELECT * FROM attempt WHERE privilege = p LOOP
		IF outcome(a.statement) <> (CASE WHEN p = 'nobody' THEN 'refused' WHEN a.action = 'owner' THEN 'refused'
			WHEN a.action IN ('see', p) OR p = 'manage' OR a.action = 'inspect' AND p <> 'score' THEN 'done' ELSE 'refused' END) THEN
			RETURN NEXT format('%s: %s', p, a.statement);
		END IF;
	END LOOP;
END $$;
GRANT ALL ON attempt TO PUBLIC;
SET LOCAL ROLE regress_mlops_score;
SELECT is_empty($$SELECT check_privilege('score')$$, 'score allows to score, and nothing else');
SELECT is_empty($$SELECT check_views('score')$$, 'and shows no metrics');
SET LOCAL ROLE regress_mlops_view;
SELECT is_empty($$SELECT check_privilege('view')$$, 'view allows to inspect, and nothing else');
SELECT is_empty($$SELECT check_views('view')$$, 'and shows all');
SET LOCAL ROLE regress_mlops_train;
SELECT is_empty($$SELECT check_privilege('train')$$, 'train allows to train and inspect, and nothing else');
SELECT is_empty($$SELECT check_views('train')$$, 'and shows all');
SET LOCAL ROLE regress_mlops_deploy;
SELECT is_empty($$SELECT check_privilege('deploy')$$, 'deploy allows to deploy and inspect, and nothing else');
SELECT is_empty($$SELECT check_views('deploy')$$, 'and shows all');
SET LOCAL ROLE regress_mlops_nobody;
SELECT is_empty($$SELECT check_privilege('nobody')$$, 'without a privilege nothing');
SELECT is_empty($$SELECT check_views('nobody')$$, 'and nothing is seen');
SET LOCAL ROLE regress_mlops_manage;
SELECT is_empty($$SELECT check_privilege('manage')$$, 'manage allows everything but a change of owner');

-- kind of role x privilege x action
RESET ROLE;
CREATE ROLE regress_mlops_member IN ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_noinherit NOINHERIT IN ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_grantee;
CREATE ROLE regress_mlops_in_grantee IN ROLE regress_mlops_grantee;
CREATE ROLE regress_mlops_noinherit_grantee NOINHERIT IN ROLE regress_mlops_grantee;
CREATE ROLE regress_mlops_stranger;
CREATE TABLE kind (subject text, is_owner boolean, is_grantee boolean);
INSERT INTO kind VALUES ('regress_mlops_owner', true, false), ('regress_mlops_member', true, false), ('regress_mlops_noinherit', false, false),
	('regress_mlops_grantee', false, true), ('regress_mlops_in_grantee', false, true), ('regress_mlops_noinherit_grantee', false, false),
	('regress_mlops_stranger', false, false);
CREATE TABLE includes (privilege text, actions text[]);
INSERT INTO includes VALUES ('score', '{see,evaluate,score}'), ('view', '{see,evaluate,inspect}'), ('train', '{see,evaluate,inspect,train}'),
	('deploy', '{see,evaluate,inspect,deploy}'), ('manage', '{see,evaluate,inspect,score,train,deploy,manage}'), (NULL, '{}');
CREATE FUNCTION wrong_rights(to_public boolean) RETURNS SETOF text LANGUAGE plpgsql AS $f$
DECLARE
	i record;
BEGIN
	FOR i IN SELECT * FROM includes LOOP
		IF i.privilege IS NOT NULL THEN
			PERFORM mlops.grant('fraud', CASE WHEN to_public THEN 'public' ELSE 'regress_mlops_grantee' END, i.privilege);
		END IF;
		RETURN QUERY SELECT format('%s, %s granted: %s is %s', k.subject, i.privilege, a, mlops_catalog.may(k.subject::regrole, 'fraud', a))
			FROM kind k, unnest('{see,evaluate,inspect,score,train,deploy,manage}'::text[]) a
			WHERE mlops_catalog.may(k.subject::regrole, 'fraud', a) <> (k.is_owner OR (k.is_grantee OR to_public) AND a = ANY (i.actions));
		IF i.privilege IS NOT NULL THEN
			PERFORM mlops.revoke('fraud', CASE WHEN to_public THEN 'public' ELSE 'regress_mlops_grantee' END, i.privilege);
		END IF;
	END LOOP;
END $f$;
SELECT is_empty('SELECT wrong_rights(false)', 'who inherits what a role was granted has it, who does not has to take the role');
SELECT is_empty('SELECT wrong_rights(true)', 'what everybody was granted everybody has');
GRANT SELECT ON tx TO regress_mlops_noinherit;
SET LOCAL ROLE regress_mlops_noinherit;
SELECT throws_ok($$SELECT mlops.score('fraud', t) FROM tx t WHERE id = 1$$, '42501', 'permission denied to score with model "fraud"', 'a member of the owner that does not inherit may not score');
SELECT throws_ok($$SELECT mlops.describe('fraud', 'x')$$, '42501', 'permission denied to manage model "fraud"', 'nor manage');
SELECT is_empty('SELECT * FROM mlops.models', 'nor see');

-- one function of PL/pgSQL, two roles in one transaction
SET LOCAL ROLE regress_mlops_owner;
CREATE FUNCTION scores(OUT by_row float8, OUT by_json float8) LANGUAGE plpgsql AS $f$
BEGIN
	SELECT mlops.score('fraud', t), mlops.score('fraud', to_jsonb(t)) INTO by_row, by_json FROM tx t WHERE id = 1;
END $f$;
SELECT ok((SELECT by_row = by_json FROM scores()), 'the owner scores in a function');
SET LOCAL ROLE regress_mlops_stranger;
SELECT throws_ok('SELECT * FROM scores()', '42501', 'permission denied to score with model "fraud"', 'another role that calls the same function, warm, does not');
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok('SELECT * FROM scores()', 'the owner does again');
SET LOCAL ROLE regress_mlops_stranger;
SELECT throws_ok('SELECT * FROM scores()', '42501', NULL, 'and the other does not');

-- taken away while cached
SET LOCAL ROLE regress_mlops_owner;
CREATE VIEW scored AS SELECT 1 AS one;
PREPARE scores AS SELECT mlops.score('fraud', t) FROM tx t WHERE id = 7;
SET LOCAL ROLE regress_mlops_score;
SELECT lives_ok('EXECUTE scores', 'a prepared statement scores');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT r.privilege FROM mlops.revoke('fraud', 'regress_mlops_score', 'score') r), 'score', 'revoke says what it did');
SELECT is_empty($$SELECT * FROM mlops.revoke('fraud', 'regress_mlops_score', 'score')$$, 'nothing if there was nothing to take');
SELECT throws_ok($$SELECT * FROM mlops.revoke('fraud', 'regress_mlops_scoer', 'score')$$, '42704', 'role "regress_mlops_scoer" does not exist', 'of a role that is misspelt nothing is gone');
RESET ROLE;
INSERT INTO mlops_catalog.model_grant SELECT model_id, 4711::oid::regrole, 'score', owner FROM mlops_catalog.model WHERE name = 'fraud';
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT r.role FROM mlops.revoke('fraud', '4711', 'score') AS r), 'unknown (OID=4711)', 'a role that is gone is its number');
SET LOCAL ROLE regress_mlops_score;
SELECT throws_ok('EXECUTE scores', '42501', 'permission denied to score with model "fraud"', 'and no longer, though the model is cached');
SELECT throws_ok($$SELECT mlops.grant('fraud', 'regress_mlops_score', 'score')$$, '42501', 'permission denied to manage model "fraud"', 'nobody gives himself a privilege');
SELECT is((SELECT count(*) FROM mlops.versions), 0::bigint, 'views follow');

-- members of a grantee, PUBLIC, quoted names
RESET ROLE;
GRANT regress_mlops_train TO regress_mlops_score;
SET LOCAL ROLE regress_mlops_score;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}')$$, 'a member of a role with the privilege');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT g.role FROM mlops.grant('fraud', 'public', 'score') g), 'public', 'grant to public');
SET LOCAL ROLE regress_mlops_nobody;
SELECT lives_ok('EXECUTE scores', 'then everybody scores');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT count(*) FROM mlops.revoke('fraud', 'public', 'score')), 1::bigint, 'revoke from public');
SELECT is((SELECT g.role FROM mlops.grant('fraud', 'regress mlops "quoted"', 'deploy') g), 'regress mlops "quoted"', 'a role with a quoted name');

-- owner
SELECT throws_ok($$SELECT mlops.set_owner('fraud', 'regress_mlops_manage')$$, '42501', NULL, 'nobody gives a model to a role of which he is no member');
RESET ROLE;
SELECT throws_ok($$SELECT mlops.set_owner('fraud', 'public')$$, '22023', NULL, 'public owns nothing');
SELECT is(mlops.set_owner('fraud', 'regress_mlops_nobody'), 'regress_mlops_owner', 'a superuser does, and learns who it was');
SET LOCAL ROLE regress_mlops_owner;
SELECT throws_ok('EXECUTE scores', '42501', 'permission denied to score with model "fraud"', 'the former owner is out');
SET LOCAL ROLE regress_mlops_nobody;
SELECT lives_ok('EXECUTE scores', 'the new one is in');
RESET ROLE;
DROP ROLE regress_mlops_manage;
SELECT lives_ok('SELECT * FROM mlops.grants', 'a grant to a role that was dropped breaks nothing');

-- private functions
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'mlops_catalog'::regnamespace
	AND p.proargnames[1] = 'caller' AND has_function_privilege('regress_mlops_owner', p.oid, 'EXECUTE')$$,
	'functions that act for a caller are for nobody else');
SELECT isnt_empty($$SELECT 1 FROM pg_proc p WHERE p.pronamespace = 'mlops_catalog'::regnamespace AND p.proargnames[1] = 'caller'$$, 'there are such');
SET LOCAL ROLE regress_mlops_owner;
SELECT throws_ok($$SELECT mlops_catalog.audit('postgres'::regrole, 'deploy', 'fraud', 1, '{}')$$, '42501', NULL, 'nobody fakes an audit entry');
SELECT throws_ok($$INSERT INTO mlops_catalog.model_grant VALUES (1, 0, 'score', 0)$$, '42501', NULL, 'nor writes a grant');
RESET ROLE;

SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('mlops_catalog', 'mlops_snapshot') AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
		AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('regress_mlops_owner', c.oid, 'SELECT,USAGE,UPDATE')
			ELSE has_any_column_privilege('regress_mlops_owner', c.oid, 'SELECT,INSERT,UPDATE,REFERENCES')
				OR has_table_privilege('regress_mlops_owner', c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER') END$$,
	'no table or sequence of the catalog is in anybody''s reach');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v'
	AND NOT coalesce('security_barrier=true' = ANY (c.reloptions), false)$$, 'every view is a security barrier');

-- read-only
SELECT throws_ok($$SET LOCAL transaction_read_only = on; SELECT mlops.grant('fraud', 'public', 'score')$$, '25006', 'cannot execute mlops.grant() in a read-only transaction', 'grant writes');
SELECT throws_ok($$SET LOCAL transaction_read_only = on; SELECT mlops.revoke('fraud', 'public', 'score')$$, '25006', NULL, 'revoke writes');
SELECT throws_ok($$SET LOCAL transaction_read_only = on; SELECT mlops.set_owner('fraud', 'postgres')$$, '25006', NULL, 'set_owner writes');
SELECT lives_ok($$SET LOCAL transaction_read_only = on; SELECT * FROM mlops.verify_audit()$$, 'verify_audit only reads');

SELECT has_view('mlops', 'grants', 'there is a view of grants');
SELECT function_returns('mlops', 'grant', ARRAY['text', 'name', 'text'], 'setof mlops.grants');
SELECT ok(NOT has_function_privilege('public', 'mlops_catalog.try_lock(text, bigint)', 'EXECUTE'), 'nobody else takes locks of the catalog');

-- ---- what runs as a role is a restricted operation, as maintenance is
SET LOCAL ROLE regress_mlops_owner;
CREATE FUNCTION leaves_table() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE left_behind (a int); RETURN 1; END $$;
RESET ROLE;
SELECT throws_ok(format($$SELECT * FROM mlops_catalog.as_role('regress_mlops_owner', '{}', 'SELECT %I.leaves_table()', '{}')$$, current_schema()), '42501',
	'cannot create temporary table within security-restricted operation', 'what runs as a role leaves no tables in the session');
-- the name of a dropped model shows what came before to nobody who has it now
SET LOCAL ROLE regress_mlops_owner;
SELECT set_config('rights.run', run_id::text, true) FROM mlops.train('former', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}', experiment => 'a secret') \g /dev/null
SELECT FROM mlops.drop_model('former') \g /dev/null
SET LOCAL ROLE regress_mlops_nobody;
SELECT FROM mlops.train('former', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.experiments WHERE experiment = 'a secret'), 0::bigint, 'not its experiment');
SET LOCAL ROLE regress_mlops_owner;
SELECT FROM mlops.restore_run(current_setting('rights.run')::bigint) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.runs WHERE experiment = 'a secret'), 1::bigint, 'its run comes back to who ran it');
SET LOCAL ROLE regress_mlops_nobody;
SELECT is((SELECT count(*) FROM mlops.runs WHERE model = 'former'), 1::bigint, 'and to nobody else');
SELECT is((SELECT count(*) FROM mlops.experiments WHERE experiment = 'a secret'), 0::bigint, 'with its experiment');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
