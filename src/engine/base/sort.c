/*-------------------------------------------------------------------------
 * sort.c
 *	  Sorting that may be abandoned: runs, and merges of them, with a look at the
 *	  abort callback in between.
 *
 * O(n log n) comparisons.
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "mlops/engine/base.h"

/* Elements between two looks: some milliseconds. */
#define RUN 32768

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Merges from[begin .. middle) and from[middle .. end) to the same places of to.
 * Errors: ML_ABORTED.
 */
static MlStatus
merge(MlContext *ctx, const char *from, char *to, size_t begin, size_t middle, size_t end, size_t size,
	  int (*compare) (const void *, const void *))
{
	size_t		left = begin;
	size_t		right = middle;

	for (size_t i = begin; i < end; i++)
	{
		bool		take_left = right == end ||
			(left < middle && compare(from + left * size, from + right * size) <= 0);

		if (i % RUN == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		memcpy(to + i * size, from + (take_left ? left++ : right++) * size, size);
	}
	return ML_OK;
}

/*
 * Sorted runs, then merges of neighbours of twice the width, back and forth between
 * two arrays.
 */
MlStatus
ml_sort(MlContext *ctx, void *elements, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	char	   *from = elements;
	char	   *to;

	for (size_t begin = 0; begin < n; begin += RUN)
	{
		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		qsort(from + begin * size, least(RUN, n - begin), size, compare);
	}
	if (n <= RUN)
		return ML_OK;
	to = ml_arena_alloc_array(ctx->arena, n, size);
	if (to == NULL)
		return ml_fail_memory(ctx);
	for (size_t width = RUN; width < n; width *= 2)
	{
		char	   *swap = from;

		for (size_t begin = 0; begin < n; begin += 2 * width)
		{
			if (merge(ctx, from, to, begin, least(begin + width, n), least(begin + 2 * width, n), size,
					  compare) != ML_OK)
				return ML_ABORTED;
		}
		from = to;
		to = swap;
	}
	if (from != (char *) elements)
		memcpy(elements, from, n * size);
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}
