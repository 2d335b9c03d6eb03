/*-------------------------------------------------------------------------
 * dataset.c
 *	  Columns in chunks of 2,048 rows, filled row by row and sealed chunk by
 *	  chunk.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "dictionary.h"

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
ml_dataset_create(MlContext *ctx, size_t n_columns, const MlColumnSpec *specs,
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
	if (dataset->columns == NULL)
		return ml_fail_memory(ctx);
	for (size_t c = 0; c < n_columns; c++)
	{
		MlColumn   *column = &dataset->columns[c];

		column->name = ml_arena_strdup(ctx->arena, specs[c].name);
		column->type_name = ml_arena_strdup(ctx->arena, specs[c].type_name);
		column->kind = specs[c].kind;
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

/*
 * Copies n values of the open chunk, as narrow as they can be.  Categories and
 * hashes are bits, never converted.
 */
static MlStatus
seal_column(MlContext *ctx, MlColumn *column, size_t chunk, size_t n)
{
	MlChunk    *sealed = &column->chunks[chunk];

	if (column->kind == ML_COLUMN_CATEGORY)
	{
		sealed->width = 4;
		sealed->values = ml_arena_memdup(ctx->arena, column->open.code, n * sizeof(uint32_t));
	}
	else if (column->kind != ML_COLUMN_HASH && fits_float32(column->open.number, n))
	{
		float	   *values = ml_arena_alloc_array(ctx->arena, n, sizeof(float));

		sealed->width = 4;
		sealed->values = values;
		for (size_t i = 0; values && i < n; i++)
			values[i] = (float) column->open.number[i];
	}
	else
	{
		sealed->width = 8;
		sealed->values = ml_arena_memdup(ctx->arena, column->open.number, n * sizeof(double));
	}
	return sealed->values ? ML_OK : ml_fail_memory(ctx);
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
		status = seal_column(ctx, &dataset->columns[c], chunk, n);
	if (status == ML_OK)
		dataset->n_sealed = dataset->n_rows;
	return status;
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
