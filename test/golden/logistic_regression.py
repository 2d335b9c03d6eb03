#!/usr/bin/env python3
"""Coefficients and standard errors by scikit-learn and NumPy for test/pgtap/logistic_regression.sql.

    python3 test/golden/logistic_regression.py    prints rows of the golden table

The data are the rows i = 1 .. 5000 of that test, computed here by the same formulas; rows with i % 5 = 0 are the test set.
"""
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
