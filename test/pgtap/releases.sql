-- Releases: each strategy moves the traffic it says, and can be promoted,
-- paused, aborted and rolled back; the history tells all of it.
\ir setup.psql
SELECT plan(91);

SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount,country}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('other', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.train('other', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null

CREATE FUNCTION answers(variants text[] DEFAULT NULL) RETURNS TABLE (variant text, version int, n bigint) LANGUAGE sql AS $$
	SELECT (p).variant, (p).version, count(*) FROM (SELECT mlops.predict('fraud', t) AS p FROM tx t OFFSET 0) q GROUP BY 1, 2
$$;
CREATE FUNCTION state() RETURNS TABLE (s text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', variant, version, kind, percent, key, rule, release, step) FROM mlops.deployments WHERE model = 'fraud'
	ORDER BY kind, variant
$$;

-- ---- arguments
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 5, key => 'id')$$, '55000', 'no version of model "fraud" is deployed', 'a canary needs something beside it');
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 5)$$, '22023', 'strategy "canary" needs a key', 'a canary needs a key');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', key => 'id')$$, '22023', 'strategy "canary" needs "percent" or "ramp"', 'a canary needs a percentage');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 150, key => 'id')$$, '22023', 'value 150 of "percent" is out of range', 'not above 100');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'ab', percent => -1, key => 'id')$$, '22023', 'value -1 of "percent" is out of range', 'nor below 0');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'ab', percent => 0, key => 'id')$$, '22023', 'strategy "ab" needs "percent" or "variants"', 'nor 0');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', ramp => '[{"percent": 100}]', key => 'id')$$, '22023', 'strategy "canary" needs "percent" or "ramp"', 'nor a ramp that begins with all');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 0, key => 'id')$$, '22023', 'strategy "canary" needs "percent" or "ramp"', 'above 0');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 120, key => 'id')$$, '22023', 'value 120 of "percent" is out of range', 'and below 100');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 7, 'canary', percent => 5, key => 'id')$$, '42704', 'version 7 of model "fraud" does not exist', 'a version that does not exist');
SELECT throws_ok($$SELECT mlops.deploy('fraud', NULL)$$, '22004', NULL, 'a version that is NULL');
SELECT throws_ok($$SELECT mlops.deploy(NULL, 1)$$, '22004', NULL, 'a model that is NULL');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, NULL)$$, '22004', '"strategy" must not be null', 'a strategy that is NULL');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'segment')$$, '22023', NULL, 'a segment needs a rule');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"country": {"a": 1}}')$$, '22023', 'column "country" in "rule" must have a value or a list of values', 'a nested rule');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'segment', rule => '{}')$$, '22023', 'a segment needs a rule', 'an empty rule');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"country": 7}')$$, '42804', 'the rule compares column "country" of type text with a number', 'a rule that cannot fit the column');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"online": ["yes"]}')$$, '42804', 'the rule compares column "online" of type boolean with a string', 'nor this one');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, rule => '{"country": "DE"}')$$, '22023', NULL, 'a rule without a segment');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'shadow', percent => 5)$$, '22023', NULL, 'a shadow takes no share');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, threshold => 1.5)$$, '22023', 'threshold 1.5 is out of range', 'a threshold out of range');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 5, key => 'id', guard => '{"psl": {"max": 1}}')$$, '22023', 'unrecognized key "psl" in "guard"', 'an unknown guard');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 5, key => 'id', guard => '{"psi": {"min": 1}}')$$, '22023', 'unrecognized key "min" in "guard.psi"', 'an unknown bound');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 5, key => 'id', guard => '{"psi": {"max": "x"}}')$$, '22023', '"max" in "guard.psi" must be a number', 'a bound that is no number');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, guard => '{"alert_rate": {"max_ratio": 2}}')$$, '22023', NULL, 'a direct deployment has nothing to compare with');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', key => 'id', ramp => '[{"percent": 5, "wait": "1 hour"}, {"percent": 5, "wait": "1 hour"}]')$$, '22023', 'the steps of "ramp" must rise in "percent"', 'a ramp must rise');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', key => 'id', ramp => '[{"percent": 5}]')$$, '22023', NULL, 'a step must say how long it lasts');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', key => 'id', ramp => '[{"percent": 5, "wiat": "1 hour"}]')$$, '22023', 'unrecognized key "wiat" in "ramp"', 'a key in a step that nobody knows');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', key => 'id', ramp => '[{"percent": 5, "wait": "170000000 years"}]')$$, '22023', 'value 170000000 years of a wait in "ramp" is out of range', 'a step without an end');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 7, key => 'id', ramp => '[{"percent": 5, "wait": "1 hour"}]')$$, '22023', 'give either "percent" or "ramp"', 'percent and ramp');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'ab', key => 'id', variants => '{"b": {"version": 3, "percent": 10}}')$$, '22023', NULL, 'version and variants');
SELECT throws_ok($$SELECT mlops.deploy('fraud', NULL, 'ab', key => 'id', variants => '{"primary": {"version": 3, "percent": 10}}')$$, '22023', 'invalid name "primary" of a variant', 'primary is what is deployed');
SELECT throws_ok($$SELECT mlops.deploy('fraud', NULL, 'ab', key => 'id', variants => '{"b": {"version": 2, "percent": 60}, "c": {"version": 3, "percent": 60}}')$$, '22023', 'the shares of the variants add up to 120 %', 'more than everything');
SELECT throws_ok($$SELECT mlops.promote('fraud')$$, '55000', 'no release of model "fraud" is under way', 'nothing to promote');
SELECT throws_ok($$SELECT mlops.pause('fraud')$$, '55000', 'no release of model "fraud" is under way', 'nothing to pause');
SELECT throws_ok($$SELECT mlops.resume('fraud')$$, '55000', 'no release of model "fraud" is under way', 'nothing to resume');
SELECT throws_ok($$SELECT mlops.abort('fraud')$$, '55000', 'no release of model "fraud" is under way', 'nothing to abort');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 1 share 100')$$, 'what was refused changed nothing');

