"""Law 8: the laws can fail. Each bug here is planted into the core for one test, and the law that it breaks says so.

`planted` puts a function in the place of another wherever the program has it; methods are replaced on their class.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from alerts.core import engine, handled, identity
from alerts.core.memory import MemoryRegister
from alerts.core.register import fold
from alerts.core.register.facts import EMPTY
from alerts.core.register.subject import Awaited
from alerts.store.store import Store
from tests.properties import (
    test_deadlines,
    test_edits,
    test_escalation,
    test_exhaustive,
    test_facts,
    test_order,
    test_refold,
    test_same_bytes,
)
from tests.properties.recorded import drawn, in_process_of_its_own, replaying
from tests.runtime.office import rules_folder

Plant = Callable[[pytest.MonkeyPatch], None]


def planted(monkeypatch: pytest.MonkeyPatch, right: Callable[..., Any], wrong: Callable[..., Any]) -> None:
    modules = [module for name, module in sys.modules.items() if name.startswith(("alerts.", "tests.properties."))]
    for module in modules:
        for name in [name for name, value in vars(module).items() if value is right]:
            if module is not sys.modules[__name__] and module is not test_order:  # whose oracle stays right
                monkeypatch.setattr(module, name, wrong)


def instead_of(right: Callable[..., Any], wrong: Callable[..., Any]) -> Plant:
    return lambda monkeypatch: planted(monkeypatch, right, wrong)


def answers_nothing(method: str) -> Plant:
    """A look-up of the register that finds nothing."""
    return lambda monkeypatch: monkeypatch.setattr(MemoryRegister, method, lambda *_: type_of_answer(method)())


def type_of_answer(method: str) -> type[Any]:
    return {"linkers": tuple, "superseded": tuple, "waiting": tuple, "events": dict, "alerts": dict}[method]


# Bugs -------------------------------------------------------------------------------------------------------------------

apply, partition, step, await_answers = fold.apply, identity.partition, engine.step, handled.await_answers


def piled_up(facts: Any, event: Any, mention: Any) -> Any:
    """Facts in the order of their arrival, as often as they arrive."""
    alone = apply(EMPTY[mention.kind], event, mention)
    names = facts.__struct_fields__
    return type(facts)(*(getattr(facts, name) + getattr(alone, name) for name in names))


def first_come(facts: Any, event: Any, mention: Any) -> Any:
    """What is known already is not put right by anything that comes later."""
    return apply(facts, event, mention) if facts == EMPTY[mention.kind] else facts


def undecided(claims: Iterable[Any], decisions: Iterable[Any] = ()) -> Any:
    """Officers' decisions are not heard."""
    return partition(claims)


def unborn(claims: Iterable[Any], decisions: Iterable[Any] = ()) -> Any:
    """Birth dates contradict nobody."""
    return partition([msgspec.structs.replace(claim, birth_date=None) for claim in claims], decisions)


