-- The text of a view or a policy belongs to who wrote it.  Read again for
-- somebody else, it uses his rights for nothing: not to read a table, not to
-- learn what he may see, unless he trusts its owner.
\ir setup.psql
SELECT plan(92);
CREATE ROLE regress_mlops_mallory;
CREATE ROLE regress_mlops_reader;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
CREATE TABLE secret AS SELECT 'hush' AS word;
GRANT SELECT ON secret TO regress_mlops_reader;
CREATE VIEW secret_view AS SELECT * FROM secret;
GRANT SELECT ON secret_view TO regress_mlops_reader;
CREATE VIEW open_invoker WITH (security_invoker = true) AS SELECT * FROM secret;
GRANT SELECT ON open_invoker TO PUBLIC;
CREATE FUNCTION stable_one() RETURNS int LANGUAGE sql STABLE RETURN 1;
CREATE FUNCTION immutable_one() RETURNS int LANGUAGE sql IMMUTABLE RETURN 1;
CREATE TABLE hers AS SELECT * FROM tx;
ALTER TABLE hers OWNER TO regress_mlops_mallory;
GRANT SELECT ON hers TO PUBLIC;

-- ---- each way to read a recorded source again

SELECT lives_ok($$SELECT mlops.train('leak', 'hers', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}');
	SELECT mlops.train('leak', 'hers', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 2}');
	SELECT mlops.deploy('leak', 2); SELECT mlops.deploy('leak', 1, strategy => 'shadow');
	SELECT mlops.set_gate('leak', '{"aliases": ["champion"], "fairness": {"by": "country", "metric": "alert_rate", "max_gap": 1, "min_rows": 10}}');
	SELECT mlops.monitor('leak', query => 'SELECT * FROM hers', time_column => 'ts');
	SELECT mlops.grant('leak', 'regress_mlops_mallory', 'view')$$, 'a superuser trains on another role''s table');
SET LOCAL ROLE regress_mlops_mallory;
ALTER TABLE hers RENAME TO hers_rows;
CREATE VIEW hers WITH (security_invoker = true) AS SELECT id, ts, amount, balance, (SELECT word FROM secret) || id % 2 AS country, online, is_fraud FROM hers_rows;
GRANT SELECT ON hers TO PUBLIC;
RESET ROLE;
SELECT throws_ok(statement, '42501', format('view hers belongs to role "regress_mlops_mallory", which role "%s" does not trust', current_user), statement)
FROM unnest(ARRAY['SELECT * FROM mlops.check_gate(''leak'', 1)', 'SELECT mlops.deploy(''leak'', 1)', 'SELECT mlops.promote(''leak'', variant => ''shadow_1'')',
	'SELECT mlops.set_stage(''leak'', 1, ''staging''); SELECT mlops.set_stage(''leak'', 1, ''production'')', 'SELECT mlops.set_alias(''leak'', ''champion'', 1)',
	'SELECT * FROM mlops.retrain(''leak'', options => ''{"accept": ["country"]}'')', 'SELECT * FROM mlops.reproduce(''leak'', 1)', 'SELECT mlops.model_card(''leak'', 1, by => ''{country}'')']) AS statement;
SELECT alike((SELECT max(error) FROM mlops.run_monitor('leak')), 'view hers belongs to role "regress_mlops_mallory"%', 'nor by itself');
SELECT is_empty($$SELECT * FROM mlops.gate_checks WHERE detail::text LIKE '%hush%'$$, 'and nothing was noted');
DO $$
DECLARE
	d text;
	h text;
BEGIN
	PERFORM mlops.check_gate('leak', 1);
EXCEPTION WHEN insufficient_privilege THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	PERFORM set_config('regress.words', d || ' ' || h, true);
END $$;
SELECT is(current_setting('regress.words'), format('It reads table hers_rows with the rights of the role that asks, not of its owner. If whatever role "regress_mlops_mallory" does may run with your rights, '
	'say so as role "%s": SELECT * FROM mlops.trust(''regress_mlops_mallory'');', current_user), 'why, and what to do');
SELECT lives_ok($$SELECT mlops.trust('regress_mlops_mallory'); SELECT * FROM mlops.check_gate('leak', 1)$$, 'trusted, she may');
SELECT lives_ok($$SELECT mlops.distrust('regress_mlops_mallory')$$, 'no more');

-- ---- everything by which a text may use the reader's rights

