/*
 * parzen.h
 *	  Densities over dimensions of a space, estimated from trials (private to
 *	  tune).
 */
#ifndef MLOPS_ENGINE_TUNE_PARZEN_H
#define MLOPS_ENGINE_TUNE_PARZEN_H

#include "mlops/engine/tune.h"

/* A mixture of products of kernels over the dimensions of a group. */
typedef struct ParzenDensity
{
	const MlSpace *space;
	const size_t *dimension;	/* [n_dimensions] of the group */
	size_t		n_dimensions;
	size_t		n_kernels;		/* the prior is the last */
	double	   *weight;			/* [n_kernels], sum 1 */
	const double **point;		/* [n_kernels - 1] trials' points */
	double	   *mean;			/* [n_dimensions][n_kernels], ranges, internal scale */
	double	   *sigma;
} ParzenDensity;

/*
 * The density of n trials' points, in order of their numbers, over dimensions
 * that all of them have.  point and dimension must live as long.
 * Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus parzen_estimate(MlContext *ctx, const MlSpace *space, const size_t *dimension,
								size_t n_dimensions, const double **point, size_t n,
								ParzenDensity *density);

/* Of whole numbers and choices the probability, of other ranges the density. */
extern double parzen_log_density(const ParzenDensity *density, const double *point);

/*
 * Draws the dimensions of a point; *counter goes on by the random numbers used.
 */
extern void parzen_draw(const ParzenDensity *density, uint64_t seed, uint64_t stream,
						uint64_t *counter, double *point);

#endif							/* MLOPS_ENGINE_TUNE_PARZEN_H */
