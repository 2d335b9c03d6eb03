/*
 * quantiles.h
 *	  Bin edges of a number's values (private to data).
 */
#ifndef MLOPS_ENGINE_DATA_QUANTILES_H
#define MLOPS_ENGINE_DATA_QUANTILES_H

#include "mlops/engine/data.h"

/* Above twice as many values of a class its part comes from a sample of this many. */
#define ML_QUANTILE_SAMPLE ((size_t) 200000)

/* Values of one class as sortable bits. */
typedef struct MlKeyList
{
	uint64_t   *keys;			/* [min(n, 2 * ML_QUANTILE_SAMPLE)] */
	uint64_t   *spare;
	size_t		n;
	double		weight;			/* of each */
} MlKeyList;

/* Working memory of one thread. */
typedef struct MlQuantileSpace
{
	MlKeyList	of_class[2];	/* negatives, positives */
	size_t		n_usual[2];		/* taken of the usual value */
	double	   *distinct;		/* of both, rising */
	double	   *weight;			/* of all that have the distinct value */
} MlQuantileSpace;

/* Allocates it for n values; false when memory is exhausted. */
extern bool ml_quantile_space(MlArena *arena, size_t n, MlQuantileSpace *space);

/*
 * Values to find edges of.  One of them, not NaN, may be counted instead of listed,
 * the usual one.  From samples it can only be if no value is missing.
 */
typedef struct MlQuantileValues
{
	const double *value;		/* by position; NaN is skipped */
	const bool *positive;		/* which belong to the positive class */
	size_t		n;
	const uint32_t *at;			/* [n] positions that are listed; NULL: 0 .. n-1 */
	double		usual;
	size_t		n_usual[2];		/* negatives and positives that have it */
	size_t		n_taken[2];		/* see ml_quantile_taken; needed if any have it */
} MlQuantileValues;

/* How many of n values are taken of each class if none is missing: all, or a sample. */
extern void ml_quantile_taken(const bool *positive, size_t n, uint64_t seed, size_t taken[2]);

/*
 * Edges of at most max_bins bins.  The positive class, where it is rare, counts more,
 * so that bins are fine where it lives.  Writes the edges, rising, to
 * edges [max_bins - 1] and returns the number of bins, at least 1.
 */
extern uint32_t ml_quantile_edges(MlQuantileSpace *space, const MlQuantileValues *values,
								  uint32_t max_bins, uint64_t seed, double *edges);

#endif							/* MLOPS_ENGINE_DATA_QUANTILES_H */
