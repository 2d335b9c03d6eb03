/*-------------------------------------------------------------------------
 * from_json.c
 *	  A value in JSON means what the same value means in a column of the type
 *	  that the model was trained on.
 *
 * JSON has numbers, strings and booleans only; which of PostgreSQL's values a
 * string stands for is said by the recorded type.  It is read by rules of its
 * own where the type's input function would ask the session, or guess: numbers
 * are decimal, dates are ISO's, year first, times without an offset are taken in
 * the recorded zone, intervals are read in any IntervalStyle, amounts of money in
 * any lc_monetary.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "mlops/compat.h"
#include "mlops/ingest.h"

/* ---------------------------------------------------------------- recorded types */

typedef struct KnownType
{
	Oid			type;
	MlConversion from;
	MlColumnKind kind;
	const char *name;			/* as format_type() spells it, whatever the search_path */
} KnownType;

/* Types whose JSON is not read like that of any number or text. */
static const KnownType known_types[] = {
	{BOOLOID, ML_FROM_BOOL, ML_COLUMN_NUMBER, "boolean"},
	{INT2OID, ML_FROM_INT2, ML_COLUMN_NUMBER, "smallint"},
	{INT4OID, ML_FROM_INT4, ML_COLUMN_NUMBER, "integer"},
	{INT8OID, ML_FROM_INT8, ML_COLUMN_NUMBER, "bigint"},
	{FLOAT4OID, ML_FROM_FLOAT4, ML_COLUMN_NUMBER, "real"},
	{CASHOID, ML_FROM_MONEY, ML_COLUMN_NUMBER, "money"},
	{INTERVALOID, ML_FROM_INTERVAL, ML_COLUMN_NUMBER, "interval"},
	{TIMEOID, ML_FROM_TIME, ML_COLUMN_NUMBER, "time without time zone"},
	{TIMETZOID, ML_FROM_TIMETZ, ML_COLUMN_NUMBER, "time with time zone"},
	{DATEOID, ML_FROM_DATE, ML_COLUMN_TIME, "date"},
	{TIMESTAMPOID, ML_FROM_TIMESTAMP, ML_COLUMN_TIME, "timestamp without time zone"},
	{TIMESTAMPTZOID, ML_FROM_TIMESTAMPTZ, ML_COLUMN_TIME, "timestamp with time zone"},
	{BPCHAROID, ML_FROM_BPCHAR, ML_COLUMN_CATEGORY, "character"},
	{UUIDOID, ML_FROM_OUTPUT, ML_COLUMN_CATEGORY, "uuid"},
	{INETOID, ML_FROM_OUTPUT, ML_COLUMN_CATEGORY, "inet"},
	{CIDROID, ML_FROM_OUTPUT, ML_COLUMN_CATEGORY, "cidr"},
};

/*
 * Names of types in pg_catalog are those of SQL; others stand without a schema,
 * which would be there or not by the session's search_path.  In the current
 * memory context.
 */
static char *
type_name(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);
	HeapTuple	tuple;
	Form_pg_type form;
	char	   *name;

	if (OidIsValid(element))
		return psprintf("%s[]", type_name(element));
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", base);
	form = (Form_pg_type) GETSTRUCT(tuple);
	if (form->typnamespace == PG_CATALOG_NAMESPACE)
	{
		name = format_type_extended(base, -1, FORMAT_TYPE_FORCE_QUALIFY);
		if (strncmp(name, "pg_catalog.", strlen("pg_catalog.")) == 0)
			name += strlen("pg_catalog.");
	}
	else
		name = pstrdup(quote_identifier(NameStr(form->typname)));
	ReleaseSysCache(tuple);
	return name;
}

/* quote_all_identifiers is off meanwhile, and put back whatever happens. */
char *
mling_type_name(Oid type)
{
	bool		all = quote_all_identifiers;
	char	   *volatile name = NULL;

	quote_all_identifiers = false;
	PG_TRY();
	{
		name = type_name(type);
	}
	PG_FINALLY();
	{
		quote_all_identifiers = all;
	}
	PG_END_TRY();
	return name;
}

