/*-------------------------------------------------------------------------
 * snapshot.c
 *	  Data sets that stay: hashing the rows of a source and, if asked, copying them
 *	  into a table of the catalog's owner.
 *
 * That table has columns of PostgreSQL's own types only.  A type of a user's may
 * run code (ANALYZE calls functions of ranges, a CHECK of a domain its own) as
 * the owner of the table, and takes the column with it when it is dropped.  What
 * is of another type is kept as text, which is made with the caller's rights.
 *
 * The hash does not depend on the order of rows: the SHA-256 of each row's text
 * are added up as 256-bit numbers, so that duplicates count.  The result is the
 * SHA-256 of columns, sum and number of rows.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"

/* ---------------------------------------------------------------- columns */

/* Names of types are told and hashed as they are, whatever a recorded setting says. */
void
mlreg_name_types_alike(void)
{
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

char *
mlreg_type_text(Oid type, int32 typmod)
{
	return format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* Is it one of PostgreSQL's own types, or an array of such, that a table can have? */
static bool
is_own_type(Oid type)
{
	HeapTuple	tuple;
	FormData_pg_type form;

	if (type >= FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	memcpy(&form, GETSTRUCT(tuple), sizeof(form));
	ReleaseSysCache(tuple);
	return form.typnamespace == PG_CATALOG_NAMESPACE &&
		(form.typtype == TYPTYPE_BASE || form.typtype == TYPTYPE_RANGE || form.typtype == TYPTYPE_MULTIRANGE) &&
		(!IsTrueArrayType(&form) || is_own_type(form.typelem));
}

/* The type that a column is kept in: its own, a domain's base type, else text. */
static Oid
kept_type(Form_pg_attribute attribute, int32 *typmod)
{
	Oid			type;

	*typmod = attribute->atttypmod;
	type = getBaseTypeAndTypmod(attribute->atttypid, typmod);
	if (is_own_type(type))
		return type;
	*typmod = -1;
	return TEXTOID;
}

char *
mlreg_kept_type_text(Form_pg_attribute attribute)
{
	int32		typmod;
	Oid			type = kept_type(attribute, &typmod);

	return mlreg_type_text(type, typmod);
}

/* ---------------------------------------------------------------- rows */

typedef struct Reading
{
	int			natts;
	FmgrInfo   *output;			/* [natts] */
	bool	   *as_text;		/* [natts] kept as text in target */
	MemoryContext row_context;
	StringInfoData row;
	uint64		sum[4];			/* most significant first */
	int64		rows;

	Relation	target;			/* NULL: nothing is copied */
	Datum	   *values;			/* [natts] of a row of it, where as_text */
	TupleTableSlot *slot;		/* of target */
	BulkInsertState bulk;
	CommandId	command;
} Reading;

/* Length and text, netstrings: no two rows of texts read alike.  NULL is "-,". */
static void
append_field(StringInfo text, const char *field)
{
	if (field)
		appendStringInfo(text, "%zu:%s,", strlen(field), field);
	else
		appendStringInfoString(text, "-,");
}

/* Adds a digest to the sum, modulo 2^256. */
static void
add_digest(uint64 sum[4], const uint8 digest[32])
{
	uint64		carry = 0;

	for (int i = 3; i >= 0; i--)
	{
		uint64		word;
		uint64		before = sum[i];

		memcpy(&word, digest + 8 * i, sizeof(word));
		word = pg_ntoh64(word);
		sum[i] = before + word + carry;
		carry = carry ? sum[i] <= before : sum[i] < before;
	}
}

/* Into the target, past triggers, constraints and indexes: the table is ours. */
static void
copy_row(Reading *reading, TupleTableSlot *slot)
{
	ExecClearTuple(reading->slot);
	for (int i = 0; i < reading->natts; i++)
		reading->slot->tts_values[i] = reading->as_text[i] ? reading->values[i] : slot->tts_values[i];
	memcpy(reading->slot->tts_isnull, slot->tts_isnull, reading->natts * sizeof(bool));
	ExecStoreVirtualTuple(reading->slot);
	table_tuple_insert(reading->target, reading->slot, reading->command, 0, reading->bulk);
}

/* A row of the source, which is read as the user: its digest, and a copy if asked for. */
static void
read_row(TupleTableSlot *slot, void *arg)
{
	Reading    *reading = (Reading *) arg;
	MemoryContext caller;
	uint8		digest[32];

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	caller = MemoryContextSwitchTo(reading->row_context);
	resetStringInfo(&reading->row);
	for (int i = 0; i < reading->natts; i++)
	{
		char	   *text = slot->tts_isnull[i] ? NULL : mling_settled_text(&reading->output[i], slot->tts_values[i]);

		append_field(&reading->row, text);
		if (reading->target && reading->as_text[i])
			reading->values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
	}
	mlreg_sha256((uint8 *) reading->row.data, reading->row.len, digest);
	MemoryContextSwitchTo(caller);
	add_digest(reading->sum, digest);
	if (reading->target)
		copy_row(reading, slot);
	reading->rows++;
	MemoryContextReset(reading->row_context);
}

/*
 * SHA-256 of columns, sum and number of rows.  In hexadecimal digits, in the
 * current memory context.
 */
static char *
content_hash(const Reading *reading, TupleDesc desc)
{
	StringInfoData text;
	uint8		digest[32];
	char	   *hex = palloc(65);

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		append_field(&text, NameStr(TupleDescAttr(desc, i)->attname));
		append_field(&text, mlreg_kept_type_text(TupleDescAttr(desc, i)));
	}
	for (int i = 0; i < 4; i++)
		appendStringInfo(&text, "%016llx", (unsigned long long) reading->sum[i]);
	append_field(&text, psprintf("%lld", (long long) reading->rows));
	mlreg_sha256((uint8 *) text.data, text.len, digest);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return hex;
}

/*
 * The table was made for these columns; they are stored without further conversion.
 * Errors: XX000, a source that was altered in between.
 */
static void
check_columns(TupleDesc target, TupleDesc source)
{
	bool		same = target->natts == source->natts;

	for (int i = 0; same && i < target->natts; i++)
	{
		int32		typmod;

		same = TupleDescAttr(target, i)->atttypid == kept_type(TupleDescAttr(source, i), &typmod);
	}
	if (!same)
		elog(ERROR, "the columns of the source changed while it was read");
}

/* How the values of the source's columns become texts. */
static void
prepare_columns(Reading *reading, TupleDesc desc)
{
	int			natts = desc->natts;

	reading->natts = natts;
	reading->output = palloc(Max(natts, 1) * sizeof(FmgrInfo));
	reading->as_text = palloc(Max(natts, 1) * sizeof(bool));
	reading->values = palloc0(Max(natts, 1) * sizeof(Datum));
	for (int i = 0; i < natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;
		Oid			output;
		bool		varlena;
		int32		typmod;

		reading->as_text[i] = kept_type(TupleDescAttr(desc, i), &typmod) != getBaseType(type);
		getTypeOutputInfo(type, &output, &varlena);
		fmgr_info(output, &reading->output[i]);
	}
}

/* One pass over the source, in constant memory. */
int64
mlreg_read_snapshot(MlSource *source, Oid target, char **hash)
{
	Reading		reading = {0};

	prepare_columns(&reading, source->desc);
	initStringInfo(&reading.row);
	reading.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops snapshot row",
												ALLOCSET_DEFAULT_SIZES);
	if (OidIsValid(target))
	{
		reading.target = table_open(target, RowExclusiveLock);
		check_columns(RelationGetDescr(reading.target), source->desc);
		reading.slot = table_slot_create(reading.target, NULL);
		reading.bulk = GetBulkInsertState();
		reading.command = GetCurrentCommandId(true);
	}
	mling_each_row(source, read_row, &reading);
	if (reading.target)
	{
		FreeBulkInsertState(reading.bulk);
		ExecDropSingleTupleTableSlot(reading.slot);
		table_close(reading.target, NoLock);
	}
	mlreg_name_types_alike();
	*hash = content_hash(&reading, source->desc);
	return reading.rows;
}
