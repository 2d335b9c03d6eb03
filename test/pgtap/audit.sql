-- The audit log: every event, in order, chained; what was done to it is found.
\ir setup.psql
SELECT plan(45);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;

SELECT is((SELECT (intact, entries)::text FROM mlops.verify_audit()), '(t,0)', 'an empty log is intact');
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 3}');
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 4}');
SELECT mlops.deploy('fraud', 1, note => 'first "go", naïve');
SELECT mlops.deploy('fraud', 2, threshold => 0.25);
SELECT mlops.rollback('fraud', note => 'alerts');
SELECT mlops.grant('fraud', 'regress_mlops_other', 'score')$$, 'a life');
SAVEPOINT s;
SELECT lives_ok($$SELECT mlops.deploy('fraud', 2)$$, 'what is rolled back');
ROLLBACK TO s;
SELECT lives_ok($$SELECT mlops.revoke('fraud', 'regress_mlops_other', 'score')$$, 'and goes on');
SELECT is((SELECT count(*) FROM mlops.audit_log), 0::bigint, 'entries are appended at commit');
RESET ROLE;
SET CONSTRAINTS ALL IMMEDIATE;
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT array_agg(event || coalesce(version::text, '') ORDER BY seq) FROM mlops.audit_log),
	'{train1,train2,deploy1,deploy2,rollback1,grant,revoke}', 'every event once, in order; nothing of what was rolled back');
SELECT is((SELECT array_agg(seq ORDER BY seq) FROM mlops.audit_log), '{1,2,3,4,5,6,7}', 'numbers without gaps');
SELECT is((SELECT detail ->> 'note' FROM mlops.audit_log WHERE seq = 3), 'first "go", naïve', 'with the note');
SELECT is((SELECT (detail ->> 'threshold')::float8 FROM mlops.audit_log WHERE seq = 4), 0.25::float8, 'and the threshold');
SELECT is((SELECT a.detail ->> 'sha256' FROM mlops.audit_log a WHERE seq = 2), (SELECT sha256 FROM mlops.versions WHERE version = 2), 'and the version''s identity');
SELECT is((SELECT array_agg(DISTINCT role || ' ' || session_role) FROM mlops.audit_log), ARRAY['regress_mlops_owner ' || session_user], 'who did it, and in whose session');
SELECT ok((SELECT intact AND entries = 7 AND bad_seq IS NULL AND problem IS NULL FROM mlops.verify_audit()), 'the chain verifies');

-- the serialisation is the documented one, computed here without the extension's functions
SELECT is((SELECT hash FROM mlops.audit_log WHERE seq = 3),
	(SELECT encode(sha256(decode(previous_hash, 'hex') || convert_to(
		'1:3,27:' || to_char(logged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || 'Z,19:regress_mlops_owner,'
		|| octet_length(session_role) || ':' || session_role || ',6:deploy,5:fraud,1:1,' || octet_length(detail::text) || ':' || detail::text || ',', 'UTF8')), 'hex')
	FROM mlops.audit_log WHERE seq = 3), 'an entry''s hash is the documented one');
SELECT is((SELECT hash FROM mlops.audit_log WHERE seq = 6),
	(SELECT encode(sha256(decode(previous_hash, 'hex') || convert_to(
		'1:6,27:' || to_char(logged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || 'Z,19:regress_mlops_owner,'
		|| octet_length(session_role) || ':' || session_role || ',5:grant,5:fraud,-,' || octet_length(detail::text) || ':' || detail::text || ',', 'UTF8')), 'hex')
	FROM mlops.audit_log WHERE seq = 6), 'with a NULL as well');
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL datestyle = 'German';
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'it does not depend on settings');
SELECT ok((SELECT intact FROM mlops.verify_audit((SELECT seq FROM mlops.audit_log WHERE seq = 5), (SELECT hash FROM mlops.audit_log WHERE seq = 5))), 'an anchor kept elsewhere fits');
SELECT is((SELECT problem FROM mlops.verify_audit(5, repeat('0', 64))), 'entry 5 does not have the given hash: the log was rewritten', 'another one does not');

SET LOCAL ROLE regress_mlops_other;
SELECT is((SELECT count(*) FROM mlops.audit_log), 0::bigint, 'others do not see it');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'but may verify it');
SELECT throws_ok($$UPDATE mlops_catalog.audit_log SET role = 'x'$$, '42501', NULL, 'nor change it');
RESET ROLE;
SELECT is((SELECT count(*) FROM mlops.audit_log), 7::bigint, 'the catalog''s owner sees everything');

