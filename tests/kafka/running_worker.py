"""A worker on a ledger, in a process of its own: `python -m tests.kafka.running_worker FOLDER NAME SETTINGS [PLANTED]`.

What its `Progress` says is written to NAME.json again and again. PLANTED is a bug that the proofs must find.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from alerts.runtime.applying import Feeder, Partition, Progress, Record
from alerts.runtime.worker import WorkerSettings, run
from tests.kafka.ledger import Ledger

SHOW_S = 0.05
LATER_S = 2.0


class Shown(msgspec.Struct):
    """What metrics would read."""

    records: int
    batches: int
    ready: bool
    lag: int
    partitions: list[str]
    quiet_s: float
    looks: int  # times that the broker said how much there is
    edits: int  # times that the engine looked at what it judges by


def show(progress: Progress, engine: Named, file: Path) -> None:
    part = file.with_suffix(".part")
    while True:
        lag = sum(read.lag for read in progress.partitions.values())
        partitions = [f"{topic}/{number}" for topic, number in sorted(progress.partitions)]
        p = progress
        shown = Shown(p.records, p.batches, p.ready, lag, partitions, p.quiet_s, p.looks, engine.edits)
        part.write_bytes(msgspec.json.encode(shown))
        part.rename(file)
        threading.Event().wait(SHOW_S)


class Forgetful(Ledger):
    """Planted: it does not know what it has applied."""

    def _following(self, connection: sqlite3.Connection) -> dict[int, int]:
        return {}


class Named:
    """The engine of one worker."""

    def __init__(self, ledger: Ledger, name: str, topic: str) -> None:
        self._ledger, self._name, self._topic = ledger, name, topic
        self.edits = 0

    def apply(self, records: Sequence[Record]) -> None:
        self._ledger.apply(records, self._name)

    def positions(self) -> Mapping[Partition, int]:
        return {(self._topic, partition): at for partition, at in self._ledger.positions().items()}

    def look(self) -> None:
        self.edits += 1


async def acknowledge_first(feeder: Feeder, records: Sequence[Record], halt: object) -> bool:
    """Planted: it acknowledges what it only means to apply."""
    threading.Timer(LATER_S, feeder._engine.apply, [records]).start()
    return True


def main(folder: Path, name: str, settings: str, planted: str) -> None:
    logging.basicConfig(level="INFO", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    ledger = Forgetful(folder) if planted == "forgetful" else Ledger(folder)
    if planted == "hasty":
        Feeder.hand_over = acknowledge_first  # type: ignore[method-assign]
    progress, given = Progress(), WorkerSettings(**msgspec.json.decode(settings))
    engine = Named(ledger, name, given.topic)
    threading.Thread(target=show, args=(progress, engine, folder / f"{name}.json"), daemon=True).start()
    run(given, engine, progress)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], "".join(sys.argv[4:]))
