"""Law 1: the register and the standing alerts are a function of the set of events, not of how they arrived."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.core.events.mentions import happened, mentions
from alerts.core.identity import Claim, Decision, partition
from alerts.core.memory import MemoryRegister
from alerts.core.register.facts import PersonFacts
from alerts.core.register.fold import apply
from tests.properties.marks import mark
from tests.properties.pictures import arrive, judge, picture
from tests.properties.worlds import AS_HEARD, COMPLETE, DAY, END, WORK, Batch, closing, decoded, heartbeats, worlds

OTHER = {"issuing_state": "UTO", "passport_no": "X9"}
Case = tuple[Batch, list[list[int]]]  # a world, and the places of its events as they arrive


@st.composite
def arrivals(draw: st.DrawFn, size: int) -> list[list[int]]:
    """The places of a world's events in some order, some of them twice, in some batches."""
    repeated = draw(st.lists(st.integers(0, size - 1), max_size=4))
    order = draw(st.permutations([*range(size), *repeated]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=5)))
    return [order[a:b] for a, b in pairwise([0, *cuts, len(order)])]


def arriving(worlds: st.SearchStrategy[Batch]) -> st.SearchStrategy[Case]:
    return worlds.flatmap(lambda world: st.tuples(st.just(world), arrivals(len(world))))


twice = arriving(worlds())


def in_batches(case: Case) -> list[Batch]:
    world, batches = case
    return [[world[place] for place in batch] for batch in batches]


@given(twice)
def test_any_order_any_batches_and_any_repetition_give_the_same_register_and_alerts(case: Case) -> None:
    assert picture(arrive(in_batches(case), COMPLETE)) == picture(arrive([case[0]], COMPLETE))


@given(twice)
def test_so_they_do_when_sources_are_late_but_complete_in_the_end(case: Case) -> None:
    last = heartbeats()
    assert picture(arrive(in_batches(case), AS_HEARD, last)) == picture(arrive([case[0]], AS_HEARD, last))


@given(arriving(worlds(6, [WORK])))
def test_so_they_do_when_approvals_and_their_workers_come_in_any_order(case: Case) -> None:
    assert picture(arrive(in_batches(case), COMPLETE)) == picture(arrive([case[0]], COMPLETE))


@given(arriving(worlds(10)), st.lists(st.integers(0, 20), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_so_they_do_when_officers_close_alerts_and_take_that_back(
    case: Case, picks: list[int], mistaken: bool, confused: bool
) -> None:
    """Of alerts that stand before anything else comes: what is closed before it is raised is refused, and has to be."""
    world, order = case
    known, rest = world[: len(world) // 2], world[len(world) // 2 :]
    words = closings(known, picks, mistaken)
    said = [*words, *(confusions(known) if confused else []), *rest]
    batches = [[said[place % len(said)] for place in batch] for batch in order]
    assert closed(known, [*batches, said]) == closed(known, [said])
    mark(words)


def closings(known: Batch, picks: list[int], mistaken: bool) -> Batch:
    """Officers close some of the alerts that stand, the first of them by mistake."""
    alerts = sorted(alert for entry in closed(known, []).values() for alert, *_ in entry["standing"])
    said = [closing(f"c{n}", alerts[pick % len(alerts)], END - n * DAY) for n, pick in enumerate(picks) if alerts]
    again = [closing("again", said[-1][0].data.alert, END, supersedes="c0")] if said and mistaken else []
    return [*said, *again]


def confusions(known: Batch) -> Batch:
    """All that was said of persons is said to be of another, and then of them after all."""
    told = [says for says in (json.loads(raw) for _, raw in known) if "person" in says["data"]]
    wrong = [t | {"id": f"{t['id']}-wrong", "supersedes": t["id"], "data": t["data"] | {"person": OTHER}} for t in told]
    right = [t | {"id": f"{t['id']}-right", "supersedes": f"{t['id']}-wrong"} for t in told]
    return [decoded(t) for t in (*wrong, *right)]


def closed(known: Batch, batches: list[Batch]) -> dict[str, Any]:
    """What all comes to that arrives at END, once `known` is judged."""
    register = MemoryRegister()
    for batch in [known, *batches]:
        judge(register, COMPLETE, END, batch)
    return picture(register)


@given(worlds())
def test_one_by_one_as_received_is_the_same_as_all_at_once(world: Batch) -> None:
    received = sorted(world, key=lambda e: e[0].received)
    assert picture(arrive([[event] for event in received], COMPLETE)) == picture(arrive([world], COMPLETE))


@given(twice)
def test_the_persons_of_the_register_are_those_that_the_set_of_events_makes(case: Case) -> None:
    found = {
        frozenset(entry["identifiers"]): entry["facts"]
        for key, entry in picture(arrive(in_batches(case), COMPLETE)).items()
        if key.startswith("person:")
    }
    assert found == persons_of(case[0]), "other persons than the events make"


def persons_of(world: Batch) -> dict[frozenset[str], PersonFacts]:
    """The persons behind a world, straight from its definition: partition all claims, then fold each person's events."""
    superseded = {(event.source, event.supersedes) for event, _ in world}
    claims, decisions, named = [], [], []
    for event in (event for event, _ in world if (event.source, event.id) not in superseded):
        people = [m for m in mentions(event) if m.kind == "person"]
        if event.type.startswith("identity."):
            who = tuple(m.identifiers[0] for m in people)
            decisions.append(Decision(happened(event), event.source, event.id, who, "merged" in event.type))
            continue
        for mention in people:
            born = mention.person.birth_date if mention.person else None
            claims.append(Claim(happened(event), event.source, event.id, mention.identifiers, born))
            named.append((event, mention))
    persons: dict[frozenset[str], PersonFacts] = {}
    for group in partition(claims, decisions):
        facts: Any = PersonFacts()
        for event, mention in named:
            if mention.identifiers[0] in group.identifiers:
                facts = apply(facts, event, mention)
        persons[group.identifiers] = facts
    return persons
