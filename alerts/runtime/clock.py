"""The only place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, date, datetime

from alerts.core.calendar import civil_date


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The civil date in WIB."""
    return civil_date(now())
