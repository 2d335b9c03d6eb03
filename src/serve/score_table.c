/*-------------------------------------------------------------------------
 * score_table.c
 *	  Every row of a source scored, into a tuple store.
 *
 * Where one version answers all rows, the processes of a parallel plan score those that
 * they read, a block at a time.  They hand the session the tuples to store.  Where a
 * row's key or columns choose, the session scores row by row.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "serve/scorer.h"

/* ---------------------------------------------------------------- keys */

/* How the text of a key column is had. */
typedef struct KeyColumn
{
	int			position;		/* from 0, -1: there is none */
	bool		has_reader;		/* else its text is that under settled settings */
	MlKeyReader reader;
	FmgrInfo	output;
} KeyColumn;

static void
find_key(TupleDesc desc, int position, KeyColumn *key)
{
	Oid			type;
	Oid			output;
	bool		varlena;

	key->position = position;
	if (position < 0)
		return;
	type = TupleDescAttr(desc, position)->atttypid;
	key->has_reader = mling_key_reader(type, &key->reader);
	getTypeOutputInfo(type, &output, &varlena);
	fmgr_info(output, &key->output);
}

/*
 * The text by which decisions and labels of the column are told, or one that depends on
 * no setting.  NULL for NULL.
 */
static text *
key_of(KeyColumn *key, TupleTableSlot *slot)
{
	size_t		size;
	const char *bytes;
	Datum		value;
	bool		isnull;

	if (key->position < 0)
		return NULL;
	value = slot_getattr(slot, key->position + 1, &isnull);
	if (isnull)
		return NULL;
	if (!key->has_reader)
		return cstring_to_text(mling_settled_text(&key->output, value));
	bytes = mling_key_bytes(&key->reader, value, &size);
	return cstring_to_text_with_len(bytes, (int) size);
}

/* A row of the result. */
static void
fill_result(const text *key, double score, double threshold, Datum *values, bool *nulls)
{
	nulls[0] = key == NULL;
	values[0] = PointerGetDatum(key);
	values[1] = Float8GetDatum(score);
	values[2] = BoolGetDatum(score >= threshold);
}

/* ---------------------------------------------------------------- in all processes */

#define BLOCK_ROWS 256
#define BLOCK_VALUES 65536		/* of all inputs: wide rows make shorter blocks */

/* What the session tells the others. */
typedef struct Told
{
	int64		version_id;
	double		threshold;
	int			key;			/* position, -1: none */
	char		model[NAMEDATALEN]; /* for messages */
} Told;

/* Scores rows in one process. */
typedef struct BlockScorer
{
	Told		told;
	TupleDesc	desc;			/* the rows' */
	TupleDesc	result;
	KeyColumn	key;
	const MlModel *model;		/* NULL until the first row */
	MlRowMap   *map;
	void	   *scratch;
	MlValue    *values;			/* [n_rows][inputs] */
	double	   *score;			/* [n_rows] */
	text	  **keys;			/* [n_rows] */
	int			n_rows;			/* in a block */
	int			n;				/* in this one */
	MemoryContext context;		/* of all this */
	MemoryContext row_context;	/* of keys and detoasted values of a block */
	bytea	   *batch;			/* tuples of the block before */
	size_t		capacity;		/* bytes */
} BlockScorer;

/* In a batch tuples lie at multiples of MAXALIGN from here; so does memory of palloc. */
#define BATCH_START MAXALIGN(VARHDRSZ)

static void *
begin_scoring(const void *told, size_t size, TupleDesc desc, void *area)
{
	BlockScorer *s = palloc0(sizeof(BlockScorer));

	memcpy(&s->told, told, size);
	s->context = CurrentMemoryContext;
	s->row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops score rows", ALLOCSET_DEFAULT_SIZES);
	s->desc = desc;
	s->result = CreateTemplateTupleDesc(3);
	TupleDescInitEntry(s->result, 1, "key", TEXTOID, -1, 0);
	TupleDescInitEntry(s->result, 2, "score", FLOAT8OID, -1, 0);
	TupleDescInitEntry(s->result, 3, "flagged", BOOLOID, -1, 0);
	find_key(desc, s->told.key, &s->key);
	return s;
}

