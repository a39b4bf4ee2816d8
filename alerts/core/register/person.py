"""What is believed about a person, derived from the facts.

Meaning of every published fact of `person_views.Person`; the choices are those of the design's section 7. Where the facts leave two
readings, the one that accuses nobody is taken: precision matters more than recall.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any

import msgspec

from alerts.core.calendar import civil_date
from alerts.core.register.extensions import extensions
from alerts.core.register.facts import Arrived, EmployerFacts, Fact, Permit, PersonFacts, Seen, newest_by
from alerts.core.register.person_views import Employment, Entry, Person, ReportedArea, Stay, Workplace
from alerts.core.register.records import passports_overlap, registry_differs_since
from alerts.core.register.whereabouts import double_nights, lodgements
from alerts.core.register.work import WorkStay, confirmed_at, employments, evidence, last_days, workplaces

GRANTED_PROTECTS = timedelta(days=30)
LONG_STAY = timedelta(days=30)
RELEASING = frozenset({"naturalised", "died", "protection"})  # reasons for which a stay ends without a duty to leave

LASTING = frozenset({"ITAS", "ITAP"})  # kinds of permit for a limited or permanent stay

EVERYTHING = frozenset(Person.__struct_fields__)
_FOR_EVER = date.max
_HOUR = timedelta(hours=1)
_NONE = frozenset[str]()


def links(facts: PersonFacts) -> frozenset[str]:
    """The subjects that the answer depends on: employers that the person was placed with or seen working for."""
    if not facts.placements and not facts.sightings:
        return _NONE
    nibs = {placed.nib for placed in facts.placements} | {seen.nib for seen in facts.sightings if seen.nib}
    return frozenset(f"employer:{nib}" for nib in nibs)


def person_view(
    facts: PersonFacts,
    linked: Mapping[str, EmployerFacts],
    now: datetime,
    wanted: Collection[str] = EVERYTHING,
    doubtful: bool = False,
) -> tuple[Person, datetime | None]:
    """The person as rules see it at `now`, and the instant until which that holds if no event comes (None: for ever).

    Lists that are not `wanted` are left empty. `doubtful`: see `subject`.
    """
    area = _area(facts) if "area" in wanted else None
    if facts.ended and released(facts):
        return Person(in_country=False, area=area), None
    present_from, in_country = presence(facts)
    stays, stays_until = _stays(facts, present_from, now) if "stays" in wanted else ([], None)
    work_places, jobs, left_until = list[Workplace](), list[Employment](), None
    if (facts.placements or facts.sightings) and ("workplaces" in wanted or "employments" in wanted):
        work = evidence(facts, in_country)
        left, left_until = last_days(facts, now)
        work_places = workplaces(work, left, linked)
        jobs = employments(facts, work, now, linked, _work_stay(facts, present_from))
    person = Person(
        in_country=in_country,
        stays=stays,
        entries=_entries(facts) if "entries" in wanted else [],
        workplaces=work_places,
        employments=jobs,
        reported_areas=_reported_areas(facts) if "reported_areas" in wanted else [],
        area=area,
        lodgements=lodgements(facts) if facts.lodgings and "lodgements" in wanted else [],
        double_nights=double_nights(facts) if len(facts.lodgings) > 1 and "double_nights" in wanted else [],
        identity_contradicts=doubtful,
        passports_overlap=len(facts.passports) > 1 and passports_overlap(facts),
    )
    return person, min((until for until in (stays_until, left_until) if until), default=None)


def released(facts: PersonFacts) -> bool:
    """Whether the law on foreigners' stays has no more to ask: naturalised, died, or under protection, and nothing newer."""
    ends = [e.at for e in facts.ended if e.reason in RELEASING]
    since = max((f.at for f in chain[Fact](facts.arrivals[-1:], facts.permits[-1:])), default=None)
    return bool(ends) and (since is None or max(ends) >= since)


