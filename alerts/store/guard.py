"""What the guard counts and holds: the rows behind `core.guard`, and the votes that the command line writes beside a service."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.core.calendar import WIB, start_of_day
from alerts.core.guard import HOUR, USUAL_DAYS, Ended, Fired, Guarded, HeldAlert, Hold, Vote
from alerts.core.judgement import Change
from alerts.core.rules import Severity
from alerts.store.database import Connection, from_us, json_array, to_us, transaction

_MINUTE_US, _DAY_US = 60_000_000, 86_400_000_000
_WIB_US = 7 * 3_600_000_000


class HoldRow(msgspec.Struct, frozen=True):
    """A held rule as people see it. `waiting` counts the alerts that wait, `votes` says who wants what."""

    hold: Hold
    waiting: int
    votes: tuple[Vote, ...]


class StoredGuardBook:
    """Implements `core.guard.GuardBook`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def holds(self) -> Sequence[Hold]:
        sql = "SELECT rule, since, fired, why, usual FROM holds WHERE ended_at IS NULL ORDER BY since, rule"
        return [Hold(rule, from_us(since), *more) for rule, since, *more in self._rows(sql)]

    def votes(self) -> Sequence[Vote]:
        """Of the holds that have not ended; one that came too late for the last hold is no vote in this one."""
        sql = (
            "SELECT v.rule, v.person, v.verdict, v.reason FROM guard_votes v JOIN holds h ON h.rule = v.rule"
            " WHERE h.ended_at IS NULL AND v.at >= h.since ORDER BY v.at, v.person"
        )
        return [Vote(*row) for row in self._rows(sql)]

    def rows(self) -> Sequence[HoldRow]:
        """The held rules with all that there is to say of them."""
        votes = self.votes()
        waiting = dict(self._rows("SELECT rule, count(*) FROM held_alerts WHERE NOT dropped GROUP BY rule"))
        return [
            HoldRow(hold, waiting.get(hold.rule, 0), tuple(v for v in votes if v.rule == hold.rule))
            for hold in self.holds()
        ]

    def fired(self, rule: str, now: datetime) -> Fired:
        ((ended,),) = self._rows("SELECT max(ended_at) FROM holds WHERE rule = ?", rule)
        since = max(to_us(now - HOUR), ended or 0)
        ((hour,),) = self._rows("SELECT coalesce(sum(count), 0) FROM fired WHERE rule = ? AND minute > ?", rule, since)
        today = start_of_day(now.astimezone(WIB).date())
        days = self._rows(
            "SELECT sum(count) FROM fired WHERE rule = ? AND minute >= ? AND minute < ? GROUP BY (minute + ?) / ?",
            rule, to_us(today - timedelta(days=USUAL_DAYS)), to_us(today), _WIB_US, _DAY_US,
        )  # fmt: skip
        return Fired(int(hour), tuple(int(count) for (count,) in days))

    def subjects(self, kind: str, up_to: int) -> int:
        sql = "SELECT count(*) FROM (SELECT 1 FROM subjects WHERE kind = ? LIMIT ?) AS found"
        ((count,),) = self._rows(sql, kind, up_to)
        return int(count)

    def held_alerts(self, alerts: Collection[str]) -> Sequence[HeldAlert]:
        sql = (
            "SELECT alert, rule, change, told, dropped FROM held_alerts WHERE alert IN (SELECT value FROM json_each(?))"
        )
        return [_held(row) for row in self._rows(sql, json_array(alerts))]

    def planned_alerts(self, rule: str) -> Sequence[HeldAlert]:
        lock = (  # no dispatcher begins one of these before the turn is committed, which takes them back
            "SELECT id FROM notices WHERE state = 'planned' AND kind = 'alert' AND id IN (SELECT l.notice FROM notice_lines l"
            " JOIN alerts a ON a.id = l.alert WHERE a.rule = ?) ORDER BY created_at, id /* FOR UPDATE */"
        )
        list(self._rows(lock, rule))
        sql = (
            "SELECT l.alert, a.rule, l.change, n.unit FROM notices n JOIN notice_lines l ON l.notice = n.id"
            " JOIN alerts a ON a.id = l.alert"
            " WHERE n.state = 'planned' AND n.kind = 'alert' AND NOT n.maybe_twice AND a.rule = ?"
            " AND NOT EXISTS (SELECT 1 FROM notice_lines tl JOIN notices t ON t.id = tl.notice WHERE tl.alert = l.alert"
            " AND t.kind = 'alert' AND (t.state IN ('sending', 'sent') OR t.maybe_twice))"
            " ORDER BY l.alert, n.created_at, n.id"
        )
        found: dict[str, HeldAlert] = {}
        for alert, of, change, unit in self._rows(sql, rule):
            units = found[alert].told if alert in found else ()
            found[alert] = HeldAlert(alert, of, change, tuple(dict.fromkeys((*units, unit))))
        return list(found.values())

    def to_tell(self, rule: str, now: datetime) -> Sequence[Change]:
        sql = (
            "SELECT h.change, h.told, a.id, a.subject, a.item, a.severity, a.unit, a.area, a.due, a.raised_at, a.late,"
            " a.generation FROM held_alerts h JOIN alerts a ON a.id = h.alert"
            " WHERE h.rule = ? AND NOT h.dropped AND a.state IN ('raised', 'acknowledged') AND NOT a.shadow ORDER BY a.number"
        )
        return [_told(rule, now, *row) for row in self._rows(sql, rule)]

    def spoken_of(self, alerts: Collection[str]) -> Collection[str]:
        sql = (
            "SELECT DISTINCT l.alert FROM notice_lines l JOIN notices n ON n.id = l.notice"
            " WHERE l.alert IN (SELECT value FROM json_each(?)) AND n.kind = 'alert' AND n.state <> 'cancelled'"
        )
        return [alert for (alert,) in self._rows(sql, json_array(alerts))]

    def vote(self, vote: Vote, now: datetime) -> None:
        """Write down what a person wants; the next turn of the service looks at it. A person has one vote, the last."""
        with transaction(self._connection):
            sql = (
                "INSERT INTO guard_votes VALUES (?, ?, ?, ?, ?) ON CONFLICT (rule, person)"
                " DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason, at = excluded.at"
            )
            self._connection.execute(sql, (vote.rule, vote.person, vote.verdict, vote.reason, to_us(now)))

    def _rows(self, sql: str, *values: Any) -> Iterator[Any]:
        return self._connection.execute(sql, values)


