/*-------------------------------------------------------------------------
 * base.h
 *	  What every part of the engine stands on: status codes, arena memory
 *	  with a budget, counter-based random numbers, a thread pool, and the
 *	  context that carries them.
 *
 * The engine is plain C11 and has never heard of PostgreSQL.  It keeps no
 * global state, prints nothing, never exits and never jumps.  The caller owns
 * the context and everything in it; engine functions report by MlStatus and
 * leave a message in the context.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_BASE_H
#define MLOPS_ENGINE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mlops/engine/blas.h"

/* ---------------------------------------------------------------- status */

typedef enum MlStatus
{
	ML_OK = 0,
	ML_OUT_OF_MEMORY,			/* the arena's budget or the machine's memory ran out */
	ML_ABORTED,					/* the caller's abort callback said stop */
	ML_INVALID_ARGUMENT,		/* a parameter is out of its range or names nothing */
	ML_BAD_DATA,				/* the data cannot be learned from or judged */
	ML_CORRUPT,					/* model bytes that do not verify */
	ML_IO_ERROR,				/* the caller's file could not be read */
	ML_FAILED					/* anything else, e.g. no thread could be started */
} MlStatus;

#define ML_MESSAGE_SIZE 512

/* ---------------------------------------------------------------- arena */

/*
 * Bump allocator over blocks mapped from the operating system.  Memory goes
 * back to the system when it is released, not to malloc's free lists, so that
 * a backend is as small after a training as it was before.  Not thread-safe:
 * only the thread that owns the context allocates.
 */
typedef struct MlArena MlArena;

/* A point in an arena's life to come back to; see ml_arena_release. */
typedef struct MlArenaMark
{
	void	   *block;
	size_t		used;
} MlArenaMark;

/*
 * Creates an arena that will map at most budget bytes (0: no limit).
 * Returns NULL if the machine has no memory.
 */
extern MlArena *ml_arena_create(size_t budget);

/* Unmaps everything.  NULL is allowed. */
extern void ml_arena_destroy(MlArena *arena);

/*
 * Returns size bytes, 64-byte aligned, contents undefined; NULL if the budget
 * or the machine's memory is exhausted.  size 0 returns a valid pointer.
 */
extern void *ml_arena_alloc(MlArena *arena, size_t size);

/* As ml_arena_alloc for count elements, overflow-checked; the second zeroed. */
extern void *ml_arena_alloc_array(MlArena *arena, size_t count, size_t size);
extern void *ml_arena_alloc_zeroed(MlArena *arena, size_t count, size_t size);

/* Copies of a string in the arena; NULL when memory is exhausted. */
extern char *ml_arena_strdup(MlArena *arena, const char *string);
extern char *ml_arena_memdup(MlArena *arena, const void *bytes, size_t size);

/* Everything allocated after the mark is given back by the release. */
extern MlArenaMark ml_arena_mark(const MlArena *arena);
extern void ml_arena_release(MlArena *arena, MlArenaMark mark);

/* Bytes mapped now, at the highest, and allowed (0: no limit). */
extern size_t ml_arena_used(const MlArena *arena);
extern size_t ml_arena_peak(const MlArena *arena);
extern size_t ml_arena_budget(const MlArena *arena);

/* Bytes mapped now, less what can still be taken before more is mapped. */
extern size_t ml_arena_taken(const MlArena *arena);

/* The size of the request that was last refused, 0 if none was. */
extern size_t ml_arena_refused(const MlArena *arena);

/* ---------------------------------------------------------------- random */

/*
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011).  A number depends on (seed, stream, counter) alone,
 * never on which thread asks or in which order.
 */
extern uint64_t ml_random_u64(uint64_t seed, uint64_t stream, uint64_t counter);

/* Uniform in [0, 1) with 53 bits. */
extern double ml_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter);

/* Standard normal by the Box-Muller transform (uses one counter). */
extern double ml_random_normal(uint64_t seed, uint64_t stream, uint64_t counter);

