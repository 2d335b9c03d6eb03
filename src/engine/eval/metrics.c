/*-------------------------------------------------------------------------
 * metrics.c
 *	  Metrics over a ranking, over confusion counts and over probabilities.
 *
 * Definitions are scikit-learn's (roc_auc_score, average_precision_score,
 * matthews_corrcoef, log_loss, brier_score_loss ...); the two-sample
 * Kolmogorov-Smirnov statistic is SciPy's ks_2samp.  Running counts are whole
 * numbers without weights and therefore exact; sums of fractions are
 * compensated.
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

/* ---------------------------------------------------------------- rankings */

/* Rounding must not carry a metric past its bounds; NaN stays. */
static double
within(double low, double value, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* Area under the ROC curve: trapezoids, so ties count half. */
double
ml_roc_auc(const MlRanking *r)
{
	MlSum		area = {0};
	double		true_positives = 0;

	if (!(r->total_positives > 0 && r->total_negatives > 0))
		return NAN;
	for (size_t i = 0; i < r->n; i++)
	{
		ml_sum_add(&area, r->negatives[i] * (true_positives + r->positives[i] / 2));
		true_positives += r->positives[i];
	}
	return within(0, ml_sum_value(area) / (r->total_positives * r->total_negatives), 1);
}

/* Sum over thresholds of (recall step) * precision; no interpolation. */
double
ml_average_precision(const MlRanking *r)
{
	MlSum		sum = {0};
	double		true_positives = 0;
	double		flagged = 0;

	if (!(r->total_positives > 0))
		return NAN;
	for (size_t i = 0; i < r->n; i++)
	{
		true_positives += r->positives[i];
		flagged += r->positives[i] + r->negatives[i];
		/* most groups of a rare event hold no positive: no step, no division */
		if (r->positives[i] > 0)
			ml_sum_add(&sum, r->positives[i] * (true_positives / flagged));
	}
	return within(0, ml_sum_value(sum) / r->total_positives, 1);
}

/*
 * The greatest distance between the scores' distributions of both classes, ties
 * taken together.
 */
double
ml_ks_statistic(const MlRanking *r)
{
	double		greatest = 0;
	double		true_positives = 0;
	double		false_positives = 0;

	if (!(r->total_positives > 0 && r->total_negatives > 0))
		return NAN;
	for (size_t i = 0; i < r->n; i++)
	{
		double		distance;

		true_positives += r->positives[i];
		false_positives += r->negatives[i];
		distance = fabs(true_positives / r->total_positives - false_positives / r->total_negatives);
		greatest = distance > greatest ? distance : greatest;
	}
	return within(0, greatest, 1);
}

/* One pass: a ranking may have any number of thresholds asked of it. */
MlConfusion
ml_confusion_at(const MlRanking *r, double threshold)
{
	MlConfusion c = {0};

	for (size_t i = 0; i < r->n; i++)
	{
		bool		flagged = r->score[i] >= threshold;

		*(flagged ? &c.true_positives : &c.false_negatives) += r->positives[i];
		*(flagged ? &c.false_positives : &c.true_negatives) += r->negatives[i];
	}
	return c;
}

/*
 * The false positive rate only rises as more is flagged: the walk ends at the first
 * group that exceeds it.
 */
double
ml_recall_at_fpr(const MlRanking *r, double most)
{
	double		true_positives = 0;
	double		false_positives = 0;

	if (!(r->total_positives > 0 && r->total_negatives > 0))
		return NAN;
	for (size_t i = 0; i < r->n; i++)
	{
		false_positives += r->negatives[i];
		if (false_positives / r->total_negatives > most)
			break;
		true_positives += r->positives[i];
	}
	return within(0, true_positives / r->total_positives, 1);
}

/* k may be any number. */
MlTop
ml_top(const MlRanking *r, double k)
{
	MlTop		top = {.border = INFINITY};

	for (size_t i = 0; i < r->n && top.taken < k; i++)
	{
		double		group = r->positives[i] + r->negatives[i];

		top.border = r->score[i];
		if (group <= k - top.taken)
		{
			top.share = 1;
			top.positives += r->positives[i];
			top.taken += group;
		}
		else
		{
			top.share = (k - top.taken) / group;
			top.positives += r->positives[i] * top.share;
			top.taken = k;
		}
	}
	return top;
}

double
ml_precision_at(const MlRanking *r, double k)
{
	MlTop		top = ml_top(r, k);

	return top.taken > 0 ? within(0, top.positives / top.taken, 1) : NAN;
}

/* ---------------------------------------------------------------- counts */

/*
 * A share of nothing is not defined: NaN, as scikit-learn gives for
 * zero_division=np.nan (its default, 0, cannot be told from a bad model).
 */
static double
ratio(double numerator, double denominator)
{
	return denominator > 0 ? numerator / denominator : NAN;
}

double
ml_accuracy(const MlConfusion *c)
{
	return ratio(c->true_positives + c->true_negatives,
				 c->true_positives + c->true_negatives + c->false_positives + c->false_negatives);
}

double
ml_precision(const MlConfusion *c)
{
	return ratio(c->true_positives, c->true_positives + c->false_positives);
}

double
ml_recall(const MlConfusion *c)
{
	return ratio(c->true_positives, c->true_positives + c->false_negatives);
}

double
ml_f1(const MlConfusion *c)
{
	return ratio(2 * c->true_positives,
				 2 * c->true_positives + c->false_positives + c->false_negatives);
}

/*
 * Matthews: "Comparison of the predicted and observed secondary structure of T4
 * phage lysozyme", Biochimica et Biophysica Acta 405, 1975.
 */
double
ml_mcc(const MlConfusion *c)
{
	double		flagged = c->true_positives + c->false_positives;
	double		passed = c->true_negatives + c->false_negatives;
	double		positives = c->true_positives + c->false_negatives;
	double		negatives = c->true_negatives + c->false_positives;

	/* two roots: the product of four counts of a billion is past 2^53 by far */
	return within(-1, ratio(c->true_positives * c->true_negatives - c->false_positives * c->false_negatives,
							sqrt(flagged * passed) * sqrt(positives * negatives)), 1);
}

double
ml_false_positive_rate(const MlConfusion *c)
{
	return ratio(c->false_positives, c->false_positives + c->true_negatives);
}

double
ml_alert_rate(const MlConfusion *c)
{
	return ratio(c->true_positives + c->false_positives,
				 c->true_positives + c->true_negatives + c->false_positives + c->false_negatives);
}

/* ---------------------------------------------------------------- probabilities */

double
ml_log_loss_of(double score, bool positive)
{
	double		p = positive ? score : 1 - score;

	p = p < DBL_EPSILON ? DBL_EPSILON : p > 1 - DBL_EPSILON ? 1 - DBL_EPSILON : p;
	return -log(p);
}

static double
mean(MlSum values, MlSum weights)
{
	double		weight = ml_sum_value(weights);

	return weight > 0 ? ml_sum_value(values) / weight : NAN;
}

double
ml_log_loss(size_t n, const double *score, const float *label, const float *weight)
{
	MlSum		losses = {0};
	MlSum		weights = {0};

	for (size_t i = 0; i < n; i++)
	{
		double		w = weight ? weight[i] : 1;

		ml_sum_add(&losses, w * ml_log_loss_of(score[i], label[i] == 1));
		ml_sum_add(&weights, w);
	}
	return mean(losses, weights);
}

double
ml_brier(size_t n, const double *score, const float *label, const float *weight)
{
	MlSum		errors = {0};
	MlSum		weights = {0};

	for (size_t i = 0; i < n; i++)
	{
		double		w = weight ? weight[i] : 1;
		double		error = score[i] - (label[i] == 1);

		ml_sum_add(&errors, w * (error * error));
		ml_sum_add(&weights, w);
	}
	return mean(errors, weights);
}

/* ---------------------------------------------------------------- as data */

#define METRIC(name, smaller, least, most, undefined) {#name, offsetof(MlEvaluation, name), smaller, least, most, undefined}

const MlMetricInfo ml_metrics[ML_N_METRICS] = {
	[ML_METRIC_PR_AUC] = METRIC(pr_auc, false, 0, 1, "there are no positives"),
	[ML_METRIC_ROC_AUC] = METRIC(roc_auc, false, 0, 1, "there is only one class"),
	[ML_METRIC_LOG_LOSS] = METRIC(log_loss, true, 0, INFINITY, "there are no rows"),
	[ML_METRIC_BRIER] = METRIC(brier, true, 0, 1, "there are no rows"),
	[ML_METRIC_KS] = METRIC(ks, false, 0, 1, "there is only one class"),
	[ML_METRIC_RECALL_AT_FPR] = METRIC(recall_at_fpr, false, 0, 1, "there is only one class"),
	METRIC(accuracy, false, 0, 1, "there are no rows"),
	METRIC(precision, false, 0, 1, "nothing is flagged"),
	METRIC(recall, false, 0, 1, "there are no positives"),
	METRIC(f1, false, 0, 1, "nothing is flagged or positive"),
	METRIC(mcc, false, -1, 1, "all are flagged or none, or there is only one class"),
	METRIC(false_positive_rate, true, 0, 1, "there are no negatives"),
	METRIC(alert_rate, true, 0, 1, "there are no rows"),
	/* what is saved is a negative cost */
	METRIC(expected_cost, true, -INFINITY, INFINITY, "no costs are given"),
};

int
ml_metric_by_name(const char *name)
{
	for (int i = 0; i < ML_N_METRICS; i++)
	{
		if (strcmp(ml_metrics[i].name, name) == 0)
			return i;
	}
	return -1;
}

double
ml_metric_of(const MlEvaluation *evaluation, int i)
{
	return *(const double *) ((const char *) evaluation + ml_metrics[i].field);
}

/* metric: one that needs an order; the others are of rows. */
static double
of_ranking(const MlRanking *ranking, MlMetric metric)
{
	switch (metric)
	{
		case ML_METRIC_PR_AUC:
			return ml_average_precision(ranking);
		case ML_METRIC_ROC_AUC:
			return ml_roc_auc(ranking);
		case ML_METRIC_RECALL_AT_FPR:
			return ml_recall_at_fpr(ranking, ML_MOST_FPR);
		default:
			return ml_ks_statistic(ranking);
	}
}

MlStatus
ml_metric_value(MlContext *ctx, MlMetric metric, size_t n, const double *score,
				const float *label, const float *weight, double *value)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlRanking	ranking;
	MlStatus	status;

	*value = NAN;
	if (metric == ML_METRIC_LOG_LOSS)
	{
		*value = ml_log_loss(n, score, label, weight);
		return ML_OK;
	}
	if (metric == ML_METRIC_BRIER)
	{
		*value = ml_brier(n, score, label, weight);
		return ML_OK;
	}
	status = ml_ranking_create(ctx, n, score, label, weight, &ranking);
	if (status == ML_OK)
		*value = of_ranking(&ranking, metric);
	ml_arena_release(ctx->arena, mark);
	return status;
}
