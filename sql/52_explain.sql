-- Why a row scores as it does.
--
-- STABLE, not IMMUTABLE, explain_version too: the text of values depends on
-- settings such as DateStyle.  COST 20000: tens of microseconds a row.

CREATE FUNCTION mlops.explain(model text, features anyelement, top int DEFAULT 5)
	RETURNS TABLE (rank int, feature text, value text, contribution float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 ROWS 5
	AS 'MODULE_PATHNAME', 'mlops_explain';
COMMENT ON FUNCTION mlops.explain(text, anyelement, int) IS
	'What the columns of a row contributed to its score, in log odds, the most important first, by the version that mlops.score would ask. top NULL: all columns after a first row "(base)"; together they add up to the log odds of the score';

CREATE FUNCTION mlops.explain_version(model text, version int, features anyelement, top int DEFAULT 5)
	RETURNS TABLE (rank int, feature text, value text, contribution float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 ROWS 5
	AS 'MODULE_PATHNAME', 'mlops_explain_version';
COMMENT ON FUNCTION mlops.explain_version(text, int, anyelement, int) IS
	'As mlops.explain, by a version given by number, whatever is deployed: why an old decision was made';
