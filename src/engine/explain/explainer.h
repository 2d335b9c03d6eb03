/*-------------------------------------------------------------------------
 * explainer.h
 *	  What a model's explainer knows (private to explain).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_EXPLAIN_EXPLAINER_H
#define MLOPS_ENGINE_EXPLAIN_EXPLAINER_H

#include "mlops/engine/explain.h"

#define NO_NODE UINT32_MAX
#define LANES 4					/* points of the quadrature are padded to this */

/* A split; nodes are counted from the tree's root, sides are left and right. */
typedef struct Split
{
	uint32_t	node;
	uint32_t	left;			/* its left child; the right one follows it */
	uint32_t	input;			/* whose contribution it is */
	uint32_t	same;			/* nearest node above or at this one whose parent splits
								 * on the same feature, or NO_NODE */
	double		above;			/* product of share on the way to same, over splits on
								 * this feature; 1 without one */
	double		share[2];		/* of the training weight here that goes to a side */
	double		weight[2];		/* value of a child that is a leaf, else 1 */
} Split;

typedef struct SplitTree
{
	MlModelTree nodes;
	size_t		first_split;
	uint32_t	n_splits;		/* at least 1; parents come before their children */
} SplitTree;

struct MlExplainer
{
	const MlModel *model;
	size_t		n_inputs;
	double		scale;			/* from margin to log odds of the score */
	double		base;			/* in log odds of the score */

	/* trees */
	size_t		n_trees;		/* that split at all */
	SplitTree  *trees;
	Split	   *splits;
	uint32_t	most_nodes;		/* of a tree */
	uint32_t	n_points;		/* of the quadrature, padded */
	double	   *point;			/* t */
	double	   *rest;			/* 1 - t */
	double	   *inverse_rest;	/* 1 / (1 - t) */
	double	   *weight;			/* 0 for padding */

	/* linear models */
	size_t		n_features;
	uint32_t   *input_of_feature;
	double	   *mean_part;
};

/* Fills what trees need, and adds their expectation to base (a margin yet). */
extern MlStatus explain_prepare_trees(MlContext *ctx, MlExplainer *explainer);

/* Adds up the trees' contributions to the margin. */
extern MlStatus explain_trees(MlContext *ctx, const MlExplainer *explainer, const MlValue *values,
							  void *scratch, double *contribution);
extern size_t explain_trees_scratch_size(const MlExplainer *explainer);

/*
 * Points and weights of Gauss-Legendre quadrature on [0, 1], exact for
 * polynomials of degree 2 * n - 1.
 */
extern void explain_gauss_legendre(uint32_t n, double *point, double *weight);

#endif							/* MLOPS_ENGINE_EXPLAIN_EXPLAINER_H */
