#!/usr/bin/env python3
"""Golden values of mlops.daily_precision, computed with NumPy.

    python3 test/golden/daily_precision.py > test/pgtap/golden_daily_precision.psql

The tests need no Python.  Made with NumPy 2.4.6.

x stands for the score: the test's model is a logistic regression, whose scores
rise with x.  Where no scores tie at the border of k, the values are counted by
the definition of the Fraud Detection Handbook, chapter 4, "Precision top-k
metrics": the k transactions or cards of a day with the highest scores, and cards
that were found compromised leave the days after.  It divides by k; here a day with
fewer is divided by how many it has.  Where scores tie, the expected values are
computed from the number of scores above each.
"""

import datetime

import numpy as np

random = np.random.default_rng(20140801)


# ---------------------------------------------------------------- samples

def make(n, n_cards, n_days, levels, share_of_frauds, without_card=0.0):
    """Rows (day, card, x, label): card -1: none; x all different, or of so many levels.
    Frauds have higher x, on a third of the cards."""
    card = random.integers(0, n_cards, n)
    label = (random.random(n) < share_of_frauds) & (card % 10 < 3)
    x = np.where(label, random.beta(4, 2, n), random.beta(2, 3, n))
    x = np.argsort(np.argsort(x)) if levels is None else np.round(x * levels)
    card = np.where(random.random(n) < without_card, -1, card)
    return random.integers(0, n_days, n), card, x, label


def make_samples():
    """(name, k, rows)"""
    few = make(200, 40, 8, 6, 0.5, 0.1)
    keep = (few[0] != 3) | (np.cumsum(few[0] == 3) <= 4)        # day 3 has four rows
    few = tuple(column[keep] for column in few)
    quiet = make(150, 30, 5, 8, 0.4)
    quiet = (quiet[0], quiet[1], quiet[2], quiet[3] & (quiet[0] != 2))     # day 2 has no fraud
    return [
        ("book", 5, make(400, 60, 7, None, 0.4)),
        ("ties", 7, make(300, 50, 6, 10, 0.4)),
        ("few", 9, few),
        ("quiet", 3, quiet),
        ("constant", 10, make(120, 30, 4, 0, 0.4)),
    ]


# ---------------------------------------------------------------- by the book

def cards_of_day(card, x, label):
    """Distinct cards with the highest x and the greatest label of each."""
    cards = np.unique(card[card >= 0])
    return (cards, np.array([x[card == c].max() for c in cards]),
            np.array([label[card == c].any() for c in cards], bool))


def by_the_book(k, day, card, x, label):
    """Days as (day, rows, positives, precision, cards, positive cards, known cards, card precision)."""
    found, result = set(), []
    for d in np.unique(day):
        on = day == d
        top = np.argsort(-x[on])[:k]
        cards, highest, positive = cards_of_day(card[on], x[on], label[on])
        new = np.array([c not in found for c in cards], bool)
        candidates, highest, positive = cards[new], highest[new], positive[new]
        first = np.argsort(-highest)[:k]
        result.append((d, on.sum(), label[on].sum(), label[on][top].mean(), new.sum(), positive.sum(),
                       (~new).sum(), positive[first].mean()))
        found |= set(candidates[first][positive[first]])
    return result


# ---------------------------------------------------------------- with ties

def taken(k, x, weight):
    """The share of each that is among the k highest, those that tie in equal shares."""
    above = (weight * (x[None, :] > x[:, None])).sum(axis=1)
    beside = (weight * (x[None, :] == x[:, None])).sum(axis=1)
    return np.clip((k - above) / beside, 0, 1)


def precision(share, weight, label):
    total = (share * weight).sum()
    return (share * weight)[label].sum() / total if total > 0 else np.nan


def with_ties(k, day, card, x, label):
    left, result = np.ones(card.max() + 1), []
    for d in np.unique(day):
        on = day == d
        rows = precision(taken(k, x[on], np.ones(on.sum())), np.ones(on.sum()), label[on])
        cards, highest, positive = cards_of_day(card[on], x[on], label[on])
        new = left[cards] > 0
        known = (~new).sum()
        cards, highest, positive = cards[new], highest[new], positive[new]
        share = taken(k, highest, left[cards])
        result.append((d, on.sum(), label[on].sum(), rows, len(cards), positive.sum(), known,
                       precision(share, left[cards], positive)))
        left[cards[positive]] *= 1 - share[positive]
    return result


# ---------------------------------------------------------------- SQL

def sql_value(value):
    return "NULL" if value != value else f"'{float(value)!r}'"


def write(samples):
    start = datetime.date(2026, 3, 28)
    rows, values = [], []
    for name, k, (day, card, x, label) in samples:
        expected = with_ties(k, day, card, x, label)
        if name == "book":
            assert np.allclose(np.array(by_the_book(k, day, card, x, label), float), np.array(expected, float))
        seconds = random.integers(0, 86400, len(day))
        rows += [f"('{name}', '{start + datetime.timedelta(int(d))} {datetime.timedelta(seconds=int(s))!s:0>8}', "
                 f"{'NULL' if c < 0 else c}, {int(score)}, {str(bool(y)).lower()})"
                 for d, s, c, score, y in zip(day, seconds, card, x, label)]
        values += [f"('{name}', {k}, '{start + datetime.timedelta(int(d))}', {n}, {p}, {sql_value(precise)}, {c}, {pc}, {known}, "
                   f"{sql_value(card_precise)})" for d, n, p, precise, c, pc, known, card_precise in expected]
    print("-- Made by test/golden/daily_precision.py with NumPy; do not edit.\n"
          "CREATE TABLE golden_row (sample text, at timestamp, card int, x int, label boolean);\n"
          "INSERT INTO golden_row VALUES\n" + ",\n".join(", ".join(rows[i:i + 4]) for i in range(0, len(rows), 4)) + ";\n"
          "CREATE TABLE golden_day (sample text, k int, day date, rows bigint, positives bigint, precision_at_k float8, cards bigint, "
          "positive_cards bigint, known_cards bigint, card_precision_at_k float8);\n"
          "INSERT INTO golden_day VALUES\n" + ",\n".join(values) + ";")


if __name__ == "__main__":
    write(make_samples())
