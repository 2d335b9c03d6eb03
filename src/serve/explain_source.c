/*-------------------------------------------------------------------------
 * explain_source.c
 *	  What columns contribute over the rows of a source.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/tuptable.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "mlops/serve.h"

/*
 * A sample of a source whose length is not known: every step-th row, and the
 * step doubles whenever there are more than asked for.
 */
typedef struct Sample
{
	MlScorer   *scorer;
	TupleDesc	desc;			/* the source's */
	MemoryContext row_context;
	const MlModel *model;		/* that explained the first row; others are errors */
	uint64		n_seen;
	uint64		step;
	size_t		most_rows;
	size_t		n_rows;			/* sampled */
	size_t		n_inputs;
	size_t		capacity;		/* rows allocated */
	double	   *contribution;	/* [capacity][n_inputs] */
} Sample;

static void
make_room_for_row(Sample *table, const MlExplanation *why)
{
	if (table->model == NULL)
	{
		table->model = why->model;
		table->n_inputs = why->n;
		table->capacity = Min(table->most_rows, 1024);
		table->contribution = MemoryContextAllocHuge(GetMemoryChunkContext(table),
													 table->capacity * why->n * sizeof(double));
	}
	if (table->model != why->model)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the rows are scored by more than one version"),
				 errhint("Name one, as in mlops.explain_table('model/3', ...).")));
	if (table->n_rows == table->most_rows)
	{
		for (size_t i = 0; 2 * i < table->n_rows; i++)
			memmove(table->contribution + i * why->n, table->contribution + 2 * i * why->n,
					why->n * sizeof(double));
		table->n_rows = (table->n_rows + 1) / 2;
		table->step *= 2;
	}
	if (table->n_rows == table->capacity)
	{
		table->capacity = Min(2 * table->capacity, table->most_rows);
		table->contribution = repalloc_huge(table->contribution,
											table->capacity * why->n * sizeof(double));
	}
}

static void
explain_slot(TupleTableSlot *slot, void *arg)
{
	Sample	   *table = (Sample *) arg;
	uint64		row = table->n_seen++;
	MemoryContext caller;
	MlExplanation why;

	if (table->n_seen % MLOPS_PROGRESS_ROWS == 0)
		mlbase_progress_done((double) table->n_seen);
	if (row % table->step != 0)
		return;
	caller = MemoryContextSwitchTo(table->row_context);
	if (table->model == NULL)
		mlserve_map_values(table->scorer, table->desc);
	slot_getallattrs(slot);
	mlserve_explain_values(table->scorer, slot->tts_values, slot->tts_isnull, &why);
	make_room_for_row(table, &why);
	/* the sample may just have become too fine for this row */
	if (row % table->step == 0)
		memcpy(table->contribution + table->n_rows++ * why.n, why.contribution,
			   why.n * sizeof(double));
	MemoryContextSwitchTo(caller);
	MemoryContextReset(table->row_context);
}

void
mlserve_explain_source(MlScorer *scorer, MlSource *source, size_t most_rows, MlContributions *contributions)
{
	Sample	   *table = palloc0(sizeof(Sample));

	table->scorer = scorer;
	table->desc = source->desc;
	table->most_rows = most_rows;
	table->step = 1;
	table->row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops explain rows",
											   ALLOCSET_DEFAULT_SIZES);
	mlbase_progress("explain", 0, 0, NAN);
	mling_each_row(source, explain_slot, table);
	MemoryContextDelete(table->row_context);

	contributions->model = table->model;
	contributions->n_rows = table->n_rows;
	contributions->n_inputs = table->n_inputs;
	contributions->importance = palloc0(Max(table->n_inputs, 1) * sizeof(double));
	contributions->mean = palloc0(Max(table->n_inputs, 1) * sizeof(double));
	for (size_t i = 0; i < table->n_inputs; i++)
	{
		for (size_t row = 0; row < table->n_rows; row++)
		{
			contributions->importance[i] += fabs(table->contribution[row * table->n_inputs + i]);
			contributions->mean[i] += table->contribution[row * table->n_inputs + i];
		}
		contributions->importance[i] /= table->n_rows;
		contributions->mean[i] /= table->n_rows;
	}
}
