/*-------------------------------------------------------------------------
 * score.c
 *	  Scoring from the bytes: one row, and rows of a data set by the same code.
 *
 * Trees: a row becomes one code for each feature that splits use; then eight
 * trees at a time are walked in step.  A leaf is its own child, so a step needs
 * no branch, and eight independent walks hide the latency of loads.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "format.h"

#define TREES_IN_STEP 8
#define BLOCK_ROWS ((size_t) 1024)

/* ---------------------------------------------------------------- trees */

void
ml_model_codes(const MlModel *m, const MlValue *values, uint8_t *codes)
{
	codes[0] = ML_CODE_MISSING; /* leaves read it even without any slot */
	for (uint32_t s = 0; s < m->meta->n_slots; s++)
	{
		const SlotRecord *slot = &m->slots[s];
		const FeatureRecord *feature = &m->features[slot->feature];

		if (feature->categorical)
			codes[s] = (uint8_t) values[feature->input].code;
		else
			codes[s] = ml_bin_number(m->slot_edges + slot->first_edge, slot->n_edges,
									 ml_feature_number((MlFeaturePart) feature->part,
													   values[feature->input].number));
	}
}

static inline uint32_t
step(uint64_t node, const uint8_t *codes)
{
	return NODE_LEFT(node) +
		((uint8_t) (codes[NODE_SLOT(node)] - NODE_LOW(node)) > NODE_SPAN(node));
}

/* A step where categorical splits may occur. */
static inline uint32_t
step_with_sets(const MlModel *m, uint32_t i, const uint8_t *codes)
{
	uint64_t	node = m->nodes[i];
	uint64_t	set;
	uint8_t		code;

	if (!(NODE_SLOT(node) & NODE_CATEGORICAL))
		return step(node, codes);
	memcpy(&set, &m->values[i], sizeof(set));
	code = codes[NODE_SLOT(node) & ~NODE_CATEGORICAL];
	return NODE_LEFT(node) + !(m->sets[set][code >> 6] >> (code & 63) & 1);
}

void
ml_model_ways(const MlModel *m, MlModelTree tree, const uint8_t *codes, uint8_t *way)
{
	if (m->meta->n_sets == 0)
	{
		for (uint32_t i = 0; i < tree.n; i++)
		{
			uint64_t	node = m->nodes[tree.first + i];

			way[i] = (uint8_t) (step(node, codes) - NODE_LEFT(node));
		}
		return;
	}
	for (uint32_t i = 0; i < tree.n; i++)
		way[i] = (uint8_t) (step_with_sets(m, tree.first + i, codes) -
							NODE_LEFT(m->nodes[tree.first + i]));
}

static double
walk_trees(const MlModel *m, const uint8_t *codes)
{
	const uint64_t *nodes = m->nodes;
	uint32_t	n_trees = m->meta->n_trees;
	double		margin = m->meta->base;
	uint32_t	t = 0;

	for (; t + TREES_IN_STEP <= n_trees; t += TREES_IN_STEP)
	{
		uint32_t	at[TREES_IN_STEP];
		uint32_t	depth = 0;

		for (int k = 0; k < TREES_IN_STEP; k++)
		{
			at[k] = m->trees[t + k].first_node;
			depth = m->trees[t + k].depth > depth ? m->trees[t + k].depth : depth;
		}
		if (m->meta->n_sets == 0)
		{
			for (uint32_t d = 0; d < depth; d++)
			{
				for (int k = 0; k < TREES_IN_STEP; k++)
					at[k] = step(nodes[at[k]], codes);
			}
		}
		else
		{
			for (uint32_t d = 0; d < depth; d++)
			{
				for (int k = 0; k < TREES_IN_STEP; k++)
					at[k] = step_with_sets(m, at[k], codes);
			}
		}
		for (int k = 0; k < TREES_IN_STEP; k++)
			margin += m->values[at[k]];
	}
	for (; t < n_trees; t++)
	{
		uint32_t	at = m->trees[t].first_node;

		for (uint32_t d = 0; d < m->trees[t].depth; d++)
			at = step_with_sets(m, at, codes);
		margin += m->values[at];
	}
	return margin;
}

/* ---------------------------------------------------------------- linear models */

/* What a feature adds, given its code or number. */
static double
linear_level(const MlModel *m, const LinearRecord *linear, uint32_t code)
{
	if (linear->n_levels > 0)
		return m->levels[linear->first_level + (code < linear->n_levels ? code : linear->n_levels - 1)];
	return code == ML_CODE_MISSING ? linear->missing : 0;
}

static inline double
linear_part(const MlModel *m, uint32_t f, const MlValue *values)
{
	const FeatureRecord *feature = &m->features[f];
	const LinearRecord *linear = &m->linear[f];
	double		value;

	if (feature->categorical)
		return linear_level(m, linear, values[feature->input].code);
	value = ml_feature_number((MlFeaturePart) feature->part, values[feature->input].number);
	if (linear->n_levels > 0)
		return linear_level(m, linear, ml_bin_number(m->edges + feature->first_edge,
													 feature->n_bins - 1, value));
	return value == value ? linear->slope * value + linear->offset : linear->missing;
}

/*
 * A margin whose parts are beyond double precision with different signs: the
 * parts are added up at a scale at which they are not.
 */
