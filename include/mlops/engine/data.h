/*-------------------------------------------------------------------------
 * data.h
 *	  The columnar data set, dictionaries, the fitted signature
 *	  (preprocessing), binned matrices, and splits.
 *
 * A data set holds the columns of a query as they came: numbers (missing =
 * NaN), categories (codes of the column's own dictionary), times (seconds
 * since 1970-01-01 00:00 in the recorded time zone) and hashes (of keys).
 * A signature is what training learns about turning such columns into
 * features; it travels inside the model and is applied by the same code in
 * training and scoring.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_DATA_H
#define MLOPS_ENGINE_DATA_H

#include <math.h>
#include <stdatomic.h>

#include "mlops/engine/base.h"

/* ---------------------------------------------------------------- dictionary */

#define ML_MISSING_CODE UINT32_MAX	/* the code of NULL in a data set */

/* Distinct byte strings of one column, numbered in order of first sight. */
typedef struct MlDictionary MlDictionary;

/* Number of distinct strings. */
extern uint32_t ml_dictionary_size(const MlDictionary *dictionary);

/* Bytes of a code, not zero-terminated; *size receives the length. */
extern const char *ml_dictionary_bytes(const MlDictionary *dictionary, uint32_t code,
									   size_t *size);

/* An empty dictionary in the arena; NULL when memory is exhausted. */
extern MlDictionary *ml_dictionary_create(MlArena *arena);

/* Code of the bytes, added if new.  Returns false when memory is exhausted. */
extern bool ml_dictionary_intern(MlArena *arena, MlDictionary *dictionary, const void *bytes, size_t size, uint32_t *code);

/* Is there a code for the bytes?  Adds nothing. */
extern bool ml_dictionary_find(const MlDictionary *dictionary, const void *bytes, size_t size, uint32_t *code);

/* ---------------------------------------------------------------- data set */

/* Rows a chunk: 2,048 rows of 30 float64 columns stay in a core's L2 cache. */
#define ML_CHUNK_SHIFT 11
#define ML_CHUNK_ROWS ((size_t) 1 << ML_CHUNK_SHIFT)
#define ML_CHUNK_MASK (ML_CHUNK_ROWS - 1)

typedef enum MlColumnKind
{
	ML_COLUMN_NUMBER,			/* double, NaN = missing, never infinite */
	ML_COLUMN_CATEGORY,			/* code of the column's dictionary, ML_MISSING_CODE */
	ML_COLUMN_TIME,				/* double seconds, NaN = missing */
	ML_COLUMN_HASH				/* uint64 of a key value, equal for equal keys; never a feature */
} MlColumnKind;

/*
 * One sealed chunk of one column.  Numbers are kept as float32 where every
 * value of the chunk survives the round trip, else as float64: values read
 * back are always the exact doubles that were put in.
 */
typedef struct MlChunk
{
	const void *values;			/* float, double, uint32_t or uint64_t; NULL: in the file */
	uint64_t	at;				/* where in the file */
	uint8_t		width;			/* bytes a value: 4 or 8 */
} MlChunk;

/*
 * A file for chunks that need not stay in memory, which the caller has.  What
 * cannot be read counts as missing until ml_dataset_check says so.
 */
typedef struct MlSpillFile
{
	/* Writes behind what is there; on the main thread.  May jump out of the engine. */
	bool		(*append) (void *arg, const void *bytes, size_t size);
	/* On any thread; false: it failed. */
	bool		(*read) (void *arg, uint64_t at, void *bytes, size_t size);
	void	   *arg;
	size_t		memory;			/* bytes of values that stay in memory, before the first goes to the file */
	uint64_t	size;			/* bytes in the file */
	atomic_bool failed;			/* something could not be read */
} MlSpillFile;

