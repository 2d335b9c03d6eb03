/*
 * test_eval.c
 *	  Metrics, curves and thresholds against scikit-learn's values; properties
 *	  of rankings; bad data, aborts and memory.
 */
#include "check.h"

#include <float.h>

#include "mlops/engine/eval.h"

#include "golden_metrics.h"

#define N_GOLDEN (sizeof(golden) / sizeof(golden[0]))
#define TOLERANCE 1e-12

static MlContext ctx;

/* ---- golden values */

static void
test_golden(void)
{
	for (size_t c = 0; c < N_GOLDEN; c++)
	{
		const GoldenCase *g = &golden[c];
		MlEvaluation e;

		CHECK(ml_evaluate(&ctx, g->n, g->score, g->label, g->weight, NULL, 0.5, &e, NULL) == ML_OK,
			  "%s: evaluates", g->name);
		CHECK_CLOSE(e.roc_auc, g->roc_auc, TOLERANCE, "%s: roc_auc is scikit-learn's", g->name);
		CHECK_CLOSE(e.pr_auc, g->pr_auc, TOLERANCE, "%s: pr_auc is scikit-learn's", g->name);
		CHECK_CLOSE(e.ks, g->ks, TOLERANCE, "%s: ks is SciPy's", g->name);
		CHECK_CLOSE(e.recall_at_fpr, g->recall_at_fpr, TOLERANCE, "%s: recall_at_fpr is scikit-learn's", g->name);
		if (isnan(g->brier))
			continue;
		CHECK_CLOSE(e.log_loss, g->log_loss, TOLERANCE, "%s: log_loss is scikit-learn's", g->name);
		CHECK_CLOSE(e.brier, g->brier, TOLERANCE, "%s: brier is scikit-learn's", g->name);
	}
}

/* ---- intervals */

static bool
interval_is(MlInterval got, MlInterval want, double tolerance)
{
	return close_to(got.lower, want.lower, tolerance) && close_to(got.upper, want.upper, tolerance);
}

/* Two bootstraps of few replicates differ by chance: by less than a fifth of their width. */
static bool
interval_is_near(MlInterval got, MlInterval want)
{
	return interval_is(got, want, 0.2 * (want.upper - want.lower) + TOLERANCE);
}

static void
test_golden_intervals(void)
{
	for (size_t c = 0; c < N_GOLDEN; c++)
	{
		const GoldenCase *g = &golden[c];
		MlEvaluation e;
		MlIntervals i;

		if (g->intervals == NULL)
			continue;
		CHECK(ml_evaluate(&ctx, g->n, g->score, g->label, NULL, NULL, 0.5, &e, &i) == ML_OK, "%s: has intervals", g->name);
		CHECK(interval_is(i.precision, g->intervals[0], TOLERANCE), "%s: precision's is Wilson's", g->name);
		CHECK(interval_is(i.recall, g->intervals[1], TOLERANCE), "%s: recall's is Wilson's", g->name);
		CHECK(interval_is(i.false_positive_rate, g->intervals[2], TOLERANCE), "%s: false_positive_rate's is Wilson's", g->name);
		CHECK(interval_is(i.roc_auc, g->intervals[3], 1e-9), "%s: roc_auc's is DeLong's", g->name);
		CHECK(interval_is_near(i.pr_auc, g->intervals[4]), "%s: pr_auc's is a bootstrap's: %g to %g, not %g to %g",
			  g->name, i.pr_auc.lower, i.pr_auc.upper, g->intervals[4].lower, g->intervals[4].upper);
	}
}

