-- Decisions: answered by the route, logged as rows that live and die with their
-- transaction and are seen like any row inserted by the statement.
\ir setup.psql
SELECT plan(52);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount,country}', params => '{"n_estimators": 3}') \g /dev/null
SELECT throws_ok($$SELECT mlops.decide('fraud', t) FROM tx t$$, '55000', 'no version of model "fraud" is deployed', 'nothing deployed');
SELECT mlops.deploy('fraud', 1) \g /dev/null

-- ---- what it answers and logs
CREATE TEMP TABLE answer AS SELECT id, mlops.decide('fraud', t, 'tx' || id) AS d, mlops.predict('fraud', t) AS p FROM tx t;
SELECT is((SELECT count(*) FROM answer WHERE (d).score <> (p).score OR (d).flagged <> (p).flagged OR (d).threshold <> (p).threshold
	OR (d).version <> (p).version OR (d).variant <> (p).variant), 0::bigint, 'decide answers like predict');
SELECT is((SELECT count(*) FROM mlops.predictions), 5000::bigint, 'every decision is logged');
SELECT is((SELECT count(*) FROM answer a JOIN mlops.predictions l ON l.prediction_id = (a.d).prediction_id
	WHERE l.model = 'fraud' AND l.version = 1 AND l.variant = 'primary' AND NOT l.shadow AND l.key = 'tx' || a.id AND l.score = (a.p).score
		AND l.flagged = (a.p).flagged AND l.threshold = (a.p).threshold AND l.features IS NULL
		AND l.deployment_id = (SELECT max(deployment_id) FROM mlops.deployments)), 5000::bigint, 'as it was answered');
SELECT ok((SELECT bool_and(latency > 0 AND latency < 1e6 AND created_at BETWEEN transaction_timestamp() AND clock_timestamp()) FROM mlops.predictions), 'with its time and how long it took');
SELECT is((SELECT count(DISTINCT prediction_id) FROM mlops.predictions), 5000::bigint, 'each has an identity of its own');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE mlops.prediction_time(prediction_id) IS DISTINCT FROM created_at), 0::bigint, 'which holds its time');
SELECT is(mlops.prediction_time('3f6b1d0e-8f0a-4c55-9f25-1d5b7c7d2a11'), NULL, 'another UUID holds none');
SELECT throws_ok($$SELECT mlops.decide('fraud', NULL::tx)$$, '22004', '"features" must not be null', 'no row, no decision');
SELECT is((mlops.decide('fraud/2', t)).version, 2, 'a version by number') FROM tx t WHERE id = 1;
SELECT results_eq($$SELECT version, variant, key, deployment_id FROM mlops.predictions ORDER BY created_at DESC LIMIT 1$$, $$VALUES (2, NULL::text, NULL::text, NULL::bigint)$$, 'is logged as such');
SELECT is((mlops.decide('fraud', to_jsonb(t), 'j')).score, (mlops.predict('fraud', t)).score, 'a JSON object') FROM tx t WHERE id = 1;

SELECT to_jsonb(t)::text AS row FROM tx AS t WHERE id = 1 \gset
SELECT is(ARRAY[(mlops.decide('fraud', :'row')).score, (mlops.decide('fraud', :'row', 'text')).score, (mlops.decide('fraud', :'row', 17)).score,
	(mlops.decide('fraud', :'row'::jsonb, 18::smallint)).score, (mlops.decide('fraud', t, id)).score, (mlops.decide('fraud', t, key => 1::bigint, on_error => 'null')).score, (mlops.decide('fraud', t, NULL)).score],
	array_fill(mlops.score('fraud', t), ARRAY[7]), 'literals in JSON, keys that are numbers') FROM tx AS t WHERE id = 1;
SELECT is((SELECT string_agg(coalesce(key, '-'), ' ' ORDER BY created_at) FROM (SELECT * FROM mlops.predictions ORDER BY created_at DESC LIMIT 7) AS p), '- text 17 18 1 1 -', 'which are logged as texts');
SELECT throws_ok($$SELECT mlops.decide('fraud', 'no JSON')$$, '22P02', NULL, 'text that is none');
SELECT is(mlops.decide('fraud', 'no JSON', 'k', 'null')::text ~ ',,,,,', true, 'gets no score if that is asked for');
SELECT is((SELECT (key, sqlstate)::text FROM mlops.predictions WHERE error IS NOT NULL), '(k,22P02)', 'and is logged as failed');

