-- Thresholds that policies would choose for a version, side by side.

CREATE FUNCTION mlops.thresholds(
	model text,
	version int,
	policies jsonb DEFAULT '[{"max": "f1"}, {"max": "mcc"}, {"min_precision": 0.9}, {"min_recall": 0.8}, {"alert_rate": 0.01}]',
	source regclass DEFAULT NULL,
	query text DEFAULT NULL)
	RETURNS TABLE (policy jsonb, reached boolean, threshold float8, rows bigint, flagged bigint, "precision" float8, recall float8,
		false_positive_rate float8, expected_cost float8)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 5 AS 'MODULE_PATHNAME', 'mlops_thresholds';
COMMENT ON FUNCTION mlops.thresholds(text, int, jsonb, regclass, text) IS
	'For each policy (written as train''s threshold): the threshold that it chooses for a version on labelled rows (by default its own test rows), whether that reaches the policy''s target, and the rows it would flag; expected_cost is the mean cost of a row, by the costs of the policy, else by those of the training';
