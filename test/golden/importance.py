#!/usr/bin/env python3
"""Golden values of mlops.tuning_importance, for test/pgtap/tuning.sql.

    pip install numpy scipy
    python3 test/golden/importance.py > test/pgtap/golden_importance.psql

Trials of random parameters, of which some exist only under a condition, and some
repeat.  A parameter's share is omega squared, here from SciPy's F statistic of
the groups: (k - 1)(F - 1) / ((k - 1)(F - 1) + n).  Groups are the values; more
than 8 different numbers are put in order and cut at equal counts, equal ones
staying together; trials without the parameter are a group of their own.
"""
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20260201)


def draw(n):
    for i in range(n):
        params = {
            "algorithm": str(rng.choice(["trees", "linear"])),
            "learning_rate": round(float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))), 5),
            "max_depth": int(rng.integers(2, 8)),
            "balanced": bool(rng.random() < 0.5),
            "subsample": round(float(rng.uniform(0.5, 1)), 2),
        }
        if params["algorithm"] == "linear":
            del params["max_depth"]
            params["penalty"] = str(rng.choice(["l1", "l2"]))
        value = (0.6 + 0.05 * np.log10(params["learning_rate"]) + 0.1 * (params["algorithm"] == "trees")
                 - 0.02 * abs(params.get("max_depth", 5) - 5) + 0.03 * rng.standard_normal())
        yield params, round(float(value), 6)


def groups(settings):
    """The group of each trial's setting, None: it has none."""
    numbers = sorted(s for s in settings if isinstance(s, (int, float)) and not isinstance(s, bool))
    if len(set(numbers)) <= 8:
        return [json.dumps(s) for s in settings]
    n_groups = min(8, max(1, len(numbers) // 4))
    return [None if s is None else numbers.index(s) * n_groups // len(numbers) for s in settings]


def share(settings, values):
    by_group = {}
    for group, value in zip(groups(settings), values):
        by_group.setdefault(group, []).append(value)
    k = len(by_group)
    if len(values) < 8 or len(values) <= k:
        return "NULL", k    # too few to tell
    f = stats.f_oneway(*by_group.values()).statistic
    return repr(float(max(0.0, (k - 1) * (f - 1) / ((k - 1) * (f - 1) + len(values))))), k


print("-- Made by test/golden/importance.py: SciPy's F statistics.")
print("CREATE TEMP TABLE golden_trial (study int, number int, params jsonb, value float8);")
print("CREATE TEMP TABLE golden_importance (study int, parameter text, share float8, groups int);")
for study, n in enumerate((7, 8, 23, 60, 200)):
    trials = list(draw(n))
    values = [v for _, v in trials]
    print("INSERT INTO golden_trial VALUES\n" + ",\n".join(
        f"({study}, {i}, '{json.dumps(p)}', {v!r})" for i, (p, v) in enumerate(trials)) + ";")
    rows = []
    for name in sorted({k for p, _ in trials for k in p}):
        omega, k = share([p.get(name) for p, _ in trials], values)
        rows.append(f"({study}, '{name}', {omega}, {k})")
    print("INSERT INTO golden_importance VALUES\n" + ",\n".join(rows) + ";")
