"""The other side of quality_categories.sh: LightGBM on the same rows.

    quality_categories.py NAME.csv... < scores.csv

Each NAME.csv has the rows of a data set: nr, y, and columns; scores.csv has
data_set, seed, nr, score of the rows that were held back.  LightGBM learns from the
others, with its defaults, and text as categories; a level that is not among them is
missing.  Prints Markdown, a line a data set and metric: means, the mean difference,
and its standard error over the seeds.  Their training rows overlap, so the variance
is multiplied by 1 + (seeds * held back / learned from) (Nadeau and Bengio: "Inference for the
generalization error", 2003).  Exits with 1 where ROC AUC is lower by more than 0.003 and
that is more than two standard errors away.
"""
import os
import sys

import lightgbm
import numpy
import pandas

from ranking import average_precision, roc_auc


def there(table, label, held_back):
    """LightGBM's scores of the rows held back."""
    columns = {}
    for name in table:
        values = table[name]
        if not pandas.api.types.is_numeric_dtype(values):
            known = sorted(values[~held_back].dropna().unique())
            values = pandas.Categorical(values.where(values.isin(known)), categories=known)
        columns[name] = values
    table = pandas.DataFrame(columns)
    train = lightgbm.Dataset(table[~held_back], label[~held_back])
    parameters = {"objective": "binary", "num_threads": 2, "verbosity": -1, "deterministic": True}
    return lightgbm.train(parameters, train, 100).predict(table[held_back])


missed = False
scores = pandas.read_csv(sys.stdin)
print("| data set | metric | here | LightGBM | difference | standard error |")
print("|---|---|---:|---:|---:|---:|")
for path in sys.argv[1:]:
    data_set = os.path.basename(path).removesuffix(".csv")
    table = pandas.read_csv(path, keep_default_na=False, na_values=[""]).set_index("nr").sort_index()
    label = table.pop("y").map(lambda y: y in (1, "t", True)).to_numpy().astype(numpy.int8)
    reached = []
    for _, here in scores[scores.data_set == data_set].groupby("seed"):
        here = here.set_index("nr").sort_index()
        held_back = table.index.isin(here.index)
        both = (here.score.to_numpy(), there(table, label, held_back))
        reached.append([[metric(label[held_back], s) for s in both] for metric in (roc_auc, average_precision)])
    reached = numpy.array(reached)
    n = len(reached)
    overlap = 1 + n * held_back.sum() / (~held_back).sum()
    for m, metric in enumerate(("ROC AUC", "average precision")):
        difference = reached[:, m, 0] - reached[:, m, 1]
        error = numpy.sqrt(difference.var(ddof=1) / n * overlap)
        print(f"| {data_set} | {metric} | {reached[:, m, 0].mean():.4f} | {reached[:, m, 1].mean():.4f} | {difference.mean():+.4f} | {error:.4f} |")
        missed = missed or (metric == "ROC AUC" and difference.mean() + 2 * error < -0.003)
sys.exit(1 if missed else 0)
