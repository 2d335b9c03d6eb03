/*-------------------------------------------------------------------------
 * prediction_log.c
 *	  Decisions to rows of mlops_catalog.prediction, many at a time.
 *
 * A statement that decides about many rows must not pay an insertion for each.
 * Rows wait in this session's memory and are written by the table access
 * method's multi-insert, at the latest before anything could look for them: at
 * the end of the statement, before any other statement or command begins, and
 * before the (sub)transaction commits.  They are written under the command id
 * of the call that made them, so whoever would see a row that was inserted at
 * once sees these.  Rows of a (sub)transaction that aborts are forgotten.
 *
 * Only rows of one command of one subtransaction wait together.  A row of
 * another one finds the waiting ones written first or, where those belong to an
 * outer subtransaction and so cannot be written now, is written at once itself.
 *
 * Partitions are days in UTC.  The row's partition is found by name and locked;
 * the name is looked up again under the lock, so that mlops.maintain() may
 * create and drop partitions at any time.  Where there is none, the default
 * partition takes the row.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

/* Rows and bytes of features that may wait. */
#define MAX_WAITING 1000
#define MAX_WAITING_BYTES ((size_t) 4 * 1024 * 1024)

/* Rows handed to one multi-insert. */
#define BATCH 250

static const char *const column_names[] = {
	"prediction_id", "created_at", "model_id", "deployment_id", "version", "variant", "shadow",
	"key", "score", "flagged", "threshold", "latency", "features", "route_key", "sqlstate", "error"
};

#define N_COLUMNS ((int) lengthof(column_names))

static MlPrediction waiting[MAX_WAITING];
static int	n_waiting;
static size_t waiting_bytes;
static CommandId waiting_command;	/* of the session, see mlserve_command */
static CommandId waiting_command_id;	/* that they are written under */
static SubTransactionId waiting_subid;
static bool waiting_may_fail;	/* is an error in writing them somebody's choice? */
static MemoryContext waiting_context;

static ExecutorStart_hook_type previous_executor_start;
static ExecutorFinish_hook_type previous_executor_finish;
static ProcessUtility_hook_type previous_process_utility;

/* ---------------------------------------------------------------- identity */

/*
 * A UUID of version 7 (RFC 9562): milliseconds since 1970, then the microseconds
 * within, then random bits.  mlops.prediction_time() gets the time back exactly.
 */
static void
make_prediction_id(TimestampTz at, pg_uuid_t *id)
{
	int64		since_1970 = at + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	uint64		milliseconds = (uint64) (since_1970 / 1000);
	uint64		fraction = (uint64) (since_1970 % 1000) * 4096 / 1000;
	uint64		high = milliseconds << 16 | UINT64CONST(0x7000) | fraction;
	uint64		low = (pg_prng_uint64(&pg_global_prng_state) >> 2) | UINT64CONST(0x8000000000000000);

	for (int i = 0; i < 8; i++)
	{
		id->data[i] = (unsigned char) (high >> (56 - 8 * i));
		id->data[8 + i] = (unsigned char) (low >> (56 - 8 * i));
	}
}

void
mlserve_identify_prediction(MlPrediction *row)
{
	make_prediction_id(row->created_at, &row->id);
}

/*
 * The inverse of make_prediction_id, for version 7 only: rounded up, since the id's
 * fraction was rounded down.
 */
bool
mlserve_prediction_time(const pg_uuid_t *id, TimestampTz *at)
{
	uint64		high = 0;

	for (int i = 0; i < 8; i++)
		high = high << 8 | id->data[i];
	if ((high & 0xF000) != 0x7000)
		return false;
	*at = (int64) (high >> 16) * 1000 + (int64) (((high & 0xFFF) * 1000 + 4095) / 4096) -
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	return true;
}

/* ---------------------------------------------------------------- writing */

/* Days since 2000-01-01 in UTC; before that, too. */
static int32
day_of(TimestampTz at)
{
	return (int32) ((at - (at < 0 ? USECS_PER_DAY - 1 : 0)) / USECS_PER_DAY);
}

/* OID of a day's partition, InvalidOid if there is none. */
static Oid
partition_of_day(Oid schema, int32 day)
{
	char		name[NAMEDATALEN];
	int			year;
	int			month;
	int			mday;
	Oid			partition;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	snprintf(name, sizeof(name), "prediction_%04d%02d%02d", year, month, mday);
	partition = get_relname_relid(name, schema);
	return OidIsValid(partition) && get_rel_relispartition(partition) ? partition : InvalidOid;
}