void
mling_recorded_type(const char *input, const char *name, MlColumnKind kind, const char *zone,
					MlRecordedType *recorded)
{
	recorded->input = input;
	recorded->name = name;
	recorded->type = InvalidOid;
	recorded->zone = zone;
	recorded->kind = kind;
	recorded->from = kind == ML_COLUMN_CATEGORY ? ML_FROM_TEXT
		: kind == ML_COLUMN_TIME ? ML_FROM_TIMESTAMP : ML_FROM_FLOAT8;
	for (int i = 0; i < lengthof(known_types); i++)
	{
		const KnownType *known = &known_types[i];

		if (known->kind != kind || strcmp(known->name, name) != 0)
			continue;
		recorded->type = known->type;
		recorded->from = known->from;
	}
}

/* Whose JSON is alike. */
typedef enum Family
{
	FAMILY_NUMBER,
	FAMILY_BOOLEAN,
	FAMILY_MONEY,
	FAMILY_INTERVAL,
	FAMILY_TIME_OF_DAY
} Family;

/* Types of other numbers are read as numbers are. */
static Family
family_of(MlConversion from)
{
	switch (from)
	{
		case ML_FROM_BOOL:
			return FAMILY_BOOLEAN;
		case ML_FROM_MONEY:
			return FAMILY_MONEY;
		case ML_FROM_INTERVAL:
			return FAMILY_INTERVAL;
		case ML_FROM_TIME:
		case ML_FROM_TIMETZ:
			return FAMILY_TIME_OF_DAY;
		default:
			return FAMILY_NUMBER;
	}
}

static bool
is_integer(MlConversion from)
{
	return from == ML_FROM_INT2 || from == ML_FROM_INT4 || from == ML_FROM_INT8;
}

/*
 * A category of another type.  to_jsonb() writes the padding of char(n), and only a
 * model of char(n) knows that it does not count.
 */
static void
adapt_category(MlConverter *converter, const MlRecordedType *recorded)
{
	if (converter->from == ML_FROM_BPCHAR)
		converter->from = ML_FROM_TEXT;
	if (recorded->from == ML_FROM_OUTPUT || recorded->from == ML_FROM_BPCHAR)
	{
		converter->foreign = converter->from;
		converter->from = ML_FROM_ANY_AS_OUTPUT;
		converter->recorded = recorded;
	}
}

/* Columns of another type than the recorded one are taken as their JSON is. */
bool
mling_adapt_converter(MlConverter *converter, const MlRecordedType *recorded)
{
	Family		column = family_of(converter->from);
	Family		wanted = family_of(recorded->from);

	if (converter->type == recorded->type)
		return true;

	/* 0 and 1 may be a boolean, and a number an amount or the seconds of an interval */
	if (converter->kind == ML_COLUMN_NUMBER && column != wanted &&
		!(column == FAMILY_NUMBER && wanted != FAMILY_TIME_OF_DAY))
		return false;
	if (recorded->from == ML_FROM_FLOAT4)
	{
		converter->foreign = converter->from;
		converter->from = ML_FROM_ANY_AS_FLOAT4;
	}
	else if (converter->from == ML_FROM_FLOAT4)
		converter->from = ML_FROM_FLOAT4_DIGITS;
	else if (converter->kind == ML_COLUMN_CATEGORY)
		adapt_category(converter, recorded);
	if (is_integer(recorded->from) || wanted == FAMILY_BOOLEAN ||
		converter->from == ML_FROM_DATE)	/* dates reach further than timestamps */
	{
		converter->foreign = converter->from;
		converter->from = ML_FROM_ANY_IN_RANGE;
		converter->recorded = recorded;
	}
	return true;
}

/* ---------------------------------------------------------------- refusals */

/* A string for a message: not longer than a line. */
static char *
shown(const char *text)
{
	int			size = pg_mbcliplen(text, (int) strlen(text), 60);

	return size == (int) strlen(text) ? pstrdup(text) : psprintf("%s...", pnstrdup(text, size));
}

/* Errors: 42804. */
static void
refuse_kind(const MlRecordedType *recorded, const char *found)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("key \"%s\" holds %s, but the model was trained on %s",
					recorded->input, found, recorded->name)));
}

/*
 * A number that no column of the recorded type could hold; what is missing or
 * infinite is told by others.  The greatest values of a bigint become 2^63, so that
 * the next double is the first that it cannot hold.
 */
static bool
can_hold(const MlRecordedType *recorded, double number)
{
	double		end = recorded->from == ML_FROM_INT2 ? 32768 : recorded->from == ML_FROM_INT4 ? 2147483648.0 : 9223372036854777856.0;

	if (isnan(number) || isinf(number))
		return true;
	if (recorded->from == ML_FROM_BOOL)
		return number == 0 || number == 1;
	return !is_integer(recorded->from) || (number >= -end && number < end);
}

