-- The text for Prometheus, read back by its grammar: whatever columns and values
-- segments have, no series is there twice and no identity is replaced.
\ir setup.psql
SELECT plan(13);
CREATE FUNCTION plain(escaped text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT string_agg(CASE m[1] WHEN E'\\\\' THEN E'\\' WHEN E'\\"' THEN '"' WHEN E'\\n' THEN E'\n' ELSE m[1] END, '' ORDER BY n)
	FROM regexp_matches(escaped, E'\\\\.|[^\\\\]', 'g') WITH ORDINALITY AS e(m, n) $$;
-- a row a sample: name, labels (an empty one is none), and how often a label is named
CREATE FUNCTION samples() RETURNS TABLE (name text, labels jsonb, names bigint, line text) LANGUAGE sql AS $$
	SELECT substring(l.line FROM '^[a-zA-Z_:][a-zA-Z0-9_:]*'), p.labels, p.names, l.line
	FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') AS l(line)
	CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(m[1], coalesce(plain(m[2]), '')) FILTER (WHERE m[2] <> ''), '{}'), count(*)
		FROM regexp_matches(substring(l.line FROM '\{(.*)\}'), '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', 'g') AS m) AS p(labels, names)
	WHERE l.line <> '' AND l.line NOT LIKE '#%'
$$;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('fraud', 1, key => 'id'), mlops.deploy('fraud', 2, 'canary', key => 'id', percent => 10) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour', segments => '{country}'), mlops.set_alert_rule('fraud', 'low', 'precision', min => 0.5) \g /dev/null
CREATE TABLE segment (s jsonb);
INSERT INTO segment VALUES ('{}'), ('{"country": null}'), ('{"country": ""}'), ('{"country": "NULL"}'), ('{"country": "null"}'), ('{"country": "true"}'), ('{"country": true}'), ('{"country": 1}'), ('{"country": "1"}'),
	('{"country": "D\"E"}'), ('{"country": "D\\E"}'), ('{"country": "D\nE"}'), ('{"country": "D\\nE"}'), ('{"country": "D\\\"E"}'), ('{"country": "a,b=\"c\"}"}'),
	('{"version": "1"}'), ('{"version": "2"}'), ('{"version": null}'), ('{"model": "other"}'), ('{"variant": "canary"}'), ('{"shadow": true}'), ('{"segment": "x"}'), ('{"value": "x"}'),
	('{"is_null": null}'), ('{"is_null": "true"}'), ('{"a b": 1}'), ('{"a_b": 1}'), ('{"a-b": 1}'), ('{"1st": 1}'), ('{"größe": 1}'), ('{"__name__": "x"}'), ('{"le": 1.5}'), ('{"": 1}');
INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions, true_positives, false_positives, false_negatives, true_negatives)
	SELECT m.model_id, now() - interval '2 hours', now() - interval '1 hour', v, s.s, 100, 3, 1, 2, 94 FROM mlops_catalog.model AS m, segment AS s, generate_series(1, 2) AS v;
INSERT INTO mlops_catalog.traffic_window (model_id, window_start, window_end, version, variant, shadow, decisions, alerts, errors, mean_score)
	SELECT m.model_id, now() - interval '2 hours', now() - interval '1 hour', v, variant, shadow, 100, 3, 0, 0.05
	FROM mlops_catalog.model AS m, (VALUES (1, 'primary', false), (2, 'canary', false), (2, 's', true)) AS x(v, variant, shadow);

SELECT cmp_ok((SELECT count(*) FROM samples() WHERE name = 'mlops_precision'), '=', 2 * (SELECT count(*) FROM segment), 'a series for each segment and version');
SELECT is_empty('SELECT name, labels FROM samples() GROUP BY 1, 2 HAVING count(*) > 1', 'every series is there once');
SELECT is_empty($$SELECT line FROM samples() WHERE line !~ '^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*"(,|(?=\})))*\})? \S+$'$$, 'every line is a sample');
SELECT is_empty('SELECT line FROM samples() AS s WHERE s.names <> (SELECT count(DISTINCT m[1]) FROM regexp_matches(substring(s.line FROM ''\{(.*)\}''), ''([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"'', ''g'') AS m)', 'no label is named twice');
SELECT is_empty($$SELECT line FROM samples() WHERE labels ->> 'model' <> 'fraud'$$, 'no segment is taken for a model');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_precision' AND labels ->> 'version' = '1'), (SELECT count(*) FROM segment), 'nor for a version');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_precision' AND NOT labels ?| '{segment,value,is_null}'), 2::bigint, 'the metrics of all are without a segment');
SELECT set_eq($$SELECT labels - 'model' FROM samples() WHERE name = 'mlops_recall' AND labels ->> 'version' = '1' AND labels ->> 'segment' = 'country'$$,
	$$VALUES ('{"version": "1", "segment": "country", "is_null": "true"}'::jsonb), ('{"version": "1", "segment": "country"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "NULL"}'), ('{"version": "1", "segment": "country", "value": "null"}'), ('{"version": "1", "segment": "country", "value": "true"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "true", "type": "boolean"}'), ('{"version": "1", "segment": "country", "value": "1", "type": "number"}'), ('{"version": "1", "segment": "country", "value": "1"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "D\"E"}'), ('{"version": "1", "segment": "country", "value": "D\\E"}'), ('{"version": "1", "segment": "country", "value": "D\nE"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "D\\nE"}'), ('{"version": "1", "segment": "country", "value": "D\\\"E"}'), ('{"version": "1", "segment": "country", "value": "a,b=\"c\"}"}')$$,
	'NULL, nothing and odd texts are told apart, and read back as they were');
SELECT set_eq($$SELECT labels ->> 'segment' FROM samples() WHERE name = 'mlops_recall' AND labels ? 'segment'$$, $$SELECT k FROM segment, jsonb_object_keys(s) AS k WHERE k <> ''$$, 'columns by their own names');
SELECT is((SELECT array_agg(labels ->> 'variant' ORDER BY labels ->> 'variant') FROM samples() WHERE name = 'mlops_decisions'), '{canary,primary,s}', 'variants are labels');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_alert_firing'), 1::bigint, 'alerts');
SELECT is((SELECT string_agg(labels ->> 'variant', ' ' ORDER BY line) FROM samples() WHERE name = 'mlops_deployed_version'), 'canary primary', 'what answers');
SELECT is(mlops_catalog.prometheus_segment('{"a": "x", "b": null, "c": 2}'), '{"segment": "a", "value": "x", "segment_2": "b", "is_null_2": "true", "segment_3": "c", "value_3": "2", "type_3": "number"}'::jsonb, 'several columns');
SELECT * FROM finish();
ROLLBACK;
