-- Scoring.  score and predict are STABLE: what a name answers with can change
-- between statements.  A version never changes, so score_version is IMMUTABLE
-- and may be used in generated columns and indexes.
--
-- COST 500: about a microsecond a row, where COST 1 is a simple operator.

CREATE FUNCTION mlops.score(model text, features anyelement) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score';
COMMENT ON FUNCTION mlops.score(text, anyelement) IS
	'Probability of the positive class for a row (a table''s row or jsonb), by what is deployed or by the version in name/version';

CREATE FUNCTION mlops.predict(model text, features anyelement) RETURNS mlops.prediction
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 600
	AS 'MODULE_PATHNAME', 'mlops_predict';
COMMENT ON FUNCTION mlops.predict(text, anyelement) IS
	'Score of a row with its flag, the threshold in force and the version that answered';

CREATE FUNCTION mlops.score_version(model text, version int, features anyelement) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score_version';
COMMENT ON FUNCTION mlops.score_version(text, int, anyelement) IS
	'Score of a row by a version given by number, whatever is deployed';

CREATE FUNCTION mlops.score_table(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	key name DEFAULT NULL)
	RETURNS SETOF mlops.scored_row
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 100000
	AS 'MODULE_PATHNAME', 'mlops_score_table';
COMMENT ON FUNCTION mlops.score_table(text, regclass, text, name) IS
	'Scores every row of a table, view or query';

CREATE FUNCTION mlops.score_trigger() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_score_trigger';
COMMENT ON FUNCTION mlops.score_trigger() IS
	'BEFORE INSERT OR UPDATE trigger that fills a score column and, if named, a flag column; arguments: model, score column [, flag column]';
