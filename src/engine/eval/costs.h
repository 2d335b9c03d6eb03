/*-------------------------------------------------------------------------
 * costs.h
 *	  What a wrong decision on a row costs.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_EVAL_COSTS_H
#define MLOPS_ENGINE_EVAL_COSTS_H

#include "mlops/engine/eval.h"

/* A positive that is missed costs false_negative, a negative that is flagged
 * costs false_positive. */
static inline double
cost_of_row(const MlCosts *costs, size_t row, bool positive)
{
	if (positive)
		return costs->false_negative_by_row ? costs->false_negative_by_row[row]
			: costs->false_negative;
	return costs->false_positive_by_row ? costs->false_positive_by_row[row]
		: costs->false_positive;
}

static inline MlStatus
check_cost(MlContext *ctx, size_t row, double cost)
{
	if (!isfinite(cost))
		return ml_fail(ctx, ML_BAD_DATA, "the cost of row %zu is %g", row + 1, cost);
	return ML_OK;
}

#endif							/* MLOPS_ENGINE_EVAL_COSTS_H */
