-- Settings of a model as a document: exported, planned, applied, refused.
\ir setup.psql
SELECT plan(24);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_app;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 9}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', algorithm => 'logistic_regression');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}');
	SELECT mlops.describe('fraud', 'Cards | Europe', 'Not for transfers'); SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.01}}');
	SELECT mlops.deploy('fraud', 1, note => 'first'); SELECT mlops.set_alias('fraud', 'champion', 1)$$, 'a model with a life');

CREATE TEMP TABLE spec AS SELECT mlops.export_spec('fraud') AS s;
SELECT is(s -> 'models' -> 'fraud', jsonb_build_object('description', 'Cards | Europe', 'limits', 'Not for transfers', 'owner', 'regress_mlops_owner', 'tags', '{}'::jsonb, 'grants', '{}'::jsonb,
	'gate', '{"pr_auc": {"min": 0.01}}'::jsonb, 'aliases', '{"champion": 1}'::jsonb, 'stages', '{}'::jsonb, 'deploy', '{"version": 1}'::jsonb, 'schedules', '{}'::jsonb,
	'monitor', '{}'::jsonb, 'alerts', '{}'::jsonb, 'retraining', '{}'::jsonb), 'export_spec') FROM spec;
SELECT is_empty('SELECT a.* FROM spec, mlops.apply(s) a', 'applied to itself it changes nothing');
CREATE TEMP TABLE wanted AS SELECT '{"models": {"fraud": {"description": "It''s cards", "tags": {"team": "risk"}, "grants": {"regress_mlops_app": ["score", "train"]},
	"gate": {"roc_auc": {"min": 0.01}}, "stages": {"3": "production"}, "aliases": {"champion": 3, "challenger": 1}, "deploy": {"version": 3, "threshold": 0.25}}}}'::jsonb AS s;
CREATE TEMP TABLE planned AS SELECT a.* FROM wanted, mlops.apply(s, dry_run => true) a;
SELECT is((SELECT string_agg(concat_ws(' ', setting, item), ', ' ORDER BY setting, item, new) FROM planned), 'aliases challenger, aliases champion, deploy primary, description, gate, grants regress_mlops_app, grants regress_mlops_app, stages 3, tags team', 'a dry run says what would change');
SELECT is(mlops.export_spec('fraud'), s, 'and changes nothing') FROM spec;
SELECT results_eq('SELECT a.* FROM wanted, mlops.apply(s) a', 'SELECT * FROM planned', 'then it is done as planned');
SELECT is_empty('SELECT a.* FROM wanted, mlops.apply(s) a', 'a second time nothing is left to do');
SELECT is((SELECT deployed_version FROM mlops.models), 3, 'deployed');
SELECT is((SELECT (mlops.predict('fraud', t)).threshold FROM tx t LIMIT 1), 0.25::float8, 'with its threshold');
SELECT is((SELECT stage FROM mlops.versions WHERE version = 3), 'production', 'in production');
SELECT is((SELECT limits FROM mlops.models), 'Not for transfers', 'what the document does not name stays');
SELECT results_eq($$SELECT setting, item, former, new FROM mlops.apply('{"models": {"fraud": {"tags": {}, "grants": {"regress_mlops_app": ["score"]}, "aliases": {"champion": 3}, "gate": {}}}}')$$,
	$$VALUES ('tags', 'team', 'risk', NULL), ('grants', 'regress_mlops_app', 'train', NULL), ('gate', NULL, '{"roc_auc": {"min": 0.01}}', '{}'), ('aliases', 'challenger', '1', NULL)$$, 'what it lacks of what it names is removed');
SELECT is_empty($$SELECT * FROM mlops.apply('{"models": {}}')$$, 'an empty document');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"aliasses": {}}}}')$$, '22023', 'unrecognized key "aliasses" in "models.fraud"', 'an unknown setting');
SELECT throws_ok($$SELECT mlops.apply('{"model": {}}')$$, '22023', 'unrecognized key "model" in "spec"', 'an unknown key');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fruad": {}}}')$$, '42704', 'models.fruad: model "fruad" does not exist', 'a model that does not exist');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"tags": {"a": "b"}, "gate": {"roc_auc": {"min": 0.99999}}, "deploy": {"version": 1}}}}', dry_run => true)$$, '55000', 'models.fraud.deploy: version 1 of model "fraud" does not pass the gate', 'a dry run meets what a gate refuses');
SELECT is((SELECT tags FROM mlops.models), '{}', 'an error leaves nothing');
SET LOCAL ROLE regress_mlops_app;
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"grants": {"regress_mlops_app": ["manage"]}}}}')$$, '42501', 'models.fraud: permission denied to view model "fraud"', 'with the caller''s rights only');
SET LOCAL ROLE regress_mlops_other;
SELECT is(mlops.export_spec(), '{"models": {}}', 'of what one may see');
SELECT throws_ok($$SELECT mlops.export_spec('fraud')$$, '42501', NULL, 'and no more');
RESET ROLE;
SELECT is((SELECT count(*) FROM mlops.apply('{"models": {"fraud": {"owner": "regress_mlops_other", "description": "x"}}}')), 2::bigint, 'the owner comes last');
SELECT is(mlops.export_spec('fraud') -> 'models' -> 'fraud' ->> 'owner', 'regress_mlops_other', 'and is another');
SELECT throws_ok($$SET LOCAL transaction_read_only = on; SELECT * FROM mlops.apply('{"models": {}}', dry_run => true)$$, '25006', 'cannot execute mlops.apply() in a read-only transaction', 'it writes, and says so');
SELECT * FROM finish();
ROLLBACK;
