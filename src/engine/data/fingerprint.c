/*-------------------------------------------------------------------------
 * fingerprint.c
 *	  A content hash that does not depend on the order of rows: two 64-bit
 *	  hashes of every row, over all columns, summed.
 *
 * A category counts by its bytes, never by its code, because codes are given in
 * order of first sight.  Where there are too many to keep, which ones are kept depends
 * on the order too, and none counts.  NaNs are all alike, and so are -0 and 0.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"

#define HASH_OF_MISSING 1

typedef struct Fingerprint
{
	const MlDataset *dataset;
	uint64_t   *column_hash;	/* [n_columns] of name and kind */
	uint64_t  **code_hash;		/* [n_columns][codes], categories only */
	uint64_t	(*chunk_sums)[2];	/* [n_chunks] */
} Fingerprint;

/* The number's bits: one pattern for 0 and -0, one for all NaNs. */
static inline uint64_t
hash_number(double value)
{
	uint64_t	bits;

	value = value == 0 ? 0 : value;
	memcpy(&bits, &value, sizeof(bits));
	return value == value ? bits : UINT64_C(0x7FF8000000000000);
}

/* Adds a column's hashes to row_hash [n] of the rows of a chunk. */
static void
add_column(const Fingerprint *f, size_t c, size_t chunk, size_t n, uint64_t *row_hash)
{
	const MlColumn *column = &f->dataset->columns[c];
	uint64_t	buffer[ML_CHUNK_ROWS];
	MlCursor	values = ml_cursor(f->dataset, c, buffer);
	uint64_t	salt = f->column_hash[c];

	ml_cursor_turn(&values, chunk << ML_CHUNK_SHIFT);
	for (size_t i = 0; i < n; i++)
	{
		uint64_t	word;

		if (column->kind == ML_COLUMN_CATEGORY)
		{
			uint32_t	code = ((const uint32_t *) values.values)[i];

			word = code == ML_MISSING_CODE || column->overflowed ? HASH_OF_MISSING : f->code_hash[c][code];
		}
		else if (column->kind == ML_COLUMN_HASH)
			word = ((const uint64_t *) values.values)[i];
		else if (values.width == 4)
			word = hash_number(((const float *) values.values)[i]);
		else
			word = hash_number(((const double *) values.values)[i]);
		/* the sum over columns does not depend on their order either */
		row_hash[i] += ml_mix64(word ^ salt);
	}
}

/* Task: a chunk.  Sums are modulo 2^64, so neither order nor threads matter. */
static void
fingerprint_chunk(void *arg, size_t chunk, int thread)
{
	Fingerprint *f = (Fingerprint *) arg;
	size_t		first = chunk << ML_CHUNK_SHIFT;
	size_t		n = f->dataset->n_rows - first;
	uint64_t	row_hash[ML_CHUNK_ROWS];
	uint64_t	sums[2] = {0, 0};

	if (n > ML_CHUNK_ROWS)
		n = ML_CHUNK_ROWS;
	memset(row_hash, 0, n * sizeof(uint64_t));
	for (size_t c = 0; c < f->dataset->n_columns; c++)
		add_column(f, c, chunk, n, row_hash);
	for (size_t i = 0; i < n; i++)
	{
		sums[0] += ml_mix64(row_hash[i]);
		sums[1] += ml_mix64(row_hash[i] ^ UINT64_C(0x5851F42D4C957F2D));
	}
	f->chunk_sums[chunk][0] = sums[0];
	f->chunk_sums[chunk][1] = sums[1];
}

/* Each level is hashed once, not each row's. */
MlStatus
ml_dataset_fingerprint(MlContext *ctx, const MlDataset *dataset, uint64_t hash[2])
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	size_t		n_chunks = (dataset->n_rows + ML_CHUNK_MASK) >> ML_CHUNK_SHIFT;
	Fingerprint f = {dataset};
	MlStatus	status;

	f.column_hash = ml_arena_alloc_array(ctx->arena, dataset->n_columns, sizeof(uint64_t));
	f.code_hash = ml_arena_alloc_zeroed(ctx->arena, dataset->n_columns, sizeof(uint64_t *));
	f.chunk_sums = ml_arena_alloc_array(ctx->arena, n_chunks, sizeof(uint64_t[2]));
	if (f.column_hash == NULL || f.code_hash == NULL || f.chunk_sums == NULL)
		return ml_fail_memory(ctx);
	for (size_t c = 0; c < dataset->n_columns; c++)
	{
		const MlColumn *column = &dataset->columns[c];
		uint32_t	n = column->dictionary ? ml_dictionary_size(column->dictionary) : 0;

		f.column_hash[c] = ml_hash_bytes(column->name, strlen(column->name), column->kind);
		if (column->dictionary == NULL)
			continue;
		f.code_hash[c] = ml_arena_alloc_array(ctx->arena, n, sizeof(uint64_t));
		if (f.code_hash[c] == NULL)
			return ml_fail_memory(ctx);
		for (uint32_t code = 0; code < n; code++)
		{
			size_t		size;
			const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);

			f.code_hash[c][code] = ml_hash_bytes(bytes, size, 2);
		}
	}
	status = ml_parallel_for(ctx, n_chunks, fingerprint_chunk, &f);
	if (status == ML_OK)
		status = ml_dataset_check(ctx, dataset);
	hash[0] = dataset->n_rows;
	hash[1] = dataset->n_columns;
	for (size_t chunk = 0; status == ML_OK && chunk < n_chunks; chunk++)
	{
		hash[0] += f.chunk_sums[chunk][0];
		hash[1] += f.chunk_sums[chunk][1];
	}
	ml_arena_release(ctx->arena, mark);
	return status;
}

/* Without threads: it is asked for only where rows have the same key. */
MlStatus
ml_row_hashes(MlContext *ctx, const MlDataset *dataset, uint64_t *hash)
{
	size_t		n = dataset->n_rows;
	uint64_t	buffer[ML_CHUNK_ROWS];

	memset(hash, 0, n * sizeof(uint64_t));
	for (size_t c = 0; c < dataset->n_columns; c++)
	{
		const MlColumn *column = &dataset->columns[c];
		MlCursor	cursor = ml_cursor(dataset, c, buffer);
		uint64_t	salt = ml_hash_bytes(column->name, strlen(column->name), column->kind);

		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		for (size_t row = 0; row < n; row++)
		{
			uint64_t	word;

			if (column->kind == ML_COLUMN_CATEGORY)
			{
				uint32_t	code = ml_cursor_code(&cursor, row);
				size_t		size;
				const char *bytes;

				word = HASH_OF_MISSING;
				if (code != ML_MISSING_CODE && !column->overflowed)
				{
					bytes = ml_dictionary_bytes(column->dictionary, code, &size);
					word = ml_hash_bytes(bytes, size, 2);
				}
			}
			else if (column->kind == ML_COLUMN_HASH)
				word = ml_cursor_hash(&cursor, row);
			else
				word = hash_number(ml_cursor_number(&cursor, row));
			hash[row] += ml_mix64(word ^ salt);
		}
	}
	return ml_dataset_check(ctx, dataset);
}
