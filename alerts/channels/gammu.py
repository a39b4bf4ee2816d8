"""SMS through Gammu SMSD: a daemon with a modem, spoken to through its SQLite database (schema 17, Gammu 1.36 and
later).

A row in `outbox` is the hand-off, in one transaction, so there is no `Unknown` here: either the row is there or it is
not. Our notice id is the row's CreatorID, which makes the hand-off repeatable. What the network said stands in
`sentitems` later, one row per part; SMSD gives up after a few tries and calls it SendingError, so whoever sends asks
`status` and may send again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from alerts.channels import Never, Outcome, Sent, TryLater
from alerts.channels.text import sms_parts

BUSY_TIMEOUT_MS = 10_000
TAKEN = ("SendingOK", "SendingOKNoReport", "DeliveryOK", "DeliveryPending", "DeliveryUnknown")  # by the network


class GammuSmsd:
    """The queue of one SMSD. `database` is the file that its settings name as dbdir and database."""

    def __init__(self, database: Path) -> None:
        self._database = database

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        """See Channel.send. Queues the SMS unless it is queued or sent already; one that SMSD gave up is queued
        anew.
        """
        try:
            return await asyncio.to_thread(self._queue, address, notice, payload.decode())
        except apsw.Error as error:
            return TryLater(f"Gammu SMSD: {error}")

    async def status(self, notice: str) -> Outcome | None:
        """What the network said: None while SMSD is at it, and for a notice that it never had."""
        try:
            return await asyncio.to_thread(self._look_up, notice)
        except apsw.Error:
            return None

    def _queue(self, address: str, notice: str, text: str) -> Outcome:
        with self._open() as database, _transaction(database):
            waiting = _waiting(database, notice)
            if waiting is not None:
                return Sent(f"outbox {waiting}")
            known = _judged(database, notice)
            if known is not None and not isinstance(known, TryLater):
                return known
            return Sent(f"outbox {_insert(database, address, notice, sms_parts(text))}")

    def _look_up(self, notice: str) -> Outcome | None:
        with self._open() as database, _transaction(database):  # SMSD moves rows between the tables
            return None if _waiting(database, notice) is not None else _judged(database, notice)

    @contextmanager
    def _open(self) -> Iterator[apsw.Connection]:
        database = apsw.Connection(str(self._database), flags=apsw.SQLITE_OPEN_READWRITE)  # SMSD's, never created by us
        try:
            database.set_busy_timeout(BUSY_TIMEOUT_MS)
            yield database
        finally:
            database.close()


@contextmanager
def _transaction(database: apsw.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _waiting(database: apsw.Connection, notice: str) -> int | None:
    row = database.execute("SELECT max(ID) FROM outbox WHERE CreatorID = ?", (notice,)).fetchone()
    return row[0] if row else None


def _judged(database: apsw.Connection, notice: str) -> Outcome | None:
    """What became of the latest time that SMSD tried; ids only grow."""
    rows = list(
        database.execute(
            "SELECT ID, Status, StatusError FROM sentitems WHERE CreatorID = ?1 AND ID ="
            " (SELECT max(ID) FROM sentitems WHERE CreatorID = ?1) ORDER BY SequencePosition",
            (notice,),
        )
    )
    if not rows:
        return None
    for _, status, code in rows:
        if status == "DeliveryFailed":
            return Never(f"Gammu SMSD: DeliveryFailed {code}")
        if status not in TAKEN:
            return TryLater(f"Gammu SMSD: {status} {code}")
    return Sent(f"sentitems {rows[0][0]}")


def _insert(database: apsw.Connection, address: str, notice: str, parts: list[str]) -> int:
    # One octet tells a phone which parts belong together; from the notice id, so that a repetition is the same.
    group = hashlib.sha256(notice.encode()).hexdigest()[:2].upper()
    headers = (
        [f"050003{group}{len(parts):02X}{part:02X}" for part in range(1, len(parts) + 1)] if len(parts) > 1 else [""]
    )
    database.execute(
        "INSERT INTO outbox (CreatorID, DestinationNumber, TextDecoded, MultiPart, UDH) VALUES (?, ?, ?, ?, ?)",
        (notice, address, parts[0], "true" if len(parts) > 1 else "false", headers[0]),
    )
    row = database.last_insert_rowid()
    for position, (header, part) in enumerate(zip(headers[1:], parts[1:], strict=True), start=2):
        database.execute(
            "INSERT INTO outbox_multipart (ID, SequencePosition, UDH, TextDecoded) VALUES (?, ?, ?, ?)",
            (row, position, header, part),
        )
    return row
