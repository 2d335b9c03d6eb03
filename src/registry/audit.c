/*-------------------------------------------------------------------------
 * audit.c
 *	  The audit log: events are noted in a waiting table within the transaction
 *	  that causes them, and chained to the log when it commits.
 *
 * Chaining needs the last row's hash, so writers must come one after the other.
 * Doing it in a deferred trigger keeps the lock from being held for longer than
 * a commit takes, however long the transaction is and in whatever order it
 * changes models.
 *
 * Yet a commit may take long, if a deferred trigger of somebody's sleeps in it,
 * and a transaction may make its constraints immediate and stay open.  So nobody
 * waits for the lock for longer than PATIENCE_MS, and nobody at all who keeps
 * payments from being logged meanwhile: the event is committed as it is, waiting,
 * and whoever next has the lock chains it before its own events.
 *
 * The head (last number and hash) and the waiting events are read and changed the
 * way PostgreSQL changes its own catalog, with a fresh snapshot under the lock, so
 * that REPEATABLE READ transactions need not fail; and without the trigger that
 * refuses everybody else to remove what waits.
 *
 * Lock: that of mlcat_try_lock on audit_log, until the transaction ends.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/logicalworker.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/xid8.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/registry.h"

MLOPS_FUNCTION(mlops_append_audit);
MLOPS_FUNCTION(mlops_append_waiting);
MLOPS_FUNCTION(mlops_remove_audit);

#define PATIENCE_MS 200
#define MOST_APPENDED 1000		/* events of others that one commit takes on */

/* mlops_catalog.audit_waiting */
#define WAITING_ID 1
#define WAITING_DETAIL 8
#define WAITING_TRANSACTION 9
#define WAITING_COLUMNS 9

/* mlops_catalog.audit_log */
#define LOG_SEQ 1

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

/* Adds to the numbers of an event of this transaction that waits. */
static void
add_counts(int64 waiting_id, Datum counts)
{
	Relation	relation = table_open(mlcat_relation("audit_waiting"), RowExclusiveLock);
	Datum		values[WAITING_COLUMNS];
	bool		nulls[WAITING_COLUMNS];
	bool		replaced[WAITING_COLUMNS] = {false};
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, WAITING_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(waiting_id));
	scan = systable_beginscan(relation, mlcat_relation("audit_waiting_pkey"), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Oid			types[] = {JSONBOID, JSONBOID};
		Datum		sides[] = {heap_getattr(tuple, WAITING_DETAIL, RelationGetDescr(relation), &nulls[0]), counts};
		char		given[] = {' ', ' '};
		bool		isnull;

		memset(nulls, false, sizeof(nulls));
		replaced[WAITING_DETAIL - 1] = true;
		values[WAITING_DETAIL - 1] = mlcat_execute_value("SELECT mlops_catalog.add_counts($1, $2)", 2, types, sides, given, &isnull);
		tuple = heap_modify_tuple(tuple, RelationGetDescr(relation), values, nulls, replaced);
		CatalogTupleUpdate(relation, &tuple->t_self, tuple);
		CommandCounterIncrement();
	}
	systable_endscan(scan);
	table_close(relation, RowExclusiveLock);
}

/*
 * The same for an event that may be many in a transaction, as where labels are
 * added row by row: one entry has the sums of their counts (detail is an object of
 * numbers), as long as it waits.
 */
void
mlreg_audit_counts(Oid role, const char *event, const char *model, const char *detail)
{
	MlCatalogScope scope;
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, JSONBOID};
	Datum		values[] = {ObjectIdGetDatum(role), CStringGetTextDatum(event), CStringGetTextDatum(model),
	DirectFunctionCall1(jsonb_in, CStringGetDatum(detail))};
	char		nulls[] = {' ', ' ', ' ', ' '};
	bool		isnull;
	Datum		waiting_id;

	mlcat_begin(&scope);
	waiting_id = mlcat_execute_value("SELECT mlops_catalog.own_waiting($1::pg_catalog.regrole, $2, $3)", 3, types, values, nulls, &isnull);
	if (isnull)
		mlreg_audit(role, event, model, 0, detail);
	else
		add_counts(DatumGetInt64(waiting_id), values[3]);
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

/* ---------------------------------------------------------------- waiting events */

static Datum
waiting_column(Relation relation, HeapTuple tuple, int column)
{
	bool		isnull;

	return heap_getattr(tuple, column, RelationGetDescr(relation), &isnull);
}

static bool
is_own(Relation relation, HeapTuple tuple)
{
	return U64FromFullTransactionId(DatumGetFullTransactionId(waiting_column(relation, tuple, WAITING_TRANSACTION))) ==
		U64FromFullTransactionId(GetTopFullTransactionId());
}

static bool
still_waits(Relation relation, int64 waiting_id)
{
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, WAITING_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(waiting_id));
	scan = systable_beginscan(relation, mlcat_relation("audit_waiting_pkey"), true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return found;
}

/*
 * What is to be appended, in this order: committed events of others, oldest
 * first, then those of this transaction, which wait if there are too many others.
 */
static List *
events_to_append(Relation relation, int most)
{
	Relation	index = index_open(mlcat_relation("audit_waiting_pkey"), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(relation, index, NULL, 0, NULL);
	List	   *others = NIL;
	List	   *own = NIL;
	HeapTuple	tuple;

	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_own(relation, tuple))
			own = lappend(own, heap_copytuple(tuple));
		else if (list_length(others) < most)
			others = lappend(others, heap_copytuple(tuple));
		else
		{
			own = NIL;
			break;
		}
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	return list_concat(others, own);
}

