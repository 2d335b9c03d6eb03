/*-------------------------------------------------------------------------
 * check_model.c
 *	  A source against a version's training baseline: every row is scored and
 *	  counted by the bins that are in the model's bytes, a block at a time.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/monitor.h"
#include "mlops/progress.h"
#include "monitor/compare.h"

#define BLOCK_VALUES 524288		/* of all inputs, read before they are counted */
#define TASK_ROWS 512

#define SCORE_GROUPS 20			/* that scores are compared in, about */

/*
 * What all of a check is counted in.  Arrays are in ctx's arena; by thread, so that
 * nobody waits.
 */
typedef struct Counter
{
	MlContext  *ctx;
	const MlModel *model;
	MlRowMap   *map;
	const int  *mapping;		/* of the source's columns to the slots' */
	bool		mapped;			/* is map about the slots? */
	MemoryContext row_context;

	size_t		n_inputs;
	size_t		n_features;
	MlFeatureBaseline *features;	/* [n_features] */
	size_t	   *first;			/* [n_features] of its codes in counts */
	size_t		n_codes;

	double	   *least;			/* [n_inputs] value of a number or time */
	double	   *greatest;

	uint32_t   *n_coded;		/* [n_inputs] categories with a code of their own */
	uint32_t   *n_others;		/* [n_inputs] those that training knew beside */
	uint64	  **others;			/* [n_inputs][n_others] rows with one of these */
	MlNewLevels **news;			/* [n_inputs] and those that it did not; NULL: no category */

	size_t		block_rows;
	size_t		n;				/* rows in the block */
	MlValue    *values;			/* [block_rows][n_inputs] */
	int64		rows;

	/* by thread */
	uint64	  **counts;			/* [n_codes] */
	uint64	  **scores;			/* [ML_SCORE_BINS] */
	uint8	  **scratch;
} Counter;

/*
 * Codes of a number are counted in the order of values: missing, below the least
 * of training, its bins, above its greatest.
 */
static size_t
n_codes(const MlFeatureBaseline *feature)
{
	return feature->n_bins + 1 + (feature->categorical ? 0 : 2);
}

/* 0 .. n_bins + 2, in the order of values; bin: the engine's code of the value. */
static inline size_t
code_of_bin(const MlFeatureBaseline *feature, double value, uint8 bin)
{
	if (isnan(value))
		return 0;
	if (value < feature->minimum)
		return 1;
	if (value > feature->maximum)
		return feature->n_bins + 2;
	return (size_t) bin + 1;
}

static size_t
code_of_number(const MlFeatureBaseline *feature, double value)
{
	return code_of_bin(feature, value, ml_bin_number(feature->edges, feature->n_bins - 1, value));
}

static bool
is_part_of_cycle(const MlFeatureBaseline *feature)
{
	return feature->part == ML_FEATURE_HOUR || feature->part == ML_FEATURE_WEEKDAY;
}

/* n rows' values of a feature, which are stride apart. */
static void
count_numbers(const MlFeatureBaseline *feature, size_t n, const MlValue *value, size_t stride, uint64 *counts)
{
	size_t		row = 0;

	for (; row + ML_NUMBERS_AT_ONCE <= n; row += ML_NUMBERS_AT_ONCE)
	{
		double		number[ML_NUMBERS_AT_ONCE];
		uint8_t		bin[ML_NUMBERS_AT_ONCE];

		for (int k = 0; k < ML_NUMBERS_AT_ONCE; k++, value += stride)
			number[k] = ml_feature_number(feature->part, value->number);
		ml_bin_numbers(feature->edges, feature->n_bins - 1, number, bin);
		for (int k = 0; k < ML_NUMBERS_AT_ONCE; k++)
			counts[code_of_bin(feature, number[k], bin[k])]++;
	}
	for (; row < n; row++, value += stride)
		counts[code_of_number(feature, ml_feature_number(feature->part, value->number))]++;
}

/*
 * Task: TASK_ROWS rows of the block; scores them and counts their codes in the
 * thread's own arrays.
 */
