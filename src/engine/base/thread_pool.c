/*-------------------------------------------------------------------------
 * thread_pool.c
 *	  Threads that work on numbered tasks, with all signals blocked.
 *
 * A job (function, argument, number of tasks) is published by one atomic word,
 * the ticket: the job's number and how many of its tasks nobody has claimed.
 * A thread claims a task by lowering the ticket.  Learners start thousands of
 * short jobs a second, so threads spin for some microseconds before they sleep,
 * and so does the caller when it waits.
 *
 * The caller waits for tasks, not for threads: on a busy machine a thread that
 * the kernel has not woken yet holds up nobody, the others do its part.  What a
 * job is may be read by whoever has claimed one of its tasks, for the job
 * cannot end, and another begin, before that task is done.
 *
 * The caller's function argument and everything it points to are published by
 * the ticket and taken back through the counter of unfinished tasks (release /
 * acquire), so tasks need no locking of their own.
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "mlops/engine/base.h"

#define SPINS 4000				/* some 10 microseconds */
#define POLL_NANOSECONDS 20000000L

struct MlThreadPool
{
	int			n_threads;		/* the caller included */
	pthread_t  *threads;		/* n_threads - 1 */
	pthread_mutex_t mutex;
	pthread_cond_t work;		/* a job was published, or stop */
	pthread_cond_t done;		/* unfinished became 0 */
	_Atomic uint64_t ticket;	/* number of the job published last << 32 | unclaimed tasks */
	atomic_bool stop;
	atomic_int	sleeping;		/* threads that wait for `work` */

	/* the job */
	MlTaskFunction function;
	void	   *arg;
	size_t		n_tasks;
	atomic_bool aborted;
	atomic_size_t unfinished;	/* tasks */
};

typedef struct ThreadStart
{
	MlThreadPool *pool;
	int			number;
} ThreadStart;

static inline void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/*
 * Claims a task of the job that is under way, whichever it is; false if there is
 * none.  The job's number in the ticket makes a claim fail whose count was read in
 * an earlier job.
 */
static bool
claim_task(MlThreadPool *pool, size_t *task)
{
	uint64_t	ticket = atomic_load_explicit(&pool->ticket, memory_order_acquire);

	do
	{
		if ((uint32_t) ticket == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&pool->ticket, &ticket, ticket - 1,
													memory_order_acquire, memory_order_acquire));
	*task = pool->n_tasks - (uint32_t) ticket;
	return true;
}

/* n tasks are done, or will not be begun.  Wakes the caller by the last ones. */
static void
finish_tasks(MlThreadPool *pool, size_t n)
{
	if (atomic_fetch_sub_explicit(&pool->unfinished, n, memory_order_acq_rel) == n)
	{
		pthread_mutex_lock(&pool->mutex);
		pthread_cond_signal(&pool->done);
		pthread_mutex_unlock(&pool->mutex);
	}
}

/* Takes all tasks that nobody has claimed, so that the job ends with those that run. */
static void
abandon_unclaimed(MlThreadPool *pool)
{
	uint64_t	ticket = atomic_load(&pool->ticket);

	while (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket & ~(uint64_t) UINT32_MAX))
		;
	if ((uint32_t) ticket > 0)
		finish_tasks(pool, (uint32_t) ticket);
}

/* Is there nothing to claim, and no end?  A hint: claim_task has the say. */
static bool
is_idle(const MlThreadPool *pool)
{
	return (uint32_t) atomic_load_explicit(&pool->ticket, memory_order_relaxed) == 0 &&
		!atomic_load_explicit(&pool->stop, memory_order_relaxed);
}

/*
 * Spins, then sleeps.  Who is about to sleep says so under the mutex that
 * publish_job holds when it looks: no job is slept through.
 */
static void
wait_for_job(MlThreadPool *pool)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (!is_idle(pool))
			return;
		relax();
	}
	pthread_mutex_lock(&pool->mutex);
	atomic_fetch_add(&pool->sleeping, 1);
	while (is_idle(pool))
		pthread_cond_wait(&pool->work, &pool->mutex);
	atomic_fetch_sub(&pool->sleeping, 1);
	pthread_mutex_unlock(&pool->mutex);
}

/* A thread's life: it owns arg, which it frees. */
static void *
thread_main(void *arg)
{
	ThreadStart start = *(ThreadStart *) arg;
	MlThreadPool *pool = start.pool;

	free(arg);
	while (!atomic_load(&pool->stop))
	{
		size_t		task;

		wait_for_job(pool);
		while (claim_task(pool, &task))
		{
			pool->function(pool->arg, task, start.number);
			finish_tasks(pool, 1);
		}
	}
	return NULL;
}

/* Joins the first n_started threads; a task that runs is waited for. */
static void
stop_threads(MlThreadPool *pool, int n_started)
{
	pthread_mutex_lock(&pool->mutex);
	atomic_store(&pool->stop, true);
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
	for (int i = 0; i < n_started; i++)
		pthread_join(pool->threads[i], NULL);
}

static void
free_pool(MlThreadPool *pool)
{
	pthread_cond_destroy(&pool->done);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	free(pool->threads);
	free(pool);
}

