"""Deadlines that waited for a silent source are judged when it is back: the oldest first, and no more at once than a turn takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.core.feeds import FeedList, FeedOffice
from alerts.core.memory import MemoryRegister
from alerts.core.ports import Effects
from alerts.core.rules import RuleSet
from alerts.core.turn import Settled, turn
from tests.core.turns import event, passport, permit
from tests.properties.worlds import CALENDAR, UNITS, Batch, rule

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SORTS = {"imigrasi": "ITAS", "dukcapil": "ITK"}  # each source is needed by a rule on one sort of permit
FEEDS = FeedList({f"{kind}/a": FeedOffice(f"{kind}/a", DAY, DAY) for kind in SORTS})
RULES = tuple(
    rule(f"needs_{kind}", "person", f"stay.kind == '{sort}'", each="stay in person.stays", due="stay.valid_until + 1d",
         needs=(kind,))
    for kind, sort in SORTS.items()
)  # fmt: skip
SETTLED = Settled(RuleSet(RULES, ""), UNITS, CALENDAR, FEEDS)
ENDED = ("2026-02-20", "2026-02-11", "2026-02-25", "2026-02-14", "2026-02-17", "2026-02-23", "2026-02-10", "2026-02-19")


def take(register: MemoryRegister, batch: Batch, now: datetime, due: int = 1000) -> Effects:
    effects = turn(register, batch, SETTLED, now, due)
    register.apply(effects)
    return effects


def beat(kind: str, day: str) -> Batch:
    return event(f"{kind}-{day}", "feed.heartbeat", day, source=f"{kind}/a", complete_until=f"{day}T00:00:00+07:00")


@pytest.fixture
def silent() -> MemoryRegister:
    """Permits that ended one after another, of both sorts in turn, while both sources have been silent since 1 February."""
    register = MemoryRegister()
    for kind in SORTS:
        take(register, beat(kind, "2026-02-01"), NOW - 28 * DAY)
    for number, until in enumerate(ENDED):
        sort = list(SORTS.values())[number % 2]
        take(register, permit(f"p{number}", passport(f"X{number}"), f"P{number}", until, kind=sort), NOW - 28 * DAY)
    assert take(register, [], NOW).changes == ()
    return register


def test_while_the_sources_are_silent_each_deadline_is_unknown_and_nothing_is_raised(silent: MemoryRegister) -> None:
    waits = [wait for saved in silent.stored.values() for wait in saved.waiting]
    assert len(waits) == len(ENDED)
    assert {(wait.rule, wait.kind, wait.stands) for wait in waits} == {(f"needs_{kind}", kind, False) for kind in SORTS}
    assert take(silent, [], NOW + 30 * DAY).changes == ()


@pytest.mark.parametrize("due", [1, 2, 3, 1000])
def test_when_they_are_back_the_oldest_deadlines_come_first_and_no_turn_judges_more_than_it_may(
    silent: MemoryRegister, due: int
) -> None:
    back = [*beat("imigrasi", "2026-03-01"), *beat("dukcapil", "2026-03-01")]
    turns = [take(silent, back, NOW + DAY, due)]
    while turns[-1].more_due:
        turns.append(take(silent, [], NOW + DAY, due))
    raised = [change.due for effects in turns for change in effects.changes]
    assert len(raised) == len(ENDED)
    assert raised == sorted(raised)
    assert max(len(effects.changes) for effects in turns) <= due


def test_what_is_due_by_time_and_what_waited_share_the_limit_of_a_turn(silent: MemoryRegister) -> None:
    for number in range(10, 14):
        until = "2026-03-01"
        take(silent, permit(f"p{number}", passport(f"X{number}"), f"P{number}", until), NOW)
    back = [*beat("imigrasi", "2026-03-03"), *beat("dukcapil", "2026-03-03")]
    turns = [take(silent, back, NOW + 3 * DAY, 5)]
    while turns[-1].more_due:
        turns.append(take(silent, [], NOW + 3 * DAY, 5))
    raised = [change for effects in turns for change in effects.changes]
    assert len(raised) == len(ENDED) + 4
    assert max(len(effects.changes) for effects in turns) <= 5


def test_one_source_that_is_back_frees_what_waits_for_it_alone(silent: MemoryRegister) -> None:
    changes = take(silent, beat("dukcapil", "2026-03-01"), NOW + DAY).changes
    assert {change.rule for change in changes} == {"needs_dukcapil"}
    assert len(changes) == len(ENDED) // 2
