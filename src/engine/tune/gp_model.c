/*-------------------------------------------------------------------------
 * gp_model.c
 *	  Gaussian process regression: Matern 5/2 kernel with a length scale for
 *	  each dimension.
 *
 * Rasmussen, Williams: "Gaussian processes for machine learning", MIT Press
 * 2006, chapters 2 and 5.  The parameters maximise the marginal likelihood times
 * log-normal priors, by resilient back-propagation (Riedmiller, Braun 1993:
 * only signs of the gradient count, so scales do not matter), which keeps the
 * best parameters it has seen.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "gp_model.h"
#include "space.h"

#define STEPS 60
#define JITTER 1e-9
#define ROOT5 2.23606797749978969641

/* Priors of the logarithms: mean and standard deviation. */
#define LENGTH_PRIOR 0.4		/* times the root of the number of dimensions */
#define LENGTH_SPREAD 1.0
#define SCALE_PRIOR 1.0
#define SCALE_SPREAD 1.0
#define NOISE_PRIOR 0.01
#define NOISE_SPREAD 1.5

size_t
gp_width(const MlSpace *space)
{
	size_t		width = 0;

	for (size_t i = 0; i < space->n; i++)
		width += space->dimension[i].kind == ML_DIMENSION_CHOICE ? space->dimension[i].n_choices : 1;
	return width;
}

/* Two choices differ in two coordinates by 1 / sqrt(2): a distance of 1. */
void
gp_encode(const MlSpace *space, const double *point, double *x)
{
	for (size_t i = 0; i < space->n; i++)
	{
		const MlDimension *d = &space->dimension[i];
		double		low = space_low(d);
		double		high = space_high(d);

		if (d->kind == ML_DIMENSION_CHOICE)
		{
			for (int c = 0; c < d->n_choices; c++)
				*x++ = point[i] == c ? 0.70710678118654752440 : 0;
		}
		else if (isnan(point[i]) || high == low)
			*x++ = 0.5;
		else
			*x++ = (space_inner(d, point[i]) - low) / (high - low);
	}
}

/* Squared distance of two encoded points, each coordinate by its scale. */
static double
distance2(const GpModel *m, const double *a, const double *b)
{
	double		sum = 0;

	for (size_t j = 0; j < m->width; j++)
	{
		double		difference = (a[j] - b[j]) / m->length[m->source[j]];

		sum += difference * difference;
	}
	return sum;
}

/* Matern 5/2 of a squared scaled distance (Rasmussen, Williams, equation 4.17). */
static double
covariance(const GpModel *m, double r2)
{
	double		r = sqrt(r2);

	return m->scale * m->scale * (1 + ROOT5 * r + 5 * r2 / 3) * exp(-ROOT5 * r);
}

/* ---------------------------------------------------------------- fitting */

/* Log density of the logarithm of a value > 0, but for constants. */
static double
log_prior(double value, double prior, double spread)
{
	double		z = log(value / prior) / spread;

	return -z * z / 2;
}

/* Derivative of the log prior by the logarithm of the value. */
static double
prior_slope(double value, double prior, double spread)
{
	return -log(value / prior) / (spread * spread);
}

static double
length_prior(const GpModel *m)
{
	return LENGTH_PRIOR * sqrt((double) m->space->n);
}

/*
 * O(n^3).  Equations 2.30 and 5.8: -y'K^-1 y / 2 - log|K| / 2 and priors; with a
 * Cholesky factor L, log|K| / 2 is the sum of log L_ii.  Overwrites inverse and
 * alpha.
 */
double
gp_condition(MlContext *ctx, GpModel *m)
{
	size_t		n = m->n;
	double	   *k = m->inverse;
	double		determinant = 0;
	double		fit = 0;
	double		posterior;

	for (size_t i = 0; i < n; i++)
	{
		for (size_t j = i; j < n; j++)
			k[i * n + j] = covariance(m, distance2(m, m->x + i * m->width, m->x + j * m->width));
		k[i * n + i] += m->noise * m->noise + JITTER;
	}
	if (ctx->blas->dpotrf((int) n, k, (int) n) != 0)
		return -INFINITY;
	for (size_t i = 0; i < n; i++)
		determinant += log(k[i * n + i]);
	if (ctx->blas->dpotri((int) n, k, (int) n) != 0)
		return -INFINITY;
	for (size_t i = 0; i < n; i++)
	{
		for (size_t j = i + 1; j < n; j++)
			k[j * n + i] = k[i * n + j];
	}
	ctx->blas->dgemv((int) n, (int) n, 1, k, (int) n, m->y, 0, m->alpha);
	for (size_t i = 0; i < n; i++)
		fit += m->y[i] * m->alpha[i];
	posterior = -fit / 2 - determinant + log_prior(m->scale, SCALE_PRIOR, SCALE_SPREAD) +
		log_prior(m->noise, NOISE_PRIOR, NOISE_SPREAD);
	for (size_t d = 0; d < m->space->n; d++)
		posterior += log_prior(m->length[d], length_prior(m), LENGTH_SPREAD);
	return posterior;
}

