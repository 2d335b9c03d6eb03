/*-------------------------------------------------------------------------
 * gp.c
 *	  The next point by a Gaussian process: where the improvement over the best
 *	  trial is expected to be greatest.
 *
 * Jones, Schonlau, Welch: "Efficient global optimization of expensive
 * black-box functions", Journal of Global Optimization 13, 1998.  The expected
 * improvement is searched by random points, then by smaller and smaller steps
 * from the best of them and from the best trials.  Trials that still run count
 * with the worst value so far.
 * A point costs O(n^3) for n <= MOST_TRIALS observations in each step of the
 * fit, and O(n^2) for each of some 1,500 candidates.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "gp.h"
#include "gp_model.h"
#include "space.h"
#include "trials.h"

#define MOST_TRIALS 300			/* the best and the newest of them */
#define BLOCK 64				/* candidates at a time */
#define RANDOM_BLOCKS 16
#define STARTS 5				/* points that are refined */
#define REFINEMENTS 8

#define STREAM(number, block) ((uint64_t) (number) << 20 | (uint64_t) (block) | UINT64_C(1) << 60)

/* One search; everything it points to is in ctx->arena. */
typedef struct Search
{
	MlContext  *ctx;
	const MlStudy *study;
	const GpModel *model;
	size_t		number;
	double		best_y;			/* of the trials, standardised */
	double	   *candidate;		/* [BLOCK][n] */
	double	   *encoded;		/* [BLOCK][width] */
	double	   *work;
	double		mean[BLOCK];
	double		deviation[BLOCK];
	/* best points so far, the best first */
	int			n_found;
	double		found_score[STARTS];
	double	   *found;			/* [STARTS][n] */
} Search;

/*
 * Logarithm of the expected improvement below best, for a normal mean and deviation
 * > 0.  Logarithms, because far from the best trial the improvement itself is 0 in
 * double precision and gives no direction.
 */
static double
log_improvement(double best, double mean, double deviation)
{
	double		z = (best - mean) / deviation;
	double		density = exp(-z * z / 2) * 0.39894228040143267794;
	double		improvement = z * 0.5 * erfc(-z * 0.70710678118654752440) + density;

	/* far below zero the two terms cancel: density / z^2 remains */
	if (z < -5)
		return log(deviation) - z * z / 2 - 0.91893853320467274178 - 2 * log(-z);
	return log(deviation * improvement);
}

/* Is there a trial at this point already, whatever became of it? */
static bool
tried(const MlStudy *study, const double *point)
{
	for (size_t i = 0; i < study->capacity; i++)
	{
		bool		same = study->trials[i].state != ML_TRIAL_NONE;

		for (size_t d = 0; same && d < study->space->n; d++)
		{
			double		other = study->trials[i].point[d];

			same = other == point[d] || (isnan(other) && isnan(point[d]));
		}
		if (same)
			return true;
	}
	return false;
}

/*
 * Keeps a point (copied) if it is among the STARTS best found; of equal scores the
 * earlier one is ahead.
 */
static void
keep(Search *s, const double *point, double score)
{
	size_t		n = s->study->space->n;
	int			at = s->n_found;

	if (s->n_found < STARTS)
		s->n_found++;
	else if (score > s->found_score[STARTS - 1])
		at = STARTS - 1;
	else
		return;
	while (at > 0 && score > s->found_score[at - 1])
	{
		s->found_score[at] = s->found_score[at - 1];
		memcpy(s->found + at * n, s->found + (at - 1) * n, n * sizeof(double));
		at--;
	}
	s->found_score[at] = score;
	memcpy(s->found + at * n, point, n * sizeof(double));
}

/*
 * Predicts all BLOCK candidates, and keeps those that are good and not tried.
 * Errors: ML_ABORTED.
 */
static MlStatus
judge(Search *s)
{
	const MlSpace *space = s->study->space;

	for (int i = 0; i < BLOCK; i++)
		gp_encode(space, s->candidate + i * space->n, s->encoded + i * s->model->width);
	gp_predict(s->ctx, s->model, BLOCK, s->encoded, s->work, s->mean, s->deviation);
	for (int i = 0; i < BLOCK; i++)
	{
		double		score = log_improvement(s->best_y, s->mean[i], s->deviation[i]);

		if ((s->n_found < STARTS || score > s->found_score[STARTS - 1]) &&
			!tried(s->study, s->candidate + i * space->n))
			keep(s, s->candidate + i * space->n, score);
	}
	return ml_check_abort(s->ctx);
}

/*
 * A point near `from`: some ranges moved by a normal step of reach times their
 * width, seldom another choice.  Parents come first, so that what `to` has decides
 * which dimensions it has.
 */
static void
move(const Search *s, const double *from, double reach, uint64_t stream, double *to)
{
	const MlSpace *space = s->study->space;

	for (size_t i = 0; i < space->n; i++)
	{
		const MlDimension *d = &space->dimension[i];
		uint64_t	seed = s->study->seed;
		double		u = ml_random_uniform(seed, stream, 3 * i);
		double		v = ml_random_uniform(seed, stream, 3 * i + 1);

		if (!ml_space_active(space, i, to))
			to[i] = NAN;
		else if (d->kind == ML_DIMENSION_CHOICE)
			to[i] = isnan(from[i]) || u < 0.1 ? floor(v * d->n_choices) : from[i];
		else if (isnan(from[i]))
			to[i] = space_outer(d, space_low(d) + v * (space_high(d) - space_low(d)));
		else if (u < 0.5)
			to[i] = space_outer(d, space_inner(d, from[i]) + reach * (space_high(d) - space_low(d)) *
								ml_random_normal(seed, stream, 3 * i + 2));
		else
			to[i] = from[i];
	}
}

