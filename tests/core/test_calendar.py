"""Civil days and working days. The real list of holidays is checked in tests/files/test_setup.py."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from alerts.core.calendar import WIB, Calendar, MissingYear, civil_date, start_of_day
from alerts.core.rules import Offset

# Eid al-Fitr 2026 with its collective leave: 18 to 24 March; the working days around are Tue 17 and Wed 25.
EID = Calendar(
    holidays=frozenset(date(2026, 3, day) for day in range(18, 25)) | {date(2026, 1, 1)},
    years=frozenset({2025, 2026, 2028}),
)


def wib(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=WIB)


def test_the_constant_offset_agrees_with_the_zone_database_from_2000_to_2100():
    day = date(2000, 1, 1)
    while day < date(2101, 1, 1):
        midnight = datetime.combine(day, time(), WIB)
        assert start_of_day(day) == midnight
        assert civil_date(midnight.astimezone(UTC)) == day
        assert civil_date((midnight - timedelta(microseconds=1)).astimezone(UTC)) == day - timedelta(days=1)
        day += timedelta(days=1)


def test_a_day_begins_in_the_utc_evening_before_and_is_a_utc_value():
    assert start_of_day(date(2026, 3, 14)) == datetime(2026, 3, 13, 17, tzinfo=UTC)
    assert start_of_day(date(2026, 3, 14)).tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "offset", "result"),
    [
        (date(2026, 3, 1), Offset(0, "d"), wib(2026, 3, 1)),
        (date(2026, 3, 1), Offset(1, "d"), wib(2026, 3, 2)),
        (date(2026, 3, 1), Offset(-1, "d"), wib(2026, 2, 28)),
        (date(2026, 3, 1), Offset(26, "h"), wib(2026, 3, 2, 2)),
        (wib(2026, 3, 1, 9, 30), Offset(-24, "h"), wib(2026, 2, 28, 9, 30)),
        (wib(2026, 3, 1, 9, 30), Offset(7, "d"), wib(2026, 3, 8, 9, 30)),
        # Working days: Mon 9 March 2026 onward, Eid from Wed 18 to Tue 24.
        (date(2026, 3, 9), Offset(1, "wd"), wib(2026, 3, 10)),
        (date(2026, 3, 13), Offset(1, "wd"), wib(2026, 3, 16)),  # over a weekend
        (date(2026, 3, 14), Offset(1, "wd"), wib(2026, 3, 16)),  # from a Saturday
        (date(2026, 3, 17), Offset(1, "wd"), wib(2026, 3, 25)),  # over Eid
        (date(2026, 3, 20), Offset(2, "wd"), wib(2026, 3, 26)),  # from inside it
        (date(2026, 3, 25), Offset(-1, "wd"), wib(2026, 3, 17)),
        (date(2026, 3, 20), Offset(-1, "wd"), wib(2026, 3, 17)),
        (date(2026, 3, 25), Offset(-5, "wd"), wib(2026, 3, 11)),
        (date(2026, 3, 20), Offset(0, "wd"), wib(2026, 3, 25)),  # none: the first one on or after
        (date(2026, 3, 20), Offset(0, "wd", back=True), wib(2026, 3, 17)),  # -0wd: the last one on or before
        (date(2026, 3, 17), Offset(0, "wd"), wib(2026, 3, 17)),
        (date(2026, 3, 17), Offset(0, "wd", back=True), wib(2026, 3, 17)),
        (wib(2026, 3, 21, 9, 30), Offset(0, "wd"), wib(2026, 3, 25, 9, 30)),
        (date(2025, 12, 31), Offset(1, "wd"), wib(2026, 1, 2)),  # over New Year
        (wib(2026, 3, 17, 23, 30), Offset(1, "wd"), wib(2026, 3, 25, 23, 30)),  # keeps the WIB time of day
        (wib(2026, 3, 25, 0, 30), Offset(-1, "wd"), wib(2026, 3, 17, 0, 30)),  # though UTC is still the 24th
    ],
)
def test_an_offset_moves_a_date_from_its_midnight_and_an_instant_from_itself(start, offset, result):
    start = start.astimezone(UTC) if isinstance(start, datetime) else start
    assert EID.add(start, offset) == result


def test_thirty_working_days_before_a_day_is_the_thirtieth_working_day_strictly_before_it():
    day, found = date(2026, 6, 30), []
    while len(found) < 30:
        day -= timedelta(days=1)
        if day.weekday() < 5 and day not in EID.holidays:
            found.append(day)
    assert EID.add(date(2026, 6, 30), Offset(-30, "wd")) == start_of_day(found[-1])


@pytest.mark.parametrize(
    ("day", "last"),
    [
        ((2026, 3, 17), (2026, 3, 17)),
        ((2026, 3, 24), (2026, 3, 17)),
        ((2026, 3, 15), (2026, 3, 13)),
        ((2026, 12, 31), (2026, 12, 31)),
    ],
)
def test_the_last_working_day_is_the_day_itself_or_the_nearest_before(day, last):
    assert EID.last_working_day_on_or_before(date(*day)) == date(*last)


@pytest.mark.parametrize(
    ("day", "amount", "missing"),
    [
        (date(2027, 5, 5), 1, 2027),  # the day itself is in an unknown year
        (date(2027, 5, 5), -1, 2027),
        (date(2026, 12, 31), 1, 2027),  # the next one is, though 2028 is known
        (date(2028, 1, 3), -1, 2027),
        (date(2025, 1, 2), -5, 2024),
        (date(2028, 12, 29), 1, 2029),
        (date(2199, 12, 31), -1, 2199),
    ],
)
def test_a_working_day_that_needs_an_unknown_year_fails_and_names_the_year_and_the_file(day, amount, missing):
    with pytest.raises(MissingYear, match=rf"{missing}.*holidays\.yaml") as caught:
        EID.add(day, Offset(amount, "wd"))
    assert caught.value.year == missing


def test_the_last_working_day_fails_when_it_needs_an_unknown_year():
    with pytest.raises(MissingYear, match="2027"):
        EID.last_working_day_on_or_before(date(2027, 1, 1))
    with pytest.raises(MissingYear, match="2024"):
        Calendar(frozenset({date(2025, 1, 1)}), frozenset({2025})).last_working_day_on_or_before(date(2025, 1, 1))


def test_a_working_day_to_round_to_that_lies_in_an_unknown_year_fails():
    for back in (False, True):
        with pytest.raises(MissingYear, match="2027"):
            EID.add(date(2027, 5, 5), Offset(0, "wd", back=back))


def test_calendar_days_need_no_list_of_holidays():
    assert Calendar(frozenset(), frozenset()).add(date(2040, 1, 1), Offset(30, "d")) == wib(2040, 1, 31)
