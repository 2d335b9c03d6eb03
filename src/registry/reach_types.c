/*-------------------------------------------------------------------------
 * reach_types.c
 *	  What reading and writing the values of a checked statement runs.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "registry/functions.h"
#include "registry/reach.h"

static void visit_type(Reach *reach, Oid type);

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

	reach->harmless = harmless && !mlreg_is_trusted(reach, owner);

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(domain));
	scan = systable_beginscan(relation, ConstraintTypidIndexId, true, NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_constraint_conbin, RelationGetDescr(relation), &isnull);

		if (!isnull)
			mlreg_visit_stored(reach, TextDatumGetCString(value));
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	reach->harmless = harmless;
}

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
		mlreg_visit_function(reach, function);
	}
}

/* Whatever reading or writing a value of the type may run. */
static void
visit_type(Reach *reach, Oid type)
{
	HeapTuple	tuple;
	FormData_pg_type form;

	if (mlreg_is_text_of_other(reach) && mlreg_is_looked_up(type))
		mlreg_refuse_text(reach, psprintf(_("It has values of type %s, whose names depend on the schemas that the role that asks may use."),
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
		mlreg_require_trust(reach, TypeRelationId, type, form.typowner);
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
		mlreg_visit_function(reach, range.rngcanonical);
		mlreg_visit_function(reach, range.rngsubdiff);
	}
}

/* Of a column definition list, or of XMLTABLE. */
static void
visit_listed(Reach *reach, const List *types)
{
	ListCell   *lc;

	foreach(lc, types)
		visit_type(reach, lfirst_oid(lc));
}

/* The types of whatever a node itself holds. */
void
mlreg_visit_types(Reach *reach, Node *node)
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
		case T_RangeTblFunction:
			visit_listed(reach, ((RangeTblFunction *) node)->funccoltypes);
			break;
		case T_TableFunc:
			visit_listed(reach, ((TableFunc *) node)->coltypes);
			break;
		default:
			break;
	}
}
