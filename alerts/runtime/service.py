"""The service: intake, engine and dispatcher in one process, or one of them where there are many on one database.

    accept() -> queue -> [group of events] -> take(): one transaction -> answers
    clock    -> next_change reached        -> take() of no events
    files    -> edited, and still          -> settle again; subjects concerned are due now
    outbox   -> notice due                 -> dispatcher, one loop per channel: a slow relay does not hold SMS

Work on the store is done one piece at a time, in a thread of its own (`at_store`). Any failure to commit is answered as "not
accepted, try again" and the service goes on; nothing is kept in memory that a crash could lose.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import msgspec

from alerts.channels.render import Templates
from alerts.core.ports import Answer, Unavailable
from alerts.runtime import clock
from alerts.runtime.at_store import StoreThread
from alerts.runtime.dispatcher import Dispatcher, Sender
from alerts.runtime.in_force import WATCH_EVERY_S, InForce
from alerts.runtime.intake import Taken, check, kept_event, read_event, take_safely
from alerts.runtime.meters import Meters
from alerts.runtime.settings import Settings, channels
from alerts.runtime.settle import Decided, Read
from alerts.store import book
from alerts.store.errors import STORE_ERRORS
from alerts.store.store import Store

GROUP_MAX = 5000  # events that wait are committed together, up to this many beyond one batch
LONGEST_WAIT_S = 30.0  # the clock may step: look at it at least this often
OTHERS_S = 1.0  # how often to look for notices that other processes have planned
STORE_RETRY_S = 5.0
ANSWERED_WITHIN_S = 5.0  # hand-offs under way when the process is to end; a carrier that takes longer is left in doubt
ASK_EVERY_S = 180.0  # carriers that can be asked what became of notices

log = logging.getLogger("lapor-dini")

Waiting = tuple[Sequence[bytes], asyncio.Future[list[Answer]]]


class RegisterError(Exception):
    """The register holds an entry that this version cannot read; the message says what to do."""


class Service:
    """Raises SchemaError, Unavailable and ValueError at construction, when the store or the files cannot be used at all."""

    def __init__(self, settings: Settings, decided: Decided, *, judges: bool = True, hands_over: bool = True) -> None:
        self._judges, self._hands_over = judges, hands_over
        self.meters = Meters()
        settings.data.mkdir(parents=True, exist_ok=True)
        self._store = Store(settings.database, kept_event(lambda: self.decided), _name(settings))
        self.rules = InForce(settings.rules, decided, self._store)
        self._idle_s = LONGEST_WAIT_S if isinstance(settings.database, Path) else OTHERS_S
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(maxsize=10_000)
        self._at_store = StoreThread()
        carriers = channels(settings)
        self._work, self._mail = asyncio.Event(), asyncio.Event()  # `_mail` is set once, then there is a new one
        self._channels = tuple(carriers)
        self._leaving, self._dispatching = False, list[asyncio.Task[None]]()
        templates = Templates([settings.templates])
        sender = Sender(settings.mail_from, settings.mail_domain)
        self._dispatcher = Dispatcher(self._store.book, self._at_store, carriers, templates, sender)
        self.rules.start(clock.agreed(self._store))

    @property
    def decided(self) -> Decided:
        return self.rules.decided

    async def accept(self, raws: Sequence[bytes]) -> list[Answer]:
        """Answers once the events are committed. Raises Unavailable when that was not possible; then none was accepted."""
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((raws, future))
        except asyncio.QueueFull:
            raise Unavailable("too many events are waiting") from None
        self._work.set()
        return await future

    def check(self, raws: Sequence[bytes]) -> list[Answer]:
        """What `accept` would answer as far as the events themselves go; nothing is kept."""
        return check(raws, clock.now(), self.decided)

    async def run(self) -> None:
        """Serve until cancelled. Raises RegisterError in an exception group."""
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._judges:
                    tasks.create_task(self._turns())
                if self._hands_over:
                    tasks.create_task(self._notices())
                tasks.create_task(self._watch())
        finally:
            self._at_store.close()
            self._store.close()

    # Turns --------------------------------------------------------------------------------------------------------------

    async def _turns(self) -> None:
        while True:
            group = self._next_group()
            try:
                taken, wait_s = await self._at_store(self._turn, [raw for raws, _ in group for raw in raws])
            except Unavailable as error:
                log.error("the store cannot commit, nothing was accepted: %s", error)
                _refuse(group, error)
                await _wait(self._work, STORE_RETRY_S)
                continue
            except Exception as error:
                _refuse(group, Unavailable(f"{type(error).__name__}"))
                raise
            answers = iter(taken.answers)
            for raws, future in group:
                answered = [next(answers) for _ in raws]
                if not future.done():
                    future.set_result(answered)
            if taken.notices:
                self._wake_dispatch()
            if wait_s > 0 and self._queue.empty():
                await _wait(self._work, wait_s)

    def _turn(self, raws: Sequence[bytes]) -> tuple[Taken, float]:
        """One turn, and how long until the next one is needed if nothing comes."""
        with self.meters.turn(len(raws)):
            decided = self.decided
            now = clock.agreed(self._store)
            try:
                taken = take_safely(self._store, decided, [(raw, read_event(raw, now, decided)) for raw in raws], now)
            except msgspec.DecodeError as error:
                raise RegisterError(f"the register cannot be read ({error}); run lapor-dini rebuild") from error
            if taken.more_due:
                return taken, 0.0
            try:
                due = self._store.register.next_due()
            except STORE_ERRORS:  # the turn is committed; the next one tells what is wrong
                return taken, STORE_RETRY_S
        wait = (due - clock.now()).total_seconds() if due else LONGEST_WAIT_S
        return taken, min(max(wait, 0.0), LONGEST_WAIT_S)

    def _next_group(self) -> list[Waiting]:
        """What waits, whole batches only: the rows of a file are judged together."""
        group: list[Waiting] = []
        while not self._queue.empty() and sum(len(raws) for raws, _ in group) < GROUP_MAX:
            group.append(self._queue.get_nowait())
        return group

    # Notices ------------------------------------------------------------------------------------------------------------

    async def _notices(self) -> None:
        while True:
            try:
                await self._dispatcher.recover(clock.now())
                break
            except STORE_ERRORS as error:
                log.error("the store cannot record what became of hand-offs: %s", error)
                await asyncio.sleep(STORE_RETRY_S)
        async with asyncio.TaskGroup() as tasks:
            self._dispatching = [tasks.create_task(self._dispatch(channel)) for channel in self._channels]
            tasks.create_task(self._ask())
            tasks.create_task(self._keep())

    async def _dispatch(self, channel: str) -> None:
        while not self._leaving:
            mail = self._mail
            try:
                handed = await self._dispatcher.round(self.decided, clock.now(), channel)
                if handed:
                    continue
                due = await self._dispatcher.next_due(channel)
                wait = (due - clock.now()) if due else timedelta(seconds=self._idle_s)
                wait_s = min(max(wait.total_seconds(), 0.05), self._idle_s)
            except STORE_ERRORS as error:
                log.error("the store cannot record hand-offs: %s", error)
                wait_s = STORE_RETRY_S
            await _wait(mail, wait_s)

    async def end_hand_offs(self) -> None:
        """Begin none any more, and wait a little for those under way: what has its answer need not be repeated."""
        self._leaving = True
        self._wake_dispatch()
        if self._dispatching:
            await asyncio.wait(self._dispatching, timeout=ANSWERED_WITHIN_S)

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                await self._dispatcher.ask(self.decided.policy, clock.now())
            except STORE_ERRORS as error:
                log.error("the store cannot record what became of notices: %s", error)
            self._wake_dispatch()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(book.LEASE_S / 5)
            try:
                await self._dispatcher.keep(clock.now())
            except STORE_ERRORS as error:
                log.error("the store cannot renew the lease of hand-offs: %s", error)

    def _wake_dispatch(self) -> None:
        """Every channel looks again, also one that is inside a round."""
        self._mail.set()
        self._mail = asyncio.Event()

    # Files --------------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            read = await asyncio.to_thread(self.rules.edited, clock.now())
            if read is None:
                continue
            try:
                await self._at_store(self._settle, read)
            except (Unavailable, *STORE_ERRORS) as error:
                log.error("the edited rules are not in force yet, the store cannot take them over: %s", error)
            self._work.set()
            self._wake_dispatch()

    def _settle(self, read: Read) -> None:
        self.rules.settle(read, clock.agreed(self._store))


def _name(settings: Settings) -> str:
    """Of this process among those that hand notices over. On a file there is one, and its successor settles what it left."""
    return "" if isinstance(settings.database, Path) else uuid4().hex


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, but no longer than this; it is clear afterwards."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # wait_for of Python 3.11 can swallow a cancellation
            await event.wait()
    event.clear()


def _refuse(group: list[Waiting], error: Unavailable) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
