/*-------------------------------------------------------------------------
 * reader_shared.c
 *	  Rows to a data set in processes of a parallel plan.
 *
 * Each process turns its rows into chunks of columns, narrowed as they are kept; the
 * session only copies chunks into the data set.  A worker fills slots of its shared
 * memory by turns.  What passes Gather is a note for each chunk: where it is, and the
 * bytes of categories that the process met for the first time.  A process numbers them
 * for itself, and the session keeps a list for each process of what its codes are in the
 * data set.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "ingest/reader.h"
#include "ingest/source.h"

/* Bytes from column to column of a slot: at equal addresses modulo a page they would compete for a set of the L1 cache. */
#define COLUMN_STRIDE (ML_CHUNK_ROWS * sizeof(uint64_t) + 192)

#define MOST_SLOTS 4			/* while the session is busy, a worker goes on */
#define LEAST_SLOTS 2
#define SLOT_BYTES ((size_t) 4 << 20)	/* more than that takes the least */

/* New categories that make a chunk end, and all those after which a process begins anew. */
#define MOST_NEW_BYTES ((size_t) 16 << 20)
#define MOST_LEVEL_BYTES ((size_t) 32 << 20)

/* What is sent to the session waits until there is a quarter of its queue, which has 64 kB. */
#define LEAST_NOTE 20000

/* ---------------------------------------------------------------- what is told and noted */

typedef struct ToldColumn
{
	MlConverter converter;		/* pointers are set anew */
	MlColumnKind kind;
	bool		hashed;
	bool		is_label;
	bool		infinite_is_missing;
	int			attribute;		/* in the result */
} ToldColumn;

typedef struct Told
{
	int			n_columns;
	bool		uses_memory;
	char		zone[TZ_STRLEN_MAX + 1];
	ToldColumn	columns[FLEXIBLE_ARRAY_MEMBER];
} Told;

/* The beginning of a worker's area; slots follow. */
typedef struct Area
{
	PGPROC	   *worker;			/* whose latch is set when a slot is free */
	pg_atomic_uint32 full[MOST_SLOTS];	/* until the session has copied what is in it */
} Area;

typedef struct NotedColumn
{
	uint32		width;
	uint32		n_infinite;
	uint32		n_new;			/* categories, whose sizes and bytes follow the columns */
} NotedColumn;

/* A chunk. */
typedef struct Note
{
	int			worker;			/* -1: the session itself */
	int			slot;
	char	   *values;			/* the session's chunk */
	uint32		n;				/* rows */
	uint32		n_labelled;
	bool		anew;			/* codes begin from 0 */
} Note;

static int
n_slots(int n_columns)
{
	size_t		slot = n_columns * COLUMN_STRIDE;

	return slot > SLOT_BYTES / LEAST_SLOTS ? LEAST_SLOTS : Min(MOST_SLOTS, Max(LEAST_SLOTS, SLOT_BYTES / slot));
}

static size_t
area_bytes(int n_columns)
{
	return CACHELINEALIGN(sizeof(Area)) + n_slots(n_columns) * (n_columns * COLUMN_STRIDE);
}

static size_t
area_size(const void *told)
{
	return area_bytes(((const Told *) told)->n_columns);
}

static char *
slot_at(char *area, int n_columns, int slot)
{
	return area + CACHELINEALIGN(sizeof(Area)) + slot * (n_columns * COLUMN_STRIDE);
}

size_t
mling_shared_bytes(int n_columns)
{
	return max_parallel_workers_per_gather * area_bytes(n_columns);
}

/* ---------------------------------------------------------------- in all processes */

/* Turns rows of a process into chunks. */
typedef struct ChunkMaker
{
	DatasetReceiver rows;		/* its data set has one open chunk, that of the slot */
	MlArenaMark mark;			/* of the arena without levels */
	uint32	   *n_noted;		/* [n_columns] categories that the session knows */
	bool		anew;
	size_t		least;			/* bytes of the arena without levels */
	size_t		used;			/* at the end of the chunk before */
	Area	   *area;			/* NULL in the session */
	char	   *local;			/* the session's only slot */
	int			slot;
	StringInfoData note;
} ChunkMaker;

