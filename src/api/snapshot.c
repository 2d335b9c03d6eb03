/*-------------------------------------------------------------------------
 * snapshot.c
 *	  Data sets that stay: reading a source as a role, hashing its contents and,
 *	  if asked, copying its rows into a table of the catalog's owner.
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
#include "funcapi.h"
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
#include "api/as_role.h"

MLOPS_FUNCTION(mlops_source_columns);
MLOPS_FUNCTION(mlops_read_snapshot);

/* Rights and settings to read under: arguments 0 and 1. */
static void
enter_role(FunctionCallInfo fcinfo, bool recorded, MlRoleScope *scope)
{
	MlReach		reach = recorded ? ML_REACH_OWN_CODE | ML_REACH_RECORDED : ML_REACH_ANYTHING;

	mlbase_refuse_null(fcinfo, 0, "caller");
	mlbase_refuse_null(fcinfo, 1, "settings");
	mlapi_enter_role(PG_GETARG_OID(0), PG_GETARG_JSONB_P(1), reach, scope);
}

/* Names of types are told and hashed as they are, whatever a recorded setting says. */
static void
quote_only_where_needed(void)
{
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* A source as it arrives: without dropped columns. */
static MlSource *
describe(FunctionCallInfo fcinfo, int source_argument, int query_argument)
{
	MlSource   *source = mling_describe(PG_ARGISNULL(source_argument) ? InvalidOid
										: PG_GETARG_OID(source_argument),
										PG_ARGISNULL(query_argument) ? NULL
										: text_to_cstring(PG_GETARG_TEXT_PP(query_argument)), NULL);

	source = mling_describe(InvalidOid, source->query, NULL);
	if (source->desc->natts == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the source has no columns"),
				 errdetail("It was: %s", source->query)));
	return source;
}

static char *
type_text(Oid type, int32 typmod)
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

static char *
kept_type_text(Form_pg_attribute attribute)
{
	int32		typmod;
	Oid			type = kept_type(attribute, &typmod);

	return type_text(type, typmod);
}

/*
 * mlops_catalog.source_columns(caller, settings, source, query, recorded)
 *	  -> rows (name, type, kept as, query, temporary): the columns, the query that
 *	  reads them, and a relation that it reads and that ends with the session
 */
Datum
mlops_source_columns(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlRoleScope scope;
	MlSource   *source;

	InitMaterializedSRF(fcinfo, 0);
	enter_role(fcinfo, !PG_ARGISNULL(4) && PG_GETARG_BOOL(4), &scope);
	source = describe(fcinfo, 2, 3);
	quote_only_where_needed();
	for (int i = 0; i < source->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(source->desc, i);
		Datum		values[5];
		bool		nulls[5] = {false};

		mling_find_column(source, NameStr(attribute->attname)); /* refuses an ambiguous name */
		values[0] = CStringGetTextDatum(NameStr(attribute->attname));
		values[1] = CStringGetTextDatum(type_text(attribute->atttypid, attribute->atttypmod));
		values[2] = CStringGetTextDatum(kept_type_text(attribute));
		values[3] = CStringGetTextDatum(source->query);
		values[4] = source->temporary ? CStringGetTextDatum(source->temporary) : (Datum) 0;
		nulls[4] = source->temporary == NULL;
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
	for (int i = 0; i < reading->natts; i++)
		reading->slot->tts_values[i] = reading->as_text[i] ? reading->values[i] : slot->tts_values[i];
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
		append_field(&text, kept_type_text(TupleDescAttr(desc, i)));
	}
	for (int i = 0; i < 4; i++)
		appendStringInfo(&text, "%016llx", (unsigned long long) reading->sum[i]);
	append_field(&text, psprintf("%lld", (long long) reading->rows));
	mlreg_sha256((uint8 *) text.data, text.len, digest);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return hex;
}

/* The table was made for these columns; they are stored without further conversion. */
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

/*
 * mlops_catalog.read_snapshot(caller, settings, query, target regclass, recorded)
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
	enter_role(fcinfo, PG_ARGISNULL(4) || PG_GETARG_BOOL(4), &scope);
	source = mling_describe(InvalidOid, text_to_cstring(PG_GETARG_TEXT_PP(2)), NULL);
	reading.natts = source->desc->natts;
	reading.output = palloc(Max(reading.natts, 1) * sizeof(FmgrInfo));
	reading.as_text = palloc(Max(reading.natts, 1) * sizeof(bool));
	reading.values = palloc0(Max(reading.natts, 1) * sizeof(Datum));
	for (int i = 0; i < reading.natts; i++)
	{
		Oid			output;
		bool		varlena;
		int32		typmod;

		reading.as_text[i] = kept_type(TupleDescAttr(source->desc, i), &typmod) !=
			getBaseType(TupleDescAttr(source->desc, i)->atttypid);
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
	quote_only_where_needed();
	values[0] = Int64GetDatum(reading.rows);
	values[1] = CStringGetTextDatum(content_hash(&reading, source->desc));
	mlapi_leave_role(&scope);
	CommandCounterIncrement();
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
