/*-------------------------------------------------------------------------
 * signature.c
 *	  What training learns about turning columns into features.
 *
 * Categories are counted on the calling thread (their dictionaries grow with
 * the data); numbers are fitted in parallel, one task a feature.  Everything is
 * computed over the training rows in canonical order, so the result depends
 * neither on the physical order of the table nor on the number of threads.
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "quantiles.h"

#define MAX_CATEGORIES 254
#define IDENTIFIER_SHARE 0.9
#define IDENTIFIER_VALUES 50

/* A feature while it is being fitted. */
typedef struct Candidate
{
	uint32_t	column;			/* of the data set */
	MlFeature	feature;		/* feature.input is set when it is kept */
	double	   *edges;
	uint64_t   *counts;
	bool		constant;
} Candidate;

typedef struct Fit
{
	MlContext  *ctx;
	const MlDataset *dataset;
	MlRows		rows;
	bool	   *positive;		/* [rows] */
	uint32_t	max_bins;
	uint64_t	seed;
	Candidate  *candidates;
	size_t		n_candidates;
	size_t	   *numeric;		/* candidates that are numbers */
	double	  **values;			/* [threads][rows] */
	MlQuantileSpace *space;		/* [threads] */
} Fit;

/* ---------------------------------------------------------------- numbers */

/*
 * Mean and deviation of values whose squares are beyond double precision, from
 * values scaled to at most 1.
 */
static void
describe_scaled(MlFeature *feature, const double *values, size_t n, size_t present)
{
	double		largest = fmax(fabs(feature->minimum), fabs(feature->maximum));
	int			exponent;
	double		sum = 0;
	double		squares = 0;
	double		mean;

	(void) frexp(largest, &exponent);
	for (size_t i = 0; i < n; i++)
	{
		if (values[i] == values[i])
			sum += ldexp(values[i], -exponent);
	}
	mean = sum / (double) present;
	for (size_t i = 0; i < n; i++)
	{
		double		distance = ldexp(values[i], -exponent) - mean;

		if (distance == distance)
			squares += distance * distance;
	}
	feature->mean = ldexp(mean, exponent);
	feature->std = ldexp(sqrt(squares / (double) present), exponent);
}

/* Mean and deviation around the first value, which keeps sums small. */
static void
describe(MlFeature *feature, const double *values, size_t n)
{
	size_t		present = 0;
	double		shift = 0;
	double		sum = 0;
	double		squares = 0;

	feature->minimum = INFINITY;
	feature->maximum = -INFINITY;
	for (size_t i = 0; i < n; i++)
	{
		double		value = values[i];

		if (value != value)
			continue;
		if (present++ == 0)
			shift = value;
		sum += value - shift;
		squares += (value - shift) * (value - shift);
		if (value < feature->minimum)
			feature->minimum = value;
		if (value > feature->maximum)
			feature->maximum = value;
	}
	if (present == 0)
	{
		feature->minimum = feature->maximum = feature->mean = feature->std = 0;
		return;
	}
	feature->mean = shift + sum / (double) present;
	squares = squares / (double) present - (sum / (double) present) * (sum / (double) present);
	feature->std = feature->minimum < feature->maximum && squares > 0 ? sqrt(squares) : 0;
	if (!isfinite(feature->mean) || !isfinite(feature->std) ||
		(feature->std == 0 && feature->minimum < feature->maximum))
		describe_scaled(feature, values, n, present);
}

static void
fit_number(void *arg, size_t task, int thread)
{
	Fit		   *fit = (Fit *) arg;
	Candidate  *candidate = &fit->candidates[fit->numeric[task]];
	MlFeature  *feature = &candidate->feature;
	const MlColumn *column = &fit->dataset->columns[candidate->column];
	double	   *values = fit->values[thread];
	size_t		n = fit->rows.n;

	for (size_t i = 0; i < n; i++)
		values[i] = ml_feature_number(feature->part, ml_column_number(column, fit->rows.row[i]));
	if (ml_should_stop(fit->ctx, thread))
		return;
	describe(feature, values, n);
	feature->n_bins = ml_quantile_edges(&fit->space[thread], values, fit->positive, n, fit->max_bins,
										fit->seed, candidate->edges);
	if (ml_should_stop(fit->ctx, thread))
		return;
	for (size_t i = 0; i < n; i++)
		candidate->counts[ml_bin_number(candidate->edges, feature->n_bins - 1, values[i])]++;
	feature->edges = candidate->edges;
	feature->code_counts = candidate->counts;
	candidate->constant = feature->minimum == feature->maximum &&
		(candidate->counts[ML_CODE_MISSING] == 0 || candidate->counts[ML_CODE_MISSING] == n);
}

