-- Transactions for a demo: four months of 1,000 customers at 2,000 terminals.

CREATE TABLE transactions AS
SELECT * FROM mlops.simulate_transactions(customers => 1000, terminals => 2000, days => 120);

ALTER TABLE transactions ADD PRIMARY KEY (transaction_id);
ANALYZE transactions;
