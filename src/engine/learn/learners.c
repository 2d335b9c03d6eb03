/*-------------------------------------------------------------------------
 * learners.c
 *	  All learners, by name.
 *-------------------------------------------------------------------------
 */
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
