-- fill_catalog.sql - rows in every table of the catalog that a session can fill.
SET client_min_messages = warning;
CREATE TABLE t AS SELECT i AS id, timestamptz '2025-01-01 00:00+00' + i * interval '1 minute' AS at, i % 7 AS a, (i * 7919 % 1000)::float8 AS amount,
	i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
SELECT version FROM mlops.train('fraud', 't', target => 'fraud', key => 'id', time_column => 'at', params => '{"n_estimators": 5}');
SELECT version FROM mlops.train('fraud', 't', target => 'fraud', key => 'id', time_column => 'at', params => '{"n_estimators": 9}');
SELECT version FROM mlops.train('fraud', 't', target => 'fraud', key => 'id', time_column => 'at', algorithm => 'logistic_regression');
SELECT count(*) FROM mlops.tune('fraud', 't', target => 'fraud', key => 'id', trials => 2, space => '{"n_estimators": [2, 3]}');
SELECT mlops.start_run('by hand', tags => '{"team": "fraud"}') AS run \gset
SELECT mlops.log_artifact(:run, 'notes.txt', 'a note');
SELECT mlops.log_metric(:run, 'savings', 12.5);
SELECT mlops.log_param(:run, 'k', '3');
SELECT model FROM mlops.set_gate('fraud', '{"roc_auc": {"min": 0.01}, "approvals": 1}');
SELECT version FROM mlops.approve('fraud', 1);
SELECT version FROM mlops.approve('fraud', 2);
SELECT alias FROM mlops.set_alias('fraud', 'stable', 1);
SELECT model FROM mlops.grant('fraud', 'analyst', 'score');
SELECT role FROM mlops.trust('analyst');
SELECT version FROM mlops.deploy('fraud', 1);
SELECT version FROM mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', guard => '{"alert_rate": {"max": 1}, "precision": {"min": 0}}', threshold => 0.01);
SELECT name FROM mlops.snapshot('t', 'first');
SELECT model FROM mlops.monitor('fraud', source => 't', time_column => 'at', every => '1 day');
SELECT name FROM mlops.set_alert_rule('fraud', 'silence', 'decisions', min => 1000000, min_decisions => 0);
SELECT model FROM mlops.set_retraining_policy('fraud', '@monthly');
SELECT count(mlops.decide('fraud', t)) FROM t;
SELECT mlops.add_labels('fraud', query => 'SELECT id, fraud FROM t', key => 'id', label => 'fraud');
SELECT mlops.add_labels('fraud', query => 'SELECT id, CASE WHEN fraud THEN ''yes'' ELSE ''no'' END AS outcome FROM t LIMIT 5', key => 'id', label => 'outcome', positive => 'yes');
SELECT mlops.import_decisions('fraud', query => 'SELECT t.*, now() - interval ''1 day'' AS seen FROM t', key => 'id', time_column => 'seen');
SELECT * FROM mlops.maintain();
SELECT count(*) FROM mlops.check_guards('fraud');
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 days';
UPDATE mlops_catalog.prediction SET created_at = created_at - interval '2 days';
SELECT * FROM mlops.maintain();	-- a table for that day
SELECT count(*) FROM mlops.run_monitor('fraud');
SELECT outcome FROM mlops.retrain('fraud', 'by hand');
SELECT mlops.submit('SELECT 1') AS job \gset
CALL mlops.wait(:job);
SELECT mlops.submit('SELECT 1/0', max_retries => 0) AS job \gset
CALL mlops.wait(:job);