static int
compare_rising(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* Row by row, each drawn as often as it comes: whatever the engine merges. */
static MlInterval
bootstrap_by_force(size_t n, const double *score, const float *label)
{
	enum
	{
		REPLICATES = 400
	};
	double		found[REPLICATES];

	for (uint64_t b = 0; b < REPLICATES; b++)
	{
		MlArenaMark mark = ml_arena_mark(ctx.arena);
		float	   *weight = ml_arena_alloc_zeroed(ctx.arena, n, sizeof(float));

		for (uint64_t i = 0; i < n; i++)
			weight[ml_random_u64(11, b, i) % n]++;
		ml_metric_value(&ctx, ML_METRIC_PR_AUC, n, score, label, weight, &found[b]);
		ml_arena_release(ctx.arena, mark);
	}
	qsort(found, REPLICATES, sizeof(double), compare_rising);
	return (MlInterval) {found[9], found[389]};
}

static void
test_interval_of_many(size_t n, double base_rate, double tie, const char *what)
{
	MlArenaMark mark = ml_arena_mark(ctx.arena);
	double	   *score = ml_arena_alloc_array(ctx.arena, n, sizeof(double));
	float	   *label = ml_arena_alloc_array(ctx.arena, n, sizeof(float));
	MlRanking	ranking;
	MlInterval	got;
	MlInterval	again;
	MlInterval	want;

	for (size_t i = 0; i < n; i++)
	{
		label[i] = ml_random_uniform(5, 0, i) < base_rate;
		score[i] = ml_random_normal(5, 1, i) + label[i];
		if (tie > 0)
			score[i] = floor(score[i] / tie) * tie;
	}
	ml_ranking_create(&ctx, n, score, label, NULL, &ranking);
	CHECK(ml_average_precision_interval(&ctx, &ranking, &got) == ML_OK &&
		  ml_average_precision_interval(&ctx, &ranking, &again) == ML_OK && memcmp(&got, &again, sizeof(got)) == 0,
		  "%s: the interval is always the same", what);
	want = bootstrap_by_force(n, score, label);
	CHECK(interval_is_near(got, want), "%s: pr_auc's interval is that of drawing rows: %g to %g, not %g to %g", what,
		  got.lower, got.upper, want.lower, want.upper);
	CHECK(got.lower < ml_average_precision(&ranking) && ml_average_precision(&ranking) < got.upper,
		  "%s: it holds the metric", what);
	ml_arena_release(ctx.arena, mark);
}

static void
test_edges_of_intervals(void)
{
	const double score[] = {0.9, 0.8, 0.3, 0.2};
	const float one[] = {1, 0, 0, 0};
	MlEvaluation e;
	MlIntervals i;

	CHECK(ml_evaluate(&ctx, 4, score, one, NULL, NULL, 2, &e, &i) == ML_OK && isnan(i.precision.lower) && isnan(i.precision.upper),
		  "where nothing is flagged there is no interval of precision");
	CHECK(isnan(i.roc_auc.lower) && isnan(i.roc_auc.upper), "one positive gives no variance");
	CHECK(i.recall.lower == 0 && i.recall.upper > 0.5 && i.recall.upper < 1, "none of one is no sure nothing");
	CHECK(ml_evaluate(&ctx, 0, NULL, NULL, NULL, NULL, 0.5, &e, &i) == ML_OK && isnan(i.pr_auc.lower) && isnan(i.recall.upper),
		  "no rows, no intervals");
}

static void
test_by_name(void)
{
	const GoldenCase *g = &golden[2];
	const double expected[ML_METRIC_COUNT] = {g->pr_auc, g->roc_auc, g->log_loss, g->brier, g->ks, g->recall_at_fpr};

	for (int m = 0; m < ML_METRIC_COUNT; m++)
	{
		double		value;

		CHECK(ml_metric_by_name(ml_metrics[m].name) == m, "%s is found by name", ml_metrics[m].name);
		CHECK(ml_metric_value(&ctx, (MlMetric) m, g->n, g->score, g->label, g->weight, &value) == ML_OK,
			  "%s has a value", ml_metrics[m].name);
		CHECK_CLOSE(value, expected[m], TOLERANCE, "%s is scikit-learn's", ml_metrics[m].name);
		CHECK(!ml_metrics[m].smaller_is_better == (m != ML_METRIC_LOG_LOSS && m != ML_METRIC_BRIER),
			  "more is better, or not: %s", ml_metrics[m].name);
	}
	CHECK(ml_metric_by_name("accuracy_") == -1, "an unknown metric is not found");
}

static void
test_golden_confusion(const GoldenCase *g, const MlRanking *ranking)
{
	for (size_t i = 0; i < g->n_at; i++)
	{
		const GoldenConfusion *want = &g->at[i];
		MlConfusion c = ml_confusion_at(ranking, want->threshold);
		const double got[] = {ml_accuracy(&c), ml_precision(&c), ml_recall(&c), ml_f1(&c), ml_mcc(&c),
		ml_false_positive_rate(&c), ml_alert_rate(&c)};
		bool		all_close = true;

		CHECK(close_to(c.true_positives, want->confusion.true_positives, TOLERANCE) &&
			  close_to(c.false_positives, want->confusion.false_positives, TOLERANCE) &&
			  close_to(c.true_negatives, want->confusion.true_negatives, TOLERANCE) &&
			  close_to(c.false_negatives, want->confusion.false_negatives, TOLERANCE),
			  "%s: confusion at %g", g->name, want->threshold);
		for (int m = 0; m < 7; m++)
			all_close = all_close && close_to(got[m], want->value[m], TOLERANCE);
		CHECK(all_close, "%s: metrics of the confusion at %g", g->name, want->threshold);
	}
}

typedef struct Plane
{
	double		x;
	double		y;
} Plane;

static Plane
on_pr(const MlRanking *r, const MlCurvePoint *p)
{
	return (Plane) {r->total_positives > 0 ? p->positives / r->total_positives : NAN, p->positives / p->rows};
}

static Plane
on_roc(const MlRanking *r, const MlCurvePoint *p)
{
	return (Plane) {r->total_negatives > 0 ? (p->rows - p->positives) / r->total_negatives : NAN, on_pr(r, p).x};
}

static void
test_golden_curve(const GoldenCase *g, const MlRanking *ranking, Plane (*place) (const MlRanking *, const MlCurvePoint *),
				  const char *kind, const GoldenPoint *want, size_t n_want)
{
	MlCurvePoint *points;
	size_t		n;
	size_t		same = 0;

	CHECK(ml_curve(&ctx, ranking, NULL, 1000, &points, &n) == ML_OK && n == n_want,
		  "%s: %s curve has all its points", g->name, kind);
	for (size_t i = 0; i < n && i < n_want; i++)
	{
		Plane		got = place(ranking, &points[i]);

		same += points[i].threshold == want[i].threshold && close_to(got.x, want[i].x, TOLERANCE) &&
			close_to(got.y, want[i].y, TOLERANCE);
	}
	CHECK(same == n_want, "%s: %s curve is scikit-learn's", g->name, kind);
}

static void
test_golden_rankings(void)
{
	for (size_t c = 0; c < N_GOLDEN; c++)
	{
		const GoldenCase *g = &golden[c];
		MlRanking	ranking;

		CHECK(ml_ranking_create(&ctx, g->n, g->score, g->label, g->weight, &ranking) == ML_OK,
			  "%s: is ranked", g->name);
		test_golden_confusion(g, &ranking);
		test_golden_curve(g, &ranking, on_pr, "pr", g->pr, g->n_pr);
		test_golden_curve(g, &ranking, on_roc, "roc", g->roc, g->n_roc);
		for (size_t i = 0; i < g->n_top; i++)
			CHECK_CLOSE(ml_precision_at(&ranking, g->top[i].k), g->top[i].precision, TOLERANCE,
						"%s: precision at %g", g->name, g->top[i].k);
	}
}

static void
test_golden_choices(void)
{
	for (size_t c = 0; c < N_GOLDEN; c++)
	{
		const GoldenCase *g = &golden[c];

		for (size_t i = 0; i < g->n_choice; i++)
		{
			const GoldenChoice *want = &g->choice[i];
			MlThresholdPolicy policy = {.kind = want->kind, .objective = want->objective,
				.value = want->value, .costs = {.false_positive = 1, .false_negative = want->value}};
			double		threshold;
			bool		reached;

			CHECK(ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, g->weight, &threshold,
									  &reached) == ML_OK && reached == want->reached,
				  "%s: policy %d.%d %g is %s", g->name, want->kind, want->objective, want->value,
				  want->reached ? "reached" : "not reached");
			CHECK_CLOSE(threshold, want->threshold, 0, "%s: policy %d.%d %g chooses as brute force does",
						g->name, want->kind, want->objective, want->value);
		}
	}
}

