"""Law 2: facts are a set. `apply` commutes and is idempotent for every sort of mention of every type of event.

Exhaustively: the example of each event type in four versions (other id, source, time, receipt), all orders of them, one twice.
Drawn: any events at all, folded into one entry of each kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.events.catalogue import EVENT_TYPES
from alerts.core.events.envelope import Event
from alerts.core.events.mentions import mentions
from alerts.core.register.facts import EMPTY, Facts
from alerts.core.register.fold import apply
from tests.properties.worlds import FIELDS, Batch, decoded, worlds

EXAMPLES = Path(__file__).parents[1] / "examples"
APART = (timedelta(0), timedelta(days=50), timedelta(days=91), timedelta(days=141))  # reports are kept for 90 days
LEAVE_NOTHING = {
    "alert.acknowledged.v1", "alert.closed.v1", "alert.noted.v1", "feed.heartbeat.v1",
    "identity.merged.v1", "identity.split.v1",
}  # fmt: skip


def folded(events: Iterable[Event], into: dict[str, Facts] = EMPTY) -> dict[str, Facts]:
    """One entry of each kind, with all that these events say of anybody of that kind."""
    entries = dict(into)
    for event in events:
        for mention in mentions(event):
            entries[mention.kind] = apply(entries[mention.kind], event, mention)
    return entries


def versions(type: str) -> list[Event]:
    """The example of the type as four events; two of them happened at the same time."""
    raw: dict[str, Any] = json.loads((EXAMPLES / f"{type}.json").read_text(encoding="utf-8"))
    begun = datetime.fromisoformat(raw["time"])
    return [
        decoded({
            **raw,
            "id": f"e{3 - number}",
            "source": f"{raw['source'].partition('/')[0]}/{'ab'[number % 2]}",
            "time": (begun + apart * (number > 1)).isoformat(),
            "receivedtime": (begun + apart).isoformat(),
        })[0]
        for number, apart in enumerate(APART)
    ]  # fmt: skip


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_four_events_of_a_type_leave_the_same_facts_in_all_orders(type: str) -> None:
    events = versions(type)
    once = folded(events)
    assert (once == EMPTY) is (type in LEAVE_NOTHING)
    for order in permutations(events):
        assert folded([*order, order[0]]) == once, "other facts in another order, or told twice"
        assert folded(order, once) == once, "other facts when all is told again"


@st.composite
def repeated(draw: st.DrawFn, worlds: st.SearchStrategy[Batch]) -> tuple[list[Event], list[Event]]:
    """The events of a world as written, and in another order, some of them twice."""
    events = [event for event, _ in draw(worlds)]
    more = draw(st.lists(st.sampled_from(events), max_size=4))
    return events, draw(st.permutations([*events, *more]))


@settings(max_examples=100)
@given(repeated(worlds(12, [*FIELDS, *((type,) for type in FIELDS[0])])))
def test_any_events_leave_the_same_facts_in_any_order_and_number(case: tuple[list[Event], list[Event]]) -> None:
    events, arrived = case
    once = folded(events)
    assert folded(arrived) == once
    assert folded(arrived, once) == once
