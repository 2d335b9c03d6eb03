/*-------------------------------------------------------------------------
 * trees.h
 *	  The family of sums of trees: what a learner hands over.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_TREES_H
#define MLOPS_ENGINE_TREES_H

#include "mlops/engine/model.h"

/*
 * Trees over codes (see MlFeature).  A row with code c of node->feature goes
 * left if
 *	 c == 0: missing_left;
 *	 numbers: c <= bin;
 *	 categories: bit c of sets[node->set] is set (bit 0 is not used).
 */
typedef struct MlTreeNode
{
	int32_t		feature;		/* -1: leaf */
	uint32_t	left;			/* children, counted from the tree's first node; */
	uint32_t	right;			/* right == left + 1 */
	uint32_t	set;			/* categories that go left */
	uint8_t		bin;			/* numbers: the last code that goes left */
	bool		missing_left;
	bool		categorical;
	double		value;			/* log odds added here (learning rate applied); inner nodes: what a leaf here
								 * would add */
	double		gain;			/* twice the loss reduction of the split, 0 for leaves */
	double		cover;			/* sum of hessians of the training rows here */
	uint64_t	count;			/* training rows here */
} MlTreeNode;

/* The margin is base_margin and the value of a leaf of each tree. */
typedef struct MlForest
{
	double		base_margin;	/* log odds before the first tree */
	size_t		n_trees;
	const uint32_t *first_node; /* [n_trees + 1] */
	const MlTreeNode *nodes;
	size_t		n_sets;
	const uint64_t (*sets)[4];	/* 256 bits each */
} MlForest;

/* Most features on a path from root to leaf of trees that are to be explained. */
#define ML_EXPLAIN_MAX_FEATURES 1024

extern const MlFamily ml_family_trees;	/* body: MlForest */

static inline MlFitted
ml_fitted_trees(const MlForest *forest)
{
	return (MlFitted) {&ml_family_trees, forest};
}

#endif							/* MLOPS_ENGINE_TREES_H */
