/*-------------------------------------------------------------------------
 * worker.c
 *	  A background worker that runs the jobs of one role in one database.
 *
 * One job is three transactions: claim it (state starting), mark it running,
 * and the statement itself, which at its end also marks the job succeeded: its
 * effects and that mark are there both or not at all.  Should it fail, a fourth
 * one says so.  The second is flushed to disk before the statement begins, so
 * that a crash of the server finds the attempt counted.
 *
 * A cancel is held off but for the third.  A termination ends the process at
 * once, with the job in its hands: a scanner sees to it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "access/xact.h"
#include "commands/discard.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/jobs.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "jobs/execute.h"
#include "jobs/queue.h"
#include "jobs/shared.h"

extern PGDLLEXPORT void mlops_job_worker_main(Datum arg);

/* what the role's transactions are like by default */
static bool read_only;
static bool deferrable;
static int	isolation;
static MemoryContext job_context;	/* of one job */

/* ---------------------------------------------------------------- book-keeping */

/*
 * The extension was dropped.  The job in our hands, if there is one, went with it,
 * and what it had not committed; whoever created another one is served by others.
 */
static void
end_with_extension(void)
{
	MlWorkerSlot *slot = mljobs_my_slot;

	if (slot->job_id != 0)
		ereport(LOG,
				(errmsg("job %lld has no end on record: extension \"mlops\" was dropped while it ran",
						(long long) slot->job_id)));
	mljobs_hold(0, false);
	if (OidIsValid(get_extension_oid("mlops", true)))
		mljobs_note(slot->database, slot->role, 1, slot->upkeep ? 1 : 0);
	else
		mljobs_forget(slot->database, InvalidOid);
	proc_exit(0);
}

/* Transactions of our own.  Does not return if what we serve is there no more. */
static void
begin_own(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!mlcat_keep_served())
		end_with_extension();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* Goes back to the job's memory context, which transactions leave. */
static void
commit_own(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(job_context);
}

/* Peak memory is counted from here.  Does nothing where Linux is not. */
static void
reset_peak_memory(void)
{
	int			fd = open("/proc/self/clear_refs", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, "5", 1) != 1)
		elog(DEBUG1, "could not reset the peak of memory: %m");
	close(fd);
}

/* Bytes resident at the highest since then, 0: not known. */
static int64
peak_memory(void)
{
	FILE	   *file = fopen("/proc/self/status", "r");
	char		line[256];
	long long	kb = 0;
	struct rusage usage;

	if (file)
	{
		while (kb == 0 && fgets(line, sizeof(line), file))
			sscanf(line, "VmHWM: %lld", &kb);
		fclose(file);
	}
	else if (getrusage(RUSAGE_SELF, &usage) == 0)
		kb = usage.ru_maxrss;
	return kb * 1024;
}

/* ---------------------------------------------------------------- one job */

/*
 * NULL: there is none.  The slot says what is in our hands before the claim is
 * committed: whoever sees the row as claimed finds its holder alive.
 */
static void
claim(MlJob **job, bool upkeep)
{
	int			durable = synchronous_commit;

	begin_own();
	*job = mljobq_claim(job_context, upkeep);
	if (*job)
		mljobs_hold((*job)->job_id, (*job)->upkeep);
	/* should this be lost in a crash, the job is queued again: no harm */
	synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
	commit_own();
	synchronous_commit = durable;
}

/* Tells how the statement failed: by mlops.cancel, its time limit, or else. */
static const char *
state_of(const ErrorData *error, const MlJob *job, double run_ms)
{
	if (mljobs_cancel_requested())
		return "cancelled";
	if (mljobs_evicted())
		return "timed_out";
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return "failed";
	return job->timeout_ms > 0 && run_ms >= job->timeout_ms ? "timed_out" : "cancelled";
}

/* DISCARD ALL: settings, temporary tables, prepared statements, advisory locks. */
static void
forget_session(void)
{
	DiscardStmt everything = {.type = T_DiscardStmt, .target = DISCARD_ALL};

	begin_own();				/* what drops temporary tables needs a snapshot */
	DiscardCommand(&everything, true);
	commit_own();
}

