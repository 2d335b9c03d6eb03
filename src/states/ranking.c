/*-------------------------------------------------------------------------
 * ranking.c
 *	  The state of the ranking aggregates, as it grows and as it is stored.
 *
 * Growing, it is an expanded object that nodeAgg adopts: rows are appended as
 * sort keys to one of two buffers, of positives and of negatives; a full
 * buffer is sorted, counted and becomes a run (a ranking); each run is at
 * least twice as long as the one above it, else the two are merged.  So n rows
 * cost n log n steps at worst, and ties take no memory.  Reading merges all
 * runs into one.  That changes where the rows are, not which they are, and may
 * be done through a read-only pointer, as core's arrays are deconstructed in
 * place.
 *
 * Stored, it is a flat varlena (FlatRanking) in the byte order of the machine.
 * One set of rows has one flat form, whatever the order in which it was
 * gathered or merged.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/states.h"
#include "states/verify.h"

/* Bytes that the runs of a state may take; while two are merged, twice that. */
#ifndef RANKING_STATE_LIMIT
#define RANKING_STATE_LIMIT ((Size) 1 << 30)
#endif

#define BYTES_PER_SCORE (3 * sizeof(double))

/* Keys in a buffer: the first allocation, and when it is sorted. */
#define FIRST_KEYS 8
#define MOST_KEYS ((Size) 1 << 20)

/* Longer work than on so many scores can be interrupted. */
#define LONG_WORK 200000

/* Counts are doubles in rankings: whole numbers up to here are exact. */
#define MOST_ROWS ((double) (UINT64CONST(1) << 53))

#define STATE_MAGIC 0x4D4C5253
#define FLAT_MAGIC 0x4B524C4D	/* "MLRK" on a little-endian machine */
#define FLAT_VERSION 1

typedef struct KeyBuffer
{
	uint64_t   *keys;			/* ml_falling_key of scores, not sorted */
	Size		n;
	Size		capacity;
} KeyBuffer;

struct MlRankingState
{
	ExpandedObjectHeader header;
	uint32		magic;
	uint32		count_size;		/* of the flat form that get_flat_size announced */
	int64		k;
	KeyBuffer	buffers[2];		/* by label */
	MlRanking  *runs;			/* each in one chunk of memory, at .score */
	int			n_runs;
	int			runs_capacity;
};

/*
 * After the header: scores, falling; then the counts of positives, then of
 * negatives, as unsigned integers of the least size that holds the greatest.
 */
typedef struct FlatRanking
{
	int32		vl_len_;
	uint32		magic;
	uint16		version;
	uint16		count_size;		/* 1, 2, 4 or 8 bytes */
	uint32		reserved;		/* 0 */
	int64		k;				/* of precision_at, or 0 */
	uint64		n;				/* distinct scores */
	double		score[FLEXIBLE_ARRAY_MEMBER];
} FlatRanking;

StaticAssertDecl(offsetof(FlatRanking, score) == 32, "the layout is stored in tables");

static Size get_flat_size(ExpandedObjectHeader *header);
static void flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size);

static const ExpandedObjectMethods ranking_state_methods = {get_flat_size, flatten_into};

/* ---------------------------------------------------------------- runs */

/*
 * An engine context, so that a cancel is noticed; NULL for short work, where making
 * one would cost more.
 */
static MlContext *
begin_long_work(Size n)
{
	return n > LONG_WORK ? mlbase_engine_context(1, 0, false) : NULL;
}

/*
 * Raises what ended the work.  Without a context nothing asks for an abort, so
 * there is no failure either.
 */
static void
end_long_work(MlContext *ctx, MlStatus status)
{
	if (ctx == NULL)
		return;
	mlbase_check(ctx, status);
	mlbase_engine_free(ctx);
}

/*
 * Room for so many scores in one chunk of the state's context, freed by
 * pfree(run.score).
 */
