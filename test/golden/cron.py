"""When cron expressions are due, by croniter: writes test/golden/cron.sql.

    python3 test/golden/cron.py > test/golden/cron.sql        (pip install croniter)
"""
import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

random.seed(15)
FIXED = [
    "* * * * *", "30 2 * * *", "0 0 1 1 *", "0 0 29 2 *", "*/15 * * * *", "5,35 8-18/2 * * mon-fri", "0 12 * jan,jul *",
    "0 0 13 * 5", "0 0 */2 * *", "0 0 * * 0", "0 0 * * 7", "59 23 31 12 *", "0 6 1-7 * mon", "7 3 * 2-4 tue,thu", "0 0 31 4,5 *",
]


def field(low, high):
    kind = random.randrange(4)
    if kind == 0:
        return "*"
    a, b = sorted(random.sample(range(low, high + 1), 2))
    return [None, str(a), f"{a}-{b}/{random.randint(1, 5)}", f"{a},{b}"][kind]


def expressions():
    yield from FIXED
    for _ in range(60):
        yield " ".join([field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)])


print("-- Made by test/golden/cron.py with croniter.")
print("CREATE TEMP TABLE due (cron text, after timestamptz, zone text, next timestamptz);")
print("INSERT INTO due VALUES")
lines = []
for expression in expressions():
    for zone in ["UTC", "Asia/Kathmandu"]:      # neither has daylight saving time
        after = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(seconds=random.randrange(4 * 366 * 86400))
        due = croniter(expression, after).get_next(datetime)
        lines.append(f"\t('{expression}', '{after.isoformat()}', '{zone}', '{due.isoformat()}')")
print(",\n".join(lines) + ";")
