-- Tests by key instead of by decision, their false positive rate when decisions
-- of a key go together, and the least share of a bandit's variants.
\ir setup.psql
SELECT plan(46);
ALTER TABLE tx ADD customer int;
UPDATE tx SET customer = id % 7;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id,customer}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id,customer}', params => '{"n_estimators": 4}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null

-- ---- which decisions count: seven customers, several transactions each
SELECT mlops.deploy('fraud', 2, 'ab', percent => 50, key => 'customer', metric => 'alert_rate') \g /dev/null
SELECT count(mlops.decide('fraud', t, t.id::text)) FROM (SELECT * FROM tx WHERE id <= 140 ORDER BY id) t \g /dev/null
SELECT is((SELECT count(DISTINCT route_key) FROM mlops.predictions), 7::bigint, 'a decision logged with another key keeps that of its route');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE route_key::int <> key::int % 7), 0::bigint, 'the value in its row');
SELECT is((SELECT count(*) FROM (SELECT 1 FROM mlops.predictions GROUP BY route_key HAVING count(DISTINCT variant) > 1) q), 0::bigint, 'by which the variant was chosen');
SELECT is((SELECT count((mlops.decide('fraud', t)).version) FROM tx t WHERE id = 141), 1::bigint, 'without a key of its own');
SELECT is((SELECT (key, route_key)::text FROM mlops.predictions ORDER BY created_at DESC LIMIT 1), '(1,)', 'it is the key');
SELECT is((SELECT count((mlops.decide('fraud', to_jsonb(t), 'k')).version) FROM tx t WHERE id = 142), 1::bigint, 'as JSON');
SELECT is((SELECT route_key FROM mlops.predictions WHERE key = 'k'), '2', 'too');
DELETE FROM mlops_catalog.prediction WHERE key = '1' AND route_key IS NULL OR key = 'k' \g /dev/null
SELECT is((SELECT sum(trials) FROM mlops.ab_test('fraud')), 140::numeric, 'by decision each counts');
SELECT results_eq($$SELECT variant, trials, successes FROM mlops.ab_test('fraud', unit => 'key') ORDER BY 1$$,
	$$SELECT variant, count(*), count(*) FILTER (WHERE flagged) FROM (SELECT DISTINCT ON (route_key) * FROM mlops.predictions ORDER BY route_key, created_at) p GROUP BY 1 ORDER BY 1$$, 'by key the first one of each');
SELECT is((SELECT sum(decisions) FROM mlops.ab_test('fraud', unit => 'key')), 140::numeric, 'of all decisions');
-- labels of every third transaction: the first that has one counts
SELECT mlops.add_labels('fraud', query => 'SELECT id, id % 2 = 0 AS outcome FROM tx WHERE id % 3 = 0 AND id <= 140', key => 'id', label => 'outcome') \g /dev/null
SELECT results_eq($$SELECT variant, trials, successes FROM mlops.ab_test('fraud', 'accuracy', unit => 'key') ORDER BY 1$$,
	$$SELECT variant, count(*), count(*) FILTER (WHERE flagged = (key::int % 2 = 0)) FROM (SELECT DISTINCT ON (route_key) * FROM mlops.predictions WHERE key::int % 3 = 0 ORDER BY route_key, created_at) p GROUP BY 1 ORDER BY 1$$,
	'the first with a label, where it takes one');
SELECT is((SELECT sum(trials) FROM mlops.ab_test('fraud', 'recall', unit => 'key')), 7::numeric, 'or with the label that the metric is about');
UPDATE mlops_catalog.prediction SET variant = 'primary', version = 1 WHERE key IN (SELECT key FROM mlops_catalog.prediction WHERE variant = 'challenger' ORDER BY created_at LIMIT 1) \g /dev/null
SELECT is((SELECT sum(trials) FROM mlops.ab_test('fraud', unit => 'key')), 7::numeric, 'a key that was moved counts once, where it was first');
UPDATE mlops_catalog.prediction SET key = NULL, route_key = NULL WHERE route_key = '3' \g /dev/null
SELECT is((SELECT sum(trials) FROM mlops.ab_test('fraud', unit => 'key')), 26::numeric, 'decisions without any key count each');
SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud', unit => 'card')$$, '22023', 'unrecognized unit "card"', 'a unit that is none');
SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud', unit => NULL)$$, '22004', NULL, 'nor NULL');

