"""A publisher that dies half way: publishes its events, and ends by SIGKILL after the broker confirmed some, before it is noted.

`python -m tests.kafka.dying SPOOL SERVERS TOPIC COUNT`
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from alerts.publisher import Publisher
from alerts.publisher.spool import Answer, Spool

noted = Spool.answered
windows = iter(range(1, 1_000))


def dies_at_the_second_window(self: Spool, answers: Iterable[Answer]) -> None:
    if next(windows) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    noted(self, answers)


if __name__ == "__main__":
    Spool.answered = dies_at_the_second_window  # type: ignore[method-assign]
    spool, servers, topic, count = sys.argv[1:]
    publisher = Publisher(spool=Path(spool), servers=servers, source="s/s", topic=topic)
    time = datetime(2026, 1, 1, tzinfo=UTC)
    event = b'{"specversion":"1.0","source":"s/s","id":"%d","type":"feed.heartbeat.v1","time":"2026-01-01T00:00:00Z","data":{}}'
    publisher.publish_raw(event % number for number in range(int(count)))
    publisher.flush(60)
