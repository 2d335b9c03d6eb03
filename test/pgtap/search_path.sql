-- Nothing in a caller's search_path runs as the owner of the catalog: types,
-- functions, operators and tables of the same names come first in it, and notice
-- when they are called by another role.
\ir setup.psql
SELECT plan(32);
CREATE ROLE regress_mlops_attacker;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_mlops_attacker; GRANT ALL ON SCHEMA %I TO PUBLIC', current_database(), current_schema()); END $$;
CREATE TABLE caught (what text, as_role text);
GRANT ALL ON caught TO PUBLIC;
SET LOCAL ROLE regress_mlops_attacker;
CREATE SCHEMA evil;
DO $$ BEGIN EXECUTE format($f$CREATE FUNCTION evil.notice(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS $b$
BEGIN
	IF current_user::pg_catalog.text OPERATOR(pg_catalog.<>) 'regress_mlops_attacker' THEN
		INSERT INTO %I.caught VALUES (what, current_user);
	END IF;
	RETURN true;
END $b$ $f$, current_schema()); END $$;
-- domains over the types our statements name
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY '{regrole,jsonb,text,int8,int4,float8,bytea,oid,name,timestamptz,xid8,regclass,bool,bigint,int,boolean}'::text[] LOOP
		EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.%I CHECK (evil.notice(%L))', t,
			CASE t WHEN 'bigint' THEN 'int8' WHEN 'int' THEN 'int4' WHEN 'boolean' THEN 'bool' ELSE t END, 'type ' || t);
	END LOOP;
END $$;
-- functions with the names and arguments of those of pg_catalog that our code uses
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT p.proname, p.oid, pg_get_function_identity_arguments(p.oid) AS arguments, format_type(p.prorettype, NULL) AS result, p.provolatile
		FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset AND p.provariadic = 0
			AND p.proname IN ('lower', 'sha256', 'convert_to', 'encode', 'current_setting', 'clock_timestamp', 'now', 'pg_has_role', 'pg_get_userbyid', 'octet_length', 'length',
				'to_char', 'jsonb_typeof', 'round', 'greatest', 'quote_literal', 'pg_current_xact_id', 'set_config', 'jsonb_strip_nulls', 'array_to_string', 'int4send')
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS pg_catalog.%s LANGUAGE plpgsql AS %L', f.proname, f.arguments,
			CASE WHEN f.result LIKE '% %' THEN quote_ident((SELECT typname FROM pg_type WHERE oid = (SELECT prorettype FROM pg_proc WHERE oid = f.oid))) ELSE quote_ident((SELECT typname FROM pg_type WHERE oid = (SELECT prorettype FROM pg_proc WHERE oid = f.oid))) END,
			format('BEGIN PERFORM evil.notice(%L); RETURN NULL; END', 'function ' || f.proname));
	END LOOP;
END $$;
-- operators
DO $$
DECLARE
	o record;
BEGIN
	FOR o IN SELECT DISTINCT op.oprname, l.typname AS l, r.typname AS r, s.typname AS s FROM pg_operator op JOIN pg_type l ON l.oid = op.oprleft JOIN pg_type r ON r.oid = op.oprright JOIN pg_type s ON s.oid = op.oprresult
		WHERE op.oprnamespace = 'pg_catalog'::regnamespace AND op.oprname IN ('=', '<>', '<', '>', '<=', '>=', '||', '->', '->>', '?', '+', '-')
			AND l.typname IN ('text', 'int4', 'int8', 'oid', 'jsonb', 'bytea', 'float8', 'name', 'timestamptz', 'bool') AND r.typname IN ('text', 'int4', 'int8', 'oid', 'jsonb', 'bytea', 'float8', 'name', 'timestamptz', 'bool')
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(a pg_catalog.%I, b pg_catalog.%I) RETURNS pg_catalog.%I LANGUAGE plpgsql AS %L', 'op_' || md5(o.oprname || o.l || o.r), o.l, o.r, o.s,
			format('BEGIN PERFORM evil.notice(%L); RETURN NULL; END', 'operator ' || o.oprname));
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = pg_catalog.%I, RIGHTARG = pg_catalog.%I, FUNCTION = evil.%I)', o.oprname, o.l, o.r, 'op_' || md5(o.oprname || o.l || o.r));
	END LOOP;