static void
count_task(void *arg, size_t task, int thread)
{
	const Counter *counter = (const Counter *) arg;
	size_t		begin = task * TASK_ROWS;
	size_t		end = begin + TASK_ROWS < counter->n ? begin + TASK_ROWS : counter->n;
	double		score[TASK_ROWS];

	ml_model_score_block(counter->model, end - begin, counter->values + begin * counter->n_inputs, counter->scratch[thread], score);
	for (size_t i = 0; i < end - begin; i++)
	{
		int			bin = score[i] > 0 && score[i] < 1 ? (int) (score[i] * ML_SCORE_BINS) : score[i] >= 1 ? ML_SCORE_BINS - 1 : 0;

		counter->scores[thread][bin]++;
	}
	for (size_t f = 0; f < counter->n_features; f++)
	{
		const MlFeatureBaseline *feature = &counter->features[f];
		const MlValue *value = counter->values + begin * counter->n_inputs + feature->input;
		uint64	   *counts = counter->counts[thread] + counter->first[f];

		if (feature->part == ML_FEATURE_STATISTIC)
			continue;			/* its category is counted */
		if (feature->categorical)
		{
			for (size_t row = begin; row < end; row++, value += counter->n_inputs)
				counts[Min(value->code, feature->n_bins)]++;
		}
		else
			count_numbers(feature, end - begin, value, counter->n_inputs, counts);
	}
}

/*
 * Counts the rows that wait, and forgets what was allocated for them.  Raises what
 * ended the engine's work, a cancel for example.
 */
static void
count_block(Counter *counter)
{
	mlbase_check(counter->ctx, ml_parallel_for(counter->ctx, (counter->n + TASK_ROWS - 1) / TASK_ROWS,
											   count_task, counter));
	counter->n = 0;
	MemoryContextReset(counter->row_context);
}

/* What a window's times span; NaN is neither less nor greater. */
static void
see_time(Counter *counter, const MlFeatureBaseline *feature, const MlValue *values)
{
	double		time;

	if (!is_part_of_cycle(feature))
		return;
	time = values[feature->input].number;
	if (time < counter->least[feature->input])
		counter->least[feature->input] = time;
	if (time > counter->greatest[feature->input])
		counter->greatest[feature->input] = time;
}

/* Counts a category that has no code of its own. */
static void
see_other(Counter *counter, size_t input, uint32_t code, TupleTableSlot *slot)
{
	uint32_t	n_categories;
	size_t		size;
	const char *bytes;
	uint32_t	place;

	if (counter->news[input] == NULL || code <= counter->n_coded[input])
		return;
	n_categories = ml_model_n_categories(counter->model, input);
	if (code <= n_categories)
	{
		counter->others[input][code - counter->n_coded[input] - 1]++;
		return;
	}
	bytes = mling_bytes(&counter->map->converter[input], slot->tts_values[counter->map->attribute[input]], &size);
	if (ml_model_other(counter->model, input, bytes, size, &place))
		counter->others[input][n_categories - counter->n_coded[input] + place]++;
	else
		mlmon_see_new(counter->news[input], bytes, size);
}

/*
 * A row of the source: its values into the block; what needs PostgreSQL or bytes of
 * the row is counted now.
 */
static void
take_row(TupleTableSlot *slot, void *arg)
{
	Counter    *counter = (Counter *) arg;
	MlValue    *values;
	MemoryContext caller = MemoryContextSwitchTo(counter->row_context);

	if (!counter->mapped)
	{
		for (size_t i = 0; i < counter->n_inputs; i++)
			counter->map->attribute[i] = counter->mapping[counter->map->attribute[i]];
		mlserve_find_places(counter->map, slot->tts_tupleDescriptor);
		counter->mapped = true;
	}
	values = counter->values + counter->n * counter->n_inputs;
	if (!TTS_IS_BUFFERTUPLE(slot) || !mlserve_fill_in_place(counter->map, ((HeapTupleTableSlot *) slot)->tuple->t_data, values))
	{
		slot_getallattrs(slot);
		mlserve_fill_values(counter->model, counter->map, slot->tts_values, slot->tts_isnull, values);
	}
	for (size_t f = 0; f < counter->n_features; f++)
		see_time(counter, &counter->features[f], values);
	for (size_t i = 0; i < counter->n_inputs; i++)
		see_other(counter, i, values[i].code, slot);
	MemoryContextSwitchTo(caller);
	counter->rows++;
	if (++counter->n == counter->block_rows)
		count_block(counter);
	if (counter->rows % MLOPS_PROGRESS_ROWS == 0)
		mlbase_progress_done((double) counter->rows);
}

