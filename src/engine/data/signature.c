/*-------------------------------------------------------------------------
 * signature.c
 *	  What training learns about turning columns into features.
 *
 * Categories are counted on the calling thread (their dictionaries grow with
 * the data), and those of many levels get a statistic; numbers, statistics among
 * them, are fitted in parallel, one task a feature.  Everything is
 * computed over the training rows in canonical order, so the result depends
 * neither on the physical order of the table nor on the number of threads.
 * A number costs O(rows) (see quantiles.c), a category O(rows + levels log
 * levels).
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "quantiles.h"
#include "statistic.h"
#include "usual.h"

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
	const double *value;		/* by training row; NULL: the column's */
	bool		constant;
} Candidate;

/* A category that was counted. */
typedef enum CategoryOutcome
{
	CATEGORY_KEPT,
	CATEGORY_CONSTANT,
	CATEGORY_IDENTIFIER
} CategoryOutcome;

typedef struct Category
{
	MlInput		input;
	MlFeature	feature;		/* its codes */
	CategoryOutcome outcome;
	uint64_t	n_distinct;
} Category;

typedef struct Fit
{
	MlContext  *ctx;
	const MlDataset *dataset;
	MlRows		rows;
	bool	   *positive;		/* [rows] */
	size_t		n_positive;
	size_t		n_taken[2];		/* see ml_quantile_taken */
	uint32_t	max_bins;
	uint64_t	seed;
	MlStatisticRows statistics;
	Category   *categories;		/* [n_columns] of those that are categories */
	Candidate  *candidates;
	size_t	   *first;			/* [n_columns + 1] a column's candidates */
	size_t		n_candidates;
	struct NumberSpace *space;	/* [threads] */
} Fit;

/* ---------------------------------------------------------------- numbers */

/*
 * A number's values, and working memory of the thread that fits it.  If at least half
 * are the same as the first, which is then the usual one, the others are listed.
 */
typedef struct NumberSpace
{
	double	   *values;			/* [n] by position */
	size_t		n;
	bool		sparse;
	size_t		n_others;		/* n if it is not sparse */
	uint32_t   *at;				/* [n / 2 + ML_CHUNK_ROWS] positions of the others */
	MlQuantileSpace quantiles;
} NumberSpace;

static inline double
other_value(const NumberSpace *space, size_t i)
{
	return space->values[space->sparse ? space->at[i] : i];
}

/* Says whether most values are the first, and lists the others. */
static void
list_others(NumberSpace *space)
{
	MlUsual		usual = ml_usual_value(space->n > 0 ? space->values[0] : 0);

	space->n_others = 0;
	space->sparse = space->n > 0;
	for (size_t begin = 0; begin < space->n && space->sparse; begin += ML_CHUNK_ROWS)
	{
		size_t		n = space->n - begin < ML_CHUNK_ROWS ? space->n - begin : ML_CHUNK_ROWS;
		uint32_t   *at = space->at + space->n_others;
		size_t		found = ml_list_unusual(space->values + begin, n, usual, at);

		for (size_t i = 0; i < found; i++)
			at[i] += (uint32_t) begin;
		space->n_others += found;
		/* of a dense column the first block says it */
		space->sparse = 2 * space->n_others <= (begin == 0 ? n : space->n);
	}
	if (!space->sparse)
		space->n_others = space->n;
}

/*
 * Mean and deviation of values whose squares are beyond double precision, from
 * values scaled to at most 1 by a power of two.  present of the n values are not
 * NaN; minimum and maximum are set.
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

/*
 * Mean, deviation and range of the values that are not NaN, around the first one,
 * which keeps sums small; all 0 if there are none.  Where the first one is usual it
 * adds 0 each time, and is left out.
 */
