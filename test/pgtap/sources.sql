-- What may be learned from: every type a column may have, every kind of source,
-- names of every shape; and that training and scoring see the same row.
\ir setup.psql
SELECT plan(42);

CREATE FUNCTION train_on(source regclass, target name DEFAULT 'is_fraud', algorithm text DEFAULT 'gradient_boosting') RETURNS int LANGUAGE sql AS
$$SELECT version FROM mlops.train('m', source, target => target, algorithm => algorithm,
	params => CASE algorithm WHEN 'gradient_boosting' THEN '{"n_estimators": 5}'::jsonb ELSE '{}' END)$$;
CREATE FUNCTION inputs(v int) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(c ->> 'name', ',') FROM mlops.versions, jsonb_array_elements(signature) AS c WHERE model = 'm' AND version = v$$;

-- ---- types
CREATE TYPE channel AS ENUM ('web', 'shop', 'atm');
CREATE DOMAIN euro AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE TABLE typed AS
SELECT is_fraud,
	(id % 100)::smallint AS c_int2, id / 2 AS c_int4, id / 2 * 1000000007::bigint AS c_int8,
	amount::float4 AS c_float4, amount AS c_float8, balance AS c_numeric, amount::numeric::money AS c_money,
	amount::numeric::euro AS c_domain, online AS c_bool, ts AS c_timestamp, ts::timestamptz AS c_timestamptz, ts::date AS c_date,
	ts::time AS c_time, ts::timestamptz::timetz AS c_timetz, (id % 50) * interval '1 hour' AS c_interval,
	country AS c_text, country::varchar(10) AS c_varchar, country::char(5) AS c_bpchar, country::name AS c_name,
	(ARRAY['web', 'shop', 'atm'])[1 + id % 3]::channel AS c_enum,
	(ARRAY['10.0.0.1', '10.0.0.2'])[1 + id % 2]::inet AS c_inet
FROM tx;
SELECT is(train_on('typed'), 1, 'columns of every type train');
SELECT is((SELECT count(*) FROM mlops.versions, jsonb_array_elements(signature) WHERE version = 1), 21::bigint, 'and every one is an input');
SELECT is((SELECT count(*) FROM (SELECT mlops.score('m/1', t) AS s FROM typed t) q WHERE s BETWEEN 0 AND 1), 5000::bigint, 'rows of every type score');
SELECT is((SELECT max(abs(s.score - mlops.score('m/1', t))) FROM typed t, LATERAL (SELECT mlops.score('m/1', t) AS score) s), 0::float8, 'the same twice');
SELECT is(train_on('typed', algorithm => 'logistic_regression'), 2, 'by a linear model too');
SELECT is((SELECT count(*) FROM (SELECT mlops.score('m/2', t) AS s FROM typed t) q WHERE s BETWEEN 0 AND 1), 5000::bigint, 'and score');

SELECT throws_ok(format($$SELECT mlops.train('bad', query => 'SELECT is_fraud, amount, %s AS x FROM tx', target => 'is_fraud', features => '{amount,x}')$$, x), '42804', NULL, x || ' is refused')
FROM unnest(ARRAY['ARRAY[amount]', 'ROW(amount, id)', 'to_jsonb(amount)', 'point(amount, amount)', 'int8range(id, id + 1)', 'convert_to(country, ''''utf8'''')']) AS x;

-- a target of each kind
CREATE TABLE targets AS SELECT amount, is_fraud AS t_bool, is_fraud::int AS t_int, is_fraud::int::float8 AS t_float8,
	is_fraud::int::numeric AS t_numeric, CASE WHEN is_fraud THEN 'fraud' ELSE 'fine' END AS t_text FROM tx;
SELECT is((SELECT max((mlops.train('t', query => format('SELECT amount, %I AS target FROM targets', c), target => 'target', params => '{"n_estimators": 5}')).version)
	FROM unnest('{t_bool,t_int,t_float8,t_numeric}'::name[]) AS c), 4, 'boolean, integer, float and numeric targets train');
SELECT is((SELECT count(DISTINCT sha256) FROM mlops.versions WHERE model = 't'), 1::bigint, 'and give the same model');
SELECT lives_ok($$SELECT mlops.train('t', query => 'SELECT amount, t_text FROM targets', target => 't_text', positive => 'fraud', params => '{"n_estimators": 5}')$$, 'a text target with its positive value');
SELECT is((SELECT positives FROM mlops.versions WHERE model = 't' AND version = 5), (SELECT count(*) FROM tx WHERE is_fraud), 'has its positives counted');

-- ---- NULL, NaN, few rows
CREATE TABLE holes AS SELECT is_fraud, NULLIF(amount, 1)::float8 AS amount, CASE WHEN id % 3 = 0 THEN 'NaN'::float8 ELSE amount END AS x,
	CASE WHEN id % 3 = 0 THEN NULL ELSE amount END AS y, NULL::text AS always_null FROM tx;
SELECT is(train_on('holes'), 3, 'NULL and NaN train');
SELECT is(inputs(3), 'amount,x,y', 'a column of NULLs alone is constant and left out');
SELECT is((SELECT mlops.score('m/3', t) FROM (SELECT 5::float8 AS amount, 'NaN'::float8 AS x, NULL::float8 AS y) t),
	(SELECT mlops.score('m/3', t) FROM (SELECT 5::float8 AS amount, NULL::float8 AS x, 'NaN'::float8 AS y) t), 'NaN is NULL');
