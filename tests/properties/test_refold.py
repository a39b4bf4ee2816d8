"""Law 3: applying events one by one equals folding all of them anew, after every single event.

In memory, the whole picture of the register. In a store, by the same proof that `rebuild --check` gives, with the shipped rules.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.memory import MemoryRegister
from alerts.runtime.settle import Decided
from tests.found.province import Province
from tests.properties.pictures import judge, picture
from tests.properties.worlds import COMPLETE, FIELDS, HOUR, WHO, Batch, heartbeats, worlds
from tests.runtime.office import ROOT, decisions

SORTS = [*FIELDS, WHO, WHO]  # identities most: merges, splits and corrections are what a refold is for


@settings(max_examples=60)
@given(worlds(10, SORTS))
def test_after_every_event_the_register_is_what_a_refold_of_the_events_so_far_makes(world: Batch) -> None:
    received = sorted(world, key=lambda e: e[0].received)
    register = MemoryRegister()
    for number, (event, _) in enumerate(received, 1):
        refold = MemoryRegister()
        judge(register, COMPLETE, event.received, received[number - 1 : number])
        judge(refold, COMPLETE, event.received, received[:number])
        assert picture(register) == picture(refold)


@settings(max_examples=60)
@given(worlds(10, SORTS))
def test_so_it_is_whatever_order_the_events_came_in(world: Batch) -> None:
    """The same at one instant, so that only the way differs: in the order written, which is not that of time."""
    register, now = MemoryRegister(), max(event.received for event, _ in world)
    for number in range(1, len(world) + 1):
        refold = MemoryRegister()
        judge(register, COMPLETE, now, world[number - 1 : number])
        judge(refold, COMPLETE, now, world[:number][::-1])
        assert picture(register) == picture(refold)


@cache
def shipped() -> Decided:
    return decisions(ROOT / "rules")


@settings(max_examples=15)
@given(worlds(8, SORTS), st.integers(0, 48))
def test_after_every_event_the_store_is_what_its_events_say(world: Batch, pause_hours: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        province = Province(Path(folder) / "lapor-dini.sqlite", shipped())
        for event, raw in [*sorted(world, key=lambda e: e[0].received), *heartbeats()]:
            province.now = max(province.now, event.received) + pause_hours * HOUR
            province.take(raw)
            assert province.proof() == []
        province.store.close()
