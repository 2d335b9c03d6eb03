-- What check_catalog says of a catalog that was edited by hand.
\ir setup.psql
SELECT plan(34);
CREATE ROLE regress_mlops_app;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.01}}') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.monitor('fraud', source => 'tx', time_column => 'ts'), mlops.set_retraining_policy('fraud', '0 3 * * *'), mlops.set_alert_rule('fraud', 'rate', 'alert_rate', max => 0.5) FROM tx LIMIT 1 \g /dev/null
SELECT mlops.maintain() \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'all is well');
CREATE FUNCTION after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE statement;
	SELECT string_agg(concat_ws(' ', c.model, c.object, c.problem), '; ' ORDER BY c.model, c.object) INTO found FROM mlops.check_catalog() AS c;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
	RETURN coalesce(found, 'nothing');
END $$;
SELECT 'prediction_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS today \gset
SELECT matches(after(format('ALTER TABLE mlops_catalog.prediction DETACH PARTITION mlops_catalog.%I', :'today')), '^table ' || :'today' || ' is not a partition of mlops_catalog.prediction', 'a day that was detached');
SELECT is(after(format('ALTER TABLE mlops_catalog.prediction DETACH PARTITION mlops_catalog.%1$I; ALTER TABLE mlops_catalog.%1$I SET SCHEMA public', :'today')), 'nothing', 'one that was moved away is archived');
SELECT matches(after(format('DROP INDEX mlops_catalog.%I', :'today' || '_time_idx')), '^table ' || :'today' || ' has no index by time', 'an index by time');
SELECT matches(after('DROP INDEX mlops_catalog.prediction_default_time_idx'), '^table prediction_default has no index by time', 'also of the table for all other days');
SELECT is(after('ALTER FUNCTION mlops.score(text, anyelement) OWNER TO regress_mlops_app'), 'function mlops.score(text,anyelement) belongs to role regress_mlops_app, not to the extension''s owner; ALTER ROUTINE mlops.score(text,anyelement) OWNER TO '
	|| quote_ident(current_user) || '; maintenance function mlops.score(text,anyelement) belongs to role "regress_mlops_app", who is no superuser: nothing runs by itself, nor as a job, for it would run with others'' rights; see mlops.check_catalog()',
	'a function of another owner, which also stops what runs by itself');
SELECT matches(after('ALTER TABLE mlops_catalog.label OWNER TO regress_mlops_app'), 'table mlops_catalog.label belongs to role regress_mlops_app', 'a table');
SELECT matches(after('ALTER VIEW mlops.traffic OWNER TO regress_mlops_app'), 'view mlops.traffic belongs to role regress_mlops_app', 'a view');
SELECT is(after('GRANT INSERT, UPDATE ON mlops_catalog.label TO regress_mlops_app'), 'table label role regress_mlops_app may INSERT, UPDATE; REVOKE ALL ON mlops_catalog.label FROM regress_mlops_app', 'who may write to the catalog');
SELECT is(after('UPDATE mlops_catalog.alert_rule SET metric = ''nope'''), 'fraud alert rule rate has metric "nope", which does not exist, so it judges nothing; set it anew by mlops.set_alert_rule()', 'a rule of no metric');
SELECT is(after('UPDATE mlops_catalog.alert_rule SET max = NULL'), 'fraud alert rule rate has no bound, so it judges nothing; set it anew by mlops.set_alert_rule()', 'a rule without a bound');
-- ---- what answers, and what is recorded of it
SELECT matches(after('UPDATE mlops_catalog.deployment_route SET version_id = (SELECT version_id FROM mlops_catalog.model_version WHERE version = 2)'),
	'^fraud routes are not what deployment [0-9]+ left: .*"version": 2.*, not .*"version": 1.*; deploy anew$', 'a route to another version');
