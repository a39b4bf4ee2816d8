"""A transport for Faust that hands over what the client has fetched, as lists.

Faust's own way takes each record through the conductor, a queue, a stream and an agent, which costs far more than judging it.
Everything else stays Faust's: group, rebalance, commit, lifecycle. It rests on the innards of the release that is pinned in
pyproject.toml; the proofs in tests/kafka are what says that it holds.

What makes it safe:
- A batch is acknowledged when the database has it, as one number per partition: the offset after its last record.
- One batch is under way at a time. A rebalance and an end wait for it; while the database is away they do not.
- A list that does not follow what was applied before is not believed: it may have been fetched for an earlier generation of the
  group, or one before it was put aside. The broker is asked for what is missing, and only when it has none is the gap real.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faust.app import App
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import ServiceT
from yarl import URL

from alerts.runtime.applying import OTHER_TOPIC, Feeder, Partition, Read, Record, end

log = logging.getLogger("lapor-dini")

POLL_S = 1.0  # longest wait for records; what a rebalance or an end may have to wait for


class ListConsumer(driver.Consumer):
    """Faust's consumer; `_read_offset` is the offset to read next, `_acked` holds the one to commit."""

    transport: ListTransport

    def on_init(self) -> None:
        self._under_way: asyncio.Future[bool] | None = None
        self._missing: dict[TP, tuple[int, int]] = {}  # from, to: offsets that were asked for again

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Where the database is: it has what counts, whatever the group has committed."""
        await super().seek_to_committed()
        applied = await self.transport.feeder.positions()
        assigned = self.assignment()
        starts = {tp: applied.get((tp.topic, tp.partition), -1) + 1 for tp in assigned}
        ends = await self.highwaters(*assigned) if assigned else {}
        if beyond := sorted(tp for tp, start in starts.items() if start > ends[tp]):
            log.critical("the broker has less of %s than was applied: the topic was made anew, or is another broker's;"
                         " see lapor-dini kafka forget", beyond)  # fmt: skip
            end(OTHER_TOPIC)
        await self.seek_wait(starts)
        return starts

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._hand_over_next()
        except ConsumerStoppedError:
            if not self.app.should_stop:
                raise

    async def _hand_over_next(self) -> None:
        fetched, _ = await self._wait_next_records(POLL_S)
        lists = {tp: records for tp, records in (fetched or {}).items() if await self._follows(tp, records)}
        if not lists or self.should_stop:
            return
        if self.flow_active:
            self._under_way = asyncio.ensure_future(self._apply(lists))
            if await asyncio.shield(self._under_way):
                return
        await self.wait(self.can_resume_flow.wait())
        for tp in lists:
            await self._read_again(tp)

    async def _apply(self, lists: Mapping[TP, Sequence[Any]]) -> bool:
        records = [Record(r.topic, r.partition, r.offset, r.value or b"") for rs in lists.values() for r in rs]
        if not await self.transport.feeder.hand_over(records, self.suspend_flow):
            return False
        for tp, fetched in lists.items():
            self._read_offset[tp] = fetched[-1].offset + 1
            self._acked[tp] = [fetched[-1].offset + 1]
        return True

    async def _follows(self, tp: TP, records: Sequence[Any]) -> bool:
        """Whether these come next in the partition. Earlier ones may come again; the database knows them."""
        expected, first = self._read_offset[tp] or 0, records[0].offset
        if first <= expected:
            return True
        if self._missing.pop(tp, None) == (expected, first):
            log.warning("%s/%d has no offsets %d to %d: deleted before they were read, or marks of transactions",
                        tp.topic, tp.partition, expected, first - 1)  # fmt: skip
            return True
        self._missing[tp] = (expected, first)
        await self._read_again(tp)
        return False

    async def _read_again(self, tp: TP) -> None:
        """From where the partition was applied, unless it is another worker's now."""
        with contextlib.suppress(IllegalStateError):
            await self.seek_wait({tp: self._read_offset[tp] or 0})

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked.pop(tp, None)
        return acked[0] if acked else None

    async def wait_empty(self) -> None:
        if self._under_way is not None:
            await asyncio.wait([self._under_way])
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()

    async def verify_all_partitions_active(self) -> None:
        """Faust's look at every partition, every few seconds unless the group rebalances: here by what the broker says."""
        read: dict[Partition, Read] = {}
        try:
            assigned = self.assignment()
            for tp, end in (await self.highwaters(*assigned) if assigned else {}).items():
                position = await self.position(tp) or 0  # behind marks of transactions, and what was deleted
                applying = self._under_way is not None and not self._under_way.done()
                at = min(position, self._read_offset[tp] or position) if applying else position
                read[tp.topic, tp.partition] = Read(at, max(0, end - at))
        except KafkaError as error:
            log.warning("the broker did not say how much there is: %r", error)
        else:
            self.transport.feeder.progress.looked(read)


class ListTransport(driver.Transport):
    Consumer = ListConsumer

    def __init__(self, brokers: list[URL], app: App, feeder: Feeder) -> None:
        super().__init__(brokers, app)
        self.feeder = feeder
