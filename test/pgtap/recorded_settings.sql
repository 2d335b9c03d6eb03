-- A recorded query is read again under the settings that gave it its meaning:
-- what depends on them is the same in a session that has all of them otherwise.
\ir setup.psql
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.paid AS SELECT id, ts, amount, country, online, is_fraud FROM tx WHERE id <= 2000;

CREATE TABLE sessions (session int, name text, value text);
INSERT INTO sessions VALUES
	(1, 'TimeZone', 'Asia/Kolkata'), (1, 'DateStyle', 'German, DMY'), (1, 'IntervalStyle', 'iso_8601'), (1, 'extra_float_digits', '-9'), (1, 'bytea_output', 'escape'),
	(1, 'timezone_abbreviations', 'India'), (1, 'array_nulls', 'off'), (1, 'transform_null_equals', 'on'), (1, 'quote_all_identifiers', 'on'), (1, 'xmloption', 'document'),
	(1, 'default_text_search_config', 'pg_catalog.english'), (1, 'search_path', 'elsewhere, public'),
	(2, 'TimeZone', 'America/New_York'), (2, 'DateStyle', 'ISO, MDY'), (2, 'IntervalStyle', 'postgres'), (2, 'extra_float_digits', '3'), (2, 'bytea_output', 'hex'),
	(2, 'timezone_abbreviations', 'Default'), (2, 'array_nulls', 'on'), (2, 'transform_null_equals', 'off'), (2, 'quote_all_identifiers', 'off'), (2, 'xmloption', 'content'),
	(2, 'default_text_search_config', 'pg_catalog.simple'), (2, 'search_path', 'public');
CREATE FUNCTION pg_temp.become(s int) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, value, true) FROM public.sessions WHERE session = s
$$;

