"""Borders of the bins that mlops.drift_between compares numbers in, from their
definition in include/mlops/engine/drift.h; for drift.py and drift_between.py."""
import numpy as np
from scipy import stats


def borders(r, c, n=10, least_share=.01):
    values, of = np.unique(np.concatenate([r, c]), return_inverse=True)
    rn, cn = (np.bincount(part, minlength=len(values)) for part in (of[:len(r)], of[len(r):]))
    few = np.sum(rn > 0) <= n
    grew = stats.binom.sf(cn - 1, rn + cn, len(c) / (len(r) + len(c))) < .001 / np.sum(cn > 0)
    spike = (rn > 0) & (few | (rn * n >= len(r))) | (cn * n >= len(c)) & grew
    alone = values[spike & (values >= r.min()) & (values <= r.max())]
    edges = np.unique(np.concatenate([np.nextafter(alone[alone > r.min()], -np.inf), alone[alone < r.max()]]))
    if few:
        return edges

    def between(low, high):
        return np.mean((r > low) & (r <= high))

    kept = []
    for q in np.unique(np.quantile(r, np.arange(1, n) / n)):
        below, above = edges[edges <= q], edges[edges > q]
        if q < r.max() and not (len(below) and between(below[-1], q) < least_share) and not (len(above) and between(q, above[0]) < least_share):
            kept.append(q)
    return np.unique(np.concatenate([edges, kept]))
