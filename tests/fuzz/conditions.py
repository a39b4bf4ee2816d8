"""Claims about conditions that anybody wrote. Each is a function of a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cel_expr_python import cel
from google.protobuf import message_factory

from alerts.core.cel_checker import PACKAGE, Checker, Field, published
from alerts.core.conditions import SOURCE_LIMIT, Condition, ConditionError, compile_with
from alerts.core.register.views import KINDS
from tests.core.test_conditions import EXPRESSIONS, Guest, Visit
from tests.fuzz import hostile
from tests.runtime.office import ROOT

WHENS = [
    when
    for path in sorted((ROOT / "rules").rglob("*.yaml"))
    for when in re.findall(r"^when: (.+)$", path.read_text(), re.M)
]
ODD = (
    "now()", "timestamp('2026-01-01T00:00:00Z')", "dyn(1)", "type(visit)", "google.protobuf.Timestamp{a: 1}",
    "lapor.Visit{}", "lapor.Visit{opn: true}", "guest.visits[0]", "visit.?open", "{'a': 1}", "b'a'", "1u", "null",
    "[]", "[[], [1]]", "r'\\'", "guest.visits.map(v, v)", "cel.bind(a, 1, a)", "visit.seen.seconds", "1.0 / 0.0",
    "-9223372036854775808", "0x7f", "1e308", "'''\n'''", "'\\x00'", "'\\U0010ffff'", "'\\ud800'", "// no",
    ".visit.open", "visit", "`visit`", "in", "has(guest)", "guest.visits.exists(guest, true)", "size(1)", "'a' * 3",
    "visit.all(a, true)", "matches('a', '(a+)+$')", "optional.of(1)",
    "guest.visits.exists(a, guest.visits.exists(b, guest.visits.exists(c, true)))", "__result__",
    "@not_strictly_false",
)  # fmt: skip
LONGEST = 3  # items of a list
AROUND = datetime(2026, 3, 1, tzinfo=UTC)


@cache
def checker(of: str) -> Checker:
    return Checker({"guest": Guest, "visit": Visit} if of == "guest" else {of: KINDS[of]})


def drawn(rng: random.Random) -> tuple[Checker, str]:
    """A condition made of pieces of others, over the variables that most of them speak about."""
    of = rng.choice(["guest", "guest", "guest", *KINDS])
    sources = EXPRESSIONS if of == "guest" else [re.sub(r"\bstay\b", "person", when) for when in WHENS]
    form = rng.randrange(10)
    if form == 0:
        return checker(of), blown_up(rng)
    parts = [rng.choice(sources) for _ in range(rng.choice([1, 1, 2, 3]))]
    source = rng.choice([" && ", " || ", " == ", " != ", "\n&&\n", " ? true : "]).join(f"({part})" for part in parts)
    if form < 4:
        return checker(of), source
    if form < 6:
        tokens = re.findall(r"[\w.]+|.", source, re.DOTALL)
        tokens[rng.randrange(len(tokens))] = rng.choice(ODD)
        return checker(of), "".join(tokens)
    return checker(of), hostile.mangled(rng, source, [*sources, *ODD], 3).decode("utf-8", "surrogateescape")


_AROUND_AND_AROUND = (
    ("(", "true", ")"), ("!", "true", ""), ("-", "visit.days == 1", ""), ("[", "1", "]"), ("true ? ", "true", " : false"),
    ("visit.open && ", "true", ""), ("size([", "1", "])"), ("guest.visits.exists(v, ", "true", ")"), ("{1:", "1", "}"),
    ("'a' in ['a'] || ", "true", ""), ("1 + ", "1 == 1", ""), ("visit.", "open", ""), ("has(", "visit.area", ")"),
)  # fmt: skip


def blown_up(rng: random.Random) -> str:
    """Deeper, longer or wider than any rule needs."""
    many = rng.choice([20, 31, 33, 90, 250, 480, 2000])
    opened, inside, closed = rng.choice(_AROUND_AND_AROUND)
    whole = opened * many + inside + closed * many
    return rng.choice([whole, f"{whole} == {whole}", f"[{whole}] == [{whole}]", "'" + "x" * many + "' == visit.kind"])


def compiling(seed: int) -> None:
    """Any text is a condition that answers as the official evaluator does, or is refused at places that it has."""
    rng = random.Random(seed)
    check, source = drawn(rng)
    found = compile_with(check, source)
    if not isinstance(found, Condition):
        refused_in_place(source, found)
        return
    assert isinstance(compile_with(check, found.text), Condition), f"its canonical text is refused: {found.text}"
    for _ in range(3):
        agrees(check, found, {name: value(rng, struct) for name, struct in check.variables.items()})


def refused_in_place(source: str, errors: tuple[ConditionError, ...]) -> None:
    assert errors
    lines = source.split("\n")
    for error in errors:
        assert error.what and error.write and 1 <= error.line <= len(lines), error
        assert 1 <= error.column <= len(lines[error.line - 1]) + 2 or len(source) > SOURCE_LIMIT, error
        assert len(error.what) + len(error.write) < SOURCE_LIMIT + 600, error


def agrees(check: Checker, condition: Condition, values: dict[str, Any]) -> None:
    messages = {name: _message(check, struct) for name, struct in values.items()}
    official = check.env.compile(condition.source).eval(data=messages)
    assert official.type() == cel.Type.BOOL, official.value()
    assert condition.holds(values) is bool(official.value()), condition.source
    assert bool(check.env.compile(condition.text).eval(data=messages).value()) is bool(official.value()), condition.text
    assert all(clause.holds(values) for clause in condition.clauses) is bool(official.value()), condition.clauses


def value(rng: random.Random, struct: type[msgspec.Struct]) -> Any:
    """A record with hostile texts, numbers at their limits, days at the ends of the calendar."""
    return struct(**{name: _field(rng, field) for name, field in published(struct).items()})


def _field(rng: random.Random, field: Field) -> Any:
    if field.many:
        one = Field(field.kind)
        return [_field(rng, one) for _ in range(rng.randint(0, LONGEST))]
    if field.optional and rng.random() < 0.4:
        return None
    return value(rng, field.kind) if field.record else _SCALARS[field.kind](rng)


def _text(rng: random.Random) -> str:
    return rng.choice(["a", "b", "ITAS", "ITK", "", hostile.text(rng).encode("utf-8", "replace").decode()])


def _day(rng: random.Random) -> date:
    return rng.choice([date(1900, 1, 1), date(2199, 12, 31), AROUND.date() + timedelta(days=rng.randint(-2, 2))])


_SCALARS: dict[type, Callable[[random.Random], Any]] = {
    bool: lambda rng: rng.random() < 0.5,
    int: lambda rng: rng.choice([0, 1, 2, -1, 10**9, -(10**9)]),
    float: lambda rng: rng.choice([0.0, -0.0, 1.5, -0.25, 1e300, 5e-324]),
    str: _text,
    date: _day,
    datetime: lambda rng: (
        AROUND + timedelta(days=rng.choice([-40_000, -1, 0, 1, 60_000]), microseconds=rng.randint(0, 2))
    ),
}


def _message(check: Checker, struct: Any) -> Any:
    """The protobuf copy of a record, for the official evaluator."""
    name = f"{PACKAGE}.{type(struct).__name__}"
    copy = message_factory.GetMessageClass(check.pool.FindMessageTypeByName(name))()
    for field in published(type(struct)):
        held = getattr(struct, field)
        if isinstance(held, list):
            getattr(copy, field).extend(
                _message(check, one) if isinstance(one, msgspec.Struct) else one for one in held
            )
        elif isinstance(held, datetime):
            getattr(copy, field).FromDatetime(held)
        elif held is not None:
            setattr(copy, field, held.isoformat() if isinstance(held, date) else held)
    return copy


CLAIMS: tuple[Callable[[int], None], ...] = (compiling,)
