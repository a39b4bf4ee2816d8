"""Conditions that search lists within lists, over a subject as large as a busy year makes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.core.conditions import Condition, compile_condition
from alerts.core.register.views import Lodging, LodgingReport
from tests.fuzz.bounded import failure

REPORTS = 1_000
SEARCHES = (
    "lodging.reports.exists(a, lodging.reports.exists(b, a.delay_hours + b.delay_hours < 0))",
    "lodging.reports.all(a, lodging.reports.exists_one(b, a.item == b.item))",
    "size(lodging.reports.filter(a, lodging.reports.all(b, a.area == b.area))) == 0",
    "lodging.reports.map(a, lodging.reports.map(b, b.item)) == [['a']]",
    "lodging.reports.map(a, a.item) == lodging.reports.map(b, b.area)",
)


def busy() -> Lodging:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return Lodging([LodgingReport(f"G{n}", start + timedelta(hours=n), n, "15.06") for n in range(REPORTS)], "15.06")


@pytest.mark.parametrize("source", SEARCHES)
def test_a_search_within_a_search_is_bounded(source: str) -> None:
    condition = compile_condition(source, {"lodging": Lodging})
    assert isinstance(condition, Condition), condition
    lodging = busy()

    def judged(_: int) -> None:
        assert condition.holds({"lodging": lodging}) in (True, False)

    assert not failure(judged, [0], cpu_s=5, memory_bytes=256 * 1024**2)
