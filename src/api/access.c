/*-------------------------------------------------------------------------
 * access.c
 *	  Rights as SQL, and the way by which functions written in SQL and PL/pgSQL
 *	  write the catalog.
 *
 * A public function that writes is declared with mlops_as_owner.  That runs the
 * function of the same name and arguments in schema mlops_catalog, with the
 * caller's role as an additional first argument, as the owner of the catalog.
 * Nobody else can call those; each checks the caller's right by
 * mlops_catalog.require().  Unlike with SECURITY DEFINER, who called is known
 * whatever function or session it was called from.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/registry.h"

MLOPS_FUNCTION(mlops_as_owner);
MLOPS_FUNCTION(mlops_as_caller);
MLOPS_FUNCTION(mlops_check_new_trigger);
MLOPS_FUNCTION(mlops_require);
MLOPS_FUNCTION(mlops_may);
MLOPS_FUNCTION(mlops_require_seen);
MLOPS_FUNCTION(mlops_may_use);
MLOPS_FUNCTION(mlops_may_see);
MLOPS_FUNCTION(mlops_may_use_named);
MLOPS_FUNCTION(mlops_query_settings);
MLOPS_FUNCTION(mlops_utc_text);
MLOPS_FUNCTION(mlops_as_role);
MLOPS_FUNCTION(mlops_person);
MLOPS_FUNCTION(mlops_in_person);
MLOPS_FUNCTION(mlops_is_applying_changes);
MLOPS_FUNCTION(mlops_try_lock);
MLOPS_FUNCTION(mlops_lock);
MLOPS_FUNCTION(mlops_lock_name);
MLOPS_FUNCTION(mlops_take_number);
MLOPS_FUNCTION(mlops_refuse_large);
MLOPS_FUNCTION(mlops_cut);
MLOPS_FUNCTION(mlops_readable);

/* ---------------------------------------------------------------- rights */

static MlAction
action_of_name(const char *name)
{
	static const struct
	{
		const char *name;
		MlAction	action;
	}			names[] = {
		{"score", ML_TO_SCORE}, {"evaluate", ML_TO_EVALUATE}, {"train", ML_TO_TRAIN},
		{"deploy", ML_TO_DEPLOY}, {"manage", ML_TO_MANAGE}, {"inspect", ML_TO_INSPECT},
		{"see", ML_TO_SEE},
	};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		if (strcmp(name, names[i].name) == 0)
			return names[i].action;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized action \"%s\"", name)));
}

/* mlops_catalog.require(caller, model, action) -> model_id */
Datum
mlops_require(PG_FUNCTION_ARGS)
{
	mlbase_refuse_null(fcinfo, 0, "caller");
	mlbase_refuse_null(fcinfo, 1, "model");
	mlbase_refuse_null(fcinfo, 2, "action");
	PG_RETURN_INT64(mlreg_require(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)),
								  action_of_name(text_to_cstring(PG_GETARG_TEXT_PP(2)))).model_id);
}

/* mlops_catalog.require_seen(model, action): for functions that run as their caller. */
Datum
mlops_require_seen(PG_FUNCTION_ARGS)
{
	mlbase_refuse_null(fcinfo, 0, "model");
	mlbase_refuse_null(fcinfo, 1, "action");
	PG_RETURN_INT64(mlreg_require(GetUserId(), text_to_cstring(PG_GETARG_TEXT_PP(0)),
								  action_of_name(text_to_cstring(PG_GETARG_TEXT_PP(1)))).model_id);
}

/* mlops_catalog.may(caller, model, action): the same question without the error. */
Datum
mlops_may(PG_FUNCTION_ARGS)
{
	MlCatalogModel model;

	PG_RETURN_BOOL(mlcat_model_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)), &model) &&
				   mlreg_may(PG_GETARG_OID(0), &model,
							 action_of_name(text_to_cstring(PG_GETARG_TEXT_PP(2)))));
}

/* mlops_catalog.may_use(owner, model_id): what the views show. */
Datum
mlops_may_use(PG_FUNCTION_ARGS)
{
	MlCatalogModel model = {PG_GETARG_INT64(1), PG_GETARG_OID(0)};

	PG_RETURN_BOOL(mlreg_may(GetUserId(), &model, ML_TO_INSPECT));
}

/* mlops_catalog.may_see(owner, model_id): what those show that hold no metrics. */
Datum
mlops_may_see(PG_FUNCTION_ARGS)
{
	MlCatalogModel model = {PG_GETARG_INT64(1), PG_GETARG_OID(0)};

	PG_RETURN_BOOL(mlreg_may(GetUserId(), &model, ML_TO_SEE));
}

/*
 * mlops_catalog.may_use_named(owner, model): the same for what only names its
 * model, which may be gone; owner is the row's own.
 */
Datum
mlops_may_use_named(PG_FUNCTION_ARGS)
{
	MlCatalogModel model;

	if (!PG_ARGISNULL(0) && has_privs_of_role(GetUserId(), PG_GETARG_OID(0)))
		PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(!PG_ARGISNULL(1) &&
				   mlcat_model_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)), &model) &&
				   mlreg_may(GetUserId(), &model, ML_TO_INSPECT));
}

