/*-------------------------------------------------------------------------
 * one_row.c
 *	  Features of one row: the rows of its entities are found by the source's indexes and
 *	  remembered in a history of their own, so that the features are those of a pass over
 *	  everything, to the last bit.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "query.h"
#include "row.h"

/* Reading the rows of one kind of entity. */
typedef struct EntityQuery
{
	SPIPlanPtr	plan;
	int64		reach;
} EntityQuery;

typedef struct OneRow
{
	MlContext  *ctx;			/* for the plan of features */
	MlFeaturePlan *plan;
	MlArenaMark mark;			/* after the plan */
	RowWork    *work;			/* for the row itself */
	RowWork    *other;			/* for the rows of its entities */
	TupleTableSlot *slot;		/* the row */
	EntityQuery *query;			/* [n_entities] */

	/* the call that is running */
	MlHistory  *history;
	int			entity;
	const char *bytes;			/* of the row's entity */
	size_t		size;
} OneRow;

static void
free_plans(void *arg)
{
	OneRow	   *one = (OneRow *) arg;

	for (int e = 0; e < one->work->view->n_entities; e++)
	{
		if (one->query[e].plan)
			SPI_freeplan(one->query[e].plan);
	}
}

/* ---- the rows of an entity */

/* Does another row of the same time come before this one, by its key? */
static bool
key_is_before(const OneRow *one, TupleTableSlot *other)
{
	return row_compare_keys(one->work, row_key(one->work, other), row_key(one->work, one->slot)) < 0;
}

static bool
is_of_entity(OneRow *one, TupleTableSlot *other)
{
	size_t		size;
	const char *bytes = row_entity(one->other, other, one->entity, &size);

	return bytes && size == one->size && memcmp(bytes, one->bytes, size) == 0;
}

/* What comes before the row is remembered; rows arrive in order. */
static bool
take_other(TupleTableSlot *slot, DestReceiver *self)
{
	OneRow	   *one = *(OneRow **) (self + 1);
	RowWork    *other = one->other;

	if (row_read(other, slot) && is_of_entity(one, slot) &&
		(other->event.time < one->work->event.time || key_is_before(one, slot)))
		mlbase_check(one->ctx, ml_history_remember(one->ctx, one->history, &other->event));
	row_reset(other);
	return true;
}

/* A plan that was made anew may have other types than expressions are about. */
static void
check_types(DestReceiver *self, int operation, TupleDesc desc)
{
	OneRow	   *one = *(OneRow **) (self + 1);
	TupleDesc	expected = one->work->view->source->desc;
	bool		same = desc->natts == expected->natts;

	for (int i = 0; same && i < desc->natts; i++)
		same = !one->work->view->recalls[i] || TupleDescAttr(desc, i)->atttypid == TupleDescAttr(expected, i)->atttypid;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("columns of table \"%s\" have changed while it was read", get_rel_name(one->work->view->request.source)),
				 errhint("Run the statement again.")));
}

static void
ignore(DestReceiver *self)
{
}

/* Columns that no feature needs are NULL: nobody needs the right to read them.  Parameters: the entity's columns, then the first time (not included) and the last. */
static char *
entity_query(const MlFeatureView *view, const ViewEntity *entity, bool bounded)
{
	StringInfoData query;

	initStringInfo(&query);
	for (int i = 0; i < view->source->desc->natts; i++)
	{
		appendStringInfoString(&query, i ? ", " : "SELECT ");
		if (view->recalls[i])
			appendStringInfo(&query, "t.%s", quote_identifier(NameStr(TupleDescAttr(view->source->desc, i)->attname)));
		else
			appendStringInfoString(&query, "NULL");
	}
	appendStringInfo(&query, " FROM %s AS t WHERE", mling_relation_name(view->request.source));
	for (int i = 0; i < entity->n; i++)
		appendStringInfo(&query, "%s t.%s %s $%d", i ? " AND" : "", quote_identifier(entity->column[i]),
						 query_equality(TupleDescAttr(view->source->desc, entity->position[i])->atttypid), i + 1);
	appendStringInfo(&query, " AND %s OPERATOR(pg_catalog.<=) $%d", query_time_column(view), entity->n + 1);
	if (bounded)
		appendStringInfo(&query, " AND %s OPERATOR(pg_catalog.>) $%d", query_time_column(view), entity->n + 2);
	appendStringInfo(&query, " %s", query_order(view));
	return query.data;
}

static void
prepare_entity(OneRow *one, int e)
{
	const MlFeatureView *view = one->work->view;
	const ViewEntity *entity = &view->entity[e];
	EntityQuery *query = &one->query[e];
	Oid		   *types = palloc((entity->n + 2) * sizeof(Oid));
	bool		bounded;

	query->reach = ml_feature_reach(one->plan, e);
	bounded = query->reach != ML_ALL_TIME;
	for (int i = 0; i < entity->n; i++)
		types[i] = TupleDescAttr(view->source->desc, entity->position[i])->atttypid;
	types[entity->n] = types[entity->n + 1] = view->time.type;
	query->plan = SPI_prepare(entity_query(view, entity, bounded), entity->n + 1 + bounded, types);
	if (query->plan == NULL || SPI_keepplan(query->plan) != 0)
		elog(ERROR, "could not prepare reading an entity's rows: %s", SPI_result_code_string(SPI_result));
}

