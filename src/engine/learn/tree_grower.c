/*-------------------------------------------------------------------------
 * tree_grower.c
 *	  Grows one tree: chooses nodes to split, partitions their rows, builds the
 *	  smaller child's histogram and subtracts it from the parent's for the other.
 *
 * Depth-wise growth splits a whole level in one batch, so that few large
 * parallel jobs do the work of many small ones; leaf-wise growth splits the
 * node with the greatest gain.  Every choice is made from exact integer sums,
 * so neither batches nor threads change the tree.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "engine/learn/tree_grower.h"

#define BLOCK_ROWS ((size_t) 16384)
#define MAX_BATCH 256
#define SEARCH_FEATURES 8		/* of a task; to hand out a task costs more than a sparse feature */

/* ---------------------------------------------------------------- memory */

/* The least of all limits: depth, leaves, 16 bits, and a row for each leaf. */
static int
leaf_limit(const TreeParams *params, size_t n_rows)
{
	double		limit = GROWER_MAX_LEAVES;

	if (params->max_depth > 0)
		limit = fmin(limit, ldexp(1, params->max_depth));
	if (params->max_leaves > 0)
		limit = fmin(limit, params->max_leaves);
	return (int) fmin(limit, n_rows > 1 ? (double) n_rows : 1);
}

/*
 * Slots for the histograms of all open nodes, if they fit (see
 * histogram_pool_slots); batches are half of that, since each node that is split
 * needs two.
 */
void
grower_allocate(TreeGrower *g, Workspace *workspace, size_t n_rows,
				const MlSignature *signature, const TreeParams *params, int n_threads)
{
	size_t		n_features = signature->n_features;
	size_t		n_groups = (n_features + ML_GROUP_FEATURES - 1) / ML_GROUP_FEATURES;
	size_t		n_bins = 0;
	int			n_slots;
	int			batch;

	g->signature = signature;
	g->params = *params;
	g->max_leaves = leaf_limit(params, n_rows);
	for (size_t f = 0; f < n_features; f++)
		n_bins += signature->features[f].n_bins + 1;
	n_slots = histogram_pool_slots((size_t) g->max_leaves + 4, n_bins);
	batch = n_slots / 2 < MAX_BATCH ? n_slots / 2 : MAX_BATCH;

	bundles_allocate(&g->bundles, workspace, n_features);
	g->first_bin = workspace_take(workspace, n_features + 1, sizeof(uint32_t));
	g->feature_used = workspace_take(workspace, n_features, sizeof(bool));
	g->group_used = workspace_take(workspace, n_groups, sizeof(bool));
	for (int list = 0; list < 2; list++)
	{
		g->row[list] = workspace_take(workspace, n_rows, sizeof(uint32_t));
		g->gradient[list] = workspace_take(workspace, n_rows, sizeof(uint64_t));
	}
	g->goes_left = workspace_take(workspace, n_rows, sizeof(uint8_t));
	g->nodes = workspace_take(workspace, 2 * (size_t) g->max_leaves, sizeof(GrowerNode));
	g->batch = workspace_take(workspace, g->max_leaves, sizeof(int));
	g->splits = workspace_take(workspace, 2 * (size_t) batch * n_features, sizeof(Split));
	g->blocks = workspace_take(workspace, n_rows / BLOCK_ROWS + batch + 1, sizeof(GrowerBlock));
	g->requests = workspace_take(workspace, 2 * (size_t) batch, sizeof(HistogramRequest));
	histogram_pool_allocate(&g->pool, workspace, n_rows, n_groups, n_bins, n_slots, n_threads);
	g->pool.first_bin = g->first_bin;
}

/* ---------------------------------------------------------------- columns */

#define COPY_ROWS ((size_t) 2048)	/* of a group: 32 KB, which stay in the L1 cache */

/*
 * Task: a block of rows of a group.  A partition looks at one code of each row: in
 * the matrix they are 16 bytes apart, here 64 of them are in a cache line.
 */
static void
copy_columns(void *arg, size_t task, int thread)
{
	TreeGrower *g = (TreeGrower *) arg;
	const MlBinned *columns = g->bundles.columns;
	size_t		group = task % columns->n_groups;
	size_t		begin = task / columns->n_groups * COPY_ROWS;
	size_t		end = begin + COPY_ROWS < columns->n_rows ? begin + COPY_ROWS : columns->n_rows;

	for (size_t i = 0; i < ML_GROUP_FEATURES && group * ML_GROUP_FEATURES + i < columns->n_features; i++)
	{
		uint8_t    *column = g->column + (group * ML_GROUP_FEATURES + i) * columns->n_rows;
		const uint8_t *code = columns->group[group] + i;

		for (size_t row = begin; row < end; row++)
			column[row] = code[row * ML_GROUP_FEATURES];
	}
}

