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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/registry.h"

/* One check.  Lists live in the current memory context. */
typedef struct Reach
{
	Oid			user;			/* with whose rights all of it runs */
	Oid			catalog_owner;	/* InvalidOid: mlops is not installed (any more) */
	bool		relations;		/* whose tables and types they are counts as well */
	List	   *trusted;		/* roles that user trusts */
	List	   *seen_types;
	List	   *seen_relations;
} Reach;

static planner_hook_type next_planner;

static bool walk(Node *node, Reach *reach);

static void
require_trust(Reach *reach, Oid class, Oid object, Oid owner)
{
	ObjectAddress address;

	if (owner == reach->user || owner == reach->catalog_owner || superuser_arg(owner) ||
		list_member_oid(reach->trusted, owner))
		return;
	ObjectAddressSet(address, class, object);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s belongs to role \"%s\", which role \"%s\" does not trust",
					getObjectDescription(&address, false), GetUserNameFromId(owner, false),
					GetUserNameFromId(reach->user, false)),
			 reach->relations
			 ? errdetail("What runs by itself reads and runs only what belongs to the role it runs as, to a superuser, "
						 "or to a role that this one trusts.")
			 : errdetail("A recorded query runs no code but that of who asks, of superusers, and of roles that he trusts."),
			 errhint("If whatever role \"%s\" does may run with your rights, say so as role \"%s\": SELECT * FROM mlops.trust(%s);",
					 GetUserNameFromId(owner, false), GetUserNameFromId(reach->user, false),
					 quote_literal_cstr(GetUserNameFromId(owner, false)))));
}

/* ---------------------------------------------------------------- code */

static void
visit_function(Reach *reach, Oid function)
{
	HeapTuple	tuple;
	Oid			owner;
	bool		is_aggregate;

	if (function < FirstNormalObjectId)
		return;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return;					/* what is gone does not run */
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	is_aggregate = ((Form_pg_proc) GETSTRUCT(tuple))->prokind == PROKIND_AGGREGATE;
	ReleaseSysCache(tuple);
	require_trust(reach, ProcedureRelationId, function, owner);
	if (!is_aggregate)
		return;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (HeapTupleIsValid(tuple))
	{
		FormData_pg_aggregate form = *(Form_pg_aggregate) GETSTRUCT(tuple);

		ReleaseSysCache(tuple);
		visit_function(reach, form.aggtransfn);
		visit_function(reach, form.aggfinalfn);
		visit_function(reach, form.aggcombinefn);
		visit_function(reach, form.aggserialfn);
		visit_function(reach, form.aggdeserialfn);
		visit_function(reach, form.aggmtransfn);
		visit_function(reach, form.aggminvtransfn);
		visit_function(reach, form.aggmfinalfn);
	}
}

static bool
visit_function_of_node(Oid function, void *reach)
{
	visit_function((Reach *) reach, function);
	return false;
}

/* An expression as the system catalog stores it. */
static void
visit_stored(Reach *reach, const char *text)
{
	walk((Node *) stringToNode(text), reach);
}

/* A column of type pg_node_tree. */
static void
visit_stored_column(Reach *reach, int cache, HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(cache, tuple, column, &isnull);

	if (!isnull)
		visit_stored(reach, TextDatumGetCString(value));
}

static void
visit_domain_checks(Reach *reach, Oid domain)
{
	Relation	relation = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(domain));
	scan = systable_beginscan(relation, ConstraintTypidIndexId, true, NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_constraint_conbin, RelationGetDescr(relation), &isnull);

		if (!isnull)
			visit_stored(reach, TextDatumGetCString(value));
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

