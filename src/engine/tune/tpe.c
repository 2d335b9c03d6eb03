/*-------------------------------------------------------------------------
 * tpe.c
 *	  The multivariate tree-structured Parzen estimator.
 *
 * Bergstra, Bardenet, Bengio, Kegl: "Algorithms for hyper-parameter
 * optimization", NIPS 2011; the kernels over all dimensions at once as in
 * Falkner, Klein, Hutter: "BOHB", ICML 2018.  Trials are cut into the best few
 * and the rest, both are modelled by a density (a mixture of one kernel a
 * trial and a wide one, the prior), and of candidates drawn from the first the
 * one with the greatest ratio of densities is taken.
 *
 * Dimensions that exist under the same condition form a group and are modelled
 * together, by the trials that have them; groups are drawn one after the other,
 * parents first.
 * A point costs O(CANDIDATES * trials * dimensions).
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "parzen.h"
#include "tpe.h"
#include "trials.h"

#define MOST_GOOD 25			/* trials in the better density */
#define GOOD_SHARE 0.1
#define CANDIDATES 24

/* Streams of random numbers of a trial; random points use the number itself. */
#define STREAM(number) ((number) | UINT64_C(1) << 40)

/* ---------------------------------------------------------------- sampling */

typedef struct Tpe
{
	MlContext  *ctx;
	const MlStudy *study;
	bool	   *good;			/* [capacity] is the trial among the best? */
	uint64_t	stream;
	uint64_t	counter;
} Tpe;

/*
 * Points of the good trials, or of the others and those that still run, that
 * have the dimension; in order of number.
 */
static size_t
points_with(const Tpe *tpe, size_t dimension, bool good, const double **point)
{
	size_t		n = 0;

	for (size_t i = 0; i < tpe->study->capacity; i++)
	{
		const MlTrial *trial = &tpe->study->trials[i];

		if (trial->state == ML_TRIAL_NONE || trial->state == ML_TRIAL_FAILED ||
			tpe->good[i] != good || isnan(trial->point[dimension]))
			continue;
		point[n++] = trial->point;
	}
	return n;
}

/*
 * Draws the group's dimensions of a point; the others stay as they are.  All of
 * them exist under the same condition, so the trials that have the first have all.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
static MlStatus
sample_group(Tpe *tpe, const size_t *dimension, size_t n_dimensions, double *point)
{
	const MlSpace *space = tpe->study->space;
	const double **points[2];
	ParzenDensity density[2];	/* of the good ones, of the others */
	double	   *candidate = ml_arena_alloc_array(tpe->ctx->arena, space->n, sizeof(double));
	double		best = -INFINITY;

	for (int good = 0; good < 2; good++)
	{
		MlStatus	status;
		const double **of;

		of = points[good] = ml_arena_alloc_array(tpe->ctx->arena, tpe->study->capacity, sizeof(double *));
		if (of == NULL || candidate == NULL)
			return ml_fail_memory(tpe->ctx);
		status = parzen_estimate(tpe->ctx, space, dimension, n_dimensions, of,
						  points_with(tpe, dimension[0], good, of), &density[good]);
		if (status != ML_OK)
			return status;
	}
	for (int c = 0; c < CANDIDATES; c++)
	{
		double		ratio;

		parzen_draw(&density[1], tpe->study->seed, tpe->stream, &tpe->counter, candidate);
		ratio = parzen_log_density(&density[1], candidate) - parzen_log_density(&density[0], candidate);
		if (c > 0 && !(ratio > best))
			continue;
		best = ratio;
		for (size_t j = 0; j < n_dimensions; j++)
			point[dimension[j]] = candidate[dimension[j]];
	}
	return ml_check_abort(tpe->ctx);
}

/* Do both dimensions exist in the same points? */
static bool
same_condition(const MlDimension *a, const MlDimension *b)
{
	return a->parent == b->parent && (a->parent < 0 || a->parent_choices == b->parent_choices);
}

/*
 * Fills point by groups, in the order of their first dimensions; a parent comes
 * before what depends on it.
 */
MlStatus
tpe_sample(MlContext *ctx, const MlStudy *study, size_t number, double *point)
{
	const MlSpace *space = study->space;
	Tpe			tpe = {ctx, study, NULL, STREAM(number), 0};
	size_t	   *group = ml_arena_alloc_array(ctx->arena, space->n, sizeof(size_t));
	size_t	   *ranked;
	size_t		n;
	size_t		n_good;
	MlStatus	status = study_ranked(ctx, study, &ranked, &n);

	tpe.good = ml_arena_alloc_zeroed(ctx->arena, study->capacity, sizeof(bool));
	if (status == ML_OK && (group == NULL || tpe.good == NULL))
		status = ml_fail_memory(ctx);
	if (status != ML_OK)
		return status;
	n_good = (size_t) fmin(ceil(GOOD_SHARE * (double) n), MOST_GOOD);
	for (size_t i = 0; i < n_good; i++)
		tpe.good[ranked[i]] = true;

	for (size_t first = 0; first < space->n && status == ML_OK; first++)
	{
		const MlDimension *d = &space->dimension[first];
		size_t		n_group = 0;
		bool		begun = false;

		/* a group is drawn when its first dimension comes */
		for (size_t i = 0; i < first; i++)
			begun = begun || same_condition(&space->dimension[i], d);
		if (begun)
			continue;
		for (size_t i = first; i < space->n; i++)
		{
			if (same_condition(&space->dimension[i], d))
				group[n_group++] = i;
		}
		if (ml_space_active(space, first, point))
			status = sample_group(&tpe, group, n_group, point);
		else
		{
			for (size_t j = 0; j < n_group; j++)
				point[group[j]] = NAN;
		}
	}
	return status;
}
