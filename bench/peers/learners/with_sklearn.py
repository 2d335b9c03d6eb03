"""scikit-learn's HistGradientBoostingClassifier; its threads are OpenMP's."""
import numpy
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier

from . import BINS, DEPTH, RATE, TREES

version = sklearn.__version__
options = {"": {}}


def can(data_set, option):
    return not data_set.n_categories and not data_set.sparse    # at most 255 levels; no sparse matrices


def hold_rows(x, data_set):
    return numpy.ascontiguousarray(x)


def hold(x, y, data_set):
    return hold_rows(x, data_set), y


def bin(held, threads, option):
    return held


def fit(binned, threads, option):
    return HistGradientBoostingClassifier(
        learning_rate=RATE, max_iter=TREES, max_depth=DEPTH, max_leaf_nodes=None, min_samples_leaf=1,
        l2_regularization=1, max_bins=BINS, early_stopping=False).fit(*binned)


def score(model, rows, threads):
    return model.predict_proba(rows)[:, 1]
