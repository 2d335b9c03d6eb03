-- Guards: what is checked, what is waited for, and what follows; ramps, bandits,
-- champion and challenger.
\ir setup.psql
SELECT plan(60);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 6}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount,country}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null

CREATE FUNCTION state() RETURNS TABLE (s text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', variant, version, kind, percent, release, step) FROM mlops.deployments WHERE model = 'fraud' ORDER BY kind, variant
$$;
CREATE FUNCTION decide_all() RETURNS bigint LANGUAGE sql AS $$ SELECT count(mlops.decide('fraud', t)) FROM tx t $$;
CREATE FUNCTION fresh() RETURNS void LANGUAGE sql AS $$ TRUNCATE mlops_catalog.prediction, mlops_catalog.label $$;
-- the wait of a step is over
CREATE FUNCTION hours_pass(n int) RETURNS void LANGUAGE sql AS $$
	UPDATE mlops_catalog.release SET step_started_at = step_started_at - n * interval '1 hour'
$$;

SELECT is_empty($$SELECT * FROM mlops.check_guards('fraud')$$, 'nothing under way, nothing to check');
SELECT throws_ok($$SELECT mlops.check_guards('nofraud')$$, '42704', NULL, 'a model that does not exist');

-- ---- metrics
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', threshold => 0.1, guard => '{"latency_p95": {"max": 1e6}, "psi": {"max": 1000},
	"alert_rate": {"max": 1, "min": 0, "max_ratio": 100, "min_ratio": 0.001}, "precision": {"min": 0}}') \g /dev/null
SELECT results_eq($$SELECT variant, metric, passed, action FROM mlops.check_guards('fraud') WHERE metric IS NOT NULL$$,
	$$VALUES ('canary', 'alert_rate', NULL::boolean, 'waits for data'), ('canary', 'alert_rate', NULL, 'waits for data'), ('canary', 'alert_rate', NULL, 'waits for data'),
	('canary', 'alert_rate', NULL, 'waits for data'), ('canary', 'latency_p95', NULL, 'waits for data'), ('canary', 'precision', NULL, 'waits for data'), ('canary', 'psi', NULL, 'waits for data')$$, 'without decisions nothing is judged');
SELECT decide_all() \g /dev/null
SELECT results_eq($$SELECT metric, bool_and(passed) FROM mlops.check_guards('fraud') GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('alert_rate', true), ('latency_p95', true), ('precision', NULL::boolean), ('psi', true)$$, 'with decisions all is, but what takes labels');
SELECT mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
CREATE TEMP TABLE checked AS SELECT * FROM mlops.check_guards('fraud');
SELECT is((SELECT bool_and(passed) FROM checked), true, 'and with labels everything');
SELECT is((SELECT value FROM checked WHERE metric = 'alert_rate' LIMIT 1), (SELECT avg(flagged::int)::float8 FROM mlops.predictions WHERE variant = 'canary'), 'alert_rate is what was logged');
SELECT ok((SELECT c.value BETWEEN p.latency AND p.latency * 1.0101 FROM checked c, (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY latency) AS latency FROM mlops.predictions WHERE variant = 'canary') p WHERE c.metric = 'latency_p95'), 'latency_p95, within the 1 % that it is counted by');
SELECT is((SELECT value FROM checked WHERE metric = 'precision'), (SELECT avg(is_fraud::int)::float8 FROM mlops.predictions JOIN tx ON id::text = key WHERE variant = 'canary' AND flagged), 'precision');
SELECT is((SELECT value FROM checked WHERE metric = 'psi'), (SELECT statistic FROM mlops.check_drift('fraud', query => 'SELECT t.* FROM tx AS t JOIN mlops.predictions AS p ON p.key = t.id::text WHERE p.variant = ''canary''', version => 2)
	WHERE feature = '(score)' AND test = 'psi'), 'psi of scores is that of check_drift');
SELECT is((SELECT sum(n) FROM unnest(mlops_catalog.score_baseline('fraud', 2)) n), (SELECT test_rows FROM mlops.versions WHERE model = 'fraud' AND version = 2)::numeric, 'whose histogram has every row it was judged on');
SELECT is(round(mlops_catalog.histogram_psi('{10,20,30}', '{10,20,30}')::numeric, 12), 0.000000000000, 'equal histograms');
SELECT is(mlops_catalog.histogram_psi('{0,0}', '{1,2}'), NULL, 'an empty one');
SELECT is((SELECT array_agg(DISTINCT (required ~ 'of the deployed version''s')) FROM checked WHERE metric = 'alert_rate'), '{f,t}', 'ratios name what they are of');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('canary 2 share 50 running 1'), ('primary 1 share 50 running 1')$$, 'what holds stays');
SELECT mlops.abort('fraud') \g /dev/null