-- ---- keys
TRUNCATE mlops_catalog.prediction;
SELECT mlops.deploy('fraud', 2, 'canary', percent => 30, key => 'id') \g /dev/null
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
SELECT is((SELECT count(*) FROM mlops.predictions l JOIN tx t ON t.id::text = l.key WHERE l.variant = (mlops.predict('fraud', t)).variant), 5000::bigint, 'the row''s key chooses and is logged');
TRUNCATE mlops_catalog.prediction;
SELECT count(mlops.decide('fraud', to_jsonb(t), 'event ' || id)) FROM tx t \g /dev/null
SELECT is((SELECT count(*) FROM mlops.predictions l JOIN tx t ON 'event ' || t.id = l.key WHERE l.variant = (mlops.predict('fraud', t)).variant), 5000::bigint, 'a key that is given is logged; the row''s own chooses');
TRUNCATE mlops_catalog.prediction;
SELECT count(mlops.decide('fraud', q, id::text)) FROM (SELECT ts, amount, balance, country, online FROM tx) q, LATERAL (SELECT id FROM tx t WHERE t.ts = q.ts) i \g /dev/null
SELECT is((SELECT count(*) FROM mlops.predictions l JOIN tx t ON t.id::text = l.key WHERE l.variant = (mlops.predict('fraud', t)).variant), 5000::bigint, 'a row without a key column: the key that is given chooses');
SELECT throws_ok($$SELECT mlops.decide('fraud', q) FROM (SELECT ts, amount, balance, country, online FROM tx) q$$, '42703', NULL, 'without any key');
SELECT is((mlops.decide('fraud', t)).variant, 'primary', 'a key that is NULL stays with primary') FROM (SELECT NULL::int AS id, ts, amount, balance, country, online FROM tx LIMIT 1) t;
SELECT mlops.abort('fraud') \g /dev/null

-- ---- subtransactions that fail
TRUNCATE mlops_catalog.prediction;
DO $$ BEGIN PERFORM mlops.decide('fraud', t, 'undone'), 1 / (id - 900) FROM tx t; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT cmp_ok((SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name = 'mlops predictions'), '<', 1000::numeric, 'decisions of a subtransaction that failed wait for nothing');
SELECT is((SELECT count(*) FROM mlops.predictions), 0::bigint, 'and are not logged');

-- ---- shadows
TRUNCATE mlops_catalog.prediction;
SELECT mlops.deploy('fraud', 2, 'shadow') \g /dev/null
CREATE TEMP TABLE shaded AS SELECT id, (mlops.decide('fraud', t)).* FROM tx t WHERE id <= 100;
SELECT is((SELECT array_agg(DISTINCT version) FROM shaded), '{1}', 'a shadow is not returned');
TRUNCATE mlops_catalog.prediction;
SELECT count(mlops.decide('fraud', t)) FROM tx t WHERE id <= 100 \g /dev/null
SELECT is((SELECT array_agg((variant, version, shadow, n)::text ORDER BY variant) FROM (SELECT variant, version, shadow, count(*) AS n FROM mlops.predictions GROUP BY 1, 2, 3) c), '{"(primary,1,f,100)","(shadow_2,2,t,100)"}', 'but logged');
SELECT is((SELECT count(*) FROM mlops.predictions a JOIN mlops.predictions s USING (prediction_id) WHERE NOT a.shadow AND s.shadow AND a.key = s.key), 100::bigint, 'under the identity of its decision');
SELECT is((SELECT count(*) FROM mlops.predictions l JOIN tx t ON t.id::text = l.key WHERE l.score <> mlops.score('fraud/' || l.version, t)), 0::bigint, 'with its own score');
SELECT mlops.abort('fraud', variant => 'shadow_2') \g /dev/null

-- ---- features
TRUNCATE mlops_catalog.prediction;
SET LOCAL mlops.log_features = on;
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
SELECT is((SELECT features FROM mlops.predictions WHERE key = '7'), (SELECT to_jsonb(t) - '{id,is_fraud}'::text[] FROM tx t WHERE id = 7), 'what the model reads is logged when asked');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE mlops.score('fraud', features) = score), 5000::bigint, 'and scores the same again');
SET LOCAL mlops.log_features = off;

-- ---- who sees a row, and when
TRUNCATE mlops_catalog.prediction;
CREATE FUNCTION logged() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM mlops.predictions';
CREATE FUNCTION logged_stable() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM mlops.predictions';
SELECT is((SELECT max(logged_stable()) FROM (SELECT mlops.decide('fraud', t) AS d FROM tx t WHERE id <= 50 OFFSET 0) q WHERE d IS NOT NULL), 0::bigint, 'the statement itself does not see its rows');
SELECT is((SELECT array_agg(n) FROM (SELECT logged() AS n, d FROM (SELECT mlops.decide('fraud', t) AS d FROM tx t WHERE id <= 3 OFFSET 0) q WHERE d IS NOT NULL) q), '{51,52,53}', 'a volatile function within it does');
CREATE FUNCTION in_plpgsql() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r tx := (SELECT t FROM tx t WHERE id = 1);
	d mlops.decision;
	seen text := '';