static void
describe(MlFeature *feature, const NumberSpace *space)
{
	bool		usual = space->sparse && space->values[0] == space->values[0];
	size_t		present = usual ? space->n - space->n_others : 0;
	double		shift = usual ? space->values[0] : 0;
	double		sum = 0;
	double		squares = 0;

	feature->minimum = usual ? shift : INFINITY;
	feature->maximum = usual ? shift : -INFINITY;
	for (size_t i = 0; i < space->n_others; i++)
	{
		double		value = other_value(space, i);

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
		describe_scaled(feature, space->values, space->n, present);
}

/* A candidate's values by position. */
static void
read_values(const Fit *fit, const Candidate *candidate, NumberSpace *space)
{
	uint64_t	buffer[ML_CHUNK_ROWS];
	double		values[ML_CHUNK_ROWS];
	MlCursor	cursor = ml_cursor(fit->dataset, candidate->column, buffer);
	MlFeaturePart part = candidate->feature.part;

	if (candidate->value)
	{
		memcpy(space->values, candidate->value, space->n * sizeof(double));
		return;
	}
	for (size_t begin = 0; begin < space->n; begin += ML_CHUNK_ROWS)
	{
		size_t		n = space->n - begin < ML_CHUNK_ROWS ? space->n - begin : ML_CHUNK_ROWS;
		double	   *to = fit->rows.place ? values : space->values + begin;

		ml_rows_numbers(&fit->rows, &cursor, begin, n, to);
		for (size_t i = 0; i < n && part != ML_FEATURE_VALUE; i++)
			to[i] = ml_feature_number(part, to[i]);
		for (size_t i = 0; i < n && fit->rows.place; i++)
			space->values[fit->rows.place[begin + i]] = values[i];
	}
}

/* Edges of the others and the usual value, where that can be done (see MlQuantileValues). */
static uint32_t
find_edges(const Fit *fit, NumberSpace *space, double *edges)
{
	MlQuantileValues values = {space->values, fit->positive, space->n, NULL, 0, {0, 0}, {0, 0}};
	bool		usual = space->sparse && space->values[0] == space->values[0];

	for (size_t i = 0; usual && space->n > 2 * ML_QUANTILE_SAMPLE && i < space->n_others; i++)
		usual = other_value(space, i) == other_value(space, i);
	if (usual)
	{
		values = (MlQuantileValues) {space->values, fit->positive, space->n_others, space->at, space->values[0],
			{0, fit->n_positive}, {fit->n_taken[0], fit->n_taken[1]}};
		for (size_t i = 0; i < space->n_others; i++)
			values.n_usual[1] -= fit->positive[space->at[i]];
		values.n_usual[0] = space->n - space->n_others - values.n_usual[1];
	}
	else if (space->sparse && space->values[0] != space->values[0])
	{
		values.n = space->n_others;
		values.at = space->at;
	}
	return ml_quantile_edges(&space->quantiles, &values, fit->max_bins, fit->seed, edges);
}

static void
count_codes(const MlFeature *feature, const NumberSpace *space, const double *edges, uint64_t *counts)
{
	double		values[ML_CHUNK_ROWS];
	uint8_t		code[ML_CHUNK_ROWS];

	for (size_t begin = 0; begin < space->n_others; begin += ML_CHUNK_ROWS)
	{
		size_t		n = space->n_others - begin < ML_CHUNK_ROWS ? space->n_others - begin : ML_CHUNK_ROWS;

		for (size_t i = 0; i < n; i++)
			values[i] = other_value(space, begin + i);
		ml_feature_codes(edges, feature->n_bins - 1, values, n, code);
		for (size_t i = 0; i < n; i++)
			counts[code[i]]++;
	}
	if (space->sparse)
		counts[ml_bin_number(edges, feature->n_bins - 1, space->values[0])] += space->n - space->n_others;
}

/* Task: a candidate.  Leaves off between its steps when the caller wants to stop. */
static void
fit_number(void *arg, size_t task, int thread)
{
	Fit		   *fit = (Fit *) arg;
	Candidate  *candidate = &fit->candidates[task];
	MlFeature  *feature = &candidate->feature;
	NumberSpace *space = &fit->space[thread];

	read_values(fit, candidate, space);
	list_others(space);
	if (ml_should_stop(fit->ctx, thread))
		return;
	describe(feature, space);
	feature->n_bins = find_edges(fit, space, candidate->edges);
	if (ml_should_stop(fit->ctx, thread))
		return;
	count_codes(feature, space, candidate->edges, candidate->counts);
	feature->edges = candidate->edges;
	feature->code_counts = candidate->counts;
	candidate->constant = candidate->value == NULL && feature->minimum == feature->maximum &&
		(candidate->counts[ML_CODE_MISSING] == 0 || candidate->counts[ML_CODE_MISSING] == fit->rows.n);
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

/*
 * Categories that occur in the training rows, sorted, [*n] in the arena; n and
 * missing are 0 before.  Bytes are the dictionary's.  Errors: ML_OUT_OF_MEMORY,
 * ML_ABORTED.
 */
static MlStatus
count_categories(MlContext *ctx, const Fit *fit, const MlColumn *column, CategoryCount **result, size_t *n, uint64_t *missing)
{
	uint64_t	buffer[ML_CHUNK_ROWS];
	MlCursor	cursor = ml_cursor(fit->dataset, column - fit->dataset->columns, buffer);
	uint32_t	n_codes = ml_dictionary_size(column->dictionary);
	CategoryCount *counted = ml_arena_alloc_zeroed(ctx->arena, n_codes, sizeof(CategoryCount));

	if (counted == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < fit->rows.n; i++)
	{
		uint32_t	code = ml_cursor_code(&cursor, fit->rows.row[ml_rows_visit(&fit->rows, i)]);

		if (code == ML_MISSING_CODE)
			(*missing)++;
		else
			counted[code].count++;
	}
	for (uint32_t code = 0; code < n_codes; code++)
	{
		if (counted[code].count == 0)
			continue;
		counted[*n].count = counted[code].count;
		counted[*n].bytes = ml_dictionary_bytes(column->dictionary, code, &counted[*n].size);
		(*n)++;
	}
	*result = counted;
	return ml_sort(ctx, counted, *n, sizeof(CategoryCount), compare_categories);
}

/*
 * Counts a column's categories in the training rows and, if it is to be an input,
 * fills in what is known of them.  Sets *many where they are more than there are
 * codes.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
static MlStatus
fit_category(MlContext *ctx, const Fit *fit, const MlColumn *column, Category *category, bool *many)
{
	uint32_t	n_codes = ml_dictionary_size(column->dictionary);
	uint32_t	cap = fit->max_bins - 1 < MAX_CATEGORIES ? fit->max_bins - 1 : MAX_CATEGORIES;
	uint64_t	missing = 0;
	uint64_t	present;
	size_t		n = 0;
	size_t		kept;
	CategoryCount *counted = NULL;
	MlArenaMark before = ml_arena_mark(ctx->arena);

	/* results before working memory, so that the latter can be given back */
	const char **bytes = ml_arena_alloc_array(ctx->arena, n_codes, sizeof(char *));
	uint32_t   *sizes = ml_arena_alloc_array(ctx->arena, n_codes, sizeof(uint32_t));
	uint64_t   *counts = ml_arena_alloc_zeroed(ctx->arena, ML_MAX_BINS + 1, sizeof(uint64_t));
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlStatus	status;

	if (bytes == NULL || sizes == NULL || counts == NULL)
		return ml_fail_memory(ctx);
	status = count_categories(ctx, fit, column, &counted, &n, &missing);
	if (status != ML_OK)
		return status;
	present = fit->rows.n - missing;
	category->n_distinct = n;
	category->outcome = column->overflowed ||
		(present >= IDENTIFIER_VALUES && (double) n > IDENTIFIER_SHARE * (double) present) ? CATEGORY_IDENTIFIER
		: n + (missing > 0) <= 1 ? CATEGORY_CONSTANT : CATEGORY_KEPT;
	*many = category->outcome == CATEGORY_KEPT && n > cap;
	if (category->outcome != CATEGORY_KEPT)
	{
		ml_arena_release(ctx->arena, before);
		return ML_OK;
	}
	kept = n < cap ? n : cap;
	counts[ML_CODE_MISSING] = missing;
	for (size_t i = 0; i < n; i++)
	{
		bytes[i] = counted[i].bytes;
		sizes[i] = (uint32_t) counted[i].size;
		counts[i < kept ? i + 1 : kept + 1] += counted[i].count;
		category->feature.singles += counted[i].count == 1;
	}
	category->input.n_categories = (uint32_t) n;
	category->input.category = bytes;
	category->input.category_size = sizes;
	category->feature.name = column->name;
	category->feature.categorical = true;
	category->feature.n_bins = (uint32_t) kept + 1;
	category->feature.code_counts = counts;
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* ---------------------------------------------------------------- all columns */

/*
 * The column's own name, or one in the arena with the part behind it; NULL when
 * memory is exhausted.
 */
static const char *
feature_name(MlContext *ctx, const char *column, MlFeaturePart part)
{
	static const char *const suffix[] = {"", ".hour", ".weekday", ".seconds", ".target"};
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
add_number(MlContext *ctx, Fit *fit, uint32_t column, MlFeaturePart part)
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
	fit->n_candidates++;
	return ML_OK;
}

/*
 * Counts a column's categories; many of them make a statistic.  Errors:
 * ML_OUT_OF_MEMORY, ML_ABORTED.
 */
static MlStatus
add_category(MlContext *ctx, Fit *fit, uint32_t column, Category *category)
{
	const MlColumn *from = &fit->dataset->columns[column];
	double	   *statistic;
	double	   *value;
	Candidate  *candidate;
	bool		many = false;
	MlStatus	status = fit_category(ctx, fit, from, category, &many);

	if (status != ML_OK || !many)
		return status;
	statistic = ml_arena_alloc_array(ctx->arena, category->input.n_categories, sizeof(double));
	value = ml_arena_alloc_array(ctx->arena, fit->rows.n, sizeof(double));
	if (statistic == NULL || value == NULL)
		return ml_fail_memory(ctx);
	status = ml_statistic_fit(ctx, &fit->statistics, from, &category->input, statistic, value);
	if (status != ML_OK)
		return status;
	category->input.statistic = statistic;
	candidate = &fit->candidates[fit->n_candidates];
	status = add_number(ctx, fit, column, ML_FEATURE_STATISTIC);
	candidate->value = candidate->feature.training_value = value;
	return status;
}

/* Adds what a column may become: one candidate, three of a time, none of a hash. */
static MlStatus
add_column(MlContext *ctx, Fit *fit, uint32_t column, Category *category)
{
	MlStatus	status = ML_OK;

	switch (fit->dataset->columns[column].kind)
	{
		case ML_COLUMN_NUMBER:
			return add_number(ctx, fit, column, ML_FEATURE_VALUE);
		case ML_COLUMN_TIME:
			for (int part = ML_FEATURE_HOUR; status == ML_OK && part <= ML_FEATURE_SECONDS; part++)
				status = add_number(ctx, fit, column, (MlFeaturePart) part);
			return status;
		case ML_COLUMN_CATEGORY:
			status = add_category(ctx, fit, column, category);
			return status == ML_OK ? ml_check_abort(ctx) : status;
		default:
			return ML_OK;
	}
}

static bool
allocate_space(MlArena *arena, size_t n, NumberSpace *space)
{
	*space = (NumberSpace) {.n = n};
	space->values = ml_arena_alloc_array(arena, n, sizeof(double));
	space->at = ml_arena_alloc_array(arena, n / 2 + ML_CHUNK_ROWS, sizeof(uint32_t));
	return space->values && space->at && ml_quantile_space(arena, n, &space->quantiles);
}

/* Fits all numeric candidates in parallel. */
static MlStatus
fit_numbers(MlContext *ctx, Fit *fit)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	int			n_threads = ml_pool_size(ctx->pool);
	MlStatus	status;

	fit->space = ml_arena_alloc_array(ctx->arena, n_threads, sizeof(NumberSpace));
	fit->positive = ml_arena_alloc_array(ctx->arena, fit->rows.n, sizeof(bool));
	if (fit->space == NULL || fit->positive == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < fit->rows.n; i++)
	{
		fit->positive[i] = fit->statistics.label[fit->rows.row[i]] == 1;
		fit->n_positive += fit->positive[i];
	}
	ml_quantile_taken(fit->positive, fit->rows.n, fit->seed, fit->n_taken);
	for (int t = 0; t < n_threads; t++)
	{
		if (!allocate_space(ctx->arena, fit->rows.n, &fit->space[t]))
			return ml_fail_memory(ctx);
	}
	status = ml_parallel_for(ctx, fit->n_candidates, fit_number, fit);
	if (status == ML_OK)
		status = ml_dataset_check(ctx, fit->dataset);
	ml_arena_release(ctx->arena, mark);
	return status;
}

/* Appends what a column became to the signature, if anything. */
static void
keep_column(const Fit *fit, size_t which, uint32_t column, MlSignature *signature)
{
	const MlColumn *from = &fit->dataset->columns[column];
	const Category *category = &fit->categories[which];
	MlInput    *input = &signature->inputs[signature->n_inputs];
	size_t		n_features = signature->n_features;
	bool		is_category = from->kind == ML_COLUMN_CATEGORY;

	*input = (MlInput) {0};
	if (is_category && category->outcome == CATEGORY_KEPT)
	{
		*input = category->input;
		signature->features[signature->n_features++] = category->feature;
	}
	input->name = from->name;
	input->type_name = from->type_name;
	input->kind = from->kind;
	for (size_t i = fit->first[which]; i < fit->first[which + 1]; i++)
	{
		if (!fit->candidates[i].constant)
			signature->features[signature->n_features++] = fit->candidates[i].feature;
	}
	for (size_t f = n_features; f < signature->n_features; f++)
		signature->features[f].input = (uint32_t) signature->n_inputs;
	signature->n_inputs += signature->n_features > n_features;
}

/*
 * Everything whose size is known before a column is looked at.  A column has three
 * candidates at the most.
 */
static MlStatus
allocate(MlContext *ctx, Fit *fit, size_t n_columns, MlSignature **result, uint32_t **input_column, MlLeftOut **left_out)
{
	MlSignature *signature = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlSignature));

	*left_out = ml_arena_alloc_zeroed(ctx->arena, n_columns, sizeof(MlLeftOut));
	*input_column = ml_arena_alloc_array(ctx->arena, n_columns, sizeof(uint32_t));
	fit->first = ml_arena_alloc_array(ctx->arena, n_columns + 1, sizeof(size_t));
	fit->categories = ml_arena_alloc_zeroed(ctx->arena, n_columns, sizeof(Category));
	fit->candidates = ml_arena_alloc_zeroed(ctx->arena, 3 * n_columns, sizeof(Candidate));
	if (signature)
	{
		signature->inputs = ml_arena_alloc_zeroed(ctx->arena, n_columns, sizeof(MlInput));
		signature->features = ml_arena_alloc_zeroed(ctx->arena, 3 * n_columns, sizeof(MlFeature));
	}
	*result = signature;
	if (signature == NULL || *left_out == NULL || *input_column == NULL || fit->first == NULL ||
		fit->categories == NULL || fit->candidates == NULL || signature->inputs == NULL || signature->features == NULL)
		return ml_fail_memory(ctx);
	return ML_OK;
}