/* A time as the source's column has it: dates are days, and the day of a time is its beginning. */
static Datum
time_parameter(const MlFeatureView *view, int64 time)
{
	if (view->time.type == DATEOID)
		return DirectFunctionCall1(timestamp_date, TimestampGetDatum(time));
	return TimestampTzGetDatum(time);
}

static void
read_entity(OneRow *one, int e, bool read_only)
{
	const MlFeatureView *view = one->work->view;
	const ViewEntity *entity = &view->entity[e];
	EntityQuery *query = &one->query[e];
	int64		time = one->work->event.time;
	Datum	   *values = palloc((entity->n + 2) * sizeof(Datum));
	ParamListInfo parameters;
	SPIExecuteOptions options = {0};
	struct
	{
		DestReceiver receiver;
		OneRow	   *one;
	}			destination = {{take_other, check_types, ignore, ignore, DestNone}, one};
	int			n = entity->n + 1 + (query->reach != ML_ALL_TIME);
	int64		first;
	bool		isnull;
	int			code;

	parameters = makeParamList(n);
	for (int i = 0; i < entity->n; i++)
		values[i] = slot_getattr(one->slot, entity->position[i] + 1, &isnull);
	values[entity->n] = time_parameter(view, time);
	if (query->reach != ML_ALL_TIME)
		values[entity->n + 1] = time_parameter(view, pg_sub_s64_overflow(time, query->reach, &first) || first < MIN_TIMESTAMP ? MIN_TIMESTAMP : first);
	for (int i = 0; i < n; i++)
	{
		parameters->params[i].value = values[i];
		parameters->params[i].isnull = false;
		parameters->params[i].pflags = PARAM_FLAG_CONST;
		parameters->params[i].ptype = i < entity->n ? TupleDescAttr(view->source->desc, entity->position[i])->atttypid : view->time.type;
	}
	options.params = parameters;
	options.read_only = read_only;
	options.dest = &destination.receiver;
	one->entity = e;
	code = SPI_execute_plan_extended(query->plan, &options);
	if (code != SPI_OK_UTILITY) /* a SELECT whose rows went elsewhere */
		elog(ERROR, "could not read an entity's rows: %s", SPI_result_code_string(code));
}

/* ---- the row */

/* In the current memory context, with the plans. */
static OneRow *
begin_one_row(MlFeatureView *view)
{
	OneRow	   *one = palloc0(sizeof(OneRow));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	one->ctx = mlbase_engine_context(1, mlops_guc_max_training_memory, false);
	mlbase_check(one->ctx, ml_feature_plan(one->ctx, view->n_entities, view->n_values, view->n_aggregates, view->aggregate, &one->plan));
	one->mark = ml_arena_mark(one->ctx->arena);
	one->work = row_work(view);
	one->other = row_work(view);
	one->slot = MakeSingleTupleTableSlot(view->source->desc, &TTSOpsVirtual);
	one->query = palloc0(Max(view->n_entities, 1) * sizeof(EntityQuery));
	callback->func = free_plans;
	callback->arg = one;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return one;
}

/* Into one->work->feature, of the row in one->slot.  Engine memory is given back, on errors by the next call. */
static void
compute(OneRow *one, bool read_only)
{
	const MlFeatureView *view = one->work->view;
	RowWork    *work = one->work;

	ml_arena_release(one->ctx->arena, one->mark);
	for (int a = 0; a < view->n_aggregates; a++)
		work->feature[a] = NAN;
	if (!row_read(work, one->slot) || view->n_entities == 0)
		return;
	mlbase_check(one->ctx, ml_history_create(one->ctx, one->plan, &one->history));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	for (int e = 0; e < view->n_entities; e++)
		work->entity[e] = ML_NO_ENTITY;
	for (int e = 0; e < view->n_entities; e++)
	{
		one->bytes = row_entity(work, one->slot, e, &one->size);
		if (one->bytes == NULL)
			continue;
		if (one->query[e].plan == NULL)
			prepare_entity(one, e);
		for (int i = 0; i < view->n_entities; i++)
			one->other->entity[i] = i == e ? 0 : ML_NO_ENTITY;
		read_entity(one, e, read_only);
		work->entity[e] = 0;
	}
	SPI_finish();
	mlbase_check(one->ctx, ml_history_features(one->ctx, one->history, &work->event, work->feature));
}

void
mlfeat_one_row(MlFeatureView *view, bool read_only, Datum *values, bool *nulls)
{
	int			n_source = view->source->desc->natts;
	OneRow	   *one = view->one_row;
	TupleTableSlot *row;

	if (one == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(view));

		view->one_row = one = begin_one_row(view);
		MemoryContextSwitchTo(caller);
	}
	ExecClearTuple(one->slot);
	memcpy(one->slot->tts_values, values, n_source * sizeof(Datum));
	memcpy(one->slot->tts_isnull, nulls, n_source * sizeof(bool));
	ExecStoreVirtualTuple(one->slot);
	compute(one, read_only);
	row = row_finish(one->work, one->slot);
	for (int i = n_source; i < view->desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(view->desc, i);

		nulls[i] = row->tts_isnull[i];
		values[i] = nulls[i] ? (Datum) 0 : datumCopy(row->tts_values[i], column->attbyval, column->attlen);
	}
	row_reset(one->work);
}
