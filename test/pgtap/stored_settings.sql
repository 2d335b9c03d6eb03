-- What calls leave in the catalog, and what they answer as a document, is the
-- same whatever the session's settings: two sessions that differ in all that
-- says how values are written make the same calls.
\ir setup.psql
SELECT plan(3);
CREATE TABLE two_sessions (session text, name text, value text);
INSERT INTO two_sessions VALUES
	('plain', 'TimeZone', 'UTC'), ('plain', 'DateStyle', 'ISO, MDY'), ('plain', 'IntervalStyle', 'postgres'), ('plain', 'extra_float_digits', '1'),
	('plain', 'bytea_output', 'hex'), ('plain', 'timezone_abbreviations', 'Default'), ('plain', 'quote_all_identifiers', 'off'), ('plain', 'xmlbinary', 'base64'),
	('odd', 'TimeZone', 'Asia/Kolkata'), ('odd', 'DateStyle', 'German, DMY'), ('odd', 'IntervalStyle', 'sql_standard'), ('odd', 'extra_float_digits', '-3'),
	('odd', 'bytea_output', 'escape'), ('odd', 'timezone_abbreviations', 'India'), ('odd', 'quote_all_identifiers', 'on'), ('odd', 'xmlbinary', 'hex'),
	-- a zone in which a day has 23 or 25 hours
	('summer', 'TimeZone', 'America/New_York'), ('summer', 'DateStyle', 'SQL, DMY'), ('summer', 'IntervalStyle', 'iso_8601'), ('summer', 'extra_float_digits', '0'),
	('summer', 'bytea_output', 'hex'), ('summer', 'timezone_abbreviations', 'Default'), ('summer', 'quote_all_identifiers', 'off'), ('summer', 'xmlbinary', 'base64');

CREATE TABLE payment AS SELECT id, ts AT TIME ZONE 'UTC' AS at, ts AS clock, amount / 3 AS amount, amount::real / 3 AS small, make_interval(secs => amount * 1000) AS age,
	decode(md5(country), 'hex') AS device, country, online, is_fraud, CASE WHEN is_fraud THEN timestamptz '2026-01-01 00:00+00' ELSE '2026-02-01 00:00+00' END AS due FROM tx WHERE id <= 2000;

-- ---- the calls; names are the same in each session
CREATE FUNCTION pg_temp.calls(OUT answers jsonb, OUT halfway jsonb) LANGUAGE plpgsql AS $$
DECLARE
	run bigint;
	decision uuid;
