-- Drift as aggregates, for any GROUP BY, FILTER, parallel query and shards: each
-- comes as three, as the metrics do (see mlops.ranking_state).

CREATE FUNCTION mlops_catalog.histogram_accumulate(mlops.histogram_state, float8, boolean, float8[]) RETURNS mlops.histogram_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_histogram_accumulate';
COMMENT ON FUNCTION mlops_catalog.histogram_accumulate(mlops.histogram_state, float8, boolean, float8[]) IS 'Transition: adds a value of one side';
CREATE FUNCTION mlops_catalog.histogram_merge(mlops.histogram_state, mlops.histogram_state) RETURNS mlops.histogram_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_histogram_merge';
COMMENT ON FUNCTION mlops_catalog.histogram_merge(mlops.histogram_state, mlops.histogram_state) IS 'Transition and combination: adds a state';
CREATE FUNCTION mlops_catalog.histogram_psi(mlops.histogram_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_histogram_psi';
COMMENT ON FUNCTION mlops_catalog.histogram_psi(mlops.histogram_state) IS 'Population stability index of a state';
CREATE FUNCTION mlops_catalog.histogram_jensen_shannon(mlops.histogram_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_histogram_jensen_shannon';
COMMENT ON FUNCTION mlops_catalog.histogram_jensen_shannon(mlops.histogram_state) IS 'Jensen-Shannon distance of a state';

CREATE AGGREGATE mlops.psi(value float8, current boolean, edges float8[]) (
	SFUNC = mlops_catalog.histogram_accumulate,
	STYPE = mlops.histogram_state,
	FINALFUNC = mlops_catalog.histogram_psi,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.psi(float8, boolean, float8[]) IS
	'Population stability index of the current values from the others, over bins that end with the edges and one for what is missing (NULL, NaN, infinite); an empty bin counts half a row; NULL if a side has no rows; rows whose current is NULL do not count';

CREATE AGGREGATE mlops.psi_state(value float8, current boolean, edges float8[]) (
	SFUNC = mlops_catalog.histogram_accumulate,
	STYPE = mlops.histogram_state,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.psi_state(float8, boolean, float8[]) IS
	'State of psi, for mlops.psi_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.psi_merge(state mlops.histogram_state) (
	SFUNC = mlops_catalog.histogram_merge,
	STYPE = mlops.histogram_state,
	FINALFUNC = mlops_catalog.histogram_psi,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.psi_merge(mlops.histogram_state) IS
	'mlops.psi of the rows of all states';

CREATE AGGREGATE mlops.jensen_shannon(value float8, current boolean, edges float8[]) (
	SFUNC = mlops_catalog.histogram_accumulate,
	STYPE = mlops.histogram_state,
	FINALFUNC = mlops_catalog.histogram_jensen_shannon,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.jensen_shannon(float8, boolean, float8[]) IS
	'Jensen-Shannon distance, base 2, of the current values from the others, over the bins of mlops.psi; NULL if a side has no rows';

CREATE AGGREGATE mlops.jensen_shannon_state(value float8, current boolean, edges float8[]) (
	SFUNC = mlops_catalog.histogram_accumulate,
	STYPE = mlops.histogram_state,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.jensen_shannon_state(float8, boolean, float8[]) IS
	'State of jensen_shannon, for mlops.jensen_shannon_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.jensen_shannon_merge(state mlops.histogram_state) (
	SFUNC = mlops_catalog.histogram_merge,
	STYPE = mlops.histogram_state,
	FINALFUNC = mlops_catalog.histogram_jensen_shannon,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.jensen_shannon_merge(mlops.histogram_state) IS
	'mlops.jensen_shannon of the rows of all states';

CREATE AGGREGATE mlops.histogram_state_merge(state mlops.histogram_state) (
	SFUNC = mlops_catalog.histogram_merge,
	STYPE = mlops.histogram_state,
	COMBINEFUNC = mlops_catalog.histogram_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.histogram_state_merge(mlops.histogram_state) IS
	'One state of the rows of all states';