MlStatus
grower_start(TreeGrower *g, MlContext *ctx, const MlBinned *binned, size_t reserved)
{
	size_t		n_blocks = (binned->n_rows + COPY_ROWS - 1) / COPY_ROWS;
	const MlBinned *columns;
	MlStatus	status = bundles_make(&g->bundles, ctx, binned, g->signature, reserved);

	if (status != ML_OK)
		return status;
	g->ctx = ctx;
	g->binned = binned;
	g->pool.columns = columns = g->bundles.columns;
	g->move = partition_choose_move();
	g->first_bin[0] = 0;
	for (size_t c = 0; c < columns->n_features; c++)
		g->first_bin[c + 1] = g->first_bin[c] + g->bundles.n_codes[c];
	g->column = NULL;
	if (arena_has_room(ctx->arena, columns->n_rows * columns->n_features, reserved))
		g->column = ml_arena_alloc_array(ctx->arena, columns->n_rows, columns->n_features);
	if (g->column == NULL)
		return ML_OK;
	return ml_parallel_for(ctx, n_blocks * columns->n_groups, copy_columns, g);
}

/* ---------------------------------------------------------------- features */

/*
 * A partial selection sort of random keys: O(wanted * n), small beside a tree.
 * Which features are drawn depends on seed and stream alone.
 */
void
grower_sample_features(TreeGrower *g, uint64_t seed, uint64_t stream)
{
	size_t		n = g->signature->n_features;
	size_t		n_learned = 0;
	size_t		wanted;
	bool	   *used = g->feature_used;

	for (size_t f = 0; f < n; f++)
		n_learned += ml_feature_is_learned(g->signature, f);
	wanted = (size_t) floor(g->params.colsample * (double) n_learned + 0.5);
	if (wanted == 0)
		wanted = 1;
	for (size_t f = 0; f < n; f++)
		used[f] = wanted >= n_learned && ml_feature_is_learned(g->signature, f);
	for (size_t taken = 0; taken < wanted && wanted < n_learned; taken++)
	{
		size_t		best = n;
		uint64_t	least = 0;

		for (size_t f = 0; f < n; f++)
		{
			uint64_t	key = ml_random_u64(seed, stream, f);

			if (!used[f] && ml_feature_is_learned(g->signature, f) && (best == n || key < least))
			{
				best = f;
				least = key;
			}
		}
		used[best] = true;
	}
}

/* ---------------------------------------------------------------- histograms */

/* All rows, in rising order, need no numbers. */
static RowList
rows_of(const TreeGrower *g, const GrowerNode *node)
{
	const uint32_t *row = node->n < g->binned->n_rows ? g->row[node->list] + node->begin : NULL;

	return (RowList) {row, g->gradient[node->list] + node->begin, node->n};
}

/*
 * A free slot, taken from an open node that is not in hand if there is none.  That
 * node's children will both be built instead of one of them being subtracted.
 * There is one to take: a batch holds at most half of the slots.
 */
static int
take_slot(TreeGrower *g, const int *in_hand, int n_in_hand)
{
	for (int i = 0; g->pool.n_free == 0 && i < g->n_nodes; i++)
	{
		bool		held = false;

		for (int k = 0; k < n_in_hand; k++)
			held = held || in_hand[k] == i;
		if (!held && g->nodes[i].slot >= 0 && g->nodes[i].open)
		{
			histogram_free_slot(&g->pool, g->nodes[i].slot);
			g->nodes[i].slot = -1;
		}
	}
	return histogram_take_slot(&g->pool);
}

static void
release_slot(TreeGrower *g, GrowerNode *node)
{
	if (node->slot >= 0)
		histogram_free_slot(&g->pool, node->slot);
	node->slot = -1;
}

/* The larger child's histogram: the parent's, in its slot, minus the smaller's. */
typedef struct Subtraction
{
	TreeGrower *grower;
	int			n;
	int			larger[MAX_BATCH];
	int			smaller[MAX_BATCH];
} Subtraction;

