/*-------------------------------------------------------------------------
 * score.c
 *	  Margins of trees from the bytes.
 *
 * A row becomes one code for each feature that splits use; then eight trees at a
 * time are walked in step.  A leaf is its own child, so a step needs no branch,
 * and eight independent walks hide the latency of loads.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "layout.h"

#define TREES_IN_STEP 8

/*
 * A leaf names slot 0, so there is one code even without any split.  codes [n_slots
 * + 1].
 */
static inline void
fill_codes(const MlModel *m, const Trees *t, const MlValue *values, uint8_t *codes)
{
	codes[0] = ML_CODE_MISSING;
	for (uint32_t s = 0; s < t->n_slots; s++)
	{
		const SlotRecord *slot = &t->slots[s];
		const MlFeatureRecord *feature = &m->features[slot->feature];

		if (feature->categorical)
			codes[s] = (uint8_t) values[feature->input].code;
		else
			codes[s] = ml_bin_number(t->slot_edges + slot->first_edge, slot->n_edges,
									 ml_model_number(m, feature, values));
	}
}

/* The node that a row goes to from a number's split or a leaf, which leads to itself. */
static inline uint32_t
step(uint64_t node, const uint8_t *codes)
{
	return NODE_LEFT(node) +
		((uint8_t) (codes[NODE_SLOT(node)] - NODE_LOW(node)) > NODE_SPAN(node));
}

/* A step where categorical splits may occur. */
static inline uint32_t
step_with_sets(const Trees *t, uint32_t i, const uint8_t *codes)
{
	uint64_t	node = t->nodes[i];
	uint64_t	set;
	uint8_t		code;

	if (!(NODE_SLOT(node) & NODE_CATEGORICAL))
		return step(node, codes);
	memcpy(&set, &t->values[i], sizeof(set));
	code = codes[NODE_SLOT(node) & ~NODE_CATEGORICAL];
	return NODE_LEFT(node) + !(t->sets[set][code >> 6] >> (code & 63) & 1);
}

/*
 * At every node, also at those that the row does not come to: explanations need
 * them all.
 */
void
trees_ways(const Trees *trees, const TreeRecord *tree, const uint8_t *codes, uint8_t *way)
{
	const Trees t = *trees;		/* a copy, which no write to way can change */
	uint32_t	first = tree->first_node;
	uint32_t	n = tree->n_nodes;

	if (t.n_sets == 0)
	{
		for (uint32_t i = 0; i < n; i++)
			way[i] = (uint8_t) (step(t.nodes[first + i], codes) - NODE_LEFT(t.nodes[first + i]));
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		way[i] = (uint8_t) (step_with_sets(&t, first + i, codes) - NODE_LEFT(t.nodes[first + i]));
}

/*
 * base and one leaf of each tree, added up in the order of trees: the same bits by
 * whichever way a row comes.
 */
static double
walk_trees(const Trees *model, const uint8_t *codes)
{
	const uint64_t *nodes = model->nodes;
	uint32_t	n_trees = model->n_trees;
	double		margin = model->base;
	uint32_t	t = 0;

	for (; t + TREES_IN_STEP <= n_trees; t += TREES_IN_STEP)
	{
		uint32_t	at[TREES_IN_STEP];
		uint32_t	depth = 0;

		for (int k = 0; k < TREES_IN_STEP; k++)
		{
			at[k] = model->trees[t + k].first_node;
			depth = model->trees[t + k].depth > depth ? model->trees[t + k].depth : depth;
		}
		if (model->n_sets == 0)
		{
			for (uint32_t d = 0; d < depth; d++)
			{
				for (int k = 0; k < TREES_IN_STEP; k++)
					at[k] = step(nodes[at[k]], codes);
			}
		}
		else
		{
			for (uint32_t d = 0; d < depth; d++)
			{
				for (int k = 0; k < TREES_IN_STEP; k++)
					at[k] = step_with_sets(model, at[k], codes);
			}
		}
		for (int k = 0; k < TREES_IN_STEP; k++)
			margin += model->values[at[k]];
	}
	for (; t < n_trees; t++)
	{
		uint32_t	at = model->trees[t].first_node;

		for (uint32_t d = 0; d < model->trees[t].depth; d++)
			at = step_with_sets(model, at, codes);
		margin += model->values[at];
	}
	return margin;
}

size_t
trees_scratch_size(const void *state)
{
	return ((const Trees *) state)->n_slots + 1;
}

double
trees_margin(const MlModel *m, const void *state, const MlValue *values, void *scratch)
{
	fill_codes(m, state, values, scratch);
	return walk_trees(state, scratch);
}

/* values [n][n_inputs], margin [n]; each row alone, as trees_margin does. */
void
trees_margins(const MlModel *m, const void *state, size_t n, const MlValue *values, void *scratch, double *margin)
{
	for (size_t i = 0; i < n; i++, values += m->n_inputs)
	{
		fill_codes(m, state, values, scratch);
		margin[i] = walk_trees(state, scratch);
	}
}

void
trees_codes(const MlModel *m, const Trees *t, const MlValue *values, uint8_t *codes)
{
	fill_codes(m, t, values, codes);
}
