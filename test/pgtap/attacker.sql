-- Every function that reads a source, or a query that was recorded, against a
-- source of an attacker: his code runs with the rights of who names the source,
-- or not at all, never with those of the catalog's owner or of who trained.
-- An extension of this transaction: where another one sees it, too, tune waits for
-- the locks of this one.
DROP EXTENSION IF EXISTS mlops;
\ir setup.psql
SELECT plan(14);
CREATE ROLE regress_mlops_attacker;
CREATE ROLE regress_mlops_caller;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
GRANT SELECT ON tx TO PUBLIC;
CREATE TABLE ran (as_role name);
GRANT ALL ON ran TO PUBLIC;
SET LOCAL ROLE regress_mlops_attacker;
CREATE TABLE bait_rows AS SELECT * FROM tx WHERE id <= 1500;
GRANT SELECT ON bait_rows TO PUBLIC;
-- the loot: whoever runs it with a superuser's rights makes the attacker one
CREATE FUNCTION trap(float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO ran VALUES (current_user);
	IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		ALTER ROLE regress_mlops_attacker SUPERUSER;
	END IF;
	RETURN $1;
END $$;
CREATE FUNCTION trap_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM trap(0); RETURN NEW; END $$;
CREATE VIEW bait AS SELECT id, ts, trap(amount) AS amount, balance, country, online, is_fraud FROM bait_rows;
GRANT SELECT ON bait TO PUBLIC;

-- models whose recorded source will be the attacker's: of a superuser and of the caller
RESET ROLE;
SET LOCAL ROLE regress_mlops_attacker;
CREATE TABLE later AS SELECT * FROM bait_rows;
GRANT SELECT ON later TO PUBLIC;
RESET ROLE;
CREATE FUNCTION set_up(model text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
	PERFORM mlops.train(model, 'later', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}');
	PERFORM mlops.train(model, 'later', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 2}');
	PERFORM mlops.deploy(model, 1);
	PERFORM mlops.set_gate(model, '{"pr_auc_vs_deployed": {"min_gain": -1}, "fairness": {"by": "country", "metric": "alert_rate", "max_gap": 1}, "aliases": ["champion"]}');
	PERFORM mlops.monitor(model, query => 'SELECT * FROM later', time_column => 'ts');
	PERFORM mlops.snapshot(query => 'SELECT * FROM later', name => model, kind => 'reference');
	PERFORM mlops.grant(model, 'regress_mlops_attacker', 'manage');
END $f$;
SELECT lives_ok($$SELECT set_up('of_superuser')$$, 'models of a superuser');
SET LOCAL ROLE regress_mlops_caller;
SELECT lives_ok($$SELECT set_up('of_caller')$$, 'and of an ordinary role');
SET LOCAL ROLE regress_mlops_attacker;
DROP TABLE later;
CREATE VIEW later AS SELECT * FROM bait;
GRANT SELECT ON later TO PUBLIC;
RESET ROLE;

-- %1$s: a model; of_caller or of_superuser
CREATE TABLE reading (kind text, name text, statement text);
INSERT INTO reading VALUES
	('named', 'train', $$SELECT mlops.train('%1$s', 'bait', target => 'is_fraud', key => 'id', params => '{"n_estimators": 2}')$$),
	('named', 'cross_validate', $$SELECT mlops.cross_validate('%1$s', 'bait', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}', folds => 2)$$),
	('named', 'tune', $$SELECT mlops.tune('%1$s', 'bait', target => 'is_fraud', exclude => '{id}', space => '{"max_depth": [2, 3]}', params => '{"n_estimators": 2}', trials => 2, parallel => 1)$$),
	('named', 'evaluate', $$SELECT * FROM mlops.evaluate('%1$s/1', 'bait')$$),
	('named', 'curve', $$SELECT * FROM mlops.curve('%1$s/1', 'bait')$$),
	('named', 'daily_precision', $$SELECT * FROM mlops.daily_precision('%1$s/1', 'bait', card_column => 'country')$$),
	('named', 'compare', $$SELECT * FROM mlops.compare('%1$s', source => 'bait')$$),
	('named', 'thresholds', $$SELECT * FROM mlops.thresholds('%1$s', 1, source => 'bait')$$),
	('named', 'score_table', $$SELECT * FROM mlops.score_table('%1$s', 'bait', key => 'id')$$),
	('named', 'explain_table', $$SELECT * FROM mlops.explain_table('%1$s/1', 'bait')$$),
	('named', 'check_drift', $$SELECT * FROM mlops.check_drift('%1$s', 'bait')$$),
	('named', 'record_drift', $$SELECT * FROM mlops.record_drift('%1$s', 'bait')$$),
	('named', 'drift_between', $$SELECT * FROM mlops.drift_between('bait', 'bait')$$),
	('named', 'add_labels', $$SELECT mlops.add_labels('%1$s', 'bait', key => 'id', label => 'is_fraud')$$),
	('named', 'import_decisions', $$SELECT mlops.import_decisions('%1$s', query => 'SELECT b.*, now() AS seen FROM bait AS b', key => 'id', time_column => 'seen')$$),
	('named', 'create_feature_view', $$SELECT mlops.create_feature_view('of_%1$s', 'bait', 'id', 'ts', '{"n": {"aggregate": "sum", "value": "amount", "by": "country"}}')$$),
	('named', 'feature_rows', $$SELECT * FROM mlops.feature_rows('bait', 'id', 'ts', '{"n": {"aggregate": "sum", "value": "amount", "by": "country"}}') AS f(n float8)$$),
	('named', 'snapshot', $$SELECT mlops.snapshot('bait', 'taken_%1$s')$$),
	('named', 'monitor', $$SELECT mlops.monitor('%1$s', source => 'later', time_column => 'ts')$$),
	('recorded', 'daily_precision', $$SELECT * FROM mlops.daily_precision('%1$s/1')$$),
	('recorded', 'thresholds', $$SELECT * FROM mlops.thresholds('%1$s', 1)$$),
	('recorded', 'reproduce', $$SELECT * FROM mlops.reproduce('%1$s', 1)$$),
	('recorded', 'retrain', $$SELECT * FROM mlops.retrain('%1$s')$$),
	('recorded', 'check_gate', $$SELECT * FROM mlops.check_gate('%1$s', 2)$$),
	('recorded', 'model_card', $$SELECT mlops.model_card('%1$s', 1)$$),
	('recorded', 'model_card', $$SELECT mlops.model_card('%1$s', 1, by => '{country}')$$),
	('recorded', 'deploy', $$SELECT mlops.deploy('%1$s', 2)$$),
	('recorded', 'promote', $$SELECT mlops.promote('%1$s', variant => 'none')$$),
	('recorded', 'rollback', $$SELECT mlops.rollback('%1$s', 2)$$),
	('recorded', 'set_stage', $$SELECT mlops.set_stage('%1$s', 2, 'production')$$),
	('recorded', 'set_alias', $$SELECT mlops.set_alias('%1$s', 'champion', 2)$$),
	('recorded', 'apply', $$SELECT mlops.apply('{"models": {"%1$s": {"stages": {"2": "production"}}}}')$$),
	('recorded', 'run_monitor', $$SELECT * FROM mlops.run_monitor('%1$s')$$),
	('recorded', 'verify_snapshot', $$SELECT * FROM mlops.verify_snapshot('%1$s')$$),
	('recorded', 'check_guards', $$SELECT * FROM mlops.check_guards()$$),
	('recorded', 'check_catalog', $$SELECT * FROM mlops.check_catalog()$$),
	('recorded', 'report', $$SELECT mlops.report('%1$s')$$),
	('recorded', 'set_retraining_policy', $$SELECT mlops.set_retraining_policy('%1$s', '@daily')$$);
SELECT is_empty($$SELECT DISTINCT p.proname FROM pg_proc p WHERE p.pronamespace = 'mlops'::regnamespace AND p.proargnames && '{source,query}' AND p.proname NOT IN (SELECT name FROM reading)$$,
	'every function that takes a source is here');
SELECT is_empty($$SELECT name FROM reading WHERE name NOT IN (SELECT proname FROM pg_proc WHERE pronamespace = 'mlops'::regnamespace)$$, 'and there are no others');

-- The roles that the attacker's code ran as while a statement ran, its effects undone.
CREATE FUNCTION ran_as(statement text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
	roles text;
BEGIN
	BEGIN
		DELETE FROM ran;
		BEGIN
			EXECUTE statement;
		EXCEPTION WHEN OTHERS THEN	-- what it did before the error is undone with it, so its word counts
			IF SQLERRM NOT LIKE '%does not trust' AND SQLSTATE NOT IN ('42704', '55000', '42501', '22023', '42710') THEN
				RETURN 'error: ' || SQLERRM;
			END IF;
		END;
		SELECT string_agg(DISTINCT as_role::text, ',' ORDER BY as_role::text) INTO roles FROM ran;
		IF (SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_mlops_attacker') THEN
			roles := 'the attacker is a superuser';
		END IF;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN coalesce(roles, 'nobody');
	END;
END $f$;
GRANT SELECT ON reading TO PUBLIC;

SET LOCAL ROLE regress_mlops_caller;
SELECT is_empty($$SELECT name, ran_as(format(statement, 'of_caller')) AS ran FROM reading WHERE kind = 'named' AND ran_as(format(statement, 'of_caller')) NOT IN ('regress_mlops_caller', 'nobody')$$,
	'a source that one names runs with one''s own rights');
SELECT cmp_ok((SELECT count(*) FROM reading WHERE kind = 'named' AND ran_as(format(statement, 'of_caller')) = 'regress_mlops_caller'), '>=', 11::bigint, 'and it does run');
SELECT is_empty($$SELECT name, ran_as(format(statement, 'of_caller')) AS ran FROM reading WHERE kind = 'recorded' AND ran_as(format(statement, 'of_caller')) <> 'nobody'$$,
	'a recorded query runs no code of somebody whom one does not trust');
SET LOCAL ROLE regress_mlops_attacker;
SELECT is_empty($$SELECT name, model, ran_as(format(statement, model)) AS ran FROM reading, unnest('{of_caller,of_superuser}'::text[]) model
	WHERE ran_as(format(statement, model)) NOT IN ('regress_mlops_attacker', 'nobody')$$, 'what the attacker asks for, of anybody''s model, runs with his rights alone');
SELECT cmp_ok((SELECT count(*) FROM reading WHERE kind = 'named' AND ran_as(format(statement, 'of_superuser')) = 'regress_mlops_attacker'), '>=', 11::bigint, 'and it does run');
SELECT is((SELECT count(*) FROM reading WHERE kind = 'recorded' AND ran_as(format(statement, 'of_superuser')) <> 'nobody'), 0::bigint, 'but not what writes, by a recorded query');
RESET ROLE;
SELECT is_empty($$SELECT name, model, ran_as(format(statement, model)) AS ran FROM reading, unnest('{of_caller,of_superuser}'::text[]) model
	WHERE kind = 'recorded' AND ran_as(format(statement, model)) <> 'nobody'$$, 'a superuser runs none of it by a recorded query');
SELECT ok(NOT (SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_mlops_attacker'), 'the attacker is what he was');

-- his triggers on a table that is written by what runs by itself
SET LOCAL ROLE regress_mlops_caller;
CREATE TABLE results (id int);
GRANT TRIGGER ON results TO regress_mlops_attacker;
SET LOCAL ROLE regress_mlops_attacker;
CREATE TRIGGER t BEFORE INSERT ON results FOR EACH ROW EXECUTE FUNCTION trap_row();
RESET ROLE;
SELECT throws_ok($$SELECT * FROM mlops_catalog.as_role('regress_mlops_caller', jsonb_build_object('search_path', current_setting('search_path')), 'WITH w AS (SELECT 1) SELECT * FROM w, writes() AS x', '{}', true)$$, '42883', NULL, 'there is no function of that name');
SET LOCAL ROLE regress_mlops_caller;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO results VALUES (1); RETURN 1; END $$;
RESET ROLE;
SELECT throws_ok($$SELECT * FROM mlops_catalog.as_role('regress_mlops_caller', jsonb_build_object('search_path', current_setting('search_path')), 'SELECT writes() AS x', '{}', true)$$, '42501',
	'function trap_row() belongs to role "regress_mlops_attacker", which role "regress_mlops_caller" does not trust', 'a trigger of his is found, even in a statement of an own function');
SELECT * FROM finish();
ROLLBACK;
