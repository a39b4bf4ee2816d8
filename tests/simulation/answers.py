"""`case_unanswered` and `mass_trigger_guard`, read off the log of an alert by other means than the engine."""

from __future__ import annotations

from collections.abc import Iterable
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


def answer(log: Iterable[Log]) -> Answer:
    by, above, answered, dropped, too_early = None, False, False, False, False
    stands = False
    for line in log:
        wait = WAITS.get(Severity(line.severity)) if line.unit != PROVINCE else None
        ends = later(from_us(line.at).astimezone(WIB), wait) if wait else None
        what = line.reason if line.change == "stepped" else line.change
        if what == "raised" and line.reason != "renamed":
            # Raised while it stands: out of shadow. What was said of it there was said of this alert.
            by, above, answered, dropped, stands = ends, False, answered and stands, False, True
        elif what == "moved":
            by = ends
        elif what == "step" and ends:
            by = min(by, ends) if by else ends
        elif what == "unanswered":
            too_early |= answered or above or by is None or from_us(line.at) < by
            above = True
        elif what == "acknowledged":
            answered = True
        elif what in GONE:
            by, stands = None, False
        elif what == "dropped":
            dropped = True
        if answered or above:
            by = None
    return Answer(by, above, dropped, too_early)