/* ---- edges */

static void
test_one_class(void)
{
	const double score[] = {0.1, 0.9, 0.5};
	const float zeros[] = {0, 0, 0};
	const float ones[] = {1, 1, 1};
	MlEvaluation e;

	CHECK(ml_evaluate(&ctx, 3, score, zeros, NULL, NULL, 0.5, &e, NULL) == ML_OK, "negatives only evaluate");
	CHECK(isnan(e.roc_auc) && isnan(e.pr_auc) && isnan(e.ks), "ranking metrics are undefined");
	CHECK(ml_evaluate(&ctx, 3, score, ones, NULL, NULL, 0.5, &e, NULL) == ML_OK, "positives only evaluate");
	CHECK(isnan(e.roc_auc) && e.pr_auc == 1, "average precision of positives only is 1");
	CHECK(ml_evaluate(&ctx, 0, score, ones, NULL, NULL, 0.5, &e, NULL) == ML_OK && isnan(e.log_loss),
		  "no rows evaluate to nothing");
	CHECK(ml_evaluate(&ctx, 1, (double[]) {NAN}, ones, NULL, NULL, 0.5, &e, NULL) == ML_BAD_DATA,
		  "a NaN score is refused");
}

/* Every threshold by brute force. */
static double
best_by_force(const GoldenCase *g, double (*metric) (const MlConfusion *))
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
		best = fmax(best, metric(&c));
	}
	return best;
}

static double
metric_at(const GoldenCase *g, double threshold, double (*metric) (const MlConfusion *))
{
	MlRanking	ranking;
	MlConfusion c;

	if (ml_ranking_create(&ctx, g->n, g->score, g->label, NULL, &ranking) != ML_OK)
		return NAN;
	c = ml_confusion_at(&ranking, threshold);
	return metric(&c);
}

