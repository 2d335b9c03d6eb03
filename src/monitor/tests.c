/*-------------------------------------------------------------------------
 * tests.c
 *	  The tests of drift by name, and the thresholds of mode 'mlops'.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "mlops/engine/compare.h"
#include "mlops/monitor.h"
#include "monitor/compare.h"

const char *const mlmon_test_names[ML_TEST_COUNT] = {
	[ML_TEST_PSI] = "psi",
	[ML_TEST_KULLBACK_LEIBLER] = "kl",
	[ML_TEST_JENSEN_SHANNON] = "jensen_shannon",
	[ML_TEST_HELLINGER] = "hellinger",
	[ML_TEST_TOTAL_VARIATION] = "total_variation",
	[ML_TEST_L_INFINITY] = "l_infinity",
	[ML_TEST_CHI_SQUARE] = "chi_square",
	[ML_TEST_CRAMERS_V] = "cramers_v",
	[ML_TEST_KS] = "ks",
	[ML_TEST_WASSERSTEIN] = "wasserstein",
	[ML_TEST_Z] = "z",
	[ML_TEST_MISSING] = "missing",
	[ML_TEST_UNSEEN] = "unseen",
};

/*
 * Effects worth an alert.  Statistics that grow with the number of rows have no
 * such value: they are judged by their p-value alone, 0 is always reached.
 */
static const double thresholds[ML_TEST_COUNT] = {
	[ML_TEST_PSI] = 0.2,
	[ML_TEST_KULLBACK_LEIBLER] = 0.1,
	[ML_TEST_JENSEN_SHANNON] = 0.1,
	[ML_TEST_HELLINGER] = 0.1,
	[ML_TEST_TOTAL_VARIATION] = 0.1,
	[ML_TEST_L_INFINITY] = 0.1,
	[ML_TEST_CHI_SQUARE] = 0,
	[ML_TEST_CRAMERS_V] = 0.2,
	[ML_TEST_KS] = 0.1,
	[ML_TEST_WASSERSTEIN] = 0.1,
	[ML_TEST_Z] = 0,
	[ML_TEST_MISSING] = 0.05,
	[ML_TEST_UNSEEN] = 0.01,
};

#define DAYS_IN_WEEK 7

#define EVERY_TEST (ML_TEST_BIT(ML_TEST_COUNT) - 1)

static const struct
{
	const char *name;
	MlDriftTests tests;
}			modes[ML_MODE_COUNT] = {
	[ML_MODE_MLOPS] = {"mlops", EVERY_TEST & ~ML_TEST_BIT(ML_TEST_Z)},
	[ML_MODE_EVIDENTLY] = {"evidently", ML_TEST_BIT(ML_TEST_PSI) | ML_TEST_BIT(ML_TEST_KULLBACK_LEIBLER) |
		ML_TEST_BIT(ML_TEST_JENSEN_SHANNON) | ML_TEST_BIT(ML_TEST_HELLINGER) | ML_TEST_BIT(ML_TEST_CHI_SQUARE) |
	ML_TEST_BIT(ML_TEST_KS) | ML_TEST_BIT(ML_TEST_WASSERSTEIN) | ML_TEST_BIT(ML_TEST_Z)},
	[ML_MODE_NANNYML] = {"nannyml", ML_TEST_BIT(ML_TEST_JENSEN_SHANNON) | ML_TEST_BIT(ML_TEST_HELLINGER) |
		ML_TEST_BIT(ML_TEST_L_INFINITY) | ML_TEST_BIT(ML_TEST_CHI_SQUARE) | ML_TEST_BIT(ML_TEST_KS) |
	ML_TEST_BIT(ML_TEST_WASSERSTEIN) | ML_TEST_BIT(ML_TEST_MISSING) | ML_TEST_BIT(ML_TEST_UNSEEN)},
};

MlDriftMode
mlmon_mode(const char *name)
{
	for (int m = 0; m < ML_MODE_COUNT; m++)
	{
		if (strcmp(name, modes[m].name) == 0)
			return (MlDriftMode) m;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized mode \"%s\"", name),
			 errhint("Valid modes are: mlops, evidently, nannyml.")));
}

MlDriftTests
mlmon_mode_tests(MlDriftMode mode)
{
	return modes[mode].tests;
}

/* Names of a set, for a hint. */
static char *
name_list(MlDriftTests tests)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		if (tests & ML_TEST_BIT(t))
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", mlmon_test_names[t]);
	}
	return list.data;
}

MlDriftTests
mlmon_tests(ArrayType *names, MlDriftTests valid)
{
	MlDriftTests tests = 0;
	Datum	   *items;
	int			n;

	if (names == NULL)
		return 0;
	mlbase_require_list(names, "statistics");
	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = TextDatumGetCString(items[i]);
		int			t = 0;

		while (t < ML_TEST_COUNT && strcmp(name, mlmon_test_names[t]) != 0)
			t++;
		if (t == ML_TEST_COUNT || (valid & ML_TEST_BIT(t)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg(t == ML_TEST_COUNT ? "unrecognized statistic \"%s\""
							: "statistic \"%s\" cannot be had here", name),
					 errhint("Valid statistics are: %s.", name_list(valid))));
		tests |= ML_TEST_BIT(t);
	}
	if (tests == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"statistics\" is empty"),
				 errhint("Leave it out for the usual ones, or choose from: %s.", name_list(valid))));
	return tests;
}

/* How far two shares are apart; NaN if a side has no rows. */
static double
difference_of_shares(uint64 reference_rows, uint64 reference, uint64 current_rows, uint64 current)
{
	return fabs((double) current / (double) current_rows - (double) reference / (double) reference_rows);
}