/* ---------------------------------------------------------------- categories */

typedef struct CategoryCount
{
	const char *bytes;
	size_t		size;
	uint64_t	count;
} CategoryCount;

/* By falling count, ties by bytes. */
static int
compare_categories(const void *a, const void *b)
{
	const CategoryCount *x = a;
	const CategoryCount *y = b;
	int			order;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);
	if (order != 0)
		return order;
	return x->size < y->size ? -1 : x->size > y->size;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* Sorts hashes and leaves one of equal ones; *left receives how many are left. */
static MlStatus
distinct_rising(MlContext *ctx, uint32_t *hash, size_t n, uint32_t *left)
{
	uint32_t	kept = 0;
	MlStatus	status = ml_sort(ctx, hash, n, sizeof(uint32_t), compare_hashes);

	if (status != ML_OK)
		return status;
	for (size_t i = 0; i < n; i++)
	{
		if (kept == 0 || hash[kept - 1] != hash[i])
			hash[kept++] = hash[i];
	}
	*left = kept;
	return ML_OK;
}

typedef enum CategoryOutcome
{
	CATEGORY_KEPT,
	CATEGORY_CONSTANT,
	CATEGORY_IDENTIFIER
} CategoryOutcome;

/*
 * Counts a column's categories in the training rows and, if it is to be an
 * input, fills input and feature.  *n_distinct receives how many there are.
 */
