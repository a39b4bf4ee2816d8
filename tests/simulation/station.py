"""The embedded service in small: what `runtime.service` does with the real store, turns, plan, dispatcher and rule files, on a
clock that the world moves and without waiting. It falls when its plug is pulled, and is started anew from its file.

`runtime.service.Service` itself, its queue and its loops, is not simulated: the steps of it are repeated here, and what breaks in
it alone is not seen here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import apsw

from alerts.channels.render import Templates
from alerts.core.events.reasons import Rejection
from alerts.core.guard import Vote
from alerts.core.ports import Unavailable
from alerts.runtime.dispatcher import Dispatcher, Sender
from alerts.runtime.intake import Taken, kept_event, read_event, take_safely
from alerts.runtime.settle import Decided, kinds_to_judge_again
from alerts.store.store import Store
from tests.runtime.office import directly
from tests.simulation.carriers import Gateway, Relay
from tests.simulation.edits import SHIPPED, decisions
from tests.simulation.faults import CRASHES, Crash, Faults, Plug
from tests.simulation.model import Model
from tests.simulation.world import MINUTE, World

SENDER = Sender("Lapor Dini <lapor-dini@lapor-dini.example>", "lapor-dini.example")
TEMPLATES = Templates([SHIPPED.parent / "templates"])
T = TypeVar("T")


class Station:
    """Down, or up with a store and a dispatcher."""

    def __init__(self, path: Path, world: World, faults: Faults, model: Model) -> None:
        self.path, self._world, self._faults, self._model = path, world, faults, model
        self._loop = asyncio.new_event_loop()
        self.carriers: dict[str, Relay] = {
            "email": Relay("email", world, faults, model),
            "sms": Gateway("sms", world, faults, model),
        }
        self.offset = timedelta(0)  # of its clock
        self.stalled_until = self.retry_at = world.now
        self.files = "as shipped"  # the edit of the rules folder that lies on disk...
        self._seen = "as shipped"  # ...and the one that was read last, in force or not
        self.decided = _read("as shipped")
        self.full = self.up = self.begun = False
        self.store: Store
        self.on_start: Callable[[], None] = lambda: None  # what the last process left behind, before it is touched

    # Life and death -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """As `serve`: with the newest files that can be used, and with hand-offs in doubt settled first."""
        if not self.up:
            if decisions(self.files) is None:
                self.files = self._model.in_force  # nobody can start it with the others
            self._seen = self.files
            self._open()
            self.on_start()
            self._guarded("starts", self._begin)

    def _open(self) -> None:
        self.decided = _read(self.files)
        self.store = Store(self.path, kept_event(lambda: self.decided))
        self.store.connection.pragma("synchronous", "off")  # the machine stays up when the process dies
        self.store.connection.pragma("max_page_count", 1 if self.full else 2**30)
        self._plug = Plug(self.store.connection)
        for carrier in self.carriers.values():
            carrier.plug = self._plug
        self._dispatcher = Dispatcher(self.store.book, directly, self.carriers, TEMPLATES, SENDER)
        self.up, self.begun = True, False

    def _begin(self) -> None:
        if self.store.get("decisions") != self.decided.fingerprint:
            kinds = kinds_to_judge_again(None, self.decided.settled)
            self.store.judge_again(kinds, self.clock(), self.decided.fingerprint)
        if self.store.book.in_doubt():
            self._world.mark("notice: sending")
            if self._faults.strikes("crash while recovering"):
                self._plug.pull_at(self._world.chance.choice(CRASHES), 0)
        self._loop.run_until_complete(self._dispatcher.recover(self.clock()))
        self.begun = True

    def stop(self) -> None:
        if self.up:
            self.up = self.begun = False
            self._plug.pull_at(None, 0)
            self.store.close()

    def restart(self) -> None:
        """Stopped and started properly, which must change nothing."""
        if self.begun and decisions(self.files):
            self.stop()
            self.start()

    def close(self) -> None:
        self.stop()
        self._loop.close()

    def _fall(self, what: str) -> None:
        self._world.say(f"the process dies while it {what}")
        if self._plug.cut_at:
            self._faults.mark(self._plug.cut_at)
        self._drain()
        self.up = self.begun = False
        self.store.connection.close(True)
        chance = self._world.chance
        self._world.at(self._world.now + chance.choice((0.1, 5, 90)) * MINUTE, self.start)

    def _drain(self) -> None:
        """What was under way in the dead process must not go on in the next one."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks))
        for task in tasks:
            if not task.cancelled():
                task.exception()  # the crash is known

    def _guarded(self, what: str, action: Callable[[], T]) -> T | None:
        """None when it came to nothing: the process died, or the store could not take it now."""
        try:
            return action()
        except Crash:
            self._fall(what)
        except (apsw.Error, Unavailable) as error:
            self._world.say(f"the store fails while the process {what}: {error}")
            self._world.mark("store: failed")
            if self._plug.cut_at:
                self._faults.mark(self._plug.cut_at)
            self.retry_at = self._world.now + 30 * MINUTE
        finally:
            self._plug.pull_at(None, 0)
        return None

    # Work ---------------------------------------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """What the process takes for the time."""
        self._model.clock = self._world.now + self.offset
        return self._model.clock

    def next_at(self) -> datetime | None:
        """When there is something to do by itself."""
        if not self.up:
            return None
        due = [at - self.offset for at in (self.store.register.next_due(), self.store.book.next_due()) if at]
        if self.unread() or not self.begun:
            due.append(self._world.now)
        return max(min(due), self.stalled_until, self.retry_at, self._world.now) if due else None

    def work(self) -> None:
        """What is due by now: edited files, deadlines, notices."""
        if not self.begun:
            self._guarded("starts", self._begin)
            return
        if self.unread():
            self._guarded("takes over edited rules", self._settle)
        now, due = self.clock(), self.up and self.store.register.next_due()
        if due and due <= now:
            self._guarded("judges", lambda: self._turn([]))
        notice = self.up and self.store.book.next_due()
        if notice and notice <= now:
            self._pull_later()
            self._guarded("hands over", lambda: self._loop.run_until_complete(self._rounds()))

    def accept(self, raws: Sequence[bytes]) -> bool:
        """Whether the events were answered."""
        if not self._works():
            return False
        return self._guarded("takes events", lambda: self._turn(raws)) is not None

    def _works(self) -> bool:
        return self.up and self.begun and self.stalled_until <= self._world.now

    def ask(self) -> None:
        if self._works():
            asked = self._dispatcher.ask(self.decided.policy, self.clock())
            self._guarded("asks carriers", lambda: self._loop.run_until_complete(asked))

    def _turn(self, raws: Sequence[bytes]) -> Taken:
        now = max(self.clock(), self.store.register.last_turn() or self.clock())
        group = [(raw, read_event(raw, now, self.decided)) for raw in raws]
        self._pull_later()
        self._model.unanswered += len(raws)
        try:
            taken = take_safely(self.store, self.decided, group, now)
        except Unavailable:
            self._model.unanswered -= len(raws)  # nothing was accepted
            raise
        refs = [None if isinstance(read, Rejection) else (read.source, read.id) for _, read in group]
        self._model.unanswered -= len(raws)
        self._model.answered(refs, taken.answers)
        if raws or taken.changes:
            told = ", ".join(f"{c.change} {c.rule} {c.subject} {c.item} ({c.reason})" for c in taken.changes)
            self._world.say(f"{len(raws)} events taken; {told or 'no change'}; {len(taken.notices)} notices")
        return taken

    async def _rounds(self) -> None:
        for channel in self.carriers:
            while await self._dispatcher.round(self.decided, self.clock(), channel):
                pass

    def _pull_later(self) -> None:
        self._plug.pull_at(*self._faults.crash_point())

    # Files --------------------------------------------------------------------------------------------------------------

    def edit(self, edit: str) -> None:
        self._world.say(f"the rules folder is edited: {edit}")
        self._world.mark(f"edit: {edit}")
        self.files, self._seen = edit, ""

    def unread(self) -> bool:
        """Whether the folder has been edited since it was last read."""
        return self.files != self._seen

    def _settle(self) -> None:
        """All or nothing: with a mistake in any file the last good set stays in force."""
        decided = decisions(self.files)
        if decided is None:
            self._world.say("the edited rules are not in force")
        else:
            kinds = kinds_to_judge_again(self.decided.settled, decided.settled)
            self.store.judge_again(kinds, self.clock(), decided.fingerprint)
            self.decided = decided
        self._seen = self.files

    def vote(self, vote: Vote) -> None:
        """As the command line does."""
        self._guarded("is voted on", lambda: self.store.guard.vote(vote, self.clock()))

    def told_alerts(self) -> list[str]:
        """What officers have in their hands, by alert."""
        if not self.up:
            return []
        sql = "SELECT DISTINCT alert FROM notice_lines l JOIN notices n ON n.id = l.notice WHERE n.state = 'sent' ORDER BY 1"
        return [alert for (alert,) in self.store.connection.execute(sql)]


def _read(edit: str) -> Decided:
    decided = decisions(edit)
    assert decided is not None
    return decided
