#!/usr/bin/env python3
"""Golden values of the metrics, computed with scikit-learn and SciPy.

    python3 test/golden/metrics.py

writes test/unit/golden_metrics.h (for test_eval.c) and test/golden/metrics.sql (for
test/sql/metrics.sql).  Both are committed: the tests need no Python.  Made with
scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6, statsmodels 0.15.0.
"""

import os
import warnings
from fractions import Fraction

import numpy as np
from scipy.stats import ks_2samp, norm
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

warnings.simplefilter("ignore")     # undefined metrics are among the cases
HERE = os.path.dirname(os.path.abspath(__file__))
NAN = float("nan")
random = np.random.default_rng(20250101)


# ---------------------------------------------------------------- cases

def beta_scores(labels):
    """Probabilities that know something about the labels."""
    return np.where(labels == 1, random.beta(3, 2, len(labels)), random.beta(2, 4, len(labels)))


def make_cases():
    """(name, labels, scores, weights or None); weights are float32 in the engine."""
    some = (random.random(120) < 0.3).astype(int)
    rare = np.zeros(500, int)
    rare[[17, 210, 433]] = 1
    half = np.array([1, 0, 0, 1, 1, 0, 1, 0, 1, 0])
    extreme = [0.0, 1.0, 5e-324, 1e-300, 1e-17, 2.0 ** -53, 1 - 2.0 ** -53, 1 - 2.0 ** -52, 0.5, 0.5]
    margins = [-1.7e308, 1.7e308, -5e-324, 0.0, -0.0, 5e-324, 1e-5, -1e-5, 3.0, 3.0]
    few = np.array([0.1, 0.7, 0.7, 0.2])
    weights = np.float64(np.float32(random.integers(0, 5, 120) * random.choice([0.25, 1.0, 3.7], 120)))
    scores = beta_scores(some)
    return [
        ("random", some, scores, None),
        ("ties", some, np.round(scores, 1), None),
        ("weighted", some, scores, weights),
        ("weighted_ties", some, np.round(scores, 1), weights),
        ("rare", rare, np.float64(np.float32(beta_scores(rare))), None),
        ("all_equal", half, np.full(10, 0.25), None),
        ("perfect", half, np.where(half == 1, 0.9, 0.1), None),
        ("inverted", half, np.where(half == 1, 0.1, 0.9), None),
        ("extreme", half, np.array(extreme), None),
        ("margins", half, np.array(margins), None),
        ("only_negatives", np.zeros(4, int), few, None),
        ("only_positives", np.ones(4, int), few, None),
        ("one_row", np.array([1]), np.array([0.5]), None),
    ]


# ---------------------------------------------------------------- metrics

def is_mixed(y):
    return 0 < y.sum() < len(y)


def ks_statistic(y, s, w):
    if not is_mixed(y):
        return NAN
    if w is None:
        return ks_2samp(s[y == 1], s[y == 0]).statistic
    fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    return np.abs(tpr - fpr).max()


def recall_at_fpr(y, s, w, most=0.05):
    if not is_mixed(y):
        return NAN
    fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    return tpr[fpr <= most].max()


def metrics_of_rows(y, s, w):
    is_probability = s.min() >= 0 and s.max() <= 1
    return {
        "roc_auc": sk.roc_auc_score(y, s, sample_weight=w) if is_mixed(y) else NAN,
        "pr_auc": sk.average_precision_score(y, s, sample_weight=w) if y.sum() > 0 else NAN,
        "ks": ks_statistic(y, s, w),
        "log_loss": sk.log_loss(y, s, sample_weight=w, labels=[0, 1]) if is_probability else NAN,
        "brier": sk.brier_score_loss(y, s, sample_weight=w, labels=[0, 1], pos_label=1) if is_probability else NAN,
    }


def confusion(y, flagged, w):
    """True positives, false positives, true negatives, false negatives."""
    w = np.ones(len(y)) if w is None else w
    return [float(w[(flagged == f) & (y == c)].sum()) for c, f in ((1, 1), (0, 1), (0, 0), (1, 0))]


