"""An alert that nobody acknowledges in time is told to the unit above, once, and nobody is told of it without need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.core.rules import Severity
from tests.runtime.conftest import Run
from tests.runtime.office import NOW, Office, decisions, edit, extension, officers, permit, wib

UNITS = """
units:
  - id: kesbangpol-15
    name: Provinsi
    areas: ["15"]
    officers:
      - {id: prov-1, name: Petugas 1, language: id, email: petugas1@provinsi.example, receives: [email]}
  - id: kesbangpol-15.06
    name: Tanjab Barat
    areas: ["15.06"]
    parent: kesbangpol-15
    officers:
      - {id: tanjab-1, name: Petugas 2, language: en, email: petugas2@tanjab.example, receives: [email]}
"""
DAY = timedelta(days=1)  # NOW is a Tuesday, and no holiday is near


@pytest.fixture
def office(tmp_path: Path, root: Path) -> Iterator[Office]:
    (root / "units.yaml").write_text(UNITS, encoding="utf-8")
    office = Office(tmp_path / "data" / "lapor-dini.sqlite", decisions(root))
    yield office
    office.store.close()


def send(office: Office) -> None:
    office.store.connection.execute("UPDATE notices SET state = 'sent' WHERE state = 'planned'")


def told(office: Office, kind: str = "alert") -> list[tuple[str, str]]:
    """Officer and change of every line, oldest first, of stay_expired."""
    ours = {alert.id for alert in office.alerts()}
    return [(n.officer, x.change) for n in office.notices() if n.kind == kind for x in n.lines if x.alert in ours]


def at(office: Office, instant: datetime) -> None:
    office.now = instant
    office.accept()


def raised(office: Office) -> str:
    """A high alert of a regency, told."""
    office.accept(permit(1))
    send(office)
    assert told(office) == [("tanjab-1", "raised")]
    (alert,) = office.alerts()
    assert (alert.severity, alert.unit) == (Severity.high, "kesbangpol-15.06")
    return alert.id


def test_it_is_told_to_the_unit_above_when_its_time_has_come_and_not_before(office: Office) -> None:
    id = raised(office)
    at(office, NOW + DAY - timedelta(microseconds=1))
    assert len(told(office)) == 1
    assert office.store.register.next_due() == NOW + DAY, "nobody has to look before"
    at(office, NOW + DAY)
    assert told(office) == [("tanjab-1", "raised"), ("prov-1", "unanswered")]
    log = office.rows(f"SELECT change, reason FROM alert_changes WHERE alert = '{id}' ORDER BY number")
    assert log == [("raised", "due"), ("stepped", "unanswered")]


def test_it_is_told_once(office: Office) -> None:
    raised(office)
    for days in range(1, 20):
        at(office, NOW + days * DAY)
    assert [who for who, change in told(office) if change == "unanswered"] == ["prov-1"]


def test_weekends_and_holidays_are_nobodys_fault(office: Office) -> None:
    office.now = wib("2026-03-13T10:00:00")  # a Friday
    raised(office)
    at(office, wib("2026-03-16T09:59:59"))
    assert len(told(office)) == 1
    at(office, wib("2026-03-16T10:00:00"))
    assert len(told(office)) == 2


def test_an_acknowledgement_in_time_answers_it(office: Office) -> None:
    id = raised(office)
    office.later(hours=23)
    office.accept(officers("o1", "acknowledged", id, "2026-03-11T07:00:00"))
    for days in range(1, 20):
        at(office, NOW + days * DAY)
    assert told(office) == [("tanjab-1", "raised")]


def test_an_acknowledgement_that_is_taken_back_answers_nothing(office: Office) -> None:
    id = raised(office)
    office.later(hours=1)
    office.accept(officers("o1", "acknowledged", id))
    wrong = officers("o2", "noted", id, note="keliru").replace(b'"id": "o2"', b'"id": "o2", "supersedes": "o1"')
    office.accept(wrong)
    at(office, NOW + DAY)
    assert told(office)[-1] == ("prov-1", "unanswered")


def test_a_closing_ends_the_waiting(office: Office) -> None:
    id = raised(office)
    office.later(hours=1)
    office.accept(officers("o1", "closed", id, "2026-03-10T09:00:00", outcome="false_alarm"))
    at(office, NOW + 3 * DAY)
    assert told(office) == [("tanjab-1", "raised")]


def test_late_news_that_withdraws_it_ends_the_waiting(office: Office) -> None:
    raised(office)
    office.later(hours=1)
    office.accept(extension(1))
    send(office)
    at(office, NOW + 3 * DAY)
    assert told(office) == [("tanjab-1", "raised")]
    assert told(office, "ralat") == [("tanjab-1", "withdrawn")]


def test_the_unit_above_gets_a_ralat_too_when_it_is_withdrawn(office: Office) -> None:
    raised(office)
    at(office, NOW + DAY)
    send(office)
    office.accept(extension(1))
    assert sorted(told(office, "ralat")) == [("prov-1", "withdrawn"), ("tanjab-1", "withdrawn")]


def test_an_alert_that_comes_back_is_asked_about_anew(office: Office) -> None:
    id = raised(office)
    office.accept(officers("o1", "acknowledged", id))
    office.later(hours=2)
    office.accept(extension(1))
    send(office)
    office.later(hours=2)
    office.accept(permit(1, "2026-02-25", id="p1b", supersedes="q1", permit_no="Q1", valid_from="2026-02-20"))
    send(office)
    back = office.now
    at(office, back + DAY)
    assert told(office)[-1] == ("prov-1", "unanswered"), "the answer was about what was withdrawn"


def test_the_province_has_nobody_above(office: Office) -> None:
    office.accept(permit(1, area="15"))
    at(office, NOW + 10 * DAY)
    assert {change for _, change in told(office)} == {"raised"}


def test_a_rule_on_trial_asks_nobody(tmp_path: Path, root: Path) -> None:
    edit(root, "stay_expired", "status: active", "status: shadow")
    (root / "units.yaml").write_text(UNITS, encoding="utf-8")
    office = Office(tmp_path / "data" / "x.sqlite", decisions(root))
    office.accept(permit(1))
    at(office, NOW + 10 * DAY)
    assert office.rows("SELECT 1 FROM alert_changes WHERE reason = 'unanswered'") == []
    office.store.close()


def test_an_alert_that_nobody_was_told_of_cannot_be_unanswered(office: Office) -> None:
    office.accept(*(permit(number) for number in range(25)))
    at(office, NOW + DAY)
    assert told(office) == [], "the guard holds them"


def test_a_rebuild_asks_nobody_again(office: Office, run: Run) -> None:
    raised(office)
    at(office, NOW + DAY)
    send(office)
    office.store.connection.execute("UPDATE subjects SET entry = ?, next_change = 0 WHERE kind = 'person'", (b"[1]",))
    assert run("rebuild").exit_code == 0
    at(office, NOW + 9 * DAY)
    assert [who for who, change in told(office) if change == "unanswered"] == ["prov-1"]
