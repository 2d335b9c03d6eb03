/*-------------------------------------------------------------------------
 * proportions.c
 *	  Tests of two proportions; see include/mlops/engine/compare.h.
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>

#include "mlops/engine/compare.h"

/* 97.5 % point of the standard normal distribution */
#define Z_95 1.959963984540054

static double
rate(MlProportion p)
{
	return p.trials > 0 ? (double) p.successes / (double) p.trials : NAN;
}

static double
pooled_rate(MlProportion a, MlProportion b)
{
	return ((double) a.successes + (double) b.successes) / ((double) a.trials + (double) b.trials);
}

/* Variance of the difference of the rates when both are p. */
static double
difference_variance(double p, MlProportion a, MlProportion b)
{
	return p * (1 - p) * (1.0 / (double) a.trials + 1.0 / (double) b.trials);
}

/*
 * Interval with each rate's own variance, z with the pooled one: under the
 * hypothesis the rates are the same.
 */
void
ml_two_proportions(MlProportion a, MlProportion b, MlProportionTest *test)
{
	double		p = rate(a);
	double		q = rate(b);
	double		margin = Z_95 * sqrt(p * (1 - p) / (double) a.trials + q * (1 - q) / (double) b.trials);
	double		variance = difference_variance(pooled_rate(a, b), a, b);

	test->difference = q - p;
	test->lower = test->difference - margin;
	test->upper = test->difference + margin;
	test->z = variance > 0 ? test->difference / sqrt(variance) : NAN;
	test->p_value = erfc(fabs(test->z) / sqrt(2.0));
}

/*
 * 1 / the mixture likelihood ratio: Johari et al. 2022, with variance for their V /
 * n and effect^2 for tau^2.
 */
double
ml_sequential_p_value(MlProportion a, MlProportion b, double effect)
{
	double		least;
	double		variance;
	double		difference;
	double		log_ratio;

	if (!(effect > 0))
		return NAN;
	if (a.trials == 0 || b.trials == 0)
		return 1;
	/* nearer to 0 or 1 the normal approximation does not hold; a larger variance finds less */
	least = fmin(0.5, ML_SEQUENTIAL_MINIMUM / (double) (a.trials < b.trials ? a.trials : b.trials));
	variance = difference_variance(fmax(least, fmin(1 - least, pooled_rate(a, b))), a, b);
	difference = rate(b) - rate(a);
	effect *= effect;
	log_ratio = 0.5 * log(variance / (variance + effect)) +
		effect * difference * difference / (2 * variance * (variance + effect));
	return fmax(DBL_MIN, fmin(1, exp(-log_ratio)));
}