typedef struct MlColumn
{
	const char *name;
	const char *type_name;		/* SQL type, recorded in the signature */
	MlColumnKind kind;
	MlChunk    *chunks;			/* n_rows / ML_CHUNK_ROWS, rounded up */
	MlDictionary *dictionary;	/* ML_COLUMN_CATEGORY only */
	bool		overflowed;		/* category: too many distinct values, codes past that point are missing; an
								 * identifier */
	bool		may_spill;		/* chunks may be in the file: read with a cursor */
	union
	{
		double	   *number;		/* NUMBER, TIME: the open chunk, ML_CHUNK_ROWS values */
		uint32_t   *code;		/* CATEGORY */
		uint64_t   *hash;		/* HASH */
	}			open;
} MlColumn;

typedef struct MlDataset
{
	size_t		n_columns;
	MlColumn   *columns;
	size_t		n_rows;			/* sealed rows + rows in the open chunk */
	size_t		n_sealed;		/* rows in sealed chunks */
	size_t		chunk_capacity; /* chunk pointers allocated a column */
	const char *time_zone;		/* the zone TIME columns were taken in, or "" */
	MlSpillFile *file;			/* NULL: everything stays in memory */
	size_t		spillable;		/* bytes in memory of columns that may spill */
} MlDataset;

typedef struct MlColumnSpec
{
	const char *name;
	const char *type_name;
	MlColumnKind kind;
	bool		may_spill;
} MlColumnSpec;

/*
 * Creates an empty data set in ctx->arena.  Names are copied.  file: for chunks of
 * columns that may spill; NULL: all stays in memory.  Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_dataset_create(MlContext *ctx, size_t n_columns, const MlColumnSpec *specs,
								  MlSpillFile *file, MlDataset **dataset);

/*
 * Filling: write the row's values into columns[i].open.xxx[row] with
 * row = n_rows & ML_CHUNK_MASK for every column, then n_rows++; when n_rows
 * becomes a multiple of ML_CHUNK_ROWS call ml_dataset_seal, and once more
 * (if rows are open) at the end.  Seal narrows float64 to float32 where
 * lossless.  Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_dataset_seal(MlContext *ctx, MlDataset *dataset);

/*
 * Makes the first n values of the open chunk as narrow as they can be, in their place;
 * returns their width in bytes.
 */
extern uint8_t ml_column_narrow(MlColumn *column, size_t n);

/*
 * Adds up to ML_CHUNK_ROWS rows that are chunks of another data set with these columns:
 * values [n_columns][n], narrowed to width [n_columns]; codes are those of this one.
 * Errors: ML_OUT_OF_MEMORY, ML_IO_ERROR.
 */
extern MlStatus ml_dataset_append(MlContext *ctx, MlDataset *dataset, size_t n,
								  const void *const *values, const uint8_t *width);

/* New, empty dictionaries for all categories, of a data set whose rows have gone elsewhere. */
extern MlStatus ml_dataset_forget_levels(MlContext *ctx, MlDataset *dataset);

/*
 * Code of the bytes in the column's dictionary, added if new.  Sets
 * column->overflowed and gives ML_MISSING_CODE once the column has more than
 * ML_MAX_DISTINCT distinct values.  Errors: ML_OUT_OF_MEMORY.
 */
#define ML_MAX_DISTINCT 1000000
extern MlStatus ml_column_intern(MlContext *ctx, MlColumn *column,
								 const void *bytes, size_t size, uint32_t *code);

/* Code of the bytes if they are in the column's dictionary; else false. */
extern bool ml_column_find(const MlColumn *column, const void *bytes, size_t size, uint32_t *code);

/* ML_IO_ERROR if something could not be read from the file so far. */
extern MlStatus ml_dataset_check(MlContext *ctx, const MlDataset *dataset);

/* Value of a sealed row, whatever the chunk's width; of a column that cannot spill. */
static inline double
ml_column_number(const MlColumn *column, size_t row)
{
	const MlChunk *chunk = &column->chunks[row >> ML_CHUNK_SHIFT];

	if (chunk->width == 4)
		return ((const float *) chunk->values)[row & ML_CHUNK_MASK];
	return ((const double *) chunk->values)[row & ML_CHUNK_MASK];
}