END $$;
CREATE TABLE evil.pg_roles AS SELECT 'x'::pg_catalog.name AS rolname, 10::pg_catalog.oid AS oid;
CREATE TABLE pg_temp.pg_class AS SELECT 1 AS a;
SELECT isnt_empty($$SELECT 1 FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'evil'::pg_catalog.regnamespace LIMIT 1$$, 'the trap is set');

-- each statement is run by pgTAP's code, which must not trip over the trap itself
CREATE FUNCTION trapped(statement pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	path text;
BEGIN
	SET LOCAL search_path = evil, pg_catalog, public;
	EXECUTE statement;
	SET LOCAL search_path = pg_catalog;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) SQLERRM;
END $$;
SELECT is(trapped(s), 'done', s) FROM (VALUES
	(1, $$SELECT mlops.train('fraud', 'public.tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}')$$),
	(2, $$SELECT mlops.train('fraud', query => 'SELECT * FROM public.tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 4}')$$),
	(3, $$SELECT mlops.deploy('fraud', 1)$$),
	(4, $$SELECT mlops.deploy('fraud', 2)$$),
	(5, $$SELECT mlops.rollback('fraud')$$),
	(6, $$SELECT mlops.grant('fraud', 'public', 'score')$$),
	(7, $$SELECT mlops.set_alias('fraud', 'champion', 1)$$),
	(8, $$SELECT mlops.set_gate('fraud', '{"pr_auc_vs_deployed": {"min_gain": -1}, "fairness": {"by": "country", "metric": "alert_rate", "max_gap": 1}, "approvals": 1}')$$),
	(9, $$SELECT mlops.approve('fraud', 1)$$),
	(10, $$SELECT mlops.check_gate('fraud', 1)$$),
	(11, $$SELECT mlops.set_stage('fraud', 1, 'staging')$$),
	(12, $$SELECT mlops.describe('fraud', 'x')$$),
	(13, $$SELECT mlops.set_model_tag('fraud', 'a', 'b')$$),
	(14, $$SELECT mlops.end_run(mlops.start_run('mine'))$$),
	(15, $$SELECT mlops.log_metrics(mlops.start_run('mine'), '{"a": 1}')$$),
	(16, $$SELECT mlops.search_runs('metrics.test_pr_auc > 0 AND status = ''finished''', '{run_id}')$$),
	(17, $$SELECT mlops.snapshot('public.tx', 'evil', kind => 'reference')$$),
	(18, $$SELECT mlops.snapshot('public.tx', 'evil_copy')$$),
	(19, $$SELECT mlops.verify_snapshot('evil')$$),
	(20, $$SELECT mlops.reproduce('fraud', 1)$$),
	(21, $$SELECT mlops.import_model(mlops.export_model('fraud', 1), 'copy')$$),
	(22, $$SELECT mlops.model_card('fraud', 1, by => '{country}')$$),
	(23, $$SELECT mlops.apply('{"models": {"fraud": {"tags": {"c": "d"}}}}')$$),
	(24, $$SELECT mlops.drop_version('fraud', 2)$$),
	(25, $$SELECT mlops.check_catalog()$$),
	(26, $$SELECT mlops.drop_model('fraud', force => true)$$),
	(5, $$SELECT mlops.decide('fraud', t) FROM public.tx AS t LIMIT 3$$),
	(5, $$SELECT mlops.cross_validate('fraud', 'public.tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 2}')$$),
	(27, $$SET CONSTRAINTS ALL IMMEDIATE$$)) AS t(n, s) ORDER BY n;
RESET ROLE;
SELECT is((SELECT string_agg(DISTINCT what || ' as ' || as_role, ', ') FROM caught), NULL, 'nothing of the caller''s ran as anybody else');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'the audit log verifies');
SELECT * FROM finish();
ROLLBACK;
