"""After a restore: what may have been delivered already, and the persons who decide about it.

A copy knows what was owed when it was made. The service went on, and may have handed over all of that and whatever became owed
until it was lost. So what the copy owed, and what turns plan while the lost events are taken in again, is *doubtful*: not sent,
failed with that reason, and counted as told, so that a ralat reaches whoever may have been told. A person has them sent or
leaves them, and ends the time of doubt (`resume`) when the events are there again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from alerts.store.database import TURN, Connection, from_us, json_array, lock, to_us, transaction

RESTORED = "restored"  # the note, with the instant; while it is there, nothing that is planned is sent
DOUBTFUL = "may have been delivered before the restore"

_TO_DOUBT = f"UPDATE notices SET state = 'failed', reason = '{DOUBTFUL}', maybe_twice = TRUE WHERE state "  # noqa: S608
_NEWLY_PLANNED = "= 'planned' AND NOT maybe_twice"  # those that a person released may have come twice
_IS_DOUBTFUL = f"state = 'failed' AND reason = '{DOUBTFUL}'"


class Doubtful(msgspec.Struct, frozen=True):
    """A notice that may have been delivered: what about, and how much of it still holds."""

    id: str
    kind: str  # alert | ralat | admin
    officer: str
    channel: str
    created_at: datetime
    alerts: int
    standing: int  # of these


def marking(now: datetime) -> tuple[str, ...]:
    """The statements that make a copy a restored one."""
    return (
        f"{_TO_DOUBT} IN ('planned', 'sending')",
        f"DELETE FROM meta WHERE name = '{RESTORED}'",  # noqa: S608 - our own words
        f"INSERT INTO meta VALUES ('{RESTORED}', '{now.isoformat()}')",  # noqa: S608
    )


def keep_back(connection: Connection) -> None:
    """Notices that were just planned are doubtful, if this is a restored database; part of the transaction of a turn."""
    connection.execute(f"{_TO_DOUBT} {_NEWLY_PLANNED} AND EXISTS (SELECT 1 FROM meta WHERE name = '{RESTORED}')")  # noqa: S608


def restored(connection: Connection) -> datetime | None:
    """Since when everything is in doubt."""
    rows = list(connection.execute("SELECT value FROM meta WHERE name = ?", (RESTORED,)))
    return datetime.fromisoformat(rows[0][0]) if rows else None


def doubtful(connection: Connection) -> Sequence[Doubtful]:
    """Oldest first."""
    sql = (
        "SELECT n.id, n.kind, n.officer, n.channel, n.created_at, count(l.alert),"
        " count(a.id) FILTER (WHERE a.state IN ('raised', 'acknowledged'))"
        " FROM notices n LEFT JOIN notice_lines l ON l.notice = n.id LEFT JOIN alerts a ON a.id = l.alert"
        " WHERE n.state = 'failed' AND n.reason = ?"
        " GROUP BY n.id, n.kind, n.officer, n.channel, n.created_at ORDER BY n.created_at, n.id"
    )
    rows = connection.execute(sql, (DOUBTFUL,))
    return [Doubtful(id, kind, who, channel, from_us(at), *counts) for id, kind, who, channel, at, *counts in rows]


def decide(connection: Connection, ids: Sequence[str], release: bool, by: str, now: datetime) -> int:
    """Have doubtful notices (all, if `ids` is empty) sent, marked as perhaps the second; or leave them. How many there were."""
    state, reason = ("planned", f"released by {by}") if release else ("failed", f"not sent after the restore: {by}")
    of_these = " AND id IN (SELECT value FROM json_each(?))" if ids else ""
    sql = f"UPDATE notices SET state = ?, reason = ? WHERE {_IS_DOUBTFUL}{of_these} RETURNING id"  # noqa: S608 - our own words
    with transaction(connection):
        found = [id for (id,) in connection.execute(sql, (state, reason, *([json_array(ids)] if ids else [])))]
        _note(
            connection, by, f"{'released' if release else 'dropped'} doubtful notices: {' '.join(sorted(found))}", now
        )
    return len(found)


def resume(connection: Connection, by: str, now: datetime) -> int:
    """End the time of doubt: what is planned from now on is sent. Not before all that was due at the restore has been judged,
    since that may have been told, too: returns how many subjects are left, 0 when it is done."""
    with transaction(connection):
        lock(connection, TURN)  # no turn ends in another belief than it began with
        since = restored(connection)
        due = "SELECT count(*) FROM subjects WHERE next_change <= ?"
        ((left,),) = connection.execute(due, (to_us(since) if since else None,))
        if not left:
            connection.execute("DELETE FROM meta WHERE name = ?", (RESTORED,))
            _note(connection, by, "ended the time of doubt after a restore", now)
    return int(left)


def _note(connection: Connection, by: str, what: str, now: datetime) -> None:
    connection.execute("INSERT INTO audit (at, actor, what) VALUES (?, ?, ?)", (to_us(now), by, what))