static inline uint32_t
ml_column_code(const MlColumn *column, size_t row)
{
	return ((const uint32_t *) column->chunks[row >> ML_CHUNK_SHIFT].values)[row & ML_CHUNK_MASK];
}

static inline uint64_t
ml_column_hash(const MlColumn *column, size_t row)
{
	return ((const uint64_t *) column->chunks[row >> ML_CHUNK_SHIFT].values)[row & ML_CHUNK_MASK];
}

/* Is the value of a sealed row missing?  Never for hashes. */
extern bool ml_column_is_missing(const MlColumn *column, size_t row);

/*
 * Reads values of a column wherever they are, chunk by chunk: cheap where rows
 * rise (see MlRows.place).  For one thread.
 */
typedef struct MlCursor
{
	const MlColumn *column;
	MlSpillFile *file;
	size_t		chunk;			/* at hand; SIZE_MAX: none */
	const void *values;			/* of it */
	uint8_t		width;
	void	   *buffer;			/* [ML_CURSOR_BUFFER], where chunks of the file are read to */
} MlCursor;

#define ML_CURSOR_BUFFER (ML_CHUNK_ROWS * sizeof(uint64_t))

/* buffer: may be NULL for a column that cannot spill. */
static inline MlCursor
ml_cursor(const MlDataset *dataset, size_t column, void *buffer)
{
	return (MlCursor) {&dataset->columns[column], dataset->file, SIZE_MAX, NULL, 0, buffer};
}

/* Reads a chunk from the file; all missing where that fails. */
extern void ml_cursor_fetch(MlCursor *cursor, size_t chunk);

static inline void
ml_cursor_turn(MlCursor *cursor, size_t row)
{
	size_t		chunk = row >> ML_CHUNK_SHIFT;

	if (chunk == cursor->chunk)
		return;
	cursor->chunk = chunk;
	cursor->values = cursor->column->chunks[chunk].values;
	cursor->width = cursor->column->chunks[chunk].width;
	if (cursor->values == NULL)
		ml_cursor_fetch(cursor, chunk);
}

static inline double
ml_cursor_number(MlCursor *cursor, size_t row)
{
	ml_cursor_turn(cursor, row);
	return cursor->width == 4 ? ((const float *) cursor->values)[row & ML_CHUNK_MASK]
		: ((const double *) cursor->values)[row & ML_CHUNK_MASK];
}

static inline uint32_t
ml_cursor_code(MlCursor *cursor, size_t row)
{
	ml_cursor_turn(cursor, row);
	return ((const uint32_t *) cursor->values)[row & ML_CHUNK_MASK];
}

static inline uint64_t
ml_cursor_hash(MlCursor *cursor, size_t row)
{
	ml_cursor_turn(cursor, row);
	return ((const uint64_t *) cursor->values)[row & ML_CHUNK_MASK];
}

/*
 * 128-bit content hash over column names, kinds and all rows, independent of
 * the rows' order (sums of row hashes) and of dictionary codes (strings are
 * hashed).  Parallel.  Errors: ML_ABORTED, ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_dataset_fingerprint(MlContext *ctx, const MlDataset *dataset,
									   uint64_t hash[2]);

/*
 * A hash of each row's contents, independent of the order of rows and columns
 * and of dictionary codes: hash [n_rows].  Errors: ML_ABORTED.
 */
extern MlStatus ml_row_hashes(MlContext *ctx, const MlDataset *dataset, uint64_t *hash);

/* ---------------------------------------------------------------- rows */

/* An ordered selection of rows of a data set. */
typedef struct MlRows
{
	const uint32_t *row;		/* row numbers */
	size_t		n;
	const uint32_t *place;		/* [n] positions by rising row number; NULL: as they come (ml_rows_place) */
} MlRows;

