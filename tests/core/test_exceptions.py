"""Exceptions of a rule: what they cover is left alone until they end, to the minute, and everything else is not."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest

from alerts.core.calendar import start_of_day
from alerts.core.engine import judge_rule
from alerts.core.judgement import State
from alerts.core.register.derive import derive
from alerts.core.rules import Exemption, RuleSet
from tests.core.test_engine import DAY, DUE, EXPIRED, HOUR, Context, changed, holder, judge, said
from tests.properties.worlds import CALENDAR, FEEDS, UNITS, path

UNTIL = date(2026, 3, 31)
END = start_of_day(date(2026, 4, 1))


def exemption(until: date = UNTIL, **where: tuple[str | int | bool, ...]) -> Exemption:
    facts = {name.replace("__", "."): values for name, values in where.items()}
    return Exemption("diperiksa 2026-02-10", until, tuple((path(name), values) for name, values in facts.items()))


EXCEPTED = changed(EXPIRED, exceptions=(exemption(stay__permit_ref=("P1",)),))


def test_what_is_covered_is_not_raised_before_the_end_of_the_last_day_and_then_it_is() -> None:
    before = judge(holder(), DUE, EXCEPTED)
    assert (said(before), before.next_change) == ([], END)
    assert said(judge(before.subject, END - timedelta(microseconds=1), EXCEPTED)) == []
    assert said(judge(before.subject, END, EXCEPTED)) == [("raised", "critical", "due")]


def test_before_its_deadline_it_is_the_deadline_that_is_waited_for() -> None:
    assert judge(holder(), DUE - HOUR, EXCEPTED).next_change == DUE


def test_an_alert_that_comes_to_be_covered_is_withdrawn_with_the_reason_and_comes_back_as_itself() -> None:
    standing = judge(holder(), DUE, EXPIRED).subject
    covered = judge(standing, DUE + HOUR, EXCEPTED)
    assert said(covered) == [("withdrawn", "low", "excepted: diperiksa 2026-02-10")]
    again = judge(covered.subject, END, EXCEPTED)
    assert said(again) == [("raised", "critical", "due")]
    assert again.subject.standing[0].alert == standing.standing[0].alert


@pytest.mark.parametrize(
    ("where", "covered"),
    [
        ({"stay__permit_ref": ("P1", "P2")}, True),
        ({"stay__permit_ref": ("P2",)}, False),
        ({"stay__permit_ref": ("P1",), "person__area": ("15.71", "15.06")}, True),
        ({"stay__permit_ref": ("P1",), "person__area": ("15.71",)}, False),
        ({"stay__valid_until": ("2026-03-01",)}, True),
        ({"stay__valid_until": ("2026-03-02",)}, False),
        ({"stay__latest": (True,)}, True),
        ({"stay__latest": (False,)}, False),
        ({"stay__activity": ("work",)}, False),  # it is not known
    ],
)
def test_every_fact_has_to_have_one_of_the_values(where: dict[str, tuple[str | bool, ...]], covered: bool) -> None:
    judged = judge(holder(), DUE, changed(EXPIRED, exceptions=(exemption(**where),)))
    assert (said(judged) == []) is covered


def test_of_several_the_one_that_holds_longest_decides() -> None:
    short = exemption(date(2026, 3, 10), stay__permit_ref=("P1",))
    rule = changed(EXPIRED, exceptions=(short, *EXCEPTED.exceptions, exemption(date(2027, 1, 1), stay__kind=("ITAP",))))
    assert judge(holder(), DUE, rule).next_change == END


def test_a_rule_without_a_deadline_begins_to_stand_when_the_exception_ends() -> None:
    rule = changed(EXCEPTED, due=None, steps=EXCEPTED.steps[:1])
    judged = judge(judge(holder(), DUE, rule).subject, END + HOUR, rule)
    assert [(change.change, change.due) for change in judged.changes] == [("raised", END + HOUR)]


def test_what_is_excepted_does_not_inhibit() -> None:
    other = changed(EXPIRED, id="other")
    judged = judge(holder(), DUE, changed(EXCEPTED, inhibits=("other",)), other)
    assert [change.rule for change in judged.changes] == ["other"]


def test_the_verdict_says_which_exception_it_is() -> None:
    context = Context(RuleSet((EXCEPTED,), "g"), UNITS, CALENDAR, FEEDS, {}, {})
    view, _ = derive(holder(), {}, FEEDS, {}, DUE + DAY)
    (verdict,) = judge_rule(EXCEPTED, holder(), view, context, DUE + DAY)
    assert (verdict.state, verdict.exception, verdict.next_change) == (State.excepted, EXCEPTED.exceptions[0], END)


def test_a_fact_that_only_an_exception_reads_is_read() -> None:
    rules = RuleSet((changed(EXPIRED, area=None, exceptions=(exemption(person__area=("15.06",)),)),), "g")
    assert "area" in rules.reads("person")
    assert "area" not in RuleSet((msgspec.structs.replace(rules.rules[0], exceptions=()),), "g").reads("person")
