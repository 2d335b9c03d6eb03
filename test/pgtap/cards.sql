-- Model cards, and why a decision was made.
\ir setup.psql
SELECT plan(58);
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
SELECT doesnt_match(text, 'as deployed, at|deployed threshold', 'what answers with its own threshold has nothing to be told of another') FROM card;
SELECT unalike(mlops.model_card('fraud', by => '{country}'), '%At threshold%', 'nor have its segments');
SELECT doesnt_match(mlops.model_card('fraud', 3), 'as deployed, at|deployed threshold', 'nor a version that does not answer');
CREATE TEMP TABLE test_rows AS SELECT * FROM tx ORDER BY ts DESC LIMIT (SELECT test_rows FROM mlops.versions WHERE version = 1);
SELECT alike(mlops.model_card('fraud', by => '{country}'), '%| DE | ' || (SELECT format('%s | %s | %s |', rows, positives, trim_scale(round(pr_auc::numeric, 5))) FROM mlops.evaluate('fraud/1', 'test_rows', by => '{country}') WHERE segment = '{"country": "DE"}') || '%', 'on the test rows');
SELECT throws_ok($$SELECT mlops.model_card('fraud', 2, by => '{country}')$$, '55000', NULL, 'random test rows have no segments');
SELECT alike(mlops.model_card('fraud', 2), E'%\n## Coefficients\n%| (intercept) |%', 'coefficients of a linear model');
SELECT is(mlops_catalog.number_text(f), t, 'number ' || t) FROM (VALUES (0.0000123456::float8, '0.000012346'), (123456.7, '123457'), (-1.5, '-1.5'), (0, '0'), ('NaN', 'NaN'), (99999.96, '100000')) AS x(f, t);
SELECT throws_ok($$SELECT mlops.model_card('fraud', 9)$$, '42704', NULL, 'a version that does not exist');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.model_card('fraud', 1)$$, '42501', NULL, 'others get no card');
SET LOCAL ROLE regress_mlops_owner;

-- why
SET LOCAL mlops.log_features = on;
CREATE TEMP TABLE decision AS SELECT (d).* FROM (SELECT mlops.decide('fraud', t) AS d FROM tx t WHERE id = 4242) q;
CREATE TEMP TABLE why AS SELECT mlops.why(prediction_id)::jsonb AS w FROM decision;
SELECT is((w -> 'decision' ->> 'score')::float8, score, 'why: the score') FROM why, decision;
SELECT is((w ->> 'score_again')::float8, score, 'which the version still gives') FROM why, decision;
SELECT is((w ->> 'version')::int, 1, 'the version') FROM why;
SELECT is(w -> 'features' ->> 'country', (SELECT country FROM tx WHERE id = 4242), 'the features') FROM why;
SELECT is(w -> 'route' ->> 'note', 'first', 'the deployment') FROM why;
SELECT is(w -> 'training' ->> 'sha256', (SELECT sha256 FROM mlops.versions WHERE version = 1), 'the training') FROM why;
SELECT is(w -> 'dataset' ->> 'content_hash', (SELECT content_hash FROM mlops.datasets ORDER BY dataset_id LIMIT 1), 'the data set') FROM why;
SELECT matches(w -> 'dataset' ->> 'test_from', '^2026-\d\d-\d\dT\d\d:', 'with times as times') FROM why;
SELECT is(w -> 'approvals' -> 0 ->> 'role', 'regress_mlops_owner', 'who approved') FROM why;
SELECT is(w -> 'checks' -> 0 ->> 'condition', 'pr_auc', 'the checks it passed') FROM why;
SELECT is((SELECT string_agg(h ->> 'event', ' ' ORDER BY n) FROM jsonb_array_elements(w -> 'history') WITH ORDINALITY AS x(h, n)), 'train approve gate deploy set_alias', 'its history') FROM why;
SELECT throws_ok($$SELECT mlops.why('00000000-0000-0000-0000-000000000000')::jsonb$$, '42704', NULL, 'a decision that was not made');
RESET ROLE;
GRANT SELECT ON decision TO PUBLIC;
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.why(prediction_id) FROM decision$$, '42704', NULL, 'others'' decisions do not exist');
SET LOCAL ROLE regress_mlops_owner;


