/*-------------------------------------------------------------------------
 * wait.c
 *	  mlops.wait: the caller looks at a job until it has ended, and commits between
 *	  looks, so that he holds nothing while he sleeps.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/registry.h"

/* Milliseconds between looks: more from one to the next. */
#define FIRST_PAUSE 10
#define LONGEST_PAUSE 200

/* Of a line of progress. */
#define MOST_BYTES 1000

MLOPS_FUNCTION(mlops_wait);

/* What a look tells; texts are in the memory of who looks. */
typedef struct Look
{
	bool		ended;
	char	   *state;
	char	   *line;			/* state and progress, cut at MOST_BYTES */
} Look;

static void
look_at_job(Datum job_id, bool isnull, bool is_last, Look *look)
{
	Oid			types[] = {INT8OID, BOOLOID};
	Datum		values[] = {job_id, BoolGetDatum(is_last)};
	const char	nulls[] = {isnull ? 'n' : ' ', ' '};
	bool		none;

	PushActiveSnapshot(GetTransactionSnapshot());
	mlreg_run_ours("SELECT l.ended, l.state, l.line FROM mlops_catalog.look_at_job($1, $2) AS l", 2, types, values, nulls, false);
	look->ended = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &none));
	look->state = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	look->line = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	SPI_freetuptable(SPI_tuptable);
	PopActiveSnapshot();
}

static void
sleep_until(TimestampTz until)
{
	long		milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* The procedure's one result; NULL is no state. */
static Datum
row_of_state(FunctionCallInfo fcinfo, char *state)
{
	TupleDesc	desc;
	Datum		value = state ? CStringGetTextDatum(state) : (Datum) 0;
	bool		isnull = state == NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), &value, &isnull));
}

/*
 * mlops.wait(job_id bigint, timeout interval, INOUT state text).  Where the caller's
 * transaction cannot end, as in a block or function, SPI_commit says so (2D000).
 */
Datum
mlops_wait(PG_FUNCTION_ARGS)
{
	bool		atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || ((CallContext *) fcinfo->context)->atomic;
	TimestampTz told_at = GetCurrentTimestamp();
	TimestampTz until = DT_NOEND;
	int			pause = FIRST_PAUSE;
	char		told[MOST_BYTES] = "";
	char	   *state;
	Look		look;

	if (!PG_ARGISNULL(1))
		until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(told_at), PG_GETARG_DATUM(1)));
	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();

		look_at_job(PG_GETARG_DATUM(0), PG_ARGISNULL(0), now >= until, &look);
		if (look.ended || now >= until)
			break;
		if (now >= told_at + USECS_PER_SEC)
		{
			if (strcmp(look.line, told) != 0)
				ereport(NOTICE, (errmsg("job %lld: %s", (long long) PG_GETARG_INT64(0), look.line)));
			strlcpy(told, look.line, sizeof(told));
			told_at = now;
		}
		pfree(look.line);
		pfree(look.state);
		SPI_commit();
		sleep_until(Min(until, GetCurrentTimestamp() + (TimestampTz) pause * 1000));
		pause = Min(pause * 3 / 2, LONGEST_PAUSE);
	}
	state = look.state ? strcpy(SPI_palloc(strlen(look.state) + 1), look.state) : NULL;
	SPI_finish();
	return row_of_state(fcinfo, state);
}