MlDriftTest
mlmon_share_test(uint64 reference_rows, uint64 reference, uint64 current_rows, uint64 current)
{
	return (MlDriftTest) {difference_of_shares(reference_rows, reference, current_rows, current),
	ml_shares_p(reference_rows, reference, current_rows, current)};
}

/*
 * The share of rows of levels seen once estimates the share of what was never seen
 * (Good: "The population frequencies of species and the estimation of population
 * parameters", Biometrika 40, 1953): so much that is new is no drift.
 */
MlDriftTest
mlmon_unseen_test(uint64 reference_rows, uint64 singles, uint64 current_rows, uint64 unseen, double p_value)
{
	double		statistic = difference_of_shares(reference_rows, singles, current_rows, unseen);

	if ((double) unseen * (double) reference_rows <= (double) singles * (double) current_rows && !isnan(statistic))
		return (MlDriftTest) {0, 1};
	return (MlDriftTest) {statistic, isnan(statistic) ? NAN : p_value};
}

/* 0 and 1 where the shares are equal, also those of 0 or 1, which have no variance. */
MlDriftTest
mlmon_z_test(uint64 reference_rows, uint64 reference, uint64 current_rows, uint64 current)
{
	MlProportionTest test;

	ml_two_proportions((MlProportion) {current_rows, current},
					   (MlProportion) {reference_rows, reference}, &test);
	if (test.difference == 0)
		return (MlDriftTest) {0, 1};
	return (MlDriftTest) {test.z, test.p_value};
}

/*
 * One p-value for all statistics of histograms: whether the bins differ by more
 * than chance.
 */
double
mlmon_histogram_p(MlDriftTests tests, const MlHistograms *h)
{
	const MlDriftTests others = ML_TEST_BIT(ML_TEST_KS) | ML_TEST_BIT(ML_TEST_WASSERSTEIN) | ML_TEST_BIT(ML_TEST_Z) |
		ML_TEST_BIT(ML_TEST_MISSING) | ML_TEST_BIT(ML_TEST_UNSEEN);

	if ((tests & ~others) == 0 || isnan(ml_chi_square_contingency(h, false).p_value))
		return NAN;
	return ml_chi_square_table_p(h);
}

/* Raises XX000 for a test that is none of histograms: a mistake of the caller's. */
MlDriftTest
mlmon_histogram_test(MlDriftTestKind test, const MlHistograms *h, double p_value)
{
	MlDriftTest result = {NAN, p_value};

	switch (test)
	{
		case ML_TEST_PSI:
			result.statistic = ml_psi(h, ML_FILL_HALF_ROW);
			break;
		case ML_TEST_KULLBACK_LEIBLER:
			result.statistic = ml_kullback_leibler(h, ML_FILL_HALF_ROW);
			break;
		case ML_TEST_JENSEN_SHANNON:
			result.statistic = ml_jensen_shannon(h, 2);
			break;
		case ML_TEST_HELLINGER:
			result.statistic = ml_hellinger(h);
			break;
		case ML_TEST_TOTAL_VARIATION:
			result.statistic = ml_total_variation(h);
			break;
		case ML_TEST_L_INFINITY:
			result.statistic = ml_l_infinity(h);
			break;
		case ML_TEST_CRAMERS_V:
			result.statistic = ml_cramers_v(h);
			break;
		case ML_TEST_CHI_SQUARE:
			result.statistic = ml_chi_square_contingency(h, false).statistic;
			break;
		default:
			elog(ERROR, "test %d is not one of histograms", (int) test);
	}
	return result;
}

double
mlmon_threshold(MlDriftTestKind test)
{
	return thresholds[test];
}

/* In the current memory context; names are not copied. */
MlDriftRow *
mlmon_judge(const char *feature, const char *kind, MlDriftTestKind test, MlDriftTest result)
{
	MlDriftRow *row = palloc(sizeof(MlDriftRow));

	*row = (MlDriftRow) {feature, kind, test, result.statistic, result.p_value, thresholds[test],
	result.statistic >= thresholds[test] && !(result.p_value >= ML_DRIFT_ALPHA)};
	return row;
}

/* Ends count as seen.  Without any time (least above greatest) there is no part. */
uint32
mlmon_parts_between(MlFeaturePart part, double least, double greatest)
{
	double		seconds = part == ML_FEATURE_HOUR ? SECS_PER_HOUR : SECS_PER_DAY;
	double		first = floor(least / seconds);
	double		n = Min(floor(greatest / seconds) - first + 1, part == ML_FEATURE_HOUR ? HOURS_PER_DAY : DAYS_IN_WEEK);
	uint32		parts = 0;

	for (double i = 0; i < n; i++)
		parts |= (uint32) 1 << (int) ml_feature_number(part, (first + i) * seconds);
	return parts;
}

size_t
mlmon_chunk_rows(size_t rows)
{
	return Max(rows / NANNYML_CHUNKS, 1);
}

/* NaN chunks do not count; NaN without any, or beyond double precision. */
double
mlmon_chunk_threshold(const double *value, int n)
{
	double		sum = 0;
	double		squares = 0;
	double		mean;
	int			defined = 0;

	for (int i = 0; i < n; i++)
	{
		if (isnan(value[i]))
			continue;
		sum += value[i];
		defined++;
	}
	if (defined == 0)
		return NAN;
	mean = sum / defined;
	for (int i = 0; i < n; i++)
	{
		if (!isnan(value[i]))
			squares += (value[i] - mean) * (value[i] - mean);
	}
	squares = mean + 3 * sqrt(squares / defined);
	return isinf(squares) ? NAN : squares;
}
