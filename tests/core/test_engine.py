"""One judgement: what stands, what changed, when to look again, and why not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alerts.core.calendar import Calendar, start_of_day
from alerts.core.engine import alert_id, step
from alerts.core.judgement import Change, Context, Held, Judged
from alerts.core.register.facts import Lodged, Permit, PersonFacts
from alerts.core.register.subject import AnySubject, Handled, new_subject
from alerts.core.rules import Offset, Rule, RuleSet, Severity, Status, Step
from tests.properties.worlds import CALENDAR, FEEDS, UNITS, rule

LAST_DAY = date(2026, 3, 1)
DUE = start_of_day(LAST_DAY + timedelta(days=1))
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

EXPIRED = rule(
    "expired",
    "person",
    "stay.latest && person.in_country",
    each="stay in person.stays",
    due="stay.valid_until + 1d",
    steps=(("0d", Severity.low), ("10d", Severity.high), ("20d", Severity.critical)),
    area="person.area",
)
NEVER_DUE = rule("present", "person", "person.in_country", area="person.area")


def holder(last_day: date = LAST_DAY, area: str = "15.06") -> AnySubject:
    """A person with one permit."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    permit = Permit(at, "imigrasi/a", "e1", "P1", "ITAS", date(2026, 1, 1), last_day, None, area)
    return msgspec.structs.replace(new_subject(7, "person", "person:UTO:X1"), facts=PersonFacts(permits=(permit,)))


def with_facts(subject: AnySubject, **facts: Any) -> AnySubject:
    return msgspec.structs.replace(subject, facts=msgspec.structs.replace(subject.facts, **facts))


def judge(
    subject: AnySubject,
    now: datetime,
    *rules: Rule,
    complete: dict[str, datetime] | None = None,
    calendar: Calendar = CALENDAR,
    generation: str = "g1",
    held: Held | None = None,
) -> Judged:
    context = Context(RuleSet(rules or (EXPIRED,), generation), UNITS, calendar, FEEDS, {}, complete or {})
    context = msgspec.structs.replace(context, held=held or Held())
    return step(subject, {}, context, now)


def said(judged: Judged) -> list[tuple[str, str, str]]:
    return [(change.change, change.severity.name, change.reason) for change in judged.changes]


def only(judged: Judged) -> Change:
    (change,) = judged.changes
    return change


def changed(rule: Rule, **fields: Any) -> Rule:
    return msgspec.structs.replace(rule, **fields)


# The ladder -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected", "look_again"),
    [
        (DUE - timedelta(microseconds=1), [], DUE),
        (DUE, [("raised", "low", "due")], DUE + 10 * DAY),
        (DUE + 10 * DAY - HOUR, [("raised", "low", "due")], DUE + 10 * DAY),
        (DUE + 10 * DAY, [("raised", "high", "due")], DUE + 20 * DAY),  # straight onto the step that time has reached
        (DUE + 20 * DAY, [("raised", "critical", "due")], None),
        (DUE + 900 * DAY, [("raised", "critical", "due")], None),
    ],
)
def test_an_alert_stands_from_its_deadline_on_the_step_that_time_has_reached(
    now: datetime, expected: list[tuple[str, str, str]], look_again: datetime | None
) -> None:
    judged = judge(holder(), now)
    assert said(judged) == expected
    assert judged.next_change == look_again


def test_a_standing_alert_climbs_and_is_not_raised_again() -> None:
    subject = judge(holder(), DUE).subject
    assert said(judge(subject, DUE + HOUR)) == []
    judged = judge(subject, DUE + 10 * DAY)
    assert said(judged) == [("stepped", "high", "step")]
    assert only(judged).alert == subject.standing[0].alert
    assert only(judged).raised_at == DUE


def test_judging_twice_says_nothing_the_second_time() -> None:
    first = judge(holder(), DUE)
    second = judge(first.subject, DUE)
    assert second.changes == ()
    assert second.subject is first.subject


