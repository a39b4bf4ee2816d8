"""Conditions of rules: CEL over the register, checked at load, run as plain Python.

The official checker (`cel_checker`) types every name. Its tree is then walked once (`condition_walk`) into closures
that read the msgspec structs directly: the official evaluator would need a protobuf copy of the register for each
judgement. Tests hold the closures to the official evaluator. A condition has no clock and cannot fail at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from alerts.core.cel_checker import Checker, ConditionError
from alerts.core.condition_parts import Clause, Literal
from alerts.core.condition_walk import TooLargeError, walk

__all__ = ["SOURCE_LIMIT", "Clause", "Condition", "ConditionError", "Literal", "compile_condition", "compile_with"]

SOURCE_LIMIT = 2_000  # characters


class Condition(msgspec.Struct, frozen=True):
    """A checked condition. `holds(values)` takes the rule's variables by name: {"person": Person(…), "stay": Stay(…)}.

    `reads` names every published fact it looks at ("stay.latest", "person.stays[].latest"), `literals` every text it
    compares with, `clauses` the parts that it joins with `&&`, `names` the lists and macros it uses; `text` is its canonical
    form, in which those are written out.
    """

    source: str
    text: str
    reads: frozenset[str]
    literals: tuple[Literal, ...]
    clauses: tuple[Clause, ...]
    holds: Callable[[dict[str, Any]], bool]
    names: frozenset[str] = frozenset()


def compile_condition(
    source: str, variables: dict[str, type[msgspec.Struct]]
) -> Condition | tuple[ConditionError, ...]:
    """The condition over these variables, or all that is wrong with it. Never raises, whatever the text."""
    return compile_with(Checker(variables), source)


def compile_with(checker: Checker, source: str) -> Condition | tuple[ConditionError, ...]:
    """As `compile_condition`, for many conditions over the same variables."""
    if len(source) > SOURCE_LIMIT:
        return (ConditionError(1, 1, f"the condition is longer than {SOURCE_LIMIT} characters", "several rules"),)
    checked = checker.check(source)
    if isinstance(checked, tuple):
        return checked
    try:
        found = walk(checker, checked, source)
    except TooLargeError as error:
        return (ConditionError(1, 1, str(error), "fewer brackets, or several rules"),)
    if found.errors:
        return found.errors
    return Condition(source, found.text, found.reads, found.literals, found.clauses, found.holds, found.names)
