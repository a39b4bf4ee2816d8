"""Bugs that are planted in the real functions are caught, each by the invariant that names it, within few seeds.

The seeds are those of `test_simulation`, where they hold with nothing planted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import apsw
import msgspec
import pytest

from alerts.core import engine, handled
from alerts.core import plan as planning
from alerts.core import turn as turning
from alerts.core.policy import Policy
from alerts.core.register import person
from alerts.core.routing import Units
from alerts.runtime import dispatcher, intake
from alerts.runtime.dispatcher import Dispatcher
from alerts.store.book import StoredBook
from alerts.store.register import StoredRegister
from alerts.store.store import Store
from tests.simulation import station
from tests.simulation.lives import SECRET_YEAR
from tests.simulation.simulation import HELD_AND_DROPPED, simulate

MOST_SEEDS = 100
Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def recorded_before_it_is_sent(patch: Patch) -> None:
    begin = StoredBook.begin

    def begin_and_record(book: StoredBook, id: str, *more: Any) -> None:
        begin(book, id, *more)
        book.sent(id, "surely")

    patch.setattr(StoredBook, "begin", begin_and_record)


def hand_offs_in_doubt_forgotten(patch: Patch) -> None:
    async def recover(dispatcher: Dispatcher, now: datetime) -> None:
        """Nothing is in doubt."""

    patch.setattr(Dispatcher, "recover", recover)


def hand_offs_in_doubt_unmarked(patch: Patch) -> None:
    again = StoredBook.again
    patch.setattr(StoredBook, "again", lambda book, *what, in_doubt, **more: again(book, *what, in_doubt=False, **more))


def duplicates_unknown(patch: Patch) -> None:
    """To the first question of a turn, which is whether its events are known."""
    turn = intake.turn

    class Forgetful:
        def __init__(self, register: StoredRegister) -> None:
            self._register, self._asked = register, False

        def __getattr__(self, name: str) -> Any:
            return getattr(self._register, name)

        def known(self, refs: Any) -> Any:
            first, self._asked = not self._asked, True
            return {} if first else self._register.known(refs)

    patch.setattr(intake, "turn", lambda register, *more: turn(Forgetful(register), *more))


def duplicates_counted_as_accepted(patch: Patch) -> None:
    turn = intake.turn
    patch.setattr(intake, "turn", lambda *what: msgspec.structs.replace(turn(*what), duplicates=0))


def answered_before_the_commit(patch: Patch) -> None:
    """A group is committed when the next one comes."""

    @contextmanager
    def open_ended(connection: apsw.Connection) -> Iterator[None]:
        if connection.in_transaction:
            connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        yield

    patch.setattr("alerts.store.store.transaction", open_ended)


def ralat_forgotten(patch: Patch) -> None:
    plan = intake.plan
    patch.setattr(intake, "plan", lambda *what: tuple(n for n in plan(*what) if n.kind != planning.RALAT))


def retry_worded_anew(patch: Patch) -> None:
    due = StoredBook.due

    def unworded(book: StoredBook, *what: Any) -> Any:
        return [msgspec.structs.replace(handoff, payload=None) for handoff in due(book, *what)]

    patch.setattr(StoredBook, "due", unworded)


def birth_date_leaked(patch: Patch) -> None:
    make_letter = dispatcher.make_letter

    def talkative(*what: Any) -> Any:
        letter = make_letter(*what)
        born = (("person.birth_date", f"{SECRET_YEAR}-11-01"),)
        lines = (msgspec.structs.replace(line, facts=line.facts + born) for line in letter.lines)
        return msgspec.structs.replace(letter, lines=tuple(lines))

    patch.setattr(dispatcher, "make_letter", talkative)


def shadow_rule_tells(patch: Patch) -> None:
    plan = intake.plan

    def loud(changes: Any, *more: Any) -> Any:
        return plan([msgspec.structs.replace(change, shadow=False) for change in changes], *more)

    patch.setattr(intake, "plan", loud)


def broken_file_taken_over(patch: Patch) -> None:
    decisions = station.decisions
    patch.setattr(station, "decisions", lambda edit: decisions(edit) or decisions("retired"))


def told_elsewhere(patch: Patch) -> None:
    patch.setattr(Units, "told", lambda units, area, notify=(): (units.by_id["kesbangpol-15.07"],))


def always_told_to_the_province(patch: Patch) -> None:
    patch.setattr(Units, "told", lambda units, area, notify=(): (units.province,))


def province_told_of_everything(patch: Patch) -> None:
    told = Units.told
    patch.setattr(Units, "told", lambda units, area, notify=(): told(units, area, ("province",)))


def notify_ignored(patch: Patch) -> None:
    told = Units.told
    patch.setattr(Units, "told", lambda units, area, notify=(): told(units, area))


def sources_always_complete(patch: Patch) -> None:
    patch.setattr(engine, "_incomplete", lambda *what: None)


def applications_unseen(patch: Patch) -> None:
    patch.setattr(person, "_application_pending", lambda *what: (False, None))


def next_change_late(patch: Patch) -> None:
    step = turning.step

    def slow(*what: Any) -> Any:
        judged = step(*what)
        at = judged.next_change
        return msgspec.structs.replace(judged, next_change=at and at + timedelta(days=1))

    patch.setattr(turning, "step", slow)


def due_subjects_forgotten_by_a_restart(patch: Patch) -> None:
    start = Store.__init__

    def forgetful(store: Store, *what: Any) -> None:
        start(store, *what)
        store.connection.execute("UPDATE subjects SET next_change = NULL")

    patch.setattr(Store, "__init__", forgetful)


def subjects_remembered_after_a_rollback(patch: Patch) -> None:
    patch.setattr(StoredRegister, "forget", lambda register: None)


def quiet_hours_ignored(patch: Patch) -> None:
    for module in (planning, dispatcher):
        patch.setattr(module, "after_quiet", lambda at, policy: at)


def limit_per_hour_ignored(patch: Patch) -> None:
    plan = intake.plan

    def generous(changes: Any, book: Any, units: Units, policy: Policy, *more: Any) -> Any:
        return plan(changes, book, units, msgspec.structs.replace(policy, sms_per_officer_per_hour=100), *more)

    patch.setattr(intake, "plan", generous)
    patch.setattr(StoredBook, "handed_sms", lambda book, officer, since: ())


def withdrawal_lost(patch: Patch) -> None:
    turn = intake.turn

    def stubborn(*what: Any) -> Any:
        effects = turn(*what)
        changes = tuple(change for change in effects.changes if change.change != "withdrawn")
        return msgspec.structs.replace(effects, changes=changes)

    patch.setattr(intake, "turn", stubborn)


def acknowledgements_unread(patch: Patch) -> None:
    patch.setattr(handled, "_answers", lambda said, alert: False)


def nobody_above_is_told(patch: Patch) -> None:
    await_answers = engine.await_answers
    patch.setattr(engine, "await_answers", lambda *w: msgspec.structs.replace(await_answers(*w), unanswered=()))


def guard_tells(patch: Patch) -> None:
    guard = intake.guard

    def careless(changes: Any, *more: Any) -> Any:
        return msgspec.structs.replace(guard(changes, *more), tell=tuple(changes), taken_back=())

    patch.setattr(intake, "guard", careless)


CAUGHT_BY: dict[Plant, str] = {
    acknowledgements_unread: "answered",
    nobody_above_is_told: "answered",
    guard_tells: "held",
    recorded_before_it_is_sent: "told",
    hand_offs_in_doubt_forgotten: "waiting",
    hand_offs_in_doubt_unmarked: "handed",
    duplicates_unknown: "received",
    duplicates_counted_as_accepted: "received",
    answered_before_the_commit: "received",
    ralat_forgotten: "told",
    retry_worded_anew: "handed",
    birth_date_leaked: "facts",
    shadow_rule_tells: "shadow",
    broken_file_taken_over: "shadow",
    told_elsewhere: "shadow",
    always_told_to_the_province: "shadow",
    province_told_of_everything: "shadow",
    notify_ignored: "told",
    sources_always_complete: "standing",
    applications_unseen: "standing",
    next_change_late: "standing",
    due_subjects_forgotten_by_a_restart: "standing",
    subjects_remembered_after_a_rollback: "standing",
    quiet_hours_ignored: "quiet",
    limit_per_hour_ignored: "quiet",
    withdrawal_lost: "standing",
}


@pytest.mark.parametrize("plant", CAUGHT_BY, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught(plant: Plant, monkeypatch: Patch) -> None:
    plant(monkeypatch)
    seeds = chain((HELD_AND_DROPPED,) if CAUGHT_BY[plant] == "held" else (), range(MOST_SEEDS))
    broken = next((run.broken for run in map(simulate, seeds) if run.broken), None)
    assert broken, f"nothing broke in {MOST_SEEDS} seeds"
    assert broken.name == CAUGHT_BY[plant], broken