def presence(facts: PersonFacts) -> tuple[datetime | None, bool]:
    """Since when the person has been here, as far as known, and whether they still are.

    In the country: the latest evidence of presence (arrival, permit, lodging, placement, report) is later than the latest
    departure. The present stay begins with the latest arrival, or with the first evidence after the latest departure.
    """
    arrived = facts.arrivals[-1].at if facts.arrivals else None
    if not facts.departures:
        return arrived, True
    departed = facts.departures[-1].at
    evidence: Iterable[Fact] = chain(facts.arrivals, facts.permits, facts.lodgings, facts.placements, facts.sightings)
    since = min((fact.at for fact in evidence if fact.at > departed), default=None)
    if since is None:
        return arrived, False
    return (max(since, arrived) if arrived else since), True


def _area(facts: PersonFacts) -> str | None:
    latest: Any = None
    sorts = (facts.arrivals, facts.permits, facts.residences, facts.lodgings, facts.sightings, facts.placements)
    for sort in sorts:
        named: Any = next((fact for fact in reversed(sort) if fact.area), None)  # type: ignore[attr-defined]
        if named and (latest is None or named.order > latest.order):
            latest = named
    return latest.area if latest else None


# Stays ------------------------------------------------------------------------------------------------------------------


class _Held(msgspec.Struct, frozen=True):
    """A stay permit or the visit that an arrival opened, before it is known which of them counts."""

    item: str
    permit_no: str | None
    kind: str
    at: datetime
    valid_from: date
    valid_until: date | None
    ended: bool = False
    activity: str | None = None
    area: str | None = None
    visa_index: str | None = None
    differs_since: datetime | None = None

    @property
    def last_day(self) -> date:
        return self.valid_until or _FOR_EVER


def _stays(facts: PersonFacts, present_from: datetime | None, now: datetime) -> tuple[list[Stay], datetime | None]:
    held = [*_permits(facts), *_visits(facts)]
    latest = _latest(held, present_from)
    extended = extensions(facts)
    stays, holds = [], []
    for stay in held:
        times, extended_at = extended.get(stay.item, (0, None))
        pending, until = _application_pending(facts, stay, held, now) if facts.applications else (False, None)
        if until:
            holds.append(until)
        stays.append(
            Stay(
                item=stay.item,
                permit_ref=stay.item,
                kind=stay.kind,
                valid_from=stay.valid_from,
                valid_until=stay.valid_until,
                latest=stay is latest,
                application_pending=pending,
                residence_registered=_residence_registered(facts, stay),
                residence_due_from=max(civil_date(stay.at), stay.valid_from),
                activity=stay.activity,
                area=stay.area,
                visa_index=stay.visa_index,
                registry_differs_since=stay.differs_since,
                work_confirmed_at=confirmed_at(facts, stay.valid_from, stay.last_day) if facts.sightings else None,
                extensions=times,
                extended_at=extended_at,
            )
        )
    return stays, min(holds, default=None)


def _permits(facts: PersonFacts) -> list[_Held]:
    if not facts.permits:
        return []
    ended = newest_by(facts.ended, "permit_no")
    visa_index = facts.arrivals[-1].visa_index if facts.arrivals else None
    return [
        _Held(
            item=no,
            permit_no=no,
            kind=p.kind,
            at=p.at,
            valid_from=p.valid_from,
            valid_until=p.valid_until,
            ended=no in ended or _given_up(p, facts),
            activity=p.activity,
            area=p.area,
            visa_index=visa_index,
            differs_since=registry_differs_since(facts, p),
        )
        for no, p in newest_by(facts.permits, "permit_no").items()
    ]


def _given_up(permit: Permit, facts: PersonFacts, before: datetime | None = None) -> bool:
    """Whether the person left for good (EPO) after the permit was issued, and `before` an instant."""
    for departed in facts.departures:
        if departed.gave_up_permit and permit.at < departed.at and (before is None or departed.at <= before):
            return True
    return False


