-- A guard counts what is new and keeps the rest: the metrics are those of
-- counting everything, whatever has been kept by then.
\ir setup.psql
SELECT plan(19);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 6}') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', threshold => 0.1, guard => '{"psi": {"max": 1000}, "precision": {"min": 0}}') \g /dev/null
UPDATE mlops_catalog.release SET step_started_at = now() - interval '10 hours';
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
-- decisions all over the ten hours, and who may still commit one is what the test says
UPDATE mlops_catalog.prediction SET created_at = now() - interval '10 hours' + (key::int % 997) * interval '36 seconds';
-- some keys come again
UPDATE mlops_catalog.prediction SET key = (2500 + key::int % 100)::text WHERE key::int > 2500;
CREATE TABLE horizon AS SELECT now() - interval '10 hours' AS at;
CREATE OR REPLACE FUNCTION mlops_catalog.settled_until() RETURNS timestamptz LANGUAGE sql AS 'SELECT at FROM public.horizon';
CREATE FUNCTION measured() RETURNS SETOF text LANGUAGE sql VOLATILE AS $$
	SELECT f::text FROM mlops_catalog.release e, mlops_catalog.variant_metrics(current_user::regrole, e.model_id, e.step_started_at, NULL) f ORDER BY 1 $$;
CREATE FUNCTION all_of_it() RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	answer text[];
BEGIN
	BEGIN
		DELETE FROM mlops_catalog.guard_state;
		answer := ARRAY(SELECT measured());
		RAISE 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN QUERY SELECT unnest(answer);
	END;
END $$;
CREATE FUNCTION at_hour(h float8) RETURNS void LANGUAGE sql AS $$
	UPDATE horizon SET at = now() - (10 - h) * interval '1 hour';
	SELECT mlops_catalog.settle_guard(current_user::regrole, e.model_id, e.step_started_at, '') FROM mlops_catalog.release e $$;
SELECT is((SELECT count(*) FROM measured() f WHERE f ~ 'canary'), 1::bigint, 'nothing is kept at first');
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id <= 2000', key => 'id', label => 'is_fraud') \g /dev/null
SELECT at_hour(3) \g /dev/null
SELECT results_eq('SELECT measured()', 'SELECT all_of_it()', 'after a part');
SELECT is((SELECT sum(decisions) FROM mlops_catalog.guard_count), (SELECT count(*) FROM mlops_catalog.prediction p, horizon WHERE p.created_at < at)::numeric, 'which is kept');
SELECT mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx WHERE id <= 4000', key => 'id', label => 'is_fraud') \g /dev/null
SELECT at_hour(3) \g /dev/null
SELECT at_hour(5) \g /dev/null
SELECT is((SELECT count(*) FROM mlops_catalog.guard_state), 1::bigint, 'one state');
DELETE FROM mlops_catalog.guard_state;
SELECT at_hour(3), at_hour(5) \g /dev/null
SELECT results_eq('SELECT measured()', 'SELECT all_of_it()', 'after two parts');
UPDATE mlops_catalog.label SET label = NOT label, labelled_at = labelled_at + interval '1 day', recorded_at = clock_timestamp() WHERE key::int % 5 = 0;
SELECT mlops.add_labels('fraud', query => 'SELECT id, NOT is_fraud AS is_fraud, now() + interval ''1 second'' AS known FROM tx WHERE id % 7 = 3 AND id <= 2600',
	key => 'id', label => 'is_fraud', labelled_at => 'known') \g /dev/null
SELECT at_hour(5) \g /dev/null
SELECT at_hour(5.001) \g /dev/null
SELECT results_eq('SELECT measured()', 'SELECT all_of_it()', 'labels that were revised count');
SELECT at_hour(9.5) \g /dev/null
SELECT results_eq('SELECT measured()', 'SELECT all_of_it()', 'after nearly all');
SELECT at_hour(20) \g /dev/null
SELECT results_eq('SELECT measured()', 'SELECT all_of_it()', 'after all');
SELECT is((SELECT sum(decisions) FROM mlops_catalog.guard_count), 5000::numeric, 'each decision was counted once');
SELECT is((SELECT sum(n) FROM mlops_catalog.guard_alert), (SELECT count(*) FROM mlops_catalog.prediction WHERE flagged)::numeric, 'and each flagged one');
SELECT results_eq('SELECT variant, labelled_alerts, true_alerts FROM mlops_catalog.guard_count ORDER BY 1',
	'SELECT variant, sum(n) FILTER (WHERE label IS NOT NULL)::bigint, sum(n) FILTER (WHERE label)::bigint FROM mlops_catalog.guard_alert GROUP BY 1 ORDER BY 1', 'and each label');
SELECT ok(min(labelled_alerts) > 0 AND min(true_alerts) > 0, 'of which there are some') FROM mlops_catalog.guard_count;
SELECT at_hour(20) \g /dev/null
SELECT is((SELECT sum(decisions) FROM mlops_catalog.guard_count), 5000::numeric, 'also when nothing is new');
CREATE FUNCTION alerts_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relid = 'mlops_catalog.guard_alert'::regclass $$;
INSERT INTO mlops_catalog.guard_alert (model_id, since, shadow, variant, version, key, n)
	SELECT s.model_id, s.since, s.shadow, 'canary', 2, 'old' || g, 1 FROM mlops_catalog.guard_state s, generate_series(1, 5000) g;
SELECT key FROM mlops_catalog.guard_alert WHERE label AND key !~ '[^0-9]' ORDER BY key LIMIT 1 \gset
SELECT mlops.add_labels('fraud', query => format('SELECT %L AS key, false AS is_fraud, clock_timestamp() AS known', :'key'), key => 'key', label => 'is_fraud',
	labelled_at => 'known') \g /dev/null
UPDATE mlops_catalog.label SET recorded_at = (SELECT at FROM horizon) WHERE key = :'key' AND NOT label;	-- after the last look, whose time the test sets
SELECT alerts_read() AS read \gset
SELECT at_hour(21) \g /dev/null
SELECT cmp_ok(alerts_read() - :read, '<', 100::bigint, 'one revised label is not looked for among all that was flagged');
SELECT ok(NOT bool_or(label), 'and is known') FROM mlops_catalog.guard_alert WHERE key = :'key';
SELECT is(mlops_catalog.latency_quantile('{"0": 94, "100": 5, "200": 1}', 0.95), 1.01::float8 ^ 100, 'a quantile of counts');
SELECT is(mlops_catalog.latency_quantile('{}', 0.95), NULL, 'of none');
SELECT is(mlops_catalog.add_counts('{"a": 1, "b": 2}', '{"b": 3}'), '{"a": 1, "b": 5}', 'counts add up');
SELECT mlops.abort('fraud'), mlops.maintain(0) \g /dev/null
SELECT is((SELECT count(*) FROM mlops_catalog.guard_count), 0::bigint, 'maintenance forgets what is over');
SELECT * FROM finish();
ROLLBACK;
