-- A segment's rule and the types of columns: deploy refuses what cannot be
-- compared, also in columns that no version reads; what a rule meets later is
-- passed over, said and logged, and no payment fails for it.
\ir setup.psql
SELECT plan(132);

CREATE TYPE mood AS ENUM ('calm', 'hasty');
CREATE DOMAIN shop AS text;
CREATE TABLE t AS SELECT g AS id, date '2025-01-01' + g % 3 AS due, timestamptz '2025-01-01' + g * interval '1 hour' AS at, (g % 3) * interval '1 hour' AS wait,
	time '10:00' AS clock, jsonb_build_object('a', g % 3) AS doc, ARRAY[g % 3] AS list, md5((g % 3)::text)::uuid AS owner, ('10.0.0.' || g % 3)::inet AS ip,
	(ARRAY['DE', 'FR'])[1 + g % 2] AS country, (g % 7 / 2.0)::numeric(8, 2) AS rate, (g % 2)::real AS weight, g % 2 = 0 AS online, 'x'::char(3) AS code, 'calm'::mood AS mood, 's'::shop AS shop,
	g % 100 AS a, g % 100 < 30 AND g % 3 <> 0 AS fraud FROM generate_series(1, 900) AS g;
SELECT mlops.train('m', 't', target => 'fraud', key => 'id', features => '{a}', params => '{"n_estimators": 3}') FROM generate_series(1, 2) \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null