/*
 * A task is one pair.  Groups of columns that the tree does not use are undefined and
 * left out.
 */
static void
subtract(void *arg, size_t task, int thread)
{
	Subtraction *s = (Subtraction *) arg;
	TreeGrower *g = s->grower;
	GradientSum *from = g->pool.sums + (size_t) g->nodes[s->larger[task]].slot * g->pool.n_bins;
	const GradientSum *what = g->pool.sums + (size_t) g->nodes[s->smaller[task]].slot * g->pool.n_bins;

	size_t		n_columns = g->bundles.columns->n_features;

	for (size_t c = 0; c < n_columns; c += ML_GROUP_FEATURES)
	{
		size_t		end = c + ML_GROUP_FEATURES < n_columns ? c + ML_GROUP_FEATURES : n_columns;
		uint32_t	first = g->first_bin[c];

		if (g->group_used[c / ML_GROUP_FEATURES])
			histogram_subtract(from + first, what + first, g->first_bin[end] - first);
	}
}

/* ---------------------------------------------------------------- splits */

typedef struct SplitSearch
{
	TreeGrower *grower;
	const int  *nodes;
} SplitSearch;

/*
 * Does any cut of a member leave rows enough on both sides?  Never if its codes other
 * than the usual one have too few together: one side has nothing else.
 */
static bool
may_be_cut(const SplitRules *rules, const BundleMember *member, const GradientSum *bundle)
{
	int64_t		hessian = 0;

	for (int i = 0; i < member->n_own; i++)
		hessian += bundle[member->first + i].hessian;
	return hessian > 0 && (double) hessian * rules->hessian_unit >= rules->min_child_weight;
}

/*
 * A member's sums, apart from those of its bundle: of its usual code they are what the
 * others leave of the node's.
 */
static void
sums_of_member(const BundleMember *member, const GradientSum *bundle, GradientSum node, uint32_t n_bins, GradientSum *sums)
{
	memset(sums, 0, (n_bins + 1) * sizeof(GradientSum));
	for (int i = 0; i < member->n_own; i++)
	{
		GradientSum sum = bundle[member->first + i];

		sums[member->own[i]] = sum;
		node = gradient_sum_subtract(node, sum);
	}
	sums[member->usual] = node;
}

static void
search_feature(const TreeGrower *g, const GrowerNode *node, size_t f, Split *split)
{
	const BundleMember *member = &g->bundles.members[f];
	const MlFeature *feature = &g->signature->features[f];
	const GradientSum *sums;
	GradientSum own[ML_MAX_BINS + 1];

	split->gain = 0;
	if (!g->feature_used[f] || member->column < 0)
		return;
	sums = histogram_of_column(&g->pool, node->slot, (size_t) member->column);
	if (member->n_own > 0)
	{
		if (!may_be_cut(&g->params.rules, member, sums))
			return;
		sums_of_member(member, sums, node->sum, feature->n_bins, own);
		sums = own;
	}
	find_split(&g->params.rules, feature, (int32_t) f, sums, node->sum, node->n, node->bounds, split);
}

/* Task: some features of a node of the batch.  Each has an entry of splits. */
static void
search_features(void *arg, size_t task, int thread)
{
	SplitSearch *search = (SplitSearch *) arg;
	TreeGrower *g = search->grower;
	size_t		n_features = g->signature->n_features;
	size_t		n_parts = (n_features + SEARCH_FEATURES - 1) / SEARCH_FEATURES;
	size_t		node = task / n_parts;
	size_t		first = task % n_parts * SEARCH_FEATURES;

	for (size_t f = first; f < first + SEARCH_FEATURES && f < n_features; f++)
		search_feature(g, &g->nodes[search->nodes[node]], f, &g->splits[node * n_features + f]);
}

/* Best splits of nodes that have histograms; the first feature wins a tie. */
static MlStatus
search_splits(TreeGrower *g, const int *nodes, int n)
{
	SplitSearch search = {g, nodes};
	size_t		n_features = g->signature->n_features;
	size_t		n_parts = (n_features + SEARCH_FEATURES - 1) / SEARCH_FEATURES;
	MlStatus	status = ml_parallel_for(g->ctx, n * n_parts, search_features, &search);

	for (int i = 0; status == ML_OK && i < n; i++)
	{
		GrowerNode *node = &g->nodes[nodes[i]];
		const Split *best = &g->splits[i * n_features];

		for (size_t f = 1; f < n_features; f++)
		{
			const Split *split = &g->splits[i * n_features + f];

			if (split->gain > best->gain)
				best = split;
		}
		node->open = best->gain > 0;
		node->split = *best;
		if (!node->open)
			release_slot(g, node);
	}
	return status;
}

