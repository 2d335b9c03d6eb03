-- JSON that is given as text, as in a literal without a cast, is read as jsonb is;
-- calls with rows and jsonb mean what they meant.
\ir setup.psql
SELECT plan(21);
SELECT mlops.train('m', 'tx', target => 'is_fraud', key => 'id', exclude => '{ts}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null
CREATE TEMP TABLE wanted AS SELECT mlops.score('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::jsonb) AS score;

SELECT is(mlops.score('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'), score, 'score') FROM wanted;
SELECT is(mlops.score(model => 'm', features => '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'), score, 'by the names of its arguments') FROM wanted;
SELECT is((mlops.predict('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}')).score, score, 'predict') FROM wanted;
SELECT is(mlops.score_version('m', 1, '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'), score, 'score_version') FROM wanted;
SELECT is(mlops.score_bytes(mlops.export_model('m', 1), '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'), score, 'score_bytes') FROM wanted;
SELECT results_eq($$SELECT * FROM mlops.explain('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}', NULL)$$, $$SELECT * FROM mlops.explain('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::jsonb, NULL)$$, 'explain');
SELECT is((SELECT count(*) FROM mlops.explain('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}')), (SELECT count(*) FROM mlops.explain('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::jsonb)), 'and as many columns by default');
SELECT results_eq($$SELECT * FROM mlops.explain_version('m', 1, '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}')$$, $$SELECT * FROM mlops.explain_version('m', 1, '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::jsonb)$$, 'explain_version');
SELECT is(mlops.explain_text('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'), mlops.explain_text('m', '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::jsonb), 'explain_text');

-- columns and parameters of types of text
CREATE DOMAIN short AS varchar(100);
SELECT is(mlops.score('m', x.j), score, 'a column of text') FROM wanted, (SELECT '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::text AS j) AS x;
SELECT is(mlops.score('m', x.j), score, 'of varchar') FROM wanted, (SELECT '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::varchar(100) AS j) AS x;
SELECT is(mlops.score('m', x.j), score, 'of a domain') FROM wanted, (SELECT '{"amount": 95.5, "balance": 3, "country": "DE", "online": true}'::short AS j) AS x;
PREPARE given AS SELECT mlops.score('m', $1);
CREATE TEMP TABLE parameter AS SELECT parameter_types::text[] AS types FROM pg_prepared_statements WHERE name = 'given';
SELECT is(types, '{text}', 'a parameter without a type') FROM parameter;

-- what was there means the same
SELECT is((SELECT count(*) FROM tx AS t WHERE mlops.score('m', t) = mlops.score('m', to_jsonb(t)) AND mlops.score('m', t) = mlops.score('m', to_jsonb(t)::text)), 5000::bigint, 'a table''s row, its JSON and its JSON as text score the same');
SELECT is(mlops.score('m', ROW(95.5::float8, 3::numeric, 'DE'::text, true)), score, 'a row without a type') FROM wanted;
SELECT is(mlops.explain_text('m', t, 3), mlops.explain_text('m', to_jsonb(t) - 'ts' - 'is_fraud' - 'id', 3), 'explain_text of a row') FROM tx AS t WHERE id = 7;
SELECT is(mlops.score('m', NULL), NULL, 'NULL without a type');
SELECT is(mlops.score('m', NULL::tx), NULL, 'a NULL row');

-- what is wrong
SELECT throws_ok($$SELECT mlops.score('m', '{"amount": 95.5')$$, '22P02', NULL, 'no JSON');
SELECT throws_ok($$SELECT mlops.score('m', 5)$$, '42804', NULL, 'a number is neither a row nor JSON');
SELECT is((SELECT count(*) FROM mlops.explain('m', NULL)), (SELECT count(*) FROM mlops.explain('m', NULL::jsonb)), 'explain of NULL');
SELECT finish();
ROLLBACK;
