"""A service that runs in this process, by the real clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from alerts.channels.mailbox import Mailbox
from alerts.core.ports import Answer
from alerts.runtime import clock
from alerts.runtime.service import Service
from alerts.runtime.settings import Settings, read_settings
from alerts.store.pages import AlertFilter, AlertRow, Pages
from tests.runtime.office import STATES, decisions, edit, permit
from tests.servers.databases import environment_of

TODAY = clock.today()  # the service judges by the real clock
ENDED = str(TODAY - timedelta(days=10))
THEN = f"{TODAY - timedelta(days=1)}T08:00:00"


def overstay(number: int) -> bytes:
    """A permit that ended ten days ago: `stay_expired` holds as soon as it is known."""
    return permit(number, ENDED, time=THEN, valid_from=str(TODAY - timedelta(days=300)))


class Running:
    """A service that runs, with what a test asks of it."""

    def __init__(self, settings: Settings, task: asyncio.Task[None], service: Service) -> None:
        self.settings, self.task, self.service = settings, task, service
        self.pages = Pages(settings.database)

    async def until(self, happens: Callable[[], bool], what: str) -> None:
        async with asyncio.timeout(10):
            while not happens():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)  # polling the service, not waiting for a time
        assert not self.task.done(), what

    async def accept(self, *raws: bytes) -> list[Answer]:
        """As `Service.accept`; the end of the service fails the test, instead of leaving it waiting."""
        accepting = asyncio.create_task(self.service.accept(raws))
        done, _ = await asyncio.wait({accepting, self.task}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if self.task in done:
            self.task.result()
        assert done, "no answer"
        return await accepting

    async def at_store(self, work: Callable[..., object], *values: object) -> None:
        """Do something to the store while the service does not use it."""
        await self.service._at_store(work, *values)

    async def edit(self, name: str, old: str, new: str) -> None:
        """Edit a file and wait until it is in force and everything concerned was judged."""
        before = self.service.decided
        edit(self.settings.rules, name, old, new)
        await self.until(lambda: self.service.decided is not before, "the edit is in force")
        await self.accept()

    def alert(self, *, shadow: bool = False) -> AlertRow:
        (row,) = self.pages.alerts(AlertFilter(states=STATES, rule="stay_expired", shadow=shadow), 10)
        return row

    def subjects(self) -> list[str]:
        """Of the mails that were handed over."""
        return [entry.subject for entry in reversed(Mailbox(self.settings.mailbox, "email").entries())]


@asynccontextmanager
async def running(folder: Path, root: Path) -> AsyncIterator[Running]:
    settings = read_settings({"LAPOR_RULES": str(root)} | environment_of(folder / "data"))
    service = Service(settings, decisions(root, clock.now()))
    task = asyncio.create_task(service.run())
    yield Running(settings, task, service)
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.done(), "a service that is told to stop stops"
