/*
 * test_drift.c
 *	  Drift statistics: golden values of SciPy, and properties.
 */
#include "check.h"

#include "mlops/engine/drift.h"

#include "golden_drift.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static bool
stop_at_once(void *arg)
{
	return true;
}

/* Relative where the tail is far out, absolute else. */
static bool
same_p(double a, double b)
{
	return fabs(a - b) <= 1e-12 || fabs(a - b) <= 1e-9 * b;
}

static void
test_tails(MlContext *ctx)
{
	double		p;

	for (size_t i = 0; i < N(golden_chi_square); i++)
	{
		p = ml_chi_square_p(golden_chi_square[i].x, golden_chi_square[i].degrees);
		CHECK(fabs(p - golden_chi_square[i].p) <= 1e-10 * golden_chi_square[i].p || fabs(p - golden_chi_square[i].p) < 1e-300,
			  "chi-square tail of %g with %g degrees", golden_chi_square[i].x, golden_chi_square[i].degrees);
	}
	CHECK(ml_chi_square_p(0, 3) == 1 && ml_chi_square_p(INFINITY, 3) == 0 && isnan(ml_chi_square_p(NAN, 3)) &&
		  isnan(ml_chi_square_p(1, 0)), "its ends");
	CHECK_CLOSE(ml_normal_p(-1.959963984540054), 0.05, 1e-15, "the normal tail");
	for (size_t i = 0; i < N(golden_kolmogorov); i++)
	{
		CHECK(ml_kolmogorov_p(ctx, (uint64_t) golden_kolmogorov[i].n, golden_kolmogorov[i].d, &p) == ML_OK &&
			  same_p(p, golden_kolmogorov[i].p), "Kolmogorov's tail of %g for %g values: %g",
			  golden_kolmogorov[i].d, golden_kolmogorov[i].n, golden_kolmogorov[i].p);
	}
	for (size_t i = 0; i < N(golden_smirnov); i++)
	{
		CHECK(ml_smirnov_exact_p(ctx, (uint64_t) golden_smirnov[i].n, (uint64_t) golden_smirnov[i].m,
								 golden_smirnov[i].d, &p) == ML_OK && same_p(p, golden_smirnov[i].p),
			  "Smirnov's tail of %g for %g and %g values: %g", golden_smirnov[i].d, golden_smirnov[i].n,
			  golden_smirnov[i].m, golden_smirnov[i].p);
	}
	ctx->should_abort = stop_at_once;
	CHECK(ml_smirnov_exact_p(ctx, 1000, 1000, 0.01, &p) == ML_ABORTED, "it can be stopped");
	ctx->should_abort = NULL;
}

static void
test_histograms(void)
{
	for (size_t i = 0; i < N(golden_histograms); i++)
	{
		MlHistograms h = {golden_histograms[i].n, golden_histograms[i].reference, golden_histograms[i].current};
		MlHistograms swapped = {h.n, h.current, h.reference};
		MlDriftTest test;

		CHECK_CLOSE(ml_psi(&h, ML_FILL_EVIDENTLY), golden_histograms[i].psi, 1e-12, "psi %zu", i);
		CHECK_CLOSE(ml_kullback_leibler(&h, ML_FILL_EVIDENTLY), golden_histograms[i].kl, 1e-12, "kl %zu", i);
		CHECK_CLOSE(ml_jensen_shannon(&h, 2.718281828459045235), golden_histograms[i].js, 1e-8, "jensen_shannon %zu", i);
		CHECK_CLOSE(ml_jensen_shannon(&h, 2), golden_histograms[i].js2, 1e-8, "with base 2 %zu", i);
		CHECK_CLOSE(ml_hellinger(&h), golden_histograms[i].hellinger, 1e-12, "hellinger %zu", i);
		CHECK_CLOSE(ml_total_variation(&h), golden_histograms[i].variation, 1e-12, "total_variation %zu", i);
		CHECK_CLOSE(ml_l_infinity(&h), golden_histograms[i].infinity, 1e-12, "l_infinity %zu", i);
		test = ml_chi_square_goodness(&h);
		CHECK(test.statistic == golden_histograms[i].goodness || fabs(test.statistic / golden_histograms[i].goodness - 1) < 1e-12 ||
			  fabs(test.statistic) < 1e-12, "chi-square goodness of fit %zu", i);
		CHECK(same_p(test.p_value, golden_histograms[i].goodness_p), "its p-value %zu", i);
		test = ml_chi_square_contingency(&h, false);
		CHECK_CLOSE(test.statistic, golden_histograms[i].contingency, 1e-10 * (1 + test.statistic), "chi-square of the table %zu", i);
		CHECK(same_p(test.p_value, golden_histograms[i].contingency_p), "its p-value %zu", i);
		test = ml_chi_square_contingency(&h, true);
		CHECK_CLOSE(test.statistic, golden_histograms[i].yates, 1e-10 * (1 + test.statistic), "with Yates' correction %zu", i);
		CHECK(same_p(test.p_value, golden_histograms[i].yates_p), "its p-value %zu", i);
		CHECK_CLOSE(ml_cramers_v(&h), golden_histograms[i].v, 1e-12, "cramers_v %zu", i);
		CHECK_CLOSE(ml_binned_ks(&h), golden_histograms[i].ks, 1e-12, "ks in bins %zu", i);
		CHECK_CLOSE(ml_psi(&h, ML_FILL_HALF_ROW), ml_psi(&swapped, ML_FILL_HALF_ROW), 1e-12, "psi is symmetric %zu", i);
		CHECK_CLOSE(ml_cramers_v(&h), ml_cramers_v(&swapped), 1e-12, "cramers_v is symmetric %zu", i);
	}
}

