"""What a register comes to after events arrived in some way, as a value that two of them can be compared by."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from alerts.core.engine import judge_rule
from alerts.core.feeds import Watermarks
from alerts.core.judgement import Context
from alerts.core.memory import MemoryRegister
from alerts.core.ports import Saved
from alerts.core.register.derive import derive
from alerts.core.register.subject import Standing
from alerts.core.turn import Settled, turn
from tests.properties.histories import shipped
from tests.properties.worlds import END, IDENTIFIERS, RULES, Batch

NEVER = datetime.min.replace(tzinfo=END.tzinfo)
# Alerts of these are due when somebody looked, which is no property of events.
_UNDATED = {rule.id for rule in (*RULES.rules, *shipped().settled.rules.rules) if rule.due is None}


def arrive(batches: Sequence[Batch], settled: Settled, last: Batch = []) -> MemoryRegister:  # noqa: B006 - never changed
    """The register after these batches, each judged once it has been received, and then at END."""
    register = as_received(batches, settled)
    judge(register, settled, END, last)
    return register


def as_received(batches: Sequence[Batch], settled: Settled, register: MemoryRegister | None = None) -> MemoryRegister:
    """The register after these batches, each judged once it has been received."""
    register, now = register or MemoryRegister(), NEVER
    for batch in batches:
        now = max([now, *(event.received for event, _ in batch)])
        judge(register, settled, now, batch)
    return register


def judge(register: MemoryRegister, settled: Settled, now: datetime, batch: Batch = []) -> None:  # noqa: B006
    """One turn."""
    register.apply(turn(register, batch, settled, now, due=sys.maxsize))


def picture(register: MemoryRegister, identifiers: Sequence[str] = IDENTIFIERS) -> dict[str, Any]:
    """All that the register holds, by key; less the numbers that the order of arrival gives, and when an alert was raised."""
    keys = {id: saved.subject.key for id, saved in register.stored.items()}
    assert len(set(keys.values())) == len(keys), "two subjects have one key"
    found = register.find(identifiers)
    assert set(found.values()) <= keys.keys(), "an identifier leads nowhere"
    feeds = {f"feed:{source}": source for source in register.feeds()}
    return {
        keys[id]: {
            **_of_subject(saved, register),
            "identifiers": {i for i, owner in found.items() if owner == id},
            "contradicts": {keys[other] for other in saved.subject.contradicts},
            "feed": feeds.get(keys[id]),
            "waiting": set(saved.waiting),
            "next_change": saved.next_change,
            "links": saved.links,
            "linked": {keys[other] for other in register.linkers([keys[id]])},
        }
        for id, saved in register.stored.items()
    }


def _of_subject(saved: Saved, register: MemoryRegister) -> dict[str, Any]:
    subject = saved.subject
    return {
        "kind": subject.kind,
        "facts": subject.facts,
        "standing": {_stands(alert) for alert in subject.standing},
        "handled": subject.handled,
        "named": (subject.naming, subject.niora, subject.birth_date, subject.doubtful),
        "history": {(e.source, e.id) for e in register.events(subject.history).values()},
    }


def _stands(alert: Standing) -> tuple[Any, ...]:
    what = (alert.alert, alert.rule, alert.item, alert.round, alert.fingerprint, alert.shadow)
    return (*what, alert.step, alert.severity, alert.unit, None if alert.rule in _UNDATED else alert.due)


def verdicts(saved: Saved, register: MemoryRegister, settled: Settled, now: datetime) -> Any:
    """What every rule says of the subject at an instant, less what only an observer of time would see."""
    context = context_of(register, settled)
    linked = linked_to(saved, register)
    view, _ = derive(saved.subject, linked, settled.feeds, context.states, now)
    found = [
        v
        for rule in settled.rules.about(saved.subject.kind)
        for v in judge_rule(rule, saved.subject, view, context, now)
    ]
    return [(v.rule.id, v.item, v.state, v.due, v.step, v.round, v.waits_for, v.waits_until) for v in found]


def context_of(register: MemoryRegister, settled: Settled) -> Context:
    states = register.feeds()
    complete = Watermarks(settled.feeds, states) if settled.complete is None else settled.complete
    return Context(settled.rules, settled.units, settled.calendar, settled.feeds, states, complete)


def linked_to(saved: Saved, register: MemoryRegister) -> dict[str, Any]:
    found = register.find(saved.links)
    return {key: register.subjects([id])[id].facts for key, id in found.items()}
