"""`case_unanswered` and `mass_trigger_guard`, read off the log of an alert by other means than the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from alerts.core.calendar import WIB
from alerts.core.rules import Severity
from alerts.store.database import from_us
from tests.oracle.facts import later
from tests.simulation.model import PROVINCE

WAITS = {Severity.low: "7wd", Severity.medium: "3wd", Severity.high: "1wd", Severity.critical: "1wd"}
GONE = ("withdrawn", "expired", "closed")


class Log(NamedTuple):
    """One line of an alert's log."""

    at: int
    change: str
    severity: int
    unit: str
    reason: str


class Answer(NamedTuple):
    """How an alert stands with those who were asked."""

    by: datetime | None  # until when somebody has to acknowledge it
    above: bool  # the unit above was told
    dropped: bool  # two persons decided that nobody is told
    too_early: bool  # the unit above was told before its time


class Hold(NamedTuple):
    """When the rule was held; `ended` is None while it is."""

    since: int
    ended: int | None


def answer(log: Iterable[Log], holds: Sequence[Hold]) -> Answer:
    by, above, answered, dropped, too_early = None, False, False, False, False
    stands, unit, severity = False, "", 0
    for line in _with_releases(log, holds):
        wait = WAITS.get(Severity(line.severity)) if line.unit != PROVINCE else None
        ends = later(from_us(line.at).astimezone(WIB), wait) if wait else None
        what = line.reason if line.change == "stepped" else line.change
        if what in ("step", "moved") and line.unit != unit:
            by, answered = ends, False  # of the unit that had it before
        elif what == "raised" and line.reason != "renamed":
            # Raised while it stands: out of shadow. What was said of it there was said of this alert.
            by, above, answered, dropped, stands = ends, False, answered and stands, False, True
        elif what == "rule released" and stands:
            by = ends
        elif what == "step" and (ends or line.severity < severity):
            by = min(by, ends) if by and ends and line.severity >= severity else ends
        elif what == "unanswered":
            too_early |= answered or above or dropped or by is None or from_us(line.at) < by
            too_early |= any(hold.since < line.at <= (hold.ended or line.at) for hold in holds)
            above = True
        elif what == "acknowledged":
            answered = True
        elif what in GONE:
            by, stands = None, False
        elif what == "dropped":
            dropped = True
        unit, severity = line.unit, line.severity
        if answered or above or dropped:
            by = None
    return Answer(None if any(hold.ended is None for hold in holds) else by, above, dropped, too_early)


def _with_releases(log: Iterable[Log], holds: Sequence[Hold]) -> Iterator[Log]:
    """The log with a line for each end of a hold, behind what happened until then: the time for an answer begins anew."""
    ends = sorted(hold.ended for hold in holds if hold.ended is not None)
    last: Log | None = None
    for line in log:
        while last and ends and ends[0] < line.at:
            yield last._replace(at=ends.pop(0), change="rule released", reason="")
        ends = [end for end in ends if end >= line.at]  # what ended before it was raised
        yield line
        last = line
    for end in ends if last else ():
        yield last._replace(at=end, change="rule released", reason="")
