"""What goes wrong. Each seed draws its own mix; every fifth has none, so that quiet bugs show too.

A crash is a plug that is pulled: from then on nothing reaches the disk or a carrier any more. It is pulled by hooks of SQLite
itself just before or just after a commit, and by the carriers before or after they took a message.
"""

from __future__ import annotations

from random import Random
from typing import Any

import apsw

from tests.simulation.world import World

CRASHES = ("crash before commit", "crash after commit")
REFUSED = "commit refused"  # by the disk, at the last moment; the process lives
RATES = {  # of those of a mix, how often they strike when they can
    "batch twice": 0.1, "batch delayed": 0.03, "batch shuffled": 0.3,
    "crash before commit": 0.03, "crash after commit": 0.03, "crash before hand-off": 0.05, "crash in hand-off": 0.05,
    "crash while recovering": 0.4,
    "carrier refuses": 0.03, "carrier wants it later": 0.15, "carrier cannot be reached": 0.1, "reply lost": 0.1,
    "carrier breaks its promise": 0.05, "carrier gives up later": 0.2, REFUSED: 0.05,
}  # fmt: skip
SPELLS = {  # days that last: hours at least and at most
    "carrier out for long": (80, 100), "clock ahead": (1, 48), "clock behind": (1, 20), "stall": (1, 30),
    "downtime": (2, 60), "disk full": (1, 30),
}  # fmt: skip


class Crash(BaseException):
    """The process is gone. No handler of the program may take it for an error."""


class Plug:
    """Of one process. `pull_at` counts commits: the hooks see every one of the process."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.pulled = False
        self.cut_at = ""  # what struck at a commit, last
        self._at: tuple[str, int] | None = None
        connection.set_commit_hook(self._before)
        connection.set_wal_hook(self._after)

    def pull(self) -> None:
        self.pulled = True
        raise Crash

    def pull_at(self, where: str | None, commits: int) -> None:
        self._at = (where, commits) if where else None

    def check(self) -> None:
        if self.pulled:
            raise Crash

    def _before(self) -> bool:
        self.check()
        if not self._at or self._at[1] or self._at[0] == "crash after commit":
            return False
        (self.cut_at, _), self._at = self._at, None
        if self.cut_at != REFUSED:
            self.pull()
        return True

    def _after(self, *_: Any) -> int:
        if self._at and self._at[1] == 0:
            self.cut_at = self._at[0]
            self.pull()
        if self._at:
            self._at = (self._at[0], self._at[1] - 1)
        return apsw.SQLITE_OK


class Faults:
    """The mix of one seed."""

    def __init__(self, world: World) -> None:
        self._world = world
        quiet = world.seed % 5 == 0
        self.mix = [
            kind for kind in (*RATES, *SPELLS) if kind != REFUSED and not quiet and world.chance.random() < 0.35
        ]
        if (
            not quiet and Random(f"{REFUSED} {world.seed}").random() < 0.2
        ):  # drawn apart: the seeds kept stay as they were
            self.mix.append(REFUSED)
        self.on = True

    def strikes(self, kind: str) -> bool:
        struck = self.on and kind in self.mix and self._world.chance.random() < RATES[kind]
        if struck:
            self.mark(kind)
        return struck

    def mark(self, kind: str) -> None:
        self._world.mark(f"fault: {kind}")

    def crash_point(self) -> tuple[str | None, int]:
        """Where the next work on the store is to be cut off, if at all, and after how many commits.

        Drawn for the instant: more work at it, such as a restart that judges all anew, meets the same and shifts no other draw.
        """
        chance = Random(f"{self._world.seed} {self._world.now}")
        drawn = [kind for kind in (*CRASHES, REFUSED) if chance.random() < RATES[kind] and self.on and kind in self.mix]
        return (drawn[0] if drawn else None), chance.randrange(2)
