/*-------------------------------------------------------------------------
 * study.c
 *	  Trials, and asking for the next.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "gp.h"
#include "space.h"
#include "tpe.h"
#include "trials.h"

#define STARTUP_TRIALS 10		/* at random before a model of them is made */

const char *const ml_sampler_names[ML_SAMPLER_COUNT] = {"grid", "random", "tpe", "gp"};

int
ml_sampler_by_name(const char *name)
{
	for (int i = 0; i < ML_SAMPLER_COUNT; i++)
	{
		if (strcmp(ml_sampler_names[i], name) == 0)
			return i;
	}
	return -1;
}

/* A space that is wrong is told before a lack of memory. */
MlStatus
ml_study_create(MlContext *ctx, const MlSpace *space, MlSampler sampler, uint64_t seed,
				bool maximise, size_t capacity, MlStudy **result)
{
	MlStudy    *study = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlStudy));
	MlTrial    *trials = ml_arena_alloc_zeroed(ctx->arena, capacity, sizeof(MlTrial));
	double	   *points = ml_arena_alloc_array(ctx->arena, capacity, space->n * sizeof(double));
	MlStatus	status = ml_space_check(ctx, space, sampler == ML_SAMPLER_GRID);

	if (status != ML_OK)
		return status;
	if (study == NULL || trials == NULL || points == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < capacity; i++)
		trials[i].point = points + i * space->n;
	*study = (MlStudy) {space, sampler, seed, maximise, capacity, trials, ml_space_size(space), false};
	*result = study;
	return ML_OK;
}

/* Points of n dimensions; NaN equals NaN here. */
static bool
same_point(const double *a, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		/* a dimension that is not there is NaN */
		if (a[i] != b[i] && !(a[i] != a[i] && b[i] != b[i]))
			return false;
	}
	return true;
}

/* Has another trial than this one the point? */
static bool
was_asked(const MlStudy *study, size_t number, const double *point)
{
	for (size_t i = 0; i < study->capacity; i++)
	{
		if (i != number && study->trials[i].state != ML_TRIAL_NONE &&
			same_point(study->trials[i].point, point, study->space->n))
			return true;
	}
	return false;
}

/* Streams of random points for trials whose own was there before. */
#define OTHER_POINTS UINT64_C(0x9E3779B97F4A7C15)
#define MOST_DRAWS 100
#define FEW_POINTS 20000		/* more than any study has trials */

/*
 * Another point for a trial whose own was asked for before: a random one, then
 * the first that is left from a random one on.  False if none is left.
 */
static bool
find_other_point(const MlStudy *study, size_t number, double *point)
{
	size_t		n = study->n_points;
	size_t		first;

	for (uint64_t draw = 0; draw < MOST_DRAWS; draw++)
	{
		ml_space_random(study->space, study->seed ^ OTHER_POINTS, number * MOST_DRAWS + draw, point);
		if (!was_asked(study, number, point))
			return true;
	}
	if (n > FEW_POINTS)
		return true;			/* cannot happen: most of them are left */
	first = (size_t) (ml_random_u64(study->seed, number, 0) % n);
	for (size_t i = 0; i < n; i++)
	{
		if (space_point(study->space, (first + i) % n, point) && !was_asked(study, number, point))
			return true;
	}
	return false;
}

/*
 * Random points first, because a model of fewer than STARTUP_TRIALS trials says
 * nothing.  What samplers take from the arena is given back.
 */
MlStatus
ml_study_ask(MlContext *ctx, MlStudy *study, size_t *number)
{
	size_t		next = 0;
	double	   *point;
	MlArenaMark mark;
	MlStatus	status = ML_OK;

	*number = SIZE_MAX;
	while (next < study->capacity && study->trials[next].state != ML_TRIAL_NONE)
		next++;
	if (next == study->capacity)
		return ML_OK;
	point = study->trials[next].point;
	mark = ml_arena_mark(ctx->arena);
	if (study->sampler == ML_SAMPLER_GRID)
	{
		if (!ml_space_grid_point(study->space, next, point))
			return ML_OK;
	}
	else if (study->sampler == ML_SAMPLER_RANDOM || next < STARTUP_TRIALS ||
			 study_ended(study) < STARTUP_TRIALS)
		ml_space_random(study->space, study->seed, next, point);
	else if (study->sampler == ML_SAMPLER_TPE)
		status = tpe_sample(ctx, study, next, point);
	else
		status = gp_sample(ctx, study, next, point);
	ml_arena_release(ctx->arena, mark);
	if (status != ML_OK)
		return status;
	/* a grid has each point once; another sampler may insist on one, also where they have no end */
	if (study->sampler != ML_SAMPLER_GRID && was_asked(study, next, point) && !find_other_point(study, next, point))
	{
		study->exhausted = true;
		return ML_OK;
	}
	study->trials[next].state = ML_TRIAL_RUNNING;
	*number = next;
	return ML_OK;
}

/* A NaN counts as failed: it can be neither better nor worse. */
void
ml_study_tell(MlStudy *study, size_t number, MlTrialState state, double value, int steps)
{
	MlTrial    *trial = &study->trials[number];

	trial->state = value == value ? state : ML_TRIAL_FAILED;
	trial->value = value;
	trial->steps = steps;
}

void
ml_study_add(MlStudy *study, size_t number, const double *point, MlTrialState state,
			 double value, int steps)
{
	memcpy(study->trials[number].point, point, study->space->n * sizeof(double));
	ml_study_tell(study, number, state, value, steps);
}
