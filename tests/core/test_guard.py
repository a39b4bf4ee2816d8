"""When a rule fires too often, by counts; what then becomes of its alerts is in tests/runtime/test_guard.py."""

from __future__ import annotations

import pytest

from alerts.core.guard import Fired, HeldAlert, Limit, count_fired, exceeded, hold_back, same_person
from alerts.core.judgement import Change
from tests.core.test_plan import change

LIMIT = Limit(at_least=20, times_median=5, percent_of_subjects=20)
USUAL = (4,) * 30


@pytest.mark.parametrize(
    ("hour", "days", "subjects", "passed"),
    [
        (19, (), 20, None),  # fewer than it takes
        (20, (), 10_000, ("median", 0)),  # a rule that never fired
        (20, USUAL, 10_000, None),  # five times the median is still allowed
        (21, USUAL, 10_000, ("median", 4)),
        (20, (4,) * 16, 10_000, None),  # fired on more than half of the days
        (20, (4,) * 14, 10_000, ("median", 0)),  # on fewer than half
        (20, (4,) * 15, 10_000, ("median", 2)),
        (200, (400,) * 30, 1_000, None),  # a fifth of all is still allowed
        (201, (400,) * 30, 1_000, ("subjects", 1_000)),
    ],
)
def test_a_rule_has_fired_too_often_against_its_median_or_against_those_it_is_about(
    hour: int, days: tuple[int, ...], subjects: int, passed: tuple[str, int] | None
) -> None:
    assert exceeded(Fired(hour, days), subjects, LIMIT) == passed


def unanswered() -> Change:
    return change("a1", "stepped", reason="unanswered")


def test_what_tells_nobody_of_something_new_does_not_count() -> None:
    quiet = [
        change("a1", shadow=True), change("a2", reason="renamed"), change("a3", "withdrawn"), change("a4", "expired"),
        change("a5", "closed"), change("a6", "updated"), unanswered(),
    ]  # fmt: skip
    assert count_fired([*quiet, change("a7"), change("a8", "stepped")]) == {"stay_expired": 2}


def test_what_is_held_of_one_alert_becomes_one_line() -> None:
    raised = change("a1")
    climbed = change("a1", "stepped", raised.severity, "kesbangpol-15.06", "kesbangpol-15")
    moved = change("a1", "stepped", raised.severity, "kesbangpol-15.07", reason="moved")
    once = hold_back(None, raised)
    assert once == HeldAlert("a1", "stay_expired", "raised", ("kesbangpol-15.06",))
    twice = hold_back(once, climbed)
    assert (twice.change, twice.told) == ("raised", ("kesbangpol-15.06", "kesbangpol-15"))
    assert hold_back(twice, moved).told == ("kesbangpol-15.07",), "it is another unit's now"
    assert hold_back(None, unanswered()).change == "unanswered"


def test_nobody_is_two_persons_by_another_spelling() -> None:
    assert same_person(" Siti  Aminah") == same_person("SITI AMINAH ")
    assert same_person("Siti A.") != same_person("Siti B.")
