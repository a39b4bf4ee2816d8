"""Who a person is, where they are and what they do: what the register must not make of lawful lives, nor miss."""

from __future__ import annotations

import pytest

from tests.found.province import (
    Province,
    all_complete,
    approval,
    arrival,
    departure,
    ended,
    event,
    left,
    permit,
    person,
    placed,
    residence,
    seen,
)

WORKER = permit("2025-05-01", "2026-05-01", activity="work")


def test_a_renewal_that_starts_after_somebody_resigned_and_left_is_no_sign_of_them(province: Province) -> None:
    renewed = placed("2026-04-01", reported="2026-02-01")
    start = (WORKER, residence("2025-05-02"), approval("NIB1", "2025-05-01", "2026-03-31"), placed("2025-05-01"))
    province.reported("2026-02-01T09:00:00", *start, renewed)
    province.reported("2026-03-25T09:00:00", left("2026-03-20"), departure("2026-03-21"))
    province.until("2026-05-20T00:00:00")
    province.reported("2026-07-01T09:00:00", *all_complete("2026-07-01T09:00:00"))
    assert province.standing() == set()


WORK_AFTERWARDS = {
    "placed": placed("2026-02-01"),
    "seen": seen("2026-02-01", "15.06", nib="NIB1", office="kecamatan/tanjab-barat"),
}


@pytest.mark.parametrize("work", WORK_AFTERWARDS)
def test_a_citizen_needs_no_work_permit(province: Province, work: str) -> None:
    naturalised = ended("P1", "2026-01-05", "naturalised")
    province.reported("2026-01-05T09:00:00", permit("2025-05-01", "2026-12-01"), residence("2025-05-02"), naturalised)
    province.reported("2026-02-05T09:00:00", WORK_AFTERWARDS[work])
    province.reported("2026-05-01T09:00:00", *all_complete("2026-05-01T09:00:00"))
    assert province.standing() == set()


@pytest.mark.parametrize("reason", ["died", "naturalised", "protection"])
def test_what_ends_all_stays_ends_them_though_it_names_an_older_permit(province: Province, reason: str) -> None:
    older, newer = permit("2025-01-01", "2025-12-31"), permit("2025-12-30", "2026-03-01", "P2")
    end = ended("P1", "2026-01-05", reason)
    province.reported("2026-01-05T09:00:00", older, newer, residence("2025-12-30"), end)
    province.reported("2026-05-01T09:00:00", *all_complete("2026-05-01T09:00:00"))
    assert province.standing() == set()


def test_a_director_whose_permit_begins_after_the_placement_is_a_director_then(province: Province) -> None:
    director = permit("2026-01-20", "2026-12-01", activity="director")
    province.reported("2026-01-25T09:00:00", director, residence("2026-01-22"), placed("2026-01-05"))
    province.reported("2026-05-01T09:00:00", *all_complete("2026-05-01T09:00:00"))
    assert province.standing() == set()


def test_an_employer_that_was_left_hides_no_other_in_the_same_area(province: Province) -> None:
    approved = approval("NIBA", "2025-12-01", "2026-12-31"), approval("NIBB", "2025-12-01", "2026-12-31")
    start = (permit("2026-01-01", "2026-12-31", activity="work"), residence("2026-01-02"), *approved)
    before = (
        seen("2026-01-10", "15.07", nib="NIBA"),
        seen("2026-01-20", "15.07", nib="NIBA", office="fkdm/tanjab-timur"),
        left("2026-02-01", "NIBA"),
    )
    now = seen("2026-03-10", "15.07", nib="NIBB"), seen("2026-03-20", "15.07", nib="NIBB", office="fkdm/tanjab-timur")
    province.reported("2026-03-21T09:00:00", *start, *before, *now)
    province.reported("2026-05-01T09:00:00", *all_complete("2026-05-01T09:00:00"))
    assert province.standing() == {("unregistered_workplace", "15.07")}


def test_a_permit_that_ended_before_the_arrival_makes_no_long_stay(province: Province) -> None:
    """A visit of 19 days, a year after the permit was revoked."""
    revoked = permit("2025-01-01", "2027-01-01"), ended("P1", "2025-06-05", "revoked"), departure("2025-06-10")
    province.reported("2026-06-01T09:00:00", *revoked, arrival("2026-06-01", "2026-06-20"))
    province.reported("2026-06-16T09:00:00", *all_complete("2026-06-16T09:00:00"))
    assert province.standing() == set()


def test_birth_dates_that_contradict_tie_no_one(province: Province) -> None:
    """The passport is known with one date of birth, the event that gives it a NIORA has another."""
    province.reported("2026-01-05T09:00:00", permit("2026-01-01", "2026-06-01", who=person(birth_date="1980-01-01")))
    province.reported("2026-01-06T09:00:00", residence("2026-01-05", person(niora="N7", birth_date="1995-05-05")))
    subjects = dict(province.rows("SELECT identifier, subject FROM identifiers"))
    assert subjects["passport:UTO:X1"] != subjects.get("niora:N7")


def test_the_twin_alerts_of_two_persons_who_are_one_become_one(province: Province) -> None:
    """Each had `worker_without_rptka` about the same employer; one of the two must not stand for ever."""
    province.reported("2026-02-02T09:00:00", placed("2026-02-02"), placed("2026-02-02", who={"niora": "N1"}))
    province.reported("2026-04-20T00:00:00", *all_complete("2026-04-20T00:00:00"))
    assert province.states("worker_without_rptka") == ["raised", "raised"]
    changes = province.reported("2026-04-21T00:00:00", residence("2026-04-20", person(niora="N1")))
    assert ("withdrawn", "merged") in [(c.change, c.reason) for c in changes]
    assert sorted(province.states("worker_without_rptka")) == ["raised", "withdrawn"]
    assert province.proof() == []


def test_two_sources_may_give_two_reports_of_a_lodging_the_same_number(province: Province) -> None:
    """Identity is source and id; neither of the two late reports may hide the other."""
    checked_in = [
        event(
            "lodging.checked_in",
            "2026-03-05T09:00:00",
            {
                "person": person(passport),
                "lodging_id": "L1",
                "area": "15.06",
                "checked_in_at": f"{day}T12:00:00+07:00",
                "reported_at": "2026-03-05T09:00:00+07:00",
            },
            source,
            "1",
        )
        for source, passport, day in (("lodging/apoa", "X1", "2026-03-01"), ("polri/polda-jambi", "X2", "2026-03-02"))
    ]
    province.reported("2026-03-05T09:00:00", *checked_in)
    assert province.states("lodging_report_late") == ["raised", "raised"]
