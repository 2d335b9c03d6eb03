-- Models that read features from history score rows of the table that these are computed from: as
-- rows of the view, in JSON, in triggers, explained, logged and imported.
\ir setup.psql
SELECT plan(53);

CREATE TABLE pay AS SELECT i AS id, timestamptz '2026-01-01' + (i / 2) * interval '20 minutes' AS ts, i * 31 % 23 AS card, 'shop ' || i * 17 % 11 AS shop, (i * 104729 % 100003) / 7.0 AS amount,
	i * 13 % 50 < 4 OR i * 31 % 23 = 5 AND i % 3 = 0 AS fraud FROM generate_series(1, 3000) AS i;
ALTER TABLE pay ADD PRIMARY KEY (id), ADD score float8, ADD flagged boolean;
CREATE INDEX ON pay (card, ts);
CREATE INDEX ON pay (shop, ts);
ANALYZE pay;
SELECT mlops.create_feature_view('payv', 'pay', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card", "window": "1 day"}, "mean": {"aggregate": "avg", "value": "amount", "by": "card", "window": "5 days"},
	"risk": {"aggregate": "avg", "value": "fraud", "by": "shop", "window": "10 days", "delay": "1 day", "default": 0}, "since": {"aggregate": "since_last", "by": "card"},
	"usual": {"expression": "amount::float8 / mean"}, "busy": {"expression": "CASE WHEN n > 3 THEN ''yes'' ELSE ''no'' END"}}') \g /dev/null
SELECT mlops.train('m', 'payv', target => 'fraud', key => 'id', time_column => 'ts', features => '{amount,shop,n,mean,risk,since,usual,busy}', params => '{"n_estimators": 20}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null

-- ---- the same bits
SELECT cmp_ok(count(DISTINCT mlops.score('m', v)), '>', 20::bigint, 'the view''s rows have scores') FROM payv AS v WHERE id > 2000;
SELECT is((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id) WHERE id % 7 = 0 AND mlops.score('m', p) IS DISTINCT FROM mlops.score('m', v)), 0::bigint, 'a row of the table scores as its row of the view');
SELECT is((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id) WHERE id % 7 = 0 AND mlops.score('m', to_jsonb(p)) IS DISTINCT FROM mlops.score('m', v)), 0::bigint, 'so does its JSON');
SELECT is((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id) WHERE id % 7 = 0 AND (mlops.predict('m', p)).score IS DISTINCT FROM mlops.score_version('m', 1, to_jsonb(v))), 0::bigint, 'predict, and the JSON of the view');
SELECT is((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id) WHERE id % 7 = 0 AND mlops.score_bytes(mlops.export_model('m', 1), p) IS DISTINCT FROM mlops.score('m', v)), 0::bigint, 'the model''s bytes carry the definitions');
SELECT is((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id) JOIN mlops.score_table('m', 'payv', key => 'id') AS s ON s.key = p.id::text WHERE id % 50 = 0 AND mlops.score('m', p) IS DISTINCT FROM s.score), 0::bigint, 'score_table reads the view');
SELECT is((SELECT count(*) FROM (SELECT id, ts, card, shop, amount, NULL::int AS unread FROM pay WHERE id % 50 = 0) AS q JOIN pay AS p USING (id) WHERE mlops.score('m', q) IS DISTINCT FROM mlops.score('m', p)), 0::bigint, 'columns that features do not need may be missing');
SELECT is((SELECT count(*) FROM pay AS p JOIN pay AS q USING (id) WHERE p.id % 50 = 0 AND mlops.score('m', jsonb_build_object('id', q.id, 'ts', q.ts, 'card', q.card, 'shop', q.shop, 'amount', q.amount)) IS DISTINCT FROM mlops.score('m', p)), 0::bigint, 'in JSON too');
SELECT is(mlops.score('m/1', p), mlops.score('m', v), 'an unknown card has no history') FROM (SELECT 9000 AS id, timestamptz '2026-01-20' AS ts, 99 AS card, 'shop 1' AS shop, 5.0 AS amount) AS p,
	LATERAL (SELECT p.*, 1 AS n, 5.0::float8 AS mean, (SELECT avg(fraud::int)::float8 FROM pay WHERE shop = 'shop 1' AND ts > timestamptz '2026-01-09' AND ts <= timestamptz '2026-01-19') AS risk, NULL::float8 AS since, 1::float8 AS usual, 'no' AS busy) AS v;

