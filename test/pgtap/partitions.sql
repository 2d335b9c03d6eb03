-- A day's partition holds that day, whatever the session's settings are.
\ir setup.psql
SELECT plan(37);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SET LOCAL mlops.retention = 0;
CREATE FUNCTION bounds_of(part text) RETURNS text LANGUAGE sql SET DateStyle = 'ISO, YMD' SET TimeZone = 'UTC' AS
	$$ SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = to_regclass('mlops_catalog.' || part) $$;

CREATE FUNCTION try(style text, zone text, day date) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	part text := 'prediction_' || to_char(day, 'YYYYMMDD');
	at timestamptz := to_char(day, 'YYYY-MM-DD') || ' 23:59:59.999999+00';
	problem text;
BEGIN
	PERFORM set_config('DateStyle', style, true), set_config('TimeZone', zone, true);
	-- a decision of that day waits in the default partition
	INSERT INTO mlops_catalog.prediction (prediction_id, created_at, model_id, version, variant, shadow, key, score, flagged, threshold, latency)
		SELECT gen_random_uuid(), at, model_id, 1, 'primary', false, zone, 0.5, false, 0.5, 1 FROM mlops_catalog.model;
	PERFORM mlops.maintain(0);
	RETURN NEXT is(bounds_of(part), format('FOR VALUES FROM (''%s 00:00:00+00'') TO (''%s 00:00:00+00'')', to_char(day, 'YYYY-MM-DD'), to_char(day + 1, 'YYYY-MM-DD')), style || ', ' || zone || ': the day''s bounds');
	RETURN NEXT is((SELECT count(*) FROM mlops.predictions WHERE key = zone AND created_at >= at AND created_at < at + interval '1 second'), 1::bigint, 'its decision is found by time');
	SELECT string_agg(c.problem, '; ') INTO problem FROM mlops.check_catalog() c;
	RETURN NEXT is(problem, NULL, 'and nothing is wrong');
END $$;
SELECT try('SQL, DMY', 'Asia/Kolkata', '2026-02-01');
SELECT try('SQL, DMY', 'Asia/Manila', '2026-02-03');
SELECT try('SQL, DMY', 'Asia/Shanghai', '2026-02-05');
SELECT try('SQL, MDY', 'America/Los_Angeles', '2026-02-07');
SELECT try('Postgres, DMY', 'Asia/Kolkata', '2026-02-09');
SELECT try('German', 'Asia/Manila', '2026-02-11');
SELECT try('ISO, DMY', 'Pacific/Chatham', '2026-02-13');
SELECT try('SQL, DMY', 'Pacific/Kiritimati', '2026-02-15');
SELECT try('SQL, DMY', 'Asia/Kolkata', '2000-02-29');
RESET DateStyle;
RESET TimeZone;
SELECT is((SELECT count(*) FROM mlops_catalog.prediction_default), 0::bigint, 'nothing is left waiting');

-- bounds that are wrong
CREATE TABLE mlops_catalog.prediction_20260301 (LIKE mlops_catalog.prediction INCLUDING ALL);
ALTER TABLE mlops_catalog.prediction ATTACH PARTITION mlops_catalog.prediction_20260301 FOR VALUES FROM ('2026-03-01 05:30:00+00') TO ('2026-03-02 05:30:00+00');
SELECT mlops_catalog.guard_table('mlops_catalog.prediction_20260301') \g /dev/null
SELECT results_eq($$SELECT object, problem FROM mlops.check_catalog() WHERE problem !~ 'no index by time'$$,
	$$VALUES ('table prediction_20260301', 'has the bounds FOR VALUES FROM (''2026-03-01 05:30:00+00'') TO (''2026-03-02 05:30:00+00''), not FOR VALUES FROM (''2026-03-01 00:00:00+00'') TO (''2026-03-02 00:00:00+00''): its decisions cannot be found by time')$$,
	'wrong bounds are told');
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL TimeZone = 'Asia/Kolkata';
SELECT is((SELECT count(*) FROM mlops.check_catalog() WHERE problem ~ 'has the bounds'), 1::bigint, 'whatever the settings');
DROP TABLE mlops_catalog.prediction_20260301;

-- what is stored or compared as text does not depend on them either
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL extra_float_digits = -15;
SELECT mlops.monitor('fraud', every => '1 day 02:03', label_delay => '3 days') \g /dev/null
SELECT mlops.deploy('fraud', 1, 'direct', threshold => 0.12345678901234567) \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT detail ->> 'threshold' FROM mlops.audit_log WHERE event = 'deploy' ORDER BY seq DESC LIMIT 1), '0.12345678901234566', 'numbers of the audit log have all digits');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'the log verifies under these settings');
RESET DateStyle; RESET TimeZone; RESET IntervalStyle; RESET extra_float_digits;
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'and under others');

-- every table can be published
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('mlops_catalog'::regnamespace, 'mlops'::regnamespace) AND c.relkind = 'r'
	AND CASE c.relreplident WHEN 'f' THEN false WHEN 'd' THEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) ELSE true END$$, 'every table has a replica identity');
SELECT lives_ok('CREATE PUBLICATION everything FOR ALL TABLES', 'all tables are published');
INSERT INTO mlops_catalog.prediction (prediction_id, created_at, model_id, version, variant, shadow, key, score, flagged, threshold, latency)
	SELECT gen_random_uuid(), '2026-02-17 12:00+00', model_id, 1, 'primary', false, 'x', 0.5, false, 0.5, 1 FROM mlops_catalog.model;
SELECT is((SELECT string_agg(object, ' ') FROM mlops.maintain(0) WHERE action = 'created'), 'prediction_20260217', 'maintenance goes on');
SET LOCAL mlops.retention = 1;
SELECT lives_ok('SELECT * FROM mlops.maintain(0)', 'so does retention');
SELECT * FROM finish();
ROLLBACK;
