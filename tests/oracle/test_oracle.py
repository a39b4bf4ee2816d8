"""The engine and an oracle that shares no code with it say the same: on the sample's year, and on random histories.

The random histories must have come to every rule and every way an alert begins and ends, and planted faults must be noticed, so
that the agreement cannot be empty. A history that fails prints the command that shows it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest

from alerts.runtime.settle import read_decisions
from alerts.sample.generate import write_sample
from tests.lengths import rounds
from tests.oracle.compare import FAR, ROOT, Raw, drawn, judged
from tests.oracle.facts import Fact
from tests.oracle.oracle import RULES, Key, Known, Verdict, standing

SHORT = 450
LADDERS = {rule for rule, (_, _, steps) in RULES.items() if len(steps) > 1}
WAITING = {rule for rule, (needs, _, _) in RULES.items() if needs}
MARKS = (
    {f"{rule} {mark}" for rule in RULES for mark in ("raised", "withdrawn", "closed")}
    | {f"{rule} expired" for rule in RULES if rule != "feed_silent"}  # which stands until the feed is heard
    | {f"{rule} stepped" for rule in LADDERS}
    | {f"{rule} unknown" for rule in WAITING}
    | {"left as it was"}
)


def test_they_agree_on_the_sample(tmp_path: Path) -> None:
    write_sample(tmp_path, 7, date(2026, 1, 1), date(2027, 1, 1))
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    facts = [Fact(event) for event in events]
    days = ("2026-03-15", "2026-06-01", "2026-08-20", "2027-01-01")
    instants = [datetime.fromisoformat(f"{day}T00:00:00+07:00") for day in days]
    for instant, engine in zip(instants, judged(events, instants)[0], strict=True):
        oracle = Known(fact for fact in facts if fact.received <= instant).judged(instant, {})
        unknown = {key for key, verdict in oracle.items() if verdict is None}  # stands as it was, if it did
        assert len(engine) > 30
        assert {key: v for key, v in engine.items() if key not in unknown} == {
            k: (v.severity, v.unit) for k, v in oracle.items() if v
        }


def test_they_agree_on_random_histories() -> None:
    marks: set[str] = set()
    for seed in rounds(SHORT):
        events, instants = drawn(seed)
        answers, changes = judged(events, instants)
        oracle = standing(events, instants)
        assert answers == oracle, f"python -m tests.oracle.compare {seed}"
        marks |= {f"{change.rule} {change.change}" for change in changes}
        marks.update(unknown(events, oracle, instants))
    assert MARKS - marks == set()


def unknown(events: list[Raw], oracle: list[dict[Key, Verdict]], instants: set[datetime]) -> Iterator[str]:
    """Marks of what could not be judged for want of word from a source, and whether it stood."""
    facts = [Fact(event) for event in events]
    for instant, stands in zip(sorted(instants), oracle, strict=True):
        for key, verdict in Known(fact for fact in facts if fact.received <= instant).judged(instant, {}).items():
            if verdict is None:
                yield "left as it was" if key in stands else f"{key[0]} unknown"


# Planted faults ---------------------------------------------------------------------------------------------------------

OTHER_WORDS = (  # what somebody might write in the files, or the engine might make of them
    ("orang-asing/stay_expired.yaml", "stay.valid_until + 1d", "stay.valid_until + 2d"),
    ("orang-asing/stay_expired.yaml", "keep: 180d", "keep: 181d"),
    ("orang-asing/stay_expiring.yaml", "at: 16d", "at: 17d"),
    ("orang-asing/stay_expiring.yaml", " && !stay.application_pending", ""),
    ("orang-asing/sktt_missing.yaml", "stay.latest && ", ""),
    ("orang-asing/sktt_missing.yaml", "area: person.area\n", ""),
    ("orang-asing/no_location_after_arrival.yaml", "needs: [imigrasi, lodging, dukcapil, disnaker]\n", ""),
    ("orang-asing/lodging_report_late.yaml", "> 24", ">= 24"),
    ("lembaga-asing/foreign_org_permit_expiring.yaml", "when: permit.latest", "when: 'true'"),
    ("tka/worker_without_rptka.yaml", "5wd", "5d"),
    ("tka/unregistered_workplace.yaml", " && !place.left", ""),
    ("tka/rptka_extension_window.yaml", " && approval.kind != 'temporary'", ""),
    ("feeds.yaml", "silent_after: 26h", "silent_after: 27h"),
    ("feeds.yaml", "lateness: 2d", "lateness: 1d"),
)


@pytest.mark.parametrize(("file", "words", "others"), OTHER_WORDS)
def test_a_file_with_other_words_is_noticed(file: str, words: str, others: str, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(ROOT, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert words in text
    (folder / file).write_text(text.replace(words, others), encoding="utf-8")
    decided, problems, _ = read_decisions(folder, FAR, date(2026, 1, 1))
    assert decided, problems
    assert any(judged(events, instants, decided.settled)[0] != oracle for events, instants, oracle in histories())


@pytest.mark.parametrize(
    "forgotten", ["departure.recorded.v1", "worker.left.v1", "identity.merged.v1", "alert.closed.v1"]
)
def test_events_that_are_forgotten_are_noticed(forgotten: str) -> None:
    def heard(events: list[Raw]) -> list[Raw]:
        return [event for event in events if event["type"] != forgotten]

    assert any(judged(heard(events), instants)[0] != oracle for events, instants, oracle in histories())


def test_corrections_that_are_taken_for_more_events_are_noticed() -> None:
    def heard(events: list[Raw]) -> list[Raw]:
        return [{name: value for name, value in event.items() if name != "supersedes"} for event in events]

    assert any(judged(heard(events), instants)[0] != oracle for events, instants, oracle in histories())


def histories() -> Iterator[tuple[list[Raw], set[datetime], list[dict[Key, Verdict]]]]:
    """Those of the short form, with the oracle's word."""
    return map(answered, range(SHORT))


@cache
def answered(seed: int) -> tuple[list[Raw], set[datetime], list[dict[Key, Verdict]]]:
    events, instants = drawn(seed)
    return events, instants, standing(events, instants)
