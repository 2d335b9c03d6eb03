/*-------------------------------------------------------------------------
 * logistic_lbfgs.c
 *	  L-BFGS, for more columns than a Hessian is worth.
 *
 * Memory is (2 * MEMORY + 4) * n doubles and an iteration 4 * MEMORY * n
 * operations beside the evaluations of the objective, where a Hessian would be
 * n^2 and n^3.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "logistic_solvers.h"

#define MEMORY 10
#define MAX_HALVINGS 40
#define ARMIJO 1e-4

size_t
lbfgs_size(size_t n)
{
	return (2 * MEMORY + 5) * n * sizeof(double) + 4096;
}

static double
dot(const double *a, const double *b, size_t n)
{
	double		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* The last steps and the changes of the gradient over them. */
typedef struct History
{
	size_t		n;
	int			held;
	int			next;			/* where the next pair goes */
	double	   *steps;			/* [MEMORY][n] */
	double	   *changes;		/* [MEMORY][n] */
	double		curvature[MEMORY];	/* step . change */
} History;

/*
 * direction [n] = - (approximate inverse Hessian) gradient, by the two loops over
 * the pairs (Nocedal, Wright: "Numerical optimization", 2nd ed., algorithm 7.4);
 * the first guess of the inverse is the last pair's curvature (equation 7.20).
 */
static void
find_direction(const History *h, const double *gradient, double *direction)
{
	double		alpha[MEMORY];

	for (size_t i = 0; i < h->n; i++)
		direction[i] = -gradient[i];
	for (int k = 1; k <= h->held; k++)
	{
		int			pair = (h->next - k + MEMORY) % MEMORY;

		alpha[pair] = dot(h->steps + pair * h->n, direction, h->n) / h->curvature[pair];
		for (size_t i = 0; i < h->n; i++)
			direction[i] -= alpha[pair] * h->changes[pair * h->n + i];
	}
	if (h->held > 0)
	{
		int			last = (h->next - 1 + MEMORY) % MEMORY;
		const double *change = h->changes + last * h->n;
		double		scale = h->curvature[last] / dot(change, change, h->n);

		for (size_t i = 0; i < h->n; i++)
			direction[i] *= scale;
	}
	for (int k = h->held; k >= 1; k--)
	{
		int			pair = (h->next - k + MEMORY) % MEMORY;
		double		beta = dot(h->changes + pair * h->n, direction, h->n) / h->curvature[pair];

		for (size_t i = 0; i < h->n; i++)
			direction[i] += (alpha[pair] - beta) * h->steps[pair * h->n + i];
	}
}

/*
 * Keeps the step from w to trial if the gradient grew along it; a pair without
 * positive curvature would make the approximation indefinite.  The oldest of MEMORY
 * pairs makes room.
 */
static void
remember(History *h, const double *w, const double *trial, const double *gradient,
		 const double *trial_gradient)
{
	double	   *step = h->steps + h->next * h->n;
	double	   *change = h->changes + h->next * h->n;

	for (size_t i = 0; i < h->n; i++)
	{
		step[i] = trial[i] - w[i];
		change[i] = trial_gradient[i] - gradient[i];
	}
	h->curvature[h->next] = dot(step, change, h->n);
	if (h->curvature[h->next] <= 1e-12 * dot(change, change, h->n))
		return;
	h->next = (h->next + 1) % MEMORY;
	h->held += h->held < MEMORY;
}

/*
 * The first step has the length 1 at the most, since nothing is known of curvature;
 * later ones start at 1.  Ends as newton_minimise does.
 */
MlStatus
lbfgs_minimise(Objective *o, int max_iter, double tol, double *w, SolverResult *result)
{
	size_t		n = o->n;
	MlArena    *arena = o->ctx->arena;
	History		h = {.n = n};
	double	   *gradient = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *trial_gradient = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *trial = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *direction = ml_arena_alloc_array(arena, n, sizeof(double));
	double		value;
	MlStatus	status;

	h.steps = ml_arena_alloc_array(arena, MEMORY * n, sizeof(double));
	h.changes = ml_arena_alloc_array(arena, MEMORY * n, sizeof(double));
	if (gradient == NULL || trial_gradient == NULL || trial == NULL || direction == NULL ||
		h.steps == NULL || h.changes == NULL)
		return ml_fail_memory(o->ctx);
	status = objective_evaluate(o, w, &value, gradient, NULL);
	if (status == ML_OK)
		status = objective_check_finite(o, value, gradient, NULL);
	for (int iteration = 1; status == ML_OK && iteration <= max_iter; iteration++)
	{
		double		slope;
		double		size;
		double		trial_value = value;
		int			halvings = 0;

		find_direction(&h, gradient, direction);
		slope = dot(gradient, direction, n);
		size = h.held == 0 ? 1 / fmax(1, sqrt(dot(gradient, gradient, n))) : 1;
		result->iterations = iteration;
		if (!(-slope > tol * (1 + fabs(value)) * 1e-3))
		{
			result->converged = true;
			break;
		}
		for (; halvings < MAX_HALVINGS; halvings++, size /= 2)
		{
			for (size_t i = 0; i < n; i++)
				trial[i] = w[i] + size * direction[i];
			status = objective_evaluate(o, trial, &trial_value, trial_gradient, NULL);
			if (status != ML_OK)
				return status;
			if (trial_value <= value + ARMIJO * size * slope)
				break;
		}
		if (halvings == MAX_HALVINGS)
		{
			result->converged = true;
			break;
		}
		status = objective_check_finite(o, trial_value, trial_gradient, NULL);
		if (status != ML_OK)
			return status;
		remember(&h, w, trial, gradient, trial_gradient);
		memcpy(w, trial, n * sizeof(double));
		memcpy(gradient, trial_gradient, n * sizeof(double));
		value = trial_value;
		if (result->curve)
			result->curve[result->n_curve++] = (MlCurveStep) {iteration,
			value / o->C / (double) o->design.task->train.n, NAN};
		ml_report_progress(o->ctx, "fit", iteration, max_iter, NAN);
	}
	result->value = value;
	return status;
}
