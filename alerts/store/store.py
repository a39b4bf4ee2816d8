"""The store: one database that holds the events, the register, the alerts and the notices.

`commit` applies all that one batch does in one transaction; reading is `register` for turns and `book` for plans and hand-offs.
A SQLite file has one process that writes. On PostgreSQL there may be many: each makes a turn inside `turn`, which only one
process is in at a time. Any number may read through connections of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import apsw
import msgspec

from alerts.core.events.fields import EVENT_ID_PATTERN, MAX_ID_CHARS
from alerts.core.guard import Guarded
from alerts.core.judgement import Change
from alerts.core.plan import Notice
from alerts.core.ports import Effects, Officers, Saved
from alerts.core.register.subject import encode
from alerts.store.book import StoredBook, write_notices
from alerts.store.database import (
    TURN,
    Where,
    connect,
    from_us,
    json_array,
    lock,
    migrate,
    pipelined,
    to_us,
    transaction,
)
from alerts.store.guard import StoredGuardBook, write_guard
from alerts.store.register import DecodeKept, StoredRegister

_ID = re.compile(EVENT_ID_PATTERN)


class Quarantined(msgspec.Struct, frozen=True):
    """An event that was refused, with the reason in plain words."""

    received: datetime
    source: str | None
    id: str | None
    reason: str
    raw: bytes


class Store:
    """Not for concurrent use: its user makes one turn, plan or hand-off at a time. Raises SchemaError (see `database`)."""

    def __init__(self, where: Where, decode_kept: DecodeKept, sender: str = "") -> None:
        self.connection = connect(where)
        migrate(self.connection)
        self.register = StoredRegister(self.connection, decode_kept)
        self.book = StoredBook(self.connection, sender)
        self.guard = StoredGuardBook(self.connection)
        self.connection.set_rollback_hook(self.register.forget)
        self._turns = -1  # as this process committed the last one

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """What a turn reads stays as it is until its `commit`, and no other process makes one meanwhile.

        Two batches nearly always share a subject, if only the sources and the areas, so finer locks would wait as long.
        """
        if isinstance(self.connection, apsw.Connection):  # the only process
            yield
            return
        with transaction(self.connection):
            lock(self.connection, TURN)
            turns = int(self.get("turns") or 0)
            if turns != self._turns:
                self.register.forget()
            yield
            self._set("turns", str(turns + 1))
        self._turns = turns + 1

    def commit(
        self,
        effects: Effects,
        notices: Iterable[Notice],
        quarantined: Sequence[Quarantined],
        *,
        retried: bool = False,
        guarded: Guarded | None = None,
        now: datetime | None = None,
    ) -> None:
        """Everything that one batch does, in one transaction, `guarded` by what the guard decided at `now`.

        `retried`: its events come out of quarantine.
        """
        accepted, duplicates = len(effects.kept), effects.duplicates
        moved = accepted + duplicates
        counts = {
            "received": 0 if retried else moved + len(quarantined),
            "accepted": accepted,
            "duplicate": duplicates,
            "quarantined": -moved if retried else len(quarantined),
        }
        with transaction(self.connection), pipelined(self.connection):
            if effects.judged_at:
                self._set("judged_at", effects.judged_at.isoformat())
            self._keep(effects)
            self._save_subjects(effects)
            write_notices(self.connection, notices)  # before the changes: they still know alerts by their old ids
            for change in effects.changes:
                self._change(change)
            if guarded and now:
                write_guard(self.connection, guarded, now)
            for officers in effects.officers:
                self._officers(officers)
            self._quarantine(effects, quarantined)
            self._many(
                "UPDATE counters SET value = value + ? WHERE name = ?", [(n, name) for name, n in counts.items() if n]
            )
            self.numbered(max((saved.subject.id for saved in effects.saved), default=0))
            self.register.remember((saved.subject for saved in effects.saved), effects.removed)

    def _keep(self, effects: Effects) -> None:
        rows = [
            (k.number, k.event.source, k.event.id, k.event.type, to_us(k.event.received), k.event.supersedes, k.raw)
            for k in effects.kept
        ]
        self._many("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _save_subjects(self, effects: Effects) -> None:
        gone = [(id,) for id in (*effects.removed, *(s.subject.id for s in effects.saved))]
        self._many("DELETE FROM waiting WHERE subject = ?", gone)
        self._many("DELETE FROM links WHERE subject = ?", gone)
        self._many("DELETE FROM subjects WHERE id = ?", [(id,) for id in effects.removed])
        sql = (
            "INSERT INTO subjects VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"  # its kind never changes
            " key = excluded.key, entry = excluded.entry, next_change = excluded.next_change"
        )
        self._many(sql, [_subject_row(s) for s in effects.saved])
        links = [(key, s.subject.id) for s in effects.saved for key in sorted(s.links)]
        self._many("INSERT INTO links VALUES (?, ?)", links)
        waits = [
            (s.subject.id, w.rule, w.item, w.kind, to_us(w.until), w.stands) for s in effects.saved for w in s.waiting
        ]
        self._many("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?)", waits)
        dropped = [(i,) for i, id in effects.identifiers.items() if id is None]
        pointed = [(i, id) for i, id in effects.identifiers.items() if id is not None]
        self._many("DELETE FROM identifiers WHERE identifier = ?", dropped)
        self._many(
            "INSERT INTO identifiers VALUES (?, ?) ON CONFLICT (identifier) DO UPDATE SET subject = excluded.subject",
            pointed,
        )

    def numbered(self, last: int) -> None:
        """Subjects have numbers up to this one: none of them is ever given again, though its subject may be gone."""
        sql = "UPDATE meta SET value = ? WHERE name = 'last subject' AND CAST(value AS INTEGER) < ?"
        self.connection.execute(sql, (str(last), last))

    def _change(self, change: Change) -> None:
        self._log(change.time, change.alert, change.change, change.severity, change.unit, change.reason, "engine")
        values = (change.severity, change.unit, to_us(change.due), to_us(change.time), change.reason, change.generation)
        if change.reason == "unanswered":  # nothing of it changed but who is told
            sql = "UPDATE alerts SET changed_at = ?, reason = ? WHERE id = ?"
            self.connection.execute(sql, (to_us(change.time), change.reason, change.alert))
        elif change.change in ("raised", "stepped", "updated"):
            facts = msgspec.json.encode(dict(change.facts)).decode()
            # An alert that comes back is the same alert; what officers did to it stays, unless it had ended or is another
            # unit's now, which has not answered yet. Its number is not left to the database: a sequence would skip one each time.
            self.connection.execute(
                "INSERT INTO alerts (number, id, subject, rule, item, state, severity, unit, due, changed_at, reason, generation,"
                " raised_at, area, facts, late, shadow, continues)"
                " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM alerts),"
                " ?, ?, ?, ?, 'raised', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET state = CASE WHEN alerts.state = 'acknowledged' AND excluded.reason <> 'moved'"
                " AND alerts.unit = excluded.unit THEN alerts.state ELSE 'raised' END,"
                " severity = excluded.severity, unit = excluded.unit, due = excluded.due, changed_at = excluded.changed_at,"
                " reason = excluded.reason, generation = excluded.generation, area = excluded.area, facts = excluded.facts,"
                " shadow = excluded.shadow",
                (change.alert, change.subject, change.rule, change.item, *values, to_us(change.raised_at),
                 change.area, facts, change.late, change.shadow, change.continues),
            )  # fmt: skip
            if change.continues:
                self._continue(change.alert, change.continues)
        else:
            self.connection.execute(
                "UPDATE alerts SET state = ?, changed_at = ?, reason = ? WHERE id = ?",
                (change.change, to_us(change.time), change.reason, change.alert),
            )

    def _continue(self, alert: str, before: str) -> None:
        """The subject was renamed: what officers were told and did belongs to the alert under its new id."""
        both = (alert, before)
        self.connection.execute(
            "DELETE FROM notice_lines WHERE alert = ? AND notice IN (SELECT notice FROM notice_lines WHERE alert = ?)",
            both,
        )
        self.connection.execute("UPDATE notice_lines SET alert = ? WHERE alert = ?", both)
        held = "DELETE FROM held_alerts WHERE alert = ? AND EXISTS (SELECT 1 FROM held_alerts WHERE alert = ?)"
        self.connection.execute(held, both)
        self.connection.execute("UPDATE held_alerts SET alert = ? WHERE alert = ?", both)
        self.connection.execute(
            "UPDATE alerts SET state = 'acknowledged' WHERE id = ? AND EXISTS"
            " (SELECT 1 FROM alert_changes WHERE alert = ? AND change = 'acknowledged')",
            (alert, before),
        )
        self._swap_numbers(alert, before)

    def _swap_numbers(self, alert: str, before: str) -> None:
        """A case keeps the number that it was told by, and the year in it; the row that ended has the other one."""
        sql = "SELECT number, raised_at FROM alerts WHERE id = ?"
        ours, theirs = (next(self.connection.execute(sql, (id,))) for id in (alert, before))
        for number, raised_at, id in ((0, 0, before), (*theirs, alert), (*ours, before)):  # never two with one number
            self.connection.execute("UPDATE alerts SET number = ?, raised_at = ? WHERE id = ?", (number, raised_at, id))

    def _officers(self, said: Officers) -> None:
        sql = "SELECT severity, unit FROM alerts WHERE id = ?"
        for severity, unit in list(self.connection.execute(sql, (said.alert,))):
            self._log(said.at, said.alert, said.what, severity, unit, said.note or said.outcome or "", said.by)
        if said.what == "acknowledged":
            self.connection.execute(
                "UPDATE alerts SET state = 'acknowledged' WHERE id = ? AND state = 'raised'", (said.alert,)
            )
        elif said.what == "closed":
            self.connection.execute("UPDATE alerts SET outcome = ? WHERE id = ?", (said.outcome, said.alert))

    def _log(self, at: datetime, alert: str, change: str, severity: int, unit: str, reason: str, by: str) -> None:
        sql = "INSERT INTO alert_changes (at, alert, change, severity, unit, reason, by) VALUES (?, ?, ?, ?, ?, ?, ?)"
        self.connection.execute(sql, (to_us(at), alert, change, severity, unit, reason, by))

    def _quarantine(self, effects: Effects, quarantined: Sequence[Quarantined]) -> None:
        rows = [(to_us(q.received), q.source, q.id, q.reason, q.raw) for q in quarantined]
        self._many("INSERT INTO quarantine (received, source, id, reason, raw) VALUES (?, ?, ?, ?, ?)", rows)
        replaced = [(k.event.source, what_supersedes(k.raw)) for k in effects.kept if k.event.supersedes]
        sql = (
            "UPDATE quarantine SET state = ? WHERE state = 'open'"
            " AND (source, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
        )
        for state, refs in (("accepted", list(effects.receipts)), ("replaced", replaced)):
            if refs:
                self.connection.execute(sql, (state, json_array(refs)))

    def quarantined_supersedes(self, source: str, id: str) -> str | None:
        """What a refused event had meant to correct, if it is in quarantine and that could be read."""
        sql = "SELECT raw FROM quarantine WHERE source = ? AND id = ? ORDER BY number DESC LIMIT 1"
        return next((what_supersedes(raw) for (raw,) in self.connection.execute(sql, (source, id))), None)

    def quarantined_events(self) -> list[tuple[bytes, datetime]]:
        """What lies open in quarantine, with when it was received."""
        rows = self.connection.execute("SELECT raw, received FROM quarantine WHERE state = 'open' ORDER BY number")
        return [(raw, from_us(received)) for raw, received in rows]

    # The rest -----------------------------------------------------------------------------------------------------------

    def judge_again(self, kinds: Iterable[str], now: datetime, fingerprint: str) -> None:
        """Rules or reviewed data changed: every subject of these kinds is due now."""
        with transaction(self.connection):
            self._many(
                "UPDATE subjects SET next_change = ? WHERE kind = ?", [(to_us(now), kind) for kind in sorted(kinds)]
            )
            self._set("decisions", fingerprint)

    def tell_admins(self, notices: Iterable[Notice], note: str, value: str | None) -> None:
        """Notices about the service itself, with the note that they were written (None: that it is over)."""
        with transaction(self.connection):
            write_notices(self.connection, notices)
            if value is None:
                self.connection.execute("DELETE FROM meta WHERE name = ?", (note,))
            else:
                self._set(note, value)

    def clock(self) -> datetime | None:
        """What time it is for the server; a file has none."""
        if isinstance(self.connection, apsw.Connection):
            return None
        ((seconds,),) = self.connection.execute("SELECT unixepoch()")
        return from_us(seconds * 1_000_000)

    def get(self, name: str) -> str | None:
        """A value of the store's own small notes."""
        return next(
            (value for (value,) in self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,))), None
        )

    def _set(self, name: str, value: str) -> None:
        sql = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self.connection.execute(sql, (name, value))

    def _many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self.connection.executemany(sql, rows)


def what_supersedes(raw: bytes) -> str | None:
    """What an event says that it corrects, if that could be the id of one, however broken it is otherwise."""
    try:
        meant = msgspec.json.decode(raw, type=_Correction).supersedes
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return meant if meant and len(meant) <= MAX_ID_CHARS and _ID.fullmatch(meant) else None


class _Correction(msgspec.Struct):
    supersedes: str | None = None


def _subject_row(saved: Saved) -> tuple[Any, ...]:
    subject = saved.subject
    next_change = to_us(saved.next_change) if saved.next_change else None
    return (subject.id, subject.kind, subject.key, encode(subject), next_change)
