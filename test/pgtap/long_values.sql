-- Values from outside that are longer than an index can hold: they are bounded
-- or refused, and nothing that runs by itself stops at them.
\ir setup.psql
SELECT plan(30);
-- 40 bytes of hash at a time: nothing that compression could make fit
CREATE FUNCTION long(seed int, n int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT left(string_agg(encode(sha256(convert_to(seed || '.' || i, 'UTF8')), 'base64'), '' ORDER BY i), n) FROM generate_series(1, n / 40) AS i $$;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour', segments => '{country}') \g /dev/null

-- keys of decisions
SET mlops.log_features = on;
CREATE TABLE made AS SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', t, long(1, 9600)) d WHERE id = 5;
INSERT INTO made SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', t, long(1, 9600)) d WHERE id = 6;
INSERT INTO made SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', t, long(2, 9600)) d WHERE id = 7;
INSERT INTO made SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', t, left(long(1, 9600), 1000)) d WHERE id = 8;
INSERT INTO made SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', t, repeat('ä', 700)) d WHERE id = 9;
INSERT INTO made SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', to_jsonb(t) || jsonb_build_object('country', long(3, 12800)), 'wide') d WHERE id = 10;
INSERT INTO made SELECT d.* FROM tx t, LATERAL mlops.decide('fraud', to_jsonb(t) || jsonb_build_object('country', long(3, 12800)), 'wide2') d WHERE id = 11;
SELECT is((SELECT count(*) FROM made), 7::bigint, 'long keys and values are decided about');
SELECT is((SELECT max(octet_length(key)) FROM mlops.predictions), 1000, 'a key is logged with at most 1,000 bytes');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE key = left(long(1, 9600), 1000)), 1::bigint, 'up to that as it is');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE key = left(long(1, 9600), 933) || '...' || encode(sha256(convert_to(long(1, 9600), 'UTF8')), 'hex')), 2::bigint, 'above as its beginning and the SHA-256 of all');
SELECT is((SELECT count(DISTINCT key) FROM mlops.predictions WHERE prediction_id IN (SELECT prediction_id FROM made)), 6::bigint, 'equal keys stay equal, others differ');
SELECT is((SELECT key FROM mlops.predictions WHERE key LIKE 'ää%'), repeat('ä', 466) || '...' || encode(sha256(convert_to(repeat('ä', 700), 'UTF8')), 'hex'), 'cut between characters');
SELECT is((SELECT (l.added, l.changed) FROM mlops.add_labels('fraud', query => 'SELECT long(1, 9600) AS k, true AS l, now() AS t UNION ALL SELECT long(2, 9600), false, now()', key => 'k', label => 'l', labelled_at => 't') l)::text, '(2,0)', 'labels of such keys');
SELECT is((SELECT count(*) FROM mlops.predictions p JOIN mlops.labels l USING (model, key) WHERE l.label), 2::bigint, 'find their decisions');
SELECT is((SELECT (l.added, l.changed) FROM mlops.add_labels('fraud', query => 'SELECT long(1, 9600) AS k, false AS l, now() AS t', key => 'k', label => 'l', labelled_at => 't') l)::text, '(0,1)', 'a revised one replaces');
SELECT is((SELECT count(*) FROM mlops.predictions WHERE octet_length(route_key) > 1000), 0::bigint, 'keys that chose the variant are bounded too');

