-- Gates: each condition measured, recorded, enforced; approvals.
\ir setup.psql
SELECT plan(95);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_risk;
CREATE ROLE regress_mlops_legal;
CREATE ROLE regress_mlops_anna IN ROLE regress_mlops_risk;
CREATE ROLE regress_mlops_bert IN ROLE regress_mlops_legal;
CREATE ROLE regress_mlops_deployer;
GRANT SELECT ON tx TO regress_mlops_owner;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 1, "max_depth": 1, "learning_rate": 0.01}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 60}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}');
	SELECT mlops.deploy('fraud', 1);
	SELECT mlops.grant('fraud', r, 'score') FROM unnest('{regress_mlops_risk,regress_mlops_legal}'::name[]) r;
	SELECT mlops.grant('fraud', 'regress_mlops_deployer', 'deploy')$$, 'three versions, the first deployed');

-- syntax
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"prauc": {"min": 0.6}}')$$, '22023', 'unrecognized key "prauc" in "gate"', 'unknown condition');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc": {"minimum": 0.6}}')$$, '22023', 'unrecognized key "minimum" in "gate.pr_auc"', 'unknown key');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": "0.6"}}')$$, '22023', '"min" in "gate.pr_auc" must be a JSON number, not string', 'value of another type');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc": {}}')$$, '22023', NULL, 'nothing asked');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '[1]')$$, '22023', '"gate" must be a JSON object', 'no object');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc_vs_deployed": {"on": "another"}}')$$, '22023', 'unrecognized value of "on" "another"', 'unknown window');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"fairness": {"by": "country"}}')$$, '22023', NULL, 'fairness without metric');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"fairness": {"by": "country", "metric": "x", "max_gap": 1}}')$$, '22023', 'unrecognized metric "x"', 'fairness of an unknown metric');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"approvals": 1.5}')$$, '22023', NULL, 'half an approval');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"approvals": {"roles": ["regress_mlops_none"]}}')$$, '42704', 'role "regress_mlops_none" does not exist', 'a role that does not exist');
SELECT throws_ok($$SELECT mlops.set_gate('fraud', '{"aliases": [1]}')$$, '22023', NULL, 'an alias that is a number');

-- metrics
SELECT is((SELECT g.gate FROM mlops.set_gate('fraud', '{"pr_auc": {"min": 0.99999}, "brier": {"max": 0.5}}') g), '{"pr_auc": {"min": 0.99999}, "brier": {"max": 0.5}}'::jsonb, 'set_gate returns the gate');
SELECT is((SELECT array_agg(c.condition || ' ' || c.passed ORDER BY c.condition) FROM mlops.check_gate('fraud', 2) c), '{"brier true","pr_auc false"}', 'check_gate judges each');
SELECT is((SELECT value FROM mlops.gate_checks WHERE version = 2 AND condition = 'pr_auc'), (SELECT pr_auc FROM mlops.versions WHERE version = 2), 'and records the value');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2)$$, '55000', 'version 2 of model "fraud" does not pass the gate', 'deploy refuses');
CREATE FUNCTION detail(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN d;
END $$;
SELECT is(detail($$SELECT mlops.deploy('fraud', 2)$$), (SELECT format('pr_auc: at least 0.99999, found %s', pr_auc) FROM mlops.versions WHERE version = 2), 'and says what fell short');
SELECT is((SELECT version FROM mlops.deployments), 1, 'nothing is deployed');
SELECT lives_ok($$SELECT mlops.set_stage('fraud', 2, 'staging')$$, 'staging is not guarded');
SELECT throws_ok($$SELECT mlops.set_stage('fraud', 2, 'production')$$, '55000', 'version 2 of model "fraud" does not pass the gate', 'production is');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'champion', 2)$$, 'an alias is not');
SELECT lives_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.99999}, "aliases": ["champion"]}')$$, 'unless the gate names it');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', 'champion', 3)$$, '55000', NULL, 'then it is');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'challenger', 3)$$, 'others are not');
SELECT throws_ok($$SELECT mlops.rollback('fraud', 2)$$, '55000', NULL, 'rollback is no way around');
SELECT lives_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.01}}'); SELECT mlops.deploy('fraud', 2); SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.99999}}')$$, 'a version that passes is deployed');
SELECT is((SELECT d.version FROM mlops.rollback('fraud') d), 1, 'going back to what was live is always possible');

