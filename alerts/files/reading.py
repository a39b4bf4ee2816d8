"""YAML that people edit: text -> plain data with the place of every key and value, or every reason why not.

This is the only module that knows the YAML library. Only its event stream is used; the data are built here, which gives
places, duplicate keys and limits for free, keeps dates as text, and never meets a tag, an anchor or an alias.
"""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, RootModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

SIZE_LIMIT = 1024 * 1024  # bytes of one file
DEPTH_LIMIT = 32
TOLD_A_FILE = 50  # problems; somebody who has mended these asks again
_HALF = re.compile("[\ud800-\udfff]")
_COLON_OF_TIME, _STAND_IN = re.compile(r"(?<=\d):(?=\d)"), "\ue000"
SHOWN_MAX = 1000  # characters of a problem in words; what an admin wrote could be as long as the file

Keys = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong, where (counted from 1), and what to write instead."""

    file: str
    line: int
    column: int
    what: str
    write: str = ""

    def __str__(self) -> str:
        """In one line that any terminal, log and page can show, whatever was written in the file."""
        advice = f"; write {self.write}" if self.write else ""
        told = f"{self.file}:{self.line}:{self.column} {self.what}{advice}"
        told = told if len(told) <= SHOWN_MAX else f"{told[:SHOWN_MAX]}…"
        return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in told)


class Mark(msgspec.Struct, frozen=True):
    """Where a value starts. `style` is YAML's: "" plain, "'" or '"' quoted, "|" or ">" block."""

    line: int
    column: int
    index: int
    style: str = ""


class Document(msgspec.Struct, frozen=True):
    """A file as plain data: dict, list, str, int, float, bool, None. All keys are text."""

    file: str
    data: Any
    text: str
    marks: dict[Keys, Mark]
    keys: dict[Keys, tuple[int, int]]

    def position(self, path: Keys, key: bool = False) -> tuple[int, int]:
        """Line and column of the value at this path (or of its key), or of its nearest parent that exists."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.marks:
            path = path[:-1]
        mark = self.marks[path]
        return mark.line, mark.column

    def problem(self, path: Keys, what: str, write: str = "", key: bool = False) -> Problem:
        """A problem at this path."""
        return Problem(self.file, *self.position(path, key), what, write)

    def within(self, path: Keys, line: int, column: int) -> tuple[int, int]:
        """Where line and column of the text at this path stand in the file.

        Folding changes white space only, so the n-th other character of the value is the n-th of the source.
        """
        lines = str(_at(self.data, path)).split("\n")
        before = "".join(lines[: line - 1]) + "".join(lines[line - 1 : line])[: column - 1]
        wanted = len(re.sub(r"\s", "", before))
        mark = self.marks[path]
        index = mark.index
        if mark.style in ("|", ">"):
            index = self.text.find("\n", index) + 1
        elif mark.style:
            index += 1
        index = _nth(self.text, index, wanted, mark.style)
        return self.text.count("\n", 0, index) + 1, index - self.text.rfind("\n", 0, index)


def bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Every problem once, in order; of a file that has very many, the first and how many more there are."""
    told: list[Problem] = []
    for _, group in groupby(sorted(set(problems)), key=lambda problem: problem.file):
        found = list(group)
        told += found[:TOLD_A_FILE]
        if rest := found[TOLD_A_FILE:]:
            what = f"and {counted(len(rest), 'more problem')} in this file"
            told.append(Problem(rest[0].file, rest[0].line, rest[0].column, what))
    return tuple(told)


