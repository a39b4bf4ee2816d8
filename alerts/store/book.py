"""The notices: what a plan reads, and the states that a hand-off goes through.

A notice is worded once, before its first hand-off, and kept with its bytes. `sending` is written before the carrier is spoken to,
so after a crash it is known which hand-offs are in doubt: those are repeated with the same bytes and marked `maybe_twice`.

Many processes may hand over notices of one database. Each has a name and, for what it is handing over, a lease by the database's
clock, which it renews; when that has run out, another may take the hand-off over, and what the first says of it no longer counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.plan import Notice, NoticeLine, Told
from alerts.core.rules import Severity
from alerts.store.database import SMS, Connection, from_us, json_array, lock, to_us, transaction
from alerts.store.doubt import keep_back

_NOTICE = "id, kind, officer, unit, channel, address, language, digest, created_at, send_after, state, reason, matter"
LEASE_S = 300  # longer than a database takes to be restarted
_OF_CHANNEL = " AND channel = ?"
# A ralat waits for the alert that it corrects, where that is still being offered: the last word must be the right one.
_IN_ORDER = (
    "(kind <> 'ralat' OR NOT EXISTS (SELECT 1 FROM notice_lines mine JOIN notice_lines theirs ON theirs.alert = mine.alert"
    " JOIN notices first ON first.id = theirs.notice WHERE mine.notice = notices.id AND first.kind = 'alert'"
    " AND first.state IN ('planned', 'sending') AND first.officer = notices.officer AND first.channel = notices.channel))"
)


class Handoff(msgspec.Struct, frozen=True):
    """A notice whose time has come. `payload` is None before it was worded."""

    notice: Notice
    attempts: int
    maybe_twice: bool
    payload: bytes | None
    subject: str
    problem: str
    first_handed_at: datetime | None


class AlertRow(msgspec.Struct, frozen=True):
    """What a letter needs of an alert."""

    number: int
    rule: str
    unit: str
    area: str
    raised_at: datetime
    due: datetime
    facts: dict[str, str]
    late: bool
    generation: str


class Owed(msgspec.Struct, frozen=True):
    """The books: everything owed is sent, pending or failed with a reason. `cancelled` was withdrawn before anybody was told."""

    owed: int
    sent: int
    pending: int
    failed: int
    cancelled: int
    maybe_twice: int
    failed_without_reason: int

    @property
    def balanced(self) -> bool:
        return self.owed == self.sent + self.pending + self.failed and not self.failed_without_reason


class StoredBook:
    """Implements `core.plan.Book`, and the dispatcher's side of the same rows."""

    def __init__(self, connection: Connection, sender: str = "") -> None:
        self._connection, self._sender = connection, sender

    # For the plan -------------------------------------------------------------------------------------------------------

    def planned(self, officers: Collection[str], alerts: Collection[str]) -> Sequence[Notice]:
        sql = (
            f"SELECT {_NOTICE}, EXISTS (SELECT 1 FROM notice_lines l WHERE l.notice = notices.id"  # noqa: S608 - our own names
            " AND l.alert NOT IN (SELECT value FROM json_each(?1)))"
            " FROM notices WHERE state IN ('planned', 'sending') AND NOT maybe_twice AND kind <> 'admin'"
            " AND (officer IN (SELECT value FROM json_each(?2))"
            " OR id IN (SELECT notice FROM notice_lines WHERE alert IN (SELECT value FROM json_each(?1))))"
            " ORDER BY created_at, id /* FOR UPDATE */"  # they are written again at the end of the turn
        )
        asked = json_array(alerts)
        # Those being handed over are locked, too: none comes back as planned between this look and the next at who was told.
        rows = [row for row in self._rows(sql, asked, json_array(officers)) if row[10] == "planned"]
        lines = self._lines([row[0] for row in rows], asked)
        return [msgspec.structs.replace(_notice(row, lines), others=bool(row[-1])) for row in rows]

    def told(self, alerts: Collection[str]) -> Sequence[Told]:
        sql = (
            "SELECT DISTINCT l.alert, n.officer, n.unit, n.channel, n.address, n.language FROM notice_lines l"
            " JOIN notices n ON n.id = l.notice WHERE l.alert IN (SELECT value FROM json_each(?))"
            " AND n.kind = 'alert' AND n.officer <> '' AND (n.state IN ('sending', 'sent') OR n.maybe_twice)"
            " AND NOT EXISTS (SELECT 1 FROM notice_lines rl JOIN notices r ON r.id = rl.notice WHERE rl.alert = l.alert"
            " AND r.kind = 'ralat' AND r.state <> 'cancelled' AND r.officer = n.officer AND r.channel = n.channel"
            " AND r.created_at >= n.created_at)"  # told since the last ralat
            " ORDER BY l.alert, n.officer, n.channel, n.address"
        )
        return [Told(*row) for row in self._rows(sql, json_array(alerts))]

    def recent_sms(self, officers: Collection[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        sql = (
            "SELECT officer, send_after FROM notices WHERE officer IN (SELECT value FROM json_each(?)) AND channel = 'sms'"
            " AND send_after >= ? AND state <> 'cancelled' ORDER BY send_after"
        )
        recent: dict[str, list[datetime]] = {}
        for officer, at in self._rows(sql, json_array(officers), to_us(since)):
            recent.setdefault(officer, []).append(from_us(at))
        return recent

    def spent(self, ids: Collection[str]) -> bool:
        """Whether notices with any of these ids are there and no longer planned."""
        sql = "SELECT 1 FROM notices WHERE id IN (SELECT value FROM json_each(?)) AND state <> 'planned' LIMIT 1"
        return bool(ids) and bool(list(self._rows(sql, json_array(ids))))

    # For the dispatcher -------------------------------------------------------------------------------------------------

    def due(self, now: datetime, limit: int, channel: str | None = None) -> Sequence[Handoff]:
        """Planned notices (of one channel) whose time has come, oldest first. Inside `claiming` they are the caller's alone."""
        of_channel = _OF_CHANNEL if channel else ""
        where = (
            f"state = 'planned' AND send_after <= ? AND {_IN_ORDER}{of_channel} ORDER BY send_after, id LIMIT ?"
            " /* FOR UPDATE SKIP LOCKED */"
        )
        return self._handoffs(where, to_us(now), *([channel] if channel else []), limit)

    def to_ask(self, now: datetime) -> Sequence[Handoff]:
        """Notices that a carrier took and may still give up, so that it is to be asked about them."""
        return self._handoffs("state = 'sent' AND ask_until > ? ORDER BY ask_until, id", to_us(now))

    def _handoffs(self, where: str, *values: Any) -> Sequence[Handoff]:
        columns = f"{_NOTICE}, attempts, maybe_twice, payload, subject, problem, handed_at"
        rows = list(self._rows(f"SELECT {columns} FROM notices WHERE {where}", *values))  # noqa: S608 - our own words
        lines = self._lines([row[0] for row in rows])
        return [
            Handoff(_notice(row, lines), attempts, bool(twice), payload, subject, problem, from_us(at) if at else None)
            for row in rows
            for attempts, twice, payload, subject, problem, at in (row[13:],)
        ]

    def next_due(self, channel: str | None = None) -> datetime | None:
        """When the next planned notice (of one channel) is to be sent."""
        of_channel = _OF_CHANNEL if channel else ""
        sql = f"SELECT min(send_after) FROM notices WHERE state = 'planned' AND {_IN_ORDER}{of_channel}"  # noqa: S608
        ((value,),) = self._rows(sql, *([channel] if channel else []))
        return None if value is None else from_us(value)

    def handed_sms(self, officer: str, since: datetime) -> Sequence[datetime]:
        """When this officer's SMS were handed over since then, oldest first; of one in doubt, when that was first done."""
        sql = (
            "SELECT at FROM (SELECT CASE WHEN state = 'planned' THEN handed_at ELSE send_after END AS at FROM notices"
            " WHERE officer = ? AND channel = 'sms' AND (state IN ('sending', 'sent') OR maybe_twice)) AS handed"
            " WHERE at > ? ORDER BY at"
        )
        return [from_us(at) for (at,) in self._rows(sql, officer, to_us(since))]

    @contextmanager
    def claiming(self, channel: str | None = None) -> Iterator[None]:
        """From reading what is due (of one channel) to having begun it: a turn that would add to these notices waits for the
        end, and so does another process that would claim SMS, since the limit per officer counts what all have begun."""
        with transaction(self._connection):
            if channel in (None, "sms"):
                lock(self._connection, SMS)
            yield

    def begin(self, id: str, now: datetime, payload: bytes, subject: str, problem: str) -> None:
        """Write down, before the carrier is spoken to, that this notice is being handed over with these bytes."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE notices SET state = 'sending', attempts = attempts + 1, payload = ?2, subject = ?3, problem = ?4,"
                " handed_at = coalesce(handed_at, ?5), send_after = CASE WHEN send_after < ?5 THEN ?5 ELSE send_after END,"
                " sender = ?6, lease_until = unixepoch() + ?7 WHERE id = ?1 AND state = 'planned'",
                (id, payload, subject, problem, to_us(now), self._sender, LEASE_S),
            )

    # What became of a hand-off. Where `attempt` is given, it is said of that one, and does not count when there was another since.

    def sent(self, id: str, reference: str, ask_until: datetime | None = None, attempt: int | None = None) -> None:
        """The carrier took it; until `ask_until` it may still say that it gave up."""
        values = (reference, to_us(ask_until) if ask_until else None)
        self._settle(id, "state = 'sent', reference = ?, reason = '', ask_until = ?", values, attempt)

    def failed(self, id: str, reason: str, attempt: int | None = None) -> None:
        """It will never be taken."""
        self._settle(id, "state = 'failed', reason = ?", (reason,), attempt)

    def again(self, id: str, at: datetime, reason: str, *, in_doubt: bool, attempt: int | None = None) -> None:
        """Try again at `at`; `in_doubt` when the carrier may have taken it."""
        values = (to_us(at), reason, in_doubt)
        what = "state = 'planned', send_after = ?, reason = ?, maybe_twice = maybe_twice OR ?"
        self._settle(id, what, values, attempt)

    def in_doubt(self) -> Sequence[tuple[str, str, int]]:
        """Notices that were being handed over when a process of this name ended, with channel and attempt."""
        sql = "SELECT id, channel, attempts FROM notices WHERE state = 'sending' AND sender = ? ORDER BY id"
        return list(self._rows(sql, self._sender))

    def renew(self, ids: Collection[str]) -> None:
        """What this process is handing over stays its own."""
        sql = (
            "UPDATE notices SET lease_until = unixepoch() + ? WHERE state = 'sending' AND sender = ?"
            " AND id IN (SELECT value FROM json_each(?))"
        )
        with transaction(self._connection):
            self._connection.execute(sql, (LEASE_S, self._sender, json_array(ids)))

    def take_over(self, limit: int) -> Sequence[tuple[str, str, int]]:
        """Notices, with channel and attempt, whose lease has run out: whoever was handing them over, they are this process's."""
        sql = (
            "UPDATE notices SET sender = ?, lease_until = unixepoch() + ? WHERE id IN (SELECT id FROM notices"
            " WHERE state = 'sending' AND lease_until < unixepoch() ORDER BY id LIMIT ? /* FOR UPDATE SKIP LOCKED */)"
            " RETURNING id, channel, attempts"
        )
        with transaction(self._connection):
            return sorted(self._rows(sql, self._sender, LEASE_S, limit))

    def alert_rows(self, ids: Collection[str]) -> Mapping[str, AlertRow]:
        """What letters need of these alerts."""
        sql = (
            "SELECT id, number, rule, unit, area, raised_at, due, facts, late, generation FROM alerts"
            " WHERE id IN (SELECT value FROM json_each(?))"
        )
        return {
            id: AlertRow(
                number, rule, unit, area, from_us(raised), from_us(due), msgspec.json.decode(facts), bool(late), gen
            )
            for id, number, rule, unit, area, raised, due, facts, late, gen in self._rows(sql, json_array(ids))
        }

    def owed(self) -> Owed:
        """Count the books."""
        counts, twice = Counter[str](), 0
        sql = "SELECT state, maybe_twice, count(*) FROM notices GROUP BY state, channel, maybe_twice"
        for state, doubtful, count in self._rows(sql):
            counts[state] += count
            twice += count if doubtful else 0
        ((without,),) = self._rows("SELECT count(*) FROM notices WHERE state = 'failed' AND reason = ''")
        pending, cancelled = counts["planned"] + counts["sending"], counts["cancelled"]
        return Owed(
            counts.total() - cancelled, counts["sent"], pending, counts["failed"], cancelled, twice, int(without)
        )

    # Small helpers ------------------------------------------------------------------------------------------------------

    def _settle(self, id: str, what: str, values: tuple[Any, ...], attempt: int | None) -> None:
        """Unless another process is handing it over by now, or has."""
        mine = "(state <> 'sending' OR sender = ?) AND attempts = coalesce(?, attempts)"
        sql = f"UPDATE notices SET {what} WHERE id = ? AND {mine}"  # noqa: S608 - our own words
        with transaction(self._connection):
            self._connection.execute(sql, (*values, id, self._sender, attempt))

    def _lines(self, ids: list[str], alerts: str | None = None) -> dict[str, list[NoticeLine]]:
        """The lines of these notices: all, or those about some alerts, looked up by alert since a notice may have thousands."""
        table = "json_each(?2) a CROSS JOIN notice_lines ON alert = a.value" if alerts else "notice_lines"
        sql = (
            f"SELECT notice, alert, change, severity FROM {table} WHERE notice IN (SELECT value FROM json_each(?1))"  # noqa: S608
            " ORDER BY notice, severity DESC, alert"
        )
        lines: dict[str, list[NoticeLine]] = {}
        for notice, alert, change, severity in self._rows(sql, json_array(ids), *([alerts] if alerts else [])):
            lines.setdefault(notice, []).append(NoticeLine(alert, change, Severity(severity)))
        return lines

    def _rows(self, sql: str, *values: Any) -> Iterator[Any]:
        return self._connection.execute(sql, values)


def write_notices(connection: Connection, notices: Iterable[Notice]) -> None:
    """New notices, and what a plan changed of planned ones; part of the transaction of a batch."""
    notices = list(notices)
    for n in notices:
        connection.execute(
            f"INSERT INTO notices ({_NOTICE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"  # noqa: S608
            " send_after = excluded.send_after, state = excluded.state, reason = excluded.reason,"
            " payload = NULL"  # other lines, other words; no carrier has it yet
            " WHERE notices.state = 'planned'",  # else it is one that admins were told of already
            (n.id, n.kind, n.officer, n.unit, n.channel, n.address, n.language, n.digest, to_us(n.created_at),
             to_us(n.send_after), n.state, n.reason, n.matter),
        )  # fmt: skip
        gone = [(n.id, alert) for alert in n.removed]
        connection.executemany("DELETE FROM notice_lines WHERE notice = ? AND alert = ?", gone)
        lines = [(n.id, line.alert, line.change, line.severity) for line in n.lines]
        connection.executemany(
            "INSERT INTO notice_lines VALUES (?, ?, ?, ?) ON CONFLICT (notice, alert)"
            " DO UPDATE SET change = excluded.change, severity = excluded.severity",
            lines,
        )
    if notices:
        keep_back(connection)


def _notice(row: tuple[Any, ...], lines: dict[str, list[NoticeLine]]) -> Notice:
    return Notice(
        id=row[0],
        kind=row[1],
        officer=row[2],
        unit=row[3],
        channel=row[4],
        address=row[5],
        language=row[6],
        digest=bool(row[7]),
        created_at=from_us(row[8]),
        send_after=from_us(row[9]),
        state=row[10],
        reason=row[11],
        matter=row[12],
        lines=tuple(lines.get(row[0], ())),
    )
