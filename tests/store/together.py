"""What one worker does, as a process of its own: takes events in groups, and says when it has done so.

    python -m tests.store.together ADDRESS RULES FIRST STEP PAUSE

It takes the permits FIRST, FIRST + STEP, … and those that everybody takes. PAUSE is where it stops by itself, as if frozen:
`never`, `turn` (inside a turn) or `pipeline` (while it sends what the turn writes).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from alerts.runtime.intake import kept_event, read_event, take_safely
from alerts.runtime.settle import Decided
from alerts.store import postgres
from alerts.store.database import Address
from alerts.store.store import Store
from tests.runtime.office import NOW, decisions, extension, permit

EVENTS, GROUP = 60, 5


def events(first: int, step: int) -> Iterator[list[bytes]]:
    """Its own permits, and news about the persons of others that every worker hears, in groups."""
    for start in range(first, EVENTS, step * GROUP):
        own = [permit(number) for number in range(start, min(EVENTS, start + step * GROUP), step)]
        yield [*own, *(extension(number) for number in range(0, EVENTS, 7))]


class Freezing(Store):
    """Freezes once, where it is told to."""

    pause = "never"

    def _save_subjects(self, effects: object) -> None:
        if self.pause == "pipeline":
            self._freeze()
        super()._save_subjects(effects)  # type: ignore[arg-type]

    def commit(self, *arguments: object, **more: object) -> None:
        if self.pause == "turn":
            self._freeze()
        super().commit(*arguments, **more)  # type: ignore[arg-type]

    def _freeze(self) -> None:
        self.pause = "never"
        print("frozen", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)


def work(store: Store, decided: Decided, groups: Iterator[list[bytes]]) -> None:
    for group in groups:
        take_safely(store, decided, [(raw, read_event(raw, NOW, decided)) for raw in group], NOW)


def main() -> None:
    address, rules, first, step, pause = sys.argv[1:]
    decided = decisions(Path(rules))
    postgres.FROZEN_S = 1
    store = Freezing(Address(address), kept_event(lambda: decided))
    store.pause = pause
    print("ready", flush=True)
    sys.stdin.readline()
    work(store, decided, events(int(first), int(step)))
    store.close()
    print("done", flush=True)


if __name__ == "__main__":
    main()