/* What is left out stays in the arena until the caller releases it. */
MlStatus
ml_signature_fit(MlContext *ctx, const MlDataset *dataset, MlRows rows, const float *label,
				 size_t n_columns, const uint32_t *columns, int max_bins, uint64_t seed, bool in_time_order,
				 MlSignature **result, MlLeftOut **left_out_result, size_t *n_left_out)
{
	Fit			fit = {.ctx = ctx, .dataset = dataset, .rows = rows, .max_bins = (uint32_t) max_bins, .seed = seed,
		.statistics = {dataset, rows, label, in_time_order, seed, 0.5}};
	MlSignature *signature;
	MlLeftOut  *left_out;
	uint32_t   *input_column;
	MlStatus	status = allocate(ctx, &fit, n_columns, &signature, &input_column, &left_out);

	*n_left_out = 0;
	if (status != ML_OK)
		return status;
	if (rows.n > 0)
		ml_statistic_prior(&fit.statistics);
	for (size_t i = 0; status == ML_OK && i < n_columns; i++)
	{
		fit.first[i] = fit.n_candidates;
		status = add_column(ctx, &fit, columns[i], &fit.categories[i]);
	}
	fit.first[n_columns] = fit.n_candidates;
	if (status == ML_OK)
		status = fit_numbers(ctx, &fit);
	if (status != ML_OK)
		return status;
	for (size_t i = 0; i < n_columns; i++)
	{
		const Category *category = &fit.categories[i];
		size_t		input = signature->n_inputs;

		keep_column(&fit, i, columns[i], signature);
		if (signature->n_inputs > input)
			input_column[input] = columns[i];
		else
			left_out[(*n_left_out)++] = (MlLeftOut) {columns[i],
				category->outcome == CATEGORY_IDENTIFIER ? ML_LEFT_OUT_IDENTIFIER : ML_LEFT_OUT_CONSTANT,
				dataset->columns[columns[i]].kind == ML_COLUMN_CATEGORY ? category->n_distinct : 1};
	}
	if (signature->n_features == 0)
		return ml_fail(ctx, ML_BAD_DATA, "all features are constant in the %zu training rows", rows.n);
	signature->input_column = input_column;
	signature->time_zone = dataset->time_zone;
	signature->prior = ml_log_odds(fit.statistics.prior);
	*result = signature;
	*left_out_result = left_out;
	return ML_OK;
}
