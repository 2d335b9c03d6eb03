/*
 * tune_request.h
 *	  What a tuning asks for beside a training, checked (private to train).
 *
 * Takes the arguments as they were given.  Gives a TuneRequest, and the Request of the
 * training, in the current memory context.  Raises what can be found wrong before any
 * data is read (22023, 0A000).
 */
#ifndef MLOPS_TRAIN_TUNE_REQUEST_H
#define MLOPS_TRAIN_TUNE_REQUEST_H

#include "postgres.h"

#include "train/folds.h"
#include "train/tune_space.h"

typedef struct TuneRequest
{
	const MlTuneRequest *given;
	TuneSpace  *space;
	List	   *max_bins;		/* that points may ask for */
	MlSampler	sampler;
	MlPruner	pruner;
	Folds		folds;			/* n = 0: none; not dealt out yet */
} TuneRequest;

extern void tune_check(const MlTuneRequest *given, Request *request, TuneRequest *tune);

#endif							/* MLOPS_TRAIN_TUNE_REQUEST_H */
