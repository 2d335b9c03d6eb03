-- Transactions for a demo: four months of 2,000 customers at 4,000 terminals.

CREATE TABLE transactions AS
SELECT * FROM mlops.simulate_transactions(customers => 2000, terminals => 4000, days => 120);

ALTER TABLE transactions ADD PRIMARY KEY (transaction_id);
ANALYZE transactions;