static void
test_thresholds(void)
{
	const GoldenCase *g = &golden[1];
	MlThresholdPolicy policy = {.kind = ML_THRESHOLD_MAX, .objective = ML_OBJECTIVE_F1};
	double		threshold;
	bool		reached;

	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK_CLOSE(metric_at(g, threshold, ml_f1), best_by_force(g, ml_f1), 1e-15, "max f1 is the best there is");
	policy.objective = ML_OBJECTIVE_MCC;
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK_CLOSE(metric_at(g, threshold, ml_mcc), best_by_force(g, ml_mcc), 1e-15, "max mcc is the best there is");

	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_MIN_PRECISION, .value = 0.5};
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK(reached && metric_at(g, threshold, ml_precision) >= 0.5, "min_precision is kept");
	policy.value = 1;
	ml_choose_threshold(&ctx, &policy, 2, (double[]) {1, 1}, (float[]) {0, 1}, NULL, &threshold, &reached);
	CHECK(!reached && threshold == 1, "a precision out of reach gives the nearest threshold");
	policy.value = 0;
	ml_choose_threshold(&ctx, &policy, 2, (double[]) {0.5, 0.25}, (float[]) {0, 0}, NULL, &threshold, &reached);
	CHECK(reached && threshold == 0.5, "who flags nothing has no precision, not even one of 0");
	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_ALERT_RATE, .value = 0.1};
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK(reached && metric_at(g, threshold, ml_alert_rate) <= 0.1, "alert_rate is kept");
	policy.value = 0;
	ml_choose_threshold(&ctx, &policy, g->n, g->score, g->label, NULL, &threshold, &reached);
	CHECK(reached && metric_at(g, threshold, ml_alert_rate) == 0 && isfinite(threshold), "an alert rate of 0 flags nothing");
	policy.value = 0.4;
	ml_choose_threshold(&ctx, &policy, 2, (double[]) {0.5, 0.5}, (float[]) {0, 1}, NULL, &threshold, &reached);
	CHECK(!reached && threshold > 0.5, "an alert rate that only flagging nothing keeps to is not reached");
	policy.kind = ML_THRESHOLD_MAX_FPR;
	ml_choose_threshold(&ctx, &policy, 3, (double[]) {0.5, 0.5, 0.1}, (float[]) {0, 1, 0}, NULL, &threshold, &reached);
	CHECK(!reached && threshold > 0.5, "nor is such a false positive rate");
	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_MAX, .objective = ML_OBJECTIVE_MCC};
	ml_choose_threshold(&ctx, &policy, 2, (double[]) {0.5, 0.1}, (float[]) {0, 1}, NULL, &threshold, &reached);
	CHECK(!reached && threshold > 0.5, "nor a maximum");

	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_COST,
	.costs = {.false_positive = 1, .false_negative = 10}};
	ml_choose_threshold(&ctx, &policy, 4, (double[]) {0.9, 0.8, 0.2, 0.1}, (float[]) {0, 1, 0, 0},
						NULL, &threshold, &reached);
	CHECK(threshold == 0.8, "a miss of 10 is worth one false alert");
	policy.costs.false_negative = 0.5;
	ml_choose_threshold(&ctx, &policy, 4, (double[]) {0.9, 0.8, 0.2, 0.1}, (float[]) {0, 1, 0, 0},
						NULL, &threshold, &reached);
	CHECK(reached && threshold > 0.9, "a miss of 0.5 is not: the least cost is reached by flagging nothing");
}

