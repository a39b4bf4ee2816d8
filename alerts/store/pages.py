"""What the pages show, read from the SQLite file while the service writes it.

Every call opens a connection of its own, read only, and reads one state of the database; so calls may come from any thread, and
no page can change anything. An address of an officer does not leave this module, nor does the payload of a refused event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import identifier_of_key
from alerts.core.feeds import FeedState
from alerts.core.health import Pulse
from alerts.core.register.facts import EmployerFacts
from alerts.core.register.person import links
from alerts.core.register.subject import AnySubject
from alerts.core.rules import Severity
from alerts.store import figures
from alerts.store.book import Owed, StoredBook
from alerts.store.database import Connection, Where, connect, from_us, json_array
from alerts.store.guard import HoldRow, StoredGuardBook
from alerts.store.lateness import Lateness, measured
from alerts.store.register import StoredRegister

STANDING = ("raised", "acknowledged")
LINES_SHOWN = 50  # of one notice


class AlertFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts to list; "" and None mean any."""

    states: tuple[str, ...] = STANDING
    unit: str = ""
    rule: str = ""
    severity: Severity | None = None
    shadow: bool = False


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it is stored; `facts` are those that its rule listed when it was raised or stepped last."""

    number: int
    id: str
    subject: str
    rule: str
    item: str
    state: str  # raised | acknowledged | closed | withdrawn | expired
    severity: Severity
    unit: str
    due: datetime
    raised_at: datetime
    changed_at: datetime
    reason: str
    facts: dict[str, str]
    late: bool
    shadow: bool
    generation: str
    continues: str | None
    outcome: str | None
    untold: str  # held | dropped, by the guard, so that nobody is told of it; "" if it is told


class ChangeRow(msgspec.Struct, frozen=True):
    """One line of an alert's history. `reason` is the engine's word, or what an officer wrote."""

    at: datetime
    change: str
    severity: Severity
    unit: str
    reason: str
    by: str  # engine, or the source of an officer's event


class AlertLine(msgspec.Struct, frozen=True):
    """An alert in a notice, with what its case number is made of."""

    alert: str
    number: int
    raised_at: datetime
    change: str
    severity: Severity


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A notice without its address: carriers repeat that in their answers, so `reason` and `reference` have it blacked out."""

    id: str
    kind: str  # alert | ralat
    officer: str
    unit: str
    channel: str
    language: str
    state: str  # planned | sending | sent | failed | cancelled
    reason: str
    created_at: datetime
    send_after: datetime
    handed_at: datetime | None
    attempts: int
    maybe_twice: bool
    subject: str
    problem: str
    reference: str
    lines: tuple[AlertLine, ...]  # the worst, as many as a page bears
    more: int  # lines that are not shown


class Found(msgspec.Struct, frozen=True):
    """A subject with the register entries that it links to, as `engine.step` wants them."""

    subject: AnySubject
    linked: Mapping[str, EmployerFacts]


class WaitingRow(msgspec.Struct, frozen=True):
    """A deadline that cannot be judged before a kind of source is complete up to `until`."""

    found: Found
    rule: str
    item: str
    kind: str
    until: datetime
    stands: bool


