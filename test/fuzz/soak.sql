-- soak.sql - random calls of every function of schema mlops, by their signatures
-- in the catalog: fuzz.statement() writes one, of what random() says next.
--
-- Half of the arguments are such as make sense, by the argument's name; the rest
-- is hostile, by its type.  Roles: owner_1 to owner_3 and attacker, who have
-- models of their own, app, who may score, outsider, who may nothing, keeper,
-- whose model nobody can spoil.  Schema evil is the attacker's: whatever is read
-- there tries to take the server over, as whoever it runs as, and records it in
-- evil.loot when that is the superuser.

CREATE EXTENSION mlops;
CREATE ROLE owner_1 LOGIN;
CREATE ROLE owner_2 LOGIN;
CREATE ROLE owner_3 LOGIN IN ROLE owner_2;
CREATE ROLE app LOGIN;
CREATE ROLE outsider LOGIN;
CREATE ROLE attacker LOGIN;
CREATE ROLE keeper LOGIN;
CREATE ROLE "We""ird; Role" LOGIN NOINHERIT IN ROLE owner_1;
ALTER ROLE owner_3 SET TimeZone = 'Asia/Kathmandu';
ALTER ROLE owner_3 SET DateStyle = 'German';
ALTER ROLE owner_2 SET IntervalStyle = 'iso_8601';
ALTER ROLE app SET extra_float_digits = -10;

CREATE SCHEMA fuzz;
GRANT USAGE ON SCHEMA fuzz TO PUBLIC;
CREATE TABLE fuzz.tx AS
SELECT i AS id, timestamptz '2026-01-01 00:00+00' + i * interval '1 minute' AS ts, (i * 7919 % 1009)::float8 AS a,
	CASE WHEN i % 17 > 0 THEN (i * 31 % 97)::numeric(10, 2) END AS b, (ARRAY['x', 'y', 'We"ird', 'ä b'])[1 + i % 4] AS c,
	date '2026-01-01' + i % 30 AS d, i * 7919 % 1009 > 850 AS label
FROM generate_series(1, 300) AS i;
CREATE TABLE fuzz.steady AS SELECT id, a, b, c, label FROM fuzz.tx;
CREATE TABLE fuzz."My Tab""le" AS SELECT id, a AS "Select", c AS "ä b", label FROM fuzz.tx;
GRANT SELECT ON ALL TABLES IN SCHEMA fuzz TO PUBLIC;

