"""A world of its own: one seed, one clock that jumps, one list of what happened.

`chance` is the only source of chance and `now` the only time; whatever is to happen lies in one heap of (instant, serial, action).
So a seed is a whole history, and the same seed says the same sentences.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from alerts.core.calendar import WIB

START = datetime(2026, 1, 5, 6, tzinfo=WIB).astimezone(UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

Action = Callable[[], object]


class World:
    """What happens at one instant happens in the order in which it was foreseen."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now = START
        self.steps: list[str] = []
        self.logged: list[str] = []  # by the logger of the program
        self.marks: Counter[str] = Counter()  # what occurred at all, over many seeds
        self._ahead: list[tuple[datetime, int, Action]] = []
        self._serial = 0

    def at(self, when: datetime, action: Action) -> None:
        self._serial += 1
        heapq.heappush(self._ahead, (max(when, self.now), self._serial, action))

    def next_at(self) -> datetime | None:
        return self._ahead[0][0] if self._ahead else None

    def act(self) -> None:
        self.now, _, action = heapq.heappop(self._ahead)
        action()

    def say(self, sentence: str) -> None:
        self.steps.append(f"{self.now.astimezone(WIB):%Y-%m-%d %H:%M:%S} {sentence}")

    def mark(self, what: str) -> None:
        self.marks[what] += 1

    def digest(self) -> str:
        """Equal for equal logs."""
        return hashlib.sha256("\n".join(self.steps).encode()).hexdigest()
