/*-------------------------------------------------------------------------
 * convert.c
 *	  The one conversion from a PostgreSQL value to an engine value.
 *
 * Numbers become doubles, times become seconds since 1970-01-01 00:00 (local
 * to the recorded zone for timestamptz, so that hour and weekday never depend
 * on the session), everything that is text-like becomes bytes, compared as
 * bytes and never by collation.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/ingest.h"

/* Seconds from 1970-01-01 to 2000-01-01, where PostgreSQL counts from. */
#define EPOCH_SHIFT ((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/*
 * Numbers and times are told by their type; strings, enums, network addresses and
 * the like become categories, and nothing else does.
 */
bool
mling_converter(Oid type, const char *zone, MlConverter *converter)
{
	Oid			base = getBaseType(type);
	char		category;
	bool		preferred;
	bool		varlena;

	memset(converter, 0, sizeof(*converter));
	converter->type = base;
	converter->kind = ML_COLUMN_NUMBER;
	switch (base)
	{
		case BOOLOID:
			converter->from = ML_FROM_BOOL;
			return true;
		case INT2OID:
			converter->from = ML_FROM_INT2;
			return true;
		case INT4OID:
			converter->from = ML_FROM_INT4;
			return true;
		case INT8OID:
			converter->from = ML_FROM_INT8;
			return true;
		case FLOAT4OID:
			converter->from = ML_FROM_FLOAT4;
			return true;
		case FLOAT8OID:
			converter->from = ML_FROM_FLOAT8;
			return true;
		case NUMERICOID:
			converter->from = ML_FROM_NUMERIC;
			return true;
		case CASHOID:
			converter->from = ML_FROM_MONEY;
			return true;
		case INTERVALOID:
			converter->from = ML_FROM_INTERVAL;
			return true;
		case TIMETZOID:
			converter->from = ML_FROM_TIMETZ;
			return true;
		case TIMEOID:
			converter->from = ML_FROM_TIME;
			return true;
		case DATEOID:
			converter->from = ML_FROM_DATE;
			converter->kind = ML_COLUMN_TIME;
			return true;
		case TIMESTAMPOID:
			converter->from = ML_FROM_TIMESTAMP;
			converter->kind = ML_COLUMN_TIME;
			return true;
		case TIMESTAMPTZOID:
			converter->from = ML_FROM_TIMESTAMPTZ;
			converter->kind = ML_COLUMN_TIME;
			converter->zone = pg_tzset(zone);
			if (converter->zone == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("time zone \"%s\" not recognized", zone)));
			return true;
		default:
			break;
	}

	converter->kind = ML_COLUMN_CATEGORY;
	get_type_category_preferred(base, &category, &preferred);
	switch (base)
	{
		case BPCHAROID:
			converter->from = ML_FROM_BPCHAR;
			return true;
		case NAMEOID:
			converter->from = ML_FROM_NAME;
			return true;
		case CHAROID:
		case UUIDOID:
			category = TYPCATEGORY_ENUM;	/* by output, like an enum */
			break;
		default:
			break;
	}
	if (category == TYPCATEGORY_STRING && get_typlen(base) == -1)
	{
		converter->from = ML_FROM_TEXT;
		return true;
	}
	if (category == TYPCATEGORY_ENUM || category == TYPCATEGORY_NETWORK)
	{
		converter->from = ML_FROM_OUTPUT;
		getTypeOutputInfo(base, &converter->output, &varlena);
		return true;
	}
	return false;
}

/*
 * Types that could be categories stay what they are; others get the text that every
 * session writes alike.
 */
void
mling_text_converter(Oid type, MlConverter *converter)
{
	bool		varlena;

	if (mling_converter(type, "UTC", converter) && converter->kind == ML_COLUMN_CATEGORY)
		return;
	memset(converter, 0, sizeof(*converter));
	converter->type = getBaseType(type);
	converter->from = ML_FROM_SETTLED;
	converter->kind = ML_COLUMN_CATEGORY;
	getTypeOutputInfo(converter->type, &converter->output, &varlena);
}

/*
 * numeric to double.  numeric_float8 prints and parses, which costs more than
 * scoring a row.  Most amounts are small: when all digits fit 2^53 and the
 * scale fits 10^22, digits / 10^scale is one correctly rounded division
 * (Clinger, "How to read floating point numbers accurately", PLDI 1990), so
 * the result is the same.  The layout read here is numeric's on-disk format,
 * unchanged since 9.1; base 10,000 digits, weight of the first one, and the
 * flags NUMERIC_SHORT, NUMERIC_SIGN_MASK ... of numeric.c.
 */
