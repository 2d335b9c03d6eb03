-- Scoring: one meaning whatever the form of the row, routes, and transactions.
\ir setup.psql
SELECT plan(45);

SELECT is(version, 1, 'first version is 1') FROM mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id',
	time_column => 'ts', params => '{"n_estimators": 20}');
SELECT is(version, 2, 'second version is 2') FROM mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id',
	time_column => 'ts', algorithm => 'logistic_regression');

SELECT is((SELECT d.version FROM mlops.deploy('fraud', 1, note => 'go') d), 1, 'deploy returns what it did');
SELECT is((SELECT deployed_version FROM mlops.models WHERE model = 'fraud'), 1, 'models shows it');
CREATE TEMP TABLE scored AS SELECT id, mlops.score('fraud', t) AS s FROM tx t;
SELECT ok((SELECT bool_and(s BETWEEN 0 AND 1) AND count(DISTINCT s) > 10 FROM scored), 'scores are probabilities and differ');
SELECT is((SELECT max(abs(s - mlops.score('fraud', to_jsonb(t)))) FROM scored JOIN tx t USING (id)), 0::float8, 'a jsonb row scores the same');
SELECT is((SELECT max(abs(s - mlops.score('fraud', r))) FROM scored JOIN (SELECT id, t2 AS r FROM tx t, LATERAL (SELECT t.online, t.country, t.amount, t.balance) t2) x USING (id)), 0::float8, 'a subquery''s row in another order scores the same');
-- by position: the order of the source's columns, and nothing that only could be converted
CREATE TABLE placed AS SELECT id, (id % 50)::int AS card, (id % 30)::bigint AS shop, amount, online, is_fraud FROM tx;
SELECT mlops.train('placed', 'placed', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('placed', 1) \g /dev/null
CREATE FUNCTION refused(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text;
BEGIN EXECUTE call; RETURN 'nothing is wrong';
EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT; RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(d, ''), h);
END $$;
SELECT is((SELECT count(*) FROM placed AS p WHERE mlops.score('placed', p) IS DISTINCT FROM mlops.score('placed', (card, shop, amount, online))), 0::bigint, 'ROW() in the order of the source');
SELECT is((SELECT count(*) FROM placed AS p, LATERAL (VALUES (card, shop, amount, online)) AS v WHERE mlops.score('placed', p) IS DISTINCT FROM mlops.score('placed', v)), 0::bigint, 'VALUES, too');
SELECT is(refused(format('SELECT %s FROM placed AS p WHERE id = 7', replace(call, '#', values))), '42804 | value 1 of the row has type double precision, but by position it is column "card", which the model was trained on as integer'
	' | A row without names has its values in this order: "card", "shop", "amount", "online".'
	' | Give it names, as in mlops.score(''model'', t) ... FROM (SELECT ... AS card) AS t, or cast the value.', 'another order: ' || call)
FROM unnest('{"mlops.score(''placed'', #)","mlops.score_version(''placed'', 1, #)","mlops.predict(''placed'', #)","mlops.decide(''placed'', #)","mlops.explain(''placed'', #)","mlops.score_bytes((SELECT mlops.export_model(''placed'', 1)), #)"}'::text[]) AS call,
	(VALUES ('(amount, card, shop, online)')) AS v(values);
SELECT matches(refused('SELECT mlops.score(''placed'', (card, 3.0, amount, online)) FROM placed LIMIT 1'), '^42804 \| value 2 of the row has type numeric, but by position it is column "shop", which the model was trained on as bigint', 'a number that could be converted');
SELECT matches(refused('SELECT mlops.score(''placed'', (card, shop, amount, ''yes''::text)) FROM placed LIMIT 1'), '^42804 \| value 4 of the row has type text, but by position', 'a value of another kind');
SELECT matches(refused('SELECT mlops.score(''placed'', (card, shop, amount)) FROM placed LIMIT 1'), '^42703 \| the row to score lacks .* \| A row without names is taken by position if it has 4 values: "card", "shop", "amount", "online"\.', 'too few values');
SELECT matches(refused('SELECT mlops.score(''placed'', s) FROM (SELECT card AS a, shop AS b, amount AS c, online AS d FROM placed) AS s LIMIT 1'), '^42703 \| the row to score lacks columns that the model reads: "card", "shop", "amount", "online" \| Columns are found by name. There are: "a", "b", "c", "d".', 'other names are none of the model''s');
SELECT matches(refused('SELECT mlops.score(''placed'', s) FROM (SELECT card, shop, amount AS tx_amount, online FROM placed) AS s LIMIT 1'), 'If "tx_amount" is meant, give it that name: SELECT ..., tx_amount AS amount\.$', 'one that may be meant is named');
SELECT matches(refused('SELECT mlops.train(''near'', ''tx'', target => ''fraud'')'), 'Perhaps you meant "is_fraud"\.$', 'by a part of its name');
SELECT matches(refused('SELECT mlops.train(''near'', ''tx'', target => ''nothing'')'), '\| There are: "id", ', 'where none is near, all are');
SELECT is((SELECT max(abs(s - mlops.score('fraud', ROW(amount, balance, country, online)))) FROM scored JOIN tx USING (id)), 0::float8, 'an anonymous row is taken by position');
SELECT is((SELECT max(abs(s - mlops.score('fraud/1', t))) FROM scored JOIN tx t USING (id)), 0::float8, 'name/version scores the same');
SELECT is((SELECT max(abs(s - mlops.score_version('fraud', 1, t))) FROM scored JOIN tx t USING (id)), 0::float8, 'score_version scores the same');
SELECT is((SELECT max(abs(s - (mlops.predict('fraud', t)).score)) FROM scored JOIN tx t USING (id)), 0::float8, 'predict scores the same');
SELECT is((SELECT max(abs(s.s - x.score)) FROM scored s JOIN mlops.score_table('fraud', 'tx', key => 'id') x ON x.key = s.id::text), 0::float8, 'score_table scores the same');
SELECT is((SELECT count(*) FROM mlops.score_table('fraud', 'tx', key => 'id')), 5000::bigint, 'score_table returns every row');
SELECT ok((SELECT bool_and((p).flagged = ((p).score >= (p).threshold)) FROM (SELECT mlops.predict('fraud', t) AS p FROM tx t) q), 'flagged means score >= threshold');
SELECT isnt(mlops.score('fraud', t), NULL, 'unseen categories and NULLs score') FROM (SELECT NULL::float8 AS amount, NULL::numeric AS balance, 'XX'::text AS country, NULL::boolean AS online) t;

CREATE TABLE live (LIKE tx, score float8, flagged boolean);
CREATE TRIGGER score BEFORE INSERT OR UPDATE ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged');
INSERT INTO live SELECT * FROM tx;
SELECT is((SELECT max(abs(l.score - s.s)) FROM live l JOIN scored s USING (id)), 0::float8, 'the trigger scores the same');
UPDATE live SET amount = amount + 1 WHERE id = 1;
SELECT is((SELECT score FROM live WHERE id = 1), (SELECT mlops.score('fraud', t) FROM (SELECT * FROM live WHERE id = 1) t), 'and on update');

CREATE TABLE gen (amount float8, balance numeric, country text, online boolean,
	s float8 GENERATED ALWAYS AS (mlops.score_version('fraud', 1, ROW(amount, balance, country, online))) STORED);
INSERT INTO gen (amount, balance, country, online) SELECT amount, balance, country, online FROM tx WHERE id = 5;
SELECT is((SELECT s FROM gen), (SELECT s FROM scored WHERE id = 5), 'score_version in a generated column');

SELECT is((SELECT d.version FROM mlops.deploy('fraud', 2) d), 2, 'deploy the second');
SELECT is((SELECT (mlops.predict('fraud', t)).version FROM tx t LIMIT 1), 2, 'takes effect in this transaction');
SAVEPOINT s;
SELECT is((SELECT d.version FROM mlops.rollback('fraud', note => 'test') d), 1, 'rollback goes to the previous version');
SELECT is((SELECT (mlops.predict('fraud', t)).version FROM tx t LIMIT 1), 1, 'and takes effect');
ROLLBACK TO s;
SELECT is((SELECT (mlops.predict('fraud', t)).version FROM tx t LIMIT 1), 2, 'a rolled back rollback leaves nothing');
SELECT is((SELECT max((mlops.predict('fraud', t)).threshold) FROM tx t LIMIT 1), (SELECT threshold FROM mlops.versions WHERE model = 'fraud' AND version = 2), 'the version''s own threshold');
SELECT lives_ok($$SELECT mlops.deploy('fraud', 2, threshold => 0.125)$$, 'deploy with a threshold');
SELECT is((SELECT (mlops.predict('fraud', t)).threshold FROM tx t LIMIT 1), 0.125::float8, 'takes its place');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 2, percent => 5)$$, '22023', NULL, 'direct takes no percent');
SELECT is((SELECT count(*) FROM mlops.deployment_history WHERE model = 'fraud'), 3::bigint, 'history keeps all');

-- ---- a version that comes back under its number with other bytes
SELECT mlops.train('again', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.train('again', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 9}') \g /dev/null
CREATE TEMP TABLE former AS SELECT id, mlops.score('again/1', t) AS first, mlops.score('again/2', t) AS second FROM tx t;
SELECT ok((SELECT bool_and(first <> second) FROM former), 'two versions answer differently');
CREATE TEMP TABLE restored AS SELECT v.*, a.data FROM mlops_catalog.model_version v JOIN mlops_catalog.model m USING (model_id) JOIN mlops_catalog.model_artifact a USING (version_id) WHERE m.name = 'again';
UPDATE mlops_catalog.model_artifact a SET data = b.data FROM restored r, restored b WHERE a.version_id = r.version_id AND b.version = 3 - r.version;
UPDATE mlops_catalog.model_version v SET size = b.size, sha256 = b.sha256 FROM restored r, restored b WHERE v.version_id = r.version_id AND b.version = 3 - r.version;
SELECT is((SELECT count(*) FROM former JOIN tx t USING (id) WHERE mlops.score('again/1', t) <> second OR mlops.score('again/2', t) <> first), 0::bigint, 'restored under each other''s number they answer by what is stored now');
SELECT * FROM finish();
ROLLBACK;