/* A 64-bit hash of bytes (for dictionaries and row keys; not cryptographic). */
extern uint64_t ml_hash_bytes(const void *bytes, size_t size, uint64_t seed);

/* A bijective 64-bit mixer (the finaliser of SplitMix64). */
static inline uint64_t
ml_mix64(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

/* ---------------------------------------------------------------- threads */

/*
 * A pool of threads that work on numbered tasks.  Threads are created with all
 * signals blocked and never touch anything but what the task function gets.
 * The calling thread works too, and asks the abort callback between its tasks
 * and every 20 ms while it waits.
 */
typedef struct MlThreadPool MlThreadPool;

/* task: 0 .. n_tasks-1; thread: 0 (the caller) .. ml_pool_size()-1. */
typedef void (*MlTaskFunction) (void *arg, size_t task, int thread);

/*
 * Starts n_threads - 1 threads (n_threads >= 1).  Returns NULL if a thread
 * could not be started; then none is left behind.
 */
extern MlThreadPool *ml_pool_create(int n_threads);

/* Stops and joins the threads.  NULL is allowed. */
extern void ml_pool_destroy(MlThreadPool *pool);

/* Number of threads that work, the caller included; 1 for NULL. */
extern int	ml_pool_size(const MlThreadPool *pool);

/* ---------------------------------------------------------------- context */

/* Returns true when the work should stop.  Called on the main thread only. */
typedef bool (*MlAbortCallback) (void *arg);

/*
 * Tells how far a phase is; called on the main thread only, often.  metric is
 * the validation metric so far, NaN where there is none.
 */
typedef void (*MlProgressCallback) (void *arg, const char *phase,
									double done, double total, double metric);

typedef struct MlContext
{
	MlArena    *arena;			/* results and working memory */
	MlThreadPool *pool;			/* NULL: everything on the calling thread */
	const MlBlas *blas;			/* NULL: learners that need it fail */
	MlAbortCallback should_abort;	/* NULL: never */
	MlProgressCallback progress;	/* NULL: silent */
	void	   *callback_arg;	/* handed to both */
	char		message[ML_MESSAGE_SIZE];	/* what went wrong, in a sentence */
	char		detail[ML_MESSAGE_SIZE];	/* more about it, or "" */
} MlContext;

/* Sets the message (printf style) and returns status. */
extern MlStatus ml_fail(MlContext *ctx, MlStatus status, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* ML_OUT_OF_MEMORY with a message that names what was asked and allowed. */
extern MlStatus ml_fail_memory(MlContext *ctx);

/* ML_ABORTED if the caller wants to stop, else ML_OK. */
extern MlStatus ml_check_abort(MlContext *ctx);

extern void ml_report_progress(MlContext *ctx, const char *phase,
							   double done, double total, double metric);

/*
 * Should a running task leave off?  For tasks that may take longer than 20 ms:
 * asked from within them, with their thread number.  Thread 0 asks the caller's
 * callback; the others learn what it said.  A task that leaves off returns with
 * its result unfinished: ml_parallel_for then returns ML_ABORTED.
 */
extern bool ml_should_stop(MlContext *ctx, int thread);

/*
 * Runs function for every task in 0 .. n_tasks-1 on the context's pool and
 * returns when all are done.  Tasks are claimed in rising order, one at a
 * time; a task should take well under 20 ms.  On abort the tasks not yet
 * claimed are left out and ML_ABORTED is returned, after all running tasks
 * have ended.  Without a pool it runs on the calling thread.
 */
extern MlStatus ml_parallel_for(MlContext *ctx, size_t n_tasks,
								MlTaskFunction function, void *arg);

/*
 * qsort that asks the abort callback every few milliseconds, whatever n.  Needs
 * as much again from the arena.  compare must tell any two elements apart, or
 * what it takes for equal must be: their order is not defined.
 */
extern MlStatus ml_sort(MlContext *ctx, void *elements, size_t n, size_t size,
						int (*compare) (const void *, const void *));

#endif							/* MLOPS_ENGINE_BASE_H */
