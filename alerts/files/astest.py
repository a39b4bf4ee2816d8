"""A test file from a real alert: its events masked, and what the rule makes of them as the expectation.

What is expected is what the masked events lead to under the rules of today, so the file passes as it is written; where that is not
what happened in service, it is said. An admin then changes the expectation to what should have been.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from alerts.core.calendar import WIB
from alerts.core.events.envelope import Event
from alerts.core.memory import MemoryRegister
from alerts.core.replay import replay
from alerts.core.rules import RuleSet
from alerts.core.turn import Settled
from alerts.files.masking import Mask, at_second
from alerts.files.ruletest import event_of, judged_with
from alerts.files.setup import Setup
from alerts.files.testfile import GivenEvent

INSTANTS_MAX = 50


class RealAlert(msgspec.Struct, frozen=True):
    """An alert of the service: what it is about, what happened to it and all events that it may rest on."""

    id: str
    rule: str
    subject: str
    item: str
    history: tuple[tuple[datetime, str, str], ...]  # when, what change, severity
    events: tuple[Event, ...]
    own: frozenset[str]  # identifiers of the person; empty for other subjects


class AsTest(msgspec.Struct, frozen=True):
    """The text of the test, whether the alert is raised in it, and what is different from what happened (empty: nothing)."""

    text: str
    raised: bool
    differs: str


def as_test(alert: RealAlert, rules: RuleSet, setup: Setup, until: datetime) -> AsTest:
    """A test of the alert's rule. Raises KeyError when there is no such rule any more."""
    mask = Mask(alert.events, alert.own)
    masked = [mask.event(event, {}) for event in alert.events]  # so that all numbers are known
    known = mask.alert(alert.id, alert.rule, alert.subject, alert.item)
    alerts = dict([known]) if known else {}
    in_order = sorted(alert.events, key=lambda event: event.received)
    masked = [mask.event(event, alerts) for event in in_order]
    expect, raised = _expected(alert.rule, masked, rules, setup, until)
    first = next(at for at, change, _ in alert.history if change == "raised")
    name = f"dari peringatan nyata {alert.rule}, {first.astimezone(WIB):%Y-%m-%d}"
    lines = ["", *_told(alert), f"- name: {_scalar(name)}", "  given:"]
    lines += [f"    - {_flow(event)}" for event in masked]
    lines += ["  expect:", *(f"    {at}: {_flow(stands)}" for at, stands in expect.items()), ""]
    in_test = raised.get(mask.item(alert.item))
    return AsTest("\n".join(lines), in_test is not None, _difference(first, in_test))


def _expected(
    rule: str, masked: Sequence[dict[str, Any]], rules: RuleSet, setup: Setup, until: datetime
) -> tuple[dict[str, list[dict[str, str]]], dict[str, datetime]]:
    """What stands of the rule at each instant of a change, beginning a second before the first; and when each item was raised."""
    decoded = [event_of(_given(event), setup) for event in masked]
    events = [event for event in decoded if isinstance(event, Event)]
    assert events == decoded
    settled = Settled(judged_with(rules.by_id[rule], rules), setup.units, setup.calendar, setup.feeds, {})
    register, raised = MemoryRegister(), dict[str, datetime]()
    expect: dict[str, list[dict[str, str]]] = {}
    changes = (c for c in replay(events, settled, until, register) if c.rule == rule and c.change != "updated")
    standing: dict[tuple[str, str], dict[str, str]] = {}  # the events may be about other subjects, too
    for at, changed in groupby(changes, key=lambda change: change.time):
        if not expect:
            expect[at_second(at - timedelta(seconds=1))] = []
        for change in changed:
            about = (change.item, change.subject)
            standing.pop(about, None)
            if change.change in ("raised", "stepped"):
                named = {"rule": rule} | ({"item": change.item} if change.item else {})
                standing[about] = named | {"severity": change.severity.name, "unit": change.unit}
                raised.setdefault(change.item, at)
        if len(expect) < INSTANTS_MAX:
            expect[at_second(at)] = [standing[about] for about in sorted(standing)]
    return expect or {at_second(until): []}, raised


def _given(event: Mapping[str, Any]) -> GivenEvent:
    time = _instant(event["time"])
    received = _instant(event["received"]) if "received" in event else time
    head = (event["type"], time, received, event["source"], event["id"], event["data"])
    return GivenEvent(*head, event.get("supersedes"))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


def _told(alert: RealAlert) -> list[str]:
    changes = (f"{at_second(at)} {change} {severity}" for at, change, severity in alert.history)
    return [f"# In service: {'; '.join(changes)}."]


def _difference(first: datetime, raised: datetime | None) -> str:
    if raised is None:
        return "under the rules of today these events do not raise the alert"
    if abs(raised - first) > timedelta(seconds=1):
        return (
            f"in service the alert came at {at_second(first)}, in the test at {at_second(raised)}:"
            " a test waits for no source and knows nothing of the feeds' past"
        )
    return ""


_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _scalar(text: str) -> str:
    bare = _BARE.fullmatch(text) and text.lower() not in _WORDS
    return text if bare else json.dumps(text, ensure_ascii=False)
