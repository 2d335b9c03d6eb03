-- The share of a canary: as large as it says, the same for a key for ever, and
-- independent between models.  test/golden/routing.py made the numbers.
\ir setup.psql
SELECT plan(12);
CREATE TABLE k AS SELECT i AS id, i / 1000.0::float8 AS amount, NULL::text AS fraud, NULL::text AS other FROM generate_series(1, 100000) AS i;
SELECT mlops.train(m, 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 1}') FROM unnest('{fraud,other}'::text[]) m, generate_series(1, 2) \g /dev/null
SELECT mlops.deploy(m, 1) FROM unnest('{fraud,other}'::text[]) m \g /dev/null
SELECT mlops.deploy(m, 2, 'canary', percent => 10, key => 'id') FROM unnest('{fraud,other}'::text[]) m \g /dev/null
UPDATE k SET fraud = (mlops.predict('fraud', k)).variant, other = (mlops.predict('other', k)).variant;

SELECT is((SELECT count(*) FROM k WHERE fraud = 'canary'), 10014::bigint, 'as many keys as computed elsewhere');
SELECT is((SELECT md5(string_agg(id::text, ',' ORDER BY id)) FROM k WHERE fraud = 'canary'), 'e11988af41d9a784fddfedec60f07c3b', 'and the same ones');
SELECT is((SELECT count(*) FROM k WHERE other = 'canary'), 10069::bigint, 'for another model too');
SELECT is((SELECT md5(string_agg(id::text, ',' ORDER BY id)) FROM k WHERE other = 'canary'), 'f4761fe685bfbc663a21dccb279bf241', 'and the same ones');

-- chi-square with one degree of freedom exceeds 10.83 once in a thousand times
SELECT cmp_ok((SELECT sum((n - e) ^ 2 / e)::float8 FROM (SELECT count(*) AS n, CASE fraud WHEN 'canary' THEN 10000 ELSE 90000 END AS e FROM k GROUP BY fraud) c), '<', 10.83::float8, '10 % are 10 %');
SELECT cmp_ok((SELECT sum((n - e) ^ 2 / e)::float8 FROM (SELECT count(*) AS n, CASE other WHEN 'canary' THEN 10000 ELSE 90000 END AS e FROM k GROUP BY other) c), '<', 10.83::float8, 'for the other model too');
SELECT cmp_ok((SELECT sum((n - e) ^ 2 / e)::float8 FROM (SELECT count(*) AS n,
	sum(count(*)) OVER (PARTITION BY fraud) * sum(count(*)) OVER (PARTITION BY other) / 100000 AS e FROM k GROUP BY fraud, other) c), '<', 10.83::float8, 'which keys one takes says nothing about the other');
-- 100 groups of 1,000 consecutive keys: 99 degrees of freedom, 148.2
SELECT cmp_ok((SELECT sum((n - 100) ^ 2 / 90.0)::float8 FROM (SELECT count(*) FILTER (WHERE fraud = 'canary') AS n FROM k GROUP BY (id - 1) / 1000) c), '<', 148.2::float8, 'everywhere in the range of keys');

-- a ramp keeps the keys it has
SELECT mlops.abort('fraud') \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 25, key => 'id') \g /dev/null
SELECT is((SELECT count(*) FROM k WHERE fraud = 'canary' AND (mlops.predict('fraud', k)).variant <> 'canary'), 0::bigint, 'a larger share has the keys of the smaller one');
SELECT cmp_ok((SELECT abs(count(*) - 25000)::float8 FROM k WHERE (mlops.predict('fraud', k)).variant = 'canary'), '<', 450::float8, 'and is as large as it says');
SELECT mlops.abort('fraud') \g /dev/null
SELECT mlops.deploy('fraud', NULL, 'ab', key => 'id', variants => '{"a": {"version": 1, "percent": 10}, "b": {"version": 2, "percent": 40}}') \g /dev/null
SELECT cmp_ok((SELECT sum((n - e) ^ 2 / e)::float8 FROM (SELECT count(*) AS n, CASE v WHEN 'a' THEN 10000 WHEN 'b' THEN 40000 ELSE 50000 END AS e
	FROM (SELECT (mlops.predict('fraud', k)).variant AS v FROM k) q GROUP BY v) c), '<', 13.82::float8, 'three shares');
SELECT is((SELECT count(*) FROM k WHERE fraud = 'canary' AND (mlops.predict('fraud', k)).variant <> 'a'), 0::bigint, 'laid out in order');
SELECT * FROM finish();
ROLLBACK;
