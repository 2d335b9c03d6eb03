/*-------------------------------------------------------------------------
 * learn.h
 *	  The learners behind one interface, their parameters, and what they
 *	  produce.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_LEARN_H
#define MLOPS_ENGINE_LEARN_H

#include "mlops/engine/data.h"
#include "mlops/engine/eval.h"
#include "mlops/engine/model.h"

/* ---------------------------------------------------------------- parameters */

typedef enum MlParamType
{
	ML_PARAM_INT,				/* int at offset */
	ML_PARAM_FLOAT,				/* double at offset */
	ML_PARAM_BOOL,				/* bool at offset */
	ML_PARAM_CHOICE,			/* int at offset: position in choices */
	ML_PARAM_CONSTRAINTS		/* MlConstraints at offset: {"feature": -1|0|1} */
} MlParamType;

/* One parameter: what mlops.algorithms shows and what params is checked by. */
typedef struct MlParamSpec
{
	const char *name;			/* scikit-learn's or XGBoost's name */
	MlParamType type;
	size_t		offset;			/* in the learner's parameter struct */
	double		default_value;	/* choices: the position */
	double		minimum;
	double		maximum;
	bool		minimum_excluded;	/* the range is open at its lower end */
	const char *const *choices; /* NULL-terminated, ML_PARAM_CHOICE only */
	const char *meaning;		/* a sentence, with the unit */
} MlParamSpec;

typedef struct MlConstraint
{
	const char *feature;		/* name of a feature or of an input */
	int			sign;			/* -1 falling, 0 free, 1 rising */
} MlConstraint;

typedef struct MlConstraints
{
	size_t		n;
	const MlConstraint *constraint;
} MlConstraints;

/* ---------------------------------------------------------------- results */

/* One point of a learning curve. */
typedef struct MlCurveStep
{
	int			step;			/* round or iteration, from 1 */
	double		train_loss;		/* log loss on the training rows, NaN if not computed */
	double		validation;		/* task's metric on the validation rows, NaN if none */
} MlCurveStep;

#define ML_WARNING_SIZE 256

typedef struct MlLearned
{
	MlFitted	fitted;
	int			iterations;		/* rounds kept, or iterations until convergence */
	bool		converged;		/* iterative solvers; true for trees */
	bool		pruned;			/* should_prune stopped it: a model of the rounds so far */
	size_t		n_curve;
	const MlCurveStep *curve;
	char		warning[ML_WARNING_SIZE];	/* "" or one for the user, e.g. classes are separable */
} MlLearned;

/* ---------------------------------------------------------------- interface */

/*
 * Asked on the main thread after every prune_every rounds, with the metric on
 * the validation rows: should the fit stop, because it is not worth going on
 * with?  Learners without rounds do not ask.
 */
typedef bool (*MlPruneCallback) (void *arg, int round, double metric);

typedef struct MlTask
{
	const MlDataset *dataset;
	const MlSignature *signature;
	MlRows		train;			/* rows to learn from, in canonical order */
	MlRows		validation;		/* n = 0: none (no early stopping) */
	const MlBinned *binned_train;	/* the train rows' codes; position = train.row[i] */
	const MlBinned *binned_validation;
	const float *label;			/* by data set row: 0 or 1 */
	const float *weight;		/* by data set row, class weights included; NULL: 1 */
	MlMetric	metric;			/* for early stopping and the curve */
	const void *params;			/* the learner's parameter struct */
	uint64_t	seed;
	MlPruneCallback should_prune;	/* NULL: never */
	void	   *prune_arg;
	int			prune_every;	/* rounds from one question to the next, >= 1 */
} MlTask;

/* Parameters that do not go together. */
typedef struct MlContradiction
{
	char		message[128];
	char		hint[160];		/* what goes together */
} MlContradiction;

