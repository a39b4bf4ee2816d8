"""How late the events of each source come: measured, beside what the office declares in feeds.yaml.

Lateness is receipt minus the time at which it happened, over the events of the last `MEASURED`; SQLite sorts them, so no figure is
kept and none can go stale. Left out are heartbeats, corrections (their fact was told before), and what happened before the source
was first heard: history that an office hands in when it is connected is not late.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from alerts.core.feeds import FeedState
from alerts.store.database import Connection, to_us

MEASURED = timedelta(days=90)

_SQL = """
WITH first(source, heard) AS (SELECT key, value FROM json_each(?2)),
late AS (
    SELECT e.source, max(0, e.received / 1000000 - unixepoch(json_extract(CAST(e.raw AS TEXT), '$.time'))) AS s
    FROM events e JOIN first f ON f.source = e.source
    WHERE e.received >= ?1 AND e.type <> 'feed.heartbeat.v1' AND e.supersedes IS NULL
      AND unixepoch(json_extract(CAST(e.raw AS TEXT), '$.time')) >= f.heard
),
ranked AS (
    SELECT source, s, row_number() OVER (PARTITION BY source ORDER BY s) AS n, count(*) OVER (PARTITION BY source) AS c FROM late
)
SELECT source, c, min(s) FILTER (WHERE n * 100 >= c * 50), min(s) FILTER (WHERE n * 100 >= c * 95) FROM ranked GROUP BY source
"""


class Lateness(msgspec.Struct, frozen=True):
    """Half of the events came within `p50`, 95 of 100 within `p95`."""

    events: int
    p50: timedelta
    p95: timedelta


def measured(connection: Connection, states: Mapping[str, FeedState], now: datetime) -> dict[str, Lateness]:
    """By source; one that sent nothing to measure is missing."""
    first = {source: to_us(state.first_heard) // 1_000_000 for source, state in states.items()}
    rows = connection.execute(_SQL, (to_us(now - MEASURED), msgspec.json.encode(first).decode()))
    return {source: Lateness(n, timedelta(seconds=p50), timedelta(seconds=p95)) for source, n, p50, p95 in rows}
