/*-------------------------------------------------------------------------
 * curves.c
 *	  Precision-recall, ROC, gain and calibration curves.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/eval.h"

const char *const ml_curve_names[ML_CURVE_COUNT] = {"pr", "roc", "gain", "calibration"};

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
	MlCurvePoint p = {threshold, 0, 0, flagged};

	switch (kind)
	{
		case ML_CURVE_ROC:
			p.x = share(false_positives, r->total_negatives);
			p.y = recall;
			break;
		case ML_CURVE_GAIN:
			p.x = share(flagged, r->total_positives + r->total_negatives);
			p.y = recall;
			break;
		default:
			p.x = recall;
			p.y = share(true_positives, flagged);
			break;
	}
	return p;
}

/* Bins of equal weight along the ranking. */
static size_t
calibration(const MlRanking *r, size_t n_bins, MlCurvePoint *points)
{
	double		total = r->total_positives + r->total_negatives;
	double		seen = 0;
	double		weight = 0;
	double		positives = 0;
	double		scores = 0;
	size_t		n = 0;

	for (size_t i = 0; i < r->n; i++)
	{
		double		group = r->positives[i] + r->negatives[i];

		weight += group;
		positives += r->positives[i];
		scores += group * r->score[i];
		seen += group;
		if (i + 1 == r->n || seen >= total * (double) (n + 1) / (double) n_bins)
		{
			if (n == n_bins)
				n--;			/* rounding: join the last bin */
			points[n++] = (MlCurvePoint) {r->score[i], scores / weight, positives / weight, weight};
			weight = positives = scores = 0;
		}
	}
	return n;
}

MlStatus
ml_curve(MlContext *ctx, const MlRanking *r, MlCurveKind kind, size_t max_points,
		 MlCurvePoint **result, size_t *n_points)
{
	size_t		n = r->n < max_points ? r->n : max_points;
	MlCurvePoint *points = ml_arena_alloc_array(ctx->arena, n + 1, sizeof(MlCurvePoint));
	double		true_positives = 0;
	double		false_positives = 0;
	size_t		done = 0;

	if (points == NULL)
		return ml_fail_memory(ctx);
	*result = points;
	if (kind == ML_CURVE_CALIBRATION)
	{
		*n_points = calibration(r, max_points, points);
		return ML_OK;
	}
	for (size_t i = 0; i < r->n; i++)
	{
		true_positives += r->positives[i];
		false_positives += r->negatives[i];
		/* point k stands at position k * (r->n - 1) / (n - 1), rounded down */
		if (n == r->n || (n > 1 && i == done * (r->n - 1) / (n - 1)))
			points[done++] = point_at(r, kind, r->score[i], true_positives, false_positives);
	}
	*n_points = done;
	return ML_OK;
}