static void
test_undefined(void)
{
	static const uint64_t none[3] = {0, 0, 0};
	static const uint64_t some[3] = {4, 0, 6};
	static const uint64_t one[3] = {0, 7, 0};
	MlHistograms empty = {3, some, none};
	MlHistograms constant = {3, one, one};
	MlHistograms moved = {3, some, one};

	CHECK(isnan(ml_psi(&empty, ML_FILL_HALF_ROW)) && isnan(ml_kullback_leibler(&empty, ML_FILL_HALF_ROW)) &&
		  isnan(ml_jensen_shannon(&empty, 2)) && isnan(ml_hellinger(&empty)) && isnan(ml_total_variation(&empty)) &&
		  isnan(ml_l_infinity(&empty)) && isnan(ml_chi_square_goodness(&empty).statistic) &&
		  isnan(ml_chi_square_contingency(&empty, true).p_value) && isnan(ml_cramers_v(&empty)) &&
		  isnan(ml_binned_ks(&empty)), "an empty side: nothing is defined");
	CHECK(ml_psi(&constant, ML_FILL_HALF_ROW) == 0 && ml_jensen_shannon(&constant, 2) == 0 && ml_cramers_v(&constant) == 0 &&
		  isnan(ml_chi_square_contingency(&constant, false).p_value), "one bin: no distance, no test");
	CHECK_CLOSE(ml_jensen_shannon(&moved, 2), 1, 1e-15, "nothing in common: the greatest distance");
	CHECK_CLOSE(ml_hellinger(&moved), 1, 1e-15, "of each kind");
	CHECK_CLOSE(ml_total_variation(&moved), 1, 1e-15, "that has one");
	CHECK(isinf(ml_chi_square_goodness(&moved).statistic) && ml_chi_square_goodness(&moved).p_value == 0, "a new bin");
}

static void
test_merging(void)
{
	uint64_t	counts[255];
	uint64_t	reference[255];
	uint64_t	current[255];
	uint32_t	group[255];
	MlHistograms h = {255, counts, counts};
	uint64_t	total = 0;
	size_t		n;
	bool		rising = true;
	bool		even = true;

	for (int i = 0; i < 255; i++)
		total += counts[i] = 100 + i % 7;
	n = ml_merge_bins(&h, 10, 0.01, group);
	CHECK(n == 10, "255 bins become ten");
	for (int i = 1; i < 255; i++)
		rising = rising && (group[i] == group[i - 1] || group[i] == group[i - 1] + 1);
	CHECK(rising && group[0] == 0 && group[254] == 9, "neighbours stay neighbours");
	ml_add_groups(&h, group, n, reference, current);
	for (size_t g = 0; g < n; g++)
		even = even && reference[g] == current[g] && reference[g] > total * 0.095 && reference[g] < total * 0.105;
	CHECK(even, "of equal counts");

	memset(counts, 0, sizeof(counts));
	counts[0] = 9700;
	counts[1] = 150;
	for (int i = 2; i < 64; i++)
		counts[i] = 2;
	h.n = 64;
	n = ml_merge_bins(&h, 20, 0.01, group);
	ml_add_groups(&h, group, n, reference, current);
	CHECK(n == 2 && reference[0] == 9700 && reference[1] == 274, "a heavy bin is a group of its own");
	counts[1] = 0;
	for (int i = 2; i < 50; i++)
		counts[i] = 0;
	CHECK(ml_merge_bins(&h, 20, 0.01, group) == 1, "no group has less than one row in a hundred");
	memset(counts, 0, sizeof(counts));
	CHECK(ml_merge_bins(&h, 20, 0.01, group) == 1, "no rows, no groups");
}

