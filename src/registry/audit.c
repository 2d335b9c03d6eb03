/*-------------------------------------------------------------------------
 * audit.c
 *	  The audit log: events are noted in a waiting table within the transaction
 *	  that causes them, and chained to the log when it commits.
 *
 * Chaining needs the last row's hash, so writers must come one after the other.
 * Doing it in a deferred trigger keeps the lock from being held for longer than
 * a commit takes, however long the transaction is and in whatever order it
 * changes models.  The head (last number and hash) is read and changed the way
 * PostgreSQL changes its own catalog, with a fresh snapshot under the lock, so
 * that REPEATABLE READ transactions need not fail.
 *
 * Lock: ShareRowExclusiveLock on mlops_catalog.audit_log, until commit.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "replication/logicalworker.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/registry.h"

MLOPS_FUNCTION(mlops_append_audit);

/* mlops_catalog.audit_head */
#define HEAD_ONLY 1
#define HEAD_SEQ 2
#define HEAD_HASH 3
#define HEAD_COLUMNS 3

void
mlreg_audit(Oid role, const char *event, const char *model, int version, const char *detail)
{
	MlCatalogScope scope;
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, INT4OID, JSONBOID};
	Datum		values[] = {ObjectIdGetDatum(role), CStringGetTextDatum(event),
		model ? CStringGetTextDatum(model) : (Datum) 0, Int32GetDatum(version),
	DirectFunctionCall1(jsonb_in, CStringGetDatum(detail ? detail : "{}"))};
	char		nulls[] = {' ', ' ', model ? ' ' : 'n', version > 0 ? ' ' : 'n', ' '};

	mlcat_begin(&scope);
	mlcat_execute("SELECT mlops_catalog.audit($1::pg_catalog.regrole, $2, $3, $4, $5)", 5, types, values, nulls);
	mlcat_end(&scope);
}

/* The chain's end.  A log without rows has no head. */
typedef struct Head
{
	int64		seq;
	Datum		hash;			/* bytea */
} Head;

/* Reads the head's row; a copy of its tuple, NULL if there is none. */
static HeapTuple
read_head(Relation relation, Head *head)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull;

	ScanKeyInit(&key, HEAD_ONLY, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
	scan = systable_beginscan(relation, mlcat_relation("audit_head_pkey"), true, NULL, 1, &key);
	tuple = heap_copytuple(systable_getnext(scan));
	systable_endscan(scan);

	head->seq = 0;
	head->hash = DirectFunctionCall1(byteain, CStringGetDatum(""));
	if (HeapTupleIsValid(tuple))
	{
		head->seq = DatumGetInt64(heap_getattr(tuple, HEAD_SEQ, RelationGetDescr(relation), &isnull));
		head->hash = heap_getattr(tuple, HEAD_HASH, RelationGetDescr(relation), &isnull);
	}
	return tuple;
}

static void
write_head(Relation relation, HeapTuple old, int64 seq, Datum hash)
{
	Datum		values[HEAD_COLUMNS] = {BoolGetDatum(true), Int64GetDatum(seq), hash};
	bool		nulls[HEAD_COLUMNS] = {false};
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);

	if (HeapTupleIsValid(old))
		CatalogTupleUpdate(relation, &old->t_self, tuple);
	else
		CatalogTupleInsert(relation, tuple);
}

/* Moves a waiting event to the log; returns the hash of its row. */
static Datum
append(int64 waiting_id, int64 seq, Datum previous)
{
	Oid			types[] = {INT8OID, INT8OID, BYTEAOID};
	Datum		values[] = {Int64GetDatum(waiting_id), Int64GetDatum(seq), previous};
	bool		isnull;

	return mlcat_execute_value(
							   "WITH event AS (DELETE FROM mlops_catalog.audit_waiting "
							   "  WHERE waiting_id OPERATOR(pg_catalog.=) $1 RETURNING *) "
							   "INSERT INTO mlops_catalog.audit_log "
							   "  (seq, logged_at, role, session_role, event, model, version, detail, previous_hash, hash) "
							   "SELECT $2, logged_at, role, session_role, event, model, version, detail, $3, "
							   "  mlops_catalog.audit_hash($3, $2, logged_at, role, session_role, event, model, version, detail) "
							   "FROM event RETURNING hash", 3, types, values, NULL, &isnull);
}

/* Deferred trigger on mlops_catalog.audit_waiting. */
Datum
mlops_append_audit(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	MlCatalogScope scope;
	Relation	relation;
	HeapTuple	old;
	Head		head;
	int64		waiting_id;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_INSERT(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"append_audit\" was not called as a row trigger of an insertion")));
	if (IsLogicalWorker())
		return PointerGetDatum(NULL);	/* what it became comes from the publisher too */
	waiting_id = DatumGetInt64(heap_getattr(data->tg_trigtuple, 1,
											RelationGetDescr(data->tg_relation), &isnull));

	mlcat_begin(&scope);
	LockRelationOid(mlcat_relation("audit_log"), ShareRowExclusiveLock);
	relation = table_open(mlcat_relation("audit_head"), RowExclusiveLock);
	old = read_head(relation, &head);
	write_head(relation, old, head.seq + 1, append(waiting_id, head.seq + 1, head.hash));
	CommandCounterIncrement();	/* the next event's trigger must see the new head */
	table_close(relation, RowExclusiveLock);
	mlcat_end(&scope);
	return PointerGetDatum(NULL);
}