def _visits(facts: PersonFacts) -> list[_Held]:
    """One per entry date whose arrival carries an end, unless a stay permit of that entry replaces it or the person has left:
    who comes back comes for another visit, and the old one neither protects nor accuses."""
    departed = facts.departures[-1].at if facts.departures else None
    return [
        _Held(
            f"visit:{a.entry_date}",
            None,
            "visit",
            a.at,
            a.entry_date,
            a.stay_until,
            area=a.area,
            visa_index=a.visa_index,
        )
        for a in newest_by(facts.arrivals, "entry_date").values()
        if a.stay_until
        and not (departed and a.at < departed)
        and not any(_replaces(permit, a, a.stay_until, facts) for permit in facts.permits)
    ]


def _replaces(permit: Permit, arrival: Arrived, stay_until: date, facts: PersonFacts) -> bool:
    """Whether the permit belongs to this entry: issued during it, or held before it and good for at least as long."""
    if permit.at >= arrival.at:
        return not any(arrival.at < departure.at < permit.at for departure in facts.departures)
    ended = any(e.permit_no == permit.permit_no for e in facts.ended)
    given_up = _given_up(permit, facts, arrival.at)
    return not given_up and not ended and (permit.valid_until or _FOR_EVER) >= stay_until


def _latest(held: list[_Held], present_from: datetime | None) -> _Held | None:
    """The stay that counts now: of the present entry, not ended, good for longest.

    A stay that ran out before the person came (back) in is history. A permit that was ended early leaves nothing to judge until
    a newer one comes: its end is Imigrasi's own act, and an older permit does not come back to life to accuse.
    """
    since = civil_date(present_from) if present_from else date.min
    current = [h for h in held if h.last_day >= since]
    if len(current) <= 1:
        return next((h for h in current if not h.ended), None)
    best = max((h for h in current if not h.ended), key=lambda h: (h.last_day, h.at), default=None)
    if best and any(h.ended and h.at > best.at and h.last_day > best.last_day for h in current):
        return None
    return best


def _work_stay(facts: PersonFacts, present_from: datetime | None) -> WorkStay | None:
    """The stay that counts now, if it is a limited one for work. Who is here as director or investor has none."""
    stay = _latest([*_permits(facts), *_visits(facts)], present_from)
    if stay is None or stay.kind != "ITAS" or stay.activity != "work" or stay.valid_until is None:
        return None
    return WorkStay(max(civil_date(stay.at), stay.valid_from), stay.valid_from, stay.valid_until)


def _application_pending(
    facts: PersonFacts, stay: _Held, held: list[_Held], now: datetime
) -> tuple[bool, datetime | None]:
    """Whether an application filed and paid in time protects the stay, and until when that answer holds by itself.

    The latest filing counts. It is found by the permit's number; a visit has none, so there any filing during it for a number
    that no known permit has.
    """
    if stay.valid_until is None:
        return False, None
    if stay.permit_no:
        filings = [a for a in facts.applications if a.permit_no == stay.permit_no]
    else:
        numbers = {h.permit_no for h in held}
        filings = [a for a in facts.applications if a.permit_no not in numbers and a.filed_on >= stay.valid_from]
    if not filings:
        return False, None
    latest = max(filings, key=lambda a: (a.filed_on, a.order))
    paid = max((a.paid_on for a in filings if a.filed_on == latest.filed_on and a.paid_on), default=None)
    if latest.filed_on > stay.valid_until or (paid and paid > stay.valid_until):
        return False, None
    if latest.status == "granted":
        until = latest.at + GRANTED_PROTECTS
        return (True, until) if now < until else (False, None)
    return latest.status == "pending", None


def _residence_registered(facts: PersonFacts, stay: _Held) -> bool:
    if not facts.residences:
        return False
    since = min(civil_date(stay.at), stay.valid_from)
    return any(
        r.issued_on >= since or bool(stay.valid_until and r.valid_until and r.valid_until >= stay.valid_until)
        for r in facts.residences
    )


