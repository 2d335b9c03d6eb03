/*-------------------------------------------------------------------------
 * encode.c
 *	  From a forest to bytes.
 *
 * Two steps: a plan counts, so that the bytes can be laid out; writing fills
 * them.  O(nodes + features * bins).
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "layout.h"

/* What is known before a byte is written. */
typedef struct Plan
{
	size_t		n_nodes;
	size_t		n_slots;
	size_t		n_edges;		/* of all slots */
	uint32_t   *slot_of_feature;	/* [n_features] UINT32_MAX: not used */
	uint8_t		(*new_bin)[ML_MAX_BINS + 1];	/* [n_features] bin among used edges */
	uint32_t   *n_slot_edges;	/* [n_features] */
	uint32_t   *order;			/* [n_nodes] working memory */
} Plan;

/* ---------------------------------------------------------------- counting */

static bool
is_leaf(const MlTreeNode *node)
{
	return node->feature < 0;
}

/*
 * Which edges of which features do splits use?  used [n_features]: working memory,
 * 0 before.  Slots are in order of features.
 */
static void
plan_slots(Plan *p, const MlSignature *signature, const MlForest *forest, uint8_t (*used)[ML_MAX_BINS + 1])
{
	for (size_t i = 0; i < p->n_nodes; i++)
	{
		const MlTreeNode *node = &forest->nodes[i];

		if (is_leaf(node))
			continue;
		p->slot_of_feature[node->feature] = 0;
		if (!node->categorical)
			used[node->feature][node->bin] = 1;
	}
	for (size_t f = 0; f < signature->n_features; f++)
	{
		const MlFeature *feature = &signature->features[f];
		uint32_t	n = 0;

		if (p->slot_of_feature[f] == UINT32_MAX)
			continue;
		p->slot_of_feature[f] = (uint32_t) p->n_slots++;
		/* bin b stands for edge b - 1; bin 0 and bin n_bins need no edge */
		for (uint32_t b = 1; !feature->categorical && b < feature->n_bins; b++)
		{
			n += used[f][b];
			p->new_bin[f][b] = (uint8_t) n;
		}
		p->new_bin[f][0] = 0;
		if (!feature->categorical)
			p->new_bin[f][feature->n_bins] = (uint8_t) (n + 1);
		p->n_slot_edges[f] = n;
		p->n_edges += n;
	}
}

/*
 * n [TREES_SECTIONS] gets the elements of each section.  *plan is in ctx->arena and
 * is trees_write's.
 */
MlStatus
trees_plan(MlContext *ctx, const MlSignature *signature, const void *body, uint64_t *n, void **plan)
{
	const MlForest *forest = (const MlForest *) body;
	size_t		n_features = signature->n_features;
	Plan	   *p = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(Plan));
	uint8_t		(*used)[ML_MAX_BINS + 1] = ml_arena_alloc_zeroed(ctx->arena, n_features, sizeof(*used));

	if (p == NULL || used == NULL)
		return ml_fail_memory(ctx);
	p->n_nodes = forest->first_node[forest->n_trees];
	p->slot_of_feature = ml_arena_alloc_array(ctx->arena, n_features, sizeof(uint32_t));
	p->new_bin = ml_arena_alloc_zeroed(ctx->arena, n_features, sizeof(*p->new_bin));
	p->n_slot_edges = ml_arena_alloc_zeroed(ctx->arena, n_features, sizeof(uint32_t));
	p->order = ml_arena_alloc_array(ctx->arena, p->n_nodes, sizeof(uint32_t));
	if (p->slot_of_feature == NULL || p->new_bin == NULL || p->n_slot_edges == NULL || p->order == NULL)
		return ml_fail_memory(ctx);
	memset(p->slot_of_feature, 0xFF, n_features * sizeof(uint32_t));
	plan_slots(p, signature, forest, used);
	if (p->n_slots > MAX_SLOTS)
		return ml_fail(ctx, ML_INVALID_ARGUMENT,
					   "the model uses %zu features, %d are allowed", p->n_slots, MAX_SLOTS);
	n[TREES_BASE] = 1;
	n[TREES_SLOTS] = p->n_slots;
	n[TREES_EDGES] = p->n_edges;
	n[TREES_TREES] = forest->n_trees;
	n[TREES_NODES] = n[TREES_VALUES] = n[TREES_DETAILS] = p->n_nodes;
	n[TREES_SETS] = forest->n_sets;
	*plan = p;
	return ML_OK;
}

