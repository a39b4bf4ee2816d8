"""What a walk over a condition knows of each of its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from alerts.core.cel_checker import Field
from alerts.core.condition_runs import Run

_NONE: frozenset[str] = frozenset()


class Clause(msgspec.Struct, frozen=True):
    """One of the parts that a condition joins with `&&`, for explaining which of them holds."""

    text: str
    holds: Callable[[dict[str, Any]], bool]


class Literal(msgspec.Struct, frozen=True):
    """A text that a condition compares with, and where it stands."""

    text: str
    line: int
    column: int


class Part(NamedTuple):
    run: Run
    text: str
    level: int = 6  # how tightly the text binds: 0 ?: · 1 || · 2 && · 3 comparison · 4 sum · 5 sign · 6 everything else
    true: frozenset[str] = _NONE  # facts present when this is true
    false: frozenset[str] = _NONE  # and when it is false
    clauses: tuple[Clause, ...] = ()
    read: str = ""  # the published fact, where the part is one
    field: Field | None = None
    literal: str | None = None

    @property
    def refused(self) -> bool:
        return not self.text

    def at(self, level: int) -> str:
        return self.text if self.level >= level else f"({self.text})"


REFUSED = Part(run=lambda values: False, text="")


def constant(value: Any, text: str) -> Part:
    return Part(lambda values: value, text, 5 if text.startswith("-") else 6)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(c if c.isprintable() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in escaped) + "'"
