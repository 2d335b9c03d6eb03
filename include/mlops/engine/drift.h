/*-------------------------------------------------------------------------
 * drift.h
 *	  How far apart are two samples of one column: the reference and what came
 *	  since?
 *
 * Everything here is a function of two histograms over the same bins, or of two
 * sorted samples.  What is not defined (an empty side, no variance) is NaN.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_DRIFT_H
#define MLOPS_ENGINE_DRIFT_H

#include "mlops/engine/base.h"

/* ---------------------------------------------------------------- tails */

/* P(X >= statistic) of a chi-square variable; degrees > 0. */
extern double ml_chi_square_p(double statistic, double degrees);

/* P(|Z| >= |z|) of a standard normal variable. */
extern double ml_normal_p(double z);

/*
 * P(D_n >= d) of the two-sided Kolmogorov-Smirnov statistic of n values drawn
 * from a continuous distribution.  Exact up to some 100,000 values, then by
 * the expansion of Pelz and Good; the choice between the formulas is that of
 * Simard and L'Ecuyer ("Computing the two-sided Kolmogorov-Smirnov
 * distribution", Journal of Statistical Software 39(11), 2011).
 * Errors: ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_kolmogorov_p(MlContext *ctx, uint64_t n, double d, double *p);

/*
 * P(D >= d) of the two-sample statistic when both samples, of n and m values
 * without ties, come from one distribution: exact, by the walk of the two
 * empirical distributions.  Takes time n * m * d at most.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_smirnov_exact_p(MlContext *ctx, uint64_t n, uint64_t m, double d, double *p);

/* ---------------------------------------------------------------- counts */

/*
 * P(X >= current) where each of `both` rows is one of the current side with
 * probability q: exact for counts of rare events.
 */
extern double ml_chance_of_more(double both, double current, double q);

/*
 * Fisher's exact test of two shares, from both sides: the probability of all that is
 * no more likely than what was found, as R and SciPy have it.  NaN if a side has no rows.
 */
extern double ml_shares_p(uint64_t reference_rows, uint64_t reference, uint64_t current_rows, uint64_t current);

/* ---------------------------------------------------------------- histograms */

/* A statistic and how likely one as large would be without any drift. */
typedef struct MlDriftTest
{
	double		statistic;
	double		p_value;		/* NaN: none */
} MlDriftTest;

/* Rows in bins; a bin that is empty on both sides does not count. */
typedef struct MlHistograms
{
	size_t		n;
	const uint64_t *reference;	/* [n] */
	const uint64_t *current;	/* [n] */
} MlHistograms;

/* What stands for a share of 0, which has no logarithm. */
typedef enum MlZeroFill
{
	ML_FILL_HALF_ROW,			/* half a row */
	ML_FILL_EVIDENTLY			/* 0.0001, or a millionth of the side's smallest share that is not 0 where
								 * that is no more than 0.0001 */
} MlZeroFill;

/* Population stability index, sum of (r - c) ln(r / c) over the shares. */
extern double ml_psi(const MlHistograms *h, MlZeroFill fill);

/* Kullback-Leibler divergence of the reference from the current shares. */
extern double ml_kullback_leibler(const MlHistograms *h, MlZeroFill fill);

/* Jensen-Shannon distance (the root of the divergence); logarithms to base,
 * with 2 it lies in [0, 1]. */
extern double ml_jensen_shannon(const MlHistograms *h, double base);

extern double ml_hellinger(const MlHistograms *h);
extern double ml_total_variation(const MlHistograms *h);

/* The greatest difference between shares of one bin. */
extern double ml_l_infinity(const MlHistograms *h);

/*
 * Chi-square test of the current counts against those that the reference's
 * shares would give.  A bin that is new makes the statistic infinite.
 */
extern MlDriftTest ml_chi_square_goodness(const MlHistograms *h);

/*
 * Chi-square test of the 2 x n contingency table; yates: with the continuity
 * correction where there is one degree of freedom.
 */
extern MlDriftTest ml_chi_square_contingency(const MlHistograms *h, bool yates);