/* Perfect, and perfectly wrong, whatever the counts and weights round to. */
static void
test_bounds(void)
{
	bool		counts = true;
	bool		weighted = true;

	for (int a = 1; a <= 100; a++)
	{
		for (int b = 1; b <= 100; b++)
		{
			MlConfusion right = {.true_positives = a, .true_negatives = b};
			MlConfusion wrong = {.false_positives = a, .false_negatives = b};

			counts = counts && ml_mcc(&right) <= 1 && ml_mcc(&right) > 1 - 1e-15 && ml_mcc(&wrong) >= -1;
		}
	}
	CHECK(counts, "no mcc is past 1 or -1");
	for (uint64_t i = 0; i < 1000; i++)
	{
		double		score[20];
		float		label[20];
		float		weight[20];
		MlRanking	ranking;

		for (int row = 0; row < 20; row++)
		{
			score[row] = row;
			label[row] = row >= 10;
			weight[row] = (float) ml_random_uniform(i, 0, (uint64_t) row);
		}
		ml_ranking_create(&ctx, 20, score, label, weight, &ranking);
		weighted = weighted && ml_roc_auc(&ranking) <= 1 && ml_average_precision(&ranking) <= 1 && ml_ks_statistic(&ranking) <= 1 &&
			ml_precision_at(&ranking, 0.7 * ranking.total_positives) <= 1 && ml_roc_auc(&ranking) > 1 - 1e-12;
	}
	CHECK(weighted, "no share of weights is past 1");
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
	for (size_t asked = 2; asked <= g->n; asked++)
	{
		bool		rises = true;

		CHECK(ml_curve(&ctx, &ranking, NULL, asked, &points, &n) == ML_OK && n == asked, "a curve has the %zu points asked for", asked);
		for (size_t i = 1; i < n; i++)
			rises = rises && points[i].rows > points[i - 1].rows && points[i].positives >= points[i - 1].positives &&
				points[i].threshold < points[i - 1].threshold;
		CHECK(rises, "they rise");
		CHECK(points[0].rows == 1 && points[n - 1].rows == (double) g->n && points[n - 1].positives == ranking.total_positives,
			  "from the highest score to the lowest");
	}
	CHECK(ml_calibration(&ctx, &ranking, 10, &points, &n) == ML_OK && n <= 10, "calibration has bins");
	for (size_t i = 0; i < n; i++)
		rows += points[i].rows;
	CHECK(rows == (double) g->n, "calibration bins hold all rows");
	CHECK_CLOSE(ml_precision_at(&ranking, (double) g->n), ranking.total_positives / (double) g->n, 1e-15,
				"precision at n is the base rate");
}

/* Of many rows a curve shows the first few as well as all. */
static void
test_even_in_logarithm(void)
{
	enum
	{
		N = 100000
	};
	MlArenaMark mark = ml_arena_mark(ctx.arena);
	double	   *score = ml_arena_alloc_array(ctx.arena, N, sizeof(double));
	float	   *label = ml_arena_alloc_zeroed(ctx.arena, N, sizeof(float));
	MlRanking	ranking;
	MlCurvePoint *points;
	size_t		n;
	bool		even = true;

	for (int i = 0; i < N; i++)
		score[i] = i;
	ml_ranking_create(&ctx, N, score, label, NULL, &ranking);
	ml_curve(&ctx, &ranking, NULL, 51, &points, &n);
	for (size_t i = 20; i < n; i++)
		even = even && close_to(points[i].rows / points[i - 1].rows, points[n - 1].rows / points[n - 2].rows, 0.05);
	CHECK(n == 51 && even, "points are even in the logarithm of the rows flagged");
	CHECK(points[0].rows == 1 && points[3].rows == 4 && points[25].rows < 2000, "half of them are where few are flagged");
	ml_calibration(&ctx, &ranking, 20, &points, &n);
	CHECK(n == 20 && points[0].rows == 18 && points[1].rows == 18, "the smallest bins of calibration have the highest scores");
	for (size_t i = 2; i < 11; i++)
		even = even && close_to(points[i].rows, 2 * points[i - 1].rows, 0.02 * points[i].rows);
	for (size_t i = 10; i < 20; i++)
		even = even && close_to(points[i].rows, N / 11.0, 1);
	CHECK(even, "they double in size to that of the others");
	CHECK(ml_calibration(&ctx, &ranking, 4, &points, &n) == ML_OK && n == 4 && points[0].rows == 12500 && points[1].rows == 12500 && points[2].rows == 25000 &&
		  points[3].rows == 50000, "no more than half of them do");
	ml_arena_release(ctx.arena, mark);
}

static void
test_calibration(void)
{
	/* half of the rows are one tie, which no bin may split */
	const double score[] = {0.1, 0.2, 0.5, 0.5, 0.5, 0.5, 0.8, 0.9};
	const float label[] = {0, 0, 0, 1, 0, 1, 1, 1};
	MlRanking	ranking;
	MlCurvePoint *points;
	size_t		n;

	ml_ranking_create(&ctx, 8, score, label, NULL, &ranking);
	CHECK(ml_calibration(&ctx, &ranking, 4, &points, &n) == ML_OK && n == 3,
		  "a tie that spans two quantiles leaves three bins of four");
	CHECK_CLOSE(points[0].mean_score, 0.85, 1e-15, "mean score of the highest bin");
	CHECK(points[0].positives == 2 && points[0].rows == 2 && points[0].threshold == 0.8, "the highest bin");
	CHECK(points[1].mean_score == 0.5 && points[1].positives == 2 && points[1].rows == 4, "the bin of the tie");
	CHECK(points[2].positives == 0 && points[2].rows == 2, "the lowest bin");
	CHECK(ml_curve(&ctx, &ranking, NULL, 1, &points, &n) == ML_INVALID_ARGUMENT,
		  "a curve of one point is refused");
	ml_ranking_create(&ctx, 0, score, label, NULL, &ranking);
	CHECK(ml_calibration(&ctx, &ranking, 4, &points, &n) == ML_OK && n == 0,
		  "no rows have no bins");
	CHECK(ml_curve(&ctx, &ranking, NULL, 4, &points, &n) == ML_OK && n == 0,
		  "no rows have no points");
}

