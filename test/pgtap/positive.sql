-- "positive" is a value of the column's type, however it is written and whatever the session's settings.
\ir setup.psql
SELECT plan(107);
CREATE TYPE verdict AS ENUM ('ok', 'fraud');
CREATE DOMAIN hours AS interval;
-- By type: the value of the positive rows, that of the others, "positive" as it is written.
CREATE TABLE kind (type text, yes text, no text, written text);
INSERT INTO kind VALUES
	('interval', '24:00:00', '1 hour', '1 day'), ('interval', '1 day', '1 hour', '24:00:00'), ('hours', '1 day', '1 hour', '24:00:00'),
	('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'),
	('inet', '1.2.3.4', '1.2.3.5', '1.2.3.4/32'), ('macaddr', '08:00:2b:01:02:03', '08:00:2b:01:02:04', '08-00-2B-01-02-03'),
	('date', '2025-01-01', '2025-02-01', '20250101'), ('timestamp', '2025-01-01', '2025-02-01', '2025-01-01'),
	('timestamptz', '2025-01-01 00:00+00', '2025-02-01 00:00+00', '2025-01-01 01:00+01'), ('timestamptz', '2025-01-01 00:00+00', '2025-02-01 00:00+00', '2025-01-01'),
	('time', '03:00', '04:00', '3:00 am'), ('timetz', '03:00+00', '04:00+00', '03:00Z'), ('bytea', '\x01', '\x02', '\001'),
	('jsonb', '{"a": 1}', '{}', '{"a":1.0}'), ('jsonb', '1.0', '2', '1'), ('int4range', '[1,2]', '[1,3]', '[1,3)'),
	('numeric[]', '{1.0}', '{2}', '{1}'), ('int[]', '{1}', '{2}', '{ 1}'), ('regclass', 'pg_class', 'pg_proc', '1259'),
	('numeric', '1.0', '2', '1e0'), ('float8', '1', '2', '1.00'), ('bigint', '7', '8', '7.0'), ('money', '1', '2', '1.0'), ('boolean', 'true', 'false', 'on'),
	('char(4)', 'yes', 'no', 'yes '), ('"char"', 'y', 'n', 'y'), ('bit(2)', '10', '01', '10'), ('verdict', 'fraud', 'ok', 'fraud'), ('name', 'fraud', 'ok', 'fraud');
CREATE TABLE base AS SELECT g AS id, hashint4(g) % 100 AS a, hashint4(g) % 100 > 60 AS y FROM generate_series(1, 400) AS g;
CREATE VIEW truth AS SELECT count(*) FILTER (WHERE y) AS positives FROM base;
SELECT version FROM mlops.train('m', 'base', target => 'y', key => 'id');
SELECT version FROM mlops.deploy('m', 1);
SELECT count(mlops.decide('m', base, id::text)) FROM base;

-- Under settings that change how each of these is written and read.
CREATE FUNCTION positives_of(k kind, OUT labels bigint, OUT trained bigint, OUT evaluated bigint, OUT checked bigint) LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM mlops_catalog.label;
	PERFORM * FROM mlops.add_labels('m', query => format('SELECT id, CASE WHEN y THEN %L ELSE %L END::%s AS l FROM base', k.yes, k.no, k.type),
		key => 'id', label => 'l', positive => k.written);
	labels := (SELECT count(*) FROM mlops.labels WHERE model = 'm' AND label);
	PERFORM * FROM mlops.train(concat('t', md5(k::text)), query => format('SELECT id, a, CASE WHEN y THEN %L ELSE %L END::%s AS l FROM base', k.yes, k.no, k.type),
		target => 'l', key => 'id', positive => k.written, params => '{"n_estimators": 2}');
	trained := (SELECT d.positives FROM mlops.versions AS v JOIN mlops.runs AS r USING (run_id) JOIN mlops.datasets AS d USING (dataset_id)
		WHERE v.model = concat('t', md5(k::text)));
	evaluated := (SELECT (e).positives FROM mlops.evaluate(concat('t', md5(k::text), '/1'), query => format('SELECT id, a, CASE WHEN y THEN %L ELSE %L END::%s AS l FROM base', k.yes, k.no, k.type)) AS e);
	EXECUTE format('SELECT count(*) FROM base WHERE mlops_catalog.is_positive(CASE WHEN y THEN %L ELSE %L END::%s, %L)', k.yes, k.no, k.type, k.written) INTO checked;
