/*
 * judge.h
 *	  Step 11 of a training: the judgement of what was learned (private to train).
 *
 * Takes the request, the prepared data and what was learned.  Gives the threshold,
 * the metrics and the bytes of the model, all from the flat model that later answers
 * score, in data's arena.  Raises 53200 and a cancel; policies that cannot be met are
 * warnings.
 */
#ifndef MLOPS_TRAIN_JUDGE_H
#define MLOPS_TRAIN_JUDGE_H

#include "postgres.h"

#include "train/scored.h"

typedef struct Judgement
{
	Fitted		fitted;			/* what was judged: with "refit" it is learned again */
	Encoded		model;			/* with threshold and baseline of scores */
	MlEvaluation validation;	/* of the rows that chose the threshold */
	MlEvaluation test;			/* if there are test rows */
	MlPart		judged_on;		/* part the reported metrics are of */
	MlPart		chosen_on;		/* part that the threshold was chosen on */
	const char *shortfall;		/* of the threshold's policy, a sentence; NULL: none */
} Judgement;

/*
 * As phase "judge", or "judge", "refit" and "test": chooses the threshold on the
 * validation rows (on the training rows if there are none), judges validation and
 * test with it, and takes the baseline of scores from the rows judged last.
 */
extern void mltrain_judge(Journal *journal, const Request *request, const Prepared *prepared,
						  const Fitted *fitted, Judgement *judgement);

#endif							/* MLOPS_TRAIN_JUDGE_H */