-- what runs by itself: the day is over
UPDATE mlops_catalog.prediction SET created_at = created_at - interval '2 days';
SELECT is_empty($$SELECT * FROM mlops.maintain() WHERE action = 'failed'$$, 'maintenance makes the day''s table');
SELECT is_empty($$SELECT * FROM mlops.maintain() WHERE action = 'failed'$$, 'and its indexes');
SELECT ok((SELECT bool_and(c.relhasindex) FROM pg_class c WHERE c.relname = mlops_catalog.partition_name(((now() - interval '2 days') AT TIME ZONE 'UTC')::date)), 'past days have their indexes');
SELECT ok(mlops_catalog.record_performance('postgres'::regrole, (SELECT model_id FROM mlops_catalog.model), '{country}', now() - interval '4 days', now()) > 0, 'performance by a long value is recorded');
SELECT is((SELECT max(octet_length(segment ->> 'country')) FROM mlops.performance), 1000, 'with its beginning and hash');
SELECT is((SELECT decisions FROM mlops.performance WHERE segment ->> 'country' = left(long(3, 12800), 933) || '...' || encode(sha256(convert_to(long(3, 12800), 'UTF8')), 'hex')), 2::bigint, 'in one segment');
SELECT is(mlops_catalog.bounded('{"a": [1, 2]}'::jsonb), to_jsonb('{"a": [1, 2]}'::text), 'objects become text');
SELECT is(mlops_catalog.bounded('12.50'::jsonb), '12.50'::jsonb, 'numbers stay');
SELECT is(mlops_catalog.bounded('null'::jsonb), 'null'::jsonb, 'null stays');
SELECT is(octet_length(mlops_catalog.bounded((SELECT jsonb_agg(i) FROM generate_series(1, 5000) i)) #>> '{}'), 1000, 'large ones are bounded');

-- arguments
SELECT throws_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', experiment => long(4, 9600))$$, '22023', '"experiment" must have 1 to 250 characters', 'an experiment of a training');
SELECT throws_ok($$SELECT mlops.start_run(long(4, 9600))$$, '22023', '"experiment" must have 1 to 250 characters', 'or of a run');
SELECT mlops.start_run('mine') AS run \gset
SELECT throws_ok(format($$SELECT mlops.log_params(%s, jsonb_build_object(long(4, 9600), 1))$$, :run), '22023', NULL, 'a parameter''s name');
SELECT throws_ok(format($$SELECT mlops.log_metrics(%s, jsonb_build_object(long(4, 9600), 1))$$, :run), '22023', NULL, 'a metric''s name');
SELECT lives_ok(format($$SELECT mlops.set_tag(%s, 'k', long(4, 9600))$$, :run), 'a tag''s value is no key');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', long(4, 9600), 1)$$, NULL, NULL, 'an alias');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 1, 'ab', percent => 5, variant => long(4, 9600), key => 'id')$$, '22023', NULL, 'a variant');
SELECT throws_ok($$SELECT mlops.alert('fraud', long(4, 9600), 'alert_rate', '>', 1)$$, NULL, NULL, 'an alert''s name');

-- every index over text that people give is listed here with what bounds it
SELECT is((SELECT string_agg(format('%s(%s)', c.relname, a.attname), ' ' ORDER BY c.relname, a.attnum) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_attribute a ON a.attrelid = i.indexrelid WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype)
			AND c.relname !~ '^prediction_[0-9]{8}'),
	'alert_firing_idx(rule) alert_rule_pkey(name) alias_pkey(alias) audit_log_model_idx(model) decision_total_pkey(variant) deployment_route_pkey(variant) experiment_name_key(name) guard_alert_pkey(shadow) guard_alert_pkey(key) guard_alert_pkey(variant) guard_count_pkey(shadow) guard_count_pkey(variant) guard_state_pkey(shadow) imported_decision_pkey(key) job_queued_key_idx(key) job_unfinished_idx(key) job_unfinished_idx(state) label_pkey(key) label_value_pkey(value) model_grant_pkey(privilege) model_name_key(name) performance_window_pkey(segment) run_artifact_pkey(path) run_metric_pkey(name) run_model_idx(model) run_param_pkey(name) schedule_pkey(name) snapshot_pkey(name) study_identity_key(identity) traffic_window_pkey(variant) upkeep_task_idx(task)',
	'no other index is on text');
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'the catalog is consistent');
SELECT * FROM finish();
ROLLBACK;
