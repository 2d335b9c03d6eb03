/*-------------------------------------------------------------------------
 * judge.c
 *	  The model's threshold and its metrics.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/base.h"
#include "mlops/engine/drift.h"
#include "train/base_rate.h"
#include "train/caveats.h"
#include "train/judge.h"

/* Without sample weights: metrics are of rows as they come. */
static void
evaluate_part(const Request *request, const Prepared *prepared, const Encoded *model, const Scored *scored,
			  MlEvaluation *evaluation)
{
	bool		costed = request->threshold.policy.kind == ML_THRESHOLD_COST;

	mlbase_check(prepared->data->ctx, ml_evaluate(prepared->data->ctx, scored->n, scored->score, scored->label,
												  NULL, costed ? &scored->costs : NULL,
												  model->parts.threshold, evaluation, NULL));
}

/* ---------------------------------------------------------------- learning again */

/*
 * How many of the training rows have a score of at least the threshold?  What
 * scoring takes from the arena is given back.
 */
static size_t
flagged_in_training(const Request *request, const Prepared *prepared, const Encoded *model)
{
	MlArena    *arena = prepared->data->ctx->arena;
	MlArenaMark mark = ml_arena_mark(arena);
	Scored		scored;
	size_t		flagged = 0;

	mltrain_score_part(request, prepared, model, ML_PART_TRAIN, &scored);
	for (size_t i = 0; i < scored.n; i++)
		flagged += scored.score[i] >= model->parts.threshold;
	ml_arena_release(arena, mark);
	return flagged;
}

/*
 * The threshold that flags so many of the training rows, halfway to the next score,
 * so that a score that moves a little stays on its side.  Rows of one score are
 * flagged or not together, whichever is nearer.  Where all rows or none are to be
 * flagged, or all have one score, it stays.  O(rows) for the sort.
 */
static double
threshold_flagging(const Request *request, const Prepared *prepared, const Encoded *model, size_t flagged)
{
	MlArena    *arena = prepared->data->ctx->arena;
	MlArenaMark mark = ml_arena_mark(arena);
	Scored		scores;
	double	   *score;			/* ascending */
	double		threshold = model->parts.threshold;
	size_t		first;			/* flagged row */
	size_t		below;			/* first row with its score, and with a higher one */
	size_t		above;

	mltrain_score_part(request, prepared, model, ML_PART_TRAIN, &scores);
	score = scores.score;
	ml_sort_numbers(score, mltrain_array(prepared->data, scores.n, sizeof(double)), scores.n);
	first = scores.n - flagged;
	if (flagged > 0 && flagged < scores.n && score[0] < score[scores.n - 1])
	{
		for (below = first; below > 0 && score[below - 1] == score[first];)
			below--;
		for (above = first; above < scores.n && score[above] == score[first];)
			above++;
		first = above == scores.n || (below > 0 && first - below <= above - first) ? below : above;
		threshold = score[first - 1] + (score[first] - score[first - 1]) / 2;
		if (threshold == score[first - 1])
			threshold = score[first];	/* there is nothing between them */
	}
	ml_arena_release(arena, mark);
	return threshold;
}

/*
 * Learns from the training and the validation rows together.  They are no judges
 * of what learned from them, and scores have moved: the threshold that they chose
 * moves along, so that as many of the training rows, which both have learned from,
 * are flagged as before.
 */
static void
learn_everything(Journal *journal, const Request *request, const Prepared *prepared, double margin_shift,
				 Judgement *judgement)
{
	Encoded    *model = &judgement->model;
	Fitted		before = judgement->fitted;
	Prepared	everything;
	bool		moves = request->threshold.policy.kind != ML_THRESHOLD_VALUE;
	size_t		flagged = moves ? flagged_in_training(request, prepared, model) : 0;

	mltrain_end_phase(journal);
	mltrain_begin_phase(journal, "refit");
	mltrain_fit_everything(journal, request, prepared, &before, &everything, &judgement->fitted);
	mltrain_encode(request, &everything, &judgement->fitted, margin_shift, model);
	if (moves)
		model->parts.threshold = threshold_flagging(request, prepared, model, flagged);
	mltrain_end_phase(journal);
	mltrain_begin_phase(journal, "test");
}

/* ---------------------------------------------------------------- the threshold */

