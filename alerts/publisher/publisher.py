"""A publisher that never waits for the broker: events go to the spool, a thread of its own sends what is there.

The thread makes the client (which takes as long as it takes where no broker answers), sends a window of events, notes what was
confirmed, and goes on; whatever goes wrong leaves the events in the spool, to be sent again with the same id. So an event is
sent at least once, and twice only around a crash or a broken connection; the receiver counts a repeated id as a duplicate.
"""

from __future__ import annotations

import sqlite3
import threading
import time as clock
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from alerts.publisher.connection import Connection, NoBroker, connected, no_broker
from alerts.publisher.keys import key_of
from alerts.publisher.spool import REFUSED, Answer, New, Receipt, Spool, Waiting

TOPIC = "lapor.events.v1"
MAX_EVENT_BYTES = 64 * 1024  # more is refused by the service, too
WINDOW = 2_000  # events on their way at one time
IDLE_S = 1.0  # then the spool is looked at again: another process may have put something
RETRY_S, RETRY_MOST_S = 1.0, 30.0
CLOSE_S = 2.0
DELIVERY_S = 30.0
# Idempotent and acknowledged by all replicas in sync; nothing may take longer than the delivery.
OPTIONS = {
    "acks": "all",
    "enable_idempotence": True,
    "allow_auto_create_topics": False,
    "linger_ms": 5,
    "batch_size": 128 * 1024,
    "request_timeout_ms": 10_000,
    "max_block_ms": 10_000,
    "delivery_timeout_ms": round(DELIVERY_S * 1000),
}
NEVER = ("MessageSizeTooLargeError", "RecordListTooLargeError", "InvalidRecordError")  # the same at each attempt


class Problem(msgspec.Struct, frozen=True):
    """Why nothing is being sent now. Nothing is lost by it. `settings`: it will not pass by itself."""

    text: str
    settings: bool = False


