-- Cross-validation: folds, what is returned and recorded, errors.
\ir setup.psql
SELECT plan(36);

CREATE TABLE result AS SELECT * FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', exclude => '{ts}',
	folds => 4, params => '{"n_estimators": 20}', tags => '{"team": "risk"}');
SELECT results_eq('SELECT fold FROM result', $$VALUES ('1'), ('2'), ('3'), ('4'), ('mean'), ('std')$$, 'a row for each fold, then mean and std');
SELECT is(sum(test_rows), 5000::numeric, 'stratified: every row is judged once') FROM result;
SELECT ok(max(positives) - min(positives) <= 1, 'and positives are spread evenly') FROM result;
SELECT ok(bool_and(train_rows + validation_rows + test_rows = 5000), 'all rows take part in each fold') FROM result WHERE train_rows IS NOT NULL;
SELECT ok(abs(m.pr_auc - avg(f.pr_auc)) < 1e-12 AND abs(s.pr_auc - stddev_samp(f.pr_auc)) < 1e-12, 'mean and sample standard deviation')
FROM result m, result s, result f WHERE m.fold = 'mean' AND s.fold = 'std' AND f.train_rows IS NOT NULL GROUP BY m.pr_auc, s.pr_auc;
SELECT ok(pr_auc > 0.5, 'something was learned') FROM result WHERE fold = 'mean';
SELECT is(status || ' ' || (tags ->> 'cross_validation') || ' ' || (tags ->> 'team'), 'finished stratified risk', 'it is a run')
FROM mlops.runs WHERE run_id = (SELECT min(result.run_id) FROM result);
SELECT results_eq($$SELECT step, value FROM mlops.run_metrics WHERE model = 'cv' AND name = 'fold_pr_auc' ORDER BY step$$,
	$$SELECT fold::int, pr_auc FROM result WHERE train_rows IS NOT NULL$$, 'with the metrics of each fold');
SELECT is((SELECT value FROM mlops.run_params WHERE model = 'cv' AND name = 'n_estimators'), '20', 'and the parameters');
SELECT is((SELECT count(*) FROM mlops.versions), 0::bigint, 'nothing is registered');
SET LOCAL mlops.threads = 1;
SELECT results_eq($$SELECT pr_auc FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', exclude => '{ts}', folds => 4, params => '{"n_estimators": 20}')$$,
	'SELECT pr_auc FROM result', 'the same folds and models again, with one thread');
RESET mlops.threads;
SELECT results_eq($$SELECT pr_auc, threshold_chosen, f1 FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', exclude => '{ts}', folds => 4, parallel => 1, params => '{"n_estimators": 20}')$$,
	'SELECT pr_auc, threshold_chosen, f1 FROM result', 'and one after the other in this process');
SELECT results_eq($$SELECT pr_auc, threshold_chosen, f1 FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', exclude => '{ts}', folds => 4, parallel => 3, params => '{"n_estimators": 20}')$$,
	'SELECT pr_auc, threshold_chosen, f1 FROM result', 'and with more workers than cores');

-- without times, a category of many levels has its statistic in an order drawn by the seed, in workers too
SELECT results_eq($$SELECT pr_auc, log_loss FROM mlops.cross_validate('cv', query => $$ || quote_literal(q) || $$, target => 'is_fraud', key => 'id', folds => 3, parallel => 2, params => '{"n_estimators": 5}')$$,
	$$SELECT pr_auc, log_loss FROM mlops.cross_validate('cv', query => $$ || quote_literal(q) || $$, target => 'is_fraud', key => 'id', folds => 3, parallel => 1, params => '{"n_estimators": 5}')$$,
	'categories of many levels are learned from alike, with workers and without') FROM (SELECT 'SELECT id, ''m'' || id * 7919 % 400 AS level, is_fraud FROM tx' AS q) AS q;

-- by time: what a training on the same rows gives, with and without a delay
CREATE TABLE by_time AS SELECT * FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', folds => 4,
	split => '{"validation": 0}', params => '{"n_estimators": 20}');
CREATE VIEW fold2 AS SELECT tx.*, CASE WHEN id <= 2000 THEN 'train' WHEN id <= 3000 THEN 'test' END AS part FROM tx;
SELECT mlops.train('same', 'fold2', target => 'is_fraud', key => 'id', time_column => 'ts', split => '{"fold": "part"}', params => '{"n_estimators": 20}') IS NOT NULL \g /dev/null
SELECT results_eq('SELECT train_rows, test_rows FROM by_time WHERE train_rows IS NOT NULL',
	$$VALUES (1000::bigint, 1000::bigint), (2000, 1000), (3000, 1000), (4000, 1000)$$, 'time: all that is earlier, then the next block');
SELECT is((SELECT round(pr_auc::numeric, 12) FROM by_time WHERE fold = '2'), (SELECT round(pr_auc::numeric, 12) FROM mlops.versions WHERE model = 'same'),
	'a fold is a training on its rows, judged on the next block');
SELECT results_eq($$SELECT train_rows, test_rows FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', folds => 4,
	label_delay => '1 day', split => '{"validation": 0}', params => '{"n_estimators": 2}') WHERE train_rows IS NOT NULL$$,
	$$VALUES (856::bigint, 1000::bigint), (1856, 1000), (2856, 1000), (3856, 1000)$$, 'time: a day before each block is left out');