/*
 * P-value of the chi-square statistic of the 2 x n table, for few rows too: that of
 * the chi-square distribution where each bin is expected to have five rows on the
 * smaller side, else the share of random tables with the same margins whose
 * statistic is as large.  Their seed is a constant: one table, one p-value.  1 for
 * one bin; NaN if a side has no rows.
 */
extern double ml_chi_square_table_p(const MlHistograms *h);

/*
 * Mean and variance of the chi-square statistic of a 2 x bins table of few rows,
 * exact given its margins (Dawson, "A simplified expression for the variance of
 * the chi-square function on a contingency table", Biometrika 41, 1954), from the
 * rows of each side, the bins that have rows and the sum of 1 / rows over them.
 * No variance: NaN.  The other one is the tail of the gamma distribution that has these.
 */
typedef struct MlChiSquare
{
	double		mean;
	double		variance;
} MlChiSquare;
extern MlChiSquare ml_chi_square_given_margins(double reference, double current, double bins, double reciprocals);
extern double ml_gamma_p(double statistic, MlChiSquare law);

/*
 * Cramer's V, corrected for bias (Bergsma, "A bias-correction for Cramer's V
 * and Tschuprow's T", Journal of the Korean Statistical Society 42(3), 2013),
 * of the table whose larger side is first scaled down to the other's rows: 0
 * for equal shares, nearly 1 for sides that have no bin in common.
 */
extern double ml_cramers_v(const MlHistograms *h);

/* The Kolmogorov-Smirnov statistic where bins are in the order of values: what
 * can be seen of it at the bins' borders. */
extern double ml_binned_ks(const MlHistograms *h);

/*
 * Merges neighbouring bins into about n_groups of equal counts of the
 * reference, none with less than least_share of its rows: group [h->n] receives
 * each bin's group, rising from 0.  Returns the number of groups.
 */
extern size_t ml_merge_bins(const MlHistograms *h, size_t n_groups, double least_share,
							uint32_t *group);

/*
 * Rows by the codes of a category: 0 missing, 1 .. n_known levels of the reference,
 * n_known + 1 the rest, levels that the reference has counted together, then each
 * level that it does not know, and last those of them that were not told apart.
 */
typedef struct MlLevels
{
	MlHistograms h;
	size_t		n_known;
	bool		new_are_likely; /* is there no more of what is new than chance makes? */
} MlLevels;

/*
 * Codes of a category in groups: what is missing, each level that has at
 * least least_share of the rows of both sides, or of one where it changed by more than
 * chance, and all others, the tail, in one group; in four, by how much they grew
 * or shrank, where it changed among itself by more than chance.  What the
 * reference does not know is levels like others, or of the rest where there is one,
 * while new_are_likely, else one group.  Without drift one window in 250
 * has other groups than the rows of both sides together would give.  Returns the
 * number of groups, at most h.n; group [h.n].
 */
extern size_t ml_group_categories(const MlLevels *levels, double least_share, uint32_t *group);

/*
 * How likely are so many current rows of levels that the reference lacks, if each
 * row is of either side by chance?  levels has the rows of each level, without what is
 * missing; uncounted current rows more are of new levels that were not told apart.
 */
extern double ml_unseen_p(const MlHistograms *levels, uint64_t uncounted);

/* Of windows without drift, so many get a bin that is chosen by looking at them. */
#define ML_BY_CHANCE 0.001

/*
 * Do so many of the current values lie beyond the reference's least, or greatest,
 * by more than chance?  Without drift one window in 1,000 has as many.
 */
extern bool ml_is_beyond(uint64_t reference, uint64_t current, uint64_t beyond);

/*
 * Is a level that the reference has so often told apart by more than chance from
 * one that it has `most` times, of n_levels in all?  Of levels that were chosen
 * because the reference has them more often than `most`, the counts of those that
 * are not are larger than their shares by the choice itself (Efron, "Tweedie's
 * formula and selection bias", JASA 106(496), 2011).
 */
extern bool ml_is_above_chosen(double rows_reference, uint64_t reference, uint64_t most, double n_levels);

