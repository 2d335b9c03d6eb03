/*-------------------------------------------------------------------------
 * numbers.c
 *	  Tests of the numbers of two data sets, by mode: a task a feature, on
 *	  engine threads.
 *
 * Whatever the mode, a feature's values are taken, sorted, and everything is
 * read off the two sorted samples.
 * O(n) for the sorts and for nearly everything after; exact Kolmogorov-Smirnov
 * p-values are between.c's.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/base.h"
#include "monitor/compare.h"

#define MOST_VALUES_AS_BINS 20	/* Evidently: more distinct values are binned */
#define FEW_VALUES 5			/* and its tests of categories take no more */
#define LARGE_REFERENCE 1000	/* and it chooses distances above, p-values up to */

#define LEAST_DEVIATION 0.001	/* Evidently: what a Wasserstein distance is divided by */

/* A thread's working memory: everything has room for both sides' values. */
typedef struct Space
{
	double	   *value;
	double	   *spare;			/* sorting; then counts of the reference by value, or both sides' values */
	uint64_t   *counts;			/* of the current side by value; evidently only */
} Space;

typedef struct Numbers
{
	Comparing  *comparing;
	Feature   **feature;
	Space	   *space;			/* [threads] */
} Numbers;

/* A feature's values on both sides. */
typedef struct Sides
{
	MlSample	reference;
	MlSample	current;
	double	   *edges;			/* [ML_SAMPLE_BINS + 1] */
	uint64_t   *reference_counts;	/* [ML_SAMPLE_BINS + 2] */
	uint64_t   *current_counts;
} Sides;

/*
 * Takes the present values of rows first .. end - 1, sorted, into value; spare is
 * working memory, both [end - first].
 */
static MlSample
take(const MlColumn *column, MlFeaturePart part, size_t first, size_t end, double *value, double *spare)
{
	size_t		n = 0;

	for (size_t row = first; row < end; row++)
	{
		double		x = ml_feature_number(part, ml_column_number(column, row));

		value[n] = x;
		n += x == x;
	}
	ml_sort_numbers(value, spare, n);
	return (MlSample) {n, value};
}

/* A statistic that has no p-value. */
static void
distance_outcome(Feature *feature, MlDriftTestKind test, double statistic, double threshold, Rule rule)
{
	set_outcome(feature, test, (MlDriftTest) {statistic, NAN}, threshold, rule);
}

/* ---- mode mlops */

/*
 * Values beyond the reference's least and greatest, where chance does not explain
 * them, are taken out of the first and the last bin: two bins of their own.
 */
static size_t
add_outer_bins(Sides *sides, size_t n)
{
	MlOutside	outside = ml_outside(sides->reference, sides->current);

	sides->reference_counts[n] = sides->reference_counts[n + 1] = 0;
	sides->current_counts[n] = ml_is_beyond(sides->reference.n, sides->current.n, outside.below) ? outside.below : 0;
	sides->current_counts[n + 1] = ml_is_beyond(sides->reference.n, sides->current.n, outside.above) ? outside.above : 0;
	sides->current_counts[1] -= sides->current_counts[n];
	sides->current_counts[n - 1] -= sides->current_counts[n + 1];
	return n + 2;
}

/* Both sides' values, rising, in spare [a.n + b.n]. */
static MlSample
merge(MlSample a, MlSample b, double *spare)
{
	size_t		i = 0;
	size_t		j = 0;

	while (i < a.n || j < b.n)
	{
		bool		of_a = j == b.n || (i < a.n && a.value[i] <= b.value[j]);

		spare[i + j] = of_a ? a.value[i] : b.value[j];
		i += of_a;
		j += !of_a;
	}
	return (MlSample) {a.n + b.n, spare};
}

/*
 * Bins of a reference of few rows are those of both sides together: its own
 * quantiles would hold more or less of the next rows by chance.  Counts begin at
 * 1: 0 is left for what is missing.  Returns how many bins there are, with that
 * one.
 */
static size_t
count_in_bins(Sides *sides, double *spare)
{
	bool		few = sides->reference.n < ML_NUMBER_BINS * ML_LEAST_ROWS_OF_BIN && sides->current.n > 0;
	MlSample	both = few ? merge(sides->reference, sides->current, spare) : sides->reference;
	size_t		n_edges = ml_quantile_borders(both, few ? both : sides->current, ML_NUMBER_BINS, ML_LEAST_SHARE, sides->edges);

	ml_count_up_to(sides->reference, n_edges, sides->edges, sides->reference_counts + 1);
	ml_count_up_to(sides->current, n_edges, sides->edges, sides->current_counts + 1);
	return few || sides->reference.n == 0 ? n_edges + 2 : add_outer_bins(sides, n_edges + 2);
}

