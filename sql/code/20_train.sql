-- Training and judging.

CREATE FUNCTION mlops.train(
	INOUT model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	target name DEFAULT NULL,
	algorithm text DEFAULT 'gradient_boosting',
	features name[] DEFAULT NULL,
	exclude name[] DEFAULT NULL,
	key name DEFAULT NULL,
	time_column name DEFAULT NULL,
	weight name DEFAULT NULL,
	positive text DEFAULT NULL,
	params jsonb DEFAULT '{}',
	preprocess jsonb DEFAULT '{}',
	split jsonb DEFAULT '{}',
	metric text DEFAULT 'pr_auc',
	threshold jsonb DEFAULT '{"max": "f1"}',
	experiment text DEFAULT NULL,
	tags jsonb DEFAULT '{}',
	seed bigint DEFAULT 42,
	OUT version int,
	OUT run_id bigint,
	OUT metrics jsonb)
	RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'mlops_train';
COMMENT ON FUNCTION mlops.train(text, regclass, text, name, text, name[], name[], name, name, name, text, jsonb, jsonb, jsonb, text, jsonb, text, jsonb, bigint) IS
	'Trains a model on a table, view or query and registers it as a new version; nothing is deployed';

CREATE FUNCTION mlops.evaluate(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	target name DEFAULT NULL,
	threshold float8 DEFAULT NULL,
	by name[] DEFAULT NULL,
	positive text DEFAULT NULL,
	rows text DEFAULT NULL)
	RETURNS TABLE (segment jsonb, rows bigint, positives bigint, roc_auc float8, pr_auc float8,
		log_loss float8, brier float8, ks float8, accuracy float8, "precision" float8, recall float8,
		f1 float8, mcc float8, false_positive_rate float8, alert_rate float8, expected_cost float8,
		threshold float8, true_positives bigint, false_positives bigint, false_negatives bigint, true_negatives bigint,
		precision_lower float8, precision_upper float8, recall_lower float8, recall_upper float8,
		false_positive_rate_lower float8, false_positive_rate_upper float8, roc_auc_lower float8, roc_auc_upper float8,
		pr_auc_lower float8, pr_auc_upper float8, recall_at_fpr float8)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 10
	AS 'MODULE_PATHNAME', 'mlops_evaluate';
COMMENT ON FUNCTION mlops.evaluate(text, regclass, text, name, float8, name[], text, text) IS
	'Judges a model on labelled rows: those of a source or query, or else of its own training (rows: test, the default, or all). Returns a row for all of them, then one for each segment of the columns in by, those of most rows first (of as many by their text in collation "C"). positive is the value of the target that is the positive class, by default that of the training. _lower and _upper are the ends of 95 % intervals';

CREATE FUNCTION mlops.curve(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	kind text DEFAULT 'pr',
	points int DEFAULT 200,
	rows text DEFAULT NULL)
	RETURNS TABLE (threshold float8, flagged bigint, "precision" float8, recall float8, false_positive_rate float8, alert_rate float8,
		lift float8, cost float8, mean_score float8, positive_rate float8, positives bigint, rows bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 200
	AS 'MODULE_PATHNAME', 'mlops_curve';
COMMENT ON FUNCTION mlops.curve(text, regclass, text, text, int, text) IS
	'Points of a curve of a model on labelled rows, as evaluate has them: pr (precision, recall), roc (recall, false_positive_rate), gain (recall, alert_rate), lift (lift, alert_rate), cost (cost of a row, alert_rate), calibration (mean_score and positive_rate of bins, smallest where scores are highest); dense where few rows are flagged';

CREATE FUNCTION mlops.daily_precision(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	time_column name DEFAULT NULL,
	card_column name DEFAULT NULL,
	k int DEFAULT 100,
	rows text DEFAULT NULL)
	RETURNS TABLE (day date, rows bigint, positives bigint, precision_at_k float8,
		cards bigint, positive_cards bigint, known_cards bigint, card_precision_at_k float8)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 30
	AS 'MODULE_PATHNAME', 'mlops_daily_precision';
COMMENT ON FUNCTION mlops.daily_precision(text, regclass, text, name, name, int, text) IS
	'Precision of what is investigated on each day of labelled rows (read as evaluate reads them): precision_at_k is the share of positives among the k rows with the highest scores, card_precision_at_k the share of positive cards among the k cards; cards that were found on an earlier day are left out. Average them over days. time_column defaults to that of the training; days are in the model''s time zone';

CREATE FUNCTION mlops_catalog.learner_parameters()
	RETURNS TABLE (algorithm text, description text, parameter text, type text, default_value text,
		minimum float8, maximum float8, choices text, meaning text)
	LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_learner_parameters';
COMMENT ON FUNCTION mlops_catalog.learner_parameters() IS 'Every parameter of every learner';
