/*
 * record.h
 *	  The last step of a training: the run and the version in the catalog (private
 *	  to train).
 *
 * Takes what all steps before have given, and the journal; changes none of it.  Gives
 * the numbers of the run and the version and the JSON of metrics, in the current
 * memory context; for a rehearsal hashes instead, and nothing is written.  Raises what
 * mlreg_register does.
 */
#ifndef MLOPS_TRAIN_RECORD_H
#define MLOPS_TRAIN_RECORD_H

#include "postgres.h"

#include "train/judge.h"

/* As phase "register". */
extern void mltrain_record(Journal *journal, const Request *request, const ReadPlan *plan, const Prepared *prepared,
						   const Judgement *judgement, MlTrainResult *result);

#endif							/* MLOPS_TRAIN_RECORD_H */
