"""Reports of residents: what corroborates them, held against the definition by brute force, and what nobody may see of them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import combinations

import msgspec
import pytest

from alerts.core.calendar import civil_date
from alerts.core.register.area import area_view
from alerts.core.register.facts import AreaFacts, CommunitySaid, OfficiallySeen
from alerts.core.register.subject import Subject, decode, encode

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = timedelta(hours=72)


def drawn(seed: int) -> AreaFacts:
    """A few reports and official facts within ten days, many of them at the edges of the window."""
    chance = random.Random(seed)

    def at() -> datetime:
        return START + timedelta(
            hours=chance.choice((0, 1, 12, 24, 36, 71, 72, 73, 96, 144, 145, chance.randrange(240)))
        )

    reports = [
        CommunitySaid(at(), chance.choice(("public/portal", "fkdm/a")), str(n), START, "work", chance.choice("abc"))
        for n in range(chance.randrange(7))
    ]
    officials = [OfficiallySeen(at(), "kecamatan/a", str(n), START) for n in range(chance.randrange(4))]
    return AreaFacts(tuple(sorted(reports, key=order)), START, tuple(sorted(officials, key=order)))


def order(fact: CommunitySaid | OfficiallySeen) -> tuple[datetime, str, str]:
    return fact.order


def by_definition(facts: AreaFacts) -> datetime | None:
    """The latest end of any two independent reports and an official fact that lie within the window."""

    def repeats(report: CommunitySaid) -> bool:
        own = [r for r in facts.reports if r.reporter == report.reporter and r.order < report.order]
        return any(report.at - r.at <= WINDOW for r in own)

    pairs = combinations([r for r in facts.reports if not repeats(r)], 2)
    independent = [
        (one.at, other.at)
        for one, other in pairs
        if one.reporter != other.reporter and (one.source != other.source or civil_date(one.at) != civil_date(other.at))
    ]
    together = [(*pair, official.at) for pair in independent for official in facts.officials]
    return max((max(times) for times in together if max(times) - min(times) <= WINDOW), default=None)


def test_what_is_corroborated_is_what_the_definition_says() -> None:
    found = [area_view("area:15.06.04", drawn(seed)).corroborated_at for seed in range(5000)]
    assert found == [by_definition(drawn(seed)) for seed in range(5000)]
    assert 500 < sum(at is not None for at in found) < 4500


def test_who_reported_is_kept_and_never_shown() -> None:
    who = "5eed" * 16
    said = CommunitySaid(START, "public/portal", "1", START, "work", who)
    subject = Subject(1, "area", "area:15.06.04", AreaFacts((said,), START))
    assert who.encode() in encode(subject)
    assert who.encode() not in msgspec.json.encode(area_view(subject.key, subject.facts))


@pytest.mark.parametrize("kind", ["area", "institution"])
def test_entries_that_were_kept_before_there_was_more_to_keep_still_decode(kind: str) -> None:
    old = {
        "area": [
            [["2026-03-01T00:00:00Z", "public/portal", "1", "2026-03-01T00:00:00Z", "work"]],
            "2026-03-01T00:00:00Z",
        ],
        "institution": [
            [["2026-03-01T00:00:00Z", "kemlu/pusat", "1", "O1", "prinsip", "2026-03-01", "2029-02-28", ["15.06"]]],
            [],
        ],
    }
    assert decode(kind, msgspec.msgpack.encode([1, kind, f"{kind}:1", old[kind]])).kind == kind
