"""How late the events of each source come: measured, beside what the office declares in feeds.yaml.

Lateness is receipt minus the time at which it happened, over the events of the last `MEASURED`; the database sorts them, so no
figure is kept and none can go stale. Left out are heartbeats, corrections (their fact was told before), and what happened before
the source was first heard: history that an office hands in when it is connected is not late.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import apsw
import msgspec

from alerts.core.feeds import FeedState
from alerts.store.database import Connection, to_us

MEASURED = timedelta(days=90)

_LATE_IN_SQLITE = """
WITH first(source, heard) AS (SELECT key, value FROM json_each(?2)),
told AS (SELECT e.*, unixepoch(json_extract(CAST(e.raw AS TEXT), '$.time')) AS time FROM events e WHERE e.received >= ?1),
"""
_LATE_IN_POSTGRES = """
WITH first(source, heard) AS (SELECT key, value::bigint FROM jsonb_each_text(?2)),
told AS (
    SELECT e.*, floor(extract(epoch FROM (convert_from(e.raw, 'UTF8')::json ->> 'time')::timestamptz))::bigint AS time
    FROM events e WHERE e.received >= ?1
),
"""
_MEASURED = """
late AS (
    SELECT t.source, CASE WHEN t.received / 1000000 > t.time THEN t.received / 1000000 - t.time ELSE 0 END AS s
    FROM told t JOIN first f ON f.source = t.source
    WHERE t.type <> 'feed.heartbeat.v1' AND t.supersedes IS NULL AND t.time >= f.heard
),
ranked AS (
    SELECT source, s, row_number() OVER (PARTITION BY source ORDER BY s) AS n, count(*) OVER (PARTITION BY source) AS c FROM late
)
SELECT source, max(c), min(s) FILTER (WHERE n * 100 >= c * 50), min(s) FILTER (WHERE n * 100 >= c * 95) FROM ranked GROUP BY source
"""


class Lateness(msgspec.Struct, frozen=True):
    """Half of the events came within `p50`, 95 of 100 within `p95`."""

    events: int
    p50: timedelta
    p95: timedelta


def measured(connection: Connection, states: Mapping[str, FeedState], now: datetime) -> dict[str, Lateness]:
    """By source; one that sent nothing to measure is missing."""
    first = {source: to_us(state.first_heard) // 1_000_000 for source, state in states.items()}
    late = _LATE_IN_SQLITE if isinstance(connection, apsw.Connection) else _LATE_IN_POSTGRES
    rows = connection.execute(late + _MEASURED, (to_us(now - MEASURED), msgspec.json.encode(first).decode()))
    return {source: Lateness(n, timedelta(seconds=p50), timedelta(seconds=p95)) for source, n, p50, p95 in rows}