/*
 * Slopes [space->n + 2] of the posterior by the logarithms of lengths, scale and
 * noise (equation 5.9): half the trace of (alpha alpha' - K^-1) times the
 * covariance's derivative, pair by pair.  inverse and alpha must be those of the
 * parameters at hand.  O(n^2 * width).
 */
static void
slopes(const GpModel *m, double *slope)
{
	size_t		n = m->n;
	size_t		d = m->space->n;

	for (size_t i = 0; i < d; i++)
		slope[i] = prior_slope(m->length[i], length_prior(m), LENGTH_SPREAD);
	slope[d] = prior_slope(m->scale, SCALE_PRIOR, SCALE_SPREAD);
	slope[d + 1] = prior_slope(m->noise, NOISE_PRIOR, NOISE_SPREAD);
	for (size_t i = 0; i < n; i++)
	{
		const double *a = m->x + i * m->width;

		for (size_t j = 0; j < i; j++)
		{
			const double *b = m->x + j * m->width;
			double		r2 = distance2(m, a, b);
			double		r = sqrt(r2);
			double		outer = m->alpha[i] * m->alpha[j] - m->inverse[i * n + j];
			double		common = outer * m->scale * m->scale * 5 / 3 * (1 + ROOT5 * r) * exp(-ROOT5 * r);

			slope[d] += 2 * outer * covariance(m, r2);
			for (size_t c = 0; c < m->width; c++)
			{
				double		difference = (a[c] - b[c]) / m->length[m->source[c]];

				slope[m->source[c]] += common * difference * difference;
			}
		}
		slope[d] += (m->alpha[i] * m->alpha[i] - m->inverse[i * n + i]) * m->scale * m->scale;
		slope[d + 1] += (m->alpha[i] * m->alpha[i] - m->inverse[i * n + i]) * m->noise * m->noise;
	}
}

/* Where parameter i is kept: lengths, then scale, then noise. */
static double *
parameter(GpModel *m, size_t i)
{
	return i < m->space->n ? &m->length[i] : i == m->space->n ? &m->scale : &m->noise;
}

/*
 * Climbs to the parameters with the greatest posterior, from those it has.  Steps
 * are in logarithms: 0.2 at first, times 1.2 while a slope keeps its sign (0.7 at
 * the most), halved when it turns.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED, ML_FAILED
 * (singular even at the best).
 */
static MlStatus
climb(MlContext *ctx, GpModel *m)
{
	size_t		n_parameters = m->space->n + 2;
	double	   *slope = ml_arena_alloc_array(ctx->arena, n_parameters, sizeof(double));
	double	   *last = ml_arena_alloc_zeroed(ctx->arena, n_parameters, sizeof(double));
	double	   *step = ml_arena_alloc_array(ctx->arena, n_parameters, sizeof(double));
	double	   *best = ml_arena_alloc_array(ctx->arena, n_parameters, sizeof(double));
	double		best_posterior = -INFINITY;
	double		posterior;

	if (slope == NULL || last == NULL || step == NULL || best == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < n_parameters; i++)
	{
		step[i] = 0.2;
		best[i] = *parameter(m, i);
	}
	for (int round = 0; round < STEPS; round++)
	{
		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		posterior = gp_condition(ctx, m);
		if (!(posterior > -INFINITY))
			break;
		if (posterior > best_posterior)
		{
			best_posterior = posterior;
			for (size_t i = 0; i < n_parameters; i++)
				best[i] = *parameter(m, i);
		}
		slopes(m, slope);
		for (size_t i = 0; i < n_parameters; i++)
		{
			double	   *value = parameter(m, i);

			if (slope[i] * last[i] > 0)
				step[i] = fmin(step[i] * 1.2, 0.7);
			else if (slope[i] * last[i] < 0)
			{
				step[i] = fmax(step[i] * 0.5, 1e-4);
				slope[i] = 0;
			}
			last[i] = slope[i];
			if (slope[i] != 0)
				*value *= exp(slope[i] > 0 ? step[i] : -step[i]);
			*value = fmin(fmax(*value, 1e-4), 1e3);
		}
	}
	for (size_t i = 0; i < n_parameters; i++)
		*parameter(m, i) = best[i];
	if (!(gp_condition(ctx, m) > -INFINITY))
		return ml_fail(ctx, ML_FAILED, "the covariance of the trials is singular");
	return ML_OK;
}

