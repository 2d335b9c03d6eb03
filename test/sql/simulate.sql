-- mlops.simulate_transactions: transactions with known frauds, the same for the
-- same seed, resembling those of the Fraud Detection Handbook.

-- every argument has a default
SELECT count(*) > 100000 AS many, min(tx_datetime) >= '2025-01-01' AS from_start,
       max(tx_datetime) < date '2025-01-01' + 60 AS to_end,
       bool_and(tx_amount >= 0) AS amounts, bool_and(tx_fraud = (tx_fraud_scenario > 0)) AS labels
FROM mlops.simulate_transactions();

-- places, habits and frauds as in the book (its run: 1,754,155 rows, 0.8369 %
-- frauds, 53.63 on average, 973, 9,077 and 4,631 rows of the scenarios)
CREATE TEMP TABLE book AS
SELECT * FROM mlops.simulate_transactions(5000, 10000, 183, '2018-04-01');
SELECT count(*) BETWEEN 1700000 AND 1810000 AS rows,
       100 * avg(tx_fraud::int) BETWEEN 0.75 AND 0.92 AS fraud_percent,
       avg(tx_amount) BETWEEN 52 AND 56 AS mean_amount,
       count(DISTINCT customer_id) BETWEEN 4950 AND 5000 AS customers,
       count(DISTINCT terminal_id) BETWEEN 9990 AND 10000 AS terminals,
       min(customer_id) >= 0 AND max(customer_id) < 5000
       AND min(terminal_id) >= 0 AND max(terminal_id) < 10000 AS numbered_from_0
FROM book;
SELECT tx_fraud_scenario AS scenario,
       CASE tx_fraud_scenario
           WHEN 0 THEN max(tx_amount) <= 220
           WHEN 1 THEN min(tx_amount) > 220 AND count(*) BETWEEN 700 AND 1250
           WHEN 2 THEN max(tx_amount) < 400 AND count(*) BETWEEN 8000 AND 10000
           WHEN 3 THEN avg(tx_amount) BETWEEN 220 AND 320 AND count(*) BETWEEN 3900 AND 5400
       END AS as_in_the_book
FROM book GROUP BY 1 ORDER BY 1;

-- sorted by time, numbered by position
SELECT count(*) AS out_of_order
FROM (SELECT transaction_id, tx_datetime,
             row_number() OVER () - 1 AS position, lag(tx_datetime) OVER () AS before
      FROM book) AS t
WHERE transaction_id <> position OR tx_datetime < before;

-- customers keep to few terminals and to amounts of their own
SELECT max(terminals) < 200 AS near, stddev(mean_amount) > 20 AS habits
FROM (SELECT count(DISTINCT terminal_id) AS terminals, avg(tx_amount) AS mean_amount
      FROM book WHERE NOT tx_fraud GROUP BY customer_id) AS customer;

-- the same seed gives the same rows, another one gives others, and a longer
-- simulation begins with a shorter one
CREATE TEMP TABLE small AS SELECT * FROM mlops.simulate_transactions(100, 200, 20, seed => 7);
SELECT (SELECT count(*) FROM small) > 3000 AS many,
       (SELECT count(*) FROM (TABLE small EXCEPT SELECT * FROM mlops.simulate_transactions(100, 200, 20, seed => 7)) AS d) AS same_seed,
       (SELECT count(*) FROM (TABLE small EXCEPT SELECT * FROM mlops.simulate_transactions(100, 200, 30, seed => 7)) AS d) AS longer,
       (SELECT count(*) FROM (TABLE small EXCEPT SELECT * FROM mlops.simulate_transactions(100, 200, 20, seed => 8)) AS d) > 3000 AS other_seed;

-- fraud patterns: none, one kind alone, and changing from a day on
SELECT count(*) FILTER (WHERE tx_fraud) AS frauds
FROM mlops.simulate_transactions(large_amount => 1e9, compromised_terminals => 0, stolen_cards => 0);
SELECT array_agg(DISTINCT tx_fraud_scenario ORDER BY tx_fraud_scenario) AS scenarios
FROM mlops.simulate_transactions(large_amount => 1e9, compromised_terminals => 2, stolen_cards => 0);
SELECT tx_datetime >= date '2025-01-01' + 40 AS drifted,
       round(avg(tx_amount) FILTER (WHERE NOT tx_fraud) / 10) * 10 AS mean_amount_about,
       array_agg(DISTINCT tx_fraud_scenario ORDER BY tx_fraud_scenario) AS scenarios
FROM mlops.simulate_transactions(compromised_terminals => 0, stolen_cards => 0, drift_day => 40,
                                 drift_amount_factor => 2, drift_stolen_cards => 5,
                                 drift_large_amount => 1e9, drift_stolen_factor => 0.5)
GROUP BY 1 ORDER BY 1;

-- one customer, one terminal, one day
SELECT count(DISTINCT customer_id) <= 1 AND count(DISTINCT terminal_id) <= 1 AS ok
FROM mlops.simulate_transactions(1, 1, 1, radius => 0.001);

-- arguments are checked by name
CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ': ' || message || E'\n' || hint;
END $$;
SELECT pg_temp.error_of('SELECT count(*) FROM mlops.simulate_transactions(' || arguments || ')')
FROM (VALUES
    (1, 'customers => 0'),
    (2, 'customers => 1000001'),
    (3, 'terminals => -1'),
    (4, 'days => 0'),
    (5, 'days => NULL'),
    (6, 'start => ''infinity'''),
    (7, 'start => ''294276-12-20'''),
    (8, 'seed => NULL'),
    (9, 'radius => 0'),
    (10, 'radius => ''NaN'''),
    (11, 'large_amount => -1'),
    (12, 'compromised_terminals => 2001'),
    (13, 'stolen_cards => 1000.5'),
    (14, 'stolen_factor => 101'),
    (15, 'drift_day => 60'),
    (16, 'drift_amount_factor => 2'),
    (17, 'drift_day => 30, drift_stolen_cards => -1')) AS t (n, arguments)
ORDER BY n;

-- a long simulation is cancelled in time
SET statement_timeout = '300ms';
SELECT clock_timestamp() AS started \gset
SELECT count(*) FROM mlops.simulate_transactions(100000, 100000, 3650);
RESET statement_timeout;
SELECT clock_timestamp() - :'started' < interval '1.3 s' AS stopped_within_a_second;
