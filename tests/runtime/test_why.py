"""`lapor-dini why`: which clause decides, from which events, and as it was at an earlier instant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.conftest import Run
from tests.runtime.office import NOW, Office, decisions, event, officers, permit, person

DEPARTED = {"person": person(1), "exit_date": "2026-02-20", "port": "Jambi"}
LATE_DEPARTURE = event("d1", "departure.recorded.v1", "2026-02-20T10:00:00", DEPARTED)
PLACED = {
    "person": person(7),
    "nib": "E1",
    "post_code": "1",
    "area": "15.06",
    "start": "2026-01-05",
    "end": "2026-12-31",
}
APPROVED = {"rptka_no": "R1", "nib": "E1", "posts": [{"code": "1", "count": 1}], "locations": ["15.06"],
            "valid_from": "2026-01-01", "valid_until": "2026-12-31", "employer_name": "Perusahaan Rahasia"}  # fmt: skip


@pytest.fixture
def kept(office: Office, root: Path) -> Office:
    """X1 overstays as far as is known on 10 March; two days later it turns out that they had left in time."""
    office.decided = decisions(root)
    named = {"person": person(1) | {"full_name": "Nama Rahasia", "birth_date": "1980-01-01", "niora": "N1"}}
    office.accept(permit(1, **named), permit(2, "2026-12-31"))
    office.later(days=2)
    office.accept(LATE_DEPARTURE)
    office.later(days=1)
    office.accept()
    return office


def answer(run: Run, *arguments: str) -> dict[str, Any]:
    done = run("why", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_alert_is_explained_by_clauses_deadline_steps_and_the_events_that_said_so(kept: Office, run: Run) -> None:
    found = answer(run, "person:UTO:X1", "stay_expired", "--at", "2026-03-11")
    (item,) = found["items"]
    assert (item["item"], item["state"], item["stands"], item["failed"]) == ("P1", "stands", True, None)
    assert [clause["holds"] for clause in item["clauses"]] == [True, True, True]
    assert item["due"] == "2026-03-02T00:00:00+07:00"
    assert [(step["severity"], step["reached"]) for step in item["steps"]] == [
        ("high", True), ("high", False), ("critical", False)]  # fmt: skip
    (known,) = found["known"]
    assert (known["type"], known["source"], known["id"]) == ("stay_permit.issued.v1", "imigrasi/kuala-tungkal", "p1")
    assert known["says"]["valid_until"] == "2026-03-01"


def test_late_news_changes_the_answer_of_today_and_not_that_of_the_day_before_it_came(kept: Office, run: Run) -> None:
    assert answer(run, "person:UTO:X1", "stay_expired")["facts"]["person.in_country"] == "false"
    before = answer(run, "person:UTO:X1", "stay_expired", "--at", "2026-03-12T07:59")
    after = answer(run, "person:UTO:X1", "stay_expired", "--at", "2026-03-12T08:00")
    assert (before["items"][0]["state"], [e["id"] for e in before["known"]]) == ("stands", ["p1"])
    assert (after["items"][0]["failed"], [e["id"] for e in after["known"]]) == ("person.in_country", ["p1", "d1"])


def test_why_not_names_the_first_clause_that_fails_or_when_it_will_be_due(kept: Office, run: Run) -> None:
    filed = {"person": person(2), "permit_no": "P2", "action": "extend", "filed_on": "2026-03-01", "status": "pending"}
    kept.accept(event("a2", "stay_permit.application_filed.v1", "2026-03-01T08:00:00", filed))
    (item,) = answer(run, "person:UTO:X2", "stay_expired")["items"]
    assert (item["state"], item["failed"]) == ("condition false", "!stay.application_pending")
    (item,) = answer(run, "person:UTO:X2", "stay_expired", "--at", "2026-03-11")["items"]
    assert (item["state"], item["due"]) == ("deadline ahead", "2027-01-01T00:00:00+07:00")


def test_a_silent_source_and_an_officers_closing_are_answers_too(office: Office, root: Path, run: Run) -> None:
    office.decided = decisions(root)
    office.accept(permit(1), permit(2, "2026-03-09"))
    (alert,) = office.alerts()
    office.accept(officers("o1", "closed", alert.id, outcome="false_alarm"))
    (closed,) = answer(run, "P1", "stay_expired", "--at", "2026-03-10T09:00")["items"]
    assert closed["state"] == "closed by an officer"
    (unknown,) = answer(run, "P2", "stay_expired", "--at", "2026-03-10T09:00")["items"]
    assert (unknown["state"], unknown["waits_for"]) == ("unknown: source silent", "imigrasi")
    assert unknown["waits_until"] == "2026-03-10T00:00:00+07:00"
    assert unknown["complete_until"] == {"imigrasi": "2026-03-08T08:00:00+07:00"}


def test_an_employer_that_the_answer_depends_on_is_among_the_known(office: Office, run: Run) -> None:
    office.accept(event("w1", "worker.placed.v1", "2026-01-05T08:00:00", PLACED, source="disnaker/prov-jambi"))
    office.accept(event("r1", "work_permit.approved.v1", "2026-01-01T08:00:00", APPROVED, source="kemnaker/pusat"))
    found = answer(run, "UTO:X7", "worker_without_rptka")
    assert found["items"][0]["failed"] == "!job.employer_approved"
    assert [(e["about"], e["id"]) for e in found["known"]] == [("employer:E1", "r1"), ("person:UTO:X7", "w1")]


def test_colleagues_at_the_same_employer_are_not_among_the_known(office: Office, run: Run) -> None:
    office.accept(event("w1", "worker.placed.v1", "2026-01-05T08:00:00", PLACED, source="disnaker/prov-jambi"))
    colleague = PLACED | {"person": person(8)}
    office.accept(event("w2", "worker.placed.v1", "2026-01-06T08:00:00", colleague, source="disnaker/prov-jambi"))
    assert [e["id"] for e in answer(run, "UTO:X7", "worker_without_rptka")["known"]] == ["w1"]
    assert "X8" not in run("why", "UTO:X7", "worker_without_rptka").stdout


def test_who_reported_and_who_works_there_is_told_to_nobody(office: Office, run: Run) -> None:
    said = {"area": "15.06.04", "category": "work", "reporter": "hash-of-a-resident"}
    office.accept(event("c1", "community.reported.v1", "2026-01-05T08:00:00", said, source="public/portal"))
    office.accept(event("w1", "worker.placed.v1", "2026-01-05T08:00:00", PLACED, source="disnaker/prov-jambi"))
    for subject, rule, id in (
        ("area:15.06.04", "community_report_corroborated", "c1"),
        ("employer:E1", "tka_count_exceeds_approval", "w1"),
    ):
        told = run("why", subject, rule).stdout
        assert id in told
        assert "hash-of-a-resident" not in told and "X7" not in told


def test_any_identifier_finds_the_subject(kept: Office, run: Run) -> None:
    keys = [
        answer(run, name, "stay_expired")["subject"]
        for name in ("person:uto:x1", "UTO:X1", "N1", "person:NIORA:N1", "P1")
    ]
    assert keys == ["person:UTO:X1"] * 5


def test_it_is_said_in_indonesian_and_in_english_without_name_or_birth_date(kept: Office, run: Run) -> None:
    said = run("why", "person:UTO:X1", "stay_expired", "--at", "2026-03-11").stdout
    english = run("why", "person:UTO:X1", "stay_expired", "--at", "2026-03-11", "--lang", "en").stdout
    assert "Indikasi izin tinggal berakhir" in said and "Tenggat 2 Maret 2026" in said
    assert "Stay permit apparently expired" in english and "Due 2 March 2026" in english
    assert not any(secret in said + english for secret in ("Rahasia", "1980"))


def test_every_reading_is_noted_before_anything_is_shown(kept: Office, run: Run) -> None:
    answer(run, "N1", "stay_expired")
    (row,) = kept.rows("SELECT actor, what FROM audit")
    assert row[0].startswith("cli/") and row[1] == "why person:UTO:X1 stay_expired"


WRONG = {
    "a mistyped person": (["person:UTO:X11", "stay_expired"], "person:UTO:X1"),
    "nobody": (["person:NIORA:QQQQ", "stay_expired"], "person:UTO:X1 or employer:NIB"),
    "a mistyped rule": (["person:UTO:X1", "stay_expird"], "stay_expired"),
    "a rule about another kind": (["person:UTO:X1", "feed_silent"], "feed_silent is about a feed"),
    "a time to come": (["person:UTO:X1", "stay_expired", "--at", "2999-01-01"], "has not come yet"),
    "no time": (["person:UTO:X1", "stay_expired", "--at", "kemarin"], "2026-03-02T08:00"),
    "before the first event": (["person:UTO:X1", "stay_expired", "--at", "2026-03-01"], "a later --at"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_question_that_cannot_be_answered_says_what_to_write(kept: Office, run: Run, what: str) -> None:
    arguments, told = WRONG[what]
    done = run("why", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_without_a_right_to_write_the_note_nothing_is_read(kept: Office, run: Run) -> None:
    kept.store.connection.execute("DROP TABLE audit")
    done = run("why", "person:UTO:X1", "stay_expired")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has to be writable" in done.stderr


def test_as_of_the_last_event_both_ways_of_judging_agree(kept: Office, run: Run) -> None:
    now = answer(run, "person:UTO:X2", "stay_expiring")
    then = answer(run, "person:UTO:X2", "stay_expiring", "--at", f"{NOW:%Y-%m-%d}T23:00:00Z")
    assert now["items"][0]["facts"] == then["items"][0]["facts"]
    assert now["known"] == then["known"]
