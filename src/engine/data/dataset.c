/*-------------------------------------------------------------------------
 * dataset.c
 *	  Columns in chunks of 2,048 rows, filled row by row and sealed chunk by
 *	  chunk.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"

/*
 * The open chunks of neighbouring columns must not start at addresses that are
 * equal modulo a page: a row writes to all of them, and they would compete for
 * one set of the L1 cache.
 */
#define OPEN_STAGGER 3			/* cache lines */

#define FIRST_CHUNKS 64

/* Room for chunk pointers of every column, doubled.  The old ones stay in the arena. */
static MlStatus
grow_chunks(MlContext *ctx, MlDataset *dataset)
{
	size_t		capacity = dataset->chunk_capacity ? dataset->chunk_capacity * 2 : FIRST_CHUNKS;

	for (size_t c = 0; c < dataset->n_columns; c++)
	{
		MlChunk    *chunks = ml_arena_alloc_array(ctx->arena, capacity, sizeof(MlChunk));

		if (chunks == NULL)
			return ml_fail_memory(ctx);
		if (dataset->chunk_capacity > 0)
			memcpy(chunks, dataset->columns[c].chunks, dataset->chunk_capacity * sizeof(MlChunk));
		dataset->columns[c].chunks = chunks;
	}
	dataset->chunk_capacity = capacity;
	return ML_OK;
}

/* Open chunks of all columns are one allocation. */
MlStatus
ml_dataset_create(MlContext *ctx, size_t n_columns, const MlColumnSpec *specs, MlSpillFile *file,
				  MlDataset **result)
{
	MlDataset  *dataset = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlDataset));
	size_t		open_size = ML_CHUNK_ROWS * sizeof(double) + OPEN_STAGGER * 64;
	char	   *open = ml_arena_alloc_array(ctx->arena, n_columns, open_size);

	if (dataset == NULL || open == NULL)
		return ml_fail_memory(ctx);
	dataset->n_columns = n_columns;
	dataset->columns = ml_arena_alloc_zeroed(ctx->arena, n_columns, sizeof(MlColumn));
	dataset->time_zone = "";
	dataset->file = file;
	if (dataset->columns == NULL)
		return ml_fail_memory(ctx);
	for (size_t c = 0; c < n_columns; c++)
	{
		MlColumn   *column = &dataset->columns[c];

		column->name = ml_arena_strdup(ctx->arena, specs[c].name);
		column->type_name = ml_arena_strdup(ctx->arena, specs[c].type_name);
		column->kind = specs[c].kind;
		column->may_spill = file && specs[c].may_spill;
		column->open.number = (double *) (open + c * open_size);
		if (column->kind == ML_COLUMN_CATEGORY)
			column->dictionary = ml_dictionary_create(ctx->arena);
		if (column->name == NULL || column->type_name == NULL ||
			(column->kind == ML_COLUMN_CATEGORY && column->dictionary == NULL))
			return ml_fail_memory(ctx);
	}
	*result = dataset;
	return grow_chunks(ctx, dataset);
}

/* Does every value survive float32?  NaN does. */
static bool
fits_float32(const double *values, size_t n)
{
	int			lost = 0;

	for (size_t i = 0; i < n; i++)
		lost |= (double) (float) values[i] != values[i] && values[i] == values[i];
	return !lost;
}

/* Categories and hashes are bits, never converted. */
uint8_t
ml_column_narrow(MlColumn *column, size_t n)
{
	double	   *number = column->open.number;
	float	   *narrowed = (float *) number;

	if (column->kind == ML_COLUMN_CATEGORY)
		return 4;
	if (column->kind == ML_COLUMN_HASH || !fits_float32(number, n))
		return 8;
	for (size_t i = 0; i < n; i++)
	{
		float		value = (float) number[i];

		memcpy(&narrowed[i], &value, sizeof(value));	/* behind what is still to be read */
	}
	return 4;
}

/* Keeps a chunk of n values: in memory, or in the file where there is not room for them. */
static MlStatus
keep_values(MlContext *ctx, MlDataset *dataset, MlColumn *column, size_t chunk, const void *values, uint8_t width, size_t n)
{
	MlChunk    *sealed = &column->chunks[chunk];
	MlSpillFile *file = dataset->file;
	size_t		size = n * width;

	sealed->width = width;
	if (column->may_spill && dataset->spillable + size > file->memory)
	{
		sealed->values = NULL;
		sealed->at = file->size;
		if (!file->append(file->arg, values, size))
			return ml_fail(ctx, ML_IO_ERROR, "could not write to a temporary file");
		file->size += size;
		return ML_OK;
	}
	if (column->may_spill)
		dataset->spillable += size;
	sealed->values = ml_arena_memdup(ctx->arena, values, size);
	return sealed->values ? ML_OK : ml_fail_memory(ctx);
}

