"""What every command needs of a terminal: lines, colours, a progress bar, dates as people type them, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from alerts.core.calendar import WIB

WRONG, UNUSABLE, NO_SERVICE = 1, 2, 3  # exit codes; see cli

err = Console(stderr=True, highlight=False, soft_wrap=True)
out = Console(highlight=False, soft_wrap=True)
if not out.is_terminal:  # a file or a program: tables are as wide as what is in them
    out.width = 1_000

Report = Callable[[int, int], None]  # done, of all


def fail(code: int, text: str) -> NoReturn:
    """Say what is wrong and end."""
    err.print(text, markup=False, style="red")
    raise typer.Exit(code)


def json_line(**values: Any) -> None:
    """One value for a program: plain JSON on a line of its own, never wrapped or coloured."""
    print(json.dumps(values, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(WIB).isoformat()
    if isinstance(value, Enum):
        return value.name
    return str(value)


@contextmanager
def progress(text: str) -> Iterator[Report]:
    """A bar on a terminal, for work that takes over a second; nothing where the output is read by a program."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(text, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def instant(text: str | None, option: str) -> datetime | None:
    """An instant: ISO 8601; without an offset it is WIB, and a date is its beginning."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        fail(UNUSABLE, f"{option}: {text!r} is no instant; write 2026-03-02 or 2026-03-02T08:00+07:00")
    return value if value.tzinfo else value.replace(tzinfo=WIB)


def day(text: str, option: str) -> date:
    """A civil date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(UNUSABLE, f"{option}: {text!r} is no date; write 2026-03-02")
