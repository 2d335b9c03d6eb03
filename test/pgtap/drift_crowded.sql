-- Drift away from a value that nearly all rows have, to values of which there were
-- too few for a bin of their own.
\ir setup.psql
SELECT plan(12);

-- ---- a feature
CREATE TABLE zeros AS SELECT g AS id, CASE WHEN g % 300 = 0 THEN 100 + g % 7000 ELSE 0 END AS amount, hashint4(g) & 1023 AS other, hashint4(g) % 3 = 0 AS y FROM generate_series(1, 20000) AS g;
SELECT mlops.train('zeros', 'zeros', target => 'y', key => 'id', params => '{"n_estimators": 5}', split => '{"test": 0, "validation": 0}') \g /dev/null
CREATE FUNCTION amount_psi(q text) RETURNS float8 LANGUAGE sql AS $$
	SELECT statistic FROM mlops.check_drift('zeros', query => q, version => 1) WHERE feature = 'amount' AND test = 'psi' $$;
SELECT ok(amount_psi('SELECT *, 100 + id % 7000 AS amount FROM (SELECT id, other FROM zeros) AS z') > 5, 'from one value to a thousand others');
SELECT ok(amount_psi('SELECT id, other, CASE WHEN id % 2 = 0 THEN 100 + id % 7000 ELSE 0 END AS amount FROM zeros') BETWEEN 2 AND 5, 'half of the rows');
SELECT is(amount_psi('SELECT id, other, CASE WHEN id % 2 = 0 THEN 400 ELSE 0 END AS amount FROM zeros') > 2, true, 'to one that was rare');
SELECT is(amount_psi('SELECT * FROM zeros'), 0::float8, 'not the rows learned from');
SELECT is((SELECT count(*) FROM generate_series(0, 19) AS w CROSS JOIN LATERAL mlops.check_drift('zeros',
	query => format('SELECT * FROM zeros WHERE hashint4(id) & 31 = %s', w), version => 1) AS c WHERE c.drifted), 0::bigint, 'nor parts of them');

-- ---- scores: the index of guards and monitors, of bins of equal width
CREATE FUNCTION bins(VARIADIC rows bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$		-- 64: rows of the first, of the middle, each of the last 31
	SELECT rows[1] || array_fill(0::bigint, ARRAY[31]) || rows[2] || array_fill(rows[3], ARRAY[31]) $$;
SELECT ok(abs(mlops_catalog.histogram_psi(bins(1318, 5, 0), bins(0, 2000, 0)) - (0.5 / 2000 - 1318.0 / 1323) * ln(0.5 / 2000 * 1323 / 1318)
	- (1 - 5.0 / 1323) * ln(1323 / 5.0)) < 1e-9, 'all scores moved to where few were');
SELECT ok(mlops_catalog.histogram_psi(bins(1318, 0, 0), bins(0, 2000, 0)) > 5, 'or none');
SELECT ok(mlops_catalog.histogram_psi(bins(1318, 5, 0), bins(0, 0, 100)) > 5, 'to many bins that were empty');
SELECT is(mlops_catalog.histogram_psi(bins(1318, 5, 0), bins(660, 3, 0)), 0::float8, 'no drift: one bin is too small to be looked at');
SELECT is(mlops_catalog.histogram_psi('{}', '{}'), NULL, 'no bins');

CREATE TABLE payments AS SELECT * FROM mlops.simulate_transactions(customers => 100, terminals => 200, days => 30);
SELECT mlops.train('payments', 'payments', target => 'tx_fraud', key => 'transaction_id', time_column => 'tx_datetime',
	exclude => '{tx_fraud_scenario,customer_id,terminal_id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('payments', 'payments', target => 'tx_fraud', key => 'transaction_id', time_column => 'tx_datetime',
	exclude => '{tx_fraud_scenario,customer_id,terminal_id}') \g /dev/null
SELECT ok(bool_and(c.statistic > 5 AND c.drifted), 'scores of few trees and of many') FROM generate_series(1, 2) AS v
	CROSS JOIN LATERAL mlops.check_drift('payments', query => 'SELECT transaction_id, tx_datetime, tx_amount * 10 AS tx_amount FROM payments', version => v) AS c WHERE c.kind = 'score';
SELECT ok(bool_and(NOT c.drifted), 'none of the rows judged on') FROM generate_series(1, 2) AS v
	CROSS JOIN LATERAL mlops.check_drift('payments', query => 'SELECT * FROM payments ORDER BY tx_datetime DESC LIMIT 1300', version => v) AS c WHERE c.kind = 'score';
SELECT finish();
