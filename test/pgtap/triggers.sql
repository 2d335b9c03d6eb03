-- score_trigger and decide_trigger: what they fill and log, what CREATE TRIGGER
-- refuses, what check_catalog tells.
\ir setup.psql
SELECT plan(58);
SET LOCAL client_min_messages = error;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount,country,online}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', algorithm => 'logistic_regression') \g /dev/null
SELECT FROM mlops.deploy('fraud', 1) \g /dev/null
SELECT FROM mlops.deploy('fraud', 2, 'shadow', key => 'country') \g /dev/null
CREATE FUNCTION made(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'made';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state, message, nullif(hint, ''));
END $$;

-- ---- arguments
CREATE TABLE live (id int, amount float8, country text, online boolean, score float8, flagged boolean, note text, twice float8 GENERATED ALWAYS AS (amount * 2) STORED);
CREATE FUNCTION trigger_with(function text, arguments text, timing text DEFAULT 'BEFORE INSERT', per text DEFAULT 'ROW') RETURNS text LANGUAGE sql AS $$
	SELECT made(format('CREATE TRIGGER x %s ON live FOR EACH %s EXECUTE FUNCTION mlops.%s(%s)', timing, per, function, arguments)) $$;
CREATE TABLE wrong (place serial, function text, arguments text, answer text);
INSERT INTO wrong (function, arguments, answer) VALUES
	('score_trigger', $$'fraud'$$, '22023 | trigger "x": argument "score" is missing | score_trigger takes model, score column [, flag column [, on_error]]; the last ones may be given as ''name=value'' too.'),
	('score_trigger', '', '22023 | trigger "x": argument "model" is missing | score_trigger takes model, score column [, flag column [, on_error]]; the last ones may be given as ''name=value'' too.'),
	('decide_trigger', $$'fraud'$$, '22023 | trigger "x": argument "score" is missing | decide_trigger takes model, score column [, flag column [, key column [, on_error]]]; the last ones may be given as ''name=value'' too.'),
	('score_trigger', $$'fraud', 'score', 'flagged', 'null', 'more'$$, '22023 | trigger "x": score_trigger takes at most 4 arguments, not 5 | score_trigger takes model, score column [, flag column [, on_error]]; the last ones may be given as ''name=value'' too.'),
	('score_trigger', $$'fraud', 'score', 'score=score'$$, '22023 | trigger "x": argument "score" is given twice | score_trigger takes model, score column [, flag column [, on_error]]; the last ones may be given as ''name=value'' too.'),
	('score_trigger', $$'fraud', 'scroe'$$, '42703 | trigger "x": column "scroe" does not exist in table "live" | It is the score column of score_trigger.'),
	('score_trigger', $$'fraud', 'note'$$, '42804 | trigger "x": column "note" must be of type double precision'),
	('score_trigger', $$'fraud', 'twice'$$, '428C9 | trigger "x": column "twice" is generated, nothing can be written to it'),
	('decide_trigger', $$'fraud', 'score', 'note'$$, '42804 | trigger "x": column "note" must be of type boolean'),
	('decide_trigger', $$'fraud', 'score', 'key=nokey'$$, '42703 | trigger "x": column "nokey" does not exist in table "live" | It is the key column of decide_trigger.'),
	('decide_trigger', $$'fraud', 'score', 'key=amount'$$, '42804 | trigger "x": column "amount" of type double precision cannot be a key | A key is an integer, numeric, text, uuid or enum, which have one text. Cast others to text in a view or query, or in a generated column.'),
	('score_trigger', $$'fraud', 'score', 'on_error=maybe'$$, '22023 | unrecognized value "maybe" of "on_error" | It is raise, null, or the score to give instead, a number from 0 to 1.');