/*
 * The partition for a day, locked for insertion until the transaction ends.  The
 * partitioned table is not: maintenance keeps readers out of it while it moves or
 * drops days, and who logs into another day has nothing to wait for.  Ends when
 * the name still leads to what was locked.
 */
static Relation
open_partition(int32 day)
{
	Oid			schema = get_namespace_oid("mlops_catalog", false);

	for (;;)
	{
		Oid			partition = partition_of_day(schema, day);
		Relation	relation = try_table_open(OidIsValid(partition) ? partition
											  : mlcat_relation("prediction_default"),
											  RowExclusiveLock);

		if (relation == NULL)
			continue;
		if (partition_of_day(schema, day) == partition)
			return relation;
		table_close(relation, RowExclusiveLock);
	}
}

/*
 * Positions of our columns in a partition, which may have others.  position
 * [N_COLUMNS].  Partitions are made alike, so the first try is nearly always right.
 * Errors: 42703.
 */
static void
find_columns(TupleDesc desc, int *position)
{
	for (int c = 0; c < N_COLUMNS; c++)
	{
		position[c] = -1;
		for (int i = 0; i < desc->natts && position[c] < 0; i++)
		{
			int			at = (c + i) % desc->natts;
			Form_pg_attribute attribute = TupleDescAttr(desc, at);

			if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), column_names[c]) == 0)
				position[c] = at;
		}
		if (position[c] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("table \"prediction\" has no column \"%s\"", column_names[c])));
	}
}

/* The slot points to the row's values; nothing is copied. */
static void
fill_slot(TupleTableSlot *slot, const MlPrediction *row, const int *position)
{
	Datum		values[N_COLUMNS] = {
		UUIDPGetDatum(&row->id), TimestampTzGetDatum(row->created_at),
		Int64GetDatum(row->model_id), Int64GetDatum(row->deployment_id),
		Int32GetDatum(row->version), PointerGetDatum(row->variant), BoolGetDatum(row->shadow),
		PointerGetDatum(row->key), Float8GetDatum(row->score), BoolGetDatum(row->flagged),
		Float8GetDatum(row->threshold), Float4GetDatum(row->latency), PointerGetDatum(row->features),
		PointerGetDatum(row->route_key), (Datum) 0, PointerGetDatum(row->error)
	};
	bool		nulls[N_COLUMNS] = {false};

	nulls[3] = row->deployment_id == 0;
	nulls[4] = row->version == 0;
	nulls[5] = row->variant == NULL;
	nulls[7] = row->key == NULL;
	nulls[8] = nulls[9] = !row->has_score;
	nulls[10] = !row->has_threshold;
	nulls[12] = row->features == NULL;
	nulls[13] = row->route_key == NULL;
	nulls[14] = nulls[15] = row->error == NULL;
	if (row->error)
		values[14] = CStringGetTextDatum(row->sqlstate);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	for (int c = 0; c < N_COLUMNS; c++)
	{
		slot->tts_values[position[c]] = values[c];
		slot->tts_isnull[position[c]] = nulls[c];
	}
	ExecStoreVirtualTuple(slot);
}

/*
 * Are a partition's indexes all of ranges of blocks, by time alone?  created_at:
 * its place in the partition.
 */
static bool
by_ranges_of_time(const ResultRelInfo *info, int created_at)
{
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		const IndexInfo *index = info->ri_IndexRelationInfo[i];

		if (info->ri_IndexRelationDescs[i]->rd_rel->relam != BRIN_AM_OID ||
			index->ii_NumIndexAttrs != 1 || index->ii_IndexAttrNumbers[0] != created_at + 1 ||
			index->ii_Predicate != NIL)
			return false;
	}
	return true;
}

static void
index_row(ResultRelInfo *info, TupleTableSlot *slot, EState *estate)
{
	mlcompat_insert_index_tuples(info, slot, estate);
	ResetPerTupleExprContext(estate);
}

/*
 * Index entries of rows that were written.  Of a block's rows, ranges of time need
 * the first and the last one in time.
 */
