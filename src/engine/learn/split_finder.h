/*-------------------------------------------------------------------------
 * split_finder.h
 *	  The best split of a tree node, from its histogram (private to learn).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_SPLIT_FINDER_H
#define MLOPS_LEARN_SPLIT_FINDER_H

#include "engine/learn/histogram.h"
#include "mlops/engine/learn.h"

/* What a leaf may add, from monotone constraints above it. */
typedef struct Bounds
{
	double		low;
	double		high;
} Bounds;

/* What decides between splits; the same for a whole training. */
typedef struct SplitRules
{
	double		gradient_unit;	/* what a quantum is worth */
	double		hessian_unit;
	double		reg_lambda;
	double		reg_alpha;
	double		min_child_weight;
	double		min_split_gain;
	/* categories only: */
	double		cat_smooth;		/* added to a category's hessian where they are sorted */
	double		cat_l2;			/* added to reg_lambda for the children */
	double		min_data_per_group; /* rows on either side, and between splits compared */
	const int8_t *monotone;		/* [n_features] -1, 0, 1 */
} SplitRules;

typedef struct Split
{
	double		gain;			/* <= 0: there is none */
	int32_t		feature;
	uint8_t		bin;			/* numbers: the last code that goes left */
	bool		missing_left;
	bool		categorical;
	uint64_t	set[4];			/* categories: codes that go left */
	GradientSum left;			/* sums of the children */
	GradientSum right;
	double		left_value;		/* what leaves there would add, within bounds */
	double		right_value;
} Split;

/* Optimal addition of a leaf, within bounds. */
extern double leaf_value(const SplitRules *rules, GradientSum sum, double extra_lambda,
						 Bounds bounds);

/*
 * Best split of one feature of a node of n_rows rows whose sums are total.  sums
 * holds the codes 0 .. n_bins.
 */
extern void find_split(const SplitRules *rules, const MlFeature *feature, int32_t index,
					   const GradientSum *sums, GradientSum total, size_t n_rows, Bounds bounds,
					   Split *split);

/* Does a row with this code go left? */
static inline bool
split_goes_left(const Split *split, uint8_t code)
{
	if (split->categorical)
		return split->set[code >> 6] >> (code & 63) & 1;
	return code == ML_CODE_MISSING ? split->missing_left : code <= split->bin;
}

#endif							/* MLOPS_LEARN_SPLIT_FINDER_H */
