-- Scoring by bytes: the same as by name, for whoever has the bytes, whichever
-- way they come; what is no model is refused.
\ir setup.psql
SELECT plan(28);
CREATE ROLE regress_mlops_other;
GRANT SELECT ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', params => jsonb_build_object('n_estimators', n)) FROM generate_series(1, 6) AS n \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression') \g /dev/null
CREATE TABLE model AS SELECT v AS version, mlops.export_model('fraud', v) AS bytes FROM generate_series(1, 7) AS v;
GRANT SELECT ON model TO PUBLIC;
CREATE TABLE raw AS SELECT version, mlops_catalog.version_bytes(current_user::regrole, version_id) AS bytes FROM mlops_catalog.model_version;

SELECT is((provolatile, proparallel, proisstrict)::text, '(i,s,t)', 'immutable, parallel safe, strict') FROM pg_proc WHERE oid = 'mlops.score_bytes(bytea, anyelement)'::regprocedure;
SELECT is(max(abs(mlops.score_bytes(bytes, t) - mlops.score_version('fraud', version, t))), 0::float8, 'an exported model scores as it does by name, version ' || version) FROM model, tx AS t GROUP BY version ORDER BY version;
SELECT is(max(abs(mlops.score_bytes(bytes, t) - mlops.score_version('fraud', version, t))), 0::float8, 'the bytes themselves too') FROM raw, tx AS t WHERE id <= 1000;
SELECT is(max(abs(mlops.score_bytes(bytes, t) - mlops.score_version('fraud', version, t))), 0::float8, 'seven models by turns') FROM (SELECT version, bytes, t FROM model, tx AS t WHERE id <= 300 ORDER BY id, version OFFSET 0) AS x;
SELECT is(max(abs(mlops.score_bytes((SELECT bytes FROM model WHERE version = 3), t) - mlops.score_version('fraud', 3, t))), 0::float8, 'from a subquery') FROM tx AS t;
SELECT is(max(abs(mlops.score_bytes(overlay(bytes PLACING ''::bytea FROM 1 FOR 0), t) - mlops.score_version('fraud', version, t))), 0::float8, 'computed for each row') FROM (SELECT version, bytes, t FROM raw, tx AS t WHERE id <= 20 ORDER BY id, version OFFSET 0) AS x;
SELECT bytes FROM raw WHERE version = 1 \gset
SELECT is(max(abs(mlops.score_bytes(:'bytes', t) - mlops.score_version('fraud', 1, t))), 0::float8, 'a constant') FROM tx AS t;
PREPARE by_parameter(bytea) AS SELECT max(abs(mlops.score_bytes($1, t) - mlops.score_version('fraud', 1, t))) FROM tx AS t;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT results_eq(format('EXECUTE by_parameter(%L)', :'bytes'::bytea), 'VALUES (0::float8)', 'a parameter');
DO $$
DECLARE
	r tx;
	m bytea;
	wrong int := 0;
BEGIN
	SELECT * INTO r FROM tx WHERE id = 42;
	FOR i IN 1 .. 21 LOOP
		SELECT bytes INTO m FROM raw WHERE version = 1 + i % 7;
		wrong := wrong + (mlops.score_bytes(m, r) <> mlops.score_version('fraud', 1 + i % 7, r))::int;
		m := m || ''::bytea;
		wrong := wrong + (mlops.score_bytes(m, r) <> mlops.score_version('fraud', 1 + i % 7, r))::int;
	END LOOP;
	PERFORM set_config('mlops_test.wrong', wrong::text, true);
END
$$;
SELECT is(current_setting('mlops_test.wrong'), '0', 'a variable of PL/pgSQL that changes');
SELECT is(mlops.score_bytes(bytes, to_jsonb(t)), mlops.score_version('fraud', 1, t), 'jsonb') FROM raw, tx AS t WHERE version = 1 AND id = 42;
SELECT is(mlops.score_bytes(NULL, t), NULL, 'no bytes') FROM tx AS t WHERE id = 42;
SELECT is(mlops.score_bytes(bytes, NULL::tx), NULL, 'no row') FROM raw WHERE version = 1;
CREATE TABLE generated (amount float8, balance numeric, country text, online boolean, ts timestamp,
	bytes bytea, score float8 GENERATED ALWAYS AS (mlops.score_bytes(bytes, ROW(ts, amount, balance, country, online))) STORED);
INSERT INTO generated SELECT amount, balance, country, online, ts, bytes FROM tx, model WHERE id = 42 AND version IN (2, 7);
SELECT results_eq('SELECT score FROM generated ORDER BY 1', 'SELECT mlops.score_version(''fraud'', v, t) FROM tx t, unnest(''{2,7}''::int[]) v WHERE id = 42 ORDER BY 1', 'a generated column');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok('SELECT mlops.score(''fraud/1'', t) FROM tx t LIMIT 1', '42501', NULL, 'who may not score by name');
SELECT lives_ok('SELECT mlops.score_bytes(bytes, t) FROM tx t, model LIMIT 1', 'may with the bytes');
RESET ROLE;

-- damage
SELECT throws_ok('SELECT mlops.score_bytes(''no model'', t) FROM tx t LIMIT 1', 'XX001', 'the bytes are not those of a model', 'anything');
SELECT throws_ok('SELECT mlops.score_bytes('''', t) FROM tx t LIMIT 1', 'XX001', 'the bytes are not those of a model', 'nothing');
SELECT throws_ok('SELECT mlops.score_bytes(''MLOPSEXP'', t) FROM tx t LIMIT 1', 'XX001', 'the bytes are not those of a model', 'the beginning of an export');
CREATE FUNCTION refused(damaged bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.score_bytes(damaged, t) FROM tx AS t LIMIT 1;
	RETURN false;
EXCEPTION WHEN data_corrupted THEN
	RETURN true;
END
$$;
SELECT ok(bool_and(refused(set_byte(bytes, at, get_byte(bytes, at) # 1))), 'a flipped bit anywhere in the bytes') FROM (SELECT bytes, (length(bytes) - 1) * i / 60 AS at FROM raw, generate_series(0, 60) AS i WHERE version = 6) AS x;
SELECT ok(bool_and(refused(set_byte(bytes, at, get_byte(bytes, at) # 1))), 'or in an export') FROM (SELECT bytes, (length(bytes) - 1) * i / 60 AS at FROM model, generate_series(0, 60) AS i WHERE version = 6) AS x;
SELECT throws_ok('SELECT mlops.score_bytes(bytes, s) FROM raw, (SELECT amount, country FROM tx LIMIT 1) AS s', '42703', NULL, 'missing columns');
-- bytes as a former version wrote them: three trees, a score by hand
\set former `od -An -v -tx1 test/golden/models/trees.1.bin | tr -d ' \n'`
CREATE TABLE known (amount numeric, nation text, moment date);
INSERT INTO known VALUES (1, 'us', '2026-01-01');
SELECT is(round(mlops.score_bytes(decode(:'former', 'hex'), known)::numeric, 12), round((1 / (1 + exp(1 + 0.5 - 0.1 - 0.1)))::numeric, 12), 'bytes of format 1') FROM known;

SELECT * FROM finish();
ROLLBACK;
