"""Which subjects an event names, and when what it says happened.

Which fields name whom is read from the models once: a new event type needs no line here unless it names somebody in a
new way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import msgspec

from alerts.core.events.areas import district_of, province_of, within_district
from alerts.core.events.catalogue import (
    EVENT_TYPES,
    CommunityReported,
    IdentityChanged,
    LocationReported,
    VisitPlanned,
    WorkplaceInspected,
)
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import PersonBlock, identifier_of_key

_WIB_OFFSET = timedelta(hours=7)
WIB = timezone(_WIB_OFFSET, "WIB")  # all of Jambi, no daylight saving

# Fields that name a subject by one identifier: kind and role.
_NAMING_FIELDS = {
    "nib": ("employer", "subject"),
    "employer_nib": ("employer", "subject"),
    "guarantor_nib": ("employer", "guarantor"),
    "lodging_id": ("lodging", "subject"),
    "org_id": ("institution", "subject"),
}
# Roles that report for an office of the state: FKDM speaks for residents, and an employer for itself.
OFFICIAL_ROLES = frozenset({"inspector", "camat", "lurah", "police", "immigration", "officer"})
PROVINCE = "province"  # role of the area of which visits are kept: announcements name any of its areas, or itself

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
    role: str  # subject | worker | guarantor | visitor | province | merged | split
    person: PersonBlock | None = None


def mentions(event: Event) -> tuple[Mention, ...]:
    """Every subject that the event names, persons first; without weak person blocks, alerts and the feed itself."""
    data = event.data
    naming = _NAMING[type(data)]
    if isinstance(data, IdentityChanged):
        role = "merged" if event.type == "identity.merged.v1" else "split"
        return tuple(Mention("person", (identifier_of_key(key),), role) for key in data.subjects)
    found = []
    permit_no = data.permit_no if naming.own_permit else None
    for person, role in naming.persons(data):
        if identifiers := person.identifiers(permit_no):
            found.append(Mention("person", identifiers, role, person))
    for field, kind, role in naming.others:
        if value := getattr(data, field):
            found.append(Mention(kind, (f"{kind}:{value}",), role))
    found += [Mention("area", (f"area:{code}",), role) for code, role in naming.areas(data)]
    return tuple(found)


def _located(data: LocationReported) -> Iterable[tuple[str, str]]:
    """What an office reports is a fact about the district, too; a visit that a host's officer reports, about the province."""
    if data.reporter_role in OFFICIAL_ROLES:
        yield from _official(data)
    if is_visit(data):
        yield province_of(data.area), PROVINCE


def _official(data: LocationReported | WorkplaceInspected) -> Iterable[tuple[str, str]]:
    """A fact that names a regency only confirms nothing that residents of one of its districts report."""
    if within_district(data.area):
        yield district_of(data.area), "subject"


def is_visit(data: LocationReported) -> bool:
    """Whether the report is that of a host: an officer of the government says that somebody was there on a visit."""
    return data.activity == "visit" and data.reporter_role == "officer"


_AREAS: dict[type[Any], Callable[[Any], Iterable[tuple[str, str]]]] = {
    CommunityReported: lambda data: ((district_of(data.area), "subject"),),
    LocationReported: _located,
    WorkplaceInspected: _official,
    VisitPlanned: lambda data: ((code, PROVINCE) for code in dict.fromkeys(map(province_of, data.areas))),
}


class _Naming(msgspec.Struct, frozen=True):
    """How the events of one type name subjects, read from its model once."""

    persons: Callable[[Any], Iterable[tuple[PersonBlock, str]]]
    own_permit: bool  # its permit number is the person's own
    others: tuple[tuple[str, str, str], ...]  # field, kind, role
    areas: Callable[[Any], Iterable[tuple[str, str]]]  # code, role


def _naming(model: type[Any]) -> _Naming:
    fields = model.model_fields
    persons: Callable[[Any], Iterable[tuple[PersonBlock, str]]] = lambda data: ()  # noqa: E731
    if "person" in fields:
        persons = lambda data: ((data.person, "subject"),)  # noqa: E731
    elif "persons" in fields:
        persons = lambda data: [(person, "visitor") for person in data.persons]  # noqa: E731
    elif "workers" in fields:
        persons = lambda data: [(worker.person, "worker") for worker in data.workers]  # noqa: E731
    others = tuple((field, *named) for field, named in _NAMING_FIELDS.items() if field in fields)
    return _Naming(persons, "person" in fields and "permit_no" in fields, others, _AREAS.get(model, lambda data: ()))


_NAMING = {model: _naming(model) for model in EVENT_TYPES.values()}


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
    local = event.time + _WIB_OFFSET
    if local.date() == fact and local.time() != _MIDNIGHT:
        return event.time
    return datetime.combine(fact, time_of_day).astimezone(UTC)