def test_the_id_is_of_rule_subject_item_and_round() -> None:
    assert only(judge(holder(), DUE)).alert == alert_id("expired", "person:UTO:X1", "P1", 0)


def test_facts_that_change_withdraw_the_alert() -> None:
    subject = judge(holder(), DUE).subject
    extended = msgspec.structs.replace(holder(date(2026, 9, 1)), standing=subject.standing)
    judged = judge(extended, DUE + DAY)
    assert said(judged) == [("withdrawn", "low", "facts")]
    assert judged.subject.standing == ()


def test_a_case_that_moves_goes_to_the_other_unit_under_the_same_id() -> None:
    subject = judge(holder(), DUE).subject
    lodged = Lodged(DUE, "lodging/a", "e2", "15.71", None)
    judged = judge(with_facts(subject, lodgings=(lodged,)), DUE + HOUR)
    assert said(judged) == [("stepped", "low", "moved")]
    assert only(judged).unit == "kesbangpol-15.71"
    assert only(judged).alert == subject.standing[0].alert


def test_a_step_tells_the_units_it_names_after_the_responsible_one() -> None:
    rungs = tuple(msgspec.structs.replace(rung, notify=("province",)) for rung in EXPIRED.steps)
    assert only(judge(holder(), DUE, changed(EXPIRED, steps=rungs))).told == ("kesbangpol-15.06", "kesbangpol-15")


# Ends -------------------------------------------------------------------------------------------------------------------


def test_an_alert_that_stood_long_enough_ends_once_and_for_good() -> None:
    kept = changed(EXPIRED, keep=msgspec.structs.replace(EXPIRED.steps[0].at, amount=30))
    subject = judge(holder(), DUE, kept)
    assert judge(subject.subject, DUE + 20 * DAY, kept).next_change == DUE + 30 * DAY
    judged = judge(subject.subject, DUE + 30 * DAY, kept)
    assert said(judged) == [("expired", "low", "kept")]
    assert said(judge(judged.subject, DUE + 31 * DAY, kept)) == []
    assert said(judge(holder(), DUE + 31 * DAY, kept)) == []


def test_an_inhibited_alert_ends_and_comes_back_when_the_other_goes() -> None:
    calm = changed(EXPIRED, id="calm")
    loud = changed(EXPIRED, id="loud", inhibits=("calm",), due=msgspec.structs.replace(EXPIRED.due, offset=offset(5)))
    subject = judge(holder(), DUE, calm, loud).subject
    assert [s.rule for s in subject.standing] == ["calm"]
    judged = judge(subject, DUE + 4 * DAY, calm, loud)
    assert sorted(said(judged)) == [("expired", "low", "inhibited"), ("raised", "low", "due")]
    assert [s.rule for s in judged.subject.standing] == ["loud"]
    assert [s.rule for s in judge(judged.subject, DUE + 5 * DAY, calm).subject.standing] == ["calm"]


def test_none_gives_way_to_a_rule_that_is_held_or_to_an_alert_that_was_dropped() -> None:
    calm, loud = changed(EXPIRED, id="calm"), changed(EXPIRED, id="loud", inhibits=("calm",))
    subject = judge(holder(), DUE, calm, loud).subject
    (alert,) = subject.standing
    assert alert.rule == "loud"
    for held in (Held(rules=frozenset({"loud"})), Held(alerts=frozenset({alert.alert}))):
        for known in (subject, holder()):  # a refold knows of no alert that stands
            assert [s.rule for s in judge(known, DUE, calm, loud, held=held).subject.standing] == ["calm", "loud"]
    for held in (Held(rules=frozenset({"calm"})), Held(alerts=frozenset({"another"}))):
        assert [s.rule for s in judge(subject, DUE, calm, loud, held=held).subject.standing] == ["loud"]


def offset(days: int) -> Any:
    return msgspec.structs.replace(EXPIRED.steps[0].at, amount=days)


