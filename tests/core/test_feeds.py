"""What was heard from a source, and up to when it has told everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.feeds import (
    MAX_GAPS,
    SILENCE,
    FeedList,
    FeedOffice,
    FeedState,
    Watermarks,
    complete_until,
    heard,
    silent_hours,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Receipt = tuple[datetime, bool, datetime | None]


def at(hours: float) -> datetime:
    return T0 + hours * HOUR


def fold(receipts: list[Receipt], source: str = "imigrasi/jambi") -> FeedState:
    state = reduce(lambda state, r: heard(state, source, *r), receipts, None)
    assert state is not None
    return state


def office(source: str = "imigrasi/jambi", publishes: str = "continuous") -> FeedOffice:
    return FeedOffice(source, every=HOUR, lateness=2 * DAY, publishes=publishes)


hours = st.integers(0, 60).map(lambda n: at(n / 2))
receipts = st.lists(
    st.one_of(
        st.tuples(hours, st.just(True), st.none() | hours),
        st.tuples(hours, st.just(False), st.none()),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(receipts.flatmap(lambda rs: st.tuples(st.just(rs), st.permutations(rs))), st.data())
def test_receipts_in_any_order_and_repeated_give_the_same_state(orders, data):
    given_order, other_order = orders
    repeated = data.draw(st.lists(st.sampled_from(given_order), max_size=4))
    assert fold(list(other_order) + repeated) == fold(given_order)


@settings(max_examples=200, deadline=None)
@given(receipts)
def test_the_state_says_what_the_sorted_receipts_say(rs):
    state = fold(rs)
    times = sorted({received for received, _, _ in rs})
    assert (state.first_heard, state.last_heard) == (times[0], times[-1])
    assert state.gaps == tuple((a, b) for a, b in pairwise(times) if b - a > SILENCE)
    assert state.last_file_heard == max((r for r, beat, _ in rs if not beat), default=None)
    beats = [(r, claims) for r, beat, claims in rs if beat]
    assert state.heartbeat_at == max((r for r, _ in beats), default=None)
    last_claims = [claims for r, claims in beats if r == state.heartbeat_at and claims is not None]
    assert state.heartbeat_complete_until == max(last_claims, default=None)


def test_only_the_newest_gaps_are_kept():
    state = fold([(at(3 * n), False, None) for n in range(MAX_GAPS + 10)])
    assert len(state.gaps) == MAX_GAPS
    assert state.gaps[-1] == (at(3 * (MAX_GAPS + 8)), at(3 * (MAX_GAPS + 9)))
    assert heard(state, state.source, at(1.5), False).gaps == state.gaps  # inside a gap that was dropped


@pytest.mark.parametrize(
    ("publishes", "rs", "until"),
    [
        ("continuous", [(at(50), False, None)], at(50) - 2 * DAY),
        ("continuous", [(at(50), True, None)], at(50) - 2 * DAY),  # a heartbeat is heard
        ("continuous", [(at(50), True, at(49))], at(49)),  # its claim counts
        ("continuous", [(at(50), True, at(49)), (at(60), False, None)], at(49)),
        ("continuous", [(at(50), True, at(49)), (at(60), True, None)], at(60) - 2 * DAY),  # only the last one's
        ("files", [(at(50), False, None)], at(50) - 2 * DAY),
        ("files", [(at(50), False, None), (at(90), True, None)], at(50) - 2 * DAY),  # lively, but no newer file
        ("files", [(at(50), True, None)], datetime.min.replace(tzinfo=UTC)),  # connected, but no file ever
        ("files", [(at(50), False, None), (at(90), True, at(80))], at(80)),
    ],
)
def test_an_office_is_complete_until_its_claim_or_else_its_lateness_before_the_last_receipt(publishes, rs, until):
    assert complete_until(office(publishes=publishes), fold(rs)) == until


@pytest.mark.parametrize(
    ("start", "end", "silent"),
    [
        (0, 20, 12.0),
        (0, 10, 8.0),
        (4, 6, 2.0),
        (1, 3, 1.0),
        (10.5, 11.5, 0.5),
        (10, 11, 0.0),
        (15, 100, 0.0),
        (12, 14, 2.0),
        (20, 0, 0.0),
    ],
)
def test_silent_hours_are_what_the_gaps_cover(start, end, silent):
    state = fold(
        [(at(n), True, None) for n in (0, 2, 10, 11, 15)]
    )  # gaps 2-10 and 11-15; 0-2 is no longer than allowed
    assert silent_hours(state, at(start), at(end)) == silent


def test_a_kind_is_complete_as_far_as_its_slowest_connected_office():
    feeds = FeedList(
        {o.source: o for o in map(office, ("imigrasi/jambi", "imigrasi/bungo", "imigrasi/kerinci", "kemlu/pusat"))}
    )
    states = {
        "imigrasi/jambi": fold([(at(100), True, at(99))]),
        "imigrasi/bungo": fold([(at(90), False, None)]),
        "imigrasi/unlisted": fold([(at(1), False, None)]),
    }
    assert Watermarks(feeds, states) == {"imigrasi": at(90) - 2 * DAY}  # kerinci and kemlu were never heard
    assert [o.source for o in feeds.by_kind("kemlu")] == ["kemlu/pusat"]
