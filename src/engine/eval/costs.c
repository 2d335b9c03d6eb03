/*-------------------------------------------------------------------------
 * costs.c
 *	  What errors cost in total, by how many of the highest scores are flagged.
 *-------------------------------------------------------------------------
 */

#include "mlops/engine/eval.h"

#include "engine/eval/costs.h"

/* Rows between two questions whether to abort: a few milliseconds. */
#define STEPS_PER_POLL 65536

/* The group of a ranking that has this score, by bisection. */
static size_t
find_group(const MlRanking *ranking, double score)
{
	size_t		low = 0;
	size_t		high = ranking->n - 1;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (ranking->score[middle] > score)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* O(n log groups).  Rows keep their own order, so that sums do not depend on the sort. */
MlStatus
ml_cost_steps(MlContext *ctx, const MlRanking *ranking, const MlCosts *costs, size_t n,
			  const double *score, const float *label, const float *weight, MlCostSteps *steps)
{
	*steps = (MlCostSteps) {ml_arena_alloc_zeroed(ctx->arena, ranking->n, sizeof(MlSum))};
	if (steps->change == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < n; i++)
	{
		double		w = weight ? weight[i] : 1;
		bool		positive = label[i] == 1;
		double		cost = cost_of_row(costs, i, positive);

		if (i % STEPS_PER_POLL == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if (check_cost(ctx, i, cost) != ML_OK)
			return ML_BAD_DATA;
		if (w == 0)
			continue;			/* its score may be none of the ranking's */
		if (positive)
			ml_sum_add(&steps->unflagged, w * cost);
		ml_sum_add(&steps->change[find_group(ranking, score[i])], positive ? -w * cost : w * cost);
	}
	return ML_OK;
}
