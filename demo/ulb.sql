-- The ULB credit card file, from the table "raw": its rows get a number, and
-- its seconds become times (two days of September 2013; the day is not known).
-- V1 to V28 are features already, so nothing else has to be prepared.

CREATE TABLE transactions AS
SELECT row_number() OVER (ORDER BY "time") AS transaction_id,
	   timestamp '2013-09-01' + "time" * interval '1 second' AS tx_datetime,
	   v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14,
	   v15, v16, v17, v18, v19, v20, v21, v22, v23, v24, v25, v26, v27, v28,
	   amount AS tx_amount,
	   class AS tx_fraud
FROM raw;

DROP TABLE raw;
ALTER TABLE transactions ADD PRIMARY KEY (transaction_id);
CREATE VIEW prepared AS SELECT * FROM transactions;
ANALYZE transactions;
