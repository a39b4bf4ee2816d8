"""Where a person spends the nights: each check-in at a lodging, when it ended as far as is known, and nights spent twice.

A check-out that nobody reported accuses nobody: whoever was seen later is no longer looked for at that lodging, and a stay without
a known check-out counts for one night, whatever was expected.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec

from alerts.core.calendar import civil_date
from alerts.core.events.areas import overlap
from alerts.core.register.facts import Lodged, PersonFacts, Placed, Seen
from alerts.core.register.person_views import DoubleNight, Lodgement

# A night is named by its evening. Whoever checks in or out before this hour does so late in the evening before.
SMALL_HOURS = timedelta(hours=3)
_ONE = timedelta(days=1)


def lodgements(facts: PersonFacts) -> list[Lodgement]:
    """One per lodging and day of check-in: told twice, it is one."""
    found = {}
    for lodged, out in _with_check_out(facts):
        item = f"{lodged.lodging_id}:{civil_date(lodged.at)}"
        found[item] = Lodgement(
            item=item,
            area=lodged.area,
            checked_in_at=lodged.at,
            checked_out=out is not None,
            seen_since=_seen_since(facts, lodged),
            expected_out=lodged.expected_out,
        )
    return list(found.values())


def double_nights(facts: PersonFacts) -> list[DoubleNight]:
    """Nights spent in two regencies: one per two regencies and the first night that two stays there share."""
    found: dict[str, DoubleNight] = {}
    told_by: dict[str, set[str]] = {}
    under_way: list[_Stay] = []
    for stay in _overnight(facts):
        under_way = [earlier for earlier in under_way if earlier.end > stay.first]
        for earlier in under_way:
            if earlier.regency == stay.regency:
                continue
            areas = sorted((earlier.regency, stay.regency))
            item = f"{stay.first}:{'+'.join(areas)}"
            sources = told_by.setdefault(item, set())
            sources.update((earlier.source, stay.source))
            since = found[item].since if item in found else stay.at
            found[item] = DoubleNight(item, stay.first, since, areas, len(sources))
        under_way.append(stay)
    return list(found.values())


class _Stay(msgspec.Struct, frozen=True):
    """The nights from `first` up to, but without, `end` that were surely spent in a regency."""

    at: datetime
    source: str
    regency: str
    first: date
    end: date


def _overnight(facts: PersonFacts) -> Iterator[_Stay]:
    for lodged, out in _with_check_out(facts):
        first = civil_date(lodged.at - SMALL_HOURS)
        end = civil_date(out - SMALL_HOURS) if out else first + _ONE
        regency = ".".join(lodged.area.split(".")[:2])
        if first < end and "." in regency:
            yield _Stay(lodged.at, lodged.source, regency, first, end)


def _with_check_out(facts: PersonFacts) -> list[tuple[Lodged, datetime | None]]:
    """Each check-in, and the first check-out there since, unless the person had checked in there again by then."""
    outs: dict[str, list[datetime]] = {}
    for told in facts.checkouts:
        outs.setdefault(told.lodging_id, []).append(told.at)
    again: dict[str, datetime] = {}
    found: list[tuple[Lodged, datetime | None]] = []
    for lodged in reversed(facts.lodgings):
        if not lodged.lodging_id:  # kept by an earlier version, which did not tell which: no check-out can be found
            continue
        left = outs.get(lodged.lodging_id, [])
        place = bisect_left(left, lodged.at)
        out = left[place] if place < len(left) else None
        back = again.get(lodged.lodging_id)
        found.append((lodged, out if out and (back is None or out <= back) else None))
        again[lodged.lodging_id] = lodged.at
    return found[::-1]


def _seen_since(facts: PersonFacts, lodged: Lodged) -> bool:
    """Whether the person came, went or lodged again, or was seen elsewhere, or anywhere from the day on which they meant to go."""
    if any(f.at > lodged.at for f in (*facts.arrivals[-1:], *facts.departures[-1:], *facts.lodgings[-1:])):
        return True
    out = lodged.expected_out or date.max
    seen: list[Seen | Placed] = [*facts.sightings, *facts.placements]
    later = [f for f in seen if f.at > lodged.at]
    return any(civil_date(f.at) >= out or not overlap(f.area, lodged.area) for f in later)
