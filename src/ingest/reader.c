/*-------------------------------------------------------------------------
 * reader.c
 *	  A DestReceiver that turns a query's rows into a columnar data set, in
 *	  one pass and without copying tuples.
 *
 * Most rows come straight from a buffer page.  When such a tuple has no NULL,
 * every column before the first one of variable length lies at an offset that
 * is the same in all tuples: those are read in place, without deforming.  All
 * other rows and columns go through the slot.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "ingest/reader.h"
#include "ingest/source.h"

/* ---------------------------------------------------------------- memory */

/* Bytes that so many rows take in memory while they are read, at least: what may spill is not counted. */
static double
least_bytes(const DatasetReceiver *receiver, double n_rows)
{
	double		width = 0;

	for (int c = 0; c < receiver->n_columns; c++)
	{
		const MlColumn *column = receiver->columns[c].column;

		width += column->may_spill ? 0 : column->kind == ML_COLUMN_HASH ? 8 : 4;
	}
	return n_rows * width;
}

/* The share of a table's rows that have a label, by its statistics; 0 if there are none, or no label. */
static double
labelled_share(const DatasetReceiver *receiver)
{
	double		share = 0;

	for (int c = 0; c < receiver->n_columns; c++)
	{
		AttrNumber	attribute = receiver->source->origins[receiver->wanted[c].position].attribute;
		HeapTuple	statistic;

		if (!receiver->columns[c].is_label)
			continue;
		statistic = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(receiver->source->relation),
									Int16GetDatum(attribute), BoolGetDatum(false));
		if (!HeapTupleIsValid(statistic))
			continue;
		share = 1 - ((Form_pg_statistic) GETSTRUCT(statistic))->stanullfrac;
		ReleaseSysCache(statistic);
	}
	return share;
}

/* Estimates are not exact: what is refused by them needs this much more than there is. */
#define MARGIN 1.1

/*
 * Refuses a table that cannot be learned from, before it is read: the planner knows
 * well enough how many rows a table has.  Errors: 53200.
 */
void
mling_check_table(const DatasetReceiver *receiver)
{
	const MlSource *source = receiver->source;
	const MlReadLimits *limits = &receiver->limits;
	size_t		allowed = ml_arena_budget(receiver->ctx->arena);
	double		n_rows = source->expected_rows;
	double		needed;

	if (allowed == 0 || limits->later == 0 || get_rel_relkind(source->relation) != RELKIND_RELATION)
		return;
	needed = least_bytes(receiver, n_rows) + (double) limits->later + n_rows * limits->later_per_row +
		n_rows * labelled_share(receiver) * limits->later_per_label;
	if (needed > MARGIN * (double) allowed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("learning from these rows needs about %.0f MB, but mlops.max_training_memory allows %zu MB",
						ceil(needed / 1048576), allowed >> 20),
				 errdetail("The table has about %.0f rows. None was read.", n_rows),
				 errhint("Raise mlops.max_training_memory, or read fewer rows or columns.")));
}

/* Bytes that learning from the rows so far takes, beside what they take now. */
static double
later_bytes(const DatasetReceiver *receiver)
{
	const MlReadLimits *limits = &receiver->limits;

	return (double) receiver->dataset->n_rows * limits->later_per_row +
		(double) receiver->n_labelled * limits->later_per_label;
}

/* Errors: 53200, with what all rows would need at least. */
static void
refuse_rows(const DatasetReceiver *receiver)
{
	const MlArena *arena = receiver->ctx->arena;
	double		n_rows = (double) receiver->dataset->n_rows;
	double		expected = receiver->source->expected_rows;
	double		needed = (double) ml_arena_taken(arena) + later_bytes(receiver);
	double		all = needed * expected / n_rows;

	if (receiver->limits.spill)
		all = (double) ml_arena_taken(arena) + least_bytes(receiver, expected - n_rows) + later_bytes(receiver) * expected / n_rows;
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("the rows need more memory than the %zu MB that mlops.max_training_memory allows",
					ml_arena_budget(arena) >> 20),
			 expected > n_rows
			 ? errdetail("%.0f of about %.0f rows were read. All take about %.0f MB.",
						 n_rows, expected, ceil((all + (double) receiver->limits.later) / 1048576))
			 : errdetail("%.0f rows were read, at about %.0f bytes each, and there are more.", n_rows, ceil(needed / n_rows)),
			 errhint("Raise mlops.max_training_memory, or read fewer rows or columns.")));
}