/* ---------------------------------------------------------------- partition */

/*
 * Copies a block's rows to the other list, left ones and right ones at their places.
 * Rows keep their order, and no two blocks write to the same place.
 */
static void
move_block(TreeGrower *g, GrowerBlock *block)
{
	int			from = g->nodes[block->node].list;
	RowSide		left = {g->row[!from] + block->left_at, g->gradient[!from] + block->left_at};
	RowSide		right = {g->row[!from] + block->right_at, g->gradient[!from] + block->right_at};

	g->move(g->row[from] + block->begin, g->gradient[from] + block->begin, g->goes_left + block->begin,
			block->end - block->begin, left, right);
	block->moved = true;
}

/* Which codes of a split feature's column go left. */
static void
choose_left_codes(const BundleMember *member, const Split *split, uint8_t left_code[256])
{
	for (int code = 0; code < 256; code++)
		left_code[code] = split_goes_left(split, member->n_own > 0 ? member->usual : (uint8_t) code);
	for (int i = 0; i < member->n_own; i++)
		left_code[member->first + i] = split_goes_left(split, member->own[i]);
}

/*
 * First of two passes: which rows of a block go left, and how many, so that the second
 * knows where to put them.  A block that is a whole node knows it now, while its rows
 * are in the cache.
 */
static void
look_at_rows(void *arg, size_t task, int thread)
{
	TreeGrower *g = (TreeGrower *) arg;
	GrowerBlock *block = &g->blocks[task];
	const GrowerNode *node = &g->nodes[block->node];
	const BundleMember *member = &g->bundles.members[node->split.feature];
	const MlBinned *columns = g->bundles.columns;
	size_t		column = (size_t) member->column;
	const uint8_t *codes = g->column ? g->column + column * columns->n_rows
		: columns->group[column / ML_GROUP_FEATURES] + column % ML_GROUP_FEATURES;
	uint8_t		left_code[256];

	choose_left_codes(member, &node->split, left_code);
	block->n_left = partition_look(codes, g->column ? 1 : ML_GROUP_FEATURES, g->row[node->list] + block->begin, block->end - block->begin, left_code,
								   g->goes_left + block->begin);
	if (block->end - block->begin < node->n)
		return;
	block->left_at = block->begin;
	block->right_at = block->begin + block->n_left;
	move_block(g, block);
}

/* Second pass: the places of what is not moved yet are those that partition worked out. */
static void
move_rows(void *arg, size_t task, int thread)
{
	TreeGrower *g = (TreeGrower *) arg;

	if (!g->blocks[task].moved)
		move_block(g, &g->blocks[task]);
}

/*
 * Makes the two children of a node that was split: rows, sums, value and bounds are
 * known, no histogram yet.  With a monotone constraint neither side may pass the
 * middle of the two values, and so no leaf below ever turns the order around.
 */
static void
add_children(TreeGrower *g, int parent, size_t n_left)
{
	GrowerNode *node = &g->nodes[parent];
	const Split *split = &node->split;
	int			monotone = split->categorical ? 0 : g->params.rules.monotone[split->feature];
	double		middle = (split->left_value + split->right_value) / 2;

	node->left = g->n_nodes;
	node->open = false;
	for (int right = 0; right < 2; right++)
	{
		GrowerNode *child = &g->nodes[g->n_nodes++];

		memset(child, 0, sizeof(*child));
		child->list = !node->list;
		child->begin = node->begin + (right ? n_left : 0);
		child->n = right ? node->n - n_left : n_left;
		child->depth = node->depth + 1;
		child->slot = -1;
		child->left = -1;
		child->sum = right ? split->right : split->left;
		child->value = right ? split->right_value : split->left_value;
		child->bounds = node->bounds;
		if (monotone > 0 && right)
			child->bounds.low = middle;
		else if (monotone > 0)
			child->bounds.high = middle;
		else if (monotone < 0 && right)
			child->bounds.high = middle;
		else if (monotone < 0)
			child->bounds.low = middle;
	}
	g->n_leaves++;
}

/*
 * A stable partition of the rows of n nodes, both lists in parallel, in blocks of
 * rows: count, prefix sums, move.  O(rows of the nodes).  Errors: ML_ABORTED.
 */