BEGIN
	PERFORM mlops.train('m', 'payment', target => 'is_fraud', key => 'id', time_column => 'clock', exclude => '{at,due,device}', params => '{"n_estimators": 3, "learning_rate": 0.1234567890123456}');
	PERFORM mlops.train('m', 'payment', target => 'due', positive => '2026-01-01', key => 'id', exclude => '{at,clock,device,is_fraud}', params => '{"n_estimators": 4}');
	PERFORM mlops.cross_validate('m', 'payment', target => 'is_fraud', key => 'id', time_column => 'clock', kind => 'time', label_delay => '1 day 02:03:04.5', folds => 2,
		exclude => '{at,due,device}', params => '{"n_estimators": 3}');
	run := mlops.start_run('own', 'a name', 'm');
	PERFORM mlops.log_metrics(run, '{"loss": 0.12345678901234567}', 1, '2026-01-05 00:00+00');
	PERFORM mlops.log_params(run, '{"rate": 0.12345678901234567}'), mlops.set_tag(run, 'k', 'v'), mlops.end_run(run);
	PERFORM mlops.set_gate('m', '{"pr_auc": {"min": 0.01234567890123456}, "max_latency": null}'::jsonb - 'max_latency');
	PERFORM mlops.check_gate('m', 2), mlops.approve('m', 2, 'well');
	PERFORM mlops.set_alias('m', 'champion', 1), mlops.set_stage('m', 2, 'staging', 'note'), mlops.describe('m', 'what', 'limits'), mlops.set_model_tag('m', 'a', 'b');
	PERFORM mlops.deploy('m', 1, threshold => 0.12345678901234567, key => 'id');
	PERFORM mlops.deploy('m', 2, 'canary', key => 'id', guard => '{"latency_p95": {"max": 1e9}, "alert_rate": {"max_ratio": 1.2345678901234567e9}}',
		ramp => '[{"percent": 12.345678901234567, "wait": "03:04:05"}, {"percent": 50.12345678901234, "wait": "1 day 02:03:04.5"}]');
	PERFORM set_config('mlops.log_features', 'on', true);
	PERFORM mlops.decide('m', p) FROM payment AS p WHERE id <= 60;
	PERFORM * FROM mlops.add_labels('m', 'payment', key => 'id', label => 'due', labelled_at => 'at', positive => '2026-01-01');
	PERFORM mlops.monitor('m', every => '1 day 02:03', label_delay => '3 days 04:05:06', segments => '{country}', source => 'payment', time_column => 'at', time_zone => 'UTC', settings => '{}');
	PERFORM mlops.monitor('m', every => '1 day', label_delay => '3 days', segments => '{country}', source => 'payment', time_column => 'at', time_zone => 'UTC', settings => '{}');
	UPDATE mlops_catalog.monitor SET created_at = '2026-03-07 12:00+00';	-- days before and after summer time begins
	PERFORM mlops.set_alert_rule('m', 'few', 'decisions', min => 1e9 / 3, min_decisions => 0);
	PERFORM mlops.set_alert_rule('m', 'few', 'decisions', min => 1e10 / 3, min_decisions => 0), mlops.silence('m', 'few', until => timestamptz '2126-01-01 00:00+00');
	PERFORM set_config('mlops.retention', '0', true);
	PERFORM * FROM mlops.import_decisions('m/1', 'payment', key => 'id', time_column => 'clock');
	PERFORM * FROM mlops.import_decisions('m/1', query => 'SELECT id, at, 0.12345678901234567::float8 AS score FROM payment', key => 'id', time_column => 'at', score => 'score');
	PERFORM mlops.run_monitor('m');
	PERFORM mlops.record_drift('m', version => 1, query => 'SELECT * FROM payment WHERE id > 1000');
	PERFORM mlops.set_retraining_policy('m', '0 3 * * 0', triggers => '{"new_labels": 1000}', options => '{"window": "30 days"}', cooldown => '3 days 04:05:06.7');
	PERFORM mlops.set_retraining_policy('m', '0 3 * * 0', triggers => '{"new_labels": 1000}', cooldown => '400 days 04:05:06.7');
	PERFORM mlops.check_guards('m');
	PERFORM mlops.snapshot('payment', 'kept', settings => '{"TimeZone": "UTC"}');
	PERFORM mlops.retrain('m', options => '{"window": "10 days 02:03"}'), mlops.submit('SELECT 1', timeout => '1 day 02:03:04');
	PERFORM mlops.trust('postgres'), mlops.grant('m', 'public', 'score');
	PERFORM * FROM mlops.maintain(1);
	decision := (SELECT prediction_id FROM mlops.predictions WHERE model = 'm' AND key = '7' AND NOT shadow);
	answers := jsonb_build_object('why', mlops.why(decision), 'document', mlops.export_spec('m'), 'card', mlops.model_card('m', 2),
		'changes', (SELECT jsonb_agg(a) FROM mlops.apply('{"models": {"m": {"monitor": {"every": "2 days 03:04"}, "retraining": {"schedule": "0 4 * * 0", "cooldown": "2 days 03:04"}}}}') AS a),
		'metrics', (SELECT string_agg(l, E'\n') FROM regexp_split_to_table(mlops.prometheus_metrics(), '\n') AS l
			WHERE l !~ '^mlops_(task_ended|decision_latency)_seconds'));	-- when the calls themselves ended, how long they took
	halfway := pg_temp.left_in_catalog();	-- before what is undone is gone
	PERFORM mlops.promote('m', 'it is better');
	PERFORM mlops.rollback('m');
	PERFORM mlops.import_model(mlops.export_model('m', 1), 'copy');
	PERFORM mlops.drop_retraining_policy('m'), mlops.unmonitor('m'), mlops.drop_alert_rule('m', 'few');
	PERFORM mlops.undeploy('m'), mlops.drop_alias('m', 'champion'), mlops.drop_version('m', 1);
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
END
$$;

