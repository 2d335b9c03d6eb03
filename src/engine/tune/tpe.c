/*-------------------------------------------------------------------------
 * tpe.c
 *	  The multivariate tree-structured Parzen estimator.
 *
 * Bergstra, Bardenet, Bengio, Kegl: "Algorithms for hyper-parameter
 * optimization", NIPS 2011; the kernels over all dimensions at once as in
 * Falkner, Klein, Hutter: "BOHB", ICML 2018.  Trials are cut into the best few
 * and the rest, both are modelled by a density (a mixture of one kernel a
 * trial and a wide one, the prior), and of candidates drawn from the first the
 * one with the greatest ratio of densities is taken.
 *
 * Dimensions that exist under the same condition form a group and are modelled
 * together, by the trials that have them; groups are drawn one after the other,
 * parents first.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "samplers.h"

#define MOST_GOOD 25			/* trials in the better density */
#define GOOD_SHARE 0.1
#define CANDIDATES 24
#define PRIOR_WEIGHT 1.0
#define FULL_WEIGHT_TRIALS 25	/* older trials weigh less */

/* Streams of random numbers of a trial; random points use the number itself. */
#define STREAM(number) ((number) | UINT64_C(1) << 40)

/* ---------------------------------------------------------------- densities */

/* A mixture of products of kernels over the dimensions of a group. */
typedef struct Density
{
	const MlSpace *space;
	const size_t *dimension;	/* [n_dimensions] of the group */
	size_t		n_dimensions;
	size_t		n_kernels;		/* the prior is the last */
	double	   *weight;			/* [n_kernels], sum 1 */
	const double **point;		/* [n_kernels - 1] trials' points */
	double	   *mean;			/* [n_dimensions][n_kernels], ranges, internal scale */
	double	   *sigma;
} Density;

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

/* The value of [low, high] below which share u of the truncated normal lies. */
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
 * range if there is but one trial), clipped so that no kernel is too narrow for
 * the number of trials.
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

		while (sorted[at] < mean[i])
			at++;
		if (at > 0 || n == 1)
			distance = mean[i] - (at > 0 ? sorted[at - 1] : low);
		if (at + 1 < n || n == 1)
			distance = fmax(distance, (at + 1 < n ? sorted[at + 1] : high) - mean[i]);
		sigma[i] = fmin(high - low, fmax(least, distance));
	}
}

/* Weights of n trials from the oldest to the newest. */
static double
trial_weight(size_t i, size_t n)
{
	size_t		ramp = n > FULL_WEIGHT_TRIALS ? n - FULL_WEIGHT_TRIALS : 0;

	if (i >= ramp)
		return 1;
	return ramp == 1 ? 1.0 / (double) n
		: 1.0 / (double) n + (1 - 1.0 / (double) n) * (double) i / (double) (ramp - 1);
}

