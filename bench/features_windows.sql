-- The features of demo/features.sql by SQL's window functions: the view that they are
-- measured against.  Transactions of a customer within one second count in the order of
-- their numbers: a microsecond apart, they are no longer peers.

CREATE VIEW by_windows AS
WITH ordered AS (
	-- Transactions of a customer within one second count in the order of their
	-- numbers: a microsecond apart, they are no longer peers.
	SELECT *,
		   tx_datetime + interval '1 microsecond' *
		   row_number() OVER (PARTITION BY customer_id, tx_datetime
							  ORDER BY transaction_id) AS moment
	FROM transactions
)
SELECT transaction_id,
	   tx_datetime,
	   customer_id,
	   terminal_id,
	   tx_amount,
	   (extract(isodow FROM tx_datetime) >= 6)::int AS tx_during_weekend,
	   (extract(hour FROM tx_datetime) <= 6)::int AS tx_during_night,

	   count(*) OVER customer_1day AS customer_id_nb_tx_1day_window,
	   avg(tx_amount) OVER customer_1day AS customer_id_avg_amount_1day_window,
	   count(*) OVER customer_7day AS customer_id_nb_tx_7day_window,
	   avg(tx_amount) OVER customer_7day AS customer_id_avg_amount_7day_window,
	   count(*) OVER customer_30day AS customer_id_nb_tx_30day_window,
	   avg(tx_amount) OVER customer_30day AS customer_id_avg_amount_30day_window,

	   count(*) OVER terminal_1day AS terminal_id_nb_tx_1day_window,
	   coalesce(avg(tx_fraud::int) OVER terminal_1day, 0)::float8 AS terminal_id_risk_1day_window,
	   count(*) OVER terminal_7day AS terminal_id_nb_tx_7day_window,
	   coalesce(avg(tx_fraud::int) OVER terminal_7day, 0)::float8 AS terminal_id_risk_7day_window,
	   count(*) OVER terminal_30day AS terminal_id_nb_tx_30day_window,
	   coalesce(avg(tx_fraud::int) OVER terminal_30day, 0)::float8 AS terminal_id_risk_30day_window,

	   tx_fraud
FROM ordered
WINDOW
	customer AS (PARTITION BY customer_id ORDER BY moment),
	customer_1day AS (customer RANGE BETWEEN '1 day -0.001 second' PRECEDING AND CURRENT ROW),
	customer_7day AS (customer RANGE BETWEEN '7 days -0.001 second' PRECEDING AND CURRENT ROW),
	customer_30day AS (customer RANGE BETWEEN '30 days -0.001 second' PRECEDING AND CURRENT ROW),
	terminal AS (PARTITION BY terminal_id ORDER BY tx_datetime),
	terminal_1day AS (terminal RANGE BETWEEN '8 days -0.001 second' PRECEDING AND '7 days' PRECEDING),
	terminal_7day AS (terminal RANGE BETWEEN '14 days -0.001 second' PRECEDING AND '7 days' PRECEDING),
	terminal_30day AS (terminal RANGE BETWEEN '37 days -0.001 second' PRECEDING AND '7 days' PRECEDING);