typedef struct MlLearner
{
	const char *name;			/* "gradient_boosting" */
	const char *const *like;	/* what other libraries call this, or what does as much: in small letters,
								 * without spaces, "-" and "_"; NULL ends it */
	const char *description;
	const MlParamSpec *params;
	size_t		n_params;
	size_t		params_size;
	bool		needs_blas;
	bool		reads_values;	/* fit reads the data set's values, not codes and statistics alone: they stay
								 * in memory */
	const char *search_space;	/* JSON: what tuning searches when no space is given; NULL: one must be given */

	/* Do values that are each valid contradict each other?  Then found says how.  NULL: never. */
	bool		(*contradicts) (const void *params, MlContradiction *found);

	/* max_bins the signature must be fitted with for these parameters */
	int			(*max_bins) (const void *params);

	/* Bytes that are enough for fit.  Where the arena may map more, it may take more, to be
	 * faster. */
	size_t		(*memory_needed) (size_t n_train, size_t n_validation,
								  const MlSignature *signature, const void *params,
								  int n_threads);

	/*
	 * Learns.  Results live in ctx->arena; working memory is given back.
	 * The same bits for any number of threads.  Calls ml_report_progress and
	 * ml_check_abort at least every 20 ms.  Errors: ML_INVALID_ARGUMENT (a
	 * constraint names no feature), ML_BAD_DATA, ML_OUT_OF_MEMORY, ML_ABORTED.
	 */
	MlStatus	(*fit) (MlContext *ctx, const MlTask *task, MlLearned *learned);
} MlLearner;

/* What the training rows weigh, by label; positives times scale_pos_weight. */
typedef struct MlTaskWeights
{
	double		sum[2];
	double		largest;		/* of one row */
} MlTaskWeights;

/*
 * Adds the weights up and looks at every label and weight, for all learners.
 * Errors: ML_BAD_DATA (a label that is neither 0 nor 1, a weight that is
 * negative, not finite or above FLT_MAX / 2, a class without weight), ML_ABORTED.
 */
extern MlStatus ml_task_weights(MlContext *ctx, const MlTask *task, double scale_pos_weight,
								MlTaskWeights *weights);

/* All learners, NULL-terminated, in the order they are shown. */
extern const MlLearner *const ml_learners[];

/* NULL if there is none of this name. */
extern const MlLearner *ml_learner_by_name(const char *name);

/* The one that a name of another library's is like, however it is spelt; NULL: none. */
extern const MlLearner *ml_learner_like(const char *name);

/* Fills a parameter struct with the defaults. */
extern void ml_params_init(const MlLearner *learner, void *params);

extern const MlLearner ml_gradient_boosting;
extern const MlLearner ml_logistic_regression;

typedef enum MlGrowPolicy
{
	ML_GROW_DEPTHWISE,
	ML_GROW_LOSSGUIDE			/* leaf-wise: best gain first */
} MlGrowPolicy;

typedef struct MlGradientBoostingParams
{
	int			n_estimators;
	double		learning_rate;
	int			max_depth;		/* 0: no limit (then max_leaves must be set) */
	int			max_leaves;		/* 0: no limit */
	int			grow_policy;	/* MlGrowPolicy */
	double		min_child_weight;
	double		min_split_gain;
	double		reg_lambda;
	double		reg_alpha;
	double		subsample;
	double		colsample_bytree;
	int			max_bins;
	double		cat_smooth;
	double		cat_l2;
	int			min_data_per_group;
	double		scale_pos_weight;
	MlConstraints monotone_constraints;
	int			early_stopping_rounds;	/* 0: off */
} MlGradientBoostingParams;

typedef enum MlPenalty
{
	ML_PENALTY_L2,
	ML_PENALTY_L1,
	ML_PENALTY_ELASTICNET,
	ML_PENALTY_NONE
} MlPenalty;

typedef enum MlSolver
{
	ML_SOLVER_AUTO,				/* newton up to 512 columns, else lbfgs; coordinate descent for l1 and
								 * elasticnet */
	ML_SOLVER_NEWTON,
	ML_SOLVER_LBFGS,
	ML_SOLVER_COORDINATE_DESCENT
} MlSolver;

typedef struct MlLogisticRegressionParams
{
	int			penalty;		/* MlPenalty */
	double		C;				/* inverse regularisation strength, as scikit-learn: minimises C * sum(loss)
								 * + penalty(w) */
	double		l1_ratio;		/* elasticnet: 0 = l2 .. 1 = l1 */
	int			solver;			/* MlSolver */
	int			max_iter;
	double		tol;
} MlLogisticRegressionParams;

#endif							/* MLOPS_ENGINE_LEARN_H */