-- against the deployed version, on the candidate's own test rows
SELECT lives_ok($$SELECT mlops.set_gate('fraud', '{"pr_auc_vs_deployed": {"min_gain": 0}, "log_loss_vs_deployed": {"min_gain": 0.0, "on": "same test window"}}')$$, 'a gate against the deployed version');
CREATE TEMP TABLE checked AS SELECT * FROM mlops.check_gate('fraud', 2);
SELECT ok((SELECT bool_and(passed) FROM checked), 'the better version passes');
SELECT is((SELECT round((detail ->> 'candidate')::numeric, 12) FROM checked WHERE condition LIKE 'pr_auc%'), (SELECT round(pr_auc::numeric, 12) FROM mlops.versions WHERE version = 2), 'the candidate''s value is that of its test');
SELECT is((SELECT (detail ->> 'rows')::int FROM checked WHERE condition LIKE 'pr_auc%'), (SELECT test_rows::int FROM mlops.versions WHERE version = 2), 'on the same rows');
SELECT is((SELECT round((detail ->> 'deployed')::numeric, 12) FROM checked WHERE condition LIKE 'pr_auc%'), (SELECT round(pr_auc::numeric, 12) FROM mlops.versions WHERE version = 1), 'the deployed version''s too: they had the same test rows');
SELECT is((SELECT round(value::numeric, 12) FROM checked WHERE condition LIKE 'log_loss%'), (SELECT round((a.metrics ->> 'log_loss')::numeric - (b.metrics ->> 'log_loss')::numeric, 12) FROM mlops.versions a, mlops.versions b WHERE a.version = 1 AND b.version = 2), 'a gain in a loss is a decrease');
SELECT is((SELECT array_agg(DISTINCT detail ->> 'reason') FROM mlops.check_gate('fraud', 3) WHERE NOT passed), '{"the test rows were drawn at random; train with a time_column or a fold column"}', 'random test rows cannot be compared');
SELECT ok((SELECT bool_and(passed) FROM mlops.check_gate('fraud', 1)), 'what is deployed passes');
SELECT lives_ok($$SELECT mlops.deploy('fraud', 2)$$, 'the better version is deployed');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 3)$$, '55000', NULL, 'the other one is not');

-- the recorded query runs as who asks
SET LOCAL ROLE regress_mlops_deployer;
SELECT throws_ok($$SELECT mlops.deploy('fraud', 1)$$, '42501', 'permission denied for table tx', 'who may not read the data cannot have a gate judged on them');
SELECT lives_ok($$SELECT mlops.deploy('fraud', 2)$$, 'unless nothing has to be read: this one is deployed');
SET LOCAL ROLE regress_mlops_owner;
CREATE FUNCTION who() RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$ BEGIN IF current_setting('regress.bend', true) = 'on' THEN PERFORM set_config('search_path', 'nowhere', false); END IF; IF current_user <> 'regress_mlops_owner' THEN RAISE 'run as %', current_user; END IF; RETURN 0; END $$;
SELECT lives_ok($$SELECT mlops.train('fraud', query => 'SELECT *, who() + amount AS w FROM tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 60}')$$, 'train on a query with a function');
RESET ROLE;
SET LOCAL regress.bend = 'on';
SELECT throws_ok($$SELECT mlops.check_gate('fraud', 4)$$, '42501', 'function who() belongs to role "regress_mlops_owner", which role "' || current_user || '" does not trust', 'which a superuser does not run');

-- what cannot be measured is not passed, and says why
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', query => 'SELECT id, ts, amount, is_fraud FROM tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 60}')$$, 'train on fewer columns');
SELECT is((SELECT array_agg(DISTINCT passed || ' ' || (detail ->> 'reason')) FROM mlops.check_gate('fraud', 5)), ARRAY['false the row to score lacks columns that the model reads: "balance", "country", "online"'], 'the deployed version cannot be judged on them');

