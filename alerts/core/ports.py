"""What a turn reads and what it leaves behind: the two values at the border between the core and a store.

A turn never writes. It reads the register through `Register` and returns `Effects`; a store applies them in one transaction.
Memory, SQLite and PostgreSQL differ below this line only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from alerts.core.events.envelope import Event
from alerts.core.events.reasons import Reason
from alerts.core.feeds import FeedState
from alerts.core.judgement import Change, Held, Waiting
from alerts.core.register.subject import AnySubject

Ref = tuple[str, str]  # source and id of an event: its identity


class AlertRef(msgspec.Struct, frozen=True):
    """What an alert id stands for."""

    subject: str  # the key it had when it was raised; identifiers never lose their subject
    rule: str
    item: str


class Register(Protocol):
    """The register as a turn reads it. Every look-up takes many keys at once: one query each in a store."""

    def known(self, refs: Collection[Ref]) -> Mapping[Ref, int]:
        """Receipt numbers of those events that are kept already."""

    def superseded(self, refs: Collection[Ref]) -> Collection[Ref]:
        """Those refs that some kept event supersedes."""

    def events(self, numbers: Collection[int]) -> Mapping[int, Event]:
        """Kept events by receipt number, superseded ones left out."""

    def find(self, identifiers: Collection[str]) -> Mapping[str, int]:
        """Subjects by identifier."""

    def subjects(self, ids: Collection[int]) -> Mapping[int, AnySubject]:
        """Subjects by id."""

    def linkers(self, keys: Collection[str]) -> Collection[int]:
        """Subjects whose answer depends on one of these subjects."""

    def feeds(self) -> Mapping[str, FeedState]:
        """What was heard from every source, by source."""

    def due(self, now: datetime, limit: int) -> Sequence[int]:
        """Subjects whose answer may have changed by `now` without an event, longest due first."""

    def waiting(self, complete_until: Mapping[str, datetime], limit: int) -> Sequence[int]:
        """Subjects that waited for a kind of source that is now complete as far as they need, longest waiting first."""

    def alerts(self, ids: Collection[str]) -> Mapping[str, AlertRef]:
        """Alerts ever raised, by id."""

    def held(self, alerts: Collection[str]) -> Held:
        """What the guard keeps from officers; of dropped alerts, those that are among these."""

    def last_turn(self) -> datetime | None:
        """Up to when everything has been judged."""

    def next_numbers(self) -> tuple[int, int]:
        """The next receipt number and the next subject id."""

    def alive(self) -> None:
        """Told between the pieces of a long turn: its process is not frozen."""


class Kept(msgspec.Struct, frozen=True):
    """An event that was accepted, under its receipt number."""

    number: int
    event: Event
    raw: bytes


class Saved(msgspec.Struct, frozen=True):
    """A subject as it is to be stored, with what the store indexes it by."""

    subject: AnySubject
    next_change: datetime | None
    links: frozenset[str]
    waiting: tuple[Waiting, ...]


class Officers(msgspec.Struct, frozen=True):
    """An officer acknowledged, closed or noted an alert."""

    alert: str
    what: str  # acknowledged | closed | noted
    at: datetime
    by: str  # the source of the event
    outcome: str | None
    note: str | None


class Unjudged(msgspec.Struct, frozen=True):
    """A subject whose judging failed, a defect of ours: it stays as it was, and is tried again."""

    subject_id: int
    error: Exception


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """All that one turn does; applied whole or not at all."""

    kept: tuple[Kept, ...] = ()
    receipts: Mapping[Ref, int] = {}  # of every event handed in, kept now or before
    duplicates: int = 0
    unknown_alerts: tuple[tuple[Event, bytes], ...] = ()  # officers' events about alerts that never were
    saved: tuple[Saved, ...] = ()
    removed: tuple[int, ...] = ()  # subjects that became part of another, or that a correction left with nothing
    identifiers: Mapping[str, int | None] = {}  # None: no event carries it any more
    changes: tuple[Change, ...] = ()
    officers: tuple[Officers, ...] = ()
    more_due: bool = False  # time has come for more subjects than one turn judges
    judged_at: datetime | None = None  # up to when everything has been judged
    unjudged: tuple[Unjudged, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What intake answers about one event: it was accepted (and will be judged), is a duplicate, or is refused with reasons."""

    status: str  # accepted | duplicate | quarantined | valid (dry run)
    receipt: str | None  # "R-000123"; of the first acceptance for a duplicate
    reasons: tuple[Reason, ...] = ()


class Unavailable(Exception):  # noqa: N818 - reads as what happened
    """The store cannot take events now; nothing of what was handed in was accepted, and it can be handed in again."""


class ClockOff(Unavailable):
    """The clock of this process is not the database's; the message says how far off it is. Nobody's time is moved by it."""


def receipt(number: int) -> str:
    """A receipt number as agencies read it."""
    return f"R-{number:06d}"
