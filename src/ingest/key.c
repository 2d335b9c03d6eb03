/*-------------------------------------------------------------------------
 * key.c
 *	  Bytes of a key value: what says whose row it is.
 *
 * A key's bytes are its text, as value::text would give it, for types that have
 * one text, whatever the settings and in JSON too: 42 in an integer column, '42' in a text column,
 * 42 in a JSON object and the key '42' given by hand are one key.  Hashes of
 * keys choose variants, so these bytes must never change.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "mlops/ingest.h"

StaticAssertDecl(ML_KEY_DIGITS > MAXINT8LEN, "room for any integer");

/*
 * What is asked of a type: one text for one value, which no setting and no JSON
 * writes otherwise.
 */
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
		case ML_FROM_BPCHAR:
		case ML_FROM_NAME:
			return true;
		case ML_FROM_TEXT:

			/*
			 * Blanks at its end do not make another key: JSON of char(n) has
			 * them, the column, its cast to text and labels have not.
			 */
			reader->converter.from = ML_FROM_BPCHAR;
			return true;
		case ML_FROM_NUMERIC:
			fmgr_info(F_NUMERIC_OUT, &reader->output);
			return true;
		case ML_FROM_OUTPUT:
			if (reader->converter.type == INETOID)	/* 10.0.0.1 in JSON, 10.0.0.1/32 cast to text */
				return false;
			fmgr_info(reader->converter.output, &reader->output);
			return true;
		default:
			return false;
	}
}

/*
 * Apart from the check, which each decision makes.  At most ML_BOUNDED_BYTES:
 * beginning, dots, and the digest in hexadecimal.
 */
static pg_noinline text *
shortened(text *value)
{
	static const char dots[] = "...";
	pg_cryptohash_ctx *hash;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	const char *bytes;
	int			size;
	int			kept;
	char	   *at;
	text	   *result;

	bytes = VARDATA_ANY(value);
	size = VARSIZE_ANY_EXHDR(value);
	hash = pg_cryptohash_create(PG_SHA256);
	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) bytes, size) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);

	kept = pg_mbcliplen(bytes, size, ML_BOUNDED_BYTES - 2 * PG_SHA256_DIGEST_LENGTH - (int) strlen(dots));
	result = palloc(VARHDRSZ + ML_BOUNDED_BYTES);
	at = VARDATA(result);
	memcpy(at, bytes, kept);
	at += kept;
	memcpy(at, dots, strlen(dots));
	at += strlen(dots);
	at += hex_encode((const char *) digest, sizeof(digest), at);
	SET_VARSIZE(result, at - (char *) result);
	return result;
}

text *
mling_bounded(text *value)
{
	return value == NULL || VARSIZE_ANY_EXHDR(value) <= ML_BOUNDED_BYTES ? value : shortened(value);
}

/* Integers are written into the reader, without an allocation. */
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

int
mling_key_column(const MlSource *source, const char *name, MlKeyReader *reader)
{
	int			position = mling_column(source, name, "key");
	Oid			type = TupleDescAttr(source->desc, position)->atttypid;

	if (!mling_key_reader(type, reader))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be a key", name, format_type_be(type)),
				 errhint(ML_KEY_HINT)));
	return position;
}
