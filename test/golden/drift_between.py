#!/usr/bin/env python3
"""Golden values of mlops.drift_between.

    python3 test/golden/drift_between.py > test/pgtap/golden_drift.psql

Samples that SQL can make too (see test/pgtap/drift_between.sql), compared as
Evidently 0.7 and NannyML 0.13 document and do it: by SciPy and NumPy, from the
definitions.  Where Evidently is installed, its own statistics are asserted to be
the same.  The tests need no Python; made with SciPy 1.17.1, NumPy 2.4,
Evidently 0.7.23.
"""
import warnings

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import jensenshannon

import number_bins

warnings.filterwarnings("ignore")
try:
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType
except ImportError:
    get_stattest = None

rows = []


def put(pair, mode, test, statistic, p=None, threshold=None):
    def text(v):
        return "NULL" if v is None or np.isnan(v) else "'Infinity'" if np.isinf(v) else repr(float(v))
    rows.append("('%s', '%s', '%s', %s::float8, %s::float8, %s::float8)" % (pair, mode, test, text(statistic), text(p), text(threshold)))


def evidently_is(name, r, c, kind, value):
    if get_stattest is None:
        return
    test = get_stattest(pd.Series(r), pd.Series(c), getattr(ColumnType, kind), name)
    assert np.isclose(test(pd.Series(r), pd.Series(c), getattr(ColumnType, kind), None).drift_score, value, atol=1e-12), (name, value)


def evidently_chooses(r, c, kind):
    return None if get_stattest is None else get_stattest(pd.Series(r), pd.Series(c), getattr(ColumnType, kind), None).name


def filled(p):
    p = p.copy()
    least = p[p > 0].min()
    p[p == 0] = least / 1e6 if least <= 1e-4 else 1e-4
    return p


def shares(x, edges):
    return np.histogram(x, edges)[0] / len(x)


def shares_and_rest(x, edges):
    n = np.histogram(x, edges)[0]
    return np.append(n, len(x) - n.sum()) / len(x)


def chunked(x, statistic):
    size = len(x) // 10
    values = [statistic(x[i:i + size]) for i in range(0, len(x), size)]
    return np.mean(values) + 3 * np.std(values)


def numbers(pair, r, c):
    edges = np.histogram_bin_edges(np.concatenate([r, c]), bins="sturges")
    p, q = (shares(r, edges), shares(c, edges)) if len(np.unique(r)) > 20 else by_value(r, c)
    pf, qf = filled(p), filled(q)
    psi = np.sum((pf - qf) * np.log(pf / qf))
    keys = np.unique(np.concatenate([r, c]))
    key_edges = np.histogram_bin_edges(keys, bins="sturges")
    h = np.sqrt(max(0, 1 - np.sum(np.sqrt(shares(r, key_edges) * shares(c, key_edges)))))
    ks = stats.ks_2samp(r, c)
    w = stats.wasserstein_distance(r, c)
    put(pair, "evidently", "psi", psi, threshold=.1)
    put(pair, "evidently", "kl", stats.entropy(pf, qf), threshold=.1)
    put(pair, "evidently", "jensen_shannon", jensenshannon(p, q), threshold=.1)
    put(pair, "evidently", "hellinger", h, threshold=.1)
    put(pair, "evidently", "ks", ks.statistic, ks.pvalue, .05)
    put(pair, "evidently", "wasserstein", w / max(np.std(r), .001), threshold=.1)
    for name, value in [("psi", psi), ("kl_div", stats.entropy(pf, qf)), ("jensenshannon", jensenshannon(p, q)),
                        ("hellinger", h), ("ks", ks.pvalue), ("wasserstein", w / max(np.std(r), .001))]:
        evidently_is(name, r, c, "Numerical", value)

    doane = np.histogram_bin_edges(r, bins="doane")

    def js(x):
        return jensenshannon(shares_and_rest(r, doane), shares_and_rest(x, doane), base=2)

    def hellinger(x):
        return np.sqrt(np.sum((np.sqrt(shares_and_rest(r, doane)) - np.sqrt(shares_and_rest(x, doane))) ** 2) / 2)

    for name, f in [("jensen_shannon", js), ("hellinger", hellinger), ("ks", lambda x: stats.ks_2samp(r, x).statistic),
                    ("wasserstein", lambda x: stats.wasserstein_distance(r, x))]:
        put(pair, "nannyml", name, f(c), threshold=chunked(r, f))

    borders = number_bins.borders(r, c)
    p, q = (np.bincount(np.searchsorted(borders, x, "left"), minlength=len(borders) + 1) for x in (r, c))
    for outside, bin in [(np.sum(c < r.min()), 0), (np.sum(c > r.max()), len(q) - 1)]:
        # bins of their own unless chance makes the most extreme of both sides current ones
        if np.prod((len(c) - np.arange(outside)) / (len(r) + len(c) - np.arange(outside))) < .001:
            q[bin] -= outside
            p, q = np.append(p, 0), np.append(q, outside)
    some = p + q > 0
    chi2 = stats.chi2_contingency([p[some], q[some]], correction=False)
    ps, qs = (np.where(x[some] == 0, .5, x[some]) / x.sum() for x in (p, q))
    put(pair, "mlops", "psi", np.sum((ps - qs) * np.log(ps / qs)), chi2[1], .2)
    put(pair, "mlops", "jensen_shannon", jensenshannon(p, q, base=2), chi2[1], .1)
    put(pair, "mlops", "total_variation", np.abs(p / p.sum() - q / q.sum()).sum() / 2, chi2[1], .1)
    put(pair, "mlops", "ks", ks.statistic, ks.pvalue, .1)
    put(pair, "mlops", "wasserstein", w / np.std(r) if w > 0 else 0, ks.pvalue, .1)


