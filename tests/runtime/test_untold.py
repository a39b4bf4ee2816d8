"""Of what nobody is told, nobody is asked, and nothing gives way to it: alerts of a rule that is held, and those dropped.

What moved to another unit is that unit's to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.core.guard import Vote
from alerts.runtime import rebuild
from alerts.runtime.why import explain
from alerts.store.pages import AlertFilter, Pages
from tests.found.province import seen
from tests.runtime.conftest import Run
from tests.runtime.office import NOW, Office, decisions, edit, extension, officers, permit
from tests.runtime.test_unanswered import UNITS, send

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)  # NOW is a Tuesday, and no holiday is near
FLOOD = 25
TANJAB_TIMUR = """
  - id: kesbangpol-15.07
    name: Tanjab Timur
    areas: ["15.07"]
    parent: kesbangpol-15
    officers:
      - {id: timur-1, name: Petugas 3, language: id, email: petugas3@timur.example, receives: [email]}
"""


@pytest.fixture
def office(tmp_path: Path, root: Path) -> Iterator[Office]:
    """Three units; `stay_expiring` goes on after the last day, and is never held."""
    (root / "units.yaml").write_text(UNITS + TANJAB_TIMUR, encoding="utf-8")
    edit(root, "stay_expiring", "keep: 31d", "keep: 90d")
    edit(root, "policy", "  rules: {}", "  rules: {stay_expiring: {at_least_alerts: 999}}")
    office = Office(tmp_path / "data" / "lapor-dini.sqlite", decisions(root))
    yield office
    office.store.close()


@pytest.fixture
def flooded(office: Office) -> Office:
    """P900 was told long before; then 25 come at once, and the rule is held."""
    office.accept(permit(900))
    send(office)
    at(office, NOW + timedelta(hours=5), *(permit(number) for number in range(FLOOD)))
    at(office, office.now)
    return office


def at(office: Office, instant: datetime, *raws: bytes) -> None:
    """Events come, and time passes until everything is judged."""
    office.now = instant
    while office.take(*raws).more_due:
        raws = ()


def decide(office: Office, verdict: str, instant: datetime) -> None:
    for person in ("Siti", "Budi"):
        office.store.guard.vote(Vote("stay_expired", person, verdict, "kode wilayah keliru"), instant)
    at(office, instant)


def told(office: Office, kind: str = "alert", rule: str = "stay_expired") -> list[tuple[str, str, str]]:
    """Officer, item and change of every line of a notice that was not taken back."""
    items = {alert.id: alert.item for alert in office.alerts(rule)}
    notices = [n for n in office.notices() if n.kind == kind and n.state != "cancelled"]
    return [(n.officer, items[line.alert], line.change) for n in notices for line in n.lines if line.alert in items]


def above(office: Office) -> set[str]:
    """Items that the province was told of."""
    return {item for officer, item, _ in told(office) if officer == "prov-1"}


def logged_unanswered(office: Office) -> int:
    sql = "SELECT count(*) FROM alert_changes c JOIN alerts a ON a.id = alert WHERE c.reason = 'unanswered' AND rule = '%s'"
    ((count,),) = office.rows(sql % "stay_expired")
    return int(count)


def ids(office: Office) -> dict[str, str]:
    return {alert.item: alert.id for alert in office.alerts()}


def proof(office: Office) -> list[rebuild.Difference]:
    fresh, _ = rebuild.refold(office.store, office.decided, lambda done, total: None)
    return list(rebuild.differences(office.store, fresh))


ALL = {f"P{number}" for number in range(FLOOD)}


# Asked for an answer ----------------------------------------------------------------------------------------------------


def test_the_time_for_an_answer_runs_from_the_release_however_near_its_end_was(flooded: Office) -> None:
    released = NOW + timedelta(hours=5) + DAY - MINUTE
    decide(flooded, "release", released)
    send(flooded)
    at(flooded, released + DAY - MINUTE)
    assert above(flooded) == set(), "they were told less than a working day before"
    at(flooded, released + DAY)
    assert above(flooded) == ALL | {"P900"}


def test_nobody_is_unanswering_whose_time_ended_while_nobody_was_told(flooded: Office) -> None:
    at(flooded, NOW + 2 * DAY)
    assert logged_unanswered(flooded) == 0
    decide(flooded, "release", NOW + 2 * DAY + MINUTE)
    assert above(flooded) == set(), "the unit has to be told first"
    assert {item for officer, item, _ in told(flooded) if officer == "tanjab-1"} == ALL | {"P900"}


def test_what_was_told_before_is_asked_anew_from_the_release(flooded: Office) -> None:
    at(flooded, NOW + DAY)
    decide(flooded, "release", NOW + 2 * DAY)
    at(flooded, NOW + 3 * DAY - MINUTE)
    assert "P900" not in above(flooded)
    at(flooded, NOW + 3 * DAY)
    assert "P900" in above(flooded)


def test_it_is_asked_anew_when_the_rest_was_dropped_too_and_nobody_is_asked_of_what_was(flooded: Office) -> None:
    decide(flooded, "drop", NOW + DAY)
    at(flooded, NOW + 9 * DAY)
    assert above(flooded) == {"P900"}
    assert logged_unanswered(flooded) == 1, "the logs of the others do not say that anybody was told"


def test_an_answer_that_was_given_while_the_rule_was_held_counts(flooded: Office) -> None:
    at(flooded, NOW + timedelta(hours=6), officers("o1", "acknowledged", ids(flooded)["P3"], "2026-03-10T13:30:00"))
    decide(flooded, "release", NOW + DAY)
    at(flooded, NOW + 5 * DAY)
    assert above(flooded) == (ALL | {"P900"}) - {"P3"}


def test_time_that_ends_in_the_turn_that_holds_the_rule_does_not_ask_whom_nobody_told(office: Office) -> None:
    at(office, NOW, permit(1))  # planned, and never handed over
    at(office, NOW + DAY, *(permit(number) for number in range(100, 100 + FLOOD)))
    decide(office, "release", NOW + DAY + MINUTE)
    assert above(office) == set()


# Dropped ----------------------------------------------------------------------------------------------------------------


def test_nobody_is_told_of_a_later_step_of_what_was_dropped(flooded: Office) -> None:
    decide(flooded, "drop", NOW + DAY)
    send(flooded)
    at(flooded, NOW + 70 * DAY, permit(800, "2027-01-01"))  # the source is heard, so what is due by now is certain
    assert {alert.severity.name for alert in flooded.alerts()} == {"critical"}
    assert {item for _, item, _ in told(flooded)} == {"P900"}
    assert flooded.store.guard.rows() == [], "what nobody is told of floods nobody"
    assert proof(flooded) == []


def test_what_was_dropped_stays_in_the_lists_with_the_reason(flooded: Office, run: Run) -> None:
    assert {a.untold for a in flooded.alerts() if a.item != "P900"} == {"held"}
    decide(flooded, "drop", NOW + DAY)
    rows = Pages(flooded.where).alerts(AlertFilter(rule="stay_expired"), 100)
    assert {(alert.item, alert.untold) for alert in rows} == {(item, "dropped") for item in ALL} | {("P900", "")}
    assert run("alerts", "--rule", "stay_expired").stdout.count("dropped") == FLOOD
    log = [(c.change, c.reason, c.by) for c in Pages(flooded.where).history(ids(flooded)["P4"])]
    assert log[-1] == ("dropped", "kode wilayah keliru; kode wilayah keliru", "Budi, Siti")


def test_who_was_told_before_it_was_dropped_is_told_that_it_is_withdrawn_and_nobody_else(flooded: Office) -> None:
    at(flooded, NOW + 40 * DAY, permit(800, "2027-01-01"))  # P900 climbs while its rule is held
    decide(flooded, "drop", NOW + 41 * DAY)
    at(flooded, NOW + 70 * DAY, permit(801, "2027-01-01"))
    assert told(flooded) == [("tanjab-1", "P900", "raised")]
    at(flooded, NOW + 71 * DAY, extension(900), extension(3))
    assert told(flooded, "ralat") == [("tanjab-1", "P900", "withdrawn")]


def test_an_alert_of_a_new_round_is_told(flooded: Office) -> None:
    decide(flooded, "drop", NOW + DAY)
    dropped = ids(flooded)["P3"]
    at(flooded, NOW + DAY, officers("o1", "closed", dropped, "2026-03-11T08:00:00", outcome="false_alarm"))
    at(flooded, NOW + 15 * DAY, permit(3, "2026-03-20", id="p3b", supersedes="p3"))
    assert [(a.state, a.untold) for a in flooded.alerts() if a.item == "P3"] == [("raised", ""), ("closed", "")]
    assert ("tanjab-1", "P3", "raised") in told(flooded)


def test_what_was_dropped_is_not_told_when_the_rule_is_held_again_and_released(flooded: Office) -> None:
    decide(flooded, "drop", NOW + DAY)
    at(flooded, NOW + DAY + MINUTE, *(permit(number) for number in range(100, 100 + FLOOD)))
    assert flooded.store.guard.rows()[0].waiting == FLOOD
    decide(flooded, "release", NOW + 3 * DAY)
    assert {item for _, item, _ in told(flooded)} == {f"P{number}" for number in range(100, 100 + FLOOD)} | {"P900"}


def test_a_drop_is_kept_when_the_subject_gets_another_name(office: Office) -> None:
    people = [{"niora": f"N{number}"} for number in range(FLOOD)]
    at(office, NOW, *(permit(n, person=who) for n, who in enumerate(people)))
    decide(office, "drop", NOW + DAY)
    named = {"issuing_state": "UTO", "passport_no": "X3", "niora": "N3"}
    at(
        office,
        NOW + 70 * DAY,
        permit(803, "2025-12-01", person=named, valid_from="2025-01-01", time="2025-01-01T08:00:00"),
    )
    assert [(a.subject, a.untold) for a in office.alerts() if a.item == "P3" and a.state == "raised"] == [
        ("person:UTO:X3", "dropped")
    ]
    assert told(office) == []


# Giving way -------------------------------------------------------------------------------------------------------------


def standing(office: Office, rule: str) -> set[str]:
    return {alert.item for alert in office.alerts(rule) if alert.state == "raised"} & (ALL | {"P900"})


def test_no_rule_gives_way_to_one_that_is_held(flooded: Office) -> None:
    assert standing(flooded, "stay_expiring") == ALL | {"P900"}
    assert {item for _, item, _ in told(flooded, rule="stay_expiring")} >= ALL, "somebody has to be told of something"
    assert proof(flooded) == []


def test_on_release_the_others_give_way_again_and_without_a_correction(flooded: Office) -> None:
    send(flooded)
    decide(flooded, "release", NOW + DAY)
    assert standing(flooded, "stay_expiring") == set()
    assert {a.reason for a in flooded.alerts("stay_expiring") if a.item in ALL} == {"inhibited"}
    assert told(flooded, "ralat", "stay_expiring") == []
    assert proof(flooded) == []


def test_none_gives_way_to_an_alert_that_was_dropped(flooded: Office) -> None:
    decide(flooded, "drop", NOW + DAY)
    assert standing(flooded, "stay_expiring") == ALL, "P900 was told, and takes its place again"
    assert proof(flooded) == []


def test_why_does_not_say_that_it_takes_the_place_of_another(flooded: Office) -> None:
    assert replaced_by(flooded) == ()
    decide(flooded, "release", NOW + DAY)
    assert replaced_by(flooded) == ("stay_expired",)


def replaced_by(office: Office) -> tuple[str, ...]:
    """What `why` says takes the place of P3's `stay_expiring` now."""
    rule = office.decided.settled.rules.by_id["stay_expiring"]
    said = explain(office.where, "passport:UTO:X3", rule, office.decided, office.now, None, lambda done, total: None)
    (item,) = said.items
    return item.inhibited_by


