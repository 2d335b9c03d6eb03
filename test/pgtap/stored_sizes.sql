-- What roles have stored is bounded: every function that writes is called with a
-- text, a JSON value or a list of 10 MB in each argument in turn, and what comes
-- about by itself, such as an error's message, is cut.
\ir setup.psql
SELECT plan(29);
\ir plausible.psql

CREATE FUNCTION large(type regtype) RETURNS text LANGUAGE sql AS $$
	SELECT CASE type::text WHEN 'text' THEN $q$repeat('x', 10000000)$q$ WHEN 'jsonb' THEN $q$jsonb_build_object('x', repeat('x', 10000000))$q$
		WHEN 'text[]' THEN $q$ARRAY[repeat('x', 10000000)]$q$ WHEN 'name[]' THEN $q$array_fill('x'::name, ARRAY[100000])$q$ END $$;

-- What stores nothing of an argument, or bounds it in its own way.
CREATE TABLE explained (function text, argument text, reason text);
INSERT INTO explained VALUES
	('decide', 'key', 'a payment goes on: of a long key the beginning and its hash are logged'),
	('decide', 'features', 'a payment goes on: of long texts the beginning is logged'),
	('decide', 'on_error', 'one of a few words'),
	('decide', 'model', 'names a model'),
	('check_drift', NULL, 'stores nothing'),
	('compare', NULL, 'stores nothing'),
	('curve', NULL, 'stores nothing'),
	('daily_precision', NULL, 'stores nothing'),
	('drift_between', NULL, 'stores nothing'),
	('evaluate', NULL, 'stores nothing'),
	('explain_table', NULL, 'stores nothing'),
	('score_table', NULL, 'stores nothing'),
	('thresholds', NULL, 'stores nothing'),
	('unschedule', 'name', 'stores nothing'),
	('why', NULL, 'stores nothing'),
	('log_artifact', 'text', 'a file: of up to 16 MB, see below'),
	('log_metric', 'key', 'a name of up to 250 characters'),
	('log_param', 'key', 'a name of up to 250 characters'),
	('schedule', 'name', 'a name of up to 100 characters');

CREATE TABLE argument AS
SELECT p.oid, p.proname::text AS function, a.i::int AS i, p.proargnames[a.i] AS argument, a.type::oid::regtype AS type,
	p.proname || '.' || p.proargnames[a.i] AS place,
	format('SELECT FROM mlops.%I(%s)', p.proname, (SELECT string_agg(format('%I => %s::%s', p.proargnames[b.i],
		CASE WHEN b.i = a.i THEN large(b.type::oid::regtype) ELSE plausible(p.oid, p.proargnames[b.i], b.type::oid::regtype) END,
		CASE WHEN b.type::oid::regtype::text = 'anyelement' THEN 'jsonb' ELSE b.type::oid::regtype::text END), ', ' ORDER BY b.i)
		FROM unnest(p.proargtypes) WITH ORDINALITY AS b(type, i))) AS call
FROM pg_proc AS p, unnest(p.proargtypes) WITH ORDINALITY AS a(type, i)
WHERE p.pronamespace = 'mlops'::regnamespace AND p.provolatile = 'v' AND p.prokind = 'f' AND large(a.type::oid::regtype) IS NOT NULL;
SELECT cmp_ok(count(*), '>', 130::bigint, 'arguments of functions that write') FROM argument;
SELECT is((SELECT string_agg(format('%s.%s', e.function, e.argument), ', ') FROM explained AS e WHERE NOT EXISTS (SELECT FROM argument AS a
	WHERE a.function = e.function AND a.argument = coalesce(e.argument, a.argument))), NULL, 'what is explained is there');

