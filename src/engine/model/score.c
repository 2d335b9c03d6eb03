/*-------------------------------------------------------------------------
 * score.c
 *	  Scoring from the bytes: one row, some rows, and rows of a data set by the
 *	  same code.  The margins are the family's.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "format.h"

#define BLOCK_ROWS (2 * ML_CHUNK_ROWS)	/* a task; chunks in the file are read once or twice */
#define ROWS_AT_ONCE ((size_t) 16)	/* of a block, as values: they stay in the L1 cache */

size_t
ml_model_layout_size(const MlModel *m)
{
	return m->family->layout_size ? m->family->layout_size(m, m->state) : 0;
}

void
ml_model_lay_out(MlModel *m, void *block)
{
	m->family->lay_out(m, m->state, block);
	m->layout = block;
}

size_t
ml_model_scratch_size(const MlModel *m)
{
	return m->family->scratch_size(m->state);
}

/* A probability by the logistic function of the scaled margin. */
static inline double
score_of_margin(const MlModel *m, double margin)
{
	margin = m->margin_scale * margin + m->margin_offset;
	return 1.0 / (1.0 + exp(-margin));
}

double
ml_model_score(const MlModel *m, const MlValue *values, void *scratch)
{
	return score_of_margin(m, m->family->margin(m, m->state, values, scratch));
}

void
ml_model_score_block(const MlModel *m, size_t n, const MlValue *values, void *scratch, double *score)
{
	m->family->margins(m, m->state, n, values, scratch, score);
	for (size_t i = 0; i < n; i++)
		score[i] = score_of_margin(m, score[i]);
}

/* ---------------------------------------------------------------- rows of a data set */

typedef struct RowScoring
{
	const MlModel *model;
	MlRows		rows;
	const MlDataset *dataset;
	const MlColumn **column;	/* [n_inputs] */
	MlCursor   *cursors;		/* [threads][n_inputs] */
	const uint32_t **code_of;	/* [n_inputs][dictionary codes], categories only */
	MlValue    *values;			/* [threads][ROWS_AT_ONCE][n_inputs] */
	uint8_t    *scratch;		/* [threads][scratch size, rounded up] */
	size_t		scratch_size;
	double	   *score;
} RowScoring;

/* values [n_inputs] of a row of the data set, as a row to score has them. */
static void
read_row(const RowScoring *r, MlCursor *cursors, size_t row, MlValue *values)
{
	for (size_t c = 0; c < r->model->n_inputs; c++)
	{
		if (r->code_of[c])
		{
			uint32_t	code = ml_cursor_code(&cursors[c], row);

			values[c].code = code == ML_MISSING_CODE ? ML_CODE_MISSING : r->code_of[c][code];
		}
		else
			values[c].number = ml_cursor_number(&cursors[c], row);
	}
}

/* Task: a block of rows, a few at once. */
static void
score_block(void *arg, size_t block, int thread)
{
	const RowScoring *r = (const RowScoring *) arg;
	size_t		n_inputs = r->model->n_inputs;
	MlValue    *values = r->values + thread * ROWS_AT_ONCE * n_inputs;
	MlCursor   *cursors = r->cursors + thread * n_inputs;
	double		score[ROWS_AT_ONCE];
	size_t		end = (block + 1) * BLOCK_ROWS < r->rows.n ? (block + 1) * BLOCK_ROWS : r->rows.n;

	for (size_t i = block * BLOCK_ROWS; i < end; i += ROWS_AT_ONCE)
	{
		size_t		n = end - i < ROWS_AT_ONCE ? end - i : ROWS_AT_ONCE;

		for (size_t k = 0; k < n; k++)
			read_row(r, cursors, r->rows.row[ml_rows_visit(&r->rows, i + k)], values + k * n_inputs);
		ml_model_score_block(r->model, n, values, r->scratch + thread * r->scratch_size, score);
		for (size_t k = 0; k < n; k++)
			r->score[ml_rows_visit(&r->rows, i + k)] = score[k];
	}
}

