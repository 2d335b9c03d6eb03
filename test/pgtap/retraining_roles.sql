-- What a retraining checks of the columns that are no inputs, and versions that
-- must not be deployed by themselves.
\ir setup.psql
SELECT plan(76);
CREATE TABLE s AS SELECT *, 1 + id % 3 AS w, CASE WHEN is_fraud THEN 'chargeback' ELSE 'fine' END AS outcome,
	(ARRAY['train', 'train', 'train', 'validation', 'test'])[1 + hashint4(id * 7) % 5 + CASE WHEN hashint4(id * 7) % 5 < 0 THEN 4 ELSE 0 END] AS fold FROM tx;
SELECT mlops.train('fraud', 's', target => 'is_fraud', time_column => 'ts', key => 'id', weight => 'w', exclude => '{outcome,fold}', params => '{"n_estimators": 30}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null

\set model fraud
\ir retraining_found.psql
SELECT is(found('SELECT'), 'deployed', 'what has not changed is deployed');

-- ---- what was learned from is known
SELECT is((SELECT jsonb_object_agg(c ->> 'name', c - '{name,type,kind}'::text[]) FROM mlops_catalog.dataset, jsonb_array_elements(columns) AS c WHERE c ? 'missing'),
	(SELECT jsonb_build_object('is_fraud', jsonb_build_object('missing', 0, 'constant', false, 'minimum', 0, 'maximum', 1, 'positives', avg(is_fraud::int)::float8),
		'id', '{"missing": 0, "constant": false, "repeated": 0}'::jsonb, 'ts', '{"missing": 0, "constant": false}'::jsonb,
		'w', jsonb_build_object('missing', 0, 'constant', false, 'minimum', 1, 'maximum', 3, 'effective', sum(w)::float8 * sum(w) / sum(w * w) / count(*),
			'positives', sum(w) FILTER (WHERE is_fraud)::float8 / sum(w))) FROM s), 'statistics of target, key, time and weight');

-- ---- key, time
SELECT is(found('UPDATE s SET id = NULL'), 'refused: column "id" is NULL in every row', 'a key that is empty');
SELECT is(found('UPDATE s SET id = 7'), E'refused: column "id" has the same value in every row: 7\nkey "id" is not unique: 4999 of 5000 rows have the key of another row, in training 0.00 %', 'a key that is one');
SELECT is(found('INSERT INTO s SELECT s.* FROM s, generate_series(1, 2) WHERE is_fraud'), format('refused: key "id" is not unique: %s of %s rows have the key of another row, in training 0.00 %%', 2 * f, 5000 + 2 * f),
	'a join that fans out') FROM (SELECT count(*) AS f FROM s WHERE is_fraud) AS n;
SELECT is(found('INSERT INTO s SELECT * FROM s WHERE id = 5'), 'refused: key "id" is not unique: 1 of 5001 rows have the key of another row, in training 0.00 %', 'even for one row');
SELECT is(found('INSERT INTO s SELECT * FROM s WHERE id = 5', '{"accept": ["id"]}'), 'deployed', 'what is consented to');
SELECT is(found('UPDATE s SET id = NULL WHERE id % 100 = 0'), 'deployed', 'rows without a key have none of another row');
SELECT is(found('INSERT INTO s SELECT id, ts, amount, balance, country, online, NULL, w, outcome, fold FROM s'), 'deployed', 'rows without a label do not count');
SELECT is(found('UPDATE s SET id = NULL WHERE id % 4 = 0'), 'refused: column "id" is NULL in 25.0 % of the rows, in training in 0.0 %', 'a key that is often empty');
SELECT is(found('ALTER TABLE s ALTER id TYPE text'), 'refused: column "id" has type pg_catalog.text, not integer', 'a key of another type');
SELECT is(found('ALTER TABLE s ALTER id TYPE bigint'), 'deployed', 'of another type of number');
SELECT is(found('ALTER TABLE s DROP id'), 'refused: column "id" is missing', 'a key that is gone');
SELECT is(found('UPDATE s SET ts = ''2026-01-01'''), 'refused: column "ts" has the same value in every row: 2026-01-01 00:00:00.000000', 'one time for all');
SET DateStyle = 'German';
SELECT is(found('UPDATE s SET ts = ''2026-01-01'''), 'refused: column "ts" has the same value in every row: 2026-01-01 00:00:00.000000', 'written the same under any setting');
RESET DateStyle;
SELECT is(found('UPDATE s SET ts = NULL'), 'refused: column "ts" is NULL in every row', 'no time at all');
SELECT is(found('UPDATE s SET ts = NULL WHERE id % 4 = 0'), 'refused: column "ts" is NULL in 25.0 % of the rows, in training in 0.0 %', 'a time that is often empty');
SELECT is(found('UPDATE s SET ts = ''infinity'' WHERE id = 5'), 'refused: column "ts" contains an infinite value: It has one in 1 of the rows with a label.', 'a time without end');
SELECT is(found('UPDATE s SET ts = ts + interval ''1 year'''), 'deployed', 'that time goes on is no trouble');
SELECT is(found('UPDATE s SET id = NULL', '{"accept": ["id"]}', 'register'), 'registered', 'what is accepted by name is learned from');

-- ---- target
SELECT is(found('UPDATE s SET is_fraud = false'), 'refused: target "is_fraud" has only one class: 0 positives among 5000 rows', 'no positives');
SELECT is(found('UPDATE s SET is_fraud = true'), 'refused: target "is_fraud" has only one class: 5000 positives among 5000 rows', 'positives only');
SELECT is(found('UPDATE s SET is_fraud = NULL'), 'refused: there are no rows with a target', 'no labels');
SELECT is(found('UPDATE s SET is_fraud = NOT is_fraud'), E'refused: target "is_fraud" is positive in 93.86 % of the rows, in training in 6.14 %\nweight column "w" puts 93.98 % of the weight on positives, in training 6.02 %', 'the other way round');
SELECT is(found('UPDATE s SET is_fraud = is_fraud AND id % 3 = 0', '{"accept": ["w"]}'), 'deployed', 'a third of the positives');
SELECT is(found('UPDATE s SET is_fraud = id % 100 = 0'), E'refused: target "is_fraud" is positive in 1.00 % of the rows, in training in 6.14 %\nweight column "w" puts 1.01 % of the weight on positives, in training 6.02 %', 'a sixth of them');
SELECT is(found('UPDATE s SET is_fraud = id % 100 = 0', '{"accept": ["is_fraud", "w"]}', 'register'), 'registered', 'as asked for');
SELECT is(found('ALTER TABLE s ALTER is_fraud TYPE text'), 'refused: column "is_fraud" has type pg_catalog.text, not boolean', 'a target of another type');
SELECT is(found('ALTER TABLE s ALTER is_fraud TYPE int USING 2 * is_fraud::int', '{"accept": ["is_fraud"]}'), 'refused: target "is_fraud" has value 2, which is neither 0 nor 1', 'what training itself refuses');

-- ---- weights
SELECT is(found('UPDATE s SET w = ' || coalesce(v, 'NULL') || ' WHERE id = 3'), 'refused: weight column "w" has values in 1 rows that are no weights: NULL, not positive, not a number or too large', 'a weight of ' || coalesce(v, 'NULL'))
	FROM unnest('{0,-1,NULL}'::text[]) AS v;
ALTER TABLE s ALTER w TYPE float8;
SELECT is(found('UPDATE s SET w = ''' || v || ''' WHERE id = 3'), 'refused: weight column "w" has values in 1 rows that are no weights: NULL, not positive, not a number or too large', 'a weight of ' || v)
	FROM unnest('{1e300,NaN,Infinity,1e-310}'::text[]) AS v;
SELECT alike(found('UPDATE s SET w = 1e30 WHERE id = ' || v), 'refused: weight column "w" puts the weight on few rows: they are worth 0.02 % of the rows, in training 85.7%', 'one row above all, ' || v)
	FROM unnest('{3,1111,3900}'::text[]) AS v;
SELECT alike(found('UPDATE s SET w = 1e6 WHERE is_fraud'), 'refused: weight column "w" puts the weight on few rows: they are worth 6.14 %', 'a class above all');
SELECT is(found('UPDATE s SET w = 10 * w WHERE is_fraud'), 'refused: weight column "w" puts 39.04 % of the weight on positives, in training 6.02 %', 'a class far heavier');
SELECT alike(found('UPDATE s SET w = w / 1000'), 'refused: column "w" has in 100.0 % of the rows values that training did not see: 0.001 to 0.003, far from 1 to 3', 'another unit');
SELECT is(found('UPDATE s SET w = NULL'), E'refused: column "w" is NULL in every row\nweight column "w" has values in 5000 rows that are no weights: NULL, not positive, not a number or too large', 'no weights');
SELECT is(found('UPDATE s SET w = 3 - id % 3'), 'deployed', 'other weights like them');
SELECT is(found('UPDATE s SET w = ''NaN'' WHERE id = 3', '{"accept": ["w"]}'), 'refused: weight column "w" has a value that is NULL or NaN', 'what training itself refuses');

-- ---- text targets, folds, costs, sources that cannot be read
UPDATE s SET balance = coalesce(balance, 0);	-- each row has a cost
SELECT mlops.train('folds', 's', target => 'outcome', positive => 'chargeback', features => '{amount,country,online}', params => '{"n_estimators": 30}', split => '{"fold": "fold"}',
	threshold => '{"cost": {"false_positive": 100, "false_negative": "balance"}}') \g /dev/null
SELECT mlops.deploy('folds', 1) \g /dev/null
SELECT is(found('SELECT', model => 'folds'), 'deployed', 'what has not changed is deployed');
SELECT is(found('UPDATE s SET outcome = ''CHARGEBACK'' WHERE outcome = ''chargeback''', model => 'folds'), 'refused: target "outcome" has only one class: 0 positives among 5000 rows', 'another word for it');
SELECT is(found('UPDATE s SET fold = ''train''', model => 'folds'), 'refused: column "fold" has the same value in every row: train', 'one fold');
SELECT is(found('UPDATE s SET fold = ''hold'' WHERE fold = ''test''', model => 'folds'), 'refused: fold column "fold" has value "hold"', 'a fold that is none');
SELECT is(found('UPDATE s SET balance = NULL', model => 'folds'), 'refused: column "balance" is NULL or NaN in every row', 'costs that are gone');
SELECT is(found('UPDATE s SET balance = NULL WHERE id = (SELECT min(id) FROM s WHERE outcome = ''chargeback'')', model => 'folds') ~ '^refused: cost column "balance" of "false_negative" has no cost in 1 of [0-9]+ positive rows: NULL or NaN in 1,', true, 'or one of them');
SELECT is(found('ALTER TABLE s DROP balance', model => 'folds'), 'refused: column "balance" is missing', 'and their column');
-- values of the target
SELECT is((SELECT (SELECT jsonb_agg(v ORDER BY v) FROM jsonb_array_elements(c -> 'values') AS v) FROM mlops_catalog.dataset, jsonb_array_elements(columns) AS c WHERE c ->> 'name' = 'outcome'),
	'["chargeback", "fine"]', 'are recorded where it is read as text');
SELECT is(found('UPDATE s SET outcome = ''CHARGEBACK'' WHERE outcome = ''chargeback'' AND id % 2 = 0', model => 'folds'),
	format('refused: target "outcome" has in %s rows values that training did not see, such as CHARGEBACK', count(*)), 'another spelling of the positive, in some rows') FROM s WHERE is_fraud AND id % 2 = 0;
SELECT is(found('UPDATE s SET outcome = CASE id WHEN 1 THEN ''pending'' ELSE ''lost'' END WHERE id < 4', model => 'folds'),
	'refused: target "outcome" has in 3 rows values that training did not see, such as lost and pending', 'further values, however few');
SELECT is(found('UPDATE s SET outcome = ''pending'' WHERE id = 1', '{"accept": ["outcome"]}', model => 'folds'), 'deployed', 'what is consented to');
SELECT is(found('UPDATE s SET outcome = NULL WHERE id < 100', model => 'folds'), 'deployed', 'no outcome is no value');
CREATE TABLE levels AS SELECT *, (CASE WHEN is_fraud THEN 1.0 WHEN id % 3 = 0 THEN 'NaN' ELSE 2.50 END)::numeric AS level FROM s;
SELECT mlops.train('levels', 'levels', target => 'level', positive => '1', features => '{amount,country,online}', key => 'outcome', params => '{"n_estimators": 30}') \g /dev/null
SELECT mlops.deploy('levels', 1) \g /dev/null
SELECT is(found('UPDATE levels SET level = level * 1.000', model => 'levels'), 'deployed', 'a number is the same with more digits; a key that never was unique need not be');
SELECT is(found('UPDATE levels SET level = 3 WHERE id = 10', model => 'levels'), 'refused: target "level" has in 1 rows values that training did not see, such as 3', 'another number');
CREATE TABLE many AS SELECT *, CASE WHEN is_fraud THEN '0' ELSE (id % 150 + 1)::text END AS kind FROM s;
SELECT mlops.train('many', 'many', target => 'kind', positive => '0', features => '{amount,country,online}', params => '{"n_estimators": 30}') \g /dev/null
SELECT mlops.deploy('many', 1) \g /dev/null
SELECT is(found('UPDATE many SET kind = ''new'' WHERE id = 10', model => 'many'), 'deployed: version 1 does not record which values target "kind" had: new ones were not looked for', 'more than a hundred values are not recorded');
-- nearly unique
CREATE TABLE almost AS SELECT * FROM s UNION ALL SELECT * FROM s WHERE id % 1000 = 0;
SELECT mlops.train('almost', 'almost', target => 'is_fraud', key => 'id', features => '{amount,country,online}', params => '{"n_estimators": 30}') \g /dev/null
SELECT mlops.deploy('almost', 1) \g /dev/null
SELECT is(found('INSERT INTO almost SELECT * FROM s WHERE id % 999 = 0', model => 'almost'), 'deployed', 'a few keys of two rows, as before');
SELECT is(found('INSERT INTO almost SELECT * FROM s WHERE is_fraud', model => 'almost'), format('refused: key "id" is not unique: %s of %s rows have the key of another row, in training 0.10 %%', f + 5, f + 5005), 'many more of them')
	FROM (SELECT count(*) AS f FROM s WHERE is_fraud) AS n;
-- versions that were trained before this was recorded
SELECT is(found($$UPDATE mlops_catalog.dataset SET columns = (SELECT jsonb_agg(c - '{values,repeated}'::text[]) FROM jsonb_array_elements(columns) AS c)$$, model => 'folds'),
	'deployed: version 1 does not record which values target "outcome" had: new ones were not looked for', 'what was not recorded is not compared, and told');
CREATE VIEW v AS SELECT id, ts, amount / (100 - w) AS a, is_fraud FROM s;
SELECT mlops.train('view', 'v', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 30}') \g /dev/null
SELECT is(found('UPDATE s SET w = 100 WHERE id = 3', action => 'register', model => 'view'), 'refused: division by zero', 'a source that fails');
SELECT throws_ok($$SELECT mlops.retrain('folds', options => '{"window": "9 days"}')$$, '22023', '"window" in "options" needs a version that was trained with "time_column"', 'options that cannot be are an error as before');

-- ---- never deployed by itself
SELECT is(found('UPDATE s SET is_fraud = false WHERE id > 4000'), 'rejected: its 1000 test rows have 0 positives, at least 10 rows of each class are needed', 'test rows of one class');
SELECT is(found('UPDATE s SET is_fraud = false WHERE id > 4000 AND id % 202 <> 0'), 'rejected: its 1000 test rows have 5 positives, at least 10 rows of each class are needed', 'too few of one');
SELECT is(found('UPDATE s SET is_fraud = false WHERE id > 4000', action => 'register'), 'registered', 'may be registered');
SELECT is(found('UPDATE s SET ts = least(ts, timestamp ''2026-01-20'')'), 'rejected: there are no test rows, it was judged on its train rows', 'no test rows, for the last day has too many');
SELECT is(found('SELECT', '{"threshold": 0}'), 'rejected: it flags all of its 1000 test rows', 'a threshold below all scores');
SELECT is(found('SELECT', '{"threshold": 1e-9}'), 'rejected: it flags all of its 1000 test rows', 'just below them');
SELECT is(found('SELECT', '{"threshold": 1}'), 'rejected: it flags none of its 1000 test rows', 'above them');
SELECT is(found('SELECT', '{"threshold": 0.3}'), 'deployed', 'between them');
SELECT mlops.train('random', 's', target => 'is_fraud', key => 'id', exclude => '{outcome,fold,w}', params => '{"n_estimators": 30}') \g /dev/null
SELECT is(found('SELECT', ('{"threshold": ' || t || '}')::jsonb, model => 'random'), o, 'rows drawn at random, threshold ' || t)
	FROM (VALUES (0, 'rejected: it flags all of its 1000 test rows'), (1, 'rejected: it flags none of its 1000 test rows'), (0.3, 'deployed')) AS c(t, o);
SELECT * FROM finish();
ROLLBACK;
