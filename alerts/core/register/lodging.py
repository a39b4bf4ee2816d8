"""What is believed about a lodging: the guests that it reported, how late, and when it was last heard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

from alerts.core.calendar import civil_date
from alerts.core.feeds import FeedState, silent_hours
from alerts.core.register.facts import CheckIn, LodgingFacts
from alerts.core.register.views import Lodging, LodgingReport

REPORTS_REMEMBERED = 32_768
_HOUR = timedelta(hours=1)


def lodging_view(facts: LodgingFacts, states: Mapping[str, FeedState]) -> Lodging:
    """The lodging as rules see it."""
    return Lodging(
        reports=[_report(r, 0.0 if r.reported_at else _outage_hours(r, states)) for r in facts.reports],
        reported_days=len({civil_date(r.at) for r in facts.reports}),
        area=facts.reports[-1].area if facts.reports else None,
        last_reported_at=facts.newest,
    )


@lru_cache(maxsize=REPORTS_REMEMBERED)
def _report(report: CheckIn, outage_hours: float) -> LodgingReport:
    """One report, remembered: a lodging is judged anew for each, and the others have not changed."""
    delay = (report.reported_at or report.received) - report.at - outage_hours * _HOUR
    return LodgingReport(
        item=f"{report.source}/{report.id}",
        checked_in_at=report.at,
        delay_hours=max(0, -(-delay // _HOUR)),  # rounded up
        area=report.area,
    )


def _outage_hours(report: CheckIn, states: Mapping[str, FeedState]) -> float:
    """Without a time of report our receipt stands for it, less the hours in which the feed itself was silent: an outage is not
    the reporter's lateness."""
    feed = states.get(report.source)
    return silent_hours(feed, report.at, report.received) if feed else 0.0
