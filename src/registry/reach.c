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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_cast.h"
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
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/registry.h"
#include "registry/functions.h"

/* One check.  Lists live in the current memory context. */
typedef struct Reach
{
	Oid			user;			/* with whose rights all of it runs */
	Oid			catalog_owner;	/* InvalidOid: mlops is not installed (any more) */
	bool		relations;		/* whose tables and types they are counts as well */
	bool		harmless;		/* functions that may change something are refused */
	Oid			text_of;		/* view, or table with policies, of a role that user does not trust, whose
								 * text this is part of; InvalidOid: none */
	Oid			recorder;		/* untrusted role whose text the recorded query is; InvalidOid: none */
	bool		in_rule;		/* in a view or policy, whose names were looked up when it was made */
	List	   *authors;		/* recorder, and untrusted owners of the views and policies this is in */
	List	   *trusted;		/* roles that user trusts */
	List	   *seen_types;
	List	   *seen_relations;
} Reach;

static planner_hook_type next_planner;
static needs_fmgr_hook_type next_needs_fmgr;
static object_access_hook_type next_object_access;

static bool walk(Node *node, Reach *reach);

static bool
is_trusted(const Reach *reach, Oid owner)
{
	return owner == reach->user || owner == reach->catalog_owner || superuser_arg(owner) ||
		list_member_oid(reach->trusted, owner);
}

static void
refuse(const Reach *reach, Oid class, Oid object, Oid owner, const char *detail)
{
	ObjectAddress address;

	ObjectAddressSet(address, class, object);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s belongs to role \"%s\", which role \"%s\" does not trust",
					getObjectDescription(&address, false), GetUserNameFromId(owner, false),
					GetUserNameFromId(reach->user, false)),
			 errdetail_internal("%s", detail),
			 errhint("If whatever role \"%s\" does may run with your rights, say so as role \"%s\": SELECT * FROM mlops.trust(%s);",
					 GetUserNameFromId(owner, false), GetUserNameFromId(reach->user, false),
					 quote_literal_cstr(GetUserNameFromId(owner, false)))));
}

static void
require_trust(const Reach *reach, Oid class, Oid object, Oid owner)
{
	if (!is_trusted(reach, owner))
		refuse(reach, class, object, owner, reach->relations
			   ? _("What runs by itself reads and runs only what belongs to the role it runs as, to a superuser, "
				   "or to a role that this one trusts.")
			   : _("A recorded query runs no code but that of who asks, of superusers, and of roles that he trusts."));
}

static Oid
owner_of_relation(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Is what is walked the text of a role that is not trusted? */
static bool
is_text_of_other(const Reach *reach)
{
	return reach->authors != NIL;
}

/* The text that is walked belongs to another role, and would use the asker's rights. */
static void
refuse_text(const Reach *reach, const char *detail)
{
	const char *recorder;

	if (OidIsValid(reach->text_of))
		refuse(reach, RelationRelationId, reach->text_of, owner_of_relation(reach->text_of), detail);
	recorder = GetUserNameFromId(reach->recorder, false);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the query was recorded by role \"%s\", which role \"%s\" does not trust", recorder,
					GetUserNameFromId(reach->user, false)),
			 errdetail_internal("%s", detail),
			 errhint("If whatever role \"%s\" does may run with your rights, say so as role \"%s\": SELECT * FROM mlops.trust(%s);",
					 recorder, GetUserNameFromId(reach->user, false), quote_literal_cstr(recorder))));
}

/* ---------------------------------------------------------------- code */

/*
 * May it ask for the name of who asks?  Policies are there to, about who reads
 * a table of their owner; but not for somebody else who chose what is read.
 */
static bool
may_ask_who(const Reach *reach)
{
	return OidIsValid(reach->text_of) && get_rel_relkind(reach->text_of) != RELKIND_VIEW &&
		(!OidIsValid(reach->recorder) || reach->recorder == owner_of_relation(reach->text_of));
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
	if (is_text_of_other(reach) && answers_by_asker(reach, function))
		refuse_text(reach, psprintf(_("It calls function %s, whose answer may depend on who asks, on what that role may see, or on its session."),
									format_procedure(function)));
}

