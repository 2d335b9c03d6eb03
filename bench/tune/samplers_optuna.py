"""Regret of Optuna's multivariate TPE on the functions of samplers.c.

samplers_optuna.py FUNCTION TRIALS SEEDS [TABLE]: one line a seed.
"""
import csv
import math
import sys
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def branin(t):
    x = t.suggest_float("x0", -5, 10)
    y = t.suggest_float("x1", 0, 15)
    pi = math.pi
    a = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6
    return a * a + 10 * (1 - 1 / (8 * pi)) * math.cos(x) + 10 - 0.39788735772973816


A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
     [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]


def hartmann6(t):
    x = [t.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    return 3.32236801141551 - sum(
        c * math.exp(-sum(a * (v - p / 10000) ** 2 for a, p, v in zip(A[i], P[i], x)))
        for i, c in enumerate([1, 1.2, 3, 3.2]))


def rosenbrock(t):
    x = [t.suggest_float(f"x{i}", -5, 10) for i in range(2)]
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def table(path):
    rows = list(csv.reader(open(path), delimiter="\t"))[1:]
    rows = [[float(v) for v in row] for row in rows]
    levels = [sorted(set(column)) for column in list(zip(*rows))[:-1]]
    value = {tuple(row[:-1]): row[-1] for row in rows}
    best = max(value.values())

    def objective(t):
        return best - value[tuple(l[t.suggest_int(f"x{i}", 0, len(l) - 1)] for i, l in enumerate(levels))]
    return objective


name, trials, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
objective = table(sys.argv[4]) if name == "table" else globals()[name]
for seed in range(seeds):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed))
    study.optimize(objective, n_trials=trials)
    print("%.9g" % study.best_value)
