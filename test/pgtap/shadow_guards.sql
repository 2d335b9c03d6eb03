-- Guards of shadows: judged on the decisions that primary answered; one that
-- fails is dropped or paused.
\ir setup.psql
SELECT plan(38);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 6}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1, key => 'id') \g /dev/null
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', variant, version, kind, release), ', ' ORDER BY kind, variant) FROM mlops.deployments WHERE model = 'fraud'
$$;
CREATE FUNCTION decide_all() RETURNS bigint LANGUAGE sql AS $$ SELECT count(mlops.decide('fraud', t)) FROM tx t $$;
CREATE FUNCTION actions() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(concat_ws(' ', variant, action), ', ') FROM mlops.check_guards('fraud') WHERE metric IS NULL $$;

-- ---- metrics
SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"country": "DE"}', variant => 'de', threshold => 0) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'shadow', variant => 's', threshold => 0.3, guard => '{"latency_p95": {"max": 1e6}, "psi": {"max": 1000},
	"alert_rate": {"max_ratio": 100, "max": 1}, "precision": {"min_ratio": 0.001}, "min_decisions": 100, "min_labels": 5}') \g /dev/null
SELECT is((SELECT string_agg(DISTINCT action, ', ') FROM mlops.check_guards('fraud')), 'waits for data', 'without decisions a shadow is not judged');
SELECT decide_all() \g /dev/null
SELECT results_eq($$SELECT metric, bool_and(passed) FROM mlops.check_guards('fraud') GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('alert_rate', true), ('latency_p95', true), ('precision', NULL::boolean), ('psi', true)$$, 'with decisions it is, but for what takes labels');
SELECT mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
CREATE TEMP TABLE checked AS SELECT * FROM mlops.check_guards('fraud');
SELECT is((SELECT bool_and(passed) FROM checked), true, 'and with labels everything');
SELECT is((SELECT array_agg(DISTINCT variant) FROM checked), '{s}', 'it is about the shadow');
CREATE TEMP TABLE both_scored AS SELECT s.*, p.flagged AS deployed_flagged, is_fraud FROM mlops.predictions s JOIN mlops.predictions p USING (prediction_id) JOIN tx ON id::text = s.key
	WHERE s.variant = 's' AND p.variant = 'primary';
SELECT is((SELECT count(*) FROM both_scored), (SELECT count(*) FROM tx WHERE country <> 'DE'), 'on what primary answered');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE variant = 's'), (SELECT count(*) FROM tx), 'not on all it scored');
SELECT is((SELECT array_agg(c.variant ORDER BY c.variant) FROM mlops_catalog.model AS m, mlops_catalog.count_decisions(current_user::regrole, m.model_id, '-infinity', 'infinity', '') AS c),
	'{de,primary}', 'guards of those that share the traffic do not count it');
SELECT is((SELECT round(value::numeric, 12) FROM checked WHERE metric = 'alert_rate' LIMIT 1), (SELECT round(avg(flagged::int)::numeric, 12) FROM both_scored), 'alert_rate is what was logged');
SELECT ok((SELECT c.value BETWEEN p.latency AND p.latency * 1.0101 FROM checked c, (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY latency) AS latency FROM both_scored) p WHERE c.metric = 'latency_p95'), 'latency_p95, within the 1 % that it is counted by');
SELECT is((SELECT round(value::numeric, 12) FROM checked WHERE metric = 'precision'), (SELECT round(avg(is_fraud::int)::numeric, 12) FROM both_scored WHERE flagged), 'precision');
SELECT is((SELECT value FROM checked WHERE metric = 'psi'), (SELECT statistic FROM mlops.check_drift('fraud', query => 'SELECT t.* FROM tx AS t JOIN both_scored AS p ON p.key = t.id::text', version => 2)
	WHERE feature = '(score)' AND test = 'psi'), 'psi of scores is that of check_drift');
SELECT is((SELECT required FROM checked WHERE required ~ 'deployed version' AND metric = 'alert_rate'), (SELECT format('at most %s (100 of the deployed version''s %s)',
	round((100 * avg(deployed_flagged::int))::numeric, 6), round(avg(deployed_flagged::int)::numeric, 6)) FROM both_scored), 'beside the deployed version on the same decisions');
SELECT is(state(), 'de 2 segment, s 2 shadow, primary 1 share', 'what holds stays');
SELECT mlops.abort('fraud', variant => 's'), mlops.abort('fraud', variant => 'de') \g /dev/null

-- ---- what fails
SELECT mlops.deploy('fraud', 2, 'shadow', variant => 'bad', threshold => 0, guard => '{"alert_rate": {"max_ratio": 2}, "min_decisions": 100}'),
	mlops.deploy('fraud', 2, 'shadow', variant => 'good', threshold => 0.1, guard => '{"alert_rate": {"max_ratio": 2}, "min_decisions": 100}') \g /dev/null
