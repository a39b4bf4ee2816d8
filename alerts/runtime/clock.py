"""The only place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, date, datetime

from alerts.core.calendar import civil_date
from alerts.core.health import clock_off
from alerts.core.ports import ClockOff, Unavailable
from alerts.store.errors import STORE_ERRORS, Transient
from alerts.store.store import Store


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The civil date in WIB."""
    return civil_date(now())


def agreed(store: Store) -> datetime:
    """This instant, as the database's server has it, too: a turn of a clock that is ahead moves the time of all processes, and
    deadlines come early. Raises ClockOff, and Unavailable where the server cannot be asked."""
    try:
        try:
            theirs = store.clock()
        except Transient:  # the connection was lost: this opens another
            theirs = store.clock()
    except STORE_ERRORS as error:
        raise Unavailable(str(error)) from error
    ours = now()
    if theirs and (off := clock_off(ours, theirs)):
        raise ClockOff(off)
    return ours
