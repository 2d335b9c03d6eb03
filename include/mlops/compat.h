/*
 * compat.h
 *	  What PostgreSQL 15 to 18 spell differently.
 */
#ifndef MLOPS_COMPAT_H
#define MLOPS_COMPAT_H

#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/tuplesort.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/procnumber.h"
#else
#include "storage/backendid.h"
#endif

/* 18 has pg_noreturn, which stands before a declaration. */
#ifndef pg_attribute_noreturn
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/* This backend's number, 0 .. MaxBackends - 1; -1: it has none (yet). */
static inline int
mlcompat_backend_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber == INVALID_PROC_NUMBER ? -1 : MyProcNumber;
#else
	return MyBackendId == InvalidBackendId ? -1 : MyBackendId - 1;
#endif
}

/* Where this process is in ProcGlobal->allProcs. */
static inline int
mlcompat_proc_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/* Does this process hold a lock, in just this mode? */
static inline bool
mlcompat_lock_held(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 180000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* Runs a query to its end, forward. */
static inline void
mlcompat_executor_run(QueryDesc *desc)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(desc, ForwardScanDirection, 0);
#else
	ExecutorRun(desc, ForwardScanDirection, 0, true);
#endif
}

/* Runs a portal to its end, as a top-level statement. */
static inline void
mlcompat_portal_run(Portal portal, DestReceiver *receiver, QueryCompletion *completion)
{
#if PG_VERSION_NUM >= 180000
	PortalRun(portal, FETCH_ALL, true, receiver, receiver, completion);
#else
	PortalRun(portal, FETCH_ALL, true, true, receiver, receiver, completion);
#endif
}

/* Fields of a time's text to a time; 0 or an error.  tz NULL: a zone is an error. */
static inline int
mlcompat_decode_datetime(char **field, int *type, int n, int *kind, struct pg_tm *tm, fsec_t *fsec, int *tz)
{
#if PG_VERSION_NUM >= 160000
	DateTimeErrorExtra extra;

	return DecodeDateTime(field, type, n, kind, tm, fsec, tz, &extra);
#else
	return DecodeDateTime(field, type, n, kind, tm, fsec, tz);
#endif
}

/* The same for a time of day. */
static inline int
mlcompat_decode_time(char **field, int *type, int n, int *kind, struct pg_tm *tm, fsec_t *fsec, int *tz)
{
#if PG_VERSION_NUM >= 160000
	DateTimeErrorExtra extra;

	return DecodeTimeOnly(field, type, n, kind, tm, fsec, tz, &extra);
#else
	return DecodeTimeOnly(field, type, n, kind, tm, fsec, tz);
#endif
}

/* Index entries of a new row that conflicts with none. */
static inline void
mlcompat_insert_index_tuples(ResultRelInfo *relation, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	ExecInsertIndexTuples(relation, slot, estate, false, false, NULL, NIL, false);
#else
	ExecInsertIndexTuples(relation, slot, estate, false, false, NULL, NIL);
#endif
}

/*
 * The next value of a sort that has none that are NULL, while it lasts, for the
 * caller to free if it is no plain number; false: there is none.
 */
static inline bool
mlcompat_sorted_datum(Tuplesortstate *sort, Datum *value)
{
	bool		isnull;

#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, true, true, value, &isnull, NULL);
#else
	return tuplesort_getdatum(sort, true, value, &isnull, NULL);
#endif
}

static inline bool
mlcompat_may_use_schema(Oid schema, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

static inline bool
mlcompat_may_execute(Oid function, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

/* What a query's entry for a relation asks of a role (InvalidOid: of who runs it). */
typedef struct MlRelationAccess
{
	AclMode		required;
	Oid			user;
	Bitmapset  *selected;		/* columns read, as in RangeTblEntry */
} MlRelationAccess;

/* False if it asks nothing. */
static inline bool
mlcompat_relation_access(const Query *query, const RangeTblEntry *entry, MlRelationAccess *access)
{
#if PG_VERSION_NUM >= 160000
	RTEPermissionInfo *info;

	if (entry->perminfoindex == 0)
		return false;
	info = list_nth_node(RTEPermissionInfo, query->rteperminfos, entry->perminfoindex - 1);
	access->required = info->requiredPerms;
	access->user = info->checkAsUser;
	access->selected = info->selectedCols;
#else
	access->required = entry->requiredPerms;
	access->user = entry->checkAsUser;
	access->selected = entry->selectedCols;
#endif
	return access->required != 0;
}

/* If a rewritten entry is a view's query: the entry with the view and what is asked for it. */
static inline const RangeTblEntry *
mlcompat_entry_of_view(const RangeTblEntry *entry)
{
#if PG_VERSION_NUM >= 160000
	return entry->rtekind == RTE_SUBQUERY && OidIsValid(entry->relid) ? entry : NULL;
#else
	const RangeTblEntry *first;

	if (entry->rtekind != RTE_SUBQUERY || entry->subquery->rtable == NIL)
		return NULL;
	first = linitial_node(RangeTblEntry, entry->subquery->rtable);	/* OLD of rule _RETURN */
	return first->rtekind == RTE_RELATION && first->relkind == RELKIND_VIEW ? first : NULL;
#endif
}

#endif							/* MLOPS_COMPAT_H */