/* ---- samples */

static MlSample
wave(MlContext *ctx, int n, double f, int k, double add)
{
	double	   *value = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	double	   *spare = ml_arena_alloc_array(ctx->arena, n, sizeof(double));

	for (int i = 1; i <= n; i++)
		value[i - 1] = 10 * sin(f * i) + i % k + add;
	ml_sort_numbers(value, spare, n);
	return (MlSample) {n, value};
}

static void
test_samples(MlContext *ctx)
{
	for (size_t i = 0; i < N(golden_samples); i++)
	{
		MlSample	r = wave(ctx, golden_samples[i].n, golden_samples[i].f, golden_samples[i].k, golden_samples[i].add);
		MlSample	c = wave(ctx, golden_samples[i].m, golden_samples[i].g, golden_samples[i].l, golden_samples[i].more);
		double		edges[ML_SAMPLE_BINS + 1];
		uint64_t	reference[ML_SAMPLE_BINS + 2];
		uint64_t	current[ML_SAMPLE_BINS + 2];
		MlHistograms h = {0, reference, current};
		double		low = fmin(r.value[0], c.value[0]);
		double		high = fmax(r.value[r.n - 1], c.value[c.n - 1]);
		double		ks = ml_ks_distance(r, c);
		double		p;

		CHECK_CLOSE(ml_deviation(r), golden_samples[i].deviation, 1e-12, "standard deviation %zu", i);
		CHECK_CLOSE(ks, golden_samples[i].ks, 1e-15, "ks %zu", i);
		CHECK(ml_ks_p(ctx, r.n, c.n, ks, &p) == ML_OK && same_p(p, golden_samples[i].ks_p), "its p-value %zu is SciPy's", i);
		CHECK_CLOSE(ml_wasserstein(r, c), golden_samples[i].wasserstein, 1e-11, "wasserstein %zu", i);
		CHECK_CLOSE(ml_wasserstein(c, r), golden_samples[i].wasserstein, 1e-11, "is symmetric %zu", i);

		h.n = ml_doane_edges(r, edges);
		CHECK(h.n == (size_t) golden_samples[i].doane, "Doane's bins %zu", i);
		ml_count_within(r, h.n, edges, reference);
		ml_count_within(c, h.n, edges, current);
		reference[h.n] = 0;
		current[h.n] = c.n;
		for (size_t b = 0; b < h.n; b++)
			current[h.n] -= current[b];
		h.n++;
		CHECK_CLOSE(ml_jensen_shannon(&h, 2), golden_samples[i].doane_js, 1e-10, "their distance %zu", i);

		h.n = ml_sturges_edges(low, high, (double) (r.n + c.n), edges);
		CHECK(h.n == (size_t) golden_samples[i].sturges, "Sturges' bins %zu", i);
		ml_count_within(r, h.n, edges, reference);
		ml_count_within(c, h.n, edges, current);
		CHECK_CLOSE(ml_psi(&h, ML_FILL_EVIDENTLY), golden_samples[i].sturges_psi, 1e-10, "their psi %zu", i);

		h.n = ml_quantile_borders(r, c, 10, 0.01, edges) + 1;
		ml_count_up_to(r, h.n - 1, edges, reference);
		ml_count_up_to(c, h.n - 1, edges, current);
		CHECK_CLOSE(ml_psi(&h, ML_FILL_HALF_ROW), golden_samples[i].deciles_psi, 1e-10, "psi of the reference's deciles %zu", i);
	}
}

