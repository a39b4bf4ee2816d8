"""Laws of time: `next_change` is never late and never spins, and the changes that are said add up to what stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.core.calendar import civil_date, start_of_day
from alerts.core.engine import step
from alerts.core.judgement import Change
from alerts.core.memory import MemoryRegister
from alerts.core.ports import AlertRef
from alerts.core.replay import replay
from alerts.core.turn import Settled, turn
from tests.properties.marks import mark
from tests.properties.pictures import context_of, linked_to, verdicts
from tests.properties.worlds import (
    AS_HEARD,
    COMPLETE,
    DAY,
    DAYS,
    END,
    FIRST_DAY,
    HOUR,
    LATE_DAYS,
    PERMITS_ONLY,
    RULES,
    STAYS,
    Batch,
    build,
    closing,
    heartbeats,
    worlds,
)

SECOND = HOUR / 3600
X1 = {"issuing_state": "UTO", "passport_no": "X1"}
ALL_TOLD = start_of_day(FIRST_DAY) + (DAYS + LATE_DAYS + 1) * DAY  # of what happens in a world
instants = st.integers(0, (DAYS + 60) * 24).map(lambda hours: start_of_day(FIRST_DAY) + hours * HOUR)


# Officers -------------------------------------------------------------------------------------------------------------


def with_closings(world: Batch, picks: list[tuple[int, int]]) -> Batch:
    """The world as it is received, and officers who close alerts some hours after they were raised."""
    received = sorted(world, key=lambda e: e[0].received)
    raised = [c for c in replayed(received, COMPLETE)[0] if c.change == "raised"] if picks else []
    picked = [(raised[pick % len(raised)], hours) for pick, hours in picks if raised]
    closed = [closing(f"c{n}", change.alert, change.time + hours * HOUR) for n, (change, hours) in enumerate(picked)]
    return sorted([*received, *closed], key=lambda e: e[0].received)


closings = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30 * 24)), max_size=2)


def replayed(world: Batch, settled: Settled, until: datetime = END) -> tuple[list[Change], MemoryRegister]:
    register = MemoryRegister()
    return list(replay([event for event, _ in world], settled, until, register)), register


# next_change ------------------------------------------------------------------------------------------------------------


def judged(world: Batch, settled: Settled, now: datetime) -> MemoryRegister:
    """All of the world judged at once, at an instant; whatever its officers closed had been raised before."""
    register = MemoryRegister({c.alert: AlertRef(c.subject, c.rule, c.item) for c in replayed(world, settled)[0]})
    register.apply(turn(register, world, settled, now, due=sys.maxsize))
    return register


@given(worlds(8), closings, instants, st.sampled_from((COMPLETE, AS_HEARD)), st.lists(st.floats(0, 1), max_size=3))
def test_no_verdict_changes_before_next_change(
    world: Batch, closed: list[tuple[int, int]], now: datetime, settled: Settled, parts: list[float]
) -> None:
    register = judged(with_closings(world, closed), settled, now)
    for saved in register.stored.values():
        until = saved.next_change or END
        midnights = (start_of_day(civil_date(now)) + days * DAY for days in range(1, (until - now) // DAY + 2))
        probes = [now + SECOND, until - SECOND, *(now + part * (until - now) for part in parts), *midnights]
        before = verdicts(saved, register, settled, now)
        for probe in probes:
            if now < probe < until:
                assert verdicts(saved, register, settled, probe) == before, probe


@given(worlds(8), closings, instants, st.sampled_from((COMPLETE, AS_HEARD)))
def test_judging_at_next_change_makes_progress(
    world: Batch, closed: list[tuple[int, int]], now: datetime, settled: Settled
) -> None:
    register = judged(with_closings(world, closed), settled, now)
    context = context_of(register, settled)
    for saved in register.stored.values():
        at, turns = now, 0
        subject, next_change, linked = saved.subject, saved.next_change, linked_to(saved, register)
        while next_change is not None:
            assert next_change > at
            at, turns = next_change, turns + 1
            assert turns < 200, "next_change goes on for ever"
            result = step(subject, linked, context, at)
            subject, next_change = result.subject, result.next_change


@given(worlds(8), instants, st.lists(instants, max_size=4))
def test_looking_more_often_than_next_change_asks_changes_nothing(
    world: Batch, now: datetime, looks: list[datetime]
) -> None:
    lazy, restless = judged(world, COMPLETE, now), judged(world, COMPLETE, now)
    run_to_end(lazy)
    for look in sorted(look for look in looks if look > now):
        everybody = {id: msgspec.structs.replace(s, next_change=look) for id, s in restless.stored.items()}
        for saved in everybody.values():  # each is due now
            restless._save(saved)
        restless.apply(turn(restless, [], COMPLETE, look, due=sys.maxsize))
    run_to_end(restless)
    assert alerts(lazy) == alerts(restless)


def run_to_end(register: MemoryRegister) -> None:
    while (due := register.next_due()) is not None and due < END:
        register.apply(turn(register, [], COMPLETE, due, due=sys.maxsize))


def alerts(register: MemoryRegister) -> set[tuple[str, int]]:
    return {(a.alert, a.step) for saved in register.stored.values() for a in saved.subject.standing}


# Changes ----------------------------------------------------------------------------------------------------------------


@given(worlds(), closings)
def test_the_same_history_says_the_same_changes(world: Batch, closed: list[tuple[int, int]]) -> None:
    history = with_closings(world, closed)
    assert replayed(history, COMPLETE)[0] == replayed(history, COMPLETE)[0]


@given(worlds(), closings, st.sampled_from((COMPLETE, AS_HEARD)))
def test_what_was_raised_and_not_ended_is_what_stands(
    world: Batch, closed: list[tuple[int, int]], settled: Settled
) -> None:
    changes, register = replayed(with_closings(world, closed), settled)
    said: dict[str, Change] = {}
    for change in changes:
        if change.change == "raised":
            assert change.alert not in said, f"{change.rule} raised again while it stands"
        else:
            assert change.alert in said, f"{change.rule} {change.change} although it does not stand"
        if change.change in ("raised", "stepped", "updated"):
            said[change.alert] = change
        else:
            del said[change.alert]
    standing = {a.alert: a for saved in register.stored.values() for a in saved.subject.standing}
    assert {(a.alert, a.severity, a.unit, a.due) for a in standing.values()} == {
        (change.alert, change.severity, change.unit, change.due) for change in said.values()
    }


@given(worlds(), closings)
def test_changes_come_in_the_order_of_time_and_never_say_nothing(world: Batch, closed: list[tuple[int, int]]) -> None:
    changes, _ = replayed(with_closings(world, closed), COMPLETE)
    assert [c.time for c in changes] == sorted(c.time for c in changes)
    last: dict[str, Change] = {}
    for change in changes:
        before = last.get(change.alert)
        if change.change == "stepped" and before:
            assert (change.severity, change.unit) != (before.severity, before.unit) or change.reason == "step"
        if change.change == "updated":
            assert before and change.due != before.due
        # Nobody is told of a new name, so what is said next is compared with what was said under the old one.
        last[change.alert] = last[change.continues] if change.continues else change


PLACED = {"nib": "E1", "post_code": "1", "area": "15.06", "start": "2026-01-01", "end": "2026-12-31"}
NAMED_LATE = build(  # a worker who is accused before the passport is told
    [
        ("worker.placed.v1", "disnaker/c", PLACED | {"person": {"niora": "N1"}}, 0, 0, 0),
        ("worker.placed.v1", "disnaker/c", PLACED | {"person": {"niora": "N1"} | X1}, 30 * 24, 0, 0),
    ]
)


@given(worlds())
def test_a_renamed_alert_ends_and_begins_in_one_breath(world: Batch) -> None:
    changes, _ = replayed(with_closings([*world, *NAMED_LATE], []), COMPLETE)
    renamed = [c for c in changes if c.reason == "renamed"]
    for gone, come in pairs(renamed):
        assert (gone.change, come.change) == ("withdrawn", "raised")
        assert (come.continues, come.rule, come.item, come.subject_id, come.time) == (
            gone.alert,
            gone.rule,
            gone.item,
            gone.subject_id,
            gone.time,
        )
    mark(renamed)


def pairs(changes: list[Change]) -> Iterator[tuple[Change, Change]]:
    assert len(changes) % 2 == 0
    return ((a, b) for number, (a, b) in enumerate(pairwise(changes)) if number % 2 == 0)


# Sources that are not complete ------------------------------------------------------------------------------------------


@given(worlds(12, [STAYS, PERMITS_ONLY]))
def test_what_a_silent_source_held_back_stands_as_soon_as_it_is_complete(world: Batch) -> None:
    """As soon as all is told, when much of it still stands that would have expired by the end."""
    changes, late = replayed([*with_closings(world, []), *heartbeats(ALL_TOLD)], AS_HEARD, ALL_TOLD)
    _, told = replayed(with_closings(world, []), COMPLETE, ALL_TOLD)
    kept = {rule.id for rule in RULES.rules if rule.about == "person"}

    def persons(register: MemoryRegister) -> set[tuple[str, int]]:
        return {(a.alert, a.step) for s in register.stored.values() for a in s.subject.standing if a.rule in kept}

    assert persons(late) == persons(told)
    mark([c for c in changes if c.rule in kept and c.time == ALL_TOLD and c.change in ("raised", "stepped")])


@given(worlds(12, [STAYS, PERMITS_ONLY]))
def test_nothing_is_raised_or_climbs_beyond_what_its_sources_have_told(world: Batch) -> None:
    register, waited = MemoryRegister(), set()
    for event in with_closings(world, []):
        before = {a.alert: a for s in register.stored.values() for a in s.subject.standing}
        effects = turn(register, [event], AS_HEARD, event[0].received, due=sys.maxsize)
        register.apply(effects)
        complete = context_of(register, AS_HEARD).complete_until
        for saved in effects.saved:
            for alert in saved.subject.standing:
                rule = next(r for r in RULES.rules if r.id == alert.rule)
                rung = AS_HEARD.calendar.add(alert.due, rule.steps[alert.step].at)
                old = before.get(alert.alert)
                if rule.due and not (old and old.step >= alert.step):
                    assert all(complete.get(kind, END) >= rung for kind in rule.needs), alert
                    waited.update(rule.needs)
    mark(waited)
