"""What newer reports of a lodging or an area pushed out stays out, also when the newer ones are corrected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.found.province import Province, event, person

Report = Callable[..., bytes]


def checked_in(id: str, day: str, lodging: str = "1", **more: str) -> bytes:
    data = {"person": person(), "lodging_id": f"L{lodging}", "area": "15.06", "checked_in_at": f"{day}T12:00:00+07:00"}
    return event("lodging.checked_in", f"{day}T12:00:00", data, "lodging/apoa", id, **more)


def said(id: str, day: str, area: str = "1", **more: str) -> bytes:
    data = {"area": f"15.0{area}", "category": "work", "reporter": "a" * 64}
    return event("community.reported", f"{day}T12:00:00", data, "public/form", id, **more)


@pytest.mark.parametrize("report", [checked_in, said])
def test_a_correction_of_the_newer_report_brings_no_old_one_back(province: Province, report: Report) -> None:
    province.reported("2026-01-10T13:00:00", report("a", "2026-01-10"))
    province.reported("2026-05-10T13:00:00", report("b", "2026-05-10"))
    province.reported("2026-05-11T13:00:00", report("c", "2026-05-10", "2", supersedes="b"))
    assert province.proof() == []


@pytest.mark.parametrize("report", [checked_in, said])
@pytest.mark.parametrize("together", [True, False])
def test_nor_does_one_that_comes_no_later_than_what_it_corrects(
    province: Province, report: Report, together: bool
) -> None:
    """Another way to the same: the newer report never counted, but it was received."""
    late = [report("c", "2026-05-10", "2", supersedes="b"), report("b", "2026-05-10")]
    province.reported("2026-01-10T13:00:00", report("a", "2026-01-10"))
    for group in [late] if together else [late[:1], late[1:]]:
        province.reported("2026-05-11T13:00:00", *group)
    assert province.proof() == []


@pytest.mark.parametrize("report", [checked_in, said])
def test_all_that_is_corrected_away_leaves_what_its_events_say(province: Province, report: Report) -> None:
    province.reported("2026-05-10T13:00:00", report("b", "2026-05-10"))
    province.reported("2026-05-11T13:00:00", report("c", "2026-05-10", "2", supersedes="b"))
    assert province.proof() == []
    province.reported("2026-05-12T13:00:00", report("e", "2026-05-12", "3", supersedes="d"), report("d", "2026-05-12"))
    assert province.proof() == []