static void
test_sorting(MlContext *ctx)
{
	static const double corner[] = {3, -0.0, 1e300, -1e300, 0.0, 5e-324, -5e-324, 3, -7.5, 1};
	double		value[5000];
	double		spare[5000];
	MlSample	sample = {5000, value};
	bool		rising = true;
	double		sum = 0;

	memcpy(value, corner, sizeof(corner));
	ml_sort_numbers(value, spare, N(corner));
	for (size_t i = 1; i < N(corner); i++)
		rising = rising && value[i - 1] <= value[i];
	CHECK(rising && !signbit(value[3]) && !signbit(value[4]), "corner cases are sorted, -0 is 0");
	for (int i = 0; i < 5000; i++)
		sum += value[i] = floor(ml_random_normal(1, 2, i) * 100);
	ml_sort_numbers(value, spare, 5000);
	for (int i = 1; i < 5000; i++)
		rising = rising && value[i - 1] <= value[i];
	for (int i = 0; i < 5000; i++)
		sum -= value[i];
	CHECK(rising && sum == 0, "and many with ties");
	CHECK(ml_distinct(sample, 3) == 3 && ml_distinct((MlSample) {0, value}, 3) == 0, "distinct values are counted up to a limit");
	ml_sort_numbers(value, spare, 0);
}

/* ---- bins of numbers with spikes */

#define SPIKY_ROWS 4000

/* Of one of six kinds: continuous, spread out, few values, and with one, two or many spikes. */
static double
spiky_value(int kind, uint64_t seed, uint64_t i)
{
	double		u = ml_random_uniform(seed, 1, i);
	double		z = ml_random_normal(seed, 2, i);
	double		shift = (double) (seed % 5) / 4;

	switch (kind)
	{
		case 0:
			return z + shift;
		case 1:
			return exp(2 * z) + shift;
		case 2:
			return floor((4 + 4 * shift) * u);
		case 3:
			return u < 0.9 * ml_random_uniform(seed, 3, 0) ? floor(3 * shift) : z;
		case 4:
			return u < 0.3 ? 0 : u < 0.5 ? 1 - shift : z / 2 + 0.5;
		default:
			return u < 0.7 ? floor(40 * u * u) / 2 : 20 * u + z;
	}
}

static MlSample
spiky(MlContext *ctx, int kind, uint64_t seed, int n)
{
	double	   *value = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	double	   *spare = ml_arena_alloc_array(ctx->arena, n, sizeof(double));

	for (int i = 0; i < n; i++)
		value[i] = spiky_value(kind, seed, i);
	ml_sort_numbers(value, spare, n);
	return (MlSample) {n, value};
}

/* What moves within a bin of several values cannot be seen; no more of it moves than
 * both sides have there. */
static double
most_hidden(MlSample r, MlSample c, size_t n_edges, const double *edges)
{
	double		most = 0;
	size_t		i = 0;
	size_t		j = 0;

	for (size_t b = 0; b <= n_edges; b++)
	{
		size_t		first_i = i;
		size_t		first_j = j;
		double		shares;

		while (i < r.n && (b == n_edges || r.value[i] <= edges[b]))
			i++;
		while (j < c.n && (b == n_edges || c.value[j] <= edges[b]))
			j++;
		shares = fmin((double) (i - first_i) / (double) r.n, (double) (j - first_j) / (double) c.n);
		/* a bin of one value hides nothing */
		if (shares > 0 && fmin(r.value[first_i], c.value[first_j]) < fmax(r.value[i - 1], c.value[j - 1]))
			most = fmax(most, shares);
	}
	return most;
}

static size_t
share_of_value(MlSample sample, double value)
{
	size_t		n = 0;

	for (size_t i = 0; i < sample.n; i++)
		n += sample.value[i] == value;
	return n;
}

/* Every value that has a tenth of the reference, or has grown to a tenth of the current
 * rows: how many bins have it and another value? */