/* To mean 0 and deviation 1, in place; equal values all become 0. */
static void
standardise(double *y, size_t n)
{
	double		mean = 0;
	double		variance = 0;

	for (size_t i = 0; i < n; i++)
		mean += y[i] / (double) n;
	for (size_t i = 0; i < n; i++)
		variance += (y[i] - mean) * (y[i] - mean) / (double) n;
	for (size_t i = 0; i < n; i++)
		y[i] = variance > 0 ? (y[i] - mean) / sqrt(variance) : 0;
}

/* y stays the caller's array and is changed. */
MlStatus
gp_open(MlContext *ctx, GpModel *m, const MlSpace *space, size_t n, const double *const *point, double *y)
{
	size_t		c = 0;

	*m = (GpModel) {.space = space, .n = n, .width = gp_width(space), .y = y};
	if (ctx->blas == NULL)
		return ml_fail(ctx, ML_FAILED, "the Gaussian process needs linear algebra");
	m->source = ml_arena_alloc_array(ctx->arena, m->width, sizeof(size_t));
	m->x = ml_arena_alloc_array(ctx->arena, n, m->width * sizeof(double));
	m->length = ml_arena_alloc_array(ctx->arena, space->n, sizeof(double));
	m->inverse = ml_arena_alloc_array(ctx->arena, n, n * sizeof(double));
	m->alpha = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	if (m->source == NULL || m->x == NULL || m->length == NULL || m->inverse == NULL || m->alpha == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < space->n; i++)
	{
		const MlDimension *d = &space->dimension[i];
		int			coordinates = d->kind == ML_DIMENSION_CHOICE ? d->n_choices : 1;

		for (int j = 0; j < coordinates; j++)
			m->source[c++] = i;
		m->length[i] = length_prior(m);
	}
	m->scale = SCALE_PRIOR;
	m->noise = NOISE_PRIOR;
	for (size_t i = 0; i < n; i++)
		gp_encode(space, point[i], m->x + i * m->width);
	standardise(y, n);
	return ML_OK;
}

MlStatus
gp_fit(MlContext *ctx, GpModel *m, const MlSpace *space, size_t n, const double *const *point, double *y)
{
	MlStatus	status = gp_open(ctx, m, space, n, point, y);

	return status == ML_OK ? climb(ctx, m) : status;
}

/* ---------------------------------------------------------------- prediction */

/*
 * Equations 2.25 and 2.26, for a block of points by one matrix product.  The
 * deviation is that of the function, without noise.
 */
void
gp_predict(MlContext *ctx, const GpModel *m, size_t count, const double *x, double *work,
		   double *mean, double *deviation)
{
	size_t		n = m->n;
	double	   *k = work;		/* [count][n]: n x count by columns */
	double	   *v = work + count * n;

	for (size_t i = 0; i < count; i++)
	{
		for (size_t j = 0; j < n; j++)
			k[i * n + j] = covariance(m, distance2(m, x + i * m->width, m->x + j * m->width));
	}
	ctx->blas->dgemm((int) n, (int) count, (int) n, 1, m->inverse, (int) n, k, (int) n, 0, v, (int) n);
	for (size_t i = 0; i < count; i++)
	{
		double		explained = 0;

		mean[i] = 0;
		for (size_t j = 0; j < n; j++)
		{
			mean[i] += k[i * n + j] * m->alpha[j];
			explained += k[i * n + j] * v[i * n + j];
		}
		deviation[i] = sqrt(fmax(m->scale * m->scale - explained, 1e-12));
	}
}
