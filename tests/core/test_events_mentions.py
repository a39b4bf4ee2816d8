"""Whom an event names, and when what it says happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.core.events.areas import AreaCodes
from alerts.core.events.envelope import Event, decode
from alerts.core.events.mentions import happened, mentions

EXAMPLES = Path(__file__).parent.parent / "examples"
STRONG = ("passport:UTO:S0000123", "niora:9C21JE0001")
PERMITTED = (*STRONG, "permit:9C21JE0001X")
EMPLOYER = "employer:9990000000001"


def read(kind: str, time: str | None = None, **changes: Any) -> Event:
    raw = json.loads((EXAMPLES / f"{kind}.json").read_bytes())
    raw["data"].update(changes)
    raw["time"] = time or raw["time"]
    event = decode(json.dumps(raw).encode(), datetime(2027, 2, 1, tzinfo=UTC), AreaCodes({}))
    assert isinstance(event, Event), str(event)
    return event


def named(event: Event) -> list[tuple[str, tuple[str, ...], str]]:
    return [(mention.kind, mention.identifiers, mention.role) for mention in mentions(event)]


PERSON = ("person", STRONG, "subject")
HOLDER = ("person", PERMITTED, "subject")
COMPANY = ("employer", (EMPLOYER,), "subject")
LODGING = ("lodging", ("lodging:LDG-1506-03",), "subject")
DISTRICT = ("area", ("area:15.06.07",), "subject")
INSTITUTION = ("institution", ("institution:ORG-07",), "subject")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("arrival.recorded.v1", [PERSON]),
        ("departure.recorded.v1", [PERSON]),
        ("stay_permit.issued.v1", [HOLDER, ("employer", (EMPLOYER,), "guarantor")]),
        ("stay_permit.application_filed.v1", [HOLDER]),
        ("stay_permit.ended.v1", [HOLDER]),
        ("residence.registered.v1", [PERSON]),
        ("lodging.checked_in.v1", [PERSON, LODGING]),
        ("lodging.checked_out.v1", [PERSON, LODGING]),
        ("location.reported.v1", [("person", ("niora:9C21JE0001",), "subject"), COMPANY, DISTRICT]),
        ("work_permit.approved.v1", [COMPANY]),
        ("work_permit.ended.v1", [COMPANY]),
        ("worker.placed.v1", [PERSON, COMPANY]),
        ("worker.left.v1", [PERSON, COMPANY]),
        ("workplace.registered.v1", [COMPANY]),
        (
            "workplace.inspected.v1",
            [("person", STRONG, "worker"), COMPANY, DISTRICT],
        ),  # the weak second worker is left out
        ("employer.reported.v1", [COMPANY]),
        ("institution.permit_issued.v1", [INSTITUTION]),
        ("institution.permit_ended.v1", [INSTITUTION]),
        ("institution.activity_reported.v1", [INSTITUTION]),
        (
            "visit.planned.v1",
            [
                ("person", STRONG, "visitor"),
                ("person", ("passport:UTO:S0000124",), "visitor"),
                ("area", ("area:15",), "province"),
            ],
        ),
        ("community.reported.v1", [DISTRICT]),
        ("feed.heartbeat.v1", []),
        (
            "identity.merged.v1",
            [("person", ("passport:UTO:S0000123",), "merged"), ("person", ("niora:9C21JE0009",), "merged")],
        ),
        (
            "identity.split.v1",
            [("person", ("passport:UTO:S0000123",), "split"), ("person", ("niora:9C21JE0009",), "split")],
        ),
        ("alert.acknowledged.v1", []),
        ("alert.closed.v1", []),
        ("alert.noted.v1", []),
    ],
)
def test_an_event_names_its_subjects(kind: str, expected: list[tuple[str, tuple[str, ...], str]]) -> None:
    assert named(read(kind)) == expected


def test_a_weak_person_is_named_by_the_permit_of_the_event_only() -> None:
    weak = {"full_name": "Contoh Satu"}
    assert named(read("arrival.recorded.v1", person=weak)) == []
    assert named(read("stay_permit.ended.v1", person=weak)) == [("person", ("permit:9C21JE0001X",), "subject")]


def test_permit_numbers_come_before_the_previous_passport() -> None:
    block = {"issuing_state": "UTO", "passport_no": "X2", "previous_passport_no": "X1", "permit_no": "9C21JE0001X"}
    (mention,) = mentions(read("stay_permit.ended.v1", person=block))
    assert mention.identifiers == ("passport:UTO:X2", "permit:9C21JE0001X", "passport:UTO:X1")
    assert mention.person is not None


def test_merged_subjects_are_read_in_every_spelling() -> None:
    subjects = ["person:uto:x-1", "person:NIORA:n 1", "person:PERMIT:P1"]
    found = [mention.identifiers for mention in mentions(read("identity.merged.v1", subjects=subjects))]
    assert found == [("passport:UTO:X1",), ("niora:N1",), ("permit:P1",)]


def test_a_report_without_an_employer_names_none() -> None:
    assert [kind for kind, *_ in named(read("location.reported.v1", employer_nib=None))] == ["person", "area"]


@pytest.mark.parametrize(
    ("role", "activity", "areas"),
    [
        ("camat", "visit", [("area:15.06.07",)]),
        ("officer", "work", [("area:15.06.07",)]),
        ("officer", "visit", [("area:15.06.07",), ("area:15",)]),  # the province, of which visits are kept
        ("fkdm", "residence", []),  # residents themselves
        ("employer", "work", []),
    ],
)
def test_what_an_office_reports_is_about_the_district_too(role: str, activity: str, areas: list[tuple[str]]) -> None:
    report = read("location.reported.v1", area="15.06.07.2001", reporter_role=role, activity=activity)
    assert [identifiers for kind, identifiers, _ in named(report) if kind == "area"] == areas


@pytest.mark.parametrize(
    ("kind", "time", "changes", "instant"),
    [
        # its own instant, whatever the envelope says
        ("lodging.checked_in.v1", "2026-01-09T00:00:00Z", {}, "2026-01-05T12:30:00Z"),
        ("lodging.checked_out.v1", "2026-01-09T00:00:00Z", {}, "2026-01-08T04:00:00Z"),
        ("location.reported.v1", "2026-02-19T00:00:00Z", {}, "2026-02-10T07:00:00Z"),
        ("community.reported.v1", "2026-02-19T00:00:00Z", {}, "2026-02-11T06:00:00Z"),
        ("community.reported.v1", "2026-02-19T00:00:00Z", {"observed_at": None}, "2026-02-19T00:00:00Z"),
        # the same civil day in WIB: 4 January 17:00 UTC is the 5th there
        ("arrival.recorded.v1", "2026-01-04T17:00:00Z", {}, "2026-01-04T17:00:00Z"),
        ("departure.recorded.v1", "2026-08-20T16:59:59Z", {}, "2026-08-20T16:59:59Z"),
        # another day: beginnings at its start, endings at its last second
        ("arrival.recorded.v1", "2026-01-04T16:59:59Z", {}, "2026-01-04T17:00:00Z"),
        ("arrival.recorded.v1", "2026-01-09T00:00:00Z", {}, "2026-01-04T17:00:00Z"),
        ("worker.placed.v1", "2026-02-01T00:00:00Z", {}, "2026-01-14T17:00:00Z"),
        ("residence.registered.v1", "2026-02-01T00:00:00Z", {}, "2026-01-25T17:00:00Z"),
        ("workplace.registered.v1", "2026-02-01T00:00:00Z", {}, "2026-01-01T17:00:00Z"),
        ("workplace.inspected.v1", "2026-03-09T00:00:00Z", {}, "2026-03-03T17:00:00Z"),
        ("institution.activity_reported.v1", "2026-05-01T00:00:00Z", {}, "2026-04-11T17:00:00Z"),
        ("departure.recorded.v1", "2026-08-25T00:00:00Z", {}, "2026-08-20T16:59:59Z"),
        ("worker.left.v1", "2026-08-25T00:00:00Z", {}, "2026-08-15T16:59:59Z"),
        ("stay_permit.ended.v1", "2026-08-25T00:00:00Z", {}, "2026-08-19T16:59:59Z"),
        ("work_permit.ended.v1", "2026-10-25T00:00:00Z", {}, "2026-09-30T16:59:59Z"),
        ("institution.permit_ended.v1", "2026-11-25T00:00:00Z", {}, "2026-11-01T16:59:59Z"),
        # nothing of its own: valid_from is not when a permit was issued
        ("stay_permit.issued.v1", "2026-01-09T00:00:00Z", {}, "2026-01-09T00:00:00Z"),
        ("stay_permit.application_filed.v1", "2026-12-29T00:00:00Z", {}, "2026-12-29T00:00:00Z"),
        ("work_permit.approved.v1", "2025-12-09T00:00:00Z", {}, "2025-12-09T00:00:00Z"),
        ("feed.heartbeat.v1", "2026-01-09T00:00:00Z", {}, "2026-01-09T00:00:00Z"),
    ],
)
def test_a_fact_happened_at_its_own_time(kind: str, time: str, changes: dict[str, Any], instant: str) -> None:
    when = happened(read(kind, time, **changes))
    assert when == datetime.fromisoformat(instant)
    assert when.tzinfo is UTC


def test_what_an_office_knows_by_the_regency_only_is_a_fact_about_no_district() -> None:
    said = read("location.reported.v1", reporter_role="camat", activity="work", area="15.06")
    assert [kind for kind, *_ in named(said)] == ["person", "employer"]