/* An error unless a status is ML_OK. */
void
mling_check_read(const DatasetReceiver *receiver, MlStatus status)
{
	if (status == ML_OUT_OF_MEMORY && ml_arena_budget(receiver->ctx->arena) > 0 && receiver->dataset->n_rows > 0)
		refuse_rows(receiver);
	mlbase_check(receiver->ctx, status);
}

/* What is needed later must fit beside what there is. */
static void
check_growth(const DatasetReceiver *receiver)
{
	const MlArena *arena = receiver->ctx->arena;
	const MlReadLimits *limits = &receiver->limits;

	if (ml_arena_budget(arena) > 0 && limits->later > 0 &&
		(double) ml_arena_taken(arena) + (double) limits->later + later_bytes(receiver) > (double) ml_arena_budget(arena))
		refuse_rows(receiver);
}

/* ---------------------------------------------------------------- rows */

void
mling_place_columns(DatasetReceiver *receiver, TupleDesc desc)
{
	int		   *offset;

	receiver->all_fixed = true;
	for (int c = 0; c < receiver->n_columns; c++)
		receiver->n_attributes = Max(receiver->n_attributes, receiver->columns[c].attribute + 1);
	offset = palloc(Max(receiver->n_attributes, 1) * sizeof(int));
	mling_fixed_offsets(desc, receiver->n_attributes, offset);
	for (int c = 0; c < receiver->n_columns; c++)
	{
		ColumnReader *reader = &receiver->columns[c];

		reader->offset = offset[reader->attribute];
		reader->length = TupleDescAttr(desc, reader->attribute)->attlen;
		reader->by_value = TupleDescAttr(desc, reader->attribute)->attbyval;
		receiver->all_fixed = receiver->all_fixed && reader->offset >= 0;
	}
	pfree(offset);
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	DatasetReceiver *receiver = (DatasetReceiver *) self;

	for (int c = 0; c < receiver->n_columns; c++)
		receiver->columns[c].attribute = receiver->mapping[receiver->wanted[c].position];
	mling_place_columns(receiver, desc);
	mling_check_table(receiver);
}

/* Stores one value (not NULL) at a row of the open chunk. */
static void
store_value(DatasetReceiver *receiver, ColumnReader *reader, size_t row, Datum value)
{
	MlColumn   *column = reader->column;

	if (reader->hashed)
		column->open.hash[row] = mling_hash(&reader->converter, value);
	else if (column->kind == ML_COLUMN_CATEGORY && mling_is_nan(&reader->converter, value))
		column->open.code[row] = ML_MISSING_CODE;
	else if (column->kind == ML_COLUMN_CATEGORY)
	{
		size_t		size;
		const char *bytes = mling_bytes(&reader->converter, value, &size);

		mling_check_read(receiver, ml_column_intern(receiver->ctx, column, bytes, size, &column->open.code[row]));
	}
	else
		column->open.number[row] = mling_number(&reader->converter, value);
}

static void
store_null(ColumnReader *reader, size_t row)
{
	MlColumn   *column = reader->column;

	if (reader->hashed)
		column->open.hash[row] = 0;
	else if (column->kind == ML_COLUMN_CATEGORY)
		column->open.code[row] = ML_MISSING_CODE;
	else
		column->open.number[row] = NAN;
}

/*
 * Reads all columns of a tuple whose columns are at fixed offsets.  The common
 * plain types are spelled out: the switch is predicted, and nothing is called.
 */
static inline void
store_in_place(DatasetReceiver *receiver, size_t row, const char *data)
{
	ColumnReader *end = receiver->columns + receiver->n_columns;

	for (ColumnReader *reader = receiver->columns; reader < end; reader++)
	{
		const char *field = data + reader->offset;

		if (!reader->hashed)
		{
			switch (reader->converter.from)
			{
				case ML_FROM_FLOAT8:
					reader->column->open.number[row] = *(const double *) field;
					continue;
				case ML_FROM_INT4:
					reader->column->open.number[row] = *(const int32 *) field;
					continue;
				case ML_FROM_FLOAT4:
					reader->column->open.number[row] = *(const float *) field;
					continue;
				case ML_FROM_INT8:
					reader->column->open.number[row] = (double) *(const int64 *) field;
					continue;
				default:
					break;
			}
		}
		store_value(receiver, reader, row,
					fetch_att(field, reader->by_value, reader->length));
	}
}

/* Is there anything to learn from a row of the open chunk? */
static bool
is_labelled(const MlColumn *label, size_t row)
{
	if (label == NULL)
		return true;
	return label->kind == ML_COLUMN_CATEGORY ? label->open.code[row] != ML_MISSING_CODE
		: !isnan(label->open.number[row]);
}

