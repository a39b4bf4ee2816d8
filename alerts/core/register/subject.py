"""A subject as the register holds it: its facts, the alerts that stand for it, and how it is named.

`Subject` is the unit of everything: one row in a store, one lock, one call of `engine.step`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from alerts.core.feeds import FeedState
from alerts.core.register.facts import (
    EMPTY,
    AreaFacts,
    EmployerFacts,
    InstitutionFacts,
    LodgingFacts,
    PersonFacts,
)
from alerts.core.rules import Severity

K = TypeVar("K")
Naming = tuple[int, datetime, str, str]  # rank of the identifier (passport, NIORA, permit), then the order of its event


class Awaited(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An acknowledgement that is awaited. Unless it comes, the unit above is told at that instant, once."""

    by: datetime | None = None
    above_told: bool = False
    asked_at: datetime | None = None  # when it was asked for anew; None: when the alert was raised
    moved_at: datetime | None = None  # when another unit became responsible; what was said before is no answer of that


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An alert that stands for a subject."""

    rule: str
    item: str
    round: int
    alert: str  # its id
    fingerprint: str  # the rule's meaning when it was raised
    step: int
    severity: Severity
    unit: str
    due: datetime  # when it became due; the instant of judgement where the rule has no deadline
    raised_at: datetime
    shadow: bool = False
    awaited: Awaited = Awaited()


class Handled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An officer closed an alert, which is then not raised again for anything that was due by then; or acknowledged it."""

    rule: str
    item: str
    at: datetime  # by the officer's clock; of an acknowledgement, when we heard of it
    outcome: str
    source: str  # of the officer's event
    id: str
    about: str = ""  # the key in that alert's id: whoever bears it has the closing
    what: str = "closed"  # | acknowledged


class Subject(msgspec.Struct, Generic[K], frozen=True, array_like=True, gc=False):
    """Who or what events are about. `id` is the store's; `key` is what the world sees (`person:UTO:X1`)."""

    id: int
    kind: str
    key: str
    facts: K
    standing: tuple[Standing, ...] = ()
    handled: tuple[Handled, ...] = ()
    # Identity of a person (see core.identity); empty for the other kinds, which have one identifier that is their key.
    naming: Naming | None = None
    niora: str | None = None
    birth_date: str | None = None
    history: tuple[int, ...] = ()  # sequence numbers of the events that name this person
    contradicts: tuple[int, ...] = ()  # subjects that an event tied to this one although the facts contradict it
    doubtful: bool = False  # of those ties, or of its own birth dates, one is for an officer still to decide


AnySubject = Subject[Any]

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
    "person": msgspec.msgpack.Decoder(Subject[PersonFacts]),
    "employer": msgspec.msgpack.Decoder(Subject[EmployerFacts]),
    "lodging": msgspec.msgpack.Decoder(Subject[LodgingFacts]),
    "institution": msgspec.msgpack.Decoder(Subject[InstitutionFacts]),
    "area": msgspec.msgpack.Decoder(Subject[AreaFacts]),
    "feed": msgspec.msgpack.Decoder(Subject[FeedState]),
}


def new_subject(id: int, kind: str, key: str) -> AnySubject:
    """A subject of whom nothing is known yet."""
    return Subject(id, kind, key, EMPTY.get(kind))  # a feed has its first state at once


def encode(subject: AnySubject) -> bytes:
    """One canonical text: equal subjects have equal bytes."""
    return _encoder.encode(subject)


def decode(kind: str, raw: bytes) -> AnySubject:
    """The subject that `encode` wrote. Raises msgspec.ValidationError for bytes of another version of the register."""
    subject: AnySubject = _decoders[kind].decode(raw)
    return subject
