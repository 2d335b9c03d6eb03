/*-------------------------------------------------------------------------
 * tree_shap.c
 *	  Shapley values of trees, exact, in time proportional to nodes times depth.
 *
 * The values are those of path-dependent TreeSHAP.  A leaf with value v is
 * reached, when the features S are known, with weight
 *	 v * product over features j on its path of (j in S ? o_j : z_j)
 * where o_j is 1 if the row goes the path's way at all splits on j, else 0, and
 * z_j is the product of the shares of training weight that go that way.  The
 * Shapley value of feature i in this product is the integral over t in [0, 1] of
 *	 v * (o_i - z_i) * product over j != i of f_j(t),
 *	 f_j(t) = t * o_j + (1 - t) * z_j
 * since t^s (1 - t)^(d - 1 - s) integrates to the Shapley weight of s known
 * features out of d.  The integrand is a polynomial of degree d - 1: with
 * d / 2 points of Gauss-Legendre quadrature the integral is exact, and with one
 * running product for each point, a tree is explained in two passes over its
 * splits: down, for the products of f, and up, for what the leaves below add
 * up to.  (TreeSHAP's own bookkeeping costs depth^2 a leaf; the sums here have
 * terms of one sign for each leaf and feature, and divide by no small number.)
 *
 * A feature that occurs again on a path replaces its former factor: going down,
 * the product is divided by the former f; going up, what lies below the later
 * split was counted for both.  Three cases remain, as o of a path is 1 only as
 * long as it was 1 above:
 *	 - first split on the feature on this path;
 *	 - the row went this way so far: the former factor is t + (1 - t) * z;
 *	 - it did not: all below has o = 0, products change by the share alone, and
 *	   contributions cancel.
 * Path-dependent TreeSHAP: Lundberg et al., "From local explanations to global
 * understanding with explainable AI for trees", Nature Machine Intelligence 2,
 * 2020.  Shapley values as an integral over the share of known features: Owen,
 * "Multilinear extensions of games", Management Science 18, 1972.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "layout.h"

#define NO_NODE UINT32_MAX
#define LANES 4					/* points of the quadrature are padded to this */

/* A split; nodes are counted from the tree's root, sides are left and right. */
typedef struct Split
{
	uint32_t	node;
	uint32_t	left;			/* its left child; the right one follows it */
	uint32_t	input;			/* whose contribution it is */
	uint32_t	same;			/* nearest node above or at this one whose parent splits on the same feature,
								 * or NO_NODE */
	double		above;			/* product of share on the way to same, over splits on this feature; 1
								 * without one */
	double		share[2];		/* of the training weight here that goes to a side */
	double		weight[2];		/* value of a child that is a leaf, else 1 */
} Split;

typedef struct SplitTree
{
	const TreeRecord *nodes;
	size_t		first_split;
	uint32_t	n_splits;		/* at least 1; parents come before their children */
} SplitTree;

/* Trees made ready to explain rows. */
typedef struct Explainer
{
	double		base;			/* margin, expected over the training rows */
	size_t		n_inputs;
	size_t		n_trees;		/* that split at all */
	SplitTree  *trees;
	Split	   *splits;
	uint32_t	most_nodes;		/* of a tree */
	uint32_t	n_points;		/* of the quadrature, padded */
	double	   *point;			/* t */
	double	   *rest;			/* 1 - t */
	double	   *inverse_rest;	/* 1 / (1 - t) */
	double	   *weight;			/* 0 for padding */
} Explainer;

/* ---------------------------------------------------------------- preparing */

/* One tree's nodes while it is prepared. */
typedef struct Node
{
	uint32_t	parent;			/* NO_NODE for the root */
	int32_t		feature;		/* that the parent splits on */
	uint32_t	n_features;		/* different ones on the path to here */
	double		share;			/* of the parent's weight */
	double		reach;			/* product of shares from the root */
	double		on_feature;		/* product of shares at splits on feature */
} Node;

/*
 * Shares of a split's training weight that go left and right.  left and right are
 * siblings.  The shares add up to 1.
 */
static void
set_shares(const DetailRecord *left, const DetailRecord *right, double share[2])
{
	double		weight[2] = {left->cover, right->cover};

	if (!(weight[0] + weight[1] > 0 && isfinite(weight[0] + weight[1])))
	{
		/* no weight came here (weights of zero): rows, or nothing is known */
		weight[0] = (double) left->count;
		weight[1] = (double) right->count;
		if (weight[0] + weight[1] == 0)
			weight[0] = weight[1] = 1;
	}
	share[0] = weight[0] / (weight[0] + weight[1]);
	share[1] = weight[1] / (weight[0] + weight[1]);
}

