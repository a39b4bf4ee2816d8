"""How often a stay was made longer, and when last.

An extension comes as a stay permit with a later last day: under the number that was there, or under a new one for the same sort of
stay. The visit that an arrival opens, a visit permit and an ITK are one sort; from one sort to another is a conversion, and counts
anew. So does what comes after the stay ended: by its permit's end, by an EPO, for a visit by any departure or new arrival, for a
permit by coming in when it had run out. Read so, doubt counts less and not more.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import chain

import msgspec

from alerts.core.register.facts import Arrived, Departed, Fact, Permit, PermitEnded, PersonFacts
from alerts.core.register.records import SAME_DAY

_VISIT = "visit"
_SORTS = {"ITK": _VISIT}  # else the kind itself


class _Stay(msgspec.Struct, frozen=True):
    """A stay so far: until when, under which number, how often extended and when last."""

    last_day: date
    permit_no: str | None = None
    times: int = 0
    at: datetime | None = None


def extensions(facts: PersonFacts) -> dict[str, tuple[int, datetime]]:
    """By permit number: how often its stay had been extended by its newest word, and when last. Where never: nothing."""
    if not facts.permits or len(facts.permits) + len(facts.arrivals) < 2:
        return {}
    found: dict[str, tuple[int, datetime]] = {}
    stays: dict[str, _Stay] = {}
    sorts: tuple[tuple[Fact, ...], ...] = (facts.arrivals, facts.departures, facts.permits, facts.ended)
    for fact in sorted(chain.from_iterable(sorts), key=lambda fact: fact.order):
        if isinstance(fact, Permit):
            sort = _SORTS.get(fact.kind, fact.kind)
            stay = stays[sort] = _goes_on(stays.get(sort), fact)
            if stay.at:
                found[fact.permit_no] = stay.times, stay.at
        else:
            stays = {sort: stay for sort, stay in stays.items() if not _ends(fact, sort, stay)}
            if isinstance(fact, Arrived) and fact.stay_until:
                stays[_VISIT] = _Stay(fact.stay_until)
    return found


def _goes_on(stay: _Stay | None, permit: Permit) -> _Stay:
    until = permit.valid_until or date.max
    if stay is None:
        return _Stay(until, permit.permit_no)
    if until - stay.last_day > SAME_DAY:
        return _Stay(until, permit.permit_no, stay.times + 1, permit.at)
    return msgspec.structs.replace(stay, permit_no=permit.permit_no)


def _ends(fact: Fact, sort: str, stay: _Stay) -> bool:
    match fact:
        case Arrived():
            return sort == _VISIT or stay.last_day < fact.entry_date
        case Departed():
            return sort == _VISIT or fact.gave_up_permit
        case PermitEnded():
            return fact.permit_no == stay.permit_no
    return False
