"""The view of a subject of any kind: what rules see of it at an instant, and until when that holds by itself."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.core.feeds import FeedList, FeedState, silent_hours
from alerts.core.register.employer import employer_view
from alerts.core.register.facts import AreaFacts, CheckIn, EmployerFacts, InstitutionFacts, LodgingFacts, newest_by
from alerts.core.register.person import EVERYTHING, person_view
from alerts.core.register.subject import AnySubject
from alerts.core.register.views import (
    Area,
    CommunityReport,
    Feed,
    Institution,
    InstitutionPermit,
    Lodging,
    LodgingReport,
)

_HOUR = timedelta(hours=1)


def derive(
    subject: AnySubject,
    linked: Mapping[str, EmployerFacts],
    feeds: FeedList,
    states: Mapping[str, FeedState],
    now: datetime,
    wanted: Collection[str] | None = None,
) -> tuple[msgspec.Struct, datetime | None]:
    """The published view of the subject at `now` (see `views`), and the instant until which it holds if no event comes.

    Lists of a person or an employer that are not `wanted` may be left empty; None: all are.
    """
    facts: Any = subject.facts
    match subject.kind:
        case "person":
            return person_view(facts, linked, now, EVERYTHING if wanted is None else wanted, subject.doubtful)
        case "employer":
            return employer_view(facts, now, wanted)
        case "lodging":
            return _lodging(facts, states), None
        case "institution":
            return _institution(facts), None
        case "area":
            return _area(subject.key, facts), None
        case "feed":
            return _feed(facts, feeds), None
    raise ValueError(f"no kind of subject is called {subject.kind!r}")


def _lodging(facts: LodgingFacts, states: Mapping[str, FeedState]) -> Lodging:
    return Lodging(
        reports=[
            LodgingReport(
                item=f"{r.source}/{r.id}",
                checked_in_at=r.at,
                delay_hours=_delay_hours(r, states.get(r.source)),
                area=r.area,
            )
            for r in facts.reports
        ],
        area=facts.reports[-1].area if facts.reports else None,
    )


def _delay_hours(report: CheckIn, feed: FeedState | None) -> int:
    """Hours between check-in and report, begun ones counted. Without a time of report our receipt stands for it, less the
    hours in which the feed itself was silent: an outage is not the reporter's lateness."""
    until = report.reported_at or report.received
    if report.reported_at is None and feed:
        hours = (until - report.at).total_seconds() / 3600 - silent_hours(feed, report.at, until)
        return max(0, math.ceil(hours))
    return max(0, -((report.at - until) // _HOUR))  # rounded up


def _institution(facts: InstitutionFacts) -> Institution:
    permits = newest_by(facts.permits, "permit_no").values()
    ended = newest_by(facts.ended, "permit_no")
    newest = {
        permit.permit: permit for permit in sorted(permits, key=lambda p: (p.valid_until, p.order))
    }  # per sort: prinsip and operasional have dates of their own
    return Institution(
        permits=[
            InstitutionPermit(
                item=p.permit_no,
                permit=p.permit,
                permit_no=p.permit_no,
                valid_from=p.valid_from,
                valid_until=p.valid_until,
                latest=newest[p.permit] is p and p.permit_no not in ended,
                areas=list(p.areas),
            )
            for p in permits
        ]
    )


def _area(key: str, facts: AreaFacts) -> Area:
    reports = [CommunityReport(item=f"{r.source}/{r.id}", category=r.category, observed_at=r.at) for r in facts.reports]
    return Area(area=key.removeprefix("area:"), reports=reports)


def _feed(state: FeedState, feeds: FeedList) -> Feed:
    office = feeds.offices.get(state.source)
    expected_by = state.last_heard + office.silent_after if office and office.silent_after else None
    return Feed(
        source=state.source,
        agency=state.source.partition("/")[0],
        last_heard=state.last_heard,
        listed=office is not None,
        expected_by=expected_by,
        area=office.area if office else None,
    )
