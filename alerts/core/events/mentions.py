"""Which subjects an event names, and when what it says happened.

Which fields name whom is read from the models once: a new event type needs no line here unless it names somebody in a
new way.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import msgspec

from alerts.core.events.catalogue import EVENT_TYPES, CommunityReported, IdentityChanged
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import PersonBlock, identifier_of_key

WIB = timezone(timedelta(hours=7), "WIB")  # all of Jambi, no daylight saving

# Fields that name a subject by one identifier: kind and role.
_NAMING_FIELDS = {
    "nib": ("employer", "subject"),
    "employer_nib": ("employer", "subject"),
    "guarantor_nib": ("employer", "guarantor"),
    "lodging_id": ("lodging", "subject"),
    "org_id": ("institution", "subject"),
}
_NAMED_BY = {
    model: tuple((field, *named) for field, named in _NAMING_FIELDS.items() if field in model.model_fields)
    for model in EVENT_TYPES.values()
}

_MIDNIGHT = time(0, 0)
_INSTANTS = ("checked_in_at", "checked_out_at", "observed_at")
_BEGINNINGS = ("entry_date", "start", "issued_on", "registered_on", "inspected_on", "held_on")
_ENDINGS = ("exit_date", "left_on", "ended_on")
_DAY_BEGINS, _DAY_ENDS = time(0, 0, tzinfo=WIB), time(23, 59, 59, tzinfo=WIB)


def _own_time(model: type[Any]) -> tuple[str, time | None] | None:
    """The field that says when it happened, with the time of day that its date stands for; None for an instant."""
    for fields, time_of_day in ((_INSTANTS, None), (_BEGINNINGS, _DAY_BEGINS), (_ENDINGS, _DAY_ENDS)):
        for field in fields:
            if field in model.model_fields:
                return field, time_of_day
    return None


_OWN_TIME = {model: _own_time(model) for model in EVENT_TYPES.values()}


class Mention(msgspec.Struct, frozen=True):
    """A subject that an event names: its kind, its strong identifiers (at least one), and its role in the event."""

    kind: str  # person | employer | lodging | institution | area
    identifiers: tuple[str, ...]
    role: str  # subject | worker | guarantor | visitor | merged | split
    person: PersonBlock | None = None


def mentions(event: Event) -> tuple[Mention, ...]:
    """Every subject that the event names, persons first; without weak person blocks, alerts and the feed itself."""
    data = event.data
    if isinstance(data, IdentityChanged):
        role = "merged" if event.type == "identity.merged.v1" else "split"
        return tuple(Mention("person", (identifier_of_key(key),), role) for key in data.subjects)
    if isinstance(data, CommunityReported):
        return (Mention("area", (f"area:{data.area}",), "subject"),)
    found = []
    permit_no = getattr(data, "permit_no", None) if event.type.startswith("stay_permit.") else None
    for person, role in _persons(data):
        if identifiers := person.identifiers(permit_no):
            found.append(Mention("person", identifiers, role, person))
    for field, kind, role in _NAMED_BY[type(data)]:
        if value := getattr(data, field):
            found.append(Mention(kind, (f"{kind}:{value}",), role))
    return tuple(found)


def _persons(data: Any) -> list[tuple[PersonBlock, str]]:
    person = getattr(data, "person", None)
    if person is not None:
        return [(person, "subject")]
    visitors = [(person, "visitor") for person in getattr(data, "persons", ())]
    return visitors or [(worker.person, "worker") for worker in getattr(data, "workers", ())]


def happened(event: Event) -> datetime:
    """When the fact happened, in UTC, for the order of histories.

    Its own instant, where it has one. A fact with a civil date only happened at the envelope's time if that is the same
    day in WIB, otherwise when that day began (arrivals, starts, inspections) or ended (departures, ends). Else the
    envelope's time.
    """
    own = _OWN_TIME[type(event.data)]
    if own is None:
        return event.time
    field, time_of_day = own
    fact = getattr(event.data, field)
    if time_of_day is None:
        return fact or event.time
    local = event.time.astimezone(WIB)
    if local.date() == fact and local.time() != _MIDNIGHT:
        return event.time
    return datetime.combine(fact, time_of_day).astimezone(UTC)
