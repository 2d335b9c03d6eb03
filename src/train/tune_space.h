/*
 * tune_space.h
 *	  A search space as the user writes it (private to train).
 *
 *	{"learning_rate": {"min": 0.01, "max": 0.3, "log": true},	a range
 *	 "max_depth": {"min": 2, "max": 8},							whole numbers
 *	 "grow_policy": ["depthwise", "lossguide"],					a list
 *	 "max_leaves": {"min": 8, "max": 64, "when": {"grow_policy": "lossguide"}},
 *	 "subsample": 0.8}											fixed
 * or, for several algorithms,
 *	{"algorithm": {"gradient_boosting": {...}, "logistic_regression": {...}}}
 *
 * Takes that jsonb; gives a TuneSpace, and parameters of its points, in the current
 * memory context.  Raises 22023.
 */
#ifndef MLOPS_TRAIN_TUNE_SPACE_H
#define MLOPS_TRAIN_TUNE_SPACE_H

#include "postgres.h"

#include "mlops/engine/tune.h"
#include "mlops/train.h"

/* One dimension's other half: what its values mean. */
typedef struct TuneParam
{
	int			algorithm;		/* in TuneSpace.algorithms; -1: it is the choice of one */
	const MlParamSpec *spec;
	char	  **choice;			/* JSON texts of a list's values */
} TuneParam;

typedef struct TuneAlgorithm
{
	const MlLearner *learner;
	List	   *fixed;			/* "key": value texts of fixed parameters */
} TuneAlgorithm;

typedef struct TuneSpace
{
	Jsonb	   *json;			/* as given, or the default */
	MlSpace		space;
	TuneParam  *params;			/* [space.n] */
	int			n_algorithms;
	TuneAlgorithm *algorithms;
	int			root;			/* dimension that chooses the algorithm, -1: one only */
	List	   *left_out;		/* names of the default space that params fix */
} TuneSpace;

/*
 * Reads a space; space NULL is the algorithm's default space without what params
 * fix, params are fixed parameters of a single algorithm.  Everything that does not fit is an error
 * (22023) that names the key and what is allowed.
 */
extern TuneSpace *tune_space_parse(Jsonb *space, const char *algorithm, Jsonb *params);

/* The algorithm of a point, and all parameters given for it as JSON text. */
extern const MlLearner *tune_space_learner(const TuneSpace *space, const double *point);
extern char *tune_space_params(const TuneSpace *space, const double *point);

/* What was varied in a point, as JSON text: the algorithm too if there are several. */
extern char *tune_space_varied(const TuneSpace *space, const double *point);

/* The greatest number of rounds that a point may have. */
extern int	tune_space_max_steps(const TuneSpace *space);

/* May a point have early_stopping_rounds above 0? */
extern bool tune_space_stops_early(const TuneSpace *space);

/* Numbers of bins that points may ask for: a List of ints. */
extern List *tune_space_max_bins(const TuneSpace *space);

#endif							/* MLOPS_TRAIN_TUNE_SPACE_H */