-- ---- explained and logged
SELECT results_eq($$SELECT feature, value, contribution FROM pay AS p, mlops.explain('m', p, 8) WHERE p.id = 2900$$, $$SELECT feature, value, contribution FROM payv AS v, mlops.explain('m', v, 8) WHERE v.id = 2900$$, 'features are explained');
SELECT results_eq($$SELECT feature, value, contribution FROM pay AS p, mlops.explain('m', to_jsonb(p), 8) WHERE p.id = 2900$$, $$SELECT feature, value, contribution FROM payv AS v, mlops.explain('m', v, 8) WHERE v.id = 2900$$, 'of JSON too');
SET mlops.log_features = on;
SELECT is((mlops.decide('m', p, p.id::text)).score, mlops.score('m', p), 'decide scores the same') FROM pay AS p WHERE id = 2901;
SELECT is((mlops.decide('m', to_jsonb(p), 'json')).score, mlops.score('m', p), 'of JSON too') FROM pay AS p WHERE id = 2901;
SELECT is(count(DISTINCT features), 1::bigint, 'and logs what it read, the same of both') FROM mlops.predictions WHERE model = 'm';
SELECT is(p.features - '{risk,usual,mean,amount,since}'::text[], jsonb_build_object('n', v.n, 'busy', v.busy, 'shop', v.shop), 'with the features') FROM mlops.predictions AS p, payv AS v WHERE p.key = '2901' AND v.id = 2901;
SELECT is(mlops.score('m', features), score, 'which score the same again') FROM mlops.predictions WHERE key = '2901';
SELECT alike(mlops.why('m', '2901')::text, '%"usual"%', 'why explains it');

-- ---- triggers
CREATE TRIGGER decide BEFORE INSERT ON pay FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('m', 'score', 'flagged', 'id');
INSERT INTO pay (id, ts, card, shop, amount) SELECT 5000 + i, timestamptz '2026-01-25' + i * interval '1 minute', 3, 'shop 3', 100 + i FROM generate_series(1, 6) AS i;
INSERT INTO pay (id, ts, card, shop, amount) VALUES (5010, '2026-01-25 00:10', 3, 'shop 3', 7), (5011, '2026-01-25 00:10', 3, 'shop 3', 8);
SELECT is((SELECT array_agg((features ->> 'n')::int ORDER BY key) FROM mlops.predictions WHERE key ~ '^50'), ARRAY[1, 2, 3, 4, 5, 6, 7, 8], 'rows of one statement count those before them');
SELECT mlops.alter_feature_view('payv') \g /dev/null
SELECT is((SELECT count(*) FROM payv AS v WHERE id > 5000 AND score IS DISTINCT FROM mlops.score('m', v)), 0::bigint, 'what was scored on the way in is what the view says later');
DROP TRIGGER decide ON pay;

-- ---- versions keep their definitions
SELECT lives_ok($$SELECT mlops.alter_feature_view('payv', (SELECT jsonb_set(features, '{n,window}', '"2 days"') FROM mlops.feature_views WHERE name = 'payv'))$$, 'the view changes');
SELECT mlops.train('m', 'payv', target => 'fraud', key => 'id', time_column => 'ts', features => '{amount,shop,n,mean,risk,since}', params => '{"n_estimators": 20}') \g /dev/null
SELECT is((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id) WHERE id % 7 = 0 AND mlops.score('m/2', p) IS DISTINCT FROM mlops.score('m/2', v)), 0::bigint, 'a new version reads the new one');
SELECT cmp_ok((SELECT count(*) FROM payv AS v JOIN pay AS p USING (id), LATERAL mlops.explain('m/1', p, 8) AS e WHERE id % 70 = 0 AND e.feature = 'n' AND e.value <> v.n::text), '>', 0::bigint, 'the former its own');
SELECT mlops.deploy('m', 2, 'shadow') \g /dev/null
SELECT mlops.decide('m', p, 'both') FROM pay AS p WHERE id = 2950 \g /dev/null
SELECT is((SELECT array_agg(features ->> 'n' ORDER BY version) FROM mlops.predictions WHERE key = 'both'), (SELECT ARRAY[count(*) FILTER (WHERE q.ts > p.ts - interval '1 day')::text, count(*)::text] FROM pay AS p, pay AS q
	WHERE p.id = 2950 AND q.card = p.card AND q.ts > p.ts - interval '2 days' AND (q.ts, q.id) <= (p.ts, p.id) GROUP BY p.ts), 'a shadow reads its own beside');
