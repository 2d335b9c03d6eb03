-- Trains on the public data sets of :data and prints what is reached, as
-- data set | algorithm | metric | reached | at least | reference
--   psql -v data=DIRECTORY -f bench/quality.sql
-- Run in a database of its own that has mlops.  XGBoost's numbers are those of
-- quality_xgboost.py.
\set ON_ERROR_STOP true
\set QUIET 1
SET client_min_messages = warning;

-- The Fraud Detection Handbook's own split, chapter 3: 15 features.
CREATE TABLE handbook (transaction_id int, tx_datetime timestamp, customer_id int, terminal_id int,
	tx_amount float8, tx_time_seconds int, tx_time_days int, tx_fraud int, tx_fraud_scenario int,
	tx_during_weekend int, tx_during_night int,
	customer_id_nb_tx_1day_window int, customer_id_avg_amount_1day_window float8,
	customer_id_nb_tx_7day_window int, customer_id_avg_amount_7day_window float8,
	customer_id_nb_tx_30day_window int, customer_id_avg_amount_30day_window float8,
	terminal_id_nb_tx_1day_window int, terminal_id_risk_1day_window float8,
	terminal_id_nb_tx_7day_window int, terminal_id_risk_7day_window float8,
	terminal_id_nb_tx_30day_window int, terminal_id_risk_30day_window float8, split text);
\set copy '\\copy handbook FROM PROGRAM \'gzip -dc ' :data '/handbook_benchmark_split.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy

-- European card transactions of two days, every fraud and a sample of the rest:
-- the earlier 80 % to learn from.
\set columns `seq -f 'v%g float8' -s ', ' 28`
CREATE TABLE card ("time" int, :columns, amount float8, class int);
\set copy '\\copy card FROM PROGRAM \'gzip -dc ' :data '/ulb_creditcard_subset.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy
CREATE VIEW card_split AS
SELECT *, CASE WHEN row_number() OVER (ORDER BY "time", v1) <= 0.8 * count(*) OVER () THEN 'train' ELSE 'test' END AS split
FROM card;

-- Census incomes with text columns and NULLs, in the published split.
CREATE TABLE adult (age int, workclass text, fnlwgt int, education text, education_num int, marital_status text,
	occupation text, relationship text, race text, sex text, capital_gain int, capital_loss int,
	hours_per_week int, native_country text, split text, income_gt_50k int);
\set copy '\\copy adult FROM PROGRAM \'gzip -dc ' :data '/adult_census.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy

CREATE TABLE result (position int GENERATED ALWAYS AS IDENTITY, data_set text, algorithm text, version int, metrics jsonb);
CREATE PROCEDURE judge(data_set text, source regclass, target name, exclude name[], algorithm text) LANGUAGE sql AS $$
	INSERT INTO result (data_set, algorithm, version, metrics)
	SELECT data_set, algorithm, version, metrics
	FROM mlops.train(data_set, source, target => target, exclude => exclude, algorithm => algorithm,
		split => '{"fold": "split"}')
$$;
\set handbook_others '{transaction_id, tx_datetime, customer_id, terminal_id, tx_time_seconds, tx_time_days, tx_fraud_scenario}'
CALL judge('handbook_benchmark_split', 'handbook', 'tx_fraud', :'handbook_others', 'gradient_boosting');
CALL judge('handbook_benchmark_split', 'handbook', 'tx_fraud', :'handbook_others', 'logistic_regression');
UPDATE result SET metrics = metrics || jsonb_build_object('card_precision_at_100', (SELECT avg(card_precision_at_k)
	FROM mlops.daily_precision(format('%s/%s', data_set, version), time_column => 'tx_datetime', card_column => 'customer_id', k => 100)));
CALL judge('ulb_creditcard_subset', 'card_split', 'class', NULL, 'gradient_boosting');
CALL judge('ulb_creditcard_subset', 'card_split', 'class', NULL, 'logistic_regression');
CALL judge('adult_census', 'adult', 'income_gt_50k', NULL, 'gradient_boosting');
CALL judge('adult_census', 'adult', 'income_gt_50k', NULL, 'logistic_regression');

SELECT r.data_set, r.algorithm, m.metric, round((r.metrics ->> m.metric)::numeric, 4), m.at_least, m.reference
FROM (VALUES
	('handbook_benchmark_split', 'gradient_boosting', 'pr_auc', 0.635, 'XGBoost 3.4: 0.6351, the book: 0.639'),
	('handbook_benchmark_split', 'gradient_boosting', 'roc_auc', 0.875, 'XGBoost 3.4: 0.885, the book: 0.862'),
	('handbook_benchmark_split', 'gradient_boosting', 'card_precision_at_100', 0.280, 'the book: 0.273'),
	('handbook_benchmark_split', 'logistic_regression', 'card_precision_at_100', 0.290, 'the book: 0.291'),
	('handbook_benchmark_split', 'logistic_regression', 'pr_auc', 0.605, 'the book: 0.606'),
	('handbook_benchmark_split', 'logistic_regression', 'roc_auc', 0.870, 'the book: 0.871'),
	('ulb_creditcard_subset', 'gradient_boosting', 'pr_auc', 0.870, NULL),
	('ulb_creditcard_subset', 'gradient_boosting', 'roc_auc', 0.985, NULL),
	('ulb_creditcard_subset', 'logistic_regression', 'pr_auc', 0.865, NULL),
	('ulb_creditcard_subset', 'logistic_regression', 'roc_auc', NULL, NULL),
	('adult_census', 'gradient_boosting', 'roc_auc', 0.925, NULL),
	('adult_census', 'gradient_boosting', 'pr_auc', NULL, NULL),
	('adult_census', 'logistic_regression', 'roc_auc', NULL, NULL)
) AS m (data_set, algorithm, metric, at_least, reference)
JOIN result AS r USING (data_set, algorithm)
ORDER BY r.position, m.metric;
