"""Engine and oracle on one history, and the command that shows where they differ.

`python -m tests.oracle.compare SEED` prints the fewest events of that history on which they still differ, and what each says.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.core.events.envelope import Event, decode
from alerts.core.judgement import Change
from alerts.core.memory import MemoryRegister
from alerts.core.replay import replay
from alerts.core.turn import Settled
from alerts.runtime.settle import read_decisions
from tests.oracle.claims import claims
from tests.oracle.facts import Fact, later
from tests.oracle.histories import DAYS, FIRST, history, moment
from tests.oracle.oracle import RULES, Key, Verdict, standing

FAR = datetime.fromisoformat("2040-01-01T00:00:00+07:00")
ROOT = Path(__file__).parents[2] / "rules"
DECIDED, PROBLEMS, _ = read_decisions(ROOT, FAR, FIRST)
assert DECIDED, PROBLEMS
AREAS, SHIPPED = DECIDED.areas, DECIDED.settled
Raw = dict[str, Any]  # an event as JSON
Difference = tuple[
    datetime, Key, Verdict | None, Verdict | None
]  # when, about what, the engine's word, the oracle's word


def decoded(raw: Raw) -> Event:
    event = decode(json.dumps(raw).encode(), FAR, AREAS, recorded=True)
    assert isinstance(event, Event), f"{event}: {raw}"
    return event


def judged(
    events: Iterable[Raw], instants: Collection[datetime], settled: Settled = SHIPPED
) -> tuple[list[dict[Key, Verdict]], list[Change]]:
    """What the engine has standing at each instant, in order, and all that it said on the way, of the oracle's rules."""
    register = MemoryRegister()
    left = sorted(map(decoded, events), key=lambda event: event.received)
    answers: list[dict[Key, Verdict]] = []
    changes: list[Change] = []
    for instant in sorted(instants):
        now = [event for event in left if event.received <= instant]
        left = left[len(now) :]
        changes += (change for change in replay(now, settled, instant, register) if change.rule in RULES)
        rows = [(saved.subject.key, alert) for saved in register.stored.values() for alert in saved.subject.standing]
        answers.append({(a.rule, subject, a.item): (a.severity.name, a.unit) for subject, a in rows if a.rule in RULES})
    return answers, changes


def differences(events: Sequence[Raw], instants: Collection[datetime], settled: Settled = SHIPPED) -> list[Difference]:
    """Where the two differ, instant by instant."""
    theirs, _ = judged(events, instants, settled)
    ours = standing(events, instants)
    return [
        (instant, key, engine.get(key), oracle.get(key))
        for instant, engine, oracle in zip(sorted(instants), theirs, ours, strict=True)
        for key in sorted(engine.keys() | oracle.keys())
        if engine.get(key) != oracle.get(key)
    ]


def looks(events: Sequence[Raw], draw: random.Random) -> set[datetime]:
    """Instants to compare at: the end, some receipts, and both sides of some deadlines, a second apart."""
    first, last = moment(0), moment(DAYS + 60)
    deadlines = {last}
    for claim in claims([Fact(event) for event in events]):
        _, keep, steps = RULES[claim.rule]
        deadlines |= {claim.due, claim.spared_until, claim.ends, *(later(claim.due, at) for at in (keep, *steps))}
    near = sorted(instant for instant in deadlines if first < instant < last)
    drawn = draw.sample(near, min(6, len(near)))
    received = [datetime.fromisoformat(event["receivedtime"]) for event in draw.sample(events, min(3, len(events)))]
    return {last, *drawn, *(instant - timedelta(seconds=1) for instant in drawn), *received}


def with_closings(events: list[Raw], draw: random.Random) -> list[Raw]:
    """An officer closes an alert of this history, soon or late. The oracle finds it by fields that the catalogue ignores."""
    raised = {change.rule: change for change in judged(events, {moment(DAYS + 60)})[1] if change.change == "raised"}
    if not raised or draw.random() < 0.6:
        return events
    change = raised[draw.choice(sorted(raised))]
    at = (change.time + draw.choice((timedelta(hours=1), timedelta(days=10), timedelta(days=70)))).isoformat()
    about = {"rule": change.rule, "subject": change.subject, "item": change.item}
    closing = {
        "specversion": "1.0", "id": "closing", "source": "kesbangpol/prov-jambi", "type": "alert.closed.v1", "time": at,
        "receivedtime": at, "data": {"alert": change.alert, "outcome": "false_alarm"} | about,
    }  # fmt: skip
    return [*events, closing]


def drawn(seed: int) -> tuple[list[Raw], set[datetime]]:
    """The history of a seed, and when to compare."""
    draw = random.Random(f"looks {seed}")
    events = with_closings(history(seed), draw)
    return events, looks(events, draw)


def shrunk(events: list[Raw], instants: Collection[datetime]) -> list[Raw]:
    """The fewest events found on which the two still differ about the same rule."""
    rule = differences(events, instants)[0][1][0]
    number = 0
    while number < len(events):
        fewer = events[:number] + events[number + 1 :]
        if fewer and any(key[0] == rule for _, key, _, _ in differences(fewer, instants)):
            events = fewer
        else:
            number += 1
    return events


def main(seed: int) -> None:
    events, instants = drawn(seed)
    if not differences(events, instants):
        print(f"seed {seed}: engine and oracle agree")
        return
    events = shrunk(events, instants)
    for event in sorted(events, key=lambda event: event["receivedtime"]):
        print(json.dumps(event))
    for when, key, engine, oracle in differences(events, instants):
        print(f"{when}: {' '.join(key)}: engine {engine}, oracle {oracle}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
