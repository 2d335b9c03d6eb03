-- Rows are worked on by the processes of a parallel plan: with the same results as by one, and
-- with all that PostgreSQL promises of a query.
\ir setup.psql
SELECT plan(52);

-- the setting that makes everything parallel, by its name in this version
CREATE FUNCTION pg_temp.debug_parallel(value text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, value, true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
$$;
CREATE FUNCTION pg_temp.in_worker() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	RETURN (SELECT leader_pid IS NOT NULL FROM pg_stat_activity WHERE pid = pg_backend_pid());
END $$;
CREATE FUNCTION pg_temp.refuse(id int, bad int) RETURNS float8 LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	IF id = bad THEN
		RAISE EXCEPTION 'row % is refused', id USING ERRCODE = 'ML001';
	END IF;
	RETURN id;
END $$;

ALTER TABLE tx ADD gone int, ADD "Quoted ""name" text;
UPDATE tx SET "Quoted ""name" = country;
ALTER TABLE tx DROP gone;
ALTER TABLE tx ADD PRIMARY KEY (id);
ALTER TABLE tx SET (parallel_workers = 2);
ANALYZE tx;
CREATE TABLE parts (LIKE tx) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1) TO (2000);
CREATE TABLE part_2 ("Quoted ""name" text, is_fraud boolean, online boolean, country text, balance numeric, amount float8, ts timestamp, other int, id int NOT NULL);
ALTER TABLE part_2 DROP other;
ALTER TABLE parts ATTACH PARTITION part_2 FOR VALUES FROM (2000) TO (9000);
INSERT INTO parts SELECT * FROM tx;
ALTER TABLE part_1 SET (parallel_workers = 2);
ALTER TABLE part_2 SET (parallel_workers = 2);
ANALYZE parts;
CREATE TEMP TABLE own AS TABLE tx;
CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM tx WHERE id > 0;
SELECT FROM mlops.train('p', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}');
SELECT FROM mlops.deploy('p', 1);
SELECT FROM mlops.train('r', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 7}');
SELECT FROM mlops.deploy('r', 1);

SET LOCAL parallel_setup_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;

-- ---- scoring a table

CREATE FUNCTION pg_temp.scores(source regclass DEFAULT NULL, query text DEFAULT NULL) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT md5(string_agg(concat_ws(' ', key, float8send(score), flagged), ',' ORDER BY key COLLATE "C"))
	FROM mlops.score_table('p', scores.source, scores.query, key => 'id');
$$;
CREATE TEMP TABLE one AS SELECT md5(string_agg(concat_ws(' ', id, float8send(mlops.score('p', t)), mlops.score('p', t) >= v.threshold), ',' ORDER BY id::text COLLATE "C")) AS scores
	FROM tx AS t, mlops.versions AS v WHERE v.model = 'p' AND v.version = 1;

SET LOCAL parallel_leader_participation = off;
SELECT is((SELECT array_agg(DISTINCT key) FROM mlops.score_table('p', query => 'SELECT *, pg_temp.in_worker() AS w FROM tx', key => 'w')), '{t}', 'workers score the rows');
SELECT is(pg_temp.scores('tx'), scores, 'to the bit as by score') FROM one;
SET LOCAL parallel_leader_participation = on;
SELECT is(pg_temp.scores('tx'), scores, 'with the session among them') FROM one;
SELECT is(ARRAY(SELECT n FROM unnest('{0,1,2,4}'::int[]) AS n, set_config('max_parallel_workers_per_gather', n::text, true) AS c, one AS o
	WHERE c = n::text AND pg_temp.scores('tx') <> o.scores), '{}', 'by any number of processes');
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT is(ARRAY(SELECT q FROM unnest(ARRAY['TABLE parts', 'TABLE guarded', 'WITH c AS MATERIALIZED (TABLE tx) TABLE c', 'SELECT * FROM tx AS a JOIN (SELECT id AS other FROM tx) AS b ON b.other = a.id',
	'SELECT * FROM tx WHERE amount >= (SELECT min(amount) FROM parts)', 'SELECT * FROM tx UNION ALL SELECT * FROM tx WHERE id < 0', 'TABLE tx -- and a comment']) AS q, one AS o WHERE pg_temp.scores(query => q) <> o.scores), '{}', 'of any query');