-- ---- what fails
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', threshold => 0, guard => '{"alert_rate": {"max_ratio": 2}, "min_decisions": 100}') \g /dev/null
SELECT decide_all() \g /dev/null
SELECT results_eq($$SELECT variant, metric, passed, action FROM mlops.check_guards('fraud')$$,
	$$VALUES ('canary', 'alert_rate', false, NULL), ('canary', NULL, NULL, 'rolled back')$$, 'a canary that alerts on everything is rolled back');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 1 share 100')$$, 'by itself');
SELECT matches((SELECT note FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id DESC LIMIT 1),
	'^guard failed: alert_rate is 1.000000, must be at most 0.\d+ \(2 of the deployed version''s 0.\d+\)$', 'the history says why');
SELECT matches((SELECT detail ->> 'note' FROM mlops_catalog.audit_waiting WHERE event = 'rollback' ORDER BY waiting_id DESC LIMIT 1), '^guard failed', 'and the audit log');
SELECT results_eq($$SELECT version, action, strategy FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id DESC LIMIT 1$$, $$VALUES (2, 'rollback', 'canary')$$, 'a rollback, of the version that failed');
SELECT throws_ok($$SELECT mlops.rollback('fraud', note => 'further back')$$, '55000', 'model "fraud" has no earlier deployment to go back to', 'which answered nothing that could be gone back to');
SELECT is_empty($$SELECT * FROM mlops.check_guards('fraud')$$, 'nothing more to check');
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', threshold => 0, guard => '{"alert_rate": {"max": 0.5}, "min_decisions": 100, "on_failure": "pause"}') \g /dev/null
SELECT decide_all() \g /dev/null
SELECT is((SELECT array_agg(action) FROM mlops.check_guards('fraud') WHERE metric IS NULL), '{paused}', 'or paused');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('canary 2 share 50 paused 1'), ('primary 1 share 50 paused 1')$$, 'then it stays as it is');
SELECT is((SELECT array_agg(action) FROM mlops.check_guards('fraud') WHERE metric IS NULL), '{"paused already"}', 'once');
SELECT mlops.abort('fraud') \g /dev/null
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', NULL, 'ab', key => 'id', guard => '{"alert_rate": {"max": 0.5}, "min_decisions": 100}',
	variants => '{"good": {"version": 2, "percent": 30, "threshold": 0.1}, "bad": {"version": 3, "percent": 30, "threshold": 0}}') \g /dev/null
SELECT decide_all() \g /dev/null
SELECT results_eq($$SELECT variant, action FROM mlops.check_guards('fraud') WHERE metric IS NULL$$, $$VALUES ('bad', 'rolled back')$$, 'of several only the one that fails');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('good 2 share 30 running 1'), ('primary 1 share 70 running 1')$$, 'goes');
SELECT mlops.abort('fraud') \g /dev/null
-- a direct deployment
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', 3, threshold => 0, guard => '{"alert_rate": {"max": 0.5}}') \g /dev/null
SELECT decide_all() \g /dev/null
SELECT results_eq($$SELECT variant, action FROM mlops.check_guards('fraud') WHERE metric IS NULL$$, $$VALUES ('primary', 'rolled back')$$, 'a direct deployment goes back');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 1 share 100')$$, 'to the version before');
SELECT is((SELECT (mlops.predict('fraud', t)).threshold FROM tx t LIMIT 1), 0.1::float8, 'with its threshold');
SELECT mlops.train('first', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('first', 1, threshold => 0, guard => '{"alert_rate": {"max": 0.5}}') \g /dev/null
SELECT count(mlops.decide('first', t)) FROM tx t \g /dev/null
SELECT is((SELECT array_agg(action) FROM mlops.check_guards('first') WHERE metric IS NULL), '{"nothing to roll back to"}', 'the first version has nothing before it');
SELECT is((SELECT release FROM mlops.deployments WHERE model = 'first'), 'paused', 'and is left for somebody to look at');

-- ---- ramps
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', key => 'id', threshold => 0.1, guard => '{"alert_rate": {"max": 0.5}, "min_decisions": 20}',
	ramp => '[{"percent": 1, "wait": "1 hour"}, {"percent": 25, "wait": "2 hours", "guard": {"precision": {"min": 0.01}, "min_labels": 10}}, {"percent": 100}]') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE metric IS NULL), 0::bigint, 'a ramp waits');