-- anchors
CREATE TABLE anchor AS SELECT a.seq, a.hash FROM mlops.audit_log a WHERE a.seq = 3;
SELECT ok((SELECT v.intact FROM anchor, mlops.verify_audit(seq, hash) v), 'an anchor kept elsewhere');
SELECT ok((SELECT v.intact FROM anchor, mlops.verify_audit(seq, upper(hash)) v), 'in capitals');
SELECT ok((SELECT v.intact FROM anchor, mlops.verify_audit(NULL, hash) v), 'without its number');
SELECT is((SELECT problem FROM mlops.verify_audit(NULL, repeat('0', 64))), 'no entry has the given hash: the log was rewritten', 'a hash that no entry has');
SELECT is((SELECT problem FROM mlops.verify_audit(NULL, repeat('A', 64))), 'no entry has the given hash: the log was rewritten', 'in capitals');
SELECT is((SELECT v.problem FROM anchor, mlops.verify_audit(4, hash) v), 'entry 4 does not have the given hash: the log was rewritten', 'a hash of another entry');
SELECT throws_ok($$SELECT * FROM mlops.verify_audit(3)$$, '22023', 'entry 3 can only be checked against a hash', 'a number alone proves nothing');
SELECT throws_ok($$SELECT * FROM mlops.verify_audit(3, 'abc')$$, '22023', '"hash" is not a hash of the audit log: "abc"', 'what is no hash');
SELECT throws_ok($$SELECT * FROM mlops.verify_audit(NULL, '')$$, '22023', NULL, 'nor is nothing');

-- tampering, by a superuser
SELECT throws_ok($$UPDATE mlops_catalog.audit_log SET role = 'x'$$, '42501', 'rows of "audit_log" are never changed or removed', 'updates are refused');
SELECT throws_ok($$DELETE FROM mlops_catalog.audit_log WHERE seq = 1$$, '42501', NULL, 'deletions are refused');
SELECT throws_ok($$TRUNCATE mlops_catalog.audit_log$$, '42501', NULL, 'truncation is refused');
CREATE FUNCTION after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found record;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		ALTER TABLE mlops_catalog.audit_log DISABLE TRIGGER refuse_change;
		EXECUTE statement;
		SET LOCAL session_replication_role = origin;
		ALTER TABLE mlops_catalog.audit_log ENABLE ALWAYS TRIGGER refuse_change;
		SELECT * INTO found FROM mlops.verify_audit();
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN found.intact || ' ' || coalesce(found.bad_seq::text, '-') || ' ' || coalesce(found.problem, '-');
	END;
END $$;
SELECT is(after('SELECT 1'), 'true - -', 'the check itself changes nothing');
SELECT is(after($$UPDATE mlops_catalog.audit_log SET role = 'somebody' WHERE seq = 4$$), 'false 4 entry 4 was edited or moved', 'an edited entry is named');
SELECT is(after($$UPDATE mlops_catalog.audit_log SET detail = detail || '{"note": "x"}' WHERE seq IN (5, 3)$$), 'false 3 entry 3 was edited or moved', 'the first of several');
SELECT is(after($$UPDATE mlops_catalog.audit_log SET logged_at = logged_at + interval '1 microsecond' WHERE seq = 7$$), 'false 7 entry 7 was edited or moved', 'a microsecond counts');
SELECT is(after($$DELETE FROM mlops_catalog.audit_log WHERE seq = 4$$), 'false 4 entry 4 is missing', 'a removed entry is named');
SELECT is(after($$DELETE FROM mlops_catalog.audit_log WHERE seq = 1$$), 'false 1 entry 1 is missing', 'the first one');
SELECT is(after($$DELETE FROM mlops_catalog.audit_log WHERE seq > 5$$), 'false 6 entries 6 to 7 are missing at the end', 'the last ones');
SELECT is(after($$DELETE FROM mlops_catalog.audit_log; DELETE FROM mlops_catalog.audit_head$$), 'true - -', 'a log that is gone with its head is known by an anchor only');
SELECT is(after($$UPDATE mlops_catalog.audit_log SET seq = -seq WHERE seq IN (3, 4); UPDATE mlops_catalog.audit_log SET seq = 7 + seq WHERE seq < 0$$), 'false 3 entry 3 was edited or moved', 'reordered entries are named');
SELECT is(after($$UPDATE mlops_catalog.audit_log a SET event = 'promote', hash = mlops_catalog.audit_hash(previous_hash, seq, logged_at, role, session_role, 'promote', model, version, detail) WHERE seq = 3$$),
	'false 3 entry 3 was replaced after entry 4 had been chained to it', 'an entry replaced with its hash is named');
SELECT is(after($$UPDATE mlops_catalog.audit_log a SET event = 'promote', hash = mlops_catalog.audit_hash(previous_hash, seq, logged_at, role, session_role, 'promote', model, version, detail) WHERE seq = 7$$),
	'false 7 entry 7 was replaced', 'so is the last one');
SELECT is(after($$INSERT INTO mlops_catalog.audit_log SELECT 8, logged_at, role, session_role, event, model, version, detail, hash, mlops_catalog.audit_hash(hash, 8, logged_at, role, session_role, event, model, version, detail) FROM mlops_catalog.audit_log WHERE seq = 7$$),
	'false 8 entry 8 was not added by mlops', 'an added entry is named');
SELECT * FROM finish();
ROLLBACK;