CREATE TABLE tiny AS SELECT i::float8 AS x, i % 2 = 0 AS is_fraud FROM generate_series(1, 4) i;
SELECT lives_ok($$SELECT mlops.train('tiny', 'tiny', target => 'is_fraud', split => '{"validation": 0, "test": 0}')$$, 'four rows train');
CREATE TABLE unlabelled AS SELECT amount, CASE WHEN id % 5 > 0 THEN is_fraud END AS is_fraud FROM tx;
SELECT is(train_on('unlabelled'), 4, 'rows without a label are left out');
SELECT is((SELECT unlabelled FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1), 1000::bigint, 'and counted');

-- ---- names
CREATE SCHEMA "Odd Schema";
CREATE TABLE "Odd Schema"."Table ""one""" AS SELECT is_fraud AS "Is Fraud?", amount AS "select", country AS "Größe; --", balance AS "mixedCase",
	online AS " " FROM tx;
SELECT is(train_on('"Odd Schema"."Table ""one"""', 'Is Fraud?'), 5, 'quoted names of all kinds');
SELECT is(inputs(5), 'select,Größe; --,mixedCase, ', 'are kept as they are');
SELECT is((SELECT count(mlops.score('m/5', t)) FROM "Odd Schema"."Table ""one""" t), 5000::bigint, 'and found at scoring');
SELECT is((SELECT source FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1), '"Odd Schema"."Table ""one"""', 'the source is recorded quoted');

-- ---- kinds of sources
CREATE VIEW a_view AS SELECT amount, country, is_fraud FROM tx;
CREATE MATERIALIZED VIEW a_matview AS SELECT amount, country, is_fraud FROM tx;
CREATE TABLE parts (LIKE tx) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (2000);
CREATE TABLE parts_2 (is_fraud boolean, online boolean, country text, balance numeric, amount float8, ts timestamp, id int);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (2000) TO (6000);
INSERT INTO parts SELECT * FROM tx;
CREATE TABLE shrunk AS SELECT id, amount, 1 AS gone, country, NULL::int AS gone_too, is_fraud FROM tx;
ALTER TABLE shrunk DROP COLUMN gone, DROP COLUMN gone_too;
ALTER TABLE shrunk ADD COLUMN added float8 DEFAULT 3;
UPDATE shrunk SET added = id WHERE id % 2 = 0;
CREATE UNLOGGED TABLE unlogged AS SELECT * FROM tx;
CREATE TEMP TABLE temporary AS SELECT * FROM tx;
SELECT is(train_on('a_view'), 6, 'a view');
SELECT is(train_on('a_matview'), 7, 'a materialized view');
SELECT is((SELECT count(DISTINCT sha256) FROM mlops.versions WHERE model = 'm' AND version IN (6, 7)), 1::bigint, 'give the same bytes');
SELECT is(train_on('parts'), 8, 'a partitioned table whose partitions have other column orders');
SELECT is(train_on('unlogged'), 9, 'an unlogged table');
SELECT is(train_on('temporary'), 10, 'a temporary table');
SELECT is((SELECT max(abs(mlops.score('m/8', t) - mlops.score('m/8', p))) FROM tx t JOIN parts p USING (id)), 0::float8, 'rows of any partition score the same');
SELECT is(train_on('shrunk'), 11, 'a table with dropped and added columns');
SELECT is((SELECT count(mlops.score('m/11', t)) FROM shrunk t), 5000::bigint, 'scores');
ALTER TABLE shrunk DROP COLUMN added;
ALTER TABLE shrunk ADD COLUMN added float8;
SELECT is((SELECT count(mlops.score('m/11', t)) FROM shrunk t), 5000::bigint, 'and after its columns changed places');
SELECT throws_ok($$SELECT mlops.train('bad', 'tx_pkey_that_is_not', target => 'is_fraud')$$, '42P01', NULL, 'a relation that does not exist');
CREATE INDEX an_index ON tx (id);
SELECT throws_ok($$SELECT mlops.train('bad', 'an_index', target => 'is_fraud')$$, '42809', NULL, 'an index');

-- ---- wide: as many columns as a table may have, and long text
DO $$ BEGIN EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg('c' || i || ' float4', ', ') FROM generate_series(1, 1599) i) || ', is_fraud boolean)'; END $$;
DO $$ BEGIN EXECUTE 'INSERT INTO wide SELECT ' || (SELECT string_agg('(id * ' || i || ' % 101)', ', ') FROM generate_series(1, 1599) i) || ', is_fraud FROM tx WHERE id <= 400'; END $$;
SELECT is(train_on('wide'), 12, '1,600 columns');
SELECT is((SELECT count(mlops.score('m/12', t)) FROM wide t), 400::bigint, 'score');
CREATE TABLE long_text AS SELECT is_fraud, repeat(country, 5000) || CASE WHEN is_fraud THEN 'x' ELSE '' END AS essay, amount FROM tx WHERE id <= 1000;
ALTER TABLE long_text ALTER essay SET STORAGE EXTERNAL;
UPDATE long_text SET essay = essay || '';
SELECT is(train_on('long_text'), 13, 'text of ten thousand bytes, out of line');
SELECT ok((SELECT min(score) < max(score) FROM (SELECT mlops.score('m/13', t) AS score FROM long_text t) q), 'scores');
SELECT * FROM finish();
ROLLBACK;
