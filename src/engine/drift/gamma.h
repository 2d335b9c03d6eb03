/*
 * gamma.h
 *	  Parts of densities whose logarithms cancel (private to drift).
 */
#ifndef MLOPS_ENGINE_DRIFT_GAMMA_H
#define MLOPS_ENGINE_DRIFT_GAMMA_H

/* ln Gamma(a + 1) less Stirling's (a + 1/2) ln a - a + ln sqrt(2 pi); a > 0. */
extern double ml_stirling_error(double a);

/* x ln(x / mean) + mean - x without cancellation; x >= 0, mean > 0. */
extern double ml_deviance(double x, double mean);

/* mean^a exp(-mean) / Gamma(a + 1); a, mean > 0. */
extern double ml_poisson_density(double a, double mean);

/* C(n, k) p^k (1 - p)^(n - k); 0 <= k <= n, 0 < p < 1. */
extern double ml_binomial_density(double k, double n, double p);

#endif							/* MLOPS_ENGINE_DRIFT_GAMMA_H */