/* Zeroed memory of ctx's arena; an error (53200) if there is none. */
static void *
allocate(MlContext *ctx, size_t n, size_t size)
{
	void	   *memory = ml_arena_alloc_zeroed(ctx->arena, n, size);

	if (memory == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	return memory;
}

/* They have bytes in the model, after those with codes, or hashes. */
static void
prepare_others(Counter *counter)
{
	counter->n_coded = allocate(counter->ctx, counter->n_inputs, sizeof(uint32_t));
	counter->n_others = allocate(counter->ctx, counter->n_inputs, sizeof(uint32_t));
	counter->others = allocate(counter->ctx, counter->n_inputs, sizeof(uint64 *));
	counter->news = allocate(counter->ctx, counter->n_inputs, sizeof(MlNewLevels *));
	for (size_t f = 0; f < counter->n_features; f++)
	{
		const MlFeatureBaseline *feature = &counter->features[f];
		uint32_t	input = feature->input;

		if (!feature->categorical)
			continue;
		counter->n_coded[input] = feature->n_bins - 1;
		counter->n_others[input] = ml_model_n_categories(counter->model, input) - counter->n_coded[input] +
			ml_model_n_others(counter->model, input);
		counter->others[input] = allocate(counter->ctx, counter->n_others[input], sizeof(uint64));
		counter->news[input] = allocate(counter->ctx, 1, sizeof(MlNewLevels));
	}
}

/*
 * Everything whose size the model decides.  A block has about BLOCK_VALUES values,
 * whatever the width of the rows.
 */
static void
prepare(Counter *counter, MlContext *ctx, const MlModel *model)
{
	int			n_threads = ml_pool_size(ctx->pool);

	counter->ctx = ctx;
	counter->model = model;
	counter->n_inputs = ml_model_n_inputs(model);
	counter->n_features = ml_model_n_features(model);
	counter->features = allocate(ctx, counter->n_features, sizeof(MlFeatureBaseline));
	counter->first = allocate(ctx, counter->n_features, sizeof(size_t));
	for (size_t f = 0; f < counter->n_features; f++)
	{
		ml_model_feature_baseline(model, f, &counter->features[f]);
		counter->first[f] = counter->n_codes;
		counter->n_codes += n_codes(&counter->features[f]);
	}
	counter->least = allocate(ctx, counter->n_inputs, sizeof(double));
	counter->greatest = allocate(ctx, counter->n_inputs, sizeof(double));
	for (size_t i = 0; i < counter->n_inputs; i++)
	{
		counter->least[i] = INFINITY;
		counter->greatest[i] = -INFINITY;
	}
	prepare_others(counter);
	counter->block_rows = Max(BLOCK_VALUES / counter->n_inputs, TASK_ROWS) / TASK_ROWS * TASK_ROWS;
	counter->values = allocate(ctx, counter->block_rows * counter->n_inputs, sizeof(MlValue));
	counter->counts = allocate(ctx, n_threads, sizeof(uint64 *));
	counter->scores = allocate(ctx, n_threads, sizeof(uint64 *));
	counter->scratch = allocate(ctx, n_threads, sizeof(uint8 *));
	for (int t = 0; t < n_threads; t++)
	{
		/* allocations are 64-byte aligned: no cache line has two threads */
		counter->counts[t] = allocate(ctx, counter->n_codes, sizeof(uint64));
		counter->scores[t] = allocate(ctx, ML_SCORE_BINS, sizeof(uint64));
		counter->scratch[t] = allocate(ctx, ml_model_scratch_size(model), 1);
	}
	counter->row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops drift rows",
												 ALLOCSET_DEFAULT_SIZES);
}

/* All threads' counts in the first one's. */
static void
add_up(Counter *counter)
{
	for (int t = 1; t < ml_pool_size(counter->ctx->pool); t++)
	{
		for (size_t i = 0; i < counter->n_codes; i++)
			counter->counts[0][i] += counter->counts[t][i];
		for (int i = 0; i < ML_SCORE_BINS; i++)
			counter->scores[0][i] += counter->scores[t][i];
	}
}

/* ---- from counts to tests */

/*
 * A number's counts, with room for what is out of the range of training.  current
 * is n_codes [feature] already.
 */
static MlHistograms
number_codes(const MlFeatureBaseline *feature, const uint64_t *current)
{
	uint64_t   *reference = palloc0(n_codes(feature) * sizeof(uint64_t));

	reference[0] = feature->counts[0];
	memcpy(reference + 2, feature->counts + 1, feature->n_bins * sizeof(uint64_t));
	return (MlHistograms) {n_codes(feature), reference, current};
}

/* Does the window's span of time have the hours, or weekdays, of nearly all rows of training? */
static bool
spans_cycle(const Counter *counter, const MlFeatureBaseline *feature)
{
	uint32		parts = mlmon_parts_between(feature->part, counter->least[feature->input], counter->greatest[feature->input]);
	bool		seen[ML_MAX_BINS + 3] = {false};
	uint64		rows = 0;
	uint64		not_seen = 0;

	for (int part = 0; part < HOURS_PER_DAY; part++)
	{
		if (parts & ((uint32) 1 << part))
			seen[code_of_number(feature, part)] = true;
	}
	for (size_t bin = 1; bin <= feature->n_bins; bin++)
	{
		rows += feature->counts[bin];
		not_seen += seen[bin + 1] ? 0 : feature->counts[bin];
	}
	return (double) not_seen <= ML_LEAST_SHARE * (double) rows;
}

