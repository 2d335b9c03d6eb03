/*-------------------------------------------------------------------------
 * reach_query.c
 *	  The walk over a checked statement, and with whose rights it reads.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "mlops/compat.h"
#include "registry/reach.h"

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
		mlreg_refuse_text(reach, psprintf(_("It reads table \"%s\" of schema \"%s\", which that role may not use."),
										  get_rel_name(entry->relid), get_namespace_name(schema)));
	if (!may_read(entry->relid, access, reach->recorder, &columns))
		mlreg_refuse_text(reach, psprintf(_("It reads table \"%s\", which that role may not read itself."), get_rel_name(entry->relid)));
	if (check_enable_rls(entry->relid, reach->recorder, true) == RLS_ENABLED)
		mlreg_refuse_text(reach, psprintf(_("It reads table \"%s\" with the rights of the role that asks, and row security may hide rows "
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
	mlreg_refuse_text(reach, psprintf(_("It reads %s with the rights of the role that asks, not of its owner."),
									  getObjectDescription(&address, false)));
}

static void
visit_entry(Reach *reach, const Query *query, const RangeTblEntry *entry, bool written)
{
	if (!OidIsValid(entry->relid))
		return;
	if (entry->rtekind == RTE_RELATION)
		require_select(reach, query, entry);
	mlreg_visit_relation(reach, entry->relid, entry->rtekind == RTE_RELATION && entry->inh, written);
}

/* What is walked now belongs to the owner of a view or of a table with policies. */
static void
begin_text_of(Reach *reach, Oid relation)
{
	Oid			owner = mlreg_owner_of_relation(relation);

	if (mlreg_is_trusted(reach, owner))
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
	range_table_entry_walker(entry, mlreg_walk, reach, QTW_EXAMINE_SORTGROUP);
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
	return query_tree_walker(query, mlreg_walk, reach, QTW_EXAMINE_SORTGROUP | QTW_IGNORE_RANGE_TABLE);
}

bool
mlreg_walk(Node *node, Reach *reach)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return walk_query((Query *) node, reach);
	mlreg_visit_calls(reach, node);
	mlreg_visit_types(reach, node);
	return expression_tree_walker(node, mlreg_walk, reach);
}