# Entries ----------------------------------------------------------------------------------------------------------------


def _entries(facts: PersonFacts) -> list[Entry]:
    entries: dict[date, Arrived] = {arrival.entry_date: arrival for arrival in facts.arrivals}  # the newest of each day
    last = facts.arrivals[-1].entry_date if facts.arrivals else None
    return [
        Entry(
            item=day.isoformat(),
            entry_date=day,
            arrived_at=arrival.at,
            latest=day == last,
            long_stay=_long_stay(facts, arrival),
            located=_located(facts, arrival),
            area=arrival.area,
            heard_after_hours=_heard_after_hours(facts, arrival),
            limited_stay=_limited_stay(arrival.visa_index),
            permit_requested=_permit_requested(facts, arrival),
        )
        for day, arrival in entries.items()
    ]


def _long_stay(facts: PersonFacts, arrival: Arrived) -> bool:
    over = {e.permit_no for e in facts.ended if e.ended_on < arrival.entry_date}
    last = arrival.stay_until or arrival.entry_date
    for permit in facts.permits:
        if permit.permit_no not in over and not _given_up(permit, facts, arrival.at):
            last = max(last, permit.valid_until or _FOR_EVER)
    return last - arrival.entry_date > LONG_STAY


def _limited_stay(visa_index: str | None) -> bool:
    """E and a number; a re-entry permit is no visa, whatever letter it begins with."""
    return visa_index is not None and visa_index[:1] == "E" and visa_index[1:2].isdigit()


def _permit_requested(facts: PersonFacts, arrival: Arrived) -> bool:
    """Whether a stay permit of that entry came or was asked for, or one from before still held when the person came in."""
    day = arrival.entry_date
    if any(filed.filed_on >= day for filed in facts.applications):
        return True
    over = {e.permit_no for e in facts.ended if e.ended_on < day}
    return any(
        permit.kind in LASTING
        and (permit.valid_until or _FOR_EVER) >= day
        and permit.permit_no not in over
        and not _given_up(permit, facts, arrival.at)
        for permit in facts.permits
    )


def _located(facts: PersonFacts, arrival: Arrived) -> bool:
    """A residence, placement, lodging or location report that holds after the entry."""
    day, at = arrival.entry_date, arrival.at
    if facts.sightings and facts.sightings[-1].at >= at:
        return True
    left = {nib: f.left_on for nib, f in newest_by(facts.left, "nib").items()}
    return (
        any(r.issued_on >= day or (r.valid_until or _FOR_EVER) >= day for r in facts.residences)
        or any(
            p.start >= day or ((p.end or _FOR_EVER) >= day and left.get(p.nib, _FOR_EVER) >= day)
            for p in facts.placements
        )
        or any(
            civil_date(stay.at) >= day or (stay.expected_out and stay.expected_out >= day) for stay in facts.lodgings
        )
    )


def _heard_after_hours(facts: PersonFacts, arrival: Arrived) -> int | None:
    heard: Iterable[tuple[Fact, ...]] = (facts.lodgings, facts.sightings, facts.departures)
    firsts = [next((fact.at for fact in sort if fact.at >= arrival.at), None) for sort in heard]
    first = min((at for at in firsts if at), default=None)
    return math.ceil((first - arrival.at) / _HOUR) if first else None


# Places -----------------------------------------------------------------------------------------------------------------


def _reported_areas(facts: PersonFacts) -> list[ReportedArea]:
    """One per area; a report before the first permit is held against nobody."""
    permitted: dict[str, bool] = {}
    for seen in facts.sightings:
        permitted[seen.area] = permitted.get(seen.area, True) and _permits_place(facts.permits, seen)
    return [ReportedArea(area, area, allowed) for area, allowed in permitted.items()]


def _permits_place(permits: tuple[Permit, ...], seen: Seen) -> bool:
    newest = next((permit for permit in reversed(permits) if permit.at <= seen.at), None)
    return newest is None or not newest.locations or seen.area in newest.locations
