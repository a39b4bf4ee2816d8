"""Recorded events: reading them from files for replay, and loading them into a store as history."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import msgspec

from alerts.core.events.envelope import Event
from alerts.core.events.reasons import Rejection
from alerts.runtime.intake import Read, kept_event, read_event, take
from alerts.runtime.settle import Decided
from alerts.store.database import Where, connect, from_us, stream, transaction
from alerts.store.store import Store

# An event without `receivedtime` is judged at its own time; this stands for "not received yet" while it is decoded.
_NOT_RECEIVED = datetime(9999, 1, 1, tzinfo=UTC)
TURNS_PER_COMMIT = 500

Progress = Callable[[int, int], None]


def read_lines(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """The non-empty lines of JSON Lines files with their place (`file:line`); `-` is the standard input."""
    for path in paths:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}:{number}", line.strip()


def read_recorded(
    paths: Iterable[Path], decided: Decided, refused: Callable[[str, Rejection], None]
) -> list[tuple[Event, bytes]]:
    """The recorded events in the order in which they are judged; refused ones are reported with their place."""
    events = []
    for place, raw in read_lines(paths):
        read = as_recorded(raw, decided)
        if isinstance(read, Rejection):
            refused(place, read)
        else:
            events.append((read, raw))
    events.sort(key=lambda pair: pair[0].received)  # stable: the order of the file among those received together
    return events


def read_kept(database: Where, decided: Decided) -> list[Event]:
    """The events that a service has kept, in the order in which they are judged."""
    read = kept_event(lambda: decided)
    sql = "SELECT raw, received, source, supersedes FROM events ORDER BY received, number"
    with closing(connect(database, readonly=True)) as connection:
        return [
            msgspec.structs.replace(read(raw, from_us(received), source), supersedes=supersedes)
            for raw, received, source, supersedes in stream(connection, sql)
        ]


def as_recorded(raw: bytes, decided: Decided) -> Read:
    """The event as it was received: at its `receivedtime`, else at its own time."""
    read = read_event(raw, _NOT_RECEIVED, decided, recorded=True)
    if isinstance(read, Event) and read.received == _NOT_RECEIVED:
        return msgspec.structs.replace(read, received=read.time)
    return read


def load(
    store: Store,
    decided: Decided,
    events: list[tuple[Event, bytes]],
    tell_from: datetime,
    until: datetime,
    progress: Progress,
) -> None:
    """Take recorded events into the store on a virtual clock, as if it had been running; tell officers from `tell_from` on.

    For an empty store: history that is already past is judged but told to nobody. Commits `TURNS_PER_COMMIT` turns together.
    """
    instants = _turns(store, events, until)
    done = 0
    finished = False
    while not finished:
        with transaction(store.connection):
            for _ in range(TURNS_PER_COMMIT):
                at, batch = next(instants, (None, []))
                if at is None:
                    finished = True
                    break
                taken = take(store, decided, [(raw, event) for event, raw in batch], at, tell=at >= tell_from)
                while taken.more_due:
                    taken = take(store, decided, [], at, tell=at >= tell_from)
                done += len(batch)
        progress(done, len(events))


def _turns(
    store: Store, events: list[tuple[Event, bytes]], until: datetime
) -> Iterator[tuple[datetime, list[tuple[Event, bytes]]]]:
    """Every instant at which something is to be judged, in order: receipts, and answers that change by themselves."""
    for received, batch in groupby(events, key=lambda pair: pair[0].received):
        while (due := store.register.next_due()) is not None and due < received:
            yield due, []
        yield received, list(batch)
    while (due := store.register.next_due()) is not None and due <= until:
        yield due, []
