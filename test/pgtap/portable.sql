-- A version as one value, and the invariants of the catalog.
\ir setup.psql
SELECT plan(55);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 20}');
	SELECT mlops.train('fraud', query => 'SELECT id, amount, country, CASE WHEN is_fraud THEN ''bad'' ELSE ''good'' END AS label FROM tx', target => 'label', positive => 'bad', key => 'id', algorithm => 'logistic_regression');
	SELECT mlops.describe('fraud', 'Twenty trees', version => 1)$$, 'two versions');
CREATE TEMP TABLE exported AS SELECT version, mlops.export_model('fraud', version) AS data FROM mlops.versions;
SELECT is((SELECT i::text FROM exported e, mlops.import_model(e.data, 'copy') i WHERE e.version = 1), format('(copy,1,%s)', (SELECT sha256 FROM mlops.versions WHERE version = 1)), 'import under another name: the same bytes');
SELECT is((SELECT i.version FROM exported e, mlops.import_model(e.data) i WHERE e.version = 2), 3, 'as the next version of its own model');
SELECT is_empty($$SELECT t.id FROM tx t WHERE mlops.score('fraud/1', t) <> mlops.score('copy/1', t)$$, 'the same scores');
SELECT is_empty($$SELECT t.id FROM tx t WHERE mlops.score('fraud/2', t) <> mlops.score('fraud/3', t)$$, 'of the linear model too');
SELECT is((SELECT (algorithm, threshold, signature, metrics, target, positive, size, description)::text FROM mlops.versions WHERE model = 'copy'), (SELECT (algorithm, threshold, signature, metrics, target, positive, size, description)::text FROM mlops.versions WHERE model = 'fraud' AND version = 1), 'the same facts');
SELECT is((SELECT positive FROM mlops.versions WHERE model = 'fraud' AND version = 3), 'bad', 'with the positive value');
SELECT is((SELECT jsonb_object_agg(name, value) FROM mlops.run_params WHERE model = 'copy'), (SELECT jsonb_object_agg(name, value) FROM mlops.run_params WHERE model = 'fraud' AND version = 1), 'and parameters');
SELECT is((SELECT tags ->> 'imported_from' FROM mlops.runs WHERE model = 'copy'), 'fraud/1', 'its run says where it comes from');
SELECT is((SELECT pr_auc FROM mlops.evaluate('copy/1', 'tx')), (SELECT pr_auc FROM mlops.evaluate('fraud/1', 'tx')), 'evaluate');
SELECT lives_ok($$SELECT mlops.deploy('copy', 1)$$, 'it can be deployed');
SELECT is(substring(mlops.export_model('copy', 1) FROM 1 FOR 8), 'MLOPSEXP'::bytea, 'and exported again');
SELECT lives_ok($$SELECT mlops.set_gate('copy', '{"pr_auc": {"min": 0}}')$$, 'a gate');
SELECT is((SELECT detail ->> 'reason' FROM mlops.check_gate('copy', 1) WHERE NOT passed), 'the version was imported: its metrics were not measured here', 'is not passed by what a file says');
SELECT mlops.set_gate('copy', '{"fairness": {"by": "country", "metric": "recall", "max_gap": 1}}') \g /dev/null
SELECT is((SELECT detail ->> 'reason' FROM mlops.check_gate('copy', 1)), 'the version was imported: the rows that it was judged on are not known here', 'nor are segments measured');
SELECT mlops.set_gate('copy', '{"pr_auc": {"min": 0}}') \g /dev/null
SELECT throws_ok($$SELECT * FROM mlops.reproduce('copy', 1)$$, '55000', NULL, 'nothing to reproduce');

