/*-------------------------------------------------------------------------
 * window.c
 *	  What is in a window of one entity's rows.
 *
 * A window moves with the row that asks: rows enter at its head when they are old enough
 * (the delay), and leave at its tail.  A row in between that is not yet known waits in a
 * heap until it is.  Was a row that leaves added?  If it was known when the window was
 * moved last.
 *
 * A window of the last so many rows is filled anew for each row that asks.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "part.h"
#include "window.h"

/* A time that lies back, as far as there are times. */
static int64_t
earlier(int64_t time, int64_t by)
{
	int64_t		result;

	return __builtin_sub_overflow(time, by, &result) ? INT64_MIN : result;
}

/* Rows up to this time have left; INT64_MIN: none has. */
static int64_t
left_until(const Window *window, int64_t time)
{
	return window->length == ML_ALL_TIME ? INT64_MIN : earlier(earlier(time, window->delay), window->length);
}

static void *
part_state(const WindowState *state, const Part *part)
{
	return (char *) state + part->offset;
}

static bool
add_row(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, uint64_t number, int64_t until)
{
	for (int p = 0; p < window->n_parts; p++)
	{
		if (!part_add(work->pool, &window->part[p], part_state(state, &window->part[p]), ring_row(work, ring, number), number, until))
			return false;
	}
	return true;
}

static void
leave(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, int64_t until)
{
	for (; state->tail < state->head && ring_row(work, ring, state->tail)->time <= until; state->tail++)
	{
		const Remembered *row = ring_row(work, ring, state->tail);

		for (int p = 0; row->known <= state->moved_to && p < window->n_parts; p++)
			part_remove(&window->part[p], part_state(state, &window->part[p]), row);
	}
	for (int p = 0; p < window->n_parts; p++)
		part_expire(&window->part[p], part_state(state, &window->part[p]), until);
}

/* What has become known, if it has not left meanwhile. */
static bool
become_known(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, int64_t time, int64_t until)
{
	while (state->unknown.n > 0 && state->unknown.item[0].key <= time)
	{
		uint64_t	number = (uint64_t) state->unknown.item[0].tag;

		heap_pop(&state->unknown);
		if (number >= state->tail && !add_row(work, window, state, ring, number, until))
			return false;
	}
	return true;
}

static bool
enter(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, int64_t time, int64_t until)
{
	int64_t		newest = earlier(time, window->delay);

	for (; state->head < ring->end && ring_row(work, ring, state->head)->time <= newest; state->head++)
	{
		const Remembered *row = ring_row(work, ring, state->head);

		if (row->time <= until)
			state->tail = state->head + 1;	/* so have all before it */
		else if (row->known > time)
		{
			if (!heap_push(work->pool, &state->unknown, (HeapItem) {row->known, (int64_t) state->head}))
				return false;
		}
		else if (!add_row(work, window, state, ring, state->head, until))
			return false;
	}
	return true;
}

/* The last so many rows; what comes before them is never needed again. */
static bool
fill(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, int64_t time)
{
	int64_t		until = left_until(window, time);
	int64_t		newest = earlier(time, window->delay);
	uint32_t	found = 0;

	for (int p = 0; p < window->n_parts; p++)
	{
		part_free(work->pool, &window->part[p], part_state(state, &window->part[p]));
		memset(part_state(state, &window->part[p]), 0, part_size(window->part[p].kind));
	}
	for (uint64_t number = ring->end; number-- > ring->begin && found < window->rows;)
	{
		const Remembered *row = ring_row(work, ring, number);

		if (row->time <= until)
		{
			state->tail = number + 1;
			break;
		}
		if (row->time > newest || row->known > time)
			continue;
		if (!add_row(work, window, state, ring, number, INT64_MIN))
			return false;
		if (++found == window->rows)
			state->tail = number;
	}
	return true;
}

bool
window_move(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, int64_t time)
{
	int64_t		until = left_until(window, time);

	if (window->rows > 0)
		return fill(work, window, state, ring, time);
	if (until > INT64_MIN)
		leave(work, window, state, ring, until);
	if (!become_known(work, window, state, ring, time, until) || !enter(work, window, state, ring, time, until))
		return false;
	state->moved_to = time;
	return true;
}

uint64_t
window_needs(const Window *window, const WindowState *state)
{
	uint64_t	first = state->head;

	if (window->rows > 0 || window->length != ML_ALL_TIME)
		return state->tail;
	for (uint32_t i = 0; i < state->unknown.n; i++)
	{
		if ((uint64_t) state->unknown.item[i].tag < first)
			first = (uint64_t) state->unknown.item[i].tag;
	}
	return first;
}

/* ---------------------------------------------------------------- features */

