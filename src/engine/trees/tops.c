/*-------------------------------------------------------------------------
 * tops.c
 *	  Lays verified trees out in tops.  O(trees + splits in tops * codes of categories).
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "tops.h"

/* A layout may take so many bytes for each node of the trees, and in any case LEAST_ALLOWED. */
#define BYTES_OF_NODE 192
#define LEAST_ALLOWED (UINT64_C(1) << 18)

#define NO_NODE UINT32_MAX

const Kernel *const trees_kernels[] = {
#ifdef TREES_HAVE_X86
	&trees_kernel_avx512,
	&trees_kernel_avx2,
#endif
	NULL
};

/* Arrays of a layout: how long they are together, and where they are. */
typedef struct Places
{
	uint64_t	size;
	SlotSearch *slots;
	uint32_t   *categorical;
	double	   *edges;			/* of all slots */
	uint64_t   *ways;
	Top		   *tops;
	uint64_t   *missing_right;
	double		(*leaves)[TOP_NODES];
	uint32_t	(*nodes)[TOP_NODES];
} Places;

static bool
is_categorical(const MlModel *m, const Trees *t, uint32_t slot)
{
	return m->features[t->slots[slot].feature].categorical != 0;
}

/* The last edge of each group of EDGES_AT_ONCE, then the groups, filled up. */
static uint64_t
n_edges_laid(uint32_t n_edges)
{
	uint64_t	n_groups = ((uint64_t) n_edges + EDGES_AT_ONCE - 1) / EDGES_AT_ONCE;

	return EDGES_AT_ONCE * (n_groups <= 1 ? 1 : 1 + n_groups);
}

static uint32_t
n_steps(const Trees *t)
{
	return (t->n_trees + TREES_IN_STEP - 1) / TREES_IN_STEP * TREES_IN_STEP;
}

/* Steps of the deepest tree that its top does not have. */
static uint32_t
rest_of(const Trees *t)
{
	uint32_t	depth = TOP_LEVELS;

	for (uint32_t tree = 0; tree < t->n_trees; tree++)
		depth = t->trees[tree].depth > depth ? t->trees[tree].depth : depth;
	return depth - TOP_LEVELS;
}

/* The next array of a block (NULL: it is only counted), n elements, from a multiple of 64 on. */
static void *
take(char *block, uint64_t *used, uint64_t n, uint64_t size)
{
	void	   *at = block ? block + *used : NULL;

	*used += (n * size + 63) / 64 * 64;
	return at;
}

static Places
place(const MlModel *m, const Trees *t, char *block)
{
	Places		p = {0};
	uint64_t	n_edges = 0;
	uint64_t	n_categorical = 0;
	uint64_t	n_ways = 0;
	bool		deep = rest_of(t) > 0;

	for (uint32_t s = 0; s < t->n_slots; s++)
	{
		if (is_categorical(m, t, s))
		{
			n_categorical++;
			n_ways += ((uint64_t) m->features[t->slots[s].feature].n_bins + 1) * n_steps(t);
		}
		else
			n_edges += n_edges_laid(t->slots[s].n_edges);
	}
	take(block, &p.size, 1, sizeof(Tops));
	p.slots = take(block, &p.size, t->n_slots, sizeof(SlotSearch));
	p.categorical = take(block, &p.size, n_categorical, sizeof(uint32_t));
	p.edges = take(block, &p.size, n_edges, sizeof(double));
	p.ways = take(block, &p.size, n_ways, sizeof(uint64_t));
	p.tops = take(block, &p.size, n_steps(t), sizeof(Top));
	p.missing_right = take(block, &p.size, n_steps(t), sizeof(uint64_t));
	p.leaves = take(block, &p.size, deep ? 0 : n_steps(t), sizeof(*p.leaves));
	p.nodes = take(block, &p.size, deep ? n_steps(t) : 0, sizeof(*p.nodes));
	return p;
}

/*
 * Not where a slot is no byte, nor where categories of many levels, of which few trees
 * know anything, would take more memory than that is worth.
 */
size_t
tops_size(const MlModel *m, const Trees *t, const Kernel *kernel)
{
	uint64_t	size;

	if (t->n_slots > kernel->most_slots)
		return 0;
	for (uint32_t node = 0; node < t->n_nodes; node++)
	{
		if (NODE_LOW(t->nodes[node]) > 1)
			return 0;			/* is made by no encoder */
	}
	size = place(m, t, NULL).size;
	return size <= LEAST_ALLOWED + (uint64_t) BYTES_OF_NODE * t->n_nodes ? size : 0;
}

/* ---------------------------------------------------------------- slots */

static void
fill_edges(double *laid, const double *edges, uint32_t n)
{
	uint64_t	n_laid = n_edges_laid(n);
	double	   *group = n_laid == EDGES_AT_ONCE ? laid : laid + EDGES_AT_ONCE;

	for (uint64_t i = 0; i < n_laid; i++)
		laid[i] = INFINITY;
	memcpy(group, edges, n * sizeof(double));
	/* the last group's last edge stays infinite: what is above all edges ends there */
	for (uint32_t i = EDGES_AT_ONCE - 1; group != laid && i + 1 < n; i += EDGES_AT_ONCE)
		laid[i / EDGES_AT_ONCE] = edges[i];
}

