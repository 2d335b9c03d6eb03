/*-------------------------------------------------------------------------
 * maintenance.c
 *	  A short-lived worker that does in one database what nobody should have to
 *	  schedule: partitions and retention (mlops.maintain), jobs for monitors and
 *	  retrainings that are due (mlops.submit_due), then the guards of each
 *	  release under way (mlops.check_guards), which also takes ramps and
 *	  bandits on.
 *
 * Connected as superuser, so it runs only what is superusers' alone (trusted.c).
 * Each task is a transaction of its own: one that
 * fails leaves its error in mlops.upkeep, and the others go on.  A mark that a
 * task is under way is committed before, and taken away after it: one that
 * takes the worker down twice is suspended (sql/code/18_upkeep.sql).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/jobs.h"
#include "mlops/registry.h"
#include "jobs/shared.h"

extern PGDLLEXPORT void mlops_maintenance_main(Datum arg);

/*
 * What one owner's models have in their way, be it a lock that somebody holds or
 * what a gate reads, must not hold up the models of others.  So guards have little
 * patience at first, and those that wanted more have their second turn when all have
 * had their first, together not much more than one of them would have.
 */
#define LOCK_TIMEOUT_MS 2000
#define BUSY_LOCK_TIMEOUT_MS 1
#define TASK_TIMEOUT_MS 600000
#define FIRST_TURN_MS 10000
#define SECOND_TURNS_MS 2000	/* after so long none begins any more */
#define GRACE_MS 10000			/* whoever catches the cancel is ended with the worker */

typedef struct Answer
{
	uint64		n;
	char	  **lines;			/* [n] */
	char	   *error;			/* NULL: none */
	int			sqlerrcode;
} Answer;

static int	task_timeout_ms = TASK_TIMEOUT_MS;
static TimeoutId last_resort;

/*
 * The first column of a query's rows, copied to the current memory context, in
 * a transaction.  n arguments: texts, NULL for NULL.
 */
static Answer
ask(const char *query, int n, const char *const *arguments)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3];
	char		nulls[3];
	Answer		answer = {0};

	Assert(n <= lengthof(types));
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pgstat_report_activity(STATE_RUNNING, query);
	enable_timeout_after(STATEMENT_TIMEOUT, task_timeout_ms);
	enable_timeout_after(last_resort, task_timeout_ms + GRACE_MS);
	if (!mlcat_keep_served())
		proc_exit(0);			/* the next round is for the one there may be now */
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	for (int i = 0; i < n; i++)
	{
		nulls[i] = arguments[i] ? ' ' : 'n';
		values[i] = arguments[i] ? CStringGetTextDatum(arguments[i]) : (Datum) 0;
	}
	SPI_execute_with_args(query, n, types, values, nulls, false, 0);
	answer.n = SPI_processed;
	answer.lines = MemoryContextAlloc(caller, sizeof(char *) * (answer.n + 1));
	for (uint64 i = 0; i < answer.n; i++)
	{
		char	   *line = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		answer.lines[i] = MemoryContextStrdup(caller, line ? line : "");
	}
	SPI_finish();
	disable_timeout(STATEMENT_TIMEOUT, false);
	disable_timeout(last_resort, false);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return answer;
}

/* The same; an error is in the answer.  told: the server's log gets it, too. */
static Answer
try(const char *query, int n, const char *const *arguments, bool told)
{
	MemoryContext caller = CurrentMemoryContext;
	Answer		answer = {0};

	PG_TRY();
	{
		answer = ask(query, n, arguments);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		disable_all_timeouts(false);
		QueryCancelPending = false;
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		answer.error = error->message;
		answer.sqlerrcode = error->sqlerrcode;
		if (told)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(caller);
	}
	PG_END_TRY();
	return answer;
}

/* Lines [n] of an answer, to the server's log. */
static void
log_all(Answer answer)
{
	for (uint64 i = 0; i < answer.n; i++)
		ereport(LOG, (errmsg("%s", answer.lines[i])));
}

/* ---------------------------------------------------------------- tasks */

static const char *const begin_query =
	"SELECT 1 WHERE mlops_catalog.begin_upkeep(pg_catalog.quote_ident(CURRENT_USER)::pg_catalog.regrole, $1, $2)";
static const char *const end_query =
	"SELECT mlops_catalog.end_upkeep(pg_catalog.quote_ident(CURRENT_USER)::pg_catalog.regrole, $1, $2, $3)";

