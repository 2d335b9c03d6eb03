"""Measuring sides in turns.

A side is a function that does once what is measured and returns numbers of it: first
the seconds that count.
"""
import dataclasses
import statistics
import time

from . import machine

PAUSE = 0.05        # seconds before each turn, in which threads of the one before stop to spin
MUCH_SLOWER = 2     # times the fastest: such a side has one turn


@dataclasses.dataclass
class Measured:
    """values: a tuple of numbers a turn; others: the share of the machine they took, a turn."""
    values: list = dataclasses.field(default_factory=list)
    others: list = dataclasses.field(default_factory=list)

    def quiet(self):
        """The turns that others did not disturb."""
        return [v for v, o in zip(self.values, self.others) if o <= machine.LIMIT]

    @property
    def is_busy(self):
        """Too few of them to tell."""
        return 2 * len(self.quiet()) < len(self.values)

    def median(self, of=0):
        """Of the numbers at a position."""
        used = self.values if self.is_busy else self.quiet()
        return statistics.median_low(v[of] for v in used)


def measure(sides, rounds, server_pid):
    """name -> Measured, for sides: name -> function."""
    measured = {name: Measured() for name in sides}
    for turn in range(rounds):
        fastest = min((m.median() for m in measured.values()), default=0) if turn else 0
        for name, side in sides.items():
            m = measured[name]
            if turn and m.median() > MUCH_SLOWER * fastest:
                continue
            time.sleep(PAUSE)
            watch = machine.Watch(server_pid)
            m.values.append(tuple(side()))
            m.others.append(watch.others())
    return measured
