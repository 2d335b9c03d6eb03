-- Model cards, why, and settings as a document.
\ir setup.psql
SELECT plan(58);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_app;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 9}');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', algorithm => 'logistic_regression');
	SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}')$$, 'three versions');

-- card
SELECT throws_ok($$SELECT mlops.model_card('fraud')$$, '55000', 'no version of model "fraud" is deployed', 'no version to be about');
SELECT lives_ok($$SELECT mlops.describe('fraud', 'Cards | Europe', 'Not for transfers'); SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.01}}'); SELECT mlops.approve('fraud', 1, 'reviewed');
	SELECT mlops.deploy('fraud', 1, note => 'first'); SELECT mlops.set_alias('fraud', 'champion', 1)$$, 'a life');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
CREATE TEMP TABLE card AS SELECT mlops.model_card('fraud') AS text;
SELECT alike(text, E'# Model card: fraud, version 1\n%', 'the card is about what is deployed') FROM card;
SELECT is(array_agg(m[1] ORDER BY n), '{Purpose,Limits,Data,Metrics,Threshold,Importance,Features,Parameters,Checks,Approvals,Lineage,History}', 'its sections')
FROM card, regexp_matches(text, '^## (.*)$', 'gn') WITH ORDINALITY AS s(m, n);
SELECT alike(text, E'%\n## Purpose\n\nCards | Europe\n%\n## Limits\n\nNot for transfers\n%', 'purpose and limits') FROM card;
SELECT alike(text, '%| SHA-256 | ' || (SELECT sha256 FROM mlops.versions WHERE version = 1) || ' |%', 'identity') FROM card;
SELECT alike(text, '%| rows | 5000, of which ' || (SELECT count(*) FROM tx WHERE is_fraud) || ' positive%', 'data') FROM card;
SELECT alike(text, '%| pr_auc | ' || (SELECT trim_scale(round(pr_auc::numeric, 5)) FROM mlops.versions WHERE version = 1) || ' |%', 'metrics') FROM card;
SELECT alike(text, '%Scores of ' || (SELECT threshold FROM mlops.versions WHERE version = 1) || ' and more are flagged, chosen by `{"max": "f1"}`%', 'threshold') FROM card;
SELECT alike(text, '%| regress_mlops_owner | % | reviewed |%', 'approvals') FROM card;
SELECT alike(text, '%| deploy | regress_mlops_owner | direct first |%', 'history') FROM card;
SELECT is((SELECT count(*) FROM regexp_matches(mlops.model_card('fraud', by => '{country,online}'), '^### By (country|online)$', 'gn')), 2::bigint, 'metrics by segment');
CREATE TEMP TABLE test_rows AS SELECT * FROM tx ORDER BY ts DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE version = 1);
SELECT alike(mlops.model_card('fraud', by => '{country}'), '%| DE | ' || (SELECT format('%s | %s | %s |', rows, positives, trim_scale(round(pr_auc::numeric, 5))) FROM mlops.evaluate('fraud/1', 'test_rows', by => '{country}') WHERE segment = '{"country": "DE"}') || '%', 'on the test rows');
SELECT throws_ok($$SELECT mlops.model_card('fraud', 2, by => '{country}')$$, '55000', NULL, 'random test rows have no segments');
SELECT alike(mlops.model_card('fraud', 2), E'%\n## Coefficients\n%| (intercept) |%', 'coefficients of a linear model');
SELECT is(mlops_catalog.figure(f), t, 'figure ' || t) FROM (VALUES (0.0000123456::float8, '0.000012346'), (123456.7, '123457'), (-1.5, '-1.5'), (0, '0'), ('NaN', 'NaN'), (99999.96, '100000')) AS x(f, t);
SELECT throws_ok($$SELECT mlops.model_card('fraud', 9)$$, '42704', NULL, 'a version that does not exist');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.model_card('fraud', 1)$$, '42501', NULL, 'others get no card');
SET LOCAL ROLE regress_mlops_owner;

-- why
SET LOCAL mlops.log_features = on;
CREATE TEMP TABLE decision AS SELECT (d).* FROM (SELECT mlops.decide('fraud', t) AS d FROM tx t WHERE id = 4242) q;
CREATE TEMP TABLE why AS SELECT mlops.why(prediction_id) AS w FROM decision;
SELECT is((w -> 'decision' ->> 'score')::float8, score, 'why: the score') FROM why, decision;
SELECT is((w ->> 'score_again')::float8, score, 'which the version still gives') FROM why, decision;
SELECT is((w ->> 'version')::int, 1, 'the version') FROM why;
SELECT is(w -> 'features' ->> 'country', (SELECT country FROM tx WHERE id = 4242), 'the features') FROM why;
SELECT is(w -> 'route' ->> 'note', 'first', 'the deployment') FROM why;
SELECT is(w -> 'training' ->> 'sha256', (SELECT sha256 FROM mlops.versions WHERE version = 1), 'the training') FROM why;
SELECT is(w -> 'dataset' ->> 'content_hash', (SELECT content_hash FROM mlops.datasets ORDER BY dataset_id LIMIT 1), 'the data set') FROM why;
SELECT is(w -> 'approvals' -> 0 ->> 'role', 'regress_mlops_owner', 'who approved') FROM why;
SELECT is(w -> 'checks' -> 0 ->> 'condition', 'pr_auc', 'the checks it passed') FROM why;
SELECT is((SELECT string_agg(h ->> 'event', ' ' ORDER BY n) FROM jsonb_array_elements(w -> 'history') WITH ORDINALITY AS x(h, n)), 'train approve gate deploy set_alias', 'its history') FROM why;
SELECT throws_ok($$SELECT mlops.why('00000000-0000-0000-0000-000000000000')$$, '42704', NULL, 'a decision that was not made');
RESET ROLE;
GRANT SELECT ON decision TO PUBLIC;
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.why(prediction_id) FROM decision$$, '42704', NULL, 'others'' decisions do not exist');
SET LOCAL ROLE regress_mlops_owner;

