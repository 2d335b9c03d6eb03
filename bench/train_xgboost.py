"""The other side of train_vs_export.sh: CSV -> XGBoost -> model file.

    train_xgboost.py FILE.csv TRAIN_ROWS

The last 20 % of the rows are judged on.  Prints, tab separated, the ROC AUC,
the average precision, and the seconds of training alone.
"""
import sys
import time

import numpy
import pandas
import xgboost


def roc_auc(label, score):
    """Share of pairs in the right order, ties counted half."""
    rank = pandas.Series(score).rank().to_numpy()
    positives = label.sum()
    negatives = len(label) - positives
    return (rank[label == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(label, score):
    """Sum of precision times gain in recall (scores hardly tie here)."""
    sorted_label = label[numpy.argsort(-score, kind="stable")]
    precision = numpy.cumsum(sorted_label) / numpy.arange(1, len(label) + 1)
    return precision[sorted_label == 1].mean()


table = pandas.read_csv(sys.argv[1])
n_train = int(sys.argv[2])
label = (table.pop("label") == "t").to_numpy().astype(numpy.int8)
table.pop("id")
train = xgboost.DMatrix(table[:n_train], label[:n_train], nthread=2)
test = xgboost.DMatrix(table[n_train:], nthread=2)
began = time.perf_counter()
model = xgboost.train(
    {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 6, "eta": 0.3, "nthread": 2},
    train, 100)
fit_seconds = time.perf_counter() - began
score = model.predict(test)
model.save_model(sys.argv[1] + ".json")
print(roc_auc(label[n_train:], score), average_precision(label[n_train:], score), fit_seconds, sep="\t")
