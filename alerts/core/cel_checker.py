"""The official CEL checker over our published types.

The register's structs are described to CEL as protobuf messages (`date` as ISO text, `T | None` as a proto3 optional,
`datetime` as a timestamp), so that the checker knows every name and type a rule may use. What it has checked comes
back as a `cel.expr.CheckedExpr`; the small descriptor below reads the parts of it that we need. Its errors are turned
into words for people who write rules. Nothing is evaluated here.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from datetime import date, datetime
from typing import Any

import msgspec
from cel_expr_python import cel  # type: ignore[import-untyped]
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

PACKAGE = "lapor"
FUNCTIONS = "has, exists, all, exists_one, filter, map, size, startsWith, endsWith, contains"
_SCALARS = {bool: "bool", int: "int", str: "string", float: "double", date: "string"}
_PROTO = descriptor_pb2.FieldDescriptorProto
_PROTO_SCALARS = {
    "bool": _PROTO.TYPE_BOOL,
    "string": _PROTO.TYPE_STRING,
    "int": _PROTO.TYPE_INT64,
    "uint": _PROTO.TYPE_UINT64,
    "double": _PROTO.TYPE_DOUBLE,
    "bytes": _PROTO.TYPE_BYTES,
}


class ConditionError(msgspec.Struct, frozen=True, order=True):
    """What is wrong with a condition, at a place counted from 1 within its own text."""

    line: int
    column: int
    what: str
    write: str


class Field(msgspec.Struct, frozen=True):
    """A published field: `kind` is bool, int, str, float, date, datetime or a struct."""

    kind: type
    many: bool = False
    optional: bool = False

    @property
    def record(self) -> bool:
        """Whether it holds records rather than plain values."""
        return issubclass(self.kind, msgspec.Struct)


class Named(msgspec.Struct, frozen=True):
    """What conditions may use by a name that an admin gave it: lists of texts, and macros, which are conditions."""

    lists: dict[str, tuple[str, ...]] = {}
    macros: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.lists or name in self.macros


UNNAMED = Named()


class Checked(msgspec.Struct, frozen=True):
    """A condition that the checker accepts: CEL's tree, with the type of each node and where it stands."""

    tree: Any
    types: dict[int, Any]
    positions: dict[int, int]  # code points from the start of the source


