/*-------------------------------------------------------------------------
 * snapshot.c
 *	  Data sets that stay: reading a source as a role, hashing its contents and,
 *	  if asked, copying its rows into a table of the catalog's owner.
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
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"
#include "api/as_role.h"

MLOPS_FUNCTION(mlops_source_columns);
MLOPS_FUNCTION(mlops_read_snapshot);

/* Rights and settings to read under: arguments 0 and 1. */
static void
enter_role(FunctionCallInfo fcinfo, MlRoleScope *scope)
{
	mlbase_refuse_null(fcinfo, 0, "caller");
	mlbase_refuse_null(fcinfo, 1, "settings");
	mlapi_enter_role(PG_GETARG_OID(0), PG_GETARG_JSONB_P(1), scope);
}

/* A source as it arrives: without dropped columns. */
static MlSource *
describe(FunctionCallInfo fcinfo, int source_argument, int query_argument)
{
	MlSource   *source = mling_describe(PG_ARGISNULL(source_argument) ? InvalidOid
										: PG_GETARG_OID(source_argument),
										PG_ARGISNULL(query_argument) ? NULL
										: text_to_cstring(PG_GETARG_TEXT_PP(query_argument)));

	source = mling_describe(InvalidOid, source->query);
	if (source->desc->natts == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the source has no columns"),
				 errdetail("It was: %s", source->query)));
	return source;
}

static char *
type_text(Form_pg_attribute attribute)
{
	return format_type_extended(attribute->atttypid, attribute->atttypmod,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/*
 * mlops_catalog.source_columns(caller, settings, source, query)
 *	  -> rows (name, type, query): the columns, and the query that reads them
 */
Datum
mlops_source_columns(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlRoleScope scope;
	MlSource   *source;

	InitMaterializedSRF(fcinfo, 0);
	enter_role(fcinfo, &scope);
	source = describe(fcinfo, 2, 3);
	for (int i = 0; i < source->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(source->desc, i);
		Datum		values[3];
		bool		nulls[3] = {false};

		mling_find_column(source, NameStr(attribute->attname)); /* refuses an ambiguous name */
		values[0] = CStringGetTextDatum(NameStr(attribute->attname));
		values[1] = CStringGetTextDatum(type_text(attribute));
		values[2] = CStringGetTextDatum(source->query);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	mlapi_leave_role(&scope);
	return (Datum) 0;
}

/* ---- reading */

typedef struct Reading
{
	int			natts;
	FmgrInfo   *output;			/* [natts] */
	MemoryContext row_context;
	StringInfoData row;
	uint64		sum[4];			/* most significant first */
	int64		rows;

	Relation	target;			/* NULL: nothing is copied */
	TupleTableSlot *slot;		/* of target */
	BulkInsertState bulk;
	CommandId	command;
} Reading;

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

static void
copy_row(Reading *reading, TupleTableSlot *slot)
{
	ExecClearTuple(reading->slot);
	memcpy(reading->slot->tts_values, slot->tts_values, reading->natts * sizeof(Datum));
	memcpy(reading->slot->tts_isnull, slot->tts_isnull, reading->natts * sizeof(bool));
	ExecStoreVirtualTuple(reading->slot);
	table_tuple_insert(reading->target, reading->slot, reading->command, 0, reading->bulk);
}

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
		append_field(&reading->row, slot->tts_isnull[i] ? NULL
					 : OutputFunctionCall(&reading->output[i], slot->tts_values[i]));
	mlreg_sha256((uint8 *) reading->row.data, reading->row.len, digest);
	MemoryContextSwitchTo(caller);
	add_digest(reading->sum, digest);
	if (reading->target)
		copy_row(reading, slot);
	reading->rows++;
	MemoryContextReset(reading->row_context);
}

/* SHA-256 of columns, sum and number of rows. */
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
		append_field(&text, type_text(TupleDescAttr(desc, i)));
	}
	for (int i = 0; i < 4; i++)
		appendStringInfo(&text, "%016llx", (unsigned long long) reading->sum[i]);
	append_field(&text, psprintf("%lld", (long long) reading->rows));
	mlreg_sha256((uint8 *) text.data, text.len, digest);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return hex;
}

/* The table was made for these columns; they are stored without conversion. */
static void
check_columns(TupleDesc target, TupleDesc source)
{
	bool		same = target->natts == source->natts;

	for (int i = 0; same && i < target->natts; i++)
		same = TupleDescAttr(target, i)->atttypid == TupleDescAttr(source, i)->atttypid;
	if (!same)
		elog(ERROR, "the columns of the source changed while it was read");
}

/*
 * mlops_catalog.read_snapshot(caller, settings, query, target regclass)
 *	  -> (rows, content_hash): reads as the role; copies into target unless NULL
 */
Datum
mlops_read_snapshot(PG_FUNCTION_ARGS)
{
	Reading		reading = {0};
	MlRoleScope scope;
	MlSource   *source;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	mlbase_refuse_null(fcinfo, 2, "query");
	enter_role(fcinfo, &scope);
	source = mling_describe(InvalidOid, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	reading.natts = source->desc->natts;
	reading.output = palloc(Max(reading.natts, 1) * sizeof(FmgrInfo));
	for (int i = 0; i < reading.natts; i++)
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(source->desc, i)->atttypid, &output, &varlena);
		fmgr_info(output, &reading.output[i]);
	}
	initStringInfo(&reading.row);
	reading.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops snapshot row",
												ALLOCSET_DEFAULT_SIZES);
	if (!PG_ARGISNULL(3))
	{
		reading.target = table_open(PG_GETARG_OID(3), RowExclusiveLock);
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
	values[0] = Int64GetDatum(reading.rows);
	values[1] = CStringGetTextDatum(content_hash(&reading, source->desc));
	mlapi_leave_role(&scope);
	CommandCounterIncrement();
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