static int
spikes_not_alone(MlSample r, MlSample c, size_t n_edges, const double *edges)
{
	int			found = 0;

	for (int side = 0; side < 2; side++)
	{
		MlSample	s = side ? c : r;

		for (size_t i = 0, next; i < s.n; i = next)
		{
			double		x = s.value[i];
			size_t		bin = 0;
			size_t		others = 0;

			for (next = i; next < s.n && s.value[next] == x; next++)
				;
			if ((next - i) * 10 < s.n || x < r.value[0] || x > r.value[r.n - 1] || (side && share_of_value(r, x) * 8 > r.n))
				continue;
			while (bin < n_edges && edges[bin] < x)
				bin++;
			for (int t = 0; t < 2; t++)
			{
				MlSample	o = t ? c : r;

				for (size_t k = 0; k < o.n; k++)
					others += o.value[k] != x && o.value[k] >= r.value[0] && o.value[k] <= r.value[r.n - 1] &&
						(bin == 0 || o.value[k] > edges[bin - 1]) && (bin == n_edges || o.value[k] <= edges[bin]);
			}
			found += others > 0;
		}
	}
	return found;
}

static void
test_spikes(MlContext *ctx)
{
	uint64_t	reference[ML_SAMPLE_BINS + 2];
	uint64_t	current[ML_SAMPLE_BINS + 2];
	double		edges[ML_SAMPLE_BINS + 1];
	double		nearest = 1;

	for (uint64_t seed = 1; seed <= 180; seed++)
	{
		int			n = seed % 3 == 0 ? 300 : SPIKY_ROWS;
		MlSample	r = spiky(ctx, (int) (seed % 6), seed, SPIKY_ROWS);
		MlSample	c = spiky(ctx, (int) (seed / 6 % 6), 1000 + seed * 7, n);
		MlHistograms h = {0, reference, current};
		double		variation;
		double		ks = ml_ks_distance(r, c);

		h.n = ml_quantile_borders(r, c, 10, 0.01, edges) + 1;
		ml_count_up_to(r, h.n - 1, edges, reference);
		ml_count_up_to(c, h.n - 1, edges, current);
		variation = ml_total_variation(&h);
		CHECK(variation >= ks - most_hidden(r, c, h.n - 1, edges) - 1e-12, "total variation %g sees ks %g, but for what a bin hides, %llu",
			  variation, ks, (unsigned long long) seed);
		CHECK(spikes_not_alone(r, c, h.n - 1, edges) == 0, "what a tenth has is alone, %llu", (unsigned long long) seed);
		nearest = fmin(nearest, variation - ks);
	}
	CHECK(nearest > -0.12, "total variation is never far below ks: %g", nearest);
}