CREATE FUNCTION reach(role name, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM FROM mlops_catalog.as_role(role::regrole, jsonb_build_object('search_path', current_setting('search_path')), query, '{}', false, true);
	RETURN 'ran';
EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN regexp_replace(SQLERRM, ', which role.*', '') || ': ' || detail;
END $$;
CREATE TABLE ways (place int GENERATED ALWAYS AS IDENTITY, what text, definition text, object text, why text, superuser_too boolean NOT NULL DEFAULT true);
-- definition: of a view bait of mallory's
INSERT INTO ways (what, definition, object, why) VALUES
	('plain view', 'VIEW bait AS SELECT * FROM hers_rows', NULL, NULL),
	('invoker view', 'VIEW bait WITH (security_invoker) AS SELECT * FROM secret', 'view bait', 'reads table secret'),
	('invoker view in a CTE', 'VIEW bait WITH (security_invoker) AS WITH s AS MATERIALIZED (SELECT * FROM secret) SELECT * FROM s', 'view bait', 'reads table secret'),
	('invoker view with a subquery', 'VIEW bait WITH (security_invoker) AS SELECT EXISTS (SELECT FROM secret WHERE word LIKE ''h%'')', 'view bait', 'reads table secret'),
	('invoker view of a system catalog', 'VIEW bait WITH (security_invoker) AS SELECT datname FROM pg_database', 'view bait', 'reads table pg_database'),
	('invoker view of a view of others', 'VIEW bait WITH (security_invoker) AS SELECT * FROM secret_view', 'view bait', 'reads view secret_view'),
	('invoker view under a plain view', 'VIEW inner_bait WITH (security_invoker) AS SELECT * FROM secret; CREATE OR REPLACE VIEW bait AS SELECT * FROM inner_bait', 'view bait', 'reads table secret'),
	('invoker view of others under a plain view', 'VIEW bait AS SELECT * FROM open_invoker', 'view bait', 'reads table secret'),
	('invoker view that reads nothing', 'VIEW bait WITH (security_invoker) AS SELECT 1 AS one', NULL, NULL),
	('statistics', 'VIEW bait AS SELECT most_common_vals::text FROM pg_stats', 'view bait', 'calls function has_column_privilege'),
	('settings', 'VIEW bait AS SELECT current_setting(''primary_conninfo'', true)', 'view bait', 'calls function current_setting'),
	('all settings', 'VIEW bait AS SELECT * FROM pg_settings', 'view bait', 'calls function pg_show_all_settings'),
	('statements of others', 'VIEW bait AS SELECT query FROM pg_stat_activity', 'view bait', 'calls function pg_stat_get_activity'),
	('options of foreign servers', 'VIEW bait AS SELECT umoptions FROM pg_user_mappings', 'view bait', '(calls function pg_has_role|asks for the name)'),
	('the information schema', 'VIEW bait AS SELECT * FROM information_schema.tables', 'view bait', '(calls function (pg_my_temp_schema|pg_has_role)|has values of type regproc)'),
	('decisions', 'VIEW bait AS SELECT * FROM mlops.predictions', 'view bait', '(calls function (mlops_catalog|pg_has_role)|asks for the name)'),
	('the audit log', 'VIEW bait AS SELECT * FROM mlops.audit_log', 'view bait', '(calls function (mlops_catalog|pg_has_role|pg_current_xact_id_if_assigned)|asks for the name)'),
	('who asks', 'VIEW bait AS SELECT 1 WHERE current_user <> ''regress_mlops_mallory''', 'view bait', 'asks for the name'),
	('which schemas he may use', 'VIEW bait AS SELECT current_schema', 'view bait', 'asks which schemas'),
	('a name in an array', 'VIEW bait AS SELECT (''{secret}''::text::regclass[])[1]::oid AS found', 'view bait', 'has values of type regclass'),
	('a name in JSON', 'VIEW bait AS SELECT x.a::oid FROM jsonb_to_record(''{"a": "secret"}'') AS x(a regclass)', 'view bait', 'has values of type regclass'),
	('a name that is written', 'VIEW bait AS SELECT concat(c.oid::regtype) FROM pg_type AS c', 'view bait', 'has values of type regtype'),
	('a STABLE function of others', 'VIEW bait AS SELECT stable_one()', 'view bait', 'calls function stable_one'),
	('an IMMUTABLE one', 'VIEW bait AS SELECT immutable_one(), now(), to_char(now(), ''YYYY'')', NULL, NULL),
	('a text that is run', 'VIEW bait AS SELECT * FROM crosstab(''SELECT 1, 1, rolpassword FROM pg_authid'') AS t(a int, b text)', 'view bait', 'calls function crosstab'),
	('a materialized view', 'MATERIALIZED VIEW bait AS SELECT current_user::text, 1', NULL, NULL),	-- filled as her
	('a default', 'TABLE bait (a int, b text DEFAULT current_user)', NULL, NULL),			-- not read
	('a generated column', 'TABLE bait (a int, b int GENERATED ALWAYS AS (a + 1) STORED)', NULL, NULL),	-- written
	('children', 'TABLE bait (a int); CREATE TABLE bait_child () INHERITS (bait)', NULL, NULL),	-- both hers, as INHERITS demands
	('partitions', 'TABLE bait (a int) PARTITION BY LIST (a); CREATE TABLE bait_part PARTITION OF bait DEFAULT', NULL, NULL);
-- of a table of hers, which superusers read without
INSERT INTO ways (what, definition, object, why, superuser_too)
	SELECT 'a policy ' || what, 'TABLE bait (a int); ALTER TABLE bait ENABLE ROW LEVEL SECURITY; CREATE POLICY hers ON bait USING (' || expression || ')', 'table bait', why, false
	FROM (VALUES ('that reads a table', 'EXISTS (SELECT FROM secret WHERE word LIKE ''h%'')', 'reads table secret'),
		('that asks for rights', 'has_table_privilege(''secret'', ''SELECT'')', 'calls function has_table_privilege'),
		('with a STABLE function of others', 'stable_one() = 1', 'calls function stable_one')) AS p(what, expression, why);
INSERT INTO ways (what, definition)
	VALUES ('a policy by who asks', 'TABLE bait (a int, b text); ALTER TABLE bait ENABLE ROW LEVEL SECURITY; CREATE POLICY hers ON bait USING (b = current_user OR b = current_setting(''app.tenant'', true))');
CREATE EXTENSION tablefunc;
CREATE TABLE found (place int, role name, answer text);
DO $$
DECLARE
	w ways;
	who name;
BEGIN
	FOR w IN SELECT * FROM ways ORDER BY place LOOP
		SET LOCAL ROLE regress_mlops_mallory;
		EXECUTE 'CREATE ' || w.definition;
		EXECUTE 'GRANT SELECT ON bait TO PUBLIC';
		RESET ROLE;
		FOREACH who IN ARRAY ARRAY[current_user, 'regress_mlops_reader'] LOOP
			INSERT INTO found VALUES (w.place, who, reach(who, 'SELECT * FROM (SELECT * FROM bait) AS b'));
		END LOOP;
		EXECUTE format('DROP %s bait CASCADE', substring(w.definition FROM '^(MATERIALIZED VIEW|VIEW|TABLE)'));
	END LOOP;
END $$;
SELECT matches(f.answer, coalesce('^' || CASE WHEN w.superuser_too OR f.role <> current_user THEN w.object END || ' belongs to role "regress_mlops_mallory": It ' || w.why, '^ran$'), format('%s, %s', w.what, f.role = current_user))
FROM found AS f JOIN ways AS w USING (place) ORDER BY w.place, f.role = current_user;
SELECT matches(reach(current_user, 'SELECT * FROM pg_stats'), '^ran$', 'without her text between, one may ask all that');
SELECT matches(reach(who, format('SELECT %s_to_xml(%L, true, true, %L)', what, named, '')), format('^function %s_to_xml.* may not be called here, since it can be told to read any table', what), format('nor name a %s in a text, %s', what, who = current_user))
FROM (VALUES ('table', 'secret'), ('schema', 'public')) AS t(what, named), unnest(ARRAY[current_user, 'regress_mlops_reader']) AS who;

-- ---- a schema that its author may not use, and whoever asks may
CREATE SCHEMA vault;
CREATE TABLE vault.pay AS SELECT 'hush' AS word;
GRANT SELECT ON vault.pay TO PUBLIC;
CREATE FUNCTION vault.tell() RETURNS text LANGUAGE sql IMMUTABLE RETURN 'hush';
CREATE SCHEMA mallory AUTHORIZATION regress_mlops_mallory;
SELECT current_setting('search_path') AS path \gset
SET LOCAL ROLE regress_mlops_mallory;
CREATE TABLE mallory.pay AS SELECT 'hers' AS word;
CREATE FUNCTION mallory.tell() RETURNS text LANGUAGE sql IMMUTABLE RETURN 'hers';
GRANT USAGE ON SCHEMA mallory TO PUBLIC;
GRANT SELECT ON mallory.pay TO PUBLIC;
SELECT set_config('search_path', 'vault, mallory, ' || :'path', true) \g /dev/null
SELECT is((SELECT string_agg(s.name || s.rows, ' ') FROM (VALUES ('a_table', 'SELECT * FROM pay'), ('a_call', 'SELECT tell() AS word'), ('her_view', 'SELECT * FROM hers_rows')) AS v(name, query),
	mlops.snapshot(query => v.query, name => v.name, kind => 'reference') AS s), 'a_table1 a_call1 her_view5000', 'queries that find something else for who may use more schemas');
SELECT set_config('search_path', :'path', true) \g /dev/null
RESET ROLE;
CREATE FUNCTION verified(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN (SELECT intact::text FROM mlops.verify_snapshot(name) AS v);
EXCEPTION WHEN insufficient_privilege THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN split_part(detail, '. If', 1);
END $$;
SELECT is(verified('a_table'), 'It reads table "pay" of schema "vault", which that role may not use.', 'such a table');
SELECT is(verified('a_call'), 'It calls function tell of schema "vault", which role "regress_mlops_mallory" may not use.', 'such a function');
SELECT is(verified('her_view'), 'true', 'what is found alike is read');
GRANT USAGE ON SCHEMA vault TO regress_mlops_mallory;
SELECT is(verified('a_table'), 'false', 'a schema that she may use, too');
SELECT * FROM finish();
ROLLBACK;