def by_value(r, c):
    keys = np.unique(np.concatenate([r, c]))
    return np.array([np.mean(r == k) for k in keys]), np.array([np.mean(c == k) for k in keys])


def categories(pair, r, c):
    keys = np.unique(np.concatenate([r, c]))
    rn, cn = np.array([np.sum(r == k) for k in keys]), np.array([np.sum(c == k) for k in keys])
    p, q = rn / rn.sum(), cn / cn.sum()
    pf, qf = filled(p), filled(q)
    put(pair, "evidently", "psi", np.sum((pf - qf) * np.log(pf / qf)), threshold=.1)
    put(pair, "evidently", "jensen_shannon", jensenshannon(p, q), threshold=.1)
    put(pair, "evidently", "hellinger", np.sqrt(1 - np.sum(np.sqrt(p * q))), threshold=.1)
    with np.errstate(divide="ignore"):
        chi2 = np.sum((cn - p * cn.sum()) ** 2 / (p * cn.sum()))
    put(pair, "evidently", "chi_square", chi2, stats.chi2.sf(chi2, len(keys) - 1), .05)
    first = keys[0]
    x, y, n, m = np.sum(r != first), np.sum(c != first), len(r), len(c)
    pooled = (x + y) / (n + m)
    z = (x / n - y / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    put(pair, "evidently", "z", z, 2 * stats.norm.sf(abs(z)), .05)
    for name, value in [("psi", np.sum((pf - qf) * np.log(pf / qf))), ("jensenshannon", jensenshannon(p, q)),
                        ("hellinger", np.sqrt(1 - np.sum(np.sqrt(p * q)))), ("z", 2 * stats.norm.sf(abs(z)))]:
        evidently_is(name, r, c, "Categorical", value)
    known = rn > 0

    def rest(x):
        s = np.array([np.mean(x == k) for k in keys])
        return np.append(s[known], s[~known].sum())

    for name, f in [("jensen_shannon", lambda x: jensenshannon(rest(r), rest(x), base=2)),
                    ("hellinger", lambda x: np.sqrt(np.sum((np.sqrt(rest(r)) - np.sqrt(rest(x))) ** 2) / 2)),
                    ("l_infinity", lambda x: np.abs(p - [np.mean(x == k) for k in keys]).max())]:
        put(pair, "nannyml", name, f(c), threshold=chunked(r, f))
    table = stats.chi2_contingency([rn, cn])
    put(pair, "nannyml", "chi_square", table[0], table[1], .05)
    put(pair, "nannyml", "unseen", 1 - np.isin(c, r).mean(), threshold=0)


def wave(n, f, k, add):
    i = np.arange(1, n + 1)
    return 10 * np.sin(f * i) + i % k + add


i = np.arange(1, 1001)
j = np.arange(1, 801)
numbers("small", wave(500, 1, 7, 0), wave(400, 1.1, 5, 1))
numbers("large", wave(5000, 1, 7, 0), wave(3000, 1.1, 5, 1))
numbers("shifted", wave(3000, 1, 7, 0), wave(12000, 1, 7, 3))
# spikes that go, that come, and that are two of many values
g = np.arange(1, 20001)
h = np.arange(1, 5001)
numbers("gone", np.where(g % 10 < 9, 100, g // 10 % 200).astype(float), np.where(h % 20 == 0, 100 + h // 20 % 100, h // 10 % 100).astype(float))
numbers("come", np.where(h % 20 == 0, 100 + h // 20 % 100, h // 10 % 100).astype(float), np.where(g % 10 < 9, 77, g // 10 % 200).astype(float))
numbers("within", wave(5000, 1, 7, 0), np.where(h[:4000] % 8 == 0, 3.25, wave(4000, 1.1, 7, 0)))
numbers("two_spikes", np.where(g % 5 < 2, 10, np.where(g % 5 == 2, 11, g % 1000 / 40)), np.where(h % 5 < 2, 10.5, np.where(h % 5 == 2, 11, h % 1000 / 40)))
numbers("few", (i * i % 11).astype(float), (j * j % 13).astype(float))
categories("category", (i * i % 7).astype(str), ((j * j + (j % 3 == 0)) % 7).astype(str))
categories("two", np.where(i[:600] ** 2 % 11 < 3, "yes", "no"), np.where(i[:500] ** 2 % 11 < 4, "yes", "no"))
print("-- Made by test/golden/drift_between.py.")
print("CREATE TEMP TABLE golden AS SELECT * FROM (VALUES\n" + ",\n".join(rows) + "\n) AS g(pair, mode, test, statistic, p_value, threshold);")
