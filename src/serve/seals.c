/*-------------------------------------------------------------------------
 * seals.c
 *	  What a day's partition of logged decisions holds, in the blocks of which
 *	  sql/code/46_seals.sql makes seals.
 *
 * A row is its entry, then what it holds: column by column, in the order asked
 * for, a length of four bytes (all bits set for NULL) and the value in a form
 * that depends on no setting: integers, floating point, times and booleans as
 * big-endian bits, uuid as it is, everything else as text in UTF-8.  The entry
 * is the identity (16 bytes) and the CRC-32C of what it holds.
 *
 * Rows are sorted by all that.  What 4096 of them hold goes through one SHA-256,
 * the block's digest: to begin one for each row would cost more than all the
 * rest.  The CRC only serves to name a row when a digest differs; where somebody
 * made it fit, entries are in their old order and the block is known.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "port/pg_crc32c.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

#define CHECKSUM_SIZE 4
#define ENTRY_SIZE (UUID_LEN + CHECKSUM_SIZE)
#define BLOCK_ENTRIES 4096
#define NULL_LENGTH PG_UINT32_MAX
#define FIXED_SIZE 12			/* bytes that a column of fixed length, or NULL, takes at most */

/* How rows of one type are written down. */
typedef struct Writer
{
	int			n;				/* columns */
	int		   *places;			/* [n] in a row */
	int			id;				/* place of the identity */
	bool		converts;		/* text is not in UTF-8 */
	TupleDesc	desc;
	FmgrInfo   *output;			/* [n] of types that are written as text */
	StringInfoData row;			/* the one written last, a bytea */
	MemoryContext scratch;		/* of a row */
} Writer;

/* Place of a column, from 0.  Errors: 42703. */
static int
place_of(TupleDesc desc, const char *name)
{
	int			place = mling_find_attribute(desc, name);

	if (place < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("decisions have no column \"%s\"", name)));
	return place;
}

/* In the current memory context, which keeps all that is allocated. */
static void
begin_writer(Writer *writer, ArrayType *columns, TupleDesc desc)
{
	Datum	   *elements;

	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &writer->n);
	writer->places = palloc(Max(writer->n, 1) * sizeof(int));
	writer->output = palloc0(Max(writer->n, 1) * sizeof(FmgrInfo));
	writer->id = place_of(desc, "prediction_id");
	writer->converts = GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII;
	writer->desc = desc;
	writer->scratch = AllocSetContextCreate(CurrentMemoryContext, "mlops decision", ALLOCSET_SMALL_SIZES);
	initStringInfo(&writer->row);
	for (int c = 0; c < writer->n; c++)
	{
		Oid			output;
		bool		varlena;

		writer->places[c] = place_of(desc, TextDatumGetCString(elements[c]));
		getTypeOutputInfo(TupleDescAttr(desc, writer->places[c])->atttypid, &output, &varlena);
		fmgr_info(output, &writer->output[c]);
	}
}

/* Here and below the row has room for all columns' FIXED_SIZE. */
static void
add_bytes(Writer *writer, const char *bytes, size_t size)
{
	StringInfo	row = &writer->row;

	enlargeStringInfo(row, (int) size + writer->n * FIXED_SIZE);
	pq_writeint32(row, (uint32) size);
	memcpy(row->data + row->len, bytes, size);
	row->len += (int) size;
}

/*
 * In UTF-8, whatever the database has; SQL_ASCII says nothing of its bytes, so they
 * stay.
 */
static void
add_text(Writer *writer, const char *text, size_t size)
{
	if (writer->converts)
	{
		text = pg_server_to_any(text, (int) size, PG_UTF8);
		size = strlen(text);
	}
	add_bytes(writer, text, size);
}

static inline void
add_4_bytes(StringInfo row, uint32 bits)
{
	pq_writeint32(row, 4);
	pq_writeint32(row, bits);
}

static inline void
add_8_bytes(StringInfo row, uint64 bits)
{
	pq_writeint32(row, 8);
	pq_writeint64(row, bits);
}

