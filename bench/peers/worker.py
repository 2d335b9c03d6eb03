"""One peer that holds one data set in memory, and does what it is told.

    worker.py LEARNER OPTION DATA_SET DIRECTORY THREADS

engine.c has the commands.
"""
import gc
import importlib
import sys
import time

import numpy

from . import data


def clock():
    return numpy.array([time.perf_counter(), time.process_time()])


def main(name, option, data_set, directory, threads):
    learner = importlib.import_module(f"peers.learners.with_{name}")
    data_set, threads, option = data.BY_NAME[data_set], int(threads), learner.options[option]
    x, y = data_set.read(directory)
    n = data_set.n_train
    held = learner.hold(x[:n], numpy.array(y[:n]), data_set)
    rows = learner.hold_rows(x[n:], data_set)
    model = scores = None
    print("ready", flush=True)
    for line in sys.stdin:
        command, _, path = line.strip().partition(" ")
        spent = []
        if command == "fit":
            del model
            gc.collect()
            began = clock()
            binned = learner.bin(held, threads, option)
            binned_at = clock()
            model = learner.fit(binned, threads, option)
            spent = [*(binned_at - began), *(clock() - binned_at)]
            del binned
        elif command == "score":
            began = clock()
            scores = learner.score(model, rows, threads)
            spent = clock() - began
        elif command == "keep":
            numpy.asarray(scores, numpy.float64).tofile(path)
        else:
            sys.exit(2)
        print(*(f"{seconds:.6f}" for seconds in spent), flush=True)


main(*sys.argv[1:])