/* Do the current times span the hours, or weekdays, of nearly all of the reference? */
static bool
spans_cycle(const Comparing *comparing, const Feature *feature, MlSample reference)
{
	double		least = INFINITY;
	double		greatest = -INFINITY;
	uint32		parts;
	size_t		not_seen = 0;

	for (size_t row = 0; row < comparing->current_rows; row++)
	{
		double		time = ml_column_number(feature->current, row);

		least = time < least ? time : least;
		greatest = time > greatest ? time : greatest;
	}
	parts = mlmon_parts_between(feature->part, least, greatest);
	for (size_t i = 0; i < reference.n; i++)
		not_seen += (parts & ((uint32) 1 << (int) reference.value[i])) == 0;
	return (double) not_seen <= ML_LEAST_SHARE * (double) reference.n;
}

/* Mode 'mlops': bins of equal counts, a threshold for size and a p-value for chance. */
static void
compare_mlops(const Comparing *comparing, Feature *feature, Sides *sides, const Space *space)
{
	MlDriftTests tests = comparing->tests ? comparing->tests
		: ML_TEST_BIT(ML_TEST_PSI) | ML_TEST_BIT(ML_TEST_MISSING);
	MlHistograms h = {count_in_bins(sides, space->spare), sides->reference_counts, sides->current_counts};
	double		p_value;
	bool		part_of_cycle = feature->part != ML_FEATURE_VALUE && !spans_cycle(comparing, feature, sides->reference);

	/* what is missing is a bin of its own */
	sides->reference_counts[0] = comparing->reference_rows - sides->reference.n;
	sides->current_counts[0] = comparing->current_rows - sides->current.n;
	p_value = part_of_cycle ? NAN : mlmon_histogram_p(tests, &h);
	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		MlDriftTest result = {NAN, NAN};

		if ((tests & ML_TEST_BIT(t)) == 0 || t == ML_TEST_UNSEEN)
			continue;
		switch (t)
		{
			case ML_TEST_KS:
				result.statistic = feature->ks = ml_ks_distance(sides->reference, sides->current);
				break;
			case ML_TEST_WASSERSTEIN:
				feature->ks = ml_ks_distance(sides->reference, sides->current);
				result.statistic = ml_wasserstein_in_deviations(sides->reference, sides->current, 0);
				break;
			case ML_TEST_MISSING:
				result = mlmon_share_test(comparing->reference_rows, sides->reference_counts[0],
										  comparing->current_rows, sides->current_counts[0]);
				break;
			default:
				result = mlmon_histogram_test((MlDriftTestKind) t, &h, p_value);
		}
		if (part_of_cycle && t != ML_TEST_MISSING)
			result = (MlDriftTest) {NAN, NAN};
		set_outcome(feature, (MlDriftTestKind) t, result, mlmon_threshold((MlDriftTestKind) t), DRIFT_IF_BOTH);
	}
}

/* ---- mode evidently */

/*
 * Few values are bins of their own, many are cut at Sturges' edges, from both sides
 * together.
 */
static MlHistograms
evidently_bins(Sides *sides, const MlHistograms *by_value)
{
	size_t		n;

	if (ml_distinct(sides->reference, MOST_VALUES_AS_BINS + 1) <= MOST_VALUES_AS_BINS)
		return *by_value;
	n = ml_sturges_edges(Min(sides->reference.value[0], sides->current.value[0]),
						 Max(sides->reference.value[sides->reference.n - 1], sides->current.value[sides->current.n - 1]),
						 (double) sides->reference.n + (double) sides->current.n, sides->edges);
	ml_count_within(sides->reference, n, sides->edges, sides->reference_counts);
	ml_count_within(sides->current, n, sides->edges, sides->current_counts);
	return (MlHistograms) {n, sides->reference_counts, sides->current_counts};
}

/* Its Hellinger distance has Sturges' bins for the number of distinct values. */
static double
evidently_hellinger(Sides *sides, size_t n_distinct)
{
	size_t		n = ml_sturges_edges(Min(sides->reference.value[0], sides->current.value[0]),
									 Max(sides->reference.value[sides->reference.n - 1], sides->current.value[sides->current.n - 1]),
									 (double) n_distinct, sides->edges);

	ml_count_within(sides->reference, n, sides->edges, sides->reference_counts);
	ml_count_within(sides->current, n, sides->edges, sides->current_counts);
	return ml_hellinger(&(MlHistograms) {n, sides->reference_counts, sides->current_counts});
}

/*
 * Which test Evidently makes, by the reference's rows and the distinct values of
 * both sides.
 */
static MlDriftTests
evidently_choice(uint64 n_reference, size_t n_distinct)
{
	if (n_reference > LARGE_REFERENCE)
		return ML_TEST_BIT(n_distinct > FEW_VALUES ? ML_TEST_WASSERSTEIN : ML_TEST_JENSEN_SHANNON);
	return ML_TEST_BIT(n_distinct > FEW_VALUES ? ML_TEST_KS : n_distinct > 2 ? ML_TEST_CHI_SQUARE : ML_TEST_Z);
}

