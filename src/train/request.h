/*
 * request.h
 *	  Step 1 of a training: what the user asks for, checked (private to train).
 *
 * Takes the arguments as they were given.  Gives a Request that later steps read
 * and none changes.  It points to the arguments, and is in the current memory
 * context.  Raises whatever can be found wrong before any data is read, mostly
 * 22023; 42501 without the right to train the model.
 */
#ifndef MLOPS_TRAIN_REQUEST_H
#define MLOPS_TRAIN_REQUEST_H

#include "postgres.h"

#include "mlops/train.h"

typedef struct Request
{
	const MlTrainRequest *given;
	const char *group_by;		/* folds: column whose values stay together, NULL: none */
	const MlLearner *learner;
	const void *params;
	MlMetric	metric;
	MlSplitRequest split;
	MlThresholdRequest threshold;
	MlPreprocessRequest preprocess;
	const char *zone;			/* whose clock times are read on */
} Request;

/* command is named where it cannot run; group_by may be NULL. */
extern void mltrain_check(const MlTrainRequest *given, const char *group_by, const char *command,
						  Request *request);

/* Errors (22023): parameters of the learner that do not go together. */
extern void mltrain_check_together(const Request *request);

#endif							/* MLOPS_TRAIN_REQUEST_H */
