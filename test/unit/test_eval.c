/*
 * test_eval.c
 *	  Metrics against scikit-learn's values, thresholds and curves.
 */
#include "check.h"

#include "mlops/engine/eval.h"

#include "golden_metrics.h"

static MlContext ctx;

static void
test_golden(void)
{
	static const char *const names[] = {"roc_auc", "pr_auc", "log_loss", "brier", "ks", "accuracy",
	"precision", "recall", "f1", "mcc"};

	for (size_t c = 0; c < sizeof(golden) / sizeof(golden[0]); c++)
	{
		const GoldenCase *g = &golden[c];
		MlEvaluation e;
		double		got[10];

		CHECK(ml_evaluate(&ctx, g->n, g->score, g->label, g->weight, NULL, 0.5, &e) == ML_OK,
			  "%s: evaluates", g->name);
		memcpy(got, (double[]) {e.roc_auc, e.pr_auc, e.log_loss, e.brier, e.ks, e.accuracy,
			e.precision, e.recall, e.f1, e.mcc}, sizeof(got));
		for (int i = 0; i < 10; i++)
		{
			if (!isnan(g->value[i]))
				CHECK_CLOSE(got[i], g->value[i], 1e-12, "%s: %s is scikit-learn's", g->name, names[i]);
		}
	}
}

static void
test_one_class(void)
{
	const double score[] = {0.1, 0.9, 0.5};
	const float zeros[] = {0, 0, 0};
	const float ones[] = {1, 1, 1};
	MlEvaluation e;

	CHECK(ml_evaluate(&ctx, 3, score, zeros, NULL, NULL, 0.5, &e) == ML_OK, "negatives only evaluate");
	CHECK(isnan(e.roc_auc) && isnan(e.pr_auc) && isnan(e.ks), "ranking metrics are undefined");
	CHECK(ml_evaluate(&ctx, 3, score, ones, NULL, NULL, 0.5, &e) == ML_OK, "positives only evaluate");
	CHECK(isnan(e.roc_auc) && e.pr_auc == 1, "average precision of positives only is 1");
	CHECK(ml_evaluate(&ctx, 0, score, ones, NULL, NULL, 0.5, &e) == ML_OK && isnan(e.log_loss),
		  "no rows evaluate to nothing");
	CHECK(ml_evaluate(&ctx, 1, (double[]) {NAN}, ones, NULL, NULL, 0.5, &e) == ML_BAD_DATA,
		  "a NaN score is refused");
}

/* Every threshold by brute force. */
static double
best_by_force(const GoldenCase *g, double (*figure) (const MlConfusion *))
{
	double		best = -1;

	for (size_t t = 0; t < g->n; t++)
	{
		MlConfusion c = {0};

		for (size_t i = 0; i < g->n; i++)
		{
			bool		flagged = g->score[i] >= g->score[t];

			if (g->label[i] == 1)
				*(flagged ? &c.true_positives : &c.false_negatives) += 1;
			else
				*(flagged ? &c.false_positives : &c.true_negatives) += 1;
		}
		best = fmax(best, figure(&c));
	}
	return best;
}

static double
figure_at(const GoldenCase *g, double threshold, double (*figure) (const MlConfusion *))
{
	MlRanking	ranking;
	MlConfusion c;

	if (ml_ranking_create(&ctx, g->n, g->score, g->label, NULL, &ranking) != ML_OK)
		return NAN;
	c = ml_confusion_at(&ranking, threshold);
	return figure(&c);
}

static void
test_thresholds(void)
{
	const GoldenCase *g = &golden[1];
	MlThresholdPolicy policy = {.kind = ML_THRESHOLD_MAX, .objective = ML_OBJECTIVE_F1};
	double		threshold;
	bool		reached;

	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK_CLOSE(figure_at(g, threshold, ml_f1), best_by_force(g, ml_f1), 1e-15, "max f1 is the best there is");
	policy.objective = ML_OBJECTIVE_MCC;
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK_CLOSE(figure_at(g, threshold, ml_mcc), best_by_force(g, ml_mcc), 1e-15, "max mcc is the best there is");

	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_MIN_PRECISION, .value = 0.5};
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK(reached && figure_at(g, threshold, ml_precision) >= 0.5, "min_precision is kept");
	policy.value = 1;
	ml_choose_threshold(&ctx, &policy, 2, (double[]) {1, 1}, (float[]) {0, 1}, NULL, &threshold, &reached);
	CHECK(!reached && threshold == 1, "a precision out of reach gives the nearest threshold");
	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_ALERT_RATE, .value = 0.1};
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK(reached && figure_at(g, threshold, ml_alert_rate) <= 0.1, "alert_rate is kept");
	policy.value = 0;
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK(reached && figure_at(g, threshold, ml_alert_rate) == 0 && isfinite(threshold), "an alert rate of 0 flags nothing");

	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_COST,
	.costs = {.false_positive = 1, .false_negative = 10}};
	ml_choose_threshold(&ctx, &policy, 4, (double[]) {0.9, 0.8, 0.2, 0.1}, (float[]) {0, 1, 0, 0},
						NULL, &threshold, &reached);
	CHECK(threshold == 0.8, "a miss of 10 is worth one false alert");
	policy.costs.false_negative = 0.5;
	ml_choose_threshold(&ctx, &policy, 4, (double[]) {0.9, 0.8, 0.2, 0.1}, (float[]) {0, 1, 0, 0},
						NULL, &threshold, &reached);
	CHECK(threshold > 0.9, "a miss of 0.5 is not");
}

static void
test_curves(void)
{
	const GoldenCase *g = &golden[0];
	MlRanking	ranking;
	MlCurvePoint *points;
	size_t		n;
	double		rows = 0;

	ml_ranking_create(&ctx, g->n, g->score, g->label, NULL, &ranking);
	CHECK(ml_curve(&ctx, &ranking, ML_CURVE_ROC, 10, &points, &n) == ML_OK && n == 10, "a curve has the points asked for");
	CHECK(points[9].x == 1 && points[9].y == 1, "the ROC curve ends at (1, 1)");
	for (size_t i = 1; i < n; i++)
		CHECK(points[i].x >= points[i - 1].x && points[i].y >= points[i - 1].y &&
			  points[i].threshold < points[i - 1].threshold, "point %zu rises", i);
	CHECK(ml_curve(&ctx, &ranking, ML_CURVE_CALIBRATION, 10, &points, &n) == ML_OK && n <= 10, "calibration has bins");
	for (size_t i = 0; i < n; i++)
		rows += points[i].flagged;
	CHECK(rows == (double) g->n, "calibration bins hold all rows");
	CHECK_CLOSE(ml_precision_at(&ranking, (double) g->n), ranking.total_positives / (double) g->n, 1e-15,
				"precision at n is the base rate");
}

int
main(void)
{
	ctx.arena = ml_arena_create(0);
	test_golden();
	test_one_class();
	test_thresholds();
	test_curves();
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
