"""The other side of drift.sh: Evidently's default test of each column.

    drift_evidently.py REFERENCE.csv CURRENT.csv
        prints, tab separated, the seconds of reading both files, the seconds of
        the tests, the rows being in pandas' memory already, and the greatest
        statistic
"""
import sys
import time
import warnings

import pandas
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.core import ColumnType

warnings.filterwarnings("ignore")
began = time.perf_counter()
reference, current = pandas.read_csv(sys.argv[1]), pandas.read_csv(sys.argv[2])
read = time.perf_counter()
greatest = 0
for name in reference.columns:
    test = get_stattest(reference[name], current[name], ColumnType.Numerical, None)
    greatest = max(greatest, test(reference[name], current[name], ColumnType.Numerical, None).drift_score)
print(read - began, time.perf_counter() - read, greatest, sep="\t")
