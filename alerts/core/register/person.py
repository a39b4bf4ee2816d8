"""What is believed about a person, derived from the facts.

Meaning of every published fact of `views.Person`; the choices are those of the design's section 7. Where the facts leave two
readings, the one that accuses nobody is taken: precision matters more than recall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import chain

import msgspec

from alerts.core.calendar import civil_date, start_of_day
from alerts.core.register.employer import any_in_force, covered
from alerts.core.register.facts import Arrived, EmployerFacts, Fact, Permit, PersonFacts, newest_by
from alerts.core.register.views import Employment, Entry, Person, Stay, Workplace

GRANTED_PROTECTS = timedelta(days=30)
LONG_STAY = timedelta(days=30)
CORROBORATION_WINDOW = timedelta(days=90)
CORROBORATION_APART = timedelta(days=3)
RELEASING = frozenset({"naturalised", "died", "protection"})  # reasons for which a stay ends without a duty to leave
EXEMPT_ACTIVITIES = frozenset({"investor", "director"})  # not subject to the rules on work permits

_NO_APPROVALS = EmployerFacts()
_FOR_EVER = date.max


def links(facts: PersonFacts) -> frozenset[str]:
    """The subjects that the answer depends on: employers that the person was placed with or seen working for."""
    nibs = {placed.nib for placed in facts.placements} | {seen.nib for seen in facts.sightings if seen.nib}
    return frozenset(f"employer:{nib}" for nib in nibs)


def person_view(
    facts: PersonFacts, linked: Mapping[str, EmployerFacts], now: datetime
) -> tuple[Person, datetime | None]:
    """The person as rules see it at `now`, and the instant until which that holds if no event comes (None: for ever)."""
    if released(facts):
        return Person(in_country=False, stays=[], entries=[], workplaces=[], employments=[], area=_area(facts)), None
    present_from, in_country = presence(facts)
    stays, stays_until = _stays(facts, present_from, now)
    work = _work(facts, in_country)
    left, left_until = _left(facts, now)
    person = Person(
        in_country=in_country,
        stays=stays,
        entries=_entries(facts),
        workplaces=_workplaces(work, left, linked),
        employments=_employments(work, left, linked),
        area=_area(facts),
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
    placed: Iterable[Fact] = chain(
        facts.arrivals, facts.permits, facts.residences, facts.lodgings, facts.sightings, facts.placements
    )
    latest = max((f for f in placed if f.area), key=lambda f: f.order, default=None)  # type: ignore[attr-defined]
    return latest.area if latest else None  # type: ignore[attr-defined]


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

    @property
    def last_day(self) -> date:
        return self.valid_until or _FOR_EVER


def _stays(facts: PersonFacts, present_from: datetime | None, now: datetime) -> tuple[list[Stay], datetime | None]:
    held = [*_permits(facts), *_visits(facts)]
    latest = _latest(held, present_from)
    numbers = frozenset(h.permit_no for h in held)
    stays, holds = [], []
    for stay in held:
        pending, until = _application_pending(facts, stay, numbers, now)
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
            )
        )
    return stays, min(holds, default=None)


def _permits(facts: PersonFacts) -> list[_Held]:
    ended = newest_by(facts.ended, "permit_no")
    return [
        _Held(no, no, p.kind, p.at, p.valid_from, p.valid_until, no in ended or _given_up(p, facts), p.activity, p.area)
        for no, p in newest_by(facts.permits, "permit_no").items()
    ]


def _given_up(permit: Permit, facts: PersonFacts, before: datetime | None = None) -> bool:
    """Whether the person left for good (EPO) after the permit was issued, and `before` an instant."""
    return any(d.gave_up_permit and permit.at < d.at and (before is None or d.at <= before) for d in facts.departures)


def _visits(facts: PersonFacts) -> list[_Held]:
    """One per entry date whose arrival carries an end, unless a stay permit of that entry replaces it."""
    return [
        _Held(f"visit:{a.entry_date}", None, "visit", a.at, a.entry_date, a.stay_until, area=a.area)
        for a in newest_by(facts.arrivals, "entry_date").values()
        if a.stay_until and not any(_replaces(permit, a, a.stay_until, facts) for permit in facts.permits)
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
    best = max((h for h in current if not h.ended), key=lambda h: (h.last_day, h.at), default=None)
    if best and any(h.ended and h.at > best.at and h.last_day > best.last_day for h in current):
        return None
    return best


def _application_pending(
    facts: PersonFacts, stay: _Held, numbers: frozenset[str | None], now: datetime
) -> tuple[bool, datetime | None]:
    """Whether an application filed and paid in time protects the stay, and until when that answer holds by itself.

    The latest filing counts. It is found by the permit's number; a visit has none, so there any filing during it for a number
    that no known permit has.
    """
    if stay.valid_until is None or not facts.applications:
        return False, None
    if stay.permit_no:
        filings = [a for a in facts.applications if a.permit_no == stay.permit_no]
    else:
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
    since = min(civil_date(stay.at), stay.valid_from)
    return any(
        r.issued_on >= since or bool(stay.valid_until and r.valid_until and r.valid_until >= stay.valid_until)
        for r in facts.residences
    )


# Entries ----------------------------------------------------------------------------------------------------------------


def _entries(facts: PersonFacts) -> list[Entry]:
    entries = newest_by(facts.arrivals, "entry_date")
    last = facts.arrivals[-1].entry_date if facts.arrivals else None
    return [
        Entry(
            item=day.isoformat(),
            entry_date=day,
            latest=day == last,
            long_stay=_long_stay(facts, arrival),
            located=_located(facts, arrival),
            area=arrival.area,
        )
        for day, arrival in ((a.entry_date, a) for a in entries.values())
    ]


def _long_stay(facts: PersonFacts, arrival: Arrived) -> bool:
    over = {e.permit_no for e in facts.ended if e.ended_on < arrival.entry_date}
    held = (p for p in facts.permits if p.permit_no not in over and not _given_up(p, facts, arrival.at))
    ends = [p.valid_until or _FOR_EVER for p in held]
    if arrival.stay_until:
        ends.append(arrival.stay_until)
    return max(ends, default=arrival.entry_date) - arrival.entry_date > LONG_STAY


def _located(facts: PersonFacts, arrival: Arrived) -> bool:
    """A residence, placement, lodging or location report that holds after the entry."""
    day, at = arrival.entry_date, arrival.at
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
        or any(seen.at >= at for seen in facts.sightings)
    )


# Work -------------------------------------------------------------------------------------------------------------------


class _Work(msgspec.Struct, frozen=True):
    """Evidence that the person works for an employer in an area on a day: a placement or a sighting at work."""

    nib: str
    area: str
    at: datetime
    day: date
    source: str
    exempt: bool  # by the permit held on that day
    sighting: bool = False
    inspected: bool = False

    @property
    def known(self) -> date:
        """The day by which it was known: a placement may be reported before it starts."""
        return civil_date(self.at)


def _work(facts: PersonFacts, in_country: bool) -> list[_Work]:
    """The evidence that counts. For who came back, what was seen before the departure is over, and after an EPO placements too."""
    departed = facts.departures[-1] if facts.departures and in_country else None
    work = []
    for p in facts.placements:
        if departed is None or p.at > departed.at or not departed.gave_up_permit:
            work.append(_Work(p.nib, p.area, p.at, p.start, p.source, _exempt_on(facts, p.start)))
    for seen in facts.sightings:
        if not seen.work or (departed and seen.at <= departed.at):
            continue
        day = civil_date(seen.at)
        if nib := seen.nib or _placed_with(facts, day):
            exempt = _exempt_on(facts, day)
            work.append(
                _Work(nib, seen.area, seen.at, day, seen.source, exempt, sighting=True, inspected=seen.inspected)
            )
    work.sort(key=lambda w: w.at)
    return work


def _exempt_on(facts: PersonFacts, day: date) -> bool:
    """Whether the person held a permit as investor or director on that day; else held one last before it, or first after."""
    begun = [p for p in facts.permits if p.valid_from <= day]
    held = [p for p in begun if (p.valid_until or _FOR_EVER) >= day] or begun[-1:] or facts.permits[:1]
    return any(p.activity in EXEMPT_ACTIVITIES for p in held)


def _placed_with(facts: PersonFacts, day: date) -> str | None:
    """The employer of the placement at that time: a report that names no employer is about that one."""
    left = {nib: f.left_on for nib, f in newest_by(facts.left, "nib").items()}
    at_the_time = [p for p in facts.placements if p.start <= day <= min(p.end or _FOR_EVER, left.get(p.nib, _FOR_EVER))]
    return max(at_the_time, key=lambda p: (p.start, p.order)).nib if at_the_time else None


def _left(facts: PersonFacts, now: datetime) -> tuple[dict[str, date], datetime | None]:
    """The last day with each employer, as reported or by a placement that has run out; and until when that holds."""
    today = civil_date(now)
    left = {nib: f.left_on for nib, f in newest_by(facts.left, "nib").items()}
    ends = {nib: p.end for nib, p in newest_by(facts.placements, "nib").items() if p.end}
    for nib, end in ends.items():
        if end < today:
            left[nib] = max(end, left.get(nib, end))
    running = [start_of_day(end + timedelta(days=1)) for end in ends.values() if end >= today]
    return left, min(running, default=None)


def _workplaces(work: list[_Work], left: Mapping[str, date], linked: Mapping[str, EmployerFacts]) -> list[Workplace]:
    """One per area; where two employers are concerned, the one whose case is stronger."""
    by_place: dict[tuple[str, str], list[_Work]] = {}
    for w in work:
        if w.sighting and not w.exempt:
            by_place.setdefault((w.area, w.nib), []).append(w)
    found: dict[str, Workplace] = {}
    for (area, nib), seen in by_place.items():
        approvals = linked.get(f"employer:{nib}", _NO_APPROVALS)
        outside = [w for w in seen if any_in_force(approvals, w.day) and not covered(approvals, area, w.day)]
        since = _corroborated_at(outside)
        place = Workplace(
            item=area,
            area=area,
            nib=nib,
            corroborated=since is not None,
            corroborated_at=since,
            employer_approved=any(any_in_force(approvals, w.day) for w in seen),
            covered=not outside,
            left=left.get(nib, date.min) >= seen[-1].known,
            inspected=any(w.inspected for w in outside),
        )
        if area not in found or _strength(place) > _strength(found[area]):
            found[area] = place
    return list(found.values())


def _strength(place: Workplace) -> tuple[bool, bool]:
    return (place.corroborated and not place.left and not place.covered, place.corroborated)


def _corroborated_at(seen: list[_Work]) -> datetime | None:
    """When the second sighting came that makes two of them enough: other source or 3 days apart, within 90 days."""
    for number, later in enumerate(seen):
        for earlier in seen[:number]:
            apart = later.at - earlier.at
            if apart <= CORROBORATION_WINDOW and (apart >= CORROBORATION_APART or later.source != earlier.source):
                return later.at
    return None


def _employments(work: list[_Work], left: Mapping[str, date], linked: Mapping[str, EmployerFacts]) -> list[Employment]:
    by_employer: dict[str, list[_Work]] = {}
    for w in work:
        by_employer.setdefault(w.nib, []).append(w)
    employments = []
    for nib, seen in by_employer.items():
        approvals = linked.get(f"employer:{nib}", _NO_APPROVALS)
        bound = [w for w in seen if not w.exempt]
        unapproved = [w for w in bound or seen if not any_in_force(approvals, w.day)]
        employments.append(
            Employment(
                item=nib,
                nib=nib,
                since=(unapproved or seen)[0].day,
                employer_approved=not unapproved,
                exempt=not bound,
                left=left.get(nib, date.min) >= seen[-1].known,
                area=seen[-1].area,
            )
        )
    return employments
