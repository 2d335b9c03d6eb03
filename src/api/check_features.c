/*-------------------------------------------------------------------------
 * check_features.c
 *	  mlops.check_features: do rows have the same features alone as among all?
 *
 * Rows are drawn from one pass over the source, each as likely as any other (J. S. Vitter,
 * "Random sampling with a reservoir", ACM TOMS 11, 1985, algorithm R), with the same numbers
 * each time.  Then each is computed alone.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/features.h"
#include "mlops/progress.h"

MLOPS_FUNCTION(mlops_check_features);

#define MOST_ROWS 1000000

typedef struct Sample
{
	int			size;
	uint64		n_seen;
	HeapTuple  *row;			/* [size] of the view, in context */
	MemoryContext context;
} Sample;

static void
draw(TupleTableSlot *slot, void *arg)
{
	Sample	   *sample = (Sample *) arg;
	uint64		place = sample->n_seen < (uint64) sample->size ? sample->n_seen : ml_random_u64(0, 0, sample->n_seen) % (sample->n_seen + 1);
	MemoryContext caller;

	sample->n_seen++;
	if (place >= (uint64) sample->size)
		return;
	caller = MemoryContextSwitchTo(sample->context);
	if (sample->row[place])
		heap_freetuple(sample->row[place]);
	sample->row[place] = ExecCopySlotHeapTuple(slot);
	MemoryContextSwitchTo(caller);
}

/* As output functions write it, whatever the settings; NULL for NULL. */
static text *
settled_text(Form_pg_attribute column, Datum value, bool isnull)
{
	FmgrInfo	output;
	Oid			function;
	bool		varlena;

	if (isnull)
		return NULL;
	getTypeOutputInfo(column->atttypid, &function, &varlena);
	fmgr_info(function, &output);
	return cstring_to_text(mling_settled_text(&output, value));
}

/* A row of the result for each feature of a drawn row that differs. */
static void
compare(MlFeatureView *view, int key, HeapTuple row, ReturnSetInfo *result)
{
	TupleDesc	desc = mlfeat_desc(view);
	Datum	   *among = palloc(desc->natts * sizeof(Datum));
	Datum	   *alone = palloc(desc->natts * sizeof(Datum));
	bool	   *among_nulls = palloc(desc->natts * sizeof(bool));
	bool	   *alone_nulls = palloc(desc->natts * sizeof(bool));

	heap_deform_tuple(row, desc, among, among_nulls);
	memcpy(alone, among, desc->natts * sizeof(Datum));
	memcpy(alone_nulls, among_nulls, desc->natts * sizeof(bool));
	mlfeat_one_row(view, true, alone, alone_nulls);
	for (int i = mlfeat_source_columns(view); i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		text	   *texts[4];
		Datum		values[4];
		bool		nulls[4];

		if (among_nulls[i] == alone_nulls[i] && (among_nulls[i] || datumIsEqual(among[i], alone[i], column->attbyval, column->attlen)))
			continue;
		texts[0] = settled_text(TupleDescAttr(desc, key), among[key], among_nulls[key]);
		texts[1] = cstring_to_text(NameStr(column->attname));
		texts[2] = settled_text(column, among[i], among_nulls[i]);
		texts[3] = settled_text(column, alone[i], alone_nulls[i]);
		for (int t = 0; t < 4; t++)
		{
			nulls[t] = texts[t] == NULL;
			values[t] = PointerGetDatum(texts[t]);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * mlops.check_features(view regclass, rows int)
 *	  -> SETOF (key text, feature text, among_all text, alone text)
 */
Datum
mlops_check_features(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlFeatureRequest request;
	MlProgressScope *progress;
	MlFeatureView *view;
	MemoryContext row_context;
	MemoryContext caller;
	Sample		sample = {.context = CurrentMemoryContext};
	int			key;

	mlbase_refuse_null(fcinfo, 1, "rows");
	sample.size = PG_GETARG_INT32(1);
	if (sample.size < 1 || sample.size > MOST_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"rows\" is %d", sample.size),
				 errdetail("It must be between 1 and %d.", MOST_ROWS)));
	mlfeat_require_view(fcinfo, 0, "view", &request);
	InitMaterializedSRF(fcinfo, 0);
	view = mlfeat_open(&request);
	key = mling_find_attribute(mlfeat_desc(view), request.key);
	sample.row = palloc0(sample.size * sizeof(HeapTuple));
	progress = mlbase_progress_begin("check_features", get_rel_name(PG_GETARG_OID(0)));
	mlfeat_all_rows(view, DT_NOBEGIN, DT_NOEND, draw, &sample);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops features of a row", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < sample.size && sample.row[i]; i++)
	{
		CHECK_FOR_INTERRUPTS();
		caller = MemoryContextSwitchTo(row_context);
		compare(view, key, sample.row[i], result);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row_context);
	}
	mlbase_progress_end(progress);
	return (Datum) 0;
}
