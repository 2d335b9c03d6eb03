-- Retention of runs, versions and the audit log.
\ir setup.psql
SELECT plan(36);
CREATE FUNCTION maintained(what text) RETURNS bigint LANGUAGE sql AS $$ SELECT rows FROM mlops.maintain() WHERE action = 'removed' AND object = what $$;
CREATE FUNCTION trained(version int) RETURNS void LANGUAGE sql AS $$
	SELECT FROM mlops.train('m', 'tx', target => 'is_fraud', key => 'id', params => format('{"n_estimators": %s}', version + 1)::jsonb) $$;

-- ---- runs
SELECT trained(1);
SELECT mlops.start_run('mine', 'old') AS old, mlops.start_run('mine', 'part', parent_run_id => currval('mlops_catalog.run_run_id_seq')) AS part \gset
SELECT mlops.log_metrics(:old, '{"x": 1}');
SELECT mlops.end_run(:part, 'failed'), mlops.end_run(:old, 'failed');
SELECT mlops.start_run('mine', 'young') AS young, mlops.start_run('mine', 'good') AS good, mlops.start_run('mine', 'gone') AS gone \gset
SELECT mlops.end_run(:young, 'failed'), mlops.end_run(:good), mlops.end_run(:gone), mlops.delete_run(:gone);
UPDATE mlops_catalog.run SET started_at = started_at - interval '400 days', ended_at = ended_at - interval '400 days', deleted_at = deleted_at - interval '400 days' WHERE run_id <> :young;
SET LOCAL mlops.run_retention = 0;
SELECT is(maintained('run'), NULL, 'without retention of runs all stay');
RESET mlops.run_retention;
SELECT is(maintained('run'), 2::bigint, 'a deleted run and a failed one go');
SELECT is((SELECT array_agg(run_id ORDER BY run_id) FROM mlops_catalog.run), ARRAY(SELECT v.run_id FROM mlops.versions AS v) || ARRAY[:old, :young, :good]::bigint[], 'not that of a version, of a parent, young ones, or finished ones');
SELECT is(maintained('run'), 1::bigint, 'a parent goes after its parts');
SELECT is((SELECT count(*) FROM mlops_catalog.run_metric WHERE run_id = :old), 0::bigint, 'with its metrics');
SELECT is((SELECT detail - 'before' FROM mlops_catalog.audit_waiting WHERE event = 'remove_runs' ORDER BY waiting_id LIMIT 1), '{"runs": 2}', 'the audit log says so');
SELECT is(maintained('run'), NULL, 'then there is nothing to do');
SELECT mlops.drop_model('m');
UPDATE mlops_catalog.run SET deleted_at = deleted_at - interval '400 days' WHERE model = 'm';
SELECT is(maintained('run'), 1::bigint, 'the run of a dropped model');
SELECT is((SELECT count(*) FROM mlops_catalog.dataset), 0::bigint, 'and its data set');

-- ---- versions
SELECT trained(i) FROM generate_series(1, 11) AS i;
SELECT mlops.deploy('m', 1), mlops.deploy('m', 2), mlops.set_alias('m', 'kept', 3), mlops.approve('m', 4), mlops.set_stage('m', 5, 'staging');
SELECT mlops.deploy('m', NULL, 'ab', key => 'id', variants => '{"b": {"version": 6, "percent": 30}}'), mlops.abort('m');
CREATE TABLE computed (amount float8, balance numeric(10, 2), country text, online boolean,
	score float8 GENERATED ALWAYS AS (mlops.score_version('m', 7, ROW(amount, balance, country, online))) STORED);
CREATE TABLE scored (LIKE tx, score float8);
CREATE TRIGGER score BEFORE INSERT ON scored FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('m/8', 'score');
INSERT INTO mlops_catalog.retraining (model_id, base_version, version, outcome, role, started_at)
	SELECT m.model_id, 9, 10, 'rejected', current_user::regrole, now() FROM mlops_catalog.model AS m;
SELECT is(maintained('model_version'), NULL, 'by default versions are kept for ever');
SET LOCAL mlops.version_retention = 30;
SELECT is(maintained('model_version'), NULL, 'young ones are kept');
UPDATE mlops_catalog.model_version SET created_at = created_at - interval '40 days';
SELECT is((SELECT array_agg(version) FROM mlops_catalog.forgotten_versions()), '{10}', 'only what nobody refers to is forgotten: rejected, not the newest');
SELECT is(maintained('model_version'), 1::bigint, 'it is dropped');
SELECT is((SELECT array_agg(version ORDER BY version) FROM mlops.versions), '{1,2,3,4,5,6,7,8,9,11}', 'and nothing else');
SELECT is((SELECT detail ->> 'note' FROM mlops_catalog.audit_waiting WHERE event = 'drop_version'), 'not referred to for 30 days', 'the audit log says why');
SELECT is(maintained('model_version'), NULL, 'once');
SELECT is((SELECT count(*) FROM mlops.runs WHERE model = 'm'), 11::bigint, 'its run and metrics stay');

