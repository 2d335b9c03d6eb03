/*-------------------------------------------------------------------------
 * evaluation.c
 *	  Everything mlops.evaluate reports, at once.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

#include "engine/eval/costs.h"

/* Rows between two questions whether to abort: a few milliseconds. */
#define ROWS_PER_POLL 65536

/*
 * What a walk over the rows finds: the losses, and the mean cost a row (a unit of
 * weight) of flagged negatives and missed positives.  Fills rows, positives,
 * log_loss, brier and expected_cost of e, which is 0 before.  Errors: ML_BAD_DATA
 * (a cost that is not finite), ML_ABORTED.
 */
static MlStatus
judge_rows(MlContext *ctx, size_t n, const double *score, const float *label,
		   const float *weight, const MlCosts *costs, double threshold, MlEvaluation *e)
{
	MlSum		log_loss = {0};
	MlSum		brier = {0};
	MlSum		cost = {0};
	MlSum		weights = {0};
	double		total;

	for (size_t i = 0; i < n; i++)
	{
		double		w = weight ? weight[i] : 1;
		bool		positive = label[i] == 1;
		double		error = score[i] - positive;

		if (i % ROWS_PER_POLL == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		e->positives += positive;
		ml_sum_add(&weights, w);
		ml_sum_add(&log_loss, w * ml_log_loss_of(score[i], positive));
		ml_sum_add(&brier, w * (error * error));
		if (costs)
		{
			double		row_cost = cost_of_row(costs, i, positive);

			if (check_cost(ctx, i, row_cost) != ML_OK)
				return ML_BAD_DATA;
			if (positive != (score[i] >= threshold))
				ml_sum_add(&cost, w * row_cost);
		}
	}
	total = ml_sum_value(weights);
	e->rows = (double) n;
	e->log_loss = total > 0 ? ml_sum_value(log_loss) / total : NAN;
	e->brier = total > 0 ? ml_sum_value(brier) / total : NAN;
	e->expected_cost = total > 0 && costs ? ml_sum_value(cost) / total : NAN;
	return ML_OK;
}

/* For rows that weigh 1.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED. */
static MlStatus
find_intervals(MlContext *ctx, const MlRanking *ranking, const MlConfusion *c, MlIntervals *intervals)
{
	intervals->precision = ml_share_interval(c->true_positives, c->true_positives + c->false_positives);
	intervals->recall = ml_share_interval(c->true_positives, c->true_positives + c->false_negatives);
	intervals->false_positive_rate = ml_share_interval(c->false_positives, c->false_positives + c->true_negatives);
	intervals->roc_auc = ml_roc_auc_interval(ranking);
	return ml_average_precision_interval(ctx, ranking, &intervals->pr_auc);
}

/*
 * One ranking, sorted once, for all that needs an order: O(n) by radix sort, memory
 * for it from the arena until the end.
 */
MlStatus
ml_evaluate(MlContext *ctx, size_t n, const double *score, const float *label,
			const float *weight, const MlCosts *costs, double threshold,
			MlEvaluation *e, MlIntervals *intervals)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlRanking	ranking;
	MlStatus	status = ml_ranking_create(ctx, n, score, label, weight, &ranking);

	memset(e, 0, sizeof(*e));
	if (status == ML_OK)
		status = judge_rows(ctx, n, score, label, weight, costs, threshold, e);
	if (status == ML_OK)
	{
		e->roc_auc = ml_roc_auc(&ranking);
		e->pr_auc = ml_average_precision(&ranking);
		e->ks = ml_ks_statistic(&ranking);
		e->recall_at_fpr = ml_recall_at_fpr(&ranking, ML_MOST_FPR);
		e->threshold = threshold;
		e->confusion = ml_confusion_at(&ranking, threshold);
		e->accuracy = ml_accuracy(&e->confusion);
		e->precision = ml_precision(&e->confusion);
		e->recall = ml_recall(&e->confusion);
		e->f1 = ml_f1(&e->confusion);
		e->mcc = ml_mcc(&e->confusion);
		e->false_positive_rate = ml_false_positive_rate(&e->confusion);
		e->alert_rate = ml_alert_rate(&e->confusion);
	}
	if (status == ML_OK && intervals)
		status = find_intervals(ctx, &ranking, &e->confusion, intervals);
	ml_arena_release(ctx->arena, mark);
	return status;
}
