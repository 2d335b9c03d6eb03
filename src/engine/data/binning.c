/*-------------------------------------------------------------------------
 * binning.c
 *	  From values to one-byte codes, in groups of 16 features.
 *
 * O(rows * features): a table look-up a category, a search among edges a number.
 * Where most training rows have the same code of a number, it is what all get at
 * first, and only values of other bins are searched for.  Blocks of rows of a group
 * are independent tasks.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "usual.h"

#define BLOCK_ROWS ML_CHUNK_ROWS

/*
 * What all tasks share; out pointers below are one feature's codes by position,
 * ML_GROUP_FEATURES bytes apart.
 */
typedef struct Binning
{
	const MlDataset *dataset;
	const MlSignature *signature;
	MlRows		rows;
	bool		fitted;			/* the rows are those of the signature */
	MlBinned   *binned;
	const uint8_t **code_of;	/* [n_features][dictionary codes], of categories only */
} Binning;

size_t
ml_binned_size(size_t n_rows, size_t n_features)
{
	size_t		n_groups = (n_features + ML_GROUP_FEATURES - 1) / ML_GROUP_FEATURES;

	return n_groups * (n_rows * ML_GROUP_FEATURES + sizeof(uint8_t *) + 64) + sizeof(MlBinned) + 4096;
}

/*
 * Codes of the rows first .. first + n - 1 to visit, to out [n_rows] by position;
 * bin_number and bin_training_value too.
 */
static void
bin_category(const Binning *b, size_t f, size_t first, size_t n, void *buffer, uint8_t *out)
{
	const MlFeature *feature = &b->signature->features[f];
	MlCursor	cursor = ml_cursor(b->dataset, b->signature->input_column[feature->input], buffer);
	const uint8_t *code_of = b->code_of[f];

	for (size_t i = first; i < first + n; i++)
	{
		size_t		at = ml_rows_visit(&b->rows, i);
		uint32_t	code = ml_cursor_code(&cursor, b->rows.row[at]);

		out[at * ML_GROUP_FEATURES] = code == ML_MISSING_CODE ? ML_CODE_MISSING : code_of[code];
	}
}

static void
bin_number(const Binning *b, const MlFeature *feature, int usual, size_t first, size_t n, void *buffer, uint8_t *out)
{
	MlCursor	cursor = ml_cursor(b->dataset, b->signature->input_column[feature->input], buffer);
	double		values[BLOCK_ROWS];
	uint32_t	at[BLOCK_ROWS];
	uint8_t		codes[BLOCK_ROWS];
	size_t		n_others;

	ml_rows_numbers(&b->rows, &cursor, first, n, values);
	for (size_t i = 0; i < n && feature->part != ML_FEATURE_VALUE; i++)
		values[i] = ml_feature_number(feature->part, values[i]);
	if (usual < 0)
	{
		ml_feature_codes(feature->edges, feature->n_bins - 1, values, n, codes);
		for (size_t i = 0; i < n; i++)
			out[ml_rows_visit(&b->rows, first + i) * ML_GROUP_FEATURES] = codes[i];
		return;
	}
	n_others = ml_list_unusual(values, n, ml_usual_code(feature, (uint8_t) usual), at);
	for (size_t i = 0; i < n_others; i++)
		out[ml_rows_visit(&b->rows, first + at[i]) * ML_GROUP_FEATURES] =
			ml_bin_number(feature->edges, feature->n_bins - 1, values[at[i]]);
}

static void
bin_training_value(const Binning *b, const MlFeature *feature, size_t first, size_t n, uint8_t *out)
{
	for (size_t i = first; i < first + n; i++)
	{
		size_t		at = ml_rows_visit(&b->rows, i);

		out[at * ML_GROUP_FEATURES] = ml_bin_number(feature->edges, feature->n_bins - 1,
													feature->training_value[at]);
	}
}

/* The code of a number that most training rows have; -1: none. */
static int
usual_code(const MlFeature *feature)
{
	uint64_t	total = 0;
	uint32_t	most = 0;

	for (uint32_t code = 0; code <= feature->n_bins; code++)
	{
		total += feature->code_counts[code];
		most = feature->code_counts[code] > feature->code_counts[most] ? code : most;
	}
	return 2 * feature->code_counts[most] > total ? (int) most : -1;
}

