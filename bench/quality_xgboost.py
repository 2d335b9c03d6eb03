"""What XGBoost reaches on the Handbook's split with the parameters that are our defaults.

    quality_xgboost.py handbook_benchmark_split.csv.gz
        prints the average precision and the ROC AUC; peers/python.sh names a python
        that has what it needs
"""
import sys

import numpy
import pandas
import xgboost

from ranking import average_precision, roc_auc

OTHERS = ["transaction_id", "tx_datetime", "customer_id", "terminal_id", "tx_time_seconds", "tx_time_days", "tx_fraud_scenario"]

table = pandas.read_csv(sys.argv[1]).rename(columns=str.lower)
is_train = (table.pop("split") == "train").to_numpy()
label = table.pop("tx_fraud").to_numpy()
x = table.drop(columns=OTHERS).to_numpy(numpy.float32)
train = xgboost.QuantileDMatrix(x[is_train], label[is_train], max_bin=255)
model = xgboost.train({"objective": "binary:logistic", "tree_method": "hist", "max_depth": 6, "eta": 0.1, "max_bin": 255}, train, 100)
score = model.inplace_predict(x[~is_train])
print(f"XGBoost {xgboost.__version__}: {average_precision(label[~is_train], score):.4f}, {roc_auc(label[~is_train], score):.4f}")
