-- What a role recorded, read again for somebody else, gives it nothing that it
-- could not have itself: no rows that row security hides from it, no function
-- that it may not execute, no answer about who asks.
\ir setup.psql
SELECT plan(70);
CREATE ROLE regress_mlops_mallory;
CREATE ROLE regress_mlops_yan;
CREATE ROLE regress_mlops_reader;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SELECT current_user AS me \gset

CREATE TABLE pay AS SELECT id, ts, amount, 'iban' || id % 3 AS iban, is_fraud FROM tx;
CREATE TABLE base AS TABLE pay;
ALTER TABLE pay ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_one ON pay USING (iban = 'iban0');
CREATE TABLE parts (LIKE pay) PARTITION BY LIST (iban);
CREATE TABLE parts_all PARTITION OF parts DEFAULT;
INSERT INTO parts TABLE base;
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_one ON parts USING (iban = 'iban0');
GRANT SELECT ON pay, parts, tx TO regress_mlops_mallory, regress_mlops_reader;
CREATE VIEW of_invoker WITH (security_invoker) AS SELECT * FROM pay;
CREATE VIEW of_owner AS SELECT * FROM base WHERE iban = 'iban0';
CREATE VIEW asks AS SELECT * FROM base WHERE current_user = 'nobody' OR iban = 'iban0';
CREATE VIEW asks_deep AS SELECT * FROM (SELECT * FROM asks) AS a;
CREATE TABLE tenants AS SELECT id, 'regress_mlops_mallory'::name AS tenant FROM tx;
ALTER TABLE tenants OWNER TO regress_mlops_yan;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants TO PUBLIC USING (tenant = current_user);
SET LOCAL ROLE regress_mlops_yan;
CREATE VIEW tenants_view AS SELECT * FROM tenants;
GRANT SELECT ON tenants_view TO PUBLIC;
SET LOCAL ROLE regress_mlops_mallory;
CREATE TABLE hers AS SELECT * FROM tx;
ALTER TABLE hers ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_name ON hers USING (country = 'DE' OR country = current_user);
GRANT SELECT ON hers TO PUBLIC;
CREATE VIEW hers_of_pay AS SELECT * FROM pay;
GRANT SELECT ON hers_of_pay TO PUBLIC;
RESET ROLE;
GRANT SELECT ON of_invoker, of_owner, asks, asks_deep TO regress_mlops_mallory, regress_mlops_reader;

-- a text of mallory's, or of nobody else, read as a role
CREATE FUNCTION reach(role name, query text, by_itself boolean DEFAULT false, author name DEFAULT 'regress_mlops_mallory') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM FROM mlops_catalog.as_role(role::regrole, jsonb_build_object('search_path', current_setting('search_path'), 'mlops.recorded_by', author::regrole::oid::text), query, '{}', by_itself, true);
	RETURN 'ran';
EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN regexp_replace(SQLERRM, ', which role.*', '') || ': ' || detail;
END $$;

-- ---- row security

CREATE TABLE ways (place int GENERATED ALWAYS AS IDENTITY, query text, why text);
INSERT INTO ways (query, why) VALUES
	('SELECT * FROM pay', 'It reads table "pay" with the rights of the role that asks, and row security may hide rows'),
	('SELECT (SELECT count(*) FROM pay) FROM tx LIMIT 1', 'It reads table "pay" with the rights'),
	('WITH p AS (SELECT iban FROM pay) SELECT * FROM tx WHERE EXISTS (SELECT FROM p) LIMIT 1', 'It reads table "pay" with the rights'),
	('SELECT * FROM parts', 'It reads table "parts" with the rights'),
	('SELECT * FROM of_invoker', 'It reads table "pay" with the rights'),
	('SELECT * FROM asks', 'It asks for the name'),
	('SELECT * FROM asks_deep', 'It asks for the name'),
	('SELECT * FROM of_owner', NULL),
	('SELECT * FROM tx', NULL),
	('SELECT * FROM hers', NULL),
	('SELECT * FROM hers_of_pay', NULL);
SELECT matches(reach(who, query), coalesce('^the query was recorded by role "regress_mlops_mallory": ' || why, '^ran$'), format('%s, %s', query, CASE who WHEN :'me' THEN 'a superuser' ELSE 'a role' END))
FROM ways CROSS JOIN unnest(ARRAY[:'me', 'regress_mlops_reader']) AS who ORDER BY place, who;
SELECT matches(reach(who, 'SELECT * FROM tenants_view'), 'belongs to role "regress_mlops_yan": It asks for the name', 'a policy under a view of a third role does not ask, ' || who)
FROM unnest(ARRAY[:'me', 'regress_mlops_reader']) AS who;
SELECT matches(reach(:'me', query, true), '^the query was recorded by role "regress_mlops_mallory": It', 'nor by itself: ' || query) FROM ways WHERE why IS NOT NULL ORDER BY place;
SELECT is(reach(who, query, author => who), 'ran', format('%s reads %s', CASE who WHEN :'me' THEN 'a superuser' ELSE 'a role' END, query)) FROM unnest(ARRAY['SELECT * FROM pay', 'SELECT * FROM asks']) AS query,
	unnest(ARRAY[:'me', 'regress_mlops_mallory']) AS who;