-- ---- what is left, without identities, hashes of times, durations and the times of the calls
CREATE FUNCTION pg_temp.masked(value text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(value,
		'"([a-z_]*_ms|latency|[a-z_]*_id|id|seq|time_zone|settings|sha256|size|hash|peak_memory|TimeZone|search_path)": ("([^"\\]|\\.)*"|\{[^{}]*\}|[-0-9.e+]+|null)', '"\1": ""', 'g'),
		to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') || '[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(\+00:00|\+00| UTC|Z)', 'now', 'g'),
		'[0-9a-f]{64}', 'hash', 'g'), '([Jj]ob|[Rr]un) [0-9]+', '\1 n', 'g'), '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}', 'uuid', 'g')
$$;
CREATE FUNCTION pg_temp.left_in_catalog() RETURNS jsonb LANGUAGE plpgsql
	SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex' SET quote_all_identifiers = off AS $$
DECLARE
	found jsonb := '{}';
	rows jsonb;
	t regclass;
BEGIN
	FOR t IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND c.relname NOT IN ('home', 'decision_seal', 'decision_seal_block', 'audit_head', 'model_artifact') ORDER BY 1 LOOP
		EXECUTE format('SELECT jsonb_agg(r ORDER BY r::text) FROM (SELECT pg_temp.masked((to_jsonb(x) - ''{hash,previous,sha256,latency,bytes,previous_hash}''::text[])::text)::jsonb AS r FROM %s AS x
			WHERE to_jsonb(x) ->> ''name'' IS NULL OR to_jsonb(x) ->> ''name'' !~ ''_ms$'') AS y', t) INTO rows;
		found := found || jsonb_build_object(t::text, rows);
	END LOOP;
	RETURN found;
END
$$;
CREATE FUNCTION pg_temp.in_session(which text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	answers jsonb;
	halfway jsonb;
BEGIN
	PERFORM set_config(name, value, true) FROM public.two_sessions WHERE session = which;
	BEGIN
		SELECT c.answers, c.halfway INTO answers, halfway FROM pg_temp.calls() AS c;
		answers := jsonb_build_object('halfway', halfway, 'answers', (SELECT jsonb_object_agg(k, pg_temp.masked(v::text)) FROM jsonb_each(answers) AS e(k, v)), 'tables', pg_temp.left_in_catalog());
		RAISE EXCEPTION SQLSTATE 'TAKEN' USING MESSAGE = 'taken back';
	EXCEPTION WHEN SQLSTATE 'TAKEN' THEN
	END;
	PERFORM set_config(name, value, true) FROM public.two_sessions WHERE session = 'plain';
	RETURN answers;
END
$$;
CREATE TEMP TABLE seen AS SELECT s, pg_temp.in_session(s) AS what FROM unnest('{plain,odd,summer}'::text[]) AS s;
CREATE TEMP VIEW difference AS
	SELECT o.s, e.k AS place, r.row FROM seen AS o JOIN seen AS p ON p.s = 'plain', LATERAL (
		SELECT what.key || '.' || part.key, part.value FROM jsonb_each(o.what) AS what, jsonb_each(what.value) AS part) AS e(k, value),
		LATERAL (SELECT p.what -> split_part(e.k, '.', 1) -> substr(e.k, strpos(e.k, '.') + 1)) AS other(value),
		LATERAL (SELECT CASE WHEN jsonb_typeof(e.value) = 'array' THEN (SELECT x::text FROM jsonb_array_elements(e.value) AS x WHERE NOT other.value @> jsonb_build_array(x) LIMIT 1)
			ELSE e.value #>> '{}' END) AS r(row)
	WHERE e.value IS DISTINCT FROM other.value;
SELECT ok((SELECT count(DISTINCT t.key) FROM seen, jsonb_each(what -> 'halfway' || jsonb_strip_nulls(what -> 'tables')) AS t WHERE jsonb_typeof(t.value) = 'array') >= 30,
	'most tables of the catalog have rows');
SELECT is((SELECT string_agg(place || ': ' || left(row, 500), E'\n') FROM difference WHERE s = o), NULL, format('the same in session "%s"', o)) FROM unnest('{odd,summer}'::text[]) AS o;
SELECT finish();
ROLLBACK;
