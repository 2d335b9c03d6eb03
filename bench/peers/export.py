"""From a file of COPY to a model file and a judgement, in a process of its own.

    export.py LEARNER OPTION DATA_SET FILE THREADS

Prints the seconds it took, without starting Python and loading the packages, and the ROC
AUC and the average precision of the rows that were held back.
"""
import importlib
import sys
import time

from ranking import average_precision, roc_auc

from . import copying, data


def main(name, option, data_set, path, threads):
    learner = importlib.import_module(f"peers.learners.with_{name}")
    began = time.perf_counter()
    data_set, threads, option = data.BY_NAME[data_set], int(threads), learner.options[option]
    x, y = copying.read(path, data_set.n_columns)
    n = data_set.n_train
    model = learner.fit(learner.bin(learner.hold(x[:n], y[:n], data_set), threads, option), threads, option)
    learner.save(model, path + ".model")
    score = learner.score(model, learner.hold_rows(x[n:], data_set), threads)
    judged = roc_auc(y[n:], score), average_precision(y[n:], score)
    print(time.perf_counter() - began, *judged)


main(*sys.argv[1:])