static void
test_odd_samples(MlContext *ctx)
{
	static const double same[] = {4, 4, 4};
	static const double two[] = {4, 5};
	static const double far[] = {-1.5e308, 0, 1.5e308};
	double		steps[400];
	double		tenth[300];
	MlSample	none = {0, NULL};
	MlSample	constant = {3, same};
	MlSample	pair = {2, two};
	double		edges[ML_SAMPLE_BINS + 1];
	uint64_t	reference[5];
	uint64_t	current[5];
	double		p;

	CHECK(isnan(ml_ks_distance(none, pair)) && isnan(ml_wasserstein(pair, none)) && isnan(ml_deviation(none)) &&
		  ml_doane_edges(none, edges) == 0 && ml_quantile_borders(none, pair, 10, 0.01, edges) == 0, "no values: nothing is defined");
	CHECK(ml_ks_p(ctx, 0, 2, NAN, &p) == ML_OK && isnan(p), "nor a p-value");
	CHECK(ml_deviation(constant) == 0 && ml_ks_distance(constant, constant) == 0 && ml_wasserstein(constant, constant) == 0,
		  "a constant");
	CHECK(ml_doane_edges(constant, edges) == 1 && edges[0] == 3.5 && edges[1] == 4.5, "has one bin around it");
	CHECK(ml_sturges_edges(4, 4, 6, edges) == 1 && edges[0] == 3.5 && edges[1] == 4.5, "by either rule");
	CHECK(ml_sturges_edges(-1e308, 1e308, 6, edges) == 0 && ml_doane_edges((MlSample) {3, far}, edges) == 0,
		  "ends that are too far apart");
	CHECK(ml_quantile_borders((MlSample) {3, far}, none, 2, 0.01, edges) == 1 && edges[0] == 0, "have quantiles");
	CHECK(ml_quantile_borders(pair, constant, 10, 0.01, edges) == 2 && edges[0] == 4 && edges[1] == nextafter(5, 0),
		  "few values are alone");
	CHECK(ml_quantile_borders(constant, pair, 10, 0.01, edges) == 0, "a constant has nothing but itself");
	for (int i = 0; i < 400; i++)
		steps[i] = i / 20;
	CHECK(ml_quantile_borders((MlSample) {400, steps}, pair, 10, 0.01, edges) == 9, "a value is often there in two rows, by chance");
	for (int i = 0; i < 300; i++)
	{
		steps[i] = i;
		tenth[i] = i < 101 ? i : i < 131 ? 100.5 : i - 30;
	}
	CHECK(ml_quantile_borders((MlSample) {300, steps}, (MlSample) {300, tenth}, 10, 0.01, edges) == 11, "just a tenth of current rows, all new, is alone");
	CHECK(ml_quantile_borders((MlSample) {300, tenth}, (MlSample) {300, steps}, 10, 0.01, edges) == 10, "or of the reference, where its border is a quantile too");
	ml_count_up_to(constant, 2, (double[]) {4, 5}, reference);
	CHECK(reference[0] == 3 && reference[1] == 0 && reference[2] == 0, "a value belongs to the bin that it ends");
	ml_count_within(pair, 1, (double[]) {4, 5}, reference);
	CHECK(reference[0] == 2, "the last of the equal bins has its end");
	CHECK(ml_count_values(constant, pair, reference, current) == 2 && reference[0] == 3 && current[0] == 1 &&
		  reference[1] == 0 && current[1] == 1, "counts by value");
	CHECK(ml_wasserstein(constant, pair) == 0.5, "half of the mass moves by one");
	CHECK_CLOSE(ml_wasserstein((MlSample) {2, (double[]) {-1e308, 1e308}}, (MlSample) {2, (double[]) {-1e308, -1e308}}) / 1e308, 1, 1e-15,
				"half of it from one end to the other");
	CHECK_CLOSE(ml_deviation((MlSample) {2, (double[]) {-1e308, 1e308}}) / 1e308, 1, 1e-15, "a deviation of large numbers");
	CHECK(isnan(ml_wasserstein((MlSample) {1, (double[]) {-1.7e308}}, (MlSample) {1, (double[]) {1.7e308}})), "further apart than any number");
	CHECK_CLOSE(ml_wasserstein_in_deviations((MlSample) {2, (double[]) {-1.7e308, 1.7e308}}, (MlSample) {2, (double[]) {1.7e308, 1.7e308}}, 0.001), 1, 1e-15,
				"but not in deviations");
	CHECK_CLOSE(ml_wasserstein_in_deviations((MlSample) {2, (double[]) {1e-7, 3e-7}}, (MlSample) {2, (double[]) {2e-7, 4e-7}}, 0), 1, 1e-12,
				"of small numbers");
	CHECK_CLOSE(ml_wasserstein_in_deviations((MlSample) {2, (double[]) {1e-300, 3e-300}}, (MlSample) {2, (double[]) {2e-300, 4e-300}}, 0), 1, 1e-12,
				"whose squares are 0");
	CHECK_CLOSE(ml_wasserstein_in_deviations((MlSample) {2, (double[]) {1e-7, 3e-7}}, (MlSample) {2, (double[]) {2e-7, 4e-7}}, 0.001), 1e-4, 1e-12,
				"as Evidently has them");
	CHECK(isnan(ml_wasserstein_in_deviations(constant, pair, 0)) && ml_wasserstein_in_deviations(constant, pair, 0.001) == 500,
		  "a constant has no deviation");
}

/* Choices of k of n, by multiplication. */
static double
choose(int n, int k)
{
	double		ways = 1;

	for (int i = 0; i < k; i++)
		ways = ways * (n - i) / (i + 1);
	return ways;
}

