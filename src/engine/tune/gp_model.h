/*
 * gp_model.h
 *	  A Gaussian process over the points of a space (private to tune).
 */
#ifndef MLOPS_ENGINE_TUNE_GP_MODEL_H
#define MLOPS_ENGINE_TUNE_GP_MODEL_H

#include "mlops/engine/tune.h"

typedef struct GpModel
{
	const MlSpace *space;
	size_t		n;				/* observations */
	size_t		width;			/* coordinates of an encoded point */
	size_t	   *source;			/* [width] dimension a coordinate belongs to */
	double	   *x;				/* [n][width] */
	double	   *y;				/* [n] standardised, smaller is better */
	double	   *length;			/* [space->n] length scale of a dimension */
	double		scale;			/* standard deviation of the process */
	double		noise;			/* standard deviation of the observations */
	double	   *inverse;		/* [n][n] of the covariance */
	double	   *alpha;			/* [n] inverse * y */
} GpModel;

/* Coordinates an encoded point needs. */
extern size_t gp_width(const MlSpace *space);

/*
 * Encodes a point: ranges to [0, 1], choices to one coordinate each, so that
 * two different choices are a distance of 1 apart; what is not there to 1/2 or
 * to no choice.  x [gp_width].
 */
extern void gp_encode(const MlSpace *space, const double *point, double *x);

/*
 * Takes in the n points with the parameters at the means of their priors.  y is
 * standardised in place.  Everything is in ctx->arena.  Errors:
 * ML_OUT_OF_MEMORY, ML_FAILED (no linear algebra).
 */
extern MlStatus gp_open(MlContext *ctx, GpModel *model, const MlSpace *space, size_t n,
						const double *const *point, double *y);

/*
 * Prepares prediction with the parameters as they are.  Returns the logarithm
 * of marginal likelihood times priors but for constants, -INFINITY if the
 * covariance is singular.
 */
extern double gp_condition(MlContext *ctx, GpModel *model);

/*
 * The same, then fits length scales, scale and noise by maximum a posteriori
 * and prepares prediction.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED, ML_FAILED.
 */
extern MlStatus gp_fit(MlContext *ctx, GpModel *model, const MlSpace *space, size_t n,
					   const double *const *point, double *y);

/*
 * Mean and standard deviation at m encoded points.  work holds
 * 2 * model->n * m doubles.
 */
extern void gp_predict(MlContext *ctx, const GpModel *model, size_t m, const double *x,
					   double *work, double *mean, double *deviation);

#endif							/* MLOPS_ENGINE_TUNE_GP_MODEL_H */