CREATE TABLE outcome (place text, argument text, sqlstate text, message text, detail text, hint text);
CREATE FUNCTION try(place text, argument text, call text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE call;
	RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	INSERT INTO outcome VALUES (place, argument, sqlstate, left(sqlerrm, 1000), detail, hint);
END $$;
SELECT try(a.place, a.argument, a.call) FROM argument AS a
	WHERE NOT EXISTS (SELECT FROM explained AS e WHERE e.function = a.function AND coalesce(e.argument, a.argument) = a.argument) ORDER BY place \g /dev/null
SELECT is((SELECT string_agg(format('%s: %s %s', o.place, o.sqlstate, left(o.message, 200)), E'\n' ORDER BY o.place) FROM outcome AS o WHERE o.sqlstate <> '54000'),
	NULL, 'each is refused for its size');
SELECT is((SELECT string_agg(format('%s: %s %s', o.place, o.message, o.detail), E'\n' ORDER BY o.place) FROM outcome AS o WHERE o.place <> 'schedule.cron' AND (o.hint = ''
		OR o.message !~ format('^"%s" is larger than (65536|100000|1048576) bytes$', o.argument) OR o.detail !~ '^It has (100000[0-9]{2}|64000[0-9]{2}) bytes\.$')),
	NULL, 'in words that name the argument, what it has and what it may have');
SELECT throws_like($$SELECT mlops.set_model_tag('n', 'k', repeat('x', 200000000))$$, '"value" is larger than 65536 bytes', 'a tag of 200 MB');

-- ---- up to the bound all is well, and further not
SELECT mlops.start_run('mine') AS run \gset
CREATE FUNCTION at_bound(call text, most int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format(call, most);
	EXECUTE format(call, most + 1);
	RETURN 'more is taken';
EXCEPTION WHEN program_limit_exceeded OR invalid_parameter_value THEN
	RETURN sqlerrm;
END $$;
SELECT is(at_bound(call, most), format(CASE most WHEN 250 THEN '"%s" must have 1 to %s characters' ELSE '"%s" is larger than %s bytes' END, argument, most), call)
FROM (VALUES
	($$SELECT mlops.set_model_tag('n', 'k', repeat('x', %s))$$, 'value', 65536), ($$SELECT mlops.set_model_tag('n', repeat('ä', %s), 'v')$$, 'key', 250),
	($$SELECT mlops.describe('n', repeat('x', %s))$$, 'description', 65536), ($$SELECT mlops.describe('n', limits => repeat('x', %s))$$, 'limits', 65536),
	(format($$SELECT mlops.set_tag(%s, repeat('x', %%s), 'v')$$, :run), 'key', 250), (format($$SELECT mlops.set_note(%s, repeat('x', %%s))$$, :run), 'note', 65536),
	(format($$SELECT mlops.set_note(%s, NULL, repeat('x', %%s))$$, :run), 'name', 250), ($$SELECT mlops.start_run('mine', repeat('x', %s))$$, 'name', 250),
	($$SELECT mlops.start_run('mine', tags => jsonb_build_object(repeat('x', %s), 1))$$, 'tags', 250),
	(format($$SELECT mlops.log_param(%s, 'p' || %%1$s, repeat('x', %%1$s))$$, :run), 'value', 65536),
	(format($$SELECT mlops.log_artifact(%s, repeat('x', %%s), 'v')$$, :run), 'path', 250),
	(format($$SELECT mlops.log_artifact(%s, 'p', 'v', content_type => repeat('x', %%s))$$, :run), 'content_type', 250),
	($$SELECT mlops.approve('n', 1, repeat('x', %s))$$, 'note', 65536), ($$SELECT mlops.set_stage('n', 1, 'staging', repeat('x', %s))$$, 'note', 65536)) AS c(call, argument, most);
SELECT throws_ok(format($$SELECT mlops.log_artifact(%s, 'p', repeat('x', 16777217))$$, :run), '54000', 'an artifact of 16777217 bytes is too large', 'a file');
SELECT throws_like($$SELECT mlops.set_model_tag('n', 'k' || i, repeat('x', 60000)) FROM generate_series(1, 20) AS i$$, '"tags" is larger than 1048576 bytes', 'all tags together');
SET LOCAL search_path = public;
-- set and taken back in one statement: from PostgreSQL 18 on clients are told of it, and give up at such a length
SELECT throws_ok($$DO $do$ BEGIN
	PERFORM set_config('search_path', 'public, ' || repeat('a', 70000), true);
	PERFORM mlops.train('n', 'tx', target => 'is_fraud', features => '{amount}');
END $do$ $$, '54000', '"search_path" is larger than 65536 bytes', 'a setting that is recorded with the query');
SELECT set_config('my.setting', repeat('a', 70000), true) \g /dev/null
SELECT throws_ok($$SELECT mlops.submit('SELECT 1')$$, '54000', '"my.setting" is larger than 65536 bytes', 'a setting that goes along with a job');
SELECT set_config('my.setting', '', true) \g /dev/null

-- ---- payments go on, and read again they score the same
SET LOCAL mlops.log_features = on;
CREATE TABLE made AS SELECT mlops.decide('n', jsonb_build_object('amount', 5, 'country', repeat('x', 10000000)), repeat('k', 10000000)) AS d
	UNION ALL SELECT mlops.decide('n', jsonb_build_object('amount', '5.' || repeat('0', 100000) || '1', 'country', 'DE'), 'k');
SELECT is((SELECT string_agg(format('%s: %s', k.key, octet_length(k.value)), ', ' ORDER BY k.key, octet_length(k.value)) FROM mlops.predictions AS p, jsonb_each_text(p.features) AS k),
	'amount: 1, amount: 1, country: 2, country: 1000', 'what is logged of long texts');
SELECT is((SELECT count(*) FROM mlops.predictions AS p WHERE mlops.score('n', p.features) = p.score), 2::bigint, 'scores the same');

-- ---- errors of others
SELECT is(octet_length(mlops_catalog.cut(repeat('ä', 100000))), 65535, 'cut between characters');
SELECT is(mlops_catalog.cut(jsonb_build_object('a', repeat('x', 2000000))) -> 'reason' IS NOT NULL, true, 'an object becomes a text');
SELECT mlops_catalog.end_upkeep('postgres', 'n', 'monitor', repeat('ä', 5000000));

-- ---- what there is now
CREATE FUNCTION largest(c regclass, a name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	most bigint;
BEGIN
	EXECUTE format('SELECT max(octet_length(%I::text)) FROM %s', a, c) INTO most;
	RETURN most;
END $$;
SELECT is((SELECT string_agg(format('%s.%s: %s', s.c, s.a, s.most), ', ') FROM (SELECT c.oid::regclass AS c, a.attname AS a, a.atttypid, largest(c.oid, a.attname) AS most
	FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
		AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'text[]'::regtype, 'name[]'::regtype)) AS s
	WHERE s.most > CASE WHEN s.atttypid = 'text'::regtype THEN 65536 ELSE 1200000 END), NULL, 'no text of the catalog is larger than it may be');
SELECT cmp_ok((SELECT max(octet_length(u.error)) FROM mlops_catalog.upkeep AS u), '>', 60000, 'and of an error its beginning is there');
SELECT * FROM finish();
ROLLBACK;