/* A length and the value, in a form that no setting changes. */
static inline void
add_value(Writer *writer, int column, Datum value)
{
	StringInfo	row = &writer->row;
	char	   *text;

	switch (TupleDescAttr(writer->desc, writer->places[column])->atttypid)
	{
		case BOOLOID:
			pq_writeint32(row, 1);
			pq_writeint8(row, DatumGetBool(value));
			break;
		case INT4OID:
		case FLOAT4OID:
			add_4_bytes(row, DatumGetUInt32(value));
			break;
		case INT8OID:
		case TIMESTAMPTZOID:
			add_8_bytes(row, (uint64) DatumGetInt64(value));
			break;
		case FLOAT8OID:
			{
				union
				{
					float8		number;
					uint64		bits;
				}			as = {.number = DatumGetFloat8(value)};

				add_8_bytes(row, as.bits);
				break;
			}
		case UUIDOID:
			add_bytes(writer, (const char *) DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case TEXTOID:
			{
				struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

				add_text(writer, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
				break;
			}
		default:
			text = OutputFunctionCall(&writer->output[column], value);
			add_text(writer, text, strlen(text));
			break;
	}
}

/* Writes the entry of what the row holds by now.  Its place was left free. */
static void
write_entry(StringInfo row, const pg_uuid_t *id)
{
	char	   *entry = row->data + VARHDRSZ;
	pg_crc32c	checksum;

	INIT_CRC32C(checksum);
	COMP_CRC32C(checksum, entry + ENTRY_SIZE, row->len - VARHDRSZ - ENTRY_SIZE);
	FIN_CRC32C(checksum);
	checksum = pg_hton32(checksum);
	memcpy(entry, id->data, UUID_LEN);
	memcpy(entry + UUID_LEN, &checksum, CHECKSUM_SIZE);
}

/*
 * Writes a row down; values and nulls by its columns.  It is the writer's, until
 * the next; what values needed is freed.
 */
static void
write_row(Writer *writer, const Datum *values, const bool *nulls)
{
	static const pg_uuid_t no_id = {0};
	MemoryContext caller = MemoryContextSwitchTo(writer->scratch);
	StringInfo	row = &writer->row;

	resetStringInfo(row);
	enlargeStringInfo(row, VARHDRSZ + ENTRY_SIZE + writer->n * FIXED_SIZE);
	row->len = VARHDRSZ + ENTRY_SIZE;
	for (int c = 0; c < writer->n; c++)
	{
		int			place = writer->places[c];

		if (nulls[place])
			pq_writeint32(row, NULL_LENGTH);
		else
			add_value(writer, c, values[place]);
	}
	write_entry(row, nulls[writer->id] ? &no_id : DatumGetUUIDP(values[writer->id]));
	SET_VARSIZE(row->data, row->len);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(writer->scratch);
}

/*
 * The rows of a partition, written down, into a sort.  By the active snapshot.  The
 * sort keeps copies, in files beyond maintenance_work_mem.
 */
static void
put_rows(Relation partition, ArrayType *columns, Tuplesortstate *sort)
{
	TupleTableSlot *slot = table_slot_create(partition, NULL);
	TableScanDesc scan = table_beginscan(partition, GetActiveSnapshot(), 0, NULL);
	Writer		writer;

	begin_writer(&writer, columns, RelationGetDescr(partition));
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		write_row(&writer, slot->tts_values, slot->tts_isnull);
		tuplesort_putdatum(sort, PointerGetDatum(writer.row.data), false);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* A block that is being made. */
typedef struct SealBlock
{
	int			number;
	int			n;				/* rows */
	bytea	   *entries;
	bytea	   *digest;
	pg_cryptohash_ctx *rows;	/* SHA-256 of what they hold */
} SealBlock;

static void
check_hash(const SealBlock *block, int result)
{
	if (result < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(block->rows));
}

/* row: its entry, and what it holds. */
static void
add_row(SealBlock *block, const char *row, size_t size)
{
	memcpy(VARDATA(block->entries) + block->n * ENTRY_SIZE, row, ENTRY_SIZE);
	if (block->n++ == 0)
		check_hash(block, pg_cryptohash_init(block->rows));
	check_hash(block, pg_cryptohash_update(block->rows, (const uint8 *) row + ENTRY_SIZE, size - ENTRY_SIZE));
}

/* Gives a block away, and begins the next.  The callback must copy what it keeps. */
static void
put_block(SealBlock *block, MlSealCallback callback, void *arg)
{
	check_hash(block, pg_cryptohash_final(block->rows, (uint8 *) VARDATA(block->digest), PG_SHA256_DIGEST_LENGTH));
	SET_VARSIZE(block->entries, VARHDRSZ + block->n * ENTRY_SIZE);
	callback(block->number, block->entries, block->digest, arg);
	block->number++;
	block->n = 0;
}

/* Whole blocks, and a last one with what is left. */
static void
put_blocks(Tuplesortstate *sort, MlSealCallback callback, void *arg)
{
	SealBlock	block = {
		.entries = palloc(VARHDRSZ + BLOCK_ENTRIES * ENTRY_SIZE),
		.digest = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH),
		.rows = pg_cryptohash_create(PG_SHA256)
	};
	Datum		row;

	SET_VARSIZE(block.digest, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	while (mlcompat_sorted_datum(sort, &row))
	{
		struct varlena *bytes = (struct varlena *) DatumGetPointer(row);

		CHECK_FOR_INTERRUPTS();
		add_row(&block, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		pfree(bytes);
		if (block.n == BLOCK_ENTRIES)
			put_block(&block, callback, arg);
	}
	if (block.n > 0)
		put_block(&block, callback, arg);
	pg_cryptohash_free(block.rows);
}

void
mlserve_each_seal_block(Oid part, ArrayType *columns, MlSealCallback callback, void *arg)
{
	Relation	partition = table_open(part, AccessShareLock);
	Tuplesortstate *sort = tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false,
												 maintenance_work_mem, NULL, 0);

	put_rows(partition, columns, sort);
	tuplesort_performsort(sort);
	put_blocks(sort, callback, arg);
	tuplesort_end(sort);
	table_close(partition, AccessShareLock);
}
