-- The text of a recorded query is that of who recorded it, also where what it
-- reads is read with the rights of who asks: it reads nothing that its author may
-- not read, and does not ask who reads it.
\ir setup.psql
SELECT plan(18);
CREATE ROLE regress_mlops_eve;
GRANT SELECT ON tx TO regress_mlops_eve;
CREATE SCHEMA hidden;
CREATE TABLE hidden.pay AS SELECT id, ts, 1000 + amount AS amount, is_fraud FROM tx;
GRANT USAGE ON SCHEMA hidden TO regress_mlops_eve;
CREATE SCHEMA eves AUTHORIZATION regress_mlops_eve;
SELECT mlops.train('shared', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.grant('shared', 'regress_mlops_eve', 'train') \g /dev/null
SELECT mlops.set_gate('shared', '{"fairness": {"by": "is_fraud", "metric": "alert_rate", "max_gap": 1}}') \g /dev/null
CREATE FUNCTION said(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ran';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
-- eve's version of a query, told by its number
CREATE FUNCTION eve_trains(query text, path text DEFAULT NULL) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	made int;
BEGIN
	SET LOCAL ROLE regress_mlops_eve;
	IF path IS NOT NULL THEN
		EXECUTE 'SET LOCAL search_path = ' || path;
	END IF;
	SELECT version INTO made FROM mlops.train('shared', query => query, target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}');
	RESET ROLE;
	RETURN made;
END $$;
CREATE FUNCTION answers(version int) RETURNS text[] LANGUAGE sql AS $$
	SELECT ARRAY(SELECT DISTINCT said(format(s, version)) FROM unnest(ARRAY['SELECT * FROM mlops.reproduce(''shared'', %1$s)',
		'SELECT mlops.model_card(''shared'', %1$s, by => ''{is_fraud}'')', 'SELECT * FROM mlops.check_gate(''shared'', %1$s)']) AS s) $$;
SELECT current_setting('search_path') AS path \gset

-- ---- what is hers

SELECT eve_trains('SELECT id, ts, amount, is_fraud FROM tx') AS plain \gset
SELECT is(answers(:plain), '{ran}', 'what she may read is read');
SELECT is((SELECT recorded_by::text FROM mlops_catalog.dataset ORDER BY dataset_id DESC LIMIT 1), 'regress_mlops_eve', 'it is known who recorded it');

-- ---- a name that leads elsewhere

SET LOCAL ROLE regress_mlops_eve;
CREATE TABLE eves.pay AS SELECT id, ts, amount, is_fraud FROM tx;
RESET ROLE;
SELECT eve_trains('SELECT id, ts, amount, is_fraud FROM pay', 'eves, hidden') AS named \gset
SET LOCAL search_path = :path;
SELECT is(answers(:named), '{ran}', 'a table of hers is read by its name');
SET LOCAL ROLE regress_mlops_eve;
ALTER TABLE eves.pay RENAME TO pay0;
RESET ROLE;
SELECT is(answers(:named), ARRAY[format('the query was recorded by role "regress_mlops_eve", which role "%s" does not trust', current_user)],
	'once the name leads to what she may not read it is refused');
SELECT throws_ok(format($$SELECT * FROM mlops.reproduce('shared', %s)$$, :named), '42501', NULL, 'with an error of rights');
SELECT is((SELECT count(*) FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run USING (run_id) JOIN mlops_catalog.dataset AS d USING (dataset_id)
	WHERE d.recorded_by IS NULL), 0::bigint, 'each version knows whose query it has');

-- ---- who asks

SELECT answers(v.version) AS answer, v.what INTO TEMP asked FROM (
	SELECT 'the name of who asks' AS what, eve_trains($$SELECT id, ts, amount + CASE WHEN current_user = 'x' THEN 1 ELSE 0 END AS amount, is_fraud FROM tx$$) AS version
	UNION ALL SELECT 'a setting', eve_trains($$SELECT id, ts, amount + length(current_setting('application_name')) AS amount, is_fraud FROM tx$$)
	UNION ALL SELECT 'what he may see', eve_trains($$SELECT id, ts, amount + (SELECT count(*) FROM pg_stats) AS amount, is_fraud FROM tx$$)
	UNION ALL SELECT 'what he may do', eve_trains($$SELECT id, ts, amount + has_table_privilege('pg_authid', 'select')::int AS amount, is_fraud FROM tx$$)) AS v;
SET LOCAL search_path = :path;
SELECT is(answer, ARRAY[format('the query was recorded by role "regress_mlops_eve", which role "%s" does not trust', current_user)], 'it does not ask for ' || what)
FROM asked ORDER BY what;
SELECT eve_trains($$SELECT id, ts, amount + length(version()) AS amount, is_fraud FROM tx$$) AS same \gset
SET LOCAL search_path = :path;
SELECT is(answers(:same), '{ran}', 'what answers all alike may be called');

-- ---- a training that repeats hers

SELECT mlops.set_gate('shared', '{}'), mlops.deploy('shared', :plain) \g /dev/null
SELECT is((SELECT outcome FROM mlops.retrain('shared')), 'registered', 'her version is trained anew by another');
SELECT is((SELECT d.recorded_by::text FROM mlops_catalog.dataset AS d ORDER BY dataset_id DESC LIMIT 1), 'regress_mlops_eve', 'and keeps her as the author of its query');
SELECT is((SELECT owner::text FROM mlops_catalog.model_version ORDER BY version_id DESC LIMIT 1), current_user::text, 'though it belongs to who did it');
SELECT mlops.set_gate('shared', '{"fairness": {"by": "is_fraud", "metric": "alert_rate", "max_gap": 1}}') \g /dev/null
REVOKE SELECT ON tx FROM regress_mlops_eve;
SELECT is(answers((SELECT max(version) FROM mlops.versions WHERE model = 'shared')),
	ARRAY[format('the query was recorded by role "regress_mlops_eve", which role "%s" does not trust', current_user)], 'without her right to read it is not read any more');

-- ---- trust, and a role that is gone

SELECT mlops.trust('regress_mlops_eve') \g /dev/null
SELECT is(answers(:named), '{ran}', 'whoever trusts her reads what she leads him to');
SELECT mlops.distrust('regress_mlops_eve') \g /dev/null
SELECT throws_ok('SET mlops.recorded_by = 0', '55P02', NULL, 'nobody sets whose text it is');
SELECT is(current_setting('mlops.recorded_by'), '0', 'nothing of it is left');
SELECT * FROM finish();
ROLLBACK;
