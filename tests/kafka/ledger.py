"""The database of these proofs: values and applied offsets of one topic in a SQLite file, one transaction per batch.

It stands for PostgreSQL: it skips what it has, it can be away, and a batch can be held in it, before its transaction, inside or
after.
There is no key over the offsets, so a record that is applied twice is there twice.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from alerts.core.ports import Unavailable
from alerts.runtime.applying import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS applied (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS kept (partition INTEGER, at INTEGER, digest BLOB, worker TEXT);
"""
BUSY_S = 2.0  # then the database cannot take the batch now
LOOK_S = 0.01


class Ledger:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with closing(self._connect()) as connection:
            connection.executescript(SCHEMA)

    # as the engine

    def apply(self, records: Sequence[Record], worker: str) -> None:
        if self.away.exists():
            raise Unavailable("it is away")
        self._held(worker, "before")
        try:
            with closing(self._connect()) as connection:
                self._commit(connection, records, worker)
            self._held(worker, "after")
        except sqlite3.OperationalError as error:
            raise Unavailable(str(error)) from error

    def _commit(self, connection: sqlite3.Connection, records: Sequence[Record], worker: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        following = self._following(connection)
        for record in records:
            if record.offset >= following.get(record.partition, 0):
                row = (record.partition, record.offset, digest(record.value), worker)
                connection.execute("INSERT INTO kept VALUES (?, ?, ?, ?)", row)
                following[record.partition] = record.offset + 1
        connection.executemany("REPLACE INTO applied VALUES (?, ?)", following.items())
        self._held(worker, "inside")
        connection.execute("COMMIT")

    def positions(self) -> dict[int, int]:
        """By partition, the last offset applied."""
        if self.away.exists():
            raise Unavailable("it is away")
        with closing(self._connect()) as connection:
            return {partition: at - 1 for partition, at in self._following(connection).items()}

    def _following(self, connection: sqlite3.Connection) -> dict[int, int]:
        return dict(connection.execute("SELECT partition, next FROM applied"))

    def _held(self, worker: str, where: str) -> None:
        if self._hold(worker, where).exists():
            self._holding(worker).touch()
            while self._hold(worker, where).exists():
                time.sleep(LOOK_S)  # this is the slow batch
            self._holding(worker).unlink()

    # as the proofs see it

    @property
    def away(self) -> Path:
        """While this file exists the database takes nothing."""
        return self.folder / "away"

    def hold(self, worker: str, where: str) -> None:
        """Hold the next batch of the worker, before its transaction, inside or after."""
        self._hold(worker, where).touch()

    def let_go(self, worker: str) -> None:
        for where in ("before", "inside", "after"):
            self._hold(worker, where).unlink(missing_ok=True)

    def holds(self, worker: str) -> bool:
        return self._holding(worker).exists()

    def forget(self, worker: str) -> None:
        """The worker was killed, perhaps with a batch that was held."""
        self.let_go(worker)
        self._holding(worker).unlink(missing_ok=True)

    def next(self) -> Mapping[int, int]:
        """The next offset to apply, by partition."""
        with closing(self._connect()) as connection:
            return self._following(connection)

    def copy(self, to: Path) -> None:
        with closing(self._connect()) as connection, closing(sqlite3.connect(to)) as other:
            connection.backup(other)

    def restore(self, copy: Path) -> None:
        with closing(self._connect()) as connection, closing(sqlite3.connect(copy)) as other:
            other.backup(connection)

    def kept(self) -> list[tuple[int, int, bytes]]:
        """Partition, offset and digest of everything that was applied, in order."""
        with closing(self._connect()) as connection:
            return connection.execute("SELECT partition, at, digest FROM kept ORDER BY partition, at").fetchall()

    def workers(self) -> set[str]:
        with closing(self._connect()) as connection:
            return {worker for (worker,) in connection.execute("SELECT DISTINCT worker FROM kept")}

    def _hold(self, worker: str, where: str) -> Path:
        return self.folder / f"hold-{worker}-{where}"

    def _holding(self, worker: str) -> Path:
        return self.folder / f"holding-{worker}"

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.folder / "ledger.sqlite", timeout=BUSY_S, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # processes are killed here, no power is cut
        return connection


def digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
