/*-------------------------------------------------------------------------
 * progress.c
 *	  One progress slot a backend in shared memory; see
 *	  include/mlops/progress.h for the protocol.
 *
 * A slot is its backend's own (indexed by its number) from its first write to
 * its exit, and empty (pid 0) while the backend has nothing to tell.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/progress.h"

typedef struct ProgressSlot
{
	uint32		change_count;	/* odd while its backend writes */
	MlProgress	progress;
} ProgressSlot;

struct MlProgressScope
{
	MemoryContextCallback callback;
	int			level;			/* 0: has ended */
};

static ProgressSlot *slots;		/* [MaxBackends], NULL: not preloaded */
static ProgressSlot unseen;		/* in place of one of those */
static ProgressSlot *mine;		/* set on first use */
static int	level;				/* calls begun and not ended, one in another */
static int64 current_job;
static TimestampTz job_started_at;
static bool aloud;				/* does the call tell who waits for it? */
static TimestampTz told_at;		/* last, or when it began */

#define TELL_EVERY 5000			/* milliseconds */

#define BEGIN_WRITE(slot) \
	do { (slot)->change_count++; pg_write_barrier(); } while (0)
#define END_WRITE(slot) \
	do { pg_write_barrier(); (slot)->change_count++; } while (0)

/* ---------------------------------------------------------------- memory */

static Size
slots_size(void)
{
	return mul_size(MaxBackends, sizeof(ProgressSlot));
}

static void
attach_slots(void *area, bool found)
{
	slots = (ProgressSlot *) area;
	if (!found)
		memset(slots, 0, slots_size());
}

void
mlbase_share_progress(void)
{
	mlbase_share("mlops progress", slots_size, attach_slots);
}

/* ---------------------------------------------------------------- writing */

/* pid 0 is what readers look at; the rest stays as it was. */
static void
clear_slot(void)
{
	BEGIN_WRITE(mine);
	mine->progress.pid = 0;
	END_WRITE(mine);
}

static void
clear_slot_at_exit(int code, Datum arg)
{
	clear_slot();
	mine = NULL;
}

/* False where there is nothing to write to.  What nobody else can see is still told to who waits. */
static bool
have_slot(void)
{
	if (mlcompat_backend_number() < 0)
		return false;
	if (mine == NULL)
	{
		mine = slots ? &slots[mlcompat_backend_number()] : &unseen;
		before_shmem_exit(clear_slot_at_exit, (Datum) 0);
	}
	return true;
}

/* Writes the slot anew: a call has begun, or (command NULL) just the job. */
static void
start(const char *command, const char *subject, TimestampTz started_at)
{
	MlProgress *p = &mine->progress;

	BEGIN_WRITE(mine);
	p->pid = MyProcPid;
	p->database = MyDatabaseId;
	p->role = GetUserId();
	p->job_id = current_job;
	strlcpy(p->command, command ? command : "", sizeof(p->command));
	strlcpy(p->subject, subject ? subject : "", sizeof(p->subject));
	strlcpy(p->phase, "running", sizeof(p->phase));
	p->done = p->total = 0;
	p->metric = NAN;
	p->started_at = p->phase_started_at = started_at;
	p->updated_at = GetCurrentTimestamp();
	END_WRITE(mine);
}

/* Back to what is around: the job, or nothing. */
static void
stop(void)
{
	level = 0;
	aloud = false;
	if (current_job != 0)
		start(NULL, NULL, job_started_at);
	else
		clear_slot();
}

static void
scope_dies(void *arg)
{
	mlbase_progress_end((MlProgressScope *) arg);
}

/* NULL where there is no slot; mlbase_progress_end takes that too. */
MlProgressScope *
mlbase_progress_begin(const char *command, const char *subject)
{
	MlProgressScope *scope;

	if (!have_slot())
		return NULL;
	scope = palloc0(sizeof(MlProgressScope));
	scope->callback.func = scope_dies;
	scope->callback.arg = scope;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &scope->callback);
	scope->level = ++level;
	if (level == 1)
	{
		start(command, subject, GetCurrentTimestamp());
		told_at = mine->progress.started_at;
	}
	return scope;
}