/*
 * Fills found.  The refinements' reach shrinks by 0.6 a round, from 0.2 of a range
 * to about 0.006.  Errors: ML_ABORTED.
 */
static MlStatus
search(Search *s)
{
	size_t		n = s->study->space->n;
	uint64_t	block = 0;
	double		reach = 0.2;
	MlStatus	status = ML_OK;

	for (; status == ML_OK && block < RANDOM_BLOCKS; block++)
	{
		for (int i = 0; i < BLOCK; i++)
			ml_space_random(s->study->space, s->study->seed,
							STREAM(s->number, block * BLOCK + i), s->candidate + i * n);
		status = judge(s);
	}
	for (int r = 0; status == ML_OK && r < REFINEMENTS; r++, reach *= 0.6)
	{
		size_t		best_trial = ml_study_best(s->study);

		for (int i = 0; i < BLOCK; i++)
		{
			const double *from = i % (STARTS + 1) < s->n_found ? s->found + i % (STARTS + 1) * n
				: best_trial != SIZE_MAX ? s->study->trials[best_trial].point : s->found;

			if (s->n_found == 0 && best_trial == SIZE_MAX)
				break;
			move(s, from, reach, STREAM(s->number, (block + r) * BLOCK + i), s->candidate + i * n);
		}
		status = judge(s);
	}
	return status;
}

/*
 * Points and values of the trials for the model: [*n] of each, in ctx->arena,
 * smaller is better, extreme bad ones cut.  Of more than MOST_TRIALS trials the
 * best third and the newest two thirds count.  There must be one that ended.
 * Errors: ML_OUT_OF_MEMORY.
 */
static MlStatus
observe(MlContext *ctx, const MlStudy *study, const double ***point, double **y, size_t *n)
{
	size_t	   *ranked;
	size_t		n_ended;
	double		worst;
	double		cut;
	double		sign = study->maximise ? -1 : 1;
	MlStatus	status = study_ranked(ctx, study, &ranked, &n_ended);
	size_t		newest;

	if (status != ML_OK)
		return status;
	*point = ml_arena_alloc_array(ctx->arena, study->capacity, sizeof(double *));
	*y = ml_arena_alloc_array(ctx->arena, study->capacity, sizeof(double));
	if (*point == NULL || *y == NULL)
		return ml_fail_memory(ctx);
	*n = 0;
	newest = study->capacity;
	for (size_t left = MOST_TRIALS * 2 / 3; left > 0 && newest > 0; newest--)
		left -= study->trials[newest - 1].state != ML_TRIAL_NONE;
	for (size_t r = 0; r < n_ended; r++)
	{
		const MlTrial *trial = &study->trials[ranked[r]];

		if (r >= MOST_TRIALS / 3 && ranked[r] < newest)
			continue;
		(*point)[*n] = trial->point;
		(*y)[(*n)++] = sign * trial->value;
	}
	/* a few terrible values would leave no resolution for the good ones */
	cut = sign * study->trials[ranked[n_ended / 2]].value;
	cut += 4 * (cut - (*y)[0]);
	worst = (*y)[0];
	for (size_t i = 0; i < *n; i++)
	{
		if (cut > (*y)[0])
			(*y)[i] = fmin((*y)[i], cut);
		worst = fmax(worst, (*y)[i]);
	}
	for (size_t i = 0; i < study->capacity; i++)
	{
		if (study->trials[i].state != ML_TRIAL_RUNNING)
			continue;
		(*point)[*n] = study->trials[i].point;
		(*y)[(*n)++] = worst;
	}
	return ML_OK;
}

/* Models everything that ended, and what runs with the worst value; then searches. */
MlStatus
gp_sample(MlContext *ctx, const MlStudy *study, size_t number, double *point)
{
	const MlSpace *space = study->space;
	GpModel		model;
	Search		s = {ctx, study, &model, number};
	const double **points;
	double	   *y;
	size_t		n = 0;
	MlStatus	status = observe(ctx, study, &points, &y, &n);

	if (status == ML_OK)
		status = gp_fit(ctx, &model, space, n, points, y);
	if (status != ML_OK)
		return status;
	s.best_y = INFINITY;
	for (size_t i = 0; i < n; i++)
		s.best_y = fmin(s.best_y, y[i]);
	s.candidate = ml_arena_alloc_array(ctx->arena, BLOCK, space->n * sizeof(double));
	s.encoded = ml_arena_alloc_array(ctx->arena, BLOCK, model.width * sizeof(double));
	s.work = ml_arena_alloc_array(ctx->arena, 2 * BLOCK, n * sizeof(double));
	s.found = ml_arena_alloc_array(ctx->arena, STARTS, space->n * sizeof(double));
	if (s.candidate == NULL || s.encoded == NULL || s.work == NULL || s.found == NULL)
		return ml_fail_memory(ctx);
	status = search(&s);
	if (status != ML_OK)
		return status;
	if (s.n_found > 0)
		memcpy(point, s.found, space->n * sizeof(double));
	else						/* everything has been tried */
		ml_space_random(space, study->seed, number, point);
	return ML_OK;
}
