"""Yggdrasil Decision Forests, with discretised numbers; its depth counts the root."""
import importlib.metadata

import numpy
import ydf

from . import BINS, DEPTH, RATE, TREES

version = importlib.metadata.version("ydf")
options = {"": {}}
ydf.verbose(0)


def can(data_set, option):
    return not data_set.n_categories and data_set.n_train * data_set.n_columns <= 1_500_000   # it takes far longer than others


def hold_rows(x, data_set):
    return {f"f{i}": numpy.ascontiguousarray(x[:, i]) for i in range(data_set.n_columns)}


def hold(x, y, data_set):
    return hold_rows(x, data_set) | {"label": y}


def bin(held, threads, option):
    return held


def fit(binned, threads, option):
    return ydf.GradientBoostedTreesLearner(
        label="label", num_trees=TREES, max_depth=DEPTH + 1, shrinkage=RATE, num_threads=threads,
        validation_ratio=0.0, early_stopping="NONE", discretize_numerical_columns=True,
        num_discretized_numerical_bins=BINS, use_hessian_gain=True, l2_regularization=1.0, min_examples=1).train(binned)


def score(model, rows, threads):
    return model.predict(rows, num_threads=threads)
