"""The rules and reviewed data in force in one process: what an edit of the files replaces, whole or not at all.

An edit is read when the files have not changed between two looks: editors write in steps, and two may write at once. A wrong one
leaves the last good set in force, and admins are told once of each time that the files are wrong, however many processes see it
and however often they are edited meanwhile. Reading needs no store; `settle` does, and whoever calls it has the store to himself.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from alerts.core.admins import Matter, notices_to_admins, refused
from alerts.runtime.settle import Decided, Read, files_fingerprint, kinds_to_judge_again, read_still
from alerts.store.store import Store

WATCH_EVERY_S = 2.0  # how often a process looks whether files were edited
REFUSED = "files refused since"  # a note in the store, so that a restart tells nothing twice

log = logging.getLogger("lapor-dini")


class InForce:
    def __init__(self, root: Path, decided: Decided, store: Store) -> None:
        self.decided = decided
        self.problems: tuple[str, ...] = ()  # why the newest edit of the files is not in force...
        self.refused_since: datetime | None = None  # ...and since when
        self._root, self._store = root, store
        self._seen = self._last = decided.fingerprint

    def start(self, now: datetime) -> None:
        """Take over what was edited while nothing ran; a start is refused while the files are wrong, so they are right again."""
        with self._store.turn():
            self._judge_again(None, self.decided, now)
            if self._store.get(REFUSED):
                self._tell_admins(self.decided, now)

    def edited(self, now: datetime) -> Read | None:
        """What the files say, right or not, if they were edited since they were read last and are still now."""
        before, self._last = self._last, files_fingerprint(self._root)
        return read_still(self._root, now) if before == self._last != self._seen else None

    def settle(self, read: Read, now: datetime) -> bool:
        """Put the edit into force, or say that it is wrong; whether it is in force."""
        decided, problems, _ = read
        with self._store.turn():
            if decided:
                self._judge_again(self.decided, decided, now)
            if bool(problems) != bool(self._store.get(REFUSED)):
                self._tell_admins(decided or self.decided, now, problems)
        if decided:
            self.decided, self.problems, self.refused_since = decided, (), None
            log.warning("rule set %s is in force", decided.settled.rules.generation)
        else:
            self.problems, self.refused_since = problems, self.refused_since or now
            log.error("the edited rules are NOT in force, the last good set is:\n%s", "\n".join(problems))
        self._seen = self._last
        return decided is not None

    def _judge_again(self, before: Decided | None, decided: Decided, now: datetime) -> None:
        """What the edit concerns, unless another process that sees the same files has said so."""
        known = self._store.get("decisions")
        if known != decided.fingerprint:
            same = before is not None and known == before.fingerprint  # as everything was judged by
            kinds = kinds_to_judge_again(before.settled if before and same else None, decided.settled)
            self._store.judge_again(kinds, now, decided.fingerprint)

    def _tell_admins(self, decided: Decided, now: datetime, problems: tuple[str, ...] = ()) -> None:
        """That the files are refused, or that they are right again."""
        generation = decided.settled.rules.generation
        matter = refused(problems, generation) if problems else Matter("mended", generation=generation)
        notices = notices_to_admins(matter, decided.settled.units, decided.policy, now)
        self._store.tell_admins(notices, REFUSED, now.isoformat() if problems else None)