def looked_at(next_look: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A step that asks to be looked at at another time."""

    def wrong(subject: Any, linked: Any, context: Any, now: Any) -> Any:
        judged = step(subject, linked, context, now)
        ahead = judged.next_change and next_look(judged.next_change, now)
        return msgspec.structs.replace(judged, next_change=ahead)

    return wrong


def forgetful(subject: Any, linked: Any, context: Any, now: Any) -> Any:
    """A step that does not know what stands already."""
    return step(msgspec.structs.replace(subject, standing=()), linked, context, now)


def unheard(stands: Any, changes: Any, handled: Any, context: Any, now: Any) -> Any:
    """No acknowledgement answers anything."""
    return await_answers(stands, changes, (), context, now)


def daily(stands: Any, changes: Any, handled: Any, context: Any, now: Any) -> Any:
    """The unit above is told again the next day."""
    answers, tomorrow = await_answers(stands, changes, handled, context, now), now + timedelta(days=1)
    told = [alert.alert for alert, _ in answers.unanswered]
    again = [msgspec.structs.replace(s, awaited=Awaited(tomorrow)) if s.alert in told else s for s in answers.stands]
    return msgspec.structs.replace(answers, stands=tuple(again), next_change=tomorrow if told else answers.next_change)


A_DAY_LATE = looked_at(lambda due, now: due + timedelta(days=1))
EVERY_HOUR = looked_at(lambda due, now: min(due, now + timedelta(hours=1)))
BY_HASH = """
import msgspec
from alerts.core import replay
right = replay.turn
def turn(*given, **more):
    effects = right(*given, **more)
    return msgspec.structs.replace(effects, changes=tuple(set(effects.changes)))
replay.turn = turn
"""


NOT_WHAT_STANDS = "not what stands"


# Laws -------------------------------------------------------------------------------------------------------------------


def all_orders(what: str) -> Callable[[], None]:
    return lambda: test_exhaustive.test_all_orders_of_five_events_come_to_the_same(what)


def same_facts() -> None:
    test_facts.test_four_events_of_a_type_leave_the_same_facts_in_all_orders("departure.recorded.v1")


def refold() -> None:
    law: Any = test_refold.test_so_it_is_whatever_order_the_events_came_in
    law.hypothesis.inner_test(test_exhaustive.HISTORIES["a merge and a split"].events)


def timeline() -> None:
    test_deadlines.test_what_stands_changes_when_the_rules_say_and_every_look_finds_something("steps and keep")


def last_look() -> None:
    test_deadlines.test_whenever_the_rules_are_asked_they_say_what_they_said_at_the_last_look("steps and keep")


def persons() -> None:
    """On worlds that are the same in every run."""
    law: Any = test_order.test_the_persons_of_the_register_are_those_that_the_set_of_events_makes
    settled = settings(
        derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None
    )
    settled(given(test_order.twice)(law.hypothesis.inner_test))()


def escalated(*acknowledged: int) -> Callable[[], None]:
    law: Any = (
        test_escalation.test_the_unit_above_is_told_once_of_whatever_nobody_acknowledged_in_time_and_of_nothing_else
    )
    return lambda: law.hypothesis.inner_test([test_escalation.permit("e1", "2026-03-01")], [*acknowledged])


CATCHES: dict[str, tuple[Plant, Callable[[], None], str]] = {  # and what the law says
    "facts pile up": (instead_of(apply, piled_up), same_facts, "other facts in another order"),
    "the first to come is believed": (
        instead_of(apply, first_come), all_orders("an extension that is told late"), NOT_WHAT_STANDS,
    ),
    "officers' decisions are not heard": (
        instead_of(partition, undecided), all_orders("a merge"), NOT_WHAT_STANDS,
    ),
    "birth dates contradict nobody": (instead_of(partition, unborn), persons, "other persons than"),
    "a refold finds no events": (answers_nothing("events"), refold, "an identifier leads nowhere"),
    "who links to an employer is forgotten": (
        answers_nothing("linkers"), all_orders("a workplace and its approval"), NOT_WHAT_STANDS,
    ),
    "a correction that comes first is forgotten": (
        answers_nothing("superseded"), all_orders("a correction of a correction"), "not the same register",
    ),
    "who waits for a source is forgotten": (
        answers_nothing("waiting"), all_orders("a silent source that is heard again"), NOT_WHAT_STANDS,
    ),
    "every word of officers is refused": (
        answers_nothing("alerts"), all_orders("a case that an officer closed"), "an officer's word was refused",
    ),
    "next_change is late": (instead_of(step, A_DAY_LATE), last_look, "not what was said at the last look"),
    "next_change is late, too": (instead_of(step, A_DAY_LATE), timeline, "not when the rules say"),
    "an answer is not heard": (instead_of(await_answers, unheard), escalated(0), "not what is owed"),
    "the unit above is told every day": (instead_of(await_answers, daily), escalated(), "not what is owed"),
    "next_change spins": (instead_of(step, EVERY_HOUR), timeline, "for nothing"),
}  # fmt: skip


@pytest.mark.parametrize("bug", CATCHES)
def test_the_law_says_so_when(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, law, says = CATCHES[bug]
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=says):
        law()


def test_the_law_of_bytes_says_so_when_changes_come_out_of_a_set(tmp_path: Path) -> None:
    arguments = replaying(tmp_path, drawn(0))
    one, other = (in_process_of_its_own(arguments, hash_seed, BY_HASH) for hash_seed in (0, 1))
    assert sorted(one) == sorted(other)
    assert one != other


def test_the_law_of_bytes_says_so_when_the_first_line_of_an_instant_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, apply, first_come)
    with pytest.raises(AssertionError, match="another order, other alerts"):
        test_same_bytes.test_lines_of_one_instant_in_another_order_leave_the_same_standing(tmp_path)


EDITS: dict[str, tuple[Plant, Callable[..., None], str, str]] = {
    "nobody is judged again": (
        lambda monkeypatch: monkeypatch.setattr(Store, "judge_again", lambda *_: None),
        test_edits.test_an_edit_that_changes_the_meaning_judges_again_and_says_what_changed, "a later deadline",
        "not the changes of the edit",
    ),
    "what stands is forgotten": (
        instead_of(step, forgetful),
        test_edits.test_an_edit_that_keeps_the_meaning_keeps_every_alert_and_says_nothing, "the title", "even if all were",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", EDITS)
def test_the_law_of_edits_says_so_when(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, law, edit, says = EDITS[bug]
    root = rules_folder(tmp_path)
    office = test_edits.at_work(tmp_path, root)
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=says):
        law(office, root, edit)
    office.store.close()
