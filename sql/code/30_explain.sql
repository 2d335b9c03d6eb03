-- Why a row scores as it does.
--
-- STABLE, not IMMUTABLE, explain_version too: the text of values depends on
-- settings such as DateStyle.  COST 20000: tens of microseconds a row.

CREATE FUNCTION mlops_catalog.shown(value text, missing text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN value IS NULL THEN missing WHEN value = missing OR value LIKE '"%' THEN to_json(value)::text ELSE value END $$;
COMMENT ON FUNCTION mlops_catalog.shown(text, text) IS
	'A value for people, or a word for a missing one; a text that reads as this word, or begins with a quotation mark, is in quotation marks, so that no two values look alike';

CREATE FUNCTION mlops.explain(model text, features anyelement, top int DEFAULT 5)
	RETURNS TABLE (rank int, feature text, value text, contribution float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 ROWS 5
	AS 'MODULE_PATHNAME', 'mlops_explain';
COMMENT ON FUNCTION mlops.explain(text, anyelement, int) IS
	'Contribution of each column of a row to its score, in log odds, the largest first, by the version that mlops.score would ask. top NULL: all columns after a first row "(base)"; together they add up to the log odds of the score';

CREATE FUNCTION mlops.explain_version(model text, version int, features anyelement, top int DEFAULT 5)
	RETURNS TABLE (rank int, feature text, value text, contribution float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 ROWS 5
	AS 'MODULE_PATHNAME', 'mlops_explain_version';
COMMENT ON FUNCTION mlops.explain_version(text, int, anyelement, int) IS
	'As mlops.explain, by a version given by number, whatever is deployed: why an old decision was made';

CREATE FUNCTION mlops.explain_table(model text, source regclass DEFAULT NULL, query text DEFAULT NULL, rows int DEFAULT 1000)
	RETURNS TABLE (rank int, feature text, importance float8, share float8, mean float8, rows bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 30
	AS 'MODULE_PATHNAME', 'mlops_explain_table';
COMMENT ON FUNCTION mlops.explain_table(text, regclass, text, int) IS
	'Importance of columns over the rows of a table, view or query: importance is the mean size of a column''s contributions in log odds (mean |SHAP value|), share its part of the sum over all columns, mean the mean contribution with its sign; computed from at most rows rows, evenly spaced';

CREATE FUNCTION mlops.explain_text(model text, features anyelement, top int DEFAULT 8) RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE COST 50000 AS 'MODULE_PATHNAME', 'mlops_as_caller';
CREATE FUNCTION mlops_catalog.explain_text(model text, features anyelement, top int) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE COST 50000
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH every AS (SELECT * FROM mlops.explain(explain_text.model, explain_text.features, NULL)),
	shown AS (SELECT rank, feature, mlops_catalog.shown(value, 'NULL') AS value, contribution FROM mlops.explain(explain_text.model, explain_text.features, explain_text.top) WHERE rank > 0),
	line AS (
		SELECT rank, feature, CASE WHEN length(value) > 30 THEN left(value, 27) || '...' ELSE value END AS value, contribution FROM shown
		UNION ALL
		SELECT 2147483647, '(others)', '', sum(contribution) FROM every
		WHERE rank > 0 AND feature NOT IN (SELECT feature FROM shown) HAVING bool_or(contribution <> 0)),
	-- a line stays a line, and its columns where they are
	flat AS (
		SELECT rank, contribution, regexp_replace(feature, '[[:cntrl:]]+', ' ', 'g') AS feature, regexp_replace(value, '[[:cntrl:]]+', ' ', 'g') AS value FROM line),
	bar AS (
		SELECT rank, feature, value, to_char(contribution, 'FMSG9999990.00') AS number, CASE WHEN contribution < 0 THEN '-' ELSE '+' END AS cell,
			round(24 * abs(contribution) / max(abs(contribution)) OVER ())::int AS cells,
			max(length(feature)) OVER () AS feature_width, max(length(value)) OVER () AS value_width
		FROM flat)
	SELECT format('score %s, from a base of %s; in log odds:', trim_scale(round((1 / (1 + exp(-greatest(-700, least(700, sum(contribution))))))::numeric, 6)),
			trim_scale(round((1 / (1 + exp(-greatest(-700, least(700, max(contribution) FILTER (WHERE rank = 0))))))::numeric, 6)))
		|| coalesce((SELECT string_agg(rtrim(format(E'\n%s  %s  %s %s', rpad(feature, feature_width), rpad(value, value_width), lpad(number, 7), repeat(cell, cells))),
			'' ORDER BY rank) FROM bar), '')
	FROM every HAVING count(*) > 0
$$;
COMMENT ON FUNCTION mlops.explain_text(text, anyelement, int) IS
	'mlops.explain for people: a line a column with its value, its contribution to the log odds and a bar';

-- ---- objects in JSON that are given as text, as in mlops.score(text, text)

CREATE FUNCTION mlops.explain(model text, features text, top int DEFAULT 5)
	RETURNS TABLE (rank int, feature text, value text, contribution float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 ROWS 5
	AS 'MODULE_PATHNAME', 'mlops_explain';
COMMENT ON FUNCTION mlops.explain(text, text, int) IS 'mlops.explain of an object in JSON that is given as text';

CREATE FUNCTION mlops.explain_version(model text, version int, features text, top int DEFAULT 5)
	RETURNS TABLE (rank int, feature text, value text, contribution float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 20000 ROWS 5
	AS 'MODULE_PATHNAME', 'mlops_explain_version';
COMMENT ON FUNCTION mlops.explain_version(text, int, text, int) IS 'mlops.explain_version of an object in JSON that is given as text';

CREATE FUNCTION mlops.explain_text(model text, features text, top int DEFAULT 8) RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE COST 50000 AS 'MODULE_PATHNAME', 'mlops_as_caller';
CREATE FUNCTION mlops_catalog.explain_text(model text, features text, top int) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE COST 50000
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT mlops_catalog.explain_text(explain_text.model, explain_text.features::jsonb, explain_text.top) $$;
COMMENT ON FUNCTION mlops.explain_text(text, text, int) IS 'mlops.explain_text of an object in JSON that is given as text';