-- settings as a document
CREATE TEMP TABLE spec AS SELECT mlops.export_spec('fraud') AS s;
SELECT is(s -> 'models' -> 'fraud', jsonb_build_object('description', 'Cards | Europe', 'limits', 'Not for transfers', 'owner', 'regress_mlops_owner', 'tags', '{}'::jsonb, 'grants', '{}'::jsonb,
	'gate', '{"pr_auc": {"min": 0.01}}'::jsonb, 'aliases', '{"champion": 1}'::jsonb, 'stages', '{}'::jsonb, 'deploy', jsonb_build_object('version', 1, 'threshold', (SELECT threshold FROM mlops.versions WHERE version = 1))), 'export_spec') FROM spec;
SELECT is_empty('SELECT a.* FROM spec, mlops.apply(s) a', 'applied to itself it changes nothing');
CREATE TEMP TABLE wanted AS SELECT '{"models": {"fraud": {"description": "It''s cards", "tags": {"team": "risk"}, "grants": {"regress_mlops_app": ["score", "train"]},
	"gate": {"roc_auc": {"min": 0.01}}, "stages": {"3": "production"}, "aliases": {"champion": 3, "challenger": 1}, "deploy": {"version": 3, "threshold": 0.25}}}}'::jsonb AS s;
CREATE TEMP TABLE planned AS SELECT a.* FROM wanted, mlops.apply(s, dry_run => true) a;
SELECT is((SELECT string_agg(concat_ws(' ', setting, item), ', ' ORDER BY setting, item, new) FROM planned), 'aliases challenger, aliases champion, deploy, description, gate, grants regress_mlops_app, grants regress_mlops_app, stages 3, tags team', 'a dry run says what would change');
SELECT is(mlops.export_spec('fraud'), s, 'and changes nothing') FROM spec;
SELECT results_eq('SELECT a.* FROM wanted, mlops.apply(s) a', 'SELECT * FROM planned', 'then it is done as planned');
SELECT is_empty('SELECT a.* FROM wanted, mlops.apply(s) a', 'a second time nothing is left to do');
SELECT is((SELECT deployed_version FROM mlops.models), 3, 'deployed');
SELECT is((SELECT (mlops.predict('fraud', t)).threshold FROM tx t LIMIT 1), 0.25::float8, 'with its threshold');
SELECT is((SELECT stage FROM mlops.versions WHERE version = 3), 'production', 'in production');
SELECT is((SELECT limits FROM mlops.models), 'Not for transfers', 'what the document does not name stays');
SELECT results_eq($$SELECT setting, item, former, new FROM mlops.apply('{"models": {"fraud": {"tags": {}, "grants": {"regress_mlops_app": ["score"]}, "aliases": {"champion": 3}, "gate": {}}}}')$$,
	$$VALUES ('tags', 'team', 'risk', NULL), ('grants', 'regress_mlops_app', 'train', NULL), ('gate', NULL, '{"roc_auc": {"min": 0.01}}', '{}'), ('aliases', 'challenger', '1', NULL)$$, 'what it lacks of what it names is removed');
SELECT is_empty($$SELECT * FROM mlops.apply('{"models": {}}')$$, 'an empty document');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"aliasses": {}}}}')$$, '22023', 'unrecognized key "aliasses" in "models.fraud"', 'an unknown setting');
SELECT throws_ok($$SELECT mlops.apply('{"model": {}}')$$, '22023', 'unrecognized key "model" in "spec"', 'an unknown key');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fruad": {}}}')$$, '42704', 'model "fruad" does not exist', 'a model that does not exist');
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"tags": {"a": "b"}, "gate": {"roc_auc": {"min": 0.99999}}, "deploy": {"version": 1}}}}', dry_run => true)$$, '55000', 'version 1 of model "fraud" does not pass the gate', 'a dry run meets what a gate refuses');
SELECT is((SELECT tags FROM mlops.models), '{}', 'an error leaves nothing');
SET LOCAL ROLE regress_mlops_app;
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"grants": {"regress_mlops_app": ["manage"]}}}}')$$, '42501', 'permission denied to manage model "fraud"', 'with the caller''s rights only');
SET LOCAL ROLE regress_mlops_other;
SELECT is(mlops.export_spec(), '{"models": {}}', 'of what one may see');
SELECT throws_ok($$SELECT mlops.export_spec('fraud')$$, '42501', NULL, 'and no more');
RESET ROLE;
SELECT is((SELECT count(*) FROM mlops.apply('{"models": {"fraud": {"owner": "regress_mlops_other", "description": "x"}}}')), 2::bigint, 'the owner comes last');
SELECT is(mlops.export_spec('fraud') -> 'models' -> 'fraud' ->> 'owner', 'regress_mlops_other', 'and is another');
SELECT * FROM finish();
ROLLBACK;