/* The i-th position to visit, so that columns are read from their first row to their last. */
static inline size_t
ml_rows_visit(const MlRows *rows, size_t i)
{
	return rows->place ? rows->place[i] : i;
}

/*
 * Sets rows->place, unless rows rise by themselves.  In the order of keys a pass over a
 * column would miss the cache at each row, and a file would be read once for each row.
 * O(rows of the data set).  Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_rows_place(MlContext *ctx, const MlDataset *dataset, MlRows *rows);

/*
 * A number column's values in the rows of n visits from the first on, in this order.
 * The cursor is the column's.
 */
extern void ml_rows_numbers(const MlRows *rows, MlCursor *cursor, size_t first, size_t n, double *values);

typedef enum MlPart
{
	ML_PART_NONE = 0,			/* left out: unlabelled, or inside a label delay */
	ML_PART_TRAIN,
	ML_PART_VALIDATION,
	ML_PART_TEST
} MlPart;

/*
 * Puts all rows in one canonical order that does not depend on how the table
 * was read: by time (when given), then by key hash (when given), rows with the
 * same key by their contents, so that only rows that are equal in all columns
 * keep their positions.  Without a key, what is equal in time is ordered by the
 * position in the data set.  time and key are columns of the data set or -1.
 * order receives n_rows row numbers, allocated in ctx->arena.
 */
extern MlStatus ml_order_rows(MlContext *ctx, const MlDataset *dataset,
							  int time_column, int key_column, uint32_t **order);

/*
 * Temporal split by fractions: of the rows in order (sorted by time), labelled
 * ones only (label 0 or 1, not NaN), the last `test` share becomes
 * test and the `validation` share before it validation.  Rows of one instant
 * never straddle a border: the border moves to the later side's start.
 * label is indexed by data set row; part receives one MlPart a row.
 */
extern MlStatus ml_split_by_time(MlContext *ctx, const MlDataset *dataset,
								 int time_column, const uint32_t *order,
								 const float *label, double validation, double test,
								 uint8_t *part);

/*
 * Temporal split by instants (seconds, as in the data set): train < train_end,
 * validation in [train_end, validation_end), test in [test_start, test_end).
 * Rows in none of them (a label delay) are left out.
 */
extern MlStatus ml_split_at_times(MlContext *ctx, const MlDataset *dataset,
								  int time_column, const float *label,
								  double train_end, double validation_end,
								  double test_start, double test_end, uint8_t *part);

/*
 * Stratified random split: each class is shuffled by (seed, position in order)
 * and cut by the fractions, rounded to the nearest row.
 */
extern MlStatus ml_split_stratified(MlContext *ctx, const MlDataset *dataset,
									const uint32_t *order, const float *label,
									double validation, double test, uint64_t seed,
									uint8_t *part);

/*
 * Folds for cross-validation: fold receives 0 .. n_folds - 1 for each labelled
 * row and ML_NO_FOLD for the others.
 */
#define ML_NO_FOLD 255
#define ML_MAX_FOLDS 100

/* Each class is shuffled by (seed, position in order) and dealt out. */
extern MlStatus ml_folds_stratified(MlContext *ctx, const MlDataset *dataset,
									const uint32_t *order, const float *label, int n_folds,
									uint64_t seed, uint8_t *fold);

/*
 * Rows of one group (equal values of a HASH column) share a fold.  Groups with
 * positives are dealt out first, the most positives to the fold with the fewest
 * of them, then the others by rows; what is equal is shuffled by seed.
 */
extern MlStatus ml_folds_grouped(MlContext *ctx, const MlDataset *dataset, int group_column,
								 const float *label, int n_folds, uint64_t seed, uint8_t *fold);

/*
 * Instants that cut the labelled rows in order into n_blocks blocks of about
 * equal counts; rows of one instant are in one block, those without in none.  border [n_blocks + 1]:
 * a block has the instants border[b] <= t < border[b + 1]; the last is infinite.
 */
