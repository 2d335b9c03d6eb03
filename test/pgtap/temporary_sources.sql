-- What runs by itself runs in another session: set up over a temporary table or view
-- it is refused, by name, wherever a source or statement is recorded to be read later.
\ir setup.psql
SET client_min_messages = error;
SELECT plan(45);
CREATE TEMP TABLE passing AS SELECT * FROM tx;
CREATE TEMP VIEW seen AS SELECT * FROM tx;
CREATE TABLE "My Tab""le" AS SELECT * FROM tx;
CREATE TEMP TABLE "My Tab""le" AS SELECT * FROM tx;

-- ---- policies and monitors
CREATE FUNCTION trained(source text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM mlops.models WHERE model = 'm') THEN
		PERFORM mlops.drop_model('m');
	END IF;
	EXECUTE format('SELECT mlops.train(''m'', %s, target => ''is_fraud'', time_column => ''ts'', key => ''id'', params => ''{"n_estimators": 3}'')', source);
END $$;
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM, hint);
END $$;
CREATE TABLE source (written text, relation text);
INSERT INTO source VALUES ('source => ''passing''', 'passing'), ('source => ''seen''', 'seen'), ('query => ''SELECT * FROM passing''', 'passing'), ('source => ''"My Tab""le"''', 'My Tab"le'),
	('query => ''SELECT * FROM tx WHERE id IN (SELECT id FROM passing)''', 'passing'), ('query => ''WITH w AS (SELECT * FROM seen) SELECT * FROM w''', 'seen');
CREATE FUNCTION policy_on(source text, options text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM trained(source);
	RETURN refused(format('SELECT mlops.set_retraining_policy(''m'', ''0 3 * * *'', options => %L)', options));
END $$;
SELECT is(regexp_replace(policy_on(written, options), 'version [0-9]+ of', 'version N of'),
		format('42P16 the training of version N of model "m", which the policy repeats, reads the temporary table or view "%s" Read a permanent table or view.', relation),
		format('a policy, trained with %s, options %s', written, options))
	FROM source, (VALUES ('{}'), ('{"window": "9 days"}')) AS o(options);
SELECT is(refused(format('SELECT mlops.monitor(''m'', %s, time_column => ''ts'')', written)),
	format('42P16 the source of drift reads the temporary table or view "%s" Read a permanent table or view.', relation), format('a monitor with %s', written)) FROM source;
SELECT is((SELECT count(*) FROM mlops.retraining_policies) + (SELECT count(*) FROM mlops.monitors), 0::bigint, 'none was set up');
SELECT lives_ok($$SELECT mlops.retrain('m')$$, 'who is in the session may retrain');
SELECT trained('source => ''tx''') \g /dev/null
SELECT is(refused($$SELECT mlops.set_retraining_policy('m', '0 3 * * *'), mlops.monitor('m', source => 'tx', time_column => 'ts')$$), 'accepted', 'permanent ones are accepted');

-- ---- statements
CREATE FUNCTION job(statement text) RETURNS text LANGUAGE sql AS $$ SELECT refused(format('SELECT mlops.submit(%L)', statement)) $$;
CREATE FUNCTION named(relation text) RETURNS text LANGUAGE sql AS $$
	SELECT format('42P16 the job reads or writes the temporary table or view "%s" Use a permanent table or view.', relation) $$;
SELECT is(job(s.statement), named(coalesce(s.relation, 'passing')), s.statement) FROM (VALUES
	('SELECT count(*) FROM passing', NULL), ('SELECT 1 WHERE EXISTS (SELECT FROM tx JOIN seen USING (id))', 'seen'),
	('SELECT * FROM "My Tab""le"', 'My Tab"le'), ('SELECT * FROM pg_temp.passing', NULL),
	('INSERT INTO passing SELECT * FROM tx', NULL), ('DELETE FROM tx USING passing WHERE tx.id = passing.id', NULL),
	('WITH w AS (DELETE FROM passing RETURNING id) SELECT * FROM w', NULL),
	('CREATE TABLE kept AS SELECT * FROM passing', NULL), ('COPY passing TO PROGRAM ''cat''', NULL), ('EXPLAIN SELECT * FROM passing', NULL),
	('SELECT ''passing''::regclass', NULL), ('CALL f((SELECT id FROM passing))', NULL),
	('SELECT mlops.train(''m'', ''passing'', target => ''is_fraud'')', NULL), ('SELECT mlops.train(''m'', target => ''is_fraud'', source => ''passing'')', NULL),
	('SELECT * FROM mlops.evaluate(''m'', query => ''SELECT * FROM passing'')', NULL),
	('SELECT mlops.score_table(''m'', ''"My Tab""le"'')', 'My Tab"le')) AS s(statement, relation);
SELECT is(job(statement), 'accepted', statement) FROM unnest(ARRAY['SELECT * FROM tx', 'WITH passing AS (SELECT 1 AS id) SELECT * FROM passing',
	'WITH passing AS (SELECT * FROM tx) INSERT INTO tx SELECT * FROM passing', 'SELECT * FROM public."My Tab""le"',
	'SELECT * FROM not_yet_there', 'SELECT mlops.set_alias(''m'', ''passing'', 1)', 'SELECT ''passing''', 'VACUUM tx']) AS statement;
SELECT * FROM finish();
ROLLBACK;
