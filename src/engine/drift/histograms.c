/*-------------------------------------------------------------------------
 * histograms.c
 *	  Statistics of two histograms over the same bins; see
 *	  include/mlops/engine/drift.h.
 *
 * Each is one or two passes over the bins, O(n).  Shares are formed anew from
 * counts, so that merged histograms give what their rows would.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/drift.h"

typedef struct Totals
{
	double		reference;
	double		current;
} Totals;

static Totals
totals(const MlHistograms *h)
{
	Totals		t = {0, 0};

	for (size_t i = 0; i < h->n; i++)
	{
		t.reference += (double) h->reference[i];
		t.current += (double) h->current[i];
	}
	return t;
}

static bool
is_empty(Totals t)
{
	return !(t.reference > 0 && t.current > 0);
}

static bool
has_rows(const MlHistograms *h, size_t bin)
{
	return h->reference[bin] > 0 || h->current[bin] > 0;
}

/* What stands for a share of 0 on one side. */
static double
share_of_nothing(const uint64_t *counts, size_t n, double total, MlZeroFill fill)
{
	double		least = 1;

	if (fill == ML_FILL_HALF_ROW)
		return 0.5 / total;
	for (size_t i = 0; i < n; i++)
	{
		if (counts[i] > 0)
			least = fmin(least, (double) counts[i] / total);
	}
	return least <= 0.0001 ? least / 1e6 : 0.0001;
}

/* Symmetric: which side is the reference makes no difference. */
double
ml_psi(const MlHistograms *h, MlZeroFill fill)
{
	Totals		t = totals(h);
	double		no_reference;
	double		no_current;
	double		sum = 0;

	if (is_empty(t))
		return NAN;
	no_reference = share_of_nothing(h->reference, h->n, t.reference, fill);
	no_current = share_of_nothing(h->current, h->n, t.current, fill);
	for (size_t i = 0; i < h->n; i++)
	{
		double		r = h->reference[i] > 0 ? (double) h->reference[i] / t.reference : no_reference;
		double		c = h->current[i] > 0 ? (double) h->current[i] / t.current : no_current;

		if (has_rows(h, i))
			sum += (r - c) * log(r / c);
	}
	return sum;
}

/* sum r ln(r / c) of shares that are brought back to a sum of 1. */
double
ml_kullback_leibler(const MlHistograms *h, MlZeroFill fill)
{
	Totals		t = totals(h);
	double		no_reference;
	double		no_current;
	double		sum = 0;
	double		all_reference = 0;
	double		all_current = 0;

	if (is_empty(t))
		return NAN;
	no_reference = share_of_nothing(h->reference, h->n, t.reference, fill);
	no_current = share_of_nothing(h->current, h->n, t.current, fill);
	for (size_t i = 0; i < h->n; i++)
	{
		double		r = h->reference[i] > 0 ? (double) h->reference[i] / t.reference : no_reference;
		double		c = h->current[i] > 0 ? (double) h->current[i] / t.current : no_current;

		if (!has_rows(h, i))
			continue;
		all_reference += r;
		all_current += c;
		sum += r * log(r / c);
	}
	/* what was filled in makes the shares more than 1 */
	return sum / all_reference + log(all_current / all_reference);
}

/* Against the mean of both shares, so that no share of 0 needs to be filled in. */
double
ml_jensen_shannon(const MlHistograms *h, double base)
{
	Totals		t = totals(h);
	double		sum = 0;

	if (is_empty(t))
		return NAN;
	for (size_t i = 0; i < h->n; i++)
	{
		double		r = (double) h->reference[i] / t.reference;
		double		c = (double) h->current[i] / t.current;
		double		middle = (r + c) / 2;

		sum += r > 0 ? r * log(r / middle) : 0;
		sum += c > 0 ? c * log(c / middle) : 0;
	}
	return sqrt(fmax(0, sum / 2 / log(base)));
}

/* In [0, 1]: 0 for equal shares, 1 for sides that have no bin in common. */
double
ml_hellinger(const MlHistograms *h)
{
	Totals		t = totals(h);
	double		sum = 0;

	if (is_empty(t))
		return NAN;
	for (size_t i = 0; i < h->n; i++)
	{
		double		difference = sqrt((double) h->reference[i] / t.reference) -
			sqrt((double) h->current[i] / t.current);

		sum += difference * difference;
	}
	return sqrt(sum / 2);
}

/*
 * Half the sum of differences of shares: the share of rows that would have to
 * change bins.
 */
double
ml_total_variation(const MlHistograms *h)
{
	Totals		t = totals(h);
	double		sum = 0;

	if (is_empty(t))
		return NAN;
	/* divided once: a tenth of the rows that is new is 0.1, and reaches a threshold of that */
	for (size_t i = 0; i < h->n; i++)
		sum += fabs((double) h->reference[i] * t.current - (double) h->current[i] * t.reference);
	return sum / (2 * t.reference * t.current);
}

double
ml_l_infinity(const MlHistograms *h)
{
	Totals		t = totals(h);
	double		greatest = 0;

	if (is_empty(t))
		return NAN;
	for (size_t i = 0; i < h->n; i++)
		greatest = fmax(greatest, fabs((double) h->reference[i] / t.reference -
									   (double) h->current[i] / t.current));
	return greatest;
}