/* What the database sets for transactions is for those of people, not for a monitor's. */
static void
begin_transaction_of(const MlJob *job)
{
	static const char *const views = "restrict_nonsystem_relation_kind";

	StartTransactionCommand();
	XactReadOnly = read_only && !job->upkeep;
	XactIsoLevel = job->upkeep ? XACT_READ_COMMITTED : isolation;
	XactDeferrable = deferrable && !job->upkeep;
	if (job->upkeep && GetConfigOption(views, true, false))
		(void) set_config_option(views, "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/* The statement's own transaction, success included. */
static void
run_statement(const MlJob *job, instr_time began, MlJobOutcome *outcome)
{
	MlResult	result;
	instr_time	now;

	SetCurrentStatementStartTimestamp();
	begin_transaction_of(job);
	MemoryContextSwitchTo(job_context);
	if (job->timeout_ms > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, (int) job->timeout_ms);
	/* one that came before this transaction began is in the slot, if it is for this job */
	QueryCancelPending = false;
	RESUME_CANCEL_INTERRUPTS();
	if (mljobs_cancel_requested())
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement due to user request")));
	mljobs_apply_settings(job->settings);
	mljobs_execute(job->command, &result);
	disable_timeout(STATEMENT_TIMEOUT, false);
	CHECK_FOR_INTERRUPTS();
	HOLD_CANCEL_INTERRUPTS();

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, began);
	outcome->rows = result.rows;
	outcome->result = result.json;
	outcome->run_ms = INSTR_TIME_GET_MILLISEC(now);
	outcome->peak_memory = peak_memory();
	if (XactReadOnly)
	{
		CommitTransactionCommand();
		begin_own();
		mljobq_set_succeeded(job, outcome);
		commit_own();
	}
	else
	{
		mlcat_require_served();
		PushActiveSnapshot(GetTransactionSnapshot());
		mljobq_set_succeeded(job, outcome);
		PopActiveSnapshot();
		/* one that came while we wrote; and deferred triggers may take long */
		RESUME_CANCEL_INTERRUPTS();
		CHECK_FOR_INTERRUPTS();
		CommitTransactionCommand();
		HOLD_CANCEL_INTERRUPTS();
	}
	MemoryContextSwitchTo(job_context);
}

/* After the statement's error: says so in a transaction of its own. */
static void
fail(const MlJob *job, const ErrorData *error, instr_time began)
{
	MlJobOutcome outcome = {-1};
	MlJobError	words = {0};
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, began);
	outcome.run_ms = INSTR_TIME_GET_MILLISEC(now);
	outcome.peak_memory = peak_memory();
	words.sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	words.message = error->message;
	words.detail = error->detail;
	words.hint = error->hint;
	words.context = error->context;

	if (mljobs_evicted() && !mljobs_cancel_requested())
	{
		words.message = psprintf("the worker that is kept for monitors and retrainings was held for longer than mlops.task_timeout (%d s) while those of others waited",
								 mlops_guc_task_timeout / 1000);
		words.hint = "Have it read less, or raise mlops.max_workers, so that more can run at a time, or mlops.task_timeout.";
	}
	forget_session();			/* a procedure may have committed what it set */
	begin_own();
	mljobq_set_ended(job, state_of(error, job, outcome.run_ms), &words, &outcome);
	commit_own();
}

/*
 * A statement's error ends the attempt, not the worker.  Cancels are held off when
 * it begins and when it returns (QueryCancelHoldoffCount 1).  The slot gives the
 * job up before its key is unlocked, after the row says how it ended: so who is let
 * in by the key finds it ended.
 */
