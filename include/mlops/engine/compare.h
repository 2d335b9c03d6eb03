/*-------------------------------------------------------------------------
 * compare.h
 *	  Comparing variants by proportions: a test at a planned end, one that may
 *	  be looked at as often as one likes, and Thompson sampling.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_COMPARE_H
#define MLOPS_ENGINE_COMPARE_H

#include "mlops/engine/base.h"

/* Successes of trials; 0 <= successes <= trials. */
typedef struct MlProportion
{
	uint64_t	trials;
	uint64_t	successes;
} MlProportion;

/* How b differs from a.  What is not defined (no trials, no variance) is NaN. */
typedef struct MlProportionTest
{
	double		difference;		/* rate of b - rate of a */
	double		lower;			/* 95 % confidence interval of it (Wald) */
	double		upper;
	double		z;				/* with the pooled standard error */
	double		p_value;		/* two-sided */
} MlProportionTest;

/* The two-proportion z test, for one look at a number of trials fixed before. */
extern void ml_two_proportions(MlProportion a, MlProportion b, MlProportionTest *test);

/*
 * An always-valid p-value of "the rates are equal": a test that rejects at the
 * first look where it is below alpha errs with probability alpha at most,
 * however often and whenever one looks.  It is the mixture sequential
 * probability ratio test of Johari, Koomen, Pekelis and Walsh ("Peeking at A/B
 * tests", KDD 2017; "Always valid inference", Operations Research 70(3), 2022)
 * on the normal approximation of the difference, mixed over N(0, effect^2).
 *
 * effect > 0 is the size of difference that one hopes to find; it decides how
 * soon, not whether, a difference is found.  The variance is that of the pooled
 * rate, or of the nearest one with which the smaller variant has
 * ML_SEQUENTIAL_MINIMUM expected successes and failures.  Above 0, at most 1; it
 * is of these counts alone, so that it may rise again: a test's p-value so far is
 * the lowest that was seen.  NaN for an effect that is not above 0.
 */
#define ML_SEQUENTIAL_MINIMUM 5.0
extern double ml_sequential_p_value(MlProportion a, MlProportion b, double effect);

/*
 * A draw from the Beta distribution (alpha, beta > 0) by two Gamma draws
 * (Marsaglia and Tsang, "A simple method for generating gamma variables", ACM
 * TOMS 26(3), 2000).  Depends on seed, stream and draw alone.
 */
extern double ml_beta_draw(uint64_t seed, uint64_t stream, uint32_t draw,
						   double alpha, double beta);

/*
 * Thompson sampling as shares of traffic: the share of draws (from each
 * variant's Beta(1 + successes, 1 + failures) posterior) in which a variant is
 * the best one; with more_is_better false, the lowest.  No share is below floor
 * (n * floor <= 1).  share [n] adds up to 1.
 */
extern void ml_thompson_shares(size_t n, const MlProportion *variants, bool more_is_better,
							   double floor, uint32_t draws, uint64_t seed, double *share);

#endif							/* MLOPS_ENGINE_COMPARE_H */
