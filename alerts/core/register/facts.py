"""What the register keeps of each subject: facts, one per event that said something about it.

A fact is a small frozen value that knows when it happened and which event said so. The facts of one sort are kept in the order
(`at`, `source`, `id`), so adding one is a sorted insertion and the entry depends only on *which* events arrived, never on their
order or number. That makes the incremental path and the refold of a whole history the same thing by construction.

Least data: a fact holds what a rule or another fact needs, nothing more; names never come here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

# Reports of lodgings and areas pile up without end, and no rule looks further back than this (compared by time of receipt,
# which is ours: a mistyped date cannot push the others out).
REPORTS_KEPT = timedelta(days=90)


# What `why` may say of a fact. The rest is nobody's to read: who reported, who an employer's staff are (kept to tell them apart and
# count them), and every field that is not known here to be harmless.
_TOLD = frozenset(
    """activity area areas category companions companions_trained cross_province end ended_on entry_date expected_out filed_on
    first_on foreign_staff gave_up_permit inspected issued_on kind last_on left_on locations lodging_id nib official paid_on
    permit permit_no places post_code posts reason reported_at rptka_no start status stay_until supersedes_rptka valid_from
    valid_until verified visa_index work year""".split()  # noqa: SIM905 - to be read
)


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Anything an event said: when it happened, and the identity of the event."""

    at: datetime
    source: str
    id: str

    @property
    def order(self) -> tuple[datetime, str, str]:
        return (self.at, self.source, self.id)

    @property
    def told(self) -> dict[str, Any]:
        """What it says, as far as somebody may read it."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name in _TOLD}


class Arrived(Fact, frozen=True, array_like=True):
    entry_date: date
    stay_until: date | None
    area: str | None
    visa_index: str | None = None  # upper case, without spaces or hyphens


class Departed(Fact, frozen=True, array_like=True):
    gave_up_permit: bool  # EPO: the exit permit that ends the stay permit


class Permit(Fact, frozen=True, array_like=True):
    permit_no: str
    kind: str
    valid_from: date
    valid_until: date | None
    activity: str | None
    area: str | None
    locations: tuple[str, ...] = ()
    received: datetime | None = None


class Application(Fact, frozen=True, array_like=True):
    permit_no: str
    filed_on: date
    paid_on: date | None
    status: str


class PermitEnded(Fact, frozen=True, array_like=True):
    permit_no: str
    reason: str
    ended_on: date


class Residence(Fact, frozen=True, array_like=True):
    issued_on: date
    valid_until: date | None
    area: str
    received: datetime | None = None


class Lodged(Fact, frozen=True, array_like=True):
    area: str
    expected_out: date | None
    lodging_id: str = ""


class CheckedOut(Fact, frozen=True, array_like=True):
    lodging_id: str


class Seen(Fact, frozen=True, array_like=True):
    area: str
    work: bool
    nib: str | None
    inspected: bool
    verified: bool = False  # by an office that looks for itself


class Placed(Fact, frozen=True, array_like=True):
    nib: str
    area: str
    start: date
    end: date | None
    post_code: str | None = None
    rptka_no: str | None = None


class Left(Fact, frozen=True, array_like=True):
    nib: str
    left_on: date


class Passport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From when until when Imigrasi saw a passport; whether a newer one names it as the one before."""

    number: str  # with the issuing state
    first: datetime | None
    last: datetime | None
    replaced: bool


class Recent(Fact, frozen=True, array_like=True):
    """A fact that is given up `REPORTS_KEPT` after this instant."""

    received: datetime


class PersonFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    arrivals: tuple[Arrived, ...] = ()
    departures: tuple[Departed, ...] = ()
    permits: tuple[Permit, ...] = ()
    applications: tuple[Application, ...] = ()
    ended: tuple[PermitEnded, ...] = ()
    residences: tuple[Residence, ...] = ()
    lodgings: tuple[Lodged, ...] = ()
    sightings: tuple[Seen, ...] = ()
    placements: tuple[Placed, ...] = ()
    left: tuple[Left, ...] = ()
    checkouts: tuple[CheckedOut, ...] = ()
    passports: tuple[Passport, ...] = ()  # by number


class Approved(Fact, frozen=True, array_like=True):
    rptka_no: str
    kind: str
    valid_from: date
    valid_until: date
    locations: tuple[str, ...]
    posts: tuple[str, ...]
    cross_province: bool
    supersedes_rptka: str | None
    places: int | None = None  # workers allowed, over all posts
    companions: int | None = None


class ApprovalEnded(Fact, frozen=True, array_like=True):
    rptka_no: str
    ended_on: date


class Workplaced(Fact, frozen=True, array_like=True):
    area: str


class Reported(Fact, frozen=True, array_like=True):
    year: int
    companions_trained: bool


class Staffed(Fact, frozen=True, array_like=True):
    """A placement, as far as counting heads needs it. `who`: the strong identifiers by which the worker was named."""

    who: tuple[str, ...]
    start: date
    end: date | None
    post_code: str


