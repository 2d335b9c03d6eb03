/*
 * distinct.h
 *	  A multiset of values that knows how many different ones it has (private to
 *	  features).
 */
#ifndef MLOPS_ENGINE_FEATURES_DISTINCT_H
#define MLOPS_ENGINE_FEATURES_DISTINCT_H

#include "pool.h"

typedef struct DistinctSlot
{
	double		value;
	uint64_t	count;			/* 0: the slot is free */
} DistinctSlot;

typedef struct Distinct
{
	DistinctSlot *slot;
	uint32_t	n;				/* different values */
	uint32_t	n_slots;		/* a power of two, or 0 */
} Distinct;

/* False when memory is exhausted. */
extern bool distinct_add(Pool *pool, Distinct *set, double value);

/* Takes one away that was added. */
extern void distinct_remove(Distinct *set, double value);

extern bool distinct_has(const Distinct *set, double value);

/* Gives its memory back. */
extern void distinct_free(Pool *pool, Distinct *set);

#endif							/* MLOPS_ENGINE_FEATURES_DISTINCT_H */
