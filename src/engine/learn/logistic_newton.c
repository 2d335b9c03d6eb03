/*-------------------------------------------------------------------------
 * logistic_newton.c
 *	  Newton's method, and its proximal form for L1 penalties.
 *
 * An iteration is one evaluation with the Hessian, a Cholesky factorisation (n^3
 * / 3) or passes of coordinate descent (n^2 each), and halvings until the
 * objective falls by enough (Armijo: Nocedal, Wright: "Numerical optimization",
 * 2nd ed., section 3.1).
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "logistic_solvers.h"

#define MAX_HALVINGS 40
#define MAX_RIDGES 30			/* the last is far above the largest element */
#define DESCENT_PASSES 1000
#define ARMIJO 1e-4

size_t
newton_size(size_t n)
{
	return (2 * n * n + 5 * n) * sizeof(double) + 4096;
}

/*
 * step = - H^-1 g, H finite.  A singular H (collinear columns) gets a ridge that
 * grows until Cholesky succeeds; it is what its zero directions need and no more.
 * /  factor [n][n] is working memory.  Errors: ML_BAD_DATA (no ridge helps),
 * ML_ABORTED.
 */
static MlStatus
solve(MlContext *ctx, size_t n, const double *hessian, double *factor,
	  const double *gradient, double *step, bool *collinear)
{
	double		greatest = 0;
	double		ridge = 0;
	bool		definite = false;

	for (size_t i = 0; i < n; i++)
		greatest = hessian[i * n + i] > greatest ? hessian[i * n + i] : greatest;
	for (int i = 0; !definite && i < MAX_RIDGES; i++)
	{
		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if (i > 0)
			ridge = ridge > 0 ? ridge * 10 : 1e-10 * (greatest > 0 ? greatest : 1);
		memcpy(factor, hessian, n * n * sizeof(double));
		for (size_t j = 0; j < n; j++)
			factor[j * n + j] += ridge;
		definite = ctx->blas->dpotrf((int) n, factor, (int) n) == 0;
		/* a pivot that is all rounding error is as good as zero */
		for (size_t j = 0; definite && j < n; j++)
			definite = factor[j * n + j] * factor[j * n + j] > 1e-13 * greatest;
	}
	if (!definite)
		return ml_fail(ctx, ML_BAD_DATA, "the Hessian of logistic regression cannot be inverted");
	for (size_t i = 0; i < n; i++)
		step[i] = -gradient[i];
	ctx->blas->dpotrs((int) n, 1, factor, (int) n, step, (int) n);
	*collinear = *collinear || ridge > 0;
	return ML_OK;
}

/* Minimises (x - value)^2 / 2 + by * |x|. */
static double
soft_threshold(double value, double by)
{
	return value > by ? value - by : value < -by ? value + by : 0;
}

/*
 * Element (i, j) of a symmetric matrix of which the lower triangle is filled,
 * column-major.
 */
static double
element(const double *matrix, size_t n, size_t i, size_t j)
{
	return i >= j ? matrix[j * n + i] : matrix[i * n + j];
}

/*
 * step minimises g's + s'Hs/2 + l1 |w + s| over all but the intercept's share of
 * the penalty.  product [n] holds H s.  One coordinate at a time, until no
 * change of a pass matters.  Errors: ML_ABORTED.
 */
static MlStatus
descend(Objective *o, const double *hessian, const double *gradient, double l1, const double *w,
		double *step, double *product)
{
	size_t		n = o->n;

	memset(step, 0, n * sizeof(double));
	memset(product, 0, n * sizeof(double));
	for (int pass = 0; pass < DESCENT_PASSES; pass++)
	{
		double		greatest = 0;

		if (ml_check_abort(o->ctx) != ML_OK)
			return ML_ABORTED;
		for (size_t j = 0; j < n; j++)
		{
			double		curvature = hessian[j * n + j] + 1e-12;
			double		at = w[j] + step[j];
			double		target = at - (gradient[j] + product[j]) / curvature;
			double		change;

			if (j + 1 < n)
				target = soft_threshold(target, l1 / curvature);
			change = target - at;
			if (change == 0)
				continue;
			step[j] += change;
			for (size_t i = 0; i < n; i++)
				product[i] += change * element(hessian, n, i, j);
			greatest = fmax(greatest, change * change * curvature);
		}
		if (greatest < 1e-20 * (1 + fabs(o->C)))
			break;
	}
	return ML_OK;
}

/* Sum of absolute coefficients but for the intercept, the last one. */
static double
length_l1(const double *w, size_t n)
{
	double		length = 0;

	for (size_t i = 0; i + 1 < n; i++)
		length += fabs(w[i]);
	return length;
}

/*
 * The step's promise to first order (slope) says when to end: below tol / 1000 of
 * the objective.  With L1 it includes what the penalty changes by.
 */
MlStatus
newton_minimise(Objective *o, double l1, int max_iter, double tol, double *w, SolverResult *result)
{
	size_t		n = o->n;
	MlArena    *arena = o->ctx->arena;
	double	   *hessian = ml_arena_alloc_array(arena, n * n, sizeof(double));
	double	   *factor = ml_arena_alloc_array(arena, n * n, sizeof(double));
	double	   *gradient = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *step = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *trial = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *trial_gradient = ml_arena_alloc_array(arena, n, sizeof(double));
	double		value;
	MlStatus	status;

	if (hessian == NULL || factor == NULL || gradient == NULL || step == NULL || trial == NULL ||
		trial_gradient == NULL)
		return ml_fail_memory(o->ctx);
	status = objective_evaluate(o, w, &value, gradient, hessian);
	if (status == ML_OK)
		status = objective_check_finite(o, value, gradient, hessian);
	value += l1 * length_l1(w, n);
	for (int iteration = 1; status == ML_OK && iteration <= max_iter; iteration++)
	{
		double		slope = 0;
		double		size = 1;
		double		trial_value = value;
		int			halvings = 0;

		status = l1 > 0 ? descend(o, hessian, gradient, l1, w, step, trial)
			: solve(o->ctx, n, hessian, factor, gradient, step, &result->collinear);
		if (status != ML_OK)
			return status;

		/* what the step promises to first order */
		for (size_t i = 0; i < n; i++)
		{
			slope += gradient[i] * step[i];
			trial[i] = w[i] + step[i];
		}
		slope += l1 * (length_l1(trial, n) - length_l1(w, n));
		result->iterations = iteration;
		if (!(-slope > tol * (1 + fabs(value)) * 1e-3))
		{
			result->converged = true;
			break;
		}
		for (; halvings < MAX_HALVINGS; halvings++, size /= 2)
		{
			for (size_t i = 0; i < n; i++)
				trial[i] = w[i] + size * step[i];
			status = objective_evaluate(o, trial, &trial_value, trial_gradient, NULL);
			if (status != ML_OK)
				return status;
			trial_value += l1 * length_l1(trial, n);
			if (trial_value <= value + ARMIJO * size * slope)
				break;
		}
		if (halvings == MAX_HALVINGS)
		{
			result->converged = true;	/* no step improves on rounding error */
			break;
		}
		memcpy(w, trial, n * sizeof(double));
		value = trial_value;
		status = objective_evaluate(o, w, &trial_value, gradient, hessian);
		if (status == ML_OK)
			status = objective_check_finite(o, value, gradient, hessian);
		if (result->curve)
			result->curve[result->n_curve++] = (MlCurveStep) {iteration,
			value / o->C / (double) o->design.task->train.n, NAN};
		ml_report_progress(o->ctx, "fit", iteration, max_iter, NAN);
	}
	result->value = value;
	return status;
}