static void
visit_function(Reach *reach, Oid function)
{
	HeapTuple	tuple;
	Oid			owner;
	bool		is_aggregate;

	if (function < FirstNormalObjectId && !reach->harmless && !is_text_of_other(reach))
		return;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return;					/* what is gone does not run */
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	is_aggregate = ((Form_pg_proc) GETSTRUCT(tuple))->prokind == PROKIND_AGGREGATE;
	ReleaseSysCache(tuple);
	if (function >= FirstNormalObjectId)
		require_trust(reach, ProcedureRelationId, function, owner);
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
			refuse_text(reach, psprintf(_("It calls function %s of schema \"%s\", which role \"%s\" may not use."),
										get_func_name(function), get_namespace_name(schema), GetUserNameFromId(lfirst_oid(lc), false)));
		if (!mlcompat_may_execute(function, lfirst_oid(lc)))
			refuse_text(reach, psprintf(_("It calls function %s, which role \"%s\" may not execute."),
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

	if (!is_text_of_other(reach) || call->funcid < FirstNormalObjectId ||
		strcmp(get_func_name(call->funcid), "score_version") != 0 ||
		get_func_namespace(call->funcid) != get_namespace_oid("mlops", true))
		return;
	name = (Const *) linitial(call->args);
	if (!IsA(name, Const) || name->constisnull)
		refuse_text(reach, _("It scores with a model that is not named by a constant."));
	if (!mlcat_model_by_name(TextDatumGetCString(name->constvalue), &model))
		return;					/* an error when it is called */
	foreach(lc, reach->authors)
	{
		if (!mlreg_may(lfirst_oid(lc), &model, ML_TO_SCORE))
			refuse_text(reach, psprintf(_("It scores with model \"%s\", which role \"%s\" may not."),
										TextDatumGetCString(name->constvalue), GetUserNameFromId(lfirst_oid(lc), false)));
	}
}

static bool
visit_function_of_node(Oid function, void *reach)
{
	visit_function((Reach *) reach, function);
	require_execute((Reach *) reach, function);
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

/*
 * A column of the domain is often only read.  So a function in a check that an
 * owner one trusts did not mark as harmless is refused when it is called.
 */
static void
visit_domain_checks(Reach *reach, Oid domain, Oid owner)
{
	Relation	relation = table_open(ConstraintRelationId, AccessShareLock);
	bool		harmless = reach->harmless;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	reach->harmless = harmless && !is_trusted(reach, owner);

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
	reach->harmless = harmless;
}

static void visit_type(Reach *reach, Oid type);

/* Columns of a composite type or of a table's rows: reading one reads them. */
static void
visit_attributes(Reach *reach, Oid relation)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(get_rel_type_id(relation), -1);

	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			visit_type(reach, TupleDescAttr(desc, i)->atttypid);
	}
	FreeTupleDesc(desc);
}

/* The function of the cast that to_json and its like would use. */
static void
visit_cast_to_json(Reach *reach, Oid type)
{
	HeapTuple	tuple = SearchSysCache2(CASTSOURCETARGET, ObjectIdGetDatum(type), ObjectIdGetDatum(JSONOID));

	if (HeapTupleIsValid(tuple))
	{
		Oid			function = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc;

		ReleaseSysCache(tuple);
		visit_function(reach, function);
	}
}

/* Whatever reading or writing a value of the type may run. */
static void
visit_type(Reach *reach, Oid type)
{
	HeapTuple	tuple;
	FormData_pg_type form;

	if (is_text_of_other(reach) && mlreg_is_looked_up(type))
		refuse_text(reach, psprintf(_("It has values of type %s, whose names depend on the schemas that the role that asks may use."),
									format_type_be(type)));
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
	check_stack_depth();
	visit_cast_to_json(reach, type);
	visit_type(reach, form.typelem);
	if (form.typtype == TYPTYPE_DOMAIN)
	{
		visit_type(reach, form.typbasetype);
		visit_domain_checks(reach, type, form.typowner);
	}
	else if (form.typtype == TYPTYPE_COMPOSITE)
		visit_attributes(reach, form.typrelid);
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

/*
 * Expressions that belong to a relation; those of writing it too if it is
 * written.  Of the former the planner evaluates none that is VOLATILE.
 */
static void
visit_own_expressions(Reach *reach, Relation relation, bool written)
{
	TupleConstr *constr = RelationGetDescr(relation)->constr;
	bool		harmless = reach->harmless;
	Oid			text_of = reach->text_of;
	Oid			recorder = reach->recorder;
	List	   *authors = reach->authors;

	reach->harmless = false;
	reach->text_of = reach->recorder = InvalidOid;
	reach->authors = NIL;
	visit_indexes(reach, relation);
	for (int i = 0; constr && i < constr->num_check; i++)
		visit_stored(reach, constr->check[i].ccbin);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		walk((Node *) RelationGetPartitionKey(relation)->partexprs, reach);
	reach->harmless = harmless;
	reach->text_of = text_of;
	reach->recorder = recorder;
	reach->authors = authors;
	if (!written)
		return;
	for (int i = 0; constr && i < constr->num_defval; i++)
		visit_stored(reach, constr->defval[i].adbin);
	for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++)
		visit_function(reach, relation->trigdesc->triggers[i].tgfoid);
}

/*
 * A foreign table is code: its owner says what is run over there, and the owner
 * of the server where that is and as whom, perhaps here as a superuser.
 */
static void
visit_foreign_table(const Reach *reach, Relation relation)
{
	ForeignServer *server = GetForeignServer(GetForeignTable(RelationGetRelid(relation))->serverid);

	require_trust(reach, RelationRelationId, RelationGetRelid(relation), relation->rd_rel->relowner);
	require_trust(reach, ForeignServerRelationId, server->serverid, server->owner);
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
	if (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		visit_foreign_table(reach, relation);
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

/* May the role read what the query reads of a table?  If not, columns that it may not. */
static bool
may_read(Oid relation, const MlRelationAccess *access, Oid role, char **columns)
{
	*columns = "";
	if (pg_class_aclcheck(relation, role, ACL_SELECT) == ACLCHECK_OK)
		return true;
	*columns = unreadable_columns(relation, role, access->selected);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, access->selected))
		return pg_attribute_aclcheck_all(relation, role, ACL_SELECT, ACLMASK_ALL) == ACLCHECK_OK;
	if (bms_is_empty(access->selected)) /* SELECT count(*): any column will do */
		return pg_attribute_aclcheck_all(relation, role, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
	return (*columns)[0] == '\0';
}

/*
 * What is read with the rights of who asks, by a text that another role
 * recorded: that role must be able to read it, and all rows of it.  Row security
 * that holds for it may let through more for who asks.
 */
static void
require_recorder_reads_all(const Reach *reach, const RangeTblEntry *entry, const MlRelationAccess *access)
{
	char	   *columns;
	Oid			schema = get_rel_namespace(entry->relid);

	if (!reach->in_rule && !mlcompat_may_use_schema(schema, reach->recorder))
		refuse_text(reach, psprintf(_("It reads table \"%s\" of schema \"%s\", which that role may not use."),
									get_rel_name(entry->relid), get_namespace_name(schema)));
	if (!may_read(entry->relid, access, reach->recorder, &columns))
		refuse_text(reach, psprintf(_("It reads table \"%s\", which that role may not read itself."), get_rel_name(entry->relid)));
	if (check_enable_rls(entry->relid, reach->recorder, true) == RLS_ENABLED)
		refuse_text(reach, psprintf(_("It reads table \"%s\" with the rights of the role that asks, and row security may hide rows "
									  "of it from the role that recorded the query."), get_rel_name(entry->relid)));
}

/*
 * The executor would refuse it too, but with a word that leaves open whose
 * rights are asked for.  Who recorded the text must be able to read it himself:
 * he chose what it reads, and by names and search_path perhaps only just now.
 */
static void
require_select(const Reach *reach, const Query *query, const RangeTblEntry *entry)
{
	MlRelationAccess access;
	char	   *columns;
	char	   *name;

	if (!mlcompat_relation_access(query, entry, &access) || !(access.required & ACL_SELECT) ||
		(OidIsValid(access.user) && access.user != reach->user))
		return;
	if (OidIsValid(reach->recorder) && !OidIsValid(access.user))
		require_recorder_reads_all(reach, entry, &access);
	if (may_read(entry->relid, &access, reach->user, &columns))
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

/*
 * A security_invoker view, and a subquery of a policy, read with the rights of
 * who asks what their owner chose, perhaps only just now.
 */
static void
require_owners_rights(const Reach *reach, const Query *query, const RangeTblEntry *entry)
{
	MlRelationAccess access;
	ObjectAddress address;

	if (!OidIsValid(reach->text_of) || !mlcompat_relation_access(query, entry, &access) ||
		!(access.required & ACL_SELECT) || OidIsValid(access.user))
		return;
	ObjectAddressSet(address, RelationRelationId, entry->relid);
	refuse_text(reach, psprintf(_("It reads %s with the rights of the role that asks, not of its owner."),
								getObjectDescription(&address, false)));
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

/* What is walked now belongs to the owner of a view or of a table with policies. */
static void
begin_text_of(Reach *reach, Oid relation)
{
	Oid			owner = owner_of_relation(relation);

	if (is_trusted(reach, owner))
		return;
	if (!OidIsValid(reach->text_of))
		reach->text_of = relation;
	reach->authors = list_append_unique_oid(list_copy(reach->authors), owner);
	reach->seen_types = NIL;	/* what others may do in a domain's check, this one may not */
}

/*
 * What belongs to an entry: a view's query, a table's policies.  That is the
 * text of its owner, and so is all that it leads to, whosever view that is.
 */
static void
walk_entry(Reach *reach, const Query *query, RangeTblEntry *entry)
{
	const RangeTblEntry *view = mlcompat_entry_of_view(entry);
	const RangeTblEntry *relation = view ? view : entry;
	Oid			text_of = reach->text_of;
	List	   *authors = reach->authors;
	List	   *seen_types = reach->seen_types;
	bool		in_rule = reach->in_rule;

	/* a view as a relation is that whose query this is: its place was looked at */
	if (view || (entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_VIEW))
	{
		require_owners_rights(reach, query, relation);
		if (view || entry->securityQuals)
		{
			begin_text_of(reach, relation->relid);
			reach->in_rule = true;
		}
	}
	range_table_entry_walker(entry, walk, reach, QTW_EXAMINE_SORTGROUP);
	reach->text_of = text_of;
	reach->authors = authors;
	reach->seen_types = seen_types;
	reach->in_rule = in_rule;
}

static bool
walk_query(Query *query, Reach *reach)
{
	int			position = 0;
	ListCell   *lc;

	foreach(lc, query->rtable)
		visit_entry(reach, query, lfirst_node(RangeTblEntry, lc), ++position == query->resultRelation);
	foreach(lc, query->rtable)
		walk_entry(reach, query, lfirst_node(RangeTblEntry, lc));
	return query_tree_walker(query, walk, reach, QTW_EXAMINE_SORTGROUP | QTW_IGNORE_RANGE_TABLE);
}

/* Of a column definition list, or of XMLTABLE. */
static void
visit_types(Reach *reach, const List *types)
{
	ListCell   *lc;

	foreach(lc, types)
		visit_type(reach, lfirst_oid(lc));
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
		case T_NullIfExpr:
		case T_DistinctExpr:
		case T_XmlExpr:
		case T_FieldStore:
		case T_SetToDefault:
		case T_CoerceToDomainValue:
#if PG_VERSION_NUM >= 160000
		case T_JsonConstructorExpr:
#endif
#if PG_VERSION_NUM >= 170000
		case T_JsonExpr:
#endif
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
			if (is_text_of_other(reach) && !may_ask_who(reach))
				refuse_text(reach, _("It asks for the name of the role that asks."));
			break;
		case SVFOP_CURRENT_SCHEMA:
			if (is_text_of_other(reach))
				refuse_text(reach, _("It asks which schemas the role that asks may use."));
			break;
		default:
			break;
	}
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
	if (IsA(node, SQLValueFunction))
		visit_value_function(reach, (SQLValueFunction *) node);
	else if (IsA(node, FuncExpr))
	{
		mlreg_refuse_call_for_any_type(((FuncExpr *) node)->funcid);
		require_model(reach, (FuncExpr *) node);
	}
	else if (IsA(node, RangeTblFunction))
		visit_types(reach, ((RangeTblFunction *) node)->funccoltypes);
	else if (IsA(node, TableFunc))
		visit_types(reach, ((TableFunc *) node)->coltypes);
	check_functions_in_node(node, visit_function_of_node, reach);
	visit_node_type(reach, node);
	return expression_tree_walker(node, walk, reach);
}

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
	if (reach->harmless && !is_trusted(reach, recorder))
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
			require_trust(&reach, ProcedureRelationId, function, owner);
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
