/*
 * quantiles.h
 *	  Bin edges of a number's values (private to data).
 */
#ifndef MLOPS_ENGINE_DATA_QUANTILES_H
#define MLOPS_ENGINE_DATA_QUANTILES_H

#include "mlops/engine/data.h"

/* Above this many values the edges come from a sample of this many. */
#define ML_QUANTILE_SAMPLE ((size_t) 200000)

/* Working memory of one thread. */
typedef struct MlQuantileSpace
{
	uint64_t   *keys;			/* [min(n, 2 * ML_QUANTILE_SAMPLE)] */
	uint64_t   *spare;
	double	   *distinct;
	uint32_t   *counts;
} MlQuantileSpace;

/* Allocates it for n values; false when memory is exhausted. */
extern bool ml_quantile_space(MlArena *arena, size_t n, MlQuantileSpace *space);

/*
 * Edges of at most max_bins bins of the values (NaN is skipped).  Writes the
 * edges, rising, to edges [max_bins - 1] and returns the number of bins, at
 * least 1.
 */
extern uint32_t ml_quantile_edges(MlQuantileSpace *space, const double *values, size_t n,
								  uint32_t max_bins, uint64_t seed, double *edges);

#endif							/* MLOPS_ENGINE_DATA_QUANTILES_H */
