"""A turn costs what it is about, however many lines wait in planned notices. Counted in steps of SQLite, which no load changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from alerts.core.guard import Limit, guard
from alerts.core.judgement import Change
from alerts.core.plan import plan
from alerts.core.policy import Policy
from alerts.core.ports import Effects
from alerts.core.rules import RuleSet, Severity
from alerts.store.store import Store
from tests.core.test_plan import MORNING, UNITS, change
from tests.properties.histories import shipped
from tests.properties.worlds import decode_kept
from tests.servers.databases import where

pytestmark = pytest.mark.sqlite("no other database counts its steps")
ALERTS, TURNS = 20_000, 20
OFF = {"": Limit(at_least=10**9)}
STEPS = 1000  # of SQLite between two counts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(where(tmp_path / "lapor.db"), decode_kept)
    store.connection.pragma("synchronous", "off")
    yield store
    store.close()


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return shipped().settled.rules


def flood(turn: int, kind: str = "raised") -> list[Change]:
    size = ALERTS // TURNS
    return [
        msgspec.structs.replace(change(f"a{number}", kind, Severity.medium), subject=f"person:UTO:X{number}")
        for number in range(turn * size, (turn + 1) * size)
    ]


def take(store: Store, rules: RuleSet, changes: list[Change], limits: dict[str, Limit], minute: int) -> int:
    """One turn with these changes; its steps in SQLite."""
    counted = [0]

    def count() -> bool:
        counted[0] += 1
        return False

    now = MORNING + timedelta(minutes=minute / 10)
    store.connection.set_progress_handler(count, STEPS)
    guarded = guard(changes, store.guard, rules, limits, now)
    notices = plan(guarded.tell, store.book, UNITS, Policy(), now, guarded.taken_back)
    store.commit(Effects(changes=tuple(changes)), notices, (), guarded=guarded, now=now)
    store.connection.set_progress_handler(None)
    return counted[0]


@pytest.mark.parametrize("limits", [OFF, Policy().guard], ids=["guard off", "guard on"])
def test_a_turn_of_a_flood_costs_no_more_at_its_end_than_at_its_beginning(
    store: Store, rules: RuleSet, limits: dict[str, Limit]
) -> None:
    steps = [take(store, rules, flood(turn), limits, turn) for turn in range(TURNS)]
    assert steps[-1] < 1.5 * steps[1], steps
    lines = list(store.connection.execute("SELECT notice, count(*) FROM notice_lines GROUP BY 1"))
    waiting = sum(row.waiting for row in store.guard.rows())
    assert (sorted(count for _, count in lines), waiting) == (([], ALERTS) if limits is not OFF else ([ALERTS] * 2, 0))


def test_a_turn_about_one_alert_does_not_feel_the_flood(store: Store, rules: RuleSet) -> None:
    alone = take(store, rules, [change("b1", severity=Severity.medium)], OFF, 0)
    for turn in range(TURNS):
        take(store, rules, flood(turn), OFF, turn)
    assert take(store, rules, [change("b2", severity=Severity.medium)], OFF, TURNS) <= alone + 1
    assert take(store, rules, [change("a7", "withdrawn", Severity.medium)], OFF, TURNS) <= alone + 1


def test_releasing_a_flood_is_one_plan_with_every_alert_in_it(store: Store, rules: RuleSet) -> None:
    for turn in range(TURNS):
        take(store, rules, flood(turn), Policy().guard, turn)
    held = store.guard.to_tell("stay_expired", MORNING)
    assert len(held) == ALERTS
    notices = plan(held, store.book, UNITS, Policy(), MORNING)
    assert [len(notice.lines) for notice in notices] == [ALERTS] * 2
