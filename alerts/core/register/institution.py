"""What is believed about a foreign institution: its permits, and what it did, held against them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta

from alerts.core.calendar import civil_date
from alerts.core.events.areas import overlap
from alerts.core.register.facts import ActivityHeld, InstitutionFacts, InstitutionPermitted, newest_by
from alerts.core.register.views import Institution, InstitutionPermit, PermitYear

OUTSIDE_APART = timedelta(days=365)  # two activities outside the permits count together if no further apart
KNOWN_WITHIN = timedelta(days=30)  # a year is judged if the institution was known to us by so long after it began
MOST_YEARS = 10  # a permit runs for three; a longer one is mistyped

_DAY = timedelta(days=1)


def institution_view(facts: InstitutionFacts) -> Institution:
    """The institution as rules see it."""
    permits = newest_by(facts.permits, "permit_no")
    ended = {no: civil_date(f.at) for no, f in newest_by(facts.ended, "permit_no").items()}
    newest = {
        permit.permit: permit for permit in sorted(permits.values(), key=lambda p: (p.valid_until, p.order))
    }  # per sort: prinsip and operasional have dates of their own
    outside_on, outside_areas = _outside(facts, permits, ended)
    return Institution(
        permits=[
            InstitutionPermit(
                item=no,
                permit=p.permit,
                permit_no=no,
                valid_from=p.valid_from,
                valid_until=p.valid_until,
                latest=newest[p.permit] is p and no not in ended,
                areas=list(p.areas),
                foreign_staff=p.foreign_staff,
            )
            for no, p in permits.items()
        ],
        years=list(_years(facts, permits, ended)),
        outside_areas=outside_areas,
        outside_on=outside_on,
    )


def _last_day(permit: InstitutionPermitted, ended: Mapping[str, date]) -> date:
    return min(permit.valid_until, ended.get(permit.permit_no, permit.valid_until))


def _years(
    facts: InstitutionFacts, permits: Mapping[str, InstitutionPermitted], ended: Mapping[str, date]
) -> Iterator[PermitYear]:
    """The whole years of each permit, less those that began before we knew of the institution: of these we missed reports."""
    known = min((civil_date(p.received) for p in facts.permits if p.received), default=date.max)
    days = [civil_date(a.at) for a in facts.activities]
    for no, permit in permits.items():
        for number in range(1, MOST_YEARS + 1):
            begins, ends = _anniversary(permit, number - 1), _anniversary(permit, number) - _DAY
            if ends > _last_day(permit, ended):
                break
            if begins + KNOWN_WITHIN >= known:
                first = bisect_left(days, begins)
                reported = first < len(days) and days[first] <= ends
                yield PermitYear(f"{no}/{number}", permit.permit, no, ends, reported)


def _anniversary(permit: InstitutionPermitted, years: int) -> date:
    begins = permit.valid_from
    leap_day = (begins.month, begins.day) == (2, 29)
    return begins.replace(year=begins.year + years, **({"month": 3, "day": 1} if leap_day and years % 4 else {}))


def _outside(
    facts: InstitutionFacts, permits: Mapping[str, InstitutionPermitted], ended: Mapping[str, date]
) -> tuple[date | None, list[str]]:
    """The latest day of an activity outside the permits that an office reports, or that is not the only one within a year;
    and the areas. Two words on one day may be about one activity."""
    outside = [(civil_date(a.at), a) for a in facts.activities if _is_outside(a, permits.values(), ended)]
    found: date | None = None
    before: date | None = None
    last = date.min
    for day, activity in outside:
        if day != last:
            before, last = (last if last != date.min else None), day
        if activity.official or (before and day - before <= OUTSIDE_APART):
            found = day
    if found is None:
        return None, []
    return found, sorted({a.area for day, a in outside if found - OUTSIDE_APART <= day <= found})


def _is_outside(activity: ActivityHeld, permits: Collection[InstitutionPermitted], ended: Mapping[str, date]) -> bool:
    """Whether it was held where no permit in force on that day is for; without any in force that is not the question."""
    day = civil_date(activity.at)
    in_force = [p for p in permits if p.valid_from <= day <= _last_day(p, ended)]
    return bool(in_force) and not any(overlap(activity.area, area) for p in in_force for area in p.areas)
