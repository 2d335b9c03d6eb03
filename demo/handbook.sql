-- A file in the Handbook's raw layout, from the table "raw".

SET client_min_messages = warning;

-- The scenario is known of simulated transactions only.
ALTER TABLE raw ADD COLUMN IF NOT EXISTS tx_fraud_scenario int;

CREATE TABLE transactions AS
SELECT transaction_id, tx_datetime, customer_id, terminal_id, tx_amount, tx_fraud, tx_fraud_scenario
FROM raw
ORDER BY tx_datetime, transaction_id;

DROP TABLE raw;
ALTER TABLE transactions ADD PRIMARY KEY (transaction_id);
ANALYZE transactions;
