"""scikit-learn's StandardScaler and LogisticRegression, by its solvers for few columns."""
import joblib
import numpy
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

version = sklearn.__version__
options = {"newton-cholesky": {"solver": "newton-cholesky"}, "lbfgs": {"solver": "lbfgs"}}


def can(data_set, option):
    return True


def hold_rows(x, data_set):
    return x.astype(numpy.float64)


def hold(x, y, data_set):
    return hold_rows(x, data_set), y


def bin(held, threads, option):
    x, y = held
    scaler = StandardScaler(copy=False)
    return scaler, scaler.fit_transform(x), y


def fit(binned, threads, option):
    scaler, x, y = binned
    return scaler, LogisticRegression(C=1, **option).fit(x, y)


def score(model, rows, threads):
    scaler, regression = model
    return regression.predict_proba(scaler.transform(rows))[:, 1]


def save(model, path):
    joblib.dump(model, path)