/* The first row loads the model: where there is none, it need not fit. */
static void
prepare(BlockScorer *s)
{
	MemoryContext caller = MemoryContextSwitchTo(s->context);
	const MlModel *model = mlserve_take_version(s->told.model, s->told.version_id);
	size_t		n_inputs = Max(ml_model_n_inputs(model), 1);

	s->map = mlserve_map_row(model, s->desc);
	mlserve_find_places(s->map, s->desc);
	s->n_rows = Max(1, Min(BLOCK_ROWS, BLOCK_VALUES / n_inputs));
	s->values = palloc(s->n_rows * n_inputs * sizeof(MlValue));
	s->score = palloc(s->n_rows * sizeof(double));
	s->keys = palloc(s->n_rows * sizeof(text *));
	s->scratch = palloc(Max(ml_model_scratch_size(model), 1));
	s->model = model;
	MemoryContextSwitchTo(caller);
}

static bool
take_row(void *state, TupleTableSlot *slot)
{
	BlockScorer *s = (BlockScorer *) state;
	MemoryContext caller = MemoryContextSwitchTo(s->row_context);
	MlValue    *values;

	if (unlikely(s->model == NULL))
		prepare(s);
	values = s->values + s->n * s->map->n_inputs;
	if (!TTS_IS_BUFFERTUPLE(slot) || !mlserve_fill_in_place(s->map, ((HeapTupleTableSlot *) slot)->tuple->t_data, values))
	{
		slot_getallattrs(slot);
		mlserve_fill_values(s->model, s->map, slot->tts_values, slot->tts_isnull, values);
	}
	s->keys[s->n++] = key_of(&s->key, slot);
	MemoryContextSwitchTo(caller);
	return s->n == s->n_rows;
}

/* Room for so many bytes more behind the first size ones. */
static char *
room_in_batch(BlockScorer *s, size_t size, size_t more)
{
	if (size + more > s->capacity)
	{
		s->capacity = Max(2 * s->capacity, size + more);
		s->batch = s->batch ? repalloc(s->batch, s->capacity) : MemoryContextAlloc(s->context, s->capacity);
	}
	return (char *) s->batch + size;
}

/* Forms a row's tuple behind the first size bytes, as heap_form_minimal_tuple does; the size with it. */
static size_t
form_tuple(BlockScorer *s, int row, size_t size)
{
	Datum		values[3];
	bool		nulls[3] = {false};
	size_t		start;
	size_t		data_size;
	size_t		length;
	MinimalTuple tuple;

	fill_result(s->keys[row], s->score[row], s->told.threshold, values, nulls);
	start = MAXALIGN(SizeofMinimalTupleHeader + (nulls[0] ? BITMAPLEN(lengthof(values)) : 0));
	data_size = heap_compute_data_size(s->result, values, nulls);
	length = MAXALIGN(start + data_size);
	tuple = (MinimalTuple) room_in_batch(s, size, length);
	memset(tuple, 0, length);
	tuple->t_len = (uint32) length; /* the next one is behind it */
	HeapTupleHeaderSetNatts(tuple, lengthof(values));
	tuple->t_hoff = (uint8) (start + MINIMAL_TUPLE_OFFSET);
	heap_fill_tuple(s->result, values, nulls, (char *) tuple + start, data_size, &tuple->t_infomask,
					nulls[0] ? tuple->t_bits : NULL);
	return size + length;
}

static bytea *
give_tuples(void *state)
{
	BlockScorer *s = (BlockScorer *) state;
	size_t		size = BATCH_START;

	if (s->n == 0)
		return NULL;
	ml_model_score_block(s->model, s->n, s->values, s->scratch, s->score);
	for (int row = 0; row < s->n; row++)
		size = form_tuple(s, row, size);
	s->n = 0;
	MemoryContextReset(s->row_context);
	SET_VARSIZE(s->batch, size);
	return s->batch;
}

