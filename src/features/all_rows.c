/*-------------------------------------------------------------------------
 * all_rows.c
 *	  Features of all rows of a source: one pass in the order of times.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/engine/data.h"
#include "mlops/progress.h"
#include "query.h"
#include "row.h"

/*
 * Rows of one time and key: none comes before another, so none counts for another, in
 * whatever order they are stored.
 */
typedef struct Peers
{
	int64		time;
	NullableDatum key;
	int			n;
	int			capacity;
	int64	   *known;			/* [capacity] */
	uint32	   *entity;			/* [capacity * n_entities] */
	double	   *value;			/* [capacity * n_values] */
} Peers;

typedef struct Pass
{
	RowWork    *work;
	MlContext  *ctx;
	MlHistory  *history;
	MlDictionary **numbers;		/* [n_entities] by their bytes */
	MemoryContext context;		/* of the peers */
	Peers		peers;
	TimestampTz from;
	bool		without_time;	/* are rows without a time asked for? */
	MlRowCallback callback;
	void	   *arg;
	uint64		n_rows;
} Pass;

/* ML_NO_ENTITY where a column of it is NULL. */
static uint32
entity_number(Pass *pass, TupleTableSlot *slot, int entity)
{
	size_t		size;
	const char *bytes = row_entity(pass->work, slot, entity, &size);
	uint32		number;

	if (bytes == NULL)
		return ML_NO_ENTITY;
	if (!ml_dictionary_intern(pass->ctx->arena, pass->numbers[entity], bytes, size, &number))
		mlbase_check(pass->ctx, ml_fail_memory(pass->ctx));
	return number;
}

/* ---- peers */

/* The row that was read last is remembered once no more of its peers can come. */
static void
keep_peer(Pass *pass)
{
	const MlFeatureView *view = pass->work->view;
	Peers	   *p = &pass->peers;

	if (p->n == p->capacity)
	{
		MemoryContext caller = MemoryContextSwitchTo(pass->context);
		int			larger = Max(2 * p->capacity, 4);

		p->known = p->known ? repalloc_huge(p->known, larger * sizeof(int64)) : palloc(larger * sizeof(int64));
		p->entity = p->entity ? repalloc_huge(p->entity, (Size) larger * Max(view->n_entities, 1) * sizeof(uint32)) : palloc((Size) larger * Max(view->n_entities, 1) * sizeof(uint32));
		p->value = p->value ? repalloc_huge(p->value, (Size) larger * Max(view->n_values, 1) * sizeof(double)) : palloc((Size) larger * Max(view->n_values, 1) * sizeof(double));
		p->capacity = larger;
		MemoryContextSwitchTo(caller);
	}
	p->known[p->n] = pass->work->event.known;
	memcpy(p->entity + (Size) p->n * view->n_entities, pass->work->entity, view->n_entities * sizeof(uint32));
	memcpy(p->value + (Size) p->n * view->n_values, pass->work->value, view->n_values * sizeof(double));
	p->n++;
}

static void
remember_peers(Pass *pass)
{
	const MlFeatureView *view = pass->work->view;
	Peers	   *p = &pass->peers;

	for (int i = 0; i < p->n; i++)
	{
		MlEvent		event = {p->time, p->known[i], p->entity + (Size) i * view->n_entities, p->value + (Size) i * view->n_values};

		mlbase_check(pass->ctx, ml_history_remember(pass->ctx, pass->history, &event));
	}
	p->n = 0;
}

/* A row's key becomes that of the peers. */
static void
keep_key(Pass *pass, NullableDatum key)
{
	Form_pg_attribute column = TupleDescAttr(pass->work->view->source->desc, pass->work->view->key);
	Peers	   *p = &pass->peers;
	MemoryContext caller = MemoryContextSwitchTo(pass->context);

	if (!column->attbyval && !p->key.isnull && DatumGetPointer(p->key.value))
		pfree(DatumGetPointer(p->key.value));
	p->key = key;
	if (!key.isnull)
		p->key.value = datumCopy(key.value, column->attbyval, column->attlen);
	p->time = pass->work->event.time;
	MemoryContextSwitchTo(caller);
}