/* Takes the mark of a task away.  The error is kept, and told to the log now and then. */
static void
end_task(const char *model, const char *task, const char *error)
{
	/* what was stopped has no fault of its own */
	const char *marked[] = {model, task, ShutdownRequestPending ? NULL : error};

	try(end_query, 3, marked, true);
}

/* A task that has its mark; what the query returns is logged. */
static void
finish_task(const char *model, const char *task, const char *query)
{
	const char *arguments[] = {model};
	Answer		answer = try(query, model ? 1 : 0, arguments, false);

	log_all(answer);
	end_task(model, task, answer.error);
}

/*
 * Runs a task, which may be one of a model (NULL: of the database), between two
 * transactions that set and take away its mark.
 */
static void
run_task(const char *model, const char *task, const char *query)
{
	const char *marked[] = {model, task};

	if (!ShutdownRequestPending && try(begin_query, 2, marked, true).n > 0)
		finish_task(model, task, query);
}

/* ---------------------------------------------------------------- guards */

static const char *const guard_query =
	"SELECT pg_catalog.format('mlops maintenance: model \"%s\"%s: %s', model, "
	"', variant ' OPERATOR(pg_catalog.||) variant, action) FROM mlops.check_guards($1) "
	"WHERE metric IS NULL AND action IS NOT NULL";

/* For tasks from here on. */
static void
be_patient(int lock_timeout_ms, int timeout_ms)
{
	SetConfigOption("lock_timeout", psprintf("%d", lock_timeout_ms), PGC_SUSET, PGC_S_OVERRIDE);
	task_timeout_ms = timeout_ms;
}

/* Was more patience asked for than there was? */
static bool
wants_patience(Answer answer)
{
	return answer.error && !ShutdownRequestPending &&
		(answer.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || answer.sqlerrcode == ERRCODE_QUERY_CANCELED);
}

/* True unless it wants a second turn: then its mark stays, and why is left. */
static bool
first_turn(const char *model, char **why)
{
	const char *marked[] = {model, "guard"};
	Answer		answer;

	*why = NULL;
	answer = try(begin_query, 2, marked, false);
	if (answer.n == 0)
		return !wants_patience(answer);
	answer = try(guard_query, 1, marked, false);
	log_all(answer);
	*why = answer.error;
	if (wants_patience(answer))
		return false;
	end_task(model, "guard", answer.error);
	return true;
}

/*
 * Models that their first turn was too short for have a second one, after all
 * others, as long as SECOND_TURNS_MS are not over; whoever is not reached then
 * keeps the error of the first, and is tried in the next round.  models.lines [n]
 * and why [n] are compacted in place to those.
 */
static void
check_guards(void)
{
	Answer		models = try("SELECT * FROM mlops_catalog.models_to_check(pg_catalog.quote_ident(CURRENT_USER)::pg_catalog.regrole)", 0, NULL, true);
	char	  **why = palloc0(sizeof(char *) * (models.n + 1));
	uint64		n = 0;
	TimestampTz until;

	be_patient(BUSY_LOCK_TIMEOUT_MS, FIRST_TURN_MS);
	for (uint64 i = 0; i < models.n && !ShutdownRequestPending; i++)
	{
		if (first_turn(models.lines[i], &why[n]))
			continue;
		models.lines[n++] = models.lines[i];
	}
	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SECOND_TURNS_MS);
	be_patient(LOCK_TIMEOUT_MS, TASK_TIMEOUT_MS);
	for (uint64 i = 0; i < n; i++)
	{
		if (GetCurrentTimestamp() < until && !ShutdownRequestPending)
		{
			if (why[i])
				finish_task(models.lines[i], "guard", guard_query);
			else
				run_task(models.lines[i], "guard", guard_query);
		}
		else if (why[i])
			end_task(models.lines[i], "guard", why[i]);
	}
}

