"""What is believed about a lodging: the guests that it reported, how late, and when it was last heard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

from alerts.core.calendar import civil_date
from alerts.core.feeds import FeedState, silent_hours
from alerts.core.register.facts import CheckIn, LodgingFacts
from alerts.core.register.views import Lodging, LodgingReport

_HOUR = timedelta(hours=1)


def lodging_view(facts: LodgingFacts, states: Mapping[str, FeedState]) -> Lodging:
    """The lodging as rules see it."""
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
        reported_days=len({civil_date(r.at) for r in facts.reports}),
        area=facts.reports[-1].area if facts.reports else None,
        last_reported_at=facts.newest,
    )


def _delay_hours(report: CheckIn, feed: FeedState | None) -> int:
    """Hours between check-in and report, begun ones counted. Without a time of report our receipt stands for it, less the
    hours in which the feed itself was silent: an outage is not the reporter's lateness."""
    until = report.reported_at or report.received
    if report.reported_at is None and feed:
        hours = (until - report.at).total_seconds() / 3600 - silent_hours(feed, report.at, until)
        return max(0, math.ceil(hours))
    return max(0, -((report.at - until) // _HOUR))  # rounded up
