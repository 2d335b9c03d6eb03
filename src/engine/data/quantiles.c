/*-------------------------------------------------------------------------
 * quantiles.c
 *	  Bin edges: between all neighbouring distinct values where there are few,
 *	  else at equal weights, a value that fills a bin by itself ending one.
 *
 * The greedy rule is LightGBM's (Ke et al., "LightGBM: a highly efficient
 * gradient boosting decision tree", NIPS 2017, and its documentation of bin
 * construction).  The weights are ours: where one row in a hundred is a fraud,
 * bins of equal counts put most frauds of an amount into the last one or two.
 * O(n) for the radix sorts of values or of their sample, and one pass over
 * distinct values.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "quantiles.h"

#define POSITIVE_SHARE 0.15		/* of all weight, if the positives have less */
#define LEAST_POSITIVES 24		/* in a bin of nothing else */

static size_t
capacity_for(size_t n)
{
	/* the sample's size is random: twice the expectation is out of reach */
	return n < 2 * ML_QUANTILE_SAMPLE ? n : 2 * ML_QUANTILE_SAMPLE;
}

/* distinct and weight have room for both classes' values. */
bool
ml_quantile_space(MlArena *arena, size_t n, MlQuantileSpace *space)
{
	size_t		capacity = capacity_for(n);
	bool		enough = true;

	for (int c = 0; c < 2; c++)
	{
		MlKeyList  *list = &space->of_class[c];

		list->keys = ml_arena_alloc_array(arena, capacity, sizeof(uint64_t));
		list->spare = ml_arena_alloc_array(arena, capacity, sizeof(uint64_t));
		enough = enough && list->keys && list->spare;
	}
	space->distinct = ml_arena_alloc_array(arena, 2 * capacity, sizeof(double));
	space->weight = ml_arena_alloc_array(arena, 2 * capacity, sizeof(double));
	return enough && space->distinct && space->weight;
}

/* Bits whose unsigned order is the numbers' order; -0 counts as 0. */
static inline uint64_t
key_of(double value)
{
	uint64_t	bits;

	value = value == 0 ? 0 : value;
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}