/* The nearest node at or above `at` whose parent splits on the feature, or NO_NODE. */
static uint32_t
nearest_on_feature(const Node *nodes, uint32_t at, int32_t feature)
{
	while (nodes[at].parent != NO_NODE && nodes[at].feature != feature)
		at = nodes[at].parent;
	return nodes[at].parent == NO_NODE ? NO_NODE : at;
}

/* Fills *out for node `at` of a tree, and nodes of both children. */
static void
prepare_split(const MlModel *m, const Trees *t, const TreeRecord *tree, Node *nodes, uint32_t at, Split *out)
{
	uint32_t	left = NODE_LEFT(t->nodes[tree->first_node + at]);
	int32_t		feature = t->details[tree->first_node + at].feature;

	out->node = at;
	out->left = left - tree->first_node;
	out->input = m->features[feature].input;
	out->same = nearest_on_feature(nodes, at, feature);
	out->above = out->same == NO_NODE ? 1 : nodes[out->same].on_feature;
	set_shares(&t->details[left], &t->details[left + 1], out->share);
	for (uint32_t side = 0; side < 2; side++)
	{
		out->weight[side] = t->details[left + side].feature < 0 ? t->values[left + side] : 1;
		nodes[out->left + side] = (Node) {at, feature,
			nodes[at].n_features + (out->same == NO_NODE), out->share[side],
			nodes[at].reach * out->share[side], out->above * out->share[side]};
	}
}

/*
 * Splits of one tree, appended to e->splits; its expectation over the training
 * rows, added to e->base.  nodes [most_nodes] is working memory; *most_features
 * rises to the most on a path.  Errors: ML_ABORTED.
 */
static MlStatus
prepare_tree(MlContext *ctx, Explainer *e, const MlModel *m, const Trees *t, const TreeRecord *tree, Node *nodes,
			 size_t *n_splits, uint32_t *most_features)
{
	size_t		first = *n_splits;

	nodes[0] = (Node) {NO_NODE, -1, 0, 1, 1, 1};
	for (uint32_t i = 0; i < tree->n_nodes; i++)
	{
		if (i % 1024 == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if (t->details[tree->first_node + i].feature >= 0)
		{
			prepare_split(m, t, tree, nodes, i, &e->splits[(*n_splits)++]);
			continue;
		}
		e->base += nodes[i].reach * t->values[tree->first_node + i];
		if (nodes[i].n_features > *most_features)
			*most_features = nodes[i].n_features;
	}
	if (*n_splits > first)
	{
		e->trees[e->n_trees++] = (SplitTree) {tree, first, (uint32_t) (*n_splits - first)};
		e->most_nodes = tree->n_nodes > e->most_nodes ? tree->n_nodes : e->most_nodes;
	}
	return ML_OK;
}

/*
 * Points for polynomials of degree most_features - 1, padded to whole vectors by
 * points of weight 0.  Errors: ML_OUT_OF_MEMORY.
 */
static MlStatus
prepare_points(MlContext *ctx, Explainer *e, uint32_t most_features)
{
	uint32_t	n = most_features < 2 ? 1 : (most_features + 1) / 2;
	uint32_t	padded = (n + LANES - 1) / LANES * LANES;
	double	   *all = ml_arena_alloc_array(ctx->arena, 4 * (size_t) padded, sizeof(double));

	if (all == NULL)
		return ml_fail_memory(ctx);
	e->n_points = padded;
	e->point = all;
	e->rest = all + padded;
	e->inverse_rest = all + 2 * padded;
	e->weight = all + 3 * padded;
	trees_gauss_legendre(n, e->point, e->weight);
	for (uint32_t q = 0; q < padded; q++)
	{
		if (q >= n)
		{
			e->point[q] = 0.5;
			e->weight[q] = 0;
		}
		e->rest[q] = 1 - e->point[q];
		e->inverse_rest[q] = 1 / e->rest[q];
	}
	return ML_OK;
}

/* *prepared is in ctx->arena and points into the model's bytes.  O(nodes * depth). */
MlStatus
trees_prepare(MlContext *ctx, const MlModel *m, const void *state, double *base, const void **prepared)
{
	const Trees *t = (const Trees *) state;
	Explainer  *e = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(Explainer));
	uint32_t	most_nodes = 0;
	uint32_t	most_features = 0;
	size_t		n_splits = 0;
	MlArenaMark mark;
	Node	   *nodes;
	MlStatus	status = ML_OK;

	if (e == NULL)
		return ml_fail_memory(ctx);
	e->n_inputs = m->n_inputs;
	e->base = t->base;
	for (uint32_t i = 0; i < t->n_trees; i++)
		most_nodes = t->trees[i].n_nodes > most_nodes ? t->trees[i].n_nodes : most_nodes;
	/* every split has two children, and a tree one node more */
	e->splits = ml_arena_alloc_array(ctx->arena, (t->n_nodes - t->n_trees) / 2, sizeof(Split));
	e->trees = ml_arena_alloc_array(ctx->arena, t->n_trees, sizeof(SplitTree));
	mark = ml_arena_mark(ctx->arena);
	nodes = ml_arena_alloc_array(ctx->arena, most_nodes, sizeof(Node));
	if (e->splits == NULL || e->trees == NULL || nodes == NULL)
		return ml_fail_memory(ctx);
	for (uint32_t i = 0; i < t->n_trees && status == ML_OK; i++)
		status = prepare_tree(ctx, e, m, t, &t->trees[i], nodes, &n_splits, &most_features);
	ml_arena_release(ctx->arena, mark);
	if (status != ML_OK)
		return status;
	if (most_features > ML_EXPLAIN_MAX_FEATURES)
		return ml_fail(ctx, ML_INVALID_ARGUMENT,
					   "a path of the model's trees uses %u features; at most %d can be explained",
					   most_features, ML_EXPLAIN_MAX_FEATURES);
	*base = e->base;
	*prepared = e;
	return prepare_points(ctx, e, most_features);
}

