"""Law 4 on the shipped rules: what stands changes at exactly these instants, and nothing is looked at in between.

Each history is judged at one instant and then left alone. Its timeline is written by hand, from the rule files and the calendar.
Every six hours, and a second before each look, the rules are asked outright: the answer must be that of the last look.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.core.calendar import WIB
from alerts.core.memory import MemoryRegister
from tests.found.province import approval, arrival, departure, event, overstay, permit, person, placed
from tests.properties.histories import complete, standing, told
from tests.properties.pictures import judge, verdicts
from tests.properties.worlds import HOUR, Batch
from tests.runtime.office import wib

START, UNTIL = wib("2026-01-02"), wib("2027-01-01")
SECOND = timedelta(seconds=1)

Timeline = dict[str, set[str]]  # what stands from then on, by the clock of Jambi


def application(status: str, filed: str, said: str) -> bytes:
    data = {"person": person(), "permit_no": "P1", "action": "extend", "filed_on": filed, "status": status}
    return event("stay_permit.application_filed", said, data, "imigrasi/jambi")


def left_for_good(day: str) -> bytes:
    data = {"person": person(), "exit_date": day, "port": "CGK", "kind": "EPO"}
    return event("departure.recorded", day, data, "imigrasi/jambi")


def placed_until(start: str, end: str) -> bytes:
    data = {"person": person(), "nib": "NIB1", "post_code": "2141", "area": "15.06", "start": start, "end": end}
    return event("worker.placed", start, data, "disnaker/tanjab-barat")


def checked_in(at: str, reported: str) -> bytes:
    data = {"person": person(), "lodging_id": "L1", "area": "15.06"}
    data |= {"checked_in_at": f"{at}+07:00", "reported_at": f"{reported}+07:00"}
    return event("lodging.checked_in", reported, data, "lodging/apoa")


EXPIRING = {
    "2026-01-30": {"stay_expiring[0] P1"},
    "2026-02-15": {"stay_expiring[1] P1"},
    "2026-02-22": {"stay_expiring[2] P1"},
    "2026-02-27": {"stay_expiring[2] P1", "permit_last_filing_day[0] P1"},  # the Friday before that Sunday
}
CLIMBING = {"2026-04-16": {"stay_expired[1] P1"}, "2026-05-02": {"stay_expired[2] P1"}, "2026-08-29": set[str]()}
VISIT = "visit:2026-01-05"

HISTORIES: dict[str, tuple[Batch, Timeline]] = {
    "steps and keep": (told(overstay()), EXPIRING | {"2026-03-02": {"stay_expired[0] P1"}} | CLIMBING),
    "an application granted protects for 30 days from then": (
        told(overstay(), application("granted", "2026-02-20", "2026-02-25T09:00:00")),
        {"2026-03-27T09:00": {"stay_expired[0] P1"}} | CLIMBING,
    ),
    "an application pending protects": (
        told(overstay(), application("pending", "2026-02-20", "2026-02-25T09:00:00")), {},
    ),
    "a departure ends all": (told(arrival("2026-01-05", "2026-04-01"), departure("2026-04-01")), {}),
    "who left for good and came back has a visit only": (
        told(overstay(), left_for_good("2026-02-01"), arrival("2026-02-10", "2026-02-20")),
        {
            "2026-02-21": {"stay_expired[0] visit:2026-02-10"},
            "2026-04-07": {"stay_expired[1] visit:2026-02-10"},
            "2026-04-23": {"stay_expired[2] visit:2026-02-10"},
            "2026-08-20": set(),
        },
    ),
    "working days over Nyepi and Lebaran": (
        told(placed("2026-03-16")), {"2026-03-30": {"worker_without_rptka[0] NIB1"}, "2026-09-26": set()},
    ),
    "a placement that runs out by itself": (
        told(placed_until("2026-01-05", "2026-02-10")),
        {
            "2026-01-12": {"worker_without_rptka[0] NIB1"},
            "2026-02-11": set(),
            "2026-02-25": {"termination_not_reported[0] NIB1"},
            "2026-05-26": set(),
        },
    ),
    "working days before a deadline": (
        told(approval("NIB1", "2025-07-01", "2026-06-30")),
        {
            "2026-05-11": {"rptka_extension_window[0] RNIB1"},
            "2026-06-15": {"rptka_extension_window[1] RNIB1"},
            "2026-07-01": set(),
            "2026-07-31": {"annual_report_missing[0] RNIB1/2026"},
        },
    ),
    "one worker too many, until the first placement runs out by itself": (
        told(
            approval("NIB1", "2025-07-01", "2027-06-30"),
            placed_until("2025-12-01", "2026-04-20"),
            placed("2025-12-15", who=person("X2")),
        ),
        {
            "2026-01-14": {"tka_count_exceeds_approval[0] "},
            "2026-04-21": set(),
            "2026-05-05": {"termination_not_reported[0] NIB1"},
            "2026-07-31": {"annual_report_missing[0] RNIB1/2026", "termination_not_reported[0] NIB1"},
            "2026-08-03": {"annual_report_missing[0] RNIB1/2026"},
        },
    ),
    "hours": (
        told(checked_in("2026-01-05T10:00:00", "2026-01-08T10:00:00")),
        {"2026-01-06T10:00": {"lodging_report_late[0] lodging/apoa/a"}, "2026-02-06T10:00": set()},
    ),
    "three rules about one permit": (
        told(permit("2026-01-01", "2026-12-31")),
        {
            "2026-01-22": {"sktt_missing[0] P1"},
            "2026-07-21": set(),
            "2026-12-01": {"stay_expiring[0] P1"},
            "2026-12-17": {"stay_expiring[1] P1"},
            "2026-12-24": {"stay_expiring[2] P1"},
            "2026-12-31": {"stay_expiring[2] P1", "permit_last_filing_day[0] P1"},
        },
    ),
    "two rules about one visit": (
        told(arrival("2026-01-05", "2026-04-01")),
        {
            "2026-01-19": {"no_location_after_arrival[0] 2026-01-05"},
            "2026-04-02": {"no_location_after_arrival[0] 2026-01-05", f"stay_expired[0] {VISIT}"},
            "2026-04-19": {f"stay_expired[0] {VISIT}"},
            "2026-05-17": {f"stay_expired[1] {VISIT}"},
            "2026-06-02": {f"stay_expired[2] {VISIT}"},
            "2026-09-29": set(),
        },
    ),
}  # fmt: skip


def looks(register: MemoryRegister) -> Iterator[datetime]:
    """The instants at which the register asks to be looked at, each judged."""
    while (due := register.next_due()) is not None and due < UNTIL:
        judge(register, complete(), due)
        yield due


def all_standing(register: MemoryRegister) -> set[tuple[str, int]]:
    return {(alert.alert, alert.step) for saved in register.stored.values() for alert in saved.subject.standing}


@pytest.mark.parametrize("what", HISTORIES)
def test_what_stands_changes_when_the_rules_say_and_every_look_finds_something(what: str) -> None:
    batch, timeline = HISTORIES[what]
    register = MemoryRegister()
    judge(register, complete(), START, batch)
    stood, found = standing(register), Timeline()
    before = all_standing(register)
    assert stood == set()
    for look in looks(register):
        assert all_standing(register) != before, f"{look} for nothing"
        before = all_standing(register)
        if standing(register) != stood:
            stood = found[look.astimezone(WIB).isoformat()] = standing(register)
    assert found == {wib(time).astimezone(WIB).isoformat(): stands for time, stands in timeline.items()}, (
        "not when the rules say"
    )


@pytest.mark.parametrize("what", HISTORIES)
def test_whenever_the_rules_are_asked_they_say_what_they_said_at_the_last_look(what: str) -> None:
    register, at = MemoryRegister(), START
    judge(register, complete(), START, HISTORIES[what][0])
    while at < UNTIL:
        look = min(register.next_due() or UNTIL, UNTIL)
        said = answers(register, at)
        for probe in (*(at + 6 * n * HOUR for n in range(1, (look - at) // (6 * HOUR))), look - SECOND):
            assert answers(register, probe) == said, f"{probe}: not what was said at the last look"
        at = look
        judge(register, complete(), at)


def answers(register: MemoryRegister, at: datetime) -> dict[str, Any]:
    return {saved.subject.key: verdicts(saved, register, complete(), at) for saved in register.stored.values()}
