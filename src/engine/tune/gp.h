/*
 * gp.h
 *	  A Gaussian process and the expected improvement (private to tune).
 */
#ifndef MLOPS_ENGINE_TUNE_GP_H
#define MLOPS_ENGINE_TUNE_GP_H

#include "mlops/engine/tune.h"

/*
 * The next point of trial number, by a model of the trials so far.  Uses
 * ctx->arena.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED, ML_FAILED (no linear algebra).
 */
extern MlStatus gp_sample(MlContext *ctx, const MlStudy *study, size_t number, double *point);

#endif							/* MLOPS_ENGINE_TUNE_GP_H */
