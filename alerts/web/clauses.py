"""A clause of a condition in words, from the names that letters give to facts.

The canonical text of the clause is read by the official checker again, and its tree is said aloud. What has no words here (or in a
language of conditions that has grown since) is told as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from alerts.channels.text import YES_NO, fact
from alerts.core.cel_checker import Checked, Checker, published
from alerts.core.condition_runs import macro_of
from alerts.core.register.views import KINDS
from alerts.core.rules import Rule
from alerts.web.words import RECORDS, record

_OPPOSITE = {"_==_": "_!=_", "_<_": "_>=_", "_<=_": "_>_"}
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}
_RELATIONS = {
    "_==_": ("adalah", "is"),
    "_!=_": ("bukan", "is not"),
    "_<_": ("kurang dari", "is less than"),
    "_<=_": ("paling banyak", "is at most"),
    "_>_": ("lebih dari", "is more than"),
    "_>=_": ("paling sedikit", "is at least"),
}
_OF_DATES = {
    "_<_": ("sebelum", "is before"),
    "_<=_": ("paling lambat", "is not after"),
    "_>_": ("setelah", "is after"),
    "_>=_": ("tidak sebelum", "is not before"),
}
_METHODS = {  # as it holds, and as it does not
    "startsWith": (("diawali", "begins with"), ("tidak diawali", "does not begin with")),
    "endsWith": (("diakhiri", "ends with"), ("tidak diakhiri", "does not end with")),
    "contains": (("memuat", "contains"), ("tidak memuat", "does not contain")),
}
_LOOPS = {  # as it holds, and as it does not
    "exists": (
        ("ada {} dengan {}", "there is at least one {} where {}"),
        ("tidak ada {} dengan {}", "there is no {} where {}"),
    ),
    "all": (("untuk setiap {}: {}", "for every {}: {}"), ("tidak untuk setiap {}: {}", "not for every {}: {}")),
    "exists_one": (
        ("ada tepat satu {} dengan {}", "there is exactly one {} where {}"),
        ("bukan tepat satu {} dengan {}", "there is not exactly one {} where {}"),
    ),
}

Labels = Mapping[str, str]


def clause_in_words(rule: Rule, text: str, language: str, labels: Labels) -> str | None:
    """The clause in words; None where there are none for it."""
    kind = KINDS[rule.about]
    variables: dict[str, type[msgspec.Struct]] = {rule.about: kind}
    checker = Checker(variables)
    if rule.each:
        variables = {**variables, rule.each.name: checker.fields[kind][rule.each.field].kind}
        checker = Checker(variables)
    checked = checker.check(text)
    if not isinstance(checked, Checked):
        return None
    try:
        said = _Saying(checker, checked, language, labels).truth(checked.tree, True)
    except _Unsaid:
        return None
    return said[1:-1] if checked.tree.call_expr.function == "_||_" else said  # brackets only within others


def label_of(struct: type, name: str, labels: Labels) -> str:
    """What a fact is called: by its type and name where that is needed to be clear, else by its name."""
    return labels.get(f"{struct.__name__.lower()}.{name}") or labels.get(name) or name


def fact_label(rule: Rule, root: str, name: str, labels: Labels) -> str:
    """What a fact of the rule's subject or item is called."""
    kind = KINDS[rule.about]
    owner = kind if root == rule.about or not rule.each else published(kind)[rule.each.field].kind
    return label_of(owner, name, labels)


class _Unsaid(Exception):  # noqa: N818 - reads as what happened
    """There are no words for this."""


def _joined(function: str, args: list[Any]) -> Iterator[Any]:
    """The parts of `a && b && c`, which is read as `(a && b) && c`."""
    for arg in args:
        inner = arg.call_expr
        yield from _joined(function, list(inner.args)) if inner.function == function else (arg,)