static void
index_rows(ResultRelInfo *info, TupleTableSlot **slots, const MlPrediction *rows, int n,
		   bool by_ranges, EState *estate)
{
	for (int from = 0, to; from < n; from = to)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&slots[from]->tts_tid);
		int			first = from;
		int			last = from;

		for (to = from + 1; by_ranges && to < n && ItemPointerGetBlockNumber(&slots[to]->tts_tid) == block; to++)
		{
			if (rows[to].created_at < rows[first].created_at)
				first = to;
			if (rows[to].created_at > rows[last].created_at)
				last = to;
		}
		index_row(info, slots[first], estate);
		if (last != first)
			index_row(info, slots[last], estate);
	}
}

/*
 * Rows of one day into its partition, and into the partition's indexes.  Slots and
 * all else are the estate's, and go with it.  An error leaves them to the
 * (sub)transaction.
 */
static void
write_to_partition(Relation partition, const MlPrediction *rows, int n, CommandId command)
{
	EState	   *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *info = makeNode(ResultRelInfo);
	BulkInsertState bulk = n > BATCH ? GetBulkInsertState() : NULL;
	int			n_slots = Min(n, BATCH);
	TupleTableSlot **slots = palloc(n_slots * sizeof(TupleTableSlot *));
	int			position[N_COLUMNS];

	find_columns(RelationGetDescr(partition), position);
	InitResultRelInfo(info, partition, 0, NULL, 0);
	ExecOpenIndices(info, false);
	for (int i = 0; i < n_slots; i++)
		slots[i] = table_slot_create(partition, NULL);

	for (int done = 0; done < n; done += n_slots)
	{
		int			here = Min(n_slots, n - done);

		for (int i = 0; i < here; i++)
			fill_slot(slots[i], &rows[done + i], position);
		table_multi_insert(partition, slots, here, command, 0, bulk);
		if (info->ri_NumIndices > 0)
			index_rows(info, slots, rows + done, here, by_ranges_of_time(info, position[1]), estate);
	}

	for (int i = 0; i < n_slots; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	if (bulk)
	{
		FreeBulkInsertState(bulk);
		table_finish_bulk_insert(partition, 0);
	}
	ExecCloseIndices(info);
	MemoryContextSwitchTo(caller);
	FreeExecutorState(estate);
}

/*
 * Neighbours of one day together; rows come mostly in order of time, so days are
 * few.  Raises what inserting raises.
 */
static void
write_rows(const MlPrediction *rows, int n, CommandId command)
{
	bool		need_snapshot = !ActiveSnapshotSet();

	if (need_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	for (int from = 0, to; from < n; from = to)
	{
		int32		day = day_of(rows[from].created_at);
		Relation	partition = open_partition(day);

		for (to = from + 1; to < n && day_of(rows[to].created_at) == day; to++)
			;
		write_to_partition(partition, rows + from, to - from, command);
		table_close(partition, NoLock);
	}
	if (need_snapshot)
		PopActiveSnapshot();
}

typedef struct Writing
{
	const MlPrediction *rows;
	int			n;
	CommandId	command;
} Writing;

static void
write_step(void *arg)
{
	const Writing *writing = (const Writing *) arg;

	write_rows(writing->rows, writing->n, writing->command);
}

/*
 * Rows of which none may stop a payment are lost if they cannot be written.
 * may_fail: an error is somebody's choice and goes to the caller.  Lost ones are
 * counted in shared memory.
 */
static void
write_or_lose(const MlPrediction *rows, int n, CommandId command, bool may_fail)
{
	Writing		writing = {.rows = rows, .n = n, .command = command};
	MlFault		fault;

	if (may_fail)
		write_step(&writing);
	else if (!mlserve_attempt(write_step, &writing, false, &fault))
	{
		mlserve_count_lost(n);
		ereport(WARNING,
				(errcode(fault.error->sqlerrcode),
				 errmsg_plural("%d decision could not be logged: %s",
							   "%d decisions could not be logged: %s", n, n, fault.error->message),
				 errdetail("The statement goes on with the answers given, but these decisions are not in the log."),
				 errhint("\"on_error\" => raise makes this an error.")));
	}
}

/* ---------------------------------------------------------------- waiting */

/* Frees what waits; the context stays. */
static void
forget_waiting(void)
{
	n_waiting = 0;
	waiting_bytes = 0;
	if (waiting_context)
		MemoryContextReset(waiting_context);
}

/* Does nothing in another subtransaction than that of the rows: they wait for theirs. */
void
mlserve_write_predictions(void)
{
	int			n = n_waiting;

	if (likely(n == 0) || GetCurrentSubTransactionId() != waiting_subid)
		return;
	n_waiting = 0;				/* an error must not have them written twice */
	write_or_lose(waiting, n, waiting_command_id, waiting_may_fail);
	forget_waiting();
}

static text *
copy_text(const text *value)
{
	text	   *copy;

	if (value == NULL)
		return NULL;
	copy = palloc(VARSIZE_ANY(value));
	memcpy(copy, value, VARSIZE_ANY(value));
	return copy;
}

/* Copies the row: what it points to is the caller's and goes with his statement. */
static void
wait_with(const MlPrediction *row)
{
	MemoryContext caller;
	MlPrediction *copy = &waiting[n_waiting];

	if (waiting_context == NULL)
		waiting_context = AllocSetContextCreate(TopMemoryContext, "mlops predictions",
												ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(waiting_context);
	*copy = *row;
	copy->variant = copy_text(row->variant);
	copy->key = copy_text(row->key);
	copy->route_key = copy_text(row->route_key);
	copy->error = copy_text(row->error);
	copy->features = (Jsonb *) copy_text((const text *) row->features);
	MemoryContextSwitchTo(caller);
	waiting_bytes += sizeof(MlPrediction) + (row->features ? VARSIZE_ANY(row->features) : 0);
	n_waiting++;
}

void
mlserve_log_prediction(MlPrediction *row, MlLogSite *site, bool may_fail)
{
	CommandId	command_id = GetCurrentCommandId(true);
	CommandId	command = mlserve_command();
	SubTransactionId subid = GetCurrentSubTransactionId();
	bool		again = site->command == command && site->subid == subid;

	/* keys come from outside, and the partition will have an index on them */
	row->key = mling_bounded(row->key);
	row->route_key = mling_bounded(row->route_key);
	site->command = command;
	site->subid = subid;
	if (n_waiting > 0 && (waiting_command != command || waiting_subid != subid))
		mlserve_write_predictions();

	/*
	 * A call site's first row in a command may be its last: it is written at
	 * once, so that calls outside of any statement (PL/pgSQL evaluates simple
	 * expressions without the executor) leave nothing waiting.
	 */
	if (!again || (n_waiting > 0 && waiting_subid != subid))
	{
		write_or_lose(row, 1, command_id, may_fail);
		return;
	}
	if (n_waiting == 0)
	{
		waiting_command_id = command_id;
		waiting_may_fail = false;
	}
	waiting_command = command;
	waiting_subid = subid;
	waiting_may_fail |= may_fail;
	wait_with(row);
	if (n_waiting == MAX_WAITING || waiting_bytes > MAX_WAITING_BYTES)
		mlserve_write_predictions();
}

/* ---------------------------------------------------------------- hooks */

/* Before a statement looks at any table. */
static void
at_executor_start(QueryDesc *query, int flags)
{
	mlserve_write_predictions();
	if (previous_executor_start)
		previous_executor_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

/* At the end of a statement, before its AFTER triggers. */
static void
at_executor_finish(QueryDesc *query)
{
	mlserve_write_predictions();
	if (previous_executor_finish)
		previous_executor_finish(query);
	else
		standard_ExecutorFinish(query);
}

/* Before a command, COPY or COMMIT for example. */
static void
at_utility(PlannedStmt *statement, const char *query, bool read_only, ProcessUtilityContext context,
		   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
		   QueryCompletion *completion)
{
	mlserve_write_predictions();
	if (previous_process_utility)
		previous_process_utility(statement, query, read_only, context, params, environment,
								 dest, completion);
	else
		standard_ProcessUtility(statement, query, read_only, context, params, environment,
								dest, completion);
}

/* Aborted rows are forgotten; so is whatever is left after a commit. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			mlserve_write_predictions();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			forget_waiting();
			mlserve_forget_commands();
			break;
		default:
			break;
	}
}

/* Only the subtransaction whose rows wait matters. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (n_waiting == 0 || waiting_subid != mine)
		return;
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		mlserve_write_predictions();
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		forget_waiting();
}

/* Hooks of other libraries that were there before are called, too. */
void
mlserve_watch_statements(void)
{
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = at_executor_start;
	previous_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = at_executor_finish;
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = at_utility;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
