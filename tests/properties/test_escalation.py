"""Whom the unit above is told of, and when, is a function of the events and of the answers; and it is told of each once."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.calendar import start_of_day
from alerts.core.judgement import Change
from alerts.core.memory import MemoryRegister
from alerts.core.register.subject import Standing
from alerts.core.rules import Severity
from alerts.core.turn import turn
from alerts.runtime.settle import Decided
from tests.found.province import Province
from tests.properties.marks import mark
from tests.properties.pictures import judge, picture
from tests.properties.test_order import Case, arriving, in_batches
from tests.properties.worlds import (
    CALENDAR,
    COMPLETE,
    DAY,
    DAYS,
    FIRST_DAY,
    LATE_DAYS,
    PERMITS_ONLY,
    UNITS,
    Batch,
    day,
    decoded,
    heartbeats,
    moment,
    offset,
    worlds,
)
from tests.runtime.office import ROOT, decisions

WAITS = {Severity.low: offset("7wd"), Severity.medium: offset("3wd"), Severity.high: offset("1wd")}
ASKING = msgspec.structs.replace(COMPLETE, escalate=WAITS)
NOW = start_of_day(FIRST_DAY) + (DAYS + LATE_DAYS + 1) * DAY  # all has been received, and ladders are being climbed
UNTIL = NOW + 60 * DAY
ABOVE = {unit.id: unit.parent for unit in UNITS.units}
Above = list[tuple[str, datetime, tuple[str, ...]]]  # the alert, when the unit above was told of it, and which that is


class Told(msgspec.Struct):
    """What came of a world in which some of the alerts were acknowledged at once."""

    asked: dict[str, Standing]
    acknowledged: set[str]
    changes: list[Change]  # as time passed
    register: dict[str, Any]

    @property
    def above(self) -> Above:
        return sorted((c.alert, c.time, c.told) for c in self.changes if c.reason == "unanswered")


def tell(batches: Iterable[Batch], picks: list[int]) -> Told:
    """All arrives at NOW, and then nothing for sixty days."""
    register = MemoryRegister()
    for batch in batches:
        judge(register, ASKING, NOW, batch)
    asked = standing(register)
    acknowledged = {sorted(asked)[pick % len(asked)] for pick in picks} if asked else set()
    judge(register, ASKING, NOW, [acknowledgement(alert) for alert in sorted(acknowledged)])
    changes: list[Change] = []
    while (due := register.next_due()) and due <= UNTIL:
        effects = turn(register, [], ASKING, due, due=sys.maxsize)
        register.apply(effects)
        changes += effects.changes
    return Told(asked, acknowledged, changes, picture(register))


def standing(register: MemoryRegister) -> dict[str, Standing]:
    return {alert.alert: alert for saved in register.stored.values() for alert in saved.subject.standing}


def acknowledgement(alert: str) -> tuple[Any, bytes]:
    raw = {"specversion": "1.0", "id": f"a-{alert}", "source": "kesbangpol/a", "type": "alert.acknowledged.v1"}
    return decoded(raw | {"time": NOW.isoformat(), "receivedtime": NOW.isoformat(), "data": {"alert": alert}})


@given(arriving(worlds()), st.lists(st.integers(0, 20), max_size=3))
def test_any_order_any_batches_and_any_repetition_tell_the_same_units_above_at_the_same_time(
    case: Case, picks: list[int]
) -> None:
    one, other = tell(in_batches(case), picks), tell([case[0]], picks)
    assert one.above == other.above
    assert one.register == other.register
    mark(one.above)


def test_news_that_takes_an_alert_down_leaves_the_time_of_the_lower_step_in_any_order() -> None:
    wrong, right = permit("e1", day(60)), permit("e2", day(78), supersedes="e1")
    apart, together = tell([[wrong], [right]], []), tell([[wrong, right]], [])
    assert {alert.severity for alert in together.asked.values()} == {Severity.low, Severity.medium}
    assert apart.above == together.above == owed(together)


def permit(id: str, until: str, **more: str) -> tuple[Any, bytes]:
    """A stay permit of 15.06."""
    raw = {"specversion": "1.0", "id": id, "source": "imigrasi/a", "type": "stay_permit.issued.v1", "time": moment(10)}
    data = {"person": {"issuing_state": "UTO", "passport_no": "X1"}, "permit_no": "P1", "kind": "ITAS", "area": "15.06"}
    valid = {"valid_from": day(0), "valid_until": until}
    return decoded(raw | {"receivedtime": moment(20), "data": data | valid} | more)


@given(worlds(), st.lists(st.integers(0, 20), max_size=3))
def test_the_unit_above_is_told_once_of_whatever_nobody_acknowledged_in_time_and_of_nothing_else(
    world: Batch, picks: list[int]
) -> None:
    told = tell([world], picks)
    assert told.above == owed(told), "not what is owed to the unit above"
    mark(told.above)


def owed(told: Told) -> Above:
    """The same by other means: read off the changes, alert by alert."""
    ends: dict[str, datetime] = {}  # of the waiting
    units = {id: alert.unit for id, alert in told.asked.items()}
    silent = set(told.acknowledged)
    found: Above = []

    def ask(alert: str, severity: Severity, at: datetime) -> None:
        if alert not in silent and severity in WAITS and ABOVE[units[alert]]:
            end = CALENDAR.add(at, WAITS[severity])
            ends[alert] = min(end, ends.get(alert, end))

    def come_to(instant: datetime, alerts: Iterable[str]) -> None:
        for alert in [a for a in alerts if a in ends and ends[a] <= instant]:
            above = ABOVE[units[alert]]
            assert above
            found.append((alert, ends.pop(alert), (above,)))
            silent.add(alert)

    for id, alert in told.asked.items():
        if not alert.shadow:
            ask(id, alert.severity, NOW)
    for change in told.changes:
        if change.shadow or change.reason == "unanswered":
            continue
        if change.change in ("withdrawn", "expired"):
            if change.alert in ends and ends[change.alert] < change.time:
                come_to(change.time, [change.alert])
            ends.pop(change.alert, None)
            continue
        if change.change == "raised":
            silent.discard(change.alert)
            units[change.alert] = change.unit
        come_to(change.time, [change.alert])
        ask(change.alert, change.severity, change.time)
    come_to(UNTIL, list(ends))
    return sorted(found)


@cache
def shipped() -> Decided:
    """As shipped: unlike the other laws, with `escalate`."""
    decided = decisions(ROOT / "rules")
    assert decided.settled.escalate
    return decided


@settings(max_examples=15)
@given(arriving(worlds(8, [PERMITS_ONLY])))
def test_the_notices_to_the_unit_above_are_owed_once_however_the_events_came(case: Case) -> None:
    one, other = notices(in_batches(case)), notices([case[0]])
    assert one == other
    assert set(one.values()) <= {1}
    mark(one)


def notices(batches: Iterable[Batch]) -> Counter[tuple[str, str, str]]:
    """Lines that say that nobody answered, by alert, officer and channel: with the shipped rules, in a real store."""
    with tempfile.TemporaryDirectory() as folder:
        province = Province(Path(folder) / "lapor-dini.sqlite", shipped(), NOW)
        for batch in [*batches, heartbeats(NOW)]:
            province.take(*(raw for _, raw in batch))
        while (due := province.store.register.next_due()) and due <= NOW + 30 * DAY:
            province.hand_over()  # a line that is still planned would be replaced by that of the next step
            province.now = max(due, province.now)
            province.take()
        told = province.rows(
            "SELECT l.alert, officer, channel FROM notice_lines l JOIN notices n ON n.id = notice"
            " WHERE l.change = 'unanswered' AND state <> 'cancelled'"
        )
        logged = {a for (a,) in province.rows("SELECT alert FROM alert_changes WHERE reason = 'unanswered'")}
        assert logged == {alert for alert, *_ in told}
        assert province.store.book.owed().balanced
        assert province.proof() == []
        province.store.close()
    return Counter(told)