@pytest.mark.parametrize(
    "rules", [(changed(EXPIRED, status=Status.retired),), (changed(EXPIRED, status=Status.draft),)]
)
def test_alerts_of_a_rule_that_is_not_in_force_any_more_are_withdrawn_as_such(rules: tuple[Rule, ...]) -> None:
    assert said(judge(judge(holder(), DUE).subject, DUE + DAY, *rules)) == [("withdrawn", "low", "rule")]


def test_alerts_of_a_rule_that_was_deleted_are_withdrawn_as_such() -> None:
    assert said(judge(judge(holder(), DUE).subject, DUE + DAY, NEVER_DUE))[-1] == ("withdrawn", "low", "rule")


def test_a_shadow_rule_is_judged_and_marked_and_raised_anew_when_it_becomes_active() -> None:
    shadow = judge(holder(), DUE, changed(EXPIRED, status=Status.shadow))
    assert only(shadow).shadow
    active = judge(shadow.subject, DUE + DAY)
    assert said(active) == [("raised", "low", "due")]
    assert not only(active).shadow


def test_an_edit_that_keeps_the_meaning_keeps_the_alert() -> None:
    subject = judge(holder(), DUE).subject
    reworded = changed(EXPIRED, owner="bidang-lain", keep=offset(90))
    assert judge(subject, DUE + DAY, reworded, generation="g2").changes == ()
    milder = changed(EXPIRED, steps=(msgspec.structs.replace(EXPIRED.steps[0], severity=Severity.info),))
    assert said(judge(subject, DUE + DAY, milder)) == [("stepped", "info", "step")]


# Officers ---------------------------------------------------------------------------------------------------------------


def closed(subject: AnySubject, at: datetime) -> AnySubject:
    return msgspec.structs.replace(
        subject, handled=(Handled("expired", "P1", at, "false_alarm", "kesbangpol/a", "c1"),)
    )


def test_a_closed_alert_ends_and_is_not_raised_for_the_same_deadline() -> None:
    subject = judge(holder(), DUE).subject
    judged = judge(closed(subject, DUE + HOUR), DUE + 2 * HOUR)
    assert said(judged) == [("closed", "low", "closed")]
    assert said(judge(judged.subject, DUE + 15 * DAY)) == []


def test_a_closed_alert_is_raised_anew_under_another_id_for_a_later_deadline() -> None:
    later = closed(holder(LAST_DAY + 30 * DAY), DUE + HOUR)
    change = only(judge(later, DUE + 30 * DAY))
    assert change.change == "raised"
    assert change.alert == alert_id("expired", "person:UTO:X1", "P1", 1)


def test_a_closed_alert_without_deadline_stays_closed() -> None:
    subject = judge(holder(), DUE, NEVER_DUE).subject
    handled = (Handled("present", "", DUE + HOUR, "confirmed", "kesbangpol/a", "c1"),)
    judged = judge(msgspec.structs.replace(subject, handled=handled), DUE + DAY, NEVER_DUE)
    assert said(judged) == [("closed", "medium", "closed")]
    assert said(judge(judged.subject, DUE + 2 * DAY, NEVER_DUE)) == []


# Sources ----------------------------------------------------------------------------------------------------------------

NEEDING = changed(EXPIRED, needs=("imigrasi", "disnaker"))


@pytest.mark.parametrize(
    ("complete", "expected", "waits_for"),
    [
        ({}, ["raised"], None),  # kinds never heard are not waited for
        ({"imigrasi": DUE}, ["raised"], None),  # complete up to the deadline is complete enough
        ({"imigrasi": DUE - HOUR}, [], "imigrasi"),
        ({"imigrasi": DUE, "disnaker": DUE - HOUR}, [], "disnaker"),
        ({"dukcapil": DUE - 90 * DAY}, ["raised"], None),  # not a kind that the rule needs
    ],
)
def test_a_deadline_is_judged_once_every_connected_source_is_complete_up_to_it(
    complete: dict[str, datetime], expected: list[str], waits_for: str | None
) -> None:
    judged = judge(holder(), DUE + HOUR, NEEDING, complete=complete)
    assert [change.change for change in judged.changes] == expected
    assert [(w.kind, w.until, w.stands) for w in judged.waiting] == ([(waits_for, DUE, False)] if waits_for else [])


