/*-------------------------------------------------------------------------
 * workspace.h
 *	  Takes arrays from an arena, or only counts what it would take.
 *
 * A learner lays its memory out in one function.  Run over an arena it
 * allocates; run without one it adds up the same sizes, which is how
 * memory_needed can never disagree with fit.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_WORKSPACE_H
#define MLOPS_LEARN_WORKSPACE_H

#include "mlops/engine/base.h"

#define WORKSPACE_ALIGNMENT 64	/* of ml_arena_alloc */

typedef struct Workspace
{
	MlArena    *arena;			/* NULL: count only */
	size_t		bytes;			/* asked for so far; SIZE_MAX once it overflows */
	bool		failed;			/* the arena refused something */
} Workspace;

/* An array of count elements; NULL if there is no arena or no memory. */
static inline void *
workspace_take(Workspace *workspace, size_t count, size_t size)
{
	size_t		bytes;
	void	   *array;

	if (__builtin_mul_overflow(count, size, &bytes) ||
		__builtin_add_overflow(bytes, WORKSPACE_ALIGNMENT - 1, &bytes) ||
		__builtin_add_overflow(workspace->bytes, bytes & ~(size_t) (WORKSPACE_ALIGNMENT - 1),
							   &workspace->bytes))
		workspace->bytes = SIZE_MAX;
	if (workspace->arena == NULL)
		return NULL;
	array = ml_arena_alloc_array(workspace->arena, count, size);
	if (array == NULL)
		workspace->failed = true;
	return array;
}

/* Has the arena size more bytes than what is reserved? */
static inline bool
arena_has_room(const MlArena *arena, size_t size, size_t reserved)
{
	size_t		budget = ml_arena_budget(arena);
	size_t		used = ml_arena_used(arena);

	return budget == 0 || (budget > used && budget - used > reserved && budget - used - reserved > size);
}

#endif							/* MLOPS_LEARN_WORKSPACE_H */