def write_guard(connection: Connection, guarded: Guarded, now: datetime) -> None:
    """What the guard decided; part of the transaction of a turn, after the changes of its alerts were written."""
    minute = to_us(now) // _MINUTE_US * _MINUTE_US
    for rule, count in guarded.fired.items():
        sql = "INSERT INTO fired VALUES (?, ?, ?) ON CONFLICT (rule, minute) DO UPDATE SET count = fired.count + excluded.count"
        connection.execute(sql, (rule, minute, count))
        connection.execute(
            "DELETE FROM fired WHERE rule = ? AND minute < ?", (rule, minute - (USUAL_DAYS + 2) * _DAY_US)
        )
    for end in guarded.ended:
        _end(connection, end, now)
    connection.executemany("DELETE FROM held_alerts WHERE alert = ?", [(alert,) for alert in guarded.gone])
    for hold in guarded.begun:
        sql = "INSERT INTO holds (rule, since, fired, why, usual) VALUES (?, ?, ?, ?, ?)"
        connection.execute(sql, (hold.rule, to_us(hold.since), hold.fired, hold.why, hold.usual))
    for held in guarded.held:
        connection.execute(
            "INSERT INTO alert_changes (at, alert, change, severity, unit, reason, by)"
            " SELECT ?2, id, 'held', severity, unit, 'guard', 'engine' FROM alerts"
            " WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM held_alerts WHERE alert = ?1)",
            (held.alert, to_us(now)),
        )
        told = msgspec.json.encode(held.told).decode()
        row = (held.alert, held.rule, held.change, told)
        connection.execute(
            "INSERT INTO held_alerts (alert, rule, change, told) VALUES (?, ?, ?, ?) ON CONFLICT (alert)"
            " DO UPDATE SET rule = excluded.rule, change = excluded.change, told = excluded.told, dropped = false",
            row,
        )
    for rule in (*(end.rule for end in guarded.ended), *(hold.rule for hold in guarded.begun)):
        _judge_again(connection, rule, now)


def _end(connection: Connection, end: Ended, now: datetime) -> None:
    """The verdict stands with the hold and in the log of each alert that waited."""
    word = {"release": "released", "drop": "dropped"}[end.verdict]
    connection.execute(
        "INSERT INTO alert_changes (at, alert, change, severity, unit, reason, by)"
        " SELECT ?, a.id, ?, a.severity, a.unit, ?, ? FROM held_alerts h JOIN alerts a ON a.id = h.alert WHERE h.rule = ?"
        " AND NOT h.dropped",
        (to_us(now), word, end.reason, end.persons, end.rule),
    )
    connection.execute(
        "UPDATE holds SET ended_at = ?, verdict = ?, ended_by = ?, reason = ? WHERE rule = ? AND ended_at IS NULL",
        (to_us(now), end.verdict, end.persons, end.reason, end.rule),
    )
    if end.verdict == "drop":
        connection.execute("UPDATE held_alerts SET dropped = true WHERE rule = ?", (end.rule,))
    else:
        connection.execute("DELETE FROM held_alerts WHERE rule = ? AND NOT dropped", (end.rule,))
    connection.execute("DELETE FROM guard_votes WHERE rule = ?", (end.rule,))


def _judge_again(connection: Connection, rule: str, now: datetime) -> None:
    """What is told of the rule is otherwise from now on, and with it what gives way to it and who is asked for an answer."""
    connection.execute(
        "UPDATE subjects SET next_change = CASE WHEN next_change < ?1 THEN next_change ELSE ?1 END WHERE key IN"
        " (SELECT subject FROM alerts WHERE rule = ?2 AND state IN ('raised', 'acknowledged') AND NOT shadow)",
        (to_us(now), rule),
    )


def _held(row: tuple[str, str, str, str, int]) -> HeldAlert:
    alert, rule, change, told, dropped = row
    return HeldAlert(alert, rule, change, msgspec.json.decode(told, type=tuple[str, ...]), bool(dropped))


def _told(rule: str, now: datetime, change: str, told: str, id: str, subject: str, item: str, *row: Any) -> Change:
    severity, unit, area, due, raised_at, late, generation = row
    return Change(
        time=now,
        change="raised" if change == "raised" else "stepped",
        rule=rule,
        subject_id=0,
        subject=subject,
        item=item,
        severity=Severity(severity),
        unit=unit,
        told=msgspec.json.decode(told, type=tuple[str, ...]),
        area=area,
        alert=id,
        due=from_us(due),
        raised_at=from_us(raised_at),
        facts=(),
        reason="unanswered" if change == "unanswered" else "released",
        late=bool(late),
        shadow=False,
        generation=generation,
    )