-- ---- canary
SELECT is((SELECT (d.variant, d.version, d.percent, d.release)::text FROM mlops.deploy('fraud', 2, 'canary', percent => 10, key => 'id', note => 'try') d),
	'(canary,2,10,running)', 'a canary is what was deployed');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('canary 2 share 10 id running 1'), ('primary 1 share 90 id running 1')$$, 'primary keeps the rest');
SELECT is((SELECT array_agg(a.version ORDER BY variant) FROM answers() a), '{2,1}', 'both answer');
CREATE TEMP TABLE seen AS SELECT id, (mlops.predict('fraud', t)).variant FROM tx t;
SELECT ok((SELECT bool_and((mlops.predict('fraud', to_jsonb(t))).variant = s.variant) FROM tx t JOIN seen s USING (id)), 'a JSON object sees the same variant');
SELECT ok((SELECT bool_and((mlops.predict('fraud', q)).variant = s.variant) FROM (SELECT id::text AS id, ts, amount, balance, country, online FROM tx) q JOIN seen s ON s.id::text = q.id), 'and so does the key as text');
SELECT ok((SELECT bool_and((mlops.predict('fraud', q)).variant = s.variant) FROM (SELECT id::numeric AS id, ts, amount, balance, country, online FROM tx) q JOIN seen s ON s.id = q.id), 'or numeric');
SELECT is((mlops.predict('fraud', q)).variant, 'primary', 'a row whose key is NULL stays with primary') FROM (SELECT NULL::int AS id, ts, amount, balance, country, online FROM tx LIMIT 1) q;
SELECT is((SELECT count(*) FROM mlops.score_table('fraud', 'tx', key => 'id') x JOIN seen s ON s.id::text = x.key JOIN tx t USING (id)
	WHERE x.score <> mlops.score('fraud/' || CASE s.variant WHEN 'canary' THEN 2 ELSE 1 END, t)), 0::bigint, 'score_table follows the route');
SELECT throws_ok($$SELECT mlops.score('fraud', q) FROM (SELECT ts, amount, balance, country, online FROM tx LIMIT 1) q$$, '42703',
	'the row to score lacks column "id", by which model "fraud" chooses the variant', 'a row without the key');
