/*-------------------------------------------------------------------------
 * counts.c
 *	  Tests of small counts, for which the usual approximations do not hold.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/drift.h"

#define LEAST_TERM 1e-12		/* of a sum, that is worth adding */

static double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/*
 * Terms from `current` up, each from the one before: O(rows) at worst, and it ends
 * where terms no longer count.
 */
double
ml_chance_of_more(double both, double current, double q)
{
	double		term;
	double		sum;

	if (!(current > both * q))
		return 1;
	if (current > both)			/* of counts that stand for others, see ml_unseen_p() */
		return pow(q, current);
	term = exp(log_choose(both, current) + current * log(q) + (both - current) * log1p(-q));
	sum = term;
	for (double x = current; x < both && term > sum * LEAST_TERM; x++)
	{
		term *= (both - x) / (x + 1) * q / (1 - q);
		sum += term;
	}
	return fmin(sum, 1);
}

/* Of the hits among `drawn` of `all` rows, `both` of which are hits. */
typedef struct Draw
{
	double		all;
	double		both;
	double		drawn;
} Draw;

/* Hypergeometric: chance of so many hits among those drawn. */
static double
chance_of_hits(Draw d, double hits)
{
	return exp(log_choose(d.both, hits) + log_choose(d.all - d.both, d.drawn - hits) - log_choose(d.all, d.drawn));
}

/* Chance of x + 1 hits by that of x. */
static double
next_by_this(Draw d, double x)
{
	return (d.both - x) * (d.drawn - x) / ((x + 1) * (d.all - d.both - d.drawn + x + 1));
}

/* Of two chances that are the same but for rounding, neither is the larger: R's bound. */
#define SAME_CHANCE (1 + 1e-7)

/*
 * All hits from the end of the range up to the first one more likely than `found`.
 * `to` is the mode.  Bisection, and then a sum outwards that ends where terms no
 * longer count: O(log rows) and some terms.
 */
static double
unlikely_from(Draw d, double from, double to, double found)
{
	double		step = from < to ? 1 : -1;
	double		low = from;
	double		high = to;
	double		term;
	double		sum = 0;

	if (!(chance_of_hits(d, from) <= found * SAME_CHANCE))
		return 0;
	/* chances rise from `from` to `to`: the last one that is no more likely */
	while (fabs(high - low) > 1)
	{
		double		middle = floor((low + high) / 2);

		if (chance_of_hits(d, middle) <= found * SAME_CHANCE)
			low = middle;
		else
			high = middle;
	}
	term = chance_of_hits(d, low);
	for (double x = low;; x -= step)
	{
		sum += term;
		if (x == from || term <= sum * LEAST_TERM)
			return sum;
		term = step > 0 ? term / next_by_this(d, x - 1) : term * next_by_this(d, x);
	}
}

/* Both tails, each found from its own end. */
double
ml_shares_p(uint64_t reference_rows, uint64_t reference, uint64_t current_rows, uint64_t current)
{
	Draw		d = {(double) reference_rows + (double) current_rows, (double) reference + (double) current,
	(double) current_rows};
	double		found;
	double		least = fmax(0, d.both + d.drawn - d.all);
	double		greatest = fmin(d.both, d.drawn);
	double		mode = floor((d.both + 1) * (d.drawn + 1) / (d.all + 2));

	if (reference_rows == 0 || current_rows == 0)
		return NAN;
	found = chance_of_hits(d, (double) current);
	mode = fmin(fmax(mode, least), greatest);
	if (found * SAME_CHANCE >= chance_of_hits(d, mode))
		return 1;
	return fmin(1, unlikely_from(d, least, mode, found) + unlikely_from(d, greatest, mode, found));
}

/* ---------------------------------------------------------------- what is new */

#define CHANCES 1024			/* of levels of so many rows, worked out once */

/*
 * A level of m rows is lacking on the reference's side with probability
 * C(current, m) / C(all, m).  Rows come by levels, so their sum varies as that
 * of fewer, larger pieces does: a binomial count of such pieces that has its mean
 * and its variance; where each level has one row, their exact number.
 */
double
ml_unseen_p(const MlHistograms *levels, uint64_t uncounted)
{
	double		lacking[CHANCES];
	double		rows_current = (double) uncounted;
	double		rows = (double) uncounted;
	double		q;
	double		unseen = 0;
	double		n_new = 0;
	double		mean = 0;		/* sum of m p over levels */
	double		within = 0;		/* of m p (1 - p) */
	double		squares = 0;	/* of m p p */
	double		variance = 0;	/* of m m p (1 - p) */

	for (size_t i = 0; i < levels->n; i++)
	{
		rows += (double) levels->reference[i] + (double) levels->current[i];
		rows_current += (double) levels->current[i];
		unseen += levels->reference[i] == 0 ? (double) levels->current[i] : 0;
		n_new += levels->reference[i] == 0 && levels->current[i] > 0;
	}
	if (unseen + (double) uncounted == 0)
		return 1;
	q = rows_current / rows;
	lacking[0] = 1;
	for (int m = 1; m < CHANCES; m++)
		lacking[m] = m <= rows_current ? lacking[m - 1] * (rows_current - m + 1) / (rows - m + 1) : 0;
	for (size_t i = 0; i <= levels->n; i++)
	{
		/* after all others those that were not told apart, as if of as many rows as these */
		double		m = i < levels->n ? (double) (levels->reference[i] + levels->current[i]) : n_new > 0 ? unseen / n_new : 1;
		double		times = i < levels->n ? 1 : (double) uncounted / m;
		double		p = m == floor(m) && m < CHANCES ? lacking[(int) m] : pow(q, m);

		mean += times * m * p;
		within += times * m * p * (1 - p);
		squares += times * m * p * p;
		variance += times * m * m * p * (1 - p);
	}
	if (mean >= unseen + (double) uncounted)
		return 1;
	if (!(squares > 0))
		return 0;				/* less than any number */
	/* within > 0: a level with p = 1 is new with all its rows, so the mean would have these */
	return ml_chance_of_more(mean * within / variance * mean / squares, (unseen + (double) uncounted) * within / variance, squares / mean);
}
