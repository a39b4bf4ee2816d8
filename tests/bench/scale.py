"""The durable path at a given number of subjects: `python -m tests.bench.scale SUBJECTS` prints one line of JSON.

Every subject is a person with one permit; 1 in 100 of the permits ends a month before the others. Measured are: one further permit
for persons drawn over all of them, a tick with nothing due, the tick in which that hundredth falls due, memory, and start-up.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time

import msgspec

from alerts.runtime.intake import kept_event, read_event, take
from alerts.runtime.settle import Decided
from alerts.store.store import Store
from tests.bench.durable import BATCH, TIMES
from tests.bench.workloads import calm, peak_mb, permit, shipped_rules

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
EARLY, LATE = "2026-06-01", "2026-07-01"
DUE = datetime(2026, 5, 3, tzinfo=UTC)  # a month before EARLY: `stay_expiring` is raised
EVENTS = 20_000  # of each measurement
TOGETHER = 1_000  # about as many persons: so at every size each is judged once a batch


def complete(decided: Decided) -> Decided:
    """With sources that have told everything, so that what is due is raised and does not wait."""
    return msgspec.structs.replace(decided, settled=msgspec.structs.replace(decided.settled, complete={}))


def built(store: Store, decided: Decided, subjects: int) -> float:
    """Take in the permits of all; CPU seconds."""
    begun = process_time()
    for first in range(0, subjects, BATCH):
        numbers = range(first, min(first + BATCH, subjects))
        raws = [permit(n, BUILT.date(), BUILT, EARLY if n % 100 == 0 else LATE, "A") for n in numbers]
        _take(store, decided, raws, BUILT)
    return process_time() - begun


def _take(store: Store, decided: Decided, raws: Iterable[bytes], now: datetime) -> int:
    """One turn, and those that it leaves due; how many alerts changed."""
    result = take(store, decided, [(raw, read_event(raw, now, decided)) for raw in raws], now, tell=False)
    changes = len(result.changes)
    while result.more_due:
        result = take(store, decided, [], now, tell=False)
        changes += len(result.changes)
    return changes


def an_event(store: Store, decided: Decided, subjects: int, series: str) -> float:
    """CPU seconds of one more permit for a person drawn from all."""
    rng, now = random.Random(series), DUE + timedelta(days=1)
    raws = [permit(rng.randrange(subjects), date(2026, 5, 4), now, LATE, f"{series}{n}") for n in range(EVENTS)]
    begun = process_time()
    for first in range(0, EVENTS, TOGETHER):
        _take(store, decided, raws[first : first + TOGETHER], now)
    return (process_time() - begun) / EVENTS


def a_tick(store: Store, decided: Decided, now: datetime) -> tuple[float, int]:
    """CPU seconds of time passing, and how many alerts it changed."""
    begun = process_time()
    changed = _take(store, decided, [], now)
    return process_time() - begun, changed


def main() -> None:
    """Measure and print."""
    calm()
    subjects, decided = int(sys.argv[1]), complete(shipped_rules())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lapor-dini.sqlite"
        store = Store(path, kept_event(lambda: decided))
        build_s = built(store, decided, subjects)
        store.close()
        begun = process_time()
        store = Store(path, kept_event(lambda: decided))
        open_s = process_time() - begun
        nothing = [a_tick(store, decided, BUILT + timedelta(days=2))[0] for _ in range(100)]
        due_s, due = a_tick(store, decided, DUE)
        events = [an_event(store, decided, subjects, series) for series in "BCD"[:TIMES]]
        store.close()
        size_mb = path.stat().st_size / 1e6
    print(
        json.dumps({
            "subjects": subjects,
            "build_us": build_s / subjects * 1e6,
            "event_us": median(events) * 1e6,
            "nothing_due_us": median(nothing) * 1e6,
            "due": due,
            "due_us": due_s / max(due, 1) * 1e6,
            "open_ms": open_s * 1e3,
            "file_mb": size_mb,
            "rss_mb": peak_mb(),
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
