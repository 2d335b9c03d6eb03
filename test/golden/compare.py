#!/usr/bin/env python3
"""Golden values of tests of two proportions and of Beta posteriors.

    python3 test/golden/compare.py > test/unit/golden_compare.h

z test and confidence interval by statsmodels; the sequential p-value by
integrating the mixture likelihood ratio numerically; the probability that one
Beta variable exceeds another by integrating its density times the other's
distribution function; quantiles of Beta by SciPy.  The tests need no Python; made
with statsmodels 0.15.0 and SciPy 1.17.1.
"""
import warnings

import numpy as np
from scipy import integrate, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

warnings.filterwarnings("ignore")


def sequential(n1, x1, n2, x2, effect):
    p = (x1 + x2) / (n1 + n2)
    sd = np.sqrt(p * (1 - p) * (1 / n1 + 1 / n2))
    d = x2 / n2 - x1 / n1
    ratio = integrate.quad(
        lambda t: stats.norm.pdf(d, t, sd) * stats.norm.pdf(t, 0, effect),
        -40 * effect, 40 * effect, points=[0, d], epsabs=0, epsrel=1e-12, limit=500)[0] / stats.norm.pdf(d, 0, sd)
    return min(1, 1 / ratio)


print("/* Made by test/golden/compare.py. */")
print("static const struct { uint64_t n1, x1, n2, x2; double effect, difference, lower, upper, z, p_value, sequential; } golden_tests[] = {")
for n1, x1, n2, x2, effect in [
    (1000, 100, 1000, 130, 0.02), (1000, 100, 1000, 100, 0.02), (500, 20, 9500, 412, 0.01), (90000, 450, 10000, 62, 0.001),
    (200, 180, 210, 170, 0.05), (50, 25, 60, 18, 0.1), (1000000, 10000, 1000000, 10400, 0.0005), (40, 8, 37, 15, 0.2),
]:
    z, p = proportions_ztest([x2, x1], [n2, n1])
    low, high = confint_proportions_2indep(x2, n2, x1, n1, method="wald", compare="diff")
    print("\t{%d, %d, %d, %d, %.17g, %.17g, %.17g, %.17g, %.17g, %.17g, %.17g}," %
          (n1, x1, n2, x2, effect, x2 / n2 - x1 / n1, low, high, z, p, sequential(n1, x1, n2, x2, effect)))
print("};")

print("static const struct { double alpha, beta, quantile[9]; } golden_beta[] = {")
for a, b in [(1, 1), (0.5, 0.5), (2, 5), (31, 1), (120, 2400), (5000, 5000), (0.1, 3)]:
    print("\t{%.17g, %.17g, {%s}}," % (a, b, ", ".join("%.17g" % q for q in stats.beta.ppf(np.arange(1, 10) / 10, a, b))))
print("};")

print("static const struct { uint64_t n1, x1, n2, x2; double second_is_better; } golden_thompson[] = {")
for n1, x1, n2, x2 in [(100, 10, 100, 10), (100, 10, 100, 15), (1000, 100, 50, 9), (0, 0, 10, 9), (20, 0, 30, 1)]:
    first, second = stats.beta(1 + x1, 1 + n1 - x1), stats.beta(1 + x2, 1 + n2 - x2)
    p = integrate.quad(lambda t: second.pdf(t) * first.cdf(t), 0, 1, epsabs=1e-10, limit=500, points=[second.mean()])[0]
    print("\t{%d, %d, %d, %d, %.17g}," % (n1, x1, n2, x2, p))
print("};")