static double
number_from_numeric(Datum value)
{
	static const double power_of_ten[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
		1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
	};
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	const char *bytes = VARDATA_ANY(packed);
	size_t		size = VARSIZE_ANY_EXHDR(packed);
	uint16		header;
	int			weight;
	bool		negative;
	size_t		header_size;
	int			n_digits;
	uint64		digits = 0;
	double		result = 0;
	bool		done = false;

	memcpy(&header, bytes, sizeof(header));
	if ((header & 0xC000) == 0xC000)	/* NaN or infinite */
	{
		result = (header & 0xF000) == 0xC000 ? NAN
			: (header & 0xF000) == 0xD000 ? INFINITY : -INFINITY;
		done = true;
	}
	else
	{
		if (header & 0x8000)	/* short form: sign, scale and weight in one word */
		{
			negative = (header & 0x2000) != 0;
			weight = (header & 0x0040 ? ~0x003F : 0) | (header & 0x003F);
			header_size = sizeof(uint16);
		}
		else
		{
			int16		long_weight;

			negative = (header & 0xC000) == 0x4000;
			memcpy(&long_weight, bytes + sizeof(uint16), sizeof(long_weight));
			weight = long_weight;
			header_size = 2 * sizeof(uint16);
		}
		n_digits = (int) ((size - header_size) / sizeof(int16));

		/* four base 10,000 digits are under 10^16; 10^16 may exceed 2^53 */
		if (n_digits <= 4)
		{
			int			exponent = 4 * (weight - n_digits + 1);

			for (int i = 0; i < n_digits; i++)
			{
				int16		digit;

				memcpy(&digit, bytes + header_size + i * sizeof(int16), sizeof(digit));
				digits = digits * 10000 + digit;
			}
			if (digits <= (UINT64CONST(1) << 53) && exponent >= -22 && exponent <= 22)
			{
				result = exponent < 0 ? (double) digits / power_of_ten[-exponent]
					: (double) digits * power_of_ten[exponent];
				/* a product is exact only when it fits; else take the slow way */
				done = exponent <= 0 || result <= (double) (UINT64CONST(1) << 53);
				if (negative)
					result = -result;
			}
		}
	}
	mlbase_free_detoasted(packed, value);
	if (done)
		return result;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
}

/*
 * Hundredths to a number: the one that its decimal digits are.  Amounts above
 * 2^53 hundredths are rounded once, not twice.
 */
static double
number_from_money(Cash hundredths)
{
	if (likely(hundredths >= -(INT64CONST(1) << 53) && hundredths <= (INT64CONST(1) << 53)))
		return (double) hundredths / 100.0;
	return number_from_numeric(NumericGetDatum(int64_div_fast_to_numeric(hundredths, 2)));
}

/* A float4 as the number that its shortest digits are: 0.1, not 0.10000000149. */
static double
number_from_digits(float value)
{
	char		digits[FLOAT_SHORTEST_DECIMAL_LEN];

	if (isnan(value) || isinf(value))
		return value;
	float_to_shortest_decimal_buf(value, digits);
	return strtod(digits, NULL);
}

/* The numeric that a double's shortest digits are. */
static Numeric
numeric_from_digits(double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, digits);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

Numeric
mling_exact_number(const MlConverter *converter, Datum value)
{
	switch (converter->from)
	{
		case ML_FROM_INT8:
			return int64_to_numeric(DatumGetInt64(value));
		case ML_FROM_NUMERIC:
			return DatumGetNumeric(value);
		case ML_FROM_MONEY:
			return int64_div_fast_to_numeric(DatumGetCash(value), 2);
		default:
			return numeric_from_digits(mling_number(converter, value));
	}
}

/*
 * A number as a column of float4 would hold it.  Its digits are rounded once:
 * rounding the double goes wrong where that lies in the middle of two float4,
 * as 7.038531e-26 does, whose digits do not.
 */
float
mling_float4(double number)
{
	float		near = (float) number;
	float		other;
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(number) || isinf(near) || near == number)
		return near;
	other = nextafterf(near, number > near ? INFINITY : -INFINITY);
	if (number - near != other - number)
		return near;
	double_to_shortest_decimal_buf(number, digits);
	return strtof(digits, NULL);
}

/* Local seconds of an instant in a zone.  Errors: 22008, beyond what a timestamp holds. */
static double
number_from_timestamptz(const MlConverter *converter, TimestampTz value)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(value, &tz, &tm, &fsec, NULL, converter->zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return (double) (value - (int64) tz * USECS_PER_SEC) / USECS_PER_SEC + EPOCH_SHIFT;
}