def published(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The fields of a published type. Raises TypeError for an annotation that rules could not read."""
    return {name: _field(struct, name, hint) for name, hint in typing.get_type_hints(struct).items()}


def _field(struct: type, name: str, hint: Any) -> Field:
    optional = typing.get_origin(hint) in (types.UnionType, typing.Union)
    if optional:
        (hint,) = [part for part in typing.get_args(hint) if part is not types.NoneType]
    many = typing.get_origin(hint) is list
    if many:
        (hint,) = typing.get_args(hint)
    known = isinstance(hint, type) and (hint in _SCALARS or hint is datetime or issubclass(hint, msgspec.Struct))
    if not known or (many and (optional or hint is date)):
        raise TypeError(f"{struct.__name__}.{name}: a published field is a plain value, T | None, or a list")
    return Field(kind=hint, many=many, optional=optional)


class Checker:
    """The checker for one set of variables; make it once for all conditions that share them."""

    def __init__(self, variables: dict[str, type[msgspec.Struct]], named: Named = UNNAMED) -> None:
        self.variables, self.named = variables, named
        self.macros: dict[str, Checked | tuple[ConditionError, ...]] = {}  # those that were used, checked
        self.structs: dict[str, type[msgspec.Struct]] = {}  # by CEL name
        self.fields: dict[type, dict[str, Field]] = {}
        for struct in variables.values():
            self._publish(struct)
        self.pool = descriptor_pool.DescriptorPool()
        self.pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        messages = {struct.__name__: _message(fields) for struct, fields in self.fields.items()}
        self.pool.AddSerializedFile(_file(PACKAGE, messages).SerializeToString())
        names = {name: cel.Type(f"{PACKAGE}.{struct.__name__}") for name, struct in variables.items()}
        names |= dict.fromkeys(named.lists, cel.Type.List(cel.Type.STRING)) | dict.fromkeys(named.macros, cel.Type.BOOL)
        self.env = cel.NewEnv(self.pool, variables=names)

    def _publish(self, struct: type[msgspec.Struct]) -> None:
        if struct in self.fields:
            return
        self.structs[f"{PACKAGE}.{struct.__name__}"] = struct
        self.fields[struct] = published(struct)
        for field in self.fields[struct].values():
            if field.record:
                self._publish(field.kind)

    def check(self, source: str) -> Checked | tuple[ConditionError, ...]:
        """The typed tree of a condition, or everything the checker has to say against it."""
        try:
            # The checker reports mistakes as RuntimeError; a text that it cannot even take in raises whatever it likes.
            serialized = self.env.compile(source).serialize()
            checked = _CHECKED.FromString(any_pb2.Any.FromString(serialized).value)
        except Exception as error:
            return self._explain(source, str(error))
        return Checked(
            tree=checked.expr,
            types={entry.key: entry.value for entry in checked.type_map},
            positions={entry.key: entry.value for entry in checked.source_info.positions},
        )

    def macro(self, name: str) -> Checked | tuple[ConditionError, ...]:
        """The typed tree of a macro, checked when it is first used: only then is it known over which variables."""
        if name not in self.macros:
            self.macros[name] = self.check(self.named.macros[name])
        return self.macros[name]

    def _explain(self, source: str, message: str) -> tuple[ConditionError, ...]:
        found = []
        for line, column, what in re.findall(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", message, re.M):
            if "*error*" not in what and "<<nil>>" not in what:  # a mere consequence of an error listed beside it
                found.append(self._in_words(source, int(line), int(column), what.removesuffix(" [INVALID_ARGUMENT]")))
        return tuple(sorted(set(found))) or (ConditionError(1, 1, *_unreadable(message)),)

    def _in_words(self, source: str, line: int, column: int, what: str) -> ConditionError:
        match = re.match(r"undefined field '(.*)' not found in struct '(.*)'", what)
        if match and match[2] in self.structs:  # CEL's own messages are no facts, such as google.protobuf.Timestamp
            name, struct = match[1], self.structs[match[2]]
            return ConditionError(line, column + 1, *no_such_fact(struct.__name__, name, self.fields[struct]))
        if match := re.match(r"undeclared reference to '(.*)' \(in", what):
            return self._undeclared(source, line, column, match[1])
        if match := re.match(r"found no matching overload for '(.*)' applied to '\((.*)\)'", what):
            operator, operands = match[1].strip("_").replace("_", "").removeprefix("@"), match[2]
            told = f"“{operator}” does not work on {' and '.join(map(_type_name, _split_types(operands)))}"
            return ConditionError(line, column, told, "values of one sort on both sides")
        if match := re.match(r"Syntax error: (.*)", what):
            return ConditionError(line, column, *_syntax(source, line, column, match[1]))
        return ConditionError(max(line, 1), max(column, 1), *_unreadable(what))

    def _undeclared(self, source: str, line: int, column: int, name: str) -> ConditionError:
        if re.match(r"\s*\(", _rest(source, line, column)):
            text = _rest(source, line, 1)[: column - 1]
            return ConditionError(line, max(1, len(text) - len(name) + 1), *no_such_function(name))
        owner, _, _ = name.rpartition(".")
        root = name.split(".", maxsplit=1)[0]
        start = max(1, column - len(owner)) if owner else column  # a qualified name is reported at its last dot
        if barred(root):
            return ConditionError(line, start, *_never(root))
        return ConditionError(
            line,
            start,
            f"“{root}” is not known here",
            nearest(root, [*self.variables, *self.named.lists, *self.named.macros]),
        )


def no_such_function(name: str) -> tuple[str, str]:
    """What to say about a function that conditions do not have."""
    if name.lower() in ("now", "today", "timestamp", "duration", "date", "time") or name.startswith("get"):
        return f"“{name}” is not available: a condition has no clock", "the deadline in due, steps or keep"
    if name == "matches":
        return "“matches” is not available", "startsWith, endsWith or contains"
    return f"“{name}” is not available in a condition", f"one of {FUNCTIONS}"


# What a fact about who somebody is would be called: none is published, and none ever will be.
_WHO_SOMEBODY_IS = """
    nationality citizenship kewarganegaraan kebangsaan state negara religion faith agama ethnicity ethnic race suku etnis ras
    language bahasa name names nama sex gender kelamin age umur usia birth birthday birthdate lahir dob health kesehatan
    politics political politik"""
ALL_FACTS = "all facts: lapor-dini rules facts"


def barred(name: str) -> bool:
    """Whether a fact of this name would say who somebody is."""
    return not set(_WHO_SOMEBODY_IS.split()).isdisjoint(name.lower().split("_"))


def _never(name: str) -> tuple[str, str]:
    what = f"“{name}” is never available to rules: it says who somebody is, and not what happened"
    return what, f"a condition on permits, places and deadlines only ({ALL_FACTS})"


def no_such_fact(owner: str, name: str, known: typing.Collection[str], prefix: str = "") -> tuple[str, str]:
    """What is wrong with the name of a fact, and what to write: those that are spelt nearly so, else all of that owner."""
    if barred(name):
        return _never(name)
    near = [prefix + other for other in difflib.get_close_matches(name.lower(), known)]
    write = " or ".join(near) or "one of " + ", ".join(prefix + other for other in sorted(known))
    return f"{owner} has no fact “{name}”", f"{write} ({ALL_FACTS})"


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """What to write instead of a misspelt name: the nearest of the known ones, else all of them."""
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return near[0] if near else "one of " + ", ".join(sorted(known))


def _rest(source: str, line: int, column: int) -> str:
    lines = source.split("\n")
    return lines[line - 1][column - 1 :] if 0 < line <= len(lines) else ""


def _unreadable(message: str) -> tuple[str, str]:
    if "recursion" in message:
        return "the condition is nested too deeply", "fewer brackets, or several clauses joined by &&"
    return f"the condition cannot be read: {message.strip()[:200] or 'empty'}", "a CEL comparison such as stay.latest"


_MISTAKEN = {"and": "&&", "or": "||", "not": "!", "=": "==", "&": "&&", "|": "||", "<>": "!="}


def _syntax(source: str, line: int, column: int, what: str) -> tuple[str, str]:
    rest = _rest(source, line, column)
    before = re.findall(r"\w+(?=\s*$)", _rest(source, line, 1)[: column - 1])
    for word in (*re.findall(r"^(?:\w+|[=&|<>]+)", rest), *before):
        if word in _MISTAKEN:
            return f"“{word}” is not an operator of conditions", _MISTAKEN[word]
    if "token recognition error" in what:
        if rest[:1] in "“”‘’":
            return f"“{rest[:1]}” is not a quotation mark of conditions", "straight quotes: '…'"
        return f"“{rest[:12]}” cannot be read here", "text in straight quotes '…', names and operators"
    if "'<EOF>' expecting" in what or "missing" in what:
        return "the condition breaks off", (re.search(r"(?:expecting|missing) ('[^']+')", what) or ["", "the rest"])[1]
    if re.match(r"(h|d|wd)\b", rest) and _rest(source, line, 1)[: column - 1][-1:].isdigit():
        return "spans of time do not belong here", "the span in due, steps or keep; dates are compared only"
    return f"“{rest.split()[0] if rest.split() else ''}” does not fit here", "&& or || between two comparisons"


_TYPE_NAMES = {"bool": "true/false", "string": "text", "int": "a whole number", "double": "a decimal number"}


def _type_name(name: str) -> str:
    if name.startswith("list("):
        return "a list"
    if name.startswith(f"{PACKAGE}."):
        return f"a whole {name.removeprefix(PACKAGE + '.')}"
    return _TYPE_NAMES.get(name, "an instant" if "imestamp" in name else name)


def _split_types(text: str) -> list[str]:
    return re.findall(r"(?:[^,()]|\([^()]*(?:\([^()]*\))*[^()]*\))+", text.replace(", ", ","))


# -- protobuf descriptors: a message is {field number: (name, type)}; "?" before the type marks presence, "*" a list


def _message(fields: dict[str, Field]) -> dict[int, tuple[str, str]]:
    described = {}
    for number, (name, field) in enumerate(fields.items(), start=1):
        stamp = "google.protobuf.Timestamp" if field.kind is datetime else ""
        kind = _SCALARS.get(field.kind) or stamp or field.kind.__name__
        described[number] = (name, ("*" if field.many else "?" if field.optional else "") + kind)
    return described


def _file(package: str, messages: dict[str, dict[int, tuple[str, str]]]) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    for title, fields in messages.items():
        message = file.message_type.add(name=title)
        for number, (name, described) in fields.items():
            kind = described.lstrip("*?")
            many = described.startswith("*")
            field = message.field.add(
                name=name, number=number, label=_PROTO.LABEL_REPEATED if many else _PROTO.LABEL_OPTIONAL
            )
            if kind in _PROTO_SCALARS:
                field.type = _PROTO_SCALARS[kind]
            else:
                field.type = _PROTO.TYPE_MESSAGE
                field.type_name = f".{kind}" if "." in kind else f".{package}.{kind}"
            if described.startswith("?"):
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
    return file


# The parts of cel.expr.CheckedExpr that are read; numbers as in cel/expr/{checked,syntax}.proto.
_CHECKED_EXPR: dict[str, dict[int, tuple[str, str]]] = {
    "CheckedExpr": {3: ("type_map", "*TypeEntry"), 4: ("expr", "Expr"), 5: ("source_info", "SourceInfo")},
    "TypeEntry": {1: ("key", "int"), 2: ("value", "Type")},
    "Type": {
        3: ("primitive", "?int"),
        5: ("well_known", "?int"),
        6: ("list_type", "?ListType"),
        9: ("message_type", "?string"),
    },
    "ListType": {1: ("elem_type", "Type")},
    "SourceInfo": {4: ("positions", "*Position")},
    "Position": {1: ("key", "int"), 2: ("value", "int")},
    "Expr": {
        2: ("id", "int"),
        3: ("const_expr", "?Constant"),
        4: ("ident_expr", "?Ident"),
        5: ("select_expr", "?Select"),
        6: ("call_expr", "?Call"),
        7: ("list_expr", "?CreateList"),
        9: ("comprehension_expr", "?Comprehension"),
    },
    "Constant": {
        2: ("bool_value", "?bool"),
        3: ("int64_value", "?int"),
        5: ("double_value", "?double"),
        6: ("string_value", "?string"),
    },
    "Ident": {1: ("name", "string")},
    "Select": {1: ("operand", "Expr"), 2: ("field", "string"), 3: ("test_only", "bool")},
    "Call": {1: ("target", "?Expr"), 2: ("function", "string"), 3: ("args", "*Expr")},
    "CreateList": {1: ("elements", "*Expr")},
    "Comprehension": {
        1: ("iter_var", "string"),
        2: ("iter_range", "Expr"),
        4: ("accu_init", "Expr"),
        6: ("loop_step", "Expr"),
    },
}


def _checked_expr() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file("checked", _CHECKED_EXPR).SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("checked.CheckedExpr"))


_CHECKED = _checked_expr()
