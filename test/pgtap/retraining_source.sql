-- What a retraining reads: the inputs of the version it repeats, sources that are
-- not what they were, splits that move with the data, versions that flag nothing.
\ir setup.psql
SELECT plan(84);
CREATE TABLE s AS SELECT *, amount * 2 AS double, NULL::float8 AS later FROM tx;
SELECT mlops.train('fraud', 's', target => 'is_fraud', time_column => 'ts', key => 'id', exclude => '{double}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
CREATE FUNCTION inputs(version int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(f ->> 'name', ',' ORDER BY f ->> 'name') FROM mlops.versions v, jsonb_array_elements(v.signature) f WHERE v.model = 'fraud' AND v.version = $1 $$;
\set model fraud
\ir retraining_found.psql

-- ---- columns
ALTER TABLE s ADD refunded_at timestamp;
UPDATE s SET refunded_at = ts + interval '9 days', later = 1 WHERE is_fraud;
SELECT is((SELECT outcome || ': ' || detail FROM mlops.retrain('fraud', gate => '{"pr_auc_vs_deployed": {"min_gain": -1}}', action => 'deploy')),
	'deployed: columns that version 1 does not read were not read: later, refunded_at', 'columns that were added, or empty when learned from, are not read, and told');
SELECT is(inputs(2), inputs(1), 'the inputs are those of the version that is repeated');
SELECT is((SELECT sum(train_rows) FROM mlops.versions WHERE model = 'fraud' AND version = 2), 3500::numeric, 'of all rows');
SELECT matches((SELECT detail FROM mlops.retrain('fraud')), 'version 2 does not read were not read: later, refunded_at$', 'and the next time');
SELECT is((SELECT detail FROM mlops.retrain('fraud', options => '{"new_columns": ["later"], "accept": ["later"]}')),
	E'new columns were read, as asked for: later\ncolumns that version 2 does not read were not read: refunded_at', 'one that is asked for');
SELECT matches(found('SELECT', '{"new_columns": ["refunded_at"]}'), '^rejected: column "refunded_at" almost gives the target away', 'what is filled in after the label');
SELECT is(inputs(3), 'amount,balance,country,later,online', 'is an input');
SELECT is((SELECT detail FROM mlops.retrain('fraud', options => '{"new_columns": true, "accept": ["later", "refunded_at"]}')), 'new columns were read, as asked for: later, refunded_at', 'or all');
SELECT is(inputs(4), 'amount,balance,country,later,online,refunded_at', 'but what was excluded');
SELECT is(found('SELECT', '{"new_columns": ["gone"]}'), E'refused: column "gone", asked for as a new one, is missing\ncolumns that version 2 does not read were not read: later, refunded_at', 'a new one that is not there');
SELECT mlops.drop_version('fraud', 4), mlops.drop_version('fraud', 3) \g /dev/null
ALTER TABLE s DROP later, DROP refunded_at;
UPDATE s SET is_fraud = NOT is_fraud WHERE id = 7;
SELECT is(found('ALTER TABLE s DROP double'), 'deployed', 'an excluded column may go');

-- ---- refused before anything is learned
SELECT is(found('ALTER TABLE s DROP balance'), 'refused: column "balance" is missing', 'a column that is gone');
SELECT is(found('ALTER TABLE s DROP balance, DROP online, ALTER amount TYPE text'),
	E'refused: column "balance" is missing\ncolumn "online" is missing\ncolumn "amount" has type pg_catalog.text, not double precision', 'all that is wrong');
SELECT is(found('ALTER TABLE s DROP is_fraud, DROP ts'), E'refused: column "is_fraud" is missing\ncolumn "ts" is missing', 'the columns with a part to play too');
SELECT is(found('ALTER TABLE s ALTER amount TYPE numeric'), 'deployed', 'a number may be another type of number');
SELECT is(found('UPDATE s SET amount = NULL'), 'refused: column "amount" is NULL or NaN in every row', 'all NULL');
SELECT is(found('UPDATE s SET country = ''DE'''), 'refused: column "country" has the same value in every row: DE', 'one country');
SELECT is(found('UPDATE s SET online = true'), 'refused: column "online" has the same value in every row: true', 'one truth');
SELECT is(found('UPDATE s SET amount = -amount'), 'refused: column "amount" has in 75.1 % of the rows values that training did not see: -100.06 to -0.05, far from 0.06 to 100.06', 'negative amounts');
SELECT is(found('UPDATE s SET amount = 100 * amount'), 'refused: column "amount" has in 98.8 % of the rows values that training did not see: 5 to 10006, far from 0.06 to 100.06', 'another unit');
SELECT is(found('UPDATE s SET country = lower(country)'), 'refused: column "country" has in 100.0 % of the rows values that training did not see: between de and us', 'other codes');
SELECT is(found('UPDATE s SET amount = NULL WHERE id % 3 = 0'), 'refused: column "amount" is NULL or NaN in 33.3 % of the rows, in training in 0.0 %', 'many more NULLs');
SELECT is(found('UPDATE s SET amount = NULL WHERE id % 6 = 0'), 'deployed', 'some more');
SELECT is(found('UPDATE s SET balance = 7 WHERE balance IS NULL'), 'deployed', 'or fewer');
SELECT is(found('DELETE FROM s'), 'refused: there are no rows with a target', 'no rows at all');
SELECT is(found('UPDATE s SET amount = -amount', '{"accept": ["amount"]}', 'register'), 'registered', 'what is accepted by name is learned from');
SELECT is((SELECT array_agg(version ORDER BY version) FROM mlops.versions WHERE model = 'fraud'), '{1,2}', 'nothing came of any of it');
UPDATE s SET amount = NULL;
SELECT is((SELECT concat_ws(' ', base_version, coalesce(version::text, 'none'), outcome) FROM mlops.retrain('fraud', 'nightly')), '2 none refused', 'a refusal is kept');
SELECT is((SELECT detail ->> 'outcome' FROM mlops_catalog.audit_waiting WHERE event = 'retrain' ORDER BY waiting_id DESC LIMIT 1), 'refused', 'and in the audit log');
UPDATE s SET amount = double / 2;

-- ---- the deployed version is compared on rows that pass the same checks
SELECT is(found('UPDATE s SET amount = NULL WHERE id > 4000', '{}'), E'rejected: test rows: column "amount" is NULL or NaN in every row\nit flags none of its 1000 test rows', 'test rows that are broken');
SELECT is(found('UPDATE s SET amount = -amount WHERE id > 4000', '{}'), E'rejected: test rows: column "amount" has in 75.1 % of the rows values that training did not see: -100.03 to -0.05, far from 0.06 to 100.06\nit flags none of its 1000 test rows', 'or far away');

-- ---- splits that move with the data
SELECT mlops.train('rel', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}',
	split => '{"test_last": "5 days", "validation_last": "2 days", "label_delay": "1 day", "window": "20 days"}') \g /dev/null
SELECT is((SELECT concat_ws(' ', train_rows, validation_rows, test_rows) FROM mlops.versions WHERE model = 'rel'), '1728 288 721', 'lengths of time before the newest row');
DELETE FROM tx WHERE id > 4000;
SELECT is((SELECT detail FROM mlops.retrain('rel')), NULL, 'nothing is to be told');
SELECT is((SELECT concat_ws(' ', train_rows, validation_rows, test_rows) FROM mlops.versions WHERE model = 'rel' AND version = 2), '1728 288 721', 'which go with it');
SELECT is((SELECT (SELECT max(ts) FROM tx) - to_timestamp(test_from) AT TIME ZONE 'UTC' FROM mlops_catalog.dataset ORDER BY dataset_id DESC LIMIT 1), interval '5 days', 'the newest are judged on');
SELECT mlops.retrain('rel', options => '{"window": "10 days"}') \g /dev/null
SELECT is((SELECT train_rows FROM mlops.versions WHERE model = 'rel' AND version = 3), 288::bigint, 'a policy may ask for a window');
SELECT mlops.train('fixed', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}', split => '{"test_from": "2026-01-20"}') \g /dev/null
UPDATE tx SET is_fraud = NOT is_fraud WHERE id = 7;
SELECT is((SELECT detail FROM mlops.retrain('fixed')), 'the dates of its split are fixed, rows after them are never learned from: test_from 2026-01-20', 'dates are told');
SELECT is((SELECT r.request -> 'split' FROM mlops_catalog.run r ORDER BY run_id DESC LIMIT 1), '{"refit": true, "test_from": "2026-01-20"}', 'the validation rows are learned from in the end');
SELECT throws_ok(format($$SELECT mlops.%s('x', 'tx', target => 'is_fraud', %s split => %L)$$, f, t, s), '22023', m, format('%s (%s) with %s', f, t, s))
	FROM (VALUES ('train'), ('tune')) AS c(f), (VALUES ('time_column => ''ts'','), ('')) AS r(t), (VALUES
		('{"test_to": "2026-01-20"}', '"test_to" in "split" needs "test_from"'), ('{"test": 0.3, "test_to": "1999-01-01"}', '"test_to" in "split" needs "test_from"'),
		('{"test": 0, "test_to": "2026-01-20"}', '"test_to" in "split" needs "test_from"'), ('{"test_last": "1 day", "test_to": "2026-01-20"}', '"test_to" in "split" needs "test_from"'),
		('{"fold": "country", "test_to": "2026-01-20"}', '"test_to" in "split" needs "test_from"'),
		('{"validation": 0.2, "validation_from": "2026-01-20"}', '"validation_from" in "split" needs "test_from"')) AS w(s, m);
SELECT throws_ok($$SELECT mlops.cross_validate('tx', target => 'is_fraud', time_column => 'ts', split => '{"test_from": "2026-01-20", "test_to": "2026-01-21"}')$$, '22023', 'unrecognized key "test_to" in "split"', 'folds take none of them');
SELECT throws_ok($$SELECT mlops.train('x', 'tx', target => 'is_fraud', time_column => 'ts', split => '{"validation_last": "1 day"}')$$, '22023', '"validation_last" in "split" needs "test_last"', 'validation without a test');
SELECT throws_ok($$SELECT mlops.train('x', 'tx', target => 'is_fraud', time_column => 'ts', split => '{"test_last": "0 days"}')$$, '22023', '"test_last" in "split" must be a length of time above 0, not "0 days"', 'a length that is none');
SELECT throws_ok($$SELECT mlops.train('x', 'tx', target => 'is_fraud', split => '{"window": "9 days"}')$$, '22023', 'a split by time needs "time_column"', 'a window without times');
SELECT throws_ok($$SELECT mlops.train('x', 'tx', target => 'is_fraud', time_column => 'id', split => '{"window": "9 days"}')$$, '42804', 'column "id" of "time_column" has no times, but numbers', 'numbers are no times');
SELECT throws_ok($$SELECT mlops.train('x', 'tx', target => 'is_fraud', time_column => 'ts', split => '{"window": "9 days", "test_last": "9 days"}')$$, '22023', '"window" in "split" leaves nothing to learn from', 'nothing is left');

-- ---- thresholds
CREATE TABLE hard AS SELECT id, ts, (hashint4(id) & 1023)::float8 AS a, hashint4(id * 3) % 20 = 0 AS is_fraud FROM generate_series(1, 6000) AS id, LATERAL (SELECT timestamp '2026-01-01' + id * interval '1 minute' AS ts) t;
SELECT mlops.train('hard', 'hard', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 3}', threshold => '{"min_precision": 0.85}') \g /dev/null
SELECT matches((SELECT metrics ->> 'threshold_shortfall' FROM mlops.versions WHERE model = 'hard'),
	'^"precision" 0.85 was asked for; the best that can be reached is 0.\d+, with threshold 0.\d+, which is chosen. Of the test rows 100 % are flagged.$', 'a target that cannot be met is told with the best there is');
SELECT ok((SELECT max(f.value) FILTER (WHERE f.name = 'threshold_target') = 0.85 AND max(f.value) FILTER (WHERE f.name = 'threshold_target_reached') < 0.85
	FROM mlops_catalog.run_metric f JOIN mlops_catalog.run USING (run_id) WHERE model = 'hard'), 'and kept in the run');
SELECT mlops.deploy('hard', 1) \g /dev/null
SELECT matches((SELECT outcome || ': ' || detail FROM mlops.retrain('hard', action => 'deploy')), '^rejected: it flags all of its 1200 test rows \("precision" 0.85', 'and is not deployed by itself');
SELECT is((SELECT version FROM mlops.deployments WHERE model = 'hard'), 1, 'what answers stays');
CREATE TABLE drifting AS SELECT id, timestamp '2026-01-01' + id * interval '1 minute' AS ts, CASE WHEN id > 4800 THEN 900 + hashint4(id) % 100 ELSE hashint4(id) & 1023 END::float8 AS a,
	(CASE WHEN id > 4800 THEN 900 + hashint4(id) % 100 ELSE hashint4(id) & 1023 END) > 900 AND hashint4(id * 5) % 3 = 0 AS is_fraud FROM generate_series(1, 6000) AS id;
SELECT mlops.train('drifting', 'drifting', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 20}', threshold => '{"alert_rate": 0.01}') \g /dev/null
SELECT mlops.deploy('drifting', 1) \g /dev/null
SELECT matches((SELECT outcome || ': ' || detail FROM mlops.retrain('drifting', action => 'deploy', options => '{"accept": ["a"]}')), '^rejected: (alert_rate is 0.\d+ on its test rows, 0.01 was asked for|it flags none of its 1200 test rows)', 'nor one that is far from its target');
DELETE FROM drifting WHERE id = 1;
SELECT matches((SELECT outcome || ': ' || detail FROM mlops.retrain('drifting', action => 'deploy', options => '{"threshold": 1}')), 'it flags none of its 1200 test rows', 'nor with a threshold above all scores');
CREATE TYPE word AS ENUM ('a', 'b');
CREATE DOMAIN amount AS float8;
CREATE DOMAIN small_amount AS amount;
CREATE TABLE typed AS SELECT id, (ARRAY['a', 'b'])[1 + id % 2]::word AS w, (hashint4(id) & 1023)::small_amount AS d, hashint4(id * 3) % 7 = 0 AS is_fraud
FROM generate_series(1, 3000) AS id;
SELECT mlops.train('typed', 'typed', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT is((SELECT outcome FROM mlops.retrain('typed')), 'registered', 'an enum and a domain of domains are what they were');
CREATE TABLE halved AS SELECT id, (id % 2)::float8 AS a, id % 2 = 0 AND id % 10 <> 0 AS is_fraud FROM generate_series(1, 8000) AS id;
SELECT mlops.train('halved', 'halved', target => 'is_fraud', time_column => 'id') \g /dev/null
UPDATE halved SET a = 0 WHERE id > 6400;
SELECT alike((SELECT outcome || ': ' || detail FROM mlops.retrain('halved')), 'rejected: %column "a" has the same value in every row: 0%', 'a column that is constant in many test rows');
-- ---- a source that is gone
CREATE FUNCTION gone_sources(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	problems text;
BEGIN
	EXECUTE change;
	SELECT string_agg(concat_ws(' ', c.model, c.object, c.problem), E'\n' ORDER BY c.object) INTO problems FROM mlops.check_catalog() AS c;
	RAISE 'undo' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
	RETURN problems;
END
$$;
SELECT is(found('DROP TABLE s'), 'refused: relation "public.s" does not exist', 'a table that is gone');
SELECT is(found('ALTER TABLE s RENAME TO other'), 'refused: relation "public.s" does not exist', 'or has another name');
CREATE SCHEMA "Old ""data""";
CREATE TABLE "Old ""data"""."Pay" AS SELECT * FROM s;
SELECT mlops.train('quoted', query => 'SELECT id, amount, is_fraud FROM "Old ""data"""."Pay"', target => 'is_fraud', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT is(found('DROP SCHEMA "Old ""data""" CASCADE', model => 'quoted', action => 'register'), 'refused: relation "Old "data".Pay" does not exist', 'a table of a query');
SELECT is(found('ALTER TABLE "Old ""data"""."Pay" DROP amount', model => 'quoted', action => 'register'), 'refused: column "amount" does not exist', 'a column of a query');
SELECT mlops.set_retraining_policy('fraud', schedule => '0 3 * * *'), mlops.monitor('fraud', every => '1 day', source => '"Old ""data"""."Pay"', time_column => 'ts') \g /dev/null
SELECT is(gone_sources('SELECT'), NULL, 'check_catalog is content with sources that are there');
SELECT is(gone_sources('DROP TABLE s, "Old ""data"""."Pay"'),
	E'fraud monitor reads "Old ""data"""."Pay", which does not exist: drift is not computed; mlops.monitor() gives it another source\n'
	'fraud retraining policy reads public.s, which does not exist: it refuses to retrain; mlops.train() from another source, and deploy that version',
	'and names the monitor and the policy whose source is gone');
SELECT mlops.set_retraining_policy('quoted', schedule => '0 3 * * *') \g /dev/null
SELECT mlops.monitor('quoted', query => 'SELECT p.*, p.ts AS at FROM "Old ""data"""."Pay" AS p JOIN public.s USING (id) WHERE EXISTS (SELECT FROM public.tx)', time_column => 'at') \g /dev/null
SELECT is(gone_sources('DROP TABLE "Old ""data"""."Pay"; SELECT mlops.unmonitor(''fraud'')'),
	E'quoted monitor reads "Old ""data"""."Pay", which does not exist: drift is not computed; mlops.monitor() gives it another source\n'
	'quoted retraining policy reads "Old ""data"""."Pay", which does not exist: it refuses to retrain; mlops.train() from another source, and deploy that version',
	'also where a query names it among others');
SELECT mlops.unmonitor('quoted'), mlops.drop_retraining_policy('quoted') \g /dev/null
CREATE ROLE regress_source_trainer;
GRANT SELECT ON tx TO regress_source_trainer;
SELECT mlops.grant('quoted', 'regress_source_trainer', 'train') \g /dev/null
SET ROLE regress_source_trainer;
SELECT throws_ok($$SELECT mlops.retrain('quoted')$$, '42501', 'permission denied for schema Old "data"', 'one that may not be read is an error of who asks');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
