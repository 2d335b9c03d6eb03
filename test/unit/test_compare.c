/*
 * test_compare.c
 *	  Comparing variants: golden values of statsmodels and SciPy, error rates
 *	  exactly and by simulation, and draws from Beta posteriors.
 *
 * The simulations' seed may be given as an argument; none of them fails.
 */
#include "check.h"

#include "mlops/engine/compare.h"

#include "golden_compare.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void
test_golden(void)
{
	for (size_t i = 0; i < N(golden_tests); i++)
	{
		MlProportion a = {golden_tests[i].n1, golden_tests[i].x1};
		MlProportion b = {golden_tests[i].n2, golden_tests[i].x2};
		MlProportionTest test;

		ml_two_proportions(a, b, &test);
		CHECK_CLOSE(test.difference, golden_tests[i].difference, 1e-14, "difference %zu", i);
		CHECK_CLOSE(test.lower, golden_tests[i].lower, 1e-13, "lower end %zu is statsmodels'", i);
		CHECK_CLOSE(test.upper, golden_tests[i].upper, 1e-13, "upper end %zu is statsmodels'", i);
		CHECK_CLOSE(test.z, golden_tests[i].z, 1e-12, "z %zu is statsmodels'", i);
		CHECK_CLOSE(test.p_value, golden_tests[i].p_value, 1e-12, "p-value %zu is statsmodels'", i);
		CHECK_CLOSE(ml_sequential_p_value(a, b, golden_tests[i].effect), golden_tests[i].sequential, 1e-9,
					"sequential p-value %zu is the integral's", i);
		CHECK_CLOSE(ml_sequential_p_value(b, a, golden_tests[i].effect), golden_tests[i].sequential, 1e-9,
					"whichever comes first, %zu", i);
	}
}

static void
test_undefined(void)
{
	MlProportion none = {0, 0};
	MlProportion some = {100, 40};
	MlProportion all = {10, 10};
	MlProportionTest test;

	ml_two_proportions(none, some, &test);
	CHECK(isnan(test.difference) && isnan(test.z) && isnan(test.p_value), "no trials: no test");
	ml_two_proportions(all, all, &test);
	CHECK(test.difference == 0 && isnan(test.z) && isnan(test.p_value), "no variance: no test");
	CHECK(ml_sequential_p_value(none, some, 0.1) == 1, "no trials: nothing found");
	CHECK(ml_sequential_p_value(all, all, 0.1) == 1, "no variance: nothing found");
	CHECK(ml_sequential_p_value((MlProportion) {1000, 4}, (MlProportion) {1000, 0}, 0.01) == 1,
		  "too few successes to tell");
	CHECK(isnan(ml_sequential_p_value(some, some, 0)) && isnan(ml_sequential_p_value(some, some, NAN)),
		  "an effect must be above 0");
}

/*
 * Near 0 and 1, where the smaller variant has few expected successes: p-values
 * of an integral over the differences, of the variance that compare.h states.
 */
static void
test_extremes(void)
{
	static const struct
	{
		MlProportion a;
		MlProportion b;
		double		effect;
		double		rate;		/* of the variance */
	}			cases[] = {
		{{50000, 100}, {500, 40}, 0.05, 0.01},
		{{1000000, 0}, {1000, 12}, 0.01, 0.005},
		{{1000000, 1000000}, {1000, 988}, 0.01, 0.995},
		{{8, 0}, {8, 8}, 0.5, 0.5},
	};
	double		before = 1;

	for (size_t i = 0; i < N(cases); i++)
	{
		double		variance = cases[i].rate * (1 - cases[i].rate) * (1.0 / cases[i].a.trials + 1.0 / cases[i].b.trials);
		double		difference = (double) cases[i].b.successes / cases[i].b.trials - (double) cases[i].a.successes / cases[i].a.trials;
		double		ratio = 0;
		const double step = 1e-4;	/* of the mixture's standard deviation */

		for (double t = -12; t <= 12; t += step)
		{
			double		d = t * cases[i].effect;

			ratio += step / sqrt(2 * M_PI) * exp(-t * t / 2 + (d * difference - d * d / 2) / variance);
		}
		CHECK_CLOSE(ml_sequential_p_value(cases[i].a, cases[i].b, cases[i].effect) * ratio, 1, 1e-6, "an extreme, %zu, is the integral's", i);
		CHECK(1 / ratio < 0.05, "and found");
	}
	/* more and more of the same never look less different */
	for (uint64_t n = 1; n < 1000000; n *= 2)
	{
		double		p = ml_sequential_p_value((MlProportion) {n, 0}, (MlProportion) {n, n}, 0.01);

		CHECK(p > 0 && p <= before, "%llu failures against as many successes: %g", (unsigned long long) n, p);
		before = p;
	}
}