static MlStatus
fit_category(MlContext *ctx, const Fit *fit, const MlColumn *column, MlInput *input,
			 MlFeature *feature, CategoryOutcome *outcome, uint64_t *n_distinct)
{
	uint32_t	n_codes = ml_dictionary_size(column->dictionary);
	uint32_t	cap = fit->max_bins - 1 < MAX_CATEGORIES ? fit->max_bins - 1 : MAX_CATEGORIES;
	uint64_t	missing = 0;
	uint64_t	present;
	size_t		n = 0;
	size_t		kept;
	CategoryCount *counted;
	uint64_t   *counts;
	const char **bytes;
	uint32_t   *sizes;
	uint32_t   *others;
	MlArenaMark mark;
	MlStatus	status;

	/* results before working memory, so that the latter can be given back */
	bytes = ml_arena_alloc_array(ctx->arena, MAX_CATEGORIES, sizeof(char *));
	sizes = ml_arena_alloc_array(ctx->arena, MAX_CATEGORIES, sizeof(uint32_t));
	counts = ml_arena_alloc_zeroed(ctx->arena, ML_MAX_BINS + 1, sizeof(uint64_t));
	others = ml_arena_alloc_array(ctx->arena, n_codes > cap ? n_codes - cap : 0, sizeof(uint32_t));
	mark = ml_arena_mark(ctx->arena);
	counted = ml_arena_alloc_zeroed(ctx->arena, n_codes, sizeof(CategoryCount));
	if (bytes == NULL || sizes == NULL || counts == NULL || others == NULL || counted == NULL)
		return ml_fail_memory(ctx);

	for (size_t i = 0; i < fit->rows.n; i++)
	{
		uint32_t	code = ml_column_code(column, fit->rows.row[i]);

		if (code == ML_MISSING_CODE)
			missing++;
		else
			counted[code].count++;
	}
	present = fit->rows.n - missing;
	for (uint32_t code = 0; code < n_codes; code++)
	{
		if (counted[code].count == 0)
			continue;
		counted[n].count = counted[code].count;
		counted[n].bytes = ml_dictionary_bytes(column->dictionary, code, &counted[n].size);
		n++;
	}
	status = ml_sort(ctx, counted, n, sizeof(CategoryCount), compare_categories);
	if (status != ML_OK)
		return status;

	*n_distinct = n;
	if (column->overflowed ||
		(present >= IDENTIFIER_VALUES && (double) n > IDENTIFIER_SHARE * (double) present))
		*outcome = CATEGORY_IDENTIFIER;
	else if (n + (missing > 0) <= 1)
		*outcome = CATEGORY_CONSTANT;
	else
	{
		*outcome = CATEGORY_KEPT;
		kept = n < cap ? n : cap;
		counts[ML_CODE_MISSING] = missing;
		for (size_t i = 0; i < n; i++)
		{
			if (i < kept)
			{
				bytes[i] = counted[i].bytes;
				sizes[i] = (uint32_t) counted[i].size;
			}
			counts[i < kept ? i + 1 : kept + 1] += counted[i].count;
			feature->singles += counted[i].count == 1;
		}
		for (size_t i = kept; i < n; i++)
			others[i - kept] = ml_category_hash(counted[i].bytes, counted[i].size);
		status = distinct_rising(ctx, others, n - kept, &input->n_others);
		if (status != ML_OK)
			return status;
		input->others = others;
		input->n_categories = (uint32_t) kept;
		input->category = bytes;
		input->category_size = sizes;
		feature->categorical = true;
		feature->n_bins = (uint32_t) kept + 1;
		feature->code_counts = counts;
	}
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* ---------------------------------------------------------------- all columns */

static const char *
feature_name(MlContext *ctx, const char *column, MlFeaturePart part)
{
	static const char *const suffix[] = {"", ".hour", ".weekday", ".seconds"};
	size_t		length = strlen(column);
	char	   *name;

	if (part == ML_FEATURE_VALUE)
		return column;
	name = ml_arena_alloc(ctx->arena, length + strlen(suffix[part]) + 1);
	if (name)
	{
		memcpy(name, column, length);
		strcpy(name + length, suffix[part]);
	}
	return name;
}

/* Adds a numeric candidate with room for its edges and counts. */
static MlStatus
add_number(MlContext *ctx, Fit *fit, uint32_t column, MlFeaturePart part, size_t *n_numeric)
{
	Candidate  *candidate = &fit->candidates[fit->n_candidates];

	memset(candidate, 0, sizeof(*candidate));
	candidate->column = column;
	candidate->feature.part = part;
	candidate->feature.name = feature_name(ctx, fit->dataset->columns[column].name, part);
	candidate->edges = ml_arena_alloc_array(ctx->arena, ML_MAX_BINS, sizeof(double));
	candidate->counts = ml_arena_alloc_zeroed(ctx->arena, ML_MAX_BINS + 1, sizeof(uint64_t));
	if (candidate->feature.name == NULL || candidate->edges == NULL || candidate->counts == NULL)
		return ml_fail_memory(ctx);
	fit->numeric[(*n_numeric)++] = fit->n_candidates++;
	return ML_OK;
}

/* Fits all numeric candidates in parallel. */
static MlStatus
fit_numbers(MlContext *ctx, Fit *fit, const float *label, size_t n_numeric)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	int			n_threads = ml_pool_size(ctx->pool);
	MlStatus	status;

	fit->values = ml_arena_alloc_array(ctx->arena, n_threads, sizeof(double *));
	fit->space = ml_arena_alloc_array(ctx->arena, n_threads, sizeof(MlQuantileSpace));
	fit->positive = ml_arena_alloc_array(ctx->arena, fit->rows.n, sizeof(bool));
	if (fit->values == NULL || fit->space == NULL || fit->positive == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < fit->rows.n; i++)
		fit->positive[i] = label[fit->rows.row[i]] == 1;
	for (int t = 0; t < n_threads; t++)
	{
		fit->values[t] = ml_arena_alloc_array(ctx->arena, fit->rows.n, sizeof(double));
		if (fit->values[t] == NULL ||
			!ml_quantile_space(ctx->arena, fit->rows.n, &fit->space[t]))
			return ml_fail_memory(ctx);
	}
	status = ml_parallel_for(ctx, n_numeric, fit_number, fit);
	ml_arena_release(ctx->arena, mark);
	return status;
}

/* Appends the kept features of one input to the signature. */
static void
keep_features(const Fit *fit, size_t first, size_t end, MlSignature *signature)
{
	bool		any = false;

	for (size_t i = first; i < end; i++)
	{
		MlFeature  *feature = &signature->features[signature->n_features];

		if (fit->candidates[i].constant)
			continue;
		*feature = fit->candidates[i].feature;
		feature->input = (uint32_t) signature->n_inputs;
		signature->n_features++;
		any = true;
	}
	if (any)
		signature->n_inputs++;
}

