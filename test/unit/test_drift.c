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

int
main(void)
{
	MlContext	ctx = {0};

	ctx.arena = ml_arena_create(0);
	test_tails(&ctx);
	test_histograms();
	test_undefined();
	test_merging();
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