/* A feature while it is made: its window's parts, and the row itself if it counts too. */
typedef struct Making
{
	const Window *window;
	const WindowState *state;
	const PlannedFeature *feature;
	const double *value;		/* the row's */
	bool		with_row;
} Making;

static const void *
state_of(const Making *making, int part)
{
	return part_state(making->state, &making->window->part[part]);
}

static bool
row_counts(const Making *making, int part)
{
	return making->with_row && part_counts(&making->window->part[part], making->value);
}

static uint64_t
count_of(const Making *making, int part)
{
	return *(const uint64_t *) state_of(making, part) + row_counts(making, part);
}

static MlExactSum
sum_of(const Making *making, int part)
{
	MlExactSum	sum = *(const MlExactSum *) state_of(making, part);
	double		value = making->value[making->window->part[part].value];

	if (!row_counts(making, part))
		return sum;
	if (making->window->part[part].kind == PART_SQUARES)
		ml_exact_add_square(&sum, value, 1);
	else
		ml_exact_add(&sum, value, 1);
	return sum;
}

static double
stddev(const Making *making)
{
	MlExactSum	sum = sum_of(making, making->feature->sum);
	MlExactSum	squares = sum_of(making, making->feature->squares);

	return sqrt(ml_exact_variance(count_of(making, making->feature->count), &sum, &squares));
}

/* sign: -1 for the greatest, which is the least of the values with their signs changed. */
static double
extreme_of(const Making *making, double sign)
{
	const Extreme *extreme = state_of(making, making->feature->other);
	const Part *part = &making->window->part[making->feature->other];
	double		row = row_counts(making, making->feature->other) ? sign * making->value[part->value] : NAN;

	return sign * (extreme->any ? fmin(extreme->value, row) : row) + 0.0;
}

static double
distinct_of(const Making *making)
{
	const Distinct *set = state_of(making, making->feature->other);
	const Part *part = &making->window->part[making->feature->other];

	return set->n + (row_counts(making, making->feature->other) && !distinct_has(set, making->value[part->value]));
}

static double
seconds_between(int64_t from, int64_t to)
{
	return ((double) to - (double) from) / 1e6;
}

/* By the row itself, if it counts, or by the last one. */
static double
last_of(const Making *making, int64_t time)
{
	const Last *last = state_of(making, making->feature->other);
	const Part *part = &making->window->part[making->feature->other];
	bool		is_row = row_counts(making, making->feature->other);

	if (!is_row && last->number == 0)
		return NAN;
	if (making->feature->asked.aggregate == ML_AGGREGATE_SINCE_LAST)
		return is_row ? 0 : seconds_between(last->time, time);
	return is_row ? making->value[part->value] : last->value;
}

static double
first_seen(const Making *making, int64_t time)
{
	const First *first = state_of(making, making->feature->other);

	if (first->any)
		return seconds_between(first->time, time);
	return row_counts(making, making->feature->other) ? 0 : NAN;
}

/* NaN: there is nothing to aggregate. */
static double
aggregate(const Making *making, int64_t time)
{
	const PlannedFeature *feature = making->feature;
	double		n = feature->count >= 0 ? (double) count_of(making, feature->count) : NAN;
	MlExactSum	sum;

	switch (feature->asked.aggregate)
	{
		case ML_AGGREGATE_COUNT:
			return n;
		case ML_AGGREGATE_SUM:
		case ML_AGGREGATE_AVG:
			sum = sum_of(making, feature->sum);
			return n == 0 ? NAN : ml_exact_value(&sum) / (feature->asked.aggregate == ML_AGGREGATE_AVG ? n : 1);
		case ML_AGGREGATE_STDDEV:
			return stddev(making);
		case ML_AGGREGATE_MIN:
			return extreme_of(making, 1);
		case ML_AGGREGATE_MAX:
			return extreme_of(making, -1);
		case ML_AGGREGATE_COUNT_DISTINCT:
			return distinct_of(making);
		case ML_AGGREGATE_LAST:
		case ML_AGGREGATE_SINCE_LAST:
			return last_of(making, time);
		case ML_AGGREGATE_FIRST_SEEN:
			return first_seen(making, time);
		case ML_AGGREGATE_SHARE:
			return n == 0 ? NAN : (double) count_of(making, feature->other) / n;
	}
	return NAN;
}

double
window_feature(const Window *window, const WindowState *state, const PlannedFeature *feature, int64_t time, const double *value)
{
	Making		making = {window, state, feature, value, feature->asked.with_current && feature->asked.delay == 0};
	double		result = aggregate(&making, time);

	return isnan(result) ? feature->asked.if_empty : result;
}
