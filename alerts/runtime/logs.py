"""Log lines: for people, or as JSON for programs, on the standard error; nobody is named in any of them.

Every line takes this way, ours and those of libraries, which log to the same root:

    arguments made plain -> context (which event) -> errors as kind and places -> redaction -> JSON or a line for people

What an error says is left out unless it is about the machine: messages of parsers and of our own defects quote what they choked
on. Kind and places (file, line, function) are always there. The levels are those of `logging`.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from alerts.core.ports import Unavailable
from alerts.core.privacy import values_in, without, without_forms, without_quoted
from alerts.publisher.connection import NoBroker
from alerts.store.errors import STORE_ERRORS

OURS = "lapor-dini"
_BROKERS = ("aiokafka", "kafka")  # packages whose errors tell of the network
_CONTEXT = ("event_id", "source")  # what is asked for by them has no form: an id may look like anything
_KEPT = ("timestamp", "level", "logger")

log = logging.getLogger(OURS)


def configure(*, json: bool) -> None:
    """From now on, every line of this process takes the way above."""
    logging.basicConfig(level=logging.WARNING, handlers=[handler(sys.stderr, json=json)], force=True)
    logging.captureWarnings(True)
    log.setLevel(logging.INFO)
    sys.unraisablehook = lambda it: log.error("an error that nobody could catch", exc_info=it.exc_value)
    threading.excepthook = lambda it: log.error("a thread ended", exc_info=it.exc_value)


def handler(stream: TextIO, *, json: bool) -> logging.Handler:
    """Writes lines that took the way above."""
    made = logging.StreamHandler(stream)
    made.setFormatter(_Formatter(json=json))
    return made


@contextmanager
def about(source: str | None, id: str | None) -> Iterator[None]:
    """Lines of this block say which event they are about."""
    with structlog.contextvars.bound_contextvars(source=source, event_id=id):
        yield


@contextmanager
def working_on(group: Sequence[tuple[bytes, object]]) -> Iterator[None]:
    """While these events are worked on, nothing of what they say comes through, whoever logs it in this process."""
    if id(group) in _worked_on:  # further out
        yield
        return
    _worked_on[id(group)] = _Events(group)
    try:
        yield
    finally:
        del _worked_on[id(group)]


class _Events:
    """Read only if a line is written meanwhile, and then once."""

    def __init__(self, group: Sequence[tuple[bytes, object]]) -> None:
        self._group = group
        self._values: frozenset[str] | None = None

    def values(self) -> frozenset[str]:
        if self._values is None:
            self._values = frozenset[str]().union(*(values_in(raw) for raw, _ in self._group))
        return self._values


_worked_on: dict[int, _Events] = {}


def said(error: BaseException) -> str:
    """The kind of an error; what it says in its first line too, if that is about the machine: less what a database quotes."""
    kind, words = type(error).__name__, str(error).partition("\n")[0]
    if isinstance(error, OSError):
        return f"{kind}: {words}"
    if (
        isinstance(error, (Unavailable, NoBroker, *STORE_ERRORS))
        or type(error).__module__.partition(".")[0] in _BROKERS
    ):
        return f"{kind}: {without_quoted(words)}"
    return kind


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, *, json: bool) -> None:
        shape: list[Processor] = (
            [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(ensure_ascii=False)]
            if json
            else [structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)]
        )
        super().__init__(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=json),
                structlog.contextvars.merge_contextvars,
                _places,
                _redacted,
            ],
            processors=[self.remove_processors_meta, *shape],
        )

    def format(self, record: logging.LogRecord) -> str:
        return super().format(_plain(record))


def _plain(record: logging.LogRecord) -> logging.LogRecord:
    """A copy whose message is made of text and numbers only: of anything else it says the kind."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.msg = record.msg if isinstance(record.msg, str) else _value(record.msg)
    if isinstance(record.args, Mapping):
        copy.args = {name: _value(value) for name, value in record.args.items()}
    elif record.args:
        copy.args = tuple(map(_value, record.args))
    try:
        copy.getMessage()
    except Exception:  # a library that formats wrongly; logging itself would print the arguments
        copy.msg, copy.args = record.msg if isinstance(record.msg, str) else "", ()
    return copy


def _value(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, BaseException):
        return said(value)
    return str(value) if isinstance(value, Path) else f"<{type(value).__name__}>"


def _places(logger: Any, name: str, line: EventDict) -> EventDict:
    """An error as its kinds and places, the first cause last."""
    found = line.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    seen: list[BaseException] = []
    told: list[str] = []
    while isinstance(error, BaseException) and error not in seen:
        seen.append(error)
        told.append(f"{said(error)} at {' < '.join(_frames(error)) or 'no place'}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if told:
        line["error"] = "; because of ".join(told)
    line.pop("stack_info", None)
    return line


def _frames(error: BaseException) -> Iterable[str]:
    """Innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return (f"{'/'.join(Path(f.filename).parts[-2:])}:{f.lineno} {f.name}" for f in reversed(frames[-10:]))


def _redacted(logger: Any, name: str, line: EventDict) -> EventDict:
    values = frozenset[str]().union(*(events.values() for events in list(_worked_on.values())))
    ours = line["logger"] == OURS
    for key, value in line.items():
        if key in _KEPT or not isinstance(value, str):
            continue
        text = without(value, values)
        if key not in _CONTEXT:
            text = without_forms(text if ours or key == "error" else without_quoted(text))
        line[key] = text
    return line