-- fairness
SELECT lives_ok($$SELECT mlops.set_gate('fraud', '{"fairness": [{"by": "country", "metric": "alert_rate", "max_gap": 0.001}, {"by": "online", "metric": "precision", "max_gap": 1, "min_rows": 10}]}')$$, 'a gate on fairness');
CREATE TEMP TABLE fair AS SELECT * FROM mlops.check_gate('fraud', 2);
SELECT is((SELECT array_agg(passed ORDER BY gate_check_id) FROM fair), '{f,t}', 'each pair is judged');
CREATE TEMP TABLE test_rows AS SELECT * FROM tx ORDER BY ts DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE version = 2);
SELECT is((SELECT round(value::numeric, 12) FROM fair WHERE required LIKE '%country%'), (SELECT round((max(e.alert_rate) - min(e.alert_rate))::numeric, 12)
	FROM mlops.evaluate('fraud/2', 'test_rows', by => '{country}') e WHERE e.segment IS NOT NULL AND e.segment <> '{}'), 'the gap is that between the segments of the test rows');

-- approvals: by persons, who are the roles of their sessions
SELECT lives_ok($$SELECT mlops.set_gate('fraud', '{"approvals": {"count": 2, "roles": ["regress_mlops_risk", "regress_mlops_legal"], "four_eyes": true}}')$$, 'a gate with approvals');
SELECT is((SELECT (a.role, a.person)::text FROM mlops.approve('fraud', 2, 'mine') a), '(regress_mlops_owner,' || session_user || ')', 'who trained it approves');
SELECT is((SELECT value FROM mlops.check_gate('fraud', 2)), 0::float8, 'which does not count');
SET LOCAL ROLE regress_mlops_anna;
SELECT lives_ok($$SELECT mlops.approve('fraud', 2, 'as another role')$$, 'the person that trained takes another role');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT value FROM mlops.check_gate('fraud', 2)), 0::float8, 'which does not count either');
RESET ROLE;
GRANT regress_mlops_bert TO regress_mlops_anna;
SET SESSION AUTHORIZATION regress_mlops_anna;
SELECT lives_ok($$SELECT mlops.approve('fraud', 2, 'risk agrees')$$, 'risk approves');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2)$$, '42501', NULL, 'approving is not deploying');
SET LOCAL ROLE regress_mlops_bert;
SELECT lives_ok($$SELECT mlops.approve('fraud', 2, 'as legal, too')$$, 'and, in the role of another, as legal');
RESET SESSION AUTHORIZATION;
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT (value, passed)::text FROM mlops.check_gate('fraud', 2)), '(1,f)', 'which is one person');
SELECT is((SELECT array_agg((role, person)::text ORDER BY role) FROM mlops.approvals WHERE version = 2 AND role <> 'regress_mlops_owner'), '{"(regress_mlops_anna,regress_mlops_anna)","(regress_mlops_bert,regress_mlops_anna)"}', 'as the view shows');
RESET ROLE;
REVOKE regress_mlops_bert FROM regress_mlops_anna;
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT detail FROM mlops.check_gate('fraud', 2)), '{"counted": ["regress_mlops_anna", "regress_mlops_bert"]}'::jsonb, 'both roles were heard');
RESET ROLE;
SET SESSION AUTHORIZATION regress_mlops_bert;
SELECT lives_ok($$SELECT mlops.approve('fraud', 2); SELECT mlops.approve('fraud', 2, 'again')$$, 'legal approves, twice');
RESET SESSION AUTHORIZATION;
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT passed FROM mlops.check_gate('fraud', 2)), true, 'now it passes');
SELECT is((SELECT count(*) FROM mlops.approvals WHERE version = 2), 3::bigint, 'a role approves once');
RESET ROLE;
REVOKE regress_mlops_legal FROM regress_mlops_bert;
SET LOCAL ROLE regress_mlops_bert;
SELECT throws_ok($$SELECT mlops.approve('fraud', 3)$$, '42501', NULL, 'who is no member any more approves nothing');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT passed FROM mlops.check_gate('fraud', 2)), false, 'and counts no more');
SELECT throws_ok($$SELECT * FROM mlops.set_gate('fraud', NULL)$$, '22004', '"gate" must not be null', 'NULL may be an expression that went wrong');
SELECT is_empty($$SELECT * FROM mlops.set_gate('fraud', '{}')$$, 'an empty object removes the gate');
-- ---- at the threshold that will answer
CREATE FUNCTION learn(seeds int[], options jsonb DEFAULT '{}', time_column name DEFAULT 'ts') RETURNS void LANGUAGE sql AS $$
	SELECT FROM unnest(seeds) n, mlops.train('g', 'tx', target => 'is_fraud', key => 'id', time_column => learn.time_column, exclude => '{ts}', params => jsonb_build_object('n_estimators', n), threshold => options) $$;
