/*-------------------------------------------------------------------------
 * gamma.c
 *	  Densities by their deviance, and the tails made of them.
 *
 * exp(k ln p + ... - lgamma(...)) loses as many digits as the terms are larger
 * than their sum.  The saddle-point form (Loader, "Fast and accurate
 * computation of binomial probabilities", 2000) has no such terms.
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>

#include "mlops/engine/drift.h"
#include "gamma.h"

#define TWO_PI 6.283185307179586477
#define LN_SQRT_TWO_PI 0.918938533204672741780
#define MOST_TERMS 1000000

double
ml_stirling_error(double a)
{
	double		square = a * a;

	if (a < 16)
		return lgamma(a + 1) - (a + 0.5) * log(a) + a - LN_SQRT_TWO_PI;
	/* Stirling's series: B(2k) / (2k (2k - 1) a^(2k - 1)) */
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - (1.0 / 1188) / square) / square) / square) / square) / a;
}

/*
 * Loader's bd0: where x and mean are near, the series; its terms fall by at least
 * 100 each.
 */
double
ml_deviance(double x, double mean)
{
	double		difference = x - mean;
	double		v;
	double		sum;
	double		term;

	if (x == 0)
		return mean;
	if (fabs(difference) > 0.1 * (x + mean))
		return x * log(x / mean) + mean - x;
	/* the series of ln((1 + v) / (1 - v)) */
	v = difference / (x + mean);
	sum = difference * v;
	term = 2 * x * v;
	for (int i = 1; i < 1000; i++)
	{
		double		next;

		term *= v * v;
		next = sum + term / (2 * i + 1);
		if (next == sum)
			break;
		sum = next;
	}
	return sum;
}

double
ml_poisson_density(double a, double mean)
{
	return exp(-ml_stirling_error(a) - ml_deviance(a, mean)) / sqrt(TWO_PI * a);
}

/* Loader's: Stirling errors and deviances, small numbers all, in place of factorials. */
double
ml_binomial_density(double k, double n, double p)
{
	double		deviance;

	if (k == 0)
		return exp(n * log1p(-p));
	if (k == n)
		return exp(n * log(p));
	deviance = ml_stirling_error(n) - ml_stirling_error(k) - ml_stirling_error(n - k) -
		ml_deviance(k, n * p) - ml_deviance(n - k, n * (1 - p));
	return exp(deviance) * sqrt(n / (TWO_PI * k * (n - k)));
}

/*
 * Lower tail of the Gamma distribution of shape a by its series, sum of x^i / ((a +
 * 1) ... (a + i)): for x < a + 1, where terms fall.
 */
static double
gamma_series(double a, double x)
{
	double		term = 1;
	double		sum = 1;

	for (int i = 1; i < MOST_TERMS && term > sum * DBL_EPSILON / 4; i++)
	{
		term *= x / (a + i);
		sum += term;
	}
	return ml_poisson_density(a, x) * sum;
}

/*
 * Upper tail by its continued fraction, evaluated by Lentz's method as modified by
 * Thompson and Barnett: for x >= a + 1, where it converges fast.
 */
static double
gamma_fraction(double a, double x)
{
	double		b = x + 1 - a;
	double		c = 1 / DBL_MIN;
	double		d = 1 / b;
	double		fraction = d;

	for (int i = 1; i < MOST_TERMS; i++)
	{
		double		numerator = -i * (i - a);
		double		factor;

		b += 2;
		d = numerator * d + b;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = b + numerator / c;
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		factor = d * c;
		fraction *= factor;
		if (fabs(factor - 1) < DBL_EPSILON)
			break;
	}
	return ml_poisson_density(a, x) * a * fraction;
}

/* A chi-square variable is twice a Gamma variable of half its degrees. */
double
ml_chi_square_p(double statistic, double degrees)
{
	double		a = degrees / 2;
	double		x = statistic / 2;

	if (isnan(statistic) || !(degrees > 0))
		return NAN;
	if (x <= 0)
		return 1;
	if (isinf(x))
		return 0;
	return x < a + 1 ? fmax(0, 1 - gamma_series(a, x)) : fmin(1, gamma_fraction(a, x));
}

double
ml_normal_p(double z)
{
	return erfc(fabs(z) / sqrt(2.0));
}
