"""What officers did to an alert belongs to whom the alert was about, also when a merge in between was undone."""

from __future__ import annotations

from tests.found.province import Province, arrival, complete, event, office, person

BOTH = {"subjects": ["person:UTO:X1", "person:UTO:X2"], "reason": "uji"}


def decided(what: str, time: str) -> bytes:
    return event(f"identity.{what}", time, BOTH, "kesbangpol/prov-jambi")


def test_a_closing_goes_with_its_own_person_when_a_merge_is_undone(province: Province) -> None:
    heard = complete("2026-03-10T08:00:00", "imigrasi/jambi")
    two = (arrival("2026-03-01", "2026-03-07", person(no)) for no in ("X1", "X2"))
    province.reported("2026-03-10T09:00:00", *two, *heard)
    ((second,),) = province.rows("SELECT id FROM alerts WHERE subject = 'person:UTO:X2'")
    province.reported("2026-03-11T09:00:00", office("closed", second, "2026-03-11T08:00:00", outcome="false_alarm"))
    province.reported("2026-03-12T09:00:00", decided("merged", "2026-03-12T08:00:00"))
    province.reported("2026-03-13T09:00:00", decided("split", "2026-03-13T08:00:00"))
    sql = "SELECT subject FROM alerts WHERE state = 'raised' AND rule = 'stay_expired'"
    assert province.rows(sql) == [("person:UTO:X1",)]
    assert province.proof() == []
