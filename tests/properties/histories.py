"""Short histories told in the words of the agencies, judged by the shipped rules."""

from __future__ import annotations

import json
from functools import cache

import msgspec

from alerts.core.memory import MemoryRegister
from alerts.core.turn import Settled
from alerts.runtime.settle import Decided
from tests.properties.worlds import Batch, decoded
from tests.runtime.office import ROOT, decisions

WIB = "+07:00"


@cache
def shipped() -> Decided:
    """What people decided, as it is shipped, but that nobody waits for an answer: it has subjects looked at once more, which
    would hide what these laws are about."""
    decided = decisions(ROOT / "rules")
    return msgspec.structs.replace(decided, settled=msgspec.structs.replace(decided.settled, escalate={}))


@cache
def complete() -> Settled:
    """The same, with every source taken to be complete."""
    settled = shipped().settled
    return Settled(settled.rules, settled.units, settled.calendar, settled.feeds, {})


def told(*raws: bytes, received: str = "") -> Batch:
    """Events a, b, c …, each received when it happened, or all at one instant."""
    events = []
    for id, raw in zip("abcdefgh", raws, strict=False):
        said = json.loads(raw)
        events.append(decoded(said | {"id": id, "receivedtime": f"{received}{WIB}" if received else said["time"]}))
    return events


def standing(register: MemoryRegister) -> set[str]:
    """What stands, in words: `stay_expired[1] P1` is its second step. Silent feeds are left out: in short histories all fall
    silent."""
    return {
        f"{alert.rule}[{alert.step}] {alert.item}"
        for saved in register.stored.values()
        for alert in saved.subject.standing
        if saved.subject.kind != "feed"
    }