-- ---- false positives: no difference, but all decisions of a card are alike
CREATE FUNCTION false_positives(simulations int, cards int, decisions int, OUT by_decision int, OUT by_key int, OUT by_key_sequential int) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	by_decision := 0;
	by_key := 0;
	by_key_sequential := 0;
	FOR i IN 1 .. simulations LOOP
		TRUNCATE mlops_catalog.prediction;
		INSERT INTO mlops_catalog.prediction (prediction_id, created_at, model_id, version, variant, shadow, key, score, flagged, threshold, latency)
		SELECT gen_random_uuid(), now() + interval '1 hour' + d * interval '1 second', (SELECT model_id FROM mlops_catalog.model WHERE name = 'fraud'),
			CASE WHEN c.variant = 'primary' THEN 1 ELSE 2 END, c.variant, false, c.card::text, 0.5, c.alarming, 0.5, 1
		FROM (SELECT card, CASE WHEN card % 2 = 0 THEN 'primary' ELSE 'challenger' END AS variant, random() < 0.3 AS alarming
			FROM generate_series(1, cards) AS card OFFSET 0) AS c, generate_series(1, decisions) AS d;
		SELECT * INTO r FROM mlops.ab_test('fraud') WHERE variant = 'challenger';
		by_decision := by_decision + (r.p_value < 0.05)::int;
		SELECT * INTO r FROM mlops.ab_test('fraud', unit => 'key') WHERE variant = 'challenger';
		by_key := by_key + (r.p_value < 0.05)::int;
		by_key_sequential := by_key_sequential + (r.sequential_p_value < 0.05)::int;
	END LOOP;
END $$;
SELECT setseed(0.1) \g /dev/null
CREATE TEMP TABLE simulated AS SELECT * FROM false_positives(200, 200, 6);
-- at 5 % in 200: P(none) and P(at least 25) are below 1e-4
SELECT cmp_ok(by_key, '<', 25, 'by key a difference that is not there is seen in one of twenty') FROM simulated;
SELECT cmp_ok(by_key, '>', 0, 'and not more seldom') FROM simulated;
SELECT cmp_ok(by_key_sequential, '<', 25, 'nor does the sequential test see more') FROM simulated;
-- decisions of a card that are all alike: the z value is sqrt(6) times too large, which is beyond 1.96 in 42 %
SELECT cmp_ok(by_decision, '>', 50, 'by decision in two of five') FROM simulated;
SELECT diag(format('200 simulations: %s by decision, %s by key, %s by key sequentially', by_decision, by_key, by_key_sequential)) FROM simulated;
SELECT mlops.abort('fraud') \g /dev/null

-- ---- the least share of a bandit's variants
CREATE FUNCTION shares() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(variant || ' ' || round(percent), ', ' ORDER BY variant) FROM mlops.deployments WHERE model = 'fraud' $$;
CREATE FUNCTION labels() RETURNS void LANGUAGE sql AS $$
	TRUNCATE mlops_catalog.prediction, mlops_catalog.label;
	SELECT count(mlops.decide('fraud', t, t.id::text)) FROM tx t;
	SELECT mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud');
	SELECT mlops.check_guards('fraud')
$$;
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', min_percent => 51)$$, '22023', '"min_percent" 51 is out of range', 'no more than an equal share');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', min_percent => -1)$$, '22023', NULL, 'nor less than nothing');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', min_percent => 'NaN')$$, '22023', NULL, 'a number');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'ab', percent => 50, key => 'id', min_percent => 5)$$, '22023', '"min_percent" does not apply to strategy "ab"', 'of bandits');
SELECT mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', threshold => 0, min_percent => 20), labels() \g /dev/null
SELECT is(shares(), 'challenger 20, primary 80', 'a variant gets no less than that');
SELECT is((SELECT min_percent FROM mlops.deployment_history WHERE model = 'fraud' AND strategy = 'bandit' AND action = 'deploy'), 20::float8, 'the history says so');
SELECT is(mlops.export_spec('fraud') #> '{models,fraud,deploy,release}', '{"strategy": "bandit", "min_percent": 20, "variants": {"challenger": {"version": 2, "percent": 50, "threshold": 0}}}', 'and the document');
SELECT is_empty($$SELECT * FROM mlops.apply(mlops.export_spec('fraud'))$$, 'which is what there is');
SELECT mlops.abort('fraud'), mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', threshold => 0, min_percent => 0), labels() \g /dev/null
SELECT is(shares(), 'challenger 0, primary 100', 'none at all if that is allowed');
SELECT mlops.abort('fraud'), mlops.deploy('fraud', 2, 'bandit', percent => 50, key => 'id', threshold => 0, min_percent => 50), labels() \g /dev/null
SELECT is(shares(), 'challenger 50, primary 50', 'equal shares if nothing else is');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"deploy": {"version": 1, "release": {"strategy": "ab", "min_percent": 1, "variants": {}}}}}}')$$, '22023', NULL, 'in documents too it belongs to a bandit');
SELECT mlops.abort('fraud') \g /dev/null

