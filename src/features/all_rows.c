/*-------------------------------------------------------------------------
 * all_rows.c
 *	  Features of all rows of a source: one pass in the order of times.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/engine/data.h"
#include "mlops/progress.h"
#include "query.h"
#include "row.h"

typedef struct Pass
{
	RowWork    *work;
	MlContext  *ctx;
	MlHistory  *history;
	MlDictionary **numbers;		/* [n_entities] by their bytes */
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

static void
take_row(TupleTableSlot *slot, void *arg)
{
	Pass	   *pass = (Pass *) arg;
	RowWork    *work = pass->work;
	const MlFeatureView *view = work->view;
	bool		has_time = row_read(work, slot);

	for (int e = 0; e < view->n_entities && has_time; e++)
		work->entity[e] = entity_number(pass, slot, e);
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
		mlbase_check(pass->ctx, ml_history_remember(pass->ctx, pass->history, &work->event));
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
	if (!TIMESTAMP_IS_NOBEGIN(from) && (reach == ML_ALL_TIME || pg_sub_s64_overflow(from, reach, &first)))
		first = DT_NOBEGIN;
	else if (TIMESTAMP_IS_NOBEGIN(from))
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
