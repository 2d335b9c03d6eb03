-- Scoring by a model that comes along as a value: no catalog, no name, so it is
-- IMMUTABLE and can run wherever the library is installed (workers of a
-- distributed table, another database).

CREATE FUNCTION mlops.score_bytes(model bytea, features anyelement) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score_bytes';
COMMENT ON FUNCTION mlops.score_bytes(bytea, anyelement) IS
	'Score of a row by a model given as bytes, such as mlops.export_model returns; they are verified once in a query, not for every row';

CREATE FUNCTION mlops.score_bytes(model bytea, features text) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score_bytes';
COMMENT ON FUNCTION mlops.score_bytes(bytea, text) IS 'mlops.score_bytes of an object in JSON that is given as text';
