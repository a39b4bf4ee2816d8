"""Corrections, refusals and rebuilding: what was decided stays decided, and what was taken back has no effect."""

from __future__ import annotations

import pytest

from alerts.core.register.subject import decode
from tests.found.province import Province, complete, departure, event, office, overstay, person

DAY = "2026-03-05"


@pytest.fixture
def accused(province: Province) -> Province:
    """One overstay, told by one event, and raised."""
    province.reported(f"{DAY}T09:00:00", overstay("p1"), *complete(f"{DAY}T08:00:00", "imigrasi/jambi"))
    assert province.standing() == {("stay_expired", "P1")}
    return province


def closing(accused: Province, id: str = "c1") -> bytes:
    return office("closed", accused.alert(), f"{DAY}T10:00:00", id, outcome="false_alarm")


def studying(accused: Province) -> bytes:
    """The same permit, with its activity put right."""
    return overstay("p2", activity="study", supersedes="p1")


def test_a_correction_of_all_that_is_known_of_somebody_leaves_their_case_closed(accused: Province) -> None:
    accused.reported(f"{DAY}T10:00:00", closing(accused))
    assert accused.reported(f"{DAY}T11:00:00", studying(accused)) == []
    assert accused.states() == ["closed"]
    assert accused.proof() == []


def test_a_correction_of_all_that_is_known_of_somebody_keeps_the_acknowledgement(accused: Province) -> None:
    accused.reported(f"{DAY}T10:00:00", office("acknowledged", accused.alert(), f"{DAY}T10:00:00"))
    assert accused.reported(f"{DAY}T11:00:00", studying(accused)) == []
    assert accused.states() == ["acknowledged"]


def test_a_closing_is_part_of_what_the_events_say(accused: Province) -> None:
    accused.reported(f"{DAY}T10:00:00", closing(accused))
    assert accused.proof() == []


def test_a_rebuild_accuses_nobody_again_whose_case_was_closed(accused: Province) -> None:
    accused.reported(f"{DAY}T10:00:00", closing(accused))
    accused.rebuilt()
    assert accused.reported(f"{DAY}T11:00:00") == []
    assert accused.states() == ["closed"]


def test_the_closing_of_the_wrong_case_can_be_taken_back(accused: Province) -> None:
    alert, closed = accused.alert(), closing(accused)
    accused.reported(f"{DAY}T10:00:00", closed)
    note = office("noted", alert, f"{DAY}T11:00:00", "c2", supersedes="c1", note="wrong case")
    accused.reported(f"{DAY}T11:00:00", note)
    assert accused.states() == ["raised"]
    assert accused.proof() == []


@pytest.mark.parametrize("together", [True, False])
def test_a_closing_that_comes_after_its_own_correction_closes_nothing(accused: Province, together: bool) -> None:
    note = office("noted", accused.alert(), f"{DAY}T11:00:00", "c2", supersedes="c1", note="wrong case")
    closed = closing(accused)
    if together:
        accused.reported(f"{DAY}T11:00:00", note, closed)
    else:
        accused.reported(f"{DAY}T11:00:00", note)
        accused.reported(f"{DAY}T12:00:00", closed)
    assert accused.states() == ["raised"]
    assert accused.proof() == []


@pytest.mark.parametrize("together", [True, False])
def test_a_correction_of_a_refused_correction_also_takes_back_the_first_error(
    province: Province, together: bool
) -> None:
    """A: the wrong person left. B corrects A, but with a day that does not exist. C corrects B."""
    right = person("RIGHT")
    a = departure("2026-01-10", person("WRONG"), "A")
    data = {"person": right, "exit_date": "2026-01-32", "port": "CGK"}
    b = event("departure.recorded", "2026-01-10", data, "imigrasi/jambi", "B", supersedes="A")
    c = departure("2026-01-10", right, "C", supersedes="B")
    province.at("2026-01-10T09:00:00", overstay("p1", person("WRONG")), a)
    for group in ([b, c],) if together else ([b], [c]):
        province.at("2026-01-12T09:00:00", *group)
    entries = dict(province.rows("SELECT key, entry FROM subjects WHERE kind = 'person'"))
    departed = {key for key, entry in entries.items() if decode("person", entry).facts.departures}
    assert departed == {"person:UTO:RIGHT"}
    assert province.rows("SELECT id, state FROM quarantine") == [("B", "replaced")]
    assert province.proof() == []


def test_an_event_that_is_refused_takes_nothing_back(accused: Province) -> None:
    unknown = event(
        "alert.acknowledged", f"{DAY}T10:00:00", {"alert": "0" * 20}, "imigrasi/jambi", "u", supersedes="p1"
    )
    assert accused.at(f"{DAY}T10:00:00", unknown) == []
    assert accused.rows("SELECT id, state FROM quarantine") == [("u", "open")]
    assert accused.standing() == {("stay_expired", "P1")}
    assert accused.proof() == []


def test_an_event_that_is_refused_does_not_count_as_heard(accused: Province) -> None:
    """One mistyped number of an alert, from an office that had sent nothing before."""
    accused.at(f"{DAY}T10:00:00", office("acknowledged", "0" * 20, f"{DAY}T10:00:00"))
    assert accused.rows("SELECT key FROM subjects WHERE key = 'feed:kesbangpol/tanjab-barat'") == []
    assert accused.proof() == []