static const MlColumn *
find_column(const MlDataset *dataset, const char *name, MlColumnKind kind)
{
	for (size_t c = 0; c < dataset->n_columns; c++)
	{
		if (dataset->columns[c].kind == kind && strcmp(dataset->columns[c].name, name) == 0)
			return &dataset->columns[c];
	}
	return NULL;
}

/*
 * Model codes by a column's dictionary codes, [dictionary size] in the arena: one
 * look-up a category.  NULL when memory is exhausted.
 */
static const uint32_t *
map_codes(MlContext *ctx, const MlModel *m, size_t input, const MlDictionary *dictionary)
{
	uint32_t	n = ml_dictionary_size(dictionary);
	uint32_t   *code_of = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));

	for (uint32_t code = 0; code_of && code < n; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(dictionary, code, &size);

		code_of[code] = ml_model_category(m, input, bytes, size);
	}
	return code_of;
}

/* A cursor for each input and thread; false when memory is exhausted. */
static bool
make_cursors(MlContext *ctx, RowScoring *r, int n_threads)
{
	size_t		n_inputs = r->model->n_inputs;

	r->cursors = ml_arena_alloc_array(ctx->arena, n_threads * n_inputs, sizeof(MlCursor));
	for (size_t i = 0; r->cursors && i < n_threads * n_inputs; i++)
	{
		size_t		column = r->column[i % n_inputs] - r->dataset->columns;
		void	   *buffer = NULL;

		if (r->column[i % n_inputs]->may_spill && (buffer = ml_arena_alloc(ctx->arena, ML_CURSOR_BUFFER)) == NULL)
			return false;
		r->cursors[i] = ml_cursor(r->dataset, column, buffer);
	}
	return r->cursors != NULL;
}

/* The same code as for one row: the same bits. */
MlStatus
ml_model_score_rows(MlContext *ctx, const MlModel *m, const MlDataset *dataset, MlRows rows,
					double *score)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	size_t		n_inputs = m->n_inputs;
	int			n_threads = ml_pool_size(ctx->pool);
	RowScoring	r = {.model = m, .rows = rows, .dataset = dataset, .score = score};
	MlStatus	status;

	/* a thread's codes must not share a cache line with another's */
	r.scratch_size = (ml_model_scratch_size(m) + 127) / 64 * 64;
	r.column = ml_arena_alloc_array(ctx->arena, n_inputs, sizeof(MlColumn *));
	r.code_of = ml_arena_alloc_zeroed(ctx->arena, n_inputs, sizeof(uint32_t *));
	r.values = ml_arena_alloc_array(ctx->arena, n_threads * ROWS_AT_ONCE * n_inputs, sizeof(MlValue));
	r.scratch = ml_arena_alloc_array(ctx->arena, n_threads, r.scratch_size);
	if (r.column == NULL || r.code_of == NULL || r.values == NULL || r.scratch == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < n_inputs; i++)
	{
		r.column[i] = find_column(dataset, ml_model_input_name(m, i), ml_model_input_kind(m, i));
		if (r.column[i] == NULL)
			return ml_fail(ctx, ML_INVALID_ARGUMENT, "the data lacks column \"%s\" that the model reads",
						   ml_model_input_name(m, i));
		if (r.column[i]->kind != ML_COLUMN_CATEGORY)
			continue;
		r.code_of[i] = map_codes(ctx, m, i, r.column[i]->dictionary);
		if (r.code_of[i] == NULL)
			return ml_fail_memory(ctx);
	}
	if (!make_cursors(ctx, &r, n_threads))
		return ml_fail_memory(ctx);
	status = ml_parallel_for(ctx, (rows.n + BLOCK_ROWS - 1) / BLOCK_ROWS, score_block, &r);
	if (status == ML_OK)
		status = ml_dataset_check(ctx, dataset);
	ml_arena_release(ctx->arena, mark);
	return status;
}
