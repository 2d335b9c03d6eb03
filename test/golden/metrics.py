#!/usr/bin/env python3
"""Golden metrics by scikit-learn and SciPy, as a C header on standard output.

    python3 test/golden/metrics.py > test/unit/golden_metrics.h
"""
import numpy as np
from scipy.stats import ks_2samp
from sklearn import metrics as m

rng = np.random.default_rng(7)


def cases():
    n = 400
    y = rng.random(n) < 0.2
    yield "distinct", y, rng.random(n) * 0.7 + 0.3 * y, None
    yield "ties", y, np.round(rng.random(n) * 0.6 + 0.3 * y, 1), None
    yield "weighted", y, np.round(rng.random(n) * 0.6 + 0.3 * y, 2), rng.integers(1, 9, n).astype(float)
    yield "all equal", y, np.full(n, 0.25), None
    yield "extreme", y, np.where(rng.random(n) < 0.1, 1.0 * (rng.random(n) < 0.5), rng.random(n)), None
    yield "rare", np.arange(1000) % 333 == 0, rng.random(1000), None


print("/* Made by test/golden/metrics.py with scikit-learn and SciPy; do not edit. */")
rows = []
for name, y, p, w in cases():
    y = y.astype(int)
    ident = name.replace(" ", "_")
    for what, values in (("label", y), ("weight", w if w is not None else [])):
        print(f"static const float {ident}_{what}[] = {{{', '.join(f'{v:.1f}f' for v in values) or '0'}}};")
    print(f"static const double {ident}_score[] = {{{', '.join(repr(float(v)) for v in p)}}};")
    t = 0.5
    flag = p >= t
    eps = np.finfo(float).eps
    q = np.clip(p, eps, 1 - eps)
    values = [
        m.roc_auc_score(y, p, sample_weight=w), m.average_precision_score(y, p, sample_weight=w),
        m.log_loss(y, q, sample_weight=w), m.brier_score_loss(y, p, sample_weight=w),
        ks_2samp(p[y == 1], p[y == 0]).statistic if w is None else float("nan"),
        m.accuracy_score(y, flag, sample_weight=w),
        m.precision_score(y, flag, sample_weight=w, zero_division=0),
        m.recall_score(y, flag, sample_weight=w), m.f1_score(y, flag, sample_weight=w, zero_division=0),
        m.matthews_corrcoef(y, flag, sample_weight=w),
    ]
    rows.append((name, ident, len(y), w is not None, values))
print("""
typedef struct GoldenCase
{
	const char *name;
	size_t		n;
	const float *label;
	const double *score;
	const float *weight;
	/* roc_auc pr_auc log_loss brier ks accuracy precision recall f1 mcc at 0.5 */
	double		value[10];
} GoldenCase;

static const GoldenCase golden[] = {""")
for name, ident, n, weighted, values in rows:
    text = ", ".join("NAN" if v != v else repr(float(v)) for v in values)
    print(f'\t{{"{name}", {n}, {ident}_label, {ident}_score, {ident + "_weight" if weighted else "NULL"},\n\t{{{text}}}}},')
print("};")
