/*
 * fit.h
 *	  Step 6 of a training: learning (private to train).
 *
 * Takes the request and the prepared data.  Gives what was learned, in data's
 * arena, with the parameters that it was learned with.  Raises what the learner
 * refuses (22023, 22000, 53200), and a cancel.
 */
#ifndef MLOPS_TRAIN_FIT_H
#define MLOPS_TRAIN_FIT_H

#include "postgres.h"

#include "train/prepare.h"

typedef struct Fitted
{
	const void *params;			/* of the request's learner */
	MlLearned	learned;
} Fitted;

/* What the learner is given. */
extern MlTask mltrain_task(const Request *request, const Prepared *prepared);

/* Learns from the training rows, as a phase. */
extern void mltrain_fit(Journal *journal, const Request *request, const Prepared *prepared, Fitted *fitted);

/*
 * Learns again with the same parameters, for as many rounds, from the training
 * and the validation rows together; the curve stays as the validation rows made
 * it.  everything: prepared anew from all these rows.
 */
extern void mltrain_fit_everything(Journal *journal, const Request *request, const Prepared *prepared,
								   const Fitted *before, Prepared *everything, Fitted *fitted);

#endif							/* MLOPS_TRAIN_FIT_H */
