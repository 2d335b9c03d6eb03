-- A payment does not fail because it cannot be scored: each cause, by decide and
-- by both triggers, with each choice of on_error.
\ir setup.psql
SELECT plan(144);
SET LOCAL client_min_messages = error;

CREATE TABLE t AS SELECT g AS id, g * 7 % 500 + 0.5::float8 AS amount, (ARRAY['DE','FR','US'])[1 + g % 3] AS country, g * 7 % 500 > 450 AS fraud FROM generate_series(1, 2000) g;
-- one model for each way to break it
CREATE FUNCTION make(model text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.train(model, 't', target => 'fraud', features => '{amount,country}', algorithm => 'logistic_regression', params => '{}');
	PERFORM mlops.deploy(model, 1);
END $$;
SELECT make(m) FROM unnest('{sound,infinite,missing,retyped,gone,undeployed,corrupt,denied,json}'::text[]) AS m \g /dev/null
SELECT mlops.train('never', 't', target => 'fraud', features => '{amount,country}', algorithm => 'logistic_regression') \g /dev/null

-- payments: a table for each cause, with both triggers in turn
CREATE TABLE payment (id int, amount float8, country text, score float8, flagged boolean);
CREATE TABLE payment_missing (id int, amount float8, score float8, flagged boolean);
CREATE TABLE payment_retyped (id int, amount text, country text, score float8, flagged boolean);

CREATE ROLE onerr_payer;
GRANT USAGE ON SCHEMA mlops TO onerr_payer;
GRANT ALL ON payment, payment_missing, payment_retyped TO onerr_payer;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO onerr_payer', current_schema()); END $$;

-- ---- the causes
DO $$
DECLARE
	bytes bytea;
	id bigint := (SELECT v.version_id FROM mlops_catalog.model_version v JOIN mlops_catalog.model m USING (model_id) WHERE m.name = 'corrupt');
BEGIN
	UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 200, get_byte(data, 200) # 255) WHERE version_id = id;
	PERFORM mlops.drop_model('gone', force => true);
	PERFORM mlops.undeploy('undeployed', 'not needed any more');
END $$;

CREATE TYPE outcome AS (answered text, logged bigint, sqlstate text, failed_model text, has_variant boolean);
-- What an insertion into a table with a trigger, or a call of decide, comes to.
CREATE FUNCTION try(way text, model text, tab text, value text, choice text) RETURNS outcome LANGUAGE plpgsql AS $$
DECLARE
	o outcome;
	since bigint := (SELECT count(*) FROM mlops_catalog.prediction);
	p mlops_catalog.prediction;
	d mlops.decision;
BEGIN
	BEGIN
		IF way = 'decide' THEN
			EXECUTE format('SELECT d.* FROM (SELECT mlops.decide(%L, %s, ''k'', %L) AS d OFFSET 0) AS s, LATERAL (SELECT (s.d).*) AS d', model, value, choice) INTO d;
			o.answered := coalesce(d.score::text, 'NULL') || coalesce(d.flagged::text, 'NULL');
		ELSE
			EXECUTE format('CREATE OR REPLACE TRIGGER s BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION mlops.%I(%L, ''score'', ''flagged'', %L)',
				tab, way, model, 'on_error=' || choice);
			IF model = 'denied' THEN
				SET LOCAL ROLE onerr_payer;
			END IF;
			EXECUTE format('INSERT INTO %I %s RETURNING coalesce(score::text, ''NULL'') || coalesce(flagged::text, ''NULL'')', tab, value) INTO o.answered;
			RESET ROLE;
		END IF;
	EXCEPTION WHEN OTHERS THEN
		RESET ROLE;
		o.answered := 'error ' || SQLSTATE;
	END;
	o.logged := (SELECT count(*) FROM mlops_catalog.prediction) - since;
	SELECT x.* INTO p FROM mlops_catalog.prediction AS x WHERE x.error IS NOT NULL ORDER BY x.created_at DESC, x.prediction_id DESC LIMIT 1;
	IF o.logged > 0 THEN
		o.sqlstate := p.sqlstate;
		o.failed_model := (SELECT m.name FROM mlops_catalog.model AS m WHERE m.model_id = p.model_id);
		o.has_variant := p.variant IS NOT NULL;
	END IF;
	RETURN o;
END $$;

CREATE TABLE cause (place serial, model text, tab text, inserted text, given text, code text, known boolean, variant boolean);
INSERT INTO cause (model, tab, inserted, given, code, known, variant) VALUES
	('infinite', 'payment', $$VALUES (1, 'infinity', 'DE')$$, $$(SELECT r FROM (SELECT 'infinity'::float8 AS amount, 'DE' AS country) r)$$, '22000', true, true),
	('missing', 'payment_missing', 'VALUES (1, 5)', '(SELECT r FROM (SELECT 5.0::float8 AS amount) r)', '42703', true, true),
	('retyped', 'payment_retyped', $$VALUES (1, 'five', 'DE')$$, $$(SELECT r FROM (SELECT 'five'::text AS amount, 'DE' AS country) r)$$, '42804', true, true),
	('gone', 'payment', $$VALUES (1, 5, 'DE')$$, $$(SELECT r FROM (SELECT 5.0::float8 AS amount, 'DE' AS country) r)$$, '42704', false, false),
	('undeployed', 'payment', $$VALUES (1, 5, 'DE')$$, $$(SELECT r FROM (SELECT 5.0::float8 AS amount, 'DE' AS country) r)$$, '55000', true, false),
	('never', 'payment', $$VALUES (1, 5, 'DE')$$, $$(SELECT r FROM (SELECT 5.0::float8 AS amount, 'DE' AS country) r)$$, '55000', true, false),
	('corrupt', 'payment', $$VALUES (1, 5, 'DE')$$, $$(SELECT r FROM (SELECT 5.0::float8 AS amount, 'DE' AS country) r)$$, 'XX001', true, true),
	('no such model!', 'payment', $$VALUES (1, 5, 'DE')$$, $$(SELECT r FROM (SELECT 5.0::float8 AS amount, 'DE' AS country) r)$$, '22023', false, false),
	('json', NULL, NULL, $$'{"amount": "much", "country": "DE"}'::jsonb$$, '22P02', true, true),
	('json', NULL, NULL, $$'[1]'::jsonb$$, '42804', true, false),
	('denied', 'payment', $$VALUES (1, 5, 'DE')$$, NULL, '42501', true, false);

SELECT is(try(way, c.model, tab, CASE way WHEN 'decide' THEN given ELSE inserted END, choice)::text,
	(CASE choice WHEN 'raise' THEN ('error ' || code, 0, NULL, NULL, NULL)::outcome
		ELSE (CASE choice WHEN 'null' THEN 'NULLNULL' ELSE '0.97true' END, 1, code, CASE WHEN known THEN c.model END, variant)::outcome END)::text,
	format('%s, %s, on_error %s', c.model, way, choice))
FROM cause AS c CROSS JOIN unnest('{decide,score_trigger,decide_trigger}'::text[]) WITH ORDINALITY AS w(way, w)
CROSS JOIN unnest('{raise,"null",0.97}'::text[]) WITH ORDINALITY AS o(choice, o)
WHERE CASE way WHEN 'decide' THEN given IS NOT NULL ELSE inserted IS NOT NULL END
ORDER BY place, w, o;

-- ---- more about failures
SELECT is((SELECT error FROM mlops.predictions WHERE model = 'missing' LIMIT 1), 'the row to score lacks columns that the model reads: "country"', 'the log says why');
DROP TRIGGER s ON payment;
CREATE TRIGGER d BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('denied', 'score', 'key=country', 'on_error=null');
SELECT count(*) AS denied FROM mlops.predictions WHERE model = 'denied' \gset
SET LOCAL ROLE onerr_payer;
SELECT mlops.decide('denied', r, 'words of mine', 'null') FROM (SELECT 5.0::float8 AS amount, 'DE' AS country) r \g /dev/null
INSERT INTO payment VALUES (1, 5, 'words of mine');
RESET ROLE;
DROP TRIGGER d ON payment;
SELECT is((SELECT (count(*) - :denied, count(key), count(route_key), count(features))::text FROM mlops_catalog.prediction AS p JOIN mlops_catalog.model AS m USING (model_id) WHERE m.name = 'denied'),
	'(2,0,0,0)', 'who may not score leaves no words of its own');
SELECT throws_ok($$SELECT mlops.decide('sound', t, on_error => 'ignore') FROM t LIMIT 1$$, '22023', 'unrecognized value "ignore" of "on_error"', 'on_error is checked');
SELECT throws_ok($$SELECT mlops.decide('sound', t, on_error => '1.5') FROM t LIMIT 1$$, '22023', NULL, 'a score is a probability');
SELECT throws_ok($$SELECT mlops.decide('sound', r) FROM (SELECT 5 AS a) r$$, '42703', NULL, 'decide raises unless it is told otherwise');

-- NULL instead of a model or a row: nothing that could be decided
SELECT is(outcome::text, (CASE choice WHEN 'raise' THEN ('error 22004', 0, NULL, NULL, NULL)::outcome
	ELSE (CASE choice WHEN 'null' THEN 'NULLNULL' ELSE '0.97true' END, 1, '22004', model, false)::outcome END)::text, format('%s of %s, on_error %s', given, coalesce(model, 'NULL'), choice))
FROM unnest('{sound,NULL}'::text[]) WITH ORDINALITY AS m(model, m) CROSS JOIN unnest('{NULL::t,NULL::jsonb,"ROW(1)"}'::text[]) WITH ORDINALITY AS g(given, g)
CROSS JOIN unnest('{raise,"null",0.97}'::text[]) WITH ORDINALITY AS o(choice, o), try('decide', model, NULL, given, choice) AS outcome
WHERE model IS NULL OR given ~ 'NULL' ORDER BY m, g, o;
SELECT is((SELECT array_agg(DISTINCT error ORDER BY error) FROM mlops_catalog.prediction WHERE sqlstate = '22004'), '{"\"features\" must not be null","\"model\" must not be null"}', 'the log says which');
SELECT is((mlops.decide('sound', ROW(NULL::int, NULL::float8, NULL::text, NULL::boolean)::t)).version, 1, 'a row of NULLs is one');
SELECT is((SELECT format('%s%s%s%s', mlops.score('sound', t), mlops.score(NULL, ROW(1)), mlops.score_version('sound', 1, t), (mlops.predict('sound', t)).score) FROM (SELECT 1) AS one LEFT JOIN t ON false), '', 'scores of them are NULL');
SELECT is((SELECT count(*) FROM mlops.explain('sound', NULL::t)), 0::bigint, 'with nothing to explain');
DELETE FROM mlops_catalog.prediction WHERE key IS NULL OR sqlstate = '22004';
SET LOCAL ROLE onerr_payer;
SELECT throws_ok($$SELECT mlops.decide('denied', NULL::jsonb)$$, '42501', NULL, 'who may not score is told that');
RESET ROLE;

-- a statement of many rows, of which some fail: each is logged once
CREATE TABLE many (id int, amount float8, country text, score float8, flagged boolean);
CREATE TRIGGER d BEFORE INSERT ON many FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('sound', 'score', 'flagged', 'id');
INSERT INTO many SELECT g, CASE WHEN g % 10 = 0 THEN 'infinity'::float8 ELSE g END, 'DE' FROM generate_series(1, 3000) AS g;
SELECT is((SELECT (count(*), count(DISTINCT key), count(error), count(score), count(*) FILTER (WHERE variant = 'primary'))::text FROM mlops.predictions WHERE model = 'sound'),
	'(3000,3000,300,2700,3000)', 'each row of a statement is logged once');
SELECT is((SELECT count(*) FROM many WHERE score IS DISTINCT FROM CASE WHEN id % 10 <> 0 THEN mlops.score('sound', many) END), 0::bigint, 'those that can be are scored');
SELECT is((SELECT count(*) FROM many JOIN mlops.predictions p ON p.key = many.id::text AND p.score = many.score AND p.flagged = many.flagged), 2700::bigint, 'as they are logged');

-- keys of any length, and of other types
CREATE TABLE wide (k text, amount float8, country text, score float8);
CREATE TRIGGER d BEFORE INSERT ON wide FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('sound', 'score', 'key=k');
INSERT INTO wide SELECT string_agg(md5(g::text), ''), 1, 'DE' FROM generate_series(1, 30000) AS g;
SELECT is((SELECT count(*) FROM mlops.predictions WHERE model = 'sound' AND length(key) BETWEEN 900 AND 1000), 1::bigint, 'a key of a megabyte is logged, bounded');

-- a cancel is not an error of scoring
CREATE FUNCTION slow(v float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(20); RETURN v; END';
CREATE TABLE slowly (amount float8, country text, g float8 GENERATED ALWAYS AS (slow(amount)) STORED, score float8);
CREATE TRIGGER d BEFORE INSERT ON slowly FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('sound', 'score');
SET LOCAL statement_timeout = '300ms';
CREATE FUNCTION canceled() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO slowly VALUES (1, 'DE'); RETURN false; EXCEPTION WHEN query_canceled THEN RETURN true; END $$;
SELECT ok(canceled(), 'a cancel is not swallowed');
SET LOCAL statement_timeout = 0;
-- what fails in a generated column fails as it would without the trigger, and not before another trigger can mend it
CREATE TABLE ratio (amount float8, usual float8, country text, r float8 GENERATED ALWAYS AS (amount / usual) STORED, score float8);
CREATE TRIGGER a BEFORE INSERT ON ratio FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('sound', 'score');
CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.usual := nullif(NEW.usual, 0); RETURN NEW; END';
CREATE TRIGGER b BEFORE INSERT ON ratio FOR EACH ROW EXECUTE FUNCTION mend();
SELECT lives_ok($$INSERT INTO ratio VALUES (1, 0, 'DE')$$, 'a generated column that a later trigger mends');
SELECT is((SELECT score FROM ratio), NULL, 'is a failure of scoring until then');

-- ---- shadows never change an answer
CREATE TABLE n AS SELECT id, amount, amount * 2 AS b, country, fraud FROM t;
SELECT mlops.train('s', 'n', target => 'fraud', features => '{amount}', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.train('s', 'n', target => 'fraud', features => '{amount,b}', algorithm => 'logistic_regression') \g /dev/null
SELECT FROM mlops.deploy('s', 1) \g /dev/null
SELECT FROM mlops.deploy('s', 2, 'shadow', key => 'id') \g /dev/null
CREATE TABLE odd (place serial, given text, code text);
INSERT INTO odd (given, code) VALUES
	('(SELECT r FROM (SELECT 1 AS id, 5.0::float8 AS amount) r)', '42703'),
	($$(SELECT r FROM (SELECT 1 AS id, 5.0::float8 AS amount, 'infinity'::float8 AS b) r)$$, '22000'),
	($$(SELECT r FROM (SELECT 1 AS id, 5.0::float8 AS amount, 'much'::text AS b) r)$$, '42804'),
	($$'{"id": 1, "amount": 5, "b": "much"}'::jsonb$$, '22P02'),
	($$'{"id": 1, "amount": 5}'::jsonb$$, '42703');
CREATE FUNCTION beside(given text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer float8;
BEGIN
	TRUNCATE mlops_catalog.prediction;
	EXECUTE format('SELECT (mlops.decide(''s'', %s, ''key'')).score', given) INTO answer;
	RETURN (SELECT string_agg(format('%s %s %s', variant, shadow, coalesce(sqlstate, (score = answer AND answer = mlops.score_version('s', 1, ROW(5.0::float8)))::text)), ', ' ORDER BY shadow)
		FROM mlops.predictions WHERE key = 'key');
END $$;
SELECT is(beside(given), 'primary f true, shadow_2 t ' || code, 'a shadow that fails: ' || given) FROM odd ORDER BY place;
SELECT is((SELECT count(DISTINCT prediction_id) FROM mlops.predictions), 1::bigint, 'its failure has the identity of the decision');
UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 200, get_byte(data, 200) # 255)
	WHERE version_id = (SELECT v.version_id FROM mlops_catalog.model_version v JOIN mlops_catalog.model m USING (model_id) WHERE m.name = 's' AND v.version = 2);
SELECT FROM mlops.abort('s', variant => 'shadow_2') \g /dev/null
CREATE FUNCTION spoil(model text, version int) RETURNS void LANGUAGE sql AS $$
	UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 200, get_byte(data, 200) # 255)
		WHERE version_id = (SELECT v.version_id FROM mlops_catalog.model_version v JOIN mlops_catalog.model m USING (model_id) WHERE m.name = $1 AND v.version = $2) $$;
SELECT mlops.train('s', 'n', target => 'fraud', features => '{b}', algorithm => 'logistic_regression') \g /dev/null
SELECT spoil('s', 3);
SELECT FROM mlops.deploy('s', 3, 'shadow') \g /dev/null
SELECT is(beside('(SELECT r FROM (SELECT 1 AS id, 5.0::float8 AS amount, 3.0::float8 AS b) r)'), 'primary f true, shadow_3 t XX001', 'a shadow whose bytes are corrupt');
SELECT isnt(mlops.score('s', n), NULL, 'is no concern of score') FROM n LIMIT 1;
SELECT is((mlops.predict('s', n)).version, 1, 'nor of predict') FROM n LIMIT 1;
SELECT FROM mlops.abort('s', variant => 'shadow_3') \g /dev/null

-- ---- a canary that fails: primary answers, the guard counts
SELECT throws_ok($$SELECT mlops.deploy('s', 2, 'canary', percent => 50, key => 'id', guard => '{"errors": {"min": 3}}')$$, '22023', NULL, 'errors have a max only');
SELECT FROM mlops.deploy('s', 2, 'canary', percent => 50, key => 'id', guard => '{"error_rate": {"max": 0.1}, "errors": {"max": 60}, "min_decisions": 10}') \g /dev/null
TRUNCATE mlops_catalog.prediction;
CREATE TABLE said AS SELECT id, mlops.decide('s', r, id::text) AS d FROM (SELECT id, amount FROM n WHERE id <= 100) r;
SELECT is((SELECT count(*) FROM said JOIN n USING (id) WHERE (d).score = mlops.score_version('s', 1, n) AND (d).variant = 'primary' AND (d).version = 1), 100::bigint, 'primary answers for the canary');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE NOT shadow), 100::bigint, 'one decision a row');
SELECT ok((SELECT count(*) BETWEEN 30 AND 70 AND count(*) = count(DISTINCT prediction_id) FROM mlops.predictions WHERE variant = 'canary' AND sqlstate = '42703' AND shadow), 'and a failure for each row of the canary''s');
CREATE TABLE guarded AS SELECT * FROM mlops.check_guards('s');
SELECT results_eq($$SELECT metric, value, passed, action FROM guarded WHERE metric = 'error_rate' OR action IS NOT NULL ORDER BY metric NULLS LAST$$,
	$$VALUES ('error_rate', 1::float8, false, NULL), (NULL, NULL, NULL, 'rolled back')$$, 'its guard rolls it back');
SELECT is((SELECT value FROM guarded WHERE metric = 'errors'), (SELECT count(*)::float8 FROM mlops.predictions WHERE variant = 'canary'), 'by the errors there were');
SELECT is((SELECT array_agg(variant) FROM mlops.deployments WHERE model = 's'), '{primary}', 'and primary is left');
-- with values that the canary can score, or not, the rate is a share
SELECT FROM mlops.deploy('s', 2, 'canary', percent => 50, key => 'id', guard => '{"error_rate": {"max": 0.1}, "errors": {"max": 5}, "min_decisions": 1000}') \g /dev/null
TRUNCATE mlops_catalog.prediction;
SELECT count(mlops.decide('s', r, id::text)) FROM (SELECT id, amount, CASE WHEN id % 10 = 0 THEN 'infinity'::float8 ELSE b END AS b FROM n WHERE id <= 500) r \g /dev/null
CREATE TABLE guarded2 AS SELECT * FROM mlops.check_guards('s');
SELECT results_eq($$SELECT metric, passed, action FROM guarded2 WHERE variant = 'canary' ORDER BY metric NULLS LAST$$,
	$$VALUES ('error_rate', NULL::boolean, 'waits for data'), ('errors', false, NULL), (NULL, NULL, 'rolled back')$$, 'a number of errors needs no wait, a rate does');
SELECT is((SELECT round(value::numeric, 9) FROM guarded2 WHERE metric = 'error_rate'),
	(SELECT round((count(error)::float8 / count(*))::numeric, 9) FROM mlops.predictions WHERE variant = 'canary'), 'of all that it was asked');
SELECT is((SELECT count(*) FROM mlops.predictions p JOIN n ON n.id::text = p.key WHERE p.shadow IS FALSE AND p.error IS NULL AND p.score <> mlops.score_version('s', p.version, n)), 0::bigint, 'and every answer is its version''s');
-- by a trigger without a log of its own
SELECT FROM mlops.deploy('s', 2, 'canary', percent => 50, key => 'id') \g /dev/null
CREATE TABLE live (id int, amount float8, score float8);
CREATE TRIGGER s BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('s', 'score');
TRUNCATE mlops_catalog.prediction;
INSERT INTO live SELECT id, amount FROM n WHERE id <= 100;
SELECT is((SELECT count(*) FROM live JOIN n USING (id) WHERE live.score = mlops.score_version('s', 1, n)), 100::bigint, 'score_trigger too takes primary''s answer');
SELECT ok((SELECT count(*) BETWEEN 30 AND 70 AND bool_and(error IS NOT NULL AND variant = 'canary') FROM mlops.predictions), 'and logs what failed, and nothing else');

-- ---- in traffic, and as something to be alerted by
SELECT FROM mlops.abort('s') \g /dev/null
SELECT FROM mlops.deploy('s', 2, 'canary', percent => 50, key => 'id') \g /dev/null
SELECT FROM mlops.deploy('s', 2, 'shadow', variant => 'dark') \g /dev/null
TRUNCATE mlops_catalog.prediction;
SELECT count(mlops.decide('s', r, id::text, 'null')) FROM (SELECT id, CASE WHEN id % 4 = 0 THEN 'infinity'::float8 ELSE amount END AS amount, CASE WHEN id % 5 = 0 THEN 'infinity'::float8 ELSE b END AS b FROM n WHERE id <= 400) r \g /dev/null
SELECT mlops.undeploy('s') \g /dev/null
SELECT mlops.decide('s', n, 'x', '0.5') FROM n LIMIT 7 \g /dev/null
SELECT mlops.monitor('s', every => '1 hour') \g /dev/null
CREATE TABLE seen AS SELECT * FROM mlops.predictions;
SELECT mlops_catalog.record_traffic(0::regrole, 's', m.model_id, now() - interval '1 hour', clock_timestamp() + interval '1 minute') FROM mlops_catalog.model m WHERE name = 's' \g /dev/null
SELECT results_eq($$SELECT variant, version, shadow, decisions, errors, error_rate FROM mlops.traffic WHERE model = 's' ORDER BY variant NULLS LAST$$,
	$$SELECT variant, version, shadow AND variant = 'dark', count(*) - count(error), count(error), count(error)::float8 / count(*) FROM seen GROUP BY 1, 2, 3 ORDER BY variant NULLS LAST$$, 'traffic counts what failed, by variant');
SELECT is((SELECT (decisions, errors, mean_score, latency_p95, alert_rate, version)::text FROM mlops.traffic WHERE model = 's' AND variant IS NULL), '(0,7,,,,)', 'also where none could be chosen');
SELECT ok((SELECT bool_and(value BETWEEN 0 AND 1) AND count(*) = 4 FROM mlops.monitor_metrics WHERE model = 's' AND metric = 'error_rate'), 'the share is a metric');
SELECT lives_ok($$SELECT mlops.set_alert_rule('s', 'unscored', 'error_rate', max => 0.01, min_decisions => 5)$$, 'that a rule can watch');
SELECT results_eq($$SELECT (w).broken, (w).value FROM (SELECT mlops_catalog.rule_windows(0::regrole, 's', r, m) AS w FROM mlops_catalog.alert_rule r JOIN mlops_catalog.monitor m USING (model_id) JOIN mlops_catalog.model USING (model_id) WHERE model.name = 's') w$$,
	$$VALUES (true, 1::float8)$$, 'and finds broken');
SELECT ok(mlops.prometheus_metrics() ~ 'mlops_error_ratio\{.*model="s"', 'Prometheus has it too');
SELECT ok((SELECT mlops.why(prediction_id)::jsonb -> 'decision' ->> 'error' IS NOT NULL AND mlops.why(prediction_id)::jsonb ->> 'explanation_note' = 'the row could not be scored' FROM mlops.predictions WHERE NOT shadow AND error IS NOT NULL LIMIT 1), 'why tells of it');
SELECT * FROM finish();
ROLLBACK;