extern MlStatus ml_time_blocks(MlContext *ctx, const MlDataset *dataset, int time_column,
							   const uint32_t *order, const float *label, int n_blocks,
							   double *border);

/* The rows of one part, in order's order, with their places. */
extern MlStatus ml_rows_of_part(MlContext *ctx, const MlDataset *dataset,
								const uint32_t *order, const uint8_t *part,
								MlPart which, MlRows *rows);

/* ---------------------------------------------------------------- signature */

#define ML_MAX_BINS 255			/* bins of present values; code 0 is missing */
#define ML_CODE_MISSING 0

/* One column the model reads from a row, by name. */
typedef struct MlInput
{
	const char *name;
	const char *type_name;		/* SQL type at training */
	MlColumnKind kind;			/* NUMBER, CATEGORY or TIME */
	uint32_t	n_categories;	/* known categories; at most 254 without statistic */
	const char *const *category;	/* [n_categories] bytes, by falling count, ties by bytes: code 1 is the
									 * most frequent */
	const uint32_t *category_size;	/* [n_categories] */
	const double *statistic;	/* [n_categories] see ML_FEATURE_STATISTIC; NULL: few enough have a code each */
	uint32_t	n_others;		/* further categories of the training rows, */
	const uint32_t *others;		/* [n_others] by ml_category_hash, rising; where there is a statistic, only
								 * those that encoding leaves out */
} MlInput;

/* What stands for a category that has no code of its own. */
static inline uint32_t
ml_category_hash(const void *bytes, size_t size)
{
	return (uint32_t) (ml_hash_bytes(bytes, size, 0) >> 32);
}

typedef enum MlFeaturePart
{
	ML_FEATURE_VALUE,			/* the number or category itself */
	ML_FEATURE_HOUR,			/* of a time: 0 .. 23 */
	ML_FEATURE_WEEKDAY,			/* of a time: 0 = Sunday .. 6 */
	ML_FEATURE_SECONDS,			/* of a time: seconds since 1970, as stored */
	ML_FEATURE_STATISTIC		/* of a category: log odds of the target among the training rows of its
								 * level, drawn to the prior; of an unknown level the prior */
} MlFeaturePart;

/*
 * One feature a learner sees.  Its code is
 *	 0 for missing;
 *	 numbers: 1 + the number of edges < value, so that "code <= b" is
 *	   "value <= edges[b - 1]";
 *	 categories: 1 + the position in the input's categories, but
 *	   n_bins for one that comes later or is not among them (rare or unseen).
 * n_bins is the highest code that can occur (at most ML_MAX_BINS).
 */
typedef struct MlFeature
{
	const char *name;			/* "amount", "ts.hour", ... */
	uint32_t	input;			/* index into inputs */
	MlFeaturePart part;
	bool		categorical;
	uint32_t	n_bins;
	const double *edges;		/* [n_bins - 1], rising; NULL for categories */
	/* of the present values in the training rows; numbers only: */
	double		mean;
	double		std;			/* population standard deviation; 0 if constant */
	double		minimum;
	double		maximum;
	/* training baseline: how many training rows have each code, [n_bins + 1] */
	const uint64_t *code_counts;
	uint64_t	singles;		/* categories only: rows whose category no other row has */
	const double *training_value;	/* statistics only, by training row: what it was before this row was
									 * counted; not part of the model */
} MlFeature;

typedef struct MlSignature
{
	size_t		n_inputs;
	MlInput    *inputs;
	size_t		n_features;
	MlFeature  *features;
	const uint32_t *input_column;	/* [n_inputs] column of the data set it was fitted on; not part of the
									 * model */
	const char *time_zone;
	double		prior;			/* log odds of the target in the training rows */
} MlSignature;

/*
 * Is it a feature to learn from?  Of a category with a statistic it is the statistic;
 * the codes are there for the baseline.
 */
