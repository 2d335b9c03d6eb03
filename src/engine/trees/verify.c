/*-------------------------------------------------------------------------
 * verify.c
 *	  Opening trees: nothing in their sections is trusted.
 *
 * One pass over the sections, O(their bytes).  Scoring afterwards checks
 * nothing: what it follows must be in bounds here.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "layout.h"

/*
 * Only points into the bytes; they must live as long as state.  Wrong counts are
 * trees_verify's to find.
 */
void
trees_open(const MlSection *section, void *state)
{
	const MlSection *base = &section[TREES_BASE];

	*(Trees *) state = (Trees) {
		.base = base->n == 1 ? *(const double *) base->at : NAN,
		.n_slots = (uint32_t) section[TREES_SLOTS].n,
		.n_trees = (uint32_t) section[TREES_TREES].n,
		.n_nodes = (uint32_t) section[TREES_NODES].n,
		.n_sets = (uint32_t) section[TREES_SETS].n,
		.slots = section[TREES_SLOTS].at,
		.slot_edges = section[TREES_EDGES].at,
		.trees = section[TREES_TREES].at,
		.nodes = section[TREES_NODES].at,
		.values = section[TREES_VALUES].at,
		.sets = section[TREES_SETS].at,
		.details = section[TREES_DETAILS].at,
	};
}

/* Edges of the slots must fill their section without gaps, and rise. */
static bool
check_slots(MlCheck *c, const MlModel *m, const Trees *t, uint64_t all_edges)
{
	uint64_t	n_edges = 0;

	for (uint32_t s = 0; s < t->n_slots; s++)
	{
		const SlotRecord *slot = &t->slots[s];

		if (!ml_expect(c, slot->feature < m->n_features && slot->zero == 0 &&
					   slot->first_edge == n_edges && slot->n_edges <= ML_MAX_BINS - 1,
					   "a scoring feature is out of bounds") ||
			!ml_expect(c, ml_model_has_own_codes(m, slot->feature), "a split is on a category without codes of its own") ||
			!ml_expect(c, m->features[slot->feature].categorical == 0 || slot->n_edges == 0,
					   "a category has edges"))
			return false;
		n_edges += slot->n_edges;
		if (!ml_expect(c, n_edges <= all_edges, "a scoring feature is out of bounds") ||
			!ml_check_rising(c, t->slot_edges + slot->first_edge, slot->n_edges))
			return false;
	}
	return ml_expect(c, n_edges == all_edges, "a section has the wrong length");
}

/* One split; the set of a categorical one is in bounds. */
static bool
check_split(MlCheck *c, const MlModel *m, const Trees *t, uint32_t i)
{
	uint64_t	node = t->nodes[i];
	uint32_t	slot = NODE_SLOT(node) & ~NODE_CATEGORICAL;
	bool		categorical = (NODE_SLOT(node) & NODE_CATEGORICAL) != 0;
	uint64_t	set;

	if (!ml_expect(c, slot < t->n_slots, "a split's feature is out of bounds") ||
		!ml_expect(c, m->features[t->slots[slot].feature].categorical == categorical,
				   "a split does not fit its feature") ||
		!ml_expect(c, t->details[i].feature == (int32_t) t->slots[slot].feature,
				   "a split's details do not fit it") ||
		!ml_expect(c, t->details[i].bin <= m->features[t->slots[slot].feature].n_bins &&
				   t->details[i].missing_left <= 1 && t->details[i].categorical == categorical &&
				   isfinite(t->details[i].gain), "a split's details are wrong"))
		return false;
	if (!categorical)
		return true;
	memcpy(&set, &t->values[i], sizeof(set));
	return ml_expect(c, set < t->n_sets, "a split's set is out of bounds");
}

/*
 * Breadth-first order means that children come in the order of their parents: the
 * n-th split's left child is node 1 + 2 * n.  That makes every node but the root
 * the child of exactly one earlier node.  So walks end, and depth is what the
 * record says.
 */
static bool
check_tree(MlCheck *c, const MlModel *m, const Trees *t, const TreeRecord *tree)
{
	uint64_t	next = (uint64_t) tree->first_node + 1;
	uint64_t	end = (uint64_t) tree->first_node + tree->n_nodes;
	uint64_t	level_end = next;
	uint32_t	depth = 0;

	for (uint32_t i = tree->first_node; i < end; i++)
	{
		uint64_t	node = t->nodes[i];

		if (!ml_expect(c, i < next, "a tree's nodes are not linked") ||
			!ml_expect(c, isfinite(t->details[i].cover) && t->details[i].cover >= 0,
					   "a node's cover is wrong") ||
			!ml_expect(c, isfinite(t->details[i].value) && t->details[i].count <= ML_MOST_ROWS &&
					   t->details[i].zero == 0, "a node's details are wrong"))
			return false;
		if (i == level_end)
		{
			depth++;
			level_end = next;
		}
		if (NODE_LEFT(node) == i)
		{
			if (!ml_expect(c, NODE_SLOT(node) == 0 && NODE_LOW(node) == 0 && NODE_SPAN(node) == 255 &&
						   isfinite(t->values[i]) && t->details[i].feature == -1, "a leaf is wrong"))
				return false;
			continue;
		}
		if (!ml_expect(c, NODE_LEFT(node) == next && next + 2 <= end, "a tree's nodes are not linked") ||
			!check_split(c, m, t, i))
			return false;
		next += 2;
	}
	return ml_expect(c, next == end && depth == tree->depth && tree->zero == 0, "a tree's size is wrong");
}

/* Trees follow each other without gaps. */
static bool
check_trees(MlCheck *c, const MlModel *m, const Trees *t)
{
	uint64_t	n_nodes = 0;

	for (uint32_t i = 0; i < t->n_trees; i++)
	{
		const TreeRecord *tree = &t->trees[i];

		if (!ml_expect(c, tree->first_node == n_nodes && tree->n_nodes >= 1 &&
					   tree->n_nodes <= t->n_nodes - n_nodes, "a tree is out of bounds"))
			return false;
		n_nodes += tree->n_nodes;
		if (!check_tree(c, m, t, tree))
			return false;
	}
	return ml_expect(c, n_nodes == t->n_nodes, "the number of nodes is wrong");
}

bool
trees_verify(MlCheck *c, const MlModel *m, const MlSection *section, const void *state)
{
	const Trees *t = (const Trees *) state;

	return ml_expect(c, section[TREES_BASE].n == 1 && section[TREES_VALUES].n == t->n_nodes &&
					 section[TREES_DETAILS].n == t->n_nodes, "a section has the wrong length") &&
		ml_expect(c, isfinite(t->base), "its base is not finite") &&
		ml_expect(c, t->n_slots <= MAX_SLOTS, "it has too many scoring features") &&
		check_slots(c, m, t, section[TREES_EDGES].n) && check_trees(c, m, t);
}
