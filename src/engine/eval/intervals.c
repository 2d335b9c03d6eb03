/*-------------------------------------------------------------------------
 * intervals.c
 *	  95 % intervals of metrics: how far off they may be by the chance of which
 *	  rows were judged.
 *
 * Shares: Wilson, "Probable inference, the law of succession, and statistical
 * inference", JASA 22 (1927).  Area under the ROC curve: E. DeLong, D. DeLong,
 * Clarke-Pearson, "Comparing the areas under two or more correlated receiver
 * operating characteristic curves", Biometrics 44 (1988); their placements are
 * read off the sorted scores as in Sun, Xu, "Fast implementation of DeLong's
 * algorithm", IEEE Signal Processing Letters 21 (2014).  Average precision: a
 * bootstrap over rows, in which each row counts as often as a Poisson number of
 * mean 1 says: a group of n rows then counts Poisson(n) times, and nothing is
 * drawn for each row.
 * Wilson costs nothing, DeLong a pass over the ranking, the bootstrap REPLICATES
 * passes over at most MOST_STEPS steps.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>

#include "mlops/engine/eval.h"

#define Z_95 1.959963984540054

#define REPLICATES 200
#define SEED UINT64_C(20140901)

/* Groups with positives beyond these are merged: the work of a bootstrap has a bound. */
#define MOST_STEPS 1024

/* From this mean on a Poisson number is drawn from the normal distribution. */
#define MANY 32

/* ---------------------------------------------------------------- shares */

/*
 * The shares that a score test at 5 % does not reject; holds for 0 and 1, and for
 * few rows, where Wald's does not.
 */
MlInterval
ml_share_interval(double part, double whole)
{
	double		share = part / whole;
	double		spread = Z_95 * Z_95 / whole;
	double		middle = (share + spread / 2) / (1 + spread);
	double		half = sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread);

	if (!(whole > 0))
		return (MlInterval) {NAN, NAN};
	/* at both ends rounding would leave a trace of what is 0, or 1 */
	return (MlInterval) {part > 0 ? fmax(middle - half, 0) : 0, part < whole ? fmin(middle + half, 1) : 1};
}

/* ---------------------------------------------------------------- area under the ROC curve */

/*
 * A positive's placement is the share of negatives below it, a negative's that of
 * positives above it, ties counting half.  The area is the mean of either, and its
 * variance the sum of theirs.  The interval is cut to [0, 1].
 */
MlInterval
ml_roc_auc_interval(const MlRanking *r)
{
	double		area = ml_roc_auc(r);
	double		above = 0;		/* positives */
	double		below = r->total_negatives;
	MlSum		of_positives = {0}; /* squares */
	MlSum		of_negatives = {0};
	double		half;

	if (!(r->total_positives > 1 && r->total_negatives > 1))
		return (MlInterval) {NAN, NAN};
	for (size_t i = 0; i < r->n; i++)
	{
		double		positive;
		double		negative;

		below -= r->negatives[i];
		positive = (below + r->negatives[i] / 2) / r->total_negatives - area;
		negative = (above + r->positives[i] / 2) / r->total_positives - area;
		above += r->positives[i];
		ml_sum_add(&of_positives, r->positives[i] * positive * positive);
		ml_sum_add(&of_negatives, r->negatives[i] * negative * negative);
	}
	half = Z_95 * sqrt(ml_sum_value(of_positives) / (r->total_positives - 1) / r->total_positives +
					   ml_sum_value(of_negatives) / (r->total_negatives - 1) / r->total_negatives);
	return (MlInterval) {fmax(area - half, 0), fmin(area + half, 1)};
}

/* ---------------------------------------------------------------- average precision */

/* A number of rows that a replicate draws. */
typedef struct Count
{
	double		n;
	double		none;			/* exp(-n): the chance of drawing none */
} Count;

/* Where recall rises: a group with positives, or several that were merged. */
typedef struct Step
{
	Count		before;			/* negatives since the last step */
	Count		negatives;
	Count		positives;
	bool		merged;
} Step;

/* The exponential once for all replicates. */
static Count
count_of(double n)
{
	return (Count) {n, exp(-n)};
}

/*
 * Fills steps [most + 1] and returns how many there are.  Of a ranking of more than
 * `most` groups, groups with positives are merged until a step has its share of all
 * positives.
 */