/* Tails of small counts, against sums over all outcomes. */
static void
test_counts(void)
{
	bool		binomial = true;
	bool		fisher = true;

	for (int both = 1; both <= 12; both++)
	{
		for (int current = 0; current <= both; current++)
		{
			double		more = 0;
			double		found = choose(both, current) * choose(34 - both, 14 - current) / choose(34, 14);
			double		no_more = 0;

			for (int x = 0; x <= both; x++)
			{
				double		hypergeometric = choose(both, x) * choose(34 - both, 14 - x) / choose(34, 14);

				more += x >= current ? choose(both, x) * pow(0.125, x) * pow(0.875, both - x) : 0;
				no_more += hypergeometric <= found * (1 + 1e-7) ? hypergeometric : 0;
			}
			binomial = binomial && fabs(ml_chance_of_more(both, current, 0.125) - (current > both * 0.125 ? more : 1)) < 1e-12;
			fisher = fisher && fabs(ml_shares_p(20, (uint64_t) (both - current), 14, (uint64_t) current) -
									no_more) < 1e-12;
		}
	}
	CHECK(binomial, "binomial tails");
	CHECK(fisher, "Fisher's exact test, from both sides");
	CHECK_CLOSE(ml_shares_p(400, 10, 150, 10), 0.036591987707, 1e-9, "as R and SciPy have it");
	CHECK(isnan(ml_shares_p(0, 0, 5, 1)) && ml_shares_p(10, 0, 5, 0) == 1 && ml_shares_p(10, 10, 5, 5) == 1, "its ends");
	CHECK_CLOSE(ml_shares_p(1000000000, 500000000, 1000000000, 500050000), 0.025347318677, 1e-4, "of billions of rows, two-sided z = 2.23607");
}

/* By all tables with these margins, drawn bin after bin: P(statistic >= found). */
static double
by_all_tables(const MlHistograms *h, size_t bin, double ways, uint64_t left, uint64_t *current, double found)
{
	uint64_t	reference[4];
	uint64_t	both;
	double		sum = 0;

	if (bin == h->n)
	{
		for (size_t i = 0; i < h->n; i++)
			reference[i] = h->reference[i] + h->current[i] - current[i];
		return left > 0 ? 0
			: ml_chi_square_contingency(&(MlHistograms) {h->n, reference, current}, false).statistic >= found * (1 - 1e-9) ? ways : 0;
	}
	both = h->reference[bin] + h->current[bin];
	for (current[bin] = 0; current[bin] <= both && current[bin] <= left; current[bin]++)
	{
		uint64_t	here = current[bin];

		sum += by_all_tables(h, bin + 1, ways * choose((int) both, (int) here), left - here, current, found);
		current[bin] = here;
	}
	return sum;
}

/* The chi-square test of few rows: a p-value of the statistic itself. */
static void
test_few_rows(void)
{
	static const uint64_t tables[][2][4] = {
		{{4, 3, 2, 1}, {0, 0, 2, 3}}, {{3, 3, 3, 3}, {1, 2, 1, 0}}, {{12, 5, 1, 0}, {2, 1, 2, 2}}, {{1, 1, 1, 1}, {9, 2, 3, 8}},
	{{20, 9, 1, 0}, {2, 1, 1, 1}}, {{6, 0, 0, 0}, {2, 2, 2, 0}}};
	uint64_t	once[60];
	uint64_t	never[60];
	MlHistograms h;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
	{
		uint64_t	current[4];
		uint64_t	rows_current = 0;
		uint64_t	rows = 0;
		double		exact;
		double		p;

		h = (MlHistograms) {4, tables[t][0], tables[t][1]};
		for (int i = 0; i < 4; i++)
		{
			rows_current += h.current[i];
			rows += h.current[i] + h.reference[i];
		}
		exact = by_all_tables(&h, 0, 1, rows_current, current, ml_chi_square_contingency(&h, false).statistic) /
			choose((int) rows, (int) rows_current);
		p = ml_chi_square_table_p(&h);
		CHECK(fabs(p - exact) < 4 * sqrt(exact * (1 - exact) / 1999) + exact * 4 / sqrt(40), "table %zu: %g is near %g, of all tables", t, p, exact);
		CHECK(p == ml_chi_square_table_p(&h), "and the same again");
	}
	h = (MlHistograms) {3, (uint64_t[]) {400, 300, 200}, (uint64_t[]) {40, 25, 35}};
	CHECK_CLOSE(ml_chi_square_table_p(&h), ml_chi_square_contingency(&h, false).p_value, 1e-15, "of many rows it is the usual one");
	for (size_t i = 0; i < 60; i++)
	{
		once[i] = i < 40;
		never[i] = i >= 40;
	}
	h = (MlHistograms) {60, once, never};
	CHECK(ml_chi_square_table_p(&h) == 1, "where all tables are as far from even, nothing can be told");
	h = (MlHistograms) {2, (uint64_t[]) {9950, 50}, (uint64_t[]) {0, 12}};
	CHECK(ml_chi_square_table_p(&h) < 1e-8, "what cannot be drawn is small");
	h = (MlHistograms) {2, (uint64_t[]) {9950, 50}, (uint64_t[]) {0, 0}};
	CHECK(isnan(ml_chi_square_table_p(&h)), "of no rows");
	h = (MlHistograms) {2, (uint64_t[]) {5, 0}, (uint64_t[]) {3, 0}};
	CHECK(ml_chi_square_table_p(&h) == 1, "of one bin");
}

