"""What sources promise, what was heard from them, and up to when their story is complete.

A rule that reads an absence ("no departure recorded") may only be judged up to the instant until which the sources are
known to have told everything. That instant comes from the last heartbeat that claims one; without a claim it is what
was last heard, minus the lateness the office declares. An office that was never heard is not connected: it is listed,
not waited for.

`heard` folds receipts in any order to the same state, so replays, repeats and late batches agree. The one exception is
the bound on gaps: only the newest MAX_GAPS are kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

import msgspec

SILENCE = timedelta(hours=2)  # a longer pause between two receipts is a gap
MAX_GAPS = 200

_NEVER = datetime.min.replace(tzinfo=UTC)

Gap = tuple[datetime, datetime]


class FeedOffice(msgspec.Struct, frozen=True):
    """One office of an agency, as listed in feeds.yaml."""

    source: str  # agency/office
    every: timedelta  # how often it publishes
    lateness: timedelta  # how long after a fact its event may come
    silent_after: timedelta | None = None  # when silence is worth an alert; None: never
    area: str | None = None  # whose unit is told of the silence
    publishes: str = "continuous"  # continuous | files: heartbeats of a files office do not make it complete
    bps: bool = False  # its area codes are BPS codes, converted at the edge

    @property
    def kind(self) -> str:
        return kind_of(self.source)


class FeedList(msgspec.Struct, frozen=True, dict=True):
    """The listed offices by source."""

    offices: dict[str, FeedOffice]

    def by_kind(self, kind: str) -> tuple[FeedOffice, ...]:
        """The offices of one kind of agency, in the order of the file."""
        return self.kinds.get(kind, ())

    @cached_property
    def kinds(self) -> dict[str, tuple[FeedOffice, ...]]:
        """All of them, by kind."""
        kinds: dict[str, tuple[FeedOffice, ...]] = {}
        for office in self.offices.values():
            kinds[office.kind] = (*kinds.get(office.kind, ()), office)
        return kinds


class FeedState(msgspec.Struct, frozen=True):
    """What was heard from one source. Instants are times of receipt, in UTC."""

    source: str
    first_heard: datetime
    last_heard: datetime
    last_file_heard: datetime | None = None  # anything but a heartbeat
    heartbeat_at: datetime | None = None
    heartbeat_complete_until: datetime | None = None  # claimed by that heartbeat
    gaps: tuple[Gap, ...] = ()  # silences between receipts, oldest first


@lru_cache(maxsize=10_000)
def kind_of(source: str) -> str:
    """The kind of agency: the first segment of a source."""
    return source.partition("/")[0]


def heard(
    state: FeedState | None, source: str, received: datetime, heartbeat: bool, claims: datetime | None = None
) -> FeedState:
    """The state after one receipt; `claims` is the heartbeat's `complete_until`. Order and repetition do not matter."""
    old = state or FeedState(source, received, received)
    file_heard, beat = old.last_file_heard, (old.heartbeat_at, old.heartbeat_complete_until)
    if heartbeat:
        beat = max(beat, (received, claims), key=_rank)
    else:
        file_heard = max(file_heard or received, received)
    return FeedState(
        source=source,
        first_heard=min(old.first_heard, received),
        last_heard=max(old.last_heard, received),
        last_file_heard=file_heard,
        heartbeat_at=beat[0],
        heartbeat_complete_until=beat[1],
        gaps=_split(old, received),
    )


def complete_until(office: FeedOffice, state: FeedState) -> datetime:
    """Everything that happened before this instant has been published. An office whose first file is still to come has
    published nothing, however lively its heartbeat."""
    if state.heartbeat_complete_until is not None:
        return state.heartbeat_complete_until
    last = state.last_file_heard if office.publishes == "files" else state.last_heard
    return _NEVER if last is None else last - office.lateness


def silent_hours(state: FeedState, start: datetime, end: datetime) -> float:
    """How many hours of [start, end] lie in gaps of the feed. What follows the last receipt is not a gap yet."""
    silent = timedelta(0)
    before = bisect_left(state.gaps, (end, end))
    while before and (gap := state.gaps[before - 1])[1] > start:
        silent += min(gap[1], end) - max(gap[0], start)
        before -= 1
    return silent / timedelta(hours=1)


class Watermarks(Mapping[str, datetime]):
    """Per kind of agency, the instant until which all its connected offices are complete; no key when there is none.

    Each is worked out when it is first asked for: most turns need few of them.
    """

    def __init__(self, feeds: FeedList, states: Mapping[str, FeedState]) -> None:
        self._feeds, self._states = feeds, states
        self._found: dict[str, datetime | None] = {}

    def __getitem__(self, kind: str) -> datetime:
        if kind not in self._found:
            mark = None
            for office in self._feeds.by_kind(kind):
                if state := self._states.get(office.source):
                    until = complete_until(office, state)
                    mark = until if mark is None or until < mark else mark
            self._found[kind] = mark
        mark = self._found[kind]
        if mark is None:
            raise KeyError(kind)
        return mark

    def __iter__(self) -> Iterator[str]:
        return (kind for kind in self._feeds.kinds if self.get(kind) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _rank(beat: tuple[datetime | None, datetime | None]) -> tuple[bool, datetime, bool, datetime]:
    """The latest heartbeat wins; of two received at once, the one that claims more; None is lowest."""
    at, claims = beat
    return (at is not None, at or _NEVER, claims is not None, claims or _NEVER)


def _split(state: FeedState, received: datetime) -> tuple[Gap, ...]:
    """The gaps when `received` is added: a new silence outside the known span, or an old one cut in two."""
    gaps = state.gaps
    if received > state.last_heard:
        gaps += _gap(state.last_heard, received)
    elif received < state.first_heard:
        gaps = _gap(received, state.first_heard) + gaps
    else:
        at = bisect_left(gaps, received, key=lambda gap: gap[1])  # the first gap that ends at or after it
        if at < len(gaps) and gaps[at][0] < received < gaps[at][1]:
            since, until = gaps[at]
            gaps = gaps[:at] + _gap(since, received) + _gap(received, until) + gaps[at + 1 :]
    return gaps[-MAX_GAPS:]


def _gap(since: datetime, until: datetime) -> tuple[Gap, ...]:
    return ((since, until),) if until - since > SILENCE else ()
