#!/usr/bin/env python3
"""Coefficients and standard errors by scikit-learn and NumPy for test/pgtap/logistic_regression.sql.

    python3 test/golden/logistic_regression.py    prints rows of the golden tables

The data are the rows i = 1 .. 5000 of that test, computed here by the same formulas; rows with i % 5 = 0 are the test set.
The second table is of columns with levels (a category with missing values, an hour, a weekday): under an L2 penalty each
level has a column of its own, the missing one too, without one the most frequent level has none.
"""
import datetime
import warnings
import numpy as np
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
i = np.arange(1, 5001)
i = i[i % 5 != 0]
a = (i * 7919 % 10007) / 100.0
b = (i * 104729 % 1009).astype(float)
y = ((i * 7919 % 10007 > 7000) & (i * 31 % 4 < 2)) | (i % 23 == 0)
X = np.column_stack([a, b])
Z = (X - X.mean(0)) / X.std(0)
for name, args, c, l2 in [
    ('{"C": 1}', {"penalty": "l2", "C": 1.0}, 1.0, 1.0),
    ('{"C": 0.001}', {"penalty": "l2", "C": 0.001}, 0.001, 1.0),
    ('{"penalty": "none"}', {"penalty": None}, 1.0, 0.0),
    ('{"C": 1, "solver": "lbfgs", "tol": 1e-12, "max_iter": 1000}', {"penalty": "l2", "C": 1.0}, 1.0, None),
    ('{"penalty": "l1", "C": 0.01, "tol": 1e-12}', {"penalty": "l1", "C": 0.01, "solver": "saga"}, 0.01, None),
    ('{"penalty": "elasticnet", "C": 0.01, "l1_ratio": 0.4, "tol": 1e-12}',
     {"penalty": "elasticnet", "C": 0.01, "l1_ratio": 0.4, "solver": "saga"}, 0.01, None),
]:
    m = LogisticRegression(tol=1e-12, max_iter=100000, **args).fit(Z, y)
    w = np.append(m.coef_[0], m.intercept_)
    p = m.predict_proba(Z)[:, 1]
    D = np.column_stack([Z, np.ones(len(Z))])
    if l2 is None:
        se = ["NULL"] * 3
    else:
        H = D.T @ (D * (p * (1 - p))[:, None]) + l2 / c * np.diag([1, 1, 0])
        se = [repr(float(v)) for v in np.sqrt(np.diag(np.linalg.inv(H)))]
    print(f"\t('{name}', {', '.join(repr(float(v)) for v in w)}, {', '.join(se)}),")

# ---- levels
print()
kind = np.array([None if k % 13 == 0 else "abcdefg"[(k * k * 17 % 101) % 7] for k in i], dtype=object)
moments = [datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=int(k * 7927 % 30011)) for k in i]
columns = {"kind": kind, "ts.hour": np.array([m.hour for m in moments]),
           "ts.weekday": np.array([(m.weekday() + 1) % 7 for m in moments])}
seconds = np.array([(m - datetime.datetime(1970, 1, 1)).total_seconds() for m in moments])
y = (i * 7919 % 10007 > 7000) & (kind != "c") | (columns["ts.hour"] == 3) & (i % 3 != 0) | (i % 29 == 0) & (kind == None)  # noqa: E711


def levels_of(column):
    return sorted({v for v in column if v is not None}) + ([None] if any(v is None for v in column) else [])


def most_frequent(column):
    return max(levels_of(column), key=lambda v: sum(column == v))


for name, args, c, l2 in [
    ('{"C": 1, "tol": 1e-12}', {"penalty": "l2", "C": 1.0}, 1.0, 1.0),
    ('{"C": 0.01, "tol": 1e-12}', {"penalty": "l2", "C": 0.01}, 0.01, 1.0),
    ('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', {"penalty": "l2", "C": 0.5}, 0.5, None),
    ('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}',
     {"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "solver": "saga"}, 0.05, None),
    ('{"penalty": "none", "tol": 1e-12}', {"penalty": None, "solver": "newton-cholesky"}, 1.0, 0.0),
]:
    terms = [(f, v) for f, column in columns.items() for v in levels_of(column)
             if l2 != 0 or v != most_frequent(column)]
    D = np.column_stack([columns[f] == v for f, v in terms] + [(seconds - seconds.mean()) / seconds.std()]).astype(float)
    m = LogisticRegression(tol=1e-12, max_iter=100000, **args).fit(D, y)
    w = np.append(m.coef_[0], m.intercept_)
    se = [None] * len(w)
    if l2 is not None:
        p = m.predict_proba(D)[:, 1]
        D1 = np.column_stack([D, np.ones(len(D))])
        H = D1.T @ (D1 * (p * (1 - p))[:, None]) + l2 / c * np.diag([1] * D.shape[1] + [0])
        se = np.sqrt(np.diag(np.linalg.inv(H)))
    for (f, v), a, b in zip(terms + [("ts.seconds", ""), ("(intercept)", "")], w, se):
        level = "(missing)" if v is None else v
        print(f"\t('{name}', '{f}', '{level}', {float(a)!r}, {'NULL' if b is None else repr(float(b))}),")
