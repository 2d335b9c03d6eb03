/*-------------------------------------------------------------------------
 * seals.c
 *	  The hash of a logged decision, and a day's hashes in blocks, of which
 *	  sql/62_seals.sql makes seals.
 *
 * A row is written down column by column, in the order asked for: a length of
 * four bytes (all bits set for NULL) and the value in a form that depends on no
 * setting: integers, floating point, times and booleans as big-endian bits,
 * uuid as it is, everything else as text in UTF-8.  The hash is the first 16
 * bytes of the SHA-256 of that.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"

MLOPS_FUNCTION(mlops_decision_hash);
MLOPS_FUNCTION(mlops_blocks_of);

#define HASH_SIZE 16
#define ENTRY_SIZE (UUID_LEN + HASH_SIZE)
#define BLOCK_ENTRIES 4096
#define NULL_LENGTH PG_UINT32_MAX

/* How rows of one type are written down. */
typedef struct Writer
{
	int			n;				/* columns */
	char	  **names;
	int		   *places;			/* [n] in a row */
	TupleDesc	desc;
	FmgrInfo   *output;			/* [n] of types that are written as text */
	StringInfoData row;			/* the one written last */
	MemoryContext scratch;		/* of a row */
} Writer;

/* In the current memory context, which keeps all that is allocated. */
static void
begin_writer(Writer *writer, ArrayType *columns, TupleDesc desc)
{
	Datum	   *elements;

	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &writer->n);
	writer->names = palloc(Max(writer->n, 1) * sizeof(char *));
	writer->places = palloc(Max(writer->n, 1) * sizeof(int));
	writer->output = palloc0(Max(writer->n, 1) * sizeof(FmgrInfo));
	writer->desc = CreateTupleDescCopy(desc);
	writer->scratch = AllocSetContextCreate(CurrentMemoryContext, "mlops decision", ALLOCSET_SMALL_SIZES);
	initStringInfo(&writer->row);
	for (int c = 0; c < writer->n; c++)
	{
		Oid			output;
		bool		varlena;

		writer->names[c] = TextDatumGetCString(elements[c]);
		writer->places[c] = -1;
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, i);

			if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), writer->names[c]) == 0)
				writer->places[c] = i;
		}
		if (writer->places[c] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("decisions have no column \"%s\"", writer->names[c])));
		getTypeOutputInfo(TupleDescAttr(desc, writer->places[c])->atttypid, &output, &varlena);
		fmgr_info(output, &writer->output[c]);
	}
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
add_value(StringInfo row, Writer *writer, int column, Datum value)
{
	char	   *text;

	switch (TupleDescAttr(writer->desc, writer->places[column])->atttypid)
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
			text = OutputFunctionCall(&writer->output[column], value);
			add_text(row, text, strlen(text));
			break;
	}
}

/* Writes a row down; values and nulls by its columns. */
static void
write_row(Writer *writer, const Datum *values, const bool *nulls)
{
	MemoryContext caller = MemoryContextSwitchTo(writer->scratch);

	resetStringInfo(&writer->row);
	for (int c = 0; c < writer->n; c++)
	{
		int			place = writer->places[c];

		if (nulls[place])
			pq_sendint32(&writer->row, NULL_LENGTH);
		else
			add_value(&writer->row, writer, c, values[place]);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(writer->scratch);
}

/* ---- one decision */

/* What a call site knows of its rows; belongs to fn_mcxt. */
typedef struct HashSite
{
	ArrayType  *columns;		/* as they were given */
	Oid			type;			/* of the rows */
	int32		typmod;
	Writer		writer;
	Datum	   *values;
	bool	   *nulls;
} HashSite;

static HashSite *
site_of(FmgrInfo *flinfo, ArrayType *columns, HeapTupleHeader header)
{
	HashSite   *site = (HashSite *) flinfo->fn_extra;
	Oid			type = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	MemoryContext caller;
	TupleDesc	desc;

	if (site && site->type == type && site->typmod == typmod &&
		VARSIZE(site->columns) == VARSIZE(columns) &&
		memcmp(site->columns, columns, VARSIZE(columns)) == 0)
		return site;
	desc = lookup_rowtype_tupdesc(type, typmod);
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(HashSite));
	site->type = type;
	site->typmod = typmod;
	site->columns = (ArrayType *) pg_detoast_datum_copy((struct varlena *) columns);
	begin_writer(&site->writer, site->columns, desc);
	site->values = palloc(desc->natts * sizeof(Datum));
	site->nulls = palloc(desc->natts * sizeof(bool));
	MemoryContextSwitchTo(caller);
	ReleaseTupleDesc(desc);
	flinfo->fn_extra = site;
	return site;
}

