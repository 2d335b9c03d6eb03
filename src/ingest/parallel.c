/*-------------------------------------------------------------------------
 * parallel.c
 *	  Work on a query's rows in the processes of PostgreSQL's parallel query.
 *
 * A parallel plan hands whole rows through Gather to the session.  Where Gather is the
 * top of the plan, and only passes rows on, a node of ours is put under it: it takes
 * the rows in the process that reads them, and what goes through Gather are batches
 * of bytes, some hundred rows' worth each.  Parallel query does the rest: snapshot,
 * role, settings, cancels, and errors of workers.
 *
 *		Gather                          Gather              batches
 *		  Parallel Seq Scan    ->         mlops rows        rows to batches
 *		                                    Parallel Seq Scan
 *
 * Any other plan is run as it is, and the session does the work.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/nodeGather.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "tcop/tcopprot.h"

#include "mlops/base.h"
#include "ingest/parallel.h"
#include "ingest/reader.h"
#include "ingest/source.h"

#define NODE_NAME "mlops rows"

/* Where our node keeps what workers need; nodes of a plan are numbered from 0. */
#define NODE_ID 1000000000

#define MOST_KINDS 4

static const MlRowWork *kinds[MOST_KINDS];
static int	n_kinds;

/* What the work is, and on what. */
typedef struct Task
{
	const MlRowWork *work;
	const void *told;
	size_t		size;
	int			n_columns;
	const NameData *names;		/* the rows' columns have none in a plan's inner nodes */
} Task;

/* What the session tells its workers, in shared memory. */
typedef struct Told
{
	int			kind;			/* index in kinds: all processes load the same library */
	int			reach;			/* settings of ours that are not the session's to give */
	int			recorder;
	int			n_columns;
	size_t		size;
	NameData	names[FLEXIBLE_ARRAY_MEMBER];	/* [n_columns]; behind them size bytes of the work's; then
												 * the workers' areas */
} Told;

typedef struct RowsState
{
	CustomScanState css;
	Task		task;
	char	   *areas;			/* of all workers, NULL: there are none */
	char	   *area;			/* of this one, NULL in the session */
	void	   *state;			/* of the work, NULL: not begun */
	bool		ended;			/* no row is left */
} RowsState;

void
mling_register_work(const MlRowWork *work)
{
	Assert(n_kinds < MOST_KINDS);
	kinds[n_kinds++] = work;
}

static int
kind_of(const MlRowWork *work)
{
	int			kind = 0;

	while (kinds[kind] != work)
		kind++;
	return kind;
}

static void *
begin_task(const Task *task, TupleDesc desc, char *area)
{
	TupleDesc	named = CreateTupleDescCopy(desc);

	for (int i = 0; i < task->n_columns; i++)
		TupleDescAttr(named, i)->attname = task->names[i];
	return task->work->begin(task->told, task->size, named, area);
}

/* ---------------------------------------------------------------- the node */

static Node *create_state(CustomScan *scan);

static const CustomScanMethods scan_methods = {NODE_NAME, create_state};

static void
begin_rows(CustomScanState *node, EState *estate, int eflags)
{
	Plan	   *child = linitial(castNode(CustomScan, node->ss.ps.plan)->custom_plans);

	node->custom_ps = list_make1(ExecInitNode(child, estate, eflags));
}

/* A batch, or an empty slot at the end. */
static TupleTableSlot *
next_batch(CustomScanState *node)
{
	RowsState  *rows = (RowsState *) node;
	PlanState  *child = linitial(node->custom_ps);
	TupleTableSlot *result = node->ss.ss_ScanTupleSlot;
	bytea	   *batch;

	if (rows->state == NULL)
		rows->state = begin_task(&rows->task, ExecGetResultType(child), rows->area);
	ExecClearTuple(result);
	for (bool full = false; !full && !rows->ended;)
	{
		TupleTableSlot *slot = ExecProcNode(child);

		if (TupIsNull(slot))
			rows->ended = true;
		else
			full = rows->task.work->take(rows->state, slot);
	}
	batch = rows->task.work->give(rows->state);
	if (batch == NULL)
		return result;
	result->tts_values[0] = PointerGetDatum(batch);
	result->tts_isnull[0] = false;
	return ExecStoreVirtualTuple(result);
}

static void
end_rows(CustomScanState *node)
{
	ExecEndNode(linitial(node->custom_ps));
}

static void
rescan_rows(CustomScanState *node)
{
	elog(ERROR, "rows cannot be read again");
}

