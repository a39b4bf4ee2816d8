"""The closures that a checked condition becomes: each takes the rule's variables by name and answers a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Run = Callable[[dict[str, Any]], Any]

RELATIONS: dict[str, tuple[str, Callable[[Run, Run], Run]]] = {
    "_==_": ("==", lambda a, b: lambda values: a(values) == b(values)),
    "_!=_": ("!=", lambda a, b: lambda values: a(values) != b(values)),
    "_<_": ("<", lambda a, b: lambda values: a(values) < b(values)),
    "_<=_": ("<=", lambda a, b: lambda values: a(values) <= b(values)),
    "_>_": (">", lambda a, b: lambda values: a(values) > b(values)),
    "_>=_": (">=", lambda a, b: lambda values: a(values) >= b(values)),
    "@in": ("in", lambda a, b: lambda values: a(values) in b(values)),
}
SUMS: dict[str, tuple[str, Callable[[Run, Run], Run]]] = {
    "_+_": ("+", lambda a, b: lambda values: a(values) + b(values)),
    "_-_": ("-", lambda a, b: lambda values: a(values) - b(values)),
}
METHODS: dict[str, Callable[[Run, Run], Run]] = {
    "startsWith": lambda a, b: lambda values: a(values).startswith(b(values)),
    "endsWith": lambda a, b: lambda values: a(values).endswith(b(values)),
    "contains": lambda a, b: lambda values: b(values) in a(values),
}


def macro_of(loop: Any) -> tuple[str, Any, Any]:
    """Which macro CEL expanded into this loop, what it tests of each item, and what it takes from it."""
    start, step = loop.accu_init, loop.loop_step.call_expr
    if start.const_expr.HasField("bool_value"):
        return ("all" if start.const_expr.bool_value else "exists"), step.args[1], None
    if start.HasField("const_expr"):
        return "exists_one", step.args[0], None
    if step.function == "_+_":
        return "map", None, step.args[1].list_expr.elements[0]
    taken = step.args[1].call_expr.args[1].list_expr.elements[0]
    return ("filter" if taken.ident_expr.name == loop.iter_var else "map"), step.args[0], taken


def _matching(items: Run, name: str, test: Run, values: dict[str, Any]) -> Iterator[Any]:
    inner = dict(values)
    for item in items(values):
        inner[name] = item
        if test(inner):
            yield item


def _exists(items: Run, name: str, test: Run) -> Run:
    def run(values: dict[str, Any]) -> bool:
        inner = dict(values)
        for item in items(values):
            inner[name] = item
            if test(inner):
                return True
        return False

    return run


def _all(items: Run, name: str, test: Run) -> Run:
    found = _exists(items, name, lambda values: not test(values))
    return lambda values: not found(values)


def _exists_one(items: Run, name: str, test: Run) -> Run:
    return lambda values: sum(1 for _ in _matching(items, name, test, values)) == 1


def _filter(items: Run, name: str, test: Run) -> Run:
    return lambda values: list(_matching(items, name, test, values))


def mapped(items: Run, name: str, test: Run, take: Run) -> Run:
    return lambda values: [take({**values, name: item}) for item in _matching(items, name, test, values)]


LOOPS: dict[str, Callable[[Run, str, Run], Run]] = {
    "exists": _exists,
    "all": _all,
    "exists_one": _exists_one,
    "filter": _filter,
}
