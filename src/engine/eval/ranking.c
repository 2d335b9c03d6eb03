/*-------------------------------------------------------------------------
 * ranking.c
 *	  Scores sorted and grouped: what all ranking metrics read.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

/* A score and its row, sorted by bits whose order is the falling order. */
typedef struct Item
{
	uint64_t	key;
	uint32_t	row;
} Item;

static inline uint64_t
falling_key(double score)
{
	uint64_t	bits;

	score = score == 0 ? 0 : score; /* -0 and 0 are one score */
	memcpy(&bits, &score, sizeof(bits));
	bits = bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
	return ~bits;
}

/*
 * Least significant digit radix sort by 8 bits, passes without effect left
 * out.  Stable, so the sums over ties always run in the order of rows.
 */
static Item *
radix_sort(Item *items, Item *spare, size_t n)
{
	uint64_t	all = ~UINT64_C(0);
	uint64_t	any = 0;

	for (size_t i = 0; i < n; i++)
	{
		all &= items[i].key;
		any |= items[i].key;
	}
	for (int shift = 0; shift < 64; shift += 8)
	{
		size_t		start[257] = {0};
		Item	   *swap = spare;

		if ((((all ^ any) >> shift) & 0xFF) == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			start[((items[i].key >> shift) & 0xFF) + 1]++;
		for (int d = 0; d < 256; d++)
			start[d + 1] += start[d];
		for (size_t i = 0; i < n; i++)
			spare[start[(items[i].key >> shift) & 0xFF]++] = items[i];
		spare = items;
		items = swap;
	}
	return items;
}

MlStatus
ml_ranking_create(MlContext *ctx, size_t n, const double *score,
				  const float *label, const float *weight, MlRanking *ranking)
{
	MlArenaMark mark;
	Item	   *items;
	Item	   *spare;
	size_t		group = 0;

	memset(ranking, 0, sizeof(*ranking));
	ranking->score = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	ranking->positives = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	ranking->negatives = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	mark = ml_arena_mark(ctx->arena);
	items = ml_arena_alloc_array(ctx->arena, n, sizeof(Item));
	spare = ml_arena_alloc_array(ctx->arena, n, sizeof(Item));
	if (ranking->score == NULL || ranking->positives == NULL || ranking->negatives == NULL ||
		items == NULL || spare == NULL)
		return ml_fail_memory(ctx);

	for (size_t i = 0; i < n; i++)
	{
		if (score[i] != score[i])
			return ml_fail(ctx, ML_BAD_DATA, "a score is NaN");
		items[i].key = falling_key(score[i]);
		items[i].row = (uint32_t) i;
	}
	items = radix_sort(items, spare, n);
	for (size_t i = 0; i < n; i++)
	{
		size_t		row = items[i].row;
		double		w = weight ? weight[row] : 1.0;

		if (i == 0 || items[i].key != items[i - 1].key)
		{
			group = ranking->n++;
			ranking->score[group] = score[row];
			ranking->positives[group] = ranking->negatives[group] = 0;
		}
		if (label[row] == 1)
			ranking->positives[group] += w;
		else
			ranking->negatives[group] += w;
	}
	for (size_t i = 0; i < ranking->n; i++)
	{
		ranking->total_positives += ranking->positives[i];
		ranking->total_negatives += ranking->negatives[i];
	}
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}
