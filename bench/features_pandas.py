"""The features of demo/features.sql by pandas: milliseconds of computing them, the reading of
the CSV file left out.  Rolling windows over time by customer and by terminal, as the Fraud
Detection Handbook computes them (chapter 3).  Usage: features_pandas.py FILE.csv"""
import sys
import time

import pandas

DELAY = 7


def of_customer(rows):
    """Number and mean amount of the last 1, 7 and 30 days, the row included."""
    for days in (1, 7, 30):
        window = rows.tx_amount.rolling(f"{days}D")
        number = window.count()
        rows[f"customer_nb_{days}"] = number
        rows[f"customer_avg_{days}"] = window.sum() / number
    return rows


def of_terminal(rows):
    """Number and share of frauds of windows that ended a week before the row."""
    late = rows.tx_fraud.rolling(f"{DELAY}D")
    late_number, late_frauds = late.count(), late.sum()
    for days in (1, 7, 30):
        window = rows.tx_fraud.rolling(f"{DELAY + days}D")
        number = window.count() - late_number
        rows[f"terminal_nb_{days}"] = number
        rows[f"terminal_risk_{days}"] = ((window.sum() - late_frauds) / number).fillna(0)
    return rows


data = pandas.read_csv(sys.argv[1], parse_dates=["tx_datetime"])
data["tx_fraud"] = (data.tx_fraud == "t").astype("int64")
began = time.perf_counter()
data = data.sort_values(["tx_datetime", "transaction_id"])
data.index = data.tx_datetime
data = data.groupby("customer_id", group_keys=False)[list(data.columns)].apply(of_customer)
data = data.groupby("terminal_id", group_keys=False)[list(data.columns)].apply(of_terminal)
print(f"{1000 * (time.perf_counter() - began):.1f}")
print(f"{data.customer_avg_30.mean():.6f} {data.terminal_risk_30.mean():.9f}")
