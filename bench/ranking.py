"""How well scores order labels of 0 and 1, for both sides of a comparison."""
import numpy
import pandas


def roc_auc(label, score):
    """Share of pairs in the right order, ties counted half."""
    rank = pandas.Series(score).rank().to_numpy()
    positives = label.sum()
    negatives = len(label) - positives
    return (rank[label == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(label, score):
    """Sum of precision times gain in recall; equal scores are one step."""
    order = numpy.argsort(-score, kind="stable")
    sorted_label, sorted_score = label[order], score[order]
    last = numpy.append(numpy.diff(sorted_score) != 0, True)
    found = numpy.cumsum(sorted_label)[last]
    precision = found / (numpy.arange(1, len(label) + 1)[last])
    return (precision * numpy.diff(numpy.append(0, found))).sum() / label.sum()