void
mling_refuse_far_date(const char *column, DateADT date, const char *type)
{
	int			year;
	int			month;
	int			day;

	if (likely(DATE_NOT_FINITE(date) || date < TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE))
		return;
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("column \"%s\" holds %04d-%02d-%02d, which is not a value of type %s",
					column, year, month, day, type)));
}

void
mling_refuse_far_times(const MlDataset *dataset, int time)
{
	const MlColumn *column = &dataset->columns[time];

	for (size_t row = 0; column->kind == ML_COLUMN_TIME && row < dataset->n_rows; row++)
	{
		double		day = floor((ml_column_number(column, row) - EPOCH_SHIFT) / SECS_PER_DAY);

		if (day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
			mling_refuse_far_date(column->name, (DateADT) day, "timestamp");
	}
}

/*
 * Of another type than the training had.  Apart, as it needs a larger frame than
 * the rest.  converter->wide: nothing is refused.
 */
static pg_noinline double
number_from_other(const MlConverter *converter, Datum value)
{
	MlConverter own = *converter;
	double		number;

	own.from = converter->foreign;
	number = mling_number(&own, value);
	if (converter->from == ML_FROM_ANY_AS_FLOAT4)
	{
		float		near = mling_float4(number);

		return converter->wide && isinf(near) ? number : near;
	}
	if (converter->wide)
		return number;
	if (own.from == ML_FROM_DATE)
	{
		mling_refuse_far_date(converter->recorded->input, DatumGetDateADT(value), converter->recorded->name);
		return number;
	}
	return mling_in_range(converter->recorded, "column", number);
}

/*
 * Exact where a double can be.  Errors of class 22 only where the recorded type
 * could not hold the number, or a zone's clock the time.
 */
double
mling_number(const MlConverter *converter, Datum value)
{
	switch (converter->from)
	{
		case ML_FROM_BOOL:
			return DatumGetBool(value) ? 1.0 : 0.0;
		case ML_FROM_INT2:
			return DatumGetInt16(value);
		case ML_FROM_INT4:
			return DatumGetInt32(value);
		case ML_FROM_INT8:
			return (double) DatumGetInt64(value);
		case ML_FROM_FLOAT4:
			return DatumGetFloat4(value);
		case ML_FROM_FLOAT8:
			return DatumGetFloat8(value);
		case ML_FROM_NUMERIC:
			return number_from_numeric(value);
		case ML_FROM_MONEY:
			return number_from_money(DatumGetCash(value));
		case ML_FROM_INTERVAL:
			{
				Interval   *interval = DatumGetIntervalP(value);

#ifdef INTERVAL_NOT_FINITE
				if (INTERVAL_NOT_FINITE(interval))
					return INTERVAL_IS_NOBEGIN(interval) ? -INFINITY : INFINITY;
#endif
				return (double) interval->time / USECS_PER_SEC +
					(interval->day + 30.0 * interval->month) * SECS_PER_DAY;
			}
		case ML_FROM_TIME:
			return (double) DatumGetTimeADT(value) / USECS_PER_SEC;
		case ML_FROM_TIMETZ:
			{
				TimeTzADT  *time = DatumGetTimeTzADTP(value);

				/* zone is in seconds west of Greenwich */
				return fmod((double) time->time / USECS_PER_SEC + time->zone + SECS_PER_DAY,
							SECS_PER_DAY);
			}
		case ML_FROM_DATE:
			{
				DateADT		date = DatumGetDateADT(value);

				if (DATE_NOT_FINITE(date))
					return DATE_IS_NOBEGIN(date) ? -INFINITY : INFINITY;
				return (double) date * SECS_PER_DAY + EPOCH_SHIFT;
			}
		case ML_FROM_TIMESTAMP:
		case ML_FROM_TIMESTAMPTZ:
			{
				Timestamp	timestamp = DatumGetTimestamp(value);

				if (TIMESTAMP_NOT_FINITE(timestamp))
					return TIMESTAMP_IS_NOBEGIN(timestamp) ? -INFINITY : INFINITY;
				if (converter->from == ML_FROM_TIMESTAMPTZ)
					return number_from_timestamptz(converter, timestamp);
				return (double) timestamp / USECS_PER_SEC + EPOCH_SHIFT;
			}
		case ML_FROM_FLOAT4_DIGITS:
			return number_from_digits(DatumGetFloat4(value));
		case ML_FROM_ANY_AS_FLOAT4:
		case ML_FROM_ANY_IN_RANGE:
			return number_from_other(converter, value);
		default:
			break;
	}
	elog(ERROR, "unexpected conversion %d to a number", (int) converter->from);
}

/* From the start of a tuple's data. */
void
mling_fixed_offsets(TupleDesc desc, int n, int *offset)
{
	int			next = 0;

	for (int a = 0; a < n; a++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, a);

		offset[a] = -1;
		if (next < 0 || attribute->attlen <= 0)
		{
			next = -1;
			continue;
		}
		offset[a] = att_align_nominal(next, attribute->attalign);
		next = offset[a] + attribute->attlen;
	}
}

