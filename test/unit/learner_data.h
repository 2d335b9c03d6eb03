/*
 * learner_data.h
 *	  A data set of four numbers and a category for tests of learners, and fitting on it.
 */
#ifndef MLOPS_TEST_LEARNER_DATA_H
#define MLOPS_TEST_LEARNER_DATA_H

#include "check.h"

#include "blas/provider.h"
#include "mlops/engine/learn.h"
#include "mlops/engine/linear.h"
#include "mlops/engine/trees.h"

#define N_ROWS 2000
#define N_TRAIN 1500
#define N_COLUMNS 5				/* four numbers and a category */

static MlContext ctx;
static MlDataset *dataset;
static float label[N_ROWS];
static uint32_t row_number[N_ROWS];
static MlRows train_rows = {row_number, N_TRAIN};
static MlRows validation_rows = {row_number + N_TRAIN, N_ROWS - N_TRAIN};
static const uint32_t columns[N_COLUMNS] = {0, 1, 2, 3, 4};

static void
make_data(void)
{
	static const MlColumnSpec specs[N_COLUMNS] = {
		{"a", "double precision", ML_COLUMN_NUMBER}, {"b", "double precision", ML_COLUMN_NUMBER},
		{"c", "double precision", ML_COLUMN_NUMBER}, {"d", "double precision", ML_COLUMN_NUMBER},
		{"k", "text", ML_COLUMN_CATEGORY},
	};
	static const char *const levels[] = {"p", "q", "r", "s"};

	if (ml_dataset_create(&ctx, N_COLUMNS, specs, NULL, &dataset) != ML_OK)
		abort();
	for (uint64_t r = 0; r < N_ROWS; r++)
	{
		size_t		at = dataset->n_rows & ML_CHUNK_MASK;
		double		x[4];
		int			level = (int) (4 * ml_random_uniform(2, 9, r));
		double		margin;

		for (int c = 0; c < 4; c++)
		{
			x[c] = ml_random_uniform(2, c, r);
			dataset->columns[c].open.number[at] = c == 1 && r % 11 == 0 ? NAN : x[c];
		}
		if (ml_column_intern(&ctx, &dataset->columns[4], levels[level], 1, &dataset->columns[4].open.code[at]) != ML_OK)
			abort();
		margin = 3 * (x[0] - 0.5) + (r % 11 == 0 ? 1.5 : 2 * (x[1] - 0.5)) + (x[2] > 0.7) + (level == 2) - 1.5;
		label[r] = ml_random_uniform(2, 20, r) < 1 / (1 + exp(-margin));
		row_number[r] = (uint32_t) r;
		dataset->n_rows++;
	}
	if (ml_dataset_seal(&ctx, dataset) != ML_OK)
		abort();
}

/* What was learned, in the arena until the next call of begin. */
typedef struct Fitted
{
	MlSignature *signature;
	MlLearned	learned;
	MlStatus	status;
	MlTask		task;
} Fitted;

static Fitted
fit_with(const MlLearner *learner, const void *params, const float *weight, bool validate)
{
	Fitted		f = {0};
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned[2] = {NULL, NULL};

	if (ml_signature_fit(&ctx, dataset, train_rows, label, N_COLUMNS, columns, learner->max_bins(params), 7, false,
						 &f.signature, &left_out, &n_left_out) != ML_OK ||
		ml_binned_create(&ctx, dataset, f.signature, train_rows, true, &binned[0]) != ML_OK ||
		(validate && ml_binned_create(&ctx, dataset, f.signature, validation_rows, false, &binned[1]) != ML_OK))
		abort();
	f.task = (MlTask) {dataset, f.signature, train_rows, validation_rows, binned[0], binned[1], label, weight,
	ML_METRIC_LOG_LOSS, params, 7};
	if (!validate)
		f.task.validation.n = 0;
	f.status = learner->fit(&ctx, &f.task, &f.learned);
	return f;
}

static void
begin(void)
{
	ctx.arena = ml_arena_create(0);
	ctx.pool = ml_pool_create(2);
	ctx.blas = ml_blas_reference(1);
	make_data();
}

/* Last statement of main. */
static int
end(void)
{
	ml_pool_destroy(ctx.pool);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}

#endif							/* MLOPS_TEST_LEARNER_DATA_H */
