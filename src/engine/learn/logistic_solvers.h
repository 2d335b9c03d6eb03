/*
 * logistic_solvers.h
 *	  Minimisers of the logistic objective (private to learn).
 */
#ifndef MLOPS_LEARN_LOGISTIC_SOLVERS_H
#define MLOPS_LEARN_LOGISTIC_SOLVERS_H

#include "logistic_objective.h"

typedef struct SolverResult
{
	int			iterations;
	bool		converged;
	bool		collinear;		/* the Hessian was singular somewhere */
	double		value;
	MlCurveStep *curve;			/* [max_iter] log loss a row, filled if not NULL */
	size_t		n_curve;
} SolverResult;

/* Bytes of working memory beside the objective's. */
extern size_t newton_size(size_t n);
extern size_t lbfgs_size(size_t n);

/*
 * Newton's method with step halving; with l1 > 0 the step minimises the
 * quadratic model plus l1 * |w| by coordinate descent (Yuan, Ho, Lin: "An
 * improved GLMNET for L1-regularized logistic regression", JMLR 2012).  w [n]
 * is the start and the result.
 */
extern MlStatus newton_minimise(Objective *objective, double l1, int max_iter, double tol,
								double *w, SolverResult *result);

/*
 * L-BFGS with a memory of ten steps and backtracking (Nocedal, Wright:
 * "Numerical optimization", 2nd ed., algorithms 7.4 and 7.5).
 */
extern MlStatus lbfgs_minimise(Objective *objective, int max_iter, double tol,
							   double *w, SolverResult *result);

#endif							/* MLOPS_LEARN_LOGISTIC_SOLVERS_H */