/*
 * One text for equal numbers, 1 for 1.0 and 0 for -0, in every session.  In the
 * current memory context.
 */
static const char *
settled_text(const MlConverter *converter, Datum value)
{
	FmgrInfo	output;

	switch (converter->type)
	{
		case NUMERICOID:
			return numeric_normalize(DatumGetNumeric(value));
		case CASHOID:
			return numeric_normalize(int64_div_fast_to_numeric(DatumGetCash(value), 2));
		case FLOAT4OID:
			value = Float4GetDatum(DatumGetFloat4(value) + 0.0f);
			break;
		case FLOAT8OID:
			value = Float8GetDatum(DatumGetFloat8(value) + 0.0);
			break;
		default:
			break;
	}
	fmgr_info(converter->output, &output);
	return mling_settled_text(&output, value);
}

/*
 * Strings and names point into the value, detoasted if need be; texts of other
 * types are new.
 */
const char *
mling_bytes(const MlConverter *converter, Datum value, size_t *size)
{
	struct varlena *packed;
	const char *bytes;

	switch (converter->from)
	{
		case ML_FROM_TEXT:
		case ML_FROM_BPCHAR:
			packed = PG_DETOAST_DATUM_PACKED(value);
			bytes = VARDATA_ANY(packed);
			*size = VARSIZE_ANY_EXHDR(packed);
			if (converter->from == ML_FROM_BPCHAR)
				*size = bpchartruelen(VARDATA_ANY(packed), (int) *size);
			return bytes;
		case ML_FROM_NAME:
			bytes = NameStr(*DatumGetName(value));
			break;
		case ML_FROM_OUTPUT:
			bytes = OidOutputFunctionCall(converter->output, value);
			break;
		case ML_FROM_SETTLED:
			bytes = settled_text(converter, value);
			break;
		case ML_FROM_ANY_AS_OUTPUT:
			{
				MlConverter own = *converter;

				own.from = converter->foreign;
				bytes = mling_bytes(&own, value, size);
				return mling_canonical_bytes(converter->recorded, bytes, size);
			}
		default:
			elog(ERROR, "unexpected conversion %d to text", (int) converter->from);
	}
	*size = strlen(bytes);
	return bytes;
}

bool
mling_is_nan(const MlConverter *converter, Datum value)
{
	switch (converter->type)
	{
		case NUMERICOID:
			return numeric_is_nan(DatumGetNumeric(value));
		case FLOAT4OID:
			return isnan(DatumGetFloat4(value));
		case FLOAT8OID:
			return isnan(DatumGetFloat8(value));
		default:
			return false;
	}
}

/* The unsigned order of the result is the order of the integers. */
static uint64_t
ordered_hash(int64 value)
{
	return (uint64_t) value ^ (UINT64_C(1) << 63);
}

/* Not cryptographic: keys are hashed to be ordered, grouped and compared. */
uint64_t
mling_hash(const MlConverter *converter, Datum value)
{
	size_t		size;
	const char *bytes;

	switch (converter->from)
	{
			/*
			 * Integers of any width map alike, and keep their order: the
			 * canonical order of rows then follows a serial key, which is
			 * mostly the physical order too, and columns are read in sequence.
			 */
		case ML_FROM_INT2:
			return ordered_hash(DatumGetInt16(value));
		case ML_FROM_INT4:
			return ordered_hash(DatumGetInt32(value));
		case ML_FROM_INT8:
			return ordered_hash(DatumGetInt64(value));
		default:
			break;
	}
	if (converter->kind == ML_COLUMN_CATEGORY)
	{
		bytes = mling_bytes(converter, value, &size);
		return ml_hash_bytes(bytes, size, 0);
	}
	else
	{
		double		number = mling_number(converter, value);

		return ml_hash_bytes(&number, sizeof(number), 0);
	}
}

void
mling_refuse_infinite(const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("column \"%s\" contains an infinite value", column),
			 errhint("Replace infinite values by NULL, which counts as missing.")));
}
