/*-------------------------------------------------------------------------
 * heap.c
 *	  A binary heap.
 *-------------------------------------------------------------------------
 */
#include "heap.h"

bool
heap_push(Pool *pool, Heap *heap, HeapItem item)
{
	uint32_t	at = heap->n;

	if (heap->n == heap->capacity &&
		!pool_grow(pool, (void **) &heap->item, &heap->capacity, sizeof(HeapItem)))
		return false;
	heap->n++;
	while (at > 0 && heap->item[(at - 1) / 2].key > item.key)
	{
		heap->item[at] = heap->item[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->item[at] = item;
	return true;
}

/* Puts an item in at a place, or below it: where all below are not less than what they are under. */
static void
sift_down(Heap *heap, uint32_t at, HeapItem item)
{
	for (;;)
	{
		uint32_t	child = 2 * at + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n && heap->item[child + 1].key < heap->item[child].key)
			child++;
		if (heap->item[child].key >= item.key)
			break;
		heap->item[at] = heap->item[child];
		at = child;
	}
	heap->item[at] = item;
}

void
heap_pop(Heap *heap)
{
	HeapItem	last = heap->item[--heap->n];

	if (heap->n > 0)
		sift_down(heap, 0, last);
}

void
heap_keep_after(Heap *heap, int64_t tag)
{
	uint32_t	kept = 0;

	for (uint32_t i = 0; i < heap->n; i++)
	{
		if (heap->item[i].tag > tag)
			heap->item[kept++] = heap->item[i];
	}
	heap->n = kept;
	for (uint32_t at = kept / 2; at-- > 0;)
		sift_down(heap, at, heap->item[at]);
}
