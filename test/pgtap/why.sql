-- mlops.why explains what was logged, by the version that decided, with the
-- rights of whoever asks.
\ir setup.psql
SELECT plan(31);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_reader;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 20}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
CREATE TEMP TABLE decided AS SELECT 'without' AS what, mlops.decide('fraud', t) AS d FROM tx t WHERE id = 4242;
SET LOCAL mlops.log_features = on;
INSERT INTO decided SELECT 'row', mlops.decide('fraud', t) FROM tx t WHERE id = 4242;
INSERT INTO decided SELECT 'jsonb', mlops.decide('fraud', to_jsonb(t)) FROM tx t WHERE id = 4242;
INSERT INTO decided SELECT 'position', mlops.decide('fraud', ROW(ts, amount, balance, country, online)) FROM tx WHERE id = 4242;
INSERT INTO decided SELECT 'values', mlops.decide('fraud', v) FROM tx, LATERAL (VALUES (ts, amount, balance, country, online)) AS v WHERE id = 4242;
INSERT INTO decided SELECT 'nulls', mlops.decide('fraud', s) FROM (SELECT ts, NULL::float8 AS amount, 'NaN'::float8 AS balance, 'XX'::text AS country, NULL::boolean AS online FROM tx WHERE id = 4242) AS s;
GRANT SELECT ON decided TO PUBLIC;
CREATE TEMP TABLE answer AS SELECT what, mlops.why((d).prediction_id)::jsonb AS w FROM decided;

SELECT ok(w ? 'explanation' AND w -> 'explanation' = 'null' AND w -> 'score_again' = 'null', 'features were not logged: nothing to explain') FROM answer WHERE what = 'without';
SELECT is(w ->> 'explanation_note', 'the features were not logged: mlops.log_features was off. Of the row as it is now: SELECT e.* FROM a_table AS t, mlops.explain_version(''fraud'', 1, t) AS e, with your table and a WHERE for the row', 'why not, and what there is instead') FROM answer WHERE what = 'without';
SELECT is(w ->> 'explanation_note', NULL, 'no note where there is an explanation') FROM answer WHERE what = 'row';
CREATE TEMP VIEW told AS SELECT a.what, x.n AS rank, x.c ->> 'feature' AS feature, x.c ->> 'value' AS value, (x.c ->> 'contribution')::float8 AS contribution
	FROM answer AS a, jsonb_array_elements(w -> 'explanation' -> 'contributions') WITH ORDINALITY AS x(c, n);
SELECT results_eq('SELECT rank::int, feature, contribution FROM told WHERE what = ''row'' ORDER BY rank',
	'SELECT e.rank, e.feature, e.contribution FROM tx AS t, mlops.explain(''fraud/1'', t, NULL) AS e WHERE id = 4242 AND e.rank > 0', 'the contributions of all columns');
SELECT is(w -> 'explanation' ->> 'unit', 'log odds', 'their unit') FROM answer WHERE what = 'row';
SELECT ok(abs(1 / (1 + exp(-(w -> 'explanation' ->> 'base')::float8 - (SELECT sum(contribution) FROM told WHERE told.what = answer.what))) / (w -> 'decision' ->> 'score')::float8 - 1) < 1e-9,
	'with the base they add up to the score, ' || what) FROM answer WHERE what IN ('row', 'jsonb', 'position', 'nulls') ORDER BY what;
SELECT is(value, country, 'values as they were logged') FROM told, tx WHERE what = 'row' AND feature = 'country' AND id = 4242;
SELECT is(w -> 'features', (SELECT w -> 'features' FROM answer WHERE what = 'row'), 'an anonymous row is logged under the model''s names') FROM answer WHERE what = 'position';
SELECT ok(w -> 'explanation_note' = 'null' AND w -> 'features' = (SELECT w -> 'features' FROM answer WHERE what = 'row') AND w -> 'score_again' = w -> 'decision' -> 'score',
	'so is one of VALUES') FROM answer WHERE what = 'values';
SELECT is((w ->> 'version')::int, 1, 'but all else is told') FROM answer WHERE what = 'values';

