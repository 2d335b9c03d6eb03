/*-------------------------------------------------------------------------
 * reach_functions.c
 *	  What a checked statement calls.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "mlops/compat.h"
#include "mlops/registry.h"
#include "registry/functions.h"
#include "registry/reach.h"

/*
 * May it ask for the name of who asks?  Policies are there to, about who reads
 * a table of their owner; but not for somebody else who chose what is read.
 */
static bool
may_ask_who(const Reach *reach)
{
	return OidIsValid(reach->text_of) && get_rel_relkind(reach->text_of) != RELKIND_VIEW &&
		(!OidIsValid(reach->recorder) || reach->recorder == mlreg_owner_of_relation(reach->text_of));
}

static bool
answers_by_asker(const Reach *reach, Oid function)
{
	if (function >= FirstNormalObjectId)
		return func_volatile(function) != PROVOLATILE_IMMUTABLE && !mlreg_is_our_wrapper(function);
	return !mlreg_answers_alike(function) && !(mlreg_asks_who(function) && may_ask_who(reach));
}

/*
 * Called by the text of a role that is not trusted.  A view's or policy's code
 * runs with the rights of who asks, though its tables are read with its owner's.
 * So what it calls must not know who that is: views like pg_stats and those of
 * mlops would show all that he may see.  Other functions may read anything
 * (crosstab of tablefunc runs a text), unless their owner says they do not.
 */
static void
require_same_for_all(const Reach *reach, Oid function)
{
	if (mlreg_is_text_of_other(reach) && answers_by_asker(reach, function))
		mlreg_refuse_text(reach, psprintf(_("It calls function %s, whose answer may depend on who asks, on what that role may see, or on its session."),
										  format_procedure(function)));
}

void
mlreg_visit_function(Reach *reach, Oid function)
{
	HeapTuple	tuple;
	Oid			owner;
	bool		is_aggregate;

	if (function < FirstNormalObjectId && !reach->harmless && !mlreg_is_text_of_other(reach))
		return;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return;					/* what is gone does not run */
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	is_aggregate = ((Form_pg_proc) GETSTRUCT(tuple))->prokind == PROKIND_AGGREGATE;
	ReleaseSysCache(tuple);
	if (function >= FirstNormalObjectId)
		mlreg_require_trust(reach, ProcedureRelationId, function, owner);
	if (reach->harmless)
		mlreg_require_harmless(function);
	require_same_for_all(reach, function);
	if (!is_aggregate || function < FirstNormalObjectId)
		return;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (HeapTupleIsValid(tuple))
	{
		FormData_pg_aggregate form = *(Form_pg_aggregate) GETSTRUCT(tuple);

		ReleaseSysCache(tuple);
		mlreg_visit_function(reach, form.aggtransfn);
		mlreg_visit_function(reach, form.aggfinalfn);
		mlreg_visit_function(reach, form.aggcombinefn);
		mlreg_visit_function(reach, form.aggserialfn);
		mlreg_visit_function(reach, form.aggdeserialfn);
		mlreg_visit_function(reach, form.aggmtransfn);
		mlreg_visit_function(reach, form.aggminvtransfn);
		mlreg_visit_function(reach, form.aggmfinalfn);
	}
}

/*
 * PostgreSQL asks for EXECUTE who runs a view or text, not who wrote it.  So
 * each author must have it too, or somebody else would call it for him; so with
 * USAGE on the schema, which search_path may lead into only when somebody else asks.
 */
static void
require_execute(const Reach *reach, Oid function)
{
	Oid			schema = get_func_namespace(function);
	ListCell   *lc;

	foreach(lc, reach->authors)
	{
		if (!reach->in_rule && !mlcompat_may_use_schema(schema, lfirst_oid(lc)))
			mlreg_refuse_text(reach, psprintf(_("It calls function %s of schema \"%s\", which role \"%s\" may not use."),
											  get_func_name(function), get_namespace_name(schema), GetUserNameFromId(lfirst_oid(lc), false)));
		if (!mlcompat_may_execute(function, lfirst_oid(lc)))
			mlreg_refuse_text(reach, psprintf(_("It calls function %s, which role \"%s\" may not execute."),
											  format_procedure(function), GetUserNameFromId(lfirst_oid(lc), false)));
	}
}

/*
 * score_version is IMMUTABLE, but scores only for who may score with the model.
 * Each author must be one who may.
 */
static void
require_model(const Reach *reach, const FuncExpr *call)
{
	MlCatalogModel model;
	Const	   *name;
	ListCell   *lc;

	if (!mlreg_is_text_of_other(reach) || call->funcid < FirstNormalObjectId ||
		strcmp(get_func_name(call->funcid), "score_version") != 0 ||
		get_func_namespace(call->funcid) != get_namespace_oid("mlops", true))
		return;
	name = (Const *) linitial(call->args);
	if (!IsA(name, Const) || name->constisnull)
		mlreg_refuse_text(reach, _("It scores with a model that is not named by a constant."));
	if (!mlcat_model_by_name(TextDatumGetCString(name->constvalue), &model))
		return;					/* an error when it is called */
	foreach(lc, reach->authors)
	{
		if (!mlreg_may(lfirst_oid(lc), &model, ML_TO_SCORE))
			mlreg_refuse_text(reach, psprintf(_("It scores with model \"%s\", which role \"%s\" may not."),
											  TextDatumGetCString(name->constvalue), GetUserNameFromId(lfirst_oid(lc), false)));
	}
}

static bool
visit_function_of_node(Oid function, void *reach)
{
	mlreg_visit_function((Reach *) reach, function);
	require_execute((Reach *) reach, function);
	return false;
}

static void
visit_operator(Reach *reach, Oid operator)
{
	if (operator >= FirstNormalObjectId)
		mlreg_visit_function(reach, get_opcode(operator));
}

/* CURRENT_USER and its like, which in policies of a table's own owner is what they are for. */
static void
visit_value_function(const Reach *reach, const SQLValueFunction *call)
{
	switch (call->op)
	{
		case SVFOP_CURRENT_ROLE:
		case SVFOP_CURRENT_USER:
		case SVFOP_USER:
		case SVFOP_SESSION_USER:
			if (mlreg_is_text_of_other(reach) && !may_ask_who(reach))
				mlreg_refuse_text(reach, _("It asks for the name of the role that asks."));
			break;
		case SVFOP_CURRENT_SCHEMA:
			if (mlreg_is_text_of_other(reach))
				mlreg_refuse_text(reach, _("It asks which schemas the role that asks may use."));
			break;
		default:
			break;
	}
}

/* Whatever a node itself calls. */
void
mlreg_visit_calls(Reach *reach, Node *node)
{
	if (IsA(node, SortGroupClause))
	{
		visit_operator(reach, ((SortGroupClause *) node)->eqop);
		visit_operator(reach, ((SortGroupClause *) node)->sortop);
	}
	else if (IsA(node, WindowClause))
	{
		mlreg_visit_function(reach, ((WindowClause *) node)->startInRangeFunc);
		mlreg_visit_function(reach, ((WindowClause *) node)->endInRangeFunc);
	}
	else if (IsA(node, SQLValueFunction))
		visit_value_function(reach, (SQLValueFunction *) node);
	else if (IsA(node, FuncExpr))
	{
		mlreg_refuse_call_for_any_type(((FuncExpr *) node)->funcid);
		require_model(reach, (FuncExpr *) node);
	}
	check_functions_in_node(node, visit_function_of_node, reach);
}
