/*-------------------------------------------------------------------------
 * learners.c
 *	  All learners, by name; what all of them ask of labels and weights.
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <string.h>

#include "mlops/engine/learn.h"

const MlLearner *const ml_learners[] = {
	&ml_gradient_boosting,
	&ml_logistic_regression,
	NULL
};

const MlLearner *
ml_learner_by_name(const char *name)
{
	for (int i = 0; ml_learners[i]; i++)
	{
		if (strcmp(ml_learners[i]->name, name) == 0)
			return ml_learners[i];
	}
	return NULL;
}

/* Letter by letter: is it the name in another spelling? */
static bool
is_spelt(const char *text, const char *name)
{
	for (; *text; text++)
	{
		if (*text == ' ' || *text == '-' || *text == '_')
			continue;
		if (((*text >= 'A' && *text <= 'Z') ? *text - 'A' + 'a' : *text) != *name++)
			return false;
	}
	return *name == '\0';
}

const MlLearner *
ml_learner_like(const char *name)
{
	for (int i = 0; ml_learners[i]; i++)
	{
		for (const char *const *like = ml_learners[i]->like; *like; like++)
		{
			if (is_spelt(name, *like))
				return ml_learners[i];
		}
	}
	return NULL;
}

/* Defaults are doubles in the table, whatever the type of the field. */
void
ml_params_init(const MlLearner *learner, void *params)
{
	memset(params, 0, learner->params_size);
	for (size_t i = 0; i < learner->n_params; i++)
	{
		const MlParamSpec *spec = &learner->params[i];
		void	   *field = (char *) params + spec->offset;

		switch (spec->type)
		{
			case ML_PARAM_INT:
			case ML_PARAM_CHOICE:
				*(int *) field = (int) spec->default_value;
				break;
			case ML_PARAM_FLOAT:
				*(double *) field = spec->default_value;
				break;
			case ML_PARAM_BOOL:
				*(bool *) field = spec->default_value != 0;
				break;
			case ML_PARAM_CONSTRAINTS:
				break;			/* none: all zero */
		}
	}
}

/* Rows between two questions whether to abort. */
#define ROWS_PER_POLL 16384

/* One pass.  Negative, infinite and NaN weights all fail one comparison. */
MlStatus
ml_task_weights(MlContext *ctx, const MlTask *task, double scale_pos_weight, MlTaskWeights *w)
{
	*w = (MlTaskWeights) {{0, 0}, 0};
	for (size_t i = 0; i < task->train.n; i++)
	{
		uint32_t	row = task->train.row[i];
		float		label = task->label[row];
		double		weight = task->weight ? task->weight[row] : 1;

		if (i % ROWS_PER_POLL == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if (label != 0 && label != 1)
			return ml_fail(ctx, ML_BAD_DATA, "label %g of a training row is neither 0 nor 1", label);
		if (!(weight >= 0 && weight <= FLT_MAX))
			return ml_fail(ctx, ML_BAD_DATA, "weight %g of a training row is not a finite number from 0 up",
						   weight);
		if (label == 1)
			weight *= scale_pos_weight;
		w->sum[label == 1] += weight;
		w->largest = fmax(w->largest, weight);
	}
	if (!(w->sum[0] > 0 && w->sum[1] > 0))
		return ml_fail(ctx, ML_BAD_DATA, "none of the %zu training rows has label %d and a weight above 0",
					   task->train.n, w->sum[0] > 0 ? 1 : 0);
	if (w->largest > FLT_MAX / 2)
		return ml_fail(ctx, ML_BAD_DATA, "weight %g of a training row is too large", w->largest);
	return ML_OK;
}
