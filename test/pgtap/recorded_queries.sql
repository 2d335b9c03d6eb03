-- Queries that are recorded and read again: however they end, and whatever the
-- settings of the session that records them and of the one that reads them.
\ir setup.psql
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.paid AS SELECT id, ts AT TIME ZONE 'UTC' + interval '1 microsecond' * (id % 7) AS at, amount, country, online, is_fraud FROM tx WHERE id <= 2000;

CREATE TABLE endings (ending int, query text);
INSERT INTO endings VALUES
	(1, 'SELECT at, amount, country, online, is_fraud FROM paid'),
	(2, 'SELECT at, amount, country, online, is_fraud FROM paid -- all of them'),
	(3, 'SELECT at, amount, country, online, is_fraud FROM paid;'),
	(4, 'SELECT at, amount, country, online, is_fraud FROM paid; -- all of them'),
	(5, E'SELECT at, amount, country, online, is_fraud FROM paid /* all ; of -- them */ ; \n -- and ; no more\n\n'),
	(6, $$WITH p AS (TABLE paid) SELECT at, amount, country || E'\\-- ;' AS country, online, is_fraud FROM p WHERE country <> ';--\' ORDER BY amount; /* it */ --$$);

CREATE TABLE sessions (session int, name text, value text);
INSERT INTO sessions VALUES
	(0, 'TimeZone', 'UTC'), (0, 'DateStyle', 'ISO, MDY'), (0, 'IntervalStyle', 'postgres'), (0, 'extra_float_digits', '1'), (0, 'search_path', 'elsewhere, public'), (0, 'standard_conforming_strings', 'on'),
	(1, 'TimeZone', 'Asia/Kolkata'), (1, 'DateStyle', 'SQL, DMY'), (1, 'IntervalStyle', 'sql_standard'), (1, 'extra_float_digits', '0'), (1, 'search_path', 'elsewhere'), (1, 'standard_conforming_strings', 'on'),
	(2, 'TimeZone', 'America/New_York'), (2, 'DateStyle', 'German'), (2, 'IntervalStyle', 'iso_8601'), (2, 'extra_float_digits', '-15'), (2, 'search_path', 'public, elsewhere'), (2, 'standard_conforming_strings', 'off');
CREATE FUNCTION pg_temp.become(s int, path text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, CASE WHEN name = 'search_path' THEN coalesce(path, value) ELSE value END, true) FROM public.sessions WHERE session = s
$$;

-- Settings stay set while a function runs, so it is one that does all: what a
-- query trained in one session gives there and, read again, in the next one.
CREATE FUNCTION pg_temp.faults(ending int, recording int, reading int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	model text := format('m_%s_%s', ending, recording);
	q text := (SELECT e.query FROM public.endings AS e WHERE e.ending = $1);
	found text[] := '{}';
	step text := 'train';
	got text;
	wanted text;
BEGIN
	PERFORM pg_temp.become(recording);
	PERFORM mlops.train(model, query => q, target => 'is_fraud', time_column => 'at', params => '{"n_estimators": 3}');
	PERFORM mlops.deploy(model, 1);
	PERFORM mlops.train(model, query => q, target => 'is_fraud', time_column => 'at', params => '{"n_estimators": 4}');
	step := 'monitor';
	PERFORM mlops.monitor(model, every => '1 hour', query => q, time_column => 'at');
	UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';
	-- the other one does not find the table by its own path
	PERFORM pg_temp.become(reading, 'pg_catalog');
	step := 'gate';
	PERFORM mlops.set_gate(model, '{"pr_auc_vs_deployed": {"min_gain": -1}, "fairness": {"by": "country", "metric": "alert_rate", "max_gap": 1, "min_rows": 1}}');
	SELECT c.detail ->> 'rows' INTO got FROM mlops.check_gate(model, 2) AS c WHERE c.condition = 'pr_auc_vs_deployed';
	SELECT v.metrics ->> 'rows' INTO wanted FROM mlops.versions AS v WHERE v.model = format('m_%s_%s', $1, $2) AND v.version = 2;
	IF got IS DISTINCT FROM wanted OR wanted IS NULL THEN
		found := found || format('the gate read %s rows, %s are test rows', got, wanted);
	END IF;
	found := found || ARRAY(SELECT format('gate: %s %s', c.condition, c.detail) FROM mlops.check_gate(model, 2) AS c WHERE NOT c.passed OR c.detail ? 'reason');
	step := 'deploy';
	PERFORM mlops.deploy(model, 2);
	step := 'model_card';
	got := mlops.model_card(model, 2, '{country}');
	IF got !~ 'country' OR got ~* 'syntax error|does not exist|could not be' THEN
		found := found || format('card: %s', substring(got FROM '(?i)[^\n]*(?:syntax error|does not exist|could not be)[^\n]*'));
	END IF;
	step := 'run_monitor';
	SELECT CASE WHEN count(*) FILTER (WHERE r.step = 'drift') = 0 THEN 'no drift' ELSE string_agg(DISTINCT r.error, '; ') END INTO got FROM mlops.run_monitor(model) AS r;
	IF got IS NOT NULL THEN
		found := found || format('monitor: %s', got);
	END IF;
	step := 'reproduce';
	SELECT r.differs::text INTO got FROM mlops.reproduce(model, 2) AS r WHERE r.identical IS NOT TRUE;
	IF got IS NOT NULL THEN
		found := found || format('reproduce: %s', got);
	END IF;
	step := 'retrain';
	SELECT concat_ws(' ', r.outcome, r.version) INTO got FROM mlops.retrain(model, options => '{"refit": false}') AS r;
	IF got IS DISTINCT FROM 'unchanged' THEN
		found := found || format('retrain: %s', got);
	END IF;
	RETURN found;
EXCEPTION WHEN OTHERS THEN
	RETURN found || format('%s: %s %s', step, SQLSTATE, SQLERRM);
END
$$;

SELECT plan(12);
CREATE TEMP TABLE cases AS SELECT e.ending, s AS recording, (s + 1) % 3 AS reading FROM endings AS e, generate_series(0, 2) AS s WHERE NOT (e.ending = 6 AND s = 2) AND (e.ending IN (4, 5, 6) OR s = e.ending % 3);
CREATE TEMP TABLE outcomes AS SELECT c.*, pg_temp.faults(ending, recording, reading) AS faults FROM cases AS c;
SET LOCAL search_path = public;
SELECT pg_temp.become(0, 'public') \g /dev/null
SELECT is((SELECT jsonb_object_agg(format('recorded by %s, read by %s', recording, reading), faults) FROM outcomes AS o WHERE o.ending = e.ending AND faults <> '{}'), NULL,
	'query ' || e.ending || ' works everywhere') FROM endings AS e ORDER BY 1;
SELECT is((SELECT count(*) FROM outcomes), 11::bigint, 'each in some sessions');
-- the zone is part of what a model means, nothing else of the session is
SELECT is((SELECT count(DISTINCT (d.time_from AT TIME ZONE d.time_zone, d.time_to AT TIME ZONE d.time_zone, d.rows, d.test_rows)) FROM mlops.datasets AS d), 1::bigint,
	'the first and last time are the same instants in every session, and so many rows are for tests');
SELECT is((SELECT array_agg(DISTINCT d.time_from AT TIME ZONE d.time_zone || ' ' || (d.time_to AT TIME ZONE d.time_zone)) FROM mlops.datasets AS d),
	(SELECT ARRAY[min(at) || ' ' || max(at)] FROM elsewhere.paid), 'to the microsecond');

-- ---- a backslash in a session that reads it otherwise
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SET LOCAL search_path = elsewhere, public;
SELECT throws_ok(format('SELECT mlops.train(''b'', query => (SELECT query FROM endings WHERE ending = 6), target => ''is_fraud'')'), '22P06', NULL, 'is refused');
RESET standard_conforming_strings;

-- ---- times that are numbers, where half a microsecond is nothing
CREATE TABLE micro AS SELECT (1.7e15 + id * 1000)::bigint AS at, amount, is_fraud FROM tx;
SELECT mlops.train('micro', query => 'SELECT * FROM micro; -- numbers', target => 'is_fraud', time_column => 'at', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('micro', 1) \g /dev/null
SELECT mlops.train('micro', query => 'SELECT * FROM micro; -- numbers', target => 'is_fraud', time_column => 'at', params => '{"n_estimators": 4}') \g /dev/null
SELECT mlops.set_gate('micro', '{"pr_auc_vs_deployed": {"min_gain": -1}}') \g /dev/null
SELECT is((SELECT c.detail ->> 'rows' FROM mlops.check_gate('micro', 2) AS c), (SELECT metrics ->> 'rows' FROM mlops.versions WHERE model = 'micro' AND version = 2), 'the gate reads all test rows');
CREATE TABLE fine AS SELECT id * 1e-8 AS at, amount, is_fraud FROM tx;
SELECT mlops.train('fine', 'fine', target => 'is_fraud', time_column => 'at', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('fine', 1) \g /dev/null
SELECT mlops.train('fine', 'fine', target => 'is_fraud', time_column => 'at', params => '{"n_estimators": 4}') \g /dev/null
SELECT mlops.set_gate('fine', '{"pr_auc_vs_deployed": {"min_gain": -1}}') \g /dev/null
SELECT is((SELECT c.detail ->> 'rows' FROM mlops.check_gate('fine', 2) AS c), (SELECT metrics ->> 'rows' FROM mlops.versions WHERE model = 'fine' AND version = 2), 'and no others');
SELECT * FROM finish();
ROLLBACK;
