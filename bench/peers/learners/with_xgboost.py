"""XGBoost: hist on a QuantileDMatrix."""
import numpy
import scipy.sparse
import xgboost

from . import BINS, DEPTH, RATE, TREES

version = xgboost.__version__
options = {"": {}}


def can(data_set, option):
    return True


def hold_rows(x, data_set):
    return scipy.sparse.csr_matrix(x) if data_set.sparse else numpy.ascontiguousarray(x)


def hold(x, y, data_set):
    types = ["q"] * (data_set.n_columns - data_set.n_categories) + ["c"] * data_set.n_categories
    return hold_rows(x, data_set), y, types


def bin(held, threads, option):
    x, y, types = held
    return xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=threads, feature_types=types, enable_categorical=True)


def fit(binned, threads, option):
    return xgboost.train({"objective": "binary:logistic", "tree_method": "hist", "max_depth": DEPTH, "eta": RATE,
                          "max_bin": BINS, "nthread": threads}, binned, TREES)


def score(model, rows, threads):
    return model.inplace_predict(rows)


def save(model, path):
    model.save_model(path)