-- ---- deploy
CREATE FUNCTION outcome(model text, rule jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.deploy(model, 2, 'segment', rule => rule, variant => 'tried');
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = 'taken';
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
WHEN datatype_mismatch OR invalid_parameter_value THEN
	RETURN SQLERRM;
END
$$;
SELECT is(outcome('m', v.rule::jsonb), CASE WHEN v.type IS NULL THEN 'taken' ELSE format('the rule compares column "%s" of type %s with a %s', (SELECT k FROM jsonb_object_keys(v.rule::jsonb) AS k), v.type, v.given) END,
	'rule ' || v.rule)
FROM (VALUES ('{"due": "2025-01-02"}', 'date', 'string'), ('{"due": [null, 20250102]}', 'date', 'number'), ('{"at": "2025-01-01"}', 'timestamp with time zone', 'string'), ('{"wait": 5}', 'interval', 'number'),
	('{"clock": "10:00"}', 'time without time zone', 'string'), ('{"doc": "a"}', 'jsonb', 'string'), ('{"list": 1}', 'integer[]', 'number'), ('{"rate": "0.5"}', 'numeric(8,2)', 'string'),
	('{"online": "t"}', 'boolean', 'string'), ('{"country": 5}', 'text', 'number'), ('{"code": true}', 'character(3)', 'boolean'), ('{"owner": 5}', 'uuid', 'number'), ('{"mood": 1}', 'public.mood', 'number'),
	('{"shop": 1}', 'public.shop', 'number'), ('{"country": ["DE", 1]}', 'text', 'number'),
	('{"due": null}', NULL, NULL), ('{"doc": [null]}', NULL, NULL), ('{"country": ["DE", null]}', NULL, NULL), ('{"rate": [0.5, 1]}', NULL, NULL), ('{"weight": 1}', NULL, NULL), ('{"online": [true, 1]}', NULL, NULL),
	('{"owner": "c4ca4238-a0b9-2382-0dcc-509a6f75849b"}', NULL, NULL), ('{"ip": "10.0.0.1"}', NULL, NULL), ('{"code": "x"}', NULL, NULL), ('{"mood": "calm"}', NULL, NULL), ('{"shop": "s"}', NULL, NULL)) AS v(rule, type, given);
SELECT mlops.train('f', 't', target => 'fraud', key => 'id', features => '{a,wait,mood,shop}', params => '{"n_estimators": 3}') FROM generate_series(1, 2) \g /dev/null
SELECT mlops.deploy('f', 1) \g /dev/null
SELECT matches(outcome('f', v.rule::jsonb), '^the rule compares column "' || v.name || '" of type .* with a number$', 'of a feature: rule ' || v.rule)
	FROM (VALUES ('wait', '{"wait": 5}'), ('mood', '{"mood": 1}'), ('shop', '{"shop": 1}')) AS v(name, rule);
SELECT is(outcome('f', '{"mood": "calm", "shop": "s"}'), 'taken', 'what fits features of types of one''s own is taken');

-- ---- values that no row can have
SELECT is(outcome('m', v.rule::jsonb), format('the rule compares column "%s" of type %s with %s, which is no value of it', (SELECT k FROM jsonb_object_keys(v.rule::jsonb) AS k), v.type, v.given), 'rule ' || v.rule)
FROM (VALUES ('{"mood": "Calm"}', 'public.mood', '"Calm"'), ('{"mood": ["calm", "hsty"]}', 'public.mood', '"hsty"'), ('{"owner": "not a uuid"}', 'uuid', '"not a uuid"'), ('{"ip": "300.1.1.1"}', 'inet', '"300.1.1.1"'),
	('{"id": 1.5}', 'integer', '1.5'), ('{"id": [7, 2147483648]}', 'integer', '2147483648'), ('{"online": 2}', 'boolean', '2')) AS v(rule, type, given);
SELECT is(outcome('m', v.rule::jsonb), 'taken', 'rule ' || v.rule)
FROM (VALUES ('{"mood": ["calm", null]}'), ('{"owner": "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"}'), ('{"ip": "10.0.0.1/32"}'), ('{"id": [-2147483648, 2147483647, 1.0, true]}'), ('{"online": [0, 1]}'), ('{"shop": "none"}')) AS v(rule);
SELECT throws_ok($$SELECT mlops.deploy('m', 2, 'segment', rule => '{"mood": "Calm"}')$$, '22023', NULL, 'with its SQLSTATE');

-- ---- rows that a rule does not know: the same row with columns of other types, without one, and as JSON
SELECT mlops.deploy('m', 2, 'segment', rule => v.rule::jsonb, variant => v.variant) FROM (VALUES ('{"country": "DE"}', 'text'), ('{"rate": 0.5}', 'number'), ('{"due": null}', 'none')) AS v(rule, variant) \g /dev/null
CREATE TABLE kinds (place int, name text, source text, variant text, failed text, code text);
INSERT INTO kinds VALUES
	(1, 'as trained', 'SELECT * FROM t WHERE id = 2', 'text', NULL, NULL),
	(2, 'fits none', 'SELECT * FROM t WHERE id = 3', 'primary', NULL, NULL),
	(3, 'number in place of text', 'SELECT a, 5 AS country, 0.5 AS rate, due FROM t WHERE id = 2', 'number', 'text', '42804'),
	(4, 'date in place of text', 'SELECT a, due AS country, 0.7 AS rate, due FROM t WHERE id = 2', 'primary', 'text', '42804'),
	(5, 'JSON in place of text', 'SELECT a, doc AS country, 0.5 AS rate, due FROM t WHERE id = 2', 'number', 'text', '42804'),
	(6, 'text in place of a number', 'SELECT a, country, ''half'' AS rate, due FROM t WHERE id = 1', 'primary', 'number', '42804'),
	(7, 'text in place of a number, NULL asked for later', 'SELECT a, country, ''half'' AS rate, NULL::text AS due FROM t WHERE id = 1', 'none', 'number', '42804'),
	(8, 'without a column', 'SELECT a, 0.5 AS rate, due FROM t WHERE id = 2', 'number', 'text', '42703'),
	(9, 'a list that is NULL', 'SELECT a, country, rate, NULL::int[] AS due FROM t WHERE id = 3', 'none', NULL, NULL);

CREATE TYPE decided AS (variant text, failed text, code text);
CREATE FUNCTION decided(source text, features text, on_error text) RETURNS decided LANGUAGE plpgsql AS $$
DECLARE
	made uuid;
BEGIN
	EXECUTE format('SELECT (mlops.decide(''m'', %s, NULL, %L)).prediction_id FROM (%s) AS r', features, on_error, source) INTO made;
	RETURN (SELECT (max(p.variant) FILTER (WHERE NOT p.shadow AND p.sqlstate IS NULL AND p.score IS NOT NULL), max(p.variant) FILTER (WHERE p.shadow), max(p.sqlstate) FILTER (WHERE p.shadow))::decided
		FROM mlops.predictions AS p WHERE p.prediction_id = made);
END
$$;
CREATE FUNCTION answered(source text, features text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v text;
BEGIN
	EXECUTE format('SELECT (mlops.predict(''m'', %s)).variant FROM (%s) AS r', features, source) INTO v;
	RETURN v;
END
$$;
SET LOCAL client_min_messages = error;
SELECT is(decided(k.source, 'r', e.choice), (k.variant, k.failed, k.code)::decided, format('%s, on_error %s', k.name, e.choice))
	FROM kinds AS k, (VALUES ('null'), ('raise')) AS e(choice) ORDER BY k.place, e.choice;
SELECT is((decided(k.source, 'to_jsonb(r)', 'raise')).variant, k.variant, 'JSON: ' || k.name) FROM kinds AS k ORDER BY k.place;
SELECT is(answered(k.source, f.features), k.variant, format('%s: predict of %s', k.name, f.features)) FROM kinds AS k, (VALUES ('r'), ('to_jsonb(r)')) AS f(features) ORDER BY k.place, f.features;

-- ---- JSON that a rule cannot read
SELECT is(decided('SELECT 1', v.object, 'raise'), (v.variant, v.failed, v.code)::decided, v.object) FROM (VALUES
	('''{"a": 1, "country": "FR", "rate": "half", "due": 1}''::jsonb', 'primary', 'number', '22P02'), ('''{"a": 1, "country": "FR", "rate": "0.50", "due": 1}''::jsonb', 'number', NULL, NULL),
	('''{"a": 1, "country": ["DE"], "rate": 1, "due": 1}''::jsonb', 'primary', 'text', '42804'), ('''{"a": 1}''::jsonb', 'primary', 'text', '42703'),
	('''{"a": 1, "country": "FR", "rate": 1, "due": null}''::jsonb', 'none', NULL, NULL)) AS v(object, variant, failed, code);

-- ---- a payment stored with a trigger, and a row scored by name
CREATE TABLE payment (id int, a int, country int, rate numeric, due date, score float8, flagged boolean);
CREATE TRIGGER decide BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('m', 'score', 'flagged');
INSERT INTO payment SELECT g, g, g, 0.7, '2025-01-01' FROM generate_series(1, 3) AS g;
SELECT is((SELECT count(score) FROM payment), 3::bigint, 'the trigger decides rows that a rule cannot be compared with');
SELECT is((SELECT count(*) FROM payment AS p WHERE mlops.score('m', p) = mlops.score('m', to_jsonb(p)) AND p.score = mlops.score('m', p)), 3::bigint, 'row, JSON and decision score the same');
SELECT is((SELECT count(*) FROM mlops.score_table('m', 'payment')), 3::bigint, 'and a table is scored');

-- ---- what stands is named
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE problem LIKE 'compares%'$$, 'rules that fit are no problem');
UPDATE mlops_catalog.deployment_route SET rule = '{"due": ["2025-01-02", null], "country": "DE"}' WHERE variant = 'none';
SELECT results_eq($$SELECT object, problem FROM mlops.check_catalog() WHERE problem LIKE 'compares%'$$,
	$$VALUES ('route none', 'compares column "due" of type date with a string, so no row fits it')$$, 'a rule that cannot be compared is named');
UPDATE mlops_catalog.deployment_route SET rule = '{"a": [3, "x"]}' WHERE variant = 'none';
SELECT is(answered('SELECT a, country, rate, due FROM t WHERE id = 3', f), 'primary', 'numbers and text in one list fit nothing: ' || f) FROM unnest('{r,to_jsonb(r)}'::text[]) AS f;

-- ---- values are the same as their types have it, neither rounded nor cut
CREATE TABLE s AS SELECT g AS id, 748512345678901200 + g % 6 AS account, (748512345678901200 + g % 6)::numeric AS wide, (g % 6 / 10.0)::float8 AS share, (g % 6 / 10.0)::real AS part, (g % 6 * 0.01)::numeric::money AS fee,
	md5((g % 6)::text)::uuid AS shop, ('10.0.0.' || g % 6)::inet AS ip, (ARRAY['DE', 'DE ', 'FR', 'FR ', 'X', ''])[1 + g % 6] AS country, (ARRAY['DE', 'DE ', 'FR', 'FR ', 'X', ''])[1 + g % 6]::char(5) AS code, g % 100 AS a, g % 100 < 30 AND g % 3 <> 0 AS fraud
	FROM generate_series(1, 900) AS g;
SELECT mlops.train('s', 's', target => 'fraud', key => 'id', features => '{a}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('s', 1) \g /dev/null
CREATE FUNCTION fits(rule jsonb, features text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	found int[];
BEGIN
	PERFORM mlops.deploy('s', 1, 'segment', rule => rule, variant => 'one');
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM s AS r WHERE id <= 6 AND (mlops.predict(''s'', %s)).variant = ''one''', features) INTO found;
	RETURN found;
END
$$;
SELECT is(fits(v.rule::jsonb, f), v.ids::int[], format('rule %s fits %s of %s', v.rule, v.ids, f)) FROM (VALUES
	('{"account": 748512345678901203}', '{3}'), ('{"wide": [748512345678901201, 748512345678901202.0]}', '{1,2}'), ('{"share": [0.1, 0.30]}', '{1,3}'), ('{"part": 0.1}', '{1}'), ('{"fee": 0.02}', '{2}'),
	('{"shop": "C4CA4238-A0B9-2382-0DCC-509A6F75849B"}', '{1}'), ('{"ip": "10.0.0.1/32"}', '{1}'), ('{"country": "DE"}', '{6}'), ('{"country": ["DE ", "FR"]}', '{1,2}'),
	('{"code": "DE"}', '{1,6}'), ('{"code": "FR  "}', '{2,3}'), ('{"country": ""}', '{5}'), ('{"shop": "00000000-0000-0000-0000-000000000000"}', NULL)) AS v(rule, ids), (VALUES ('r'), ('to_jsonb(r)')) AS g(f);
-- a rule that was made before its type was looked at
UPDATE mlops_catalog.deployment_route SET rule = '{"shop": "no uuid"}' WHERE variant = 'one';
SELECT is((SELECT count(*) FROM s AS r WHERE 'one' IN ((mlops.predict('s', r)).variant, (mlops.predict('s', to_jsonb(r))).variant)), 0::bigint, 'no row fits a value of another type, and none fails');
SELECT is((SELECT count(*) FROM mlops.check_catalog() AS c WHERE c.object = 'route one' AND c.problem = 'compares column "shop" of type uuid with "no uuid", which is no value of it, so no row fits it'), 1::bigint, 'check_catalog names it');
SELECT is(fits('{"shop": "c4ca4238a0b923820dcc509a6f75849b", "ip": "10.0.0.1"}', 'to_jsonb(r) || ''{"shop": "{C4CA4238-A0B9-2382-0DCC-509A6F75849B}", "ip": "10.0.0.1/32"}'''), '{1,2,3,4,5,6}', 'JSON is read by the recorded type');
SELECT is(fits('{"account": 748512345678901203}', 'to_jsonb(r) || ''{"account": "748512345678901203"}'''), '{1,2,3,4,5,6}', 'so is a number in a string');
SELECT is(fits('{"account": 748512345678901203}', 'to_jsonb(r) || ''{"account": "748512345678901204"}'''), NULL, 'not rounded');
SELECT * FROM finish();
ROLLBACK;