/* What is missing is a group, and numbers are grouped by their order. */
static size_t
group_numbers(const MlHistograms *h, uint32_t *group)
{
	size_t		n = mlmon_group_ordered(&(MlHistograms) {h->n - 1, h->reference + 1, h->current + 1}, ML_NUMBER_BINS, group + 1);

	group[0] = 0;
	for (size_t code = 1; code < h->n; code++)
		group[code]++;
	return n + 1;
}

static size_t
group_scores(const MlHistograms *h, uint32_t *group)
{
	return mlmon_group_ordered(h, SCORE_GROUPS, group);
}

/* All that is allocated stays in the current memory context. */
MlDriftTest
mlmon_score_test(const MlHistograms *h)
{
	uint32_t   *group = palloc(Max(h->n, 1) * sizeof(uint32_t));
	size_t		n = group_scores(h, group);
	uint64_t   *reference = palloc(Max(n, 1) * sizeof(uint64_t));
	uint64_t   *current = palloc(Max(n, 1) * sizeof(uint64_t));
	MlHistograms coarse = {n, reference, current};

	ml_add_groups(h, group, n, reference, current);
	return mlmon_histogram_test(ML_TEST_PSI, &coarse, mlmon_histogram_p(ML_TEST_BIT(ML_TEST_PSI), &coarse));
}

/* P-value of what can be seen of the Kolmogorov-Smirnov statistic in bins. */
static MlDriftTest
binned_ks_test(MlContext *ctx, const MlHistograms *h)
{
	MlDriftTest test = {ml_binned_ks(h), NAN};
	double		r = (double) sum_of(h->reference, h->n);
	double		c = (double) sum_of(h->current, h->n);

	if (!isnan(test.statistic))
		mlbase_check(ctx, ml_kolmogorov_p(ctx, (uint64) Max(1, rint(r / (r + c) * c)),
										  test.statistic, &test.p_value));
	return test;
}

typedef struct Comparison
{
	MlContext  *ctx;
	const char *feature;
	const char *kind;
	bool		ordered;		/* are neighbouring bins neighbours? */
	bool		has_codes;		/* is bin 0 what is missing? */
	uint64		unseen;			/* current rows with a category that training did not know */
	double		unseen_p;		/* how likely so many of these are */
	uint64		singles;		/* rows of the reference whose category no other has */
	bool		part_of_cycle;	/* the window does not span: only what is missing can be told */
	MlDriftTests tests;
	List	   *rows;
} Comparison;

/*
 * All tests of one feature: those of histograms on the grouped bins, the others on
 * what was counted.  Appends to comparison->rows.
 */
static void
compare(Comparison *comparison, const MlHistograms *fine, size_t n_groups, const uint32_t *group)
{
	uint64_t   *reference = palloc(n_groups * sizeof(uint64_t));
	uint64_t   *current = palloc(n_groups * sizeof(uint64_t));
	MlHistograms coarse = {n_groups, reference, current};
	uint64		reference_rows = sum_of(fine->reference, fine->n);
	uint64		current_rows = sum_of(fine->current, fine->n);
	double		p_value;

	ml_add_groups(fine, group, n_groups, reference, current);
	p_value = comparison->part_of_cycle ? NAN : mlmon_histogram_p(comparison->tests, &coarse);
	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		MlDriftTest result;

		if ((comparison->tests & ML_TEST_BIT(t)) == 0)
			continue;
		switch (t)
		{
			case ML_TEST_KS:
				if (!comparison->ordered)
					continue;
				result = binned_ks_test(comparison->ctx,
										&(MlHistograms) {fine->n - comparison->has_codes,
										fine->reference + comparison->has_codes,
				fine->current + comparison->has_codes});
				break;
			case ML_TEST_MISSING:
				if (!comparison->has_codes)
					continue;
				result = mlmon_share_test(reference_rows, fine->reference[0],
										  current_rows, fine->current[0]);
				break;
			case ML_TEST_UNSEEN:
				if (comparison->ordered)
					continue;
				result = mlmon_unseen_test(reference_rows, comparison->singles,
										   current_rows, comparison->unseen, comparison->unseen_p);
				break;
			default:
				result = mlmon_histogram_test((MlDriftTestKind) t, &coarse, p_value);
		}
		if (comparison->part_of_cycle && t != ML_TEST_MISSING)
			result = (MlDriftTest) {NAN, NAN};
		comparison->rows = lappend(comparison->rows, mlmon_judge(comparison->feature, comparison->kind,
																 (MlDriftTestKind) t, result));
	}
}

