/*-------------------------------------------------------------------------
 * ranking.c
 *	  Scores sorted and grouped: what all ranking metrics read.
 *
 * Scores become 64-bit integers of the same order and are sorted by a radix
 * sort, least significant byte first.  Without weights the keys of positives
 * and negatives are sorted apart, with nothing beside them, and counted while
 * the two lists are merged: half the memory traffic of sorting rows.  With
 * weights each key carries its weight, and the sums over ties run in the order
 * of the rows, since the sort is stable.  Nothing depends on threads.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

#define RADIX_BITS 8
#define RADIX_SIZE (1 << RADIX_BITS)
#define N_DIGITS (64 / RADIX_BITS)

/* Up to here insertion is faster than counting. */
#define INSERTION_SORT_MOST 48

/* Steps between two questions whether to abort: a few milliseconds. */
#define STEPS_PER_POLL ((size_t) 1 << 19)

/* ctx may be NULL: then nobody wants to stop. */
static MlStatus
poll_abort(MlContext *ctx, size_t step)
{
	return ctx && step % STEPS_PER_POLL == 0 ? ml_check_abort(ctx) : ML_OK;
}

/* ---------------------------------------------------------------- sorting */

/*
 * Sorts n items of `words` words each by their first word.  `words` is a constant
 * in every call, so that the copies below become plain moves.  items and spare:
 * [n * words]; *sorted is one of them, the other one is spare.
 */
static inline __attribute__((always_inline)) MlStatus
sort_items(MlContext *ctx, uint64_t *items, uint64_t *spare, size_t n, const int words,
		   uint64_t **sorted)
{
	size_t		start[N_DIGITS][RADIX_SIZE];

	*sorted = items;
	if (n <= INSERTION_SORT_MOST)
	{
		for (size_t i = 1; i < n; i++)
		{
			uint64_t	item[2];
			size_t		hole = i;

			memcpy(item, items + i * words, words * sizeof(uint64_t));
			for (; hole > 0 && items[(hole - 1) * words] > item[0]; hole--)
				memcpy(items + hole * words, items + (hole - 1) * words, words * sizeof(uint64_t));
			memcpy(items + hole * words, item, words * sizeof(uint64_t));
		}
		return ML_OK;
	}

	memset(start, 0, sizeof(start));
	for (size_t i = 0; i < n; i++)
	{
		uint64_t	key = items[i * words];

		if (poll_abort(ctx, i) != ML_OK)
			return ML_ABORTED;
		for (int digit = 0; digit < N_DIGITS; digit++)
			start[digit][(key >> digit * RADIX_BITS) % RADIX_SIZE]++;
	}
	for (int digit = 0; digit < N_DIGITS; digit++)
	{
		size_t	   *place = start[digit];
		uint64_t   *swap = items;
		size_t		before = 0;

		/* scores from float32 sums have zeros at their end: nothing to do there */
		if (place[(items[0] >> digit * RADIX_BITS) % RADIX_SIZE] == n)
			continue;
		for (int value = 0; value < RADIX_SIZE; value++)
		{
			size_t		count = place[value];

			place[value] = before;
			before += count;
		}
		for (size_t i = 0; i < n; i++)
		{
			size_t		to = place[(items[i * words] >> digit * RADIX_BITS) % RADIX_SIZE]++;

			if (poll_abort(ctx, i) != ML_OK)
				return ML_ABORTED;
			memcpy(spare + to * words, items + i * words, words * sizeof(uint64_t));
		}
		items = spare;
		spare = swap;
	}
	*sorted = items;
	return ML_OK;
}

MlStatus
ml_sort_keys(MlContext *ctx, uint64_t *keys, uint64_t *spare, size_t n, uint64_t **sorted)
{
	return sort_items(ctx, keys, spare, n, 1, sorted);
}

/* ---------------------------------------------------------------- grouping */

static void
sum_totals(MlRanking *ranking)
{
	MlSum		positives = {0};
	MlSum		negatives = {0};

	for (size_t i = 0; i < ranking->n; i++)
	{
		ml_sum_add(&positives, ranking->positives[i]);
		ml_sum_add(&negatives, ranking->negatives[i]);
	}
	ranking->total_positives = ml_sum_value(positives);
	ranking->total_negatives = ml_sum_value(negatives);
}

/* A merge of both lists, O(n_positives + n_negatives). */
MlStatus
ml_ranking_from_keys(MlContext *ctx, const uint64_t *positives, size_t n_positives,
					 const uint64_t *negatives, size_t n_negatives, MlRanking *ranking)
{
	const uint64_t *p = positives;
	const uint64_t *q = negatives;
	const uint64_t *p_end = positives + n_positives;
	const uint64_t *q_end = negatives + n_negatives;
	size_t		n = 0;

	while (p < p_end || q < q_end)
	{
		uint64_t	key = q == q_end || (p < p_end && *p < *q) ? *p : *q;
		const uint64_t *p_start = p;
		const uint64_t *q_start = q;

		if (poll_abort(ctx, n) != ML_OK)
			return ML_ABORTED;
		while (p < p_end && *p == key)
			p++;
		while (q < q_end && *q == key)
			q++;
		ranking->score[n] = ml_key_score(key);
		ranking->positives[n] = (double) (p - p_start);
		ranking->negatives[n] = (double) (q - q_start);
		n++;
	}
	ranking->n = n;
	ranking->total_positives = (double) n_positives;
	ranking->total_negatives = (double) n_negatives;
	return ML_OK;
}

