"""Telling other systems: changes of alerts and refused events, from the database to their topics.

The rows are there already, written with the turn that made them, so the topics are never ahead of the database. One process at a
time reads what follows the mark, waits until the broker has all of it, and moves the mark in the same transaction. A death in
between repeats messages under the same id; none is lost and none is reordered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import msgspec

from alerts.publisher.connection import Connection as Broker
from alerts.publisher.connection import NoBroker, connected, no_broker
from alerts.publisher.publisher import CLOSE_S, OPTIONS
from alerts.store.database import RELAY, Connection, Where, connect, to_us, transaction, try_lock
from alerts.store.errors import STORE_ERRORS
from alerts.store.topics import ChangeOut, RefusedOut, changes_after, mark, refused_after, set_mark

ALERTS, QUARANTINE = "lapor.alerts.v1", "lapor.quarantine.v1"
SOURCE = "kesbangpol/lapor-dini"
BATCH = 500
IDLE_S, RETRY_S = 1.0, 5.0
DELIVERED_WITHIN_MS = 15_000  # less than an idle transaction may take

log = logging.getLogger("lapor-dini")

Out = ChangeOut | RefusedOut


class Relay:
    """Runs in a thread of its own until `stop`."""

    def __init__(self, where: Where, broker: Broker) -> None:
        self._where, self._broker = where, broker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is under way is finished, or repeated by the next."""
        self._stop.set()
        self._thread.join(DELIVERED_WITHIN_MS / 1000)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._write_all()
            except NoBroker as error:
                log.error("other systems are not told: %s", error)
            except STORE_ERRORS as error:
                log.error("other systems are not told, the store cannot be read: %s", error)
            except Exception:  # a defect of ours: say so, and go on trying
                log.exception("other systems are not told")
            self._stop.wait(RETRY_S)

    def _write_all(self) -> None:
        """Until the end, or until broker or store fails."""
        from kafka import KafkaProducer  # noqa: PLC0415 - only where there is a broker

        options = OPTIONS | {"delivery_timeout_ms": DELIVERED_WITHIN_MS}
        producer = connected(self._broker, KafkaProducer, **options)
        try:
            with closing(connect(self._where)) as db:
                while not self._stop.is_set():
                    written = [write(db, topic, read, producer, self._broker) for topic, read in TOPICS]
                    if max(written) < BATCH:
                        self._stop.wait(IDLE_S)
        finally:
            producer.close(timeout=CLOSE_S)


def write(
    db: Connection, topic: str, read: Callable[[Connection, int, int], Sequence[Out]], producer: Any, broker: Broker
) -> int:
    """Write what follows the mark of a topic, at most `BATCH`; how many that were. Raises NoBroker: then nothing has moved."""
    with transaction(db):
        if not try_lock(db, RELAY):
            return 0
        rows = read(db, mark(db, topic), BATCH)
        if rows:
            _deliver(producer, topic, rows, broker)
            set_mark(db, topic, rows[-1].number)
        return len(rows)


def _deliver(producer: Any, topic: str, rows: Sequence[Out], broker: Broker) -> None:
    from kafka.errors import KafkaError  # noqa: PLC0415

    try:
        futures = [producer.send(topic, key=_key(row), value=message(row)) for row in rows]
        producer.flush(timeout=DELIVERED_WITHIN_MS / 1000)
        for future in futures:
            future.get(timeout=0)
    except KafkaError as error:
        raise no_broker(broker, error) from error


def message(row: Out) -> bytes:
    """The row as a CloudEvent."""
    if isinstance(row, ChangeOut):
        data = {name: getattr(row, name) for name in ("change", "alert", "case", "rule", "severity", "unit")}
        return _event(f"{row.alert}-{row.number}-{to_us(row.at)}", "alert.changed.v1", row.at, data)
    data = {"source": row.source, "id": row.id, "reason": row.reason}
    return _event(f"Q-{row.number}-{to_us(row.at)}", "event.quarantined.v1", row.at, data)


def _event(id: str, type: str, time: datetime, data: Mapping[str, str | int | None]) -> bytes:
    event = {"specversion": "1.0", "id": id, "source": SOURCE, "type": type, "time": time, "data": data}
    return msgspec.json.encode(event)


def _key(row: Out) -> bytes:
    """One alert, or one source, keeps its order."""
    return (row.alert if isinstance(row, ChangeOut) else row.source or "").encode()


TOPICS: tuple[tuple[str, Callable[[Connection, int, int], Sequence[Out]]], ...] = (
    (ALERTS, changes_after),
    (QUARANTINE, refused_after),
)