SELECT is(pg_temp.scores('parts'), scores, 'of a partitioned table') FROM one;
SELECT is(pg_temp.scores('own'), scores, 'of a temporary one, which no worker can read') FROM one;
SELECT is((SELECT array_agg(key::int) FROM mlops.score_table('p', query => 'SELECT * FROM tx WHERE amount > 5 ORDER BY amount, id', key => 'id')),
	(SELECT array_agg(id ORDER BY amount, id) FROM tx WHERE amount > 5), 'ORDER BY is kept');
SELECT is((SELECT count(*) FROM mlops.score_table('p', query => 'SELECT * FROM tx LIMIT 77')), 77::bigint, 'and LIMIT');
SELECT is((SELECT count(*) FROM mlops.score_table('p', query => 'SELECT * FROM tx WHERE id < 0', key => 'id')), 0::bigint, 'no rows are none');
SELECT is((SELECT count(key) || ' of ' || count(*) FROM mlops.score_table('p', query => 'SELECT *, nullif(id % 10, 0) AS k FROM tx', key => 'k')), '4500 of 5000', 'a key may be NULL');
SELECT is((SELECT string_agg(DISTINCT key, ' ' ORDER BY key) FROM mlops.score_table('p', 'tx', key => 'Quoted "name')), 'DE FR IT US', 'its column may have any name');
SELECT is((SELECT count(DISTINCT key) FROM mlops.score_table('p', query => 'SELECT *, repeat(id::text, 500) AS k FROM tx', key => 'k')), 5000::bigint, 'and long values');
SELECT is((SELECT sum(length(key)) FROM mlops.score_table('p', query => 'SELECT *, repeat(''x'', 100000) AS k FROM tx WHERE id < 100', key => 'k')), 9900000::bigint, 'longer than what is handed on at once');
INSERT INTO tx SELECT id + 5000, ts, amount, balance, country, online, is_fraud FROM tx WHERE id <= 10;
SELECT is((SELECT count(*) FROM mlops.score_table('p', 'tx')), 5010::bigint, 'rows of this transaction are seen');
DELETE FROM tx WHERE id > 5000;

SELECT pg_temp.debug_parallel('on');
SELECT is(pg_temp.scores('tx'), scores, 'where everything is made parallel') FROM one;
SELECT is((SELECT array_agg(key::int) FROM mlops.score_table('p', query => 'SELECT * FROM tx ORDER BY amount, id', key => 'id')), (SELECT array_agg(id ORDER BY amount, id) FROM tx), 'with ORDER BY too');
SELECT pg_temp.debug_parallel('regress');
SELECT is(pg_temp.scores('tx'), scores, 'without a trace') FROM one;
SELECT is(pg_temp.scores(query => 'SELECT * FROM tx WHERE id IN (SELECT id FROM parts)'), scores, 'of a query too') FROM one;
SELECT pg_temp.debug_parallel('off');

-- another version answers some rows: the session scores them
SELECT FROM mlops.train('p', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 9}');
SELECT FROM mlops.deploy('p', 2, strategy => 'canary', percent => 50, key => 'id');
SELECT is((SELECT string_agg(key || ' ' || float8send(score), ',' ORDER BY key::int) FROM mlops.score_table('p', 'tx', key => 'id')),
	(SELECT string_agg(id || ' ' || float8send(mlops.score('p', t)), ',' ORDER BY id) FROM tx AS t), 'where keys choose the version');

