/*-------------------------------------------------------------------------
 * parzen.c
 *	  Densities as mixtures of products of kernels: truncated normals on the
 *	  internal scale of ranges (their mass around whole numbers), smoothed
 *	  frequencies of choices.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "parzen.h"
#include "space.h"

#define PRIOR_WEIGHT 1.0
#define FULL_WEIGHT_TRIALS 25	/* older trials weigh less */

static double
normal_cdf(double z)
{
	return 0.5 * erfc(-z * 0.70710678118654752440);
}

/* Probability between a <= b, without cancellation in the upper tail. */
static double
normal_mass(double a, double b)
{
	return a > 0 ? normal_cdf(-a) - normal_cdf(-b) : normal_cdf(b) - normal_cdf(a);
}

/*
 * The value of [low, high] below which share u of the truncated normal lies, by
 * bisection: 60 halvings are all the bits of a double.
 */
static double
truncated_quantile(double mean, double sigma, double low, double high, double u)
{
	double		below = normal_cdf((low - mean) / sigma);
	double		target = below + u * normal_mass((low - mean) / sigma, (high - mean) / sigma);

	for (int i = 0; i < 60; i++)
	{
		double		middle = (low + high) / 2;

		if (normal_cdf((middle - mean) / sigma) < target)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

/*
 * Bandwidths of one range: the larger distance to a neighbour (to an end of the
 * range if there is but one trial), clipped so that no kernel is too narrow for the
 * number of trials.  mean, sigma, sorted: [n], on the internal scale; sorted is
 * working memory.  O(n^2), for n trials of a study.
 */
static void
choose_bandwidths(const MlDimension *d, size_t n, const double *mean, double *sigma, double *sorted)
{
	double		low = space_low(d);
	double		high = space_high(d);
	double		least = (high - low) / fmin(100, 2.0 + (double) n);

	for (size_t i = 0; i < n; i++)
	{
		size_t		at = i;

		for (; at > 0 && sorted[at - 1] > mean[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = mean[i];
	}
	for (size_t i = 0; i < n; i++)
	{
		size_t		at = 0;
		double		distance = 0;

		/* its place in the sorted ones; equals stay in order */
		for (size_t j = 0; j < n; j++)
			at += mean[j] < mean[i] || (mean[j] == mean[i] && j < i);
		if (at > 0 || n == 1)
			distance = mean[i] - (at > 0 ? sorted[at - 1] : low);
		if (at + 1 < n || n == 1)
			distance = fmax(distance, (at + 1 < n ? sorted[at + 1] : high) - mean[i]);
		sigma[i] = fmin(high - low, fmax(least, distance));
	}
}

/*
 * Weight of trial i of n, from the oldest to the newest: 1 for the newest
 * FULL_WEIGHT_TRIALS, then down in a straight line to 1 / n.  What a study saw
 * first says least about where it is now.
 */
static double
trial_weight(size_t i, size_t n)
{
	size_t		ramp = n > FULL_WEIGHT_TRIALS ? n - FULL_WEIGHT_TRIALS : 0;

	if (i >= ramp)
		return 1;
	return ramp == 1 ? 1.0 / (double) n
		: 1.0 / (double) n + (1 - 1.0 / (double) n) * (double) i / (double) (ramp - 1);
}

/*
 * One kernel a trial, and the prior: as wide as the range, in its middle.  All
 * arrays are in ctx->arena.
 */
MlStatus
parzen_estimate(MlContext *ctx, const MlSpace *space, const size_t *dimension, size_t n_dimensions,
		 const double **point, size_t n, ParzenDensity *density)
{
	size_t		n_kernels = n + 1;
	double		total = PRIOR_WEIGHT;
	double	   *sorted = ml_arena_alloc_array(ctx->arena, n_kernels, sizeof(double));

	*density = (ParzenDensity) {space, dimension, n_dimensions, n_kernels};
	density->point = point;
	density->weight = ml_arena_alloc_array(ctx->arena, n_kernels, sizeof(double));
	density->mean = ml_arena_alloc_array(ctx->arena, n_dimensions, n_kernels * sizeof(double));
	density->sigma = ml_arena_alloc_array(ctx->arena, n_dimensions, n_kernels * sizeof(double));
	if (sorted == NULL || density->weight == NULL || density->mean == NULL || density->sigma == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < n; i++)
		total += density->weight[i] = trial_weight(i, n);
	density->weight[n] = PRIOR_WEIGHT;
	for (size_t i = 0; i < n_kernels; i++)
		density->weight[i] /= total;
	for (size_t j = 0; j < n_dimensions; j++)
	{
		const MlDimension *d = &space->dimension[dimension[j]];
		double	   *mean = density->mean + j * n_kernels;
		double	   *sigma = density->sigma + j * n_kernels;

		if (d->kind == ML_DIMENSION_CHOICE)
			continue;
		for (size_t i = 0; i < n; i++)
			mean[i] = space_inner(d, point[i][dimension[j]]);
		choose_bandwidths(d, n, mean, sigma, sorted);
		mean[n] = (space_low(d) + space_high(d)) / 2;
		sigma[n] = space_high(d) - space_low(d);
	}
	return ML_OK;
}

/*
 * Probability of a choice in one kernel for dimension j of the group: the kernel's
 * own choice, smoothed by all; the prior (last kernel) has them alike.
 */
static double
choice_mass(const ParzenDensity *density, size_t j, size_t kernel, int choice)
{
	int			n_choices = density->space->dimension[density->dimension[j]].n_choices;
	double		smoothing = PRIOR_WEIGHT / (double) density->n_kernels;
	double		own;

	if (kernel + 1 == density->n_kernels)
		return 1.0 / n_choices;
	own = density->point[kernel][density->dimension[j]];
	return (smoothing + ((int) own == choice)) / (1 + smoothing * n_choices);
}

/*
 * Log probability of a whole number, or log density of a float on the internal
 * scale, of the kernel's normal cut to the range.
 */
static double
log_range_mass(const ParzenDensity *density, size_t j, size_t kernel, double value)
{
	const MlDimension *d = &density->space->dimension[density->dimension[j]];
	double		mean = density->mean[j * density->n_kernels + kernel];
	double		sigma = density->sigma[j * density->n_kernels + kernel];
	double		whole = normal_mass((space_low(d) - mean) / sigma, (space_high(d) - mean) / sigma);
	double		z;

	if (d->kind == ML_DIMENSION_INTEGER)
		return log(normal_mass((space_inner(d, value - 0.5) - mean) / sigma,
							   (space_inner(d, value + 0.5) - mean) / sigma) / whole);
	if (sigma == 0)
		return 0;				/* a range of one value */
	z = (space_inner(d, value) - mean) / sigma;
	return -z * z / 2 - log(sigma * whole * 2.50662827463100050242);
}

/* The logarithm of a sum of exponentials, none of which may overflow or all vanish. */
double
parzen_log_density(const ParzenDensity *density, const double *point)
{
	double		most = -INFINITY;
	double		sum = 0;

	for (size_t kernel = 0; kernel < density->n_kernels; kernel++)
	{
		double		term = log(density->weight[kernel]);

		for (size_t j = 0; j < density->n_dimensions; j++)
		{
			size_t		i = density->dimension[j];

			term += density->space->dimension[i].kind == ML_DIMENSION_CHOICE
				? log(choice_mass(density, j, kernel, (int) point[i]))
				: log_range_mass(density, j, kernel, point[i]);
		}
		/* a running sum of exponentials relative to the greatest so far */
		if (term > most)
		{
			sum = sum * exp(most - term) + 1;
			most = term;
		}
		else if (term > -INFINITY)
			sum += exp(term - most);
	}
	return most + log(sum);
}

/* A kernel by its weight, then each dimension from it. */
void
parzen_draw(const ParzenDensity *density, uint64_t seed, uint64_t stream, uint64_t *counter, double *point)
{
	double		u = ml_random_uniform(seed, stream, (*counter)++);
	size_t		kernel = 0;

	while (kernel + 1 < density->n_kernels && u >= density->weight[kernel])
		u -= density->weight[kernel++];
	for (size_t j = 0; j < density->n_dimensions; j++)
	{
		const MlDimension *d = &density->space->dimension[density->dimension[j]];
		double		v = ml_random_uniform(seed, stream, (*counter)++);
		double	   *value = &point[density->dimension[j]];
		size_t		at = j * density->n_kernels + kernel;

		if (d->kind != ML_DIMENSION_CHOICE)
			*value = space_outer(d, truncated_quantile(density->mean[at], density->sigma[at],
													   space_low(d), space_high(d), v));
		else
		{
			int			choice = 0;

			while (choice + 1 < d->n_choices && v >= choice_mass(density, j, kernel, choice))
				v -= choice_mass(density, j, kernel, choice++);
			*value = choice;
		}
	}
}