static MlStatus
seal_column(MlContext *ctx, MlDataset *dataset, MlColumn *column, size_t chunk, size_t n)
{
	uint8_t		width = ml_column_narrow(column, n);

	return keep_values(ctx, dataset, column, chunk, column->open.number, width, n);
}

/* All columns together: they have as many rows. */
MlStatus
ml_dataset_seal(MlContext *ctx, MlDataset *dataset)
{
	size_t		n = dataset->n_rows - dataset->n_sealed;
	size_t		chunk = dataset->n_sealed >> ML_CHUNK_SHIFT;
	MlStatus	status = ML_OK;

	if (n == 0)
		return ML_OK;
	if (chunk == dataset->chunk_capacity)
		status = grow_chunks(ctx, dataset);
	for (size_t c = 0; status == ML_OK && c < dataset->n_columns; c++)
		status = seal_column(ctx, dataset, &dataset->columns[c], chunk, n);
	if (status == ML_OK)
		dataset->n_sealed = dataset->n_rows;
	return status;
}

/* Copies values from place `first` on to the open chunk, at row. */
static void
open_values(MlColumn *column, size_t row, const void *values, uint8_t width, size_t first, size_t n)
{
	switch (column->kind)
	{
		case ML_COLUMN_CATEGORY:
			memcpy(column->open.code + row, (const uint32_t *) values + first, n * sizeof(uint32_t));
			break;
		case ML_COLUMN_HASH:
			memcpy(column->open.hash + row, (const uint64_t *) values + first, n * sizeof(uint64_t));
			break;
		default:
			for (size_t i = 0; i < n; i++)
				column->open.number[row + i] = width == 4 ? ((const float *) values)[first + i] : ((const double *) values)[first + i];
	}
}

/* Whole chunks are kept as they are, before the open one; others fill that. */
MlStatus
ml_dataset_append(MlContext *ctx, MlDataset *dataset, size_t n, const void *const *values, const uint8_t *width)
{
	size_t		chunk = dataset->n_sealed >> ML_CHUNK_SHIFT;
	MlStatus	status = ML_OK;

	if (n == ML_CHUNK_ROWS)
	{
		if (chunk == dataset->chunk_capacity)
			status = grow_chunks(ctx, dataset);
		for (size_t c = 0; status == ML_OK && c < dataset->n_columns; c++)
			status = keep_values(ctx, dataset, &dataset->columns[c], chunk, values[c], width[c], n);
		dataset->n_rows += n;
		dataset->n_sealed += n;
		return status;
	}
	for (size_t done = 0; status == ML_OK && done < n;)
	{
		size_t		row = dataset->n_rows & ML_CHUNK_MASK;
		size_t		some = n - done < ML_CHUNK_ROWS - row ? n - done : ML_CHUNK_ROWS - row;

		for (size_t c = 0; c < dataset->n_columns; c++)
			open_values(&dataset->columns[c], row, values[c], width[c], done, some);
		done += some;
		dataset->n_rows += some;
		if ((dataset->n_rows & ML_CHUNK_MASK) == 0)
			status = ml_dataset_seal(ctx, dataset);
	}
	return status;
}

MlStatus
ml_dataset_forget_levels(MlContext *ctx, MlDataset *dataset)
{
	for (size_t c = 0; c < dataset->n_columns; c++)
	{
		MlColumn   *column = &dataset->columns[c];

		if (column->kind != ML_COLUMN_CATEGORY)
			continue;
		column->overflowed = false;
		column->dictionary = ml_dictionary_create(ctx->arena);
		if (column->dictionary == NULL)
			return ml_fail_memory(ctx);
	}
	return ML_OK;
}

/* Memory has a bound: after ML_MAX_DISTINCT values the dictionary grows no more. */
MlStatus
ml_column_intern(MlContext *ctx, MlColumn *column, const void *bytes, size_t size, uint32_t *code)
{
	if (column->overflowed)
	{
		*code = ML_MISSING_CODE;
		return ML_OK;
	}
	if (!ml_dictionary_intern(ctx->arena, column->dictionary, bytes, size, code))
		return ml_fail_memory(ctx);
	if (*code >= ML_MAX_DISTINCT)
	{
		column->overflowed = true;
		*code = ML_MISSING_CODE;
	}
	return ML_OK;
}