/* Bytes before the workers' areas, and of each. */
static Size
size_of_told(const Task *task)
{
	return CACHELINEALIGN(add_size(offsetof(Told, names), add_size(mul_size(task->n_columns, sizeof(NameData)), task->size)));
}

static Size
size_of_area(const Task *task)
{
	return task->work->area_size ? CACHELINEALIGN(task->work->area_size(task->told)) : 0;
}

static Size
estimate_shared(CustomScanState *node, ParallelContext *context)
{
	const Task *task = &((RowsState *) node)->task;

	return add_size(size_of_told(task), add_size(PG_CACHE_LINE_SIZE, mul_size(context->nworkers, size_of_area(task))));
}

/* The first area: what is told begins at no multiple of a cache line. */
static char *
first_area(const Task *task, const Told *told)
{
	return (char *) CACHELINEALIGN((char *) told + size_of_told(task));
}

static void
tell_workers(CustomScanState *node, ParallelContext *context, void *area)
{
	RowsState  *rows = (RowsState *) node;
	const Task *task = &rows->task;
	Told	   *told = (Told *) area;

	told->kind = kind_of(task->work);
	told->reach = mlops_guc_checked_reach;
	told->recorder = mlops_guc_recorded_by;
	told->n_columns = task->n_columns;
	told->size = task->size;
	memcpy(told->names, task->names, task->n_columns * sizeof(NameData));
	memcpy(told->names + task->n_columns, task->told, task->size);
	rows->areas = first_area(task, told);
}

/* Settings of ours that say what may be reached are none that workers are given. */
static void
listen(CustomScanState *node, shm_toc *toc, void *area)
{
	RowsState  *rows = (RowsState *) node;
	const Told *told = (const Told *) area;

	rows->task = (Task)
	{
		kinds[told->kind], told->names + told->n_columns, told->size, told->n_columns, told->names
	};
	rows->areas = first_area(&rows->task, told);
	rows->area = rows->areas + ParallelWorkerNumber * size_of_area(&rows->task);
	mlops_guc_checked_reach = told->reach;
	mlops_guc_recorded_by = told->recorder;
}

static const CustomExecMethods exec_methods = {
	.CustomName = NODE_NAME,
	.BeginCustomScan = begin_rows,
	.ExecCustomScan = next_batch,
	.EndCustomScan = end_rows,
	.ReScanCustomScan = rescan_rows,
	.EstimateDSMCustomScan = estimate_shared,
	.InitializeDSMCustomScan = tell_workers,
	.InitializeWorkerCustomScan = listen,
};

static Node *
create_state(CustomScan *scan)
{
	RowsState  *rows = (RowsState *) newNode(sizeof(RowsState), T_CustomScanState);

	rows->css.methods = &exec_methods;
	return (Node *) rows;
}

void
mling_register_node(void)
{
	RegisterCustomScanMethods(&scan_methods);
	mling_register_work(&mling_reading);
}

/* ---------------------------------------------------------------- the plan */

/*
 * Rows no longer cost anything on their way to the session; nobody but the planner is
 * to know.
 */
PlannedStmt *
mling_plan_shared(Query *query, const char *text)
{
	double		cost = parallel_tuple_cost;
	PlannedStmt *plan;

	parallel_tuple_cost = 0;
	PG_TRY();
	{
		plan = pg_plan_query(query, text, CURSOR_OPT_PARALLEL_OK, NULL);
	}
	PG_FINALLY();
	{
		parallel_tuple_cost = cost;
	}
	PG_END_TRY();
	return plan;
}

/* Does the node hand on the rows of the one below as they are? */
static bool
passes_rows_on(const Gather *gather)
{
	AttrNumber	n = 0;
	ListCell   *lc;

	foreach(lc, gather->plan.targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);
		const Var  *var = (const Var *) entry->expr;

		if (entry->resjunk || !IsA(var, Var) || var->varno != OUTER_VAR || var->varattno != ++n)
			return false;
	}
	return n == list_length(outerPlan(gather)->targetlist) && gather->plan.qual == NIL;
}

/* The one column of what our node gives: a batch, as a column of varno. */
static List *
batch_column(int varno)
{
	Expr	   *value = varno == 0 ? (Expr *) makeNullConst(BYTEAOID, -1, InvalidOid)
	: (Expr *) makeVar(varno, 1, BYTEAOID, -1, InvalidOid, 0);

	return list_make1(makeTargetEntry(value, 1, pstrdup("batch"), false));
}