/* mlops_catalog.person() */
Datum
mlops_person(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(mlbase_person());
}

/* mlops_catalog.in_person() */
Datum
mlops_in_person(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mlbase_in_person());
}

/* mlops_catalog.is_applying_changes() */
Datum
mlops_is_applying_changes(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(IsLogicalWorker());
}

/* mlops_catalog.try_lock(relation, id) */
Datum
mlops_try_lock(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mlcat_try_lock(text_to_cstring(PG_GETARG_TEXT_PP(0)), (uint64) PG_GETARG_INT64(1)));
}

/* mlops_catalog.lock(relation, id, shared, purpose) */
Datum
mlops_lock(PG_FUNCTION_ARGS)
{
	mlcat_lock(text_to_cstring(PG_GETARG_TEXT_PP(0)), (uint64) PG_GETARG_INT64(1), PG_GETARG_BOOL(2),
			   text_to_cstring(PG_GETARG_TEXT_PP(3)));
	PG_RETURN_VOID();
}

/* mlops_catalog.lock_name(index, name, purpose) */
Datum
mlops_lock_name(PG_FUNCTION_ARGS)
{
	mlcat_lock_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_VOID();
}

/*
 * mlops_catalog.take_number(model_id, version): false if there is this version, or
 * another session may be about to register it.  Nobody waits for a number.
 */
Datum
mlops_take_number(PG_FUNCTION_ARGS)
{
	int64		model_id = PG_GETARG_INT64(0);
	int32		version = PG_GETARG_INT32(1);
	MlCatalogVersion found;

	/* who has registered it and committed meanwhile is seen after the lock is had */
	PG_RETURN_BOOL(mlcat_try_lock("model_version", hash_combine64((uint64) model_id, (uint64) version)) &&
				   !mlcat_version_by_number(model_id, version, &found));
}

/* ---------------------------------------------------------------- bounds of what is stored */

/* mlops_catalog.refuse_large(x): its argument's name is in the message. */
Datum
mlops_refuse_large(PG_FUNCTION_ARGS)
{
	mlbase_refuse_large(fcinfo);
	PG_RETURN_VOID();
}

