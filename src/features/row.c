/*-------------------------------------------------------------------------
 * row.c
 *	  From a row of the source to what the engine sees of it, and from features to a row
 *	  of the view.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "row.h"

RowWork *
row_work(MlFeatureView *view)
{
	RowWork    *work = palloc0(sizeof(RowWork));

	work->view = view;
	work->context = CreateStandaloneExprContext();
	work->row = MakeSingleTupleTableSlot(view->desc, &TTSOpsVirtual);
	work->value = palloc0(Max(view->n_values, 1) * sizeof(double));
	work->entity = palloc0(Max(view->n_entities, 1) * sizeof(uint32));
	work->feature = palloc0(Max(view->n_aggregates, 1) * sizeof(double));
	work->compare_keys = &lookup_type_cache(TupleDescAttr(view->source->desc, view->key)->atttypid, TYPECACHE_CMP_PROC_FINFO)->cmp_proc_finfo;
	work->event.value = work->value;
	work->event.entity = work->entity;
	for (int v = 0; v < view->n_values; v++)
		expression_prepare(&view->value[v].expression);
	for (int i = 0; i < view->n_ordered; i++)
		expression_prepare(&view->feature[view->order[i]].expression);
	return work;
}

/*
 * A category as a number that is equal for equal bytes alone: 63 bits of their hash,
 * without those that NaN and infinities have.
 */
static double
category_number(const char *bytes, size_t size)
{
	uint64		bits = ml_hash_bytes(bytes, size, 0) & ~(UINT64CONST(1) << 62);
	double		number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* Infinities, and numbers that no sum can hold, are missing. */
static double
value_number(const ViewValue *value, Datum datum)
{
	const char *bytes;
	size_t		size;
	double		number;

	if (value->converter.kind == ML_COLUMN_CATEGORY)
	{
		bytes = mling_bytes(&value->converter, datum, &size);
		return category_number(bytes, size);
	}
	number = mling_number(&value->converter, datum);
	return ml_can_be_summed(number) ? number : NAN;
}

static double
read_value(RowWork *work, ViewValue *value)
{
	bool		isnull;
	Datum		datum = expression_value(&value->expression, work->context, &isnull);
	MemoryContext caller;
	double		number;

	if (isnull)
		return NAN;
	caller = MemoryContextSwitchTo(work->context->ecxt_per_tuple_memory);
	number = value_number(value, datum);
	MemoryContextSwitchTo(caller);
	return number;
}

/* An infinite time is in no order with others: to rows it is none. */
static bool
is_infinite(const MlInstantColumn *column, Datum value)
{
	return column->type == DATEOID ? DATE_NOT_FINITE(DatumGetDateADT(value)) : TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value));
}

/* From when on the row counts: -infinity is at once; NULL and infinity: not yet. */
static int64
read_known(const MlInstantColumn *column, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column->position + 1, &isnull);

	if (isnull)
		return PG_INT64_MAX;
	if (!is_infinite(column, value))
		return mling_instant(column, value, "");
	return (column->type == DATEOID ? DATE_IS_NOBEGIN(DatumGetDateADT(value)) : TIMESTAMP_IS_NOBEGIN(DatumGetTimestamp(value)))
		? PG_INT64_MIN : PG_INT64_MAX;
}

/* False for NULL, and for an infinite time. */
static bool
read_time(const MlInstantColumn *column, TupleTableSlot *slot, int64 *time)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column->position + 1, &isnull);

	if (isnull || is_infinite(column, value))
		return false;
	*time = mling_instant(column, value, "");
	return true;
}

bool
row_read(RowWork *work, TupleTableSlot *slot)
{
	MlFeatureView *view = work->view;

	work->context->ecxt_scantuple = slot;
	for (int v = 0; v < view->n_values; v++)
		work->value[v] = read_value(work, &view->value[v]);
	if (!read_time(&view->time, slot, &work->event.time))
		return false;
	work->event.known = work->event.time;
	if (view->known.position >= 0)
		work->event.known = read_known(&view->known, slot);
	return true;
}

/* Equal numbers have equal bytes, as the other keys have. */
static const char *
column_bytes(MlKeyReader *reader, Datum value, size_t *size)
{
	const char *bytes;

	if (reader->converter.from != ML_FROM_NUMERIC)
		return mling_key_bytes(reader, value, size);
	bytes = numeric_normalize(DatumGetNumeric(value));
	*size = strlen(bytes);
	return bytes;
}

const char *
row_entity(RowWork *work, TupleTableSlot *slot, int entity, size_t *size)
{
	const ViewEntity *kind = &work->view->entity[entity];
	MemoryContext caller = MemoryContextSwitchTo(work->context->ecxt_per_tuple_memory);
	StringInfoData all;
	const char *bytes = NULL;
	bool		isnull = false;

	if (kind->n > 1)
		initStringInfo(&all);
	for (int i = 0; i < kind->n && !isnull; i++)
	{
		Datum		value = slot_getattr(slot, kind->position[i] + 1, &isnull);

		if (isnull)
			break;
		bytes = column_bytes(&kind->reader[i], value, size);
		if (kind->n > 1)
		{
			appendBinaryStringInfo(&all, (char *) size, sizeof(*size));
			appendBinaryStringInfo(&all, bytes, (int) *size);
		}
	}
	MemoryContextSwitchTo(caller);
	if (isnull)
		return NULL;
	if (kind->n == 1)
		return bytes;
	*size = all.len;
	return all.data;
}

NullableDatum
row_key(const RowWork *work, TupleTableSlot *slot)
{
	NullableDatum key;

	key.value = slot_getattr(slot, work->view->key + 1, &key.isnull);
	return key;
}

int
row_compare_keys(const RowWork *work, NullableDatum a, NullableDatum b)
{
	if (a.isnull || b.isnull)
		return (int) a.isnull - (int) b.isnull;
	return DatumGetInt32(FunctionCall2Coll(work->compare_keys, C_COLLATION_OID, a.value, b.value));
}

static void
put_aggregate(RowWork *work, const ViewFeature *feature)
{
	double		number = work->feature[feature->aggregate];

	work->row->tts_isnull[feature->column] = isnan(number);
	if (isnan(number))
		return;
	work->row->tts_values[feature->column] = feature->is_count ? Int64GetDatum((int64) number) : Float8GetDatum(number);
}

TupleTableSlot *
row_finish(RowWork *work, TupleTableSlot *slot)
{
	MlFeatureView *view = work->view;
	int			n = view->source->desc->natts;

	slot_getallattrs(slot);
	ExecClearTuple(work->row);
	memcpy(work->row->tts_values, slot->tts_values, n * sizeof(Datum));
	memcpy(work->row->tts_isnull, slot->tts_isnull, n * sizeof(bool));
	for (int f = 0; f < view->n_features; f++)
	{
		work->row->tts_isnull[n + f] = true;
		if (view->feature[f].aggregate >= 0)
			put_aggregate(work, &view->feature[f]);
	}
	ExecStoreVirtualTuple(work->row);
	work->context->ecxt_scantuple = work->row;
	for (int i = 0; i < view->n_ordered; i++)
	{
		ViewFeature *feature = &view->feature[view->order[i]];
		int			column = feature->column;

		work->row->tts_values[column] = expression_value(&feature->expression, work->context, &work->row->tts_isnull[column]);
	}
	return work->row;
}

void
row_reset(RowWork *work)
{
	ResetExprContext(work->context);
}
