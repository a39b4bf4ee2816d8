"""What is believed about an area: what its residents report, whether that is corroborated, and (of a province) who visited.

Nothing here is about a person, and who reported is kept only to tell reporters apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from alerts.core.calendar import civil_date
from alerts.core.events.areas import overlap
from alerts.core.register.facts import Announced, AreaFacts, CommunitySaid, OfficiallySeen
from alerts.core.register.views import Area, CommunityReport, Visit

CORROBORATION_WINDOW = timedelta(hours=72)
ONE_VISIT_DAYS = 3


def area_view(key: str, facts: AreaFacts) -> Area:
    """The area as rules see it."""
    return Area(
        area=key.removeprefix("area:"),
        reports=[
            CommunityReport(item=f"{r.source}/{r.id}", category=r.category, observed_at=r.at) for r in facts.reports
        ],
        visits=[
            Visit(f"{area}/{first_on}", area, first_on, last_on, _announced(facts.announced, area, first_on, last_on))
            for area, first_on, last_on in _visits(facts)
        ],
        corroborated_at=_corroborated_at(list(_counted(facts.reports)), facts.officials),
    )


def _counted(reports: Sequence[CommunitySaid]) -> Iterator[CommunitySaid]:
    """One reporter counts once: who has written within the window before only repeats, however long that goes on."""
    written: dict[str, datetime] = {}
    for report in reports:
        before = written.get(report.reporter)
        written[report.reporter] = report.at
        if before is None or report.at - before > CORROBORATION_WINDOW:
            yield report


def _corroborated_at(reports: Sequence[CommunitySaid], officials: Sequence[OfficiallySeen]) -> datetime | None:
    """The latest instant at which two independent reports and an official fact had come together within the window.

    All `reports` of a window are of different reporters. They are independent by another channel or another day too: one
    rumour spreads within a day, by one form. Of the earlier ones the last independent one leaves most room for the fact.
    """
    found: datetime | None = None
    earlier: CommunitySaid | None = None
    facts_at = [fact.at for fact in officials]
    for before, report in pairwise(reports):
        if (before.source, civil_date(before.at)) != (report.source, civil_date(report.at)):
            earlier = before
        if earlier is None or report.at - earlier.at > CORROBORATION_WINDOW:
            continue
        until = bisect_right(facts_at, earlier.at + CORROBORATION_WINDOW)
        if until and (fact_at := facts_at[until - 1]) >= report.at - CORROBORATION_WINDOW:
            found = max(found or report.at, report.at, fact_at)
    return found


def _visits(facts: AreaFacts) -> Iterator[tuple[str, date, date]]:
    """Area, first and last day of each visit."""
    days: dict[str, dict[date, None]] = {}
    for seen in facts.visits:
        days.setdefault(seen.area, {})[civil_date(seen.at)] = None
    for area, seen_on in days.items():
        first_on = last_on = next(iter(seen_on))
        for day in seen_on:
            if (day - last_on).days > ONE_VISIT_DAYS:
                yield area, first_on, last_on
                first_on = day
            last_on = day
        yield area, first_on, last_on


def _announced(announced: Sequence[Announced], area: str, first_on: date, last_on: date) -> bool:
    return any(
        a.first_on <= last_on and a.last_on >= first_on and any(overlap(area, other) for other in a.areas)
        for a in announced
    )
