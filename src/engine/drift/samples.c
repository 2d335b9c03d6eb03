/*-------------------------------------------------------------------------
 * samples.c
 *	  Statistics of two sorted samples, and their bins; see
 *	  include/mlops/engine/drift.h.
 *
 * But for sorting, everything is one walk over both samples, O(n + m), or a
 * bisection an edge.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/drift.h"

#define EXACT_N 10000			/* p-values are exact up to so many values a side */

/* Bits whose unsigned order is the numbers' order. */
static uint64_t
key_of(double value)
{
	uint64_t	bits;

	value = value == 0 ? 0 : value;
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}

/* The inverse of key_of. */
static double
value_of(uint64_t key)
{
	uint64_t	bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline double
lesser(double a, double b)
{
	return a < b ? a : b;
}

/* Radix sort, eleven bits at a time; digits that all values share cost nothing. */
#define DIGIT_BITS 11
#define DIGITS 6
#define DIGIT(key, d) ((key) >> (d) * DIGIT_BITS & ((1 << DIGIT_BITS) - 1))

/* O(n), and nothing where a digit is the same everywhere; stable. */
void
ml_sort_numbers(double *value, double *spare, size_t n)
{
	size_t		start[DIGITS][1 << DIGIT_BITS] = {{0}};
	double	   *from = value;
	double	   *to = spare;

	for (size_t i = 0; i < n; i++)
	{
		uint64_t	key = key_of(value[i]);

		for (int d = 0; d < DIGITS; d++)
			start[d][DIGIT(key, d)]++;
	}
	for (int d = 0; d < DIGITS && n > 0; d++)
	{
		size_t		sum = 0;
		double	   *swap = from;

		if (start[d][DIGIT(key_of(from[0]), d)] == n)
			continue;
		for (int i = 0; i < 1 << DIGIT_BITS; i++)
		{
			size_t		count = start[d][i];

			start[d][i] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[d][DIGIT(key_of(from[i]), d)]++] = from[i];
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n; i++)
		value[i] = value_of(key_of(from[i]));
}

size_t
ml_distinct(MlSample sample, size_t limit)
{
	size_t		n = 0;

	for (size_t i = 0; i < sample.n && n < limit; i++)
		n += i == 0 || sample.value[i] != sample.value[i - 1];
	return n;
}

/* Values below 2^LARGE_EXPONENT can be squared and added up, and those that are not
 * all below its inverse be multiplied with shares; others are multiplied by a power
 * of two before, the unit, which is exact. */
#define LARGE_EXPONENT 400

static double
greatest_of(MlSample sample)
{
	return sample.n > 0 ? fmax(fabs(sample.value[0]), fabs(sample.value[sample.n - 1])) : 0;
}

/* A power of two for both samples, 1 but for extreme values. */
static double
unit_of(MlSample a, MlSample b)
{
	int			exponent;

	frexp(fmax(greatest_of(a), greatest_of(b)), &exponent);
	if (exponent > LARGE_EXPONENT)
		return ldexp(1, LARGE_EXPONENT - exponent);
	return exponent < -LARGE_EXPONENT ? ldexp(1, -LARGE_EXPONENT - exponent) : 1;
}

/*
 * Mean of ((value - mean) * unit / scale)^power.  The values count from the least
 * of them: the sum of large numbers that are near each other would lose what they
 * differ by.  power: 2 or 3.
 */
static double
moment(MlSample sample, double unit, double scale, int power)
{
	double		origin = sample.value[0] * unit;
	double		mean = 0;
	double		sum = 0;

	for (size_t i = 0; i < sample.n; i++)
		mean += (sample.value[i] * unit - origin) / scale;
	mean /= (double) sample.n;
	for (size_t i = 0; i < sample.n; i++)
	{
		double		x = (sample.value[i] * unit - origin) / scale - mean;

		sum += power == 2 ? x * x : x * x * x;
	}
	return sum / (double) sample.n;
}

/* Standard deviation of the population, of the values times the unit. */
static double
deviation_of(MlSample sample, double unit)
{
	double		range;

	if (sample.n == 0)
		return NAN;
	if (sample.value[0] == sample.value[sample.n - 1])
		return 0;
	/* in ranges, as squares of small numbers are 0 */
	range = sample.value[sample.n - 1] * unit - sample.value[0] * unit;
	return range * sqrt(moment(sample, unit, range, 2));
}

double
ml_deviation(MlSample sample)
{
	double		unit = unit_of(sample, sample);

	return deviation_of(sample, unit) / unit;
}

/*
 * Equal values of both sides are passed together: the functions are compared behind
 * each value, not within.
 */
double
ml_ks_distance(MlSample reference, MlSample current)
{
	size_t		r = 0;
	size_t		c = 0;
	double		greatest = 0;

	if (reference.n == 0 || current.n == 0)
		return NAN;
	while (r < reference.n && c < current.n)
	{
		double		x = lesser(reference.value[r], current.value[c]);

		while (r < reference.n && reference.value[r] == x)
			r++;
		while (c < current.n && current.value[c] == x)
			c++;
		greatest = fmax(greatest, fabs((double) r / (double) reference.n - (double) c / (double) current.n));
	}
	return greatest;
}

/* n m / (n + m) values stand for both samples in the limit. */
MlStatus
ml_ks_p(MlContext *ctx, uint64_t n, uint64_t m, double statistic, double *p)
{
	double		x = (double) (n > m ? n : m);
	double		y = (double) (n > m ? m : n);

	*p = NAN;
	if (isnan(statistic) || y == 0)
		return ML_OK;
	if (x <= EXACT_N)
		return ml_smirnov_exact_p(ctx, n, m, statistic, p);
	return ml_kolmogorov_p(ctx, (uint64_t) fmax(1, rint(x * y / (x + y))), statistic, p);
}

/*
 * The first Wasserstein distance, of the values times the unit: in one dimension
 * the area between the distribution functions.
 */
static double
area_between(MlSample reference, MlSample current, double unit)
{
	size_t		r = 0;
	size_t		c = 0;
	double		at;
	double		area = 0;

	if (reference.n == 0 || current.n == 0)
		return NAN;
	at = fmin(reference.value[0], current.value[0]);
	while (r < reference.n || c < current.n)
	{
		double		next = r == reference.n ? current.value[c]
			: c == current.n ? reference.value[r]
			: lesser(reference.value[r], current.value[c]);

		area += fabs((double) r / (double) reference.n - (double) c / (double) current.n) * (next * unit - at * unit);
		at = next;
		while (r < reference.n && reference.value[r] == at)
			r++;
		while (c < current.n && current.value[c] == at)
			c++;
	}
	return area;
}

double
ml_wasserstein(MlSample reference, MlSample current)
{
	double		unit = unit_of(reference, current);
	double		area = area_between(reference, current, unit) / unit;

	return isinf(area) ? NAN : area;
}

double
ml_wasserstein_in_deviations(MlSample reference, MlSample current, double least)
{
	double		unit = unit_of(reference, current);
	double		area = area_between(reference, current, unit);
	double		deviation = fmax(deviation_of(reference, unit), least * unit);

	if (deviation > 0)
		return area / deviation;
	return area == 0 ? 0 : NAN;
}

/* ---------------------------------------------------------------- bins */

/* How many values of the sample are < edge, or <= edge, from a place that is not
 * beyond. */
static size_t
rank_of(MlSample sample, size_t from, double edge, bool with_equal)
{
	size_t		low = from;
	size_t		high = sample.n;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (sample.value[middle] < edge || (with_equal && sample.value[middle] == edge))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The place of the first value, from a place on, that so many rows have; sample.n if
 * there is none.  One that begins in the next `rows` rows is there at their last: a
 * bisection for so many rows, not a walk.
 */
static size_t
next_frequent(MlSample sample, size_t from, size_t rows)
{
	while (from < sample.n && sample.n - from >= rows)
	{
		double		x = sample.value[from + rows - 1];
		size_t		first = rank_of(sample, from, x, false);

		if (sample.n - first >= rows && sample.value[first + rows - 1] == x)
			return first;
		from = rank_of(sample, first, x, true);
	}
	return sample.n;
}

/* Appends an edge unless it is not above the last one; returns how many there are. */
static size_t
add_edge(double *edges, size_t n, double edge)
{
	if (n == 0 || edge > edges[n - 1])
		edges[n++] = edge;
	return n;
}

/* How many values of the sample are x. */
static size_t
rows_with(MlSample sample, double x)
{
	size_t		first = rank_of(sample, 0, x, false);

	return rank_of(sample, first, x, true) - first;
}

/* A value that current rows have often must have grown by more than chance: it was
 * looked for in them. */
static bool
has_grown(MlSample reference, MlSample current, double x)
{
	double		rows = (double) rows_with(current, x);
	double		q = (double) current.n / ((double) reference.n + (double) current.n);

	return ml_chance_of_more((double) rows_with(reference, x) + rows, rows, q) <
		ML_BY_CHANCE / (double) ml_distinct(current, current.n);
}

/* Values with a share of 1 / n have a bin of their own, and all values of a
 * reference that has few: an edge below and one at each, but none at the reference's
 * ends, as what is beyond them is another matter (ml_outside). */
static size_t
spike_edges(MlSample reference, MlSample current, size_t n_bins, bool few, double *edges)
{
	double		least = reference.value[0];
	double		greatest = reference.value[reference.n - 1];
	size_t		reference_rows = few ? 1 : (reference.n + n_bins - 1) / n_bins;
	size_t		current_rows = (current.n + n_bins - 1) / n_bins;
	size_t		r = next_frequent(reference, 0, reference_rows);
	size_t		c = next_frequent(current, rank_of(current, 0, least, false), current_rows);
	size_t		n = 0;

	while (r < reference.n || c < current.n)
	{
		bool		of_reference = c == current.n || (r < reference.n && reference.value[r] <= current.value[c]);
		double		x = of_reference ? reference.value[r] : current.value[c];

		if (x > greatest)
			break;
		if (of_reference)
			r = next_frequent(reference, rank_of(reference, r, x, true), reference_rows);
		if (c < current.n && current.value[c] == x)
			c = next_frequent(current, rank_of(current, c, x, true), current_rows);
		if (!of_reference && !has_grown(reference, current, x))
			continue;
		if (x > least)
			n = add_edge(edges, n, nextafter(x, -INFINITY));
		if (x < greatest)
			n = add_edge(edges, n, x);
	}
	return n;
}

/* Between neighbours by their distance, as numpy.quantile does; share in [0, 1]. */
static double
quantile(MlSample sample, double share)
{
	double		place = (double) (sample.n - 1) * share;
	size_t		below = (size_t) place;
	double		low = sample.value[below];
	double		high = sample.value[below + 1 < sample.n ? below + 1 : below];
	double		t = place - (double) below;

	return low == high ? low : (1 - t) * low + t * high;
}

/* Would a border leave hardly any rows between itself and a spike? */
static bool
is_sliver(MlSample sample, double edge, const double *below, const double *above, double least_share)
{
	double		least = least_share * (double) sample.n;
	size_t		rank = rank_of(sample, 0, edge, true);

	return (below && (double) (rank - rank_of(sample, 0, *below, true)) < least) ||
		(above && (double) (rank_of(sample, rank, *above, true) - rank) < least);
}

/*
 * A merge of two rising lists: borders of spikes, and quantiles that leave no
 * sliver beside one.
 */
size_t
ml_quantile_borders(MlSample reference, MlSample current, size_t n, double least_share, double *edges)
{
	bool		few = ml_distinct(reference, n + 1) <= n;
	double		spike[ML_SAMPLE_BINS];
	size_t		n_spikes;
	size_t		passed = 0;
	size_t		found = 0;

	if (reference.n == 0)
		return 0;
	n_spikes = spike_edges(reference, current, n, few, spike);
	for (size_t i = 1; i < n && !few; i++)
	{
		double		edge = quantile(reference, (double) i / (double) n);

		while (passed < n_spikes && spike[passed] <= edge)
			found = add_edge(edges, found, spike[passed++]);
		if (edge < reference.value[reference.n - 1] &&
			!is_sliver(reference, edge, passed > 0 ? &spike[passed - 1] : NULL,
					   passed < n_spikes ? &spike[passed] : NULL, least_share))
			found = add_edge(edges, found, edge);
	}
	while (passed < n_spikes)
		found = add_edge(edges, found, spike[passed++]);
	return found;
}

MlOutside
ml_outside(MlSample reference, MlSample current)
{
	if (reference.n == 0)
		return (MlOutside) {0, 0};
	return (MlOutside) {rank_of(current, 0, reference.value[0], false),
		current.n - rank_of(current, 0, reference.value[reference.n - 1], true)};
}

/* O(n_edges log n). */
void
ml_count_up_to(MlSample sample, size_t n_edges, const double *edges, uint64_t *counts)
{
	size_t		before = 0;

	for (size_t i = 0; i < n_edges; i++)
	{
		size_t		rank = rank_of(sample, before, edges[i], true);

		counts[i] = rank - before;
		before = rank;
	}
	counts[n_edges] = sample.n - before;
}

void
ml_count_within(MlSample sample, size_t n_bins, const double *edges, uint64_t *counts)
{
	size_t		before = rank_of(sample, 0, edges[0], false);

	for (size_t i = 0; i < n_bins; i++)
	{
		size_t		rank = rank_of(sample, before, edges[i + 1], i + 1 == n_bins);

		counts[i] = rank - before;
		before = rank;
	}
}

/* Edges of bins of about this width between the ends, which move apart if they
 * are equal. */
static size_t
edges_of_width(double low, double high, double width, double *edges)
{
	size_t		n = width > 0 ? (size_t) fmin(ceil((high - low) / width), ML_SAMPLE_BINS) : 1;

	edges[0] = low;
	if (isinf(high - low))
		return 0;				/* there is no width */
	if (low == high)
	{
		low -= 0.5;
		high += 0.5;
	}
	for (size_t i = 0; i < n; i++)
		edges[i] = (double) i * ((high - low) / (double) n) + low;
	edges[n] = high;
	return n;
}

/* Sturges: "The choice of a class interval", JASA 21, 1926. */
size_t
ml_sturges_edges(double low, double high, double n, double *edges)
{
	return edges_of_width(low, high, (high - low) / (log2(n) + 1), edges);
}

/*
 * Doane: "Aesthetic frequency classifications", The American Statistician 30, 1976:
 * more bins the more skewed the sample is, measured in the skewness that chance
 * would give a normal one.
 */
size_t
ml_doane_edges(MlSample sample, double *edges)
{
	double		n = (double) sample.n;
	double		unit = unit_of(sample, sample);
	double		deviation = deviation_of(sample, unit);
	double		width = 0;

	if (sample.n == 0)
		return 0;
	if (sample.n > 2 && deviation > 0)
	{
		double		skewness = moment(sample, unit, deviation, 3);
		double		usual = sqrt(6 * (n - 2) / ((n + 1) * (n + 3)));

		width = (sample.value[sample.n - 1] - sample.value[0]) /
			(1 + log2(n) + log2(1 + fabs(skewness) / usual));
	}
	return edges_of_width(sample.value[0], sample.value[sample.n - 1], width, edges);
}

/* A merge, O(a.n + b.n); counts are in the order of values. */
size_t
ml_count_values(MlSample a, MlSample b, uint64_t *reference, uint64_t *current)
{
	size_t		n = 0;
	size_t		i = 0;
	size_t		j = 0;

	while (i < a.n || j < b.n)
	{
		double		x = i == a.n ? b.value[j] : j == b.n ? a.value[i] : lesser(a.value[i], b.value[j]);

		reference[n] = current[n] = 0;
		for (; i < a.n && a.value[i] == x; i++)
			reference[n]++;
		for (; j < b.n && b.value[j] == x; j++)
			current[n]++;
		n++;
	}
	return n;
}
