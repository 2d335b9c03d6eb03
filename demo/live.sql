-- Payments that come in: each is one INSERT, and the deployed model scores it on
-- its way in, with the features computed from the rows that are there by then.  They
-- are the last thousand transactions again, a month later.

ALTER TABLE transactions ADD COLUMN score float8, ADD COLUMN flagged boolean;
CREATE TRIGGER decide BEFORE INSERT ON transactions FOR EACH ROW
	EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'flagged', 'transaction_id');

CREATE TABLE took (ms float8);
DO $$
DECLARE
	payment record;
	began timestamptz;
BEGIN
	FOR payment IN (SELECT t.transaction_id + 100000000 AS transaction_id, t.tx_datetime + interval '30 days' AS tx_datetime, t.customer_id, t.terminal_id, t.tx_amount
			FROM transactions AS t ORDER BY t.tx_datetime DESC LIMIT 1000) LOOP
		began := clock_timestamp();
		INSERT INTO transactions (transaction_id, tx_datetime, customer_id, terminal_id, tx_amount)
		VALUES (payment.transaction_id, payment.tx_datetime, payment.customer_id, payment.terminal_id, payment.tx_amount);
		INSERT INTO took VALUES (1000 * extract(epoch FROM clock_timestamp() - began));
	END LOOP;
END
$$;