static inline double
value_of(uint64_t key)
{
	uint64_t	bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/*
 * Least significant digit radix sort; the result is in list->keys.  keys and spare
 * may change places.
 */
static void
sort_keys(MlKeyList *list)
{
	uint64_t	all = ~UINT64_C(0);
	uint64_t	any = 0;

	for (size_t i = 0; i < list->n; i++)
	{
		all &= list->keys[i];
		any |= list->keys[i];
	}
	for (int shift = 0; shift < 64; shift += 8)
	{
		size_t		start[257] = {0};
		uint64_t   *from = list->keys;
		uint64_t   *to = list->spare;

		if ((((all ^ any) >> shift) & 0xFF) == 0)
			continue;
		for (size_t i = 0; i < list->n; i++)
			start[((from[i] >> shift) & 0xFF) + 1]++;
		for (int d = 0; d < 256; d++)
			start[d + 1] += start[d];
		for (size_t i = 0; i < list->n; i++)
			to[start[(from[i] >> shift) & 0xFF]++] = from[i];
		list->keys = to;
		list->spare = from;
	}
}

/* Hashes of positions below it are taken; UINT64_MAX: all are. */
static uint64_t
sample_limit(size_t present)
{
	return present > 2 * ML_QUANTILE_SAMPLE ? (uint64_t) ((double) ML_QUANTILE_SAMPLE / (double) present * 0x1p64) : UINT64_MAX;
}

static inline bool
is_taken(uint64_t seed, size_t position, uint64_t limit)
{
	return limit == UINT64_MAX || ml_mix64(seed ^ position) < limit;
}

void
ml_quantile_taken(const bool *positive, size_t n, uint64_t seed, size_t taken[2])
{
	size_t		present[2] = {0, 0};
	uint64_t	limit[2];

	for (size_t i = 0; i < n; i++)
		present[positive[i]]++;
	for (int c = 0; c < 2; c++)
	{
		limit[c] = sample_limit(present[c]);
		taken[c] = 0;
	}
	for (size_t i = 0; i < n; i++)
		taken[positive[i]] += is_taken(seed, i, limit[positive[i]]);
}

/*
 * Takes all values of each class, or a sample by a hash of their position, and
 * gives them their weights.  Positives weigh POSITIVE_SHARE of all, but no more
 * than lets LEAST_POSITIVES of them fill a bin, and no less than their number.
 */
static void
take_values(MlQuantileSpace *space, const MlQuantileValues *values, uint32_t max_bins, uint64_t seed)
{
	const double *value = values->value;
	const bool *positive = values->positive;
	bool		usual = values->n_usual[0] + values->n_usual[1] > 0;
	size_t		present[2] = {values->n_usual[0], values->n_usual[1]};
	uint64_t	limit[2];
	double		mass[2];

	for (size_t i = 0; i < values->n; i++)
	{
		size_t		at = values->at ? values->at[i] : i;

		present[positive[at]] += value[at] == value[at];
	}
	for (int c = 0; c < 2; c++)
	{
		space->of_class[c].n = 0;
		space->n_usual[c] = usual ? values->n_taken[c] : 0;
		limit[c] = sample_limit(present[c]);
	}
	for (size_t i = 0; i < values->n; i++)
	{
		size_t		at = values->at ? values->at[i] : i;
		int			c = positive[at];
		MlKeyList  *list = &space->of_class[c];

		if (!is_taken(seed, at, limit[c]))
			continue;
		/* what is taken and is not usual */
		space->n_usual[c] -= usual;
		if (value[at] == value[at] && list->n < capacity_for(values->n))
			list->keys[list->n++] = key_of(value[at]);
	}

	mass[0] = (double) present[0];
	mass[1] = mass[0] * POSITIVE_SHARE / (1 - POSITIVE_SHARE);
	if (mass[1] > (double) present[1] * mass[0] / (LEAST_POSITIVES * (double) max_bins))
		mass[1] = (double) present[1] * mass[0] / (LEAST_POSITIVES * (double) max_bins);
	if (mass[1] < (double) present[1])
		mass[1] = (double) present[1];
	for (int c = 0; c < 2; c++)
		space->of_class[c].weight = mass[c] / (double) (space->of_class[c].n + space->n_usual[c]);
}

/*
 * Merges the sorted classes and the usual value into distinct values with their
 * weights; returns how many there are, and where the usual one is.
 */
static size_t
merge_classes(MlQuantileSpace *space, double usual_value, size_t *usual_at)
{
	MlKeyList  *list = space->of_class;
	bool		usual_waits = space->n_usual[0] + space->n_usual[1] > 0;
	uint64_t	usual = key_of(usual_value);
	size_t		at[2] = {0, 0};
	uint64_t	last = 0;
	size_t		n = 0;

	*usual_at = SIZE_MAX;
	while (at[0] < list[0].n || at[1] < list[1].n || usual_waits)
	{
		int			c = at[0] == list[0].n ||
			(at[1] < list[1].n && list[1].keys[at[1]] < list[0].keys[at[0]]);

		if (usual_waits && (at[c] == list[c].n || list[c].keys[at[c]] > usual))
		{
			usual_waits = false;
			*usual_at = n;
			last = usual;
			space->distinct[n] = value_of(usual);
			space->weight[n++] = 0;
			continue;
		}
		if (n == 0 || list[c].keys[at[c]] != last)
		{
			last = list[c].keys[at[c]];
			space->distinct[n] = value_of(last);
			space->weight[n++] = 0;
		}
		space->weight[n - 1] += list[c].weight;
		at[c]++;
	}
	return n;
}

/* Added up one by one, as of other values: a product is rounded otherwise. */
static double
weight_of_usual(const MlQuantileSpace *space)
{
	double		weight = 0;

	for (int c = 0; c < 2; c++)
	{
		for (size_t i = 0; i < space->n_usual[c]; i++)
			weight += space->of_class[c].weight;
	}
	return weight;
}

/* A number e with low <= e < high, half-way where that can be represented. */
static double
between(double low, double high)
{
	double		middle = low / 2 + high / 2;

	return middle >= low && middle < high ? middle : low;
}

/*
 * Cuts n distinct values, more than max_bins, into bins of equal weight.  Heavy
 * values fill bins of their own; the others share what is left.  Writes at most
 * max_bins - 1 edges and returns their number.
 */
static uint32_t
cut(const double *distinct, const double *weight, size_t n, uint32_t max_bins, double *edges)
{
	uint32_t	n_edges = 0;
	uint32_t	rest_bins = max_bins;
	double		total = 0;
	double		rest;
	double		heavy;
	double		mean;
	double		in_bin = 0;

	for (size_t i = 0; i < n; i++)
		total += weight[i];
	heavy = total / max_bins;
	rest = total;
	for (size_t i = 0; i < n; i++)
	{
		if (weight[i] >= heavy)
		{
			rest_bins--;
			rest -= weight[i];
		}
	}
	mean = rest_bins > 0 ? rest / rest_bins : total;
	for (size_t i = 0; i + 1 < n && n_edges + 1 < max_bins; i++)
	{
		bool		is_heavy = weight[i] >= heavy;
		bool		next_is_heavy = weight[i + 1] >= heavy;

		if (!is_heavy)
			rest -= weight[i];
		in_bin += weight[i];
		if (!is_heavy && in_bin < mean && !(next_is_heavy && in_bin >= mean / 2))
			continue;
		edges[n_edges++] = between(distinct[i], distinct[i + 1]);
		in_bin = 0;
		if (!is_heavy && rest_bins > 1)
		{
			rest_bins--;
			mean = rest / rest_bins;
		}
	}
	return n_edges;
}

/* Midpoints where values are few, so that each has a bin; else cuts. */
uint32_t
ml_quantile_edges(MlQuantileSpace *space, const MlQuantileValues *values, uint32_t max_bins, uint64_t seed, double *edges)
{
	size_t		n_distinct;
	size_t		usual_at;
	uint32_t	n_edges = 0;

	take_values(space, values, max_bins, seed);
	sort_keys(&space->of_class[0]);
	sort_keys(&space->of_class[1]);
	n_distinct = merge_classes(space, values->usual, &usual_at);
	if (n_distinct > max_bins)
	{
		if (usual_at != SIZE_MAX)
			space->weight[usual_at] = weight_of_usual(space);
		return cut(space->distinct, space->weight, n_distinct, max_bins, edges) + 1;
	}
	for (size_t i = 1; i < n_distinct; i++)
		edges[n_edges++] = between(space->distinct[i - 1], space->distinct[i]);
	return n_edges + 1;
}
