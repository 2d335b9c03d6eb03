-- Transactions for everybody who has none to show.

CREATE FUNCTION mlops.simulate_transactions(
	customers int = 1000,
	terminals int = 2000,
	days int = 60,
	start date = '2025-01-01',
	seed bigint = 42,
	radius float8 = 5,
	large_amount float8 = 220,
	compromised_terminals float8 = NULL,
	stolen_cards float8 = NULL,
	stolen_factor float8 = 5,
	drift_day int = NULL,
	drift_amount_factor float8 = NULL,
	drift_large_amount float8 = NULL,
	drift_compromised_terminals float8 = NULL,
	drift_stolen_cards float8 = NULL,
	drift_stolen_factor float8 = NULL,
	OUT transaction_id bigint,
	OUT tx_datetime timestamp,
	OUT customer_id int,
	OUT terminal_id int,
	OUT tx_amount float8,
	OUT tx_fraud boolean,
	OUT tx_fraud_scenario int)
RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100000 ROWS 100000
AS 'MODULE_PATHNAME', 'mlops_simulate_transactions';
COMMENT ON FUNCTION mlops.simulate_transactions(int, int, int, date, bigint, float8, float8, float8, float8, float8, int, float8, float8, float8, float8, float8)
	IS 'Simulated card transactions with known frauds, sorted by time; the same seed gives the same rows. Never use tx_fraud_scenario as a feature';