static void
test_cost_curve(void)
{
	const double score[] = {0.9, 0.8, 0.7, 0.1};
	const float label[] = {1, 0, 1, 0};
	const double amount[] = {5, 0, 300, 0};
	const MlCosts costs = {.false_positive = 10, .false_negative_by_row = amount};
	MlRanking	ranking;
	MlCostSteps steps;
	MlCurvePoint *points;
	size_t		n;

	ml_ranking_create(&ctx, 4, score, label, NULL, &ranking);
	CHECK(ml_cost_steps(&ctx, &ranking, &costs, 4, score, label, NULL, &steps) == ML_OK &&
		  ml_curve(&ctx, &ranking, &steps, 10, &points, &n) == ML_OK && n == 4, "a curve of costs");
	for (size_t i = 0; i < n; i++)
	{
		MlEvaluation e;

		ml_evaluate(&ctx, 4, score, label, NULL, &costs, points[i].threshold, &e, NULL);
		CHECK_CLOSE(points[i].cost, e.expected_cost, 1e-15, "cost at %g is what evaluate says", points[i].threshold);
	}
}

static void
test_costs(void)
{
	const double score[] = {0.9, 0.8, 0.7, 0.1};
	const float label[] = {1, 0, 1, 0};
	const double amount[] = {5, 0, 300, 0};
	const double bad[] = {5, 0, NAN, 0};
	MlThresholdPolicy policy = {.kind = ML_THRESHOLD_COST,
	.costs = {.false_positive = 10, .false_negative_by_row = amount}};
	MlEvaluation e;
	double		threshold;
	bool		reached;

	CHECK(ml_evaluate(&ctx, 4, score, label, NULL, &policy.costs, 0.85, &e, NULL) == ML_OK &&
		  e.expected_cost == 75, "a miss costs its row's amount");
	CHECK(ml_evaluate(&ctx, 4, score, label, (float[]) {1, 2, 1, 0}, &policy.costs, 0.75, &e, NULL) == ML_OK &&
		  e.expected_cost == 80, "costs are weighted");
	CHECK(ml_choose_threshold(&ctx, &policy, 4, score, label, NULL, &threshold, &reached) == ML_OK &&
		  reached && threshold == 0.7, "the dear miss is worth an alert");
	policy.costs.false_negative_by_row = bad;
	CHECK(ml_evaluate(&ctx, 4, score, label, NULL, &policy.costs, 0.5, &e, NULL) == ML_BAD_DATA &&
		  strstr(ctx.message, "row 3"), "a cost that is NaN is refused: %s", ctx.message);
	CHECK(ml_choose_threshold(&ctx, &policy, 4, score, label, NULL, &threshold, &reached) == ML_BAD_DATA,
		  "also when a threshold is chosen");
}

static void
test_greatest_scores(void)
{
	MlThresholdPolicy policy = {.kind = ML_THRESHOLD_ALERT_RATE, .value = 0};
	double		threshold;
	bool		reached;

	CHECK(ml_choose_threshold(&ctx, &policy, 2, (double[]) {DBL_MAX, 1}, (float[]) {0, 1}, NULL,
							  &threshold, &reached) == ML_OK && !reached && threshold == DBL_MAX,
		  "above the greatest number there is no threshold");
	CHECK(ml_choose_threshold(&ctx, &policy, 0, NULL, NULL, NULL, &threshold, &reached) == ML_BAD_DATA,
		  "no rows, no threshold");
	policy = (MlThresholdPolicy) {.kind = ML_THRESHOLD_VALUE, .value = 0.25};
	CHECK(ml_choose_threshold(&ctx, &policy, 0, NULL, NULL, NULL, &threshold, &reached) == ML_OK &&
		  reached && threshold == 0.25, "a given threshold needs no rows");
}

/* ---- sorting and merging */

static int
compare_falling(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x > y ? -1 : x < y;
}

/* Any finite double or infinity, many of them tied. */
static double
wild_score(uint64_t i, bool few)
{
	uint64_t	bits = ml_random_u64(1, 2, few ? i % 17 : i);
	double		score;

	memcpy(&score, &bits, sizeof(score));
	return isnan(score) ? 0.0 * (double) i : i % 101 == 0 ? INFINITY : i % 103 == 0 ? -INFINITY : score;
}

