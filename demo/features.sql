-- The Handbook's features, defined once, over the table "transactions"
-- (transaction_id, tx_datetime, customer_id, terminal_id, tx_amount, tx_fraud, ...).
--
-- From Le Borgne, Siblini, Lebichot, Bontempi: "Reproducible Machine Learning
-- for Credit Card Fraud Detection - Practical Handbook" (2022), chapter 3:
--	when		on a weekend? at night (hours 0 to 6)?
--	customer	how many transactions in the last 1, 7, 30 days, and how large
--				on average: this one included
--	terminal	how many transactions in 1, 7, 30 days, and which share of them
--				was fraud: of the windows that ended 7 days ago, because it takes
--				a week until frauds are known
--
-- A row's features use nothing that was not known when the transaction came in.

SELECT mlops.create_feature_view('transaction_features', 'transactions', key => 'transaction_id', time_column => 'tx_datetime', features => '{
	"tx_during_weekend": {"expression": "(extract(isodow FROM tx_datetime) >= 6)::int"},
	"tx_during_night": {"expression": "(extract(hour FROM tx_datetime) <= 6)::int"},

	"customer_id_nb_tx_1day_window": {"aggregate": "count", "by": "customer_id", "window": "1 day"},
	"customer_id_nb_tx_7day_window": {"aggregate": "count", "by": "customer_id", "window": "7 days"},
	"customer_id_nb_tx_30day_window": {"aggregate": "count", "by": "customer_id", "window": "30 days"},
	"customer_id_avg_amount_1day_window": {"aggregate": "avg", "value": "tx_amount", "by": "customer_id", "window": "1 day"},
	"customer_id_avg_amount_7day_window": {"aggregate": "avg", "value": "tx_amount", "by": "customer_id", "window": "7 days"},
	"customer_id_avg_amount_30day_window": {"aggregate": "avg", "value": "tx_amount", "by": "customer_id", "window": "30 days"},

	"terminal_id_nb_tx_1day_window": {"aggregate": "count", "by": "terminal_id", "window": "1 day", "delay": "7 days"},
	"terminal_id_nb_tx_7day_window": {"aggregate": "count", "by": "terminal_id", "window": "7 days", "delay": "7 days"},
	"terminal_id_nb_tx_30day_window": {"aggregate": "count", "by": "terminal_id", "window": "30 days", "delay": "7 days"},
	"terminal_id_risk_1day_window": {"aggregate": "avg", "value": "tx_fraud", "by": "terminal_id", "window": "1 day", "delay": "7 days", "default": 0},
	"terminal_id_risk_7day_window": {"aggregate": "avg", "value": "tx_fraud", "by": "terminal_id", "window": "7 days", "delay": "7 days", "default": 0},
	"terminal_id_risk_30day_window": {"aggregate": "avg", "value": "tx_fraud", "by": "terminal_id", "window": "30 days", "delay": "7 days", "default": 0}
}') \g /dev/null

-- What a payment's features look up.
CREATE INDEX ON transactions (customer_id, tx_datetime);
CREATE INDEX ON transactions (terminal_id, tx_datetime);