/* ---------------------------------------------------------------- writing */

/* Edges that some split uses, in the order of slots. */
static void
write_slots(const Plan *p, const MlSignature *signature, void *const *at)
{
	SlotRecord *slots = (SlotRecord *) at[TREES_SLOTS];
	double	   *edges = (double *) at[TREES_EDGES];
	uint32_t	n = 0;

	for (size_t f = 0; f < signature->n_features; f++)
	{
		const MlFeature *feature = &signature->features[f];

		if (p->slot_of_feature[f] == UINT32_MAX)
			continue;
		slots[p->slot_of_feature[f]] = (SlotRecord) {(uint32_t) f, n, p->n_slot_edges[f], 0};
		for (uint32_t b = 1; !feature->categorical && b < feature->n_bins; b++)
		{
			if (p->new_bin[f][b] > p->new_bin[f][b - 1])
				edges[n++] = feature->edges[b - 1];
		}
	}
}

/*
 * Copies a node's set, with the bit of missing values put in, so that scoring looks
 * up all codes alike.
 */
static void
write_set(const MlForest *forest, const MlTreeNode *node, void *const *at)
{
	uint64_t   *set = (uint64_t *) at[TREES_SETS] + 4 * (size_t) node->set;

	memcpy(set, forest->sets[node->set], sizeof(uint64_t[4]));
	set[0] = (set[0] & ~UINT64_C(1)) | node->missing_left;
}

/*
 * Numbers: codes 1 .. bin go left, or 0 .. bin with missing values, which is one
 * comparison of an unsigned difference.
 */
static uint64_t
packed_split(const Plan *p, const MlTreeNode *node, uint32_t left)
{
	uint32_t	slot = p->slot_of_feature[node->feature];
	uint8_t		bin;

	if (node->categorical)
		return node_pack(slot | NODE_CATEGORICAL, 0, 0, left);
	bin = p->new_bin[node->feature][node->bin];
	return node->missing_left ? node_pack(slot, 0, bin, left)
		: node_pack(slot, 1, (uint8_t) (bin - 1), left);
}

/*
 * One tree, breadth first: children come in the order of their parents, two beside
 * each other, as verify.c wants them.  p->order is the queue.
 */
static void
write_tree(const Plan *p, const MlForest *forest, size_t tree, void *const *at)
{
	uint32_t   *order = p->order;
	uint32_t	first = forest->first_node[tree];
	uint32_t	n = forest->first_node[tree + 1] - first;
	const MlTreeNode *nodes = forest->nodes + first;
	uint64_t   *packed = (uint64_t *) at[TREES_NODES] + first;
	double	   *values = (double *) at[TREES_VALUES] + first;
	DetailRecord *details = (DetailRecord *) at[TREES_DETAILS] + first;
	uint32_t	queued = 1;
	uint32_t	level_end = 1;
	uint32_t	depth = 0;

	order[0] = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		const MlTreeNode *node = &nodes[order[i]];

		if (i == level_end)
		{
			depth++;
			level_end = queued;
		}
		details[i].feature = node->feature;
		details[i].value = node->value;
		details[i].cover = node->cover;
		details[i].count = node->count;
		if (is_leaf(node))
		{
			packed[i] = node_pack(0, 0, 255, first + i);
			values[i] = node->value;
			continue;
		}
		details[i].bin = node->categorical ? 0 : node->bin;
		details[i].missing_left = node->missing_left;
		details[i].categorical = node->categorical;
		details[i].gain = node->gain;
		packed[i] = packed_split(p, node, first + queued);
		if (node->categorical)
		{
			uint64_t	set = node->set;

			write_set(forest, node, at);
			memcpy(&values[i], &set, sizeof(set));
		}
		order[queued++] = node->left;
		order[queued++] = node->right;
	}
	((TreeRecord *) at[TREES_TREES])[tree] = (TreeRecord) {first, n, depth, 0};
}

void
trees_write(const MlSignature *signature, const void *body, void *plan, void *const *at)
{
	const MlForest *forest = (const MlForest *) body;

	*(double *) at[TREES_BASE] = forest->base_margin;
	write_slots(plan, signature, at);
	for (size_t t = 0; t < forest->n_trees; t++)
		write_tree(plan, forest, t, at);
}
