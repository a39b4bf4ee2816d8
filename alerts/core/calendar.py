"""Civil time in Jambi: WIB days, and working days by a reviewed list of holidays.

Instants are UTC; permit dates are civil dates in WIB and turn into instants here and nowhere else. WIB has been UTC+7
without daylight saving since 1964, so the hot path adds seven hours instead of asking the zone database; a test
compares the two over 2000-2100. Events carry years 1900 to 2199 and offsets have few digits, so no sum here can leave
the calendar.

Working days are Monday to Friday that are not holidays. They are kept as one sorted tuple, so n working days are a step
of n in it. A year without a list is an error, never a guess: `MissingYear` names the year and the file to complete.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import msgspec

from alerts.core.rules import Offset

WIB = ZoneInfo("Asia/Jakarta")

_WIB_OFFSET = timedelta(hours=7)
_BASE_DAY = date(2000, 1, 1)
_BASE = datetime(2000, 1, 1, tzinfo=WIB).astimezone(UTC)
_SATURDAY = 5
_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


class MissingYear(LookupError):  # noqa: N818 - reads as what happened
    """A working day was asked for in a year that has no list of holidays."""

    def __init__(self, year: int) -> None:
        super().__init__(
            f"no holidays are known for {year}; write {year}: {{status: reviewed}} in holidays.yaml, after review"
        )
        self.year = year


def start_of_day(day: date) -> datetime:
    """00:00 WIB of `day`, as a UTC instant."""
    return _BASE + (day - _BASE_DAY)


def civil_date(instant: datetime) -> date:
    """The WIB day on which a UTC `instant` falls."""
    return (instant + _WIB_OFFSET).date()


class Calendar(msgspec.Struct, frozen=True, dict=True):
    """Holidays of the covered years. In `estimated` years some dates are forecasts that a decree may still move."""

    holidays: frozenset[date]
    years: frozenset[int]
    estimated: frozenset[int] = frozenset()

    def add(self, start: date | datetime, offset: Offset) -> datetime:
        """The UTC instant `offset` away from a UTC instant, or from 00:00 WIB of a date.

        `wd` keeps the WIB time of day and counts strictly: 30wd before D is the 30th working day before D, D not
        counted. 0wd is the first working day on or after, -0wd the last one on or before. Raises MissingYear when a
        working day falls in, or the count passes through, a year that is not covered.
        """
        if offset.unit == "wd":
            day = civil_date(start) if isinstance(start, datetime) else start
            moved = self._move(day, offset)
            return start + (moved - day) if isinstance(start, datetime) else start_of_day(moved)
        span = _SPANS[offset.unit] * offset.amount
        return (start if isinstance(start, datetime) else start_of_day(start)) + span

    def last_working_day_on_or_before(self, day: date) -> date:
        """`day`, or the nearest working day before it. Raises MissingYear."""
        return self._pick(day, bisect_right(self._working_days, day) - 1, -1)

    @cached_property
    def _working_days(self) -> tuple[date, ...]:
        return tuple(
            day
            for year in sorted(self.years)
            for number in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
            if (day := date.fromordinal(number)).weekday() < _SATURDAY and day not in self.holidays
        )

    def _move(self, day: date, offset: Offset) -> date:
        if offset.amount > 0:
            return self._pick(day, bisect_right(self._working_days, day) + offset.amount - 1, 1)
        if offset.amount < 0:
            return self._pick(day, bisect_left(self._working_days, day) + offset.amount, -1)
        if offset.back:
            return self.last_working_day_on_or_before(day)
        return self._pick(day, bisect_left(self._working_days, day), 1)

    def _pick(self, day: date, index: int, step: int) -> date:
        """The working day at `index`, if every year on the way there from `day` is covered."""
        found = self._working_days[index] if 0 <= index < len(self._working_days) else None
        year = day.year
        while year in self.years and (found is None or year != found.year):
            year += step
        if found is None or year not in self.years:
            raise MissingYear(year)
        return found