class RefusedRow(msgspec.Struct, frozen=True):
    """A refused event without its contents."""

    number: int
    received: datetime
    source: str | None
    id: str | None
    reason: str


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What came in against what became of it, and what was owed against what was done."""

    received: int
    accepted: int
    duplicate: int
    quarantined: int
    owed: Owed

    @property
    def balanced(self) -> bool:
        return self.received == self.accepted + self.duplicate + self.quarantined


class Pages:
    """Questions of pages. Raises what STORE_ERRORS names, and SchemaError where the file cannot be read."""

    def __init__(self, where: Where) -> None:
        self._where = where

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with closing(connect(self._where, readonly=True)) as connection:
            connection.execute("BEGIN")  # one state of the database for all statements of a call
            yield connection

    # Alerts -------------------------------------------------------------------------------------------------------------

    def alerts(self, wanted: AlertFilter, limit: int, offset: int = 0) -> list[AlertRow]:
        """The newest first."""
        sql = (
            f"SELECT {_ALERT} FROM alerts WHERE state IN (SELECT value FROM json_each(?)) AND shadow = ?"  # noqa: S608
            " AND ? IN ('', unit) AND ? IN ('', rule) AND severity = coalesce(?, severity)"
            " ORDER BY raised_at DESC, number DESC LIMIT ? OFFSET ?"
        )
        w = wanted
        with self._read() as db:
            rows = db.execute(sql, (json_array(w.states), w.shadow, w.unit, w.rule, w.severity, limit, offset))
            return [_alert(row) for row in rows]

    def alert(self, id: str) -> AlertRow | None:
        return self._one_alert("id", id)

    def alert_numbered(self, number: int) -> AlertRow | None:
        """The alert with this number, the last part of its case number."""
        return self._one_alert("number", number)

    def _one_alert(self, column: str, value: str | int) -> AlertRow | None:
        with self._read() as db:
            rows = db.execute(f"SELECT {_ALERT} FROM alerts WHERE {column} = ?", (value,))  # noqa: S608
            return next((_alert(row) for row in rows), None)

    def standing(self) -> dict[tuple[str, Severity], int]:
        """How many alerts stand, by state and severity; without those of shadow rules."""
        sql = (
            "SELECT state, severity, count(*) FROM alerts WHERE state IN ('raised', 'acknowledged') AND NOT shadow"
            " GROUP BY 1, 2"
        )
        with self._read() as db:
            return {(state, Severity(severity)): count for state, severity, count in db.execute(sql)}

    def standing_by_rule(self) -> dict[str, tuple[int, int]]:
        """How many alerts stand by rule: told, and in shadow only."""
        sql = (
            "SELECT rule, count(*) FILTER (WHERE NOT shadow), count(*) FILTER (WHERE shadow) FROM alerts"
            " WHERE state IN ('raised', 'acknowledged') GROUP BY rule"
        )
        with self._read() as db:
            return {rule: (told, shadow) for rule, told, shadow in db.execute(sql)}

    def history(self, alert: str) -> list[ChangeRow]:
        """What happened to an alert, oldest first."""
        sql = "SELECT at, change, severity, unit, reason, by FROM alert_changes WHERE alert = ? ORDER BY number"
        with self._read() as db:
            return [
                ChangeRow(from_us(at), change, Severity(severity), unit, reason, by)
                for at, change, severity, unit, reason, by in db.execute(sql, (alert,))
            ]

    def waiting(self, limit: int) -> tuple[int, list[WaitingRow]]:
        """How many deadlines wait for a source, and those that have waited longest."""
        sql = "SELECT subject, rule, item, kind, until, stands FROM waiting ORDER BY until, subject, rule, item LIMIT ?"
        with self._read() as db:
            ((total,),) = db.execute("SELECT count(*) FROM waiting")
            rows = list(db.execute(sql, (limit,)))
            found = _find(db, {row[0] for row in rows})
            return total, [
                WaitingRow(found[subject], rule, item, kind, from_us(until), bool(stands))
                for subject, rule, item, kind, until, stands in rows
                if subject in found
            ]

    def find(self, key: str) -> Found | None:
        """The subject that has this key, or had it before it was renamed."""
        identifier = identifier_of_key(key) if key.startswith("person:") else key
        with self._read() as db:
            ids = set(_register(db).find([identifier]).values())
            return next(iter(_find(db, ids).values()), None)

    def feeds(self) -> dict[str, FeedState]:
        """What was heard from every source, by source."""
        with self._read() as db:
            return dict(_register(db).feeds())

    def lateness(self, now: datetime) -> dict[str, Lateness]:
        """How late the events of each source come."""
        states = self.feeds()
        with self._read() as db:
            return measured(db, states, now)

    # Notices ------------------------------------------------------------------------------------------------------------

    def notices(self, state: str, limit: int, offset: int = 0) -> list[NoticeRow]:
        """The newest first; "" means any state."""
        sql = f"SELECT {_NOTICE} FROM notices WHERE ? IN ('', state) ORDER BY created_at DESC, id LIMIT ? OFFSET ?"  # noqa: S608
        with self._read() as db:
            return _notices(db, sql, (state, limit, offset))

    def notices_about(self, alert: str) -> list[NoticeRow]:
        """The notices with a line about an alert, oldest first."""
        sql = (
            f"SELECT {_NOTICE} FROM notices WHERE id IN (SELECT notice FROM notice_lines WHERE alert = ?)"  # noqa: S608
            " ORDER BY created_at, id"
        )
        with self._read() as db:
            return _notices(db, sql, (alert,))

    def notice(self, id: str) -> tuple[NoticeRow, bytes | None] | None:
        """A notice, and the bytes handed to the carrier (None: not worded yet)."""
        with self._read() as db:
            rows = _notices(db, f"SELECT {_NOTICE} FROM notices WHERE id = ?", (id,))  # noqa: S608
            payloads = [payload for (payload,) in db.execute("SELECT payload FROM notices WHERE id = ?", (id,))]
            return (rows[0], payloads[0]) if rows else None

    # The rest -----------------------------------------------------------------------------------------------------------

    def refused(self, limit: int) -> tuple[int, list[RefusedRow]]:
        """How many refused events are open, and the newest of them."""
        sql = "SELECT number, received, source, id, reason FROM quarantine WHERE state = 'open' ORDER BY number DESC LIMIT ?"
        with self._read() as db:
            ((total,),) = db.execute("SELECT count(*) FROM quarantine WHERE state = 'open'")
            return total, [
                RefusedRow(number, from_us(received), source, id, reason)
                for number, received, source, id, reason in db.execute(sql, (limit,))
            ]

    def books(self) -> Books:
        with self._read() as db:
            counters = dict(db.execute("SELECT name, value FROM counters"))
            names = ("received", "accepted", "duplicate", "quarantined")
            return Books(**{name: counters[name] for name in names}, owed=StoredBook(db).owed())

    def holds(self) -> list[HoldRow]:
        """Rules whose notices are held, the longest first."""
        with self._read() as db:
            return list(StoredGuardBook(db).rows())

    # For operators ------------------------------------------------------------------------------------------------------

    def pulse(self, now: datetime) -> Pulse:
        with self._read() as db:
            return figures.pulse(db, now)

    def outbox(self) -> figures.Outbox:
        with self._read() as db:
            return figures.outbox(db)

    def counts(self) -> tuple[int, int]:
        """Events ever refused, and deadlines that wait for a silent source."""
        with self._read() as db:
            return figures.refusals(db), figures.waiting_alerts(db)


_ALERT = (
    "number, id, subject, rule, item, state, severity, unit, due, raised_at, changed_at, reason, facts, late, shadow,"
    " generation, continues, outcome,"
    " coalesce((SELECT CASE WHEN dropped THEN 'dropped' ELSE 'held' END FROM held_alerts WHERE alert = alerts.id), '')"
)
_NOTICE = (
    "id, kind, officer, unit, channel, language, state, reason, created_at, send_after, handed_at, attempts, maybe_twice,"
    " subject, problem, reference, address"
)


def _alert(row: tuple[Any, ...]) -> AlertRow:
    values = dict(zip(AlertRow.__struct_fields__, row, strict=True))
    values |= {name: from_us(values[name]) for name in ("due", "raised_at", "changed_at")}
    values |= {name: bool(values[name]) for name in ("late", "shadow")}
    facts = msgspec.json.decode(values["facts"], type=dict[str, str])
    return AlertRow(**values | {"severity": Severity(values["severity"]), "facts": facts})


def _notices(db: Connection, sql: str, values: tuple[Any, ...]) -> list[NoticeRow]:
    rows = list(db.execute(sql, values))
    lines, counts = _lines(db, [row[0] for row in rows])
    return [_notice(row, lines.get(row[0], ()), counts.get(row[0], 0)) for row in rows]


def _notice(row: tuple[Any, ...], lines: Sequence[AlertLine], count: int) -> NoticeRow:
    *named, address = row
    values = dict(zip(NoticeRow.__struct_fields__, named, strict=False))
    values |= {name: from_us(values[name]) for name in ("created_at", "send_after")}
    values["handed_at"] = None if values["handed_at"] is None else from_us(values["handed_at"])
    values["maybe_twice"] = bool(values["maybe_twice"])
    values |= {name: _without(address, values[name]) for name in ("reason", "problem", "reference")}
    return NoticeRow(**values, lines=tuple(lines), more=count - len(lines))


def _without(address: str, text: str) -> str:
    """The text with the address blacked out, a number also where it stands without its plus."""
    for written in (address, address.removeprefix("+")):
        text = text.replace(written, "***") if written else text
    return text


def _lines(db: Connection, notices: Collection[str]) -> tuple[dict[str, list[AlertLine]], dict[str, int]]:
    """The lines of these notices, no more than a page bears of each, and how many there are: after a flood, thousands."""
    sql = (
        "SELECT notice, alert, number, raised_at, change, severity, count FROM (SELECT l.notice, l.alert, a.number,"
        " a.raised_at, l.change, l.severity, count(*) OVER (PARTITION BY l.notice) AS count, row_number() OVER"
        " (PARTITION BY l.notice ORDER BY l.severity DESC, a.number) AS place FROM notice_lines l"
        " JOIN alerts a ON a.id = l.alert WHERE l.notice IN (SELECT value FROM json_each(?))) AS counted"
        " WHERE place <= ? ORDER BY notice, place"
    )
    lines: dict[str, list[AlertLine]] = {}
    counts: dict[str, int] = {}
    for notice, alert, number, raised_at, change, severity, count in db.execute(
        sql, (json_array(notices), LINES_SHOWN)
    ):
        lines.setdefault(notice, []).append(AlertLine(alert, number, from_us(raised_at), change, Severity(severity)))
        counts[notice] = count
    return lines, counts


def _find(db: Connection, ids: Collection[int]) -> dict[int, Found]:
    """Subjects by id, each with the employers that its answer depends on."""
    register = _register(db)
    subjects = register.subjects(ids)
    keys = {id: links(s.facts) if s.kind == "person" else frozenset[str]() for id, s in subjects.items()}
    found = register.find({key for named in keys.values() for key in named})
    employers = register.subjects(set(found.values()))
    linked = {key: employers[id].facts for key, id in found.items() if id in employers}
    return {
        id: Found(subject, {key: linked[key] for key in sorted(keys[id]) if key in linked})
        for id, subject in subjects.items()
    }


def _register(db: Connection) -> StoredRegister:
    return StoredRegister(db, _no_event)


def _no_event(raw: bytes, received: datetime, source: str) -> Event:
    raise NotImplementedError("pages read the register and never an event")