/* Says why the policy's threshold is not what was asked for, and keeps that for the result. */
static void
tell_shortfall(Journal *journal, const MlThresholdPolicy *policy, MlPart part, bool reached, const Scored *scored, Judgement *judgement)
{
	const char *rows = part == ML_PART_VALIDATION ? "validation rows" : "training rows";
	const MlThresholdShortfall shortfall = {reached, &judgement->validation, rows, scored->n, scored->score, scored->label};
	double		best;

	if (mltrain_target_metric(policy, &judgement->validation, &best))
	{
		mltrain_add_metric(&journal->run_metrics, "threshold_target", 0, policy->value);
		mltrain_add_metric(&journal->run_metrics, "threshold_target_reached", 0, best);
	}
	judgement->shortfall = mltrain_threshold_shortfall(policy, &shortfall);
	if (judgement->shortfall)
		mltrain_tell(journal, WARNING, judgement->validation.alert_rate == 0
					 ? psprintf("the threshold flags none of the %s", rows)
					 : psprintf("no threshold satisfies the policy on the %s", rows), judgement->shortfall);
}

/*
 * Chooses the threshold on a part's rows; gives their scores and the shift of the
 * model's log odds.  Fills judgement's model and validation metrics; the model is
 * at the base rate by then.
 */
static double
choose_threshold(Journal *journal, const Request *request, const Prepared *prepared, MlPart part,
				 Judgement *judgement, Scored *scored)
{
	MlContext  *ctx = prepared->data->ctx;
	MlThresholdPolicy policy = request->threshold.policy;
	Encoded    *model = &judgement->model;
	double		margin_shift;
	bool		reached;

	model->parts.threshold = 0.5;
	mltrain_encode(request, prepared, &judgement->fitted, 0, model);
	mltrain_score_part(request, prepared, model, part, scored);
	margin_shift = mltrain_match_base_rate(request, prepared, &judgement->fitted, part, model, scored);
	mltrain_tell_constant(journal, scored);
	mltrain_tell_fitted_threshold(journal, request, prepared, part);
	mltrain_tell_without_stopping(journal, request, prepared, &judgement->fitted);
	policy.costs = scored->costs;
	mlbase_check(ctx, ml_choose_threshold(ctx, &policy, scored->n, scored->score, scored->label, NULL,
										  &model->parts.threshold, &reached));
	evaluate_part(request, prepared, model, scored, &judgement->validation);
	tell_shortfall(journal, &request->threshold.policy, part, reached, scored, judgement);
	mltrain_add_evaluation(&journal->run_metrics, part == ML_PART_VALIDATION ? "validation" : "train",
						   &judgement->validation);
	judgement->judged_on = judgement->chosen_on = part;
	return margin_shift;
}

/* ---------------------------------------------------------------- test */

/* The only use of test rows: nothing is chosen by them. */
static void
judge_test(Journal *journal, const Request *request, const Prepared *prepared, Judgement *judgement,
		   Scored *scored)
{
	mltrain_score_part(request, prepared, &judgement->model, ML_PART_TEST, scored);
	evaluate_part(request, prepared, &judgement->model, scored, &judgement->test);
	mltrain_add_evaluation(&journal->run_metrics, "test", &judgement->test);
	judgement->judged_on = ML_PART_TEST;
	mltrain_tell_one_class(journal, scored);
}

/*
 * How many rows have a score in each of equal bins.  [ML_SCORE_BINS] of [0, 1]; the
 * baseline of the model's score for drift.
 */
static const uint64_t *
count_scores(const Scored *scored)
{
	uint64_t   *counts = palloc0(ML_SCORE_BINS * sizeof(uint64_t));

	for (size_t i = 0; i < scored->n; i++)
	{
		int			bin = (int) (scored->score[i] * ML_SCORE_BINS);

		counts[Min(bin, ML_SCORE_BINS - 1)]++;
	}
	return counts;
}

/* The baseline is of the rows that the metrics are of: test rows, if there are any. */
void
mltrain_judge(Journal *journal, const Request *request, const Prepared *prepared, const Fitted *fitted,
			  Judgement *judgement)
{
	const MlRows *rows = prepared->parts.rows;
	MlPart		chosen_on = rows[ML_PART_VALIDATION].n > 0 ? ML_PART_VALIDATION : ML_PART_TRAIN;
	Scored		scored;
	double		margin_shift;

	mltrain_begin_phase(journal, "judge");
	*judgement = (Judgement) {.fitted = *fitted};
	margin_shift = choose_threshold(journal, request, prepared, chosen_on, judgement, &scored);
	if (request->split.refit && rows[ML_PART_VALIDATION].n > 0)
		learn_everything(journal, request, prepared, margin_shift, judgement);
	if (rows[ML_PART_TEST].n > 0)
		judge_test(journal, request, prepared, judgement, &scored);
	mltrain_tell_without_test(journal, request, prepared, judgement->judged_on);
	if (judgement->shortfall && judgement->judged_on == ML_PART_TEST)
		judgement->shortfall = psprintf("%s Of the test rows %.4g %% are flagged.", judgement->shortfall,
										100 * judgement->test.alert_rate);
	judgement->model.parts.score_counts = count_scores(&scored);
	mltrain_encode_again(prepared->data, &judgement->model);
	mltrain_end_phase(journal);
}
