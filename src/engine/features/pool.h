/*
 * pool.h
 *	  Memory of many small states that grow (private to features): sizes are powers of
 *	  two, and what is given back is used again.
 */
#ifndef MLOPS_ENGINE_FEATURES_POOL_H
#define MLOPS_ENGINE_FEATURES_POOL_H

#include "mlops/engine/base.h"

#define POOL_SIZES 48

typedef struct Pool
{
	MlArena    *arena;
	void	   *given_back[POOL_SIZES]; /* by the logarithm of the size, each pointing to the next */
	char	   *slab;			/* what small pieces are cut from */
	size_t		left;			/* bytes of it */
} Pool;

/* Zeroed bytes, 16-byte aligned; NULL when memory is exhausted. */
extern void *pool_take(Pool *pool, size_t size);

extern void pool_give_back(Pool *pool, void *piece, size_t size);

/*
 * Makes room for more elements in an array of *capacity, doubled; false when memory is
 * exhausted, the array as it was.
 */
extern bool pool_grow(Pool *pool, void **array, uint32_t *capacity, size_t element);

#endif							/* MLOPS_ENGINE_FEATURES_POOL_H */