static MlStatus
partition(TreeGrower *g, const int *nodes, int n)
{
	size_t		n_blocks = 0;
	MlStatus	status;

	for (int i = 0; i < n; i++)
	{
		const GrowerNode *node = &g->nodes[nodes[i]];

		for (size_t begin = 0; begin < node->n; begin += BLOCK_ROWS)
		{
			size_t		end = begin + BLOCK_ROWS < node->n ? begin + BLOCK_ROWS : node->n;

			g->blocks[n_blocks++] = (GrowerBlock) {(uint32_t) nodes[i], node->begin + begin,
			node->begin + end, 0, 0, 0, false};
		}
	}
	status = ml_parallel_for(g->ctx, n_blocks, look_at_rows, g);
	if (status != ML_OK)
		return status;
	for (size_t b = 0; b < n_blocks;)
	{
		uint32_t	node = g->blocks[b].node;
		size_t		end = b;
		size_t		left = g->nodes[node].begin;
		size_t		right;

		right = left;
		for (; end < n_blocks && g->blocks[end].node == node; end++)
			right += g->blocks[end].n_left;
		for (; b < end; b++)
		{
			g->blocks[b].left_at = left;
			g->blocks[b].right_at = right;
			left += g->blocks[b].n_left;
			right += g->blocks[b].end - g->blocks[b].begin - g->blocks[b].n_left;
		}
		/* after the loop, left stands where the right child begins */
		g->nodes[node].left = (int) (left - g->nodes[node].begin);
	}
	status = ml_parallel_for(g->ctx, n_blocks, move_rows, g);
	for (int i = 0; status == ML_OK && i < n; i++)
		add_children(g, nodes[i], (size_t) g->nodes[nodes[i]].left);
	return status;
}

/* ---------------------------------------------------------------- growth */

/* May this node be split further at all? */
static bool
may_grow(const TreeGrower *g, const GrowerNode *node)
{
	return (g->params.max_depth == 0 || node->depth < g->params.max_depth) && node->n >= 2;
}

/*
 * Splits n nodes, builds or subtracts the histograms of their children, and finds
 * the best splits of those.  Children that may not grow give their histogram back.
 * Errors: ML_ABORTED.
 */
static MlStatus
split_batch(TreeGrower *g, const int *nodes, int n)
{
	Subtraction subtraction = {.grower = g};
	int			children[2 * MAX_BATCH];
	int			n_children = 0;
	int			n_requests = 0;
	MlStatus	status = partition(g, nodes, n);

	if (status != ML_OK)
		return status;
	/* all children are in hand: their histograms must not be taken away */
	for (int i = 0; i < n; i++)
	{
		GrowerNode *parent = &g->nodes[nodes[i]];
		int			left = parent->left;
		int			smaller = g->nodes[left].n <= g->nodes[left + 1].n ? left : left + 1;
		int			larger = smaller == left ? left + 1 : left;

		if (!may_grow(g, &g->nodes[left]) && !may_grow(g, &g->nodes[left + 1]))
		{
			release_slot(g, parent);
			continue;
		}
		children[n_children++] = left;
		children[n_children++] = left + 1;
		if (parent->slot >= 0)
		{
			g->nodes[larger].slot = parent->slot;
			parent->slot = -1;
			subtraction.larger[subtraction.n] = larger;
			subtraction.smaller[subtraction.n++] = smaller;
		}
		else
		{
			/* the parent's was taken away: both are built */
			g->nodes[larger].slot = take_slot(g, nodes, n);
			g->requests[n_requests++] = (HistogramRequest) {g->nodes[larger].slot,
			rows_of(g, &g->nodes[larger])};
		}
		g->nodes[smaller].slot = take_slot(g, nodes, n);
		g->requests[n_requests++] = (HistogramRequest) {g->nodes[smaller].slot,
		rows_of(g, &g->nodes[smaller])};
	}
	if (n_children == 0)
		return ML_OK;
	status = histogram_build(g->ctx, &g->pool, g->requests, n_requests, g->group_used);
	if (status == ML_OK)
		status = ml_parallel_for(g->ctx, subtraction.n, subtract, &subtraction);
	if (status == ML_OK)
		status = search_splits(g, children, n_children);
	for (int i = 0; i < n_children; i++)
	{
		/* a child at the depth limit was in hand with its sibling only */
		if (!may_grow(g, &g->nodes[children[i]]))
		{
			g->nodes[children[i]].open = false;
			release_slot(g, &g->nodes[children[i]]);
		}
	}
	return status;
}