SELECT results_eq($$SELECT train_rows, validation_rows, test_rows FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', folds => 4,
	kind => 'prequential', split => '{"validation": 0.2}', params => '{"n_estimators": 2}') WHERE train_rows IS NOT NULL$$,
	$$SELECT 800::bigint, 200::bigint, 1000::bigint FROM generate_series(1, 4)$$, 'prequential: a window of fixed length, its end held back');
SELECT is(sum(test_rows), 5000::numeric, 'grouped: every row is judged once')
FROM mlops.cross_validate('cv', query => 'SELECT *, id % 40 AS customer FROM tx', target => 'is_fraud', key => 'id', group_by => 'customer', params => '{"n_estimators": 2}');
-- what is recorded is of all rows, not of a fold's, whose memory is gone by then
SELECT count(*) FROM (VALUES (1), (2)) AS c (parallel), LATERAL (SELECT * FROM mlops.cross_validate('window' || c.parallel, 'tx',
	target => 'is_fraud', key => 'id', time_column => 'ts', folds => 3, parallel => c.parallel, params => '{"n_estimators": 2}')) AS v \g /dev/null
SELECT results_eq($$SELECT d.rows, d.train_rows, d.validation_rows, d.test_rows, d.time_from, d.time_to, d.test_from, d.test_to
	FROM mlops.runs r JOIN mlops.datasets d USING (dataset_id) WHERE r.experiment ~ '^window[12]$'$$,
	$$SELECT 5000::bigint, 5000::bigint, 0::bigint, 0::bigint, min(ts), max(ts), NULL::timestamp, NULL::timestamp FROM tx, generate_series(1, 2) g GROUP BY g$$,
	'the recorded times are those of all rows, and none are judged on, with workers and without');
-- a customer's name says all, if the customer was seen: grouped folds never have
\set customers 'SELECT id, id % 40 AS customer, md5((id % 40)::text) AS name, id % 40 < 12 AS fraud FROM tx'
SELECT ok(min(roc_auc) = 1, 'stratified folds share customers')
FROM mlops.cross_validate('cv', query => :'customers', target => 'fraud', key => 'id', exclude => '{customer}', params => '{"n_estimators": 2}') WHERE test_rows > 0;
SELECT ok(max(roc_auc) = 0.5, 'grouped folds share none')
FROM mlops.cross_validate('cv', query => :'customers', target => 'fraud', key => 'id', group_by => 'customer', params => '{"n_estimators": 2}') WHERE test_rows > 0;
SELECT ok(bool_and(iterations < 200), 'early stopping has rows of its own')
FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 200, "early_stopping_rounds": 5}');
SELECT ok(bool_and(iterations > 1), 'logistic regression too') FROM mlops.cross_validate('cv', 'tx', target => 'is_fraud', key => 'id', algorithm => 'logistic_regression') WHERE fold <> 'std';

CREATE FUNCTION refused(arguments text, message text, description text) RETURNS text LANGUAGE sql AS $$
	SELECT throws_ok(format('SELECT mlops.cross_validate(''cv'', ''tx'', target => ''is_fraud'', key => ''id'', %s)', arguments),
		'22023', message, description)
$$;
SELECT refused('folds => 1', 'value 1 of "folds" is out of range', 'one fold');
SELECT refused('parallel => 0', 'value 0 of "parallel" is out of range', 'no process');
SELECT refused($$kind => 'random'$$, 'unrecognized kind "random"', 'unknown kind');
SELECT refused($$kind => 'time'$$, 'folds of kind "time" need "time_column"', 'time without a column');
SELECT refused($$kind => 'grouped'$$, 'folds of kind "grouped" need "group_by"', 'groups without a column');
SELECT refused($$kind => 'stratified', group_by => 'country'$$, 'folds of kind "stratified" take no "group_by"', 'a column without groups');
SELECT refused($$label_delay => '1 day'$$, 'folds of kind "stratified" take no "label_delay"', 'a delay without time');
SELECT refused($$time_column => 'ts', label_delay => '-1 day'$$, '"label_delay" must not be negative', 'a negative delay');
SELECT refused($$split => '{"test": 0.2}'$$, 'unrecognized key "test" in "split"', 'a split beside the folds');
SELECT throws_ok($$SELECT * FROM mlops.cross_validate('cv', query => 'SELECT *, extract(year FROM ts) AS year FROM tx', target => 'is_fraud', folds => 3, time_column => 'year')$$,
	'22000', 'fold 1 has no training rows', 'a fold without rows does not have one class');
-- of two groups one is tested and the other held back
SELECT throws_ok($$SELECT * FROM mlops.cross_validate('cv', query => 'SELECT *, id % 2 AS half FROM tx', target => 'is_fraud', group_by => 'half', folds => 2, params => '{"n_estimators": 2}')$$,
	'22000', 'fold 1 has no training rows', 'what is held back leaves nothing');
SELECT is((SELECT count(*) FROM mlops.cross_validate('cv', query => 'SELECT *, id % 2 AS half FROM tx', target => 'is_fraud', group_by => 'half', folds => 2, split => '{"validation": 0}',
	params => '{"n_estimators": 2}') WHERE fold ~ '^[0-9]+$'), 2::bigint, 'without it, as the hint says, both are tested');
SELECT * FROM finish();
ROLLBACK;