/* As Evidently does for numbers (docs/drift.md): its tests, each with its threshold. */
static void
compare_evidently(const Comparing *comparing, Feature *feature, Sides *sides, const Space *space)
{
	bool		defined = sides->reference.n > 0 && sides->current.n > 0;
	MlHistograms by_value = {0, (uint64_t *) space->spare, space->counts};
	MlHistograms bins = {0, NULL, NULL};
	MlDriftTests tests = comparing->tests;

	by_value.n = ml_count_values(sides->reference, sides->current, (uint64_t *) space->spare, space->counts);
	if (tests == 0)
		tests = evidently_choice(sides->reference.n, by_value.n);
	if (defined)
		bins = evidently_bins(sides, &by_value);
	if (tests & ML_TEST_BIT(ML_TEST_PSI))
		distance_outcome(feature, ML_TEST_PSI, ml_psi(&bins, ML_FILL_EVIDENTLY), 0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_KULLBACK_LEIBLER))
		distance_outcome(feature, ML_TEST_KULLBACK_LEIBLER, ml_kullback_leibler(&bins, ML_FILL_EVIDENTLY), 0.1,
						 DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_JENSEN_SHANNON))
		distance_outcome(feature, ML_TEST_JENSEN_SHANNON, ml_jensen_shannon(&bins, M_E), 0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_HELLINGER))
		distance_outcome(feature, ML_TEST_HELLINGER, defined ? evidently_hellinger(sides, by_value.n) : NAN, 0.1,
						 DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_CHI_SQUARE))
		set_outcome(feature, ML_TEST_CHI_SQUARE, ml_chi_square_goodness(&by_value), 0.05, DRIFT_IF_P_BELOW);
	if (tests & ML_TEST_BIT(ML_TEST_KS))
	{
		feature->ks = ml_ks_distance(sides->reference, sides->current);
		distance_outcome(feature, ML_TEST_KS, feature->ks, 0.05, DRIFT_IF_P_REACHES);
	}
	if (tests & ML_TEST_BIT(ML_TEST_WASSERSTEIN))
		distance_outcome(feature, ML_TEST_WASSERSTEIN,
						 ml_wasserstein_in_deviations(sides->reference, sides->current, LEAST_DEVIATION), 0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_Z))
		set_outcome(feature, ML_TEST_Z,
					mlmon_z_test(sides->reference.n, defined ? sides->reference.n - by_value.reference[0] : 0,
								 sides->current.n, defined ? sides->current.n - by_value.current[0] : 0),
					0.05, DRIFT_IF_P_BELOW);
}

/* ---- mode nannyml */

/*
 * A test of NannyML's for the current values or a chunk's, of `rows` rows; sides'
 * counts are overwritten.
 */
static double
nannyml_test(MlDriftTestKind test, Sides *sides, size_t n_bins, MlSample current, size_t rows)
{
	MlHistograms h = {n_bins + 1, sides->reference_counts, sides->current_counts};
	uint64		inside = 0;

	switch (test)
	{
		case ML_TEST_KS:
			return ml_ks_distance(sides->reference, current);
		case ML_TEST_WASSERSTEIN:
			return ml_wasserstein(sides->reference, current);
		case ML_TEST_MISSING:
			return rows > 0 ? 1 - (double) current.n / (double) rows : NAN;
		default:
			break;
	}
	if (sides->reference.n == 0 || current.n == 0)
		return NAN;
	ml_count_within(sides->reference, n_bins, sides->edges, sides->reference_counts);
	ml_count_within(current, n_bins, sides->edges, sides->current_counts);
	for (size_t i = 0; i < n_bins; i++)
		inside += sides->current_counts[i];
	/* values outside of the reference's range are one more bin */
	sides->reference_counts[n_bins] = 0;
	sides->current_counts[n_bins] = current.n - inside;
	return test == ML_TEST_JENSEN_SHANNON ? ml_jensen_shannon(&h, 2) : ml_hellinger(&h);
}

/*
 * Bins by Doane's rule from the reference; thresholds from its own chunks, each
 * compared with all of it.
 */