SELECT throws_ok($$SELECT mlops.score('fraud', q) FROM (SELECT now() AS id, ts, amount, balance, country, online FROM tx LIMIT 1) q$$, '42804', NULL, 'a key of a type that is none');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 3, 'canary', percent => 5, key => 'id')$$, '55000', 'a release of model "fraud" is under way', 'one release at a time');
SELECT is((SELECT array_agg(release ORDER BY variant) FROM mlops.pause('fraud', 'wait')), '{paused,paused}', 'paused');
SELECT throws_ok($$SELECT mlops.pause('fraud')$$, '55000', 'the release of model "fraud" is already paused', 'not twice');
SELECT is((SELECT array_agg(release ORDER BY variant) FROM mlops.resume('fraud')), '{running,running}', 'resumed');
SELECT results_eq($$SELECT variant, version, percent FROM mlops.abort('fraud', 'worse')$$, $$VALUES ('primary', 1, 100::float8)$$, 'aborted: primary answers everything');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 1 share 100 id')$$, 'and nothing else is left, but the key that decisions are logged with');
SELECT mlops.deploy('fraud', 2, 'canary', percent => 10, key => 'id') \g /dev/null
SELECT is((SELECT count(*) FROM seen s JOIN tx t USING (id) WHERE (mlops.predict('fraud', t)).variant <> s.variant), 0::bigint, 'the next canary takes the same keys');
SELECT is((SELECT (version, percent, action)::text FROM mlops.promote('fraud', 'better')), '(2,100,promote)', 'promoted');
SELECT results_eq($$SELECT version, n FROM answers()$$, $$VALUES (2, 5000::bigint)$$, 'it answers everything');
SELECT is((SELECT version FROM mlops.rollback('fraud', note => 'alerts')), 1, 'a promotion can be rolled back');
SELECT is((SELECT version FROM mlops.rollback('fraud', to_version => 3)), 3, 'to a named version');
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id') \g /dev/null
SELECT is((SELECT (version, percent)::text FROM mlops.rollback('fraud')), '(1,100)', 'rollback of a release under way takes its traffic back');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 1 share 100 id')$$, 'and ends it');

-- ---- threshold
SELECT mlops.deploy('fraud', 2, 'canary', percent => 20, key => 'id', threshold => 0.125) \g /dev/null
SELECT is((SELECT array_agg(DISTINCT (mlops.predict('fraud', t)).threshold) FROM tx t WHERE (mlops.predict('fraud', t)).variant = 'canary'), '{0.125}', 'a canary has a threshold of its own');
SELECT mlops.promote('fraud') \g /dev/null
SELECT is((mlops.predict('fraud', t)).threshold, 0.125::float8, 'and keeps it when promoted') FROM tx t LIMIT 1;
SELECT mlops.deploy('fraud', 1) \g /dev/null

-- ---- ramp
SELECT mlops.deploy('fraud', 2, 'canary', key => 'id', ramp => '[{"percent": 1, "wait": "1 hour"}, {"percent": 100}]') \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('canary 2 share 1 id running 1'), ('primary 1 share 99 id running 1')$$, 'a ramp begins with its first step');
SELECT mlops.abort('fraud') \g /dev/null

-- ---- A/B
SELECT is((SELECT count(*) FROM mlops.deploy('fraud', NULL, 'ab', key => 'id', variants => '{"b": {"version": 2, "percent": 30}, "c": {"version": 3, "percent": 30, "threshold": 0.5}}')), 2::bigint, 'a test of three variants');
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('b 2 share 30 id running 1'), ('c 3 share 30 id running 1'), ('primary 1 share 40 id running 1')$$, 'what is deployed is one of them');
SELECT is((SELECT array_agg(a.version ORDER BY variant) FROM answers() a), '{2,3,1}', 'all answer');
SELECT throws_ok($$SELECT mlops.promote('fraud')$$, '22023', 'several variants of model "fraud" could be promoted', 'which?');
SELECT throws_ok($$SELECT mlops.promote('fraud', variant => 'd')$$, '42704', 'model "fraud" has no variant "d"', 'not that one');
SELECT mlops.abort('fraud', variant => 'b') \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('c 3 share 30 id running 1'), ('primary 1 share 70 id running 1')$$, 'one can be taken out');
SELECT is((SELECT version FROM mlops.promote('fraud', variant => 'c')), 3, 'or promoted');
SELECT mlops.deploy('fraud', 1) \g /dev/null

-- ---- segments
SELECT mlops.deploy('fraud', 3, 'segment', rule => '{"country": ["DE", "XX"], "online": true}') \g /dev/null
SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"country": "DE"}', variant => 'de') \g /dev/null
SELECT mlops.deploy('fraud', 2, 'segment', rule => '{"balance": null}', variant => 'unknown') \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('de 2 segment 0 {"country": "DE"}'), ('segment_1 3 segment 0 {"online": true, "country": ["DE", "XX"]}'),
	('unknown 2 segment 0 {"balance": null}'), ('primary 1 share 100 id')$$, 'segments are named and listed');
SELECT is((SELECT count(*) FROM tx t WHERE (mlops.predict('fraud', t)).variant <> CASE WHEN country = 'DE' AND online THEN 'segment_1'
	WHEN country = 'DE' THEN 'de' WHEN balance IS NULL THEN 'unknown' ELSE 'primary' END), 0::bigint, 'the first rule that fits decides');
