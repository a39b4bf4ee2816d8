"""Facts about a person that no shipped rule reads yet: where they were reported from, and when first after an arrival."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from alerts.core.register.facts import Arrived, Departed, Fact, Lodged, Permit, PersonFacts, Seen
from alerts.core.register.person import person_view
from alerts.core.register.person_views import ReportedArea

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AT = datetime(2026, 3, 1, 3, tzinfo=UTC)
ARRIVED = Arrived(AT, "imigrasi/a", "a", date(2026, 3, 1), None, None)


def permit(at: datetime, *locations: str) -> Permit:
    return Permit(at, "imigrasi/a", f"p{at}", "P1", "ITAS", at.date(), date(2027, 1, 1), None, None, locations)


def seen(at: datetime, area: str) -> Seen:
    return Seen(at, "kecamatan/a", f"s{at}", area, False, None, False)


def reported_areas(*facts: Permit | Seen) -> list[ReportedArea]:
    permits = tuple(fact for fact in facts if isinstance(fact, Permit))
    sightings = tuple(fact for fact in facts if isinstance(fact, Seen))
    return person_view(PersonFacts(permits=permits, sightings=sightings), {}, AT)[0].reported_areas


@pytest.mark.parametrize(
    ("facts", "permitted"),
    [
        ([seen(AT, "15.06"), permit(AT + DAY, "15.07")], True),  # before the first permit: held against nobody
        ([permit(AT, "15.06"), seen(AT + DAY, "15.06")], True),
        ([permit(AT, "15.07"), seen(AT + DAY, "15.06")], False),
        ([permit(AT), seen(AT + DAY, "15.06")], True),  # the permit names no places
        ([permit(AT, "15.07"), permit(AT + DAY, "15.06"), seen(AT + 2 * DAY, "15.06")], True),  # by the newest then
        ([permit(AT, "15.06"), permit(AT + DAY, "15.07"), seen(AT, "15.06")], True),
        (
            [permit(AT, "15.07"), seen(AT + DAY, "15.06"), permit(AT + 2 * DAY, "15.06"), seen(AT + 3 * DAY, "15.06")],
            False,
        ),
    ],
)
def test_a_reported_area_is_permitted_by_the_permit_that_was_newest_then(
    facts: list[Permit | Seen], permitted: bool
) -> None:
    assert reported_areas(*facts) == [ReportedArea("15.06", "15.06", permitted)]


@pytest.mark.parametrize(
    ("heard", "hours"),
    [
        ({}, None),
        ({"sightings": (seen(AT - HOUR, "15.06"),)}, None),  # before the arrival
        ({"sightings": (seen(AT, "15.06"),)}, 0),
        ({"sightings": (seen(AT + 336 * HOUR, "15.06"),)}, 336),
        ({"sightings": (seen(AT + 336 * HOUR + timedelta(seconds=1), "15.06"),)}, 337),
        (
            {
                "lodgings": (Lodged(AT + HOUR, "lodging/a", "l", "15.06", None),),
                "sightings": (seen(AT + DAY, "15.06"),),
            },
            1,
        ),
        ({"departures": (Departed(AT + 2 * HOUR, "imigrasi/a", "d", False),)}, 2),
    ],
)
def test_hours_until_first_heard_of_after_an_arrival(heard: dict[str, tuple[Fact, ...]], hours: int | None) -> None:
    view, _ = person_view(PersonFacts(arrivals=(ARRIVED,), **heard), {}, AT)  # type: ignore[arg-type]
    (entry,) = view.entries
    assert (entry.arrived_at, entry.heard_after_hours) == (AT, hours)
