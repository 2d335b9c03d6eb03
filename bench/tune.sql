-- The public data sets of :data, cut for tuning: column part is train,
-- validation or test.
\set ON_ERROR_STOP true
\set QUIET 1
CREATE TABLE handbook_raw (transaction_id int, tx_datetime timestamp, customer_id int, terminal_id int,
	tx_amount float8, tx_time_seconds int, tx_time_days int, tx_fraud int, tx_fraud_scenario int,
	tx_during_weekend int, tx_during_night int,
	customer_id_nb_tx_1day_window int, customer_id_avg_amount_1day_window float8,
	customer_id_nb_tx_7day_window int, customer_id_avg_amount_7day_window float8,
	customer_id_nb_tx_30day_window int, customer_id_avg_amount_30day_window float8,
	terminal_id_nb_tx_1day_window int, terminal_id_risk_1day_window float8,
	terminal_id_nb_tx_7day_window int, terminal_id_risk_7day_window float8,
	terminal_id_nb_tx_30day_window int, terminal_id_risk_30day_window float8, split text);
\set copy '\\copy handbook_raw FROM PROGRAM \'gzip -dc ' :data '/handbook_benchmark_split.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy
CREATE VIEW handbook AS
SELECT transaction_id, tx_amount, tx_during_weekend, tx_during_night,
	customer_id_nb_tx_1day_window, customer_id_avg_amount_1day_window, customer_id_nb_tx_7day_window,
	customer_id_avg_amount_7day_window, customer_id_nb_tx_30day_window, customer_id_avg_amount_30day_window,
	terminal_id_nb_tx_1day_window, terminal_id_risk_1day_window, terminal_id_nb_tx_7day_window,
	terminal_id_risk_7day_window, terminal_id_nb_tx_30day_window, terminal_id_risk_30day_window, tx_fraud,
	CASE WHEN split = 'test' THEN 'test' WHEN tx_datetime >= '2018-07-30' THEN 'validation' ELSE 'train' END AS part
FROM handbook_raw;

\set columns `seq -f 'v%g float8' -s ', ' 28`
\set names `seq -f 'v%g' -s ', ' 28`
CREATE TABLE card_raw ("time" int, :columns, amount float8, class int);
\set copy '\\copy card_raw FROM PROGRAM \'gzip -dc ' :data '/ulb_creditcard_subset.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy
CREATE VIEW card AS
SELECT "time", :names, amount, class,
	CASE WHEN position <= 0.64 * n THEN 'train' WHEN position <= 0.8 * n THEN 'validation' ELSE 'test' END AS part
FROM (SELECT *, row_number() OVER (ORDER BY "time", v1) AS position, count(*) OVER () AS n FROM card_raw) AS q;