BEGIN
	DELETE FROM mlops_catalog.prediction;
	d := mlops.decide('fraud', r);
	seen := seen || logged();
	BEGIN
		seen := seen || logged();
		d := mlops.decide('fraud', r);
		d := mlops.decide('fraud', r);
		seen := seen || logged();
		PERFORM 1 / 0;
	EXCEPTION WHEN division_by_zero THEN
		seen := seen || logged();
	END;
	BEGIN
		d := mlops.decide('fraud', r);
		PERFORM mlops.decide('fraud', t) FROM tx t WHERE id <= 2;
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	RETURN seen || logged();
END $$;
SELECT is(in_plpgsql(), '11314', 'PL/pgSQL sees each at once, and not those of a block that failed');

-- a subtransaction begins while rows of the statement wait
CREATE FUNCTION with_block(i int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.decide('fraud', t, 'inner') FROM tx t WHERE id <= 2;
	IF i % 2 = 0 THEN
		RAISE division_by_zero;
	END IF;
	RETURN 'kept';
EXCEPTION WHEN division_by_zero THEN
	RETURN 'undone';
END $$;
DELETE FROM mlops_catalog.prediction;
SELECT count(mlops.decide('fraud', t, 'outer')), count(with_block(id)) FROM tx t WHERE id <= 100 \g /dev/null
SELECT results_eq($$SELECT key, count(*) FROM mlops.predictions GROUP BY key ORDER BY key$$, $$VALUES ('inner', 100::bigint), ('outer', 100::bigint)$$, 'subtransactions inside keep and lose their own');
DELETE FROM mlops_catalog.prediction;
SAVEPOINT a;
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
ROLLBACK TO a;
SELECT is(logged(), 0::bigint, 'a savepoint rolled back to leaves none');
SELECT count(mlops.decide('fraud', t)) FROM tx t WHERE id <= 10 \g /dev/null
RELEASE a;
SELECT is(logged(), 10::bigint, 'one released leaves them');
DECLARE c CURSOR FOR SELECT mlops.decide('fraud', t) FROM tx t;
\o /dev/null
FETCH 20 FROM c;
\o
SELECT is(logged(), 30::bigint, 'a cursor''s are seen between fetches');
\o /dev/null
FETCH 20 FROM c;
\o
CLOSE c;
SELECT is(logged(), 50::bigint, 'and after it was closed');
CREATE TEMP TABLE copied AS SELECT mlops.decide('fraud', t) AS d FROM tx t;
SELECT is(logged(), 5050::bigint, 'CREATE TABLE AS');
SELECT throws_ok($$SELECT mlops.decide('fraud', t), 1 / (id - 600) FROM tx t$$, '22012', NULL, 'a statement that fails');
SELECT is(logged(), 5050::bigint, 'leaves none');
CREATE TABLE live (LIKE tx, score float8);
CREATE FUNCTION decide_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.score := (mlops.decide('fraud', NEW, 'live')).score;
	RETURN NEW;
END $$;
CREATE TRIGGER decide BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION decide_row();
INSERT INTO live SELECT * FROM tx;
SELECT is((SELECT count(*) FROM mlops.predictions WHERE key = 'live'), 5000::bigint, 'from a trigger');
SELECT is((SELECT count(*) FROM live l JOIN tx t USING (id) WHERE l.score <> mlops.score('fraud', t)), 0::bigint, 'with the right scores');

-- ---- rights
CREATE ROLE regress_mlops_scorer;
CREATE ROLE regress_mlops_nobody;
GRANT SELECT ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SELECT mlops.grant('fraud', 'regress_mlops_scorer', 'score') \g /dev/null
SET LOCAL ROLE regress_mlops_scorer;
SELECT is((mlops.decide('fraud', t, 'scorer')).version, 1, 'score allows to decide') FROM tx t WHERE id = 1;
SELECT is((SELECT count(*) FROM mlops.predictions WHERE key = 'scorer'), 1::bigint, 'and to see the log');
SELECT throws_ok('SELECT mlops.maintain()', '42501', NULL, 'but not to maintain it');
SELECT throws_ok('SELECT * FROM mlops_catalog.prediction', '42501', NULL, 'or to reach the table');
SELECT throws_ok('SET mlops.retention = 1', '42501', NULL, 'or to shorten how long it is kept');
SET LOCAL ROLE regress_mlops_nobody;
SELECT throws_ok($$SELECT mlops.decide('fraud', t) FROM tx t$$, '42501', NULL, 'nobody else decides');
SELECT is((SELECT count(*) FROM mlops.predictions), 0::bigint, 'or sees decisions');
RESET ROLE;
SELECT throws_ok($q$DO $$BEGIN PERFORM set_config('transaction_read_only', 'on', true); PERFORM mlops.decide('fraud', t) FROM tx t; END$$$q$,
	'25006', 'cannot log a decision in a read-only transaction', 'a read-only transaction');
SELECT lives_ok($q$DO $$BEGIN PERFORM set_config('transaction_read_only', 'on', true); PERFORM mlops.predict('fraud', t) FROM tx t; END$$$q$, 'can predict');
SELECT * FROM finish();
ROLLBACK;
