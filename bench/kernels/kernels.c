/*
 * kernels.c
 *	  Microseconds a row of random trees, walked and by each kernel that runs here, and of
 *	  a linear model from its bytes and laid out: one row at a time, and in blocks.  The
 *	  least of many short rounds, as other processes may be at work.
 *
 *	  kernels trees FEATURES TREES DEPTH CATEGORIES (a share)
 *	  kernels linear FEATURES
 */
#include <time.h>

#include "mlops/engine/linear.h"

#include "engine/trees/tops.h"
#include "random_forest.h"

#define N_ROWS 2048
#define ROUNDS 100

static MlContext ctx;

static double
microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void
tell(const char *way, const MlModel *m, const MlValue *rows)
{
	double	   *margin = malloc(N_ROWS * sizeof(double));
	void	   *scratch = malloc(ml_model_scratch_size(m) + 1);
	double		one = INFINITY;
	double		block = INFINITY;

	for (int round = 0; round < ROUNDS; round++)
	{
		double		began = microseconds();

		for (size_t i = 0; i < N_ROWS; i++)
			margin[i] = m->family->margin(m, m->state, rows + i * m->n_inputs, scratch);
		one = fmin(one, microseconds() - began);
		began = microseconds();
		m->family->margins(m, m->state, N_ROWS, rows, scratch, margin);
		block = fmin(block, microseconds() - began);
	}
	printf("%s\t%.3f\t%.3f\n", way, one / N_ROWS, block / N_ROWS);
	free(scratch);
	free(margin);
}

static void
tell_trees(const Shape *shape)
{
	RandomModel m = draw_model(&ctx, shape);
	const void *state = m.opened->state;
	MlValue    *rows = malloc(N_ROWS * shape->n_features * sizeof(MlValue));

	for (size_t i = 0; i < N_ROWS; i++)
		draw_row(&m, rows + i * shape->n_features);
	for (size_t i = 0; i < N_ROWS * shape->n_features; i++)
	{
		if (!m.signature.features[i % shape->n_features].categorical && isnan(rows[i].number))
			rows[i].number = 1;
	}
	tell("walked", m.opened, rows);
	for (int k = 0; trees_kernels[k]; k++)
	{
		size_t		size = trees_kernels[k]->runs_here() ? tops_size(m.opened, state, trees_kernels[k]) : 0;
		MlModel		laid = *m.opened;
		void	   *block;

		if (size == 0)
			continue;
		block = aligned_alloc(64, size);
		tops_make(m.opened, state, trees_kernels[k], block);
		laid.layout = block;
		tell(trees_kernels[k]->name, &laid, rows);
		free(block);
	}
	free(rows);
}

static void
tell_linear(uint32_t n)
{
	RandomModel m = draw_model(&ctx, &(Shape) {.n_features = n, .n_trees = 1, .most_bins = 50, .seed = 1});
	MlTerm	   *terms = calloc(n, sizeof(MlTerm));
	MlLinear	linear = {.intercept = -1, .intercept_error = 0.1, .n_terms = n, .terms = terms};
	MlModelParts parts = {.algorithm = "linear", .signature = &m.signature, .fitted = ml_fitted_linear(&linear),
	.margin_scale = 1, .threshold = 0.5};
	MlModel    *model = must_have(ml_arena_alloc(ctx.arena, ml_model_struct_size()));
	MlValue    *rows = malloc(N_ROWS * n * sizeof(MlValue));
	uint8_t    *bytes;
	size_t		size;

	for (uint32_t f = 0; f < n; f++)
	{
		m.signature.inputs[f].kind = ML_COLUMN_NUMBER;
		m.signature.features[f].part = ML_FEATURE_VALUE;
		terms[f] = (MlTerm) {.feature = f, .kind = ML_TERM_VALUE, .scale = 1, .coefficient = 0.1, .standard_error = 0.1};
	}
	if (ml_model_encode(&ctx, &parts, &bytes, &size) != ML_OK || ml_model_open(bytes, size, model, ctx.message) != ML_OK)
		abort();
	for (size_t i = 0; i < N_ROWS * n; i++)
		rows[i].number = ml_random_normal(1, 1, i);
	tell("from the bytes", model, rows);
	ml_model_lay_out(model, must_have(ml_arena_alloc(ctx.arena, ml_model_layout_size(model))));
	tell("laid out", model, rows);
	free(rows);
	free(terms);
}

int
main(int argc, char **argv)
{
	ctx.arena = must_have(ml_arena_create(0));
	if (argc == 6 && strcmp(argv[1], "trees") == 0)
		tell_trees(&(Shape) {.n_features = atoi(argv[2]), .n_trees = atoi(argv[3]), .depth = atoi(argv[4]),
			.categories = atof(argv[5]), .most_bins = ML_MAX_BINS, .seed = 1});
	else if (argc == 3 && strcmp(argv[1], "linear") == 0)
		tell_linear(atoi(argv[2]));
	else
		return 2;
	ml_arena_destroy(ctx.arena);
	return 0;
}