SELECT learn('{3,40}', '{"cost": {"false_positive": 2, "false_negative": 5}}') \g /dev/null
CREATE TEMP TABLE judged AS SELECT t.is_fraud, mlops.score_version('g', 1, t) AS s1, mlops.score_version('g', 2, t) AS s2
	FROM (SELECT * FROM tx ORDER BY ts DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE model = 'g' AND version = 1)) t;
CREATE FUNCTION found(condition text, OUT value float8, OUT passed boolean, OUT detail jsonb) LANGUAGE sql AS $$
	SELECT c.value, c.passed, c.detail FROM mlops.gate_checks c WHERE c.model = 'g' AND c.condition = $1 ORDER BY c.gate_check_id DESC LIMIT 1 $$;
SELECT lives_ok($$SELECT mlops.set_gate('g', '{"recall": {"min": 0.2}, "alert_rate": {"max": 0.6}, "expected_cost": {"max": 1}, "pr_auc": {"min": 0.1}}'); SELECT mlops.deploy('g', 1); SELECT mlops.deploy('g', 2)$$, 'a gate that both versions pass');
SELECT throws_ok($$SELECT mlops.deploy('g', 2, threshold => 0)$$, '55000', NULL, 'but not when all is flagged');
SELECT is(detail($$SELECT mlops.deploy('g', 2, threshold => 0)$$), format(E'alert_rate: at most 0.6, found 1\nexpected_cost: at most 1, found %s', (SELECT (2 * count(*) FILTER (WHERE NOT is_fraud))::float8 / count(*) FROM judged)), 'which is said');
SELECT is(detail($$SELECT mlops.deploy('g', 2, threshold => 0.9999)$$), format('recall: at least 0.2, found %s', (SELECT sum((s2 >= 0.9999)::int)::float8 / count(*) FROM judged WHERE is_fraud)), 'nor when hardly anything is');
SELECT lives_ok($$SELECT mlops.deploy('g', 2, threshold => 0.3)$$, 'with a threshold between it passes');
SELECT is((SELECT round(value::numeric, 12) FROM found('recall')), (SELECT round(avg((s2 >= 0.3)::int), 12) FROM judged WHERE is_fraud), 'the value is that at the threshold');
SELECT is((SELECT (detail ->> 'threshold')::float8 FROM found('recall')), 0.3::float8, 'and says so');
SELECT is((SELECT round(value::numeric, 12) FROM found('alert_rate')), (SELECT round(avg((s2 >= 0.3)::int), 12) FROM judged), 'so is the alert rate');
SELECT is((SELECT round(value::numeric, 12) FROM found('expected_cost')), (SELECT round(avg(CASE WHEN is_fraud THEN 5 * (s2 < 0.3)::int ELSE 2 * (s2 >= 0.3)::int END), 12) FROM judged), 'and the cost');
SELECT is((SELECT value FROM found('pr_auc')), (SELECT pr_auc FROM mlops.versions WHERE model = 'g' AND version = 2), 'others are as recorded');
SELECT is(detail(format($$SELECT FROM mlops.deploy('g', 1, %s)$$, a)) LIKE '%alert_rate: at most 0.6, found 1%', true, a) FROM (VALUES
	($$'canary', percent => 10, key => 'id', threshold => 0$$),
	($$'segment', rule => '{"country": "DE"}', threshold => 0$$)) v(a);
SELECT is(detail($$SELECT mlops.deploy('g', NULL, 'ab', key => 'id', variants => '{"b": {"version": 1, "percent": 10, "threshold": 0}}')$$), detail($$SELECT mlops.deploy('g', 1, threshold => 0)$$), 'variants have theirs');
SELECT lives_ok($$SELECT mlops.deploy('g', 1, 'shadow', threshold => 0)$$, 'a shadow answers nothing');
SELECT is(detail($$SELECT mlops.promote('g', variant => 'shadow_1')$$), detail($$SELECT mlops.deploy('g', 1, threshold => 0)$$), 'before it is promoted');
SELECT lives_ok($$SELECT mlops.abort('g', variant => 'shadow_1')$$, 'it goes');

