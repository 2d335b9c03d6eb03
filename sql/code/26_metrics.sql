-- Metrics as aggregates: for any GROUP BY, FILTER and parallel query.
--
-- Each metric comes as three: x(label, score) is the value, x_state(label, score)
-- the state to keep or to send, x_merge(state) the value of merged states.  A
-- state is a flat value that can be stored, dumped and sent to another server,
-- and merging the states of parts gives what the whole would have given.
-- x_state is the same for all metrics of one state type: one state answers all.

---------------------------------------------------------------- what the aggregates call
--
-- Transition functions are not strict: they skip rows with a NULL themselves,
-- and make their first state in the aggregate's memory.

CREATE FUNCTION mlops_catalog.ranking_accumulate(mlops.ranking_state, boolean, float8) RETURNS mlops.ranking_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_ranking_accumulate';
COMMENT ON FUNCTION mlops_catalog.ranking_accumulate(mlops.ranking_state, boolean, float8) IS 'Transition: adds a label and a score';
CREATE FUNCTION mlops_catalog.ranking_accumulate_at(mlops.ranking_state, boolean, float8, bigint) RETURNS mlops.ranking_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_ranking_accumulate_at';
COMMENT ON FUNCTION mlops_catalog.ranking_accumulate_at(mlops.ranking_state, boolean, float8, bigint) IS 'Transition: adds a label and a score, and keeps k';
CREATE FUNCTION mlops_catalog.ranking_merge(mlops.ranking_state, mlops.ranking_state) RETURNS mlops.ranking_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_ranking_merge';
COMMENT ON FUNCTION mlops_catalog.ranking_merge(mlops.ranking_state, mlops.ranking_state) IS 'Transition and combination: adds a state';
CREATE FUNCTION mlops_catalog.ranking_merge_at(mlops.ranking_state, mlops.ranking_state, bigint) RETURNS mlops.ranking_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_ranking_merge_at';
COMMENT ON FUNCTION mlops_catalog.ranking_merge_at(mlops.ranking_state, mlops.ranking_state, bigint) IS 'Transition: adds a state, and keeps k';
CREATE FUNCTION mlops_catalog.ranking_roc_auc(mlops.ranking_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_ranking_roc_auc';
COMMENT ON FUNCTION mlops_catalog.ranking_roc_auc(mlops.ranking_state) IS 'Area under the ROC curve of a state';
CREATE FUNCTION mlops_catalog.ranking_pr_auc(mlops.ranking_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_ranking_pr_auc';
COMMENT ON FUNCTION mlops_catalog.ranking_pr_auc(mlops.ranking_state) IS 'Average precision of a state';
CREATE FUNCTION mlops_catalog.ranking_ks_statistic(mlops.ranking_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_ranking_ks_statistic';
COMMENT ON FUNCTION mlops_catalog.ranking_ks_statistic(mlops.ranking_state) IS 'Kolmogorov-Smirnov statistic of a state';
CREATE FUNCTION mlops_catalog.ranking_precision_at(mlops.ranking_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_ranking_precision_at';
COMMENT ON FUNCTION mlops_catalog.ranking_precision_at(mlops.ranking_state) IS 'Precision among the k highest scores of a state that keeps k';
CREATE FUNCTION mlops_catalog.loss_accumulate(mlops.loss_state, boolean, float8) RETURNS mlops.loss_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_loss_accumulate';
COMMENT ON FUNCTION mlops_catalog.loss_accumulate(mlops.loss_state, boolean, float8) IS 'Transition: adds a label and a probability';
CREATE FUNCTION mlops_catalog.loss_merge(mlops.loss_state, mlops.loss_state) RETURNS mlops.loss_state
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_loss_merge';
COMMENT ON FUNCTION mlops_catalog.loss_merge(mlops.loss_state, mlops.loss_state) IS 'Transition and combination: adds a state';
CREATE FUNCTION mlops_catalog.loss_log_loss(mlops.loss_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_loss_log_loss';
COMMENT ON FUNCTION mlops_catalog.loss_log_loss(mlops.loss_state) IS 'Log loss of a state';
CREATE FUNCTION mlops_catalog.loss_brier(mlops.loss_state) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_loss_brier';
COMMENT ON FUNCTION mlops_catalog.loss_brier(mlops.loss_state) IS 'Brier score of a state';

---------------------------------------------------------------- aggregates

CREATE AGGREGATE mlops.roc_auc(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_roc_auc,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.roc_auc(boolean, float8) IS
	'Area under the ROC curve, ties count half; NULL unless there are positives and negatives; rows with a NULL do not count';

CREATE AGGREGATE mlops.roc_auc_state(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.roc_auc_state(boolean, float8) IS
	'State of roc_auc, for mlops.roc_auc_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.roc_auc_merge(state mlops.ranking_state) (
	SFUNC = mlops_catalog.ranking_merge,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_roc_auc,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.roc_auc_merge(mlops.ranking_state) IS
	'mlops.roc_auc of the rows of all states';

CREATE AGGREGATE mlops.pr_auc(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_pr_auc,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.pr_auc(boolean, float8) IS
	'Average precision, the area under the precision-recall curve without interpolation; NULL if there are no positives; rows with a NULL do not count';

CREATE AGGREGATE mlops.pr_auc_state(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.pr_auc_state(boolean, float8) IS
	'State of pr_auc, for mlops.pr_auc_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.pr_auc_merge(state mlops.ranking_state) (
	SFUNC = mlops_catalog.ranking_merge,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_pr_auc,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.pr_auc_merge(mlops.ranking_state) IS
	'mlops.pr_auc of the rows of all states';

CREATE AGGREGATE mlops.ks_statistic(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_ks_statistic,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ks_statistic(boolean, float8) IS
	'Kolmogorov-Smirnov statistic: the greatest distance between the score distributions of positives and negatives; NULL unless there are both; rows with a NULL do not count';

CREATE AGGREGATE mlops.ks_statistic_state(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ks_statistic_state(boolean, float8) IS
	'State of ks_statistic, for mlops.ks_statistic_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.ks_statistic_merge(state mlops.ranking_state) (
	SFUNC = mlops_catalog.ranking_merge,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_ks_statistic,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ks_statistic_merge(mlops.ranking_state) IS
	'mlops.ks_statistic of the rows of all states';

CREATE AGGREGATE mlops.precision_at(label boolean, score float8, k bigint) (
	SFUNC = mlops_catalog.ranking_accumulate_at,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_precision_at,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.precision_at(boolean, float8, bigint) IS
	'Share of positives among the k highest scores (all, if there are fewer); of ties at the border the expected share; k is the same for all rows of a group; NULL if there are no rows; rows with a NULL do not count';

CREATE AGGREGATE mlops.precision_at_state(label boolean, score float8) (
	SFUNC = mlops_catalog.ranking_accumulate,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.precision_at_state(boolean, float8) IS
	'State of precision_at, for mlops.precision_at_merge with any k; NULL if there are no rows';

CREATE AGGREGATE mlops.precision_at_merge(state mlops.ranking_state, k bigint) (
	SFUNC = mlops_catalog.ranking_merge_at,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	FINALFUNC = mlops_catalog.ranking_precision_at,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.precision_at_merge(mlops.ranking_state, bigint) IS
	'mlops.precision_at of the rows of all states';

CREATE AGGREGATE mlops.ranking_state_merge(state mlops.ranking_state) (
	SFUNC = mlops_catalog.ranking_merge,
	STYPE = mlops.ranking_state,
	SSPACE = 8192,
	COMBINEFUNC = mlops_catalog.ranking_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ranking_state_merge(mlops.ranking_state) IS
	'One state of the rows of all states';

CREATE AGGREGATE mlops.log_loss(label boolean, score float8) (
	SFUNC = mlops_catalog.loss_accumulate,
	STYPE = mlops.loss_state,
	FINALFUNC = mlops_catalog.loss_log_loss,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.log_loss(boolean, float8) IS
	'Mean of -ln(probability of the true class), probabilities clipped to [2^-52, 1 - 2^-52]; scores outside 0 to 1 are an error; NULL if there are no rows; rows with a NULL do not count';

CREATE AGGREGATE mlops.log_loss_state(label boolean, score float8) (
	SFUNC = mlops_catalog.loss_accumulate,
	STYPE = mlops.loss_state,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.log_loss_state(boolean, float8) IS
	'State of log_loss, for mlops.log_loss_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.log_loss_merge(state mlops.loss_state) (
	SFUNC = mlops_catalog.loss_merge,
	STYPE = mlops.loss_state,
	FINALFUNC = mlops_catalog.loss_log_loss,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.log_loss_merge(mlops.loss_state) IS
	'mlops.log_loss of the rows of all states';

CREATE AGGREGATE mlops.brier(label boolean, score float8) (
	SFUNC = mlops_catalog.loss_accumulate,
	STYPE = mlops.loss_state,
	FINALFUNC = mlops_catalog.loss_brier,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.brier(boolean, float8) IS
	'Mean squared difference of score and label (1 or 0); scores outside 0 to 1 are an error; NULL if there are no rows; rows with a NULL do not count';

CREATE AGGREGATE mlops.brier_state(label boolean, score float8) (
	SFUNC = mlops_catalog.loss_accumulate,
	STYPE = mlops.loss_state,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.brier_state(boolean, float8) IS
	'State of brier, for mlops.brier_merge; NULL if there are no rows';

CREATE AGGREGATE mlops.brier_merge(state mlops.loss_state) (
	SFUNC = mlops_catalog.loss_merge,
	STYPE = mlops.loss_state,
	FINALFUNC = mlops_catalog.loss_brier,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.brier_merge(mlops.loss_state) IS
	'mlops.brier of the rows of all states';

CREATE AGGREGATE mlops.loss_state_merge(state mlops.loss_state) (
	SFUNC = mlops_catalog.loss_merge,
	STYPE = mlops.loss_state,
	COMBINEFUNC = mlops_catalog.loss_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.loss_state_merge(mlops.loss_state) IS
	'One state of the rows of all states';

-- ---- what metrics there are

-- Of versions and rows; the list is include/mlops/engine/eval.h's.
CREATE FUNCTION mlops_catalog.metrics()
	RETURNS TABLE (metric text, followed boolean, smaller_is_better boolean, minimum float8, maximum float8, undefined_if text)
	LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 14
	AS 'MODULE_PATHNAME', 'mlops_metrics';
COMMENT ON FUNCTION mlops_catalog.metrics() IS
	'Metrics of labels and scores: can a training follow it, is less better, what it can be, when it is NULL';

CREATE FUNCTION mlops_catalog.metric_names() RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT array_agg(m.metric) FROM mlops_catalog.metrics() AS m $$;
COMMENT ON FUNCTION mlops_catalog.metric_names() IS 'Names of the metrics';

CREATE FUNCTION mlops_catalog.smaller_is_better(metric text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT m.smaller_is_better FROM mlops_catalog.metrics() AS m WHERE m.metric = smaller_is_better.metric $$;
COMMENT ON FUNCTION mlops_catalog.smaller_is_better(text) IS 'Is a gain in this metric a decrease?';

CREATE FUNCTION mlops_catalog.is_at_threshold(metric text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT NOT m.followed FROM mlops_catalog.metrics() AS m WHERE m.metric = is_at_threshold.metric $$;	-- nothing is flagged while a training goes on
COMMENT ON FUNCTION mlops_catalog.is_at_threshold(text) IS 'Does this metric depend on the threshold?';

-- Of the windows of a monitor, what guards watch too.
CREATE FUNCTION mlops_catalog.monitor_metrics()
	RETURNS TABLE (metric text, "of" text, minimum float8, maximum float8)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $$
	VALUES ('decisions', 'traffic', 0::float8, 'Infinity'::float8),
		('errors', 'traffic', 0, 'Infinity'),
		('error_rate', 'traffic', 0, 1),
		('alert_rate', 'traffic', 0, 1),
		('mean_score', 'traffic', 0, 1),
		('score_psi', 'traffic', 0, 'Infinity'),
		('latency_p50', 'traffic', 0, 'Infinity'),
		('latency_p95', 'traffic', 0, 'Infinity'),
		('latency_p99', 'traffic', 0, 'Infinity'),
		('labelled', 'performance', 0, 'Infinity'),
		('precision', 'performance', 0, 1),
		('recall', 'performance', 0, 1),
		('f1', 'performance', 0, 1),
		('false_positive_rate', 'performance', 0, 1),
		('pr_auc', 'performance', 0, 1),
		('roc_auc', 'performance', 0, 1),
		('brier', 'performance', 0, 1),
		('drift', 'drift', 0, 'Infinity'),
		('drifted_share', 'drift', 0, 1)
$$;
COMMENT ON FUNCTION mlops_catalog.monitor_metrics() IS 'Metrics of monitors: in which view they are, what they can be';

CREATE FUNCTION mlops_catalog.monitor_metric_names("of" text DEFAULT NULL) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT array_agg(m.metric) FROM mlops_catalog.monitor_metrics() AS m WHERE monitor_metric_names."of" IS NULL OR m."of" = monitor_metric_names."of" $$;
COMMENT ON FUNCTION mlops_catalog.monitor_metric_names(text) IS 'Names of the metrics of monitors, of one view''s if it is given: traffic, performance or drift';

-- Where gates, guards and alert rules set bounds: a bound that no metric can
-- reach, such as 50 for a share, is a slip.
CREATE FUNCTION mlops_catalog.metric_ranges() RETURNS TABLE (metric text, minimum float8, maximum float8)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 32
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.metric, m.minimum, m.maximum FROM mlops_catalog.metrics() AS m
	UNION SELECT m.metric, m.minimum, m.maximum FROM mlops_catalog.monitor_metrics() AS m
	UNION SELECT 'psi', 0, 'Infinity'	-- a guard's score_psi
$$;
COMMENT ON FUNCTION mlops_catalog.metric_ranges() IS 'Least and greatest value that each metric can have';

CREATE FUNCTION mlops_catalog.check_bound(argument text, bound text, value float8, minimum float8, maximum float8, what text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF value NOT BETWEEN minimum AND maximum OR value = 'NaN' THEN
		RAISE EXCEPTION 'value % of "%"% is out of range', value, bound, ' in "' || argument || '"'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('%s is %s.', what, CASE WHEN maximum = 'Infinity' THEN 'at least ' || minimum ELSE format('between %s and %s', minimum, maximum) END),
				HINT = CASE WHEN maximum = 1 AND value BETWEEN 1 AND 100 THEN format('Write %s %% as %s.', value, value / 100) ELSE 'Give a bound that it can reach.' END;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_bound(text, text, float8, float8, float8, text) IS 'An error that names a bound, and says what is possible, unless it is in a range';

CREATE FUNCTION mlops_catalog.check_metric_bounds(argument text, metric text, min float8, max float8) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	possible record;
BEGIN
	SELECT r.minimum, r.maximum INTO STRICT possible FROM mlops_catalog.metric_ranges() AS r WHERE r.metric = check_metric_bounds.metric;
	PERFORM mlops_catalog.check_bound(argument, 'min', check_metric_bounds.min, possible.minimum, possible.maximum, check_metric_bounds.metric);
	PERFORM mlops_catalog.check_bound(argument, 'max', check_metric_bounds.max, possible.minimum, possible.maximum, check_metric_bounds.metric);
	IF check_metric_bounds.min > check_metric_bounds.max THEN
		RAISE EXCEPTION '"min" % in "%" is above "max" %', check_metric_bounds.min, argument, check_metric_bounds.max
			USING ERRCODE = 'invalid_parameter_value', HINT = 'No value is within these bounds.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_metric_bounds(text, text, float8, float8) IS
	'An error that names what is wrong unless a metric can be within, and beyond, these bounds; NULL is no bound';
