/*-------------------------------------------------------------------------
 * instant.c
 *	  A column that says when something was: of a label, of a decision.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "mlops/ingest.h"

/* By how much the clock that times came from may be ahead of ours, in microseconds. */
#define CLOCK_SKEW USECS_PER_MINUTE

void
mling_instant_column(const MlSource *source, const char *name, const char *argument, MlInstantColumn *column)
{
	Oid			type;

	column->name = name;
	column->position = mling_column(source, name, argument);
	type = TupleDescAttr(source->desc, column->position)->atttypid;
	column->type = getBaseType(type);
	if (column->type != TIMESTAMPTZOID && column->type != TIMESTAMPOID && column->type != DATEOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of \"%s\" has type %s", name, argument, format_type_be(type)),
				 errdetail("It must be a date or timestamp.")));
}

TimestampTz
mling_instant(const MlInstantColumn *column, Datum value, const char *hint)
{
	if (column->type == DATEOID ? DATE_NOT_FINITE(DatumGetDateADT(value))
		: TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("column \"%s\" contains an infinite time", column->name),
				 errhint("%s", hint)));
	if (column->type == DATEOID)
		mling_refuse_far_date(column->name, DatumGetDateADT(value), "timestamp");
	/* without a zone it is in UTC, whatever the session's is: the same bits */
	return DatumGetTimestampTz(column->type == DATEOID ? DirectFunctionCall1(date_timestamp, value) : value);
}

bool
mling_is_future(TimestampTz at, TimestampTz now)
{
	return unlikely(at > now + CLOCK_SKEW) && at > GetCurrentTimestamp() + CLOCK_SKEW;
}
