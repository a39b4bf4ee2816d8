"""Law: what `rules impact` makes of two sets of rules on one register is what two replays of all their rules say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.core.impact import Course, concerned, differences, note
from alerts.core.judgement import Change
from alerts.core.replay import replay
from alerts.core.rules import Path, Rule, Severity, Status, Step
from alerts.core.sides import NEW, OLD, apart, judged
from alerts.core.turn import Settled
from tests.properties.marks import mark
from tests.properties.worlds import (
    AS_HEARD,
    END,
    FIELDS,
    HOUR,
    RULES,
    STAYS,
    Batch,
    closing,
    condition,
    decoded,
    offset,
    rule,
    worlds,
)

# Two more, so that four rules about stays give way to each other in a row.
RULED = msgspec.structs.replace(
    RULES,
    rules=(
        rule("here", "person", "person.in_country", each="stay in person.stays", inhibits=("latest",)),
        rule("latest", "person", "stay.latest", each="stay in person.stays", inhibits=("stay_expired",)),
        *RULES.rules,
    ),
)
NAMES = [each.id for each in RULED.rules]
OF_STAYS = ("here", "latest", "stay_expiring", "stay_expired")


def _shifted(rule: Rule, days: int) -> dict[str, Any]:
    if rule.due is None:
        return {"area": None if rule.area else Path("person", "area")} if rule.about == "person" else {}
    amount = rule.due.offset
    return {
        "due": msgspec.structs.replace(rule.due, offset=msgspec.structs.replace(amount, amount=amount.amount + days))
    }


def _condition(rule: Rule, days: int) -> dict[str, Any]:
    each = f"{rule.each.name} in {rule.about}.{rule.each.field}" if rule.each else ""
    text = f"!({rule.when.text})" if days % 2 else "true"
    return {"when": condition(rule.about, each, text)}


def _with_a_deadline(more: dict[str, Any]) -> Callable[[Rule, int], dict[str, Any]]:
    """What counts from a deadline, which the loader lets nobody write without one."""
    return lambda rule, days: {key: value(days) for key, value in more.items()} if rule.due else {}


EDITS: dict[str, Callable[[Rule, int], dict[str, Any]]] = {
    "a deadline": _shifted,
    "a condition": _condition,
    "a ladder": _with_a_deadline(
        {"steps": lambda days: (Step(offset("0d"), Severity.low), Step(offset(f"{days + 6}d"), Severity.high))}
    ),
    "a life": _with_a_deadline({"keep": lambda days: offset(f"{days + 6}d")}),
    "its sources": _with_a_deadline({"needs": lambda days: ("imigrasi",) if days % 2 else ()}),
    "who gives way": lambda _, days: {"inhibits": (OF_STAYS[days % 4],)},
    "its trial": lambda rule, _: {"status": Status.active if rule.status is Status.shadow else Status.shadow},
    "its force": lambda _, days: {"status": Status.retired if days % 2 else Status.draft},
}
edits = st.lists(
    st.tuples(st.sampled_from(OF_STAYS) | st.sampled_from(NAMES), st.sampled_from(sorted(EDITS)), st.integers(-5, 15)),
    min_size=4,
    max_size=8,
)


def edited(edits: Sequence[tuple[str, str, int]]) -> Settled:
    """The rules with these edits, each with another fingerprint as the loader would give it."""
    rules = {each.id: each for each in RULED.rules}
    for name, what, days in edits:
        more = EDITS[what](rules[name], days)
        rules[name] = msgspec.structs.replace(
            rules[name], fingerprint=f"{rules[name].fingerprint} {what} {days}", **more
        )
    return msgspec.structs.replace(AS_HEARD, rules=msgspec.structs.replace(RULED, rules=tuple(rules.values())))


def with_closings(world: Batch, sides: tuple[Settled, Settled], picks: list[tuple[int, int]]) -> Batch:
    """As received, with officers who closed alerts that one of the sides had raised, some hours after, or would raise later."""
    received = sorted(world, key=lambda e: e[0].received)
    events = [event for event, _ in received]
    raised = [c for side in sides for c in replay(events, side, END) if c.change == "raised"] if picks else []
    closed = [
        closing(f"c{number}", change.alert, change.time + hours * HOUR)
        for number, (pick, hours) in enumerate(picks)
        if raised and (change := raised[pick % len(raised)])
    ]
    return sorted([*received, *closed], key=lambda e: e[0].received)


def comparable(changes: list[Change]) -> list[Change]:
    """In one order within an instant; without the store's ids, and `late`, which says when others were judged."""
    plain = [msgspec.structs.replace(change, late=False, subject_id=0) for change in changes]
    return sorted(plain, key=lambda c: (c.time, c.rule, c.item, c.alert, c.subject, c.change))


def courses(changes: list[Change]) -> dict[str, Course]:
    found: dict[str, Course] = {}
    for change in changes:
        note(found, change)
    return found


@given(
    worlds(12, (STAYS, STAYS, *FIELDS)),
    edits,
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30 * 24)), max_size=2),
)
def test_two_sides_say_what_two_replays_of_all_rules_say(
    world: Batch, changed: list[tuple[str, str, int]], closed: list[tuple[int, int]]
) -> None:
    sides = edited([]), edited(changed)
    events = [event for event, _ in with_closings(world, sides, closed)]
    rules = concerned(*sides)
    assert not apart(events, *sides)
    full = [list(replay(events, side, END)) for side in sides]
    said: dict[str, list[Change]] = {OLD: [], NEW: []}
    for side, change in judged(events, *sides, rules, END):
        said[side].append(change)
    for side, replayed in zip((OLD, NEW), full, strict=True):
        assert comparable(said[side]) == comparable([c for c in replayed if c.rule in rules])
    differ = list(differences(*map(courses, full)))
    assert list(differences(courses(said[OLD]), courses(said[NEW]))) == differ
    mark(differ)


@pytest.mark.parametrize("officer_first", [True, False])
def test_an_officer_who_corrects_another_sort_of_event_sets_the_sides_apart(officer_first: bool) -> None:
    """On a side where the alert was never raised, the officer's event is not kept, so it can correct nothing there."""
    said = {"specversion": "1.0", "source": "kesbangpol/a", "type": "institution.activity_reported.v1"}
    said |= {"id": "e1", "time": END.isoformat(), "data": {"org_id": "O1", "area": "15.06", "held_on": "2026-05-01"}}
    corrected = {"supersedes": "c1"} if officer_first else {}
    world = [decoded(said | corrected), closing("c1", "a" * 20, END, **({} if officer_first else {"supersedes": "e1"}))]
    sides = edited([]), edited([])
    assert apart([event for event, _ in world], *sides)
    assert not apart([event for event, _ in world[:1]], *sides)
