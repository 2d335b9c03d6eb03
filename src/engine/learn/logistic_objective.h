/*
 * logistic_objective.h
 *	  Loss, gradient and Hessian of logistic regression (private to learn).
 */
#ifndef MLOPS_LEARN_LOGISTIC_OBJECTIVE_H
#define MLOPS_LEARN_LOGISTIC_OBJECTIVE_H

#include "design.h"

/*
 * C * sum of weighted log losses + half the squared length of the coefficients
 * times l2 (scikit-learn's convention; the intercept, the last coefficient, is
 * never penalised).  An L1 part is the solver's business.
 */
typedef struct Objective
{
	MlContext  *ctx;
	Design		design;
	size_t		n;				/* coefficients: terms + intercept */
	double		C;
	double		l2;
	/* working memory, laid out by objective_allocate */
	size_t		n_groups;		/* of tiles; fixed by the data, not by threads */
	double	   *tiles;			/* [threads][DESIGN_TILE_ROWS * n] */
	double	   *rows;			/* [threads][3 * DESIGN_TILE_ROWS] */
	double	   *sums;			/* [n_groups][1 + n + n * n] loss, gradient, Hessian */
	/* the task at hand */
	const double *w;
	bool		with_hessian;
} Objective;

/* Bytes objective_allocate takes for a model of n coefficients. */
extern size_t objective_size(size_t n, bool with_hessian, int n_threads);

extern MlStatus objective_allocate(Objective *objective, bool with_hessian);

/*
 * At coefficients w [n]: the value, the gradient [n] and, if hessian is not
 * NULL, the Hessian's lower triangle [n * n].  Sums run in an order fixed by
 * the data.  Errors: ML_ABORTED.
 */
extern MlStatus objective_evaluate(Objective *objective, const double *w,
								   double *value, double *gradient, double *hessian);

/*
 * Refuses what objective_evaluate gave at coefficients to go on from, unless all
 * of it is finite: no solver gets anywhere with NaN.  hessian may be NULL.
 * Errors: ML_BAD_DATA.
 */
extern MlStatus objective_check_finite(const Objective *objective, double value,
									   const double *gradient, const double *hessian);

#endif							/* MLOPS_LEARN_LOGISTIC_OBJECTIVE_H */
