-- Values that read alike, above all the text NULL and a value that is missing, are told apart wherever people read them.
\ir setup.psql
SELECT plan(9);

CREATE TABLE payment AS SELECT g AS id, g % 10 AS x, (ARRAY['NULL', NULL, 'a', '"NULL"', 'reason'])[1 + g % 5] AS c, CASE g % 5 WHEN 0 THEN g % 10 > 3 WHEN 1 THEN g % 20 > 12 ELSE g % 30 > 17 END AS y,
	timestamp '2026-01-01' + g * interval '3 min' AS ts FROM generate_series(1, 6000) AS g;
SELECT mlops.train('m', 'payment', target => 'y', key => 'id', time_column => 'ts', features => '{x,c}', params => '{"n_estimators": 5}', threshold => '{"value": 0.3}') \g /dev/null

-- ---- a gate on fairness
SELECT mlops.set_gate('m', '{"fairness": {"by": "c", "metric": "precision", "max_gap": 1}}') \g /dev/null
CREATE TEMP TABLE fair AS SELECT * FROM mlops.check_gate('m', 1);
CREATE TEMP TABLE judged AS SELECT segment ->> 'c' AS c, "precision" AS p FROM mlops.evaluate('m/1', by => '{c}') WHERE segment <> '{}';
SELECT is((SELECT count(*) FROM judged), 5::bigint, 'five segments');
SELECT is((SELECT value FROM fair), (SELECT max(p) - min(p) FROM judged), 'the gap is that of all of them');
SELECT is((SELECT detail FROM fair), (SELECT jsonb_object_agg(CASE WHEN c IS NULL THEN 'NULL' WHEN c IN ('a') THEN c ELSE to_json(c)::text END, p) FROM judged), 'each is named');
SELECT is((SELECT mlops_catalog.check_text(g) FROM mlops.gate_checks AS g ORDER BY gate_check_id DESC LIMIT 1), (SELECT format('fairness: gap of precision by c at most 1, found %s', value) FROM fair), 'a segment called reason is no reason');
SELECT is((SELECT array_agg(m[1] ORDER BY m[1] COLLATE "C") FROM regexp_matches(mlops.model_card('m', 1, by => '{c}'), '\n\| ([^|]*) \| 2\d\d \| \d+ \|', 'g') AS m),
	ARRAY['"NULL"', E'"\\\\"NULL\\\\""', 'NULL', 'a', 'reason'], 'a model card names them, too');

-- ---- an explanation for people
CREATE FUNCTION value_of(c text) RETURNS text LANGUAGE sql AS $$
	SELECT substring(mlops.explain_text('m/1', jsonb_build_object('x', 1, 'c', c), NULL) FROM '\nc +(.*?) +[-+]\d') $$;
SELECT is((SELECT array_agg(value_of(c)) FROM unnest(ARRAY['NULL', NULL, 'a', '"NULL"', 'a"']) AS c), ARRAY['"NULL"', 'NULL', 'a', '"\"NULL\""', 'a"'], 'explain_text tells them apart');
SELECT is(value_of(E'a\n\tb\x1bc'), 'a b c', 'a value with line breaks is in one line');
SELECT is((SELECT count(*) FROM regexp_split_to_table(mlops.explain_text('m/1', jsonb_build_object('x', 1, 'c', E'a\r\nb'), NULL), '[\n\r]')), 3::bigint, 'a line a column');

-- ---- a report
SELECT is(ARRAY(SELECT mlops_catalog.shown(v, 'missing') FROM unnest(ARRAY['missing', NULL, 'NULL', '"', '']) AS v), ARRAY['"missing"', 'missing', 'NULL', '"\""', ''], 'the word for a missing value is in quotation marks where it is one');

SELECT finish();
ROLLBACK;