class Publisher:
    """Publishes events of an office, `source`. Use it in one place of a program, as long as it runs; any thread may publish.

    `servers` is `host:port,host:port` for a broker on this machine, or a `Connection` that says how to reach one further away.
    `spool` is a folder of its own. Several processes may share it: all may publish, one of them sends.
    """

    def __init__(self, *, spool: Path, servers: str | Connection, source: str = "", topic: str = TOPIC) -> None:
        self.connection = Connection(servers=servers) if isinstance(servers, str) else servers
        if self.connection.exposed:
            raise ValueError(
                f"{self.connection.exposed[0]} is not this machine; give a Connection with SASL_SSL or SSL"
            )
        self.problem: Problem | None = None
        self._spool, self._source, self._topic = Spool(spool), source, topic
        self._stop, self._wake = threading.Event(), threading.Event()
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lapor-publisher", daemon=True)
        self._thread.start()

    def publish(
        self, type: str, time: datetime, data: dict[str, Any], *, id: str | None = None, supersedes: str | None = None
    ) -> Receipt:
        """Keep one event, and send it when the broker takes it. `id` is made here, once, where the agency has none."""
        if time.tzinfo is None:
            raise ValueError(f"time: {time} has no offset; give it a time zone, such as Asia/Jakarta")
        event = {
            "specversion": "1.0",
            "id": id or uuid4().hex,
            "source": self._source,
            "type": type,
            "time": time.isoformat(),
            "data": data,
        }
        return self.publish_raw([msgspec.json.encode(event | ({"supersedes": supersedes} if supersedes else {}))])[0]

    def publish_raw(self, events: Iterable[bytes]) -> list[Receipt]:
        """Keep CloudEvents that are made already, and send them when the broker takes them; their receipts in this order."""
        read = [_read(raw) for raw in events]
        kept = iter(self._spool.put([each for each in read if isinstance(each, New)]))
        receipts = [next(kept) if isinstance(each, New) else each for each in read]
        self._wake.set()
        return receipts

    def receipt(self, id: str) -> Receipt | None:
        """What became of an event of this office by now; None where nobody knows it."""
        return self.receipts([(self._source, id)])[0]

    def receipts(self, names: Iterable[tuple[str, str]]) -> list[Receipt | None]:
        """What became of events by now, each named by source and id."""
        return self._spool.receipts(names)

    def flush(self, timeout: float) -> int:
        """Wait until all is confirmed, or sending is of no use, or the time (seconds) is up; how many events are left."""
        deadline = clock.monotonic() + timeout
        with self._moved:
            while (left := self._spool.count()) and not (self.problem and self.problem.settings):
                remaining = deadline - clock.monotonic()
                if remaining <= 0:
                    break
                self._moved.wait(min(remaining, IDLE_S))
        return left

    def close(self, timeout: float = 10.0) -> int:
        """Flush, and end; how many events stay in the spool, for the next publisher on it to send."""
        left = self.flush(timeout)
        self._stop.set()
        self._wake.set()
        self._thread.join(CLOSE_S + 1)
        return self._spool.count() if left else 0

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        wait = RETRY_S
        while not self._stop.is_set():
            try:
                with self._spool.sending() as ours:
                    if ours:
                        self._send_all()
            except NoBroker as error:
                self._trouble(Problem(str(error), error.settings))
            except (sqlite3.Error, OSError) as error:
                self._trouble(Problem(f"{self._spool.folder}: {error}"))
            wait = min(wait * 2, RETRY_MOST_S) if self.problem else RETRY_S
            self._stop.wait(wait)

    def _send_all(self) -> None:
        """Send what is there and what comes, until the end or until something goes wrong. Raises NoBroker."""
        from kafka import KafkaProducer  # noqa: PLC0415 - takes a while, and the caller is not to wait for it

        producer = None
        try:
            while not self._stop.is_set():
                self._wake.clear()
                if window := self._spool.waiting(WINDOW):
                    producer = producer or connected(self.connection, KafkaProducer, **OPTIONS)
                    self._send(producer, window)
                else:
                    self._wake.wait(IDLE_S)
        finally:
            if producer:
                producer.close(timeout=CLOSE_S)

    def _send(self, producer: Any, window: Sequence[Waiting]) -> None:
        """Send the window, and note all that was answered before anything else. Raises NoBroker."""
        answers, failure = _answers(producer, self._topic, window)
        self._spool.answered(answers)
        if failure is None:
            self.problem = None
        with self._moved:
            self._moved.notify_all()
        if failure is not None:
            raise no_broker(self.connection, failure) from failure

    def _trouble(self, problem: Problem) -> None:
        with self._moved:
            self.problem = problem
            self._moved.notify_all()


def _answers(producer: Any, topic: str, window: Sequence[Waiting]) -> tuple[list[Answer], BaseException | None]:
    """What the broker says of each event, and the first failure that is not the event's own."""
    from kafka.errors import KafkaError  # noqa: PLC0415

    sent, answers, failure = [], [], None
    for event in window:
        try:
            sent.append((event, producer.send(topic, value=event.raw, key=event.key)))
        except KafkaError as error:
            failure = error
            break
    for event, future in sent:
        try:
            where = future.get(timeout=DELIVERY_S + 1)
            answers.append(Answer(event.number, topic, where.partition, where.offset))
        except KafkaError as error:
            if type(error).__name__ in NEVER:
                answers.append(Answer(event.number, topic, refused=str(error)))
            else:
                failure = failure or error
    return answers, failure


class _Envelope(msgspec.Struct):
    source: str
    id: str
    data: Any = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def _read(raw: bytes) -> New | Receipt:
    """What there is to keep of an event, or why it cannot be published. Whether it is right, the receiver judges."""
    if len(raw) > MAX_EVENT_BYTES:
        return _refused(f"too large: {len(raw)} bytes, and an event has {MAX_EVENT_BYTES} at most", *_names(raw))
    try:
        event = _ENVELOPE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _refused(f"no CloudEvent: {error}")
    if not event.source or not event.id:
        return _refused("no CloudEvent: source and id are empty", event.source, event.id)
    return New(event.source, event.id, key_of(event.source, event.data).encode("utf-8", "replace"), raw)


def _names(raw: bytes) -> tuple[str, str]:
    try:
        event = _ENVELOPE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    return event.source, event.id


def _refused(reason: str, source: str = "", id: str = "") -> Receipt:
    return Receipt(source=source, id=id, state=REFUSED, reason=reason)