/* ---------------------------------------------------------------- one row */

/* Working memory, n_points numbers a node or input. */
typedef struct Work
{
	double	   *product;		/* by node: of all f on the path, times the leaf's value; going up, of the
								 * leaves below together */
	double	   *inverse;		/* by node: 1 / f of the split on its way, if warm */
	double	   *sum;			/* by input: contribution at each point */
	uint8_t    *way;			/* by node */
	uint8_t    *warm;			/* by node: did the row go this way at all splits of its parent's feature on
								 * the path? */
	uint8_t    *codes;
} Work;

/* Bytes of scratch that a row needs; fills *work unless NULL. */
static size_t
lay_out(const Explainer *e, const Trees *t, char *scratch, Work *work)
{
	size_t		row = e->n_points * sizeof(double);
	size_t		product = 0;
	size_t		inverse = product + e->most_nodes * row;
	size_t		sum = inverse + e->most_nodes * row;
	size_t		way = sum + e->n_inputs * row;
	size_t		warm = way + e->most_nodes;
	size_t		codes = warm + e->most_nodes;

	if (work)
		*work = (Work) {(double *) (scratch + product), (double *) (scratch + inverse),
			(double *) (scratch + sum), (uint8_t *) scratch + way, (uint8_t *) scratch + warm,
			(uint8_t *) scratch + codes};
	return codes + trees_scratch_size(t);
}

size_t
trees_explain_scratch_size(const MlModel *m, const void *state, const void *prepared)
{
	return lay_out(prepared, state, NULL, NULL);
}

/*
 * From the root down: products of f at each point.  n is e->n_points, a constant in
 * the usual call, for which the loops are unrolled.
 */
static inline __attribute__((always_inline)) void
go_down(const Explainer *e, const SplitTree *tree, const Work *w, uint32_t n)
{
	const Split *splits = e->splits + tree->first_split;

	for (uint32_t q = 0; q < n; q++)
		w->product[q] = 1;
	for (uint32_t s = 0; s < tree->n_splits; s++)
	{
		const Split *split = &splits[s];
		int			side = w->way[split->node];
		uint32_t	near = split->left + side;	/* where the row goes */
		uint32_t	far = split->left + !side;
		const double *from = w->product + (size_t) split->node * n;
		double	   *to_near = w->product + (size_t) near * n;
		double	   *to_far = w->product + (size_t) far * n;

		w->warm[far] = 0;
		if (split->same != NO_NODE && !w->warm[split->same])
		{
			double		near_factor = split->share[side] * split->weight[side];
			double		far_factor = split->share[!side] * split->weight[!side];

			w->warm[near] = 0;
			for (uint32_t q = 0; q < n; q++)
			{
				to_near[q] = from[q] * near_factor;
				to_far[q] = from[q] * far_factor;
			}
		}
		else
		{
			double		near_share = split->above * split->share[side];
			double		far_factor = split->above * split->share[!side] * split->weight[!side];
			double		weight = split->weight[side];
			double	   *inverse = w->inverse + (size_t) near * n;
			const double *former = split->same == NO_NODE ? NULL
				: w->inverse + (size_t) split->same * n;

			w->warm[near] = 1;
			for (uint32_t q = 0; q < n; q++)
			{
				double		f = e->point[q] + e->rest[q] * near_share;
				double		product = former ? from[q] * former[q] : from[q];

				inverse[q] = 1 / f;
				to_near[q] = product * f * weight;
				to_far[q] = product * e->rest[q] * far_factor;
			}
		}
	}
}

