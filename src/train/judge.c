/*-------------------------------------------------------------------------
 * judge.c
 *	  The model's bytes, its threshold, and its metrics: all from the flat model
 *	  that later answers score.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/base.h"
#include "mlops/engine/drift.h"
#include "mlops/ingest.h"
#include "train/training.h"

/* Weight of positives that training gave on top of the rows' own. */
static double
positive_emphasis(const Training *t)
{
	double		emphasis = t->class_weight[1] / t->class_weight[0];

	for (size_t i = 0; i < t->learner->n_params; i++)
	{
		const MlParamSpec *spec = &t->learner->params[i];

		if (strcmp(spec->name, "scale_pos_weight") == 0)
			emphasis *= *(const double *) ((const char *) t->params + spec->offset);
	}
	return emphasis;
}

static void
encode(Training *t)
{
	MlModelParts parts = t->parts;

	parts.signature = mling_signature_in_utf8(parts.signature);
	mlbase_check(t->ctx, ml_model_encode(t->ctx, &parts, &t->bytes, &t->size));
}

/* What was learned, as bytes. */
static void
encode_learned(Training *t)
{
	t->parts.algorithm = t->learner->name;
	t->parts.signature = t->signature;
	t->parts.fitted = t->learned.fitted;
	t->parts.margin_scale = 1;
	t->parts.margin_offset = -log(positive_emphasis(t)) + t->margin_shift;
	encode(t);
}

/*
 * A part's rows, scored by the flat model.  Metrics and thresholds are of the rows
 * as they are, as those of mlops.evaluate: weights say what to learn from, not what
 * will be decided on.
 */
typedef struct Judged
{
	size_t		n;
	double	   *score;
	float	   *label;
	float	   *weight;			/* what it weighed in learning; NULL: all 1 */
	MlCosts		costs;
} Judged;

static void *
arena_array(Training *t, size_t n, size_t size)
{
	void	   *array = ml_arena_alloc_array(t->ctx->arena, Max(n, 1), size);

	if (array == NULL)
		mlbase_check(t->ctx, ml_fail_memory(t->ctx));
	return array;
}

/* Costs of a part's rows; a missing cost counts as nothing. */
static double *
cost_by_row(Training *t, MlRows rows, int column)
{
	double	   *cost;

	if (column < 0)
		return NULL;
	cost = arena_array(t, rows.n, sizeof(double));
	for (size_t i = 0; i < rows.n; i++)
	{
		cost[i] = ml_column_number(&t->dataset->columns[column], rows.row[i]);
		if (isnan(cost[i]))
			cost[i] = 0;
	}
	return cost;
}

static void
score_part(Training *t, MlPart part, Judged *judged)
{
	MlRows		rows = t->rows[part];
	MlModel    *model = palloc(ml_model_struct_size());
	char		message[ML_MESSAGE_SIZE];

	if (!mling_open_model(t->bytes, t->size, model, message))
		elog(ERROR, "the learned model is not sound: %s", message);
	judged->n = rows.n;
	judged->score = arena_array(t, rows.n, sizeof(double));
	judged->label = arena_array(t, rows.n, sizeof(float));
	judged->weight = t->row_weight ? arena_array(t, rows.n, sizeof(float)) : NULL;
	judged->costs = t->threshold.policy.costs;
	judged->costs.false_positive_by_row = cost_by_row(t, rows, t->cost_false_positive);
	judged->costs.false_negative_by_row = cost_by_row(t, rows, t->cost_false_negative);
	for (size_t i = 0; i < rows.n; i++)
	{
		judged->label[i] = t->label[rows.row[i]];
		if (judged->weight)
			judged->weight[i] = t->row_weight[rows.row[i]];
	}
	mlbase_check(t->ctx, ml_model_score_rows(t->ctx, model, t->dataset, rows, judged->score));
}