/* Levels that training did not keep apart are put together first (levels.c). */
static void
compare_category(Comparison *comparison, const Counter *counter, const MlFeatureBaseline *feature, const MlHistograms *counted)
{
	MlModelLevels found;
	uint32_t   *group;

	mlmon_model_levels(counted, feature->singles, counter->n_others[feature->input], counter->others[feature->input],
					   counter->news[feature->input], &found);
	group = palloc(found.levels.h.n * sizeof(uint32_t));
	comparison->kind = "category";
	comparison->unseen = found.unseen;
	comparison->unseen_p = found.unseen_p;
	compare(comparison, &found.levels.h, ml_group_categories(&found.levels, ML_LEAST_SHARE, group), group);
}

/*
 * What is compared of a feature.  That time goes on is no drift: of a time's seconds
 * it is what is missing, unless the hours or weekdays tell it.  A statistic's
 * category tells all.
 */
static MlDriftTests
tests_of(const Counter *counter, const MlFeatureBaseline *feature, MlDriftTests tests)
{
	if (feature->part == ML_FEATURE_STATISTIC)
		return 0;
	if (feature->part != ML_FEATURE_SECONDS)
		return tests;
	for (size_t f = 0; f < counter->n_features; f++)
	{
		if (counter->features[f].input == feature->input && is_part_of_cycle(&counter->features[f]))
			return 0;
	}
	return tests & ML_TEST_BIT(ML_TEST_MISSING);
}

/* The score, then the features, each with the groups of its kind. */
static List *
compare_all(const Counter *counter, MlDriftTests tests)
{
	uint32_t	group[Max(ML_MAX_BINS + 3, ML_SCORE_BINS)];
	MlHistograms score = {ML_SCORE_BINS, ml_model_score_counts(counter->model), counter->scores[0]};
	Comparison	comparison = {.ctx = counter->ctx, .feature = "(score)", .kind = "score", .ordered = true};

	comparison.tests = tests ? tests : ML_TEST_BIT(ML_TEST_PSI);
	compare(&comparison, &score, group_scores(&score, group), group);
	comparison.has_codes = true;
	if (tests == 0)
		tests = ML_USUAL_TESTS;
	for (size_t f = 0; f < counter->n_features; f++)
	{
		const MlFeatureBaseline *feature = &counter->features[f];
		MlHistograms counted = {feature->n_bins + 1, feature->counts,
		counter->counts[0] + counter->first[f]};
		MlHistograms codes;

		comparison.tests = tests_of(counter, feature, tests);
		if (comparison.tests == 0)
			continue;
		comparison.feature = ml_model_feature_name(counter->model, f);
		comparison.ordered = !feature->categorical;
		comparison.singles = feature->singles;
		comparison.part_of_cycle = is_part_of_cycle(feature) && !spans_cycle(counter, feature);
		if (feature->categorical)
		{
			compare_category(&comparison, counter, feature, &counted);
			continue;
		}
		codes = number_codes(feature, counted.current);
		comparison.kind = feature->part == ML_FEATURE_VALUE ? "number" : "time";
		compare(&comparison, &codes, group_numbers(&codes, group), group);
	}
	return comparison.rows;
}

/* One pass over the source, a block at a time: memory does not grow with the rows. */
void
mlmon_check_model(MlContext *ctx, const MlResolved *resolved, MlSource *source,
				  MlDriftTests tests, MlDriftReport *report)
{
	Counter		counter = {0};
	bool	   *needed = palloc0(Max(source->desc->natts, 1) * sizeof(bool));
	int		   *mapping = palloc0(Max(source->desc->natts, 1) * sizeof(int));

	prepare(&counter, ctx, resolved->served->model);
	counter.map = mlserve_map_row(counter.model, source->desc);
	mlserve_warn_of_changed_views(counter.model, source);
	counter.mapping = mapping;
	for (size_t i = 0; i < counter.n_inputs; i++)
	{
		needed[counter.map->attribute[i]] = true;
		counter.map->converter[i].wide = true;	/* what is out of range is counted, not refused */
	}
	mling_each_row_of(source, needed, mapping, take_row, &counter);
	count_block(&counter);
	add_up(&counter);
	report->rows = counter.rows;
	report->tests = compare_all(&counter, tests);
	MemoryContextDelete(counter.row_context);
}