SELECT mlops.trust('regress_mlops_mallory') \g /dev/null
SELECT is(reach(:'me', query), 'ran', 'trusted: ' || query) FROM ways WHERE why IS NOT NULL ORDER BY place;
SELECT mlops.distrust('regress_mlops_mallory') \g /dev/null
ALTER ROLE regress_mlops_mallory BYPASSRLS;
SELECT is(reach(:'me', 'SELECT * FROM pay'), 'ran', 'no policy holds for her');
ALTER ROLE regress_mlops_mallory NOBYPASSRLS;

-- ---- each way to read what she recorded

SET LOCAL ROLE regress_mlops_mallory;
SELECT lives_ok($$SELECT mlops.train('leak', 'pay', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}');
	SELECT mlops.set_gate('leak', '{"fairness": {"by": "iban", "metric": "false_positive_rate", "max_gap": 1, "min_rows": 1}}');
	SELECT mlops.snapshot('pay', 'direct', kind => 'reference'); SELECT mlops.snapshot('asks', 'asked', kind => 'reference');
	SELECT mlops.snapshot('pay', 'copied')$$, 'she trains on the rows she sees');
SELECT lives_ok($$SELECT mlops.check_gate('leak', 1), mlops.verify_snapshot('direct'), mlops.verify_snapshot('copied'), mlops.reproduce('leak', 1)$$, 'and reads them again');
RESET ROLE;
SELECT throws_ok(statement, '42501', format('the query was recorded by role "regress_mlops_mallory", which role "%s" does not trust', :'me'), statement)
FROM unnest(ARRAY['SELECT * FROM mlops.check_gate(''leak'', 1)', 'SELECT mlops.deploy(''leak'', 1)', 'SELECT * FROM mlops.reproduce(''leak'', 1)',
	'SELECT mlops.model_card(''leak'', 1, by => ''{iban}'')', 'SELECT * FROM mlops.verify_snapshot(''direct'')', 'SELECT * FROM mlops.verify_snapshot(''asked'')']) AS statement;
SELECT is((SELECT intact FROM mlops.verify_snapshot('copied')), true, 'a copy is read by whomever');
SELECT is_empty($$SELECT * FROM mlops.gate_checks WHERE detail::text LIKE '%iban1%'$$, 'and nothing was noted');

-- ---- functions

