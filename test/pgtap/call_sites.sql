-- A call that has scored before remembers how: it must notice who calls now, by
-- which rights, what it is asked for, and what is deployed; and where keys and
-- segments lead rows and objects without a value.
\ir setup.psql
SELECT plan(43);

CREATE ROLE site_owner;
CREATE ROLE site_stranger;
CREATE ROLE site_member IN ROLE site_owner;
CREATE ROLE site_noinherit NOINHERIT IN ROLE site_owner;
CREATE ROLE site_granted;
GRANT CREATE ON SCHEMA public TO site_owner;
GRANT SELECT ON tx TO PUBLIC;
SET ROLE site_owner;
SELECT is(version, 1, 'a model') FROM mlops.train('site', 'tx', target => 'is_fraud', key => 'id', features => '{amount,balance,country,online}', params => '{"n_estimators": 20}');
SELECT is(version, 2, 'and another version') FROM mlops.train('site', 'tx', target => 'is_fraud', key => 'id', features => '{amount,balance,country,online}', params => '{"n_estimators": 1}');
SELECT is(version, 1, 'deployed') FROM mlops.deploy('site', 1);
RESET ROLE;

-- One call site each, which stay with the session.
CREATE FUNCTION by_row(reference text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	t tx;
BEGIN
	SELECT * INTO t FROM tx WHERE id = 77;
	RETURN mlops.score(reference, t);
END $$;
CREATE FUNCTION by_object(reference text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN RETURN mlops.score(reference, (SELECT to_jsonb(t) FROM tx AS t WHERE id = 77)); END $$;
CREATE FUNCTION by_version(version int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	t tx;
BEGIN
	SELECT * INTO t FROM tx WHERE id = 77;
	RETURN mlops.score_version('site', version, t);
END $$;
CREATE FUNCTION deciding() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	t tx;
BEGIN
	SELECT * INTO t FROM tx WHERE id = 77;
	RETURN (mlops.decide('site', t)).score;
END $$;

-- ---- who calls

SET ROLE site_owner;
CREATE TEMP TABLE right_score AS SELECT by_row('site') AS s;
GRANT SELECT ON right_score TO PUBLIC;
SELECT is(by_object('site'), (SELECT s FROM right_score), 'the owner scores, by row and object');
SELECT is(by_version(1), (SELECT s FROM right_score), 'by version');
SELECT is(deciding(), (SELECT s FROM right_score), 'and decides');
SET ROLE site_stranger;
SELECT throws_ok($$SELECT by_row('site')$$, '42501', 'permission denied to score with model "site"', 'the same call by a stranger is refused');
SELECT throws_ok($$SELECT by_object('site')$$, '42501', NULL, 'of an object, too');
SELECT throws_ok($$SELECT by_version(1)$$, '42501', NULL, 'and of a version');
SELECT throws_ok($$SELECT deciding()$$, '42501', NULL, 'and a decision');
SET ROLE site_owner;
SELECT is(by_row('site'), (SELECT s FROM right_score), 'the owner still scores');
SET ROLE site_member;
SELECT is(by_row('site'), (SELECT s FROM right_score), 'a member of the owner scores');
SET ROLE site_noinherit;
SELECT throws_ok($$SELECT by_row('site')$$, '42501', NULL, 'one that does not inherit the owner''s rights does not');
SELECT is((SELECT count(*) FROM mlops.models WHERE model = 'site'), 0::bigint, 'nor sees the model');
SET ROLE site_granted;
SELECT throws_ok($$SELECT by_row('site')$$, '42501', NULL, 'without a privilege none scores');
RESET ROLE;
SELECT lives_ok($$SELECT mlops.grant('site', 'site_granted', 'score')$$, 'a privilege is given');
SET ROLE site_granted;
SELECT is(by_row('site'), (SELECT s FROM right_score), 'then it scores');
RESET ROLE;
SELECT lives_ok($$SELECT mlops.revoke('site', 'site_granted', 'score')$$, 'and taken away');
SET ROLE site_granted;
SELECT throws_ok($$SELECT by_row('site')$$, '42501', NULL, 'then it does not');
RESET ROLE;
-- each by itself: nothing else that is forgotten with the privilege has the call look again
SELECT mlops.grant('site', 'site_granted', 'score') \g /dev/null
SET ROLE site_granted;
SELECT is(ARRAY[by_row('site'), by_row('site')], (SELECT ARRAY[s, s] FROM right_score), 'given again, it scores again');
RESET ROLE;
DELETE FROM mlops_catalog.model_grant WHERE role = 'site_granted'::regrole;
SET ROLE site_granted;
SELECT throws_ok($$SELECT by_row('site')$$, '42501', NULL, 'whatever took the privilege away');
SET ROLE site_member;
SELECT is(ARRAY[by_row('site'), by_row('site')], (SELECT ARRAY[s, s] FROM right_score), 'the member scores until');
RESET ROLE;
REVOKE site_owner FROM site_member;
SET ROLE site_member;
SELECT throws_ok($$SELECT by_row('site')$$, '42501', NULL, 'nor does who is no member any more');
RESET ROLE;

-- ---- what it is asked for

SELECT isnt(by_row('site/2'), by_row('site/1'), 'a reference of the same length is another one');
SELECT isnt(by_version(2), by_version(1), 'so is a version');
SELECT is(by_row('site/2'), by_version(2), 'each its own');
SELECT is((SELECT array_agg(mlops.score(r, t) ORDER BY r) FROM tx AS t, (VALUES ('site/1'), ('site/2')) AS v(r) WHERE id = 77),
	ARRAY[by_version(1), by_version(2)], 'within a statement, too');
SELECT is((SELECT array_agg(mlops.score_version('site', v, t) ORDER BY v) FROM tx AS t, generate_series(1, 2) AS v WHERE id = 77),
	ARRAY[by_version(1), by_version(2)], 'by number');
SELECT lives_ok($$SELECT mlops.deploy('site', 2)$$, 'another version is deployed');
SELECT is(by_row('site'), by_version(2), 'the call notices');
SELECT is(by_object('site'), by_version(2), 'of an object, too');
SELECT is(deciding(), by_version(2), 'and a decision');
ALTER TABLE tx ADD COLUMN later int DEFAULT 3;
ALTER TABLE tx DROP COLUMN balance;
ALTER TABLE tx ADD COLUMN balance numeric;
UPDATE tx SET balance = 5;
SELECT is(mlops.score('site', t), mlops.score('site', to_jsonb(t)), 'columns that moved are found again') FROM tx AS t WHERE id = 77;

-- ---- values in JSON

SELECT throws_ok($$SELECT mlops.score('site', '{"amount": "Infinity", "balance": 1, "country": "DE", "online": true}'::jsonb)$$,
	'22000', 'column "amount" contains an infinite value', 'infinity in an object is refused');
SELECT throws_ok($$SELECT mlops.score('site', '{"amount": 1, "balance": 1, "country": "DE"}'::jsonb)$$,
	'42703', NULL, 'a key that is missing is no NULL');

-- ---- rows without a key

SELECT lives_ok($$SELECT mlops.deploy('site', 1, 'canary', percent => 50, key => 'id')$$, 'half of the keys see a canary');
SELECT is((SELECT count(*) FROM (SELECT mlops.predict('site', jsonb_set(to_jsonb(t), '{id}', 'null')) AS p FROM tx AS t WHERE id <= 20) AS x
	WHERE (p).variant = 'primary'), 20::bigint, 'objects without a key stay with primary');
SELECT is((SELECT count(*) FROM (SELECT mlops.predict('site', n) AS p FROM tx AS t,
	LATERAL (SELECT NULL::int AS id, t.amount, t.balance, t.country, t.online) AS n WHERE t.id <= 20) AS x
	WHERE (p).variant = 'primary'), 20::bigint, 'so do rows');
SELECT ok((SELECT count(*) FILTER (WHERE (p).variant = 'canary') BETWEEN 20 AND 80 FROM (SELECT mlops.predict('site', t) AS p FROM tx AS t WHERE id <= 100) AS x),
	'those with one see either');

-- ---- segments

SELECT lives_ok($$SELECT mlops.deploy('site', 1, 'segment', rule => '{"country": ["FR", null], "online": true}', variant => 'french')$$, 'a segment of two columns');
SELECT is((SELECT string_agg(x.country || ' ' || x.online || ' ' || ((mlops.predict('site', x)).variant = 'french'), ', ' ORDER BY x.place)
	FROM (VALUES (1, NULL::int, 1.0::float8, 1::numeric, 'FR', true), (2, NULL, 1, 1, 'FR', false), (3, NULL, 1, 1, 'DE', true)) AS x(place, id, amount, balance, country, online)),
	'FR true true, FR false false, DE true false', 'takes rows that fit both');
SELECT is((SELECT (mlops.predict('site', x)).variant || ' ' || (mlops.predict('site', to_jsonb(x))).variant
	FROM (SELECT NULL::int AS id, 1.0::float8 AS amount, 1::numeric AS balance, NULL::text AS country, true AS online) AS x),
	'french french', 'and those without a value where it says so');

-- ---- bytes

UPDATE mlops_catalog.model_version SET sha256 = sha256('x') WHERE version = 2;
SELECT throws_ok($$SELECT mlops.score('site/2', '{"amount": 1, "balance": 1, "country": "DE", "online": true}'::jsonb)$$,
	'XX001', 'version 2 of model "site" is corrupt', 'bytes that are not those of the recorded SHA-256 are refused');
SELECT * FROM finish();
ROLLBACK;