bool
ml_column_find(const MlColumn *column, const void *bytes, size_t size, uint32_t *code)
{
	return ml_dictionary_find(column->dictionary, bytes, size, code);
}

bool
ml_column_is_missing(const MlColumn *column, size_t row)
{
	double		number;

	switch (column->kind)
	{
		case ML_COLUMN_CATEGORY:
			return ml_column_code(column, row) == ML_MISSING_CODE;
		case ML_COLUMN_HASH:
			return false;
		default:
			number = ml_column_number(column, row);
			return number != number;
	}
}

/* ---------------------------------------------------------------- chunks in the file */

void
ml_cursor_fetch(MlCursor *cursor, size_t chunk)
{
	const MlChunk *from = &cursor->column->chunks[chunk];
	size_t		size = ML_CHUNK_ROWS * from->width;
	uint64_t	left = cursor->file->size - from->at;

	if (size > left)			/* the last chunk has fewer rows */
		size = left;
	if (!cursor->file->read(cursor->file->arg, from->at, cursor->buffer, size))
	{
		atomic_store(&cursor->file->failed, true);
		memset(cursor->buffer, 0xFF, ML_CURSOR_BUFFER); /* a NaN, and ML_MISSING_CODE */
	}
	cursor->values = cursor->buffer;
}

/* Are n rows one behind the other? */
static bool
rows_follow(const uint32_t *row, size_t n)
{
	uint32_t	differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= row[i] ^ (row[0] + (uint32_t) i);
	return differ == 0;
}

/* Rows that are one behind the other in a chunk, as they mostly are, are copied in one go. */
void
ml_rows_numbers(const MlRows *rows, MlCursor *cursor, size_t first, size_t n, double *values)
{
	const uint32_t *row = rows->row + first;

	for (size_t i = 0; rows->place && i < n; i++)
		values[i] = ml_cursor_number(cursor, rows->row[rows->place[first + i]]);
	for (size_t i = 0; rows->place == NULL && i < n;)
	{
		size_t		at = row[i] & ML_CHUNK_MASK;
		size_t		most = n - i < ML_CHUNK_ROWS - at ? n - i : ML_CHUNK_ROWS - at;

		ml_cursor_turn(cursor, row[i]);
		if (!rows_follow(row + i, most))
			for (size_t k = 0; k < most; k++)
				values[i + k] = ml_cursor_number(cursor, row[i + k]);
		else if (cursor->width == sizeof(float))
			for (size_t k = 0; k < most; k++)
				values[i + k] = ((const float *) cursor->values)[at + k];
		else
			memcpy(values + i, (const double *) cursor->values + at, most * sizeof(double));
		i += most;
	}
}

MlStatus
ml_dataset_check(MlContext *ctx, const MlDataset *dataset)
{
	if (dataset->file && atomic_load(&dataset->file->failed))
		return ml_fail(ctx, ML_IO_ERROR, "could not read from a temporary file");
	return ML_OK;
}

static bool
rows_rise(const MlRows *rows)
{
	for (size_t i = 1; i < rows->n; i++)
	{
		if (rows->row[i] < rows->row[i - 1])
			return false;
	}
	return true;
}

/* Each row has one position at the most: so they are sorted by counting. */
MlStatus
ml_rows_place(MlContext *ctx, const MlDataset *dataset, MlRows *rows)
{
	uint32_t   *place;
	uint32_t   *position;
	MlArenaMark mark;
	size_t		n = 0;

	rows->place = NULL;
	if (rows_rise(rows))
		return ML_OK;
	place = ml_arena_alloc_array(ctx->arena, rows->n, sizeof(uint32_t));
	mark = ml_arena_mark(ctx->arena);
	position = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(uint32_t));
	if (place == NULL || position == NULL)
		return ml_fail_memory(ctx);
	memset(position, 0xFF, dataset->n_rows * sizeof(uint32_t));
	for (size_t i = 0; i < rows->n; i++)
		position[rows->row[i]] = (uint32_t) i;
	for (size_t row = 0; row < dataset->n_rows; row++)
	{
		if (position[row] != UINT32_MAX)
			place[n++] = position[row];
	}
	ml_arena_release(ctx->arena, mark);
	rows->place = place;
	return ML_OK;
}