# Moved ------------------------------------------------------------------------------------------------------------------


def moved(office: Office) -> str:
    """An alert that 15.06 acknowledged, and that is 15.07's since 11 March."""
    at(office, NOW, permit(1))
    at(office, NOW + MINUTE, officers("o1", "acknowledged", ids(office)["P1"], "2026-03-10T08:00:30"))
    send(office)
    at(office, NOW + DAY, seen("2026-03-10", "15.07"))
    (alert,) = office.alerts()
    assert (alert.unit, alert.state) == ("kesbangpol-15.07", "raised")
    send(office)
    return alert.id


def test_the_unit_that_an_alert_moved_to_has_to_answer_for_itself(office: Office) -> None:
    moved(office)
    at(office, NOW + 2 * DAY - MINUTE)
    assert above(office) == set()
    at(office, NOW + 2 * DAY)
    assert told(office)[-1] == ("prov-1", "P1", "unanswered")


def test_its_own_acknowledgement_answers(office: Office) -> None:
    at(office, NOW + DAY + MINUTE, officers("o2", "acknowledged", moved(office), "2026-03-11T08:00:30"))
    at(office, NOW + 9 * DAY)
    assert above(office) == set()


def test_so_it_has_to_when_the_alert_climbs_as_it_moves(office: Office) -> None:
    at(office, NOW, permit(1))
    at(office, NOW + MINUTE, officers("o1", "acknowledged", ids(office)["P1"], "2026-03-10T08:00:30"))
    climbs = NOW + 41 * DAY  # more than 45 days after the deadline, a Monday
    at(office, climbs, seen("2026-04-18", "15.07"), permit(800, "2027-01-01"))
    (alert,) = [alert for alert in office.alerts() if alert.item == "P1"]
    assert (alert.reason, alert.unit, alert.state) == ("step", "kesbangpol-15.07", "raised")
    send(office)
    at(office, climbs + DAY)
    assert told(office)[-1] == ("prov-1", "P1", "unanswered")
