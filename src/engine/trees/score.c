/*-------------------------------------------------------------------------
 * score.c
 *	  Margins of trees from the bytes.
 *
 * A row becomes one code for each feature that splits use; then eight trees at a
 * time are walked in step.  A leaf is its own child, so a step needs no branch,
 * and eight independent walks hide the latency of loads.  That says what is right, and
 * scores where there is no layout (tops.h); kernels give the same bits.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "tops.h"

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
 * A leaf is its own child: a tree that ends before the others waits there.  Values are
 * added in the order of trees, so that a row has the same bits by whichever way it comes.
 */
double
trees_add_rest(const Trees *trees, uint32_t first, uint32_t *at, uint32_t steps, const uint8_t *codes, double sum)
{
	const uint64_t *nodes = trees->nodes;

	if (trees->n_sets == 0)
	{
		for (uint32_t d = 0; d < steps; d++)
		{
			for (int k = 0; k < TREES_IN_STEP; k++)
				at[k] = step(nodes[at[k]], codes);
		}
	}
	else
	{
		for (uint32_t d = 0; d < steps; d++)
		{
			for (int k = 0; k < TREES_IN_STEP; k++)
				at[k] = step_with_sets(trees, at[k], codes);
		}
	}
	for (uint32_t k = 0; k < TREES_IN_STEP && first + k < trees->n_trees; k++)
		sum += trees->values[at[k]];
	return sum;
}

/* base and one leaf of each tree. */
static double
sum_of_trees(const Trees *trees, const uint8_t *codes)
{
	double		sum = trees->base;

	for (uint32_t first = 0; first < trees->n_trees; first += TREES_IN_STEP)
	{
		uint32_t	at[TREES_IN_STEP] = {0};
		uint32_t	depth = 0;

		for (uint32_t k = 0; k < TREES_IN_STEP && first + k < trees->n_trees; k++)
		{
			const TreeRecord *tree = &trees->trees[first + k];

			at[k] = tree->first_node;
			depth = tree->depth > depth ? tree->depth : depth;
		}
		sum = trees_add_rest(trees, first, at, depth, codes, sum);
	}
	return sum;
}

/* ---------------------------------------------------------------- the operations */

size_t
trees_scratch_size(const void *state)
{
	uint32_t	n_slots = ((const Trees *) state)->n_slots;

	return n_slots <= MOST_TOP_SLOTS ? TOPS_SCRATCH(n_slots) : n_slots + 1;
}

/* The best kernel of this machine that has a layout for the trees; NULL: none has. */
static const Kernel *
best_kernel(const MlModel *m, const Trees *trees, size_t *size)
{
	for (int i = 0; trees_kernels[i]; i++)
	{
		*size = trees_kernels[i]->runs_here() ? tops_size(m, trees, trees_kernels[i]) : 0;
		if (*size > 0)
			return trees_kernels[i];
	}
	return NULL;
}

size_t
trees_layout_size(const MlModel *m, const void *state)
{
	size_t		size;

	return best_kernel(m, state, &size) ? size : 0;
}

void
trees_lay_out(const MlModel *m, const void *state, void *block)
{
	size_t		size;

	tops_make(m, state, best_kernel(m, state, &size), block);
}

/* values [n][n_inputs], margin [n]; each row has the same bits in any block. */
void
trees_margins(const MlModel *m, const void *state, size_t n, const MlValue *values, void *scratch, double *margin)
{
	const Tops *tops = (const Tops *) m->layout;

	if (tops)
	{
		tops->kernel->margins(m, tops, n, values, scratch, margin);
		return;
	}
	for (size_t i = 0; i < n; i++, values += m->n_inputs)
	{
		fill_codes(m, state, values, scratch);
		margin[i] = sum_of_trees(state, scratch);
	}
}

double
trees_margin(const MlModel *m, const void *state, const MlValue *values, void *scratch)
{
	double		margin;

	trees_margins(m, state, 1, values, scratch, &margin);
	return margin;
}

void
trees_codes(const MlModel *m, const Trees *t, const MlValue *values, uint8_t *codes)
{
	fill_codes(m, t, values, codes);
}
