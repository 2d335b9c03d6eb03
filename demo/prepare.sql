-- The features as a table: computed once, read by training and scoring.

CREATE TABLE prepared AS
SELECT * FROM transaction_features
ORDER BY tx_datetime, transaction_id;

ALTER TABLE prepared ADD PRIMARY KEY (transaction_id);
ANALYZE prepared;