-- ---- after the release has ended
SET LOCAL client_min_messages = error;	-- which release it is says test/t/notices.sh
TRUNCATE mlops_catalog.prediction, mlops_catalog.label;
-- what is deployed in one transaction has one time, and decisions that of their call
CREATE FUNCTION later() RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(0.002) $$;
CREATE FUNCTION counted(deployment_id bigint DEFAULT NULL, since timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', variant, version, metric, decisions), ', ' ORDER BY variant) FROM mlops.ab_test('fraud', deployment_id => counted.deployment_id, since => counted.since) $$;
CREATE FUNCTION decide(low int, high int) RETURNS bigint LANGUAGE sql AS $$ SELECT later(); SELECT count(mlops.decide('fraud', t, t.id::text)) FROM tx AS t WHERE id BETWEEN low AND high $$;
SELECT decide(1, 10) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'ab', percent => 50, key => 'id', metric => 'alert_rate') \g /dev/null
SELECT decide(1, 100) \g /dev/null
CREATE TEMP TABLE ab AS SELECT counted() AS under_way, max(deployment_id) AS id FROM mlops.deployment_history;
SELECT matches(under_way, 'challenger 2 alert_rate \d+, primary 1 alert_rate \d+', 'under way') FROM ab;
SELECT is(counted(id), under_way, 'by its number, too') FROM ab;
SELECT mlops.deploy('fraud', 1, 'shadow') \g /dev/null
SELECT later() \g /dev/null
SELECT mlops.promote('fraud', variant => 'challenger') \g /dev/null
SELECT decide(101, 300) \g /dev/null
SELECT is(counted(), under_way, 'after a promotion it is what it was at its end') FROM ab;
SELECT is(counted(id), under_way, 'by its number') FROM ab;
SELECT is((SELECT sum(decisions) FROM mlops.ab_test('fraud')), 100::numeric, 'of its decisions alone');
SELECT is((SELECT count(*) FROM mlops.ab_test('fraud', since => now())), 1::bigint, 'since a time, what answers now');
SELECT mlops.deploy('fraud', 1, 'canary', percent => 20, key => 'id', variant => 'old') \g /dev/null
SELECT decide(301, 350) \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', variant, version, metric), ', ' ORDER BY variant) FROM mlops.ab_test('fraud')), 'old 1 precision, primary 2 precision', 'another one under way');
SELECT is(counted(id), under_way, 'the former by its number') FROM ab;
SELECT later(), mlops.abort('fraud'), mlops.deploy('fraud', 1, 'canary', percent => 30, key => 'id', variant => 'old') \g /dev/null
SELECT mlops.rollback('fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops_catalog.releases_with_shares(current_user::regrole, (SELECT model_id FROM mlops_catalog.model WHERE name = 'fraud')) AS r WHERE until < 'infinity'),
	(SELECT count(*) FROM mlops.deployment_history WHERE strategy IN ('ab', 'canary', 'bandit') AND action = 'deploy'), 'an abort and a rollback end one, too');
SELECT is((SELECT string_agg(concat_ws(' ', variant, version, decisions), ', ' ORDER BY variant) FROM mlops.ab_test('fraud')), 'old 1 0, primary 2 0', 'the last one, of which nothing was decided');
SELECT is((SELECT count(*) FROM mlops.ab_test('fraud', deployment_id => (SELECT id FROM ab), since => clock_timestamp()) WHERE decisions > 0), 0::bigint, 'of a part of its time');
SELECT later(), mlops.rollback('fraud', 1) \g /dev/null
SELECT decide(351, 400) \g /dev/null
SELECT is(counted(id), under_way, 'nor does it count what primary answers when it is what it was') FROM ab;
SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud', deployment_id => -1)$$, '42704', 'deployment -1 of model "fraud" began no release with shares', 'one that had none');
SELECT mlops.train('whole', 'tx', target => 'is_fraud', exclude => '{id,customer}', params => '{"n_estimators": 3}'), mlops.deploy('whole', 1) \g /dev/null
SELECT throws_ok($$SELECT * FROM mlops.ab_test('whole')$$, '55000', 'no release of model "whole" is under way', 'a model without any');
SELECT throws_ok(format('SELECT * FROM mlops.ab_test(''whole'', deployment_id => %s)', id), '42704', NULL, 'nor another model''s') FROM ab;
SELECT * FROM finish();
ROLLBACK;
