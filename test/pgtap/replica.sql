-- What audits, forgets or refuses does so whatever session_replication_role says.
\ir setup.psql
SELECT plan(14);
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 2}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 9}');
	SELECT mlops.deploy('fraud', 1); SELECT mlops.snapshot('tx', 'kept')$$, 'two versions, one deployed, and a copy');
PREPARE scores AS SELECT round(mlops.score('fraud', t)::numeric, 12) FROM tx t WHERE id = 7;
CREATE TEMP TABLE expected AS SELECT v AS version, round(mlops.score_version('fraud', v, t)::numeric, 12) AS score FROM tx t, generate_series(1, 2) v WHERE id = 7;
CREATE FUNCTION scored() RETURNS numeric LANGUAGE plpgsql AS $$ DECLARE s numeric; BEGIN EXECUTE 'EXECUTE scores' INTO s; RETURN s; END $$;
SELECT isnt((SELECT score FROM expected WHERE version = 1), (SELECT score FROM expected WHERE version = 2), 'which score differently');
SELECT is(scored(), (SELECT score FROM expected WHERE version = 1), 'a warm session scores with the first');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
CREATE TEMP TABLE before AS SELECT coalesce(max(seq), 0) AS seq FROM mlops.audit_log;
SET LOCAL session_replication_role = replica;
SELECT lives_ok($$SELECT mlops.deploy('fraud', 2)$$, 'the second is deployed in a session that is said to replicate');
SELECT is(scored(), (SELECT score FROM expected WHERE version = 2), 'and answers');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'champion', 2); SELECT mlops.set_alias('fraud', 'challenger', 1);
	SELECT mlops.deploy('fraud', NULL, 'champion_challenger')$$, 'a release by alias');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'champion', 1)$$, 'the alias moves');
SELECT is((SELECT version FROM mlops.deployments WHERE model = 'fraud' AND variant = 'primary'), 1, 'and its route with it');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT array_agg(DISTINCT event ORDER BY event) FROM mlops.audit_log WHERE seq > (SELECT seq FROM before)), '{deploy,set_alias}', 'all of it is in the audit log');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'which is intact');
SELECT throws_ok($$DELETE FROM mlops_catalog.audit_log$$, '42501', 'rows of "audit_log" are never changed or removed', 'where nothing is removed');
SELECT throws_ok($$UPDATE mlops_snapshot.kept SET amount = 0$$, '42501', 'rows of "kept" are never changed or removed', 'as in a copy');
SET LOCAL session_replication_role = origin;
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace::regnamespace::text IN ('mlops_catalog', 'mlops_snapshot')
	AND NOT tgisinternal AND tgenabled <> 'A' AND NOT (tgname IN ('forget_replicated', 'refuse_replicated') AND tgenabled = 'R')$$, 'no trigger of ours depends on it');
SELECT is((SELECT array_agg(object || ': ' || problem) FROM (SELECT set_config('regress.x', 'y', true)) x, LATERAL (SELECT * FROM mlops.check_catalog()) c), NULL, 'check_catalog is content');
SELECT * FROM finish();
ROLLBACK;
