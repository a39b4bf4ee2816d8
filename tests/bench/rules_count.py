"""The durable path with more rules: `python -m tests.bench.rules_count` prints one line of JSON.

To the ten shipped rules are added copies of the one about institutions, of which these events hardly speak, and for comparison
copies of one about persons, whom nearly all of them are about.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from alerts.core.rules import RuleSet
from alerts.runtime.settle import Decided
from tests.bench.durable import TIMES, taken
from tests.bench.workloads import calm, lines_of, shipped_rules, year

EVENTS = 20_000
COUNTS = (10, 100, 1_000)


def with_copies(decided: Decided, of: str, count: int) -> Decided:
    """The shipped rules and copies of one of them, `count` in all."""
    shipped = decided.settled.rules
    more = count - len(shipped.rules)
    copies = tuple(
        msgspec.structs.replace(shipped.by_id[of], id=f"{of}_{number}", inhibits=()) for number in range(more)
    )
    rules = RuleSet((*shipped.rules, *copies), shipped.generation)
    return msgspec.structs.replace(decided, settled=msgspec.structs.replace(decided.settled, rules=rules))


def main() -> None:
    """Measure and print."""
    calm()
    decided, measured = shipped_rules(), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        lines = lines_of(year(Path(folder)))[:EVENTS]
    for about, of in (("other", "foreign_org_permit_expiring"), ("same", "stay_expiring")):
        for count in COUNTS if about == "other" else COUNTS[:2]:
            run = with_copies(decided, of, count)
            measured[f"{about} {count}"] = median(taken(lines, run) for _ in range(TIMES)) / len(lines) * 1e6
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
