/*-------------------------------------------------------------------------
 * maintenance.c
 *	  A short-lived worker that does in one database what nobody should have to
 *	  schedule: partitions and retention (mlops.maintain), jobs for monitors and
 *	  retrainings that are due (mlops.submit_due), then the guards of each
 *	  release under way (mlops.check_guards), which also takes ramps and
 *	  bandits on.
 *
 * Connected as superuser.  Each task is a transaction of its own: one that
 * fails is logged, and the others go on.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "jobs/shared.h"

extern PGDLLEXPORT void mlops_maintenance_main(Datum arg);

#define LOCK_TIMEOUT "10s"		/* what is busy is for the next round */
#define TASK_TIMEOUT_MS 600000	/* a gate reads what its model's owner wrote: it must not hold up the others */

typedef struct Answer
{
	uint64		n;
	char	  **lines;			/* [n] */
} Answer;

/*
 * The first column of a query's rows, copied to the current memory context, in
 * a transaction.  argument: $1, NULL for none.
 */
static Answer
ask(const char *query, const char *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	Answer		answer;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, query);
	enable_timeout_after(STATEMENT_TIMEOUT, TASK_TIMEOUT_MS);
	SPI_connect();
	if (argument)
		values[0] = CStringGetTextDatum(argument);
	SPI_execute_with_args(query, argument ? 1 : 0, types, values, NULL, false, 0);
	answer.n = SPI_processed;
	answer.lines = MemoryContextAlloc(caller, sizeof(char *) * (answer.n + 1));
	for (uint64 i = 0; i < answer.n; i++)
	{
		char	   *line = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		answer.lines[i] = MemoryContextStrdup(caller, line ? line : "");
	}
	SPI_finish();
	disable_timeout(STATEMENT_TIMEOUT, false);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return answer;
}

/* The same; an error is logged and nothing answered. */
static Answer
try(const char *query, const char *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	Answer		answer = {0};

	PG_TRY();
	{
		answer = ask(query, argument);
	}
	PG_CATCH();
	{
		disable_all_timeouts(false);
		QueryCancelPending = false;
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(caller);
	}
	PG_END_TRY();
	CHECK_FOR_INTERRUPTS();
	return answer;
}

static void
log_all(Answer answer)
{
	for (uint64 i = 0; i < answer.n; i++)
		ereport(LOG, (errmsg("%s", answer.lines[i])));
}

static bool
extension_exists(void)
{
	bool		exists;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	exists = OidIsValid(get_extension_oid("mlops", true));
	CommitTransactionCommand();
	return exists;
}

void
mlops_maintenance_main(Datum arg)
{
	MlWorkerSlot *slot = mljobs_enter(arg);
	Answer		models;

	BackgroundWorkerInitializeConnectionByOid(slot->database, InvalidOid, 0);
	slot->connected = true;
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_OVERRIDE);
	/* as superuser: whatever is read on the way must not be anybody else's */
	mlbase_check_reach(ML_REACH_TRUSTED, true);
	pgstat_report_appname("mlops maintenance worker");
	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "mlops maintenance", ALLOCSET_DEFAULT_SIZES));
	if (!extension_exists())
		return;

	log_all(try("SELECT pg_catalog.format('mlops maintenance: %s %s%s', action, object, "
				"' (' OPERATOR(pg_catalog.||) rows OPERATOR(pg_catalog.||) ' rows)') "
				"FROM mlops.maintain() WHERE action OPERATOR(pg_catalog.=) 'removed'", NULL));
	log_all(try("SELECT pg_catalog.format('mlops maintenance: model \"%s\": %s: %s', model, command, result) FROM mlops.submit_due() "
				"WHERE result OPERATOR(pg_catalog.!~) '^(job [0-9]+|the one before has not ended)$'", NULL));
	models = try("SELECT * FROM mlops_catalog.models_to_check(CURRENT_USER::pg_catalog.regrole)", NULL);
	for (uint64 i = 0; i < models.n; i++)
		log_all(try("SELECT pg_catalog.format('mlops maintenance: model \"%s\"%s: %s', model, "
					"', variant ' OPERATOR(pg_catalog.||) variant, action) FROM mlops.check_guards($1) "
					"WHERE figure IS NULL AND action IS NOT NULL", models.lines[i]));
}
