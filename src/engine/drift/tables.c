/*-------------------------------------------------------------------------
 * tables.c
 *	  The chi-square statistic of a table of few rows, by random tables with
 *	  its margins.
 *
 * A table is drawn bin by bin, each from the hypergeometric distribution that
 * the bins before it leave (Patefield, "Algorithm AS 159", Applied Statistics
 * 30, 1981), until enough of them are as far from even as the one found
 * (Besag and Clifford, "Sequential Monte Carlo p-values", Biometrika 78, 1991).
 * A table costs a draw a bin; MOST_TABLES are drawn at the most, and fewer where
 * they soon tell.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/drift.h"

#define LEAST_EXPECTED 5		/* rows a bin on the smaller side, for the chi-square distribution */
#define MOST_TABLES 1999
#define ENOUGH_TABLES 40		/* as far from even: their number does not move by much any more */
#define BEYOND_DRAWING 1e-8		/* by the gamma distribution, which is that rough */
#define ROUNDING 1e-9			/* a table as far from even as the one found may differ by this */
#define TABLE_SEED 1

#define FEW_ROWS 8				/* drawn one by one */
#define LARGE_VARIANCE 50		/* drawn from the normal distribution */

/*
 * Dawson's formulas for a table of two rows: sigma and tau say how uneven the
 * margins are.
 */
MlChiSquare
ml_chi_square_given_margins(double reference, double current, double bins, double reciprocals)
{
	double		n = reference + current;
	double		a = (n - 2) / (n - 1);
	double		b = (bins - 1) * (n - bins) / (n - 1);
	double		sigma = (n * (1 / reference + 1 / current) - 4) / (n - 2);
	double		tau = (n * reciprocals - bins * bins) / (n - 2);

	if (!(n > 3 && bins >= 2))
		return (MlChiSquare) {NAN, NAN};
	return (MlChiSquare) {n * (bins - 1) / (n - 1),
		2 * n / (n - 3) * (a - sigma) * (b - tau) + n * n / (n - 1) * sigma * tau};
}

/*
 * A Gamma variable of this mean and variance is a scaled chi-square variable: its
 * degrees need not be whole.
 */
double
ml_gamma_p(double statistic, MlChiSquare law)
{
	return ml_chi_square_p(statistic * 2 * law.mean / law.variance, 2 * law.mean * law.mean / law.variance);
}

/* Uniform numbers of one table, one after the other. */
typedef struct Draws
{
	uint64_t	table;
	uint64_t	taken;
} Draws;

static double
uniform(Draws *draws)
{
	return ml_random_uniform(TABLE_SEED, draws->table, draws->taken++);
}

/*
 * Hypergeometric: of `all` rows `taken` are taken by chance, how many of the `both`
 * of a bin?  The larger half of either is drawn by its complement.  Few rows one by
 * one, many by the normal distribution, the others by inversion from 0 on.
 */
static double
draw_rows(Draws *draws, double all, double both, double taken)
{
	double		x = fmax(0, both + taken - all);
	double		most = fmin(both, taken);
	double		variance;
	double		term;
	double		u;

	if (2 * both > all)
		return taken - draw_rows(draws, all, all - both, taken);
	if (2 * taken > all)
		return both - draw_rows(draws, all, both, all - taken);
	if (x >= most)
		return most;
	if (both <= FEW_ROWS)
	{
		for (double i = 0; i < both; i++)
			x += uniform(draws) * (all - i) < taken - x;
		return x;
	}
	variance = both * taken / all * (1 - taken / all) * (all - both) / (all - 1);
	if (variance > LARGE_VARIANCE)
	{
		x = both * taken / all + sqrt(variance) * ml_random_normal(TABLE_SEED, draws->table, draws->taken++);
		return fmin(fmax(rint(x), 0), most);
	}
	/* the smaller half of both: from 0 on */
	term = exp(lgamma(all - taken + 1) - lgamma(all - taken - both + 1) - lgamma(all + 1) + lgamma(all - both + 1));
	for (u = uniform(draws) - term; u >= 0 && x < most; u -= term)
	{
		term *= (both - x) * (taken - x) / ((x + 1) * (all - both - taken + x + 1));
		x++;
	}
	return x;
}

/*
 * The chi-square statistic of a random table, of which the smaller side has
 * `smaller` rows; `table` is the number that its draws depend on.
 */
static double
statistic_of_random(const MlHistograms *h, double all, double smaller, uint64_t table)
{
	Draws		draws = {table, 0};
	double		rows = all;
	double		left = smaller;
	double		q = smaller / all;
	double		sum = 0;

	for (size_t i = 0; i < h->n; i++)
	{
		double		both = (double) h->reference[i] + (double) h->current[i];
		double		drawn;

		if (both == 0)
			continue;
		drawn = draw_rows(&draws, rows, both, left);
		sum += (drawn - both * q) * (drawn - both * q) / both;
		rows -= both;
		left -= drawn;
	}
	return sum / (q * (1 - q));
}

/*
 * The p-value by tables: a share of those drawn, where ENOUGH_TABLES were as far
 * from even, else with the table itself counted, so that it is never 0.
 */
static double
share_of_random(const MlHistograms *h, double all, double smaller, double statistic)
{
	int			tables = 0;
	int			found = 0;

	while (tables < MOST_TABLES && found < ENOUGH_TABLES)
		found += statistic_of_random(h, all, smaller, (uint64_t) tables++) >= statistic * (1 - ROUNDING);
	return found == ENOUGH_TABLES ? (double) found / tables : (double) (found + 1) / (MOST_TABLES + 1);
}

/*
 * Three regions: the chi-square distribution, the gamma distribution where p is too
 * small to be drawn, random tables.  Where no table was as far, the gamma
 * distribution may say less than 1 / (MOST_TABLES + 1).
 */
double
ml_chi_square_table_p(const MlHistograms *h)
{
	MlDriftTest test = ml_chi_square_contingency(h, false);
	MlChiSquare law;
	double		reference = 0;
	double		current = 0;
	double		bins = 0;
	double		reciprocals = 0;
	double		least = INFINITY;
	double		smaller;
	double		by_gamma;
	double		drawn;

	for (size_t i = 0; i < h->n; i++)
	{
		double		both = (double) h->reference[i] + (double) h->current[i];

		reference += (double) h->reference[i];
		current += (double) h->current[i];
		if (both == 0)
			continue;
		bins++;
		reciprocals += 1 / both;
		least = fmin(least, both);
	}
	if (reference == 0 || current == 0)
		return NAN;
	if (bins < 2)
		return 1;
	smaller = fmin(reference, current);
	if (least * smaller >= LEAST_EXPECTED * (reference + current))
		return test.p_value;
	law = ml_chi_square_given_margins(reference, current, bins, reciprocals);
	by_gamma = law.variance > 0 ? ml_gamma_p(test.statistic, law) : 1;
	if (by_gamma < BEYOND_DRAWING)
		return by_gamma;
	drawn = share_of_random(h, reference + current, smaller, test.statistic);
	return drawn * (MOST_TABLES + 1) > 1.5 ? drawn : fmin(drawn, by_gamma);
}
