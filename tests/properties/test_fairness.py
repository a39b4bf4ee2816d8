"""Who somebody is changes nothing: a season of the sample, told again with other states, names, sexes or years of birth, gives
the same alerts about the same persons at the same instants (metamorphic: no expectation has to be written down).

Facts like these are barred from rules by type; this law holds the whole way to it, from the event to what officers are told:
identities, order of work, texts of facts.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from alerts.core import turn as turn_module
from alerts.core.calendar import WIB
from alerts.core.engine import step
from alerts.core.events.envelope import Event
from alerts.core.judgement import Change, Judged
from alerts.core.replay import replay
from alerts.runtime.intake import read_event
from alerts.sample.generate import write_sample
from tests.properties.histories import shipped

UNTIL = datetime(2026, 4, 1, tzinfo=WIB)
STATES = ("D", "UTO", "XXA", "XXB", "AAA", "ZZZ")  # D is a code of one letter, as on real passports

Person = dict[str, Any]
Retell = Callable[[Person, int], Person]  # the person's block, and a number that is always the same for one person


def other_state(person: Person, number: int) -> Person:
    return person | {"issuing_state": STATES[number % len(STATES)]} if "issuing_state" in person else person


def other_name(person: Person, number: int) -> Person:
    return person | {"full_name": f"Orang Lain {number}"} if "full_name" in person else person


def other_sex(person: Person, number: int) -> Person:
    return person | {"sex": "MFX"[number % 3]} if "sex" in person else person


def other_year_of_birth(person: Person, number: int) -> Person:
    born = person.get("birth_date")
    return (
        person | {"birth_date": f"{1932 + number % 20 * 4}{born[4:]}"} if born else person
    )  # leap years stay leap years


@cache
def season() -> list[dict[str, Any]]:
    """What agencies said in the sample year until the end of March."""
    with TemporaryDirectory() as folder:
        write_sample(Path(folder), 7, date(2026, 1, 1), date(2027, 1, 1))
        lines = (Path(folder) / "events.jsonl").read_bytes().splitlines()
    return [event for event in map(json.loads, lines) if datetime.fromisoformat(event["receivedtime"]) < UNTIL]


@cache
def renewals() -> dict[str, str]:
    """The first passport of each that somebody renewed."""
    first: dict[str, str] = {}
    for block in (event["data"]["person"] for event in season() if "person" in event["data"]):
        if renewed := block.get("previous_passport_no"):
            first[block["passport_no"]] = first.get(renewed, renewed)
    return first


def retold(retell: Retell) -> list[Event]:
    """The season with every person retold, each the same way everywhere."""

    def person(block: Person) -> Person:
        passport: str = block.get("passport_no", "")
        return retell(block, zlib.crc32(renewals().get(passport, passport).encode()))

    events = []
    for event in season():
        data = dict(event["data"])
        if "person" in data:
            data["person"] = person(data["person"])
        if "workers" in data:
            data["workers"] = [worker | {"person": person(worker["person"])} for worker in data["workers"]]
        if "persons" in data:
            data["persons"] = [person(block) for block in data["persons"]]
        raw = json.dumps(event | {"data": data}).encode()
        read = read_event(raw, UNTIL, shipped(), recorded=True)
        assert isinstance(read, Event), str(read)
        events.append(read)
    return events


def told(retell: Retell) -> list[Any]:
    """All changes, with the person's passport for a name: the issuing state is part of the key, of the ids made of it, and may
    decide which of two rows is kept where two persons turn out to be one."""
    return [_without_state(change) for change in replay(retold(retell), shipped().settled, UNTIL)]


def _without_state(change: Change) -> Any:
    nameless = msgspec.structs.replace(change, subject="", subject_id=0, alert="", continues="")
    return change.subject.rpartition(":")[2], bool(change.continues), nameless


@cache
def as_it_was() -> list[Any]:
    return told(lambda person, number: person)


RETELLINGS = (other_state, other_name, other_sex, other_year_of_birth)


@pytest.mark.parametrize("retell", RETELLINGS, ids=lambda retell: retell.__name__)
def test_the_same_alerts_for_persons_with(retell: Retell) -> None:
    assert len({who for who, _, change in as_it_was() if change.change == "raised"}) > 100
    assert any(retell(e["data"]["person"], 5) != e["data"]["person"] for e in season() if "person" in e["data"])
    assert told(retell) == as_it_was()


def test_the_law_says_so_when_one_state_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    def sparing(subject: Any, *given: Any) -> Judged:
        spared = subject.key.startswith("person:ZZZ:")
        return Judged(subject, (), None, ()) if spared else step(subject, *given)

    expected = as_it_was()
    monkeypatch.setattr(turn_module, "step", sparing)
    assert told(other_state) != expected
