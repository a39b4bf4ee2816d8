"""Where a person works: the evidence (placements, sightings at work), held against the approvals of the employers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import msgspec

from alerts.core.calendar import civil_date, start_of_day
from alerts.core.register.approvals import any_in_force, approved_until, covered, post_approved
from alerts.core.register.facts import EmployerFacts, PersonFacts, Placed, newest_by
from alerts.core.register.person_views import Employment, Workplace

CORROBORATION_WINDOW = timedelta(days=90)
CORROBORATION_APART = timedelta(days=3)
EXEMPT_ACTIVITIES = frozenset({"investor", "director"})  # not subject to the rules on work permits

_NO_APPROVALS = EmployerFacts()
_FOR_EVER = date.max


class Work(msgspec.Struct, frozen=True):
    """Evidence that the person works for an employer in an area on a day: a placement or a sighting at work."""

    nib: str
    area: str
    at: datetime
    day: date
    source: str
    exempt: bool  # by the permit held on that day
    placement: Placed | None = None  # None: a sighting
    inspected: bool = False

    @property
    def known(self) -> date:
        """The day by which it was known: a placement may be reported before it starts."""
        return civil_date(self.at)


class WorkStay(msgspec.Struct, frozen=True):
    """The stay permit for work on which the person is here."""

    known: date  # the later of issue and first day
    valid_from: date
    valid_until: date

    @property
    def days(self) -> int:
        return (self.valid_until - self.valid_from).days + 1


def evidence(facts: PersonFacts, in_country: bool) -> list[Work]:
    """The evidence that counts. For who came back, what was seen before the departure is over, and after an EPO placements too."""
    departed = facts.departures[-1] if facts.departures and in_country else None
    work = []
    for p in facts.placements:
        if departed is None or p.at > departed.at or not departed.gave_up_permit:
            work.append(Work(p.nib, p.area, p.at, p.start, p.source, _exempt_on(facts, p.start), p))
    for seen in facts.sightings:
        if not seen.work or (departed and seen.at <= departed.at):
            continue
        day = civil_date(seen.at)
        if nib := seen.nib or _placed_with(facts, day):
            exempt = _exempt_on(facts, day)
            work.append(Work(nib, seen.area, seen.at, day, seen.source, exempt, inspected=seen.inspected))
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


def last_days(facts: PersonFacts, now: datetime) -> tuple[dict[str, date], datetime | None]:
    """The last day with each employer, as reported or by a placement that has run out; and until when that holds."""
    today = civil_date(now)
    left = {nib: f.left_on for nib, f in newest_by(facts.left, "nib").items()}
    ends = {nib: p.end for nib, p in newest_by(facts.placements, "nib").items() if p.end}
    for nib, end in ends.items():
        if end < today:
            left[nib] = max(end, left.get(nib, end))
    running = [start_of_day(end + timedelta(days=1)) for end in ends.values() if end >= today]
    return left, min(running, default=None)


def workplaces(work: list[Work], left: Mapping[str, date], linked: Mapping[str, EmployerFacts]) -> list[Workplace]:
    """One per area; where two employers are concerned, the one whose case is stronger."""
    by_place: dict[tuple[str, str], list[Work]] = {}
    for w in work:
        if not w.placement and not w.exempt:
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


def confirmed_at(facts: PersonFacts, first: date, last: date) -> datetime | None:
    """When the second office whose word is verified reported work within those days, and within 90 of the other."""
    seen = [s for s in facts.sightings if s.work and s.verified and first <= civil_date(s.at) <= last]
    for number, later in enumerate(seen):
        for earlier in seen[:number]:
            if later.source != earlier.source and later.at - earlier.at <= CORROBORATION_WINDOW:
                return later.at
    return None


def _strength(place: Workplace) -> tuple[bool, bool]:
    return (place.corroborated and not place.left and not place.covered, place.corroborated)


def _corroborated_at(seen: list[Work]) -> datetime | None:
    """When the second sighting came that makes two of them enough: other source or 3 days apart, within 90 days."""
    for number, later in enumerate(seen):
        for earlier in seen[:number]:
            apart = later.at - earlier.at
            if apart <= CORROBORATION_WINDOW and (apart >= CORROBORATION_APART or later.source != earlier.source):
                return later.at
    return None


def employments(
    facts: PersonFacts, work: list[Work], now: datetime, linked: Mapping[str, EmployerFacts], stay: WorkStay | None
) -> list[Employment]:
    """One per employer. `stay`: the stay permit for work that counts now, if one does."""
    by_employer: dict[str, list[Work]] = {}
    for w in work:
        by_employer.setdefault(w.nib, []).append(w)
    left, _ = last_days(facts, now)
    told = newest_by(facts.left, "nib")
    found = []
    for nib, seen in by_employer.items():
        approvals = linked.get(f"employer:{nib}", _NO_APPROVALS)
        bound = [w for w in seen if not w.exempt]
        unapproved = [w for w in bound or seen if not any_in_force(approvals, w.day)]
        placement = next((w.placement for w in reversed(seen) if w.placement), None)
        until = approved_until(approvals, placement)
        found.append(
            Employment(
                item=nib,
                nib=nib,
                since=(unapproved or seen)[0].day,
                employer_approved=not unapproved,
                exempt=not bound,
                left=left.get(nib, date.min) >= seen[-1].known,
                latest=seen[-1] is work[-1],
                left_reported=bool(placement and nib in told and told[nib].left_on >= placement.start),
                post_approved=placement is None or post_approved(approvals, placement),
                area=seen[-1].area,
                placed_from=placement.start if placement else None,
                contract_end=placement.end if placement else None,
                approved_until=until,
                work_stay_from=stay.known if stay else None,
                work_stay_until=stay.valid_until if stay else None,
                work_stay_days=stay.days if stay else None,
                approval_beyond_stay_days=(until - stay.valid_until).days if until and stay else None,
            )
        )
    return found
