/*-------------------------------------------------------------------------
 * evaluation.c
 *	  All metrics at once, and the choice of a threshold.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

static double
cost_of_row(const MlCosts *costs, size_t i, bool positive)
{
	if (positive)
		return costs->false_negative_by_row ? costs->false_negative_by_row[i] : costs->false_negative;
	return costs->false_positive_by_row ? costs->false_positive_by_row[i] : costs->false_positive;
}

/* Mean cost a row (a unit of weight) of alerts on negatives and misses. */
static double
expected_cost(size_t n, const double *score, const float *label, const float *weight,
			  const MlCosts *costs, double threshold)
{
	double		total = 0;
	double		weights = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		w = weight ? weight[i] : 1;
		bool		positive = label[i] == 1;

		weights += w;
		if (positive != (score[i] >= threshold))
			total += w * cost_of_row(costs, i, positive);
	}
	return weights > 0 ? total / weights : NAN;
}

MlStatus
ml_evaluate(MlContext *ctx, size_t n, const double *score, const float *label,
			const float *weight, const MlCosts *costs, double threshold,
			MlEvaluation *e)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlRanking	ranking;
	MlStatus	status = ml_ranking_create(ctx, n, score, label, weight, &ranking);

	if (status != ML_OK)
		return status;
	memset(e, 0, sizeof(*e));
	e->rows = (double) n;
	for (size_t i = 0; i < n; i++)
		e->positives += label[i] == 1;
	e->roc_auc = ml_roc_auc(&ranking);
	e->pr_auc = ml_average_precision(&ranking);
	e->ks = ml_ks_statistic(&ranking);
	e->log_loss = ml_log_loss(n, score, label, weight);
	e->brier = ml_brier(n, score, label, weight);
	e->threshold = threshold;
	e->confusion = ml_confusion_at(&ranking, threshold);
	e->accuracy = ml_accuracy(&e->confusion);
	e->precision = ml_precision(&e->confusion);
	e->recall = ml_recall(&e->confusion);
	e->f1 = ml_f1(&e->confusion);
	e->mcc = ml_mcc(&e->confusion);
	e->false_positive_rate = ml_false_positive_rate(&e->confusion);
	e->alert_rate = ml_alert_rate(&e->confusion);
	e->expected_cost = costs ? expected_cost(n, score, label, weight, costs, threshold) : NAN;
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* ---------------------------------------------------------------- thresholds */

/*
 * A candidate's figure under the policy.  *satisfies is whether it meets the
 * policy's condition; among those that do the greatest goodness wins, if there
 * are none the greatest nearness.
 */
static void
judge(const MlThresholdPolicy *policy, const MlConfusion *c, double cost,
	  bool *satisfies, double *goodness, double *nearness)
{
	*satisfies = true;
	*nearness = 0;
	switch (policy->kind)
	{
		case ML_THRESHOLD_VALUE:
			*goodness = 0;
			return;
		case ML_THRESHOLD_MAX:
			*goodness = policy->objective == ML_OBJECTIVE_F1 ? ml_f1(c)
				: policy->objective == ML_OBJECTIVE_MCC ? ml_mcc(c)
				: policy->objective == ML_OBJECTIVE_YOUDEN ? ml_recall(c) - ml_false_positive_rate(c)
				: ml_accuracy(c);
			return;
		case ML_THRESHOLD_MIN_PRECISION:
			/* nothing flagged has no precision to speak of */
			*satisfies = c->true_positives + c->false_positives > 0 &&
				ml_precision(c) >= policy->value;
			*goodness = ml_recall(c);
			*nearness = ml_precision(c);
			return;
		case ML_THRESHOLD_MIN_RECALL:
			*satisfies = ml_recall(c) >= policy->value;
			*goodness = ml_precision(c);
			*nearness = ml_recall(c);
			return;
		case ML_THRESHOLD_ALERT_RATE:
			*satisfies = ml_alert_rate(c) <= policy->value;
			*goodness = ml_alert_rate(c);
			*nearness = -ml_alert_rate(c);
			return;
		case ML_THRESHOLD_COST:
			*goodness = -cost;
			return;
	}
}

/*
 * For the cost policy: what flagging each group of equal scores changes in the
 * total cost.  Rows are found in the ranking by binary search.
 */
static double *
cost_changes(MlContext *ctx, const MlRanking *ranking, const MlCosts *costs, size_t n,
			 const double *score, const float *label, const float *weight, double *nothing_flagged)
{
	double	   *change = ml_arena_alloc_zeroed(ctx->arena, ranking->n, sizeof(double));

	*nothing_flagged = 0;
	if (change == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
	{
		double		cost = cost_of_row(costs, i, label[i] == 1) * (weight ? weight[i] : 1);
		size_t		low = 0;
		size_t		high = ranking->n - 1;

		while (low < high)
		{
			size_t		middle = (low + high) / 2;

			if (ranking->score[middle] > score[i])
				low = middle + 1;
			else
				high = middle;
		}
		if (label[i] == 1)
		{
			*nothing_flagged += cost;
			change[low] -= cost;
		}
		else
			change[low] += cost;
	}
	return change;
}

MlStatus
ml_choose_threshold(MlContext *ctx, const MlThresholdPolicy *policy, size_t n,
					const double *score, const float *label, const float *weight,
					double *threshold, bool *reached)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlRanking	ranking;
	MlConfusion c = {0};
	double	   *change = NULL;
	double		cost = 0;
	double		best_goodness = 0;
	double		best_nearness = 0;
	double		nearest;
	MlStatus	status;

	*reached = policy->kind == ML_THRESHOLD_VALUE;
	*threshold = policy->value;
	if (*reached)
		return ML_OK;
	status = ml_ranking_create(ctx, n, score, label, weight, &ranking);
	if (status != ML_OK)
		return status;
	if (ranking.n == 0)
		return ml_fail(ctx, ML_BAD_DATA, "there are no rows to choose a threshold on");
	if (policy->kind == ML_THRESHOLD_COST)
	{
		change = cost_changes(ctx, &ranking, &policy->costs, n, score, label, weight, &cost);
		if (change == NULL)
			return ml_fail_memory(ctx);
	}

	/* the first candidate flags nothing; then one more group of ties each */
	c.true_negatives = ranking.total_negatives;
	c.false_negatives = ranking.total_positives;
	nearest = nextafter(ranking.score[0], INFINITY);
	for (size_t i = 0; i <= ranking.n; i++)
	{
		double		candidate = i == 0 ? nearest : ranking.score[i - 1];
		double		goodness = 0;
		double		nearness;
		bool		satisfies;

		if (i > 0)
		{
			c.true_positives += ranking.positives[i - 1];
			c.false_positives += ranking.negatives[i - 1];
			c.true_negatives = ranking.total_negatives - c.false_positives;
			c.false_negatives = ranking.total_positives - c.true_positives;
			if (change)
				cost += change[i - 1];
		}
		judge(policy, &c, cost, &satisfies, &goodness, &nearness);
		if (satisfies && (!*reached || goodness > best_goodness))
		{
			*reached = true;
			best_goodness = goodness;
			*threshold = candidate;
		}
		if (i == 0 || nearness > best_nearness)
		{
			best_nearness = nearness;
			nearest = candidate;
		}
	}
	if (!*reached)
		*threshold = nearest;
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}
