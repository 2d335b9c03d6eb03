/*-------------------------------------------------------------------------
 * reach_relations.c
 *	  What belongs to the relations of a checked statement.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic_ext.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "registry/reach.h"

/* An expression as the system catalog stores it. */
void
mlreg_visit_stored(Reach *reach, const char *text)
{
	mlreg_walk((Node *) stringToNode(text), reach);
}

/* A column of type pg_node_tree. */
static void
visit_stored_column(Reach *reach, int cache, HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(cache, tuple, column, &isnull);

	if (!isnull)
		mlreg_visit_stored(reach, TextDatumGetCString(value));
}

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
		mlreg_visit_stored(reach, constr->check[i].ccbin);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		mlreg_walk((Node *) RelationGetPartitionKey(relation)->partexprs, reach);
	reach->harmless = harmless;
	reach->text_of = text_of;
	reach->recorder = recorder;
	reach->authors = authors;
	if (!written)
		return;
	for (int i = 0; constr && i < constr->num_defval; i++)
		mlreg_visit_stored(reach, constr->defval[i].adbin);
	for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++)
		mlreg_visit_function(reach, relation->trigdesc->triggers[i].tgfoid);
}

/*
 * A foreign table is code: its owner says what is run over there, and the owner
 * of the server where that is and as whom, perhaps here as a superuser.
 */
static void
visit_foreign_table(const Reach *reach, Relation relation)
{
	ForeignServer *server = GetForeignServer(GetForeignTable(RelationGetRelid(relation))->serverid);

	mlreg_require_trust(reach, RelationRelationId, RelationGetRelid(relation), relation->rd_rel->relowner);
	mlreg_require_trust(reach, ForeignServerRelationId, server->serverid, server->owner);
}

void
mlreg_visit_relation(Reach *reach, Oid oid, bool with_children, bool written)
{
	Relation	relation;

	if (oid < FirstNormalObjectId || (!written && list_member_oid(reach->seen_relations, oid)))
		return;
	reach->seen_relations = list_append_unique_oid(reach->seen_relations, oid);
	relation = relation_open(oid, AccessShareLock);
	if (reach->relations)
		mlreg_require_trust(reach, RelationRelationId, oid, relation->rd_rel->relowner);
	if (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		visit_foreign_table(reach, relation);
	visit_own_expressions(reach, relation, written);
	relation_close(relation, NoLock);
	if (with_children && has_subclass(oid))
	{
		ListCell   *lc;

		foreach(lc, find_all_inheritors(oid, AccessShareLock, NULL))
			mlreg_visit_relation(reach, lfirst_oid(lc), false, written);
	}
}
