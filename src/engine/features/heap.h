/*
 * heap.h
 *	  A heap of numbered items, the least on top (private to features).
 */
#ifndef MLOPS_ENGINE_FEATURES_HEAP_H
#define MLOPS_ENGINE_FEATURES_HEAP_H

#include "pool.h"

typedef struct HeapItem
{
	int64_t		key;
	int64_t		tag;			/* of the owner's */
} HeapItem;

typedef struct Heap
{
	HeapItem   *item;
	uint32_t	n;
	uint32_t	capacity;
} Heap;

/* False when memory is exhausted. */
extern bool heap_push(Pool *pool, Heap *heap, HeapItem item);

/* Takes the top away; the heap is not empty. */
extern void heap_pop(Heap *heap);

/* Takes all items away whose tag is at most that. */
extern void heap_keep_after(Heap *heap, int64_t tag);

#endif							/* MLOPS_ENGINE_FEATURES_HEAP_H */
