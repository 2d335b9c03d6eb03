"""The results as Markdown.

    show.py RESULTS [busy]

A ratio is ours over the peer's: below 1 we are faster.  There is none where others took
more than 3 % of the processors' time while one of the two was measured; with "busy" there
is, marked.  Exits with 1 if training from the table takes longer than exporting it to
XGBoost, and with 3 if that could not be told.
"""
import csv
import sys

from . import machine

TOLERANCE = 0.003   # of average precision
TITLES = {
    "fit": "Binning and fitting, {train} rows in memory, {note} ({data_set})",
    "score": "Scoring {test} rows by a model of {train}, {note}, 1 thread ({data_set})",
    "table": "From a table to a registered model or a model file, {train} rows, {note}, {threads} threads, starting Python not counted ({data_set})",
    "logistic": "From a table to a logistic regression, {train} rows, {note}, {threads} threads, starting Python not counted ({data_set})",
}


class Side:
    """All numbers of one side in one table: (what, threads) -> line of the file."""

    def __init__(self):
        self.lines = {}

    def number(self, what, threads):
        line = self.lines.get((what, threads))
        return float(line["value"]) if line else None

    def is_busy(self, what, threads):
        return self.lines[what, threads]["busy"] == "1"

    @property
    def is_ours(self):
        return any(line["ours"] == "1" for line in self.lines.values())


def read(path):
    """(part, data set) -> side -> Side, in the file's order."""
    tables = {}
    with open(path, newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            table = tables.setdefault((line["part"], line["data_set"]), {})
            table.setdefault(line["side"], Side()).lines[line["what"], int(line["threads"])] = line
    return tables


def digits(value):
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


class Page:
    def __init__(self, tables, with_busy):
        self.tables, self.with_busy = tables, with_busy
        self.any_busy = False
        self.missed = False

    def ratio(self, ours, side, what, threads):
        """How the cell reads, and its number if it is valid."""
        if side.number(what, threads) is None or ours.number(what, threads) is None:
            return "", None
        if side.is_ours:
            self.any_busy = self.any_busy or side.is_busy(what, threads)
            return "*busy*" * side.is_busy(what, threads), None
        number = ours.number(what, threads) / side.number(what, threads)
        if ours.is_busy(what, threads) or side.is_busy(what, threads):
            self.any_busy = True
            return f"*busy: {digits(number)}*" if self.with_busy else "*busy*", None
        return digits(number), number

    def quality(self, ours, side):
        """Three cells: ROC AUC, average precision, and whether it is that of ours."""
        of = [next((side.number(what, threads) for threads in (1, 2) if side.number(what, threads) is not None), None)
              for what in ("ROC AUC", "average precision")]
        if of[1] is None:
            return ["", "", ""]
        reached = next(ours.number("average precision", t) for t in (1, 2) if ours.number("average precision", t) is not None)
        more = of[1] - reached
        same = side.is_ours or abs(more) <= TOLERANCE
        return [f"{of[0]:.4f}", f"{of[1]:.4f}", "" if same else f"{more:+.4f}"]

    def table(self, part, sides):
        what = "µs a row" if part == "score" else "s"
        sides = {name: side for name, side in sides.items() if any(w == what for w, _ in side.lines)}
        if not sides:
            return
        threads = sorted({t for side in sides.values() for w, t in side.lines if w == what})
        line = next(line for side in sides.values() for line in side.lines.values())
        whole = {key: f"{int(line[key]):,}" for key in ("train", "test", "threads")}
        print("\n### " + TITLES[part].format(**line | whole) + "\n")
        head = [part if part != "table" else "train"]
        for t in threads:
            head += [f"{what}, {t} thread{'s' * (t > 1)}", "ours / theirs"]
        print("| " + " | ".join(head + ["ROC AUC", "AP", "AP against ours"] * (part != "score")) + " |")
        print("|---|" + "---:|" * (2 * len(threads) + 3 * (part != "score")))
        ours = next(side for side in sides.values() if side.is_ours)
        for name, side in sides.items():
            cells = [name]
            for t in threads:
                value = side.number(what, t)
                text, number = self.ratio(ours, side, what, t)
                cells += ["" if value is None else digits(value), text]
                if part == "table" and name.startswith("XGBoost") and (number or 0) > 1:
                    self.missed = True
            print("| " + " | ".join(cells + (self.quality(ours, side) if part != "score" else [])) + " |")

    def show(self):
        for (part, _), sides in self.tables.items():
            self.table(part, sides)
        most = max((float(line["others"] or 0) for sides in self.tables.values() for side in sides.values()
                    for line in side.lines.values()), default=0)
        print(f"\nOthers took at most {most:.1%} of the processors' time (limit {machine.LIMIT:.0%})."
              + " **The machine was busy: these numbers are not valid.**" * self.any_busy)


def main(path, *options):
    page = Page(read(path), "busy" in options)
    page.show()
    sys.exit(1 if page.missed else 3 if page.any_busy else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
