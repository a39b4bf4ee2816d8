"""Judging recorded events on a virtual clock: the same turns as in service, with nothing stored and nobody told.

The clock stops at every receipt of an event and at every instant at which some answer changes by itself, so a change is dated
by the instant that made it and not by when somebody looked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

import msgspec

from alerts.core.events.envelope import Event
from alerts.core.judgement import Change
from alerts.core.memory import MemoryRegister
from alerts.core.turn import Settled, turn


def replay(
    events: Iterable[Event], settled: Settled, until: datetime | None = None, register: MemoryRegister | None = None
) -> Iterator[Change]:
    """The changes that these events make, in order, with the clock running on to `until`.

    `events` are ordered by `received`, when they are judged; those received at one instant are judged together. Later ones than
    `until` are not read. The register that builds up can be handed in, to be looked at afterwards.
    """
    register = register or MemoryRegister()
    settled = msgspec.structs.replace(settled, escalate={})  # who was not told cannot leave it unanswered
    for received, batch in groupby(events, key=lambda event: event.received):
        if until is not None and received > until:
            break
        yield from _run_to(register, settled, received)
        yield from _turn(register, settled, received, [(event, b"") for event in batch])
    if until is not None:
        yield from _run_to(register, settled, until)
        yield from _turn(register, settled, until, [])


def _run_to(register: MemoryRegister, settled: Settled, instant: datetime) -> Iterator[Change]:
    """The turns of time passing up to, but not at, an instant."""
    while (due := register.next_due()) is not None and due < instant:
        yield from _turn(register, settled, due, [])


def _turn(
    register: MemoryRegister, settled: Settled, now: datetime, batch: list[tuple[Event, bytes]]
) -> tuple[Change, ...]:
    effects = turn(register, batch, settled, now, due=sys.maxsize)
    register.apply(effects)
    return effects.changes