/* mlops_catalog.readable(value) -> text */
Datum
mlops_readable(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(mlbase_readable(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

/* mlops_catalog.cut(value) -> text */
Datum
mlops_cut(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(mlbase_cut(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

/* ---------------------------------------------------------------- as the owner, or as the caller */

/* The call of the private function behind a public one. */
typedef struct PrivateCall
{
	const char *name;
	bool		writes;
	char	   *sql;
	int			n;
	Oid			types[FUNC_MAX_ARGS];
	Datum		values[FUNC_MAX_ARGS];
	char		nulls[FUNC_MAX_ARGS];
} PrivateCall;

static void
add_argument(PrivateCall *call, StringInfo sql, Oid type, NullableDatum argument)
{
	if (call->n == FUNC_MAX_ARGS)
		elog(ERROR, "function \"%s\" has too many arguments", call->name);
	call->types[call->n] = type;
	call->values[call->n] = argument.value;
	call->nulls[call->n] = argument.isnull ? 'n' : ' ';
	appendStringInfo(sql, "%s$%d", call->n > 0 ? ", " : "", call->n + 1);
	call->n++;
}

static void
require_list(HeapTuple function, int i, ArrayType *array)
{
	bool		isnull;
	Datum		arguments = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proargnames, &isnull);
	char	  **names;

	(void) get_func_input_arg_names(arguments, SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proargmodes, &isnull), &names);
	mlbase_require_list(array, names[i]);
}

static void
prepare_call(FunctionCallInfo fcinfo, bool with_caller, PrivateCall *call)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Form_pg_proc proc;
	StringInfoData sql;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	call->name = pstrdup(NameStr(proc->proname));
	call->writes = proc->provolatile == PROVOLATILE_VOLATILE;
	call->n = 0;
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s mlops_catalog.%s(", fcinfo->flinfo->fn_retset ? "* FROM" : "",
					 quote_identifier(call->name));
	if (with_caller)
		add_argument(call, &sql, REGROLEOID, (NullableDatum) {ObjectIdGetDatum(GetUserId()), false});
	for (int i = 0; i < proc->pronargs; i++)
	{
		Oid			type = proc->proargtypes.values[i];

		if (type_is_array(type) && !fcinfo->args[i].isnull)
			require_list(tuple, i, DatumGetArrayTypeP(fcinfo->args[i].value));
		add_argument(call, &sql, IsPolymorphicType(type) ? get_fn_expr_argtype(fcinfo->flinfo, i) : type, fcinfo->args[i]);
	}
	appendStringInfoChar(&sql, ')');
	call->sql = sql.data;
	ReleaseSysCache(tuple);
}

/* The first column of the only row, in the caller's memory. */
static Datum
single_value(FunctionCallInfo fcinfo)
{
	Oid			type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
	Datum		value;
	bool		isnull;

	if (SPI_processed != 1)
		elog(ERROR, "unexpected number of rows: %llu", (unsigned long long) SPI_processed);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	fcinfo->isnull = isnull;
	if (isnull)
		return (Datum) 0;
	return SPI_datumTransfer(value, get_typbyval(type), get_typlen(type));
}

static void
put_rows(ReturnSetInfo *result)
{
	int			n = result->setDesc->natts;
	Datum	   *values = palloc(n * sizeof(Datum));
	bool	   *nulls = palloc(n * sizeof(bool));

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * What the owner makes goes where the database keeps its tables: not where the
 * caller's settings would put it, perhaps without a right to be there.
 */
static void
ignore_storage_settings(void)
{
	(void) set_config_option("default_tablespace", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("default_table_access_method", DEFAULT_TABLE_ACCESS_METHOD, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Connected to SPI: the rows go to the tuplestore, a value is returned. */
static Datum
call_behind(FunctionCallInfo fcinfo, const PrivateCall *call)
{
	mlreg_run_ours(call->sql, call->n, (Oid *) call->types, (Datum *) call->values, call->nulls, !call->writes);
	if (!fcinfo->flinfo->fn_retset)
		return single_value(fcinfo);
	put_rows((ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* A row of check_catalog, here because a catalog that is older than this cannot tell. */
static void
put_due_update(ReturnSetInfo *result)
{
	char	   *due = mlcat_update_due();
	Datum		values[3] = {(Datum) 0, CStringGetTextDatum("extension")};
	bool		nulls[3] = {true, false, false};

	if (due == NULL)
		return;
	values[2] = CStringGetTextDatum(due);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Body of every public function whose work is done by the function of the same
 * name in mlops_catalog.
 */
Datum
mlops_as_owner(PG_FUNCTION_ARGS)
{
	PrivateCall call;
	MlCatalogScope scope;
	Datum		value;

	prepare_call(fcinfo, true, &call);
	if (call.writes)
	{
		mlbase_refuse_large(fcinfo);
		mlbase_require_writable(psprintf("mlops.%s()", call.name));
	}
	if (fcinfo->flinfo->fn_retset)
		InitMaterializedSRF(fcinfo, 0);
	if (strcmp(call.name, "check_catalog") == 0)
		put_due_update((ReturnSetInfo *) fcinfo->resultinfo);
	mlcat_begin(&scope);
	if (call.writes)
		ignore_storage_settings();
	value = call_behind(fcinfo, &call);
	mlcat_end(&scope);
	return value;
}

/* The same for what is done with the caller's rights. */
Datum
mlops_as_caller(PG_FUNCTION_ARGS)
{
	PrivateCall call;
	Datum		value;

	prepare_call(fcinfo, false, &call);
	if (fcinfo->flinfo->fn_retset)
		InitMaterializedSRF(fcinfo, 0);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	value = call_behind(fcinfo, &call);
	SPI_finish();
	return value;
}

/* The event trigger's function: what it refuses is an error of CREATE TRIGGER itself. */
Datum
mlops_check_new_trigger(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an event trigger")));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	mlreg_run_ours("SELECT mlops_catalog.check_new_triggers()", 0, NULL, NULL, NULL, false);
	SPI_finish();
	PG_RETURN_NULL();
}

/* ---------------------------------------------------------------- as somebody else */

/* mlops_catalog.query_settings() -> jsonb */
Datum
mlops_query_settings(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(mlbase_query_settings()));
}

/* mlops_catalog.utc_text(at) -> text */
Datum
mlops_utc_text(PG_FUNCTION_ARGS)
{
	return CStringGetTextDatum(mlbase_utc_text(PG_GETARG_TIMESTAMPTZ(0)));
}

/*
 * mlops_catalog.as_role(caller, settings jsonb, statement, argument jsonb, by_itself, embeds) -> SETOF jsonb
 *
 * Runs a SELECT as a role, see registry.h.  $1 in the statement is argument;
 * each row comes as an object.  embeds: the text of a recorded query is part of
 * the statement; else it is ours alone and may call what writes, such as
 * mlops.train, while the sources that this reads are recorded queries.
 */
Datum
mlops_as_role(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlReach		reach = ML_REACH_RECORDED;
	MlRoleScope scope;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	reach |= PG_GETARG_BOOL(4) ? ML_REACH_TRUSTED : ML_REACH_OWN_CODE;
	reach |= PG_GETARG_BOOL(5) ? ML_REACH_HARMLESS : 0;
	mlreg_enter_role(PG_GETARG_OID(0), PG_GETARG_JSONB_P(1), reach, &scope);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	mlreg_select_json(text_to_cstring(PG_GETARG_TEXT_PP(2)), PG_GETARG_DATUM(3));
	put_rows(result);
	SPI_finish();
	mlreg_leave_role(&scope);
	return (Datum) 0;
}