static size_t
make_steps(const MlRanking *r, size_t most, Step *steps)
{
	double		least = most * 1.0 < r->n ? r->total_positives / (double) most : 0; /* positives of a step */
	double		before = 0;
	double		between = 0;	/* negatives since the last group with positives */
	double		positives = 0;
	double		negatives = 0;
	size_t		groups = 0;
	size_t		n = 0;

	for (size_t i = 0; i < r->n; i++)
	{
		between += r->negatives[i];
		if (!(r->positives[i] > 0))
			continue;
		if (groups == 0)
		{
			before = between - r->negatives[i];
			between = r->negatives[i];
		}
		negatives += between;
		positives += r->positives[i];
		between = 0;
		groups++;
		if (positives < least)
			continue;
		steps[n++] = (Step) {count_of(before), count_of(negatives), count_of(positives), groups > 1};
		positives = negatives = 0;
		groups = 0;
	}
	if (groups > 0)
		steps[n++] = (Step) {count_of(before), count_of(negatives), count_of(positives), groups > 1};
	return n;
}

/* A sequence of random numbers; which one is next is all its state. */
typedef struct Draws
{
	uint64_t	next;
} Draws;

/* In [0, 1), by SplitMix64: the sequence is the same each time. */
static double
draw_uniform(Draws *draws)
{
	return (double) (ml_mix64(SEED + draws->next++ * UINT64_C(0x9E3779B97F4A7C15)) >> 11) * 0x1p-53;
}

/*
 * A Poisson number of mean count->n: by inversion, or for MANY and more rounded
 * from the normal distribution.
 */
static double
draw(Draws *draws, const Count *count)
{
	double		chance = count->none;
	double		left;
	int			k = 0;

	if (count->n == 0)
		return 0;
	if (count->n >= MANY)
	{
		double		radius = sqrt(-2 * log(1 - draw_uniform(draws)));

		return fmax(floor(count->n + sqrt(count->n) * radius * cos(2 * M_PI * draw_uniform(draws)) + 0.5), 0);
	}
	for (left = draw_uniform(draws); left >= chance && k < 8 * MANY; k++)
	{
		left -= chance;
		chance *= count->n / (k + 1);
	}
	return k;
}

/* Average precision of the steps as they are (draws NULL) or as drawn; NaN without positives. */
static double
precision_of_steps(const Step *steps, size_t n, Draws *draws)
{
	double		sum = 0;
	double		total = 0;
	double		flagged = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		before = draws ? draw(draws, &steps[i].before) : steps[i].before.n;
		double		negatives = draws ? draw(draws, &steps[i].negatives) : steps[i].negatives.n;
		double		positives = draws ? draw(draws, &steps[i].positives) : steps[i].positives.n;

		flagged += before;
		if (positives > 0 && steps[i].merged)	/* evenly mixed: the precision half way through */
			sum += positives * (total + positives / 2) / (flagged + (positives + negatives) / 2);
		else if (positives > 0)
			sum += positives * (total + positives) / (flagged + positives + negatives);
		total += positives;
		flagged += positives + negatives;
	}
	return total > 0 ? sum / total : NAN;
}

static int
compare_numbers(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* Between neighbours by their distance, as numpy.quantile does. */
static double
quantile(const double *sorted, int n, double q)
{
	double		place = q * (n - 1);
	int			low = (int) place;

	return low + 1 < n ? sorted[low] + (place - low) * (sorted[low + 1] - sorted[low]) : sorted[n - 1];
}

/*
 * Percentiles are moved by what merging has changed, so that the interval is about
 * the exact value.
 */
MlStatus
ml_average_precision_interval(MlContext *ctx, const MlRanking *r, MlInterval *interval)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	size_t		room = (r->n < MOST_STEPS ? r->n : MOST_STEPS) + 1;
	Step	   *steps = ml_arena_alloc_array(ctx->arena, room, sizeof(Step));
	Draws		draws = {0};
	double		found[REPLICATES];
	double		shift;			/* of what merging has moved */
	size_t		n_steps;
	int			n = 0;

	*interval = (MlInterval) {NAN, NAN};
	if (steps == NULL)
		return ml_fail_memory(ctx);
	n_steps = make_steps(r, MOST_STEPS, steps);
	shift = ml_average_precision(r) - precision_of_steps(steps, n_steps, NULL);
	for (int i = 0; i < REPLICATES && n_steps > 0; i++)
	{
		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		found[n] = precision_of_steps(steps, n_steps, &draws);
		n += !isnan(found[n]);	/* one that has drawn no positive tells nothing */
	}
	ml_arena_release(ctx->arena, mark);
	if (n == 0)
		return ML_OK;
	qsort(found, (size_t) n, sizeof(double), compare_numbers);
	interval->lower = fmin(fmax(quantile(found, n, 0.025) + shift, 0), 1);
	interval->upper = fmin(fmax(quantile(found, n, 0.975) + shift, 0), 1);
	return ML_OK;
}
