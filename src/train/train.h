/*
 * train.h
 *	  The steps of a training in their order (private to train).
 *
 * Takes the request, the plan and the prepared data; gives the result.  Owns what the
 * steps give while they run.  Raises what they raise.
 */
#ifndef MLOPS_TRAIN_TRAIN_H
#define MLOPS_TRAIN_TRAIN_H

#include "postgres.h"

#include "train/prepare.h"

/*
 * Steps 6 to the last: learns from prepared data that has no view yet, judges and
 * records.  What is in result is in the current memory context.
 */
extern void mltrain_finish(Journal *journal, const Request *request, const ReadPlan *plan, Prepared *prepared,
						   MlTrainResult *result);

/* What is in result, copied to the current memory context. */
extern void mltrain_keep_result(MlTrainResult *result);

#endif							/* MLOPS_TRAIN_TRAIN_H */
