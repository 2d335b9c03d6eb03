/*-------------------------------------------------------------------------
 * team_worker.c
 *	  A background worker that learns from data that its leader froze.
 *
 * The worker is the leader's user in the leader's database.  It opens the
 * frozen data once; an assignment's memory is given back after each.  An error
 * goes to the leader and ends the worker.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "train/train_fold.h"
#include "train/trial.h"
#include "train/worker.h"

/* What waits for another transaction's uncommitted experiment gives up. */
#define LOCK_TIMEOUT "5s"

extern PGDLLEXPORT void mlops_team_worker(Datum main_arg);

/* ---------------------------------------------------------------- assignments */

/* One fold of a cross-validation, by all steps of a training but the record. */
static void
run_fold(TeamWorker *worker, const TeamAssignment *assignment)
{
	StringInfoData told;
	Journal		journal;
	Request		request;
	Data		data;
	Prepared	prepared;
	TeamAnswer	answer = {.number = assignment->number};
	MlArenaMark mark = ml_arena_mark(worker->ctx->arena);

	worker_begin(worker, psprintf("fold %d of cross-validating model \"%s\"", assignment->number + 1,
								  worker->shared->model));
	(void) mlbase_progress_begin("fold", worker->shared->model);
	initStringInfo(&told);
	mltrain_open_journal(&journal);
	journal.told = &told;
	worker_prepare(worker, assignment, &request, &data);
	worker_show(worker, assignment->view, &data, &prepared);
	train_fold(&journal, &request, &data, &prepared.parts, &answer.fold);
	ml_arena_release(worker->ctx->arena, mark);
	worker_end(worker, &answer, told.data);
}

static void
run(TeamWorker *worker, const TeamAssignment *assignment)
{
	switch (assignment->order)
	{
		case TEAM_OPEN_STUDY:
			trial_open_study(worker);
			break;
		case TEAM_RUN_TRIAL:
			trial_run(worker, assignment);
			break;
		case TEAM_RUN_FOLD:
			run_fold(worker, assignment);
			break;
	}
}

/* ---------------------------------------------------------------- the worker */

/*
 * Tells the leader of an error.  The transaction is aborted by then; text that is
 * sent is in context.
 */
static void
report_error(TeamWorker *worker, MemoryContext context)
{
	ErrorData  *error;
	TeamAnswer	answer = {.raise = true};

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	answer.sqlerrcode = error->sqlerrcode;
	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		error->message = "could not record a trial, because a transaction that has not ended, perhaps this one, "
			"holds a lock on its experiment";
	worker_answer(worker, &answer, psprintf("%s%c%s%c%s%c", error->message ? error->message : "unknown error", TEAM_FIELD,
										  error->detail ? error->detail : "", TEAM_FIELD,
										  error->hint ? error->hint : "", TEAM_FIELD));
}

/* Finds the segment and the worker's queues in it; ends if the leader has given up. */
static dsm_segment *
join_team(TeamWorker *worker, dsm_handle handle, int index)
{
	dsm_segment *segment = dsm_attach(handle);
	shm_mq	   *queue;

	if (segment == NULL)
		proc_exit(0);
	worker->shared = dsm_segment_address(segment);
	if (worker->shared->magic != TEAM_MAGIC)
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("library mlops was replaced while a session was using it"),
				 errhint("Connect anew and call again.")));
	queue = team_queue(worker->shared, index, 0);
	shm_mq_set_receiver(queue, MyProc);
	worker->in = shm_mq_attach(queue, segment, NULL);
	queue = team_queue(worker->shared, index, 1);
	shm_mq_set_sender(queue, MyProc);
	worker->out = shm_mq_attach(queue, segment, NULL);
	return segment;
}

/*
 * As the user that authenticated, for whoever the leader acts for; settings of
 * database and role must not keep a trial from being recorded.
 */
static void
connect_as_leader(const TeamShared *shared)
{
	BackgroundWorkerInitializeConnectionByOid(shared->database, shared->authenticated_user, 0);
	mlbase_keep_own_role();
	mlbase_act_for(shared->person, true);
	mlbase_keep_caller(shared->caller, true);	/* our restrictions are not those of who maintains a table */
	/* a trial is recorded, whatever is set for the database; the leader's session could write */
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	pgstat_report_appname(MyBgworkerEntry->bgw_type);
	if (shared->job_id != 0)
		mlbase_progress_job(shared->job_id);
}

/* Assignments until there are no more. */
static void
work(TeamWorker *worker, MemoryContext context)
{
	TeamShared *shared = worker->shared;
	Size		size;
	void	   *message;

	worker->given.model = shared->model;
	worker->given.target = shared->target;
	worker->given.seed = (int64) shared->seed;
	worker->ctx = mlbase_engine_context(shared->threads, shared->memory_kb, shared->with_blas);
	mlbase_check(worker->ctx, ml_frozen_open(worker->ctx, team_at(shared, shared->frozen), &worker->frozen));
	while (shm_mq_receive(worker->in, &size, &message, false) == SHM_MQ_SUCCESS)
	{
		TeamAssignment *assignment = MemoryContextAlloc(context, size);

		memcpy(assignment, message, size);
		run(worker, assignment);
		MemoryContextSwitchTo(context);
		pfree(assignment);
	}
}

/*
 * A worker's main function: main_arg is the segment's handle, bgw_extra the
 * worker's number.  Ends with its leader, whose end detaches the queues.
 */
void
mlops_team_worker(Datum main_arg)
{
	TeamWorker	worker = {0};
	dsm_segment *segment;
	MemoryContext context;
	int			index;

	memcpy(&index, MyBgworkerEntry->bgw_extra, sizeof(index));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	context = AllocSetContextCreate(TopMemoryContext, "mlops team worker", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "mlops team worker");
	segment = join_team(&worker, DatumGetUInt32(main_arg), index);
	connect_as_leader(worker.shared);

	PG_TRY();
	{
		work(&worker, context);
	}
	PG_CATCH();
	{
		report_error(&worker, context);
	}
	PG_END_TRY();
	dsm_detach(segment);
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);	/* joins the engine's threads */
	proc_exit(0);
}
