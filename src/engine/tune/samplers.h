/*
 * samplers.h
 *	  What the samplers share (private to tune).
 *
 * Ranges have an internal scale: the logarithm where it is asked for, and half
 * a unit more at both ends of whole numbers, so that each has an equal share.
 */
#ifndef MLOPS_ENGINE_TUNE_SAMPLERS_H
#define MLOPS_ENGINE_TUNE_SAMPLERS_H

#include "mlops/engine/tune.h"

/* Trials at random before a model of them is made. */
#define STARTUP_TRIALS 10

/* Ends of a range on its internal scale. */
extern double space_low(const MlDimension *d);
extern double space_high(const MlDimension *d);

/* A value to its internal scale and back (rounded, inside the range). */
extern double space_inner(const MlDimension *d, double value);
extern double space_outer(const MlDimension *d, double inner);

/* Trials that ended with a value. */
/* The point of a number below ml_space_size. */
extern bool space_point(const MlSpace *space, size_t number, double *point);

extern size_t study_ended(const MlStudy *study);

/*
 * The numbers of the FINISHED trials from the best to the worst, then of the
 * PRUNED ones from those that got furthest; *n of them, in ctx->arena.  Equals
 * stay in order of number.
 */
extern MlStatus study_ranked(MlContext *ctx, const MlStudy *study, size_t **ranked, size_t *n);

/* The next point of trial number, by the model of the trials so far. */
extern MlStatus tpe_sample(MlContext *ctx, const MlStudy *study, size_t number, double *point);
extern MlStatus gp_sample(MlContext *ctx, const MlStudy *study, size_t number, double *point);

#endif							/* MLOPS_ENGINE_TUNE_SAMPLERS_H */
