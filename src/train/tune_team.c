/*-------------------------------------------------------------------------
 * tune_team.c
 *	  The workers of a tuning, seen from its leader.
 *
 * Ownership: the segment belongs to the resource owner that is current when it
 * is made, the handles to the segment: the callback of its detachment
 * terminates the workers and frees them, so that an error, a cancel or the end
 * of the leader's session leaves no worker.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/memutils.h"

#include "train/tune_team.h"

typedef struct Member
{
	BackgroundWorkerHandle *handle; /* in TopMemoryContext */
	shm_mq_handle *to;
	shm_mq_handle *from;
	bool		busy;
} Member;

/* What the detach callback needs; outlives memory contexts of the call. */
typedef struct Handles
{
	int			n;
	BackgroundWorkerHandle *handle[FLEXIBLE_ARRAY_MEMBER];
} Handles;

struct TuneTeam
{
	dsm_segment *segment;
	TuneShared *shared;
	Handles    *handles;
	int			n;
	Member	   *members;
};

static void
terminate_workers(dsm_segment *segment, Datum arg)
{
	Handles    *handles = (Handles *) DatumGetPointer(arg);

	for (int i = 0; i < handles->n; i++)
	{
		TerminateBackgroundWorker(handles->handle[i]);
		pfree(handles->handle[i]);
	}
	pfree(handles);
}

TuneTeam *
tune_team_create(const TuneShared *shared, int n_workers)
{
	TuneTeam   *team = palloc0(sizeof(TuneTeam));

	team->n = n_workers;
	team->members = palloc0(n_workers * sizeof(Member));
	team->handles = MemoryContextAllocZero(TopMemoryContext,
										   offsetof(Handles, handle) + n_workers * sizeof(BackgroundWorkerHandle *));
	PG_TRY();
	{
		team->segment = dsm_create(shared->size, 0);
	}
	PG_CATCH();
	{
		pfree(team->handles);
		PG_RE_THROW();
	}
	PG_END_TRY();
	on_dsm_detach(team->segment, terminate_workers, PointerGetDatum(team->handles));
	team->shared = dsm_segment_address(team->segment);
	memcpy(team->shared, shared, sizeof(TuneShared));
	for (int i = 0; i < n_workers; i++)
	{
		shm_mq	   *to = shm_mq_create(tune_queue(team->shared, i, 0), TUNE_QUEUE_SIZE);
		shm_mq	   *from = shm_mq_create(tune_queue(team->shared, i, 1), TUNE_QUEUE_SIZE);

		shm_mq_set_sender(to, MyProc);
		shm_mq_set_receiver(from, MyProc);
		team->members[i].to = shm_mq_attach(to, team->segment, NULL);
		team->members[i].from = shm_mq_attach(from, team->segment, NULL);
	}
	return team;
}

TuneShared *
tune_team_shared(TuneTeam *team)
{
	return team->shared;
}

static bool
start_worker(TuneTeam *team, int i)
{
	BackgroundWorker worker = {0};
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	snprintf(worker.bgw_name, BGW_MAXLEN, "mlops tuning worker of process %d", MyProcPid);
	snprintf(worker.bgw_type, BGW_MAXLEN, "mlops tuning worker");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "mlops", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "mlops_tune_worker", sizeof(worker.bgw_function_name));
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(team->segment));
	memcpy(worker.bgw_extra, &i, sizeof(i));
	worker.bgw_notify_pid = MyProcPid;
	started = RegisterDynamicBackgroundWorker(&worker, &team->members[i].handle);
	MemoryContextSwitchTo(caller);
	if (!started)
		return false;
	team->handles->handle[team->handles->n++] = team->members[i].handle;
	shm_mq_set_handle(team->members[i].to, team->members[i].handle);
	shm_mq_set_handle(team->members[i].from, team->members[i].handle);
	return true;
}

int
tune_team_start(TuneTeam *team)
{
	int			n = 0;

	while (n < team->n && start_worker(team, n))
		n++;
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free for tuning"),
				 errhint("Raise max_worker_processes (now %d).", max_worker_processes)));
	if (n < team->n)
		ereport(NOTICE,
				(errmsg("tuning runs %d trials at a time, not %d", n, team->n),
				 errdetail("The server has no more free background workers."),
				 errhint("Raise max_worker_processes (now %d).", max_worker_processes)));
	team->n = n;
	return n;
}

static void
worker_is_gone(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a worker of the tuning has ended unexpectedly"),
			 errdetail("The server's log says why.  Trials that have ended are kept."),
			 errhint("Call mlops.tune again with the same arguments to go on.")));
}

void
tune_team_assign(TuneTeam *team, int worker, TuneOrder order, int number, int view, const char *text)
{
	TuneAssignment header = {order, number, view};
	shm_mq_iovec parts[2];

	parts[0].data = (char *) &header;
	parts[0].len = offsetof(TuneAssignment, text);
	parts[1].data = text;
	parts[1].len = strlen(text) + 1;
	if (shm_mq_sendv(team->members[worker].to, parts, 2, false, true) != SHM_MQ_SUCCESS)
		worker_is_gone();
	team->members[worker].busy = true;
}

int
tune_team_idle(const TuneTeam *team)
{
	for (int i = 0; i < team->n; i++)
	{
		if (!team->members[i].busy)
			return i;
	}
	return -1;
}

int
tune_team_busy(const TuneTeam *team)
{
	int			n = 0;

	for (int i = 0; i < team->n; i++)
		n += team->members[i].busy;
	return n;
}

/* An answer of any worker that has one; NULL if there is none yet. */
static const TuneAnswer *
poll(TuneTeam *team)
{
	for (int i = 0; i < team->n; i++)
	{
		Member	   *member = &team->members[i];
		Size		size;
		void	   *message;
		shm_mq_result result;

		if (!member->busy)
			continue;
		result = shm_mq_receive(member->from, &size, &message, true);
		if (result == SHM_MQ_DETACHED)
			worker_is_gone();
		if (result == SHM_MQ_SUCCESS)
		{
			member->busy = false;
			return message;
		}
	}
	return NULL;
}

const TuneAnswer *
tune_team_wait(TuneTeam *team)
{
	const TuneAnswer *answer = poll(team);

	if (answer == NULL)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 500, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		answer = poll(team);
	}
	if (answer && answer->raise)
		ereport(ERROR,
				(errcode(answer->sqlerrcode),
				 errmsg("%s", answer->text),
				 errcontext("worker of the tuning")));
	return answer;
}

void
tune_team_dismiss(TuneTeam *team)
{
	for (int i = 0; i < team->n; i++)
		shm_mq_detach(team->members[i].to);	/* wakes the worker: there is nothing left */
	for (int i = 0; i < team->n; i++)
		(void) WaitForBackgroundWorkerShutdown(team->members[i].handle);
	dsm_detach(team->segment);
}
