"""The other side of explain.sh: contributions by XGBoost's TreeSHAP, in one thread.

    explain_xgboost.py FILE.csv TRAIN_ROWS EXPLAIN_ROWS ROUNDS

Prints, tab separated, the number of splits of the model, the greatest gap
between a row's contributions together and its margin, and the microseconds a
row of each round (predict alone, the rows being in a DMatrix already).
"""
import sys
import time

import numpy
import pandas
import xgboost

table = pandas.read_csv(sys.argv[1])
n_train, n_explain, rounds = (int(a) for a in sys.argv[2:])
label = (table.pop("label") == "t").to_numpy().astype(numpy.int8)
table.pop("id")
model = xgboost.train(
    {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 6, "eta": 0.3, "nthread": 2},
    xgboost.DMatrix(table[:n_train], label[:n_train], nthread=2), 100)
model.set_param({"nthread": 1})
rows = xgboost.DMatrix(table[:n_explain], nthread=1)
took = []
for _ in range(rounds):
    began = time.perf_counter()
    contributions = model.predict(rows, pred_contribs=True)
    took.append((time.perf_counter() - began) / n_explain * 1e6)
splits = sum(tree.count("yes=") for tree in model.get_dump())
gap = numpy.abs(contributions.sum(axis=1) - model.predict(rows, output_margin=True)).max()
print(splits, gap, *took, sep="\t")