END
$$;
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SELECT is(p.*::text, format('(%1$s,%1$s,%1$s,%1$s)', t.positives), format('%s of %s for %s: labels, training, evaluation, check of a source', k.written, k.type, k.yes))
	FROM kind AS k, truth AS t, LATERAL positives_of(k) AS p;
-- its own equality: another zone is another time of day to PostgreSQL too
SELECT is(mlops_catalog.is_positive(timetz '04:00+01', '03:00+00'), timetz '04:00+01' = '03:00+00', 'as = says');
SELECT is(mlops_catalog.is_positive(float8 'NaN', '1'), NULL, 'NaN is missing');
SELECT is(mlops_catalog.is_positive(point '(1,2)', '(1.0,2)'), true, 'a type without equality is compared by its text');

-- ---- what is stored is the value, not how it was written: another session reads it back as the same
CREATE TABLE due AS SELECT id, a, y, CASE WHEN y THEN timestamptz '2025-01-01 06:30+00' ELSE '2025-01-01 10:00+00' END AS l FROM base;
SET LOCAL timezone_abbreviations = 'India';	-- there IST is 5:30 ahead of UTC, by default 2:00
SELECT version FROM mlops.train('z', 'due', target => 'l', exclude => '{y}', key => 'id', positive => '2025-01-01 12:00 IST', params => '{"n_estimators": 2}');
SELECT version FROM mlops.train('z', query => 'SELECT id, a, CASE WHEN y THEN (now() AT TIME ZONE ''UTC'')::date ELSE ''2025-01-01'' END AS l FROM base', target => 'l', key => 'id', positive => 'today', params => '{"n_estimators": 2}');
SELECT version FROM mlops.train('z', query => 'SELECT id, a, CASE WHEN y THEN 1.50 ELSE 2 END AS l FROM base', target => 'l', key => 'id', positive => '15e-1', params => '{"n_estimators": 2}');
SELECT is(v.positive, w.text, format('version %s: the value in UTC', v.version)) FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
	JOIN (VALUES (1, '2025-01-01 06:30:00+00'), (2, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')), (3, '1.5')) AS w(version, text) USING (version) WHERE m.name = 'z' ORDER BY version;
SELECT is(r.request ->> 'positive', v.positive, format('version %s: also to repeat the training', v.version)) FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id)
	WHERE r.model = 'z' ORDER BY v.version;
SET LOCAL timezone_abbreviations = 'Default';
SELECT is((SELECT (e).positives FROM mlops.evaluate('z/1', 'due') AS e), (SELECT positives FROM truth), 'a session with other abbreviations evaluates by it');
SELECT results_eq('SELECT identical, differs FROM mlops.reproduce(''z'', 1)', $$VALUES (true, '{}'::text[])$$, 'and repeats the training');

-- ---- no value of the type
SELECT throws_ok(format($$SELECT * FROM mlops.add_labels('m', query => 'SELECT id, NULL::%s AS l FROM base', key => 'id', label => 'l', positive => %L)$$, k.type, k.written), '22023',
	format('"positive" is "%s", which is not a value of label "l" of type %s', k.written, format_type(k.type::regtype, NULL)), format('%s: not a value of %s', k.written, k.type))
	FROM (VALUES ('interval', 'fruad'), ('uuid', 'x'), ('date', '01/02/2025'), ('verdict', 'fruad'), ('jsonb', '{'), ('integer', 'one'), ('int[]', '{x}')) AS k(type, written);
SELECT throws_ok($$SELECT * FROM mlops.train('m2', query => 'SELECT id, a, interval ''1 day'' AS l FROM base', target => 'l', key => 'id', positive => 'tomorrow')$$, '22023',
	'"positive" is "tomorrow", which is not a value of target "l" of type interval', 'nor to train');
SELECT throws_ok($$SELECT * FROM mlops.train('m2', query => 'SELECT id, a, interval ''1 day'' AS l FROM base', target => 'l', key => 'id', positive => '1 hour')$$, '22000',
	'no row has "1 hour" in target "l"', 'a value that no row has');

-- ---- labels mean what was positive in the training
CREATE TABLE fair AS SELECT id, a, y, NOT y AS legit, (NOT y)::int AS legit_number, CASE WHEN y THEN 2 ELSE 7 END AS class, CASE WHEN y THEN 'bad' ELSE 'good' END AS verdict, y::int AS number FROM base;
SELECT mlops.train(m, 'fair', target => t, positive => p, key => 'id', features => '{a}', params => '{"n_estimators": 2}')
	FROM (VALUES ('legit', 'legit', 'false'), ('number', 'legit_number', '0'), ('class', 'class', '2'), ('text', 'verdict', 'bad')) AS v(m, t, p) \g /dev/null
SELECT mlops.deploy(m, 1) FROM unnest('{legit,number,class,text}'::text[]) AS m \g /dev/null
CREATE FUNCTION labels(model text, label text, positive text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM mlops_catalog.label;
	PERFORM FROM mlops.add_labels(model, 'fair', key => 'id', label => label, positive => positive);
	RETURN (SELECT count(*) FROM mlops.labels AS l JOIN fair ON fair.id = l.key::int WHERE l.label AND y) - (SELECT count(*) FROM mlops.labels AS l JOIN fair ON fair.id = l.key::int WHERE l.label AND NOT y);
END $$;
SELECT is(labels(m, l), t.positives, format('labels of %s by %s', m, l)) FROM truth AS t, (VALUES ('legit', 'legit'), ('legit', 'legit_number'), ('number', 'legit_number'), ('number', 'legit'), ('class', 'class'), ('class', 'y'),
	('text', 'verdict'), ('text', 'y'), ('text', 'number'), ('m', 'y'), ('m', 'number')) AS v(m, l);
SELECT is(labels('legit', 'y', 'true'), positives, 'unless another is given') FROM truth;
SELECT throws_ok($$SELECT labels('legit', 'verdict')$$, '42804', 'label "verdict" of type text is neither boolean nor 0/1', 'how a text spells a boolean is not guessed');
SELECT mlops.train('legit', 'fair', target => 'legit', key => 'id', features => '{a}', params => '{"n_estimators": 2}') \g /dev/null
SELECT is(labels('legit', 'legit'), positives, 'the version that answers says') FROM truth;
SELECT mlops.deploy('legit', 2) \g /dev/null
SELECT is(labels('legit', 'legit'), -(SELECT count(*) FROM base WHERE NOT y), 'which may change');

-- ---- another target
CREATE FUNCTION evaluated(model text, target name, positive text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$ SELECT positives FROM mlops.evaluate(model, 'fair', target => target, positive => positive) $$;
SELECT is(evaluated(m, l), t.positives, format('%s evaluated by %s', m, l)) FROM truth AS t, (VALUES ('legit/1', NULL), ('legit/1', 'y'), ('legit/1', 'number'), ('number', NULL), ('number', 'y'), ('number', 'number'),
	('class', NULL), ('class', 'y'), ('text', NULL), ('text', 'y'), ('text', 'number'), ('m', 'number')) AS v(m, l);
SELECT is(evaluated('legit/1', 'verdict', 'bad'), positives, 'or by what is given') FROM truth;
SELECT is(evaluated('legit/1', NULL, 'true'), (SELECT count(*) FROM base WHERE NOT y), 'also for the target of the training');
SELECT throws_ok($$SELECT evaluated('m', 'verdict')$$, '42804', 'target "verdict" of type text is neither boolean nor 0/1', 'text needs it');

-- ---- a text that reads as a boolean or a number is a text all the same
CREATE TABLE spelt AS SELECT b.id, b.a, b.y, b.y::int AS number, p.yes, v.type,
	CASE WHEN b.y THEN p.yes WHEN lower(p.yes) = 'l' THEN 'm' ELSE 'l' END AS l
	FROM base AS b, unnest('{f,t,F,no,yes,n,y,1,0,true,on,off,tr,False}'::text[]) AS p(yes), unnest('{text,varchar,char(5),"\"char\"",name}'::text[]) AS v(type)
	WHERE v.type = 'text' OR p.yes = 'f' OR p.yes = 'False' AND v.type <> '"char"';
CREATE FUNCTION as_spelt(spelling text, type text, OUT own bigint, OUT truth bigint, OUT number bigint, OUT evaluated bigint, OUT evaluated_truth bigint, OUT evaluated_number bigint) LANGUAGE plpgsql AS $$
DECLARE
	m text := concat('s', md5(spelling || type));
	q text := format('SELECT id, a, y, number, l::%s AS l FROM spelt WHERE yes = %L AND type = %L', type, spelling, type);
BEGIN
	DELETE FROM mlops_catalog.label;
	PERFORM mlops.train(m, query => q, target => 'l', positive => spelling, key => 'id', features => '{a}', params => '{"n_estimators": 2}');
	PERFORM mlops.add_labels(m, query => q, key => 'id', label => 'l');
	own := (SELECT count(*) FROM mlops.labels AS l JOIN base ON base.id = l.key::int WHERE l.label = y);
	DELETE FROM mlops_catalog.label;
	PERFORM mlops.add_labels(m, query => q, key => 'id', label => 'y');
	truth := (SELECT count(*) FROM mlops.labels AS l JOIN base ON base.id = l.key::int WHERE l.label = y);
	DELETE FROM mlops_catalog.label;
	PERFORM mlops.add_labels(m, query => q, key => 'id', label => 'number');
	number := (SELECT count(*) FROM mlops.labels AS l JOIN base ON base.id = l.key::int WHERE l.label = y);
	evaluated := (SELECT positives FROM mlops.evaluate(m || '/1', query => q));
	evaluated_truth := (SELECT positives FROM mlops.evaluate(m || '/1', query => q, target => 'y'));
	evaluated_number := (SELECT positives FROM mlops.evaluate(m || '/1', query => q, target => 'number'));
END
$$;
SELECT is(s.*::text, format('(400,400,400,%1$s,%1$s,%1$s)', t.positives), format('%s of %s: its own column, a boolean and 0/1 as labels, evaluated', k.yes, k.type))
	FROM (SELECT DISTINCT yes, type FROM spelt) AS k, truth AS t, LATERAL as_spelt(k.yes, k.type) AS s;
SELECT is(evaluated(m, 'verdict'), positives, 'a text for another text') FROM truth, unnest('{text}'::text[]) AS m;
SELECT is(e.positives, t.positives, 'the target itself as a number') FROM truth AS t, mlops.evaluate('legit/1', query => 'SELECT id, a, legit_number AS legit FROM fair', positive => NULL) AS e;

-- ---- a retraining whose target has another type now, as is accepted
CREATE FUNCTION retrained(was text, positive text, becomes text, OUT outcome text, OUT positives bigint, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE again AS SELECT id, a, %s AS l FROM base', was);
	PERFORM mlops.train('again', 'again', target => 'l', positive => retrained.positive, key => 'id', params => '{"n_estimators": 2}');
	EXECUTE format('ALTER TABLE again ALTER l TYPE %s', becomes);
	SELECT r.outcome, r.detail INTO outcome, detail FROM mlops.retrain('again', options => '{"accept": ["l"]}') AS r;
	positives := (SELECT v.positives FROM mlops.versions AS v WHERE v.model = 'again' AND v.version = 2);
	RAISE 'undo' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
	RETURN;
END
$$;
SELECT is(concat_ws(' ', r.outcome, r.positives = t.positives, r.detail), v.wanted, format('%s of %s becomes %s', v.positive, v.was, v.becomes))
	FROM truth AS t, (VALUES
		('CASE WHEN y THEN ''f'' ELSE ''l'' END', 'f', 'boolean USING l = ''f''', 'registered t a row is positive where target "l" of type boolean is "true"; in training it was positive where the target was "f"'),
		('CASE WHEN y THEN ''0'' ELSE ''1'' END', '0', 'int USING (l = ''0'')::int', 'registered t a row is positive where target "l" of type integer is "1"; in training it was positive where the target was "0"'),
		('NOT y', 'false', 'int USING l::int', 'registered t a row is positive where target "l" of type integer is "0"; in training it was positive where the target was "f"'),
		('(NOT y)::int', '0', 'boolean USING l::boolean', 'registered t a row is positive where target "l" of type boolean is "false"; in training it was positive where the target was "0"'),
		('NOT y', 'false', 'text', 'refused target "l" of type pg_catalog.text has no value that is known to mean "f": train a version with it')) AS v(was, positive, becomes, wanted),
	LATERAL retrained(v.was, v.positive, v.becomes) AS r;
SELECT finish();
ROLLBACK;