SELECT mlops.deploy('fraud', 2) \g /dev/null
SELECT is(mlops.why((d).prediction_id)::jsonb -> 'explanation', w -> 'explanation', 'the version that decided explains, whatever is deployed now') FROM decided JOIN answer USING (what) WHERE what = 'row';
SELECT mlops.grant('fraud', 'regress_mlops_reader', 'train') \g /dev/null
SET LOCAL ROLE regress_mlops_reader;
SELECT throws_ok('SELECT mlops.score(''fraud/1'', t) FROM tx t LIMIT 1', '42501', NULL, 'who may not score');
SELECT is(w -> 'explanation', 'null', 'is not told by way of why') FROM (SELECT mlops.why((d).prediction_id)::jsonb AS w FROM decided WHERE what = 'row') AS x;
SELECT is(w ->> 'explanation_note', 'you may not score with model "fraud"', 'but told so') FROM (SELECT mlops.why((d).prediction_id)::jsonb AS w FROM decided WHERE what = 'row') AS x;
SET LOCAL ROLE regress_mlops_owner;
SELECT mlops.drop_version('fraud', 1) \g /dev/null
SELECT is(w ->> 'explanation_note', 'the version was dropped', 'the version that decided was dropped') FROM (SELECT mlops.why((d).prediction_id)::jsonb AS w FROM decided WHERE what = 'row') AS x;

-- ---- by key
SET LOCAL TimeZone = 'Asia/Kolkata';
CREATE TEMP TABLE by_key AS SELECT n, mlops.decide('fraud/2', t, '58') AS d FROM tx AS t, generate_series(1, 3) AS n WHERE id = 10 * n;
SELECT mlops.decide('fraud/2', t, '7') FROM tx AS t WHERE id = 7 \g /dev/null
SELECT is(mlops.why('fraud', '58')::jsonb - 'of_key', mlops.why((d).prediction_id)::jsonb, 'the latest decision of a key') FROM by_key WHERE n = 3;
SELECT is(mlops.why('fraud', '58')::jsonb -> 'of_key', (SELECT jsonb_build_object('decisions', 3, 'others',
	jsonb_agg(jsonb_build_object('prediction_id', (d).prediction_id, 'made_at', w -> 'decision' -> 'made_at', 'score', (d).score, 'flagged', (d).flagged) ORDER BY n DESC)) FROM (SELECT *, mlops.why((d).prediction_id)::jsonb AS w FROM by_key WHERE n < 3) AS x),
	'and all others, the latest first');
SELECT is(mlops.why('fraud', '7')::jsonb -> 'of_key', '{"decisions": 1, "others": []}', 'the only one');
SELECT is(mlops.why('fraud', 7)::jsonb, mlops.why('fraud', '7')::jsonb, 'a key that is a number');
SELECT throws_ok($$SELECT mlops.why('fraud', '59')::jsonb$$, '42704', 'no decision of model "fraud" is logged with key "59"', 'a key without decisions');
SELECT throws_ok($$SELECT mlops.why('fraud', NULL)::jsonb$$, '22004', '"key" must not be null', 'no key');
SELECT throws_ok($$SELECT mlops.why('nosuch', '58')::jsonb$$, '42704', 'model "nosuch" does not exist', 'no model');
-- ---- in the order that it is read in, with the label
SELECT is((SELECT array_agg(k) FROM json_object_keys(mlops.why('fraud', '58')) AS k),
	'{decision,label,explanation,explanation_note,model,version,variant,features,score_again,route,beside,approvals,checks,history,training,dataset,of_key,settings}', 'what was decided first, settings last');
SELECT is((SELECT array_agg(k) FROM json_object_keys(mlops.why((d).prediction_id)) AS k WHERE k = 'of_key'), NULL, 'nothing of a key where none was asked for') FROM by_key WHERE n = 3;
SELECT is(mlops.why('fraud', '58')::jsonb -> 'label', 'null', 'no label yet');
SELECT mlops.add_labels('fraud', query => 'SELECT 58 AS id, true AS l, timestamp ''2026-03-01'' AS at UNION ALL SELECT 7, false, ''2026-03-01''', key => 'id', label => 'l', labelled_at => 'at') \g /dev/null
SELECT mlops.add_labels('fraud', query => 'SELECT 58 AS id, false AS l, timestamp ''2026-03-02'' AS at', key => 'id', label => 'l', labelled_at => 'at') \g /dev/null
SELECT is(mlops.why('fraud', '58')::jsonb -> 'label' ->> 'label', 'false', 'the latest one that is known');
SELECT ok(w::text LIKE E'{\n    "decision": {\n%', 'a key a line') FROM mlops.why('fraud', '58') AS w;
RESET ROLE;
CREATE ROLE regress_mlops_stranger;
SET LOCAL ROLE regress_mlops_stranger;
SELECT throws_ok($$SELECT mlops.why('fraud', '58')::jsonb$$, '42501', NULL, 'who may not see the model');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