/* Steps that bring the mean of the scores to the base rate; each halves what is left. */
#define SHIFT_STEPS 45
#define LARGEST_SHIFT 30.0

/* Adds the weights of rows, and of their scores with the log odds shifted. */
static void
add_shifted(const Judged *judged, double shift, MlSum *scores, MlSum *weights)
{
	for (size_t i = 0; i < judged->n; i++)
	{
		double		weight = judged->weight ? judged->weight[i] : 1;
		double		odds = judged->score[i] / (1 - judged->score[i]) * exp(shift);

		ml_sum_add(weights, weight);
		ml_sum_add(scores, weight * (isinf(odds) ? 1 : odds / (1 + odds)));
	}
}

static double
mean_shifted(const Judged *parts, int n, double shift)
{
	MlSum		scores = {0};
	MlSum		weights = {0};

	for (int p = 0; p < n; p++)
		add_shifted(&parts[p], shift, &scores, &weights);
	return ml_sum_value(scores) / ml_sum_value(weights);
}

static double
share_of_positives(const Judged *parts, int n)
{
	MlSum		positives = {0};
	MlSum		weights = {0};

	for (int p = 0; p < n; p++)
	{
		for (size_t i = 0; i < parts[p].n; i++)
		{
			double		weight = parts[p].weight ? parts[p].weight[i] : 1;

			ml_sum_add(&weights, weight);
			ml_sum_add(&positives, weight * (parts[p].label[i] == 1));
		}
	}
	return ml_sum_value(positives) / ml_sum_value(weights);
}

/*
 * Positives that were emphasised in training make the scores too high.  The
 * logarithm of the emphasis takes most of it back, but not all: trees shrink
 * what they learn.  The rest is a shift of the log odds by which the mean score
 * of the training and validation rows is their share of positives (the
 * validation rows alone have too few positives to tell it well).  It changes no
 * ranking.  judged: the part's rows, scored anew.
 */
static void
match_base_rate(Training *t, MlPart part, Judged *judged)
{
	MlArenaMark mark = ml_arena_mark(t->ctx->arena);
	Judged		parts[2] = {*judged};
	int			n = 1;
	double		low = -LARGEST_SHIFT;
	double		high = LARGEST_SHIFT;
	double		rate;

	if (positive_emphasis(t) == 1)
		return;
	if (part != ML_PART_TRAIN)
		score_part(t, ML_PART_TRAIN, &parts[n++]);
	rate = share_of_positives(parts, n);
	for (int step = 0; step < SHIFT_STEPS && rate > 0 && rate < 1; step++)
	{
		double		middle = (low + high) / 2;

		CHECK_FOR_INTERRUPTS();
		*(mean_shifted(parts, n, middle) < rate ? &low : &high) = middle;
	}
	ml_arena_release(t->ctx->arena, mark);
	t->margin_shift = (low + high) / 2;
	encode_learned(t);
	score_part(t, part, judged);
}

static void
evaluate_part(Training *t, const Judged *judged, MlEvaluation *evaluation)
{
	bool		costed = t->threshold.policy.kind == ML_THRESHOLD_COST;

	mlbase_check(t->ctx, ml_evaluate(t->ctx, judged->n, judged->score, judged->label,
									 NULL, costed ? &judged->costs : NULL,
									 t->parts.threshold, evaluation));
}

double
mltrain_metric_on(Training *t, MlPart part)
{
	Judged		judged;
	double		value;

	t->parts.threshold = 0.5;
	t->margin_shift = 0;
	encode_learned(t);
	score_part(t, part, &judged);
	mlbase_check(t->ctx, ml_metric_value(t->ctx, t->metric, judged.n, judged.score, judged.label,
										 NULL, &value));
	return value;
}

/* The training rows' scores, ascending, in the arena. */
static MlSample
training_scores(Training *t)
{
	Judged		judged;

	score_part(t, ML_PART_TRAIN, &judged);
	ml_sort_numbers(judged.score, arena_array(t, judged.n, sizeof(double)), judged.n);
	return (MlSample) {judged.n, judged.score};
}

