-- Monitors, alert rules and retraining policies in documents of settings.
\ir setup.psql
SELECT plan(16);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
CREATE FUNCTION document() RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"models": {"fraud": {
	"monitor": {"every": "1 hour", "label_delay": "7 days", "segments": ["country"], "query": "SELECT * FROM tx", "time_column": "ts"},
	"alerts": {"low": {"metric": "precision", "min": 0.8}, "slow": {"metric": "latency_p95", "max": 1000, "windows": 3, "severity": "critical"}},
	"retraining": {"schedule": "0 3 * * 0", "triggers": {"alerts": ["low"]}, "gate": {"pr_auc": {"min": 0.5}}, "action": "canary", "options": {"percent": 5, "key": "id"}}}}}'::jsonb $$;

SELECT results_eq($$SELECT setting, item FROM mlops.apply(document(), dry_run => true)$$,
	$$VALUES ('monitor', NULL), ('alerts', 'low'), ('alerts', 'slow'), ('retraining', NULL)$$, 'a plan');
SELECT is((SELECT count(*) FROM mlops.monitors) + (SELECT count(*) FROM mlops.alert_rules) + (SELECT count(*) FROM mlops.retraining_policies), 0::bigint, 'changes nothing');
SELECT results_eq($$SELECT setting, item FROM mlops.apply(document())$$,
	$$VALUES ('monitor', NULL), ('alerts', 'low'), ('alerts', 'slow'), ('retraining', NULL)$$, 'what is applied is what was planned');
SELECT results_eq($$SELECT every, label_delay, segments, query, time_column FROM mlops.monitors$$,
	$$VALUES ('1 hour'::interval, '7 days'::interval, '{country}'::name[], 'SELECT * FROM tx', 'ts'::name)$$, 'a monitor');
SELECT results_eq($$SELECT name, metric, min, max, windows, severity FROM mlops.alert_rules ORDER BY name$$,
	$$VALUES ('low', 'precision', 0.8::float8, NULL::float8, 1, 'warning'), ('slow', 'latency_p95', NULL, 1000, 3, 'critical')$$, 'rules');
SELECT results_eq($$SELECT schedule, action, options, cooldown FROM mlops.retraining_policies$$,
	$$VALUES ('0 3 * * 0', 'canary', '{"key": "id", "percent": 5}'::jsonb, '1 day'::interval)$$, 'a policy');
SELECT is_empty($$SELECT * FROM mlops.apply(document())$$, 'again it changes nothing');
SELECT is_empty($$SELECT * FROM mlops.apply(mlops.export_spec())$$, 'nor does what is exported');
SELECT is(mlops.export_spec('fraud') #> '{models,fraud,alerts,low}', '{"min": 0.8, "labels": {}, "metric": "precision", "windows": 1, "severity": "warning", "min_decisions": 30}', 'which has every value');
SELECT results_eq($$SELECT setting, item, new FROM mlops.apply('{"models": {"fraud": {"retraining": {"triggers": {"new_labels": 1000}}, "alerts": {"slow": {"metric": "latency_p95", "max": 2000}}}}}') ORDER BY 1, 2, 3$$,
	$$VALUES ('alerts', 'low', NULL), ('alerts', 'slow', '{"max": 2000, "labels": {}, "metric": "latency_p95", "windows": 1, "severity": "warning", "min_decisions": 30}'),
		('retraining', NULL, '{"gate": {}, "action": "register", "options": {}, "cooldown": "1 day", "triggers": {"new_labels": 1000}}')$$,
	'a rule that its document lacks goes, with the policy that named it');
SELECT is((SELECT every FROM mlops.monitors), '1 hour', 'what a document does not name stays');
SELECT results_eq($$SELECT setting FROM mlops.apply('{"models": {"fraud": {"monitor": {}, "alerts": {}, "retraining": {}}}}')$$,
	$$VALUES ('monitor'), ('retraining'), ('alerts')$$, 'nothing is asked for');
SELECT is((SELECT count(*) FROM mlops.monitors) + (SELECT count(*) FROM mlops.alert_rules) + (SELECT count(*) FROM mlops.retraining_policies), 0::bigint, 'and nothing is there');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"alerts": {"x": {"metrik": "y"}}}}}')$$, '22023', 'unrecognized key "metrik" in "models.fraud.alerts.x"', 'a key that nobody knows');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"alerts": {"x": {"metric": "y", "min": 1}}}}}')$$, '22023', 'models.fraud.alerts.x: unrecognized metric "y"', 'a metric that is none, with its place');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"retraining": {"triggers": {"alerts": ["gone"]}}}}}')$$, '42704', 'models.fraud.retraining: model "fraud" has no alert rule "gone"', 'a rule that is not there');
SELECT * FROM finish();
ROLLBACK;