class _Saying:
    def __init__(self, checker: Checker, checked: Checked, language: str, labels: Labels) -> None:
        self._checker, self._checked, self._language, self._labels = checker, checked, language, labels
        self._loops: list[str] = []  # the variables of the lists that are being looked into

    def _is(self, words: tuple[str, str]) -> str:
        return words[0] if self._language == "id" else words[1]

    def truth(self, expr: Any, holds: bool) -> str:
        """A true or false part, said as holding or not."""
        if expr.HasField("select_expr"):
            return self._asked(expr.select_expr, holds)
        if expr.HasField("comprehension_expr"):
            return self._searched(expr.comprehension_expr, holds)
        if not expr.HasField("call_expr"):
            return self._value(expr)
        call = expr.call_expr
        args = [call.target, *call.args] if call.HasField("target") else list(call.args)
        if call.function == "!_":
            return self.truth(args[0], not holds)
        if call.function in ("_&&_", "_||_"):
            both = (call.function == "_&&_") == holds
            joined = self._is((" dan ", " and ") if both else (" atau ", " or "))
            return "(" + joined.join(self.truth(arg, holds) for arg in _joined(call.function, args)) + ")"
        if call.function == "_?_:_":
            words = self._is(("bila {} maka {}, selain itu {}", "if {} then {}, else {}"))
            return words.format(self.truth(args[0], True), self.truth(args[1], holds), self.truth(args[2], holds))
        return self._compared(call.function, args, holds)

    def _compared(self, function: str, args: list[Any], holds: bool) -> str:
        left = self._value(args[0])
        if function in _RELATIONS:
            function = function if holds else _OPPOSITE[function]
            words = _OF_DATES.get(function) if self._dated(args[0]) else None
            return f"{left} {self._is(words or _RELATIONS[function])} {self._value(args[1])}"
        if function == "@in":
            words = ("salah satu dari", "is one of") if holds else ("bukan salah satu dari", "is none of")
            return f"{left} {self._is(words)} {self._value(args[1])}"
        if function in _METHODS:
            return f"{left} {self._is(_METHODS[function][not holds])} “{self._value(args[1])}”"
        raise _Unsaid

    def _asked(self, select: Any, holds: bool) -> str:
        name = self._fact(select)
        if select.test_only:
            return f"{name}: " + self._is(("diketahui", "known") if holds else ("tidak diketahui", "not known"))
        return f"{name}: " + YES_NO[self._language][str(holds).lower()]

    def _searched(self, loop: Any, holds: bool) -> str:
        macro, test, _ = macro_of(loop)
        if macro not in _LOOPS:
            raise _Unsaid
        return self._is(_LOOPS[macro][not holds]).format(self._each(loop.iter_range), self._within(loop, test))

    def _within(self, loop: Any, test: Any) -> str:
        """What is asked of each item."""
        self._loops.append(loop.iter_var)
        said = self.truth(test, True)
        self._loops.pop()
        return said

    def _each(self, items: Any) -> str:
        """One item of a list."""
        if self._checked.types[items.id].list_type.elem_type.HasField("message_type"):
            return self._value(items)
        return self._is(("nilai ", "value of ")) + self._value(items)

    def _value(self, expr: Any) -> str:
        if expr.HasField("const_expr"):
            return self._constant(expr.const_expr)
        if expr.HasField("select_expr") and not expr.select_expr.test_only:
            return self._fact(expr.select_expr)
        if expr.HasField("list_expr"):
            return ", ".join(map(self._value, expr.list_expr.elements))
        if expr.HasField("comprehension_expr"):
            return self._picked(expr.comprehension_expr)
        if expr.HasField("call_expr") and expr.call_expr.function == "size":
            args = expr.call_expr.args or [expr.call_expr.target]
            return self._is(("jumlah ", "the number of ")) + self._several(args[0])
        if expr.HasField("call_expr") and expr.call_expr.function in ("_+_", "_-_"):
            sign = f" {expr.call_expr.function.strip('_')} "
            return sign.join(map(self._value, expr.call_expr.args))
        if expr.HasField("ident_expr"):  # an item of plain values
            return self._is(("nilainya", "it"))
        raise _Unsaid

    def _several(self, items: Any) -> str:
        """A list that is counted."""
        if items.HasField("comprehension_expr"):
            return self._picked(items.comprehension_expr, several=True)
        return self._fact(items.select_expr, several=True) if items.HasField("select_expr") else self._value(items)

    def _picked(self, loop: Any, several: bool = False) -> str:
        macro, test, taken = macro_of(loop)
        items = self._several(loop.iter_range) if several else self._value(loop.iter_range)
        if macro == "map":
            return f"{self._value(taken)} ({items})"
        if macro != "filter":
            raise _Unsaid
        return f"{items} " + self._is(("dengan {}", "where {}")).format(self._within(loop, test))

    def _constant(self, value: Any) -> str:
        if value.HasField("bool_value"):
            return YES_NO[self._language][str(value.bool_value).lower()]
        if value.HasField("string_value"):
            return fact(value.string_value, self._language)
        return str(value.int64_value if value.HasField("int64_value") else value.double_value)

    def _struct(self, operand: Any) -> type[msgspec.Struct]:
        return self._checker.structs[self._checked.types[operand.id].message_type]

    def _fact(self, select: Any, several: bool = False) -> str:
        struct = self._struct(select.operand)
        field = self._checker.fields[struct][select.field]
        if field.record:
            name = field.kind.__name__
            return record(name, self._language, several) if name in RECORDS else select.field
        return label_of(struct, select.field, self._labels) + self._whose(select.operand.ident_expr.name, struct)

    def _whose(self, variable: str, struct: type) -> str:
        """Within a list, of which item a fact is, unless it is of the one that is looked at or of the subject."""
        if not self._loops or variable == self._loops[-1] or struct.__name__ not in RECORDS:
            return ""
        this = ("{} itu", "that {}") if variable in self._loops else ("{} ini", "this {}")
        return self._is((" dari ", " of ")) + self._is(this).format(record(struct.__name__, self._language))

    def _dated(self, expr: Any) -> bool:
        if not expr.HasField("select_expr"):
            return False
        select = expr.select_expr
        return issubclass(self._checker.fields[self._struct(select.operand)][select.field].kind, date)
