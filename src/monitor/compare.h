/*
 * compare.h
 *	  Comparing the columns of two data sets (private to monitor).
 *
 * Tests of numbers run on engine threads: numbers.c touches nothing of
 * PostgreSQL but types.  What needs memory or may fail is left to between.c.
 */
#ifndef MLOPS_MONITOR_COMPARE_H
#define MLOPS_MONITOR_COMPARE_H

#include "mlops/engine/data.h"
#include "mlops/monitor.h"

/* Mode 'mlops' compares in about so many bins, none with less of the reference:
 * with more of them, chance alone would move the index of a few thousand rows. */
#define ML_NUMBER_BINS 10
#define ML_LEAST_SHARE 0.01

/* Bins with fewer rows of the reference each are made of the rows of both sides: the
 * share of next rows in a bin that holds k of it by choice is k give or take root k,
 * which makes the chi-square statistic k / (k - 1) times as large. */
#define ML_LEAST_ROWS_OF_BIN 20

static inline uint64
sum_of(const uint64_t *counts, size_t n)
{
	uint64		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counts[i];
	return sum;
}

/* When a test says that a feature drifted. */
typedef enum Rule
{
	DRIFT_IF_BOTH,				/* statistic >= threshold, and no p-value >= ML_DRIFT_ALPHA */
	DRIFT_IF_REACHED,			/* statistic >= threshold */
	DRIFT_IF_ABOVE,				/* statistic > threshold */
	DRIFT_IF_P_BELOW,			/* p-value < threshold */
	DRIFT_IF_P_REACHES			/* p-value <= threshold */
} Rule;

typedef struct Outcome
{
	bool		made;
	MlDriftTest result;
	double		threshold;
	Rule		rule;
} Outcome;

/* A column, or a part of a time, on both sides. */
typedef struct Feature
{
	const char *name;
	const char *kind;
	const MlColumn *reference;
	MlColumn   *current;
	MlFeaturePart part;
	bool		categorical;
	uint64		n_reference;	/* present values */
	uint64		n_current;
	double		ks;				/* statistic that ML_TEST_KS has its p-value of; NaN: none */
	bool		constant;		/* numbers: one value on both sides, or none */
	Outcome		outcome[ML_TEST_COUNT];
} Feature;

typedef struct Comparing
{
	MlContext  *ctx;
	MlDriftMode mode;
	MlDriftTests tests;			/* 0: the mode's choice */
	size_t		reference_rows;
	size_t		current_rows;
	int			n_features;
	Feature    *features;
} Comparing;

/* NannyML's thresholds: mean + 3 standard deviations of what the reference's own
 * chunks give, and the chunks: a tenth of the rows each, and the rest. */
#define NANNYML_CHUNKS 10
#define NANNYML_MOST_CHUNKS (2 * NANNYML_CHUNKS)

extern size_t mlmon_chunk_rows(size_t rows);
extern double mlmon_chunk_threshold(const double *value, int n);

/*
 * The hours of the day, or the days of the week, that lie between two times, as bits
 * by their number.  A window that spans less than the cycle shows not all of them,
 * which is no drift.
 */
extern uint32 mlmon_parts_between(MlFeaturePart part, double least, double greatest);

/* Two proportions, reference less current; 1 where they are the same for certain. */
extern MlDriftTest mlmon_z_test(uint64 reference_rows, uint64 reference, uint64 current_rows, uint64 current);

/* Fills the outcomes of the numeric features, on the context's threads. */
extern void mlmon_compare_numbers(Comparing *comparing);

/* Fills the outcomes of a categorical feature. */
extern void mlmon_compare_categories(Comparing *comparing, Feature *feature);

/*
 * Bins in the order of values, without what is missing, as about so many groups: of
 * the reference's rows, and of what has current rows by more than chance where the
 * reference has none or few.  Returns the number of groups; group [h->n].
 */
extern size_t mlmon_group_ordered(const MlHistograms *h, size_t n_groups, uint32_t *group);

/* ---- categories of a model */

/* Rows of each level that training did not know, by its hash, of so many at most:
 * a source is read in constant memory. */
#define ML_NEW_SLOTS 4096
#define ML_MOST_NEW 2048

typedef struct MlNewLevels
{
	size_t		n;
	uint64		uncounted;		/* rows of all others */
	uint64		hash[ML_NEW_SLOTS];
	uint64		rows[ML_NEW_SLOTS]; /* 0: a free slot */
} MlNewLevels;

extern void mlmon_see_new(MlNewLevels *news, const char *bytes, size_t size);

typedef struct MlModelLevels
{
	MlLevels	levels;
	uint64		unseen;			/* current rows with a level that training did not know */
	double		unseen_p;		/* how likely so many are */
} MlModelLevels;

/*
 * Of counted, by the model's codes, the last are the rows of levels without a code;
 * others [n_others] are those of each that training knew.
 */
extern void mlmon_model_levels(const MlHistograms *counted, uint64 singles, size_t n_others, const uint64 *others,
							   const MlNewLevels *news, MlModelLevels *found);

static inline void
set_outcome(Feature *feature, MlDriftTestKind test, MlDriftTest result, double threshold, Rule rule)
{
	feature->outcome[test] = (Outcome) {true, result, threshold, rule};
}

#endif							/* MLOPS_MONITOR_COMPARE_H */
