"""The other side of explain.sh: contributions by XGBoost's TreeSHAP, in one thread.

    explain_xgboost.py train FILE.csv TRAIN_ROWS EXPLAIN_ROWS DIRECTORY
        keeps a model and rows in the directory and prints the number of splits
    explain_xgboost.py explain DIRECTORY
        prints, tab separated, the microseconds a row (predict alone, the rows being
        in a DMatrix already) and the greatest gap between a row's contributions
        together and its margin
"""
import sys
import time

import numpy
import xgboost


def train(csv, n_train, n_explain, directory):
    import pandas

    table = pandas.read_csv(csv)
    label = (table.pop("label") == "t").to_numpy().astype(numpy.int8)
    table.pop("id")
    model = xgboost.train(
        {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 6, "eta": 0.3, "nthread": 2},
        xgboost.DMatrix(table[:n_train], label[:n_train], nthread=2), 100)
    model.save_model(directory + "/model.json")
    numpy.save(directory + "/rows.npy", table[:n_explain].to_numpy())
    print(sum(tree.count("yes=") for tree in model.get_dump()))


def explain(directory):
    model = xgboost.Booster(params={"nthread": 1}, model_file=directory + "/model.json")
    names = model.feature_names
    rows = xgboost.DMatrix(numpy.load(directory + "/rows.npy"), feature_names=names, nthread=1)
    model.predict(rows.slice(range(10)), pred_contribs=True)
    began = time.perf_counter()
    contributions = model.predict(rows, pred_contribs=True)
    took = time.perf_counter() - began
    gap = numpy.abs(contributions.sum(axis=1) - model.predict(rows, output_margin=True)).max()
    print(took / rows.num_row() * 1e6, gap, sep="\t")


if sys.argv[1] == "train":
    train(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
else:
    explain(sys.argv[2])
