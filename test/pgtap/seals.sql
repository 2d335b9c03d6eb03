-- Logged decisions are sealed when their day is over: who changes, removes or adds
-- one afterwards is found out, superuser or not.
\ir setup.psql
SELECT plan(55);
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
SELECT is((SELECT sum(octet_length(entries)) / 20 FROM mlops_catalog.decision_seal_block), (SELECT count(*) FROM mlops.predictions), 'an entry of 20 bytes each');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'in a log that is intact');
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'the catalog is consistent');

-- the digest of each day's second block, computed by hand
CREATE FUNCTION field(value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(int4send(octet_length(value)) || value, '\xffffffff') $$;
CREATE FUNCTION by_hand(p mlops_catalog.prediction) RETURNS bytea LANGUAGE sql AS $$
	SELECT field(uuid_send(p.prediction_id)) || field(int8send((extract(epoch FROM p.created_at - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint))
		|| field(int8send(p.model_id)) || field(int8send(p.deployment_id)) || field(int4send(p.version)) || field(convert_to(p.variant, 'UTF8')) || field(boolsend(p.shadow))
		|| field(convert_to(p.key, 'UTF8')) || field(float8send(p.score)) || field(boolsend(p.flagged)) || field(float8send(p.threshold)) || field(float4send(p.latency))
		|| field(convert_to(p.features::text, 'UTF8')) || field(convert_to(p.route_key, 'UTF8'))
		|| field(convert_to(p.sqlstate, 'UTF8')) || field(convert_to(p.error, 'UTF8')) $$;
CREATE FUNCTION crc_32c(bytes bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	steps bigint[] := '{}';
	crc bigint;
BEGIN
	FOR byte IN 0 .. 255 LOOP
		crc := byte;
		FOR bit IN 1 .. 8 LOOP
			crc := (crc >> 1) # CASE WHEN crc & 1 = 1 THEN 2197175160 ELSE 0 END;	-- the polynomial, reversed
		END LOOP;
		steps := steps || crc;
	END LOOP;
	crc := 4294967295;
	FOR i IN 0 .. octet_length(bytes) - 1 LOOP
		crc := (crc >> 8) # steps[1 + ((crc # get_byte(bytes, i)) & 255)];
	END LOOP;
	RETURN substring(int8send(crc # 4294967295) FROM 5);
END $$;
SELECT is(crc_32c('123456789'), '\xe3069283', 'the test computes CRC-32C');
CREATE TEMP VIEW block_by_hand AS
	SELECT r.day, r.block, string_agg(r.entry, '' ORDER BY r.entry) AS entries, sha256(string_agg(r.holds, '' ORDER BY r.entry)) AS digest
	FROM (SELECT w.*, uuid_send(w.prediction_id) || crc_32c(w.holds) AS entry
		FROM (SELECT p.prediction_id, (p.created_at AT TIME ZONE 'UTC')::date AS day, by_hand(p) AS holds,
				((row_number() OVER (PARTITION BY (p.created_at AT TIME ZONE 'UTC')::date ORDER BY p.prediction_id) - 1) / 4096)::int AS block FROM mlops_catalog.prediction p) w
		WHERE w.block = 1) r
	GROUP BY r.day, r.block;
SELECT set_eq('SELECT day, block, md5(entries), digest FROM mlops_catalog.decision_seal_block WHERE block > 0', 'SELECT day, block, md5(entries), digest FROM block_by_hand', 'entries and digests of blocks are what the documentation says');
SELECT is((SELECT count(*) FROM block_by_hand), 2::bigint, 'of two days');
SELECT results_eq('SELECT day, digest FROM mlops_catalog.decision_seal ORDER BY day',
	'SELECT day, sha256(string_agg(sha256(entries || digest), '''' ORDER BY block)) FROM mlops_catalog.decision_seal_block GROUP BY day ORDER BY day', 'so are those of days');
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
-- a change that leaves the CRC-32C as it is, for it adds a multiple of its polynomial: found, and its block told
SELECT is(after(format('UPDATE mlops_catalog.prediction SET model_id = model_id # x''f176ec0501''::bigint WHERE prediction_id = %L AND NOT shadow', :'one')),
	(SELECT format('%s false %s a decision from %2$s to %s was changed after the day was sealed', b.day, encode(substring(b.entries FROM 1 FOR 16), 'hex')::uuid,
			encode(substring(b.entries FROM octet_length(b.entries) - 19 FOR 16), 'hex')::uuid)
		FROM mlops_catalog.decision_seal_block b WHERE b.day = :'day' AND position(uuid_send(:'one') IN b.entries) > 0), 'one that its checksum does not tell');
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
SET LOCAL mlops.retention = 0;
SELECT mlops_catalog.make_partition('postgres'::regrole, days_ago(5)) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.verify_decisions()), 1::bigint, 'nor is an empty table of that day anything');
INSERT INTO mlops_catalog.prediction SELECT (jsonb_populate_record(p, jsonb_build_object('created_at', p.created_at - interval '4 days'))).*
	FROM mlops_catalog.prediction AS p WHERE p.created_at < now() - interval '12 hours' ORDER BY p.prediction_id LIMIT 1;
SELECT is((SELECT concat_ws(' ', intact, problem) FROM mlops.verify_decisions(days_ago(5))), 'f the day was removed, and has decisions again', 'decisions put there are told');
SELECT is((SELECT count(*) FROM mlops.maintain(0) WHERE action = 'sealed'), 0::bigint, 'maintenance does not seal them as if they were new');
SELECT is((SELECT intact FROM mlops.verify_decisions(days_ago(5))), false, 'so they stay told');
SELECT * FROM finish();
ROLLBACK;
