"""The register as a turn reads it, from SQLite (see `core.ports.Register`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from time import monotonic
from typing import Any

import apsw
import msgspec

from alerts.core.events.envelope import Event
from alerts.core.feeds import FeedState
from alerts.core.judgement import Held
from alerts.core.ports import AlertRef, Ref
from alerts.core.register.subject import AnySubject, decode
from alerts.store.database import Connection, from_us, json_array, to_us

RECENT_MAX = 20_000  # subjects
ALIVE_EVERY_S = 5.0  # much more often than a server ends who is silent (`postgres.FROZEN_S`)

DecodeKept = Callable[[bytes, datetime, str], Event]  # raw, received, source of an event that was accepted before


class StoredRegister:
    """Look-ups by many keys at once: the keys travel as one JSON array, so the statements stay the same and prepared."""

    def __init__(self, connection: Connection, decode_kept: DecodeKept) -> None:
        self._connection = connection
        self._decode_kept = decode_kept
        self._feeds: dict[int, tuple[bytes, FeedState]] = {}
        self._recent: dict[int, AnySubject] = {}  # as committed through `remember`
        self._version: Any = None  # of the file, as others write it
        self._alive_at = monotonic()

    def known(self, refs: Collection[Ref]) -> Mapping[Ref, int]:
        sql = "SELECT source, id, number FROM events WHERE (source, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
        return {(source, id): number for source, id, number in self._rows(sql, json_array(list(refs)))}

    def superseded(self, refs: Collection[Ref]) -> Collection[Ref]:
        sql = (
            "SELECT source, supersedes FROM events WHERE supersedes IS NOT NULL"
            " AND (source, supersedes) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
        )
        return {(source, id) for source, id in self._rows(sql, json_array(list(refs)))}

    def events(self, numbers: Collection[int]) -> Mapping[int, Event]:
        sql = (
            "SELECT number, raw, received, source FROM events e WHERE number IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM events c WHERE c.source = e.source AND c.supersedes = e.id)"
        )
        rows = self._rows(sql, json_array(list(numbers)))
        return {number: self._decode_kept(raw, from_us(received), source) for number, raw, received, source in rows}

    def find(self, identifiers: Collection[str]) -> Mapping[str, int]:
        sql = "SELECT identifier, subject FROM identifiers WHERE identifier IN (SELECT value FROM json_each(?))"
        return dict(self._rows(sql, json_array(list(identifiers))))

    def subjects(self, ids: Collection[int]) -> Mapping[int, AnySubject]:
        self._look()
        found = {id: subject for id in ids if (subject := self._recent.get(id))}
        if len(found) < len(ids):
            sql = "SELECT id, kind, entry FROM subjects WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"
            missing = json_array([id for id in ids if id not in found])
            found |= {id: decode(kind, entry) for id, kind, entry in self._rows(sql, missing)}
        return found

    def _look(self) -> None:
        """Whether somebody else wrote. On PostgreSQL the store does that, when it begins a turn."""
        if isinstance(self._connection, apsw.Connection):
            version = self._connection.pragma("data_version")
            if version != self._version:
                self.forget()
                self._version = version

    def remember(self, subjects: Iterable[AnySubject], removed: Iterable[int]) -> None:
        """What the only writer has just written need not be read and decoded again, as long as there is room."""
        for id in removed:
            self._recent.pop(id, None)
        for subject in subjects:
            self._recent.pop(subject.id, None)  # the newest stand last
            self._recent[subject.id] = subject
        if len(self._recent) > RECENT_MAX:
            self._recent = dict(islice(self._recent.items(), len(self._recent) - RECENT_MAX // 2, None))

    def forget(self) -> None:
        """After a rollback, or when the rows were written past `remember`."""
        self._recent.clear()

    def linkers(self, keys: Collection[str]) -> Collection[int]:
        sql = "SELECT DISTINCT subject FROM links WHERE target IN (SELECT value FROM json_each(?)) ORDER BY subject"
        return [id for (id,) in self._rows(sql, json_array(list(keys)))]

    def feeds(self) -> Mapping[str, FeedState]:
        found = {}
        for id, entry in self._rows("SELECT id, entry FROM subjects WHERE kind = 'feed'"):
            known, feed = self._feeds.get(id, (None, None))
            if feed is None or known != entry:  # asked for in every turn, so decoded only when it changed
                feed = decode("feed", entry).facts
                self._feeds[id] = (entry, feed)
            found[feed.source] = feed
        return found

    def due(self, now: datetime, limit: int) -> Sequence[int]:
        sql = "SELECT id FROM subjects WHERE next_change <= ? ORDER BY next_change, id LIMIT ?"
        return [id for (id,) in self._rows(sql, to_us(now), limit)]

    def waiting(self, complete_until: Mapping[str, datetime], limit: int) -> Sequence[int]:
        sql = (
            "SELECT subject, min(until) FROM json_each(?) AS complete"
            " CROSS JOIN waiting ON kind = complete.key AND until <= CAST(complete.value AS INTEGER)"
            " GROUP BY subject ORDER BY 2, 1 LIMIT ?"
        )
        marks = msgspec.json.encode({kind: to_us(until) for kind, until in complete_until.items()}).decode()
        return [id for id, _ in self._rows(sql, marks, limit)]

    def alerts(self, ids: Collection[str]) -> Mapping[str, AlertRef]:
        sql = "SELECT id, subject, rule, item FROM alerts WHERE id IN (SELECT value FROM json_each(?))"
        return {id: AlertRef(subject, rule, item) for id, subject, rule, item in self._rows(sql, json_array(list(ids)))}

    def held(self, alerts: Collection[str]) -> Held:
        holds = list(self._rows("SELECT rule, max(ended_at), count(*) > count(ended_at) FROM holds GROUP BY rule"))
        if not holds:  # as in nearly all turns
            return Held()
        sql = "SELECT alert FROM held_alerts WHERE dropped AND alert IN (SELECT value FROM json_each(?))"
        return Held(
            frozenset(rule for rule, _, now in holds if now),
            frozenset(alert for (alert,) in self._rows(sql, json_array(alerts))),
            {rule: from_us(ended) for rule, ended, _ in holds if ended is not None},
        )

    def last_turn(self) -> datetime | None:
        values = list(self._rows("SELECT value FROM meta WHERE name = 'judged_at'"))
        return datetime.fromisoformat(values[0][0]) if values else None

    def next_numbers(self) -> tuple[int, int]:
        sql = (
            "SELECT (SELECT coalesce(max(number), 0) + 1 FROM events),"
            " (SELECT CAST(value AS INTEGER) + 1 FROM meta WHERE name = 'last subject')"
        )
        ((number, subject),) = self._rows(sql)
        return number, subject

    def alive(self) -> None:
        if monotonic() - self._alive_at > ALIVE_EVERY_S and not isinstance(self._connection, apsw.Connection):
            self._alive_at = monotonic()
            list(self._rows("SELECT 1"))

    def next_due(self) -> datetime | None:
        """The next instant at which some answer changes by itself."""
        ((value,),) = self._rows("SELECT min(next_change) FROM subjects WHERE next_change IS NOT NULL")
        return None if value is None else from_us(value)

    def _rows(self, sql: str, *values: Any) -> Iterator[Any]:
        return self._connection.execute(sql, values)
