"""Handing records from Kafka to the engine, and the numbers that say how it goes.

`Engine.apply` puts one batch into the database in one transaction together with the offsets it stands for, and skips what that
database has already. So the database alone decides what was applied, and where a worker begins to read, also after it was
restored to an earlier hour; Kafka's own offsets are given out after `apply` has returned, for those who watch the lag. A
record may be handed over many times and counts once.

A database that cannot take a batch is asked again, unready, for a bounded time; then the process ends, having acknowledged
nothing. Anything else that `apply` raises is a defect of ours and ends the process, too: the engine quarantines what it cannot
judge, so going on would mean to skip.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NoReturn, Protocol, TypeVar

import msgspec

from alerts.core.ports import Unavailable

STORE_GONE, STALLED, BROKEN, OTHER_TOPIC = (
    4,
    5,
    6,
    7,
)  # exit codes: the supervisor starts the worker again, the log says why it ended

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0

log = logging.getLogger("lapor-dini")

Partition = tuple[str, int]
T = TypeVar("T")


class Record(msgspec.Struct, frozen=True, gc=False):
    """One message as Kafka holds it. A value that is missing is empty bytes, for the engine to refuse."""

    topic: str
    partition: int
    offset: int
    value: bytes


class Engine(Protocol):
    """What the records are for. All raise Unavailable where the database cannot be used now; then nothing has happened."""

    def apply(self, records: Sequence[Record], /) -> None: ...

    def positions(self) -> Mapping[Partition, int]:
        """The last offset applied, of every partition that has one."""

    def look(self) -> None:
        """Whether that by which it judges was edited; asked now and then, also where no records come."""


class Read(msgspec.Struct, frozen=True):
    """How far one partition has been read."""

    next: int  # offset of the next record to apply
    lag: int  # records that the broker has from there on


class Progress:
    """What a worker did and has before it. Written by the worker, read by whoever shows metrics."""

    def __init__(self) -> None:
        self.records = 0  # handed over since the start, those that the database had already among them
        self.batches = 0
        self.looks = 0  # times that the broker said how much there is
        self.partitions: Mapping[Partition, Read] = {}  # those of this worker, as of the last look
        self.ready = False  # it is in the group and the database takes what it is given
        self._moved_at = monotonic()

    def applied(self, count: int) -> None:
        self.records += count
        self.batches += 1
        self._moved_at = monotonic()

    def looked(self, partitions: Mapping[Partition, Read]) -> None:
        self.partitions = partitions
        self.looks += 1
        if not any(read.lag for read in partitions.values()):
            self._moved_at = monotonic()

    @property
    def quiet_s(self) -> float:
        """Seconds since a batch was applied, or since there was none to apply."""
        return monotonic() - self._moved_at


class Watch:
    """Whether a worker stands still: it counts for how many of its ticks there was work and none was done.

    It counts ticks of its own thread instead of reading a clock, so that a process which was frozen as a whole is not blamed.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._looks = 0
        self._unheard = 0  # ticks since the broker was last heard
        self._still: dict[Partition, tuple[int, int]] = {}  # next offset, ticks since it moved

    def tick(self, progress: Progress) -> str | None:
        """What stands still, if it has for too long."""
        self._unheard = self._unheard + 1 if progress.looks == self._looks else 0
        self._looks = progress.looks
        still = {}
        for partition, read in progress.partitions.items():
            at, ticks = self._still.get(partition, (read.next, 0))
            still[partition] = (read.next, ticks + 1 if read.lag and at == read.next else 0)
        self._still = still
        if self._unheard >= self._patience:
            return "the broker was not heard"
        stuck = sorted(p for p, (_, ticks) in still.items() if ticks >= self._patience)
        return "nothing was applied of " + ", ".join(f"{topic}/{n}" for topic, n in stuck) if stuck else None


class Feeder:
    """Applies one batch at a time, in a thread of its own, which is the only one to use the database."""

    def __init__(self, engine: Engine, progress: Progress, give_up_s: float) -> None:
        self._engine, self._give_up_s = engine, give_up_s
        self._thread = ThreadPoolExecutor(1, "apply")
        self._gone_since: float | None = None
        self.progress = progress

    async def look(self) -> None:
        """Have the engine look at what it judges by, between two batches."""
        try:
            await self._at_engine(self._engine.look)
        except Unavailable as error:
            log.error("the edited rules are not in force yet, the database cannot take them over: %s", error)

    async def positions(self) -> Mapping[Partition, int]:
        """Where the database is; asked again as long as a batch would be."""
        while True:
            try:
                found = await self._at_engine(self._engine.positions)
            except Unavailable as error:
                self._unavailable(error)
            else:
                self._gone_since = None
                return found
            await asyncio.sleep(FIRST_RETRY_S)

    async def hand_over(self, records: Sequence[Record], halt: asyncio.Event) -> bool:
        """True when the database has them all, False when `halt` came first and they are to be read again."""
        wait_s = FIRST_RETRY_S
        while not halt.is_set():
            try:
                await self._at_engine(self._engine.apply, records)
            except Unavailable as error:
                self._unavailable(error)
            else:
                self._gone_since, self.progress.ready = None, True
                self.progress.applied(len(records))
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)
        return False

    async def _at_engine(self, what: Callable[..., T], *arguments: object) -> T:
        """In the thread of the database. Raises Unavailable; whatever else fails is a defect of ours and ends the process."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, what, *arguments)
        except Unavailable:
            raise
        except Exception:
            log.critical("the engine cannot go on; the defect is ours", exc_info=True)
            end(BROKEN)

    def _unavailable(self, error: Unavailable) -> None:
        self.progress.ready = False
        if self._gone_since is None:
            self._gone_since = monotonic()
            log.error("the database takes no events: %s; trying again", error)
        elif (gone_s := monotonic() - self._gone_since) > self._give_up_s:
            log.critical("the database has taken no events for %.0f s: %s; nothing was acknowledged", gone_s, error)
            end(STORE_GONE)


def end(code: int) -> NoReturn:
    """End the process at once: any ordinary way out would let Faust acknowledge, or wait for what does not come."""
    logging.shutdown()
    os._exit(code)