static MlRanking
allocate_run(MlRankingState *state, Size capacity)
{
	double	   *memory = MemoryContextAllocHuge(state->header.eoh_context, capacity * BYTES_PER_SCORE);

	return (MlRanking) {0, memory, memory + capacity, memory + 2 * capacity, 0, 0};
}

/* Moves a run with many ties to memory of its size.  capacity is that of its memory. */
static void
shrink_run(MlRankingState *state, MlRanking *run, Size capacity)
{
	MlRanking	fitting;

	if (run->n > capacity / 4 * 3)
		return;
	fitting = allocate_run(state, run->n);
	memcpy(fitting.score, run->score, run->n * sizeof(double));
	memcpy(fitting.positives, run->positives, run->n * sizeof(double));
	memcpy(fitting.negatives, run->negatives, run->n * sizeof(double));
	pfree(run->score);
	run->score = fitting.score;
	run->positives = fitting.positives;
	run->negatives = fitting.negatives;
}

/* The top two runs of the stack become one.  An error leaves both as they were. */
static void
merge_last_two(MlRankingState *state)
{
	MlRanking  *a = &state->runs[state->n_runs - 2];
	MlRanking  *b = &state->runs[state->n_runs - 1];
	Size		capacity = a->n + b->n;
	MlRanking	merged = allocate_run(state, capacity);
	MlContext  *ctx = begin_long_work(capacity);

	end_long_work(ctx, ml_ranking_merge(ctx, a, b, &merged));
	pfree(a->score);
	pfree(b->score);
	*a = merged;
	state->n_runs--;
	shrink_run(state, a, capacity);
}

static Size
scores_in_runs(const MlRankingState *state)
{
	Size		n = 0;

	for (int i = 0; i < state->n_runs; i++)
		n += state->runs[i].n;
	return n;
}

static double
rows_in_runs(const MlRankingState *state)
{
	double		rows = 0;

	for (int i = 0; i < state->n_runs; i++)
		rows += state->runs[i].total_positives + state->runs[i].total_negatives;
	return rows;
}

/* Errors: 54000, too many distinct scores or too many rows. */
static void
check_limits(MlRankingState *state)
{
	Size		most = RANKING_STATE_LIMIT / BYTES_PER_SCORE;

	if (scores_in_runs(state) > most)
	{
		/* the runs may have scores in common */
		while (state->n_runs > 1)
			merge_last_two(state);
		if (scores_in_runs(state) > most)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many distinct scores in one ranking"),
					 errdetail("There are %zu; at most %zu fit into %zu MB.",
							   scores_in_runs(state), most, RANKING_STATE_LIMIT / (1024 * 1024)),
					 errhint("Round the scores, or judge a sample of the rows.")));
	}
	if (rows_in_runs(state) > MOST_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows in one ranking"),
				 errdetail("There are %.0f; at most %.0f can be counted.",
						   rows_in_runs(state), MOST_ROWS)));
}

/*
 * Takes a run over, whose memory must be a chunk in the state's context, and merges
 * until each is at least twice as long as the one above.
 */
static void
push_run(MlRankingState *state, MlRanking run)
{
	if (state->n_runs == state->runs_capacity)
	{
		int			capacity = Max(4, 2 * state->runs_capacity);

		state->runs = state->runs
			? repalloc(state->runs, capacity * sizeof(MlRanking))
			: MemoryContextAlloc(state->header.eoh_context, capacity * sizeof(MlRanking));
		state->runs_capacity = capacity;
	}
	state->runs[state->n_runs++] = run;
	while (state->n_runs > 1 &&
		   state->runs[state->n_runs - 2].n < 2 * state->runs[state->n_runs - 1].n)
		merge_last_two(state);
	check_limits(state);
}