MlStatus
ml_signature_fit(MlContext *ctx, const MlDataset *dataset, MlRows rows, const float *label,
				 size_t n_columns, const uint32_t *columns, int max_bins, uint64_t seed,
				 MlSignature **result, MlLeftOut **left_out_result, size_t *n_left_out)
{
	MlSignature *signature = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlSignature));
	MlLeftOut  *left_out = ml_arena_alloc_zeroed(ctx->arena, n_columns, sizeof(MlLeftOut));
	uint32_t   *input_column = ml_arena_alloc_array(ctx->arena, n_columns, sizeof(uint32_t));
	size_t	   *first = ml_arena_alloc_array(ctx->arena, n_columns + 1, sizeof(size_t));
	Fit			fit = {.ctx = ctx, .dataset = dataset, .rows = rows, .max_bins = (uint32_t) max_bins, .seed = seed};
	size_t		n_numeric = 0;
	MlStatus	status = ML_OK;

	*n_left_out = 0;
	fit.candidates = ml_arena_alloc_zeroed(ctx->arena, 3 * n_columns, sizeof(Candidate));
	fit.numeric = ml_arena_alloc_array(ctx->arena, 3 * n_columns, sizeof(size_t));
	if (signature)
	{
		signature->inputs = ml_arena_alloc_zeroed(ctx->arena, n_columns, sizeof(MlInput));
		signature->features = ml_arena_alloc_zeroed(ctx->arena, 3 * n_columns, sizeof(MlFeature));
	}
	if (signature == NULL || left_out == NULL || input_column == NULL || first == NULL ||
		fit.candidates == NULL || fit.numeric == NULL ||
		signature->inputs == NULL || signature->features == NULL)
		return ml_fail_memory(ctx);

	/* numbers and parts of times, all in parallel */
	for (size_t i = 0; status == ML_OK && i < n_columns; i++)
	{
		first[i] = fit.n_candidates;
		if (dataset->columns[columns[i]].kind == ML_COLUMN_NUMBER)
			status = add_number(ctx, &fit, columns[i], ML_FEATURE_VALUE, &n_numeric);
		for (int part = ML_FEATURE_HOUR;
			 status == ML_OK && part <= ML_FEATURE_SECONDS &&
			 dataset->columns[columns[i]].kind == ML_COLUMN_TIME; part++)
			status = add_number(ctx, &fit, columns[i], (MlFeaturePart) part, &n_numeric);
	}
	first[n_columns] = fit.n_candidates;
	if (status == ML_OK)
		status = fit_numbers(ctx, &fit, label, n_numeric);

	/* inputs in the order of columns */
	for (size_t i = 0; status == ML_OK && i < n_columns; i++)
	{
		const MlColumn *column = &dataset->columns[columns[i]];
		size_t		input = signature->n_inputs;
		CategoryOutcome outcome = CATEGORY_KEPT;
		uint64_t	n_distinct = 1;

		signature->inputs[input] = (MlInput) {column->name, column->type_name, column->kind};
		if (column->kind == ML_COLUMN_CATEGORY)
		{
			MlFeature  *feature = &signature->features[signature->n_features];

			status = fit_category(ctx, &fit, column, &signature->inputs[input], feature,
								  &outcome, &n_distinct);
			if (status == ML_OK && outcome == CATEGORY_KEPT)
			{
				feature->name = column->name;
				feature->input = (uint32_t) input;
				signature->n_features++;
				signature->n_inputs++;
			}
			if (status == ML_OK)
				status = ml_check_abort(ctx);
		}
		else
			keep_features(&fit, first[i], first[i + 1], signature);
		if (signature->n_inputs > input)
			input_column[input] = columns[i];
		else if (status == ML_OK)
			left_out[(*n_left_out)++] = (MlLeftOut) {
				columns[i],
				outcome == CATEGORY_IDENTIFIER ? ML_LEFT_OUT_IDENTIFIER : ML_LEFT_OUT_CONSTANT,
				n_distinct
			};
	}
	if (status != ML_OK)
		return status;
	if (signature->n_features == 0)
		return ml_fail(ctx, ML_BAD_DATA, "all features are constant in the %zu training rows", rows.n);
	signature->input_column = input_column;
	signature->time_zone = dataset->time_zone;
	*result = signature;
	*left_out_result = left_out;
	return ML_OK;
}
