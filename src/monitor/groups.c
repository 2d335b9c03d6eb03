/*-------------------------------------------------------------------------
 * groups.c
 *	  Bins of numbers in the order of values, merged into few groups: with many
 *	  of them, chance alone would move the index of a few thousand rows.
 *
 * The reference's rows make the groups.  What it has too few of to be a group
 * joins a neighbour, but where the current rows are there instead, by more than
 * chance, it is one: a score that nearly always was 0.002 and now is 0.5 may have
 * moved within what would be one group.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "monitor/compare.h"

/* What groups are made by. */
typedef struct Grouping
{
	MlHistograms h;				/* bins between the reference's first and last that have rows */
	uint32_t   *group;			/* [h.n] */
	size_t		n_groups;		/* wanted */
	uint64		reference_rows; /* of all bins */
	uint64		current_rows;
} Grouping;

/* Has a part more of the current rows than chance gives it, looking at so many parts? */
static bool
grew(const Grouping *grouping, uint64 reference, uint64 current, size_t n_parts)
{
	double		q = (double) grouping->current_rows / ((double) grouping->reference_rows + (double) grouping->current_rows);

	return current > 0 &&
		ml_chance_of_more((double) current + (double) reference, (double) current, q) < ML_BY_CHANCE / (double) n_parts;
}

/*
 * Groups of about equal reference counts; of both sides' where the reference has
 * too few rows for bins of its own.  Returns the number of groups.
 */
static size_t
merge_bins(const Grouping *grouping)
{
	const MlHistograms *h = &grouping->h;
	uint64_t   *both;

	if (grouping->reference_rows >= grouping->n_groups * ML_LEAST_ROWS_OF_BIN)
		return ml_merge_bins(h, grouping->n_groups, ML_LEAST_SHARE, grouping->group);
	both = palloc(Max(h->n, 1) * sizeof(uint64_t));
	for (size_t i = 0; i < h->n; i++)
		both[i] = h->reference[i] + h->current[i];
	return ml_merge_bins(&(MlHistograms) {h->n, both, h->current}, grouping->n_groups, ML_LEAST_SHARE, grouping->group);
}

/* Bins begin .. end - 1 are a group of their own if they are too few to be one, and grew. */
static size_t
set_apart(const Grouping *grouping, size_t begin, size_t end, size_t n_parts, size_t n)
{
	uint64		reference = sum_of(grouping->h.reference + begin, end - begin);
	uint64		current = sum_of(grouping->h.current + begin, end - begin);

	if ((double) reference >= ML_LEAST_SHARE * (double) grouping->reference_rows ||
		!grew(grouping, reference, current, n_parts))
		return n;
	for (size_t bin = begin; bin < end; bin++)
		grouping->group[bin] = (uint32_t) n;
	return n + 1;
}

/* What joined the bin that has most of a group, below it or above it. */
static size_t
add_joined(const Grouping *grouping, size_t n)
{
	const MlHistograms *h = &grouping->h;
	size_t		n_parts = 2 * n;

	for (size_t begin = 0, end; begin < h->n; begin = end)
	{
		size_t		most = begin;

		for (end = begin; end < h->n && grouping->group[end] == grouping->group[begin]; end++)
		{
			if (h->reference[end] > h->reference[most])
				most = end;
		}
		n = set_apart(grouping, begin, most, n_parts, n);
		n = set_apart(grouping, most + 1, end, n_parts, n);
	}
	return n;
}

/*
 * A bin that has as many of the current rows as a whole group of the reference's,
 * and grew by more than chance, is a group of its own: beside others it would not
 * be seen how much one value has.
 */
static size_t
add_spikes(const Grouping *grouping, size_t n)
{
	const MlHistograms *h = &grouping->h;

	for (size_t bin = 0; bin < h->n; bin++)
	{
		if ((double) h->current[bin] * (double) grouping->n_groups >= (double) grouping->current_rows &&
			grew(grouping, h->reference[bin], h->current[bin], h->n))
			grouping->group[bin] = (uint32_t) n++;
	}
	return n;
}

/* Bins at an end, where the reference has no rows: a group where chance does not explain them. */
static size_t
add_beyond(const Grouping *grouping, const uint64_t *current, size_t n_bins, uint32_t *group, uint32_t neighbour, size_t n)
{
	bool		apart = ml_is_beyond(grouping->reference_rows, grouping->current_rows, sum_of(current, n_bins));

	for (size_t bin = 0; bin < n_bins; bin++)
		group[bin] = apart ? (uint32_t) n : neighbour;
	return n + apart;
}

/* Numbers groups by their first bins, from 0: sums over groups have one order. */
static size_t
number_by_order(uint32_t *group, size_t n_groups, size_t n_bins)
{
	uint32_t   *number = palloc(n_groups * sizeof(uint32_t));
	uint32_t	n = 0;

	memset(number, 0xFF, n_groups * sizeof(uint32_t));
	for (size_t bin = 0; bin < n_bins; bin++)
	{
		if (number[group[bin]] == PG_UINT32_MAX)
			number[group[bin]] = n++;
		group[bin] = number[group[bin]];
	}
	return n;
}

size_t
mlmon_group_ordered(const MlHistograms *h, size_t n_groups, uint32_t *group)
{
	Grouping	grouping = {.n_groups = n_groups};
	size_t		first = 0;
	size_t		end = h->n;
	size_t		n;

	if (h->n == 0)
		return 0;
	grouping.reference_rows = sum_of(h->reference, h->n);
	grouping.current_rows = sum_of(h->current, h->n);
	if (grouping.reference_rows > 0)
	{
		while (h->reference[first] == 0)
			first++;
		while (h->reference[end - 1] == 0)
			end--;
	}
	grouping.h = (MlHistograms) {end - first, h->reference + first, h->current + first};
	grouping.group = group + first;
	n = merge_bins(&grouping);
	n = add_joined(&grouping, n);
	n = add_spikes(&grouping, n);
	n = add_beyond(&grouping, h->current, first, group, group[first], n);
	n = add_beyond(&grouping, h->current + end, h->n - end, group + end, group[end - 1], n);
	return number_by_order(group, n, h->n);
}
