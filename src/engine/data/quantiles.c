/*-------------------------------------------------------------------------
 * quantiles.c
 *	  Bin edges: between all neighbouring distinct values where there are few,
 *	  else at equal counts, a value that alone fills a bin getting its own.
 *
 * The greedy rule is LightGBM's (Ke et al., "LightGBM: a highly efficient
 * gradient boosting decision tree", NIPS 2017, and its documentation of bin
 * construction).
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "quantiles.h"

static size_t
capacity_for(size_t n)
{
	/* the sample's size is random: twice the expectation is out of reach */
	return n < 2 * ML_QUANTILE_SAMPLE ? n : 2 * ML_QUANTILE_SAMPLE;
}

bool
ml_quantile_space(MlArena *arena, size_t n, MlQuantileSpace *space)
{
	size_t		capacity = capacity_for(n);

	space->keys = ml_arena_alloc_array(arena, capacity, sizeof(uint64_t));
	space->spare = ml_arena_alloc_array(arena, capacity, sizeof(uint64_t));
	space->distinct = ml_arena_alloc_array(arena, capacity, sizeof(double));
	space->counts = ml_arena_alloc_array(arena, capacity, sizeof(uint32_t));
	return space->keys && space->spare && space->distinct && space->counts;
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

/* Least significant digit radix sort; the result is in space->keys. */
static void
sort_keys(MlQuantileSpace *space, size_t n)
{
	uint64_t	all = ~UINT64_C(0);
	uint64_t	any = 0;

	for (size_t i = 0; i < n; i++)
	{
		all &= space->keys[i];
		any |= space->keys[i];
	}
	for (int shift = 0; shift < 64; shift += 8)
	{
		size_t		start[257] = {0};
		uint64_t   *from = space->keys;
		uint64_t   *to = space->spare;

		if ((((all ^ any) >> shift) & 0xFF) == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			start[((from[i] >> shift) & 0xFF) + 1]++;
		for (int d = 0; d < 256; d++)
			start[d + 1] += start[d];
		for (size_t i = 0; i < n; i++)
			to[start[(from[i] >> shift) & 0xFF]++] = from[i];
		space->keys = to;
		space->spare = from;
	}
}

/* Takes all values, or a sample by a hash of their position. */
static size_t
take_values(MlQuantileSpace *space, const double *values, size_t n, uint64_t seed)
{
	size_t		taken = 0;
	uint64_t	limit = UINT64_MAX;

	if (n > 2 * ML_QUANTILE_SAMPLE)
		limit = (uint64_t) ((double) ML_QUANTILE_SAMPLE / (double) n * 0x1p64);
	for (size_t i = 0; i < n; i++)
	{
		if (values[i] != values[i])
			continue;
		if (limit != UINT64_MAX && ml_mix64(seed ^ i) >= limit)
			continue;
		if (taken < capacity_for(n))
			space->keys[taken++] = key_of(values[i]);
	}
	return taken;
}

/* A number e with low <= e < high, half-way where that can be represented. */
static double
between(double low, double high)
{
	double		middle = low / 2 + high / 2;

	return middle >= low && middle < high ? middle : low;
}

uint32_t
ml_quantile_edges(MlQuantileSpace *space, const double *values, size_t n,
				  uint32_t max_bins, uint64_t seed, double *edges)
{
	size_t		taken = take_values(space, values, n, seed);
	size_t		n_distinct = 0;
	uint32_t	n_edges = 0;
	size_t		rest;
	uint32_t	rest_bins = max_bins;
	double		mean;
	uint64_t	in_bin = 0;

	sort_keys(space, taken);
	for (size_t i = 0; i < taken; i++)
	{
		if (i == 0 || space->keys[i] != space->keys[i - 1])
		{
			space->distinct[n_distinct] = value_of(space->keys[i]);
			space->counts[n_distinct++] = 0;
		}
		space->counts[n_distinct - 1]++;
	}
	if (n_distinct <= max_bins)
	{
		for (size_t i = 1; i < n_distinct; i++)
			edges[n_edges++] = between(space->distinct[i - 1], space->distinct[i]);
		return n_edges + 1;
	}

	/* heavy values fill bins of their own; the others share what is left */
	mean = (double) taken / max_bins;
	rest = taken;
	for (size_t i = 0; i < n_distinct; i++)
	{
		if (space->counts[i] >= mean)
		{
			rest_bins--;
			rest -= space->counts[i];
		}
	}
	{
		double		heavy = mean;

		mean = rest_bins > 0 ? (double) rest / rest_bins : (double) taken;
		for (size_t i = 0; i + 1 < n_distinct && n_edges + 1 < max_bins; i++)
		{
			bool		is_heavy = space->counts[i] >= heavy;
			bool		next_is_heavy = space->counts[i + 1] >= heavy;

			if (!is_heavy)
				rest -= space->counts[i];
			in_bin += space->counts[i];
			if (!is_heavy && (double) in_bin < mean &&
				!(next_is_heavy && (double) in_bin >= mean / 2))
				continue;
			edges[n_edges++] = between(space->distinct[i], space->distinct[i + 1]);
			in_bin = 0;
			if (!is_heavy && rest_bins > 1)
			{
				rest_bins--;
				mean = (double) rest / rest_bins;
			}
		}
	}
	return n_edges + 1;
}