/*
 * Nodes to split next: by falling gain, ties by number.  Fills batch with at most
 * `most` of them and returns how many; never more than there is room for leaves.
 * Leaf-wise it is one.
 */
static int
choose_nodes(TreeGrower *g, int most)
{
	bool		leaf_wise = g->params.grow_policy == ML_GROW_LOSSGUIDE;
	int			room = g->max_leaves - g->n_leaves;
	int			depth = -1;
	int			n = 0;

	if (leaf_wise && most > 1)
		most = 1;
	if (most > room)
		most = room;
	for (int i = 0; i < g->n_nodes; i++)
	{
		if (!g->nodes[i].open)
			continue;
		/* depth-wise: only the shallowest level that is open */
		if (!leaf_wise && depth >= 0 && g->nodes[i].depth > depth)
			continue;
		if (!leaf_wise && (depth < 0 || g->nodes[i].depth < depth))
		{
			depth = g->nodes[i].depth;
			n = 0;
		}
		/* insertion by falling gain, as far as there is room */
		{
			int			at = n < most ? n++ : most;

			for (; at > 0 && g->nodes[g->batch[at - 1]].split.gain < g->nodes[i].split.gain; at--)
			{
				if (at < most)
					g->batch[at] = g->batch[at - 1];
			}
			if (at < most)
				g->batch[at] = i;
		}
	}
	return n;
}

/* The groups of columns that a tree needs: at least one, for the sums of all rows. */
static void
choose_groups(TreeGrower *g)
{
	bool		any = false;

	memset(g->group_used, 0, g->bundles.columns->n_groups);
	for (size_t f = 0; f < g->signature->n_features; f++)
	{
		int32_t		column = g->bundles.members[f].column;

		if (!g->feature_used[f] || column < 0)
			continue;
		g->group_used[column / ML_GROUP_FEATURES] = true;
		any = true;
	}
	g->group_used[0] |= !any;
}

/* Every column's histogram adds up to the node's sums. */
static GradientSum
sum_of_histogram(const TreeGrower *g, int slot)
{
	GradientSum sum = {0, 0};
	size_t		column = 0;
	const GradientSum *of_code;

	while (!g->group_used[column / ML_GROUP_FEATURES])
		column++;
	of_code = histogram_of_column(&g->pool, slot, column);
	for (uint32_t code = 0; code < g->bundles.n_codes[column]; code++)
		sum = gradient_sum_add(sum, of_code[code]);
	return sum;
}

/*
 * The tree is in nodes, children behind their parents; the lists hold the rows of
 * every leaf.
 */
MlStatus
grower_grow(TreeGrower *g, size_t n)
{
	GrowerNode *root = &g->nodes[0];
	HistogramRequest request;
	int			root_number = 0;
	int			most = g->pool.n_slots / 2 < MAX_BATCH ? g->pool.n_slots / 2 : MAX_BATCH;
	MlStatus	status;

	choose_groups(g);
	histogram_pool_reset(&g->pool);
	memset(root, 0, sizeof(*root));
	root->n = n;
	root->left = -1;
	root->bounds = (Bounds) {-INFINITY, INFINITY};
	root->slot = histogram_take_slot(&g->pool);
	g->n_nodes = 1;
	g->n_leaves = 1;

	request = (HistogramRequest) {root->slot, rows_of(g, root)};
	status = histogram_build(g->ctx, &g->pool, &request, 1, g->group_used);
	if (status != ML_OK)
		return status;
	root->sum = sum_of_histogram(g, root->slot);
	root->value = leaf_value(&g->params.rules, root->sum, 0, root->bounds);
	status = may_grow(g, root) ? search_splits(g, &root_number, 1) : ML_OK;
	while (status == ML_OK && g->n_leaves < g->max_leaves)
	{
		int			chosen = choose_nodes(g, most);

		if (chosen == 0)
			break;
		status = split_batch(g, g->batch, chosen);
	}
	return status;
}

int
grower_find_leaf(const TreeGrower *g, const MlBinned *binned, size_t row)
{
	int			i = 0;

	while (g->nodes[i].left >= 0)
	{
		const Split *split = &g->nodes[i].split;

		i = g->nodes[i].left + !split_goes_left(split, ml_binned_code(binned, row, split->feature));
	}
	return i;
}