SELECT is(trigger_with(function, arguments), answer, format('CREATE TRIGGER ... %s(%s)', function, arguments)) FROM wrong ORDER BY place;
SELECT is(trigger_with('score_trigger', $$'fraud', 'score'$$, 'AFTER INSERT'), '39P01 | trigger "x": score_trigger must be fired BEFORE INSERT OR UPDATE FOR EACH ROW', 'AFTER');
SELECT is(trigger_with('decide_trigger', $$'fraud', 'score'$$, 'BEFORE INSERT OR DELETE'), '39P01 | trigger "x": decide_trigger must be fired BEFORE INSERT OR UPDATE FOR EACH ROW', 'BEFORE DELETE');
SELECT is(trigger_with('score_trigger', $$'fraud', 'score'$$, 'BEFORE INSERT', 'STATEMENT'), '39P01 | trigger "x": score_trigger must be fired BEFORE INSERT OR UPDATE FOR EACH ROW', 'a statement');
SELECT is(made($$CREATE TRIGGER x BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()$$), 'made', 'other triggers are none of our business');
DROP TRIGGER x ON live;
SELECT is((SELECT evtenabled::text FROM pg_event_trigger WHERE evtname = 'mlops_check_new_trigger'), 'A', 'also where the session is a replica');

-- ---- what a decision fills and logs
SELECT is(trigger_with('decide_trigger', $$'fraud', 'score', 'flagged', 'id'$$), 'made', 'all arguments by place');
INSERT INTO live (id, amount, country, online) SELECT id, amount, country, online FROM tx WHERE id <= 500;
SELECT is((SELECT count(*) FROM live WHERE score = mlops.score('fraud', live) AND flagged = (mlops.predict('fraud', live)).flagged), 500::bigint, 'score and flag are those of predict');
SELECT is((SELECT count(*) FROM live l JOIN mlops.predictions p ON p.key = l.id::text AND p.route_key = l.country AND p.score = l.score AND p.flagged = l.flagged
	WHERE NOT p.shadow AND p.version = 1 AND p.error IS NULL), 500::bigint, 'they are logged, with the key');
SELECT is((SELECT count(*) FROM live l JOIN mlops.predictions p ON p.key = l.id::text AND p.score = mlops.score_version('fraud', 2, l) WHERE p.shadow AND p.version = 2), 500::bigint, 'and so are the shadows');
SELECT is((SELECT count(*) FROM mlops.predictions), 1000::bigint, 'once each');
SET LOCAL mlops.log_features = on;
INSERT INTO live (id, amount, country, online) VALUES (1001, 12.5, 'DE', true);
SELECT is((SELECT features FROM mlops.predictions WHERE key = '1001' AND NOT shadow), '{"amount": 12.5, "country": "DE", "online": true}'::jsonb, 'with what the model read, if asked');
SET LOCAL mlops.log_features = off;
DROP TRIGGER x ON live;
SELECT is(trigger_with('decide_trigger', $$'fraud', 'score=score', 'on_error=0.5'$$, 'BEFORE INSERT OR UPDATE'), 'made', 'arguments by name');
UPDATE live SET amount = 'infinity' WHERE id = 7;
SELECT is((SELECT score FROM live WHERE id = 7), 0.5::float8, 'an update too');
DROP TRIGGER x ON live;
SELECT is(trigger_with('decide_trigger', $$'fraud', 'score', '', '', '0.25'$$), 'made', 'empty ones are left out');
TRUNCATE mlops_catalog.prediction;
INSERT INTO live (id, amount, country, online) VALUES (2001, 'infinity', 'DE', true);
SELECT results_eq($$SELECT key, score, flagged, sqlstate FROM mlops.predictions WHERE NOT shadow$$, $$SELECT 'DE', 0.25::float8, 0.25 >= threshold, '22000' FROM mlops.deployments WHERE variant = 'primary'$$, 'the route''s key is the key then');
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE object LIKE 'trigger%'$$, 'nothing stands against it');

-- ---- columns of the table that go
ALTER TABLE live RENAME COLUMN score TO points;
SELECT results_eq($$SELECT * FROM mlops.check_catalog() WHERE object LIKE 'trigger%'$$,
	$$VALUES ('fraud', 'trigger x of table public.live', 'trigger "x": column "score" does not exist in table "live"')$$, 'check_catalog tells of a column that is gone');