/* ---- error rates by simulation */

#define SIMULATIONS 2000

static uint64_t seed = 1;

static double
binomial_probability(uint64_t n, double p, uint64_t k)
{
	return exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(p) + (n - k) * log1p(-p));
}

/*
 * How often the z test at 5 % says that two equal rates differ: the sum over
 * all outcomes that are not farther than 9 standard deviations from the mean.
 */
static double
exact_error(double p, uint64_t n, uint64_t m)
{
	double		mean_a = n * p,
				reach_a = 9 * sqrt(n * p * (1 - p));
	double		mean_b = m * p,
				reach_b = 9 * sqrt(m * p * (1 - p));
	double		error = 0;

	for (uint64_t x = fmax(0, mean_a - reach_a); x <= n && x <= mean_a + reach_a; x++)
	{
		double		of_x = binomial_probability(n, p, x);

		for (uint64_t y = fmax(0, mean_b - reach_b); y <= m && y <= mean_b + reach_b; y++)
		{
			MlProportionTest test;

			ml_two_proportions((MlProportion) {n, x}, (MlProportion) {m, y}, &test);
			if (test.p_value < 0.05)
				error += of_x * binomial_probability(m, p, y);
		}
	}
	return error;
}

static uint64_t
binomial(uint64_t n, double p, uint64_t stream, uint64_t *counter)
{
	uint64_t	successes = 0;

	for (uint64_t i = 0; i < n; i++)
		successes += ml_random_uniform(seed, stream, (*counter)++) < p;
	return successes;
}

/*
 * Shares of simulations in which a test at 5 % says that the rates differ: the
 * z test at the last look, at any look, and the sequential one at any look.
 */
typedef struct Rejections
{
	double		planned;
	double		peeking;
	double		sequential;
} Rejections;

static Rejections
simulate(double p, double q, uint64_t n, uint64_t m, int looks, double effect, uint64_t stream)
{
	Rejections	r = {0, 0, 0};

	for (int s = 0; s < SIMULATIONS; s++)
	{
		MlProportion a = {0, 0};
		MlProportion b = {0, 0};
		uint64_t	counter = 0;
		bool		peeked = false;
		bool		found = false;
		MlProportionTest test = {0};

		for (int look = 0; look < looks; look++)
		{
			double		hoped = effect;

			a.trials += n;
			a.successes += binomial(n, p, stream + 2 * s, &counter);
			b.trials += m;
			b.successes += binomial(m, q, stream + 2 * s + 1, &counter);
			ml_two_proportions(a, b, &test);
			peeked = peeked || test.p_value < 0.05;
			if (effect < 0)		/* relative to what was seen so far */
				hoped = -effect * (double) (a.successes + b.successes) / (double) (a.trials + b.trials);
			found = found || ml_sequential_p_value(a, b, hoped) < 0.05;
		}
		r.planned += test.p_value < 0.05;
		r.peeking += peeked;
		r.sequential += found;
	}
	r.planned /= SIMULATIONS;
	r.peeking /= SIMULATIONS;
	r.sequential /= SIMULATIONS;
	printf("# rates %g and %g, %llu and %llu a look, %d looks: planned %.4f, peeking %.4f, sequential %.4f\n",
		   p, q, (unsigned long long) n, (unsigned long long) m, looks, r.planned, r.peeking, r.sequential);
	return r;
}

