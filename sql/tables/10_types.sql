-- Types that functions return, and the states of aggregates.

CREATE TYPE mlops.prediction AS (
	score float8,
	flagged boolean,
	threshold float8,
	version int,
	variant text
);
COMMENT ON TYPE mlops.prediction IS 'What mlops.predict returns for a row';
COMMENT ON COLUMN mlops.prediction.score IS 'Probability of the positive class, 0 to 1';
COMMENT ON COLUMN mlops.prediction.flagged IS 'Is the score at or above the threshold?';
COMMENT ON COLUMN mlops.prediction.threshold IS 'Threshold in force';
COMMENT ON COLUMN mlops.prediction.version IS 'Version that answered';
COMMENT ON COLUMN mlops.prediction.variant IS 'Variant of the deployment that answered, NULL for a version asked for by number';

CREATE TYPE mlops.scored_row AS (
	key text,
	score float8,
	flagged boolean
);
COMMENT ON TYPE mlops.scored_row IS 'A row of mlops.score_table';
COMMENT ON COLUMN mlops.scored_row.key IS 'Value of the key column as text, NULL if no key was named';
COMMENT ON COLUMN mlops.scored_row.score IS 'Probability of the positive class, 0 to 1';
COMMENT ON COLUMN mlops.scored_row.flagged IS 'Is the score at or above the threshold?';

CREATE TYPE mlops.ranking_state;
CREATE FUNCTION mlops_catalog.ranking_state_in(cstring) RETURNS mlops.ranking_state
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_ranking_state_in';
CREATE FUNCTION mlops_catalog.ranking_state_out(mlops.ranking_state) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_state_out';
CREATE FUNCTION mlops_catalog.ranking_state_recv(internal) RETURNS mlops.ranking_state
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_ranking_state_recv';
CREATE FUNCTION mlops_catalog.ranking_state_send(mlops.ranking_state) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_state_send';
CREATE TYPE mlops.ranking_state (
	INPUT = mlops_catalog.ranking_state_in,
	OUTPUT = mlops_catalog.ranking_state_out,
	RECEIVE = mlops_catalog.ranking_state_recv,
	SEND = mlops_catalog.ranking_state_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);
COMMENT ON TYPE mlops.ranking_state IS
	'Distinct scores with the numbers of positives and negatives at each: the state of roc_auc, pr_auc, ks_statistic and precision_at';
COMMENT ON FUNCTION mlops_catalog.ranking_state_in(cstring) IS 'Input of mlops.ranking_state: \x and hexadecimal digits, verified';
COMMENT ON FUNCTION mlops_catalog.ranking_state_out(mlops.ranking_state) IS 'Output of mlops.ranking_state: \x and hexadecimal digits';
COMMENT ON FUNCTION mlops_catalog.ranking_state_recv(internal) IS 'Binary input of mlops.ranking_state, verified';
COMMENT ON FUNCTION mlops_catalog.ranking_state_send(mlops.ranking_state) IS 'Binary output of mlops.ranking_state';

CREATE TYPE mlops.loss_state;
CREATE FUNCTION mlops_catalog.loss_state_in(cstring) RETURNS mlops.loss_state
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_loss_state_in';
CREATE FUNCTION mlops_catalog.loss_state_out(mlops.loss_state) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_state_out';
CREATE FUNCTION mlops_catalog.loss_state_recv(internal) RETURNS mlops.loss_state
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_loss_state_recv';
CREATE FUNCTION mlops_catalog.loss_state_send(mlops.loss_state) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_state_send';
CREATE TYPE mlops.loss_state (
	INPUT = mlops_catalog.loss_state_in,
	OUTPUT = mlops_catalog.loss_state_out,
	RECEIVE = mlops_catalog.loss_state_recv,
	SEND = mlops_catalog.loss_state_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE mlops.loss_state IS
	'Number of rows with the sums of log losses and squared errors: the state of log_loss and brier';
COMMENT ON FUNCTION mlops_catalog.loss_state_in(cstring) IS 'Input of mlops.loss_state: \x and hexadecimal digits, verified';
COMMENT ON FUNCTION mlops_catalog.loss_state_out(mlops.loss_state) IS 'Output of mlops.loss_state: \x and hexadecimal digits';
COMMENT ON FUNCTION mlops_catalog.loss_state_recv(internal) IS 'Binary input of mlops.loss_state, verified';
COMMENT ON FUNCTION mlops_catalog.loss_state_send(mlops.loss_state) IS 'Binary output of mlops.loss_state';

-- ---- what differs

CREATE TYPE mlops_catalog.setting_change AS (
	setting text,
	item text,
	former text,
	new text,
	statement text
);
COMMENT ON TYPE mlops_catalog.setting_change IS 'A difference between a document and what is, with the statement that removes it';
CREATE TYPE mlops.histogram_state;
CREATE FUNCTION mlops_catalog.histogram_state_in(cstring) RETURNS mlops.histogram_state
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_histogram_state_in';
CREATE FUNCTION mlops_catalog.histogram_state_out(mlops.histogram_state) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_state_out';
CREATE FUNCTION mlops_catalog.histogram_state_recv(internal) RETURNS mlops.histogram_state
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_histogram_state_recv';
CREATE FUNCTION mlops_catalog.histogram_state_send(mlops.histogram_state) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_state_send';
CREATE TYPE mlops.histogram_state (
	INPUT = mlops_catalog.histogram_state_in,
	OUTPUT = mlops_catalog.histogram_state_out,
	RECEIVE = mlops_catalog.histogram_state_recv,
	SEND = mlops_catalog.histogram_state_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);
COMMENT ON TYPE mlops.histogram_state IS
	'Edges of bins and the numbers of values of the reference and the current side between them: the state of psi and jensen_shannon';
COMMENT ON FUNCTION mlops_catalog.histogram_state_in(cstring) IS 'Input of mlops.histogram_state: \x and hexadecimal digits, verified';
COMMENT ON FUNCTION mlops_catalog.histogram_state_out(mlops.histogram_state) IS 'Output of mlops.histogram_state: \x and hexadecimal digits';
COMMENT ON FUNCTION mlops_catalog.histogram_state_recv(internal) IS 'Binary input of mlops.histogram_state, verified';
COMMENT ON FUNCTION mlops_catalog.histogram_state_send(mlops.histogram_state) IS 'Binary output of mlops.histogram_state';
