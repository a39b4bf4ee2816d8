"""What officers say of alerts: it ends them, and goes with the person whatever becomes of the name."""

from __future__ import annotations

from itertools import permutations

from alerts.core.engine import alert_id
from tests.core.turns import EXPIRED, X1, X2, decided, event, passport, permit, run, standing, take, who
from tests.properties.worlds import Batch

ALERT = alert_id("stay_expired", "person:UTO:X1", "P1", 0)


def said_by_officer(id: str, what: str, alert: str = ALERT, **data: str) -> Batch:
    return event(id, f"alert.{what}", "2026-02-01", source="kesbangpol/petugas", alert=alert, **data)


def test_closing_an_alert_ends_it_for_good() -> None:
    register = run(permit("a", X1))
    effects = take(register, said_by_officer("c", "closed", outcome="false_alarm"))
    assert [(c.change, c.alert) for c in effects.changes] == [("closed", ALERT)]
    assert [(o.what, o.outcome) for o in effects.officers] == [("closed", "false_alarm")]
    assert take(register, permit("d", X1, "P1", "2026-01-20")).changes == ()


def test_an_alert_is_remembered_by_the_key_it_was_raised_under() -> None:
    register = run(permit("a", {"niora": "N1"}))
    alert = alert_id("stay_expired", "person:NIORA:N1", "P1", 0)
    take(register, permit("b", passport("X1", niora="N1")))
    assert EXPIRED in standing(register), "they have another name now"
    assert register.alerts([alert])[alert].subject == "person:NIORA:N1"


def test_a_closing_goes_with_the_person_when_persons_are_merged() -> None:
    register = run(permit("a", X1), said_by_officer("c", "closed", outcome="confirmed"), permit("b", X2, "P2"))
    take(register, decided("m", "merged", "person:UTO:X1", "person:UTO:X2"))
    assert EXPIRED not in standing(register)


def test_a_closing_goes_back_with_the_person_when_a_merge_was_a_mistake() -> None:
    other = alert_id("stay_expired", "person:UTO:X2", "P2", 0)
    register = run(permit("a", X1), permit("b", X2, "P2"))
    take(register, said_by_officer("c", "closed", other, outcome="false_alarm"))
    take(register, decided("m", "merged", "person:UTO:X1", "person:UTO:X2"))
    effects = take(register, decided("s", "split", "person:UTO:X1", "person:UTO:X2", day="2026-01-02"))
    assert other not in {change.alert for change in effects.changes}
    assert standing(register) == {EXPIRED}


def test_what_officers_say_of_alerts_that_never_were_is_handed_back_without_a_receipt() -> None:
    effects = take(run(permit("a", X1)), said_by_officer("c", "acknowledged", "no-such-alert"))
    assert [event.id for event, _ in effects.unknown_alerts] == ["c"]
    assert effects.kept == ()
    assert effects.receipts == {}


def test_what_officers_said_is_kept_alike_whatever_order_it_came_in() -> None:
    other = alert_id("stay_expired", "person:UTO:X2", "P2", 0)
    later = [
        said_by_officer("a1", "acknowledged"),
        said_by_officer("a2", "acknowledged", other),
        said_by_officer("c", "closed", other, outcome="false_alarm"),
        decided("m", "merged", "person:UTO:X1", "person:UTO:X2"),
        said_by_officer("a3", "noted", supersedes="a1", note="uji"),
    ]
    kept = []
    for order in permutations(later):
        register = run(permit("a", X1), permit("b", X2, "P2"))
        for batch in order:
            take(register, batch)
        kept.append(who(register, "passport:UTO:X1").handled)
    assert kept == [kept[0]] * 120
    assert {(said.what, said.item) for said in kept[0]} == {("acknowledged", "P2"), ("closed", "P2")}


def test_an_acknowledgement_goes_back_with_the_person_when_a_merge_was_a_mistake() -> None:
    register = run(permit("a", X1), permit("b", X2, "P2"), said_by_officer("c", "acknowledged"))
    take(register, decided("m", "merged", "person:UTO:X1", "person:UTO:X2"))
    take(register, decided("s", "split", "person:UTO:X1", "person:UTO:X2", day="2026-01-02"))
    assert [said.what for said in who(register, "passport:UTO:X1").handled] == ["acknowledged"]
    assert who(register, "passport:UTO:X2").handled == ()