CREATE FUNCTION decrypt(text) RETURNS text LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS $$ BEGIN RETURN 'secret of ' || $1; END $$;
CREATE FUNCTION closer(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 < $2;
CREATE OPERATOR <<<< (FUNCTION = closer, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION longer(text, text) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1 || $2;
CREATE AGGREGATE longest(text) (SFUNC = longer, STYPE = text, INITCOND = '');
CREATE TYPE coin AS (a int);
CREATE FUNCTION coin_of(int) RETURNS coin LANGUAGE sql IMMUTABLE RETURN ROW($1)::coin;
CREATE CAST (int AS coin) WITH FUNCTION coin_of(int);
REVOKE EXECUTE ON FUNCTION decrypt(text), closer(text, text), coin_of(int) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION longest(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION decrypt(text), closer(text, text), coin_of(int), longest(text) TO regress_mlops_reader, regress_mlops_yan;
CREATE TABLE calls (place int GENERATED ALWAYS AS IDENTITY, expression text, name text);
INSERT INTO calls (expression, name) VALUES ('decrypt(country)', 'decrypt(text)'), ('country <<<< ''x''', 'closer(text,text)'), ('country <<<< ANY (ARRAY[''x''])', 'closer(text,text)'),
	('(id::int::coin).a', 'coin_of(integer)'), ('(SELECT longest(word) FROM unnest(ARRAY[country]) AS word)', 'longest(text)');
-- as a text of hers, in a view of hers, and in one of hers under one that may call it
CREATE FUNCTION answers(role name, expression text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	found text[] := ARRAY[reach(role, format('SELECT %s AS x FROM tx LIMIT 10', expression))];
BEGIN
	SET LOCAL ROLE regress_mlops_mallory;
	EXECUTE format('CREATE VIEW bait AS SELECT %s AS x FROM tx LIMIT 10', expression);
	GRANT SELECT ON bait TO PUBLIC;
	SET LOCAL ROLE regress_mlops_yan;
	CREATE VIEW over_bait AS SELECT * FROM bait;
	GRANT SELECT ON over_bait TO PUBLIC;
	RESET ROLE;
	found := found || reach(role, 'SELECT * FROM bait', author => role) || reach(role, 'SELECT * FROM over_bait', author => role);
	DROP VIEW bait CASCADE;
	RETURN found;
END $$;
SELECT is(answers(who, expression), ARRAY(SELECT format('%s: It calls function %s, which role "regress_mlops_mallory" may not execute.', text, name)
		FROM unnest(ARRAY['the query was recorded by role "regress_mlops_mallory"', 'view bait belongs to role "regress_mlops_mallory"', 'view over_bait belongs to role "regress_mlops_yan"']) AS text),
	format('%s is not called for her, %s', expression, CASE who WHEN :'me' THEN 'by a superuser' ELSE 'by a role' END))
FROM calls CROSS JOIN unnest(ARRAY[:'me', 'regress_mlops_reader']) AS who ORDER BY place, who;
GRANT EXECUTE ON FUNCTION decrypt(text) TO regress_mlops_mallory;
SELECT is(answers(:'me', 'decrypt(country)'), '{ran,ran,ran}', 'what she may execute is called');
SELECT matches(reach(:'me', 'SELECT * FROM pg_config()'), 'calls function pg_config', 'PostgreSQL''s own as well');

-- ---- models

SELECT mlops.train('closed', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.grant('closed', 'regress_mlops_yan', 'score') \g /dev/null
SELECT is(answers(:'me', 'mlops.score_version(''closed'', 1, tx)'), ARRAY(SELECT text || ': It scores with model "closed", which role "regress_mlops_mallory" may not.'
		FROM unnest(ARRAY['the query was recorded by role "regress_mlops_mallory"', 'view bait belongs to role "regress_mlops_mallory"', 'view over_bait belongs to role "regress_mlops_yan"']) AS text),
	'a model that she may not score with does not score for her');
SELECT matches(reach(:'me', 'SELECT mlops.score_version(lower(''closed''), 1, tx) FROM tx LIMIT 1'), 'It scores with a model that is not named by a constant', 'nor one that is named in passing');
SELECT mlops.grant('closed', 'regress_mlops_mallory', 'score') \g /dev/null
SELECT is(answers(:'me', 'mlops.score_version(''closed'', 1, tx)'), '{ran,ran,ran}', 'one that she may score with does');

-- ---- what answers by who asks: all STABLE functions of PostgreSQL that can be called with values of real types

CREATE TABLE stable_functions AS SELECT p.proname::text AS name, format('SELECT pg_catalog.%I(%s) AS x', p.proname,
	(SELECT string_agg(format('%sNULL::%s', CASE WHEN p.provariadic <> 0 AND place = p.pronargs THEN 'VARIADIC ' END, format_type(t, NULL)), ', ' ORDER BY place) FROM unnest(p.proargtypes) WITH ORDINALITY AS a(t, place))) AS call
FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 's' AND p.prokind = 'f' AND p.prorettype <> 'event_trigger'::regtype
	AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a(t) JOIN pg_type AS y ON y.oid = a.t WHERE y.typtype = 'p')
	AND NOT EXISTS (SELECT FROM pg_type AS y WHERE y.oid = p.prorettype AND y.typtype = 'p' AND y.typname <> 'record');
CREATE FUNCTION is_refused(call text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN reach(current_user, call) ~ 'calls function|may not be called here';
EXCEPTION WHEN OTHERS THEN	-- it was called
	RETURN false;
END $$;
CREATE TABLE answers_alike AS SELECT regexp_split_to_table($$age convert convert_from convert_to current_database date date_add date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz
	date_gt_timestamptz date_le_timestamptz date_lt_timestamptz date_ne_timestamptz date_part date_subtract date_trunc extract format
	generate_series getdatabaseencoding in_range interval_pl_timestamptz json_build_array json_build_object json_to_record json_to_recordset
	json_to_tsvector jsonb_build_array jsonb_build_object jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz
	jsonb_path_query_first_tz jsonb_path_query_tz jsonb_to_record jsonb_to_recordset jsonb_to_tsvector length make_timestamptz money now numeric
	overlaps phraseto_tsquery plainto_tsquery statement_timestamp time timestamp timestamp_cmp_timestamptz timestamp_eq_timestamptz
	timestamp_ge_timestamptz timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz timestamp_ne_timestamptz timestamptz
	timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date timestamptz_eq_timestamp timestamptz_ge_date timestamptz_ge_timestamp
	timestamptz_gt_date timestamptz_gt_timestamp timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date timestamptz_lt_timestamp
	timestamptz_mi_interval timestamptz_ne_date timestamptz_ne_timestamp timestamptz_pl_interval timetz timezone to_char to_date to_number
	to_timestamp to_tsquery to_tsvector transaction_timestamp ts_headline ts_match_tq ts_match_tt version websearch_to_tsquery xml
	xml_is_well_formed$$, '\s+') AS name;
SELECT is_empty($$SELECT call FROM stable_functions WHERE NOT is_refused(call) AND name NOT IN (SELECT name FROM answers_alike)$$, 'nothing is let through that nobody has judged');
SELECT is_empty($$SELECT call FROM stable_functions WHERE is_refused(call) AND name IN (SELECT name FROM answers_alike)$$, 'what answers all alike is');
SELECT * FROM finish();
ROLLBACK;
