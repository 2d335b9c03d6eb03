-- Views and checks are total: whatever is stored, in whatever column, by whomever,
-- they answer, and what is not wrong is there as before.
\ir setup.psql
SELECT plan(16);
CREATE TABLE n AS SELECT id, amount, online, is_fraud FROM tx;
SELECT mlops.train('good', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('bad', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('bad', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('linear', 'n', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.deploy('good', 1), mlops.deploy('bad', 1), mlops.set_gate('good', '{"pr_auc": {"min": 0}}') \g /dev/null
SELECT mlops.deploy('bad', 2, 'canary', percent => 50, key => 'id', guard => '{"psi": {"max": 0.2}, "min_decisions": 10}') \g /dev/null
SELECT mlops.monitor('good', every => '1 hour'), mlops.monitor('bad', every => '1 hour') \g /dev/null
SELECT count(mlops.decide('bad', t)), count(mlops.decide('good', t)) FROM tx t WHERE id < 500 \g /dev/null
SELECT mlops.snapshot('n', 'copy') \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- every view of mlops, and every check: what fails, and with what
CREATE FUNCTION failing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	failed text := '';
BEGIN
	FOR statement IN
		SELECT format('SELECT * FROM mlops.%I', c.relname) FROM pg_class c WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v'
		UNION ALL SELECT 'SELECT * FROM mlops.' || f FROM unnest('{check_catalog(),check_guards(),prometheus_metrics(),verify_audit(),verify_decisions(),report(''good''),submit_due(),maintain(0)}'::text[]) f
	LOOP
		BEGIN
			-- what is not read of a row is not made
			EXECUTE format('SELECT count(*), max(length(x::text)) FROM (%s) AS x', statement);
		EXCEPTION WHEN OTHERS THEN
			failed := failed || format('%s: %s; ', statement, SQLERRM);
		END;
	END LOOP;
	RETURN failed;
END $$;
CREATE FUNCTION after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	changed bigint;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		ALTER TABLE mlops_catalog.audit_log DISABLE TRIGGER USER;
		ALTER TABLE mlops_catalog.audit_waiting DISABLE TRIGGER refuse_change;
		EXECUTE statement;
		GET DIAGNOSTICS changed = ROW_COUNT;
		SET LOCAL session_replication_role = origin;
		IF changed > 0 THEN	-- else all is as it was
			found := failing();
		ELSE
			found := '';
		END IF;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN found;
	WHEN check_violation OR not_null_violation THEN
		RETURN '';	-- it cannot be stored
	END;
END $$;
SELECT is(failing(), '', 'as it should be, all answer');

-- each jsonb column of the catalog, with what does not belong there
CREATE FUNCTION everywhere(value jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s.%s: %s', c.relname, a.attname, f), E'\n' ORDER BY c.relname, a.attname), '')
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'jsonb'::regtype,
		LATERAL after(format('UPDATE mlops_catalog.%I SET %I = %L', c.relname, a.attname, value)) f
	WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind = 'r' AND c.relname !~ '^prediction_' AND f <> ''
$$;
SET client_min_messages = error;
SELECT is(everywhere('[1, "x", null, [], {}]'), '', 'an array');
SELECT is(everywhere('{"pr_auc": "abc", "rows": "x", "run_id": "x", "deployment_id": [1], "day": "2026-99-99", "version": "x", "percent": "x", "min": "x", "count": "x", "routes": 1}'), '', 'an object of text');
SELECT is(everywhere('{"pr_auc": 1e400, "roc_auc": 1e-400, "rows": -1, "run_id": 1e30}'), '', 'numbers out of range');

-- the bytes of a model
CREATE FUNCTION of_bad(query text) RETURNS text LANGUAGE sql AS $$ SELECT format(query, string_agg(v.version_id::text, ', ')) FROM mlops_catalog.model_version v JOIN mlops_catalog.model m USING (model_id) WHERE m.name IN ('bad', 'linear') $$;
SELECT is(after(of_bad('UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 700, get_byte(data, 700) # 1) WHERE version_id IN (%s)')), '', 'damaged bytes');
SELECT is(after(of_bad('DELETE FROM mlops_catalog.model_artifact WHERE version_id IN (%s)')), '', 'missing bytes');
SELECT is(after(of_bad('UPDATE mlops_catalog.model_artifact SET data = '''' WHERE version_id IN (%s)')), '', 'no bytes');
SELECT is(after(of_bad('UPDATE mlops_catalog.model_version SET sha256 = ''x'' WHERE version_id IN (%s)')), '', 'no SHA-256');
SELECT is(after(of_bad('UPDATE mlops_catalog.model_version SET size = -1 WHERE version_id IN (%s)')), '', 'a negative size');
SELECT is(after(of_bad('UPDATE mlops_catalog.model_version SET size = 9000000000000000000 WHERE version_id IN (%s)')), '', 'a huge size');
-- a coefficient whose odds ratio no number holds
CREATE TABLE apart AS SELECT g AS id, (g % 2 * 2 - 1) * CASE WHEN g <= 4 THEN 1e6 ELSE 1 + g % 7 END AS a, g % 2 = 1 AS y FROM generate_series(1, 2000) AS g;
SELECT mlops.train('apart', 'apart', target => 'y', key => 'id', features => '{a}', algorithm => 'logistic_regression', params => '{"penalty": "none", "max_iter": 1000}') \g /dev/null
SELECT ok((SELECT bool_and((odds_ratio = 'Infinity') = (coefficient > 709.78)) AND bool_or(coefficient > 709.78) FROM mlops.coefficients WHERE model = 'apart'), 'an odds ratio that no number holds is infinite');
SELECT is(failing(), '', 'coefficients without bound');

-- and what is sound is there
UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 700, get_byte(data, 700) # 1) WHERE version_id IN (SELECT v.version_id FROM mlops_catalog.model_version v JOIN mlops_catalog.model m USING (model_id) WHERE m.name = 'bad');
UPDATE mlops_catalog.model_version SET metrics = '{"pr_auc": "abc", "rows": "x"}' WHERE model_id = (SELECT model_id FROM mlops_catalog.model WHERE name = 'bad');
SELECT ok((SELECT count(*) > 0 FROM mlops.feature_importance WHERE model = 'good'), 'importance of the good one');
SELECT results_eq($$SELECT model, version, pr_auc IS NULL FROM mlops.versions ORDER BY 1, 2$$, $$VALUES ('apart', 1, false), ('bad', 1, true), ('bad', 2, true), ('good', 1, false), ('linear', 1, false)$$, 'all versions, metrics where there are some');
SELECT ok((SELECT count(*) > 0 FROM mlops.check_guards() WHERE model = 'bad' AND (action LIKE 'failed: %' OR metric = 'psi')), 'guards of the bad one are told about');
SELECT is((SELECT string_agg(object || ' ' || problem, '; ' ORDER BY object) FROM mlops.check_catalog() WHERE model = 'bad'), 'version 1 its bytes do not have the recorded SHA-256; version 2 its bytes do not have the recorded SHA-256', 'and so are its bytes');
SELECT * FROM finish();
ROLLBACK;
