/*
 * scored.h
 *	  Step 8 of a training: rows of a part, scored by the bytes that later answers
 *	  are of (private to train).
 *
 * Takes the request, the prepared data and a model's bytes.  Gives scores and labels,
 * in data's arena.  Raises 53200.  Metrics and thresholds are of the rows as they are,
 * as those of mlops.evaluate: weights say what to learn from, not what will be
 * decided on.
 */
#ifndef MLOPS_TRAIN_SCORED_H
#define MLOPS_TRAIN_SCORED_H

#include "postgres.h"

#include "train/encode.h"

typedef struct Scored
{
	size_t		n;
	double	   *score;
	float	   *label;
	float	   *weight;			/* what it weighed in learning; NULL: all 1 */
	MlCosts		costs;
} Scored;

extern void mltrain_score_part(const Request *request, const Prepared *prepared, const Encoded *encoded,
							   MlPart part, Scored *scored);

/* The request's metric on a part's rows. */
extern double mltrain_metric_on(const Request *request, const Prepared *prepared, const Fitted *fitted, MlPart part);

#endif							/* MLOPS_TRAIN_SCORED_H */
