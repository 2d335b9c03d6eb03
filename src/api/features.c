/*-------------------------------------------------------------------------
 * features.c
 *	  Features of all rows of a source, and of one; the views that are made of them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "mlops/features.h"
#include "mlops/progress.h"

MLOPS_FUNCTION(mlops_feature_rows);
MLOPS_FUNCTION(mlops_create_feature_view);
MLOPS_FUNCTION(mlops_alter_feature_view);
MLOPS_FUNCTION(mlops_drop_feature_view);
MLOPS_FUNCTION(mlops_feature_view_request);
MLOPS_FUNCTION(mlops_feature_row);

/* Arguments from the first on: source, key, time_column, features, known_column. */
static MlFeatureRequest
request_of(FunctionCallInfo fcinfo, int first)
{
	MlFeatureRequest request = {0};

	mlbase_refuse_null(fcinfo, first, "source");
	mlbase_refuse_null(fcinfo, first + 1, "key");
	mlbase_refuse_null(fcinfo, first + 2, "time_column");
	mlbase_refuse_null(fcinfo, first + 3, "features");
	request.source = PG_GETARG_OID(first);
	request.key = NameStr(*PG_GETARG_NAME(first + 1));
	request.time_column = NameStr(*PG_GETARG_NAME(first + 2));
	request.features = PG_GETARG_JSONB_P(first + 3);
	request.known_column = PG_ARGISNULL(first + 4) ? NULL : NameStr(*PG_GETARG_NAME(first + 4));
	return request;
}

/* ---------------------------------------------------------------- all rows */

/* The columns that a caller asks for, and where rows go. */
typedef struct AskedColumns
{
	ReturnSetInfo *result;
	int		   *column;			/* [natts] of the view */
	Datum	   *values;
	bool	   *nulls;
} AskedColumns;

static void
put_row(TupleTableSlot *slot, void *arg)
{
	AskedColumns *asked = (AskedColumns *) arg;

	for (int i = 0; i < asked->result->setDesc->natts; i++)
	{
		asked->values[i] = slot->tts_values[asked->column[i]];
		asked->nulls[i] = slot->tts_isnull[asked->column[i]];
	}
	tuplestore_putvalues(asked->result->setResult, asked->result->setDesc, asked->values, asked->nulls);
}

/* The view's columns by their names.  Errors: 42703, 42804. */
static void
find_asked(const MlFeatureView *view, AskedColumns *asked)
{
	TupleDesc	desc = mlfeat_desc(view);
	TupleDesc	expected = asked->result->setDesc;

	asked->column = palloc(expected->natts * sizeof(int));
	asked->values = palloc(expected->natts * sizeof(Datum));
	asked->nulls = palloc(expected->natts * sizeof(bool));
	for (int i = 0; i < expected->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(expected, i)->attname);

		asked->column[i] = mling_find_attribute(desc, name);
		if (asked->column[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("\"%s\" is neither a column of the source nor a feature", name),
					 errdetail("There are: %s.", mling_column_list(desc)),
					 errhint("If columns of the source have changed, drop the feature view and make it anew.")));
		if (TupleDescAttr(desc, asked->column[i])->atttypid != TupleDescAttr(expected, i)->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s, not %s", name, format_type_be(TupleDescAttr(desc, asked->column[i])->atttypid),
							format_type_be(TupleDescAttr(expected, i)->atttypid)),
					 errhint("If columns of the source have changed, make the feature view anew.")));
	}
}

/*
 * mlops.feature_rows(source regclass, key name, time_column name, features jsonb,
 *	  known_column name, since timestamptz, until timestamptz) -> SETOF record
 */
Datum
mlops_feature_rows(PG_FUNCTION_ARGS)
{
	MlFeatureRequest request = request_of(fcinfo, 0);
	TimestampTz from = PG_ARGISNULL(5) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(5);
	TimestampTz until = PG_ARGISNULL(6) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(6);
	AskedColumns asked = {(ReturnSetInfo *) fcinfo->resultinfo};
	MlProgressScope *progress;
	MlFeatureView *view;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	view = mlfeat_open(&request);
	find_asked(view, &asked);
	progress = mlbase_progress_begin("feature_rows", get_rel_name(request.source));
	mlbase_progress("read", 0, 0, NAN);
	mlfeat_all_rows(view, from, until, put_row, &asked);
	mlbase_progress_end(progress);
	return (Datum) 0;
}

