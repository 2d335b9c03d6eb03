/*-------------------------------------------------------------------------
 * base_rate.c
 *	  From scores that an emphasis of positives has raised to probabilities.
 *
 * To shift the log odds by the logarithm of how much positives were emphasised
 * is the prior correction of King and Zeng, "Logistic regression in rare events
 * data", Political Analysis 9, 2001.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/base.h"
#include "train/base_rate.h"

/* Steps that bring the mean of the scores to the base rate; each halves what is left. */
#define SHIFT_STEPS 45
#define LARGEST_SHIFT 30.0

/* Adds the weights of rows, and of their scores with the log odds shifted. */
static void
add_shifted(const Scored *scored, double shift, MlSum *scores, MlSum *weights)
{
	for (size_t i = 0; i < scored->n; i++)
	{
		double		weight = scored->weight ? scored->weight[i] : 1;
		double		odds = scored->score[i] / (1 - scored->score[i]) * exp(shift);

		ml_sum_add(weights, weight);
		ml_sum_add(scores, weight * (isinf(odds) ? 1 : odds / (1 + odds)));
	}
}

/* Weighted mean score of all parts, their log odds shifted. */
static double
mean_shifted(const Scored *parts, int n, double shift)
{
	MlSum		scores = {0};
	MlSum		weights = {0};

	for (int p = 0; p < n; p++)
		add_shifted(&parts[p], shift, &scores, &weights);
	return ml_sum_value(scores) / ml_sum_value(weights);
}

/* Weighted share of positives of all parts, to which the mean score is brought. */
static double
share_of_positives(const Scored *parts, int n)
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
 * logarithm of the emphasis takes most of it back, but not all: trees shrink what
 * they learn.  The rest is a shift of the log odds by which the mean score of the
 * training and validation rows is their share of positives (the validation rows
 * alone have too few positives to tell it well).  It changes no ranking.  scored:
 * the part's rows, scored anew.  By bisection: the mean rises with the shift.
 * O(SHIFT_STEPS * rows).
 */
double
mltrain_match_base_rate(const Request *request, const Prepared *prepared, const Fitted *fitted,
						MlPart part, Encoded *encoded, Scored *scored)
{
	MlArena    *arena = prepared->data->ctx->arena;
	MlArenaMark mark = ml_arena_mark(arena);
	Scored		parts[2] = {*scored};
	int			n = 1;
	double		low = -LARGEST_SHIFT;
	double		high = LARGEST_SHIFT;
	double		rate;

	if (mltrain_emphasis(request, prepared, fitted) == 1)
		return 0;
	if (part != ML_PART_TRAIN)
		mltrain_score_part(request, prepared, encoded, ML_PART_TRAIN, &parts[n++]);
	rate = share_of_positives(parts, n);
	for (int step = 0; step < SHIFT_STEPS && rate > 0 && rate < 1; step++)
	{
		double		middle = (low + high) / 2;

		CHECK_FOR_INTERRUPTS();
		*(mean_shifted(parts, n, middle) < rate ? &low : &high) = middle;
	}
	ml_arena_release(arena, mark);
	mltrain_encode(request, prepared, fitted, (low + high) / 2, encoded);
	mltrain_score_part(request, prepared, encoded, part, scored);
	return (low + high) / 2;
}
