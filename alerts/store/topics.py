"""What the database knows of Kafka's topics: up to where each partition was applied, and up to where its own were written.

Alert changes and refused events are numbered in the order of their commits, for turns go one after another; so a mark says what of
them other systems have been told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from alerts.core.rules import Severity
from alerts.store.database import TURN, Connection, from_us, lock, transaction

Partition = tuple[str, int]

_NONE = "0"


class ChangeOut(msgspec.Struct, frozen=True):
    """A change of an alert, as other systems are told of it: nothing that an officer wrote, no fact, and nobody named. The
    subject is a passport number and the item may be a permit's; who may know them opens the page of the alert."""

    number: int
    at: datetime
    change: str
    alert: str
    case: int  # the last part of its case number
    rule: str
    severity: str
    unit: str


class RefusedOut(msgspec.Struct, frozen=True):
    """A refused event without its contents."""

    number: int
    at: datetime
    source: str | None
    id: str | None
    reason: str


def positions(connection: Connection) -> dict[Partition, int]:
    """The last record of each partition that is in the register."""
    rows = connection.execute("SELECT topic, partition, position FROM applied")
    return {(topic, partition): position for topic, partition, position in rows}


def write_positions(connection: Connection, reached: Mapping[Partition, int]) -> None:
    """Part of the transaction that applied the records."""
    sql = (
        "INSERT INTO applied VALUES (?, ?, ?) ON CONFLICT (topic, partition) DO UPDATE SET position = excluded.position"
    )
    connection.executemany(sql, [(*partition, position) for partition, position in sorted(reached.items())])


def forget_positions(connection: Connection, topic: str) -> None:
    """Whatever is in the topic is to be read from its beginning."""
    with transaction(connection):
        lock(connection, TURN)
        connection.execute("DELETE FROM applied WHERE topic = ?", (topic,))


def changes_after(connection: Connection, number: int, limit: int) -> Sequence[ChangeOut]:
    """Changes of alerts, those of shadow rules left out, in the order in which they happened."""
    sql = (
        "SELECT c.number, c.at, c.change, c.alert, a.number, a.rule, c.severity, c.unit FROM alert_changes c"
        " JOIN alerts a ON a.id = c.alert WHERE c.number > ? AND NOT a.shadow ORDER BY c.number LIMIT ?"
    )
    return [
        ChangeOut(number, from_us(at), change, alert, case, rule, Severity(severity).name, unit)
        for number, at, change, alert, case, rule, severity, unit in connection.execute(sql, (number, limit))
    ]


def refused_after(connection: Connection, number: int, limit: int) -> Sequence[RefusedOut]:
    sql = "SELECT number, received, source, id, reason FROM quarantine WHERE number > ? ORDER BY number LIMIT ?"
    rows = connection.execute(sql, (number, limit))
    return [RefusedOut(number, from_us(received), *more) for number, received, *more in rows]


def mark(connection: Connection, topic: str) -> int:
    """The number of the last row that was written to the topic."""
    rows = connection.execute("SELECT value FROM meta WHERE name = ?", (f"written to {topic}",))
    return int(next((value for (value,) in rows), _NONE))


def set_mark(connection: Connection, topic: str, number: int) -> None:
    sql = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    connection.execute(sql, (f"written to {topic}", str(number)))