/* Sorts the buffered keys into a run and empties the buffers. */
static void
flush_buffers(MlRankingState *state)
{
	KeyBuffer  *negatives = &state->buffers[0];
	KeyBuffer  *positives = &state->buffers[1];
	Size		n = negatives->n + positives->n;
	uint64_t   *spare;
	uint64_t   *sorted_positives;
	uint64_t   *sorted_negatives;
	MlRanking	run;
	MlContext  *ctx;
	MlStatus	status;

	if (n == 0)
		return;
	spare = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(uint64_t));
	run = allocate_run(state, n);
	ctx = begin_long_work(n);
	status = ml_sort_keys(ctx, positives->keys, spare, positives->n, &sorted_positives);
	if (status == ML_OK)
		status = ml_sort_keys(ctx, negatives->keys, spare + positives->n, negatives->n,
							  &sorted_negatives);
	if (status == ML_OK)
		status = ml_ranking_from_keys(ctx, sorted_positives, positives->n,
									  sorted_negatives, negatives->n, &run);
	end_long_work(ctx, status);
	pfree(spare);
	negatives->n = positives->n = 0;
	shrink_run(state, &run, n);
	push_run(state, run);
}

/* ---------------------------------------------------------------- flat form */

static Size
flat_size(Size n, Size count_size)
{
	return offsetof(FlatRanking, score) + n * (sizeof(double) + 2 * count_size);
}

static Size
needed_count_size(double greatest)
{
	return greatest <= PG_UINT8_MAX ? 1 : greatest <= PG_UINT16_MAX ? 2
		: greatest <= PG_UINT32_MAX ? 4 : 8;
}

/* counts [n] to n * count_size bytes; each fits. */
static void
write_counts(char *to, const double *counts, Size n, Size count_size)
{
	for (Size i = 0; i < n; i++)
	{
		switch (count_size)
		{
			case 1:
				((uint8 *) to)[i] = (uint8) counts[i];
				break;
			case 2:
				((uint16 *) to)[i] = (uint16) counts[i];
				break;
			case 4:
				((uint32 *) to)[i] = (uint32) counts[i];
				break;
			default:
				((uint64 *) to)[i] = (uint64) counts[i];
				break;
		}
	}
}

/* Returns the sum. */
static double
read_counts(double *counts, const char *from, Size n, Size count_size)
{
	double		sum = 0;

	for (Size i = 0; i < n; i++)
	{
		switch (count_size)
		{
			case 1:
				counts[i] = ((const uint8 *) from)[i];
				break;
			case 2:
				counts[i] = ((const uint16 *) from)[i];
				break;
			case 4:
				counts[i] = ((const uint32 *) from)[i];
				break;
			default:
				counts[i] = (double) ((const uint64 *) from)[i];
				break;
		}
		sum += counts[i];
	}
	return sum;
}

/*
 * What is wrong with the header of a flat state, or NULL.  After this nothing
 * in it can lead out of it.
 */
static const char *
flat_header_problem(void *value)
{
	const FlatRanking *flat = (const FlatRanking *) value;
	Size		size = VARSIZE(flat);

	if (size < offsetof(FlatRanking, score))
		return "it is too short";
	if (flat->magic != FLAT_MAGIC)
		return "it does not begin with the mark of a ranking state";
	if (flat->version != FLAT_VERSION)
		return "it is of an unknown version";
	if (flat->count_size != 1 && flat->count_size != 2 && flat->count_size != 4 &&
		flat->count_size != 8)
		return "the size of its counts is wrong";
	/* the first comparison keeps the second one from overflowing */
	if (flat->n > size || size != flat_size(flat->n, flat->count_size))
		return "its length does not fit its number of scores";
	return NULL;
}

/* The ranking of a flat state whose header has been checked. */
static MlRanking
read_flat(MlRankingState *state, const FlatRanking *flat)
{
	MlRanking	run = allocate_run(state, flat->n);
	const char *counts = (const char *) (flat->score + flat->n);

	run.n = flat->n;
	memcpy(run.score, flat->score, run.n * sizeof(double));
	run.total_positives = read_counts(run.positives, counts, run.n, flat->count_size);
	run.total_negatives = read_counts(run.negatives, counts + run.n * flat->count_size, run.n,
									  flat->count_size);
	return run;
}