/* Before the features of a row: those before it, which are none of its peers, are remembered. */
static void
meet_peers(Pass *pass, TupleTableSlot *slot)
{
	Peers	   *p = &pass->peers;
	NullableDatum key = row_key(pass->work, slot);

	if (p->n > 0 && p->time == pass->work->event.time && row_compare_keys(pass->work, p->key, key) == 0)
		return;
	remember_peers(pass);
	keep_key(pass, key);
}

static void
take_row(TupleTableSlot *slot, void *arg)
{
	Pass	   *pass = (Pass *) arg;
	RowWork    *work = pass->work;
	const MlFeatureView *view = work->view;
	bool		has_time = row_read(work, slot);

	for (int e = 0; e < view->n_entities && has_time; e++)
		work->entity[e] = entity_number(pass, slot, e);
	if (has_time)
		meet_peers(pass, slot);
	if (has_time ? work->event.time >= pass->from : pass->without_time)
	{
		if (has_time)
			mlbase_check(pass->ctx, ml_history_features(pass->ctx, pass->history, &work->event, work->feature));
		else
			for (int a = 0; a < view->n_aggregates; a++)
				work->feature[a] = NAN;
		pass->callback(row_finish(work, slot), pass->arg);
	}
	if (has_time)
		keep_peer(pass);
	row_reset(work);
	if (++pass->n_rows % MLOPS_PROGRESS_ROWS == 0)
		mlbase_progress_done((double) pass->n_rows);
}

/* How far before a row others matter to it. */
static int64
longest_reach(const MlFeatureView *view, const MlFeaturePlan *plan)
{
	int64		longest = 0;

	for (int e = 0; e < view->n_entities; e++)
		longest = Max(longest, ml_feature_reach(plan, e));
	return longest;
}

/* The first time that is read: from, less what its features look back; rows without a time only where all are asked for. */
static char *
rows_in_range(const MlFeatureView *view, const MlFeaturePlan *plan, TimestampTz from, TimestampTz until)
{
	StringInfoData query;
	int64		reach = longest_reach(view, plan);
	TimestampTz first;
	const char *word = "WHERE";

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT * FROM %s AS t", mling_relation_name(view->request.source));
	if (TIMESTAMP_IS_NOBEGIN(from) || reach == ML_ALL_TIME || pg_sub_s64_overflow(from, reach, &first))
		first = DT_NOBEGIN;
	if (!TIMESTAMP_IS_NOBEGIN(first))
	{
		appendStringInfo(&query, " %s %s OPERATOR(pg_catalog.>) %s", word, query_time_column(view), query_time(view, first));
		word = "AND";
	}
	if (!TIMESTAMP_IS_NOEND(until))
		appendStringInfo(&query, " %s %s OPERATOR(pg_catalog.<) %s", word, query_time_column(view), query_time(view, until));
	appendStringInfo(&query, " %s", query_order(view));
	return query.data;
}

void
mlfeat_all_rows(MlFeatureView *view, TimestampTz from, TimestampTz until, MlRowCallback callback, void *arg)
{
	MlContext  *ctx = mlbase_engine_context(1, mlops_guc_max_training_memory, false);
	Pass		pass = {.ctx = ctx, .from = from, .without_time = TIMESTAMP_IS_NOBEGIN(from) && TIMESTAMP_IS_NOEND(until), .callback = callback, .arg = arg};
	MlFeaturePlan *plan;
	MlSource   *source;
	bool	   *needed;
	int		   *mapping;

	mlbase_check(ctx, ml_feature_plan(ctx, view->n_entities, view->n_values, view->n_aggregates, view->aggregate, &plan));
	mlbase_check(ctx, ml_history_create(ctx, plan, &pass.history));
	pass.work = row_work(view);
	pass.context = CurrentMemoryContext;
	pass.numbers = palloc(Max(view->n_entities, 1) * sizeof(MlDictionary *));
	for (int e = 0; e < view->n_entities; e++)
	{
		pass.numbers[e] = ml_dictionary_create(ctx->arena);
		if (pass.numbers[e] == NULL)
			mlbase_check(ctx, ml_fail_memory(ctx));
	}
	source = mling_describe(InvalidOid, rows_in_range(view, plan, from, until), NULL);
	needed = palloc(source->desc->natts * sizeof(bool));
	mapping = palloc(source->desc->natts * sizeof(int));
	memset(needed, true, source->desc->natts * sizeof(bool));
	mling_each_row_of(source, needed, mapping, take_row, &pass);
	mlbase_engine_free(ctx);
}
