-- Windows in which nothing is decided: what was deployed has a row with 0 decisions
-- and nothing else, which rules and Prometheus see.
\ir setup.psql
SELECT plan(28);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') FROM generate_series(1, 3) \g /dev/null
SELECT mlops.deploy('fraud', 1, key => 'id'), mlops.deploy('fraud', 2, 'canary', key => 'id', percent => 10) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'quiet', 'decisions', min => 10, min_decisions => 1000000, labels => '{"variant": "primary"}'),
	mlops.set_alert_rule('fraud', 'rate', 'alert_rate', max => 0.9, min_decisions => 0), mlops.set_alert_rule('fraud', 'failed', 'errors', max => 5),
	mlops.set_alert_rule('fraud', 'late', 'precision', min => 0.1) \g /dev/null
-- the hour so many hours ago, of those that are over
CREATE FUNCTION hour(ago int) RETURNS timestamptz LANGUAGE sql AS $$ SELECT date_bin('1 hour', now(), '2000-01-03 00:00:00+00') - ago * interval '1 hour' $$;
CREATE FUNCTION states() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(name || ':' || state, ' ' ORDER BY name) FROM mlops.alert_rules $$;
CREATE FUNCTION run_after(change text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM mlops_catalog.monitor_window;
	DELETE FROM mlops_catalog.traffic_window;
	UPDATE mlops_catalog.alert_rule SET judged_until = NULL;
	EXECUTE change;
	PERFORM FROM mlops.run_monitor('fraud');
END $$;
CREATE FUNCTION metric(metric text, variant text) RETURNS text LANGUAGE sql AS $$
	SELECT substring(l FROM '([^ ]+)$') FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS l WHERE l LIKE format('mlops_%s{%%variant="%s"%%', metric, variant) $$;

-- ---- nothing yet
SELECT is(states(), 'failed:no data late:no data quiet:no data rate:no data', 'rules that judged nothing');
UPDATE mlops_catalog.monitor SET created_at = hour(4);
SELECT FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.traffic), 0::bigint, 'before it was deployed nothing was silent');
SELECT is(states(), 'failed:no data late:no data quiet:no data rate:no data', 'and rules go on without data');
SELECT run_after($$UPDATE mlops_catalog.deployment SET deployed_at = hour(1) + interval '1 minute'$$) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.traffic), 0::bigint, 'nor in the hour of its deployment');

-- ---- decisions, then none
UPDATE mlops_catalog.deployment SET deployed_at = hour(3) - interval '1 day' + deployment_id * interval '1 minute';
SELECT count(mlops.decide('fraud', tx, id::text)) FROM tx \g /dev/null
SELECT run_after($$UPDATE mlops_catalog.prediction SET created_at = hour(1) + interval '5 minutes'$$) \g /dev/null
SELECT results_eq($$SELECT variant, window_end - hour(0), decisions > 0 FROM mlops.traffic ORDER BY 2, 1$$,
	$$SELECT v, -n * interval '1 hour', n = 0 FROM generate_series(4, 0, -1) AS n, unnest('{canary,primary}'::text[]) AS v ORDER BY 2, 1$$, 'silent hours before');
SELECT is((SELECT sum(decisions) FROM mlops.traffic), 5000::numeric, 'each decision is counted once');
SELECT is(states(), 'failed:ok late:no data quiet:ok rate:ok', 'the last hour is well');
SELECT is((SELECT count(*) FROM mlops.alert_rules WHERE judged_until = hour(0)), 3::bigint, 'and was judged');
SELECT run_after($$UPDATE mlops_catalog.prediction SET created_at = hour(2) + interval '5 minutes'$$) \g /dev/null
SELECT results_eq($$SELECT variant, version, shadow, decisions, alerts, errors FROM mlops.traffic WHERE window_end = hour(0) ORDER BY 1$$,
	$$VALUES ('canary', 2, false, 0::bigint, 0::bigint, 0::bigint), ('primary', 1, false, 0, 0, 0)$$, 'an hour of silence');
SELECT is((SELECT count(*) FROM mlops.traffic WHERE window_end = hour(0) AND num_nonnulls(alert_rate, mean_score, score_psi, latency_p50, latency_p95, latency_p99, error_rate) > 0),
	0::bigint, 'has no other metric');
