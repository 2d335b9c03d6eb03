-- Copies of data sets hold no types of users: the table is the catalog owner's.
\ir setup.psql
SELECT plan(16);
CREATE ROLE regress_mlops_attacker;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
CREATE TABLE ran (as_role name);
GRANT ALL ON ran TO PUBLIC;
CREATE EXTENSION citext;
SET LOCAL ROLE regress_mlops_attacker;
CREATE FUNCTION trap() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ran VALUES (current_user); END $$;
CREATE FUNCTION difference(int, int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM trap(); RETURN $1 - $2; END $$;
CREATE TYPE span AS RANGE (subtype = int4, subtype_diff = difference);
CREATE TYPE mood AS ENUM ('sad', 'happy', 'so, so');
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION is_fine(numeric) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM trap(); RETURN true; END $$;
CREATE DOMAIN euros AS numeric(12, 2) CHECK (is_fine(VALUE));
CREATE TYPE pg_temp.fleeting AS ENUM ('here', 'gone');
CREATE COLLATION own_order (provider = libc, locale = 'C');
CREATE TABLE source AS SELECT i AS id, span(i, i + 5) AS span, ARRAY[span(i, i + 1)] AS spans, multirange(span(i, i + 2)) AS multi,
	CASE WHEN i % 3 = 0 THEN NULL ELSE (ARRAY['sad', 'happy', 'so, so'])[1 + i % 3]::mood END AS mood, ROW(i, 'x"' || i)::pair AS pair, i::euros AS euros,
	'here'::pg_temp.fleeting AS fleeting, i::text COLLATE own_order AS sorted, int4range(i, i + 1) AS own_range, '{1,2}'::float8[] AS own_array,
	'Ab'::citext AS folded, 'tx'::regclass AS relation, NULL::pg_namespace AS own_row
FROM generate_series(1, 300) AS i;
SELECT is((SELECT s.rows FROM mlops.snapshot(query => 'SELECT *, ROW(1, id) AS anonymous FROM source', name => 'kept') s), 300::bigint, 'a copy of columns of all kinds of types');
RESET ROLE;
SELECT is_empty($$SELECT attname, atttypid::regtype, attcollation FROM pg_attribute WHERE attrelid = 'mlops_snapshot.kept'::regclass AND attnum > 0
	AND (atttypid >= 16384 OR attcollation >= 16384)$$, 'has columns of PostgreSQL''s own types and collations only');
SELECT is((SELECT array_agg(format('%s %s', attname, format_type(atttypid, atttypmod)) ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'mlops_snapshot.kept'::regclass AND attnum > 0),
	'{"id integer","span text","spans text","multi text","mood text","pair text","euros numeric(12,2)","fleeting text","sorted text","own_range int4range","own_array double precision[]","folded text","relation regclass","own_row text","anonymous text"}',
	'a domain''s base type, text for the rest');
TRUNCATE ran;
ANALYZE mlops_snapshot.kept;
SELECT is_empty('SELECT * FROM ran', 'ANALYZE runs no code of a user');
SELECT is((SELECT array_agg(c ->> 'kept_as' ORDER BY c ->> 'name') FROM mlops.snapshots s, jsonb_array_elements(s.columns) c WHERE s.name = 'kept' AND c ->> 'name' IN ('euros', 'id', 'span')), '{"numeric(12,2)",NULL,pg_catalog.text}', 'what became of a type is recorded');
SELECT is((SELECT c ->> 'type' FROM mlops.snapshots s, jsonb_array_elements(s.columns) c WHERE s.name = 'kept' AND c ->> 'name' = 'span'), format('%I.span', (SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE typname = 'span')), 'with its name');
SELECT is_empty('SELECT id, span::text, spans::text, multi::text, mood::text, pair::text, euros, fleeting::text, own_range FROM source EXCEPT SELECT id, span, spans, multi, mood, pair, euros, fleeting, own_range FROM mlops_snapshot.kept', 'the values are the same');
SET LOCAL ROLE regress_mlops_attacker;
SELECT ok((SELECT intact FROM mlops.verify_snapshot('kept')), 'the copy has the recorded hash');
SELECT is((SELECT s.content_hash FROM mlops.snapshot(query => 'SELECT *, ROW(1, id) AS anonymous FROM source', name => 'referred', kind => 'reference') s), (SELECT content_hash FROM mlops.snapshots WHERE name = 'kept'), 'a reference to the same rows the same one');
SELECT ok((SELECT intact FROM mlops.verify_snapshot('referred')), 'and it verifies');
DROP TABLE source;
DROP TYPE span, pair, pg_temp.fleeting CASCADE;
DROP DOMAIN euros;
DROP COLLATION own_order;
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'mlops_snapshot.kept'::regclass AND attnum > 0 AND NOT attisdropped), 15::bigint, 'dropped types take no column along');
SELECT ok((SELECT intact FROM mlops.verify_snapshot('kept')), 'nothing changed');
SELECT lives_ok($$SELECT mlops.train('on_copy', query => 'SELECT id, euros, mood, id % 7 = 0 AS y FROM mlops_snapshot.kept', target => 'y', key => 'id', params => '{"n_estimators": 2}')$$, 'one trains on it');
SELECT is((SELECT mlops.score('on_copy/1', to_jsonb(k)) FROM mlops_snapshot.kept k WHERE id = 1), (SELECT mlops.score('on_copy/1', k) FROM mlops_snapshot.kept k WHERE id = 1), 'and scores with it');
RESET ROLE;
SELECT is_empty($$SELECT as_role FROM ran WHERE as_role <> 'regress_mlops_attacker'$$, 'no function ran with another role''s rights');
SELECT is((SELECT relowner::regrole::text FROM pg_class WHERE oid = 'mlops_snapshot.kept'::regclass), (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'mlops_catalog.model'::regclass), 'the table is the catalog owner''s');
SELECT * FROM finish();
ROLLBACK;