-- a column for each of these settings
CREATE TABLE asked (setting text, expression text);
INSERT INTO asked VALUES
	('DateStyle''s order', 'extract(day FROM (id % 4 + 1 || ''/2/2026'')::date)'),
	('DateStyle', 'left((date ''2026-01-01'' + id % 5)::text, 4)'),
	('IntervalStyle', '(interval ''1 day'' * (id % 4))::text'),
	('extra_float_digits', '(round(amount / 10) / 3)::text'),
	('bytea_output', 'left(decode(lpad(id % 3 + 7 || '''', 2, ''0''), ''hex'')::text, 3)'),
	('timezone_abbreviations', 'extract(hour FROM (to_char(ts, ''YYYY-MM-DD HH24:MI'') || '' IST'')::timestamptz AT TIME ZONE ''UTC'')'),
	('TimeZone', 'extract(hour FROM to_char(ts, ''YYYY-MM-DD HH24:MI'')::timestamptz AT TIME ZONE ''UTC'')'),
	('array_nulls', 'online OR (''{NULL,'' || country || ''}'')::text[] = ARRAY[NULL, country]'),
	('transform_null_equals', 'nullif(country, ''DE'') = NULL'),
	('quote_all_identifiers', 'quote_ident(lower(country))'),
	('xmloption', 'quote_literal(country)'),
	('default_text_search_config', 'to_tsvector(CASE WHEN online THEN ''payments'' ELSE ''paying'' END)::text');
CREATE FUNCTION pg_temp.query() RETURNS text LANGUAGE sql AS $$
	SELECT 'SELECT id, ts, amount, is_fraud, ' || string_agg(format('%s AS %I', expression, 'by ' || setting), ', ' ORDER BY setting) || ' FROM paid' FROM public.asked
$$;
CREATE FUNCTION pg_temp.seen() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	values text[] := '{}';
	a record;
	v text;
BEGIN
	FOR a IN SELECT * FROM public.asked ORDER BY setting LOOP
		EXECUTE format('SELECT md5(string_agg((%s)::text, '','' ORDER BY id)) FROM elsewhere.paid', a.expression) INTO v;
		values := values || v;
	END LOOP;
	RETURN values;
END
$$;

SELECT plan(22);
SELECT pg_temp.become(1) \g /dev/null
CREATE TEMP TABLE first_sight AS SELECT pg_temp.seen() AS seen;
CREATE TEMP TABLE names AS SELECT array_agg(setting ORDER BY setting) AS setting FROM asked;
SELECT mlops.train('m', query => pg_temp.query(), target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null
SELECT mlops.train('m', query => pg_temp.query(), target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 4}') \g /dev/null
SELECT mlops.monitor('m', every => '1 day', query => pg_temp.query(), time_column => 'ts') \g /dev/null
SELECT mlops.snapshot(query => pg_temp.query(), name => 'kept') \g /dev/null
SELECT mlops.snapshot(query => pg_temp.query(), name => 'known', kind => 'reference') \g /dev/null
CREATE TEMP TABLE judged AS SELECT to_jsonb(e) AS metrics FROM mlops.evaluate('m/2', query => pg_temp.query()) AS e;

SELECT pg_temp.become(2) \g /dev/null
SELECT is(ARRAY(SELECT s FROM names, first_sight, unnest(names.setting, first_sight.seen, pg_temp.seen()) AS u(s, a, b) WHERE a = b), '{xmloption}', 'each column depends on its setting');
SELECT is((SELECT settings ->> 'DateStyle' FROM mlops.datasets ORDER BY dataset_id LIMIT 1), 'German, DMY', 'a training tells its settings');
SELECT ok((SELECT bool_and(settings ?& ARRAY(SELECT name FROM sessions WHERE name NOT IN ('search_path', 'TimeZone'))) FROM mlops.datasets), 'all that matter');
SELECT results_eq('SELECT identical, differs, content_hash = content_hash_now FROM mlops.reproduce(''m'', 2)', $$VALUES (true, '{}'::text[], true)$$, 'reproduce reads the same');
SELECT results_eq('SELECT outcome, detail FROM mlops.retrain(''m'', options => ''{"refit": false}'')', $$VALUES ('unchanged', 'training gave the same bytes as version 1: nothing was registered or deployed')$$, 'a retraining');
SELECT mlops.retrain('m') \g /dev/null
SELECT is((SELECT content_hash FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1), (SELECT content_hash FROM mlops.datasets ORDER BY dataset_id LIMIT 1), 'reads the same');
SELECT is((SELECT settings FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1), (SELECT settings FROM mlops.datasets ORDER BY dataset_id LIMIT 1), 'and records the same');
SELECT mlops.set_gate('m', '{"pr_auc_vs_deployed": {"min_gain": -1}}') \g /dev/null
SELECT is((SELECT c.value FROM mlops.check_gate('m', 2) AS c), (SELECT (v2.metrics ->> 'pr_auc')::float8 - (v1.metrics ->> 'pr_auc')::float8 FROM mlops.versions AS v1, mlops.versions AS v2
	WHERE (v1.model, v1.version, v2.model, v2.version) = ('m', 1, 'm', 2)), 'a gate, with all digits');
SELECT results_eq('SELECT name, intact FROM (VALUES (1, ''kept''), (2, ''known'')) AS v(o, n), mlops.verify_snapshot(n) ORDER BY o', $$VALUES ('kept', true), ('known', true)$$, 'snapshots are intact');
SELECT is((SELECT content_hash FROM mlops.snapshots WHERE name = 'kept'), (SELECT content_hash FROM mlops.snapshots WHERE name = 'known'), 'and of one content');
SELECT is((SELECT count(*) FROM mlops_snapshot.kept AS k JOIN elsewhere.paid AS p USING (id)
	WHERE k."by TimeZone" = extract(hour FROM p.ts AT TIME ZONE 'Asia/Kolkata' AT TIME ZONE 'UTC') AND k."by DateStyle" = left(to_char(date '2026-01-01' + p.id % 5, 'DD.MM'), 4)), 2000::bigint, 'a copy holds what the session meant');
SELECT is((SELECT w.settings ->> 'DateStyle' FROM mlops_catalog.monitor AS w), 'German, DMY', 'a monitor records them');
SELECT is((SELECT count(*) FROM mlops_catalog.record_window_drift((SELECT owner FROM mlops_catalog.monitor), 'm', (SELECT w FROM mlops_catalog.monitor AS w), '2026-01-03', '2026-01-10') AS n WHERE n > 10), 1::bigint, 'and reads under them');
SELECT is((SELECT max(d.statistic) FROM mlops.drift AS d WHERE d.test = 'unseen' AND d.feature LIKE 'by %'), 0::float8, 'so that nothing is unseen');

-- ---- documents of settings
SELECT is(mlops.export_spec('m') #>> '{models,m,monitor,settings,IntervalStyle}', 'iso_8601', 'a document has them');
SELECT is((SELECT count(*) FROM mlops.apply(mlops.export_spec('m'), dry_run => true)), 0::bigint, 'and says what is there');
SELECT throws_ok($$SELECT mlops.monitor('m', query => 'SELECT * FROM tx', time_column => 'ts', settings => '{"role": "postgres"}')$$, '22023',
	'"role" in "settings" is not a setting that can be recorded with a query, or its value is not a text', 'no others can be given');
SELECT throws_ok($$SELECT mlops.snapshot('tx', 'odd', settings => '{"DateStyle": 1}')$$, '22023', NULL, 'nor can other values');

-- ---- what was recorded before they were
UPDATE mlops_catalog.dataset SET settings = NULL;
UPDATE mlops_catalog.snapshot SET settings = NULL;
UPDATE mlops_catalog.monitor SET settings = NULL, query = 'SELECT * FROM paid', time_column = 'ts';
SELECT lives_ok($$SELECT mlops.reproduce('m', 2)$$, 'is still read');
SELECT mlops.snapshot('elsewhere.paid', 'plain') \g /dev/null
SELECT is((SELECT intact FROM mlops.verify_snapshot('plain')), true, 'a snapshot');
UPDATE mlops_catalog.snapshot SET settings = NULL;
SELECT is((SELECT intact FROM mlops.verify_snapshot('plain')), true, 'taken before');

-- ---- contents of a table hash the same in every session
SELECT pg_temp.become(1) \g /dev/null
SELECT mlops.snapshot('elsewhere.paid', 'plain_1') \g /dev/null
SELECT pg_temp.become(2) \g /dev/null
SELECT is((SELECT content_hash || columns::text FROM mlops.snapshots WHERE name = 'plain_1'), (SELECT content_hash || columns::text FROM mlops.snapshots WHERE name = 'plain'), 'a table has one hash, and columns of one type');
SELECT * FROM finish();
ROLLBACK;
