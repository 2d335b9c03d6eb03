-- The text for Prometheus, read back by its grammar: whatever columns and values
-- segments have, no series is there twice and no identity is replaced.
\ir setup.psql
SELECT plan(41);
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

SELECT cmp_ok((SELECT count(*) FROM samples() WHERE name = 'mlops_precision_ratio'), '=', 2 * (SELECT count(*) FROM segment), 'a series for each segment and version');
SELECT is_empty('SELECT name, labels FROM samples() GROUP BY 1, 2 HAVING count(*) > 1', 'every series is there once');
SELECT is_empty($$SELECT line FROM samples() WHERE line !~ '^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*"(,|(?=\})))*\})? \S+$'$$, 'every line is a sample');
SELECT is_empty('SELECT line FROM samples() AS s WHERE s.names <> (SELECT count(DISTINCT m[1]) FROM regexp_matches(substring(s.line FROM ''\{(.*)\}''), ''([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"'', ''g'') AS m)', 'no label is named twice');
SELECT is_empty($$SELECT line FROM samples() WHERE labels ->> 'model' <> 'fraud'$$, 'no segment is taken for a model');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_precision_ratio' AND labels ->> 'version' = '1'), (SELECT count(*) FROM segment), 'nor for a version');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_precision_ratio' AND NOT labels ?| '{segment,value,is_null}'), 2::bigint, 'the metrics of all are without a segment');
SELECT set_eq($$SELECT labels - 'model' FROM samples() WHERE name = 'mlops_recall_ratio' AND labels ->> 'version' = '1' AND labels ->> 'segment' = 'country'$$,
	$$VALUES ('{"version": "1", "segment": "country", "is_null": "true"}'::jsonb), ('{"version": "1", "segment": "country"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "NULL"}'), ('{"version": "1", "segment": "country", "value": "null"}'), ('{"version": "1", "segment": "country", "value": "true"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "true", "type": "boolean"}'), ('{"version": "1", "segment": "country", "value": "1", "type": "number"}'), ('{"version": "1", "segment": "country", "value": "1"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "D\"E"}'), ('{"version": "1", "segment": "country", "value": "D\\E"}'), ('{"version": "1", "segment": "country", "value": "D\nE"}')$$
	|| $$, ('{"version": "1", "segment": "country", "value": "D\\nE"}'), ('{"version": "1", "segment": "country", "value": "D\\\"E"}'), ('{"version": "1", "segment": "country", "value": "a,b=\"c\"}"}')$$,
	'NULL, nothing and odd texts are told apart, and read back as they were');
SELECT set_eq($$SELECT labels ->> 'segment' FROM samples() WHERE name = 'mlops_recall_ratio' AND labels ? 'segment'$$, $$SELECT k FROM segment, jsonb_object_keys(s) AS k WHERE k <> ''$$, 'columns by their own names');
SELECT is((SELECT array_agg(labels ->> 'variant' ORDER BY labels ->> 'variant') FROM samples() WHERE name = 'mlops_window_decisions'), '{canary,primary,s}', 'variants are labels');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_alert_firing'), 1::bigint, 'alerts');
SELECT is((SELECT string_agg(labels ->> 'variant', ' ' ORDER BY line) FROM samples() WHERE name = 'mlops_deployed_version'), 'canary primary', 'what answers');
SELECT is(mlops_catalog.prometheus_segment('{"a": "x", "b": null, "c": 2}'), '{"segment": "a", "value": "x", "segment_2": "b", "is_null_2": "true", "segment_3": "c", "value_3": "2", "type_3": "number"}'::jsonb, 'several columns');