static inline bool
ml_feature_is_learned(const MlSignature *signature, size_t feature)
{
	const MlFeature *f = &signature->features[feature];

	return !f->categorical || signature->inputs[f->input].statistic == NULL;
}

/* Why a column was not made an input. */
typedef enum MlLeftOutReason
{
	ML_LEFT_OUT_CONSTANT,		/* one value or only NULL in the training rows */
	ML_LEFT_OUT_IDENTIFIER		/* a category whose values are almost all distinct: over 90 % of at least 50
								 * values */
} MlLeftOutReason;

typedef struct MlLeftOut
{
	uint32_t	column;
	MlLeftOutReason reason;
	uint64_t	distinct;
} MlLeftOut;

/*
 * Learns the signature from the training rows: dictionaries, quantile bin
 * edges (at most max_bins bins; midpoints between neighbouring distinct values
 * where there are few enough, else cuts at equal weights, taken from
 * an exact sort or, above 400,000 rows of a class, from a deterministic sample
 * of some 200,000), means and deviations, baseline counts.  label, by data set row, is 1 for the positive class: a rare
 * one weighs more in the choice of edges, so that bins are fine where it lives.
 * columns lists the
 * candidate columns of the data set.  A category of more than max_bins - 1 levels (254
 * at the most) gets a statistic: its training rows' are of the rows before them, in
 * rows' order where that is the order of time, else in one drawn by seed.  Features whose parts are constant (e.g.
 * the hour of a date) are dropped one by one; a column without any is left
 * out and reported.  Errors: ML_BAD_DATA if nothing is left ("all features
 * are constant"), ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_signature_fit(MlContext *ctx, const MlDataset *dataset, MlRows rows,
								 const float *label, size_t n_columns, const uint32_t *columns,
								 int max_bins, uint64_t seed, bool in_time_order,
								 MlSignature **signature,
								 MlLeftOut **left_out, size_t *n_left_out);

/* Number a feature part takes from a stored value (NaN stays NaN). */
static inline double
ml_feature_number(MlFeaturePart part, double value)
{
	double		day;

	switch (part)
	{
		case ML_FEATURE_HOUR:
			return floor((value - 86400.0 * floor(value / 86400.0)) / 3600.0);
		case ML_FEATURE_WEEKDAY:
			day = floor(value / 86400.0) + 4.0; /* 1970-01-01 was a Thursday */
			return day - 7.0 * floor(day / 7.0);
		default:
			return value;
	}
}

/* Code of a number for a feature with these edges (see MlFeature). */
static inline uint8_t
ml_bin_number(const double *edges, uint32_t n_edges, double value)
{
	const double *base = edges;
	uint32_t	length = n_edges;

	if (value != value)
		return ML_CODE_MISSING;
	/* branch-free lower bound: how many edges are < value */
	while (length > 1)
	{
		uint32_t	half = length / 2;

		/* a product, because compilers make a conditional a branch, and on real data every other
		 * one is mispredicted */
		base += (base[half - 1] < value) * half;
		length -= half;
	}
	if (length == 1 && *base < value)
		base++;
	return (uint8_t) (1 + (base - edges));
}

#define ML_NUMBERS_AT_ONCE 8

/*
 * Codes of ML_NUMBERS_AT_ONCE numbers, as ml_bin_number has them.  One search waits for
 * each of its comparisons; so many in step wait for none.
 */
static inline void
ml_bin_numbers(const double *edges, uint32_t n_edges, const double *value, uint8_t *code)
{
	size_t		below[ML_NUMBERS_AT_ONCE] = {0};
	size_t		length = n_edges;

	for (size_t half; length > 1; length -= half)
	{
		half = length / 2;
		for (int k = 0; k < ML_NUMBERS_AT_ONCE; k++)
			below[k] += (edges[below[k] + half - 1] < value[k]) * half;
	}
	for (int k = 0; k < ML_NUMBERS_AT_ONCE; k++)
	{
		below[k] += length == 1 && edges[below[k]] < value[k];
		code[k] = value[k] != value[k] ? ML_CODE_MISSING : (uint8_t) (1 + below[k]);
	}
}