/* How many of the training rows have a score of at least the threshold? */
static size_t
flagged_in_training(Training *t)
{
	MlArenaMark mark = ml_arena_mark(t->ctx->arena);
	MlSample	scores = training_scores(t);
	size_t		flagged = scores.n;

	while (flagged > 0 && scores.value[scores.n - flagged] < t->parts.threshold)
		flagged--;
	ml_arena_release(t->ctx->arena, mark);
	return flagged;
}

/*
 * The threshold that flags so many of the training rows, halfway to the next
 * score, so that a score that moves a little stays on its side.  Rows of one
 * score are flagged or not together, whichever is nearer.  Where all rows or
 * none are to be flagged, or all have one score, it stays.
 */
static double
threshold_flagging(Training *t, size_t flagged)
{
	MlArenaMark mark = ml_arena_mark(t->ctx->arena);
	MlSample	scores = training_scores(t);
	double		threshold = t->parts.threshold;
	size_t		first = scores.n - flagged; /* flagged row */
	size_t		below;			/* first row with its score, and with a higher one */
	size_t		above;

	if (flagged > 0 && flagged < scores.n && scores.value[0] < scores.value[scores.n - 1])
	{
		for (below = first; below > 0 && scores.value[below - 1] == scores.value[first];)
			below--;
		for (above = first; above < scores.n && scores.value[above] == scores.value[first];)
			above++;
		first = above == scores.n || (below > 0 && first - below <= above - first) ? below : above;
		threshold = scores.value[first - 1] + (scores.value[first] - scores.value[first - 1]) / 2;
		if (threshold == scores.value[first - 1])
			threshold = scores.value[first];	/* there is nothing between them */
	}
	ml_arena_release(t->ctx->arena, mark);
	return threshold;
}

/*
 * Learns again with the same parameters, for as many rounds, from the training
 * and the validation rows together; the curve stays as the validation rows made
 * it.  They are no judges of what learned from them, and scores have moved: the
 * threshold that they chose moves along, so that as many of the training rows,
 * which both have learned from, are flagged as before.
 */
static void
learn_everything(Training *t)
{
	MlRows		parts[2] = {t->rows[ML_PART_TRAIN], t->rows[ML_PART_VALIDATION]};
	uint32_t   *row = arena_array(t, parts[0].n + parts[1].n, sizeof(uint32_t));
	MlLearned	before = t->learned;
	MlTask		task;
	int			stopping = 0;
	size_t		flagged = flagged_in_training(t);

	mltrain_end_phase(t);
	mltrain_begin_phase(t, "refit");
	memcpy(row, parts[0].row, parts[0].n * sizeof(uint32_t));
	memcpy(row + parts[0].n, parts[1].row, parts[1].n * sizeof(uint32_t));
	t->rows[ML_PART_TRAIN] = (MlRows) {row, parts[0].n + parts[1].n};
	t->rows[ML_PART_VALIDATION].n = 0;
	if (mltrain_get_int(t->learner, t->params, "early_stopping_rounds", &stopping) && stopping > 0)
		mltrain_set_int(t->learner, t->params, "n_estimators", before.iterations);
	mltrain_make_view(t, t->learner->max_bins(t->params));
	task = mltrain_task(t);
	mlbase_check(t->ctx, t->learner->fit(t->ctx, &task, &t->learned));
	t->learned.curve = before.curve;
	t->learned.n_curve = before.n_curve;
	t->rows[ML_PART_TRAIN] = parts[0];
	t->rows[ML_PART_VALIDATION] = parts[1];
	encode_learned(t);
	if (t->threshold.policy.kind != ML_THRESHOLD_VALUE)
		t->parts.threshold = threshold_flagging(t, flagged);
	mltrain_end_phase(t);
	mltrain_begin_phase(t, "test");
}

