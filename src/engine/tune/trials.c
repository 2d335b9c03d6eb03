/*-------------------------------------------------------------------------
 * trials.c
 *	  The trials of a study that have ended: how many, in which order, the best.
 *-------------------------------------------------------------------------
 */
#include "trials.h"

static bool
has_value(const MlTrial *trial)
{
	return trial->state == ML_TRIAL_FINISHED || trial->state == ML_TRIAL_PRUNED;
}

size_t
study_ended(const MlStudy *study)
{
	size_t		n = 0;

	for (size_t i = 0; i < study->capacity; i++)
		n += has_value(&study->trials[i]);
	return n;
}

/* Does trial a come before b?  Both have a value; equal ones do not. */
static bool
ranks_before(const MlStudy *study, const MlTrial *a, const MlTrial *b)
{
	if (a->state != b->state)
		return a->state == ML_TRIAL_FINISHED;
	if (a->state == ML_TRIAL_PRUNED && a->steps != b->steps)
		return a->steps > b->steps;
	return ml_study_better(study, a->value, b->value);
}

/* An insertion sort: stable, and studies are small. */
MlStatus
study_ranked(MlContext *ctx, const MlStudy *study, size_t **result, size_t *n)
{
	size_t	   *ranked = ml_arena_alloc_array(ctx->arena, study_ended(study), sizeof(size_t));

	if (ranked == NULL)
		return ml_fail_memory(ctx);
	*n = 0;
	for (size_t i = 0; i < study->capacity; i++)
	{
		size_t		at;

		if (!has_value(&study->trials[i]))
			continue;
		for (at = (*n)++; at > 0 && ranks_before(study, &study->trials[i], &study->trials[ranked[at - 1]]); at--)
			ranked[at] = ranked[at - 1];
		ranked[at] = i;
	}
	*result = ranked;
	return ML_OK;
}

size_t
ml_study_best(const MlStudy *study)
{
	size_t		best = SIZE_MAX;

	for (size_t i = 0; i < study->capacity; i++)
	{
		if (study->trials[i].state == ML_TRIAL_FINISHED &&
			(best == SIZE_MAX || ml_study_better(study, study->trials[i].value, study->trials[best].value)))
			best = i;
	}
	return best;
}
