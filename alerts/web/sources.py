"""The sources of data as pages show them: who is connected, up to when each is complete, who is silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from alerts.core.feeds import FeedList, FeedOffice, FeedState, complete_until


class Seen(msgspec.Struct, frozen=True):
    """One listed office. `last_heard` is None where it is not connected, `silent_since` None where it is not silent."""

    source: str
    area: str | None
    declared: timedelta  # lateness
    last_heard: datetime | None
    complete_until: datetime | None
    silent_since: datetime | None


def seen(offices: Iterable[FeedOffice], states: Mapping[str, FeedState], now: datetime) -> tuple[Seen, ...]:
    """These offices in their order. An office is silent when it has been so for longer than feeds.yaml expects."""
    return tuple(_seen(office, states.get(office.source), now) for office in offices)


def unlisted(feeds: FeedList, states: Mapping[str, FeedState]) -> tuple[FeedState, ...]:
    """Sources that were heard although nobody listed them."""
    return tuple(states[source] for source in sorted(states.keys() - feeds.offices.keys()))


def _seen(office: FeedOffice, state: FeedState | None, now: datetime) -> Seen:
    if state is None:
        return Seen(office.source, office.area, office.lateness, None, None, None)
    silent = office.silent_after is not None and now > state.last_heard + office.silent_after
    return Seen(
        office.source,
        office.area,
        office.lateness,
        state.last_heard,
        complete_until(office, state),
        state.last_heard if silent else None,
    )
