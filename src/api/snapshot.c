/*-------------------------------------------------------------------------
 * snapshot.c
 *	  Data sets that stay: the columns of a source, and reading it, as a role.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"

MLOPS_FUNCTION(mlops_source_columns);
MLOPS_FUNCTION(mlops_read_snapshot);

/* Rights and settings to read under: arguments 0 and 1. */
static void
enter_role(FunctionCallInfo fcinfo, bool recorded, MlRoleScope *scope)
{
	MlReach		reach = recorded ? ML_REACH_OWN_CODE | ML_REACH_RECORDED : ML_REACH_ANYTHING;

	mlbase_refuse_null(fcinfo, 0, "caller");
	mlbase_refuse_null(fcinfo, 1, "settings");
	mlreg_enter_role(PG_GETARG_OID(0), PG_GETARG_JSONB_P(1), reach, scope);
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
	mlreg_name_types_alike();
	for (int i = 0; i < source->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(source->desc, i);
		Datum		values[5];
		bool		nulls[5] = {false};

		mling_find_column(source, NameStr(attribute->attname)); /* refuses an ambiguous name */
		values[0] = CStringGetTextDatum(NameStr(attribute->attname));
		values[1] = CStringGetTextDatum(mlreg_type_text(attribute->atttypid, attribute->atttypmod));
		values[2] = CStringGetTextDatum(mlreg_kept_type_text(attribute));
		values[3] = CStringGetTextDatum(source->query);
		values[4] = source->temporary ? CStringGetTextDatum(source->temporary) : (Datum) 0;
		nulls[4] = source->temporary == NULL;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	mlreg_leave_role(&scope);
	return (Datum) 0;
}

/*
 * mlops_catalog.read_snapshot(caller, settings, query, target regclass, recorded)
 *	  -> (rows, content_hash): reads as the role; copies into target unless NULL
 */
Datum
mlops_read_snapshot(PG_FUNCTION_ARGS)
{
	MlRoleScope scope;
	MlSource   *source;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false};
	int64		rows;
	char	   *hash;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	mlbase_refuse_null(fcinfo, 2, "query");
	enter_role(fcinfo, PG_ARGISNULL(4) || PG_GETARG_BOOL(4), &scope);
	source = mling_describe(InvalidOid, text_to_cstring(PG_GETARG_TEXT_PP(2)), NULL);
	rows = mlreg_read_snapshot(source, PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3), &hash);
	values[0] = Int64GetDatum(rows);
	values[1] = CStringGetTextDatum(hash);
	mlreg_leave_role(&scope);
	CommandCounterIncrement();
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
