"""What the cluster is fed: permits by the publisher that we give to agencies, and beside it what no publisher of ours would send.

Of persons who overstayed an alert must stand, unless an extension came, too. Among the rest are permits dated a year back (good)
and a year ahead, batches that were sent before, bytes that mean nothing, no value, a broken schema, and messages of 1 MB.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random

from kafka import KafkaProducer
from kafka.errors import KafkaError

from alerts.publisher import CONFIRMED, Publisher
from tests.e2e.agency import TODAY, Event, extension, overstay
from tests.kafka.reading import EVENTS

AREAS = ("15.06", "15.71", "15.01", "15.02", "15.05")
SOURCE = "imigrasi/uji"
POISON = (b"", b"\x00\xff\xfe", b"{", b'{"specversion": "9"}', b"[" * 500, "é".encode("latin-1"))
BURST = 50


class Agency:
    def __init__(self, servers: str, spool: Path, rng: Random, per_second: int, overstaying: float) -> None:
        self._servers, self._spool, self._rng = servers, spool, rng
        self._per_second, self._share = per_second, overstaying
        self.numbers = count(1)
        self._stopped = threading.Event()
        self.overstayed: set[int] = set()
        self.explained: set[int] = set()
        self.kept: list[str] = []  # ids that the publisher answered for
        self.odd: dict[str, int] = {}
        self._offices, self.elsewhere = count(1), 0  # events that another office published

    @property
    def published(self) -> int:
        return len(self.kept) + sum(self.odd.values())

    def stop(self) -> None:
        self._stopped.set()

    def office_numbers(self, number: int) -> int:
        """The first of so many persons for another office to publish; each office its own, far away from ours."""
        first = next(self._offices) * 1_000_000
        self.kept += [f"extension-{n}" for n in range(first, first + number)]
        self.elsewhere += number
        return first

    def run(self) -> None:
        """Until stopped; at its end everything that was published is confirmed."""
        publisher = Publisher(spool=self._spool, servers=self._servers)
        options = {"max_request_size": 1_100_000, "reconnect_backoff_max_ms": 200, "max_block_ms": 2000}
        with contextlib.closing(KafkaProducer(bootstrap_servers=self._servers, acks="all", **options)) as producer:
            before: list[bytes] = []
            begun = time.monotonic()
            while not self._stopped.is_set():
                burst = self._burst()
                publisher.publish_raw(burst)
                self._send_odd(producer, before)
                before = burst
                self._stopped.wait(
                    max(0, begun + (self.published - self.elsewhere) / self._per_second - time.monotonic())
                )
            producer.flush(timeout=60)
        assert publisher.flush(60) == 0, publisher.problem
        own = [id for id in self.kept if int(id.rpartition("-")[2]) < 1_000_000]
        receipts = publisher.receipts((SOURCE, id) for id in own)
        assert {receipt.state for receipt in receipts if receipt} == {CONFIRMED}
        assert None not in receipts
        publisher.close()

    def _burst(self) -> list[bytes]:
        events: list[Event] = []
        for number in (next(self.numbers) for _ in range(BURST)):
            if self._rng.random() < self._share:
                self.overstayed.add(number)
                events.append(overstay(number, self._rng.choice(AREAS)))
            else:
                events.append(extension(number) | self._clock(0.02, -366))
        for number in self._rng.sample(sorted(self.overstayed - self.explained)[-200:], k=1) if self.overstayed else ():
            self.explained.add(number)
            events.append(extension(number))
        self.kept += [event["id"] for event in events]
        return [json.dumps(event).encode() for event in events]

    def _clock(self, share: float, days: int) -> Event:
        time = f"{TODAY + timedelta(days)}T08:00:00+07:00"
        return {"time": time} if self._rng.random() < share else {}

    def _send_odd(self, producer: KafkaProducer, before: list[bytes]) -> None:
        odd: dict[str, Callable[[], list[bytes | None]]] = {
            "sent again": lambda: list(before[: self._rng.randint(1, len(before) or 1)]),
            "poison": lambda: [self._rng.choice((None, *POISON))],
            "1 MB": lambda: [self._rng.randbytes(1_000_000)],
            "1 MB of JSON": lambda: [json.dumps(self._bad() | {"pad": "x" * 1_000_000}).encode()],
            "wrong schema": lambda: [json.dumps(self._bad() | {"data": {"person": 7}}).encode()],
            "a year ahead": lambda: [json.dumps(self._bad() | self._clock(1, 366)).encode()],
        }
        weights = (30, 50, 2, 2, 30, 30)
        (what,) = self._rng.choices(list(odd), weights)
        for value in odd[what]():
            with contextlib.suppress(KafkaError):  # what arrived is read from the topic
                producer.send(EVENTS, value, key=b"any")
                self.odd[what] = self.odd.get(what, 0) + 1

    def _bad(self) -> Event:
        number = next(self.numbers)
        return extension(number) | {"id": f"bad-{number}"}