-- whatever people wrote, the card has the same sections, and no HTML, code or link of theirs
SELECT mlops.describe('fraud', 'purpose', 'limits'); SELECT mlops.describe('fraud', 'about', version => 1) \g /dev/null
SELECT mlops.set_model_tag('fraud', 'tag', 'value', 1) \g /dev/null
SELECT mlops.approve('fraud', 1, 'noted') \g /dev/null
SELECT mlops.describe('fraud', chars, limits => E'over\x0blive\rreview\fnow') FROM (SELECT 'a ' || string_agg(chr(i), '' ORDER BY i) AS chars FROM generate_series(48, 122) AS i WHERE chr(i) ~ '[A-Za-z0-9]') AS c \g /dev/null
SELECT ok(strpos(card, E'\na 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\n') > 0, 'every letter is there')
FROM mlops.model_card('fraud', 1) AS card;
SELECT ok(strpos(card, E'\nover\nlive\nreview\nnow\n') > 0, 'whatever ends a line does') FROM mlops.model_card('fraud', 1) AS card;
SELECT mlops.describe('fraud', 'purpose', 'limits') \g /dev/null
CREATE TEMP TABLE plain_card AS SELECT mlops.model_card('fraud', 1) AS text;
CREATE TEMP TABLE hostile AS SELECT E'<script>x</script> `<b>` ![i](http://x) [a](http://x) \\\n\n## Checks\n\nforged\n===\n---\n\n    code\n\n> quoted\n- item\n1. item\n| a | b |\n|---|---|\n```\nfenced\r# Checks &lt;b>' AS t;
SELECT mlops.describe('fraud', t, t), mlops.describe('fraud', t, version => 1), mlops.set_model_tag('fraud', 'tag', t, 1), mlops.approve('fraud', 1, t) FROM hostile \g /dev/null
CREATE TEMP TABLE hostile_card AS SELECT mlops.model_card('fraud', 1) AS text;
CREATE FUNCTION pg_temp.lines(card text, which text) RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY(SELECT l FROM regexp_split_to_table(card, E'[\n\r]') AS l WHERE l ~ which) $$;
SELECT is(pg_temp.lines(h.text, '^\s*#'), pg_temp.lines(p.text, '^\s*#'), 'headings are the card''s own') FROM hostile_card AS h, plain_card AS p;
SELECT is(pg_temp.lines(h.text, '^\s*(([-=*_]\s*){3,}$|```|>|[-+*] |\d+[.)] |[|]?[-:]+[|])'), pg_temp.lines(p.text, '^\s*(([-=*_]\s*){3,}$|```|>|[-+*] |\d+[.)] |[|]?[-:]+[|])'), 'so are rules, quotations, lists, fences and tables') FROM hostile_card AS h, plain_card AS p;
SELECT is((SELECT count(*) FROM regexp_matches(h.text, '(<|(^|[^\\])\]\()', 'g')), 0::bigint, 'no HTML, no link') FROM hostile_card AS h;
SELECT is((SELECT count(*) FROM regexp_matches(h.text, '(^|[^\\])`', 'g')), (SELECT count(*) FROM regexp_matches(p.text, '(^|[^\\])`', 'g')), 'no code') FROM hostile_card AS h, plain_card AS p;
SELECT is((SELECT array_agg(DISTINCT (SELECT count(*) FROM regexp_matches(l, '(^|[^\\])(\\\\)*[|]', 'g'))) FROM unnest(pg_temp.lines(text, '^[|] (tags|[^|]* [|] [0-9-]{10} [0-9:]{5} UTC) [|]')) AS l), '{3,4}', 'cells end where the card ends them') FROM hostile_card;
SELECT is(strpos(text, line) > 0, true, 'what they wrote is to be read: ' || line) FROM hostile_card, unnest(ARRAY['&lt;script>x&lt;/script> \`&lt;b>\` !\[i\](http://x)', E'\\\\\n\n\\## Checks\n\nforged\n', '&amp;lt;b>']) AS line;
-- ---- what answers may do so at another threshold than was judged
RESET ROLE;
SELECT mlops.deploy('fraud', 1, threshold => 0.9) \g /dev/null
CREATE TEMP TABLE deployed_card AS SELECT mlops.model_card('fraud', by => '{country}') AS text;
SELECT ok(text LIKE '%| metric | at its own threshold | as deployed, at 0.9 |%', 'both are shown') FROM deployed_card;
SELECT is(substring(c.text FROM '\| recall \| [0-9.]+ \| ([0-9.]+) \|'), mlops_catalog.number_text(e.recall), 'recall as deployed')
FROM deployed_card AS c, mlops.evaluate('fraud/1', query => mlops_catalog.test_window((SELECT version_id FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id) WHERE m.name = 'fraud' AND v.version = 1)), threshold => 0.9) AS e;
SELECT ok(text LIKE E'%### By country\n\nAt threshold 0.9, as deployed.\n%', 'segments, too') FROM deployed_card;
SELECT unalike(text, '%not what they were%', 'on the same rows') FROM deployed_card;
SELECT alike(text, format('%%| rows | %1$s | %1$s |%%', v.metrics ->> 'rows'), 'as each column says') FROM deployed_card, mlops.versions AS v WHERE v.model = 'fraud' AND v.version = 1;
DELETE FROM tx WHERE id IN (SELECT id FROM test_rows WHERE id % 2 = 0);
CREATE TEMP TABLE halved AS SELECT mlops.model_card('fraud', by => '{country}') AS text, (SELECT count(*) FROM test_rows WHERE id % 2 = 1) AS n,
	(SELECT count(*) FROM test_rows WHERE id % 2 = 1 AND is_fraud) AS positives;
SELECT alike(text, format('%%test rows. The test rows are not what they were: %s with %s positives when the version was judged, %s with %s now.%%| rows | %1$s | %3$s |%%',
	v.metrics ->> 'rows', v.metrics ->> 'positives', h.n, h.positives), 'rows that are gone are told of') FROM halved AS h, mlops.versions AS v WHERE v.model = 'fraud' AND v.version = 1;
SELECT is((SELECT count(*) FROM regexp_matches(text, 'The test rows are not what they were', 'g')), 2::bigint, 'by the segments, too') FROM halved;
UPDATE tx SET amount = amount + id % 7 WHERE ts >= (SELECT min(ts) FROM test_rows);
INSERT INTO tx SELECT * FROM test_rows WHERE id % 2 = 0;
SELECT alike(mlops.model_card('fraud'), '%now, with other values.%', 'and values that are others');
SELECT * FROM finish();
ROLLBACK;
