-- The registry: aliases, stages, descriptions, tags, deletion.
\ir setup.psql
SELECT plan(67);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => jsonb_build_object('n_estimators', n)) FROM generate_series(3, 6) n$$, 'four versions');

-- aliases
SELECT is((SELECT a.version FROM mlops.set_alias('fraud', 'champion', 2) a), 2, 'set_alias returns what it did');
SELECT is((SELECT mlops.score('fraud@champion', t) FROM tx t WHERE id = 7), (SELECT mlops.score('fraud/2', t) FROM tx t WHERE id = 7), 'score by alias');
SELECT is((SELECT (mlops.predict('fraud@champion', t)).version FROM tx t WHERE id = 7), 2, 'predict by alias');
SELECT is((SELECT e.pr_auc FROM mlops.evaluate('fraud@champion', 'tx') e), (SELECT e.pr_auc FROM mlops.evaluate('fraud/2', 'tx') e), 'evaluate by alias');
PREPARE by_alias AS SELECT (mlops.predict('fraud@champion', t)).version FROM tx t WHERE id = 7;
SELECT results_eq('by_alias', 'SELECT 2', 'a prepared statement');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'champion', 3)$$, 'the alias moves');
SELECT results_eq('by_alias', 'SELECT 3', 'and the prepared statement with it');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'champion', 3)$$, 'setting it again is no error');
SELECT is((SELECT aliases FROM mlops.versions WHERE version = 3), '{champion}', 'versions shows it');
SELECT throws_ok($$SELECT mlops.score('fraud@chalenger', t) FROM tx t LIMIT 1$$, '42704', 'alias "chalenger" of model "fraud" does not exist', 'an alias that does not exist');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', 'Champion!', 3)$$, '22023', 'invalid alias "Champion!"', 'an invalid one');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', NULL, 3)$$, '22004', '"alias" must not be null', 'NULL');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', '2', 1)$$, '22023', 'invalid alias "2": it looks like the number of a version', 'a number, which fraud/2 would be mistaken for');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'v2', 2); SELECT mlops.drop_alias('fraud', 'v2')$$, 'with a letter it is none');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', 'champion', 9)$$, '42704', 'version 9 of model "fraud" does not exist', 'a version that does not exist');
SELECT throws_ok($$SELECT mlops.set_alias('fraud', 'champion', NULL)$$, '22004', NULL, 'version NULL');
SELECT is((SELECT a.version FROM mlops.drop_alias('fraud', 'champion') a), 3, 'drop_alias returns what it was');
SELECT throws_ok('EXECUTE by_alias', '42704', NULL, 'then it is gone for warm call sites');
SELECT throws_ok($$SELECT mlops.drop_alias('fraud', 'champion')$$, '42704', NULL, 'and cannot be dropped again');

-- stages
SELECT throws_ok($$SELECT mlops.set_stage('fraud', 1, 'production')$$, '55000', 'version 1 of model "fraud" cannot go from stage "none" to "production"', 'production only after staging');
SELECT throws_ok($$SELECT mlops.set_stage('fraud', 1, 'live')$$, '22023', 'unrecognized stage "live"', 'a stage that does not exist');
SELECT is((SELECT s::text FROM mlops.set_stage('fraud', 1, 'staging', 'looks good') s), '(fraud,1,none,staging)', 'set_stage returns what it did');
SELECT is((SELECT s::text FROM mlops.set_stage('fraud', 1, 'production') s), '(fraud,1,staging,production)', 'on to production');
SELECT is_empty($$SELECT mlops.set_stage('fraud', 1, 'production')$$, 'staying is no change');
SELECT lives_ok($$SELECT mlops.set_stage('fraud', 2, 'staging')$$, 'the next one to staging');
SELECT is((SELECT array_agg(s::text) FROM mlops.set_stage('fraud', 2, 'production') s), '{"(fraud,1,production,archived)","(fraud,2,staging,production)"}', 'production archives the version that was there');
SELECT is((SELECT production_version FROM mlops.models), 2, 'models shows it');
SELECT is((SELECT array_agg(stage ORDER BY version) FROM mlops.versions), '{archived,production,none,none}', 'so does versions');
SELECT lives_ok($$SELECT mlops.set_stage('fraud', 1, 'production')$$, 'and back again');
SELECT is((SELECT count(*) FROM mlops.versions WHERE stage = 'production'), 1::bigint, 'one version is in production');

