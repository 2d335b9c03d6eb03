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

from ranking import average_precision, roc_auc

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