def test_while_a_source_is_silent_a_standing_alert_neither_climbs_nor_ends() -> None:
    subject = judge(holder(), DUE, NEEDING).subject
    judged = judge(subject, DUE + 12 * DAY, NEEDING, complete={"imigrasi": DUE + 5 * DAY})
    assert judged.changes == ()
    assert judged.subject.standing == subject.standing
    assert [(w.kind, w.until, w.stands) for w in judged.waiting] == [("imigrasi", DUE + 10 * DAY, True)]
    assert said(judge(subject, DUE + 12 * DAY, NEEDING)) == [("stepped", "high", "step")]


def test_an_alert_raised_onto_a_step_that_waits_for_the_next_stands_and_only_does_not_climb() -> None:
    judged = judge(holder(), DUE + 12 * DAY, NEEDING, complete={"imigrasi": DUE + 5 * DAY})
    assert said(judged) == [("raised", "low", "due")]
    assert [(w.kind, w.until, w.stands) for w in judged.waiting] == [("imigrasi", DUE + 10 * DAY, True)]


def test_a_standing_alert_is_kept_when_the_source_falls_back_behind_its_deadline() -> None:
    subject = judge(holder(), DUE, NEEDING).subject
    judged = judge(subject, DUE + DAY, NEEDING, complete={"disnaker": DUE - DAY})
    assert judged.changes == ()
    assert judged.subject.standing == subject.standing


def test_facts_withdraw_an_alert_even_while_a_source_is_silent() -> None:
    subject = judge(holder(), DUE, NEEDING).subject
    extended = msgspec.structs.replace(holder(date(2026, 9, 1)), standing=subject.standing)
    assert said(judge(extended, DUE + DAY, NEEDING, complete={"imigrasi": DUE - DAY})) == [
        ("withdrawn", "low", "facts")
    ]


# Names ------------------------------------------------------------------------------------------------------------------


def test_a_renamed_person_keeps_the_alert_under_the_new_name() -> None:
    subject = judge(holder(), DUE).subject
    judged = judge(msgspec.structs.replace(subject, key="person:UTO:X0"), DUE + DAY)
    assert said(judged) == [("withdrawn", "low", "renamed"), ("raised", "low", "renamed")]
    gone, come = judged.changes
    assert come.continues == gone.alert == subject.standing[0].alert
    assert come.alert == alert_id("expired", "person:UTO:X0", "P1", 0)
    assert come.raised_at == DUE
    assert judge(judged.subject, DUE + DAY).changes == ()


def test_a_year_without_holidays_does_not_withdraw_what_stands() -> None:
    """A list that somebody forgot says nothing about the person."""
    working = changed(EXPIRED, steps=(*EXPIRED.steps, msgspec.structs.replace(EXPIRED.steps[0], at=working_days(30))))
    subject = judge(holder(), DUE, working).subject
    forgotten = Calendar(frozenset(), frozenset({2025}))
    judged = judge(subject, DUE + 25 * DAY, working, calendar=forgotten)
    assert [c.change for c in judged.changes] in ([], ["stepped"])
    assert [s.rule for s in judged.subject.standing] == ["expired"]


def working_days(amount: int) -> Any:
    return msgspec.structs.replace(EXPIRED.steps[0].at, amount=amount, unit="wd")


def test_a_step_that_is_edited_out_of_the_calendar_while_a_source_is_silent_has_not_come() -> None:
    needy = changed(EXPIRED, needs=("imigrasi",))
    now = DUE + 40 * DAY
    standing = judge(holder(), now, needy, complete={"imigrasi": now}).subject
    far = changed(needy, steps=(*needy.steps[:2], Step(Offset(4000, "wd"), Severity.critical)))
    judged = judge(standing, now, far, complete={"imigrasi": DUE + 5 * DAY})
    assert [alert.step for alert in judged.subject.standing] == [1]