/*
 * Levels that the reference, of so many rows, has counted together, none of
 * them more often than `most`: which of the n have at least least_share of the
 * current rows, and more than chance makes of `most`.  grown has room for
 * 1 / least_share; returns how many there are.
 */
extern size_t ml_grown_levels(double rows_reference, double rows_current, uint64_t most, double least_share,
							  size_t n, const uint64_t *current, uint32_t *grown);

/* Adds up the bins of each group: reference and current [number of groups]. */
extern void ml_add_groups(const MlHistograms *h, const uint32_t *group, size_t n_groups,
						  uint64_t *reference, uint64_t *current);

/* ---------------------------------------------------------------- samples */

/* Present values of one side, rising.  No NaN, no infinity. */
typedef struct MlSample
{
	size_t		n;
	const double *value;
} MlSample;

/* Sorts values [n] in place; spare [n] is working memory.  -0 becomes 0. */
extern void ml_sort_numbers(double *value, double *spare, size_t n);

/* Number of distinct values, counted up to limit. */
extern size_t ml_distinct(MlSample sample, size_t limit);

/* How many current values lie beyond the reference's least and greatest? */
typedef struct MlOutside
{
	uint64_t	below;
	uint64_t	above;
} MlOutside;
extern MlOutside ml_outside(MlSample reference, MlSample current);

/* Standard deviation of the population; NaN for no values. */
extern double ml_deviation(MlSample sample);

/* The greatest distance between the two empirical distribution functions. */
extern double ml_ks_distance(MlSample reference, MlSample current);

/*
 * Its p-value: exact where neither side has more than 10,000 values, else by
 * the one-sample distribution of n m / (n + m) values.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_ks_p(MlContext *ctx, uint64_t n, uint64_t m, double statistic, double *p);

/* Area between the two empirical distribution functions; NaN if it is larger than
 * any number.  The other one in standard deviations of the reference, at least
 * so large; NaN from a constant, for which that is 0,
 * to anything else. */
extern double ml_wasserstein(MlSample reference, MlSample current);
extern double ml_wasserstein_in_deviations(MlSample reference, MlSample current, double least);

/* ---- bins of samples */

#define ML_SAMPLE_BINS 128		/* at most, by any rule below */

/*
 * Borders between bins of about equal counts of the reference: its quantiles
 * 1/n .. (n-1)/n, interpolated, each once.  A bin ends with its border.  A value
 * with a share of 1/n is in a bin of its own, so that no other hides that it
 * went: on the reference's side, or on the current one where it grew by more
 * than chance; and so is every value of a reference that has no more than n.
 * Quantiles that leave less than least_share of the reference between them and
 * such a value are left out, and so is what is not below the greatest value.
 * Writes edges, rising, to edges [5 n <= ML_SAMPLE_BINS] and returns their number,
 * one less than bins.
 */
extern size_t ml_quantile_borders(MlSample reference, MlSample current, size_t n, double least_share, double *edges);

/* Rows with edges[i - 1] < value <= edges[i]: counts [n_edges + 1]. */
extern void ml_count_up_to(MlSample sample, size_t n_edges, const double *edges, uint64_t *counts);

/*
 * Bins of equal width from low to high, as many as the rule of Sturges gives for
 * n values, or Doane's rule for the sample.  Writes bins + 1 edges to edges
 * [ML_SAMPLE_BINS + 1] and returns the number of bins, 0 if the ends are so far
 * apart that their distance is not a number.
 */
extern size_t ml_sturges_edges(double low, double high, double n, double *edges);
extern size_t ml_doane_edges(MlSample sample, double *edges);

/* Rows with edges[i] <= value < edges[i + 1], the last bin with its end: counts
 * [n_bins].  Values outside are not counted. */
extern void ml_count_within(MlSample sample, size_t n_bins, const double *edges, uint64_t *counts);

/* Counts of each distinct value of the two sides: reference and current have
 * room for all of them.  Returns their number. */
extern size_t ml_count_values(MlSample a, MlSample b, uint64_t *reference, uint64_t *current);

#endif							/* MLOPS_ENGINE_DRIFT_H */
