#!/usr/bin/env python3
"""Golden values of drift statistics.

    python3 test/golden/drift.py > test/unit/golden_drift.h

Tails, tests and distances by SciPy; what SciPy does not have (psi and its zero
fill, Hellinger, bias-corrected Cramer's V) is written out here with NumPy, from
the definitions.  The tests need no Python; made with SciPy 1.17.1, NumPy 2.4.
"""
import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

import number_bins

print("/* Made by test/golden/drift.py. */")


def table(name, fields, rows):
    print("static const struct { %s } golden_%s[] = {" % (fields, name))
    for row in rows:
        print("\t{%s}," % ", ".join("INFINITY" if v == np.inf else "NAN" if v != v else repr(float(v)) for v in row))
    print("};")


chi = []
for df in [1, 2, 3, 5, 10, 50, 255, 1000, 1e5, 1e6]:
    for q in [.001, .3, .7, .99, 1 - 1e-6]:
        x = stats.chi2.ppf(q, df)
        chi.append((x, df, stats.chi2.sf(x, df)))
    for x in [df * 2 + 30, df * 5 + 100]:
        chi.append((x, df, stats.chi2.sf(x, df)))
table("chi_square", "double x, degrees, p;", chi)

kolmogorov = []
for n in [1, 2, 3, 10, 50, 140, 141, 222, 1875, 5000, 99999, 100001, 1000000, 3000000]:
    for t in [.3, .5, .7, .9, 1.2, 1.36, 1.48, 1.5, 2, 3, 8]:
        if t / np.sqrt(n) < 1:
            kolmogorov.append((n, t / np.sqrt(n), stats.kstwo.sf(t / np.sqrt(n), n)))
    for d in [.5 / n, .7 / n, 1 / n, 1.5 / n, .5, .9, 1 - .5 / n]:
        kolmogorov.append((n, d, stats.kstwo.sf(d, n)))
table("kolmogorov", "double n, d, p;", kolmogorov)

rng = np.random.default_rng(1)
smirnov = []
for n, m in [(500, 400), (100, 100), (7, 5), (1000, 1000), (997, 1009), (5000, 3000), (10, 1), (1, 1)]:
    for shift in [0, .1, 1]:
        r = stats.ks_2samp(rng.normal(size=n), rng.normal(size=m) + shift, method="exact")
        smirnov.append((n, m, r.statistic, r.pvalue))
table("smirnov", "double n, m, d, p;", smirnov)


def filled(counts):
    p = counts / counts.sum()
    least = p[p > 0].min()
    p[p == 0] = least / 1e6 if least <= 1e-4 else 1e-4
    return p


def cramers_v(r, c):
    size = min(r.sum(), c.sum())
    both = np.array([np.rint(r * size / r.sum()), np.rint(c * size / c.sum())])
    both = both[:, both.sum(axis=0) > 0]
    n, k = both.sum(), both.shape[1]
    phi2 = max(0, stats.chi2_contingency(both, correction=False)[0] / n - (k - 1) / (n - 1))
    return np.sqrt(phi2 / min(k - (k - 1) ** 2 / (n - 1) - 1, 1 - 1 / (n - 1)))


k = np.arange(1, 1001)
m = np.arange(1, 801)
reference = np.bincount(k * k % 7, minlength=7)
current = np.bincount((m * m + (m % 3 == 0)) % 7, minlength=7)
pairs = [(reference, current),
         (np.array([10, 20, 30, 40]), np.array([12, 18, 33, 37])),
         (np.array([100000, 1, 0, 5]), np.array([9000, 0, 3, 900])),
         (np.array([437, 163]), np.array([273, 227])),
         (np.array([50, 50, 0, 0]), np.array([0, 0, 40, 60])),
         (np.array([5, 0, 7]), np.array([50, 0, 70])),
         (rng.integers(0, 1000, 64), rng.integers(0, 500, 64))]
print("#define MOST_BINS 64")
print("static const struct { size_t n; uint64_t reference[MOST_BINS], current[MOST_BINS]; double psi, kl, js, js2, hellinger, "
      "variation, infinity, goodness, goodness_p, contingency, contingency_p, yates, yates_p, v, ks; } golden_histograms[] = {")
for r, c in pairs:
    p, q = r / r.sum(), c / c.sum()
    some = (r + c) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        pf, qf = filled(r)[some], filled(c)[some]
        goodness = np.sum((c - r * c.sum() / r.sum())[some] ** 2 / (r * c.sum() / r.sum())[some])
    goodness_p = stats.chi2.sf(goodness, some.sum() - 1)
    if (r[some] > 0).all():
        assert np.allclose(stats.chisquare(c[some], r[some] * c.sum() / r.sum()), (goodness, goodness_p))
    plain = stats.chi2_contingency(np.array([r[some], c[some]]), correction=False)
    yates = stats.chi2_contingency(np.array([r[some], c[some]]), correction=True)
    numbers = (np.sum((pf - qf) * np.log(pf / qf)), stats.entropy(pf, qf), jensenshannon(p, q), jensenshannon(p, q, base=2),
               np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2), np.abs(p - q).sum() / 2, np.abs(p - q).max(),
               goodness, goodness_p, plain[0], plain[1], yates[0], yates[1], cramers_v(r, c),
               np.abs(np.cumsum(p) - np.cumsum(q)).max())
    print("\t{%d, {%s}, {%s}, %s}," % (len(r), ", ".join(map(str, r)), ", ".join(map(str, c)),
                                     ", ".join("INFINITY" if np.isinf(v) else repr(float(v)) for v in numbers)))
print("};")


def wave(n, f, k, add):
    i = np.arange(1, n + 1)
    return 10 * np.sin(f * i) + i % k + add


print("static const struct { int n; double f; int k; double add; int m; double g; int l; double more; double deviation, ks, ks_p, wasserstein; "
      "int doane; double doane_js; int sturges; double sturges_psi, deciles_psi; } golden_samples[] = {")
for a, b in [((500, 1, 7, 0), (400, 1.1, 5, 1)), ((5000, 1, 7, 0), (3000, 1.1, 5, 1)), ((3000, 1, 7, 0), (12000, 1, 7, 3)),
             ((30, 2, 3, 0), (20000, 1, 7, 0)), ((7, 1, 7, -50), (9, 1, 7, 50))]:
    r, c = wave(*a), wave(*b)
    ks = stats.ks_2samp(r, c)
    doane = np.histogram_bin_edges(r, bins="doane")
    sturges = np.histogram_bin_edges(np.concatenate([r, c]), bins="sturges")
    p, q = np.histogram(r, doane)[0], np.histogram(c, doane)[0]
    js = jensenshannon(np.append(p, 0), np.append(q, len(c) - q.sum()), base=2)
    pf, qf = filled(np.histogram(r, sturges)[0]), filled(np.histogram(c, sturges)[0])
    borders = number_bins.borders(r, c)
    d, e = (np.bincount(np.searchsorted(borders, x, "left"), minlength=len(borders) + 1) for x in (r, c))
    some = d + e > 0
    ds, es = (np.where(x[some] == 0, .5, x[some]) / x.sum() for x in (d, e))
    print("\t{%s}," % ", ".join(map(lambda v: repr(v if isinstance(v, int) else float(v)), (*a, *b, np.std(r), ks.statistic, ks.pvalue,
        stats.wasserstein_distance(r, c), len(doane) - 1, js, len(sturges) - 1, np.sum((pf - qf) * np.log(pf / qf)),
        np.sum((ds - es) * np.log(ds / es))))))
print("};")
