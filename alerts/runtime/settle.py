"""Reading everything that people decide (rules, units, feeds, policy, holidays) into one value, and noticing edits.

All or nothing: one mistake in any file leaves the last good set in force, and every mistake is reported with its place.
"""

from __future__ import annotations

import hashlib
import os
from datetime import date, datetime
from pathlib import Path

import msgspec

from alerts.core.calendar import civil_date
from alerts.core.engine import MEANING
from alerts.core.events.areas import AreaCodes
from alerts.core.policy import Policy
from alerts.core.register.views import KINDS
from alerts.core.turn import Settled
from alerts.files.loader import load_rules
from alerts.files.reading import SIZE_LIMIT, Problem
from alerts.files.setup import Setup, load_setup
from alerts.files.testcheck import check_tests
from alerts.runtime.settings import shipped


class Decided(msgspec.Struct, frozen=True):
    """What is in force: for judging (`settled`), for telling (`policy`), for reading events (`areas`)."""

    settled: Settled
    setup: Setup
    loaded_at: datetime
    fingerprint: str  # of all files; equal fingerprints judge alike

    @property
    def policy(self) -> Policy:
        return self.setup.policy

    @property
    def areas(self) -> AreaCodes:
        return self.setup.areas

    @property
    def bps_sources(self) -> frozenset[str]:
        return frozenset(office.source for office in self.settled.feeds.offices.values() if office.bps)


Read = tuple[Decided | None, tuple[str, ...], tuple[str, ...]]  # what is decided, problems, warnings


def read_decisions(root: Path, now: datetime, today: date, units_file: Path | None = None) -> Read:
    """What the folder decides, the problems (then nothing is decided), and the warnings; each `file:line:column …`.

    A folder without units.yaml has the shipped units.
    """
    fingerprint = files_fingerprint(root)
    loaded = load_rules(root, today)
    setup = _read_setup(root, units_file)
    problems = (*loaded.problems, *(() if isinstance(setup, Setup) else setup))
    warnings = tuple(map(str, loaded.warnings))
    if problems or loaded.rules is None or not isinstance(setup, Setup):
        return None, tuple(map(str, sorted(problems))), warnings
    escalate = setup.policy.escalate
    settled = Settled(loaded.rules, setup.units, setup.calendar, setup.feeds, escalate=escalate)
    return Decided(settled, setup, now, fingerprint), (), warnings


def _read_setup(root: Path, units_file: Path | None = None) -> Setup | tuple[Problem, ...]:
    if units_file is None and not (root / "units.yaml").exists():
        units_file = shipped("rules") / "units.yaml"
    return load_setup(root, shipped("rules"), units_file)


def check_folder(root: Path, now: datetime, today: date) -> tuple[Decided | None, tuple[str, ...], tuple[str, ...]]:
    """As `read_decisions`, with the problems of the test files, too. Those keep nothing from being in force."""
    decided, problems, warnings = read_decisions(root, now, today)
    setup = decided.setup if decided else _read_setup(root)
    found = check_tests(root, decided.settled.rules if decided else None, setup if isinstance(setup, Setup) else None)
    return decided, (*problems, *map(str, found)), warnings


def files_fingerprint(root: Path) -> str:
    """Changes when any YAML file of the folder does, or what the program makes of them."""
    digest = hashlib.sha256(f"meaning {MEANING}".encode())
    for path in sorted(root.rglob("*.yaml")):
        digest.update(os.fsencode(path.relative_to(root)) + b"\0")
        try:
            if path.is_file():  # a pipe or a device would never end
                with path.open("rb") as file:
                    digest.update(file.read(SIZE_LIMIT + 1) + b"\0")
        except OSError as error:
            digest.update(str(error).encode())
    return digest.hexdigest()[:16]


def read_still(root: Path, now: datetime) -> Read | None:
    """As `read_decisions`, of a folder that nobody wrote to meanwhile. None where somebody did: half of an edit decides nothing."""
    before = files_fingerprint(root)
    read = read_decisions(root, now, civil_date(now))
    return read if files_fingerprint(root) == before else None


def kinds_to_judge_again(old: Settled | None, new: Settled) -> frozenset[str]:
    """The kinds of subject whose answers an edit may have changed."""
    if old is None or (old.units, old.feeds, old.calendar) != (new.units, new.feeds, new.calendar):
        return frozenset(KINDS)
    before, after = ({(rule.about, rule.id, rule.meaning) for rule in s.rules.rules} for s in (old, new))
    return frozenset(about for about, _, _ in before ^ after)