static void
test_sort(size_t n, bool few)
{
	MlArenaMark mark = ml_arena_mark(ctx.arena);
	double	   *score = ml_arena_alloc_array(ctx.arena, n, sizeof(double));
	uint64_t   *keys = ml_arena_alloc_array(ctx.arena, n, sizeof(uint64_t));
	uint64_t   *spare = ml_arena_alloc_array(ctx.arena, n, sizeof(uint64_t));
	uint64_t   *sorted;
	size_t		same = 0;

	for (size_t i = 0; i < n; i++)
	{
		score[i] = wild_score(i, few);
		keys[i] = ml_falling_key(score[i]);
	}
	qsort(score, n, sizeof(double), compare_falling);
	CHECK(ml_sort_keys(&ctx, keys, spare, n, &sorted) == ML_OK, "%zu keys are sorted", n);
	for (size_t i = 0; i < n; i++)
		same += ml_key_score(sorted[i]) == score[i];
	CHECK(same == n, "as qsort sorts scores");
	ml_arena_release(ctx.arena, mark);
}

static MlRanking
empty_ranking(size_t capacity)
{
	double	   *memory = ml_arena_alloc_array(ctx.arena, 3 * capacity, sizeof(double));

	return (MlRanking) {0, memory, memory + capacity, memory + 2 * capacity, 0, 0};
}

/* Weighted with ones, unweighted, and merged from two parts: one ranking. */
static void
test_ways_to_rank(size_t n, bool few)
{
	MlArenaMark mark = ml_arena_mark(ctx.arena);
	double	   *score = ml_arena_alloc_array(ctx.arena, n, sizeof(double));
	float	   *label = ml_arena_alloc_array(ctx.arena, n, sizeof(float));
	float	   *weight = ml_arena_alloc_array(ctx.arena, n, sizeof(float));
	MlRanking	whole;
	MlRanking	weighted;
	MlRanking	first;
	MlRanking	rest;
	MlRanking	merged = empty_ranking(n);
	size_t		same = 0;

	for (size_t i = 0; i < n; i++)
	{
		score[i] = wild_score(i, few);
		label[i] = ml_random_uniform(3, 4, i) < 0.3;
		weight[i] = 1;
	}
	ml_ranking_create(&ctx, n, score, label, NULL, &whole);
	ml_ranking_create(&ctx, n, score, label, weight, &weighted);
	ml_ranking_create(&ctx, n / 3, score, label, NULL, &first);
	ml_ranking_create(&ctx, n - n / 3, score + n / 3, label + n / 3, NULL, &rest);
	CHECK(ml_ranking_merge(&ctx, &first, &rest, &merged) == ML_OK && merged.n == whole.n &&
		  weighted.n == whole.n, "%zu rows: as many scores in all ways", n);
	for (size_t i = 0; i < whole.n; i++)
		same += whole.score[i] == merged.score[i] && whole.score[i] == weighted.score[i] &&
			whole.positives[i] == merged.positives[i] && whole.positives[i] == weighted.positives[i] &&
			whole.negatives[i] == merged.negatives[i] && whole.negatives[i] == weighted.negatives[i];
	CHECK(same == whole.n, "%zu rows: the same counts in all ways", n);
	CHECK(whole.total_positives == merged.total_positives && whole.total_negatives == merged.total_negatives &&
		  whole.total_positives + whole.total_negatives == (double) n, "%zu rows: the same totals", n);
	ml_arena_release(ctx.arena, mark);
}

/* ---- bad data, aborts, memory */

static bool
always_abort(void *arg)
{
	++*(int *) arg;
	return true;
}

static void
test_failures(void)
{
	const GoldenCase *g = &golden[0];
	MlContext	small = {.arena = ml_arena_create(1 << 20)};
	MlArenaMark before = ml_arena_mark(ctx.arena);
	MlArenaMark after;
	MlRanking	ranking;
	MlEvaluation e;
	double		threshold;
	bool		reached;
	int			asked = 0;

	CHECK(ml_ranking_create(&ctx, 3, (double[]) {1, NAN, 2}, (float[]) {0, 1, 1}, NULL, &ranking) == ML_BAD_DATA &&
		  strstr(ctx.message, "row 2"), "a NaN score is refused: %s", ctx.message);
	CHECK(ml_ranking_create(&ctx, 2, (double[]) {1, 2}, (float[]) {0, 1}, (float[]) {1, -1}, &ranking) == ML_BAD_DATA,
		  "a negative weight is refused: %s", ctx.message);
	CHECK(ml_ranking_create(&ctx, 2, (double[]) {1, 2}, (float[]) {0, 1}, (float[]) {NAN, 1}, &ranking) == ML_BAD_DATA,
		  "a NaN weight is refused: %s", ctx.message);

	ctx.should_abort = always_abort;
	ctx.callback_arg = &asked;
	CHECK(ml_ranking_create(&ctx, g->n, g->score, g->label, NULL, &ranking) == ML_ABORTED && asked == 1,
		  "ranking is aborted");
	CHECK(ml_ranking_create(&ctx, g->n, g->score, g->label, golden[2].weight, &ranking) == ML_ABORTED,
		  "ranking with weights is aborted");
	CHECK(ml_evaluate(&ctx, g->n, g->score, g->label, NULL, NULL, 0.5, &e, NULL) == ML_ABORTED,
		  "evaluation is aborted");
	CHECK(ml_choose_threshold(&ctx, &(MlThresholdPolicy) {.kind = ML_THRESHOLD_MAX}, g->n, g->score, g->label,
							  NULL, &threshold, &reached) == ML_ABORTED, "a choice is aborted");
	ctx.should_abort = NULL;
	after = ml_arena_mark(ctx.arena);
	CHECK(before.block == after.block && before.used == after.used, "failures give their memory back");

	CHECK(ml_ranking_create(&small, 100000, NULL, NULL, NULL, &ranking) == ML_OUT_OF_MEMORY,
		  "memory is limited: %s", small.message);
	ml_arena_destroy(small.arena);
}

