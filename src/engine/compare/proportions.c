/*-------------------------------------------------------------------------
 * proportions.c
 *	  Tests of two proportions; see include/mlops/engine/compare.h.
 *-------------------------------------------------------------------------
 */
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

/* Variance of the difference of the rates when both are the pooled one. */
static double
pooled_variance(MlProportion a, MlProportion b)
{
	double		p = pooled_rate(a, b);

	return p * (1 - p) * (1.0 / (double) a.trials + 1.0 / (double) b.trials);
}

void
ml_two_proportions(MlProportion a, MlProportion b, MlProportionTest *test)
{
	double		p = rate(a);
	double		q = rate(b);
	double		margin = Z_95 * sqrt(p * (1 - p) / (double) a.trials + q * (1 - q) / (double) b.trials);
	double		variance = pooled_variance(a, b);

	test->difference = q - p;
	test->lower = test->difference - margin;
	test->upper = test->difference + margin;
	test->z = variance > 0 ? test->difference / sqrt(variance) : NAN;
	test->p_value = erfc(fabs(test->z) / sqrt(2.0));
}

double
ml_sequential_p_value(MlProportion a, MlProportion b, double effect)
{
	double		p;
	double		fewest;
	double		variance;
	double		difference;
	double		log_ratio;

	if (!(effect > 0))
		return NAN;
	if (a.trials == 0 || b.trials == 0)
		return 1;
	p = pooled_rate(a, b);
	fewest = (double) (a.trials < b.trials ? a.trials : b.trials) * fmin(p, 1 - p);
	if (fewest < ML_SEQUENTIAL_MINIMUM)
		return 1;				/* the normal approximation does not hold yet */
	variance = pooled_variance(a, b);
	difference = rate(b) - rate(a);
	effect *= effect;
	log_ratio = 0.5 * log(variance / (variance + effect)) +
		effect * difference * difference / (2 * variance * (variance + effect));
	return fmin(1, exp(-log_ratio));
}
