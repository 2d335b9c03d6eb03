/*-------------------------------------------------------------------------
 * counts.c
 *	  Tests of small counts, for which the usual approximations do not hold.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/drift.h"

#define LEAST_TERM 1e-12		/* of a sum, that is worth adding */

double
ml_chance_of_more(double both, double current, double q)
{
	double		term;
	double		sum;

	if (!(current > both * q))
		return 1;
	term = exp(lgamma(both + 1) - lgamma(current + 1) - lgamma(both - current + 1) +
			   current * log(q) + (both - current) * log1p(-q));
	sum = term;
	for (double x = current; x < both && term > sum * LEAST_TERM; x++)
	{
		term *= (both - x) / (x + 1) * q / (1 - q);
		sum += term;
	}
	return fmin(sum, 1);
}

static double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/* P(X >= hits) of the hits among `drawn` of `all` rows, `both` of which are hits. */
static double
chance_of_hits(double all, double both, double drawn, double hits)
{
	double		term = exp(log_choose(both, hits) + log_choose(all - both, drawn - hits) - log_choose(all, drawn));
	double		sum = term;

	for (double x = hits; x < fmin(both, drawn) && term > sum * LEAST_TERM; x++)
	{
		term *= (both - x) * (drawn - x) / ((x + 1) * (all - both - drawn + x + 1));
		sum += term;
	}
	return fmin(sum, 1);
}

double
ml_shares_p(uint64_t reference_rows, uint64_t reference, uint64_t current_rows, uint64_t current)
{
	double		all = (double) reference_rows + (double) current_rows;
	double		both = (double) reference + (double) current;
	double		difference = (double) current * (double) reference_rows - (double) reference * (double) current_rows;

	if (reference_rows == 0 || current_rows == 0)
		return NAN;
	if (difference == 0)
		return 1;
	return fmin(1, 2 * (difference > 0 ? chance_of_hits(all, both, (double) current_rows, (double) current)
						: chance_of_hits(all, both, (double) reference_rows, (double) reference)));
}

/* The chi-square distribution is taken to hold from so many expected rows a bin. */
#define LEAST_EXPECTED 2

double
ml_chi_square_pooled_p(const MlHistograms *h)
{
	uint64_t	rows_reference = 0;
	uint64_t	rows_current = 0;
	uint64_t	few_reference = 0;
	uint64_t	few_current = 0;
	double		fewer;
	double		sum = 0;
	double		bins = 0;
	double		p;

	for (size_t i = 0; i < h->n; i++)
	{
		rows_reference += h->reference[i];
		rows_current += h->current[i];
	}
	if (rows_reference == 0 || rows_current == 0)
		return NAN;
	fewer = fmin((double) rows_reference, (double) rows_current) / ((double) rows_reference + (double) rows_current);
	for (size_t i = 0; i <= h->n; i++)
	{
		/* after all others, those of few rows together */
		double		reference = (double) (i < h->n ? h->reference[i] : few_reference);
		double		current = (double) (i < h->n ? h->current[i] : few_current);
		double		both = reference + current;
		double		difference = reference * (double) rows_current - current * (double) rows_reference;

		if (both * fewer >= LEAST_EXPECTED)
		{
			bins++;
			sum += difference * difference / (both * (double) rows_reference * (double) rows_current);
		}
		else if (i < h->n)
		{
			few_reference += h->reference[i];
			few_current += h->current[i];
		}
	}
	p = bins >= 2 ? ml_chi_square_p(sum, bins - 1) : 1;
	if (few_reference + few_current == 0 || ((double) few_reference + (double) few_current) * fewer >= LEAST_EXPECTED)
		return p;
	return fmin(1, (bins >= 2 ? 2 : 1) * fmin(p, ml_shares_p(rows_reference, few_reference, rows_current, few_current)));
}