/* Moves a waiting event to the log; returns the hash of its row. */
static Datum
append(Relation relation, HeapTuple event, int64 seq, Datum previous)
{
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, JSONBOID, BYTEAOID};
	Datum		values[WAITING_COLUMNS];
	bool		missing[WAITING_COLUMNS];
	char		nulls[WAITING_COLUMNS];
	Datum		hash;
	bool		isnull;

	/* number and hash before stand where identity and transaction have been */
	heap_deform_tuple(event, RelationGetDescr(relation), values, missing);
	for (int i = 0; i < WAITING_COLUMNS; i++)
		nulls[i] = missing[i] ? 'n' : ' ';
	values[WAITING_ID - 1] = Int64GetDatum(seq);
	values[WAITING_TRANSACTION - 1] = previous;
	hash = mlcat_execute_value(
							   "INSERT INTO mlops_catalog.audit_log "
							   "  (seq, logged_at, role, session_role, event, model, version, detail, previous_hash, hash) "
							   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
							   "  mlops_catalog.audit_hash($9, $1, $2, $3, $4, $5, $6, $7, $8)) RETURNING hash",
							   WAITING_COLUMNS, types, values, nulls, &isnull);
	CatalogTupleDelete(relation, &event->t_self);
	return hash;
}

/* With the lock: moves events to the log; returns how many. */
static int
append_all(Relation waiting, int most)
{
	Relation	relation = table_open(mlcat_relation("audit_head"), RowExclusiveLock);
	List	   *events = events_to_append(waiting, most);
	Head		head;
	HeapTuple	old = read_head(relation, &head);
	ListCell   *lc;

	foreach(lc, events)
		head.hash = append(waiting, (HeapTuple) lfirst(lc), ++head.seq, head.hash);
	if (events != NIL)
		write_head(relation, old, head.seq, head.hash);
	CommandCounterIncrement();	/* the next event's trigger must see the new head */
	table_close(relation, RowExclusiveLock);
	return list_length(events);
}

/* ---------------------------------------------------------------- lock */

/* Does this transaction keep payments from being logged? */
static bool
locks_out_payments(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, mlcat_relation("prediction"));
	return mlcompat_lock_held(&tag, AccessExclusiveLock);
}

static bool
try_lock(void)
{
	return ConditionalLockRelationOid(mlcat_relation("audit_log"), RowExclusiveLock) && mlcat_try_lock("audit_log", 0);
}

/* False if somebody else has it, and has had it for as long as one may wait. */
static bool
lock_log(void)
{
	static FullTransactionId gave_up;	/* a transaction waits in vain once */
	int			left_ms = PATIENCE_MS;

	if (try_lock())
		return true;
	if (FullTransactionIdEquals(gave_up, GetTopFullTransactionId()) || locks_out_payments())
		return false;
	for (int pause_ms = 1; left_ms > 0; left_ms -= pause_ms, pause_ms = Min(2 * pause_ms, 16))
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (try_lock())
			return true;
	}
	gave_up = GetTopFullTransactionId();
	return false;
}

/* ---------------------------------------------------------------- entry points */

/* Deferred trigger on mlops_catalog.audit_waiting. */
Datum
mlops_append_audit(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	MlCatalogScope scope;
	Relation	waiting;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_INSERT(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"append_audit\" was not called as a row trigger of an insertion")));
	if (IsLogicalWorker())
		return PointerGetDatum(NULL);	/* what it became comes from the publisher too */
	if (!is_own(data->tg_relation, data->tg_trigtuple))
		return PointerGetDatum(NULL);	/* restored from a dump, perhaps before the log is */

	mlcat_begin(&scope);
	waiting = table_open(mlcat_relation("audit_waiting"), RowExclusiveLock);
	if (still_waits(waiting, DatumGetInt64(waiting_column(waiting, data->tg_trigtuple, WAITING_ID))) && lock_log())
		append_all(waiting, MOST_APPENDED);
	table_close(waiting, RowExclusiveLock);
	mlcat_end(&scope);
	return PointerGetDatum(NULL);
}

/* mlops_catalog.append_waiting(caller) -> bigint: how many, NULL if the log is busy. */
Datum
mlops_append_waiting(PG_FUNCTION_ARGS)
{
	MlCatalogScope scope;
	Relation	waiting;
	int			n = -1;

	mlcat_begin(&scope);
	waiting = table_open(mlcat_relation("audit_waiting"), RowExclusiveLock);
	if (lock_log())
		n = append_all(waiting, INT_MAX);
	table_close(waiting, RowExclusiveLock);
	mlcat_end(&scope);
	if (n < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(n);
}

/*
 * mlops_catalog.remove_audit(caller, through) -> bigint: how many, NULL if the log
 * is busy.  sql/code/45_retention.sql has said in the log what is removed.
 */
Datum
mlops_remove_audit(PG_FUNCTION_ARGS)
{
	MlCatalogScope scope;
	int64		n = -1;

	mlcat_begin(&scope);
	if (lock_log())
	{
		Relation	relation = table_open(mlcat_relation("audit_log"), RowExclusiveLock);
		Relation	index = index_open(mlcat_relation("audit_log_pkey"), AccessShareLock);
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, LOG_SEQ, BTLessEqualStrategyNumber, F_INT8LE, PG_GETARG_DATUM(1));
		scan = systable_beginscan_ordered(relation, index, NULL, 1, &key);
		n = 0;
		while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			CatalogTupleDelete(relation, &tuple->t_self);
			n++;
		}
		systable_endscan_ordered(scan);
		index_close(index, AccessShareLock);
		table_close(relation, RowExclusiveLock);
		CommandCounterIncrement();
	}
	mlcat_end(&scope);
	if (n < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(n);
}
