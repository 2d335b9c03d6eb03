/*
 * test_logistic.c
 *	  The conditions that the best coefficients of a logistic regression satisfy.
 */
#include "learner_data.h"

static const MlLinear *
linear_of(const Fitted *f)
{
	return f->learned.fitted.family == &ml_family_linear ? f->learned.fitted.body : NULL;
}

/* A column of the design at a training row. */
static double
column_at(const Fitted *f, const MlTerm *term, size_t row)
{
	uint8_t		code = ml_binned_code(f->task.binned_train, row, term->feature);
	double		value;

	if (term->kind != ML_TERM_VALUE)
		return code == term->code;
	value = ml_column_number(&dataset->columns[f->signature->input_column[f->signature->features[term->feature].input]], row);
	return isnan(value) ? 0 : (value - term->mean) / term->scale;
}

static double
l1_of(const MlLogisticRegressionParams *p)
{
	return p->penalty == ML_PENALTY_L1 ? 1 : p->penalty == ML_PENALTY_ELASTICNET ? p->l1_ratio : 0;
}

/* The largest violation of the conditions of an optimum, a row. */
static double
violation(const Fitted *f, const MlLogisticRegressionParams *p, const float *weight)
{
	const MlLinear *linear = linear_of(f);
	size_t		n = linear->n_terms;
	double		l1 = l1_of(p);
	double		l2 = p->penalty == ML_PENALTY_NONE ? 0 : 1 - l1;
	double	   *gradient = calloc(n + 1, sizeof(double));
	double		greatest = 0;

	for (size_t row = 0; row < N_TRAIN; row++)
	{
		double		margin = linear->intercept;
		double		residual;

		for (size_t t = 0; t < n; t++)
			margin += linear->terms[t].coefficient * column_at(f, &linear->terms[t], row);
		residual = (weight ? weight[row] : 1) * (1 / (1 + exp(-margin)) - label[row]);
		for (size_t t = 0; t < n; t++)
			gradient[t] += p->C * residual * column_at(f, &linear->terms[t], row);
		gradient[n] += p->C * residual;
	}
	for (size_t t = 0; t < n; t++)
	{
		double		w = linear->terms[t].coefficient;
		double		g = gradient[t] + l2 * w;

		/* a coefficient of 0 holds while the L1 penalty outweighs the gradient */
		greatest = fmax(greatest, w == 0 ? fmax(0, fabs(g) - l1) : fabs(g + (w > 0 ? l1 : -l1)));
	}
	greatest = fmax(greatest, fabs(gradient[n]));
	free(gradient);
	return greatest / (p->C * N_TRAIN);
}

static void
test_logistic(void)
{
	static const struct
	{
		const char *name;
		int			penalty;
		int			solver;
		double		C;
	}			cases[] = {
		{"l2, newton", ML_PENALTY_L2, ML_SOLVER_NEWTON, 1}, {"l2, newton, strong", ML_PENALTY_L2, ML_SOLVER_NEWTON, 0.01},
		{"l2, lbfgs", ML_PENALTY_L2, ML_SOLVER_LBFGS, 1},
		{"none, newton", ML_PENALTY_NONE, ML_SOLVER_NEWTON, 1}, {"none, lbfgs", ML_PENALTY_NONE, ML_SOLVER_LBFGS, 1},
		{"l1", ML_PENALTY_L1, ML_SOLVER_COORDINATE_DESCENT, 0.02}, {"l1, auto", ML_PENALTY_L1, ML_SOLVER_AUTO, 1},
		{"elasticnet", ML_PENALTY_ELASTICNET, ML_SOLVER_COORDINATE_DESCENT, 0.005},
	};
	float		weight[N_ROWS];

	for (size_t i = 0; i < N_ROWS; i++)
		weight[i] = 0.5f + (float) (i % 5);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		for (int weighted = 0; weighted < 2; weighted++)
		{
			MlLogisticRegressionParams p;
			Fitted		f;
			double		off;
			int			zeros = 0;

			ml_params_init(&ml_logistic_regression, &p);
			p.penalty = cases[c].penalty;
			p.solver = cases[c].solver;
			p.C = cases[c].C;
			p.l1_ratio = 0.7;
			p.tol = 1e-13;
			p.max_iter = 2000;
			f = fit_with(&ml_logistic_regression, &p, weighted ? weight : NULL, false);
			off = f.status == ML_OK ? violation(&f, &p, weighted ? weight : NULL) : INFINITY;
			CHECK(off < 1e-6, "%s%s: the gradient of loss and penalty is zero where it may be (%g)", cases[c].name, weighted ? ", weighted" : "", off);
			for (size_t t = 0; f.status == ML_OK && t < linear_of(&f)->n_terms; t++)
				zeros += linear_of(&f)->terms[t].coefficient == 0;
			if (l1_of(&p) > 0 && p.C < 1)
				CHECK(zeros > 0, "%s: some coefficients are 0", cases[c].name);
		}
	}
	{
		MlLogisticRegressionParams p;
		Fitted		f;

		ml_params_init(&ml_logistic_regression, &p);
		p.solver = ML_SOLVER_LBFGS;
		p.max_iter = 1;
		f = fit_with(&ml_logistic_regression, &p, NULL, false);
		CHECK(f.status == ML_OK && !f.learned.converged && strstr(f.learned.warning, "max_iter"), "max_iter ends it, with a warning");
	}
	/* a few heavy rows bend the loss: whole steps of L-BFGS overshoot */
	for (size_t i = 0; i < N_ROWS; i++)
		weight[i] = i % 50 == 0 ? 1000 : 1;
	for (int c = 0; c <= 4; c += 2)
	{
		MlLogisticRegressionParams p;
		Fitted		f;
		int			rises = 0;

		ml_params_init(&ml_logistic_regression, &p);
		p.solver = ML_SOLVER_LBFGS;
		p.C = pow(10, c);
		f = fit_with(&ml_logistic_regression, &p, weight, false);
		for (size_t i = 1; i < f.learned.n_curve; i++)
			rises += f.learned.curve[i].train_loss > f.learned.curve[i - 1].train_loss;
		CHECK(f.status == ML_OK && f.learned.n_curve > 10 && rises == 0, "lbfgs, C = %g: no step makes it worse (%d do)", p.C, rises);
	}
}

int
main(void)
{
	begin();
	test_logistic();
	return end();
}
