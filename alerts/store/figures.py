"""What an operator watches of the store: how much is due and since when, and how many notices are in which state.

Counted when asked for, one statement each, so the figures agree with the pages and a restart loses none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import msgspec

from alerts.core.health import Pulse
from alerts.store.database import Connection, from_us, to_us
from alerts.store.doubt import restored


class Outbox(msgspec.Struct, frozen=True):
    """Notices counted."""

    counts: Mapping[tuple[str, str], int]  # by channel and state
    maybe_twice: Mapping[str, int]  # by channel


def pulse(db: Connection, now: datetime) -> Pulse:
    """What is due: found by index, so it may be asked often."""
    sql = "SELECT count(*), min(next_change) FROM subjects WHERE next_change <= ?"
    ((due, since),) = db.execute(sql, (to_us(now),))
    of_state = "SELECT channel, coalesce(handed_at, send_after) AS at FROM notices WHERE state = "
    both = f"{of_state}'planned' UNION ALL {of_state}'sending'"  # each has an index of its own
    waits = f"SELECT channel, min(at) FROM ({both}) AS pending GROUP BY channel"  # noqa: S608 - our own words
    pending = {channel: from_us(first) for channel, first in db.execute(waits)}
    return Pulse(due, None if since is None else from_us(since), pending, restored(db))


def outbox(db: Connection) -> Outbox:
    """All notices, by channel and state: counted in an index, the rows are not read."""
    sql = "SELECT channel, state, maybe_twice, count(*) FROM notices GROUP BY state, channel, maybe_twice"
    counts, twice = Counter[tuple[str, str]](), Counter[str]()
    for channel, state, doubtful, count in db.execute(sql):
        counts[channel, state] += count
        twice[channel] += count if doubtful else 0
    return Outbox(counts, twice)


def refusals(db: Connection) -> int:
    """Events ever refused, also those accepted later: unlike the number in the books this one only grows."""
    ((count,),) = db.execute("SELECT count(*) FROM quarantine")
    return int(count)


def waiting_alerts(db: Connection) -> int:
    """Deadlines that cannot be judged because a source is silent."""
    ((count,),) = db.execute("SELECT count(*) FROM waiting")
    return int(count)