SELECT decide_all() \g /dev/null
SELECT is(actions(), 'bad dropped', 'one that alerts on everything is dropped');
SELECT is(state(), 'good 2 shadow, primary 1 share', 'another one stays');
SELECT matches((SELECT note FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id DESC LIMIT 1), '^guard failed: alert_rate is 1.000000, must be at most', 'the history says why');
SELECT mlops.abort('fraud', variant => 'good') \g /dev/null
SELECT mlops.deploy('fraud', 2, 'shadow', variant => 's', threshold => 0, guard => '{"alert_rate": {"max": 0.5}, "min_decisions": 100, "on_failure": "pause"}') \g /dev/null
SELECT decide_all() \g /dev/null
SELECT is(actions(), 's paused', 'or paused');
SELECT is(state(), 's 2 shadow paused, primary 1 share', 'then it is there');
CREATE TEMP TABLE logged AS SELECT count(*) AS n FROM mlops.predictions WHERE variant = 's';
SELECT decide_all() \g /dev/null
SELECT is((SELECT count(*) FROM mlops.predictions WHERE variant = 's'), n, 'but not scored') FROM logged;
SELECT is_empty($$SELECT * FROM mlops.check_guards('fraud')$$, 'nor judged');
SELECT throws_ok($$SELECT mlops.pause('fraud', variant => 's')$$, '55000', 'shadow "s" of model "fraud" is already paused', 'it is paused once');
SELECT is((SELECT release FROM mlops.resume('fraud', 'once more', 's')), NULL, 'resumed');
SELECT is((SELECT action FROM mlops.check_guards('fraud')), 'waits for data', 'it is judged anew, by its guard');
SELECT decide_all() \g /dev/null
SELECT is((SELECT count(*) FROM mlops.predictions WHERE variant = 's') - n, (SELECT count(*) FROM tx), 'and scored') FROM logged;
SELECT is(actions(), 's paused', 'with the same end');
SELECT results_eq($$SELECT action, strategy FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id DESC LIMIT 3$$,
	$$VALUES ('pause', 'shadow'), ('resume', 'shadow'), ('pause', 'shadow')$$, 'the history has it');
SELECT throws_ok($$SELECT mlops.pause('fraud', variant => 'primary')$$, '42704', 'model "fraud" has no shadow "primary"', 'a share is not paused alone');
SELECT mlops.abort('fraud', variant => 's') \g /dev/null

-- ---- a challenger that is a shadow
SELECT mlops.set_alias('fraud', 'champion', 1), mlops.set_alias('fraud', 'challenger', 2) \g /dev/null
SELECT mlops.deploy('fraud', NULL, 'champion_challenger', guard => '{"latency_p95": {"max": 0.000001}, "min_decisions": 100}') \g /dev/null
SELECT mlops.deploy('fraud', 2, 'shadow', variant => 's') \g /dev/null
SELECT mlops.abort('fraud', variant => 's') \g /dev/null
SELECT is(state(), 'challenger 2 shadow, primary 1 share running', 'a shadow that goes leaves a release by alias alone');
SELECT decide_all() \g /dev/null
SELECT mlops.set_alias('fraud', 'challenger', 1), mlops.set_alias('fraud', 'challenger', 2) \g /dev/null
SELECT is((SELECT action FROM mlops.check_guards('fraud')), 'waits for data', 'another challenger is under the same guard, from then on');
SELECT decide_all() \g /dev/null
SELECT is(actions(), 'challenger dropped', 'one that fails is dropped');
SELECT is(state(), 'primary 1 share', 'and the release with it');

-- ---- arguments, documents
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"country": "DE"}', guard => '{"psi": {"max": 1}}')$$, '22023', NULL, 'a segment has no guard');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'shadow', guard => '{"psi": {"min": 1}}')$$, '22023', NULL, 'a guard that is none');
CREATE FUNCTION shadow(guard text) RETURNS jsonb LANGUAGE sql AS $$ SELECT format('{"models": {"fraud": {"deploy": {"version": 1, "shadows": {"s": {"version": 2%s}}}}}}', guard)::jsonb $$;
SELECT mlops.apply(shadow('')) \g /dev/null
SELECT is((SELECT item FROM mlops.apply(shadow(', "guard": {"latency_p95": {"max": 0.000001}, "min_decisions": 100}'))), 'shadows', 'a document gives a shadow a guard');
SELECT is_empty($$SELECT * FROM mlops.apply(shadow(', "guard": {"latency_p95": {"max": 0.000001}, "min_decisions": 100}'))$$, 'once');
SELECT is(mlops.export_spec('fraud') #> '{models,fraud,deploy,shadows,s,guard}', '{"latency_p95": {"max": 0.000001}, "min_decisions": 100}', 'it is exported');
SELECT decide_all() \g /dev/null
SELECT is((SELECT array_agg(DISTINCT model) FROM mlops.check_guards() WHERE action = 'dropped'), '{fraud}', 'all models');
SELECT is_empty($$SELECT * FROM mlops.apply(shadow(', "guard": {"latency_p95": {"max": 0.000001}, "min_decisions": 100}'))$$, 'what a guard dropped does not come back by the same document');
SELECT * FROM finish();
ROLLBACK;