/* What is wrong with the numbers of a flat state, or NULL. */
static const char *
flat_content_problem(const FlatRanking *flat)
{
	MlRankingState *scratch = mlstate_ranking_create(CurrentMemoryContext);
	MlRanking	run = read_flat(scratch, flat);
	const char *problem = NULL;
	double		greatest = 0;

	if (flat->reserved != 0)
		problem = "its reserved bytes are not zero";
	if (flat->k < 0)
		problem = "its k is negative";
	if (run.n == 0)
		problem = "it has no scores";
	if (run.total_positives + run.total_negatives > MOST_ROWS)
		problem = "it counts too many rows";
	for (Size i = 0; i < run.n && problem == NULL; i++)
	{
		if (isnan(run.score[i]))
			problem = "a score is NaN";
		else if (run.score[i] == 0 && signbit(run.score[i]))
			problem = "a score is minus zero";
		else if (i > 0 && run.score[i] >= run.score[i - 1])
			problem = "its scores do not fall";
		else if (run.positives[i] + run.negatives[i] == 0)
			problem = "a score has no rows";
		greatest = Max(greatest, Max(run.positives[i], run.negatives[i]));
	}
	if (problem == NULL && needed_count_size(greatest) != flat->count_size)
		problem = "its counts are larger than they need be";
	MemoryContextDelete(scratch->header.eoh_context);
	return problem;
}

static const char *
flat_problem(void *value)
{
	const char *problem = flat_header_problem(value);

	return problem ? problem : flat_content_problem((const FlatRanking *) value);
}

Datum
mlstate_ranking_from_bytes(const char *payload, Size size, int sqlstate)
{
	return state_from_bytes("ranking_state", flat_problem, payload, size, sqlstate);
}

/*
 * First of the two steps of flattening; merges all runs.  Errors: 54000, larger
 * than a value can be.
 */
static Size
get_flat_size(ExpandedObjectHeader *header)
{
	MlRankingState *state = (MlRankingState *) header;
	const MlRanking *ranking = mlstate_ranking_all(state);
	double		greatest = 0;
	Size		size;

	for (Size i = 0; i < ranking->n; i++)
		greatest = Max(greatest, Max(ranking->positives[i], ranking->negatives[i]));
	state->count_size = needed_count_size(greatest);
	size = flat_size(ranking->n, state->count_size);
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a ranking of %zu distinct scores is too large to be stored", ranking->n),
				 errdetail("It takes %zu bytes; at most %zu are possible.", size, MaxAllocSize),
				 errhint("Round the scores, or judge a sample of the rows.")));
	return size;
}

/* Second step: writes what get_flat_size has measured. */
static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	MlRankingState *state = (MlRankingState *) header;
	const MlRanking *ranking = mlstate_ranking_all(state);
	FlatRanking *flat = (FlatRanking *) result;
	char	   *counts = (char *) (flat->score + ranking->n);

	Assert(allocated_size == flat_size(ranking->n, state->count_size));
	SET_VARSIZE(flat, allocated_size);
	flat->magic = FLAT_MAGIC;
	flat->version = FLAT_VERSION;
	flat->count_size = (uint16) state->count_size;
	flat->reserved = 0;
	flat->k = state->k;
	flat->n = ranking->n;
	memcpy(flat->score, ranking->score, ranking->n * sizeof(double));
	write_counts(counts, ranking->positives, ranking->n, state->count_size);
	write_counts(counts + ranking->n * state->count_size, ranking->negatives, ranking->n,
				 state->count_size);
}

/* ---------------------------------------------------------------- states */