/* Waits until the session has copied what is in the slot, and makes it the open chunk. */
static void
open_slot(ChunkMaker *maker)
{
	int			n_columns = maker->rows.n_columns;
	char	   *values = maker->area ? slot_at((char *) maker->area, n_columns, maker->slot) : maker->local;

	while (maker->area && pg_atomic_read_u32(&maker->area->full[maker->slot]) != 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 100, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	pg_memory_barrier();
	for (int c = 0; c < n_columns; c++)
		maker->rows.columns[c].column->open.number = (double *) (values + c * COLUMN_STRIDE);
	maker->rows.dataset->n_rows = 0;
	maker->rows.n_labelled = 0;
	for (int c = 0; c < n_columns; c++)
		maker->rows.columns[c].n_infinite = 0;
}

/* Levels are forgotten: the session is told with the next chunk. */
static void
begin_levels(ChunkMaker *maker)
{
	MlContext  *ctx = maker->rows.ctx;

	ml_arena_release(ctx->arena, maker->mark);
	mlbase_check(ctx, ml_dataset_forget_levels(ctx, maker->rows.dataset));
	memset(maker->n_noted, 0, maker->rows.n_columns * sizeof(uint32));
	maker->anew = true;
	maker->used = ml_arena_used(ctx->arena);
}

static void
tell_column(const Told *told, int c, ColumnReader *reader, MlColumnSpec *spec)
{
	const ToldColumn *column = &told->columns[c];

	reader->converter = column->converter;
	reader->converter.recorded = NULL;
	if (column->converter.zone)
		reader->converter.zone = pg_tzset(told->zone);
	reader->hashed = column->hashed;
	reader->is_label = column->is_label;
	reader->infinite_is_missing = column->infinite_is_missing;
	reader->attribute = column->attribute;
	*spec = (MlColumnSpec)
	{
		"", "", column->kind, false
	};
}

static void *
begin_chunks(const void *arg, size_t size, TupleDesc desc, void *area)
{
	const Told *told = (const Told *) arg;
	ChunkMaker *maker = palloc0(sizeof(ChunkMaker));
	DatasetReceiver *rows = &maker->rows;
	MlColumnSpec *specs = palloc(Max(told->n_columns, 1) * sizeof(MlColumnSpec));

	rows->ctx = mlbase_engine_context(1, 0, false);
	rows->n_columns = told->n_columns;
	rows->columns = palloc0(Max(told->n_columns, 1) * sizeof(ColumnReader));
	rows->uses_memory = told->uses_memory;
	rows->row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops ingestion", ALLOCSET_DEFAULT_SIZES);
	for (int c = 0; c < told->n_columns; c++)
		tell_column(told, c, &rows->columns[c], &specs[c]);
	mlbase_check(rows->ctx, ml_dataset_create(rows->ctx, told->n_columns, specs, NULL, &rows->dataset));
	for (int c = 0; c < told->n_columns; c++)
	{
		rows->columns[c].column = &rows->dataset->columns[c];
		if (rows->columns[c].is_label)
			rows->label = rows->columns[c].column;
	}
	mling_place_columns(rows, desc);
	maker->n_noted = palloc0(Max(told->n_columns, 1) * sizeof(uint32));
	maker->mark = ml_arena_mark(rows->ctx->arena);
	maker->least = ml_arena_used(rows->ctx->arena);
	begin_levels(maker);
	if (area)
	{
		maker->area = (Area *) area;
		maker->area->worker = MyProc;
		for (int slot = 0; slot < MOST_SLOTS; slot++)
			pg_atomic_init_u32(&maker->area->full[slot], 0);
	}
	else
		maker->local = MemoryContextAllocHuge(CurrentMemoryContext, Max(told->n_columns, 1) * COLUMN_STRIDE);
	initStringInfo(&maker->note);
	return maker;
}

/* A chunk ends before its time where its new categories would make too long a note. */
static bool
take_row(void *state, TupleTableSlot *slot)
{
	ChunkMaker *maker = (ChunkMaker *) state;

	if (maker->rows.dataset->n_rows == 0)
		open_slot(maker);
	mling_store_row(&maker->rows, slot);
	return maker->rows.dataset->n_rows == ML_CHUNK_ROWS ||
		(maker->rows.uses_memory && ml_arena_used(maker->rows.ctx->arena) > maker->used + MOST_NEW_BYTES);
}

/* Categories of a column that the session does not know yet, for the note. */
static void
note_levels(ChunkMaker *maker, int c)
{
	const MlDictionary *dictionary = maker->rows.columns[c].column->dictionary;

	for (uint32 code = maker->n_noted[c]; code < ml_dictionary_size(dictionary); code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(dictionary, code, &size);
		uint32		size32 = (uint32) size;

		appendBinaryStringInfo(&maker->note, (char *) &size32, sizeof(size32));
		appendBinaryStringInfo(&maker->note, bytes, (int) size);
	}
	maker->n_noted[c] = ml_dictionary_size(dictionary);
}

static void
note_column(ChunkMaker *maker, int c)
{
	ColumnReader *reader = &maker->rows.columns[c];
	NotedColumn noted = {0};

	noted.width = ml_column_narrow(reader->column, maker->rows.dataset->n_rows);
	noted.n_infinite = (uint32) reader->n_infinite;
	if (reader->column->kind == ML_COLUMN_CATEGORY)
		noted.n_new = ml_dictionary_size(reader->column->dictionary) - maker->n_noted[c];
	appendBinaryStringInfo(&maker->note, (char *) &noted, sizeof(noted));
}

static void
write_note(ChunkMaker *maker)
{
	DatasetReceiver *rows = &maker->rows;
	Note		note = {maker->area ? ParallelWorkerNumber : -1, maker->slot, maker->local, (uint32) rows->dataset->n_rows};
	int			missing;

	mling_settle_chunk(rows);
	note.n_labelled = (uint32) rows->n_labelled;
	note.anew = maker->anew;
	resetStringInfo(&maker->note);
	appendStringInfoSpaces(&maker->note, VARHDRSZ);
	appendBinaryStringInfo(&maker->note, (char *) &note, sizeof(note));
	for (int c = 0; c < rows->n_columns; c++)
		note_column(maker, c);
	for (int c = 0; c < rows->n_columns; c++)
	{
		if (rows->columns[c].column->kind == ML_COLUMN_CATEGORY)
			note_levels(maker, c);
	}
	missing = maker->area ? LEAST_NOTE - maker->note.len : 0;
	if (missing > 0)
		appendStringInfoSpaces(&maker->note, missing);
	SET_VARSIZE(maker->note.data, maker->note.len);
	maker->anew = false;
}

static bytea *
give_chunk(void *state)
{
	ChunkMaker *maker = (ChunkMaker *) state;

	if (maker->rows.dataset->n_rows == 0)
		return NULL;
	write_note(maker);
	if (maker->area)
	{
		pg_write_barrier();
		pg_atomic_write_u32(&maker->area->full[maker->slot], 1);
		maker->slot = (maker->slot + 1) % n_slots(maker->rows.n_columns);
	}
	maker->used = ml_arena_used(maker->rows.ctx->arena);
	if (maker->used > maker->least + MOST_LEVEL_BYTES)
		begin_levels(maker);
	maker->rows.dataset->n_rows = 0;
	return (bytea *) maker->note.data;
}

const MlRowWork mling_reading = {begin_chunks, take_row, give_chunk, area_size};

/* ---------------------------------------------------------------- in the session */

/* What the codes of a process are in the data set. */
typedef struct Codes
{
	uint32		n;
	uint32		capacity;
	uint32	   *code;
} Codes;

typedef struct Adopter
{
	DatasetReceiver *rows;
	size_t		area_size;
	int			n_processes;	/* that have been heard of; the session is the first */
	Codes	  **codes;			/* [n_processes][n_columns] */
	const void **values;		/* [n_columns] of the chunk */
	uint8	   *width;			/* [n_columns] */
	MemoryContext context;
} Adopter;

/* Those of a process, which may be a new one. */
static Codes *
codes_of(Adopter *adopter, int process)
{
	while (adopter->n_processes <= process)
	{
		int			n = adopter->n_processes + 1;

		adopter->codes = adopter->codes ? repalloc(adopter->codes, n * sizeof(Codes *))
			: MemoryContextAlloc(adopter->context, n * sizeof(Codes *));
		adopter->codes[n - 1] = MemoryContextAllocZero(adopter->context, Max(adopter->rows->n_columns, 1) * sizeof(Codes));
		adopter->n_processes = n;
	}
	return adopter->codes[process];
}

/* The code of a category that a process met. */
static void
add_code(Adopter *adopter, Codes *codes, MlColumn *column, const char *bytes, size_t size)
{
	if (codes->n == codes->capacity)
	{
		codes->capacity = Max(64, 2 * codes->capacity);
		codes->code = codes->code ? repalloc_huge(codes->code, codes->capacity * sizeof(uint32))
			: MemoryContextAlloc(adopter->context, codes->capacity * sizeof(uint32));
	}
	mling_check_read(adopter->rows, ml_column_intern(adopter->rows->ctx, column, bytes, size, &codes->code[codes->n]));
	codes->n++;
}

/* Reads n categories at *bytes, and moves it behind them. */
static void
adopt_levels(Adopter *adopter, Codes *codes, MlColumn *column, uint32 n, const char **bytes)
{
	for (uint32 i = 0; i < n; i++)
	{
		uint32		size;

		memcpy(&size, *bytes, sizeof(size));
		*bytes += sizeof(size);
		add_code(adopter, codes, column, *bytes, size);
		*bytes += size;
	}
}

/* In place, in the slot. */
static void
translate(const Codes *codes, uint32 *code, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		if (code[i] != ML_MISSING_CODE)
			code[i] = codes->code[code[i]];
	}
}

