/*
 * test_quantiles.c
 *	  Bin edges: exact where values are few, of equal weight where they are
 *	  many, and fine where a rare positive class lives.
 */
#include "check.h"

#include "engine/data/quantiles.h"

#define N ((size_t) 100000)
#define MAX_BINS 255

typedef struct Sample
{
	double		value[N];
	bool		positive[N];
	double		edges[MAX_BINS];
	uint32_t	n_bins;
} Sample;

static void
find_edges(Sample *sample, size_t n, uint32_t max_bins)
{
	MlArena    *arena = ml_arena_create(0);
	MlQuantileSpace space;

	if (!ml_quantile_space(arena, n, &space))
		abort();
	sample->n_bins = ml_quantile_edges(&space, &(MlQuantileValues) {sample->value, sample->positive, n}, max_bins, 42,
									   sample->edges);
	ml_arena_destroy(arena);
}

static size_t
edges_within(const Sample *sample, double low, double high)
{
	size_t		n = 0;

	for (uint32_t i = 0; i + 1 < sample->n_bins; i++)
		n += sample->edges[i] >= low && sample->edges[i] < high;
	return n;
}

static bool
edges_rise(const Sample *sample)
{
	for (uint32_t i = 1; i + 1 < sample->n_bins; i++)
	{
		if (!(sample->edges[i - 1] < sample->edges[i]))
			return false;
	}
	return true;
}

/* Uniform values; n_positive of them, spread over the rows, are put in [0.99, 1). */
static void
uniform(Sample *sample, size_t n_positive)
{
	for (size_t i = 0; i < N; i++)
	{
		sample->value[i] = ml_random_uniform(7, 0, i);
		sample->positive[i] = n_positive > 0 && i % (N / n_positive) == 0;
		if (sample->positive[i])
			sample->value[i] = 0.99 + sample->value[i] / 100;
	}
	find_edges(sample, N, MAX_BINS);
}

static void
check_few_values(Sample *sample)
{
	static const double values[] = {3, -1, 3, NAN, 10, -1, 3};

	memcpy(sample->value, values, sizeof(values));
	memset(sample->positive, 0, sizeof(sample->positive));
	find_edges(sample, 7, MAX_BINS);
	CHECK(sample->n_bins == 3, "three distinct values make three bins, NaN none");
	CHECK_CLOSE(sample->edges[0], 1, 0, "an edge half-way between -1 and 3");
	CHECK_CLOSE(sample->edges[1], 6.5, 0, "and between 3 and 10");
	sample->positive[0] = sample->positive[4] = true;
	find_edges(sample, 7, MAX_BINS);
	CHECK(sample->n_bins == 3 && sample->edges[0] == 1 && sample->edges[1] == 6.5,
		  "few values have the same edges whatever their class");
	for (size_t i = 0; i < 7; i++)
		sample->value[i] = NAN;
	find_edges(sample, 7, MAX_BINS);
	CHECK(sample->n_bins == 1, "missing values alone make one bin");
}

static void
check_equal_counts(Sample *sample)
{
	size_t		counts[MAX_BINS + 1] = {0};
	size_t		least = N;
	size_t		most = 0;

	uniform(sample, 0);
	for (size_t i = 0; i < N; i++)
		counts[ml_bin_number(sample->edges, sample->n_bins - 1, sample->value[i])]++;
	for (uint32_t b = 1; b <= sample->n_bins; b++)
	{
		least = counts[b] < least ? counts[b] : least;
		most = counts[b] > most ? counts[b] : most;
	}
	CHECK(sample->n_bins == MAX_BINS, "many values use all bins");
	CHECK(edges_rise(sample), "edges rise");
	CHECK(most <= N / MAX_BINS * 11 / 10 && least >= N / MAX_BINS * 9 / 10,
		  "bins hold equal counts: %zu to %zu", least, most);
}

static void
check_rare_positives(Sample *sample)
{
	size_t		without;
	size_t		with;

	uniform(sample, 0);
	without = edges_within(sample, 0.99, 1);
	uniform(sample, 500);
	with = edges_within(sample, 0.99, 1);
	CHECK(without <= 3, "the last hundredth holds %zu edges", without);
	CHECK(with >= 5 * without, "with 500 of 100,000 rows positive there it holds %zu", with);
	CHECK(sample->n_bins == MAX_BINS && edges_rise(sample), "edges rise");
	CHECK(edges_within(sample, 0, 0.99) >= 200, "the rest is not given up: %zu edges",
		  edges_within(sample, 0, 0.99));

	uniform(sample, 10);
	CHECK(edges_within(sample, 0.99, 1) <= without + 2,
		  "ten positives do not get bins of their own: %zu edges", edges_within(sample, 0.99, 1));
}

static void
check_one_class(Sample *sample)
{
	double		edges[MAX_BINS];

	uniform(sample, 0);
	memcpy(edges, sample->edges, sizeof(edges));
	memset(sample->positive, true, sizeof(sample->positive));
	find_edges(sample, N, MAX_BINS);
	CHECK(sample->n_bins == MAX_BINS && memcmp(edges, sample->edges, (MAX_BINS - 1) * sizeof(double)) == 0,
		  "positives alone give the edges that negatives alone give");
}

static void
check_heavy_value(Sample *sample)
{
	double		half_a_bin = 0.5 / (MAX_BINS - 1);	/* in width, of the others' bins */
	bool		apart = false;

	for (size_t i = 0; i < N; i++)
	{
		sample->value[i] = i % 2 ? 0.5 : ml_random_uniform(9, 0, i);
		sample->positive[i] = false;
	}
	find_edges(sample, N, MAX_BINS);
	for (uint32_t b = 1; b + 1 < sample->n_bins; b++)
		apart = apart || (sample->edges[b - 1] < 0.5 && sample->edges[b - 1] > 0.5 - 1.1 * half_a_bin &&
						  sample->edges[b] >= 0.5 && sample->edges[b] < 0.5 + 1e-4);
	CHECK(apart, "a value that half of the rows have shares its bin with half a bin of others at most");
	CHECK(sample->n_bins > 200, "and the others use the other bins");
}

int
main(void)
{
	Sample	   *sample = malloc(sizeof(Sample));

	check_few_values(sample);
	check_equal_counts(sample);
	check_rare_positives(sample);
	check_one_class(sample);
	check_heavy_value(sample);
	free(sample);
	return checks_end();
}