/* mlops_catalog.decision_hash(decision record, columns text[]) -> bytea */
Datum
mlops_decision_hash(PG_FUNCTION_ARGS)
{
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	HashSite   *site = site_of(fcinfo->flinfo, PG_GETARG_ARRAYTYPE_P(1), header);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	bytea	   *result = palloc(VARHDRSZ + HASH_SIZE);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	heap_deform_tuple(&tuple, site->writer.desc, site->values, site->nulls);
	write_row(&site->writer, site->values, site->nulls);
	mlreg_sha256((const uint8 *) site->writer.row.data, site->writer.row.len, digest);
	SET_VARSIZE(result, VARHDRSZ + HASH_SIZE);
	memcpy(VARDATA(result), digest, HASH_SIZE);
	PG_RETURN_BYTEA_P(result);
}

/* ---- a day */

static void
hash_row(pg_cryptohash_ctx *context, const StringInfoData *row, uint8 *digest)
{
	if (pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) row->data, row->len) < 0 ||
		pg_cryptohash_final(context, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(context));
}

/* The entries of a partition's rows, into a sort.  One SHA-256 serves all: to make it costs more than to use it. */
static void
put_entries(Relation partition, ArrayType *columns, Tuplesortstate *sort)
{
	TupleTableSlot *slot = table_slot_create(partition, NULL);
	TableScanDesc scan = table_beginscan(partition, GetActiveSnapshot(), 0, NULL);
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	union
	{
		struct varlena header;
		char		bytes[VARHDRSZ + ENTRY_SIZE];
	}			entry;
	Writer		writer;
	int			id;

	begin_writer(&writer, columns, RelationGetDescr(partition));
	id = mling_find_attribute(writer.desc, "prediction_id");
	if (id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("decisions have no column \"%s\"", "prediction_id")));
	SET_VARSIZE(&entry, VARHDRSZ + ENTRY_SIZE);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		write_row(&writer, slot->tts_values, slot->tts_isnull);
		hash_row(context, &writer.row, digest);
		memcpy(entry.bytes + VARHDRSZ, DatumGetUUIDP(slot->tts_values[id])->data, UUID_LEN);
		memcpy(entry.bytes + VARHDRSZ + UUID_LEN, digest, HASH_SIZE);
		tuplesort_putdatum(sort, PointerGetDatum(&entry), false);
	}
	pg_cryptohash_free(context);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

static void
put_block(ReturnSetInfo *result, int number, bytea *entries, int n)
{
	Datum		values[2] = {Int32GetDatum(number), PointerGetDatum(entries)};
	bool		nulls[2] = {false, false};

	if (n == 0)
		return;
	SET_VARSIZE(entries, VARHDRSZ + n * ENTRY_SIZE);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_blocks(Tuplesortstate *sort, ReturnSetInfo *result)
{
	bytea	   *entries = palloc(VARHDRSZ + BLOCK_ENTRIES * ENTRY_SIZE);
	int			number = 0;
	int			n = 0;
	Datum		entry;

	while (mlcompat_sorted_datum(sort, &entry))
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(VARDATA(entries) + n * ENTRY_SIZE, VARDATA_ANY(DatumGetPointer(entry)), ENTRY_SIZE);
		if (++n < BLOCK_ENTRIES)
			continue;
		put_block(result, number++, entries, n);
		n = 0;
	}
	put_block(result, number, entries, n);
}

/*
 * mlops_catalog.blocks_of(caller, partition, columns) -> (block, entries)
 *	  The entries of what a partition holds now, sorted.
 */
Datum
mlops_blocks_of(PG_FUNCTION_ARGS)
{
	Relation	partition = table_open(PG_GETARG_OID(1), AccessShareLock);
	Tuplesortstate *sort;

	InitMaterializedSRF(fcinfo, 0);
	sort = tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false, maintenance_work_mem,
								 NULL, 0);
	put_entries(partition, PG_GETARG_ARRAYTYPE_P(2), sort);
	tuplesort_performsort(sort);
	put_blocks(sort, (ReturnSetInfo *) fcinfo->resultinfo);
	tuplesort_end(sort);
	table_close(partition, AccessShareLock);
	return (Datum) 0;
}
