"""One walk over a checked condition: what it means, what it reads, and what in it is not allowed.

The walk keeps to a small subset of CEL that has no clock and cannot fail at run time, insists that facts which may be
missing are asked for with `has()` first, notes what is read, writes the condition back in one canonical form, and
builds closures over the msgspec structs.

Guards: every part knows which facts are certainly present when it is true and when it is false, and `a && b` judges `b`
with what `a` being true makes certain, `a || b` with what `a` being false does.

A named list is walked as its values, a macro as its own checked tree, under the same limits and guards: the canonical form knows
no names. Whatever is wrong inside one is told where the rule uses it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from alerts.core.cel_checker import Checked, Checker, ConditionError, no_such_function
from alerts.core.condition_parts import REFUSED, Clause, Literal, Part, constant, quoted
from alerts.core.condition_runs import LOOPS, METHODS, RELATIONS, SUMS, Run, macro_of, mapped

DEPTH_LIMIT = 32
NODE_LIMIT = 500
LOOP_LIMIT = 2  # exists within exists; a third would cost the cube of a list
NUMBER_LIMIT = 1_000_000_000  # so that sums cannot leave CEL's 64 bits


class Walked(msgspec.Struct, frozen=True):
    """What a walk found; if there are errors, the rest means nothing."""

    errors: tuple[ConditionError, ...]
    text: str
    reads: frozenset[str]
    literals: tuple[Literal, ...]
    clauses: tuple[Clause, ...]
    holds: Run
    names: frozenset[str]


def walk(checker: Checker, checked: Checked, source: str) -> Walked:
    """Walk a condition. Raises TooLargeError where it is beyond the limits."""
    found = _Walk(checker, checked, source)
    part = found.part(checked.tree, frozenset())
    if not found.errors and checked.types[checked.tree.id].primitive != _BOOL:
        found.refuse(checked.tree, "the condition is not true or false", "a comparison, such as stay.kind == 'ITAS'")
    errors = tuple(sorted(set(found.errors)))
    return Walked(
        errors, part.text, frozenset(found.reads), tuple(found.literals), part.clauses, part.run, frozenset(found.names)
    )


class TooLargeError(Exception):
    """The tree is deeper or larger than a rule needs."""


_BOOL, _INT = 1, 2  # cel.expr.Type.PrimitiveType


class _Walk:
    """One walk over a checked tree. Mistakes are collected, so that all of them are told at once."""

    def __init__(self, checker: Checker, checked: Checked, source: str) -> None:
        self.checker, self.checked, self.source = checker, checked, source
        self.scope = {name: name for name in checker.variables}  # variable -> the published record it stands for
        self.errors: list[ConditionError] = []
        self.reads: set[str] = set()
        self.literals: list[Literal] = []
        self.nodes = self.depth = self.loops = 0
        self.names: set[str] = set()  # lists and macros met
        self.inside: tuple[str, ...] = ()  # the macros being walked, and where the rule uses the outermost
        self.used_at = (1, 1)

    def place(self, expr: Any) -> tuple[int, int]:
        if self.inside:
            return self.used_at
        while expr.HasField("select_expr"):  # CEL places a.b at its dot; people look for the start of the name
            expr = expr.select_expr.operand
        offset = self.checked.positions.get(expr.id, 0)
        called = expr.call_expr.function
        if called and self.source[:offset].endswith(called):  # and f(x) at its bracket
            offset -= len(called)
        return self.source.count("\n", 0, offset) + 1, offset - self.source.rfind("\n", 0, offset)

    def refuse(self, expr: Any, what: str, write: str) -> Part:
        within = "".join(f"in macro “{name}”: " for name in self.inside)
        self.errors.append(ConditionError(*self.place(expr), within + what, write))
        return REFUSED

    def whole(self, expr: Any) -> bool:
        """Whether the value is a record or a list of records, which can be looked into but not compared."""
        kind = self.checked.types[expr.id]
        while kind.HasField("list_type"):
            kind = kind.list_type.elem_type
        return bool(kind.HasField("message_type"))

    def part(self, expr: Any, known: frozenset[str]) -> Part:
        self.depth += 1
        self.count(1)
        try:
            part = self._kind(expr, known)
        finally:
            self.depth -= 1
        return part if part.clauses else part._replace(clauses=(Clause(part.text, part.run),))

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > NODE_LIMIT or self.depth > DEPTH_LIMIT:
            told = "the condition is too " + ("long" if self.nodes > NODE_LIMIT else "deeply nested")
            raise TooLargeError(told + (f", with macro “{self.inside[-1]}” in it" if self.inside else ""))

    def _kind(self, expr: Any, known: frozenset[str]) -> Part:
        for kind, visit in _KINDS.items():
            if expr.HasField(kind):
                return visit(self, expr, known)
        return self.refuse(expr, "records and maps cannot be made in a condition", "a comparison of published facts")

    # -- leaves

    def constant(self, expr: Any, _: frozenset[str]) -> Part:
        value = expr.const_expr
        if value.HasField("bool_value"):
            return constant(value.bool_value, "true" if value.bool_value else "false")
        if value.HasField("int64_value") and abs(value.int64_value) <= NUMBER_LIMIT:
            return constant(value.int64_value, str(value.int64_value))
        if value.HasField("double_value") and math.isfinite(value.double_value):
            return constant(value.double_value, repr(value.double_value))
        if value.HasField("string_value"):
            text = value.string_value
            self.literals.append(Literal(text, *self.place(expr)))
            return constant(text, quoted(text))._replace(literal=text)
        if value.HasField("int64_value") or value.HasField("double_value"):
            return self.refuse(expr, "the number is too large", f"a number up to {NUMBER_LIMIT}")
        return self.refuse(
            expr, "null, bytes and unsigned numbers are not available", "has(…) for a missing fact, or 'text'"
        )

    def name(self, expr: Any, known: frozenset[str]) -> Part:
        name = expr.ident_expr.name
        if name in self.checker.named.lists:
            return self.named_list(expr, name)
        if name in self.checker.named.macros:
            return self.macro(expr, name, known)
        if name not in self.scope:
            return self.refuse(expr, f"“{name}” is not known here", "one of " + ", ".join(sorted(self.scope)))
        if self.whole(expr):
            return self.refuse(
                expr, f"“{name}” is a whole record", f"one of its facts, such as {name}.{self.example(expr)}"
            )
        return Part(run=itemgetter(name), text=name)

    def named_list(self, expr: Any, name: str) -> Part:
        self.names.add(name)
        values = self.checker.named.lists[name]
        self.count(len(values))
        self.literals += (Literal(value, *self.place(expr)) for value in values)
        return constant(list(values), "[" + ", ".join(map(quoted, values)) + "]")

    def macro(self, expr: Any, name: str, known: frozenset[str]) -> Part:
        self.names.add(name)
        if name in self.inside:
            return self.refuse(expr, f"“{name}” leads back to itself", "a condition on facts")
        used_at, outer = self.place(expr), (self.checked, self.source, self.inside)
        found = self.checker.macro(name)
        self.used_at, self.inside = used_at, (*self.inside, name)
        if isinstance(found, tuple):
            for error in found:
                self.refuse(expr, error.what, error.write)
            part = REFUSED
        else:
            self.checked, self.source = found, self.checker.named.macros[name]
            part = self.part(found.tree, known)
            if found.types[found.tree.id].primitive != _BOOL and not part.refused:
                part = self.refuse(expr, "it is not true or false", "a comparison, such as stay.kind == 'ITAS'")
        self.checked, self.source, self.inside = outer
        return part

    def example(self, expr: Any) -> str:
        return next(iter(self.checker.fields[self.checker.structs[self.checked.types[expr.id].message_type]]))

    def record(self, expr: Any, known: frozenset[str]) -> Part | None:
        """What `.field` may be asked of: a variable, or a record in a field."""
        if expr.HasField("ident_expr") and expr.ident_expr.name in self.scope and self.whole(expr):
            name = expr.ident_expr.name
            return Part(run=itemgetter(name), text=name, read=self.scope[name])
        if expr.HasField("select_expr") and not expr.select_expr.test_only and self.whole(expr):
            return self.select(expr, known)
        return None

    def select(self, expr: Any, known: frozenset[str]) -> Part:
        operand, name = expr.select_expr.operand, expr.select_expr.field
        owner = self.record(operand, known)
        if owner is None:
            self.part(operand, known)  # which tells what is wrong with it, if anything is
            return self.refuse(expr, f"“.{name}” is asked of something that has no name", "a variable before the dot")
        if owner.refused:
            return owner
        struct = self.checker.structs[self.checked.types[operand.id].message_type]
        field = self.checker.fields[struct][name]
        text, read = f"{owner.text}.{name}", f"{owner.read}.{name}"
        self.reads.add(read)
        record, get = owner.run, attrgetter(name)
        if expr.select_expr.test_only:
            if not field.optional:
                write = f"size({text}) > 0" if field.many else "the condition without it"
                return self.refuse(operand, f"{text} is never missing, so has({text}) says nothing", write)
            return Part(lambda values: get(record(values)) is not None, f"has({text})", true=frozenset((text,)))
        if field.optional and text not in known:
            return self.refuse(expr, f"{text} may be missing", f"has({text}) && …")
        run: Run = lambda values: get(record(values))  # noqa: E731
        if field.kind is date:
            run = lambda values: get(record(values)).isoformat()  # noqa: E731
        return Part(run, text, read=read, field=field)

    def listed(self, expr: Any, known: frozenset[str]) -> Part:
        parts = [self.part(element, known) for element in expr.list_expr.elements]
        if not parts:
            return self.refuse(expr, "an empty list holds nothing", "at least one value between [ and ]")
        if self.whole(expr) or not self.one_type(expr):
            return self.refuse(
                expr, "a list holds values of one sort", "only texts or only numbers, such as ['ITK', 'ITAS']"
            )
        runs = [part.run for part in parts]
        text = "[" + ", ".join(part.text for part in parts) + "]"
        if all(element.HasField("const_expr") for element in expr.list_expr.elements):
            return constant([run({}) for run in runs], text)
        return Part(lambda values: [run(values) for run in runs], text)

    def one_type(self, expr: Any) -> bool:
        kind = self.checked.types[expr.id].list_type.elem_type
        while kind.HasField("list_type"):
            kind = kind.list_type.elem_type
        return bool(kind.HasField("primitive") or kind.HasField("well_known"))

    # -- calls

    def call(self, expr: Any, known: frozenset[str]) -> Part:
        call = expr.call_expr
        args = [call.target, *call.args] if call.HasField("target") else list(call.args)
        name = call.function
        if name in _CALLS:
            return _CALLS[name](self, expr, args, known)
        if name == "_[_]":
            return self.refuse(expr, "an item cannot be picked by its place", "exists(…) over the list")
        if name.startswith("_"):
            return self.refuse(expr, f"“{name.strip('_')}” is not available", "+ or - on whole numbers")
        return self.refuse(expr, *no_such_function(name))

    def both(self, _: Any, args: list[Any], known: frozenset[str]) -> Part:
        left = self.part(args[0], known)
        right = self.part(args[1], known | left.true)
        a, b = left.run, right.run
        true, false = left.true | right.true, left.false & (left.true | right.false)
        text, clauses = f"{left.at(2)} && {right.at(2)}", left.clauses + right.clauses
        return Part(lambda values: a(values) and b(values), text, 2, true, false, clauses)

    def either(self, _: Any, args: list[Any], known: frozenset[str]) -> Part:
        left = self.part(args[0], known)
        right = self.part(args[1], known | left.false)
        a, b = left.run, right.run
        true, false = left.true & (left.false | right.true), left.false | right.false
        return Part(lambda values: a(values) or b(values), f"{left.at(1)} || {right.at(1)}", 1, true, false)

    def choice(self, _: Any, args: list[Any], known: frozenset[str]) -> Part:
        if self.whole(args[1]):
            return self.refuse(args[1], "whole records cannot be chosen", "a choice between plain facts")
        test = self.part(args[0], known)
        yes, no = self.part(args[1], known | test.true), self.part(args[2], known | test.false)
        a, b, c = test.run, yes.run, no.run
        true = (test.true | yes.true) & (test.false | no.true)
        false = (test.true | yes.false) & (test.false | no.false)
        text = f"{test.at(1)} ? {yes.at(1)} : {no.text}"
        return Part(lambda values: b(values) if a(values) else c(values), text, 0, true, false)

    def opposite(self, _: Any, args: list[Any], known: frozenset[str]) -> Part:
        part = self.part(args[0], known)
        run = part.run
        return Part(lambda values: not run(values), f"!{part.at(5)}", 5, true=part.false, false=part.true)

    def relation(self, expr: Any, args: list[Any], known: frozenset[str]) -> Part:
        for arg in args:
            if self.whole(arg):
                return self.refuse(arg, "whole records cannot be compared", "a comparison of one of their facts")
        sign, build = RELATIONS[expr.call_expr.function]
        left, right = (self.part(arg, known) for arg in args)
        for fact, other, arg in ((left, right, args[1]), (right, left, args[0])):
            dated = fact.field is not None and fact.field.kind is date and other.literal is not None
            if dated and not _DATE.fullmatch(other.literal or ""):
                self.refuse(arg, f"{fact.text} is a date, and {other.text} is not one", "a date such as '2026-03-01'")
        return Part(build(left.run, right.run), f"{left.at(3)} {sign} {right.at(4)}", 3)

    def sum(self, expr: Any, args: list[Any], known: frozenset[str]) -> Part:
        name = expr.call_expr.function
        if self.checked.types[expr.id].primitive != _INT:
            write = "a span of time in due, steps or keep, such as due: stay.valid_until + 1d"
            return self.refuse(expr, f"“{name.strip('_')}” works on whole numbers only", write)
        left = self.part(args[0], known)
        if name == "-_":
            run = left.run
            return Part(lambda values: -run(values), f"-{left.at(5)}", 5)
        sign, build = SUMS[name]
        right = self.part(args[1], known)
        return Part(build(left.run, right.run), f"{left.at(4)} {sign} {right.at(5)}", 4)

    def method(self, expr: Any, args: list[Any], known: frozenset[str]) -> Part:
        text, other = (self.part(arg, known) for arg in args)
        name = expr.call_expr.function
        return Part(METHODS[name](text.run, other.run), f"{text.at(6)}.{name}({other.text})")

    def size(self, _: Any, args: list[Any], known: frozenset[str]) -> Part:
        part = self.part(args[0], known)
        run = part.run
        return Part(lambda values: len(run(values)), f"size({part.text})")

    # -- exists, all, exists_one, filter, map: the checker hands them over expanded

    def comprehension(self, expr: Any, known: frozenset[str]) -> Part:
        loop = expr.comprehension_expr
        name = loop.iter_var
        if name in self.scope or name in self.checker.named:
            return self.refuse(expr, f"“{name}” already stands for something else", "another name")
        if self.loops == LOOP_LIMIT:
            return self.refuse(expr, f"more than {LOOP_LIMIT} lists are searched within each other", "a simpler rule")
        items = self.part(loop.iter_range, known)
        if items.refused:
            return REFUSED
        macro, test, result = macro_of(loop)
        self.scope[name] = f"{items.read}[]" if self.whole(loop.iter_range) else ""
        self.loops += 1
        passes = self.part(test, known) if test is not None else constant(True, "")
        taken = self.taken(result, known | passes.true) if macro == "map" else passes
        self.loops -= 1
        del self.scope[name]
        inside = f"{passes.text}, {taken.text}" if macro == "map" and test is not None else taken.text
        looped = (items.run, name, passes.run)
        run = mapped(*looped, taken.run) if macro == "map" else LOOPS[macro](*looped)
        return Part(run, f"{items.at(6)}.{macro}({name}, {inside})", read=items.read if macro == "filter" else "")

    def taken(self, result: Any, known: frozenset[str]) -> Part:
        if self.whole(result):
            return self.refuse(result, "map takes plain facts, not whole records", "filter, or a fact of each record")
        return self.part(result, known)


_KINDS: dict[str, Callable[[_Walk, Any, frozenset[str]], Part]] = {
    "call_expr": _Walk.call,
    "select_expr": _Walk.select,
    "const_expr": _Walk.constant,
    "ident_expr": _Walk.name,
    "list_expr": _Walk.listed,
    "comprehension_expr": _Walk.comprehension,
}
_CALLS: dict[str, Callable[[_Walk, Any, list[Any], frozenset[str]], Part]] = {
    "_&&_": _Walk.both,
    "_||_": _Walk.either,
    "_?_:_": _Walk.choice,
    "!_": _Walk.opposite,
    "-_": _Walk.sum,
    "size": _Walk.size,
    **dict.fromkeys(RELATIONS, _Walk.relation),
    **dict.fromkeys(SUMS, _Walk.sum),
    **dict.fromkeys(METHODS, _Walk.method),
}


_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