-- every transition of the table is allowed, and no other
CREATE FUNCTION try_stage(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.set_stage('fraud', 4, s) FROM unnest(CASE a WHEN 'none' THEN '{}' WHEN 'staging' THEN '{staging}'
		WHEN 'production' THEN '{staging,production}' ELSE '{archived}' END::text[]) AS s;
	PERFORM mlops.set_stage('fraud', 4, b);
	RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN RETURN true;
	WHEN object_not_in_prerequisite_state THEN RETURN false;
END $$;
SELECT is((SELECT array_agg(a || '>' || b ORDER BY a, b) FROM unnest('{none,staging,production,archived}'::text[]) a, unnest('{none,staging,production,archived}'::text[]) b WHERE a <> b AND NOT try_stage(a, b)),
	'{none>production,production>none}', 'what is not allowed');

-- descriptions, tags
SELECT is((SELECT d.description FROM mlops.describe('fraud', 'Card payments', limits => 'Not for transfers') d), 'Card payments', 'describe a model');
SELECT is((SELECT d.limits FROM mlops.describe('fraud', 'Card payments in Europe') d), 'Not for transfers', 'what is not given stays');
SELECT is((SELECT limits FROM mlops.describe('fraud', limits => '')), NULL, 'an empty text removes');
SELECT is((SELECT d.description FROM mlops.describe('fraud', 'Six trees', version => 4) d), 'Six trees', 'describe a version');
SELECT throws_ok($$SELECT mlops.describe('fraud', limits => 'x', version => 4)$$, '22023', NULL, 'limits belong to models');
SELECT is(mlops.set_model_tag('fraud', 'team', 'risk'), '{"team": "risk"}', 'tag a model');
SELECT is(mlops.set_model_tag('fraud', 'team', NULL), '{}', 'and take it away');
SELECT is(mlops.set_model_tag('fraud', 'quality "x"', 'é', version => 4), '{"quality \"x\"": "é"}', 'tag a version');
SELECT throws_ok($$SELECT mlops.set_model_tag('fraud', NULL, 'x')$$, '22004', NULL, 'a tag without key');

-- deletion
SELECT lives_ok($$SELECT mlops.deploy('fraud', 3)$$, 'deploy');
SELECT throws_ok($$SELECT mlops.drop_version('fraud', 3)$$, '55006', 'version 3 of model "fraud" is in use', 'what is deployed stays');
SELECT throws_ok($$SELECT mlops.drop_version('fraud', 1)$$, '55006', NULL, 'and what is in production');
SELECT lives_ok($$SELECT mlops.set_alias('fraud', 'old', 2)$$, 'an alias');
SELECT throws_ok($$SELECT mlops.drop_version('fraud', 2)$$, '55006', NULL, 'and what has an alias');
SELECT is((SELECT d.version FROM mlops.drop_version('fraud', 4, 'no use') d), 4, 'others go');
SELECT throws_ok($$SELECT mlops.score('fraud/4', t) FROM tx t LIMIT 1$$, '42704', 'version 4 of model "fraud" does not exist', 'then they do not score');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 4)$$, '42704', NULL, 'nor can they be deployed');
SELECT throws_ok($$SELECT mlops.drop_version('fraud', 4)$$, '42704', NULL, 'nor dropped again');
SELECT is((SELECT count(*) FROM mlops.versions), 3::bigint, 'views do not show them');
SELECT is((SELECT version FROM mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}')), 5, 'numbers are not used again');
SELECT throws_ok($$SELECT mlops.drop_model('fraud')$$, '55006', 'model "fraud" is deployed', 'a deployed model stays');
RESET ROLE;
SELECT is((SELECT count(*) FROM mlops_catalog.model_artifact a JOIN mlops_catalog.model_version v USING (version_id) WHERE v.version = 4), 0::bigint, 'bytes of a dropped version are gone');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.drop_model('fraud', force => true)$$, '42501', NULL, 'others drop nothing');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT d.versions FROM mlops.drop_model('fraud', force => true) d), 4, 'unless forced; the one that was dropped before is not counted');
SELECT is((SELECT count(*) FROM mlops.models) + (SELECT count(*) FROM mlops.versions) + (SELECT count(*) FROM mlops.runs) + (SELECT count(*) FROM mlops.aliases), 0::bigint, 'nothing is left to see');
SELECT throws_ok($$SELECT mlops.score('fraud', t) FROM tx t LIMIT 1$$, '42704', 'model "fraud" does not exist', 'nor to score with');
RESET ROLE;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT string_agg(DISTINCT event, ' ' ORDER BY event) FROM mlops.audit_log), 'deploy describe drop_alias drop_model drop_version set_alias set_stage set_tag train', 'all of it is in the audit log');
SELECT ok((SELECT intact FROM mlops.verify_audit()), 'which verifies');

-- what computes with a version by its number
CREATE FUNCTION make(seed int) RETURNS int LANGUAGE sql AS $$
	SELECT version FROM mlops.train('kept', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 2}', seed => seed) $$;
SELECT is(make(1) + make(2), 3, 'two versions');
CREATE TABLE paid (id int, amount float8, balance float8, country text, online boolean, ts timestamp);
INSERT INTO paid SELECT id, amount, balance, country, online, ts FROM tx WHERE id < 50;
CREATE INDEX by_score ON paid (mlops.score_version('kept', 2, paid));
ALTER TABLE paid ADD CONSTRAINT low CHECK (mlops.score_version('kept', 1, paid) < 2);
ALTER TABLE paid ADD doubtful float8 DEFAULT mlops.score_version('kept', 1, '{"amount": 1, "balance": 1, "country": null, "online": true, "ts": null}'::jsonb);
SELECT is((SELECT array_agg(concat_ws(' ', object, version) ORDER BY object) FROM mlops_catalog.version_callers() WHERE model = 'kept'),
	'{"constraint low on table public.paid 1","default value for column doubtful of table public.paid 1","index public.by_score 2"}', 'index, CHECK and default are found');
SELECT is_empty($$SELECT * FROM mlops.check_catalog() WHERE problem LIKE '%score_version%'$$, 'and nothing is wrong with them');
SELECT mlops.drop_version('kept', 2) \g /dev/null
SELECT is((SELECT array_agg(object) FROM mlops.check_catalog() WHERE problem LIKE '%score_version with version 2, which does not exist%'), '{"index public.by_score"}', 'a version that was dropped');
SELECT mlops.drop_model('kept') \g /dev/null
SELECT is((SELECT count(*) FROM mlops.check_catalog() WHERE model = 'kept' AND problem LIKE '%score_version%'), 3::bigint, 'all of a model');
SELECT is(make(3), 3, 'numbers go on under the old name');
SELECT throws_ok($$INSERT INTO paid SELECT * FROM paid LIMIT 1$$, '42704', 'version 1 of model "kept" does not exist', 'no other model answers for the dropped one');
SELECT * FROM finish();
ROLLBACK;
