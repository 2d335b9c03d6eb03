/*-------------------------------------------------------------------------
 * key.c
 *	  Bytes of a key value: what says whose row it is.
 *
 * A key's bytes are its text, as value::text would give it, for types whose
 * text depends on no setting: 42 in an integer column, '42' in a text column,
 * 42 in a JSON object and the key '42' given by hand are one key.  Hashes of
 * keys choose variants, so these bytes must never change.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "mlops/ingest.h"

StaticAssertDecl(ML_KEY_DIGITS > MAXINT8LEN, "room for any integer");

bool
mling_key_reader(Oid type, MlKeyReader *reader)
{
	memset(reader, 0, sizeof(*reader));
	if (!mling_converter(type, "UTC", &reader->converter))
		return false;
	switch (reader->converter.from)
	{
		case ML_FROM_INT2:
		case ML_FROM_INT4:
		case ML_FROM_INT8:
		case ML_FROM_TEXT:
		case ML_FROM_BPCHAR:
		case ML_FROM_NAME:
			return true;
		case ML_FROM_NUMERIC:
			fmgr_info(F_NUMERIC_OUT, &reader->output);
			return true;
		case ML_FROM_OUTPUT:
			fmgr_info(reader->converter.output, &reader->output);
			return true;
		default:
			return false;
	}
}

const char *
mling_key_bytes(MlKeyReader *reader, Datum value, size_t *size)
{
	const char *bytes;
	int64		integer;

	switch (reader->converter.from)
	{
		case ML_FROM_INT2:
			integer = DatumGetInt16(value);
			break;
		case ML_FROM_INT4:
			integer = DatumGetInt32(value);
			break;
		case ML_FROM_INT8:
			integer = DatumGetInt64(value);
			break;
		case ML_FROM_NUMERIC:
		case ML_FROM_OUTPUT:
			bytes = OutputFunctionCall(&reader->output, value);
			*size = strlen(bytes);
			return bytes;
		default:
			return mling_bytes(&reader->converter, value, size);
	}
	*size = pg_lltoa(integer, reader->digits);
	return reader->digits;
}
