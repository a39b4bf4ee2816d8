"""What was published, on this machine's disk before anything else happens; what became of it, when the broker has confirmed it.

One SQLite file with a rollback journal and a sync at each commit: what `put` has returned for is there after a power cut. Several
processes may put; `sending` lets one of them send. Once an event is confirmed its content is erased and only the receipt stays,
for `RECEIPT_DAYS`: the same event put again in that time is answered by its receipt and not sent again.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

STORED, CONFIRMED, REFUSED = "stored locally", "confirmed", "refused"
RECEIPT_DAYS = 90
BUSY_S = 30

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL,
    key BLOB NOT NULL, raw BLOB,            -- NULL: confirmed, and nobody's business any longer
    state TEXT NOT NULL, reason TEXT,
    topic TEXT, partition INTEGER, offset INTEGER, confirmed_at REAL,
    UNIQUE (source, id)
);
CREATE INDEX IF NOT EXISTS unsent ON events (number) WHERE state = 'stored locally';
"""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event. `partition` and `offset` are where it is in `topic`, once it is confirmed."""

    source: str
    id: str
    state: str  # STORED | CONFIRMED | REFUSED
    reason: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


class Waiting(msgspec.Struct, frozen=True):
    """An event that the broker has not confirmed."""

    number: int
    key: bytes
    raw: bytes


class Answer(msgspec.Struct, frozen=True):
    """What the broker said of an event: where it is, or why it will never take it."""

    number: int
    topic: str
    partition: int | None = None
    offset: int | None = None
    refused: str | None = None


class New(msgspec.Struct, frozen=True):
    """An event that is to be published."""

    source: str
    id: str
    key: bytes
    raw: bytes


class Spool:
    """A folder for this user only: it holds names. Each call opens the file anew: callers are any threads of any processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._open() as database:
            database.executescript(_SCHEMA)
            database.execute("DELETE FROM events WHERE confirmed_at < ?", (time.time() - RECEIPT_DAYS * 86_400,))

    def put(self, events: Sequence[New]) -> list[Receipt]:
        """Keep the events; when this returns they are on the disk. One that is here already is answered by its receipt."""
        insert = """INSERT INTO events (source, id, digest, key, raw, state) VALUES (?,?,?,?,?,?)
            ON CONFLICT DO NOTHING"""
        receipts = []
        with self._open() as database:
            for event in events:
                digest = hashlib.sha256(event.raw).digest()
                row = (event.source, event.id, digest, event.key, event.raw, STORED)
                if database.execute(insert, row).rowcount:
                    receipts.append(Receipt(source=event.source, id=event.id, state=STORED))
                else:
                    receipts.append(self._known(database, event, digest))
        return receipts

    def receipts(self, names: Iterable[tuple[str, str]]) -> list[Receipt | None]:
        """What became of events, by source and id; None where one was never put, or was confirmed long ago."""
        with self._open() as database:
            rows = [database.execute(f"{_FIELDS} {_BY_ID}", name).fetchone() for name in names]
        return [_receipt(row) if row else None for row in rows]

    def waiting(self, limit: int) -> list[Waiting]:
        """The oldest events that are not confirmed."""
        select = "SELECT number, key, raw FROM events WHERE state = 'stored locally' ORDER BY number LIMIT ?"
        with self._open() as database:
            return [Waiting(*row) for row in database.execute(select, (limit,))]

    def count(self) -> int:
        """How many events are not confirmed."""
        with self._open() as database:
            (count,) = database.execute("SELECT count(*) FROM events WHERE state = 'stored locally'").fetchone()
        return int(count)

    def answered(self, answers: Iterable[Answer]) -> None:
        """Note what the broker said; the content of what it has is erased here."""
        confirm = """UPDATE events SET state = 'confirmed', raw = NULL, topic = ?, partition = ?, offset = ?, confirmed_at = ?
            WHERE number = ?"""
        refuse = "UPDATE events SET state = 'refused', reason = ? WHERE number = ?"
        now = time.time()
        with self._open() as database:
            for it in answers:
                if it.refused is None:
                    database.execute(confirm, (it.topic, it.partition, it.offset, now, it.number))
                else:
                    database.execute(refuse, (it.refused, it.number))

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """Whether this process may send: one at a time may. kill -9 gives it free, too."""
        with (self.folder / "sending.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True

    def _known(self, database: sqlite3.Connection, event: New, digest: bytes) -> Receipt:
        row = database.execute(f"{_FIELDS}, digest {_BY_ID}", (event.source, event.id)).fetchone()
        if row[-1] == digest:
            return _receipt(row[:-1])
        reason = (
            "another event was published with this id; a correction has its own id and names this one in supersedes"
        )
        return Receipt(source=event.source, id=event.id, state=REFUSED, reason=reason)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction."""
        file = self.folder / "events.sqlite"
        with closing(sqlite3.connect(file, timeout=BUSY_S, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute("PRAGMA secure_delete = ON")
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.rollback()
                raise
            database.commit()


_FIELDS = "SELECT source, id, state, reason, topic, partition, offset"
_BY_ID = "FROM events WHERE source = ? AND id = ?"


def _receipt(row: Sequence[object]) -> Receipt:
    return Receipt(**dict(zip(Receipt.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
