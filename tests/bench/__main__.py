"""`make bench`: every measurement on one pinned core, each in a process of its own, and the page RESULTS.md that says what came
out.

A target is judged by the ratio of two figures of this one run; nothing here passes or fails.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import page
from tests.bench.workloads import HERE, PEERS, processor, shared

CORE = 1
TIMES = 3
SHARED_EVENTS, SHARED_PERSONS = 500_000, 50_000
SUBJECTS = (10_000, 100_000, 1_000_000)


def measured(*command: str | Path) -> dict[str, Any]:
    """What a Python process prints as its last line of JSON, pinned to one core."""
    pinned: Callable[[], None] = lambda: os.sched_setaffinity(0, {min(CORE, (os.cpu_count() or 1) - 1)})  # noqa: E731
    printed = subprocess.run([sys.executable, *command], preexec_fn=pinned, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(printed.stdout.splitlines()[-1])
    print(" ".join(map(str, command)), answer, flush=True)
    return answer


def shared_workload() -> dict[str, Any]:
    """The shared workload in turn through the plain loop and through ours; the alerts of both, and of the oracle."""
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours, until = shared(Path(folder), SHARED_EVENTS, SHARED_PERSONS)
        expected = measured(PEERS / "oracle.py", theirs)
        pairs = [
            (measured(PEERS / "plain.py", theirs), measured("-m", "tests.bench.shared", ours, until.isoformat()))
            for _ in range(TIMES)
        ]
    plain_us = [plain["stream_cpu_s"] / plain["n"] * 1e6 for plain, _ in pairs]
    return {
        "plain_us": median(plain_us),
        "ours_us": median(run["us"] for _, run in pairs),
        "times": median(run["us"] / us for us, (_, run) in zip(plain_us, pairs, strict=True)),
        "equal": {run["sha256"] for pair in pairs for run in pair} == {expected["sha256"]},
        "changes": pairs[0][1]["changes"],
        "plain_changes": pairs[0][0]["changes"],
        "rss_mb": pairs[0][1]["rss_mb"],
    }


def main() -> None:
    """Measure everything, print it, write RESULTS.md."""
    results = {
        "durable": measured("-m", "tests.bench.durable"),
        "shared": shared_workload(),
        "scale": [measured("-m", "tests.bench.scale", str(subjects)) for subjects in SUBJECTS],
        "rules": measured("-m", "tests.bench.rules_count"),
        "edits": measured("-m", "tests.bench.edits"),
    }
    machine = f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}"
    text = page.written(results, machine, datetime.now(UTC).date().isoformat())
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