/* What a policy asks for: its metric's name and value here; NULL: no metric. */
static const char *
target_metric(const MlThresholdPolicy *policy, const MlEvaluation *e, double *value)
{
	switch (policy->kind)
	{
		case ML_THRESHOLD_MIN_PRECISION:
			*value = e->precision;
			return "precision";
		case ML_THRESHOLD_MIN_RECALL:
			*value = e->recall;
			return "recall";
		case ML_THRESHOLD_ALERT_RATE:
			*value = e->alert_rate;
			return "alert_rate";
		default:
			*value = NAN;
			return NULL;
	}
}

/*
 * A policy that no threshold satisfies, or one satisfied by flagging nothing:
 * says so, with the best that can be had, and keeps that for the result.
 */
static void
tell_shortfall(Training *t, MlPart part, bool reached)
{
	const char *rows = part == ML_PART_VALIDATION ? "validation" : "training";
	double		best;
	const char *metric = target_metric(&t->threshold.policy, &t->validation, &best);
	char	   *detail;

	if (metric)
	{
		mltrain_add_metric(&t->run_metrics, "threshold_target", 0, t->threshold.policy.value);
		mltrain_add_metric(&t->run_metrics, "threshold_target_reached", 0, best);
	}
	if (!reached && metric)
		detail = psprintf("\"%s\" %g was asked for; the best that can be had is %.4g, with threshold %g, which is used.",
						  metric, t->threshold.policy.value, best, t->parts.threshold);
	else if (!reached)
		detail = psprintf("The nearest one, %g, is used.", t->parts.threshold);
	else if (t->validation.alert_rate == 0 && t->threshold.policy.kind != ML_THRESHOLD_VALUE)
		detail = psprintf("Threshold %g flags none of the %s rows.", t->parts.threshold, rows);
	else
		return;
	mltrain_tell(t, WARNING, reached ? psprintf("the threshold's policy is met on the %s rows only by flagging nothing", rows)
				 : psprintf("no threshold satisfies the policy on the %s rows", rows), detail);
	t->shortfall = detail;
}

/* A model that tells no row from another, as where nothing can be gained. */
static void
tell_constant(Training *t, const Judged *judged)
{
	for (size_t i = 1; i < judged->n; i++)
	{
		if (judged->score[i] != judged->score[0])
			return;
	}
	mltrain_tell(t, WARNING, "the model gives all rows the same score",
				 psprintf("It is %.6g for all %zu rows that chose the threshold: no feature tells rows apart under these parameters.",
						  judged->n > 0 ? judged->score[0] : NAN, judged->n));
}

/*
 * A row that was learned from is part of its level's statistic: it is judged by its
 * own label, and so is a threshold that such rows choose.
 */
static void
tell_own_labels(Training *t, MlPart part)
{
	for (size_t i = 0; part == ML_PART_TRAIN && i < t->signature->n_inputs; i++)
	{
		const MlInput *input = &t->signature->inputs[i];

		if (input->statistic == NULL)
			continue;
		mltrain_tell(t, WARNING, psprintf("the training rows chose the threshold, and \"%s\" tells their own labels", input->name),
					 "It has so many levels that each is a number made of the labels of its rows. Metrics and threshold of "
					 "these rows do not hold for new ones; have the split leave validation rows.");
		return;
	}
}

/* What was asked for, and cannot be: the rounds are as many as there may be. */
static void
tell_without_stopping(Training *t)
{
	int			stopping = 0;

	if (t->rows[ML_PART_VALIDATION].n == 0 && mltrain_get_int(t->learner, t->params, "early_stopping_rounds", &stopping) && stopping > 0)
		mltrain_tell(t, NOTICE, "nothing stops early without validation rows",
					 psprintf("\"early_stopping_rounds\" is %d, but the split leaves no validation rows to tell when: there are %d rounds.",
							  stopping, t->learned.iterations));
}

