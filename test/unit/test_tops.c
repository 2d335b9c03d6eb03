/*
 * test_tops.c
 *	  Kernels for this machine give the same bits as walking the trees: random models
 *	  of many shapes, one row alone and rows in blocks of many lengths.
 */
#include "random_forest.h"

#include "engine/trees/tops.h"

#define N_ROWS 61

static const Shape shapes[] = {
	/* features, trees, depth, leaves, categories, bins */
	{1, 1, 0, 0, 0, 10},
	{1, 1, 1, 0, 0, 2},
	{2, 3, 2, 0.3, 0, 10},
	{5, 7, 3, 0.2, 0.5, 20},
	{16, 8, 4, 0, 0, 17},
	{17, 9, 5, 0, 0.2, 33},
	{30, 100, 6, 0, 0, ML_MAX_BINS},
	{30, 33, 6, 0.3, 0.3, ML_MAX_BINS},
	{32, 16, 6, 0.1, 0, 16},
	{33, 16, 6, 0.1, 0, 18},
	{64, 17, 6, 0, 0.1, ML_MAX_BINS},
	{65, 17, 6, 0, 0.1, 50},
	{90, 50, 6, 0, 0, ML_MAX_BINS},
	{128, 50, 6, 0, 0.2, 30},
	{200, 90, 6, 0, 0.2, 30},
	{256, 100, 6, 0, 0, 15},
	{300, 200, 6, 0, 0.1, 10},
	{10, 20, 7, 0, 0, 60},
	{10, 20, 8, 0, 0.3, 60},
	{40, 11, 9, 0.2, 0.1, 60},
	{20, 5, 12, 0, 0.2, ML_MAX_BINS},
	{20, 15, 12, 0.4, 0, ML_MAX_BINS},
	{6, 40, 13, 0.3, 0.5, 100},
	{3, 20, 6, 0, 1, ML_MAX_BINS},
};

static MlContext ctx;

static const Trees *
trees_of(const MlModel *m)
{
	const void *state = m->state;

	return state;
}

/* How many of the margins have other bits, alone or in blocks. */
static int
n_different(const MlModel *m, const MlValue *rows, const double *expected, void *scratch)
{
	double		found[N_ROWS];
	int			n = 0;

	for (int i = 0; i < N_ROWS; i++)
	{
		found[0] = m->family->margin(m, m->state, rows + i * m->n_inputs, scratch);
		n += memcmp(&found[0], &expected[i], sizeof(double)) != 0;
	}
	for (int length = 1; length <= N_ROWS; length += 1 + length / 3)
	{
		m->family->margins(m, m->state, length, rows, scratch, found);
		n += memcmp(found, expected, length * sizeof(double)) != 0;
	}
	return n;
}

/* A kernel must have a layout where shapes are as it wants them; returns whether it has. */
static bool
check_kernel(const MlModel *model, const Kernel *kernel, const MlValue *rows, const double *expected, const Shape *shape)
{
	size_t		size = tops_size(model, trees_of(model), kernel);
	MlModel		laid = *model;
	void	   *block;
	void	   *scratch;

	if (size == 0)
		return false;
	block = aligned_alloc(64, size);
	scratch = malloc(ml_model_scratch_size(model));
	memset(block, 0xA5, size);
	memset(scratch, 0x5A, ml_model_scratch_size(model));
	tops_make(model, trees_of(model), kernel, block);
	laid.layout = block;
	CHECK(n_different(&laid, rows, expected, scratch) == 0, "%s: %u trees of depth %u over %u features, %u slots: the same bits",
		  kernel->name, shape->n_trees, shape->depth, shape->n_features, trees_of(model)->n_slots);
	free(block);
	free(scratch);
	return true;
}

static void
check_shape(const Shape *shape, uint64_t seed)
{
	Shape		seeded = *shape;
	MlArenaMark mark = ml_arena_mark(ctx.arena);
	RandomModel m;
	const Trees *trees;
	MlValue    *rows = malloc(N_ROWS * shape->n_features * sizeof(MlValue));
	double		expected[N_ROWS];
	void	   *scratch;

	seeded.seed = seed;
	m = draw_model(&ctx, &seeded);
	trees = trees_of(m.opened);
	scratch = malloc(ml_model_scratch_size(m.opened));
	for (int i = 0; i < N_ROWS; i++)
	{
		draw_row(&m, rows + i * shape->n_features);
		expected[i] = m.opened->family->margin(m.opened, m.opened->state, rows + i * shape->n_features, scratch);
	}
	CHECK(n_different(m.opened, rows, expected, scratch) == 0, "walked: %u trees of depth %u: the same bits in blocks", shape->n_trees, shape->depth);
	for (int k = 0; trees_kernels[k]; k++)
	{
		bool		made = trees_kernels[k]->runs_here() && check_kernel(m.opened, trees_kernels[k], rows, expected, shape);

		if (trees_kernels[k]->runs_here() && shape->leaves == 0)
			CHECK(made == (trees->n_slots <= trees_kernels[k]->most_slots), "%s: full trees of depth %u over %u slots %s a layout",
				  trees_kernels[k]->name, shape->depth, trees->n_slots, made ? "have" : "lack");
	}
	free(scratch);
	free(rows);
	ml_arena_release(ctx.arena, mark);
}

int
main(void)
{
	ctx.arena = ml_arena_create(0);
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
	{
		for (uint64_t seed = 1; seed <= 3; seed++)
			check_shape(&shapes[s], seed);
	}
	for (int k = 0; trees_kernels[k]; k++)
		printf("# %s %s\n", trees_kernels[k]->name, trees_kernels[k]->runs_here() ? "was tried" : "does not run here");
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