void
mling_settle_chunk(DatasetReceiver *receiver)
{
	MlDataset  *dataset = receiver->dataset;
	size_t		n_open = dataset->n_rows - dataset->n_sealed;

	for (size_t row = 0; row < n_open && receiver->label; row++)
		receiver->n_labelled += is_labelled(receiver->label, row);
	for (int c = 0; c < receiver->n_columns; c++)
	{
		MlColumn   *column = receiver->columns[c].column;
		int			infinite = 0;

		if (column->kind != ML_COLUMN_NUMBER && column->kind != ML_COLUMN_TIME)
			continue;
		for (size_t row = 0; row < n_open; row++)
			infinite |= fabs(column->open.number[row]) == INFINITY;
		if (!infinite)
			continue;
		for (size_t row = 0; row < n_open; row++)
		{
			if (!isinf(column->open.number[row]))
				continue;
			receiver->columns[c].n_infinite += !receiver->columns[c].infinite_is_missing && is_labelled(receiver->label, row);
			column->open.number[row] = NAN;
		}
	}
	MemoryContextReset(receiver->row_context);
}

/* Values that were detoasted for the chunk are freed. */
static void
seal_chunk(DatasetReceiver *receiver)
{
	mling_settle_chunk(receiver);
	mling_check_read(receiver, ml_dataset_seal(receiver->ctx, receiver->dataset));
	mling_check_rows(receiver);
}

/* An error that says in how many rows, if any column had infinite values. */
static void
refuse_infinite(const DatasetReceiver *receiver)
{
	for (int c = 0; c < receiver->n_columns; c++)
	{
		const MlColumn *column = receiver->columns[c].column;
		size_t		n = receiver->columns[c].n_infinite;

		if (n > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("column \"%s\" contains an infinite value", column->name),
					 errdetail("It has one in %zu %s.", n, receiver->label ? "of the rows with a label" : "of the rows"),
					 column->kind == ML_COLUMN_TIME
					 ? errhint("They are those WHERE %s IN ('infinity', '-infinity'). Give them the time that is meant, or leave them out in a query.",
							   quote_identifier(column->name))
					 : errhint("Replace infinite values by NULL, which counts as missing.")));
	}
}

/*
 * In place where the tuple allows it: from a buffer page, without NULLs, and with all
 * columns in it, since those added later have no bytes in older tuples.
 */
void
mling_store_row(DatasetReceiver *receiver, TupleTableSlot *slot)
{
	size_t		row = receiver->dataset->n_rows & ML_CHUNK_MASK;
	MemoryContext caller = NULL;

	if (receiver->uses_memory)
		caller = MemoryContextSwitchTo(receiver->row_context);

	if (receiver->all_fixed && TTS_IS_BUFFERTUPLE(slot) &&
		!HeapTupleHasNulls(((HeapTupleTableSlot *) slot)->tuple) &&
		HeapTupleHeaderGetNatts(((HeapTupleTableSlot *) slot)->tuple->t_data) >= receiver->n_attributes)
	{
		HeapTupleHeader header = ((HeapTupleTableSlot *) slot)->tuple->t_data;

		store_in_place(receiver, row, (const char *) header + header->t_hoff);
	}
	else
	{
		slot_getsomeattrs(slot, receiver->n_attributes);
		for (int c = 0; c < receiver->n_columns; c++)
		{
			ColumnReader *reader = &receiver->columns[c];

			if (slot->tts_isnull[reader->attribute])
				store_null(reader, row);
			else
				store_value(receiver, reader, row, slot->tts_values[reader->attribute]);
		}
	}

	if (receiver->uses_memory)
		MemoryContextSwitchTo(caller);
	receiver->dataset->n_rows++;
}

void
mling_check_rows(const DatasetReceiver *receiver)
{
	if (receiver->dataset->n_rows >= UINT32_MAX - ML_CHUNK_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the source has more than %u rows", UINT32_MAX),
				 errhint("Train on a sample, for example with TABLESAMPLE in a query.")));
	check_growth(receiver);
}

static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	DatasetReceiver *receiver = (DatasetReceiver *) self;
	MlDataset  *dataset = receiver->dataset;

	mling_store_row(receiver, slot);
	if (dataset->n_rows % MLOPS_PROGRESS_ROWS == 0)
		mlbase_progress_done((double) dataset->n_rows);
	if ((dataset->n_rows & ML_CHUNK_MASK) == 0)
		seal_chunk(receiver);
	return true;
}

/*
 * Which conversion a column wants; refuses what cannot be read that way.  Fills
 * *reader and *spec.  Errors: 42804.
 */
