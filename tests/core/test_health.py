"""Each check of a process turns wrong at its own limit, by its own name, and says since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alerts.core.health import (
    CLOCKS_WITHIN,
    HANDED_WITHIN,
    JUDGED_WITHIN,
    MOVED_WITHIN,
    TURN_WITHIN,
    Consumer,
    Pulse,
    Turns,
    checks,
    clock_off,
)

NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PULSE = Pulse(0, None, {"email": NOW + timedelta(hours=9)})
TURNS = Turns(NOW)
CONSUMER = Consumer({("lapor.events.v1", 0): 0, ("lapor.events.v1", 1): 7}, NOW)
NAMES = ["store", "rules", "turns", "judging", "notices", "consumer"]


def wrong(pulse: Any = PULSE, rules: int = 31, turns: Any = TURNS, consumer: Any = CONSUMER) -> list[tuple[Any, ...]]:
    found = checks(pulse, rules, NOW, turns, consumer)
    return [(check.name, check.what, check.since) for check in found if not check.ok]


def test_all_is_well_with_a_process_that_works() -> None:
    assert [check.name for check in checks(PULSE, 31, NOW, TURNS, CONSUMER)] == NAMES
    assert wrong() == []


def test_a_process_is_asked_only_for_what_it_does() -> None:
    assert [check.name for check in checks(PULSE, 31, NOW)] == ["store", "rules", "judging", "notices"]


LATE: dict[str, tuple[timedelta, Any, str]] = {
    "turns": (TURN_WITHIN, lambda since: {"turns": Turns(since)}, "no turn was committed"),
    "judging": (JUDGED_WITHIN, lambda since: {"pulse": Pulse(3, since, {})}, "3 subjects are due and not judged"),
    "notices": (HANDED_WITHIN, lambda since: {"pulse": Pulse(0, None, {"email": NOW, "sms": since})},
                "notices wait that are due: sms"),
    "consumer": (MOVED_WITHIN, lambda since: {"consumer": msgspec.structs.replace(CONSUMER, moved_at=since)},
                 "nothing moves and 7 records wait"),
}  # fmt: skip


@pytest.mark.parametrize("name", LATE)
def test_what_stands_still_is_wrong_beyond_its_limit_and_not_before(name: str) -> None:
    limit, given, what = LATE[name]
    assert wrong(**given(NOW - limit)) == []
    since = NOW - limit - SECOND
    assert wrong(**given(since)) == [(name, what, since)]


def test_a_turn_that_does_not_end_is_told_from_one_that_is_not_begun() -> None:
    began = NOW - TURN_WITHIN
    assert wrong(turns=Turns(began - SECOND, began)) == [("turns", "a turn does not come to its end", began)]


def test_a_commit_that_failed_is_wrong_at_once_until_one_succeeds() -> None:
    failing = Turns(NOW - SECOND, None, NOW, "FullError")
    assert wrong(turns=failing) == [("store", "cannot be written (FullError)", NOW)]


def test_clocks_that_differ_are_told_instead_of_a_store_that_fails() -> None:
    ours, server = NOW + CLOCKS_WITHIN, NOW
    assert clock_off(ours, server) == clock_off(server, ours) == ""
    ours += SECOND
    assert (
        clock_off(server, ours) == "the clock of this process is 61 s behind the database's; set the one that is wrong"
    )
    off = clock_off(ours, server)
    assert off == "the clock of this process is 61 s ahead of the database's; set the one that is wrong"
    assert wrong(turns=Turns(NOW - SECOND, None, NOW, "ClockOff", off)) == [("turns", off, NOW)]


def test_a_store_that_cannot_be_read_is_wrong_without_a_word_of_what_it_said() -> None:
    assert wrong(pulse=OSError("X1234567")) == [("store", "cannot be read (OSError)", None)]


def test_no_rules_and_a_consumer_that_has_nothing_to_read() -> None:
    assert wrong(rules=0) == [("rules", "no rules are loaded", None)]
    idle = Consumer({("lapor.events.v1", 0): 0}, NOW - timedelta(days=1))
    assert wrong(consumer=idle) == []


def test_a_worker_that_is_not_in_its_group_is_not_ready_though_nothing_waits() -> None:
    assert [name for name, *_ in wrong(consumer=Consumer({}, NOW, reading=False))] == ["consumer"]