-- errors of workers are the query's
SET LOCAL parallel_leader_participation = off;
SELECT throws_ok($$SELECT count(*) FROM mlops.score_table('r', query => 'SELECT *, pg_temp.refuse(id, 4321) AS r FROM tx')$$, 'ML001', 'row 4321 is refused', 'an error in a worker');
SELECT throws_ok($$SELECT count(*) FROM mlops.score_table('r', query => 'SELECT id, ts, country, online, balance, "Quoted ""name", CASE WHEN id = 4321 THEN ''inf'' ELSE amount END AS amount FROM tx')$$,
	'22000', 'column "amount" contains an infinite value', 'a value that cannot be scored');
SELECT throws_ok($$SELECT count(*) FROM mlops.score_table('r', query => 'SELECT id, country, online, balance FROM tx')$$,
	'42703', NULL, 'a column that is not there');
SET LOCAL parallel_leader_participation = on;
SELECT throws_ok($$SELECT count(*) FROM mlops.score_table('r', query => 'SELECT *, pg_temp.refuse(id, 4321) AS r FROM tx')$$, 'ML001', 'row 4321 is refused', 'an error anywhere');

-- in functions, and beside other queries that are being read
CREATE FUNCTION pg_temp.total() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	total float8 := 0;
	r record;
BEGIN
	FOR r IN SELECT * FROM mlops.score_table('r', 'tx', key => 'id') LOOP
		total := total + r.score;
	END LOOP;
	RETURN total;
END $$;
SELECT ok(abs(pg_temp.total() - (SELECT sum(mlops.score('r', t)) FROM tx AS t)) < 1e-9, 'in a function');
SELECT is((SELECT count(DISTINCT n) FROM (SELECT (SELECT count(*) FROM mlops.score_table('r', query => 'SELECT * FROM tx WHERE id % 100 = ' || i)) AS n FROM generate_series(1, 20) AS i) AS x), 1::bigint, 'twenty times in one query');
CREATE TABLE kept AS SELECT * FROM mlops.score_table('r', 'tx', key => 'id');
INSERT INTO kept SELECT * FROM mlops.score_table('r', 'tx', key => 'id');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT (key, score)) FROM kept), '10000 5000', 'a statement that writes');

-- who may see what
CREATE ROLE regress_mlops_reader;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO regress_mlops_reader', current_schema()); END $$;
GRANT SELECT ON tx TO regress_mlops_reader;
SELECT FROM mlops.grant('r', 'regress_mlops_reader', 'score');
ALTER TABLE tx ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_rows ON tx FOR SELECT TO regress_mlops_reader USING (id <= current_setting('app.most')::int);
SET LOCAL app.most = 1234;
SET LOCAL parallel_leader_participation = off;
SET LOCAL ROLE regress_mlops_reader;
SELECT is((SELECT count(*) FROM mlops.score_table('r', 'tx')), 1234::bigint, 'row security holds in workers');
SELECT throws_ok($$SELECT count(*) FROM mlops.score_table('p', 'tx')$$, '42501', NULL, 'and rights on models');
SELECT throws_ok($$SELECT count(*) FROM mlops.score_table('r', 'parts')$$, '42501', NULL, 'and on tables');
RESET ROLE;
ALTER TABLE tx DISABLE ROW LEVEL SECURITY;

-- ---- reading to learn

SET LOCAL parallel_leader_participation = on;
CREATE TABLE big AS SELECT id + 5000 * g AS id, ts + g * interval '1 minute' AS ts, ts::timestamptz AS at, amount + g AS amount, balance, country, online, is_fraud,
	CASE WHEN id % 7 > 0 THEN 'shop ' || (id * 31 + g) % 3000 END AS shop, 'card ' || id % 500 AS card, (1 + id % 3)::float8 AS weight,
	CASE WHEN is_fraud THEN 'yes' ELSE 'no' END AS answer, md5((id * g)::text)::uuid AS token, (id / 10)::bigint AS repeated
FROM tx, generate_series(0, 3) AS g WHERE id <= 5000;
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
CREATE FUNCTION pg_temp.only_in_worker(value anyelement) RETURNS anyelement LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	ASSERT pg_temp.in_worker(), 'this is the session';
	RETURN value;
