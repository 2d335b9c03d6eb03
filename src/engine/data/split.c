/*-------------------------------------------------------------------------
 * split.c
 *	  The canonical order of rows, and train, validation and test.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"

/* ---------------------------------------------------------------- order */

/*
 * Order-preserving bits of a double; missing times go first.  Below the bits of
 * every number.
 */
static uint64_t
sortable(double value)
{
	uint64_t	bits;

	if (value != value)
		return 0;
	value = value == 0 ? 0 : value;
	memcpy(&bits, &value, sizeof(bits));
	return bits & UINT64_C(0x8000000000000000) ? ~bits : bits | UINT64_C(0x8000000000000000);
}

/*
 * One stable pass of least significant digit radix sort for each 8 bits that
 * differ.  rows and spare [n]; the result is in *rows.  key [n] is by number of
 * row, not by place.
 */
static MlStatus
radix_sort(MlContext *ctx, uint32_t **rows, uint32_t **spare, const uint64_t *key, size_t n)
{
	uint64_t	all = ~UINT64_C(0);
	uint64_t	any = 0;

	for (size_t i = 0; i < n; i++)
	{
		all &= key[i];
		any |= key[i];
	}
	for (int shift = 0; shift < 64; shift += 8)
	{
		size_t		start[257] = {0};
		uint32_t   *from = *rows;
		uint32_t   *to = *spare;

		if ((((all ^ any) >> shift) & 0xFF) == 0)
			continue;			/* all keys have the same digit */
		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		for (size_t i = 0; i < n; i++)
			start[((key[i] >> shift) & 0xFF) + 1]++;
		for (int d = 0; d < 256; d++)
			start[d + 1] += start[d];
		for (size_t i = 0; i < n; i++)
			to[start[(key[from[i]] >> shift) & 0xFF]++] = from[i];
		*rows = to;
		*spare = from;
	}
	return ML_OK;
}

/* Columns and working memory of an order. */
typedef struct Ordering
{
	const MlDataset *dataset;
	const MlColumn *time;		/* or NULL */
	const MlColumn *key;		/* or NULL */
	uint32_t   *rows;			/* [n_rows] the order so far */
	uint32_t   *spare;
	uint64_t   *bits;			/* [n_rows] what is sorted by */
} Ordering;

/*
 * By key, then by time, least significant first; the sort is stable.  Errors:
 * ML_ABORTED.
 */
static MlStatus
order_by_columns(MlContext *ctx, Ordering *o)
{
	size_t		n = o->dataset->n_rows;

	if (o->key)
	{
		for (size_t i = 0; i < n; i++)
			o->bits[i] = ml_column_hash(o->key, i);
		if (radix_sort(ctx, &o->rows, &o->spare, o->bits, n) != ML_OK)
			return ML_ABORTED;
	}
	if (o->time)
	{
		for (size_t i = 0; i < n; i++)
			o->bits[i] = sortable(ml_column_number(o->time, i));
		return radix_sort(ctx, &o->rows, &o->spare, o->bits, n);
	}
	return ML_OK;
}

/* Are there rows with the same key, and time if there is one? */
static bool
has_ties(const Ordering *o)
{
	for (size_t i = 1; i < o->dataset->n_rows; i++)
	{
		uint32_t	a = o->rows[i - 1];
		uint32_t	b = o->rows[i];

		if (ml_column_hash(o->key, a) == ml_column_hash(o->key, b) &&
			(o->time == NULL || sortable(ml_column_number(o->time, a)) ==
			 sortable(ml_column_number(o->time, b))))
			return true;
	}
	return false;
}

/* The order in which rows came. */
static void
by_position(Ordering *o)
{
	for (size_t i = 0; i < o->dataset->n_rows; i++)
		o->rows[i] = (uint32_t) i;
}

/*
 * The same once more, from an order by the rows' contents, which cost a pass over
 * all columns.
 */
static MlStatus
order_with_ties(MlContext *ctx, Ordering *o)
{
	by_position(o);
	if (ml_row_hashes(ctx, o->dataset, o->bits) != ML_OK ||
		radix_sort(ctx, &o->rows, &o->spare, o->bits, o->dataset->n_rows) != ML_OK)
		return ML_ABORTED;
	return order_by_columns(ctx, o);
}

/*
 * O(rows) for each byte in which keys differ; contents are hashed only where keys
 * are not unique.
 */
MlStatus
ml_order_rows(MlContext *ctx, const MlDataset *dataset, int time_column, int key_column,
			  uint32_t **order)
{
	size_t		n = dataset->n_rows;
	uint32_t   *result = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	Ordering	o = {dataset};
	MlStatus	status;

	o.time = time_column >= 0 ? &dataset->columns[time_column] : NULL;
	o.key = key_column >= 0 ? &dataset->columns[key_column] : NULL;
	o.rows = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	o.spare = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	o.bits = ml_arena_alloc_array(ctx->arena, n, sizeof(uint64_t));
	if (result == NULL || o.rows == NULL || o.spare == NULL || o.bits == NULL)
		return ml_fail_memory(ctx);
	by_position(&o);
	status = order_by_columns(ctx, &o);
	if (status == ML_OK && o.key && has_ties(&o))
		status = order_with_ties(ctx, &o);
	memcpy(result, o.rows, n * sizeof(uint32_t));
	ml_arena_release(ctx->arena, mark);
	*order = result;
	return status;
}

/* ---------------------------------------------------------------- splits */

static bool
labelled(const float *label, size_t row)
{
	return label[row] == label[row];
}

