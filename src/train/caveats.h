/*
 * caveats.h
 *	  Step 10 of a training: what is said where a judgement is worth less than it
 *	  looks (private to train).
 *
 * Takes what has been made so far; gives messages in the journal.  Raises nothing.
 */
#ifndef MLOPS_TRAIN_CAVEATS_H
#define MLOPS_TRAIN_CAVEATS_H

#include "postgres.h"

#include "train/scored.h"

/* A model that tells no row from another, as where nothing can be gained. */
extern void mltrain_tell_constant(Journal *journal, const Scored *chosen_by);

/* Training rows that choose the threshold, maybe with a statistic of their own labels; noted, too. */
extern void mltrain_tell_fitted_threshold(Journal *journal, const Request *request, const Prepared *prepared,
										  MlPart chosen_on);

/* Early stopping without rows to tell when. */
extern void mltrain_tell_without_stopping(Journal *journal, const Request *request, const Prepared *prepared,
										  const Fitted *fitted);

/* Test rows that were asked for, but are not there. */
extern void mltrain_tell_without_test(Journal *journal, const Request *request, const Prepared *prepared,
									  MlPart judged_on);

/* Test rows by which nothing can be told apart. */
extern void mltrain_tell_one_class(Journal *journal, const Scored *test);

#endif							/* MLOPS_TRAIN_CAVEATS_H */
