#!/usr/bin/env python3
"""Golden values of drift of categories with many levels.

    python3 test/golden/categories.py

prints the statistics over all levels apart, by SciPy, that
test/pgtap/drift_categories.sql expects.  Its output is kept beside it in
categories.txt; the tests need no Python.  Made with SciPy 1.17.1, NumPy 2.4.
"""
import numpy as np
from scipy.spatial.distance import jensenshannon


def shares(values, levels):
    counts = np.array([np.sum(values == level) for level in levels], float)
    return counts / counts.sum()


def show(name, reference, current):
    levels = np.unique(np.concatenate([reference, current]))
    r, c = shares(reference, levels), shares(current, levels)
    print(f"{name}: total variation {np.abs(r - c).sum() / 2:.10f}, Jensen-Shannon {jensenshannon(r, c, base=2):.10f}")


g = np.arange(1, 20001)
show("all in one of 150", g[:15000] % 150, np.full(5000, 1))
show("all in one of 101", g[:15150] % 101, np.full(5000, 1))
show("all in one of 5000", g % 5000, np.full(5000, 1))
tail = np.where(g % 10 < 6, 1000 + g % 3, g * 7919 % 377)
show("the tail in one of 377", tail, np.where(g[:5000] % 10 < 6, 1000 + g[:5000] % 3, 5))
show("half of 1000 levels", g * 7919 % 1000, g[:2000] * 7919 % 500)
show("half of 1000 levels, the other way round", g[:2000] * 7919 % 500, g * 7919 % 1000)
show("a fifth of the rows in 50 others of 400", g % 400, np.where(g[:8000] % 5 == 0, g[:8000] % 50, g[:8000] % 400))
