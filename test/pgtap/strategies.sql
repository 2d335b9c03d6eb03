-- Strategies as data: each takes the arguments that its row says, and refuses
-- every other one by name; what it needs is asked for at once.
\ir setup.psql
SELECT plan(79);

SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 3}') FROM generate_series(1, 2) \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.set_alias('fraud', 'champion', 1), mlops.set_alias('fraud', 'challenger', 2) \g /dev/null

SELECT is(
	(SELECT array_agg(s.name ORDER BY s.name) FROM mlops_catalog.strategies() AS s),
	(SELECT array_agg(v[1] ORDER BY v[1]) FROM pg_constraint AS c CROSS JOIN regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''', 'g') AS v
		WHERE c.conname = 'deployment_strategy_check' AND c.conrelid = 'mlops_catalog.deployment'::regclass),
	'a deployment may have these strategies and no other');

-- Values of the arguments, and what else has to be there for each strategy.
CREATE TEMP TABLE argument (name text, value text);
INSERT INTO argument VALUES ('version', '2'), ('threshold', '0.3'), ('guard', '{"alert_rate": {"max": 0.5}}'), ('variant', 'mine'), ('percent', '20'),
	('ramp', '[{"percent": 5, "wait": "1 day"}, {"percent": 100}]'), ('variants', '{"b": {"version": 2, "percent": 20}}'), ('rule', '{"country": "DE"}'),
	('min_percent', '5');
CREATE TEMP TABLE needed (strategy text, others text[]);
INSERT INTO needed VALUES ('direct', '{version}'), ('canary', '{version,percent}'), ('ab', '{version,percent}'), ('bandit', '{version,percent}'),
	('champion_challenger', '{}'), ('segment', '{version,rule}'), ('shadow', '{version}');

-- What comes of an argument beside those that a strategy needs; nothing stays.
CREATE FUNCTION outcome(strategy text, argument text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	given text[] := (SELECT n.others FROM needed AS n WHERE n.strategy = outcome.strategy);
	call text;
BEGIN
	given := array_remove(given, CASE argument WHEN 'ramp' THEN 'percent' WHEN 'variants' THEN 'percent' END);
	given := array_remove(given, CASE argument WHEN 'variants' THEN 'version' END);
	given := (SELECT array_agg(DISTINCT g) FROM unnest(given || outcome.argument) AS g);
	call := format('SELECT mlops.deploy(''fraud'', strategy => %L, key => ''id'', %s)', strategy,
		(SELECT string_agg(format('%s => %L', a.name, a.value), ', ') FROM argument AS a WHERE a.name = ANY (given)));
	IF NOT 'version' = ANY (given) THEN
		call := replace(call, '''fraud'',', '''fraud'', version => NULL,');
	END IF;
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = 'taken';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
SELECT CASE WHEN a.name = ANY (s.takes) THEN is(outcome(s.name, a.name), 'taken', format('%s takes %s', s.name, a.name))
	ELSE alike(outcome(s.name, a.name), format('%%"%s" does not apply%%', a.name), format('%s refuses %s', s.name, a.name)) END
FROM mlops_catalog.strategies() AS s CROSS JOIN argument AS a;
SELECT is(version, 1, 'nothing of this is left') FROM mlops.deployments WHERE model = 'fraud';

-- ---- what is needed
CREATE FUNCTION refusal(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE format('SELECT mlops.deploy(''fraud'', %s)', arguments);
	RETURN 'taken';
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLERRM || '; ' || hint;
END
$$;
SELECT is(refusal(q.arguments), q.message, q.arguments) FROM (VALUES
	('2, ''canary''', 'strategy "canary" needs "percent" or "ramp", and a key; Write percent => 5, above 0 and below 100: the rest stays with the deployed version. Name the column whose value decides which variant a row sees, as in key => ''card_id''.'),
	('2, ''segment''', 'strategy "segment" needs "rule"; Write it as rule => ''{"country": "DE"}''.'),
	('NULL, ''champion_challenger'', percent => 5', 'strategy "champion_challenger" needs a key; Name the column whose value decides which variant a row sees, as in key => ''card_id''.'),
	('2, ''direct'', percent => 5', '"percent" does not apply to strategy "direct"; Strategies that take it: canary, ab, bandit, champion_challenger.'),
	('2, ''champion_challenger''', 'the aliases "champion" and "challenger" say which versions answer: "version" does not apply; Run SELECT * FROM mlops.set_alias(''fraud'', ''challenger'', 2), and give NULL as version here.'))
	AS q(arguments, message);

-- ---- what says everything takes nothing beside it
SELECT throws_ok(format($$SELECT mlops.deploy('fraud', %s, 'ab', key => 'id', variants => '{"b": {"version": 2, "percent": 20}}' %s)$$, q.version, q.more), '22023',
	format('"variants" describes each variant completely: leave "%s" out', q.name), format('variants beside %s', q.name))
FROM (VALUES ('2', '', 'version'), ('NULL', ', threshold => 0.9', 'threshold'), ('NULL', ', percent => 20', 'percent')) AS q(version, more, name);

-- ---- a champion that answers keeps the threshold that it answers with
SELECT mlops.deploy('fraud', 1, threshold => 0.9) \g /dev/null
SELECT mlops.deploy('fraud', NULL, 'champion_challenger') \g /dev/null
SELECT is(threshold, 0.9::float8, 'beside a challenger') FROM mlops.deployments WHERE model = 'fraud' AND variant = 'primary';
SELECT mlops.abort('fraud') \g /dev/null
SELECT is(threshold, 0.9::float8, 'and after it') FROM mlops.deployments WHERE model = 'fraud' AND variant = 'primary';
SELECT mlops.set_alias('fraud', 'champion', 2), mlops.set_alias('fraud', 'challenger', 1) \g /dev/null
SELECT mlops.deploy('fraud', NULL, 'champion_challenger') \g /dev/null
SELECT is(d.threshold, v.threshold, 'another champion has its own') FROM mlops.deployments AS d JOIN mlops.versions AS v USING (model, version)
	WHERE d.model = 'fraud' AND d.variant = 'primary';

SELECT mlops.abort('fraud') \g /dev/null
SELECT throws_ok($$SELECT mlops.deploy('fraud', NULL, 'ab', key => 'id', variants => '{"a": {"version": 1.5, "percent": 10}}')$$, '22023', '"version" in "variants.a" must be a whole number, not 1.5', 'half a version');
SELECT mlops.deploy('fraud', 1, 'canary', percent => 10, key => 'id', threshold => 0.77), mlops.deploy('fraud', 1, 'shadow', threshold => 0.66, variant => 'dark') \g /dev/null
SELECT mlops.abort('fraud'), mlops.abort('fraud', variant => 'dark'), mlops.deploy('fraud', 1, threshold => 0.55), mlops.undeploy('fraud') \g /dev/null
SELECT results_eq($$SELECT action, threshold FROM mlops.deployment_history WHERE model = 'fraud' AND action IN ('abort', 'undeploy') ORDER BY deployment_id DESC LIMIT 3$$,
	$$VALUES ('undeploy', 0.55::float8), ('abort', 0.66), ('abort', 0.77)$$, 'history has the threshold of what was taken away');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 1, guard => '{"psi": {"max": 1}, "min_decisions": 1.5}')$$, '22023', '"min_decisions" in "guard" must be a whole number, not 1.5', 'half a decision');
SELECT * FROM finish();