static const MlRowWork scoring = {begin_scoring, take_row, give_tuples};

void
mlserve_register_work(void)
{
	mling_register_work(&scoring);
}

/* ---------------------------------------------------------------- in the session */

typedef struct TableScorer
{
	Tuplestorestate *store;
	TupleDesc	result;
	TupleTableSlot *slot;		/* for tuples of a batch */
	MlScorer   *scorer;
	TupleDesc	desc;			/* the source's */
	KeyColumn	key;
	MemoryContext row_context;
	uint64		n_rows;
} TableScorer;

static void
count_rows(TableScorer *table, uint64 n)
{
	uint64		before = table->n_rows;

	table->n_rows += n;
	if (before / MLOPS_PROGRESS_ROWS != table->n_rows / MLOPS_PROGRESS_ROWS)
		mlbase_progress_done((double) table->n_rows);
}

/* Bytes come as they were sent, but may begin at an address that suits no tuple. */
static void
store_tuples(const char *bytes, size_t size, char *areas, void *arg)
{
	TableScorer *table = (TableScorer *) arg;
	size_t		at = BATCH_START - VARHDRSZ;
	char	   *copy = NULL;
	uint64		n = 0;

	if ((uintptr_t) (bytes + at) % MAXIMUM_ALIGNOF != 0)
	{
		copy = palloc(size - at);
		memcpy(copy, bytes + at, size - at);
		bytes = copy;
		size -= at;
		at = 0;
	}
	for (; at < size; n++)
	{
		MinimalTuple tuple = (MinimalTuple) unconstify(char *, bytes + at);

		ExecStoreMinimalTuple(tuple, table->slot, false);
		tuplestore_puttupleslot(table->store, table->slot);
		at += tuple->t_len;
	}
	ExecClearTuple(table->slot);
	if (copy)
		pfree(copy);
	count_rows(table, n);
}

/* A row whose version is chosen by its key or columns. */
static void
score_slot(TupleTableSlot *slot, void *arg)
{
	TableScorer *table = (TableScorer *) arg;
	MemoryContext caller = MemoryContextSwitchTo(table->row_context);
	double		score;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (table->n_rows == 0)
		mlserve_map_values(table->scorer, table->desc);
	score = mlserve_score_slot(table->scorer, slot);
	fill_result(key_of(&table->key, slot), score, mlserve_scorer_resolved(table->scorer)->threshold, values, nulls);
	tuplestore_putvalues(table->store, table->result, values, nulls);
	MemoryContextSwitchTo(caller);
	count_rows(table, 1);
	if ((table->n_rows & 1023) == 0)
		MemoryContextReset(table->row_context);
}

void
mlserve_score_table(MlScorer *scorer, MlSource *source, int key, Tuplestorestate *store, TupleDesc result)
{
	TableScorer table = {.store = store, .result = result, .scorer = scorer, .desc = source->desc};

	if (scorer->chooses)
	{
		find_key(source->desc, key, &table.key);
		table.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops score rows", ALLOCSET_DEFAULT_SIZES);
		mling_each_row(source, score_slot, &table);
		MemoryContextDelete(table.row_context);
	}
	else
	{
		const MlResolved *resolved = mlserve_scorer_resolved(scorer);
		Told		told = {resolved->version_id, resolved->threshold, key};

		strlcpy(told.model, scorer->route->name, sizeof(told.model));
		table.slot = MakeSingleTupleTableSlot(result, &TTSOpsMinimalTuple);
		mling_work_on_rows(source, NULL, &scoring, &told, sizeof(told), (MlBatchReceiver) {NULL, store_tuples, &table});
		ExecDropSingleTupleTableSlot(table.slot);
	}
}