-- damage
CREATE FUNCTION damaged(at int) RETURNS bytea LANGUAGE sql AS 'SELECT set_byte(data, at, get_byte(data, at) # 4) FROM exported WHERE version = 1';
CREATE FUNCTION sealed(data bytea) RETURNS bytea LANGUAGE sql AS 'SELECT data || sha256(data)';
CREATE FUNCTION body() RETURNS bytea LANGUAGE sql AS 'SELECT substring(data FROM 1 FOR octet_length(data) - 32) FROM exported WHERE version = 1';
SELECT throws_ok($$SELECT mlops.import_model(data, 'Bad Name') FROM exported WHERE version = 1$$, '22023', 'invalid name "Bad Name" of a model', 'a name that no model can have');
SELECT throws_ok($$SELECT mlops.import_model(data, '') FROM exported WHERE version = 1$$, '22023', 'invalid name "" of a model', 'nor nothing');
SELECT throws_ok('SELECT mlops.import_model(damaged(2))', 'XX001', 'the data is not an exported model', 'damaged magic');
SELECT throws_ok('SELECT mlops.import_model(damaged(10))', '0A000', NULL, 'another format');
SELECT throws_ok('SELECT mlops.import_model(damaged(14))', 'XX001', 'the exported model was damaged', 'damaged length');
SELECT throws_ok('SELECT mlops.import_model(damaged(40))', 'XX001', 'the exported model was damaged', 'damaged manifest');
SELECT throws_ok('SELECT mlops.import_model(damaged(5000))', 'XX001', 'the exported model was damaged', 'damaged bytes');
SELECT throws_ok($$SELECT mlops.import_model(substring(data FROM 1 FOR 3000)) FROM exported$$, 'XX001', NULL, 'cut short');
SELECT throws_ok($$SELECT mlops.import_model('')$$, 'XX001', NULL, 'empty');
SELECT throws_ok($$SELECT mlops.import_model(NULL)$$, '22004', '"data" must not be null', 'NULL');
SELECT throws_ok($$SELECT mlops.import_model(sealed(set_byte(body(), 13, 120)))$$, 'XX001', 'the exported model was damaged', 'a length that does not fit, with a right checksum');
SELECT throws_ok($$SELECT mlops.import_model(sealed(set_byte(body(), octet_length(body()) - 900, get_byte(body(), octet_length(body()) - 900) # 1)))$$, 'XX001', 'the bytes are not those of a model', 'bytes that are no model, with a right checksum');
SELECT throws_ok($$SELECT mlops.import_model(sealed(body()), 'No Name')$$, '22023', 'invalid name "No Name" of a model', 'an invalid name');
SELECT throws_ok($$SELECT mlops.export_model('fraud', 9)$$, '42704', NULL, 'a version that does not exist');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.export_model('fraud', 1)$$, '42501', 'permission denied to manage model "fraud"', 'others export nothing');
SELECT throws_ok($$SELECT mlops.import_model(sealed('\x4d4c4f5053455850000000010000000000'), 'fraud')$$, 'XX001', NULL, 'nor import garbage');
RESET ROLE;
GRANT SELECT ON exported TO regress_mlops_other;
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.import_model(data, 'fraud') FROM exported$$, '42501', 'permission denied to train model "fraud"', 'nor import into it');
SELECT throws_ok($$SELECT mlops_catalog.import_model('postgres'::regrole, data, 'fraud') FROM exported$$, '42501', NULL, 'by no way');
RESET ROLE;
SET CONSTRAINTS ALL IMMEDIATE;

-- invariants
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'the catalog is consistent');
CREATE FUNCTION broken(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		ALTER TABLE mlops_catalog.audit_log DISABLE TRIGGER refuse_change;
		EXECUTE statement;
		SET LOCAL session_replication_role = origin;
		ALTER TABLE mlops_catalog.audit_log ENABLE ALWAYS TRIGGER refuse_change;
		SELECT string_agg(concat_ws(' ', c.model, c.object, c.problem), '; ' ORDER BY c.model, c.object) INTO found FROM mlops.check_catalog() c;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN coalesce(found, 'nothing');
	END;
END $$;
SELECT is(broken('SELECT 1'), 'nothing', 'nothing broken, nothing found');
SELECT is(broken($$UPDATE mlops_catalog.model_artifact SET data = set_byte(data, 99, get_byte(data, 99) # 1) WHERE version_id = 1$$), 'fraud version 1 its bytes do not have the recorded SHA-256', 'bytes');
SELECT is(broken($$DELETE FROM mlops_catalog.model_artifact WHERE version_id = 2$$), 'fraud version 2 its bytes are not complete', 'missing bytes');
SELECT is(broken($$UPDATE mlops_catalog.model_artifact SET part = 1 WHERE version_id = 2$$), 'fraud version 2 its bytes are not complete', 'a missing part');
SELECT is(broken($$INSERT INTO mlops_catalog.model_artifact VALUES (99, 0, 'x')$$), 'artifact 99 belongs to no version', 'bytes of nothing');
SELECT is(broken($$UPDATE mlops_catalog.deployment_route SET version_id = 1$$), 'copy route primary leads to another model''s version', 'a route to another model');
SELECT is(regexp_replace(broken($$UPDATE mlops_catalog.deployment_route SET percent = 50$$), ' left: .*', ' left'), 'copy routes add up to 50 %; copy routes are not what deployment 1 left', 'shares');
SELECT is(regexp_replace(broken($$UPDATE mlops_catalog.deployment_route SET variant = 'b'$$), ' left: .*', ' left'), 'copy routes have no primary variant; copy routes are not what deployment 1 left', 'no primary');
SELECT is(broken($$INSERT INTO mlops_catalog.alias SELECT m.model_id, 'x', 1, m.owner FROM mlops_catalog.model m WHERE name = 'copy'$$), 'copy alias x stands for another model''s version', 'an alias of another model');
SELECT is(broken($$UPDATE mlops_catalog.model SET owner = 4711::oid::regrole WHERE name = 'copy'$$), 'copy owner role 4711 does not exist; mlops.set_owner(''copy'', ...) by a superuser gives it another owner', 'an owner that is gone');
SELECT is(broken($$INSERT INTO mlops_catalog.model_grant SELECT model_id, 4711::oid::regrole, 'score', owner FROM mlops_catalog.model WHERE name = 'copy'$$), 'copy privilege score role 4711 does not exist; SELECT mlops.revoke(''copy'', ''4711'', ''score'') removes it', 'a grantee that is gone');
SELECT is(broken($$UPDATE mlops_catalog.run SET version = 7 WHERE model = 'copy'$$), 'copy version 1 was produced by a run of another version', 'a run of another version');
SELECT is(broken($$ALTER TABLE mlops_catalog.alias DISABLE TRIGGER forget_routes$$), 'table alias its trigger forget_routes is missing or disabled', 'a trigger that is off');
SELECT is(broken($$ALTER EVENT TRIGGER mlops_check_new_trigger DISABLE$$), 'event trigger mlops_check_new_trigger is missing or disabled; ALTER EVENT TRIGGER mlops_check_new_trigger ENABLE ALWAYS', 'the event trigger that is off');
SELECT is(broken($$UPDATE mlops_catalog.audit_log SET event = 'x' WHERE seq = 2$$), 'fraud version 2 has no entry in the audit log; audit log entry 2 was edited or moved', 'the audit log');
SELECT is(broken($$DELETE FROM mlops_catalog.audit_log; DELETE FROM mlops_catalog.audit_head$$), 'copy deployment 1 has no entry in the audit log; copy version 1 has no entry in the audit log; fraud version 1 has no entry in the audit log; fraud version 2 has no entry in the audit log; fraud version 3 has no entry in the audit log', 'a log that is gone');
SELECT is(broken($$SET CONSTRAINTS ALL DEFERRED; INSERT INTO mlops_catalog.audit_waiting (logged_at, role, session_role, event, detail, transaction_id) VALUES ('2026-01-01 00:00+00', 'x', 'x', 'deploy', '{}', '3')$$), format('audit log event deploy of %s still waits to be chained', timestamptz '2026-01-01 00:00+00'), 'an event that was not chained for long');
SELECT is(broken($$SELECT setval('mlops_catalog.run_run_id_seq', 1)$$), 'sequence mlops_catalog.run_run_id_seq is behind 4 of mlops_catalog.run', 'a sequence that is behind');
SELECT lives_ok($$SELECT setval('mlops_catalog.run_run_id_seq', 4)$$, '(sequences do not roll back)');
SET LOCAL ROLE regress_mlops_other;
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'users can run it too');
SELECT * FROM finish();
ROLLBACK;
