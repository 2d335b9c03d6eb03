/*-------------------------------------------------------------------------
 * arena.c
 *	  Bump allocation over blocks mapped from the operating system.
 *
 * Blocks form a stack: an allocation that does not fit the top block maps a
 * new one, a release unmaps every block above the mark.  A request of its own
 * size gets a block of its own, so that nothing is wasted beyond rounding to
 * pages, and the budget counts what is mapped.
 *-------------------------------------------------------------------------
 */
#include <string.h>
#include <sys/mman.h>

#include "mlops/engine/base.h"

#define ALIGNMENT ((size_t) 64)
#define PAGE_SIZE ((size_t) 4096)
#define SMALLEST_BLOCK ((size_t) 1 << 20)
#define LARGEST_SHARED_BLOCK ((size_t) 1 << 26)
#define HUGE_PAGE ((size_t) 1 << 21)

typedef struct Block
{
	struct Block *below;
	size_t		size;			/* mapped, header included */
	size_t		used;			/* header included */
} Block;

/* The arena lives in its first block. */
struct MlArena
{
	Block	   *top;
	size_t		mapped;
	size_t		peak;
	size_t		budget;
	size_t		refused;
	size_t		next_size;		/* of the next shared block */
};

/*
 * Memory that was given back holds rubbish where assertions are on, and must not
 * be touched at all under AddressSanitizer: whoever kept a pointer is found out.
 */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#define MARK_FREE(bytes, size) ASAN_POISON_MEMORY_REGION(bytes, size)
#define MARK_USED(bytes, size) ASAN_UNPOISON_MEMORY_REGION(bytes, size)
#elif defined(USE_ASSERT_CHECKING)
#define MARK_FREE(bytes, size) memset(bytes, 0x7F, size)
#define MARK_USED(bytes, size) ((void) 0)
#else
#define MARK_FREE(bytes, size) ((void) 0)
#define MARK_USED(bytes, size) ((void) 0)
#endif

static size_t
round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

/* A block of size bytes, a multiple of pages, all zero; NULL if the system has none. */
static Block *
map_block(size_t size)
{
	Block	   *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		return NULL;
	if (size >= 2 * HUGE_PAGE)
		(void) madvise(block, size, MADV_HUGEPAGE); /* a hint: failing is fine */
	block->below = NULL;
	block->size = size;
	block->used = round_up(sizeof(Block), ALIGNMENT);
	return block;
}

/* The system may map something else there, which must not be found poisoned. */
static void
unmap_block(Block *block)
{
	MARK_USED(block, block->size);
	munmap(block, block->size);
}

/* The first block is a page; others are mapped when they are needed. */
MlArena *
ml_arena_create(size_t budget)
{
	size_t		size = round_up(sizeof(Block), ALIGNMENT) + round_up(sizeof(MlArena), ALIGNMENT);
	Block	   *block = map_block(round_up(size, PAGE_SIZE));
	MlArena    *arena;

	if (block == NULL)
		return NULL;
	arena = (MlArena *) ((char *) block + block->used);
	block->used += round_up(sizeof(MlArena), ALIGNMENT);
	arena->top = block;
	arena->mapped = arena->peak = block->size;
	arena->budget = budget;
	arena->refused = 0;
	arena->next_size = SMALLEST_BLOCK;
	return arena;
}

void
ml_arena_destroy(MlArena *arena)
{
	Block	   *block = arena ? arena->top : NULL;

	/* the lowest block holds the arena itself and goes last */
	while (block)
	{
		Block	   *below = block->below;

		unmap_block(block);
		block = below;
	}
}

/*
 * Maps a block that holds at least size more bytes; NULL if it may not.  It is at
 * least next_size large, which doubles up to LARGEST_SHARED_BLOCK, as far as the
 * budget goes.
 */
static Block *
add_block(MlArena *arena, size_t size)
{
	size_t		least = round_up(round_up(sizeof(Block), ALIGNMENT) + size, PAGE_SIZE);
	size_t		wanted = least > arena->next_size ? least : arena->next_size;
	Block	   *block;

	if (least < size)
		return NULL;			/* overflow */
	if (arena->budget > 0)
	{
		size_t		left = arena->budget > arena->mapped ? arena->budget - arena->mapped : 0;

		if (wanted > left)
			wanted = left / PAGE_SIZE * PAGE_SIZE;
		if (wanted < least)
			return NULL;
	}
	block = map_block(wanted);
	if (block == NULL)
		return NULL;
	if (arena->next_size < LARGEST_SHARED_BLOCK)
		arena->next_size *= 2;
	block->below = arena->top;
	arena->top = block;
	arena->mapped += block->size;
	if (arena->mapped > arena->peak)
		arena->peak = arena->mapped;
	return block;
}

void *
ml_arena_alloc(MlArena *arena, size_t size)
{
	size_t		rounded = round_up(size, ALIGNMENT);
	Block	   *block = arena->top;
	void	   *result;

	if (rounded < size)
	{
		arena->refused = size;
		return NULL;
	}
	if (block->size - block->used < rounded)
	{
		block = add_block(arena, rounded);
		if (block == NULL)
		{
			arena->refused = size;
			return NULL;
		}
	}
	result = (char *) block + block->used;
	MARK_USED(result, size);
	block->used += rounded;
	return result;
}

void *
ml_arena_alloc_array(MlArena *arena, size_t count, size_t size)
{
	size_t		total;

	if (__builtin_mul_overflow(count, size, &total))
	{
		arena->refused = SIZE_MAX;
		return NULL;
	}
	return ml_arena_alloc(arena, total);
}

void *
ml_arena_alloc_zeroed(MlArena *arena, size_t count, size_t size)
{
	void	   *result = ml_arena_alloc_array(arena, count, size);

	if (result)
		memset(result, 0, count * size);
	return result;
}

char *
ml_arena_memdup(MlArena *arena, const void *bytes, size_t size)
{
	char	   *copy = ml_arena_alloc(arena, size);

	if (copy && size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

char *
ml_arena_strdup(MlArena *arena, const char *string)
{
	return ml_arena_memdup(arena, string, strlen(string) + 1);
}

MlArenaMark
ml_arena_mark(const MlArena *arena)
{
	return (MlArenaMark) {arena->top, arena->top->used};
}

/*
 * Marks nest: the mark's block must be there still.  Costs a system call for each
 * block that goes.
 */
void
ml_arena_release(MlArena *arena, MlArenaMark mark)
{
	while (arena->top != mark.block)
	{
		Block	   *block = arena->top;

		arena->top = block->below;
		arena->mapped -= block->size;
		unmap_block(block);
	}
	if (arena->top->used > mark.used)
		MARK_FREE((char *) arena->top + mark.used, arena->top->used - mark.used);
	arena->top->used = mark.used;
}

size_t
ml_arena_used(const MlArena *arena)
{
	return arena->mapped;
}

size_t
ml_arena_peak(const MlArena *arena)
{
	return arena->peak;
}

size_t
ml_arena_budget(const MlArena *arena)
{
	return arena->budget;
}

size_t
ml_arena_taken(const MlArena *arena)
{
	return arena->mapped - (arena->top->size - arena->top->used);
}

size_t
ml_arena_refused(const MlArena *arena)
{
	return arena->refused;
}