SELECT hours_pass(2) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE metric IS NULL), 0::bigint, 'as long as its guard has too little to judge by');
SELECT decide_all() \g /dev/null
SELECT is((SELECT array_agg(action) FROM mlops.check_guards('fraud') WHERE metric IS NULL), '{"advanced to 25 %"}', 'then goes on');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('canary 2 share 25 running 2'), ('primary 1 share 75 running 2')$$, 'to its next share');
SELECT is((SELECT array_agg((metric, action)::text) FROM mlops.check_guards('fraud')), '{"(precision,\"waits for data\")"}', 'each step may have a guard of its own');
SELECT decide_all(), mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE metric IS NULL), 0::bigint, 'and a wait');
SELECT mlops.pause('fraud') \g /dev/null
SELECT hours_pass(3) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE metric IS NULL), 0::bigint, 'a paused ramp stays');
SELECT mlops.resume('fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE metric IS NULL), 0::bigint, 'resumed, it waits anew');
SELECT hours_pass(3) \g /dev/null
SELECT is((SELECT array_agg(action) FROM mlops.check_guards('fraud') WHERE metric IS NULL), '{promoted}', 'at the end it is promoted');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 2 share 100')$$, 'and answers everything');
SELECT results_eq($$SELECT action, version FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id DESC LIMIT 5$$,
	$$VALUES ('promote', 2), ('resume', 2), ('pause', 2), ('ramp', 2), ('deploy', 2)$$, 'step by step');

-- ---- bandit
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', threshold => 0) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_guards('fraud') WHERE action ~ 'reallocated: challenger (4\d|5\d)'), 0::bigint, 'without labels shares stay about even');
SELECT decide_all(), mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
SELECT matches((SELECT action FROM mlops.check_guards('fraud')), '^reallocated: challenger 5.0 %, primary 95.0 %$', 'a variant that flags everything is hardly tried any more');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('challenger 2 share 5 running 1'), ('primary 1 share 95 running 1')$$, 'but a little');
SELECT is_empty($$SELECT * FROM mlops.check_guards('fraud')$$, 'the same labels give the same shares');
SELECT is((SELECT action FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id DESC LIMIT 1), 'allocate', 'the history has it');
SELECT mlops.abort('fraud') \g /dev/null
SELECT fresh() \g /dev/null
SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', threshold => 0, metric => 'recall') \g /dev/null
SELECT decide_all(), mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
SELECT matches((SELECT action FROM mlops.check_guards('fraud')), '^reallocated: challenger 95.0 %', 'by recall it is the other way round');
SELECT mlops.abort('fraud') \g /dev/null
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', metric => 'profit')$$, '22023', 'unrecognized metric "profit"', 'a metric that is none');

-- ---- champion and challenger
SELECT throws_ok($$SELECT mlops.deploy('fraud', NULL, 'champion_challenger')$$, '42704', 'alias "champion" of model "fraud" does not exist', 'aliases are needed');
SELECT mlops.set_alias('fraud', 'champion', 1), mlops.set_alias('fraud', 'challenger', 2) \g /dev/null
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'champion_challenger')$$, '22023', NULL, 'and no version');
SELECT mlops.deploy('fraud', NULL, 'champion_challenger') \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('challenger 2 shadow 0'), ('primary 1 share 100 running 1')$$, 'a challenger is a shadow');
SELECT mlops.set_alias('fraud', 'challenger', 3) \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('challenger 3 shadow 0'), ('primary 1 share 100 running 1')$$, 'the one that the alias stands for');
SELECT is((SELECT version FROM mlops.promote('fraud')), 3, 'it can take over');
SELECT is((SELECT version FROM mlops.aliases WHERE model = 'fraud' AND alias = 'champion'), 3, 'and then is the champion');
SELECT mlops.set_alias('fraud', 'champion', 1) \g /dev/null
SELECT mlops.deploy('fraud', NULL, 'champion_challenger', percent => 20, key => 'id') \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('challenger 3 share 20 running 1'), ('primary 1 share 80 running 1')$$, 'or has a share');
SELECT mlops.set_alias('fraud', 'champion', 2) \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('challenger 3 share 20 running 1'), ('primary 2 share 80 running 1')$$, 'a new champion takes its place');
SELECT results_eq($$SELECT variant, version FROM mlops.abort('fraud')$$, $$VALUES ('primary', 2)$$, 'aborted, the champion stays');
SELECT mlops.set_alias('fraud', 'champion', 1) \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 2 share 100')$$, 'and traffic no longer follows');

-- ---- all models
SELECT is((SELECT array_agg(DISTINCT model) FROM mlops.check_guards()), '{first}', 'all releases under way');
SELECT * FROM finish();
ROLLBACK;
