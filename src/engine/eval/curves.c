/*-------------------------------------------------------------------------
 * curves.c
 *	  The points of curves, and the bins of calibration.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/eval.h"

/* Groups between two questions whether to abort: a few milliseconds. */
#define STEPS_PER_POLL 65536

/*
 * The next point is the first group that reaches an equal share of what is left of
 * the logarithm of the rows; every group, once there are as many points to give.
 * points [n]; n is at most the number of groups, and all of them are filled.
 */
static MlStatus
walk_ranking(MlContext *ctx, const MlRanking *r, const MlCostSteps *costs, size_t n, MlCurvePoint *points)
{
	double		total = r->total_positives + r->total_negatives;
	MlSum		cost = costs ? costs->unflagged : (MlSum) {0};
	double		positives = 0;
	double		flagged = 0;
	double		reach = 0;		/* rows that the next point has at least */
	size_t		done = 0;

	for (size_t i = 0; i < r->n; i++)
	{
		if (i % STEPS_PER_POLL == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		positives += r->positives[i];
		flagged += r->positives[i] + r->negatives[i];
		if (costs)
			ml_sum_merge(&cost, costs->change[i]);
		if (r->n - i > n - done && (flagged < reach || (done + 1 == n && i + 1 < r->n)))
			continue;
		points[done++] = (MlCurvePoint) {r->score[i], flagged, positives, costs ? ml_sum_value(cost) / total : NAN, NAN};
		if (done < n)
			reach = flagged * pow(total / flagged, 1.0 / (double) (n - done));
	}
	return ML_OK;
}

/* Fewer rows tell no share. */
#define SMALLEST_BIN 10

/*
 * How many bins are doublings: the first of the even bins, in which all that is rare
 * may be, is cut into bins of the highest scores that double in size.  At most half
 * of all.
 */
static size_t
count_doublings(double total, size_t n_bins)
{
	size_t		n = 0;

	while (n < n_bins / 2 && ldexp(total / (double) (n_bins - n - 1), -(int) (n + 1)) >= SMALLEST_BIN)
		n++;
	return n;
}

/* Rows from the highest score on to the end of a bin, from 1 on. */
static double
bin_end(double total, size_t n_bins, size_t doublings, size_t bin)
{
	double		even = (double) (n_bins - doublings);

	return bin > doublings ? total * (double) (bin - doublings) / even
		: ldexp(total / even, (int) bin - (int) doublings - 1);
}

/*
 * A bin ends with the group of ties that reaches the next end; a group so heavy that
 * it spans several ends is the end of all of them.  Returns the number of bins, at
 * most n_bins.
 */
static size_t
fill_bins(const MlRanking *r, size_t n_bins, MlCurvePoint *points)
{
	double		total = r->total_positives + r->total_negatives;
	double		seen = 0;
	double		weight = 0;
	double		positives = 0;
	MlSum		scores = {0};	/* weighted */
	size_t		doublings = count_doublings(total, n_bins);
	size_t		bin = 1;		/* of n_bins, the next to end */
	size_t		n = 0;

	for (size_t i = 0; i < r->n; i++)
	{
		double		group = r->positives[i] + r->negatives[i];

		seen += group;
		weight += group;
		positives += r->positives[i];
		ml_sum_add(&scores, group * r->score[i]);
		if (i + 1 == r->n || (bin < n_bins && seen >= bin_end(total, n_bins, doublings, bin)))
		{
			points[n++] = (MlCurvePoint) {r->score[i], weight, positives, NAN, ml_sum_value(scores) / weight};
			weight = positives = 0;
			scores = (MlSum) {0};
			while (bin < n_bins && seen >= bin_end(total, n_bins, doublings, bin))
				bin++;
		}
	}
	return n;
}

/*
 * *points [n], from the arena.  Errors: ML_INVALID_ARGUMENT (max_points below 2),
 * ML_OUT_OF_MEMORY.
 */
static MlStatus
make_room(MlContext *ctx, size_t max_points, size_t n, MlCurvePoint **points)
{
	if (max_points < 2)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "a curve has at least 2 points, not %zu",
					   max_points);
	*points = ml_arena_alloc_array(ctx->arena, n, sizeof(MlCurvePoint));
	return *points ? ML_OK : ml_fail_memory(ctx);
}

MlStatus
ml_curve(MlContext *ctx, const MlRanking *r, const MlCostSteps *costs, size_t max_points,
		 MlCurvePoint **points, size_t *n_points)
{
	size_t		n = r->n < max_points ? r->n : max_points;
	MlStatus	status = make_room(ctx, max_points, n, points);

	*n_points = n;
	return status == ML_OK ? walk_ranking(ctx, r, costs, n, *points) : status;
}

MlStatus
ml_calibration(MlContext *ctx, const MlRanking *r, size_t max_bins, MlCurvePoint **bins, size_t *n_bins)
{
	MlStatus	status = make_room(ctx, max_bins, r->n < max_bins ? r->n : max_bins, bins);

	*n_bins = status == ML_OK ? fill_bins(r, max_bins, *bins) : 0;
	return status;
}
