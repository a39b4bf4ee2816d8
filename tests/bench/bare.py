"""What Faust gives by itself: `python -m tests.bench.bare HOW BROKER EVENTS` reads the topic of events and does nothing with it.

HOW is `agent` (`async for` over a stream), `take` (`noack_take`, acknowledged in order), or `lists`: our transport with an engine
that does nothing. Settings are those of a worker. Prints one line of JSON; the clock runs from the first record to the last.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Sequence
from time import perf_counter, process_time
from typing import Any, NoReturn

import faust
import uvloop
from yarl import URL

from alerts.runtime import worker
from alerts.runtime.applying import Progress, Record
from alerts.runtime.topics import EVENTS

WITHIN_S = 0.05


class Count:
    """Ends the process at the last record. As an engine, it has applied nothing before."""

    def __init__(self, wanted: int) -> None:
        self._wanted, self._seen = wanted, 0
        self._begun = self._cpu = 0.0

    def add(self, records: int) -> None:
        if not self._seen:
            self._begun, self._cpu = perf_counter(), process_time()
        self._seen += records
        if self._seen >= self._wanted:
            self._end()

    def apply(self, records: Sequence[Record]) -> None:
        self.add(len(records))

    def positions(self) -> dict[tuple[str, int], int]:
        return {}

    def look(self) -> None:
        """It judges by nothing."""

    def _end(self) -> NoReturn:
        spent = {"s": perf_counter() - self._begun, "cpu_s": process_time() - self._cpu, "events": self._seen}
        print(json.dumps(spent), flush=True)
        os._exit(0)


def app(broker: str) -> faust.App:
    """As alerts/runtime/worker.py has it, with Faust's own transport."""
    made = faust.App(
        f"bare-{uuid.uuid4()}",
        broker=[URL(f"kafka://{broker}")],
        broker_session_timeout=30.0,
        broker_heartbeat_interval=3.0,
        broker_rebalance_timeout=60.0,
        broker_commit_interval=worker.COMMIT_EVERY_S,
        broker_max_poll_records=worker.BATCH,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=worker.METADATA_EVERY_MS,
        stream_wait_empty=True,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        value_serializer="raw",
    )
    made._create_directories = lambda: None
    return made


async def run(broker: str, how: str, count: Count) -> None:
    it = app(broker)

    async def one_by_one(stream: Any) -> None:
        async for _ in stream:
            count.add(1)

    async def many(stream: Any) -> None:
        async for events in stream.noack_take(worker.BATCH, within=WITHIN_S):
            for event in events:
                event.ack()
            count.add(len(events))

    it.agent(it.topic(EVENTS, value_serializer="raw"))({"agent": one_by_one, "take": many}[how])
    await it.start()
    await it.wait_until_stopped()


def main() -> None:
    """Read to the end and print."""
    how, broker, events = sys.argv[1:]
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    count = Count(int(events))
    if how == "lists":
        settings = worker.WorkerSettings(brokers=(broker,), topic=EVENTS, group=f"bare-{uuid.uuid4()}")
        worker.run(settings, count, Progress())
    asyncio.run(run(broker, how, count))


if __name__ == "__main__":
    main()
