/*-------------------------------------------------------------------------
 * pool.c
 *	  Memory of many small states that grow.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "pool.h"

#define SMALLEST 16
#define SLAB ((size_t) 1 << 16)
#define FIRST_CAPACITY 2

/* Logarithm of the size that a piece really has. */
static int
size_class(size_t size)
{
	return size <= SMALLEST ? 4 : 64 - __builtin_clzll(size - 1);
}

/* From the slab; what is left of the old one is lost, less than a piece. */
static void *
cut(Pool *pool, size_t size)
{
	void	   *piece;

	if (size > SLAB / 4)
		return ml_arena_alloc(pool->arena, size);
	if (size > pool->left)
	{
		char	   *slab = ml_arena_alloc(pool->arena, SLAB);

		if (slab == NULL)
			return NULL;
		pool->slab = slab;
		pool->left = SLAB;
	}
	piece = pool->slab;
	pool->slab += size;
	pool->left -= size;
	return piece;
}

void *
pool_take(Pool *pool, size_t size)
{
	int			class = size_class(size);
	void	   *piece;

	if (class >= POOL_SIZES)
		return NULL;
	piece = pool->given_back[class];
	if (piece)
		memcpy(&pool->given_back[class], piece, sizeof(void *));
	else
		piece = cut(pool, (size_t) 1 << class);
	return piece ? memset(piece, 0, size) : NULL;
}

void
pool_give_back(Pool *pool, void *piece, size_t size)
{
	int			class = size_class(size);

	if (piece == NULL)
		return;
	memcpy(piece, &pool->given_back[class], sizeof(void *));
	pool->given_back[class] = piece;
}

bool
pool_grow(Pool *pool, void **array, uint32_t *capacity, size_t element)
{
	uint32_t	larger = *capacity ? *capacity * 2 : FIRST_CAPACITY;
	void	   *copy = larger > *capacity ? pool_take(pool, larger * element) : NULL;

	if (copy == NULL)
		return false;
	if (*capacity)
		memcpy(copy, *array, *capacity * element);
	pool_give_back(pool, *array, *capacity * element);
	*array = copy;
	*capacity = larger;
	return true;
}
