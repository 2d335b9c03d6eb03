/*
 * space.h
 *	  What samplers need of a space beside what callers see (private to tune).
 *
 * Ranges have an internal scale: the logarithm where it is asked for, and half
 * a unit more at both ends of whole numbers, so that each has an equal share.
 */
#ifndef MLOPS_ENGINE_TUNE_SPACE_H
#define MLOPS_ENGINE_TUNE_SPACE_H

#include "mlops/engine/tune.h"

/* Ends of a range on its internal scale. */
extern double space_low(const MlDimension *d);
extern double space_high(const MlDimension *d);

/* A value to its internal scale and back (rounded, inside the range). */
extern double space_inner(const MlDimension *d, double value);
extern double space_outer(const MlDimension *d, double inner);

/* The point of a number below ml_space_size. */
extern bool space_point(const MlSpace *space, size_t number, double *point);

#endif							/* MLOPS_ENGINE_TUNE_SPACE_H */