SELECT mlops.import_model(mlops.export_model('m', 1), 'copy') \g /dev/null
SELECT is(mlops.score('copy/1', p), mlops.score('m/1', p), 'an imported version computes them too') FROM pay AS p WHERE id = 2960;

-- ---- partitions, and what has changed
CREATE TABLE parted (LIKE pay) PARTITION BY RANGE (ts);
CREATE TABLE early PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-01-15');
CREATE TABLE late PARTITION OF parted FOR VALUES FROM ('2026-01-15') TO ('2027-01-01');
INSERT INTO parted SELECT * FROM pay;
SELECT mlops.create_feature_view('partedv', 'parted', 'id', 'ts', '{"n": {"aggregate": "count", "by": "card"}}') \g /dev/null
SELECT mlops.train('p', 'partedv', target => 'fraud', key => 'id', features => '{n,amount}', params => '{"n_estimators": 10}') \g /dev/null
SELECT is((SELECT count(*) FROM late AS l JOIN partedv AS v USING (id) WHERE id % 40 = 0 AND mlops.score('p/1', l) IS DISTINCT FROM mlops.score('p/1', v)), 0::bigint, 'a row of a partition has the history of the whole');
CREATE FUNCTION of_parted() RETURNS float8 LANGUAGE sql AS $$ SELECT mlops.score('p/1', l) FROM late AS l WHERE id = 2999 $$;
SELECT of_parted() AS before \gset
ALTER TABLE parted ADD more int;
SELECT is(of_parted(), :before::float8, 'a new column changes nothing');
ALTER TABLE parted RENAME TO renamed;
SELECT throws_ok('SELECT of_parted()', '42P01', 'table public.parted, from whose rows the model''s features are computed, does not exist', 'a table that has another name is not guessed');
ALTER TABLE renamed RENAME TO parted;
SELECT throws_ok($$SELECT mlops.score('m', '{"id": 1, "ts": null, "shop": "x", "amount": 1}'::jsonb)$$, '42703', 'the object to score has neither the features that the model reads nor key "card", which they are computed from', 'a key that is needed');
SELECT throws_ok($$SELECT mlops.score('m', '{"n": 1, "amount": 1}'::jsonb)$$, '42703', NULL, 'an object with some of the features was to have all');

SELECT throws_like($$SELECT * FROM mlops.score_table('m', 'pay')$$, 'the row to score lacks columns that the model reads: %', 'whole tables are read by their view');
SELECT throws_like($$SELECT mlops.score('m', ROW(1, 2))$$, 'the row to score lacks columns that the model reads: %', 'other rows lack what they lack');

-- ---- rights
CREATE ROLE payer;
GRANT INSERT ON pay TO payer;
SELECT mlops.grant('m', 'payer', 'score') \g /dev/null
GRANT USAGE ON SCHEMA mlops TO payer;
CREATE TRIGGER decide BEFORE INSERT ON pay FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('m', 'score', 'flagged', 'id');
SET ROLE payer;
SELECT lives_ok($$INSERT INTO pay (id, ts, card, shop, amount) VALUES (6000, '2026-01-23', 3, 'shop 3', 7)$$, 'who may not read the table pays all the same');
RESET ROLE;
SELECT is((SELECT score FROM pay WHERE id = 6000), NULL, 'without a score');
GRANT SELECT (id, ts, card, shop, amount, fraud) ON pay TO payer;
SET ROLE payer;
SELECT lives_ok($$INSERT INTO pay (id, ts, card, shop, amount) VALUES (6001, '2026-01-23', 3, 'shop 3', 7)$$, 'who may read it');
RESET ROLE;
SELECT isnt((SELECT score FROM pay WHERE id = 6001), NULL, 'has one');