/* ---------------------------------------------------------------- views */

static void
append_column(StringInfo list, Form_pg_attribute column)
{
	appendStringInfo(list, "%s%s %s", list->len ? ", " : "", quote_identifier(NameStr(column->attname)),
					 format_type_extended(column->atttypid, column->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
}

/* Names and types of the view's columns: those of a former one first, in its order. */
static char *
column_definitions(TupleDesc desc, TupleDesc former)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; former && i < former->natts; i++)
	{
		int			column = mling_find_attribute(desc, NameStr(TupleDescAttr(former, i)->attname));

		if (column >= 0)
			append_column(&list, TupleDescAttr(desc, column));
	}
	for (int i = 0; i < desc->natts; i++)
	{
		if (former == NULL || mling_find_attribute(former, NameStr(TupleDescAttr(desc, i)->attname)) < 0)
			append_column(&list, TupleDescAttr(desc, i));
	}
	return list.data;
}

/* As the caller, whose statement it is. */
static void
run_command(const char *command)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (mlbase_run_ours(command, 0, NULL, NULL, NULL, false) != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\"", command);
	SPI_finish();
}

/* verb: CREATE or CREATE OR REPLACE; desc: of the request. */
static char *
view_statement(const char *verb, const char *name, const MlFeatureRequest *request, TupleDesc desc, TupleDesc former)
{
	bool		temporary = get_rel_persistence(request->source) == RELPERSISTENCE_TEMP;

	return psprintf("%s%s VIEW %s AS SELECT * FROM mlops.feature_rows(%s::pg_catalog.regclass, %s::pg_catalog.name, %s::pg_catalog.name, %s::pg_catalog.jsonb, %s::pg_catalog.name) AS f(%s)",
					verb, temporary ? " TEMPORARY" : "", name, quote_literal_cstr(mling_relation_name(request->source)), quote_literal_cstr(request->key), quote_literal_cstr(request->time_column),
					quote_literal_cstr(JsonbToCString(NULL, &request->features->root, VARSIZE(request->features))),
					request->known_column ? quote_literal_cstr(request->known_column) : "NULL", column_definitions(desc, former));
}

/*
 * mlops.create_feature_view(name text, source regclass, key name, time_column name,
 *	  features jsonb, known_column name) -> regclass
 */
Datum
mlops_create_feature_view(PG_FUNCTION_ARGS)
{
	MlFeatureRequest request;
	List	   *names;
	char	   *name;

	mlbase_refuse_null(fcinfo, 0, "name");
	mlbase_require_writable("mlops.create_feature_view()");
	mlbase_refuse_large(fcinfo);
	request = request_of(fcinfo, 1);
	names = textToQualifiedNameList(PG_GETARG_TEXT_PP(0));
	name = NameListToQuotedString(names);
	run_command(view_statement("CREATE", name, &request, mlfeat_desc(mlfeat_open(&request)), NULL));
	PG_RETURN_OID(RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, false));
}

/* A view keeps its columns, with their types.  Errors: 42P16. */
static void
check_former(TupleDesc former, TupleDesc desc)
{
	for (int i = 0; i < former->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(former, i);
		int			now = mling_find_attribute(desc, NameStr(column->attname));

		if (now < 0 || TupleDescAttr(desc, now)->atttypid != column->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 now < 0 ? errmsg("column \"%s\" of the view would be gone", NameStr(column->attname))
					 : errmsg("column \"%s\" of the view would have type %s, not %s", NameStr(column->attname),
							  format_type_be(TupleDescAttr(desc, now)->atttypid), format_type_be(column->atttypid)),
					 errdetail("Queries may need it as it is."),
					 errhint("Drop the view with mlops.drop_feature_view, and make it anew.")));
	}
}

/* mlops.alter_feature_view(name regclass, features jsonb, known_column name) -> regclass */
Datum
mlops_alter_feature_view(PG_FUNCTION_ARGS)
{
	MlFeatureRequest request;
	Relation	relation;
	TupleDesc	former;
	TupleDesc	desc;

	mlbase_require_writable("mlops.alter_feature_view()");
	mlbase_refuse_large(fcinfo);
	mlfeat_require_view(fcinfo, 0, "name", &request);
	if (!PG_ARGISNULL(1))
		request.features = PG_GETARG_JSONB_P(1);
	if (!PG_ARGISNULL(2))
		request.known_column = NameStr(*PG_GETARG_NAME(2));
	relation = table_open(PG_GETARG_OID(0), AccessShareLock);
	former = CreateTupleDescCopy(RelationGetDescr(relation));
	table_close(relation, NoLock);
	desc = mlfeat_desc(mlfeat_open(&request));
	check_former(former, desc);
	run_command(view_statement("CREATE OR REPLACE", mling_relation_name(PG_GETARG_OID(0)), &request, desc, former));
	PG_RETURN_OID(PG_GETARG_OID(0));
}