-- ---- the format, and its rules for names
CREATE TEMP TABLE told AS SELECT line, n FROM regexp_split_to_table(mlops.prometheus_metrics(), E'\n') WITH ORDINALITY AS l(line, n) WHERE line <> '';
CREATE TEMP TABLE family AS SELECT m[1] AS name, m[2] AS type, n FROM told, regexp_match(line, '^# TYPE (\S+) (\S+)$') AS m WHERE m IS NOT NULL;
SELECT is((SELECT count(*) FROM family), (SELECT count(DISTINCT name) FROM family), 'a type of each name, once');
SELECT is_empty($$SELECT f.name FROM family AS f WHERE NOT EXISTS (SELECT FROM told AS t WHERE t.n = f.n - 1 AND t.line LIKE '# HELP ' || f.name || ' _%')$$, 'after a line of help');
SELECT is_empty($$SELECT t.line FROM told AS t CROSS JOIN LATERAL (SELECT f.name, f.type FROM family AS f WHERE f.n < t.n ORDER BY f.n DESC LIMIT 1) AS f
	WHERE t.line NOT LIKE '#%' AND substring(t.line FROM '^[a-z0-9_]+') <> ALL (CASE f.type WHEN 'histogram' THEN ARRAY[f.name || '_bucket', f.name || '_sum', f.name || '_count'] ELSE ARRAY[f.name] END)$$, 'samples of a name are together');
SELECT is_empty($$SELECT name FROM family WHERE (type = 'counter') <> (name LIKE '%\_total') OR type NOT IN ('counter', 'gauge', 'histogram')$$, 'counters, and they alone, end with _total');
SELECT is_empty($$SELECT name FROM family WHERE name LIKE '%latency%' AND name <> 'mlops_decision_latency_seconds' OR name ~ '_rate$|micro|_ms$'$$, 'seconds and ratios');

-- ---- counts since ever
CREATE FUNCTION total(name text, variant text) RETURNS text LANGUAGE sql AS
$$ SELECT substring(s.line FROM '(\S+)$') FROM samples() AS s WHERE s.name = total.name AND s.labels ->> 'variant' = total.variant AND coalesce(s.labels ->> 'le', '+Inf') = '+Inf' $$;
CREATE FUNCTION totals() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(s.line, E'\n' ORDER BY s.line) FROM samples() AS s WHERE s.name ~ '_total$|^mlops_decision_latency' AND s.name !~ 'lost|alerts' $$;
SELECT is(totals(), NULL, 'no decision yet');
SELECT count(mlops.decide('fraud', t, t.id::text)) FROM tx AS t WHERE id <= 400 \g /dev/null
CREATE TYPE short AS (id int);
SELECT mlops.decide('fraud', ROW(1)::short, 'bad', on_error => 'null') \g /dev/null
SELECT results_eq($$SELECT v, total('mlops_decisions_total', v), total('mlops_flagged_total', v) FROM unnest('{canary,primary}'::text[]) AS v$$,
	$$SELECT variant, count(*)::text, count(*) FILTER (WHERE flagged)::text FROM mlops_catalog.prediction WHERE error IS NULL GROUP BY 1 ORDER BY 1$$, 'decisions and what was flagged');
SELECT is((SELECT sum(substring(line FROM '(\d+)$')::int) FROM samples() WHERE name = 'mlops_errors_total'), (SELECT count(*) FROM mlops_catalog.prediction WHERE error IS NOT NULL), 'errors');
SELECT is(total('mlops_decision_latency_seconds_count', 'primary'), total('mlops_decisions_total', 'primary'), 'latencies of all of them');
SELECT is(total('mlops_decision_latency_seconds_bucket', 'primary'), total('mlops_decisions_total', 'primary'), 'are in the last bucket');
SELECT cmp_ok(abs(total('mlops_decision_latency_seconds_sum', 'primary')::float8 - (SELECT sum(latency::float8) / 1e6 FROM mlops_catalog.prediction WHERE variant = 'primary' AND error IS NULL)), '<', 1e-5::float8, 'their sum, in seconds');
SELECT results_eq($$SELECT (labels ->> 'le')::float8, substring(line FROM '(\d+)$')::bigint FROM samples() WHERE name = 'mlops_decision_latency_seconds_bucket' AND labels ->> 'variant' = 'primary' AND labels ->> 'le' <> '+Inf' ORDER BY 1$$,
	$$SELECT b / 1e6, count(*) FILTER (WHERE p.latency <= b) FROM unnest(mlops_catalog.latency_bounds()) AS b, mlops_catalog.prediction AS p WHERE p.variant = 'primary' AND p.error IS NULL GROUP BY b ORDER BY 1$$, 'a bucket counts what took at most as long');
