/*-------------------------------------------------------------------------
 * features.h
 *	  Features of a row that depend on its entities' history: how often a card
 *	  paid today, what its owner usually spends, how risky its terminal was.
 *
 * A feature is an aggregate over earlier rows of one of the row's entities:
 * those that come before it in the order of times (and keys, among equal times),
 * whose time is in a window, and that were known at the row's time.  So a value
 * depends on a set of rows and on nothing else, and sums are exact: whoever
 * gathers the set, in one pass over a table or by an index for one row, gets the
 * same bits.
 *
 * Times are in microseconds; values are doubles, NaN where there is none.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_FEATURES_H
#define MLOPS_ENGINE_FEATURES_H

#include "mlops/engine/base.h"

/* ---------------------------------------------------------------- exact sums */

#define ML_EXACT_LIMBS 5

/*
 * A sum of doubles without rounding: an integer of 320 bits in units of 2^-128
 * (limb 0 is the lowest), as in Kulisch's accumulators.  Adding and taking away in
 * any order gives the same sum.  Numbers may be up to 2^79, their squares too; what
 * a number has below 2^-128 is cut off.  2^32 of the largest squares fit.
 */
typedef struct MlExactSum
{
	uint64_t	limb[ML_EXACT_LIMBS];
} MlExactSum;

#define ML_LARGEST_SUMMED 0x1p79

/* May the number be added: is it there, and in range? */
extern bool ml_can_be_summed(double number);

/* Adds a number (sign 1), or takes it away again (-1). */
extern void ml_exact_add(MlExactSum *sum, double number, int sign);

/* The same with its square, exactly. */
extern void ml_exact_add_square(MlExactSum *sum, double number, int sign);

/* The nearest double. */
extern double ml_exact_value(const MlExactSum *sum);

/*
 * Sample variance (n - 1 below) of n numbers by their sum and the sum of their
 * squares, rounded at the end: at least 0; NaN for n < 2.
 */
extern double ml_exact_variance(uint64_t n, const MlExactSum *sum, const MlExactSum *squares);

/* ---------------------------------------------------------------- definitions */

typedef enum MlAggregate
{
	ML_AGGREGATE_COUNT,			/* of rows, or of values that are there */
	ML_AGGREGATE_SUM,
	ML_AGGREGATE_AVG,
	ML_AGGREGATE_STDDEV,		/* of a sample */
	ML_AGGREGATE_MIN,
	ML_AGGREGATE_MAX,
	ML_AGGREGATE_COUNT_DISTINCT,
	ML_AGGREGATE_LAST,			/* value of the last row, NaN if it has none */
	ML_AGGREGATE_SINCE_LAST,	/* seconds since the last row */
	ML_AGGREGATE_FIRST_SEEN,	/* seconds since the first row */
	ML_AGGREGATE_SHARE			/* of rows that meet the condition, among those that say whether they do */
} MlAggregate;

#define ML_ALL_TIME INT64_MAX
#define ML_NO_COLUMN (-1)

/*
 * Windows end at the row's time less the delay, which is in them, and begin length
 * before, which is not.  With delay 0 they end before the row itself, or with it.
 */
typedef struct MlWindowFeature
{
	MlAggregate aggregate;
	int			entity;			/* which of a row's entities */
	int			value;			/* which of its values, ML_NO_COLUMN: none */
	int			condition;		/* which of its values must be 1, ML_NO_COLUMN: all rows count */
	int64_t		delay;			/* >= 0 */
	int64_t		length;			/* > 0, or ML_ALL_TIME */
	uint32_t	rows;			/* only the last so many of these, beside the row itself; 0: all */
	bool		with_current;	/* delay 0: the row itself counts too */
	double		if_empty;		/* where there is nothing to aggregate; counts are 0 */
} MlWindowFeature;

typedef struct MlFeaturePlan MlFeaturePlan;

/*
 * Groups features by what they share.  Lives in ctx->arena; the features are copied.
 * Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_feature_plan(MlContext *ctx, int n_entities, int n_values, int n_features,
								const MlWindowFeature *features, MlFeaturePlan **plan);

/*
 * How far back rows of an entity matter: 0 if none does, ML_ALL_TIME for ever.
 * What is known late must still be in this range.
 */
extern int64_t ml_feature_reach(const MlFeaturePlan *plan, int entity);

/* ---------------------------------------------------------------- histories */

#define ML_NO_ENTITY UINT32_MAX

/* A row, as far as features ask.  entity and value point into the caller's memory. */
typedef struct MlEvent
{
	int64_t		time;
	int64_t		known;			/* from when on it counts; at most its time: at once */
	const uint32_t *entity;		/* [n_entities] numbers from 0, dense; ML_NO_ENTITY: has none */
	const double *value;		/* [n_values] */
} MlEvent;

typedef struct MlHistory MlHistory;

/* An empty one, in ctx->arena. */
extern MlStatus ml_history_create(MlContext *ctx, const MlFeaturePlan *plan, MlHistory **history);

/*
 * Features of a row from what is remembered.  Rows come in the order of times; calls
 * for the same entity never go back.  feature [n_features]; NaN where the row has no
 * such entity.  Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_history_features(MlContext *ctx, MlHistory *history, const MlEvent *row, double *feature);

/* Remembers a row for later ones.  Errors: ML_OUT_OF_MEMORY. */
extern MlStatus ml_history_remember(MlContext *ctx, MlHistory *history, const MlEvent *row);

#endif							/* MLOPS_ENGINE_FEATURES_H */
