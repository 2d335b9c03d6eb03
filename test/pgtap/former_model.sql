-- Who takes the name of a model that was dropped has nothing of that model's: jobs,
-- entries of the audit log, runs and studies belong to a model, not to its name.
\ir setup.psql
SELECT plan(8);
CREATE ROLE regress_mlops_alice LOGIN;
CREATE ROLE regress_mlops_carol LOGIN;
CREATE ROLE regress_mlops_lead;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
GRANT SELECT ON tx TO PUBLIC;
CREATE FUNCTION made(note text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.deploy('secret', t.version, note => note)
		FROM mlops.train('secret', 'tx', target => 'is_fraud', features => '{amount,balance}', params => '{"n_estimators": 2}') AS t;
END $$;
SET LOCAL ROLE regress_mlops_alice;
SELECT made('of alice') \g /dev/null
RESET ROLE;
-- as submit and tune leave them, which need workers that see this transaction's catalog
CREATE FUNCTION add_study(role regrole) RETURNS void LANGUAGE sql AS $$
	INSERT INTO mlops_catalog.study (identity, experiment_id, model, dataset_id, method, pruner, space, metric, maximise, seed, target, tags, owner)
		SELECT role::text, r.experiment_id, r.model, r.dataset_id, 'random', 'none', '{}', 'pr_auc', true, 1, 'is_fraud', '{}', role
		FROM mlops_catalog.run AS r WHERE r.model = 'secret' ORDER BY r.run_id DESC LIMIT 1
$$;
SELECT add_study('regress_mlops_alice') \g /dev/null
INSERT INTO mlops_catalog.job (command, owner, model, priority, max_retries)
	SELECT c, 'regress_mlops_alice', 'secret', 0, 0 FROM unnest('{SELECT 1,SELECT 2}'::text[]) AS c;
SELECT mlops.set_owner('secret', 'regress_mlops_lead') \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
GRANT regress_mlops_lead TO regress_mlops_carol;
CREATE FUNCTION seen(OUT jobs bigint, OUT entries bigint, OUT of_alice bigint, OUT studies bigint) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM mlops.jobs), (SELECT count(*) FROM mlops.audit_log WHERE model = 'secret'),
		(SELECT count(*) FROM mlops.audit_log WHERE detail ->> 'note' = 'of alice'), (SELECT count(*) FROM mlops.studies)
$$;
SET LOCAL ROLE regress_mlops_carol;
SELECT ok(jobs = 2 AND entries >= 3 AND studies = 1, 'members of a model''s owner see what is its') FROM seen();
RESET ROLE;
SELECT mlops.drop_model('secret', true) \g /dev/null
REVOKE regress_mlops_lead FROM regress_mlops_carol;
SET LOCAL ROLE regress_mlops_carol;
SELECT results_eq('SELECT * FROM seen()', $$VALUES (0::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'without the model nothing');
SELECT made('of carol') \g /dev/null
RESET ROLE;
SELECT add_study('regress_mlops_carol') \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SET LOCAL ROLE regress_mlops_carol;
SELECT is(jobs, 0::bigint, 'no job of the former model') FROM seen();
SELECT is(of_alice, 0::bigint, 'no entry of the audit log') FROM seen();
SELECT is(studies, 1::bigint, 'no study, but one''s own') FROM seen();
SELECT is((SELECT count(DISTINCT owner) FROM mlops.runs), 1::bigint, 'no run');
RESET ROLE;
SET LOCAL ROLE regress_mlops_alice;
SELECT ok(jobs = 2 AND of_alice = 0 AND studies = 1, 'who did it sees her jobs and studies still, not the log of a model that is not hers') FROM seen();
RESET ROLE;
SELECT is((SELECT intact FROM mlops.verify_audit()), true, 'the audit log is intact');
SELECT * FROM finish();
ROLLBACK;