void
mlbase_progress_aloud(void)
{
	aloud = level == 1;
}

/* After an error scopes may end in any order: an outer one ends its inner ones. */
void
mlbase_progress_end(MlProgressScope *scope)
{
	if (scope == NULL || scope->level == 0)
		return;
	if (scope->level <= level && mine != NULL)
	{
		level = scope->level - 1;
		if (level == 0)
			stop();
	}
	scope->level = 0;
}

/* ---------------------------------------------------------------- telling */

bool
mlbase_time_to_tell(void)
{
	TimestampTz now;

	if (mine == NULL || level != 1 || MyBackendType != B_BACKEND || client_min_messages > NOTICE)
		return false;
	now = GetCurrentTimestamp();
	if (!TimestampDifferenceExceeds(told_at, now, TELL_EVERY))
		return false;
	told_at = now;
	return true;
}

/* train "fraud" after 10 s: fit, 40 of 100, metric 0.8431 so far */
static void
tell(void)
{
	const MlProgress *p = &mine->progress;
	double		total = Max(p->total, p->done);

	if (!aloud || !mlbase_time_to_tell())
		return;
	ereport(NOTICE,
			(errmsg("%s \"%s\" after %d s: %s%s%s", p->command, p->subject,
					(int) ((told_at - p->started_at) / USECS_PER_SEC), p->phase,
					total > 0 ? psprintf(", %.0f of %.0f", p->done, total) : "",
					isnan(p->metric) ? "" : psprintf(", metric %.4f so far", p->metric))));
}

/* ---------------------------------------------------------------- phases */

/*
 * The outermost call alone tells.  A name longer than a phase's counts as the same
 * if its beginning is.  metric NaN keeps the last one.
 */
void
mlbase_progress(const char *phase, double done, double total, double metric)
{
	MlProgress *p;
	TimestampTz now;

	if (mine == NULL || level != 1)
		return;
	p = &mine->progress;
	now = GetCurrentTimestamp();
	BEGIN_WRITE(mine);
	if (strncmp(p->phase, phase, sizeof(p->phase) - 1) != 0)
	{
		strlcpy(p->phase, phase, sizeof(p->phase));
		p->phase_started_at = now;
	}
	p->done = done;
	p->total = total;
	if (!isnan(metric))
		p->metric = metric;
	p->updated_at = now;
	END_WRITE(mine);
	tell();
}

void
mlbase_progress_total(double total)
{
	if (mine == NULL || level != 1)
		return;
	BEGIN_WRITE(mine);
	mine->progress.total = total;
	END_WRITE(mine);
}

void
mlbase_progress_done(double done)
{
	if (mine == NULL || level != 1)
		return;
	BEGIN_WRITE(mine);
	mine->progress.done = done;
	mine->progress.updated_at = GetCurrentTimestamp();
	END_WRITE(mine);
	tell();
}

int64
mlbase_progress_current_job(void)
{
	return current_job;
}

/* Ends whatever calls were begun. */
void
mlbase_progress_job(int64 job_id)
{
	if (!have_slot())
		return;
	current_job = job_id;
	job_started_at = GetCurrentTimestamp();
	stop();
}

/* ---------------------------------------------------------------- reading */

/*
 * Copies in the current memory context.  A slot that is being written is read
 * again, until the counter is even and the same before and after.
 */
List *
mlbase_progress_read(void)
{
	List	   *all = NIL;

	if (slots == NULL)
		return NIL;
	for (int i = 0; i < MaxBackends; i++)
	{
		volatile ProgressSlot *slot = &slots[i];
		MlProgress *copy;
		uint32		before;
		uint32		after;

		if (slot->progress.pid == 0)
			continue;
		copy = palloc(sizeof(MlProgress));
		do
		{
			CHECK_FOR_INTERRUPTS();
			before = slot->change_count;
			pg_read_barrier();
			memcpy(copy, (void *) &slot->progress, sizeof(MlProgress));
			pg_read_barrier();
			after = slot->change_count;
		} while (before != after || (before & 1) != 0);
		if (copy->pid == 0)
			pfree(copy);
		else
			all = lappend(all, copy);
	}
	return all;
}