-- ---- the audit log
SET CONSTRAINTS ALL IMMEDIATE;
CREATE FUNCTION noted(what text, days int, details jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
	INSERT INTO mlops_catalog.audit_waiting (logged_at, role, session_role, event, detail) VALUES (clock_timestamp() - days * interval '1 day', 'x', 'x', what, details) $$;
SELECT ok((SELECT count(*) > 10 FROM mlops.audit_log), 'a log');
SELECT maintained('nothing');
SELECT is((SELECT min(seq) FROM mlops.audit_log), 1::bigint, 'by default it is kept for ever');
SET LOCAL mlops.audit_retention = 100;
SELECT is(maintained('audit_log'), NULL, 'young entries are kept');
SAVEPOINT young;

-- another log, whose beginning is old
ALTER TABLE mlops_catalog.audit_log DISABLE TRIGGER ALL;
TRUNCATE mlops_catalog.audit_log, mlops_catalog.audit_head;
ALTER TABLE mlops_catalog.audit_log ENABLE TRIGGER ALL;
ALTER TABLE mlops_catalog.audit_log ENABLE ALWAYS TRIGGER refuse_change;
SELECT noted('old', 200) FROM generate_series(1, 5);
INSERT INTO mlops_catalog.decision_seal (day, format, columns, rows, digest) VALUES ('2026-01-01', 1, '{}', 0, '');
SELECT noted('seal_decisions', 150, '{"day": "2026-01-01"}'), noted('old', 150), noted('young', 1), noted('young', 0);
SELECT mlops_catalog.append_waiting(current_user::regrole);
SELECT seq AS anchor_seq, hash AS anchor FROM mlops.audit_log WHERE seq = 5 \gset
SELECT hash AS lost FROM mlops.audit_log WHERE seq = 3 \gset
SELECT hash AS newer FROM mlops.audit_log WHERE seq = 8 \gset
SELECT is(maintained('audit_log'), 5::bigint, 'old entries are cut, but not from the seal on of decisions that there are');
SELECT is((SELECT array_agg(seq || ' ' || event ORDER BY seq) FROM mlops.audit_log), '{"6 seal_decisions","7 old","8 young","9 young","10 cut_audit"}', 'numbers stay');
SELECT is((SELECT detail - 'before' FROM mlops.audit_log WHERE seq = 10), jsonb_build_object('through', 5, 'hash', :'anchor'), 'the log says up to which, with its hash');
SELECT is((SELECT (intact, entries, bad_seq, problem)::text FROM mlops.verify_audit()), '(t,5,,)', 'the rest verifies');
SELECT is(maintained('audit_log'), NULL, 'nothing is cut twice');
SELECT is((SELECT intact::text FROM mlops.verify_audit(8, :'newer')), 'true', 'anchors that are newer fit');
SELECT is((SELECT intact::text FROM mlops.verify_audit(:anchor_seq, :'anchor')), 'true', 'so does one of the last entry that was cut');
SELECT is((SELECT (intact, problem)::text FROM mlops.verify_audit(3, :'lost')), '(,"entry 3 was cut by mlops.audit_retention, with all up to 5: its hash cannot be checked")', 'of an older one nothing can be said');
SELECT is((SELECT problem FROM mlops.verify_audit(NULL, :'lost')), 'no entry has the given hash: the log was rewritten, or the entry was cut by mlops.audit_retention, with all up to 5', 'nor without its number');
SELECT is((SELECT array_agg(problem) FROM mlops.check_catalog() WHERE problem ~ 'audit log' AND object !~ 'trigger' AND object !~ '^(version|deployment)'), NULL, 'no problem of the catalog');
DELETE FROM mlops_catalog.decision_seal;
SELECT is(maintained('audit_log'), 2::bigint, 'what was sealed is gone, and so is what it kept');
SELECT is((SELECT (intact, entries)::text FROM mlops.verify_audit()), '(t,4)', 'two cuts verify');
SELECT is((SELECT (intact, problem)::text FROM mlops.verify_audit(7, repeat('0', 64))), '(,"entry 7 was cut by mlops.audit_retention, with all up to 7: its hash cannot be checked")', 'a wrong hash of the last one proves nothing');
SELECT is((SELECT problem FROM mlops.verify_audit(8, repeat('0', 64))), 'entry 8 does not have the given hash: the log was rewritten', 'one of an entry that is there does');
ALTER TABLE mlops_catalog.audit_log DISABLE TRIGGER ALL;
SAVEPOINT unchained;
UPDATE mlops_catalog.audit_log AS a SET previous_hash = sha256('x'), hash = mlops_catalog.audit_hash(sha256('x'), a.seq, a.logged_at, a.role, a.session_role, a.event, a.model, a.version, a.detail) WHERE seq = 8;
SELECT is((SELECT (intact, bad_seq, problem)::text FROM mlops.verify_audit()), '(f,8,"entry 8 is not chained to entry 7, which was cut before it")', 'what was put in place of the first that is left');
ROLLBACK TO unchained;
-- somebody cuts by hand
DELETE FROM mlops_catalog.audit_log WHERE seq = 8;
SELECT is((SELECT (intact, bad_seq, problem)::text FROM mlops.verify_audit()), '(f,8,"entry 8 is missing")', 'what was cut by hand is missing');
SELECT * FROM finish();
ROLLBACK;