def metrics_at(y, flagged, w):
    tp, fp, tn, fn = confusion(y, flagged, w)
    return [
        sk.accuracy_score(y, flagged, sample_weight=w),
        sk.precision_score(y, flagged, sample_weight=w, zero_division=NAN),
        sk.recall_score(y, flagged, sample_weight=w, zero_division=NAN),
        sk.f1_score(y, flagged, sample_weight=w, zero_division=NAN),
        sk.matthews_corrcoef(y, flagged, sample_weight=w) if min(tp + fp, tp + fn, tn + fp, tn + fn) > 0 else NAN,
        fp / (fp + tn) if fp + tn > 0 else NAN,
        (tp + fp) / (tp + fp + tn + fn),
    ]


def precision_at(y, s, k):
    """Exact, in fractions: ties at the border are taken in equal shares."""
    taken, positives = Fraction(0), Fraction(0)
    for score in sorted(set(s), reverse=True):
        group = y[s == score]
        share = min(Fraction(1), (k - taken) / len(group))
        positives += share * int(group.sum())
        taken += share * len(group)
    return float(positives / taken)


# ---------------------------------------------------------------- intervals

def wilson(part, whole):
    return proportion_confint(part, whole, method="wilson") if whole > 0 else (NAN, NAN)


def delong(y, s):
    """The article's formulas as they stand: every positive against every negative."""
    positives, negatives = s[y == 1], s[y == 0]
    if min(len(positives), len(negatives)) < 2:
        return NAN, NAN
    psi = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    variance = psi.mean(1).var(ddof=1) / len(positives) + psi.mean(0).var(ddof=1) / len(negatives)
    half = norm.ppf(0.975) * np.sqrt(variance)
    return max(psi.mean() - half, 0), min(psi.mean() + half, 1)


def bootstrap(y, s, replicates=5000):
    """Rows drawn with replacement; replicates without a positive are left out."""
    draws = np.random.default_rng(1).multinomial(len(y), np.full(len(y), 1 / len(y)), replicates)
    found = [sk.average_precision_score(y, s, sample_weight=d) for d in draws if d[y == 1].sum() > 0]
    return np.quantile(found, [0.025, 0.975]) if found else (NAN, NAN)


def intervals(y, s):
    """Of precision, recall and false positive rate at 0.5, then of both areas."""
    tp, fp, tn, fn = confusion(y, s >= 0.5, None)
    return [*wilson(tp, tp + fp), *wilson(tp, tp + fn), *wilson(fp, fp + tn), *delong(y, s), *bootstrap(y, s)]


# ---------------------------------------------------------------- thresholds

POLICIES = ([("MAX", objective, 0) for objective in ("F1", "MCC", "YOUDEN", "ACCURACY")]
            + [("MIN_PRECISION", "F1", v) for v in (0.5, 0.9, 1)]
            + [("MIN_RECALL", "F1", v) for v in (0.3, 0.8, 1)]
            + [("ALERT_RATE", "F1", v) for v in (0, 0.05, 0.4)]
            + [("MAX_FPR", "F1", v) for v in (0, 0.05, 0.4)]
            + [("COST", "F1", v) for v in (1, 20)])     # a miss costs v, an alert 1