/* First of the n labelled rows at or after position i with a new instant. */
static size_t
next_instant(const MlColumn *time, const uint32_t *rows, size_t i, size_t n)
{
	if (i == 0)
		return 0;
	while (i < n && ml_column_number(time, rows[i]) == ml_column_number(time, rows[i - 1]))
		i++;
	return i;
}

/*
 * Without borders among equal times: a share may be a little less than asked, the
 * part before it more.
 */
MlStatus
ml_split_by_time(MlContext *ctx, const MlDataset *dataset, int time_column,
				 const uint32_t *order, const float *label, double validation, double test,
				 uint8_t *part)
{
	const MlColumn *time = &dataset->columns[time_column];
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	uint32_t   *rows = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(uint32_t));
	size_t		n = 0;
	size_t		n_test;
	size_t		n_validation;
	size_t		validation_start;
	size_t		test_start;

	if (rows == NULL)
		return ml_fail_memory(ctx);
	memset(part, ML_PART_NONE, dataset->n_rows);
	for (size_t i = 0; i < dataset->n_rows; i++)
	{
		if (labelled(label, order[i]))
			rows[n++] = order[i];
	}
	n_test = (size_t) floor(test * (double) n + 0.5);
	n_validation = (size_t) floor(validation * (double) n + 0.5);
	test_start = next_instant(time, rows, n - n_test, n);
	validation_start = next_instant(time, rows, n - n_test - n_validation, n);
	for (size_t i = 0; i < n; i++)
		part[rows[i]] = i < validation_start ? ML_PART_TRAIN
			: i < test_start ? ML_PART_VALIDATION : ML_PART_TEST;
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* A row whose time is NaN is in no part. */
MlStatus
ml_split_at_times(MlContext *ctx, const MlDataset *dataset, int time_column, const float *label,
				  double train_end, double validation_end, double test_start, double test_end,
				  uint8_t *part)
{
	const MlColumn *time = &dataset->columns[time_column];

	for (size_t row = 0; row < dataset->n_rows; row++)
	{
		double		at = ml_column_number(time, row);

		part[row] = ML_PART_NONE;
		if (!labelled(label, row))
			continue;
		if (at < train_end)
			part[row] = ML_PART_TRAIN;
		else if (at < validation_end)
			part[row] = ML_PART_VALIDATION;
		else if (at >= test_start && at < test_end)
			part[row] = ML_PART_TEST;
	}
	return ML_OK;
}

/*
 * Shuffles one class and cuts it.  A row's place is decided by a random number of
 * its position in the canonical order, so it does not depend on how the table was
 * read.  *rows and *spare [rows of the class at least] may change places; key
 * [the same] is working memory.  class is 0 or 1.
 */
static MlStatus
split_class(MlContext *ctx, const MlDataset *dataset, const uint32_t *order, const float *label, float class,
			double validation, double test, uint64_t seed, uint32_t **rows, uint32_t **spare,
			uint64_t *key, uint8_t *part)
{
	size_t		n = 0;
	size_t		n_test;
	size_t		n_validation;

	for (size_t i = 0; i < dataset->n_rows; i++)
	{
		if (label[order[i]] != class)
			continue;
		key[n] = ml_random_u64(seed, (uint64_t) class, i);
		(*rows)[n] = (uint32_t) n;
		n++;
	}
	if (radix_sort(ctx, rows, spare, key, n) != ML_OK)
		return ML_ABORTED;
	n_test = (size_t) floor(test * (double) n + 0.5);
	n_validation = (size_t) floor(validation * (double) n + 0.5);

	/* key[j] becomes the part of the class's j-th row in canonical order */
	for (size_t i = 0; i < n; i++)
		key[(*rows)[i]] = i < n_test ? ML_PART_TEST
			: i < n_test + n_validation ? ML_PART_VALIDATION : ML_PART_TRAIN;
	n = 0;
	for (size_t i = 0; i < dataset->n_rows; i++)
	{
		if (label[order[i]] == class)
			part[order[i]] = (uint8_t) key[n++];
	}
	return ML_OK;
}

/* Both classes with the same shares, each rounded to whole rows. */
MlStatus
ml_split_stratified(MlContext *ctx, const MlDataset *dataset, const uint32_t *order,
					const float *label, double validation, double test, uint64_t seed,
					uint8_t *part)
{
	size_t		n = dataset->n_rows;
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	uint32_t   *rows = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	uint32_t   *spare = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	uint64_t   *key = ml_arena_alloc_array(ctx->arena, n, sizeof(uint64_t));

	MlStatus	status;

	if (rows == NULL || spare == NULL || key == NULL)
		return ml_fail_memory(ctx);
	memset(part, ML_PART_NONE, n);
	status = split_class(ctx, dataset, order, label, 0, validation, test, seed, &rows, &spare, key, part);
	if (status == ML_OK)
		status = split_class(ctx, dataset, order, label, 1, validation, test, seed, &rows, &spare, key, part);
	ml_arena_release(ctx->arena, mark);
	return status;
}

/* Counts, then fills: the array is as long as it needs to be. */
MlStatus
ml_rows_of_part(MlContext *ctx, const MlDataset *dataset, const uint32_t *order,
				const uint8_t *part, MlPart which, MlRows *rows)
{
	uint32_t   *row;
	size_t		n = 0;

	for (size_t i = 0; i < dataset->n_rows; i++)
		n += part[i] == which;
	row = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	if (row == NULL)
		return ml_fail_memory(ctx);
	rows->row = row;
	rows->n = n;
	for (size_t i = 0; i < dataset->n_rows; i++)
	{
		if (part[order[i]] == which)
			*row++ = order[i];
	}
	return ml_rows_place(ctx, dataset, rows);
}