/* Three days of four cards, of which the two highest are looked into. */
static void
test_days(void)
{
	const int32_t day[] = {9, 9, 9, 9, 9, -2, -2, -2, 11, 11};
	const uint64_t card[] = {1, 2, 3, 1, 0, 1, 2, 4, 1, 3};
	const double score[] = {0.1, 0.8, 0.7, 0.9, 0.95, 0.5, 0.6, 0.5, 0.3, 0.2};
	const float label[] = {1, 0, 1, 0, 1, 1, 0, 0, 1, 1};
	MlDay	   *days;
	size_t		n;

	CHECK(ml_daily_precision(&ctx, 10, day, card, score, label, 2, &days, &n) == ML_OK && n == 3, "there are three days");
	CHECK(days[0].day == -2 && days[1].day == 9 && days[2].day == 11, "in order");
	CHECK(days[0].rows == 3 && days[0].positives == 1 && days[0].cards == 3 && days[0].positive_cards == 1, "the first has three rows");
	CHECK_CLOSE(days[0].precision, 0.25, 1e-15, "of two that tie one is looked into");
	CHECK_CLOSE(days[0].card_precision, 0.25, 1e-15, "cards as well");
	CHECK(days[1].cards == 3 && days[1].positive_cards == 2 && days[1].known_cards == 0, "a row without a card is of none, and card 1 is half found");
	CHECK_CLOSE(days[1].precision, 0.5, 1e-15, "rows count whole");
	CHECK_CLOSE(days[1].card_precision, (0.5 + 0.5) / 2, 1e-7, "half of card 1, card 2, half of card 3");
	CHECK(days[2].cards == 1 && days[2].known_cards == 1, "card 1 is known");
	CHECK_CLOSE(days[2].card_precision, 1, 1e-15, "half of card 3 is all that is left");
	CHECK(ml_daily_precision(&ctx, 10, day, NULL, score, label, 1, &days, &n) == ML_OK && days[1].cards == 0 && isnan(days[1].card_precision) &&
		  days[1].precision == 1, "without cards there are none");
	CHECK(ml_daily_precision(&ctx, 0, day, card, score, label, 1, &days, &n) == ML_OK && n == 0, "no rows, no days");
}

/* Neumaier's own example: a plain sum is 0. */
static void
test_sums(void)
{
	MlSum		s = {0};
	MlSum		t = {0};

	ml_sum_add(&s, 1);
	ml_sum_add(&s, 1e100);
	ml_sum_add(&t, 1);
	ml_sum_add(&t, -1e100);
	ml_sum_merge(&s, t);
	CHECK(ml_sum_value(s) == 2, "sums and merged sums are compensated");
}

int
main(void)
{
	const size_t sizes[] = {0, 1, 2, 47, 48, 49, 1000, 100000};

	ctx.arena = ml_arena_create(0);
	test_golden();
	test_golden_intervals();
	test_interval_of_many(2000, 0.02, 0, "few positives");
	test_interval_of_many(4000, 0.7, 0, "more positives than are drawn apart");
	test_interval_of_many(20000, 0.3, 0.25, "large ties");
	test_edges_of_intervals();
	test_by_name();
	test_golden_rankings();
	test_golden_choices();
	test_one_class();
	test_thresholds();
	test_bounds();
	test_curves();
	test_even_in_logarithm();
	test_cost_curve();
	test_calibration();
	test_costs();
	test_days();
	test_greatest_scores();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		test_sort(sizes[i], false);
		test_sort(sizes[i], true);
		test_ways_to_rank(sizes[i], false);
		test_ways_to_rank(sizes[i], true);
	}
	test_failures();
	test_sums();
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
