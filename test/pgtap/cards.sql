-- Model cards, and why a decision was made.
\ir setup.psql
SELECT plan(36);
CREATE ROLE regress_mlops_owner;
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

SELECT * FROM finish();
ROLLBACK;
