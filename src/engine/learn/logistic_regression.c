/*-------------------------------------------------------------------------
 * logistic_regression.c
 *	  The learner: parameters, choice of a solver, standard errors.
 *
 * Coefficients are those of standardised columns (see design.c); the penalty
 * applies to them.  Standard errors are roots of the diagonal of the inverse
 * Hessian of the penalised log likelihood, which without a penalty is the usual
 * asymptotic covariance; an L1 penalty has none.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "logistic_solvers.h"

/* Above this many columns the Hessian is not worth its n^2 memory. */
#define NEWTON_COLUMNS 512

#define PARAM(field) offsetof(MlLogisticRegressionParams, field)

static const char *const penalties[] = {"l2", "l1", "elasticnet", "none", NULL};
static const char *const solvers[] = {"auto", "newton", "lbfgs", "coordinate_descent", NULL};

static const MlParamSpec params[] = {
	{"penalty", ML_PARAM_CHOICE, PARAM(penalty), ML_PENALTY_L2, 0, 0, false, penalties,
	"Penalty on coefficients; with a share of L2 every level of a category has a coefficient, else all but the most frequent level"},
	{"C", ML_PARAM_FLOAT, PARAM(C), 1, 0, 1e12, true, NULL,
	"Inverse strength of the penalty: C * sum of losses + penalty is minimised"},
	{"l1_ratio", ML_PARAM_FLOAT, PARAM(l1_ratio), 0.5, 0, 1, false, NULL,
	"Share of the L1 penalty in elasticnet, the rest is L2"},
	{"solver", ML_PARAM_CHOICE, PARAM(solver), ML_SOLVER_AUTO, 0, 0, false, solvers,
	"auto: newton up to 512 columns, lbfgs above; coordinate_descent for l1 and elasticnet"},
	{"max_iter", ML_PARAM_INT, PARAM(max_iter), 100, 1, 100000, false, NULL,
	"Most iterations of the solver"},
	{"tol", ML_PARAM_FLOAT, PARAM(tol), 1e-6, 0, 1, true, NULL,
	"Relative improvement of the objective, times 1000, below which it has converged"},
};

static int
max_bins(const void *p)
{
	return ML_MAX_BINS;
}

/* Factor on the sum of absolute coefficients, 0 .. 1. */
static double
l1_share(const MlLogisticRegressionParams *p)
{
	return p->penalty == ML_PENALTY_L1 ? 1 : p->penalty == ML_PENALTY_ELASTICNET ? p->l1_ratio : 0;
}

/* Factor on half the squared length of the coefficients, 0 .. 1. */
static double
l2_share(const MlLogisticRegressionParams *p)
{
	return p->penalty == ML_PENALTY_NONE ? 0 : 1 - l1_share(p);
}

/* A solver minimises some penalties only. */
static bool
contradicts(const void *params_struct, MlContradiction *found)
{
	const MlLogisticRegressionParams *p = params_struct;
	bool		smooth = p->solver == ML_SOLVER_NEWTON || p->solver == ML_SOLVER_LBFGS;

	if (l1_share(p) > 0 && smooth)
	{
		snprintf(found->message, sizeof(found->message), "solver \"%s\" cannot minimise an L1 penalty", solvers[p->solver]);
		snprintf(found->hint, sizeof(found->hint), "Solvers auto and coordinate_descent can.");
		return true;
	}
	if (!(l1_share(p) > 0) && p->solver == ML_SOLVER_COORDINATE_DESCENT)
	{
		snprintf(found->message, sizeof(found->message), "solver \"%s\" needs a penalty with an L1 part", solvers[p->solver]);
		snprintf(found->hint, sizeof(found->hint), "Such are l1, and elasticnet with an l1_ratio above 0. Solvers auto, newton and lbfgs minimise others.");
		return true;
	}
	return false;
}

/* Newton or its proximal form for L1, rather than L-BFGS.  n: columns and intercept. */
static bool
uses_hessian(const MlLogisticRegressionParams *p, size_t n)
{
	if (l1_share(p) > 0)
		return true;
	return p->solver == ML_SOLVER_NEWTON || (p->solver == ML_SOLVER_AUTO && n <= NEWTON_COLUMNS);
}

