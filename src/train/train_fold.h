/*
 * train_fold.h
 *	  One training of a fold (private to train).
 *
 * Takes the request and the rows of a fold.  Gives what a cross-validation keeps of
 * it; everything else is in data's arena, for the caller to release.  Raises what the
 * steps of a training raise.
 */
#ifndef MLOPS_TRAIN_TRAIN_FOLD_H
#define MLOPS_TRAIN_TRAIN_FOLD_H

#include "postgres.h"

#include "train/prepare.h"

/*
 * Learns from the train rows and judges on the test rows, by all steps of mlops.train
 * but the record.  What the journal has of a fold before is forgotten, but for its
 * messages.
 */
extern void train_fold(Journal *journal, const Request *request, const Data *data, const Parts *parts,
					   MlFoldResult *result);

#endif							/* MLOPS_TRAIN_TRAIN_FOLD_H */