/*
 * And back up: what the leaves below add up to, and contributions to sum.  product
 * is overwritten.
 */
static inline __attribute__((always_inline)) void
go_up(const Explainer *e, const SplitTree *tree, const Work *w, uint32_t n)
{
	const Split *splits = e->splits + tree->first_split;

	for (uint32_t s = tree->n_splits; s-- > 0;)
	{
		const Split *split = &splits[s];
		int			side = w->way[split->node];
		uint32_t	near = split->left + side;
		const double *from_near = w->product + (size_t) near * n;
		const double *from_far = w->product + (size_t) (split->left + !side) * n;
		double	   *to = w->product + (size_t) split->node * n;
		double	   *sum = w->sum + (size_t) split->input * n;

		if (!w->warm[near])
		{
			for (uint32_t q = 0; q < n; q++)
				to[q] = from_near[q] + from_far[q];
		}
		else
		{
			double		gap = 1 - split->above * split->share[side];
			const double *inverse = w->inverse + (size_t) near * n;

			if (split->same == NO_NODE)
			{
				for (uint32_t q = 0; q < n; q++)
				{
					to[q] = from_near[q] + from_far[q];
					sum[q] += from_near[q] * gap * inverse[q] - from_far[q] * e->inverse_rest[q];
				}
			}
			else
			{
				const double *former = w->inverse + (size_t) split->same * n;
				double		former_gap = 1 - split->above;

				for (uint32_t q = 0; q < n; q++)
				{
					double		both = from_near[q] + from_far[q];

					to[q] = both;
					sum[q] += from_near[q] * gap * inverse[q] - from_far[q] * e->inverse_rest[q]
						- both * former_gap * former[q];
				}
			}
		}
	}
}

/* The usual case has its loops over points unrolled: trees of depth 8 and less. */

static void
explain_tree(const Explainer *e, const SplitTree *tree, const Work *w)
{
	if (e->n_points == LANES)
	{
		go_down(e, tree, w, LANES);
		go_up(e, tree, w, LANES);
	}
	else
	{
		go_down(e, tree, w, e->n_points);
		go_up(e, tree, w, e->n_points);
	}
}

#define WORK_BETWEEN_QUESTIONS ((size_t) 1 << 20)	/* nodes times points: some ms */

/*
 * Adds each input's contribution to the margin to contribution [n_inputs].  All of
 * them and e->base add up to the row's margin, but for rounding.
 */
MlStatus
trees_explain(MlContext *ctx, const MlModel *m, const void *state, const void *prepared,
			  const MlValue *values, void *scratch, double *contribution)
{
	const Explainer *e = (const Explainer *) prepared;
	const Trees *t = (const Trees *) state;
	Work		work;
	size_t		done = 0;

	lay_out(e, t, scratch, &work);
	memset(work.sum, 0, e->n_inputs * e->n_points * sizeof(double));
	trees_codes(m, t, values, work.codes);
	for (size_t i = 0; i < e->n_trees; i++)
	{
		const SplitTree *tree = &e->trees[i];

		done += (size_t) tree->nodes->n_nodes * e->n_points;
		if (done > WORK_BETWEEN_QUESTIONS)
		{
			if (ml_check_abort(ctx) != ML_OK)
				return ML_ABORTED;
			done = 0;
		}
		trees_ways(t, tree->nodes, work.codes, work.way);
		explain_tree(e, tree, &work);
	}
	for (size_t i = 0; i < e->n_inputs; i++)
	{
		for (uint32_t q = 0; q < e->n_points; q++)
			contribution[i] += e->weight[q] * work.sum[i * e->n_points + q];
	}
	return ML_OK;
}