SELECT set_eq($$SELECT metric, value FROM mlops.monitor_metrics WHERE window_end = hour(0)$$, $$VALUES ('decisions', 0::float8)$$, 'also as a list');
SELECT is(states(), 'failed:ok late:no data quiet:firing rate:ok', 'a rule on decisions fires, however few it was to take for others');
SELECT results_eq($$SELECT rule, value, version FROM mlops.alerts$$, $$VALUES ('quiet', 0::float8, 1)$$, 'for the version that is silent');
SELECT is((SELECT judged_until FROM mlops.alert_rules WHERE name = 'rate'), hour(1), 'other rules judge the hour before');
SELECT is(metric('window_decisions', 'primary'), '0', 'Prometheus has none');
SELECT is(metric('flagged_ratio', 'primary'), (SELECT alert_rate::text FROM mlops.traffic WHERE variant = 'primary' AND window_end = hour(1)), 'and the rate of before');
SELECT is((SELECT substring(l FROM '([^ ]+)$')::float8 FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS l WHERE l LIKE 'mlops_monitor_window_end_seconds{model="fraud"}%'),
	extract(epoch FROM hour(0))::float8, 'with the end of the last window');
SELECT FROM mlops.run_monitor('fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.traffic WHERE window_end = hour(0)), 2::bigint, 'it is recorded once');
SELECT is((SELECT count(*) FROM mlops.alerts), 1::bigint, 'and fires once');

-- ---- what changes within the hour
SELECT mlops.promote('fraud') \g /dev/null
UPDATE mlops_catalog.deployment SET deployed_at = hour(1) + interval '30 minutes' WHERE action = 'promote';
SELECT run_after('') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.traffic WHERE window_end = hour(0)), 0::bigint, 'what was replaced or taken away in it is not silent');
UPDATE mlops_catalog.deployment SET deployed_at = hour(1) WHERE action = 'promote';
SELECT run_after('') \g /dev/null
SELECT results_eq($$SELECT variant, version FROM mlops.traffic WHERE window_end = hour(0)$$, $$VALUES ('primary', 2)$$, 'what answered from its begin is');
SELECT mlops.deploy('fraud', 3, 'shadow', key => 'id') \g /dev/null
UPDATE mlops_catalog.deployment SET deployed_at = hour(1) + interval '30 minutes' WHERE strategy = 'shadow';
SELECT run_after('') \g /dev/null
SELECT results_eq($$SELECT variant, version FROM mlops.traffic WHERE window_end = hour(0)$$, $$VALUES ('primary', 2)$$, 'also if something else came to it');
UPDATE mlops_catalog.deployment SET deployed_at = hour(1) WHERE strategy = 'shadow';
SELECT run_after('') \g /dev/null
SELECT results_eq($$SELECT version, shadow FROM mlops.traffic WHERE window_end = hour(0) ORDER BY 1$$, $$VALUES (2, false), (3, true)$$, 'a shadow may be silent');
SELECT mlops.undeploy('fraud') \g /dev/null
UPDATE mlops_catalog.deployment SET deployed_at = hour(1) WHERE action = 'undeploy';
SELECT run_after('') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.traffic WHERE window_end = hour(0)), 0::bigint, 'where nothing answers nothing is silent');

-- ---- a rule that is set again
SELECT mlops.set_alert_rule('fraud', 'rate', 'alert_rate', max => 0.8) \g /dev/null
SELECT is((SELECT state FROM mlops.alert_rules WHERE name = 'rate'), 'ok', 'other bounds of a metric that was judged');
SELECT is((SELECT state FROM mlops.set_alert_rule('fraud', 'rate', 'mean_score', max => 0.8)), 'no data', 'another metric is judged anew');

-- ---- the query of docs/operations.md
\set watch `sed -n "/^SELECT 'catalog' AS what/,/;$/p" docs/operations.md`
SELECT mlops.set_retraining_policy('fraud', '0 3 * * 0'), mlops.deploy('fraud', 1) \g /dev/null
UPDATE mlops_catalog.upkeep SET suspended_at = now(), reason = 'by hand' WHERE task = 'retraining';
INSERT INTO mlops_catalog.upkeep (model_id, task, suspended_at, reason) SELECT model_id, 'retraining', now(), 'by hand' FROM mlops_catalog.model ON CONFLICT DO NOTHING;
INSERT INTO mlops_catalog.retraining (model_id, base_version, note, outcome, detail, role, started_at, ended_at)
	SELECT model_id, 1, 'schedule', 'refused', 'no rows', current_user::regrole, now(), now() FROM mlops_catalog.model;
UPDATE mlops_catalog.deployment SET deployed_at = hour(1) WHERE deployed_at > hour(0);
SELECT run_after('') \g /dev/null
CREATE FUNCTION watched() RETURNS TABLE (what text, detail text) LANGUAGE sql AS :'watch';
SELECT set_eq($$SELECT DISTINCT what FROM watched() WHERE what IN ('retraining', 'policy', 'silence')$$, $$VALUES ('retraining'), ('policy'), ('silence')$$, 'finds what is refused, suspended and silent');
SELECT lives_ok($$SELECT length(mlops.report('fraud'))$$, 'a report of silence');
SELECT * FROM finish();
ROLLBACK;
