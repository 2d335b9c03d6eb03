/*-------------------------------------------------------------------------
 * reach.c
 *	  What a statement may reach when nobody is there to answer for it; see
 *	  include/mlops/registry.h.
 *
 * The check stands before the planner, so what is planned and run is the very
 * query that was looked at: parsed, rewritten (views and policies of row
 * security are in it) and with its relations locked.  It comes before planning
 * because the planner itself runs code: it folds constants in expressions of
 * indexes, constraints and partition keys.
 *
 * Some code is in no query that is planned: while a text is parsed its literals
 * are read already, and '(1)'::some_row runs the checks of the domains in that
 * row; to_json looks for casts by itself.  Such calls are refused when they are
 * made, by the hooks of the function manager and the executor.  Those do not
 * reach parallel workers, for which the check before the planner has to do.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "registry/functions.h"
#include "registry/reach.h"

static planner_hook_type next_planner;
static needs_fmgr_hook_type next_needs_fmgr;
static object_access_hook_type next_object_access;

static bool
is_checked(void)
{
	return (mlops_guc_checked_reach & ML_REACH_LEVEL) != ML_REACH_ANYTHING;
}

static void
begin_check(Reach *reach)
{
	Oid			recorder = mlbase_recorder();

	memset(reach, 0, sizeof(*reach));
	reach->user = GetUserId();
	reach->relations = (mlops_guc_checked_reach & ML_REACH_LEVEL) == ML_REACH_TRUSTED;
	reach->harmless = (mlops_guc_checked_reach & ML_REACH_HARMLESS) != 0;
	if (OidIsValid(get_namespace_oid("mlops_catalog", true)))
	{
		reach->catalog_owner = mlcat_owner();
		reach->trusted = mlcat_trusted(reach->user);
	}
	if (reach->harmless)
		mlreg_require_author(recorder);
	if (reach->harmless && !mlreg_is_trusted(reach, recorder))
	{
		reach->recorder = recorder;
		reach->authors = list_make1_oid(recorder);
	}
}

void
mlreg_check_reach(Node *node)
{
	Reach		reach;

	if (!is_checked() || node == NULL)
		return;
	check_stack_depth();
	begin_check(&reach);
	mlreg_walk(node, &reach);
}

void
mlreg_check_statement(const Query *query)
{
	if (query->commandType == CMD_UTILITY && IsA(query->utilityStmt, CallStmt))
		mlreg_check_reach((Node *) ((CallStmt *) query->utilityStmt)->funcexpr);
}

static PlannedStmt *
check_then_plan(Query *query, const char *text, int options, ParamListInfo params)
{
	mlreg_check_reach((Node *) query);
	return next_planner ? next_planner(query, text, options, params) : standard_planner(query, text, options, params);
}

/* Is about to be called, by whatever: not one of PostgreSQL's own. */
static bool
check_then_look_up(Oid function)
{
	HeapTuple	tuple;

	if (is_checked() && function >= FirstNormalObjectId && IsTransactionState() &&
		HeapTupleIsValid(tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function))))
	{
		Oid			owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
		Reach		reach;

		ReleaseSysCache(tuple);
		if (owner != GetUserId() && !superuser_arg(owner))
		{
			begin_check(&reach);
			mlreg_require_trust(&reach, ProcedureRelationId, function, owner);
		}
	}
	return next_needs_fmgr ? next_needs_fmgr(function) : false;
}

/* A call in an expression is prepared. */
static void
check_call(ObjectAccessType access, Oid class, Oid object, int sub_id, void *arg)
{
	if (access == OAT_FUNCTION_EXECUTE && (mlops_guc_checked_reach & ML_REACH_HARMLESS))
		mlreg_require_harmless(object);
	if (next_object_access)
		next_object_access(access, class, object, sub_id, arg);
}

void
mlreg_check_statements(void)
{
	next_planner = planner_hook;
	planner_hook = check_then_plan;
	next_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = check_then_look_up;
	next_object_access = object_access_hook;
	object_access_hook = check_call;
}
