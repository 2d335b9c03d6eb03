/*-------------------------------------------------------------------------
 * curves.c
 *	  Precision-recall, ROC, gain and calibration curves.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

const char *const ml_curve_names[ML_CURVE_COUNT] = {
	[ML_CURVE_PR] = "pr",
	[ML_CURVE_ROC] = "roc",
	[ML_CURVE_GAIN] = "gain",
	[ML_CURVE_CALIBRATION] = "calibration"
};

static double
share(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

static MlCurvePoint
point_at(const MlRanking *r, MlCurveKind kind, double threshold,
		 double true_positives, double false_positives)
{
	double		flagged = true_positives + false_positives;
	double		recall = share(true_positives, r->total_positives);

	switch (kind)
	{
		case ML_CURVE_ROC:
			return (MlCurvePoint) {threshold, share(false_positives, r->total_negatives),
				recall, flagged};
		case ML_CURVE_GAIN:
			return (MlCurvePoint) {threshold,
				share(flagged, r->total_positives + r->total_negatives), recall, flagged};
		default:
			return (MlCurvePoint) {threshold, recall, share(true_positives, flagged), flagged};
	}
}

/*
 * Point k of n stands at position k * (r->n - 1) / (n - 1) of the ranking, so
 * that all of it are there when n is r->n.
 */
static size_t
walk_ranking(const MlRanking *r, MlCurveKind kind, size_t n, MlCurvePoint *points)
{
	double		true_positives = 0;
	double		false_positives = 0;
	size_t		done = 0;

	for (size_t i = 0; i < r->n; i++)
	{
		true_positives += r->positives[i];
		false_positives += r->negatives[i];
		if (n == r->n || i == done * (r->n - 1) / (n - 1))
			points[done++] = point_at(r, kind, r->score[i], true_positives, false_positives);
	}
	return done;
}

/*
 * A bin ends with the group of ties that reaches the next quantile; a group so
 * heavy that it spans several quantiles is the end of all of them.
 */
static size_t
fill_bins(const MlRanking *r, size_t n_bins, MlCurvePoint *points)
{
	double		total = r->total_positives + r->total_negatives;
	double		seen = 0;
	double		weight = 0;
	double		positives = 0;
	MlSum		scores = {0};	/* weighted */
	size_t		quantile = 1;	/* of n_bins, the next to reach */
	size_t		n = 0;

	for (size_t i = 0; i < r->n; i++)
	{
		double		group = r->positives[i] + r->negatives[i];

		seen += group;
		weight += group;
		positives += r->positives[i];
		ml_sum_add(&scores, group * r->score[i]);
		if (i + 1 == r->n ||
			(quantile < n_bins && seen >= total * (double) quantile / (double) n_bins))
		{
			points[n++] = (MlCurvePoint) {r->score[i], ml_sum_value(scores) / weight,
				positives / weight, weight};
			weight = positives = 0;
			scores = (MlSum) {0};
			while (quantile < n_bins && seen >= total * (double) quantile / (double) n_bins)
				quantile++;
		}
	}
	return n;
}

MlStatus
ml_curve(MlContext *ctx, const MlRanking *r, MlCurveKind kind, size_t max_points,
		 MlCurvePoint **points, size_t *n_points)
{
	size_t		n = r->n < max_points ? r->n : max_points;

	if (max_points < 2)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "a curve has at least 2 points, not %zu",
					   max_points);
	*points = ml_arena_alloc_array(ctx->arena, n, sizeof(MlCurvePoint));
	if (*points == NULL)
		return ml_fail_memory(ctx);
	*n_points = kind == ML_CURVE_CALIBRATION ? fill_bins(r, max_points, *points)
		: walk_ranking(r, kind, n, *points);
	return ML_OK;
}