/* Codes of n numbers for a feature with edges. */
static inline void
ml_feature_codes(const double *edges, uint32_t n_edges, const double *value, size_t n, uint8_t *code)
{
	size_t		i = 0;

	for (; i + ML_NUMBERS_AT_ONCE <= n; i += ML_NUMBERS_AT_ONCE)
		ml_bin_numbers(edges, n_edges, value + i, code + i);
	for (; i < n; i++)
		code[i] = ml_bin_number(edges, n_edges, value[i]);
}

/* ---------------------------------------------------------------- binned matrix */

/*
 * Codes of chosen rows for all features, one byte each, in groups of up to
 * ML_GROUP_FEATURES features; inside a group row by row.  A group's histogram
 * (16 * 256 * 8 bytes) fits the L1 cache, and one row of a group is one
 * 16-byte load.
 */
#define ML_GROUP_FEATURES 16

typedef struct MlBinned
{
	size_t		n_rows;
	size_t		n_features;
	size_t		n_groups;		/* n_features / 16, rounded up */
	uint8_t   **group;			/* [n_groups][n_rows * ML_GROUP_FEATURES]; features beyond n_features are 0 */
} MlBinned;

static inline uint8_t
ml_binned_code(const MlBinned *binned, size_t row, size_t feature)
{
	return binned->group[feature / ML_GROUP_FEATURES]
		[row * ML_GROUP_FEATURES + feature % ML_GROUP_FEATURES];
}

/* Bytes ml_binned_create will take from the arena. */
extern size_t ml_binned_size(size_t n_rows, size_t n_features);

/*
 * Bins rows (position i of the matrix is rows.row[i]).  fitted: they are those that
 * the signature was fitted to, whose statistics are their own.  Parallel.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_binned_create(MlContext *ctx, const MlDataset *dataset,
								 const MlSignature *signature, MlRows rows, bool fitted,
								 MlBinned **binned);

/* ---------------------------------------------------------------- frozen data */

/*
 * What trainings need, in one block of memory without pointers that other
 * processes can map: labels, sample weights, the needed columns, and one or
 * more views.  A view is what one training sees: its rows and, if they were
 * fitted already, a signature and its binned matrices.  Rows that are in no
 * view (test rows, unlabelled ones) are not there at all.
 */
typedef struct MlView
{
	MlRows		train;			/* all rows in canonical order */
	MlRows		validation;		/* to stop early by, may be none */
	MlRows		judged;			/* to judge on; may be those of validation */
	const MlSignature *signature;	/* NULL: not fitted yet, nothing binned */
	const MlBinned *binned_train;
	const MlBinned *binned_validation;	/* NULL: no validation rows */
} MlView;

typedef struct MlFrozen
{
	const MlDataset *dataset;
	const float *label;			/* by data set row */
	const float *row_weight;	/* sample weights, NULL: all 1 */
	size_t		n_columns;		/* columns needed beside the inputs of signatures */
	const uint32_t *columns;
	size_t		n_views;
	const MlView *views;
} MlFrozen;

/*
 * Bytes ml_frozen_write needs, 64-byte aligned; and writing.
 * Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_frozen_size(MlContext *ctx, const MlFrozen *frozen, size_t *size);
extern MlStatus ml_frozen_write(MlContext *ctx, const MlFrozen *frozen, void *block);

/*
 * Opens a block that ml_frozen_write wrote: arrays stay where they are, what
 * points to them is made in ctx->arena.  Rows are renumbered, their order is
 * kept.  Columns that nobody needs are there without values, so that numbers of
 * columns stay.  Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_frozen_open(MlContext *ctx, const void *block, MlFrozen *frozen);

#endif							/* MLOPS_ENGINE_DATA_H */