def counted(number: int, what: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def _at(data: Any, path: Keys) -> Any:
    for step in path:
        data = data[step]
    return data


def _nth(text: str, index: int, wanted: int, style: str) -> int:
    """The place of the wanted-th (from 0) character that is not white space; escapes of quoted text count as one."""
    while index < len(text):
        if not text[index].isspace():
            if wanted == 0:
                return index
            wanted -= 1
            escaped = (style == '"' and text[index] == "\\") or (style == "'" and text[index : index + 2] == "''")
            index += 1 if escaped else 0
        index += 1
    return len(text)


def read(path: Path, root: Path) -> Document | tuple[Problem, ...]:
    """Read a file below root. File names in problems are relative to root's parent. Never raises."""
    file = name_of(path, root)
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return (Problem(file, 1, 1, "the link leads out of the folder of rules", "the file itself"),)
        if not path.is_file():
            return (Problem(file, 1, 1, "there is no such file", "a file, or mend the link"),)
        with path.open("rb") as source:
            raw = source.read(SIZE_LIMIT + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        return (Problem(file, 1, 1, f"the file cannot be read: {error}"),)
    return parse(raw, file)


def name_of(path: Path, root: Path) -> str:
    """How a file is called in problems: relative to root's parent."""
    return path.relative_to(root.parent).as_posix() if path.is_relative_to(root.parent) else path.as_posix()


def parse(raw: bytes, file: str) -> Document | tuple[Problem, ...]:
    """Plain data and places of a YAML 1.2 text, or the problems. Never raises, whatever the bytes."""
    if len(raw) > SIZE_LIMIT:
        return (Problem(file, 1, 1, f"the file is larger than {SIZE_LIMIT // 1024} KiB", "several files"),)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lines = raw[: error.start].split(b"\n")
        return (Problem(file, len(lines), len(lines[-1]) + 1, "this is not UTF-8", "the file saved as UTF-8"),)
    try:
        builder = _Builder(file)
        if _STAND_IN in text or "e000" in text.lower():  # itself, or as an escape
            return _parse_slowly(file, text)
        # By libyaml: a thousand rules in half the time. It refuses {at: 08:00}, so such colons are covered while it reads.
        _build(builder, _uncovered(YAML(typ="safe").parse(_COLON_OF_TIME.sub(_STAND_IN, text))))
    except Exception:
        return _parse_slowly(file, text)  # which says better what is wrong
    return _document(builder, text)


def _uncovered(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, ScalarEvent) and _STAND_IN in event.value:
            event.value = event.value.replace(_STAND_IN, ":")
        yield event


def _build(builder: _Builder, events: Iterable[Event]) -> None:
    for event in events:
        builder.take(event)
        if builder.stopped:
            break


def _parse_slowly(file: str, text: str) -> Document | tuple[Problem, ...]:
    builder = _Builder(file)
    try:
        _build(builder, YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        builder.problems.append(Problem(file, line, column, f"this is not YAML: {error.problem or error.context}"))
    except Exception as error:  # control characters have no mark; the rest is the library stumbling over odd texts
        told = (str(error).splitlines() or [type(error).__name__])[0][:100]
        builder.problems.append(Problem(file, 1, 1, f"this is not YAML: {told}"))
    return _document(builder, text)


def _document(builder: _Builder, text: str) -> Document | tuple[Problem, ...]:
    if not builder.problems and () not in builder.marks:
        builder.problems.append(Problem(builder.file, 1, 1, "the file is empty"))
    if builder.problems:
        return tuple(sorted(set(builder.problems)))
    return Document(builder.file, builder.root, text, builder.marks, builder.keys)


class _Builder:
    """Events of one YAML document -> data, places and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.marks: dict[Keys, Mark] = {}
        self.keys: dict[Keys, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self.stopped = False
        self.documents = 0
        self.stack: list[tuple[Keys, dict[str, Any] | list[Any]]] = []
        self.key: str | None = None  # read, and waiting for its value

    def refuse(self, event: Event, what: str, write: str = "", stop: bool = False) -> None:
        mark = event.start_mark
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, what, write))
        self.stopped = self.stopped or stop

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(event, "a second document begins here", "one document a file, without ---", stop=True)
        elif isinstance(event, CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, AliasEvent):
            self.refuse(event, "aliases (*name) are not read", "the value itself", stop=True)
        elif isinstance(event, NodeEvent):
            self.node(event)

    def node(self, event: Any) -> None:
        if event.anchor is not None:
            self.refuse(event, "anchors (&name) are not read", "the value where it is used")
        if event.tag is not None:
            self.refuse(event, "tags (!name) are not read", "the plain value")
        if isinstance(event, ScalarEvent) and _HALF.search(event.value):  # nothing could store or show it
            self.refuse(event, "half a character (a surrogate) stands here", "the whole character")
        if self.stack and isinstance(self.stack[-1][1], dict) and self.key is None:
            self.take_key(event)
            return
        path = self.place(event)
        if isinstance(event, ScalarEvent):
            self.put(event.value if event.style else _scalar(event.value))
            return
        opened: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        self.put(opened)
        self.stack.append((path, opened))
        if len(self.stack) > DEPTH_LIMIT:
            self.refuse(event, f"nested deeper than {DEPTH_LIMIT} levels", "something flatter", stop=True)

    def take_key(self, event: Any) -> None:
        if not isinstance(event, ScalarEvent):
            self.refuse(event, "a key must be a plain word", "key: value", stop=True)
            return
        path, mapping = self.stack[-1]
        mark = event.start_mark
        if event.value in mapping:
            first = self.keys[(*path, event.value)][0]
            self.refuse(event, f"“{event.value}” is here twice, first in line {first}", "it once")
        self.keys.setdefault((*path, event.value), (mark.line + 1, mark.column + 1))
        self.key = event.value

    def place(self, event: Any) -> Keys:
        path: Keys = ()
        if self.stack:
            parent, container = self.stack[-1]
            path = (*parent, len(container) if self.key is None else self.key)
        mark = event.start_mark
        self.marks[path] = Mark(mark.line + 1, mark.column + 1, mark.index, getattr(event, "style", None) or "")
        return path

    def put(self, value: Any) -> None:
        if not self.stack:
            self.root = value
            return
        container = self.stack[-1][1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[typing.cast(str, self.key)] = value
            self.key = None


def _scalar(text: str) -> str | int | float | bool | None:
    """YAML 1.2 core schema, without hexadecimal and octal numbers, infinities and dates: those stay text."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", text):
        return float(text)
    return text


def validate(document: Document, model: type[Model]) -> tuple[Model | None, tuple[Problem, ...]]:
    """The document as this model, or every way in which it is not, in plain words."""
    try:
        return model.model_validate(document.data), ()
    except ValidationError as error:
        found = error.errors(include_url=False)
        # A list whose items were refused is reported as too short as well.
        told = (details for details in found if details["type"] != "too_short" or not details["input"])
        problems = [_in_words(document, model, details) for details in told]
        return None, tuple(sorted(set(problems)))


def _in_words(document: Document, model: type[BaseModel], details: Any) -> Problem:
    path: Keys = tuple(step for step in details["loc"] if step != "[key]")
    kind, context = details["type"], details.get("ctx", {})
    name = path[-1] if path else "the file"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(name), _known(model, path), n=1)
        write = near[0] if near else "one of " + ", ".join(_known(model, path))
        return document.problem(path, f"“{name}” is not a key here", write, key=True)
    if kind == "missing":
        return document.problem(path, f"“{name}” is missing", f"{name}: …")
    if kind in ("literal_error", "enum"):
        what = f"“{details['input']}” is not one of the known values of “{name}”"
        return document.problem(path, what, context["expected"])
    if kind in _WORDS:
        return document.problem(path, f"“{name}” {_WORDS[kind][0]}", _WORDS[kind][1](context))
    what = details["msg"].removeprefix("Value error, ")
    what, _, write = what.partition("; write ")
    return document.problem(path, what, write, key="[key]" in details["loc"])


# Of pydantic's kinds of error, what is wrong and what to write.
_WORDS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "string_type": ("must be text", lambda _: "it in quotes"),
    "bool_type": ("must be true or false", lambda _: "true or false"),
    "bool_parsing": ("must be true or false", lambda _: "true or false"),
    "int_type": ("must be a whole number", lambda _: "a number without quotes"),
    "int_parsing": ("must be a whole number", lambda _: "a number"),
    "list_type": ("must be a list", lambda _: "[one, two]"),
    "tuple_type": ("must be a list", lambda _: "[one, two]"),
    "dict_type": ("must be a mapping", lambda _: "{key: value}"),
    "model_type": ("must be a mapping", lambda _: "{key: value}"),
    "model_attributes_type": ("must be a mapping", lambda _: "{key: value}"),
    "string_too_short": ("is empty", lambda _: "something"),
    "string_too_long": ("is too long", lambda context: f"at most {context['max_length']} characters"),
    "too_short": ("is empty", lambda context: f"at least {context['min_length']}"),
    "too_long": ("has too many items", lambda context: f"at most {context['max_length']}"),
    "greater_than": ("is too small", lambda context: f"more than {context['gt']}"),
    "greater_than_equal": ("is too small", lambda context: f"{context['ge']} or more"),
    "less_than_equal": ("is too large", lambda context: f"{context['le']} or less"),
}


def _known(model: type[BaseModel], path: Keys) -> list[str]:
    """The keys of the model that the last step of this path was looked up in."""
    found: type[BaseModel] = (
        _model_in(model.model_fields["root"].annotation) if issubclass(model, RootModel) else model
    ) or model
    for step in path[:-1]:
        field = found.model_fields.get(str(step))
        found = _model_in(field.annotation) or found if field else found
    return [field.alias or name for name, field in found.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)