/* Lets a worker fill the slot again. */
static void
free_slot(char *area, int slot)
{
	pg_memory_barrier();
	pg_atomic_write_u32(&((Area *) area)->full[slot], 0);
	SetLatch(&((Area *) area)->worker->procLatch);
}

static void
adopt_columns(Adopter *adopter, const Note *note, const char *noted, char *values)
{
	DatasetReceiver *rows = adopter->rows;
	Codes	   *codes = codes_of(adopter, note->worker + 1);
	const char *levels = noted + rows->n_columns * sizeof(NotedColumn);

	for (int c = 0; c < rows->n_columns; c++)
	{
		MlColumn   *column = rows->columns[c].column;
		NotedColumn one;

		memcpy(&one, noted + c * sizeof(one), sizeof(one));
		adopter->values[c] = values + c * COLUMN_STRIDE;
		adopter->width[c] = (uint8) one.width;
		rows->columns[c].n_infinite += one.n_infinite;
		if (column->kind != ML_COLUMN_CATEGORY)
			continue;
		if (note->anew)
			codes[c].n = 0;
		adopt_levels(adopter, &codes[c], column, one.n_new, &levels);
		translate(&codes[c], (uint32 *) (values + c * COLUMN_STRIDE), note->n);
	}
}

static void
adopt_chunk(const char *bytes, size_t size, char *areas, void *arg)
{
	Adopter    *adopter = (Adopter *) arg;
	DatasetReceiver *rows = adopter->rows;
	size_t		before = rows->dataset->n_rows;
	Note		note;
	char	   *area = NULL;
	char	   *values;

	memcpy(&note, bytes, sizeof(note));
	values = note.values;
	if (note.worker >= 0)
	{
		area = areas + note.worker * adopter->area_size;
		pg_read_barrier();
		values = slot_at(area, rows->n_columns, note.slot);
	}
	adopt_columns(adopter, &note, bytes + sizeof(note), values);
	rows->n_labelled += note.n_labelled;
	mling_check_read(rows, ml_dataset_append(rows->ctx, rows->dataset, note.n, adopter->values, adopter->width));
	if (area)
		free_slot(area, note.slot);
	mling_check_rows(rows);
	if (before / MLOPS_PROGRESS_ROWS != rows->dataset->n_rows / MLOPS_PROGRESS_ROWS)
		mlbase_progress_done((double) rows->dataset->n_rows);
}