/*
 * An upper bound: terms whose level no row has are counted, though design_plan
 * leaves them out.
 */
static size_t
memory_needed(size_t n_train, size_t n_validation, const MlSignature *signature,
			  const void *params_struct, int n_threads)
{
	const MlLogisticRegressionParams *p = params_struct;
	size_t		n = design_count_terms(signature) + 1;
	bool		hessian = uses_hessian(p, n);

	return n * (sizeof(MlTerm) + 2 * sizeof(double)) + p->max_iter * sizeof(MlCurveStep) +
		objective_size(n, hessian, n_threads) + (hessian ? newton_size(n) : lbfgs_size(n)) +
		n * n * sizeof(double) * hessian + ((size_t) 64 << 20);
}

/* Log odds of the weighted share of positives. */
static MlStatus
starting_intercept(MlContext *ctx, const MlTask *task, double *intercept)
{
	MlTaskWeights weights;
	MlStatus	status = ml_task_weights(ctx, task, 1, &weights);

	if (status == ML_OK)
		*intercept = log(weights.sum[1] / weights.sum[0]);
	return status;
}

/*
 * Standard errors from the Hessian at the solution; NaN for columns that are
 * combinations of others (and for all of them if it cannot be inverted).  errors
 * [n], on the scale of standardised columns.  The Hessian is that of C times the
 * loss: its inverse times C is that of the loss.  Errors: ML_OUT_OF_MEMORY,
 * ML_ABORTED.
 */
static MlStatus
standard_errors(Objective *o, const double *w, double *errors)
{
	size_t		n = o->n;
	double	   *hessian = ml_arena_alloc_array(o->ctx->arena, n * n, sizeof(double));
	double	   *gradient = ml_arena_alloc_array(o->ctx->arena, n, sizeof(double));
	double		value;
	MlStatus	status;

	if (hessian == NULL || gradient == NULL)
		return ml_fail_memory(o->ctx);
	for (size_t i = 0; i < n; i++)
		errors[i] = NAN;
	status = objective_evaluate(o, w, &value, gradient, hessian);
	if (status != ML_OK)
		return status;
	if (o->ctx->blas->dpotrf((int) n, hessian, (int) n) != 0)
		return ML_OK;
	for (size_t i = 0; i < n; i++)
	{
		if (!(hessian[i * n + i] * hessian[i * n + i] > 1e-13))
			return ML_OK;		/* rounding error is all that keeps it definite */
	}
	if (o->ctx->blas->dpotri((int) n, hessian, (int) n) != 0)
		return ML_OK;
	for (size_t i = 0; i < n; i++)
		errors[i] = sqrt(o->C * hessian[i * n + i]);
	return ML_OK;
}

/* At most one warning, the one that explains the others first. */
static void
warn(const SolverResult *result, const MlTask *task, const MlLogisticRegressionParams *p,
	 MlLearned *learned)
{
	double		loss = result->value / p->C / (double) task->train.n;

	if (p->penalty == ML_PENALTY_NONE && loss < 1e-4)
		snprintf(learned->warning, sizeof(learned->warning),
				 "the classes are separable: coefficients grow without limit, use a penalty");
	else if (result->collinear)
		snprintf(learned->warning, sizeof(learned->warning),
				 "some columns are linear combinations of others: their coefficients are not unique");
	else if (!result->converged)
		snprintf(learned->warning, sizeof(learned->warning),
				 "the solver did not converge in %d iterations: raise max_iter", p->max_iter);
}

/* w [o->n]: start and result; errors [o->n] are left alone where there are none. */
static MlStatus
minimise(Objective *o, const MlLogisticRegressionParams *p, double *w, double *errors,
		 SolverResult *result)
{
	bool		hessian = uses_hessian(p, o->n);
	MlStatus	status = objective_allocate(o, hessian);

	if (status != ML_OK)
		return status;
	status = hessian ? newton_minimise(o, l1_share(p), p->max_iter, p->tol, w, result)
		: lbfgs_minimise(o, p->max_iter, p->tol, w, result);
	if (status == ML_OK && hessian && l1_share(p) == 0)
		status = standard_errors(o, w, errors);
	return status;
}