static void
make_slots(const MlModel *m, const Trees *t, const Places *p, Tops *tops)
{
	double	   *edges = p->edges;
	uint64_t   *ways = p->ways;

	for (uint32_t s = 0; s < t->n_slots; s++)
	{
		const SlotRecord *record = &t->slots[s];
		const MlFeatureRecord *feature = &m->features[record->feature];
		SlotSearch *slot = &p->slots[s];

		*slot = (SlotSearch) {.input = feature->input, .feature = record->feature};
		if (feature->categorical)
		{
			slot->kind = SLOT_CATEGORY;
			slot->highest = feature->n_bins;
			slot->ways = ways;
			p->categorical[tops->n_categorical++] = s;
			memset(ways, 0, (size_t) (feature->n_bins + 1) * tops->n_steps * sizeof(uint64_t));
			ways += (size_t) (feature->n_bins + 1) * tops->n_steps;
			continue;
		}
		slot->kind = feature->part == ML_FEATURE_VALUE ? SLOT_NUMBER : SLOT_PART;
		slot->one_group = record->n_edges <= EDGES_AT_ONCE;
		slot->edges = edges;
		fill_edges(edges, t->slot_edges + record->first_edge, record->n_edges);
		edges += n_edges_laid(record->n_edges);
	}
}

/* ---------------------------------------------------------------- tops */

/*
 * The split of a number: (uint8) (code - low) > span, where low is 0 or 1.  With 1 a code
 * of 0 becomes the highest.
 */
static void
make_number(const Places *p, uint32_t tree, uint32_t i, uint64_t node)
{
	bool		missing_right = NODE_LOW(node) == 1 && NODE_SPAN(node) < UINT8_MAX;

	p->tops[tree].slot[i] = (uint8_t) NODE_SLOT(node);
	p->tops[tree].most[i] = NODE_SPAN(node) + missing_right;
	p->missing_right[tree] |= (uint64_t) missing_right << i;
}

/* Of a category: bit i in the words of codes that go right. */
static void
make_category(const Trees *t, const Places *p, const Tops *tops, uint32_t tree, uint32_t i, uint32_t node)
{
	const SlotSearch *slot = &p->slots[NODE_SLOT(t->nodes[node]) & ~NODE_CATEGORICAL];
	uint64_t   *ways = p->ways + (slot->ways - p->ways);	/* not constant here */
	uint64_t	set;

	memcpy(&set, &t->values[node], sizeof(set));
	for (uint32_t code = 0; code <= slot->highest; code++)
	{
		bool		left = (t->sets[set][code >> 6] >> (code & 63) & 1) != 0;

		ways[(size_t) code * tops->n_steps + tree] |= (uint64_t) !left << i;
	}
}

/* A top in which no code goes right, and that does not change a sum. */
static void
clear_top(const Places *p, const Tops *tops, uint32_t tree)
{
	memset(p->tops[tree].slot, 0, TOP_NODES);
	memset(p->tops[tree].most, UINT8_MAX, TOP_NODES);
	p->missing_right[tree] = 0;
	for (int i = 0; i < TOP_NODES; i++)
	{
		if (tops->rest > 0)
			p->nodes[tree][i] = 0;
		else
			p->leaves[tree][i] = -0.0;
	}
}

static void
make_top(const Trees *t, const Places *p, const Tops *tops, uint32_t tree)
{
	uint32_t	at[2 * TOP_NODES];	/* node at each place */

	clear_top(p, tops, tree);
	at[1] = t->trees[tree].first_node;
	for (uint32_t i = 1; i < TOP_NODES; i++)
	{
		uint64_t	node = at[i] == NO_NODE ? 0 : t->nodes[at[i]];

		at[2 * i] = at[i];		/* a leaf goes on to the left until it is an exit */
		at[2 * i + 1] = NO_NODE;
		if (at[i] == NO_NODE || NODE_LEFT(node) == at[i])
			continue;
		if (NODE_SLOT(node) & NODE_CATEGORICAL)
			make_category(t, p, tops, tree, i, at[i]);
		else
			make_number(p, tree, i, node);
		at[2 * i] = NODE_LEFT(node);
		at[2 * i + 1] = NODE_LEFT(node) + 1;
	}
	for (uint32_t exit = 0; exit < TOP_NODES; exit++)
	{
		uint32_t	node = at[TOP_NODES + exit];

		if (node == NO_NODE)
			continue;
		if (tops->rest > 0)
			p->nodes[tree][exit] = node;
		else
			p->leaves[tree][exit] = t->values[node];
	}
}

void
tops_make(const MlModel *m, const Trees *t, const Kernel *kernel, void *block)
{
	Places		p = place(m, t, block);
	Tops	   *tops = (Tops *) block;

	*tops = (Tops) {.kernel = kernel, .trees = *t, .n_steps = n_steps(t), .rest = rest_of(t), .slots = p.slots,
	.categorical = p.categorical, .tops = p.tops, .missing_right = p.missing_right};
	if (tops->rest > 0)
		tops->nodes = (const uint32_t (*)[TOP_NODES]) p.nodes;
	else
		tops->leaves = (const double (*)[TOP_NODES]) p.leaves;
	make_slots(m, t, &p, tops);
	for (uint32_t tree = 0; tree < t->n_trees; tree++)
		make_top(t, &p, tops, tree);
	for (uint32_t tree = t->n_trees; tree < tops->n_steps; tree++)
		clear_top(&p, tops, tree);
}