UPDATE mlops_catalog.prediction SET latency = 50 WHERE prediction_id = (SELECT prediction_id FROM mlops_catalog.prediction WHERE error IS NULL LIMIT 1);
SELECT is((SELECT array_agg(DISTINCT bucket) FROM mlops_catalog.count_totals(current_user::regrole, '-infinity', 'infinity') WHERE decisions > 0 AND bucket = (SELECT count(*) FROM unnest(mlops_catalog.latency_bounds()) AS b WHERE b < 50)), '{2}', 'what is just at a bound is below it');
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_decision_latency_seconds_bucket' AND labels ->> 'variant' = 'primary'), (1 + cardinality(mlops_catalog.latency_bounds()))::bigint, 'as many as there are bounds');
SELECT mlops.deploy('fraud', 1, 'shadow', variant => 'beside') \g /dev/null
SELECT count(mlops.decide('fraud', t, t.id::text)) FROM tx AS t WHERE id <= 10 \g /dev/null
SELECT is(total('mlops_shadow_decisions_total', 'beside'), '10', 'shadows are counted apart');
SELECT is(total('mlops_decisions_total', 'beside'), NULL, 'and are no decisions');
-- what nothing can be added to is kept as counts; in this transaction that is what lies in the past
CREATE TEMP TABLE before AS SELECT totals() AS t;
SELECT is(mlops_catalog.advance_totals(current_user::regrole), 0::bigint, 'what is not settled is not kept');
SELECT is(totals(), t, 'and counted all the same') FROM before;
UPDATE mlops_catalog.prediction SET created_at = created_at - interval '10 minutes' WHERE key <> '7';
UPDATE mlops_catalog.decision_count SET until = '-infinity';
SELECT is(mlops_catalog.advance_totals(current_user::regrole), (SELECT count(*) FROM mlops_catalog.prediction WHERE key <> '7'), 'what is settled is kept');
SELECT is(totals(), t, 'no count changes by that') FROM before;
DELETE FROM mlops_catalog.prediction WHERE key <> '7';
SELECT is(totals(), t, 'nor by the removal of days') FROM before;
SELECT is(mlops_catalog.advance_totals(current_user::regrole), 0::bigint, 'nothing is counted twice');
INSERT INTO mlops_catalog.prediction (prediction_id, created_at, model_id, shadow, latency, sqlstate, error) SELECT gen_random_uuid(), now(), 0, false, 'NaN', '42704', 'no such model';
SELECT is(totals(), t, 'errors of no model are none''s') FROM before;

-- ---- what answers no more
SELECT mlops.abort('fraud', variant => 'canary') \g /dev/null
SELECT is((SELECT count(*) FROM samples() WHERE name = 'mlops_score_psi' OR name = 'mlops_mean_score' AND labels ->> 'variant' = 'canary'), 1::bigint, 'has its metrics for two windows');
UPDATE mlops_catalog.traffic_window SET window_start = window_start - interval '1 hour', window_end = window_end - interval '1 hour';
UPDATE mlops_catalog.performance_window SET window_start = window_start - interval '1 hour', window_end = window_end - interval '1 hour';
INSERT INTO mlops_catalog.monitor_window (model_id, window_start, window_end) SELECT model_id, now() - interval '2 hours', now() - interval '1 hour' FROM mlops_catalog.model;
SELECT is((SELECT string_agg(DISTINCT labels ->> 'version', ',') FROM samples() WHERE name IN ('mlops_mean_score', 'mlops_window_decisions', 'mlops_precision_ratio')), '1', 'and none from then on, other than what answers');
SELECT isnt(total('mlops_decisions_total', 'canary'), NULL, 'its counters stay as long');
UPDATE mlops_catalog.decision_total SET last_at = last_at - interval '2 hours';
DELETE FROM mlops_catalog.prediction;
SELECT is(total('mlops_decisions_total', 'canary'), NULL, 'and end');
INSERT INTO mlops_catalog.alert (model_id, rule, severity, metric, labels, version, value, required, window_end, resolved_at)
	SELECT m.model_id, 'low', 'warning', 'precision', '{}', 1, 0.1, 'at least 0.5', now() - i * interval '1 hour', now() FROM mlops_catalog.model AS m, generate_series(1, 3) AS i;
SELECT is((SELECT line FROM samples() WHERE name = 'mlops_alerts_total'), 'mlops_alerts_total{model="fraud",rule="low"} 3', 'how often a rule fired');
SELECT * FROM finish();
ROLLBACK;
