/*-------------------------------------------------------------------------
 * execute.c
 *	  One statement, as a session would run it, with its rows as JSON.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/registry.h"
#include "jobs/execute.h"

RawStmt *
mljobs_parse(const char *command)
{
	List	   *statements = mlbase_parse(command);
	RawStmt    *statement;

	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a job is one statement, not %d", list_length(statements)),
				 errhint("Put several into a procedure and CALL it, or into a DO block.")));
	statement = linitial_node(RawStmt, statements);
	if (IsA(statement->stmt, TransactionStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a job cannot be %s", GetCommandTagName(CreateCommandTag(statement->stmt))),
				 errdetail("It has a transaction of its own.")));
	if (IsA(statement->stmt, CopyStmt) && castNode(CopyStmt, statement->stmt)->filename == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a job cannot be COPY from or to the client"),
				 errdetail("A worker has no client.")));
	return statement;
}

/* ---------------------------------------------------------------- rows */

/* A destination that writes rows as JSON. */
typedef struct RowCollector
{
	DestReceiver pub;
	MemoryContext context;		/* the caller's */
	StringInfoData json;		/* in it */
	TupleDesc	desc;
	MemoryContext row_context;
	int64		n_rows;
} RowCollector;

/*
 * What is kept goes to the caller's memory: a statement that ends its transaction
 * takes its own with it.
 */
static void
collector_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	RowCollector *collector = (RowCollector *) self;
	MemoryContext caller = MemoryContextSwitchTo(collector->context);

	collector->desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	resetStringInfo(&collector->json);
	appendStringInfoChar(&collector->json, '[');
	MemoryContextSwitchTo(caller);
}

/*
 * Counts every row, keeps the first of them.  JSON may pass its limit by one row.
 * What a row needs is freed after it.
 */
static bool
collect_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowCollector *collector = (RowCollector *) self;
	MemoryContext caller;
	HeapTuple	tuple;
	text	   *json;

	collector->n_rows++;
	if (collector->n_rows > MLJOBS_RESULT_ROWS || collector->json.len > MLJOBS_RESULT_BYTES)
		return true;
	caller = MemoryContextSwitchTo(collector->row_context);
	slot_getallattrs(slot);
	tuple = heap_form_tuple(collector->desc, slot->tts_values, slot->tts_isnull);
	json = DatumGetTextPP(DirectFunctionCall1(row_to_json, HeapTupleGetDatum(tuple)));
	/* a row that is larger than all that is kept is left out */
	if (VARSIZE_ANY_EXHDR(json) <= MLJOBS_RESULT_BYTES)
	{
		if (collector->json.len > 1)
			appendStringInfoString(&collector->json, ", ");
		appendBinaryStringInfo(&collector->json, VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(collector->row_context);
	return true;
}

/* json is the caller's. */
static void
collector_shutdown(DestReceiver *self)
{
}

/* ---------------------------------------------------------------- running */

/*
 * As exec_simple_query of PostgreSQL does it, with the tests of
 * mlreg_check_statement between analysis and planning.  Errors: those of the
 * statement, which leave the transaction to be aborted by the caller.
 */
void
mljobs_execute(const char *command, MlResult *result)
{
	RowCollector collector = {{collect_row, collector_startup, collector_shutdown,
	collector_shutdown, DestNone}};
	RawStmt    *statement = mljobs_parse(command);
	List	   *queries;
	ListCell   *lc;
	List	   *plans;
	Portal		portal;
	QueryCompletion completion;
	bool		needs_snapshot = analyze_requires_snapshot(statement);
	int			scope;

	collector.context = CurrentMemoryContext;
	initStringInfo(&collector.json);
	collector.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops job row",
												  ALLOCSET_DEFAULT_SIZES);
	if (needs_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	scope = mlbase_begin_harmless();	/* literals of somebody's type run its checks already here */
	queries = pg_analyze_and_rewrite_fixedparams(statement, command, NULL, 0, NULL);
	mlbase_end_harmless(scope);
	foreach(lc, queries)
		mlreg_check_statement(lfirst_node(Query, lc));
	plans = pg_plan_queries(queries, command, CURSOR_OPT_PARALLEL_OK, NULL);
	if (needs_snapshot)
		PopActiveSnapshot();
	CHECK_FOR_INTERRUPTS();

	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, command, CreateCommandTag(statement->stmt), plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	InitializeQueryCompletion(&completion);
	mlcompat_portal_run(portal, &collector.pub, &completion);
	PortalDrop(portal, false);

	result->json = NULL;
	result->rows = -1;
	if (collector.desc)
	{
		appendStringInfoChar(&collector.json, ']');
		result->json = collector.json.data;
		result->rows = collector.n_rows;
	}
	else if (command_tag_display_rowcount(completion.commandTag))
		result->rows = (int64) completion.nprocessed;
}