SELECT lives_ok($$INSERT INTO live (id, amount, country, online) VALUES (2002, 5, 'DE', true)$$, 'and payments go on');
SELECT is((SELECT array_agg(error) FROM mlops.predictions WHERE sqlstate = '42703'), '{"trigger \"x\": column \"score\" does not exist in table \"live\""}', 'with the reason in the log');
ALTER TABLE live RENAME COLUMN points TO score;
ALTER TABLE live ALTER COLUMN country TYPE boolean USING true;
SELECT is((SELECT array_agg(problem) FROM mlops.check_catalog() WHERE object LIKE 'trigger%'), '{"column \"country\" has type boolean, but the model was trained on text"}', 'a changed type of an input');
ALTER TABLE live DROP COLUMN country;
SELECT is((SELECT array_agg(problem) FROM mlops.check_catalog() WHERE object LIKE 'trigger%'), '{"the row to score lacks columns that the model reads: \"country\""}', 'an input that is gone');
ALTER TABLE live ADD country text;
SELECT FROM mlops.undeploy('fraud') \g /dev/null
SELECT is((SELECT array_agg(problem) FROM mlops.check_catalog() WHERE object LIKE 'trigger%'), '{"no version of model \"fraud\" is deployed"}', 'a model out of service');
SELECT FROM mlops.rollback('fraud') \g /dev/null
ALTER TABLE live DISABLE TRIGGER x;
SELECT results_eq($$SELECT * FROM mlops.check_catalog() WHERE object LIKE 'trigger%'$$,
	$$VALUES ('fraud', 'trigger x of table public.live', 'is disabled: rows are stored without a score, and nothing is logged; ALTER TABLE public.live ENABLE TRIGGER x, or drop it if it is not wanted any more')$$,
	'a trigger that is disabled');
ALTER TABLE live ENABLE REPLICA TRIGGER x;
SELECT matches((SELECT problem FROM mlops.check_catalog() WHERE object LIKE 'trigger%'), '^is enabled only for what is replicated: rows are stored without a score', 'or fires for replicated rows only');
ALTER TABLE live ENABLE ALWAYS TRIGGER x;
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE object LIKE 'trigger%'$$, 'one that always fires is well');
ALTER TABLE live DISABLE TRIGGER ALL;
SELECT is((SELECT count(*) FROM mlops.check_catalog() WHERE object LIKE 'trigger%'), 1::bigint, 'all that are disabled at once');
SELECT FROM mlops.undeploy('fraud') \g /dev/null
SELECT is(made($$CREATE TABLE other (amount float8, s float8 NOT NULL); CREATE TRIGGER o BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('nobody', 's')$$), 'made', 'a model may come later than its trigger');
SELECT matches((SELECT problem FROM mlops.check_catalog() WHERE object = 'trigger o of table public.other'), 'is NOT NULL, but on_error is null', 'a column that cannot be left empty');
ALTER TABLE other ALTER COLUMN s DROP NOT NULL;
SELECT is((SELECT problem FROM mlops.check_catalog() WHERE object = 'trigger o of table public.other'), 'model "nobody" does not exist', 'a model that is not there');
SELECT lives_ok($$INSERT INTO other VALUES (1)$$, 'does not stop a payment');
SELECT is((SELECT s FROM other), NULL, 'which is not scored');
CREATE TABLE strict (amount float8, s float8 NOT NULL DEFAULT -1, f boolean NOT NULL DEFAULT false, kept text DEFAULT 'as it came');
SELECT is(made($$CREATE TRIGGER o BEFORE INSERT OR UPDATE ON strict FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('nobody', 's', 'f')$$), 'made', 'columns that must not be NULL');
SELECT is((SELECT problem FROM mlops.check_catalog() WHERE object = 'trigger o of table public.strict'),
	'column "s" is NOT NULL, but on_error is null: a row that cannot be scored keeps the value that it comes with, and cannot be stored without one', 'of the score are told');
