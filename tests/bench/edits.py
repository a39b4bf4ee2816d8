"""What an admin waits for: `python -m tests.bench.edits` prints one line of JSON.

`rules impact` over half a million events, of one edited rule and of an edit of all; and `rules check` of a thousand rules: the
shipped ones and copies of them under other ids.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

from alerts.runtime.settings import shipped
from alerts.runtime.settle import read_decisions
from tests.bench.durable import TIMES
from tests.bench.workloads import NOW, calm, years

RULES = 1_000
EDITED, OLD, NEW = "stay_expired", "valid_until + 1d", "valid_until + 4d"
UNTIL = "2027-01-01"
YEARS = 14  # of the sample: 529,640 events
_SEVERITY = re.compile(r"severity: (\w+)")


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


def impact_s(events: Path, edited: Path) -> float:
    """CPU seconds of the command, from its start to its end."""
    command = [Path(sys.executable).with_name("lapor-dini"), "rules", "impact", shipped("rules"), edited, events]
    before = os.times()
    subprocess.run([*command, "--until", UNTIL], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def edited(to: Path, *, all: bool) -> Path:
    """The shipped rules with another deadline of one, or with another severity on every step of all."""
    shutil.copytree(shipped("rules"), to)
    for path in to.glob("*/*.yaml" if all else f"*/{EDITED}.yaml"):
        text = path.read_text(encoding="utf-8")
        changed = _SEVERITY.sub(lambda s: "severity: low" if s[1] != "low" else "severity: medium", text)
        path.write_text(changed if all else text.replace(OLD, NEW), encoding="utf-8")
    return to


def main() -> None:
    """Measure and print."""
    calm()
    with tempfile.TemporaryDirectory() as folder:
        copied(Path(folder) / "many", RULES)
        check = median(check_s(Path(folder) / "many") for _ in range(TIMES))
        events = years(Path(folder), YEARS)
        found = {
            "check_s": check,
            "events": sum(1 for _ in events.open("rb")),
            "impact_s": min(impact_s(events, edited(Path(folder) / f"one-{n}", all=False)) for n in range(2)),
            "impact_all_s": impact_s(events, edited(Path(folder) / "all", all=True)),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
