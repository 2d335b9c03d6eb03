/*-------------------------------------------------------------------------
 * shortfall.c
 *	  Why a policy's threshold does not do what was asked, or does it by flagging
 *	  nothing: in words, for training and for mlops.thresholds.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/train.h"

/* What a policy asks for: its metric's name and value here; NULL: no metric. */
const char *
mltrain_target_metric(const MlThresholdPolicy *policy, const MlEvaluation *e, double *value)
{
	switch (policy->kind)
	{
		case ML_THRESHOLD_MIN_PRECISION:
			*value = e->precision;
			return "precision";
		case ML_THRESHOLD_MIN_RECALL:
			*value = e->recall;
			return "recall";
		case ML_THRESHOLD_ALERT_RATE:
			*value = e->alert_rate;
			return "alert_rate";
		case ML_THRESHOLD_MAX_FPR:
			*value = e->false_positive_rate;
			return "false_positive_rate";
		default:
			*value = NAN;
			return NULL;
	}
}

/* What percentage of the rows, or of the negative ones, has the highest score. */
static double
percent_on_top(const MlThresholdShortfall *s, bool negatives)
{
	double		highest = -INFINITY;
	size_t		rows = 0;
	size_t		on_top = 0;

	for (size_t i = 0; i < s->n; i++)
		highest = fmax(highest, s->score[i]);
	for (size_t i = 0; i < s->n; i++)
	{
		if (negatives && s->label[i] != 0)
			continue;
		rows++;
		on_top += s->score[i] == highest;
	}
	return 100.0 * on_top / Max(rows, 1);
}

/* Why no threshold that flags something is better than one that flags nothing. */
static const char *
why_nothing(const MlThresholdPolicy *policy, const MlThresholdShortfall *s)
{
	switch (policy->kind)
	{
		case ML_THRESHOLD_ALERT_RATE:
			if (policy->value == 0)
				return "That was asked for.";
			return psprintf("\"alert_rate\" %g was asked for, but %.4g %% of these rows have the highest score and would be flagged together.",
							policy->value, percent_on_top(s, false));
		case ML_THRESHOLD_MAX_FPR:
			if (percent_on_top(s, true) <= 100 * policy->value)
				return psprintf("\"max_fpr\" %g was asked for; no threshold that keeps to it flags a positive row.", policy->value);
			return psprintf("\"max_fpr\" %g was asked for, but %.4g %% of the negative rows have the highest score and would be flagged together.",
							policy->value, percent_on_top(s, true));
		case ML_THRESHOLD_COST:
			return "No threshold that flags a row costs less.";
		case ML_THRESHOLD_MAX:
			return psprintf("No threshold that flags a row has a greater %s.", mltrain_objective_name(policy->objective));
		default:
			return "No threshold that flags a row is better.";
	}
}

char *
mltrain_threshold_shortfall(const MlThresholdPolicy *policy, const MlThresholdShortfall *s)
{
	double		best;
	const char *metric = mltrain_target_metric(policy, s->evaluation, &best);
	bool		flags = s->evaluation->alert_rate > 0;

	if (policy->kind == ML_THRESHOLD_VALUE || (s->reached && flags))
		return NULL;
	if (!flags)
		return psprintf("Threshold %g flags none of the %s. %s", s->evaluation->threshold, s->rows, why_nothing(policy, s));
	if (metric)
		return psprintf("\"%s\" %g was asked for; the best that can be reached is %.4g, with threshold %g, which is chosen.",
						metric, policy->value, best, s->evaluation->threshold);
	return psprintf("The nearest one, %g, is chosen.", s->evaluation->threshold);
}
