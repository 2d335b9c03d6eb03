/*-------------------------------------------------------------------------
 * remote.c
 *	  One statement in a transaction of its own: in another database of this
 *	  server as the current user, or in this one as the bootstrap superuser.  A
 *	  background worker runs it, a dynamic shared memory segment carries the
 *	  statement there and the result or the error back.
 *
 * The session owns the segment; it waits until the worker has ended, so only
 * one of them looks at it at a time.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "mlops/base.h"
#include "mlops/jobs.h"
#include "jobs/execute.h"

#define MAX_RESULT (1024 * 1024)

/*
 * The session that waits for the worker may hold what the worker waits for, and
 * the deadlock detector knows of only one of these waits.
 */
#define LOCK_TIMEOUT "1s"

/*
 * In the shared memory segment.  Who asks writes it before the worker is
 * registered, and reads it after the worker has ended.
 */
typedef struct RemoteCall
{
	Oid			database;
	Oid			role;			/* InvalidOid: the bootstrap superuser */
	bool		succeeded;
	int			sqlerrcode;		/* 0: the worker came to no end */
	char		message[1024];
	char		hint[512];
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* the statement, then the result */
} RemoteCall;

extern PGDLLEXPORT void mlops_remote_main(Datum arg);

/* ---------------------------------------------------------------- worker */

static RemoteCall *remote_call;
static emit_log_hook_type previous_log_hook;

/* That it cannot connect is a FATAL, which nobody could catch. */
static void
keep_error(ErrorData *edata)
{
	if (edata->elevel >= ERROR && edata->elevel <= FATAL)
	{
		remote_call->sqlerrcode = edata->sqlerrcode;
		strlcpy(remote_call->message, edata->message ? edata->message : "", sizeof(remote_call->message));
		strlcpy(remote_call->hint, edata->hint ? edata->hint : "", sizeof(remote_call->hint));
	}
	if (previous_log_hook)
		previous_log_hook(edata);
}

/*
 * One transaction.  succeeded is set once it has committed; an error ends the
 * process, which keep_error has written down before.
 */
void
mlops_remote_main(Datum arg)
{
	dsm_segment *segment;
	MlResult	result;
	char	   *statement;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "mlops remote statement");
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		proc_exit(0);			/* who asked has gone */
	dsm_pin_mapping(segment);
	remote_call = dsm_segment_address(segment);
	previous_log_hook = emit_log_hook;
	emit_log_hook = keep_error;
	BackgroundWorkerInitializeConnectionByOid(remote_call->database, remote_call->role, 0);
	mlbase_keep_own_role();
	if (!OidIsValid(remote_call->role))
	{
		/* ours, not what somebody set for the database */
		SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
		SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
		SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
		SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_OVERRIDE);
	}

	MemoryContextSwitchTo(TopMemoryContext);
	statement = pstrdup(remote_call->text);
	debug_query_string = statement;
	pgstat_report_activity(STATE_RUNNING, statement);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!OidIsValid(remote_call->role))
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		mljobs_require_trusted("what records a refusal");
		PopActiveSnapshot();
	}
	MemoryContextSwitchTo(TopMemoryContext);
	mljobs_execute(statement, &result);
	if (result.json && strlen(result.json) >= MAX_RESULT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the result is larger than %d bytes", MAX_RESULT)));
	strcpy(remote_call->text, result.json ? result.json : "[]");
	CommitTransactionCommand();
	remote_call->succeeded = true;
}

/* ---------------------------------------------------------------- session */

/*
 * The rows as JSON, in the current memory context.  A cancel ends the wait, not the
 * worker: what that does may still be committed.  Errors: 54000 a statement that is
 * too large, 53000 no slot is free, 57P01 the postmaster has ended; else the
 * worker's, with its SQLSTATE.
 */
static char *
run_apart(Oid database, Oid role, const char *statement)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;
	dsm_segment *segment;
	RemoteCall *call;
	char	   *result;

	if (strlen(statement) >= MAX_RESULT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the statement is larger than %d bytes", MAX_RESULT)));
	segment = dsm_create(offsetof(RemoteCall, text) + MAX_RESULT, 0);
	call = dsm_segment_address(segment);
	memset(call, 0, offsetof(RemoteCall, text));
	call->database = database;
	call->role = role;
	strcpy(call->text, statement);

	strlcpy(worker.bgw_name, "mlops remote statement", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "mlops remote statement", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "mlops", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "mlops_remote_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker slot is free"),
				 errhint("You might need to increase max_worker_processes.")));
	if (WaitForBackgroundWorkerShutdown(handle) != BGWH_STOPPED)
		ereport(ERROR,
				(errcode(ERRCODE_ADMIN_SHUTDOWN),
				 errmsg("the postmaster has ended")));
	if (!call->succeeded)
		ereport(ERROR,
				(errcode(call->sqlerrcode ? call->sqlerrcode : ERRCODE_CONNECTION_FAILURE),
				 errmsg("%s", call->message[0] ? mlbase_readable(pstrdup(call->message))
						: "the worker could not be started"),
				 call->hint[0] ? errhint("%s", mlbase_readable(pstrdup(call->hint))) : 0));
	result = pstrdup(mlbase_readable(call->text));	/* in the encoding of that database */
	dsm_detach(segment);
	return result;
}

char *
mljobs_run_in_database(Oid database, const char *statement)
{
	return run_apart(database, GetUserId(), statement);
}

char *
mljobs_run_as_superuser(const char *statement)
{
	return run_apart(MyDatabaseId, InvalidOid, statement);
}
