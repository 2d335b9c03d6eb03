/*-------------------------------------------------------------------------
 * seals.c
 *	  The hash of a logged decision, of which sql/62_seals.sql makes seals.
 *
 * A row is written down column by column, in the order asked for: a length of
 * four bytes (all bits set for NULL) and the value in a form that depends on no
 * setting: integers, floating point, times and booleans as big-endian bits,
 * uuid as it is, everything else as text in UTF-8.  The hash is the first 16
 * bytes of the SHA-256 of that.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/registry.h"

MLOPS_FUNCTION(mlops_decision_hash);

#define HASH_SIZE 16
#define NULL_LENGTH PG_UINT32_MAX

/* What a call site knows of its rows; belongs to fn_mcxt. */
typedef struct HashSite
{
	ArrayType  *columns;		/* as they were given */
	int			n;
	char	  **names;
	Oid			type;			/* of the rows that places are for */
	int32		typmod;
	int		   *places;			/* [n] */
	TupleDesc	desc;
	FmgrInfo   *output;			/* [n] of types that are written as text */
	Datum	   *values;
	bool	   *nulls;
	MemoryContext scratch;		/* of a row */
} HashSite;

static HashSite *
site_of(FmgrInfo *flinfo, ArrayType *columns)
{
	HashSite   *site = (HashSite *) flinfo->fn_extra;
	MemoryContext caller;
	Datum	   *elements;

	if (site && VARSIZE(site->columns) == VARSIZE(columns) &&
		memcmp(site->columns, columns, VARSIZE(columns)) == 0)
		return site;
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(HashSite));
	site->columns = (ArrayType *) pg_detoast_datum_copy((struct varlena *) columns);
	deconstruct_array(site->columns, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &site->n);
	site->names = palloc(Max(site->n, 1) * sizeof(char *));
	for (int i = 0; i < site->n; i++)
		site->names[i] = TextDatumGetCString(elements[i]);
	site->places = palloc(Max(site->n, 1) * sizeof(int));
	site->output = palloc0(Max(site->n, 1) * sizeof(FmgrInfo));
	site->scratch = AllocSetContextCreate(flinfo->fn_mcxt, "mlops decision", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(caller);
	flinfo->fn_extra = site;
	return site;
}

static void
find_columns(FmgrInfo *flinfo, HashSite *site, Oid type, int32 typmod)
{
	MemoryContext caller;
	TupleDesc	desc;

	if (site->desc && site->type == type && site->typmod == typmod)
		return;
	desc = lookup_rowtype_tupdesc(type, typmod);
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	site->type = type;
	site->typmod = typmod;
	site->values = palloc(site->desc->natts * sizeof(Datum));
	site->nulls = palloc(site->desc->natts * sizeof(bool));
	for (int c = 0; c < site->n; c++)
	{
		Oid			output;
		bool		varlena;

		site->places[c] = -1;
		for (int i = 0; i < site->desc->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(site->desc, i);

			if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), site->names[c]) == 0)
				site->places[c] = i;
		}
		if (site->places[c] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("decisions have no column \"%s\"", site->names[c])));
		getTypeOutputInfo(TupleDescAttr(site->desc, site->places[c])->atttypid, &output, &varlena);
		fmgr_info_cxt(output, &site->output[c], flinfo->fn_mcxt);
	}
	MemoryContextSwitchTo(caller);
}

static void
add_bytes(StringInfo row, const char *bytes, size_t size)
{
	pq_sendint32(row, (uint32) size);
	appendBinaryStringInfo(row, bytes, (int) size);
}

static void
add_text(StringInfo row, const char *text, size_t size)
{
	if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		text = pg_server_to_any(text, (int) size, PG_UTF8);
		size = strlen(text);
	}
	add_bytes(row, text, size);
}

static void
add_value(StringInfo row, HashSite *site, int column, Datum value)
{
	char	   *text;

	switch (TupleDescAttr(site->desc, site->places[column])->atttypid)
	{
		case BOOLOID:
			pq_sendint32(row, 1);
			pq_sendint8(row, DatumGetBool(value));
			break;
		case INT4OID:
			pq_sendint32(row, 4);
			pq_sendint32(row, (uint32) DatumGetInt32(value));
			break;
		case FLOAT4OID:
			pq_sendint32(row, 4);
			pq_sendfloat4(row, DatumGetFloat4(value));
			break;
		case INT8OID:
		case TIMESTAMPTZOID:
			pq_sendint32(row, 8);
			pq_sendint64(row, (uint64) DatumGetInt64(value));
			break;
		case FLOAT8OID:
			pq_sendint32(row, 8);
			pq_sendfloat8(row, DatumGetFloat8(value));
			break;
		case UUIDOID:
			add_bytes(row, (const char *) DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case TEXTOID:
			{
				struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

				add_text(row, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
				break;
			}
		default:
			text = OutputFunctionCall(&site->output[column], value);
			add_text(row, text, strlen(text));
			break;
	}
}

/* mlops_catalog.decision_hash(decision record, columns text[]) -> bytea */
Datum
mlops_decision_hash(PG_FUNCTION_ARGS)
{
	HashSite   *site = site_of(fcinfo->flinfo, PG_GETARG_ARRAYTYPE_P(1));
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	bytea	   *result = palloc(VARHDRSZ + HASH_SIZE);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	MemoryContext caller;
	StringInfoData row;

	find_columns(fcinfo->flinfo, site, HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	caller = MemoryContextSwitchTo(site->scratch);
	heap_deform_tuple(&tuple, site->desc, site->values, site->nulls);
	initStringInfo(&row);
	for (int c = 0; c < site->n; c++)
	{
		if (site->nulls[site->places[c]])
			pq_sendint32(&row, NULL_LENGTH);
		else
			add_value(&row, site, c, site->values[site->places[c]]);
	}
	mlreg_sha256((const uint8 *) row.data, row.len, digest);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(site->scratch);
	SET_VARSIZE(result, VARHDRSZ + HASH_SIZE);
	memcpy(VARDATA(result), digest, HASH_SIZE);
	PG_RETURN_BYTEA_P(result);
}