/* Scoring multiplies the value itself: a coefficient of one standard deviation of it
 * may be none of it. */
static MlStatus
check_slopes(MlContext *ctx, const MlTask *task, const MlTerm *terms, size_t n)
{
	for (size_t t = 0; t < n; t++)
	{
		double		slope = terms[t].coefficient / terms[t].scale;
		const MlFeature *feature = &task->signature->features[terms[t].feature];

		if (terms[t].kind == ML_TERM_VALUE && !(isfinite(slope) && isfinite(slope * terms[t].mean)))
			return ml_fail(ctx, ML_BAD_DATA, "feature \"%s\" has values too close to each other: "
						   "their standard deviation is %g", feature->name, feature->std);
	}
	return ML_OK;
}

/*
 * See MlLearner.   Starts from coefficients 0 and the log odds of the weighted base
 * rate, the best intercept of a model without columns.
 */
static MlStatus
fit(MlContext *ctx, const MlTask *task, MlLearned *learned)
{
	const MlLogisticRegressionParams *p = task->params;
	size_t		most = design_count_terms(task->signature);
	MlTerm	   *terms = ml_arena_alloc_array(ctx->arena, most, sizeof(MlTerm));
	MlLinear   *linear = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlLinear));
	Objective	o = {.ctx = ctx, .C = p->C, .l2 = l2_share(p)};
	SolverResult result = {0};
	MlContradiction found;
	double	   *w;
	double	   *errors;
	MlArenaMark mark;
	MlStatus	status;

	memset(learned, 0, sizeof(*learned));
	w = ml_arena_alloc_zeroed(ctx->arena, most + 1, sizeof(double));
	errors = ml_arena_alloc_array(ctx->arena, most + 1, sizeof(double));
	result.curve = ml_arena_alloc_array(ctx->arena, p->max_iter, sizeof(MlCurveStep));
	if (terms == NULL || linear == NULL || w == NULL || errors == NULL || result.curve == NULL)
		return ml_fail_memory(ctx);
	if (ctx->blas == NULL)
		return ml_fail(ctx, ML_FAILED, "logistic regression needs linear algebra");
	if (contradicts(p, &found))
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "%s", found.message);
	design_plan(&o.design, task, o.l2 > 0, terms);
	o.n = o.design.n_terms + 1;
	status = starting_intercept(ctx, task, &w[o.n - 1]);
	if (status != ML_OK)
		return status;
	for (size_t i = 0; i < o.n; i++)
		errors[i] = NAN;

	mark = ml_arena_mark(ctx->arena);
	status = minimise(&o, p, w, errors, &result);
	ml_arena_release(ctx->arena, mark);
	if (status != ML_OK)
		return status;

	for (size_t t = 0; t < o.design.n_terms; t++)
	{
		terms[t].coefficient = w[t];
		terms[t].standard_error = errors[t];
	}
	status = check_slopes(ctx, task, terms, o.design.n_terms);
	if (status != ML_OK)
		return status;
	linear->intercept = w[o.n - 1];
	linear->intercept_error = errors[o.n - 1];
	linear->n_terms = o.design.n_terms;
	linear->terms = terms;
	learned->fitted = ml_fitted_linear(linear);
	learned->iterations = result.iterations;
	learned->converged = result.converged;
	learned->curve = result.curve;
	learned->n_curve = result.n_curve;
	warn(&result, task, p, learned);
	return ML_OK;
}

static const char *const like[] = {
	"logistic", "logit", "lr", "logreg", "logisticregression", "logisticreg", "glm", "linear", "linearregression", "regression", "lbfgs", NULL
};

const MlLearner ml_logistic_regression = {
	.name = "logistic_regression",
	.like = like,
	.description = "Logistic regression: additive log odds with coefficients, standard errors and p-values",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.params_size = sizeof(MlLogisticRegressionParams),
	.needs_blas = true,
	.reads_values = true,
	.search_space = "{\"penalty\": [\"l2\", \"l1\"], \"C\": {\"min\": 0.0001, \"max\": 100, \"log\": true}}",
	.contradicts = contradicts,
	.max_bins = max_bins,
	.memory_needed = memory_needed,
	.fit = fit,
};
