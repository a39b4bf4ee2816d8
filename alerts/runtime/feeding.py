"""The engine as a worker feeds it: records of a topic in, one transaction that also says up to where they were applied.

Records at or below the position that the database has for their partition have been applied and are left out, whatever the broker
hands over again. Bytes that are no event go to quarantine like any other refused event.
"""

from __future__ import annotations

from collections.abc import Sequence

from alerts.core.ports import Unavailable
from alerts.runtime import clock
from alerts.runtime.applying import Partition, Record
from alerts.runtime.in_force import InForce
from alerts.runtime.intake import Read, in_turn, kept_event, read_event, take_safely
from alerts.runtime.meters import Meters
from alerts.runtime.settings import Settings
from alerts.runtime.settle import Decided
from alerts.store.errors import STORE_ERRORS
from alerts.store.store import Store
from alerts.store.topics import positions, write_positions


class Fed:
    """One worker's engine; all of it is called by one thread. Raises SchemaError, Unavailable and what STORE_ERRORS names at
    construction."""

    def __init__(self, settings: Settings, decided: Decided) -> None:
        self._store = Store(settings.database, kept_event(lambda: self.rules.decided))
        self.rules = InForce(settings.rules, decided, self._store)
        self.meters = Meters()
        self.rules.start(clock.agreed(self._store))

    def apply(self, records: Sequence[Record]) -> None:
        """All of them, or Unavailable and none."""
        with self.meters.turn(len(records)):
            now, decided = clock.agreed(self._store), self.rules.decided
            read = [(record, read_event(record.value, now, decided)) for record in records]
            in_turn(self._store, lambda: self._apply(read, decided))

    def positions(self) -> dict[Partition, int]:
        """The last offset applied of each partition. Raises Unavailable."""
        try:
            return positions(self._store.connection)
        except STORE_ERRORS as error:
            raise Unavailable(str(error)) from error

    def look(self) -> None:
        """At the files, whether they were edited. Raises Unavailable: then the edit is not in force, and is looked at again."""
        if read := self.rules.edited(clock.now()):
            try:
                self.rules.settle(read, clock.agreed(self._store))
            except STORE_ERRORS as error:
                raise Unavailable(str(error)) from error

    def _apply(self, read: Sequence[tuple[Record, Read]], decided: Decided) -> None:
        done = positions(self._store.connection)
        fresh = [(r, event) for r, event in read if r.offset > done.get((r.topic, r.partition), -1)]
        if not fresh:
            return
        take_safely(self._store, decided, [(r.value, event) for r, event in fresh], clock.now())
        reached: dict[Partition, int] = {}
        for r, _ in fresh:
            at = (r.topic, r.partition)
            reached[at] = max(r.offset, reached.get(at, -1))
        write_positions(self._store.connection, reached)
