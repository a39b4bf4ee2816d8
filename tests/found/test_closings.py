"""A case that an officer closed stays closed, also when corrections leave nothing of its subject for a while."""

from __future__ import annotations

import pytest

from tests.found.province import Province, complete, event, office, overstay, person

DAY = "2026-03-05"
NOT_THEM = overstay("b", person("X9"), "P9", supersedes="a")  # their own permit is told nowhere else
THEM_AFTER_ALL = overstay("c", supersedes="b")


@pytest.fixture
def accused(province: Province) -> Province:
    """One overstay, told by one event, and raised."""
    province.reported(f"{DAY}T09:00:00", overstay("a"), *complete(f"{DAY}T08:00:00", "imigrasi/jambi"))
    return province


def closed(accused: Province, id: str = "") -> bytes:
    return office("closed", accused.alert(), f"{DAY}T10:00:00", id, outcome="false_alarm")


def stands_of_x1(province: Province) -> list[tuple[str]]:
    sql = "SELECT rule FROM alerts WHERE subject = 'person:UTO:X1' AND state IN ('raised', 'acknowledged')"
    return province.rows(sql)


def test_a_closed_case_is_not_raised_again_when_its_correction_is_corrected(accused: Province) -> None:
    accused.reported(f"{DAY}T10:00:00", closed(accused))
    accused.reported(f"{DAY}T11:00:00", NOT_THEM)
    accused.reported(f"{DAY}T12:00:00", THEM_AFTER_ALL)
    assert stands_of_x1(accused) == []
    assert accused.proof() == []


@pytest.mark.parametrize("together", [True, False])
def test_nor_when_it_was_closed_while_nothing_was_known_of_its_subject(accused: Province, together: bool) -> None:
    said = closed(accused)
    for events in ([NOT_THEM, said],) if together else ([NOT_THEM], [said]):
        accused.reported(f"{DAY}T11:00:00", *events)
    assert accused.proof() == []
    accused.reported(f"{DAY}T12:00:00", THEM_AFTER_ALL)
    assert stands_of_x1(accused) == []
    assert accused.proof() == []


def test_of_nobody_no_alert_stands_and_what_was_closed_is_all_that_is_kept(accused: Province) -> None:
    """Two overstays of one person, one of them closed; both are corrected away."""
    said = closed(accused)
    accused.reported(f"{DAY}T10:00:00", said, overstay("a2", no="P2"))
    accused.reported(f"{DAY}T11:00:00", NOT_THEM, overstay("b2", person("X8"), "P8", supersedes="a2"))
    assert stands_of_x1(accused) == []
    assert accused.proof() == []


def test_a_closing_that_is_taken_back_leaves_nothing_of_nobody(accused: Province) -> None:
    alert, said = accused.alert(), closed(accused, "c1")
    accused.reported(f"{DAY}T10:00:00", said)
    accused.reported(f"{DAY}T11:00:00", NOT_THEM)
    note = office("noted", alert, f"{DAY}T12:00:00", supersedes="c1", note="wrong case")
    accused.reported(f"{DAY}T12:00:00", note)
    for table, column in (("subjects", "key"), ("identifiers", "identifier")):
        assert accused.rows(f"SELECT 1 FROM {table} WHERE {column} IN ('person:UTO:X1', 'passport:UTO:X1')") == []
    assert accused.proof() == []
    accused.reported(f"{DAY}T13:00:00", THEM_AFTER_ALL)
    assert stands_of_x1(accused) == [("stay_expired",)]


def allowed(id: str, org: str, **more: str) -> bytes:
    """An institution may work until 1 June."""
    data = {"org_id": org, "permit": "prinsip", "permit_no": "I1", "areas": ["15.06"]}
    data |= {"valid_from": "2025-03-02", "valid_until": "2026-06-01"}
    return event("institution.permit_issued", "2025-03-02", data, "kemlu/pusat", id, **more)


def test_what_was_closed_of_an_institution_stays_closed_too(province: Province) -> None:
    province.reported(f"{DAY}T09:00:00", allowed("a", "O1"), *complete(f"{DAY}T08:00:00", "kemlu/pusat"))
    ((alert,),) = province.rows("SELECT id FROM alerts WHERE subject = 'institution:O1' AND state = 'raised'")
    said = office("closed", alert, f"{DAY}T10:00:00", outcome="false_alarm")
    province.reported(f"{DAY}T10:00:00", said)
    province.reported(f"{DAY}T11:00:00", allowed("b", "O2", supersedes="a"))
    province.reported(f"{DAY}T12:00:00", allowed("c", "O1", supersedes="b"))
    assert province.rows("SELECT id FROM alerts WHERE subject = 'institution:O1' AND state = 'raised'") == []
    assert province.proof() == []