ALTER TABLE strict ALTER COLUMN s DROP NOT NULL;
SELECT matches((SELECT problem FROM mlops.check_catalog() WHERE object = 'trigger o of table public.strict'), '^column "f" is NOT NULL', 'and of the flag');
SELECT results_eq($$INSERT INTO strict VALUES (1) RETURNING s, f, kept$$, $$VALUES (NULL::float8, false, 'as it came')$$, 'the payment is stored, with what it came with');
TRUNCATE strict;
ALTER TABLE strict DROP COLUMN kept, ALTER COLUMN s SET DEFAULT 0, ALTER COLUMN s SET NOT NULL;
SELECT results_eq($$INSERT INTO strict VALUES (1, 0.25, true) RETURNING s, f$$, $$VALUES (0.25::float8, true)$$, 'all of it, where nothing may be NULL');
DROP TRIGGER o ON strict;
CREATE TRIGGER o BEFORE INSERT ON strict FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('nobody', 's', 'f');
SELECT results_eq($$INSERT INTO strict VALUES (1) RETURNING s, f$$, $$VALUES (0::float8, false)$$, 'a decision too');
SELECT throws_ok($$INSERT INTO strict VALUES (1, NULL)$$, '23502', NULL, 'a row that comes without a value is refused by the table, as ever');
DROP TRIGGER o ON strict;
CREATE TRIGGER o BEFORE INSERT ON strict FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('nobody', 's', 'f', 'on_error=0.9');
SELECT is_empty($$SELECT problem FROM mlops.check_catalog() WHERE object = 'trigger o of table public.strict' AND problem LIKE '%NOT NULL%'$$, 'with a score for errors there is a place for all');
SELECT results_eq($$INSERT INTO strict VALUES (1) RETURNING s, f$$, $$VALUES (0.9::float8, true)$$, 'and it is filled');
DROP TABLE strict;

-- ---- a model that is to learn from what a trigger filled
CREATE TABLE answered (gone int, LIKE tx, score float8, flagged boolean, twice float8);
ALTER TABLE answered DROP gone;
SELECT FROM mlops.deploy('fraud', 1) \g /dev/null
CREATE TRIGGER y BEFORE INSERT ON answered FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'flag=flagged');
INSERT INTO answered SELECT * FROM tx WHERE id <= 2000;
UPDATE answered SET twice = score * 2;
CREATE VIEW seen AS SELECT amount, is_fraud, flagged AS bad, score * 2 AS computed FROM (SELECT * FROM answered) AS a;
CREATE VIEW seen_again AS SELECT * FROM seen WHERE amount > 0;
CREATE FUNCTION inputs_of(version int) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(f.feature ORDER BY f.feature) FROM mlops.feature_importance AS f WHERE f.model = 'answered' AND f.version = $1 $$;
SELECT mlops.train('answered', 'answered', target => 'is_fraud', key => 'id', exclude => '{ts,balance,online}', params => '{"n_estimators": 2}') \g /dev/null
SELECT is(inputs_of(1), '{amount,country,twice}', 'what the trigger filled is left out, nothing else');
SELECT mlops.train('answered', 'seen_again', target => 'is_fraud', params => '{"n_estimators": 2}') \g /dev/null
SELECT is(inputs_of(2), '{amount,computed}', 'through views too, by whatever name');
SELECT mlops.train('answered', query => 'WITH a AS (SELECT * FROM answered) SELECT a.amount, a.is_fraud, a.score AS s, t.country FROM a JOIN tx AS t USING (id)', target => 'is_fraud', params => '{"n_estimators": 2}') \g /dev/null
SELECT is(inputs_of(3), '{amount,country}', 'and in a query');
SELECT mlops.train('answered', 'answered', target => 'is_fraud', features => '{amount,score}', params => '{"n_estimators": 2}') \g /dev/null
SELECT is(inputs_of(4), '{amount,score}', 'unless it is named');
CREATE TRIGGER z BEFORE INSERT ON answered FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('answered/4', 'score');
SELECT results_eq($$SELECT object, problem FROM mlops.check_catalog() WHERE object LIKE 'trigger % of table public.answered'$$,
	$$VALUES ('trigger y of table public.answered', 'column "score" is filled by trigger "z" of this table too: each row is scored by both, and the one whose name comes last overwrites the other'),
		('trigger z of table public.answered', 'version 4 of the model reads column "score", which this trigger fills: it is not filled yet when the row is scored')$$,
	'check_catalog tells of a model that reads what its trigger fills, and of no other');
CREATE OR REPLACE VIEW seen AS SELECT amount, is_fraud, bad, computed FROM seen_again;
SELECT throws_ok($$SELECT mlops.train('answered', 'seen', target => 'is_fraud')$$, '42P17', NULL, 'views that read each other');
SELECT * FROM finish();
ROLLBACK;
