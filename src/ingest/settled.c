/*-------------------------------------------------------------------------
 * settled.c
 *	  The text of a value, and the value of a text, the same in every session.
 *
 * Output functions ask the session how to write times, intervals, floating
 * point, bytes and names, input functions how to read times and arrays.  What is compared or hashed as text is written in one
 * way: ISO dates, UTC, all digits.  The settings' variables are changed directly
 * around each call, because going through the settings takes longer than writing
 * a value.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"

#include "mlops/ingest.h"

typedef struct TextSettings
{
	int			date_style;
	int			date_order;
	int			interval_style;
	int			float_digits;
	int			bytes;
	bool		quote_all;
	bool		array_nulls;
	pg_tz	   *zone;
} TextSettings;

/* Sets the variables and returns what they were.  Nothing here can fail half-way. */
static TextSettings
exchange(TextSettings other)
{
	TextSettings now = {DateStyle, DateOrder, IntervalStyle, extra_float_digits, bytea_output,
	quote_all_identifiers, Array_nulls, session_timezone};

	DateStyle = other.date_style;
	DateOrder = other.date_order;
	IntervalStyle = other.interval_style;
	extra_float_digits = other.float_digits;
	bytea_output = other.bytes;
	quote_all_identifiers = other.quote_all;
	Array_nulls = other.array_nulls;
	session_timezone = other.zone;
	return now;
}

/*
 * A date such as 01/02/2026, which can be two days, is refused.  Whoever calls this
 * must call exchange() with the result, on errors too.
 */
static TextSettings
settle(void)
{
	static pg_tz *utc = NULL;

	if (utc == NULL)
		utc = pg_tzset("UTC");
	return exchange((TextSettings) {USE_ISO_DATES, DATEORDER_YMD, INTSTYLE_POSTGRES, 1, BYTEA_OUTPUT_HEX, false, true, utc});
}

/* In the current memory context. */
char *
mling_settled_text(FmgrInfo *output, Datum value)
{
	TextSettings before = settle();
	char	   *volatile text = NULL;

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

Datum
mling_settled_value(FmgrInfo *input, Oid io_parameter, const char *text)
{
	return mling_settled_value_in(input, io_parameter, text, "UTC");
}

Datum
mling_settled_value_in(FmgrInfo *input, Oid io_parameter, const char *text, const char *zone)
{
	pg_tz	   *own = pg_tzset(zone);
	TextSettings before = settle();
	volatile Datum value = (Datum) 0;

	if (own)
		session_timezone = own;

	PG_TRY();
	{
		value = InputFunctionCall(input, (char *) text, io_parameter, -1);
	}
	PG_FINALLY();
	{
		(void) exchange(before);
	}
	PG_END_TRY();
	return value;
}

Datum
mling_settled_json(Datum row)
{
	TextSettings before = settle();
	volatile Datum json = (Datum) 0;

	PG_TRY();
	{
		json = DirectFunctionCall1(row_to_json, row);
	}
	PG_FINALLY();
	{
		(void) exchange(before);
	}
	PG_END_TRY();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(json)));
}
