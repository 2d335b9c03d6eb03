-- Logged decisions are sealed when their day is over: who changes, removes or adds
-- one afterwards is found out, superuser or not.
\ir setup.psql
SELECT plan(47);
CREATE ROLE regress_mlops_other;
GRANT USAGE ON SCHEMA mlops TO regress_mlops_other;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'shadow', key => 'id') \g /dev/null
SET mlops.log_features = on;
SET LOCAL mlops.retention = 0;
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
-- decided yesterday, and five days ago
CREATE FUNCTION days_ago(n int) RETURNS date LANGUAGE sql AS $$ SELECT (now() AT TIME ZONE 'UTC')::date - n $$;
SELECT mlops_catalog.make_partition('postgres'::regrole, days_ago(1)), mlops_catalog.make_partition('postgres'::regrole, days_ago(5)) \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = created_at - CASE WHEN (features ->> 'amount')::float8 > 50 THEN interval '1 day' ELSE interval '5 days' END;
-- this transaction is what still could log: it looks away
SELECT is((SELECT count(*) FROM mlops.verify_decisions() WHERE intact IS NULL AND problem = 'the day is not sealed yet'), 2::bigint, 'nothing is sealed yet');
SELECT is((SELECT string_agg(action, ' ' ORDER BY object, action) FROM mlops.maintain(0) WHERE action <> 'created'), 'indexed sealed indexed sealed', 'maintenance seals the days that are over');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT is((SELECT count(*) FROM mlops.verify_decisions() WHERE intact), 2::bigint, 'they are intact');
SELECT is((SELECT sum(decisions) FROM mlops.verify_decisions()), (SELECT count(*)::numeric FROM mlops.predictions), 'with all decisions, shadows too');
SELECT is((SELECT count(*) FROM mlops.audit_log WHERE event = 'seal_decisions'), 2::bigint, 'the audit log has the digests');
SELECT is((SELECT array_agg(d.day ORDER BY d.day) FROM mlops.verify_decisions(days_ago(5)) d), ARRAY[days_ago(5)], 'one day can be asked for');
SELECT is_empty('SELECT * FROM mlops.maintain(0)', 'nothing is sealed twice');
SELECT is((SELECT sum(octet_length(entries)) / 32 FROM mlops_catalog.decision_seal_block), (SELECT count(*) FROM mlops.predictions), 'an entry of 32 bytes each');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'in a log that is intact');
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'the catalog is consistent');