static void
visit_type(Reach *reach, Oid type)
{
	HeapTuple	tuple;
	FormData_pg_type form;

	if (type < FirstNormalObjectId || list_member_oid(reach->seen_types, type))
		return;
	reach->seen_types = lappend_oid(reach->seen_types, type);
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return;
	memcpy(&form, GETSTRUCT(tuple), sizeof(form));
	ReleaseSysCache(tuple);
	if (reach->relations)
		require_trust(reach, TypeRelationId, type, form.typowner);
	visit_type(reach, form.typelem);
	if (form.typtype == TYPTYPE_DOMAIN)
	{
		visit_type(reach, form.typbasetype);
		visit_domain_checks(reach, type);
	}
	else if (form.typtype == TYPTYPE_MULTIRANGE)
		visit_type(reach, get_multirange_range(type));
	else if (form.typtype == TYPTYPE_RANGE &&
			 HeapTupleIsValid(tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(type))))
	{
		FormData_pg_range range = *(Form_pg_range) GETSTRUCT(tuple);

		ReleaseSysCache(tuple);
		visit_type(reach, range.rngsubtype);
		visit_function(reach, range.rngcanonical);
		visit_function(reach, range.rngsubdiff);
	}
}

/* ---------------------------------------------------------------- relations */

static void
visit_indexes(Reach *reach, Relation relation)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		visit_stored_column(reach, INDEXRELID, tuple, Anum_pg_index_indexprs);
		visit_stored_column(reach, INDEXRELID, tuple, Anum_pg_index_indpred);
		ReleaseSysCache(tuple);
	}
	foreach(lc, RelationGetStatExtList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		visit_stored_column(reach, STATEXTOID, tuple, Anum_pg_statistic_ext_stxexprs);
		ReleaseSysCache(tuple);
	}
}

/* Expressions that belong to a relation; those of writing it too if it is written. */
static void
visit_own_expressions(Reach *reach, Relation relation, bool written)
{
	TupleConstr *constr = RelationGetDescr(relation)->constr;

	visit_indexes(reach, relation);
	for (int i = 0; constr && i < constr->num_check; i++)
		visit_stored(reach, constr->check[i].ccbin);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		walk((Node *) RelationGetPartitionKey(relation)->partexprs, reach);
	if (!written)
		return;
	for (int i = 0; constr && i < constr->num_defval; i++)
		visit_stored(reach, constr->defval[i].adbin);
	for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++)
		visit_function(reach, relation->trigdesc->triggers[i].tgfoid);
}

static void
visit_relation(Reach *reach, Oid oid, bool with_children, bool written)
{
	Relation	relation;

	if (oid < FirstNormalObjectId || (!written && list_member_oid(reach->seen_relations, oid)))
		return;
	reach->seen_relations = list_append_unique_oid(reach->seen_relations, oid);
	relation = relation_open(oid, AccessShareLock);
	if (reach->relations)
		require_trust(reach, RelationRelationId, oid, relation->rd_rel->relowner);
	if (reach->relations && relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
	{
		ForeignServer *server = GetForeignServer(GetForeignTable(oid)->serverid);

		require_trust(reach, ForeignServerRelationId, server->serverid, server->owner);
	}
	visit_own_expressions(reach, relation, written);
	relation_close(relation, NoLock);
	if (with_children && has_subclass(oid))
	{
		ListCell   *lc;

		foreach(lc, find_all_inheritors(oid, AccessShareLock, NULL))
			visit_relation(reach, lfirst_oid(lc), false, written);
	}
}

/* ---------------------------------------------------------------- the query */

/* Names of the columns that the user may not read, of those that are read. */
static char *
unreadable_columns(Oid relation, Oid user, Bitmapset *columns)
{
	StringInfoData names;
	int			column = -1;

	initStringInfo(&names);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	number = column + FirstLowInvalidHeapAttributeNumber;

		if (number != InvalidAttrNumber &&
			pg_attribute_aclcheck(relation, number, user, ACL_SELECT) != ACLCHECK_OK)
			appendStringInfo(&names, "%s\"%s\"", names.len ? ", " : "", get_attname(relation, number, false));
	}
	return names.data;
}

/*
 * The executor would refuse it too, but with a word that leaves open whose
 * rights are asked for.
 */
