"""How turns go in this process: for /metrics how long judging takes, for /readyz whether it goes on at all.

Everything else that operators watch is in the store and is counted there when asked for. Written by the thread that makes
turns, read by any other; each value is replaced whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from alerts.core.health import Turns
from alerts.core.ports import ClockOff
from alerts.runtime import clock

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_EVENTS = (0, 1, 10, 100, 1000, 5000, 15_000)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each of ours, which nobody asks for


class Meters:
    """`registry` is this process' own; `turns` says how they go."""

    def __init__(self, now: Callable[[], datetime] = clock.now) -> None:
        self.registry = CollectorRegistry()
        self.turns = Turns(now())
        self._now = now
        ProcessCollector(registry=self.registry)
        self._seconds = Histogram("lapor_dini_turn_seconds", "How long a turn took, from reading the register to its commit.",
                                  buckets=_SECONDS, registry=self.registry)  # fmt: skip
        self._events = Histogram("lapor_dini_turn_events", "Events judged together in one turn; none where time passed.",
                                 buckets=_EVENTS, registry=self.registry)  # fmt: skip
        self._failed = Counter("lapor_dini_turns_failed", "Turns that could not be committed.", registry=self.registry)

    @contextmanager
    def turn(self, events: int) -> Iterator[None]:
        """Around a turn with its commit; whatever it raises is counted and goes on."""
        before, began_at, began = self.turns, self._now(), time.perf_counter()
        self.turns = Turns(before.committed_at, began_at, before.failing_since, before.failing, before.clock_off)
        try:
            yield
        except BaseException as error:
            self._failed.inc()
            kind = type(error.__cause__ or error).__name__
            off = str(error) if isinstance(error, ClockOff) else ""
            self.turns = Turns(before.committed_at, None, before.failing_since or began_at, kind, off)
            raise
        self._seconds.observe(time.perf_counter() - began)
        self._events.observe(events)
        self.turns = Turns(self._now())
