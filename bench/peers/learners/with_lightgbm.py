"""LightGBM, with gradients as they are and quantized."""
import lightgbm
import numpy
import scipy.sparse

from . import BINS, DEPTH, RATE, TREES

version = lightgbm.__version__
options = {"": {}, "quantized gradients": {"use_quantized_grad": True}}


def can(data_set, option):
    return True


def hold_rows(x, data_set):
    return scipy.sparse.csr_matrix(x) if data_set.sparse else numpy.ascontiguousarray(x)


def hold(x, y, data_set):
    return hold_rows(x, data_set), y, data_set.categories


def parameters(threads, option):
    return {"objective": "binary", "num_threads": threads, "max_bin": BINS, "max_depth": DEPTH,
            "num_leaves": 2 ** DEPTH, "learning_rate": RATE, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 1,
            "lambda_l2": 1, "verbosity": -1, **option}


def bin(held, threads, option):
    x, y, categories = held
    return lightgbm.Dataset(x, y, params=parameters(threads, option), categorical_feature=categories).construct()


def fit(binned, threads, option):
    return lightgbm.train(parameters(threads, option), binned, TREES)


def score(model, rows, threads):
    return model.predict(rows, num_threads=threads)


def save(model, path):
    model.save_model(path)