SELECT is((SELECT count(*) FROM tx t WHERE (mlops.predict('fraud', t)).variant <> (mlops.predict('fraud', to_jsonb(t))).variant), 0::bigint, 'for JSON too');
SELECT throws_ok($$SELECT mlops.score('fraud', q) FROM (SELECT id, ts, amount, balance, 1 AS country, online FROM tx LIMIT 1) q$$, '42804', NULL, 'a rule for text against a number');
SELECT mlops.deploy('fraud', 2, 'canary', percent => 10, key => 'id') \g /dev/null
SELECT mlops.promote('fraud') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.deployments WHERE model = 'fraud' AND kind = 'segment'), 3::bigint, 'segments survive a promotion');
SELECT mlops.abort('fraud', variant => 'de') \g /dev/null
SELECT is((SELECT count(*) FROM tx t WHERE country = 'DE' AND (mlops.predict('fraud', t)).variant = 'de'), 0::bigint, 'one is taken away');
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('primary 1 share 100 id')$$, 'a direct deployment takes all');

-- ---- shadow
SELECT mlops.deploy('fraud', 2, 'shadow') \g /dev/null
SELECT results_eq($$SELECT * FROM state()$$, $$VALUES ('shadow_2 2 shadow 0'), ('primary 1 share 100 id')$$, 'a shadow stands beside');
SELECT results_eq($$SELECT version, n FROM answers()$$, $$VALUES (1, 5000::bigint)$$, 'and never answers');
SELECT is((SELECT version FROM mlops.promote('fraud', variant => 'shadow_2')), 2, 'until it is promoted');

SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 10, key => 'id') \g /dev/null
SELECT throws_ok($$SELECT mlops.deploy('fraud', 3, 'shadow', key => 'country')$$, '22023', 'the release of model "fraud" that is under way has another key', 'a shadow does not change the key of a canary');
SELECT lives_ok($$SELECT mlops.deploy('fraud', 3, 'shadow')$$, 'but stands beside it');
SELECT is((SELECT count(*) FROM tx t JOIN seen s USING (id) WHERE (mlops.predict('fraud', t)).variant <> s.variant), 0::bigint, 'and keys see what they saw');
CREATE TABLE live (LIKE tx, score float8, flagged boolean);
CREATE TRIGGER score BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged');
INSERT INTO live SELECT * FROM tx;
SELECT is((SELECT count(*) FROM live l JOIN tx t USING (id), LATERAL mlops.predict('fraud', t) p WHERE l.score <> p.score OR l.flagged <> p.flagged), 0::bigint, 'a trigger follows the route');
SELECT set_config(g.name, 'on', true) FROM pg_settings AS g WHERE g.name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SELECT is((SELECT md5(string_agg((mlops.predict('fraud', t)).variant, ',' ORDER BY id)) FROM tx t), (SELECT md5(string_agg(variant, ',' ORDER BY id)) FROM seen), 'and so does a parallel worker');
SELECT set_config(g.name, 'off', true) FROM pg_settings AS g WHERE g.name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SELECT mlops.abort('fraud') \g /dev/null
SELECT mlops.abort('fraud', variant => 'shadow_3') \g /dev/null

-- ---- names
SELECT throws_ok($$SELECT mlops.deploy('fraud', 1, 'ab', percent => 5, key => 'id', variant => 'a b')$$, '22023', 'invalid name "a b" of a variant', 'a name that is none');
SELECT mlops.deploy('fraud', 1, 'shadow', variant => 'canary') \g /dev/null
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, 'canary', percent => 5, key => 'id')$$, '42710', 'model "fraud" already has a variant "canary"', 'a name that is taken');
SELECT lives_ok($$SELECT mlops.deploy('fraud', 3, 'shadow', variant => 'canary')$$, 'a shadow is replaced by one of its name');
SELECT mlops.abort('fraud', variant => 'canary') \g /dev/null

-- ---- history
SELECT results_eq($$SELECT action, version, strategy FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id LIMIT 8$$,
	$$VALUES ('deploy', 1, 'direct'), ('deploy', 2, 'canary'), ('pause', 2, 'canary'), ('resume', 2, 'canary'), ('abort', 2, 'canary'),
		('deploy', 2, 'canary'), ('promote', 2, 'canary'), ('rollback', 1, 'direct')$$, 'the history has every change');
SELECT is((SELECT routes FROM mlops.deployment_history WHERE model = 'fraud' ORDER BY deployment_id OFFSET 1 LIMIT 1) -> 0 ->> 'variant', 'canary', 'and what answered from then on');
SELECT * FROM finish();
ROLLBACK;