CREATE SCHEMA evil AUTHORIZATION attacker;
SET ROLE attacker;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.loot (role text, path text, at timestamptz DEFAULT clock_timestamp());
GRANT INSERT ON evil.loot TO PUBLIC;
CREATE FUNCTION evil.strike(path text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		INSERT INTO evil.loot (role, path) VALUES (current_user, path);
		ALTER ROLE attacker SUPERUSER;
	END IF;
EXCEPTION WHEN OTHERS THEN
	NULL;
END $$;
CREATE FUNCTION evil.value(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.strike('value'); RETURN $1; END $$;
CREATE FUNCTION evil.good(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.strike('domain'); RETURN true; END $$;
CREATE FUNCTION evil.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.strike('trigger'); RETURN NEW; END $$;
CREATE DOMAIN evil.code AS text CHECK (evil.good(VALUE));
CREATE VIEW evil.tx AS SELECT id, ts, evil.value(a) AS a, b, c, d, label FROM fuzz.tx;
CREATE TABLE evil.typed AS SELECT id, ts, a, b, c::evil.code AS c, d, label FROM fuzz.tx;
CREATE INDEX ON evil.typed (evil.value(a));
CREATE TRIGGER on_row BEFORE INSERT OR UPDATE ON evil.typed FOR EACH ROW EXECUTE FUNCTION evil.on_row();
CREATE TABLE evil.secured AS SELECT * FROM fuzz.tx;
ALTER TABLE evil.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.secured USING (evil.good(c));
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.texteq);
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
RESET ROLE;

-- ---- the generator

CREATE FUNCTION fuzz.pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT choices[1 + floor(random() * cardinality(choices))::int]
$$;

CREATE FUNCTION fuzz.model() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT quote_literal(fuzz.pick('owner_1_a', 'owner_1_b', 'owner_2_a', 'owner_2_b', 'owner_3_a', 'owner_3_b', 'attacker_a', 'attacker_b',
		'steady', 'owner_1_a/1', 'owner_2_a@champion', 'missing'))
$$;

-- An argument that makes sense, NULL if nothing is known of its name.
CREATE FUNCTION fuzz.sensible(function name, argument name, type regtype) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE
		WHEN type = 'anyelement'::regtype THEN fuzz.pick(format('(SELECT t FROM fuzz.tx AS t WHERE id = %s)', 1 + floor(random() * 300)),
			format('(SELECT to_jsonb(t) FROM fuzz.tx AS t WHERE id = %s)', 1 + floor(random() * 300)))
		WHEN type = 'regclass'::regtype THEN fuzz.pick('''fuzz.tx''', '''fuzz.tx''', '''fuzz.steady''', '''evil.tx''', '''evil.typed''', '''evil.secured''')
		WHEN type = 'mlops.ranking_state'::regtype THEN '(SELECT mlops.roc_auc_state(label, a / 1009) FROM fuzz.tx)'
		WHEN type = 'mlops.loss_state'::regtype THEN '(SELECT mlops.brier_state(label, a / 1009) FROM fuzz.tx)'
		WHEN type = 'mlops.histogram_state'::regtype THEN '(SELECT mlops.psi_state(a, id > 150, ''{0,200,500,800}'') FROM fuzz.tx)'
		WHEN type = 'bytea'::regtype THEN fuzz.pick(format('mlops.export_model(%s, 1)', fuzz.model()),
			format('overlay(mlops.export_model(%s, 1) PLACING decode(''ff'', ''hex'') FROM %s)', fuzz.model(), 1 + floor(random() * 3000)))
		WHEN type = 'uuid'::regtype THEN '(SELECT prediction_id FROM mlops.predictions LIMIT 1)'
		WHEN argument = 'model' THEN fuzz.model()
		WHEN argument IN ('version', 'to_version') THEN fuzz.pick('1', '2', '3', '(SELECT min(v.version) FROM mlops.versions AS v)',
			'(SELECT (array_agg(v.version ORDER BY random()))[1] FROM mlops.versions AS v)')
		WHEN argument = 'versions' THEN '''{1,2}'''
		WHEN argument = 'query' THEN fuzz.pick('''SELECT * FROM fuzz.tx''', '''SELECT * FROM fuzz.tx -- all of it''', '''SELECT * FROM evil.tx''',
			'''SELECT id, a, c, label FROM fuzz.tx WHERE id < 200''')
		WHEN argument IN ('target', 'label') THEN '''label'''
		WHEN argument IN ('key') AND function LIKE 'log%' THEN fuzz.pick('''loss''', '''auc''')
		WHEN argument = 'key' THEN '''id'''
		WHEN argument = 'time_column' THEN '''ts'''
		WHEN argument = 'features' THEN '''{a,b,c}'''
		WHEN argument IN ('by', 'segments', 'columns') THEN '''{c}'''
		WHEN argument = 'group_by' THEN '''c'''
		WHEN argument = 'algorithm' THEN fuzz.pick('''gradient_boosting''', '''logistic_regression''')
		WHEN argument = 'params' THEN fuzz.pick('''{"n_estimators": 2, "max_depth": 2}''', '''{"n_estimators": 3, "early_stopping_rounds": 1}''', '''{}''')
		WHEN argument = 'space' THEN '''{"max_depth": {"low": 1, "high": 3, "type": "int"}}'''
		WHEN argument = 'trials' THEN '2'
		WHEN argument IN ('folds', 'parallel') THEN '2'
		WHEN argument = 'strategy' THEN '''' || fuzz.pick('direct', 'canary', 'shadow', 'ab', 'bandit', 'segment', 'champion_challenger') || ''''
		WHEN argument = 'percent' THEN fuzz.pick('10', '50')
		WHEN argument = 'rule' THEN '''{"c": "x"}'''
		WHEN argument = 'guard' THEN fuzz.pick('''{"psi": {"max": 0.2}}''', '''{"alert_rate": {"max_ratio": 2}, "min_decisions": 5}''')
		WHEN argument = 'ramp' THEN '''[{"percent": 5, "wait": "1 second"}, {"percent": 100}]'''
		WHEN argument = 'variants' THEN '''{"b": {"version": 2, "percent": 30}}'''
		WHEN argument = 'gate' THEN fuzz.pick('''{"roc_auc": {"min": 0.1}}''', '''{"approvals": 1}''', '''{}''', 'NULL')
		WHEN argument = 'stage' THEN '''' || fuzz.pick('staging', 'production', 'archived') || ''''
		WHEN argument = 'alias' THEN '''' || fuzz.pick('champion', 'challenger') || ''''
		WHEN argument IN ('role', 'new_owner') THEN '''' || fuzz.pick('owner_1', 'owner_2', 'owner_3', 'app') || ''''
		WHEN argument = 'privilege' THEN '''' || fuzz.pick('score', 'train', 'deploy', 'manage') || ''''
		WHEN argument IN ('run_id', 'parent_run_id') THEN '(SELECT max(run_id) FROM mlops.runs)'
		WHEN argument = 'run_ids' THEN '(SELECT array_agg(run_id) FROM (SELECT run_id FROM mlops.runs LIMIT 3) AS r)'
		WHEN argument = 'job_id' THEN '(SELECT max(job_id) FROM mlops.jobs)'
		WHEN argument = 'alert_id' THEN '(SELECT max(alert_id) FROM mlops.alerts)'
		WHEN argument = 'command' THEN fuzz.pick('''SELECT 1''', '''SELECT pg_sleep(0.05)''', '''SELECT 1 / 0''', '''SELECT count(mlops.score(''''owner_1_a'''', t)) FROM fuzz.tx t''',
			'''SELECT * FROM evil.tx''')
		WHEN argument = 'timeout' THEN '''200 ms'''
		WHEN argument = 'cron' THEN '''* * * * *'''
		WHEN argument = 'experiment' THEN fuzz.pick('''soak''', '''soak_2''')
		WHEN argument = 'spec' THEN format('''{"models": {"%s": {"aliases": {"champion": 1}}}}''', trim(fuzz.model(), ''''))
		WHEN argument = 'metric' THEN '''' || fuzz.pick('precision', 'alert_rate', 'decisions', 'score_psi') || ''''
		WHEN argument = 'kind' THEN '''' || fuzz.pick('pr', 'roc', 'stratified', 'time', 'copy', 'view') || ''''
		WHEN argument = 'filter' THEN fuzz.pick('''metrics.roc_auc > 0.5''', '''params.max_depth = ''''2'''' AND tags.a LIKE ''''x%''''''')
		WHEN argument = 'action' THEN '''' || fuzz.pick('register', 'canary', 'deploy') || ''''
		WHEN argument = 'triggers' THEN fuzz.pick('''{"new_labels": 10}''', '''{"alerts": true}''')
		WHEN argument = 'every' THEN fuzz.pick('''1 hour''', '''1 second''', '''1 day''')
		WHEN argument IN ('customers', 'terminals', 'days', 'rows', 'points', 'days_ahead', 'top', 'width') THEN fuzz.pick('2', '5', '20')
		WHEN argument = 'edges' THEN '''{0,200,500}'''
		WHEN argument = 'score' THEN 'a / 1009'
		WHEN argument = 'value' AND type = 'float8'::regtype THEN 'a'
		WHEN argument = 'current' THEN 'id > 150'
		WHEN argument = 'name' THEN fuzz.pick('''n1''', '''n2''')
		WHEN argument = 'path' THEN '''a/b.txt'''
		WHEN argument = 'text' THEN '''some text'''
		WHEN type = 'boolean'::regtype THEN fuzz.pick('true', 'false')
		WHEN type IN ('int'::regtype, 'bigint'::regtype, 'float8'::regtype) THEN fuzz.pick('0', '1', '2', '10')
		WHEN type = 'interval'::regtype THEN fuzz.pick('''0''', '''1 day''')
		WHEN type IN ('timestamptz'::regtype, 'date'::regtype) THEN fuzz.pick('now()', '''2026-01-01''')
	END
$$;

-- One that does not.
CREATE FUNCTION fuzz.hostile(type regtype) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE
		WHEN random() < 0.15 THEN 'NULL' || CASE WHEN type = 'anyelement'::regtype THEN '::fuzz.tx' ELSE '' END
		WHEN type IN ('text'::regtype, 'name'::regtype) THEN fuzz.pick('''''', 'repeat(''x'', 1000000)', '''We"ird; DROP TABLE fuzz.tx; --''',
			'''../../etc/passwd''', 'E''a\nb\tc\x01''', '''%s%n$1\\''', 'repeat(''(a = 1) AND '', 2000) || ''a = 1''', '''ＡＢＣ 💣 ä''', '''mlops_catalog''',
			'''SELECT 1; DROP TABLE fuzz.tx''', '''pg_temp''', '''{"a": 1}''', '''owner_1''', '''99999999999999999999''', 'quote_ident(E''x\\'' y'')', 'chr(36) || chr(36)')
			|| CASE WHEN type = 'name'::regtype THEN '::text::name' ELSE '' END
		WHEN type IN ('text[]'::regtype, 'name[]'::regtype) THEN fuzz.pick('''{}''', '''{NULL}''', '''{"","a b",a,a}''', 'array_fill(''x''::text, ARRAY[2000])',
			'''{{a,b},{c,d}}''', 'ARRAY[repeat(''y'', 100000)]') || '::' || type
		WHEN type IN ('int'::regtype, 'bigint'::regtype) THEN fuzz.pick('0', '-1', '2147483647', '-2147483648', '65536', '1000000')
		WHEN type IN ('int[]'::regtype, 'bigint[]'::regtype) THEN fuzz.pick('''{}''', '''{NULL}''', '''{-1,0,2147483647}''', '''{{1},{2}}''') || '::' || type
		WHEN type = 'float8'::regtype THEN fuzz.pick('''NaN''', '''Infinity''', '''-Infinity''', '-1', '1e308', '-1e308', '5e-324', '0') || '::float8'
		WHEN type = 'float8[]'::regtype THEN fuzz.pick('''{}''', '''{NULL}''', '''{NaN,1}''', '''{2,1}''', '''{-Infinity,Infinity}''', '''{1e308,-1e308}''') || '::float8[]'
		WHEN type = 'boolean'::regtype THEN fuzz.pick('true', 'false')
		WHEN type = 'jsonb'::regtype THEN fuzz.pick('''{}''', '''[]''', '''null''', '''1''', '''"x"''', '(repeat(''[''::text, 2000) || repeat('']''::text, 2000))',
			'(''{"a":''::text || repeat(''[''::text, 500) || repeat('']''::text, 500) || ''}'')', '''{"a": 1e400, "max_depth": -1, "": {"": []}}''',
			'''{"n_estimators": 1e300, "learning_rate": "NaN"}''', '''{"psi": {"max": -1}, "min_decisions": 1e300}''',
			'(SELECT jsonb_object_agg(i, i) FROM generate_series(1, 5000) AS i)', '''{"models": {"owner_1_a": {"deploy": {"version": -1}}}}''') || '::jsonb'
		WHEN type = 'regclass'::regtype THEN fuzz.pick('''evil.tx''', '''evil.typed''', '''evil.secured''', '''pg_catalog.pg_class''', '''mlops_catalog.model''',
			'''fuzz."My Tab""le"''', '''mlops.versions''', '0::oid', '4294967295::oid', '''pg_catalog.pg_authid''') || '::regclass'
		WHEN type = 'bytea'::regtype THEN fuzz.pick('''\x''', '''\x00''', 'decode(repeat(''ff'', 100000), ''hex'')', 'sha256(''x'')') || '::bytea'
		WHEN type = 'interval'::regtype THEN fuzz.pick('''-1 day''', '''178000000 years''', '''0''', '''1 microsecond''') || '::interval'
		WHEN type = 'timestamptz'::regtype THEN fuzz.pick('''infinity''', '''-infinity''', '''4714-11-24 00:00 BC''', '''294276-12-31''') || '::timestamptz'
		WHEN type = 'date'::regtype THEN fuzz.pick('''infinity''', '''-infinity''', '''5874897-12-31''', '''4713-01-01 BC''') || '::date'
		WHEN type = 'uuid'::regtype THEN fuzz.pick('gen_random_uuid()', '''00000000-0000-0000-0000-000000000000''') || '::uuid'
		WHEN type = 'anyelement'::regtype THEN fuzz.pick('ROW(1, 2, ''x'')', '''x''::text', '1', '''{}''::jsonb', '''[]''::jsonb', '''{"a": 1e400, "b": [], "c": {}}''::jsonb',
			'(SELECT e FROM evil.tx AS e LIMIT 1)', '(SELECT e FROM evil.typed AS e LIMIT 1)', '(SELECT t FROM fuzz."My Tab""le" AS t LIMIT 1)', 'ARRAY[1, 2]',
			'ROW(NULL, NULL)', 'ROW()', '''{"a": "Infinity", "b": "NaN", "c": null}''::jsonb')
		WHEN type::text LIKE 'mlops.%' THEN fuzz.pick('''''', '''x''', '''\x00''', '''\x''') || '::' || type
		ELSE 'NULL'
	END
$$;

CREATE FUNCTION fuzz.argument(function name, argument name, type regtype) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.85 THEN coalesce(fuzz.sensible(function, argument, type), fuzz.hostile(type)) ELSE fuzz.hostile(type) END
$$;

CREATE FUNCTION fuzz.call() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	p record;
	arguments text := '';
	required int;
BEGIN
	SELECT f.oid, f.proname, f.prokind, f.proargnames, f.proargmodes, f.pronargs, f.pronargdefaults, f.proretset, f.proargtypes INTO p
		FROM pg_proc AS f WHERE f.pronamespace = 'mlops'::regnamespace AND f.prorettype <> 'trigger'::regtype
			-- what ends models must be rare, or there will be none
			AND (f.proname NOT IN ('drop_model', 'drop_version', 'set_owner', 'abort') OR random() < 0.1)
		ORDER BY random() * CASE WHEN f.proname IN ('train', 'deploy', 'decide', 'score', 'predict') THEN 0.3 ELSE 1 END LIMIT 1;
	required := p.pronargs - p.pronargdefaults;
	FOR i IN 1 .. p.pronargs LOOP
		CONTINUE WHEN i > required AND random() < 0.75
			AND NOT (p.proargnames[i] IN ('source', 'target', 'params') AND p.proname IN ('train', 'tune', 'cross_validate'));
		arguments := arguments || CASE WHEN arguments = '' THEN '' ELSE ', ' END
			|| CASE WHEN i > required OR p.prokind = 'p' THEN format('%I => ', p.proargnames[i]) ELSE '' END
			|| fuzz.argument(p.proname, p.proargnames[i], p.proargtypes[i - 1]);
	END LOOP;
	RETURN CASE p.prokind
		WHEN 'p' THEN format('CALL mlops.%I(%s)', p.proname, arguments)
		WHEN 'a' THEN format('SELECT ''called %1$s'', mlops.%1$I(%2$s) FROM fuzz.tx', p.proname, arguments)
		ELSE CASE WHEN p.proretset THEN format('SELECT ''called %1$s'', count(*) FROM mlops.%1$I(%2$s)', p.proname, arguments)
			ELSE format('SELECT ''called %1$s'', length(mlops.%1$I(%2$s)::text)', p.proname, arguments) END END;
END $$;

-- What else a session does.
CREATE FUNCTION fuzz.statement() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE
		WHEN random() < 0.75 THEN fuzz.call()
		WHEN random() < 0.4 THEN format('SELECT count(mlops.%s(%s, t)) FROM %s AS t WHERE id < %s', fuzz.pick('score', 'decide', 'predict', 'explain_text'), fuzz.model(),
			fuzz.pick('fuzz.tx', 'fuzz.tx', 'fuzz.steady', 'evil.tx', 'evil.typed'), floor(random() * 60))
		WHEN random() < 0.3 THEN format('SELECT count(*) FROM mlops.%I', (SELECT relname FROM pg_class WHERE relnamespace = 'mlops'::regnamespace AND relkind = 'v'
			ORDER BY random() LIMIT 1))
		ELSE fuzz.pick('BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'BEGIN READ ONLY', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ROLLBACK TO s', 'RELEASE s', 'DISCARD ALL',
			'SET search_path = evil, public', 'RESET search_path', 'SET TimeZone = ''America/St_Johns''', 'SET DateStyle = ''SQL, DMY''',
			'SET standard_conforming_strings = off', 'SET extra_float_digits = 0', 'SET plan_cache_mode = force_generic_plan', 'SET jit_above_cost = 0',
			'PREPARE q AS SELECT mlops.score(''owner_1_a'', t) FROM fuzz.tx AS t WHERE id = 1', 'EXECUTE q', 'DEALLOCATE ALL', 'SET ROLE owner_1', 'RESET ROLE',
			'DO $do$ BEGIN PERFORM mlops.decide(''owner_1_a'', t) FROM fuzz.tx AS t WHERE id < 5; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN END $do$')
	END
$$;

-- What the superuser does: upkeep, and looking at what others made.
CREATE FUNCTION fuzz.upkeep() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT fuzz.pick('SELECT count(*) FROM mlops.maintain()', 'SELECT count(*) FROM mlops.submit_due()', 'SELECT count(*) FROM mlops.check_guards()',
		'SELECT count(*) FROM mlops.check_catalog()', 'SELECT intact FROM mlops.verify_audit()', 'SELECT length(mlops.prometheus_metrics())',
		'SELECT length(mlops.export_spec()::text)', 'VACUUM ANALYZE', 'SELECT count(*) FROM mlops.versions', 'SELECT count(*) FROM mlops.datasets',
		format('SELECT length(mlops.model_card(%s))', fuzz.model()), format('SELECT count(*) FROM mlops.reproduce(%s, 1)', fuzz.model()),
		format('SELECT count(*) FROM mlops.check_gate(%s, 1)', fuzz.model()), format('SELECT length(mlops.report(%s))', fuzz.model()),
		'SELECT count(*) FROM mlops.verify_snapshot(''n1'')')
$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fuzz TO PUBLIC;

-- ---- what must be as it was at the end

CREATE VIEW fuzz.rights AS
SELECT 'role' AS kind, rolname::text AS object, to_jsonb(r)::text AS rights FROM (SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
	rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil FROM pg_roles) AS r
UNION ALL SELECT 'membership', roleid::regrole || ' to ' || member::regrole, admin_option::text FROM pg_auth_members
UNION ALL SELECT 'relation', c.oid::regclass::text, c.relowner::regrole || ' ' || coalesce(relacl::text, '') FROM pg_class AS c
	WHERE relnamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace, 'fuzz'::regnamespace, 'pg_catalog'::regnamespace)
		AND relname NOT LIKE 'prediction_%'
UNION ALL SELECT 'function', p.oid::regprocedure::text, p.proowner::regrole || ' ' || prosecdef || ' ' || coalesce(proacl::text, '') FROM pg_proc AS p
	WHERE pronamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace, 'pg_catalog'::regnamespace)
UNION ALL SELECT 'schema', nspname::text, nspowner::regrole || ' ' || coalesce(nspacl::text, '') FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
UNION ALL SELECT 'database', datname::text, datdba::regrole || ' ' || coalesce(datacl::text, '') FROM pg_database;
CREATE TABLE fuzz.rights_before AS SELECT * FROM fuzz.rights WHERE false;
INSERT INTO fuzz.rights_before SELECT * FROM fuzz.rights;
