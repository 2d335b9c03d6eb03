/*-------------------------------------------------------------------------
 * relation.c
 *	  A feature view as a relation: an ordinary view that selects from
 *	  mlops.feature_rows, whose arguments say all that it is.  So PostgreSQL keeps, dumps,
 *	  renames, grants and drops it, and knows that it needs its source.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "rewrite/rewriteSupport.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "mlops/features.h"

/* Is it mlops.feature_rows, by the extension's own schema? */
static bool
is_feature_rows(Oid function)
{
	char	   *name = get_func_name(function);
	char	   *schema = get_namespace_name(get_func_namespace(function));

	return name && schema && strcmp(name, "feature_rows") == 0 && strcmp(schema, "mlops") == 0;
}

/* The call that a view selects from and nothing else; NULL: there is none. */
static FuncExpr *
find_call(Query *query)
{
	RangeTblFunction *function;
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind != RTE_FUNCTION || list_length(entry->functions) != 1)
			continue;
		function = linitial_node(RangeTblFunction, entry->functions);
		if (IsA(function->funcexpr, FuncExpr) && is_feature_rows(((FuncExpr *) function->funcexpr)->funcid))
			return (FuncExpr *) function->funcexpr;
	}
	return NULL;
}

/* An argument of the call; NULL for NULL, and what is no constant. */
static Const *
argument(const FuncExpr *call, int i)
{
	Node	   *node = list_length(call->args) > i ? (Node *) list_nth(call->args, i) : NULL;

	return node && IsA(node, Const) && !((Const *) node)->constisnull ? (Const *) node : NULL;
}

static const char *
name_argument(const FuncExpr *call, int i)
{
	Const	   *value = argument(call, i);

	return value ? pstrdup(NameStr(*DatumGetName(value->constvalue))) : NULL;
}

bool
mlfeat_request_of(Oid relation, MlFeatureRequest *request)
{
	Relation	view = try_relation_open(relation, AccessShareLock);
	FuncExpr   *call;

	memset(request, 0, sizeof(*request));
	if (view == NULL)
		return false;
	call = view->rd_rel->relkind == RELKIND_VIEW ? find_call(get_view_query(view)) : NULL;
	if (call && argument(call, 0) && argument(call, 3))
	{
		request->source = DatumGetObjectId(argument(call, 0)->constvalue);
		request->key = name_argument(call, 1);
		request->time_column = name_argument(call, 2);
		request->features = DatumGetJsonbPCopy(argument(call, 3)->constvalue);
		request->known_column = name_argument(call, 4);
	}
	relation_close(view, AccessShareLock);
	return request->key && request->time_column;
}

void
mlfeat_require_view(FunctionCallInfo fcinfo, int i, const char *argument, MlFeatureRequest *request)
{
	char	   *name;

	mlbase_refuse_null(fcinfo, i, argument);
	if (mlfeat_request_of(PG_GETARG_OID(i), request))
		return;
	name = get_rel_name(PG_GETARG_OID(i));
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("%s is not a feature view", name ? psprintf("\"%s\"", name) : psprintf("relation with OID %u, which does not exist,", PG_GETARG_OID(i))),
			 errhint("mlops.feature_views lists those that there are; mlops.create_feature_view makes one.")));
}
