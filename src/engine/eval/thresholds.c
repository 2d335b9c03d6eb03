/*-------------------------------------------------------------------------
 * thresholds.c
 *	  Choosing the threshold that a policy asks for.
 *
 * A walk down the ranking: each distinct score is a candidate, and one above
 * all of them that flags nothing.  Values that differ by less than rounding
 * does are ties, and ties go to the higher threshold.
 * O(n) after the sort; costs by row add O(n log n).
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

/* Steps between two questions whether to abort: a few milliseconds. */
#define STEPS_PER_POLL 65536

/* Equal values computed from different counts differ by a few 2^-53. */
#define ROUNDING 1e-14

/*
 * How good a candidate is: among those that satisfy the policy's condition the
 * greatest goodness wins, if there are none the greatest nearness.
 */
typedef struct Verdict
{
	bool		satisfies;
	double		goodness;
	double		nearness;
} Verdict;

/* A metric that is not defined is no reason to choose a threshold: it ranks as 0. */
static double
or_nothing(double metric)
{
	return isnan(metric) ? 0 : metric;
}

/* Greater is better, whatever the objective. */
static double
objective_value(MlThresholdObjective objective, const MlConfusion *c)
{
	switch (objective)
	{
		case ML_OBJECTIVE_MCC:
			return or_nothing(ml_mcc(c));
		case ML_OBJECTIVE_YOUDEN:
			return or_nothing(ml_recall(c)) - or_nothing(ml_false_positive_rate(c));
		case ML_OBJECTIVE_ACCURACY:
			return or_nothing(ml_accuracy(c));
		default:
			return or_nothing(ml_f1(c));
	}
}

/* c: counts when the candidate flags; cost: what errors then cost in total. */
static Verdict
judge_candidate(const MlThresholdPolicy *policy, const MlConfusion *c, double cost)
{
	double		precision = or_nothing(ml_precision(c));
	double		recall = or_nothing(ml_recall(c));
	double		alert_rate = or_nothing(ml_alert_rate(c));
	double		false_alarms = or_nothing(ml_false_positive_rate(c));
	bool		flags = c->true_positives + c->false_positives > 0;

	switch (policy->kind)
	{
		case ML_THRESHOLD_MIN_PRECISION:
			/* who flags nothing has no precision to speak of, nor is it near to any */
			return (Verdict) {flags && precision >= policy->value, recall, flags ? precision : -1};
		case ML_THRESHOLD_MIN_RECALL:
			return (Verdict) {recall >= policy->value, precision, recall};
		case ML_THRESHOLD_ALERT_RATE:
			return (Verdict) {alert_rate <= policy->value, alert_rate, -alert_rate};
		case ML_THRESHOLD_MAX_FPR:
			return (Verdict) {false_alarms <= policy->value, recall, -false_alarms};
		case ML_THRESHOLD_COST:
			return (Verdict) {true, -cost, 0};
		default:
			return (Verdict) {true, objective_value(policy->objective, c), 0};
	}
}

/* May a policy be met by flagging nothing?  Where that is asked for, or costs least. */
static bool
may_flag_nothing(const MlThresholdPolicy *policy)
{
	return policy->kind == ML_THRESHOLD_COST || (policy->kind == ML_THRESHOLD_ALERT_RATE && policy->value == 0);
}

/*
 * change [ranking->n] is NULL without costs; cost starts as what missing all costs.
 * *reached is false before.  Errors: ML_ABORTED.
 */
static MlStatus
choose(MlContext *ctx, const MlThresholdPolicy *policy, const MlRanking *ranking,
	   const MlSum *change, MlSum cost, double *threshold, bool *reached)
{
	double		above_all = nextafter(ranking->score[0], INFINITY);
	MlConfusion c = {0};
	double		best_goodness = 0;
	double		best_nearness = 0;
	double		nearest = ranking->score[0];

	/* shares are at most 1, costs are of the size of what missing all costs */
	double		tie = ROUNDING * (change ? fabs(ml_sum_value(cost)) : 1);
	bool		is_first = true;
	bool		flags = true;	/* does *threshold flag anything? */

	c.true_negatives = ranking->total_negatives;
	c.false_negatives = ranking->total_positives;
	for (size_t i = 0; i <= ranking->n; i++)
	{
		double		candidate = i == 0 ? above_all : ranking->score[i - 1];
		Verdict		verdict;

		if (i % STEPS_PER_POLL == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if (i > 0)
		{
			c.true_positives += ranking->positives[i - 1];
			c.false_positives += ranking->negatives[i - 1];
			c.true_negatives = fmax(ranking->total_negatives - c.false_positives, 0);
			c.false_negatives = fmax(ranking->total_positives - c.true_positives, 0);
			if (change)
				ml_sum_merge(&cost, change[i - 1]);
		}
		if (isinf(candidate))
			continue;			/* nothing is above the greatest number */
		verdict = judge_candidate(policy, &c, ml_sum_value(cost));
		if (verdict.satisfies && (!*reached || verdict.goodness > best_goodness + tie))
		{
			*reached = true;
			best_goodness = verdict.goodness;
			*threshold = candidate;
			flags = i > 0;
		}
		if (is_first || verdict.nearness > best_nearness + tie)
		{
			is_first = false;
			best_nearness = verdict.nearness;
			nearest = candidate;
		}
	}
	if (!*reached)
		*threshold = nearest;
	*reached = *reached && (flags || may_flag_nothing(policy));
	return ML_OK;
}

/* The ranking is given back.  A fixed value is answered without looking at rows. */
MlStatus
ml_choose_threshold(MlContext *ctx, const MlThresholdPolicy *policy, size_t n,
					const double *score, const float *label, const float *weight,
					double *threshold, bool *reached)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlRanking	ranking;
	MlCostSteps costs = {0};
	MlStatus	status;

	*reached = policy->kind == ML_THRESHOLD_VALUE;
	*threshold = policy->value;
	if (*reached)
		return ML_OK;
	status = ml_ranking_create(ctx, n, score, label, weight, &ranking);
	if (status == ML_OK && ranking.n == 0)
		status = ml_fail(ctx, ML_BAD_DATA, "there are no rows to choose a threshold on");
	if (status == ML_OK && policy->kind == ML_THRESHOLD_COST)
		status = ml_cost_steps(ctx, &ranking, &policy->costs, n, score, label, weight, &costs);
	if (status == ML_OK)
		status = choose(ctx, policy, &ranking, costs.change, costs.unflagged, threshold, reached);
	ml_arena_release(ctx->arena, mark);
	return status;
}