/* Memory is malloc's: it belongs to no arena and no context. */
MlThreadPool *
ml_pool_create(int n_threads)
{
	MlThreadPool *pool = calloc(1, sizeof(MlThreadPool));
	pthread_condattr_t attributes;
	sigset_t	all;
	sigset_t	before;
	int			started = 0;

	if (pool == NULL)
		return NULL;
	pool->n_threads = n_threads;
	pool->threads = calloc(n_threads, sizeof(pthread_t));
	if (pool->threads == NULL)
	{
		free(pool);
		return NULL;
	}
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->done, &attributes);
	pthread_condattr_destroy(&attributes);

	/* a thread inherits the mask: the server's handlers never run on one */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < n_threads - 1)
	{
		ThreadStart *start = malloc(sizeof(ThreadStart));

		if (start == NULL)
			break;
		start->pool = pool;
		start->number = started + 1;
		if (pthread_create(&pool->threads[started], NULL, thread_main, start) != 0)
		{
			free(start);
			break;
		}
		started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	if (started < n_threads - 1)
	{
		stop_threads(pool, started);
		free_pool(pool);
		return NULL;
	}
	return pool;
}

void
ml_pool_destroy(MlThreadPool *pool)
{
	if (pool == NULL)
		return;
	stop_threads(pool, pool->n_threads - 1);
	free_pool(pool);
}

int
ml_pool_size(const MlThreadPool *pool)
{
	return pool ? pool->n_threads : 1;
}

/*
 * The next job; what is written before the ticket is seen by who claims from it.
 * n_tasks fits 32 bits.
 */
static void
publish_job(MlThreadPool *pool, size_t n_tasks, MlTaskFunction function, void *arg)
{
	uint64_t	number = atomic_load_explicit(&pool->ticket, memory_order_relaxed) >> 32;

	pool->function = function;
	pool->arg = arg;
	pool->n_tasks = n_tasks;
	atomic_store_explicit(&pool->aborted, false, memory_order_relaxed);
	atomic_store_explicit(&pool->unfinished, n_tasks, memory_order_relaxed);
	pthread_mutex_lock(&pool->mutex);
	atomic_store_explicit(&pool->ticket, (number + 1) << 32 | n_tasks, memory_order_release);
	if (atomic_load(&pool->sleeping) > 0)
		pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
}

/* Works as thread 0, asking for an abort between tasks. */
static MlStatus
work_as_caller(MlContext *ctx, MlThreadPool *pool)
{
	size_t		task;

	for (;;)
	{
		if (ml_should_stop(ctx, 0))
		{
			abandon_unclaimed(pool);
			return ML_ABORTED;
		}
		if (!claim_task(pool, &task))
			return ML_OK;
		pool->function(pool->arg, task, 0);
		finish_tasks(pool, 1);
	}
}

/*
 * Waits until no task is unfinished, still asking for an abort.  Returns status, or
 * ML_ABORTED if the caller has said so meanwhile; running tasks are waited for all
 * the same.
 */
static MlStatus
wait_for_tasks(MlContext *ctx, MlThreadPool *pool, MlStatus status)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (atomic_load_explicit(&pool->unfinished, memory_order_acquire) == 0)
			return status;
		relax();
	}
	while (atomic_load_explicit(&pool->unfinished, memory_order_acquire) > 0)
	{
		struct timespec until;

		pthread_mutex_lock(&pool->mutex);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += POLL_NANOSECONDS;
		if (until.tv_nsec >= 1000000000L)
		{
			until.tv_sec++;
			until.tv_nsec -= 1000000000L;
		}
		if (atomic_load_explicit(&pool->unfinished, memory_order_acquire) > 0)
			pthread_cond_timedwait(&pool->done, &pool->mutex, &until);
		pthread_mutex_unlock(&pool->mutex);
		if (status == ML_OK && ml_should_stop(ctx, 0))
			status = ML_ABORTED;
	}
	return status;
}

bool
ml_should_stop(MlContext *ctx, int thread)
{
	MlThreadPool *pool = ctx->pool;

	if (thread != 0)
		return atomic_load_explicit(&pool->aborted, memory_order_relaxed);
	if (ml_check_abort(ctx) == ML_OK)
		return false;
	if (pool)
		atomic_store(&pool->aborted, true);
	return true;
}

/* More tasks than a ticket can count run on the calling thread. */
MlStatus
ml_parallel_for(MlContext *ctx, size_t n_tasks, MlTaskFunction function, void *arg)
{
	MlThreadPool *pool = ctx->pool;

	if (pool == NULL || pool->n_threads == 1 || n_tasks <= 1 || n_tasks > UINT32_MAX)
	{
		for (size_t task = 0; task < n_tasks; task++)
		{
			if (ml_check_abort(ctx) != ML_OK)
				return ML_ABORTED;
			function(arg, task, 0);
		}
		return ml_check_abort(ctx);
	}
	publish_job(pool, n_tasks, function, arg);
	return wait_for_tasks(ctx, pool, work_as_caller(ctx, pool));
}
