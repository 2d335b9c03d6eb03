/*-------------------------------------------------------------------------
 * tree_grower.h
 *	  Grows one tree on quantised gradients (private to learn).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_TREE_GROWER_H
#define MLOPS_LEARN_TREE_GROWER_H

#include "engine/learn/bundles.h"
#include "engine/learn/partition.h"
#include "engine/learn/split_finder.h"

#define GROWER_MAX_LEAVES 65535 /* leaves are numbered in 16 bits */

/* How trees are grown, whatever learner wants them. */
typedef struct TreeParams
{
	int			max_depth;		/* 0: no limit */
	int			max_leaves;		/* 0: no limit */
	MlGrowPolicy grow_policy;
	double		colsample;		/* share of features a tree may use */
	SplitRules	rules;			/* units and monotone may be set after grower_allocate */
} TreeParams;

/*
 * A node while the tree grows.  Its rows are begin .. begin + n - 1 of one of the
 * two lists; a child's are in the other list than its parent's.
 */
typedef struct GrowerNode
{
	size_t		begin;			/* its rows in the grower's lists */
	size_t		n;
	uint8_t		list;			/* which of the two lists */
	int			depth;
	int			slot;			/* histogram, -1: none */
	int			left;			/* children, -1: a leaf so far */
	bool		open;			/* split is known and may be applied */
	GradientSum sum;
	Bounds		bounds;
	double		value;
	Split		split;
} GrowerNode;

/* Rows of one node that a task partitions. */
typedef struct GrowerBlock
{
	uint32_t	node;
	size_t		begin;
	size_t		end;
	size_t		n_left;
	size_t		left_at;		/* where its left rows go */
	size_t		right_at;
	bool		moved;
} GrowerBlock;

typedef struct TreeGrower
{
	MlContext  *ctx;
	const MlSignature *signature;
	const MlBinned *binned;
	Bundles		bundles;		/* its columns are what rows are added up and partitioned by */
	TreeParams	params;
	int			max_leaves;		/* the smallest of all limits */
	HistogramPool pool;
	uint32_t   *first_bin;		/* [columns + 1] */
	bool	   *feature_used;	/* [n_features] in this tree */
	bool	   *group_used;		/* groups of columns */
	uint32_t   *row[2];			/* lists of rows, node by node */
	uint64_t   *gradient[2];	/* in the order of the lists */
	uint8_t    *column;			/* [columns][n_rows] codes, a column's side by side; NULL: no memory */
	PartitionMove move;
	uint8_t    *goes_left;		/* of the rows being partitioned, in the order of their list */
	GrowerNode *nodes;
	int			n_nodes;
	int			n_leaves;
	int		   *batch;			/* nodes split together */
	Split	   *splits;			/* [2 * batch][n_features] */
	GrowerBlock *blocks;
	HistogramRequest *requests;
} TreeGrower;

/* Lays out working memory; with a counting workspace only counts. */
extern void grower_allocate(TreeGrower *grower, Workspace *workspace, size_t n_rows,
							const MlSignature *signature, const TreeParams *params,
							int n_threads);

/*
 * The matrix of the rows that trees are grown on.  Its features are bundled, and its
 * codes copied by column, if the context's memory has room for it beside `reserved`
 * bytes: trees are the same without, only later.  Parallel.  Errors: ML_ABORTED.
 */
extern MlStatus grower_start(TreeGrower *grower, MlContext *ctx, const MlBinned *binned, size_t reserved);

/*
 * Sets feature_used: the features with the smallest random numbers, at least one.
 */
extern void grower_sample_features(TreeGrower *grower, uint64_t seed, uint64_t stream);

/*
 * Grows a tree on the n rows in list 0, in rising order.  feature_used must be set.
 * Errors: ML_ABORTED.
 */
extern MlStatus grower_grow(TreeGrower *grower, size_t n);

/* Number of the leaf (node index) a coded row of a matrix ends in. */
extern int	grower_find_leaf(const TreeGrower *grower, const MlBinned *binned, size_t row);

#endif							/* MLOPS_LEARN_TREE_GROWER_H */