static double
add_up_scaled(const MlModel *m, const MlValue *values)
{
	double		scaled = m->meta->base * 0x1p-600;

	for (uint32_t f = 0; f < m->meta->n_features; f++)
	{
		const FeatureRecord *feature = &m->features[f];
		const LinearRecord *linear = &m->linear[f];
		double		part = linear_part(m, f, values);

		if (isinf(part))
			scaled += linear->slope * 0x1p-600 *
				ml_feature_number((MlFeaturePart) feature->part, values[feature->input].number);
		else
			scaled += part * 0x1p-600;
	}
	return scaled > 0 ? INFINITY : scaled < 0 ? -INFINITY : 0;
}

static double
add_up_linear(const MlModel *m, const MlValue *values)
{
	double		margin = m->meta->base;

	for (uint32_t f = 0; f < m->meta->n_features; f++)
		margin += linear_part(m, f, values);
	return margin == margin ? margin : add_up_scaled(m, values);
}

void
ml_model_linear_parts(const MlModel *m, const MlValue *values, double *part)
{
	for (uint32_t f = 0; f < m->meta->n_features; f++)
		part[f] = linear_part(m, f, values);
}

void
ml_model_linear_means(const MlModel *m, double *mean)
{
	for (uint32_t f = 0; f < m->meta->n_features; f++)
	{
		const FeatureRecord *feature = &m->features[f];
		const LinearRecord *linear = &m->linear[f];
		const uint64_t *counts = m->counts + feature->first_count;
		bool		by_code = feature->categorical || linear->n_levels > 0;
		double		present = linear->slope * feature->mean + linear->offset;
		double		sum = 0;
		double		rows = 0;

		for (uint32_t code = 0; code <= feature->n_bins; code++)
		{
			double		part = by_code ? linear_level(m, linear, code)
				: code == ML_CODE_MISSING ? linear->missing : present;

			sum += (double) counts[code] * part;
			rows += (double) counts[code];
		}
		mean[f] = rows > 0 ? sum / rows : 0;
	}
}

/* ---------------------------------------------------------------- one row */

size_t
ml_model_scratch_size(const MlModel *m)
{
	return m->meta->n_slots + 1;
}

double
ml_model_score(const MlModel *m, const MlValue *values, void *scratch)
{
	double		margin;

	if (m->meta->linear)
		margin = add_up_linear(m, values);
	else
	{
		ml_model_codes(m, values, scratch);
		margin = walk_trees(m, scratch);
	}
	margin = m->meta->margin_scale * margin + m->meta->margin_offset;
	return 1.0 / (1.0 + exp(-margin));
}

/* ---------------------------------------------------------------- rows of a data set */

typedef struct RowScoring
{
	const MlModel *model;
	MlRows		rows;
	const MlColumn **column;	/* [n_inputs] */
	const uint32_t **code_of;	/* [n_inputs][dictionary codes], categories only */
	MlValue    *values;			/* [threads][n_inputs] */
	uint8_t    *scratch;		/* [threads][scratch size, rounded up] */
	size_t		scratch_size;
	double	   *score;
} RowScoring;

static void
score_block(void *arg, size_t block, int thread)
{
	const RowScoring *r = (const RowScoring *) arg;
	size_t		n_inputs = r->model->meta->n_inputs;
	MlValue    *values = r->values + thread * n_inputs;
	size_t		end = (block + 1) * BLOCK_ROWS < r->rows.n ? (block + 1) * BLOCK_ROWS : r->rows.n;

	for (size_t i = block * BLOCK_ROWS; i < end; i++)
	{
		size_t		row = r->rows.row[i];

		for (size_t c = 0; c < n_inputs; c++)
		{
			if (r->code_of[c])
			{
				uint32_t	code = ml_column_code(r->column[c], row);

				values[c].code = code == ML_MISSING_CODE ? ML_CODE_MISSING : r->code_of[c][code];
			}
			else
				values[c].number = ml_column_number(r->column[c], row);
		}
		r->score[i] = ml_model_score(r->model, values, r->scratch + thread * r->scratch_size);
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

/* Model codes of a column's dictionary codes. */
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

MlStatus
ml_model_score_rows(MlContext *ctx, const MlModel *m, const MlDataset *dataset, MlRows rows,
					double *score)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	size_t		n_inputs = m->meta->n_inputs;
	int			n_threads = ml_pool_size(ctx->pool);
	RowScoring	r = {.model = m, .rows = rows, .score = score};
	MlStatus	status;

	/* a thread's codes must not share a cache line with another's */
	r.scratch_size = (ml_model_scratch_size(m) + 127) / 64 * 64;
	r.column = ml_arena_alloc_array(ctx->arena, n_inputs, sizeof(MlColumn *));
	r.code_of = ml_arena_alloc_zeroed(ctx->arena, n_inputs, sizeof(uint32_t *));
	r.values = ml_arena_alloc_array(ctx->arena, n_threads * n_inputs, sizeof(MlValue));
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
	status = ml_parallel_for(ctx, (rows.n + BLOCK_ROWS - 1) / BLOCK_ROWS, score_block, &r);
	ml_arena_release(ctx->arena, mark);
	return status;
}