/* P(rows of levels that the reference lacks >= found) over all ways to lay the rows. */
static double
by_all_ways(const uint64_t *rows, size_t n, uint64_t left, double ways, double unseen, double found)
{
	double		sum = 0;

	if (n == 0)
		return left > 0 || unseen < found ? 0 : ways;
	for (uint64_t x = 0; x <= rows[0] && x <= left; x++)
		sum += by_all_ways(rows + 1, n - 1, left - x, ways * choose((int) rows[0], (int) x),
						   unseen + (x == rows[0] ? (double) x : 0), found);
	return sum;
}

/* How many rows of levels that the reference lacks are likely? */
static void
test_unseen(void)
{
	static const uint64_t levels[][2][6] = {{{1, 1, 1, 5, 6, 0}, {0, 0, 1, 2, 3, 1}}, {{3, 3, 4, 0, 0, 5}, {4, 5, 3, 3, 3, 4}},
	{{9, 9, 0, 0, 0, 9}, {3, 2, 1, 1, 1, 0}}, {{2, 1, 1, 1, 2, 0}, {9, 3, 4, 5, 8, 7}}};
	MlHistograms h;

	for (size_t t = 0; t < sizeof(levels) / sizeof(levels[0]); t++)
	{
		uint64_t	both[6];
		int			all = 0;
		int			current = 0;
		double		unseen = 0;
		double		exact;

		h = (MlHistograms) {6, levels[t][0], levels[t][1]};
		for (int i = 0; i < 6; i++)
		{
			both[i] = h.reference[i] + h.current[i];
			all += (int) both[i];
			current += (int) h.current[i];
			unseen += h.reference[i] == 0 ? (double) h.current[i] : 0;
		}
		exact = by_all_ways(both, 6, (uint64_t) current, 1, 0, unseen) / choose(all, current);
		CHECK(ml_unseen_p(&h, 0) > exact / 2 && ml_unseen_p(&h, 0) < (exact > 0.5 ? 1.01 : 2 * exact), "levels %zu: %g of %g", t, ml_unseen_p(&h, 0), exact);
	}
	h = (MlHistograms) {3, (uint64_t[]) {1000, 1, 0}, (uint64_t[]) {200, 0, 1}};
	CHECK_CLOSE(ml_unseen_p(&h, 0), ml_chance_of_more(2, 1, 201.0 / 1202), 1e-9, "of levels of one row: the binomial tail");
	CHECK_CLOSE(ml_unseen_p(&(MlHistograms) {2, h.reference, h.current}, 1), ml_unseen_p(&h, 0), 1e-9, "told apart or not");
	h = (MlHistograms) {2, (uint64_t[]) {2000, 0}, (uint64_t[]) {1000, 1000}};
	CHECK(ml_unseen_p(&h, 0) < 1e-100, "one that would have been seen");
	h = (MlHistograms) {2, (uint64_t[]) {0, 0}, (uint64_t[]) {10, 5}};
	CHECK(ml_unseen_p(&h, 0) == 1, "of no reference");
	h = (MlHistograms) {2, (uint64_t[]) {7, 1}, (uint64_t[]) {10, 5}};
	CHECK(ml_unseen_p(&h, 0) == 1, "none is new");
}

int
main(void)
{
	MlContext	ctx = {0};

	ctx.arena = ml_arena_create(0);
	test_tails(&ctx);
	test_histograms();
	test_counts();
	test_few_rows();
	test_unseen();
	test_undefined();
	test_merging();
	test_samples(&ctx);
	test_sorting(&ctx);
	test_spikes(&ctx);
	test_odd_samples(&ctx);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