/*
 * Test rows that were asked for, but are not there: the metrics look like proof
 * and are none.  A split that asks for none is taken at its word.
 */
static void
tell_without_test(Training *t)
{
	const char *rows = t->judged_on == ML_PART_VALIDATION ? "validation" : "training";
	bool		asked = t->fold >= 0 || t->split.at_times || t->split.at_last || t->split.test > 0;

	if (t->judged_on == ML_PART_TEST || !asked)
		return;
	mltrain_tell(t, WARNING, "the split leaves no test rows",
				 psprintf("The metrics and the threshold rest on the %s rows. They do not tell how the version does on "
						  "new rows, and no gate is passed by them.", rows));
}

/* Test rows by which nothing can be told apart, as one of a day where days were meant. */
static void
tell_one_class(Training *t, const Judged *test)
{
	size_t		positives = 0;

	for (size_t i = 0; i < test->n; i++)
		positives += test->label[i] == 1;
	if (positives > 0 && positives < test->n)
		return;
	mltrain_tell(t, WARNING, "the test rows have one class only",
				 psprintf("The target is %s in all of them: %zu. Metrics that compare classes, as pr_auc, are not defined.",
						  positives > 0 ? "positive" : "negative", test->n));
}

/*
 * Chooses the threshold on the validation rows (on the training rows if there
 * are none), judges validation and test with it, and takes the baseline of
 * scores from the rows judged last.
 */
void
mltrain_judge(Training *t)
{
	MlPart		chosen_on = t->rows[ML_PART_VALIDATION].n > 0 ? ML_PART_VALIDATION : ML_PART_TRAIN;
	MlThresholdPolicy policy = t->threshold.policy;
	Judged		judged[4];
	uint64_t   *score_counts;
	bool		reached;

	t->parts.threshold = 0.5;
	t->margin_shift = 0;
	encode_learned(t);

	score_part(t, chosen_on, &judged[chosen_on]);
	match_base_rate(t, chosen_on, &judged[chosen_on]);
	tell_constant(t, &judged[chosen_on]);
	tell_own_labels(t, chosen_on);
	tell_without_stopping(t);
	policy.costs = judged[chosen_on].costs;
	mlbase_check(t->ctx, ml_choose_threshold(t->ctx, &policy, judged[chosen_on].n,
											 judged[chosen_on].score, judged[chosen_on].label, NULL,
											 &t->parts.threshold, &reached));
	evaluate_part(t, &judged[chosen_on], &t->validation);
	tell_shortfall(t, chosen_on, reached);
	mltrain_add_evaluation(&t->run_metrics, chosen_on == ML_PART_VALIDATION ? "validation" : "train",
						   &t->validation);
	t->judged_on = chosen_on;
	if (t->split.refit && t->rows[ML_PART_VALIDATION].n > 0)
		learn_everything(t);
	if (t->rows[ML_PART_TEST].n > 0)
	{
		score_part(t, ML_PART_TEST, &judged[ML_PART_TEST]);
		evaluate_part(t, &judged[ML_PART_TEST], &t->test);
		mltrain_add_evaluation(&t->run_metrics, "test", &t->test);
		t->judged_on = ML_PART_TEST;
		tell_one_class(t, &judged[ML_PART_TEST]);
	}
	tell_without_test(t);
	if (t->shortfall && t->judged_on == ML_PART_TEST)
		t->shortfall = psprintf("%s Of the test rows %.4g %% are flagged.", t->shortfall, 100 * t->test.alert_rate);

	score_counts = palloc0(ML_SCORE_BINS * sizeof(uint64_t));
	for (size_t i = 0; i < judged[t->judged_on].n; i++)
	{
		int			bin = (int) (judged[t->judged_on].score[i] * ML_SCORE_BINS);

		score_counts[Min(bin, ML_SCORE_BINS - 1)]++;
	}
	t->parts.score_counts = score_counts;
	encode(t);
}