SELECT lives_ok($$SELECT mlops.set_gate('g', '{}'); SELECT mlops.deploy('g', 1, threshold => 0.9999); SELECT mlops.set_gate('g', '{"recall_vs_deployed": {"min_gain": 0.1}, "pr_auc_vs_deployed": {"min_gain": -1}}')$$, 'the deployed version flags little');
SELECT is((SELECT round(value::numeric, 12) FROM mlops.check_gate('g', 2) WHERE condition LIKE 'recall%'), (SELECT round(avg((s2 >= v.threshold)::int) - avg((s1 >= 0.9999)::int), 12)
	FROM judged, mlops.versions v WHERE v.model = 'g' AND v.version = 2 AND is_fraud), 'a gain is over what answers with its threshold');
SELECT throws_ok($$SELECT mlops.deploy('g', 2, threshold => 0.9999)$$, '55000', NULL, 'none is seen where there is none');
SELECT lives_ok($$SELECT mlops.deploy('g', 1, threshold => 0.2)$$, 'the version that answers may gain by its threshold alone');
SELECT is((SELECT round(value::numeric, 12) FROM found('recall_vs_deployed')), (SELECT round(avg((s1 >= 0.2)::int) - avg((s1 >= 0.9999)::int), 12) FROM judged WHERE is_fraud), 'which is measured');
SELECT throws_ok($$SELECT mlops.deploy('g', 1, threshold => 0.9999)$$, '55000', NULL, 'or lose by it');
SELECT is((SELECT detail ->> 'reason' FROM found('pr_auc_vs_deployed')), 'it would be compared with itself', 'other metrics cannot');
SELECT lives_ok($$SELECT mlops.set_gate('g', '{"fairness": {"by": "online", "metric": "alert_rate", "max_gap": 0.001}}'); SELECT mlops.deploy('g', 1, threshold => 0)$$, 'where all is flagged there is no gap');
SELECT lives_ok($$SELECT mlops.set_gate('g', '{"alert_rate": {"max": 0.6}}'); SELECT mlops.set_stage('g', 1, 'staging')$$, 'what answers like that');
SELECT throws_ok($$SELECT mlops.set_stage('g', 1, 'production')$$, '55000', NULL, 'is not fit for stage production');

SELECT learn('{5}', '{}', NULL), learn('{5}', '{"cost": {"false_negative": "amount"}}') \g /dev/null
SELECT lives_ok($$SELECT mlops.deploy('g', 3)$$, 'rows that were drawn at random were measured at the version''s threshold');
SELECT is(detail($$SELECT mlops.deploy('g', 3, threshold => 0.5)$$), 'alert_rate: at most 0.6, found nothing (at threshold 0.5 nothing can be measured: the test rows were drawn at random; train with a time_column or a fold column)', 'and cannot be at another');
SELECT lives_ok($$SELECT mlops.deploy('g', 3, threshold => (SELECT threshold FROM mlops.versions WHERE model = 'g' AND version = 3)); SELECT mlops.set_gate('g', '{"expected_cost": {"max": 1000}}')$$, 'the same one is no other');
SELECT mlops.set_gate('g', '{"expected_cost": {"max": 0}}') \g /dev/null
SELECT is(round(substring(detail($$SELECT mlops.deploy('g', 4, threshold => 0.5)$$) FROM '^expected_cost: at most 0, found ([0-9.e-]+)$')::numeric, 9),
	(SELECT round(avg(CASE WHEN is_fraud AND s < 0.5 THEN amount WHEN NOT is_fraud AND s >= 0.5 THEN 1 ELSE 0 END)::numeric, 9) FROM (SELECT t.is_fraud, coalesce(t.amount, 0) AS amount, mlops.score_version('g', 4, t) AS s
		FROM (SELECT * FROM tx ORDER BY ts DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE model = 'g' AND version = 4)) AS t) AS judged), 'costs by row are measured at another threshold');
SELECT mlops.set_gate('g', '{"expected_cost": {"max": 1000}}') \g /dev/null
SELECT lives_ok($$SELECT mlops.deploy('g', 4)$$, 'and recorded at its own');
SELECT * FROM finish();
ROLLBACK;