END $$;

-- What one way of reading gives: the model's bytes and the hash of the rows.
CREATE FUNCTION pg_temp.learned(query text, arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT FROM mlops.train(''l'', query => %L, params => ''{"n_estimators": 2}'', %s)', learned.query, arguments);
	SELECT v.sha256::text || ' ' || d.content_hash INTO result FROM mlops.versions AS v JOIN mlops.runs AS r USING (model, run_id) JOIN mlops.datasets AS d USING (dataset_id)
		WHERE v.model = 'l' ORDER BY v.version DESC LIMIT 1;
	RETURN result;
END $$;

-- In how many ways, of one process, some and many, it is learned.
CREATE FUNCTION pg_temp.ways(query text, arguments text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	results text[] := '{}';
	n int;
BEGIN
	FOREACH n IN ARRAY '{0,1,2,4}'::int[] LOOP
		PERFORM set_config('max_parallel_workers_per_gather', n::text, true);
		results := results || pg_temp.learned(ways.query, ways.arguments);
	END LOOP;
	PERFORM set_config('max_parallel_workers_per_gather', '2', true);
	PERFORM pg_temp.debug_parallel('regress');
	results := results || pg_temp.learned(ways.query, ways.arguments);
	PERFORM pg_temp.debug_parallel('off');
	PERFORM set_config('parallel_leader_participation', 'off', true);
	results := results || pg_temp.learned(ways.query, ways.arguments);
	PERFORM set_config('parallel_leader_participation', 'on', true);
	RETURN (SELECT count(DISTINCT r) FROM unnest(results) AS r);
END $$;

SET LOCAL parallel_leader_participation = off;
SELECT lives_ok($$SELECT mlops.train('l', query => 'SELECT id, amount, pg_temp.only_in_worker(is_fraud) AS is_fraud FROM tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 2}')$$, 'workers read the rows');
SELECT throws_ok($$SELECT mlops.train('l', query => 'SELECT id, amount, pg_temp.only_in_worker(is_fraud) AS is_fraud FROM tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}')$$,
	'P0004', 'this is the session', 'but not where no key puts them in order');
SET LOCAL parallel_leader_participation = on;
SELECT is(pg_temp.ways('SELECT id, amount, online, is_fraud FROM big', $$target => 'is_fraud', key => 'id'$$), 1::bigint, 'numbers: the same model');
SELECT is(pg_temp.ways('SELECT * FROM big', $$target => 'is_fraud', key => 'id', time_column => 'ts', exclude => '{answer}'$$), 1::bigint, 'texts, times and what is missing');
SELECT is(pg_temp.ways('SELECT * FROM big', $$target => 'answer', positive => 'yes', key => 'id', weight => 'weight', exclude => '{is_fraud}'$$), 1::bigint, 'labels of text, and weights');
SELECT is(pg_temp.ways('SELECT amount, shop, country, repeated, is_fraud FROM big', $$target => 'is_fraud', key => 'repeated'$$), 1::bigint, 'keys that are not unique');
SELECT is(pg_temp.ways('SELECT id, amount, shop, is_fraud FROM big', $$target => 'is_fraud', exclude => '{id}'$$), 1::bigint, 'no key');
SELECT is(pg_temp.ways('SELECT id, amount, shop, ts, is_fraud FROM big', $$target => 'is_fraud', time_column => 'ts', exclude => '{id}'$$), 1::bigint, 'time and no key');
SELECT is(pg_temp.ways('SELECT id, amount, country, CASE WHEN id < 9000 THEN is_fraud END AS is_fraud, repeat(token::text, 50) AS long FROM big', $$target => 'is_fraud', key => 'id'$$), 1::bigint, 'more text than a worker keeps');
SELECT is(pg_temp.ways('SELECT id, amount, is_fraud, repeat(id::text, 20000) AS long FROM tx WHERE id <= 1000', $$target => 'is_fraud', key => 'id'$$), 1::bigint, 'and than a chunk holds');
SELECT is(pg_temp.ways('SELECT p.*, b.shop FROM parts AS p JOIN big AS b USING (id) WHERE b.amount > (SELECT min(amount) FROM tx)', $$target => 'is_fraud', key => 'id'$$), 1::bigint, 'a join');
SELECT is(pg_temp.ways('SELECT id, sum(amount) AS amount, bool_or(is_fraud) AS is_fraud FROM big GROUP BY id', $$target => 'is_fraud', key => 'id'$$), 1::bigint, 'an aggregate');
SELECT is(pg_temp.ways('SELECT id, amount, is_fraud FROM big ORDER BY amount LIMIT 4000', $$target => 'is_fraud', key => 'id'$$), 1::bigint, 'some of the rows');
SELECT throws_ok($$SELECT mlops.train('l', query => 'SELECT id, CASE WHEN id % 10 = 0 THEN ''inf'' ELSE amount END AS amount, country, is_fraud FROM big', target => 'is_fraud', key => 'id')$$,
	'22000', 'column "amount" contains an infinite value', 'infinite values are refused');
SELECT throws_ok($$SELECT mlops.train('l', query => 'SELECT id, amount, pg_temp.refuse(id, 17456) AS r, is_fraud FROM big', target => 'is_fraud', key => 'id')$$, 'ML001', 'row 17456 is refused', 'an error anywhere');
SET LOCAL mlops.max_training_memory = '16MB';
SELECT throws_ok($$SELECT mlops.train('l', query => 'SELECT a.*, x FROM big AS a, generate_series(1, 40) AS x', target => 'is_fraud', key => 'id')$$, '53200', NULL, 'and what does not fit');
RESET mlops.max_training_memory;
SET LOCAL ROLE regress_mlops_reader;
SELECT throws_ok($$SELECT mlops.train('of_reader', 'big', target => 'is_fraud', key => 'id')$$, '42501', NULL, 'and tables of others');
RESET ROLE;

-- ---- reading to judge

SELECT FROM mlops.train('j', 'big', target => 'is_fraud', key => 'id', features => '{amount,balance,country,shop,at}', params => '{"n_estimators": 5}');
CREATE FUNCTION pg_temp.judgements(call text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	results text[] := '{}';
	result text;
	n int;
BEGIN
	FOREACH n IN ARRAY '{0,1,2,4}'::int[] LOOP
		PERFORM set_config('max_parallel_workers_per_gather', n::text, true);
		EXECUTE format('SELECT string_agg(x::text, ''|'') FROM (SELECT * FROM %s) AS x', call) INTO result;
		results := results || result;
	END LOOP;
	PERFORM set_config('max_parallel_workers_per_gather', '2', true);
	RETURN (SELECT count(DISTINCT r) FROM unnest(results) AS r);
END $$;
SET LOCAL parallel_leader_participation = off;
SELECT lives_ok($$SELECT * FROM mlops.evaluate('j/1', query => 'SELECT id, amount, balance, country, shop, at, pg_temp.only_in_worker(is_fraud) AS is_fraud FROM big')$$, 'workers read rows to judge');
SET LOCAL parallel_leader_participation = on;
SELECT is(pg_temp.judgements($$mlops.evaluate('j/1', 'big', by => '{country,shop}')$$), 1::bigint, 'the same of any number of processes, by segments');
SELECT is(pg_temp.judgements($$mlops.curve('j/1', 'big')$$), 1::bigint, 'a curve');
SELECT is(pg_temp.judgements($$mlops.daily_precision('j/1', query => 'SELECT * FROM big', time_column => 'ts', card_column => 'card')$$), 1::bigint, 'what cards are found');
SELECT is(pg_temp.judgements($$mlops.evaluate('j/1', query => 'SELECT id, amount::numeric AS amount, balance::float8 AS balance, country::varchar(9) AS country, shop, at, is_fraud FROM big')$$), 1::bigint,
	'and of columns of other types');

SELECT * FROM finish();
ROLLBACK;