def choose(kind, objective, value, y, s, w):
    """Every candidate by brute force, highest first: (threshold, reached)"""
    best = nearest = None
    distinct = sorted(set(s), reverse=True)
    for t in [np.nextafter(distinct[0], np.inf)] + distinct:
        flagged = (s >= t).astype(int)
        # what is not defined is no reason to choose a threshold
        accuracy, precision, recall, f1, mcc, fpr, alert_rate = (0 if v != v else v for v in metrics_at(y, flagged, w))
        _, fp, _, fn = confusion(y, flagged, w)
        objectives = {"F1": f1, "MCC": mcc, "YOUDEN": recall - fpr, "ACCURACY": accuracy}
        good, near, fits = {
            "MAX": (objectives[objective], 0, True),
            "MIN_PRECISION": (recall, precision if flagged.any() else -1, flagged.any() and precision >= value),
            "MIN_RECALL": (precision, recall, recall >= value),
            "MAX_FPR": (recall, -fpr, fpr <= value),
            "ALERT_RATE": (alert_rate, -alert_rate, alert_rate <= value),
            "COST": (-(fp + value * fn), 0, True),
        }[kind]
        if fits and (best is None or good > best[0] + 1e-12):
            best = good, t
        if nearest is None or near > nearest[0] + 1e-12:
            nearest = near, t
    flags = best is not None and best[1] <= distinct[0]
    may_flag_nothing = kind == "COST" or (kind == "ALERT_RATE" and value == 0)
    return (best or nearest)[1], best is not None and (flags or may_flag_nothing)


# ---------------------------------------------------------------- C

C_TYPES = """\
typedef struct GoldenPoint
{
	double		threshold;
	double		x;
	double		y;
} GoldenPoint;

typedef struct GoldenConfusion
{
	double		threshold;
	MlConfusion confusion;
	double		value[7];		/* accuracy precision recall f1 mcc fpr alert_rate */
} GoldenConfusion;

typedef struct GoldenChoice
{
	MlThresholdPolicyKind kind;
	MlThresholdObjective objective;
	double		value;			/* for a cost policy what a miss costs; an alert costs 1 */
	double		threshold;
	bool		reached;
} GoldenChoice;

typedef struct GoldenPrecisionAt
{
	double		k;
	double		precision;
} GoldenPrecisionAt;

typedef struct GoldenCase
{
	const char *name;
	size_t		n;
	const float *label;
	const double *score;
	const float *weight;		/* or NULL */
	double		roc_auc;
	double		pr_auc;
	double		ks;
	double		recall_at_fpr;
	double		log_loss;		/* NaN with brier: scores are no probabilities */
	double		brier;
	const GoldenPoint *pr;
	size_t		n_pr;
	const GoldenPoint *roc;
	size_t		n_roc;
	const GoldenConfusion *at;
	size_t		n_at;
	const GoldenChoice *choice;
	size_t		n_choice;
	const GoldenPrecisionAt *top;
	size_t		n_top;
	const MlInterval *intervals;	/* precision, recall, false positive rate, roc_auc, pr_auc; NULL with weights */
} GoldenCase;
"""


def c_number(x):
    x = float(x)
    return "NAN" if x != x else repr(int(x)) if x == int(x) and abs(x) < 1e9 and str(x) != "-0.0" else x.hex()


def c_row(values):
    return "{" + ", ".join(values) + "}"


def c_array(kind, name, values):
    values = list(values)
    lines = ["\t" + ", ".join(values[i:i + 5]) + "," for i in range(0, len(values), 5)]
    return "\n".join([f"static const {kind} {name}[] = {{", *lines, "};\n"])


def curve_points(y, s, w):
    """scikit-learn's curves without their artificial first points, highest threshold first."""
    precision, recall, threshold = sk.precision_recall_curve(y, s, sample_weight=w)
    if y.sum() == 0:
        recall = np.full(len(recall), NAN)      # scikit-learn's is 1
    pr = zip(threshold[::-1], recall[-2::-1], precision[-2::-1])
    fpr, tpr, threshold = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    return pr, zip(threshold[1:], fpr[1:], tpr[1:])


