/*-------------------------------------------------------------------------
 * progress.c
 *	  What view mlops.job_progress reads, and the bar drawn in text.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/progress.h"

MLOPS_FUNCTION(mlops_progress);
MLOPS_FUNCTION(mlops_progress_bar);

static Interval *
interval_of_seconds(double seconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (TimeOffset) (seconds * USECS_PER_SEC);
	return interval;
}

static double
seconds_between(TimestampTz from, TimestampTz to)
{
	return Max(to - from, 0) / (double) USECS_PER_SEC;
}

/* May the current user see what this backend does? */
static bool
may_see(const MlProgress *p)
{
	return p->database == MyDatabaseId &&
		(has_privs_of_role(GetUserId(), p->role) ||
		 has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS));
}

/*
 * mlops_catalog.progress() -> job_id, pid, role, command, subject, phase, done,
 *	  total, percent, metric, elapsed, remaining, started_at, updated_at
 *
 * An estimated total that was passed counts as reached.  What remains is
 * estimated from the pace of the phase so far.
 */
Datum
mlops_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();
	List	   *all = mlbase_progress_read();
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, all)
	{
		const MlProgress *p = (MlProgress *) lfirst(lc);
		double		total = Max(p->total, p->done);
		bool		known = p->total > 0;
		bool		moving = known && p->done > 0;
		double		share = known ? p->done / total : 0;
		Datum		values[14];
		bool		nulls[14] = {false};

		if (!may_see(p))
			continue;
		values[0] = Int64GetDatum(p->job_id);
		nulls[0] = p->job_id == 0;
		values[1] = Int32GetDatum(p->pid);
		values[2] = ObjectIdGetDatum(p->role);
		values[3] = CStringGetTextDatum(p->command);
		nulls[3] = p->command[0] == '\0';
		values[4] = CStringGetTextDatum(p->subject);
		nulls[4] = p->subject[0] == '\0';
		values[5] = CStringGetTextDatum(p->phase);
		values[6] = Float8GetDatum(p->done);
		values[7] = Float8GetDatum(total);
		values[8] = Float8GetDatum(100 * share);
		nulls[6] = !known && p->done == 0;
		nulls[7] = nulls[8] = !known;
		values[9] = Float8GetDatum(p->metric);
		nulls[9] = isnan(p->metric);
		values[10] = IntervalPGetDatum(interval_of_seconds(seconds_between(p->started_at, now)));
		nulls[11] = !moving;
		if (moving)
			values[11] = IntervalPGetDatum(interval_of_seconds(
				seconds_between(p->phase_started_at, p->updated_at) * (1 - share) / share));
		values[12] = TimestampTzGetDatum(p->started_at);
		values[13] = TimestampTzGetDatum(p->updated_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * mlops.progress_bar(percent float8, width int) -> text
 *	  "[#########...........]  45 %"; without a percentage "[....................]"
 */
Datum
mlops_progress_bar(PG_FUNCTION_ARGS)
{
	int			width = PG_ARGISNULL(1) ? 20 : PG_GETARG_INT32(1);
	double		percent = PG_ARGISNULL(0) ? NAN : PG_GETARG_FLOAT8(0);
	StringInfoData bar;
	int			filled;

	if (width < 1 || width > 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"width\" must be between 1 and 1000, not %d", width)));
	initStringInfo(&bar);
	filled = isnan(percent) ? 0 : (int) (Min(Max(percent, 0), 100) / 100 * width);
	appendStringInfoChar(&bar, '[');
	for (int i = 0; i < width; i++)
		appendStringInfoChar(&bar, i < filled ? '#' : '.');
	appendStringInfoChar(&bar, ']');
	if (!isnan(percent))
		appendStringInfo(&bar, " %3d %%", (int) Min(Max(percent, 0), 100));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(bar.data, bar.len));
}