/* The density of trials with these points, in order of their numbers. */
static MlStatus
estimate(MlContext *ctx, const MlSpace *space, const size_t *dimension, size_t n_dimensions,
		 const double **point, size_t n, Density *density)
{
	size_t		n_kernels = n + 1;
	double		total = PRIOR_WEIGHT;
	double	   *sorted = ml_arena_alloc_array(ctx->arena, n_kernels, sizeof(double));

	*density = (Density) {space, dimension, n_dimensions, n_kernels};
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

/* Probability of a choice in one kernel: its own choice, smoothed by all. */
static double
choice_mass(const Density *density, size_t j, size_t kernel, int choice)
{
	int			n_choices = density->space->dimension[density->dimension[j]].n_choices;
	double		smoothing = PRIOR_WEIGHT / (double) density->n_kernels;
	double		own;

	if (kernel + 1 == density->n_kernels)
		return 1.0 / n_choices;
	own = density->point[kernel][density->dimension[j]];
	return (smoothing + ((int) own == choice)) / (1 + smoothing * n_choices);
}

static double
log_range_mass(const Density *density, size_t j, size_t kernel, double value)
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

static double
log_density(const Density *density, const double *point)
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

/* A random point of the density; counter numbers the random numbers used. */
static void
draw(const Density *density, uint64_t seed, uint64_t stream, uint64_t *counter, double *point)
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

/* ---------------------------------------------------------------- sampling */

typedef struct Tpe
{
	MlContext  *ctx;
	const MlStudy *study;
	bool	   *good;			/* [capacity] is the trial among the best? */
	uint64_t	stream;
	uint64_t	counter;
} Tpe;

/*
 * Points of the good trials, or of the others and those that still run, that
 * have the dimension; in order of number.
 */
static size_t
points_with(const Tpe *tpe, size_t dimension, bool good, const double **point)
{
	size_t		n = 0;

	for (size_t i = 0; i < tpe->study->capacity; i++)
	{
		const MlTrial *trial = &tpe->study->trials[i];

		if (trial->state == ML_TRIAL_NONE || trial->state == ML_TRIAL_FAILED ||
			tpe->good[i] != good || isnan(trial->point[dimension]))
			continue;
		point[n++] = trial->point;
	}
	return n;
}

static MlStatus
sample_group(Tpe *tpe, const size_t *dimension, size_t n_dimensions, double *point)
{
	const MlSpace *space = tpe->study->space;
	const double **points[2];
	Density		density[2];		/* of the good ones, of the others */
	double	   *candidate = ml_arena_alloc_array(tpe->ctx->arena, space->n, sizeof(double));
	double		best = -INFINITY;

	for (int good = 0; good < 2; good++)
	{
		MlStatus	status;
		const double **of;

		of = points[good] = ml_arena_alloc_array(tpe->ctx->arena, tpe->study->capacity, sizeof(double *));
		if (of == NULL || candidate == NULL)
			return ml_fail_memory(tpe->ctx);
		status = estimate(tpe->ctx, space, dimension, n_dimensions, of,
						  points_with(tpe, dimension[0], good, of), &density[good]);
		if (status != ML_OK)
			return status;
	}
	for (int c = 0; c < CANDIDATES; c++)
	{
		double		ratio;

		draw(&density[1], tpe->study->seed, tpe->stream, &tpe->counter, candidate);
		ratio = log_density(&density[1], candidate) - log_density(&density[0], candidate);
		if (c > 0 && !(ratio > best))
			continue;
		best = ratio;
		for (size_t j = 0; j < n_dimensions; j++)
			point[dimension[j]] = candidate[dimension[j]];
	}
	return ml_check_abort(tpe->ctx);
}

static bool
same_condition(const MlDimension *a, const MlDimension *b)
{
	return a->parent == b->parent && (a->parent < 0 || a->parent_choices == b->parent_choices);
}

MlStatus
tpe_sample(MlContext *ctx, const MlStudy *study, size_t number, double *point)
{
	const MlSpace *space = study->space;
	Tpe			tpe = {ctx, study, NULL, STREAM(number), 0};
	size_t	   *group = ml_arena_alloc_array(ctx->arena, space->n, sizeof(size_t));
	size_t	   *ranked;
	size_t		n;
	size_t		n_good;
	MlStatus	status = study_ranked(ctx, study, &ranked, &n);

	tpe.good = ml_arena_alloc_zeroed(ctx->arena, study->capacity, sizeof(bool));
	if (status == ML_OK && (group == NULL || tpe.good == NULL))
		status = ml_fail_memory(ctx);
	if (status != ML_OK)
		return status;
	n_good = (size_t) fmin(ceil(GOOD_SHARE * (double) n), MOST_GOOD);
	for (size_t i = 0; i < n_good; i++)
		tpe.good[ranked[i]] = true;

	for (size_t first = 0; first < space->n && status == ML_OK; first++)
	{
		const MlDimension *d = &space->dimension[first];
		size_t		n_group = 0;
		bool		begun = false;

		/* a group is drawn when its first dimension comes */
		for (size_t i = 0; i < first; i++)
			begun = begun || same_condition(&space->dimension[i], d);
		if (begun)
			continue;
		for (size_t i = first; i < space->n; i++)
		{
			if (same_condition(&space->dimension[i], d))
				group[n_group++] = i;
		}
		if (ml_space_active(space, first, point))
			status = sample_group(&tpe, group, n_group, point);
		else
		{
			for (size_t j = 0; j < n_group; j++)
				point[group[j]] = NAN;
		}
	}
	return status;
}