-- Of a model that somebody else made, what its table runs is not run with the rights of who scores.
CREATE ROLE mallory;
GRANT USAGE ON SCHEMA mlops TO mallory;
CREATE SCHEMA theirs AUTHORIZATION mallory;
CREATE TABLE theirs.stolen (who text);
GRANT ALL ON theirs.stolen TO PUBLIC;
SET ROLE mallory;
CREATE FUNCTION theirs.evil(x float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO theirs.stolen VALUES (current_user); RETURN x; END $$;
CREATE TABLE theirs.t AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 hour' AS ts, i % 7 AS card, random() AS x, i % 5 = 0 AS y FROM generate_series(1, 500) AS i;
CREATE VIEW theirs.v AS SELECT id, ts, card, theirs.evil(x) AS x, y FROM theirs.t;
GRANT USAGE ON SCHEMA theirs TO PUBLIC;
GRANT SELECT ON theirs.t, theirs.v TO PUBLIC;
SELECT mlops.create_feature_view('theirs.f', 'theirs.v', 'id', 'ts', '{"n": {"aggregate": "sum", "value": "x", "by": "card"}}') \g /dev/null
SELECT mlops.train('trap', 'theirs.f', target => 'y', key => 'id', features => '{n}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.grant('trap', 'public', 'score') \g /dev/null
DELETE FROM theirs.stolen;
RESET ROLE;
SELECT throws_ok($$SELECT mlops.score('trap/1', '{"id": 7, "ts": "2026-01-02", "card": 1, "x": 1}'::jsonb)$$, '42501', NULL, 'a view''s function is not called for who scores JSON');
SELECT throws_ok($$SELECT mlops.score('trap/1', q) FROM (SELECT 7 AS id, timestamptz '2026-01-02' AS ts, 1 AS card, 1.0::float8 AS x) AS q$$, '42501', NULL, 'nor for who scores a row of his own');
SELECT throws_ok($$SELECT (mlops.decide('trap/1', '{"id": 7, "ts": "2026-01-02", "card": 1, "x": 1}'::jsonb, on_error => 'raise')).score$$, NULL, NULL, 'nor for who decides');
SELECT is((SELECT count(*) FROM theirs.stolen), 0::bigint, 'nothing has run');

-- A model tells its owner nothing of rows that he may not read.
CREATE TABLE secret AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 hour' AS ts, i % 7 AS card, random() AS x, i % 5 = 0 AS y FROM generate_series(1, 500) AS i;
GRANT SELECT ON secret TO mallory;
SET ROLE mallory;
SELECT mlops.create_feature_view('theirs.g', 'public.secret', 'id', 'ts', '{"n": {"aggregate": "sum", "value": "x", "by": "card"}}') \g /dev/null
SELECT mlops.train('spy', 'theirs.g', target => 'y', key => 'id', features => '{n}', params => '{"n_estimators": 2}') \g /dev/null
RESET ROLE;
SELECT isnt(mlops.score('spy/1', s), NULL, 'while he may, it answers') FROM secret AS s WHERE id = 9;
SELECT mlops.export_model('spy', 1) AS spy \gset
REVOKE SELECT ON secret FROM mallory;
SELECT throws_ok($$SELECT mlops.score('spy/1', s) FROM secret AS s WHERE id = 10$$, '42501', 'role "mallory", who owns the model, may not read all rows of table public.secret', 'then not');
SET ROLE mallory;
SELECT throws_ok(format('SELECT mlops.import_model(%L, ''again'')', :'spy'), '42501', NULL, 'nor does he bring one along');
RESET ROLE;

-- JSON is read by the rules of inputs, and domains of others are not asked.
SELECT throws_ok(format($$SELECT mlops.score('m', '{"id": 1, "ts": %s, "card": 1, "shop": "x", "amount": 1}'::jsonb)$$, v), NULL, NULL, 'a time in JSON: ' || v) FROM (VALUES ('"today"'), ('"2026-01-07 20:00 IST"'), ('"Jan 7 2026"'), ('true'), ('{}')) AS x(v);
SELECT throws_ok(format($$SELECT mlops.score('m', '{"id": 1, "ts": "2026-01-07T20:00:00+00", "card": 1, "shop": %s, "amount": %s}'::jsonb)$$, s, v), NULL, NULL, 'values in JSON: ' || s || ', ' || v) FROM (VALUES ('"x"', '"0x1F"'), ('5', '1'), ('{"a": 1}', '1'), ('"x"', 'true')) AS v(s, v);
SELECT is(mlops.score('m', '{"id": 1, "ts": "2026-01-07 20:00:00", "card": 1, "shop": "shop 1", "amount": 1}'::jsonb), mlops.score('m', jsonb_build_object('id', 1, 'ts', to_char(timestamptz '2026-01-07 20:00:00', 'YYYY-MM-DD"T"HH24:MI:SSOF'), 'card', 1, 'shop', 'shop 1', 'amount', 1)), 'a time without an offset is on the model''s clock');

-- A column that comes with a feature's name.
ALTER TABLE secret ADD n float8;
GRANT SELECT ON secret TO mallory;
SELECT throws_ok($$SELECT mlops.score('spy/1', s) FROM secret AS s WHERE id = 11$$, '42701', 'feature "n" has the name of a column of the source', 'a column of the table is not taken for a feature');
SELECT * FROM finish();