static void
begin_adopting(void *arg)
{
	mling_check_table(((Adopter *) arg)->rows);
}

/* What all processes must know to convert a row. */
static Told *
make_told(const DatasetReceiver *rows, const MlSource *source, const bool *needed, size_t *size)
{
	int		   *mapping = palloc(Max(source->desc->natts, 1) * sizeof(int));
	Told	   *told;

	*size = offsetof(Told, columns) + rows->n_columns * sizeof(ToldColumn);
	told = palloc0(*size);
	(void) mling_query_for_columns(source, needed, mapping);
	told->n_columns = rows->n_columns;
	told->uses_memory = rows->uses_memory;
	for (int c = 0; c < rows->n_columns; c++)
	{
		const ColumnReader *reader = &rows->columns[c];

		told->columns[c] = (ToldColumn)
		{
			reader->converter, reader->column->kind, reader->hashed, reader->is_label, reader->infinite_is_missing,
				mapping[rows->wanted[c].position]
		};
		if (reader->converter.zone)
			strlcpy(told->zone, pg_get_timezone_name(reader->converter.zone), sizeof(told->zone));
	}
	return told;
}

void
mling_read_shared(DatasetReceiver *receiver, MlSource *source, const bool *needed)
{
	Adopter		adopter = {.rows = receiver, .area_size = CACHELINEALIGN(area_bytes(receiver->n_columns)), .context = CurrentMemoryContext};
	size_t		size;
	Told	   *told = make_told(receiver, source, needed, &size);

	adopter.values = palloc(Max(receiver->n_columns, 1) * sizeof(void *));
	adopter.width = palloc(Max(receiver->n_columns, 1) * sizeof(uint8));
	mling_work_on_rows(source, needed, &mling_reading, told, size, (MlBatchReceiver) {begin_adopting, adopt_chunk, &adopter});
}