static void
test_error_rates(void)
{
	/* daily looks at two weeks or a month; even and 90 : 10 shares; rare and common outcomes */
	static const struct
	{
		double		p;
		uint64_t	n;
		uint64_t	m;
		int			looks;
		double		effect;
	}			cases[] = {
		{0.5, 100, 100, 28, 0.05},
		{0.1, 200, 200, 14, 0.02},
		{0.05, 180, 20, 28, 0.02},
		{0.3, 50, 50, 28, -0.1},
		{0.02, 450, 50, 28, -0.2},
	};

	for (size_t i = 0; i < N(cases); i++)
	{
		Rejections	r = simulate(cases[i].p, cases[i].p, cases[i].n, cases[i].m, cases[i].looks,
								 cases[i].effect, 100000 * (i + 1));

		double		exact = exact_error(cases[i].p, cases[i].looks * cases[i].n, cases[i].looks * cases[i].m);
		double		deviation = sqrt(exact * (1 - exact) / SIMULATIONS);

		printf("# exactly: planned %.4f\n", exact);
		CHECK(exact >= 0.045 && exact <= 0.055, "no difference, case %zu: the z test errs in 4.5 to 5.5 %%", i);
		/* five standard deviations: one seed in a million */
		CHECK(fabs(r.planned - exact) <= 5 * deviation, "as it does in %d simulations, case %zu", SIMULATIONS, i);
		CHECK(r.sequential <= 0.05, "no difference, case %zu: the sequential test errs in 5 %% at most", i);
		CHECK(r.peeking > 0.1, "no difference, case %zu: daily looks at the z test would err in more than 10 %%", i);
	}
	/* near 0 and 1, with a small variant and looks from its first trials on */
	CHECK(simulate(0.001, 0.001, 500, 100, 40, 0.001, 1000000).sequential <= 0.05, "rates near 0");
	CHECK(simulate(0.999, 0.999, 500, 100, 40, 0.001, 1100000).sequential <= 0.05, "rates near 1");
	CHECK(simulate(0.1, 0.13, 200, 200, 28, 0.02, 900000).sequential > 0.8,
		  "the sequential test finds a difference");
}

/* ---- Beta draws and shares */

#define DRAWS 100000

static void
test_beta(void)
{
	for (size_t i = 0; i < N(golden_beta); i++)
	{
		int			below[9] = {0};
		bool		inside = true;

		for (uint32_t draw = 0; draw < DRAWS; draw++)
		{
			double		x = ml_beta_draw(1, i, draw, golden_beta[i].alpha, golden_beta[i].beta);

			inside = inside && x >= 0 && x <= 1;
			for (int k = 0; k < 9; k++)
				below[k] += x <= golden_beta[i].quantile[k];
		}
		CHECK(inside, "draws of Beta(%g, %g) lie in [0, 1]", golden_beta[i].alpha, golden_beta[i].beta);
		for (int k = 0; k < 9; k++) /* four standard deviations of a share of 0.5 */
			CHECK_CLOSE(below[k] / (double) DRAWS, (k + 1) / 10.0, 0.0065,
						"Beta(%g, %g): %d0 %% lie below SciPy's quantile", golden_beta[i].alpha, golden_beta[i].beta, k + 1);
	}
	CHECK(ml_beta_draw(1, 2, 3, 4, 5) == ml_beta_draw(1, 2, 3, 4, 5) &&
		  ml_beta_draw(1, 2, 3, 4, 5) != ml_beta_draw(2, 2, 3, 4, 5) &&
		  ml_beta_draw(1, 2, 3, 4, 5) != ml_beta_draw(1, 3, 3, 4, 5) &&
		  ml_beta_draw(1, 2, 3, 4, 5) != ml_beta_draw(1, 2, 4, 4, 5),
		  "a draw depends on seed, stream and number alone");
}

static void
test_shares(void)
{
	MlProportion three[3] = {{100, 50}, {100, 50}, {100, 5}};
	double		share[3];

	for (size_t i = 0; i < N(golden_thompson); i++)
	{
		MlProportion two[2] = {{golden_thompson[i].n1, golden_thompson[i].x1},
		{golden_thompson[i].n2, golden_thompson[i].x2}};

		ml_thompson_shares(2, two, true, 0, DRAWS, 11, share);
		CHECK_CLOSE(share[1], golden_thompson[i].second_is_better, 0.0065,
					"the share is the probability to be best, case %zu", i);
		CHECK_CLOSE(share[0] + share[1], 1, 1e-12, "shares add up to 1");
		ml_thompson_shares(2, two, false, 0, DRAWS, 11, share);
		CHECK_CLOSE(share[0], golden_thompson[i].second_is_better, 0.0065,
					"or to be lowest, case %zu", i);
	}
	ml_thompson_shares(3, three, true, 0.05, 10000, 3, share);
	CHECK(share[2] == 0.05 && fabs(share[0] - share[1]) < 0.05, "no share is below the floor");
	CHECK_CLOSE(share[0] + share[1] + share[2], 1, 1e-12, "and they still add up to 1");
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	test_golden();
	test_undefined();
	test_extremes();
	test_error_rates();
	test_beta();
	test_shares();
	return checks_end();
}
