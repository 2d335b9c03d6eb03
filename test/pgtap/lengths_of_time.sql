-- Lengths of time in options and documents: a number without a unit, which would
-- be seconds, is refused wherever it is meant.
\ir setup.psql
SELECT plan(39);
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'taken';
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', message, hint);
END $$;
SELECT is(refused(format('SELECT mlops_catalog.length_of_time(%L, %L, %L)', 'split', 'window', v)),
	format('"window" in "split" is "%s", a length of time without a unit | Write "%s days", or with another unit.', v, last), format('"%s" has no unit', v))
FROM (VALUES ('14', '14'), ('90', '90'), (' 7 ', '7'), ('1.5', '1.5'), ('+30', '+30'), ('-2', '-2'), ('1 day 12', '12'), ('@ 14', '14')) AS x(v, last);
SELECT is(mlops_catalog.length_of_time('split', 'window', v), v::interval, format('"%s" has one, or needs none', v))
FROM unnest('{14 days,1 day,0,0.0,1 day 0,01:30,1:30:00,90 s,14d,P14D,PT90S,1-2,3 04:05:06,1 week}'::text[]) AS v;
SELECT is(mlops_catalog.length_of_time('split', 'window', NULL), NULL, 'NULL is none');
SELECT throws_ok($$SELECT mlops_catalog.length_of_time('split', 'window', 'soon')$$, '22007', NULL, 'what is no length of time');

-- ---- where they are given
CREATE FUNCTION split_by(split text) RETURNS text LANGUAGE sql AS $$
	SELECT refused(format('SELECT mlops.train(''fraud'', ''tx'', target => ''is_fraud'', time_column => ''ts'', features => ''{amount}'', params => ''{"n_estimators": 2}'', split => %L)', split)) $$;
SELECT matches(split_by(('{"test_last": "3 days", "validation_last": "3 days", "label_delay": "1 day", "window": "30 days"}'::jsonb || jsonb_build_object(k, '5'))::text),
	format('^"%s" in "split" is "5", a length of time without a unit', k), format('"%s" of a split', k)) FROM unnest('{test_last,validation_last,label_delay,window}'::text[]) AS k;
SELECT is(split_by('{"test_last": "3 days"}'), 'taken', 'with a unit it is taken');
SELECT mlops.deploy('fraud', 1, key => 'id') \g /dev/null
SELECT matches(refused($$SELECT mlops.set_retraining_policy('fraud', '0 3 * * 0', options => '{"window": "90"}')$$), '^"window" in "options" is "90".*90 days', 'the window of a policy');
SELECT is(refused($$SELECT mlops.set_retraining_policy('fraud', '0 3 * * 0', options => '{"window": "soon"}')$$), '"window" in "options" must be a length of time, not "soon" | Write {"window": "90 days"}.', 'what is none');
SELECT matches(refused($$SELECT mlops.retrain('fraud', options => '{"window": "90"}')$$), '^"window" in "options" is "90"', 'that of a retraining');
SELECT matches(refused($$SELECT mlops.deploy('fraud', 1, 'canary', key => 'id', ramp => '[{"percent": 5, "wait": "2"}, {"percent": 100}]')$$), '^"wait" in "ramp" is "2"', 'a wait');
SELECT matches(refused($$SELECT mlops.deploy('fraud', 1, 'canary', key => 'id', ramp => '[{"percent": 5, "wait": 2}, {"percent": 100}]')$$), '^"wait" in "ramp" is "2"', 'as a number too');
CREATE FUNCTION applied(model text) RETURNS text LANGUAGE sql AS $$ SELECT refused(format('SELECT * FROM mlops.apply(%L)', format('{"models": {"fraud": %s}}', model))) $$;
SELECT matches(applied('{"monitor": {"every": "90"}}'), '"every" in "monitor" is "90"', 'in a document');
SELECT matches(applied('{"monitor": {"label_delay": "7"}}'), '"label_delay" in "monitor" is "7"', 'a delay');
SELECT matches(applied('{"retraining": {"schedule": "0 3 * * 0", "cooldown": "1"}}'), '"cooldown" in "retraining" is "1"', 'a cooldown');
SELECT matches(applied('{"schedules": {"s": {"cron": "0 3 * * 0", "command": "SELECT 1", "timeout": "30"}}}'), '"timeout" in "schedules" is "30"', 'a time limit');
SELECT is(applied('{"monitor": {"every": "1 day", "label_delay": "0"}}'), 'taken', 'with units it is applied');
SELECT * FROM finish();
ROLLBACK;
