-- What a training finds out about columns: left out, lumped, suspected.
\ir setup.psql
SET client_min_messages = error;
SELECT plan(49);

CREATE TABLE pay AS SELECT i AS row_number, (i * 2654435761) AS big, i::smallint AS small, i / 2 AS pair, i + (i % 100 = 0)::int AS almost, i - i % 20 AS twentieth, i::float8 AS measured,
	i * 1.01::numeric AS price, md5(i::text) AS name, i % 7 AS seven, i % 600 || 's' AS shop,
	CASE WHEN i / 10 % 10 < 7 THEN 'train' WHEN i / 10 % 10 < 8 THEN 'validation' ELSE 'test' END AS part,
	i % 5 = 0 AS fraud
FROM generate_series(1, 4000) AS i;
CREATE FUNCTION found(source text, more text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run bigint;
BEGIN
	EXECUTE format('SELECT run_id FROM mlops.train(''f'', query => %L, target => ''fraud'', split => ''{"fold": "part"}'', params => ''{"n_estimators": 2}''%s)', source, more) INTO run;
	RETURN (SELECT coalesce(string_agg(concat_ws(' ', f ->> 'column', f ->> 'finding'), ', ' ORDER BY n), 'nothing')
		FROM mlops.runs AS r, jsonb_array_elements(r.findings) WITH ORDINALITY AS e(f, n) WHERE r.run_id = run);
END $$;
CREATE FUNCTION detail(wanted text) RETURNS text LANGUAGE sql AS $$
	SELECT f ->> 'detail' FROM mlops.runs AS r, jsonb_array_elements(r.findings) AS f WHERE f ->> 'column' = wanted ORDER BY r.run_id DESC LIMIT 1 $$;
CREATE FUNCTION inputs() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(i ->> 'name', ' ' ORDER BY i ->> 'name') FROM (SELECT v.signature FROM mlops_catalog.model_version AS v ORDER BY v.version_id DESC LIMIT 1) AS v, jsonb_array_elements(v.signature) AS i $$;

-- ---- identifiers
SELECT is(found('SELECT row_number, seven, fraud, part FROM pay'), 'row_number identifier', 'a number of rows');
SELECT is(detail('row_number'), 'It has 4000 distinct values. Name it in "features" to learn from it.', 'how many values, and what to do');
SELECT is(inputs(), 'seven', 'is no input');
SELECT is(found('SELECT big, small, seven, fraud, part FROM pay'), 'big identifier, small identifier', 'of any whole type');
SELECT is(found('SELECT almost, seven, fraud, part FROM pay WHERE row_number <= 3999'), 'almost identifier', 'a few may meet again');
SELECT is(found('SELECT pair, twentieth, fraud, part FROM pay'), 'nothing', 'not half of them');
SELECT is(found('SELECT measured, price, seven, fraud, part FROM pay'), 'nothing', 'a measurement is none, however distinct');
SELECT is(found('SELECT name, seven, fraud, part FROM pay'), 'name identifier', 'texts as ever');
SELECT is(found('SELECT row_number, seven, fraud, part FROM pay', $$, features => '{row_number,seven}'$$), 'nothing', 'who names a column means it');
SELECT is(inputs(), 'row_number seven', 'and gets it');
SELECT is(found('SELECT row_number, seven, fraud, part FROM pay WHERE row_number <= 49'), '(threshold) fitted', 'fewer than 50 values tell nothing');
SELECT is(found('SELECT row_number, fraud, part FROM pay'), 'nothing', 'the only column is kept');
SELECT is(found('SELECT *, 5 AS five FROM (SELECT i AS id, i % 7 AS seven, CASE WHEN i / 10 % 10 < 7 THEN ''train'' ELSE ''test'' END AS part, i % 5 = 0 AS fraud FROM generate_series(1, 30000) AS i) AS s'),
	'id identifier, five constant, (threshold) fitted', 'of many rows; a constant column');

-- ---- identifiers that repeat
SELECT is(found('SELECT row_number % 500 AS shop_id, seven, fraud, part FROM pay'), 'shop_id repeated', 'a number of what has many rows');
SELECT is(detail('shop_id') || ': ' || inputs(), 'It has 500 distinct values in 4000 rows.: seven shop_id', 'is told, and learned from');
SELECT is(found('SELECT row_number % 500 AS id, row_number % 501 AS "shopId", row_number % 502 AS "shopID", row_number % 503 AS "SHOP_ID", seven, fraud, part FROM pay'),
	'id repeated, shopId repeated, shopID repeated, SHOP_ID repeated', 'by any of these names');
SELECT is(found('SELECT row_number % 500 AS paid, row_number % 501 AS bid, row_number % 502 AS "VALID", row_number % 503 AS idle, row_number % 504 AS d, seven, fraud, part FROM pay'), 'nothing', 'not by others');
SELECT is(found('SELECT row_number % 49 AS kind_id, (row_number % 500)::float8 AS measured_id, seven, fraud, part FROM pay'), 'nothing', 'few values, or fractions, are none');
SELECT is(found('SELECT row_number % 500 AS shop_id, seven, fraud, part FROM pay', $$, features => '{shop_id,seven}'$$), 'nothing', 'who names a column means it');
SELECT is(found('SELECT 1 + row_number % 1500 AS shop, seven, fraud, part FROM pay'), 'shop repeated', 'all of 1 to their number, and even');
SELECT is(found('SELECT 1 + row_number % 900 AS shop, seven, fraud, part FROM pay'), 'nothing', 'fewer than a thousand may be anything');
SELECT is(found('SELECT row_number % 1500 AS shop, 1 + 2 * (row_number % 1500) AS cents, seven, fraud, part FROM pay'), 'nothing', 'nor from 0 on, nor half of them');
SELECT is(found('SELECT 1 + row_number * row_number / 15000 AS cents, seven, fraud, part FROM pay'), 'nothing', 'low ones more often');
CREATE TABLE many AS SELECT 1 + (hashint4(i) & 4095) * (hashint4(i) & 4095) / 8400 AS cents, 1 + (hashint8(i) & 65535) AS amount, i % 7 AS seven,
	CASE WHEN i / 10 % 10 < 7 THEN 'train' WHEN i / 10 % 10 < 8 THEN 'validation' ELSE 'test' END AS part, i % 5 = 0 AS fraud FROM generate_series(1, 60000) AS i;
SELECT is(found('SELECT cents, amount, seven, fraud, part FROM many'), 'nothing', 'of many rows: amounts');
SELECT is(found('SELECT 1 + (cents::bigint * 7919 + amount) % 8000 AS shop, seven, fraud, part FROM many'), 'shop repeated', 'and numbers of shops');
SELECT is(found('SELECT amount AS shop_id, seven, fraud, part FROM many'), 'shop_id repeated', 'whatever the values, by name');

-- ---- types that no model reads
SELECT is(found('SELECT seven, to_jsonb(seven) AS j, ARRAY[seven] AS a, point(1, 2) AS p, daterange(NULL, NULL) AS d, fraud, part FROM pay'), 'j type, a type, p type, d type', 'are left out');
SELECT is(inputs() || ': ' || detail('a'), 'seven: Type integer[] cannot be a feature.', 'with a reason');
SELECT throws_ok($$SELECT mlops.train('f', query => 'SELECT seven, to_jsonb(seven) AS j, fraud FROM pay', target => 'fraud', features => '{seven,j}')$$,
	'42804', 'column "j" of type jsonb cannot be a feature', 'one that was named is an error');
SELECT throws_ok($$SELECT mlops.train('f', query => 'SELECT to_jsonb(seven) AS j, fraud FROM pay', target => 'fraud')$$, '22023', 'no column is left to be a feature', 'nothing else');

-- ---- suspects
CREATE TABLE leaky AS SELECT *, CASE WHEN fraud OR row_number % 2000 = 1 THEN 1 ELSE 0 END AS much, CASE WHEN fraud OR row_number % 12 = 1 THEN 1 ELSE 0 END AS less,
	CASE WHEN fraud THEN NULL ELSE row_number % 9 END AS missing, (ARRAY['lost', 'won', 'open', 'kept', 'gone'])[1 + row_number % 5] AS status,
	CASE WHEN fraud THEN 50 + row_number % 100 ELSE row_number % 60 END AS graded FROM pay;
SELECT is(found('SELECT much, less, fraud, part FROM leaky'), 'much suspected', 'a column that almost is the target');
SELECT is(detail('much'), format('It alone has ROC AUC %s on the training rows.', to_char(mlops.roc_auc(fraud, much), '0.0000')::numeric), 'by how well it orders the rows')
FROM leaky WHERE part = 'train';
SELECT is(found('SELECT -graded AS graded, fraud, part FROM leaky'), CASE WHEN mlops.roc_auc(fraud, graded) >= 0.999 THEN 'graded suspected' ELSE 'nothing' END, 'in either direction') FROM leaky WHERE part = 'train';
SELECT is(found('SELECT missing, seven, fraud, part FROM leaky'), 'missing suspected', 'a value that is missing for one class');
SELECT is(found('SELECT status, seven, fraud, part FROM leaky'), 'status suspected', 'a category');
SELECT is(detail('status'), 'It alone has ROC AUC 1.0000 on the training rows.', 'whose values are ordered by their share of positives');
SELECT is(found('SELECT shop, seven, fraud, part FROM pay WHERE row_number < 1200 AND (NOT fraud OR row_number < 200)'), 'shop lumped', 'many values order few rows by chance');
SELECT is(detail('shop'), format('Of its %s values each is learned by how often the target was positive.', count(DISTINCT shop)), 'and are told to be many')
FROM pay WHERE part = 'train' AND row_number < 1200 AND (NOT fraud OR row_number < 200);
SELECT is(found('SELECT much, seven, fraud, part FROM leaky WHERE NOT fraud OR row_number < 45'), 'nothing', 'fewer than ten of a class tell nothing');

-- ---- what is repeated keeps its columns
CREATE VIEW source AS SELECT row_number, pair, seven, fraud, part FROM pay;
SELECT mlops.train('kept', 'source', target => 'fraud', exclude => '{row_number}', key => 'row_number', split => '{"fold": "part"}', params => '{"n_estimators": 2}') \g /dev/null
SELECT is(inputs(), 'pair seven', 'a column with pairs');
CREATE OR REPLACE VIEW source AS SELECT row_number, row_number AS pair, seven, fraud, part FROM pay;
SELECT mlops.retrain('kept', options => '{"accept": ["pair"]}') \g /dev/null
SELECT is((SELECT version FROM mlops.versions WHERE model = 'kept' ORDER BY version DESC LIMIT 1) || ' ' || inputs(), '2 pair seven', 'that are no longer pairs: the retraining keeps it');
SELECT mlops.train('again', query => 'SELECT row_number, seven, price, fraud, part FROM pay', target => 'fraud', split => '{"fold": "part"}', params => '{"n_estimators": 2}') \g /dev/null
SELECT ok((SELECT identical FROM mlops.reproduce('again', 1)), 'and a training that left one out can be repeated');

-- ---- elsewhere
SELECT is((SELECT count(DISTINCT run_id) FROM mlops.cross_validate('cv', query => 'SELECT row_number, seven, fraud FROM pay', target => 'fraud', folds => 2, parallel => 1, params => '{"n_estimators": 2}')), 1::bigint, 'folds leave it out too');
SELECT is((SELECT findings FROM mlops.runs WHERE model = 'cv'), NULL, 'a run without a version has no list');
-- ---- values that count as negative
CREATE FUNCTION negatives(target text, positive text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.train('n', query => format('SELECT seven, %s AS t FROM pay', target), target => 't', positive => positive, features => '{seven}', params => '{"n_estimators": 2}');
	RETURN (SELECT concat_ws(' ', f ->> 'column', f ->> 'detail') FROM mlops.runs AS r, jsonb_array_elements(r.findings) AS f WHERE r.model = 'n' AND f ->> 'finding' = 'negatives' ORDER BY r.run_id DESC LIMIT 1);
END $$;
SELECT is(negatives('fraud', 'false'), NULL, 'a boolean has one other value');
SELECT is(negatives('CASE WHEN fraud THEN ''fraud'' ELSE ''ok'' END', 'fraud'), NULL, 'so has a text of two');
SELECT is(negatives('CASE WHEN row_number % 50 = 1 THEN ''pending'' WHEN row_number > 10 THEN CASE WHEN fraud THEN ''fraud'' ELSE ''ok'' END END', 'fraud'),
	't Rows of values that count as negative: "ok" in 3113, "pending" in 80.', 'a third value; rows without a label count for nothing');
SELECT is(negatives('seven', '3'), 't Rows of values that count as negative: "1" in 572, "2" in 572, "0" in 571, "4" in 571, "5" in 571, and 1 more in 571.', 'of many the most frequent');
SELECT is(negatives('CASE WHEN seven > 4 THEN repeat(''x'', 500) WHEN seven > 2 THEN ''a "quoted" one'' ELSE ''yes'' END', 'yes'),
	format('t Rows of values that count as negative: "a "quoted" one" in 1143, "%s..." in 1142.', repeat('x', 200)), 'long ones are cut');
SELECT * FROM finish();
ROLLBACK;
