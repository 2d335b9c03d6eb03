"""How well scores order labels of 0 and 1, for both sides of a comparison."""
import numpy


def steps(label, score):
    """Positives and rows found so far, from the highest score down; equal scores are one step."""
    order = numpy.argsort(-score, kind="stable")
    last = numpy.append(numpy.diff(score[order]) != 0, True)
    return numpy.cumsum(label[order], dtype=numpy.int64)[last], numpy.arange(1, len(label) + 1)[last]


def roc_auc(label, score):
    """Share of pairs in the right order, ties counted half."""
    found, rows = steps(label, score)
    others = rows - found
    return numpy.trapezoid(numpy.append(0, found), numpy.append(0, others)) / (found[-1] * others[-1])


def average_precision(label, score):
    """Sum of precision times gain in recall; equal scores are one step."""
    found, rows = steps(label, score)
    return (found / rows * numpy.diff(numpy.append(0, found))).sum() / found[-1]