static void
require_select(const Reach *reach, const Query *query, const RangeTblEntry *entry)
{
	MlRelationAccess access;
	char	   *columns;
	char	   *name;
	bool		readable;

	if (!mlcompat_relation_access(query, entry, &access) || !(access.required & ACL_SELECT) ||
		(OidIsValid(access.user) && access.user != reach->user) ||
		pg_class_aclcheck(entry->relid, reach->user, ACL_SELECT) == ACLCHECK_OK)
		return;
	columns = unreadable_columns(entry->relid, reach->user, access.selected);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, access.selected))
		readable = pg_attribute_aclcheck_all(entry->relid, reach->user, ACL_SELECT, ACLMASK_ALL) == ACLCHECK_OK;
	else if (bms_is_empty(access.selected)) /* SELECT count(*): any column will do */
		readable = pg_attribute_aclcheck_all(entry->relid, reach->user, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
	else
		readable = columns[0] == '\0';
	if (readable)
		return;
	name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(entry->relid)),
									  get_rel_name(entry->relid));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for %s %s", get_rel_relkind(entry->relid) == RELKIND_VIEW ? "view" : "table",
					get_rel_name(entry->relid)),
			 columns[0]
			 ? errdetail("What was recorded is read with the rights of who asks, and role \"%s\" may not read %s.",
						 GetUserNameFromId(reach->user, false), columns)
			 : errdetail("What was recorded is read with the rights of who asks, and role \"%s\" may not read the table.",
						 GetUserNameFromId(reach->user, false)),
			 errhint("Its owner can run GRANT SELECT ON %s TO %s.", name,
					 quote_identifier(GetUserNameFromId(reach->user, false)))));
}

static void
visit_entry(Reach *reach, const Query *query, const RangeTblEntry *entry, bool written)
{
	if (!OidIsValid(entry->relid))
		return;
	if (entry->rtekind == RTE_RELATION)
		require_select(reach, query, entry);
	visit_relation(reach, entry->relid, entry->rtekind == RTE_RELATION && entry->inh, written);
}

static bool
walk_query(Query *query, Reach *reach)
{
	int			position = 0;
	ListCell   *lc;

	foreach(lc, query->rtable)
		visit_entry(reach, query, lfirst_node(RangeTblEntry, lc), ++position == query->resultRelation);
	return query_tree_walker(query, walk, reach, QTW_EXAMINE_SORTGROUP);
}

static void
visit_node_type(Reach *reach, Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_Aggref:
		case T_WindowFunc:
		case T_FuncExpr:
		case T_OpExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
		case T_FieldSelect:
		case T_RowExpr:
		case T_ArrayExpr:
		case T_CaseExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_SubscriptingRef:
			visit_type(reach, exprType(node));
			break;
		default:
			break;
	}
}

static void
visit_operator(Reach *reach, Oid operator)
{
	if (operator >= FirstNormalObjectId)
		visit_function(reach, get_opcode(operator));
}

static bool
walk(Node *node, Reach *reach)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return walk_query((Query *) node, reach);
	if (IsA(node, SortGroupClause))
	{
		visit_operator(reach, ((SortGroupClause *) node)->eqop);
		visit_operator(reach, ((SortGroupClause *) node)->sortop);
		return false;
	}
	if (IsA(node, WindowClause))
	{
		visit_function(reach, ((WindowClause *) node)->startInRangeFunc);
		visit_function(reach, ((WindowClause *) node)->endInRangeFunc);
	}
	visit_node_type(reach, node);
	check_functions_in_node(node, visit_function_of_node, reach);
	return expression_tree_walker(node, walk, reach);
}

void
mlreg_check_reach(Node *node)
{
	Reach		reach = {0};

	if (mlops_guc_checked_reach == ML_REACH_ANYTHING || node == NULL)
		return;
	check_stack_depth();
	reach.user = GetUserId();
	reach.relations = mlops_guc_checked_reach == ML_REACH_TRUSTED;
	if (OidIsValid(get_namespace_oid("mlops_catalog", true)))
	{
		reach.catalog_owner = mlcat_owner();
		reach.trusted = mlcat_trusted(reach.user);
	}
	walk(node, &reach);
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

void
mlreg_check_plans(void)
{
	next_planner = planner_hook;
	planner_hook = check_then_plan;
}