def write_c(cases, path):
    arrays, table = [], []

    def array(kind, name, values):
        values = list(values)
        arrays.append(c_array(kind, name, values))
        return f"{name}, {len(values)}"

    for name, y, s, w in cases:
        weight = "NULL"
        array("float", f"{name}_label", map(c_number, y))
        array("double", f"{name}_score", map(c_number, s))
        if w is not None:
            array("float", f"{name}_weight", map(c_number, w))
            weight = f"{name}_weight"
        values = metrics_of_rows(y, s, w)
        counted = np.ones(len(y), bool) if w is None else w > 0
        cy, cs, cw = y[counted], s[counted], None if w is None else w[counted]
        pr, roc = ([c_row(map(c_number, point)) for point in curve] for curve in curve_points(cy, cs, cw))
        thresholds = sorted({float(np.quantile(s, q)) for q in (0, 0.5, 0.9)} | {0.5, 2.0})
        at = [c_row([c_number(t), c_row(map(c_number, confusion(y, s >= t, w))),
                     c_row(map(c_number, metrics_at(y, s >= t, w)))]) for t in thresholds]
        choices = []
        for kind, objective, value in POLICIES:
            threshold, reached = choose(kind, objective, value, cy, cs, cw)
            choices.append(c_row([f"ML_THRESHOLD_{kind}", f"ML_OBJECTIVE_{objective}", c_number(value),
                                  c_number(threshold), str(bool(reached)).lower()]))
        top, ends = "NULL, 0", "NULL"
        if w is None:
            top = array("GoldenPrecisionAt", f"{name}_top",
                        (c_row(map(c_number, (k, precision_at(y, s, k))))
                         for k in (1, 3, len(y) // 3 + 1, len(y), 10 * len(y))))
            numbers = list(map(c_number, intervals(y, s)))
            array("MlInterval", f"{name}_intervals", (c_row(pair) for pair in zip(numbers[::2], numbers[1::2])))
            ends = f"{name}_intervals"
        table.append(f'\t{{"{name}", {len(y)}, {name}_label, {name}_score, {weight},\n\t\t'
                     + ", ".join(map(c_number, (*list(values.values())[:3], recall_at_fpr(y, s, w), *list(values.values())[3:]))) + ",\n\t\t"
                     + array("GoldenPoint", f"{name}_pr", pr) + ", "
                     + array("GoldenPoint", f"{name}_roc", roc) + ",\n\t\t"
                     + array("GoldenConfusion", f"{name}_at", at) + ", "
                     + array("GoldenChoice", f"{name}_choice", choices) + ", " + top + ", " + ends + "},")
    with open(path, "w") as f:
        f.write("/* Made by test/golden/metrics.py with scikit-learn and SciPy; do not edit. */\n"
                + C_TYPES + "\n" + "\n".join(arrays)
                + "\nstatic const GoldenCase golden[] = {\n" + "\n".join(table) + "\n};\n")


# ---------------------------------------------------------------- SQL

def sql_number(x):
    return "NULL" if x != x else f"'{float(x)!r}'"


def write_sql(cases, path):
    rows, values = [], []
    for name, y, s, w in cases:
        if w is not None:
            continue            # the aggregates take no weights
        rows += [f"('{name}', {str(bool(label)).lower()}, {sql_number(score)})" for label, score in zip(y, s)]
        expected = {**metrics_of_rows(y, s, w), "precision_at_3": precision_at(y, s, 3)}
        values += [f"('{name}', '{metric}', {sql_number(v)})" for metric, v in expected.items()]
    with open(path, "w") as f:
        f.write("-- Made by test/golden/metrics.py with scikit-learn and SciPy; do not edit.\n"
                "CREATE TEMP TABLE golden_row (sample text, label boolean, score float8);\n"
                "INSERT INTO golden_row VALUES\n" + ",\n".join(rows) + ";\n"
                "CREATE TEMP TABLE golden_value (sample text, metric text, expected float8);\n"
                "INSERT INTO golden_value VALUES\n" + ",\n".join(values) + ";\n")


if __name__ == "__main__":
    write_c(make_cases(), os.path.join(HERE, "..", "unit", "golden_metrics.h"))
    random = np.random.default_rng(20250101)
    write_sql(make_cases(), os.path.join(HERE, "metrics.sql"))