static void
compare_nannyml(const Comparing *comparing, Feature *feature, Sides *sides, const Space *space)
{
	const MlDriftTests possible = ML_TEST_BIT(ML_TEST_JENSEN_SHANNON) | ML_TEST_BIT(ML_TEST_HELLINGER) |
		ML_TEST_BIT(ML_TEST_KS) | ML_TEST_BIT(ML_TEST_WASSERSTEIN) | ML_TEST_BIT(ML_TEST_MISSING);
	MlDriftTests tests = comparing->tests ? comparing->tests & possible
		: ML_TEST_BIT(ML_TEST_JENSEN_SHANNON) | ML_TEST_BIT(ML_TEST_MISSING);
	size_t		n_bins = ml_doane_edges(sides->reference, sides->edges);
	size_t		chunk_rows = mlmon_chunk_rows(comparing->reference_rows);
	double		of_chunk[ML_TEST_COUNT][NANNYML_MOST_CHUNKS];
	double		of_current[ML_TEST_COUNT];
	int			n = 0;

	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		if (tests & ML_TEST_BIT(t))
			of_current[t] = nannyml_test((MlDriftTestKind) t, sides, n_bins, sides->current, comparing->current_rows);
	}
	/* the chunks take the place of the current values, which are done with */
	for (size_t first = 0; first < comparing->reference_rows; first += chunk_rows, n++)
	{
		size_t		end = Min(first + chunk_rows, comparing->reference_rows);
		MlSample	chunk = take(feature->reference, feature->part, first, end,
								 space->value + sides->reference.n, space->spare);

		for (int t = 0; t < ML_TEST_COUNT; t++)
		{
			if (tests & ML_TEST_BIT(t))
				of_chunk[t][n] = nannyml_test((MlDriftTestKind) t, sides, n_bins, chunk, end - first);
		}
	}
	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		if (tests & ML_TEST_BIT(t))
			distance_outcome(feature, (MlDriftTestKind) t, of_current[t], mlmon_chunk_threshold(of_chunk[t], n),
							 DRIFT_IF_ABOVE);
	}
}

/* ---- all */

/* Task: a feature.  space->value holds both sides, the reference first. */
static void
compare_task(void *arg, size_t task, int thread)
{
	Numbers    *numbers = (Numbers *) arg;
	Comparing  *comparing = numbers->comparing;
	Feature    *feature = numbers->feature[task];
	Space	   *space = &numbers->space[thread];
	double		edges[ML_SAMPLE_BINS + 1];
	uint64_t	reference_counts[ML_SAMPLE_BINS + 2];
	uint64_t	current_counts[ML_SAMPLE_BINS + 2];
	Sides		sides = {.edges = edges, .reference_counts = reference_counts, .current_counts = current_counts};

	sides.reference = take(feature->reference, feature->part, 0, comparing->reference_rows,
						   space->value, space->spare);
	if (ml_should_stop(comparing->ctx, thread))
		return;
	sides.current = take(feature->current, feature->part, 0, comparing->current_rows,
						 space->value + sides.reference.n, space->spare);
	if (ml_should_stop(comparing->ctx, thread))
		return;
	feature->n_reference = sides.reference.n;
	feature->n_current = sides.current.n;
	feature->constant = ml_distinct(sides.reference, 2) <= 1 && ml_distinct(sides.current, 2) <= 1 &&
		(sides.reference.n == 0 || sides.current.n == 0 || sides.reference.value[0] == sides.current.value[0]);
	switch (comparing->mode)
	{
		case ML_MODE_EVIDENTLY:
			compare_evidently(comparing, feature, &sides, space);
			break;
		case ML_MODE_NANNYML:
			compare_nannyml(comparing, feature, &sides, space);
			break;
		default:
			compare_mlops(comparing, feature, &sides, space);
	}
}

/* Memory of ctx's arena; an error (53200) if there is none. */
static void *
allocate(MlContext *ctx, size_t n, size_t size)
{
	void	   *memory = ml_arena_alloc_array(ctx->arena, n, size);

	if (memory == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	return memory;
}

/* Working memory is taken before the threads run: an engine thread allocates nothing. */
void
mlmon_compare_numbers(Comparing *comparing)
{
	MlContext  *ctx = comparing->ctx;
	Numbers		numbers = {.comparing = comparing};
	size_t		rows = comparing->reference_rows +
		Max(comparing->current_rows, mlmon_chunk_rows(comparing->reference_rows));
	size_t		n = 0;

	numbers.feature = palloc(Max(comparing->n_features, 1) * sizeof(Feature *));
	for (int f = 0; f < comparing->n_features; f++)
	{
		if (!comparing->features[f].categorical)
			numbers.feature[n++] = &comparing->features[f];
	}
	if (n == 0)
		return;
	numbers.space = allocate(ctx, ml_pool_size(ctx->pool), sizeof(Space));
	for (int t = 0; t < ml_pool_size(ctx->pool); t++)
	{
		numbers.space[t].value = allocate(ctx, rows, sizeof(double));
		numbers.space[t].spare = allocate(ctx, rows, sizeof(double));
		numbers.space[t].counts = comparing->mode == ML_MODE_EVIDENTLY ? allocate(ctx, rows, sizeof(uint64_t)) : NULL;
	}
	mlbase_check(ctx, ml_parallel_for(ctx, n, compare_task, &numbers));
}
