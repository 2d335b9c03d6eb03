"""The file of results: tab separated, a line a number."""
import csv

from ranking import average_precision, roc_auc

from . import machine

COLUMNS = ["part", "data_set", "note", "train", "test", "threads", "ours", "side", "what", "value", "turns", "others", "busy"]


class Writer:
    def __init__(self, path, ours):
        self.file, self.ours = open(path, "w", newline=""), ours
        self.writer = csv.DictWriter(self.file, COLUMNS, delimiter="\t", lineterminator="\n")
        self.writer.writeheader()

    def add_value(self, part, data_set, threads, side, what, value, turns="", others="", busy=""):
        self.writer.writerow(dict(zip(COLUMNS, (
            part, data_set.name, data_set.note, data_set.n_train, data_set.n_test, threads,
            int(side.split(",")[0] == self.ours), side, what, f"{value:.6g}", turns, others, busy))))
        self.file.flush()

    def add(self, part, data_set, threads, measured, what, of=0, times=1):
        """Medians of the turns; others: the most that others took of the machine in those that count."""
        for side, m in measured.items():
            others = max(o for o in m.others if m.is_busy or o <= machine.LIMIT)
            self.add_value(part, data_set, threads, side, what, m.median(of) * times, len(m.values), f"{others:.3f}", int(m.is_busy))

    def add_quality(self, part, data_set, threads, side, label, score):
        self.add_value(part, data_set, threads, side, "ROC AUC", roc_auc(label, score))
        self.add_value(part, data_set, threads, side, "average precision", average_precision(label, score))