-- the hash, computed by hand: length and value of each column
CREATE FUNCTION by_hand(p mlops_catalog.prediction) RETURNS bytea LANGUAGE sql AS $$
	SELECT substring(sha256(
		'\x00000010' || uuid_send(p.prediction_id) || '\x00000008' || int8send((extract(epoch FROM p.created_at - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint)
		|| '\x00000008' || int8send(p.model_id) || '\x00000008' || int8send(p.deployment_id) || '\x00000004' || int4send(p.version)
		|| int4send(octet_length(p.variant)) || convert_to(p.variant, 'UTF8') || '\x00000001' || CASE WHEN p.shadow THEN '\x01'::bytea ELSE '\x00' END
		|| int4send(octet_length(p.key)) || convert_to(p.key, 'UTF8') || '\x00000008' || float8send(p.score) || '\x00000001' || CASE WHEN p.flagged THEN '\x01'::bytea ELSE '\x00' END
		|| '\x00000008' || float8send(p.threshold) || '\x00000004' || float4send(p.latency) || int4send(octet_length(convert_to(p.features::text, 'UTF8'))) || convert_to(p.features::text, 'UTF8')
		|| '\xffffffff') FROM 1 FOR 16) $$;
SELECT is_empty($$SELECT p.* FROM mlops_catalog.prediction p WHERE by_hand(p) <> mlops_catalog.decision_hash(p,
	'{prediction_id,created_at,model_id,deployment_id,version,variant,shadow,key,score,flagged,threshold,latency,features,route_key}')$$, 'hashes are what the documentation says');
SET LOCAL DateStyle = 'SQL, DMY'; SET LOCAL TimeZone = 'Asia/Kolkata'; SET LOCAL extra_float_digits = -15; SET LOCAL bytea_output = 'escape'; SET LOCAL client_encoding = 'LATIN1';
SELECT is((SELECT count(*) FROM mlops.verify_decisions() WHERE intact), 2::bigint, 'whatever the settings');
RESET DateStyle; RESET TimeZone; RESET extra_float_digits; RESET bytea_output; RESET client_encoding;

-- one row of each day, the shadow's and the decision's
SELECT p.prediction_id AS one, p.tableoid::regclass AS part FROM mlops_catalog.prediction p WHERE p.key = '77' AND NOT p.shadow \gset
SELECT d.day AS day FROM mlops.prediction_time(:'one') t, LATERAL (SELECT to_date(right(:'part', 8), 'YYYYMMDD') AS day) d \gset
CREATE FUNCTION after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE statement;
		SET LOCAL session_replication_role = origin;
		SELECT string_agg(concat_ws(' ', v.day, coalesce(v.intact::text, '?'), v.prediction_id, v.problem), '; ' ORDER BY v.day, v.prediction_id) INTO found FROM mlops.verify_decisions() v WHERE v.intact IS NOT TRUE;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN coalesce(found, 'intact');
	END;
END $$;
SELECT is(after('SELECT 1'), 'intact', 'the check itself changes nothing');
SELECT is(after(format('UPDATE mlops_catalog.prediction SET %s WHERE prediction_id = %L AND NOT shadow', change, :'one')),
	format('%s false %s decision %2$s was changed after the day was sealed', :'day', :'one'), change)
FROM unnest(ARRAY['score = 0.5', 'score = score * (1 + 2.3e-16)', 'flagged = NOT flagged', 'threshold = 0.9', 'version = 7', 'variant = ''x''', 'key = ''78''', 'latency = latency + 1',
	'features = features || ''{"amount": 1}''', 'features = NULL', 'route_key = ''''', 'deployment_id = NULL', 'model_id = 99', 'created_at = created_at + interval ''1 microsecond''']) AS change;
SELECT is(after(format('UPDATE mlops_catalog.prediction SET score = 0.5 WHERE prediction_id = %L AND shadow', :'one')),
	format('%s false %s decision %2$s was changed after the day was sealed', :'day', :'one'), 'a shadow');
SELECT is(after(format('UPDATE mlops_catalog.prediction SET shadow = NOT shadow WHERE prediction_id = %L', :'one')),
	format('%s false %s decision %2$s was changed after the day was sealed', :'day', :'one'), 'decision and shadow swapped');
SELECT is(after(format('DELETE FROM mlops_catalog.prediction WHERE prediction_id = %L', :'one')),
	format('%s false %s decision %2$s was removed after the day was sealed', :'day', :'one'), 'removed');
SELECT is(after(format('DELETE FROM mlops_catalog.prediction WHERE prediction_id = %L AND shadow', :'one')),
	format('%s false %s decision %2$s was removed after the day was sealed', :'day', :'one'), 'a shadow removed');
SELECT is(after(format('INSERT INTO mlops_catalog.prediction SELECT * FROM mlops_catalog.prediction WHERE prediction_id = %L AND shadow', :'one')),
	format('%s false %s decision %2$s was added after the day was sealed', :'day', :'one'), 'a row twice');
SELECT is(after(format('INSERT INTO mlops_catalog.prediction SELECT ''00000000-0000-7000-8000-000000000001'', created_at, model_id, deployment_id, version, variant, shadow, key, score, flagged, threshold, latency, features, route_key FROM mlops_catalog.prediction WHERE prediction_id = %L AND NOT shadow', :'one')),
	format('%s false 00000000-0000-7000-8000-000000000001 decision 00000000-0000-7000-8000-000000000001 was added after the day was sealed', :'day'), 'a forged one');
SELECT is(after(format('UPDATE mlops_catalog.prediction SET prediction_id = ''00000000-0000-7000-8000-000000000001'' WHERE prediction_id = %L AND NOT shadow', :'one')),
	format('%s false 00000000-0000-7000-8000-000000000001 decision 00000000-0000-7000-8000-000000000001 was added after the day was sealed; %1$s false %2$s decision %2$s was removed after the day was sealed', :'day', :'one'), 'another identity');
SELECT ok(after('DELETE FROM mlops_catalog.prediction') LIKE '%was removed after%', 'all removed');
-- the seals themselves
SELECT is(after(format('DELETE FROM mlops_catalog.decision_seal WHERE day = %L', :'day')), format('%s false the seal of the day is missing', :'day'), 'a seal that is gone');
SELECT is(after(format('UPDATE mlops_catalog.decision_seal SET digest = sha256('''') WHERE day = %L', :'day')), format('%s false the seal of the day is not the one in the audit log', :'day'), 'one that was changed');
SELECT is(after(format('UPDATE mlops_catalog.decision_seal SET columns = ''{prediction_id}'' WHERE day = %L', :'day')), format('%s false the seal of the day is not the one in the audit log', :'day'), 'or covers less');
SELECT ok(after(format('UPDATE mlops_catalog.decision_seal_block SET entries = set_byte(entries, 20, get_byte(entries, 20) # 1) WHERE day = %L', :'day')) LIKE format('%s false the entries of the day''s seal were changed%%', :'day'), 'so are its entries');
SELECT is(after(format('ALTER TABLE mlops_catalog.audit_waiting DISABLE TRIGGER refuse_change; UPDATE mlops_catalog.prediction SET score = 0.5 WHERE prediction_id = %L; DELETE FROM mlops_catalog.decision_seal_block; DELETE FROM mlops_catalog.decision_seal; SELECT mlops_catalog.seal_day(''postgres'', d::date) FROM unnest(ARRAY[days_ago(1), days_ago(5)]) d; DELETE FROM mlops_catalog.audit_waiting', :'one')),
	format('%s false the seal of the day is not the one in the audit log', :'day'), 'sealing anew behind the log''s back');
SELECT ok(after(format('DROP TABLE %s', :'part')) LIKE format('%s false the table of the day is missing', :'day'), 'a day dropped by hand');
SELECT is(after('ALTER TABLE mlops_catalog.prediction ADD reason_of_mine text'), 'intact', 'a column that came later does not matter');

-- who sees what
SET LOCAL ROLE regress_mlops_other;
SELECT is((SELECT count(*) FROM mlops.verify_decisions() WHERE intact), 2::bigint, 'others may verify');
RESET ROLE;
-- retention
SET LOCAL mlops.retention = 3;
SELECT is((SELECT string_agg(action || ' ' || object, ', ') FROM mlops.maintain(0)), 'removed ' || mlops_catalog.partition_name(days_ago(5)), 'retention removes a day');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT detail - 'digest' FROM mlops.audit_log WHERE event = 'remove_decisions'),
	(SELECT jsonb_build_object('day', to_char(days_ago(5), 'YYYY-MM-DD'), 'rows', detail -> 'rows') FROM mlops.audit_log WHERE event = 'seal_decisions' AND detail ->> 'day' = to_char(days_ago(5), 'YYYY-MM-DD')), 'the log says so');
SELECT is((SELECT detail ->> 'digest' FROM mlops.audit_log WHERE event = 'remove_decisions'),
	(SELECT detail ->> 'digest' FROM mlops.audit_log WHERE event = 'seal_decisions' AND detail ->> 'day' = to_char(days_ago(5), 'YYYY-MM-DD')), 'with the digest of its seal');
SELECT is((SELECT count(*) FROM mlops.verify_decisions()), 1::bigint, 'what was removed so is not missed');
SELECT * FROM finish();
ROLLBACK;
