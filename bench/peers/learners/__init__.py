"""What the peers do, a file each:

    version                      of the package
    options                      variants of it: a name and what it changes
    can(data_set, option)        false: it has no way to learn from such data
    hold(x, y, data_set)         training data in memory in the form it likes best
    hold_rows(x, data_set)       rows to score, likewise
    bin(held, threads, option)   ... -> histogram bins, where that is a step of its own
    fit(binned, threads, option) ... -> a model
    score(model, rows, threads)  ... -> probabilities

bin, fit and score are timed.  All learn 100 trees of depth 6 at a rate of 0.3 with up
to 255 bins and XGBoost's regularisation, as far as they have it.
"""
TREES = 100
DEPTH = 6
RATE = 0.3
BINS = 255
