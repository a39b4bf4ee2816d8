"""`exceptions` of a rule or an override, held against the published types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from alerts.core.cel_checker import Field
from alerts.core.rules import Exemption, Path
from alerts.files.lint import names_people
from alerts.files.reading import Document, Keys, Problem
from alerts.files.schema import ExceptionShape, day, parse_path

_WORDS = {str: "text", bool: "true or false", int: "a whole number", date: "a date"}
_EXAMPLES = {str: 'text in quotes, e.g. "15.06"', bool: "true or false", int: "e.g. 3", date: "e.g. 2027-06-30"}


def mistaken(document: Document, field_of: Callable[[Keys, Path], Field | None]) -> Iterator[Problem]:
    """Facts that no exception can be made by, and values that they cannot have. `field_of` tells of unknown facts itself."""
    listed = document.data.get("exceptions")
    for number, exception in enumerate(listed if isinstance(listed, list) else ()):
        where = exception.get("where") if isinstance(exception, dict) else None
        for name, values in where.items() if isinstance(where, dict) else ():
            keys: Keys = ("exceptions", number, "where", name)
            try:
                field = field_of(keys, parse_path(name))
            except ValueError:
                continue  # the schema has told
            if field is None:
                continue
            if field.many or field.kind not in _WORDS:
                yield document.problem(keys, f"{name} is not a plain fact", "a text, a date or true/false", key=True)
            elif isinstance(values, list):
                yield from _values(document, keys, field.kind, values)


def _values(document: Document, keys: Keys, kind: type, values: list[Any]) -> Iterator[Problem]:
    for place, value in enumerate(values):
        if not isinstance(value, str | int):
            continue  # the schema has told
        if not _has_type(kind, value):
            what = f"{keys[-1]} is {_WORDS[kind]}, and {value!r} is not"
            yield document.problem((*keys, place), what, _EXAMPLES[kind])
        elif isinstance(value, str) and names_people(value):
            what = f"'{value}' singles out people by who they are, which no exception may do"
            yield document.problem((*keys, place), what, "an exception by permits, places and employers only")


def _has_type(kind: type, value: Any) -> bool:
    if kind is date:
        try:
            return bool(day(value))
        except ValueError:
            return False
    return type(value) is kind


def ended(document: Document, exceptions: tuple[ExceptionShape, ...], today: date) -> Iterator[Problem]:
    """Exceptions that do nothing any more."""
    for number, exception in enumerate(exceptions):
        if exception.until < today:
            what = f"the exception ended on {exception.until}"
            yield document.problem(("exceptions", number, "until"), what, "a new date after review, or no exception")


def exemptions(shapes: tuple[ExceptionShape, ...]) -> tuple[Exemption, ...]:
    """The checked exceptions as the core knows them."""
    return tuple(
        Exemption(e.reason, e.until, tuple((parse_path(name), values) for name, values in e.where.items()))
        for e in shapes
    )
