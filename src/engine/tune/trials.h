/*
 * trials.h
 *	  What samplers read of a study's trials (private to tune).
 */
#ifndef MLOPS_ENGINE_TUNE_TRIALS_H
#define MLOPS_ENGINE_TUNE_TRIALS_H

#include "mlops/engine/tune.h"

/* Trials that ended with a value. */
extern size_t study_ended(const MlStudy *study);

/*
 * The numbers of the FINISHED trials from the best to the worst, then of the
 * PRUNED ones from those that got furthest; *n of them, in ctx->arena.  Equals
 * stay in order of number.  Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus study_ranked(MlContext *ctx, const MlStudy *study, size_t **ranked, size_t *n);

#endif							/* MLOPS_ENGINE_TUNE_TRIALS_H */