static Plan *
make_node(Plan *child)
{
	CustomScan *node = makeNode(CustomScan);
	Plan	   *plan = &node->scan.plan;

	plan->startup_cost = child->startup_cost;
	plan->total_cost = child->total_cost;
	plan->plan_rows = child->plan_rows;
	plan->plan_width = child->plan_width;
	plan->parallel_aware = true;	/* or nothing is told to workers */
	plan->parallel_safe = true;
	plan->plan_node_id = NODE_ID;
	plan->targetlist = batch_column(INDEX_VAR);
	plan->extParam = bms_copy(child->extParam);
	plan->allParam = bms_copy(child->allParam);
	node->custom_plans = list_make1(child);
	node->custom_scan_tlist = batch_column(0);
	node->methods = &scan_methods;
	return plan;
}

bool
mling_share_rows(PlannedStmt *plan)
{
	Gather	   *gather = (Gather *) plan->planTree;

	if (!IsA(gather, Gather) || !passes_rows_on(gather))
		return false;
	outerPlan(gather) = make_node(outerPlan(gather));
	gather->plan.targetlist = batch_column(OUTER_VAR);
	return true;
}

/* ---------------------------------------------------------------- the session */

/* Takes batches of all processes; where there are none beside the session, does the work on rows. */
typedef struct WorkReceiver
{
	DestReceiver pub;
	Task		task;
	const MlSource *source;
	const int  *mapping;
	RowsState  *rows;			/* the session's node, whose rows are batches; NULL: there is none */
	void	   *state;			/* of the work where there is none */
	MlBatchReceiver batches;
} WorkReceiver;

/* Names of the result's columns, which are known when the query is. */
static void
name_columns(WorkReceiver *receiver)
{
	TupleDesc	desc = receiver->source->desc;
	NameData   *names = palloc0(Max(desc->natts, 1) * sizeof(NameData));

	receiver->task.names = names;
	for (int i = 0; i < desc->natts; i++)
	{
		if (receiver->mapping[i] < 0)
			continue;
		names[receiver->mapping[i]] = TupleDescAttr(desc, i)->attname;
		receiver->task.n_columns++;
	}
}

void
mling_start_work(QueryDesc *desc, DestReceiver *self)
{
	WorkReceiver *receiver = (WorkReceiver *) self;

	receiver->rows = (RowsState *) outerPlanState(desc->planstate);
	name_columns(receiver);
	receiver->rows->task = receiver->task;
}

static void
begin_receiving(DestReceiver *self, int operation, TupleDesc desc)
{
	WorkReceiver *receiver = (WorkReceiver *) self;

	if (receiver->batches.begin)
		receiver->batches.begin(receiver->batches.arg);
	if (receiver->rows)
		return;
	name_columns(receiver);
	receiver->state = begin_task(&receiver->task, desc, NULL);
}

static void
hand_on(const WorkReceiver *receiver, const bytea *batch)
{
	receiver->batches.take(VARDATA_ANY(batch), VARSIZE_ANY_EXHDR(batch), receiver->rows ? receiver->rows->areas : NULL, receiver->batches.arg);
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	WorkReceiver *receiver = (WorkReceiver *) self;
	bool		isnull;

	if (receiver->rows)
		hand_on(receiver, (const bytea *) DatumGetPointer(slot_getattr(slot, 1, &isnull)));
	else if (receiver->task.work->take(receiver->state, slot))
		hand_on(receiver, receiver->task.work->give(receiver->state));
	return true;
}

static void
end_receiving(DestReceiver *self)
{
	WorkReceiver *receiver = (WorkReceiver *) self;
	const bytea *batch;

	while (!receiver->rows && (batch = receiver->task.work->give(receiver->state)) != NULL)
		hand_on(receiver, batch);
}

void
mling_work_on_rows(MlSource *source, const bool *needed, const MlRowWork *work, const void *told, size_t size,
				   MlBatchReceiver batches)
{
	int			natts = source->desc->natts;
	bool	   *all = palloc(Max(natts, 1) * sizeof(bool));
	int		   *mapping = palloc(Max(natts, 1) * sizeof(int));
	WorkReceiver receiver = {{receive, begin_receiving, end_receiving, mling_ignore, DestNone},
	{work, told, size}, source, mapping, .batches = batches};

	memset(all, true, natts * sizeof(bool));
	mling_run_source(source, needed ? needed : all, mapping, ML_READ_SHARED, &receiver.pub);
}