/* In a handler of a signal: the cancel was caught by what runs, a function of a model's owner say. */
static void
give_up(void)
{
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/*
 * A termination, by a shutdown of the server say, cancels what is under way, so
 * that the mark can be taken away: only a crash leaves it.
 */
static void
stop(SIGNAL_ARGS)
{
	int			save_errno = errno;

	ShutdownRequestPending = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

/*
 * Is the extension there, and nobody else's than superusers'?  due: that its catalog is
 * older than this library, in the current memory context, NULL if it is not.
 */
static bool
may_run(char **due)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		may = false;

	*due = NULL;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (mlcat_serve(InvalidOid))
	{
		char	   *reason;

		PushActiveSnapshot(GetTransactionSnapshot());
		reason = mljobs_distrust();
		may = reason == NULL;
		if (reason)
			ereport(LOG, (errmsg("mlops maintenance: %s", reason)));
		*due = mlcat_update_due();
		if (*due)
			*due = MemoryContextStrdup(caller, *due);
		PopActiveSnapshot();
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return may;
}

/* Each in a transaction of its own, so that none holds its locks while another works. */
#define PHASE(name) {"maintain " name, \
	"SELECT pg_catalog.format('mlops maintenance: %s %s%s', action, object, " \
	"' (' OPERATOR(pg_catalog.||) rows OPERATOR(pg_catalog.||) ' rows)') " \
	"FROM mlops_catalog.maintain_phases(pg_catalog.quote_ident(CURRENT_USER)::pg_catalog.regrole, 7, '{" name "}') " \
	"WHERE action OPERATOR(pg_catalog.=) ANY ('{removed,ended}')"}

static const char *const phases[][2] = {PHASE("audit"), PHASE("jobs"), PHASE("create"), PHASE("past"), PHASE("rows"), PHASE("versions"), PHASE("cut"), PHASE("remove")};

/*
 * One round of one database: partitions and retention, then jobs that are due, then
 * guards.  Where the database sleeps (restored, copied, upgraded) only the first,
 * and the reason is left in mlops.upkeep.
 */
void
mlops_maintenance_main(Datum arg)
{
	MlWorkerSlot *slot = mljobs_enter(arg);
	const char *asleep[] = {NULL, "activation", NULL};
	const char *outdated[] = {NULL, "update", NULL};
	char	   *due;

	BackgroundWorkerInitializeConnectionByOid(slot->database, InvalidOid, 0);
	mlbase_keep_own_role();
	slot->connected = true;
	pqsignal(SIGTERM, stop);
	mljobs_settle_settings();
	last_resort = RegisterTimeout(USER_TIMEOUT, give_up);
	be_patient(LOCK_TIMEOUT_MS, TASK_TIMEOUT_MS);
	/* as superuser: whatever is read on the way must not be anybody else's */
	mlbase_check_reach(ML_REACH_TRUSTED, true);
	/* a mark has to outlive a crash of this server, nothing more */
	SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_OVERRIDE);
	pgstat_report_appname("mlops maintenance worker");
	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "mlops maintenance", ALLOCSET_DEFAULT_SIZES));
	if (!may_run(&due))
		return;

	outdated[2] = due;
	try(end_query, 3, outdated, true);
	for (int i = 0; i < (int) lengthof(phases); i++)
		run_task(NULL, phases[i][0], phases[i][1]);
	if (try("SELECT 1 FROM mlops.activation WHERE NOT active", 0, NULL, true).n > 0)
		asleep[2] = "this database was restored or copied from another one, or its server was upgraded: "
			"monitors, retrainings, guards and schedules wait for mlops.activate()";
	try(end_query, 3, asleep, true);
	if (asleep[2])
		return;
	run_task(NULL, "submit_due",
			 "SELECT pg_catalog.format('mlops maintenance: model \"%s\": %s: %s', model, command, result) FROM mlops.submit_due() "
			 "WHERE result OPERATOR(pg_catalog.=) 'suspended'");
	check_guards();
}

/* In the current memory context. */
char *
mljobs_upkeep_hindrance(void)
{
	TimestampTz starving_since;
	bool		launched;

	if (!mlbase_preloaded())
		return pstrdup("mlops is not preloaded; add it to shared_preload_libraries and restart the server");
	if (mlops_guc_maintenance_interval == 0)
		return pstrdup("mlops.maintenance_interval is 0; set it, to 60 say, and reload");
	MLJOBS_LOCK(LW_SHARED);
	launched = mljobs_shared->launcher_pgprocno >= 0;
	starving_since = mljobs_shared->upkeep_starves ? mljobs_shared->starving_since : 0;
	MLJOBS_UNLOCK();
	if (!launched)
		return psprintf("the mlops launcher does not run; see the server's log, and raise max_worker_processes (%d) if it is too small for all that is preloaded",
						max_worker_processes);
	if (starving_since != 0)
		return psprintf("no background worker slot has been free since %s; raise max_worker_processes (%d) and restart the server",
						mlbase_utc_text(starving_since), max_worker_processes);
	return NULL;
}
