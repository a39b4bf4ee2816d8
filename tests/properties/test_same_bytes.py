"""Law 5: the same recorded events print the same bytes in every process, and what stands does not hang on the order of lines
that were received at one instant.

Drawn histories of many persons with merges, splits, corrections and contradictions, through the real command line.
`LAPOR_SEED=… pytest tests/properties/test_same_bytes.py` replays one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from alerts.cli import app
from tests.lengths import rounds
from tests.properties.recorded import COPIES, drawn, in_process_of_its_own, replaying, shuffled


def seeds() -> Iterator[int]:
    """The seeds of this run, or the one that is asked for; each is named where the test fails."""
    asked = os.environ.get("LAPOR_SEED")
    for seed in [int(asked)] if asked else rounds(1):
        print(f"again: LAPOR_SEED={seed} .venv/bin/python -m pytest tests/properties/test_same_bytes.py")
        yield seed


def test_the_same_events_print_the_same_bytes_whatever_the_hashes(tmp_path: Path) -> None:
    for seed in seeds():
        arguments = replaying(tmp_path, drawn(seed))
        printed = [in_process_of_its_own(arguments, hash_seed) for hash_seed in (0, 1, 2)]
        assert printed[0] == printed[1] == printed[2]
        assert_telling(printed[0])


def test_lines_of_one_instant_in_another_order_leave_the_same_standing(tmp_path: Path) -> None:
    for seed in seeds():
        lines = drawn(seed)
        mixed = shuffled(lines, seed)
        assert mixed != lines
        one, other = (CliRunner().invoke(app, replaying(tmp_path, order, "--standing")) for order in (lines, mixed))
        assert sorted(one.stdout.splitlines()) == sorted(other.stdout.splitlines()), "another order, other alerts"
        assert one.stdout.count("\n") > COPIES / 2


def assert_telling(printed: list[str]) -> None:
    """The history is one that could show something: every sort of change, several units, several alerts of one subject."""
    changes = [json.loads(line) for line in printed]
    assert {change["change"] for change in changes} == {"raised", "stepped", "withdrawn", "expired"}
    assert len({change["unit"] for change in changes}) >= 3
    raised = {(c["subject"], c["rule"], c["item"]) for c in changes if c["subject"].startswith("person")}
    assert max(Counter(subject for subject, _, _ in raised).values()) >= 2
