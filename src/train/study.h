/*
 * study.h
 *	  A study in the catalog: what it is, and the trials that it has (private to
 *	  train).
 *
 * Takes what was asked and the prepared data.  Gives the study's description, with a
 * lock that keeps other sessions off the study until the transaction ends, and the
 * trials that earlier calls have left.  Raises 55006 where another session has it.
 */
#ifndef MLOPS_TRAIN_STUDY_H
#define MLOPS_TRAIN_STUDY_H

#include "postgres.h"

#include "train/prepare.h"
#include "train/team_shared.h"
#include "train/tune_request.h"

/* What mlops_catalog.open_study needs, as JSON text; folds are dealt out.  Takes the lock. */
extern char *study_describe(const TuneRequest *tune, const Request *request, const ReadPlan *plan,
							const Prepared *prepared, const Folds *folds);

/*
 * Takes in what earlier calls have left: into study, and on the pruner's board.
 * Returns how many trials failed.
 */
extern int	study_load(int64 study_id, int trials, TeamShared *shared, MlStudy *study);

#endif							/* MLOPS_TRAIN_STUDY_H */