/* Both fall; a score that both have becomes one group. */
MlStatus
ml_ranking_merge(MlContext *ctx, const MlRanking *a, const MlRanking *b, MlRanking *merged)
{
	size_t		i = 0;
	size_t		j = 0;
	size_t		n = 0;

	while (i < a->n || j < b->n)
	{
		bool		from_a = j == b->n || (i < a->n && a->score[i] >= b->score[j]);
		bool		from_b = i == a->n || (j < b->n && b->score[j] >= a->score[i]);

		if (poll_abort(ctx, n) != ML_OK)
			return ML_ABORTED;
		merged->score[n] = from_a ? a->score[i] : b->score[j];
		merged->positives[n] = (from_a ? a->positives[i] : 0) + (from_b ? b->positives[j] : 0);
		merged->negatives[n] = (from_a ? a->negatives[i] : 0) + (from_b ? b->negatives[j] : 0);
		i += from_a;
		j += from_b;
		n++;
	}
	merged->n = n;
	merged->total_positives = a->total_positives + b->total_positives;
	merged->total_negatives = a->total_negatives + b->total_negatives;
	return ML_OK;
}

/* ---------------------------------------------------------------- rows */

static MlStatus
check_score(MlContext *ctx, size_t row, double score)
{
	if (score != score)
		return ml_fail(ctx, ML_BAD_DATA, "the score of row %zu is NaN", row + 1);
	return ML_OK;
}

/*
 * Rows of weight 1.  Keys of positives from the front of `keys`, of negatives from
 * its end; keys and spare: [n].  Errors: as ml_ranking_create.
 */
static MlStatus
rank_counts(MlContext *ctx, size_t n, const double *score, const float *label,
			uint64_t *keys, uint64_t *spare, MlRanking *ranking)
{
	size_t		n_positives = 0;
	size_t		first_negative = n;
	uint64_t   *positives;
	uint64_t   *negatives;
	MlStatus	status = ML_OK;

	for (size_t i = 0; i < n && status == ML_OK; i++)
	{
		size_t		place = label[i] == 1 ? n_positives++ : --first_negative;

		keys[place] = ml_falling_key(score[i]);
		status = check_score(ctx, i, score[i]);
		if (status == ML_OK)
			status = poll_abort(ctx, i);
	}
	if (status == ML_OK)
		status = ml_sort_keys(ctx, keys, spare, n_positives, &positives);
	if (status == ML_OK)
		status = ml_sort_keys(ctx, keys + first_negative, spare + first_negative,
							  n - first_negative, &negatives);
	if (status == ML_OK)
		status = ml_ranking_from_keys(ctx, positives, n_positives,
									  negatives, n - first_negative, ranking);
	return status;
}

/*
 * Items of two words, [2 * n]: the key, and the weight with its sign as the label.
 * Rows of weight 0 are left out.  Errors: as ml_ranking_create.
 */
static MlStatus
rank_weights(MlContext *ctx, size_t n, const double *score, const float *label,
			 const float *weight, uint64_t *items, uint64_t *spare, MlRanking *ranking)
{
	size_t		n_items = 0;
	uint64_t   *sorted;
	MlStatus	status = ML_OK;

	for (size_t i = 0; i < n && status == ML_OK; i++)
	{
		double		signed_weight = label[i] == 1 ? weight[i] : -weight[i];

		status = check_score(ctx, i, score[i]);
		if (status == ML_OK && !(weight[i] >= 0 && isfinite(weight[i])))
			status = ml_fail(ctx, ML_BAD_DATA, "the weight of row %zu is %g", i + 1, weight[i]);
		if (status == ML_OK)
			status = poll_abort(ctx, i);
		if (weight[i] == 0)
			continue;
		items[2 * n_items] = ml_falling_key(score[i]);
		memcpy(&items[2 * n_items + 1], &signed_weight, sizeof(double));
		n_items++;
	}
	if (status == ML_OK)
		status = sort_items(ctx, items, spare, n_items, 2, &sorted);
	for (size_t i = 0; i < n_items && status == ML_OK; i++)
	{
		double		w;

		status = poll_abort(ctx, i);
		memcpy(&w, &sorted[2 * i + 1], sizeof(double));
		if (i == 0 || sorted[2 * i] != sorted[2 * (i - 1)])
		{
			ranking->score[ranking->n] = ml_key_score(sorted[2 * i]);
			ranking->positives[ranking->n] = ranking->negatives[ranking->n] = 0;
			ranking->n++;
		}
		if (w > 0)
			ranking->positives[ranking->n - 1] += w;
		else
			ranking->negatives[ranking->n - 1] -= w;
	}
	if (status == ML_OK)
		sum_totals(ranking);
	return status;
}

/* Room for as many groups as rows; the sort's memory is given back. */
MlStatus
ml_ranking_create(MlContext *ctx, size_t n, const double *score,
				  const float *label, const float *weight, MlRanking *ranking)
{
	size_t		item_size = (weight ? 2 : 1) * sizeof(uint64_t);
	MlArenaMark start = ml_arena_mark(ctx->arena);
	MlArenaMark results;
	uint64_t   *items;
	uint64_t   *spare;
	MlStatus	status;

	memset(ranking, 0, sizeof(*ranking));
	ranking->score = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	ranking->positives = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	ranking->negatives = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	results = ml_arena_mark(ctx->arena);
	items = ml_arena_alloc_array(ctx->arena, n, item_size);
	spare = ml_arena_alloc_array(ctx->arena, n, item_size);
	if (ranking->score == NULL || ranking->positives == NULL || ranking->negatives == NULL ||
		items == NULL || spare == NULL)
		status = ml_fail_memory(ctx);
	else if (weight == NULL)
		status = rank_counts(ctx, n, score, label, items, spare, ranking);
	else
		status = rank_weights(ctx, n, score, label, weight, items, spare, ranking);
	ml_arena_release(ctx->arena, status == ML_OK ? results : start);
	return status;
}
