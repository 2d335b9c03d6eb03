"""CatBoost: symmetric trees, with its own regularisation."""
import catboost
import numpy
import pandas
import scipy.sparse

from . import BINS, DEPTH, RATE, TREES

version = catboost.__version__
options = {"": {}}


def can(data_set, option):
    return True


def in_form(x, data_set):
    if data_set.sparse:
        return scipy.sparse.csr_matrix(x)
    if data_set.categories:
        return pandas.DataFrame({i: x[:, i].astype(int) if i in data_set.categories else x[:, i]
                                 for i in range(data_set.n_columns)})
    return numpy.asfortranarray(x)


def hold_rows(x, data_set):
    return catboost.Pool(in_form(x, data_set), cat_features=data_set.categories)


def hold(x, y, data_set):
    return in_form(x, data_set), y, data_set.categories


def bin(held, threads, option):
    x, y, categories = held
    return catboost.Pool(x, y, cat_features=categories, thread_count=threads)


def fit(binned, threads, option):
    model = catboost.CatBoostClassifier(iterations=TREES, depth=DEPTH, learning_rate=RATE, border_count=BINS - 1,
                                        thread_count=threads, verbose=False, allow_writing_files=False)
    return model.fit(binned)


def score(model, rows, threads):
    return model.predict(rows, prediction_type="Probability", thread_count=threads)[:, 1]


def save(model, path):
    model.save_model(path)
