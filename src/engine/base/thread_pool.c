/*-------------------------------------------------------------------------
 * thread_pool.c
 *	  Threads that work on numbered tasks, with all signals blocked.
 *
 * A job (function, argument, number of tasks) is published under the mutex by
 * raising the job number; every thread claims tasks from an atomic counter.
 * Learners start thousands of short jobs a second, so threads spin for some
 * microseconds before they sleep, and so does the caller when it waits.
 *
 * The caller's function argument and everything it points to are published by
 * the mutex and taken back through the counter of busy threads (release /
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
	pthread_cond_t done;		/* busy became 0 */
	atomic_uint_fast64_t job;	/* number of the job published last */
	atomic_bool stop;
	atomic_int	sleeping;		/* threads that wait for `work` */

	/* the job */
	MlTaskFunction function;
	void	   *arg;
	size_t		n_tasks;
	atomic_size_t next_task;
	atomic_bool aborted;
	atomic_int	busy;			/* threads that have not finished the job */
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

static void
work_on_tasks(MlThreadPool *pool, int thread)
{
	while (!atomic_load_explicit(&pool->aborted, memory_order_relaxed))
	{
		size_t		task = atomic_fetch_add_explicit(&pool->next_task, 1, memory_order_relaxed);

		if (task >= pool->n_tasks)
			return;
		pool->function(pool->arg, task, thread);
	}
}

/* Waits for a job after `seen`; false when the pool stops. */
static bool
wait_for_job(MlThreadPool *pool, uint64_t *seen)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (atomic_load_explicit(&pool->job, memory_order_acquire) != *seen)
			break;
		relax();
	}
	if (atomic_load_explicit(&pool->job, memory_order_acquire) == *seen)
	{
		pthread_mutex_lock(&pool->mutex);
		atomic_fetch_add(&pool->sleeping, 1);
		while (atomic_load(&pool->job) == *seen && !atomic_load(&pool->stop))
			pthread_cond_wait(&pool->work, &pool->mutex);
		atomic_fetch_sub(&pool->sleeping, 1);
		pthread_mutex_unlock(&pool->mutex);
	}
	if (atomic_load(&pool->stop))
		return false;
	*seen = atomic_load_explicit(&pool->job, memory_order_acquire);
	return true;
}

static void *
thread_main(void *arg)
{
	ThreadStart start = *(ThreadStart *) arg;
	MlThreadPool *pool = start.pool;
	uint64_t	seen = 0;

	free(arg);
	while (wait_for_job(pool, &seen))
	{
		work_on_tasks(pool, start.number);
		if (atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_acq_rel) == 1)
		{
			pthread_mutex_lock(&pool->mutex);
			pthread_cond_signal(&pool->done);
			pthread_mutex_unlock(&pool->mutex);
		}
	}
	return NULL;
}

static void
stop_threads(MlThreadPool *pool, int n_started)
{
	pthread_mutex_lock(&pool->mutex);
	atomic_store(&pool->stop, true);
	atomic_fetch_add(&pool->job, 1);
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

static void
publish_job(MlThreadPool *pool, size_t n_tasks, MlTaskFunction function, void *arg)
{
	pool->function = function;
	pool->arg = arg;
	pool->n_tasks = n_tasks;
	atomic_store_explicit(&pool->next_task, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->aborted, false, memory_order_relaxed);
	atomic_store_explicit(&pool->busy, pool->n_threads - 1, memory_order_relaxed);
	pthread_mutex_lock(&pool->mutex);
	atomic_fetch_add_explicit(&pool->job, 1, memory_order_release);
	if (atomic_load(&pool->sleeping) > 0)
		pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
}

/* Works as thread 0, asking for an abort between tasks. */
static MlStatus
work_as_caller(MlContext *ctx, MlThreadPool *pool)
{
	for (;;)
	{
		size_t		task;

		if (ml_should_stop(ctx, 0))
			return ML_ABORTED;
		task = atomic_fetch_add_explicit(&pool->next_task, 1, memory_order_relaxed);
		if (task >= pool->n_tasks)
			return ML_OK;
		pool->function(pool->arg, task, 0);
	}
}

/* Waits until no thread works on the job, still asking for an abort. */
static MlStatus
wait_for_threads(MlContext *ctx, MlThreadPool *pool, MlStatus status)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (atomic_load_explicit(&pool->busy, memory_order_acquire) == 0)
			return status;
		relax();
	}
	while (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0)
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
		if (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0)
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

MlStatus
ml_parallel_for(MlContext *ctx, size_t n_tasks, MlTaskFunction function, void *arg)
{
	MlThreadPool *pool = ctx->pool;

	if (pool == NULL || pool->n_threads == 1 || n_tasks <= 1)
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
	return wait_for_threads(ctx, pool, work_as_caller(ctx, pool));
}
