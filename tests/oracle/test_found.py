"""What the comparison with the oracle has found in the engine, as the smallest histories that show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.compare import judged

PERSON = {"issuing_state": "UTO", "passport_no": "X1"}


def told(type: str, time: str, /, source: str = "imigrasi/uji", **data: Any) -> dict[str, Any]:
    """An event, of an office that nobody waits for unless it is named."""
    at = f"{time}:00+07:00"
    return {
        "specversion": "1.0", "id": f"{type} {time}", "source": source, "type": f"{type}.v1", "time": at,
        "receivedtime": at, "data": {"person": PERSON, "port": "Jambi"} | data,
    }  # fmt: skip


CAME_FOR_LONG = told("arrival.recorded", "2026-03-01T10:00", entry_date="2026-03-01", stay_until="2026-06-28")
LEFT = told("departure.recorded", "2026-03-10T10:00", exit_date="2026-03-10")
CAME_FOR_LESS = told("arrival.recorded", "2026-03-20T10:00", entry_date="2026-03-20", stay_until="2026-04-18")
PERMITTED_FOR_LESS = told(
    "stay_permit.issued", "2026-03-20T10:00", permit_no="P1", kind="ITAS", valid_from="2026-03-20", valid_until="2026-05-18"
)  # fmt: skip
SEEN = told(
    "location.reported", "2026-03-20T10:00", observed_at="2026-03-20T10:00:00+07:00", area="15.06", reporter_role="camat"
)  # fmt: skip


def stands(day: str, *events: dict[str, Any]) -> set[tuple[str, str]]:
    """Rule and item of what stands on that day."""
    (answer,), _ = judged(events, {datetime.fromisoformat(f"{day}T00:00:00+07:00")})
    return {(rule, item) for rule, _, item in answer}


def test_the_visit_of_an_entry_that_is_over_does_not_cover_a_shorter_one() -> None:
    assert stands("2026-04-18", CAME_FOR_LONG, LEFT, CAME_FOR_LESS) == set()
    assert stands("2026-04-19", CAME_FOR_LONG, LEFT, CAME_FOR_LESS) == {("stay_expired", "visit:2026-03-20")}


def test_the_visit_of_an_entry_that_is_over_does_not_cover_a_permit_of_the_next_one() -> None:
    assert stands("2026-05-18", CAME_FOR_LONG, LEFT, PERMITTED_FOR_LESS) >= {("stay_expiring", "P1")}
    assert stands("2026-05-19", CAME_FOR_LONG, LEFT, PERMITTED_FOR_LESS) >= {("stay_expired", "P1")}


def test_the_visit_of_an_entry_that_is_over_accuses_nobody_who_is_seen_again() -> None:
    assert stands("2026-06-29", CAME_FOR_LONG, LEFT, SEEN) == set()


def test_an_office_that_connects_late_takes_no_step_back() -> None:
    history = (
        told("stay_permit.issued", "2026-01-01T10:00", permit_no="P1", kind="ITAS",
             valid_from="2026-01-01", valid_until="2026-03-01"),
        told("feed.heartbeat", "2026-06-01T10:00", "imigrasi/jambi", complete_until="2026-06-01T10:00:00+07:00"),
        told("feed.heartbeat", "2026-06-02T10:00", "imigrasi/bungo", complete_until="2026-04-01T10:00:00+07:00"),
        told("residence.registered", "2026-06-02T12:00", document="SKTT", issued_on="2026-06-02", area="15.06"),
    )  # fmt: skip
    (answer,), _ = judged(history, {datetime.fromisoformat("2026-06-03T00:00:00+07:00")})
    assert answer["stay_expired", "person:UTO:X1", "P1"][0] == "critical"
