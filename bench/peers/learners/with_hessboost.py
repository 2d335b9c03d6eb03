"""hessboost: a BinnedMatrix; gradients as they are and quantized, and symmetric trees.

Binning has as many threads as RAYON_NUM_THREADS says.
"""
import hessboost
import numpy

from . import BINS, DEPTH, RATE, TREES

version = hessboost.__version__
options = {"": {}, "quantized gradients": {"use_quantized_grad": True}, "symmetric trees": {"grow_policy": "symmetric"}}


def can(data_set, option):
    return not (data_set.n_categories and "grow_policy" in options[option])     # symmetric trees have no categories


def hold_rows(x, data_set):
    rows = numpy.array(x, order="C")    # a sparse matrix too: it takes zeros that are not there for missing, and learns nothing
    rows.setflags(write=False)
    return rows


def hold(x, y, data_set):
    types = ["q"] * (data_set.n_columns - data_set.n_categories) + ["c"] * data_set.n_categories
    return hold_rows(x, data_set), y, types


def bin(held, threads, option):
    x, y, types = held
    return hessboost.BinnedMatrix(hessboost.DMatrix(x, y, feature_types=types, copy=False), BINS)


def fit(binned, threads, option):
    return hessboost.train({"objective": "binary:logistic", "tree_method": "hist", "max_depth": DEPTH, "eta": RATE,
                            "max_bin": BINS, "nthread": threads, **option}, binned, TREES)


def score(model, rows, threads):
    return model.predict(rows)


def save(model, path):
    model.save_model(path)