SELECT matches(after('UPDATE mlops_catalog.deployment_route SET threshold = 0.01'), '^fraud routes are not what deployment [0-9]+ left: ', 'another threshold');
SELECT matches(after('DELETE FROM mlops_catalog.deployment_route'), '^fraud routes are not what deployment [0-9]+ left: \[\], not ', 'no route');
SELECT is(after('SELECT mlops.undeploy(''fraud'')'), 'nothing', 'none that was taken away is missed');
SELECT is(after('SELECT mlops.deploy(''fraud'', 2, ''canary'', percent => 10, key => ''id''); SELECT mlops.promote(''fraud''); SELECT mlops.deploy(''fraud'', 1, ''shadow''); SELECT mlops.rollback(''fraud'')'), 'nothing', 'releases leave what they say');
SELECT matches(after('UPDATE mlops_catalog.model_version SET threshold = 0.125 WHERE version = 2'), '^fraud version 2 its bytes have threshold 0[.][0-9]+, not the recorded 0.125$', 'the threshold of a version');
SELECT is(after('UPDATE mlops_catalog.model_version SET algorithm = ''mlp'' WHERE version = 2'), 'fraud version 2 its bytes have algorithm "gradient_boosting", not the recorded "mlp"', 'its learner');
SELECT is(after('UPDATE mlops_catalog.model_version SET signature = ''[]'' WHERE version = 2'), 'fraud version 2 its bytes have columns [{"kind": "number", "name": "amount", "type": "double precision"}], not the recorded []', 'its columns');
SELECT is(after('UPDATE mlops_catalog.model_version SET size = size + 1 WHERE version = 2'), 'fraud version 2 its bytes are not complete', 'its size');
SELECT is(after('UPDATE mlops_catalog.model_version SET sha256 = sha256(''x'') WHERE version = 2'), 'fraud version 2 its bytes do not have the recorded SHA-256', 'its hash');
SELECT matches(after('UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 100, get_byte(data, 100) # 1) WHERE version_id = 2; UPDATE mlops_catalog.model_version SET sha256 = (SELECT sha256(data) FROM mlops_catalog.model_artifact AS a WHERE a.version_id = 2) WHERE version = 2'),
	'^fraud version 2 its bytes cannot be read: ', 'bytes that are no model, with their hash');

-- ---- texts
SELECT is(after(format('UPDATE mlops_catalog.%s', edit)), format('fraud %s is not what could be set: %s; set it anew', object, problem), edit) FROM (VALUES
	('monitor SET query = ''SELECT * FROM WHERE''', 'monitor', 'syntax error at or near "WHERE"'), ('monitor SET query = ''SELECT 1; SELECT 2''', 'monitor', 'a job is one statement, not 2'), ('monitor SET time_zone = ''Nowhere''', 'monitor', 'time zone "Nowhere" not recognized'),
	('monitor SET settings = ''{"nope": "x"}''', 'monitor', '"nope" in "settings" is not a setting that can be recorded with a query, or its value is not a text'), ('policy SET schedule = ''at night''', 'retraining policy', 'invalid cron expression "at night"'),
	('policy SET triggers = ''{"alerts": ["gone"]}''', 'retraining policy', 'model "fraud" has no alert rule "gone"'), ('policy SET gate = ''{"pr_auk": {}}''', 'retraining policy', 'unrecognized key "pr_auk" in "gate"'),
	('policy SET options = ''{"window": "long"}''', 'retraining policy', '"window" in "options" must be a length of time, not "long"'), ('gate SET gate = ''{"pr_auk": {}}''', 'gate', 'unrecognized key "pr_auk" in "gate"')) AS v(edit, object, problem);

-- ---- decisions of a day without a table
SELECT matches(after('SELECT mlops.decide(''fraud'', t) FROM tx AS t LIMIT 1; UPDATE mlops_catalog.prediction SET created_at = now() - interval ''5 days'''),
	'^table prediction_default holds decisions of a day that has no table, as of .*: maintenance does not make the tables of days, or is late', 'decisions that are in no day''s table');
SELECT matches(after('DELETE FROM mlops_catalog.home'), '^activation was restored or copied .*, or the row in mlops_catalog.home is gone', 'a database that does not know where it is at home');
DELETE FROM mlops_catalog.home;
SELECT is((SELECT active FROM mlops.activation), false, 'does nothing by itself');
SELECT * FROM finish();
ROLLBACK;
