/*-------------------------------------------------------------------------
 * logistic_objective.c
 *	  Loss, gradient and Hessian of logistic regression, summed over tiles.
 *
 * Tiles are dealt to a fixed number of groups; a group adds up its tiles one
 * after the other, groups run in parallel and are added up in order.  So the
 * result has the same bits for any number of threads.
 * An evaluation costs O(rows * n) and with the Hessian O(rows * n^2), nearly all
 * of it in BLAS.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "logistic_objective.h"

#define MAX_GROUPS 16

/* Doubles a group's sums take: loss, gradient [n], Hessian [n][n]. */
static size_t
group_stride(size_t n, bool with_hessian)
{
	return 1 + n + (with_hessian ? n * n : 0);
}

size_t
objective_size(size_t n, bool with_hessian, int n_threads)
{
	return (n_threads * (DESIGN_TILE_ROWS * n + 3 * DESIGN_TILE_ROWS) +
			MAX_GROUPS * group_stride(n, with_hessian)) * sizeof(double) + 4096;
}

/*
 * ctx, design and n are given.  Working memory is in the arena, sums without a
 * value yet: each pass sets them.  Errors: ML_OUT_OF_MEMORY.
 */
MlStatus
objective_allocate(Objective *o, bool with_hessian)
{
	int			n_threads = ml_pool_size(o->ctx->pool);
	size_t		n_tiles = (o->design.task->train.n + DESIGN_TILE_ROWS - 1) / DESIGN_TILE_ROWS;

	o->n_groups = n_tiles < MAX_GROUPS ? n_tiles : MAX_GROUPS;
	o->tiles = ml_arena_alloc_array(o->ctx->arena, n_threads * DESIGN_TILE_ROWS * o->n, sizeof(double));
	o->rows = ml_arena_alloc_array(o->ctx->arena, n_threads * 3 * DESIGN_TILE_ROWS, sizeof(double));
	o->sums = ml_arena_alloc_array(o->ctx->arena, o->n_groups * group_stride(o->n, with_hessian),
								   sizeof(double));
	if (o->tiles == NULL || o->rows == NULL || o->sums == NULL)
		return ml_fail_memory(o->ctx);
	return ML_OK;
}

/* log(1 + exp(-m)) without overflow. */
static double
log_loss_of_margin(double m)
{
	return m > 0 ? log1p(exp(-m)) : -m + log1p(exp(m));
}

/*
 * Adds one tile of n_rows to a group's sums.  tile [n][n_rows] is column-major;
 * rows holds margins, residuals and roots of the Hessian's weights.  With X the
 * tile, gradient += X' residual, Hessian += (root X)' (root X).  Scales the tile in
 * place: it is of no use afterwards.
 */
static void
add_tile(const Objective *o, size_t first, size_t n_rows, double *tile, double *rows, double *sums)
{
	const MlTask *task = o->design.task;
	const MlBlas *blas = o->ctx->blas;
	int			n = (int) o->n;
	int			k = (int) n_rows;
	double	   *margin = rows;
	double	   *residual = rows + DESIGN_TILE_ROWS;
	double	   *root = rows + 2 * DESIGN_TILE_ROWS;

	design_fill(&o->design, first, n_rows, tile);
	blas->dgemv(k, n, 1, tile, k, o->w, 0, margin);
	for (int i = 0; i < k; i++)
	{
		uint32_t	row = task->train.row[first + i];
		double		weight = task->weight ? task->weight[row] : 1;
		bool		positive = task->label[row] == 1;
		double		p = 1 / (1 + exp(-margin[i]));

		sums[0] += weight * log_loss_of_margin(positive ? margin[i] : -margin[i]);
		residual[i] = weight * (p - positive);
		root[i] = sqrt(weight * p * (1 - p));
	}
	blas->dgemv_t(k, n, 1, tile, k, residual, 1, sums + 1);
	if (!o->with_hessian)
		return;
	for (int c = 0; c < n; c++)
	{
		for (int i = 0; i < k; i++)
			tile[(size_t) c * k + i] *= root[i];
	}
	blas->dsyrk_t(n, k, 1, tile, k, 1, sums + 1 + n, n);
}

/*
 * Task: a group.  Takes every n_groups-th tile, in rising order; leaves off when
 * the caller wants to stop, and then its sums are not read.
 */
static void
add_group(void *arg, size_t group, int thread)
{
	const Objective *o = (const Objective *) arg;
	size_t		n_rows = o->design.task->train.n;
	size_t		stride = group_stride(o->n, o->with_hessian);
	double	   *sums = o->sums + group * stride;

	memset(sums, 0, stride * sizeof(double));
	for (size_t tile = group; tile * DESIGN_TILE_ROWS < n_rows; tile += o->n_groups)
	{
		size_t		first = tile * DESIGN_TILE_ROWS;
		size_t		n = n_rows - first < DESIGN_TILE_ROWS ? n_rows - first : DESIGN_TILE_ROWS;

		if (ml_should_stop(o->ctx, thread))
			return;
		add_tile(o, first, n, o->tiles + thread * DESIGN_TILE_ROWS * o->n,
				 o->rows + thread * 3 * DESIGN_TILE_ROWS, sums);
	}
}

/* Groups are added in order; the penalty of all but the intercept comes last. */
MlStatus
objective_evaluate(Objective *o, const double *w, double *value, double *gradient, double *hessian)
{
	size_t		n = o->n;
	size_t		stride = group_stride(n, hessian != NULL);
	MlStatus	status;

	o->w = w;
	o->with_hessian = hessian != NULL;
	status = ml_parallel_for(o->ctx, o->n_groups, add_group, o);
	if (status != ML_OK)
		return status;
	*value = 0;
	memset(gradient, 0, n * sizeof(double));
	if (hessian)
		memset(hessian, 0, n * n * sizeof(double));
	for (size_t g = 0; g < o->n_groups; g++)
	{
		const double *sums = o->sums + g * stride;

		*value += o->C * sums[0];
		for (size_t i = 0; i < n; i++)
			gradient[i] += o->C * sums[1 + i];
		for (size_t i = 0; hessian && i < n * n; i++)
			hessian[i] += o->C * sums[1 + n + i];
	}
	for (size_t i = 0; i + 1 < n; i++)
	{
		*value += o->l2 * w[i] * w[i] / 2;
		gradient[i] += o->l2 * w[i];
		if (hessian)
			hessian[i * n + i] += o->l2;
	}
	return ML_OK;
}

MlStatus
objective_check_finite(const Objective *o, double value, const double *gradient, const double *hessian)
{
	bool		finite = isfinite(value);

	for (size_t i = 0; finite && i < o->n; i++)
	{
		finite = isfinite(gradient[i]);
		for (size_t j = i; hessian && finite && j < o->n; j++)
			finite = isfinite(hessian[i * o->n + j]);
	}
	if (finite)
		return ML_OK;
	return ml_fail(o->ctx, ML_BAD_DATA, "the loss of logistic regression is not finite: "
				   "weights, \"C\" or values of features are too large");
}
