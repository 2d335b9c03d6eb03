/*
 * base_rate.h
 *	  Step 9 of a training: scores that mean probabilities although positives were
 *	  emphasised in learning (private to train).
 *
 * Takes the model and a part's scores; gives both anew, where there was an emphasis.
 * Raises 53200.
 */
#ifndef MLOPS_TRAIN_BASE_RATE_H
#define MLOPS_TRAIN_BASE_RATE_H

#include "postgres.h"

#include "train/scored.h"

/*
 * Shifts the model to the base rate of the rows that it was made from, and scores
 * the part anew.  Returns the shift of the log odds.
 */
extern double mltrain_match_base_rate(const Request *request, const Prepared *prepared, const Fitted *fitted,
									  MlPart part, Encoded *encoded, Scored *scored);

#endif							/* MLOPS_TRAIN_BASE_RATE_H */