static void
prepare_column(const MlSource *source, const MlReadColumn *wanted, const char *zone,
			   ColumnReader *reader, MlColumnSpec *spec)
{
	Form_pg_attribute attribute = TupleDescAttr(source->desc, wanted->position);

	if (wanted->converter)
		reader->converter = *wanted->converter;
	else if (wanted->as_text)
		mling_text_converter(attribute->atttypid, &reader->converter);
	else if (!mling_converter(attribute->atttypid, zone, &reader->converter))
	{
		if (wanted->kind != ML_COLUMN_HASH)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be a feature",
							NameStr(attribute->attname), format_type_be(attribute->atttypid)),
					 errhint("Leave it out with exclude, or turn it into numbers or text in a query.")));
		mling_text_converter(attribute->atttypid, &reader->converter);
	}
	reader->hashed = wanted->kind == ML_COLUMN_HASH;
	reader->is_label = wanted->is_label;
	reader->infinite_is_missing = wanted->infinite_is_missing;
	spec->name = pstrdup(NameStr(attribute->attname));
	spec->type_name = mling_type_name(attribute->atttypid);
	spec->kind = reader->hashed ? ML_COLUMN_HASH : reader->converter.kind;
	spec->may_spill = wanted->may_spill;
}

/* Of the limit, what workers may take while rows are read: 1 / this.  What learning takes comes later. */
#define SHARE_OF_WORKERS 8

/* Values of other types than the model's are converted by what only the session has. */
static bool
can_share(const DatasetReceiver *receiver)
{
	size_t		budget = ml_arena_budget(receiver->ctx->arena);

	for (int c = 0; c < receiver->n_columns; c++)
	{
		if (receiver->columns[c].converter.from >= ML_FROM_ANY_AS_FLOAT4)
			return false;
	}
	return budget == 0 || mling_shared_bytes(receiver->n_columns) <= budget / SHARE_OF_WORKERS;
}

/*
 * Row by row in constant memory beside the data set; infinite values are refused
 * after the last row, so that all of them are counted.
 */
MlDataset *
mling_read(MlContext *ctx, MlSource *source, int n_columns,
		   const MlReadColumn *columns, const char *zone, MlReadLimits limits)
{
	DatasetReceiver receiver = {{receive_slot, receiver_startup, mling_ignore,
	mling_ignore, DestNone}};
	MlColumnSpec *specs = palloc0(Max(n_columns, 1) * sizeof(MlColumnSpec));
	bool	   *needed = palloc0(Max(source->desc->natts, 1) * sizeof(bool));
	int		   *mapping = palloc0(Max(source->desc->natts, 1) * sizeof(int));

	receiver.ctx = ctx;
	receiver.source = source;
	receiver.n_columns = n_columns;
	receiver.columns = palloc0(Max(n_columns, 1) * sizeof(ColumnReader));
	receiver.wanted = columns;
	receiver.mapping = mapping;
	receiver.limits = limits;
	receiver.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops ingestion",
												 ALLOCSET_DEFAULT_SIZES);
	for (int c = 0; c < n_columns; c++)
	{
		prepare_column(source, &columns[c], zone, &receiver.columns[c], &specs[c]);
		needed[columns[c].position] = true;
		receiver.uses_memory = receiver.uses_memory ||
			receiver.columns[c].hashed ||
			receiver.columns[c].converter.from >= ML_FROM_TEXT ||
			receiver.columns[c].converter.from == ML_FROM_NUMERIC ||
			receiver.columns[c].converter.from == ML_FROM_MONEY;
	}
	mlbase_check(ctx, ml_dataset_create(ctx, n_columns, specs, limits.spill ? mling_spill_file(limits.spill) : NULL, &receiver.dataset));
	receiver.dataset->time_zone = ml_arena_strdup(ctx->arena, zone);
	for (int c = 0; c < n_columns; c++)
	{
		receiver.columns[c].column = &receiver.dataset->columns[c];
		if (columns[c].is_label)
			receiver.label = receiver.columns[c].column;
	}

	if (limits.order == ML_ORDER_NONE && can_share(&receiver))
		mling_read_shared(&receiver, source, needed);
	else
		mling_run_source(source, needed, mapping, limits.order == ML_ORDER_OF_TABLE ? ML_READ_SERIALLY : ML_READ_IN_PARALLEL, &receiver.pub);

	if (receiver.dataset->n_rows > receiver.dataset->n_sealed)
		seal_chunk(&receiver);
	MemoryContextDelete(receiver.row_context);
	refuse_infinite(&receiver);
	return receiver.dataset;
}