/* One block of rows of one group: all its features, one after the other. */
static void
bin_block(void *arg, size_t task, int thread)
{
	const Binning *b = (const Binning *) arg;
	size_t		n_blocks = (b->rows.n + BLOCK_ROWS - 1) / BLOCK_ROWS;
	size_t		group = task / n_blocks;
	size_t		first = task % n_blocks * BLOCK_ROWS;
	size_t		n = b->rows.n - first < BLOCK_ROWS ? b->rows.n - first : BLOCK_ROWS;
	uint8_t    *out = b->binned->group[group];
	int			usual[ML_GROUP_FEATURES];
	uint8_t		code[ML_GROUP_FEATURES];
	uint64_t	buffer[ML_CHUNK_ROWS];

	for (size_t i = 0; i < ML_GROUP_FEATURES; i++)
	{
		size_t		f = group * ML_GROUP_FEATURES + i;

		usual[i] = f < b->signature->n_features && b->code_of[f] == NULL ? usual_code(&b->signature->features[f]) : -1;
		code[i] = usual[i] >= 0 ? (uint8_t) usual[i] : 0;
	}
	for (size_t r = first; r < first + n; r++)
		memcpy(out + ml_rows_visit(&b->rows, r) * ML_GROUP_FEATURES, code, sizeof(code));
	for (size_t i = 0; i < ML_GROUP_FEATURES && group * ML_GROUP_FEATURES + i < b->signature->n_features; i++)
	{
		size_t		f = group * ML_GROUP_FEATURES + i;

		if (b->fitted && b->signature->features[f].training_value)
			bin_training_value(b, &b->signature->features[f], first, n, out + i);
		else if (b->code_of[f])
			bin_category(b, f, first, n, buffer, out + i);
		else
			bin_number(b, &b->signature->features[f], usual[i], first, n, buffer, out + i);
	}
}

/*
 * Code of a category in a feature: of itself, or the bin of its statistic.
 * category n_categories and beyond: not known.
 */
static uint8_t
code_of_category(const MlSignature *signature, const MlFeature *feature, uint32_t category)
{
	const MlInput *input = &signature->inputs[feature->input];
	bool		known = category < input->n_categories;

	if (feature->categorical)
		return (uint8_t) (category + 1 < feature->n_bins ? category + 1 : feature->n_bins);
	return ml_bin_number(feature->edges, feature->n_bins - 1,
						 known ? input->statistic[category] : signature->prior);
}

/*
 * Codes in a feature by a column's dictionary codes, [dictionary size] in the
 * arena: one look-up a known category, none a row.  NULL when memory is exhausted.
 */
static const uint8_t *
map_codes(MlContext *ctx, const MlSignature *signature, const MlFeature *feature, const MlDictionary *dictionary)
{
	const MlInput *input = &signature->inputs[feature->input];
	uint32_t	n = ml_dictionary_size(dictionary);
	uint8_t    *code_of = ml_arena_alloc_array(ctx->arena, n, 1);

	if (code_of == NULL)
		return NULL;
	memset(code_of, code_of_category(signature, feature, input->n_categories), n);
	for (uint32_t c = 0; c < input->n_categories; c++)
	{
		uint32_t	code;

		if (ml_dictionary_find(dictionary, input->category[c], input->category_size[c], &code))
			code_of[code] = code_of_category(signature, feature, c);
	}
	return code_of;
}

/* Tables of codes are given back; the matrix is all that stays. */
MlStatus
ml_binned_create(MlContext *ctx, const MlDataset *dataset, const MlSignature *signature,
				 MlRows rows, bool fitted, MlBinned **result)
{
	MlBinned   *binned = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlBinned));
	size_t		n_blocks = (rows.n + BLOCK_ROWS - 1) / BLOCK_ROWS;
	Binning		b = {dataset, signature, rows, fitted, binned};
	MlArenaMark mark;
	MlStatus	status;

	if (binned == NULL)
		return ml_fail_memory(ctx);
	binned->n_rows = rows.n;
	binned->n_features = signature->n_features;
	binned->n_groups = (signature->n_features + ML_GROUP_FEATURES - 1) / ML_GROUP_FEATURES;
	binned->group = ml_arena_alloc_array(ctx->arena, binned->n_groups, sizeof(uint8_t *));
	if (binned->group == NULL)
		return ml_fail_memory(ctx);
	for (size_t g = 0; g < binned->n_groups; g++)
	{
		binned->group[g] = ml_arena_alloc_array(ctx->arena, rows.n, ML_GROUP_FEATURES);
		if (binned->group[g] == NULL)
			return ml_fail_memory(ctx);
	}

	mark = ml_arena_mark(ctx->arena);
	b.code_of = ml_arena_alloc_zeroed(ctx->arena, signature->n_features, sizeof(uint8_t *));
	if (b.code_of == NULL)
		return ml_fail_memory(ctx);
	for (size_t f = 0; f < signature->n_features; f++)
	{
		uint32_t	input = signature->features[f].input;

		if (signature->inputs[input].kind != ML_COLUMN_CATEGORY)
			continue;
		b.code_of[f] = map_codes(ctx, signature, &signature->features[f],
								 dataset->columns[signature->input_column[input]].dictionary);
		if (b.code_of[f] == NULL)
			return ml_fail_memory(ctx);
	}
	status = ml_parallel_for(ctx, binned->n_groups * n_blocks, bin_block, &b);
	if (status == ML_OK)
		status = ml_dataset_check(ctx, dataset);
	ml_arena_release(ctx->arena, mark);
	*result = binned;
	return status;
}
