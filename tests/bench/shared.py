"""The shared workload through the durable path: `python -m tests.bench.shared FILE UNTIL` prints one line of JSON.

Events are taken as they were received and committed 5,000 at a time; between them the clock stops at every deadline, so each alert
is raised at its instant and not at the person's next event. Nobody is told, as in the measured peers.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import process_time

from alerts.core.judgement import Change
from alerts.runtime.intake import read_event, take
from alerts.store.database import transaction
from alerts.store.store import Store
from tests.bench.durable import BATCH, opened
from tests.bench.workloads import RECEIVED, RULE_OF, Line, calm, peak_mb, shared_rules

TOGETHER = 1_000  # events received between two deadlines are judged together, up to this many


def instants(path: Path, store: Store, until: datetime) -> Iterator[tuple[datetime, list[bytes]]]:
    """When something is to be judged, and the events received by then."""
    with path.open("rb") as file:
        events: Iterator[Line] = ((RECEIVED.decode(raw).receivedtime, raw) for raw in file)
        waiting = next(events, None)
        while waiting or ((due := store.register.next_due()) and due <= until):
            due, part = store.register.next_due(), list[Line]()
            while waiting and len(part) < TOGETHER and not (due and waiting[0] > due):
                part.append(waiting)
                waiting = next(events, None)
            if part:
                yield part[-1][0], [raw for _, raw in part]
            elif due:
                yield due, []


def run(path: Path, until: datetime) -> tuple[list[Change], int, float]:
    """All changes, how many events there were, and the CPU seconds for them."""
    decided = shared_rules()
    changes, events = list[Change](), 0
    with opened(decided) as store:
        begun = process_time()
        following, more = instants(path, store, until), True
        while more:
            with transaction(store.connection):
                committed = more = 0
                for at, raws in following:
                    group = [(raw, read_event(raw, at, decided)) for raw in raws]
                    result = take(store, decided, group, at, tell=False)
                    while result.more_due:
                        changes += result.changes
                        result = take(store, decided, [], at, tell=False)
                    changes += result.changes
                    events, committed = events + len(raws), committed + len(raws)
                    if committed >= BATCH:
                        more = 1
                        break
        return changes, events, process_time() - begun


def standing(changes: list[Change], path: Path) -> list[str]:
    """What stands at the end, as the oracle writes it: rule, person, key."""
    stands: set[tuple[str, str, str]] = set()
    for change in changes:
        key = (change.rule, change.subject.rpartition(":")[2], change.item)
        if change.change == "raised":
            stands.add(key)
        elif change.change in ("withdrawn", "expired"):
            stands.discard(key)
    arrivals = {}
    for raw in path.open("rb"):
        event = json.loads(raw)
        if event["type"] == "arrival.recorded.v1":
            arrivals[event["data"]["person"]["passport_no"]] = event["id"]
    short = {rule: number for number, rule in RULE_OF.items()}
    return sorted(f"{short[r]},{who.lower()},{arrivals[who] if short[r] == 'R2' else item}" for r, who, item in stands)


def main() -> None:
    """Measure and print."""
    calm()
    path, until = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    changes, events, spent = run(path, until)
    stands = standing(changes, path)
    counted = Counter(("+" if c.change == "raised" else "-") + c.rule for c in changes)
    digest = hashlib.sha256("\n".join(stands).encode()).hexdigest()
    rss_mb = round(peak_mb())
    print(
        json.dumps(
            {"us": spent / events * 1e6, "sha256": digest, "changes": counted, "events": events, "rss_mb": rss_mb}
        )
    )


if __name__ == "__main__":
    main()
