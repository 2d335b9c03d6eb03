/*-------------------------------------------------------------------------
 * monitor.h
 *	  Drift: how far what comes now is from what was there before.
 *
 * A column is compared by tests; each gives a statistic, a p-value where there
 * is one, and a verdict by the thresholds of a mode.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_MONITOR_H
#define MLOPS_MONITOR_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

#include "mlops/engine/drift.h"
#include "mlops/serve.h"

/* ---------------------------------------------------------------- tests */

typedef enum MlDriftTestKind
{
	ML_TEST_PSI,
	ML_TEST_KULLBACK_LEIBLER,
	ML_TEST_JENSEN_SHANNON,
	ML_TEST_HELLINGER,
	ML_TEST_TOTAL_VARIATION,
	ML_TEST_L_INFINITY,
	ML_TEST_CHI_SQUARE,
	ML_TEST_CRAMERS_V,
	ML_TEST_KS,
	ML_TEST_WASSERSTEIN,
	ML_TEST_Z,
	ML_TEST_MISSING,
	ML_TEST_UNSEEN,
	ML_TEST_COUNT
} MlDriftTestKind;

typedef uint32 MlDriftTests;	/* a set of them, 0: what the mode chooses */

#define ML_TEST_BIT(kind) ((MlDriftTests) 1 << (kind))

extern const char *const mlmon_test_names[ML_TEST_COUNT];

/* Tests by their names (NULL: 0).  Errors (22023): one that is not among valid,
 * listing those; none at all; those of mlbase_require_list for "statistics". */
extern MlDriftTests mlmon_tests(ArrayType *names, MlDriftTests valid);

/* One row of a report. */
typedef struct MlDriftRow
{
	const char *feature;
	const char *kind;			/* number, boolean, category, time, score */
	MlDriftTestKind test;
	double		statistic;		/* NaN: not defined, e.g. a side without rows */
	double		p_value;		/* NaN: none */
	double		threshold;		/* NaN: not defined, e.g. a reference without rows */
	bool		drifted;		/* only where statistic and threshold are defined */
} MlDriftRow;

/* The shares of a yes or no on the two sides: absolute difference and p-value. */
extern MlDriftTest mlmon_share_test(uint64 reference_rows, uint64 reference, uint64 current_rows,
									uint64 current);

/* The share of what the reference lacks beyond that of its levels of one row, 0
 * where it is no larger; p_value: ml_unseen_p(). */
extern MlDriftTest mlmon_unseen_test(uint64 reference_rows, uint64 singles, uint64 current_rows,
									 uint64 unseen, double p_value);

/* The statistic of a test of two histograms (not KS, WASSERSTEIN, Z, MISSING,
 * UNSEEN), with the p-value of their chi-square test beside it; NaN if none of the
 * tests needs it. */
extern MlDriftTest mlmon_histogram_test(MlDriftTestKind test, const MlHistograms *h, double p_value);
extern double mlmon_histogram_p(MlDriftTests tests, const MlHistograms *h);

/*
 * A row of mode 'mlops': drifted means that the statistic reaches the test's
 * threshold and that the p-value, if there is one, is below ML_DRIFT_ALPHA:
 * large enough to matter, and more than chance.
 */
#define ML_DRIFT_ALPHA 0.01
extern double mlmon_threshold(MlDriftTestKind test);
extern MlDriftRow *mlmon_judge(const char *feature, const char *kind, MlDriftTestKind test,
							   MlDriftTest result);

/* ---------------------------------------------------------------- two sources */

/* Whose tests and thresholds: docs/drift.md says what each does. */
typedef enum MlDriftMode
{
	ML_MODE_MLOPS,
	ML_MODE_EVIDENTLY,
	ML_MODE_NANNYML,
	ML_MODE_COUNT
} MlDriftMode;

/* Error (22023) for an unknown one, listing the valid. */
extern MlDriftMode mlmon_mode(const char *name);

/* Tests that a mode can make. */
extern MlDriftTests mlmon_mode_tests(MlDriftMode mode);

/*
 * Reads both sources once, as the current user, and compares columns (names;
 * NIL: all of the reference that could be features, identifiers left out with a
 * NOTICE).  NaN and infinite values count as missing.  Returns a List of
 * MlDriftRow *.  Errors: columns that one side lacks (42703, all are named), that
 * cannot be compared or are of different kinds (42804).
 */
extern List *mlmon_compare(MlContext *ctx, MlSource *reference, MlSource *current, List *columns,
						   MlDriftTests tests, MlDriftMode mode);

/* ---------------------------------------------------------------- a model's source */

/* Tests that mlmon_check_model can make. */
#define ML_MODEL_TESTS (((ML_TEST_BIT(ML_TEST_COUNT) - 1)) & \
	~(ML_TEST_BIT(ML_TEST_WASSERSTEIN) | ML_TEST_BIT(ML_TEST_Z)))

/* Those that it makes of features if it is asked for none. */
#define ML_USUAL_TESTS (ML_TEST_BIT(ML_TEST_PSI) | ML_TEST_BIT(ML_TEST_MISSING) | ML_TEST_BIT(ML_TEST_UNSEEN))

typedef struct MlDriftReport
{
	int64		rows;			/* read */
	List	   *tests;			/* MlDriftRow *, the score's first, then by feature */
} MlDriftReport;

/*
 * Reads the source as the current user, in constant memory, and compares its
 * rows with the training baseline in the model's bytes: the score with those of
 * the rows that the version was judged on, features with the training rows.
 * Errors: missing columns, columns of another kind, infinite values.
 */
extern void mlmon_check_model(MlContext *ctx, const MlResolved *resolved, MlSource *source,
							  MlDriftTests tests, MlDriftReport *report);

/*
 * The stability index of scores, of rows in bins of equal width, and its p-value:
 * the bins are merged and compared as mlmon_check_model does, wherever scores are
 * compared.
 */
extern MlDriftTest mlmon_score_test(const MlHistograms *h);

/*
 * Records a report of a version for a window of time (either end may be
 * DT_NOBEGIN, DT_NOEND) in mlops_catalog.drift_window, for user.
 */
extern void mlmon_record(const MlResolved *resolved, Oid user, TimestampTz window_start,
						 TimestampTz window_end, const MlDriftReport *report);

#endif							/* MLOPS_MONITOR_H */
