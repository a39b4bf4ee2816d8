"""An agency that publishes without pause and repeats what got no answer, until it has one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from random import Random

import httpx

from tests.e2e.agency import BATCH, Event, extension, overstay
from tests.e2e.service import Service

AREAS = ("15.06", "15.71", "15.01")
LOOK_S = 0.02  # before one is repeated
PATIENCE_S = 60  # with each life of the service


class Publisher:
    """Runs from `publishing` until `finish`. What each event got is checked as it comes."""

    def __init__(self, service: Service, rng: Random) -> None:
        self._service, self._rng = service, rng
        self._numbers = count(1)
        self._stopped = threading.Event()
        self._published: list[int] = []  # persons whose permit is known to the service
        self.explained: set[int] = set()  # persons whose extension is, too
        self.answered: set[str] = set()  # ids of events
        self.refused = 0  # batches answered with 503

    @property
    def overstaying(self) -> set[int]:
        """Persons of whom an alert must stand."""
        return set(self._published) - self.explained

    def stop(self) -> None:
        """No new batch; one that was begun is repeated until it has an answer."""
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            persons = [next(self._numbers) for _ in range(self._rng.randint(1, 5))]
            late = [person for person in self.overstaying if self._rng.random() < 0.02]
            areas = [self._rng.choice(AREAS) for _ in persons]
            self._publish([*map(overstay, persons, areas), *map(extension, late)])
            self._published += persons
            self.explained.update(late)

    def _publish(self, batch: list[Event]) -> None:
        """A batch is kept whole or not at all, and one that was refused was not kept."""
        silences, life, end = 0, self._service.process, time.monotonic() + PATIENCE_S
        while (status := self._post(batch)) is None or status == "refused":
            silences += status is None
            self.refused += status == "refused"
            if self._service.process is not life:
                life, end = self._service.process, time.monotonic() + PATIENCE_S
            assert time.monotonic() < end, "no answer for so long"
            time.sleep(LOOK_S)  # polling another process, not waiting for a time
        assert status == "accepted" or silences, "what was never sent, or only refused, is no duplicate"
        self.answered.update(event["id"] for event in batch)

    def _post(self, batch: list[Event]) -> str | None:
        """accepted, duplicate or refused; None without an answer."""
        try:
            response = self._service.http.post("/api/v1/events", content=json.dumps(batch), headers=BATCH)
        except httpx.HTTPError:
            return None
        if response.status_code == 503:
            return "refused"
        (status,) = {answer["status"] for answer in response.json()["answers"]}
        assert status in ("accepted", "duplicate"), response.text
        return str(status)


@contextmanager
def publishing(service: Service, seed: int) -> Iterator[Publisher]:
    """While the block runs; afterwards everything that was begun has an answer. What failed in the publisher fails here."""
    publisher = Publisher(service, Random(seed))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(publisher.run)
        try:
            yield publisher
        finally:
            publisher.stop()
            running.result()