/* The reference counts as if it were known exactly; degrees of freedom are bins - 1. */
MlDriftTest
ml_chi_square_goodness(const MlHistograms *h)
{
	Totals		t = totals(h);
	MlDriftTest test = {NAN, NAN};
	double		bins = 0;
	double		sum = 0;

	if (is_empty(t))
		return test;
	for (size_t i = 0; i < h->n; i++)
	{
		double		expected = (double) h->reference[i] * t.current / t.reference;
		double		difference = (double) h->current[i] - expected;

		if (!has_rows(h, i))
			continue;
		bins++;
		sum += difference * difference / expected;	/* infinite for a new bin */
	}
	if (bins < 2)
		return test;
	test.statistic = sum;
	test.p_value = ml_chi_square_p(sum, bins - 1);
	return test;
}

/* Both sides are samples: degrees of freedom are bins - 1.  Bins are those with rows. */
MlDriftTest
ml_chi_square_contingency(const MlHistograms *h, bool yates)
{
	Totals		t = totals(h);
	double		all = t.reference + t.current;
	MlDriftTest test = {NAN, NAN};
	double		bins = 0;
	double		sum = 0;

	if (is_empty(t))
		return test;
	for (size_t i = 0; i < h->n; i++)
		bins += has_rows(h, i);
	if (bins < 2)
		return test;
	yates = yates && bins == 2;
	for (size_t i = 0; i < h->n; i++)
	{
		double		both = (double) h->reference[i] + (double) h->current[i];
		double		expected = both * t.reference / all;
		double		difference = fabs((double) h->reference[i] - expected);

		if (both == 0)
			continue;
		if (yates)
			difference -= fmin(0.5, difference);
		/* the difference of the other side is the same with the other sign */
		sum += difference * difference * (1 / expected + all / (both * t.current));
	}
	test.statistic = sum;
	test.p_value = ml_chi_square_p(sum, bins - 1);
	return test;
}

/*
 * With 2 rows and k bins of all rows: phi^2 less (k - 1) / (all - 1), over the
 * smaller of both corrected sizes less 1.
 */
double
ml_cramers_v(const MlHistograms *h)
{
	Totals		t = totals(h);
	double		smaller = fmin(t.reference, t.current);
	Totals		scaled = {0, 0};
	double		bins = 0;
	double		sum = 0;
	double		all;
	double		phi2;

	if (is_empty(t))
		return NAN;
	for (size_t i = 0; i < h->n; i++)
	{
		scaled.reference += rint((double) h->reference[i] * smaller / t.reference);
		scaled.current += rint((double) h->current[i] * smaller / t.current);
	}
	all = scaled.reference + scaled.current;
	for (size_t i = 0; i < h->n; i++)
	{
		double		r = rint((double) h->reference[i] * smaller / t.reference);
		double		c = rint((double) h->current[i] * smaller / t.current);
		double		expected = (r + c) * scaled.reference / all;

		if (r + c == 0)
			continue;
		bins++;
		sum += (r - expected) * (r - expected) * (1 / expected + all / ((r + c) * scaled.current));
	}
	if (bins < 2 || is_empty(scaled) || all < 3)
		return bins == 1 ? 0 : NAN;
	phi2 = fmax(0, sum / all - (bins - 1) / (all - 1));
	return sqrt(phi2 / fmin(bins - (bins - 1) * (bins - 1) / (all - 1) - 1, 1 - 1 / (all - 1)));
}

/* At most the statistic of the values themselves. */
double
ml_binned_ks(const MlHistograms *h)
{
	Totals		t = totals(h);
	double		r = 0;
	double		c = 0;
	double		greatest = 0;

	if (is_empty(t))
		return NAN;
	for (size_t i = 0; i < h->n; i++)
	{
		r += (double) h->reference[i];
		c += (double) h->current[i];
		greatest = fmax(greatest, fabs(r / t.reference - c / t.current));
	}
	return greatest;
}

/*
 * A bin belongs to the group that its middle row is in; a group that is too small
 * joins the one before it (the first ones join the next).  Empty histograms make
 * one group.
 */
size_t
ml_merge_bins(const MlHistograms *h, size_t n_groups, double least_share, uint32_t *group)
{
	double		total = totals(h).reference;
	double		before = 0;
	double		open = 0;		/* rows in the group that is being filled */
	size_t		last = 0;
	size_t		n = 0;
	size_t		opened = 0;		/* its first bin */

	for (size_t i = 0; i < h->n; i++)
	{
		double		rows = (double) h->reference[i];
		size_t		wanted = total > 0 ? (size_t) ((before + rows / 2) / total * (double) n_groups) : 0;

		if (n == 0 || (wanted != last && open >= least_share * total))
		{
			n++;
			opened = i;
			open = 0;
		}
		last = wanted;
		group[i] = (uint32_t) (n - 1);
		open += rows;
		before += rows;
	}
	if (n > 1 && open < least_share * total)
	{
		n--;
		for (size_t i = opened; i < h->n; i++)
			group[i] = (uint32_t) (n - 1);
	}
	return n;
}

void
ml_add_groups(const MlHistograms *h, const uint32_t *group, size_t n_groups,
			  uint64_t *reference, uint64_t *current)
{
	for (size_t g = 0; g < n_groups; g++)
		reference[g] = current[g] = 0;
	for (size_t i = 0; i < h->n; i++)
	{
		reference[group[i]] += h->reference[i];
		current[group[i]] += h->current[i];
	}
}
