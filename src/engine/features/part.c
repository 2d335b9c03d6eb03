/*-------------------------------------------------------------------------
 * part.c
 *	  The parts that a window's features are made of.
 *
 * Counts, sums and sets give back what left.  Extremes keep all values of a window in a
 * heap with their times, and drop from its top what is out: rows that become known late
 * come in out of order.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "part.h"

size_t
part_size(PartKind kind)
{
	switch (kind)
	{
		case PART_COUNT:
			return sizeof(uint64_t);
		case PART_SUM:
		case PART_SQUARES:
			return sizeof(MlExactSum);
		case PART_LEAST:
		case PART_GREATEST:
			return sizeof(Extreme);
		case PART_DISTINCT:
			return sizeof(Distinct);
		case PART_LAST:
			return sizeof(Last);
		case PART_FIRST:
			break;
	}
	return sizeof(First);
}

/* The last row counts though its value may be missing. */
bool
part_counts(const Part *part, const double *value)
{
	if (part->condition != ML_NO_COLUMN && value[part->condition] != 1)
		return false;
	if (part->value == ML_NO_COLUMN || part->kind == PART_LAST)
		return true;
	return !isnan(value[part->value]);
}

/* Doubles in the order of integers. */
static int64_t
ordered(double value)
{
	int64_t		bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? bits ^ INT64_MAX : bits;
}

static double
from_ordered(int64_t bits)
{
	double		value;

	bits = bits < 0 ? bits ^ INT64_MAX : bits;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Rows up to a time have left, but may still be below the top. */
static bool
add_extreme(Pool *pool, Extreme *extreme, double value, int64_t time, int64_t left_until)
{
	if (left_until > INT64_MIN)
	{
		if (extreme->values.n == extreme->values.capacity)
			heap_keep_after(&extreme->values, left_until);
		if (!heap_push(pool, &extreme->values, (HeapItem) {ordered(value), time}))
			return false;
		extreme->value = from_ordered(extreme->values.item[0].key);
	}
	else if (!extreme->any || value < extreme->value)
		extreme->value = value + 0.0;
	extreme->any = true;
	return true;
}

bool
part_add(Pool *pool, const Part *part, void *state, const Remembered *row, uint64_t number, int64_t left_until)
{
	double		value = part->value == ML_NO_COLUMN ? NAN : row->value[part->value];
	Last	   *last = state;
	First	   *first = state;

	if (!part_counts(part, row->value))
		return true;
	switch (part->kind)
	{
		case PART_COUNT:
			++*(uint64_t *) state;
			break;
		case PART_SUM:
			ml_exact_add(state, value, 1);
			break;
		case PART_SQUARES:
			ml_exact_add_square(state, value, 1);
			break;
		case PART_LEAST:
			return add_extreme(pool, state, value, row->time, left_until);
		case PART_GREATEST:
			return add_extreme(pool, state, -value, row->time, left_until);
		case PART_DISTINCT:
			return distinct_add(pool, state, value);
		case PART_LAST:
			if (last->number <= number)
				*last = (Last) {number + 1, row->time, value};
			break;
		case PART_FIRST:
			if (!first->any || row->time < first->time)
				*first = (First) {row->time, true};
			break;
	}
	return true;
}

void
part_remove(const Part *part, void *state, const Remembered *row)
{
	if (!part_counts(part, row->value))
		return;
	if (part->kind == PART_COUNT)
		--* (uint64_t *) state;
	else if (part->kind == PART_SUM)
		ml_exact_add(state, row->value[part->value], -1);
	else if (part->kind == PART_SQUARES)
		ml_exact_add_square(state, row->value[part->value], -1);
	else if (part->kind == PART_DISTINCT)
		distinct_remove(state, row->value[part->value]);
}

void
part_expire(const Part *part, void *state, int64_t until)
{
	Extreme    *extreme = state;
	Last	   *last = state;

	if (part->kind == PART_LAST && last->number > 0 && last->time <= until)
		memset(last, 0, sizeof(*last));
	if (part->kind != PART_LEAST && part->kind != PART_GREATEST)
		return;
	while (extreme->values.n > 0 && extreme->values.item[0].tag <= until)
		heap_pop(&extreme->values);
	extreme->any = extreme->values.n > 0;
	if (extreme->any)
		extreme->value = from_ordered(extreme->values.item[0].key);
}

void
part_free(Pool *pool, const Part *part, void *state)
{
	if (part->kind == PART_DISTINCT)
		distinct_free(pool, state);
}
