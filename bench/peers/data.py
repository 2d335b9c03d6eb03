"""The data sets, made of random numbers: the same ones each time.

Each is DIRECTORY/x, rows of float32, and DIRECTORY/y, labels of a byte each; the first
rows are to learn from, the others to judge on.
"""
import dataclasses
import os

import numpy

@dataclasses.dataclass(frozen=True)
class DataSet:
    name: str
    n_train: int
    n_test: int
    n_columns: int
    n_categories: int = 0   # the last columns: numbers of levels
    sparse: bool = False    # most values are 0
    note: str = ""

    @property
    def categories(self):
        return list(range(self.n_columns - self.n_categories, self.n_columns))

    def read(self, directory):
        """x and y of all rows, mapped from the files."""
        shape = (self.n_train + self.n_test, self.n_columns)
        return (numpy.memmap(f"{directory}/x", numpy.float32, "r", shape=shape),
                numpy.memmap(f"{directory}/y", numpy.uint8, "r", shape=shape[:1]))


def numbers(name, n_train, n_test):
    return DataSet(name, n_train, n_test, 30, note="30 columns of numbers")


ALL = [
    numbers("rows_50000", 50_000, 50_000),
    numbers("rows_400000", 400_000, 200_000),
    numbers("rows_800000", 800_000, 200_000),
    DataSet("wide", 50_000, 50_000, 300, note="300 columns of numbers"),
    DataSet("sparse", 100_000, 50_000, 400, sparse=True, note="400 columns of 0 and 1, 20 of them 1 in a row"),
    DataSet("levels", 100_000, 50_000, 13, 3, note="10 columns of numbers, 3 of 20, 500 and 5,000 levels"),
    numbers("tiny", 4_000, 4_000),  # not measured unless it is named
]
BY_NAME = {data_set.name: data_set for data_set in ALL}


def of_numbers(random, n, data_set):
    """As bench/generate.sql, with fewer positives: under 2 %."""
    x = random.random((n, data_set.n_columns), dtype=numpy.float32)
    return x, 3 * x[:, 0] - 2 * x[:, 1] + 4 * (x[:, 2] > 0.7) * x[:, 3] - 3 * abs(x[:, 4] - 0.5) + 2 * x[:, 5] * x[:, 6] - 6.3


def of_indicators(random, n, data_set):
    """Groups of 20 columns, one of which is 1 in a row, by Zipf's law."""
    groups = data_set.n_columns // 20
    level = numpy.minimum(random.zipf(1.3, (n, groups)) - 1, 19)
    x = numpy.zeros((n, groups, 20), numpy.float32)
    numpy.put_along_axis(x, level[:, :, None], 1, 2)
    effect = random.normal(0, 0.6, (groups, 20))
    return x.reshape(n, -1), effect[numpy.arange(groups), level].sum(axis=1) - 5


def of_levels(random, n, data_set):
    """Numbers, and categories by Zipf's law whose levels have effects of their own."""
    x = random.random((n, data_set.n_columns), dtype=numpy.float32)
    margin = 3 * x[:, 0] - 2 * x[:, 1] + 2 * x[:, 2] * x[:, 3] - 5
    for column, levels in zip(data_set.categories, (20, 500, 5000)):
        level = numpy.floor(levels ** random.random(n)).astype(int) - 1
        x[:, column] = level
        margin += random.normal(0, 0.7, levels)[level]
    return x, margin


def make(data_set, directory):
    """Makes the files unless they are there."""
    if os.path.exists(f"{directory}/y"):
        return
    os.makedirs(directory, exist_ok=True)
    random = numpy.random.default_rng(42)
    draw = of_levels if data_set.n_categories else of_indicators if data_set.sparse else of_numbers
    n = data_set.n_train + data_set.n_test
    x, margin = draw(random, n, data_set)
    x.tofile(f"{directory}/x")
    (random.random(n) < 1 / (1 + numpy.exp(-margin))).astype(numpy.uint8).tofile(f"{directory}/y")
