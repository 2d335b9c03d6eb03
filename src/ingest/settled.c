/*-------------------------------------------------------------------------
 * settled.c
 *	  The text of a value, the same in every session.
 *
 * Output functions ask the session how to write times, intervals, floating
 * point, bytes and names.  What is compared or hashed as text is written in one
 * way: ISO dates, UTC, all digits.  The settings' variables are changed directly
 * around each call, because going through the settings takes longer than writing
 * a value.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"

#include "mlops/ingest.h"

typedef struct OutputSettings
{
	int			date_style;
	int			interval_style;
	int			float_digits;
	int			bytes;
	bool		quote_all;
	pg_tz	   *zone;
} OutputSettings;

static OutputSettings
exchange(OutputSettings other)
{
	OutputSettings now = {DateStyle, IntervalStyle, extra_float_digits, bytea_output,
	quote_all_identifiers, session_timezone};

	DateStyle = other.date_style;
	IntervalStyle = other.interval_style;
	extra_float_digits = other.float_digits;
	bytea_output = other.bytes;
	quote_all_identifiers = other.quote_all;
	session_timezone = other.zone;
	return now;
}

char *
mling_settled_text(FmgrInfo *output, Datum value)
{
	static pg_tz *utc = NULL;
	OutputSettings before;
	char	   *volatile text = NULL;

	if (utc == NULL)
		utc = pg_tzset("UTC");
	before = exchange((OutputSettings) {USE_ISO_DATES, INTSTYLE_POSTGRES, 1, BYTEA_OUTPUT_HEX, false, utc});
	PG_TRY();
	{
		text = OutputFunctionCall(output, value);
	}
	PG_FINALLY();
	{
		(void) exchange(before);
	}
	PG_END_TRY();
	return text;
}
