/*-------------------------------------------------------------------------
 * thompson.c
 *	  Draws from Beta posteriors and the shares they give variants; see
 *	  include/mlops/engine/compare.h.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/compare.h"

/* Counters that one draw of a Gamma variable may use. */
#define COUNTERS_OF_GAMMA 64

/*
 * Gamma(shape, 1), shape >= 1, by Marsaglia and Tsang: the cube of a normal
 * variable, accepted at the first try 95 % of the time.  Uses counters from
 * `counter` on, fewer than COUNTERS_OF_GAMMA.
 */
static double
gamma_draw(uint64_t seed, uint64_t stream, uint64_t counter, double shape)
{
	double		d = shape - 1.0 / 3.0;
	double		c = 1.0 / sqrt(9.0 * d);

	for (int i = 0; i < COUNTERS_OF_GAMMA / 2 - 1; i++)
	{
		double		x = ml_random_normal(seed, stream, counter + 2 * i);
		double		v = 1.0 + c * x;
		double		u;

		if (v <= 0)
			continue;
		v = v * v * v;
		u = ml_random_uniform(seed, stream, counter + 2 * i + 1);
		if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v;
	}
	return d;					/* less likely than 1e-40 */
}

/*
 * Any shape > 0: Gamma(a) = Gamma(a + 1) U^(1 / a).  U takes the last counter,
 * which gamma_draw never reaches.
 */
static double
any_gamma_draw(uint64_t seed, uint64_t stream, uint64_t counter, double shape)
{
	double		u;

	if (shape >= 1)
		return gamma_draw(seed, stream, counter, shape);
	u = 1.0 - ml_random_uniform(seed, stream, counter + COUNTERS_OF_GAMMA - 1);
	return gamma_draw(seed, stream, counter, shape + 1) * pow(u, 1.0 / shape);
}

double
ml_beta_draw(uint64_t seed, uint64_t stream, uint32_t draw, double alpha, double beta)
{
	uint64_t	counter = (uint64_t) draw * 2 * COUNTERS_OF_GAMMA;
	double		x = any_gamma_draw(seed, stream, counter, alpha);
	double		y = any_gamma_draw(seed, stream, counter + COUNTERS_OF_GAMMA, beta);

	return x / (x + y);
}

/* Of equal draws the first variant wins.  O(n * draws). */
void
ml_thompson_shares(size_t n, const MlProportion *variants, bool more_is_better,
				   double floor, uint32_t draws, uint64_t seed, double *share)
{
	for (size_t i = 0; i < n; i++)
		share[i] = 0;
	for (uint32_t draw = 0; draw < draws; draw++)
	{
		size_t		best = 0;
		double		best_rate = 0;

		for (size_t i = 0; i < n; i++)
		{
			double		failures = (double) (variants[i].trials - variants[i].successes);
			double		drawn = ml_beta_draw(seed, i, draw, 1 + (double) variants[i].successes,
											 1 + failures);

			if (i == 0 || (more_is_better ? drawn > best_rate : drawn < best_rate))
			{
				best = i;
				best_rate = drawn;
			}
		}
		share[best]++;
	}
	for (size_t i = 0; i < n; i++)
		share[i] = floor + (1 - (double) n * floor) * share[i] / (double) draws;
}