MlRankingState *
mlstate_ranking_create(MemoryContext parent)
{
	/* small at first: GROUP BY may make a million of them */
	MemoryContext context = AllocSetContextCreate(parent, "mlops ranking",
												  ALLOCSET_START_SMALL_SIZES);
	MlRankingState *state = MemoryContextAllocZero(context, sizeof(MlRankingState));

	EOH_init_header(&state->header, &ranking_state_methods, context);
	state->magic = STATE_MAGIC;
	return state;
}

/* Errors: XX000, an expanded object of another type. */
static MlRankingState *
expanded_state(Datum datum)
{
	MlRankingState *state = (MlRankingState *) DatumGetEOHP(datum);

	if (state->magic != STATE_MAGIC)
		elog(ERROR, "an expanded object is not a ranking state");
	return state;
}

MlRankingState *
mlstate_ranking_readable(Datum datum, MemoryContext parent)
{
	MlRankingState *state;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return expanded_state(datum);
	state = mlstate_ranking_create(parent);
	mlstate_ranking_merge(state, datum);
	return state;
}

MlRankingState *
mlstate_ranking_writable(Datum datum, MemoryContext parent)
{
	MlRankingState *state;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return expanded_state(datum);
	state = mlstate_ranking_create(parent);
	mlstate_ranking_merge(state, datum);
	return state;
}

Datum
mlstate_ranking_datum(MlRankingState *state)
{
	return EOHPGetRWDatum(&state->header);
}

/* O(1) but for the sort when a buffer is full. */
void
mlstate_ranking_add(MlRankingState *state, bool label, double score)
{
	KeyBuffer  *buffer = &state->buffers[label ? 1 : 0];

	if (buffer->n == MOST_KEYS)
		flush_buffers(state);
	if (buffer->n == buffer->capacity)
	{
		Size		capacity = Max(FIRST_KEYS, 2 * buffer->capacity);

		buffer->keys = buffer->keys
			? repalloc(buffer->keys, capacity * sizeof(uint64_t))
			: MemoryContextAlloc(state->header.eoh_context, capacity * sizeof(uint64_t));
		buffer->capacity = capacity;
	}
	buffer->keys[buffer->n++] = ml_falling_key(score);
}

void
mlstate_ranking_set_k(MlRankingState *state, int64 k)
{
	if (state->k != 0 && k != 0 && state->k != k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"k\" must be the same for all rows of a group"),
				 errdetail("It is %lld and %lld.", (long long) state->k, (long long) k)));
	if (k != 0)
		state->k = k;
}

int64
mlstate_ranking_k(const MlRankingState *state)
{
	return state->k;
}

/*
 * other is not changed but for where its rows are.  Errors: XX001 (damaged), 22023
 * (another k), 54000.
 */
void
mlstate_ranking_merge(MlRankingState *state, Datum other)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(other)))
	{
		MlRankingState *source = expanded_state(other);
		const MlRanking *ranking = mlstate_ranking_all(source);
		MlRanking	run = allocate_run(state, ranking->n);

		run.n = ranking->n;
		run.total_positives = ranking->total_positives;
		run.total_negatives = ranking->total_negatives;
		memcpy(run.score, ranking->score, run.n * sizeof(double));
		memcpy(run.positives, ranking->positives, run.n * sizeof(double));
		memcpy(run.negatives, ranking->negatives, run.n * sizeof(double));
		mlstate_ranking_set_k(state, source->k);
		push_run(state, run);
	}
	else
	{
		FlatRanking *flat = state_stored("ranking_state", flat_header_problem, other);

		mlstate_ranking_set_k(state, flat->k);
		push_run(state, read_flat(state, flat));
		mlbase_free_detoasted(flat, other);
	}
}

/* The ranking belongs to the state, until the next row. */
const MlRanking *
mlstate_ranking_all(MlRankingState *state)
{
	static const MlRanking empty;

	flush_buffers(state);
	while (state->n_runs > 1)
		merge_last_two(state);
	return state->n_runs == 1 ? &state->runs[0] : &empty;
}
