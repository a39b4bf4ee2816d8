"""What other systems are told of the alerts of a sample, in a soak of a whole year of it, names nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.core.calendar import start_of_day
from alerts.runtime.intake import kept_event
from alerts.runtime.recorded import load, read_recorded
from alerts.runtime.relay import message
from alerts.runtime.settle import read_decisions
from alerts.sample.generate import write_sample
from alerts.store.store import Store
from alerts.store.topics import changes_after
from tests.e2e.service import ROOT
from tests.lengths import SOAK_S

FROM = date(2026, 1, 1)
UNTIL = FROM + timedelta(days=365 if SOAK_S else 60)
WORD = re.compile(r"[\w./]+")


def identifiers(value: Any, name: str = "") -> Iterator[str]:
    """Numbers of documents of an event: passports, permits, NIORA, approvals, NIB."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from identifiers(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from identifiers(inner, name)
    elif isinstance(value, str) and (name.endswith("_no") or name in ("nib", "niora")):
        yield value


def test_no_passport_and_no_permit_of_the_sample_is_in_any_message_about_its_alerts(tmp_path: Path) -> None:
    now = start_of_day(UNTIL)
    decided, problems, _ = read_decisions(ROOT / "rules", now, FROM)
    assert decided, problems
    write_sample(tmp_path, 7, FROM, UNTIL)
    events = read_recorded([tmp_path / "events.jsonl"], decided, lambda place, wrong: pytest.fail(f"{place}: {wrong}"))
    numbers = {number for _, raw in events for number in identifiers(msgspec.json.decode(raw)["data"])}
    with closing(Store(tmp_path / "here.sqlite", kept_event(lambda: decided))) as store:
        load(store, decided, events, start_of_day(FROM), now, lambda done, total: None)
        told = [message(row) for row in changes_after(store.connection, 0, 1_000_000)]
        subjects = {subject for (subject,) in store.connection.execute("SELECT subject FROM alerts WHERE NOT shadow")}
    assert len(numbers) > 2000
    assert len(told) > 100
    assert {word for subject in subjects for word in subject.split(":")} & numbers, "the alerts are about such numbers"
    assert {word for value in told for word in WORD.findall(value.decode())} & numbers == set()