double
mling_in_range(const MlRecordedType *recorded, const char *holder, double number)
{
	if (unlikely(!can_hold(recorded, number)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s \"%s\" holds %.17g, which is not a value of type %s",
						holder, recorded->input, number, recorded->name)));
	return number;
}

/* Errors: the SQLSTATE given, of class 22, with a hint how such values are written. */
static void
refuse_text(const MlRecordedType *recorded, const char *text, int code,
			const char *detail)
{
	const char *hint = NULL;

	if (recorded->kind == ML_COLUMN_TIME)
		hint = "Times are written year first, as in 2025-02-01 or 2025-02-01T03:00:00, with an offset as in +01:00 if they are not in the model's zone.";
	else if (recorded->from == ML_FROM_TIME || recorded->from == ML_FROM_TIMETZ)
		hint = "Times of day are written as in 03:00:00, with an offset as in +01:00 if they are not in UTC.";
	else if (recorded->from == ML_FROM_INTERVAL)
		hint = "Lengths of time are written as in \"1 day 02:30:00\" or \"P1DT2H30M\".";
	else if (recorded->from == ML_FROM_MONEY)
		hint = "Give an amount as a number, or with exactly two decimals as in \"$1,234.50\".";
	ereport(ERROR,
			(errcode(code),
			 errmsg("key \"%s\" holds \"%s\", which is not a value of type %s",
					recorded->input, shown(text), recorded->name),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
}

/*
 * The value of a text by an input function that asks no setting but IntervalStyle,
 * which is SQL's meanwhile: it reads what any style writes.  What the function
 * refuses is refused by the key's name.  Errors that are none of values pass as
 * they are.
 */
static Datum
value_of_text(const MlRecordedType *recorded, const char *text, PGFunction input)
{
	MemoryContext caller = CurrentMemoryContext;
	int			style = IntervalStyle;
	volatile Datum value = (Datum) 0;

	IntervalStyle = INTSTYLE_SQL_STANDARD;
	PG_TRY();
	{
		value = DirectFunctionCall3(input, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		IntervalStyle = style;
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		refuse_text(recorded, text, error->sqlerrcode, error->message);
	}
	PG_END_TRY();
	IntervalStyle = style;
	return value;
}

/* ---------------------------------------------------------------- numbers */

#define DIGITS "0123456789"

/*
 * Not what the C library or a version of PostgreSQL may take for one: "0x1F",
 * "1_000".  Blanks around it do not count.
 */
bool
mling_is_decimal(const char *text)
{
	static const char *const words[] = {"nan", "infinity", "inf"};
	size_t		whole;
	size_t		fraction = 0;

	text += strspn(text, " ");
	text += *text == '-' || *text == '+';
	for (int i = 0; i < lengthof(words); i++)
	{
		if (pg_strcasecmp(text, words[i]) == 0)
			return true;
	}
	whole = strspn(text, DIGITS);
	text += whole;
	if (*text == '.')
	{
		fraction = strspn(text + 1, DIGITS);
		text += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*text == 'e' || *text == 'E')
	{
		text++;
		text += *text == '-' || *text == '+';
		if (strspn(text, DIGITS) == 0)
			return false;
		text += strspn(text, DIGITS);
	}
	return text[strspn(text, " ")] == '\0';
}

/* ---------------------------------------------------------------- money */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#define MOST_SEPARATOR_BYTES 4

/*
 * Digits up to the decimals: all in a row, or in groups of three, of which the first
 * may be shorter, between which one and the same stands, which is not what the decimals
 * come after.
 */
static bool
is_grouped(const char *first, const char *decimals)
{
	size_t		digits = strspn(first, DIGITS);
	const char *separator = first + digits;
	size_t		size = strcspn(separator, DIGITS);

	if (separator == decimals)
		return true;
	if (digits > 3 || size > MOST_SEPARATOR_BYTES || *separator == *decimals)
		return false;
	for (const char *at = separator; at != decimals; at += size + 3)
	{
		if (strncmp(at, separator, size) != 0 || strspn(at + size, DIGITS) != 3)
			return false;
	}
	return true;
}

/*
 * What money's output function writes in any lc_monetary with two decimals: a sign
 * or parentheses and a currency somewhere, groups of digits, two last ones after a
 * point or comma.  The digits in a row are the stored number.  False for what it
 * does not write, and for more than fits.
 */
static bool
cents_of_text(const char *text, int64 *cents)
{
	const char *first = text + strcspn(text, DIGITS);
	const char *last = first;
	bool		negative = strchr(text, '-') || strchr(text, '(');
	uint64		sum = 0;

	for (const char *at = first; *at; at++)
	{
		if (is_digit(*at))
			last = at;
	}
	if (last - first < 3 || !is_digit(last[-1]) ||
		(last[-2] != '.' && last[-2] != ',') || !is_digit(last[-3]) || !is_grouped(first, last - 2))
		return false;
	for (const char *at = first; at <= last; at++)
	{
		if (!is_digit(*at))
			continue;
		if (sum > (PG_UINT64_MAX - 9) / 10)
			return false;
		sum = sum * 10 + (*at - '0');
	}
	if (sum > (uint64) PG_INT64_MAX + negative)
		return false;
	*cents = (int64) (negative ? -sum : sum);
	return true;
}

/* ---------------------------------------------------------------- times */

/* Words that mean the same in every session; zones by abbreviation do not. */
static bool
is_word_of_times(const char *word, size_t size)
{
	static const char *const words[] = {"t", "z", "utc", "gmt", "am", "pm", "ad", "bc"};

	for (int i = 0; i < lengthof(words); i++)
	{
		if (strlen(words[i]) == size && pg_strncasecmp(words[i], word, size) == 0)
			return true;
	}
	return false;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "UTC+3" is three hours west of UTC for POSIX, east for everybody else; "Etc/GMT+3" is a name. */
static bool
is_signed_zone(const char *word, size_t size)
{
	const char *next = word + size + strspn(word + size, " ");

	return size > 1 && pg_strncasecmp(word, "etc/", 4) != 0 && (*next == '+' || *next == '-') && is_digit(next[1 + strspn(next + 1, " ")]);
}

/* "now", "today" and abbreviated zones are what the session makes of them. */
static bool
cannot_be_told(const char *text)
{
	while (*text)
	{
		size_t		size = 0;
		bool		path = false;

		while (is_letter(text[size]) || (size > 0 && (text[size] == '/' || text[size] == '_')))
			path |= text[size++] == '/';
		if (size > 0 && ((!path && !is_word_of_times(text, size)) || is_signed_zone(text, size)))
			return true;
		text += Max(size, 1);
	}
	return false;
}

/*
 * Does it begin with a date of ISO's: a year of four digits or more, month, day, or
 * with hours and minutes if it is a time of day?  What does not is read by an order
 * that is the session's, or by a guess at the century.  20250201 without hyphens
 * is one, too.
 */
static bool
begins_as_iso(const char *text, bool of_day)
{
	size_t		size;

	text += strspn(text, " ");
	size = strspn(text, DIGITS);
	if (of_day)
		return (size == 1 || size == 2) && text[size] == ':';
	if (size == 8 && text[size] != '-')
		return true;
	for (int field = 0; field < 2; field++)
	{
		if ((field == 0 ? size < 4 : size != 1 && size != 2) || text[size] != '-')
			return false;
		text += size + 1;
		size = strspn(text, DIGITS);
	}
	return size == 1 || size == 2;
}

static bool
is_infinity(const char *text)
{
	return strcmp(text, "infinity") == 0 || strcmp(text, "-infinity") == 0;
}

typedef struct ParsedTime
{
	int			kind;			/* DTK_DATE, DTK_TIME, DTK_EARLY, DTK_LATE */
	bool		zoned;			/* did the text give an offset or a zone? */
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;				/* seconds west of Greenwich, if zoned */
} ParsedTime;

/*
 * The fields of a text, read with or without leave to find a zone in them.  False
 * if PostgreSQL's parser refuses it, or a time of day has a date.  tz NULL: no zone
 * may be there.
 */
static bool
parse_fields(const char *text, bool of_day, int *tz, ParsedTime *parsed)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			type[MAXDATEFIELDS];
	int			n;

	if (ParseDateTime(text, work, sizeof(work), field, type, MAXDATEFIELDS, &n) != 0)
		return false;
	for (int i = 0; of_day && i < n; i++)
	{
		if (type[i] == DTK_DATE)
			return false;
	}
	if (of_day)
		return mlcompat_decode_time(field, type, n, &parsed->kind, &parsed->tm, &parsed->fsec, tz) == 0;
	return mlcompat_decode_datetime(field, type, n, &parsed->kind, &parsed->tm, &parsed->fsec, tz) == 0;
}

/*
 * First without a zone, so that it is known whether the text gave one.  DateOrder
 * is year first meanwhile, and put back whatever happens.
 */
static bool
parse_time(const char *text, bool of_day, ParsedTime *parsed)
{
	int			order = DateOrder;
	bool		done = false;

	if ((!begins_as_iso(text, of_day) || cannot_be_told(text)) && (of_day || !is_infinity(text)))
		return false;
	DateOrder = DATEORDER_YMD;
	PG_TRY();
	{
		parsed->zoned = false;
		done = parse_fields(text, of_day, NULL, parsed);
		if (!done)
			done = parsed->zoned = parse_fields(text, of_day, &parsed->tz, parsed);
	}
	PG_FINALLY();
	{
		DateOrder = order;
	}
	PG_END_TRY();
	return done;
}

/*
 * Seconds since 1970 on the clock of the recorded zone; infinities stay.  Errors:
 * 22007, 22008.
 */
static double
number_of_time(const MlRecordedType *recorded, const char *text)
{
	ParsedTime	parsed;
	MlConverter converter;
	Timestamp	timestamp;

	if (!parse_time(text, false, &parsed))
		refuse_text(recorded, text, ERRCODE_INVALID_DATETIME_FORMAT, NULL);
	if (parsed.kind == DTK_EARLY || parsed.kind == DTK_LATE)
		return parsed.kind == DTK_EARLY ? -INFINITY : INFINITY;
	if (parsed.kind != DTK_DATE)
		refuse_text(recorded, text, ERRCODE_INVALID_DATETIME_FORMAT, NULL);

	/* dates reach further than timestamps */
	if (!parsed.zoned && recorded->from == ML_FROM_DATE && parsed.fsec == 0 &&
		parsed.tm.tm_hour == 0 && parsed.tm.tm_min == 0 && parsed.tm.tm_sec == 0)
	{
		if (!IS_VALID_JULIAN(parsed.tm.tm_year, parsed.tm.tm_mon, parsed.tm.tm_mday))
			refuse_text(recorded, text, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, NULL);
		mling_converter(DATEOID, recorded->zone, &converter);
		return mling_number(&converter,
							DateADTGetDatum(date2j(parsed.tm.tm_year, parsed.tm.tm_mon, parsed.tm.tm_mday) -
											POSTGRES_EPOCH_JDATE));
	}
	if (tm2timestamp(&parsed.tm, parsed.fsec, parsed.zoned ? &parsed.tz : NULL, &timestamp) != 0)
		refuse_text(recorded, text, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, NULL);
	mling_converter(parsed.zoned ? TIMESTAMPTZOID : TIMESTAMPOID, recorded->zone, &converter);
	return mling_number(&converter, TimestampGetDatum(timestamp));
}

/* Seconds since midnight, in UTC if the text has an offset.  Errors: 22007. */
static double
number_of_time_of_day(const MlRecordedType *recorded, const char *text)
{
	ParsedTime	parsed;
	MlConverter converter;

	if (strchr(text, '/') || !parse_time(text, true, &parsed))
		refuse_text(recorded, text, ERRCODE_INVALID_DATETIME_FORMAT, NULL);
	if (parsed.zoned)
	{
		TimeTzADT	time;

		tm2timetz(&parsed.tm, parsed.fsec, parsed.tz, &time);
		mling_converter(TIMETZOID, "UTC", &converter);
		return mling_number(&converter, TimeTzADTPGetDatum(&time));
	}
	else
	{
		TimeADT		time;

		tm2time(&parsed.tm, parsed.fsec, &time);
		mling_converter(TIMEOID, "UTC", &converter);
		return mling_number(&converter, TimeADTGetDatum(time));
	}
}

/* ---------------------------------------------------------------- values */

/* By the recorded type; what is not of a type of its own is a decimal number. */
static double
number_of_text(const MlRecordedType *recorded, const char *text)
{
	MlConverter converter;
	int64		cents;
	double		number;

	switch (recorded->from)
	{
		case ML_FROM_DATE:
		case ML_FROM_TIMESTAMP:
		case ML_FROM_TIMESTAMPTZ:
			return number_of_time(recorded, text);
		case ML_FROM_TIME:
		case ML_FROM_TIMETZ:
			return number_of_time_of_day(recorded, text);
		case ML_FROM_INTERVAL:
			mling_converter(INTERVALOID, "UTC", &converter);
			return mling_number(&converter, value_of_text(recorded, text, interval_in));
		case ML_FROM_MONEY:
			if (mling_is_decimal(text))
				break;
			if (!cents_of_text(text, &cents))
				refuse_text(recorded, text, ERRCODE_INVALID_TEXT_REPRESENTATION, NULL);
			mling_converter(CASHOID, "UTC", &converter);
			return mling_number(&converter, CashGetDatum(cents));
		default:
			break;
	}
	if (!mling_is_decimal(text))
		refuse_text(recorded, text, ERRCODE_INVALID_TEXT_REPRESENTATION, NULL);
	number = DatumGetFloat8(value_of_text(recorded, text, float8in));
	return recorded->from == ML_FROM_FLOAT4 ? mling_float4(number) : number;
}

/*
 * Errors: 42804 for another kind of JSON, class 22 for a value that the type does
 * not have.
 */
double
mling_number_from_json(const MlRecordedType *recorded, const JsonbValue *json)
{
	MlConverter converter;
	double		number = 0;

	switch (json->type)
	{
		case jbvNull:
			return NAN;
		case jbvNumeric:
			if (recorded->kind == ML_COLUMN_TIME || family_of(recorded->from) == FAMILY_TIME_OF_DAY)
				refuse_kind(recorded, "a number");
			memset(&converter, 0, sizeof(converter));
			converter.from = ML_FROM_NUMERIC;
			number = mling_number(&converter, NumericGetDatum(json->val.numeric));
			if (recorded->from == ML_FROM_FLOAT4)
				number = mling_float4(number);
			break;
		case jbvBool:
			if (recorded->from != ML_FROM_BOOL)
				refuse_kind(recorded, "a boolean");
			return json->val.boolean;
		case jbvString:
			number = number_of_text(recorded, pnstrdup(json->val.string.val, json->val.string.len));
			break;
		default:
			refuse_kind(recorded, "an array or object");
	}
	if (unlikely(isinf(number)))
		mling_refuse_infinite(recorded->input);
	return mling_in_range(recorded, "key", number);
}

/*
 * A text as the output function of a recorded type would write its value.  Types
 * whose text is canonical anyway pass as they are.
 */
static const char *
canonical_text(const MlRecordedType *recorded, const char *text)
{
	switch (recorded->type)
	{
		case UUIDOID:
			return DatumGetCString(DirectFunctionCall1(uuid_out, value_of_text(recorded, text, uuid_in)));
		case INETOID:
			return DatumGetCString(DirectFunctionCall1(inet_out, value_of_text(recorded, text, inet_in)));
		case CIDROID:
			return DatumGetCString(DirectFunctionCall1(cidr_out, value_of_text(recorded, text, cidr_in)));
		default:
			return text;
	}
}

const char *
mling_canonical_bytes(const MlRecordedType *recorded, const char *bytes, size_t *size)
{
	if (recorded->from == ML_FROM_BPCHAR)
	{
		*size = bpchartruelen(unconstify(char *, bytes), (int) *size);
		return bytes;
	}
	bytes = canonical_text(recorded, pnstrdup(bytes, *size));
	*size = strlen(bytes);
	return bytes;
}

/*
 * Errors: 42804 for another kind of JSON, class 22 for a text that the type does
 * not have.
 */
const char *
mling_bytes_from_json(const MlRecordedType *recorded, const JsonbValue *json, size_t *size)
{
	const char *text = NULL;

	switch (json->type)
	{
		case jbvNull:
			return NULL;
		case jbvNumeric:
			refuse_kind(recorded, "a number");
			break;
		case jbvBool:
			refuse_kind(recorded, "a boolean");
			break;
		case jbvString:
			if (recorded->from != ML_FROM_OUTPUT)
			{
				*size = json->val.string.len;
				if (recorded->from == ML_FROM_BPCHAR)
					*size = bpchartruelen(json->val.string.val, (int) *size);
				return json->val.string.val;
			}
			text = pnstrdup(json->val.string.val, json->val.string.len);
			break;
		default:
			refuse_kind(recorded, "an array or object");
	}
	text = canonical_text(recorded, text);
	*size = strlen(text);
	return text;
}