class Unstaffed(Fact, frozen=True, array_like=True):
    who: tuple[str, ...]
    left_on: date


class Tied(Fact, frozen=True, array_like=True):
    """Identifiers of one person, by a stay permit that the employer guarantees: no head may count twice."""

    who: tuple[str, ...]


class EmployerFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    approvals: tuple[Approved, ...] = ()
    ended: tuple[ApprovalEnded, ...] = ()
    workplaces: tuple[Workplaced, ...] = ()
    reports: tuple[Reported, ...] = ()
    staffed: tuple[Staffed, ...] = ()
    unstaffed: tuple[Unstaffed, ...] = ()
    tied: tuple[Tied, ...] = ()


class CheckIn(Recent, frozen=True, array_like=True, cache_hash=True):
    reported_at: datetime | None
    area: str


class LodgingFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    reports: tuple[CheckIn, ...] = ()
    newest: datetime | None = None  # receipt of any report ever, also of one corrected since: it pushed older ones out


class InstitutionPermitted(Fact, frozen=True, array_like=True):
    permit_no: str
    permit: str
    valid_from: date
    valid_until: date
    areas: tuple[str, ...]
    foreign_staff: int | None = None
    received: datetime | None = None  # unknown for what was kept before this was


class InstitutionEnded(Fact, frozen=True, array_like=True):
    permit_no: str


class ActivityHeld(Fact, frozen=True, array_like=True):
    area: str
    official: bool


class InstitutionFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    permits: tuple[InstitutionPermitted, ...] = ()
    ended: tuple[InstitutionEnded, ...] = ()
    activities: tuple[ActivityHeld, ...] = ()


class CommunitySaid(Recent, frozen=True, array_like=True):
    category: str
    reporter: str = ""  # a salted hash, to tell reporters apart; no view shows it


class OfficiallySeen(Recent, frozen=True, array_like=True):
    """An office found somebody here, or inspected a workplace. Whom and what is not the area's matter."""


class Visited(Recent, frozen=True, array_like=True):
    area: str


class Announced(Recent, frozen=True, array_like=True):
    """A visit announced by letter; kept until after its last day."""

    areas: tuple[str, ...]
    first_on: date
    last_on: date


class AreaFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    reports: tuple[CommunitySaid, ...] = ()
    newest: datetime | None = None  # as of a lodging
    officials: tuple[OfficiallySeen, ...] = ()
    visits: tuple[Visited, ...] = ()  # of a province, as are announcements
    announced: tuple[Announced, ...] = ()


Facts = PersonFacts | EmployerFacts | LodgingFacts | InstitutionFacts | AreaFacts

EMPTY: dict[str, Facts] = {
    "person": PersonFacts(),
    "employer": EmployerFacts(),
    "lodging": LodgingFacts(),
    "institution": InstitutionFacts(),
    "area": AreaFacts(),
}

_ORDER, _RECEIVED = attrgetter("order"), attrgetter("received")

F = TypeVar("F", bound=Fact)
R = TypeVar("R", LodgingFacts, AreaFacts)


def insert(facts: tuple[F, ...], fact: F) -> tuple[F, ...]:
    """The facts with this one in its place; unchanged if the same event already put one there."""
    order = fact.order
    if not facts or facts[-1].order < order:  # nearly all news is the latest
        return (*facts, fact)
    place = bisect_left(facts, order, key=_ORDER)
    if facts[place].order == order:
        return facts if facts[place] == fact else (*facts[:place], fact, *facts[place + 1 :])
    return (*facts[:place], fact, *facts[place:])


def insert_recent(facts: R, name: str, fact: Recent, received: datetime) -> R:
    """As `insert` into that list, with all lists keeping only what was received within `REPORTS_KEPT` of the newest receipt."""
    newest = max(facts.newest or received, received)
    oldest = newest - REPORTS_KEPT
    lists = {other: kept for other in facts.__struct_fields__ if isinstance(kept := getattr(facts, other), tuple)}
    lists[name] = insert(lists[name], fact)
    for other, kept in lists.items():
        if kept and min(map(_RECEIVED, kept)) < oldest:
            lists[other] = tuple(r for r in kept if r.received >= oldest)
    return msgspec.structs.replace(facts, newest=newest, **lists)


def newest_by(facts: Sequence[F], name: str) -> dict[str, F]:
    """The last fact of each value of a field, such as the newest word on each permit number."""
    return {getattr(fact, name): fact for fact in facts} if facts else {}


def without(facts: Facts, source: str, id: str) -> Facts:
    """The facts without what one event said, for corrections; those of a person are folded anew instead."""
    kept = {
        name: tuple(f for f in said if f.source != source or f.id != id)
        for name in facts.__struct_fields__
        if isinstance(said := getattr(facts, name), tuple)
    }
    less: Facts = msgspec.structs.replace(facts, **kept)
    return less