/* mlops.drop_feature_view(name regclass) */
Datum
mlops_drop_feature_view(PG_FUNCTION_ARGS)
{
	MlFeatureRequest request;

	mlfeat_require_view(fcinfo, 0, "name", &request);
	mlbase_require_writable("mlops.drop_feature_view()");
	run_command(psprintf("DROP VIEW %s", mling_relation_name(PG_GETARG_OID(0))));
	PG_RETURN_VOID();
}

/*
 * mlops_catalog.feature_view_request(view regclass)
 *	  -> (source regclass, key name, time_column name, known_column name, features jsonb)
 */
Datum
mlops_feature_view_request(PG_FUNCTION_ARGS)
{
	MlFeatureRequest request;
	TupleDesc	desc;
	Datum		values[5] = {0};
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(0) || !mlfeat_request_of(PG_GETARG_OID(0), &request))
		PG_RETURN_NULL();
	values[0] = ObjectIdGetDatum(request.source);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(request.key));
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(request.time_column));
	nulls[3] = request.known_column == NULL;
	if (request.known_column)
		values[3] = DirectFunctionCall1(namein, CStringGetDatum(request.known_column));
	values[4] = JsonbPGetDatum(request.features);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---------------------------------------------------------------- one row */

/* What a call site of feature_row remembers. */
typedef struct RowSite
{
	Oid			view;
	MlFeatureView *features;
} RowSite;

static MlFeatureView *
features_of_site(FunctionCallInfo fcinfo)
{
	RowSite    *site = (RowSite *) fcinfo->flinfo->fn_extra;
	MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

	if (site == NULL || site->view != PG_GETARG_OID(0) || mlfeat_is_stale(site->features))
	{
		MlFeatureRequest request;

		mlfeat_require_view(fcinfo, 0, "view", &request);
		site = palloc(sizeof(RowSite));
		site->view = PG_GETARG_OID(0);
		site->features = mlfeat_open(&request);
		fcinfo->flinfo->fn_extra = site;
	}
	MemoryContextSwitchTo(caller);
	return site->features;
}

/* Errors: 22004, 42804. */
static HeapTupleHeader
row_argument(FunctionCallInfo fcinfo, int i)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i);

	if (!OidIsValid(type) || !(type == RECORDOID || type_is_rowtype(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"source_row\" must be a row, not %s", OidIsValid(type) ? format_type_be(type) : "a value of no known type"),
				 errhint("Give a row of the source: SELECT mlops.feature_row('view', t) FROM source AS t.")));
	mlbase_refuse_null(fcinfo, i, "source_row");
	return PG_GETARG_HEAPTUPLEHEADER(i);
}

/* mlops.feature_row(view regclass, source_row anyelement) -> jsonb */
Datum
mlops_feature_row(PG_FUNCTION_ARGS)
{
	HeapTupleHeader header = row_argument(fcinfo, 1);
	MlFeatureView *features = features_of_site(fcinfo);
	TupleDesc	desc = mlfeat_desc(features);
	TupleDesc	given = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum	   *values = palloc0(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc0(desc->natts * sizeof(bool));
	Datum		row;

	for (int i = 0; i < mlfeat_source_columns(features); i++)
	{
		int			column = mling_find_attribute(given, NameStr(TupleDescAttr(desc, i)->attname));

		if (column < 0 || TupleDescAttr(given, column)->atttypid != TupleDescAttr(desc, i)->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the row has no column \"%s\" of type %s", NameStr(TupleDescAttr(desc, i)->attname), format_type_be(TupleDescAttr(desc, i)->atttypid)),
					 errhint("Give a row of the source: SELECT mlops.feature_row('view', t) FROM source AS t.")));
		values[i] = heap_getattr(&tuple, column + 1, given, &nulls[i]);
	}
	ReleaseTupleDesc(given);
	mlfeat_one_row(features, true, values, nulls);
	row = HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	PG_RETURN_DATUM(mling_settled_json(row));
}