static void
run_job(const MlJob *job)
{
	MlJobOutcome outcome = {-1};
	instr_time	began;
	ErrorData  *volatile error = NULL;
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), "mlops job %lld", (long long) job->job_id);
	pgstat_report_appname(name);
	pgstat_report_activity(STATE_RUNNING, job->command);
	debug_query_string = job->command;
	begin_own();
	mljobq_set_running(job);
	commit_own();
	mlbase_check_reach(job->unattended ? ML_REACH_TRUSTED : ML_REACH_ANYTHING, true);
	mlbase_act_for(job->person, job->in_person);
	mlbase_progress_job(job->job_id);
	reset_peak_memory();
	INSTR_TIME_SET_CURRENT(began);

	PG_TRY();
	{
		run_statement(job, began, &outcome);
	}
	PG_CATCH();
	{
		disable_all_timeouts(false);
		QueryCancelHoldoffCount = 1;	/* the error had it 0 */
		MemoryContextSwitchTo(job_context);
		error = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(job_context);
	}
	PG_END_TRY();

	mlbase_check_reach(ML_REACH_ANYTHING, true);
	mlbase_act_for(InvalidOid, true);
	if (error)
		fail(job, error, began);
	mljobs_hold(0, false);
	QueryCancelPending = false;
	mljobq_unlock_key(job);
	mlbase_progress_job(0);
	if (!error)
		forget_session();
	debug_query_string = NULL;
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	pgstat_report_appname("mlops job worker");
}

/* ---------------------------------------------------------------- main */

/* Serves the extension there is, if there is one. */
static void
serve_extension(void)
{
	StartTransactionCommand();
	(void) mlcat_serve(InvalidOid);
	CommitTransactionCommand();
	MemoryContextSwitchTo(job_context);
}

/* Does nobody say as whom jobs run who is no superuser?  Else nothing waits for them. */
static bool
jobs_may_run(void)
{
	bool		may;

	begin_own();
	may = mljobs_distrust() == NULL;
	commit_own();
	return may;
}

/*
 * Our own transactions must be able to write, and see what is committed,
 * whatever the role's settings say; its statements get what they say.
 */
static void
keep_own_transactions_writable(void)
{
	read_only = DefaultXactReadOnly;
	isolation = DefaultXactIsoLevel;
	deferrable = DefaultXactDeferrable;
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_deferrable", "off", PGC_SUSET, PGC_S_OVERRIDE);
	/* a job has its own limit; one of the role's would be for what a person types */
	SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Looks, runs, looks again, until nothing is left or somebody else's turn has come.
 * The generation is read before each look: what is submitted during it is not
 * settled away.
 */
void
mlops_job_worker_main(Datum arg)
{
	MlWorkerSlot *slot = mljobs_enter(arg);
	Oid			database = slot->database;
	Oid			role = slot->role;
	bool		more = true;

	if (mlops_guc_worker_nice > 0 && setpriority(PRIO_PROCESS, 0, mlops_guc_worker_nice) != 0)
		elog(LOG, "could not set the nice level: %m");
	BackgroundWorkerInitializeConnectionByOid(database, role, 0);
	mlbase_keep_own_role();
	slot->connected = true;
	HOLD_CANCEL_INTERRUPTS();	/* see run_statement */
	keep_own_transactions_writable();
	pgstat_report_appname("mlops job worker");
	job_context = AllocSetContextCreate(TopMemoryContext, "mlops job", ALLOCSET_DEFAULT_SIZES);
	serve_extension();

	while (more)
	{
		uint64		generation;
		MlJob	   *job;
		TimestampTz looked_at;
		TimestampTz due;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextReset(job_context);
		if (!jobs_may_run())
		{
			mljobs_forget(database, InvalidOid);
			break;
		}
		generation = mljobs_generation(database, role);
		looked_at = GetCurrentTimestamp();
		claim(&job, slot->upkeep);
		if (job)
		{
			run_job(job);
			if (slot->upkeep && mljobs_other_tasks_wait(role))
				break;			/* its own are looked for again when the others had their turn */
			if (!slot->upkeep && mljobs_others_wait(database, role))
			{
				/* whoever comes next may find nothing */
				mljobs_note(database, role, 1, 0);
				break;
			}
			continue;
		}
		if (slot->upkeep)
		{
			mljobs_settle_upkeep(database, role);
			break;
		}
		begin_own();
		due = mljobq_next_due(looked_at);
		commit_own();
		mljobs_settle(database, role, generation, due);
		more = mljobs_linger();
	}
}
