"""What of the machine others take, while something is measured.

Ours are this process, what it has started, and the server; the ticks of processes that
have ended are their parents'.  All other ticks are others', and so are those that the
hypervisor gave to somebody else.
"""
import os
import time

LIMIT = 0.03    # of the processors' time
TICK = 1 / os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Of all processors: not idle, not waiting for disks."""
    with open("/proc/stat") as file:
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK


def processes():
    """pid -> parent, seconds of its own and of its children that have ended.

    Looked at again if one ends meanwhile: its seconds would be neither there nor in what
    was read of its parent.
    """
    while True:
        found = {}
        try:
            for name in filter(str.isdigit, os.listdir("/proc")):
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                found[int(name)] = int(fields[1]), sum(map(int, fields[11:15])) * TICK
            return found
        except (FileNotFoundError, ProcessLookupError):
            continue


def own_seconds(roots):
    """Of the processes and all their descendants."""
    found = processes()
    children = {}
    for pid, (parent, _) in found.items():
        children.setdefault(parent, []).append(pid)
    total, waiting = 0, [root for root in roots if root in found]
    while waiting:
        pid = waiting.pop()
        total += found[pid][1]
        waiting += children.get(pid, [])
    return total


class Watch:
    """others(): what others have taken since it was made, as a share of the processors' time."""

    def __init__(self, server_pid):
        self.roots = [os.getpid(), server_pid]
        self.began = time.monotonic(), busy_seconds(), own_seconds(self.roots)

    def others(self):
        elapsed = time.monotonic() - self.began[0]
        others = (busy_seconds() - self.began[1]) - (own_seconds(self.roots) - self.began[2])
        others -= 3 * TICK      # what rounding to ticks may make of it
        return max(0, others / (elapsed * os.cpu_count()))
