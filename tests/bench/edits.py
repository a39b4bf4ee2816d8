"""What an admin waits for: `python -m tests.bench.edits` prints one line of JSON.

`rules impact` of one edited rule over the sample year (reading included), and `rules check` of a thousand rules: the shipped
ones and copies of them under other ids.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import process_time

from alerts.channels.render import Templates
from alerts.runtime.impact import impact
from alerts.runtime.recorded import read_recorded
from alerts.runtime.settings import shipped
from alerts.runtime.settle import read_decisions
from tests.bench.durable import TIMES
from tests.bench.workloads import NOW, calm, shipped_rules, year

RULES = 1_000
EDITED, OLD, NEW = "stay_expired", "valid_until + 1d", "valid_until + 4d"
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


def copied(to: Path, count: int) -> None:
    """The shipped rules with their tests, and copies until there are `count` rules."""
    shutil.copytree(shipped("rules"), to)
    rules = [path for path in sorted(to.glob("*/*.yaml")) if not path.name.endswith(".test.yaml")]
    for number in range(count - len(rules)):
        rule = rules[number % len(rules)]
        name = f"{rule.stem}_{number}"
        for path in (rule, rule.with_name(f"{rule.stem}.test.yaml")):
            text = re.sub(rf"\b{rule.stem}\b", name, path.read_text(encoding="utf-8"))
            path.with_name(path.name.replace(rule.stem, name)).write_text(text, encoding="utf-8")


def check_s(root: Path) -> float:
    """CPU seconds to read and check a folder of rules."""
    begun = process_time()
    decided, problems, _ = read_decisions(root, NOW, NOW.date())
    assert decided, problems
    return process_time() - begun


def impact_us(events: Path, root: Path) -> float:
    """CPU microseconds an event, for both sides together."""
    old, (edited, *_) = shipped_rules(), list(root.rglob(f"{EDITED}.yaml"))
    edited.write_text(edited.read_text(encoding="utf-8").replace(OLD, NEW), encoding="utf-8")
    new, problems, _ = read_decisions(root, NOW, NOW.date())
    assert new, problems
    begun = process_time()
    read = [event for event, _ in read_recorded([events], old, lambda *refused: None)]
    found = impact(read, old, new, Templates([shipped("templates")]), UNTIL, lambda *done: None)
    assert found.differences
    return (process_time() - begun) / len(read) * 1e6


def main() -> None:
    """Measure and print."""
    calm()
    with tempfile.TemporaryDirectory() as folder:
        copied(Path(folder) / "many", RULES)
        shutil.copytree(shipped("rules"), Path(folder) / "edited")
        events = year(Path(folder))
        check = median(check_s(Path(folder) / "many") for _ in range(TIMES))
        impacts = median(impact_us(events, Path(folder) / "edited") for _ in range(TIMES))
    print(json.dumps({"check_s": check, "impact_us": impacts}))


if __name__ == "__main__":
    main()
